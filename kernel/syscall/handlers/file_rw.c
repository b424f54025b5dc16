/* Moving bytes: read, write and their kin, lseek, sendfile, copy_file_range. Layer: syscall.
 * Sources: read(2) write(2) readv(2) pread(2) lseek(2) sendfile(2) copy_file_range(2). */
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
static struct fd fd_positioned(u64 nr, bool write)
{
	struct fd fd = fd_get_for((cap_t)nr, write);

	if (!is_err(fd.file) && !(fd.file->mode & FMODE_PREAD)) {
		fd_put(&fd);
		fd.file = err_ptr(-ESPIPE);
	}
	return fd;
}

static long do_move_at(u64 nr, u64 buf, u64 len_bytes, u64 pos, bool write)
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

long sys_pread64(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return do_move_at(a0, a1, a2, a3, false);
}

long sys_pwrite64(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return do_move_at(a0, a1, a2, a3, true);
}

/* @at NULL: at the file's own position. */
long call_vector(u64 nr, u64 iov, u64 count, u64 *at, bool write)
{
	struct fd fd SCOPED(fd_put) = at ? fd_positioned(nr, write) : fd_get_for((cap_t)nr, write);
	struct file *f = fd.file;
	struct uio_vector v;
	struct uio u;
	long ret;

	if (at && (s64)*at < 0)
		return -EINVAL;
	if (is_err(f))
		return ptr_err(f);
	ret = uio_import(&u, &v, (const void USER *)iov, count);
	if (!ret)
		ret = !at     ? move_here(f, &u, write, fd.borrowed)
		      : write ? file_write(f, &u, at)
			      : file_read(f, &u, at);
	uio_vector_fini(&v);
	return ret;
}

/* Position -1 is the file's own. RWF_SYNC reaches the disk before the call comes back. */
long call_vector2(u64 nr, u64 iov, u64 count, u64 pos, u64 flags, bool write)
{
	struct fd fd SCOPED(fd_put) = {err_ptr(-EBADF), false};
	struct file *f;
	long ret;

	if (flags & ~(u64)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC))
		return -EOPNOTSUPP;
	ret = call_vector(nr, iov, count, pos == ~0ULL ? NULL : &pos, write);
	if (ret <= 0 || !write || !(flags & (RWF_DSYNC | RWF_SYNC)))
		return ret;
	fd = fd_get((cap_t)nr, CAP_WRITE);
	f = fd.file;
	if (is_err(f)) /* another thread closed it meanwhile */
		return ret;
	return f->ops->fsync && f->ops->fsync(f, !(flags & RWF_SYNC)) ? -EIO : ret;
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

/* ---- from file to file ---- */

#define COPY_CHUNK (16 * PAGE_SIZE)

/* Copies up to @left bytes through a kernel buffer. Bytes | -errno when none moved. */
static ssize_t copy_between(
	struct file *in, u64 *in_pos, struct file *out, u64 *out_pos, size_t left)
{
	u8 *buf SCOPED(kfree_at) = kmalloc(MIN(left, COPY_CHUNK), ALLOC_KERNEL);
	ssize_t done = 0, n = 0;
	struct uio u;

	if (!buf)
		return left ? -ENOMEM : 0;
	while (left) {
		u64 from = *in_pos;
		ssize_t got;

		uio_init_kernel(&u, buf, MIN(left, COPY_CHUNK));
		got = file_read(in, &u, &from);
		n = got;
		if (got <= 0)
			break;
		uio_init_kernel(&u, buf, (size_t)got);
		n = file_write(out, &u, out_pos);
		if (n <= 0)
			break;
		*in_pos += (u64)n; /* what was not written was not read */
		done += n;
		left -= (size_t)n;
		if (n < got || (left && thread_signal_pending(current)))
			break; /* something moved: no restart is needed */
		cond_resched();
	}
	return done ? done : n;
}

/* A position that the user gives, or the file's own. */
static int position_from_user(u64 USER *p, struct file *f, u64 *pos)
{
	if (!p) {
		*pos = f->pos;
		return 0;
	}
	if (!(f->mode & FMODE_PREAD))
		return -ESPIPE;
	return get_user_u64(p, pos) ? -EFAULT : 0;
}

static int position_to_user(u64 USER *p, struct file *f, u64 pos)
{
	if (p)
		return put_user_u64(p, pos);
	f->pos = pos;
	return 0;
}

long sys_sendfile(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct fd out_fd SCOPED(fd_put) = fd_get_for((cap_t)a0, true),
			 in_fd SCOPED(fd_put) = fd_get_for((cap_t)a1, false);
	struct file *out = out_fd.file, *in = in_fd.file;
	u64 pos, zero = 0;
	long ret;

	if (is_err(out) || is_err(in))
		return is_err(out) ? ptr_err(out) : ptr_err(in);
	if (!(in->mode & FMODE_PREAD) || out->flags & O_APPEND || (ssize_t)a3 < 0)
		return -EINVAL;
	ret = position_from_user((u64 USER *)a2, in, &pos);
	if (ret || (s64)pos < 0)
		return ret ? ret : -EINVAL;
	ret = copy_between(
		in, &pos, out, out->mode & FMODE_STREAM ? &zero : &out->pos, MIN(a3, RW_BYTES_MAX));
	return ret > 0 && position_to_user((u64 USER *)a2, in, pos) ? -EFAULT : ret;
}

/* The rules that copy_file_range checks before it moves anything. */
static int copy_range_check(struct file *in, struct file *out, u64 in_pos, u64 out_pos, u64 len)
{
	if (out->flags & O_APPEND)
		return -EBADF;
	if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
		return -EISDIR;
	if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
		return -EINVAL;
	if (in->inode->sb != out->inode->sb)
		return -EXDEV;
	if (in_pos + len < in_pos || out_pos + len < out_pos)
		return -EOVERFLOW;
	if ((s64)in_pos < 0 || (s64)out_pos < 0)
		return -EINVAL;
	if (in->inode == out->inode && in_pos < out_pos + len && out_pos < in_pos + len)
		return -EINVAL;
	return 0;
}

long sys_copy_file_range(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	struct fd in_fd SCOPED(fd_put) = fd_get_for((cap_t)a0, false),
			out_fd SCOPED(fd_put) = fd_get_for((cap_t)a2, true);
	struct file *in = in_fd.file, *out = out_fd.file;
	u64 in_pos, out_pos;
	long ret;

	if (is_err(in) || is_err(out))
		return is_err(in) ? ptr_err(in) : ptr_err(out);
	ret = a5 ? -EINVAL : position_from_user((u64 USER *)a1, in, &in_pos);
	if (!ret)
		ret = position_from_user((u64 USER *)a3, out, &out_pos);
	if (!ret)
		ret = copy_range_check(in, out, in_pos, out_pos, a4);
	if (ret)
		return ret;
	ret = copy_between(in, &in_pos, out, &out_pos, MIN(a4, RW_BYTES_MAX));
	return ret > 0 && (position_to_user((u64 USER *)a1, in, in_pos) ||
				  position_to_user((u64 USER *)a3, out, out_pos))
		       ? -EFAULT
		       : ret;
}
