/* sys.h - system calls and the few helpers that /init needs; no C library.
 *
 * A static program of a few kilobytes starts sooner, asks less of a young kernel and does not
 * depend on the host's C library. Calls return the kernel's value: negative is -errno.
 * Source: Linux UAPI; System V AMD64 ABI. */
#pragma once

#include <linux/reboot.h>
#include <linux/stat.h>
#include <linux/wait.h>
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <asm/unistd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__x86_64__)
#error "userland/init: sys.h knows x86_64 only"
#endif

static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#define SYS(name, ...) SYS_PAD(__NR_##name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS_PAD(n, a, b, c, d, e, f, ...) \
	sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline size_t str_len(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}

static inline bool str_equal(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static inline bool str_has(const char *s, char c)
{
	while (*s != '\0' && *s != c)
		s++;
	return *s == c;
}

/* Write all bytes; gives up silently when the descriptor fails, as there is nobody to tell. */
static inline void write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		long n = SYS(write, fd, at, len);

		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (n <= 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

static inline void put(int fd, const char *s)
{
	write_all(fd, s, str_len(s));
}

/* Decimal text of `value` at the end of `buffer[len]`; returns its start. */
static inline char *decimal(char *buffer, size_t len, unsigned long value)
{
	char *at = buffer + len - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	return at;
}

/* The compiler may call these for struct copies. */
void *memset(void *to, int byte, size_t len);
void *memcpy(void *restrict to, const void *restrict from, size_t len);
