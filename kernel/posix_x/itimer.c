/* Interval timers of a process and the limit on its CPU time. Layer: posix_x.
 *
 * ITIMER_REAL is a timer of the clock. CPU time passes only while threads run, at most as fast as
 * the clock times the threads that can run at once: so one clock timer (cpu_watch) looks again when
 * the nearest limit could be reached at the earliest. No tick is needed, and a process without such
 * limits pays nothing. A periodic ITIMER_REAL is armed again when its SIGALRM is taken, so that an
 * unread one cannot flood the CPU.
 *
 * Locks: process->lock; timer functions run in interrupt context.
 *
 * Source: setitimer(2), getrlimit(2) RLIMIT_CPU. */
#include <exo/log.h>
#include "posix_x_internal.h"

#define CPU_WATCH_MIN_NS NS_PER_MS

static void real_fire(struct timer *timer)
{
	struct process *p = container_of(timer, struct process, real_timer);
	struct siginfo info;

	siginfo_fill(&info, SIGALRM, SI_KERNEL);
	(void)signal_send_process(p, &info);
}

/* itimer_real_taken_locked - SIGALRM came off the queue: a periodic timer goes on from its last
 * time. */
void itimer_real_taken_locked(struct process *p)
{
	ns_t now;

	if (!p->real_interval_ns || timer_remaining(&p->real_timer))
		return;
	now = clock_monotonic();
	if (now >= p->real_expires_ns)
		p->real_expires_ns += ((now - p->real_expires_ns) / p->real_interval_ns + 1) *
				      p->real_interval_ns;
	timer_start(&p->real_timer, p->real_expires_ns);
}

static u64 nearest(u64 best, u64 limit, u64 used)
{
	u64 left = limit > used ? limit - used : 0;

	return limit && left < best ? left : best;
}

/* Arms the watch for the earliest moment at which a limit can be reached. */
static void cpu_watch_arm_locked(struct process *p)
{
	u64 user, system, left = NS_FOREVER;
	u32 parallel = MIN(p->thread_count, cpu_count);

	process_cpu_times_locked(p, &user, &system);
	left = nearest(left, p->virtual_timer.expires_ns, user);
	left = nearest(left, p->prof_timer.expires_ns, user + system);
	left = nearest(left, p->rlimit_cpu_next_ns, user + system);
	p->cpu_watched = left != NS_FOREVER;
	if (p->cpu_watched)
		timer_start(&p->cpu_watch,
			clock_monotonic() + MAX(left / MAX(parallel, 1u), CPU_WATCH_MIN_NS));
}

static void cpu_expire_locked(struct process *p, struct cpu_itimer *it, u64 used, int signo)
{
	struct siginfo info;

	if (!it->expires_ns || used < it->expires_ns)
		return;
	if (it->interval_ns)
		it->expires_ns += ((used - it->expires_ns) / it->interval_ns + 1) * it->interval_ns;
	else
		it->expires_ns = 0;
	siginfo_fill(&info, signo, SI_KERNEL);
	(void)signal_queue_locked(p, NULL, &info, false);
}

static void rlimit_cpu_locked(struct process *p, u64 used)
{
	const struct rlimit64 *l = &p->limits[RLIM_CPU];
	struct siginfo info;

	if (!p->rlimit_cpu_next_ns || used < p->rlimit_cpu_next_ns)
		return;
	if (l->max != RLIM_INFINITY && used / NS_PER_SEC >= l->max) {
		p->rlimit_cpu_next_ns = 0;
		signal_group_exit_locked(p, SIGKILL);
		return;
	}
	p->rlimit_cpu_next_ns += NS_PER_SEC;
	siginfo_fill(&info, SIGXCPU, SI_KERNEL);
	(void)signal_queue_locked(p, NULL, &info, false);
}

static void cpu_watch_fire(struct timer *timer)
{
	struct process *p = container_of(timer, struct process, cpu_watch);
	ulong flags = process_lock(p);
	u64 user, system;

	process_cpu_times_locked(p, &user, &system);
	cpu_expire_locked(p, &p->virtual_timer, user, SIGVTALRM);
	cpu_expire_locked(p, &p->prof_timer, user + system, SIGPROF);
	rlimit_cpu_locked(p, user + system);
	if (!(p->flags & PROC_GROUP_EXIT))
		cpu_watch_arm_locked(p);
	process_unlock(p, flags);
}

void itimers_init(struct process *p)
{
	timer_init(&p->real_timer, real_fire);
	timer_init(&p->cpu_watch, cpu_watch_fire);
}

void itimers_exit(struct process *p)
{
	ulong flags = process_lock(p);

	p->real_interval_ns = 0;
	p->virtual_timer.expires_ns = p->prof_timer.expires_ns = p->rlimit_cpu_next_ns = 0;
	process_unlock(p, flags);
	(void)timer_cancel_sync(&p->real_timer);
	(void)timer_cancel_sync(&p->cpu_watch);
}

/* rlimit_cpu_changed_locked - the soft limit counts from now on; 0 s means 1 s, as on Linux. */
void rlimit_cpu_changed_locked(struct process *p)
{
	u64 cur = p->limits[RLIM_CPU].cur;

	p->rlimit_cpu_next_ns = cur >= RLIM_INFINITY / NS_PER_SEC ? 0 : MAX(cur, 1ull) * NS_PER_SEC;
	cpu_watch_arm_locked(p);
}

static void cpu_itimer_get(const struct cpu_itimer *it, u64 used, struct itimer_ns *out)
{
	out->interval_ns = it->interval_ns;
	out->value_ns = !it->expires_ns ? 0 : it->expires_ns > used ? it->expires_ns - used : 1;
}

static void get_locked(struct process *p, int which, struct itimer_ns *out)
{
	u64 user, system;

	if (which == ITIMER_REAL) {
		out->interval_ns = p->real_interval_ns;
		out->value_ns = timer_remaining(&p->real_timer);
		return;
	}
	process_cpu_times_locked(p, &user, &system);
	if (which == ITIMER_VIRTUAL)
		cpu_itimer_get(&p->virtual_timer, user, out);
	else
		cpu_itimer_get(&p->prof_timer, user + system, out);
}

/* itimer_change - @new NULL: only look. */
int itimer_change(int which, const struct itimer_ns *new, struct itimer_ns *old)
{
	struct process *p = current->proc;
	struct cpu_itimer *it;
	u64 user, system;
	ulong flags;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	flags = process_lock(p);
	get_locked(p, which, old);
	if (!new)
		goto out;
	if (which == ITIMER_REAL) {
		(void)timer_cancel(&p->real_timer); /* one that fires at this moment is as good as
						       one before */
		p->real_interval_ns = new->interval_ns;
		if (new->value_ns) {
			p->real_expires_ns = clock_monotonic() + new->value_ns;
			timer_start(&p->real_timer, p->real_expires_ns);
		}
		goto out;
	}
	process_cpu_times_locked(p, &user, &system);
	it = which == ITIMER_VIRTUAL ? &p->virtual_timer : &p->prof_timer;
	it->interval_ns = new->interval_ns;
	it->expires_ns =
		!new->value_ns ? 0 : new->value_ns + user + (which == ITIMER_PROF ? system : 0);
	cpu_watch_arm_locked(p);
out:
	process_unlock(p, flags);
	return 0;
}
