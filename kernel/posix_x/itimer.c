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
	signal_notice(container_of(timer, struct process, real_timer), SIGALRM);
}

/* itimer_real_taken_locked - SIGALRM came off the queue: a periodic timer goes on from its last
 * time. */
void itimer_real_taken_locked(struct process *p)
{
	if (!p->real_interval_ns || timer_remaining(&p->real_timer))
		return;
	(void)ns_periods_past(&p->real_expires_ns, p->real_interval_ns, clock_monotonic());
	timer_start(&p->real_timer, p->real_expires_ns);
}

static u64 nearest(u64 best, u64 limit, u64 used)
{
	u64 left = limit > used ? limit - used : 0;

	return limit && left < best ? left : best;
}

/* CPU time as each of cpu_timers counts it: user, user and system. */
static void cpu_used_locked(struct process *p, u64 used[2])
{
	process_cpu_times_locked(p, &used[0], &used[1]);
	used[1] += used[0];
}

/* Arms the watch for the earliest moment at which a limit can be reached. Whose last thread has
 * begun to end has stopped it for good (itimers_exit): others may still set its limits. */
static void cpu_watch_arm_locked(struct process *p)
{
	u64 used[2], left = NS_FOREVER;
	u32 parallel = MIN(p->thread_count, cpu_count);

	cpu_used_locked(p, used);
	for (u32 i = 0; i < 2; i++)
		left = nearest(left, p->cpu_timers[i].expires_ns, used[i]);
	left = nearest(left, p->rlimit_cpu_next_ns, used[1]);
	if (left != NS_FOREVER && __atomic_load_n(&p->live, __ATOMIC_RELAXED))
		timer_start(&p->cpu_watch,
			clock_monotonic() + MAX(left / MAX(parallel, 1u), CPU_WATCH_MIN_NS));
}

static void cpu_expire_locked(struct process *p, struct cpu_itimer *it, u64 used, int signo)
{
	if (!it->expires_ns || used < it->expires_ns)
		return;
	if (it->interval_ns)
		(void)ns_periods_past(&it->expires_ns, it->interval_ns, used);
	else
		it->expires_ns = 0;
	signal_notice_locked(p, NULL, signo);
}

static void rlimit_cpu_locked(struct process *p, u64 used)
{
	const struct rlimit64 *l = &p->limits[RLIM_CPU];

	if (!p->rlimit_cpu_next_ns || used < p->rlimit_cpu_next_ns)
		return;
	if (l->max != RLIM_INFINITY && used / NS_PER_SEC >= l->max) {
		p->rlimit_cpu_next_ns = 0;
		signal_group_exit_locked(p, SIGKILL);
		return;
	}
	p->rlimit_cpu_next_ns += NS_PER_SEC;
	signal_notice_locked(p, NULL, SIGXCPU);
}

static void cpu_watch_fire(struct timer *timer)
{
	struct process *p = container_of(timer, struct process, cpu_watch);
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	u64 used[2];

	cpu_used_locked(p, used);
	cpu_expire_locked(p, &p->cpu_timers[0], used[0], SIGVTALRM);
	cpu_expire_locked(p, &p->cpu_timers[1], used[1], SIGPROF);
	rlimit_cpu_locked(p, used[1]);
	if (!(p->flags & PROC_GROUP_EXIT))
		cpu_watch_arm_locked(p);
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
	p->cpu_timers[0].expires_ns = p->cpu_timers[1].expires_ns = p->rlimit_cpu_next_ns = 0;
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

static void real_change_locked(
	struct process *p, const struct itimer_ns *new, struct itimer_ns *old)
{
	old->interval_ns = p->real_interval_ns;
	old->value_ns = timer_remaining(&p->real_timer);
	if (!new)
		return;
	/* one that fires at this moment is as good as one before */
	(void)timer_cancel(&p->real_timer);
	p->real_interval_ns = new->interval_ns;
	if (new->value_ns) {
		p->real_expires_ns = clock_monotonic() + new->value_ns;
		timer_start(&p->real_timer, p->real_expires_ns);
	}
}

/* itimer_change - @new NULL: only look. */
int itimer_change(int which, const struct itimer_ns *new, struct itimer_ns *old)
{
	struct process *p = current->proc;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	struct cpu_itimer *it = &p->cpu_timers[which == ITIMER_PROF];
	u64 times[2], used;

	if (which == ITIMER_REAL) {
		real_change_locked(p, new, old);
		return 0;
	}
	if (which != ITIMER_VIRTUAL && which != ITIMER_PROF)
		return -EINVAL;
	cpu_used_locked(p, times);
	used = times[which == ITIMER_PROF];
	old->interval_ns = it->interval_ns;
	old->value_ns = !it->expires_ns ? 0 : it->expires_ns > used ? it->expires_ns - used : 1;
	if (new) {
		it->interval_ns = new->interval_ns;
		it->expires_ns = new->value_ns ? new->value_ns + used : 0;
		cpu_watch_arm_locked(p);
	}
	return 0;
}
