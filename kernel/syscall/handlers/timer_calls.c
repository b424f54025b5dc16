/* Interval timers and POSIX timers. Layer: syscall. */
#include <exo/fs.h>
#include <exo/posix_calls.h>
#include <exo/syscalls.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_signal.h>
#include <exo_abi/linux_time.h>

#include "../../fs/poll/epoll.h"

static struct pair_abi from_ns(u64 ns, u64 unit)
{
	return (struct pair_abi){(s64)(ns / NS_PER_SEC), (s64)(ns % NS_PER_SEC / unit)};
}

static int interval_from_user(u64 from, u64 unit, struct itimer_ns *out)
{
	struct interval_abi u;
	int err;

	if (copy_from_user(&u, (const void USER *)from, sizeof(u)))
		return -EFAULT;
	err = time_of_pair(&u.interval, unit, &out->interval_ns);
	return err ? err : time_of_pair(&u.value, unit, &out->value_ns);
}

static int interval_to_user(u64 to, u64 unit, const struct itimer_ns *t)
{
	struct interval_abi u = {from_ns(t->interval_ns, unit), from_ns(t->value_ns, unit)};

	if (t->value_ns && !u.value.sec && !u.value.part)
		u.value.part = 1; /* running, so not 0 */
	return copy_to_user((void USER *)to, &u, sizeof(u));
}

long sys_getitimer(u64 which, u64 to)
{
	struct itimer_ns old;
	int err = itimer_change((int)which, NULL, &old);

	return err ? err : interval_to_user(to, NS_PER_US, &old);
}

long sys_setitimer(u64 which, u64 from, u64 to)
{
	struct itimer_ns new = {0}, old;
	int err = from ? interval_from_user(from, NS_PER_US, &new) : 0;

	if (!err)
		err = itimer_change((int)which, &new, &old);
	if (!err && to)
		err = interval_to_user(to, NS_PER_US, &old);
	return err;
}

long sys_alarm(u64 seconds)
{
	struct itimer_ns new = {.value_ns = (u64)(u32)seconds * NS_PER_SEC}, old;
	u64 left;

	if (itimer_change(ITIMER_REAL, &new, &old))
		return 0;
	left = (old.value_ns + NS_PER_SEC / 2) / NS_PER_SEC;
	return old.value_ns && !left ? 1 : (long)left;
}

long sys_timer_create(u64 clock, u64 uevent, u64 uid)
{
	struct sigevent_abi ev;
	long id;

	if (uevent && copy_from_user(&ev, (const void USER *)uevent, sizeof(ev)))
		return -EFAULT;
	id = posix_timer_create((int)clock, uevent ? &ev : NULL);
	if (id < 0)
		return id;
	if (put_user_u32((u32 USER *)uid, (u32)id))
		return posix_timer_delete((s32)id) ? -EINVAL : -EFAULT;
	return 0;
}

long sys_timer_settime(u64 id, u64 flags, u64 from, u64 to)
{
	struct itimer_ns new, old;
	int err;

	if (!from)
		return -EINVAL;
	err = interval_from_user(from, 1, &new);
	if (!err)
		err = posix_timer_change((s32)id, flags & TIMER_ABSTIME, &new, &old);
	if (!err && to)
		err = interval_to_user(to, 1, &old);
	return err;
}

long sys_timer_gettime(u64 id, u64 to)
{
	struct itimer_ns now;
	int err = posix_timer_change((s32)id, false, NULL, &now);

	return err ? err : interval_to_user(to, 1, &now);
}

/* ---- timerfd ---- */

long sys_timerfd_create(u64 clock, u64 flags)
{
	if (flags & ~(u64)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	return fd_install_new(timerfd_create_file((int)clock, (u32)flags), (u32)flags);
}

static long timerfd_change(u64 nr, u32 rights, u64 flags, const struct itimer_ns *new, u64 to)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)nr, rights);
	struct itimer_ns old;
	long err = is_err(fd.file) ? ptr_err(fd.file)
				   : timerfd_setting(fd.file, (u32)flags, new, &old);

	return err || (new && !to) ? err : interval_to_user(to, 1, &old);
}

long sys_timerfd_settime(u64 fd, u64 flags, u64 from, u64 to)
{
	struct itimer_ns new;
	int err;

	if (flags & ~(u64)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	err = interval_from_user(from, 1, &new);
	return err ? err : timerfd_change(fd, CAP_SIGNAL, flags, &new, to);
}

long sys_timerfd_gettime(u64 fd, u64 to)
{
	return timerfd_change(fd, CAP_STAT, 0, NULL, to);
}
