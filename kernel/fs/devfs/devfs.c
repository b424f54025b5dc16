/* devfs: /dev, a tmpfs whose nodes the drivers make; and devpts on /dev/pts. One instance each,
 * whoever mounts it. Layer: fs. Locks: the directories' own. Nodes belong to who causes them (boot:
 * root; a pty: the opener). */
#include <exo/vfs.h>
#include "../vfs/vfs_internal.h"

static int shared_mount(struct super_block *sb, struct super_block **out)
{
	if (!sb)
		return -ENODEV;
	__atomic_fetch_add(&sb->refs, 1, __ATOMIC_RELAXED);
	*out = sb;
	return 0;
}

#define TTY_GROUP 5u

static struct super_block *dev_sb, *pts_sb; /* [c] after devfs_init */

static int devtmpfs_mount(const char *source, const char *data, u32 flags, struct super_block **out)
{
	return shared_mount(dev_sb, out);
}

static int devpts_mount(const char *source, const char *data, u32 flags, struct super_block **out)
{
	return shared_mount(pts_sb, out);
}

struct fs_type devtmpfs_type = {.name = "devtmpfs", .mount = devtmpfs_mount, .flags = FS_NODEV};
static struct fs_type devpts_type = {.name = "devpts", .mount = devpts_mount, .flags = FS_NODEV};

/* Directory @n of @dir, made when absent. Gives @dir back. err_ptr. */
static struct dentry *subdirectory(struct dentry *dir, const struct name *n)
{
	struct inode *i = dir->inode;
	struct dentry *d;
	int err = 0;

	rwsem_write_lock(&i->lock);
	d = lookup_one_locked(dir, n);
	if (!is_err(d)) {
		if (!d->inode)
			err = i->ops->mkdir(i, d, S_IFDIR | 0755);
		else if (!S_ISDIR(d->inode->mode))
			err = -ENOTDIR;
		if (err) {
			dentry_put(d);
			d = err_ptr(err);
		}
	}
	rwsem_write_unlock(&i->lock);
	dentry_put(dir);
	return d;
}

/* Walks @text (padded) to the directory of its last name, making directories. +1 | err_ptr. */
static struct dentry *devfs_directory(const char *text, struct name *last)
{
	struct dentry *dir = dev_sb->root;

	if (!strncmp(text, "pts/", 4)) {
		dir = pts_sb->root;
		text += 4;
	}
	dentry_get(dir);
	for (;;) {
		struct name n = {text, name_scan(text)};
		const char *end = text + name_len(&n);

		if (!name_len(&n) || name_len(&n) > NAME_MAX_BYTES) {
			dentry_put(dir);
			return err_ptr(-EINVAL);
		}
		if (!*end) {
			*last = n;
			return dir;
		}
		dir = subdirectory(dir, &n);
		if (is_err(dir))
			return dir;
		text = end + 1;
	}
}

static int devfs_make(const char *name, u32 mode, u64 rdev, const char *target)
{
	struct path_buf b;
	struct dentry *dir, *d;
	struct name last;
	int err = path_buf_kernel(&b, name);

	if (err)
		return err;
	dir = devfs_directory(b.text, &last);
	if (is_err(dir)) {
		path_buf_fini(&b);
		return (int)ptr_err(dir);
	}
	rwsem_write_lock(&dir->inode->lock);
	d = lookup_one_locked(dir, &last);
	if (is_err(d))
		err = (int)ptr_err(d);
	else if (d->inode)
		err = -EEXIST;
	else if (target)
		err = dir->inode->ops->symlink(dir->inode, d, target);
	else
		err = dir->inode->ops->mknod(dir->inode, d, mode, rdev);
	if (!err && dir == pts_sb->root)
		d->inode->gid = TTY_GROUP; /* as Debian mounts devpts: gid=5, so that write(1)
					      reaches terminals */
	rwsem_write_unlock(&dir->inode->lock);
	if (!is_err(d))
		dentry_put(d);
	dentry_put(dir);
	path_buf_fini(&b);
	return err;
}

int devfs_create(const char *name, u32 mode, u64 rdev)
{
	return devfs_make(name, mode, rdev, NULL);
}

int devfs_symlink(const char *name, const char *target)
{
	return devfs_make(name, 0, 0, target);
}

int devfs_remove(const char *name)
{
	struct path_buf b;
	struct dentry *dir, *d;
	struct name last;
	int err = path_buf_kernel(&b, name);

	if (err)
		return err;
	dir = devfs_directory(b.text, &last);
	if (is_err(dir)) {
		path_buf_fini(&b);
		return (int)ptr_err(dir);
	}
	rwsem_write_lock(&dir->inode->lock);
	d = lookup_one_locked(dir, &last);
	if (is_err(d))
		err = (int)ptr_err(d);
	else if (!d->inode)
		err = -ENOENT;
	else if (S_ISDIR(d->inode->mode))
		err = -EISDIR;
	else
		err = dir->inode->ops->unlink(dir->inode, d);
	if (!err)
		dentry_drop(d);
	rwsem_write_unlock(&dir->inode->lock);
	if (!is_err(d))
		dentry_put(d);
	dentry_put(dir);
	path_buf_fini(&b);
	return err;
}

void devfs_init(void)
{
	static const char *const links[][2] = {
		{"fd", "/proc/self/fd"},
		{"stdin", "/proc/self/fd/0"},
		{"stdout", "/proc/self/fd/1"},
		{"stderr", "/proc/self/fd/2"},
	};

	if (tmpfs_super_create("mode=0755", &devtmpfs_type, &dev_sb) ||
		tmpfs_super_create("mode=0755", &devpts_type, &pts_sb))
		panic("devfs: no memory");
	fs_register(&devtmpfs_type);
	fs_register(&devpts_type);
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		if (devfs_symlink(links[i][0], links[i][1]))
			log_warn("devfs: cannot make %s", links[i][0]);
	}
}
