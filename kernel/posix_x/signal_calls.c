/* The system calls on signals after decoding: dispositions, masks, waiting, sending with
 * permission. Layer: posix_x.
 *
 * Locks: process->lock.
 *
 * Source: sigaction(2), sigprocmask(2), sigaltstack(2), sigtimedwait(2), kill(2), tgkill(2),
 * sigqueue(3). */
#include <exo/string.h>
#include <arch/uaccess.h>
#include "posix_x_internal.h"

int signal_action_set(int signo, const struct k_sigaction *new, struct k_sigaction *old)
{
	struct process *p = current->proc;
	struct sighand *h = p->sighand;
	struct task *t;

	if (signo < 1 || signo > SIGNALS_MAX || (new && (SIGBIT(signo) & SIGSET_KERNEL_ONLY)))
		return -EINVAL;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	spin_lock(&h->lock);
	*old = h->action[signo - 1];
	if (new) {
		h->action[signo - 1] = *new;
		h->action[signo - 1].flags &= SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO |
					      SA_EXPOSE_TAGBITS | SA_RESTORER | SA_ONSTACK |
					      SA_RESTART | SA_NODEFER | SA_RESETHAND;
		h->action[signo - 1].mask &= ~SIGSET_KERNEL_ONLY;
		signal_set_handler_locked(h, signo, new->handler);
	}
	spin_unlock(&h->lock);
	/* A pending signal that is now ignored is forgotten, blocked or not. */
	if (new && (new->handler == SIG_IGN ||
			   (new->handler == SIG_DFL && (SIGBIT(signo) & SIGSET_IGNORED)))) {
		sigpending_remove(&p->shared, SIGBIT(signo));
		list_for_each_entry (t, &p->threads, thread_node)
			sigpending_remove(&t->pending, SIGBIT(signo));
	}
	return 0;
}

int signal_mask_change(int how, const sigset *set, sigset *old)
{
	struct task *t = current_task();
	sigset want;

	*old = t->blocked;
	if (!set)
		return 0;
	if (how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
		return -EINVAL;
	want = how == SIG_BLOCK     ? t->blocked | *set
	       : how == SIG_UNBLOCK ? t->blocked & ~*set
				    : *set;
	signal_set_blocked(t, want);
	return 0;
}

/* @set in the place of current's mask until the way back to user mode. */
static void mask_lend(sigset set)
{
	struct task *t = current_task();

	t->saved_mask = t->blocked;
	work_set(&t->thread, WORK_RESTORE_SIGMASK);
	signal_set_blocked(t, set);
}

int signal_mask_swap_user(const u64 USER *mask, size_t size)
{
	sigset set;

	if (!mask)
		return 0;
	if (size != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, mask, sizeof(set)))
		return -EFAULT;
	mask_lend(set);
	return 0;
}

sigset signal_pending_get(void)
{
	struct task *t = current_task();

	return (READ_ONCE(t->pending.set) | READ_ONCE(current->proc->shared.set)) & t->blocked;
}

long signal_suspend(sigset mask)
{
	mask_lend(mask);
	return signal_pause();
}

long signal_pause(void)
{
	(void)thread_sleep_until(NS_FOREVER, WAIT_INTERRUPTIBLE); /* ends by a signal only */
	return -ERESTARTNOHAND;
}

/* signal_wait - takes a pending signal of @set, or sleeps until one comes. Return: signo | -EAGAIN
 * time over | -EINTR another signal. */
long signal_wait(sigset set, ns_t deadline_ns, struct siginfo *info)
{
	struct task *t = current_task();
	struct process *p = current->proc;
	struct posix_timer *timer;
	ulong flags;
	int signo, err = -ERESTARTSYS;

	set &= ~SIGSET_KERNEL_ONLY;
	flags = process_lock(p);
	signo = signal_dequeue_locked(t, ~set, info, &timer);
	if (!signo && deadline_ns) {
		t->real_blocked = t->blocked;
		t->blocked &= ~set;
		signal_recalc_locked(t);
		process_unlock(p, flags);
		err = thread_sleep_until(deadline_ns, WAIT_INTERRUPTIBLE);
		flags = process_lock(p);
		t->blocked = t->real_blocked;
		t->real_blocked = 0;
		signo = signal_dequeue_locked(t, ~set, info, &timer);
	} else if (!signo) {
		err = 0;
	}
	signal_recalc_locked(t);
	process_unlock(p, flags);
	if (timer)
		posix_timer_dequeued(timer, info);
	if (signo)
		return signo;
	return err ? -EINTR : -EAGAIN;
}

int signal_altstack(const struct sigstack_abi *new, struct sigstack_abi *old, vaddr_t sp)
{
	struct task *t = current_task();
	bool on = alt_stack_on(t, sp);

	*old = t->alt;
	old->flags = (t->alt.flags & SS_AUTODISARM) | (!t->alt.size ? SS_DISABLE
							      : on  ? SS_ONSTACK
								    : 0);
	if (!new)
		return 0;
	if (on)
		return -EPERM;
	switch (new->flags & ~SS_AUTODISARM) {
	case SS_DISABLE:
		t->alt = (struct sigstack_abi){0};
		break;
	case 0:
	case SS_ONSTACK:
		if (new->size < MINSIGSTKSZ)
			return -ENOMEM;
		t->alt = (struct sigstack_abi){.sp = new->sp, .size = new->size};
		break;
	default:
		return -EINVAL;
	}
	t->alt.flags = new->flags &(SS_AUTODISARM | SS_DISABLE);
	return 0;
}

/* ---- kill and its kin ---- */

static bool may_signal(struct process *p, const struct cred *c, int signo, const struct cred *own)
{
	bool self = own == current->cred; /* and not who said once whom a file's signals go to */

	if ((self && p == current->proc) || own->euid == c->suid || own->euid == c->uid ||
		own->uid == c->suid || own->uid == c->uid || cred_capable(own, LCAP_KILL))
		return true;
	return self && signo == SIGCONT && READ_ONCE(p->sid) == READ_ONCE(current->proc->sid);
}

/* Credentials of a process: those of its first thread. A zombie kept those of its last. 0 | -EINVAL
 * | -EPERM */
static int check_signal(struct process *p, int signo, const struct cred *own)
{
	/* no preemption, so RCU holds the credentials */
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	struct task *t = process_first_task_locked(p);
	const struct cred *c = t ? rcu_dereference(t->thread.cred) : p->cred;

	if (signo < 0 || signo > SIGNALS_MAX)
		return -EINVAL;
	return c && may_signal(p, c, signo, own) ? 0 : -EPERM;
}

static int send_checked(struct process *p, const struct siginfo *info, const struct cred *own)
{
	int err = check_signal(p, info->signo, own);

	return err || !info->signo ? err : signal_send_process(p, info);
}

static long send_to_process(pid_t pid, const struct siginfo *info, const struct cred *own)
{
	struct process *p SCOPED(process_put_at) = process_of(pid);

	return p ? send_checked(p, info, own) : -ESRCH;
}

static int kill_group(pid_t pgid, const struct siginfo *info, const struct cred *own)
{
	int err = -ESRCH;
	bool sent = false;
	struct process *p;
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();
	struct pid *pid = pgid ? pid_table_find(&pids, pgid) : current->proc->group;

	if (pid)
		list_for_each_entry (p, &pid->group, group_node) {
			err = send_checked(p, info, own);
			sent |= !err;
		}
	return sent ? 0 : err;
}

static long send_to(pid_t pid, const struct siginfo *info, const struct cred *own)
{
	return pid < 0 ? kill_group(-pid, info, own) : send_to_process(pid, info, own);
}

static int kill_all(const struct siginfo *info)
{
	int err = -ESRCH;
	bool sent = false;
	struct process *p;
	pid_t pid = 1; /* not init */

	while ((p = process_next(&pid))) {
		if (p != current->proc) {
			err = send_checked(p, info, current->cred);
			sent |= !err;
		}
		process_put(p);
	}
	return sent ? 0 : err;
}

long signal_kill(pid_t pid, int signo)
{
	struct siginfo info;

	siginfo_from_current(&info, signo, SI_USER);
	if (pid == 0)
		return kill_group(0, &info, current->cred);
	if (pid == -1)
		return kill_all(&info);
	if (pid == INT32_MIN)
		return -ESRCH;
	return send_to(pid, &info, current->cred);
}

void signal_send_owner(const struct file_signal *due)
{
	static const s16 bands[] = {[SI_POLL_IN] = POLL_IN | POLL_RDNORM,
		[SI_POLL_OUT] = POLL_OUT | POLL_WRNORM | POLL_WRBAND,
		[SI_POLL_MSG] = POLL_IN | POLL_RDNORM | POLL_MSG};
	u32 uid = (u32)(due->owner >> 32);
	const struct cred own = {
		.uid = uid, .euid = uid, .cap_effective = uid ? 0 : 1ULL << LCAP_KILL};
	struct siginfo plain = {.signo = due->urgent ? SIGURG : SIGIO, .code = SI_KERNEL},
		       info = {.signo = due->signo, .code = due->code};
	pid_t to = (s32)due->owner;

	info.poll.band = bands[info.code];
	info.poll.fd = due->fd;
	if (to && (due->urgent || !due->signo || send_to(to, &info, &own) == -EAGAIN))
		(void)send_to(to, &plain, &own);
}

/* signal_to_process - @info NULL: from current, as kill(2). A reaped process is gone. */
long signal_to_process(struct process *p, int signo, struct siginfo *info)
{
	struct siginfo own;

	if (info && info->signo != signo)
		return -EINVAL;
	if (p->state == PROC_REAPED)
		return -ESRCH;
	if (info && (info->code >= 0 || info->code == SI_TKILL) && p != current->proc)
		return -EPERM;
	if (!info) {
		siginfo_from_current(&own, signo, SI_USER);
		info = &own;
	}
	return send_checked(p, info, current->cred);
}

static long send_thread_checked(struct thread *t, const struct siginfo *info)
{
	int err = check_signal(t->proc, info->signo, current->cred);

	return err || !info->signo ? err : signal_send_thread(t, info);
}

/* @tgid 0: any process (tkill). */
static long send_to_thread(pid_t tgid, pid_t tid, const struct siginfo *info)
{
	struct thread *t SCOPED(thread_put_at) = thread_find(tid);

	return !t || (tgid && t->proc->nr != tgid) ? -ESRCH : send_thread_checked(t, info);
}

/* signal_to_thread - as tgkill, to a thread that the caller holds. */
long signal_to_thread(struct thread *t, int signo)
{
	struct siginfo info;

	if (task_ended(task_of(t)))
		return -ESRCH;
	siginfo_from_current(&info, signo, SI_TKILL);
	return send_thread_checked(t, &info);
}

long signal_tgkill(pid_t tgid, pid_t tid, int signo)
{
	struct siginfo info;

	siginfo_from_current(&info, signo, SI_TKILL);
	return send_to_thread(tgid, tid, &info);
}

/* signal_queue_user - rt_sigqueueinfo (@tid 0) and rt_tgsigqueueinfo: a siginfo of the caller's own
 * making, which may not look like the kernel's. */
long signal_queue_user(pid_t pid, pid_t tid, struct siginfo *info)
{
	if ((info->code >= 0 || info->code == SI_TKILL) &&
		(tid ? tid != current->tid : pid != current->proc->nr))
		return -EPERM;
	return tid ? send_to_thread(pid, tid, info) : send_to_process(pid, info, current->cred);
}

void signal_state_restore(sigset set, const struct sigstack_abi *s)
{
	struct sigstack_abi old;

	signal_set_blocked(current_task(), set);
	/* As on Linux: what the frame says is set if it can be, and otherwise nothing changes. */
	(void)!signal_altstack(s, &old, 0);
}
