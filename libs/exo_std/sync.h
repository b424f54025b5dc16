/* exo_std/sync - a mutex and a gate (wait for news) of one word each, on futexes. C11 and C++11,
 * Exo-OS and Linux. They may stand in memory that processes share, and are good when all zero. An
 * uncontended mutex enters no kernel. */
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "time.h"

struct exo_mutex {
	uint32_t word; /* [atomic] 0 free, 1 held, 2 held and somebody may sleep */
};
struct exo_gate {
	uint32_t count; /* [atomic] of signals so far */
};

static inline int exo_futex_wait_(uint32_t *word, uint32_t seen, exo_ns_t deadline_ns)
{
	struct timespec t;

	t.tv_sec = (time_t)(deadline_ns / EXO_NS_PER_S);
	t.tv_nsec = (long)(deadline_ns % EXO_NS_PER_S);
	return syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen,
		       deadline_ns == EXO_FOREVER ? NULL : &t, NULL, FUTEX_BITSET_MATCH_ANY)
		       ? -errno
		       : 0;
}

/* exo_mutex_lock - not recursive, not fair. */
static inline void exo_mutex_lock(struct exo_mutex *m)
{
	uint32_t free = 0;

	if (__atomic_compare_exchange_n(
		    &m->word, &free, 1u, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&m->word, 2u, __ATOMIC_ACQUIRE))
		(void)exo_futex_wait_(&m->word, 2, EXO_FOREVER);
}

static inline bool exo_mutex_try(struct exo_mutex *m)
{
	uint32_t free = 0;

	return __atomic_compare_exchange_n(
		&m->word, &free, 1u, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void exo_mutex_unlock(struct exo_mutex *m)
{
	if (__atomic_exchange_n(&m->word, 0u, __ATOMIC_RELEASE) == 2)
		(void)syscall(SYS_futex, &m->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* exo_gate_seen - take it, look at what is waited for, then exo_gate_wait with it: no signal is
 * missed. */
static inline uint32_t exo_gate_seen(const struct exo_gate *e)
{
	return __atomic_load_n(&e->count, __ATOMIC_ACQUIRE);
}

/* exo_gate_signal - whoever waits looks again. */
static inline void exo_gate_signal(struct exo_gate *e)
{
	__atomic_fetch_add(&e->count, 1u, __ATOMIC_RELEASE);
	(void)syscall(SYS_futex, &e->count, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
}

/* exo_gate_wait - until there was a signal after @seen. 0 | -ETIMEDOUT. */
static inline int exo_gate_wait(struct exo_gate *e, uint32_t seen, exo_ns_t deadline_ns)
{
	while (exo_gate_seen(e) == seen)
		if (exo_futex_wait_(&e->count, seen, deadline_ns) == -ETIMEDOUT)
			return exo_gate_seen(e) == seen ? -ETIMEDOUT : 0;
	return 0;
}
