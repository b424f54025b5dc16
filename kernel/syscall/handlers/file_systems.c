/* Mounting, syncing, memfd. Layer: syscall. Sources: mount(2) umount(2) sync(2) fsync(2)
 * posix_fadvise(2) readahead(2) memfd_create(2). */
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

#include "handlers.h"

enum { M_SOURCE, M_TARGET, M_TYPE, M_DATA, M_STRINGS };

long sys_mount(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	const u64 user[M_STRINGS] = {a0, a1, a2, a4};
	char *s[M_STRINGS] = {NULL};
	long ret = 0;

	for (int n = 0; n < M_STRINGS && !ret; n++) {
		s[n] = kzalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
		if (!s[n])
			ret = -ENOMEM;
		else if (user[n])
			ret = strncpy_from_user(s[n], (const char USER *)user[n], PATH_MAX_BYTES);
		ret = ret == -ENAMETOOLONG && n != M_TARGET ? -EINVAL : MIN(ret, 0L);
	}
	if (!ret)
		ret = vfs_mount(s[M_TYPE], s[M_SOURCE], s[M_TARGET], (u32)a3, s[M_DATA]);
	for (int n = 0; n < M_STRINGS; n++)
		kfree(s[n]);
	return ret;
}

long sys_umount2(u64 a0, u64 a1)
{
	struct path at SCOPED(path_put) = {NULL, NULL};
	long ret;

	if (a1 & ~(u64)(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	ret = path_lookup_user(
		AT_FDCWD, (const char USER *)a0, a1 & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &at);
	return ret ? ret : vfs_umount(&at, (u32)a1);
}

long sys_pivot_root(u64 a0, u64 a1)
{
	struct path new SCOPED(path_put) = {NULL, NULL}, old SCOPED(path_put) = {NULL, NULL},
			root SCOPED(path_put) = {NULL, NULL};
	struct fs_context *fs;
	struct process *p;
	pid_t pid = 0;
	int err = cred_capable(current->cred, LCAP_SYS_ADMIN) ? 0 : -EPERM;

	if (!err)
		err = path_lookup_user(
			AT_FDCWD, (const char USER *)a0, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &new);
	if (!err)
		err = path_lookup_user(
			AT_FDCWD, (const char USER *)a1, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &old);
	if (err)
		return err;
	fs_path_get(current->fs, &current->fs->root, &root);
	err = mount_pivot(&new, &old, &root);
	while (!err && (p = process_next(&pid)) != NULL) {
		fs = process_fs(p);
		if (fs) {
			fs_replace(fs, &root, &new);
			fs_context_put(fs);
		}
		process_put(p);
	}
	return err;
}

long call_fd(u64 nr, u32 rights, long answer)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)nr, rights);

	return is_err(fd.file) ? ptr_err(fd.file) : answer;
}

/* Every file system here keeps its files in memory: what was written is where it will be, and sync
 * and syncfs, which are 0 in table.def, have nothing left to do. */
long call_fsync(u64 nr, bool data_only)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)nr, CAP_WRITE);

	if (is_err(fd.file))
		return ptr_err(fd.file);
	return fd.file->ops->fsync ? fd.file->ops->fsync(fd.file, data_only) : -EINVAL;
}

#define FADV_LAST 5u /* POSIX_FADV_NOREUSE */

long sys_fadvise64(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_READ);

	if (is_err(fd.file))
		return ptr_err(fd.file);
	if (S_ISFIFO(fd.file->inode->mode))
		return -ESPIPE;
	/* pages in memory need no advice */
	return (s64)a2 < 0 || (u32)a3 > FADV_LAST ? -EINVAL : 0;
}

long sys_readahead(u64 a0, u64 a1, u64 a2)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_READ);

	if (is_err(fd.file))
		return ptr_err(fd.file);
	if (!(fd.file->mode & FMODE_READ))
		return -EBADF;
	return S_ISREG(fd.file->inode->mode) && (s64)a2 >= 0 ? 0 : -EINVAL; /* they are in memory */
}

#define SYNC_RANGE_MASK 7u

long sys_sync_file_range(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, 0);
	u32 kind;

	if (is_err(fd.file))
		return ptr_err(fd.file);
	if (a3 & ~(u64)SYNC_RANGE_MASK || (s64)a1 < 0 || (s64)(a1 + a2) < (s64)a1)
		return -EINVAL;
	kind = fd.file->inode->mode & S_IFMT;
	return kind == S_IFREG || kind == S_IFDIR || kind == S_IFBLK ? 0 : -ESPIPE;
}

#define MEMFD_NAME_MAX 249

long sys_memfd_create(u64 a0, u64 a1)
{
	char name[MEMFD_NAME_MAX + 1];
	long n;

	if (a1 & ~(u64)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	n = strncpy_from_user(name, (const char USER *)a0, sizeof(name));
	if (n < 0)
		return n == -ENAMETOOLONG ? -EINVAL : n;
	return fd_install_new(memfd_create_file("memfd:", name, a1 & MFD_ALLOW_SEALING),
		a1 & MFD_CLOEXEC ? O_CLOEXEC : 0);
}
