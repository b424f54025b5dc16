/* The predictive class by itself: its pick costs the same whatever the number of threads, and nobody is passed over for long.
 * mode: sim
 * needs: kernel/scheduler/core/schedule.c kernel/scheduler/core/wake.c kernel/scheduler/core/balance.c kernel/scheduler/core/tick.c
 * needs: kernel/scheduler/core/accounting.c kernel/scheduler/core/workqueue.c kernel/scheduler/thread/thread.c
 * needs: kernel/scheduler/thread/params.c kernel/scheduler/prediction/fair.c kernel/scheduler/realtime/realtime.c
 * needs: kernel/scheduler/realtime/deadline.c kernel/scheduler/realtime/inherit.c
 * needs: kernel/time/clock.c kernel/time/timer.c kernel/time/rtc.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 * needs: kernel/sync/waitqueue.c
 */
#include "u_.h"
#include <exo/sched.h>
#include <scheduler/scheduler_internal.h>
#include <stdlib.h>

static struct runqueue rq;
static u64 seed = 1;

static u32 roll(u32 n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (u32)(seed >> 33) % n;
}

static struct thread *make(u32 n)
{
	struct thread *t = calloc(n, sizeof(*t));

	static struct thread idle;

	rq.curr = &idle;
	memset(&rq.fair, 0, sizeof(rq.fair)); /* a former one's threads are gone */
	fair_init(&rq.fair);
	rq.clock = NS_PER_SEC;
	rq.nr_running = n;
	for (u32 i = 0; i < n; i++) {
		list_init(&t[i].se.bucket);
		list_init(&t[i].se.waiting);
		t[i].params.nice = (s8)(roll(40) - 20);
		t[i].affinity = ~0ULL;
		t[i].sched_class = &fair_class;
		fair_fork(&t[i], NULL);
		t[i].se.burst_ema_ns = 1000 << roll(14);
		fair_class.enqueue(&rq, &t[i], SCHED_ENQUEUE_NEW);
	}
	return t;
}

/* Lets `turns` threads run for their predicted bursts. Return: branches taken by pick, a turn, times 100; *worst of a single one. */
static u64 turns(u32 n, u64 *worst)
{
	u64 in_pick = 0;

	*worst = 0;
	for (u32 i = 0; i < n; i++) {
		u64 before = host_branches, cost;
		struct thread *t = fair_pick(&rq);
		ns_t ran;

		cost = host_branches - before;
		in_pick += cost;
		*worst = MAX(*worst, cost);
		if (!u_check(t))
			break;
		ran = MIN(t->se.burst_ema_ns, fair_class.slice(&rq, t));
		rq.clock += ran;
		fair_class.account(&rq, t, ran);
		if (roll(3)) {
			fair_class.put(&rq, t);
		} else {
			fair_block(&rq, t);
			fair_class.enqueue(&rq, t, SCHED_ENQUEUE_WAKE);
		}
	}
	return in_pick * 100 / n;
}

U_TEST_LIMIT(pick_is_flat, 60)
{
	static const u32 sizes[] = { 2, 10, 100, 1000, 10000 };
	u64 cost[5], worst[5];

	for (u32 i = 0; i < 5; i++) {
		struct thread *t = make(sizes[i]);

		cost[i] = turns(30000, &worst[i]);
		u_note("%u threads: %llu.%02llu branches a pick, at most %llu", sizes[i], (unsigned long long)cost[i] / 100,
			(unsigned long long)cost[i] % 100, (unsigned long long)worst[i]);
		free(t);
	}
	u_check(cost[4] < cost[1] * 2);
	u_check(worst[4] < 100);
}

U_TEST_LIMIT(everybody_is_picked_within_the_bound, 60)
{
	u32 n = 50;
	struct thread *t = make(n);
	ns_t *last = calloc(n, sizeof(*last)), worst = 0;

	for (u32 i = 0; i < n; i++)
		last[i] = rq.clock;
	for (u32 i = 0; i < 50000; i++) {
		struct thread *next = fair_pick(&rq);
		ns_t ran = fair_class.slice(&rq, next);

		worst = MAX(worst, rq.clock - last[next - t]);
		rq.clock += ran;
		fair_class.account(&rq, next, ran);
		fair_class.put(&rq, next);
		last[next - t] = rq.clock;
	}
	u_note("50 threads of random nice, all computing: longest wait %llu ms", (unsigned long long)worst / NS_PER_MS);
	u_check(worst < n * 100 * NS_PER_MS);
	free(last);
	free(t);
}

U_TEST(prediction_follows_the_bursts)
{
	struct thread *t = make(1);

	t->se.burst_ema_ns = NS_PER_MS;
	for (u32 i = 0; i < 40; i++) {
		struct thread *next = fair_pick(&rq);

		fair_class.account(&rq, next, 50000);
		fair_block(&rq, next);
		fair_class.enqueue(&rq, next, SCHED_ENQUEUE_WAKE);
	}
	u_check(t->se.burst_ema_ns > 48000 && t->se.burst_ema_ns < 60000);
	fair_pick(&rq);
	rq.slice_start_at = rq.clock;
	fair_class.account(&rq, t, 5 * NS_PER_MS);
	u_check(fair_class.slice(&rq, t) > 4 * NS_PER_MS); /* a burst that goes on says more than the past */
	rq.clock += 5 * NS_PER_MS;
	u_check(fair_class.slice(&rq, t) == 2 * NS_PER_MS); /* but the slice that it was given does not grow */
	free(t);
}

U_TEST(a_sleeper_saves_nothing_up)
{
	struct thread *t = make(2);
	struct thread *hog = fair_pick(&rq), *sleeper = hog == &t[0] ? &t[1] : &t[0];

	hog->params.nice = sleeper->params.nice = 0;
	fair_set_weight(hog);
	fair_set_weight(sleeper);
	fair_pick(&rq);
	fair_block(&rq, sleeper);
	for (u32 i = 0; i < 100; i++) { /* the hog runs alone for a while */
		fair_class.account(&rq, hog, 10 * NS_PER_MS);
		fair_class.put(&rq, hog);
		u_check(fair_pick(&rq) == hog);
	}
	fair_class.enqueue(&rq, sleeper, SCHED_ENQUEUE_WAKE);
	u_check(sleeper->se.vtime + 5 * NS_PER_MS > rq.fair.vtime);
	u_check(fair_class.preempts(&rq, hog, sleeper)); /* it is due first, but only by a burst */
	free(t);
}
