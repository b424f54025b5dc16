/* Processes and tasks as objects: making, linking into the tree, looking up, letting go. Layer:
 * posix_x.
 *
 * References: the tree holds one of a process until it is reaped, each task one until its memory
 * goes. Memory goes after RCU, so a look-up under RCU may take a reference as long as the count is
 * not 0 yet.
 *
 * Locks: see posix_x_internal.h. */
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>
#include <exo_abi/linux_core.h>
#include "posix_x_internal.h"

static struct kmem_cache *process_cache, *task_cache;
static u32 threads; /* [a] for /proc */
struct process *init_process;
u32 threads_limit;

static void process_free_rcu(struct rcu_head *h)
{
	struct process *p = container_of(h, struct process, rcu);

	sighand_put(p->sighand);
	cred_put_at(&p->cred);
	kmem_cache_free(process_cache, p);
}

void process_get(struct process *p)
{
	__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
}

void process_put(struct process *p)
{
	if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0)
		rcu_call(&p->rcu, process_free_rcu);
}

struct process *process_alloc(void)
{
	struct process *p = kmem_cache_alloc(process_cache, ALLOC_ZERO);

	if (!p)
		return NULL;
	p->refs = 1;
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->threads);
	list_init(&p->tracees);
	list_init(&p->trace_ends);
	list_init(&p->group_node);
	spin_init(&p->lock, RANK_SIGNAL);
	sigpending_init(&p->shared);
	waitqueue_init(&p->child_wq);
	waitqueue_init(&p->alone_wq);
	list_init(&p->posix_timers);
	itimers_init(p);
	p->start_ns = clock_monotonic();
	p->exit_signal = SIGCHLD;
	p->dumpable = 1;
	p->core_filter = DUMP_FILTER_DEFAULT;
	return p;
}

static void task_release(struct thread *thread)
{
	struct task *t = task_of(thread);

	cred_put_at(&thread->cred);
	if (t->account)
		account_put(t->account);
	process_put_at(&thread->proc);
	kmem_cache_free(task_cache, t);
}

/* task_alloc - a task with a kernel stack and nothing else; thread_put frees it. NULL = out of
 * memory. */
struct task *task_alloc(const char *name)
{
	struct task *t = kmem_cache_alloc(task_cache, ALLOC_ZERO);

	if (!t)
		return NULL;
	if (thread_init(&t->thread, name, 0)) {
		kmem_cache_free(task_cache, t);
		return NULL;
	}
	t->thread.free = task_release;
	list_init(&t->thread_node);
	sigpending_init(&t->pending);
	waitqueue_init(&t->vfork_wq);
	t->alt.flags = SS_DISABLE;
	t->rseq_cpu = ~0u;
	return t;
}

void task_free_unstarted(struct task *t)
{
	struct thread *thread = &t->thread;

	thread_fini(thread);
	task_release(thread);
}

/* ---- the tree ---- */

void process_link_locked(struct process *p, struct process *parent)
{
	LOCK_HELD(&process_tree_lock);
	p->parent = parent;
	p->parent_nr = parent ? parent->nr : 0;
	if (parent) {
		list_add_tail(&parent->children, &p->sibling);
		p->has_subreaper = parent->has_subreaper || parent->subreaper;
	}
}

void process_set_group_locked(struct process *p, struct pid *group)
{
	LOCK_HELD(&process_tree_lock);
	pid_use(group);
	if (p->group) {
		list_del(&p->group_node);
		pid_unuse(p->group);
	}
	p->group = group;
	p->pgid = group->nr;
	list_add_tail(&group->group, &p->group_node);
}

/* task_link - makes @t a thread of @p under number @pid; takes one use of @pid. */
void task_link(struct process *p, struct task *t, struct pid *pid)
{
	ulong flags = process_lock(p);

	list_add_tail(&p->threads, &t->thread_node);
	p->thread_count++;
	process_unlock(p, flags);
	__atomic_fetch_add(&p->live, 1, __ATOMIC_RELAXED);
	t->pid = pid;
	t->thread.tid = pid->nr;
	pid_use(pid);
	rcu_assign_pointer(pid->task, t);
	__atomic_fetch_add(&t->account->threads, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED);
}

/* task_unlink - @t leaves its process: out of the list, its number given back, its times added to
 * those of the ended. */
void task_unlink(struct process *p, struct task *t)
{
	struct usage u;
	ulong flags;

	LOCK_HELD(&process_tree_lock);
	usage_of_thread(&t->thread, &u);
	flags = process_lock(p);
	list_del(&t->thread_node);
	p->thread_count--;
	if (p->signal_turn == t)
		p->signal_turn = NULL;
	usage_add(&p->dead, &u);
	sigpending_remove(&t->pending, ~0ULL);
	if (p->thread_count) {
		__atomic_fetch_sub(&t->account->threads, 1, __ATOMIC_RELAXED);
	} else {
		p->account = t->account; /* a zombie counts for its user until it is waited for */
		t->account = NULL;
		p->cred = cred_get(t->thread.cred);
		str_copy(p->comm, t->thread.name, sizeof(p->comm));
	}
	process_unlock(p, flags);
	rcu_assign_pointer(t->pid->task, NULL);
	pid_unuse(t->pid);
	t->pid = NULL;
	__atomic_fetch_sub(&threads, 1, __ATOMIC_RELAXED);
}

void process_reap_locked(struct process *p)
{
	LOCK_HELD(&process_tree_lock);
	p->state = PROC_REAPED;
	list_del(&p->sibling);
	list_del(&p->group_node);
	pid_unuse(p->group);
	p->group = NULL;
	rcu_assign_pointer(p->pid->process, NULL);
	pid_unuse(p->pid);
	p->pid = NULL;
	p->parent = NULL;
	__atomic_fetch_sub(&p->account->threads, 1, __ATOMIC_RELAXED);
}

/* process_reap_finish - what is left to do for a reaped process without the tree lock: drops the
 * tree's reference. */
void process_reap_finish(struct process *p)
{
	sigpending_remove(&p->shared, ~0ULL);
	session_put(p->session);
	account_put(p->account);
	process_put(p);
}

struct task *process_first_task_locked(struct process *p)
{
	return list_first(&p->threads, struct task, thread_node);
}

/* ---- look-ups ---- */

/* What the pointer at @offset in the struct pid of @nr names, +1 in its u32 at @refs; NULL. */
static ALWAYS_INLINE void *find(pid_t nr, size_t offset, size_t refs)
{
	struct pid *pid;
	u8 *found = NULL;

	rcu_read_lock();
	pid = pid_table_find(&pids, nr);
	if (pid)
		found = rcu_dereference(*(u8 **)((u8 *)pid + offset));
	if (found && !ref_get_live((u32 *)(found + refs)))
		found = NULL;
	rcu_read_unlock();
	return found;
}

struct process *process_find(pid_t nr)
{
	return find(nr, offsetof(struct pid, process), offsetof(struct process, refs));
}

struct thread *thread_find(pid_t tid) /* struct thread is the first in its task */
{
	return find(tid, offsetof(struct pid, task), offsetof(struct task, thread.refs));
}

bool thread_is_own(pid_t tid)
{
	struct thread *t SCOPED(thread_put_at) = thread_find(tid);

	return t && t->proc == current->proc;
}

struct process *process_of(pid_t pid)
{
	struct thread *t SCOPED(thread_put_at) = NULL;
	struct process *p = process_find(pid);

	if (p)
		return p;
	t = thread_find(pid);
	if (t)
		process_get(t->proc);
	return t ? t->proc : NULL;
}

struct process *process_next(pid_t *nr)
{
	pid_t n = MAX(*nr, 0);
	struct process *p = NULL;

	while (!p && (n = pid_table_next(&pids, n)) > 0)
		p = process_find(n);
	if (p)
		*nr = n;
	return p;
}

struct thread *process_thread_next(struct process *p, pid_t *tid)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	struct task *best = NULL, *t;

	list_for_each_entry (t, &p->threads, thread_node)
		if (t->thread.tid > *tid && !(t->job & TASK_EXITING) &&
			(!best || t->thread.tid < best->thread.tid))
			best = t;
	if (best) {
		thread_get(&best->thread);
		*tid = best->thread.tid;
	}
	return best ? &best->thread : NULL;
}

pid_t process_pid(struct process *p)
{
	return p->nr;
}
pid_t process_ppid(struct process *p)
{
	return READ_ONCE(p->parent_nr);
}
pid_t process_pgid(struct process *p)
{
	return READ_ONCE(p->pgid);
}
pid_t process_sid(struct process *p)
{
	return READ_ONCE(p->sid);
}
u32 threads_total(void)
{
	return __atomic_load_n(&threads, __ATOMIC_RELAXED);
}

/* thread_cred_get - credentials of any thread, +1. They may be replaced while we look: then the
 * count is 0 and we look again. */
struct cred *thread_cred_get(struct thread *t)
{
	struct cred *c;

	rcu_read_lock();
	do
		c = rcu_dereference(t->cred);
	while (!ref_get_live(&c->refs));
	rcu_read_unlock();
	return c;
}

void process_init(void)
{
	process_cache = kmem_cache_create("process", sizeof(struct process), 64, 0);
	task_cache = kmem_cache_create("task", sizeof(struct task), 64, 0);
	sigqueue_init();
	futex_init();
	vm_set_oom_killer(oom_kill);
	/* An eighth of memory for kernel stacks: a bomb of root's ends before memory does. */
	threads_limit = (u32)MIN(
		MAX(mem_pages_total() * PAGE_SIZE / (8 * KSTACK_SIZE), 64ul), (u64)PID_MAX_LIMIT);
}

ns_t process_start_ns(struct process *p)
{
	return p->start_ns;
}
