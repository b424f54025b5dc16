/* Memory and string functions. Layer: base. Plain C with 8-byte steps; the memory functions are
 * weak so that an architecture may bring its own (kernel/arch/<arch>/). They work on kernel memory
 * only. */
#include <exo/string.h>
#include <exo/errno.h>

typedef u64 __attribute__((may_alias, aligned(1))) word;

WEAK void *memcpy(void *dst, const void *src, size_t len_bytes)
{
	u8 *d = dst;
	const u8 *s = src;

	for (; len_bytes >= 8; len_bytes -= 8, d += 8, s += 8)
		*(word *)d = *(const word *)s;
	for (; len_bytes; len_bytes--)
		*d++ = *s++;
	return dst;
}

WEAK void *memmove(void *dst, const void *src, size_t len_bytes)
{
	u8 *d = dst;
	const u8 *s = src;

	if (d <= s || d >= s + len_bytes)
		return memcpy(dst, src, len_bytes);
	while (len_bytes >= 8) {
		len_bytes -= 8;
		*(word *)(d + len_bytes) = *(const word *)(s + len_bytes);
	}
	while (len_bytes) {
		len_bytes--;
		d[len_bytes] = s[len_bytes];
	}
	return dst;
}

WEAK void *memset(void *dst, int byte, size_t len_bytes)
{
	u8 *d = dst;
	u64 pattern = 0x0101010101010101ULL * (u8)byte;

	for (; len_bytes >= 8; len_bytes -= 8, d += 8)
		*(word *)d = pattern;
	for (; len_bytes; len_bytes--)
		*d++ = (u8)byte;
	return dst;
}

int memcmp(const void *a, const void *b, size_t len_bytes)
{
	const u8 *x = a, *y = b;

	for (; len_bytes >= 8 && *(const word *)x == *(const word *)y;
		len_bytes -= 8, x += 8, y += 8)
		;
	for (; len_bytes; len_bytes--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

void *memchr(const void *s, int c, size_t len_bytes)
{
	for (const u8 *p = s; len_bytes; len_bytes--, p++) {
		if (*p == (u8)c)
			return (void *)(uintptr_t)p;
	}
	return NULL;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (u8)*a - (u8)*b;
		if (!*a)
			break;
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c)
			last = s;
		if (!*s)
			return (char *)(uintptr_t)last;
	}
}

size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);
	size_t n = MIN(len, size - 1);

	memcpy(dst, src, n);
	dst[n] = 0;
	return len;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 99;
}

int str_to_u64(const char *s, const char **end, unsigned base, u64 *out)
{
	u64 value = 0;
	const char *p = s;

	if (base == 0)
		base = p[0] != '0' ? 10 : (p[1] | 0x20) == 'x' ? 16 : 8;
	if (base == 16 && p[0] == '0' && (p[1] | 0x20) == 'x' && digit_value(p[2]) < 16)
		p += 2;
	if (digit_value(*p) >= (int)base)
		return -EINVAL;
	for (; digit_value(*p) < (int)base; p++) {
		if (__builtin_mul_overflow(value, (u64)base, &value) ||
			__builtin_add_overflow(value, (u64)digit_value(*p), &value))
			return -ERANGE;
	}
	if (end)
		*end = p;
	else if (*p)
		return -EINVAL;
	*out = value;
	return 0;
}

#ifndef EXO_HOST
/* What the compiler calls for __builtin_popcountll where the CPU's baseline has no instruction for
 * it. */
int __popcountdi2(long x);
int __popcountdi2(long x)
{
	u64 v = (u64)x;

	v -= v >> 1 & 0x5555555555555555UL;
	v = (v & 0x3333333333333333UL) + (v >> 2 & 0x3333333333333333UL);
	return (int)(((v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fUL) * 0x0101010101010101UL >> 56);
}
#endif
