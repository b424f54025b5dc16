/* System calls that move bytes: read, write and their kin, lseek, sendfile, copy_file_range. Layer: syscall.
 * Sources: read(2) write(2) readv(2) pread(2) lseek(2) sendfile(2) copy_file_range(2). */
#include <arch/uaccess.h>
#include <exo/posix_x.h>
#include <exo/memory.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>

#define COPY_CHUNK (32 * 1024ul) /* of sendfile and copy_file_range */

typedef ssize_t (*transfer_fn)(struct file *f, struct uio *u, u64 *pos);

/* Checks the mode, takes the position and moves: all that read, write, readv and writev share. */
static ALWAYS_INLINE long transfer(cap_t fd, struct uio *u, transfer_fn fn, u32 right, u32 mode)
{
	bool borrowed, locked;
	struct file *f = fd_file(fd, right, &borrowed);
	long ret = -EBADF;

	if (unlikely(is_err(f)))
		return ptr_err(f);
	if (likely(f->mode & mode)) {
		if (f->mode & FMODE_STREAM) {
			ret = fn(f, u, &f->pos);
		} else {
			locked = file_pos_lock(f, borrowed);
			ret = fn(f, u, &f->pos);
			file_pos_unlock(f, locked);
		}
	}
	fd_file_release(f, borrowed);
	return ret;
}

static ALWAYS_INLINE long transfer_at(cap_t fd, struct uio *u, u64 pos, transfer_fn fn, u32 right, u32 mode)
{
	bool borrowed;
	struct file *f;
	long ret = -EBADF;

	if ((s64)pos < 0)
		return -EINVAL;
	f = fd_file(fd, right, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	if (!(f->mode & FMODE_PREAD))
		ret = -ESPIPE;
	else if (f->mode & mode)
		ret = fn(f, u, &pos);
	fd_file_release(f, borrowed);
	return ret;
}

long sys_read(u64 fd, u64 buf, u64 len)
{
	struct uio u;

	uio_init_user(&u, (void USER *)buf, MIN(len, RW_BYTES_MAX));
	return transfer((cap_t)fd, &u, file_read, CAP_READ, FMODE_READ);
}

long sys_write(u64 fd, u64 buf, u64 len)
{
	struct uio u;

	uio_init_user(&u, (void USER *)buf, MIN(len, RW_BYTES_MAX));
	return transfer((cap_t)fd, &u, file_write, CAP_WRITE, FMODE_WRITE);
}

long sys_pread64(u64 fd, u64 buf, u64 len, u64 pos)
{
	struct uio u;

	uio_init_user(&u, (void USER *)buf, MIN(len, RW_BYTES_MAX));
	return transfer_at((cap_t)fd, &u, pos, file_read, CAP_READ | CAP_SEEK, FMODE_READ);
}

long sys_pwrite64(u64 fd, u64 buf, u64 len, u64 pos)
{
	struct uio u;

	uio_init_user(&u, (void USER *)buf, MIN(len, RW_BYTES_MAX));
	return transfer_at((cap_t)fd, &u, pos, file_write, CAP_WRITE | CAP_SEEK, FMODE_WRITE);
}

/* ---- vectors ---- */

struct iov_buf {
	struct iovec_k small[8];
	struct iovec_k *heap;
};
_Static_assert(sizeof(struct iovec_k) == sizeof(struct linux_iovec), "copied as one");

static int iov_import(struct iov_buf *b, u64 iov, u64 count, struct uio *u)
{
	struct iovec_k *v = b->small;
	size_t total = 0;

	b->heap = NULL;
	if (count > IOV_MAX_COUNT)
		return -EINVAL;
	if (count > ARRAY_LEN(b->small) && !(v = b->heap = kmalloc(count * sizeof(*v), ALLOC_KERNEL)))
		return -ENOMEM;
	if (copy_from_user(v, (const void USER *)iov, count * sizeof(*v))) {
		kfree(b->heap);
		return -EFAULT;
	}
	for (u64 i = 0; i < count; i++) {
		int err = (s64)v[i].len_bytes < 0 ? -EINVAL : user_range_ok(v[i].base, v[i].len_bytes) ? 0 : -EFAULT;

		if (err) {
			kfree(b->heap);
			return err;
		}
		v[i].len_bytes = MIN(v[i].len_bytes, RW_BYTES_MAX - total);
		total += v[i].len_bytes;
	}
	*u = (struct uio){ .left = total };
	if (count) {
		u->base = v[0].base;
		u->segment_left = v[0].len_bytes;
		u->iov = v + 1;
		u->iov_left = (u32)count - 1;
	}
	return 0;
}

static long vector(u64 fd, u64 iov, u64 count, transfer_fn fn, bool write, const u64 *pos)
{
	u32 right = write ? CAP_WRITE : CAP_READ, mode = write ? FMODE_WRITE : FMODE_READ;
	struct iov_buf b;
	struct uio u;
	long ret = iov_import(&b, iov, count, &u);

	if (ret)
		return ret;
	ret = pos ? transfer_at((cap_t)fd, &u, *pos, fn, right | CAP_SEEK, mode) : transfer((cap_t)fd, &u, fn, right, mode);
	if (b.heap)
		kfree(b.heap);
	return ret;
}

long sys_readv(u64 fd, u64 iov, u64 count)
{
	return vector(fd, iov, count, file_read, false, NULL);
}

long sys_writev(u64 fd, u64 iov, u64 count)
{
	return vector(fd, iov, count, file_write, true, NULL);
}

long sys_preadv(u64 fd, u64 iov, u64 count, u64 pos, u64 pos_high)
{
	return vector(fd, iov, count, file_read, false, &pos);
}

long sys_pwritev(u64 fd, u64 iov, u64 count, u64 pos, u64 pos_high)
{
	return vector(fd, iov, count, file_write, true, &pos);
}

/* ---- position ---- */

long sys_lseek(u64 fd, u64 offset, u64 whence)
{
	bool borrowed, locked;
	struct file *f = fd_file((cap_t)fd, CAP_SEEK, &borrowed);
	long ret;

	if (is_err(f))
		return ptr_err(f);
	if (!f->ops->seek) {
		ret = -ESPIPE;
	} else if (whence > SEEK_HOLE) {
		ret = -EINVAL;
	} else {
		locked = file_pos_lock(f, borrowed);
		ret = f->ops->seek(f, (s64)offset, (int)whence);
		file_pos_unlock(f, locked);
	}
	fd_file_release(f, borrowed);
	return ret;
}

/* ---- from file to file ---- */

/* Moves up to @len bytes through a kernel buffer. Return: bytes | error of the first step. */
static ssize_t copy_bytes(struct file *in, u64 *in_pos, struct file *out, u64 *out_pos, size_t len)
{
	u8 *buf = kmalloc(MIN(len, COPY_CHUNK), ALLOC_KERNEL);
	size_t done = 0;
	ssize_t n = 0, wrote = 0;

	if (!buf)
		return -ENOMEM;
	while (done < len) {
		struct uio u;
		u64 from = *in_pos;

		uio_init_kernel(&u, buf, MIN(len - done, COPY_CHUNK));
		n = file_read(in, &u, &from);
		if (n <= 0)
			break;
		uio_init_kernel(&u, buf, (size_t)n);
		wrote = file_write(out, &u, out_pos);
		if (wrote <= 0) {
			n = wrote;
			break;
		}
		*in_pos += (u64)wrote;
		done += (size_t)wrote;
		if (wrote < n || thread_signal_pending(current))
			break;
	}
	kfree(buf);
	return done ? (ssize_t)done : n;
}

struct endpoint {
	struct file *file;
	bool borrowed, locked;
	u64 USER *user_pos; /* NULL: the file's own position */
	u64 pos;            /* read from the user */
};

static int endpoint_get(struct endpoint *e, u64 fd, u64 user_pos, u32 right, u32 mode)
{
	e->file = fd_file((cap_t)fd, right, &e->borrowed);
	e->locked = false;
	if (is_err(e->file))
		return (int)ptr_err(e->file);
	e->user_pos = (u64 USER *)user_pos;
	if (!(e->file->mode & mode))
		return -EBADF;
	if (!user_pos)
		return 0;
	if (!(e->file->mode & FMODE_PREAD))
		return -ESPIPE;
	if (get_user_u64(e->user_pos, &e->pos))
		return -EFAULT;
	return (s64)e->pos < 0 ? -EINVAL : 0;
}

static void endpoint_put(struct endpoint *e)
{
	if (!is_err(e->file))
		fd_file_release(e->file, e->borrowed);
}

/* Locks the positions that are used: by address, so that two copies in opposite directions do not wait for each other. */
static void positions_lock(struct endpoint *a, struct endpoint *b)
{
	if (b->file < a->file) {
		positions_lock(b, a);
		return;
	}
	if (!a->user_pos && !(a->file->mode & FMODE_STREAM))
		a->locked = file_pos_lock(a->file, a->borrowed);
	if (!b->user_pos && !(b->file->mode & FMODE_STREAM) && b->file != a->file)
		b->locked = file_pos_lock(b->file, b->borrowed);
}

static long endpoints_copy(struct endpoint *in, struct endpoint *out, size_t len)
{
	long ret;

	positions_lock(in, out);
	ret = copy_bytes(in->file, in->user_pos ? &in->pos : &in->file->pos, out->file, out->user_pos ? &out->pos : &out->file->pos, len);
	file_pos_unlock(in->file, in->locked);
	file_pos_unlock(out->file, out->locked);
	if (ret > 0 && in->user_pos && put_user_u64(in->user_pos, in->pos))
		ret = -EFAULT;
	if (ret > 0 && out->user_pos && put_user_u64(out->user_pos, out->pos))
		ret = -EFAULT;
	return ret;
}

long sys_sendfile(u64 out_fd, u64 in_fd, u64 user_pos, u64 len)
{
	struct endpoint in, out;
	long ret = endpoint_get(&in, in_fd, user_pos, CAP_READ, FMODE_READ);

	if (!ret) {
		ret = endpoint_get(&out, out_fd, 0, CAP_WRITE, FMODE_WRITE);
		if (!ret && (!S_ISREG(in.file->inode->mode) || (out.file->flags & O_APPEND && !(out.file->mode & FMODE_STREAM))))
			ret = -EINVAL;
		if (!ret && len)
			ret = endpoints_copy(&in, &out, MIN(len, RW_BYTES_MAX));
		endpoint_put(&out);
	}
	endpoint_put(&in);
	return ret;
}

static int copy_range_check(const struct endpoint *in, const struct endpoint *out, u64 len)
{
	u64 from = in->user_pos ? in->pos : in->file->pos, to = out->user_pos ? out->pos : out->file->pos;
	u32 in_mode = in->file->inode->mode, out_mode = out->file->inode->mode;

	if (S_ISDIR(in_mode) || S_ISDIR(out_mode))
		return -EISDIR;
	if (!S_ISREG(in_mode) || !S_ISREG(out_mode))
		return -EINVAL;
	if (out->file->flags & O_APPEND)
		return -EBADF;
	if (from + len < from || to + len < to)
		return -EOVERFLOW;
	if (in->file->inode == out->file->inode && to + len > from && to < from + len)
		return -EINVAL;
	return 0;
}

long sys_copy_file_range(u64 in_fd, u64 in_pos, u64 out_fd, u64 out_pos, u64 len, u64 flags)
{
	struct endpoint in, out;
	long ret = endpoint_get(&in, in_fd, in_pos, CAP_READ, FMODE_READ);

	if (!ret) {
		ret = endpoint_get(&out, out_fd, out_pos, CAP_WRITE, FMODE_WRITE);
		if (!ret && flags)
			ret = -EINVAL;
		if (!ret)
			ret = copy_range_check(&in, &out, len);
		if (!ret && len)
			ret = endpoints_copy(&in, &out, MIN(len, RW_BYTES_MAX));
		endpoint_put(&out);
	}
	endpoint_put(&in);
	return ret;
}
