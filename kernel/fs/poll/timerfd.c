/* timerfd: a timer to wait on. Layer: fs.
 *
 * A timer is where it expires next and its interval; how often it has expired follows from the
 * clock when somebody asks. The kernel's timer only wakes those who wait, and is armed again by
 * whoever takes the expirations.
 *
 * Locks: `lock` (POSIX_TIMER, irq) for expires_ns and interval_ns. Source: timerfd_create(2). */
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
	struct timer timer;
	struct waitqueue wq;
	int clock;        /* [c] */
	ns_t expires_ns;  /* [lock; sleepers read] CLOCK_MONOTONIC; 0 = off */
	ns_t interval_ns; /* [lock] 0 = once */
};

static void expired(struct timer *timer)
{
	wake_all(&container_of(timer, struct timerfd, timer)->wq, POLL_IN | POLL_RDNORM);
}

static bool is_due(const struct timerfd *t)
{
	ns_t at = READ_ONCE(t->expires_ns);

	return at && clock_monotonic() >= at;
}

static void arm_locked(struct timerfd *t, ns_t at)
{
	WRITE_ONCE(t->expires_ns, at);
	if (at)
		timer_start(&t->timer, at);
}

/* The expirations so far, which are forgotten. */
static u64 take(struct timerfd *t)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&t->lock);
	u64 ticks = 1;
	ns_t at = t->expires_ns;

	if (!is_due(t))
		return 0;
	if (t->interval_ns)
		ticks = ns_periods_past(&at, t->interval_ns, clock_monotonic());
	arm_locked(t, t->interval_ns ? at : 0);
	return ticks;
}

static ssize_t timerfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct timerfd *t = f->priv;
	u64 ticks;
	int err;

	if (u->left < sizeof(ticks))
		return -EINVAL;
	while (!(ticks = take(t))) {
		err = file_wait(f, &t->wq, is_due(t));
		if (err)
			return err;
	}
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

	(void)timer_cancel_sync(&t->timer);
	kfree(t);
}

static const struct file_ops timerfd_ops = {.anon_name = "anon_inode:[timerfd]",
	.exo_type = EXO_TYPE_TIMER,
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release};

struct file *timerfd_create_file(int clock, u32 o_flags)
{
	struct timerfd *t;

	if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME)
		return err_ptr(-EINVAL);
	t = kzalloc(sizeof(*t), ALLOC_KERNEL);
	if (!t)
		return err_ptr(-ENOMEM);
	spin_init(&t->lock, RANK_POSIX_TIMER);
	waitqueue_init(&t->wq);
	timer_init(&t->timer, expired);
	t->clock = clock;
	return file_create_owning(&timerfd_ops, O_RDWR | (o_flags & O_NONBLOCK), t);
}

/* What is left until the next expiration; due ones count as passed. lock held. */
static void remaining_locked(const struct timerfd *t, struct itimer_ns *out)
{
	ns_t now = clock_monotonic(), at = t->expires_ns;

	out->interval_ns = t->interval_ns;
	if (at && t->interval_ns)
		(void)ns_periods_past(&at, t->interval_ns, now);
	out->value_ns = at > now ? at - now : 0;
}

int timerfd_setting(struct file *f, bool abs, const struct itimer_ns *new, struct itimer_ns *old)
{
	struct timerfd *t = f->priv;
	ns_t now = clock_monotonic();

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&t->lock);
	remaining_locked(t, old);
	if (new) {
		(void)timer_cancel(&t->timer);
		t->interval_ns = new->interval_ns;
		arm_locked(t, !new->value_ns ? 0
			      : abs          ? clock_to_monotonic(t->clock, new->value_ns)
					     : ns_add(now, new->value_ns));
	}
	return 0;
}
