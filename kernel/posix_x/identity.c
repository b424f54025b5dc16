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
	s64 count;

	if (!new)
		return -EAGAIN;
	count = __atomic_add_fetch(&new->threads, 1, __ATOMIC_RELAXED);
	t->nproc_exceeded = uid && (u64)count > rlimit_current(RLIM_NPROC);
	__atomic_fetch_sub(&old->threads, 1, __ATOMIC_RELAXED);
	account_put(part_switch(&t->account, new)); /* senders charge it */
	return 0;
}

int process_cred_change(const struct cred *wanted)
{
	struct task *t = current_task();
	struct cred *c SCOPED(cred_put_at) = cred_copy(wanted), *old = t->thread.cred;

	if (!c)
		return -ENOMEM;
	if (c->uid != old->uid && move_account(t, c->uid))
		return -EAGAIN;
	if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
		c->fsgid != old->fsgid || (c->cap_permitted & ~old->cap_permitted)) {
		current->proc->dumpable = 0;
		t->pdeath_signal = 0;
	}
	rcu_assign_pointer(t->thread.cred, c);
	c = old;
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
	struct thread *t SCOPED(thread_put_at) = thread_find(tid ? tid : current->tid);

	if (!t)
		return -ESRCH;
	if (!process_may_trace(t))
		return -EPERM;
	*head = (u64)task_of(t)->robust_list;
	return 0;
}

u32 process_personality(u32 persona)
{
	struct process *p = current->proc;
	u32 old = p->personality;

	if (persona != 0xffffffff)
		p->personality = persona;
	return old;
}

/* All descendants learn that there is one above them, so that exit looks for it only where there
 * may be. */
static void subreaper_set(bool on)
{
	struct process *me = current->proc, *p = me;
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();

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
}

long process_attribute(u32 option, u64 value)
{
	struct task *t = current_task();

	switch (option) {
	case PR_SET_PDEATHSIG:
		if (value > SIGNALS_MAX)
			return -EINVAL;
		t->pdeath_signal = (int)value;
		return 0;
	case PR_SET_DUMPABLE:
		if (value > 1)
			return -EINVAL;
		current->proc->dumpable = (u8)value;
		return 0;
	case PR_SET_TIMERSLACK:
		t->thread.timer_slack_ns = value ? value : t->default_slack_ns;
		return 0;
	case PR_SET_CHILD_SUBREAPER:
		subreaper_set(value);
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user_u32((u32 USER *)value, (u32)t->pdeath_signal);
	case PR_GET_DUMPABLE:
		return current->proc->dumpable;
	case PR_GET_SECCOMP:
		return t->seccomp;
	case PR_GET_TIMERSLACK:
		return (long)t->thread.timer_slack_ns;
	case PR_GET_CHILD_SUBREAPER:
		return put_user_u32((u32 USER *)value, current->proc->subreaper);
	case PR_GET_TID_ADDRESS:
		return put_user_u64((u64 USER *)value, (u64)t->clear_child_tid);
	default:
		return -EINVAL;
	}
}
