/* Advisory locks on files: flock(2), and fcntl(2) record locks of processes (POSIX) and of open
 * files (OFD). Code in kernel/fs/locks/. Layer: fs. Context: thread, may sleep. */
#pragma once

#include <exo/fs.h>

/* file_lock_fcntl - F_GETLK F_SETLK F_SETLKW and their F_OFD_ forms; @user_arg: struct flock of the
 * user.
 * @f  borrowed, not O_PATH.
 * Return: 0 | -EAGAIN held by another | -EDEADLK | -EBADF not open for it | -EINVAL | -EOVERFLOW |
 * -ENOLCK too many locks, or no memory | -EFAULT | -ERESTARTSYS. */
long file_lock_fcntl(struct file *f, u32 cmd, u64 user_arg);
/* file_flock - @op LOCK_SH, LOCK_EX or LOCK_UN, with LOCK_NB. A conversion lets the old lock go
 * first, as flock(2) says. Return: 0 | -EAGAIN | -EINVAL | -ENOLCK | -ERESTARTSYS. */
long file_flock(struct file *f, int op);
/* file_locks_release - a slot of @owner that names @f went: the owner's POSIX locks on the file go,
 * whatever slot made them. @owner NULL: the last reference to @f went: so do the locks made through
 * it. */
void file_locks_release(struct file *f, const void *owner);
void file_locks_init(void); /* before the first open file */
