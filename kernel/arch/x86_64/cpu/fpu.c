/* The user's FPU state: x87, SSE, AVX, AVX-512. Kernel code uses none of it. Layer: arch.
 *
 * A thread's registers are saved when it is switched out and loaded when it is switched in, except
 * that they are left where they are while only kernel threads run in between (fpu_owner). Areas
 * have the standard, not the compacted format, because the signal frame wants it. Source: Intel SDM
 * vol. 1, chapter 13; vol. 2, XSAVE, XSAVEOPT, XRSTOR. */
#include <archimpl/x86.h>
#include <archimpl/fpu.h>
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/string.h>

PER_CPU(void *, fpu_owner); /* [p] area whose contents the registers hold */
static struct kmem_cache *fpu_cache;
extern u8 x86_avx_usable;

#define FXSAVE_BYTES 512

void fpu_init_cpu(void)
{
	if (x86.xsave) {
		__asm__ volatile("xsetbv" ::"c"(0), "a"((u32)x86.xcr0), "d"((u32)(x86.xcr0 >> 32)));
		if (!x86.xsave_bytes)
			x86.xsave_bytes = cpuid(0xd, 0).ebx;
	} else {
		x86.xsave_bytes = FXSAVE_BYTES;
	}
	__asm__ volatile("fninit");
	if (x86.xsave && x86.avx && x86.xgetbv1 && (x86.xcr0 & 6) == 6)
		x86_avx_usable = 1; /* the boot CPU says it for all; the others come here before
				       they clear a page */
	if (!fpu_cache)
		fpu_cache = kmem_cache_create("fpu", x86.xsave_bytes, 64, 0);
}

/* The state of a fresh program: x87 control word and MXCSR masked, everything else "initial" by
 * XSTATE_BV = 0. */
static void fpu_area_init(void *area)
{
	struct fpu_legacy *legacy = area;

	memset(area, 0, MIN(x86.xsave_bytes, (u32)(FXSAVE_BYTES + 64)));
	legacy->control = 0x37f;
	legacy->mxcsr = 0x1f80;
	if (x86.pku) { /* a fresh program may use key 0 alone */
		((struct fpu_header *)(legacy + 1))->xstate_bv = XCR0_PKRU;
		*(u32 *)((u8 *)area + x86.pkru_at) = PKRU_FIRST;
	}
}

int arch_fpu_alloc(struct thread *t)
{
	void *area = kmem_cache_alloc(fpu_cache, ALLOC_KERNEL);

	if (!area)
		return -ENOMEM;
	fpu_area_init(area);
	if (current->arch.fpu) {
		preempt_disable();
		fpu_save(area);
		preempt_enable();
	}
	t->arch.fpu = area;
	t->arch.fpu_cpu = ~0u;
	return 0;
}

void arch_fpu_free(struct thread *t)
{
	if (t->arch.fpu)
		kmem_cache_free(fpu_cache, t->arch.fpu);
	t->arch.fpu = NULL;
	kfree(t->arch.debug);
	t->arch.debug = NULL;
}

/* ---- protection keys: PKRU is one of the registers, so threads have their own ---- */

u32 arch_keys(void)
{
	return x86.pku ? 16 : 0;
}

void arch_key_set(u32 key, u32 denied)
{
	preempt_disable();
	pkru_write((pkru_read() & ~(3u << key * 2)) | denied << key * 2);
	preempt_enable();
}

/* fpu_reload - makes the registers what the area of current says. */
void fpu_reload(void)
{
	preempt_disable();
	fpu_load(current->arch.fpu);
	this_cpu_write(fpu_owner, current->arch.fpu);
	current->arch.fpu_cpu = cpu_id();
	preempt_enable();
}

void fpu_exec(void)
{
	if (!current->arch.fpu)
		return;
	preempt_disable();
	fpu_area_init(current->arch.fpu);
	fpu_reload();
	preempt_enable();
}
