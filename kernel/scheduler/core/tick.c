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

static ns_t next_tick(struct runqueue *rq, ns_t now)
{
	struct thread *curr = rq->curr;
	ns_t alone = now - rq->picked_at;

	if (is_idle_thread(curr))
		return NS_FOREVER;
	if (rq->nr_running > 1) {
		ns_t slice = curr->sched_class->slice(rq, curr);

		if (slice != NS_FOREVER) {
			ns_t used = now - rq->slice_start_at;
			ns_t rest = slice > used ? slice - used : 0;

			return now + MAX(rest, SLICE_REST_NS);
		}
	} else if (curr->flags & THREAD_KERNEL) {
		return NS_FOREVER;
	}
	/* Not a fixed period: a program with the same one would always be met in the same place. */
	rq->jitter = rq->jitter * 1103515245 + 12345;
	return now + MIN(MAX(alone, SAMPLE_MIN_NS), SAMPLE_MAX_NS) + rq->jitter % SAMPLE_MIN_NS;
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
	bool over = false;
	ns_t now;

	spin_lock(&rq->lock);
	curr = rq->curr;
	now = clock_monotonic();
	rq->tick_at = NS_FOREVER;
	rq_account(rq, now);
	sample(rq, now);
	if (rq->nr_running > 1) {
		ns_t slice = curr->sched_class->slice(rq, curr);

		over = slice != NS_FOREVER && now - rq->slice_start_at + SLICE_REST_NS >= slice;
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
