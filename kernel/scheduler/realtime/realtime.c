/* The real-time class: SCHED_FIFO and SCHED_RR, priorities 1..99, one list a priority and a bitmap.
 * Layer: scheduler. Source: sched(7). A thread that was preempted goes to the front of its list,
 * one whose slice is over or that yields to the end.
 *
 * While threads of the predictive class wait, this class gets at most RUNTIME_NS of each second of
 * its CPU: one that never sleeps does not lock the machine. */
#include "../scheduler_internal.h"

#define WINDOW_NS  NS_PER_SEC
#define RUNTIME_NS (950 * NS_PER_MS)

static u32 level_of(const struct thread *t)
{
	return RT_LEVELS - 1 - t->rt_priority;
}

/* Who ran beyond its time, without others waiting or by the tick's delay, owes that to the next
 * window, but no more than a window's. */
static void roll_window(struct runqueue *rq)
{
	struct rt_queue *q = &rq->rt;

	if (likely(rq->clock - q->window_at < WINDOW_NS))
		return;
	q->used_ns = rq->clock - q->window_at < 2 * WINDOW_NS && q->used_ns > RUNTIME_NS
			     ? MIN(q->used_ns - RUNTIME_NS, WINDOW_NS - RUNTIME_NS)
			     : 0;
	q->window_at = rq->clock - (rq->clock - q->window_at) % WINDOW_NS;
}

bool rt_throttled(struct runqueue *rq)
{
	roll_window(rq);
	return rq->rt.used_ns + SLICE_REST_NS >= RUNTIME_NS && rq->fair.count;
}

void rt_init(struct rt_queue *q)
{
	for (u32 i = 0; i < RT_LEVELS; i++)
		list_init(&q->levels[i]);
}

static void rt_insert(struct runqueue *rq, struct thread *t, bool front)
{
	u32 level = level_of(t);
	struct list *list = &rq->rt.levels[level];

	list_add(front ? list : list->prev, &t->rt_node);
	bit_set(rq->rt.bitmap, level);
	t->se.wait_start_ns = rq->clock;
	rq->urgent++;
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
	rq->urgent--;
}

struct thread *rt_pick(struct runqueue *rq)
{
	u64 low = rq->rt.bitmap[0];
	struct thread *t;

	if (!rt_queued(rq))
		return NULL;
	t = list_entry(rq->rt.levels[low ? bit_ffs(low) : 64 + bit_ffs(rq->rt.bitmap[1])].next,
		struct thread, rt_node);
	rt_dequeue(rq, t);
	return t;
}

static void rt_put(struct runqueue *rq, struct thread *t)
{
	bool over = t->params.policy == SCHED_RR && t->rt_slice_left_ns <= SLICE_REST_NS;

	if (over)
		t->rt_slice_left_ns = RR_SLICE_NS;
	rt_insert(rq, t, !over);
}

static void rt_yield(struct runqueue *rq, struct thread *t)
{
	rt_insert(rq, t, false);
}

static bool rt_preempts(struct runqueue *rq, struct thread *curr, struct thread *woken)
{
	return woken->rt_priority > curr->rt_priority;
}

static ns_t rt_slice(struct runqueue *rq, struct thread *t)
{
	ns_t left = t->params.policy == SCHED_RR ? t->rt_slice_left_ns : NS_FOREVER;

	if (rq->fair.count)
		left = MIN(left, rq->rt.used_ns < RUNTIME_NS ? RUNTIME_NS - rq->rt.used_ns : 0);
	/* Counted from slice_start_at, as for the other classes. */
	return left == NS_FOREVER ? left : left + (rq->clock - rq->slice_start_at);
}

static void rt_account(struct runqueue *rq, struct thread *t, ns_t ran_ns)
{
	roll_window(rq);
	rq->rt.used_ns += MIN(ran_ns, rq->clock - rq->rt.window_at); /* what is this second's */
	if (t->params.policy == SCHED_RR)
		t->rt_slice_left_ns =
			t->rt_slice_left_ns > ran_ns ? t->rt_slice_left_ns - ran_ns : 0;
}

struct thread *rt_steal(struct runqueue *from, u32 to_cpu)
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
	.order = 2,
	.enqueue = rt_enqueue,
	.dequeue = rt_dequeue,
	.put = rt_put,
	.yield = rt_yield,
	.preempts = rt_preempts,
	.slice = rt_slice,
	.account = rt_account,
};
