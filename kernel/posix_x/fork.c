/* New processes and threads. Layer: posix_x.
 *
 * Everything that may fail comes first; the new thread becomes visible (number, tree, signals) in
 * one step under the tree lock and runs after that. A failure before undoes in reverse order.
 *
 * Locks: tree, then process->lock.
 *
 * Source: clone(2), fork(2), vfork(2), set_tid_address(2). */
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>
#include <exo/sysv.h>
#include <arch/uaccess.h>
#include "trace.h"

#define CLONE_NAMESPACES                                                               \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
		CLONE_NEWPID | CLONE_NEWNET)

struct sighand *sighand_create(const struct sighand *from)
{
	struct sighand *h = kmalloc(sizeof(*h), ALLOC_KERNEL);

	if (!h)
		return NULL;
	if (from)
		*h = *from;
	else
		memset(h, 0, sizeof(*h));
	h->refs = 1;
	spin_init(&h->lock, RANK_SIGNAL);
	return h;
}

void sighand_reset(struct sighand *h)
{
	u32 i;

	for_each_bit (i, h->touched)
		h->action[i] =
			(struct k_sigaction){.handler = h->ignored >> i & 1 ? SIG_IGN : SIG_DFL};
	h->caught = 0;
	h->touched = h->ignored;
}

void sighand_put(struct sighand *h)
{
	if (h && __atomic_sub_fetch(&h->refs, 1, __ATOMIC_ACQ_REL) == 0)
		kfree(h);
}

static int check_request(const struct clone_request *r)
{
	u64 flags = r->flags;

	if (flags & (CLONE_NAMESPACES | CLONE_INTO_CGROUP) ||
		(flags & CLONE_THREAD && (flags & CLONE_PIDFD || !(flags & CLONE_SIGHAND))) ||
		(flags & CLONE_SIGHAND && (flags & CLONE_CLEAR_SIGHAND || !(flags & CLONE_VM))) ||
		(flags & CLONE_PARENT && current->proc->flags & PROC_UNKILLABLE) ||
		r->exit_signal > SIGNALS_MAX || (r->tid && (r->tid < 0 || r->tid >= pid_max_get())))
		return -EINVAL;
	return r->tid && !cred_capable(current->cred, LCAP_CHECKPOINT_RESTORE) &&
			       !cred_capable(current->cred, LCAP_SYS_ADMIN)
		       ? -EPERM
		       : 0;
}

static bool over_limit(struct user_account *a)
{
	const struct cred *c = current->cred;

	if (threads_total() >= threads_limit)
		return true;
	return (u64)__atomic_load_n(&a->threads, __ATOMIC_RELAXED) >= rlimit_current(RLIM_NPROC) &&
	       a->uid != 0 && !cred_capable(c, LCAP_SYS_RESOURCE) &&
	       !cred_capable(c, LCAP_SYS_ADMIN);
}

/* The parts that processes share or copy. */
static int copy_resources(struct task *t, const struct clone_request *r)
{
	u64 flags = r->flags;
	struct thread *me = current, *n = &t->thread;
	struct cap_space *caps = r->entry ? r->caps : flags & CLONE_FILES ? me->caps : NULL;

	n->cred = cred_get(me->cred);
	if (arch_fpu_alloc(n))
		return -ENOMEM;
	if (caps) {
		__atomic_fetch_add(&caps->refs, 1, __ATOMIC_RELAXED);
	} else {
		caps = cap_space_fork(me->caps);
		if (is_err(caps))
			return (int)ptr_err(caps);
	}
	n->caps = caps;
	if (flags & CLONE_FS) {
		__atomic_fetch_add(&me->fs->refs, 1, __ATOMIC_RELAXED);
		n->fs = me->fs;
	} else {
		n->fs = fs_context_copy(me->fs);
		if (!n->fs)
			return -ENOMEM;
	}
	if (r->entry)
		return 0;
	if (flags & CLONE_SYSVSEM && sem_undo_share(n))
		return -ENOMEM;
	if (flags & CLONE_VM) {
		vm_space_get(me->space);
		n->space = me->space;
	} else {
		struct vm_space *space = vm_space_fork(me->space);

		if (is_err(space))
			return (int)ptr_err(space);
		n->space = space;
	}
	return 0;
}

static void task_drop_resources(struct task *t)
{
	struct thread *n = &t->thread;

	sem_undo_exit(n);
	vm_space_put(n->space);
	if (n->fs)
		fs_context_put(n->fs);
	if (n->caps)
		cap_space_put(n->caps);
}

/* The process of a child that is no thread of ours. */
static struct process *copy_process(const struct clone_request *r)
{
	u64 flags = r->flags;
	struct process *me = current->proc, *p = process_alloc();

	if (!p)
		return NULL;
	if (flags & CLONE_SIGHAND) {
		__atomic_fetch_add(&me->sighand->refs, 1, __ATOMIC_RELAXED);
		p->sighand = me->sighand;
	} else {
		p->sighand = sighand_create(r->entry ? NULL : me->sighand);
		if (!p->sighand) {
			process_put(p);
			return NULL;
		}
		if (flags & CLONE_CLEAR_SIGHAND)
			sighand_reset(p->sighand);
	}
	memcpy(p->limits, me->limits, sizeof(p->limits));
	p->exit_signal = (u8)r->exit_signal;
	p->personality = me->personality;
	p->dumpable = me->dumpable;
	p->core_filter = me->core_filter;
	p->oom_score_adj = me->oom_score_adj;
	return p;
}

/* Per-thread state that the child inherits, or does not. */
static void copy_task(struct task *t, const struct clone_request *r)
{
	struct task *me = current_task();
	bool other_space = !(r->flags & CLONE_VM);

	t->thread.timer_slack_ns = me->thread.timer_slack_ns;
	t->thread.marks = me->thread.marks;
	t->default_slack_ns = me->thread.timer_slack_ns;
	if (r->entry)
		return;
	t->blocked = me->blocked;
	if (other_space || (r->flags & CLONE_VFORK))
		t->alt = me->alt;
	if (other_space && me->rseq) {
		t->rseq = me->rseq;
		t->rseq_size = me->rseq_size;
		t->rseq_signature = me->rseq_signature;
		t->thread.flags |= THREAD_RSEQ;
		t->thread.work |= WORK_NOTIFY;
	}
	if (r->flags & CLONE_CHILD_SETTID) {
		t->set_child_tid = r->child_tid;
		t->thread.work |= WORK_NOTIFY;
	}
	if (r->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = r->child_tid;
	t->vfork_pending = r->flags & CLONE_VFORK;
}

/* Joins the tree: number, parent, group, session. Nothing here can be undone by the caller but
 * through its return value. A signal that came meanwhile is handled first, so that it reaches both
 * or the old one only. */
static int publish(struct task *t, struct pid *pid, const struct clone_request *r, bool new_process,
	struct trace **trace)
{
	struct process *me = current->proc, *p = t->thread.proc, *parent = me;
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();
	ulong flags = process_lock(me);
	int err = thread_signal_pending(current) ? -ERESTARTNOINTR : 0;

	process_unlock(me, flags);
	if (!err)
		err = r->tid ? pid_table_insert_at(&pids, pid, r->tid)
			     : pid_table_insert(&pids, pid);
	if (err)
		return err;
	if (new_process) {
		p->nr = pid->nr;
		p->pid = pid;
		p->parent_tid = current->tid;
		if (r->flags & CLONE_PARENT) {
			parent = me->parent;
			p->parent_tid = me->parent_tid;
			p->exit_signal = me->exit_signal;
		}
		pid_use(pid);
		p->session = me->session;
		__atomic_fetch_add(&p->session->refs, 1, __ATOMIC_RELAXED);
		p->sid = me->sid;
		task_link(p, t, pid);
		process_link_locked(p, parent);
		process_set_group_locked(p, me->group);
		rcu_assign_pointer(pid->process, p);
		if (p->limits[RLIM_CPU].cur != RLIM_INFINITY) {
			flags = process_lock(p);
			rlimit_cpu_changed_locked(p);
			process_unlock(p, flags);
		}
	} else {
		task_link(p, t, pid);
	}
	seccomp_inherit(t);
	if (*trace && current_task()->trace) {
		trace_child_locked(*trace, t);
		*trace = NULL;
	}
	return 0;
}

/* CLONE_PIDFD: the descriptor is made and its number told before the child can be seen. */
static int pidfd_reserve(struct clone_request *r, struct process *p, struct file **out)
{
	struct file *f;

	if (!(r->flags & CLONE_PIDFD))
		return 0;
	f = pidfd_create(p, 0);
	if (is_err(f))
		return (int)ptr_err(f);
	r->pidfd_slot = cap_reserve(current->caps, CAP_CLOEXEC, fd_limit());
	if (r->pidfd_slot < 0) {
		file_put(f);
		return r->pidfd_slot;
	}
	*out = f;
	return r->pidfd ? put_user_u32(r->pidfd, (u32)r->pidfd_slot) : 0;
}

static void init_frame(struct task *t, const struct clone_request *r, const struct trap_frame *f)
{
	if (r->entry)
		arch_thread_init_kernel(&t->thread, r->entry, r->entry_arg);
	else
		arch_thread_init_fork(&t->thread, f, r->stack, r->flags & CLONE_SETTLS, r->tls);
}

static void run_child(struct task *t, pid_t nr, bool vfork, int event)
{
	if (vfork)
		thread_get(&t->thread);
	thread_start(&t->thread);
	if (event)
		(void)trace_event(event, (u64)nr);
	if (!vfork)
		return;
	/* pairs with process_vfork_done */
	(void)wait_event_killable(
		&t->vfork_wq, !__atomic_load_n(&t->vfork_pending, __ATOMIC_ACQUIRE));
	thread_put(&t->thread);
	if (event)
		(void)trace_event(PTRACE_EVENT_VFORK_DONE, (u64)nr);
}

/* process_clone - the common part of fork, vfork, clone and clone3. Return: the new thread's number
 * | -errno. */
long process_clone(struct clone_request *r, const struct trap_frame *f)
{
	bool new_process = !(r->flags & CLONE_THREAD);
	struct file *pidfd = NULL; /* what CLONE_PIDFD asked for */
	struct trace *trace = NULL;
	int event;
	struct process *p;
	struct task *t;
	struct pid *pid;
	pid_t nr;
	long err = check_request(r);

	if (err)
		return err;
	if (thread_signal_pending(current))
		return -ERESTARTNOINTR;
	if (over_limit(current_task()->account) || !sched_may_fork())
		return -EAGAIN;
	pid = pid_create();
	if (!pid)
		return -ENOMEM;
	err = -ENOMEM;
	t = task_alloc(current->name);
	if (!t)
		goto fail_pid;
	t->account = current_task()->account;
	account_hold(t->account);
	p = new_process ? copy_process(r) : current->proc;
	if (!p)
		goto fail_task;
	process_get(p); /* the task's reference */
	t->thread.proc = p;
	err = copy_resources(t, r);
	if (err)
		goto fail_process;
	copy_task(t, r);
	event = r->entry ? 0 : trace_clone_event(r->flags, r->exit_signal);
	trace = event ? kzalloc(sizeof(*trace), ALLOC_KERNEL) : NULL;
	init_frame(t, r, f);
	err = event && !trace ? -ENOMEM : pidfd_reserve(r, p, &pidfd);
	if (!err)
		err = publish(t, pid, r, new_process, &trace);
	if (err)
		goto fail_process;
	nr = pid->nr;
	if (pidfd)
		cap_fill(current->caps, r->pidfd_slot, &pidfd->object.root);
	if (r->flags & CLONE_PARENT_SETTID)
		(void)!put_user_u32(r->parent_tid, (u32)nr);
	run_child(t, nr, r->flags & CLONE_VFORK, event);
	kfree(trace);
	return nr;
fail_process:
	if (pidfd) {
		cap_unreserve(current->caps, r->pidfd_slot);
		file_put(pidfd);
	}
	kfree(trace);
	task_drop_resources(t);
	if (new_process)
		process_put(p);
fail_task:
	task_free_unstarted(t);
fail_pid:
	pid_destroy(pid);
	return err;
}
