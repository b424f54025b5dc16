/* Uncontended locks of the kernel (arch/host: the interrupt flag and per-CPU counts are variables
 * of the program), beside the C library's.
 *
 * needs: kernel/sync/spinlock.c kernel/sync/mutex.c kernel/sync/waitqueue.c kernel/sync/rwsem.c
 */
#include <host.h>
#include <exo/sync.h>
#include <exo/sched.h>
#include <pthread.h>
#include "native_bench.h"

static spinlock_t spin = SPINLOCK_INIT(RANK_RUNQUEUE);
static struct mutex mutex;
static struct rwsem sem;
static pthread_mutex_t linux_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t linux_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t linux_spin;
static u64 counter;

int main(void)
{
	u64 wanted = 8ull * NATIVE_BATCH * (NATIVE_SAMPLES + NATIVE_SAMPLES / 10);

	mutex_init(&mutex, RANK_COUNT - 1);
	rwsem_init(&sem, RANK_COUNT - 1);
	require(!pthread_spin_init(&linux_spin, PTHREAD_PROCESS_PRIVATE));
	NATIVE_BENCH("kernel_spin_lock_unlock", {
		spin_lock(&spin);
		counter++;
		spin_unlock(&spin);
	});
	NATIVE_BENCH("kernel_spin_lock_unlock_irq", {
		ulong flags = spin_lock_irq(&spin);
		counter++;
		spin_unlock_irq(&spin, flags);
	});
	NATIVE_BENCH("linux_pthread_spin_lock_unlock", {
		pthread_spin_lock(&linux_spin);
		counter++;
		pthread_spin_unlock(&linux_spin);
	});
	NATIVE_BENCH("kernel_mutex_lock_unlock", {
		mutex_lock(&mutex);
		counter++;
		mutex_unlock(&mutex);
	});
	NATIVE_BENCH("linux_pthread_mutex_lock_unlock", {
		pthread_mutex_lock(&linux_mutex);
		counter++;
		pthread_mutex_unlock(&linux_mutex);
	});
	NATIVE_BENCH("kernel_rwsem_read_lock_unlock", {
		rwsem_read_lock(&sem);
		counter++;
		rwsem_read_unlock(&sem);
	});
	NATIVE_BENCH("kernel_rwsem_write_lock_unlock", {
		rwsem_write_lock(&sem);
		counter++;
		rwsem_write_unlock(&sem);
	});
	NATIVE_BENCH("linux_pthread_rwlock_read_lock_unlock", {
		pthread_rwlock_rdlock(&linux_rwlock);
		counter++;
		pthread_rwlock_unlock(&linux_rwlock);
	});
	require(counter == wanted);
	return 0;
}
