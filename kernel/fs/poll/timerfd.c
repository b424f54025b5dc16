/* timerfd: a timer to wait on. Layer: fs.
 *
 * A timer is where it expires next and its interval; how often it has expired follows from the
 * clock when somebody asks. The kernel's timer only wakes those who wait, and is armed again by
 * whoever takes the expirations, or by itself after the clock was set.
 *
 * Locks: `lock` (POSIX_TIMER, irq). Source: timerfd_create(2). */
#include <exo/errno.h>
#include <exo/fs.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/time.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/native.h>
#include <exo_abi/linux_time.h>

#include "epoll.h"

struct timerfd {
	spinlock_t lock;
	struct clock_timer timer; /* by: [lock; sleepers read] */
	struct waitqueue wq;
	ns_t expires_ns;  /* [lock; sleepers read] 0 = off */
	ns_t interval_ns; /* [lock] 0 = once */
	s64 ticks;        /* [lock; sleepers read] expirations before those that are due */
	u32 set_count;    /* [lock; sleepers read] clock_set_count() that is known, */
	bool cancels;     /* [lock; sleepers read] and another is an event */
};

static bool is_cancelled(const struct timerfd *t)
{
	return READ_ONCE(t->cancels) && READ_ONCE(t->set_count) != clock_set_count();
}

static bool is_due(const struct timerfd *t)
{
	ns_t at = READ_ONCE(t->expires_ns);

	return READ_ONCE(t->ticks) || (at && clock_now(READ_ONCE(t->timer.by)) >= at) ||
	       is_cancelled(t);
}

static void arm_locked(struct timerfd *t)
{
	if (t->expires_ns || t->cancels)
		clock_timer_start(&t->timer, t->expires_ns ? t->expires_ns : NS_FOREVER - 1);
	if (is_cancelled(t)) /* and the timer was not queued yet */
		timer_start(&t->timer.timer, 0);
}

/* Expirations that are due are ticks: the clock may be set back. */
static void count_locked(struct timerfd *t)
{
	ns_t at = t->expires_ns, now = clock_now(t->timer.by);

	if (!at || now < at)
		return;
	WRITE_ONCE(t->ticks,
		t->ticks + (t->interval_ns ? (s64)ns_periods_past(&at, t->interval_ns, now) : 1));
	WRITE_ONCE(t->expires_ns, t->interval_ns ? at : 0);
}

static void expired(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer.timer);
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&t->lock);

	count_locked(t);
	if (is_due(t))
		wake_all(&t->wq, POLL_IN | POLL_RDNORM);
	else
		arm_locked(t);
}

/* The expirations so far, which are forgotten | -EAGAIN none | -ECANCELED. */
static s64 take(struct timerfd *t)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&t->lock);
	s64 ticks;

	count_locked(t);
	ticks = is_cancelled(t) ? -ECANCELED : t->ticks ? t->ticks : -EAGAIN;
	if (ticks == -EAGAIN)
		return ticks;
	WRITE_ONCE(t->ticks, 0);
	WRITE_ONCE(t->set_count, clock_set_count());
	arm_locked(t);
	return ticks;
}

static ssize_t timerfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct timerfd *t = f->priv;
	s64 ticks;
	int err;

	if (u->left < sizeof(ticks))
		return -EINVAL;
	while ((ticks = take(t)) == -EAGAIN) {
		err = io_wait(f->flags | u->flags, &t->wq, is_due(t));
		if (err)
			return err;
	}
	if (ticks < 0)
		return ticks;
	return uio_write(u, &ticks, sizeof(ticks)) == sizeof(ticks) ? (ssize_t)sizeof(ticks)
								    : -EFAULT;
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->priv;

	poll_wait(pt, f, &t->wq);
	return is_due(t) ? POLL_IN | POLL_RDNORM : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->priv;

	(void)timer_cancel_sync(&t->timer.timer);
	kfree(t);
}

static const struct file_ops timerfd_ops = {.anon_name = "anon_inode:[timerfd]",
	.nowait = true,
	.exo_type = EXO_TYPE_TIMER,
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release};

struct file *timerfd_create_file(int clock, u32 o_flags)
{
	bool alarm = clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
	struct timerfd *t;

	if (!alarm && clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME &&
		clock != CLOCK_BOOTTIME)
		return err_ptr(-EINVAL);
	if (alarm && !cred_capable(current->cred, LCAP_WAKE_ALARM))
		return err_ptr(-EPERM);
	t = kzalloc(sizeof(*t), ALLOC_KERNEL);
	if (!t)
		return err_ptr(-ENOMEM);
	spin_init(&t->lock, RANK_POSIX_TIMER);
	waitqueue_init(&t->wq);
	clock_timer_init(&t->timer, clock, expired);
	return file_create_owning(&timerfd_ops, O_RDWR | (o_flags & O_NONBLOCK), t);
}

int timerfd_setting(struct file *f, u32 flags, const struct itimer_ns *new, struct itimer_ns *old)
{
	struct timerfd *t = f->priv;
	bool cancelled;
	ns_t now;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&t->lock);
	count_locked(t);
	now = clock_now(t->timer.by);
	*old = (struct itimer_ns){t->interval_ns, t->expires_ns > now ? t->expires_ns - now : 0};
	if (!new)
		return 0;
	(void)timer_cancel(&t->timer.timer);
	cancelled = is_cancelled(t);
	t->timer.by = clock_of_timer(t->timer.clock, flags & TFD_TIMER_ABSTIME);
	t->cancels = t->timer.by == CLOCK_REALTIME && flags & TFD_TIMER_CANCEL_ON_SET;
	t->set_count = clock_set_count();
	t->ticks = 0;
	t->interval_ns = new->interval_ns;
	WRITE_ONCE(t->expires_ns, !new->value_ns ? 0
				  : flags &TFD_TIMER_ABSTIME
					  ? new->value_ns
					  : ns_add(clock_monotonic(), new->value_ns));
	arm_locked(t);
	return cancelled && t->cancels ? -ECANCELED : 0;
}
