/* Registers of another thread, breakpoint registers, single steps, calls that somebody watches.
 * Layer: arch.
 *
 * A thread that is special has its own SYSCALL entry or breakpoint registers: the switch takes them
 * along, and they cost the other threads one test. The kernel itself is never watched: breakpoints
 * are of user addresses, and what kernel code does to such memory on a program's behalf is let
 * pass.
 *
 * Sources: ptrace(2); Intel SDM vol. 3, 18.2 (debug registers); vol. 1, 13.4 (XSAVE area). */
#include <archimpl/fpu.h>
#include <archimpl/x86.h>
#include <arch/irq.h>
#include <arch/mmu.h>
#include <arch/syscall.h>
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo_abi/linux_ptrace.h>

#define DR6_CLEAR       0xffff0ff0ul
#define DR6_STATUS      0xe00ful
#define DR6_STEP        0x4000ul
#define DR7_ENABLE(i)   (3ul << 2 * (i))
#define DR7_KIND(d7, i) ((d7) >> (16 + 4 * (i)) & 15)
#define MXCSR_VALID     0xffffu

struct debug_registers {
	u64 address[4], dr6, dr7;
};

extern syscall_fn syscall_full_table[SYSCALLS_MAX];
void syscall_entry_slow(void);

/* ---- what the switch does ---- */

static void debug_load(const struct debug_registers *d)
{
	__asm__ volatile("movq %0, %%dr0" ::"r"(d->address[0]));
	__asm__ volatile("movq %0, %%dr1" ::"r"(d->address[1]));
	__asm__ volatile("movq %0, %%dr2" ::"r"(d->address[2]));
	__asm__ volatile("movq %0, %%dr3" ::"r"(d->address[3]));
	__asm__ volatile("movq %0, %%dr7" ::"r"(d->dr7));
}

void trace_switch(struct thread *next)
{
	bool slow = next->arch.special & THREAD_SLOW_CALLS;

	wrmsr(MSR_LSTAR, (u64)(slow ? syscall_entry_slow : syscall_entry));
	if (next->arch.special & THREAD_WATCHED)
		debug_load(next->arch.debug);
	else
		__asm__ volatile("movq %0, %%dr7" ::"r"(0ul));
	if (!(next->arch.special & THREAD_NO_CYCLES) != !(read_cr4() & CR4_TSD))
		write_cr4(read_cr4() ^ CR4_TSD);
}

static void special_set(struct thread *t, u32 bit, bool on)
{
	preempt_disable();
	if (on)
		__atomic_fetch_or(&t->arch.special, bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&t->arch.special, ~bit, __ATOMIC_RELAXED);
	if (t == current)
		trace_switch(t);
	preempt_enable();
}

void arch_cycles_forbid(bool on)
{
	special_set(current, THREAD_NO_CYCLES, on);
}

bool arch_cycles_forbidden(const struct thread *t)
{
	return t->arch.special & THREAD_NO_CYCLES;
}

void arch_syscall_slow(struct thread *t, bool on)
{
	special_set(t, THREAD_SLOW_CALLS, on);
}

static void entry_choose(void *arg)
{
	trace_switch(current);
}

void arch_syscall_slow_now(void)
{
	cpu_call(__atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE), entry_choose, NULL);
}

void arch_syscall_call(struct trap_frame *f)
{
	u64 nr = f->orig_rax;
	syscall_fn fn = syscall_table[SYSCALLS_MAX - 1]; /* absent */

	if ((s64)nr < 0) /* a tracer took the call away; the result is its business too */
		return;
	if (nr < SYSCALLS_MAX)
		fn = bit_test(syscall_full_frame, nr) ? syscall_full_table[nr] : syscall_table[nr];
	else if (nr - NATIVE_FIRST < NATIVE_COUNT)
		fn = native_table[nr - NATIVE_FIRST];
	f->rax = (u64)fn(f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9);
}

/* ---- breakpoints and steps ---- */

/* trace_debug_trap - what a debug exception is about; the CPU's register is cleared. One in the
 * kernel is none of the program's, whose status stays. QEMU's TCG tells of a watched access of a
 * stepped instruction once more on the way into the handler of the step: what that has not read yet
 * stays too. Interrupts off. */
u64 trace_debug_trap(bool user)
{
	struct debug_registers *d = current->arch.debug;
	u64 dr6;

	__asm__ volatile("movq %%dr6, %0" : "=r"(dr6));
	dr6 &= DR6_STATUS;
	if (!user && dr6 & DR6_STEP)
		return dr6;
	__asm__ volatile("movq %0, %%dr6" ::"r"(DR6_CLEAR));
	if (d && user)
		d->dr6 = DR6_CLEAR | dr6;
	return dr6;
}

u64 arch_debug_get(struct thread *t, u32 i)
{
	const struct debug_registers *d = t->arch.debug;

	if (!d || i == 4 || i == 5)
		return i == 6 ? DR6_CLEAR : 0;
	return i < 4 ? d->address[i] : i == 6 ? d->dr6 : d->dr7;
}

/* Kinds of condition: execution (1 byte), write, read or write, of 1, 2, 4, 8 bytes; nothing of
 * I/O. */
static bool dr7_valid(u64 dr7)
{
	if (dr7 >> 32 || dr7 & 0xfc00)
		return false;
	for (u32 i = 0; i < 4; i++) {
		u64 kind = DR7_KIND(dr7, i);

		if (dr7 & DR7_ENABLE(i) && ((kind & 3) == 2 || (!(kind & 3) && kind)))
			return false;
	}
	return true;
}

int arch_debug_set(struct thread *t, u32 i, u64 value)
{
	struct debug_registers *d = t->arch.debug;

	if (i == 4 || i == 5 || (i < 4 && value > USER_MAX - 8) || (i == 7 && !dr7_valid(value)))
		return -EINVAL;
	if (!d) {
		d = kzalloc(sizeof(*d), ALLOC_KERNEL);
		if (!d)
			return -ENOMEM;
		d->dr6 = DR6_CLEAR;
		t->arch.debug = d;
	}
	if (i < 4)
		d->address[i] = value;
	else if (i == 6)
		d->dr6 = value;
	else
		d->dr7 = value;
	special_set(t, THREAD_WATCHED, d->dr7 & 0xff);
	return 0;
}

void arch_thread_step(struct thread *t, bool on)
{
	struct trap_frame *f = arch_thread_frame(t);

	f->rflags = on ? f->rflags | FLAGS_TF : f->rflags & ~FLAGS_TF;
}

/* ---- register sets ---- */

size_t arch_regset_bytes(u32 type)
{
	if (type == NT_PRSTATUS || type == NT_PRFPREG)
		return type == NT_PRSTATUS ? sizeof(struct linux_user_regs)
					   : sizeof(struct fpu_legacy);
	return type == NT_X86_XSTATE && x86.xsave ? x86.xsave_bytes : 0;
}

static void general_get(struct thread *t, struct linux_user_regs *r)
{
	const struct trap_frame *f = arch_thread_frame(t);

	*r = (struct linux_user_regs){f->r15, f->r14, f->r13, f->r12, f->rbp, f->rbx, f->r11,
		f->r10, f->r9, f->r8, f->rax, f->rcx, f->rdx, f->rsi, f->rdi, f->orig_rax, f->rip,
		f->cs, f->rflags, f->rsp, f->ss, t->arch.fs_base, t->arch.gs_base, 0, 0, 0, 0};
	if (t == current)
		arch_bases_get(&r->fs_base, &r->gs_base);
}

static int general_set(struct thread *t, const struct linux_user_regs *r)
{
	struct trap_frame *f = arch_thread_frame(t);

	if (r->cs != SEL_USER_CODE || r->ss != SEL_USER_DATA) /* there are no others */
		return -EINVAL;
	if (r->rip >= USER_MAX || r->fs_base >= USER_MAX || r->gs_base >= USER_MAX)
		return -EINVAL;
	*f = (struct trap_frame){r->r15, r->r14, r->r13, r->r12, r->rbp, r->rbx, r->r11, r->r10,
		r->r9, r->r8, r->rax, r->rcx, r->rdx, r->rsi, r->rdi, r->orig_rax, r->rip,
		SEL_USER_CODE, (r->rflags & FLAGS_USER) | X86_FLAGS_IF | 2, r->rsp, SEL_USER_DATA};
	t->arch.fs_base = r->fs_base;
	t->arch.gs_base = r->gs_base;
	return 0;
}

static struct fpu_header *header_of(void *area)
{
	return (struct fpu_header *)((struct fpu_legacy *)area + 1);
}

/* Parts that the header calls initial hold whatever was there before: they are made initial. */
static void legacy_get(const struct thread *t, struct fpu_legacy *l)
{
	u64 have = x86.xsave ? header_of(t->arch.fpu)->xstate_bv : 3;

	*l = *(const struct fpu_legacy *)t->arch.fpu;
	if (!(have & 1)) {
		memset(l, 0, offsetof(struct fpu_legacy, mxcsr));
		memset(l->registers, 0, 128);
		l->control = 0x37f;
	}
	if (!(have & 2))
		memset(l->registers + 128, 0, 256);
}

static int legacy_set(struct thread *t, const struct fpu_legacy *l)
{
	if (l->mxcsr & ~MXCSR_VALID)
		return -EINVAL;
	*(struct fpu_legacy *)t->arch.fpu = *l;
	if (x86.xsave)
		header_of(t->arch.fpu)->xstate_bv |= 3;
	return 0;
}

static int xstate_set(struct thread *t, const void *buf)
{
	const struct fpu_legacy *l = buf;
	const struct fpu_header *h = header_of((void *)buf);

	if (l->mxcsr & ~MXCSR_VALID || h->xstate_bv & ~x86.xcr0 || h->xcomp_bv)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(h->reserved); i++)
		if (h->reserved[i])
			return -EINVAL;
	memcpy(t->arch.fpu, buf, x86.xsave_bytes);
	return 0;
}

void arch_regset_get(struct thread *t, u32 type, void *buf)
{
	if (type == NT_PRSTATUS) {
		general_get(t, buf);
		return;
	}
	memset(buf, 0, arch_regset_bytes(type));
	preempt_disable();
	if (t == current)
		fpu_save(t->arch.fpu);
	legacy_get(t, buf);
	if (type == NT_X86_XSTATE) {
		u64 parts = header_of(t->arch.fpu)->xstate_bv & ~3ull;
		u32 part;

		*header_of(buf) = *header_of(t->arch.fpu);
		for_each_bit (part, parts) { /* what is between them nobody has written */
			struct cpuid_regs r = cpuid(0xd, part);

			memcpy((u8 *)buf + r.ebx, (u8 *)t->arch.fpu + r.ebx, r.eax);
		}
		/* where debuggers look for it */
		memcpy(((struct fpu_legacy *)buf)->software, &x86.xcr0, sizeof(x86.xcr0));
	}
	preempt_enable();
}

int arch_regset_set(struct thread *t, u32 type, const void *buf, size_t len_bytes)
{
	int err;

	if (!len_bytes || len_bytes != arch_regset_bytes(type))
		return -EINVAL;
	if (type == NT_PRSTATUS)
		return general_set(t, buf);
	err = type == NT_PRFPREG ? legacy_set(t, buf) : xstate_set(t, buf);
	t->arch.fpu_cpu = ~0u; /* no CPU's registers are it */
	return err;
}
