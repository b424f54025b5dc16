/* Futexes: sleeping on a word of user memory. Layer: posix_x.
 *
 * A waiter reads the word and is queued, in a bucket chosen by its key, under one hold of the
 * bucket's lock; a waker changes the word and then takes the lock: either its change is read or the
 * waiter is found. So no wake-up is lost. A word of private memory is named by space and address;
 * of shared memory by object and offset, so that it is one word at whatever addresses it is mapped.
 *
 * Locks: bucket->lock (FUTEX); two in address order. Page faults happen before it is taken: the
 * word is read by a form that does not fault, and a failure drops the lock, faults and begins
 * again.
 *
 * Source: futex(2), get_robust_list(2). */
#include <exo/memory.h>
#include <arch/uaccess.h>
#include "futex_internal.h"

#define BUCKETS 512
/* The two hot paths keep what futex_pi.c uses as well inline: 130 instructions a round trip. */
#define FLAT __attribute__((flatten))

static struct futex_bucket buckets[BUCKETS];

void futex_init(void)
{
	for (u32 i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock, RANK_FUTEX);
		list_init(&buckets[i].waiters);
	}
}

struct futex_bucket *futex_bucket_of(const struct futex_key *k)
{
	return &buckets[futex_key_hash(k) % BUCKETS];
}

/* ---- keys ---- */

/* Names the word. A shared key holds a reference on its object: give it back with futex_key_put. 0
 * | -EINVAL unaligned | -EFAULT. */
int futex_key_get(u32 USER *word, bool shared, struct futex_key *k)
{
	vaddr_t addr = (vaddr_t)word;
	u64 index;

	if (addr & 3)
		return -EINVAL;
	if (!user_range_ok(word, sizeof(*word)))
		return -EFAULT;
	*k = (struct futex_key){.space = current->space, .where = addr};
	if (!shared)
		return 0;
	if (vm_shared_key(current->space, addr, &k->object, &index))
		return -EFAULT;
	if (k->object) {
		k->space = NULL;
		k->where = (index << PAGE_SHIFT) + (addr & (PAGE_SIZE - 1));
	}
	return 0;
}

void futex_key_put(struct futex_key *k)
{
	if (k->object)
		vm_object_put(k->object);
}

int futex_keys_get(
	u32 USER *word, u32 USER *word2, bool shared, struct futex_key *k, struct futex_key *k2)
{
	int err = futex_key_get(word, shared, k);

	return err ? err : futex_key_get(word2, shared, k2);
}

/* ---- waiting ---- */

/* Takes @w out of its queue. Return: false = a waker did already. */
static bool unqueue(struct futex_waiter *w)
{
	struct futex_bucket *b;

	while ((b = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE))) {
		spin_lock(&b->lock);
		if (b == w->bucket) { /* a requeue may have moved it meanwhile */
			list_del(&w->node);
			w->bucket = NULL;
			spin_unlock(&b->lock);
			return true;
		}
		spin_unlock(&b->lock);
	}
	return false;
}

/* Queues @w, then reads the word, and takes @w back if it is not @expected; the state is set before
 * the lock goes. The order matters: futex_wake looks at an empty queue without the lock. 0 |
 * -EAGAIN | -EFAULT. */
int futex_queue_if_equal(u32 USER *word, u32 expected, struct futex_waiter *w)
{
	struct futex_bucket *b = futex_bucket_of(&w->key);
	u32 value;

	for (;;) {
		spin_lock(&b->lock);
		list_add_tail(&b->waiters, &w->node);
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with futex_wake */
		if (!get_user_u32_nofault(word, &value))
			break;
		list_del(&w->node);
		spin_unlock(&b->lock);
		if (get_user_u32(word, &value))
			return -EFAULT;
	}
	if (value != expected) {
		list_del(&w->node);
		spin_unlock(&b->lock);
		return -EAGAIN;
	}
	w->bucket = b;
	thread_set_state(THREAD_INTERRUPTIBLE);
	spin_unlock(&b->lock);
	return 0;
}

bool futex_sleep(struct futex_waiter *w, ns_t deadline_ns)
{
	bool late = false;

	while (__atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE) &&
		!(w->pi && futex_pi_owner(w->pi) == current) && !late &&
		!thread_signal_pending(current)) {
		late = thread_block_until(deadline_ns);
		thread_set_state(THREAD_INTERRUPTIBLE);
	}
	thread_set_state(THREAD_RUNNING);
	return late;
}

/* futex_wait - @deadline_ns CLOCK_MONOTONIC or NS_FOREVER. 0 woken | -EAGAIN | -EFAULT | -EINVAL |
 * -ETIMEDOUT | -ERESTARTSYS. */
FLAT static long wait(u32 USER *word, u32 expected, bool shared, ns_t deadline_ns, u32 bitset)
{
	struct futex_waiter w = {.thread = current, .bitset = bitset};
	bool late;
	long err;

	if (!bitset)
		return -EINVAL;
	err = futex_key_get(word, shared, &w.key);
	if (err)
		return err;
	err = futex_queue_if_equal(word, expected, &w);
	if (!err) {
		late = futex_sleep(&w, deadline_ns);
		err = !unqueue(&w) ? 0 : late ? -ETIMEDOUT : -ERESTARTSYS;
	}
	futex_key_put(&w.key);
	return err;
}

static long wait_restart(struct restart_block *rb)
{
	long err = wait((u32 USER *)rb->args[0], (u32)rb->args[1], rb->args[2], rb->args[3],
		(u32)rb->args[4]);

	return err == -ERESTARTSYS ? -ERESTART_RESTARTBLOCK : err;
}

long futex_wait(u32 USER *word, u32 expected, bool shared, ns_t deadline_ns, u32 bitset)
{
	struct restart_block *rb = restart_block_current();
	long err = wait(word, expected, shared, deadline_ns, bitset);

	if (err != -ERESTARTSYS || deadline_ns == NS_FOREVER)
		return err;
	*rb = (struct restart_block){
		wait_restart, {(u64)word, expected, shared, deadline_ns, bitset}};
	return -ERESTART_RESTARTBLOCK;
}

static bool any_woken(const struct futex_waiter *w, u32 count)
{
	while (count--)
		if (!__atomic_load_n(&w[count].bucket, __ATOMIC_ACQUIRE))
			return true;
	return false;
}

/* futex_wait_many - the words are queued one after the other, and any may be woken before the last
 * is. */
long futex_wait_many(const struct futex_waitv_abi *v, u32 count, ns_t deadline_ns)
{
	struct futex_waiter *w SCOPED(kfree_at) = kzalloc(count * sizeof(*w), ALLOC_KERNEL);
	bool late = false;
	long ret = w ? 0 : -ENOMEM;
	u32 n = 0;

	while (n < count && !ret) {
		u32 USER *word = (u32 USER *)v[n].word;

		w[n] = (struct futex_waiter){.thread = current, .bitset = FUTEX_BITSET_MATCH_ANY};
		ret = futex_key_get(word, !(v[n].flags & FUTEX_PRIVATE_FLAG), &w[n].key);
		if (ret)
			break;
		ret = futex_queue_if_equal(word, (u32)v[n].value, &w[n]);
		thread_set_state(THREAD_RUNNING); /* the next may have to be paged in */
		if (ret)
			futex_key_put(&w[n].key);
		n += !ret;
	}
	while (!ret) {
		thread_set_state(THREAD_INTERRUPTIBLE);
		if (any_woken(w, n) || late || thread_signal_pending(current))
			break;
		late = thread_block_until(deadline_ns);
	}
	thread_set_state(THREAD_RUNNING);
	ret = ret ? ret : late ? -ETIMEDOUT : -ERESTARTSYS;
	while (n--) {
		if (!unqueue(&w[n]))
			ret = n;
		futex_key_put(&w[n].key);
	}
	return ret;
}

/* ---- waking ---- */

/* The store lets the waiter go: its frame may vanish after it, its thread not before RCU, which our
 * spin lock holds up. */
void futex_wake_locked(struct futex_waiter *w)
{
	struct thread *t = w->thread;

	list_del(&w->node);
	__atomic_store_n(&w->bucket, NULL, __ATOMIC_RELEASE); /* pairs with futex_sleep */
	thread_wake(t);
}

static long wake_key(struct futex_bucket *b, const struct futex_key *k, u32 count, u32 bitset)
{
	struct futex_waiter *w, *next;
	long woken = 0;

	list_for_each_entry_safe (w, next, &b->waiters, node) {
		if (!futex_key_equal(&w->key, k) || !(w->bitset & bitset))
			continue;
		if (unlikely(w->pi != NULL))
			return -EINVAL;
		futex_wake_locked(w);
		if (++woken >= (long)count)
			break;
	}
	return woken;
}

FLAT long futex_wake(u32 USER *word, bool shared, u32 count, u32 bitset)
{
	struct futex_bucket *b;
	struct futex_key k;
	long ret;

	if (!bitset)
		return -EINVAL;
	ret = futex_key_get(word, shared, &k);
	if (ret)
		return ret;
	b = futex_bucket_of(&k);
	/* Without the lock one could miss a waiter that has read the word and is about to queue. */
	spin_lock(&b->lock);
	ret = wake_key(b, &k, count, bitset);
	spin_unlock(&b->lock);
	futex_key_put(&k);
	return ret;
}

int futex_wake_user(u32 USER *word, u32 count)
{
	return (int)futex_wake(word, true, count, FUTEX_BITSET_MATCH_ANY);
}

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a > b) {
		struct futex_bucket *t = a;

		a = b;
		b = t;
	}
	spin_lock(&a->lock);
	if (a != b)
		spin_lock(&b->lock);
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/* The waiter keeps its reference on the old object and drops that; the new one stands as long as
 * the requeuer's word, or the waiter's own for it. */
void futex_move_locked(struct futex_waiter *w, struct futex_bucket *to, const struct futex_key *k)
{
	list_del(&w->node);
	list_add_tail(&to->waiters, &w->node);
	w->key.space = k->space;
	w->key.object_requeued = k->object;
	w->key.where = k->where;
	__atomic_store_n(&w->bucket, to, __ATOMIC_RELEASE);
}

static long requeue_locked(struct futex_bucket *from, struct futex_bucket *to,
	const struct futex_key *k, const struct futex_key *k2, const struct futex_counts *n)
{
	struct futex_waiter *w, *next;
	long woken = 0, moved = 0;

	list_for_each_entry_safe (w, next, &from->waiters, node) {
		if (!futex_key_equal(&w->key, k))
			continue;
		if (w->pi)
			return -EINVAL;
		if (woken < n->wake) {
			futex_wake_locked(w);
			woken++;
			continue;
		}
		if (moved >= n->requeue)
			break;
		futex_move_locked(w, to, k2);
		moved++;
	}
	return woken + (n->count_moved ? moved : 0);
}

/* futex_requeue - wakes n->wake waiters of @word, moves n->requeue others to @word2; @expected
 * NULL: without a look at the word. n->pi: @word2 is a lock, FUTEX_CMP_REQUEUE_PI. */
long futex_requeue(u32 USER *word, u32 USER *word2, bool shared, const u32 *expected,
	const struct futex_counts *n)
{
	struct futex_key k SCOPED(futex_key_put) = {0}, k2 SCOPED(futex_key_put) = {0};
	struct futex_bucket *a, *b;
	bool again;
	long ret;

	if (n->wake < 0 || n->requeue < 0 || (n->pi && (n->wake != 1 || word == word2)))
		return -EINVAL;
	ret = futex_keys_get(word, word2, shared, &k, &k2);
	if (ret)
		return ret;
	a = futex_bucket_of(&k);
	b = futex_bucket_of(&k2);
	do {
		struct thread *ref = NULL;
		bool missing, other;
		u32 value;

		lock_two(a, b);
		missing = expected && get_user_u32_nofault(word, &value);
		other = expected && !missing && value != *expected;
		if (n->pi && futex_key_equal(&k, &k2))
			ret = -EINVAL;
		else if (missing || other)
			ret = missing ? -EFAULT : -EAGAIN;
		else if (n->pi)
			ret = futex_pi_requeue_locked(a, b, &k, &k2, word2, n->requeue, &ref);
		else
			ret = requeue_locked(a, b, &k, &k2, n);
		unlock_two(a, b);
		thread_put_at(&ref);
		again = missing ? !get_user_u32(word, &value)
				: n->pi && ret < 0 && !other && futex_pi_again(word2, ret);
	} while (again);
	return ret;
}

/* ---- FUTEX_WAKE_OP ---- */

/* Changes the second word as @op says. 0 and *old | -EFAULT | -ENOSYS no such operation. */
static int word_op(u32 USER *word, u32 op, u32 *old)
{
	u32 arg = op >> 12 & 0xfff, now, seen;

	arg = (u32)((s32)(arg << 20) >> 20);
	if (op >> 28 & 8)
		arg = 1u << (arg & 31);
	if (get_user_u32(word, &now))
		return -EFAULT;
	for (;;) {
		const u32 new[] = {arg, now + arg, now | arg, now & ~arg, now ^ arg};

		if ((op >> 28 & 7) >= ARRAY_LEN(new))
			return -ENOSYS;
		if (cmpxchg_user_u32(word, now, new[op >> 28 & 7], &seen))
			return -EFAULT;
		if (seen == now)
			break;
		now = seen;
	}
	*old = now;
	return 0;
}

static int word_compare(u32 op, u32 old)
{
	s32 arg = (s32)(op << 20) >> 20, value = (s32)old;
	const bool holds[] = {
		value == arg, value != arg, value<arg, value <= arg, value> arg, value >= arg};

	return (op >> 24 & 15) < ARRAY_LEN(holds) ? holds[op >> 24 & 15] : -ENOSYS;
}

/* futex_wake_op - the second word changes before any waiter is looked at, so a waiter that saw the
 * old value is in the queue. */
long futex_wake_op(
	u32 USER *word, u32 USER *word2, bool shared, const struct futex_counts *n, u32 op)
{
	struct futex_key k SCOPED(futex_key_put) = {0}, k2 SCOPED(futex_key_put) = {0};
	struct futex_bucket *a, *b;
	long ret, more = 0;
	int compare;
	u32 old;

	ret = futex_keys_get(word, word2, shared, &k, &k2);
	if (!ret)
		ret = word_op(word2, op, &old);
	if (ret)
		return ret;
	compare = word_compare(op, old);
	if (compare < 0)
		return compare;
	a = futex_bucket_of(&k);
	b = futex_bucket_of(&k2);
	lock_two(a, b);
	ret = wake_key(a, &k, (u32)n->wake, FUTEX_BITSET_MATCH_ANY);
	if (compare && ret >= 0)
		more = wake_key(b, &k2, (u32)n->requeue, FUTEX_BITSET_MATCH_ANY);
	unlock_two(a, b);
	return more < 0 ? more : ret + more;
}
