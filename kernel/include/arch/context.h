/* Threads as the CPU sees them: kernel context switch, user frames, FPU state, TLS.
 * archimpl/context.h defines struct arch_thread, struct trap_frame and the inline accessors. Layer:
 * arch.
 *
 * struct trap_frame is the full user register state at the top of the kernel stack. A system call
 * stores only the caller-saved part, unless its table entry has the F flag (fork, execve,
 * sigreturn,
 * ...) or work is pending at exit; then the callee-saved part is stored too and the frame is
 * complete. */
#pragma once

#include <exo/types.h>

struct thread;
struct trap_frame;

#include <archimpl/context.h>

#ifdef EXO_KASAN /* red zones between the variables of each frame */
#define KSTACK_SIZE (32 * 1024UL)
#else
#define KSTACK_SIZE (16 * 1024UL)
#endif

/* arch_thread_init_kernel - prepares @t (kernel stack set in t->kstack) to run fn(arg) at its first
 * switch. fn must not return. */
void arch_thread_init_kernel(struct thread *t, void (*fn)(void *arg), void *arg);
/* arch_thread_init_fork - @t resumes in user mode with a copy of @parent_frame, return value 0,
 * stack @user_sp if not 0, TLS base @tls if set_tls. On its first switch it runs
 * sched_first_switch() then leaves to user mode. */
void arch_thread_init_fork(struct thread *t, const struct trap_frame *parent_frame, vaddr_t user_sp,
	bool set_tls, u64 tls);
/* arch_frame_exec - rewrites the frame for a fresh program: ip, sp, all else zero; resets TLS and
 * FPU of current. */
void arch_frame_exec(struct trap_frame *f, vaddr_t ip, vaddr_t sp);
/* user frame at the top of t's kernel stack; of current in a call complete only in F calls */
struct trap_frame *arch_thread_frame(struct thread *t);
/* arch_thread_place - where @t, off its CPU, goes on: instruction and frame pointer. */
void arch_thread_place(struct thread *t, u64 *ip, u64 *fp);
/* arch_enter_user - leaves to user mode with the frame at the top of current's stack (first program
 * of a kernel thread). */
void arch_enter_user(void) NORETURN;

/* arch_switch - saves prev's callee-saved registers and stack, loads next's: kernel stack (TSS,
 * per-CPU), FS/GS base, FPU. Called by the scheduler with interrupts off and its lock held. Return:
 * the thread that ran before us. */
struct thread *arch_switch(struct thread *prev, struct thread *next);

/* user threads: current's live state, or if it has none a fresh program's; -ENOMEM */
int arch_fpu_alloc(struct thread *t) MUST_USE;
void arch_fpu_free(struct thread *t);

/* Tracing. A register set is NT_* of linux_ptrace.h; the thread is not running but for current.
 * arch_regset_bytes - size of a set, 0 = unknown. arch_regset_get - fills @buf with it.
 * arch_regset_set - 0 | -EINVAL wrong size or values that no program may have; what a program may
 * not choose (segments, privileged flags) is left as it is. */
size_t arch_regset_bytes(u32 type);
void arch_regset_get(struct thread *t, u32 type, void *buf);
int arch_regset_set(struct thread *t, u32 type, const void *buf, size_t len_bytes) MUST_USE;
/* arch_debug_get, arch_debug_set - breakpoint register @i as a debugger sees it. 0 | -EINVAL
 * outside user memory or unknown conditions | -ENOMEM. The registers watch user mode only. */
u64 arch_debug_get(struct thread *t, u32 i);
int arch_debug_set(struct thread *t, u32 i, u64 value) MUST_USE;
void arch_thread_step(struct thread *t, bool on); /* trap after one instruction of user mode */
/* arch_syscall_slow - system calls of @t go by syscall_slow() from its next switch on, of current
 * at once: with the whole frame, whatever their flags. */
void arch_syscall_slow(struct thread *t, bool on);
/* arch_syscall_slow_now - threads that run on other CPUs do so from now on. Context: thread, no
 * lock. */
void arch_syscall_slow_now(void);
/* arch_cycles_forbid - whether user mode of current may read the cycle counter; inherited. */
void arch_cycles_forbid(bool on);
bool arch_cycles_forbidden(const struct thread *t);

/* Frame accessors (inline in archimpl): tf_ip(f), tf_sp(f), tf_set_ip, tf_ret(f) /
 * tf_set_ret (rax), tf_syscall(f) (number at entry or -1 if not in a call), tf_from_user(f),
 * tf_arg(f, 0..5). */

/* Signals (room posix_x decides; arch knows the frame). Source: x86-64 psABI, Linux sigframe layout
 * (glibc and gdb depend on it). arch_signal_setup - pushes an rt_sigframe on the user stack (or at
 * @altstack_top if not 0) and points the frame at the handler.
 *   @info  siginfo of 128 bytes.  @mask the mask to restore on return.  Return: 0 | -EFAULT (caller
 * raises SIGSEGV). arch_signal_return - undoes it from the user stack: registers, FPU, gives back
 * the mask. Return: 0 | -EFAULT. */
struct sigstack_abi;
struct arch_signal {
	int signo;
	const void *info;                 /* 128 bytes, struct siginfo of the user ABI */
	vaddr_t handler, restorer;        /* restorer: SA_RESTORER, always set by glibc */
	u64 flags;                        /* SA_* */
	u64 mask;                         /* restored by rt_sigreturn */
	const struct sigstack_abi *stack; /* saved in uc_stack */
	vaddr_t altstack_top;             /* switch to here when not 0 */
};
int arch_signal_setup(struct trap_frame *f, const struct arch_signal *s) MUST_USE;
int arch_signal_return(struct trap_frame *f, u64 *mask, struct sigstack_abi *stack) MUST_USE;
/* ip back over SYSCALL, number back (nr or restart_syscall) */
void arch_syscall_restart(struct trap_frame *f, long nr);

/* What exec tells a program about the CPU: AT_HWCAP, AT_HWCAP2, AT_MINSIGSTKSZ. */
/* arch_frame_here - the registers of this moment as a frame, for a panic that no exception caused.
 */
void arch_frame_here(struct trap_frame *f);
u64 arch_elf_hwcap(void);
u64 arch_elf_hwcap2(void);
u64 arch_signal_stack_min(void);
/* arch_prctl - the system call of that name, for current. -EINVAL for what the architecture does
 * not have. */
long arch_prctl(u64 code, u64 addr);

/* User traps that become signals: arch calls this (room posix_x) from an exception taken in user
 * mode that the VM did not resolve; it cannot be blocked or ignored. @code si_code, @addr si_addr.
 */
void signal_force(int signo, int code, vaddr_t addr);
/* Work on the way to user mode, interrupts on, frame complete: signals, reschedule, notify. Room
 * posix_x. */
void posix_exit_to_user(struct trap_frame *f);
