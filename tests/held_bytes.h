/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * held_bytes - how much memory the running kernel holds for what lives, in bytes: pages that are
 * not free, but of slabs only the live objects, for how these lie in their slabs is chance. Drops
 * the caches first. When the same things live it is the same, to the byte. -1: this kernel or this
 * user cannot tell.
 */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static inline int held_read(const char *path, char *text, int size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), have = 0, n = 0;

	if (fd < 0)
		return -1;
	while (have < size - 1 && (n = (int)read(fd, text + have, (size_t)(size - 1 - have))) > 0)
		have += n;
	close(fd);
	text[have] = 0;
	return have ? 0 : -1;
}

static inline long held_field(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	long kb = 0;

	return at && sscanf(at + strlen(name), " %ld", &kb) == 1 ? kb * 1024 : 0;
}

static inline long held_bytes(void)
{
	static char text[32768]; /* no stdio: a buffer more would be a page more */
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	int good = fd >= 0 && write(fd, "3", 1) == 1;
	long held, live, size;

	if (fd >= 0)
		close(fd);
	if (!good || held_read("/proc/meminfo", text, sizeof(text)) < 0)
		return -1;
	held = held_field(text, "MemTotal:") - held_field(text, "MemFree:") -
	       held_field(text, "Slab:");
	if (held_read("/proc/slabinfo", text, sizeof(text)) < 0)
		return -1;
	for (const char *line = text; line; line = strchr(line + 1, '\n'))
		if (sscanf(line, " %*s %ld %*d %ld", &live, &size) == 2)
			held += live * size;
	return held;
}
