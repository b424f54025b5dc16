/* host: fake CPUs, the interrupt flag, the cycle counter. Layer: arch. */
#include <host.h>
#include <arch/irq.h>
#include <exo/sched.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

PER_CPU(u32, cpu_number);
PER_CPU(struct thread *, current_thread);
PER_CPU(u32, preempt_count);
u32 cpu_count = 1;
u8 cpu_nodes[CPUS_MAX];
cpumask_t cpu_online_mask = 1;
__thread u32 host_cpu;
u32 host_ipis[CPUS_MAX];

static bool irqs_off[CPUS_MAX];
static bool interrupt[CPUS_MAX];
static struct thread threads[CPUS_MAX];

/* The simulator's hooks, when it is linked. */
void host_sim_irqs_on(void) WEAK;
void host_sim_point(void) WEAK;
bool host_sim_ipi(u32 cpu, enum ipi kind) WEAK;
u64 host_sim_now(void) WEAK; /* 0 = not running */

static __attribute__((constructor)) void hostcpu_start(void)
{
	for (u32 cpu = 0; cpu < CPUS_MAX; cpu++) {
		cpu_number[cpu] = cpu;
		preempt_count[cpu] = PREEMPT_NO_RESCHED;
		snprintf(threads[cpu].name, sizeof(threads[cpu].name), "host%u", cpu);
		threads[cpu].on_cpu = 1;
		threads[cpu].refs = 1;
		threads[cpu].cpu = cpu;
		threads[cpu].flags = THREAD_KERNEL;
	}
	current_thread[0] = &threads[0];
}

void host_thread_attach(u32 cpu)
{
	host_cpu = cpu;
	current_thread[cpu] = &threads[cpu];
}

void host_set_cpus(u32 count)
{
	cpu_count = count;
	cpu_online_mask = count == 64 ? ~0ULL : BIT(count) - 1;
}

void host_set_interrupt(bool on)
{
	this_cpu_write(interrupt, on);
}

bool in_interrupt(void)
{
	return this_cpu_read(interrupt);
}

void host_irq_flag_on(void)
{
	this_cpu_write(irqs_off, false);
}

void arch_irq_enable(void)
{
	this_cpu_write(irqs_off, false);
	if (host_sim_irqs_on)
		host_sim_irqs_on();
}

void arch_irq_disable(void)
{
	this_cpu_write(irqs_off, true);
}

ulong arch_irq_save(void)
{
	ulong flags = !this_cpu_read(irqs_off);

	this_cpu_write(irqs_off, true);
	return flags;
}

void arch_irq_restore(ulong flags)
{
	if (flags)
		arch_irq_enable();
}

bool arch_irq_enabled(void)
{
	return !this_cpu_read(irqs_off);
}

void arch_cpu_relax(void)
{
	if (host_sim_point && host_sim_now())
		host_sim_point();
	else
		sched_yield();
}

u64 arch_cycles(void)
{
	struct timespec ts;
	u64 now = host_sim_now ? host_sim_now() : 0;

	if (now)
		return now;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec;
}

u64 arch_tsc_khz(void)
{
	return 1000000; /* a cycle is a nanosecond */
}

u64 arch_random_seed(void)
{
	return arch_cycles() * 0x9e3779b97f4a7c15ULL;
}

void arch_ipi(u32 cpu, enum ipi kind)
{
	if (host_sim_ipi && host_sim_ipi(cpu, kind))
		return;
	__atomic_fetch_add(&host_ipis[cpu], 1, __ATOMIC_RELAXED);
}

/* Runs fn in turn with the number of each CPU. */
void cpu_call(cpumask_t mask, void (*fn)(void *arg), void *arg)
{
	u32 self = host_cpu;
	u32 cpu;

	for_each_bit (cpu, mask) {
		host_cpu = cpu;
		fn(arg);
	}
	host_cpu = self;
}
