/* Sessions, process groups and the controlling terminal. Layer: posix_x.
 *
 * A session is made by setsid and lives while a process is in it. Its terminal knows it only by
 * number; whoever changes the bond between a session and a terminal holds the tree lock.
 *
 * Locks: tree. Terminals are called without it.
 *
 * Source: setsid(2), setpgid(2), credentials(7), tty_ioctl(4), POSIX.1-2017 11.1. */
#include <exo/memory.h>
#include <exo/tty.h>
#include "posix_x_internal.h"

struct session *session_create(void)
{
	struct session *s = kzalloc(sizeof(*s), ALLOC_KERNEL);

	if (s)
		s->refs = 1;
	return s;
}

void session_put(struct session *s)
{
	ulong flags;

	if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	flags = tree_lock();
	if (s->pid)
		pid_unuse(s->pid);
	tree_unlock(flags);
	if (s->tty)
		tty_put(s->tty);
	kfree(s);
}

long process_setsid(void)
{
	struct process *p = current->proc;
	struct session *s = session_create(), *old = s;
	long ret = -EPERM;
	ulong flags;

	if (!s)
		return -ENOMEM;
	flags = tree_lock();
	if (list_empty(&p->pid->group)) { /* no group has our number, so we lead none */
		old = p->session;
		s->pid = p->pid;
		pid_use(s->pid);
		p->session = s;
		p->sid = p->nr;
		process_set_group_locked(p, p->pid);
		ret = p->nr;
	}
	tree_unlock(flags);
	session_put(old);
	return ret;
}

/* Is the group one that nobody in its session, outside it, would continue? @leaving is not counted.
 */
static bool group_orphaned_locked(struct pid *group, const struct process *leaving)
{
	struct process *p;

	list_for_each_entry (p, &group->group, group_node) {
		if (p->state != PROC_LIVE || p == leaving || !p->thread_count || !p->parent ||
			p->parent == init_process)
			continue;
		if (p->parent->pgid != p->pgid && p->parent->sid == p->sid)
			return false;
	}
	return true;
}

static bool group_has_stopped_locked(struct pid *group)
{
	struct process *p;

	list_for_each_entry (p, &group->group, group_node)
		if (READ_ONCE(p->flags) & PROC_STOPPED)
			return true;
	return false;
}

static void group_signal_locked(struct pid *group, int signo)
{
	struct siginfo info;
	struct process *p;

	siginfo_fill(&info, signo, SI_KERNEL);
	list_for_each_entry (p, &group->group, group_node)
		(void)signal_send_process(p, &info);
}

/* group_check_orphaned_locked - @p lost @old_parent, or ends itself (NULL). If that orphans its
 * group and a member is stopped, the group gets SIGHUP and SIGCONT, for nobody else would wake it.
 */
void group_check_orphaned_locked(struct process *p, struct process *old_parent)
{
	struct process *parent = old_parent ? old_parent : p->parent;

	if (!parent || !p->group || parent->pgid == p->pgid || parent->sid != p->sid)
		return; /* it was no reason for the group not to be orphaned */
	if (group_orphaned_locked(p->group, old_parent ? NULL : p) &&
		group_has_stopped_locked(p->group)) {
		group_signal_locked(p->group, SIGHUP);
		group_signal_locked(p->group, SIGCONT);
	}
}

bool process_group_orphaned(pid_t pgid)
{
	ulong flags = tree_lock();
	struct pid *group = pid_table_find(&pids, pgid);
	bool orphaned = !group || group_orphaned_locked(group, NULL);

	tree_unlock(flags);
	return orphaned;
}

bool process_pgrp_in_session(pid_t pgid, pid_t sid)
{
	ulong flags = tree_lock();
	struct pid *group = pid_table_find(&pids, pgid);
	struct process *p = group ? list_first(&group->group, struct process, group_node) : NULL;
	bool in = p && p->sid == sid;

	tree_unlock(flags);
	return in;
}

/* process_setpgid - for current or a child that has not exec'd. 0 | -ESRCH -EPERM -EACCES -EINVAL.
 */
long process_setpgid(pid_t nr, pid_t pgid)
{
	struct process *me = current->proc, *p;
	struct pid *pid, *group;
	struct process *member;
	long err = -ESRCH;
	ulong flags;

	if (nr == 0)
		nr = me->nr;
	if (pgid == 0)
		pgid = nr;
	if (pgid < 0)
		return -EINVAL;
	flags = tree_lock();
	pid = pid_table_find(&pids, nr);
	p = pid ? pid->process : NULL;
	if (!p || p->state == PROC_REAPED)
		goto out;
	if (p->parent == me) {
		err = -EPERM;
		if (p->session != me->session)
			goto out;
		err = -EACCES;
		if (p->did_exec)
			goto out;
	} else if (p != me) {
		goto out;
	}
	err = -EPERM;
	if (p->session->pid == p->pid)
		goto out; /* a session leader stays */
	group = pid_table_find(&pids, pgid);
	if (pgid != nr) {
		member = group ? list_first(&group->group, struct process, group_node) : NULL;
		if (!member || member->session != me->session)
			goto out;
	}
	if (p->group != group)
		process_set_group_locked(p, group);
	err = 0;
out:
	tree_unlock(flags);
	return err;
}

/* process_getid - getpgid (@session false) and getsid. */
long process_group_of(pid_t nr, bool session)
{
	struct process *p;
	long ret;

	if (nr == 0)
		return session ? current->proc->sid : current->proc->pgid;
	p = process_of(nr);
	if (!p)
		return -ESRCH;
	ret = session ? process_sid(p) : process_pgid(p);
	process_put(p);
	return ret;
}

/* ---- the controlling terminal ---- */

struct tty *process_ctty_get(void)
{
	struct process *p = current->proc;
	struct tty *t = NULL;
	ulong flags;

	if (!p)
		return NULL;
	flags = tree_lock();
	t = p->session->tty;
	if (t)
		tty_get(t);
	tree_unlock(flags);
	return t;
}

bool process_is_session_leader(void)
{
	return current->proc && current->proc->sid == current->proc->nr;
}

int process_ctty_set(struct tty *t, bool steal)
{
	struct process *p = current->proc, *leader;
	struct tty *stolen = NULL;
	int err = -EPERM;
	ulong flags;
	pid_t sid;
	struct pid *pid;

	if (!process_is_session_leader())
		return -EPERM;
	flags = tree_lock();
	if (p->session->tty) {
		err = p->session->tty == t ? 0 : -EPERM;
		goto out;
	}
	sid = tty_session(t);
	if (sid && sid != p->sid) {
		if (!steal || !cred_capable(current->cred, LCAP_SYS_ADMIN))
			goto out;
		pid = pid_table_find(&pids, sid);
		leader = pid ? pid->process : NULL;
		if (leader && leader->session->tty == t) {
			stolen = leader->session->tty;
			leader->session->tty = NULL;
		}
	}
	tty_get(t);
	p->session->tty = t;
	tty_session_set(t, p->sid, p->pgid);
	err = 0;
out:
	tree_unlock(flags);
	if (stolen)
		tty_put(stolen);
	return err;
}

/* TIOCNOTTY of the session leader: the foreground group hears that its terminal went. */
int process_ctty_drop(void)
{
	struct process *p = current->proc;
	pid_t foreground = 0;
	struct tty *t;
	ulong flags;

	if (!process_is_session_leader())
		return 0;
	flags = tree_lock();
	t = p->session->tty;
	p->session->tty = NULL;
	if (t && tty_session(t) == p->sid) {
		foreground = tty_pgrp(t);
		tty_session_set(t, 0, 0);
	}
	tree_unlock(flags);
	if (foreground) {
		(void)signal_send_pgrp(foreground, SIGHUP, NULL);
		(void)signal_send_pgrp(foreground, SIGCONT, NULL);
	}
	if (t)
		tty_put(t);
	return 0;
}

/* session_leader_exit - the terminal hangs up; one that did so before has left its foreground group
 * to be told now. */
void session_leader_exit(struct process *p)
{
	struct tty *t = process_ctty_get();
	pid_t group = p->session->hung_pgrp;

	if (t) {
		tty_session_exit(t);
		tty_put(t);
	} else if (group) {
		(void)signal_send_pgrp(group, SIGHUP, NULL);
		(void)signal_send_pgrp(group, SIGCONT, NULL);
	}
}

/* Takes @t from the session that it controls. Return: the leader, +1, or NULL; *held: the session's
 * reference on @t, if it had one. */
static struct process *detach_session(struct tty *t, pid_t *foreground, struct tty **held)
{
	struct process *leader = NULL;
	ulong flags = tree_lock();
	pid_t sid = tty_session(t);
	struct pid *pid = sid ? pid_table_find(&pids, sid) : NULL;

	*held = NULL;
	*foreground = tty_pgrp(t);
	if (pid)
		leader = pid->process;
	if (leader) {
		process_get(leader);
		if (leader->session->tty == t) {
			*held = t;
			leader->session->tty = NULL;
			leader->session->hung_pgrp = *foreground;
		}
	}
	tty_session_set(t, 0, 0);
	tree_unlock(flags);
	return leader;
}

/* As on Linux the foreground group is told when the leader ends, be it of this very SIGHUP. */
void process_ctty_hangup(struct tty *t)
{
	struct siginfo info;
	struct tty *held;
	pid_t foreground;
	struct process *leader = detach_session(t, &foreground, &held);

	if (leader && leader == current->proc && (current->flags & THREAD_EXITING)) {
		(void)signal_send_pgrp(foreground, SIGHUP, NULL);
		(void)signal_send_pgrp(foreground, SIGCONT, NULL);
	} else if (leader) {
		siginfo_fill(&info, SIGHUP, SI_KERNEL);
		(void)signal_send_process(leader, &info);
		siginfo_fill(&info, SIGCONT, SI_KERNEL);
		(void)signal_send_process(leader, &info);
	}
	if (leader)
		process_put(leader);
	if (held)
		tty_put(held);
}
