/* Moving bytes: read, write and their kin, lseek, sendfile, copy_file_range. Layer: syscall.
 * Sources: read(2) write(2) readv(2) pread(2) lseek(2) sendfile(2) copy_file_range(2). */
#include <exo/errno.h>
#include <exo/fs_uio.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>

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
		return op(f, u, &f->pos); /* has no meaning for it */
	locked = file_pos_lock(f, borrowed);
	ret = op(f, u, &f->pos);
	file_pos_unlock(f, locked);
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
	fd_file_release(f, borrowed);
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
static struct file *positioned_file(u64 fd, bool write, bool *borrowed)
{
	struct file *f = fd_file((cap_t)fd, write ? CAP_WRITE : CAP_READ, borrowed);
	int err = 0;

	if (is_err(f))
		return f;
	if (!(f->mode & (write ? FMODE_WRITE : FMODE_READ)))
		err = -EBADF;
	else if (!(f->mode & FMODE_PREAD))
		err = -ESPIPE;
	if (!err)
		return f;
	fd_file_release(f, *borrowed);
	return err_ptr(err);
}

static long do_move_at(u64 fd, u64 buf, u64 len_bytes, u64 pos, bool write)
{
	bool borrowed;
	struct file *f;
	struct uio u;
	long ret;

	if ((s64)pos < 0)
		return -EINVAL;
	f = positioned_file(fd, write, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	if ((ssize_t)len_bytes < 0) {
		ret = -EINVAL;
	} else if (!user_range_ok((void USER *)buf, len_bytes)) {
		ret = -EFAULT;
	} else {
		uio_init_user(&u, (void USER *)buf, MIN(len_bytes, RW_BYTES_MAX));
		ret = write ? file_write(f, &u, &pos) : file_read(f, &u, &pos);
	}
	fd_file_release(f, borrowed);
	return ret;
}

long sys_pread64(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return do_move_at(a0, a1, a2, a3, false);
}

long sys_pwrite64(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return do_move_at(a0, a1, a2, a3, true);
}

static long do_vector(u64 fd, u64 iov, u64 count, bool write)
{
	bool borrowed;
	struct file *f = fd_file((cap_t)fd, write ? CAP_WRITE : CAP_READ, &borrowed);
	struct uio_vector v;
	struct uio u;
	long ret;

	if (is_err(f))
		return ptr_err(f);
	ret = -EBADF;
	if (!(f->mode & (write ? FMODE_WRITE : FMODE_READ)))
		goto release;
	ret = uio_import(&u, &v, (const void USER *)iov, count);
	if (!ret)
		ret = move_here(f, &u, write, borrowed);
	uio_vector_fini(&v);
release:
	fd_file_release(f, borrowed);
	return ret;
}

long sys_readv(u64 a0, u64 a1, u64 a2)
{
	return do_vector(a0, a1, a2, false);
}

long sys_writev(u64 a0, u64 a1, u64 a2)
{
	return do_vector(a0, a1, a2, true);
}

static long do_vector_at(u64 fd, u64 iov, u64 count, u64 pos, bool write)
{
	struct uio_vector v;
	bool borrowed;
	struct file *f;
	struct uio u;
	long ret;

	if ((s64)pos < 0)
		return -EINVAL;
	f = positioned_file(fd, write, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	ret = uio_import(&u, &v, (const void USER *)iov, count);
	if (!ret)
		ret = write ? file_write(f, &u, &pos) : file_read(f, &u, &pos);
	uio_vector_fini(&v);
	fd_file_release(f, borrowed);
	return ret;
}

long sys_preadv(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return do_vector_at(
		a0, a1, a2, a3, false); /* a4: the upper half of the position on 32-bit machines */
}

long sys_pwritev(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return do_vector_at(a0, a1, a2, a3, true);
}

long sys_lseek(u64 a0, u64 a1, u64 a2)
{
	bool borrowed, locked;
	struct file *f = fd_file((cap_t)a0, CAP_SEEK, &borrowed);
	long ret;

	if (is_err(f))
		return ptr_err(f);
	if (!f->ops->seek || (f->mode & FMODE_STREAM && !(f->mode & FMODE_SEEK))) {
		ret = -ESPIPE;
	} else {
		locked = file_pos_lock(f, borrowed);
		ret = f->ops->seek(f, (s64)a1, (int)(u32)a2);
		file_pos_unlock(f, locked);
	}
	fd_file_release(f, borrowed);
	return ret;
}

/* ---- from file to file ---- */

#define COPY_CHUNK (16 * PAGE_SIZE)

/* Copies up to @left bytes through a kernel buffer. Bytes | -errno when none moved. */
static ssize_t copy_between(
	struct file *in, u64 *in_pos, struct file *out, u64 *out_pos, size_t left)
{
	u8 *buf = kmalloc(MIN(left, COPY_CHUNK), ALLOC_KERNEL);
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
	kfree(buf);
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
	if (get_user_u64(p, pos))
		return -EFAULT;
	return (s64)*pos < 0 ? -EINVAL : 0;
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
	bool out_borrowed, in_borrowed;
	struct file *out = fd_file((cap_t)a0, CAP_WRITE, &out_borrowed), *in;
	u64 pos, zero = 0;
	long ret;

	if (is_err(out))
		return ptr_err(out);
	in = fd_file((cap_t)a1, CAP_READ, &in_borrowed);
	ret = ptr_err(in);
	if (is_err(in))
		goto release_out;
	ret = -EBADF;
	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		goto release_in;
	ret = -EINVAL;
	if (!(in->mode & FMODE_PREAD) || out->flags & O_APPEND || (ssize_t)a3 < 0)
		goto release_in;
	ret = position_from_user((u64 USER *)a2, in, &pos);
	if (ret)
		goto release_in;
	ret = copy_between(
		in, &pos, out, out->mode & FMODE_STREAM ? &zero : &out->pos, MIN(a3, RW_BYTES_MAX));
	if (ret > 0 && position_to_user((u64 USER *)a2, in, pos))
		ret = -EFAULT;
release_in:
	fd_file_release(in, in_borrowed);
release_out:
	fd_file_release(out, out_borrowed);
	return ret;
}

/* The rules that copy_file_range checks before it moves anything. */
static int copy_range_check(struct file *in, struct file *out, u64 in_pos, u64 out_pos, u64 len)
{
	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE) || out->flags & O_APPEND)
		return -EBADF;
	if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
		return -EISDIR;
	if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
		return -EINVAL;
	if (in_pos + len < in_pos || out_pos + len < out_pos)
		return -EOVERFLOW;
	if (in->inode == out->inode && in_pos < out_pos + len && out_pos < in_pos + len)
		return -EINVAL;
	return 0;
}

long sys_copy_file_range(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	bool out_borrowed, in_borrowed;
	struct file *in = fd_file((cap_t)a0, CAP_READ, &in_borrowed), *out;
	u64 in_pos, out_pos;
	long ret;

	if (is_err(in))
		return ptr_err(in);
	out = fd_file((cap_t)a2, CAP_WRITE, &out_borrowed);
	ret = ptr_err(out);
	if (is_err(out))
		goto release_in;
	ret = a5 ? -EINVAL : position_from_user((u64 USER *)a1, in, &in_pos);
	if (!ret)
		ret = position_from_user((u64 USER *)a3, out, &out_pos);
	if (!ret)
		ret = copy_range_check(in, out, in_pos, out_pos, a4);
	if (ret)
		goto release_out;
	ret = copy_between(in, &in_pos, out, &out_pos, MIN(a4, RW_BYTES_MAX));
	if (ret > 0 && (position_to_user((u64 USER *)a1, in, in_pos) ||
			       position_to_user((u64 USER *)a3, out, out_pos)))
		ret = -EFAULT;
release_out:
	fd_file_release(out, out_borrowed);
release_in:
	fd_file_release(in, in_borrowed);
	return ret;
}
