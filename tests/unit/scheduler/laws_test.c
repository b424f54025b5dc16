/* The laws of the scheduler at size: 1 to 64 simulated CPUs, up to 2048 threads, seeded: weights, no starvation, short wake-ups.
 * mode: sim
 * needs: kernel/scheduler/core/schedule.c kernel/scheduler/core/wake.c kernel/scheduler/core/balance.c kernel/scheduler/core/tick.c
 * needs: kernel/scheduler/core/accounting.c kernel/scheduler/core/workqueue.c kernel/scheduler/thread/thread.c
 * needs: kernel/scheduler/thread/params.c kernel/scheduler/prediction/fair.c kernel/scheduler/realtime/realtime.c
 * needs: kernel/scheduler/realtime/deadline.c kernel/scheduler/realtime/inherit.c
 * needs: kernel/time/clock.c kernel/time/timer.c kernel/time/rtc.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 * needs: kernel/sync/waitqueue.c kernel/sync/mutex.c kernel/sync/rwsem.c kernel/sync/rcu.c
 */
#include "sim_harness.h"

#define MS      NS_PER_MS
#define THREADS 2048

static struct law {
	s8 nice;
	u32 cpu;
	u64 run_ns, longest_gap;
	struct thread *thread;
} laws[THREADS];
static struct job law_jobs[THREADS];
static ns_t begin_at, end_at;
static u32 most_on_one; /* threads that stood on one CPU when the first saw that it is over */

static void census(void)
{
	u32 on[CPUS_MAX] = { 0 };

	for (u32 i = 0; i < THREADS && laws[i].thread; i++)
		most_on_one = MAX(most_on_one, ++on[laws[i].thread->cpu]);
}

static void start_all(u32 n, void (*fn)(void *arg))
{
	semaphore_init(&jobs_done, 0);
	for (u32 i = 0; i < n; i++) {
		law_jobs[i] = (struct job){ fn, &laws[i] };
		if (!u_check(kthread_create("law", job_main, &law_jobs[i])))
			return;
	}
	for (u32 i = 0; i < n; i++)
		u_eq(semaphore_down(&jobs_done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
	thread_sleep_until(clock_monotonic() + MS, WAIT_UNINTERRUPTIBLE);
}

static void computing(void *arg)
{
	struct law *l = arg;
	struct sched_params p = { .nice = l->nice };
	u64 before;
	ns_t last;

	l->thread = current;
	u_eq(sched_set_affinity(current, l->cpu < CPUS_MAX ? BIT(l->cpu) : ~0ULL), 0);
	u_eq(sched_set_params(current, &p), 0);
	thread_sleep_until(begin_at, WAIT_UNINTERRUPTIBLE);
	before = thread_cpu_time(current);
	last = clock_monotonic();
	while (clock_monotonic() < end_at) {
		ns_t now;

		host_sim_work(400000);
		now = clock_monotonic();
		l->longest_gap = MAX(l->longest_gap, now - last);
		last = now;
	}
	if (!most_on_one)
		census();
	l->run_ns = thread_cpu_time(current) - before;
}

/* ---- weights hold within 10% on each CPU, and nobody waits beyond 100 ms x threads ---- */
static const s8 nices[8] = { 0, 0, 5, -5, 10, 3, -3, 1 };
static const double weights[8] = { 1024, 1024, 335, 3121, 110, 526, 1991, 820 };
static u32 law_cpus;

static void weights_main(void *arg)
{
	u32 n = law_cpus * 8;
	double worst = 0, sum_w = 0;
	u64 gap = 0;

	for (u32 i = 0; i < n; i++)
		laws[i] = (struct law){ .nice = nices[i % 8], .cpu = i / 8 };
	begin_at = clock_monotonic() + 50 * MS;
	end_at = begin_at + 2000 * MS;
	start_all(n, computing);
	for (u32 k = 0; k < 8; k++)
		sum_w += weights[k];
	for (u32 cpu = 0; cpu < law_cpus; cpu++) {
		double sum = 0;

		for (u32 k = 0; k < 8; k++)
			sum += (double)laws[cpu * 8 + k].run_ns;
		for (u32 k = 0; k < 8; k++) {
			double off = (double)laws[cpu * 8 + k].run_ns / sum / (weights[k] / sum_w) - 1;

			worst = MAX(worst, off < 0 ? -off : off);
			gap = MAX(gap, laws[cpu * 8 + k].longest_gap);
		}
	}
	u_note("%u CPUs, %u threads of seven nice values: at worst %.1f%% off its share, longest wait %llu ms", law_cpus, n, worst * 100,
		(unsigned long long)(gap / MS));
	u_check(worst < 0.10);
	u_check(gap < 8 * 100 * MS);
}

U_TEST_LIMIT(weights_hold, 120)
{
	law_cpus = 1;
	run_seeds(1, 2, 0, weights_main);
	law_cpus = 8;
	run_seeds(8, 2, 0, weights_main);
}

/* ---- thousands of threads: everyone runs, within the bound ---- */
static void crowd_main(void *arg)
{
	bool large = law_cpus == 64;
	u32 n = law_cpus * (large ? 32 : 50);
	u64 gap = 0, least = ~0ULL;

	most_on_one = 0;
	for (u32 i = 0; i < THREADS; i++)
		laws[i].thread = NULL;
	for (u32 i = 0; i < n; i++)
		laws[i] = (struct law){ .nice = large ? 0 : (s8)((i * 2654435761u >> 16) % 40 - 20), .cpu = CPUS_MAX };
	begin_at = clock_monotonic() + 100 * MS;
	end_at = begin_at + (large ? 300 : 5500) * MS;
	start_all(n, computing);
	for (u32 i = 0; i < n; i++) {
		gap = MAX(gap, laws[i].longest_gap);
		least = MIN(least, laws[i].run_ns);
	}
	u_note("%u CPUs, %u threads: longest wait %llu ms, the least ran %llu us, at most %u on one CPU", law_cpus, n, (unsigned long long)(gap / MS),
		(unsigned long long)(least / 1000), most_on_one);
	u_check(most_on_one <= 2 * n / law_cpus);
	u_check(least > 0);
	u_check(gap < 100 * MS * (n / law_cpus + 1));
}
U_TEST_LIMIT(thousands_are_all_served, 120)
{
	struct host_sim s = { .cpus = 64, .seed = 1, .time_limit_ns = 60 * NS_PER_SEC };

	law_cpus = 4;
	run_seeds(law_cpus, 1, 0, crowd_main);
	law_cpus = 64;
	u_eq(host_sim_run(&s, crowd_main, NULL), 0);
}

/* ---- a thread of short bursts among 50 hogs ---- */
#define WAKES 500
static ns_t late[WAKES];
static void short_bursts(void *arg)
{
	if (((struct law *)arg)->cpu != 7) {
		((struct law *)arg)->cpu = CPUS_MAX;
		computing(arg);
		return;
	}
	thread_sleep_until(begin_at, WAIT_UNINTERRUPTIBLE);
	for (u32 i = 0; i < WAKES; i++) {
		ns_t at = clock_monotonic() + 9 * MS + i % 7 * 300000;

		thread_sleep_until(at, WAIT_UNINTERRUPTIBLE);
		late[i] = clock_monotonic() - at;
		host_sim_work(50000 + i % 5 * 25000); /* about 1% of a CPU: within its share */
	}
	end_at = 0;
}
static void interactive_main(void *arg)
{
	for (u32 i = 0; i < 51; i++)
		laws[i] = (struct law){ .cpu = i == 20 ? 7 : 0 };
	begin_at = clock_monotonic() + 50 * MS;
	end_at = NS_FOREVER;
	start_all(51, short_bursts);
	for (u32 i = 1; i < WAKES; i++)
		for (u32 k = i; k && late[k] < late[k - 1]; k--) {
			ns_t t = late[k];

			late[k] = late[k - 1];
			late[k - 1] = t;
		}
	u_note("%u CPUs, 50 hogs: an interactive thread runs after %llu us (p50), %llu us (p99), %llu us (max)", law_cpus,
		(unsigned long long)late[WAKES / 2] / 1000, (unsigned long long)late[WAKES * 99 / 100] / 1000,
		(unsigned long long)late[WAKES - 1] / 1000);
	u_check(late[WAKES * 99 / 100] < 2 * MS);
}
U_TEST_LIMIT(interactive_among_fifty_hogs, 120)
{
	static const u32 cpus[2] = { 1, 4 };

	for (u32 i = 0; i < 2; i++) {
		law_cpus = cpus[i];
		run_seeds(law_cpus, 2, 0, interactive_main);
	}
}

/* ---- memory is nearer to some CPUs: threads stay by theirs, and no CPU stands idle for it ---- */
#define NODE_CPUS 4
static u32 moves[4]; /* by distance / 10 */
static u32 node_distance(u32 from, u32 to)
{
	from /= NODE_CPUS, to /= NODE_CPUS;
	return from == to ? 10 : (from ^ to) == 1 ? 20 : 30;
}
static void naps(void *arg)
{
	struct law *l = arg;
	u32 at = l->cpu;

	u_eq(sched_set_affinity(current, BIT(at)), 0);
	thread_sleep_until(begin_at, WAIT_UNINTERRUPTIBLE);
	if (l->nice) { /* one CPU of a node computes all the time */
		while (clock_monotonic() < end_at)
			host_sim_work(100000);
		return;
	}
	u_eq(sched_set_affinity(current, ~0ULL), 0);
	while (clock_monotonic() < end_at) {
		u32 now;

		thread_sleep_until(clock_monotonic() + 100000 + host_sim_random() % 900000, WAIT_UNINTERRUPTIBLE);
		now = current->cpu;
		if (now != at)
			moves[node_distance(at, now) / 10]++;
		at = now;
		host_sim_work(host_sim_random() % 300000);
	}
}
static void nodes_main(void *arg)
{
	begin_at = clock_monotonic() + 50 * MS;
	end_at = begin_at + 1000 * MS;
	for (u32 i = 0; i < 20; i++)
		laws[i] = (struct law){ .cpu = i % 16, .nice = i < 16 && i % NODE_CPUS == 0 };
	start_all(20, naps);
	u_note("moves within a node %u, to the next %u, to a far one %u", moves[1], moves[2], moves[3]);
	if (arg) { /* alike */
		u_check(moves[1] < 2 * (moves[2] + moves[3]));
		return;
	}
	u_check(moves[1] > 4 * (moves[2] + moves[3]));
	u_check(moves[2] > 2 * moves[3]);
}
static void spread_main(void *arg)
{
	begin_at = clock_monotonic() + 50 * MS;
	end_at = begin_at + 300 * MS;
	for (u32 i = 0; i < 16; i++)
		laws[i] = (struct law){ .cpu = CPUS_MAX };
	for (u32 i = 16; i < THREADS; i++)
		laws[i].thread = NULL;
	most_on_one = 0;
	start_all(16, computing);
	u_eq(most_on_one, 1);
}
U_TEST_LIMIT(threads_stay_near_their_memory, 120)
{
	struct host_sim s = { .cpus = 16, .seed = 1, .time_limit_ns = 60 * NS_PER_SEC };

	u_eq(host_sim_run_again(&s, nodes_main, &s), 0);
	s.distance = node_distance;
	for (s.seed = 1; s.seed <= 3; s.seed++) {
		u_eq(host_sim_run_again(&s, nodes_main, NULL), 0);
		u_eq(host_sim_run_again(&s, spread_main, NULL), 0);
	}
}
