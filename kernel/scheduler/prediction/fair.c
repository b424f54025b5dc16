/* The fair class, predictive: SCHED_OTHER, SCHED_BATCH, SCHED_IDLE. Layer: scheduler.
 *
 * Virtual time. A thread's vtime advances by what it ran * 1024 / weight, so equal vtimes are fair
 * shares. Its next burst is predicted by a moving average of the past ones (1/8), and it is due at
 * vdeadline = vtime + predicted burst / weight. The earliest deadline runs: short bursts run soon,
 * long ones cannot starve because everybody's vtime advances.
 *
 * Order. A calendar of 64 buckets of BUCKET_NS of virtual time; bucket number = vdeadline /
 * BUCKET_NS. The numbers in use lie in [front, front + 63], so number n stands in buckets[n % 64]
 * and the first set bit after rotation by `front` is the earliest. A deadline before front goes to
 * the head of the front bucket; one beyond the end waits in the last bucket and is moved on when it
 * is met there. Within a bucket the order is that of arrival. Everything is O(1).
 *
 * Bounds. Weights hold in the long run because vtime is exact and only the order within a bucket is
 * not. Very different weights could make a thread wait long: the list `waiting` is in order of
 * arrival, and its head runs at once when it has waited more than STARVE_NS for each runnable
 * thread of the queue.
 *
 * Bands of the prediction: HOT below 250 us, COLD from 4 ms, NORMAL between. They set the slice
 * and who is stolen first. A second average, how soon a thread sleeps after it woke another, places
 * wake-ups (core/wake.c). Sources: EEVDF (Stoica, Abdel-Wahab 1995) for deadlines; calendar queues
 * (Brown 1988). */
#include "../scheduler_internal.h"
#include <exo/cmdline.h>
#include <exo/memory.h>

#define BUCKET_SHIFT 20 /* 1.05 ms of virtual time */
#define HOT_NS       (250 * NS_PER_US)
#define COLD_NS      (4 * NS_PER_MS)
#define BURST_MIN_NS (20 * NS_PER_US)
#define BURST_MAX_NS (8 * NS_PER_MS)
#define DUE_MAX_NS   (24 * NS_PER_MS) /* deadline - vtime, for light threads */
/* A sleeper comes back at most CREDIT_NS behind the queue's vtime, and LAG_MAX_NS before it. */
#define CREDIT_NS  (200 * NS_PER_US)
#define LAG_MAX_NS (400 * NS_PER_MS)
/* A woken thread must be due this much earlier than the running one: > CREDIT + HOT, so that
 * threads of short bursts let each other finish. */
#define PREEMPT_NS     (500 * NS_PER_US)
#define STARVE_NS      (64 * NS_PER_MS)
#define CHARGE_MAX_NS  (2 * NS_PER_SEC)
#define REBUCKETS_MAX  4
#define GAP_SOON_NS    (150 * NS_PER_US)
#define GAP_MAX_NS     (600 * NS_PER_US)
#define STEAL_SCAN_MAX 16
#define WEIGHT_IDLE    3

/* Each step is about 10% of CPU time against a thread one nice level away: 1024 / 1.25^nice. */
static const u32 weights[40] = {88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949,
	11916, 9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423,
	335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15};

void fair_init(struct fair_queue *q)
{
	for (u32 i = 0; i < FAIR_BUCKETS; i++)
		list_init(&q->buckets[i]);
	list_init(&q->waiting);
}

void fair_set_weight(struct thread *t)
{
	u32 w = t->params.policy == SCHED_IDLE ? WEIGHT_IDLE : weights[t->params.nice + 20];

	t->se.weight = w;
	t->se.weight_inverse = (u32)((1ULL << 32) / w);
}

/* ns of CPU time as virtual time */
static ALWAYS_INLINE u64 to_virtual(const struct thread *t, ns_t ran)
{
	if (likely(t->se.weight == WEIGHT_NICE_0))
		return ran;
	return (ran * t->se.weight_inverse) >> 22; /* no overflow: ran <= CHARGE_MAX_NS < 2^31 */
}

static ALWAYS_INLINE ns_t predicted(const struct thread *t)
{
	/* a burst that is longer already says more than the past */
	ns_t burst = MAX(t->se.burst_ema_ns, t->se.burst_ns);

	return MIN(burst, BURST_MAX_NS);
}

const char *sched_band(const struct thread *t, u64 *predicted_ns)
{
	*predicted_ns = predicted(t);
	if (t->sched_class != &fair_class)
		return t->sched_class == &rt_class ? "REALTIME" : "DEADLINE";
	return *predicted_ns < HOT_NS ? "HOT" : *predicted_ns < COLD_NS ? "NORMAL" : "COLD";
}

bool fair_sleeps_soon(const struct thread *t)
{
	return t->se.wake_gap_ema_ns < GAP_SOON_NS;
}

static ALWAYS_INLINE void set_deadline(struct thread *t)
{
	t->se.vdeadline = t->se.vtime + MIN(to_virtual(t, predicted(t)), DUE_MAX_NS);
}

#define BURSTS_MAX 65536ULL
static struct sched_burst *bursts; /* [c] */
static u32 bursts_max;             /* [c] 0 = none are kept */
static u32 bursts_used;            /* [a] */

void fair_log_init(void)
{
	u32 n = (u32)MIN(cmdline_u64("exo.bursts", 0), BURSTS_MAX);

	bursts = n ? vmalloc(n * sizeof(*bursts), ALLOC_KERNEL | ALLOC_ZERO) : NULL;
	bursts_max = bursts ? n : 0;
}

u32 sched_bursts(const struct sched_burst **out_bursts)
{
	*out_bursts = bursts;
	return MIN(__atomic_load_n(&bursts_used, __ATOMIC_RELAXED), bursts_max);
}

static NOINLINE COLD void log_burst(
	const struct thread *t, const struct thread *parent, u64 run_ns, u64 at_ns)
{
	u32 i = READ_ONCE(bursts_used);

	if (i < bursts_max) /* else it would wrap one day */
		i = __atomic_fetch_add(&bursts_used, 1, __ATOMIC_RELAXED);
	if (i < bursts_max)
		bursts[i] = (struct sched_burst){
			(u32)((ulong)t >> 4), (u32)((ulong)parent >> 4), run_ns, at_ns};
}

void fair_fork(struct thread *t, const struct thread *parent)
{
	t->se.burst_ema_ns = parent ? parent->se.burst_ema_ns : NS_PER_MS;
	t->se.burst_ns = 0;
	fair_set_weight(t);
	if (unlikely(bursts_max))
		log_burst(t, parent, 0, 0);
}

static ALWAYS_INLINE u64 rotate_right(u64 x, u32 n)
{
	return x >> (n & 63) | x << (-n & 63);
}

/* The number of the earliest bucket in use. Some bit is set. */
static ALWAYS_INLINE u64 first_bucket(const struct fair_queue *q)
{
	return q->front + bit_ffs(rotate_right(q->bitmap, (u32)q->front));
}

static ALWAYS_INLINE void bucket_insert(struct fair_queue *q, struct thread *t, u64 number)
{
	bool head = number < q->front;
	u32 slot;

	if (head)
		number = q->front;
	else if (number > q->front + FAIR_BUCKETS - 1)
		number = q->front + FAIR_BUCKETS - 1;
	slot = (u32)number % FAIR_BUCKETS;
	t->se.bucket_index = slot;
	if (head)
		list_add(&q->buckets[slot], &t->se.bucket);
	else
		list_add_tail(&q->buckets[slot], &t->se.bucket);
	q->bitmap |= BIT(slot);
}

static ALWAYS_INLINE void bucket_remove(struct fair_queue *q, struct thread *t)
{
	list_del(&t->se.bucket);
	if (list_empty(&q->buckets[t->se.bucket_index]))
		q->bitmap &= ~BIT(t->se.bucket_index);
}

static ALWAYS_INLINE void insert(struct runqueue *rq, struct thread *t, u64 number)
{
	struct fair_queue *q = &rq->fair;

	if (!q->count++)
		q->front = number;
	bucket_insert(q, t, number);
	t->se.wait_start_ns = rq->clock;
	list_add_tail(&q->waiting, &t->se.waiting);
}

static void fair_enqueue(struct runqueue *rq, struct thread *t, u32 flags)
{
	struct fair_queue *q = &rq->fair;

	/* Nobody was picked while one ran alone: who comes then starts beside it, not where it
	 * began. The idle thread's time stands at 0. */
	if (!q->count && rq->curr->se.vtime > q->vtime)
		q->vtime = rq->curr->se.vtime;
	if (flags & SCHED_ENQUEUE_NEW) {
		t->se.vtime = q->vtime;
	} else {
		if (t->se.vtime + CREDIT_NS < q->vtime)
			t->se.vtime = q->vtime - CREDIT_NS;
		else if (t->se.vtime > q->vtime + LAG_MAX_NS)
			t->se.vtime = q->vtime + LAG_MAX_NS;
	}
	set_deadline(t);
	insert(rq, t, t->se.vdeadline >> BUCKET_SHIFT);
}

static void fair_dequeue(struct runqueue *rq, struct thread *t)
{
	bucket_remove(&rq->fair, t);
	list_del(&t->se.waiting);
	rq->fair.count--;
}

struct thread *fair_pick(struct runqueue *rq)
{
	struct fair_queue *q = &rq->fair;
	struct thread *t;

	if (!q->count)
		return NULL;
	t = list_entry(q->waiting.next, struct thread, se.waiting);
	if (likely(rq->clock - t->se.wait_start_ns <= STARVE_NS * rq->nr_running)) {
		for (u32 tries = 0;; tries++) {
			u64 number = first_bucket(q);

			q->front = number;
			t = list_entry(
				q->buckets[number % FAIR_BUCKETS].next, struct thread, se.bucket);
			if (likely(t->se.vdeadline >> BUCKET_SHIFT <= number ||
				    tries == REBUCKETS_MAX))
				break;
			/* it stood in the last bucket for want of a later one */
			bucket_remove(q, t);
			bucket_insert(q, t, t->se.vdeadline >> BUCKET_SHIFT);
		}
	}
	fair_dequeue(rq, t);
	if (t->se.vtime > q->vtime)
		q->vtime = t->se.vtime;
	return t;
}

static void fair_put(struct runqueue *rq, struct thread *t)
{
	set_deadline(t);
	insert(rq, t, t->se.vdeadline >> BUCKET_SHIFT);
}

/* Behind whoever stands first, if anybody does. */
static void fair_yield(struct runqueue *rq, struct thread *t)
{
	u64 number;

	set_deadline(t);
	number = t->se.vdeadline >> BUCKET_SHIFT;
	if (rq->fair.count)
		number = MAX(number, first_bucket(&rq->fair));
	insert(rq, t, number);
}

void fair_block(struct runqueue *rq, struct thread *t)
{
	u64 burst = t->se.burst_ns;
	s64 error = (s64)(MAX(burst, BURST_MIN_NS) - t->se.burst_ema_ns);

	rq->counts.bursts++;
	rq->counts.bursts_wrong += error * 5 >= (s64)t->se.burst_ema_ns;
	t->se.burst_ema_ns += error / 8;
	t->se.burst_ns = 0;
	if (t->se.woke_at_ns) {
		ns_t gap = rq->clock - t->se.woke_at_ns;

		/* Bounded, so that one long gap (a machine that stopped for a while) does not
		 * count for many short ones. Clocks of two CPUs may differ a little. */
		gap = (s64)gap < 0 ? 0 : MIN(gap, GAP_MAX_NS);
		t->se.wake_gap_ema_ns += (s64)(gap - t->se.wake_gap_ema_ns) / 8;
		t->se.woke_at_ns = 0;
	}
	if (unlikely(bursts_max))
		log_burst(t, NULL, MAX(burst, 1ULL), rq->clock);
}

static bool fair_preempts(struct runqueue *rq, struct thread *curr, struct thread *woken)
{
	u64 curr_due = curr->se.vtime + MIN(to_virtual(curr, predicted(curr)), DUE_MAX_NS);

	if (woken->params.policy == SCHED_BATCH || woken->params.policy == SCHED_IDLE)
		return false;
	return curr->params.policy == SCHED_IDLE || woken->se.vdeadline + PREEMPT_NS < curr_due;
}

/* Short for threads that seldom use it up, longer for those that compute; light threads get less at
 * a time, so that they are not kept waiting long for their next turn. By what was known when the
 * slice began: were it to grow while it is used up, of a crowd that woke together each would run
 * for the longest slice before the last of them ran at all. */
static ns_t fair_slice(struct runqueue *rq, struct thread *t)
{
	ns_t used = rq->clock - rq->slice_start_at;
	ns_t burst = MAX(t->se.burst_ema_ns, t->se.burst_ns - MIN(used, t->se.burst_ns));
	ns_t slice = burst < HOT_NS    ? 2 * NS_PER_MS
		     : burst < COLD_NS ? 4 * NS_PER_MS
				       : 6 * NS_PER_MS;

	if (t->se.weight < WEIGHT_NICE_0)
		slice = MAX(slice * t->se.weight / WEIGHT_NICE_0, NS_PER_MS);
	return slice;
}

static void fair_account(struct runqueue *rq, struct thread *t, ns_t ran_ns)
{
	t->se.burst_ns += ran_ns;
	t->se.vtime += to_virtual(t, MIN(ran_ns, CHARGE_MAX_NS));
}

void fair_migrate(struct thread *t, const struct runqueue *from, const struct runqueue *to)
{
	/* Read without from's lock: a little old is good enough. */
	t->se.vtime += READ_ONCE(to->fair.vtime) - READ_ONCE(from->fair.vtime);
	if ((s64)t->se.vtime < 0)
		t->se.vtime = 0;
}

/* COLD threads go first: they lose least on another CPU. */
struct thread *fair_steal(struct runqueue *from, u32 to_cpu)
{
	struct thread *t, *best = NULL;
	u32 scanned = 0;

	list_for_each_entry (t, &from->fair.waiting, se.waiting) {
		if (++scanned > STEAL_SCAN_MAX)
			break;
		if (!(t->affinity >> to_cpu & 1))
			continue;
		if (!best || predicted(t) > predicted(best))
			best = t;
		if (predicted(t) >= COLD_NS)
			break;
	}
	if (best)
		fair_dequeue(from, best);
	return best;
}

const struct sched_class fair_class = {
	.order = 1,
	.enqueue = fair_enqueue,
	.dequeue = fair_dequeue,
	.put = fair_put,
	.yield = fair_yield,
	.preempts = fair_preempts,
	.slice = fair_slice,
	.account = fair_account,
};
