/* Attributes of files: mode, owner, times, size; extended attributes. Layer: syscall.
 * Sources: chmod(2) chown(2) utimensat(2) truncate(2) fallocate(2) umask(2) xattr(7) setxattr(2).
 */
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

#include "handlers.h"

/* The file that @name says from @fd on, or with BY_FD that of @fd; +1. */
static long target(u32 how, cap_t fd, u64 name, u32 rights, struct path *out)
{
	struct fd f SCOPED(fd_put) = {err_ptr(-EBADF), false};

	if (how != BY_FD)
		return path_lookup_user(
			fd, (const char USER *)name, how | LOOKUP_NEED(rights), out);
	f = fd_get(fd, rights);
	return is_err(f.file) ? ptr_err(f.file) : file_path_get(f.file, out);
}

/* ---- mode and owner ---- */

long call_chmod(u32 how, u64 fd, u64 name, u64 mode)
{
	struct path p SCOPED(path_put) = {NULL, NULL};
	long ret = target(how, (cap_t)fd, name, CAP_ADMIN, &p);

	return ret ? ret : vfs_chmod(&p, (u32)mode);
}

long call_chown(u32 how, u64 fd, u64 name, u64 uid, u64 gid)
{
	struct path p SCOPED(path_put) = {NULL, NULL};
	long ret = target(how, (cap_t)fd, name, CAP_ADMIN, &p);

	return ret ? ret : vfs_chown(&p, (u32)uid, (u32)gid);
}

long sys_fchownat(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	if ((u32)a4 & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return call_chown(lookup_flags((u32)a4), a0, a1, a2, a3);
}

/* ---- times ---- */

/* One time of utimensat. 0 | -EINVAL */
static int time_wanted(
	const struct linux_timespec *t, u32 bit, struct setattr *a, struct timespec64 *field)
{
	bool now = t->nsec == UTIME_NOW, omit = t->nsec == UTIME_OMIT;

	if (!now && !omit && (t->nsec < 0 || t->nsec >= (s64)NS_PER_SEC))
		return -EINVAL;
	a->valid |= (omit ? 0 : bit) | (now ? 0 : ATTR_OWN_TIME);
	*field = now ? time_now_inode() : (struct timespec64){t->sec, t->nsec};
	return 0;
}

/* @t NULL: both now. @name 0 with a descriptor: that file itself. */
static long do_utimes(u64 fd, u64 name, const struct linux_timespec *t, u32 at_flags)
{
	static const struct linux_timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	bool by_fd = !name && (cap_t)fd != AT_FDCWD;
	struct path p SCOPED(path_put) = {NULL, NULL};
	struct setattr a = {.valid = 0};
	long ret;

	if (at_flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!t)
		t = now;
	ret = time_wanted(&t[0], ATTR_ATIME, &a, &a.atime);
	if (!ret)
		ret = time_wanted(&t[1], ATTR_MTIME, &a, &a.mtime);
	if (ret || a.valid == ATTR_OWN_TIME)
		return ret;
	if (by_fd && at_flags)
		return -EINVAL;
	ret = target(by_fd ? BY_FD : lookup_flags(at_flags), (cap_t)fd, name, CAP_ADMIN, &p);
	return ret ? ret : vfs_utimes(&p, &a);
}

long sys_utimensat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct linux_timespec t[2];

	if (a2 && copy_from_user(t, (const void USER *)a2, sizeof(t)))
		return -EFAULT;
	return do_utimes(a0, a1, a2 ? t : NULL, (u32)a3);
}

long sys_futimesat(u64 a0, u64 a1, u64 a2)
{
	struct linux_timeval tv[2];
	struct linux_timespec t[2];

	if (a2 && copy_from_user(tv, (const void USER *)a2, sizeof(tv)))
		return -EFAULT;
	for (int i = 0; a2 && i < 2; i++) {
		if (tv[i].usec < 0 || tv[i].usec >= 1000000)
			return -EINVAL;
		t[i] = (struct linux_timespec){tv[i].sec, tv[i].usec * (s64)NS_PER_US};
	}
	return do_utimes(a0, a1, a2 ? t : NULL, 0);
}

long sys_utime(u64 a0, u64 a1)
{
	s64 seconds[2];

	if (!a1)
		return do_utimes(AT_FDCWD, a0, NULL, 0);
	if (copy_from_user(seconds, (const void USER *)a1, sizeof(seconds)))
		return -EFAULT;
	return do_utimes(
		AT_FDCWD, a0, (struct linux_timespec[]){{seconds[0], 0}, {seconds[1], 0}}, 0);
}

/* ---- size ---- */

long sys_truncate(u64 a0, u64 a1)
{
	struct path p SCOPED(path_put) = {NULL, NULL};
	long ret = -EINVAL;

	if ((s64)a1 >= 0)
		ret = target(LOOKUP_FOLLOW, AT_FDCWD, a0, CAP_WRITE, &p);
	return ret ? ret : vfs_truncate(&p, a1);
}

long sys_ftruncate(u64 a0, u64 a1)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_WRITE);

	if ((s64)a1 < 0)
		return -EINVAL;
	if (is_err(fd.file))
		return ptr_err(fd.file);
	return fd.file->mode & FMODE_WRITE ? file_truncate(fd.file->inode, a1, fd.file) : -EINVAL;
}

long sys_fallocate(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct fd fd SCOPED(fd_put) = fd_get_for((cap_t)a0, true);
	struct file *f = fd.file;

	if ((s64)a2 < 0 || (s64)a3 <= 0)
		return -EINVAL;
	if (is_err(f))
		return ptr_err(f);
	if (S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	if (S_ISDIR(f->inode->mode))
		return -EISDIR;
	if (!S_ISREG(f->inode->mode))
		return -ENODEV;
	if ((s64)(a2 + a3) < 0)
		return -EFBIG;
	return f->ops->fallocate ? f->ops->fallocate(f, (int)a1, a2, a3) : -EOPNOTSUPP;
}

/* ---- extended attributes: each call by path, by path without following, by descriptor. @a: its
 * arguments ---- */

/* The file of @a[0], and the attribute's name of @a[1] unless @name is NULL. */
static long xattr_begin(u32 how, const u64 a[], u32 rights, struct path *p, char *name)
{
	long n = target(how, how == BY_FD ? (cap_t)a[0] : AT_FDCWD, a[0], rights, p);

	if (n || !name)
		return n;
	n = strncpy_from_user(name, (const char USER *)a[1], XATTR_NAME_MAX + 1);
	return n == -ENAMETOOLONG || !n ? -ERANGE : n < 0 ? n : 0;
}

long call_xattr_set(u32 how, const u64 a[5])
{
	struct path p SCOPED(path_put) = {NULL, NULL};
	char name[XATTR_NAME_MAX + 1];
	void *buf SCOPED(kfree_at) = NULL;
	u64 size = a[3];
	long ret;

	if (a[4] & ~(u64)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	ret = xattr_begin(how, a, CAP_ADMIN, &p, name);
	if (ret)
		return ret;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	buf = kmalloc(size + 1, ALLOC_KERNEL);
	if (!buf)
		return -ENOMEM;
	if (size && copy_from_user(buf, (const void USER *)a[2], size))
		return -EFAULT;
	return vfs_setxattr(&p, name, buf, size, (int)a[4]);
}

long call_xattr_remove(u32 how, const u64 a[2])
{
	struct path p SCOPED(path_put) = {NULL, NULL};
	char name[XATTR_NAME_MAX + 1];
	long ret = xattr_begin(how, a, CAP_ADMIN, &p, name);

	return ret ? ret : vfs_setxattr(&p, name, NULL, 0, XATTR_REPLACE);
}

/* The value, or the names of all. */
long call_xattr_show(u32 how, const u64 a[], bool list)
{
	u64 size = MIN(a[list ? 2 : 3], (u64)XATTR_SIZE_MAX);
	struct path p SCOPED(path_put) = {NULL, NULL};
	char name[XATTR_NAME_MAX + 1];
	void *buf SCOPED(kfree_at) = NULL;
	long ret = xattr_begin(how, a, CAP_STAT, &p, list ? NULL : name);

	if (ret)
		return ret;
	buf = size ? kmalloc(size, ALLOC_KERNEL) : NULL;
	if (size && !buf)
		return -ENOMEM;
	ret = vfs_getxattr(&p, list ? NULL : name, buf, size);
	if (ret > 0 && size && copy_to_user((void USER *)a[list ? 1 : 2], buf, (size_t)ret))
		return -EFAULT;
	return ret;
}
