/* host: a machine without I/O ports. See <arch/io.h>. */
#pragma once

#include <exo/types.h>

static inline u8 arch_in8(u16 port)
{
	return 0xff;
}
static inline u16 arch_in16(u16 port)
{
	return 0xffff;
}
static inline u32 arch_in32(u16 port)
{
	return 0xffffffffu;
}
static inline void arch_out8(u16 port, u8 value)
{
}
static inline void arch_out16(u16 port, u16 value)
{
}
static inline void arch_out32(u16 port, u32 value)
{
}
static inline void arch_io_delay(void)
{
}
