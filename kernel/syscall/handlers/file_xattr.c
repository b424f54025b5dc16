/* System calls on extended attributes, each by path, by link and by descriptor. Layer: syscall. Source: xattr(7). */
#include <arch/uaccess.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>

struct target {
	u64 name;   /* path, or descriptor when fd */
	bool fd;
	u32 lookup; /* LOOKUP_FOLLOW or 0 */
};

static int target_get(const struct target *t, u32 right, struct path *out)
{
	bool borrowed;
	struct file *f;
	int err;

	if (!t->fd)
		return path_lookup_user(AT_FDCWD, (const char USER *)t->name, t->lookup, out);
	f = fd_file((cap_t)t->name, right, &borrowed);
	if (is_err(f))
		return (int)ptr_err(f);
	err = file_path_get(f, out);
	fd_file_release(f, borrowed);
	return err;
}

static int name_get(char *dst, u64 name)
{
	long len = strncpy_from_user(dst, (const char USER *)name, XATTR_NAME_MAX + 1);

	return len == -ENAMETOOLONG || !len ? -ERANGE : len < 0 ? (int)len : 0;
}

static long set(struct target t, u64 name, u64 value, u64 size, u64 flags)
{
	char text[XATTR_NAME_MAX + 1];
	void *buf = NULL;
	struct path p;
	long err;

	if ((u32)flags & ~(u32)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	err = name_get(text, name);
	if (err)
		return err;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (size) {
		buf = kmalloc(size, ALLOC_KERNEL);
		if (!buf)
			return -ENOMEM;
		err = copy_from_user(buf, (const void USER *)value, size);
	}
	if (!err)
		err = target_get(&t, CAP_ADMIN, &p);
	if (!err) {
		err = vfs_setxattr(&p, text, buf, size, (int)flags);
		path_put(&p);
	}
	kfree(buf);
	return err;
}

static long get(struct target t, u64 name, u64 value, u64 size)
{
	char text[XATTR_NAME_MAX + 1];
	void *buf = NULL;
	struct path p;
	long ret = name_get(text, name);

	if (ret)
		return ret;
	size = MIN(size, (u64)XATTR_SIZE_MAX);
	if (size && !(buf = kmalloc(size, ALLOC_KERNEL)))
		return -ENOMEM;
	ret = target_get(&t, CAP_STAT, &p);
	if (!ret) {
		ret = vfs_getxattr(&p, text, buf, size);
		path_put(&p);
	}
	if (ret > 0 && size && copy_to_user((void USER *)value, buf, (size_t)ret))
		ret = -EFAULT;
	kfree(buf);
	return ret;
}

static long list(struct target t, u64 out, u64 size)
{
	char *buf = NULL;
	struct path p;
	long ret;

	size = MIN(size, (u64)XATTR_LIST_MAX);
	if (size && !(buf = kmalloc(size, ALLOC_KERNEL)))
		return -ENOMEM;
	ret = target_get(&t, CAP_STAT, &p);
	if (!ret) {
		ret = vfs_listxattr(&p, buf, size);
		path_put(&p);
	}
	if (ret > 0 && size && copy_to_user((void USER *)out, buf, (size_t)ret))
		ret = -EFAULT;
	kfree(buf);
	return ret;
}

static long removed(struct target t, u64 name)
{
	char text[XATTR_NAME_MAX + 1];
	struct path p;
	long err = name_get(text, name);

	if (err)
		return err;
	err = target_get(&t, CAP_ADMIN, &p);
	if (err)
		return err;
	err = vfs_removexattr(&p, text);
	path_put(&p);
	return err;
}

#define BY_PATH(p) ((struct target){ .name = (p), .lookup = LOOKUP_FOLLOW })
#define BY_LINK(p) ((struct target){ .name = (p) })
#define BY_FD(d)   ((struct target){ .name = (d), .fd = true })

long sys_setxattr(u64 path, u64 name, u64 value, u64 size, u64 flags)
{
	return set(BY_PATH(path), name, value, size, flags);
}

long sys_lsetxattr(u64 path, u64 name, u64 value, u64 size, u64 flags)
{
	return set(BY_LINK(path), name, value, size, flags);
}

long sys_fsetxattr(u64 fd, u64 name, u64 value, u64 size, u64 flags)
{
	return set(BY_FD(fd), name, value, size, flags);
}

long sys_getxattr(u64 path, u64 name, u64 value, u64 size)
{
	return get(BY_PATH(path), name, value, size);
}

long sys_lgetxattr(u64 path, u64 name, u64 value, u64 size)
{
	return get(BY_LINK(path), name, value, size);
}

long sys_fgetxattr(u64 fd, u64 name, u64 value, u64 size)
{
	return get(BY_FD(fd), name, value, size);
}

long sys_listxattr(u64 path, u64 buf, u64 size)
{
	return list(BY_PATH(path), buf, size);
}

long sys_llistxattr(u64 path, u64 buf, u64 size)
{
	return list(BY_LINK(path), buf, size);
}

long sys_flistxattr(u64 fd, u64 buf, u64 size)
{
	return list(BY_FD(fd), buf, size);
}

long sys_removexattr(u64 path, u64 name)
{
	return removed(BY_PATH(path), name);
}

long sys_lremovexattr(u64 path, u64 name)
{
	return removed(BY_LINK(path), name);
}

long sys_fremovexattr(u64 fd, u64 name)
{
	return removed(BY_FD(fd), name);
}
