/* Extended attributes: who may, and which names. Layer: fs.
 * Locks: inode->lock, for writing when changing. Source: xattr(7). */
#include <exo/vfs.h>
#include "vfs_internal.h"

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix)) && name[strlen(prefix)];
}

static int xattr_permission(const struct path *p, const char *name, u32 mask)
{
	struct inode *i = p->dentry->inode;
	int absent = mask & MAY_WRITE ? -EPERM : -ENODATA;

	if (mask & MAY_WRITE && path_read_only(p))
		return -EROFS;
	if (has_prefix(name, "trusted."))
		return capable(LCAP_SYS_ADMIN) ? 0 : absent;
	if (has_prefix(name, "security.")) {
		if (!(mask & MAY_WRITE))
			return 0;
		return capable(LCAP_SYS_ADMIN) || (!strcmp(name, "security.capability") &&
							  capable(LCAP_SETFCAP))
			       ? 0
			       : -EPERM;
	}
	if (!has_prefix(name, "user."))
		return -EOPNOTSUPP;
	if (!S_ISREG(i->mode) && !S_ISDIR(i->mode))
		return absent;
	if (S_ISDIR(i->mode) && i->mode & S_ISVTX && mask & MAY_WRITE &&
		cred_now()->fsuid != i->uid && !capable(LCAP_FOWNER))
		return -EPERM;
	return inode_permission(i, mask);
}

ssize_t vfs_getxattr(const struct path *p, const char *name, void *buf, size_t size)
{
	struct inode *i = p->dentry->inode;
	ssize_t ret = xattr_permission(p, name, MAY_READ);

	if (ret)
		return ret;
	if (!i->ops->getxattr)
		return -EOPNOTSUPP;
	rwsem_read_lock(&i->lock);
	ret = i->ops->getxattr(i, name, buf, size);
	rwsem_read_unlock(&i->lock);
	return ret;
}

int vfs_setxattr(const struct path *p, const char *name, const void *buf, size_t size, int flags)
{
	struct inode *i = p->dentry->inode;
	int err = xattr_permission(p, name, MAY_WRITE);

	if (err)
		return err;
	if (!i->ops->setxattr)
		return -EOPNOTSUPP;
	rwsem_write_lock(&i->lock);
	err = i->ops->setxattr(i, name, buf, size, flags);
	rwsem_write_unlock(&i->lock);
	inotify_dentry(p->dentry, IN_ATTRIB, err);
	return err;
}

ssize_t vfs_listxattr(const struct path *p, char *buf, size_t size)
{
	struct inode *i = p->dentry->inode;
	ssize_t ret;

	if (!i->ops->listxattr)
		return -EOPNOTSUPP;
	rwsem_read_lock(&i->lock);
	ret = i->ops->listxattr(i, buf, size);
	rwsem_read_unlock(&i->lock);
	return ret;
}

int inode_readlink(struct inode *i, char *buf, size_t size)
{
	return S_ISLNK(i->mode) && i->ops->readlink ? i->ops->readlink(i, buf, size) : -EINVAL;
}
