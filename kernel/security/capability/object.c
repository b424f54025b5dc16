/* Objects and grants: references, derivation, revocation. Layer: security.
 * Locks: grant_lock (GRANT) guards every parent/children link and the setting of `revoked`;
 * reference counts are atomic. Invariants: a derived grant holds its object and its parent; rights
 * of a child are a subset of its parent's; a grant below a revoked one is revoked. Source: docs of
 * the design, "Objects and capabilities". */
#include <exo/security.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>

static spinlock_t grant_lock = SPINLOCK_INIT(RANK_GRANT);

void object_init(struct object *o, const struct object_type *t, u32 rights)
{
	o->type = t;
	o->root.object = o;
	o->root.parent = NULL;
	o->root.rights = rights;
	o->root.refs = 0;
	o->root.revoked = 0;
	list_init(&o->root.children);
	list_init(&o->root.sibling);
	__atomic_store_n(
		&o->refs, 1, __ATOMIC_RELEASE); /* pairs with object_get_unless_dead: last, so that
						   a stale look-up sees a whole object */
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

static void grant_free_rcu(struct rcu_head *h)
{
	kfree(container_of(h, struct derived_grant, rcu));
}

void grant_put(struct grant *g)
{
	/* A chain of derived grants may go at once: a loop, not a recursion. */
	while (g->parent) {
		struct grant *parent = g->parent;
		struct object *object = g->object;

		if (__atomic_sub_fetch(&g->refs, 1, __ATOMIC_ACQ_REL))
			return;
		spin_lock(&grant_lock);
		list_del(&g->sibling);
		spin_unlock(&grant_lock);
		rcu_call(&container_of(g, struct derived_grant, grant)->rcu, grant_free_rcu);
		object_put(object);
		g = parent;
	}
	object_put(g->object);
}

struct grant *cap_derive(struct grant *g, u32 rights)
{
	struct derived_grant *d;

	if (rights & ~g->rights || !(g->rights & CAP_DERIVE))
		return err_ptr(-EACCES);
	d = kmalloc(sizeof(*d), ALLOC_KERNEL);
	if (!d)
		return err_ptr(-ENOMEM);
	d->grant = (struct grant){.object = g->object, .parent = g, .rights = rights, .refs = 1};
	list_init(&d->grant.children);
	grant_get(g);
	object_get(g->object);
	spin_lock(&grant_lock);
	d->grant.revoked = g->revoked; /* under the lock: a revocation either sees this child or is
					  seen by it */
	list_add_tail(&g->children, &d->grant.sibling);
	spin_unlock(&grant_lock);
	if (d->grant.revoked) {
		grant_put(&d->grant);
		return err_ptr(-EKEYREVOKED);
	}
	return &d->grant;
}

/* Next grant in pre-order below @top, NULL at the end. */
static struct grant *grant_next(struct grant *top, struct grant *g)
{
	if (!list_empty(&g->children))
		return list_entry(g->children.next, struct grant, sibling);
	for (; g != top; g = g->parent) {
		if (g->sibling.next != &g->parent->children)
			return list_entry(g->sibling.next, struct grant, sibling);
	}
	return NULL;
}

void cap_revoke(struct grant *top)
{
	spin_lock(&grant_lock);
	for (struct grant *g = top; g; g = grant_next(top, g))
		__atomic_store_n(&g->revoked, 1, __ATOMIC_RELEASE); /* pairs with cap_get */
	spin_unlock(&grant_lock);
}
