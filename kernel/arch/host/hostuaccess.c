/* host: user memory is ordinary memory below USER_MAX. Layer: arch. */
#include <host.h>
#include <exo/errno.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>
#include <string.h>

bool user_range_ok(const void USER *p, size_t len_bytes)
{
	uintptr_t start = (uintptr_t)p;

	return start + len_bytes >= start && start + len_bytes <= USER_MAX;
}

/* Return: how many of the bytes can be reached before a fault. */
static size_t reachable(const void *p, size_t len_bytes)
{
	return user_range_ok(p, len_bytes) && (uintptr_t)p >= USER_MIN ? len_bytes : 0;
}

size_t copy_from_user_partial(void *dst, const void USER *src, size_t len_bytes)
{
	size_t n = reachable(src, len_bytes);

	memcpy(dst, src, n);
	return len_bytes - n;
}

size_t copy_to_user_partial(void USER *dst, const void *src, size_t len_bytes)
{
	size_t n = reachable(dst, len_bytes);

	memcpy(dst, src, n);
	return len_bytes - n;
}

int copy_from_user(void *dst, const void USER *src, size_t len_bytes)
{
	return copy_from_user_partial(dst, src, len_bytes) ? -EFAULT : 0;
}

int copy_to_user(void USER *dst, const void *src, size_t len_bytes)
{
	return copy_to_user_partial(dst, src, len_bytes) ? -EFAULT : 0;
}

size_t clear_user_partial(void USER *dst, size_t len_bytes)
{
	size_t n = reachable(dst, len_bytes);

	memset(dst, 0, n);
	return len_bytes - n;
}

long strncpy_from_user(char *dst, const char USER *src, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!reachable(src + i, 1))
			return -EFAULT;
		dst[i] = src[i];
		if (!dst[i])
			return (long)i;
	}
	return -ENAMETOOLONG;
}

int put_user_u32(u32 USER *p, u32 v)
{
	return copy_to_user(p, &v, sizeof(v));
}
