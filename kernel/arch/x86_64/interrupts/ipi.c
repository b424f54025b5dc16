/* Messages between CPUs: reschedule, function calls, and the stop of a panic. Layer: arch.
 *
 * A call is a node on a lock-free list of the target. The nodes belong to the caller's CPU, one for
 * each target, and are free again when cpu_call returns, because it waits with preemption off.
 * While it waits it serves its own list, so two CPUs that call each other with interrupts off do
 * not lock up. */
#include <archimpl/x86.h>
#include <arch/irq.h>
#include <exo/debug.h>
#include <exo/log.h>
#include <exo/sched.h>

struct call_node {
	struct call_node *next;
	void (*fn)(void *arg);
	void *arg;
	u64 *pending; /* [a] mask of CPUs that have not run it */
};
PER_CPU(struct call_node *, call_list);          /* [a] pushed by others */
PER_CPU(struct call_node[CPUS_MAX], call_nodes); /* [p] of the caller; [target] */
PER_CPU(struct trap_frame, stopped_frame);       /* panic: where this CPU was */
static u64 stopped_mask;                         /* [a] */
static bool stopping;

void arch_ipi(u32 cpu, enum ipi kind)
{
	apic_command(cpu_apic_ids[cpu], kind == IPI_RESCHED ? VECTOR_RESCHED : VECTOR_CALL);
}

void ipi_calls_run(void)
{
	struct call_node *n = __atomic_exchange_n(this_cpu_ptr(call_list), NULL, __ATOMIC_ACQUIRE);

	while (n) {
		struct call_node *next = n->next;
		u64 *pending = n->pending;

		n->fn(n->arg);
		/* the node is the caller's again */
		__atomic_fetch_and(pending, ~BIT(cpu_id()), __ATOMIC_RELEASE);
		n = next;
	}
}

static void call_push(u32 cpu, struct call_node *n)
{
	struct call_node **list = cpu_ptr(call_list, cpu);
	struct call_node *head = __atomic_load_n(list, __ATOMIC_RELAXED);

	do {
		n->next = head;
	} while (!__atomic_compare_exchange_n(
		list, &head, n, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	if (!head) /* else somebody else's message is on its way and will find ours too */
		arch_ipi(cpu, IPI_CALL);
}

void cpu_call(cpumask_t mask, void (*fn)(void *arg), void *arg)
{
	u64 pending;
	u32 cpu;
	bool self;

	preempt_disable();
	mask &= __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE);
	self = mask & BIT(cpu_id());
	pending = mask & ~BIT(cpu_id());
	for_each_bit (cpu, pending) {
		struct call_node *n = &(*this_cpu_ptr(call_nodes))[cpu];

		*n = (struct call_node){.fn = fn, .arg = arg, .pending = &pending};
		call_push(cpu, n);
	}
	if (self) {
		ulong flags SCOPED(irq_restore_at) = arch_irq_save();

		fn(arg);
	}
	while (__atomic_load_n(&pending, __ATOMIC_ACQUIRE)) {
		if (this_cpu_read(call_list)) {
			ulong flags SCOPED(irq_restore_at) = arch_irq_save();

			ipi_calls_run();
		}
		arch_cpu_relax();
	}
	preempt_enable();
}

/* ---- panic ---- */

void nmi_handle(struct trap_frame *f)
{
	if (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE))
		return; /* a stray NMI: nothing on this machine is known to send one */
	*this_cpu_ptr(stopped_frame) = *f;
	__atomic_fetch_or(&stopped_mask, BIT(cpu_id()), __ATOMIC_RELEASE);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void arch_stop_others(void)
{
	cpumask_t others = __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE) & ~BIT(cpu_id());
	u64 start = arch_cycles();

	if (!others)
		return;
	__atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
	apic_command_others(APIC_NMI);
	while ((__atomic_load_n(&stopped_mask, __ATOMIC_ACQUIRE) & others) != others &&
		arch_cycles() - start < 200000000)
		arch_cpu_relax();
}

void arch_stopped_print(void)
{
	u32 cpu;

	for_each_online_cpu (cpu) {
		const struct trap_frame *f = cpu_ptr(stopped_frame, cpu);

		if (cpu == cpu_id())
			continue;
		if (!(stopped_mask & BIT(cpu))) {
			log_printf(LOG_EMERG, "CPU %u did not answer", cpu);
			continue;
		}
		log_printf(LOG_EMERG, "CPU %u stopped at %pS, %s mode", cpu, (void *)f->rip,
			tf_from_user(f) ? "user" : "kernel");
		if (!tf_from_user(f))
			backtrace_print(f->rip, f->rbp);
	}
}

void arch_halt_all(void)
{
	arch_irq_disable();
	arch_stop_others();
	for (;;)
		__asm__ volatile("cli; hlt");
}
