/* Signal frames on the user stack, in the layout that glibc, gdb and unwinders expect. Layer: arch.
 * Sources: System V psABI x86-64, 3.4; the user ABI headers asm/sigcontext.h and asm/ucontext.h;
 * Intel SDM vol. 1, 13.4. */
#include <archimpl/fpu.h>
#include <archimpl/user_asm.h>
#include <archimpl/x86.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>
#include <exo/errno.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo_abi/linux_signal.h>

#define RED_ZONE      128
#define SYSCALL_BYTES 2

/* One instruction on user memory. */
#define USER_FPU(instruction, at, features, err)                                            \
	__asm__ volatile(                                                                   \
		"1:\t" instruction                                                          \
		" (%1)\n2:\n\t.pushsection .text.fixup, \"ax\"\n3:\tmovl %4, %0\n\tjmp "    \
		"2b\n\t.popsection" X86_FIXUP("1b", "3b")                                   \
		: "+r"(err)                                                                 \
		: "r"(at), "a"((u32)(features)), "d"((u32)((features) >> 32)), "i"(-EFAULT) \
		: "memory")

/* Straight into user memory and from it: page faults are served on the way, and it begins anew
 * after one. The CPU itself checks the header: a bad one is #GP, which the exception table turns
 * into -EFAULT. */
static ALWAYS_INLINE int fpu_user(u64 at, u64 features, bool load, bool xsave)
{
	int err = 0;

	user_access_begin();
	if (xsave && load)
		USER_FPU("xrstor64", at, features, err);
	else if (xsave)
		USER_FPU("xsave64", at, features, err);
	else if (load)
		USER_FPU("fxrstor64", at, features, err);
	else
		USER_FPU("fxsave64", at, features, err);
	user_access_end();
	return err;
}

static int fpu_frame_write(u64 to)
{
	struct fpx_software sw = {.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = x86.xsave_bytes + 4,
		.features = x86.xcr0,
		.xstate_size = x86.xsave_bytes};
	u32 magic2 = FP_XSTATE_MAGIC2;

	if (!x86.xsave)
		return fpu_user(to, ~0ull, false, false);
	if (clear_user((void USER *)(to + 512), 64) || fpu_user(to, ~0ull, false, true) ||
		copy_to_user(
			(void USER *)(to + offsetof(struct fpu_legacy, software)), &sw, sizeof(sw)))
		return -EFAULT;
	return put_user_u32((u32 USER *)(to + x86.xsave_bytes), magic2);
}

int arch_signal_setup(struct trap_frame *f, const struct arch_signal *s)
{
	const struct arch_thread *t = &current->arch;
	struct rt_sigframe frame;
	u64 sp = s->altstack_top ? s->altstack_top : f->rsp - RED_ZONE, fp;

	fp = ALIGN_DOWN(sp - (x86.xsave_bytes + 4), 64ul);
	sp = ALIGN_DOWN(fp - sizeof(frame), 16ul) - 8;
	if (sp >= fp || !user_range_ok((void USER *)sp, fp - sp) || fpu_frame_write(fp))
		return -EFAULT;
	frame.restorer = s->restorer;
	frame.uc = (struct ucontext_abi){
		.flags = (x86.xsave ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
		.stack = *s->stack,
		.context = {f->r8, f->r9, f->r10, f->r11, f->r12, f->r13, f->r14, f->r15, f->rdi,
			f->rsi, f->rbp, f->rbx, f->rdx, f->rax, f->rcx, f->rsp, f->rip, f->rflags,
			.cs = SEL_USER_CODE, .ss = SEL_USER_DATA, .error = t->trap_error,
			.trap = t->trap_number, .oldmask = s->mask, .cr2 = t->trap_address,
			.fpstate = fp},
		.mask = s->mask};
	memcpy(frame.info, s->info, sizeof(frame.info));
	if (copy_to_user((void USER *)sp, &frame, sizeof(frame)))
		return -EFAULT;
	if (x86.pku)
		pkru_write(PKRU_FIRST); /* whatever the interrupted code had */
	f->rdi = (u64)s->signo;
	f->rsi = sp + offsetof(struct rt_sigframe, info);
	f->rdx = sp + offsetof(struct rt_sigframe, uc);
	f->rax = 0;
	f->orig_rax = ~0ul;
	f->rip = s->handler;
	f->rsp = sp;
	f->rflags &= ~(FLAGS_DF | FLAGS_RF | FLAGS_TF);
	return s->handler < USER_MAX ? 0 : -EFAULT;
}

static int fpu_frame_read(u64 from)
{
	struct fpx_software sw;
	u32 magic2;

	if (!from) {
		fpu_exec();
		return 0;
	}
	if (!user_range_ok((void USER *)from, x86.xsave_bytes + 4) ||
		copy_from_user(&sw, (void USER *)(from + offsetof(struct fpu_legacy, software)),
			sizeof(sw)))
		return -EFAULT;
	if (x86.xsave && sw.magic1 == FP_XSTATE_MAGIC1 && sw.xstate_size == x86.xsave_bytes &&
		!get_user_u32((u32 USER *)(from + x86.xsave_bytes), &magic2) &&
		magic2 == FP_XSTATE_MAGIC2)
		return fpu_user(from, x86.xcr0, true, true);
	/* A frame that somebody made by hand: the old 512 bytes only. */
	fpu_exec();
	return fpu_user(from, 0, true, false);
}

int arch_signal_return(struct trap_frame *f, u64 *mask, struct sigstack_abi *stack)
{
	struct ucontext_abi uc;
	const struct sigcontext_abi *c = &uc.context;

	if (copy_from_user(
		    &uc, (void USER *)(f->rsp - 8 + offsetof(struct rt_sigframe, uc)), sizeof(uc)))
		return -EFAULT;
	if (c->rip >= USER_MAX || fpu_frame_read(c->fpstate))
		return -EFAULT;
	*f = (struct trap_frame){c->r15, c->r14, c->r13, c->r12, c->rbp, c->rbx, c->r11, c->r10,
		c->r9, c->r8, c->rax, c->rcx, c->rdx, c->rsi, c->rdi, .orig_rax = ~0ul,
		.rip = c->rip, .cs = SEL_USER_CODE,
		.rflags = (c->rflags & FLAGS_USER) | X86_FLAGS_IF | 2, .rsp = c->rsp,
		.ss = SEL_USER_DATA};
	*mask = uc.mask;
	*stack = uc.stack;
	return 0;
}

void arch_syscall_restart(struct trap_frame *f, long nr)
{
	f->rip -= SYSCALL_BYTES;
	f->rax = (u64)nr;
}

u64 arch_signal_stack_min(void) /* the largest frame with its alignment, and as much again as a
				   handler's call needs */
{
	return ALIGN_UP(RED_ZONE + sizeof(struct rt_sigframe) + x86.xsave_bytes + 4 + 64 + 16,
		       16ul) +
	       1024;
}

u64 arch_elf_hwcap(void)
{
	return cpuid(1, 0).edx;
}

u64 arch_elf_hwcap2(void)
{
	return x86.fsgsbase ? 2 : 0; /* HWCAP2_FSGSBASE */
}
