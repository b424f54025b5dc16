/* Who traces: the requests of ptrace. Layer: posix_x.
 *
 * A request on a stopped tracee holds a reference on its thread, sees under the locks that current
 * traces it and that it is stopped, and waits until it is off its CPU. A SIGKILL may let it go on
 * meanwhile: then it ends without coming back to user mode, and what is read or written of its
 * registers no longer matters.
 *
 * Locks: tree, then process->lock; none while user memory is touched.
 *
 * Source: ptrace(2), proc(5). */
#include <arch/uaccess.h>
#include <exo/memory.h>
#include <exo/string.h>
#include "trace.h"
#include <exo_abi/linux_seccomp.h>

#define REGSET_BYTES_MAX 16384u

/* ---- beginning and end ---- */

bool process_may_trace(struct thread *t)
{
	const struct cred *own = current->cred, *c;
	bool may;

	if (t->proc == current->proc || cred_capable(own, LCAP_SYS_PTRACE))
		return true;
	rcu_read_lock();
	c = rcu_dereference(t->cred);
	may = t->proc->dumpable == 1 && own->uid == c->euid && own->uid == c->suid &&
	      own->uid == c->uid && own->gid == c->egid && own->gid == c->sgid &&
	      own->gid == c->gid && !(c->cap_permitted & ~own->cap_permitted);
	rcu_read_unlock();
	return may;
}

static long trace_me(void)
{
	struct task *t = current_task();
	struct trace *r SCOPED(kfree_at) = kzalloc(sizeof(*r), ALLOC_KERNEL);
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();

	if (!r)
		return -ENOMEM;
	if (t->trace || !t->thread.proc->parent)
		return -EPERM;
	trace_link_locked(r, t, t->thread.proc->parent, t->thread.proc->parent_tid, 0, 0);
	r = NULL;
	return 0;
}

static void stop_attached_locked(struct task *t)
{
	struct process *p = t->thread.proc;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

	signal_notice_locked(p, t, SIGSTOP);
	if (t->job & TASK_STOPPED) { /* one that is stopped already stops again, for us */
		t->job = (t->job & ~TASK_STOPPED) | TASK_STOP_PENDING;
		p->stop_left++;
		work_set(&t->thread, WORK_SIGNAL);
		thread_wake_stopped(&t->thread);
	}
}

static int options_check(u64 options)
{
	struct task *me = current_task();

	if (options & ~(u64)PTRACE_O_MASK)
		return -EINVAL;
	return options & PTRACE_O_SUSPEND_SECCOMP &&
			       (!cred_capable(current->cred, LCAP_SYS_ADMIN) || me->seccomp ||
				       trace_options(me) & PTRACE_O_SUSPEND_SECCOMP)
		       ? -EPERM
		       : 0;
}

static long attach(struct task *t, bool seize, u64 addr, u64 options)
{
	struct process *p = t->thread.proc;
	struct trace *r SCOPED(kfree_at) = kzalloc(sizeof(*r), ALLOC_KERNEL);
	int err = seize ? options_check(options) : 0;
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();

	if (seize && (addr || err == -EINVAL))
		return -EIO;
	if (err || !r)
		return err ? err : -ENOMEM;
	if (p == current->proc || !process_may_trace(&t->thread) || t->trace ||
		p->state != PROC_LIVE || !t->pid || t->job & TASK_EXITING ||
		p->flags & PROC_UNKILLABLE)
		return -EPERM;
	trace_link_locked(r, t, current->proc, current->tid, seize ? (u32)options : 0,
		seize ? TRACE_SEIZED : 0);
	r = NULL;
	if (!seize)
		stop_attached_locked(t);
	return 0;
}

/* ---- a tracee that is stopped ---- */

/* @stopped: it must be, and off its CPU. Under PTRACE_LISTEN it is not. 0 | -ESRCH. */
static int check_traced(struct task *t, bool stopped)
{
	ulong irq = tree_lock(), flags;
	bool good = t->trace && t->trace->tracer == current->proc &&
		    t->trace->tracer_tid == current->tid;

	if (good && stopped) {
		flags = process_lock(t->thread.proc);
		good = t->job & TASK_TRACED && !(t->trace->flags & TRACE_LISTENING);
		process_unlock(t->thread.proc, flags);
	}
	tree_unlock(irq);
	while (good && stopped && __atomic_load_n(&t->thread.on_cpu, __ATOMIC_ACQUIRE))
		cond_resched();
	return good ? 0 : -ESRCH;
}

/* The record of a tracee that is still stopped; NULL: it was killed. [lock] */
static struct trace *record_locked(struct task *t)
{
	return t->job & TASK_TRACED ? t->trace : NULL;
}

static long resume(struct task *t, u32 how, u64 signo)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(t->thread.proc);
	struct trace *r = record_locked(t);

	if (signo > SIGNALS_MAX)
		return -EIO;
	if (!r)
		return -ESRCH;
	if (signo && r->info && (int)signo != r->info->signo)
		siginfo_from_current(r->info, (int)signo, SI_USER);
	t->trace_signo = (s32)signo;
	r->flags = (r->flags & TRACE_SEIZED) | how;
	r->info = NULL;
	if (how & TRACE_STEP)
		arch_thread_step(&t->thread, true);
	t->job &= ~TASK_TRACED;
	thread_wake_stopped(&t->thread);
	return 0;
}

static long detach(struct task *t, u64 signo)
{
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();

	if (signo > SIGNALS_MAX)
		return -EIO;
	arch_thread_step(&t->thread, false);
	if (t->trace)
		kfree(trace_unlink_locked(t, (int)signo));
	return 0;
}

static long interrupt(struct task *t, bool listen)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(t->thread.proc);
	struct trace *r = t->trace;
	bool stopped = t->job & TASK_TRACED;

	if (!r || !(r->flags & TRACE_SEIZED) ||
		(listen && (!stopped || r->code >> 8 != PTRACE_EVENT_STOP)))
		return -EIO;
	if (listen) {
		r->flags |= TRACE_LISTENING;
	} else if (!stopped || r->flags & TRACE_LISTENING) {
		t->job = (t->job & ~TASK_TRACED) | TASK_TRACE_TRAP;
		work_set(&t->thread, WORK_SIGNAL);
		(void)(thread_wake_stopped(&t->thread) || thread_wake_signal(&t->thread, false));
	}
	return 0;
}

/* ---- memory and registers ---- */

static long peek_poke(struct task *t, u64 addr, u64 *value, bool write)
{
	struct vm_space *s SCOPED(vm_space_put_at) = process_space(t->thread.proc);
	ssize_t n = s ? vm_access(s, addr, value, sizeof(*value), write) : -EIO;

	return n == sizeof(*value) ? 0 : -EIO;
}

/* A word of struct user: general registers, breakpoint registers, zeros that stay. */
static long user_word(struct task *t, u64 at, u64 *value, bool write)
{
	struct linux_user_regs regs;

	if (at % 8 || at > USER_DEBUGREGS + 56)
		return -EIO;
	if (at >= USER_DEBUGREGS && write)
		return arch_debug_set(&t->thread, (u32)(at - USER_DEBUGREGS) / 8, *value);
	if (!write)
		*value = at < USER_DEBUGREGS
				 ? 0
				 : arch_debug_get(&t->thread, (u32)(at - USER_DEBUGREGS) / 8);
	if (at >= sizeof(regs))
		return 0;
	arch_regset_get(&t->thread, NT_PRSTATUS, &regs);
	memcpy(write ? (u8 *)&regs + at : (u8 *)value, write ? (u8 *)value : (u8 *)&regs + at, 8);
	return write && arch_regset_set(&t->thread, NT_PRSTATUS, &regs, sizeof(regs)) ? -EIO : 0;
}

/* @len: room of the user, then what was used; a set is written whole or in its beginning. */
static long regset(struct task *t, u32 type, u64 user, u64 *len, bool set)
{
	size_t bytes = arch_regset_bytes(type), part = MIN(bytes, (size_t)*len);
	void *buf SCOPED(kfree_at) = NULL;

	if (!bytes || bytes > REGSET_BYTES_MAX)
		return -EINVAL;
	buf = kmalloc(bytes, ALLOC_KERNEL);
	if (!buf)
		return -ENOMEM;
	*len = part;
	arch_regset_get(&t->thread, type, buf);
	if (!set)
		return copy_to_user((void USER *)user, buf, part);
	if (copy_from_user(buf, (const void USER *)user, part))
		return -EFAULT;
	return arch_regset_set(&t->thread, type, buf, bytes);
}

static long regset_vector(struct task *t, u64 type, u64 user, bool set)
{
	u64 vector[2]; /* struct iovec */
	long err;

	if (copy_from_user(vector, (const void USER *)user, sizeof(vector)))
		return -EFAULT;
	if (type > UINT32_MAX || vector[1] % sizeof(u64))
		return -EINVAL;
	err = regset(t, (u32)type, vector[0], &vector[1], set);
	return err ? err : put_user_u64((u64 USER *)(user + 8), vector[1]);
}

/* ---- what a stop is about ---- */

static long signal_info(struct task *t, u64 user, bool set)
{
	struct siginfo info;
	ulong flags;
	struct trace *r;
	long err;

	if (set && copy_from_user(&info, (const void USER *)user, sizeof(info)))
		return -EFAULT;
	flags = process_lock(t->thread.proc);
	r = record_locked(t);
	err = !r ? -ESRCH : !r->info ? -EINVAL : 0;
	if (!err)
		memcpy(set ? r->info : &info, set ? &info : r->info, sizeof(info));
	process_unlock(t->thread.proc, flags);
	if (!err && !set && copy_to_user((void USER *)user, &info, sizeof(info)))
		err = -EFAULT;
	return err;
}

/* Information on the waiting signal number @index of the queue. */
static bool signal_waits(struct task *t, bool shared, u64 index, struct siginfo *out)
{
	struct process *p = t->thread.proc;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	struct sigqueue *q;

	list_for_each_entry (q, shared ? &p->shared.queue : &t->pending.queue, node) {
		if (index--)
			continue;
		*out = q->info;
		return true;
	}
	return false;
}

/* Return: how many went to @to. */
static long peek_signals(struct task *t, u64 what, u64 to)
{
	struct linux_peeksiginfo a;
	struct siginfo info;
	s32 n;

	if (copy_from_user(&a, (const void USER *)what, sizeof(a)))
		return -EFAULT;
	if (a.flags & ~PTRACE_PEEKSIGINFO_SHARED || a.count < 0)
		return -EINVAL;
	for (n = 0; n < a.count; n++) {
		if ((n && thread_signal_pending(current)) ||
			!signal_waits(t, a.flags, a.index + (u64)n, &info))
			break;
		if (copy_to_user((void USER *)(to + (u64)n * sizeof(info)), &info, sizeof(info)))
			return n ? n : -EFAULT;
	}
	return n;
}

static long signal_mask(struct task *t, u64 size, u64 user, bool set)
{
	u64 mask = t->blocked;

	if (size != sizeof(mask))
		return -EINVAL;
	if (!set)
		return put_user_u64((u64 USER *)user, mask);
	if (copy_from_user(&mask, (const void USER *)user, sizeof(mask)))
		return -EFAULT;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(t->thread.proc);
	t->blocked = mask & ~SIGSET_KERNEL_ONLY;
	signal_recalc_locked(t);
	return 0;
}

/* The call and the message of the stop. 0 | -ESRCH */
static long stop_get(struct task *t, u8 *call, u64 *message)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(t->thread.proc);
	struct trace *r = record_locked(t);

	if (!r)
		return -ESRCH;
	*call = r->call;
	*message = r->message;
	return 0;
}

static long call_info(struct task *t, u64 size, u64 user)
{
	const struct trap_frame *f = arch_thread_frame(&t->thread);
	struct linux_syscall_info info = {
		.arch = AUDIT_ARCH_X86_64, .ip = tf_ip(f), .sp = tf_sp(f)};
	size_t bytes = offsetof(struct linux_syscall_info, entry);
	u64 message;
	long err = stop_get(t, &info.op, &message);

	if (err)
		return err;
	info.ret_data = (u32)message;
	if (info.op == PTRACE_SYSCALL_ENTRY || info.op == PTRACE_SYSCALL_SECCOMP) {
		info.entry.nr = (u64)tf_syscall(f);
		for (u32 i = 0; i < 6; i++)
			info.entry.args[i] = tf_arg(f, i);
		bytes += sizeof(info.entry);
		if (info.op == PTRACE_SYSCALL_SECCOMP)
			bytes += sizeof(info.ret_data);
	} else if (info.op == PTRACE_SYSCALL_EXIT) {
		info.exit.value = tf_ret(f);
		info.exit.is_error = (u64)tf_ret(f) > -4096ul;
		bytes += 9;
	}
	return copy_to_user((void USER *)user, &info, MIN(size, (u64)bytes)) ? -EFAULT
									     : (long)bytes;
}

static long set_options(struct task *t, u64 options)
{
	int err = options_check(options);
	struct spin_guard g SCOPED(spin_unguard) = process_guard(t->thread.proc);
	struct trace *r = record_locked(t);

	if (err)
		return err;
	if (!r)
		return -ESRCH;
	r->options = (u32)options;
	return 0;
}

/* ---- dispatch ---- */

static long stopped_request(struct task *t, long request, u64 addr, u64 data)
{
	u64 value, len = REGSET_BYTES_MAX;
	long err;
	u8 call;

	switch (request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
	case PTRACE_PEEKUSER:
	case PTRACE_GETEVENTMSG:
		err = request == PTRACE_PEEKUSER      ? user_word(t, addr, &value, false)
		      : request == PTRACE_GETEVENTMSG ? stop_get(t, &call, &value)
						      : peek_poke(t, addr, &value, false);
		return err ? err : put_user_u64((u64 USER *)data, value);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		return peek_poke(t, addr, &data, true);
	case PTRACE_POKEUSER:
		return user_word(t, addr, &data, true);
	case PTRACE_GETREGS:
	case PTRACE_SETREGS:
		return regset(t, NT_PRSTATUS, data, &len, request == PTRACE_SETREGS);
	case PTRACE_GETFPREGS:
	case PTRACE_SETFPREGS:
		return regset(t, NT_PRFPREG, data, &len, request == PTRACE_SETFPREGS);
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET:
		return regset_vector(t, addr, data, request == PTRACE_SETREGSET);
	case PTRACE_SETOPTIONS:
		return set_options(t, data);
	case PTRACE_GETSIGINFO:
	case PTRACE_SETSIGINFO:
		return signal_info(t, data, request == PTRACE_SETSIGINFO);
	case PTRACE_PEEKSIGINFO:
		return peek_signals(t, addr, data);
	case PTRACE_GETSIGMASK:
	case PTRACE_SETSIGMASK:
		return signal_mask(t, addr, data, request == PTRACE_SETSIGMASK);
	case PTRACE_SECCOMP_GET_FILTER:
		return seccomp_filter_show(t, addr, data);
	case PTRACE_GET_SYSCALL_INFO:
		return call_info(t, addr, data);
	case PTRACE_CONT:
		return resume(t, 0, data);
	case PTRACE_SYSCALL:
		return resume(t, TRACE_CALLS, data);
	case PTRACE_SYSEMU:
		return resume(t, TRACE_EMULATES, data);
	case PTRACE_SYSEMU_SINGLESTEP:
		return resume(t, TRACE_EMULATES | TRACE_STEP, data);
	case PTRACE_SINGLESTEP:
		return resume(t, TRACE_STEP, data);
	case PTRACE_DETACH:
		return detach(t, data);
	case PTRACE_LISTEN:
		return interrupt(t, true);
	default:
		return -EIO;
	}
}

long process_ptrace(long request, pid_t tid, u64 addr, u64 data)
{
	struct thread *thread SCOPED(thread_put_at) = NULL;
	struct siginfo info;
	long err;

	if (request == PTRACE_TRACEME)
		return trace_me();
	thread = thread_find(tid);
	if (!thread)
		return -ESRCH;
	if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		return attach(task_of(thread), request == PTRACE_SEIZE, addr, data);
	err = check_traced(task_of(thread), request != PTRACE_KILL && request != PTRACE_INTERRUPT);
	if (err)
		return err;
	if (request == PTRACE_INTERRUPT)
		return interrupt(task_of(thread), false);
	if (request != PTRACE_KILL)
		return stopped_request(task_of(thread), request, addr, data);
	siginfo_fill(&info, SIGKILL, SI_KERNEL);
	return signal_send_thread(thread, &info);
}
