/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* socket_options.c - options of the socket level that any family has: stamps of time on what is
 * received, priority, mark, cookie. */
#include "t_.h"

#include <netinet/in.h>
#include <sys/socket.h>

T_SUITE(socket_options);

static int option(int s, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(s, SOL_SOCKET, name, &value, &len) ? -errno : value;
}

static int set(int s, int name, int value)
{
	return setsockopt(s, SOL_SOCKET, name, &value, sizeof(value)) ? -errno : 0;
}

/* Receives one message. Return: the stamp in ns, 0 = none; *type: its type. */
static long long stamp_of(int s, int *type)
{
	char buf[64], control[256];
	struct iovec v = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	long part[2];

	t_check(recvmsg(s, &m, 0) > 0);
	*type = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET ||
			(c->cmsg_type != SO_TIMESTAMP && c->cmsg_type != SO_TIMESTAMPNS))
			continue;
		*type = c->cmsg_type;
		t_eq(c->cmsg_len, CMSG_LEN(16));
		memcpy(part, CMSG_DATA(c), 16);
		return part[0] * 1000000000ll + part[1] * (*type == SO_TIMESTAMP ? 1000 : 1);
	}
	return 0;
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void stamps(int from, int to)
{
	long long before, at;
	int type;

	t_eq(send(from, "x", 1, 0), 1);
	t_eq(stamp_of(to, &type), 0);
	t_eq(set(to, SO_TIMESTAMP, 1), 0);
	t_eq(option(to, SO_TIMESTAMP), 1);
	t_eq(option(to, SO_TIMESTAMPNS), 0);
	t_sleep_ms(2); /* the first stamps of a system may come late */
	before = now();
	t_eq(send(from, "x", 1, 0), 1);
	long long sent = now();

	t_sleep_ms(20);
	at = stamp_of(to, &type);
	t_eq(type, SO_TIMESTAMP);
	t_check(at > before - 1000 && at <= sent); /* when it was sent, in whole microseconds */
	t_eq(set(to, SO_TIMESTAMPNS, 5), 0);
	t_eq(option(to, SO_TIMESTAMP), 0);
	t_eq(option(to, SO_TIMESTAMPNS), 1);
	before = now();
	t_eq(send(from, "x", 1, 0), 1);
	at = stamp_of(to, &type);
	t_eq(type, SO_TIMESTAMPNS);
	t_check(at >= before && at <= now());
	t_eq(set(to, SO_TIMESTAMP, 0), 0); /* neither */
	t_eq(option(to, SO_TIMESTAMPNS), 0);
	t_eq(send(from, "x", 1, 0), 1);
	t_eq(stamp_of(to, &type), 0);
	t_eq(send(from, "x", 1, 0), 1);
	t_eq(set(to, SO_TIMESTAMPNS, 1), 0); /* after it came: a stamp of now */
	t_check(stamp_of(to, &type) > 0);
}

T_CASE(stamps_on_local_datagrams)
{
	int s[2];

	t_ret(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
	stamps(s[0], s[1]);
}

T_CASE(stamps_on_local_packets)
{
	int s[2];

	t_ret(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s), 0);
	stamps(s[0], s[1]);
}

T_CASE(stamps_on_datagrams)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int from, to;

	t_ok(from = socket(AF_INET, SOCK_DGRAM, 0));
	t_ok(to = socket(AF_INET, SOCK_DGRAM, 0));
	t_ret(bind(to, (struct sockaddr *)&a, len), 0);
	t_ret(getsockname(to, (struct sockaddr *)&a, &len), 0);
	t_ret(connect(from, (struct sockaddr *)&a, len), 0);
	stamps(from, to);
}

T_CASE(no_stamps_on_streams)
{
	int s[2], type;

	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	t_eq(set(s[1], SO_TIMESTAMP, 1), 0);
	t_eq(option(s[1], SO_TIMESTAMP), 1);
	t_ret(send(s[0], "x", 1, 0), 1);
	t_eq(stamp_of(s[1], &type), 0);
}

/* Beside credentials, in a buffer that has room for one of them. */
T_CASE(stamps_come_first)
{
	char buf[8], control[CMSG_SPACE(16)];
	struct iovec v = {buf, 8};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	int s[2];

	t_ret(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
	t_eq(set(s[1], SO_TIMESTAMPNS, 1), 0);
	t_eq(set(s[1], SO_PASSCRED, 1), 0);
	t_ret(send(s[0], "x", 1, 0), 1);
	t_ret(recvmsg(s[1], &m, 0), 1);
	t_check(m.msg_flags & MSG_CTRUNC);
	t_eq(CMSG_FIRSTHDR(&m)->cmsg_type, SO_TIMESTAMPNS);
}

T_CASE(priority_and_mark)
{
	int s;
	pid_t pid;

	t_ok(s = socket(AF_UNIX, SOCK_DGRAM, 0));
	t_eq(option(s, SO_PRIORITY), 0);
	t_eq(option(s, SO_MARK), 0);
	t_eq(set(s, SO_PRIORITY, 6), 0);
	t_eq(option(s, SO_PRIORITY), 6);
	T_CHILD(pid)
	{
		if (!geteuid())
			t_ok(setuid(1000));
		t_eq(set(s, SO_PRIORITY, 7), -EPERM);
		t_eq(set(s, SO_PRIORITY, -1), -EPERM);
		t_eq(set(s, SO_PRIORITY, 3), 0);
		t_eq(set(s, SO_MARK, 1), -EPERM);
	}
	t_exit(pid, 0);
	t_eq(option(s, SO_PRIORITY), 3);
	if (!geteuid()) {
		t_eq(set(s, SO_PRIORITY, 100), 0);
		t_eq(option(s, SO_PRIORITY), 100);
		t_eq(set(s, SO_MARK, 77), 0);
		t_eq(option(s, SO_MARK), 77);
	}
}

T_CASE(cookies)
{
	unsigned long long a = 0, b = 0, again = 0;
	socklen_t len = sizeof(a);
	int s[2];

	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	t_ret(getsockopt(s[0], SOL_SOCKET, SO_COOKIE, &a, &len), 0);
	t_eq(len, 8);
	t_ret(getsockopt(s[1], SOL_SOCKET, SO_COOKIE, &b, &len), 0);
	t_ret(getsockopt(s[0], SOL_SOCKET, SO_COOKIE, &again, &len), 0);
	t_check(a && b && a != b && a == again);
	len = 4;
	t_errno(getsockopt(s[0], SOL_SOCKET, SO_COOKIE, &a, &len), EINVAL);
	t_errno(setsockopt(s[0], SOL_SOCKET, SO_COOKIE, &a, 8), ENOPROTOOPT);
}
