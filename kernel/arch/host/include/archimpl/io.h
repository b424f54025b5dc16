/* host: a machine without I/O ports. Included by <arch/io.h> only. Layer: arch. */
#pragma once

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
	return ~0u;
}
static inline void arch_out8(u16 port, u8 v)
{
}
static inline void arch_out16(u16 port, u16 v)
{
}
static inline void arch_io_delay(void)
{
}
