/* The CPU: interrupt flag, per-CPU data, preemption count, cycle counter, stopping.
 * Contract; inline bodies come from kernel/arch/<arch>/include/archimpl/cpu.h.
 * Layer: arch.
 *
 * Per-CPU data. PER_CPU(type, name) defines a variable with one copy a CPU (section "percpu",
 * the linked copy is CPU 0's). this_cpu_read/write/add compile to one instruction relative to the
 * CPU's base and are safe against preemption and interrupts on the same CPU; this_cpu_ptr needs
 * preemption off for as long as the pointer is used; cpu_ptr names another CPU's copy.
 *
 * archimpl/cpu.h must define, as macros or static inlines:
 *   PER_CPU(T, name), DECLARE_PER_CPU(T, name), this_cpu_read(v), this_cpu_write(v, x),
 * this_cpu_add(v, n), this_cpu_and(v, mask), this_cpu_add_is_zero(v, n) (u32; a compiler barrier),
 * this_cpu_ptr(v), cpu_ptr(v, cpu), ulong arch_irq_save(void); void arch_irq_restore(ulong); void
 * arch_irq_enable/disable(void); bool arch_irq_enabled(void); void arch_cpu_relax(void);  u64
 * arch_cycles(void) (TSC);  struct thread *current (macro over the per-CPU current_thread).
 */
#pragma once

#include <exo/types.h>
#include <exo/bitops.h>

struct thread;
typedef unsigned long ulong;

#include <archimpl/cpu.h>
#ifndef this_cpu_add_is_zero /* an arch whose add leaves no flags */
#define this_cpu_add_is_zero(v, n)     \
	({                             \
		barrier();             \
		this_cpu_add(v, n);    \
		this_cpu_read(v) == 0; \
	})
#endif
#ifndef this_cpu_and
#define this_cpu_and(v, mask) this_cpu_write(v, this_cpu_read(v) & (mask))
#endif

DECLARE_PER_CPU(u32, cpu_number);                 /* [c] this CPU's index, dense from 0 */
DECLARE_PER_CPU(struct thread *, current_thread); /* [p] written by the scheduler's switch only */
/* [p] bit 31 clear = a reschedule is wanted; bits 0..30 = depth of preempt_disable. So "may and
 * should reschedule now" is exactly zero, and preempt_enable tests it with the decrement. */
DECLARE_PER_CPU(u32, preempt_count);
#define PREEMPT_NO_RESCHED 0x80000000u

extern u32 cpu_count;             /* [c] CPUs found (after ACPI) */
extern u8 cpu_nodes[CPUS_MAX];    /* [c] the NUMA node of each (after arch_smp_boot) */
extern cpumask_t cpu_online_mask; /* [a] CPUs that schedule */

static ALWAYS_INLINE u32 cpu_id(void)
{
	return this_cpu_read(cpu_number);
}
#define for_each_online_cpu(c) for_each_bit (c, __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE))

void sched_preempt(void); /* scheduler: called when preempt_enable finds zero; returns after others
			     ran. With interrupts off it does nothing. */
void sched_preempt_irq(void); /* the same for the exit of the outermost interrupt: called and
				 returns with interrupts off */
static ALWAYS_INLINE void preempt_disable(void)
{
	this_cpu_add(preempt_count, 1);
	barrier();
}
static ALWAYS_INLINE void preempt_enable_no_resched(void)
{
	barrier();
	this_cpu_add(preempt_count, -1);
}
static ALWAYS_INLINE void preempt_enable(void)
{
	if (unlikely(this_cpu_add_is_zero(preempt_count, -1)))
		sched_preempt();
}
static ALWAYS_INLINE void preempt_set_resched(void) /* on this CPU; others get IPI_RESCHED */
{
	this_cpu_and(preempt_count, ~PREEMPT_NO_RESCHED);
}

/* arch_cpu_idle - enter with interrupts off; atomically enables them and sleeps until one comes;
 * returns with them on. */
void arch_cpu_idle(void);
void arch_sync_core(void);         /* a full barrier, after which code is fetched anew */
void arch_halt_all(void) NORETURN; /* NMIs the other CPUs to a stop, then stops this one */
void arch_stop_others(void);       /* panic: NMI; waits a bounded time */
/* ACPI S5, or isa-debug-exit when the value is not 0 */
void arch_power_off(int qemu_exit_value) NORETURN;
void arch_reboot(void) NORETURN;
/* arch_cpuinfo - text of /proc/cpuinfo for one CPU. Return: bytes (as snprintf). */
int arch_cpuinfo(u32 cpu, char *buf, size_t size);
/* A cache of a CPU. A line in bytes; partitions: lines of a tag; type: 1 data, 2 instructions, 3
 * both, 0 = there is no such cache. */
struct cpu_cache {
	u32 level, line, ways, sets, partitions, id, type;
	cpumask_t users; /* the CPUs that share it */
};
/* arch_cpu_cache - cache @index of a CPU, from 0 up. Every CPU has what the one that asks has. */
struct cpu_cache arch_cpu_cache(u32 cpu, u32 index);
void arch_stopped_print(void); /* panic: where the CPUs were that arch_stop_others stopped */
/* arch_tsc_khz - measured against CPUID, HPET, PM timer or PIT, whichever comes first; at most 10
 * ms. Boot CPU, after acpi_init. */
u64 arch_tsc_khz(void);
u64 arch_random_seed(void); /* RDSEED/RDRAND/TSC jitter mixed; never fails, quality varies */

/* Entry points that boot calls in order (kernel/main.c):
 * arch_early_init   before any memory allocator: GDT, IDT, traps, the final page tables.
 * arch_cpu_init     on every CPU: FPU, syscall MSRs, SMEP/SMAP/UMIP/FSGSBASE/PCID, LAPIC, timer.
 * arch_irq_init     IOAPIC from ACPI MADT, legacy PIC masked.
 * arch_smp_boot     starts every other CPU; each calls secondary_main(cpu) on its idle thread.
 * Return: CPUs online. */
void arch_early_init(void);
void arch_cpu_init(void);
void arch_irq_init(void);
u32 arch_smp_boot(void);
void secondary_main(u32 cpu) NORETURN; /* scheduler room */
