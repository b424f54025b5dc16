/* Waiting for children: wait4, waitid. Layer: posix_x.
 *
 * The sleeper is on its process's child_wq before it looks, and whoever changes a child's state
 * wakes that queue afterwards.
 *
 * Locks: tree while the children are looked at; the child's lock for its unreported stop.
 *
 * Source: wait(2), waitid(2). */
#include <exo/string.h>
#include "posix_x_internal.h"

static bool eligible(const struct wait_request *w, const struct process *child)
{
	if ((w->type == P_PID && child->nr != w->id) || (w->type == P_PGID && child->pgid != w->id))
		return false;
	if ((w->options & __WNOTHREAD) && child->parent_tid != current->tid)
		return false;
	return (w->options & __WALL) ||
	       (child->exit_signal != SIGCHLD) == !!(w->options & __WCLONE);
}

static void fill(struct wait_request *w, const struct process *child, s32 status)
{
	w->pid = child->nr;
	w->uid = child->exit_uid;
	w->status = status;
}

/* A zombie: its times go to ours, and unless WNOWAIT it is reaped. Return: false = not asked for.
 */
static bool take_zombie(struct wait_request *w, struct process *child)
{
	if (!(w->options & WEXITED))
		return false;
	fill(w, child, child->exit_code);
	w->usage = child->dead;
	usage_add(&w->usage, &child->children_usage);
	if (!(w->options & WNOWAIT)) {
		process_reap_locked(child);
		w->reaped = child;
		struct spin_guard g SCOPED(spin_unguard) = process_guard(current->proc);
		usage_add(&current->proc->children_usage, &w->usage);
	}
	return true;
}

/* An unreported stop or continuation. Return: true = this child is the answer. */
static bool take_news(struct wait_request *w, struct process *child)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(child);
	s32 code = child->wait_code;
	bool stop = (code & 0xff) == 0x7f;

	if (!code || !(w->options & (stop ? WSTOPPED : WCONTINUED)) ||
		(stop && !(child->flags & PROC_STOPPED)))
		return false;
	fill(w, child, code);
	process_usage_locked(child, &w->usage);
	if (!(w->options & WNOWAIT))
		child->wait_code = 0;
	return true;
}

/* Return: 1 found | 0 not yet | -ECHILD. */
static int scan(struct wait_request *w)
{
	struct process *me = current->proc, *child;
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();
	bool any = false;

	if (unlikely(!list_empty(&me->tracees) || !list_empty(&me->trace_ends)) &&
		trace_wait_locked(w, &any))
		return 1;
	list_for_each_entry (child, &me->children, sibling) {
		if (!eligible(w, child))
			continue;
		any = true;
		if (child->state == PROC_ZOMBIE
				? take_zombie(w, child)
				: !traced_by_locked(child, me) && take_news(w, child))
			return 1;
	}
	return any ? 0 : -ECHILD;
}

/* process_wait - Return: 0 and w->pid (0 with WNOHANG: nothing yet) | -ECHILD | -ERESTARTSYS. */
long process_wait(struct wait_request *w)
{
	int found = 0;
	int err;

	w->pid = 0;
	w->reaped = NULL;
	w->trapped = false;
	if (w->type == P_PGID && w->id == 0)
		w->id = current->proc->pgid;
	err = wait_event(&current->proc->child_wq, (found = scan(w)) != 0 || w->options & WNOHANG);
	if (w->reaped)
		process_reap_finish(w->reaped);
	return found ? MIN(found, 0) : err;
}
