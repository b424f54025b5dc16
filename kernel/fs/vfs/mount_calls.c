/* mount(2) and pivot_root(2). Layer: fs. Sources: mount(2) pivot_root(2). */
#include "vfs_internal.h"

static struct fs_type *type_find(const char *name)
{
	struct fs_type *t = NULL;

	while ((t = fs_type_next(t)) != NULL && strcmp(t->name, name))
		;
	return t;
}

int vfs_super_get(const char *type, const char *data, struct super_block **out)
{
	struct fs_type *t = type_find(type);

	if (!t || (!t->mount && !t->shared))
		return -ENODEV;
	if (!t->shared)
		return t->mount(data, t, out);
	__atomic_fetch_add(&t->shared->refs, 1, __ATOMIC_RELAXED);
	*out = t->shared;
	return 0;
}

int super_reconfigure(struct super_block *sb, u32 flags, const char *data)
{
	int err = sb->ops->remount ? sb->ops->remount(sb, flags, data) : 0;

	if (!err)
		__atomic_store_n(&sb->flags, flags & MS_RDONLY, __ATOMIC_RELAXED);
	return err;
}

static int remount(const struct path *p, u32 flags, const char *data)
{
	int err = 0;

	if (p->dentry != p->mount->root)
		return -EINVAL;
	if (!(flags & MS_BIND))
		err = super_reconfigure(p->dentry->sb, flags, data);
	return err ? err : mount_change(p, flags & MOUNT_FLAGS, MOUNT_FLAGS, 0, false);
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
	struct super_block *sb;
	int err = vfs_super_get(type, data, &sb);

	if (err)
		return err;
	/* a shared one (proc, devtmpfs) is there already */
	if (at->dentry == at->mount->root && at->mount->sb == sb) {
		super_put(sb);
		return -EBUSY;
	}
	if (sb != type_find(type)->shared)
		sb->flags |= flags & MS_RDONLY;
	return graft_new(mount_create(sb, flags, source), at);
}

/* MS_BIND and MS_MOVE */
static int mount_seen(const char *source, const struct path *at, u32 flags)
{
	struct path from SCOPED(path_put) = {NULL, NULL};
	int err = source && *source ? path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from) : -EINVAL;

	if (err)
		return err;
	if (flags & MS_BIND)
		return graft_new(mount_copy(&from, flags & MS_REC), at);
	return from.dentry == from.mount->root && from.mount->parent ? mount_graft(from.mount, at)
								     : -EINVAL;
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
	return mount_new(type ? type : "", source, &at, flags, data);
}
