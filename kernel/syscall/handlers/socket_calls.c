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

#define OPTION_BYTES_MAX 64u /* of the values that any option has */
_Static_assert(SOCK_NONBLOCK == O_NONBLOCK && SOCK_CLOEXEC == O_CLOEXEC, "flags pass as they are");
_Static_assert(
	offsetof(struct sockaddr_k, data) == sizeof(u16), "addresses are copied in one piece");

/* A descriptor that must be a socket, for the duration of one call. */
struct sock_ref {
	struct file *file;
	struct socket *socket;
	bool borrowed;
};

static int sock_get(struct sock_ref *r, u64 fd, u32 rights)
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

static void sock_put(const struct sock_ref *r)
{
	fd_file_release(r->file, r->borrowed);
}

/* ---- addresses ---- */

static int address_import(struct sockaddr_k *a, const void USER *from, u32 len_bytes)
{
	if (cap_confined()) /* addresses are global names */
		return -EPERM;
	if (len_bytes > SOCKADDR_MAX)
		return -EINVAL;
	memset(a, 0, sizeof(*a));
	a->len_bytes = len_bytes;
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

/* Who sent what was received: nothing when the sender has no name. */
static void sender_name(struct socket *s, struct sockaddr_k *a)
{
	memset(a, 0, sizeof(*a));
	if (s->ops->getname(s, true, a) || a->len_bytes <= sizeof(a->family))
		a->len_bytes = 0;
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
		err = r.socket->ops->set_option(r.socket, (int)name, buf, MIN(n, OPTION_BYTES_MAX));
	sock_put(&r);
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
	if (!err) {
		n = MIN(n, OPTION_BYTES_MAX);
		err = r.socket->ops->get_option(r.socket, (int)name, buf, &n);
	}
	if (!err &&
		(copy_to_user((void USER *)value, buf, n) || put_user_u32((u32 USER *)user_len, n)))
		err = -EFAULT;
	sock_put(&r);
	return err;
}

/* ---- data ---- */

long sys_sendto(u64 fd, u64 buf, u64 len, u64 flags, u64 address, u64 address_len)
{
	struct sock_ref r;
	struct sockaddr_k a;
	struct uio u;
	long ret = sock_get(&r, fd, CAP_SEND);

	if (ret)
		return ret;
	uio_init_user(&u, (const void USER *)buf, MIN(len, RW_BYTES_MAX));
	if (address)
		ret = address_import(&a, (const void USER *)address, (u32)address_len);
	if (!ret)
		ret = r.socket->ops->send(
			r.socket, &u, (u32)flags, address ? &a : NULL, r.file->flags);
	sock_put(&r);
	return ret;
}

long sys_recvfrom(u64 fd, u64 buf, u64 len, u64 flags, u64 address, u64 user_len)
{
	struct sock_ref r;
	struct sockaddr_k a;
	struct uio u;
	long ret = sock_get(&r, fd, CAP_RECV);
	int err;

	if (ret)
		return ret;
	uio_init_user(&u, (const void USER *)buf, MIN(len, RW_BYTES_MAX));
	ret = r.socket->ops->receive(r.socket, &u, (u32)flags, r.file->flags);
	if (ret >= 0 && address) {
		sender_name(r.socket, &a);
		err = address_export(&a, (void USER *)address, (u32 USER *)user_len);
		if (err)
			ret = err;
	}
	sock_put(&r);
	return ret;
}

/* What sendmsg and recvmsg share: the header and its segments. uio_vector_fini(v) in any case. */
static int message_import(u64 user, struct linux_msghdr *m, struct uio *u, struct uio_vector *v)
{
	v->iov = v->small;
	if (copy_from_user(m, (const void USER *)user, sizeof(*m)))
		return -EFAULT;
	if (m->name && m->name_len < 0)
		return -EINVAL;
	if (m->iov_count > IOV_MAX_COUNT)
		return -EMSGSIZE;
	return uio_import(u, v, (const void USER *)m->iov, m->iov_count);
}

long sys_sendmsg(u64 fd, u64 message, u64 flags)
{
	struct linux_msghdr m;
	struct sock_ref r;
	struct sockaddr_k a;
	struct uio_vector v;
	struct uio u;
	long ret = sock_get(&r, fd, CAP_SEND);
	bool named;

	if (ret)
		return ret;
	ret = message_import(message, &m, &u, &v);
	named = !ret && m.name && m.name_len;
	if (!ret && m.control && m.control_len)
		ret = -EOPNOTSUPP; /* no ancillary data */
	if (!ret && named)
		ret = address_import(
			&a, (const void USER *)m.name, MIN((u32)m.name_len, (u32)SOCKADDR_MAX));
	if (!ret)
		ret = r.socket->ops->send(
			r.socket, &u, (u32)flags, named ? &a : NULL, r.file->flags);
	uio_vector_fini(&v);
	sock_put(&r);
	return ret;
}

/* The fields of the header that recvmsg returns: sender, flags, and no ancillary data. */
static int message_export(u64 user, struct linux_msghdr *m, const struct sockaddr_k *a)
{
	struct linux_msghdr USER *to = (struct linux_msghdr USER *)user;

	if (m->name) {
		if (copy_to_user((void USER *)m->name, a, MIN((u32)m->name_len, a->len_bytes)) ||
			put_user_u32((u32 USER *)&to->name_len, a->len_bytes))
			return -EFAULT;
	}
	if (put_user_u32((u32 USER *)&to->flags, 0))
		return -EFAULT;
	return put_user_u64((u64 USER *)&to->control_len, 0);
}

long sys_recvmsg(u64 fd, u64 message, u64 flags)
{
	struct linux_msghdr m;
	struct sock_ref r;
	struct sockaddr_k a;
	struct uio_vector v;
	struct uio u;
	long ret = sock_get(&r, fd, CAP_RECV);
	int err;

	if (ret)
		return ret;
	ret = message_import(message, &m, &u, &v);
	if (!ret)
		ret = r.socket->ops->receive(r.socket, &u, (u32)flags, r.file->flags);
	if (ret >= 0) {
		sender_name(r.socket, &a);
		err = message_export(message, &m, &a);
		if (err)
			ret = err;
	}
	uio_vector_fini(&v);
	sock_put(&r);
	return ret;
}
