/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* semaphore.h - counting semaphores, of the kernel's wait queues: for tests that count events. */
#pragma once
#include <exo/sched.h>
#include <exo/sync.h>

struct semaphore {
	s32 count; /* [a] */
	struct waitqueue wq;
};

static inline void semaphore_init(struct semaphore *s, s32 count)
{
	s->count = count;
	waitqueue_init(&s->wq);
}

static inline bool semaphore_try(struct semaphore *s)
{
	s32 count = __atomic_load_n(&s->count, __ATOMIC_RELAXED);

	while (count > 0)
		if (__atomic_compare_exchange_n(&s->count, &count, count - 1, false,
			    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

static inline int semaphore_down(struct semaphore *s, enum wait_mode mode, ns_t deadline_ns)
{
	return wait_event_mode(&s->wq, semaphore_try(s), mode, deadline_ns, true);
}

static inline void semaphore_up(struct semaphore *s)
{
	__atomic_fetch_add(&s->count, 1, __ATOMIC_RELEASE);
	wake_one(&s->wq, 0);
}
