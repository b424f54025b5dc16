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

/* ---- one path ---- */

static long do_mkdir(cap_t dirfd, u64 name, u32 mode)
{
	struct path_buf b;
	long ret = path_buf_user(&b, (const char USER *)name);

	if (ret)
		return ret;
	ret = vfs_mkdir_text(dirfd, b.text, mode & (S_IALLUGO & ~(S_ISUID | S_ISGID)));
	path_buf_fini(&b);
	return ret;
}

long sys_mkdir(u64 a0, u64 a1)
{
	return do_mkdir(AT_FDCWD, a0, (u32)a1);
}

long sys_mkdirat(u64 a0, u64 a1, u64 a2)
{
	return do_mkdir((cap_t)a0, a1, (u32)a2);
}

static long do_mknod(cap_t dirfd, u64 name, u32 mode, u32 dev)
{
	struct path_buf b;
	u32 type = mode & S_IFMT;
	long ret;

	if (type == S_IFDIR)
		return -EPERM;
	if (type && type != S_IFREG && type != S_IFCHR && type != S_IFBLK && type != S_IFIFO &&
		type != S_IFSOCK)
		return -EINVAL;
	if ((type == S_IFCHR || type == S_IFBLK) && !cred_capable(current->cred, LCAP_MKNOD))
		return -EPERM;
	ret = path_buf_user(&b, (const char USER *)name);
	if (ret)
		return ret;
	ret = vfs_mknod_text(dirfd, b.text, type ? mode : mode | S_IFREG,
		type == S_IFCHR || type == S_IFBLK ? dev : 0);
	path_buf_fini(&b);
	return ret;
}

long sys_mknod(u64 a0, u64 a1, u64 a2)
{
	return do_mknod(AT_FDCWD, a0, (u32)a1, (u32)a2);
}

long sys_mknodat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return do_mknod((cap_t)a0, a1, (u32)a2, (u32)a3);
}

static long do_unlink(cap_t dirfd, u64 name, bool directory)
{
	struct path_buf b;
	long ret = path_buf_user(&b, (const char USER *)name);

	if (ret)
		return ret;
	ret = directory ? vfs_rmdir_text(dirfd, b.text) : vfs_unlink_text(dirfd, b.text);
	path_buf_fini(&b);
	return ret;
}

long sys_unlink(u64 a0)
{
	return do_unlink(AT_FDCWD, a0, false);
}

long sys_rmdir(u64 a0)
{
	return do_unlink(AT_FDCWD, a0, true);
}

long sys_unlinkat(u64 a0, u64 a1, u64 a2)
{
	return (u32)a2 & ~AT_REMOVEDIR ? -EINVAL : do_unlink((cap_t)a0, a1, a2 & AT_REMOVEDIR);
}

/* ---- two paths ---- */

static long do_rename(cap_t old_fd, u64 old, cap_t new_fd, u64 new, u32 flags)
{
	struct path_buf from, to;
	long ret = path_buf_user(&from, (const char USER *)old);

	if (ret)
		return ret;
	ret = path_buf_user(&to, (const char USER *)new);
	if (!ret) {
		ret = vfs_rename_text(old_fd, from.text, new_fd, to.text, flags);
		path_buf_fini(&to);
	}
	path_buf_fini(&from);
	return ret;
}

long sys_rename(u64 a0, u64 a1)
{
	return do_rename(AT_FDCWD, a0, AT_FDCWD, a1, 0);
}

long sys_renameat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return do_rename((cap_t)a0, a1, (cap_t)a2, a3, 0);
}

long sys_renameat2(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u32 flags = (u32)a4;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
		flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	return do_rename((cap_t)a0, a1, (cap_t)a2, a3, flags);
}

static long do_link(cap_t old_fd, u64 old, cap_t new_fd, u64 new, u32 at_flags)
{
	struct path_buf b;
	struct path p;
	u32 lookup = at_flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	long ret;

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
	ret = path_lookup_user(old_fd, (const char USER *)old, lookup | LOOKUP_NEED(CAP_ALL), &p);
	if (ret)
		return ret;
	ret = path_buf_user(&b, (const char USER *)new);
	if (!ret) {
		ret = vfs_link_text(&p, new_fd, b.text);
		path_buf_fini(&b);
	}
	path_put(&p);
	return ret;
}

long sys_link(u64 a0, u64 a1)
{
	return do_link(AT_FDCWD, a0, AT_FDCWD, a1, 0);
}

long sys_linkat(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return do_link((cap_t)a0, a1, (cap_t)a2, a3, (u32)a4);
}

static long do_symlink(u64 target, cap_t dirfd, u64 name)
{
	struct path_buf to, at;
	long ret = path_buf_user(&to, (const char USER *)target);

	if (ret)
		return ret;
	ret = to.text[0] ? path_buf_user(&at, (const char USER *)name) : -ENOENT;
	if (!ret) {
		ret = vfs_symlink_text(to.text, dirfd, at.text);
		path_buf_fini(&at);
	}
	path_buf_fini(&to);
	return ret;
}

long sys_symlink(u64 a0, u64 a1)
{
	return do_symlink(a0, AT_FDCWD, a1);
}

long sys_symlinkat(u64 a0, u64 a1, u64 a2)
{
	return do_symlink(a0, (cap_t)a1, a2);
}

static long do_readlink(cap_t dirfd, u64 name, u64 user, u64 size)
{
	struct path p;
	char *buf;
	long ret;

	if ((int)size <= 0)
		return -EINVAL;
	ret = path_lookup_user(dirfd, (const char USER *)name, LOOKUP_EMPTY, &p);
	if (ret)
		return ret;
	buf = kmalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
	ret = -ENOMEM;
	if (!buf)
		goto put;
	ret = S_ISLNK(p.dentry->inode->mode) ? inode_readlink(p.dentry->inode, buf, PATH_MAX_BYTES)
					     : -EINVAL;
	if (ret > 0) {
		ret = MIN(ret, (long)(int)size);
		if (copy_to_user((void USER *)user, buf, (size_t)ret))
			ret = -EFAULT;
	}
	kfree(buf);
put:
	path_put(&p);
	return ret;
}

long sys_readlink(u64 a0, u64 a1, u64 a2)
{
	return do_readlink(AT_FDCWD, a0, a1, a2);
}

long sys_readlinkat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return do_readlink((cap_t)a0, a1, a2, a3);
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

static long do_getdents(u64 fd, u64 user, u64 size, bool old)
{
	bool borrowed, locked;
	struct file *f = fd_file((cap_t)fd, CAP_READ, &borrowed);
	struct user_sink s = {
		.sink.emit = emit_user, .at = (u8 USER *)user, .left = (u32)size, .old = old};
	long ret;

	if (is_err(f))
		return ptr_err(f);
	if (!f->ops->readdir) {
		ret = -ENOTDIR;
		goto release;
	}
	locked = file_pos_lock(f, borrowed);
	ret = f->ops->readdir(f, &s.sink);
	file_pos_unlock(f, locked);
	inotify_dentry(f->path.dentry, IN_ACCESS, ret);
	if (s.left <
		(u32)size) /* what is there is told; trouble behind it comes up at the next call */
		ret = (long)((u32)size - s.left);
	else if (!ret)
		ret = s.error;
release:
	fd_file_release(f, borrowed);
	return ret;
}

long sys_getdents64(u64 a0, u64 a1, u64 a2)
{
	return do_getdents(a0, a1, a2, false);
}

long sys_getdents(u64 a0, u64 a1, u64 a2)
{
	return do_getdents(a0, a1, a2, true);
}

/* ---- where we are ---- */

long sys_getcwd(u64 a0, u64 a1)
{
	struct path cwd, root;
	char *buf = kmalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
	int n;

	if (!buf)
		return -ENOMEM;
	fs_cwd_get(current->fs, &cwd);
	fs_root_get(current->fs, &root);
	n = cwd.dentry->flags & DENTRY_DEAD ? -ENOENT
					    : path_text(&cwd, &root, buf, PATH_MAX_BYTES - 1);
	path_put(&root);
	path_put(&cwd);
	if (n >= 0) {
		buf[n++] = 0;
		if ((u64)n > a1)
			n = -ERANGE;
		else if (copy_to_user((void USER *)a0, buf, (size_t)n))
			n = -EFAULT;
	}
	kfree(buf);
	return n;
}

static long enter(struct path *p, bool root)
{
	long ret = S_ISDIR(p->dentry->inode->mode) ? inode_permission(p->dentry->inode, MAY_EXEC)
						   : -ENOTDIR;

	if (!ret && root && !cred_capable(current->cred, LCAP_SYS_CHROOT))
		ret = -EPERM;
	if (ret)
		path_put(p);
	else if (root)
		fs_set_root(current->fs, p);
	else
		fs_set_cwd(current->fs, p);
	return ret;
}

long sys_chdir(u64 a0)
{
	struct path p;
	long ret = path_lookup_user(AT_FDCWD, (const char USER *)a0,
		LOOKUP_FOLLOW | LOOKUP_DIRECTORY | LOOKUP_NEED(CAP_NAMES), &p);

	return ret ? ret : enter(&p, false);
}

long sys_chroot(u64 a0)
{
	struct path p;
	long ret = path_lookup_user(AT_FDCWD, (const char USER *)a0,
		LOOKUP_FOLLOW | LOOKUP_DIRECTORY | LOOKUP_NEED(CAP_NAMES), &p);

	return ret ? ret : enter(&p, true);
}

long sys_fchdir(u64 a0)
{
	bool borrowed;
	struct file *f = fd_file_path((cap_t)a0, CAP_NAMES, &borrowed);
	struct path p;

	if (is_err(f))
		return ptr_err(f);
	p = f->path;
	if (p.dentry)
		path_get(&p);
	fd_file_release(f, borrowed);
	return p.dentry ? enter(&p, false) : -ENOTDIR;
}
