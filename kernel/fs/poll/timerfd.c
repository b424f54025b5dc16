/* timerfd: a timer to wait on. Layer: fs.
 * Expirations are not counted as they come: what has passed is worked out from the clock when
 * somebody asks, and a periodic timer is armed again when it is read. So nobody pays for one that
 * nobody reads. A timer that a set clock cancels waits in that clock's queue. Locks: lock
 * (POSIX_TIMER, irq). Source: timerfd_create(2). */
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/sched.h>
#include <exo/time.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_time.h>
#include <exo_abi/native.h>

#include "epoll.h"

struct timerfd {
	spinlock_t lock;
	struct timer timer;
	struct waitqueue wq;
	int clock;       /* [c] */
	bool armed;      /* [lock] */
	bool cancel;     /* [lock; sleepers read] a set clock ends a wait with ECANCELED */
	u32 clock_seen;  /* [lock] clock_set_count when it was set */
	s64 expires_ns;  /* [lock] CLOCK_MONOTONIC; before the boot for a time of day long past */
	s64 interval_ns; /* [lock] */
};

/* Expirations not yet read. Lock held, or racy for a poll. */
static u64 ticks(const struct timerfd *t)
{
	s64 late = (s64)clock_monotonic() - READ_ONCE(t->expires_ns);
	s64 interval = READ_ONCE(t->interval_ns);

	if (!READ_ONCE(t->armed) || late < 0)
		return 0;
	return interval ? (u64)(late / interval) + 1 : 1;
}

static bool cancelled(const struct timerfd *t)
{
	return READ_ONCE(t->cancel) && clock_set_count() != READ_ONCE(t->clock_seen);
}

static bool ready(const struct timerfd *t)
{
	return ticks(t) || cancelled(t);
}

static void timerfd_fire(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);

	wake_all(&t->wq, POLL_IN | POLL_RDNORM);
	if (READ_ONCE(t->cancel))
		wake_all(&clock_set_waiters, POLL_IN | POLL_RDNORM);
}

static ssize_t timerfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct timerfd *t = f->priv;
	ssize_t err = 0;
	ulong flags;
	u64 n;

	if (u->left < sizeof(n))
		return -EINVAL;
	for (;;) {
		if (!ready(t) && f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event(READ_ONCE(t->cancel) ? &clock_set_waiters : &t->wq, ready(t));
		if (err)
			return err;
		flags = spin_lock_irq(&t->lock);
		n = ticks(t);
		if (cancelled(t)) {
			t->clock_seen = clock_set_count();
			err = -ECANCELED;
		} else if (n && t->interval_ns) {
			t->expires_ns += (s64)n * t->interval_ns;
			timer_start(&t->timer, (ns_t)t->expires_ns);
		} else if (n) {
			t->armed = false;
		}
		spin_unlock_irq(&t->lock, flags);
		if (err)
			return err;
		if (n)
			return uio_write(u, &n, sizeof(n)) == sizeof(n) ? (ssize_t)sizeof(n)
									: -EFAULT;
	}
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->priv;

	poll_wait(pt, f, &t->wq);
	poll_wait(pt, f, &clock_set_waiters);
	return ready(t) ? POLL_IN | POLL_RDNORM : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->priv;

	timer_cancel_sync(&t->timer);
	kfree(t);
}

static const struct file_ops timerfd_ops = {.anon_name = "anon_inode:[timerfd]",
	.exo_type = EXO_TYPE_TIMER,
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release};

int timerfd_change(
	struct file *f, u32 set_flags, const struct itimer_ns *new, struct itimer_ns *old)
{
	struct timerfd *t = f->priv;
	s64 now = (s64)clock_monotonic();
	bool day = f->ops == &timerfd_ops && t->clock == CLOCK_REALTIME;
	ulong flags;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	flags = spin_lock_irq(&t->lock);
	old->interval_ns = (u64)t->interval_ns;
	old->value_ns = 0;
	if (t->armed && (t->interval_ns || !ticks(t)))
		old->value_ns = (u64)(t->expires_ns + (s64)ticks(t) * t->interval_ns - now);
	if (new) {
		t->interval_ns = (s64) new->interval_ns;
		t->armed = new->value_ns != 0;
		t->cancel = day && (set_flags & (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) ==
					   (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
		t->clock_seen = clock_set_count();
		t->expires_ns = (s64) new->value_ns;
		if (!(set_flags & TFD_TIMER_ABSTIME))
			t->expires_ns = (s64)MIN(new->value_ns + (u64)now, (u64)INT64_MAX);
		else if (day)
			t->expires_ns += now - (s64)clock_realtime();
		if (t->armed)
			timer_start(&t->timer, (ns_t)MAX(t->expires_ns, (s64)0));
		else
			timer_cancel(&t->timer);
	}
	spin_unlock_irq(&t->lock, flags);
	return 0;
}

struct file *timerfd_create_file(int clock, u32 o_flags)
{
	struct timerfd *t = kzalloc(sizeof(*t), ALLOC_KERNEL);
	struct file *f;

	if (!t)
		return err_ptr(-ENOMEM);
	spin_init(&t->lock, RANK_POSIX_TIMER);
	timer_init(&t->timer, timerfd_fire);
	waitqueue_init(&t->wq);
	t->clock = clock;
	f = file_create(&timerfd_ops, NULL, O_RDWR | (o_flags & O_NONBLOCK), t);
	if (is_err(f))
		kfree(t);
	return f;
}
