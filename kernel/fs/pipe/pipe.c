/* Pipes and FIFOs: a ring of pages. Layer: fs.
 *
 * Bytes stand in slots, oldest at tail; a write of up to PIPE_BUF (a page) lands whole in one slot. head and tail run freely; their
 * difference is the number of slots in use.
 * Locks: pipe->lock (S_PIPE) for the ring and the counts; poll reads them without it. inode->lock for a FIFO's birth and death.
 * Limits: PIPE_SLOTS_DEFAULT pages, up to PIPE_SLOTS_USER by F_SETPIPE_SZ, PIPE_SLOTS_MAX with CAP_SYS_RESOURCE.
 * Sources: pipe(7), fifo(7), fcntl(2). */
#include <arch/uaccess.h>
#include <exo/posix_x.h>
#include <exo/vfs.h>
#include "../vfs/vfs_internal.h"

#define PIPE_SLOTS_DEFAULT 16u
#define PIPE_SLOTS_USER    256u
#define PIPE_SLOTS_MAX     4096u

struct slot {
	struct page *page;
	u16 offset, len; /* bytes of the page that are still to be read */
	bool packet;     /* O_DIRECT: one read takes one slot, what does not fit is lost */
};
struct pipe {
	struct mutex lock;            /* S_PIPE */
	u32 head, tail;               /* [lock; poll reads] */
	u32 slots_max;                /* [lock] power of two */
	u32 readers, writers;         /* [lock; poll reads] open ends */
	u32 reader_opens, writer_opens; /* [lock] ever: FIFO opens wait for a change */
	struct slot *slots;           /* [lock] slots[slots_max] */
	struct page *spare;           /* [lock] one page kept back, +1 */
	u32 files;                    /* [inode lock] open files; 0 frees */
	struct waitqueue read_wq, write_wq;
	struct slot first_slots[PIPE_SLOTS_DEFAULT];
};

#define WAKE_READERS (POLL_IN | POLL_RDNORM)
#define WAKE_WRITERS (POLL_OUT | POLL_WRNORM)

static struct kmem_cache *pipe_cache;
static const struct file_ops pipe_ops;

static bool pipe_empty(const struct pipe *p)
{
	return READ_ONCE(p->head) == READ_ONCE(p->tail);
}

static bool pipe_full(const struct pipe *p)
{
	return READ_ONCE(p->head) - READ_ONCE(p->tail) >= READ_ONCE(p->slots_max);
}

static struct slot *slot_at(struct pipe *p, u32 i)
{
	return &p->slots[i & (p->slots_max - 1)];
}

/* ---- life ---- */

static struct pipe *pipe_new(void)
{
	struct pipe *p = kmem_cache_alloc(pipe_cache, ALLOC_KERNEL);

	if (!p)
		return NULL;
	mutex_init(&p->lock, RANK_S_PIPE);
	p->head = p->tail = 0;
	p->slots_max = PIPE_SLOTS_DEFAULT;
	p->readers = p->writers = 0;
	p->reader_opens = p->writer_opens = 0;
	p->slots = p->first_slots;
	p->spare = NULL;
	p->files = 0;
	waitqueue_init(&p->read_wq);
	waitqueue_init(&p->write_wq);
	return p;
}

static void pipe_free(struct pipe *p)
{
	for (; p->tail != p->head; p->tail++)
		page_put(slot_at(p, p->tail)->page);
	if (p->spare)
		page_put(p->spare);
	if (p->slots != p->first_slots)
		kfree(p->slots);
	kmem_cache_free(pipe_cache, p);
}

static void ends_count(struct pipe *p, u32 mode, u32 n)
{
	if (mode & FMODE_READ)
		p->readers += n;
	if (mode & FMODE_WRITE)
		p->writers += n;
}

static void pipe_release(struct file *f)
{
	struct inode *i = f->inode;
	struct pipe *p = f->priv;
	bool last;

	if (!p)
		return;
	mutex_lock(&p->lock);
	ends_count(p, f->mode, ~0u);
	mutex_unlock(&p->lock);
	wake_all(&p->read_wq, WAKE_READERS | POLL_HUP | POLL_ERR);
	wake_all(&p->write_wq, WAKE_WRITERS | POLL_HUP | POLL_ERR);
	rwsem_write_lock(&i->lock);
	last = --p->files == 0;
	if (last)
		i->priv = NULL;
	rwsem_write_unlock(&i->lock);
	if (last)
		pipe_free(p);
}

/* ---- reading ---- */

/* The slot at tail is used up. */
static void slot_retire(struct pipe *p, struct slot *s)
{
	if (!p->spare)
		p->spare = s->page;
	else
		page_put(s->page);
	WRITE_ONCE(p->tail, p->tail + 1);
}

/* Moves what is there. Return: bytes | -EFAULT. Lock held. */
static ssize_t ring_read(struct pipe *p, struct uio *u)
{
	ssize_t done = 0;

	while (u->left && p->tail != p->head) {
		struct slot *s = slot_at(p, p->tail);
		size_t n = MIN(u->left, (size_t)s->len), moved;
		bool packet = s->packet;

		moved = uio_write(u, (u8 *)page_to_virt(s->page) + s->offset, n);
		s->offset += (u16)moved;
		s->len -= (u16)moved;
		done += (ssize_t)moved;
		if (unlikely(moved < n))
			return done ? done : -EFAULT;
		if (!s->len || packet)
			slot_retire(p, s);
		if (packet)
			break;
	}
	return done;
}

static ssize_t pipe_read(struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->priv;
	ssize_t ret;
	bool more;

	if (!u->left)
		return 0;
	mutex_lock(&p->lock);
	while (pipe_empty(p)) {
		ret = 0;
		if (!p->writers)
			goto unlock;
		ret = -EAGAIN;
		if (f->flags & O_NONBLOCK)
			goto unlock;
		mutex_unlock(&p->lock);
		ret = wait_event_mode(&p->read_wq, !pipe_empty(p) || !READ_ONCE(p->writers), WAIT_INTERRUPTIBLE, NS_FOREVER, true);
		if (ret)
			return ret;
		mutex_lock(&p->lock);
	}
	ret = ring_read(p, u);
	more = !pipe_empty(p);
	mutex_unlock(&p->lock);
	wake_one(&p->write_wq, WAKE_WRITERS);
	if (unlikely(more)) /* the wake-up that came to us was for others too */
		wake_one(&p->read_wq, WAKE_READERS);
	return ret;
unlock:
	mutex_unlock(&p->lock);
	return ret;
}

/* ---- writing ---- */

/* Adds to the newest slot what fits there whole. Return: bytes | -EFAULT. */
static ssize_t slot_extend(struct pipe *p, struct uio *u)
{
	size_t n = u->left & (PAGE_SIZE - 1), moved;
	struct slot *s;

	if (p->head == p->tail || !n)
		return 0;
	s = slot_at(p, p->head - 1);
	if (s->packet || s->offset + s->len + n > PAGE_SIZE)
		return 0;
	moved = uio_read(u, (u8 *)page_to_virt(s->page) + s->offset + s->len, n);
	s->len += (u16)moved;
	return moved < n && !moved ? -EFAULT : (ssize_t)moved;
}

static ssize_t slot_add(struct pipe *p, struct uio *u, bool packet)
{
	struct page *page = p->spare ? p->spare : page_alloc(0, ALLOC_KERNEL);
	size_t n = MIN(u->left, PAGE_SIZE), moved;
	struct slot *s = slot_at(p, p->head);

	if (!page)
		return -ENOMEM;
	p->spare = NULL;
	moved = uio_read(u, page_to_virt(page), n);
	if (unlikely(!moved)) {
		p->spare = page;
		return -EFAULT;
	}
	*s = (struct slot){ .page = page, .len = (u16)moved, .packet = packet };
	__atomic_store_n(&p->head, p->head + 1, __ATOMIC_RELEASE); /* pairs with pipe_poll's look */
	return (ssize_t)moved;
}

/* Writes what there is room for. Return: bytes | error of the first step. Lock held. */
static ssize_t ring_write(struct pipe *p, struct uio *u, bool packet)
{
	ssize_t done = packet ? 0 : slot_extend(p, u), n;

	if (done < 0)
		return done;
	while (u->left && !pipe_full(p)) {
		size_t want = MIN(u->left, PAGE_SIZE);

		n = slot_add(p, u, packet);
		if (n < 0)
			return done ? done : n;
		done += n;
		if ((size_t)n < want)
			break; /* a fault: what arrived stays */
	}
	return done;
}

static ssize_t broken(ssize_t done)
{
	if (done)
		return done;
	signal_send_current(SIGNO_SIGPIPE);
	return -EPIPE;
}

static ssize_t pipe_write(struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->priv;
	ssize_t done = 0, n;
	bool room;

	if (!u->left)
		return 0;
	mutex_lock(&p->lock);
	for (;;) {
		size_t before = u->left;

		if (unlikely(!p->readers)) {
			mutex_unlock(&p->lock);
			return broken(done);
		}
		n = ring_write(p, u, f->flags & O_DIRECT);
		if (n > 0)
			done += n;
		room = !pipe_full(p);
		if (likely(!u->left) || n < 0 || (room && (size_t)n < before))
			break; /* all is there, or something is wrong */
		if (f->flags & O_NONBLOCK) {
			n = -EAGAIN;
			break;
		}
		mutex_unlock(&p->lock);
		if (n > 0)
			wake_one(&p->read_wq, WAKE_READERS);
		n = wait_event_mode(&p->write_wq, !pipe_full(p) || !READ_ONCE(p->readers), WAIT_INTERRUPTIBLE, NS_FOREVER, true);
		if (n)
			return done ? done : n;
		mutex_lock(&p->lock);
	}
	mutex_unlock(&p->lock);
	if (likely(done))
		wake_one(&p->read_wq, WAKE_READERS);
	if (room)
		wake_one(&p->write_wq, WAKE_WRITERS);
	return done ? done : n;
}

/* ---- poll, ioctl, size ---- */

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->priv;
	u32 mask = 0;

	if (f->mode & FMODE_READ) {
		poll_wait(pt, f, &p->read_wq);
		if (!pipe_empty(p))
			mask |= POLL_IN | POLL_RDNORM;
		/* A FIFO's reader that no writer has met yet sees no hang-up. */
		if (!READ_ONCE(p->writers) && f->ops_word != READ_ONCE(p->writer_opens))
			mask |= POLL_HUP;
	}
	if (f->mode & FMODE_WRITE) {
		poll_wait(pt, f, &p->write_wq);
		if (!pipe_full(p))
			mask |= POLL_OUT | POLL_WRNORM;
		if (!READ_ONCE(p->readers))
			mask |= POLL_ERR;
	}
	return mask;
}

static long pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = f->priv;
	u32 bytes = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->lock);
	for (u32 i = p->tail; i != p->head; i++)
		bytes += slot_at(p, i)->len;
	mutex_unlock(&p->lock);
	return put_user_u32((u32 USER *)arg, bytes);
}

static struct pipe *pipe_of(struct file *f)
{
	return f->ops == &pipe_ops ? f->priv : NULL;
}

int pipe_size(struct file *f)
{
	struct pipe *p = pipe_of(f);

	return p ? (int)(READ_ONCE(p->slots_max) * PAGE_SIZE) : -EBADF;
}

int pipe_resize(struct file *f, u32 bytes)
{
	struct pipe *p = pipe_of(f);
	struct slot *slots, *old;
	u32 n = 1, used;

	if (!p)
		return -EBADF;
	if (bytes > PIPE_SLOTS_USER * PAGE_SIZE && !capable(LCAP_SYS_RESOURCE))
		return -EPERM;
	while (n < PIPE_SLOTS_MAX && n * PAGE_SIZE < bytes)
		n *= 2;
	if (!bytes || n * PAGE_SIZE < bytes)
		return -EINVAL;
	slots = kmalloc(n * sizeof(*slots), ALLOC_KERNEL);
	if (!slots)
		return -ENOMEM;
	mutex_lock(&p->lock);
	used = p->head - p->tail;
	if (used > n) {
		mutex_unlock(&p->lock);
		kfree(slots);
		return -EBUSY;
	}
	for (u32 i = 0; i < used; i++)
		slots[i] = *slot_at(p, p->tail + i);
	old = p->slots;
	p->slots = slots;
	WRITE_ONCE(p->slots_max, n);
	p->tail = 0;
	p->head = used;
	mutex_unlock(&p->lock);
	if (old != p->first_slots)
		kfree(old);
	wake_all(&p->write_wq, WAKE_WRITERS);
	return (int)(n * PAGE_SIZE);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

/* ---- both ends at once ---- */

static struct file *pipe_end(struct inode *i, struct pipe *p, u32 flags)
{
	struct file *f;

	inode_get(i);
	f = file_create(&pipe_ops, i, flags, NULL);
	if (!is_err(f)) {
		f->priv = p;
		p->files++;
		ends_count(p, f->mode, 1);
		f->ops_word = ~0ULL; /* hang-ups are seen at once */
	}
	return f;
}

int pipe_create(u32 o_flags, struct file **read_end, struct file **write_end)
{
	struct inode *i = inode_create(anon_mount()->sb, S_IFIFO | 0600, NULL, NULL);
	struct pipe *p = i ? pipe_new() : NULL;
	struct file *r, *w;

	if (!p) {
		if (i)
			inode_put(i);
		return -ENOMEM;
	}
	i->priv = p;
	r = pipe_end(i, p, O_RDONLY | (o_flags & (O_NONBLOCK | O_DIRECT)));
	if (is_err(r)) {
		pipe_free(p);
		inode_put(i);
		return -ENOMEM;
	}
	w = pipe_end(i, p, O_WRONLY | (o_flags & (O_NONBLOCK | O_DIRECT)));
	inode_put(i);
	if (is_err(w)) {
		file_put(r);
		return -ENOMEM;
	}
	*read_end = r;
	*write_end = w;
	return 0;
}

/* ---- FIFOs, and pipes opened again through /proc/PID/fd ---- */

/* The pipe of a FIFO's inode, with one file more. NULL = out of memory. */
static struct pipe *pipe_of_inode(struct inode *i)
{
	struct pipe *p;

	rwsem_write_lock(&i->lock);
	p = i->priv;
	if (!p)
		p = i->priv = pipe_new();
	if (p)
		p->files++;
	rwsem_write_unlock(&i->lock);
	return p;
}

/* Waits until the other side has been opened since @seen. */
static int partner_wait(struct waitqueue *q, const u32 *opens, u32 seen)
{
	return wait_event(q, READ_ONCE(*opens) != seen);
}

int fifo_open(struct inode *i, struct file *f)
{
	struct pipe *p = pipe_of_inode(i);
	u32 mode = f->mode & (FMODE_READ | FMODE_WRITE), seen;
	bool nonblock = f->flags & O_NONBLOCK, alone;
	int err = 0;

	if (!p)
		return -ENOMEM;
	f->ops = &pipe_ops;
	f->priv = p; /* from here the release undoes all */
	mutex_lock(&p->lock);
	ends_count(p, mode, 1);
	p->reader_opens += !!(mode & FMODE_READ);
	p->writer_opens += !!(mode & FMODE_WRITE);
	f->ops_word = ~0ULL;
	alone = mode == FMODE_READ ? !p->writers : mode == FMODE_WRITE ? !p->readers : false;
	seen = mode == FMODE_READ ? p->writer_opens : p->reader_opens;
	if (alone && nonblock && mode == FMODE_READ)
		f->ops_word = p->writer_opens;
	mutex_unlock(&p->lock);
	wake_all(&p->read_wq, 0);
	wake_all(&p->write_wq, 0);
	if (alone && nonblock && mode == FMODE_WRITE)
		err = -ENXIO;
	else if (alone && !nonblock)
		err = mode == FMODE_READ ? partner_wait(&p->read_wq, &p->writer_opens, seen) : partner_wait(&p->write_wq, &p->reader_opens, seen);
	return err;
}

void pipe_init(void)
{
	pipe_cache = kmem_cache_create("pipe", sizeof(struct pipe), 64, 0);
}
