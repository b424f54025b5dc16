/* FPU save and load, for the switch and for signals. Layer: arch, private to it. */
#pragma once

#include <archimpl/x86.h>

struct fpu_legacy { /* start of the FXSAVE and XSAVE area */
	u16 control, status;
	u8 tag, reserved;
	u16 opcode;
	u64 ip, data;
	u32 mxcsr, mxcsr_mask;
	u8 registers[384];
	u8 reserved2[48];
	u8 software[48]; /* ignored by the CPU: Linux's fpx_sw_bytes */
};
struct fpu_header { /* at 512 */
	u64 xstate_bv, xcomp_bv;
	u64 reserved[6];
};
_Static_assert(sizeof(struct fpu_legacy) == 512, "FXSAVE area is fixed by the CPU");

#define XCR0_PKRU  (1ull << 9)
#define PKRU_FIRST 0x55555554u /* a new program, a handler: only key 0 is allowed */
static inline u32 pkru_read(void)
{
	u32 v, unused;

	__asm__ volatile("rdpkru" : "=a"(v), "=d"(unused) : "c"(0));
	return v;
}
static inline void pkru_write(u32 v) /* reading costs less: a write may empty the TLB */
{
	if (pkru_read() != v)
		__asm__ volatile("wrpkru" ::"a"(v), "d"(0), "c"(0) : "memory");
}

DECLARE_PER_CPU(void *, fpu_owner);

static ALWAYS_INLINE void fpu_save(void *area)
{
	if (likely(x86.xsaveopt))
		__asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
	else if (x86.xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}
static ALWAYS_INLINE void fpu_load(const void *area)
{
	if (likely(x86.xsave))
		__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}
void fpu_reload(void);
void fpu_exec(void);
