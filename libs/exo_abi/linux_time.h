/* Clocks and times in the Linux user ABI. Sources: clock_gettime(2), clock_getres(2),
 * gettimeofday(2), adjtimex(2), timer_create(2). */
#pragma once

#include <exo/types.h>

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define CLOCK_REALTIME_ALARM     8
#define CLOCK_BOOTTIME_ALARM     9
#define CLOCK_TAI                11
#define TIMER_ABSTIME            1
#define TFD_TIMER_ABSTIME        1u
#define TFD_TIMER_CANCEL_ON_SET  2u
#define ITIMER_REAL              0
#define ITIMER_VIRTUAL           1
#define ITIMER_PROF              2

/* A negative clock id is the CPU clock of a process or thread: ~id << 3 | CPU_CLOCK_THREAD | kind.
 */
#define CPU_CLOCK_KIND   3u
#define CPU_CLOCK_PROF   0u /* user and system */
#define CPU_CLOCK_VIRT   1u /* user */
#define CPU_CLOCK_SCHED  2u /* exact run time */
#define CPU_CLOCK_THREAD 4u

struct timespec_abi {
	s64 sec, nsec;
};
struct timeval_abi {
	s64 sec, usec;
};
struct timezone_abi {
	s32 minuteswest, dsttime;
};
struct pair_abi {
	s64 sec, part;
}; /* timeval or timespec */
struct interval_abi {
	struct pair_abi interval, value;
};
