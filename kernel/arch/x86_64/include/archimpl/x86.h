/* x86_64 inside: instructions, registers and the calls between the files of kernel/arch/x86_64.
 * Other rooms include none of this. Layer: arch. Source: Intel SDM volumes 2-4, AMD APM volume 2.
 */
#pragma once

#include <exo/types.h>
#include <arch/context.h>
#include <arch/cpu.h>

/* ---- segments; the order is what SYSCALL and SYSRET want (STAR: kernel 0x10, user 0x20) and what
 * Linux programs see ---- */
#define SEL_KERNEL_CODE 0x10
#define SEL_KERNEL_DATA 0x18
#define SEL_USER_DATA   0x2b
#define SEL_USER_CODE   0x33
#define SEL_TSS         0x40
/* its limit is the CPU's number, and its node from bit 12 up, as on Linux: for LSL in the vDSO and
 * in paranoid entries */
#define SEL_CPU_NUMBER 0x7b
#define GDT_ENTRIES    16

enum { IST_NMI = 1, IST_DOUBLE_FAULT, IST_MACHINE_CHECK, IST_COUNT = 3 };
#define IST_STACK_SIZE (KSTACK_SIZE / 2)

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 io_bitmap;
} PACKED;

/* ---- vectors ---- */
enum {
	TRAP_DE = 0,
	TRAP_DB = 1,
	TRAP_NMI = 2,
	TRAP_BP = 3,
	TRAP_OF = 4,
	TRAP_BR = 5,
	TRAP_UD = 6,
	TRAP_NM = 7,
	TRAP_DF = 8,
	TRAP_TS = 10,
	TRAP_NP = 11,
	TRAP_SS = 12,
	TRAP_GP = 13,
	TRAP_PF = 14,
	TRAP_MF = 16,
	TRAP_AC = 17,
	TRAP_MC = 18,
	TRAP_XM = 19,
	TRAP_CP = 21,
};
#define VECTOR_IRQ_FIRST 0x20 /* devices: 0x20..0xef, handed out from below */
#define VECTOR_IRQ_LAST  0xef
#define VECTOR_TIMER     0xf0
#define VECTOR_RESCHED   0xf1
#define VECTOR_CALL      0xf2
#define VECTOR_SPURIOUS  0xff

/* ---- machine state registers ---- */
#define MSR_APIC_BASE      0x1b
#define MSR_TSC_DEADLINE   0x6e0
#define MSR_PAT            0x277
#define MSR_X2APIC         0x800
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_SFMASK         0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX        0xc0000103

#define CR4_TSD      (1ul << 2)
#define CR4_PGE      (1ul << 7)
#define CR4_OSFXSR   (1ul << 9)
#define CR4_OSXMM    (1ul << 10)
#define CR4_UMIP     (1ul << 11)
#define CR4_FSGSBASE (1ul << 16)
#define CR4_PCIDE    (1ul << 17)
#define CR4_OSXSAVE  (1ul << 18)
#define CR4_SMEP     (1ul << 20)
#define CR4_SMAP     (1ul << 21)
#define CR4_PKE      (1ul << 22)

#define FLAGS_TF   (1ul << 8)
#define FLAGS_USER 0x50dd5ul /* AC OF DF TF SF ZF AF PF CF RF: what a program may choose */
#define FLAGS_DF   (1ul << 10)
#define FLAGS_NT   (1ul << 14)
#define FLAGS_RF   (1ul << 16)
#define FLAGS_AC   (1ul << 18)

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};
static inline struct cpuid_regs cpuid(u32 leaf, u32 sub)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(sub));
	return r;
}
static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (u64)hi << 32 | lo;
}
static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
#define X86_CONTROL_REGISTER(n)                                              \
	static inline u64 read_cr##n(void)                                   \
	{                                                                    \
		u64 v;                                                       \
		__asm__ volatile("movq %%cr" #n ", %0" : "=r"(v)::"memory"); \
		return v;                                                    \
	}                                                                    \
	static inline void write_cr##n(u64 v)                                \
	{                                                                    \
		__asm__ volatile("movq %0, %%cr" #n ::"r"(v) : "memory");    \
	}
X86_CONTROL_REGISTER(2)
X86_CONTROL_REGISTER(3)
X86_CONTROL_REGISTER(4)
static inline void invlpg(vaddr_t va)
{
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}
/* ---- what the CPU can do, found once on the boot CPU (cpu/features.c) ---- */
struct x86_features {
	u32 pkru_at; /* offset of PKRU in the XSAVE area */
	bool fsgsbase, smep, smap, umip, pku, pcid, xsave, xsaveopt, xgetbv1, avx, x2apic,
		tsc_deadline, rdtscp, page1gb, rdrand, rdseed, pge, pat, hypervisor;
	u64 xcr0;        /* components we enable */
	u32 xsave_bytes; /* size of a thread's area */
	u32 phys_bits;
	u32 family, model, stepping;
	char vendor[13], brand[49];
};
extern struct x86_features x86;

/* ---- between the files ---- */
void features_init(void); /* boot CPU: fills x86, patches the sites of absent instructions */
void control_registers_init(void); /* every CPU: CR4, EFER, PAT, syscall MSRs */
void descriptors_init(u32 cpu);    /* every CPU: GDT, TSS, IDT, GS */
void cpu_number_tell(void);        /* to programs: this CPU's number and node */
void idt_init(void);               /* boot CPU: fills the table that all share */
void boot_info_init(void);
u64 kernel_map_slide(u64 random);
void kernel_map_init(void); /* final page tables; boot CPU */
#ifdef EXO_KASAN
vaddr_t kasan_shadows(vaddr_t va); /* what the shadow byte at @va stands for; 0 = no shadow */
#else
static inline vaddr_t kasan_shadows(vaddr_t va)
{
	return 0;
}
#endif
void fpu_init_cpu(void);
void apic_init_cpu(void);
void apic_eoi(void);
/* apic_command - sends the CPU of that APIC a message: a vector, or APIC_*. */
void apic_command(u32 apic_id, u32 command);
#define APIC_NMI     0x400u
#define APIC_INIT    0x500u
#define APIC_STARTUP 0x600u /* | page */
void apic_command_others(u32 command);
void apic_timer_calibrate(void);
/* counter_sample - a counter's value, and the TSC at that moment: the narrowest of a few attempts.
 */
u64 counter_sample(u64 (*read)(void), u64 *tsc);
void *fixmap_device(paddr_t pa);     /* one uncached 4 KB page, before the vmalloc area works; never
					fails at boot */
int percpu_create(u32 cpu) MUST_USE; /* copies the area for @cpu; -ENOMEM */
void nmi_handle(struct trap_frame *f);
/* entry and breakpoints of @next; interrupts or preemption off */
void trace_switch(struct thread *next);
u64 trace_debug_trap(bool user);       /* status of a debug exception, taken off the CPU */
void arch_bases_get(u64 *fs, u64 *gs); /* of current */
void trap_dispatch(struct trap_frame *f, u32 vector, u64 error);
/* slow way out: work and reschedule, interrupts on entry off */
void trap_exit_to_user(struct trap_frame *f);
extern u64 kernel_top[512]; /* the PML4 that every space copies its upper half from */
extern u32 cpu_apic_ids[CPUS_MAX];
void syscall_entry(void);
void ipi_calls_run(void);

DECLARE_PER_CPU(struct tss, cpu_tss);
DECLARE_PER_CPU(u8 *, cpu_ist_stacks);
/* where the next entry from user mode by SYSCALL begins to push */
DECLARE_PER_CPU(u64, kernel_stack_top);
void kmap_clear(vaddr_t va, size_t len_bytes); /* entries only; the flush is kunmap_range's */
