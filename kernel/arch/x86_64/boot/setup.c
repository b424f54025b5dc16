/* The order in which this machine comes up, per-CPU areas, and the ways to leave it. Layer: arch.
 */
#include <archimpl/x86.h>
#include <archimpl/fpu.h>
#include <arch/boot.h>
#include <arch/mmu.h>
#include <arch/syscall.h>
#include <exo/acpi.h>
#include <exo/cmdline.h>
#include <exo/debug.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>

PER_CPU(u64, percpu_delta);
PER_CPU(u32, cpu_number);
PER_CPU(u32, preempt_count) = PREEMPT_NO_RESCHED;
u64 percpu_deltas[CPUS_MAX];
u32 cpu_count = 1;
cpumask_t cpu_online_mask = 1;
extern char percpu_start[], percpu_end[], percpu_template[];
extern u64 __stack_chk_guard;

/* syscall_full_table[nr]: handlers of the F calls, whose entry in syscall_table is the stub. */
syscall_fn syscall_full_table[SYSCALLS_MAX] ALIGNED(64);
long syscall_full_stub(u64, u64, u64, u64, u64, u64);

/* The first C code, which the entry calls where the image was linked. Returns by how much all that
 * has an address moved, which the caller follows; no pointer into the image may outlive this. */
u64 arch_slide(void);
u64 arch_slide(void)
{
	features_init();
	boot_info_init();
	cmdline_parse(boot_info.cmdline);
	return cmdline_has("nokaslr") ? 0 : kernel_map_slide(arch_random_seed());
}

/* Runs without a stack guard, because it is what sets the guard. */
__attribute__((no_stack_protector)) void arch_early_init(void)
{
	memcpy(percpu_template, percpu_start, (size_t)(percpu_end - percpu_start));
	idt_init();
	descriptors_init(0);
	__stack_chk_guard = arch_random_seed() & ~0xffull; /* a NUL byte stops string overruns */
	control_registers_init();
	kernel_map_init();
}

/* The linked copy is CPU 0's; the others start from what it was at the first instruction. */
int percpu_create(u32 cpu)
{
	size_t len = ALIGN_UP((size_t)(percpu_end - percpu_start), PAGE_SIZE);
	u8 *area = vmalloc(len + IST_COUNT * IST_STACK_SIZE, ALLOC_KERNEL);

	if (!area)
		return -ENOMEM;
	memcpy(area, percpu_template, (size_t)(percpu_end - percpu_start));
	percpu_deltas[cpu] = (u64)area - (u64)percpu_start;
	*cpu_ptr(percpu_delta, cpu) = percpu_deltas[cpu];
	*cpu_ptr(cpu_number, cpu) = cpu;
	*cpu_ptr(cpu_ist_stacks, cpu) = area + len;
	return 0;
}

void arch_cpu_init(void)
{
	fpu_init_cpu();
	apic_init_cpu();
	if (cpu_id() == 0)
		apic_timer_calibrate();
}

void arch_syscall_init(void)
{
	for (u32 nr = 0; nr < SYSCALLS_MAX; nr++)
		if (bit_test(syscall_full_frame, nr)) {
			syscall_full_table[nr] = syscall_table[nr];
			syscall_table[nr] = syscall_full_stub;
		}
}

/* Mixes what the CPU offers; the cycle counter's low bits are all that an old one has. */
u64 arch_random_seed(void)
{
	u64 seed = arch_cycles(), word = 0;
	bool ok = false;

	if (x86.rdseed)
		__asm__ volatile("rdseed %0" : "=r"(word), "=@ccc"(ok));
	if (!ok && x86.rdrand)
		__asm__ volatile("rdrand %0" : "=r"(word), "=@ccc"(ok));
	for (u32 i = 0; i < (ok ? 1u : 16u); i++) { /* the counter alone must be read often */
		seed ^= arch_cycles() + word;
		seed *= 0x9e3779b97f4a7c15ull;
		seed ^= seed >> 29;
	}
	return seed;
}

void arch_cpu_idle(void)
{
	/* STI takes effect after HLT has begun: no wake-up is lost between */
	__asm__ volatile("sti; hlt" ::: "memory");
}

void arch_power_off(int qemu_exit_value)
{
	arch_irq_disable();
	if (qemu_exit_value)
		qemu_exit((u8)qemu_exit_value);
	else
		acpi_power_off();
	arch_halt_all();
}

void arch_reboot(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} PACKED nothing;

	arch_irq_disable();
	machine_reset();
	__asm__ volatile("lidt %0; int3" ::"m"(nothing)); /* triple fault */
	arch_halt_all();
}

/* ---- for backtraces ---- */

void arch_registers_here(u64 *ip, u64 *fp, const struct trap_frame *f)
{
	const u64 *frame = __builtin_frame_address(0);

	*ip = f ? f->rip : frame[1];
	*fp = f ? f->rbp : frame[0];
}

bool arch_address_readable(u64 addr)
{
	u64 entry_table = read_cr3() & PTE_ADDR;

	if (addr < DIRECT_BASE || (addr & 7))
		return false;
	for (int shift = 39; shift >= 12; shift -= 9) {
		u64 entry = ((u64 *)phys_to_virt(entry_table))[addr >> shift & 511];

		if (!(entry & PTE_P))
			return false;
		if (entry & PTE_PS && shift > 12)
			return true;
		entry_table = entry & PTE_ADDR;
	}
	return true;
}
