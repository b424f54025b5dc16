/* Pid numbers: one struct pid a number in use, found through a two-level table. Layer: posix_x.
 *
 * A number stays in use while it names a thread, a process, a process group or a session: a group
 * may outlive its first process, and its number may not come back meanwhile. Numbers go round: the
 * next free one after the last given.
 *
 * Invariant: leaf[n / 512][n % 512] is NULL exactly when n is free; used[] counts the others.
 *
 * Locks: every change under process_tree_lock; look-ups under RCU.
 *
 * Source: pid_namespaces(7), proc(5) pid_max. */
#include <exo/memory.h>
#include "posix_x_internal.h"

#define LEAF_PIDS 512

struct pid_table pids = {.max = PID_MAX_DEFAULT};
struct pid pid_zero = {
	.uses = 1, .group = LIST_INIT(pid_zero.group)}; /* session and group of the first program */
spinlock_t process_tree_lock = SPINLOCK_INIT(RANK_PROCESS_TREE);
static struct kmem_cache *pid_cache;

struct pid *pid_create(void)
{
	struct pid *p;

	if (unlikely(!pid_cache))
		pid_cache = kmem_cache_create("pid", sizeof(struct pid), 0, 0);
	p = kmem_cache_alloc(pid_cache, ALLOC_ZERO);
	if (p)
		list_init(&p->group);
	return p;
}

void pid_destroy(struct pid *p)
{
	kmem_cache_free(pid_cache, p);
}

static int leaf_prepare(struct pid_table *t, u32 i)
{
	struct pid **leaf;

	if (t->leaf[i])
		return 0;
	leaf = kmalloc(LEAF_PIDS * sizeof(*leaf), ALLOC_ATOMIC | ALLOC_ZERO);
	if (!leaf)
		return -ENOMEM;
	rcu_assign_pointer(t->leaf[i], leaf);
	return 0;
}

static void table_set(struct pid_table *t, struct pid *pid, pid_t nr)
{
	pid->nr = nr;
	t->used[nr / LEAF_PIDS]++;
	rcu_assign_pointer(
		t->leaf[nr / LEAF_PIDS][nr % LEAF_PIDS], pid); /* pairs with pid_table_find */
}

/* First free number in [from, to); full leaves are passed over whole. */
static pid_t first_free(const struct pid_table *t, pid_t from, pid_t to)
{
	while (from < to) {
		u32 i = (u32)from / LEAF_PIDS;

		if (t->used[i] == LEAF_PIDS) {
			from = (pid_t)((i + 1) * LEAF_PIDS);
			continue;
		}
		if (!t->leaf[i] || !t->leaf[i][from % LEAF_PIDS])
			return from;
		from++;
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
	if (leaf_prepare(t, (u32)nr / LEAF_PIDS))
		return -ENOMEM;
	table_set(t, pid, nr);
	t->last = nr;
	return 0;
}

int pid_table_insert_at(struct pid_table *t, struct pid *pid, pid_t nr)
{
	if (nr < 1 || nr >= t->max)
		return -EINVAL;
	if (leaf_prepare(t, (u32)nr / LEAF_PIDS))
		return -ENOMEM;
	if (t->leaf[nr / LEAF_PIDS][nr % LEAF_PIDS])
		return -EEXIST;
	table_set(t, pid, nr);
	return 0;
}

void pid_table_remove(struct pid_table *t, struct pid *pid)
{
	t->used[pid->nr / LEAF_PIDS]--;
	rcu_assign_pointer(t->leaf[pid->nr / LEAF_PIDS][pid->nr % LEAF_PIDS], NULL);
}

struct pid *pid_table_find(struct pid_table *t, pid_t nr)
{
	struct pid **leaf;

	if (nr < 1 || nr >= PID_MAX_LIMIT)
		return NULL;
	leaf = rcu_dereference(t->leaf[nr / LEAF_PIDS]);
	return leaf ? rcu_dereference(leaf[nr % LEAF_PIDS]) : NULL;
}

static void pid_free_rcu(struct rcu_head *h)
{
	kmem_cache_free(pid_cache, container_of(h, struct pid, rcu));
}

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
	ulong flags;

	if (max <= PID_RESERVED || max > PID_MAX_LIMIT)
		return -EINVAL;
	flags = tree_lock();
	pids.max = max;
	tree_unlock(flags);
	return 0;
}

pid_t pid_max_get(void)
{
	return READ_ONCE(pids.max);
}
