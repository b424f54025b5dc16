/* seccomp: what of the system calls a thread may use. Layer: posix_x.
 *
 * A thread's filters are a chain, the newest first; threads and processes made by it share the
 * chain and may only put more in front. All filters of the chain see each call, and the strictest
 * answer counts. Threads with filters enter by the slow entry; the others have nothing to check.
 *
 * Locks: process->lock guards task->filters and task->seccomp. The thread itself reads them
 * without: another one changes them only so (TSYNC) that the old chain stays part of the new one.
 *
 * Source: seccomp(2), prctl(2), signal(7) SIGSYS. */
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

static struct seccomp_filter *filter_get(struct seccomp_filter *f)
{
	if (f)
		__atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
	return f;
}

static void filter_put(struct seccomp_filter *f)
{
	while (f && __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		struct seccomp_filter *below = f->below;

		if (f->notifier)
			notifier_leave(f->notifier);
		kfree(f);
		f = below;
	}
}

/* ---- a call ---- */

static void kill_or_trap(const struct linux_seccomp_data *d, u32 data, bool kill)
{
	struct siginfo info;

	siginfo_fill(&info, SIGSYS, SYS_SECCOMP);
	info.error = (s32)data;
	info.sys.call_addr = d->ip;
	info.sys.syscall = d->nr;
	info.sys.arch = d->arch;
	if (kill)
		signal_reset_action(SIGSYS);
	signal_force_info(&info);
}

/* Strict mode knows read, write, exit, rt_sigreturn. */
static bool strict_allows(long nr)
{
	return nr == 0 || nr == 1 || nr == 60 || nr == 15;
}

static void data_fill(struct linux_seccomp_data *d, const struct trap_frame *f)
{
	*d = (struct linux_seccomp_data){
		.nr = (s32)tf_syscall(f), .arch = AUDIT_ARCH_X86_64, .ip = tf_ip(f)};
	for (u32 i = 0; i < 6; i++)
		d->args[i] = tf_arg(f, i);
}

bool seccomp_enter(struct trap_frame *f, bool traced)
{
	struct task *t = current_task();
	struct seccomp_filter *at, *match = NULL;
	struct linux_seccomp_data d;
	u32 answer = SECCOMP_RET_ALLOW, data;

	if (t->seccomp == SECCOMP_MODE_STRICT) {
		if (!strict_allows(tf_syscall(f)))
			process_exit_current(SIGKILL);
		return true;
	}
	data_fill(&d, f);
	for (at = READ_ONCE(t->filters); at; at = at->below) {
		u32 one = bpf_run(at->insns, &d);

		if ((s32)(one & SECCOMP_RET_ACTION) < (s32)(answer & SECCOMP_RET_ACTION)) {
			answer = one;
			match = at;
		}
	}
	data = answer & SECCOMP_RET_DATA;
	switch (answer & SECCOMP_RET_ACTION) {
	case SECCOMP_RET_ALLOW:
		return true;
	case SECCOMP_RET_LOG:
		log_info("seccomp: %s[%d] call %d at %lx", current->name, current->tid, d.nr, d.ip);
		return true;
	case SECCOMP_RET_TRACE:
		if (traced)
			return true;
		/* The tracer may have made another call of it: that one is looked at again. */
		return trace_event(PTRACE_EVENT_SECCOMP, data) && !thread_fatal_pending(current) &&
		       tf_syscall(f) >= 0 && seccomp_enter(f, true);
	case SECCOMP_RET_USER_NOTIF:
		return match->notifier && notifier_ask(match->notifier, &d, f);
	case SECCOMP_RET_ERRNO:
		tf_set_ret(f, -(long)MIN(data, 4095u));
		return false;
	case SECCOMP_RET_KILL_THREAD:
		if (__atomic_load_n(&current->proc->live, __ATOMIC_RELAXED) > 1)
			process_exit_current(SIGSYS);
		break;
	default:
		break;
	}
	tf_set_ret(f, d.nr); /* as if it had not been called */
	kill_or_trap(&d, data, (answer & SECCOMP_RET_ACTION) != SECCOMP_RET_TRAP);
	return false;
}

/* ---- a thread's chain ---- */

static void join_locked(struct task *t, const struct task *from)
{
	struct seccomp_filter *old = t->filters;

	t->thread.no_new_privs |= from->thread.no_new_privs;
	if (!from->seccomp)
		return;
	WRITE_ONCE(t->filters, filter_get(from->filters));
	t->seccomp = from->seccomp;
	arch_syscall_slow(&t->thread, true);
	filter_put(old); /* never the last: the new chain has it too */
}

void seccomp_inherit(struct task *t)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(current->proc);

	join_locked(t, current_task());
}

void seccomp_exit(struct task *t)
{
	ulong flags = process_lock(t->thread.proc);
	struct seccomp_filter *old = t->filters;

	t->filters = NULL;
	t->seccomp = SECCOMP_MODE_DISABLED;
	process_unlock(t->thread.proc, flags);
	filter_put(old);
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

static long install_locked(struct task *me, struct seccomp_filter *f, u32 flags)
{
	struct seccomp_filter *at;
	struct task *o;

	if (me->seccomp == SECCOMP_MODE_STRICT)
		return -EINVAL;
	for (at = me->filters; at && f->notifier; at = at->below)
		if (at->notifier)
			return -EBUSY;
	f->below = me->filters;
	f->total = f->len + INSNS_PER_FILTER + (f->below ? f->below->total : 0);
	f->depth = 1 + seccomp_depth(me);
	if (f->total > INSNS_TOTAL_MAX)
		return -ENOMEM;
	list_for_each_entry (o, &me->thread.proc->threads, thread_node)
		if (flags & SECCOMP_FILTER_FLAG_TSYNC && !task_ended(o) && !may_join_locked(o))
			return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : o->thread.tid;
	WRITE_ONCE(me->filters, f);
	me->seccomp = SECCOMP_MODE_FILTER;
	arch_syscall_slow(&me->thread, true);
	list_for_each_entry (o, &me->thread.proc->threads, thread_node)
		if (flags & SECCOMP_FILTER_FLAG_TSYNC && o != me && !task_ended(o))
			join_locked(o, me);
	return 0;
}

static struct seccomp_filter *filter_from_user(u64 from)
{
	struct linux_bpf_program program;
	struct seccomp_filter *f;
	int err = 0;

	if (copy_from_user(&program, (const void USER *)from, sizeof(program)))
		return err_ptr(-EFAULT);
	if (!program.len || program.len > BPF_INSNS_MAX)
		return err_ptr(-EINVAL);
	if (!current->no_new_privs && !cred_capable(current->cred, LCAP_SYS_ADMIN))
		return err_ptr(-EACCES);
	if (!program.insns)
		return err_ptr(-EINVAL);
	f = kmalloc(sizeof(*f) + program.len * sizeof(*f->insns), ALLOC_KERNEL);
	if (!f)
		return err_ptr(-ENOMEM);
	*f = (struct seccomp_filter){.refs = 1, .len = program.len};
	if (copy_from_user(f->insns, (const void USER *)program.insns, f->len * sizeof(*f->insns)))
		err = -EFAULT;
	if (!err)
		err = bpf_check(f->insns, f->len);
	if (!err)
		return f;
	kfree(f);
	return err_ptr(err);
}

/* The file of a new filter's listener and its slot. */
static int listener_create(struct seccomp_filter *f, u32 flags, struct file **file, cap_t *fd)
{
	f->notifier = notifier_create(flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	if (!f->notifier)
		return -ENOMEM;
	*file = notifier_file(f->notifier);
	if (is_err(*file))
		return (int)ptr_err(*file);
	*fd = cap_reserve(
		current->caps, CAP_CLOEXEC, (u32)MIN(rlimit_current(RLIM_NOFILE), (u64)INT32_MAX));
	if (*fd >= 0)
		return 0;
	file_put(*file);
	return *fd;
}

long seccomp_filter_set(u32 flags, u64 program)
{
	u32 both = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER;
	bool listens = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
	struct seccomp_filter *f;
	struct file *file = NULL;
	ulong irq;
	cap_t fd = 0;
	long err;

	if (flags & ~SECCOMP_FILTER_FLAG_MASK ||
		((flags & both) == both && !(flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH)) ||
		(flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV && !listens))
		return -EINVAL;
	f = filter_from_user(program);
	if (is_err(f))
		return ptr_err(f);
	err = listens ? listener_create(f, flags, &file, &fd) : 0;
	if (err)
		goto free;
	irq = process_lock(current->proc);
	err = install_locked(current_task(), f, flags);
	process_unlock(current->proc, irq);
	if (!err && file)
		cap_fill(current->caps, fd, &file->object.root);
	if (!err && flags & SECCOMP_FILTER_FLAG_TSYNC) /* who runs in user mode right now */
		arch_syscall_slow_now();
	if (!err)
		return fd;
	if (file) {
		cap_unreserve(current->caps, fd);
		file_put(file);
	}
free:
	f->below = NULL; /* it is still the task's */
	filter_put(f);
	return err;
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

long seccomp_mode_get(void)
{
	return current_task()->seccomp;
}

/* For PTRACE_SECCOMP_GET_FILTER: number @index, the oldest is 0, of a stopped tracee. */
long seccomp_filter_show(struct task *t, u64 index, u64 to)
{
	const struct seccomp_filter *at;

	if (!cred_capable(current->cred, LCAP_SYS_ADMIN) || current_task()->seccomp)
		return -EACCES;
	if (t->seccomp != SECCOMP_MODE_FILTER)
		return -EINVAL;
	if (index >= seccomp_depth(t))
		return -ENOENT;
	for (at = t->filters; at->depth > index + 1; at = at->below)
		;
	if (to && copy_to_user((void USER *)to, at->insns, at->len * sizeof(*at->insns)))
		return -EFAULT;
	return at->len;
}
