/* System calls that change attributes and sizes, and the sync family. Layer: syscall.
 * Sources: chmod(2) chown(2) utimensat(2) truncate(2) fallocate(2) sync(2) posix_fadvise(2). */
#include <arch/uaccess.h>
#include <exo/posix_x.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>

/* ---- mode and owner ---- */

static long chmod_at(cap_t dirfd, u64 name, u32 mode)
{
	struct path p;
	long err = path_lookup_user(dirfd, (const char USER *)name, LOOKUP_FOLLOW, &p);

	if (err)
		return err;
	err = vfs_chmod(&p, mode);
	path_put(&p);
	return err;
}

long sys_fchmodat(u64 dirfd, u64 name, u64 mode)
{
	return chmod_at((cap_t)dirfd, name, (u32)mode);
}

long sys_chmod(u64 name, u64 mode)
{
	return chmod_at(AT_FDCWD, name, (u32)mode);
}

/* The path of an open file, for calls on descriptors. Anonymous files get one. */
static int fd_path(cap_t fd, u32 right, struct path *out)
{
	bool borrowed;
	struct file *f = fd_file(fd, right, &borrowed);
	int err;

	if (is_err(f))
		return (int)ptr_err(f);
	err = file_path_get(f, out);
	fd_file_release(f, borrowed);
	return err;
}

long sys_fchmod(u64 fd, u64 mode)
{
	struct path p;
	long err = fd_path((cap_t)fd, CAP_ADMIN, &p);

	if (err)
		return err;
	err = vfs_chmod(&p, (u32)mode);
	path_put(&p);
	return err;
}

long sys_fchownat(u64 dirfd, u64 name, u64 uid, u64 gid, u64 flags)
{
	u32 f = (u32)flags;
	struct path p;
	long err;

	if (f & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = path_lookup_user((cap_t)dirfd, (const char USER *)name,
		(f & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (f & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), &p);
	if (err)
		return err;
	err = vfs_chown(&p, (u32)uid, (u32)gid);
	path_put(&p);
	return err;
}

long sys_chown(u64 name, u64 uid, u64 gid)
{
	return sys_fchownat((u64)AT_FDCWD, name, uid, gid, 0);
}

long sys_lchown(u64 name, u64 uid, u64 gid)
{
	return sys_fchownat((u64)AT_FDCWD, name, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(u64 fd, u64 uid, u64 gid)
{
	struct path p;
	long err = fd_path((cap_t)fd, CAP_ADMIN, &p);

	if (err)
		return err;
	err = vfs_chown(&p, (u32)uid, (u32)gid);
	path_put(&p);
	return err;
}

/* ---- times ---- */

/* @t: access and modification time with UTIME_NOW and UTIME_OMIT; NULL = both now. */
static long utimes_at(cap_t dirfd, u64 name, const struct linux_timespec *t, u32 flags)
{
	struct timespec64 now = time_now_inode();
	struct setattr a = { .valid = ATTR_ATIME | ATTR_MTIME, .atime = now, .mtime = now };
	bool explicit = false;
	struct path p;
	long err;

	for (int i = 0; t && i < 2; i++) {
		struct timespec64 *to = i ? &a.mtime : &a.atime;

		if (t[i].nsec == UTIME_OMIT)
			a.valid &= ~(i ? ATTR_MTIME : ATTR_ATIME);
		else if (t[i].nsec != UTIME_NOW)
			*to = (struct timespec64){ t[i].sec, t[i].nsec };
		explicit |= t[i].nsec != UTIME_NOW;
	}
	if (!a.valid)
		return 0;
	if (!name && dirfd != AT_FDCWD)
		err = fd_path(dirfd, CAP_ADMIN, &p);
	else
		err = path_lookup_user(dirfd, (const char USER *)name,
			(flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), &p);
	if (err)
		return err;
	err = vfs_utimes(&p, &a, explicit);
	path_put(&p);
	return err;
}

long sys_utimensat(u64 dirfd, u64 name, u64 times, u64 flags)
{
	struct linux_timespec t[2];

	if ((u32)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!times)
		return utimes_at((cap_t)dirfd, name, NULL, (u32)flags);
	if (copy_from_user(t, (const void USER *)times, sizeof(t)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if ((u64)t[i].nsec >= NS_PER_SEC && t[i].nsec != UTIME_NOW && t[i].nsec != UTIME_OMIT)
			return -EINVAL;
	}
	return utimes_at((cap_t)dirfd, name, t, (u32)flags);
}

long sys_futimesat(u64 dirfd, u64 name, u64 times)
{
	struct linux_timeval tv[2];
	struct linux_timespec t[2];

	if (!times)
		return utimes_at((cap_t)dirfd, name, NULL, 0);
	if (copy_from_user(tv, (const void USER *)times, sizeof(tv)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if ((u64)tv[i].usec >= 1000000)
			return -EINVAL;
		t[i] = (struct linux_timespec){ tv[i].sec, tv[i].usec * 1000 };
	}
	return utimes_at((cap_t)dirfd, name, t, 0);
}

long sys_utimes(u64 name, u64 times)
{
	return sys_futimesat((u64)AT_FDCWD, name, times);
}

long sys_utime(u64 name, u64 times)
{
	s64 seconds[2];
	struct linux_timespec t[2];

	if (!times)
		return utimes_at(AT_FDCWD, name, NULL, 0);
	if (copy_from_user(seconds, (const void USER *)times, sizeof(seconds)))
		return -EFAULT;
	t[0] = (struct linux_timespec){ seconds[0], 0 };
	t[1] = (struct linux_timespec){ seconds[1], 0 };
	return utimes_at(AT_FDCWD, name, t, 0);
}

/* ---- size ---- */

long sys_truncate(u64 name, u64 size)
{
	struct path p;
	long err;

	if ((s64)size < 0)
		return -EINVAL;
	err = path_lookup_user(AT_FDCWD, (const char USER *)name, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	err = vfs_truncate(&p, size);
	path_put(&p);
	return err;
}

long sys_ftruncate(u64 fd, u64 size)
{
	bool borrowed;
	struct file *f;
	long err = -EINVAL;

	if ((s64)size < 0)
		return -EINVAL;
	f = fd_file((cap_t)fd, CAP_WRITE, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	if (f->mode & FMODE_WRITE)
		err = file_truncate(f->inode, size, f);
	fd_file_release(f, borrowed);
	return err;
}

long sys_fallocate(u64 fd, u64 mode, u64 offset, u64 len)
{
	bool borrowed;
	struct file *f;
	long err;

	if ((s64)offset < 0 || (s64)len <= 0)
		return -EINVAL;
	if ((s64)(offset + len) < 0)
		return -EFBIG;
	if (((u32)mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) == FALLOC_FL_PUNCH_HOLE)
		return -EOPNOTSUPP;
	f = fd_file((cap_t)fd, CAP_WRITE, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	if (!(f->mode & FMODE_WRITE))
		err = -EBADF;
	else if (S_ISFIFO(f->inode->mode))
		err = -ESPIPE;
	else if (S_ISDIR(f->inode->mode))
		err = -EISDIR;
	else if (!S_ISREG(f->inode->mode))
		err = -ENODEV;
	else
		err = f->ops->fallocate ? f->ops->fallocate(f, (int)mode, offset, len) : -EOPNOTSUPP;
	fd_file_release(f, borrowed);
	return err;
}

/* ---- sync: every file system here lives in memory, so a file that takes fsync has nothing to write back ---- */

static long fd_sync(cap_t fd, bool data_only)
{
	bool borrowed;
	struct file *f = fd_file(fd, 0, &borrowed);
	long err;

	if (is_err(f))
		return ptr_err(f);
	err = f->ops->fsync ? f->ops->fsync(f, data_only) : -EINVAL;
	fd_file_release(f, borrowed);
	return err;
}

long sys_fsync(u64 fd)
{
	return fd_sync((cap_t)fd, false);
}

long sys_fdatasync(u64 fd)
{
	return fd_sync((cap_t)fd, true);
}

long sys_sync(void)
{
	return 0;
}

long sys_syncfs(u64 fd)
{
	bool borrowed;
	struct file *f = fd_file((cap_t)fd, 0, &borrowed);

	if (is_err(f))
		return ptr_err(f);
	fd_file_release(f, borrowed);
	return 0;
}

/* The advice may be ignored, says posix_fadvise(2); the checks may not. */
long sys_fadvise64(u64 fd, u64 offset, u64 len, u64 advice)
{
	bool borrowed;
	struct file *f = fd_file((cap_t)fd, 0, &borrowed);
	long err = 0;

	if (is_err(f))
		return ptr_err(f);
	if (S_ISFIFO(f->inode->mode))
		err = -ESPIPE;
	else if ((s64)len < 0 || (u32)advice > 5)
		err = -EINVAL;
	fd_file_release(f, borrowed);
	return err;
}
