/* Credentials: immutable once published, shared by reference, replaced whole. Layer: security.
 * Locks: none; a reader of another thread's credentials does so under RCU. Source: credentials(7),
 * capabilities(7). */
#include <exo/security.h>
#include <exo/memory.h>
#include <exo/string.h>

struct cred cred_root = {
	.refs = 1,
	.cap_permitted = LCAP_ALL,
	.cap_effective = LCAP_ALL,
	.cap_bounding = LCAP_ALL,
};

struct cred *cred_get(struct cred *c)
{
	__atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

RCU_KFREE(cred_free_rcu, struct cred, rcu)

void cred_put(struct cred *c)
{
	if (__atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) == 0)
		rcu_call(&c->rcu, cred_free_rcu);
}

struct cred *cred_copy(const struct cred *c)
{
	size_t group_bytes = c->group_count * sizeof(u32);
	struct cred *n = kmalloc(sizeof(*n) + group_bytes, ALLOC_KERNEL);

	if (!n)
		return NULL;
	*n = *c;
	n->refs = 1;
	n->groups = (u32 *)(n + 1); /* behind it */
	if (group_bytes)
		memcpy(n->groups, c->groups, group_bytes);
	return n;
}

bool cred_in_group(const struct cred *c, u32 gid)
{
	u32 low = 0, high = c->group_count;

	if (gid == c->fsgid)
		return true;
	while (low < high) { /* sorted */
		u32 mid = low + (high - low) / 2;

		if (c->groups[mid] == gid)
			return true;
		if (c->groups[mid] < gid)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}
