/* Names: making, removing, moving and reading them; directories and the working directory. Layer:
 * syscall. Sources: mkdir(2) mknod(2) unlink(2) rename(2) link(2) symlink(2) readlink(2)
 * getdents(2) getcwd(2) chdir(2) chroot(2). */
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

#include "handlers.h"

/* ---- one path ---- */

long call_make(u64 dirfd, u64 name, u32 mode, u64 rdev, const char *link)
{
	struct path_buf b SCOPED(path_buf_fini);
	long ret = path_buf_user(&b, (const char USER *)name);

	return ret ? ret : vfs_make_text((cap_t)dirfd, b.text, mode, rdev, link);
}

long sys_mknodat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	u32 mode = (u32)a2 & (S_IFMT | S_IALLUGO);
	bool device = S_ISCHR(mode) || S_ISBLK(mode);

	if (S_ISDIR(mode))
		return -EPERM;
	if (!(mode & S_IFMT))
		mode |= S_IFREG;
	if (!device && !S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
		return -EINVAL;
	/* a whiteout gives nobody anything */
	if (device && (S_ISBLK(mode) || (u32)a3) && !cred_capable(current->cred, LCAP_MKNOD))
		return -EPERM;
	return call_make(a0, a1, mode, device ? (u32)a3 : 0, NULL);
}

long sys_unlinkat(u64 a0, u64 a1, u64 a2)
{
	struct path_buf b SCOPED(path_buf_fini);
	long ret;

	b.heap = NULL;
	if ((u32)a2 & ~AT_REMOVEDIR)
		return -EINVAL;
	ret = path_buf_user(&b, (const char USER *)a1);
	return ret ? ret : vfs_remove_text((cap_t)a0, b.text, a2 & AT_REMOVEDIR);
}

/* ---- two paths ---- */

long sys_renameat2(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct path_buf from SCOPED(path_buf_fini), to SCOPED(path_buf_fini);
	u32 flags = (u32)a4;
	long ret;

	from.heap = to.heap = NULL;
	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) ||
		(flags & RENAME_EXCHANGE && flags != RENAME_EXCHANGE))
		return -EINVAL;
	ret = path_buf_user(&from, (const char USER *)a1);
	if (!ret)
		ret = path_buf_user(&to, (const char USER *)a3);
	return ret ? ret : vfs_rename_text((cap_t)a0, from.text, (cap_t)a2, to.text, flags);
}

long sys_linkat(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u32 at_flags = (u32)a4, lookup = at_flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	struct path p SCOPED(path_put) = {NULL, NULL};
	struct path_buf b SCOPED(path_buf_fini);
	long ret;

	b.heap = NULL;
	if (at_flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (at_flags & AT_EMPTY_PATH) {
		if (cap_confined()) /* a file held for reading would come back by a name for writing
				     */
			return -EPERM;
		if (!cred_capable(current->cred, LCAP_DAC_READ_SEARCH))
			return -ENOENT;
		lookup |= LOOKUP_EMPTY;
	}
	/* Nobody gets more rights to a file by another name of it. */
	ret = path_lookup_user((cap_t)a0, (const char USER *)a1, lookup | LOOKUP_NEED(CAP_ALL), &p);
	if (!ret)
		ret = path_buf_user(&b, (const char USER *)a3);
	return ret ? ret : vfs_link_text(&p, (cap_t)a2, b.text);
}

long sys_symlinkat(u64 a0, u64 a1, u64 a2)
{
	struct path_buf link SCOPED(path_buf_fini);
	long ret = path_buf_user(&link, (const char USER *)a0);

	if (!ret && !link.text[0])
		ret = -ENOENT;
	return ret ? ret : call_make(a1, a2, S_IFLNK | 0777, 0, link.text);
}

long sys_readlinkat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct path p SCOPED(path_put) = {NULL, NULL};
	char *buf SCOPED(kfree_at) = NULL;
	long ret;

	if ((int)a3 <= 0)
		return -EINVAL;
	ret = path_lookup_user((cap_t)a0, (const char USER *)a1, LOOKUP_EMPTY, &p);
	if (ret)
		return ret;
	buf = kmalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
	if (!buf)
		return -ENOMEM;
	ret = MIN((long)inode_readlink(p.dentry->inode, buf, PATH_MAX_BYTES), (long)(int)a3);
	return ret > 0 && copy_to_user((void USER *)a2, buf, (size_t)ret) ? -EFAULT : ret;
}

/* ---- listing ---- */

struct user_sink {
	struct dirent_sink sink;
	u8 USER *at;
	size_t left;
	bool old; /* getdents: struct linux_dirent */
	int error;
};

static bool emit_user(
	struct dirent_sink *sink, const char *name, u32 name_len, u64 ino, u8 type, u64 next_pos)
{
	struct user_sink *s = container_of(sink, struct user_sink, sink);
	u8 record[sizeof(struct linux_dirent64) + NAME_MAX_BYTES + 16] ALIGNED(8);
	struct linux_dirent64 *d = (struct linux_dirent64 *)record;
	size_t header = s->old ? offsetof(struct linux_dirent, name)
			       : offsetof(struct linux_dirent64, name);
	size_t len = ALIGN_UP(header + name_len + (s->old ? 2 : 1), 8UL);

	if (name_len > NAME_MAX_BYTES || len > s->left) {
		s->error = name_len > NAME_MAX_BYTES ? -EIO : -EINVAL;
		return false;
	}
	memset(record, 0, len);
	d->ino = ino;
	d->off = (s64)next_pos;
	d->reclen = (u16)len;
	memcpy(record + header, name, name_len);
	if (s->old)
		record[len - 1] = type;
	else
		d->type = type;
	if (copy_to_user(s->at, record, len)) {
		s->error = -EFAULT;
		return false;
	}
	s->at += len;
	s->left -= len;
	return true;
}

long call_getdents(u64 nr, u64 user, u64 size, bool old)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)nr, CAP_READ);
	struct file *f = fd.file;
	struct user_sink s = {
		.sink.emit = emit_user, .at = (u8 USER *)user, .left = (u32)size, .old = old};
	bool locked;
	long ret;

	if (is_err(f))
		return ptr_err(f);
	if (!f->ops->readdir)
		return -ENOTDIR;
	locked = file_pos_lock(f, fd.borrowed);
	ret = f->ops->readdir(f, &s.sink);
	file_pos_unlock(f, locked);
	inotify_dentry(f->path.dentry, IN_ACCESS, ret);
	/* what is there is told; trouble behind it comes up at the next call */
	if (s.left < (u32)size)
		return (long)((u32)size - s.left);
	return ret ? ret : s.error;
}

/* ---- where we are ---- */

long sys_getcwd(u64 a0, u64 a1)
{
	struct path cwd SCOPED(path_put) = {NULL, NULL}, root SCOPED(path_put) = {NULL, NULL};
	char *buf SCOPED(kfree_at) = kmalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
	int n;

	if (!buf)
		return -ENOMEM;
	fs_path_get(current->fs, &current->fs->cwd, &cwd);
	fs_path_get(current->fs, &current->fs->root, &root);
	if (cwd.dentry->flags & DENTRY_DEAD)
		return -ENOENT;
	n = path_text(&cwd, &root, buf, PATH_MAX_BYTES - 1);
	if (n < 0)
		return n;
	buf[n++] = 0;
	if ((u64)n > a1)
		return -ERANGE;
	return copy_to_user((void USER *)a0, buf, (size_t)n) ? -EFAULT : n;
}

/* Takes over @p. */
static long enter(struct path *p, bool root)
{
	long ret = S_ISDIR(p->dentry->inode->mode) ? inode_permission(p->dentry->inode, MAY_EXEC)
						   : -ENOTDIR;

	if (!ret && root && !cred_capable(current->cred, LCAP_SYS_CHROOT))
		ret = -EPERM;
	if (ret)
		path_put(p);
	else
		fs_path_set(current->fs, root ? &current->fs->root : &current->fs->cwd, p, NULL);
	return ret;
}

long call_enter(u64 name, bool root)
{
	struct path p;
	long ret = path_lookup_user(AT_FDCWD, (const char USER *)name,
		LOOKUP_FOLLOW | LOOKUP_DIRECTORY | LOOKUP_NEED(CAP_NAMES), &p);

	return ret ? ret : enter(&p, root);
}

long sys_fchdir(u64 a0)
{
	struct fd fd SCOPED(fd_put) = fd_get_path((cap_t)a0, CAP_NAMES);
	struct path p;

	if (is_err(fd.file))
		return ptr_err(fd.file);
	p = fd.file->path;
	path_get(&p);
	return p.dentry ? enter(&p, false) : -ENOTDIR;
}
