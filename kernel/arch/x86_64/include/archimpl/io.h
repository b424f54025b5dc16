/* I/O ports of x86. See <arch/io.h>. */
#pragma once

#include <exo/types.h>

/* arch_inN and arch_outN: the operand's size is that of AL, AX or EAX. */
#define X86_PORT(bits)                                                                \
	static inline u##bits arch_in##bits(u16 port)                                 \
	{                                                                             \
		u##bits v;                                                            \
		__asm__ volatile("in %1, %0" : "=a"(v) : "Nd"(port) : "memory");      \
		return v;                                                             \
	}                                                                             \
	static inline void arch_out##bits(u16 port, u##bits value)                    \
	{                                                                             \
		__asm__ volatile("out %0, %1" : : "a"(value), "Nd"(port) : "memory"); \
	}
X86_PORT(8)
X86_PORT(16)
X86_PORT(32)
static inline void arch_io_delay(void)
{
	arch_out8(0x80, 0); /* the POST code port: nobody listens, the bus takes about 1 us */
}
