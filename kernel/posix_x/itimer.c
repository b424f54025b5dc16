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
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	u64 expires_ns = p->itimers[ITIMER_REAL].expires_ns;

	/* else it was stopped or set anew meanwhile: itimer_change does not wait for us */
	if (expires_ns && expires_ns <= clock_monotonic())
		signal_notice_locked(p, NULL, SIGALRM);
}

/* itimer_real_taken_locked - SIGALRM came off the queue: a periodic timer goes on from its last
 * time. */
void itimer_real_taken_locked(struct process *p)
{
	struct itimer *it = &p->itimers[ITIMER_REAL];

	if (!it->expires_ns || !it->interval_ns || timer_remaining(&p->real_timer))
		return;
	(void)ns_periods_past(&it->expires_ns, it->interval_ns, clock_monotonic());
	timer_start(&p->real_timer, it->expires_ns);
}

static u64 nearest(u64 best, u64 limit, u64 used)
{
	u64 left = limit > used ? limit - used : 0;

	return limit && left < best ? left : best;
}

/* CPU time as each timer counts it: user, user and system. */
static void cpu_used_locked(struct process *p, u64 used[ITIMERS])
{
	process_cpu_times_locked(p, &used[ITIMER_VIRTUAL], &used[ITIMER_PROF]);
	used[ITIMER_PROF] += used[ITIMER_VIRTUAL];
}

/* Arms the watch for the earliest moment at which a limit can be reached. Whose last thread has
 * begun to end has stopped it for good (itimers_exit): others may still set its limits. */
static void cpu_watch_arm_locked(struct process *p)
{
	u64 used[ITIMERS], left = NS_FOREVER;
	u32 parallel = MIN(p->thread_count, cpu_count);

	cpu_used_locked(p, used);
	for (u32 i = ITIMER_VIRTUAL; i < ITIMERS; i++)
		left = nearest(left, p->itimers[i].expires_ns, used[i]);
	left = nearest(left, p->rlimit_cpu_next_ns, used[ITIMER_PROF]);
	if (left != NS_FOREVER && __atomic_load_n(&p->live, __ATOMIC_RELAXED))
		timer_start(&p->cpu_watch,
			clock_monotonic() + MAX(left / MAX(parallel, 1u), CPU_WATCH_MIN_NS));
}

static void cpu_expire_locked(struct process *p, struct itimer *it, u64 used, int signo)
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
	u64 used[ITIMERS];

	cpu_used_locked(p, used);
	cpu_expire_locked(p, &p->itimers[ITIMER_VIRTUAL], used[ITIMER_VIRTUAL], SIGVTALRM);
	cpu_expire_locked(p, &p->itimers[ITIMER_PROF], used[ITIMER_PROF], SIGPROF);
	rlimit_cpu_locked(p, used[ITIMER_PROF]);
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

	for (u32 i = 0; i < ITIMERS; i++)
		p->itimers[i].expires_ns = 0;
	p->rlimit_cpu_next_ns = 0;
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

/* itimer_change - @new NULL: only look. */
int itimer_change(int which, const struct itimer_ns *new, struct itimer_ns *old)
{
	struct process *p = current->proc;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	u64 now[ITIMERS] = {[ITIMER_REAL] = clock_monotonic()};
	bool real = which == ITIMER_REAL;
	struct itimer *it;

	if (which < 0 || which >= ITIMERS)
		return -EINVAL;
	it = &p->itimers[which];
	if (!real)
		cpu_used_locked(p, now);
	old->interval_ns = it->interval_ns;
	old->value_ns = it->expires_ns > now[which] ? it->expires_ns - now[which] : 1;
	if (real ? !timer_remaining(&p->real_timer) : !it->expires_ns)
		old->value_ns = 0;
	if (!new)
		return 0;
	*it = (struct itimer){new->value_ns ? now[which] + new->value_ns : 0, new->interval_ns};
	if (!real) {
		cpu_watch_arm_locked(p);
		return 0;
	}
	(void)timer_cancel(&p->real_timer); /* one that fires at this moment sees what was set */
	if (it->expires_ns)
		timer_start(&p->real_timer, it->expires_ns);
	return 0;
}
