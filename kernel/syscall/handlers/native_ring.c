/* Native calls on rings, channels and pools. Layer: syscall.
 * Source: docs/specs/IPC_PROTOCOL.md. */
#include <exo/errno.h>
#include <exo/ipc.h>
#include <exo/memory.h>
#include <exo/net.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/native.h>
#include <arch/uaccess.h>

static void unreserve_slots(const cap_t *fds, u32 count)
{
	for (u32 i = 0; i < count; i++)
		cap_unreserve(current->caps, fds[i]);
}

/* Reserves @count slots. 0 | -EMFILE | -ENOMEM, and then none is kept. */
static int reserve_slots(cap_t *fds, u32 count, u32 slot_flags)
{
	for (u32 i = 0; i < count; i++) {
		fds[i] = cap_reserve(current->caps, slot_flags, fd_limit());
		if (fds[i] < 0) {
			unreserve_slots(fds, i);
			return fds[i];
		}
	}
	return 0;
}

long exo_ring_create(u64 a0, u64 a1, u64 a2)
{
	struct exo_ring_params u;
	struct ipc_params p;
	struct file *ends[2];
	int err = user_struct_get(&u, sizeof(u), 12, a0, a1);

	if (err)
		return err;
	if (u.flags & ~(EXO_RING_DUPLEX | EXO_RING_CLOEXEC))
		return -EINVAL;
	p = (struct ipc_params){u.kind, u.slots, u.flags & EXO_RING_DUPLEX};
	err = ipc_ring_create(&p, ends);
	if (err)
		return err;
	return fd_install_pair(ends, (s32 USER *)a2, u.flags & EXO_RING_CLOEXEC ? O_CLOEXEC : 0);
}

long exo_ring_wake(u64 a0)
{
	struct fd end SCOPED(fd_put) = fd_get((cap_t)a0, CAP_WAIT);

	return is_err(end.file) ? ptr_err(end.file) : ipc_wake(end.file);
}

long exo_ring_wait(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_WAIT);
	struct file *f = fd.file;
	long ret;

	if (is_err(f))
		return ptr_err(f);
	ret = (cap_t)a3 < 0 ? 0 : (cap_t)a3 == (cap_t)a0 ? ipc_wake(f) : exo_ring_wake(a3);
	return ret ? ret : ipc_wait(f, (u32)a1, a2);
}

long exo_ring_info(u64 a0, u64 a1, u64 a2)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_STAT);
	struct exo_ring_info u = {0};
	struct ipc_info info;
	int err = is_err(fd.file) ? (int)ptr_err(fd.file) : ipc_info(fd.file, &info);

	if (err)
		return err;
	u = (struct exo_ring_info){.kind = info.kind,
		.slots = info.slots,
		.rings = info.rings,
		.side = info.side,
		.ring_bytes = info.ring_bytes,
		.wakes = info.wakes,
		.peer_gone = info.peer_gone};
	return user_struct_put(a1, a2, 24, &u, sizeof(u));
}

long exo_pool_create(u64 a0, u64 a1, u64 a2)
{
	if (a0 > UINT32_MAX || a1 > UINT32_MAX || a2 & ~(u64)EXO_RING_CLOEXEC)
		return -EINVAL;
	return fd_install_new(
		ipc_pool_create((u32)a0, (u32)a1), a2 & EXO_RING_CLOEXEC ? O_CLOEXEC : 0);
}

/* ---- capabilities ---- */

/* The grant of @fd, which may be given away. grant, +1 | err_ptr. A queue of an AF_UNIX socket may
 * hold ends of rings; so a ring's queue holds no such socket, or the two could hold each other for
 * ever. */
static struct grant *transferable(cap_t fd)
{
	struct grant *g = cap_get_gift(current->caps, fd);

	if (is_err(g) || !unix_granted(g))
		return g;
	grant_put(g);
	return err_ptr(-ELOOP);
}

long exo_ring_send_caps(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_SEND);
	struct ipc_transit *t;
	cap_t fds[IPC_CAPS_MAX];
	u64 ticket = 0;
	u32 count = (u32)a2;
	long err;

	if (!a2 || a2 > IPC_CAPS_MAX || a3)
		return -EINVAL;
	if (copy_from_user(fds, (const void USER *)a1, a2 * sizeof(fds[0])))
		return -EFAULT;
	for (u32 i = 1; i < count; i++)
		for (u32 k = 0; k < i; k++)
			if (fds[i] == fds[k])
				return -EINVAL;
	if (is_err(fd.file))
		return ptr_err(fd.file);
	t = kzalloc(sizeof(*t), ALLOC_KERNEL);
	err = t ? 0 : -ENOMEM;
	while (!err && t->count < count) {
		struct grant *g = transferable(fds[t->count]);

		if (is_err(g))
			err = ptr_err(g);
		else
			t->grants[t->count++] = g;
	}
	if (!err)
		err = ipc_transit_send(fd.file, t, &ticket); /* then @t may be gone already */
	if (err) {
		if (t)
			ipc_transit_free(t);
		return err;
	}
	for (u32 i = 0; i < count; i++)
		(void)!cap_close(current->caps, fds[i]);
	return (long)ticket;
}

long exo_ring_recv_caps(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_RECV);
	struct ipc_transit *t;
	cap_t fds[IPC_CAPS_MAX];
	long err;

	if (a4 & ~(u64)EXO_RING_CLOEXEC)
		return -EINVAL;
	if (is_err(fd.file))
		return ptr_err(fd.file);
	t = ipc_transit_take(fd.file, a1, (u32)MIN(a3, (u64)IPC_CAPS_MAX));
	if (is_err(t))
		return ptr_err(t);
	err = reserve_slots(fds, t->count, a4 & EXO_RING_CLOEXEC ? CAP_CLOEXEC : 0);
	if (!err && copy_to_user((void USER *)a2, fds, t->count * sizeof(fds[0]))) {
		unreserve_slots(fds, t->count);
		err = -EFAULT;
	}
	if (err) {
		ipc_transit_untake(fd.file, t);
		return err;
	}
	for (u32 i = 0; i < t->count; i++)
		cap_fill(current->caps, fds[i], t->grants[i]);
	err = t->count;
	t->count = 0; /* the grants have moved */
	ipc_transit_free(t);
	return err;
}
