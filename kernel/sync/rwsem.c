/* Readers-writer sleeping locks. Layer: sync; sleeps through the scheduler.
 *
 * Uncontended: one atomic operation each way. As soon as somebody sleeps, newcomers queue behind
 * and every release hands over to the queue in its order (one writer, or all readers up to the next
 * writer), so neither side starves. A thread must not take the lock for reading twice: a writer may
 * stand between. */
#include <exo/sync.h>
#include <exo/log.h>
#include <exo/sched.h>

#define SPINS_MAX 60u

struct waiter {
	struct list node;      /* [wq.lock] */
	struct thread *thread; /* [c] */
	bool write;            /* [c] */
	bool granted; /* [a] release, pairs with wait_for_grant; afterwards the struct is gone */
};

void rwsem_init(struct rwsem *s, enum lock_rank rank)
{
	s->count = 0;
	s->waiting = 0;
	waitqueue_init(&s->wq);
	LOCK_RANK_SET(s, rank);
}

static ALWAYS_INLINE bool try_read(struct rwsem *s)
{
	s64 count = __atomic_load_n(&s->count, __ATOMIC_RELAXED);

	while (count >= 0)
		if (__atomic_compare_exchange_n(&s->count, &count, count + 1, false,
			    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

static ALWAYS_INLINE bool try_write(struct rwsem *s)
{
	s64 free = 0;

	return __atomic_compare_exchange_n(
		&s->count, &free, -1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static ALWAYS_INLINE bool has_waiters(const struct rwsem *s)
{
	return unlikely(__atomic_load_n(&s->waiting, __ATOMIC_RELAXED));
}

/* Gives the lock to as many of the first sleepers as can have it. [wq.lock] */
static void grant_locked(struct rwsem *s)
{
	struct waiter *w;

	while ((w = list_first(&s->wq.waiters, struct waiter, node))) {
		struct thread *t = w->thread;
		bool write = w->write;

		if (!(write ? try_write(s) : try_read(s)))
			return;
		list_del(&w->node);
		__atomic_fetch_sub(&s->waiting, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&w->granted, true, __ATOMIC_RELEASE);
		thread_wake(t); /* readable although it may be exiting: preemption is off, so no
				   grace period ends */
		if (write)
			return;
	}
}

static NOINLINE void grant(struct rwsem *s)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&s->wq.lock);

	grant_locked(s);
}

static NOINLINE void lock_slow(struct rwsem *s, bool write)
{
	struct waiter w = {.thread = current, .write = write};
	ulong flags;

	for (u32 i = 0; i < SPINS_MAX && !has_waiters(s); i++) {
		if (write ? try_write(s) : try_read(s))
			return;
		arch_cpu_relax();
	}
	flags = spin_lock_irq(&s->wq.lock);
	list_add_tail(&s->wq.waiters, &w.node);
	__atomic_fetch_add(&s->waiting, 1, __ATOMIC_SEQ_CST); /* then count is read; a release
								 writes count, then reads waiting */
	grant_locked(s);
	spin_unlock_irq(&s->wq.lock, flags);
	for (;;) {
		thread_set_state(THREAD_UNINTERRUPTIBLE);
		if (__atomic_load_n(&w.granted, __ATOMIC_ACQUIRE))
			break;
		thread_block();
	}
	__atomic_store_n(&current->state, THREAD_RUNNING, __ATOMIC_RELAXED);
}

void rwsem_read_lock(struct rwsem *s)
{
	lock_assert_may_sleep();
	sleeplock_debug_acquire(s, LOCK_RANK_OF(s), __builtin_return_address(0));
	if (has_waiters(s) || unlikely(!try_read(s)))
		lock_slow(s, false);
}

void rwsem_write_lock(struct rwsem *s)
{
	lock_assert_may_sleep();
	sleeplock_debug_acquire(s, LOCK_RANK_OF(s), __builtin_return_address(0));
	if (has_waiters(s) || unlikely(!try_write(s)))
		lock_slow(s, true);
}

void rwsem_read_unlock(struct rwsem *s)
{
	s64 old;

	sleeplock_debug_release(s);
	old = __atomic_fetch_sub(&s->count, 1, __ATOMIC_SEQ_CST);
	DEBUG_ASSERT(old > 0);
	if (old == 1 && has_waiters(s))
		grant(s);
}

void rwsem_write_unlock(struct rwsem *s)
{
	s64 old UNUSED;

	sleeplock_debug_release(s);
	old = __atomic_exchange_n(&s->count, 0, __ATOMIC_SEQ_CST);
	DEBUG_ASSERT(old == -1);
	if (has_waiters(s))
		grant(s);
}
