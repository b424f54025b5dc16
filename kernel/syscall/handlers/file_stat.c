/* Looking at files: stat and its kin, statfs, access. Layer: syscall. Sources: stat(2) statx(2)
 * statfs(2) access(2). */
#include <exo/errno.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

#include "handlers.h"

#define SAME_PLACE(field) \
	_Static_assert(offsetof(struct stat_k, field) == offsetof(struct linux_stat, field), #field)
SAME_PLACE(dev);
SAME_PLACE(nlink);
SAME_PLACE(mode);
SAME_PLACE(gid);
SAME_PLACE(rdev);
SAME_PLACE(blksize);
SAME_PLACE(ctime);
_Static_assert(offsetof(struct stat_k, zero) == offsetof(struct linux_stat, unused),
	"the copied part ends alike");

static ALWAYS_INLINE long stat_to_user(const struct stat_k *st, u64 user)
{
	return copy_to_user((void USER *)user, st, sizeof(struct linux_stat));
}

static int stat_fd(cap_t nr, struct stat_k *st)
{
	struct fd fd SCOPED(fd_put) = fd_get_path(nr, CAP_STAT);

	if (is_err(fd.file))
		return (int)ptr_err(fd.file);
	inode_getattr(&fd.file->path, fd.file->inode, st);
	return 0;
}

/* @at_flags: AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT, checked by the caller. */
static int stat_at(cap_t dirfd, u64 name, u32 at_flags, struct stat_k *st)
{
	struct path_buf b SCOPED(path_buf_fini);
	int err = path_buf_user(&b, (const char USER *)name);

	if (err)
		return err;
	if (!b.text[0] && at_flags & AT_EMPTY_PATH && dirfd != AT_FDCWD)
		return stat_fd(dirfd, st);
	return path_stat(dirfd, b.text, lookup_flags(at_flags) | LOOKUP_NEED(CAP_STAT), st);
}

long call_stat(u64 dirfd, u64 name, u64 user, u32 at_flags)
{
	struct stat_k st;
	int err;

	if (at_flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	err = stat_at((cap_t)dirfd, name, at_flags, &st);
	return err ? err : stat_to_user(&st, user);
}

long sys_fstat(u64 a0, u64 a1)
{
	struct stat_k st;
	int err = stat_fd((cap_t)a0, &st);

	return err ? err : stat_to_user(&st, a1);
}

static struct linux_statx_timestamp statx_time(struct timespec64 t)
{
	return (struct linux_statx_timestamp){.sec = t.sec, .nsec = (u32)t.nsec};
}

long sys_statx(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u32 flags = (u32)a2, mask = (u32)a3;
	struct stat_k st;
	struct linux_statx x;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE) ||
		mask & STATX_RESERVED || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	err = stat_at((cap_t)a0, a1, flags & ~AT_STATX_SYNC_TYPE, &st);
	if (err)
		return err;
	x = (struct linux_statx){
		.mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID,
		.blksize = (u32)st.blksize,
		.nlink = (u32)st.nlink,
		.uid = st.uid,
		.gid = st.gid,
		.mode = (u16)st.mode,
		.ino = st.ino,
		.size = st.size,
		.blocks = st.blocks,
		.atime = statx_time(st.atime),
		.btime = statx_time(st.btime),
		.ctime = statx_time(st.ctime),
		.mtime = statx_time(st.mtime),
		/* NOLINTNEXTLINE(clang-analyzer-core.*): without an error, stat_at has filled it */
		.rdev_major = DEV_MAJOR(st.rdev),
		.rdev_minor = DEV_MINOR(st.rdev),
		.dev_major = DEV_MAJOR(st.dev),
		.dev_minor = DEV_MINOR(st.dev),
		.mnt_id = st.mnt_id,
	};
	return copy_to_user((void USER *)a4, &x, sizeof(x));
}

/* ---- statfs ---- */

#define STATFS_FLAGS                                                 \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | \
		MS_NODIRATIME) /* ST_* have the values of MS_* */

static long statfs_of(struct super_block *sb, u32 mount_flags, u64 user)
{
	struct linux_statfs s = {.type = sb->type->magic,
		.bsize = PAGE_SIZE,
		.frsize = PAGE_SIZE,
		.namelen = NAME_MAX_BYTES,
		.fsid = {(s32)sb->dev, 0},
		.flags = ST_VALID_FLAG | ((mount_flags | sb->flags) & STATFS_FLAGS) |
			 (mount_flags & MS_RELATIME ? ST_RELATIME : 0) |
			 (mount_flags & MS_NOSYMFOLLOW ? ST_NOSYMFOLLOW : 0)};

	if (sb->ops->statfs)
		sb->ops->statfs(sb, &s);
	return copy_to_user((void USER *)user, &s, sizeof(s));
}

long sys_statfs(u64 a0, u64 a1)
{
	struct path p SCOPED(path_put) = {NULL, NULL};
	long ret = path_lookup_user(
		AT_FDCWD, (const char USER *)a0, LOOKUP_FOLLOW | LOOKUP_NEED(CAP_STAT), &p);

	return ret ? ret : statfs_of(p.dentry->sb, path_mount_flags(&p), a1);
}

long sys_fstatfs(u64 a0, u64 a1)
{
	struct fd fd SCOPED(fd_put) = fd_get_path((cap_t)a0, CAP_STAT);
	struct file *f = fd.file;

	return is_err(f) ? ptr_err(f) : statfs_of(f->inode->sb, path_mount_flags(&f->path), a1);
}

/* ---- access ---- */

long sys_faccessat2(u64 a0, u64 a1, u64 a2, u64 a3)
{
	u32 mode = (u32)a2, at_flags = (u32)a3;
	struct path p SCOPED(path_put) = {NULL, NULL};
	long ret;

	if (mode & ~(R_OK | W_OK | X_OK) ||
		at_flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	ret = path_lookup_user((cap_t)a0, (const char USER *)a1,
		lookup_flags(at_flags) | LOOKUP_NEED(CAP_STAT), &p);
	/* R_OK, W_OK, X_OK have the values of MAY_READ, MAY_WRITE, MAY_EXEC */
	return ret ? ret : vfs_access(&p, mode, at_flags & AT_EACCESS);
}
