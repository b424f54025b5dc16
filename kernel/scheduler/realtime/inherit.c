/* Priority inheritance: who waits for a lock lends its urgency to the lock's owner, and on along
 * the chain if that one waits as well. Layer: scheduler. Users: kernel mutexes, PI futexes.
 *
 * A waiter's record (struct inherit_wait, on its stack) hangs in the list `donors` of the owner,
 * most urgent first, when it has something to lend: a real-time or deadline urgency. Records of PI
 * futexes (`always`) hang there in any case: they are what an owner leaves behind when it ends. The
 * owner's `lent` is the urgency of its first donor.
 *
 * Ordinary threads that sleep on a mutex take no lock here: they publish their record in
 * thread->blocked_on, and look at `active`, the number of waits that have something to lend. Who
 * lends raises `active` before he reads blocked_on, so one of the two sees the other; likewise an
 * owner lets go of the lock before it looks at its donors, and who lends to it looks again at the
 * lock after it hung in its record.
 *
 * Bounds: a chain is followed for DEPTH_MAX owners; beyond that nothing is lent, and a PI futex
 * answers -EDEADLK. Not through rwsems. Source: Sha, Rajkumar, Lehoczky 1990. */
#include "../scheduler_internal.h"
#include <exo/errno.h>

#define DEPTH_MAX 1024

spinlock_t inherit_lock = SPINLOCK_INIT(RANK_THREAD);
static u32 active; /* [inherit lock to change; a] */

u64 thread_urgency(const struct thread *t)
{
	const struct sched_params *p = &t->params;
	u64 own = p->policy == SCHED_DEADLINE ? ~t->dl.due_ns
		  : p->rt_priority            ? URGENCY_REALTIME + p->rt_priority
					      : 0;

	return MAX(own, READ_ONCE(t->lent));
}

bool inherit_active(void)
{
	return __atomic_load_n(&active, __ATOMIC_RELAXED);
}

static struct thread *owner_of(const struct inherit_wait *w)
{
	return (struct thread *)(__atomic_load_n(w->owner, __ATOMIC_RELAXED) & ~3ULL);
}

static void unlink(struct inherit_wait *w)
{
	if (w->lent_to)
		list_del(&w->node);
	w->lent_to = NULL;
}

/* Hangs @w where it belongs now. [inherit lock] */
static void relink(struct inherit_wait *w)
{
	struct thread *owner = owner_of(w);
	struct list *pos;

	unlink(w);
	w->urgency = thread_urgency(w->thread);
	if (!owner || owner == w->thread || !(w->always || w->urgency >= URGENCY_REALTIME))
		return;
	for (pos = owner->donors.prev; pos != &owner->donors; pos = pos->prev)
		if (list_entry(pos, struct inherit_wait, node)->urgency >= w->urgency)
			break; /* most often the last: equals queue up in order */
	list_add(pos, &w->node);
	w->lent_to = owner;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with inherit_release */
	if (owner_of(w) != owner)
		unlink(w);
}

/* What is lent to @t may have changed, and so what it lends on. [inherit lock] */
static void propagate(struct thread *t)
{
	for (u32 depth = 0; t && depth < DEPTH_MAX; depth++) {
		struct inherit_wait *top = list_first(&t->donors, struct inherit_wait, node), *w;
		u64 lent = top && top->urgency >= URGENCY_REALTIME ? top->urgency : 0;

		if (lent == t->lent)
			return;
		sched_reclass_locked(t, &t->params, t->affinity, lent);
		w = __atomic_load_n(&t->blocked_on, __ATOMIC_ACQUIRE);
		if (!w)
			return;
		relink(w);
		t = w->lent_to ? w->lent_to : owner_of(w);
	}
}

/* Does the chain from @w's owner come back to its thread? */
static bool is_cycle(const struct inherit_wait *first)
{
	const struct inherit_wait *w = first;

	for (u32 depth = 0; w && depth < DEPTH_MAX; depth++) {
		struct thread *owner = owner_of(w);

		if (!owner)
			return false;
		if (owner == first->thread)
			return true;
		w = __atomic_load_n(&owner->blocked_on, __ATOMIC_ACQUIRE);
	}
	return w != NULL;
}

/* @w has something to lend from now on, or no longer. [inherit lock] */
static void count(struct inherit_wait *w, bool on)
{
	__atomic_fetch_add(&active, (u32)(on - w->counted), __ATOMIC_SEQ_CST);
	w->counted = on;
}

static int begin_slow(struct inherit_wait *w)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&inherit_lock);
	struct thread *t = w->thread, *owner;
	int err = 0;

	count(w, w->always || thread_urgency(t) >= URGENCY_REALTIME);
	owner = owner_of(w);
	relink(w);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with inherit_last_will */
	if (w->always && owner && __atomic_load_n(&owner->donors_refused, __ATOMIC_SEQ_CST))
		err = -EAGAIN;
	else if (w->always && !list_empty(&t->donors) && is_cycle(w))
		err = -EDEADLK; /* without donors it is in nobody's way */
	if (err) {
		unlink(w);
		count(w, false);
	} else {
		__atomic_store_n(&t->blocked_on, w, __ATOMIC_RELEASE);
		propagate(w->lent_to);
	}
	return err;
}

int inherit_begin(struct inherit_wait *w)
{
	w->lent_to = NULL;
	w->counted = false;
	if (!w->always && thread_urgency(w->thread) < URGENCY_REALTIME) {
		__atomic_store_n(&w->thread->blocked_on, w, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with count */
		if (likely(!inherit_active()))
			return 0;
	}
	return begin_slow(w);
}

void inherit_end(struct inherit_wait *w)
{
	struct thread *owner;

	if (!w->counted) {
		__atomic_store_n(&w->thread->blocked_on, NULL, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (likely(!__atomic_load_n(&active, __ATOMIC_ACQUIRE) && !w->lent_to))
			return;
	}
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&inherit_lock);
	owner = w->lent_to;
	unlink(w);
	__atomic_store_n(&w->thread->blocked_on, NULL, __ATOMIC_RELEASE);
	propagate(owner);
	count(w, false);
}

/* Current let go of the lock with that owner word, or handed it on: what its waiters lent goes
 * back, or on to the next owner. */
void inherit_release(const u64 *word)
{
	struct thread *me = current, *next = NULL;
	struct inherit_wait *w, *after;

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the word before the look at donors */
	if (likely(list_empty(&me->donors) && !me->lent))
		return;
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&inherit_lock);
	list_for_each_entry_safe (w, after, &me->donors, node) {
		if (w->owner != word)
			continue;
		relink(w);
		next = w->lent_to;
	}
	propagate(next);
	propagate(me);
}

/* The waiter @w of a PI futex has another owner word's value now. */
void inherit_again(struct inherit_wait *w)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&inherit_lock);
	struct thread *before = w->lent_to;

	relink(w);
	propagate(w->lent_to);
	propagate(before);
}

/* The first of those that wait for a PI futex of current, which ends: locked until inherit_unlock.
 * No other comes from now on. NULL, unlocked = none. */
struct inherit_wait *inherit_last_will(ulong *flags)
{
	struct inherit_wait *w;

	__atomic_store_n(&current->donors_refused, true, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with begin_slow */
	if (likely(list_empty(&current->donors)))
		return NULL;
	*flags = spin_lock_irq(&inherit_lock);
	w = list_first(&current->donors, struct inherit_wait, node);
	if (!w)
		spin_unlock_irq(&inherit_lock, *flags);
	return w;
}

void inherit_unlock(ulong flags)
{
	spin_unlock_irq(&inherit_lock, flags);
}

/* The urgency of @t is another now; it may be waiting. [inherit lock] */
void inherit_changed_locked(struct thread *t)
{
	struct inherit_wait *w;

	__atomic_fetch_add(&active, 1, __ATOMIC_SEQ_CST); /* @t's record stays while we look */
	w = __atomic_load_n(&t->blocked_on, __ATOMIC_ACQUIRE);
	if (w) {
		count(w, w->always || thread_urgency(t) >= URGENCY_REALTIME);
		relink(w);
		propagate(w->lent_to ? w->lent_to : owner_of(w));
	}
	__atomic_fetch_sub(&active, 1, __ATOMIC_SEQ_CST);
}
