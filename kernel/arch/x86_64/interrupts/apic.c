/* The local APIC: identity, end of interrupt, messages between CPUs, the one-shot timer. x2APIC
 * where the CPU has it. Layer: arch. Source: Intel SDM vol. 3, chapter 10. */
#include <archimpl/x86.h>
#include <arch/irq.h>
#include <arch/mmu.h>
#include <exo/acpi.h>
#include <exo/log.h>
#include <exo/time.h>

enum {
	APIC_ID = 0x20,
	APIC_TPR = 0x80,
	APIC_EOI = 0xb0,
	APIC_SPURIOUS = 0xf0,
	APIC_ICR = 0x300,
	APIC_ICR_HIGH = 0x310,
	APIC_TIMER = 0x320,
	APIC_LINT0 = 0x350,
	APIC_LINT1 = 0x360,
	APIC_ERROR = 0x370,
	APIC_COUNT = 0x380,
	APIC_CURRENT = 0x390,
	APIC_DIVIDE = 0x3e0,
};
#define APIC_MASKED      0x10000u
#define APIC_DEADLINE    0x40000u
#define ICR_PENDING      0x1000u
#define ICR_ASSERT       0x4000u
#define ICR_ALL_BUT_SELF 0xc0000u
#define APIC_BASE_ENABLE BIT(11)
#define APIC_BASE_X2     BIT(10)
#define TIMER_SHIFT      32
#define CALIBRATE_US     500

static volatile u8 *apic_registers; /* [c] */
static u64 timer_mult;              /* [c] ticks (or TSC cycles) = ns * mult >> TIMER_SHIFT */
u32 cpu_apic_ids[CPUS_MAX];

static u32 apic_read(u32 reg)
{
	if (x86.x2apic)
		return (u32)rdmsr(MSR_X2APIC + reg / 16);
	return *(volatile u32 *)(apic_registers + reg);
}

static void apic_write(u32 reg, u32 v)
{
	if (x86.x2apic)
		wrmsr(MSR_X2APIC + reg / 16, v);
	else
		*(volatile u32 *)(apic_registers + reg) = v;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

/* Interrupts off, so that nobody else of this CPU comes between the two halves of the command
 * register. */
void apic_command(u32 target, u32 command)
{
	ulong flags SCOPED(irq_restore_at) = arch_irq_save();

	command |= ICR_ASSERT;
	if (x86.x2apic) {
		/* the WRMSR does not order earlier stores */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		wrmsr(MSR_X2APIC + APIC_ICR / 16, (u64)target << 32 | command);
	} else {
		while (apic_read(APIC_ICR) & ICR_PENDING)
			arch_cpu_relax();
		apic_write(APIC_ICR_HIGH, target << 24);
		apic_write(APIC_ICR, command);
	}
}

void apic_command_others(u32 command)
{
	apic_command(0, ICR_ALL_BUT_SELF | command);
}

static void apic_enable(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | (x86.x2apic ? APIC_BASE_X2 : 0));
	if (!x86.x2apic && !apic_registers)
		apic_registers = fixmap_device(base & PTE_ADDR);
}

void apic_init_cpu(void)
{
	apic_enable();
	cpu_apic_ids[cpu_id()] = apic_read(APIC_ID) >> (x86.x2apic ? 0 : 24);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LINT0, APIC_MASKED);
	apic_write(APIC_LINT1, cpu_id() == 0 ? APIC_NMI : APIC_MASKED);
	apic_write(APIC_ERROR, APIC_MASKED);
	apic_write(APIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
	apic_write(APIC_DIVIDE, 0xb); /* by 1 */
	apic_write(APIC_TIMER, VECTOR_TIMER | (x86.tsc_deadline ? APIC_DEADLINE : 0));
	if (x86.tsc_deadline)
		/* before the first write of the deadline register */
		__asm__ volatile("mfence" ::: "memory");
}

static u64 timer_read(void)
{
	return apic_read(APIC_CURRENT);
}

/* Counts the timer against the cycle counter for half a millisecond. With TSC deadlines there is
 * nothing to measure. */
void apic_timer_calibrate(void)
{
	u64 begin = 0, end = 0, start, ticks;

	if (x86.tsc_deadline) {
		timer_mult = (tsc_khz << TIMER_SHIFT) / 1000000;
		return;
	}
	apic_write(APIC_TIMER, VECTOR_TIMER | APIC_MASKED);
	apic_write(APIC_COUNT, ~0u);
	start = counter_sample(timer_read, &begin);
	while (arch_cycles() - begin < tsc_khz * CALIBRATE_US / 1000)
		arch_cpu_relax();
	ticks = start - counter_sample(timer_read, &end);
	apic_write(APIC_COUNT, 0);
	apic_write(APIC_TIMER, VECTOR_TIMER);
	ticks = ticks * tsc_khz / (end - begin); /* per ms */
	timer_mult = (ticks << TIMER_SHIFT) / 1000000;
	log_info("apic: timer at %lu kHz", ticks);
}

/* A deadline beyond what the counter holds fires early; the time room then arms the rest. */
void arch_timer_arm(ns_t deadline_ns)
{
	ns_t now = clock_monotonic();
	ns_t wait = deadline_ns > now ? MIN(deadline_ns - now, NS_PER_SEC) : 0;
	u64 ticks = wait * timer_mult >> TIMER_SHIFT;

	if (x86.tsc_deadline)
		wrmsr(MSR_TSC_DEADLINE, arch_cycles() + ticks + 1);
	else
		apic_write(APIC_COUNT, (u32)MIN(ticks + 1, 0xffffffffull));
}
