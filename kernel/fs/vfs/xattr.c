/* Extended attributes: who may, and which names. Layer: fs.
 * Locks: inode->lock, for writing when changing. Source: xattr(7). */
#include <exo/vfs.h>
#include "vfs_internal.h"

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix)) && name[strlen(prefix)];
}

/* ---- capabilities of files ---- */

static const char caps_name[] = "security.capability";

static bool is_caps(const char *name)
{
	return !strcmp(name, caps_name);
}

/* Copies @buf to *c, those of our root as version 2. Return: the size | -EINVAL. */
static ssize_t caps_check(struct linux_file_caps *c, const void *buf, size_t size)
{
	if (size != FILE_CAPS_SIZE_2 && size != sizeof(*c))
		return -EINVAL;
	memcpy(c, buf, size);
	if (c->magic >> 24 != (size == sizeof(*c) ? 3 : 2))
		return -EINVAL;
	if (size == FILE_CAPS_SIZE_2 || c->root)
		return (ssize_t)size;
	c->magic = (c->magic & 0xffffff) | 2u << 24;
	return FILE_CAPS_SIZE_2;
}

void inode_file_caps(struct inode *i, struct file_caps *out)
{
	struct linux_file_caps c = {.root = 0};

	*out = (struct file_caps){.present = false};
	if (likely(!i->has_caps))
		return;
	struct rwsem *held SCOPED(read_release) = read_hold(&i->lock);

	if (i->ops->getxattr(i, caps_name, &c, sizeof(c)) < 0 || c.root)
		return;
	*out = (struct file_caps){.present = true,
		.effective = c.magic & 1,
		.permitted = (c.data[0].permitted | (u64)c.data[1].permitted << 32) & LCAP_ALL,
		.inheritable =
			(c.data[0].inheritable | (u64)c.data[1].inheritable << 32) & LCAP_ALL};
}

void inode_drop_caps(struct inode *i)
{
	if (i->has_caps && !i->ops->setxattr(i, caps_name, NULL, 0, XATTR_REPLACE))
		i->has_caps = false;
}

/* ---- names ---- */

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
		return capable(is_caps(name) ? LCAP_SETFCAP : LCAP_SYS_ADMIN) ? 0 : -EPERM;
	}
	if (inode_acl_slot(i, name))
		return S_ISLNK(i->mode) ? -EOPNOTSUPP : 0;
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
	int err = name ? xattr_permission(p, name, MAY_READ) : 0;

	if (err)
		return err;
	if (!i->ops->getxattr)
		return -EOPNOTSUPP;
	struct rwsem *held SCOPED(read_release) = read_hold(&i->lock);
	return i->ops->getxattr(i, name, buf, size);
}

int vfs_setxattr(const struct path *p, const char *name, void *buf, size_t size, int flags)
{
	struct inode *i = p->dentry->inode;
	struct linux_file_caps c;
	bool caps = is_caps(name);
	ssize_t checked = caps && buf ? caps_check(&c, buf, size) : 0;
	int err = checked < 0 ? (int)checked : xattr_permission(p, name, MAY_WRITE);

	if (err)
		return err;
	if (!i->ops->setxattr)
		return -EOPNOTSUPP;
	if (checked) {
		buf = &c;
		size = (size_t)checked;
	}
	rwsem_write_lock(&i->lock);
	err = inode_acl_slot(i, name) ? acl_set(i, name, buf, size)
				      : i->ops->setxattr(i, name, buf, size, flags);
	if (caps && !err)
		i->has_caps = buf != NULL;
	rwsem_write_unlock(&i->lock);
	inotify_dentry(p->dentry, IN_ATTRIB, err);
	return err;
}

int inode_readlink(struct inode *i, char *buf, size_t size)
{
	if (!i->link)
		return i->ops->readlink ? i->ops->readlink(i, buf, size) : -EINVAL;
	size = MIN(size, (size_t)i->pages.size_bytes);
	memcpy(buf, i->link, size);
	return (int)size;
}
