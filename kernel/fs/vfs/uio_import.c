/* Vectors of user segments, and bytes from and to other spaces. Layer: fs. Source: readv(2),
 * process_vm_readv(2). */
#include <exo/errno.h>
#include <exo/fs_uio.h>
#include <exo/memory.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

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
