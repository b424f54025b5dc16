/* Native calls that make memory, timers, events, interrupts, wait for them, and reach a socket
 * below a directory. Layer: syscall. The objects are those of the Linux calls. Source:
 * docs/specs/CAPABILITY_SYSTEM.md. */
#include <exo/drivers.h>
#include <exo/fs.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/security.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_net.h>
#include <exo_abi/native.h>
#include <arch/uaccess.h>

#include "../../fs/poll/epoll.h"
#include "../../fs/poll/poll_set.h"
#include "socket_calls.h"

static u32 slot_flags(u64 flags)
{
	return flags & EXO_CAP_CLOEXEC ? O_CLOEXEC : 0;
}

long exo_mem_create(u64 a0, u64 a1)
{
	struct file *f;
	int err;

	if (!a0 || a1 & ~(u64)EXO_CAP_CLOEXEC)
		return -EINVAL;
	f = memfd_create_file("memfd:", "exo", true);
	if (is_err(f))
		return ptr_err(f);
	err = (s64)a0 < 0 ? -EFBIG : file_truncate(f->inode, a0, f);
	if (!err)
		err = tmpfs_add_seals(f->inode, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
	if (!err)
		return fd_install_new(f, slot_flags(a1));
	file_put(f);
	return err;
}

/* ---- events ---- */

long exo_event_create(u64 a0, u64 a1)
{
	if (a0 == ~0ULL || a1 & ~(u64)(EXO_CAP_CLOEXEC | EXO_EVENT_ONE_BY_ONE))
		return -EINVAL;
	return fd_install_new(
		eventfd_create_file(a0, 0, a1 & EXO_EVENT_ONE_BY_ONE), slot_flags(a1));
}

long exo_event_signal(u64 a0, u64 a1)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_SIGNAL);

	return is_err(fd.file) ? ptr_err(fd.file) : eventfd_add(fd.file, a1);
}

/* ---- timers ---- */

long exo_timer_create(u64 a0, u64 a1)
{
	if (a1 & ~(u64)EXO_CAP_CLOEXEC)
		return -EINVAL;
	return fd_install_new(timerfd_create_file((int)a0, 0), slot_flags(a1));
}

long exo_timer_set(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct itimer_ns new = {.value_ns = a1, .interval_ns = a2}, old;
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_SIGNAL);

	if (a3 & ~(u64)EXO_TIMER_ABSOLUTE)
		return -EINVAL;
	if (is_err(fd.file))
		return ptr_err(fd.file);
	return timerfd_setting(fd.file, (u32)a3, &new, &old);
}

/* ---- interrupts ---- */

long exo_interrupt_open(u64 a0, u64 a1)
{
	if (a1 & ~(u64)EXO_CAP_CLOEXEC)
		return -EINVAL;
	if (cap_confined() || !cred_capable(current->cred, LCAP_SYS_RAWIO))
		return -EPERM;
	return fd_install_new(irq_line_open((u32)a0), slot_flags(a1));
}

/* ---- waiting ---- */

/* Why the capability of an item cannot be waited for. */
static long wait_refusal(cap_t cap)
{
	struct object *o = cap_get(current->caps, cap, CAP_WAIT);

	if (is_err(o))
		return ptr_err(o);
	object_put(o);
	return -EBADF;
}

/* One look at all. Items that are ready | -errno. */
static long wait_round(struct poll_set *set, struct exo_wait_item *items, u32 count)
{
	long ready = 0;

	for (u32 i = 0; i < count; i++) {
		struct exo_wait_item *w = &items[i];
		u32 seen = w->flags & EXO_WAIT_EDGE ? w->seen : 0,
		    now = poll_set_ask(set, w->cap, w->events, seen);

		if (now & POLL_NVAL)
			return wait_refusal(w->cap);
		w->ready = now & ~seen;
		w->seen = now;
		ready += w->ready != 0;
	}
	return ready;
}

static long wait_rounds(struct exo_wait_item *items, u32 count, ns_t deadline)
{
	struct poll_set set;
	long ready;

	poll_set_init(&set, deadline != 0);
	do
		ready = wait_round(&set, items, count);
	while (poll_set_again(&set, deadline, &ready));
	poll_set_fini(&set);
	return ready;
}

long exo_wait_many(u64 a0, u64 a1, u64 a2)
{
	struct exo_wait_item on_stack[8], *items = on_stack;
	size_t bytes = a1 * sizeof(*items);
	long ret;

	if (a1 > EXO_WAIT_ITEMS_MAX)
		return -EINVAL;
	if (a1 > ARRAY_LEN(on_stack))
		items = kmalloc(bytes, ALLOC_KERNEL);
	if (!items)
		return -ENOMEM;
	ret = copy_from_user(items, (const void USER *)a0, bytes) ? -EFAULT : 0;
	for (u32 i = 0; i < a1 && !ret; i++)
		if (items[i].flags & ~EXO_WAIT_EDGE || items[i].reserved ||
			items[i].events & ~(u32)(EXO_WAIT_READ | EXO_WAIT_WRITE))
			ret = -EINVAL;
	if (!ret)
		ret = wait_rounds(items, (u32)a1, a2);
	if (ret >= 0 && copy_to_user((void USER *)a0, items, bytes))
		ret = -EFAULT;
	if (items != on_stack)
		kfree(items);
	return ret;
}

/* The right to connect is asked of the walk, which begins at the same capability that it checks. */
long exo_socket_connect(u64 a0, u64 a1, u64 a2)
{
	struct sockaddr_k a = {.family = AF_UNIX,
		.dir = (cap_t)a1,
		.lookup_flags = LOOKUP_FOLLOW | LOOKUP_BENEATH | LOOKUP_NEED(CAP_CONNECT)};
	struct sock_ref r SCOPED(sock_put) = sock_get(a0, CAP_CONNECT);
	long ret;

	if (a.dir < 0)
		return -EBADF;
	ret = strncpy_from_user((char *)a.data, (const char USER *)a2, UNIX_PATH_MAX);
	if (ret < 0)
		return ret;
	if (!ret || a.data[0] == '/')
		return ret ? -EPERM : -ENOENT;
	a.len_bytes = 2 + (u32)ret;
	if (is_err(r.socket))
		return ptr_err(r.socket);
	ret = r.socket->ops->connect(r.socket, &a, r.file->flags);
	return ret == -EXDEV ? -EPERM : ret; /* the walk's word for a way out */
}
