/* Moving bytes: read, write and their kin, lseek. Layer: syscall. Sources: read(2) write(2)
 * readv(2) pread(2) lseek(2). */
#include <exo/errno.h>
#include <exo/fs_uio.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>

#include "handlers.h"

/* One transfer at the file's own position. The mode says that the op may be called. */
static ALWAYS_INLINE ssize_t move_here(struct file *f, struct uio *u, bool write, bool borrowed)
{
	ssize_t (*op)(struct file * f, struct uio * u, u64 * pos) =
		write ? f->ops->write : f->ops->read;
	ssize_t ret;
	bool locked;

	if (unlikely(!op))
		return !write && S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
	if (f->mode & FMODE_STREAM)
		return io_count(write, op(f, u, &f->pos)); /* has no meaning for it */
	locked = file_pos_lock(f, borrowed);
	ret = op(f, u, &f->pos);
	file_pos_unlock(f, locked);
	inotify_moved(f, write, ret);
	return ret;
}

static ALWAYS_INLINE bool range_ok(u64 buf, u64 len_bytes)
{
	return len_bytes <= USER_MAX && buf <= USER_MAX - len_bytes;
}

static ALWAYS_INLINE long do_move(u64 fd, u64 buf, u64 len_bytes, bool write)
{
	bool borrowed;
	struct file *f = fd_file_fast((cap_t)fd, write ? CAP_WRITE : CAP_READ, &borrowed);
	struct uio u;
	long ret;

	if (unlikely(is_err(f)))
		return ptr_err(f);
	if (unlikely(!(f->mode & (write ? FMODE_WRITE : FMODE_READ)))) {
		ret = -EBADF;
	} else if (unlikely(!range_ok(buf, len_bytes))) {
		ret = (ssize_t)len_bytes < 0 ? -EINVAL : -EFAULT;
	} else {
		uio_init_user(&u, (void USER *)buf, MIN(len_bytes, RW_BYTES_MAX));
		ret = move_here(f, &u, write, borrowed);
	}
	cap_release(&f->object, borrowed);
	return ret;
}

long sys_read(u64 a0, u64 a1, u64 a2)
{
	return do_move(a0, a1, a2, false);
}

long sys_write(u64 a0, u64 a1, u64 a2)
{
	return do_move(a0, a1, a2, true);
}

/* The file of a positioned transfer. err_ptr. */
static ALWAYS_INLINE struct fd fd_positioned(u64 nr, bool write)
{
	struct fd fd = fd_get_for((cap_t)nr, write);

	if (!is_err(fd.file) && !(fd.file->mode & FMODE_PREAD)) {
		fd_put(&fd);
		fd.file = err_ptr(-ESPIPE);
	}
	return fd;
}

long call_move_at(u64 nr, u64 buf, u64 len_bytes, u64 pos, bool write)
{
	struct fd fd SCOPED(fd_put) = fd_positioned(nr, write);
	struct uio u;

	if ((s64)pos < 0)
		return -EINVAL;
	if (is_err(fd.file))
		return ptr_err(fd.file);
	if ((ssize_t)len_bytes < 0)
		return -EINVAL;
	if (!user_range_ok((void USER *)buf, len_bytes))
		return -EFAULT;
	uio_init_user(&u, (void USER *)buf, MIN(len_bytes, RW_BYTES_MAX));
	return write ? file_write(fd.file, &u, &pos) : file_read(fd.file, &u, &pos);
}

static ssize_t vector_move(
	struct file *f, bool borrowed, struct uio *u, u64 *at, u32 flags, bool write)
{
	ssize_t ret;

	if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND) ||
		(flags & RWF_NOWAIT && !f->ops->nowait))
		return u->left ? -EOPNOTSUPP : 0;
	u->flags = (flags & RWF_NOWAIT ? O_NONBLOCK : 0) | (flags & RWF_APPEND ? O_APPEND : 0);
	ret = !at     ? move_here(f, u, write, borrowed)
	      : write ? file_write(f, u, at)
		      : file_read(f, u, at);
	if (ret <= 0 || !write || !(flags & (RWF_DSYNC | RWF_SYNC)) || !f->ops->fsync)
		return ret;
	return f->ops->fsync(f, !(flags & RWF_SYNC)) ? -EIO : ret;
}

/* @at NULL: at the file's own position. */
long call_vector(u64 nr, u64 iov, u64 count, u64 *at, u32 flags, bool write)
{
	struct fd fd SCOPED(fd_put) = at ? fd_positioned(nr, write) : fd_get_for((cap_t)nr, write);
	struct uio_vector v;
	struct uio u;
	long ret;

	if (at && (s64)*at < 0)
		return -EINVAL;
	if (is_err(fd.file))
		return ptr_err(fd.file);
	ret = uio_import(&u, &v, (const void USER *)iov, count);
	if (!ret)
		ret = vector_move(fd.file, fd.borrowed, &u, at, flags, write);
	uio_vector_fini(&v);
	return ret;
}

long sys_lseek(u64 a0, u64 a1, u64 a2)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_SEEK);
	struct file *f = fd.file;
	bool locked;
	long ret;

	if (is_err(f))
		return ptr_err(f);
	if (!f->ops->seek || (f->mode & FMODE_STREAM && !(f->mode & FMODE_SEEK)))
		return -ESPIPE;
	locked = file_pos_lock(f, fd.borrowed);
	ret = f->ops->seek(f, (s64)a1, (int)(u32)a2);
	file_pos_unlock(f, locked);
	return ret;
}
