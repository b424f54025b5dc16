/* Rings and pools: their memory, their ends, sleeping and waking. Layer: ipc.
 *
 * The kernel counts wake-ups of each end and nothing else: who wants to sleep gives the count that
 * it has seen, so a wake-up that comes between its last look at the ring and its sleep is not lost,
 * whatever stands in the shared memory. The usual single sleeper stands in a word of its own and is
 * woken without a lock; further ones stand in the queue.
 *
 * An end is gone when its last reference goes, descriptors and mappings alike: the geometry page
 * says so to who runs, a wake-up to who sleeps, ipc_wait to who comes later.
 *
 * Locks: none on the paths of wait and wake but the queue's, when there is more than one sleeper.
 * Source: docs/specs/IPC_PROTOCOL.md. */
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/native.h>
#include "../ipc_internal.h"

static u64 links_made; /* [a] */

static struct fring_geometry *geometry_of(struct ipc_link *l, u32 ring)
{
	return page_to_virt(l->geometry[ring]);
}

/* ---- waking and sleeping ---- */

static void ipc_end_wake(struct ipc_end *e)
{
	struct thread *t;

	__atomic_fetch_add(&e->wakes, 1, __ATOMIC_SEQ_CST); /* before the look at sleeper */
	if (__atomic_load_n(&e->sleeper, __ATOMIC_SEQ_CST)) {
		rcu_read_lock(); /* the thread stays while we hold it by a bare pointer */
		t = __atomic_exchange_n(&e->sleeper, NULL, __ATOMIC_ACQ_REL);
		if (t)
			thread_wake(t);
		rcu_read_unlock();
	}
	if (unlikely(!list_empty(&e->queue.waiters)))
		wake_all(&e->queue, POLL_IN | POLL_RDNORM);
}

int ipc_wake(struct file *f)
{
	struct ipc_end *e = ipc_end_of(f);

	if (!e || !e->link->rings)
		return -EINVAL;
	/* the writer alone: a reader's wake must not make others look awake */
	if (e->link->kind == FRING_BROADCAST && !e->side)
		__atomic_store_n(&geometry_of(e->link, 0)->sleepers, 0, __ATOMIC_SEQ_CST);
	ipc_end_wake(&e->link->end[!e->side]);
	return 0;
}

/* A broadcast's readers cannot write into the ring: the kernel says for them that they sleep, and
 * looks at the writer's position after it. The writer does it the other way round (fring_cast). */
static bool tail_moved(struct ipc_link *l, u32 seen)
{
	const struct fring_control *c = page_to_virt(l->control);

	__atomic_store_n(&geometry_of(l, 0)->sleepers, 1, __ATOMIC_SEQ_CST);
	return (s32)((u32)__atomic_load_n(&c->tail, __ATOMIC_SEQ_CST) - seen) > 0;
}

static long sleep_alone(struct ipc_end *e, struct ipc_end *peer, u32 seen, ns_t deadline_ns)
{
	struct thread *self = current;
	bool late = false;
	long err;

	for (;;) {
		thread_set_state(THREAD_INTERRUPTIBLE); /* full barrier; pairs with ipc_end_wake */
		err = 0;
		if (__atomic_load_n(&e->wakes, __ATOMIC_SEQ_CST) != seen ||
			__atomic_load_n(&peer->gone, __ATOMIC_ACQUIRE))
			break;
		err = thread_signal_pending(self) ? -ERESTARTSYS : late ? -ETIMEDOUT : 0;
		if (err)
			break;
		/* A waker has taken us out for a wake-up that we had seen already. */
		if (unlikely(__atomic_load_n(&e->sleeper, __ATOMIC_RELAXED) != self)) {
			struct thread *none = NULL;

			if (__atomic_compare_exchange_n(&e->sleeper, &none, self, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
				continue;
			err = -EAGAIN; /* another has the place */
			break;
		}
		late = thread_block_until(deadline_ns);
	}
	__atomic_store_n(&self->state, THREAD_RUNNING, __ATOMIC_RELAXED);
	if (__atomic_load_n(&e->sleeper, __ATOMIC_RELAXED) == self) {
		struct thread *expected = self;

		__atomic_compare_exchange_n(
			&e->sleeper, &expected, NULL, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	}
	return err;
}

long ipc_wait(struct file *f, u32 seen, ns_t deadline_ns)
{
	struct ipc_end *e = ipc_end_of(f), *peer;
	struct ipc_link *l;
	u32 count;
	long err = 0;

	if (!e || !e->link->rings)
		return -EINVAL;
	l = e->link;
	peer = &l->end[!e->side];
	if (l->kind == FRING_BROADCAST && e->side) {
		count = __atomic_load_n(&e->wakes, __ATOMIC_SEQ_CST);
		if (!tail_moved(l, seen))
			err = -EAGAIN;
		seen = count;
	} else {
		err = __atomic_load_n(&e->wakes, __ATOMIC_SEQ_CST) == seen ? -EAGAIN : 0;
	}
	if (__atomic_load_n(&peer->gone, __ATOMIC_ACQUIRE))
		return -EPIPE;
	if (err) {
		err = sleep_alone(e, peer, seen, deadline_ns);
		if (err == -EAGAIN)
			err = wait_event_timeout(&e->queue,
				__atomic_load_n(&e->wakes, __ATOMIC_SEQ_CST) != seen ||
					__atomic_load_n(&peer->gone, __ATOMIC_ACQUIRE),
				deadline_ns);
	}
	if (__atomic_load_n(&peer->gone, __ATOMIC_ACQUIRE))
		return -EPIPE;
	if (err)
		return err;
	count = __atomic_load_n(&e->wakes, __ATOMIC_ACQUIRE);
	__atomic_store_n(&e->taken, count, __ATOMIC_RELAXED);
	return count;
}

/* ---- ends as files ---- */

/* Ready: there were wake-ups that ipc_wait has not returned yet. */
static u32 end_poll(struct file *f, struct poll_table *pt)
{
	struct ipc_end *e = f->priv;
	u32 ready = 0;

	poll_wait(pt, f, &e->queue);
	if (__atomic_load_n(&e->wakes, __ATOMIC_SEQ_CST) !=
		__atomic_load_n(&e->taken, __ATOMIC_RELAXED))
		ready = POLL_IN | POLL_RDNORM;
	if (__atomic_load_n(&e->link->end[!e->side].gone, __ATOMIC_ACQUIRE))
		ready |= POLL_IN | POLL_RDNORM | POLL_HUP;
	return ready;
}

/* Geometry pages are never written by users: a shared mapping that holds one is read-only. */
static int region_mmap(struct file *f, struct vm_map_request *r)
{
	struct ipc_link *l = ((struct ipc_end *)f->priv)->link;
	u64 first = r->offset_bytes, end = first + r->len_bytes;

	if (end < first)
		return -EINVAL;
	for (u32 i = 0; i < MAX(l->rings, 1u) && r->flags & VM_SHARED; i++) {
		u64 at = i * l->ring_bytes;

		if (first >= at + PAGE_SIZE || end <= at)
			continue;
		if (r->flags & VM_WRITE)
			return -EACCES;
		r->flags &= ~(u32)VM_MAYWRITE;
	}
	r->flags |= VM_DONTEXPAND; /* what stands behind it was not looked at */
	r->object = l->memory;
	return 0;
}

static void link_put(struct ipc_link *l)
{
	if (__atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (u32 i = 0; i < 2; i++)
		if (l->geometry[i])
			page_put(l->geometry[i]);
	if (l->control)
		page_put(l->control);
	if (l->memory)
		vm_object_put(l->memory);
	kfree(l);
}

static void end_release(struct file *f)
{
	struct ipc_end *e = f->priv;
	struct ipc_link *l = e->link;

	__atomic_store_n(&e->gone, 1, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < l->rings; i++)
		__atomic_fetch_or(&geometry_of(l, i)->closed,
			e->side == i ? FRING_CLOSED_TX : FRING_CLOSED_RX, __ATOMIC_SEQ_CST);
	ipc_transits_drop(e);
	if (l->rings)
		ipc_end_wake(&l->end[!e->side]);
	link_put(l);
}

#define END_OPS(name, type, poll_)                                                     \
	{                                                                              \
		.anon_name = "anon_inode:[exo-" name "]", .exo_type = EXO_TYPE_##type, \
		.poll = poll_, .mmap = region_mmap, .release = end_release             \
	}
/* By the rings between the ends. */
static const struct file_ops end_ops[] = {END_OPS("pool", POOL, NULL),
	END_OPS("ring", RING, end_poll), END_OPS("channel", CHANNEL, end_poll)};

struct ipc_end *ipc_end_of(struct file *f)
{
	return f->ops->release == end_release ? f->priv : NULL;
}

/* ---- making ---- */

static int pin(struct ipc_link *l, u64 index, struct page **out)
{
	struct page *p = vm_object_page(l->memory, index, true);

	if (is_err(p))
		return (int)ptr_err(p);
	*out = p;
	return 0;
}

/* A link with one reference and its memory, formatted by the caller. err_ptr(-ENOMEM). */
static struct ipc_link *link_create(u32 kind, u32 rings, u64 ring_bytes)
{
	struct ipc_link *l = kzalloc(sizeof(*l), ALLOC_KERNEL);
	int err = -ENOMEM;

	if (!l)
		return err_ptr(-ENOMEM);
	l->refs = 1;
	l->kind = kind;
	l->rings = rings;
	l->ring_bytes = ring_bytes;
	l->serial = __atomic_add_fetch(&links_made, 1, __ATOMIC_RELAXED);
	for (u32 i = 0; i < 2; i++) {
		struct ipc_end *e = &l->end[i];

		e->link = l;
		e->side = i;
		waitqueue_init(&e->queue);
		spin_init(&e->lock, RANK_SOCKET_SPIN);
		list_init(&e->transits);
	}
	l->memory = vm_object_create_anon(MAX(rings, 1u) * ring_bytes);
	if (l->memory)
		err = pin(l, 0, &l->geometry[0]);
	if (!err && rings == 2)
		err = pin(l, ring_bytes >> PAGE_SHIFT, &l->geometry[1]);
	if (!err && kind == FRING_BROADCAST)
		err = pin(l, FRING_CONTROL_AT >> PAGE_SHIFT, &l->control);
	if (!err)
		return l;
	link_put(l);
	return err_ptr(err);
}

int ipc_ring_create(const struct ipc_params *p, struct file *ends[2])
{
	bool cast = p->kind == FRING_BROADCAST;
	struct file *f[2] = {NULL, NULL};
	struct ipc_link *l;

	if (p->kind < FRING_SPSC || p->kind > FRING_BROADCAST || !fring_bytes(p->slots) ||
		(p->duplex && cast))
		return -EINVAL;
	l = link_create(p->kind, p->duplex ? 2 : 1, fring_bytes(p->slots));
	if (is_err(l))
		return (int)ptr_err(l);
	l->slots = p->slots;
	for (u32 i = 0; i < l->rings; i++)
		fring_format(geometry_of(l, i), p->kind, p->slots, cpu_count);
	for (u32 i = 0; i < 2; i++) {
		f[i] = file_create(
			&end_ops[l->rings], NULL, cast && i ? O_RDONLY : O_RDWR, &l->end[i]);
		if (is_err(f[i])) {
			if (i)
				file_put(f[0]);
			link_put(l);
			return -ENOMEM;
		}
		__atomic_fetch_add(&l->refs, 1, __ATOMIC_RELAXED);
	}
	link_put(l);
	ends[0] = f[0];
	ends[1] = f[1];
	return 0;
}

struct file *ipc_pool_create(u32 blocks, u32 block_bytes)
{
	u64 size = fpool_bytes(blocks, block_bytes);
	struct ipc_link *l;
	struct file *f;

	if (!size)
		return err_ptr(-EINVAL);
	l = link_create(0, 0, size);
	if (is_err(l))
		return (struct file *)l;
	fpool_format(geometry_of(l, 0), blocks, block_bytes);
	f = file_create(&end_ops[0], NULL, O_RDWR, &l->end[0]);
	if (is_err(f))
		link_put(l);
	return f;
}

int ipc_info(struct file *f, struct ipc_info *out)
{
	struct ipc_end *e = ipc_end_of(f);
	struct ipc_link *l;

	if (!e)
		return -EINVAL;
	l = e->link;
	*out = (struct ipc_info){.kind = l->kind,
		.slots = l->slots,
		.rings = l->rings,
		.side = e->side,
		.ring_bytes = l->ring_bytes,
		.wakes = __atomic_load_n(&e->wakes, __ATOMIC_RELAXED),
		.peer_gone = __atomic_load_n(&l->end[!e->side].gone, __ATOMIC_ACQUIRE)};
	return 0;
}
