/* inotify: what happens to files, told by name; dnotify, told by a signal. Layer: fs.
 * A watch holds its inode and stands in a bucket chosen by that; while there is no watch at all,
 * the hooks in the VFS cost a look at one counter. An event that finds no memory or no room becomes
 * IN_Q_OVERFLOW behind those that did. A watch of dnotify belongs to a capability space and an open
 * directory, which it does not hold: it goes with whichever goes first. What it is to tell is sent
 * without locks, by whoever tells next, mostly by whom it happened to. Locks: inotify_lock
 * (SOCKET_SPIN; inside dentry->lock): all of it. Inodes are put without it. Source: inotify(7). */
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_signal.h>
#include <exo_abi/native.h>
#include <arch/uaccess.h>

#include "epoll.h"

#define BUCKETS    256
#define NAME_ALIGN 16u

struct inotify {
	struct list watches, events;
	struct waitqueue wq;
	u32 queued;
	s32 next_wd;
	bool overflow; /* some were lost */
};
struct watch {
	struct list hash_node;
	struct list own_node; /* of the owner's watches; dnotify: of told, or alone */
	struct inode *inode;  /* +1 */
	void *owner;          /* struct inotify; dnotify: struct cap_space, compared only */
	struct file *dir;     /* dnotify */
	s32 wd;               /* dnotify: its descriptor */
	u32 mask;             /* dnotify: 0 when it told what it had to */
};
struct event {
	struct list node;
	struct inotify_event_abi abi;
	char name[]; /* name_bytes, padded with NUL */
};

u32 inotify_watches; /* [inotify_lock; read racy] */
static spinlock_t inotify_lock = SPINLOCK_INIT(RANK_SOCKET_SPIN);
static struct list buckets[BUCKETS];       /* a list that was never used has no next */
static struct list told = LIST_INIT(told); /* [inotify_lock; read racy] a signal is to be sent */

static struct list *bucket_of(const struct inode *i)
{
	struct list *b = &buckets[((uintptr_t)i >> 6) * 0x9e3779b1u >> 8 & (BUCKETS - 1)];

	if (!b->next)
		list_init(b);
	return b;
}

static void queue_locked(
	const struct watch *w, const struct inotify_event_abi *abi, const char *name, u32 len)
{
	u32 bytes = len ? ALIGN_UP(len + 1, NAME_ALIGN) : 0;
	struct inotify *in = w->owner;
	struct event *e;

	if (w->dir)
		return;
	if (!list_empty(&in->events)) { /* the same twice is told once */
		e = list_entry(in->events.prev, struct event, node);
		if (!memcmp(&e->abi, abi, offsetof(struct inotify_event_abi, name_bytes)) &&
			e->abi.name_bytes == bytes && !memcmp(e->name, name, len) &&
			(!len || !e->name[len]))
			return;
	}
	e = in->queued < INOTIFY_EVENTS_MAX ? kmalloc(sizeof(*e) + bytes, ALLOC_ATOMIC) : NULL;
	if (e) {
		e->abi = *abi;
		e->abi.name_bytes = bytes;
		memset(e->name, 0, bytes);
		memcpy(e->name, name, len);
		list_add_tail(&in->events, &e->node);
		in->queued++;
	} else {
		in->overflow = true;
	}
	wake_all(&in->wq, POLL_IN | POLL_RDNORM);
}

/* Takes @w out; @dead gets it, for bury. */
static void detach_locked(struct watch *w, struct list *dead, bool tell)
{
	list_del(&w->hash_node);
	list_move_tail(dead, &w->own_node);
	inotify_watches--;
	if (tell)
		queue_locked(w, &(struct inotify_event_abi){w->wd, IN_IGNORED, 0, 0}, NULL, 0);
}

/* Sends the signals that are due, then gives back. For SCOPED, too: before the lock is taken. */
static void bury(struct list *dead)
{
	struct watch *w;

	while (unlikely(!list_empty(&told))) {
		struct file_signal due = {0};

		spin_lock(&inotify_lock);
		w = list_pop(&told, struct watch, own_node);
		if (w) {
			due = (struct file_signal){
				w->dir->owner, (s32)w->dir->owner_signo, w->wd, SI_POLL_MSG, false};
			if (!w->mask)
				detach_locked(w, dead, false);
		}
		spin_unlock(&inotify_lock);
		signal_send_owner(&due);
	}
	while ((w = list_pop(dead, struct watch, own_node))) {
		inode_put(w->inode);
		kfree(w);
	}
}

static void tell_locked(
	const struct inode *i, u32 mask, u32 cookie, const char *name, u32 len, struct list *dead)
{
	struct watch *w, *next;

	list_for_each_entry_safe (w, next, bucket_of(i), hash_node) {
		if (w->inode != i || !(w->mask & mask & (IN_ALL_EVENTS | IN_RENAME)) ||
			w->mask & mask & IN_EXCL_UNLINK)
			continue;
		if (w->dir) {
			list_move_tail(&told, &w->own_node);
			if (!(w->mask & DN_MULTISHOT))
				w->mask = 0;
			continue;
		}
		queue_locked(w,
			&(struct inotify_event_abi){w->wd, mask & ~IN_EXCL_UNLINK, cookie, 0}, name,
			len);
		if (w->mask & IN_ONESHOT)
			detach_locked(w, dead, true);
	}
}

void inotify_tell(
	const struct inode *i, const struct inode *about, u32 mask, const struct inotify_name *n)
{
	struct list dead SCOPED(bury) = LIST_INIT(dead);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&inotify_lock);

	if (S_ISDIR(about->mode) && mask != IN_MOVE_SELF)
		mask |= IN_ISDIR;
	tell_locked(i, mask, n->cookie, n->text, n->len, &dead);
}

void inotify_tell_dentry(struct dentry *d, u32 mask)
{
	struct list dead SCOPED(bury) = LIST_INIT(dead);
	/* its name and place stand still */
	spinlock_t *still SCOPED(spin_release) = spin_hold(&d->lock);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&inotify_lock);
	struct dentry *parent = d->parent;

	if (S_ISDIR(d->inode->mode))
		mask |= IN_ISDIR;
	if (parent != d && parent->inode)
		tell_locked(parent->inode, mask | (d->flags & DENTRY_HASHED ? 0 : IN_EXCL_UNLINK),
			0, d->name, dentry_name_len(d), &dead);
	tell_locked(d->inode, mask, 0, NULL, 0, &dead);
}

void inotify_tell_gone(const struct inode *i, const struct super_block *sb, u32 mask)
{
	struct list dead SCOPED(bury) = LIST_INIT(dead);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&inotify_lock);
	struct list *b = i ? bucket_of(i) : buckets;
	struct watch *w, *next;

	for (u32 n = i ? 1 : BUCKETS; n; n--, b++) {
		if (!b->next)
			continue;
		list_for_each_entry_safe (w, next, b, hash_node) {
			if (i ? w->inode != i : w->inode->sb != sb)
				continue;
			if ((w->mask | IN_UNMOUNT) & mask)
				queue_locked(
					w, &(struct inotify_event_abi){w->wd, mask, 0, 0}, NULL, 0);
			detach_locked(w, &dead, true);
		}
	}
}

/* ---- the file ---- */

static bool readable(const struct inotify *in)
{
	return !list_empty(&in->events) || READ_ONCE(in->overflow);
}

/* The next event, for the caller to free. NULL none | err_ptr(-EINVAL) longer than @room | -ENOMEM.
 */
static struct event *event_take(struct inotify *in, size_t room)
{
	struct event *lost SCOPED(kfree_at) = NULL, *e;

	if (list_empty(&in->events) && READ_ONCE(in->overflow)) {
		if (room < sizeof(lost->abi))
			return err_ptr(-EINVAL);
		lost = kzalloc(sizeof(*lost), ALLOC_KERNEL);
		if (!lost)
			return err_ptr(-ENOMEM);
		lost->abi = (struct inotify_event_abi){-1, IN_Q_OVERFLOW, 0, 0};
	}
	spinlock_t *held SCOPED(spin_release) = spin_hold(&inotify_lock);
	e = list_first(&in->events, struct event, node);
	if (e && sizeof(e->abi) + e->abi.name_bytes > room)
		return err_ptr(-EINVAL);
	if (e) {
		list_del(&e->node);
		in->queued--;
	} else if (lost && in->overflow) {
		in->overflow = false;
		e = lost;
		lost = NULL;
	}
	return e;
}

static ssize_t inotify_read(struct file *f, struct uio *u, u64 *pos)
{
	struct inotify *in = f->priv;
	ssize_t done = 0;

	for (;;) {
		struct event *e = event_take(in, u->left);
		size_t bytes;
		int err;

		if (is_err(e))
			return done ? done : ptr_err(e);
		if (!e) {
			err = done ? 0 : file_wait(f, &in->wq, readable(in));
			if (done || err)
				return done ? done : err;
			continue;
		}
		bytes = sizeof(e->abi) + e->abi.name_bytes;
		if (uio_write(u, &e->abi, bytes) != bytes) /* the name stands right behind */
			bytes = 0;
		kfree(e);
		if (!bytes)
			return done ? done : -EFAULT;
		done += (ssize_t)bytes;
	}
}

static u32 inotify_poll(struct file *f, struct poll_table *pt)
{
	struct inotify *in = f->priv;

	poll_wait(pt, f, &in->wq);
	return readable(in) ? POLL_IN | POLL_RDNORM : 0;
}

static long inotify_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct inotify *in = f->priv;
	struct event *e;
	u32 bytes = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	spin_lock(&inotify_lock);
	list_for_each_entry (e, &in->events, node)
		bytes += (u32)sizeof(e->abi) + e->abi.name_bytes;
	spin_unlock(&inotify_lock);
	return put_user_u32((u32 USER *)arg, bytes);
}

static void inotify_release(struct file *f)
{
	struct list dead = LIST_INIT(dead);
	struct inotify *in = f->priv;
	struct watch *w, *next;
	struct event *e;

	spin_lock(&inotify_lock);
	list_for_each_entry_safe (w, next, &in->watches, own_node)
		detach_locked(w, &dead, false);
	spin_unlock(&inotify_lock);
	bury(&dead);
	while ((e = list_pop(&in->events, struct event, node)))
		kfree(e);
	kfree(in);
}

static const struct file_ops inotify_ops = {.anon_name = "anon_inode:inotify",
	.exo_type = EXO_TYPE_EVENT,
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release};

/* @dir, @fd: of dnotify. */
static long watch_set(void *owner, struct file *dir, s32 fd, struct inode *i, u32 mask)
{
	struct watch *spare SCOPED(kfree_at) = kzalloc(sizeof(*spare), ALLOC_KERNEL);
	struct watch *w = spare, *old;
	struct inotify *in = owner;

	if (!w)
		return -ENOMEM;
	spinlock_t *held SCOPED(spin_release) = spin_hold(&inotify_lock);
	list_for_each_entry (old, bucket_of(i), hash_node)
		if (old->inode == i && old->owner == owner && old->dir == dir) {
			if (mask & IN_MASK_CREATE)
				return -EEXIST;
			old->mask = (mask & IN_MASK_ADD ? old->mask : 0) | mask;
			old->wd = dir ? fd : old->wd;
			return old->wd;
		}
	if (inotify_watches >= INOTIFY_WATCHES_MAX)
		return -ENOSPC;
	inode_get(i);
	*w = (struct watch){.inode = i, .owner = owner, .dir = dir, .mask = mask};
	w->wd = dir ? fd : ++in->next_wd;
	list_add_tail(bucket_of(i), &w->hash_node);
	list_init(&w->own_node);
	if (!dir)
		list_add_tail(&in->watches, &w->own_node);
	WRITE_ONCE(inotify_watches, inotify_watches + 1);
	spare = NULL;
	return w->wd;
}

long inotify_watch(struct file *f, struct inode *i, u32 mask)
{
	return watch_set(f->priv, NULL, 0, i, mask & ~IN_RENAME);
}

long dnotify_watch(struct file *f, cap_t fd, u32 what)
{
	static const u32 events[] = {IN_ACCESS, IN_MODIFY, IN_CREATE | IN_MOVED_TO,
		IN_DELETE | IN_MOVED_FROM, IN_RENAME, IN_ATTRIB};
	u32 mask = (what & DN_MULTISHOT) | IN_MASK_ADD;

	if (!(what & ~DN_MULTISHOT)) {
		dnotify_forget(f, current->caps);
		return 0;
	}
	if (!S_ISDIR(f->inode->mode))
		return -ENOTDIR;
	for (u32 n = 0; n < ARRAY_LEN(events); n++)
		mask |= what >> n & 1 ? events[n] : 0;
	if (!(s32)f->owner)
		f->owner = file_owner_word(process_pid(current->proc));
	__atomic_fetch_or(&f->mode, FMODE_NOTIFY, __ATOMIC_RELAXED);
	return MIN(watch_set(current->caps, f, fd, f->inode, mask), 0L);
}

void dnotify_forget(struct file *f, const struct cap_space *s)
{
	struct list dead SCOPED(bury) = LIST_INIT(dead);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&inotify_lock);
	struct watch *w, *next;

	list_for_each_entry_safe (w, next, bucket_of(f->inode), hash_node) {
		if (w->dir == f && (!s || w->owner == s))
			detach_locked(w, &dead, false);
	}
}

long inotify_unwatch(struct file *f, s32 wd)
{
	struct list dead SCOPED(bury) = LIST_INIT(dead);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&inotify_lock);
	struct inotify *in = f->priv;
	struct watch *w;

	list_for_each_entry (w, &in->watches, own_node)
		if (w->wd == wd) {
			detach_locked(w, &dead, true);
			return 0;
		}
	return -EINVAL;
}

bool file_is_inotify(const struct file *f)
{
	return f->ops == &inotify_ops;
}

struct file *inotify_create_file(u32 o_flags)
{
	struct inotify *in = kzalloc(sizeof(*in), ALLOC_KERNEL);

	if (!in)
		return err_ptr(-ENOMEM);
	list_init(&in->watches);
	list_init(&in->events);
	waitqueue_init(&in->wq);
	return file_create_owning(&inotify_ops, O_RDONLY | (o_flags & O_NONBLOCK), in);
}
