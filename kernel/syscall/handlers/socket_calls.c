/* The socket calls, over the families behind exo/net.h. Layer: syscall.
 * Sources: socket(2) socketpair(2) bind(2) connect(2) listen(2) accept(2) getsockname(2)
 * getpeername(2) getsockopt(2) shutdown(2) send(2) recv(2). */
#include <arch/uaccess.h>
#include <exo/fs_uio.h>
#include <exo/net.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_net.h>

#include "socket_calls.h"

#define OPTION_BYTES_MAX 64u /* of the values that any option has */
_Static_assert(SOCK_NONBLOCK == O_NONBLOCK && SOCK_CLOEXEC == O_CLOEXEC, "flags pass as they are");
_Static_assert(
	offsetof(struct sockaddr_k, data) == sizeof(u16), "addresses are copied in one piece");

int sock_get(struct sock_ref *r, u64 fd, u32 rights)
{
	r->file = fd_file((cap_t)fd, rights, &r->borrowed);
	if (is_err(r->file))
		return (int)ptr_err(r->file);
	r->socket = socket_of(r->file);
	if (r->socket)
		return 0;
	fd_file_release(r->file, r->borrowed);
	return -ENOTSOCK;
}

void sock_put(const struct sock_ref *r)
{
	fd_file_release(r->file, r->borrowed);
}

/* ---- addresses ---- */

int address_import(struct sockaddr_k *a, const void USER *from, u32 len_bytes)
{
	if (cap_confined()) /* addresses are global names */
		return -EPERM;
	if (len_bytes > SOCKADDR_MAX)
		return -EINVAL;
	*a = (struct sockaddr_k){
		.len_bytes = len_bytes, .dir = AT_FDCWD, .lookup_flags = LOOKUP_FOLLOW};
	return copy_from_user(a, from, len_bytes);
}

/* Value-result: as much as there is room for, and the whole length. */
int address_export(const struct sockaddr_k *a, void USER *to, u32 USER *user_len)
{
	u32 room;

	if (get_user_u32(user_len, &room))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	if (copy_to_user(to, a, MIN(room, a->len_bytes)))
		return -EFAULT;
	return put_user_u32(user_len, a->len_bytes);
}

/* ---- making sockets ---- */

static int type_check(u64 type)
{
	if ((u32)type & ~(u32)(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	return ((u32)type & SOCK_TYPE_MASK) >= SOCK_TYPES ? -EINVAL : 0;
}

static u32 slot_limit(void)
{
	return (u32)MIN(rlimit_current(RLIM_NOFILE), (u64)INT32_MAX);
}

long sys_socket(u64 family, u64 type, u64 protocol)
{
	struct file *f;
	int err = type_check(type);

	if (err)
		return err;
	f = socket_create(
		(int)family, (int)type & SOCK_TYPE_MASK, (int)protocol, (u32)type & SOCK_NONBLOCK);
	return is_err(f) ? ptr_err(f) : fd_install_new(f, (u32)type & SOCK_CLOEXEC);
}

long sys_socketpair(u64 family, u64 type, u64 protocol, u64 user_fds)
{
	struct cap_space *caps = current->caps;
	u32 slot_flags = type & SOCK_CLOEXEC ? CAP_CLOEXEC : 0, limit = slot_limit();
	struct file *ends[2];
	s32 fds[2];
	int err = type_check(type);

	if (err)
		return err;
	fds[0] = cap_reserve(caps, slot_flags, limit);
	if (fds[0] < 0)
		return fds[0];
	fds[1] = cap_reserve(caps, slot_flags, limit);
	err = fds[1];
	if (err < 0)
		goto unreserve0;
	err = socket_pair((int)family, (int)type & SOCK_TYPE_MASK, (int)protocol,
		(u32)type & SOCK_NONBLOCK, ends);
	if (err)
		goto unreserve1;
	err = copy_to_user((void USER *)user_fds, fds, sizeof(fds));
	if (err)
		goto put_ends;
	cap_fill(caps, fds[0], &ends[0]->object.root);
	cap_fill(caps, fds[1], &ends[1]->object.root);
	return 0;
put_ends:
	file_put(ends[0]);
	file_put(ends[1]);
unreserve1:
	cap_unreserve(caps, fds[1]);
unreserve0:
	cap_unreserve(caps, fds[0]);
	return err;
}

/* ---- names and connections ---- */

long sys_bind(u64 fd, u64 address, u64 len)
{
	struct sock_ref r;
	struct sockaddr_k a;
	int err = sock_get(&r, fd, CAP_BIND);

	if (err)
		return err;
	err = address_import(&a, (const void USER *)address, (u32)len);
	if (!err)
		err = r.socket->ops->bind(r.socket, &a);
	sock_put(&r);
	return err;
}

long sys_connect(u64 fd, u64 address, u64 len)
{
	struct sock_ref r;
	struct sockaddr_k a;
	int err = sock_get(&r, fd, CAP_CONNECT);

	if (err)
		return err;
	err = address_import(&a, (const void USER *)address, (u32)len);
	if (!err)
		err = r.socket->ops->connect(r.socket, &a, r.file->flags);
	sock_put(&r);
	return err;
}

long sys_listen(u64 fd, u64 backlog)
{
	struct sock_ref r;
	int err = sock_get(&r, fd, CAP_LISTEN);

	if (err)
		return err;
	err = r.socket->ops->listen(r.socket, (int)backlog);
	sock_put(&r);
	return err;
}

/* The slot is reserved first, so that no connection is taken that could not be handed over. */
static long accept_into(const struct sock_ref *r, u64 address, u64 user_len, u32 flags)
{
	struct cap_space *caps = current->caps;
	cap_t fd = cap_reserve(caps, flags & SOCK_CLOEXEC ? CAP_CLOEXEC : 0, slot_limit());
	struct sockaddr_k a;
	struct socket *s;
	struct file *f;
	int err;

	if (fd < 0)
		return fd;
	f = r->socket->ops->accept(r->socket, r->file->flags, flags & SOCK_NONBLOCK);
	err = is_err(f) ? (int)ptr_err(f) : 0;
	if (!err && address) {
		s = socket_of(f);
		memset(&a, 0, sizeof(a));
		err = s->ops->getname(s, true, &a)
			      ? -ECONNABORTED
			      : address_export(&a, (void USER *)address, (u32 USER *)user_len);
		if (err)
			file_put(f);
	}
	if (err)
		cap_unreserve(caps, fd);
	else
		cap_fill(caps, fd, &f->object.root);
	return err ? err : fd;
}

long sys_accept4(u64 fd, u64 address, u64 user_len, u64 flags)
{
	struct sock_ref r;
	long ret;

	if ((u32)flags & ~(u32)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	ret = sock_get(&r, fd, CAP_LISTEN);
	if (ret)
		return ret;
	ret = accept_into(&r, address, user_len, (u32)flags);
	sock_put(&r);
	return ret;
}

long sys_accept(u64 fd, u64 address, u64 user_len)
{
	return sys_accept4(fd, address, user_len, 0);
}

static long name_call(u64 fd, u64 address, u64 user_len, bool peer)
{
	struct sock_ref r;
	struct sockaddr_k a;
	int err = sock_get(&r, fd, CAP_STAT);

	if (err)
		return err;
	memset(&a, 0, sizeof(a));
	err = r.socket->ops->getname(r.socket, peer, &a);
	sock_put(&r);
	return err ? err : address_export(&a, (void USER *)address, (u32 USER *)user_len);
}

long sys_getsockname(u64 fd, u64 address, u64 user_len)
{
	return name_call(fd, address, user_len, false);
}

long sys_getpeername(u64 fd, u64 address, u64 user_len)
{
	return name_call(fd, address, user_len, true);
}

long sys_shutdown(u64 fd, u64 how)
{
	struct sock_ref r;
	int err = sock_get(&r, fd, CAP_SEND);

	if (err)
		return err;
	err = r.socket->ops->shutdown(r.socket, (int)how);
	sock_put(&r);
	return err;
}

/* ---- options ---- */

long sys_setsockopt(u64 fd, u64 level, u64 name, u64 value, u64 len)
{
	u8 buf[OPTION_BYTES_MAX];
	u32 n = (u32)len;
	struct sock_ref r;
	int err;

	if ((s32)n < 0)
		return -EINVAL;
	err = sock_get(&r, fd, CAP_ADMIN);
	if (err)
		return err;
	if ((int)level != SOL_SOCKET)
		err = -EOPNOTSUPP; /* what a family without levels of its own answers on Linux */
	else if (n < sizeof(int))
		err = -EINVAL;
	else if (copy_from_user(buf, (const void USER *)value, MIN(n, OPTION_BYTES_MAX)))
		err = -EFAULT;
	else
		err = socket_set_option(r.socket, (int)name, buf, MIN(n, OPTION_BYTES_MAX));
	sock_put(&r);
	return err;
}

/* The groups of the peer, @room bytes for them. 0 | -ENODATA | -ERANGE (how many is told). */
static int peer_groups(struct socket *s, u32 USER *to, u32 room, u32 USER *user_len)
{
	struct cred *cred = s->ops->peer_cred ? s->ops->peer_cred(s) : NULL;
	u32 bytes;
	int err;

	if (!cred)
		return -ENODATA;
	bytes = cred->group_count * (u32)sizeof(u32);
	err = put_user_u32(user_len, bytes);
	if (!err && room < bytes)
		err = -ERANGE;
	if (!err)
		err = copy_to_user(to, cred->groups, bytes);
	cred_put(cred);
	return err;
}

long sys_getsockopt(u64 fd, u64 level, u64 name, u64 value, u64 user_len)
{
	u8 buf[OPTION_BYTES_MAX];
	struct sock_ref r;
	u32 n;
	int err = sock_get(&r, fd, CAP_STAT);

	if (err)
		return err;
	if ((int)level != SOL_SOCKET)
		err = -EOPNOTSUPP;
	else if (get_user_u32((u32 USER *)user_len, &n))
		err = -EFAULT;
	else if ((s32)n < 0)
		err = -EINVAL;
	if (!err && (int)name == SO_PEERGROUPS) {
		err = peer_groups(r.socket, (u32 USER *)value, n, (u32 USER *)user_len);
		goto put;
	}
	if (!err) {
		n = MIN(n, OPTION_BYTES_MAX);
		err = socket_get_option(r.socket, (int)name, buf, &n);
	}
	if (!err &&
		(copy_to_user((void USER *)value, buf, n) || put_user_u32((u32 USER *)user_len, n)))
		err = -EFAULT;
put:
	sock_put(&r);
	return err;
}

/* ---- data ---- */

long sys_sendto(u64 fd, u64 buf, u64 len, u64 flags, u64 address, u64 address_len)
{
	struct message m = {.flags = (u32)flags};
	struct sock_ref r;
	struct sockaddr_k a;
	struct uio u;
	long ret = sock_get(&r, fd, CAP_SEND);

	if (ret)
		return ret;
	uio_init_user(&u, (const void USER *)buf, MIN(len, RW_BYTES_MAX));
	m.file_flags = r.file->flags;
	if (address) {
		m.name = &a;
		ret = address_import(&a, (const void USER *)address, (u32)address_len);
	}
	if (!ret)
		ret = r.socket->ops->send(r.socket, &u, &m);
	sock_put(&r);
	return ret;
}

long sys_recvfrom(u64 fd, u64 buf, u64 len, u64 flags, u64 address, u64 user_len)
{
	struct sockaddr_k a = {0};
	struct message m = {.flags = (u32)flags, .name = address ? &a : NULL};
	struct sock_ref r;
	struct uio u;
	long ret = sock_get(&r, fd, CAP_RECV);
	int err;

	if (ret)
		return ret;
	uio_init_user(&u, (const void USER *)buf, MIN(len, RW_BYTES_MAX));
	m.file_flags = r.file->flags;
	ret = r.socket->ops->receive(r.socket, &u, &m);
	if (ret >= 0 && address) {
		err = address_export(&a, (void USER *)address, (u32 USER *)user_len);
		if (err)
			ret = err;
	}
	sock_put(&r);
	return ret;
}
