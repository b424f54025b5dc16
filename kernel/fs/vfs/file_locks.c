/* Advisory locks: POSIX (of a process), open-file-description, flock. Layer: fs.
 * Locks: locks_lock (FILE_LOCKS) guards every inode's list and the list of those who wait. A waiter sleeps on a queue chosen by its
 * inode and looks again after each release. POSIX and OFD locks see each other; flock is a world of its own.
 * Sources: fcntl(2) "Advisory record locking", flock(2). */
#include <exo/posix_x.h>
#include <exo/vfs.h>
#include "vfs_internal.h"

#define LOCK_QUEUES 16
#define DEADLOCK_STEPS_MAX 64 /* longer chains of waiters are not followed */

enum lock_kind { LOCK_POSIX, LOCK_OFD, LOCK_FLOCK };
struct file_lock {
	struct list node;    /* inode->file_locks, by start within an owner */
	const void *owner;   /* POSIX: the capability space; else the open file */
	u64 start, end;      /* bytes, inclusive */
	pid_t pid;           /* POSIX, for F_GETLK */
	u8 kind, type;       /* enum lock_kind, F_RDLCK or F_WRLCK (F_UNLCK in requests) */
};
struct blocked { /* on the stack of a POSIX waiter */
	struct list node;
	const void *owner, *waits_for;
};

static spinlock_t locks_lock = SPINLOCK_INIT(RANK_FILE_LOCKS);
static struct list blocked_list = LIST_INIT(blocked_list); /* [locks_lock] */
static struct waitqueue queues[LOCK_QUEUES];

void file_locks_init(void)
{
	for (u32 i = 0; i < LOCK_QUEUES; i++)
		waitqueue_init(&queues[i]);
}

static struct waitqueue *queue_of(const struct inode *i)
{
	return &queues[((uintptr_t)i >> 7) % LOCK_QUEUES];
}

static bool overlaps(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
	return a->owner == b->owner && a->kind == b->kind;
}

/* First lock of somebody else that stands in the way of @want. */
static struct file_lock *conflict_locked(struct inode *i, const struct file_lock *want)
{
	struct file_lock *l;

	list_for_each_entry(l, &i->file_locks, node)
	{
		if ((l->kind == LOCK_FLOCK) == (want->kind == LOCK_FLOCK) && !same_owner(l, want) && overlaps(l, want) &&
			(l->type == F_WRLCK || want->type == F_WRLCK))
			return l;
	}
	return NULL;
}

/* Does @owner's waiting for @other close a circle? */
static bool deadlock_locked(const void *owner, const void *other)
{
	struct blocked *b;

	for (u32 steps = 0; steps < DEADLOCK_STEPS_MAX; steps++) {
		const void *next = NULL;

		if (other == owner)
			return true;
		list_for_each_entry(b, &blocked_list, node)
		{
			if (b->owner == other) {
				next = b->waits_for;
				break;
			}
		}
		if (!next)
			return false;
		other = next;
	}
	return false;
}

/* Takes @want's range out of its owner's locks, then adds it unless it is an unlock. @spare: two locks, used ones become NULL;
 * locks that are no longer needed go to @dead. */
static void apply_locked(struct inode *i, const struct file_lock *want, struct file_lock *spare[2], struct list *dead)
{
	struct file_lock merged = *want, *l, *t;

	list_for_each_entry_safe(l, t, &i->file_locks, node)
	{
		bool touches = l->start <= merged.end + (merged.end != ~0ULL) && merged.start <= l->end + (l->end != ~0ULL);

		if (!same_owner(l, want) || !touches)
			continue;
		if (l->type == want->type) { /* grows together */
			merged.start = MIN(merged.start, l->start);
			merged.end = MAX(merged.end, l->end);
			list_move_tail(dead, &l->node);
			continue;
		}
		if (!overlaps(l, want))
			continue;
		if (l->start < want->start && l->end > want->end) { /* a hole: two pieces remain */
			struct file_lock *right = spare[1];

			spare[1] = NULL;
			*right = *l;
			right->start = want->end + 1;
			list_insert_between(&right->node, &l->node, l->node.next);
			l->end = want->start - 1;
		} else if (l->start < want->start) {
			l->end = want->start - 1;
		} else if (l->end > want->end) {
			l->start = want->end + 1;
		} else {
			list_move_tail(dead, &l->node);
		}
	}
	if (want->type == F_UNLCK)
		return;
	l = spare[0];
	spare[0] = NULL;
	*l = merged;
	list_add_tail(&i->file_locks, &l->node);
}

static void locks_free(struct list *dead)
{
	struct file_lock *l;

	while ((l = list_first(dead, struct file_lock, node)) != NULL) {
		list_del(&l->node);
		kfree(l);
	}
}

static int lock_set(struct inode *i, const struct file_lock *want, bool wait)
{
	struct file_lock *spare[2] = { kmalloc(sizeof(*want), ALLOC_KERNEL), kmalloc(sizeof(*want), ALLOC_KERNEL) }, *other;
	struct list dead = LIST_INIT(dead);
	struct wait_entry e = { .exclusive = false };
	struct blocked b = { .owner = want->owner };
	int err = spare[0] && spare[1] ? 0 : -ENOMEM;

	list_init(&e.node);
	list_init(&b.node);
	while (!err) {
		spin_lock(&locks_lock);
		other = want->type == F_UNLCK ? NULL : conflict_locked(i, want);
		if (!other) {
			apply_locked(i, want, spare, &dead);
			spin_unlock(&locks_lock);
			break;
		}
		if (!wait) {
			err = -EAGAIN;
		} else if (want->kind == LOCK_POSIX && deadlock_locked(want->owner, other->owner)) {
			err = -EDEADLK;
		} else {
			b.waits_for = other->owner;
			if (want->kind == LOCK_POSIX)
				list_add(&blocked_list, &b.node);
			wait_prepare(queue_of(i), &e, WAIT_INTERRUPTIBLE);
		}
		spin_unlock(&locks_lock);
		if (!err) {
			err = wait_sleep(WAIT_INTERRUPTIBLE, NS_FOREVER);
			wait_finish(queue_of(i), &e);
			spin_lock(&locks_lock);
			list_del(&b.node);
			spin_unlock(&locks_lock);
		}
	}
	locks_free(&dead);
	kfree(spare[0]);
	kfree(spare[1]);
	if (!err) /* an unlock, or a lock made weaker, lets others on */
		wake_all(queue_of(i), 0);
	return err;
}

/* ---- fcntl ---- */

static int range_of(struct file *f, const struct linux_flock *fl, struct file_lock *l)
{
	s64 start, end;

	switch (fl->whence) {
	case SEEK_SET:
		start = 0;
		break;
	case SEEK_CUR:
		start = (s64)f->pos;
		break;
	case SEEK_END:
		start = (s64)f->inode->pages.size_bytes;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(start, fl->start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	end = INT64_MAX;
	if (fl->len > 0 && __builtin_add_overflow(start, fl->len - 1, &end))
		return -EOVERFLOW;
	if (fl->len < 0) {
		end = start - 1;
		start += fl->len;
		if (start < 0)
			return -EINVAL;
	}
	l->start = (u64)start;
	l->end = (u64)end;
	return 0;
}

static void lock_report(const struct file_lock *l, struct linux_flock *fl)
{
	fl->type = l->type;
	fl->whence = SEEK_SET;
	fl->start = (s64)l->start;
	fl->len = l->end >= INT64_MAX ? 0 : (s64)(l->end - l->start + 1);
	fl->pid = l->kind == LOCK_OFD ? -1 : l->pid;
}

int file_lock_fcntl(struct file *f, int cmd, struct linux_flock *fl)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW, get = cmd == F_GETLK || cmd == F_OFD_GETLK;
	struct file_lock want = {
		.kind = ofd ? LOCK_OFD : LOCK_POSIX,
		.owner = ofd ? (const void *)f : (const void *)current->caps,
		.type = (u8)fl->type,
		.pid = current->proc ? process_pid(current->proc) : 0,
	}, *other;
	int err;

	if (ofd && fl->pid)
		return -EINVAL;
	if (fl->type != F_RDLCK && fl->type != F_WRLCK && (fl->type != F_UNLCK || get))
		return -EINVAL;
	err = range_of(f, fl, &want);
	if (err)
		return err;
	if (get) {
		spin_lock(&locks_lock);
		other = conflict_locked(f->inode, &want);
		if (other)
			lock_report(other, fl);
		else
			fl->type = F_UNLCK;
		spin_unlock(&locks_lock);
		return 0;
	}
	if ((fl->type == F_RDLCK && !(f->mode & FMODE_READ)) || (fl->type == F_WRLCK && !(f->mode & FMODE_WRITE)))
		return -EBADF;
	return lock_set(f->inode, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

/* ---- flock ---- */

int file_lock_flock(struct file *f, int op)
{
	struct file_lock want = { .kind = LOCK_FLOCK, .owner = f, .end = ~0ULL, .type = F_UNLCK };
	int type = op & ~LOCK_NB, err;

	if (type != LOCK_SH && type != LOCK_EX && type != LOCK_UN)
		return -EINVAL;
	if (type == LOCK_UN)
		return lock_set(f->inode, &want, false);
	want.type = type == LOCK_EX ? F_WRLCK : F_RDLCK;
	err = lock_set(f->inode, &want, false);
	if (err != -EAGAIN || op & LOCK_NB)
		return err;
	/* A conversion that has to wait gives the old lock up first, as flock(2) says. */
	want.type = F_UNLCK;
	err = lock_set(f->inode, &want, false);
	want.type = type == LOCK_EX ? F_WRLCK : F_RDLCK;
	return err ? err : lock_set(f->inode, &want, true);
}

/* ---- the end of an owner ---- */

static void release_owner(struct inode *i, const void *owner, bool posix)
{
	struct list dead = LIST_INIT(dead);
	struct file_lock *l, *t;

	spin_lock(&locks_lock);
	list_for_each_entry_safe(l, t, &i->file_locks, node)
	{
		if (l->owner == owner && (l->kind == LOCK_POSIX) == posix)
			list_move_tail(&dead, &l->node);
	}
	spin_unlock(&locks_lock);
	if (list_empty(&dead))
		return;
	locks_free(&dead);
	wake_all(queue_of(i), 0);
}

void file_locks_release_posix(struct file *f, struct cap_space *owner)
{
	release_owner(f->inode, owner, true);
}

void file_locks_release_flock(struct file *f)
{
	release_owner(f->inode, f, false);
}
