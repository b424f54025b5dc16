/* The dentry cache: names of all file systems, found without locks. Layer: fs.
 *
 * Invariants: a child holds its parent. refs counts users; 0 = cached and on the LRU;
 * DENTRY_REFS_DEAD = somebody is freeing it, set by compare-and-exchange from 0 or 1, so there is
 * one killer. Only one who holds a reference unhashes. inode is set once. Readers stand on dentries
 * under RCU and check seq, which changes with name, parent and hash chain. Locks: dentry->lock >
 * bucket lock; parent->lock for the sibling list; lru_lock alone; rename_spin outside dentry->lock.
 */
#include "vfs_internal.h"

struct long_name { /* of names that do not fit into the dentry */
	u32 refs;  /* [a] dentries: a move shares it */
	struct rcu_head rcu;
	char text[] ALIGNED(8);
};

#define BUCKETS_MIN 1024u
#define BUCKETS_MAX 65536u
#define LRU_TRIM    32 /* dentries let go at once when the LRU is over its limit */

struct dcache_bucket *dcache_buckets; /* [c] dcache_buckets[1 << (32 - dcache_shift)] */
u32 dcache_shift;                     /* [c] */
static u64 lru_limit; /* [c] cached dentries without users that are kept without asking */
static struct kmem_cache *dentry_cache;
static spinlock_t lru_lock = SPINLOCK_INIT(RANK_DENTRY);
static struct list lru = LIST_INIT(lru); /* [lru_lock] oldest first; may hold dentries in use */
static u64 lru_count;                    /* [lru_lock] */
static spinlock_t rename_spin = SPINLOCK_INIT(RANK_DENTRY);
seqcount_t dcache_rename_seq; /* [rename_spin] */

/* ---- life ---- */

RCU_KFREE(long_name_free, struct long_name, rcu)

static void long_name_put(struct dentry *d)
{
	struct long_name *n;

	if (d->name == d->name_inline)
		return;
	n = container_of(d->name, struct long_name, text[0]);
	if (__atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL) == 0)
		rcu_call(&n->rcu, long_name_free);
}

static bool name_set(struct dentry *d, const struct name *n)
{
	u32 len = name_len(n);
	size_t padded = ALIGN_UP(len + 1, 8);
	char *to = d->name_inline;

	if (padded > sizeof(d->name_inline)) {
		struct long_name *l = kmalloc(sizeof(*l) + padded, ALLOC_KERNEL);

		if (!l)
			return false;
		l->refs = 1;
		to = l->text;
	}
	memcpy(to, n->text, len);
	memset(to + len, 0, padded - len);
	d->name = to;
	d->hash_len = n->hash_len;
	return true;
}

static struct dentry *dentry_new(struct super_block *sb, const struct name *n)
{
	struct dentry *d = kmem_cache_alloc(dentry_cache, ALLOC_KERNEL);

	if (!d)
		return NULL;
	if (!name_set(d, n)) {
		kmem_cache_free(dentry_cache, d);
		return NULL;
	}
	d->hash.next = NULL;
	d->hash.pprev = NULL;
	d->inode = NULL;
	d->seq.sequence = 0;
	d->flags = 0;
	d->refs = 1;
	spin_init(&d->lock, RANK_DENTRY);
	d->sb = sb;
	list_init(&d->children);
	list_init(&d->fs_node);
	d->fs_cookie = 0;
	d->priv = NULL;
	d->parent = d;
	return d;
}

struct dentry *dentry_alloc(struct super_block *sb, struct dentry *parent, const struct name *n)
{
	struct dentry *d = dentry_new(sb, n);

	if (!d)
		return NULL;
	dentry_get(parent);
	d->parent = parent;
	spinlock_t *held SCOPED(spin_release) = spin_hold(&parent->lock);
	list_add_tail(&parent->children, &d->sibling);
	return d;
}

struct dentry *dentry_root(struct super_block *sb, struct inode *i)
{
	static const char text[2 * NAME_PAD] = "/";
	const struct name n = {text, 1};
	struct dentry *d = dentry_new(sb, &n);

	if (!d) {
		inode_put(i);
		return NULL;
	}
	d->inode = i;
	return d;
}

RCU_KFREE(dentry_free, struct dentry, rcu)

void dentry_get(struct dentry *d)
{
	u32 old = __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);

	DEBUG_ASSERT(!(old & DENTRY_REFS_DEAD));
	(void)old;
}

bool dentry_get_live(struct dentry *d)
{
	u32 refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

	do {
		if (unlikely(refs & DENTRY_REFS_DEAD))
			return false;
	} while (!__atomic_compare_exchange_n(
		&d->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return true;
}

static bool refs_change(struct dentry *d, u32 from, u32 to)
{
	return __atomic_compare_exchange_n(
		&d->refs, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void flags_set(struct dentry *d, u32 bits)
{
	__atomic_fetch_or(&d->flags, bits, __ATOMIC_ACQ_REL);
}

static void flags_clear(struct dentry *d, u32 bits)
{
	__atomic_fetch_and(&d->flags, ~bits, __ATOMIC_ACQ_REL);
}

/* ---- hash ---- */

static void hash_insert(struct dentry *d)
{
	struct dcache_bucket *b = dcache_bucket(d->parent, d->hash_len);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&b->lock);

	hlist_add(&b->chain, &d->hash);
}

static void hash_remove(struct dentry *d)
{
	struct dcache_bucket *b = dcache_bucket(d->parent, d->hash_len);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&b->lock);

	hlist_del(&d->hash);
}

void dentry_hash(struct dentry *d)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&d->lock);

	flags_set(d, DENTRY_HASHED);
	hash_insert(d);
}

void dentry_drop(struct dentry *d)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&d->lock);

	if (d->flags & DENTRY_HASHED) {
		seq_write_begin(&d->seq);
		hash_remove(d);
		flags_clear(d, DENTRY_HASHED);
		seq_write_end(&d->seq);
	}
}

void dentry_attach(struct dentry *d, struct inode *i)
{
	DEBUG_ASSERT(!d->inode);
	__atomic_store_n(&d->inode, i, __ATOMIC_RELEASE); /* pairs with the walk's load */
}

struct dentry *dcache_get(struct dentry *parent, const struct name *n)
{
	struct dentry *d;
	u32 seq;

	rcu_read_lock();
	d = dcache_find(parent, n->text, n->hash_len, &seq);
	if (d && !dentry_get_live(d))
		d = NULL;
	rcu_read_unlock();
	if (d && unlikely(seq_read_retry(&d->seq, seq))) { /* moved or dropped meanwhile */
		dentry_put(d);
		return NULL;
	}
	return d;
}

struct dentry *dentry_parent_get(struct dentry *d)
{
	/* a child holds its parent until it has moved */
	spinlock_t *held SCOPED(spin_release) = spin_hold(&rename_spin);

	dentry_get(d->parent);
	return d->parent;
}

/* ---- the end of a dentry ---- */

static void lru_remove(struct dentry *d)
{
	if (!(READ_ONCE(d->flags) & DENTRY_LRU))
		return;
	spinlock_t *held SCOPED(spin_release) = spin_hold(&lru_lock);
	if (d->flags & DENTRY_LRU) {
		list_del(&d->lru);
		flags_clear(d, DENTRY_LRU);
		lru_count--;
	}
}

/* Frees @d, whose refs the caller made DEAD. Return: the parent, whose reference is now the
 * caller's; NULL for a root. */
static struct dentry *dentry_kill(struct dentry *d)
{
	struct dentry *parent = d->parent != d ? d->parent : NULL;

	dentry_drop(d);
	lru_remove(d);
	if (parent) {
		spin_lock(&parent->lock);
		list_del(&d->sibling);
		spin_unlock(&parent->lock);
	}
	if (d->inode) {
		if (unlikely(READ_ONCE(inotify_watches)) && !READ_ONCE(d->inode->nlink))
			inotify_tell_gone(d->inode, NULL, IN_DELETE_SELF);
		inode_put(d->inode);
	}
	long_name_put(d);
	rcu_call(&d->rcu, dentry_free);
	return parent;
}

static void lru_add(struct dentry *d)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&lru_lock);

	if (!(d->flags & DENTRY_LRU)) {
		list_add_tail(&lru, &d->lru);
		flags_set(d, DENTRY_LRU);
		lru_count++;
	}
}

/* Takes one reference away. Return: true when @d is now the caller's to kill. */
static bool dentry_unref(struct dentry *d)
{
	for (;;) {
		u32 refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED), flags;
		bool gone;

		if (likely(refs > 1)) {
			if (refs_change(d, refs, refs - 1))
				return false;
			continue;
		}
		flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
		if (!(flags & DENTRY_HASHED) || flags & DENTRY_UNCACHED) {
			if (refs_change(d, 1, DENTRY_REFS_DEAD))
				return true;
			continue;
		}
		if (!(flags & DENTRY_LRU)) {
			lru_add(d);
			continue;
		}
		rcu_read_lock(); /* at 0 anybody may free it */
		if (refs_change(d, 1, 0)) {
			/* Another user may have unhashed it between our look and our step. */
			gone = !(__atomic_load_n(&d->flags, __ATOMIC_ACQUIRE) & DENTRY_HASHED) &&
			       refs_change(d, 0, DENTRY_REFS_DEAD);
			rcu_read_unlock();
			return gone;
		}
		rcu_read_unlock();
	}
}

static u64 lru_shrink(struct shrinker *s, u64 target);

void dentry_put(struct dentry *d)
{
	bool zero = READ_ONCE(d->refs) == 1;

	while (d && dentry_unref(d))
		d = dentry_kill(d);
	if (unlikely(zero && READ_ONCE(lru_count) > lru_limit))
		lru_shrink(NULL, LRU_TRIM);
}

void dentry_pin(struct dentry *d)
{
	dentry_get(d);
	flags_set(d, DENTRY_PINNED);
}

void dentry_unpin(struct dentry *d)
{
	flags_clear(d, DENTRY_PINNED);
	dentry_put(d);
}

/* ---- memory pressure ---- */

/* Moves up to @target unused dentries to @out, dead. Those in use go to the young end. */
static u64 lru_collect(u64 target, struct list *out)
{
	u64 taken = 0;
	spinlock_t *held SCOPED(spin_release) = spin_hold(&lru_lock);

	for (u64 scan = MIN(lru_count, 4 * target); scan && taken < target && !list_empty(&lru);
		scan--) {
		struct dentry *d = list_entry(lru.next, struct dentry, lru);

		if (!refs_change(d, 0, DENTRY_REFS_DEAD)) {
			list_move_tail(&lru, &d->lru);
			continue;
		}
		flags_clear(d, DENTRY_LRU);
		lru_count--;
		list_move_tail(out, &d->lru);
		taken++;
	}
	return taken;
}

static u64 lru_shrink(struct shrinker *s, u64 target)
{
	struct list dead = LIST_INIT(dead);
	struct dentry *d;
	u64 freed = lru_collect(target, &dead);

	while ((d = list_pop(&dead, struct dentry, lru)) != NULL) {
		do
			d = dentry_kill(d);
		while (d && dentry_unref(d));
	}
	return freed;
}

void dentry_prune_children(struct dentry *parent)
{
	struct list dead = LIST_INIT(dead);
	struct dentry *d, *t;

	spin_lock(&parent->lock);
	list_for_each_entry_safe (d, t, &parent->children, sibling) {
		if (refs_change(d, 0, DENTRY_REFS_DEAD))
			list_move_tail(&dead, &d->sibling);
	}
	spin_unlock(&parent->lock);
	while ((d = list_pop(&dead, struct dentry, sibling)) != NULL) {
		dentry_kill(d);
		dentry_put(parent);
	}
}

static struct dentry *first_child(struct dentry *d) /* under RCU */
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&d->lock);

	return list_first(&d->children, struct dentry, sibling);
}

void dcache_destroy(struct dentry *root)
{
	for (;;) {
		struct dentry *d = root, *child, *parent;
		bool mine;

		rcu_read_lock();
		while ((child = first_child(d)) != NULL)
			d = child;
		if (d == root)
			break;
		parent = d->parent;
		/* The shrinker may be at it too: then it has the dentry, or just freed it. */
		mine = refs_change(d, d->flags & DENTRY_PINNED ? 1 : 0, DENTRY_REFS_DEAD);
		rcu_read_unlock();
		if (mine) {
			dentry_kill(d);
			dentry_put(parent);
		} else {
			cond_resched();
		}
	}
	rcu_read_unlock();
	dentry_put(root);
}

/* First child of @parent that lives, behind @after if that is not NULL, +1. */
static struct dentry *child_after(struct dentry *parent, const struct dentry *after)
{
	struct dentry *d = NULL;
	struct list *at;
	spinlock_t *held SCOPED(spin_release) = spin_hold(&parent->lock);

	at = after ? after->sibling.next : parent->children.next;
	for (; !d && at != &parent->children; at = at->next) {
		d = list_entry(at, struct dentry, sibling);
		d = dentry_get_live(d) ? d : NULL;
	}
	return d;
}

struct dentry *dentry_find_ino(struct dentry *root, u64 ino)
{
	/* nothing goes from one directory to another */
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&root->sb->rename_lock);
	struct dentry *d = root, *next, *parent;
	struct inode *i;

	dentry_get(d);
	while (d && (!(i = READ_ONCE(d->inode)) || i->ino != ino)) {
		next = child_after(d, NULL);
		while (!next && d != root) {
			parent = d->parent;
			next = child_after(parent, d);
			dentry_get(parent);
			dentry_put(d);
			d = parent;
		}
		dentry_put(d);
		d = next;
		cond_resched();
	}
	return d;
}

/* ---- moves ---- */

/* Gives @d the name that @from has. Both locked; readers are held off by seq. */
static void name_copy(struct dentry *d, const struct dentry *from)
{
	long_name_put(d);
	if (from->name == from->name_inline) {
		memcpy(d->name_inline, from->name_inline, sizeof(d->name_inline));
		WRITE_ONCE(d->name, d->name_inline);
	} else {
		__atomic_fetch_add(&container_of(from->name, struct long_name, text[0])->refs, 1,
			__ATOMIC_RELAXED);
		WRITE_ONCE(d->name, from->name);
	}
	WRITE_ONCE(d->hash_len, from->hash_len);
}

static void names_swap(struct dentry *a, struct dentry *b)
{
	char inline_name[sizeof(a->name_inline)];
	const char *a_name = a->name == a->name_inline ? b->name_inline : a->name;
	u64 hash_len = a->hash_len;

	memcpy(inline_name, a->name_inline, sizeof(inline_name));
	memcpy(a->name_inline, b->name_inline, sizeof(inline_name));
	memcpy(b->name_inline, inline_name, sizeof(inline_name));
	WRITE_ONCE(a->name, b->name == b->name_inline ? a->name_inline : b->name);
	WRITE_ONCE(b->name, a_name);
	WRITE_ONCE(a->hash_len, b->hash_len);
	WRITE_ONCE(b->hash_len, hash_len);
}

/* Puts @d under @parent in the sibling lists. rename_spin held; the reference on the old parent
 * becomes the caller's. */
static void reparent(struct dentry *d, struct dentry *parent)
{
	if (d->parent != parent) { /* else it keeps its place, for dentry_find_ino */
		spin_lock(&d->parent->lock);
		list_del(&d->sibling);
		spin_unlock(&d->parent->lock);
		spin_lock(&parent->lock);
		list_add_tail(&parent->children, &d->sibling);
		spin_unlock(&parent->lock);
	}
	dentry_get(parent);
	WRITE_ONCE(d->parent, parent);
}

void dentry_move(struct dentry *from, struct dentry *to, bool exchange)
{
	struct dentry *from_parent = from->parent, *to_parent = to->parent;

	spin_lock(&rename_spin);
	seq_write_begin(&dcache_rename_seq);
	seq_write_begin(&from->seq);
	seq_write_begin(&to->seq);
	hash_remove(from);
	hash_remove(to);
	if (exchange) {
		names_swap(from, to);
		reparent(to, from_parent);
		hash_insert(to);
	} else {
		flags_clear(to, DENTRY_HASHED);
		name_copy(from, to);
	}
	reparent(from, to_parent);
	hash_insert(from);
	seq_write_end(&to->seq);
	seq_write_end(&from->seq);
	seq_write_end(&dcache_rename_seq);
	spin_unlock(&rename_spin);
	dentry_put(from_parent);
	if (exchange)
		dentry_put(to_parent);
}

bool dentry_is_ancestor(const struct dentry *a, const struct dentry *d)
{
	for (; d != a; d = READ_ONCE(d->parent)) {
		if (dentry_is_root(d))
			return false;
	}
	return true;
}

bool dentry_is_below(const struct dentry *top, const struct dentry *d)
{
	u32 names;
	bool yes;

	do {
		rcu_read_lock();
		names = seq_read_begin(&dcache_rename_seq);
		yes = dentry_is_ancestor(top, d);
		rcu_read_unlock();
	} while (seq_read_retry(&dcache_rename_seq, names));
	return yes;
}

void dcache_init(void)
{
	static struct shrinker shrinker = {.shrink = lru_shrink};
	struct mem_stats mem;
	u32 count = BUCKETS_MIN;

	mem_stats_get(&mem);
	while (count < BUCKETS_MAX && count < mem.pages_total / 8)
		count *= 2;
	dcache_buckets = kzalloc(count * sizeof(*dcache_buckets), ALLOC_KERNEL);
	if (!dcache_buckets)
		panic("dcache: no memory for %u buckets", count);
	for (u32 i = 0; i < count; i++)
		spin_init(&dcache_buckets[i].lock, RANK_DENTRY);
	dcache_shift = 32 - bit_ffs(count);
	lru_limit = 2ULL * count;
	dentry_cache = kmem_cache_create("dentry", sizeof(struct dentry), 64, 0);
	shrinker_register(&shrinker);
}
