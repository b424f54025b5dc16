/* Spin locks: the contended path. Layer: sync.
 *
 * Test-and-test-and-set with exponential back-off. No queue order on purpose: under an emulator or
 * a hypervisor the next CPU in a ticket queue may not be running, and then everybody waits for it.
 */
#include <exo/sync.h>

#define BACKOFF_RELAX_MAX 64u

void spin_init(spinlock_t *l, enum lock_rank rank)
{
	*l = (spinlock_t)SPINLOCK_INIT((u16)rank);
}

NOINLINE void spin_lock_slow(spinlock_t *l)
{
	u32 backoff = 1;

	do {
		/* Read only, so that the line stays shared until the owner writes it. Bound: the
		 * critical section of the owner. */
		while (__atomic_load_n(&l->locked, __ATOMIC_RELAXED)) {
			for (u32 i = 0; i < backoff; i++)
				arch_cpu_relax();
			if (backoff < BACKOFF_RELAX_MAX)
				backoff *= 2;
		}
	} while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE));
}
