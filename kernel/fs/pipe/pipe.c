/* Pipes and FIFOs: a ring of pages. Layer: fs.
 * Invariants: bufs[head % slots] is the oldest; tail - head <= slots; a buffer in use has a page
 * and len > 0 (a packet may be 0). Writes of at most PIPE_BUF bytes go into one buffer whole, so
 * they are atomic. One emptied page is kept for the next write. Locks: pipe->lock (S_PIPE) for
 * everything but the counters that sleepers read; user memory is copied under it. Wake-ups: readers
 * and writers wait exclusively, one is woken by new data or space, and passes the wake on if more
 * is left. Source: pipe(7), fifo(7). */
#include <exo/errno.h>
#include <exo/fs_pipe.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_signal.h>
#include <arch/uaccess.h>

#include "../vfs/vfs_internal.h"

static struct kmem_cache *pipe_cache;

struct pipe *pipe_alloc(void)
{
	struct pipe *p = kmem_cache_alloc(pipe_cache, ALLOC_ZERO);

	if (!p)
		return NULL;
	p->bufs = p->bufs_inline;
	p->slots = PIPE_SLOTS_DEFAULT;
	mutex_init(&p->lock, RANK_S_PIPE);
	waitqueue_init(&p->readers_wq);
	waitqueue_init(&p->writers_wq);
	return p;
}

static void pipe_free(struct pipe *p)
{
	for (; p->head != p->tail; p->head++)
		page_put(p->bufs[p->head & (p->slots - 1)].page);
	if (p->spare)
		page_put(p->spare);
	if (p->bufs != p->bufs_inline)
		kfree(p->bufs);
	kmem_cache_free(pipe_cache, p);
}

/* ---- read ---- */

static void buf_consume(struct pipe *p, struct pipe_buf *b)
{
	if (!p->spare && b->page->refs == 1)
		p->spare = b->page;
	else
		page_put(b->page);
	b->page = NULL;
	/* pairs with the reads of a sleeper */
	__atomic_store_n(&p->head, p->head + 1, __ATOMIC_RELEASE);
}

/* Moves what is there, or with @keep leaves it. Lock held. Bytes | -EFAULT when nothing moved. */
static ssize_t pipe_take_locked(struct pipe *p, struct uio *u, bool keep)
{
	ssize_t done = 0;
	bool packet = false;

	for (u32 i = p->head; u->left && i != p->tail && !packet; i++) {
		struct pipe_buf *b = &p->bufs[i & (p->slots - 1)];
		size_t want = MIN(u->left, (size_t)b->len);
		size_t n = uio_write(u, (u8 *)page_to_virt(b->page) + b->offset, want);

		done += (ssize_t)n;
		if (n < want)
			return done ? done : -EFAULT;
		packet = b->packet;
		if (keep)
			continue;
		b->offset += (u32)n;
		b->len -= (u32)n;
		if (!b->len || packet) /* the rest of a packet is lost, as pipe(2) says */
			buf_consume(p, b);
	}
	return done;
}

ssize_t pipe_receive(struct pipe *p, struct uio *u, u32 flags, ns_t deadline_ns)
{
	bool was_full, slept = false, wake_reader = false, wake_writer = false;
	ssize_t ret;

	if (!u->left)
		return 0;
	mutex_lock(&p->lock);
	while (p->head == p->tail) {
		bool over = !p->writers || !p->readers; /* a socket that shut its reading side */

		if (over || flags & PIPE_NONBLOCK) {
			ret = over ? 0 : -EAGAIN;
			goto unlock;
		}
		mutex_unlock(&p->lock);
		ret = wait_event_mode(&p->readers_wq,
			pipe_readable(p) || !READ_ONCE(p->writers) || !READ_ONCE(p->readers),
			WAIT_INTERRUPTIBLE, deadline_ns, true);
		if (ret)
			return ret == -ETIMEDOUT ? -EAGAIN : ret;
		slept = true;
		mutex_lock(&p->lock);
	}
	was_full = !pipe_writable(p);
	ret = pipe_take_locked(p, u, flags & PIPE_PEEK);
	/* the wake-up that came to us was for others too */
	wake_reader = slept && p->head != p->tail;
	wake_writer = was_full && pipe_writable(p);
unlock:
	mutex_unlock(&p->lock);
	if (wake_reader) /* not under the lock, which the woken thread wants next */
		wake_one(&p->readers_wq, POLL_IN | POLL_RDNORM);
	if (wake_writer)
		wake_one(&p->writers_wq, POLL_OUT | POLL_WRNORM);
	return ret;
}

static ssize_t pipe_read(struct file *f, struct uio *u, u64 *pos)
{
	return pipe_receive(
		f->priv, u, (f->flags | u->flags) & O_NONBLOCK ? PIPE_NONBLOCK : 0, NS_FOREVER);
}

/* ---- write ---- */

/* Room of the newest buffer for appending, 0 when it takes none. Lock held. */
static u32 merge_room_locked(const struct pipe *p)
{
	const struct pipe_buf *b;

	if (p->head == p->tail)
		return 0;
	b = &p->bufs[(p->tail - 1) & (p->slots - 1)];
	return b->packet ? 0 : (u32)PAGE_SIZE - (b->offset + b->len);
}

/* Appends up to a page from @u. Lock held, room checked. Bytes | -EFAULT | -ENOMEM. */
static ssize_t buf_append_locked(struct pipe *p, struct uio *u, bool packet)
{
	size_t want = MIN(u->left, PAGE_SIZE), n;
	struct page *page = p->spare;
	struct pipe_buf *b;

	p->spare = NULL;
	if (!page)
		page = page_alloc(0, ALLOC_DATA);
	if (!page)
		return -ENOMEM;
	n = uio_read(u, page_to_virt(page), want);
	if (!n) {
		p->spare = page;
		return -EFAULT;
	}
	b = &p->bufs[p->tail & (p->slots - 1)];
	*b = (struct pipe_buf){.page = page, .len = (u32)n, .packet = packet};
	/* pairs with the reads of a sleeper */
	__atomic_store_n(&p->tail, p->tail + 1, __ATOMIC_RELEASE);
	return (ssize_t)n;
}

/* Moves as much as fits now, but a small write whole or not at all. Lock held. Bytes | 0 no room |
 * -EFAULT | -ENOMEM. */
static ssize_t pipe_put_locked(struct pipe *p, struct uio *u, bool packet)
{
	ssize_t done = 0, n;
	u32 room = merge_room_locked(p); /* of a packet too, behind what is none: as on Linux */

	if (room && (u->left <= room || (u->left & (PAGE_SIZE - 1)) <= room)) {
		struct pipe_buf *b = &p->bufs[(p->tail - 1) & (p->slots - 1)];
		size_t want = u->left <= room ? u->left : u->left & (PAGE_SIZE - 1);

		done = (ssize_t)uio_read(u, (u8 *)page_to_virt(b->page) + b->offset + b->len, want);
		b->len += (u32)done;
		if ((size_t)done < want)
			return done ? done : -EFAULT;
	}
	while (u->left && p->tail - p->head < p->slots) {
		n = buf_append_locked(p, u, packet);
		if (n < 0)
			return done ? done : n;
		done += n;
	}
	return done;
}

ssize_t pipe_send(struct pipe *p, struct uio *u, u32 flags, ns_t deadline_ns)
{
	bool slept = false, wake_writer;
	ssize_t done = 0, n, told = 0;

	if (!u->left)
		return 0;
	mutex_lock(&p->lock);
	for (;;) {
		if (!p->readers || !p->writers) {
			n = -EPIPE;
			break;
		}
		n = pipe_put_locked(p, u, flags & PIPE_PACKET);
		if (n > 0)
			done += n;
		if (n < 0 || !u->left)
			break;
		if (flags & PIPE_NONBLOCK) {
			n = -EAGAIN;
			break;
		}
		mutex_unlock(&p->lock);
		wake_one(&p->readers_wq, POLL_IN | POLL_RDNORM); /* not under the lock, which the
								    woken thread wants next */
		told = done;
		n = wait_event_mode(&p->writers_wq,
			pipe_writable(p) || !READ_ONCE(p->readers) || !READ_ONCE(p->writers),
			WAIT_INTERRUPTIBLE, deadline_ns, true);
		slept = true;
		mutex_lock(&p->lock);
		if (n) {
			n = n == -ETIMEDOUT ? -EAGAIN : n;
			break;
		}
	}
	wake_writer = slept && pipe_writable(p);
	mutex_unlock(&p->lock);
	if (done > told)
		wake_one(&p->readers_wq, POLL_IN | POLL_RDNORM);
	if (wake_writer)
		wake_one(&p->writers_wq, POLL_OUT | POLL_WRNORM);
	if (n == -EPIPE && !(flags & PIPE_NOSIGNAL))
		signal_send_current(SIGPIPE);
	return done ? done : n;
}

static ssize_t pipe_write(struct file *f, struct uio *u, u64 *pos)
{
	u32 flags = ((f->flags | u->flags) & O_NONBLOCK ? PIPE_NONBLOCK : 0) |
		    (f->flags & O_DIRECT ? PIPE_PACKET : 0);

	return pipe_send(f->priv, u, flags, NS_FOREVER);
}

/* ---- the rest of the file ---- */

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->priv;
	u32 mask = 0;

	if (f->mode & FMODE_READ) {
		poll_wait(pt, f, &p->readers_wq);
		if (pipe_readable(p))
			mask |= POLL_IN | POLL_RDNORM;
		/* a FIFO that never had a writer does not hang up */
		if (!READ_ONCE(p->writers) && f->pos != p->writer_opens)
			mask |= POLL_HUP;
	}
	if (f->mode & FMODE_WRITE) {
		poll_wait(pt, f, &p->writers_wq);
		if (pipe_writable(p))
			mask |= POLL_OUT | POLL_WRNORM;
		if (!READ_ONCE(p->readers))
			mask |= POLL_ERR;
	}
	return mask;
}

u32 pipe_bytes(struct pipe *p)
{
	u32 bytes = 0;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&p->lock);

	for (u32 i = p->head; i != p->tail; i++)
		bytes += p->bufs[i & (p->slots - 1)].len;
	return bytes;
}

static long pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	if (cmd != FIONREAD)
		return -ENOTTY;
	return put_user_u32((u32 USER *)arg, pipe_bytes(f->priv));
}

void pipe_close_end(struct pipe *p, u32 readers, u32 writers, u32 refs)
{
	bool last;

	mutex_lock(&p->lock);
	p->readers -= readers;
	p->writers -= writers;
	p->refs -= refs;
	last = !p->refs;
	if (!last) {
		waitqueue_wake_slow(&p->readers_wq, ~0u, POLL_HUP | POLL_IN | POLL_RDNORM);
		waitqueue_wake_slow(&p->writers_wq, ~0u, POLL_ERR | POLL_OUT | POLL_WRNORM);
	}
	mutex_unlock(&p->lock);
	if (last)
		pipe_free(p);
}

/* The pipe goes with its last file; a FIFO's inode forgets it under its own lock first. */
static void pipe_release(struct file *f)
{
	struct pipe *p = f->priv;
	struct rwsem *held SCOPED(write_release) = write_hold(&f->inode->lock);

	if (p->refs == 1) /* new references are only taken under the inode's lock */
		f->inode->priv = NULL;
	pipe_close_end(p, (f->mode & FMODE_READ) != 0, (f->mode & FMODE_WRITE) != 0, 1);
}

void pipe_hold(struct pipe *p)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&p->lock);

	p->refs++;
}

long pipe_resize(struct pipe *p, u64 bytes)
{
	u32 slots = 1, used;
	struct pipe_buf *bufs;

	if (bytes > 1u << 31)
		return -EINVAL;
	if (bytes > PIPE_BYTES_MAX && !cred_capable(current->cred, LCAP_SYS_RESOURCE))
		return -EPERM;
	while ((u64)slots * PAGE_SIZE < bytes)
		slots *= 2;
	bufs = kzalloc(slots * sizeof(*bufs), ALLOC_KERNEL);
	if (!bufs)
		return -ENOMEM;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&p->lock);
	used = p->tail - p->head;
	if (used > slots) {
		kfree(bufs);
		return -EBUSY;
	}
	for (u32 i = 0; i < used; i++)
		bufs[i] = p->bufs[(p->head + i) & (p->slots - 1)];
	if (p->bufs != p->bufs_inline)
		kfree(p->bufs);
	p->bufs = bufs;
	p->slots = slots;
	p->head = 0;
	p->tail = used;
	waitqueue_wake_slow(&p->writers_wq, ~0u, POLL_OUT | POLL_WRNORM);
	return (long)slots * (long)PAGE_SIZE;
}

static const struct file_ops pipe_ops;

struct pipe *pipe_of(const struct file *f)
{
	return f->ops == &pipe_ops ? f->priv : NULL;
}

long pipe_fcntl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = pipe_of(f);

	if (!p)
		return -EBADF;
	return cmd == F_SETPIPE_SZ ? pipe_resize(p, arg)
				   : (long)READ_ONCE(p->slots) * (long)PAGE_SIZE;
}

static const struct file_ops pipe_ops = {
	.nowait = true,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

/* ---- making them ---- */

void pipe_init(void)
{
	pipe_cache = kmem_cache_create("pipe", sizeof(struct pipe), 64, 0);
}

int pipe_create(u32 o_flags, struct file **read_end, struct file **write_end)
{
	struct inode *i = inode_create(anon_inode->sb, S_IFIFO | 0600, &pipe_ops);
	struct pipe *p = i ? pipe_alloc() : NULL;
	struct file *r, *w;

	if (!p)
		goto put_inode;
	p->readers = p->writers = 1;
	p->writer_opens = 1;
	p->refs = 2;
	i->priv = p;
	inode_get(i); /* one for each end */
	r = file_create(&pipe_ops, i, O_RDONLY | (o_flags & O_NONBLOCK), p);
	if (is_err(r)) { /* file_create took and dropped that reference */
		pipe_free(p);
		goto put_inode;
	}
	w = file_create(&pipe_ops, i, O_WRONLY | (o_flags & (O_NONBLOCK | O_DIRECT)), p);
	if (is_err(w)) {
		pipe_close_end(p, 0, 1, 1);
		file_put(r);
		return -ENOMEM;
	}
	*read_end = r;
	*write_end = w;
	return 0;
put_inode:
	if (i)
		inode_put(i);
	return -ENOMEM;
}

/* The pipe of a FIFO's inode, made at the first open. NULL = out of memory. */
static struct pipe *fifo_get(struct inode *i)
{
	struct pipe *p;
	struct rwsem *held SCOPED(write_release) = write_hold(&i->lock);

	p = i->priv;
	if (!p)
		p = i->priv = pipe_alloc();
	if (p)
		pipe_hold(p);
	return p;
}

/* Counts @f as an end. *opens becomes the counter of the other side's opens that has to move from
 * *seen on before the open may return, NULL when somebody is there. All in one critical section: a
 * partner may come and be gone before we look again. */
static void fifo_join(struct pipe *p, struct file *f, u32 **opens, u32 *seen)
{
	u32 mode = f->mode & (FMODE_READ | FMODE_WRITE);

	mutex_lock(&p->lock);
	if (mode & FMODE_READ) {
		p->readers++;
		p->reader_opens++;
	}
	if (mode & FMODE_WRITE) {
		p->writers++;
		p->writer_opens++;
	}
	*opens = NULL;
	if (mode == FMODE_READ && !p->writers)
		*opens = &p->writer_opens;
	else if (mode == FMODE_WRITE && !p->readers)
		*opens = &p->reader_opens;
	*seen = *opens ? **opens : 0;
	/* A reader that does not wait sees no hang-up before its first writer: pipe_poll. */
	f->pos = *opens && mode == FMODE_READ && f->flags & O_NONBLOCK ? p->writer_opens : 0;
	mutex_unlock(&p->lock);
	wake_all(&p->readers_wq, 0);
	wake_all(&p->writers_wq, 0);
}

int pipe_fifo_open(struct inode *i, struct file *f)
{
	struct pipe *p = fifo_get(i);
	u32 *opens, seen;

	if (!p)
		return -ENOMEM;
	f->ops = &pipe_ops; /* from here the last file_put undoes all */
	f->priv = p;
	fifo_join(p, f, &opens, &seen);
	if (!opens || i->sb == anon_inode->sb) /* a pipe(2) opened again through /proc meets
						    nobody new: it does not wait */
		return 0;
	if (f->flags & O_NONBLOCK)
		return f->mode & FMODE_WRITE ? -ENXIO : 0;
	return wait_event(
		f->mode & FMODE_WRITE ? &p->writers_wq : &p->readers_wq, READ_ONCE(*opens) != seen);
}
