/* Inodes and superblocks: life, attributes, permission. Layer: fs.
 * Locks: attributes change under inode->lock (write) and are read without it: each field is one
 * store, and a reader that sees half of a change sees a state between two others. Sources:
 * inode(7), path_resolution(7), chmod(2), chown(2), utimensat(2). */
#include <exo/posix_x.h>
#include <exo/time.h>
#include "vfs_internal.h"

#define RELATIME_SECONDS (24 * 60 * 60)

static struct kmem_cache *inode_cache;
static u32 next_device = 1; /* [a] minor numbers of file systems without a device, major 0 */

struct timespec64 time_now_inode(void)
{
	ns_t now = clock_realtime();

	return (struct timespec64){.sec = (s64)(now / NS_PER_SEC), .nsec = (s64)(now % NS_PER_SEC)};
}

void inode_init(struct inode *i, struct super_block *sb, u32 mode, const struct inode_ops *ops,
	const struct file_ops *fops)
{
	const struct cred *c = cred_now();

	i->refs = 1;
	i->mode = mode;
	i->uid = c->fsuid;
	i->gid = c->fsgid;
	i->nlink = 1;
	i->ino = __atomic_add_fetch(&sb->next_ino, 1, __ATOMIC_RELAXED);
	i->rdev = 0;
	i->btime = i->atime = i->mtime = i->ctime = time_now_inode();
	i->ops = ops;
	i->file_ops = fops;
	i->sb = sb;
	rwsem_init(&i->lock, RANK_S_INODE);
	list_init(&i->file_locks);
	list_init(&i->leases);
	i->priv = NULL;
	i->link = NULL;
	i->write_count = i->read_count = 0;
	i->leased = i->pages_ready = false;
	i->pages.size_bytes = 0; /* st_size of every kind */
	i->linkable = false;
	i->has_caps = false;
	i->acl = i->default_acl = NULL;
	i->backed_pages = 0;
}

void inode_init_owner(struct inode *i, const struct inode *dir)
{
	if (!(dir->mode & S_ISGID))
		return;
	i->gid = dir->gid;
	if (S_ISDIR(i->mode))
		i->mode |= S_ISGID;
	else if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
		 !cred_in_group(cred_now(), i->gid) && !capable(LCAP_FSETID))
		i->mode &= ~S_ISGID;
}

struct inode *inode_create(struct super_block *sb, u32 mode, const struct file_ops *fops)
{
	static const struct inode_ops no_ops;
	struct inode *i = kmem_cache_alloc(inode_cache, ALLOC_KERNEL);

	if (i)
		inode_init(i, sb, mode, &no_ops, fops);
	return i;
}

RCU_KFREE(inode_free_rcu, struct inode, rcu)

void inode_free_bare(struct inode *i)
{
	rcu_call(&i->rcu, inode_free_rcu);
}

void inode_get(struct inode *i)
{
	__atomic_fetch_add(&i->refs, 1, __ATOMIC_RELAXED);
}

void inode_put(struct inode *i)
{
	if (__atomic_sub_fetch(&i->refs, 1, __ATOMIC_ACQ_REL))
		return;
	i->sb->ops->inode_free(i);
}

/* ---- superblocks and their types ---- */

static struct fs_type *types; /* [types_lock]; never removed */
static spinlock_t types_lock = SPINLOCK_INIT(RANK_DENTRY);

void fs_register(struct fs_type *t)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&types_lock);

	t->next = types;
	__atomic_store_n(&types, t, __ATOMIC_RELEASE); /* pairs with fs_type_next */
}

struct fs_type *fs_type_next(struct fs_type *t)
{
	return t ? t->next : __atomic_load_n(&types, __ATOMIC_ACQUIRE);
}

struct super_block *super_create(const struct fs_type *t, const struct super_ops *ops, void *priv)
{
	struct super_block *sb = kzalloc(sizeof(*sb), ALLOC_KERNEL);

	if (!sb)
		return NULL;
	sb->refs = 1;
	sb->dev = MKDEV(0, __atomic_fetch_add(&next_device, 1, __ATOMIC_RELAXED));
	sb->ops = ops;
	sb->type = t;
	sb->priv = priv;
	mutex_init(&sb->rename_lock, RANK_S_RENAME);
	return sb;
}

void super_put(struct super_block *sb)
{
	if (__atomic_sub_fetch(&sb->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (unlikely(READ_ONCE(inotify_watches)))
		inotify_tell_gone(NULL, sb, IN_UNMOUNT);
	if (sb->root)
		dcache_destroy(sb->root);
	rcu_barrier(); /* inodes and dentries on their way out still name it */
	if (sb->ops->sb_free)
		sb->ops->sb_free(sb);
	kfree(sb);
}

/* ---- permission ---- */

int inode_permission_cred(struct inode *i, u32 mask, const struct cred *c)
{
	u32 mode = READ_ONCE(i->mode), bits = mode;

	if (i->ops->permission)
		return i->ops->permission(i, mask);
	if (c->fsuid == i->uid)
		bits >>= 6;
	else if (unlikely(READ_ONCE(i->acl)))
		bits = acl_bits(i, mode, mask, c);
	else if (cred_in_group(c, i->gid))
		bits >>= 3;
	if ((bits & mask) == mask)
		return 0;
	if (S_ISDIR(mode)) {
		if (cred_capable(c, LCAP_DAC_OVERRIDE) ||
			(!(mask & MAY_WRITE) && cred_capable(c, LCAP_DAC_READ_SEARCH)))
			return 0;
	} else {
		if (mask == MAY_READ && cred_capable(c, LCAP_DAC_READ_SEARCH))
			return 0;
		if ((!(mask & MAY_EXEC) || mode & S_IXUGO) && cred_capable(c, LCAP_DAC_OVERRIDE))
			return 0;
	}
	return -EACCES;
}

int inode_permission(struct inode *i, u32 mask)
{
	return inode_permission_cred(i, mask, cred_now());
}

/* ---- attributes ---- */

/* @p may name no mount: an anonymous file. */
void inode_getattr(const struct path *p, struct inode *i, struct stat_k *st)
{
	st->dev = i->sb->dev;
	st->ino = i->ino;
	st->nlink = READ_ONCE(i->nlink);
	st->mode = READ_ONCE(i->mode);
	st->uid = READ_ONCE(i->uid);
	st->gid = READ_ONCE(i->gid);
	st->zero0 = 0;
	st->rdev = i->rdev;
	st->size = __atomic_load_n(&i->pages.size_bytes, __ATOMIC_RELAXED);
	st->blksize = PAGE_SIZE;
	st->blocks = i->pages_ready
			     ? MAX(READ_ONCE(i->pages.page_count), READ_ONCE(i->backed_pages)) *
				       (PAGE_SIZE / 512)
			     : 0;
	st->atime = i->atime;
	st->mtime = i->mtime;
	st->ctime = i->ctime;
	st->zero[0] = st->zero[1] = st->zero[2] = 0;
	st->btime = i->btime;
	st->mnt_id = p->mount ? p->mount->id : 0;
}

/* Called with i->lock held for writing, after the permission checks of vfs_setattr. */
int inode_setattr_generic(struct inode *i, const struct setattr *a)
{
	if (a->valid & ATTR_UID)
		i->uid = a->uid;
	if (a->valid & ATTR_GID)
		i->gid = a->gid;
	if (a->valid & ATTR_MODE) {
		i->mode = (i->mode & S_IFMT) | (a->mode & S_IALLUGO);
		if (i->acl)
			acl_chmod(i->acl, a->mode);
	}
	if (a->valid & ATTR_ATIME)
		i->atime = a->atime;
	if (a->valid & ATTR_MTIME)
		i->mtime = a->mtime;
	i->ctime = time_now_inode();
	return 0;
}

/* The rule of relatime: a first read after a change is noted, and one a day. Source: mount(8). */
void inode_touch_atime(const struct path *p, struct inode *i)
{
	struct timespec64 now;

	if (p->mount && ((p->mount->flags | i->sb->flags) & (MS_NOATIME | MS_RDONLY)))
		return;
	now = time_now_inode();
	if (inode_atime_due(i) || now.sec - i->atime.sec >= RELATIME_SECONDS)
		i->atime = now;
}

/* ---- who writes, who executes ---- */

int inode_use_begin(struct inode *i, enum inode_use use)
{
	s32 old = __atomic_load_n(&i->write_count, __ATOMIC_RELAXED);

	do {
		if (use == INODE_WRITE ? old < 0 : old > 0)
			return -ETXTBSY;
	} while (!__atomic_compare_exchange_n(
		&i->write_count, &old, old + use, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return 0;
}

void inode_use_end(struct inode *i, enum inode_use use)
{
	__atomic_fetch_sub(&i->write_count, use, __ATOMIC_ACQ_REL);
}

void inodes_init(void)
{
	inode_cache = kmem_cache_create("inode", sizeof(struct inode), 64, 0);
}
