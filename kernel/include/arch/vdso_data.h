/* The page that the vDSO reads: filled by room time, mapped read-only into every program, directly
 * below the vDSO's image. Layer: arch (both sides include it).
 *
 *   ns of clock i = (cycles * mult >> VDSO_SHIFT) + offset_ns[i]     a 128-bit product: it never
 * overflows mult is written once, before any program runs, and each offset is one word: readers
 * need no sequence counter. The kernel's own clocks compute the same, to the last bit, so that a
 * program never sees time step back between the two. */
#pragma once

#include <exo/types.h>

#define VDSO_SHIFT  32
#define VDSO_CLOCKS 12 /* CLOCK_REALTIME 0 .. CLOCK_TAI 11 */

struct vdso_data {
	u64 mult;                       /* [c] ns a cycle */
	s64 offset_ns[VDSO_CLOCKS];     /* [a] by clock id; 0 = only the kernel can say */
	s32 tz_minuteswest, tz_dsttime; /* [a] */
};

static inline u64 vdso_scale(u64 cycles, u64 mult)
{
	return (u64)((unsigned __int128)cycles * mult >> VDSO_SHIFT);
}
