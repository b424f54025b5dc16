/* The real-time class: SCHED_FIFO and SCHED_RR, priorities 1..99, one list a priority and a bitmap.
 * Layer: scheduler. Source: sched(7). A thread that was preempted goes to the front of its list,
 * one whose slice is over or that yields to the end. */
#include "../scheduler_internal.h"

#define POLICY_RR 2

static u32 level_of(const struct thread *t)
{
	return RT_LEVELS - 1 - t->params.rt_priority;
}

void rt_init(struct rt_queue *q)
{
	for (u32 i = 0; i < RT_LEVELS; i++)
		list_init(&q->levels[i]);
}

static void rt_insert(struct runqueue *rq, struct thread *t, bool front)
{
	u32 level = level_of(t);

	if (front)
		list_add(&rq->rt.levels[level], &t->rt_node);
	else
		list_add_tail(&rq->rt.levels[level], &t->rt_node);
	bit_set(rq->rt.bitmap, level);
	rq->rt.count++;
}

static void rt_enqueue(struct runqueue *rq, struct thread *t, u32 flags)
{
	t->rt_slice_left_ns = RR_SLICE_NS;
	rt_insert(rq, t, false);
}

static void rt_dequeue(struct runqueue *rq, struct thread *t)
{
	u32 level = level_of(t);

	list_del(&t->rt_node);
	if (list_empty(&rq->rt.levels[level]))
		bit_clear(rq->rt.bitmap, level);
	rq->rt.count--;
}

static struct thread *rt_pick(struct runqueue *rq)
{
	u64 low = rq->rt.bitmap[0];
	struct thread *t;

	if (!rq->rt.count)
		return NULL;
	t = list_entry(rq->rt.levels[low ? bit_ffs(low) : 64 + bit_ffs(rq->rt.bitmap[1])].next,
		struct thread, rt_node);
	rt_dequeue(rq, t);
	return t;
}

static void rt_put(struct runqueue *rq, struct thread *t)
{
	bool over = t->params.policy == POLICY_RR && t->rt_slice_left_ns <= SLICE_REST_NS;

	if (over)
		t->rt_slice_left_ns = RR_SLICE_NS;
	rt_insert(rq, t, !over);
}

static void rt_yield(struct runqueue *rq, struct thread *t)
{
	rt_insert(rq, t, false);
}

static void rt_block(struct runqueue *rq, struct thread *t)
{
}

static bool rt_preempts(struct runqueue *rq, struct thread *curr, struct thread *woken)
{
	return woken->params.rt_priority > curr->params.rt_priority;
}

static ns_t rt_slice(struct runqueue *rq, struct thread *t)
{
	/* Counted from slice_start_at, as for the other classes. */
	return t->params.policy == POLICY_RR
		       ? t->rt_slice_left_ns + (rq->clock - rq->slice_start_at)
		       : NS_FOREVER;
}

static void rt_account(struct runqueue *rq, struct thread *t, ns_t ran_ns)
{
	if (t->params.policy == POLICY_RR)
		t->rt_slice_left_ns =
			t->rt_slice_left_ns > ran_ns ? t->rt_slice_left_ns - ran_ns : 0;
}

static struct thread *rt_steal(struct runqueue *from, u32 to_cpu)
{
	struct thread *t;
	u32 level;

	for (u32 w = 0; w < 2; w++) {
		for_each_bit (level, from->rt.bitmap[w]) {
			list_for_each_entry (t, &from->rt.levels[w * 64 + level], rt_node) {
				if (!(t->affinity >> to_cpu & 1))
					continue;
				rt_dequeue(from, t);
				return t;
			}
		}
	}
	return NULL;
}

const struct sched_class rt_class = {
	.name = "realtime",
	.order = 2,
	.enqueue = rt_enqueue,
	.dequeue = rt_dequeue,
	.block = rt_block,
	.pick = rt_pick,
	.put = rt_put,
	.yield = rt_yield,
	.preempts = rt_preempts,
	.slice = rt_slice,
	.account = rt_account,
	.steal = rt_steal,
};
