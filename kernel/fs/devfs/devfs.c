/* devfs: /dev, a tmpfs whose nodes the drivers make; and devpts on /dev/pts. One instance each,
 * whoever mounts it. Layer: fs. Locks: the directories' own. Nodes belong to who causes them (boot:
 * root; a pty: the opener). */
#include <exo/vfs.h>
#include "../tmpfs/tmpfs_internal.h"

#define TTY_GROUP 5u

struct fs_type devtmpfs_type = {.name = "devtmpfs", .magic = TMPFS_MAGIC, .flags = FS_NODEV};
static struct fs_type devpts_type = {.name = "devpts", .magic = TMPFS_MAGIC, .flags = FS_NODEV};

/* Makes the node @name what @mode says, or with 0 takes it away. "pts/N" stands in devpts. */
static int devfs_change(const char *name, u32 mode, u64 rdev, const char *target)
{
	bool pts = !strncmp(name, "pts/", 4);
	struct dentry *dir = (pts ? &devpts_type : &devtmpfs_type)->shared->root;
	struct dentry *d SCOPED(dentry_put_at) = NULL;
	struct inode *i = dir->inode;
	struct rwsem *held SCOPED(write_release) = write_hold(&i->lock);
	int err;

	name += pts ? 4 : 0;
	d = lookup_text_locked(dir, name, strlen(name));
	if (is_err(d))
		return (int)ptr_err(d);
	if (!mode == !d->inode)
		return mode ? -EEXIST : -ENOENT;
	err = mode ? tmpfs_dir_inode_ops.make(i, d, mode, rdev, target)
		   : tmpfs_dir_inode_ops.remove(i, d);
	if (!err && !mode)
		dentry_drop(d);
	else if (!err && pts)
		d->inode->gid = TTY_GROUP; /* as Debian mounts devpts: gid=5, so that write(1)
					      reaches terminals */
	return err;
}

int devfs_create(const char *name, u32 mode, u64 rdev)
{
	return devfs_change(name, mode, rdev, NULL);
}

int devfs_remove(const char *name)
{
	return devfs_change(name, 0, 0, NULL);
}

void devfs_init(void)
{
	static const char *const links[][2] = {
		{"fd", "/proc/self/fd"},
		{"stdin", "/proc/self/fd/0"},
		{"stdout", "/proc/self/fd/1"},
		{"stderr", "/proc/self/fd/2"},
	};

	if (tmpfs_super_create("mode=0755", &devtmpfs_type, &devtmpfs_type.shared) ||
		tmpfs_super_create("mode=0755", &devpts_type, &devpts_type.shared))
		panic("devfs: no memory");
	/* nobody but a pty makes a name there, or takes it away */
	devpts_type.shared->root->inode->ops = &tmpfs_inode_ops;
	fs_register(&devtmpfs_type);
	fs_register(&devpts_type);
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		if (devfs_change(links[i][0], S_IFLNK | 0777, 0, links[i][1]))
			log_warn("devfs: cannot make %s", links[i][0]);
	}
}
