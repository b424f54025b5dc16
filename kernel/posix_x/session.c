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
	if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (s->pid) {
		struct spin_guard g SCOPED(spin_unguard) = tree_guard();

		pid_unuse(s->pid);
	}
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

/* The group @pgid of session @sid. NULL: it has ended, though others may have its number. */
static struct pid *group_find_locked(pid_t pgid, pid_t sid)
{
	struct pid *group = pid_table_find(&pids, pgid);
	struct process *p = group ? list_first(&group->group, struct process, group_node) : NULL;

	return p && p->sid == sid ? group : NULL;
}

/* NULL is fine. */
static void group_signal_locked(struct pid *group, int signo)
{
	struct process *p;

	if (group)
		list_for_each_entry (p, &group->group, group_node)
			signal_notice(p, signo);
}

/* Its terminal is gone: who is stopped goes on, to hear it. */
static void group_hangup_locked(struct pid *group)
{
	group_signal_locked(group, SIGHUP);
	group_signal_locked(group, SIGCONT);
}

void signal_send_pgrp(pid_t pgid, pid_t sid, int signo)
{
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();

	group_signal_locked(group_find_locked(pgid, sid), signo);
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
		group_has_stopped_locked(p->group))
		group_hangup_locked(p->group);
}

bool process_group_orphaned(pid_t pgid)
{
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();
	struct pid *group = pid_table_find(&pids, pgid);

	return !group || group_orphaned_locked(group, NULL);
}

bool process_pgrp_in_session(pid_t pgid, pid_t sid)
{
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();

	return group_find_locked(pgid, sid);
}

static long setpgid_locked(pid_t nr, pid_t pgid)
{
	struct process *me = current->proc, *p;
	struct pid *pid = pid_table_find(&pids, nr), *group = pid_table_find(&pids, pgid);

	p = pid ? pid->process : NULL;
	if (!p || p->state == PROC_REAPED || (p != me && p->parent != me))
		return -ESRCH;
	if (p != me && p->session != me->session)
		return -EPERM;
	if (p != me && p->did_exec)
		return -EACCES;
	if (p->session->pid == p->pid || /* a session leader stays */
		(pgid != nr && !group_find_locked(pgid, me->sid)))
		return -EPERM;
	if (p->group != group)
		process_set_group_locked(p, group);
	return 0;
}

/* process_setpgid - for current or a child that has not exec'd. 0 | -ESRCH -EPERM -EACCES -EINVAL.
 */
long process_setpgid(pid_t nr, pid_t pgid)
{
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();

	if (nr == 0)
		nr = current->proc->nr;
	if (pgid == 0)
		pgid = nr;
	return pgid < 0 ? -EINVAL : setpgid_locked(nr, pgid);
}

/* process_getid - getpgid (@session false) and getsid. */
long process_group_of(pid_t nr, bool session)
{
	struct process *p SCOPED(process_put_at) = process_of(nr ? nr : current->proc->nr);

	if (!p)
		return -ESRCH;
	return session ? process_sid(p) : process_pgid(p);
}

/* ---- the controlling terminal ---- */

struct tty *process_ctty_get(void)
{
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();
	struct tty *t = current->proc ? current->proc->session->tty : NULL;

	if (t)
		tty_get(t);
	return t;
}

bool process_is_session_leader(void)
{
	return current->proc && current->proc->sid == current->proc->nr;
}

/* The leader of the session that @t controls, or NULL. *held: the session's reference on @t, if it
 * had one; it has none any more. */
static struct process *session_take_tty_locked(struct tty *t, struct tty **held)
{
	pid_t sid = tty_session(t);
	struct pid *pid = sid ? pid_table_find(&pids, sid) : NULL;
	struct process *leader = pid ? pid->process : NULL;

	if (leader && leader->session->tty == t) {
		*held = t;
		leader->session->tty = NULL;
	}
	return leader;
}

int process_ctty_set(struct tty *t, bool steal)
{
	struct tty *stolen SCOPED(tty_put_at) = NULL;
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();
	struct process *p = current->proc;
	pid_t sid = tty_session(t);

	if (!process_is_session_leader())
		return -EPERM;
	if (p->session->tty)
		return p->session->tty == t ? 0 : -EPERM;
	if (sid && sid != p->sid) {
		if (!steal || !cred_capable(current->cred, LCAP_SYS_ADMIN))
			return -EPERM;
		(void)session_take_tty_locked(t, &stolen);
	}
	tty_get(t);
	p->session->tty = t;
	tty_session_set(t, p->sid, p->pgid);
	return 0;
}

/* TIOCNOTTY of the session leader: the foreground group hears that its terminal went. */
int process_ctty_drop(void)
{
	struct tty *t SCOPED(tty_put_at) = NULL;
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();
	struct process *p = current->proc;

	if (!process_is_session_leader())
		return 0;
	t = p->session->tty;
	p->session->tty = NULL;
	if (t && tty_session(t) == p->sid) {
		struct pid *foreground = group_find_locked(tty_pgrp(t), p->sid);

		tty_session_set(t, 0, 0);
		group_hangup_locked(foreground);
	}
	return 0;
}

/* session_leader_exit - the terminal hangs up; one that did so before has left its foreground group
 * to be told now. */
void session_leader_exit(struct process *p)
{
	struct tty *t SCOPED(tty_put_at) = process_ctty_get();

	if (t) {
		tty_session_exit(t);
	} else {
		struct spin_guard g SCOPED(spin_unguard) = tree_guard();

		group_hangup_locked(group_find_locked(p->session->hung_pgrp, p->sid));
	}
}

/* As on Linux the foreground group is told when the leader ends, be it of this very SIGHUP. */
void process_ctty_hangup(struct tty *t)
{
	struct tty *held SCOPED(tty_put_at) = NULL;
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();
	struct process *leader = session_take_tty_locked(t, &held);
	pid_t foreground = tty_pgrp(t);

	if (held)
		leader->session->hung_pgrp = foreground;
	tty_session_set(t, 0, 0);
	if (leader && leader == current->proc && (current->flags & THREAD_EXITING)) {
		group_hangup_locked(group_find_locked(foreground, leader->sid));
	} else if (leader) {
		signal_notice(leader, SIGHUP);
		signal_notice(leader, SIGCONT);
	}
}
