/* Bytes between the kernel and a user's or the kernel's segments, vectors of those, and plain reads
 * and writes of open files. Layer: fs. Context: thread, no spin lock held: user memory may have to
 * be paged in. Sources: readv(2), process_vm_readv(2). */
#include <arch/uaccess.h>
#include <exo/fs_uio.h>
#include <exo/vfs.h>
#include "vfs_internal.h"

/* Steps over @n bytes of the current segment, and to the next ones when it ends. */
static void uio_advance(struct uio *u, size_t n)
{
	u->base += n;
	u->segment_left -= n;
	u->left -= n;
	while (!u->segment_left && u->iov_left) {
		u->base = u->iov->base;
		u->segment_left = u->iov->len_bytes;
		u->iov++;
		u->iov_left--;
	}
}

enum uio_op { UIO_IN, UIO_OUT, UIO_ZERO };

/* Return: bytes of one segment not moved. */
static ALWAYS_INLINE size_t segment_move(struct uio *u, void *mem, size_t n, enum uio_op op)
{
	if (unlikely(u->kernel)) {
		if (op == UIO_IN)
			memcpy(mem, u->base, n);
		else if (op == UIO_OUT)
			memcpy(u->base, mem, n);
		else
			memset(u->base, 0, n);
		return 0;
	}
	if (op == UIO_IN)
		return copy_from_user_partial(mem, (const void USER *)u->base, n);
	if (op == UIO_OUT)
		return copy_to_user_partial((void USER *)u->base, mem, n);
	return clear_user_partial((void USER *)u->base, n);
}

static ALWAYS_INLINE size_t uio_move(struct uio *u, void *mem, size_t len_bytes, enum uio_op op)
{
	size_t done = 0;

	/* one segment: the common case */
	if (likely(len_bytes <= u->segment_left && !u->iov_left)) {
		done = len_bytes - segment_move(u, mem, len_bytes, op);
		u->base += done;
		u->segment_left -= done;
		u->left -= done;
		return done;
	}
	len_bytes = MIN(len_bytes, u->left);
	while (done < len_bytes) {
		size_t n, missed;

		if (!u->segment_left)
			uio_advance(u, 0);
		n = MIN(len_bytes - done, u->segment_left);
		missed = segment_move(u, (u8 *)mem + (op == UIO_ZERO ? 0 : done), n, op);
		uio_advance(u, n - missed);
		done += n - missed;
		if (missed)
			break;
	}
	return done;
}

size_t uio_write(struct uio *u, const void *src, size_t len_bytes)
{
	return uio_move(u, (void *)src, len_bytes, UIO_OUT);
}

size_t uio_read(struct uio *u, void *dst, size_t len_bytes)
{
	return uio_move(u, dst, len_bytes, UIO_IN);
}

size_t uio_zero(struct uio *u, size_t len_bytes)
{
	return uio_move(u, NULL, len_bytes, UIO_ZERO);
}

/* ---- vectors, and bytes from and to other spaces ---- */

_Static_assert(
	sizeof(struct iovec_k) == sizeof(struct linux_iovec), "segments are copied in place");

int uio_import(struct uio *u, struct uio_vector *v, const void USER *iov, u64 count)
{
	size_t total = 0;

	v->iov = v->small;
	if (count > IOV_MAX_COUNT)
		return -EINVAL;
	if (count > UIO_SMALL) {
		v->iov = kmalloc(count * sizeof(struct iovec_k), ALLOC_KERNEL);
		if (!v->iov) {
			v->iov = v->small;
			return -ENOMEM;
		}
	}
	if (copy_from_user(v->iov, iov, count * sizeof(struct iovec_k)))
		return -EFAULT;
	for (u64 i = 0; i < count; i++) {
		struct iovec_k *s = &v->iov[i];

		if ((ssize_t)s->len_bytes < 0)
			return -EINVAL;
		s->len_bytes = MIN(s->len_bytes, RW_BYTES_MAX - total);
		if (!user_range_ok(s->base, s->len_bytes))
			return -EFAULT;
		total += s->len_bytes;
	}
	*u = (struct uio){.left = total};
	if (count) {
		u->base = v->iov[0].base;
		u->segment_left = v->iov[0].len_bytes;
		u->iov = v->iov + 1;
		u->iov_left = (u32)count - 1;
	}
	return 0;
}

void uio_vector_fini(struct uio_vector *v)
{
	if (v->iov != v->small)
		kfree(v->iov);
}

ssize_t uio_space_move(
	struct uio *u, struct vm_space *space, vaddr_t va, size_t len_bytes, u32 write)
{
	u8 *page SCOPED(kfree_at) = kmalloc(PAGE_SIZE, ALLOC_KERNEL);
	ssize_t done = 0, n = page ? 0 : -ENOMEM;

	len_bytes = MIN(len_bytes, u->left);
	while (page && (size_t)done < len_bytes && !thread_fatal_pending(current)) {
		size_t part = MIN(len_bytes - (size_t)done, PAGE_SIZE - (va & ~PAGE_MASK));

		n = write && uio_read(u, page, part) != part
			    ? -EFAULT
			    : vm_access(space, va, page, part, write);
		if (n > 0 && !write && uio_write(u, page, (size_t)n) != (size_t)n)
			n = -EFAULT;
		if (n <= 0)
			break;
		va += (u64)n;
		done += n;
	}
	return done ? done : n;
}

/* ---- open files ---- */

ssize_t file_read(struct file *f, struct uio *u, u64 *pos)
{
	ssize_t n;

	if (unlikely(!f->ops->read))
		return S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
	n = f->ops->read(f, u, pos);
	inotify_moved(f, false, n);
	return n;
}

ssize_t file_write(struct file *f, struct uio *u, u64 *pos)
{
	ssize_t n;

	if (unlikely(!f->ops->write))
		return -EINVAL;
	n = f->ops->write(f, u, pos);
	inotify_moved(f, true, n);
	return n;
}

ssize_t file_read_kernel(struct file *f, void *buf, size_t len_bytes, u64 pos)
{
	struct uio u;

	uio_init_kernel(&u, buf, len_bytes);
	return file_read(f, &u, &pos);
}

ssize_t file_write_kernel(struct file *f, const void *buf, size_t len_bytes, u64 pos)
{
	struct uio u;

	uio_init_kernel(&u, (void *)buf, len_bytes);
	return file_write(f, &u, &pos);
}

s64 file_seek_generic(struct file *f, s64 offset, int whence)
{
	s64 base = 0;

	if (whence == SEEK_CUR)
		base = (s64)f->pos;
	else if (whence == SEEK_END && f->inode->pages_ready)
		base = (s64)READ_ONCE(f->inode->pages.size_bytes);
	else if (whence != SEEK_SET && whence != SEEK_END)
		return -EINVAL;
	if (__builtin_add_overflow(base, offset, &offset))
		return -EOVERFLOW;
	if (offset < 0)
		return -EINVAL;
	f->pos = (u64)offset;
	return offset;
}
