/* Keys and queues of futexes. Layer: posix_x. */
#pragma once

#include "posix_x_internal.h"

/* A word: {space, address} when private, {object, offset in it} when shared. */
struct futex_key {
	const void *space;           /* NULL = shared */
	struct vm_object *object;    /* +1 held by whoever made the key; NULL = private */
	const void *object_requeued; /* a moved waiter: the object that counts, not held */
	u64 where;
};
struct futex_bucket {
	spinlock_t lock;     /* FUTEX */
	struct list waiters; /* [lock] futex_waiter.node, first come first */
};
struct futex_waiter {                /* on the sleeper's stack */
	struct list node;            /* [bucket->lock] */
	struct futex_bucket *bucket; /* [bucket->lock; release] NULL = woken */
	struct thread *thread;       /* [c] */
	struct futex_key key;        /* [bucket->lock] */
	struct pi_waiter *pi;        /* [c] NULL = an ordinary one */
	u32 bitset;                  /* [c] */
};
struct pi_waiter { /* futex_pi.c; on the sleeper's stack */
	struct futex_waiter w;
	struct inherit_wait lends;
	/* [bucket->lock] FUTEX_WAIT_REQUEUE_PI: the lock; NULL = waits for it */
	const struct futex_key *target;
	u64 owner; /* [bucket->lock] whose the lock is, and OWNER_PENDING */
};
static inline const void *futex_key_owner(const struct futex_key *k)
{
	return k->space ? k->space : k->object_requeued ? k->object_requeued : k->object;
}
static inline bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->where == b->where && futex_key_owner(a) == futex_key_owner(b);
}
static inline u32 futex_key_hash(const struct futex_key *k)
{
	u64 h = ((u64)futex_key_owner(k) ^ k->where >> 2) * 0x9e3779b97f4a7c15ULL;

	return (u32)(h >> 40);
}
#define OWNER_PENDING 1ULL
static inline struct thread *futex_pi_owner(const struct pi_waiter *p)
{
	return (struct thread *)(__atomic_load_n(&p->owner, __ATOMIC_ACQUIRE) & ~OWNER_PENDING);
}
struct futex_bucket *futex_bucket_of(const struct futex_key *k);
int futex_key_get(u32 USER *word, bool shared, struct futex_key *k) MUST_USE;
void futex_key_put(struct futex_key *k);
/* futex_keys_get - of two words; both to be put, or none after an error. */
int futex_keys_get(u32 USER *word, u32 USER *word2, bool shared, struct futex_key *k,
	struct futex_key *k2) MUST_USE;
int futex_queue_if_equal(u32 USER *word, u32 expected, struct futex_waiter *w) MUST_USE;
/* futex_sleep - until @w is woken, its lock is current's, the time is over, or a signal comes.
 * Return: the time is over. */
bool futex_sleep(struct futex_waiter *w, ns_t deadline_ns);
void futex_wake_locked(struct futex_waiter *w); /* [bucket->lock] */
/* [both] */
void futex_move_locked(struct futex_waiter *w, struct futex_bucket *to, const struct futex_key *k);
/* futex_pi_requeue_locked - moves waiters of @k from @a to the lock @word2 in @b, the first to be
 * its owner if it is free. *ref: to be put after unlocking. Return: how many | -errno, and
 * futex_pi_again tells whether to try once more. [both locks] */
long futex_pi_requeue_locked(struct futex_bucket *a, struct futex_bucket *b,
	const struct futex_key *k, const struct futex_key *k2, u32 USER *word2, s32 count,
	struct thread **ref);
bool futex_pi_again(u32 USER *word, long err);
