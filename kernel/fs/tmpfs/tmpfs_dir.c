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

/* Gives @d the new inode and makes it an entry of @dir. */
static void entry_make(struct inode *dir, struct dentry *d, struct inode *i)
{
	inode_init_owner(i, dir);
	dentry_attach(d, i);
	dentry_pin(d);
	entry_add(dir, d);
	dir_changed(dir, 1);
	if (S_ISDIR(i->mode))
		nlink_add(dir, 1);
}

static int tmpfs_mknod(struct inode *dir, struct dentry *d, u32 mode, u64 rdev)
{
	struct inode *i = tmpfs_inode_create(dir->sb, mode);

	if (is_err(i))
		return (int)ptr_err(i);
	i->rdev = rdev;
	entry_make(dir, d, i);
	return 0;
}

static int tmpfs_create(struct inode *dir, struct dentry *d, u32 mode)
{
	return tmpfs_mknod(dir, d, mode, 0);
}

static int objects_create(struct inode *dir, struct dentry *d, u32 mode)
{
	struct inode *i = tmpfs_inode_create(dir->sb, mode);
	int err;

	if (is_err(i))
		return (int)ptr_err(i);
	err = tmpfs_super_of(dir)->objects->create(i, d->priv);
	if (err)
		inode_put(i);
	else
		entry_make(dir, d, i);
	return err;
}

static int tmpfs_symlink(struct inode *dir, struct dentry *d, const char *target)
{
	size_t len = strlen(target);
	struct inode *i = tmpfs_inode_create(dir->sb, S_IFLNK | 0777);
	char *text;

	if (is_err(i))
		return (int)ptr_err(i);
	text = kmalloc(len + 1 + NAME_PAD, ALLOC_KERNEL);
	if (!text) {
		inode_put(i);
		return -ENOMEM;
	}
	memcpy(text, target, len);
	memset(text + len, 0, 1 + NAME_PAD);
	tmpfs_of(i)->link = text;
	i->pages.size_bytes = len;
	entry_make(dir, d, i);
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
	dentry_pin(d);
	entry_add(dir, d);
	dir_changed(dir, 1);
	return 0;
}

static int tmpfs_tmpfile(struct inode *dir, struct dentry *d, u32 mode)
{
	struct inode *i = tmpfs_inode_create(dir->sb, mode);

	if (is_err(i))
		return (int)ptr_err(i);
	inode_init_owner(i, dir);
	i->nlink = 0;
	dentry_attach(d, i);
	return 0;
}

static void entry_remove(struct inode *dir, struct dentry *d)
{
	struct inode *i = d->inode;

	list_del(&d->fs_node);
	dir_changed(dir, -1);
	i->ctime = dir->ctime;
	nlink_add(i, -1);
	if (S_ISDIR(i->mode)) {
		nlink_add(i, -1);
		nlink_add(dir, -1);
	}
	dentry_unpin(d);
}

static int tmpfs_unlink(struct inode *dir, struct dentry *d)
{
	entry_remove(dir, d);
	return 0;
}

static int tmpfs_rmdir(struct inode *dir, struct dentry *d)
{
	if (!list_empty(&tmpfs_of(d->inode)->dir.entries))
		return -ENOTEMPTY;
	entry_remove(dir, d);
	return 0;
}

/* Puts @b where @a stands and the other way round; they may be neighbours. */
static void nodes_swap(struct list *a, struct list *b)
{
	struct list mark;

	list_insert_between(&mark, a->prev, a);
	list_del(a);
	list_insert_between(a, b->prev, b);
	list_del(b);
	list_insert_between(b, mark.prev, &mark);
	list_del(&mark);
}

static void entries_swap(struct dentry *a, struct dentry *b)
{
	u64 cookie = a->fs_cookie;

	nodes_swap(&a->fs_node, &b->fs_node);
	a->fs_cookie = b->fs_cookie;
	b->fs_cookie = cookie;
}

static int tmpfs_rename(struct inode *old_dir, struct dentry *from, struct inode *new_dir,
	struct dentry *to, u32 flags)
{
	bool from_dir = S_ISDIR(from->inode->mode);

	if (flags & RENAME_EXCHANGE) {
		s32 delta = (s32)S_ISDIR(to->inode->mode) -
			    (s32)from_dir; /* directories that old_dir gains */

		entries_swap(from, to);
		nlink_add(old_dir, delta);
		nlink_add(new_dir, -delta);
		to->inode->ctime = time_now_inode();
	} else {
		if (to->inode) {
			if (S_ISDIR(to->inode->mode) &&
				!list_empty(&tmpfs_of(to->inode)->dir.entries))
				return -ENOTEMPTY;
			entry_remove(new_dir, to);
		}
		list_del(&from->fs_node);
		dir_changed(old_dir, -1);
		entry_add(new_dir, from);
		dir_changed(new_dir, 1);
		if (from_dir) {
			nlink_add(old_dir, -1);
			nlink_add(new_dir, 1);
		}
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

static bool emit_dots(struct file *f, struct dirent_sink *s)
{
	struct dentry *d = f->path.dentry;
	u64 up;

	if (f->pos == 0) {
		if (!s->emit(s, ".", 1, d->inode->ino, S_DT(S_IFDIR), 1))
			return false;
		f->pos = 1;
	}
	if (f->pos == 1) {
		rcu_read_lock();
		up = READ_ONCE(d->parent)->inode->ino;
		rcu_read_unlock();
		if (!s->emit(s, "..", 2, up, S_DT(S_IFDIR), 2))
			return false;
		f->pos = 2;
	}
	return true;
}

static int tmpfs_readdir(struct file *f, struct dirent_sink *s)
{
	struct tmpfs_inode *t = tmpfs_of(f->inode);
	struct dentry *last = NULL, *old;

	if (READ_ONCE(f->path.dentry->flags) & DENTRY_DEAD)
		return -ENOENT;
	if (!emit_dots(f, s))
		return 0;
	rwsem_read_lock(&f->inode->lock);
	for (struct list *n = entry_from(f, t, f->pos); n != &t->dir.entries; n = n->next) {
		struct dentry *d = list_entry(n, struct dentry, fs_node);

		if (!s->emit(s, d->name, dentry_name_len(d), d->inode->ino, S_DT(d->inode->mode),
			    d->fs_cookie + 1))
			break;
		f->pos = d->fs_cookie + 1;
		last = d;
	}
	if (last)
		dentry_get(last);
	rwsem_read_unlock(&f->inode->lock);
	if (last) {
		old = f->priv;
		f->priv = last;
		if (old)
			dentry_put(old);
	}
	inode_touch_atime(&f->path, f->inode);
	return 0;
}

static void tmpfs_dir_release(struct file *f)
{
	if (f->priv)
		dentry_put(f->priv);
}

static s64 tmpfs_dir_seek(struct file *f, s64 offset, int whence)
{
	if (whence == SEEK_CUR)
		offset += (s64)f->pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	f->pos = (u64)offset;
	return offset;
}

static int sync_nothing(struct file *f, bool data_only)
{
	return 0; /* memory is all there is */
}

static const char *tmpfs_fast_link(struct inode *i)
{
	return tmpfs_of(i)->link;
}

static int tmpfs_readlink(struct inode *i, char *buf, size_t size)
{
	size_t len = MIN(size, (size_t)i->pages.size_bytes);

	memcpy(buf, tmpfs_of(i)->link, len);
	return (int)len;
}

const struct inode_ops tmpfs_dir_inode_ops = {
	.create = tmpfs_create,
	.mknod = tmpfs_mknod,
	.mkdir = tmpfs_create,
	.symlink = tmpfs_symlink,
	.link = tmpfs_link,
	.tmpfile = tmpfs_tmpfile,
	.unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir,
	.rename = tmpfs_rename,
	TMPFS_XATTR_OPS,
};
const struct inode_ops tmpfs_objects_dir_ops = {.create = objects_create, .unlink = tmpfs_unlink};
const struct inode_ops tmpfs_link_inode_ops = {
	.readlink = tmpfs_readlink, .fast_link = tmpfs_fast_link, TMPFS_XATTR_OPS};
const struct inode_ops tmpfs_special_inode_ops = {TMPFS_XATTR_OPS};
const struct file_ops tmpfs_dir_ops = {
	.seek = tmpfs_dir_seek,
	.readdir = tmpfs_readdir,
	.release = tmpfs_dir_release,
	.fsync = sync_nothing,
};
