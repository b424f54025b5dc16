/* Capability spaces, grants and credentials.
 * needs: kernel/security/capability/space.c kernel/security/capability/object.c kernel/security/credentials.c
 * needs: kernel/sync/spinlock.c kernel/sync/lock_debug.c
 */
#include <u_.h>
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/security.h>

struct thing {
	struct object object;
	int released, closed;
};
static void thing_release(struct object *o)
{
	container_of(o, struct thing, object)->released++;
}
static void thing_closed(struct object *o, struct cap_space *s)
{
	container_of(o, struct thing, object)->closed++;
}
static const struct object_type thing_type = {
	.name = "thing", .release = thing_release, .slot_closed = thing_closed};

static void thing_init(struct thing *t, u32 rights)
{
	t->released = t->closed = 0;
	object_init(&t->object, &thing_type, rights);
}

U_TEST(install_gives_the_lowest_slot)
{
	struct cap_space *s = cap_space_create();
	struct thing t;

	u_need(s);
	thing_init(&t, CAP_ALL);
	for (int i = 0; i < 200; i++) {
		object_get(&t.object);
		u_eq(cap_install(s, &t.object.root, 0, 0, 1000), i);
	}
	u_eq(cap_close(s, 7), 0);
	u_eq(cap_close(s, 3), 0);
	u_eq(cap_close(s, 3), -EBADF);
	u_eq(cap_close(s, 5000), -EBADF);
	u_eq(cap_close(s, -1), -EBADF);
	object_get(&t.object);
	u_eq(cap_install(s, &t.object.root, 0, 0, 1000), 3);
	object_get(&t.object);
	u_eq(cap_install(s, &t.object.root, 0, 100, 1000), 200);
	object_get(&t.object);
	u_eq(cap_install(s, &t.object.root, 0, 0, 1000), 7);
	u_eq(cap_install(s, &t.object.root, 0, 0, 201), -EMFILE);
	cap_space_put(s);
	u_eq(t.closed, 203);
	u_eq(t.released, 0);
	object_put(&t.object);
	u_eq(t.released, 1);
}

U_TEST(rights_are_checked_at_each_use)
{
	struct cap_space *s = cap_space_create();
	struct thing t;
	bool borrowed;

	thing_init(&t, CAP_READ | CAP_STAT);
	u_eq(cap_install(s, &t.object.root, 0, 0, 10), 0);
	u_check(cap_borrow(s, 0, CAP_READ, &borrowed) == &t.object && borrowed);
	u_eq(ptr_err(cap_borrow(s, 0, CAP_WRITE, &borrowed)), -EACCES);
	u_eq(ptr_err(cap_get(s, 0, CAP_READ | CAP_WRITE)), -EACCES);
	u_eq(ptr_err(cap_get(s, 1, 0)), -EBADF);
	u_check(cap_get(s, 0, CAP_STAT) == &t.object);
	u_eq(t.object.refs, 2);
	object_put(&t.object);
	cap_space_put(s);
	u_eq(t.released, 1);
}

U_TEST(a_shared_space_is_not_borrowed_from)
{
	struct cap_space *s = cap_space_create();
	struct thing t;
	bool borrowed;

	thing_init(&t, CAP_ALL);
	cap_install(s, &t.object.root, 0, 0, 10);
	s->refs++;
	u_check(cap_borrow(s, 0, CAP_READ, &borrowed) == &t.object && !borrowed);
	u_eq(t.object.refs, 2);
	cap_release(&t.object, borrowed);
	cap_space_put(s);
	cap_space_put(s);
	u_eq(t.released, 1);
}

U_TEST(reserved_slots_look_closed)
{
	struct cap_space *s = cap_space_create();
	struct thing t;

	thing_init(&t, CAP_ALL);
	u_eq(cap_reserve(s, CAP_CLOEXEC, 10), 0);
	u_eq(cap_close(s, 0), -EBADF);
	u_eq(ptr_err(cap_get(s, 0, 0)), -EBADF);
	u_eq(cap_replace(s, 0, &t.object.root, 0, 10), -EBUSY);
	u_eq(cap_flags(s, 0, -1), -EBADF);
	u_eq(cap_reserve(s, 0, 10), 1);
	cap_unreserve(s, 1);
	cap_fill(s, 0, &t.object.root);
	u_eq(cap_flags(s, 0, -1), CAP_CLOEXEC);
	cap_close_range(s, 0, ~0u, true);
	u_eq(t.released, 1);
	cap_space_put(s);
}

U_TEST(replace_closes_the_old)
{
	struct cap_space *s = cap_space_create();
	struct thing a, b;

	thing_init(&a, CAP_ALL);
	thing_init(&b, CAP_ALL);
	cap_install(s, &a.object.root, 0, 0, 10);
	u_eq(cap_replace(s, 0, &b.object.root, CAP_CLOEXEC, 10), 0);
	u_eq(a.released, 1);
	u_eq(cap_replace(s, 10, &b.object.root, 0, 10), -EBADF);
	object_get(&b.object);
	u_eq(cap_replace(s, 700, &b.object.root, 0, 1000), 0);
	u_check(cap_get(s, 700, 0) == &b.object);
	object_put(&b.object);
	u_eq(cap_next(s, 1), 700);
	cap_space_put(s);
	u_eq(b.released, 1);
}

U_TEST(fork_copies_and_close_range_closes)
{
	struct cap_space *s = cap_space_create(), *c;
	struct thing t;

	thing_init(&t, CAP_ALL);
	for (int i = 0; i < 300; i++) {
		object_get(&t.object);
		cap_install(s, &t.object.root, i & 1 ? CAP_CLOEXEC : 0, 0, 1000);
	}
	cap_reserve(s, 0, 1000); /* in flight: not copied */
	c = cap_space_fork(s);
	u_need(!is_err(c));
	u_eq(t.object.refs, 601);
	u_eq(cap_next(c, 300), -1);
	cap_close_range(c, 10, 19, false);
	u_eq(t.object.refs, 591);
	u_eq(cap_next(c, 10), 20);
	cap_close_range(c, 0, ~0u, true);
	u_eq(t.object.refs, 301 + 145);
	cap_space_put(s);
	cap_space_put(c);
	u_eq(t.object.refs, 1);
}

U_TEST(derived_grants_shrink_and_die_with_their_parents)
{
	struct cap_space *s = cap_space_create();
	struct grant *g, *h, *k;
	struct thing t;

	thing_init(&t, CAP_READ | CAP_WRITE | CAP_DERIVE);
	g = cap_derive(&t.object.root, CAP_READ | CAP_DERIVE, 0);
	u_need(!is_err(g));
	u_eq(ptr_err(cap_derive(g, CAP_WRITE, 0)), -EACCES);
	h = cap_derive(g, CAP_READ, 0);
	u_need(!is_err(h));
	u_eq(ptr_err(cap_derive(h, CAP_READ, 0)), -EACCES);
	k = cap_derive(&t.object.root, CAP_WRITE, 0);
	u_eq(cap_install(s, h, 0, 0, 10), 0);
	u_eq(cap_install(s, k, 0, 0, 10), 1);
	u_check(cap_get(s, 0, CAP_READ) == &t.object);
	object_put(&t.object);
	u_eq(cap_revoke(g, false), 0);
	u_eq(ptr_err(cap_get(s, 0, CAP_READ)), -EKEYREVOKED);
	u_eq(ptr_err(cap_derive(g, CAP_READ, 0)), -EKEYREVOKED);
	u_check(cap_get(s, 1, CAP_WRITE) == &t.object);
	object_put(&t.object);
	grant_put(g);
	cap_space_put(s);
	u_eq(t.object.refs, 1);
}

U_TEST(out_of_memory_changes_nothing)
{
	struct thing t;

	thing_init(&t, CAP_ALL);
	for (u64 n = 1; n < 6; n++) {
		struct cap_space *s, *c;

		heap_fail_at(0);
		s = cap_space_create();
		for (int i = 0; i < 100; i++) {
			object_get(&t.object);
			cap_install(s, &t.object.root, 0, 0, 1000);
		}
		heap_fail_at(n);
		c = cap_space_fork(s);
		heap_fail_at(0);
		if (!is_err(c))
			cap_space_put(c);
		else
			u_eq(ptr_err(c), -ENOMEM);
		cap_space_put(s);
		u_eq(t.object.refs, 1);
	}
	heap_fail_at(1);
	u_check(!cap_space_create());
	heap_fail_at(1);
	u_eq(ptr_err(cap_derive(&t.object.root, CAP_READ, 0)), -ENOMEM);
	heap_fail_at(0);
	u_eq(t.object.refs, 1);
}

U_TEST(groups_are_found_by_search)
{
	u32 groups[] = { 2, 5, 9, 1000, 70000 };
	struct cred c = { .refs = 1, .fsgid = 50, .groups = groups, .group_count = ARRAY_LEN(groups) }, *copy = cred_copy(&c);

	u_need(copy);
	for (u32 i = 0; i < ARRAY_LEN(groups); i++)
		u_check(cred_in_group(copy, groups[i]));
	u_check(cred_in_group(copy, 50));
	u_check(!cred_in_group(copy, 0) && !cred_in_group(copy, 6) && !cred_in_group(copy, 70001));
	u_check(copy->groups != groups);
	cred_put(copy);
}
