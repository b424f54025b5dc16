/* x86_64: per-CPU data through %gs, the interrupt flag, the TSC. Included by <arch/cpu.h> only.
 * Layer: arch.
 *
 * Per-CPU data. The section "percpu" holds CPU 0's copy at its link address, and the GS base of a
 * CPU is the distance from there to its own copy (0 for CPU 0): `%gs:variable` is one instruction
 * and needs no table. `current` does not change as long as a thread lives, so its load is an asm
 * without volatile: the compiler may keep it. */
#pragma once

#define PER_CPU(T, name)         __attribute__((section("percpu"))) __typeof__(T) name
#define DECLARE_PER_CPU(T, name) extern __typeof__(T) name

DECLARE_PER_CPU(u64, percpu_delta); /* [c] this CPU's copy - CPU 0's copy */
extern u64 percpu_deltas[CPUS_MAX]; /* [c] the same, for all; 0 for CPUs that are not there */

#define this_cpu_read(v) (*(const __seg_gs __typeof__(v) *)(uintptr_t) & (v))
#define X86_THIS_CPU_OP(op, v, x)                                                              \
	do {                                                                                   \
		if (sizeof(v) == 1)                                                            \
			__asm__ volatile(op "b %b1, %%gs:%0" : "+m"(v) : "qi"((u8)(u64)(x)));  \
		else if (sizeof(v) == 2)                                                       \
			__asm__ volatile(op "w %w1, %%gs:%0" : "+m"(v) : "ri"((u16)(u64)(x))); \
		else if (sizeof(v) == 4)                                                       \
			__asm__ volatile(op "l %k1, %%gs:%0" : "+m"(v) : "ri"((u32)(u64)(x))); \
		else                                                                           \
			__asm__ volatile(op "q %q1, %%gs:%0" : "+m"(v) : "re"((u64)(x)));      \
	} while (0)
#define this_cpu_write(v, x) X86_THIS_CPU_OP("mov", v, x)
#define this_cpu_add(v, n)   X86_THIS_CPU_OP("add", v, n)
#define this_cpu_and(v, n)   X86_THIS_CPU_OP("and", v, n)
#define this_cpu_or(v, n)    X86_THIS_CPU_OP("or", v, n)
/* this_cpu_add_is_zero - adds to a u32 and tells whether the sum is 0: one instruction, its flag is
 * the answer. */
#define this_cpu_add_is_zero(v, n)                         \
	({                                                 \
		bool _zero;                                \
		__asm__ volatile("addl %2, %%gs:%1"        \
				 : "=@ccz"(_zero), "+m"(v) \
				 : "ri"((u32)(n))          \
				 : "memory");              \
		_zero;                                     \
	})
#define this_cpu_ptr(v) ((__typeof__(v) *)((uintptr_t) & (v) + this_cpu_read(percpu_delta)))
#define cpu_ptr(v, cpu) ((__typeof__(v) *)((uintptr_t) & (v) + percpu_deltas[cpu]))

extern struct thread *current_thread;
static ALWAYS_INLINE struct thread *x86_current(void)
{
	struct thread *t;

	__asm__("movq %%gs:%P1(%%rip), %0" : "=r"(t) : "i"(&current_thread));
	return t;
}
#define current x86_current()

#define X86_FLAGS_IF 0x200ul
static ALWAYS_INLINE void arch_irq_enable(void)
{
	__asm__ volatile("sti" ::: "memory");
}
static ALWAYS_INLINE void arch_irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}
static ALWAYS_INLINE ulong arch_irq_save(void)
{
	ulong flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
	return flags;
}
static ALWAYS_INLINE void arch_irq_restore(ulong flags)
{
	if (flags & X86_FLAGS_IF)
		arch_irq_enable();
}
static ALWAYS_INLINE bool arch_irq_enabled(void)
{
	ulong flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	return flags & X86_FLAGS_IF;
}
static ALWAYS_INLINE void arch_cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}
static ALWAYS_INLINE u64 arch_cycles(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}
