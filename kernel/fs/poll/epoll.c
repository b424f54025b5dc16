/* epoll: a set of files to watch, and a list of those that became ready. Layer: fs.
 *
 * Each item hangs hooks on the wait queues of its file. A hook that fires puts the item on the ready list; epoll_wait asks each
 * ready file again, so that the list may hold too much but never too little. Level-triggered items go back to its end.
 * Locks: epoll_mutex (S_EPOLL) > ep->lock (S_EPOLL) > WAITQUEUE of a file > ready_lock (EPOLL_READY) > WAITQUEUE of the epoll.
 * epoll_mutex is for nesting and for the ends of files and epolls; links_lock (EPOLL_READY) guards file->epoll_links.
 * Limits: NESTS_MAX epolls inside each other, HOOKS_MAX wait queues a file. Source: epoll(7). */
#include <arch/uaccess.h>
#include <exo/poll.h>
#include <exo/rbtree.h>
#include "../vfs/vfs_internal.h"

#define NESTS_MAX    4
#define HOOKS_MAX    3
#define EVENTS_MAX   (INT32_MAX / 12)
#define PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

struct epoll_item;
struct hook {
	struct wait_entry wait;
	struct waitqueue *wq; /* NULL: unused */
	struct epoll_item *item;
};
struct epoll {
	struct mutex lock;        /* S_EPOLL */
	struct rb_tree items;     /* [lock] by file and fd */
	spinlock_t ready_lock;    /* EPOLL_READY, interrupts off */
	struct list ready;        /* [ready_lock] */
	struct waitqueue wq;      /* epoll_wait */
	struct waitqueue poll_wq; /* those who watch this epoll */
	struct file *file;        /* [c] itself */
};
struct epoll_item {
	struct rb_node node;
	struct epoll *ep;         /* [c] */
	struct file *file;        /* [c] borrowed: the item goes when the file does */
	cap_t fd;                 /* [c] */
	u32 events;               /* [ep->lock; hooks read] 0 above the private bits = switched off by ONESHOT */
	u64 data;                 /* [ep->lock] */
	struct list ready_node;   /* [ep->ready_lock] */
	struct list file_node;    /* [links_lock] */
	u32 hook_count;
	int err;                  /* a hook was one too many */
	struct hook hooks[HOOKS_MAX];
};
struct item_queue { /* poll table of epoll_ctl */
	struct poll_table table;
	struct epoll_item *item;
};

static struct mutex epoll_mutex;
static spinlock_t links_lock = SPINLOCK_INIT(RANK_EPOLL_READY);
static const struct file_ops epoll_ops;
static struct kmem_cache *item_cache;

static bool item_less(const struct rb_node *a, const struct rb_node *b)
{
	const struct epoll_item *x = container_of(a, struct epoll_item, node), *y = container_of(b, struct epoll_item, node);

	return x->file != y->file ? x->file < y->file : x->fd < y->fd;
}

static struct epoll_item *item_find(struct epoll *ep, const struct file *f, cap_t fd)
{
	struct rb_node *n = ep->items.root;

	while (n) {
		struct epoll_item *i = container_of(n, struct epoll_item, node);

		if (i->file == f && i->fd == fd)
			return i;
		n = (f != i->file ? f < i->file : fd < i->fd) ? n->left : n->right;
	}
	return NULL;
}

/* ---- becoming ready ---- */

static bool ready_add(struct epoll_item *i)
{
	struct epoll *ep = i->ep;
	ulong flags = spin_lock_irq(&ep->ready_lock);
	bool new = list_empty(&i->ready_node);

	if (new)
		list_add_tail(&ep->ready, &i->ready_node);
	spin_unlock_irq(&ep->ready_lock, flags);
	return new;
}

static bool hook_fired(struct wait_entry *w, u64 key)
{
	struct epoll_item *i = container_of(w, struct hook, wait)->item;
	u32 events = READ_ONCE(i->events);
	bool sleeper;

	if (!(events & ~PRIVATE_BITS) || (key && !(key & events)))
		return false;
	ready_add(i);
	sleeper = waitqueue_active(&i->ep->wq);
	wake_one(&i->ep->wq, POLL_IN);
	wake_all(&i->ep->poll_wq, POLL_IN | POLL_RDNORM);
	return sleeper && events & EPOLLEXCLUSIVE;
}

static void item_hang(struct poll_table *pt, struct file *f, struct waitqueue *wq)
{
	struct epoll_item *i = container_of(pt, struct item_queue, table)->item;
	struct hook *h;

	if (i->hook_count == HOOKS_MAX) {
		i->err = -ENOSPC;
		return;
	}
	h = &i->hooks[i->hook_count++];
	h->wait = (struct wait_entry){ .fn = hook_fired, .exclusive = i->events & EPOLLEXCLUSIVE };
	h->wq = wq;
	h->item = i;
	list_init(&h->wait.node);
	waitqueue_add(wq, &h->wait);
}

static u32 item_poll(struct epoll_item *i, struct poll_table *pt)
{
	return i->file->ops->poll(i->file, pt) & i->events & ~PRIVATE_BITS;
}

/* ---- items ---- */

static struct epoll *epoll_of(const struct file *f)
{
	return f->ops == &epoll_ops ? f->priv : NULL;
}

/* Takes the item out of everything and frees it. ep->lock held. */
static void item_remove(struct epoll_item *i)
{
	struct epoll *ep = i->ep;
	ulong flags;

	for (u32 h = 0; h < i->hook_count; h++)
		waitqueue_remove(i->hooks[h].wq, &i->hooks[h].wait); /* after this none runs */
	flags = spin_lock_irq(&links_lock);
	list_del(&i->file_node);
	spin_unlock_irq(&links_lock, flags);
	flags = spin_lock_irq(&ep->ready_lock);
	list_del(&i->ready_node);
	spin_unlock_irq(&ep->ready_lock, flags);
	rb_erase(&ep->items, &i->node);
	kmem_cache_free(item_cache, i);
}

static void item_wake_if_ready(struct epoll_item *i, u32 mask)
{
	if (!mask)
		return;
	ready_add(i);
	wake_one(&i->ep->wq, POLL_IN);
	wake_all(&i->ep->poll_wq, POLL_IN | POLL_RDNORM);
}

static int item_add(struct epoll *ep, struct file *f, cap_t fd, const struct linux_epoll_event *event)
{
	struct epoll_item *i = kmem_cache_alloc(item_cache, ALLOC_KERNEL);
	struct item_queue q;
	ulong flags;
	u32 mask;

	if (!i)
		return -ENOMEM;
	*i = (struct epoll_item){ .ep = ep, .file = f, .fd = fd, .events = event->events | POLL_ERR | POLL_HUP, .data = event->data };
	list_init(&i->ready_node);
	list_init(&i->file_node);
	rb_insert(&ep->items, &i->node, item_less);
	flags = spin_lock_irq(&links_lock);
	list_add_tail(&f->epoll_links, &i->file_node);
	spin_unlock_irq(&links_lock, flags);
	q.table.queue = item_hang;
	q.item = i;
	mask = item_poll(i, &q.table);
	if (i->err) {
		int err = i->err;

		item_remove(i);
		return err;
	}
	item_wake_if_ready(i, mask);
	return 0;
}

static void item_modify(struct epoll_item *i, const struct linux_epoll_event *event)
{
	WRITE_ONCE(i->events, event->events | POLL_ERR | POLL_HUP);
	i->data = event->data;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* hooks see the new events, or we see the file's new state */
	item_wake_if_ready(i, item_poll(i, NULL));
}

/* ---- epolls in epolls ---- */

/* Longest chain of epolls below @ep. -ELOOP when @seek is among them or it is too long. epoll_mutex held. */
static int depth_below(struct epoll *ep, const struct epoll *seek, int level)
{
	int deepest = 0;

	if (ep == seek || level > NESTS_MAX)
		return -ELOOP;
	mutex_lock(&ep->lock);
	for (struct rb_node *n = rb_first(&ep->items); n && deepest >= 0; n = rb_next(n)) {
		struct epoll *inner = epoll_of(container_of(n, struct epoll_item, node)->file);
		int d = inner ? depth_below(inner, seek, level + 1) : 0;

		deepest = d < 0 ? d : MAX(deepest, d + (inner != NULL));
	}
	mutex_unlock(&ep->lock);
	return deepest;
}

/* Longest chain of epolls that watch @ep. epoll_mutex held, so the chain stands still but for removals. */
static int depth_above(struct epoll *ep, int level)
{
	struct epoll_item *i;
	int highest = 0;

	if (level > NESTS_MAX)
		return level;
	list_for_each_entry(i, &ep->file->epoll_links, file_node)
	{
		highest = MAX(highest, 1 + depth_above(i->ep, level + 1));
	}
	return highest;
}

static int nesting_check(struct epoll *ep, struct epoll *inner)
{
	int below = depth_below(inner, ep, 0), above;
	ulong flags;

	if (below < 0)
		return below;
	flags = spin_lock_irq(&links_lock);
	above = depth_above(ep, 0);
	spin_unlock_irq(&links_lock, flags);
	return below + above + 1 > NESTS_MAX ? -ELOOP : 0;
}

/* ---- epoll_ctl ---- */

static int control_locked(struct epoll *ep, struct file *f, int op, cap_t fd, const struct linux_epoll_event *event)
{
	struct epoll_item *i = item_find(ep, f, fd);

	switch (op) {
	case EPOLL_CTL_ADD:
		return i ? -EEXIST : item_add(ep, f, fd, event);
	case EPOLL_CTL_DEL:
		if (!i)
			return -ENOENT;
		item_remove(i);
		return 0;
	case EPOLL_CTL_MOD:
		if (!i)
			return -ENOENT;
		if (i->events & EPOLLEXCLUSIVE)
			return -EINVAL;
		item_modify(i, event);
		return 0;
	default:
		return -EINVAL;
	}
}

int epoll_control(struct file *epf, int op, cap_t fd, const struct linux_epoll_event *event)
{
	const u32 exclusive_ok = POLL_IN | POLL_OUT | POLL_ERR | POLL_HUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;
	struct epoll *ep = epoll_of(epf), *inner;
	bool borrowed, nested;
	struct file *f = fd_file(fd, CAP_WAIT, &borrowed);
	int err = 0;

	if (is_err(f))
		return (int)ptr_err(f);
	inner = epoll_of(f);
	if (!f->ops->poll)
		err = -EPERM;
	else if (!ep || inner == ep)
		err = -EINVAL;
	else if (op != EPOLL_CTL_DEL && event->events & EPOLLEXCLUSIVE && (op == EPOLL_CTL_MOD || inner || event->events & ~exclusive_ok))
		err = -EINVAL;
	nested = !err && op == EPOLL_CTL_ADD && inner;
	if (nested) {
		mutex_lock(&epoll_mutex);
		err = nesting_check(ep, inner);
	}
	if (!err) {
		mutex_lock(&ep->lock);
		err = control_locked(ep, f, op, fd, event);
		mutex_unlock(&ep->lock);
	}
	if (nested)
		mutex_unlock(&epoll_mutex);
	fd_file_release(f, borrowed);
	return err;
}

/* ---- epoll_wait ---- */

static struct epoll_item *ready_take(struct epoll *ep)
{
	ulong flags = spin_lock_irq(&ep->ready_lock);
	struct epoll_item *i = list_first(&ep->ready, struct epoll_item, ready_node);

	if (i)
		list_del(&i->ready_node);
	spin_unlock_irq(&ep->ready_lock, flags);
	return i;
}

static void ready_splice(struct epoll *ep, struct list *again)
{
	ulong flags = spin_lock_irq(&ep->ready_lock);

	list_splice_tail(&ep->ready, again);
	spin_unlock_irq(&ep->ready_lock, flags);
}

/* Puts the item where the next look will find it. It leads hooks to believe that it is on the ready list, which is good enough. */
static void keep(struct epoll *ep, struct epoll_item *i, struct list *again)
{
	ulong flags = spin_lock_irq(&ep->ready_lock);

	list_move_tail(again, &i->ready_node);
	spin_unlock_irq(&ep->ready_lock, flags);
}

/* Reports up to @max ready files. Return: count | -EFAULT. */
static int harvest(struct epoll *ep, struct linux_epoll_event USER *out, u32 max)
{
	struct list again = LIST_INIT(again);
	struct epoll_item *i;
	u32 n = 0;
	int err = 0;

	mutex_lock(&ep->lock);
	while (n < max && (i = ready_take(ep)) != NULL) {
		struct linux_epoll_event e = { .events = item_poll(i, NULL), .data = i->data };

		if (!e.events)
			continue;
		if (copy_to_user(&out[n], &e, sizeof(e))) {
			keep(ep, i, &again);
			err = -EFAULT;
			break;
		}
		n++;
		if (i->events & EPOLLONESHOT)
			WRITE_ONCE(i->events, i->events & PRIVATE_BITS);
		else if (!(i->events & EPOLLET))
			keep(ep, i, &again);
	}
	ready_splice(ep, &again);
	mutex_unlock(&ep->lock);
	return n ? (int)n : err;
}

static bool epoll_has_ready(struct epoll *ep)
{
	return READ_ONCE(ep->ready.next) != &ep->ready;
}

int epoll_wait_events(struct file *f, struct linux_epoll_event USER *out, u32 max, ns_t deadline_ns)
{
	struct epoll *ep = epoll_of(f);
	int err = 0, n;

	if (!ep || !max || max > EVENTS_MAX)
		return -EINVAL;
	for (;;) {
		if (epoll_has_ready(ep)) {
			n = harvest(ep, out, max);
			if (n)
				return n;
		}
		if (!deadline_ns || err == -ETIMEDOUT)
			return 0;
		err = wait_event_mode(&ep->wq, epoll_has_ready(ep), WAIT_INTERRUPTIBLE, deadline_ns, true);
		if (err && err != -ETIMEDOUT)
			return -EINTR;
	}
}

/* ---- the epoll as a file ---- */

static u32 epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->priv;
	struct list again = LIST_INIT(again);
	struct epoll_item *i;
	bool found = false;

	poll_wait(pt, f, &ep->poll_wq);
	if (!epoll_has_ready(ep))
		return 0;
	mutex_lock(&ep->lock);
	while (!found && (i = ready_take(ep)) != NULL) {
		found = item_poll(i, NULL);
		if (found)
			keep(ep, i, &again);
	}
	ready_splice(ep, &again);
	mutex_unlock(&ep->lock);
	return found ? POLL_IN | POLL_RDNORM : 0;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->priv;
	struct rb_node *n;

	mutex_lock(&epoll_mutex); /* against epoll_file_gone of a file in it */
	mutex_lock(&ep->lock);
	while ((n = rb_first(&ep->items)) != NULL)
		item_remove(container_of(n, struct epoll_item, node));
	mutex_unlock(&ep->lock);
	mutex_unlock(&epoll_mutex);
	kfree(ep);
}

void epoll_file_gone(struct file *f)
{
	struct epoll_item *i;
	ulong flags;

	mutex_lock(&epoll_mutex);
	for (;;) {
		struct epoll *ep;

		flags = spin_lock_irq(&links_lock);
		i = list_first(&f->epoll_links, struct epoll_item, file_node);
		ep = i ? i->ep : NULL;
		spin_unlock_irq(&links_lock, flags);
		if (!ep)
			break;
		mutex_lock(&ep->lock); /* the epoll stays: its release takes epoll_mutex; the item stays: nobody else can name @f */
		item_remove(i);
		mutex_unlock(&ep->lock);
	}
	mutex_unlock(&epoll_mutex);
}

static const struct file_ops epoll_ops = {
	.anon_name = "anon_inode:[eventpoll]",
	.poll = epoll_poll,
	.release = epoll_release,
};

struct file *epoll_create(void)
{
	struct epoll *ep = kzalloc(sizeof(*ep), ALLOC_KERNEL);
	struct file *f;

	if (!ep)
		return err_ptr(-ENOMEM);
	mutex_init(&ep->lock, RANK_S_EPOLL);
	spin_init(&ep->ready_lock, RANK_EPOLL_READY);
	list_init(&ep->ready);
	waitqueue_init(&ep->wq);
	waitqueue_init(&ep->poll_wq);
	f = file_create(&epoll_ops, NULL, O_RDWR, ep);
	if (is_err(f))
		kfree(ep);
	else
		ep->file = f;
	return f;
}

void poll_init(void)
{
	mutex_init(&epoll_mutex, RANK_S_EPOLL);
	item_cache = kmem_cache_create("epoll_item", sizeof(struct epoll_item), 64, 0);
}
