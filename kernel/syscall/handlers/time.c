/* Clocks and sleeping. Layer: syscall. Sources: clock_gettime(2), clock_nanosleep(2), nanosleep(2),
 * gettimeofday(2), time(2). */
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <exo/time.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_time.h>

#define SECONDS_MAX (INT64_MAX / (s64)NS_PER_SEC)

int time_from_user(u64 from, ns_t *out)
{
	struct timespec_abi ts;

	if (copy_from_user(&ts, (const void USER *)from, sizeof(ts)))
		return -EFAULT;
	if (ts.sec < 0 || (u64)ts.nsec >= NS_PER_SEC)
		return -EINVAL;
	/* Beyond what a signed count of ns holds is for ever, 292 years. */
	*out = ts.sec >= SECONDS_MAX ? (ns_t)INT64_MAX : (ns_t)ts.sec * NS_PER_SEC + (ns_t)ts.nsec;
	return 0;
}

int time_to_user(u64 to, ns_t t)
{
	struct timespec_abi ts = {(s64)(t / NS_PER_SEC), (s64)(t % NS_PER_SEC)};

	return copy_to_user((void USER *)to, &ts, sizeof(ts));
}

int moment_from_user(u64 from, s32 clock, ns_t *out)
{
	int err;

	*out = NS_FOREVER;
	if (!from)
		return 0;
	err = time_from_user(from, out);
	if (!err)
		*out = clock == CLOCK_FROM_NOW ? ns_add(clock_monotonic(), *out)
					       : clock_to_monotonic(clock, *out);
	return err;
}

int timeout_from_user(u64 from, ns_t *out)
{
	return moment_from_user(from, CLOCK_FROM_NOW, out);
}

/* The CPU clock that a negative id names. */
static int cpu_clock(s32 id, ns_t *out)
{
	u32 kind = (u32)id & CPU_CLOCK_KIND;
	pid_t who = ~(id >> 3);
	u64 user, system;

	if (kind > CPU_CLOCK_SCHED)
		return -EINVAL;
	if ((u32)id & CPU_CLOCK_THREAD) {
		struct thread *t SCOPED(thread_put_at) = thread_find(who ? who : current->tid);

		/* another process's threads have no such clock */
		if (!t || t->proc != current->proc)
			return -EINVAL;
		thread_cpu_times(t, &user, &system);
	} else {
		struct process *p SCOPED(process_put_at) =
			process_find(who ? who : process_pid(current->proc));

		if (!p)
			return -EINVAL;
		process_cpu_times(p, &user, &system);
	}
	*out = kind == CPU_CLOCK_VIRT ? user : user + system;
	return 0;
}

static int clock_read(s32 id, ns_t *out)
{
	u64 user, system;

	if (id < 0)
		return cpu_clock(id, out);
	if (id != CLOCK_PROCESS_CPUTIME_ID)
		return clock_get(id, out);
	process_cpu_times(current->proc, &user, &system);
	*out = user + system;
	return 0;
}

long sys_clock_gettime(u64 id, u64 to)
{
	ns_t now;
	int err = clock_read((s32)id, &now);

	return err ? err : time_to_user(to, now);
}

long sys_clock_getres(u64 id, u64 to)
{
	ns_t now;
	int err = clock_read((s32)id, &now);

	if (err || !to)
		return err;
	return time_to_user(
		to, (s32)id == CLOCK_REALTIME_COARSE || (s32)id == CLOCK_MONOTONIC_COARSE
			    ? 4 * NS_PER_MS
			    : 1);
}

long sys_clock_settime(u64 id, u64 from)
{
	ns_t t;
	int err;

	if ((s32)id != CLOCK_REALTIME)
		return -EINVAL;
	err = time_from_user(from, &t);
	if (err)
		return err;
	if (!cred_capable(current->cred, LCAP_SYS_TIME))
		return -EPERM;
	return clock_set_realtime(t);
}

long sys_gettimeofday(u64 tv_to, u64 tz_to)
{
	ns_t now = clock_realtime();
	struct timeval_abi tv = {(s64)(now / NS_PER_SEC), (s64)(now % NS_PER_SEC / NS_PER_US)};
	struct timezone_abi tz;

	if (tv_to && copy_to_user((void USER *)tv_to, &tv, sizeof(tv)))
		return -EFAULT;
	clock_get_timezone(&tz.minuteswest, &tz.dsttime);
	if (tz_to && copy_to_user((void USER *)tz_to, &tz, sizeof(tz)))
		return -EFAULT;
	return 0;
}

long sys_settimeofday(u64 tv_from, u64 tz_from)
{
	struct timeval_abi tv = {0};
	struct timezone_abi tz = {0};
	int err = 0;

	if (tv_from) {
		if (copy_from_user(&tv, (const void USER *)tv_from, sizeof(tv)))
			return -EFAULT;
		if (tv.sec < 0 || tv.sec >= SECONDS_MAX || (u64)tv.usec >= 1000000)
			return -EINVAL;
	}
	if (tz_from && copy_from_user(&tz, (const void USER *)tz_from, sizeof(tz)))
		return -EFAULT;
	if (!cred_capable(current->cred, LCAP_SYS_TIME))
		return -EPERM;
	if (tz_from) {
		if (tz.minuteswest > 15 * 60 || tz.minuteswest < -15 * 60)
			return -EINVAL;
		clock_set_timezone(tz.minuteswest, tz.dsttime);
	}
	if (tv_from)
		err = clock_set_realtime((ns_t)tv.sec * NS_PER_SEC + (ns_t)tv.usec * NS_PER_US);
	return err;
}

long sys_time(u64 to)
{
	s64 now = (s64)(clock_realtime() / NS_PER_SEC);

	if (to && copy_to_user((void USER *)to, &now, sizeof(now)))
		return -EFAULT;
	return now;
}

/* ---- sleeping ---- */
static long sleep_relative(ns_t deadline, u64 rest_to);

static long sleep_again(struct restart_block *rb)
{
	return sleep_relative(rb->args[0], rb->args[1]);
}

static long sleep_relative(ns_t deadline, u64 rest_to)
{
	struct restart_block *rb;
	ns_t now;

	if (!thread_sleep_until(deadline, WAIT_INTERRUPTIBLE))
		return 0;
	now = clock_monotonic();
	if (now >= deadline)
		return 0;
	if (rest_to && time_to_user(rest_to, deadline - now))
		return -EFAULT;
	rb = restart_block_current();
	rb->fn = sleep_again;
	rb->args[0] = deadline;
	rb->args[1] = rest_to;
	return -ERESTART_RESTARTBLOCK;
}

/* Until a time of day: whoever sets the clock wakes us to compute anew. */
static long sleep_until_realtime(ns_t target)
{
	for (;;) {
		u32 seen = clock_set_count();
		ns_t now = clock_realtime();
		int err;

		if (now >= target)
			return 0;
		err = wait_event_timeout(&clock_set_waiters, clock_set_count() != seen,
			clock_monotonic() + (target - now));
		if (err == -ERESTARTSYS)
			return -ERESTARTNOHAND;
	}
}

long sys_nanosleep(u64 from, u64 rest_to)
{
	ns_t ns;
	int err = time_from_user(from, &ns);

	return err ? err : sleep_relative(ns_add(clock_monotonic(), ns), rest_to);
}

#define SLEEP_CLOCKS \
	(BIT(CLOCK_REALTIME) | BIT(CLOCK_TAI) | BIT(CLOCK_MONOTONIC) | BIT(CLOCK_BOOTTIME))
#define OTHER_CLOCKS \
	(BIT(CLOCK_PROCESS_CPUTIME_ID) | BIT(CLOCK_REALTIME_ALARM) | BIT(CLOCK_BOOTTIME_ALARM))

long sys_clock_nanosleep(u64 id, u64 flags, u64 from, u64 rest_to)
{
	bool absolute = flags & TIMER_ABSTIME;
	u64 bit = BIT(id & 31);
	ns_t ns;
	int err;

	if ((u32)id >= 32 || !(bit & (SLEEP_CLOCKS | OTHER_CLOCKS)))
		return -EINVAL;
	if (bit & OTHER_CLOCKS)
		return -EOPNOTSUPP;
	err = time_from_user(from, &ns);
	if (err)
		return err;
	if (!absolute)
		return sleep_relative(ns_add(clock_monotonic(), ns), rest_to);
	if ((s32)id == CLOCK_REALTIME || (s32)id == CLOCK_TAI)
		return sleep_until_realtime(ns);
	return thread_sleep_until(ns, WAIT_INTERRUPTIBLE) ? -ERESTARTNOHAND : 0;
}
