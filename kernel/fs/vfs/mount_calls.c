/* mount(2) and pivot_root(2). Layer: fs. Sources: mount(2) pivot_root(2). */
#include "vfs_internal.h"

struct fs_type *fs_type_find(const char *name)
{
	struct fs_type *t = NULL;

	while ((t = fs_type_next(t)) != NULL && strcmp(t->name, name))
		;
	return t && (t->mount || t->shared) ? t : NULL;
}

int fs_type_super(const struct fs_type *t, u32 flags, const char *data, struct super_block **out)
{
	int err = t->shared ? 0 : t->mount(data, t, out);

	if (t->shared) {
		*out = t->shared;
		super_get(*out);
	} else if (!err) {
		(*out)->flags |= flags & MS_RDONLY;
	}
	return err;
}

int super_reconfigure(struct super_block *sb, u32 flags, const char *data)
{
	int err = sb->ops->remount ? sb->ops->remount(sb, flags, data) : 0;

	if (!err)
		__atomic_store_n(&sb->flags, flags & MS_RDONLY, __ATOMIC_RELAXED);
	return err;
}

static u32 atime_default(u32 flags)
{
	return flags & (MS_NOATIME | MS_STRICTATIME) ? 0 : MS_RELATIME;
}

#define ATIME_FLAGS (MS_NOATIME | MS_NODIRATIME | MS_RELATIME)

static int remount(const struct path *p, u32 flags, const char *data)
{
	/* nothing said of times: they stay as they are */
	u32 change =
		flags & (ATIME_FLAGS | MS_STRICTATIME) ? MOUNT_FLAGS : MOUNT_FLAGS & ~ATIME_FLAGS;
	int err = 0;

	if (!path_is_mount(p))
		return -EINVAL;
	if (!(flags & MS_BIND))
		err = super_reconfigure(p->dentry->sb, flags, data);
	return err ? err
		   : mount_change(p, (flags | atime_default(flags)) & change, change, 0, false);
}

/* Takes over @m, which may be err_ptr. */
static int graft_new(struct mount *m, const struct path *at)
{
	int err = is_err(m) ? (int)ptr_err(m) : mount_graft(m, at);

	if (err && !is_err(m))
		mount_dissolve(m);
	return err;
}

static int mount_new(
	const char *type, const char *source, const struct path *at, u32 flags, const char *data)
{
	struct fs_type *t = fs_type_find(type);
	struct super_block *sb;
	int err = t ? fs_type_super(t, flags, data, &sb) : -ENODEV;

	if (err)
		return err;
	/* a shared one (proc, devtmpfs) is there already */
	if (path_is_mount(at) && at->mount->sb == sb) {
		super_put(sb);
		return -EBUSY;
	}
	return graft_new(mount_create(sb, flags, source), at);
}

int mount_move(const struct path *from, const struct path *at)
{
	if (!path_is_mount(from) ||
		S_ISDIR(from->dentry->inode->mode) != S_ISDIR(at->dentry->inode->mode))
		return -EINVAL;
	return mount_graft(from->mount, at);
}

/* MS_BIND and MS_MOVE */
static int mount_seen(const char *source, const struct path *at, u32 flags)
{
	struct path from SCOPED(path_put) = {NULL, NULL};
	struct path_buf b SCOPED(path_buf_fini) = {.heap = NULL};
	u32 rights;
	int err = source && *source ? path_buf_kernel(&b, source) : -EINVAL;

	if (!err)
		err = walk_path_rights(AT_FDCWD, b.text, LOOKUP_FOLLOW, &from, &rights);
	if (err)
		return err;
	if (~rights & CAP_ALL) /* of /proc/self/fd */
		return -EACCES;
	if (flags & MS_BIND)
		return graft_new(mount_copy(&from, flags & MS_REC), at);
	return mount_move(&from, at);
}

int vfs_mount(const char *type, const char *source, const char *target, u32 flags, const char *data)
{
	struct path at SCOPED(path_put) = {NULL, NULL};
	u32 kind = flags & (MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE);
	int err;

	if ((flags & 0xffff0000u) == MS_MGC_VAL) {
		flags &= 0xffffu;
		kind = 0;
	}
	if (!capable(LCAP_SYS_ADMIN))
		return -EPERM;
	err = path_lookup(AT_FDCWD, target, LOOKUP_FOLLOW, &at);
	if (err)
		return err;
	if (flags & MS_REMOUNT)
		return remount(&at, flags & ~MS_REMOUNT, data);
	if (flags & MS_BIND)
		return mount_seen(source, &at, flags);
	if (kind)
		return kind & (kind - 1) || flags & ~(kind | MS_REC | MS_SILENT)
			       ? -EINVAL
			       : mount_change(&at, 0, 0, kind, flags & MS_REC);
	if (flags & MS_MOVE)
		return mount_seen(source, &at, flags);
	return mount_new(type ? type : "", source, &at, flags | atime_default(flags), data);
}
