/* memfd: a tmpfs file without a name, with seals. Layer: fs. Locks: tmpfs's. Source: memfd_create(2), fcntl(2) "File Sealing". */
#include "tmpfs_internal.h"

static struct mount *memfd_mount; /* [c] internal */

void memfd_init(void)
{
	struct super_block *sb;

	if (tmpfs_super_create("nr_inodes=0,size=0", &tmpfs_type, &sb))
		panic("memfd: no memory");
	memfd_mount = mount_create_internal(sb, "tmpfs");
	if (!memfd_mount)
		panic("memfd: no memory");
}

static struct dentry *memfd_dentry(const char *name)
{
	char text[NAME_MAX_BYTES + 1 + NAME_PAD] = "memfd:";
	struct dentry *root = memfd_mount->root;
	size_t len = strlen(name);
	struct name n = { text, 0 };

	memcpy(text + 6, name, len);
	/* A '/' in it ends no component here: the length is given, the hash is never looked up. */
	n.hash_len = 6 + len;
	return dentry_alloc(root->sb, root, &n);
}

struct file *memfd_create(const char *name, u32 flags)
{
	struct file *f = file_alloc(O_RDWR | O_LARGEFILE);
	struct dentry *d;
	struct inode *i;

	if (is_err(f))
		return f;
	d = memfd_dentry(name);
	i = d ? tmpfs_file_create(memfd_mount->sb, 0777) : err_ptr(-ENOMEM);
	if (is_err(i)) {
		if (d)
			dentry_put(d);
		file_put(f);
		return err_ptr(-ENOMEM);
	}
	i->nlink = 0;
	dentry_attach(d, i);
	if (flags & MFD_ALLOW_SEALING)
		tmpfs_allow_seals(i);
	mount_get(memfd_mount);
	f->path = (struct path){ memfd_mount, d };
	f->inode = i;
	f->mode |= FMODE_SEEK | FMODE_PREAD;
	f->ops = i->file_ops;
	return f;
}

int file_add_seals(struct file *f, u32 seals)
{
	return tmpfs_add_seals(f->inode, seals);
}

int file_get_seals(struct file *f)
{
	return tmpfs_get_seals(f->inode);
}
