/* Locks between real threads, watched by the thread sanitizer.
 * mode: tsan
 * needs: kernel/sync/spinlock.c kernel/sync/lock_debug.c kernel/sync/waitqueue.c kernel/sync/mutex.c kernel/sync/rwsem.c
 * needs:
 */
#include "u_.h"
#include "../semaphore.h"
#include <exo/sched.h>
#include <exo/sync.h>

#define WORKERS 4
#define ROUNDS  20000

static u32 ended;
static u64 counter; /* plain on purpose: the lock guards it, and the sanitizer sees if not */
static void (*body)(void);

static void worker(void *arg)
{
	body();
	__atomic_fetch_add(&ended, 1, __ATOMIC_ACQ_REL);
	thread_exit();
}

static void run_workers(void (*fn)(void))
{
	body = fn;
	for (u32 i = 0; i < WORKERS; i++)
		u_need(kthread_create("worker", worker, NULL));
	while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) < WORKERS)
		arch_cpu_relax();
}

static spinlock_t spin = SPINLOCK_INIT(RANK_RUNQUEUE);
static void spin_body(void)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		if (i % 3) {
			spin_lock(&spin);
			counter++;
			spin_unlock(&spin);
		} else {
			ulong flags = spin_lock_irq(&spin);

			counter++;
			spin_unlock_irq(&spin, flags);
		}
	}
}
U_TEST(spin_lock_excludes)
{
	run_workers(spin_body);
	u_eq(counter, (u64)WORKERS * ROUNDS);
}

static struct mutex mutex;
static void mutex_body(void)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		mutex_lock(&mutex);
		counter++;
		mutex_unlock(&mutex);
	}
}
U_TEST_LIMIT(mutex_excludes, 60)
{
	mutex_init(&mutex, RANK_S_MISC);
	run_workers(mutex_body);
	u_eq(counter, (u64)WORKERS * ROUNDS);
	u_eq(mutex.owner, 0);
}

static struct rwsem rwsem;
static u32 tickets;
static void rwsem_body(void)
{
	bool writer = __atomic_fetch_add(&tickets, 1, __ATOMIC_RELAXED) % 2;
	u64 last = 0;

	for (u32 i = 0; i < ROUNDS / 4; i++) {
		if (writer) {
			rwsem_write_lock(&rwsem);
			counter++;
			rwsem_write_unlock(&rwsem);
		} else {
			rwsem_read_lock(&rwsem);
			if (counter < last)
				u_fail(__FILE__, __LINE__, "the counter ran backwards");
			last = counter;
			rwsem_read_unlock(&rwsem);
		}
	}
}
U_TEST_LIMIT(rwsem_shares_and_excludes, 60)
{
	rwsem_init(&rwsem, RANK_S_MISC);
	run_workers(rwsem_body);
	u_eq(counter, WORKERS / 2 * (ROUNDS / 4));
	u_eq(rwsem.count, 0);
	u_eq(rwsem.waiting, 0);
}

static struct semaphore slots;
static u32 inside;
static void semaphore_body(void)
{
	for (u32 i = 0; i < ROUNDS / 20; i++) {
		if (semaphore_down(&slots, WAIT_UNINTERRUPTIBLE, NS_FOREVER))
			u_fail(__FILE__, __LINE__, "semaphore_down failed");
		if (__atomic_add_fetch(&inside, 1, __ATOMIC_RELAXED) > 2)
			u_fail(__FILE__, __LINE__, "more than two inside");
		__atomic_fetch_sub(&inside, 1, __ATOMIC_RELAXED);
		semaphore_up(&slots);
	}
}
U_TEST_LIMIT(semaphore_counts, 60)
{
	semaphore_init(&slots, 2);
	run_workers(semaphore_body);
	u_eq(slots.count, 2);
}

/* A ring of threads passes a token round: a lost wake-up stops it. */
static struct {
	struct waitqueue wq;
	u32 token;
} ring[WORKERS];
static void ring_body(void)
{
	u32 self = __atomic_fetch_add(&tickets, 1, __ATOMIC_RELAXED);

	for (u32 i = 0; i < ROUNDS / 10; i++) {
		wait_event_uninterruptible(&ring[self].wq, __atomic_load_n(&ring[self].token, __ATOMIC_ACQUIRE));
		__atomic_store_n(&ring[self].token, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&ring[(self + 1) % WORKERS].token, 1, __ATOMIC_RELEASE);
		wake_one(&ring[(self + 1) % WORKERS].wq, 0);
	}
}
U_TEST_LIMIT(no_wake_up_is_lost, 60)
{
	for (u32 i = 0; i < WORKERS; i++)
		waitqueue_init(&ring[i].wq);
	ring[0].token = 1;
	run_workers(ring_body);
}
