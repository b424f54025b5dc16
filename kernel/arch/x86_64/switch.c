/* Threads: first stack, switch, user frame, TLS. Layer: arch. */
#include <archimpl/fpu.h>
#include <archimpl/x86.h>
#include <arch/boot.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>
#include <exo/errno.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo_abi/linux_process.h>

PER_CPU(struct thread *, current_thread);
PER_CPU(u64, kernel_stack_top);
PER_CPU(u64, syscall_user_sp);

void thread_first_user(void);
void thread_first_kernel(void);
void enter_user_frame(struct trap_frame *f) NORETURN;
struct thread *switch_stacks(struct thread *prev, struct thread *next);

/* What switch_stacks pops: the callee-saved part of a frame, then the address it returns to. */
struct start_frame {
	u64 r15, r14, r13, r12, rbp, rbx, ret;
};

struct trap_frame *arch_thread_frame(struct thread *t)
{
	return (struct trap_frame *)(t->kstack + KSTACK_SIZE - sizeof(struct trap_frame));
}

void arch_thread_place(struct thread *t, u64 *ip, u64 *fp)
{
	const struct start_frame *s = (const struct start_frame *)t->arch.sp;

	*ip = s->ret;
	*fp = s->rbp;
}

/* Below the user frame. */
static void start_at(struct thread *t, struct start_frame start)
{
	struct start_frame *s = (struct start_frame *)arch_thread_frame(t) - 1;

	*s = start;
	t->arch.sp = (u64)s;
}

void arch_thread_init_kernel(struct thread *t, void (*fn)(void *arg), void *arg)
{
	start_at(t, (struct start_frame){
			    .rbx = (u64)fn, .r12 = (u64)arg, .ret = (u64)thread_first_kernel});
}

/* The live base registers of current; the switch stores them only when it switches. */
static u64 read_fs_base(void)
{
	u64 v;

	if (!x86.fsgsbase)
		return rdmsr(MSR_FS_BASE);
	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}
void arch_bases_get(u64 *fs, u64 *gs)
{
	*fs = read_fs_base();
	*gs = rdmsr(MSR_KERNEL_GS_BASE);
}
static void write_fs_base(u64 v)
{
	if (x86.fsgsbase)
		__asm__ volatile("wrfsbase %0" ::"r"(v));
	else
		wrmsr(MSR_FS_BASE, v);
}

/* The bases of FS and GS, for machines and programs that do not set them by instruction. */
long arch_prctl(u64 code, u64 addr)
{
	/* The kernel's own GS base is in place while it runs. */
	u32 msr = code == ARCH_SET_FS || code == ARCH_GET_FS ? MSR_FS_BASE : MSR_KERNEL_GS_BASE;

	if (code == ARCH_GET_FS || code == ARCH_GET_GS)
		return put_user_u64((u64 USER *)addr, rdmsr(msr));
	if (code != ARCH_SET_FS && code != ARCH_SET_GS)
		return -EINVAL;
	if (addr >= USER_MAX)
		return -EPERM;
	wrmsr(msr, addr);
	return 0;
}

void arch_thread_init_fork(struct thread *t, const struct trap_frame *parent_frame, vaddr_t user_sp,
	bool set_tls, u64 tls)
{
	struct trap_frame *f = arch_thread_frame(t);

	*f = *parent_frame;
	f->rax = 0;
	if (user_sp)
		f->rsp = user_sp;
	t->arch.special = current->arch.special & THREAD_NO_CYCLES;
	arch_bases_get(&t->arch.fs_base, &t->arch.gs_base);
	if (set_tls)
		t->arch.fs_base = tls;
	start_at(t, (struct start_frame){.ret = (u64)thread_first_user});
}

void arch_frame_exec(struct trap_frame *f, vaddr_t ip, vaddr_t sp)
{
	memset(f, 0, sizeof(*f));
	f->orig_rax = ~0ul;
	f->rip = ip;
	f->cs = SEL_USER_CODE;
	f->rflags = X86_FLAGS_IF;
	f->rsp = sp;
	f->ss = SEL_USER_DATA;
	arch_irq_disable();
	__asm__ volatile("movl %0, %%ds; movl %0, %%es; movl %0, %%fs" ::"r"(0));
	write_fs_base(0);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	if (unlikely(current->arch.special & THREAD_WATCHED)) /* addresses of the old program */
		(void)!arch_debug_set(current, 7, 0);
	arch_irq_enable();
	fpu_exec();
}

/* A kernel thread becomes a program: from now on its switches carry bases and FPU state, and
 * SYSCALL comes in on its stack. */
void arch_enter_user(void)
{
	struct thread *t = current;

	arch_irq_disable();
	this_cpu_ptr(cpu_tss)->rsp[0] = t->kstack + KSTACK_SIZE;
	this_cpu_write(kernel_stack_top, t->kstack + KSTACK_SIZE - 8);
	if (!boot_userspace_cycles)
		__atomic_store_n(&boot_userspace_cycles, arch_cycles(), __ATOMIC_RELEASE);
	enter_user_frame(arch_thread_frame(t));
}

static ALWAYS_INLINE void user_state_save(struct thread *t)
{
	if (likely(x86.fsgsbase)) {
		__asm__ volatile("rdfsbase %0" : "=r"(t->arch.fs_base));
		__asm__ volatile("swapgs; rdgsbase %0; swapgs" : "=r"(t->arch.gs_base)::"memory");
	} else {
		t->arch.fs_base = rdmsr(MSR_FS_BASE);
		t->arch.gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	}
	fpu_save(t->arch.fpu);
}

static ALWAYS_INLINE void user_state_load(struct thread *t)
{
	u64 top = t->kstack + KSTACK_SIZE;

	this_cpu_write(cpu_tss.rsp[0], top);
	this_cpu_write(kernel_stack_top, top - 8);
	if (likely(x86.fsgsbase)) {
		__asm__ volatile("wrfsbase %0" ::"r"(t->arch.fs_base));
		__asm__ volatile("swapgs; wrgsbase %0; swapgs" ::"r"(t->arch.gs_base) : "memory");
	} else {
		wrmsr(MSR_FS_BASE, t->arch.fs_base);
		wrmsr(MSR_KERNEL_GS_BASE, t->arch.gs_base);
	}
	if (this_cpu_read(fpu_owner) == t->arch.fpu && t->arch.fpu_cpu == cpu_id())
		return; /* nobody has touched the registers since we were switched out here */
	fpu_load(t->arch.fpu);
	this_cpu_write(fpu_owner, t->arch.fpu);
	t->arch.fpu_cpu = cpu_id();
}

struct thread *arch_switch(struct thread *prev, struct thread *next)
{
	if (unlikely(prev->arch.special | next->arch.special))
		trace_switch(next);
	if (prev->arch.fpu)
		user_state_save(prev);
	if (next->arch.fpu)
		user_state_load(next);
	this_cpu_write(current_thread, next);
	return switch_stacks(prev, next);
}
