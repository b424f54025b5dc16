/* Waiting for several files: what poll(2) and select(2) share. Layer: fs.
 * The first look at the files queues nothing: most calls find something ready or do not want to wait. Only a call that will sleep
 * hangs itself on the files' wait queues and looks again.
 * Locks: none of its own; hooks run under their queue's lock. Limits: the caller's number of files. */
#include "../vfs/vfs_internal.h"
#include <exo/poll.h>

#define CHUNK_ENTRIES 60

struct poll_entry {
	struct wait_entry wait;
	struct waitqueue *wq;
	struct file *file; /* +1 */
	struct poll_set *set;
	u64 key;           /* events that matter to this file */
};
struct poll_chunk {
	struct poll_chunk *next;
	struct poll_entry entries[CHUNK_ENTRIES];
};

static bool poll_wake(struct wait_entry *w, u64 key)
{
	struct poll_entry *e = container_of(w, struct poll_entry, wait);

	if (key && !(key & e->key))
		return false;
	__atomic_store_n(&e->set->triggered, true, __ATOMIC_RELEASE); /* pairs with poll_set_sleep */
	thread_wake(e->wait.thread);
	return false;
}

static struct poll_entry *entry_next(struct poll_set *s)
{
	struct poll_chunk *c = s->chunks;

	if (!c || s->used == CHUNK_ENTRIES) {
		c = kmalloc(sizeof(*c), ALLOC_KERNEL);
		if (!c) {
			s->err = -ENOMEM;
			return NULL;
		}
		c->next = s->chunks;
		s->chunks = c;
		s->used = 0;
	}
	return &c->entries[s->used++];
}

static void poll_queue(struct poll_table *pt, struct file *f, struct waitqueue *wq)
{
	struct poll_set *s = container_of(pt, struct poll_set, table);
	struct poll_entry *e = entry_next(s);

	if (!e)
		return;
	file_get(f);
	*e = (struct poll_entry){ .wait = { .thread = current, .fn = poll_wake }, .wq = wq, .file = f, .set = s, .key = s->key };
	list_init(&e->wait.node);
	waitqueue_add(wq, &e->wait);
}

void poll_set_init(struct poll_set *s)
{
	s->table.queue = poll_queue;
	s->chunks = NULL;
	s->used = 0;
	s->queueing = false;
	s->triggered = false;
	s->err = 0;
}

void poll_set_fini(struct poll_set *s)
{
	u32 used = s->used;

	while (s->chunks) {
		struct poll_chunk *c = s->chunks;

		for (u32 i = 0; i < used; i++) {
			waitqueue_remove(c->entries[i].wq, &c->entries[i].wait);
			file_put(c->entries[i].file);
		}
		s->chunks = c->next;
		kfree(c);
		used = CHUNK_ENTRIES;
	}
}

u32 poll_file(struct poll_set *s, struct file *f, u32 events)
{
	if (!f->ops->poll)
		return (POLL_IN | POLL_OUT | POLL_RDNORM | POLL_WRNORM) & events;
	events |= POLL_ERR | POLL_HUP;
	s->key = events;
	return f->ops->poll(f, s->queueing ? &s->table : NULL) & events;
}

u32 poll_fd(struct poll_set *s, cap_t fd, u32 events)
{
	bool borrowed;
	struct file *f = fd_file(fd, CAP_WAIT, &borrowed);
	u32 mask;

	if (unlikely(is_err(f)))
		return POLL_NVAL;
	mask = poll_file(s, f, events);
	fd_file_release(f, borrowed);
	return mask;
}

static int poll_set_sleep(struct poll_set *s, ns_t deadline_ns)
{
	int err = 0;

	thread_set_state(THREAD_INTERRUPTIBLE);
	if (!__atomic_load_n(&s->triggered, __ATOMIC_ACQUIRE))
		err = wait_sleep(WAIT_INTERRUPTIBLE, deadline_ns);
	thread_set_state(THREAD_RUNNING);
	return err;
}

int poll_set_wait(struct poll_set *s, int (*scan)(struct poll_set *s, void *ctx), void *ctx, ns_t deadline_ns)
{
	int found = scan(s, ctx), err;

	if (found || !deadline_ns)
		return found;
	s->queueing = true;
	for (;;) {
		__atomic_store_n(&s->triggered, false, __ATOMIC_SEQ_CST); /* before the look: a wake from here on counts */
		found = scan(s, ctx);
		s->queueing = false;
		if (found || s->err)
			return found ? found : s->err;
		err = poll_set_sleep(s, deadline_ns);
		if (err == -ETIMEDOUT)
			return scan(s, ctx);
		if (err)
			return err;
	}
}
