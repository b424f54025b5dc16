/* The way to user mode: stops, deadly signals, handlers, restarted calls. Layer: posix_x.
 *
 * posix_exit_to_user runs with interrupts on and the whole user frame in hand, in a loop until no
 * work is left. A signal that has a handler pushes a frame and the loop goes on, so several pending
 * signals make several frames, as on Linux.
 *
 * Locks: process->lock; none is held while user memory is touched.
 *
 * Source: signal(7), sigaltstack(2), restart_syscall(2). */
#include <exo/log.h>
#include <exo/string.h>
#include <arch/uaccess.h>
#include "posix_x_internal.h"

#define NR_RESTART_SYSCALL 219

/* signal_dequeue_locked - takes the next signal of current that is not in @mask. @timer: see
 * sigpending_take. Return: signo | 0. */
int signal_dequeue_locked(
	struct task *t, sigset mask, struct siginfo *info, struct posix_timer **timer)
{
	struct process *p = t->thread.proc;
	struct sigpending *from = &t->pending;
	int signo = sigset_first(from->set & ~mask);

	*timer = NULL;
	if (!signo) {
		from = &p->shared;
		signo = sigset_first(from->set & ~mask);
	}
	if (!signo)
		return 0;
	sigpending_take(from, signo, info, timer);
	if (SIGBIT(signo) & SIGSET_STOP)
		p->flags |= PROC_STOP_VALID; /* SIGCONT from now on takes the stop back */
	if (signo == SIGALRM)
		itimer_real_taken_locked(p);
	return signo;
}

/* Every thread of the process is to stop for @signo. */
static void stop_begin_locked(struct task *t, int signo)
{
	struct process *p = t->thread.proc;
	struct task *o;

	if (!(p->flags & PROC_STOP_VALID) || (p->flags & (PROC_GROUP_EXIT | PROC_EXEC)) ||
		(t->job & TASK_STOP_PENDING))
		return;
	p->stop_signo = signo;
	p->stop_left = 0;
	list_for_each_entry (o, &p->threads, thread_node) {
		if (o->job & (TASK_EXITING | TASK_STOPPED))
			continue;
		o->job |= TASK_STOP_PENDING;
		p->stop_left++;
		if (o != t) {
			work_set(&o->thread, WORK_SIGNAL);
			thread_wake_signal(&o->thread, false);
		}
	}
}

/* signal_stop_done_locked - one thread fewer is awaited by a stop. Return: true = it was the last,
 * the parent must be told. */
bool signal_stop_done_locked(struct task *t)
{
	struct process *p = t->thread.proc;

	t->job &= ~TASK_STOP_PENDING;
	if (!p->stop_left || --p->stop_left)
		return false;
	p->flags |= PROC_STOPPED;
	p->wait_code = p->stop_signo << 8 | 0x7f;
	return true;
}

void signal_tell_parent(struct process *p, int why)
{
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();

	process_notify_parent_locked(p, why);
}

void task_sleep_stopped(struct task *t)
{
	for (;;) {
		thread_set_state(THREAD_STOPPED);
		if (!(READ_ONCE(t->job) & (TASK_STOPPED | TASK_TRACED)))
			break;
		thread_block();
	}
	thread_set_state(THREAD_RUNNING);
}

/* Stops here until SIGCONT or the end. Entered with the lock, left without. */
static void stop_here(struct task *t, ulong flags)
{
	struct process *p = t->thread.proc;
	bool last;

	if (t->trace) {
		int signo = p->stop_signo;

		process_unlock(p, flags);
		trace_group_stop(t, signo);
		return;
	}
	t->job |= TASK_STOPPED;
	last = signal_stop_done_locked(t);
	process_unlock(p, flags);
	if (last)
		signal_tell_parent(p, CLD_STOPPED);
	task_sleep_stopped(t);
}

/* What comes before any signal: the end, news for the parent, a stop. Return: true = the lock was
 * dropped, look again. */
static bool control_locked(struct task *t, ulong flags)
{
	struct process *p = t->thread.proc;
	u32 note = p->flags & (PROC_NOTE_STOP | PROC_NOTE_CONT);

	if (p->flags & PROC_GROUP_EXIT) {
		process_unlock(p, flags);
		core_stand_still(t);
		process_exit_current(p->exit_code);
	}
	if (t->job & TASK_EXEC_KILL) {
		process_unlock(p, flags);
		process_exit_current(0);
	}
	if (note) {
		p->flags &= ~note;
		process_unlock(p, flags);
		signal_tell_parent(p, note & PROC_NOTE_CONT ? CLD_CONTINUED : CLD_STOPPED);
		return true;
	}
	if (t->job & TASK_STOP_PENDING) {
		stop_here(t, flags);
		return true;
	}
	if (t->job & TASK_TRACE_TRAP) {
		process_unlock(p, flags);
		trace_group_stop(t, 0);
		return true;
	}
	return false;
}

/* A stop signal with its default action. SIGTTIN, SIGTTOU and SIGTSTP do nothing in a group that
 * nobody would continue. */
static void default_stop(struct task *t, int signo)
{
	struct process *p = t->thread.proc;

	if (signo == SIGSTOP || !process_group_orphaned(p->pgid)) {
		struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

		stop_begin_locked(t, signo);
	}
}

/* The disposition of @signo at its delivery; SA_RESETHAND resets it. */
static struct k_sigaction take_action(struct process *p, int signo)
{
	struct sighand *h = p->sighand;
	struct k_sigaction a;
	spinlock_t *held SCOPED(spin_release) = spin_hold(&h->lock);

	a = h->action[signo - 1];
	if (a.handler > SIG_IGN && (a.flags & SA_RESETHAND))
		signal_set_handler_locked(h, signo, SIG_DFL);
	return a;
}

/* The next signal with a handler; carries out default actions on the way. Return: signo | 0 = no
 * more. */
static int next_handled(struct task *t, struct siginfo *info, struct k_sigaction *action)
{
	struct process *p = t->thread.proc;
	struct posix_timer *timer;
	bool traced;
	int signo;

	for (;;) {
		ulong flags = process_lock(p);

		if (control_locked(t, flags))
			continue;
		signo = signal_dequeue_locked(t, t->blocked, info, &timer);
		signal_recalc_locked(t);
		traced = t->trace && !(p->flags & PROC_DOOMED);
		if (signo && !traced)
			*action = take_action(p, signo);
		process_unlock(p, flags);
		if (timer)
			posix_timer_dequeued(timer, info);
		if (!signo)
			return 0;
		if (unlikely(traced)) {
			signo = trace_signal(t, signo, info);
			if (!signo)
				continue;
			flags = process_lock(p);
			*action = take_action(p, signo);
			process_unlock(p, flags);
		}
		if (action->handler > SIG_IGN)
			return signo;
		if (action->handler == SIG_IGN || (SIGBIT(signo) & SIGSET_IGNORED) ||
			(p->flags & PROC_UNKILLABLE))
			continue;
		if (SIGBIT(signo) & SIGSET_STOP)
			default_stop(t, signo);
		else if (SIGBIT(signo) & SIGSET_CORE)
			core_dump(info);
		else
			process_group_exit(signo);
	}
}

static bool may_restart(long err)
{
	return err >= ERESTARTSYS && err <= ERESTART_RESTARTBLOCK;
}

/* What a call that was interrupted answers, or whether it begins again. @action NULL: no handler
 * runs. */
static void fix_restart(struct trap_frame *f, const struct k_sigaction *action)
{
	long nr = tf_syscall(f), err = -tf_ret(f);

	if (nr < 0 || !may_restart(err))
		return;
	if (!action || err == ERESTARTNOINTR || (err == ERESTARTSYS && action->flags & SA_RESTART))
		arch_syscall_restart(f, err == ERESTART_RESTARTBLOCK ? NR_RESTART_SYSCALL : nr);
	else
		tf_set_ret(f, -EINTR);
}

/* alt_stack_on - does the program run on its alternate stack? One that disarms itself is never in
 * use. */
bool alt_stack_on(const struct task *t, vaddr_t sp)
{
	return !(t->alt.flags & SS_AUTODISARM) && t->alt.size && sp > t->alt.sp &&
	       sp - t->alt.sp <= t->alt.size;
}

static void run_handler(struct trap_frame *f, struct task *t, const struct siginfo *info,
	const struct k_sigaction *action)
{
	bool saved = __atomic_load_n(&t->thread.work, __ATOMIC_RELAXED) & WORK_RESTORE_SIGMASK;
	struct arch_signal s = {
		.signo = info->signo,
		.info = info,
		.handler = action->handler,
		.restorer = action->restorer,
		.flags = action->flags,
		.mask = saved ? t->saved_mask : t->blocked,
		.stack = &t->alt,
	};
	sigset block = action->mask;
	bool alternate;

	if (t->rseq)
		rseq_return(f, true);
	alternate = alt_stack_on(t, tf_sp(f));
	if ((action->flags & SA_ONSTACK) && t->alt.size && !alternate) {
		s.altstack_top = t->alt.sp + t->alt.size;
		alternate = true;
	}
	/* The alternate stack must hold the whole frame. */
	if (arch_signal_setup(f, &s) ||
		(alternate && (tf_sp(f) <= t->alt.sp || tf_sp(f) - t->alt.sp > t->alt.size))) {
		if (info->signo == SIGSEGV) /* its own handler has no room either */
			signal_reset_action(SIGSEGV);
		signal_force(SIGSEGV, SI_KERNEL, 0);
		return;
	}
	if (t->alt.flags & SS_AUTODISARM)
		t->alt = (struct sigstack_abi){.flags = SS_DISABLE};
	work_clear(&t->thread, WORK_RESTORE_SIGMASK);
	if (!(action->flags & SA_NODEFER))
		block |= SIGBIT(info->signo);
	signal_set_blocked(t, t->blocked | block);
}

/* The mask that ppoll and its kin lent for their sleep comes back. */
static void mask_return(struct task *t)
{
	if (!(__atomic_load_n(&t->thread.work, __ATOMIC_RELAXED) & WORK_RESTORE_SIGMASK))
		return;
	work_clear(&t->thread, WORK_RESTORE_SIGMASK);
	signal_set_blocked(t, t->saved_mask);
}

static void signal_deliver(struct trap_frame *f)
{
	struct task *t = current_task();
	struct k_sigaction action;
	struct siginfo info;

	/* A call that a signal ended has its handler run under the lent mask, one that succeeded
	 * gives it back first. */
	if (tf_ret(f) != -EINTR && !may_restart(-tf_ret(f)))
		mask_return(t);
	if (next_handled(t, &info, &action)) {
		fix_restart(f, &action);
		run_handler(f, t, &info, &action);
		return;
	}
	/* Nobody's signal but a revocation: the call begins again and meets it. */
	if (tf_ret(f) == -EINTR && tf_syscall(f) >= 0 &&
		__atomic_load_n(&t->thread.cap_watch, __ATOMIC_RELAXED) & CAP_POKED)
		arch_syscall_restart(f, tf_syscall(f));
	else
		fix_restart(f, NULL);
	mask_return(t);
}

/* First way to user mode of a new thread: its number goes where it asked; rseq after a preemption
 * or a move. */
static void notify_user(struct trap_frame *f, struct task *t)
{
	work_clear(&t->thread, WORK_NOTIFY);
	t->thread.cap_watch = 0; /* a poke that comes too late has set WORK_SIGNAL for nothing */
	if (t->set_child_tid) {
		(void)!put_user_u32(t->set_child_tid, (u32)t->thread.tid);
		t->set_child_tid = NULL;
	}
	if (t->rseq)
		rseq_return(f, false);
}

void cap_poke(u64 objects)
{
	u64 still = 0;
	struct process *p;
	struct task *task;

	if (!(__atomic_load_n(&cap_watched, __ATOMIC_SEQ_CST) & objects))
		return;
	__atomic_store_n(&cap_watched, 0, __ATOMIC_SEQ_CST);
	for (pid_t pid = 0; (p = process_next(&pid)); process_put(p)) {
		struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

		list_for_each_entry (task, &p->threads, thread_node) {
			struct thread *t = &task->thread;
			u64 watch = __atomic_load_n(&t->cap_watch, __ATOMIC_SEQ_CST);

			still |= watch;
			if (!(watch & objects) || t == current)
				continue;
			__atomic_fetch_or(&t->cap_watch, CAP_POKED, __ATOMIC_RELAXED);
			work_set(t, WORK_SIGNAL);
			(void)thread_wake_signal(t, false);
		}
	}
	__atomic_fetch_or(&cap_watched, still & ~CAP_POKED, __ATOMIC_SEQ_CST);
}

void posix_exit_to_user(struct trap_frame *f)
{
	struct task *t = current_task();
	u32 work;

	cond_resched();
	while ((work = __atomic_load_n(&t->thread.work, __ATOMIC_ACQUIRE)) &
		(WORK_SIGNAL | WORK_NOTIFY | WORK_RESTORE_SIGMASK)) {
		if (work & (WORK_SIGNAL | WORK_RESTORE_SIGMASK))
			signal_deliver(f);
		if (work & WORK_NOTIFY)
			notify_user(f, t);
	}
}
