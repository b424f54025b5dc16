/* Processes and threads: clone and its kin, exit, wait, ids, groups, sessions, prctl. Layer:
 * syscall. */
#include <exo/posix_calls.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_process.h>

/* clone(flags, stack, parent_tid, child_tid, tls): the order of x86_64. */
long sys_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls)
{
	struct clone_request r = {
		.flags = (u32)flags & ~CLONE_SIGNAL_MASK,
		.exit_signal = flags & CLONE_SIGNAL_MASK,
		.stack = stack,
		.tls = tls,
		.parent_tid = (u32 USER *)parent_tid,
		.pidfd = (u32 USER *)parent_tid, /* one word for both, so not both */
		.child_tid = (u32 USER *)child_tid,
	};

	if ((flags & CLONE_PIDFD) && (flags & (CLONE_PARENT_SETTID | CLONE_DETACHED)))
		return -EINVAL;
	return process_clone(&r, arch_thread_frame(current));
}

long sys_clone3(u64 uargs, u64 size)
{
	struct clone_args_abi a;
	struct clone_request r;
	u32 tid = 0;
	int err = user_struct_get(&a, sizeof(a), CLONE_ARGS_SIZE_VER0, uargs, size);

	if (err)
		return err;
	if (!a.set_tid != !a.set_tid_size || a.set_tid_size > 1) /* a number for each level */
		return -EINVAL;
	if (a.set_tid && get_user_u32((u32 USER *)a.set_tid, &tid))
		return -EFAULT;
	if ((a.set_tid && !tid) ||
		(a.flags & (CLONE_DETACHED | (CLONE_SIGNAL_MASK & ~CLONE_NEWTIME))) ||
		(a.flags & ~0x3ffffffffULL) || a.exit_signal > SIGNALS_MAX ||
		((a.flags & (CLONE_THREAD | CLONE_PARENT)) && a.exit_signal))
		return -EINVAL;
	if (!a.stack != !a.stack_size ||
		(a.stack && !user_range_ok((const void USER *)a.stack, a.stack_size)))
		return -EINVAL;
	if (a.flags & CLONE_NEWTIME)
		return -EINVAL;
	r = (struct clone_request){
		.flags = a.flags,
		.exit_signal = (u32)a.exit_signal,
		.tid = (pid_t)tid,
		.stack = a.stack + a.stack_size,
		.tls = a.tls,
		.parent_tid = (u32 USER *)a.parent_tid,
		.pidfd = (u32 USER *)a.pidfd,
		.child_tid = (u32 USER *)a.child_tid,
	};
	return process_clone(&r, arch_thread_frame(current));
}

long sys_exit(u64 code)
{
	process_exit_current((s32)(code & 0xff) << 8);
}

long sys_exit_group(u64 code)
{
	process_group_exit((s32)(code & 0xff) << 8);
}

static int put_rusage(const struct usage *u, u64 to)
{
	struct rusage_abi r = {.utime_sec = (s64)(u->utime_ns / NS_PER_SEC),
		.utime_usec = (s64)(u->utime_ns % NS_PER_SEC / NS_PER_US),
		.stime_sec = (s64)(u->stime_ns / NS_PER_SEC),
		.stime_usec = (s64)(u->stime_ns % NS_PER_SEC / NS_PER_US),
		.maxrss = (s64)u->maxrss_kb,
		.minflt = (s64)u->min_flt,
		.majflt = (s64)u->maj_flt,
		.nvcsw = (s64)u->vcsw,
		.nivcsw = (s64)u->ivcsw};

	return copy_to_user((void USER *)to, &r, sizeof(r));
}

long sys_wait4(u64 pid, u64 status, u64 options, u64 rusage)
{
	struct wait_request w = {.options = (u32)options | WEXITED};
	pid_t nr = (pid_t)pid;
	long err;

	if ((u32)options &
		~(u32)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (nr == INT32_MIN)
		return -ESRCH;
	w.type = nr == -1 ? P_ALL : nr > 0 ? P_PID : P_PGID;
	w.id = nr > 0 ? nr : nr == 0 ? process_pgid(current->proc) : -nr;
	err = process_wait(&w);
	if (err || !w.pid)
		return err;
	if (status && put_user_u32((u32 USER *)status, (u32)w.status))
		return -EFAULT;
	if (rusage && put_rusage(&w.usage, rusage))
		return -EFAULT;
	return w.pid;
}

static void wait_siginfo(const struct wait_request *w, struct siginfo *info)
{
	memset(info, 0, sizeof(*info));
	if (!w->pid)
		return;
	info->signo = SIGCHLD;
	info->chld.pid = w->pid;
	info->chld.uid = w->uid;
	if (w->status == 0xffff) {
		info->code = CLD_CONTINUED;
		info->chld.status = SIGCONT;
	} else if ((w->status & 0xff) == 0x7f) {
		info->code = w->trapped ? CLD_TRAPPED : CLD_STOPPED;
		info->chld.status = w->status >> 8;
	} else {
		siginfo_end(info, w->status);
	}
}

/* P_PIDFD: the process behind the descriptor; one opened O_NONBLOCK does not sleep. Return: its
 * number | -EBADF. */
static long wait_target(struct wait_request *w, bool *nonblock)
{
	struct process *p SCOPED(process_put_at) = pidfd_process((cap_t)w->id, CAP_WAIT, nonblock);

	if (is_err(p))
		return ptr_err(p);
	w->type = P_PID;
	w->id = process_pid(p);
	return 0;
}

long sys_waitid(u64 type, u64 id, u64 uinfo, u64 options, u64 rusage)
{
	struct wait_request w = {.type = (int)type, .id = (pid_t)id, .options = (u32)options};
	struct siginfo info;
	bool nonblock = false;
	long err = 0;

	if ((u32)options & ~(u32)(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED |
				   __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (!((u32)options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	if (w.type < P_ALL || w.type > P_PIDFD || (w.type == P_PID && w.id <= 0) ||
		(w.type >= P_PGID && w.id < 0))
		return -EINVAL;
	if (w.type == P_PIDFD)
		err = wait_target(&w, &nonblock);
	if (err)
		return err;
	if (nonblock)
		w.options |= WNOHANG;
	err = process_wait(&w);
	if (!err && !w.pid && nonblock && !(options & WNOHANG))
		err = -EAGAIN;
	if (err)
		return err;
	wait_siginfo(&w, &info);
	/* Linux writes these fields and no others. */
	if (uinfo && (copy_to_user((void USER *)uinfo, &info, 12) ||
			     copy_to_user((void USER *)(uinfo + 16), &info.chld, 12)))
		return -EFAULT;
	if (rusage && w.pid && put_rusage(&w.usage, rusage))
		return -EFAULT;
	return 0;
}

long sys_pidfd_send_signal(u64 fd, u64 signo, u64 uinfo, u64 flags)
{
	struct siginfo info;

	if (flags)
		return -EINVAL;
	if (uinfo && siginfo_from_user(&info, uinfo))
		return -EFAULT;
	return pidfd_signal((cap_t)fd, (int)signo, uinfo ? &info : NULL);
}

long sys_getrusage(u64 who, u64 to)
{
	struct usage u;

	if ((int)who != RUSAGE_SELF && (int)who != RUSAGE_CHILDREN && (int)who != RUSAGE_THREAD)
		return -EINVAL;
	process_usage(current->proc, (int)who, &u);
	return put_rusage(&u, to);
}

long sys_times(u64 to)
{
	const u64 tick = NS_PER_SEC / USER_HZ;
	struct usage own, children;
	s64 out[4];

	if (to) {
		process_usage(current->proc, RUSAGE_SELF, &own);
		process_usage(current->proc, RUSAGE_CHILDREN, &children);
		out[0] = (s64)(own.utime_ns / tick);
		out[1] = (s64)(own.stime_ns / tick);
		out[2] = (s64)(children.utime_ns / tick);
		out[3] = (s64)(children.stime_ns / tick);
		if (copy_to_user((void USER *)to, out, sizeof(out)))
			return -EFAULT;
	}
	return (long)(clock_monotonic() / tick);
}

long sys_acct(u64 name)
{
	struct path_buf b SCOPED(path_buf_fini);
	struct file *f = NULL;
	long err = 0;

	b.heap = NULL;
	if (!cred_capable(current->cred, LCAP_SYS_PACCT))
		return -EPERM;
	if (name)
		err = path_buf_user(&b, (const char USER *)name);
	if (name && !err)
		f = vfs_open_text(AT_FDCWD, b.text, O_WRONLY | O_APPEND, 0, 0);
	return err ? err : is_err(f) ? ptr_err(f) : acct_set(f);
}
