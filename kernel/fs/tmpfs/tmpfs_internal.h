/* Inside tmpfs. Layer: fs. */
#pragma once

#include <exo/vfs.h>
#include "../vfs/vfs_internal.h"

/* what an entry, "." and ".." among them, adds to st_size, as Linux counts */
#define TMPFS_DIRENT_BYTES 20

struct tmpfs_inode {
	struct inode inode;
	struct list xattrs; /* [inode lock] struct xattr */
	u32 xattr_bytes;    /* [inode lock] names and values */
	u32 seals;          /* [inode lock] F_SEAL_* */
	union {
		struct {
			/* [inode lock] dentries by fs_node, in the order of fs_cookie */
			struct list entries;
			u64 next_cookie; /* [inode lock] */
		} dir;
		struct {
			const u8 *data; /* [c] what fill reads; stays for ever */
			u64 len_bytes;  /* [a] shrinks with truncation */
		} backing;
	};
};
struct tmpfs_super {
	u64 pages_max, inodes_max;   /* [a] 0 = no limit */
	s64 pages_used, inodes_used; /* [a] */
	u64 mode, uid, gid;          /* [c] of the root */
	struct objects_fs *objects;  /* [c] what its files are; NULL: files */
};
static inline struct tmpfs_inode *tmpfs_of(struct inode *i)
{
	return container_of(i, struct tmpfs_inode, inode);
}
static inline struct tmpfs_super *tmpfs_super_of(const struct inode *i)
{
	return i->sb->priv;
}

struct inode *tmpfs_inode_create(struct super_block *sb, u32 mode); /* err_ptr(-ENOSPC -ENOMEM) */
extern const struct inode_ops tmpfs_objects_dir_ops, tmpfs_dir_inode_ops, tmpfs_file_inode_ops,
	tmpfs_inode_ops;
extern const struct file_ops tmpfs_dir_ops, tmpfs_file_ops;
extern const struct vm_object_ops tmpfs_pages_ops, tmpfs_backed_ops;
int tmpfs_charge(struct vm_object *o, s64 pages);
void tmpfs_pages_release(struct vm_object *o);
int tmpfs_setattr(struct inode *i, const struct setattr *a);
int tmpfs_fsync(struct file *f, bool data_only);
int tmpfs_readdir(struct file *f, struct dirent_sink *s);
void tmpfs_dir_release(struct file *f);

ssize_t tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t size);
int tmpfs_setxattr(struct inode *i, const char *name, const void *buf, size_t size, int flags);
void tmpfs_xattrs_free(struct tmpfs_inode *t);
#define TMPFS_XATTR_OPS .getxattr = tmpfs_getxattr, .setxattr = tmpfs_setxattr
