/* Who is traced: stops, events, its end, and what wait tells of it. Layer: posix_x.
 *
 * A tracee stops in trace_stop only, in its own context, with a whole frame at the top of its
 * stack. Its tracer reads and changes that frame while it is off its CPU (ptrace.c). Whatever ends
 * the process lets it go on. Calls of a tracee come by syscall_slow; one that is traced no longer
 * goes back to the fast entry there, by itself, because only it may change its CPU's entry.
 *
 * Locks: tree, then process->lock.
 *
 * Source: ptrace(2), wait(2). */
#include <arch/syscall.h>
#include <exo/memory.h>
#include <exo/string.h>
#include "trace.h"

void trace_link_locked(struct trace *r, struct task *t, struct process *tracer, pid_t tracer_tid,
	u32 options, u32 flags)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(t->thread.proc);

	r->task = t;
	r->tracer = tracer;
	r->tracer_tid = tracer_tid;
	r->options = options;
	r->flags = flags;
	list_add_tail(&tracer->tracees, &r->node);
	t->trace = r;
	arch_syscall_slow(&t->thread, true);
}

struct trace *trace_unlink_locked(struct task *t, int signo)
{
	struct process *p = t->thread.proc;
	struct trace *r = t->trace;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

	list_del(&r->node);
	t->trace = NULL;
	t->job &= ~TASK_TRACE_TRAP;
	if (t->job & TASK_TRACED) {
		t->trace_signo = signo;
		t->job &= ~TASK_TRACED;
		if (p->flags & PROC_STOPPED)
			t->job |= TASK_STOPPED;
		else
			thread_wake_stopped(&t->thread);
	}
	return r;
}

static void tell_tracer_locked(struct process *p, struct trace *r, pid_t tid, int why, int status)
{
	struct siginfo info;

	process_child_info_locked(p, &info, why, status);
	info.chld.pid = tid;
	process_tell_locked(r->tracer, &info);
}

/* ---- stopping ---- */

/* Current stops until its tracer lets it go on. @info: what PTRACE_GETSIGINFO shows and _SETSIGINFO
 * changes; NULL when the process stops. Return: the signal with which it goes on, 0 = none | -1 it
 * did not stop: nobody traces it, or it is being killed. */
static int trace_stop(struct task *t, s32 code, struct siginfo *info, u8 call, u64 message)
{
	struct process *p = t->thread.proc;
	ulong irq = tree_lock(), flags = process_lock(p);
	bool group = !info || code >> 8 == PTRACE_EVENT_STOP, last = false;
	u32 interrupted = __atomic_load_n(&t->thread.work, __ATOMIC_RELAXED) & WORK_SIGNAL;
	struct trace *r = t->trace;

	if (!r || t->pending.set & SIGBIT(SIGKILL)) {
		process_unlock(p, flags);
		tree_unlock(irq);
		return -1;
	}
	if (r->flags & TRACE_STEP)
		arch_thread_step(&t->thread, false);
	r->flags &= ~(TRACE_CALLS | TRACE_EMULATES | TRACE_STEP | TRACE_LISTENING);
	r->code = code;
	r->news = true;
	r->call = call;
	r->message = message;
	r->info = info;
	t->trace_signo = 0;
	t->job = (t->job | TASK_TRACED) & ~TASK_TRACE_TRAP;
	if (group && t->job & TASK_STOP_PENDING)
		last = signal_stop_done_locked(t);
	process_unlock(p, flags);
	tell_tracer_locked(p, r, t->thread.tid, group ? CLD_STOPPED : CLD_TRAPPED, code & 0x7f);
	if (last && r->tracer != p->parent)
		process_notify_parent_locked(p, CLD_STOPPED);
	tree_unlock(irq);
	task_sleep_stopped(t);
	flags = process_lock(p);
	if (!interrupted) /* else a call may have ended for it and must begin again */
		signal_recalc_locked(t);
	process_unlock(p, flags);
	return t->trace_signo;
}

/* A stop that no signal caused: it looks like a SIGTRAP of the thread's own. */
static int trap_stop(struct task *t, int code, u8 call, u64 message)
{
	struct siginfo info;

	siginfo_from_current(&info, code & 0x7f, code);
	info.kill.pid = t->thread.tid;
	return trace_stop(t, code, &info, call, message);
}

int trace_signal(struct task *t, int signo, struct siginfo *info)
{
	int with = signo == SIGKILL ? -1 : trace_stop(t, signo, info, PTRACE_SYSCALL_NONE, 0);

	if (with < 0)
		return signo;
	if (!with || !(t->blocked & SIGBIT(with)))
		return with;
	(void)signal_send_thread(&t->thread, info); /* the tracer chose one that must wait */
	return 0;
}

void trace_group_stop(struct task *t, int signo)
{
	struct process *p = t->thread.proc;
	ulong flags = process_lock(p);
	bool seized = t->trace && t->trace->flags & TRACE_SEIZED;

	if (!signo)
		signo = p->flags & PROC_STOPPED || p->stop_left ? p->stop_signo : SIGTRAP;
	t->job &= ~TASK_TRACE_TRAP;
	process_unlock(p, flags);
	if (seized)
		(void)trap_stop(t, signo | PTRACE_EVENT_STOP << 8, PTRACE_SYSCALL_NONE, 0);
	else
		(void)trace_stop(t, signo, NULL, PTRACE_SYSCALL_NONE, 0);
}

/* SIGCONT, after the process was stopped: who was seized tells its tracer. */
void trace_continued_locked(struct task *t)
{
	struct trace *r = t->trace;

	if (!r || !(r->flags & TRACE_SEIZED))
		return;
	t->job |= TASK_TRACE_TRAP;
	work_set(&t->thread, WORK_SIGNAL);
	if (r->flags & TRACE_LISTENING) {
		t->job &= ~TASK_TRACED;
		thread_wake_stopped(&t->thread);
	} else if (!(t->job & TASK_TRACED)) {
		thread_wake_signal(&t->thread, false);
	}
}

u32 trace_options(struct task *t)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(t->thread.proc);

	return t->trace ? t->trace->options : 0;
}

bool trace_event(int event, u64 message)
{
	struct task *t = current_task();
	u8 call = event == PTRACE_EVENT_SECCOMP ? PTRACE_SYSCALL_SECCOMP : PTRACE_SYSCALL_NONE;

	if (!t->trace || !(trace_options(t) & PTRACE_O_EVENT(event)))
		return false;
	(void)trap_stop(t, SIGTRAP | event << 8, call, message);
	return true;
}

void trace_exec(pid_t old_tid)
{
	struct task *t = current_task();
	ulong flags;
	bool trap;

	if (likely(!t->trace))
		return;
	flags = process_lock(t->thread.proc); /* whoever detaches frees the record */
	trap = t->trace && !(t->trace->flags & TRACE_SEIZED) &&
	       !(t->trace->options & PTRACE_O_EVENT(PTRACE_EVENT_EXEC));
	process_unlock(t->thread.proc, flags);
	if (trap)
		(void)signal_send_current(SIGTRAP);
	else
		(void)trace_event(PTRACE_EVENT_EXEC, (u64)old_tid);
}

/* ---- calls ---- */

static u32 trace_flags(struct task *t)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(t->thread.proc);

	return t->trace ? t->trace->flags : 0;
}

static void call_stop(struct task *t, u8 call)
{
	int code = SIGTRAP | (trace_options(t) & PTRACE_O_TRACESYSGOOD ? 0x80 : 0), signo;

	signo = trap_stop(t, code, call, 0);
	if (signo > 0)
		(void)signal_send_current(signo);
}

/* Nobody looks at its calls any more. */
static void go_fast(struct task *t)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(t->thread.proc);

	if (!t->trace && !t->seccomp && !t->dispatch.on)
		arch_syscall_slow(&t->thread, false);
}

void syscall_slow(struct trap_frame *f)
{
	struct task *t = current_task();
	u32 how = trace_flags(t);

	if (call_dispatched(f))
		return;
	tf_set_ret(f, -ENOSYS);
	if (!t->trace && !t->seccomp)
		go_fast(t);
	else if (how & (TRACE_CALLS | TRACE_EMULATES))
		call_stop(t, PTRACE_SYSCALL_ENTRY);
	if (thread_fatal_pending(current))
		return;
	if (!(how & TRACE_EMULATES) && (!t->seccomp || seccomp_enter(f, false)))
		arch_syscall_call(f);
	if (likely(!t->trace))
		return;
	how = trace_flags(t);
	if (how & TRACE_CALLS)
		call_stop(t, PTRACE_SYSCALL_EXIT);
	else if (how & TRACE_STEP && !(how & TRACE_EMULATES))
		signal_force(SIGTRAP, 2 /* TRAP_TRACE */, tf_ip(f));
}

/* ---- children ---- */

int trace_clone_event(u64 flags, u32 exit_signal)
{
	struct task *t = current_task();
	int event = flags & CLONE_VFORK      ? PTRACE_EVENT_VFORK
		    : exit_signal == SIGCHLD ? PTRACE_EVENT_FORK
					     : PTRACE_EVENT_CLONE;

	if (likely(!t->trace) || flags & CLONE_UNTRACED)
		return 0;
	return trace_options(t) & PTRACE_O_EVENT(event) ? event : 0;
}

void trace_child_locked(struct trace *r, struct task *child)
{
	const struct trace *from = current_task()->trace;

	trace_link_locked(r, child, from->tracer, from->tracer_tid, from->options,
		from->flags & TRACE_SEIZED);
	if (r->flags & TRACE_SEIZED)
		child->job |= TASK_TRACE_TRAP;
	else
		child->pending.set |= SIGBIT(SIGSTOP);
	work_set(&child->thread, WORK_SIGNAL);
}

bool trace_gains_locked(const struct task *t)
{
	struct task *tracer = t->trace ? process_first_task_locked(t->trace->tracer) : NULL;

	return !t->trace || (tracer && cred_capable(tracer->thread.cred, LCAP_SYS_PTRACE));
}

/* ---- ends ---- */

/* The record tells the tracer's wait that the thread ended. When the tracer is the parent, the
 * zombie does. */
void trace_end_locked(struct task *t)
{
	struct process *p = t->thread.proc;
	struct trace *r = t->trace;
	bool leader = t->thread.tid == p->nr;

	if (likely(!r))
		return;
	(void)trace_unlink_locked(t, 0);
	if (leader && (r->tracer == p->parent || t->job & TASK_EXEC_KILL)) {
		kfree(r);
		return;
	}
	r->task = NULL;
	r->pid = t->pid;
	pid_use(r->pid);
	r->uid = t->thread.cred->uid;
	r->exit_code = p->flags & PROC_GROUP_EXIT ? p->exit_code : t->exit_code;
	list_add_tail(&r->tracer->trace_ends, &r->node);
	if (leader) { /* told when the process has ended */
		r->leaves = p;
		p->leader_trace = r;
	} else {
		wake_all(&r->tracer->child_wq, 0);
	}
}

void trace_end_process_locked(struct process *p)
{
	struct trace *r = p->leader_trace;

	if (likely(!r))
		return;
	p->leader_trace = NULL;
	r->leaves = NULL;
	r->exit_code = p->exit_code;
	tell_tracer_locked(p, r, p->nr, 0, r->exit_code);
}

static void end_forget_locked(struct trace *r)
{
	if (r->leaves)
		r->leaves->leader_trace = NULL;
	list_del(&r->node);
	pid_unuse(r->pid);
	kfree(r);
}

void tracer_exit_locked(struct task *t)
{
	struct process *p = t->thread.proc;
	struct trace *r, *next;

	list_for_each_entry_safe (r, next, &p->tracees, node) {
		if (r->tracer_tid != t->thread.tid)
			continue;
		if (r->options & PTRACE_O_EXITKILL)
			signal_notice(r->task->thread.proc, SIGKILL);
		kfree(trace_unlink_locked(r->task, 0));
	}
	if (p->thread_count > 1)
		return;
	list_for_each_entry_safe (r, next, &p->trace_ends, node)
		end_forget_locked(r);
}

/* ---- wait ---- */

bool traced_by_locked(const struct process *p, const struct process *tracer)
{
	const struct task *t = process_first_task_locked((struct process *)p);

	return t && t->trace && t->trace->tracer == tracer;
}

static bool asked_for(
	const struct wait_request *w, pid_t tid, const struct process *p, pid_t tracer_tid)
{
	if (w->options & __WNOTHREAD && tracer_tid != current->tid)
		return false;
	return w->type == P_PID ? tid == w->id : w->type != P_PGID || (p && p->pgid == w->id);
}

static bool take_stop(struct wait_request *w, struct trace *r)
{
	struct process *p = r->task->thread.proc;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

	if (!r->news || !(r->task->job & TASK_TRACED))
		return false;
	w->pid = r->task->thread.tid;
	w->uid = r->task->thread.cred->uid;
	w->status = r->code << 8 | 0x7f;
	w->trapped = true;
	process_usage_locked(p, &w->usage);
	if (!(w->options & WNOWAIT))
		r->news = false;
	return true;
}

bool trace_wait_locked(struct wait_request *w, bool *any)
{
	struct process *me = current->proc;
	struct trace *r;

	list_for_each_entry (r, &me->tracees, node) {
		if (!asked_for(w, r->task->thread.tid, r->task->thread.proc, r->tracer_tid))
			continue;
		*any = true;
		if (take_stop(w, r))
			return true;
	}
	list_for_each_entry (r, &me->trace_ends, node) {
		if (!asked_for(w, r->pid->nr, NULL, r->tracer_tid))
			continue;
		*any = true;
		if (r->leaves || !(w->options & WEXITED))
			continue;
		w->pid = r->pid->nr;
		w->uid = r->uid;
		w->status = r->exit_code;
		memset(&w->usage, 0, sizeof(w->usage));
		if (!(w->options & WNOWAIT))
			end_forget_locked(r);
		return true;
	}
	return false;
}
