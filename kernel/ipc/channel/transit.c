/* Capabilities on their way over a ring. Layer: ipc.
 *
 * Grants wait in a queue of the end that they go to, under a ticket that the sender puts into a
 * message. When that end goes, they go: by a worker, since what they name may be ends with queues
 * of their own, to any depth. An end travels over older rings only, so no queue can hold itself by
 * a detour, and nothing is kept for ever.
 *
 * Locks: end->lock (SOCKET_SPIN), drop_lock. */
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include "../ipc_internal.h"

static u64 tickets;                                          /* [a] */
static spinlock_t drop_lock = SPINLOCK_INIT(RANK_WAITQUEUE); /* after end->lock */
static struct list dropped = LIST_INIT(dropped);             /* [drop_lock] */

void ipc_transit_free(struct ipc_transit *t)
{
	for (u32 i = 0; i < t->count; i++)
		grant_put(t->grants[i]);
	kfree(t);
}

static struct ipc_transit *take_dropped(void)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&drop_lock);

	return list_pop(&dropped, struct ipc_transit, node);
}

static void drop_work_run(struct work *w)
{
	struct ipc_transit *t;

	while ((t = take_dropped()))
		ipc_transit_free(t);
}

static struct work drop_work = {.node = LIST_INIT(drop_work.node), .fn = drop_work_run};

/* Nobody can queue more: e->gone is set. */
void ipc_transits_drop(struct ipc_end *e)
{
	bool any;

	spin_lock(&e->lock);
	spin_lock(&drop_lock);
	list_splice_tail(&dropped, &e->transits);
	any = !list_empty(&dropped);
	spin_unlock(&drop_lock);
	spin_unlock(&e->lock);
	if (any)
		work_queue(&drop_work);
}

static bool carries_older(const struct ipc_link *l, const struct ipc_transit *t)
{
	for (u32 i = 0; i < t->count; i++) {
		struct object *o = t->grants[i]->object;
		struct ipc_end *e =
			o->type == &file_object_type ? ipc_end_of(object_file(o)) : NULL;

		if (e && e->link->rings && e->link->serial <= l->serial)
			return true;
	}
	return false;
}

static int queue(struct ipc_end *to, struct ipc_transit *t)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&to->lock);

	if (__atomic_load_n(&to->gone, __ATOMIC_ACQUIRE))
		return -EPIPE;
	if (to->transit_count == IPC_TRANSIT_MAX)
		return -EAGAIN;
	list_add_tail(&to->transits, &t->node);
	to->transit_count++;
	return 0;
}

int ipc_transit_send(struct file *f, struct ipc_transit *t, u64 *ticket)
{
	struct ipc_end *e = ipc_end_of(f);

	if (!e || !e->link->rings || (e->link->rings == 1 && e->side))
		return -EINVAL;
	if (e->link->kind == FRING_BROADCAST)
		return -EOPNOTSUPP;
	if (carries_older(e->link, t))
		return -ELOOP;
	*ticket = t->ticket = __atomic_add_fetch(&tickets, 1, __ATOMIC_RELAXED);
	return queue(&e->link->end[!e->side], t);
}

static struct ipc_transit *take(struct ipc_end *e, u64 ticket, u32 max)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&e->lock);
	struct ipc_transit *t;

	list_for_each_entry (t, &e->transits, node) {
		if (t->ticket != ticket)
			continue;
		if (t->count > max)
			return err_ptr(-EMSGSIZE);
		list_del(&t->node);
		e->transit_count--;
		return t;
	}
	return err_ptr(-ENOENT);
}

struct ipc_transit *ipc_transit_take(struct file *f, u64 ticket, u32 max)
{
	struct ipc_end *e = ipc_end_of(f);

	return e && e->link->rings ? take(e, ticket, max) : err_ptr(-EINVAL);
}

void ipc_transit_untake(struct file *f, struct ipc_transit *t)
{
	struct ipc_end *e = ipc_end_of(f);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&e->lock);

	list_add(&e->transits, &t->node);
	e->transit_count++;
}
