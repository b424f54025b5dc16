/* System calls that ask about files: stat, statx, statfs, access. Layer: syscall.
 * Sources: stat(2) statx(2) statfs(2) access(2). */
#include <arch/uaccess.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>

static ALWAYS_INLINE long stat_out(const struct stat_k *k, u64 buf)
{
	struct linux_stat st;

	st.dev = k->dev;
	st.ino = k->ino;
	st.nlink = k->nlink;
	st.mode = k->mode;
	st.uid = k->uid;
	st.gid = k->gid;
	st.pad0 = 0;
	st.rdev = k->rdev;
	st.size = (s64)k->size;
	st.blksize = k->blksize;
	st.blocks = (s64)k->blocks;
	st.atime = (struct linux_timespec){ k->atime.sec, k->atime.nsec };
	st.mtime = (struct linux_timespec){ k->mtime.sec, k->mtime.nsec };
	st.ctime = (struct linux_timespec){ k->ctime.sec, k->ctime.nsec };
	st.unused[0] = st.unused[1] = st.unused[2] = 0;
	return copy_to_user((void USER *)buf, &st, sizeof(st));
}

static int fd_stat(cap_t fd, struct stat_k *k)
{
	bool borrowed;
	struct file *f = fd_file_path(fd, CAP_STAT, &borrowed);
	int err;

	if (is_err(f))
		return (int)ptr_err(f);
	err = inode_getattr(&f->path, f->inode, k);
	fd_file_release(f, borrowed);
	return err;
}

static long name_stat(cap_t dirfd, u64 name, u32 lookup, struct stat_k *k)
{
	struct path_buf b;
	int err = path_buf_user(&b, (const char USER *)name);

	if (unlikely(err))
		return err;
	if (unlikely(!b.text[0] && lookup & LOOKUP_EMPTY && dirfd != AT_FDCWD))
		err = fd_stat(dirfd, k); /* pipes and sockets have no path */
	else
		err = path_stat(dirfd, b.text, lookup, k);
	path_buf_fini(&b);
	return err;
}

long sys_stat(u64 name, u64 buf)
{
	struct stat_k k;
	long err = name_stat(AT_FDCWD, name, LOOKUP_FOLLOW, &k);

	return unlikely(err) ? err : stat_out(&k, buf);
}

long sys_lstat(u64 name, u64 buf)
{
	struct stat_k k;
	long err = name_stat(AT_FDCWD, name, 0, &k);

	return unlikely(err) ? err : stat_out(&k, buf);
}

long sys_fstat(u64 fd, u64 buf)
{
	struct stat_k k;
	long err = fd_stat((cap_t)fd, &k);

	return unlikely(err) ? err : stat_out(&k, buf);
}

static int at_flags_to_lookup(u32 flags, u32 allowed, u32 *lookup)
{
	if (flags & ~allowed)
		return -EINVAL;
	*lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	return 0;
}

long sys_newfstatat(u64 dirfd, u64 name, u64 buf, u64 flags)
{
	struct stat_k k;
	u32 lookup;
	long err = at_flags_to_lookup((u32)flags, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH, &lookup);

	if (unlikely(err))
		return err;
	err = name_stat((cap_t)dirfd, name, lookup, &k);
	return unlikely(err) ? err : stat_out(&k, buf);
}

static struct linux_statx_timestamp statx_time(struct timespec64 t)
{
	return (struct linux_statx_timestamp){ .sec = t.sec, .nsec = (u32)t.nsec };
}

long sys_statx(u64 dirfd, u64 name, u64 flags, u64 mask, u64 buf)
{
	struct linux_statx x;
	struct stat_k k;
	u32 lookup;
	long err = at_flags_to_lookup((u32)flags, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE, &lookup);

	if (err || (u32)mask & STATX_RESERVED || ((u32)flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	err = name_stat((cap_t)dirfd, name, lookup, &k);
	if (err)
		return err;
	memset(&x, 0, sizeof(x));
	x.mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
	x.blksize = (u32)k.blksize;
	x.attributes = k.attributes;
	x.attributes_mask = k.attributes_mask;
	x.nlink = k.nlink;
	x.uid = k.uid;
	x.gid = k.gid;
	x.mode = (u16)k.mode;
	x.ino = k.ino;
	x.size = k.size;
	x.blocks = k.blocks;
	x.atime = statx_time(k.atime);
	x.btime = statx_time(k.btime);
	x.ctime = statx_time(k.ctime);
	x.mtime = statx_time(k.mtime);
	x.rdev_major = DEV_MAJOR(k.rdev);
	x.rdev_minor = DEV_MINOR(k.rdev);
	x.dev_major = DEV_MAJOR(k.dev);
	x.dev_minor = DEV_MINOR(k.dev);
	x.mnt_id = k.mnt_id;
	return copy_to_user((void USER *)buf, &x, sizeof(x));
}

/* ---- file systems ---- */

static long statfs_out(struct super_block *sb, u32 mount_flags, u64 buf)
{
	struct linux_statfs out;
	struct statfs_k k = { .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = NAME_MAX_BYTES };
	int err = sb->ops->statfs ? sb->ops->statfs(sb, &k) : 0;

	if (err)
		return err;
	memset(&out, 0, sizeof(out));
	out.type = (s64)k.type;
	out.bsize = (s64)k.bsize;
	out.blocks = (s64)k.blocks;
	out.bfree = (s64)k.bfree;
	out.bavail = (s64)k.bavail;
	out.files = (s64)k.files;
	out.ffree = (s64)k.ffree;
	out.fsid[0] = (s32)k.fsid;
	out.fsid[1] = (s32)(k.fsid >> 32);
	out.namelen = (s64)k.namelen;
	out.frsize = (s64)k.frsize;
	out.flags = ST_VALID_FLAG | ((mount_flags | sb->flags) & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME));
	return copy_to_user((void USER *)buf, &out, sizeof(out));
}

long sys_statfs(u64 name, u64 buf)
{
	struct path p;
	long err = path_lookup_user(AT_FDCWD, (const char USER *)name, LOOKUP_FOLLOW, &p);

	if (err)
		return err;
	err = statfs_out(p.dentry->sb, path_mount_flags(&p), buf);
	path_put(&p);
	return err;
}

long sys_fstatfs(u64 fd, u64 buf)
{
	bool borrowed;
	struct file *f = fd_file_path((cap_t)fd, CAP_STAT, &borrowed);
	long err;

	if (is_err(f))
		return ptr_err(f);
	err = statfs_out(f->inode->sb, path_mount_flags(&f->path), buf);
	fd_file_release(f, borrowed);
	return err;
}

/* ---- access ---- */

long sys_faccessat2(u64 dirfd, u64 name, u64 mode, u64 flags)
{
	struct path p;
	u32 lookup;
	int err = at_flags_to_lookup((u32)flags & ~AT_EACCESS, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &lookup);

	if (err || (u32)mode & ~(u32)(R_OK | W_OK | X_OK))
		return -EINVAL;
	err = path_lookup_user((cap_t)dirfd, (const char USER *)name, lookup, &p);
	if (err)
		return err;
	err = vfs_access(&p, (u32)mode, (u32)flags & AT_EACCESS);
	path_put(&p);
	return err;
}

long sys_faccessat(u64 dirfd, u64 name, u64 mode)
{
	return sys_faccessat2(dirfd, name, mode, 0);
}

long sys_access(u64 name, u64 mode)
{
	return sys_faccessat2((u64)AT_FDCWD, name, mode, 0);
}
