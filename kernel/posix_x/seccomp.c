/* seccomp: what of the system calls a thread may use. Layer: posix_x.
 *
 * A thread's filters are a chain, the newest first; threads and processes made by it share the
 * chain and may only put more in front. All filters of the chain see each call, and the strictest
 * answer counts. Threads with filters enter by the slow entry; the others have nothing to check.
 *
 * Before them stands what a thread asks for itself: its calls come back to it as SIGSYS.
 *
 * Locks: process->lock guards task->filters and task->seccomp. The thread itself reads them
 * without: another one changes them only so (TSYNC) that the old chain stays part of the new one.
 *
 * Source: seccomp(2), prctl(2), signal(7) SIGSYS;
 * Documentation/admin-guide/syscall-user-dispatch.rst of Linux. */
#include <arch/syscall.h>
#include <exo/fs.h>
#include <exo/memory.h>
#include "seccomp_internal.h"
#include "trace.h"

#define INSNS_TOTAL_MAX  32768 /* in a chain, */
#define INSNS_PER_FILTER 4     /* with this toll for each filter */

struct seccomp_filter {
	u32 refs;                     /* [a] tasks, filters in front of it */
	u32 total, depth;             /* [c] instructions and filters from here on */
	struct seccomp_filter *below; /* [c] +1 */
	struct notifier *notifier;    /* [c] +1; NULL = nobody listens */
	u32 len;                      /* [c] */
	struct bpf_insn insns[];
};

static void filter_put_at(struct seccomp_filter **at) /* for SCOPED */
{
	struct seccomp_filter *f = *at, *below;

	for (; f && __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) == 0; f = below) {
		below = f->below;
		if (f->notifier)
			notifier_leave(f->notifier);
		kfree(f);
	}
}

/* ---- a call ---- */

/* SIGSYS, as if the call had not been made. */
static void give_back(struct trap_frame *f, int code, s32 error)
{
	struct siginfo info;

	siginfo_fill(&info, SIGSYS, code);
	info.error = error;
	info.sys.call_addr = tf_ip(f);
	info.sys.syscall = (s32)tf_syscall(f);
	info.sys.arch = AUDIT_ARCH_X86_64;
	tf_set_ret(f, tf_syscall(f));
	signal_force_info(&info);
}

/* Dispatched calls are neither traced nor filtered: nothing is called. */
bool call_dispatched(struct trap_frame *f)
{
	const struct call_dispatch *d = &current_task()->dispatch;
	u8 state = SYSCALL_DISPATCH_BLOCK;
	int err;

	if (!d->on || tf_ip(f) - d->start < d->len_bytes)
		return false;
	err = d->selector ? copy_from_user(&state, d->selector, 1) : 0;
	if (state == SYSCALL_DISPATCH_ALLOW)
		return false;
	if (err || state != SYSCALL_DISPATCH_BLOCK) /* it cannot be handled */
		signal_reset_action(err ? SIGSEGV : SIGSYS);
	if (err)
		signal_force(SIGSEGV, SI_KERNEL, 0);
	else
		give_back(f, SYS_USER_DISPATCH, 0);
	return true;
}

long call_dispatch_set(u64 on, u64 start, u64 len_bytes, u64 selector)
{
	if (on ? on > 1 || (start && start + len_bytes <= start) : start || len_bytes || selector)
		return -EINVAL;
	if (selector >= USER_MAX)
		return -EFAULT;
	current_task()->dispatch =
		(struct call_dispatch){start, len_bytes, (u8 USER *)selector, on};
	if (on)
		arch_syscall_slow(current, true);
	return 0;
}

bool seccomp_enter(struct trap_frame *f, bool traced)
{
	struct task *t = current_task();
	struct linux_seccomp_data d = {
		.nr = (s32)tf_syscall(f), .arch = AUDIT_ARCH_X86_64, .ip = tf_ip(f)};
	const struct seccomp_filter *match = NULL;
	u32 answer = SECCOMP_RET_ALLOW, action, data;

	if (t->trace && trace_options(t) & PTRACE_O_SUSPEND_SECCOMP)
		return true;
	if (t->seccomp == SECCOMP_MODE_STRICT) {
		/* read, write, rt_sigreturn, exit */
		if (d.nr != 0 && d.nr != 1 && d.nr != 15 && d.nr != 60)
			process_exit_current(SIGKILL);
		return true;
	}
	for (u32 i = 0; i < ARRAY_LEN(d.args); i++)
		d.args[i] = tf_arg(f, i);
	for (const struct seccomp_filter *at = READ_ONCE(t->filters); at; at = at->below) {
		u32 one = bpf_run(at->insns, &d);

		if ((s32)(one & SECCOMP_RET_ACTION) < (s32)(answer & SECCOMP_RET_ACTION)) {
			answer = one;
			match = at;
		}
	}
	action = answer & SECCOMP_RET_ACTION;
	data = answer & SECCOMP_RET_DATA;
	switch (action) {
	case SECCOMP_RET_LOG:
		log_info("seccomp: %s[%d] call %d at %lx", current->name, current->tid, d.nr, d.ip);
		return true;
	case SECCOMP_RET_ALLOW:
		return true;
	case SECCOMP_RET_TRACE:
		/* The tracer may have made another call of it: that one is looked at again. */
		return traced ||
		       (trace_event(PTRACE_EVENT_SECCOMP, data) && !thread_fatal_pending(current) &&
			       tf_syscall(f) >= 0 && seccomp_enter(f, true));
	case SECCOMP_RET_USER_NOTIF:
		return match->notifier && notifier_ask(match->notifier, &d, f);
	case SECCOMP_RET_ERRNO:
		tf_set_ret(f, -(long)MIN(data, 4095u));
		return false;
	case SECCOMP_RET_KILL_THREAD:
		if (__atomic_load_n(&current->proc->live, __ATOMIC_RELAXED) > 1)
			process_exit_current(SIGSYS);
	}
	if (action != SECCOMP_RET_TRAP)
		signal_reset_action(SIGSYS);
	give_back(f, SYS_SECCOMP, (s32)data);
	return false;
}

/* ---- a thread's chain ---- */

/* @t has no filters, or some that are part of those of @from. */
static void join_locked(struct task *t, const struct task *from)
{
	struct seccomp_filter *old SCOPED(filter_put_at) = t->filters; /* never the last */

	t->thread.no_new_privs |= from->thread.no_new_privs;
	if (from->filters)
		__atomic_fetch_add(&from->filters->refs, 1, __ATOMIC_RELAXED);
	WRITE_ONCE(t->filters, from->filters);
	t->seccomp = from->seccomp;
	if (t->seccomp)
		arch_syscall_slow(&t->thread, true);
}

void seccomp_inherit(struct task *t)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(current->proc);

	join_locked(t, current_task());
}

void seccomp_exit(struct task *t)
{
	struct seccomp_filter *f SCOPED(filter_put_at) = part_switch(&t->filters, NULL);

	t->seccomp = SECCOMP_MODE_DISABLED;
}

u32 seccomp_depth(const struct task *t)
{
	return t->filters ? t->filters->depth : 0;
}

/* May @o have current's chain? Its own must be part of that, so that nothing is taken off. */
static bool may_join_locked(const struct task *o)
{
	const struct seccomp_filter *at = current_task()->filters;

	while (o->filters && at && at != o->filters)
		at = at->below;
	return o->seccomp != SECCOMP_MODE_STRICT && at == o->filters;
}

/* Moves @f in, unless it fails: 0 | the thread that cannot have it, or -errno. */
static long install(struct task *me, struct seccomp_filter *f, u32 flags)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(current->proc);
	struct task *o;

	for (struct seccomp_filter *at = me->filters; at && f->notifier; at = at->below)
		if (at->notifier)
			return -EBUSY;
	f->total = f->len + INSNS_PER_FILTER + (me->filters ? me->filters->total : 0);
	f->depth = 1 + seccomp_depth(me);
	if (f->total > INSNS_TOTAL_MAX)
		return -ENOMEM;
	list_for_each_entry (o, &me->thread.proc->threads, thread_node)
		if (flags & SECCOMP_FILTER_FLAG_TSYNC && !task_ended(o) && !may_join_locked(o))
			return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : o->thread.tid;
	f->below = me->filters;
	WRITE_ONCE(me->filters, f);
	me->seccomp = SECCOMP_MODE_FILTER;
	arch_syscall_slow(current, true);
	list_for_each_entry (o, &me->thread.proc->threads, thread_node)
		if (flags & SECCOMP_FILTER_FLAG_TSYNC && o != me && !task_ended(o))
			join_locked(o, me);
	return 0;
}

long seccomp_filter_set(u32 flags, u64 user)
{
	u32 both = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER;
	bool listens = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
	bool firm = flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	struct seccomp_filter *f SCOPED(filter_put_at) = NULL;
	struct linux_bpf_program program;
	cap_t fd = 0;
	long err;

	if (flags & ~SECCOMP_FILTER_FLAG_MASK || (firm && !listens) ||
		((flags & both) == both && !(flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH)))
		return -EINVAL;
	if (copy_from_user(&program, (const void USER *)user, sizeof(program)))
		return -EFAULT;
	if (!program.len || program.len > BPF_INSNS_MAX)
		return -EINVAL;
	if (!current->no_new_privs && !cred_capable(current->cred, LCAP_SYS_ADMIN))
		return -EACCES;
	if (!program.insns)
		return -EINVAL;
	f = kmalloc(sizeof(*f) + program.len * sizeof(*f->insns), ALLOC_KERNEL);
	if (!f)
		return -ENOMEM;
	*f = (struct seccomp_filter){.refs = 1, .len = program.len};
	if (copy_from_user(f->insns, (const void USER *)program.insns, f->len * sizeof(*f->insns)))
		return -EFAULT;
	err = bpf_check(f->insns, f->len);
	if (!err && listens) {
		fd = notifier_open(firm, &f->notifier);
		err = MIN(fd, 0);
	}
	if (err)
		return err;
	err = install(current_task(), f, flags);
	if (err && listens)
		(void)!cap_close(current->caps, fd);
	if (err)
		return err;
	f = NULL;
	if (flags & SECCOMP_FILTER_FLAG_TSYNC) /* who runs in user mode right now */
		arch_syscall_slow_now();
	return fd;
}

long seccomp_strict_set(void)
{
	struct task *t = current_task();
	struct spin_guard g SCOPED(spin_unguard) = process_guard(current->proc);

	if (t->seccomp == SECCOMP_MODE_FILTER)
		return -EINVAL;
	t->seccomp = SECCOMP_MODE_STRICT;
	arch_syscall_slow(current, true);
	return 0;
}

/* For PTRACE_SECCOMP_GET_FILTER: number @index, the oldest is 0, of a stopped tracee. */
long seccomp_filter_show(struct task *t, u64 index, u64 to)
{
	const struct seccomp_filter *at = t->filters;

	if (!cred_capable(current->cred, LCAP_SYS_ADMIN) || current_task()->seccomp)
		return -EACCES;
	if (t->seccomp != SECCOMP_MODE_FILTER)
		return -EINVAL;
	while (at && at->depth != index + 1)
		at = at->below;
	if (!at)
		return -ENOENT;
	if (to && copy_to_user((void USER *)to, at->insns, at->len * sizeof(*at->insns)))
		return -EFAULT;
	return at->len;
}
