/* File locks: flock, POSIX and OFD record locks. Code in kernel/fs/locks/. Layer: fs. */
#pragma once

#include <exo/fs.h>

long file_lock_fcntl(struct file *f, u32 cmd, u64 user_arg) WEAK; /* F_*LK, F_OFD_*LK */
long file_flock(struct file *f, int op) WEAK;
