/* Descriptors: open, close, dup, pipe, fcntl, flock, ioctl. Layer: syscall. Sources: open(2)
 * close(2) dup(2) pipe(2) fcntl(2) flock(2) close_range(2) ioctl(2). */
#include <exo/errno.h>
#include <exo/fs_locks.h>
#include <exo/fs_pipe.h>
#include <exo/posix_calls.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

long sys_openat(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct path_buf b SCOPED(path_buf_fini);
	long ret = path_buf_user(&b, (const char USER *)a1);
	u32 flags = (u32)a2;

	if (likely(!ret))
		ret = fd_reserve(flags);
	if (unlikely(ret < 0))
		return ret;
	return fd_fill((cap_t)ret,
		vfs_open_text((cap_t)a0, b.text, flags | O_LARGEFILE, (u32)a3 & S_IALLUGO, 0));
}

#define OPEN_FLAGS                                                                            \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | \
		O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |     \
		O_CLOEXEC | O_PATH | O_TMPFILE)
#define OPEN_PATH_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int open_how_check(const struct linux_open_how *how)
{
	bool makes = how->flags & (O_CREAT | O_TMPFILE_BIT);

	if (how->flags & ~(u64)OPEN_FLAGS || how->resolve & ~(u64)RESOLVE_ALL ||
		(how->resolve & RESOLVE_BENEATH && how->resolve & RESOLVE_IN_ROOT) ||
		how->mode & ~(u64)(makes ? S_IALLUGO : 0) ||
		(how->flags & O_PATH && how->flags & ~(u64)OPEN_PATH_FLAGS))
		return -EINVAL;
	return how->resolve & RESOLVE_CACHED && (makes || how->flags & O_TRUNC) ? -EAGAIN : 0;
}

long sys_openat2(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct path_buf b SCOPED(path_buf_fini) = {.heap = NULL};
	struct linux_open_how how;
	u32 r, lookup;
	int err = user_struct_get(&how, sizeof(how), sizeof(how), a2, a3);

	if (!err)
		err = open_how_check(&how);
	if (!err)
		err = path_buf_user(&b, (const char USER *)a1);
	if (err)
		return err;
	r = (u32)how.resolve;
	lookup = (r & (RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS)) << 28 |
		 (r & RESOLVE_BENEATH ? LOOKUP_BENEATH : 0) |
		 (r & RESOLVE_IN_ROOT ? LOOKUP_IN_ROOT : 0) |
		 (r & RESOLVE_CACHED ? LOOKUP_CACHED : 0);
	if (b.text[0] == '/' && r & RESOLVE_BENEATH)
		return -EXDEV;
	err = fd_reserve((u32)how.flags);
	return err < 0 ? err
		       : fd_fill(err, vfs_open_text((cap_t)a0, b.text, (u32)how.flags | O_LARGEFILE,
					      (u32)how.mode, lookup));
}

#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u

long sys_close_range(u64 a0, u64 a1, u64 a2)
{
	u32 first = (u32)a0, last = (u32)a1, flags = (u32)a2;
	struct cap_space *caps;
	int err = 0;

	if (first > last || flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE)
		err = process_unshare_caps();
	if (err)
		return err;
	caps = current->caps;
	if (!(flags & CLOSE_RANGE_CLOEXEC)) {
		cap_close_range(caps, first, last, false);
		return 0;
	}
	for (cap_t fd = cap_next(caps, (cap_t)MIN(first, 0x7fffffffu)); fd >= 0 && (u32)fd <= last;
		fd = cap_next(caps, fd + 1))
		/* one that another thread closed meanwhile needs no flag */
		(void)!cap_flags(caps, fd, CAP_CLOEXEC);
	return 0;
}

static long dup_onto(cap_t fd, cap_t new, u32 slot_flags)
{
	struct grant *g = cap_get_grant(current->caps, fd);
	int err;

	if (is_err(g))
		return ptr_err(g);
	err = new < 0 ? -EBADF : cap_replace(current->caps, new, g, slot_flags, fd_limit());
	if (err)
		grant_put(g);
	return err ? err : new;
}

long sys_dup2(u64 a0, u64 a1)
{
	if ((cap_t)a0 == (cap_t)a1)
		return cap_flags(current->caps, (cap_t)a0, -1) < 0 ? -EBADF : (cap_t)a0;
	return dup_onto((cap_t)a0, (cap_t)a1, 0);
}

long sys_dup3(u64 a0, u64 a1, u64 a2)
{
	if ((u32)a2 & ~O_CLOEXEC || (cap_t)a0 == (cap_t)a1)
		return -EINVAL;
	return dup_onto((cap_t)a0, (cap_t)a1, a2 & O_CLOEXEC ? CAP_CLOEXEC : 0);
}

long sys_pipe2(u64 a0, u64 a1)
{
	struct file *ends[2];
	u32 flags = (u32)a1;
	int err;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	err = pipe_create(flags, &ends[0], &ends[1]);
	return err ? err : fd_install_pair(ends, (s32 USER *)a0, flags);
}

/* ---- fcntl, flock ---- */

#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME)

/* @strict: O_ASYNC of a file whose readiness no signal tells is -ENOTTY, and else stays off. */
static long set_status_flags(struct file *f, cap_t fd, u32 wanted, bool strict)
{
	u32 old = __atomic_load_n(&f->flags, __ATOMIC_RELAXED), new;
	int err = 0;

	if (wanted & O_NOATIME && !(old & O_NOATIME) && current->cred->fsuid != f->inode->uid &&
		!cred_capable(current->cred, LCAP_FOWNER))
		return -EPERM;
	if ((old ^ wanted) & O_ASYNC)
		err = file_async(f, fd, wanted & O_ASYNC);
	if (err == -ENOTTY && !strict)
		err = 0, wanted &= ~O_ASYNC;
	if (err)
		return err;
	do {
		new = (old & ~SETFL_MASK) | (wanted & SETFL_MASK);
	} while (!__atomic_compare_exchange_n(
		&f->flags, &old, new, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return 0;
}

#define OWNER_PID  1
#define OWNER_PGRP 2

/* @who: a thread, or a group as a negative number; there must be such. */
static long owner_set(struct file *f, s32 who)
{
	if (who == INT32_MIN)
		return -EINVAL;
	if (who && (who < 0 ? signal_kill(who, 0) : signal_tgkill(0, who, 0)) == -ESRCH)
		return -ESRCH;
	f->owner = file_owner_word(who);
	return 0;
}

static long owner_ex(struct file *f, bool set, u64 arg)
{
	struct linux_owner_ex o;

	if (!set) {
		o.type = (s32)f->owner < 0 ? OWNER_PGRP : OWNER_PID;
		o.pid = (s32)f->owner < 0 ? -(s32)f->owner : (s32)f->owner;
		return copy_to_user((void USER *)arg, &o, sizeof(o));
	}
	if (copy_from_user(&o, (const void USER *)arg, sizeof(o)))
		return -EFAULT;
	if (o.pid < 0 || o.type < 0 || o.type > OWNER_PGRP)
		return -EINVAL;
	return owner_set(f, o.type == OWNER_PGRP ? -o.pid : o.pid);
}

/* To look is free, to lock is to read, to change is to administer. */
static u32 fcntl_rights(u32 cmd)
{
	switch (cmd) {
	case F_GETFL:
	case F_GETOWN:
	case F_GETOWN_EX:
	case F_GETSIG:
	case F_GETPIPE_SZ:
	case F_GET_SEALS:
		return 0;
	case F_GETLK ... F_SETLKW:
	case F_OFD_GETLK ... F_OFD_SETLKW:
		return CAP_READ;
	default:
		return CAP_ADMIN;
	}
}

static long file_fcntl(cap_t nr, u32 cmd, u64 arg)
{
	struct fd fd SCOPED(fd_put) = fd_get_path(nr, fcntl_rights(cmd));
	struct file *f = fd.file;

	if (is_err(f))
		return ptr_err(f);
	if (f->mode & FMODE_PATH && cmd != F_GETFL)
		return -EBADF;
	switch (cmd) {
	case F_GETFL:
		return f->flags;
	case F_SETFL:
		return set_status_flags(f, nr, (u32)arg, false);
	case F_GETLK ... F_SETLKW:
	case F_OFD_GETLK ... F_OFD_SETLKW:
		return file_lock_fcntl(f, cmd, arg);
	case F_SETOWN:
		return cap_confined() ? -EPERM : owner_set(f, (s32)arg);
	case F_GETOWN:
		return (s32)f->owner;
	case F_SETOWN_EX:
	case F_GETOWN_EX:
		return cap_confined() ? -EPERM : owner_ex(f, cmd == F_SETOWN_EX, arg);
	case F_SETSIG:
		if (arg > SIGNALS_MAX)
			return -EINVAL;
		f->owner_signo = (u32)arg;
		return 0;
	case F_GETSIG:
		return f->owner_signo;
	case F_SETLEASE:
	case F_GETLEASE:
		return file_lease_fcntl(f, nr, cmd, arg);
	case F_NOTIFY:
		return dnotify_watch(f, nr, (u32)arg);
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		return pipe_fcntl(f, cmd, arg);
	case F_ADD_SEALS:
		return f->mode & FMODE_WRITE ? tmpfs_add_seals(f->inode, (u32)arg) : -EPERM;
	case F_GET_SEALS:
		return tmpfs_get_seals(f->inode);
	default:
		return -EINVAL;
	}
}

long sys_fcntl(u64 a0, u64 a1, u64 a2)
{
	struct cap_space *caps = current->caps;
	cap_t fd = (cap_t)a0;
	u32 cmd = (u32)a1;

	_Static_assert(CAP_CLOEXEC == FD_CLOEXEC, "as they are told and set");
	switch (cmd) {
	case F_GETFD:
		return cap_flags(caps, fd, -1);
	case F_SETFD:
		return MIN(cap_flags(caps, fd, a2 & FD_CLOEXEC), 0);
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if ((cap_t)a2 < 0 || (u32)a2 >= fd_limit())
			return cap_flags(caps, fd, -1) < 0 ? -EBADF : -EINVAL;
		return fd_install_grant(cap_get_grant(caps, fd),
			cmd == F_DUPFD_CLOEXEC ? CAP_CLOEXEC : 0, (cap_t)a2);
	default:
		return file_fcntl(fd, cmd, a2);
	}
}

long sys_flock(u64 a0, u64 a1)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_READ);

	return is_err(fd.file) ? ptr_err(fd.file) : file_flock(fd.file, (int)a1);
}

/* ---- ioctl ---- */

static long set_flag_ioctl(struct file *f, cap_t fd, u32 flag, u64 arg)
{
	u32 on;

	if (get_user_u32((u32 USER *)arg, &on))
		return -EFAULT;
	return set_status_flags(f, fd, on ? f->flags | flag : f->flags & ~flag, true);
}

static long file_ioctl(struct file *f, cap_t fd, u32 cmd, u64 arg)
{
	long ret;

	if (cmd == FIONBIO || cmd == FIOASYNC)
		return set_flag_ioctl(f, fd, cmd == FIONBIO ? O_NONBLOCK : O_ASYNC, arg);
	ret = f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
	if (ret == -ENOTTY && cmd == FIONREAD && S_ISREG(f->inode->mode)) {
		u64 size = f->inode->pages.size_bytes;

		return put_user_u32((u32 USER *)arg, (u32)(size > f->pos ? size - f->pos : 0));
	}
	return ret;
}

long sys_ioctl(u64 a0, u64 a1, u64 a2)
{
	u32 cmd = (u32)a1;
	bool slot = cmd == FIOCLEX || cmd == FIONCLEX; /* not about the file */
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, slot ? 0 : CAP_ADMIN);

	if (is_err(fd.file))
		return ptr_err(fd.file);
	if (slot)
		return MIN(cap_flags(current->caps, (cap_t)a0, cmd == FIOCLEX), 0);
	return file_ioctl(fd.file, (cap_t)a0, cmd, a2);
}
