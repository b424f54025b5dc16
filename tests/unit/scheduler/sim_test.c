/* The scheduler, timers, locks and RCU as they run together, on simulated CPUs with random interleavings.
 * mode: sim
 * needs: kernel/scheduler/core/schedule.c kernel/scheduler/core/wake.c kernel/scheduler/core/balance.c kernel/scheduler/core/tick.c
 * needs: kernel/scheduler/core/accounting.c kernel/scheduler/core/workqueue.c kernel/scheduler/thread/thread.c
 * needs: kernel/scheduler/thread/params.c kernel/scheduler/prediction/fair.c kernel/scheduler/realtime/realtime.c
 * needs: kernel/scheduler/realtime/deadline.c kernel/scheduler/realtime/inherit.c
 * needs: kernel/time/clock.c kernel/time/timer.c kernel/time/rtc.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 * needs: kernel/sync/waitqueue.c kernel/sync/mutex.c kernel/sync/rwsem.c kernel/sync/rcu.c
 */
#include "sim_harness.h"

static void nothing(void *arg)
{
}

U_TEST(boots_and_ends)
{
	run_seeds(1, 3, 0, nothing);
	run_seeds(4, 3, 3, nothing);
}

static void sleeper(void *arg)
{
	ns_t before = clock_monotonic();

	thread_sleep_until(before + 5 * NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	u_check(clock_monotonic() >= before + 5 * NS_PER_MS);
	u_check(clock_monotonic() < before + 5 * NS_PER_MS + 100 * NS_PER_US);
}

U_TEST(sleeps_end_in_time)
{
	run_seeds(2, 5, 3, sleeper);
}

/* ---- threads come and go; nothing piles up ---- */
static u32 exited;
static void short_life(void *arg)
{
	__atomic_fetch_add(&exited, 1, __ATOMIC_RELAXED);
}

static void storm_main(void *arg)
{
	u64 before = host_heap_live(), peak = 0;

	exited = 0;
	for (u32 i = 0; i < 600; i++) {
		while (!kthread_create("short", short_life, NULL))
			sched_yield_current();
		while (__atomic_load_n(&exited, __ATOMIC_RELAXED) <= i)
			sched_yield_current();
		peak = MAX(peak, host_heap_live());
	}
	u_note("at most %llu objects more than before", (unsigned long long)(peak - before));
	u_check(peak - before < 400); /* a batch of callbacks and some */
	rcu_barrier();
	u_check(host_heap_live() - before < 4); /* the last one may be on its way out */
}

U_TEST_LIMIT(exit_storm_leaves_nothing, 60)
{
	run_seeds(1, 2, 0, storm_main);
	run_seeds(2, 4, 20, storm_main);
}

/* Threads end while better ones preempt them at every moment, the last instructions included. */
static u32 pester_stop;
static void pester(void *arg)
{
	struct sched_params p = { .policy = 1, .rt_priority = 50 };

	u_eq(sched_set_params(current, &p), 0);
	while (!__atomic_load_n(&pester_stop, __ATOMIC_ACQUIRE))
		thread_sleep_until(clock_monotonic() + 10000 + host_sim_random() % 20000, WAIT_UNINTERRUPTIBLE);
}
static void preempted_exits_main(void *arg)
{
	exited = pester_stop = 0;
	u_check(kthread_create("pester", pester, NULL));
	for (u32 i = 0; i < 150; i++) {
		u_check(kthread_create("short", short_life, NULL));
		while (__atomic_load_n(&exited, __ATOMIC_RELAXED) <= i)
			sched_yield_current();
	}
	__atomic_store_n(&pester_stop, 1, __ATOMIC_RELEASE);
	thread_sleep_until(clock_monotonic() + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
}

U_TEST_LIMIT(threads_end_while_preempted, 60)
{
	run_seeds(1, 20, 0, preempted_exits_main);
	run_seeds(2, 10, 10, preempted_exits_main);
}

/* ---- fairness ---- */
struct hog {
	s8 nice;
	cpumask_t mask;
	u64 run_ns;
	u64 longest_gap;
	struct thread *thread;
};
static ns_t hog_end;

static void hog_main(void *arg)
{
	struct hog *h = arg;
	struct sched_params p = { .nice = h->nice };
	ns_t last;

	h->thread = current;
	u_eq(sched_set_affinity(current, h->mask), 0);
	u_eq(sched_set_params(current, &p), 0);
	last = clock_monotonic();
	while (clock_monotonic() < hog_end) {
		ns_t now;

		host_sim_work(20000);
		now = clock_monotonic();
		if (now - last > 20000)
			h->longest_gap = MAX(h->longest_gap, now - last);
		last = now;
	}
	h->run_ns = thread_cpu_time(current);
}

static void run_hogs(struct hog *h, u32 n, ns_t for_ns)
{
	hog_end = clock_monotonic() + for_ns;
	run_threads(n, hog_main, h, sizeof(*h));
}

static void weights_main(void *arg)
{
	struct hog h[4] = { { .nice = 0, .mask = 1 }, { .nice = 5, .mask = 1 }, { .nice = -5, .mask = 1 }, { .nice = 10, .mask = 1 } };
	static const double weight[4] = { 1024, 335, 3121, 110 };
	double sum = 0, weights = 0;

	run_hogs(h, 4, 4 * NS_PER_SEC);
	for (u32 i = 0; i < 4; i++) {
		sum += (double)h[i].run_ns;
		weights += weight[i];
	}
	for (u32 i = 0; i < 4; i++) {
		double ratio = (double)h[i].run_ns / sum / (weight[i] / weights);

		u_note("nice %d: %.2f of its share, longest wait %llu ms", h[i].nice, ratio,
			(unsigned long long)h[i].longest_gap / NS_PER_MS);
		u_check(ratio > 0.9 && ratio < 1.1);
		u_check(h[i].longest_gap < 400 * NS_PER_MS);
	}
}

U_TEST_LIMIT(weights_hold_within_ten_percent, 60)
{
	struct host_sim s = { .cpus = 1, .seed = 1, .time_limit_ns = 60 * NS_PER_SEC };

	u_eq(host_sim_run(&s, weights_main, NULL), 0);
}

static void starve_main(void *arg)
{
	struct hog h[8];
	u32 n = 8;

	for (u32 i = 0; i < n; i++)
		h[i] = (struct hog){ .nice = i == 0 ? 19 : -20, .mask = 1 };
	run_hogs(h, n, 4 * NS_PER_SEC);
	for (u32 i = 0; i < n; i++)
		u_check(h[i].longest_gap < 100 * NS_PER_MS * n);
	u_note("nice 19 against seven of nice -20: longest wait %llu ms", (unsigned long long)h[0].longest_gap / NS_PER_MS);
	u_check(h[0].run_ns > 0);
}

U_TEST_LIMIT(nobody_waits_beyond_the_bound, 60)
{
	struct host_sim s = { .cpus = 1, .seed = 1, .time_limit_ns = 60 * NS_PER_SEC };

	u_eq(host_sim_run(&s, starve_main, NULL), 0);
}

/* A thread of short bursts beside hogs is served at once. */
static u64 worst_latency;
static void interactive(void *arg)
{
	for (u32 i = 0; i < 100; i++) {
		ns_t due = clock_monotonic() + 10 * NS_PER_MS;

		thread_sleep_until(due, WAIT_UNINTERRUPTIBLE);
		if (i > 10)
			worst_latency = MAX(worst_latency, clock_monotonic() - due);
		host_sim_work(100 * NS_PER_US);
	}
}
static void latency_role(void *arg)
{
	struct hog *h = arg;

	if (h->nice == 1)
		interactive(NULL);
	else
		hog_main(h);
}
static void latency_main(void *arg)
{
	struct hog h[4] = { { .mask = 1 }, { .mask = 1 }, { .mask = 1 }, { .nice = 1, .mask = 1 } };

	worst_latency = 0;
	hog_end = clock_monotonic() + 1300 * NS_PER_MS;
	run_threads(4, latency_role, h, sizeof(h[0]));
	u_note("worst wake-up latency beside three hogs: %llu us", (unsigned long long)worst_latency / 1000);
	u_check(worst_latency < 2 * NS_PER_MS);
}

U_TEST_LIMIT(short_bursts_run_soon, 60)
{
	struct host_sim s = { .cpus = 1, .seed = 1, .time_limit_ns = 60 * NS_PER_SEC };

	u_eq(host_sim_run(&s, latency_main, NULL), 0);
}

/* Hogs spread over all CPUs, whatever the start. */
static void spread_main(void *arg)
{
	struct hog h[6];
	u64 least = ~0ULL, most = 0, sum = 0;

	for (u32 i = 0; i < 6; i++)
		h[i] = (struct hog){ .mask = ~0ULL };
	run_hogs(h, 6, NS_PER_SEC);
	for (u32 i = 0; i < 6; i++) {
		least = MIN(least, h[i].run_ns);
		most = MAX(most, h[i].run_ns);
		sum += h[i].run_ns;
	}
	u_note("6 hogs on 3 CPUs for 1 s: %llu..%llu ms each, %llu ms in all", (unsigned long long)least / NS_PER_MS,
		(unsigned long long)most / NS_PER_MS, (unsigned long long)sum / NS_PER_MS);
	u_check(sum > 2900 * NS_PER_MS);
	u_check(most < least * 13 / 10);
}

U_TEST_LIMIT(load_is_balanced, 60)
{
	for (u32 seed = 1; seed <= 12; seed++) {
		struct host_sim s = { .cpus = 3, .seed = seed, .ns_per_point = 40 + 5 * seed, .time_limit_ns = 60 * NS_PER_SEC };

		u_eq(host_sim_run_again(&s, spread_main, NULL), 0);
	}
}

/* Two threads that wake each other and sleep stay on one CPU; a waker that goes on computing sends its helper to an idle one. */
static struct semaphore ping, pong;
static u32 same_cpu, helper_cpu;
static void pair_role(void *arg)
{
	bool first = *(u32 *)arg == 0;

	for (u32 i = 0; i < 200; i++) {
		if (first) {
			semaphore_up(&ping);
			u_eq(semaphore_down(&pong, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
			same_cpu += i >= 100 && cpu_id() == __atomic_load_n(&helper_cpu, __ATOMIC_RELAXED);
		} else {
			u_eq(semaphore_down(&ping, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
			__atomic_store_n(&helper_cpu, cpu_id(), __ATOMIC_RELAXED);
			semaphore_up(&pong);
		}
	}
}
static void busy_waker_role(void *arg)
{
	for (u32 i = 0; i < 60; i++) {
		if (*(u32 *)arg == 0) {
			semaphore_up(&ping);
			host_sim_work(2 * NS_PER_MS); /* computes beside its helper */
			same_cpu += i >= 30 && cpu_id() == __atomic_load_n(&helper_cpu, __ATOMIC_RELAXED);
			thread_sleep_until(clock_monotonic() + 100000, WAIT_UNINTERRUPTIBLE);
		} else {
			u_eq(semaphore_down(&ping, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
			__atomic_store_n(&helper_cpu, cpu_id(), __ATOMIC_RELAXED);
			host_sim_work(NS_PER_MS);
		}
	}
}
static void placement_main(void *arg)
{
	u32 roles[2] = { 0, 1 };

	semaphore_init(&ping, 0);
	semaphore_init(&pong, 0);
	same_cpu = 0;
	run_threads(2, pair_role, roles, sizeof(roles[0]));
	u_check(same_cpu > 90);
	same_cpu = 0;
	run_threads(2, busy_waker_role, roles, sizeof(roles[0]));
	u_check(same_cpu < 5);
}
U_TEST_LIMIT(woken_threads_go_where_they_should, 60)
{
	run_seeds(2, 5, 10, placement_main);
	run_seeds(4, 5, 10, placement_main);
}

/* ---- affinity ---- */
static void wanderer(void *arg)
{
	for (u32 i = 0; i < 30; i++) {
		u32 cpu = (u32)(host_sim_random() % 3);

		u_eq(sched_set_affinity(current, BIT(cpu)), 0);
		u_eq(cpu_id(), cpu);
		host_sim_work(host_sim_random() % 20000);
		if (i % 4 == 0)
			thread_sleep_until(clock_monotonic() + 5000, WAIT_UNINTERRUPTIBLE);
		u_eq(cpu_id(), cpu);
	}
}

static void affinity_main(void *arg)
{
	u_eq(sched_set_affinity(current, BIT(40)), -EINVAL);
	run_threads(5, wanderer, NULL, 0);
}

U_TEST(affinity_is_obeyed_at_once)
{
	run_seeds(3, 15, 5, affinity_main);
}

/* Others change a thread's mask and parameters while it sleeps, wakes and runs. */
static void pestered(void *arg)
{
	for (u32 i = 0; i < 150; i++) {
		host_sim_work(host_sim_random() % 4000);
		if (i % 2)
			thread_sleep_until(clock_monotonic() + host_sim_random() % 4000, WAIT_UNINTERRUPTIBLE);
	}
}
static struct thread *target;
static void pest_role(void *arg)
{
	if (*(u32 *)arg == 0) {
		thread_get(current);
		__atomic_store_n(&target, current, __ATOMIC_RELEASE);
		pestered(NULL);
		return;
	}
	while (!__atomic_load_n(&target, __ATOMIC_ACQUIRE))
		sched_yield_current();
	for (u32 i = 0; i < 120; i++) {
		struct sched_params p = { .nice = (s8)(host_sim_random() % 40 - 20) };

		if (host_sim_random() % 4 == 0)
			p = (struct sched_params){ .policy = 1 + host_sim_random() % 2, .rt_priority = 1 + host_sim_random() % 99 };
		u_eq(sched_set_params(target, &p), 0);
		u_eq(sched_set_affinity(target, (1 + host_sim_random() % 7) | (cpu_count == 1)), 0);
		sched_get_params(target, &p);
		thread_cpu_time(target);
		thread_wake(target); /* spurious */
		host_sim_work(host_sim_random() % 5000);
	}
}
static void pest_main(void *arg)
{
	u32 roles[3] = { 0, 1, 2 };

	target = NULL;
	run_threads(3, pest_role, roles, sizeof(roles[0]));
	thread_put(target);
}

U_TEST_LIMIT(parameters_change_under_way, 60)
{
	run_seeds(3, 25, 4, pest_main);
	run_seeds(1, 5, 0, pest_main);
}

/* ---- real time ---- */
static u32 order[8], order_count;
static void rt_role(void *arg)
{
	u32 prio = *(u32 *)arg;
	struct sched_params p = { .policy = 1, .rt_priority = (u8)prio };

	u_eq(sched_set_affinity(current, 1), 0);
	u_eq(sched_set_params(current, &p), 0);
	thread_sleep_until(20 * NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	host_sim_work(3 * NS_PER_MS);
	order[order_count++] = prio;
}
static void rt_main(void *arg)
{
	u32 prio[4] = { 10, 50, 99, 30 };

	order_count = 0;
	run_threads(4, rt_role, prio, sizeof(prio[0]));
	u_eq(order[0], 99);
	u_eq(order[1], 50);
	u_eq(order[2], 30);
	u_eq(order[3], 10);
}
U_TEST(realtime_runs_by_priority)
{
	run_seeds(1, 2, 0, rt_main);
	run_seeds(2, 5, 5, rt_main);
}

/* Real-time threads find the CPUs that run something less urgent, and take them. */
static ns_t rt_worst;
static void rt_spread_role(void *arg)
{
	struct sched_params p = { .policy = 1, .rt_priority = 20 };
	ns_t due = 200 * NS_PER_MS;

	if (*(u32 *)arg == 0) {
		struct hog h = { .mask = ~0ULL };

		hog_main(&h);
		return;
	}
	u_eq(sched_set_params(current, &p), 0);
	thread_sleep_until(due, WAIT_UNINTERRUPTIBLE);
	host_sim_work(20 * NS_PER_MS);
	rt_worst = MAX(rt_worst, clock_monotonic() - due);
}
static void rt_spread_main(void *arg)
{
	u32 roles[6] = { 0, 0, 0, 1, 1, 1 };

	rt_worst = 0;
	hog_end = 400 * NS_PER_MS;
	run_threads(6, rt_spread_role, roles, sizeof(roles[0]));
	u_note("three real-time threads of 20 ms on three busy CPUs: all done after %llu us", (unsigned long long)rt_worst / 1000);
	u_check(rt_worst < 21 * NS_PER_MS);
}
U_TEST_LIMIT(realtime_uses_every_cpu, 60)
{
	run_seeds(3, 3, 0, rt_spread_main);
}

static u64 rr_time[2];
static void rr_role(void *arg)
{
	u32 i = *(u32 *)arg;
	struct sched_params p = { .policy = 2, .rt_priority = 5 };
	ns_t end = 1100 * NS_PER_MS;

	u_eq(sched_set_affinity(current, 1), 0);
	u_eq(sched_set_params(current, &p), 0);
	thread_sleep_until(100 * NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	while (clock_monotonic() < end)
		host_sim_work(50000);
	rr_time[i] = thread_cpu_time(current);
}
static void rr_main(void *arg)
{
	u32 ids[2] = { 0, 1 };

	run_threads(2, rr_role, ids, sizeof(ids[0]));
	u_note("two SCHED_RR threads: %llu and %llu ms", (unsigned long long)rr_time[0] / NS_PER_MS,
		(unsigned long long)rr_time[1] / NS_PER_MS);
	u_check(rr_time[0] > 350 * NS_PER_MS && rr_time[1] > 350 * NS_PER_MS);
}
U_TEST_LIMIT(round_robin_takes_turns, 60)
{
	struct host_sim s = { .cpus = 1, .seed = 1, .time_limit_ns = 60 * NS_PER_SEC };

	u_eq(host_sim_run(&s, rr_main, NULL), 0);
}

/* ---- accounting ---- */
static void split_role(void *arg)
{
	ns_t end = clock_monotonic() + NS_PER_SEC;
	u64 user, system, shown_user = 0, shown_system = 0;

	current->flags &= ~THREAD_KERNEL; /* so that the tick samples it */
	while (clock_monotonic() < end) {
		host_sim_user_mode(true);
		host_sim_work(3 * NS_PER_MS);
		host_sim_user_mode(false);
		host_sim_work(NS_PER_MS);
		thread_cpu_times(current, &user, &system);
		u_check(user >= shown_user && system >= shown_system);
		shown_user = user;
		shown_system = system;
	}
	current->flags |= THREAD_KERNEL;
	u_note("3:1 user to system for 1 s: %llu and %llu ms", (unsigned long long)user / NS_PER_MS, (unsigned long long)system / NS_PER_MS);
	u_check(user + system > 990 * NS_PER_MS && user + system < 1010 * NS_PER_MS);
	u_check(user > 550 * NS_PER_MS && user < 900 * NS_PER_MS);
}
static void split_main(void *arg)
{
	struct sched_stats stats;
	u64 load[3];
	u32 running, total;

	run_threads(1, split_role, NULL, 0);
	sched_cpu_stats(0, &stats);
	u_check(stats.user_ns + stats.system_ns > 900 * NS_PER_MS);
	u_check(stats.switches > 2);
	sched_loadavg(load, &running, &total);
	u_check(running >= 1 && total >= 3);
}
U_TEST_LIMIT(times_are_split_by_samples, 60)
{
	struct host_sim s = { .cpus = 1, .seed = 1, .time_limit_ns = 60 * NS_PER_SEC };

	u_eq(host_sim_run(&s, split_main, NULL), 0);
}

static void load_main(void *arg)
{
	struct hog h[2] = { { .mask = ~0ULL }, { .mask = ~0ULL } };
	u64 load[3];
	u32 running, total;

	run_hogs(h, 2, 62 * NS_PER_SEC);
	sched_loadavg(load, &running, &total);
	u_note("load of two hogs after a minute: %llu.%02llu", (unsigned long long)load[0] >> 11,
		(unsigned long long)((load[0] & 2047) * 100 >> 11));
	u_check(load[0] > 1100 && load[0] < 2 * 2048);
	u_check(load[1] < load[0] && load[2] < load[1]);
}
U_TEST_LIMIT(load_average_rises, 60)
{
	struct host_sim s = { .cpus = 1, .seed = 1, .time_limit_ns = 100 * NS_PER_SEC, .ns_per_point = 5000 };

	u_eq(host_sim_run(&s, load_main, NULL), 0);
}

/* ---- yield, work queue ---- */
static u32 turns[2];
static void yielder(void *arg)
{
	u32 self = *(u32 *)arg;

	u_eq(sched_set_affinity(current, 1), 0);
	thread_sleep_until(NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	for (u32 i = 0; i < 100; i++) {
		turns[self]++;
		if (turns[!self] && turns[!self] < 100)
			u_check(turns[self] - turns[!self] + 2 <= 4); /* at most two apart */
		sched_yield_current();
	}
}
static void yield_main(void *arg)
{
	u32 ids[2] = { 0, 1 };

	turns[0] = turns[1] = 0;
	run_threads(2, yielder, ids, sizeof(ids[0]));
}
U_TEST(yield_alternates)
{
	run_seeds(1, 3, 0, yield_main);
}

static struct work work;
static u32 work_runs, work_fires;
static void work_fn(struct work *w)
{
	lock_assert_may_sleep();
	__atomic_fetch_add(&work_runs, 1, __ATOMIC_RELAXED);
}
static void work_timer(struct timer *t)
{
	work_queue(&work);
	if (++work_fires < 50)
		timer_start(t, clock_monotonic() + 20000);
}
static void work_main(void *arg)
{
	static struct timer t;

	work_runs = work_fires = 0;
	work_init(&work, work_fn);
	timer_init(&t, work_timer);
	timer_start(&t, clock_monotonic() + 20000);
	while (__atomic_load_n(&work_fires, __ATOMIC_RELAXED) < 50)
		thread_sleep_until(clock_monotonic() + 100000, WAIT_UNINTERRUPTIBLE);
	thread_sleep_until(clock_monotonic() + 1000000, WAIT_UNINTERRUPTIBLE);
	u_eq(work_runs, 50);
	u_check(!timer_cancel_sync(&t));
}
U_TEST(work_from_interrupts_runs_in_a_thread)
{
	run_seeds(2, 5, 5, work_main);
}
