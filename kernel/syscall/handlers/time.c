/* Clocks and sleeping. Layer: syscall. Sources: clock_gettime(2), clock_nanosleep(2), nanosleep(2),
 * gettimeofday(2), time(2). */
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <exo/time.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_time.h>

#define SECONDS_MAX (INT64_MAX / (s64)NS_PER_SEC)

int time_of_pair(const struct pair_abi *p, u64 unit_ns, ns_t *out)
{
	if (p->sec < 0 || (u64)p->part >= NS_PER_SEC / unit_ns)
		return -EINVAL;
	/* Beyond what a signed count of ns holds is for ever, 292 years. */
	*out = p->sec >= SECONDS_MAX ? (ns_t)INT64_MAX
				     : (ns_t)p->sec * NS_PER_SEC + (ns_t)p->part * unit_ns;
	return 0;
}

int time_from_user(u64 from, ns_t *out)
{
	struct pair_abi ts;

	if (copy_from_user(&ts, (const void USER *)from, sizeof(ts)))
		return -EFAULT;
	return time_of_pair(&ts, 1, out);
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
		*out = clock == CLOCK_FROM_NOW   ? ns_add(clock_monotonic(), *out)
		       : clock == CLOCK_REALTIME ? *out | NS_OF_DAY
						 : *out;
	return err;
}

static int clock_read(s32 id, ns_t *out)
{
	struct cpu_clock c SCOPED(cpu_clock_put);
	int err = cpu_clock_find(id, &c);

	if (err)
		return err;
	*out = c.process ? cpu_clock_now(&c) : clock_now(id);
	return c.process || *out ? 0 : -EINVAL;
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
static long sleep_until(s32 clock, ns_t target, bool absolute, u64 rest_to);

static long sleep_again(struct restart_block *rb)
{
	return sleep_until((s32)rb->args[0], rb->args[1], false, rb->args[2]);
}

/* Until @clock, one of clock_of_timer or a CPU clock, shows @target. Interrupted: if not @absolute,
 * the rest goes to @rest_to, and the call may go on. */
static long sleep_until(s32 clock, ns_t target, bool absolute, u64 rest_to)
{
	struct cpu_clock c SCOPED(cpu_clock_put);
	struct restart_block *rb;
	ns_t now;
	int err = cpu_clock_find(clock, &c);

	if (err)
		return err;
	do {
		err = thread_sleep_until(c.process                 ? cpu_clock_reaches(&c, target)
					 : clock == CLOCK_REALTIME ? target | NS_OF_DAY
								   : target,
			WAIT_INTERRUPTIBLE);
		now = c.process ? cpu_clock_now(&c) : clock_now(clock);
		if (now >= target)
			return 0;
	} while (!err);
	if (absolute)
		return -ERESTARTNOHAND;
	if (rest_to && time_to_user(rest_to, target - now))
		return -EFAULT;
	rb = restart_block_current();
	rb->fn = sleep_again;
	rb->args[0] = (u64)clock;
	rb->args[1] = target;
	rb->args[2] = rest_to;
	return -ERESTART_RESTARTBLOCK;
}

long sys_nanosleep(u64 from, u64 rest_to)
{
	ns_t ns;
	int err = time_from_user(from, &ns);

	return err ? err
		   : sleep_until(CLOCK_MONOTONIC, ns_add(clock_monotonic(), ns), false, rest_to);
}

long sys_clock_nanosleep(u64 id, u64 flags, u64 from, u64 rest_to)
{
	s32 clock = (s32)id;
	ns_t ns, now = 0;
	int err = clock == CLOCK_THREAD_CPUTIME_ID ? -EOPNOTSUPP : clock_waits(clock);

	if (!err)
		err = time_from_user(from, &ns);
	if (err)
		return err;
	/* A thread that sleeps on its own clock would not wake. */
	if (clock < 0 && (u32)clock & CPU_CLOCK_THREAD &&
		(~(clock >> 3) == 0 || ~(clock >> 3) == current->tid))
		return -EINVAL;
	if (clock >= 0 && clock != CLOCK_PROCESS_CPUTIME_ID)
		clock = clock_of_timer(clock, flags & TIMER_ABSTIME);
	if (!(flags & TIMER_ABSTIME)) {
		err = clock_read(clock, &now);
		ns = ns_add(now, ns);
	}
	return err ? err : sleep_until(clock, ns, flags & TIMER_ABSTIME, rest_to);
}
