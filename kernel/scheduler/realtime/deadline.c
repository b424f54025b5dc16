/* The deadline class: SCHED_DEADLINE, earliest deadline first, each thread inside a server of
 * constant bandwidth. Layer: scheduler.
 *
 * In each period a thread gets runtime_ns of CPU time, by deadline_ns after the period's start.
 * What it does not use is lost with the period; who has used it up is throttled until the next one,
 * also on a CPU that has nothing else to do. A thread that wakes goes on with what is left if that
 * keeps it within its share of the time until its deadline, else a new period begins. sched_yield
 * gives the rest of the budget back: "done until the next period".
 *
 * Admission (thread/params.c) gives each thread a CPU of its own choice where the shares sum up to
 * at most 95%, so earliest deadline first keeps every deadline there. A throttled thread is on the
 * queue (on_rq), but not counted in nr_running; urgent counts it, so that each pick looks here.
 *
 * A thread of another class that a deadline thread waits for comes here with that one's deadline
 * (`lent`) and no budget of its own. Sources: sched(7); Abeni, Buttazzo 1998 (CBS). */
#include "../scheduler_internal.h"

#define DEBT_PERIODS 8 /* who ran too long, by a late tick, pays back no more than that */

static struct thread *thread_of(struct rb_node *n)
{
	return n ? container_of(n, struct thread, dl.node) : NULL;
}

static u64 due(const struct thread *t)
{
	u64 lent = t->lent > URGENCY_DEADLINE ? ~t->lent : NS_FOREVER;

	return t->params.policy == SCHED_DEADLINE ? MIN(t->dl.due_ns, lent) : lent;
}

static bool budgeted(const struct thread *t)
{
	return t->params.policy == SCHED_DEADLINE && t->lent <= URGENCY_DEADLINE;
}

static ns_t next_period(const struct thread *t)
{
	return t->dl.due_ns - t->params.deadline_ns + t->params.period_ns;
}

static bool due_earlier(const struct rb_node *a, const struct rb_node *b)
{
	return due(thread_of((struct rb_node *)a)) < due(thread_of((struct rb_node *)b));
}

static bool period_earlier(const struct rb_node *a, const struct rb_node *b)
{
	return next_period(thread_of((struct rb_node *)a)) <
	       next_period(thread_of((struct rb_node *)b));
}

static void insert(struct runqueue *rq, struct thread *t)
{
	t->se.wait_start_ns = rq->clock;
	t->dl.throttled = budgeted(t) && t->dl.budget_ns <= 0;
	if (t->dl.throttled) {
		rb_insert(&rq->dl.throttled, &t->dl.node, period_earlier);
		rq->nr_running--;
	} else {
		rb_insert(&rq->dl.runnable, &t->dl.node, due_earlier);
	}
	rq->urgent++;
}

static void begin_period(struct thread *t, ns_t start)
{
	t->dl.due_ns = start + t->params.deadline_ns;
	t->dl.budget_ns = (s64)t->params.runtime_ns;
}

static void deadline_enqueue(struct runqueue *rq, struct thread *t, u32 flags)
{
	const struct sched_params *p = &t->params;
	ns_t now = rq->clock, due_ns = t->dl.due_ns;

	if (p->policy == SCHED_DEADLINE) { /* products below 2^64: period_ns < 2^32 */
		bool constrained = p->deadline_ns < p->period_ns;

		if (due_ns <= now) {
			if (constrained && now < next_period(t))
				t->dl.budget_ns = 0;
			else
				begin_period(t, now);
		} else if (t->dl.budget_ns > 0 &&
			   (u64)t->dl.budget_ns * p->deadline_ns > p->runtime_ns * (due_ns - now)) {
			if (constrained) /* the rest at its rate, not a period more */
				t->dl.budget_ns =
					(s64)(p->runtime_ns * (due_ns - now) / p->deadline_ns);
			else
				begin_period(t, now);
		}
	}
	insert(rq, t);
}

static void deadline_dequeue(struct runqueue *rq, struct thread *t)
{
	rb_erase(t->dl.throttled ? &rq->dl.throttled : &rq->dl.runnable, &t->dl.node);
	if (t->dl.throttled)
		rq->nr_running++; /* the caller counts it off */
	t->dl.throttled = false;
	rq->urgent--;
}

/* Throttled threads whose next period has come. Bound: the threads of this class. */
static void replenish(struct runqueue *rq)
{
	struct thread *t;

	while ((t = thread_of(rb_first(&rq->dl.throttled))) && next_period(t) <= rq->clock) {
		ns_t start = next_period(t);
		s64 debt = MAX(t->dl.budget_ns, -(s64)(DEBT_PERIODS * t->params.runtime_ns));

		deadline_dequeue(rq, t);
		if (start + t->params.deadline_ns <= rq->clock)
			start = rq->clock; /* the machine stood still: nothing to catch up */
		begin_period(t, start);
		t->dl.budget_ns += debt; /* still none: throttled again */
		insert(rq, t);
	}
}

struct thread *deadline_pick(struct runqueue *rq)
{
	struct thread *t;

	replenish(rq);
	t = thread_of(rb_first(&rq->dl.runnable));
	if (t)
		deadline_dequeue(rq, t);
	return t;
}

ns_t deadline_wakes_at(const struct runqueue *rq)
{
	struct thread *t = thread_of(rb_first(&rq->dl.throttled));

	return t ? next_period(t) : NS_FOREVER;
}

static void deadline_yield(struct runqueue *rq, struct thread *t)
{
	t->dl.budget_ns = MIN(t->dl.budget_ns, 0L);
	insert(rq, t);
}

static bool deadline_preempts(struct runqueue *rq, struct thread *curr, struct thread *woken)
{
	return !woken->dl.throttled && due(woken) < due(curr);
}

static ns_t deadline_slice(struct runqueue *rq, struct thread *t)
{
	ns_t used = rq->clock - rq->slice_start_at;

	return !budgeted(t) ? NS_FOREVER : t->dl.budget_ns > 0 ? (u64)t->dl.budget_ns + used : used;
}

static void deadline_account(struct runqueue *rq, struct thread *t, ns_t ran_ns)
{
	if (t->params.policy == SCHED_DEADLINE)
		t->dl.budget_ns -= (s64)ran_ns;
}

const struct sched_class deadline_class = {
	.order = 3,
	.enqueue = deadline_enqueue,
	.dequeue = deadline_dequeue,
	.put = insert,
	.yield = deadline_yield,
	.preempts = deadline_preempts,
	.slice = deadline_slice,
	.account = deadline_account,
};
