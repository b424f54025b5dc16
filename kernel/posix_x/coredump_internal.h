/* What coredump.c (when, where to) and coredump_elf.c (what) share. Layer: posix_x. */
#pragma once

#include "posix_x_internal.h"
#include <exo/fs.h>

struct core_dump {
	struct file *file; /* +1 */
	bool stream;       /* a pipe: no holes */
	bool measuring;    /* nothing is written, pos counts */
	bool failed;       /* the limit is reached, or nobody takes it */
	u64 pos, written, limit_bytes;
	const struct siginfo *info;
};

/* core_elf_write - the whole image; the other threads of the process stand still. False: not even
 * its head could be written. */
bool core_elf_write(struct core_dump *d);
