/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* urgent.c - MSG_OOB on TCP of the loopback and on AF_UNIX streams: the byte, the mark, SIGURG. */
#include "t_.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

T_SUITE(urgent);

static void tcp_pair(int fds[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	t_loopback_up();
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(l, (void *)&a, len) || listen(l, 1) || getsockname(l, (void *)&a, &len) ||
		connect(fds[0], (void *)&a, len) || (fds[1] = accept(l, NULL, NULL)) < 0)
		t_stop("no connection");
	close(l);
}

static void unix_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		t_stop("no pair");
}

static int events(int fd, int want, int timeout_ms)
{
	struct pollfd p = {fd, (short)want, 0};

	return poll(&p, 1, timeout_ms) < 0 ? -1 : p.revents;
}

static int at_mark(int fd)
{
	int v = -1;

	return ioctl(fd, SIOCATMARK, &v) < 0 ? -1 : v;
}

static void byte_and_mark(int fds[2])
{
	char b[16];

	t_errno(recv(fds[1], b, 1, MSG_OOB), EINVAL);
	t_eq(events(fds[1], POLLPRI, 0), 0);
	t_ret(send(fds[0], "abcX", 4, MSG_OOB), 4);
	t_ret(send(fds[0], "def", 3, 0), 3);
	t_eq(events(fds[1], POLLPRI | POLLIN, 5000), POLLPRI | POLLIN);
	t_eq(at_mark(fds[1]), 0);
	t_ret(recv(fds[1], b, 1, MSG_OOB | MSG_PEEK), 1);
	t_eq(b[0], 'X');
	t_ret(recv(fds[1], b, 16, 0), 3); /* a read ends at the mark */
	t_mem(b, "abc", 3);
	t_eq(at_mark(fds[1]), 1);
	b[0] = 0;
	t_ret(recv(fds[1], b, 1, MSG_OOB), 1);
	t_eq(b[0], 'X');
	t_errno(recv(fds[1], b, 1, MSG_OOB), EINVAL);
	t_eq(events(fds[1], POLLPRI, 0), 0);
	t_ret(recv(fds[1], b, 16, 0), 3);
	t_mem(b, "def", 3);
	t_eq(at_mark(fds[1]), 0);
	t_errno(recv(fds[1], b, 16, MSG_DONTWAIT), EAGAIN);
}

static void lost_when_passed(int fds[2])
{
	char b[16];

	t_ret(send(fds[0], "abX", 3, MSG_OOB), 3);
	t_ret(send(fds[0], "cd", 2, 0), 2);
	t_eq(events(fds[1], POLLPRI, 5000), POLLPRI);
	t_ret(recv(fds[1], b, 16, 0), 2);
	t_ret(recv(fds[1], b, 16, 0), 2);
	t_mem(b, "cd", 2);
	t_errno(recv(fds[1], b, 1, MSG_OOB), EINVAL);
	t_eq(events(fds[1], POLLPRI, 0), 0);
}

static void in_line(int fds[2])
{
	int one = 1;
	char b[16];

	t_ret(setsockopt(fds[1], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)), 0);
	t_ret(send(fds[0], "abX", 3, MSG_OOB), 3);
	t_ret(send(fds[0], "c", 1, 0), 1);
	t_eq(events(fds[1], POLLPRI | POLLIN, 5000), POLLPRI | POLLIN);
	t_errno(recv(fds[1], b, 1, MSG_OOB), EINVAL);
	t_ret(recv(fds[1], b, 16, 0), 2);
	t_eq(at_mark(fds[1]), 1);
	t_ret(recv(fds[1], b, 1, 0), 1);
	t_ret(recv(fds[1], b + 1, 15, 0), 1);
	t_mem(b, "Xc", 2);
	t_eq(events(fds[1], POLLPRI, 0), 0);
	t_ret(send(fds[0], "dY", 2, MSG_OOB), 2);
	t_eq(events(fds[1], POLLIN, 5000), POLLIN);
	t_ret(recv(fds[1], b, 16, 0), 1);
	t_eq(events(fds[1], POLLIN, 5000), POLLIN); /* the byte alone */
	t_ret(recv(fds[1], b, 16, 0), 1);
	t_eq(b[0], 'Y');
}

static void second_one(int fds[2])
{
	char b[16];

	t_ret(send(fds[0], "aX", 2, MSG_OOB), 2);
	t_ret(send(fds[0], "bY", 2, MSG_OOB), 2);
	t_eq(events(fds[1], POLLPRI, 5000), POLLPRI);
	t_ret(recv(fds[1], b, 1, MSG_OOB), 1);
	t_eq(b[0], 'Y');
	t_ret(recv(fds[1], b, 3, MSG_WAITALL), 3);
	t_mem(b, "aXb", 3);
}

static volatile int urgent_signals;

static void count(int sig)
{
	urgent_signals += sig == SIGURG;
}

static void signalled(int fds[2])
{
	t_handler(SIGURG, count, SA_RESTART);
	t_ret(send(fds[0], "X", 1, MSG_OOB), 1);
	t_sleep_ms(20);
	t_eq(urgent_signals, 0); /* nobody owns it */
	t_ret(fcntl(fds[1], F_SETOWN, getpid()), 0);
	t_ret(send(fds[0], "Y", 1, MSG_OOB), 1);
	for (int i = 0; i < 500 && !urgent_signals; i++)
		t_sleep_ms(10);
	t_eq(urgent_signals, 1);
	t_ret(send(fds[0], "z", 1, 0), 1);
	t_sleep_ms(20);
	t_eq(urgent_signals, 1);
}

#define BOTH(name)              \
	T_CASE(tcp_##name)      \
	{                       \
		int fds[2];     \
		tcp_pair(fds);  \
		name(fds);      \
	}                       \
	T_CASE(unix_##name)     \
	{                       \
		int fds[2];     \
		unix_pair(fds); \
		name(fds);      \
	}
BOTH(byte_and_mark)
BOTH(lost_when_passed)
BOTH(in_line)
BOTH(second_one)
BOTH(signalled)

T_CASE(tcp_alone)
{
	int fds[2];
	char b;

	tcp_pair(fds);
	t_ret(send(fds[0], "X", 1, MSG_OOB), 1);
	t_eq(events(fds[1], POLLPRI | POLLIN, 5000), POLLPRI); /* nothing for a plain read */
	t_eq(at_mark(fds[1]), 1);
	t_ret(recv(fds[1], &b, 1, MSG_OOB), 1);
	t_eq(b, 'X');
	t_errno(recv(fds[1], &b, 1, MSG_DONTWAIT), EAGAIN);
}

T_CASE(not_for_all)
{
	int fds[2];

	t_ret(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	t_errno(send(fds[0], "x", 1, MSG_OOB), EOPNOTSUPP);
	t_errno(recv(fds[0], fds, 1, MSG_OOB), EOPNOTSUPP);
	t_ret(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	t_errno(send(fds[0], "x", 1, MSG_OOB), EOPNOTSUPP);
	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	t_errno(send(fds[0], "", 0, MSG_OOB), EOPNOTSUPP);
	t_ok(fds[0] = socket(AF_INET, SOCK_DGRAM, 0));
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	t_errno(sendto(fds[0], "x", 1, MSG_OOB, (void *)&a, sizeof(a)), EOPNOTSUPP);
}
