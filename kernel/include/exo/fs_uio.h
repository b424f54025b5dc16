/* Vectors of user segments. Code in kernel/fs/vfs/uio.c. Layer: fs. */
#pragma once

#include <exo/fs.h>

#define UIO_SMALL 8
struct uio_vector {
	struct iovec_k *iov; /* small, or owned */
	struct iovec_k small[UIO_SMALL];
};
/* uio_import - copies @count segments from the user once, checks them, and sets @u on them; at most
 * RW_BYTES_MAX bytes in all.
 * @v must live as long as @u; give back with uio_vector_fini (also after failure). 0 | -EFAULT |
 * -EINVAL count or lengths | -ENOMEM. */
int uio_import(struct uio *u, struct uio_vector *v, const void USER *iov, u64 count) MUST_USE;
void uio_vector_fini(struct uio_vector *v);
/* uio_space_move - between @u and @space at @va; @write as vm_access. Bytes | -EFAULT | -ENOMEM. */
ssize_t uio_space_move(
	struct uio *u, struct vm_space *space, vaddr_t va, size_t len_bytes, u32 write);
