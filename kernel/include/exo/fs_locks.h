/* Advisory locks on files: flock(2), and fcntl(2) record locks of processes (POSIX) and of open
 * files (OFD); leases. Code in kernel/fs/locks/. Layer: fs. Context: thread, may sleep. */
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
/* file_lease_fcntl - F_SETLEASE, F_GETLEASE of @f, which is descriptor @fd, not O_PATH. 0, or what
 * the lease is or is to become | -EAGAIN opened otherwise too, or no lease | -EACCES | -EINVAL |
 * -ENOMEM. */
long file_lease_fcntl(struct file *f, cap_t fd, u32 cmd, u64 type);
extern u64 lease_break_s; /* [a] how long who opens waits for a lease; 0: for ever */
int file_lease_break(struct inode *i, u32 o_flags) MUST_USE;
/* file_lease_check - @i is opened so, and counts as that already: waits until no lease is in the
 * way. 0 | -EAGAIN O_NONBLOCK | -ERESTARTSYS */
static ALWAYS_INLINE MUST_USE int file_lease_check(struct inode *i, u32 o_flags)
{
	return unlikely(READ_ONCE(i->leased)) ? file_lease_break(i, o_flags) : 0;
}
void file_locks_init(void); /* before the first open file */
