/* Freestanding memory and string functions, formatted text, numbers. Code in kernel/base/. */
#pragma once

#include <exo/types.h>

void *memcpy(void *dst, const void *src, size_t len_bytes);
void *memmove(void *dst, const void *src, size_t len_bytes);
void *memset(void *dst, int byte, size_t len_bytes);
int memcmp(const void *a, const void *b, size_t len_bytes);
void *memchr(const void *s, int c, size_t len_bytes);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/* str_copy - copies at most size-1 bytes and always ends @dst with NUL (size > 0). Return:
 * strlen(src). */
size_t str_copy(char *dst, const char *src, size_t size);
/* str_to_u64 - base 0 (auto), 8, 10 or 16. Return: 0 | -EINVAL | -ERANGE; @end may be NULL (then
 * all of @s must be used). */
int str_to_u64(const char *s, const char **end, unsigned base, u64 *out);

/* fmt_vformat - printf into a buffer: %d %i %u %x %X %o %p %s %c %% with h hh l ll z, width,
 * precision, flags "-0+ #". Extension: %pS prints a kernel address as symbol+offset. Always
 * NUL-terminates when size > 0. Return: the length that the whole text has (as snprintf). */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);
