/* Native calls on rings, channels and pools. Layer: syscall.
 * Source: docs/specs/IPC_PROTOCOL.md. */
#include <exo/errno.h>
#include <exo/ipc.h>
#include <exo/memory.h>
#include <exo/net.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/native.h>
#include <arch/uaccess.h>

static u32 slot_limit(void)
{
	return (u32)MIN(rlimit_current(RLIM_NOFILE), (u64)~0u >> 1);
}

/* Reserves @count slots. 0 | -EMFILE | -ENOMEM, and then none is kept. */
static int reserve_slots(cap_t *fds, u32 count, u32 slot_flags)
{
	for (u32 i = 0; i < count; i++) {
		fds[i] = cap_reserve(current->caps, slot_flags, slot_limit());
		if (fds[i] < 0) {
			int err = fds[i];

			while (i--)
				cap_unreserve(current->caps, fds[i]);
			return err;
		}
	}
	return 0;
}

static void unreserve_slots(const cap_t *fds, u32 count)
{
	for (u32 i = 0; i < count; i++)
		cap_unreserve(current->caps, fds[i]);
}

long exo_ring_create(u64 a0, u64 a1, u64 a2)
{
	struct exo_ring_params u;
	struct ipc_params p;
	struct file *ends[2];
	cap_t fds[2];
	int err = user_struct_get(&u, sizeof(u), 12, a0, a1);

	if (err)
		return err;
	if (u.flags & ~(EXO_RING_DUPLEX | EXO_RING_CLOEXEC))
		return -EINVAL;
	p = (struct ipc_params){u.kind, u.slots, u.flags & EXO_RING_DUPLEX};
	err = reserve_slots(fds, 2, u.flags & EXO_RING_CLOEXEC ? CAP_CLOEXEC : 0);
	if (err)
		return err;
	err = ipc_ring_create(&p, ends);
	if (err)
		goto unreserve;
	err = copy_to_user((void USER *)a2, fds, sizeof(fds));
	if (err) {
		file_put(ends[0]);
		file_put(ends[1]);
		goto unreserve;
	}
	for (u32 i = 0; i < 2; i++)
		cap_fill(current->caps, fds[i], &ends[i]->object.root);
	return 0;
unreserve:
	unreserve_slots(fds, 2);
	return err;
}

static long wake_by(cap_t fd)
{
	bool borrowed;
	struct file *f = fd_file(fd, CAP_WAIT, &borrowed);
	long err;

	if (is_err(f))
		return ptr_err(f);
	err = ipc_wake(f);
	fd_file_release(f, borrowed);
	return err;
}

long exo_ring_wake(u64 a0)
{
	return wake_by((cap_t)a0);
}

long exo_ring_wait(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct file *f;
	bool borrowed;
	long ret;

	f = fd_file((cap_t)a0, CAP_WAIT, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	ret = (cap_t)a3 < 0 ? 0 : (cap_t)a3 == (cap_t)a0 ? ipc_wake(f) : wake_by((cap_t)a3);
	if (!ret)
		ret = ipc_wait(f, (u32)a1, a2);
	fd_file_release(f, borrowed);
	return ret;
}

long exo_ring_info(u64 a0, u64 a1, u64 a2)
{
	struct exo_ring_info u = {0};
	struct ipc_info info;
	struct file *f;
	bool borrowed;
	int err;

	f = fd_file((cap_t)a0, CAP_STAT, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	err = ipc_info(f, &info);
	fd_file_release(f, borrowed);
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
	struct file *f;

	if (a0 > UINT32_MAX || a1 > UINT32_MAX || a2 & ~(u64)EXO_RING_CLOEXEC)
		return -EINVAL;
	f = ipc_pool_create((u32)a0, (u32)a1);
	if (is_err(f))
		return ptr_err(f);
	return fd_install_new(f, a2 & EXO_RING_CLOEXEC ? O_CLOEXEC : 0);
}

/* ---- capabilities ---- */

/* A queue of an AF_UNIX socket may hold ends of rings; so a ring's queue holds no such socket, or
 * the two could hold each other for ever. */
static bool holds_ends(struct object *o)
{
	struct socket *s = o->type == &file_object_type ? socket_of(object_file(o)) : NULL;

	return s && s->family == AF_UNIX;
}

/* The grant of @fd, which may be given away. grant, +1 | err_ptr. */
static struct grant *transferable(cap_t fd)
{
	struct grant *g = cap_get_gift(current->caps, fd);

	if (is_err(g) || !holds_ends(g->object))
		return g;
	grant_put(g);
	return err_ptr(-ELOOP);
}

long exo_ring_send_caps(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct ipc_transit *t;
	cap_t fds[IPC_CAPS_MAX];
	struct file *f;
	bool borrowed;
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
	f = fd_file((cap_t)a0, CAP_SEND, &borrowed);
	if (is_err(f))
		return ptr_err(f);
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
		err = ipc_transit_send(f, t, &ticket); /* then @t may be gone already */
	if (err) {
		if (t)
			ipc_transit_free(t);
	} else {
		for (u32 i = 0; i < count; i++)
			(void)!cap_close(current->caps, fds[i]);
		err = (long)ticket;
	}
	fd_file_release(f, borrowed);
	return err;
}

long exo_ring_recv_caps(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct ipc_transit *t;
	cap_t fds[IPC_CAPS_MAX];
	struct file *f;
	bool borrowed;
	long err;

	if (a4 & ~(u64)EXO_RING_CLOEXEC)
		return -EINVAL;
	f = fd_file((cap_t)a0, CAP_RECV, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	t = ipc_transit_take(f, a1, (u32)MIN(a3, (u64)IPC_CAPS_MAX));
	err = is_err(t) ? ptr_err(t) : 0;
	if (err)
		goto out;
	err = reserve_slots(fds, t->count, a4 & EXO_RING_CLOEXEC ? CAP_CLOEXEC : 0);
	if (!err && copy_to_user((void USER *)a2, fds, t->count * sizeof(fds[0]))) {
		unreserve_slots(fds, t->count);
		err = -EFAULT;
	}
	if (err) {
		ipc_transit_untake(f, t);
		goto out;
	}
	for (u32 i = 0; i < t->count; i++)
		cap_fill(current->caps, fds[i], t->grants[i]);
	err = t->count;
	t->count = 0; /* the grants have moved */
	ipc_transit_free(t);
out:
	fd_file_release(f, borrowed);
	return err;
}
