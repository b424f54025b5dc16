/* host: a machine without I/O ports. Included by <arch/io.h> only. Layer: arch. */
#pragma once

static inline u8 arch_in8(u16 port)
{
	return 0xff;
}
static inline void arch_out8(u16 port, u8 v)
{
}
