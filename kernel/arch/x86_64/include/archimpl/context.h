/* x86_64: what a thread is to the CPU, and the user register frame. Included by <arch/context.h>
 * only. Layer: arch.
 *
 * The frame lies at the very top of the kernel stack, lowest address first below. The part from r11
 * up is what every entry stores; r15..rbx is stored by entries that want the whole frame. orig_rax:
 * the number of a system call, negative otherwise. */
#pragma once

struct trap_frame {
	u64 r15, r14, r13, r12, rbp, rbx;                        /* callee-saved */
	u64 r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax; /* caller-saved */
	u64 rip, cs, rflags, rsp, ss;                            /* as the CPU pushes them */
};

struct arch_thread {
	u64 sp;                      /* kernel stack pointer while switched out */
	u64 fs_base, gs_base;        /* user's; live in the CPU while the thread runs */
	void *fpu;                   /* XSAVE area, 64-byte aligned; NULL for kernel threads */
	u32 fpu_cpu;                 /* CPU whose registers may still hold it, ~0 = none */
	u32 trap_number, trap_error; /* last fault, for the signal frame */
	u64 trap_address;
	u32 special;                   /* THREAD_SLOW_CALLS and so on; looked at by the switch */
	struct debug_registers *debug; /* NULL = none yet */
};
#define THREAD_SLOW_CALLS 1u
#define THREAD_WATCHED    2u
#define THREAD_NO_CYCLES  4u /* its reads of the time-stamp counter fault */

static inline vaddr_t tf_ip(const struct trap_frame *f)
{
	return f->rip;
}
static inline vaddr_t tf_sp(const struct trap_frame *f)
{
	return f->rsp;
}
static inline void tf_set_ip(struct trap_frame *f, vaddr_t ip)
{
	f->rip = ip;
}
static inline long tf_ret(const struct trap_frame *f)
{
	return (long)f->rax;
}
static inline void tf_set_ret(struct trap_frame *f, long ret)
{
	f->rax = (u64)ret;
}
static inline long tf_syscall(const struct trap_frame *f)
{
	return (long)f->orig_rax < 0 ? -1 : (long)f->orig_rax;
}
static inline bool tf_from_user(const struct trap_frame *f)
{
	return f->cs & 3;
}
static inline u64 tf_arg(const struct trap_frame *f, unsigned i)
{
	const u64 args[] = {f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9};

	return args[i];
}
