/* Resource limits. Layer: posix_x. The limits of a process; the copies that its address space needs
 * are kept true here.
 *
 * Locks: process->lock to change; reading is racy and harmless.
 *
 * Source: getrlimit(2). */
#include <exo/memory.h>
#include "posix_x_internal.h"

#define OPEN_FILES_MAX (1u << 20) /* fs.nr_open */

u64 process_rlimit(struct process *p, enum rlimit_id id)
{
	return READ_ONCE(p->limits[id].cur);
}

/* rlimits_init - those of the first program: Linux's, with the numbers of threads and signals after
 * the size of memory. */
void rlimits_init(struct process *p)
{
	u64 threads = threads_limit / 2;

	for (u32 i = 0; i < RLIM_COUNT; i++)
		p->limits[i] = (struct rlimit64){RLIM_INFINITY, RLIM_INFINITY};
	p->limits[RLIM_STACK].cur = 8UL << 20;
	p->limits[RLIM_CORE].cur = 0;
	p->limits[RLIM_NPROC] = (struct rlimit64){threads, threads};
	p->limits[RLIM_NOFILE] = (struct rlimit64){1024, 4096};
	p->limits[RLIM_MEMLOCK] = (struct rlimit64){8UL << 20, 8UL << 20};
	p->limits[RLIM_SIGPENDING] = (struct rlimit64){threads, threads};
	p->limits[RLIM_MSGQUEUE] = (struct rlimit64){819200, 819200};
	p->limits[RLIM_NICE] = (struct rlimit64){0, 0};
	p->limits[RLIM_RTPRIO] = (struct rlimit64){0, 0};
}

static void update_space(struct process *p, u32 id, u64 cur)
{
	struct vm_space *s SCOPED(vm_space_put_at) = process_space(p);
	u64 *copy;

	if (!s)
		return;
	copy = id == RLIM_AS        ? &s->limit_as
	       : id == RLIM_DATA    ? &s->limit_data
	       : id == RLIM_STACK   ? &s->limit_stack
	       : id == RLIM_MEMLOCK ? &s->limit_memlock
				    : NULL;
	if (copy)
		__atomic_store_n(copy, cur, __ATOMIC_RELAXED);
}

static int change(struct process *p, u32 id, const struct rlimit64 *new, struct rlimit64 *old)
{
	bool raise_ok = cred_capable(current->cred, LCAP_SYS_RESOURCE);
	ulong flags;
	int err = 0;

	if (new &&new->cur > new->max)
		return -EINVAL;
	if (new &&id == RLIM_NOFILE &&new->max > OPEN_FILES_MAX)
		return -EPERM;
	flags = process_lock(p);
	*old = p->limits[id];
	if (new &&new->max > old->max && !raise_ok)
		err = -EPERM;
	else if (new)
		p->limits[id] = *new;
	if (!err && new &&id == RLIM_CPU)
		rlimit_cpu_changed_locked(p);
	process_unlock(p, flags);
	if (!err && new)
		update_space(p, id, new->cur);
	return err;
}

static bool may_limit(struct thread *thread)
{
	const struct cred *c = current->cred;
	struct cred *t SCOPED(cred_put_at) = thread_cred_get(thread);

	return thread->proc == current->proc ||
	       (c->uid == t->euid && c->uid == t->suid && c->uid == t->uid && c->gid == t->egid &&
		       c->gid == t->sgid && c->gid == t->gid) ||
	       cred_capable(c, LCAP_SYS_RESOURCE);
}

/* process_limit_change - @pid 0: current. @new NULL: only look. 0 | -EINVAL -EPERM -ESRCH. */
long process_limit_change(pid_t pid, u32 id, const struct rlimit64 *new, struct rlimit64 *old)
{
	struct thread *t SCOPED(thread_put_at) = thread_find(pid ? pid : current->tid);

	if (id >= RLIM_COUNT)
		return -EINVAL;
	if (!t)
		return -ESRCH;
	return may_limit(t) ? change(t->proc, id, new, old) : -EPERM;
}
