/* The end of threads and processes. Layer: posix_x.
 *
 * A thread gives back what it holds, leaves its process, and never returns. The last one to leave
 * makes the process a zombie, hands its children to the nearest reaper and tells its parent; when
 * nobody will wait, the process goes at once.
 *
 * Locks: tree, then process->lock.
 *
 * Source: exit(2), exit_group(2), wait(2), prctl(2) PR_SET_CHILD_SUBREAPER, POSIX.1-2017 _Exit. */
#include <exo/log.h>
#include <exo/string.h>
#include <exo/sysv.h>
#include <arch/uaccess.h>
#include "trace.h"

/* Is SIGCHLD ignored, or its action so flagged? Racy against a sharer's sigaction: either is right.
 * [lock] */
static bool child_action_is(struct process *p, u64 flag)
{
	const struct k_sigaction *a = &p->sighand->action[SIGCHLD - 1];

	return READ_ONCE(a->handler) == SIG_IGN || READ_ONCE(a->flags) & flag;
}

void siginfo_end(struct siginfo *info, int status)
{
	bool killed = status & 0x7f;

	info->code = status & CORE_DUMPED ? CLD_DUMPED : killed ? CLD_KILLED : CLD_EXITED;
	info->chld.status = killed ? status & 0x7f : status >> 8;
}

/* @code 0: of the end, with wait status @status. */
static void child_siginfo(struct process *p, struct siginfo *info, int code, int status)
{
	struct usage u;

	process_usage_locked(p, &u);
	siginfo_fill(info, SIGCHLD, code);
	info->chld.pid = p->nr;
	info->chld.uid = p->exit_uid;
	info->chld.status = status;
	info->chld.utime = (s64)(u.utime_ns / (NS_PER_SEC / USER_HZ));
	info->chld.stime = (s64)(u.stime_ns / (NS_PER_SEC / USER_HZ));
	if (!code)
		siginfo_end(info, status);
}

void process_child_info_locked(struct process *p, struct siginfo *info, int code, int status)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	struct task *t = process_first_task_locked(p);

	if (t)
		p->exit_uid = t->thread.cred->uid;
	child_siginfo(p, info, code, status);
}

void process_tell_locked(struct process *to, const struct siginfo *info)
{
	ulong flags = process_lock(to);

	if (!child_action_is(to, SA_NOCLDSTOP))
		(void)signal_queue_locked(to, NULL, info, false);
	process_unlock(to, flags);
	wake_all(&to->child_wq, 0);
}

/* process_notify_parent_locked - news of a stop or a continuation, with SIGCHLD unless the parent
 * does not want it. */
void process_notify_parent_locked(struct process *p, int why)
{
	struct siginfo info;

	LOCK_HELD(&process_tree_lock);
	if (!p->parent || p->state != PROC_LIVE)
		return;
	process_child_info_locked(p, &info, why, why == CLD_STOPPED ? p->stop_signo : SIGCONT);
	process_tell_locked(p->parent, &info);
}

/* Tells the parent of the end. Return: true = nobody will wait, reap now. */
static bool notify_end_locked(struct process *p)
{
	struct process *parent = p->parent;
	int signo = p->exit_signal;
	bool reap = false;
	struct siginfo info;
	ulong flags = process_lock(p);

	child_siginfo(p, &info, 0, p->exit_code);
	info.signo = signo;
	process_unlock(p, flags);
	flags = process_lock(parent);
	if (signo == SIGCHLD) {
		reap = child_action_is(parent, SA_NOCLDWAIT);
		if (child_action_is(parent, 0))
			signo = 0;
	}
	if (signo)
		(void)signal_queue_locked(parent, NULL, &info, false);
	process_unlock(parent, flags);
	wake_all(&parent->child_wq, 0);
	return reap;
}

/* Who takes over the children of @p: the nearest living ancestor that asked to, else pid 1. */
static struct process *find_reaper_locked(struct process *p)
{
	struct process *a;

	if (p->has_subreaper)
		for (a = p->parent; a && a != init_process; a = a->parent)
			if (a->subreaper && a->state == PROC_LIVE && a->thread_count)
				return a;
	return init_process;
}

static void send_pdeath_locked(struct process *child)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(child);
	struct siginfo info;
	struct task *t;

	list_for_each_entry (t, &child->threads, thread_node) {
		if (!t->pdeath_signal)
			continue;
		siginfo_from_current(&info, t->pdeath_signal, SI_USER);
		(void)signal_queue_locked(child, NULL, &info, false);
	}
}

/* One child of the ending @p goes to @to. Return: true = it is a zombie that nobody waits for. */
static bool give_child_locked(struct process *child, struct process *to)
{
	send_pdeath_locked(child);
	list_del(&child->sibling);
	list_add_tail(&to->children, &child->sibling);
	child->parent = to;
	child->parent_nr = to->nr;
	child->parent_tid = to->nr;
	child->exit_signal = SIGCHLD;
	return child->state == PROC_ZOMBIE && notify_end_locked(child);
}

/* @p is nobody's child any more; it waits in @reaped for its end outside the tree lock. */
static void reap_locked(struct process *p, struct list *reaped)
{
	process_reap_locked(p);
	list_add_tail(reaped, &p->sibling);
}

/* The process is over: children, group, parent. */
static void end_process_locked(struct process *p, struct list *reaped)
{
	struct process *to = find_reaper_locked(p), *child, *next;

	list_for_each_entry_safe (child, next, &p->children, sibling) {
		if (give_child_locked(child, to))
			reap_locked(child, reaped);
		else
			group_check_orphaned_locked(child, p);
	}
	group_check_orphaned_locked(p, NULL);
	p->state = PROC_ZOMBIE;
	trace_end_process_locked(p);
	wake_all(&p->alone_wq, POLL_IN | POLL_RDNORM);
	if (notify_end_locked(p))
		reap_locked(p, reaped);
}

/* A thread ends and others stay: children that it made belong to the first of those. */
static void end_thread_locked(struct process *p, struct task *t)
{
	struct task *first = process_first_task_locked(p);
	struct process *child;

	list_for_each_entry (child, &p->children, sibling)
		if (child->parent_tid == t->thread.tid) {
			send_pdeath_locked(child);
			child->parent_tid = first->thread.tid;
		}
}

static void leave_tree(struct process *p, struct task *t)
{
	struct list reaped = LIST_INIT(reaped);
	struct process *over, *next;
	ulong flags = tree_lock();

	p->exit_uid = current->cred->uid;
	if (t->thread.tid == p->nr && !(p->flags & PROC_GROUP_EXIT))
		p->exit_code = t->exit_code;
	tracer_exit_locked(t);
	trace_end_locked(t);
	task_unlink(p, t);
	if (p->thread_count) {
		end_thread_locked(p, t);
		wake_all(&p->alone_wq, 0);
	} else {
		end_process_locked(p, &reaped);
	}
	tree_unlock(flags);
	list_for_each_entry_safe (over, next, &reaped, sibling)
		process_reap_finish(over);
}

/* From now on the thread gets no signals; those of the process that it would have taken go to
 * another. */
static void stop_receiving(struct process *p, struct task *t)
{
	ulong flags = process_lock(p);
	bool stopped;

	t->job |= TASK_EXITING;
	if (!(p->flags & PROC_GROUP_EXIT))
		signal_retarget_locked(t, ~t->blocked);
	stopped = t->job & TASK_STOP_PENDING && signal_stop_done_locked(t);
	process_unlock(p, flags);
	if (stopped)
		signal_tell_parent(p, CLD_STOPPED);
}

/* Whoever joins the thread may ask for its number right away: it names nobody from before the join
 * is possible. */
static void hide_number(struct process *p, struct task *t)
{
	if (t->clear_child_tid && t->thread.tid != p->nr) {
		struct spin_guard g SCOPED(spin_unguard) = tree_guard();

		rcu_assign_pointer(t->pid->task, NULL);
	}
}

/* process_release_user - what a thread owes to user memory and to a vfork parent, while the space
 * is still current. */
void process_release_user(struct task *t)
{
	robust_list_exit(t);
	futex_pi_exit(); /* after the words were marked */
	t->rseq = NULL;
	t->thread.flags &= ~THREAD_RSEQ;
	if (t->clear_child_tid && __atomic_load_n(&t->thread.space->refs, __ATOMIC_RELAXED) > 1) {
		(void)!put_user_u32(t->clear_child_tid, 0);
		(void)futex_wake_user(t->clear_child_tid, 1);
	}
	t->clear_child_tid = NULL;
}

void process_vfork_done(struct task *t)
{
	if (!__atomic_load_n(&t->vfork_pending, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&t->vfork_pending, false, __ATOMIC_RELEASE); /* pairs with run_child */
	wake_all(&t->vfork_wq, 0);
}

/* space_switch - current runs in @next (moved in, may be NULL) from now on. Return: the old one, to
 * be put. */
struct vm_space *space_switch(struct vm_space *next)
{
	struct vm_space *old = current->space;
	/* /proc takes references under it */
	struct spin_guard g SCOPED(spin_unguard) = process_guard(current->proc);

	current->space = next;
	vm_switch(old, next);
	return old;
}

static void drop_resources(void)
{
	vm_space_put(space_switch(NULL));
	cap_space_put(part_switch(&current->caps, NULL));
	fs_context_put(part_switch(&current->fs, NULL));
	seccomp_exit(current_task());
}

void process_exit_current(s32 code)
{
	struct task *t = current_task();
	struct process *p = current->proc;
	bool last;

	if (unlikely(t->trace))
		(void)trace_event(
			PTRACE_EVENT_EXIT, (u32)(p->flags & PROC_GROUP_EXIT ? p->exit_code : code));
	t->thread.flags |= THREAD_EXITING;
	t->exit_code = code;
	stop_receiving(p, t);
	last = __atomic_sub_fetch(&p->live, 1, __ATOMIC_ACQ_REL) == 0;
	if (last) {
		s32 status = p->flags & PROC_GROUP_EXIT ? p->exit_code : code;

		if (p == init_process)
			panic("init ended: exit status %d, signal %d", status >> 8, status & 0x7f);
		itimers_exit(p);
		posix_timers_exec(p);
		acct_process(p, status);
	}
	hide_number(p, t);
	process_release_user(t);
	sem_undo_exit(&t->thread);
	if (t->thread.space) /* a helper whose program cannot be had has none */
		process_record_rss(p, t->thread.space);
	drop_resources();
	process_vfork_done(t);
	if (last && p->session->pid == p->pid)
		session_leader_exit(p);
	leave_tree(p, t);
	thread_exit();
}

void process_group_exit(s32 code)
{
	struct process *p = current->proc;
	ulong flags = process_lock(p);

	if (p->flags & PROC_GROUP_EXIT) {
		code = p->exit_code;
	} else if (!(current_task()->job & TASK_EXEC_KILL)) {
		if (p->thread_count > 1) {
			signal_group_exit_locked(p, code);
			/* current ends anyway, and its tracer may look at it first */
			current_task()->pending.set &= ~SIGBIT(SIGKILL);
		} else {
			p->flags |= PROC_GROUP_EXIT;
			p->exit_code = code;
		}
	}
	process_unlock(p, flags);
	process_exit_current(code);
}
