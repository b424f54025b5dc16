/* eventfd: a counter to wait on. Layer: fs. Locks: the queue's neighbour `lock` (SOCKET_SPIN) for
 * the count. Source: eventfd(2). */
#include <exo/errno.h>
#include <exo/fs.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/native.h>

#include "epoll.h"

#define EVENTFD_MAX (~0ULL - 1)

struct eventfd {
	spinlock_t lock;
	u64 count;      /* [lock; sleepers read] */
	bool semaphore; /* [c] */
	struct waitqueue wq;
};

static ssize_t eventfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->priv;
	u64 value;
	int err;

	if (u->left < sizeof(value))
		return -EINVAL;
	for (;;) {
		spin_lock(&e->lock);
		value = e->count ? (e->semaphore ? 1 : e->count) : 0;
		e->count -= value;
		spin_unlock(&e->lock);
		if (value)
			break;
		err = io_wait(f->flags | u->flags, &e->wq, READ_ONCE(e->count));
		if (err)
			return err;
	}
	wake_all(&e->wq, POLL_OUT | POLL_WRNORM);
	return uio_write(u, &value, sizeof(value)) == sizeof(value) ? (ssize_t)sizeof(value)
								    : -EFAULT;
}

/* false = it would overflow. */
static bool count_add(struct eventfd *e, u64 value)
{
	bool added;

	spin_lock(&e->lock);
	added = EVENTFD_MAX - e->count >= value;
	if (added)
		e->count += value;
	spin_unlock(&e->lock);
	if (added)
		wake_all(&e->wq, POLL_IN | POLL_RDNORM);
	return added;
}

static ssize_t eventfd_write(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->priv;
	u64 value;
	int err;

	if (u->left < sizeof(value))
		return -EINVAL;
	if (uio_read(u, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	if (value == ~0ULL)
		return -EINVAL;
	while (!count_add(e, value)) {
		err = io_wait(
			f->flags | u->flags, &e->wq, EVENTFD_MAX - READ_ONCE(e->count) >= value);
		if (err)
			return err;
	}
	return sizeof(value);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->priv;
	u64 count;

	poll_wait(pt, f, &e->wq);
	count = READ_ONCE(e->count);
	return (count ? POLL_IN | POLL_RDNORM : 0) |
	       (count < EVENTFD_MAX ? POLL_OUT | POLL_WRNORM : 0);
}

static const struct file_ops eventfd_ops = {.anon_name = "anon_inode:[eventfd]",
	.nowait = true,
	.exo_type = EXO_TYPE_EVENT,
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = file_free_priv};

int eventfd_add(struct file *f, u64 value)
{
	if (f->ops != &eventfd_ops)
		return -EINVAL;
	return count_add(f->priv, value) ? 0 : -EAGAIN;
}

struct file *eventfd_create_file(u64 count, u32 o_flags, bool semaphore)
{
	struct eventfd *e = kzalloc(sizeof(*e), ALLOC_KERNEL);

	if (!e)
		return err_ptr(-ENOMEM);
	spin_init(&e->lock, RANK_SOCKET_SPIN);
	waitqueue_init(&e->wq);
	e->count = count;
	e->semaphore = semaphore;
	return file_create_owning(&eventfd_ops, O_RDWR | (o_flags & O_NONBLOCK), e);
}
