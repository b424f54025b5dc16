/* POSIX message queues. Layer: syscall. */
#include <exo/memory.h>
#include <exo/mqueue.h>
#include <exo/posix_x.h>
#include <exo/syscalls.h>
#include <exo/sysv.h>
#include <exo/vfs.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_time.h>

long sys_mq_open(u64 uname, u64 flags, u64 mode, u64 uattr)
{
	struct path_buf name SCOPED(path_buf_fini);
	int err = path_buf_user(&name, (const char USER *)uname);
	struct mq_attr_abi attr;

	if (uattr && copy_from_user(&attr, (const void USER *)uattr, sizeof(attr)))
		err = -EFAULT;
	if (!err)
		err = fd_reserve(O_CLOEXEC);
	return err < 0 ? err
		       : fd_fill(err,
				 objects_open(&mqueue_fs, name.text,
					 (u32)flags & (O_ACCMODE | O_CREAT | O_EXCL | O_NONBLOCK),
					 (u32)mode, uattr ? &attr : NULL));
}

long sys_mq_unlink(u64 uname)
{
	struct path_buf name SCOPED(path_buf_fini);
	int err = path_buf_user(&name, (const char USER *)uname);

	return err ? err : objects_unlink(&mqueue_fs, name.text);
}

long sys_mq_timedsend(u64 fd, u64 text, u64 len_bytes, u64 priority, u64 utimeout)
{
	ns_t deadline_ns;
	int err = moment_from_user(utimeout, CLOCK_REALTIME, &deadline_ns);

	if (!err && (u32)priority >= MQ_PRIORITY_MAX)
		err = -EINVAL;
	return err ? err
		   : mq_send((cap_t)fd, (const void USER *)text, len_bytes, (u32)priority,
			     deadline_ns);
}

long sys_mq_timedreceive(u64 fd, u64 text, u64 room_bytes, u64 upriority, u64 utimeout)
{
	struct ipc_message *m SCOPED(kfree_at) = NULL;
	ns_t deadline_ns;
	int err = moment_from_user(utimeout, CLOCK_REALTIME, &deadline_ns);

	m = err ? err_ptr(err) : mq_receive((cap_t)fd, room_bytes, deadline_ns);
	if (is_err(m))
		return ptr_err(m);
	if ((upriority && put_user_u32((u32 USER *)upriority, (u32)m->type)) ||
		copy_to_user((void USER *)text, m->text, m->len_bytes))
		return -EFAULT;
	return (long)m->len_bytes;
}

long sys_mq_notify(u64 fd, u64 uevent)
{
	struct sigevent_abi event;

	if (!uevent)
		return mq_notify((cap_t)fd, NULL);
	if (copy_from_user(&event, (const void USER *)uevent, sizeof(event)))
		return -EFAULT;
	if ((event.notify != SIGEV_NONE && event.notify != SIGEV_SIGNAL) ||
		(u32)event.signo > SIGNALS_MAX)
		return -EINVAL;
	return mq_notify((cap_t)fd, &event);
}

long sys_mq_getsetattr(u64 fd, u64 unew, u64 uold)
{
	struct mq_attr_abi new, old;
	int err;

	if (unew && copy_from_user(&new, (const void USER *)unew, sizeof(new)))
		return -EFAULT;
	if (unew && new.flags & ~(s64)O_NONBLOCK)
		return -EINVAL;
	err = mq_attributes((cap_t)fd, unew ? &new : NULL, &old);
	if (!err && uold && copy_to_user((void USER *)uold, &old, sizeof(old)))
		err = -EFAULT;
	return err;
}
