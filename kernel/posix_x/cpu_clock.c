/* CPU clocks: the time that a process, or a thread of one's own, has run. Layer: posix_x.
 *
 * Nothing ticks: who waits for such a clock asks when it can show a value at the earliest, sleeps
 * until then and looks again. It moves at most as fast as the clock on the wall times the threads
 * that can run at once.
 *
 * Locks: takes process->lock; any context.
 *
 * Source: clock_getcpuclockid(3), clock_nanosleep(2), timer_create(2). */
#include "posix_x_internal.h"

#define LOOK_AGAIN_NS NS_PER_MS

int clock_waits(s32 id)
{
	const u32 alarms = BIT(CLOCK_REALTIME_ALARM) | BIT(CLOCK_BOOTTIME_ALARM);
	const u32 able = BIT(CLOCK_REALTIME) | BIT(CLOCK_MONOTONIC) | BIT(CLOCK_BOOTTIME) |
			 BIT(CLOCK_TAI) | BIT(CLOCK_PROCESS_CPUTIME_ID) |
			 BIT(CLOCK_THREAD_CPUTIME_ID) | alarms;
	bool device = ((u32)id & (CPU_CLOCK_KIND | CPU_CLOCK_THREAD)) == CPU_CLOCK_KIND;

	if (id < 0 ? !device : id <= CLOCK_TAI && able >> id & 1)
		return id < 0 || !(alarms >> id & 1) || cred_capable(current->cred, LCAP_WAKE_ALARM)
			       ? 0
			       : -EPERM;
	return id >= 0 && !clock_now(id) ? -EINVAL : -EOPNOTSUPP;
}

int cpu_clock_find(s32 id, struct cpu_clock *out)
{
	pid_t who = id < 0 ? ~(id >> 3) : 0, tid = 0;
	u32 kind = id == CLOCK_PROCESS_CPUTIME_ID  ? CPU_CLOCK_SCHED
		   : id == CLOCK_THREAD_CPUTIME_ID ? CPU_CLOCK_SCHED | CPU_CLOCK_THREAD
						   : (u32)id;
	struct process *p;

	*out = (struct cpu_clock){.process = NULL};
	if (id >= 0 && id != CLOCK_PROCESS_CPUTIME_ID && id != CLOCK_THREAD_CPUTIME_ID)
		return 0;
	if ((kind & CPU_CLOCK_KIND) == CPU_CLOCK_KIND)
		return -EINVAL;
	if (kind & CPU_CLOCK_THREAD) {
		tid = who ? who : current->tid;
		who = thread_is_own(tid) ? 0 : -1;
	}
	p = process_find(who ? who : current->proc->nr);
	if (!p)
		return -EINVAL;
	*out = (struct cpu_clock){p, tid, (kind & CPU_CLOCK_KIND) == CPU_CLOCK_VIRT};
	return 0;
}

/* What it shows. Return: how many threads can move it at once. */
static u32 look(const struct cpu_clock *c, ns_t *now)
{
	struct thread *t SCOPED(thread_put_at) = c->tid ? thread_find(c->tid) : NULL;
	u64 user = 0, system = 0;
	u32 movers = 0;

	if (!c->tid) {
		struct spin_guard g SCOPED(spin_unguard) = process_guard(c->process);

		process_cpu_times_locked(c->process, &user, &system);
		movers = MIN(c->process->thread_count, cpu_count);
	} else if (t && t->proc == c->process) { /* else another has its number */
		thread_cpu_times(t, &user, &system);
		system = thread_cpu_time(t) - user; /* both as shown may be more than all */
		movers = 1;
	}
	*now = c->user_only ? user : user + system;
	return movers;
}

ns_t cpu_clock_now(const struct cpu_clock *c)
{
	ns_t now;

	(void)look(c, &now);
	return now;
}

ns_t cpu_clock_reaches(const struct cpu_clock *c, ns_t value)
{
	ns_t now;
	u32 movers = look(c, &now);

	if (value <= now)
		return 1;
	return movers ? ns_add(clock_monotonic(), MAX((value - now) / movers, LOOK_AGAIN_NS))
		      : NS_FOREVER;
}

bool cpu_clock_ended(const struct cpu_clock *c)
{
	ns_t now;

	return c->tid ? !look(c, &now) : READ_ONCE(c->process->state) == PROC_REAPED;
}
