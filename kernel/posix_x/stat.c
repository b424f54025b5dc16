/* What a process has used and what it looks like: rusage, CPU times, snapshots for /proc. Layer:
 * posix_x.
 *
 * Locks: process->lock holds the thread list still; tree for parent, group and session of a
 * snapshot.
 *
 * Source: getrusage(2), proc(5). */
#include <exo/string.h>
#include <exo/tty.h>
#include "trace.h"

static u64 rss_peak_kb(const struct vm_space *s)
{
	return vm_space_rss_peak(s) * (PAGE_SIZE / 1024);
}

void usage_of_thread(struct thread *t, struct usage *out)
{
	thread_cpu_times(t, &out->utime_ns, &out->stime_ns);
	out->min_flt = READ_ONCE(t->faults_minor);
	out->maj_flt = READ_ONCE(t->faults_major);
	out->vcsw = READ_ONCE(t->switches_voluntary);
	out->ivcsw = READ_ONCE(t->switches_involuntary);
	out->maxrss_kb = t->space ? rss_peak_kb(t->space) : 0;
	memcpy(out->io, t->io, sizeof(out->io));
}

void usage_add(struct usage *to, const struct usage *from)
{
	to->utime_ns += from->utime_ns;
	to->stime_ns += from->stime_ns;
	to->min_flt += from->min_flt;
	to->maj_flt += from->maj_flt;
	to->vcsw += from->vcsw;
	to->ivcsw += from->ivcsw;
	to->maxrss_kb = MAX(to->maxrss_kb, from->maxrss_kb);
	for (u32 i = 0; i < ARRAY_LEN(to->io); i++)
		to->io[i] += from->io[i];
}

/* process_record_rss - @space goes from @p (end, exec): its peak counts on. */
void process_record_rss(struct process *p, const struct vm_space *space)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

	p->dead.maxrss_kb = MAX(p->dead.maxrss_kb, rss_peak_kb(space));
}

void process_usage_locked(struct process *p, struct usage *out)
{
	struct usage u;
	struct task *t;

	*out = p->dead;
	list_for_each_entry (t, &p->threads, thread_node) {
		usage_of_thread(&t->thread, &u);
		usage_add(out, &u);
	}
}

void process_usage(struct process *p, int who, struct usage *out)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);

	if (who == RUSAGE_CHILDREN)
		*out = p->children_usage;
	else if (who == RUSAGE_THREAD)
		usage_of_thread(current, out);
	else
		process_usage_locked(p, out);
}

void process_cpu_times_locked(struct process *p, u64 *user_ns, u64 *system_ns)
{
	struct task *t;
	u64 u, s;

	*user_ns = p->dead.utime_ns;
	*system_ns = p->dead.stime_ns;
	list_for_each_entry (t, &p->threads, thread_node) {
		thread_cpu_times(&t->thread, &u, &s);
		*user_ns += u;
		*system_ns += s;
	}
}

/* ---- parts of a living process ---- */

/* The pointer at @offset in the first thread that still has it, with one more reference in its u32
 * at @refs; NULL = none has. */
static void *part_get(struct process *p, size_t offset, size_t refs)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	struct task *t;
	u8 *part = NULL;

	list_for_each_entry (t, &p->threads, thread_node) {
		part = *(u8 **)((u8 *)&t->thread + offset);
		if (part) {
			__atomic_fetch_add((u32 *)(part + refs), 1, __ATOMIC_RELAXED);
			break;
		}
	}
	return part;
}

struct vm_space *process_space(struct process *p)
{
	return part_get(p, offsetof(struct thread, space), offsetof(struct vm_space, refs));
}
struct cap_space *process_caps(struct process *p)
{
	return part_get(p, offsetof(struct thread, caps), offsetof(struct cap_space, refs));
}
struct fs_context *process_fs(struct process *p)
{
	return part_get(p, offsetof(struct thread, fs), offsetof(struct fs_context, refs));
}

/* ---- snapshot for /proc ---- */

static char state_letter(const struct process *p, const struct task *t)
{
	enum thread_state s;

	if (!t)
		return p->state == PROC_ZOMBIE ? 'Z' : 'X';
	if (t->job & (TASK_STOPPED | TASK_TRACED))
		return t->job & TASK_TRACED ? 't' : 'T';
	s = thread_state(&t->thread);
	return s == THREAD_RUNNING || s == THREAD_NEW ? 'R'
	       : s == THREAD_INTERRUPTIBLE            ? 'S'
	       : s == THREAD_DEAD                     ? 'Z'
						      : 'D';
}

static void stat_tree(struct process *p, struct task *t, struct process_stat *out)
{
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();
	struct tty *tty = p->session ? p->session->tty : NULL;

	if (!t)
		t = process_first_task_locked(p);
	out->tracer = t && t->trace ? t->trace->tracer_tid : 0;
	out->ppid = p->parent_nr;
	out->pgid = p->pgid;
	out->sid = p->sid;
	out->tpgid = tty ? tty_pgrp(tty) : -1;
	out->tty_nr = tty ? (int)tty_device(tty) : 0;
}

static void stat_signals(struct process *p, struct task *t, struct process_stat *out)
{
	struct sighand *h = p->sighand;

	out->shared_pending = p->shared.set;
	if (t) {
		out->pending = t->pending.set;
		out->blocked = t->blocked;
		out->sigq = (u64)__atomic_load_n(&t->account->signals, __ATOMIC_RELAXED);
	}
	out->sigq_max = p->limits[RLIM_SIGPENDING].cur;
	out->ignored = READ_ONCE(h->ignored);
	out->caught = READ_ONCE(h->caught);
}

static void stat_thread(struct task *t, struct process_stat *out)
{
	struct sched_params sp;

	str_copy(out->comm, t->thread.name, sizeof(out->comm));
	sched_get_params(&t->thread, &sp);
	out->nice = sp.nice;
	out->policy = sp.policy;
	out->rt_priority = sp.rt_priority;
	out->priority = sp.policy == 6 ? -101 : sp.rt_priority ? -1 - sp.rt_priority : 20 + sp.nice;
	out->cpu = READ_ONCE(t->thread.cpu);
	out->affinity = sched_get_affinity(&t->thread);
	out->start_ns = t->thread.start_ns;
}

/* process_stat_get - @t NULL: the process with the sums of its threads. 0 | -ESRCH it was reaped.
 */
int process_stat_get(struct process *p, struct thread *thread, struct process_stat *out)
{
	struct task *t = thread ? task_of(thread) : NULL;

	memset(out, 0, sizeof(*out));
	if (p->state == PROC_REAPED)
		return -ESRCH;
	stat_tree(p, t, out);
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	if (!t)
		t = process_first_task_locked(p);
	out->pid = thread ? thread->tid : p->nr;
	out->tgid = p->nr;
	/* A first thread that has ended before the others shows as a zombie, though the process
	 * lives. */
	out->state = !thread && t && t->thread.tid != p->nr ? 'Z' : state_letter(p, t);
	out->threads = MAX(__atomic_load_n(&p->live, __ATOMIC_RELAXED), MIN(p->thread_count, 1u));
	out->exit_signal = p->exit_signal;
	out->exit_code = p->exit_code;
	out->dumpable = p->dumpable;
	out->core_filter = p->core_filter;
	out->oom_score_adj = p->oom_score_adj;
	memcpy(out->limits, p->limits, sizeof(out->limits));
	stat_signals(p, t, out);
	out->personality = p->personality;
	out->children = p->children_usage;
	if (thread) {
		usage_of_thread(thread, &out->used);
		memset(out->children.io, 0, sizeof(out->children.io));
	} else {
		process_usage_locked(p, &out->used);
	}
	out->start_ns = p->start_ns;
	str_copy(out->comm, p->comm, sizeof(out->comm));
	if (t) {
		stat_thread(t, out);
		out->no_new_privs = t->thread.no_new_privs;
		out->traceable = process_may_trace(&t->thread);
		out->sleeps = out->traceable && out->state != 'R' && (thread || out->threads < 2);
		out->seccomp = t->seccomp;
		out->filters = seccomp_depth(t);
		if (t->thread.fs)
			out->umask = READ_ONCE(t->thread.fs->umask);
		if (t->thread.caps)
			out->fd_slots = rcu_dereference(t->thread.caps->table)->slots_max;
	}
	out->cred = t ? thread_cred_get(&t->thread) : cred_get(p->cred ? p->cred : &cred_root);
	return 0;
}
