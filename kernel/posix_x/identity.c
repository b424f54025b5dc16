/* Small state of a process and its threads that calls read and set: credentials, prctl, user words.
 * Layer: posix_x.
 *
 * Locks: credentials are replaced by their thread only and read by others under RCU.
 *
 * Source: credentials(7), prctl(2). */
#include <exo/memory.h>
#include <exo/string.h>
#include "posix_x_internal.h"

struct restart_block *restart_block_current(void)
{
	return &current_task()->restart;
}

/* The thread counts for its real user: the count moves with it. */
static int move_account(struct task *t, u32 uid)
{
	struct user_account *old = t->account, *new = account_get(uid);
	struct process *p = t->thread.proc;
	ulong flags;

	if (!new)
		return -EAGAIN;
	t->nproc_exceeded = uid && (u64)__atomic_add_fetch(&new->threads, 1, __ATOMIC_RELAXED) >
					   process_rlimit(p, RLIM_NPROC);
	if (!uid)
		__atomic_fetch_add(&new->threads, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&old->threads, 1, __ATOMIC_RELAXED);
	flags = process_lock(p); /* senders charge it */
	t->account = new;
	process_unlock(p, flags);
	account_put(old);
	return 0;
}

int process_cred_commit(struct cred *c)
{
	struct task *t = current_task();
	struct cred *old = t->thread.cred;

	if (c->uid != old->uid && move_account(t, c->uid)) {
		cred_put(c);
		return -EAGAIN;
	}
	if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
		c->fsgid != old->fsgid || (c->cap_permitted & ~old->cap_permitted)) {
		current->proc->dumpable = 0;
		t->pdeath_signal = 0;
	}
	rcu_assign_pointer(t->thread.cred, c);
	cred_put(old);
	return 0;
}

pid_t process_set_clear_tid(u32 USER *word)
{
	current_task()->clear_child_tid = word;
	return current->tid;
}

void process_set_robust_list(void USER *head)
{
	current_task()->robust_list = head;
}

int process_get_robust_list(pid_t tid, u64 *head)
{
	struct thread *t;
	int err = 0;

	if (tid == 0 || tid == current->tid) {
		*head = (u64)current_task()->robust_list;
		return 0;
	}
	t = thread_find(tid);
	if (!t)
		return -ESRCH;
	if (process_may_trace(t))
		*head = (u64)task_of(t)->robust_list;
	else
		err = -EPERM;
	thread_put(t);
	return err;
}

u32 process_personality(u32 persona)
{
	struct process *p = current->proc;
	u32 old = p->personality;

	if (persona != 0xffffffff)
		p->personality = persona;
	return old;
}

void process_flags_get(struct process_flags *out)
{
	struct task *t = current_task();

	out->pdeath_signal = t->pdeath_signal;
	out->dumpable = current->proc->dumpable;
	out->subreaper = current->proc->subreaper;
	out->slack_ns = t->thread.timer_slack_ns;
	out->clear_tid = (u64)t->clear_child_tid;
}

u16 *process_core_filter(struct process *p)
{
	return &p->core_filter;
}

void process_pdeath_set(int signo)
{
	current_task()->pdeath_signal = signo;
}

void process_dumpable_set(u8 value)
{
	current->proc->dumpable = value;
}

void process_slack_set(ns_t ns)
{
	struct task *t = current_task();

	t->thread.timer_slack_ns = ns ? ns : t->default_slack_ns;
}

/* process_subreaper_set - all descendants learn that there is one above them, so that exit looks
 * for it only where there may be. */
void process_subreaper_set(bool on)
{
	struct process *me = current->proc, *p = me;
	ulong flags = tree_lock();

	me->subreaper = on;
	while (on) { /* preorder over the tree below us */
		if (!list_empty(&p->children)) {
			p = list_first(&p->children, struct process, sibling);
		} else {
			while (p != me && p->sibling.next == &p->parent->children)
				p = p->parent;
			if (p == me)
				break;
			p = list_entry(p->sibling.next, struct process, sibling);
		}
		p->has_subreaper = true;
	}
	tree_unlock(flags);
}
