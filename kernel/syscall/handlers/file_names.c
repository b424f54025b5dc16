/* System calls that open, make, remove and move names. Layer: syscall.
 * Sources: open(2) mkdir(2) mknod(2) link(2) symlink(2) unlink(2) rmdir(2) rename(2) readlink(2). */
#include <arch/uaccess.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>

static long do_open(cap_t dirfd, u64 name, u32 flags, u32 mode)
{
	struct path_buf b;
	struct file *f;
	int err = path_buf_user(&b, (const char USER *)name);

	if (unlikely(err))
		return err;
	f = vfs_open_text(dirfd, b.text, flags | O_LARGEFILE, mode);
	path_buf_fini(&b);
	return unlikely(is_err(f)) ? ptr_err(f) : fd_install_new(f, flags);
}

long sys_open(u64 name, u64 flags, u64 mode)
{
	return do_open(AT_FDCWD, name, (u32)flags, (u32)mode);
}

long sys_openat(u64 dirfd, u64 name, u64 flags, u64 mode)
{
	return do_open((cap_t)dirfd, name, (u32)flags, (u32)mode);
}

long sys_creat(u64 name, u64 mode)
{
	return do_open(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, (u32)mode);
}

long sys_mkdirat(u64 dirfd, u64 name, u64 mode)
{
	struct path_buf b;
	int err = path_buf_user(&b, (const char USER *)name);

	if (err)
		return err;
	err = vfs_mkdir_text((cap_t)dirfd, b.text, (u32)mode);
	path_buf_fini(&b);
	return err;
}

long sys_mkdir(u64 name, u64 mode)
{
	return sys_mkdirat((u64)AT_FDCWD, name, mode);
}

long sys_mknodat(u64 dirfd, u64 name, u64 mode, u64 dev)
{
	struct path_buf b;
	int err = path_buf_user(&b, (const char USER *)name);

	if (err)
		return err;
	err = vfs_mknod_text((cap_t)dirfd, b.text, (u32)mode & 0xffff, (u32)dev);
	path_buf_fini(&b);
	return err;
}

long sys_mknod(u64 name, u64 mode, u64 dev)
{
	return sys_mknodat((u64)AT_FDCWD, name, mode, dev);
}

long sys_unlinkat(u64 dirfd, u64 name, u64 flags)
{
	struct path_buf b;
	int err;

	if ((u32)flags & ~AT_REMOVEDIR)
		return -EINVAL;
	err = path_buf_user(&b, (const char USER *)name);
	if (err)
		return err;
	err = (u32)flags & AT_REMOVEDIR ? vfs_rmdir_text((cap_t)dirfd, b.text) : vfs_unlink_text((cap_t)dirfd, b.text);
	path_buf_fini(&b);
	return err;
}

long sys_unlink(u64 name)
{
	return sys_unlinkat((u64)AT_FDCWD, name, 0);
}

long sys_rmdir(u64 name)
{
	return sys_unlinkat((u64)AT_FDCWD, name, AT_REMOVEDIR);
}

long sys_symlinkat(u64 target, u64 dirfd, u64 name)
{
	struct path_buf to, b;
	int err = path_buf_user(&to, (const char USER *)target);

	if (err)
		return err;
	err = path_buf_user(&b, (const char USER *)name);
	if (!err) {
		err = vfs_symlink_text(to.text, (cap_t)dirfd, b.text);
		path_buf_fini(&b);
	}
	path_buf_fini(&to);
	return err;
}

long sys_symlink(u64 target, u64 name)
{
	return sys_symlinkat(target, (u64)AT_FDCWD, name);
}

long sys_linkat(u64 old_fd, u64 old, u64 new_fd, u64 new, u64 flags)
{
	struct path_buf b;
	struct path p;
	u32 f = (u32)flags;
	int err;

	if (f & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (f & AT_EMPTY_PATH && !cred_capable(current->cred, LCAP_DAC_READ_SEARCH))
		return -ENOENT;
	err = path_lookup_user((cap_t)old_fd, (const char USER *)old,
		(f & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) | (f & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), &p);
	if (err)
		return err;
	err = path_buf_user(&b, (const char USER *)new);
	if (!err) {
		err = vfs_link_text(&p, (cap_t)new_fd, b.text);
		path_buf_fini(&b);
	}
	path_put(&p);
	return err;
}

long sys_link(u64 old, u64 new)
{
	return sys_linkat((u64)AT_FDCWD, old, (u64)AT_FDCWD, new, 0);
}

long sys_renameat2(u64 old_fd, u64 old, u64 new_fd, u64 new, u64 flags)
{
	struct path_buf from, to;
	int err = path_buf_user(&from, (const char USER *)old);

	if (err)
		return err;
	err = path_buf_user(&to, (const char USER *)new);
	if (!err) {
		err = vfs_rename_text((cap_t)old_fd, from.text, (cap_t)new_fd, to.text, (u32)flags);
		path_buf_fini(&to);
	}
	path_buf_fini(&from);
	return err;
}

long sys_renameat(u64 old_fd, u64 old, u64 new_fd, u64 new)
{
	return sys_renameat2(old_fd, old, new_fd, new, 0);
}

long sys_rename(u64 old, u64 new)
{
	return sys_renameat2((u64)AT_FDCWD, old, (u64)AT_FDCWD, new, 0);
}

long sys_readlinkat(u64 dirfd, u64 name, u64 buf, u64 size)
{
	struct path p;
	char *text;
	int len;

	if ((s32)size <= 0)
		return -EINVAL;
	len = path_lookup_user((cap_t)dirfd, (const char USER *)name, LOOKUP_EMPTY, &p);
	if (len)
		return len;
	text = kmalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
	if (!text) {
		len = -ENOMEM;
	} else {
		len = inode_readlink(p.dentry->inode, text, MIN((size_t)(u32)size, (size_t)PATH_MAX_BYTES));
		if (len > 0 && copy_to_user((void USER *)buf, text, (size_t)len))
			len = -EFAULT;
		kfree(text);
	}
	path_put(&p);
	return len;
}

long sys_readlink(u64 name, u64 buf, u64 size)
{
	char first;

	if (!copy_from_user(&first, (const void USER *)name, 1) && !first)
		return -ENOENT; /* only readlinkat takes an empty name */
	return sys_readlinkat((u64)AT_FDCWD, name, buf, size);
}
