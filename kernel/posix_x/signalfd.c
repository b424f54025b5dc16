/* signalfd: signals as something to read. Layer: posix_x.
 * The file keeps nothing but the set: who reads or polls it sees its own signals. A signal that
 * comes wakes whoever polls any signalfd, in one queue for all: a queue of the process would go
 * with it while others still wait there. Locks: none. Source: signalfd(2). */
#include <exo/memory.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/native.h>
#include "posix_x_internal.h"

struct waitqueue signalfd_waiters = WAITQUEUE_INIT(signalfd_waiters);

static void to_abi(const struct siginfo *i, struct signalfd_siginfo_abi *out)
{
	memset(out, 0, sizeof(*out));
	out->signo = (u32)i->signo;
	out->error = i->error;
	out->code = i->code;
	if (i->code == SI_TIMER) {
		out->tid = (u32)i->timer.timerid;
		out->overrun = (u32)i->timer.overrun;
		out->value_ptr = i->timer.value;
		out->value_int = (s32)i->timer.value;
	} else if (i->code > 0 && i->code < SI_KERNEL && i->signo == SIGIO) {
		out->band = (u32)i->poll.band;
		out->fd = i->poll.fd;
	} else if (i->code > 0 && i->code < SI_KERNEL && i->signo != SIGCHLD) {
		out->addr = i->fault.addr;
		out->addr_lsb = (u16)i->fault.addr_lsb;
	} else {
		out->pid = (u32)i->kill.pid; /* stands at the same place in all that are left */
		out->uid = i->kill.uid;
		if (i->code > 0 && i->signo == SIGCHLD) {
			out->status = i->chld.status;
			out->utime = (u64)i->chld.utime;
			out->stime = (u64)i->chld.stime;
		} else if (i->code < 0) {
			out->value_ptr = i->kill.value;
			out->value_int = (s32)i->kill.value;
		}
	}
}

static ssize_t signalfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct signalfd_siginfo_abi out;
	struct siginfo info;
	ssize_t done = 0;

	if (u->left < sizeof(out))
		return -EINVAL;
	while (u->left >= sizeof(out)) {
		long signo = signal_wait(READ_ONCE(*(sigset *)f->priv),
			done || f->flags & O_NONBLOCK ? 0 : NS_FOREVER, &info);

		if (signo < 0)
			return done ? done : signo == -EINTR ? -ERESTARTSYS : signo;
		to_abi(&info, &out);
		if (uio_write(u, &out, sizeof(out)) != sizeof(out))
			return done ? done : -EFAULT;
		done += (ssize_t)sizeof(out);
	}
	return done;
}

static u32 signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct process *p = current->proc;
	sigset pending;

	poll_wait(pt, f, &signalfd_waiters);
	pending = p ? READ_ONCE(current_task()->pending.set) | READ_ONCE(p->shared.set) : 0;
	return pending & READ_ONCE(*(sigset *)f->priv) ? POLL_IN | POLL_RDNORM : 0;
}

static const struct file_ops signalfd_ops = {.anon_name = "anon_inode:[signalfd]",
	.exo_type = EXO_TYPE_EVENT,
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = file_free_priv};

int signalfd_change(struct file *f, sigset set)
{
	if (f->ops != &signalfd_ops)
		return -EINVAL;
	WRITE_ONCE(*(sigset *)f->priv, set & ~SIGSET_KERNEL_ONLY);
	wake_all(&signalfd_waiters, POLL_IN | POLL_RDNORM);
	return 0;
}

struct file *signalfd_create(sigset set, u32 o_flags)
{
	sigset *own = kmalloc(sizeof(*own), ALLOC_KERNEL);

	if (!own)
		return err_ptr(-ENOMEM);
	*own = set & ~SIGSET_KERNEL_ONLY;
	return file_create_owning(&signalfd_ops, O_RDWR | (o_flags & O_NONBLOCK), own);
}
