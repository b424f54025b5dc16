/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* inet.c - TCP of IPv4 on the loopback: names, connections, ends, options. */
#include "t_inet.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>

T_SUITE(inet);

T_CASE(socket_errors)
{
	int fd;

	t_errno(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	t_errno(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
	t_errno(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
	t_errno(socket(AF_INET, SOCK_STREAM, -1), EINVAL);
	t_errno(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0, 0}), EOPNOTSUPP);
	t_ok(fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
	t_eq(option(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	t_eq(option(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	t_eq(option(fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
	close(fd);
	t_ok(fd = socket(AF_INET, SOCK_DGRAM, 0));
	t_eq(option(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
	t_eq(name_of(fd).sin_port, 0);
	t_become(1000, 1000);
	t_errno(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
}

T_CASE(bind_errors)
{
	struct sockaddr_in a = at(LO, 0);
	int fd = make(SOCK_STREAM);

	t_loopback_up();
	t_errno(bind(fd, A(&a), 8), EINVAL);
	a.sin_family = AF_UNIX;
	t_errno(bind(fd, A(&a), sizeof(a)), EAFNOSUPPORT);
	a.sin_family = AF_UNSPEC;
	t_errno(bind(fd, A(&a), sizeof(a)), EAFNOSUPPORT);
	a = at(0x08080808, 0);
	t_errno(bind(fd, A(&a), sizeof(a)), EADDRNOTAVAIL);
	a = at(0x7f000203, 0);
	t_ret(bind(fd, A(&a), sizeof(a)), 0);
	t_eq(ntohl(name_of(fd).sin_addr.s_addr), 0x7f000203);
	t_check(ntohs(name_of(fd).sin_port) >= 1024);
	t_errno(bind(fd, A(&a), sizeof(a)), EINVAL);
	close(fd);
	fd = make(SOCK_STREAM);
	a = at(INADDR_ANY, 0);
	a.sin_family = AF_UNSPEC;
	t_ret(bind(fd, A(&a), sizeof(a)), 0);
	t_eq(name_of(fd).sin_addr.s_addr, 0);
	close(fd);
	t_become(1000, 1000);
	fd = make(SOCK_STREAM);
	a = at(LO, 7);
	t_errno(bind(fd, A(&a), sizeof(a)), EACCES);
}

T_CASE(ports_in_use)
{
	struct sockaddr_in a, any;
	int first = bound(SOCK_STREAM, &a), fd = make(SOCK_STREAM), udp = make(SOCK_DGRAM), one = 1;

	t_errno(bind(fd, A(&a), sizeof(a)), EADDRINUSE);
	any = at(INADDR_ANY, ntohs(a.sin_port));
	t_errno(bind(fd, A(&any), sizeof(any)), EADDRINUSE);
	t_ret(bind(udp, A(&a), sizeof(a)), 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	t_errno(bind(fd, A(&a), sizeof(a)), EADDRINUSE);
	setsockopt(first, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	t_ret(bind(fd, A(&a), sizeof(a)), 0);
	t_ret(listen(first, 1), 0);
	t_errno(listen(fd, 1), EADDRINUSE);
	close(fd);
	fd = make(SOCK_STREAM);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	t_errno(bind(fd, A(&a), sizeof(a)), EADDRINUSE);
	close(first);
	t_ret(bind(fd, A(&a), sizeof(a)), 0);
	t_ret(listen(fd, 1), 0);
	close(fd);
	first = make(SOCK_STREAM);
	fd = make(SOCK_STREAM);
	setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	t_ret(bind(first, A(&a), sizeof(a)), 0);
	t_errno(bind(fd, A(&a), sizeof(a)), EADDRINUSE);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	t_ret(bind(fd, A(&a), sizeof(a)), 0);
	t_ret(listen(first, 1), 0);
	t_ret(listen(fd, 1), 0);
}

T_CASE(names)
{
	struct sockaddr_in a, got = {0};
	int l = listener(&a, 4), c = make(SOCK_STREAM), s;
	socklen_t len = sizeof(got);

	t_errno(getpeername(l, A(&got), &len), ENOTCONN);
	t_errno(getpeername(c, A(&got), &len), ENOTCONN);
	t_eq(name_of(c).sin_port, 0);
	t_ret(connect(c, A(&a), sizeof(a)), 0);
	t_eq(ntohl(name_of(c).sin_addr.s_addr), LO);
	t_check(name_of(c).sin_port != 0 && name_of(c).sin_port != a.sin_port);
	t_eq(peer_of(c).sin_port, a.sin_port);
	len = sizeof(got);
	t_ok(s = accept(l, A(&got), &len));
	t_eq(len, sizeof(got));
	t_eq(got.sin_port, name_of(c).sin_port);
	t_eq(ntohl(got.sin_addr.s_addr), LO);
	t_eq(peer_of(s).sin_port, name_of(c).sin_port);
	t_eq(name_of(s).sin_port, a.sin_port);
	close(c);
	close(s);
	close(l);
	/* bound to any address: the connection has the one that was called */
	l = make(SOCK_STREAM);
	t_ret(listen(l, 4), 0);
	a = name_of(l);
	t_eq(a.sin_addr.s_addr, 0);
	t_check(a.sin_port != 0);
	c = make(SOCK_STREAM);
	a.sin_addr.s_addr = htonl(0x7f000102);
	t_ret(connect(c, A(&a), sizeof(a)), 0);
	t_ok(s = accept(l, NULL, NULL));
	t_eq(ntohl(name_of(s).sin_addr.s_addr), 0x7f000102);
	t_eq(ntohl(peer_of(c).sin_addr.s_addr), 0x7f000102);
	t_eq(ntohl(name_of(c).sin_addr.s_addr), LO);
	close(c);
	c = make(SOCK_STREAM);
	a.sin_addr.s_addr = 0; /* this machine */
	t_ret(connect(c, A(&a), sizeof(a)), 0);
	t_eq(ntohl(peer_of(c).sin_addr.s_addr), LO);
}

/* An accepted connection is as its listener was. */
T_CASE(options_inherited)
{
	struct timeval tv = {3, 0}, got = {0};
	struct linger l2 = {1, 7}, lg = {0};
	struct sockaddr_in a;
	int l = listener(&a, 4), c = make(SOCK_STREAM), s, one = 1, ttl = 9;
	socklen_t len = sizeof(got);

	t_ret(setsockopt(l, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
	t_ret(setsockopt(l, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
	t_ret(setsockopt(l, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)), 0);
	t_ret(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	t_ret(setsockopt(l, SOL_SOCKET, SO_LINGER, &l2, sizeof(l2)), 0);
	t_ret(connect(c, A(&a), sizeof(a)), 0);
	t_ok(s = accept(l, NULL, NULL));
	t_eq(option(s, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	t_eq(option(s, SOL_SOCKET, SO_DOMAIN), AF_INET);
	t_eq(option(s, IPPROTO_TCP, TCP_NODELAY), 1);
	t_eq(option(s, IPPROTO_TCP, TCP_KEEPCNT), 9);
	t_eq(option(s, IPPROTO_IP, IP_TTL), 9);
	t_eq(option(s, SOL_SOCKET, SO_KEEPALIVE), 1);
	t_eq(option(s, SOL_SOCKET, SO_ACCEPTCONN), 0);
	t_ret(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &got, &len), 0);
	t_eq(got.tv_sec, 3);
	len = sizeof(lg);
	t_ret(getsockopt(s, SOL_SOCKET, SO_LINGER, &lg, &len), 0);
	t_eq(lg.l_linger, 7);
	t_eq(option(c, IPPROTO_IP, IP_TTL), 64);
	t_eq(option(c, SOL_SOCKET, SO_KEEPALIVE), 0);
	t_errno(listen(s, 1), EINVAL);
}

/* What is for AF_UNIX alone does nothing here. */
T_CASE(control_data)
{
	struct ucred cred = {getpid(), getuid(), getgid()};
	char c = 'x', control[CMSG_SPACE(sizeof(cred))] = {0};
	struct iovec iov = {&c, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(sizeof(cred))};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int fds[2], one = 1;

	pair(fds);
	*h = (struct cmsghdr){CMSG_LEN(sizeof(cred)), SOL_SOCKET, SCM_CREDENTIALS};
	memcpy(CMSG_DATA(h), &cred, sizeof(cred));
	t_ret(sendmsg(fds[0], &m, 0), 1);
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	t_ret(sendmsg(fds[0], &m, 0), 1);
	(void)setsockopt(
		fds[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)); /* newer ones refuse it */
	t_ret(recvmsg(fds[1], &m, 0), 1);
	t_eq(m.msg_controllen, 0);
	t_eq(m.msg_flags, 0);
}

T_CASE(connect_errors)
{
	struct sockaddr_in a, b;
	int l = listener(&a, 4), c = make(SOCK_STREAM);

	t_errno(connect(c, A(&a), 8), EINVAL);
	b = a;
	b.sin_family = AF_UNIX;
	t_errno(connect(c, A(&b), sizeof(b)), EAFNOSUPPORT);
	close(l);
	t_errno(connect(c, A(&a), sizeof(a)), ECONNREFUSED);
	close(c);
	l = listener(&a, 4);
	c = make(SOCK_STREAM);
	t_ret(connect(c, A(&a), sizeof(a)), 0);
	t_errno(connect(c, A(&a), sizeof(a)), EISCONN);
	t_errno(connect(l, A(&a), sizeof(a)), EISCONN);
	t_errno(listen(c, 1), EINVAL);
	t_errno(accept(c, NULL, NULL), EINVAL);
	close(c);
	c = make(SOCK_STREAM);
	t_errno(send(c, "x", 1, MSG_NOSIGNAL), EPIPE);
	t_errno(recv(c, &b, 1, 0), ENOTCONN);
	t_eq(events(c, 0), POLLOUT | POLLHUP);
	t_errno(shutdown(c, SHUT_RDWR), ENOTCONN);
	t_errno(shutdown(c, 7), EINVAL);
}

T_CASE(connect_without_waiting)
{
	struct sockaddr_in a;
	int l = listener(&a, 4), c = make(SOCK_STREAM | SOCK_NONBLOCK), closed, s;
	struct sockaddr_in b;

	t_errno(connect(c, A(&a), sizeof(a)), EINPROGRESS);
	t_eq(events(c, 5000), POLLOUT);
	t_eq(option(c, SOL_SOCKET, SO_ERROR), 0);
	t_ret(connect(c, A(&a), sizeof(a)), 0);
	t_errno(connect(c, A(&a), sizeof(a)), EISCONN);
	t_ok(s = accept(l, NULL, NULL));
	t_errno(recv(c, &b, 1, 0), EAGAIN);
	t_ret(send(s, "x", 1, 0), 1);
	t_eq(events(c, 5000), POLLOUT | POLLIN);
	close(s);
	close(c);
	closed = bound(SOCK_STREAM, &b);
	close(closed);
	c = make(SOCK_STREAM | SOCK_NONBLOCK);
	t_errno(connect(c, A(&b), sizeof(b)), EINPROGRESS);
	t_check(events(c, 5000) & POLLERR);
	t_check(events(c, 5000) & POLLHUP);
	t_eq(option(c, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
	t_eq(option(c, SOL_SOCKET, SO_ERROR), 0);
	close(c);
	c = make(SOCK_STREAM | SOCK_NONBLOCK);
	t_errno(connect(c, A(&b), sizeof(b)), EINPROGRESS);
	t_check(events(c, 5000) & POLLERR);
	t_errno(connect(c, A(&b), sizeof(b)), ECONNREFUSED);
	t_ret(fcntl(l, F_SETFL, O_NONBLOCK), 0);
	t_errno(accept(l, NULL, NULL), EAGAIN);
	c = make(SOCK_STREAM | SOCK_NONBLOCK);
	t_errno(connect(c, A(&a), sizeof(a)), EINPROGRESS);
	t_eq(events(l, 5000), POLLIN);
	t_ok(s = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	t_eq(fcntl(s, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	t_ret(fcntl(s, F_GETFD), FD_CLOEXEC);
}

T_CASE(bytes)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);
	int fds[2], n;
	char b[16];

	pair(fds);
	t_ret(send(fds[0], "hello", 5, 0), 5);
	t_eq(events(fds[1], 5000), POLLIN | POLLOUT);
	t_ret(ioctl(fds[1], FIONREAD, &n), 0);
	t_eq(n, 5);
	t_ret(recv(fds[1], b, 2, MSG_PEEK), 2);
	t_ret(recvfrom(fds[1], b, sizeof(b), 0, A(&a), &len), 5);
	t_eq(len, 0); /* a stream tells no sender */
	t_mem(b, "hello", 5);
	t_errno(recv(fds[1], b, 1, MSG_DONTWAIT), EAGAIN);
	t_errno(recv(fds[1], b, 1, MSG_OOB), EINVAL);
	a = at(LO, 9);
	t_ret(sendto(fds[1], "abc", 3, 0, A(&a), sizeof(a)), 3); /* the name is not looked at */
	t_ret(send(fds[1], "def", 3, MSG_MORE), 3);
	t_ret(send(fds[1], "", 0, 0), 0);
	t_ret(recv(fds[0], b, 6, MSG_WAITALL), 6);
	t_mem(b, "abcdef", 6);
	t_ret(write(fds[0], "xy", 2), 2);
	t_ret(read(fds[1], b, sizeof(b)), 2);
}

static void *writer(void *fd)
{
	static char block[65536];
	long left = 4 << 20;
	int f = (int)(long)fd;

	while (left > 0) {
		for (int i = 0; i < (int)sizeof(block); i++)
			block[i] = (char)((left - i) * 7);
		long n = send(f, block, left < (long)sizeof(block) ? left : (long)sizeof(block), 0);

		if (n <= 0)
			break;
		left -= n;
		if (n != (long)sizeof(block) && left > 0)
			break;
	}
	shutdown(f, SHUT_WR);
	return NULL;
}

T_CASE_LIMIT(many_bytes, 30)
{
	static char b[10000];
	pthread_t t;
	long total = 0, n, wrong = 0;
	int fds[2];

	pair(fds);
	pthread_create(&t, NULL, writer, (void *)(long)fds[0]);
	while ((n = recv(fds[1], b, sizeof(b), 0)) > 0) {
		for (long i = 0; i < n; i++) {
			long at_byte = total + i, left = (4 << 20) - at_byte / 65536 * 65536;

			wrong += b[i] != (char)((left - at_byte % 65536) * 7);
		}
		total += n;
	}
	t_eq(n, 0);
	t_eq(total, 4 << 20);
	t_eq(wrong, 0);
	pthread_join(t, NULL);
}

T_CASE(ends)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int fds[2];
	char b[8];

	pair(fds);
	t_ret(send(fds[0], "end", 3, 0), 3);
	t_ret(shutdown(fds[0], SHUT_WR), 0);
	t_errno(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	t_ret(recv(fds[1], b, 8, MSG_WAITALL), 3);
	t_ret(recv(fds[1], b, 8, 0), 0);
	t_eq(events(fds[1], 5000), POLLIN | POLLOUT | POLLRDHUP);
	t_ret(send(fds[1], "back", 4, 0), 4);
	t_ret(recv(fds[0], b, 8, 0), 4);
	t_ret(shutdown(fds[1], SHUT_WR), 0);
	t_eq(events(fds[1], 5000), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	t_eq(recv(fds[0], b, 8, 0), 0);
	t_sleep_ms(20);
	t_errno(getpeername(fds[1], A(&a), &len), ENOTCONN);
	close(fds[0]);
	close(fds[1]);
	/* a side that closes: what it had sent is read, the first bytes to it are lost */
	pair(fds);
	t_ret(send(fds[0], "bye", 3, 0), 3);
	close(fds[0]);
	t_eq(events(fds[1], 5000), POLLIN | POLLOUT | POLLRDHUP);
	t_ret(send(fds[1], "lost", 4, 0), 4);
	t_sleep_ms(50);
	t_errno(send(fds[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(fds[1]);
	/* bytes that nobody read: a reset */
	pair(fds);
	t_ret(send(fds[0], "unread", 6, 0), 6);
	t_eq(events(fds[1], 5000), POLLIN | POLLOUT);
	close(fds[1]);
	t_check(events(fds[0], 5000) & POLLERR);
	t_check(events(fds[0], 5000) & POLLHUP);
	t_errno(recv(fds[0], b, 8, 0), ECONNRESET);
	t_ret(recv(fds[0], b, 8, 0), 0);
	t_errno(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(fds[0]);
	/* and one that was asked for */
	pair(fds);
	struct linger now = {1, 0};

	t_ret(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fds[0]);
	t_check(events(fds[1], 5000) & POLLERR);
	t_errno(getpeername(fds[1], A(&a), &len), ENOTCONN);
	t_errno(send(fds[1], "x", 1, MSG_NOSIGNAL), ECONNRESET);
	t_errno(send(fds[1], "x", 1, MSG_NOSIGNAL), EPIPE);
}

T_CASE(broken_pipe_signal)
{
	int fds[2];
	pid_t pid;

	T_CHILD(pid)
	{
		signal(SIGPIPE, SIG_DFL);
		pair(fds);
		shutdown(fds[0], SHUT_WR);
		(void)!write(fds[0], "x", 1);
	}
	t_killed(pid, SIGPIPE);
}

static void *reader(void *fd)
{
	char c;

	return (void *)recv((int)(long)fd, &c, 1, 0);
}

static void *taker(void *fd)
{
	return (void *)(long)(accept((int)(long)fd, NULL, NULL) < 0 ? errno : 0);
}

T_CASE(shutdown_wakes)
{
	struct sockaddr_in a;
	pthread_t t;
	void *got;
	int fds[2], l = listener(&a, 1);

	pair(fds);
	pthread_create(&t, NULL, reader, (void *)(long)fds[0]);
	t_sleep_ms(30);
	t_ret(shutdown(fds[0], SHUT_RDWR), 0);
	pthread_join(t, &got);
	t_eq((long)got, 0);
	pthread_create(&t, NULL, taker, (void *)(long)l);
	t_sleep_ms(30);
	t_ret(shutdown(l, SHUT_RDWR), 0);
	pthread_join(t, &got);
	t_eq((long)got, EINVAL);
}

T_CASE(listener_goes)
{
	struct sockaddr_in a;
	int l = listener(&a, 4), c = make(SOCK_STREAM);
	char b;

	t_ret(connect(c, A(&a), sizeof(a)), 0);
	close(l);
	t_check(events(c, 5000) & POLLERR);
	t_errno(recv(c, &b, 1, 0), ECONNRESET);
}

T_CASE(client_goes_before_accept)
{
	struct sockaddr_in a, got;
	int l = listener(&a, 4), c = make(SOCK_STREAM), s;
	socklen_t len = sizeof(got);
	char b[4];

	t_ret(connect(c, A(&a), sizeof(a)), 0);
	t_ret(send(c, "hi", 2, 0), 2);
	close(c);
	t_ok(s = accept(l, A(&got), &len));
	t_eq(len, sizeof(got));
	t_ret(recv(s, b, 4, 0), 2);
	t_ret(recv(s, b, 4, 0), 0);
}

T_CASE(timeouts)
{
	struct timeval tv = {0, 50000};
	struct sockaddr_in a;
	int l = listener(&a, 1), fds[2];
	long long t0 = t_now_ns();
	char b;

	t_ret(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	t_errno(accept(l, NULL, NULL), EAGAIN);
	t_check(t_now_ns() - t0 >= 45000000);
	pair(fds);
	t_ret(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	t0 = t_now_ns();
	t_errno(recv(fds[0], &b, 1, 0), EAGAIN);
	t_check(t_now_ns() - t0 >= 45000000);
}

T_CASE(file_to_socket)
{
	int fds[2], f;
	char b[16];
	off_t from = 2;

	pair(fds);
	t_spew("file", "0123456789");
	f = open("file", O_RDONLY);
	t_ret(sendfile(fds[0], f, &from, 5), 5);
	t_eq(from, 7);
	t_ret(recv(fds[1], b, 5, MSG_WAITALL), 5);
	t_mem(b, "23456", 5);
}

T_CASE(epoll_edges)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET};
	int fds[2], ep = epoll_create1(0);

	pair(fds);
	t_ret(epoll_ctl(ep, EPOLL_CTL_ADD, fds[1], &e), 0);
	t_ret(epoll_wait(ep, &e, 1, 0), 0);
	t_ret(send(fds[0], "a", 1, 0), 1);
	t_ret(epoll_wait(ep, &e, 1, 5000), 1);
	t_ret(epoll_wait(ep, &e, 1, 0), 0);
	t_ret(send(fds[0], "b", 1, 0), 1);
	t_ret(epoll_wait(ep, &e, 1, 5000), 1);
}

T_CASE(descriptor_crosses)
{
	int fds[2], sv[2], got = -1;
	char c, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {&c, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	pair(fds);
	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	*h = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(h), &fds[1], sizeof(int));
	t_ret(sendmsg(sv[0], &m, 0), 1);
	close(fds[1]);
	t_ret(recvmsg(sv[1], &m, 0), 1);
	memcpy(&got, CMSG_DATA(h), sizeof(int));
	t_ret(send(fds[0], "z", 1, 0), 1);
	t_ret(recv(got, &c, 1, 0), 1);
	t_eq(c, 'z');
}

/* ---- options, files ---- */

T_CASE(options)
{
	int fd = make(SOCK_STREAM), udp = make(SOCK_DGRAM), v;

	t_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	v = 5;
	t_ret(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)), 0);
	t_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	t_errno(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, 1), EINVAL);
	t_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 7200);
	v = 60;
	t_ret(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &v, sizeof(v)), 0);
	t_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
	v = 0;
	t_errno(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &v, sizeof(v)), EINVAL);
	t_eq(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 75);
	t_eq(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 9);
	t_eq(option(fd, IPPROTO_TCP, TCP_MAXSEG), 536);
	t_eq(option(fd, IPPROTO_TCP, TCP_CORK), 0);
	t_eq(option(fd, IPPROTO_TCP, 999), -ENOPROTOOPT);
	t_eq(option(udp, IPPROTO_TCP, TCP_NODELAY), -EOPNOTSUPP);
	t_errno(setsockopt(udp, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)), ENOPROTOOPT);
	t_eq(option(fd, IPPROTO_IP, IP_TTL), 64);
	v = 300;
	t_errno(setsockopt(fd, IPPROTO_IP, IP_TTL, &v, sizeof(v)), EINVAL);
	v = 3;
	t_ret(setsockopt(fd, IPPROTO_IP, IP_TTL, &v, sizeof(v)), 0);
	t_eq(option(fd, IPPROTO_IP, IP_TTL), 3);
	t_eq(option(fd, IPPROTO_IP, IP_TOS), 0);
	t_eq(option(fd, IPPROTO_IP, 999), -ENOPROTOOPT);
	t_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	v = 1;
	t_ret(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, sizeof(v)), 0);
	t_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	t_eq(option(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
	t_ret(listen(fd, 1), 0);
	t_eq(option(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
	t_eq(option(udp, SOL_SOCKET, SO_BROADCAST), 0);
	struct {
		int pid, uid, gid;
	} cred = {5, 5, 5};
	socklen_t len = sizeof(cred);

	t_ret(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
	t_eq(cred.pid, 0);
	t_eq(cred.uid, -1);
}

T_CASE(proc_net)
{
	static char text[65536];
	struct sockaddr_in a, b;
	int l = listener(&a, 3), u = bound(SOCK_DGRAM, &b);
	char want[64];

	t_check(l >= 0 && u >= 0);
	t_check(t_slurp("/proc/net/tcp", text, sizeof(text)) > 0);
	t_check(strstr(text, "local_address") != NULL);
	snprintf(want, sizeof(want), " 0100007F:%04X 00000000:0000 0A ", ntohs(a.sin_port));
	t_check(strstr(text, want) != NULL);
	t_check(t_slurp("/proc/net/udp", text, sizeof(text)) > 0);
	snprintf(want, sizeof(want), " 0100007F:%04X 00000000:0000 07 ", ntohs(b.sin_port));
	t_check(strstr(text, want) != NULL);
}

/* The line of the socket bound to a port: its state, its user. */
static int line_of(int port, unsigned *uid)
{
	static char line[512];
	char want[32];
	unsigned state = 0;
	FILE *f = fopen("/proc/net/tcp", "r");

	snprintf(want, sizeof(want), "0100007F:%04X ", port);
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, want);

		if (at && at - line < 10 &&
			sscanf(at + 14, "%*s %x %*s %*s %*s %u", &state, uid) == 2)
			break;
	}
	fclose(f);
	return (int)state;
}

T_CASE(proc_states)
{
	unsigned uid = 77;
	int fds[2], client, server, c;
	struct sockaddr_in a;

	t_become(1234, 1234);
	c = listener(&a, 3);
	t_eq(line_of(ntohs(a.sin_port), &uid), 10);
	t_eq(uid, 1234);
	close(c);
	pair(fds);
	client = ntohs(name_of(fds[0]).sin_port);
	server = ntohs(peer_of(fds[0]).sin_port);
	t_check(client != server);
	t_eq(line_of(client, &uid), 1);
	t_eq(uid, 1234);
	t_eq(line_of(server, &uid), 1);
	t_eq(uid, 1234);
	t_ret(shutdown(fds[0], SHUT_WR), 0);
	t_sleep_ms(20);
	t_eq(line_of(client, &uid), 5);
	t_eq(line_of(server, &uid), 8);
}
