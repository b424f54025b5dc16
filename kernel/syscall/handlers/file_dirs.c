/* System calls on directories, the working directory and mounts. Layer: syscall.
 * Sources: getdents(2) getcwd(2) chdir(2) chroot(2) umask(2) mount(2) umount(2). */
#include <arch/uaccess.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>

/* ---- getdents ---- */

struct user_sink {
	struct dirent_sink sink;
	u8 USER *at;
	size_t left;
	int err;
	bool old; /* getdents: the type stands in the record's last byte */
};

static bool emit_user(struct dirent_sink *sink, const char *name, u32 len, u64 ino, u8 type, u64 next)
{
	struct user_sink *s = container_of(sink, struct user_sink, sink);
	union {
		struct linux_dirent64 new;
		struct linux_dirent old;
		u8 bytes[ALIGN_UP(sizeof(struct linux_dirent64) + NAME_MAX_BYTES + 2, 8)];
	} r;
	size_t head = s->old ? offsetof(struct linux_dirent, name) : offsetof(struct linux_dirent64, name);
	size_t size = ALIGN_UP(head + len + (s->old ? 2 : 1), 8UL);

	if (len > NAME_MAX_BYTES)
		return true; /* a file system's mistake is not the user's */
	if (size > s->left) {
		if (!s->err)
			s->err = -EINVAL; /* no room for the first one */
		return false;
	}
	memset(r.bytes + size - 8, 0, 8);
	r.new.ino = ino;
	r.new.off = (s64)next;
	r.new.reclen = (u16)size;
	if (!s->old)
		r.new.type = type;
	memcpy(r.bytes + head, name, len);
	r.bytes[head + len] = 0;
	if (s->old)
		r.bytes[size - 1] = type;
	if (copy_to_user(s->at, &r, size)) {
		s->err = -EFAULT;
		return false;
	}
	s->at += size;
	s->left -= size;
	s->err = 1; /* something is there: later trouble only ends the list */
	return true;
}

static long read_directory(cap_t fd, u64 buf, u32 len, bool old)
{
	struct user_sink s = { .sink.emit = emit_user, .at = (u8 USER *)buf, .left = len, .old = old };
	bool borrowed, locked;
	struct file *f = fd_file(fd, CAP_READ, &borrowed);
	long ret;

	if (is_err(f))
		return ptr_err(f);
	if (!f->ops->readdir) {
		ret = -ENOTDIR;
	} else {
		locked = file_pos_lock(f, borrowed);
		ret = f->ops->readdir(f, &s.sink);
		file_pos_unlock(f, locked);
		if (s.left < len)
			ret = (long)(len - s.left);
		else if (!ret)
			ret = s.err < 0 ? s.err : 0;
	}
	fd_file_release(f, borrowed);
	return ret;
}

long sys_getdents64(u64 fd, u64 buf, u64 len)
{
	return read_directory((cap_t)fd, buf, (u32)MIN(len, (u64)INT32_MAX), false);
}

long sys_getdents(u64 fd, u64 buf, u64 len)
{
	return read_directory((cap_t)fd, buf, (u32)MIN(len, (u64)INT32_MAX), true);
}

/* ---- where we stand ---- */

long sys_getcwd(u64 buf, u64 size)
{
	struct path root, cwd;
	char *text = kmalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
	long len;

	if (!text)
		return -ENOMEM;
	fs_root_get(current->fs, &root);
	fs_cwd_get(current->fs, &cwd);
	len = path_is_deleted(&cwd) ? -ENOENT : path_text(&cwd, &root, text, PATH_MAX_BYTES);
	path_put(&cwd);
	path_put(&root);
	if (len >= 0) {
		len++;
		if ((u64)len > size)
			len = -ERANGE;
		else if (copy_to_user((void USER *)buf, text, (size_t)len))
			len = -EFAULT;
	}
	kfree(text);
	return len;
}

/* Takes over the path on success. */
static int enter(struct path *p, void (*set)(struct fs_context *, const struct path *))
{
	int err = inode_permission(p->dentry->inode, MAY_EXEC);

	if (err)
		path_put(p);
	else
		set(current->fs, p);
	return err;
}

long sys_chdir(u64 name)
{
	struct path p;
	int err = path_lookup_user(AT_FDCWD, (const char USER *)name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	return err ? err : enter(&p, fs_set_cwd);
}

long sys_fchdir(u64 fd)
{
	bool borrowed;
	struct file *f = fd_file_path((cap_t)fd, CAP_LOOKUP, &borrowed);
	struct path p;
	long err;

	if (is_err(f))
		return ptr_err(f);
	if (!f->path.dentry || !S_ISDIR(f->inode->mode)) {
		err = -ENOTDIR;
	} else {
		p = f->path;
		path_get(&p);
		err = enter(&p, fs_set_cwd);
	}
	fd_file_release(f, borrowed);
	return err;
}

long sys_chroot(u64 name)
{
	struct path p;
	int err = path_lookup_user(AT_FDCWD, (const char USER *)name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (err)
		return err;
	err = inode_permission(p.dentry->inode, MAY_EXEC);
	if (!err && !cred_capable(current->cred, LCAP_SYS_CHROOT))
		err = -EPERM;
	if (err)
		path_put(&p);
	else
		fs_set_root(current->fs, &p);
	return err;
}

long sys_umask(u64 mask)
{
	return __atomic_exchange_n(&current->fs->umask, (u32)mask & 0777, __ATOMIC_RELAXED);
}

/* ---- mounts ---- */

static int string_from_user(char *dst, u64 src, size_t size)
{
	long len;

	dst[0] = 0;
	if (!src)
		return 0;
	len = strncpy_from_user(dst, (const char USER *)src, size);
	return len == -ENAMETOOLONG ? -EINVAL : len < 0 ? (int)len : 0;
}

struct mount_args {
	char type[64];
	char source[256];
	char data[1024];
	char target[PATH_MAX_BYTES];
};

long sys_mount(u64 source, u64 target, u64 type, u64 flags, u64 data)
{
	struct mount_args *a = kmalloc(sizeof(*a), ALLOC_KERNEL);
	long len, err;

	if (!a)
		return -ENOMEM;
	err = string_from_user(a->type, type, sizeof(a->type));
	if (!err)
		err = string_from_user(a->source, source, sizeof(a->source));
	if (!err)
		err = string_from_user(a->data, data, sizeof(a->data));
	if (!err) {
		len = strncpy_from_user(a->target, (const char USER *)target, sizeof(a->target));
		err = len < 0 ? len : 0;
	}
	if (!err)
		err = vfs_mount(a->type, a->source, a->target, (u32)flags, a->data);
	kfree(a);
	return err;
}

long sys_umount2(u64 target, u64 flags)
{
	struct path_buf b;
	int err = path_buf_user(&b, (const char USER *)target);

	if (err)
		return err;
	err = vfs_umount(b.text, (u32)flags);
	path_buf_fini(&b);
	return err;
}
