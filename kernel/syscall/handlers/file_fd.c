/* System calls on descriptors: close, dup, fcntl, ioctl, flock. Layer: syscall.
 * Sources: close(2) close_range(2) dup(2) fcntl(2) ioctl(2) flock(2). */
#include <arch/uaccess.h>
#include <exo/posix_x.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>

#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u
#define SETFL_FLAGS         (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

static u32 fd_limit(void)
{
	return (u32)MIN(rlimit_current(RLIM_NOFILE), (u64)INT32_MAX);
}

long sys_close(u64 fd)
{
	return cap_close(current->caps, (cap_t)fd);
}

long sys_close_range(u64 first, u64 last, u64 flags)
{
	struct cap_space *s = current->caps;
	u32 from = (u32)first, to = (u32)last, f = (u32)flags;

	if (f & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || from > to)
		return -EINVAL;
	if (f & CLOSE_RANGE_UNSHARE && __atomic_load_n(&s->refs, __ATOMIC_RELAXED) > 1)
		return -EINVAL;
	if (!(f & CLOSE_RANGE_CLOEXEC)) {
		cap_close_range(s, from, to, false);
		return 0;
	}
	for (cap_t fd = from > INT32_MAX ? -1 : cap_next(s, (cap_t)from); fd >= 0 && (u32)fd <= to; fd = cap_next(s, fd + 1)) {
		u32 old;

		if (!cap_get_flags(s, fd, &old))
			(void)!cap_set_flags(s, fd, old | CAP_CLOEXEC); /* closed meanwhile: nothing to mark */
	}
	return 0;
}

static long dup_from(cap_t fd, u64 from, u32 flags)
{
	struct grant *g = cap_get_grant(current->caps, fd);
	u32 limit = fd_limit();
	cap_t new;

	if (is_err(g))
		return ptr_err(g);
	new = from >= limit ? -EINVAL : cap_install(current->caps, g, flags, (cap_t)from, limit);
	if (new < 0)
		grant_put(g);
	return new;
}

long sys_dup(u64 fd)
{
	return dup_from((cap_t)fd, 0, 0);
}

static long dup_to(cap_t fd, cap_t new, u32 flags)
{
	struct grant *g = cap_get_grant(current->caps, fd);
	int err;

	if (is_err(g))
		return ptr_err(g);
	err = cap_replace(current->caps, new, g, flags, fd_limit());
	if (err)
		grant_put(g);
	return err ? err : new;
}

long sys_dup2(u64 fd, u64 new)
{
	u32 flags;

	if ((cap_t)fd == (cap_t)new) {
		int err = cap_get_flags(current->caps, (cap_t)fd, &flags);

		return err ? err : (cap_t)fd;
	}
	return dup_to((cap_t)fd, (cap_t)new, 0);
}

long sys_dup3(u64 fd, u64 new, u64 flags)
{
	if ((u32)flags & ~O_CLOEXEC || (cap_t)fd == (cap_t)new)
		return -EINVAL;
	return dup_to((cap_t)fd, (cap_t)new, (u32)flags & O_CLOEXEC ? CAP_CLOEXEC : 0);
}

/* ---- fcntl ---- */

static long fcntl_setfl(struct file *f, u32 new)
{
	u32 old = f->flags, now = (old & ~SETFL_FLAGS) | (new & SETFL_FLAGS);

	if (new & O_ASYNC)
		return -EINVAL; /* no SIGIO yet */
	if (now & ~old & O_NOATIME && current->cred->fsuid != f->inode->uid && !cred_capable(current->cred, LCAP_FOWNER))
		return -EPERM;
	if (now & ~old & O_DIRECT && !S_ISFIFO(f->inode->mode))
		return -EINVAL;
	__atomic_store_n(&f->flags, now, __ATOMIC_RELAXED);
	if (f->ops->flags_changed) {
		int err = f->ops->flags_changed(f, old);

		if (err) {
			__atomic_store_n(&f->flags, old, __ATOMIC_RELAXED);
			return err;
		}
	}
	return 0;
}

static long fcntl_lock(struct file *f, int cmd, u64 arg)
{
	struct linux_flock fl;
	long err;

	if (copy_from_user(&fl, (const void USER *)arg, sizeof(fl)))
		return -EFAULT;
	err = file_lock_fcntl(f, cmd, &fl);
	if (!err && (cmd == F_GETLK || cmd == F_OFD_GETLK) && copy_to_user((void USER *)arg, &fl, sizeof(fl)))
		err = -EFAULT;
	return err;
}

#define F_OWNER_PID_TYPE  1
#define F_OWNER_PGRP_TYPE 2

static long fcntl_owner_ex(struct file *f, bool set, u64 arg)
{
	struct linux_owner_ex o;

	if (!set) {
		o.type = f->owner_pid < 0 ? F_OWNER_PGRP_TYPE : F_OWNER_PID_TYPE;
		o.pid = f->owner_pid < 0 ? -f->owner_pid : f->owner_pid;
		return copy_to_user((void USER *)arg, &o, sizeof(o));
	}
	if (copy_from_user(&o, (const void USER *)arg, sizeof(o)))
		return -EFAULT;
	if (o.pid < 0 || o.type < 0 || o.type > F_OWNER_PGRP_TYPE)
		return -EINVAL;
	f->owner_pid = o.type == F_OWNER_PGRP_TYPE ? -o.pid : o.pid;
	return 0;
}

static long fcntl_file(struct file *f, int cmd, u64 arg)
{
	switch (cmd) {
	case F_GETFL:
		return f->flags;
	case F_SETFL:
		return fcntl_setfl(f, (u32)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return fcntl_lock(f, cmd, arg);
	case F_SETOWN:
		f->owner_pid = (s32)arg;
		return 0;
	case F_GETOWN:
		return f->owner_pid;
	case F_SETOWN_EX:
	case F_GETOWN_EX:
		return fcntl_owner_ex(f, cmd == F_SETOWN_EX, arg);
	case F_SETSIG:
		if (arg > SIGNALS_MAX)
			return -EINVAL;
		f->owner_signo = (u32)arg;
		return 0;
	case F_GETSIG:
		return f->owner_signo;
	case F_SETPIPE_SZ:
		return pipe_resize(f, (u32)arg);
	case F_GETPIPE_SZ:
		return pipe_size(f);
	case F_ADD_SEALS:
		return f->mode & FMODE_WRITE ? file_add_seals(f, (u32)arg) : -EPERM;
	case F_GET_SEALS:
		return file_get_seals(f);
	default:
		return -EINVAL;
	}
}

long sys_fcntl(u64 fd, u64 cmd, u64 arg)
{
	bool borrowed;
	struct file *f;
	u32 flags;
	long ret;

	switch ((u32)cmd) { /* these look at the slot only */
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return dup_from((cap_t)fd, (u32)arg, (u32)cmd == F_DUPFD_CLOEXEC ? CAP_CLOEXEC : 0);
	case F_GETFD:
		ret = cap_get_flags(current->caps, (cap_t)fd, &flags);
		return ret ? ret : flags & CAP_CLOEXEC ? FD_CLOEXEC : 0;
	case F_SETFD:
		return cap_set_flags(current->caps, (cap_t)fd, arg & FD_CLOEXEC ? CAP_CLOEXEC : 0);
	}
	f = (u32)cmd == F_GETFL ? fd_file_path((cap_t)fd, 0, &borrowed) : fd_file((cap_t)fd, 0, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	ret = fcntl_file(f, (int)cmd, arg);
	fd_file_release(f, borrowed);
	return ret;
}

/* ---- ioctl ---- */

static long ioctl_nonblock(struct file *f, u64 arg)
{
	u32 on;

	if (get_user_u32((u32 USER *)arg, &on))
		return -EFAULT;
	return fcntl_setfl(f, (f->flags & ~O_NONBLOCK) | (on ? O_NONBLOCK : 0));
}

static long ioctl_file(struct file *f, cap_t fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case FIOCLEX:
		return cap_set_flags(current->caps, fd, CAP_CLOEXEC);
	case FIONCLEX:
		return cap_set_flags(current->caps, fd, 0);
	case FIONBIO:
		return ioctl_nonblock(f, arg);
	case FIONREAD:
		if (!S_ISREG(f->inode->mode))
			break;
		return put_user_u32((u32 USER *)arg, (u32)(f->inode->pages.size_bytes - f->pos));
	case FIOQSIZE:
		if (!S_ISREG(f->inode->mode) && !S_ISDIR(f->inode->mode) && !S_ISLNK(f->inode->mode))
			return -ENOTTY;
		return put_user_u64((u64 USER *)arg, f->inode->pages.size_bytes);
	}
	return f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
}

long sys_ioctl(u64 fd, u64 cmd, u64 arg)
{
	bool borrowed;
	struct file *f = fd_file((cap_t)fd, 0, &borrowed);
	long ret;

	if (is_err(f))
		return ptr_err(f);
	ret = ioctl_file(f, (cap_t)fd, (u32)cmd, arg);
	fd_file_release(f, borrowed);
	return ret;
}

long sys_flock(u64 fd, u64 op)
{
	bool borrowed;
	struct file *f = fd_file((cap_t)fd, 0, &borrowed);
	long ret;

	if (is_err(f))
		return ptr_err(f);
	ret = file_lock_flock(f, (int)op);
	fd_file_release(f, borrowed);
	return ret;
}
