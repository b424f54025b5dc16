/* tmpfs: directories, symbolic links, special files. Layer: fs.
 * Locks: all of this runs under the directory's inode lock, taken by the VFS; readdir takes it for
 * reading. The order of entries is that of their making: a position (fs_cookie + 1) stays good
 * whatever is made or removed meanwhile. */
#include "tmpfs_internal.h"

static void dir_changed(struct inode *dir, s64 entries)
{
	dir->pages.size_bytes += (u64)(entries * TMPFS_DIRENT_BYTES);
	inode_touch_mtime(dir);
}

static void entry_add(struct inode *dir, struct dentry *d)
{
	struct tmpfs_inode *t = tmpfs_of(dir);

	d->fs_cookie = t->dir.next_cookie++;
	list_add_tail(&t->dir.entries, &d->fs_node);
}

static void nlink_add(struct inode *i, s32 n)
{
	__atomic_fetch_add(&i->nlink, (u32)n, __ATOMIC_RELAXED);
}

/* Makes @d an entry of @dir. */
static void entry_make(struct inode *dir, struct dentry *d)
{
	dentry_pin(d);
	entry_add(dir, d);
	dir_changed(dir, 1);
	if (S_ISDIR(d->inode->mode))
		nlink_add(dir, 1);
}

static int link_set(struct inode *i, const char *target)
{
	size_t len = strlen(target);
	char *text = kzalloc(len + 1 + NAME_PAD, ALLOC_KERNEL);

	if (!text)
		return -ENOMEM;
	memcpy(text, target, len);
	i->link = text;
	i->pages.size_bytes = len;
	return 0;
}

/* @target of an object: what objects_open was given. */
static int tmpfs_make(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, const char *target)
{
	struct inode *i = tmpfs_inode_create(dir->sb, mode);
	struct objects_fs *objects = tmpfs_super_of(dir)->objects;
	int err = 0;

	if (is_err(i))
		return (int)ptr_err(i);
	if (objects)
		err = objects->create(i, target);
	else if (S_ISLNK(mode))
		err = link_set(i, target);
	inode_init_owner(i, dir);
	if (!err)
		err = acl_inherit(i, dir);
	if (err) {
		inode_put(i);
		return err;
	}
	i->rdev = rdev;
	dentry_attach(d, i);
	if (dentry_hashed(d))
		entry_make(dir, d);
	else
		i->nlink = 0;
	return 0;
}

static int tmpfs_link(struct inode *dir, struct dentry *d, struct inode *i)
{
	if (READ_ONCE(i->nlink) >= INT32_MAX)
		return -EMLINK;
	i->linkable = false;
	nlink_add(i, 1);
	i->ctime = time_now_inode();
	inode_get(i);
	dentry_attach(d, i);
	entry_make(dir, d);
	return 0;
}

static int tmpfs_remove(struct inode *dir, struct dentry *d)
{
	struct inode *i = d->inode;

	if (S_ISDIR(i->mode) && !list_empty(&tmpfs_of(i)->dir.entries))
		return -ENOTEMPTY;
	list_del(&d->fs_node);
	dir_changed(dir, -1);
	i->ctime = dir->ctime;
	nlink_add(i, -1);
	if (S_ISDIR(i->mode)) {
		nlink_add(i, -1);
		nlink_add(dir, -1);
	}
	dentry_unpin(d);
	return 0;
}

/* Puts @b where @a stands and the other way round; they may be neighbours. */
static void entries_swap(struct dentry *a, struct dentry *b)
{
	u64 cookie = a->fs_cookie;
	struct list mark;

	list_add_tail(&a->fs_node, &mark); /* before it */
	list_move_tail(&b->fs_node, &a->fs_node);
	list_move_tail(&mark, &b->fs_node);
	list_del(&mark);
	a->fs_cookie = b->fs_cookie;
	b->fs_cookie = cookie;
}

static int tmpfs_rename(struct inode *old_dir, struct dentry *from, struct inode *new_dir,
	struct dentry *to, u32 flags)
{
	const struct name name = {from->name, from->hash_len};
	struct dentry *white SCOPED(dentry_put_at) = NULL;
	bool from_dir = S_ISDIR(from->inode->mode);
	int err;

	if (flags & RENAME_WHITEOUT) {
		white = dentry_alloc(old_dir->sb, from->parent, &name);
		err = white ? tmpfs_make(old_dir, white, S_IFCHR, 0, NULL) : -ENOMEM;
		if (err)
			return err;
	}
	if (flags & RENAME_EXCHANGE) {
		/* directories that old_dir gains */
		s32 delta = (s32)S_ISDIR(to->inode->mode) - (s32)from_dir;

		entries_swap(from, to);
		nlink_add(old_dir, delta);
		nlink_add(new_dir, -delta);
		to->inode->ctime = time_now_inode();
	} else {
		if (to->inode && tmpfs_remove(new_dir, to))
			return -ENOTEMPTY;
		list_del(&from->fs_node);
		dir_changed(old_dir, -1);
		entry_add(new_dir, from);
		dir_changed(new_dir, 1);
		if (from_dir) {
			nlink_add(old_dir, -1);
			nlink_add(new_dir, 1);
		}
	}
	if (white) { /* nobody misses the name between */
		white->inode->nlink = 1;
		entry_make(old_dir, white);
		dentry_hash(white);
	}
	inode_touch_mtime(old_dir);
	inode_touch_mtime(new_dir);
	from->inode->ctime = old_dir->ctime;
	return 0;
}

/* ---- reading ---- */

/* First entry at or behind @pos. f->priv remembers (+1) the last one that was shown. Directory
 * locked. */
static struct list *entry_from(struct file *f, struct tmpfs_inode *t, u64 pos)
{
	struct dentry *hint = f->priv;
	struct list *n = t->dir.entries.next;

	if (hint && hint->fs_cookie + 1 == pos && !list_empty(&hint->fs_node) &&
		hint->parent == f->path.dentry)
		return hint->fs_node.next;
	while (n != &t->dir.entries && list_entry(n, struct dentry, fs_node)->fs_cookie < pos)
		n = n->next;
	return n;
}

void tmpfs_dir_release(struct file *f)
{
	if (f->priv)
		dentry_put(f->priv);
}

int tmpfs_readdir(struct file *f, struct dirent_sink *s)
{
	struct tmpfs_inode *t = tmpfs_of(f->inode);
	struct dentry *last = NULL;
	u64 up;

	if (READ_ONCE(f->path.dentry->flags) & DENTRY_DEAD)
		return -ENOENT;
	rcu_read_lock();
	up = READ_ONCE(f->path.dentry->parent)->inode->ino;
	rcu_read_unlock();
	if (!dirent_dots(f, s, up))
		return 0;
	rwsem_read_lock(&f->inode->lock);
	for (struct list *n = entry_from(f, t, f->pos); n != &t->dir.entries; n = n->next) {
		struct dentry *d = list_entry(n, struct dentry, fs_node);

		if (!dirent_emit(f, s, d->name, d->inode->ino, d->inode->mode, d->fs_cookie + 1))
			break;
		last = d;
	}
	if (last)
		dentry_get(last);
	rwsem_read_unlock(&f->inode->lock);
	if (last) {
		tmpfs_dir_release(f);
		f->priv = last;
	}
	inode_touch_atime(&f->path, f->inode);
	return 0;
}

static s64 tmpfs_dir_seek(struct file *f, s64 offset, int whence)
{
	return whence == SEEK_SET || whence == SEEK_CUR ? file_seek_generic(f, offset, whence)
							: -EINVAL;
}

const struct inode_ops tmpfs_dir_inode_ops = {
	.make = tmpfs_make,
	.link = tmpfs_link,
	.nameless = true,
	.remove = tmpfs_remove,
	.rename = tmpfs_rename,
	TMPFS_XATTR_OPS,
};
const struct inode_ops tmpfs_objects_dir_ops = {.make = tmpfs_make, .remove = tmpfs_remove};
const struct inode_ops tmpfs_inode_ops = {TMPFS_XATTR_OPS}; /* of all others */
const struct file_ops tmpfs_dir_ops = {
	.seek = tmpfs_dir_seek,
	.readdir = tmpfs_readdir,
	.release = tmpfs_dir_release,
	.fsync = tmpfs_fsync,
};
