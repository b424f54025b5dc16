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
	u32 bitset;                  /* [c] */
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
