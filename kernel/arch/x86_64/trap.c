/* Exceptions: page faults to the memory room, the rest to signals or, from kernel mode, to a fix-up
 * or a panic. Layer: arch. Source: Intel SDM vol. 3, chapter 6.15; signal numbers and si_code as
 * Linux gives them (sigaction(2)). */
#include <archimpl/x86.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>
#include <exo/debug.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/sched.h>

enum { SIGTRAP_ = 5, SIGILL_ = 4, SIGBUS_ = 7, SIGFPE_ = 8, SIGKILL_ = 9, SIGSEGV_ = 11 };
#define SI_KERNEL 0x80
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_RESERVED = 8, PF_FETCH = 16, PF_KEY = 32 };

int page_fault_resolve(struct trap_frame *f, u64 error);
void page_fault_signal(struct trap_frame *f, int err);
void page_fault_in_kernel(struct trap_frame *f, u64 error);

/* The exception table: instructions that may fault on user memory, [from, end), and where to go on.
 * Sorted by nobody: it is short and only looked at when a system call touched user memory that was
 * not there. */
struct exception_entry {
	u64 from, end, fixup;
};
extern const struct exception_entry exception_table_start[], exception_table_end[];

static u64 exception_fixup(u64 ip)
{
	for (const struct exception_entry *e = exception_table_start; e < exception_table_end; e++)
		if (ip >= e->from && ip < e->end)
			return e->fixup;
	return 0;
}

/* What a program gets for an exception, and what a panic calls it. Those that trap_dispatch treats
 * by themselves are not here. */
static const struct trap {
	const char *name;
	u8 signo, code;
	bool at_ip; /* si_addr is the instruction */
} traps[32] = {
	[TRAP_DE] = {"divide error", SIGFPE_, 1, true},
	[TRAP_DB] = {"debug", SIGTRAP_, 1, true},
	[TRAP_BP] = {"breakpoint", SIGTRAP_, SI_KERNEL, false},
	[TRAP_OF] = {"overflow", SIGSEGV_, SI_KERNEL, false},
	[TRAP_BR] = {"bound range", SIGSEGV_, SI_KERNEL, false},
	[TRAP_UD] = {"invalid opcode", SIGILL_, 2, true},
	[TRAP_NM] = {"no FPU", SIGSEGV_, SI_KERNEL, false},
	[TRAP_TS] = {"invalid TSS", SIGSEGV_, SI_KERNEL, false},
	[TRAP_NP] = {"segment not present", SIGBUS_, SI_KERNEL, false},
	[TRAP_SS] = {"stack segment", SIGBUS_, SI_KERNEL, false},
#ifdef EXO_KASAN /* their shadow's address is not one */
	[TRAP_GP] = {"general protection (a null, user or wild pointer?)", SIGSEGV_, SI_KERNEL,
		false},
#else
	[TRAP_GP] = {"general protection", SIGSEGV_, SI_KERNEL, false},
#endif
	[TRAP_MF] = {"x87 error", SIGFPE_, 0, true},
	[TRAP_AC] = {"alignment check", SIGBUS_, 1, false},
	[TRAP_XM] = {"SIMD error", SIGFPE_, 0, true},
	[TRAP_CP] = {"control protection", SIGSEGV_, SI_KERNEL, false},
};

static u32 fault_access(u64 error)
{
	if (error & PF_WRITE)
		return PROT_W;
	return error & PF_FETCH ? PROT_X : PROT_R;
}

/* page_fault_resolve - a fault from user mode. Return: 0 go on | -errno of vm_fault_current. */
int page_fault_resolve(struct trap_frame *f, u64 error)
{
	vaddr_t va = read_cr2();
	struct thread *t = current;
	int err;

	arch_irq_enable();
	if (unlikely(va >= USER_MAX || error & (PF_RESERVED | PF_KEY)))
		err = error & PF_KEY ? -EPERM : -EFAULT;
	else
		err = vm_fault_current(va, fault_access(error) | VM_FAULT_USER);
	if (unlikely(err)) {
		t->arch.trap_number = TRAP_PF;
		t->arch.trap_error = (u32)error | (va >= USER_MAX);
		t->arch.trap_address = va;
	}
	return err;
}

void page_fault_signal(struct trap_frame *f, int err)
{
	const struct arch_thread *a = &current->arch;
	/* -ENOMEM: the killer has run: it chose us, or there was nothing left to free */
	int signo = err == -EIO ? SIGBUS_ : err == -ENOMEM ? SIGKILL_ : SIGSEGV_;
	int code = err == -ENOMEM ? SI_KERNEL : err == -EACCES || err == -EIO ? 2 : 1;

	signal_force(signo, err == -EPERM ? 4 : code, a->trap_address);
}

/* A fault in kernel mode is good only at an instruction of the exception table, on a user address.
 */
void page_fault_in_kernel(struct trap_frame *f, u64 error)
{
	vaddr_t va = read_cr2();
	u64 fixup = exception_fixup(f->rip);

	if (kasan_shadows(va)) /* the check of the access came first */
		panic_frame(f, "KASAN: access to unmapped memory near %#lx", kasan_shadows(va));
	if (!fixup || va >= USER_MAX || error & PF_RESERVED)
		panic_frame(f, "page fault in the kernel: %s at %#lx, error %#lx",
			fault_access(error) == PROT_W ? "write"
			: error & PF_FETCH            ? "execute"
						      : "read",
			va, error);
	if (f->rflags & X86_FLAGS_IF && !(error & PF_KEY) && !current->fault_disabled &&
		(this_cpu_read(preempt_count) & ~PREEMPT_NO_RESCHED) == 0) {
		int err;

		arch_irq_enable();
		err = vm_fault_current(va, fault_access(error));
		arch_irq_disable();
		if (!err)
			return;
	}
	f->rip = fixup;
}

static int fpe_code(u32 flags) /* unmasked exception bits, in the order of the FPU's own priority */
{
	/* bits and code: FPE_FLTINV, FLTDIV, FLTOVF, FLTUND, FLTRES */
	static const u8 codes[][2] = {{1, 7}, {4, 3}, {8, 4}, {16 | 2, 5}, {32, 6}};

	for (u32 i = 0; i < ARRAY_LEN(codes); i++)
		if (flags & codes[i][0])
			return codes[i][1];
	return 0;
}

static int simd_code(void)
{
	u32 mxcsr;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	return fpe_code(~(mxcsr >> 7) & mxcsr & 0x3f);
}

static int x87_code(void)
{
	u16 status, control;

	__asm__ volatile("fnstsw %0; fnstcw %1" : "=m"(status), "=m"(control));
	return fpe_code(status & ~control & 0x3f);
}

static void user_trap(struct trap_frame *f, u32 vector, u32 error, u64 dr6)
{
	const struct trap *trap = &traps[vector];
	struct thread *t = current;
	int code = trap->code;

	t->arch.trap_number = vector;
	t->arch.trap_error = error;
	t->arch.trap_address = 0;
	if (vector == TRAP_DB) {
		f->rflags &= ~FLAGS_TF;
		code = dr6 & BIT(14) ? 2 : dr6 & 15 ? 4 : code;
	} else if (vector == TRAP_MF) {
		code = x87_code();
	} else if (vector == TRAP_XM) {
		code = simd_code();
	}
	signal_force(trap->signo, code, trap->at_ip ? f->rip : 0);
}

static NORETURN void double_fault(struct trap_frame *f)
{
	vaddr_t va = read_cr2();

	/* A push onto the guard page below a stack faults, and so does the push of that fault. */
	if (f->rsp - va < PAGE_SIZE || va - f->rsp < PAGE_SIZE)
		panic_frame(f, "kernel stack overflow at %#lx", va);
	panic_frame(f, "double fault, cr2 %#lx", va);
}

void trap_dispatch(struct trap_frame *f, u32 vector, u64 error)
{
	u64 fixup, dr6 = vector == TRAP_DB ? trace_debug_trap(tf_from_user(f)) : 0;

	if (vector == TRAP_NMI) {
		nmi_handle(f);
		return;
	}
	if (vector == TRAP_DF)
		double_fault(f);
	if (vector == TRAP_MC)
		panic_frame(f, "machine check");
	if (tf_from_user(f)) {
		arch_irq_enable();
		user_trap(f, vector, (u32)error, dr6);
		return;
	}
	if (dr6 & 15)
		return; /* the kernel touched what a program watches */
	fixup = exception_fixup(f->rip);
	if (fixup) {
		f->rip = fixup;
		return;
	}
	panic_frame(f, "%s in the kernel, error %#lx", traps[vector].name, error);
}

/* trap_exit_to_user - what is to be done before user mode goes on. Interrupts off on return. */
void trap_exit_to_user(struct trap_frame *f)
{
	struct thread *t = current;

	for (;;) {
		arch_irq_disable();
		if (likely(__atomic_load_n(&t->work, __ATOMIC_RELAXED) == 0)) {
			if (likely(this_cpu_read(preempt_count) & PREEMPT_NO_RESCHED))
				return;
			arch_irq_enable();
			sched_preempt();
			continue;
		}
		arch_irq_enable();
		posix_exit_to_user(f);
	}
}

static void print_frame_line(const char *a, u64 av, const char *b, u64 bv, const char *c, u64 cv)
{
	log_printf(LOG_EMERG, "  %s %016lx  %s %016lx  %s %016lx", a, av, b, bv, c, cv);
}

void arch_frame_print(const struct trap_frame *f)
{
	log_printf(LOG_EMERG, "  rip %pS  cs %02lx  rflags %lx", (void *)f->rip, f->cs, f->rflags);
	print_frame_line("rax", f->rax, "rbx", f->rbx, "rcx", f->rcx);
	print_frame_line("rdx", f->rdx, "rsi", f->rsi, "rdi", f->rdi);
	print_frame_line("rbp", f->rbp, "rsp", f->rsp, "r8 ", f->r8);
	print_frame_line("r9 ", f->r9, "r10", f->r10, "r11", f->r11);
	print_frame_line("r12", f->r12, "r13", f->r13, "r14", f->r14);
	print_frame_line("r15", f->r15, "cr2", read_cr2(), "cr3", read_cr3());
}
