/* GDT, TSS and IDT. Each CPU has its own GDT and TSS in its per-CPU area; the IDT is one. Layer:
 * arch. Source: Intel SDM vol. 3, chapters 3.4, 6.14 and 7.7. */
#include <archimpl/x86.h>
#include <exo/string.h>

struct descriptor_pointer {
	u16 limit;
	u64 base;
} PACKED;

struct idt_gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_middle;
	u32 offset_high, reserved;
};

PER_CPU(u64[GDT_ENTRIES], cpu_gdt);
PER_CPU(struct tss, cpu_tss);
PER_CPU(u8 *, cpu_ist_stacks); /* IST_COUNT stacks, lowest address; CPU 0's are below */

static struct idt_gate idt[256] ALIGNED(4096);
static u8 boot_ist_stacks[IST_COUNT * IST_STACK_SIZE] ALIGNED(16);
extern const u64 trap_stubs[32];
extern const char irq_stubs[];

#define IRQ_STUB_BYTES 16
#define GATE_INTERRUPT 0x8e
#define GATE_DPL3      0x60

static void idt_set(u32 vector, u64 handler, u8 ist, u8 dpl)
{
	idt[vector] = (struct idt_gate){
		.offset_low = (u16)handler,
		.selector = SEL_KERNEL_CODE,
		.ist = ist,
		.type = GATE_INTERRUPT | dpl,
		.offset_middle = (u16)(handler >> 16),
		.offset_high = (u32)(handler >> 32),
	};
}

void idt_init(void)
{
	for (u32 v = 0; v < 32; v++)
		if (trap_stubs[v])
			idt_set(v, trap_stubs[v], 0, v == TRAP_BP || v == TRAP_OF ? GATE_DPL3 : 0);
	idt_set(TRAP_NMI, trap_stubs[TRAP_NMI], IST_NMI, 0);
	idt_set(TRAP_DF, trap_stubs[TRAP_DF], IST_DOUBLE_FAULT, 0);
	idt_set(TRAP_MC, trap_stubs[TRAP_MC], IST_MACHINE_CHECK, 0);
	for (u32 v = 32; v < 256; v++)
		idt_set(v, (u64)irq_stubs + (v - 32) * IRQ_STUB_BYTES, 0, 0);
}

static void gdt_fill(u64 *gdt, struct tss *tss)
{
	u64 base = (u64)tss, limit = sizeof(*tss) - 1;

	memset(gdt, 0, sizeof(u64) * GDT_ENTRIES);
	gdt[SEL_KERNEL_CODE / 8] = 0x00af9b000000ffff;
	gdt[SEL_KERNEL_DATA / 8] = 0x00cf93000000ffff;
	gdt[4] = 0x00cffb000000ffff; /* 32-bit user code: only to keep the order that SYSRET expects
				      */
	gdt[SEL_USER_DATA / 8] = 0x00cff3000000ffff;
	gdt[SEL_USER_CODE / 8] = 0x00affb000000ffff;
	gdt[SEL_TSS / 8] =
		limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = base >> 32;
}

void cpu_number_tell(void)
{
	u32 cpu = cpu_id(), number = cpu | (u32)cpu_nodes[cpu] << 12;

	(*this_cpu_ptr(cpu_gdt))[SEL_CPU_NUMBER / 8] = 0x0040f50000000000 | number;
	if (x86.rdtscp)
		wrmsr(MSR_TSC_AUX, number);
}

void descriptors_init(u32 cpu)
{
	u64 *gdt = *this_cpu_ptr(cpu_gdt);
	struct tss *tss = this_cpu_ptr(cpu_tss);
	struct descriptor_pointer gdt_pointer = {GDT_ENTRIES * 8 - 1, (u64)gdt};
	struct descriptor_pointer idt_pointer = {sizeof(idt) - 1, (u64)idt};
	u8 *stacks;

	if (cpu == 0)
		this_cpu_write(cpu_ist_stacks, boot_ist_stacks);
	stacks = this_cpu_read(cpu_ist_stacks);
	tss->io_bitmap = sizeof(*tss); /* none: user IN and OUT fault */
	for (u32 i = 0; i < IST_COUNT; i++)
		tss->ist[i] = (u64)stacks + (i + 1) * IST_STACK_SIZE;
	gdt_fill(gdt, tss);
	cpu_number_tell();
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %2, %%ss\n\t"
			 "ltr %w3\n\t"
			 "lidt %4" ::"m"(gdt_pointer),
			 "i"(SEL_KERNEL_CODE), "r"(SEL_KERNEL_DATA), "r"(SEL_TSS), "m"(idt_pointer)
			 : "rax", "memory");
}
