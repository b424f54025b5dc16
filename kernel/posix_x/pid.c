/* Pid numbers: one struct pid a number in use, found through a two-level table. Layer: posix_x.
 *
 * A number stays in use while it names a thread, a process, a process group or a session: a group
 * may outlive its first process, and its number may not come back meanwhile. Numbers go round: the
 * next free one after the last given.
 *
 * Invariant: a leaf is there exactly when one of its numbers is in use, so that memory comes back.
 *
 * Locks: every change under process_tree_lock; look-ups under RCU.
 *
 * Source: pid_namespaces(7), proc(5) pid_max. */
#include <exo/memory.h>
#include "posix_x_internal.h"

struct pid_table pids = {.max = PID_MAX_DEFAULT};
struct pid pid_zero = {
	.uses = 1, .group = LIST_INIT(pid_zero.group)}; /* session and group of the first program */
spinlock_t process_tree_lock = SPINLOCK_INIT(RANK_PROCESS_TREE);
static struct kmem_cache *pid_cache, *leaf_cache;

struct pid *pid_create(void)
{
	struct pid *p;

	if (unlikely(!pid_cache)) {
		leaf_cache = kmem_cache_create("pid_leaf", sizeof(struct pid_leaf), 0, 0);
		pid_cache = kmem_cache_create("pid", sizeof(struct pid), 0, 0);
	}
	p = kmem_cache_alloc(pid_cache, ALLOC_ZERO);
	if (p)
		list_init(&p->group);
	return p;
}

void pid_destroy(struct pid *p)
{
	kmem_cache_free(pid_cache, p);
}

static int table_set(struct pid_table *t, struct pid *pid, pid_t nr)
{
	struct pid_leaf **leaf = &t->leaf[nr / PIDS_A_LEAF];

	if (!*leaf) {
		struct pid_leaf *fresh = kmem_cache_alloc(leaf_cache, ALLOC_ATOMIC | ALLOC_ZERO);

		if (!fresh)
			return -ENOMEM;
		rcu_assign_pointer(*leaf, fresh);
	}
	pid->nr = nr;
	(*leaf)->used++;
	rcu_assign_pointer((*leaf)->slot[nr % PIDS_A_LEAF], pid); /* pairs with pid_table_find */
	bit_set((*leaf)->map, (size_t)nr % PIDS_A_LEAF);
	return 0;
}

/* First free number in [from, to); full leaves are passed over whole. */
static pid_t first_free(const struct pid_table *t, pid_t from, pid_t to)
{
	while (from < to) {
		const struct pid_leaf *leaf = t->leaf[from / PIDS_A_LEAF];

		if (!leaf || !leaf->slot[from % PIDS_A_LEAF])
			return from;
		from = leaf->used == PIDS_A_LEAF ? (from / PIDS_A_LEAF + 1) * PIDS_A_LEAF
						 : from + 1;
	}
	return -1;
}

int pid_table_insert(struct pid_table *t, struct pid *pid)
{
	pid_t nr = first_free(t, t->last + 1, t->max);

	if (nr < 0)
		nr = first_free(t, PID_RESERVED, MIN(t->last + 1, t->max));
	if (nr < 0)
		return -EAGAIN;
	if (table_set(t, pid, nr))
		return -ENOMEM;
	t->last = nr;
	return 0;
}

int pid_table_insert_at(struct pid_table *t, struct pid *pid, pid_t nr)
{
	if (nr < 1 || nr >= t->max)
		return -EINVAL;
	if (pid_table_find(t, nr))
		return -EEXIST;
	return table_set(t, pid, nr);
}

RCU_KFREE(leaf_free_rcu, struct pid_leaf, rcu)

void pid_table_remove(struct pid_table *t, struct pid *pid)
{
	struct pid_leaf **leaf = &t->leaf[pid->nr / PIDS_A_LEAF], *gone = *leaf;

	rcu_assign_pointer(gone->slot[pid->nr % PIDS_A_LEAF], NULL);
	bit_clear(gone->map, (size_t)pid->nr % PIDS_A_LEAF);
	if (--gone->used)
		return;
	rcu_assign_pointer(*leaf, NULL);
	rcu_call(&gone->rcu, leaf_free_rcu);
}

struct pid *pid_table_find(struct pid_table *t, pid_t nr)
{
	struct pid_leaf *leaf;

	if (nr < 1 || nr >= PID_MAX_LIMIT)
		return NULL;
	leaf = rcu_dereference(t->leaf[nr / PIDS_A_LEAF]);
	return leaf ? rcu_dereference(leaf->slot[nr % PIDS_A_LEAF]) : NULL;
}

pid_t pid_table_next(const struct pid_table *t, pid_t nr)
{
	pid_t max = READ_ONCE(t->max);
	u64 rest;

	rcu_read_lock();
	while (++nr < max) {
		const struct pid_leaf *leaf = rcu_dereference(t->leaf[nr / PIDS_A_LEAF]);

		if (!leaf) {
			nr |= PIDS_A_LEAF - 1;
			continue;
		}
		rest = READ_ONCE(leaf->map[nr % PIDS_A_LEAF / 64]) >> nr % 64;
		if (rest) {
			nr += (pid_t)bit_ffs(rest);
			break;
		}
		nr |= 63;
	}
	rcu_read_unlock();
	return nr < max ? nr : -1;
}

RCU_KFREE(pid_free_rcu, struct pid, rcu)

void pid_use(struct pid *p)
{
	LOCK_HELD(&process_tree_lock);
	p->uses++;
}

void pid_unuse(struct pid *p)
{
	LOCK_HELD(&process_tree_lock);
	if (--p->uses)
		return;
	pid_table_remove(&pids, p);
	rcu_call(&p->rcu, pid_free_rcu);
}

pid_t pid_last(void)
{
	return READ_ONCE(pids.last);
}

int pid_max_set(pid_t max)
{
	struct spin_guard g SCOPED(spin_unguard) = tree_guard();

	if (max <= PID_RESERVED || max > PID_MAX_LIMIT)
		return -EINVAL;
	pids.max = max;
	return 0;
}

pid_t pid_max_get(void)
{
	return READ_ONCE(pids.max);
}
