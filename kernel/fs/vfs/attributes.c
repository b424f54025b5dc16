/* Changing attributes: chmod(2), chown(2), utimensat(2), truncate(2), access(2). Layer: fs.
 * Locks: inode->lock for writing while attributes change. */
#include <exo/fs_locks.h>
#include <exo/posix_x.h>
#include "vfs_internal.h"

static bool is_owner(const struct inode *i)
{
	return cred_now()->fsuid == i->uid || capable(LCAP_FOWNER);
}

/* Changes what @may allows, which may change @a. */
static int change(
	const struct path *p, struct setattr *a, int (*may)(struct inode *i, struct setattr *a))
{
	struct inode *i = p->dentry->inode;
	int err;

	if (path_read_only(p))
		return -EROFS;
	rwsem_write_lock(&i->lock);
	err = may(i, a);
	if (!err)
		err = i->ops->setattr ? i->ops->setattr(i, a) : inode_setattr_generic(i, a);
	rwsem_write_unlock(&i->lock);
	inotify_dentry(p->dentry, IN_ATTRIB, err);
	return err;
}

int inode_may_chmod(struct inode *i, struct setattr *a)
{
	if (S_ISLNK(i->mode))
		return -EOPNOTSUPP;
	if (!cred_in_group(cred_now(), i->gid) && !capable(LCAP_FSETID))
		a->mode &= ~S_ISGID;
	return is_owner(i) ? 0 : -EPERM;
}

int vfs_chmod(const struct path *p, u32 mode)
{
	struct setattr a = {.valid = ATTR_MODE, .mode = mode & S_IALLUGO};

	return change(p, &a, inode_may_chmod);
}

/* Mode without the bits that a change of owner or contents takes away. */
static u32 mode_without_privileges(u32 mode)
{
	if (!S_ISREG(mode))
		return mode;
	mode &= ~S_ISUID;
	return mode & S_IXGRP ? mode & ~S_ISGID : mode;
}

static int may_chown(struct inode *i, struct setattr *a)
{
	const struct cred *c = cred_now();
	bool owner = c->fsuid == i->uid;

	if (!cred_capable(c, LCAP_CHOWN)) {
		if (a->valid & ATTR_UID && !(owner && a->uid == i->uid))
			return -EPERM;
		if (a->valid & ATTR_GID &&
			!(owner && (a->gid == i->gid || cred_in_group(c, a->gid))))
			return -EPERM;
	}
	if (!S_ISDIR(i->mode))
		inode_drop_caps(i);
	a->mode = mode_without_privileges(i->mode);
	if (a->mode != i->mode)
		a->valid |= ATTR_MODE;
	return 0;
}

int vfs_chown(const struct path *p, u32 uid, u32 gid)
{
	struct setattr a = {.valid = (uid != ~0u ? ATTR_UID : 0) | (gid != ~0u ? ATTR_GID : 0),
		.uid = uid,
		.gid = gid};

	return change(p, &a, may_chown);
}

static int may_utimes(struct inode *i, struct setattr *a)
{
	if (is_owner(i))
		return 0;
	return a->valid & ATTR_OWN_TIME ? -EPERM : inode_permission(i, MAY_WRITE);
}

int vfs_utimes(const struct path *p, struct setattr *a)
{
	return change(p, a, may_utimes);
}

void inode_drop_privileges(struct inode *i)
{
	u32 mode = mode_without_privileges(i->mode);

	if (unlikely(mode != i->mode) && !capable(LCAP_FSETID))
		i->mode = mode;
	if (unlikely(i->has_caps))
		inode_drop_caps(i);
}

int file_size_check(u64 size)
{
	if (size > INT64_MAX)
		return -EFBIG;
	if (unlikely(size > rlimit_current(RLIM_FSIZE))) {
		signal_send_current(SIGNO_SIGXFSZ);
		return -EFBIG;
	}
	return 0;
}

int file_truncate(struct inode *i, u64 size, struct file *f)
{
	struct setattr a = {.valid = ATTR_SIZE, .size = size};
	int err = 0;

	if (!S_ISREG(i->mode) || !i->ops->setattr)
		return -EINVAL;
	rwsem_write_lock(&i->lock);
	if (size > i->pages.size_bytes)
		err = file_size_check(size);
	if (!err) {
		inode_drop_privileges(i);
		err = i->ops->setattr(i, &a);
	}
	rwsem_write_unlock(&i->lock);
	if (f)
		inotify_dentry(f->path.dentry, IN_MODIFY, err);
	return err;
}

int vfs_truncate(const struct path *p, u64 size)
{
	struct inode *i = p->dentry->inode;
	int err;

	if (S_ISDIR(i->mode))
		return -EISDIR;
	if (!S_ISREG(i->mode))
		return -EINVAL;
	if (path_read_only(p))
		return -EROFS;
	err = inode_permission(i, MAY_WRITE);
	if (!err)
		err = inode_use_begin(i, INODE_WRITE);
	if (err)
		return err;
	err = file_lease_check(i, O_WRONLY);
	if (!err)
		err = file_truncate(i, size, NULL);
	inode_use_end(i, INODE_WRITE);
	inotify_dentry(p->dentry, IN_MODIFY, err);
	return err;
}

/* access(2) with the real ids, or with those in effect. */
int vfs_access(const struct path *p, u32 mask, bool effective)
{
	struct inode *i = p->dentry->inode;
	struct cred *now = cred_now(), *real SCOPED(cred_put_at) = NULL;
	int err;

	if (mask & MAY_EXEC && S_ISREG(i->mode) && p->mount->flags & MS_NOEXEC)
		return -EACCES;
	if (!mask)
		return 0;
	if (!effective && (now->uid != now->fsuid || now->gid != now->fsgid ||
				  now->cap_effective != (now->uid ? 0 : now->cap_permitted))) {
		now = real = cred_copy(now);
		if (!real)
			return -ENOMEM;
		real->fsuid = real->uid;
		real->fsgid = real->gid;
		real->cap_effective = real->uid ? 0 : real->cap_permitted;
	}
	err = inode_permission_cred(i, mask, now);
	if (!err && mask & MAY_WRITE && path_read_only(p) &&
		(S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode)))
		err = -EROFS;
	return err;
}
