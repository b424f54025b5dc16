/* The scheduler, timers, locks and RCU as they run together, on simulated CPUs with random interleavings.
 * mode: sim
 * needs: kernel/scheduler/core/schedule.c kernel/scheduler/core/wake.c kernel/scheduler/core/balance.c kernel/scheduler/core/tick.c
 * needs: kernel/scheduler/core/accounting.c kernel/scheduler/core/workqueue.c kernel/scheduler/thread/thread.c
 * needs: kernel/scheduler/thread/params.c kernel/scheduler/prediction/fair.c kernel/scheduler/realtime/realtime.c
 * needs: kernel/time/clock.c kernel/time/timer.c kernel/time/rtc.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 * needs: kernel/sync/waitqueue.c kernel/sync/mutex.c kernel/sync/rwsem.c kernel/sync/semaphore.c kernel/sync/rcu.c
 */
#include "u_.h"
#include <exo/sched.h>
#include <exo/time.h>
#include <exo/memory.h>
#include <exo/errno.h>

#define THREADS_MAX 16

/* Runs main_fn with several seeds; the first that fails is named. */
static void run_seeds(u32 cpus, u32 seeds, u32 switch_one_in, void (*main_fn)(void *arg))
{
	for (u32 seed = 1; seed <= seeds && !u_failures; seed++) {
		struct host_sim s = { .cpus = cpus, .seed = seed, .switch_one_in = switch_one_in, .time_limit_ns = 60 * NS_PER_SEC };
		int r = host_sim_run_again(&s, main_fn, NULL);

		if (r)
			u_fail(__FILE__, __LINE__, "seed %u on %u CPUs: error %d", seed, cpus, r);
	}
}

/* ---- helpers inside the simulation ---- */
static struct semaphore done;

struct job {
	void (*fn)(void *arg);
	void *arg;
};
static void job_main(void *p)
{
	struct job *j = p;

	j->fn(j->arg);
	semaphore_up(&done);
}
/* Starts n threads and waits for all of them. */
static void run_threads(u32 n, void (*fn)(void *arg), void *args, size_t arg_size)
{
	static struct job jobs[THREADS_MAX];

	semaphore_init(&done, 0);
	for (u32 i = 0; i < n; i++) {
		jobs[i] = (struct job){ fn, (char *)args + i * arg_size };
		u_check(kthread_create("worker", job_main, &jobs[i]));
	}
	for (u32 i = 0; i < n; i++)
		u_eq(semaphore_down(&done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
}

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

/* ---- a ring of threads that wake each other: a lost wake-up stops it ---- */
#define RING   5
#define ROUNDS 60
static struct {
	struct waitqueue wq;
	u32 token; /* [a] */
} ring[RING];

static void ring_member(void *arg)
{
	u32 self = *(u32 *)arg;

	for (u32 i = 0; i < ROUNDS; i++) {
		wait_event_uninterruptible(&ring[self].wq, __atomic_load_n(&ring[self].token, __ATOMIC_ACQUIRE));
		__atomic_store_n(&ring[self].token, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&ring[(self + 1) % RING].token, 1, __ATOMIC_RELEASE);
		wake_one(&ring[(self + 1) % RING].wq, 0);
	}
}

static void ring_main(void *arg)
{
	u32 ids[RING];

	for (u32 i = 0; i < RING; i++) {
		ids[i] = i;
		waitqueue_init(&ring[i].wq);
		ring[i].token = i == 0;
	}
	run_threads(RING, ring_member, ids, sizeof(ids[0]));
}

U_TEST_LIMIT(no_wake_up_is_lost, 60)
{
	run_seeds(1, 10, 0, ring_main);
	run_seeds(2, 40, 2, ring_main);
	run_seeds(3, 40, 7, ring_main);
	run_seeds(4, 20, 30, ring_main);
}

/* ---- sleeps with a deadline against wakes that race with it ---- */
static struct waitqueue race_wq;
static u32 race_flag, race_ended;

static void race_waker(void *arg)
{
	while (!__atomic_load_n(&race_ended, __ATOMIC_ACQUIRE)) {
		thread_sleep_until(clock_monotonic() + host_sim_random() % 30000, WAIT_UNINTERRUPTIBLE);
		__atomic_store_n(&race_flag, 1, __ATOMIC_RELEASE);
		wake_all(&race_wq, 0);
	}
}

static void race_sleeper(void *arg)
{
	for (u32 i = 0; i < 40; i++) {
		ns_t deadline = clock_monotonic() + 15000;
		int r = wait_event_timeout(&race_wq, __atomic_exchange_n(&race_flag, 0, __ATOMIC_ACQ_REL), deadline);

		u_check(r == 0 || (r == -ETIMEDOUT && clock_monotonic() >= deadline));
	}
	__atomic_store_n(&race_ended, 1, __ATOMIC_RELEASE);
}

static void race_role(void *arg)
{
	(*(u32 *)arg ? race_waker : race_sleeper)(NULL);
}

static void race_main(void *arg)
{
	u32 roles[2] = { 0, 1 };

	race_flag = race_ended = 0;
	waitqueue_init(&race_wq);
	run_threads(2, race_role, roles, sizeof(roles[0]));
}

U_TEST(timeouts_race_with_wakes)
{
	run_seeds(2, 40, 3, race_main);
	run_seeds(1, 10, 0, race_main);
}

/* ---- mutex ---- */
static struct mutex mutex;
static u64 counter;
static u32 inside_lock;

static void mutex_user(void *arg)
{
	for (u32 i = 0; i < 50; i++) {
		mutex_lock(&mutex);
		u_eq(__atomic_fetch_add(&inside_lock, 1, __ATOMIC_RELAXED), 0);
		u_check(mutex_held(&mutex));
		host_sim_work(host_sim_random() % 3000);
		counter++;
		if (host_sim_random() % 8 == 0)
			thread_sleep_until(clock_monotonic() + 3000, WAIT_UNINTERRUPTIBLE);
		__atomic_fetch_sub(&inside_lock, 1, __ATOMIC_RELAXED);
		mutex_unlock(&mutex);
	}
}

static void mutex_main(void *arg)
{
	mutex_init(&mutex, RANK_S_MISC);
	counter = 0;
	run_threads(5, mutex_user, &counter, 0);
	u_eq(counter, 250);
	u_eq(mutex.owner, 0);
}

U_TEST_LIMIT(mutex_excludes_and_ends_free, 60)
{
	run_seeds(1, 3, 0, mutex_main);
	run_seeds(2, 12, 3, mutex_main);
	run_seeds(4, 12, 10, mutex_main);
}

/* One thread takes and releases in a tight loop; another must still get it. */
static u32 greedy_stop, patient_rounds;
static void greedy_or_patient(void *arg)
{
	if (*(u32 *)arg) {
		for (u32 i = 0; i < 20; i++) {
			mutex_lock(&mutex);
			patient_rounds++;
			mutex_unlock(&mutex);
			thread_sleep_until(clock_monotonic() + 2000, WAIT_UNINTERRUPTIBLE);
		}
		__atomic_store_n(&greedy_stop, 1, __ATOMIC_RELEASE);
	} else {
		while (!__atomic_load_n(&greedy_stop, __ATOMIC_ACQUIRE)) {
			mutex_lock(&mutex);
			host_sim_work(20000);
			mutex_unlock(&mutex);
		}
	}
}

static void greedy_main(void *arg)
{
	u32 roles[2] = { 0, 1 };
	ns_t start = clock_monotonic();

	mutex_init(&mutex, RANK_S_MISC);
	greedy_stop = patient_rounds = 0;
	run_threads(2, greedy_or_patient, roles, sizeof(roles[0]));
	u_eq(patient_rounds, 20);
	u_check(clock_monotonic() - start < 200 * NS_PER_MS);
}

U_TEST(mutex_does_not_starve)
{
	run_seeds(1, 3, 0, greedy_main);
	run_seeds(2, 10, 5, greedy_main);
}

static void killed_waiter(void *arg)
{
	u_eq(mutex_lock_killable(&mutex), -EINTR);
}

static struct thread *victim;
static void kill_role(void *arg)
{
	if (*(u32 *)arg == 0) {
		__atomic_store_n(&victim, current, __ATOMIC_RELEASE);
		killed_waiter(NULL);
		__atomic_fetch_and(&current->work, ~(u32)WORK_EXIT, __ATOMIC_RELAXED);
	} else {
		while (!__atomic_load_n(&victim, __ATOMIC_ACQUIRE) || thread_state(victim) != THREAD_KILLABLE)
			thread_sleep_until(clock_monotonic() + 1000, WAIT_UNINTERRUPTIBLE);
		u_check(!thread_wake_signal(victim, false)); /* not for ordinary signals */
		__atomic_fetch_or(&victim->work, WORK_EXIT, __ATOMIC_SEQ_CST);
		thread_wake_signal(victim, true);
	}
}

static void kill_main(void *arg)
{
	u32 roles[2] = { 0, 1 };

	victim = NULL;
	mutex_init(&mutex, RANK_S_MISC);
	mutex_lock(&mutex);
	run_threads(2, kill_role, roles, sizeof(roles[0]));
	mutex_unlock(&mutex);
	u_eq(mutex.owner, 0);
}

U_TEST(killable_lock_ends_by_death_only)
{
	run_seeds(2, 10, 3, kill_main);
	run_seeds(1, 3, 0, kill_main);
}

/* ---- rwsem ---- */
static struct rwsem rwsem;
static s32 readers_in, writers_in;
static u32 most_readers;

static void rwsem_user(void *arg)
{
	bool writer = *(u32 *)arg;

	for (u32 i = 0; i < 30; i++) {
		if (writer) {
			rwsem_write_lock(&rwsem);
			u_eq(__atomic_fetch_add(&writers_in, 1, __ATOMIC_RELAXED), 0);
			u_eq(readers_in, 0);
			host_sim_work(2000);
			__atomic_fetch_sub(&writers_in, 1, __ATOMIC_RELAXED);
			if (i % 3) {
				rwsem_write_unlock(&rwsem);
			} else {
				rwsem_downgrade(&rwsem);
				u_eq(writers_in, 0);
				rwsem_read_unlock(&rwsem);
			}
		} else {
			rwsem_read_lock(&rwsem);
			u32 n = (u32)__atomic_add_fetch(&readers_in, 1, __ATOMIC_RELAXED);

			u_eq(writers_in, 0);
			most_readers = MAX(most_readers, n);
			host_sim_work(4000);
			if (i % 5 == 0)
				thread_sleep_until(clock_monotonic() + 3000, WAIT_UNINTERRUPTIBLE);
			__atomic_fetch_sub(&readers_in, 1, __ATOMIC_RELAXED);
			rwsem_read_unlock(&rwsem);
		}
	}
}

static void rwsem_main(void *arg)
{
	u32 roles[6] = { 0, 1, 0, 0, 1, 0 };

	rwsem_init(&rwsem, RANK_S_MISC);
	readers_in = writers_in = 0;
	most_readers = 0;
	run_threads(6, rwsem_user, roles, sizeof(roles[0]));
	u_eq(rwsem.count, 0);
	u_eq(rwsem.waiting, 0);
	u_check(most_readers > 1);
}

U_TEST_LIMIT(rwsem_shares_and_excludes, 60)
{
	run_seeds(1, 3, 0, rwsem_main);
	run_seeds(2, 12, 3, rwsem_main);
	run_seeds(4, 12, 10, rwsem_main);
}

/* ---- once ---- */
static struct once once;
static u32 once_runs;
static void once_body(void *arg)
{
	thread_sleep_until(clock_monotonic() + 50000, WAIT_UNINTERRUPTIBLE);
	once_runs++;
}
static void once_user(void *arg)
{
	once_run(&once, once_body, NULL);
	u_eq(once_runs, 1);
}
static void once_main(void *arg)
{
	once = (struct once){ 0 };
	once_runs = 0;
	run_threads(4, once_user, &once_runs, 0);
}
U_TEST(once_runs_once)
{
	run_seeds(2, 10, 3, once_main);
}

/* ---- RCU: a reader must never see a freed object (the sanitizer sees to it) ---- */
struct item {
	struct rcu_head rcu;
	u64 value;
};
static struct item *published;
static u32 rcu_stop;
static u64 items_live;

static void item_free(struct rcu_head *h)
{
	struct item *i = container_of(h, struct item, rcu);

	i->value = 0xdead;
	kfree(i);
	__atomic_fetch_sub(&items_live, 1, __ATOMIC_RELAXED);
}

static void rcu_role(void *arg)
{
	u32 role = *(u32 *)arg;

	if (role == 0) {
		for (u32 n = 0; n < 120; n++) {
			struct item *fresh = kzalloc(sizeof(*fresh), 0), *old;

			fresh->value = 42;
			__atomic_fetch_add(&items_live, 1, __ATOMIC_RELAXED);
			old = __atomic_exchange_n(&published, fresh, __ATOMIC_ACQ_REL);
			if (n % 10 == 0) {
				rcu_synchronize();
				item_free(&old->rcu);
			} else {
				rcu_call(&old->rcu, item_free);
			}
			host_sim_work(2000);
		}
		__atomic_store_n(&rcu_stop, 1, __ATOMIC_RELEASE);
	} else {
		while (!__atomic_load_n(&rcu_stop, __ATOMIC_ACQUIRE)) {
			struct item *i;

			rcu_read_lock();
			i = rcu_dereference(published);
			host_sim_work(500);
			u_eq(i->value, 42);
			rcu_read_unlock();
			if (role == 2)
				thread_sleep_until(clock_monotonic() + 5000, WAIT_UNINTERRUPTIBLE);
		}
	}
}

static void rcu_main(void *arg)
{
	u32 roles[4] = { 0, 1, 2, 2 };

	published = kzalloc(sizeof(*published), 0);
	published->value = 42;
	items_live = 1;
	rcu_stop = 0;
	run_threads(4, rcu_role, roles, sizeof(roles[0]));
	rcu_barrier();
	u_eq(items_live, 1);
	kfree(published);
}

U_TEST_LIMIT(rcu_frees_after_readers_only, 60)
{
	run_seeds(1, 3, 0, rcu_main);
	run_seeds(2, 15, 3, rcu_main);
	run_seeds(4, 15, 5, rcu_main);
}

/* A CPU that stays in user mode for long is made to pass; idle ones are not roused. */
static void spinner(void *arg)
{
	host_sim_user_mode(true);
	while (!__atomic_load_n(&rcu_stop, __ATOMIC_ACQUIRE))
		host_sim_work(100000);
	host_sim_user_mode(false);
}

static void forced_main(void *arg)
{
	static struct job job = { spinner, NULL };
	ns_t start;

	rcu_stop = 0;
	semaphore_init(&done, 0);
	u_check(kthread_create("spin", job_main, &job));
	thread_sleep_until(clock_monotonic() + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	start = clock_monotonic();
	for (u32 i = 0; i < 10; i++)
		rcu_synchronize();
	u_check(clock_monotonic() - start < 10 * NS_PER_MS);
	__atomic_store_n(&rcu_stop, 1, __ATOMIC_RELEASE);
	u_eq(semaphore_down(&done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
}

U_TEST(rcu_is_not_stalled_by_user_mode)
{
	run_seeds(4, 5, 20, forced_main);
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
	struct host_sim s = { .cpus = 3, .seed = 1, .time_limit_ns = 60 * NS_PER_SEC };

	u_eq(host_sim_run(&s, spread_main, NULL), 0);
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
	run_threads(5, wanderer, &counter, 0);
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

	run_threads(1, split_role, &counter, 0);
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
