/* The lock-rank checker of debug builds.
 * needs: kernel/sync/spinlock.c kernel/sync/lock_debug.c kernel/sync/waitqueue.c kernel/sync/mutex.c kernel/sync/rwsem.c
 */
#include "u_.h"
#include <exo/sync.h>
#include <exo/sched.h>

static spinlock_t outer = SPINLOCK_INIT(RANK_WAITQUEUE), inner = SPINLOCK_INIT(RANK_RUNQUEUE), single = SPINLOCK_INIT(RANK_RCU),
		  single2 = SPINLOCK_INIT(RANK_RCU);

U_TEST(right_order_is_accepted)
{
	spin_lock(&outer);
	spin_lock(&inner);
	spin_unlock(&outer); /* release order is free */
	spin_unlock(&inner);
	u_eq(this_cpu_read(preempt_count), PREEMPT_NO_RESCHED);
}

U_TEST(wrong_order_names_both_locks)
{
	spin_lock(&inner);
	u_panics(spin_lock(&outer));
	u_check(strstr(host_panic_text, "WAITQUEUE") && strstr(host_panic_text, "RUNQUEUE"));
}

U_TEST(same_rank_needs_nestable)
{
	spinlock_t second = SPINLOCK_INIT(RANK_RUNQUEUE);

	spin_lock(&inner);
	spin_lock(&second); /* RUNQUEUE is nestable */
	spin_unlock(&second);
	spin_unlock(&inner);
	spin_lock(&single);
	u_panics(spin_lock(&single2));
}

U_TEST(taking_twice_panics)
{
	spin_lock(&inner);
	u_panics(spin_lock(&inner));
	u_check(strstr(host_panic_text, "twice"));
}

U_TEST(interrupt_is_not_compared_with_what_it_hit)
{
	spin_lock(&inner);
	host_set_interrupt(true);
	spin_lock(&outer);
	spin_unlock(&outer);
	host_set_interrupt(false);
	spin_unlock(&inner);
}

U_TEST(sleeping_under_a_spin_lock_panics)
{
	struct mutex m;

	mutex_init(&m, RANK_S_MISC);
	spin_lock(&inner);
	u_panics(mutex_lock(&m));
	u_check(strstr(host_panic_text, "sleep") && strstr(host_panic_text, "RUNQUEUE"));
}

U_TEST(sleeping_with_preemption_off_panics)
{
	struct rwsem s;

	rwsem_init(&s, RANK_S_SPACE);
	preempt_disable();
	u_panics(rwsem_read_lock(&s));
}

U_TEST(sleeping_locks_are_ranked_per_thread)
{
	struct mutex m;
	struct rwsem s, peer;

	mutex_init(&m, RANK_S_RENAME);
	rwsem_init(&s, RANK_S_INODE);
	rwsem_init(&peer, RANK_S_INODE);
	mutex_lock(&m);
	rwsem_write_lock(&s);
	rwsem_write_lock(&peer);
	rwsem_write_unlock(&peer);
	mutex_unlock(&m);
	u_panics(mutex_lock(&m));
	u_check(strstr(host_panic_text, "S_RENAME") && strstr(host_panic_text, "S_INODE"));
}

U_TEST(release_without_hold_panics)
{
	spinlock_t l = SPINLOCK_INIT(RANK_TIMER);

	u_panics(spin_unlock(&l));
}
