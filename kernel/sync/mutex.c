/* Mutexes. Layer: sync; sleeps through the scheduler.
 *
 * owner = thread | bits. Uncontended: one compare-and-exchange each way. Contended: spin while the
 * owner is on a CPU (it will soon be done), then queue. Newcomers may overtake sleepers - that
 * keeps the lock busy - but a sleeper that was woken and found the lock taken again sets
 * MUTEX_HANDOFF, and then the next unlock gives it the lock: nobody starves. A real-time sleeper
 * lends its priority to the owner (scheduler/realtime/inherit.c) and is let go first. */
#include <exo/sync.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/sched.h>

#define MUTEX_WAITERS 1ull /* the list is not empty: unlock must look */
#define MUTEX_HANDOFF 2ull /* unlock must make the first waiter the owner */
#define MUTEX_BITS    3ull
#define SPINS_MAX     100u

void mutex_init(struct mutex *m, enum lock_rank rank)
{
	m->owner = 0;
	waitqueue_init(&m->wq);
	LOCK_RANK_SET(m, rank);
}

static struct thread *owner_of(u64 owner)
{
	return (struct thread *)(owner & ~MUTEX_BITS);
}

/* Takes a mutex that nobody owns, keeping its bits; not when it is about to be handed over. */
static bool try_take(struct mutex *m)
{
	u64 old = __atomic_load_n(&m->owner, __ATOMIC_RELAXED);

	while (!owner_of(old) && !(old & MUTEX_HANDOFF))
		if (__atomic_compare_exchange_n(&m->owner, &old, (u64)current | old, false,
			    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

/* Spins while the owner runs. Its struct stays readable: it is freed after a grace period, and
 * preemption is off here. */
static bool spin_on_owner(struct mutex *m)
{
	for (u32 i = 0; i < SPINS_MAX; i++) {
		struct thread *owner;
		bool running;

		if (try_take(m))
			return true;
		rcu_read_lock();
		owner = owner_of(__atomic_load_n(&m->owner, __ATOMIC_RELAXED));
		running = owner && owner != current &&
			  __atomic_load_n(&owner->on_cpu, __ATOMIC_RELAXED);
		rcu_read_unlock(); /* gives way when a better thread waits */
		if (owner && !running)
			return false;
		arch_cpu_relax();
	}
	return false;
}

static NOINLINE void lock_slow(struct mutex *m)
{
	struct wait_entry e = {.thread = current};
	struct inherit_wait lends = {.thread = current, .owner = &m->owner};
	bool lost_once = false;
	ulong flags;

	if (spin_on_owner(m))
		return;
	flags = spin_lock_irq(&m->wq.lock);
	list_add_tail(&m->wq.waiters, &e.node);
	for (;;) {
		u64 old = __atomic_fetch_or(
			&m->owner, lost_once ? MUTEX_BITS : MUTEX_WAITERS, __ATOMIC_ACQUIRE);

		if (owner_of(old) == current)
			break; /* handed over */
		/* The first waiter takes even a mutex marked for hand-over: it is the one it is
		 * meant for. */
		if (!owner_of(old) && (m->wq.waiters.next == &e.node || !(old & MUTEX_HANDOFF))) {
			u64 seen = __atomic_load_n(&m->owner, __ATOMIC_RELAXED);

			if (!owner_of(seen) && __atomic_compare_exchange_n(&m->owner, &seen,
						       (u64)current | MUTEX_WAITERS, false,
						       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				break;
			continue;
		}
		thread_set_state(THREAD_UNINTERRUPTIBLE);
		(void)!inherit_begin(&lends);
		spin_unlock_irq(&m->wq.lock, flags);
		thread_block();
		inherit_end(&lends);
		flags = spin_lock_irq(&m->wq.lock);
		lost_once = true;
	}
	__atomic_store_n(&current->state, THREAD_RUNNING, __ATOMIC_RELAXED);
	list_del(&e.node);
	/* Whoever waits on sets its hand-over bit again. */
	__atomic_fetch_and(&m->owner, list_empty(&m->wq.waiters) ? ~MUTEX_BITS : ~MUTEX_HANDOFF,
		__ATOMIC_RELAXED);
	spin_unlock_irq(&m->wq.lock, flags);
}

void mutex_lock(struct mutex *m)
{
	u64 free = 0;

	lock_assert_may_sleep();
	sleeplock_debug_acquire(m, LOCK_RANK_OF(m), __builtin_return_address(0));
	if (unlikely(!__atomic_compare_exchange_n(
		    &m->owner, &free, (u64)current, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		lock_slow(m);
}

/* Who is let go: the first in line, but a real-time thread before others. It comes to the front,
 * for the front takes a mutex even when it is marked. [wq.lock] */
static struct wait_entry *next_waiter(struct mutex *m)
{
	struct wait_entry *best = list_first(&m->wq.waiters, struct wait_entry, node), *e;

	if (likely(!inherit_active()) || !best)
		return best;
	list_for_each_entry (e, &m->wq.waiters, node)
		if (thread_urgency(e->thread) > thread_urgency(best->thread))
			best = e;
	list_del(&best->node);
	list_add(&m->wq.waiters, &best->node);
	return best;
}

static NOINLINE void unlock_slow(struct mutex *m)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&m->wq.lock);
	struct wait_entry *first = next_waiter(m);
	u64 owner = __atomic_load_n(&m->owner, __ATOMIC_RELAXED);

	DEBUG_ASSERT(owner_of(owner) == current);
	if (first && owner & MUTEX_HANDOFF)
		owner = (u64)first->thread | MUTEX_WAITERS;
	else
		owner = first ? MUTEX_WAITERS : 0;
	/* only we and holders of wq.lock change an owned mutex */
	__atomic_store_n(&m->owner, owner, __ATOMIC_RELEASE);
	if (first)
		thread_wake(first->thread);
	inherit_release(&m->owner);
}

void mutex_unlock(struct mutex *m)
{
	u64 self = (u64)current;

	sleeplock_debug_release(m);
	if (unlikely(!__atomic_compare_exchange_n(
		    &m->owner, &self, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)))
		unlock_slow(m);
}

bool mutex_held(const struct mutex *m)
{
	return owner_of(__atomic_load_n(&m->owner, __ATOMIC_RELAXED)) == current;
}
