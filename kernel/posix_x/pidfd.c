/* A process or a thread as a file descriptor: it stays that one though its number be given again.
 * Layer: posix_x.
 *
 * The file holds a reference on the process and is readable once that has ended. Polls sleep on the
 * process's alone_wq.
 *
 * Source: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), clone(2) CLONE_PIDFD, waitid(2)
 * P_PIDFD. */
#include <exo/fs.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/native.h>
#include "posix_x_internal.h"

static u32 pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct process *p = f->priv;

	poll_wait(pt, f, &p->alone_wq);
	return READ_ONCE(p->state) == PROC_LIVE ? 0 : POLL_IN | POLL_RDNORM;
}

static void pidfd_release(struct file *f)
{
	process_put(f->priv);
}

static const struct file_ops pidfd_ops = {.anon_name = "anon_inode:[pidfd]",
	.exo_type = EXO_TYPE_PROCESS,
	.poll = pidfd_poll,
	.release = pidfd_release};

/* pidfd_create - a file for @p, which gets one more reference. Return: file | err_ptr(-ENOMEM). */
struct file *pidfd_create(struct process *p, u32 o_flags)
{
	struct file *f = file_create(&pidfd_ops, NULL, O_RDWR | o_flags, p);

	if (!is_err(f))
		process_get(p);
	return f;
}

/* ---- threads ---- */

static u32 thread_poll(struct file *f, struct poll_table *pt)
{
	struct thread *t = f->priv;

	poll_wait(pt, f, &t->proc->alone_wq);
	return task_ended(task_of(t)) ? POLL_IN | POLL_RDNORM : 0;
}

static void thread_release(struct file *f)
{
	thread_put(f->priv);
}

static const struct file_ops thread_ops = {.anon_name = "anon_inode:[thread]",
	.exo_type = EXO_TYPE_THREAD,
	.poll = thread_poll,
	.release = thread_release};

long thread_open(pid_t tid, u32 o_flags)
{
	struct thread *t SCOPED(thread_put_at) = thread_find(tid ? tid : current->tid);
	struct file *f;

	if (!t || t->proc != current->proc)
		return -ESRCH;
	f = file_create(&thread_ops, NULL, O_RDWR, t);
	if (!is_err(f))
		thread_get(t);
	return fd_install_new(f, o_flags);
}

/* ---- processes ---- */

long pidfd_open(pid_t pid, u32 flags)
{
	struct process *p SCOPED(process_put_at) = process_find(pid);
	/* a thread that is not the first of its process has no descriptor */
	struct thread *t SCOPED(thread_put_at) = thread_find(pid);

	if ((flags & ~O_NONBLOCK) || pid <= 0)
		return -EINVAL;
	if (!p)
		return t ? -EINVAL : -ESRCH;
	return fd_install_new(pidfd_create(p, flags), O_CLOEXEC);
}

/* pidfd_process - the process behind descriptor @fd, +1, and whether it was opened O_NONBLOCK.
 * err_ptr(-EBADF | -EACCES | -EKEYREVOKED). */
struct process *pidfd_process(cap_t nr, u32 rights, bool *nonblock)
{
	struct fd fd SCOPED(fd_put) = fd_get(nr, rights);
	struct process *p;

	if (is_err(fd.file))
		return (struct process *)fd.file;
	if (fd.file->ops != &pidfd_ops)
		return err_ptr(-EBADF);
	p = fd.file->priv;
	process_get(p);
	*nonblock = fd.file->flags & O_NONBLOCK;
	return p;
}

/* pidfd_signal - @info NULL: as kill(2) would send it. A directory /proc/PID is as good as a pidfd,
 * as it was before there was pidfd_open(2). */
long pidfd_signal(cap_t nr, int signo, struct siginfo *info)
{
	struct fd fd SCOPED(fd_put) = fd_get(nr, CAP_SIGNAL);
	struct process *p SCOPED(process_put_at) = NULL;

	if (is_err(fd.file))
		return ptr_err(fd.file);
	if (fd.file->ops == &pidfd_ops)
		return signal_to_process(fd.file->priv, signo, info);
	if (fd.file->ops == &thread_ops)
		return info ? -EINVAL : signal_to_thread(fd.file->priv, signo);
	p = proc_dir_process(fd.file);
	if (is_err(p))
		return ptr_err(p);
	if (cap_confined()) /* found by its number, a global name */
		return -EPERM;
	return signal_to_process(p, signo, info);
}

/* pidfd_grant - what descriptor @target of the process behind @fd names, +1. err_ptr(-EBADF |
 * -ESRCH it has ended | -EPERM it may not be looked into | -EACCES no CAP_TRANSFER). */
struct grant *pidfd_grant(cap_t fd, cap_t target)
{
	bool nonblock;
	struct process *p SCOPED(process_put_at) = pidfd_process(fd, CAP_ADMIN, &nonblock);
	struct thread *t SCOPED(thread_put_at) = NULL;
	struct cap_space *caps;
	struct grant *g;

	if (is_err(p))
		return (struct grant *)p;
	t = p->state == PROC_LIVE ? thread_find(p->nr) : NULL;
	caps = t ? process_caps(p) : NULL;
	if (!caps)
		return err_ptr(-ESRCH);
	g = process_may_trace(t) ? cap_get_gift(caps, target) : err_ptr(-EPERM);
	cap_space_put(caps);
	return g;
}
