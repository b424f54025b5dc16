/* exo_std/time - clocks and sleep. C11 and C++11, Exo-OS and Linux. Times: ns of CLOCK_MONOTONIC.
 */
#pragma once

#include <time.h>
#include "../exo_types/exo_types.h"

/* exo_now_ns - the time now. Never goes back; does not enter the kernel. */
static inline exo_ns_t exo_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (exo_ns_t)t.tv_sec * EXO_NS_PER_S + (exo_ns_t)t.tv_nsec;
}

/* exo_after_ns - the deadline @from_now ns from now; EXO_FOREVER stays what it is. */
static inline exo_ns_t exo_after_ns(exo_ns_t from_now)
{
	exo_ns_t now = exo_now_ns();

	return from_now >= (1ull << 63) - now ? EXO_FOREVER : now + from_now;
}

/* exo_sleep_until - 0 | -EINTR a signal handler ran. */
static inline int exo_sleep_until(exo_ns_t deadline_ns)
{
	struct timespec t;

	t.tv_sec = (time_t)(deadline_ns / EXO_NS_PER_S);
	t.tv_nsec = (long)(deadline_ns % EXO_NS_PER_S);
	return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
