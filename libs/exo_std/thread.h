/* exo_std/thread - threads of the C library with results as elsewhere here. C11 and C++11, Exo-OS
 * and Linux; link with -pthread. */
#pragma once

#include <pthread.h>
#include <sched.h>
#include "../exo_types/exo_types.h"

typedef pthread_t exo_thread_t;

/* exo_thread_start - runs fn(arg). 0 and *@out | -EAGAIN no memory for it. */
static inline int exo_thread_start(exo_thread_t *out, void *(*fn)(void *arg), void *arg)
{
	return -pthread_create(out, NULL, fn, arg);
}

/* exo_thread_join - waits for its end; *@result (may be NULL) is what fn returned. 0 | -ESRCH |
 * -EINVAL. */
static inline int exo_thread_join(exo_thread_t thread, void **result)
{
	return -pthread_join(thread, result);
}

/* exo_thread_pin - on this processor alone. 0 | -EINVAL no such processor. */
static inline int exo_thread_pin(exo_thread_t thread, unsigned cpu)
{
	cpu_set_t set;

	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return -pthread_setaffinity_np(thread, sizeof(set), &set);
}
