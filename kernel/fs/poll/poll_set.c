/* Waiting on a set of files. Layer: fs. Locks: entries hang in the files' wait queues under those
 * queues' locks; the rest is the sleeping thread's own. No lost wake-up: `woken` is set before the
 * thread is woken and read after its state is set. */
#include "poll_set.h"

#include <exo/errno.h>
#include <exo/memory.h>

static bool poll_woken(struct wait_entry *e, u64 key)
{
	struct poll_wait_entry *w = container_of(e, struct poll_wait_entry, wait);

	if (key && !(key & (w->events | POLL_ERR | POLL_HUP)))
		return false;
	__atomic_store_n(&w->set->woken, 1, __ATOMIC_RELEASE); /* pairs with poll_set_sleep */
	thread_wake(w->set->thread);
	return true;
}

static struct poll_wait_entry *entry_new(struct poll_set *s)
{
	struct poll_chunk *c = s->chunks;

	if (s->used < POLL_INLINE_WAITS)
		return &s->entries[s->used++];
	if (!c || c->used == ARRAY_LEN(c->entries)) {
		c = kmalloc(sizeof(*c), ALLOC_KERNEL);
		if (!c)
			return NULL;
		c->used = 0;
		c->next = s->chunks;
		s->chunks = c;
	}
	return &c->entries[c->used++];
}

static void poll_queue(struct poll_table *pt, struct file *f, struct waitqueue *wq)
{
	struct poll_set *s = container_of(pt, struct poll_set, table);
	struct poll_wait_entry *w = entry_new(s);

	if (!w) {
		s->error = -ENOMEM;
		return;
	}
	file_get(f);
	*w = (struct poll_wait_entry){
		.wait.fn = poll_woken, .wq = wq, .file = f, .set = s, .events = s->asking};
	waitqueue_add(wq, &w->wait);
}

void poll_set_init(struct poll_set *s, bool may_sleep)
{
	s->table.queue = NULL;
	s->queue_next = may_sleep;
	s->thread = current;
	s->woken = 0;
	s->error = 0;
	s->late = false;
	s->used = 0;
	s->chunks = NULL;
}

u32 poll_set_ask(struct poll_set *s, cap_t fd, u32 events, u32 seen)
{
	struct fd slot SCOPED(fd_put) = fd_get(fd, CAP_WAIT);
	struct file *f = slot.file;
	u32 mask = POLL_IN | POLL_OUT | POLL_RDNORM | POLL_WRNORM;

	if (is_err(f))
		return POLL_NVAL;
	s->asking = events;
	if (f->ops->poll)
		mask = f->ops->poll(f, s->table.queue ? &s->table : NULL);
	mask &= events | POLL_ERR | POLL_HUP;
	if (mask & ~seen)
		s->table.queue = NULL; /* the answer is there: queue no more */
	return mask;
}

/* Until something may have changed. 0 | -ETIMEDOUT | -ERESTARTSYS | -ENOMEM. Ends the queueing
 * round. */
static int poll_set_sleep(struct poll_set *s, ns_t deadline_ns)
{
	int err = s->error;

	if (s->queue_next) { /* nothing was ready at the first look: look again, with hooks in the
				files' queues */
		s->queue_next = false;
		s->table.queue = poll_queue;
		return 0;
	}
	s->table.queue = NULL;
	if (err)
		return err;
	thread_set_state(THREAD_INTERRUPTIBLE);
	if (__atomic_load_n(&s->woken, __ATOMIC_ACQUIRE)) /* pairs with poll_woken */
		thread_set_state(THREAD_RUNNING);
	else
		err = wait_sleep(WAIT_INTERRUPTIBLE, deadline_ns);
	/* cleared before the next round reads the files */
	__atomic_store_n(&s->woken, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return err;
}

bool poll_set_again(struct poll_set *s, ns_t deadline_ns, long *ready)
{
	int err;

	if (*ready || !deadline_ns || s->late)
		return false;
	err = poll_set_sleep(s, deadline_ns);
	s->late = err == -ETIMEDOUT;
	if (err && !s->late)
		*ready = err;
	return !*ready;
}

static void entry_drop(struct poll_wait_entry *w)
{
	waitqueue_remove(w->wq, &w->wait);
	file_put(w->file);
}

void poll_set_fini(struct poll_set *s)
{
	for (u32 i = 0; i < s->used; i++)
		entry_drop(&s->entries[i]);
	while (s->chunks) {
		struct poll_chunk *c = s->chunks;

		s->chunks = c->next;
		for (u32 i = 0; i < c->used; i++)
			entry_drop(&c->entries[i]);
		kfree(c);
	}
}
