/* flock(2) and fcntl(2) locks, leases: waiting, deadlocks, release. Layer: fs.
 *
 * A lock belongs to a capability space (POSIX: so that a fork inherits none and threads share
 * them) or to an open file (OFD, flock). Who must wait sleeps on a queue of his own; whoever
 * gives a range back wakes the waiters that it overlaps, and they try again in the order of their
 * coming.
 *
 * An owner of POSIX locks that waits is an edge of the graph of who waits for whom; a request
 * that would close a circle in it fails. The graph knows one owner that each waiter waits for:
 * the first in the file.
 *
 * Leases have a list of their own. Who opens counts in the inode, then looks whether that list is
 * empty; who wants a lease puts it there, then looks at the counts. A signal tells its holder that
 * somebody opens the file, who waits until the lease is given back or its time is over.
 *
 * Locks: bank lock (FILE_LOCKS) for the lists of all inodes of the bank and for their waiters,
 * then graph_lock (FILE_LOCK_GRAPH).
 *
 * Limits: LOCKS_MAX in the system. Sources: flock(2), fcntl(2) "Advisory record locking", "Open
 * file description locks". */
#include <exo/fs_locks.h>

#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/time.h>
#include <exo_abi/linux_capability.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_signal.h>
#include <arch/uaccess.h>
#include "lock_ranges.h"

#define BANKS     64u /* power of two */
#define LOCKS_MAX 65536u
#define CHAIN_MAX 64u /* owners that are followed from one to the next in search of a circle */

struct lock_bank {
	spinlock_t lock;
	struct list waiters; /* [lock] in order of coming */
} ALIGNED(64);
struct lock_waiter {
	struct list node;       /* [bank lock] */
	struct list graph_node; /* [graph_lock] POSIX only */
	const struct inode *inode;
	const struct file_lock *want; /* the sleeper's */
	const void *blocker;          /* [graph_lock] owner waited for */
	bool woken;                   /* [bank lock; the sleeper reads] */
	struct waitqueue wq;
};
static struct lock_bank banks[BANKS];
static spinlock_t graph_lock = SPINLOCK_INIT(RANK_FILE_LOCK_GRAPH);
static struct list graph = LIST_INIT(graph); /* [graph_lock] waiters for POSIX locks */
static u32 locks_count;                      /* [a] */

void file_locks_init(void)
{
	for (u32 i = 0; i < BANKS; i++) {
		spin_init(&banks[i].lock, RANK_FILE_LOCKS);
		list_init(&banks[i].waiters);
	}
}

static struct lock_bank *bank_of(const struct inode *i)
{
	return &banks[((uintptr_t)i >> 6 ^ (uintptr_t)i >> 12) & (BANKS - 1)];
}

/* ---- memory ---- */

static struct file_lock *lock_alloc(u32 how)
{
	struct file_lock *l = NULL;

	if (__atomic_add_fetch(&locks_count, 1, __ATOMIC_RELAXED) <= LOCKS_MAX)
		l = kmalloc(sizeof(*l), how);
	if (!l)
		__atomic_fetch_sub(&locks_count, 1, __ATOMIC_RELAXED);
	return l;
}

static void lock_free(struct file_lock *l)
{
	if (!l)
		return;
	kfree(l);
	__atomic_fetch_sub(&locks_count, 1, __ATOMIC_RELAXED);
}

static void locks_free(struct list *freed) /* for SCOPED */
{
	struct file_lock *l;

	while ((l = list_pop(freed, struct file_lock, node)))
		lock_free(l);
}

/* One entry more, for a change that is made under the bank lock. */
static int spare_get(struct file_lock *spare[2])
{
	struct file_lock **s = spare[0] ? &spare[1] : &spare[0];

	*s = lock_alloc(ALLOC_KERNEL);
	return *s ? 0 : -ENOLCK;
}

/* ---- waiting ---- */

/* Wakes who may go on now that @gone is free, or only shared. Bank lock held. */
static void wake_waiters(struct lock_bank *b, const struct inode *i, const struct file_lock *gone)
{
	struct lock_waiter *w;

	list_for_each_entry (w, &b->waiters, node) {
		if (w->inode != i || w->woken || !lock_overlaps(w->want, gone))
			continue;
		WRITE_ONCE(w->woken, true);
		wake_all(&w->wq, 0);
	}
}

/* Would @owner wait for itself by waiting for @blocker? graph_lock held. */
static bool closes_circle(const void *owner, const void *blocker)
{
	struct lock_waiter *w;
	bool found = true;

	for (u32 n = 0; n < CHAIN_MAX && found; n++) {
		if (blocker == owner)
			return true;
		found = false;
		list_for_each_entry (w, &graph, graph_node) {
			if (w->want->owner == blocker) {
				blocker = w->blocker;
				found = true;
				break;
			}
		}
	}
	return false;
}

/* Bank lock held. 0 | -EDEADLK. */
static int waiter_queue(struct lock_bank *b, struct lock_waiter *w, const struct file_lock *blocker)
{
	w->woken = false;
	w->blocker = blocker->owner;
	if (w->want->kind == LOCK_POSIX) {
		spinlock_t *held SCOPED(spin_release) = spin_hold(&graph_lock);

		if (blocker->kind == LOCK_POSIX && closes_circle(w->want->owner, w->blocker))
			return -EDEADLK;
		list_add_tail(&graph, &w->graph_node);
	}
	list_add_tail(&b->waiters, &w->node);
	return 0;
}

/* Sleeps until what keeps @want from being granted may be gone. Enters with the bank lock, leaves
 * without. */
static int wait_for(struct lock_bank *b, const struct inode *i, const struct file_lock *want,
	const struct file_lock *blocker)
{
	ns_t until = blocker->kind == LOCK_LEASE ? blocker->break_at : NS_FOREVER;
	struct lock_waiter w = {.inode = i, .want = want};
	int err;

	list_init(&w.graph_node);
	waitqueue_init(&w.wq);
	err = waiter_queue(b, &w, blocker);
	spin_unlock(&b->lock);
	if (err)
		return err;
	err = wait_event_timeout(&w.wq, READ_ONCE(w.woken), until);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&b->lock);
	spinlock_t *still SCOPED(spin_release) = spin_hold(&graph_lock);
	list_del(&w.node);
	list_del(&w.graph_node);
	return err;
}

/* ---- setting ---- */

/* Entries that the change needs and that are not there yet. Bank lock held. */
static bool spares_missing(
	const struct inode *i, const struct file_lock *want, struct file_lock *const spare[2])
{
	u32 need = (want->type != F_UNLCK) + lock_ranges_splits(&i->file_locks, want),
	    have = !!spare[0] + !!spare[1];

	return need > have;
}

/* Bank lock held; nothing is in the way. */
static void grant_locked(struct lock_bank *b, struct inode *i, const struct file_lock *want,
	struct file_lock *spare[2], struct list *freed)
{
	lock_ranges_apply(&i->file_locks, want, spare, freed);
	if (want->type != F_WRLCK)
		wake_waiters(b, i, want);
}

static int lock_set(struct file *f, const struct file_lock *want, bool wait)
{
	struct inode *i = f->inode;
	struct lock_bank *b = bank_of(i);
	struct file_lock *spare[2] = {NULL, NULL}, *blocker;
	struct list freed SCOPED(locks_free) = LIST_INIT(freed);
	int err = 0;

	while (!err) {
		spin_lock(&b->lock);
		blocker = want->type == F_UNLCK ? NULL : lock_ranges_conflict(&i->file_locks, want);
		if (blocker && wait) {
			err = wait_for(b, i, want, blocker);
			continue;
		}
		if (!blocker && !spares_missing(i, want, spare)) {
			if (want->type != F_UNLCK)
				__atomic_fetch_or(&f->mode, FMODE_LOCKED, __ATOMIC_RELAXED);
			grant_locked(b, i, want, spare, &freed);
			spin_unlock(&b->lock);
			break;
		}
		spin_unlock(&b->lock);
		err = blocker ? -EAGAIN : spare_get(spare);
	}
	lock_free(spare[0]);
	lock_free(spare[1]);
	return err;
}

/* ---- flock ---- */

/* Lets the lock go that @f has, when its type is another. True: it has the wanted one already. */
static bool flock_let_go(struct file *f, const struct file_lock *want)
{
	struct lock_bank *b = bank_of(f->inode);
	struct file_lock gone = *want, *l, *own = NULL;
	struct file_lock *no_spare[2] = {NULL, NULL};
	struct list freed SCOPED(locks_free) = LIST_INIT(freed);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&b->lock);

	gone.type = F_UNLCK;
	list_for_each_entry (l, &f->inode->file_locks, node) {
		if (lock_same_owner(l, want))
			own = l;
	}
	if (own && own->type == want->type)
		return true;
	if (own)
		grant_locked(b, f->inode, &gone, no_spare, &freed);
	return false;
}

long file_flock(struct file *f, int op)
{
	bool wait = !(op & LOCK_NB);
	struct file_lock want = {.end = LOCK_END,
		.owner = f,
		.file = f,
		.pid = process_pid(current->proc),
		.kind = LOCK_FLOCK};

	op &= ~LOCK_NB;
	if (op != LOCK_SH && op != LOCK_EX && op != LOCK_UN)
		return -EINVAL;
	want.type = op == LOCK_SH ? F_RDLCK : op == LOCK_EX ? F_WRLCK : F_UNLCK;
	if (flock_let_go(f, &want) || want.type == F_UNLCK)
		return 0;
	return lock_set(f, &want, wait);
}

/* ---- fcntl ---- */

/* The range of a struct flock: whence and a length that may be negative become first and last byte.
 * 0 | -EINVAL | -EOVERFLOW. */
static int range_import(struct file *f, const struct linux_flock *from, struct file_lock *to)
{
	s64 start = 0, last;

	if (from->whence == SEEK_CUR)
		start = (s64)READ_ONCE(f->pos);
	else if (from->whence == SEEK_END && f->inode->pages_ready)
		start = (s64)READ_ONCE(f->inode->pages.size_bytes);
	else if (from->whence != SEEK_SET && from->whence != SEEK_END)
		return -EINVAL;
	if (__builtin_add_overflow(start, from->start, &start))
		return from->start > 0 ? -EOVERFLOW : -EINVAL;
	if (start < 0)
		return -EINVAL;
	last = INT64_MAX;
	if (from->len > 0) {
		if (__builtin_add_overflow(start, from->len - 1, &last))
			return -EOVERFLOW;
	} else if (from->len < 0) {
		last = start - 1;
		if (__builtin_add_overflow(start, from->len, &start) || start < 0)
			return -EINVAL;
	}
	to->start = (u64)start;
	to->end = (u64)last;
	return 0;
}

static long lock_get(struct file *f, struct linux_flock *user, const struct file_lock *want)
{
	struct lock_bank *b = bank_of(f->inode);
	const struct file_lock *l;

	if (want->type == F_UNLCK)
		return -EINVAL;
	spinlock_t *held SCOPED(spin_release) = spin_hold(&b->lock);
	l = lock_ranges_conflict(&f->inode->file_locks, want);
	user->type = F_UNLCK;
	if (l) {
		user->type = l->type;
		user->whence = SEEK_SET;
		user->start = (s64)l->start;
		user->len = l->end == LOCK_END ? 0 : (s64)(l->end - l->start + 1);
		user->pid = l->pid;
	}
	return 0;
}

static int mode_check(const struct file *f, u8 type)
{
	u32 need = type == F_RDLCK ? FMODE_READ : type == F_WRLCK ? FMODE_WRITE : 0;

	return (f->mode & need) == need ? 0 : -EBADF;
}

long file_lock_fcntl(struct file *f, u32 cmd, u64 user_arg)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	struct file_lock want = {.file = f};
	struct linux_flock user;
	long err;

	if (copy_from_user(&user, (const void USER *)user_arg, sizeof(user)))
		return -EFAULT;
	if (user.type != F_RDLCK && user.type != F_WRLCK && user.type != F_UNLCK)
		return -EINVAL;
	if (ofd && user.pid)
		return -EINVAL;
	err = range_import(f, &user, &want);
	if (err)
		return err;
	want.type = (u8)user.type;
	want.kind = ofd ? LOCK_OFD : LOCK_POSIX;
	want.owner = ofd ? (const void *)f : current->caps;
	want.pid = ofd ? -1 : process_pid(current->proc);
	if (cmd == F_GETLK || cmd == F_OFD_GETLK) {
		err = lock_get(f, &user, &want);
		return err ? err : copy_to_user((void USER *)user_arg, &user, sizeof(user));
	}
	err = mode_check(f, want.type);
	return err ? err : lock_set(f, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

/* ---- leases ---- */

u64 lease_break_s = 45;

/* @l becomes @type, as is wanted of it or not yet. Bank lock held. */
static void lease_become(struct lock_bank *b, struct file_lock *l, u8 type)
{
	if (l->wanted == l->type)
		l->wanted = type;
	l->type = type;
	wake_waiters(b, l->file->inode, l);
	if (type == F_UNLCK) { /* with it goes who was to hear of it */
		l->file->owner = l->file->owner_signo = 0;
		list_del(&l->node);
		lock_free(l);
	}
}

/* The lease of @f goes, and what was not given back in time. Bank lock held. */
static void leases_end(struct lock_bank *b, struct inode *i, const struct file *f)
{
	struct file_lock *l, *next;

	list_for_each_entry_safe (l, next, &i->leases, node) {
		if (f && l->file == f)
			lease_become(b, l, F_UNLCK);
		else if (l->type != l->wanted && l->break_at <= clock_monotonic())
			lease_become(b, l, l->wanted);
	}
	i->leased = !list_empty(&i->leases);
}

/* Does anybody else have the file open in a way that does not go with a lease of @type? */
static bool opened_otherwise(const struct file *f, u8 type)
{
	s32 own = !!(f->mode & FMODE_WRITER), writers = READ_ONCE(f->inode->write_count);

	if (type == F_RDLCK)
		return writers > 0;
	return writers != own || READ_ONCE(f->inode->read_count) != !own;
}

/* @l is what @f has, or NULL. Bank lock held. */
static int lease_set(struct file *f, struct file_lock *l, cap_t fd, u8 type)
{
	if (!l && type == F_UNLCK)
		return -EAGAIN;
	/* pairs with the counts in open_here */
	__atomic_store_n(&f->inode->leased, true, __ATOMIC_SEQ_CST);
	if (type != F_UNLCK && opened_otherwise(f, type))
		return -EAGAIN;
	if (!l) {
		l = lock_alloc(ALLOC_ATOMIC);
		if (!l)
			return -ENOMEM;
		*l = (struct file_lock){.end = LOCK_END, .file = f, .kind = LOCK_LEASE};
		l->type = l->wanted = type;
		list_add_tail(&f->inode->leases, &l->node);
	}
	__atomic_fetch_or(&f->mode, FMODE_LOCKED, __ATOMIC_RELAXED);
	if (!(s32)f->owner)
		f->owner = file_owner_word(process_pid(current->proc));
	l->pid = fd;
	lease_become(bank_of(f->inode), l, type);
	return 0;
}

long file_lease_fcntl(struct file *f, cap_t fd, u32 cmd, u64 type)
{
	struct file_lock *l, *own = NULL;
	struct inode *i = f->inode;
	struct lock_bank *b = bank_of(i);
	bool sets = cmd == F_SETLEASE, denied = false;

	if (sets && type > F_UNLCK)
		return -EINVAL;
	if (sets && current->cred->fsuid != i->uid && !cred_capable(current->cred, LCAP_LEASE))
		return -EACCES;
	if (sets && !S_ISREG(i->mode))
		return -EINVAL;
	spinlock_t *held SCOPED(spin_release) = spin_hold(&b->lock);
	leases_end(b, i, NULL);
	list_for_each_entry (l, &i->leases, node) {
		if (l->file == f)
			own = l;
		else /* who has one has the file open: F_WRLCK is denied by the counts */
			denied |= type == F_RDLCK && l->wanted == F_UNLCK;
	}
	if (sets)
		return denied ? -EAGAIN : lease_set(f, own, fd, (u8)type);
	return own ? own->wanted : F_UNLCK;
}

int file_lease_break(struct inode *i, u32 o_flags)
{
	const struct file_lock want = {.end = LOCK_END, .kind = LOCK_LEASE};
	u8 wanted = o_flags & O_ACCMODE ? F_UNLCK : F_RDLCK;
	struct lock_bank *b = bank_of(i);
	u64 limit_s = READ_ONCE(lease_break_s);
	int err = 0;

	do {
		struct file_lock *l, *in_way = NULL, *untold = NULL;

		spin_lock(&b->lock);
		leases_end(b, i, NULL);
		list_for_each_entry (l, &i->leases, node) {
			if (l->type != wanted)
				in_way = l;
			if (l->wanted != wanted && l->wanted != F_UNLCK)
				untold = l;
		}
		if (untold) {
			const struct file *f = untold->file;
			struct file_signal due = {
				f->owner, (s32)f->owner_signo, untold->pid, SI_POLL_MSG, false};

			untold->wanted = wanted;
			untold->break_at =
				limit_s ? clock_monotonic() + limit_s * NS_PER_SEC : NS_FOREVER;
			spin_unlock(&b->lock);
			signal_send_owner(&due);
		} else if (in_way && !(o_flags & O_NONBLOCK)) {
			err = wait_for(b, i, &want, in_way);
		} else {
			spin_unlock(&b->lock);
			return in_way ? -EAGAIN : 0;
		}
	} while (!err || err == -ETIMEDOUT);
	return err;
}

/* ---- release ---- */

void file_locks_release(struct file *f, const void *owner)
{
	struct inode *i = f->inode;
	struct lock_bank *b = bank_of(i);
	struct list freed SCOPED(locks_free) = LIST_INIT(freed);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&b->lock);
	struct file_lock *l, *next;

	list_for_each_entry_safe (l, next, &i->file_locks, node) {
		if (owner ? l->owner == owner && l->kind == LOCK_POSIX : l->file == f) {
			list_move_tail(&freed, &l->node);
			wake_waiters(b, i, l);
		}
	}
	if (!owner)
		leases_end(b, i, f);
}
