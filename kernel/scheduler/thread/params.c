/* Policies, priorities and CPU masks of threads. Layer: scheduler. Permission is the caller's
 * business. */
#include "../scheduler_internal.h"
#include <exo/errno.h>

enum { POLICY_OTHER = 0, POLICY_FIFO = 1, POLICY_RR = 2, POLICY_BATCH = 3, POLICY_IDLE = 5 };

static bool valid(const struct sched_params *p)
{
	switch (p->policy) {
	case POLICY_FIFO:
	case POLICY_RR:
		return p->rt_priority >= 1 && p->rt_priority <= 99;
	case POLICY_OTHER:
	case POLICY_BATCH:
	case POLICY_IDLE:
		return p->rt_priority == 0 && p->nice >= -20 && p->nice <= 19;
	default:
		return false;
	}
}

int sched_set_params(struct thread *t, const struct sched_params *p)
{
	struct runqueue *rq;
	bool queued;
	ulong flags;

	if (!valid(p))
		return -EINVAL;
	rq = sched_pin(t, &flags);
	queued = rq && rq->curr != t;
	if (rq)
		rq_account(rq, clock_monotonic());
	if (queued) {
		t->sched_class->dequeue(rq, t);
		rq->nr_running--;
	}
	t->params = *p;
	t->sched_class = class_of_policy(p->policy);
	fair_set_weight(t);
	t->rt_slice_left_ns = RR_SLICE_NS;
	if (queued)
		rq_enqueue(rq, t, SCHED_ENQUEUE_MOVED);
	else if (rq)
		rq_resched(rq); /* perhaps another is better now */
	sched_unpin(t, rq, flags);
	return 0;
}

void sched_get_params(struct thread *t, struct sched_params *out)
{
	ulong flags;
	struct runqueue *rq = sched_pin(t, &flags);

	*out = t->params;
	sched_unpin(t, rq, flags);
}

int sched_set_affinity(struct thread *t, cpumask_t mask)
{
	struct runqueue *rq;
	bool move = false;
	ulong flags;

	if (!(mask & __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE)))
		return -EINVAL;
	rq = sched_pin(t, &flags);
	t->affinity = mask;
	if (rq && !(mask >> rq->cpu & 1)) {
		if (rq->curr == t) {
			rq_resched(rq); /* the switch moves it */
		} else {
			t->sched_class->dequeue(rq, t);
			rq->nr_running--;
			t->on_rq = 0;
			move = true; /* runnable and on no queue: ours, sched_pin by others waits */
		}
	}
	sched_unpin(t, rq, flags);
	if (move)
		sched_move(t);
	return 0;
}

ns_t sched_rr_interval(struct thread *t)
{
	struct sched_params p;

	sched_get_params(t, &p);
	return p.policy == POLICY_RR ? RR_SLICE_NS : p.policy == POLICY_FIFO ? 0 : 4 * NS_PER_MS;
}
