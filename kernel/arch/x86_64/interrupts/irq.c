/* Interrupt dispatch: device lines through the I/O APICs, messages between CPUs, the timer. Layer:
 * arch. Vectors of devices are handed out from below and never given back. Locks: vector_lock for
 * registration; dispatch needs none, because an entry of the table is written once, before its line
 * is unmasked. Source: Intel 82093AA (I/O APIC) data sheet; ACPI 6.4, 5.2.12. */
#include <archimpl/x86.h>
#include <arch/irq.h>
#include <arch/io.h>
#include <arch/mmu.h>
#include <exo/acpi.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/sched.h>
#include <exo/sync.h>

#define IOAPIC_SELECT   0x00
#define IOAPIC_WINDOW   0x10
#define IOAPIC_VERSION  1
#define IOAPIC_REDIRECT 0x10
#define REDIRECT_MASKED 0x10000u
#define REDIRECT_LEVEL  0x8000u
#define REDIRECT_LOW    0x2000u

struct ioapic {
	volatile u8 *registers;
	u32 gsi_base, lines;
};
struct irq_action {
	irq_handler_fn fn;
	void *arg;
	u32 gsi;
};
static struct ioapic ioapics[ACPI_IOAPICS_MAX]; /* [c] after arch_irq_init */
static struct irq_action actions[256];          /* [vector_lock] write; read by dispatch */
static u32 next_vector = VECTOR_IRQ_FIRST;
static spinlock_t vector_lock = SPINLOCK_INIT(RANK_CALLS);

PER_CPU(u32, irq_depth);
PER_CPU(struct trap_frame *, irq_frame); /* innermost interrupt's, while irq_depth > 0 */
PER_CPU(u32[256], irq_counts);

void irq_dispatch(struct trap_frame *f);
void irq_preempt_kernel(void);

bool in_interrupt(void)
{
	return this_cpu_read(irq_depth) != 0;
}

bool irq_interrupted_user(void)
{
	return tf_from_user(this_cpu_read(irq_frame));
}

u64 irq_count(u32 cpu, u32 vector)
{
	return cpu < CPUS_MAX && vector < 256 && (cpu == 0 || percpu_deltas[cpu])
		       ? (*cpu_ptr(irq_counts, cpu))[vector]
		       : 0;
}

u64 irq_count_total(void)
{
	u64 sum = 0;

	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		for (u32 v = VECTOR_IRQ_FIRST; v < 256; v++)
			sum += irq_count(cpu, v);
	return sum;
}

void irq_dispatch(struct trap_frame *f)
{
	u32 vector = (u32)~f->orig_rax & 0xff;
	struct irq_action *a = &actions[vector];

	this_cpu_add(irq_depth, 1);
	rcu_irq_enter();
	this_cpu_write(irq_frame, f);
	this_cpu_add(irq_counts[vector], 1);
	switch (vector) {
	case VECTOR_TIMER:
		apic_eoi();
		timer_interrupt();
		break;
	case VECTOR_RESCHED:
		apic_eoi();
		preempt_set_resched();
		break;
	case VECTOR_CALL:
		apic_eoi(); /* before the calls run: the next sender's message must not be lost */
		ipi_calls_run();
		break;
	case VECTOR_SPURIOUS:
		break;
	default: /* the handler first: a level line would come again before the device is served */
		if (a->fn)
			a->fn(a->arg);
		apic_eoi();
	}
	this_cpu_add(irq_depth, -1);
	if (tf_from_user(f))
		rcu_note_quiescent();
}

/* On the way back into interrupted kernel code that may be preempted and should be. */
void irq_preempt_kernel(void)
{
	if (this_cpu_read(irq_depth))
		return;
	do {
		sched_preempt_irq();
	} while (this_cpu_read(preempt_count) == 0);
}

static u32 ioapic_read(struct ioapic *io, u32 reg)
{
	*(volatile u32 *)(io->registers + IOAPIC_SELECT) = reg;
	return *(volatile u32 *)(io->registers + IOAPIC_WINDOW);
}

static void ioapic_write(struct ioapic *io, u32 reg, u32 v)
{
	*(volatile u32 *)(io->registers + IOAPIC_SELECT) = reg;
	*(volatile u32 *)(io->registers + IOAPIC_WINDOW) = v;
}

static void pic_mask(void) /* both 8259s: initialised to vectors that nobody uses, then silent */
{
	static const u8 sequence[][2] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0xe0}, {0xa1, 0xe8},
		{0x21, 4}, {0xa1, 2}, {0x21, 1}, {0xa1, 1}, {0x21, 0xff}, {0xa1, 0xff}};

	for (size_t i = 0; i < ARRAY_LEN(sequence); i++)
		arch_out8(sequence[i][0], sequence[i][1]);
}

void arch_irq_init(void)
{
	pic_mask();
	for (u32 i = 0; i < acpi_info.ioapic_count; i++) {
		struct ioapic *io = &ioapics[i];

		io->registers = fixmap_device(acpi_info.ioapics[i].base);
		io->gsi_base = acpi_info.ioapics[i].gsi_base;
		io->lines = (ioapic_read(io, IOAPIC_VERSION) >> 16 & 0xff) + 1;
		for (u32 line = 0; line < io->lines; line++)
			ioapic_write(io, IOAPIC_REDIRECT + line * 2, REDIRECT_MASKED);
	}
	if (!acpi_info.ioapic_count)
		log_warn("irq: no I/O APIC: devices have no interrupts");
}

int irq_register_isa(u32 isa_irq, irq_handler_fn fn, void *arg)
{
	bool active_low = false, level = false;
	struct ioapic *io = NULL;
	u32 vector, gsi;

	if (isa_irq >= 16)
		return -EINVAL;
	gsi = acpi_isa_irq((u8)isa_irq, &active_low, &level);
	for (u32 i = 0; i < acpi_info.ioapic_count; i++)
		if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].lines)
			io = &ioapics[i];
	if (!io)
		return -EINVAL;
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&vector_lock);
	for (vector = VECTOR_IRQ_FIRST; vector < next_vector; vector++)
		if (actions[vector].gsi == gsi)
			return -EBUSY;
	if (next_vector > VECTOR_IRQ_LAST)
		return -ENOMEM;
	next_vector++;
	actions[vector] = (struct irq_action){.arg = arg, .gsi = gsi};
	__atomic_store_n(&actions[vector].fn, fn, __ATOMIC_RELEASE);
	ioapic_write(io, IOAPIC_REDIRECT + (gsi - io->gsi_base) * 2 + 1, cpu_apic_ids[0] << 24);
	ioapic_write(io, IOAPIC_REDIRECT + (gsi - io->gsi_base) * 2,
		vector | (active_low ? REDIRECT_LOW : 0) | (level ? REDIRECT_LEVEL : 0));
	return 0;
}
