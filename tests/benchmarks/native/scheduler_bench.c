/* The predictive class as it stands in the kernel (arch/host): picking the next thread, a turn, and
 * a wake-up, with 1 to 10,000 threads of random nice and bursts. What a queue's lock, the clock and
 * the registers of a switch cost is not in it: sync_bench and switch_bench.
 *
 * needs: kernel/scheduler/core/schedule.c kernel/scheduler/core/wake.c
 * needs: kernel/scheduler/core/balance.c kernel/scheduler/core/tick.c
 * needs: kernel/scheduler/core/accounting.c kernel/scheduler/core/workqueue.c
 * needs: kernel/scheduler/thread/thread.c kernel/scheduler/thread/params.c
 * needs: kernel/scheduler/prediction/fair.c kernel/scheduler/realtime/realtime.c
 * needs: kernel/scheduler/realtime/deadline.c kernel/scheduler/realtime/inherit.c
 * needs: kernel/time/clock.c kernel/time/timer.c kernel/time/rtc.c
 * needs: kernel/sync/spinlock.c kernel/sync/waitqueue.c kernel/base/rbtree.c
 */
#include <host.h>
#include <scheduler/scheduler_internal.h>
#include <sched.h>
#include "native_bench.h"

enum { PICKS = NATIVE_BATCH, QUEUES_MAX = PICKS };

static struct runqueue queues[QUEUES_MAX];
static struct thread idle, *picked[PICKS];
static u64 seed = 1;

/* Of kernel/base, which also holds what would stand before the C library's own memcpy. */
u64 cmdline_u64(const char *name, u64 fallback)
{
	return fallback;
}
size_t str_copy(char *dst, const char *src, size_t size)
{
	return (size_t)snprintf(dst, size, "%s", src);
}

static u32 roll(u32 n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (u32)(seed >> 33) % n;
}

static void add(struct runqueue *rq, struct thread *t, bool equal)
{
	list_init(&t->se.bucket);
	list_init(&t->se.waiting);
	t->params.nice = equal ? 0 : (s8)(roll(40) - 20);
	t->affinity = ~0ULL;
	t->sched_class = &fair_class;
	fair_fork(t, NULL);
	t->se.burst_ema_ns = equal ? NS_PER_MS : 1000u << roll(14);
	fair_class.enqueue(rq, t, SCHED_ENQUEUE_NEW);
}

/* @count queues of @n threads each, alike or of random nice and bursts. They come in a random
 * order, or the CPU's prefetcher would know who is next. Return: the threads. */
static struct thread *make(u32 count, u32 n, bool equal)
{
	struct thread *t = calloc((size_t)count * n, sizeof(*t));
	u32 *order = calloc(n, sizeof(*order));

	require(t && order);
	for (u32 q = 0; q < count; q++) {
		struct runqueue *rq = &queues[q];

		*rq = (struct runqueue){.curr = &idle, .clock = NS_PER_SEC, .nr_running = n};
		fair_init(&rq->fair);
		for (u32 i = 0; i < n; i++) {
			u32 j = roll(i + 1);

			order[i] = order[j];
			order[j] = i;
		}
		for (u32 i = 0; i < n; i++)
			add(rq, &t[q * n + order[i]], equal);
	}
	free(order);
	return t;
}

static ALWAYS_INLINE void ran(struct runqueue *rq, struct thread *t)
{
	ns_t burst = MIN(t->se.burst_ema_ns, 2 * NS_PER_MS);

	rq->clock += burst;
	fair_class.account(rq, t, burst);
}

/* The pick alone: 64 in a row, between two readings of the counter, and then, unmeasured, those
 * threads run and are queued again. Few threads stand in several queues, so that there are 64. */
static void pick(const char *name, u32 n, bool equal)
{
	static double samples[NATIVE_SAMPLES];
	u32 count = n < PICKS ? (PICKS + n - 1) / n : 1;
	struct thread *t = make(count, n, equal);

	for (int s = -NATIVE_SAMPLES / 10; s < NATIVE_SAMPLES; s++) {
		uint64_t from = native_cycles();

		for (u32 i = 0, q = 0; i < PICKS; i++, q = q + 1 == count ? 0 : q + 1)
			picked[i] = fair_pick(&queues[q]);
		if (s >= 0)
			samples[s] = (double)(native_cycles() - from) / PICKS;
		for (u32 i = 0, q = 0; i < PICKS; i++, q = q + 1 == count ? 0 : q + 1) {
			require(picked[i]);
			ran(&queues[q], picked[i]);
			fair_class.put(&queues[q], picked[i]);
		}
	}
	native_report(name, "cycles", samples, NATIVE_SAMPLES);
	free(t);
}

/* One queue: the first thread runs for its burst and goes back (its slice is over). */
static void turn(const char *name, u32 n, bool equal)
{
	struct thread *t = make(1, n, equal);

	NATIVE_BENCH(name, {
		struct thread *next = fair_pick(queues);

		ran(queues, next);
		fair_class.put(queues, next);
	});
	require(queues[0].fair.count == n);
	free(t);
}

/* One queue: the first thread runs for its burst, sleeps, and is woken. */
static void wake(const char *name, u32 n)
{
	struct thread *t = make(1, n, false);

	NATIVE_BENCH(name, {
		struct thread *next = fair_pick(queues);

		ran(queues, next);
		fair_block(queues, next);
		fair_class.enqueue(queues, next, SCHED_ENQUEUE_WAKE);
	});
	require(queues[0].fair.count == n);
	free(t);
}

int main(void)
{
	host_log_quiet = true;
	printf("# pick the next thread\n");
	pick("pick_1_thread", 1, false);
	pick("pick_10_threads", 10, false);
	pick("pick_100_threads", 100, false);
	pick("pick_1000_threads", 1000, false);
	pick("pick_10000_threads", 10000, false);
	printf("# the same, all threads alike: each is picked in turn\n");
	pick("pick_1_equal_thread", 1, true);
	pick("pick_10_equal_threads", 10, true);
	pick("pick_100_equal_threads", 100, true);
	pick("pick_1000_equal_threads", 1000, true);
	pick("pick_10000_equal_threads", 10000, true);
	printf("# pick, account, put back\n");
	turn("turn_1_thread", 1, false);
	turn("turn_10_threads", 10, false);
	turn("turn_100_threads", 100, false);
	turn("turn_1000_threads", 1000, false);
	turn("turn_10000_threads", 10000, false);
	printf("# the same, all threads alike\n");
	turn("turn_1_equal_thread", 1, true);
	turn("turn_10_equal_threads", 10, true);
	turn("turn_100_equal_threads", 100, true);
	turn("turn_1000_equal_threads", 1000, true);
	turn("turn_10000_equal_threads", 10000, true);
	printf("# pick, account, sleep, wake\n");
	wake("sleep_wake_1_thread", 1);
	wake("sleep_wake_100_threads", 100);
	wake("sleep_wake_10000_threads", 10000);
	printf("# Linux's whole way to the scheduler and back, for scale\n");
	NATIVE_FEW("linux_sched_yield_alone", 5000, 16, 1, require(!sched_yield()));
	return 0;
}
