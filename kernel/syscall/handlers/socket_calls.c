/* The socket calls, over the families behind exo/net.h. Layer: syscall.
 * Sources: socket(2) socketpair(2) bind(2) connect(2) listen(2) accept(2) getsockname(2)
 * getpeername(2) getsockopt(2) shutdown(2) send(2) recv(2). */
#include <arch/uaccess.h>
#include <exo/net.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_net.h>

#include "handlers.h"
#include "socket_calls.h"

#define OPTION_BYTES_MAX 64u /* of the values that any option has */
_Static_assert(SOCK_NONBLOCK == O_NONBLOCK && SOCK_CLOEXEC == O_CLOEXEC, "flags pass as they are");
_Static_assert(
	offsetof(struct sockaddr_k, data) == sizeof(u16), "addresses are copied in one piece");

struct sock_ref sock_get(u64 fd, u32 rights)
{
	struct fd f = fd_get((cap_t)fd, rights);
	struct sock_ref r = {.file = f.file, .borrowed = f.borrowed};

	r.socket = is_err(r.file) ? (struct socket *)r.file : socket_of(r.file);
	if (!r.socket) {
		cap_release(&r.file->object, r.borrowed);
		r.socket = err_ptr(-ENOTSOCK);
	}
	return r;
}

void sock_put(const struct sock_ref *r)
{
	if (!is_err(r->socket))
		cap_release(&r->file->object, r->borrowed);
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
static int address_export(const struct sockaddr_k *a, void USER *to, u32 USER *user_len)
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

long sys_socket(u64 family, u64 type, u64 protocol)
{
	struct file *f;
	int err = type_check(type);

	if (err)
		return err;
	f = socket_create(
		(int)family, (int)type & SOCK_TYPE_MASK, (int)protocol, (u32)type & SOCK_NONBLOCK);
	return fd_install_new(f, (u32)type & SOCK_CLOEXEC);
}

long sys_socketpair(u64 family, u64 type, u64 protocol, u64 user_fds)
{
	struct file *ends[2];
	int err = type_check(type);

	if (!err)
		err = socket_pair((int)family, (int)type & SOCK_TYPE_MASK, (int)protocol,
			(u32)type & SOCK_NONBLOCK, ends);
	return err ? err : fd_install_pair(ends, (s32 USER *)user_fds, (u32)type & SOCK_CLOEXEC);
}

/* ---- names and connections ---- */

long call_address(u64 fd, u64 address, u64 len, bool connect)
{
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, connect ? CAP_CONNECT : CAP_BIND);
	struct sockaddr_k a;
	int err;

	if (is_err(r.socket))
		return ptr_err(r.socket);
	err = address_import(&a, (const void USER *)address, (u32)len);
	if (err)
		return err;
	return connect ? r.socket->ops->connect(r.socket, &a, r.file->flags)
		       : r.socket->ops->bind(r.socket, &a);
}

long call_socket_state(u64 fd, u64 n, bool listen)
{
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, listen ? CAP_LISTEN : CAP_SEND);

	if (is_err(r.socket))
		return ptr_err(r.socket);
	return listen ? r.socket->ops->listen(r.socket, (int)n)
		      : r.socket->ops->shutdown(r.socket, (int)n);
}

/* The slot is reserved first, so that no connection is taken that could not be handed over. */
static long accept_into(const struct sock_ref *r, u64 address, u64 user_len, u32 flags)
{
	struct cap_space *caps = current->caps;
	cap_t fd = cap_reserve(caps, flags & SOCK_CLOEXEC ? CAP_CLOEXEC : 0, fd_limit());
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
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, CAP_LISTEN);

	if ((u32)flags & ~(u32)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (is_err(r.socket))
		return ptr_err(r.socket);
	return accept_into(&r, address, user_len, (u32)flags);
}

long call_name(u64 fd, u64 address, u64 user_len, bool peer)
{
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, CAP_STAT);
	struct sockaddr_k a = {0};
	int err;

	if (is_err(r.socket))
		return ptr_err(r.socket);
	err = r.socket->ops->getname(r.socket, peer, &a);
	return err ? err : address_export(&a, (void USER *)address, (u32 USER *)user_len);
}

/* ---- options ---- */

long sys_setsockopt(u64 fd, u64 level, u64 name, u64 value, u64 len)
{
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, CAP_ADMIN);
	u32 n = MIN((u32)len, OPTION_BYTES_MAX);
	u8 buf[OPTION_BYTES_MAX];

	if ((s32)len < 0)
		return -EINVAL;
	if (is_err(r.socket))
		return ptr_err(r.socket);
	if ((int)level != SOL_SOCKET && !r.socket->ops->level_option)
		return -EOPNOTSUPP; /* what a family without levels of its own answers on Linux */
	if ((int)level == SOL_SOCKET && n < sizeof(int))
		return -EINVAL;
	if (copy_from_user(buf, (const void USER *)value, n))
		return -EFAULT;
	if ((int)level != SOL_SOCKET)
		return r.socket->ops->level_option(r.socket, (int)level, (int)name, buf, &n, true);
	return socket_set_option(r.socket, (int)name, buf, n);
}

/* The groups of the peer, @room bytes for them. 0 | -ENODATA | -ERANGE (how many is told). */
static int peer_groups(struct socket *s, u32 USER *to, u32 room, u32 USER *user_len)
{
	struct cred *cred SCOPED(cred_put_at) = s->ops->peer_cred ? s->ops->peer_cred(s) : NULL;
	u32 bytes;

	if (!cred)
		return -ENODATA;
	bytes = cred->group_count * (u32)sizeof(u32);
	if (put_user_u32(user_len, bytes))
		return -EFAULT;
	return room < bytes ? -ERANGE : copy_to_user(to, cred->groups, bytes);
}

long sys_getsockopt(u64 fd, u64 level, u64 name, u64 value, u64 user_len)
{
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, CAP_STAT);
	u8 buf[OPTION_BYTES_MAX];
	u32 n;
	int err;

	if (is_err(r.socket))
		return ptr_err(r.socket);
	if ((int)level != SOL_SOCKET && !r.socket->ops->level_option)
		return -EOPNOTSUPP;
	if (get_user_u32((u32 USER *)user_len, &n))
		return -EFAULT;
	if ((s32)n < 0)
		return -EINVAL;
	if ((int)level == SOL_SOCKET && (int)name == SO_PEERGROUPS)
		return peer_groups(r.socket, (u32 USER *)value, n, (u32 USER *)user_len);
	n = MIN(n, OPTION_BYTES_MAX);
	err = (int)level == SOL_SOCKET ? socket_get_option(r.socket, (int)name, buf, &n)
				       : r.socket->ops->level_option(
						 r.socket, (int)level, (int)name, buf, &n, false);
	if (err)
		return err;
	if (copy_to_user((void USER *)value, buf, n) || put_user_u32((u32 USER *)user_len, n))
		return -EFAULT;
	return 0;
}

/* ---- data ---- */

long sys_sendto(u64 fd, u64 buf, u64 len, u64 flags, u64 address, u64 address_len)
{
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, CAP_SEND);
	struct message m = {.flags = (u32)flags};
	struct sockaddr_k a;
	struct uio u;
	int err;

	if (is_err(r.socket))
		return ptr_err(r.socket);
	uio_init_user(&u, (const void USER *)buf, MIN(len, RW_BYTES_MAX));
	m.file_flags = r.file->flags;
	if (address) {
		m.name = &a;
		err = address_import(&a, (const void USER *)address, (u32)address_len);
		if (err)
			return err;
	}
	return r.socket->ops->send(r.socket, &u, &m);
}

long sys_recvfrom(u64 fd, u64 buf, u64 len, u64 flags, u64 address, u64 user_len)
{
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, CAP_RECV);
	struct sockaddr_k a = {0};
	struct message m = {.flags = (u32)flags, .name = address ? &a : NULL};
	struct uio u;
	long ret;
	int err = 0;

	if (is_err(r.socket))
		return ptr_err(r.socket);
	uio_init_user(&u, (const void USER *)buf, MIN(len, RW_BYTES_MAX));
	m.file_flags = r.file->flags;
	ret = r.socket->ops->receive(r.socket, &u, &m);
	if (ret >= 0 && address)
		err = address_export(&a, (void USER *)address, (u32 USER *)user_len);
	return err ? err : ret;
}
