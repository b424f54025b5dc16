/* Mounts and file systems in the making, held by descriptors. Layer: syscall.
 * A file of fsopen(2) or fspick(2) holds a plan: what is wanted, then the file system itself.
 * Locks: the file's pos_lock. Sources: fsopen(2) fsconfig(2) fsmount(2) fspick(2) open_tree(2)
 * move_mount(2) mount_setattr(2), Linux's Documentation/filesystems/mount_api.rst. */
#include <exo/memory.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <arch/uaccess.h>

#include "../../fs/poll/epoll.h"

#define PARAMETER_MAX 256 /* with the NUL: keys and values */

struct plan {                       /* [pos_lock] */
	const struct fs_type *type; /* [c] */
	struct super_block *sb;     /* +1; NULL before it is made */
	enum { PHASE_MAKE, PHASE_MOUNT, PHASE_CHANGE, PHASE_FAILED } phase; /* may come next */
	u32 flags, mask;         /* MS_RDONLY, once said */
	char options[PAGE_SIZE]; /* ",key=value,key" */
	char source[PARAMETER_MAX];
};

static ssize_t plan_read(struct file *f, struct uio *u, u64 *pos)
{
	return -ENODATA; /* errors are told by number alone */
}

static void plan_release(struct file *f)
{
	struct plan *p = f->priv;

	if (p->sb)
		super_put(p->sb);
	kfree(p);
}

static const struct file_ops plan_ops = {
	.anon_name = "anon_inode:[fscontext]", .read = plan_read, .release = plan_release};

static int plan_check(const struct file *f)
{
	return is_err(f) ? (int)ptr_err(f) : f->ops == &plan_ops ? 0 : -EINVAL;
}

static int admits(u32 unknown_flags)
{
	return !cred_capable(current->cred, LCAP_SYS_ADMIN) ? -EPERM : unknown_flags ? -EINVAL : 0;
}

static int parameter_get(char text[PARAMETER_MAX], u64 user) /* 0: none, "" */
{
	long n = user ? strncpy_from_user(text, (const char USER *)user, PARAMETER_MAX) : 0;

	return n == -ENAMETOOLONG ? -EINVAL : (int)MIN(n, 0L);
}

/* @sb, if that is there already, gets a reference. */
static long plan_install(const struct fs_type *t, struct super_block *sb, bool cloexec)
{
	struct plan *p = kzalloc(sizeof(*p), ALLOC_KERNEL);
	struct file *f;

	if (!p)
		return -ENOMEM;
	p->type = t;
	f = file_create_owning(&plan_ops, O_RDWR, p);
	if (sb && !is_err(f)) {
		super_get(sb);
		p->sb = sb;
		p->phase = PHASE_CHANGE;
	}
	return fd_install_new(f, cloexec ? O_CLOEXEC : 0);
}

long sys_fsopen(u64 a0, u64 a1)
{
	char name[PARAMETER_MAX] = "";
	struct fs_type *t;
	int err = admits((u32)a1 & ~FSOPEN_CLOEXEC);

	if (!err)
		err = parameter_get(name, a0);
	if (err)
		return err;
	t = fs_type_find(name);
	return t ? plan_install(t, NULL, a1 & FSOPEN_CLOEXEC) : -ENODEV;
}

long sys_fspick(u64 a0, u64 a1, u64 a2)
{
	struct path at SCOPED(path_put) = {NULL, NULL};
	u32 flags = (u32)a2;
	int err = admits(flags & ~FSPICK_ALL);

	if (!err)
		err = path_lookup_user((cap_t)a0, (const char USER *)a1,
			(flags & FSPICK_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
				(flags & FSPICK_EMPTY_PATH ? LOOKUP_EMPTY : 0),
			&at);
	if (!err && !path_is_mount(&at))
		err = -EINVAL;
	return err ? err : plan_install(at.dentry->sb->type, at.dentry->sb, flags & FSPICK_CLOEXEC);
}

/* @value "": a flag. */
static int plan_set(struct plan *p, const char *key, const char *value)
{
	size_t used = strlen(p->options), room = sizeof(p->options) - used;
	int err;

	if (p->phase != PHASE_MAKE && p->phase != PHASE_CHANGE)
		return -EBUSY;
	if (!strcmp(key, "ro") || !strcmp(key, "rw")) {
		p->flags = key[1] == 'o' ? MS_RDONLY : 0;
		p->mask = MS_RDONLY;
		return 0;
	}
	if (!strcmp(key, "source")) {
		if (!*value || p->source[0])
			return -EINVAL;
		memcpy(p->source, value, PARAMETER_MAX);
		return 0;
	}
	if (strchr(key, ',') || strchr(key, '=') || strchr(value, ',') || !p->type->mount)
		return -EINVAL;
	err = snprintf(p->options + used, room, ",%s%s%s", key, *value ? "=" : "", value);
	err = (size_t)err < room ? p->type->mount(p->options, p->type, NULL) : -EINVAL;
	if (err)
		p->options[used] = 0;
	return err;
}

/* What was wanted is done: from here on it is changes. */
static void plan_done(struct plan *p)
{
	p->phase = PHASE_CHANGE;
	p->flags = 0; /* but not the mask: so it is on Linux */
	p->options[0] = p->source[0] = 0;
}

static int plan_carry_out(struct plan *p, bool make)
{
	int err = p->phase == (make ? PHASE_MAKE : PHASE_CHANGE) ? admits(0) : -EBUSY;

	if (err)
		return err;
	err = make ? fs_type_super(p->type, p->flags, p->options, &p->sb)
		   : super_reconfigure(p->sb, (p->sb->flags & ~p->mask) | p->flags, p->options);
	if (err)
		p->phase = PHASE_FAILED;
	else if (make)
		p->phase = PHASE_MOUNT;
	else
		plan_done(p);
	return err;
}

long sys_fsconfig(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_ADMIN);
	char key[PARAMETER_MAX] = "", value[PARAMETER_MAX] = "";
	u32 cmd = (u32)a1;
	bool sets = cmd <= FSCONFIG_SET_STRING;
	int err;

	/* nothing here takes blobs, paths or descriptors */
	if (cmd > FSCONFIG_CMD_RECONFIGURE)
		return -EOPNOTSUPP;
	if ((s32)a0 < 0 || (!sets && cmd < FSCONFIG_CMD_CREATE) || sets != !!a2 ||
		(cmd == FSCONFIG_SET_STRING) != !!a3 || (s32)a4)
		return -EINVAL;
	err = plan_check(fd.file);
	if (!err)
		err = parameter_get(key, a2);
	if (!err)
		err = parameter_get(value, a3);
	if (err)
		return err;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&fd.file->pos_lock);
	return sets ? plan_set(fd.file->priv, key, value)
		    : plan_carry_out(fd.file->priv, cmd == FSCONFIG_CMD_CREATE);
}

/* MOUNT_ATTR_* as MS_*. 0 | -EINVAL */
static int attr_flags(u64 attr, u32 *flags)
{
	u64 atime = attr & MOUNT_ATTR_ATIME;

	if (attr & ~(u64)MOUNT_ATTR_ALL ||
		(atime && atime != MOUNT_ATTR_NOATIME && atime != MOUNT_ATTR_STRICTATIME))
		return -EINVAL;
	*flags = (u32)(attr & MOUNT_ATTR_SAME) |
		 (attr & MOUNT_ATTR_NODIRATIME ? MS_NODIRATIME : 0) |
		 (attr & MOUNT_ATTR_NOSYMFOLLOW ? MS_NOSYMFOLLOW : 0) |
		 (atime == MOUNT_ATTR_NOATIME ? MS_NOATIME : 0) | (atime ? 0 : MS_RELATIME);
	return 0;
}

long sys_fsmount(u64 a0, u64 a1, u64 a2)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_ADMIN);
	struct mount *m;
	struct plan *p;
	u32 flags;
	int err = admits((u32)a1 & ~FSMOUNT_CLOEXEC);

	if (!err)
		err = attr_flags((u32)a2, &flags);
	if (!err)
		err = plan_check(fd.file);
	if (err)
		return err;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&fd.file->pos_lock);
	p = fd.file->priv;
	if (p->phase != PHASE_MOUNT)
		return p->sb ? -EBUSY : -EINVAL;
	super_get(p->sb);
	m = mount_create(p->sb, flags, p->source);
	if (!is_err(m))
		plan_done(p);
	return fd_install_new(mount_open(m), (u32)a1 & FSMOUNT_CLOEXEC ? O_CLOEXEC : 0);
}

long sys_open_tree(u64 a0, u64 a1, u64 a2)
{
	struct path p SCOPED(path_put) = {NULL, NULL};
	u32 flags = (u32)a2;
	bool clone = flags & OPEN_TREE_CLONE;
	int err;

	if (flags & ~OPEN_TREE_ALL || (flags & AT_RECURSIVE && !clone))
		return -EINVAL;
	err = clone ? admits(0) : 0;
	if (!err)
		err = path_lookup_whole((cap_t)a0, (const char USER *)a1, lookup_flags(flags), &p);
	if (err)
		return err;
	return fd_install_new(clone ? mount_open(mount_copy(&p, flags & AT_RECURSIVE))
				    : vfs_open_path(&p, O_PATH),
		flags);
}

long sys_move_mount(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct path from SCOPED(path_put) = {NULL, NULL}, at SCOPED(path_put) = {NULL, NULL};
	u32 flags = (u32)a4, known = LOOKUP_FOLLOW | LOOKUP_EMPTY;
	int err = admits(flags & ~MOVE_MOUNT_ALL);

	_Static_assert(LOOKUP_FOLLOW == 1 && LOOKUP_EMPTY == 4, "as MOVE_MOUNT_F_*");
	if (!err)
		err = path_lookup_user((cap_t)a0, (const char USER *)a1, flags & known, &from);
	if (!err)
		err = path_lookup_user((cap_t)a2, (const char USER *)a3, flags >> 4 & known, &at);
	return err ? err : mount_move(&from, &at);
}

long sys_mount_setattr(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct path at SCOPED(path_put) = {NULL, NULL};
	struct linux_mount_attr a;
	u32 flags = (u32)a2, set, clear, kind;
	u64 times;
	int err = flags & ~MOUNT_SETATTR_ALL ? -EINVAL : admits(0);

	if (!err)
		err = user_struct_get(&a, sizeof(a), sizeof(a), a3, a4);
	if (err || !(a.attr_set | a.attr_clr | a.propagation))
		return err;
	kind = (u32)a.propagation;
	times = a.attr_clr & MOUNT_ATTR_ATIME;
	if (a.propagation & ~(u64)(MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED) ||
		kind & (kind - 1) || attr_flags(a.attr_set, &set) ||
		attr_flags(a.attr_clr - times, &clear) ||
		(times ? times != MOUNT_ATTR_ATIME : a.attr_set & MOUNT_ATTR_ATIME))
		return -EINVAL;
	/* how times of access are kept is one value, which is taken away whole or stays */
	if (!times)
		set &= ~MS_RELATIME;
	clear = times ? clear | MS_NOATIME : clear & ~MS_RELATIME;
	err = path_lookup_user((cap_t)a0, (const char USER *)a1, lookup_flags(flags), &at);
	return err ? err : mount_change(&at, set, clear, kind, flags & AT_RECURSIVE);
}
