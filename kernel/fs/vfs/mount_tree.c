/* Mounts: which file system stands where. Layer: fs.
 * Locks: mount_lock (spin) for the tree, the hash and mount_seq; the walk reads them under RCU and
 * checks mount_seq. S_MOUNT (mount_mutex) makes mount(2) and umount(2) one at a time. Limits:
 * MOUNTS_MAX mounts. Sources: mount(2), umount(2). */
#include "vfs_internal.h"

#define MOUNT_BUCKETS 64
#define MOUNTS_MAX    4096
#define MOUNT_FLAGS \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME)

static spinlock_t mount_lock = SPINLOCK_INIT(RANK_DENTRY);
static struct mutex mount_mutex;
seqcount_t mount_seq;                     /* [mount_lock] */
static struct hlist table[MOUNT_BUCKETS]; /* [mount_lock; RCU] */
static u32 mount_count;                   /* [mount_mutex] */
static u32 next_id = 1;                   /* [a] */

static struct hlist *bucket_of(const struct mount *parent, const struct dentry *mountpoint)
{
	return &table[((uintptr_t)parent >> 6 ^ (uintptr_t)mountpoint >> 7) % MOUNT_BUCKETS];
}

struct mount *mount_find(const struct mount *parent, const struct dentry *mountpoint)
{
	struct mount *m;

	hlist_for_each_entry (m, bucket_of(parent, mountpoint), hash) {
		if (m->parent == parent && m->mountpoint == mountpoint)
			return m;
	}
	return NULL;
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

/* Puts @m on @at. mount_lock held. The tree's reference is the one that @m was born with. */
static void attach_locked(struct mount *m, const struct path *at)
{
	m->parent = at->mount;
	m->mountpoint = at->dentry;
	__atomic_fetch_or(&at->dentry->flags, DENTRY_MOUNTED, __ATOMIC_RELEASE);
	list_add_tail(&at->mount->children, &m->sibling);
	hlist_add(bucket_of(at->mount, at->dentry), &m->hash);
}

static void detach_locked(struct mount *m)
{
	struct mount *other;
	bool still = false;

	hlist_del(&m->hash);
	list_del(&m->sibling);
	for (u32 i = 0; i < MOUNT_BUCKETS; i++) {
		hlist_for_each_entry (other, &table[i], hash) {
			still |= other->mountpoint == m->mountpoint;
		}
	}
	if (!still)
		__atomic_fetch_and(&m->mountpoint->flags, ~DENTRY_MOUNTED, __ATOMIC_RELEASE);
}

/* Takes over @sb. */
static int mount_attach(
	struct super_block *sb, const struct path *at, u32 flags, const char *source)
{
	struct mount *m = mount_create_internal(sb, source), *over;
	struct inode *dir = at->dentry->inode;
	struct path top = *at;
	int err = 0;

	if (!m)
		return -ENOMEM;
	m->flags = flags & MOUNT_FLAGS;
	rwsem_write_lock(&dir->lock); /* it may not be removed meanwhile */
	mutex_lock(&mount_mutex);
	/* the tree stands still: on top of what came since the look-up */
	while ((over = mount_find(top.mount, top.dentry)) != NULL)
		top = (struct path){over, over->root};
	if (mount_count >= MOUNTS_MAX)
		err = -ENOSPC;
	else if (!S_ISDIR(dir->mode) || !S_ISDIR(sb->root->inode->mode))
		err = -ENOTDIR;
	else if (READ_ONCE(at->dentry->flags) & DENTRY_DEAD)
		err = -ENOENT;
	if (!err) {
		mount_count++;
		path_get(&top);
		spin_lock(&mount_lock);
		seq_write_begin(&mount_seq);
		attach_locked(m, &top);
		seq_write_end(&mount_seq);
		spin_unlock(&mount_lock);
	}
	mutex_unlock(&mount_mutex);
	rwsem_write_unlock(&dir->lock);
	if (err)
		mount_put(m);
	return err;
}

/* ---- mount(2) ---- */

static struct fs_type *type_find(const char *name)
{
	struct fs_type *t = NULL;

	while ((t = fs_type_next(t)) != NULL && strcmp(t->name, name))
		;
	return t;
}

static int remount(const struct path *p, u32 flags, const char *data)
{
	struct super_block *sb = p->dentry->sb;
	int err = 0;

	if (p->dentry != p->mount->root)
		return -EINVAL;
	if (sb->ops->remount)
		err = sb->ops->remount(sb, flags, data);
	if (err)
		return err;
	__atomic_store_n(&p->mount->flags, flags & MOUNT_FLAGS, __ATOMIC_RELAXED);
	if (!(flags & MS_BIND))
		__atomic_store_n(&sb->flags, flags & MS_RDONLY, __ATOMIC_RELAXED);
	return 0;
}

static int mount_new(
	const char *type, const char *source, const struct path *at, u32 flags, const char *data)
{
	struct fs_type *t = type_find(type);
	struct super_block *sb;
	int err;

	if (!t || (!t->mount && !t->shared))
		return -ENODEV;
	sb = t->shared;
	err = sb ? 0 : t->mount(data, t, &sb);
	if (err)
		return err;
	if (t->shared)
		__atomic_fetch_add(&sb->refs, 1, __ATOMIC_RELAXED);
	else
		sb->flags |= flags & MS_RDONLY;
	/* a shared one (proc, devtmpfs) is there already */
	if (at->dentry == at->mount->root && at->mount->sb == sb) {
		super_put(sb);
		return -EBUSY;
	}
	return mount_attach(sb, at, flags, source && *source ? source : "none");
}

int vfs_mount(const char *type, const char *source, const char *target, u32 flags, const char *data)
{
	struct path at;
	int err;

	if ((flags & 0xffff0000u) == MS_MGC_VAL)
		flags &= 0xffffu;
	if (!capable(LCAP_SYS_ADMIN))
		return -EPERM;
	err = path_lookup(AT_FDCWD, target, LOOKUP_FOLLOW, &at);
	if (err)
		return err;
	if (flags & MS_REMOUNT)
		err = remount(&at, flags & ~MS_REMOUNT, data);
	else if (flags & (MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE))
		/* every mount is private: nothing to change */
		err = flags & (MS_SHARED | MS_SLAVE | MS_UNBINDABLE) ? -EINVAL : 0;
	else if (flags & (MS_BIND | MS_MOVE))
		err = -EINVAL;
	else
		err = mount_new(type ? type : "", source, &at, flags, data);
	path_put(&at);
	return err;
}

/* ---- umount(2) ---- */

/* Takes @m out of the tree. Its mountpoint and the tree's reference go to the caller. */
static void take_out(struct mount *m, struct path *was_at)
{
	*was_at = (struct path){m->parent, m->mountpoint};
	detach_locked(m);
	m->parent = NULL;
	m->mountpoint = NULL;
	mount_count--;
}

/* First mount without children at or below @m. */
static struct mount *leaf_of(struct mount *m)
{
	struct mount *child;

	while ((child = list_first(&m->children, struct mount, sibling)) != NULL)
		m = child;
	return m;
}

static int detach(struct mount *top, u32 flags)
{
	int err = 0;
	bool last = false;

	mutex_lock(&mount_mutex);
	while (!err && !last) {
		struct mount *m;
		struct path was_at;

		spin_lock(&mount_lock);
		seq_write_begin(&mount_seq);
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with walk_take: it takes a
							    reference, then checks mount_seq */
		m = leaf_of(top);
		last = m == top;
		if (!m->parent)
			err = -EINVAL; /* the root of the tree, or detached already */
		else if (!(flags & MNT_DETACH) &&
			 (!last || __atomic_load_n(&m->refs, __ATOMIC_RELAXED) > 2))
			err = -EBUSY; /* 2: the tree's and our caller's */
		else
			take_out(m, &was_at);
		seq_write_end(&mount_seq);
		spin_unlock(&mount_lock);
		if (!err) {
			path_put(&was_at);
			mount_put(m);
		}
	}
	mutex_unlock(&mount_mutex);
	return err;
}

int vfs_umount(const char *target, u32 flags)
{
	struct path at;
	int err;

	if (flags & MNT_EXPIRE)
		return -EINVAL;
	err = path_lookup(AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &at);
	if (err)
		return err;
	if (!capable(LCAP_SYS_ADMIN))
		err = -EPERM;
	else if (at.dentry != at.mount->root)
		err = -EINVAL;
	else {
		dentry_put(at.dentry);
		at.dentry = NULL;
		err = detach(at.mount, flags);
	}
	path_put(&at);
	return err;
}

/* ---- the list for /proc/mounts ---- */

static struct mount *mount_after(u32 id) /* smallest id above @id, +1; NULL */
{
	struct mount *m, *best = NULL;

	rcu_read_lock();
	for (u32 i = 0; i < MOUNT_BUCKETS; i++) {
		hlist_for_each_entry (m, &table[i], hash) {
			if (m->id > id && (!best || m->id < best->id))
				best = m;
		}
	}
	if (best && !ref_get_live(&best->refs))
		best = NULL;
	rcu_read_unlock();
	return best;
}

static int mount_report(struct mount *m, const struct path *root, char *buf,
	int (*fn)(void *ctx, const struct mount_info *m), void *ctx)
{
	const struct path at = {m, m->root};
	char options[128] = "";
	struct mount *parent;
	u32 parent_id;
	int len = path_text(&at, root, buf, PATH_MAX_BYTES);

	if (len < 0 || buf[0] != '/') /* outside of the process's root */
		return 0;
	if (m->sb->ops->show_options &&
		m->sb->ops->show_options(m->sb, options, sizeof(options)) < 0)
		options[0] = 0;
	rcu_read_lock();
	parent = READ_ONCE(m->parent);
	parent_id = parent ? parent->id : m->id;
	rcu_read_unlock();
	return fn(ctx, &(struct mount_info){
			       .id = m->id,
			       .parent_id = parent_id,
			       .flags = m->flags,
			       .sb_flags = m->sb->flags,
			       .dev = m->sb->dev,
			       .type = m->sb->type->name,
			       .source = m->source,
			       .root = "/",
			       .target = buf,
			       .options = options,
		       });
}

int mount_for_each(
	const struct path *root, int (*fn)(void *ctx, const struct mount_info *m), void *ctx)
{
	char *buf = kmalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
	struct mount *m;
	u32 id = 0;
	int ret = 0;

	if (!buf)
		return -ENOMEM;
	while (!ret && (m = mount_after(id)) != NULL) {
		id = m->id;
		ret = mount_report(m, root, buf, fn, ctx);
		mount_put(m);
	}
	kfree(buf);
	return ret;
}

/* The first mount of the tree: nothing is below it. It stands in the hash under itself so that it
 * is listed. */
struct mount *mount_create_root(struct super_block *sb)
{
	struct mount *m;

	mutex_init(&mount_mutex, RANK_S_MOUNT);
	m = mount_create_internal(sb, "rootfs");
	if (m)
		m->flags = 0;
	if (m)
		hlist_add(&table[0], &m->hash);
	return m;
}
