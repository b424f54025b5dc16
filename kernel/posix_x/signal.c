/* Sending signals: who gets one, what sending it does at once. Layer: posix_x.
 *
 * A signal goes to the queue of one thread or to the shared queue of a process. Sending never
 * sleeps and works in interrupt context. WORK_SIGNAL of a thread is set by anybody under
 * process->lock and cleared only by the thread itself, so a call that came back with -ERESTART*
 * always meets signal_deliver. A signal whose default action ends the process ends it here, at
 * once: every thread gets SIGKILL. One that leaves a core file waits until a thread takes it.
 *
 * Locks: process->lock (irq); sighand->lock inside it.
 *
 * Source: signal(7), sigaction(2), kill(2), POSIX.1-2017 2.4. */
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>
#include "posix_x_internal.h"

/* Only the handler, racy against a sharer's sigaction: either value is right. */
static u64 handler_of(struct process *p, int signo)
{
	return READ_ONCE(p->sighand->action[signo - 1].handler);
}

/* Would the signal be thrown away? A blocked one never is: the action may change before it is
 * unblocked. */
static bool ignored(struct process *p, struct task *t, int signo, bool force)
{
	u64 handler;

	if ((t->blocked | t->real_blocked) & SIGBIT(signo) || (t->trace && signo != SIGKILL))
		return false;
	handler = handler_of(p, signo);
	if ((p->flags & PROC_UNKILLABLE) && handler == SIG_DFL && !force)
		return true;
	return handler == SIG_IGN || (handler == SIG_DFL && SIGBIT(signo) & SIGSET_IGNORED);
}

static bool fatal(struct process *p, int signo)
{
	return handler_of(p, signo) == SIG_DFL &&
	       !(SIGBIT(signo) & (SIGSET_IGNORED | SIGSET_STOP | SIGSET_CORE));
}

void signal_recalc_locked(struct task *t)
{
	struct process *p = t->thread.proc;

	LOCK_HELD(&p->lock);
	if (((t->pending.set | p->shared.set) & ~t->blocked) ||
		(t->job & (TASK_STOP_PENDING | TASK_EXEC_KILL | TASK_TRACE_TRAP)) ||
		(p->flags & (PROC_NOTE_STOP | PROC_NOTE_CONT | PROC_GROUP_EXIT)))
		work_set(&t->thread, WORK_SIGNAL);
	else if (&t->thread == current)
		work_clear(&t->thread, WORK_SIGNAL);
}

static void wake_up(struct task *t, bool kill)
{
	work_set(&t->thread, WORK_SIGNAL);
	thread_wake_signal(&t->thread, kill);
}

void task_kill_locked(struct task *t)
{
	t->job &= ~(TASK_STOP_PENDING | TASK_STOPPED | TASK_TRACED | TASK_TRACE_TRAP);
	t->pending.set |= SIGBIT(SIGKILL);
	wake_up(t, true);
}

/* signal_group_exit_locked - every thread ends with wait status @code. */
void signal_group_exit_locked(struct process *p, s32 code)
{
	struct task *t;

	LOCK_HELD(&p->lock);
	p->flags = (p->flags | PROC_GROUP_EXIT) & ~(PROC_STOPPED | PROC_NOTE_STOP | PROC_NOTE_CONT);
	p->exit_code = code;
	p->stop_left = 0;
	p->wait_code = 0;
	list_for_each_entry (t, &p->threads, thread_node)
		if (!(t->job & TASK_EXITING))
			task_kill_locked(t);
}

/* SIGCONT: stops that are pending are forgotten, threads that stopped go on; a thread tells the
 * parent later. */
static void continue_locked(struct process *p)
{
	struct task *t;
	u32 note = 0;

	sigpending_remove(&p->shared, SIGSET_STOP);
	if (p->flags & PROC_STOPPED)
		note = PROC_NOTE_CONT;
	else if (p->stop_left)
		note = PROC_NOTE_STOP;
	p->flags = (p->flags & ~(PROC_STOPPED | PROC_STOP_VALID)) | note;
	p->stop_left = 0;
	if (note)
		p->wait_code = note == PROC_NOTE_CONT ? 0xffff : 0;
	list_for_each_entry (t, &p->threads, thread_node) {
		u32 was = t->job;

		sigpending_remove(&t->pending, SIGSET_STOP);
		t->job &= ~(TASK_STOP_PENDING | TASK_STOPPED);
		if (note)
			work_set(&t->thread, WORK_SIGNAL);
		if (note)
			trace_continued_locked(t);
		if (was & TASK_STOPPED)
			thread_wake_stopped(&t->thread);
	}
}

/* What sending does even if the signal is then ignored. Return: false = the process is ending,
 * nothing to send. */
static bool prepare_locked(struct process *p, int signo)
{
	struct task *t;

	if (p->flags & PROC_GROUP_EXIT) {
		if (p->dumper && signo == SIGKILL) /* it has taken long enough */
			task_kill_locked(p->dumper);
		return false;
	}
	if (SIGBIT(signo) & SIGSET_STOP) {
		sigpending_remove(&p->shared, SIGBIT(SIGCONT));
		list_for_each_entry (t, &p->threads, thread_node)
			sigpending_remove(&t->pending, SIGBIT(SIGCONT));
	} else if (signo == SIGCONT) {
		continue_locked(p);
	}
	return true;
}

static bool wants(struct task *t, int signo)
{
	if ((t->blocked & SIGBIT(signo)) || (t->job & TASK_EXITING))
		return false;
	if (signo == SIGKILL)
		return true;
	if (t->job & (TASK_STOPPED | TASK_TRACED))
		return false;
	return t->thread.on_cpu ||
	       !(__atomic_load_n(&t->thread.work, __ATOMIC_RELAXED) & WORK_SIGNAL);
}

/* A thread for a signal in the shared queue: the first if it wants it, else the next in turn. NULL:
 * all block it, whoever unblocks it finds it. */
static struct task *choose(struct process *p, int signo)
{
	struct task *first = process_first_task_locked(p), *t, *start;

	if (first && wants(first, signo))
		return first;
	if (!first || p->thread_count < 2)
		return NULL;
	start = p->signal_turn ? p->signal_turn : first;
	t = start;
	do {
		if (wants(t, signo)) {
			p->signal_turn = t;
			return t;
		}
		t = t->thread_node.next == &p->threads
			    ? first
			    : list_entry(t->thread_node.next, struct task, thread_node);
	} while (t != start);
	return NULL;
}

static void complete_locked(struct process *p, struct task *t, int signo)
{
	wake_all(&signalfd_waiters, POLL_IN | POLL_RDNORM);
	if (t)
		t = wants(t, signo) ? t : NULL;
	else
		t = choose(p, signo);
	if (!t)
		return;
	if (!(p->flags & PROC_GROUP_EXIT) && !(t->real_blocked & SIGBIT(signo)) &&
		(signo == SIGKILL ||
			(!t->trace && fatal(p, signo) && !(p->flags & PROC_UNKILLABLE)))) {
		signal_group_exit_locked(p, signo);
		return;
	}
	wake_up(t, signo == SIGKILL);
}

static u64 pending_limit(struct process *p, const struct siginfo *info)
{
	if (info->signo < SIGRTMIN && info->code >= 0)
		return ~0ULL; /* the kernel's own and kill(2) of a standard signal: once at most
				 anyway */
	return p->limits[RLIM_SIGPENDING].cur;
}

/* signal_queue_locked - sends to thread @t of @p, or to the process when NULL. @force: a fault of
 * the thread itself; init gets it too. Return: 0 | -EAGAIN a real-time signal found no room. */
int signal_queue_locked(struct process *p, struct task *t, const struct siginfo *info, bool force)
{
	int signo = info->signo;
	struct sigpending *pending = t ? &t->pending : &p->shared;
	struct task *judge = t ? t : process_first_task_locked(p);
	struct sigqueue *q;

	LOCK_HELD(&p->lock);
	if (!judge || !prepare_locked(p, signo) || ignored(p, judge, signo, force))
		return 0;
	if (signo < SIGRTMIN && (pending->set & SIGBIT(signo)))
		return 0;
	if (signo != SIGKILL) {
		q = sigqueue_alloc(judge->account, pending_limit(p, info));
		if (q) {
			q->info = *info;
			list_add_tail(&pending->queue, &q->node);
		} else if (signo >= SIGRTMIN && info->code != SI_USER) {
			return -EAGAIN;
		}
	}
	pending->set |= SIGBIT(signo);
	complete_locked(p, t, signo);
	return 0;
}

/* signal_queue_timer - queues a timer's own entry. The entry keeps the reference that the caller
 * gives when it is queued. Return: 0 queued | 1 the signal is ignored or the process ends | -EBUSY
 * still queued. */
int signal_queue_timer(struct process *p, struct task *t, struct sigqueue *q)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	struct task *judge = t ? t : process_first_task_locked(p);
	struct sigpending *pending = t ? &t->pending : &p->shared;

	if (!list_empty(&q->node))
		return -EBUSY;
	if (!judge || (t && (t->job & TASK_EXITING)) || !prepare_locked(p, q->info.signo) ||
		ignored(p, judge, q->info.signo, false))
		return 1;
	list_add_tail(&pending->queue, &q->node);
	pending->set |= SIGBIT(q->info.signo);
	complete_locked(p, t, q->info.signo);
	return 0;
}

int signal_send_process(struct process *p, const struct siginfo *info)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

	return signal_queue_locked(p, NULL, info, false);
}

void signal_notice_locked(struct process *p, struct task *t, int signo)
{
	struct siginfo info;

	siginfo_fill(&info, signo, SI_KERNEL);
	(void)signal_queue_locked(p, t, &info, t);
}

void signal_notice(struct process *p, int signo)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

	signal_notice_locked(p, NULL, signo);
}

int signal_send_thread(struct thread *t, const struct siginfo *info)
{
	if (t->proc) {
		struct spin_guard g SCOPED(spin_unguard) = process_guard(t->proc);

		if (!(task_of(t)->job & TASK_EXITING))
			return signal_queue_locked(t->proc, task_of(t), info, false);
	}
	return 0;
}

void siginfo_from_current(struct siginfo *info, int signo, int code)
{
	siginfo_fill(info, signo, code);
	info->kill.pid = current->proc->nr;
	info->kill.uid = current->cred->uid;
}

int signal_send_current(int signo)
{
	struct siginfo info;

	siginfo_from_current(&info, signo, SI_USER);
	return signal_send_thread(current, &info);
}

void signal_set_handler_locked(struct sighand *h, int signo, u64 handler)
{
	sigset bit = SIGBIT(signo);

	h->action[signo - 1].handler = handler;
	h->touched |= bit;
	h->ignored = handler == SIG_IGN ? h->ignored | bit : h->ignored & ~bit;
	h->caught = handler > SIG_IGN ? h->caught | bit : h->caught & ~bit;
}

/* signal_reset_action - current's process takes the default action of @signo from now on, and that
 * ends it: tracers are not asked. */
void signal_reset_action(int signo)
{
	struct process *p = current->proc;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

	p->flags |= PROC_DOOMED;
	spin_lock(&p->sighand->lock);
	signal_set_handler_locked(p->sighand, signo, SIG_DFL);
	spin_unlock(&p->sighand->lock);
}

/* A fault of current: a handler that is blocked or ignored is put aside, so the default action ends
 * the process. */
void signal_force_info(const struct siginfo *info)
{
	struct task *t = current_task();
	struct process *p = current->proc;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	struct sighand *h = p->sighand;
	struct k_sigaction *a = &h->action[info->signo - 1];

	spin_lock(&h->lock);
	if (a->handler == SIG_IGN || (t->blocked & SIGBIT(info->signo)))
		signal_set_handler_locked(h, info->signo, SIG_DFL);
	if (a->handler == SIG_DFL)
		p->flags &= ~PROC_UNKILLABLE;
	spin_unlock(&h->lock);
	t->blocked &= ~SIGBIT(info->signo);
	(void)signal_queue_locked(p, t, info, true);
	signal_recalc_locked(t);
}

void signal_force(int signo, int code, vaddr_t addr)
{
	struct siginfo info;

	siginfo_fill(&info, signo, code);
	info.fault.addr = addr;
	if (signo == SIGSEGV && code == SEGV_PKUERR)
		info.fault.key = vm_key_at(current->space, addr);
	signal_force_info(&info);
}

/* signal_retarget_locked - @t ends or blocks more: what the process has pending and @t would have
 * taken goes to another thread. */
void signal_retarget_locked(struct task *t, sigset set)
{
	struct process *p = t->thread.proc;
	struct task *o;

	set &= p->shared.set;
	if (!set || p->thread_count < 2)
		return;
	list_for_each_entry (o, &p->threads, thread_node) {
		if (o == t || (o->job & TASK_EXITING) || !(set & ~o->blocked))
			continue;
		set &= o->blocked;
		wake_up(o, false);
		if (!set)
			break;
	}
}

/* signal_set_blocked - current's mask becomes @set (SIGKILL and SIGSTOP cannot be in it). */
void signal_set_blocked(struct task *t, sigset set)
{
	struct process *p = t->thread.proc;

	set &= ~SIGSET_KERNEL_ONLY;
	if (set == t->blocked)
		return;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	if (set & ~t->blocked)
		signal_retarget_locked(t, set & ~t->blocked);
	t->blocked = set;
	signal_recalc_locked(t);
}

bool signal_current_blocked_or_ignored(int signo)
{
	struct task *t = current_task();

	return (t->blocked & SIGBIT(signo)) || handler_of(current->proc, signo) == SIG_IGN;
}

bool thread_signal_pending(const struct thread *t)
{
	return __atomic_load_n(&t->work, __ATOMIC_RELAXED) & WORK_SIGNAL;
}

bool thread_fatal_pending(const struct thread *t)
{
	return thread_signal_pending(t) && t->proc &&
	       (READ_ONCE(container_of(t, struct task, thread)->pending.set) & SIGBIT(SIGKILL));
}
