/* Lock ranks: in DEBUG builds every acquisition is checked against what is held. Layer: sync.
 *
 * Spin locks are kept per CPU (a holder cannot leave its CPU), sleeping locks per thread. A new
 * lock must have a greater rank than every lock held, or an equal one when the rank is nestable.
 * Spin locks taken by an interrupt are not compared with those of the code it interrupted: that
 * code's locks are taken with interrupts on, so no interrupt takes them. try-locks are recorded,
 * not checked: they cannot wait. Rank NONE is never checked. */
#include <exo/sync.h>
#include <exo/log.h>
#include <exo/sched.h>
#include <arch/irq.h>

#ifdef EXO_DEBUG
static const struct {
	const char *name;
	bool nestable;
} ranks[] = {
#define LOCK_RANK(name, nestable) {#name, nestable},
#include "lock_ranks.def"
#undef LOCK_RANK
};

static const char *lock_rank_name(u32 rank)
{
	return rank < RANK_COUNT ? ranks[rank].name : "?";
}

static PER_CPU(struct held_locks, held_spin);

static COLD NORETURN void report(
	const char *what, const struct held_lock *old, const void *lock, u32 rank, const void *site)
{
	panic("%s: %s (%p) taken at %pS while %s (%p) is held since %pS", what,
		lock_rank_name(rank), lock, site, lock_rank_name(old->rank), old->lock, old->site);
}

static void check(
	const struct held_locks *h, const void *lock, u32 rank, bool interrupt, const void *site)
{
	for (u32 i = 0; i < h->count; i++) {
		const struct held_lock *old = &h->held[i];

		if (old->lock == lock)
			report("lock taken twice", old, lock, rank, site);
		if (old->interrupt != interrupt || rank == RANK_NONE || old->rank == RANK_NONE)
			continue;
		if (rank < old->rank || (rank == old->rank && !ranks[rank].nestable))
			report("lock rank violated", old, lock, rank, site);
	}
}

static void record(
	struct held_locks *h, const void *lock, u32 rank, bool interrupt, const void *site)
{
	ASSERT(h->count < HELD_LOCKS_MAX);
	h->held[h->count++] = (struct held_lock){
		.lock = lock, .site = site, .rank = (u16)rank, .interrupt = interrupt};
}

static void forget(struct held_locks *h, const void *lock)
{
	for (u32 i = h->count; i-- > 0;) {
		if (h->held[i].lock != lock)
			continue;
		for (u32 j = i + 1; j < h->count; j++)
			h->held[j - 1] = h->held[j];
		h->count--;
		return;
	}
	panic("lock %p released but not held", lock);
}

/* The calling code is the one that spin_lock was inlined into. */
NOINLINE void spin_debug_acquire(spinlock_t *l)
{
	ulong flags SCOPED(irq_restore_at) = arch_irq_save();

	check(this_cpu_ptr(held_spin), l, l->rank, in_interrupt(), __builtin_return_address(0));
}

NOINLINE void spin_debug_acquired(spinlock_t *l)
{
	ulong flags SCOPED(irq_restore_at) = arch_irq_save();

	l->cpu_plus1 = (u16)(cpu_id() + 1);
	record(this_cpu_ptr(held_spin), l, l->rank, in_interrupt(), __builtin_return_address(0));
}

NOINLINE void spin_debug_release(spinlock_t *l)
{
	ulong flags SCOPED(irq_restore_at) = arch_irq_save();

	ASSERT(l->cpu_plus1 == cpu_id() + 1);
	l->cpu_plus1 = 0;
	forget(this_cpu_ptr(held_spin), l);
}

NOINLINE void lock_assert_may_sleep(void)
{
	const struct held_locks *h = this_cpu_ptr(held_spin);

	if (!(this_cpu_read(preempt_count) & ~PREEMPT_NO_RESCHED) && !in_interrupt())
		return;
	if (h->count)
		panic("sleep at %pS while %s (%p) is held since %pS", __builtin_return_address(0),
			lock_rank_name(h->held[h->count - 1].rank), h->held[h->count - 1].lock,
			h->held[h->count - 1].site);
	panic("sleep at %pS with preemption off (%u deep)", __builtin_return_address(0),
		this_cpu_read(preempt_count) & ~PREEMPT_NO_RESCHED);
}

void sleeplock_debug_acquire(const void *lock, u32 rank, const void *site)
{
	struct thread *t = current;

	if (!t) /* before the scheduler starts */
		return;
	check(&t->held, lock, rank, false, site);
	record(&t->held, lock, rank, false, site);
}

void sleeplock_debug_release(const void *lock)
{
	if (current)
		forget(&current->held, lock);
}
#endif
