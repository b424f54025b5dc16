/* Sleeping locks, wait queues and RCU on simulated CPUs with random interleavings.
 * mode: sim
 * needs: kernel/scheduler/core/schedule.c kernel/scheduler/core/wake.c kernel/scheduler/core/balance.c kernel/scheduler/core/tick.c
 * needs: kernel/scheduler/core/accounting.c kernel/scheduler/core/workqueue.c kernel/scheduler/thread/thread.c
 * needs: kernel/scheduler/thread/params.c kernel/scheduler/prediction/fair.c kernel/scheduler/realtime/realtime.c
 * needs: kernel/scheduler/realtime/deadline.c kernel/scheduler/realtime/inherit.c
 * needs: kernel/time/clock.c kernel/time/timer.c kernel/time/rtc.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 * needs: kernel/sync/waitqueue.c kernel/sync/mutex.c kernel/sync/rwsem.c kernel/sync/rcu.c
 */
#include "sim_harness.h"

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
			thread_sleep_until(clock_monotonic() + 20000, WAIT_UNINTERRUPTIBLE);
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

static struct waitqueue never;
static struct thread *victim;
static void kill_role(void *arg)
{
	if (*(u32 *)arg == 0) {
		__atomic_store_n(&victim, current, __ATOMIC_RELEASE);
		u_eq(wait_event_killable(&never, false), -ERESTARTSYS);
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
	waitqueue_init(&never);
	run_threads(2, kill_role, roles, sizeof(roles[0]));
	u_check(list_empty(&never.waiters));
}

U_TEST(killable_sleep_ends_by_death_only)
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
			rwsem_write_unlock(&rwsem);
		} else {
			rwsem_read_lock(&rwsem);
			u32 n = (u32)__atomic_add_fetch(&readers_in, 1, __ATOMIC_RELAXED);

			u_eq(writers_in, 0);
			most_readers = MAX(most_readers, n);
			host_sim_work(4000);
			if (i % 5 == 0)
				thread_sleep_until(clock_monotonic() + 20000, WAIT_UNINTERRUPTIBLE);
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
			if (role == 2) /* not shorter than a sleep costs here, 50 ns a branch: the others would only take interrupts */
				thread_sleep_until(clock_monotonic() + 20000, WAIT_UNINTERRUPTIBLE);
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
	semaphore_init(&jobs_done, 0);
	u_check(kthread_create("spin", job_main, &job));
	thread_sleep_until(clock_monotonic() + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	start = clock_monotonic();
	for (u32 i = 0; i < 10; i++)
		rcu_synchronize();
	u_check(clock_monotonic() - start < 10 * NS_PER_MS);
	__atomic_store_n(&rcu_stop, 1, __ATOMIC_RELEASE);
	u_eq(semaphore_down(&jobs_done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
}

U_TEST(rcu_is_not_stalled_by_user_mode)
{
	run_seeds(4, 5, 20, forced_main);
}
