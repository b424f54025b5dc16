/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* t_inet.h - sockets of the loopback for the suites inet and udp. */
#pragma once

#include "t_.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define A(a) ((struct sockaddr *)(a))
#define LO   INADDR_LOOPBACK

static inline struct sockaddr_in at(uint32_t address, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
}

static inline int make(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		t_stop("no socket");
	return fd;
}

static inline struct sockaddr_in name_of(int fd)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);

	t_ret(getsockname(fd, A(&a), &len), 0);
	t_eq(len, sizeof(a));
	t_eq(a.sin_family, AF_INET);
	return a;
}

static inline struct sockaddr_in peer_of(int fd)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);

	t_ret(getpeername(fd, A(&a), &len), 0);
	t_eq(len, sizeof(a));
	return a;
}

static inline int bound(int type, struct sockaddr_in *a)
{
	int fd = make(type);

	t_loopback_up();
	*a = at(LO, 0);
	if (bind(fd, A(a), sizeof(*a)) < 0)
		t_stop("cannot bind");
	*a = name_of(fd);
	return fd;
}

static inline int listener(struct sockaddr_in *a, int backlog)
{
	int fd = bound(SOCK_STREAM, a);

	if (listen(fd, backlog) < 0)
		t_stop("cannot listen");
	return fd;
}

static inline void pair(int fds[2])
{
	struct sockaddr_in a;
	int l = listener(&a, 4);

	fds[0] = make(SOCK_STREAM);
	if (connect(fds[0], A(&a), sizeof(a)) < 0)
		t_stop("cannot connect");
	fds[1] = accept(l, NULL, NULL);
	if (fds[1] < 0)
		t_stop("cannot accept");
	close(l);
}

static inline int events(int fd, int timeout_ms)
{
	struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};

	return poll(&p, 1, timeout_ms) < 0 ? -1 : p.revents;
}

static inline int option(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(fd, level, name, &v, &len) < 0 ? -errno : v;
}
