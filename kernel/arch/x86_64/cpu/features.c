/* What this CPU can do, and switching it on. Layer: arch.
 * Sources: Intel SDM vol. 2 CPUID, vol. 3 chapters 2.5, 2.8, 4; AMD APM vol. 2, 3.1. */
#include <archimpl/fpu.h>
#include <exo/log.h>
#include <exo/string.h>

struct x86_features x86;
u8 x86_has_fsgsbase; /* for entry.S */
u8 x86_avx_usable;   /* for memory/: set once XCR0 has it, see fpu.c */
extern const u64 cpu_patch_start[], cpu_patch_end[];

static void read_names(void)
{
	struct cpuid_regs r = cpuid(0, 0);

	memcpy(x86.vendor, &r.ebx, 4);
	memcpy(x86.vendor + 4, &r.edx, 4);
	memcpy(x86.vendor + 8, &r.ecx, 4);
	if (cpuid(0x80000000, 0).eax >= 0x80000004)
		for (u32 i = 0; i < 3; i++) {
			r = cpuid(0x80000002 + i, 0);
			memcpy(x86.brand + i * 16, &r, 16);
		}
	r = cpuid(1, 0);
	x86.family = r.eax >> 8 & 15;
	x86.model = r.eax >> 4 & 15;
	x86.stepping = r.eax & 15;
	if (x86.family == 6 || x86.family == 15)
		x86.model |= r.eax >> 12 & 0xf0;
	if (x86.family == 15)
		x86.family += r.eax >> 20 & 0xff;
}

void arch_sync_core(void)
{
	(void)cpuid(0, 0); /* serializes: Intel SDM vol. 3, 9.3 */
}

/* XCR0: x87, SSE, then AVX, AVX-512 (all three parts or none) as far as the CPU has them. */
static void read_xsave(void)
{
	struct cpuid_regs r = cpuid(0xd, 0);
	u64 have = r.eax | (u64)r.edx << 32;

	x86.xcr0 = have & 7;
	if ((have & 0xe7) == 0xe7)
		x86.xcr0 |= 0xe0;
	x86.pku = x86.pku && have & XCR0_PKRU;
	if (x86.pku) {
		x86.xcr0 |= XCR0_PKRU;
		x86.pkru_at = cpuid(0xd, 9).ebx;
	}
	r = cpuid(0xd, 1);
	x86.xsaveopt = r.eax & 1;
	x86.xgetbv1 = r.eax & 4;
}

/* STAC and CLAC do not exist without SMAP: three bytes of NOP instead. The image is still writable.
 */
static void patch_smap_sites(void)
{
	static const u8 nop3[3] = {0x0f, 0x1f, 0x00};

	for (const u64 *site = cpu_patch_start; site < cpu_patch_end; site++)
		memcpy((void *)*site, nop3, sizeof(nop3));
}

void features_init(void)
{
	struct cpuid_regs r1 = cpuid(1, 0), r7 = {0}, ext = cpuid(0x80000001, 0), r;
	u32 max = cpuid(0, 0).eax, max_ext = cpuid(0x80000000, 0).eax;

	read_names();
	if (max >= 7)
		r7 = cpuid(7, 0);
	x86.xsave = r1.ecx & BIT(26);
	x86.fsgsbase = r7.ebx & BIT(0);
	x86.smep = r7.ebx & BIT(7);
	x86.rdseed = r7.ebx & BIT(18);
	x86.smap = r7.ebx & BIT(20);
	x86.umip = r7.ecx & BIT(2);
	x86.pku = x86.xsave && r7.ecx & BIT(3);
	x86.pge = r1.edx & BIT(13);
	x86.pat = r1.edx & BIT(16);
	x86.pcid = r1.ecx & BIT(17);
	x86.x2apic = r1.ecx & BIT(21);
	x86.tsc_deadline = r1.ecx & BIT(24);
	x86.avx = r1.ecx & BIT(28);
	x86.rdrand = r1.ecx & BIT(30);
	x86.hypervisor = r1.ecx & BIT(31);
	x86.page1gb = ext.edx & BIT(26);
	x86.rdtscp = ext.edx & BIT(27);
	r = max_ext >= 0x80000008 ? cpuid(0x80000008, 0) : (struct cpuid_regs){.eax = 36};
	x86.phys_bits = r.eax & 0xff;
	if (x86.xsave)
		read_xsave();
	if (!x86.smap)
		patch_smap_sites();
	x86_has_fsgsbase = x86.fsgsbase;
}

/* PAT: the reset value, but slot 4 (the PAT bit alone) is write combining. */
#define PAT_VALUE 0x0007040100070406ull

void control_registers_init(void)
{
	/* CR3 names PCID 0 here, as the CPU demands. */
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMM | (x86.pge ? CR4_PGE : 0) |
		  (x86.fsgsbase ? CR4_FSGSBASE : 0) | (x86.smep ? CR4_SMEP : 0) |
		  (x86.smap ? CR4_SMAP : 0) | (x86.umip ? CR4_UMIP : 0) |
		  (x86.xsave ? CR4_OSXSAVE : 0) | (x86.pku ? CR4_PKE : 0) |
		  (x86.pcid ? CR4_PCIDE : 0));
	if (x86.pat)
		wrmsr(MSR_PAT, (PAT_VALUE & ~(0xffull << 32)) | 1ull << 32);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 0x901); /* SCE, LME, NXE */
	wrmsr(MSR_STAR, (u64)SEL_KERNEL_CODE << 32 | (u64)((SEL_USER_CODE & ~3u) - 16 + 3) << 48);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_CSTAR, 0);
	wrmsr(MSR_SFMASK, X86_FLAGS_IF | FLAGS_TF | FLAGS_DF | FLAGS_NT | FLAGS_AC | FLAGS_RF);
}
