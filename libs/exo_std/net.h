/* exo_std/net - local sockets by capability. An address is a name below a directory that the caller
 * holds, never above it; a connection is a capability like any other, and carries others. C11 and
 * C++11, Exo-OS and Linux (with _GNU_SOURCE). Bytes go by io.h.
 *
 * In capability mode no socket is made but by exo_socket_pair: make it before with exo_socket, or
 * be given one, and exo_connect_at works there with what is held. Names: at most 107 bytes. */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include "fs.h"

#define EXO_NET_CAPS_MAX 16 /* capabilities in one message */

/* exo_socket - an unconnected one; @type: SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM. A capability |
 * -EPERM in capability mode | -errno. */
static inline exo_cap_t exo_socket(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* exo_socket_pair - two that are connected to each other. 0 | -errno. */
static inline int exo_socket_pair(int type, exo_cap_t ends[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds))
		return -errno;
	ends[0] = fds[0];
	ends[1] = fds[1];
	return 0;
}

/* The address of @name below @dir as /proc has it; for kernels and times without the native call.
 */
static inline int exo_net_address_(struct sockaddr_un *a, exo_cap_t dir, const char *name)
{
	int n;

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	n = snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d%s%s", dir,
		*name ? "/" : "", name);
	return n < 0 || n >= (int)sizeof(a->sun_path) ? -ENAMETOOLONG : 0;
}

/* exo_connect_at - connects @sock to the server at @name below @dir. Needs CONNECT of both and
 * LOOKUP of @dir. 0 | -ECONNREFUSED nobody listens | -EPERM (Linux: -EXDEV) the name leads out of
 * @dir | -errno as of connect. */
static inline int exo_connect_at(exo_cap_t sock, exo_cap_t dir, const char *name)
{
	struct sockaddr_un a;
	long err = exo_socket_connect(sock, dir, name);
	exo_cap_t node;

	if (err != -ENOSYS)
		return (int)err;
	node = exo_open_at(dir, name, O_PATH, 0); /* Linux: the node itself, found below @dir */
	if (node < 0)
		return node;
	err = exo_net_address_(&a, node, "");
	if (!err && connect(sock, (const struct sockaddr *)&a, sizeof(a)))
		err = -errno;
	close(node);
	return (int)err;
}

/* exo_listen_at - gives @sock the name @name (one component, new) in @dir, and listens where its
 * type does. Needs CREATE; before capability mode only (-EPERM). 0 | -EADDRINUSE | -errno. */
static inline int exo_listen_at(exo_cap_t sock, exo_cap_t dir, const char *name, int backlog)
{
	struct sockaddr_un a;
	int err = *name && exo_name_plain_(name) ? exo_net_address_(&a, dir, name) : -EINVAL;

	if (err)
		return err;
	if (bind(sock, (const struct sockaddr *)&a, sizeof(a)))
		return -errno;
	return listen(sock, backlog) && errno != EOPNOTSUPP ? -errno : 0;
}

/* exo_accept - the next connection; waits for it. Needs LISTEN. A capability | -errno. */
static inline exo_cap_t exo_accept(exo_cap_t sock)
{
	int fd;

	do
		fd = accept4(sock, NULL, NULL, SOCK_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* exo_hang_up - no more comes from this side; what was sent still arrives. Needs SEND. 0 | -errno.
 */
static inline int exo_hang_up(exo_cap_t sock)
{
	return shutdown(sock, SHUT_WR) ? -errno : 0;
}

union exo_net_caps_ {
	struct cmsghdr header;
	char room[CMSG_SPACE(EXO_NET_CAPS_MAX * sizeof(int))];
};

/* exo_send_message - bytes (at least one) with 0..16 capabilities, which stay the sender's too.
 * Needs SEND, and TRANSFER of each. Bytes sent | -errno. */
static inline long exo_send_message(
	exo_cap_t sock, const void *data, size_t len, const exo_cap_t *caps, uint32_t count)
{
	union exo_net_caps_ c;
	struct iovec v;
	struct msghdr m;
	long n;

	if (!len || count > EXO_NET_CAPS_MAX)
		return -EINVAL;
	memset(&m, 0, sizeof(m));
	memset(&c, 0, sizeof(c));
	v.iov_base = (void *)(uintptr_t)data;
	v.iov_len = len;
	m.msg_iov = &v;
	m.msg_iovlen = 1;
	if (count) {
		m.msg_control = &c;
		m.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c.header.cmsg_level = SOL_SOCKET;
		c.header.cmsg_type = SCM_RIGHTS;
		c.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&c.header), caps, count * sizeof(int));
	}
	n = sendmsg(sock, &m, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

/* exo_recv_message - up to @len bytes and the capabilities that came with them, at most *count, in
 * new slots (closed on exec); *count becomes their number. Needs RECV. Bytes, 0 = the end |
 * -EMSGSIZE more capabilities came than there is room for: none is kept | -errno. */
static inline long exo_recv_message(
	exo_cap_t sock, void *data, size_t len, exo_cap_t *caps, uint32_t *count)
{
	union exo_net_caps_ c;
	uint32_t room = *count, got = 0;
	struct iovec v;
	struct msghdr m;
	long n;

	memset(&m, 0, sizeof(m));
	v.iov_base = data;
	v.iov_len = len;
	m.msg_iov = &v;
	m.msg_iovlen = 1;
	m.msg_control = &c;
	m.msg_controllen = sizeof(c);
	*count = 0;
	n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	if (m.msg_controllen >= sizeof(struct cmsghdr) && c.header.cmsg_level == SOL_SOCKET &&
		c.header.cmsg_type == SCM_RIGHTS)
		got = (uint32_t)((c.header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
	if (got > room || m.msg_flags & MSG_CTRUNC) {
		for (uint32_t i = 0; i < got; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(&c.header) + i * sizeof(int), sizeof(fd));
			close(fd);
		}
		return -EMSGSIZE;
	}
	if (got)
		memcpy(caps, CMSG_DATA(&c.header), got * sizeof(int));
	*count = got;
	return n;
}
