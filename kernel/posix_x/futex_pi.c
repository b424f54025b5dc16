/* Futexes that inherit priority: a word names its owner's thread, and who waits lends it urgency.
 * Layer: posix_x.
 *
 * The word is 0, or the owner's number with FUTEX_WAITERS when the kernel must be asked. Each
 * waiter, on its own stack, says who owns the lock (`owner`, the same for all waiters of a word)
 * and lends to that thread (scheduler/realtime/inherit.c). Unlock hands the lock to the most urgent
 * one, word first, so nobody overtakes.
 *
 * An owner that ends cannot write the word of another space: it makes the most urgent waiter the
 * owner with OWNER_PENDING; that one, still queued, writes the word itself, with FUTEX_OWNER_DIED.
 * From then on no waiter may name the one that ended: it refuses (inherit_last_will).
 *
 * A waiter is queued, and its record is lent, under one hold of the bucket's lock: so an owner
 * named by a queued waiter is still there. Lock: bucket->lock, then what inherit.c takes.
 *
 * Source: futex(2), pthread_mutexattr_setprotocol(3). */
#include <exo/memory.h>
#include <arch/uaccess.h>
#include "futex_internal.h"

#define RETRY (-EBUSY) /* the word changed under our eyes */

static bool waits_for_lock(const struct futex_waiter *w)
{
	return w->pi && !w->pi->target;
}

/* 0 | -EFAULT page it in and come again | RETRY */
static int swap_word(u32 USER *word, u32 old, u32 new)
{
	u32 seen;
	int err;

	current->fault_disabled++;
	barrier();
	err = cmpxchg_user_u32(word, old, new, &seen);
	barrier();
	current->fault_disabled--;
	return err ? err : seen == old ? 0 : RETRY;
}

/* Makes the word present and writable; its value stays. */
static int fault_in(u32 USER *word)
{
	u32 seen;

	return cmpxchg_user_u32(word, 0, 0, &seen);
}

static struct futex_waiter *match(struct futex_bucket *b, const struct futex_key *k)
{
	struct futex_waiter *w;

	list_for_each_entry (w, &b->waiters, node)
		if (futex_key_equal(&w->key, k))
			return w;
	return NULL;
}

/* The most urgent waiter for a lock, the first among equals; NULL = none. */
static struct pi_waiter *best_waiter(struct futex_bucket *b, const struct futex_key *k)
{
	struct futex_waiter *w, *best = NULL;

	list_for_each_entry (w, &b->waiters, node)
		if (futex_key_equal(&w->key, k) && waits_for_lock(w) &&
			(!best || thread_urgency(w->thread) > thread_urgency(best->thread)))
			best = w;
	return best ? best->pi : NULL;
}

static void set_owner(struct futex_bucket *b, const struct futex_key *k, u64 owner)
{
	struct futex_waiter *w;

	list_for_each_entry (w, &b->waiters, node) {
		if (!futex_key_equal(&w->key, k) || !waits_for_lock(w))
			continue;
		__atomic_store_n(&w->pi->owner, owner, __ATOMIC_RELEASE);
		inherit_again(&w->pi->lends);
	}
}

/* The word says so already, or, @died, the new owner will write it. */
static void hand_over(struct futex_bucket *b, struct pi_waiter *to, bool died)
{
	struct futex_key k = to->w.key;
	struct thread *t = to->w.thread;

	inherit_end(&to->lends);
	if (died) {
		set_owner(b, &k, (u64)t | OWNER_PENDING);
		thread_wake(t);
	} else {
		futex_wake_locked(&to->w);
		set_owner(b, &k, (u64)t);
	}
}

/* Who owns the lock whose word, seen as @value, names @tid? With a reference in *ref. 0 | -ESRCH |
 * -EPERM | RETRY. */
static int find_owner(u32 USER *word, u32 value, struct thread **ref)
{
	struct thread *t = thread_find((pid_t)(value & FUTEX_TID_MASK));
	u32 now;

	*ref = t;
	if (t && !t->proc)
		return -EPERM;
	if (t && !__atomic_load_n(&t->donors_refused, __ATOMIC_ACQUIRE))
		return 0;
	/* It ends or has ended: what it had to say to the word, it has said before. */
	if (get_user_u32_nofault(word, &now))
		return -EFAULT;
	return now == value ? -ESRCH : RETRY;
}

/* The first step to the lock, for @t. 1 = it is @t's | 0 = *owner is to be waited for |
 * -EFAULT and RETRY: again | -EDEADLK | -EINVAL | -ESRCH | -EPERM. *ref: put it after unlocking.
 * [b->lock] */
static int try_take(u32 USER *word, struct futex_bucket *b, const struct futex_key *k,
	struct thread *t, u32 waiters, u64 *owner, struct thread **ref)
{
	struct futex_waiter *top = match(b, k);
	u32 value, tid;
	int err;

	if (get_user_u32_nofault(word, &value))
		return -EFAULT;
	tid = value & FUTEX_TID_MASK;
	if (tid == (u32)t->tid)
		return -EDEADLK;
	if (top && !waits_for_lock(top))
		return -EINVAL;
	if (!top && !tid) {
		err = swap_word(word, value, (value & FUTEX_OWNER_DIED) | waiters | (u32)t->tid);
		*owner = (u64)t;
		return err ? err : 1;
	}
	if (!(value & FUTEX_WAITERS)) {
		err = swap_word(word, value, value | FUTEX_WAITERS);
		if (err)
			return err;
		value |= FUTEX_WAITERS;
	}
	if (top) {
		*owner = top->pi->owner;
		return tid && !(*owner & OWNER_PENDING) && tid != (u32)futex_pi_owner(top->pi)->tid
			       ? -EINVAL
			       : 0;
	}
	err = find_owner(word, value, ref);
	*owner = (u64)*ref;
	return err;
}

/* A new owner whom the one that ended has named writes the word. [b->lock] */
static int write_word(struct futex_bucket *b, struct pi_waiter *p, u32 USER *word)
{
	u32 value;
	int err;

	if (get_user_u32_nofault(word, &value))
		return -EFAULT;
	err = swap_word(word, value, (u32)p->w.thread->tid | FUTEX_WAITERS | FUTEX_OWNER_DIED);
	if (!err)
		set_owner(b, &p->w.key, (u64)p->w.thread);
	return err;
}

/* The wait is over: 0 = the lock is ours | -ETIMEDOUT | -ERESTARTNOINTR | -EFAULT. */
static long finish(struct pi_waiter *p, u32 USER *word, bool late)
{
	struct pi_waiter *next;
	struct futex_bucket *b;
	long err;

	while ((b = __atomic_load_n(&p->w.bucket, __ATOMIC_ACQUIRE))) {
		spin_lock(&b->lock);
		if (b != p->w.bucket) {
			spin_unlock(&b->lock);
			continue;
		}
		err = late ? -ETIMEDOUT : -ERESTARTNOINTR;
		if (futex_pi_owner(p) == current) {
			err = write_word(b, p, word);
			if (err) {
				spin_unlock(&b->lock);
				if (err == RETRY || !fault_in(word))
					continue;
				spin_lock(&b->lock); /* no word: the next one may try */
			}
		}
		list_del(&p->w.node);
		inherit_end(
			&p->lends); /* first: who is lent to looks at the bucket, futex_pi_exit */
		p->w.bucket = NULL;
		next = err == -EFAULT ? best_waiter(b, &p->w.key) : NULL;
		if (next)
			hand_over(b, next, true);
		spin_unlock(&b->lock);
		return err;
	}
	return 0;
}

/* After a step that failed with @err: shall it be done again? */
bool futex_pi_again(u32 USER *word, long err)
{
	if (err == -EFAULT)
		return !fault_in(word);
	if (err == -EAGAIN) /* the owner is about to name another */
		thread_sleep_until(clock_monotonic() + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	return err == RETRY || (err == -EAGAIN && !thread_fatal_pending(current));
}

static void pi_init(struct pi_waiter *p)
{
	*p = (struct pi_waiter){.w = {.thread = current, .pi = p, .bitset = FUTEX_BITSET_MATCH_ANY},
		.lends = {.thread = current, .owner = &p->owner, .always = true}};
}

/* futex_lock_pi - @deadline_ns CLOCK_MONOTONIC or NS_FOREVER; @try: without waiting. 0 | -EAGAIN
 * (@try) | -EDEADLK | -EFAULT | -EINVAL | -EPERM | -ESRCH | -ETIMEDOUT | -ERESTARTNOINTR. */
long futex_lock_pi(u32 USER *word, bool shared, ns_t deadline_ns, bool try)
{
	struct futex_bucket *b;
	struct pi_waiter p;
	long err;

	pi_init(&p);
	err = futex_key_get(word, shared, &p.w.key);
	if (err)
		return err;
	b = futex_bucket_of(&p.w.key);
	do {
		struct thread *ref = NULL;

		spin_lock(&b->lock);
		err = try_take(word, b, &p.w.key, current, 0, &p.owner, &ref);
		if (!err && !try) {
			list_add_tail(&b->waiters, &p.w.node);
			p.w.bucket = b;
			err = inherit_begin(&p.lends);
			if (err) { /* nothing is lent */
				list_del(&p.w.node);
				p.w.bucket = NULL;
			} else {
				thread_set_state(THREAD_INTERRUPTIBLE);
			}
		}
		spin_unlock(&b->lock);
		thread_put_at(&ref);
	} while (err < 0 && futex_pi_again(word, err));
	if (!err)
		err = try ? -EAGAIN : finish(&p, word, futex_sleep(&p.w, deadline_ns));
	futex_key_put(&p.w.key);
	return err > 0 ? 0 : err;
}

/* One try. [b->lock] */
static int unlock_locked(u32 USER *word, struct futex_bucket *b, const struct futex_key *k)
{
	struct futex_waiter *top = match(b, k);
	struct pi_waiter *best;
	u32 value;
	int err;

	if (get_user_u32_nofault(word, &value))
		return -EFAULT;
	if ((value & FUTEX_TID_MASK) != (u32)current->tid)
		return -EPERM;
	if (!top)
		return swap_word(word, value, 0);
	best = best_waiter(b, k);
	if (!waits_for_lock(top) || !best || futex_pi_owner(best) != current)
		return -EINVAL;
	err = swap_word(word, value, (u32)best->w.thread->tid | FUTEX_WAITERS);
	if (!err)
		hand_over(b, best, false);
	return err;
}

/* futex_unlock_pi - 0 | -EPERM not the caller's | -EINVAL | -EFAULT. */
long futex_unlock_pi(u32 USER *word, bool shared)
{
	struct futex_key k SCOPED(futex_key_put) = {0};
	long err = futex_key_get(word, shared, &k);
	struct futex_bucket *b;

	if (err)
		return err;
	b = futex_bucket_of(&k);
	do {
		spin_lock(&b->lock);
		err = unlock_locked(word, b, &k);
		spin_unlock(&b->lock);
	} while (err && futex_pi_again(word, err));
	return err;
}

long futex_pi_requeue_locked(struct futex_bucket *a, struct futex_bucket *b,
	const struct futex_key *k, const struct futex_key *k2, u32 USER *word2, s32 count,
	struct thread **ref)
{
	struct futex_waiter *w, *next;
	u64 owner = 0;
	long done = 0;
	int err;

	list_for_each_entry_safe (w, next, &a->waiters, node) {
		struct pi_waiter *p = w->pi;

		if (!futex_key_equal(&w->key, k))
			continue;
		if (!p || !p->target || !futex_key_equal(p->target, k2))
			return done ? done : -EINVAL;
		if (!owner) {
			err = try_take(
				word2, b, k2, w->thread, count ? FUTEX_WAITERS : 0, &owner, ref);
			if (err < 0)
				return err;
			if (err) {
				p->target = NULL;
				futex_wake_locked(w);
				done++;
				continue;
			}
		}
		if (done > count) /* the one to be woken counts, had it the lock or not */
			break;
		p->owner = owner;
		err = inherit_begin(&p->lends);
		if (err)
			return done ? done : err;
		p->target = NULL;
		futex_move_locked(w, b, k2);
		done++;
	}
	return done;
}

/* futex_wait_requeue_pi - sleeps on @word until moved to the lock @word2, then until it is ours.
 * 0 | -EAGAIN *word is another, or a signal came after the move | -EINVAL | -EFAULT | -ETIMEDOUT |
 * -ERESTARTNOINTR. */
long futex_wait_requeue_pi(
	u32 USER *word, u32 expected, bool shared, ns_t deadline_ns, u32 USER *word2)
{
	struct futex_key k SCOPED(futex_key_put) = {0}, k2 SCOPED(futex_key_put) = {0};
	struct pi_waiter p;
	long err;

	if (word == word2)
		return -EINVAL;
	pi_init(&p);
	p.target = &k2;
	err = futex_keys_get(word, word2, shared, &k, &k2);
	if (err)
		return err;
	p.w.key = k;
	err = futex_key_equal(&k, &k2) ? -EINVAL : futex_queue_if_equal(word, expected, &p.w);
	if (!err)
		err = finish(&p, word2, futex_sleep(&p.w, deadline_ns));
	if (err == -ERESTARTNOINTR && !p.target)
		err = -EAGAIN;
	return err;
}

/* Current ends: the locks that it has and others wait for go to them. */
void futex_pi_exit(void)
{
	struct inherit_wait *w;
	struct futex_bucket *b;
	struct futex_key k;
	ulong flags;

	while ((w = inherit_last_will(&flags))) {
		struct pi_waiter *p = container_of(w, struct pi_waiter, lends);

		b = p->w.bucket;
		k = p->w.key;
		inherit_unlock(flags);
		spin_lock(&b->lock);
		p = best_waiter(b, &k);
		if (p && futex_pi_owner(p) == current)
			hand_over(b, p, true);
		spin_unlock(&b->lock);
	}
}
