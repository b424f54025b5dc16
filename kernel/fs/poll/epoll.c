/* epoll: level and edge triggered, one-shot, exclusive, nested. Layer: fs.
 * An item watches one (file, slot) pair through wait entries in the file's queues; a wake puts it
 * on the ready list, and epoll_wait asks the file again before it reports anything. Items hold no
 * reference on their file or grant: the last file_put or grant_put calls epoll_forget. Locks, in
 * order: links_lock (S_EPOLL, the graph of files and epolls) > ep->lock (S_EPOLL: items) > a file's
 * own locks > ready_lock (EPOLL_READY, interrupts off: the ready list). Source: epoll(7),
 * epoll_ctl(2). */
#include <exo/errno.h>
#include <exo/fs.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_signal.h>
#include <exo_abi/native.h>

#include "epoll.h"

#define EPOLL_NEST_MAX  5
#define EPOLL_WAITS_MAX 4 /* queues that one file may name */
#define EPOLL_FLAGS     (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP)

struct epoll {
	struct mutex lock;     /* S_EPOLL */
	struct list items;     /* [lock] */
	spinlock_t ready_lock; /* EPOLL_READY */
	struct list ready;     /* [ready_lock] items */
	struct waitqueue wq;   /* sleepers in epoll_wait, and outer epolls */
	u64 watch;       /* [lock; read racy] grant_watch_bit of all items with a grant, ever */
	u64 revocations; /* [lock; read racy] cap_revocations when the grants were last looked at */
};
struct epoll_wait_entry {
	struct wait_entry wait;
	struct waitqueue *wq;
	struct epoll_item *item;
};
struct epoll_item {
	struct list node;          /* [ep->lock] */
	struct list ready_node;    /* [ready_lock] */
	struct list file_node;     /* [links_lock] file->epoll_links */
	struct epoll *ep;          /* [c] */
	struct file *file;         /* [c] no reference */
	const struct grant *grant; /* [c] by which it was added, when derived; no reference */
	cap_t fd;                  /* [c] */
	u32 events;                /* [ep->lock; wakers read] 0 = disarmed one-shot */
	u64 data;                  /* [ep->lock] */
	struct poll_table table;   /* for the queues of the file */
	u32 waits;                 /* [ep->lock] */
	struct epoll_wait_entry entries[EPOLL_WAITS_MAX];
};

static struct mutex links_lock;
static struct kmem_cache *item_cache;
static const struct file_ops epoll_ops;

/* Lists it, unless it is listed already. */
static void item_list(struct epoll_item *i, struct list *at)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&i->ep->ready_lock);

	if (list_empty(&i->ready_node))
		list_add_tail(at, &i->ready_node);
}

static void item_tell(struct epoll_item *i)
{
	item_list(i, &i->ep->ready);
	wake_one(&i->ep->wq, POLL_IN | POLL_RDNORM);
}

static bool item_woken(struct wait_entry *e, u64 key)
{
	struct epoll_item *i = container_of(e, struct epoll_wait_entry, wait)->item;
	u32 events = READ_ONCE(i->events);

	if (!(events & ~EPOLL_FLAGS) || (key && !(key & (events | POLL_ERR | POLL_HUP))))
		return false;
	item_tell(i);
	return true;
}

static void item_queue(struct poll_table *pt, struct file *f, struct waitqueue *wq)
{
	struct epoll_item *i = container_of(pt, struct epoll_item, table);
	struct epoll_wait_entry *w;

	if (i->waits == EPOLL_WAITS_MAX)
		return;
	w = &i->entries[i->waits++];
	*w = (struct epoll_wait_entry){.wait.fn = item_woken,
		.wait.exclusive = i->events & EPOLLEXCLUSIVE,
		.wq = wq,
		.item = i};
	waitqueue_add(wq, &w->wait);
}

static bool ready_any(const struct epoll *ep)
{
	return !list_empty(&ep->ready);
}

/* What the item would report now. One whose grant was revoked says so and is then silent. ep->lock
 * held.
 */
static u32 item_state(struct epoll_item *i)
{
	u32 events = i->events & ~EPOLL_FLAGS;

	if (events && unlikely(i->grant) && !grant_live(i->grant)) {
		WRITE_ONCE(i->events, EPOLLONESHOT);
		return POLL_ERR | POLL_HUP;
	}
	return events ? i->file->ops->poll(i->file, NULL) & (events | POLL_ERR | POLL_HUP) : 0;
}

/* Few epolls watch one file, so the item is looked for among those. links_lock held. */
static struct epoll_item *item_find(const struct epoll *ep, const struct file *f, cap_t fd)
{
	struct epoll_item *i;

	list_for_each_entry (i, &f->epoll_links, file_node) {
		if (i->ep == ep && i->fd == fd)
			return i;
	}
	return NULL;
}

int epoll_target(struct file *epf, cap_t fd, u32 nth, u64 *file)
{
	struct epoll *ep = epf->priv;
	struct epoll_item *i;

	if (epf->ops != &epoll_ops)
		return -EINVAL;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&ep->lock);
	list_for_each_entry (i, &ep->items, node)
		if (i->fd == fd && !nth--) {
			*file = (u64)i->file;
			return 0;
		}
	return -ENOENT;
}

/* ---- O_ASYNC: files whose owners hear by signal, all of them items of one epoll ---- */

#define ASYNC_FD (-1) /* no descriptor of anybody */

static bool async_tell(void *ctx, int n, u32 events, u64 data)
{
	struct file *f = (struct file *)(uintptr_t)data; /* the lock of its item keeps it */
	const struct file_signal due = {f->owner, (s32)f->owner_signo, f->async_fd,
		f->mode & FMODE_READ ? SI_POLL_IN : SI_POLL_OUT, false};

	signal_send_owner(&due);
	return true;
}

/* links_lock and ep->lock held. */
static void item_remove_locked(struct epoll_item *i)
{
	struct epoll *ep = i->ep;
	ulong flags;

	for (u32 n = 0; n < i->waits; n++)
		waitqueue_remove(i->entries[n].wq, &i->entries[n].wait);
	if (i->fd == ASYNC_FD && !list_empty(&i->ready_node))
		(void)async_tell(NULL, 0, 0, i->data); /* what came before the end */
	flags = spin_lock_irq(&ep->ready_lock);
	list_del(&i->ready_node);
	spin_unlock_irq(&ep->ready_lock, flags);
	list_del(&i->file_node);
	list_del(&i->node);
	kmem_cache_free(item_cache, i);
}

void epoll_forget(struct file *f, const struct grant *g)
{
	struct epoll_item *i, *next;
	struct mutex *links SCOPED(mutex_release) = mutex_hold(&links_lock);

	list_for_each_entry_safe (i, next, &f->epoll_links, file_node) {
		if (g && i->grant != g)
			continue;
		struct mutex *held SCOPED(mutex_release) = mutex_hold(&i->ep->lock);
		item_remove_locked(i);
	}
}

/* Does a chain of epolls lead from @f to @target, or is it deeper than allowed? links_lock held, so
 * the graph stands still. 0 | -ELOOP. Recursion is bounded by EPOLL_NEST_MAX. */
static int check_loop(struct file *f, const struct file *target, u32 depth)
{
	struct epoll *ep = f->priv;
	struct epoll_item *i;
	int err = 0;

	if (f == target || depth > EPOLL_NEST_MAX)
		return -ELOOP;
	list_for_each_entry (i, &ep->items, node) {
		if (!err && i->file->ops == &epoll_ops)
			err = check_loop(i->file, target, depth + 1);
	}
	return err;
}

/* ep->lock and links_lock held. */
static int item_add_locked(
	struct epoll *ep, struct file *f, cap_t fd, u32 events, u64 data, const struct grant *g)
{
	struct epoll_item *i;

	i = kmem_cache_alloc(item_cache, ALLOC_ZERO);
	if (!i)
		return -ENOMEM;
	i->ep = ep;
	i->file = f;
	i->fd = fd;
	i->events = events;
	i->data = data;
	i->grant = g;
	if (g)
		ep->watch |= grant_watch_bit(g);
	list_init(&i->ready_node);
	list_add_tail(&f->epoll_links, &i->file_node);
	list_add_tail(&ep->items, &i->node);
	i->table.queue = item_queue;
	if (f->ops->poll(f, &i->table) & (events | POLL_ERR | POLL_HUP))
		item_tell(i);
	return 0;
}

static int item_modify_locked(struct epoll_item *i, u32 events, u64 data)
{
	if ((i->events | events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	WRITE_ONCE(i->events, events);
	i->data = data;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the new events before the question: a wake in
						    between sees them */
	if (item_state(i))
		item_tell(i);
	return 0;
}

int epoll_control(struct file *epf, int op, struct file *f, cap_t fd, u32 events, u64 data,
	const struct grant *g)
{
	struct epoll *ep = epf->priv;
	struct epoll_item *i;
	int err;

	if (epf->ops != &epoll_ops || f == epf)
		return -EINVAL;
	if (!f->ops->poll)
		return -EPERM;
	if (events & EPOLLEXCLUSIVE &&
		(op == EPOLL_CTL_MOD || f->ops == &epoll_ops || events & EPOLLONESHOT))
		return -EINVAL;
	struct mutex *links SCOPED(mutex_release) = mutex_hold(&links_lock);
	err = op == EPOLL_CTL_ADD && f->ops == &epoll_ops ? check_loop(f, epf, 1) : 0;
	if (err)
		return err;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&ep->lock);
	i = item_find(ep, f, fd);
	if (op == EPOLL_CTL_ADD)
		return i ? -EEXIST : item_add_locked(ep, f, fd, events, data, g);
	if (!i)
		return -ENOENT;
	if (op == EPOLL_CTL_MOD)
		return item_modify_locked(i, events, data);
	item_remove_locked(i);
	return 0;
}

static void async_main(void *arg)
{
	for (;;)
		(void)!epoll_collect(arg, 64, NS_FOREVER, async_tell, NULL);
}

int file_async(struct file *f, cap_t fd, bool on)
{
	static struct file *epf; /* [links_lock] of those files; a thread waits on it */
	struct mutex *links SCOPED(mutex_release) = mutex_hold(&links_lock);
	struct epoll_item *i;
	struct epoll *ep;
	u32 kind = f->inode->mode & S_IFMT;
	int err = 0;

	if (!f->ops->poll ||
		(kind != S_IFIFO && kind != S_IFSOCK && kind != S_IFCHR && !file_is_inotify(f)))
		return -ENOTTY;
	if (!epf) {
		struct file *new = epoll_create_file();

		if (is_err(new))
			return (int)ptr_err(new);
		if (!kthread_create("kasync", async_main, new)) {
			file_put(new);
			return -ENOMEM;
		}
		epf = new;
	}
	ep = epf->priv;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&ep->lock);
	i = item_find(ep, f, ASYNC_FD);
	if (on && !i) {
		f->async_fd = fd;
		err = item_add_locked(ep, f, ASYNC_FD, EPOLLET, (uintptr_t)f, NULL);
		if (!err) /* from now on: what is there already is no event */
			WRITE_ONCE(item_find(ep, f, ASYNC_FD)->events,
				EPOLLET | (f->mode & FMODE_READ ? POLL_IN : POLL_OUT));
	} else if (!on && i) {
		item_remove_locked(i);
	}
	return err;
}

/* Takes the next one off the list before it is asked: a wake from now on lists it again. */
static struct epoll_item *item_next(struct epoll *ep)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&ep->ready_lock);

	return list_pop(&ep->ready, struct epoll_item, ready_node);
}

/* Reports up to @max items through @emit. Level-triggered ones go back to the end of the list, so
 * that all get their turn. */
static int collect(
	struct epoll *ep, int max, bool (*emit)(void *ctx, int n, u32 events, u64 data), void *ctx)
{
	struct list done = LIST_INIT(done);
	struct epoll_item *i;
	int count = 0, err = 0;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&ep->lock);

	while (count < max && (i = item_next(ep))) {
		u32 state = item_state(i);

		if (!state)
			continue;
		if (!emit(ctx, count, state, i->data)) {
			item_list(i, &ep->ready);
			err = -EFAULT;
			break;
		}
		count++;
		if (i->events & EPOLLONESHOT) {
			WRITE_ONCE(i->events, i->events & EPOLL_FLAGS);
		} else if (!(i->events & EPOLLET)) {
			item_list(i, &done);
		}
	}
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&ep->ready_lock);
	list_splice_tail(&ep->ready, &done);
	return count ? count : err;
}

/* Items hang in no queue of their grants: a revocation anywhere has them all looked at, once. */
static void find_revoked(struct epoll *ep)
{
	struct epoll_item *i;
	u64 count;

	cap_watch(ep->watch);
	count = __atomic_load_n(&cap_revocations, __ATOMIC_SEQ_CST);
	if (READ_ONCE(ep->revocations) == count)
		return;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&ep->lock);
	list_for_each_entry (i, &ep->items, node) {
		if (i->grant && !grant_live(i->grant))
			item_list(i, &ep->ready);
	}
	WRITE_ONCE(ep->revocations, count);
}

int epoll_collect(struct file *epf, int max, ns_t deadline_ns,
	bool (*emit)(void *ctx, int n, u32 events, u64 data), void *ctx)
{
	struct epoll *ep = epf->priv;
	int n;

	if (epf->ops != &epoll_ops)
		return -EINVAL;
	if (unlikely(ep->watch))
		find_revoked(ep);
	for (;;) {
		n = ready_any(ep) ? collect(ep, max, emit, ctx) : 0;
		if (n)
			return n;
		if (!deadline_ns)
			return 0;
		n = wait_event_mode(&ep->wq, ready_any(ep), WAIT_INTERRUPTIBLE, deadline_ns, true);
		if (n == -ETIMEDOUT)
			return 0;
		if (n)
			return -EINTR;
	}
}

static u32 epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->priv;
	struct epoll_item *i;

	poll_wait(pt, f, &ep->wq);
	if (!ready_any(ep))
		return 0;
	/* nests as deep as epolls do, at most EPOLL_NEST_MAX */
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&ep->lock);
	list_for_each_entry (i, &ep->items, node) {
		if (!list_empty(&i->ready_node) && item_state(i))
			return POLL_IN | POLL_RDNORM;
	}
	return 0;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep SCOPED(kfree_at) = f->priv;
	struct mutex *links SCOPED(mutex_release) = mutex_hold(&links_lock);
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&ep->lock);
	struct epoll_item *i, *next;

	list_for_each_entry_safe (i, next, &ep->items, node)
		item_remove_locked(i);
}

static const struct file_ops epoll_ops = {.anon_name = "anon_inode:[eventpoll]",
	.exo_type = EXO_TYPE_EPOLL,
	.poll = epoll_poll,
	.release = epoll_release};

struct file *epoll_create_file(void)
{
	struct epoll *ep = kzalloc(sizeof(*ep), ALLOC_KERNEL);

	if (!ep)
		return err_ptr(-ENOMEM);
	mutex_init(&ep->lock, RANK_S_EPOLL);
	spin_init(&ep->ready_lock, RANK_EPOLL_READY);
	list_init(&ep->items);
	list_init(&ep->ready);
	waitqueue_init(&ep->wq);
	return file_create_owning(&epoll_ops, O_RDWR, ep);
}

void epoll_init(void)
{
	mutex_init(&links_lock, RANK_S_EPOLL);
	item_cache = kmem_cache_create("epoll_item", sizeof(struct epoll_item), 0, 0);
}
