/* Objects and grants: references, derivation, revocation. Layer: security.
 *
 * A derived grant is good while no grant between it and its object's root was revoked, and no
 * ancestor has dropped its children since: each grant counts an epoch, and a child remembers its
 * parent's. So a revocation is one store whatever the size of the subtree, and a use through a
 * derived grant reads its ancestors, GRANT_DEPTH_MAX at most. Root grants have state 0 and never
 * come here.
 *
 * Who sleeps in a call through a derived grant has the object's bit in thread->cap_watch; cap_poke
 * makes those threads begin their call again, which then meets the revoked grant.
 *
 * Locks: none. Invariants: a derived grant holds its object and its parent; rights of a child are a
 * subset of its parent's. Source: docs/specs/CAPABILITY_SYSTEM.md. */
#include <exo/security.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/time.h>

struct derived_grant {
	struct grant grant;
	u64 parent_epoch; /* [c] */
	ns_t expires_ns;  /* [c] CLOCK_MONOTONIC; 0 = never */
	struct timer timer;
	struct work expired;
	struct rcu_head rcu;
};

static struct derived_grant *derived(const struct grant *g)
{
	return container_of(g, struct derived_grant, grant);
}

void object_init(struct object *o, const struct object_type *t, u32 rights)
{
	o->type = t;
	o->root.object = o;
	o->root.parent = NULL;
	o->root.rights = rights;
	o->root.refs = 0;
	o->root.state = 0;
	o->root.depth = 0;
	o->root.epoch = 0;
	/* pairs with ref_get_live: last, so that a stale look-up sees a whole object */
	__atomic_store_n(&o->refs, 1, __ATOMIC_RELEASE);
}

void object_get(struct object *o)
{
	u32 old = __atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);

	DEBUG_ASSERT(old != 0);
	(void)old;
}

void object_put(struct object *o)
{
	u32 left = __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL);

	DEBUG_ASSERT(left != ~0u);
	if (unlikely(left == 0))
		o->type->release(o);
}

void grant_get(struct grant *g)
{
	if (likely(!g->parent))
		object_get(g->object);
	else
		__atomic_fetch_add(&g->refs, 1, __ATOMIC_RELAXED);
}

RCU_KFREE(grant_free_rcu, struct derived_grant, rcu)

void grant_put(struct grant *g)
{
	/* A chain of derived grants may go at once: a loop, not a recursion. */
	while (g->parent) {
		struct grant *parent = g->parent;
		struct object *object = g->object;

		if (__atomic_sub_fetch(&g->refs, 1, __ATOMIC_ACQ_REL))
			return;
		if (object->type->grant_gone)
			object->type->grant_gone(object, g);
		if (derived(g)->expires_ns)
			(void)timer_cancel_sync(&derived(g)->timer);
		rcu_call(&derived(g)->rcu, grant_free_rcu);
		object_put(object);
		g = parent;
	}
	object_put(g->object);
}

bool grant_live(const struct grant *g)
{
	for (; g->parent; g = g->parent) {
		if (__atomic_load_n(&g->state, __ATOMIC_ACQUIRE) & GRANT_REVOKED ||
			derived(g)->parent_epoch !=
				__atomic_load_n(&g->parent->epoch, __ATOMIC_ACQUIRE))
			return false;
	}
	return true;
}

ns_t grant_expires_ns(const struct grant *g)
{
	return g->parent ? derived(g)->expires_ns : 0;
}

/* One bit of 63 for the object; who shares it is woken in vain. */
u64 grant_watch_bit(const struct grant *g)
{
	return 1ULL << ((uintptr_t)g->object / 64 * 0x9e3779b97f4a7c15ULL >> 32) % 63;
}

u64 cap_watched, cap_revocations;

void cap_watch(u64 objects)
{
	if (!current->proc)
		return;
	/* before grant_live; pairs with cap_revoke */
	__atomic_fetch_or(&current->cap_watch, objects, __ATOMIC_SEQ_CST);
	if (objects & ~__atomic_load_n(&cap_watched, __ATOMIC_SEQ_CST))
		__atomic_fetch_or(&cap_watched, objects, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&current->work, WORK_NOTIFY, __ATOMIC_RELAXED); /* ends the watch */
}

NOINLINE bool grant_watch(const struct grant *g)
{
	cap_watch(grant_watch_bit(g));
	return grant_live(g);
}

/* The room of processes knows all threads; without one nobody sleeps. */
WEAK void cap_poke(u64 objects)
{
	(void)objects;
}

/* @g or what is below it was revoked: whoever uses it hears of it. */
static void revoked(struct grant *g)
{
	__atomic_fetch_add(&cap_revocations, 1, __ATOMIC_SEQ_CST);
	cap_poke(grant_watch_bit(g));
	if (g->object->type->revoked)
		g->object->type->revoked(g->object);
}

static void expired_work(struct work *w)
{
	struct grant *g = &container_of(w, struct derived_grant, expired)->grant;

	revoked(g);
	grant_put(g);
}

static void grant_expired(struct timer *t)
{
	struct derived_grant *d = container_of(t, struct derived_grant, timer);

	__atomic_fetch_or(&d->grant.state, GRANT_REVOKED, __ATOMIC_SEQ_CST);
	if (ref_get_live(&d->grant.refs)) /* else on its way out: nobody uses it */
		(void)work_queue(&d->expired);
}

struct grant *cap_derive(struct grant *g, u32 rights, ns_t expires_ns)
{
	ns_t inherited = grant_expires_ns(g);
	struct derived_grant *d;

	if (rights & ~g->rights || !(g->rights & CAP_DERIVE))
		return err_ptr(-EACCES);
	if (g->depth == GRANT_DEPTH_MAX)
		return err_ptr(-EMLINK);
	if (expires_ns && expires_ns <= clock_monotonic())
		return err_ptr(-EKEYEXPIRED);
	d = kzalloc(sizeof(*d), ALLOC_KERNEL);
	if (!d)
		return err_ptr(-ENOMEM);
	d->grant = (struct grant){.object = g->object,
		.parent = g,
		.rights = rights,
		.refs = 1,
		.state = GRANT_DERIVED,
		.depth = g->depth + 1};
	d->parent_epoch = __atomic_load_n(&g->epoch, __ATOMIC_ACQUIRE);
	d->expires_ns =
		inherited && (!expires_ns || inherited < expires_ns) ? inherited : expires_ns;
	grant_get(g);
	object_get(g->object);
	if (d->expires_ns) {
		work_init(&d->expired, expired_work);
		timer_init(&d->timer, grant_expired);
		timer_start(&d->timer, d->expires_ns);
	}
	if (!grant_live(&d->grant)) {
		grant_put(&d->grant);
		return err_ptr(-EKEYREVOKED);
	}
	return &d->grant;
}

int cap_revoke(struct grant *g, bool children_only)
{
	if (children_only)
		__atomic_fetch_add(&g->epoch, 1, __ATOMIC_SEQ_CST); /* pairs with grant_watch */
	else if (g->parent)
		__atomic_fetch_or(&g->state, GRANT_REVOKED, __ATOMIC_SEQ_CST);
	else
		return -EPERM;
	revoked(g);
	return 0;
}

int cap_rights(struct cap_space *s, cap_t fd, const struct object *o, u32 *rights)
{
	struct grant *g SCOPED(grant_put_at) = NULL;

	*rights = o->root.rights;
	if (unlikely(current->cap_watch)) /* this call uses a derived grant, perhaps this one */
		g = cap_get_derived(s, fd, o);
	if (is_err(g))
		return (int)ptr_err(g);
	if (g)
		*rights = g->rights;
	return 0;
}

struct grant *cap_get_derived(struct cap_space *s, cap_t fd, const struct object *o)
{
	struct grant *g = cap_get_grant(s, fd);
	bool same;

	if (is_err(g))
		return g;
	same = g->object == o;
	if (same && g->parent)
		return g;
	grant_put(g);
	return same ? NULL : err_ptr(-EBADF); /* another thread changed the slot */
}

struct grant *cap_get_gift(struct cap_space *s, cap_t fd)
{
	struct grant *g = cap_get_grant(s, fd);
	int err;

	if (is_err(g) || (g->rights & CAP_TRANSFER && grant_live(g)))
		return g;
	err = g->rights & CAP_TRANSFER ? -EKEYREVOKED : -EACCES;
	grant_put(g);
	return err_ptr(err);
}
