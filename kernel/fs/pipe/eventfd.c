/* eventfd: a counter that can be waited for. Layer: fs.
 * Locks: none: the counter changes by compare-and-exchange; sleepers recheck it. Source: eventfd(2). */
#include <exo/posix_x.h>
#include <exo/vfs.h>
#include "../vfs/vfs_internal.h"

#define EVENTFD_MAX (~0ULL - 1)

struct eventfd {
	u64 count; /* [a] */
	bool semaphore;
	struct waitqueue wq;
};

/* Takes the counter, or one of it. False: it is 0. */
static bool event_take(struct eventfd *e, u64 *out)
{
	u64 old = __atomic_load_n(&e->count, __ATOMIC_RELAXED);

	do {
		if (!old)
			return false;
		*out = e->semaphore ? 1 : old;
	} while (!__atomic_compare_exchange_n(&e->count, &old, old - *out, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return true;
}

static bool event_add(struct eventfd *e, u64 n)
{
	u64 old = __atomic_load_n(&e->count, __ATOMIC_RELAXED);

	do {
		if (n > EVENTFD_MAX - old)
			return false;
	} while (!__atomic_compare_exchange_n(&e->count, &old, old + n, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return true;
}

static ssize_t eventfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->priv;
	u64 v = 0;
	int err;

	if (u->left < sizeof(v))
		return -EINVAL;
	if (!event_take(e, &v)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event(&e->wq, event_take(e, &v));
		if (err)
			return err;
	}
	wake_all(&e->wq, POLL_OUT | POLL_WRNORM);
	return uio_write(u, &v, sizeof(v)) == sizeof(v) ? (ssize_t)sizeof(v) : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->priv;
	u64 v;
	int err;

	if (u->left < sizeof(v))
		return -EINVAL;
	if (uio_read(u, &v, sizeof(v)) != sizeof(v))
		return -EFAULT;
	if (v == ~0ULL)
		return -EINVAL;
	if (!event_add(e, v)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event(&e->wq, event_add(e, v));
		if (err)
			return err;
	}
	wake_all(&e->wq, POLL_IN | POLL_RDNORM);
	return sizeof(v);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->priv;
	u64 count;

	poll_wait(pt, f, &e->wq);
	count = __atomic_load_n(&e->count, __ATOMIC_ACQUIRE);
	return (count ? POLL_IN | POLL_RDNORM : 0) | (count < EVENTFD_MAX ? POLL_OUT | POLL_WRNORM : 0);
}

static void eventfd_release(struct file *f)
{
	kfree(f->priv);
}

static const struct file_ops eventfd_ops = {
	.anon_name = "anon_inode:[eventfd]",
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
};

struct file *eventfd_create(u32 count, u32 flags)
{
	struct eventfd *e = kmalloc(sizeof(*e), ALLOC_KERNEL);
	struct file *f;

	if (!e)
		return err_ptr(-ENOMEM);
	e->count = count;
	e->semaphore = flags & EFD_SEMAPHORE;
	waitqueue_init(&e->wq);
	f = file_create(&eventfd_ops, NULL, O_RDWR | (flags & O_NONBLOCK), e);
	if (is_err(f))
		kfree(e);
	return f;
}
