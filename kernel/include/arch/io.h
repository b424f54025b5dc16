/* Device registers: I/O ports, where the machine has them. Layer: arch.
 * archimpl/io.h defines, as static inlines:
 *   u8/u16/u32 arch_in8/in16/in32(u16 port); void arch_out8/out16(u16 port, value);
 *   void arch_io_delay(void)  about 1 us, for old devices.
 * A machine without ports reads all ones and drops writes. */
#pragma once

#include <exo/types.h>
#include <archimpl/io.h>
