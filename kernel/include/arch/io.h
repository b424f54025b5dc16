/* Device registers: I/O ports (where the machine has them) and memory-mapped ones. Layer: arch.
 * archimpl/io.h defines, as static inlines:
 *   u8/u16/u32 arch_in8/in16/in32(u16 port); void arch_out8/out16/out32(u16 port, value);
 *   void arch_io_delay(void)  about 1 us, for old devices.
 * A machine without ports reads all ones and drops writes. */
#pragma once

#include <exo/types.h>
#include <archimpl/io.h>

static inline u32 mmio_read32(const volatile void *reg)
{
	return *(const volatile u32 *)reg;
}
static inline void mmio_write32(volatile void *reg, u32 value)
{
	*(volatile u32 *)reg = value;
}
