/* Mounts: which file system stands where. Layer: fs.
 *
 * Every mount that counts is in the table: by its place, or in the first bucket while it is the top
 * of a tree that stands nowhere. Mounts are peers by the number of their group, and slaves by that
 * of their masters'. What is mounted on one appears on its peers, its slaves, and theirs, and goes
 * there too. Peers have one master; groups are made below it, so masters go round in no circle.
 * Locks: mount_lock (spin) for the tree, the hash and
 * mount_seq; the walk reads them under RCU and checks mount_seq. S_MOUNT (mount_mutex) makes
 * changes one at a time. Limits: MOUNTS_MAX mounts, PEER_GROUPS_MAX groups. Sources:
 * mount_namespaces(7), pivot_root(2). */
#include "vfs_internal.h"

#define MOUNT_BUCKETS   64
#define PEER_GROUPS_MAX 1024
#define mounts_for_each(m)                         \
	for (u32 _b = 0; _b < MOUNT_BUCKETS; _b++) \
		hlist_for_each_entry (m, &table[_b], hash)

static spinlock_t mount_lock = SPINLOCK_INIT(RANK_DENTRY);
static struct mutex mount_mutex;
seqcount_t mount_seq;                     /* [mount_lock] */
static struct hlist table[MOUNT_BUCKETS]; /* [mount_lock; RCU] */
static u32 mount_count;                   /* [mount_mutex] */
static u32 next_id = 1;                   /* [a] */
static u32 pass;                          /* [mount_mutex] number of the last propagation */
static struct mount *root_mount;          /* [c] */
static u16 peers[PEER_GROUPS_MAX];   /* [mount_mutex] members by number of the group; 0 is none */
static u16 masters[PEER_GROUPS_MAX]; /* [mount_mutex] group of the master, 0 = none */
static struct mount *made_for[PEER_GROUPS_MAX]; /* [mount_mutex] by propagate */

static struct hlist *bucket_of(const struct mount *parent, const struct dentry *mountpoint)
{
	return &table[((uintptr_t)parent >> 6 ^ (uintptr_t)mountpoint >> 7) % MOUNT_BUCKETS];
}

struct mount *mount_find(const struct mount *parent, const struct dentry *mountpoint)
{
	struct mount *m;
	u32 seq;
	u8 left;

	do { /* what moves may take a reader with it into another bucket */
		seq = seq_read_begin(&mount_seq);
		hlist_for_each_entry (m, bucket_of(parent, mountpoint), hash) {
			if (m->parent != parent || m->mountpoint != mountpoint)
				continue;
			left = READ_ONCE(m->expires_in);
			if (unlikely(left))
				WRITE_ONCE(m->expires_in, left - 1);
			return m;
		}
	} while (seq_read_retry(&mount_seq, seq));
	return NULL;
}

bool mountpoint_get(struct mount *m, struct path *out)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&mount_lock);

	*out = (struct path){m->parent, m->mountpoint};
	path_get(out);
	return out->mount;
}

static void mount_free(struct rcu_head *h)
{
	struct mount *m = container_of(h, struct mount, rcu);

	kfree(m->source);
	kfree(m);
}

void mount_put(struct mount *m)
{
	if (__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL))
		return;
	dentry_put(m->root);
	super_put(m->sb);
	rcu_call(&m->rcu, mount_free);
}

u32 path_mount_flags(const struct path *p)
{
	return p->mount ? p->mount->flags & MOUNT_FLAGS : 0;
}

bool path_is_mount(const struct path *p)
{
	return p->dentry == p->mount->root;
}

void path_get(const struct path *p)
{
	if (p->mount)
		mount_get(p->mount);
	if (p->dentry)
		dentry_get(p->dentry);
}

void path_put(const struct path *p)
{
	if (p->dentry)
		dentry_put(p->dentry);
	if (p->mount)
		mount_put(p->mount);
}

struct mount *mount_create_internal(struct super_block *sb, const char *source)
{
	struct mount *m = kzalloc(sizeof(*m), ALLOC_KERNEL);

	if (!m || !(m->source = kstrdup(source, ALLOC_KERNEL))) {
		kfree(m);
		super_put(sb);
		return NULL;
	}
	m->refs = 1;
	m->flags = MOUNT_INTERNAL;
	m->sb = sb;
	m->root = sb->root;
	dentry_get(m->root);
	m->id = __atomic_fetch_add(&next_id, 1, __ATOMIC_RELAXED);
	list_init(&m->children);
	list_init(&m->sibling);
	return m;
}

/* ---- the tree; mount_mutex held ---- */

static bool stands(const struct mount *m) /* somewhere, or for itself: not taken out */
{
	return m->hash.pprev;
}

static void place_locked(struct mount *m, const struct path *at)
{
	struct dentry *was = m->mountpoint;
	struct mount *other;
	bool still = !was;

	hlist_del(&m->hash);
	list_del(&m->sibling);
	m->parent = at->mount;
	m->mountpoint = at->dentry;
	if (at->mount) {
		__atomic_fetch_or(&at->dentry->flags, DENTRY_MOUNTED, __ATOMIC_RELEASE);
		list_add_tail(&at->mount->children, &m->sibling);
		hlist_add(bucket_of(at->mount, at->dentry), &m->hash);
	}
	mounts_for_each(other) still |= other->mountpoint == was;
	if (!still)
		__atomic_fetch_and(&was->flags, ~DENTRY_MOUNTED, __ATOMIC_RELEASE);
}

/* @m goes from where it stands to @at, or nowhere, unless it has more users than @users_max. */
static int place(struct mount *m, const struct path *at, u32 users_max)
{
	struct path old = {m->parent, m->mountpoint};
	bool busy;

	path_get(at);
	spin_lock(&mount_lock);
	seq_write_begin(&mount_seq);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with walk_take: it takes a reference, then
						    checks mount_seq */
	busy = __atomic_load_n(&m->refs, __ATOMIC_RELAXED) > users_max;
	if (!busy)
		place_locked(m, at);
	seq_write_end(&mount_seq);
	spin_unlock(&mount_lock);
	path_put(busy ? at : &old);
	return busy ? -EBUSY : 0;
}

/* First mount without children at or below @m. */
static struct mount *leaf_of(struct mount *m)
{
	struct mount *child;

	while ((child = list_first(&m->children, struct mount, sibling)) != NULL)
		m = child;
	return m;
}

/* The mount after @m in the tree below @top, parents first; what is below @m only if @down. */
static struct mount *tree_next(struct mount *m, const struct mount *top, bool down)
{
	struct mount *next = down ? list_first(&m->children, struct mount, sibling) : NULL;

	for (; !next && m != top; m = m->parent) {
		if (m->sibling.next != &m->parent->children)
			next = list_entry(m->sibling.next, struct mount, sibling);
	}
	return next;
}

/* ---- peers; mount_mutex held ---- */

/* @m goes over to the group @to, with another master. The slaves of a group that is empty then have
 * its master. */
static void peers_set(struct mount *m, u32 to, u32 master)
{
	u32 from = m->shared, heir = masters[from];
	struct mount *other;

	peers[to]++;
	m->shared = to;
	m->master = master;
	if (to)
		masters[to] = master;
	if (!from || --peers[from])
		return;
	mounts_for_each(other)
	{
		if (other->master != from)
			continue;
		other->master = heir;
		if (other->shared)
			masters[other->shared] = heir;
	}
}

static int peers_make(struct mount *m) /* a group of its own unless it has one */
{
	u32 g = 1;

	while (g < PEER_GROUPS_MAX && peers[g])
		g++;
	if (!m->shared && g == PEER_GROUPS_MAX)
		return -ENOSPC;
	peers_set(m, m->shared ? m->shared : g, m->master);
	return 0;
}

static int propagation_set(struct mount *m, u32 kind)
{
	if (kind != MS_SHARED)
		peers_set(m, 0,
			kind != MS_SLAVE       ? 0
			: peers[m->shared] > 1 ? m->shared
					       : m->master);
	__atomic_store_n(
		&m->flags, (m->flags & ~MS_UNBINDABLE) | (kind & MS_UNBINDABLE), __ATOMIC_RELAXED);
	return kind == MS_SHARED ? peers_make(m) : 0;
}

/* Does what happens on @on happen on @m too? 1 on a peer, 2 on a slave, 3 on a slave of such; 0 =
 * not at all. */
static u32 reach(const struct mount *m, const struct mount *on)
{
	u32 steps = 1, group = m->shared, master = m->master;

	if (!on->shared || m == on)
		return 0;
	for (; group != on->shared; steps++) {
		if (!master)
			return 0;
		group = master;
		master = masters[group];
	}
	return steps;
}

/* ---- copies and ends; mount_mutex held ---- */

/* Takes @m out of the tree for good, unless it has more users than @users_max. */
static int take_out(struct mount *m, u32 users_max)
{
	int err = place(m, &(struct path){NULL, NULL}, users_max);

	if (err)
		return err;
	mount_count--;
	peers_set(m, 0, 0);
	mount_put(m);
	return 0;
}

static void dissolve(struct mount *top)
{
	struct mount *m;

	do {
		m = leaf_of(top);
		(void)!take_out(m, ~0u);
	} while (m != top);
}

/* A mount that stands nowhere. Takes over @sb. err_ptr */
static struct mount *make(
	struct super_block *sb, struct dentry *root, u32 flags, const char *source)
{
	struct mount *m = mount_create_internal(sb, source);

	if (!m || mount_count >= MOUNTS_MAX) {
		if (m)
			mount_put(m);
		return err_ptr(m ? -ENOSPC : -ENOMEM);
	}
	dentry_get(root);
	dentry_put(m->root);
	m->root = root;
	m->flags = flags & MOUNT_FLAGS;
	m->pass = pass;
	mount_count++;
	spinlock_t *held SCOPED(spin_release) = spin_hold(&mount_lock);
	hlist_add(&table[0], &m->hash);
	return m;
}

static struct mount *mount_clone(struct mount *from, struct dentry *root)
{
	struct mount *m;

	super_get(from->sb);
	m = make(from->sb, root, from->flags, from->source);
	if (!is_err(m))
		peers_set(m, from->shared, from->master);
	return m;
}

/* A copy of @from, seen from @root on, that stands nowhere. err_ptr */
static struct mount *tree_copy(struct mount *from, struct dentry *root, bool recursive)
{
	struct mount *top = mount_clone(from, root), *m, *copy;
	bool taken = true;

	if (is_err(top) || !recursive)
		return top;
	for (m = tree_next(from, from, true); m; m = tree_next(m, from, taken)) {
		taken = !(m->flags & MS_UNBINDABLE) &&
			(m->parent != from || dentry_is_below(root, m->mountpoint));
		if (!taken)
			continue;
		copy = mount_clone(m, m->root);
		if (is_err(copy)) {
			dissolve(top);
			return copy;
		}
		m->twin = copy;
		(void)!place(copy,
			&(struct path){m->parent == from ? top : m->parent->twin, m->mountpoint},
			~0u);
	}
	return top;
}

/* ---- mounting ---- */

/* The copy that goes on @x: of what went to its group, else to the nearest master. */
static struct mount *copy_for(const struct mount *x)
{
	u32 from = made_for[x->shared] ? x->shared : x->master;
	struct mount *top, *c;
	int err = 0;

	while (!made_for[from])
		from = masters[from];
	top = tree_copy(made_for[from], made_for[from]->root, true);
	if (is_err(top) || from == x->shared)
		return top;
	for (c = top; c && !err; c = tree_next(c, top, true)) {
		peers_set(c, 0, c->shared);
		err = x->shared ? peers_make(c) : 0;
	}
	if (err) {
		dissolve(top);
		return err_ptr(err);
	}
	if (x->shared)
		made_for[x->shared] = top;
	return top;
}

/* Makes copies of @m, which goes on @at, for the peers and slaves there, masters first: in @made,
 * each with its mount as twin. */
static int propagate(struct mount *m, const struct path *at, struct list *made)
{
	struct mount *x, *copy;
	u32 step = 0, steps = 1;
	int err = 0;

	pass++;
	for (x = at->mount->shared ? m : NULL; x && !err; x = tree_next(x, m, true)) {
		x->pass = pass; /* and copies have it: what is new is not reached */
		err = peers_make(x);
	}
	memset(made_for, 0, sizeof(made_for));
	made_for[at->mount->shared] = m;
	while (!err && step++ < steps) {
		mounts_for_each(x)
		{
			u32 n = err || x->pass == pass ? 0 : reach(x, at->mount);

			steps = MAX(steps, n);
			if (n != step || !dentry_is_below(x->root, at->dentry))
				continue;
			copy = copy_for(x);
			if (is_err(copy)) {
				err = (int)ptr_err(copy);
				continue;
			}
			copy->twin = x;
			list_add_tail(made, &copy->sibling);
		}
	}
	return err;
}

/* May @m go on @top, the uppermost mount of @at? */
static int graft_check(struct mount *m, const struct path *at, const struct path *top)
{
	struct mount *p;

	if (!stands(m) || m == root_mount || (m->parent && m->parent->shared))
		return -EINVAL;
	if (S_ISDIR(at->dentry->inode->mode) != S_ISDIR(m->root->inode->mode))
		return -ENOTDIR;
	if (READ_ONCE(at->dentry->flags) & DENTRY_DEAD)
		return -ENOENT;
	for (p = top->mount; p != m && p->parent; p = p->parent)
		;
	if (p != root_mount)
		return p == m ? -ELOOP : -EINVAL;
	for (p = top->mount->shared ? m : NULL; p; p = tree_next(p, m, true)) {
		if (p->flags & MS_UNBINDABLE)
			return -EINVAL;
	}
	return 0;
}

int mount_graft(struct mount *m, const struct path *at)
{
	/* a directory may not be removed meanwhile */
	struct rwsem *still SCOPED(write_release) = write_hold(&at->dentry->inode->lock);
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&mount_mutex);
	struct path top = *at;
	struct mount *x;
	struct list made = LIST_INIT(made);
	int err;

	/* the tree stands still: on top of what came since the look-up */
	while ((x = mount_find(top.mount, top.dentry)) != NULL)
		top = (struct path){x, x->root};
	err = graft_check(m, at, &top);
	if (!err)
		err = propagate(m, &top, &made);
	if (!err)
		err = place(m, &top, ~0u);
	while ((x = list_pop(&made, struct mount, sibling)) != NULL) {
		if (err)
			dissolve(x);
		else
			err = place(x, &(struct path){x->twin, top.dentry}, ~0u);
	}
	return err;
}

struct mount *mount_create(struct super_block *sb, u32 flags, const char *source)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&mount_mutex);

	return make(sb, sb->root, flags, source && *source ? source : "none");
}

struct mount *mount_copy(const struct path *p, bool recursive)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&mount_mutex);

	if (!p->mount || !stands(p->mount) || p->mount->flags & MS_UNBINDABLE)
		return err_ptr(-EINVAL);
	return tree_copy(p->mount, p->dentry, recursive);
}

void mount_dissolve(struct mount *m)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&mount_mutex);

	if (stands(m) && !m->parent)
		dissolve(m);
}

int mount_change(const struct path *p, u32 set, u32 clear, u32 propagation, bool recursive)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&mount_mutex);
	struct mount *m = p->mount;
	int err = 0;

	if (!m || !stands(m) || p->dentry != m->root)
		return -EINVAL;
	for (; m && !err; m = recursive ? tree_next(m, p->mount, true) : NULL) {
		__atomic_store_n(&m->flags, (m->flags & ~clear) | set, __ATOMIC_RELAXED);
		if (propagation)
			err = propagation_set(m, propagation);
	}
	return err;
}

int mount_pivot(const struct path *new, const struct path *old, const struct path *root)
{
	struct rwsem *still SCOPED(write_release) = write_hold(&old->dentry->inode->lock);
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&mount_mutex);
	struct mount *n = new->mount, *r = root->mount;
	int err;

	if (READ_ONCE(old->dentry->flags) & DENTRY_DEAD)
		return -ENOENT;
	if (n == r || old->mount == r)
		return -EBUSY;
	if (!n->parent || !r->parent || old->mount->shared || n->parent->shared ||
		r->parent->shared || root->dentry != r->root || new->dentry != n->root ||
		!path_is_beneath(old, new) || !path_is_beneath(new, root))
		return -EINVAL;
	err = place(n, &(struct path){r->parent, r->mountpoint}, ~0u); /* on top of the old one */
	return err ? err : place(r, old, ~0u);
}

/* ---- umount(2) ---- */

/* What has no mounts on it and stands where @at propagates to, with so many users at least. */
static struct mount *counterpart(const struct path *at, u32 users_min)
{
	struct mount *x, *c;

	mounts_for_each(x)
	{
		c = reach(x, at->mount) ? mount_find(x, at->dentry) : NULL;
		if (c && list_empty(&c->children) && c->refs >= users_min)
			return c;
	}
	return NULL;
}

int vfs_umount(const struct path *p, u32 flags)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&mount_mutex);
	struct mount *top = p->mount, *m = NULL, *other;
	bool lazy = flags & MNT_DETACH;
	int err = 0;

	if (!capable(LCAP_SYS_ADMIN))
		return -EPERM;
	if (!path_is_mount(p) || (flags & MNT_EXPIRE && flags & (MNT_FORCE | MNT_DETACH)))
		return -EINVAL;
	if (!lazy && !list_empty(&top->children))
		return -EBUSY;
	if (!top->parent) /* the root of the tree, or detached already */
		return -EINVAL;
	if (flags & MNT_EXPIRE && top->refs > 2)
		return -EBUSY;
	if (flags & MNT_EXPIRE && READ_ONCE(top->expires_in) != 1) { /* one walk since: our own */
		WRITE_ONCE(top->expires_in, 2);
		return -EAGAIN;
	}
	while (!err && m != top) {
		struct path at SCOPED(path_put) = {NULL, NULL};

		m = leaf_of(top);
		at = (struct path){m->parent, m->mountpoint};
		path_get(&at);
		/* 2: the tree's and our caller's */
		err = !lazy && counterpart(&at, 2) ? -EBUSY : take_out(m, lazy ? ~0u : 2);
		other = err ? NULL : counterpart(&at, 0);
		while (other && !take_out(other, lazy ? ~0u : 1))
			other = counterpart(&at, 0);
	}
	return err;
}

/* ---- the list for /proc/mounts ---- */

static struct mount *mount_after(u32 id) /* smallest id above @id, +1; NULL */
{
	struct mount *m, *best = NULL;

	rcu_read_lock();
	mounts_for_each(m)
	{
		if (m->id > id && (!best || m->id < best->id))
			best = m;
	}
	if (best && !ref_get_live(&best->refs))
		best = NULL;
	rcu_read_unlock();
	return best;
}

static void mount_report(struct mount *m, const struct path *root, char *buf,
	void (*fn)(void *ctx, const struct mount_info *m), void *ctx)
{
	const struct path at = {m, m->root};
	struct mount whole = {.root = m->sb->root};
	char options[128] = "", *inside = buf + PATH_MAX_BYTES;
	struct mount *parent;
	u32 parent_id;
	int len = path_text(&at, root, buf, PATH_MAX_BYTES);

	if (len < 0 || buf[0] != '/') /* outside of the process's root */
		return;
	len = path_text(&(struct path){&whole, m->root}, &(struct path){&whole, whole.root}, inside,
		PATH_MAX_BYTES);
	if (len < 0)
		return;
	if (m->sb->ops->show_options &&
		m->sb->ops->show_options(m->sb, options, sizeof(options)) < 0)
		options[0] = 0;
	rcu_read_lock();
	parent = READ_ONCE(m->parent);
	parent_id = parent ? parent->id : m->id;
	rcu_read_unlock();
	fn(ctx, &(struct mount_info){m, parent_id, inside, buf, options});
}

int mount_for_each(
	const struct path *root, void (*fn)(void *ctx, const struct mount_info *m), void *ctx)
{
	char *buf SCOPED(kfree_at) = kmalloc(2 * PATH_MAX_BYTES, ALLOC_KERNEL);
	struct mount *m;
	u32 id = 0;

	if (!buf)
		return -ENOMEM;
	while ((m = mount_after(id)) != NULL) {
		id = m->id;
		mount_report(m, root, buf, fn, ctx);
		mount_put(m);
	}
	return 0;
}

/* The first mount of the tree: nothing is below it. */
struct mount *mount_create_root(struct super_block *sb)
{
	struct mount *m;

	mutex_init(&mount_mutex, RANK_S_MOUNT);
	root_mount = m = mount_create_internal(sb, "rootfs");
	if (m) {
		m->flags = 0;
		hlist_add(&table[0], &m->hash);
	}
	return m;
}
