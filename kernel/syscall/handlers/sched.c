/* Scheduling: policies, priorities, CPU masks. Layer: syscall. Sources: sched(7), sched_setattr(2),
 * sched_setaffinity(2), getpriority(2), ioprio_set(2), getrlimit(2) for RLIMIT_NICE and
 * RLIMIT_RTPRIO. */
#include <exo/posix_calls.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_sched.h>

#include "handlers.h"

#define NICE_MIN (-20)
#define NICE_MAX 19

/* Thread @tid, 0 = current, +1 reference. NULL = no such thread. */
static struct thread *thread_of(u64 tid)
{
	if ((pid_t)tid == 0) {
		thread_get(current);
		return current;
	}
	return (pid_t)tid < 0 ? NULL : thread_find((pid_t)tid);
}

/* What the calls on parameters answer when thread_of finds none. */
static int no_thread(u64 tid)
{
	return (pid_t)tid < 0 ? -EINVAL : -ESRCH;
}

static bool is_realtime(u32 policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

/* May current change @t at all? */
static bool may_touch(struct thread *t)
{
	const struct cred *me = current->cred;
	struct cred *other SCOPED(cred_put_at) = thread_cred_get(t);

	return cred_capable(me, LCAP_SYS_NICE) || me->euid == other->euid || me->euid == other->uid;
}

/* May @t, by its limits, go from @old to a nicer or greedier @nice? */
static bool may_nice(struct thread *t, s32 old, s32 nice)
{
	u64 limit = t->proc ? process_rlimit(t->proc, RLIM_NICE) : 0;

	return nice >= old || 20 - nice <= (s64)MIN(limit, 40UL) ||
	       cred_capable(current->cred, LCAP_SYS_NICE);
}

/* Checks and commits a new policy. */
static int change(struct thread *t, const struct sched_params *p)
{
	struct sched_params old;
	u64 limit = t->proc ? process_rlimit(t->proc, RLIM_RTPRIO) : 0;

	sched_get_params(t, &old);
	if (p->rt_priority > 99 || is_realtime(p->policy) != (p->rt_priority != 0))
		return -EINVAL;
	if (!may_touch(t))
		return -EPERM;
	if (!cred_capable(current->cred, LCAP_SYS_NICE)) {
		if (p->policy == SCHED_DEADLINE)
			return -EPERM;
		if (is_realtime(p->policy) &&
			(p->policy != old.policy || p->rt_priority > old.rt_priority)) {
			if (!limit || p->rt_priority > MAX(limit, (u64)old.rt_priority))
				return -EPERM;
		}
		if (!is_realtime(p->policy) && !may_nice(t, old.nice, p->nice))
			return -EPERM;
		if (old.policy == SCHED_IDLE && p->policy != SCHED_IDLE &&
			!may_nice(t, NICE_MAX + 1, p->nice))
			return -EPERM;
		if (old.reset_on_fork && !p->reset_on_fork)
			return -EPERM;
	}
	return sched_set_params(t, p);
}

int call_scheduler_set(u64 tid, s32 policy, u64 param_from)
{
	struct thread *t SCOPED(thread_put_at) = thread_of(tid);
	struct sched_param_abi param;
	struct sched_params p;

	if (!param_from || (pid_t)tid < 0)
		return -EINVAL;
	if (copy_from_user(&param, (const void USER *)param_from, sizeof(param)))
		return -EFAULT;
	if (!t)
		return -ESRCH;
	sched_get_params(t, &p);
	if (policy >= 0) {
		p.reset_on_fork = policy & SCHED_RESET_ON_FORK;
		p.policy = (u8)MIN(policy & ~SCHED_RESET_ON_FORK, 255);
	}
	p.rt_priority = (u8)MIN((u32)param.priority, 255u);
	p.runtime_ns = 0; /* SCHED_DEADLINE is for sched_setattr */
	return change(t, &p);
}

long sys_sched_setscheduler(u64 tid, u64 policy, u64 param_from)
{
	return (s32)policy < 0 ? -EINVAL : call_scheduler_set(tid, (s32)policy, param_from);
}

static int get_params(u64 tid, struct sched_params *out)
{
	struct thread *t SCOPED(thread_put_at) = thread_of(tid);

	if (!t)
		return no_thread(tid);
	sched_get_params(t, out);
	return 0;
}

long sys_sched_getscheduler(u64 tid)
{
	struct sched_params p;
	int err = get_params(tid, &p);

	return err ? err : p.policy | (p.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
}

long sys_sched_getparam(u64 tid, u64 to)
{
	struct sched_param_abi param;
	struct sched_params p;
	int err;

	if (!to)
		return -EINVAL;
	err = get_params(tid, &p);
	if (err)
		return err;
	param.priority = p.rt_priority;
	return copy_to_user((void USER *)to, &param, sizeof(param));
}

long sys_sched_setattr(u64 tid, u64 from, u64 flags)
{
	struct thread *t SCOPED(thread_put_at) = thread_of(tid);
	struct sched_attr_abi a;
	struct sched_params p;
	u32 size;
	int err;

	if (!from || (pid_t)tid < 0 || flags)
		return -EINVAL;
	if (get_user_u32((u32 USER *)from, &size))
		return -EFAULT;
	err = user_struct_get(
		&a, sizeof(a), SCHED_ATTR_SIZE_VER0, from, size ? size : SCHED_ATTR_SIZE_VER0);
	if (err == -EINVAL || err == -E2BIG) /* tells the caller the size that we know */
		err = put_user_u32((u32 USER *)from, sizeof(a)) ? -EFAULT : -E2BIG;
	if (err)
		return err;
	if (a.flags &
		~(u64)(SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS))
		return -EINVAL;
	if (!t)
		return -ESRCH;
	sched_get_params(t, &p);
	if (!(a.flags & (SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS)))
		p.policy = (u8)MIN(a.policy, 255u);
	if (!(a.flags & SCHED_FLAG_KEEP_PARAMS)) {
		if (!is_realtime(p.policy) && p.policy != SCHED_DEADLINE)
			p.nice = (s8)MIN(MAX(a.nice, NICE_MIN), NICE_MAX);
		p.rt_priority = (u8)MIN(a.priority, 255u);
		p.runtime_ns = a.runtime;
		p.deadline_ns = a.deadline;
		p.period_ns = a.period ? a.period : a.deadline;
	}
	p.reset_on_fork = a.flags & SCHED_FLAG_RESET_ON_FORK;
	return change(t, &p);
}

long sys_sched_getattr(u64 tid, u64 to, u64 size, u64 flags)
{
	struct sched_attr_abi a = {.size = MIN((u32)size, (u32)sizeof(a))};
	struct sched_params p;
	int err;

	if (!to || (u32)size < SCHED_ATTR_SIZE_VER0 || (u32)size > PAGE_SIZE || flags)
		return -EINVAL;
	err = get_params(tid, &p);
	if (err)
		return err;
	a.policy = p.policy;
	a.flags = p.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
	if (p.policy == SCHED_DEADLINE) {
		a.runtime = p.runtime_ns;
		a.deadline = p.deadline_ns;
		a.period = p.period_ns;
	} else if (is_realtime(p.policy)) {
		a.priority = p.rt_priority;
	} else {
		a.nice = p.nice;
	}
	return copy_to_user((void USER *)to, &a, a.size);
}

long sys_sched_get_priority_max(u64 policy)
{
	if (is_realtime((u32)policy))
		return 99;
	return policy <= SCHED_DEADLINE && policy != 4 ? 0 : -EINVAL;
}

long sys_sched_get_priority_min(u64 policy)
{
	return is_realtime((u32)policy) ? 1 : sys_sched_get_priority_max(policy);
}

long sys_sched_rr_get_interval(u64 tid, u64 to)
{
	struct thread *t SCOPED(thread_put_at) = thread_of(tid);

	if (!t)
		return no_thread(tid);
	return time_to_user(to, sched_rr_interval(t));
}

long sys_sched_yield(void)
{
	sched_yield_current();
	return 0;
}

long sys_sched_setaffinity(u64 tid, u64 len_bytes, u64 from)
{
	struct thread *t SCOPED(thread_put_at) = thread_of(tid);
	u64 mask = 0;

	if (copy_from_user(&mask, (const void USER *)from, MIN((u32)len_bytes, (u32)sizeof(mask))))
		return -EFAULT;
	if (!t)
		return -ESRCH;
	return may_touch(t) ? sched_set_affinity(t, mask) : -EPERM;
}

long sys_sched_getaffinity(u64 tid, u64 len_bytes, u64 to)
{
	struct thread *t SCOPED(thread_put_at) = thread_of(tid);
	u64 mask;

	if ((u32)len_bytes < sizeof(mask) || (u32)len_bytes % sizeof(mask))
		return -EINVAL;
	if (!t)
		return -ESRCH;
	mask = sched_get_affinity(t) & __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE);
	return copy_to_user((void USER *)to, &mask, sizeof(mask)) ? -EFAULT : (long)sizeof(mask);
}

long sys_getcpu(u64 cpu_to, u64 node_to, u64 unused)
{
	u32 cpu = cpu_id();

	if (cpu_to && put_user_u32((u32 USER *)cpu_to, cpu))
		return -EFAULT;
	return node_to && put_user_u32((u32 USER *)node_to, cpu_nodes[cpu]) ? -EFAULT : 0;
}

/* ---- getpriority, setpriority: one thread, the threads of a process group, those of a user ----
 */
struct prio_visit {
	void (*one)(struct prio_visit *v, struct thread *t);
	bool set, found, root; /* root: user 0 is that, not the caller's */
	s32 prio;              /* set: the new one; get: the best so far */
	int err;
};

static void visit_nice(struct prio_visit *v, struct thread *t)
{
	struct sched_params p;
	int err;

	sched_get_params(t, &p);
	if (!v->set) {
		v->prio = MIN(v->prio, (s32)p.nice);
		return;
	}
	err = !may_touch(t) ? -EPERM : !may_nice(t, p.nice, v->prio) ? -EACCES : 0;
	p.nice = (s8)v->prio;
	if (!err)
		err = sched_set_params(t, &p);
	if (err)
		v->err = err;
}

static bool belongs(struct process *p, struct thread *t, int which, u32 who)
{
	struct cred *c SCOPED(cred_put_at) = thread_cred_get(t);

	return which == PRIO_PGRP ? process_pgid(p) == (pid_t)who : c->uid == who;
}

static int prio_each(u32 which, u32 who, struct prio_visit *v)
{
	struct process *p;
	pid_t pid = 0;

	if (which > PRIO_USER)
		return -EINVAL;
	if (which == PRIO_PROCESS) {
		struct thread *t SCOPED(thread_put_at) = thread_of(who);

		if (t)
			v->one(v, t);
		return t ? v->err : -ESRCH;
	}
	if (!who && !(v->root && which == PRIO_USER))
		who = which == PRIO_PGRP ? (u32)process_pgid(current->proc) : current->cred->uid;
	while ((p = process_next(&pid))) {
		struct thread *t;
		pid_t tid = 0;

		while ((t = process_thread_next(p, &tid))) {
			if (belongs(p, t, which, who)) {
				v->found = true;
				v->one(v, t);
			}
			thread_put(t);
		}
		process_put(p);
	}
	return v->found ? v->err : -ESRCH;
}

long sys_getpriority(u64 which, u64 who)
{
	struct prio_visit v = {.one = visit_nice, .prio = NICE_MAX};
	int err = prio_each((u32)which, (u32)who, &v);

	return err ? err : 20 - v.prio;
}

long sys_setpriority(u64 which, u64 who, u64 nice)
{
	struct prio_visit v = {
		.one = visit_nice, .set = true, .prio = MIN(MAX((s32)nice, NICE_MIN), NICE_MAX)};

	return prio_each((u32)which, (u32)who, &v);
}

/* ---- ioprio_get, ioprio_set: the same threads; `which` counts from 1 ---- */

#define IO_LEVELS       8u
#define IO_PRIO(cls, l) ((u32)(cls) << 13 | (u32)(l))
enum { IO_NONE, IO_REALTIME, IO_BEST_EFFORT, IO_IDLE };

/* By the real user of @t, not the one in effect. */
static void visit_set_io(struct prio_visit *v, struct thread *t)
{
	const struct cred *me = current->cred;
	struct cred *other SCOPED(cred_put_at) = thread_cred_get(t);

	if (other->uid != me->euid && other->uid != me->uid && !cred_capable(me, LCAP_SYS_NICE))
		v->err = -EPERM;
	else if (!v->err) /* the first that may not be changed is the last */
		WRITE_ONCE(t->io_priority, (u16)v->prio);
}

static void visit_get_io(struct prio_visit *v, struct thread *t)
{
	v->prio = READ_ONCE(t->io_priority);
}

/* What has none goes by its policy and its nice value. */
static void visit_best_io(struct prio_visit *v, struct thread *t)
{
	u32 prio = READ_ONCE(t->io_priority), class = IO_BEST_EFFORT;
	struct sched_params p;

	sched_get_params(t, &p);
	if (p.policy == SCHED_IDLE)
		class = IO_IDLE;
	else if (is_realtime(p.policy))
		class = IO_REALTIME;
	if (!prio)
		prio = IO_PRIO(class, (p.nice - NICE_MIN) / 5);
	v->prio = MIN(v->prio, (s32)prio);
}

long sys_ioprio_get(u64 which, u64 who)
{
	struct prio_visit v = {.one = which == 1 ? visit_get_io : visit_best_io, .prio = INT32_MAX};
	int err = prio_each((u32)which - 1, (u32)who, &v);

	return err ? err : v.prio;
}

long sys_ioprio_set(u64 which, u64 who, u64 prio)
{
	struct prio_visit v = {.one = visit_set_io, .root = true, .prio = (s32)prio};
	u32 class = (u32)prio >> 13, level = prio & (IO_PRIO(1, 0) - 1);

	if (class == IO_REALTIME && !cred_capable(current->cred, LCAP_SYS_ADMIN) &&
		!cred_capable(current->cred, LCAP_SYS_NICE))
		return -EPERM;
	if (class > IO_IDLE || (class != IO_IDLE && level >= (class ? IO_LEVELS : 1)))
		return -EINVAL;
	return prio_each((u32)which - 1, (u32)who, &v);
}
