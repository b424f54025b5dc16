/* host: the CPU contract inside an ordinary program. Included by <arch/cpu.h> only. Layer: arch.
 *
 * A host program has up to CPUS_MAX fake CPUs. Per-CPU data are plain arrays indexed by host_cpu,
 * which is local to the host thread: tests with real threads give each of them a CPU of its own
 * (host_thread_attach), the simulator (sim.c) runs all the CPUs on one host thread and changes
 * host_cpu when it goes from one to another. The interrupt flag is a per-CPU variable. */
#pragma once

#define PER_CPU(T, name)         __typeof__(T) name[CPUS_MAX]
#define DECLARE_PER_CPU(T, name) extern __typeof__(T) name[CPUS_MAX]

extern __thread u32 host_cpu; /* the fake CPU that this host thread is on */

#define this_cpu_read(v)     ((v)[host_cpu])
#define this_cpu_write(v, x) ((void)((v)[host_cpu] = (x)))
#define this_cpu_add(v, n)   ((void)((v)[host_cpu] += (n)))
#define this_cpu_and(v, n)   ((void)((v)[host_cpu] &= (n)))
#define this_cpu_or(v, n)    ((void)((v)[host_cpu] |= (n)))
#define this_cpu_ptr(v)      (&(v)[host_cpu])
#define cpu_ptr(v, cpu)      (&(v)[cpu])

extern struct thread *current_thread[CPUS_MAX];
#define current this_cpu_read(current_thread)

/* Interrupts: enabling them is where the simulator delivers pending ones. */
void arch_irq_enable(void);
void arch_irq_disable(void);
ulong arch_irq_save(void);
void arch_irq_restore(ulong flags);
bool arch_irq_enabled(void);
void arch_cpu_relax(void);
u64 arch_cycles(void); /* ns: of the simulated clock when the simulator runs, else of the host's
			  monotonic clock */
