/* The tick of a CPU: one timer, armed only while it has something to end or to measure. Layer:
 * scheduler.
 *
 * With several runnable threads it ends slices. With one it samples, ever more seldom (10 ms to 100
 * ms): whether the time since the last sample counts as user or system time, for times(2) and
 * /proc/stat; exact run times come from the switches. An idle CPU has no tick, and one that runs a
 * kernel thread alone needs none. */
#include "../scheduler_internal.h"
#include <arch/irq.h>

#define SAMPLE_MIN_NS (10 * NS_PER_MS)
#define SAMPLE_MAX_NS (100 * NS_PER_MS)

/* So little left of a slice is nothing left; a budget is used up to the end. */
static ns_t rest_of(const struct thread *curr)
{
	return curr->sched_class == &deadline_class ? 0 : SLICE_REST_NS;
}

/* When something changes for the threads that wait in the classes above the predictive one. */
static ns_t urgent_at(struct runqueue *rq)
{
	ns_t at = deadline_wakes_at(rq);

	if (rt_queued(rq) && rt_throttled(rq))
		at = MIN(at, rq->rt.window_at + NS_PER_SEC);
	return at;
}

static ns_t slice_tick(struct runqueue *rq, ns_t now)
{
	struct thread *curr = rq->curr;
	ns_t alone = now - rq->picked_at;

	if (is_idle_thread(curr))
		return NS_FOREVER;
	if (rq->nr_running > 1 || curr->sched_class == &deadline_class) {
		ns_t slice = curr->sched_class->slice(rq, curr);

		if (slice != NS_FOREVER) {
			ns_t used = now - rq->slice_start_at;
			ns_t rest = slice > used ? slice - used : 0;

			return now + MAX(rest, rest_of(curr) + NS_PER_US);
		}
	} else if (curr->flags & THREAD_KERNEL) {
		return NS_FOREVER;
	}
	/* Not a fixed period: a program with the same one would always be met in the same place. */
	rq->jitter = rq->jitter * 1103515245 + 12345;
	return now + MIN(MAX(alone, SAMPLE_MIN_NS), SAMPLE_MAX_NS) + rq->jitter % SAMPLE_MIN_NS;
}

static ns_t next_tick(struct runqueue *rq, ns_t now)
{
	ns_t at = slice_tick(rq, now);

	return likely(!rq->urgent) ? at : MAX(MIN(at, urgent_at(rq)), now + NS_PER_US);
}

void tick_arm(struct runqueue *rq, ns_t now)
{
	ns_t at = next_tick(rq, now);

	if (at >= rq->tick_at)
		return;
	rq->tick_at = at;
	timer_start(&rq->tick, at);
}

static void sample(struct runqueue *rq, ns_t now)
{
	struct thread *curr = rq->curr;
	ns_t ran = now - MAX(rq->picked_at, rq->sampled_at);

	rq->sampled_at = now;
	if (is_idle_thread(curr))
		return;
	if (irq_interrupted_user()) {
		curr->sampled_user_ns += ran;
		if (curr->params.nice > 0)
			rq->sampled_nice_ns += ran;
		else
			rq->sampled_user_ns += ran;
	} else {
		curr->sampled_system_ns += ran;
		rq->sampled_system_ns += ran;
	}
}

static void tick_fire(struct timer *timer)
{
	struct runqueue *rq = container_of(timer, struct runqueue, tick);
	struct thread *curr;
	bool over;
	ns_t now;

	spin_lock(&rq->lock);
	curr = rq->curr;
	now = clock_monotonic();
	rq->tick_at = NS_FOREVER;
	rq_account(rq, now);
	sample(rq, now);
	/* A throttled thread's period, or real-time threads may run again. */
	over = rq->urgent &&
	       (deadline_wakes_at(rq) <= now ||
		       (curr->sched_class == &fair_class && rt_queued(rq) && !rt_throttled(rq)));
	if (rq->nr_running > 1 || curr->sched_class == &deadline_class) {
		ns_t slice = curr->sched_class->slice(rq, curr);

		over |= slice != NS_FOREVER && now - rq->slice_start_at + rest_of(curr) >= slice;
		balance_tick(rq, now);
	}
	if (over)
		rq_resched(rq); /* and the switch arms the tick */
	else
		tick_arm(rq, now);
	spin_unlock(&rq->lock);
}

void tick_init(struct runqueue *rq)
{
	timer_init(&rq->tick, tick_fire);
	rq->tick_at = NS_FOREVER;
}
