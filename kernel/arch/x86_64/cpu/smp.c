/* Starting the other CPUs, all of them at once. Layer: arch. Source: Intel SDM vol. 3, 8.4.4. */
#include <archimpl/x86.h>
#include <arch/irq.h>
#include <arch/mmu.h>
#include <exo/acpi.h>
#include <exo/cmdline.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo/time.h>

#define TRAMPOLINE       0x8000 /* boot_info.c keeps the first 64 KB out of the allocator */
#define INIT_WAIT_NS     (10 * NS_PER_US)
#define ANSWER_WAIT_NS   (1000 * NS_PER_MS)
#define STARTUP_AGAIN_NS (5 * NS_PER_MS)

extern const char ap_trampoline[], ap_trampoline_end[];
u64 ap_stacks[CPUS_MAX]; /* top of each CPU's idle stack; 0 = do not start */
u32 ap_cpuid_max;
static u64 answered_mask; /* [a] */
u8 cpu_nodes[CPUS_MAX];
void ap_main(u32 cpu) NORETURN;

static void wait_ns(ns_t ns)
{
	ns_t end = clock_monotonic() + ns;

	while (clock_monotonic() < end)
		arch_cpu_relax();
}

void ap_main(u32 cpu)
{
	descriptors_init(cpu);
	control_registers_init();
	arch_cpu_init();
	__atomic_fetch_or(&answered_mask, BIT(cpu), __ATOMIC_RELEASE);
	secondary_main(cpu);
}

/* Numbers the CPUs of the MADT, ours first, and gives each a stack and a per-CPU area. Return: mask
 * of those to start. */
static u64 cpus_prepare(void)
{
	u64 max = cmdline_has("nosmp") ? 1 : cmdline_u64("maxcpus", CPUS_MAX), mask = 0;
	u32 count = 1;

	max = MIN(MAX(max, 1ul), (u64)CPUS_MAX);
	for (u32 i = 0; i < acpi_info.cpu_count; i++) {
		u32 id = acpi_info.cpus[i].apic_id;
		u8 node = (u8)acpi_info.cpus[i].node;
		void *stack;

		if (id == cpu_apic_ids[0])
			cpu_nodes[0] = node;
		if (id == cpu_apic_ids[0] || count >= max || (id > 254 && !x86.x2apic))
			continue;
		stack = kstack_alloc();
		if (!stack || percpu_create(count)) {
			log_err("smp: no memory for CPU %u", count);
			break;
		}
		ap_stacks[count] = (u64)stack + KSTACK_SIZE;
		cpu_nodes[count] = node;
		cpu_apic_ids[count] = id;
		mask |= BIT(count++);
	}
	__atomic_store_n(&cpu_count, count, __ATOMIC_RELEASE);
	return mask;
}

static u32 distance(u32 from, u32 to)
{
	return acpi_info.distance[cpu_nodes[from]][cpu_nodes[to]];
}

u32 arch_smp_boot(void)
{
	u64 wanted = cpus_prepare();
	ns_t start, again;
	u32 cpu;

	for_each_bit (cpu, wanted)
		sched_cpu_init(cpu);
	if (acpi_info.node_count > 1)
		sched_topology(distance);
	cpu_number_tell();
	if (!wanted)
		return 1;
	ap_cpuid_max = cpuid(0, 0).eax;
	memcpy(phys_to_virt(TRAMPOLINE), ap_trampoline,
		(size_t)(ap_trampoline_end - ap_trampoline));
	apic_command_others(APIC_INIT);
	wait_ns(INIT_WAIT_NS);
	apic_command_others(APIC_STARTUP | TRAMPOLINE >> PAGE_SHIFT);
	start = clock_monotonic();
	again = start + STARTUP_AGAIN_NS;
	while ((__atomic_load_n(&answered_mask, __ATOMIC_ACQUIRE) & wanted) != wanted &&
		clock_monotonic() < start + ANSWER_WAIT_NS) {
		if (clock_monotonic() > again) { /* the second message of the specification, for
						    those who missed the first */
			apic_command_others(APIC_STARTUP | TRAMPOLINE >> PAGE_SHIFT);
			again = NS_FOREVER;
		}
		arch_cpu_relax();
	}
	if ((answered_mask & wanted) != wanted)
		log_err("smp: CPUs %#lx did not answer", wanted & ~answered_mask);
	while ((__atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE) & answered_mask) !=
			answered_mask &&
		clock_monotonic() < start + 2 * ANSWER_WAIT_NS)
		arch_cpu_relax();
	return (u32)__builtin_popcountll(__atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE));
}
