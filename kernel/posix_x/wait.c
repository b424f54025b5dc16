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
	switch (w->type) {
	case P_PID:
		if (child->nr != w->id)
			return false;
		break;
	case P_PGID:
		if (child->pgid != w->id)
			return false;
		break;
	default:
		break;
	}
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

/* A zombie: its times go to ours, and unless WNOWAIT it is reaped. */
static void take_zombie(struct wait_request *w, struct process *child)
{
	fill(w, child, child->exit_code);
	w->usage = child->dead;
	usage_add(&w->usage, &child->children_usage);
	if (!(w->options & WNOWAIT)) {
		process_reap_locked(child);
		w->reaped = child;
	}
}

/* An unreported stop or continuation. Return: true = this child is the answer. */
static bool take_news(struct wait_request *w, struct process *child)
{
	ulong flags = process_lock(child);
	s32 code = child->wait_code;
	bool stop = (code & 0xff) == 0x7f, hit;

	hit = code && (w->options & (stop ? WSTOPPED : WCONTINUED)) &&
	      (!stop || (child->flags & PROC_STOPPED));
	if (hit) {
		fill(w, child, code);
		process_usage_locked(child, &w->usage);
		if (!(w->options & WNOWAIT))
			child->wait_code = 0;
	}
	process_unlock(child, flags);
	return hit;
}

/* Return: 1 found | 0 not yet | -ECHILD. */
static int scan(struct wait_request *w)
{
	struct process *me = current->proc, *child;
	int ret = -ECHILD;
	ulong flags = tree_lock();

	if (unlikely(!list_empty(&me->tracees) || !list_empty(&me->trace_ends))) {
		bool any = false;

		ret = trace_wait_locked(w, &any) ? 1 : any ? 0 : ret;
	}
	list_for_each_entry (child, &me->children, sibling) {
		if (ret == 1 || !eligible(w, child))
			continue;
		ret = 0;
		if (child->state == PROC_ZOMBIE) {
			if (!(w->options & WEXITED))
				continue;
			take_zombie(w, child);
			ret = 1;
			break;
		}
		if (!traced_by_locked(child, me) && take_news(w, child)) {
			ret = 1;
			break;
		}
	}
	tree_unlock(flags);
	return ret;
}

static void account_reaped(struct wait_request *w)
{
	struct process *me = current->proc;
	ulong flags = process_lock(me);

	usage_add(&me->children_usage, &w->usage);
	process_unlock(me, flags);
	process_reap_finish(w->reaped);
}

/* process_wait - Return: 0 and w->pid (0 with WNOHANG: nothing yet) | -ECHILD | -ERESTARTSYS. */
long process_wait(struct wait_request *w)
{
	int found = 0;
	long err;

	w->pid = 0;
	w->reaped = NULL;
	w->trapped = false;
	if (w->type == P_PGID && w->id == 0)
		w->id = current->proc->pgid;
	if (w->options & WNOHANG) {
		found = scan(w);
	} else {
		err = wait_event(&current->proc->child_wq, (found = scan(w)) != 0);
		if (err && !found)
			return err;
	}
	if (found < 0)
		return found;
	if (w->reaped)
		account_reaped(w);
	return 0;
}
