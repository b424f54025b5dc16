/* exo_std/io - bytes through a capability: files, pipes, sockets, terminals. C11 and C++11, Exo-OS
 * and Linux, where a capability is a descriptor. Every function: bytes, 0, or -errno. */
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../exo_types/exo_types.h"

/* exo_read - up to @len bytes, as they come. 0 = the end. Needs READ. */
static inline long exo_read(exo_cap_t cap, void *to, size_t len)
{
	long n = read(cap, to, len);

	return n < 0 ? -errno : n;
}

/* exo_write - some of @len bytes. Needs WRITE. */
static inline long exo_write(exo_cap_t cap, const void *from, size_t len)
{
	long n = write(cap, from, len);

	return n < 0 ? -errno : n;
}

/* exo_read_all - until @len bytes are there or the end has come; goes on after signals. The number
 * of bytes | -errno, when some may have been read. */
static inline long exo_read_all(exo_cap_t cap, void *to, size_t len)
{
	size_t have = 0;

	while (have < len) {
		long n = exo_read(cap, (char *)to + have, len - have);

		if (n == 0)
			break;
		if (n < 0 && n != -EINTR)
			return n;
		if (n > 0)
			have += (size_t)n;
	}
	return (long)have;
}

/* exo_write_all - all @len bytes; goes on after signals. 0 | -errno, when some may have been
 * written. */
static inline int exo_write_all(exo_cap_t cap, const void *from, size_t len)
{
	size_t done = 0;

	while (done < len) {
		long n = exo_write(cap, (const char *)from + done, len - done);

		if (n < 0 && n != -EINTR)
			return (int)n;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

/* exo_print - formatted text of at most 1023 bytes, in one write where the object takes it so.
 * 0 | -EMSGSIZE too long, nothing is written | as exo_write_all. */
static inline int exo_print(exo_cap_t cap, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static inline int exo_print(exo_cap_t cap, const char *format, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0 || n >= (int)sizeof(text))
		return -EMSGSIZE;
	return exo_write_all(cap, text, (size_t)n);
}

/* exo_seek - the new position, counted from the beginning. Needs SEEK. */
static inline int64_t exo_seek(exo_cap_t cap, int64_t offset, int whence)
{
	off_t n = lseek(cap, offset, whence);

	return n < 0 ? -errno : n;
}
