/* Attributes of files: mode, owner, times, size; extended attributes. Layer: syscall.
 * Sources: chmod(2) chown(2) utimensat(2) truncate(2) fallocate(2) umask(2) xattr(7) setxattr(2).
 */
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

/* The path behind a descriptor with these rights, +1. */
static int fd_path(cap_t fd, u32 rights, struct path *out)
{
	bool borrowed;
	struct file *f = fd_file(fd, rights, &borrowed);
	int err;

	if (is_err(f))
		return (int)ptr_err(f);
	err = file_path_get(f, out);
	fd_file_release(f, borrowed);
	return err;
}

/* ---- mode and owner ---- */

static long do_chmod(cap_t dirfd, u64 name, u32 mode)
{
	struct path p;
	long ret = path_lookup_user(
		dirfd, (const char USER *)name, LOOKUP_FOLLOW | LOOKUP_NEED(CAP_ADMIN), &p);

	if (ret)
		return ret;
	ret = vfs_chmod(&p, mode);
	path_put(&p);
	return ret;
}

long sys_chmod(u64 a0, u64 a1)
{
	return do_chmod(AT_FDCWD, a0, (u32)a1);
}

long sys_fchmodat(u64 a0, u64 a1, u64 a2)
{
	return do_chmod((cap_t)a0, a1, (u32)a2);
}

long sys_fchmod(u64 a0, u64 a1)
{
	struct path p;
	long ret = fd_path((cap_t)a0, CAP_ADMIN, &p);

	if (ret)
		return ret;
	ret = vfs_chmod(&p, (u32)a1);
	path_put(&p);
	return ret;
}

static long do_chown(cap_t dirfd, u64 name, u32 uid, u32 gid, u32 at_flags)
{
	u32 lookup = (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
		     (at_flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	struct path p;
	long ret;

	if (at_flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	ret = path_lookup_user(dirfd, (const char USER *)name, lookup | LOOKUP_NEED(CAP_ADMIN), &p);
	if (ret)
		return ret;
	ret = vfs_chown(&p, uid, gid);
	path_put(&p);
	return ret;
}

long sys_chown(u64 a0, u64 a1, u64 a2)
{
	return do_chown(AT_FDCWD, a0, (u32)a1, (u32)a2, 0);
}

long sys_lchown(u64 a0, u64 a1, u64 a2)
{
	return do_chown(AT_FDCWD, a0, (u32)a1, (u32)a2, AT_SYMLINK_NOFOLLOW);
}

long sys_fchownat(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return do_chown((cap_t)a0, a1, (u32)a2, (u32)a3, (u32)a4);
}

long sys_fchown(u64 a0, u64 a1, u64 a2)
{
	struct path p;
	long ret = fd_path((cap_t)a0, CAP_ADMIN, &p);

	if (ret)
		return ret;
	ret = vfs_chown(&p, (u32)a1, (u32)a2);
	path_put(&p);
	return ret;
}

long sys_umask(u64 a0)
{
	return __atomic_exchange_n(&current->fs->umask, (u32)a0 & 0777, __ATOMIC_RELAXED);
}

/* ---- times ---- */

/* One time of utimensat. 0 | -EINVAL; @explicit is set when it is a time of the user's own. */
static int time_wanted(const struct linux_timespec *t, u32 bit, struct setattr *a,
	struct timespec64 *field, bool *explicit)
{
	if (t->nsec == UTIME_OMIT) {
		*explicit = true;
		return 0;
	}
	a->valid |= bit;
	if (t->nsec == UTIME_NOW) {
		*field = time_now_inode();
		return 0;
	}
	if (t->nsec < 0 || t->nsec >= (s64)NS_PER_SEC)
		return -EINVAL;
	*field = (struct timespec64){t->sec, t->nsec};
	*explicit = true;
	return 0;
}

/* @t NULL: both now. @name 0 with a descriptor: that file itself. */
static long do_utimes(cap_t dirfd, u64 name, const struct linux_timespec *t, u32 at_flags)
{
	struct setattr a = {.valid = 0};
	bool explicit = false;
	struct path p;
	long ret = 0;

	if (at_flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (t) {
		ret = time_wanted(&t[0], ATTR_ATIME, &a, &a.atime, &explicit);
		if (!ret)
			ret = time_wanted(&t[1], ATTR_MTIME, &a, &a.mtime, &explicit);
		if (ret || !a.valid)
			return ret;
		if (t[0].nsec == UTIME_NOW && t[1].nsec == UTIME_NOW)
			explicit = false;
	} else {
		a = (struct setattr){.valid = ATTR_ATIME | ATTR_MTIME,
			.atime = time_now_inode(),
			.mtime = time_now_inode()};
	}
	if (!name && dirfd != AT_FDCWD)
		ret = at_flags ? -EINVAL : fd_path(dirfd, CAP_ADMIN, &p);
	else
		ret = path_lookup_user(dirfd, (const char USER *)name,
			(at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
				(at_flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0) |
				LOOKUP_NEED(CAP_ADMIN),
			&p);
	if (ret)
		return ret;
	ret = vfs_utimes(&p, &a, explicit);
	path_put(&p);
	return ret;
}

long sys_utimensat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct linux_timespec t[2];

	if (a2 && copy_from_user(t, (const void USER *)a2, sizeof(t)))
		return -EFAULT;
	return do_utimes((cap_t)a0, a1, a2 ? t : NULL, (u32)a3);
}

static long do_timevals(cap_t dirfd, u64 name, u64 user)
{
	struct linux_timeval tv[2];
	struct linux_timespec t[2];

	if (!user)
		return do_utimes(dirfd, name, NULL, 0);
	if (copy_from_user(tv, (const void USER *)user, sizeof(tv)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (tv[i].usec < 0 || tv[i].usec >= 1000000)
			return -EINVAL;
		t[i] = (struct linux_timespec){tv[i].sec, tv[i].usec * (s64)NS_PER_US};
	}
	return do_utimes(dirfd, name, t, 0);
}

long sys_utimes(u64 a0, u64 a1)
{
	return do_timevals(AT_FDCWD, a0, a1);
}

long sys_futimesat(u64 a0, u64 a1, u64 a2)
{
	return do_timevals((cap_t)a0, a1, a2);
}

long sys_utime(u64 a0, u64 a1)
{
	struct linux_timespec t[2];
	s64 seconds[2];

	if (!a1)
		return do_utimes(AT_FDCWD, a0, NULL, 0);
	if (copy_from_user(seconds, (const void USER *)a1, sizeof(seconds)))
		return -EFAULT;
	t[0] = (struct linux_timespec){seconds[0], 0};
	t[1] = (struct linux_timespec){seconds[1], 0};
	return do_utimes(AT_FDCWD, a0, t, 0);
}

/* ---- size ---- */

long sys_truncate(u64 a0, u64 a1)
{
	struct path p;
	long ret;

	if ((s64)a1 < 0)
		return -EINVAL;
	ret = path_lookup_user(
		AT_FDCWD, (const char USER *)a0, LOOKUP_FOLLOW | LOOKUP_NEED(CAP_WRITE), &p);
	if (ret)
		return ret;
	ret = vfs_truncate(&p, a1);
	path_put(&p);
	return ret;
}

long sys_ftruncate(u64 a0, u64 a1)
{
	bool borrowed;
	struct file *f;
	long ret;

	if ((s64)a1 < 0)
		return -EINVAL;
	f = fd_file((cap_t)a0, CAP_WRITE, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	ret = f->mode & FMODE_WRITE ? file_truncate(f->inode, a1, f) : -EINVAL;
	fd_file_release(f, borrowed);
	return ret;
}

long sys_fallocate(u64 a0, u64 a1, u64 a2, u64 a3)
{
	bool borrowed;
	struct file *f;
	long ret;

	if ((s64)a2 < 0 || (s64)a3 <= 0)
		return -EINVAL;
	f = fd_file((cap_t)a0, CAP_WRITE, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	if (!(f->mode & FMODE_WRITE))
		ret = -EBADF;
	else if (S_ISFIFO(f->inode->mode))
		ret = -ESPIPE;
	else if (S_ISDIR(f->inode->mode))
		ret = -EISDIR;
	else if (!S_ISREG(f->inode->mode))
		ret = -ENODEV;
	else if ((s64)(a2 + a3) < 0)
		ret = -EFBIG;
	else
		ret = f->ops->fallocate ? f->ops->fallocate(f, (int)a1, a2, a3) : -EOPNOTSUPP;
	fd_file_release(f, borrowed);
	return ret;
}

/* ---- extended attributes: each call by path, by path without following, by descriptor ---- */

static int name_from_user(u64 user, char name[XATTR_NAME_MAX + 1])
{
	long n = strncpy_from_user(name, (const char USER *)user, XATTR_NAME_MAX + 1);

	return n == -ENAMETOOLONG || !n ? -ERANGE : n < 0 ? (int)n : 0;
}

static long setxattr_at(const struct path *p, u64 user_name, u64 value, u64 size, u64 flags)
{
	char name[XATTR_NAME_MAX + 1];
	void *buf = NULL;
	long ret;

	if (flags & ~(u64)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	ret = name_from_user(user_name, name);
	if (ret)
		return ret;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (size) {
		buf = kmalloc(size, ALLOC_KERNEL);
		if (!buf)
			return -ENOMEM;
		ret = copy_from_user(buf, (const void USER *)value, size);
	}
	if (!ret)
		ret = vfs_setxattr(p, name, buf, size, (int)flags);
	kfree(buf);
	return ret;
}

static long getxattr_at(const struct path *p, u64 user_name, u64 value, u64 size)
{
	char name[XATTR_NAME_MAX + 1];
	void *buf = NULL;
	long ret = name_from_user(user_name, name);

	if (ret)
		return ret;
	size = MIN(size, (u64)XATTR_SIZE_MAX);
	if (size) {
		buf = kmalloc(size, ALLOC_KERNEL);
		if (!buf)
			return -ENOMEM;
	}
	ret = vfs_getxattr(p, name, buf, size);
	if (ret > 0 && size && copy_to_user((void USER *)value, buf, (size_t)ret))
		ret = -EFAULT;
	kfree(buf);
	return ret;
}

static long listxattr_at(const struct path *p, u64 list, u64 size)
{
	char *buf = NULL;
	long ret;

	size = MIN(size, (u64)XATTR_LIST_MAX);
	if (size) {
		buf = kmalloc(size, ALLOC_KERNEL);
		if (!buf)
			return -ENOMEM;
	}
	ret = vfs_listxattr(p, buf, size);
	if (ret > 0 && size && copy_to_user((void USER *)list, buf, (size_t)ret))
		ret = -EFAULT;
	kfree(buf);
	return ret;
}

static long removexattr_at(const struct path *p, u64 user_name)
{
	char name[XATTR_NAME_MAX + 1];
	long ret = name_from_user(user_name, name);

	return ret ? ret : vfs_removexattr(p, name);
}

#define BY_PATH(rights, lookup, expression)                                                   \
	({                                                                                    \
		struct path p;                                                                \
		long ret_ = path_lookup_user(                                                 \
			AT_FDCWD, (const char USER *)a0, (lookup) | LOOKUP_NEED(rights), &p); \
		if (!ret_) {                                                                  \
			ret_ = (expression);                                                  \
			path_put(&p);                                                         \
		}                                                                             \
		ret_;                                                                         \
	})
#define BY_FD(rights, expression)                           \
	({                                                  \
		struct path p;                              \
		long ret_ = fd_path((cap_t)a0, rights, &p); \
		if (!ret_) {                                \
			ret_ = (expression);                \
			path_put(&p);                       \
		}                                           \
		ret_;                                       \
	})

long sys_setxattr(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return BY_PATH(CAP_ADMIN, LOOKUP_FOLLOW, setxattr_at(&p, a1, a2, a3, a4));
}
long sys_lsetxattr(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return BY_PATH(CAP_ADMIN, 0, setxattr_at(&p, a1, a2, a3, a4));
}
long sys_fsetxattr(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return BY_FD(CAP_ADMIN, setxattr_at(&p, a1, a2, a3, a4));
}
long sys_getxattr(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return BY_PATH(CAP_STAT, LOOKUP_FOLLOW, getxattr_at(&p, a1, a2, a3));
}
long sys_lgetxattr(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return BY_PATH(CAP_STAT, 0, getxattr_at(&p, a1, a2, a3));
}
long sys_fgetxattr(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return BY_FD(CAP_STAT, getxattr_at(&p, a1, a2, a3));
}
long sys_listxattr(u64 a0, u64 a1, u64 a2)
{
	return BY_PATH(CAP_STAT, LOOKUP_FOLLOW, listxattr_at(&p, a1, a2));
}
long sys_llistxattr(u64 a0, u64 a1, u64 a2)
{
	return BY_PATH(CAP_STAT, 0, listxattr_at(&p, a1, a2));
}
long sys_flistxattr(u64 a0, u64 a1, u64 a2)
{
	return BY_FD(CAP_STAT, listxattr_at(&p, a1, a2));
}
long sys_removexattr(u64 a0, u64 a1)
{
	return BY_PATH(CAP_ADMIN, LOOKUP_FOLLOW, removexattr_at(&p, a1));
}
long sys_lremovexattr(u64 a0, u64 a1)
{
	return BY_PATH(CAP_ADMIN, 0, removexattr_at(&p, a1));
}
long sys_fremovexattr(u64 a0, u64 a1)
{
	return BY_FD(CAP_ADMIN, removexattr_at(&p, a1));
}
