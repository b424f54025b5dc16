/* The page that the vDSO reads: filled by room time, mapped read-only into every program. Layer: arch (both sides include it).
 *
 *   ns = mono_base_ns + ((cycles - tsc_base) * mult >> shift)   with a 128-bit product: it never overflows, so the writer
 *   changes it only when somebody sets the clock.
 * Readers retry while seq is odd or changed; mode VDSO_MODE_NONE sends them to the system call. */
#pragma once

#include <exo/types.h>

enum { VDSO_MODE_NONE = 0, VDSO_MODE_TSC = 1 };
struct vdso_data {
	u32 seq;                /* [a] odd while being written */
	u32 mode;
	u64 tsc_base;
	u64 mult;
	u32 shift;
	u32 coarse_res_ns;      /* what clock_getres says of the COARSE clocks */
	u64 mono_base_ns;       /* CLOCK_MONOTONIC at tsc_base */
	s64 realtime_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	s64 boottime_offset_ns; /* CLOCK_BOOTTIME - CLOCK_MONOTONIC */
	s64 tai_offset_ns;      /* CLOCK_TAI - CLOCK_REALTIME */
	s32 tz_minuteswest, tz_dsttime;
};
