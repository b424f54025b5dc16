/* Signals. Layer: syscall. */
#include <exo/posix_calls.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_fs.h>

#include "handlers.h"

static int sigset_from_user(sigset *set, u64 from, u64 size)
{
	return size == sizeof(*set) ? copy_from_user(set, (const void USER *)from, size) : -EINVAL;
}

long sys_rt_sigaction(u64 signo, u64 unew, u64 uold, u64 size)
{
	struct k_sigaction new, old;
	int err;

	if (size != sizeof(sigset))
		return -EINVAL;
	if (unew && copy_from_user(&new, (const void USER *)unew, sizeof(new)))
		return -EFAULT;
	err = signal_action_set((int)signo, unew ? &new : NULL, &old);
	if (!err && uold && copy_to_user((void USER *)uold, &old, sizeof(old)))
		return -EFAULT;
	return err;
}

long sys_rt_sigprocmask(u64 how, u64 uset, u64 uold, u64 size)
{
	sigset set, old;
	int err;

	if (size != sizeof(sigset))
		return -EINVAL;
	if (uset && get_user_u64((u64 USER *)uset, &set))
		return -EFAULT;
	err = signal_mask_change((int)how, uset ? &set : NULL, &old);
	if (!err && uold && put_user_u64((u64 USER *)uold, old))
		return -EFAULT;
	return err;
}

long sys_rt_sigreturn(void)
{
	struct trap_frame *f = arch_thread_frame(current);
	struct sigstack_abi alt;
	u64 mask;

	if (arch_signal_return(f, &mask, &alt)) {
		signal_force(SIGSEGV, SI_KERNEL, 0);
		return 0;
	}
	signal_state_restore(mask, &alt);
	return tf_ret(f);
}

long sys_rt_sigpending(u64 uset, u64 size)
{
	if (size > sizeof(sigset))
		return -EINVAL;
	sigset set = signal_pending_get();

	return copy_to_user((void USER *)uset, &set, size);
}

long sys_rt_sigsuspend(u64 umask, u64 size)
{
	sigset mask;
	int err = sigset_from_user(&mask, umask, size);

	return err ? err : signal_suspend(mask);
}

long sys_rt_sigtimedwait(u64 uset, u64 uinfo, u64 utimeout, u64 size)
{
	struct siginfo info;
	ns_t deadline;
	sigset set;
	long signo;
	int err = sigset_from_user(&set, uset, size);

	if (!err)
		err = moment_from_user(utimeout, CLOCK_FROM_NOW, &deadline);
	if (err)
		return err;
	signo = signal_wait(set, deadline, &info);
	if (signo > 0 && uinfo && copy_to_user((void USER *)uinfo, &info, sizeof(info)))
		return -EFAULT;
	return signo;
}

long sys_sigaltstack(u64 unew, u64 uold)
{
	struct sigstack_abi new, old;
	int err;

	if (unew && copy_from_user(&new, (const void USER *)unew, sizeof(new)))
		return -EFAULT;
	err = signal_altstack(unew ? &new : NULL, &old, tf_sp(arch_thread_frame(current)));
	return err || !uold ? err : copy_to_user((void USER *)uold, &old, sizeof(old));
}

long sys_tgkill(u64 tgid, u64 tid, u64 signo)
{
	if ((pid_t)tgid <= 0 || (pid_t)tid <= 0)
		return -EINVAL;
	return signal_tgkill((pid_t)tgid, (pid_t)tid, (int)signo);
}

long sys_tkill(u64 tid, u64 signo)
{
	if ((pid_t)tid <= 0)
		return -EINVAL;
	return signal_tgkill(0, (pid_t)tid, (int)signo);
}

int siginfo_from_user(struct siginfo *info, u64 from)
{
	memset(info, 0, sizeof(*info));
	return copy_from_user(info, (const void USER *)from, SIGINFO_USED_BYTES) ? -EFAULT : 0;
}

long call_signal_queue(u64 pid, u64 tid, u64 signo, u64 uinfo, bool to_thread)
{
	struct siginfo info;

	if (siginfo_from_user(&info, uinfo))
		return -EFAULT;
	info.signo = (s32)signo;
	if (to_thread && ((pid_t)pid <= 0 || (pid_t)tid <= 0))
		return -EINVAL;
	return signal_queue_user((pid_t)pid, (pid_t)tid, &info);
}

long sys_restart_syscall(void)
{
	struct restart_block *rb = restart_block_current();

	return rb->fn ? rb->fn(rb) : -EINTR;
}

long sys_signalfd4(u64 a0, u64 umask, u64 size, u64 o_flags)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_WRITE);
	sigset set;
	int err = sigset_from_user(&set, umask, size);

	if (!err && o_flags & ~(u64)(O_CLOEXEC | O_NONBLOCK))
		err = -EINVAL;
	if (!err && (s32)a0 == -1)
		return fd_install_new(signalfd_create(set, (u32)o_flags), (u32)o_flags);
	if (!err)
		err = is_err(fd.file) ? (int)ptr_err(fd.file) : signalfd_change(fd.file, set);
	return err ? err : (long)(s32)a0;
}
