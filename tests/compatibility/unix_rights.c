/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* unix_rights.c - what AF_UNIX carries beside bytes: descriptors, credentials, and its limits. */
#include "t_.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <grp.h>
#include <sys/un.h>

T_SUITE(unix_rights);

#undef unix

enum { CONTROL = 1200 };

struct parcel {
	struct msghdr h;
	struct iovec v;
	char bytes[64];
	union {
		char control[CONTROL];
		struct cmsghdr align;
	};
};

static void parcel_init(struct parcel *p, const char *text, size_t control)
{
	memset(p, 0, sizeof(*p));
	if (text)
		strcpy(p->bytes, text);
	p->v = (struct iovec){p->bytes, text ? strlen(text) : sizeof(p->bytes)};
	p->h = (struct msghdr){.msg_iov = &p->v,
		.msg_iovlen = 1,
		.msg_control = p->control,
		.msg_controllen = control};
}

static ssize_t send_fds(int s, const char *text, const int *fds, int n)
{
	struct parcel p;
	struct cmsghdr *c;

	parcel_init(&p, text, CMSG_SPACE(n * sizeof(int)));
	c = CMSG_FIRSTHDR(&p.h);
	*c = (struct cmsghdr){CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	return sendmsg(s, &p.h, MSG_NOSIGNAL);
}

static ssize_t send_fd(int s, int fd)
{
	return send_fds(s, "x", &fd, 1);
}

/* Receives; the descriptors found go to @fds, their number to *n. */
static ssize_t take_fds(int s, struct parcel *p, int flags, int *fds, int *n)
{
	ssize_t got;

	*n = 0;
	parcel_init(p, NULL, CONTROL);
	got = recvmsg(s, &p->h, flags);
	if (got < 0)
		return got;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&p->h); c; c = CMSG_NXTHDR(&p->h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), *n * sizeof(int));
	}
	return got;
}

static int take_fd(int s)
{
	struct parcel p;
	int fds[300] = {-1}, n;

	if (take_fds(s, &p, 0, fds, &n) != 1 || n != 1)
		return -1;
	return fds[0];
}

static void pair(int type, int s[2])
{
	if (socketpair(AF_UNIX, type, 0, s) < 0)
		t_stop("no socket pair");
}

static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

T_CASE(a_descriptor_crosses)
{
	for (unsigned i = 0; i < 3; i++) {
		int s[2], p[2], fd;
		char c;
		pid_t pid;

		pair(types[i], s);
		t_pipe(p);
		T_CHILD(pid)
		{
			t_ret(send_fd(s[0], p[1]), 1);
		}
		t_exit(pid, 0);
		close(p[1]);
		t_ok(fd = take_fd(s[1]));
		t_check(fd != p[0]);
		t_ret(write(fd, "z", 1), 1);
		t_ret(read(p[0], &c, 1), 1);
		t_eq(c, 'z');
		close(fd);
		t_ret(read(p[0], &c, 1), 0); /* it was the last writer */
		close(s[0]);
		close(s[1]);
		close(p[0]);
	}
}

T_CASE(rights_and_position_are_shared)
{
	int s[2], fd, back;
	char buf[8] = "";

	pair(SOCK_STREAM, s);
	t_spew("file", "abcdef");
	t_ok(fd = open("file", O_RDONLY));
	t_ret(read(fd, buf, 2), 2);
	t_ret(send_fd(s[0], fd), 1);
	t_ret(close(fd), 0);
	t_ok(back = take_fd(s[1]));
	t_ret(read(back, buf, 2), 2);
	t_mem(buf, "cd", 2);
	t_errno(write(back, "x", 1), EBADF); /* a reader stays a reader */
	t_errno(ftruncate(back, 0), EINVAL);
	t_ret(fcntl(back, F_GETFL) & O_ACCMODE, O_RDONLY);
	t_ok(fd = open(".", O_PATH));
	t_ret(send_fd(s[0], fd), 1);
	t_ok(back = take_fd(s[1]));
	t_errno(read(back, buf, 1), EBADF);
	t_ok(openat(back, "file", O_RDONLY));
	t_check(fcntl(back, F_GETFL) & O_PATH);
}

T_CASE(several_at_once)
{
	int s[2], many[254], got[300], n;
	struct parcel p;

	pair(SOCK_SEQPACKET, s);
	for (int i = 0; i < 254; i++)
		many[i] = i % 2 ? s[0] : STDIN_FILENO;
	t_ret(send_fds(s[0], "m", many, 253), 1);
	t_ret(take_fds(s[1], &p, 0, got, &n), 1);
	t_eq(n, 253);
	t_eq(p.h.msg_controllen, CMSG_SPACE(253 * sizeof(int)));
	t_eq(p.h.msg_flags, 0);
	int wrong = 0;
	for (int i = 1; i < n; i++)
		wrong += got[i] == got[i - 1];
	t_eq(wrong, 0);
	t_errno(send_fds(s[0], "m", many, 254), EINVAL);
	t_ret(send_fds(s[0], "m", many, 0), 1);
	t_ret(take_fds(s[1], &p, 0, got, &n), 1);
	t_eq(n, 0);
	t_eq(p.h.msg_controllen, 0);
}

T_CASE(control_errors)
{
	int s[2], fd = 777;
	struct parcel p;
	struct cmsghdr *c;

	pair(SOCK_STREAM, s);
	t_errno(send_fds(s[0], "x", &fd, 1), EBADF);
	fd = -1;
	t_errno(send_fds(s[0], "x", &fd, 1), EBADF);
	parcel_init(&p, "x", CMSG_SPACE(4));
	c = CMSG_FIRSTHDR(&p.h);
	*c = (struct cmsghdr){8, SOL_SOCKET, SCM_RIGHTS};
	t_errno(sendmsg(s[0], &p.h, 0), EINVAL); /* shorter than its header */
	c->cmsg_len = CMSG_SPACE(4) + 1;
	t_errno(sendmsg(s[0], &p.h, 0), EINVAL); /* longer than what there is */
	c->cmsg_len = (size_t)-1;
	t_errno(sendmsg(s[0], &p.h, 0), EINVAL);
	c->cmsg_len = CMSG_LEN(4);
	c->cmsg_type = 99;
	t_errno(sendmsg(s[0], &p.h, 0), EINVAL);
	c->cmsg_level = 99; /* somebody else's: not looked at */
	t_ret(sendmsg(s[0], &p.h, 0), 1);
	c->cmsg_len = CMSG_LEN(0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS; /* none */
	t_ret(sendmsg(s[0], &p.h, 0), 1);
	p.h.msg_controllen = 7; /* too short for a header: nothing there */
	t_ret(sendmsg(s[0], &p.h, 0), 1);
	p.h.msg_control = NULL;
	p.h.msg_controllen = 100;
	t_errno(sendmsg(s[0], &p.h, 0), EFAULT);
	p.h.msg_control = (void *)8;
	t_errno(sendmsg(s[0], &p.h, 0), EFAULT);
	p.h.msg_controllen = 1 << 30;
	t_errno(sendmsg(s[0], &p.h, 0), ENOBUFS);
	p.h.msg_controllen = -1;
	t_errno(sendmsg(s[0], &p.h, 0), ENOBUFS);
	parcel_init(&p, NULL, 0);
	t_ret(recv(s[1], p.bytes, 64, 0), 3);
	t_errno(sendmsg(777, &p.h, 0), EBADF);
	t_errno(sendmsg(s[0], (void *)8, 0), EFAULT);
	p.h.msg_iovlen = 1025;
	t_errno(sendmsg(s[0], &p.h, 0), EMSGSIZE);
	t_errno(recvmsg(s[0], &p.h, MSG_DONTWAIT), EMSGSIZE);
}

T_CASE(two_headers_join)
{
	int s[2], q[2], got[300], n;
	struct parcel p;
	struct cmsghdr *c;

	pair(SOCK_DGRAM, s);
	t_pipe(q);
	parcel_init(&p, "x", 2 * CMSG_SPACE(4));
	for (int i = 0; i < 2; i++) {
		c = (struct cmsghdr *)(p.control + i * CMSG_SPACE(4));
		*c = (struct cmsghdr){CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(c), &q[i], 4);
	}
	t_ret(sendmsg(s[0], &p.h, 0), 1);
	t_ret(take_fds(s[1], &p, 0, got, &n), 1);
	t_eq(n, 2);
	t_ret(write(got[1], "a", 1), 1);
	t_ret(read(got[0], &n, 1), 1);
}

/* The writer of @q lives only as long as something does; true when the reader sees the end. A pair
 * of sockets that comes and goes asks for the collector. */
static bool ends(int reader)
{
	struct pollfd p = {.fd = reader, .events = POLLIN};
	char c;

	for (int i = 0; i < 100; i++) {
		int s[2];

		pair(SOCK_STREAM, s);
		close(s[0]);
		close(s[1]);
		if (poll(&p, 1, i ? 20 : 0) == 1)
			return read(reader, &c, 1) == 0;
	}
	return false;
}

T_CASE(too_little_room)
{
	int s[2], q[3], got[2];
	struct parcel p;
	char c;

	pair(SOCK_STREAM, s);
	t_pipe(q);
	q[2] = q[0];
	/* room for two of three: the third is closed */
	t_ret(send_fds(s[0], "x", q, 3), 1);
	parcel_init(&p, NULL, CMSG_LEN(8));
	t_ret(recvmsg(s[1], &p.h, 0), 1);
	t_check(p.h.msg_flags & MSG_CTRUNC);
	t_eq(p.h.msg_controllen, CMSG_LEN(8));
	t_eq(p.align.cmsg_len, CMSG_LEN(8));
	memcpy(got, CMSG_DATA(&p.align), sizeof(got));
	t_ret(close(got[0]), 0);
	t_ret(close(got[1]), 0);
	/* no room at all */
	t_ret(send_fds(s[0], "x", q, 2), 1);
	parcel_init(&p, NULL, 0);
	t_ret(recvmsg(s[1], &p.h, 0), 1);
	t_eq(p.h.msg_flags, MSG_CTRUNC);
	t_ret(send_fds(s[0], "x", q, 2), 1);
	parcel_init(&p, NULL, 10);
	t_ret(recvmsg(s[1], &p.h, 0), 1);
	t_eq(p.h.msg_flags, MSG_CTRUNC);
	t_eq(p.h.msg_controllen, 0);
	/* read(2) drops them */
	t_ret(send_fds(s[0], "x", q + 1, 1), 1);
	close(q[1]);
	t_ret(read(s[1], &c, 1), 1);
	fcntl(q[0], F_SETFL, O_NONBLOCK);
	t_check(ends(q[0]));
}

T_CASE(cloexec_and_slots)
{
	int s[2], q[2], got[300], n;
	struct parcel p;
	struct rlimit rl;

	pair(SOCK_STREAM, s);
	t_pipe(q);
	t_ret(send_fds(s[0], "x", q, 2), 1);
	t_ret(take_fds(s[1], &p, MSG_CMSG_CLOEXEC, got, &n), 1);
	t_eq(n, 2);
	t_eq(p.h.msg_flags, MSG_CMSG_CLOEXEC);
	t_ret(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	t_ret(send_fds(s[0], "x", q, 2), 1);
	t_ret(take_fds(s[1], &p, 0, got, &n), 1);
	t_ret(fcntl(got[0], F_GETFD), 0);
	close(got[1]);
	/* one slot only is free below the limit */
	t_ret(send_fds(s[0], "x", q, 2), 1);
	t_ret(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = got[1] + 1;
	t_ret(setrlimit(RLIMIT_NOFILE, &rl), 0);
	t_ret(take_fds(s[1], &p, 0, got, &n), 1);
	t_eq(n, 1);
	t_check(p.h.msg_flags & MSG_CTRUNC);
}

T_CASE(streams_keep_the_place)
{
	int s[2], q[2], got[300], n;
	struct parcel p;

	pair(SOCK_STREAM, s);
	t_pipe(q);
	t_ret(write(s[0], "aa", 2), 2);
	t_ret(send_fds(s[0], "bbb", q, 1), 3);
	t_ret(write(s[0], "cc", 2), 2);
	t_ret(send_fds(s[0], "d", q, 2), 1);
	t_ret(send_fds(s[0], "e", q, 2), 1);
	/* a read ends behind the bytes that came with descriptors */
	t_ret(take_fds(s[1], &p, 0, got, &n), 5);
	t_mem(p.bytes, "aabbb", 5);
	t_eq(n, 1);
	t_ret(take_fds(s[1], &p, 0, got, &n), 3);
	t_mem(p.bytes, "ccd", 3);
	t_eq(n, 2);
	t_ret(take_fds(s[1], &p, 0, got, &n), 1);
	t_eq(n, 2);
	/* with the first of their bytes */
	t_ret(send_fds(s[0], "bbb", q, 1), 3);
	t_ret(write(s[0], "cc", 2), 2);
	parcel_init(&p, NULL, CONTROL);
	p.v.iov_len = 2;
	t_ret(recvmsg(s[1], &p.h, 0), 2);
	t_eq(p.h.msg_controllen, CMSG_SPACE(4));
	t_ret(take_fds(s[1], &p, 0, got, &n), 3);
	t_mem(p.bytes, "bcc", 3);
	t_eq(n, 0);
	t_eq(p.h.msg_controllen, 0);
	/* plain bytes behind descriptors go on as ever, both ways */
	t_ret(write(s[1], "back", 4), 4);
	t_ret(read(s[0], p.bytes, 8), 4);
	t_ret(write(s[0], "on", 2), 2);
	close(s[0]);
	t_ret(read(s[1], p.bytes, 8), 2);
	t_ret(read(s[1], p.bytes, 8), 0);
}

T_CASE(waits_and_polls)
{
	int s[2], q[2], ep, fd;
	struct pollfd w;
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET}, out;
	char c;
	pid_t pid;

	for (unsigned i = 0; i < 3; i++) {
		pair(types[i], s);
		t_pipe(q);
		w = (struct pollfd){.fd = s[1], .events = POLLIN | POLLOUT};
		t_ok(ep = epoll_create1(0));
		t_ret(epoll_ctl(ep, EPOLL_CTL_ADD, s[1], &ev), 0);
		t_ret(poll(&w, 1, 0), 1);
		t_eq(w.revents, POLLOUT);
		t_ret(epoll_wait(ep, &out, 1, 0), 0);
		T_CHILD(pid)
		{
			t_ok(fd = take_fd(s[1])); /* sleeps before it comes */
			t_ret(write(fd, "k", 1), 1);
		}
		t_check(t_wait_state(pid, 'S'));
		t_ret(send_fd(s[0], q[1]), 1);
		t_exit(pid, 0);
		t_ret(read(q[0], &c, 1), 1);
		t_ret(send_fd(s[0], q[1]), 1);
		t_ret(poll(&w, 1, 0), 1);
		t_eq(w.revents, POLLIN | POLLOUT);
		t_ret(epoll_wait(ep, &out, 1, 0), 1);
		t_ret(epoll_wait(ep, &out, 1, 0), 0);
		t_ret(send_fd(s[0], q[1]), 1); /* an edge */
		t_ret(epoll_wait(ep, &out, 1, 0), 1);
		t_ok(take_fd(s[1]));
		t_ok(take_fd(s[1]));
		t_ret(poll(&w, 1, 0), 1);
		t_eq(w.revents, POLLOUT);
		close(s[0]);
		close(s[1]);
	}
}

T_CASE(peek_copies)
{
	int s[2], q[2], got[300], n, first;
	struct parcel p;
	char c;

	for (unsigned i = 0; i < 3; i++) {
		pair(types[i], s);
		t_pipe(q);
		t_ret(send_fd(s[0], q[1]), 1);
		close(q[1]);
		t_ret(take_fds(s[1], &p, MSG_PEEK, got, &n), 1);
		t_eq(n, 1);
		first = got[0];
		t_ret(write(first, "1", 1), 1);
		close(first);
		t_ret(take_fds(s[1], &p, 0, got, &n), 1);
		t_eq(n, 1);
		t_ret(write(got[0], "2", 1), 1);
		close(got[0]);
		t_ret(read(q[0], &c, 1), 1);
		t_ret(read(q[0], &c, 1), 1);
		t_eq(c, '2');
		t_ret(read(q[0], &c, 1), 0);
		close(s[0]);
		close(s[1]);
	}
}

T_CASE(dropped_with_the_queue)
{
	for (unsigned i = 0; i < 3; i++) {
		int s[2], q[2];

		pair(types[i], s);
		t_pipe(q);
		t_ret(send_fd(s[0], q[1]), 1);
		close(q[1]);
		close(s[1]);
		t_check(ends(q[0]));
		close(s[0]);
	}
}

T_CASE(cycles_are_collected)
{
	for (unsigned i = 0; i < 3; i++) {
		int s[2], t[2], q[2];

		/* a socket in its own queue */
		pair(types[i], s);
		t_pipe(q);
		t_ret(send_fd(s[0], q[1]), 1);
		t_ret(send_fd(s[0], s[1]), 1);
		close(q[1]);
		close(s[0]);
		close(s[1]);
		t_check(ends(q[0]));
		close(q[0]);
		/* two in each other's */
		pair(types[i], s);
		t_pipe(q);
		t_ret(send_fd(s[0], s[0]), 1);
		t_ret(send_fd(s[1], s[1]), 1);
		t_ret(send_fd(s[1], q[1]), 1);
		close(q[1]);
		close(s[0]);
		close(s[1]);
		t_check(ends(q[0]));
		close(q[0]);
		/* a ring over two pairs; not before the last way in is closed */
		pair(types[i], s);
		pair(types[i], t);
		t_pipe(q);
		t_ret(send_fd(s[0], t[1]), 1);
		t_ret(send_fd(t[0], s[1]), 1);
		t_ret(send_fd(t[0], q[1]), 1);
		close(q[1]);
		close(t[1]);
		close(s[0]);
		close(t[0]);
		struct pollfd p = {.fd = q[0], .events = POLLIN};
		int again[2];
		pair(SOCK_STREAM, again);
		close(again[0]);
		close(again[1]);
		t_ret(poll(&p, 1, 50), 0);
		int fd;
		t_ok(fd = take_fd(s[1])); /* t[1] is still to be had */
		int other;
		t_ok(other = take_fd(fd));
		t_ret(send_fd(other, fd), -1); /* its other side is gone */
		close(other);
		close(fd);
		close(s[1]);
		t_check(ends(q[0]));
		close(q[0]);
	}
}

T_CASE(connections_nobody_accepted)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "l"};
	int l, c, q[2], s[2];

	t_ok(l = socket(AF_UNIX, SOCK_STREAM, 0));
	t_ret(bind(l, (void *)&a, sizeof(a)), 0);
	t_ret(listen(l, 5), 0);
	t_ok(c = socket(AF_UNIX, SOCK_STREAM, 0));
	t_ret(connect(c, (void *)&a, sizeof(a)), 0);
	t_pipe(q);
	t_ret(send_fd(c, q[1]), 1);
	t_ret(send_fd(c, l), 1); /* the listener waits in a queue that only it can open */
	close(q[1]);
	close(c);
	pair(SOCK_STREAM, s);
	close(s[0]);
	struct pollfd p = {.fd = q[0], .events = POLLIN};
	t_ret(poll(&p, 1, 50), 0);
	close(l);
	t_check(ends(q[0]));
	/* the same, accepted in time */
	a.sun_path[0] = 'm';
	t_ok(l = socket(AF_UNIX, SOCK_STREAM, 0));
	t_ret(bind(l, (void *)&a, sizeof(a)), 0);
	t_ret(listen(l, 5), 0);
	t_ok(c = socket(AF_UNIX, SOCK_STREAM, 0));
	t_ret(connect(c, (void *)&a, sizeof(a)), 0);
	t_pipe(q);
	t_ret(send_fd(c, q[1]), 1);
	close(q[1]);
	int e, fd;
	t_ok(e = accept(l, NULL, NULL));
	close(l);
	close(s[1]);
	t_ok(fd = take_fd(e));
	t_ret(write(fd, "x", 1), 1);
}

T_CASE_LIMIT(chains_close_without_end, 30)
{
	int first = -1, s[2], q[2];

	/* each socket waits in the queue of the one before: closing the first closes all */
	t_pipe(q);
	pair(SOCK_DGRAM, s);
	t_ret(send_fd(s[0], q[1]), 1);
	close(q[1]);
	close(s[0]);
	first = s[1];
	int wrong = 0;
	for (int i = 0; i < 3000; i++) {
		pair(SOCK_DGRAM, s);
		wrong += send_fd(s[0], first) != 1;
		close(s[0]);
		close(first);
		first = s[1];
	}
	t_eq(wrong, 0);
	close(first);
	t_check(ends(q[0]));
}

T_CASE(too_many_in_flight)
{
	int s[2], n = 0, in[100];
	struct rlimit rl = {64, 64};
	pid_t pid;

	pair(SOCK_SEQPACKET, s);
	T_CHILD(pid)
	{
		for (int i = 0; i < 100; i++)
			in[i] = 0;
		t_become(4321, 4321);
		t_ret(setrlimit(RLIMIT_NOFILE, &rl), 0);
		fcntl(s[0], F_SETFL, O_NONBLOCK);
		while (n < 100 && send_fds(s[0], "x", in, 10) == 1)
			n++;
		t_eq(errno, ETOOMANYREFS);
		t_check(n >= 7 && n <= 8);
		t_ret(write(s[0], "plain", 5), 5);
		struct parcel p;
		int got[300];
		t_ret(take_fds(s[1], &p, 0, got, &n), 1); /* makes room again */
		for (int i = 0; i < n; i++)
			close(got[i]);
		t_ret(take_fds(s[1], &p, 0, got, &n), 1);
		t_ret(send_fds(s[0], "x", in, 10), 1);
	}
	t_exit(pid, 0);
}

static ssize_t send_cred(int s, pid_t pid, uid_t uid, gid_t gid)
{
	struct ucred u = {pid, uid, gid};
	struct parcel p;
	struct cmsghdr *c;

	parcel_init(&p, "c", CMSG_SPACE(sizeof(u)));
	c = CMSG_FIRSTHDR(&p.h);
	*c = (struct cmsghdr){CMSG_LEN(sizeof(u)), SOL_SOCKET, SCM_CREDENTIALS};
	memcpy(CMSG_DATA(c), &u, sizeof(u));
	return sendmsg(s, &p.h, 0);
}

/* Credentials that came; pid -1 = none. */
static struct ucred take_cred(int s, ssize_t want)
{
	struct ucred u = {-1, 1, 1};
	struct parcel p;

	parcel_init(&p, NULL, CONTROL);
	t_ret(recvmsg(s, &p.h, 0), want);
	if (p.h.msg_controllen >= CMSG_LEN(sizeof(u)) && p.align.cmsg_type == SCM_CREDENTIALS)
		memcpy(&u, CMSG_DATA(&p.align), sizeof(u));
	return u;
}

T_CASE(credentials)
{
	int on = 1, s[2], value = 7;
	socklen_t len = sizeof(value);
	struct ucred u;
	pid_t pid, me = getpid();

	for (unsigned i = 0; i < 3; i++) {
		pair(types[i], s);
		t_ret(getsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &value, &len), 0);
		t_eq(value, 0);
		t_ret(send_cred(s[0], me, getuid(), getgid()), 1);
		t_eq(take_cred(s[1], 1).pid, -1); /* nobody asked */
		t_ret(write(s[0], "old", 3), 3);
		t_ret(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
		t_ret(getsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &value, &len), 0);
		t_eq(value, 1);
		u = take_cred(s[1], 3); /* sent before: from nobody */
		t_eq(u.pid, 0);
		t_eq(u.uid, 65534);
		t_ret(write(s[0], "new", 3), 3);
		u = take_cred(s[1], 3);
		t_eq(u.pid, me);
		t_eq(u.uid, getuid());
		t_eq(u.gid, getgid());
		T_CHILD(pid)
		{
			t_become(1234, 1235);
			t_ret(write(s[0], "x", 1), 1);
			t_errno(send_cred(s[0], 1, 1234, 1235), EPERM);
			t_errno(send_cred(s[0], getpid(), 0, 1235), EPERM);
			t_errno(send_cred(s[0], getpid(), 1234, 0), EPERM);
			t_ret(send_cred(s[0], getpid(), 1234, 1235), 1);
		}
		t_exit(pid, 0);
		u = take_cred(
			s[1], types[i] == SOCK_STREAM ? 2 : 1); /* one sender: read together */
		t_eq(u.pid, pid);
		t_eq(u.uid, 1234);
		t_eq(u.gid, 1235);
		if (types[i] != SOCK_STREAM)
			t_eq(take_cred(s[1], 1).pid, pid);
		close(s[0]);
		close(s[1]);
	}
}

T_CASE(credentials_keep_senders_apart)
{
	int on = 1, s[2];
	struct ucred u;
	pid_t pid;

	pair(SOCK_STREAM, s);
	t_ret(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	t_ret(write(s[0], "ab", 2), 2);
	T_CHILD(pid)
	{
		t_ret(write(s[0], "cde", 3), 3);
	}
	t_exit(pid, 0);
	t_ret(write(s[0], "f", 1), 1);
	u = take_cred(s[1], 2);
	t_eq(u.pid, getpid());
	u = take_cred(s[1], 3);
	t_eq(u.pid, pid);
	u = take_cred(s[1], 1);
	t_eq(u.pid, getpid());
}

T_CASE(peer_credentials)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "l"};
	gid_t groups[64];
	struct ucred u;
	socklen_t len = sizeof(u);
	int l, c, e, s[2], told[2];
	pid_t pid;

	t_pipe(told);
	t_ok(l = socket(AF_UNIX, SOCK_SEQPACKET, 0));
	t_ret(getsockopt(l, SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	t_eq(u.pid, 0);
	t_eq(u.uid, (uid_t)-1);
	t_errno(getsockopt(l, SOL_SOCKET, SO_PEERGROUPS, groups, &len), ENODATA);
	t_ret(bind(l, (void *)&a, sizeof(a)), 0);
	t_ret(chmod("l", 0777), 0);
	t_ret(listen(l, 5), 0);
	T_CHILD(pid)
	{
		gid_t mine[3] = {5, 9, 7};
		t_ret(setgroups(3, mine), 0);
		t_ret(setresgid(50, 51, 52), 0);
		t_ret(setresuid(40, 41, 42), 0);
		t_ok(c = socket(AF_UNIX, SOCK_SEQPACKET, 0));
		t_ret(connect(c, (void *)&a, sizeof(a)), 0);
		len = sizeof(u);
		t_ret(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
		t_eq(u.pid, getppid());
		t_eq(u.uid, 0);
		t_put(told[1]);
		pause();
	}
	t_ok(e = accept(l, NULL, NULL));
	len = sizeof(u);
	t_ret(getsockopt(e, SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	t_eq(u.pid, pid);
	t_eq(u.uid, 41);
	t_eq(u.gid, 51);
	len = 4;
	t_errno(getsockopt(e, SOL_SOCKET, SO_PEERGROUPS, groups, &len), ERANGE);
	t_eq(len, 12);
	len = sizeof(groups);
	t_ret(getsockopt(e, SOL_SOCKET, SO_PEERGROUPS, groups, &len), 0);
	t_eq(len, 12);
	t_eq(groups[0] + groups[1] * 100 + groups[2] * 10000, 90705);
	t_get(told[0]);
	kill(pid, SIGKILL);
	t_killed(pid, SIGKILL);
	pair(SOCK_DGRAM, s);
	len = sizeof(u);
	t_ret(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	t_eq(u.pid, getpid());
	len = 4;
	t_ret(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	t_eq(len, 4);
	t_errno(setsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, sizeof(u)), ENOPROTOOPT);
}

/* Control data at random: whatever comes back, the machine and the queue must be whole. */
T_CASE_LIMIT(random_control_data, 30)
{
	int s[2], got[300], n;
	struct parcel p;
	unsigned seed = 12345, odd = 0;

	pair(SOCK_DGRAM, s);
	for (int round = 0; round < 3000; round++) {
		parcel_init(&p, "r", round % 160);
		for (int i = 0; i < 160; i++) {
			seed = seed * 1103515245 + 12345;
			p.control[i] = (char)(seed >> 16);
		}
		for (int at = 0, tries = 0; tries < 3 && at < 120; tries++) {
			struct cmsghdr *c = (struct cmsghdr *)(p.control + at);

			seed = seed * 1103515245 + 12345;
			if (seed >> 30 == 0)
				break;
			c->cmsg_len = 8 + (seed >> 16) % 40;
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS + (seed >> 28) % 2;
			for (int k = 0; k < 8; k++)
				if (at + 16 + k * 4 < 160)
					memcpy(p.control + at + 16 + k * 4, &s[k & 1], 4);
			at += (c->cmsg_len + 7) & ~7;
		}
		ssize_t r = sendmsg(s[0], &p.h, MSG_DONTWAIT);
		/* ESRCH: credentials of a process that is not there */
		odd += r < 0 && errno != EINVAL && errno != EBADF && errno != EPERM &&
		       errno != ESRCH;
		while (take_fds(s[1], &p, MSG_DONTWAIT, got, &n) >= 0)
			while (n > 0)
				close(got[--n]);
	}
	t_eq(odd, 0);
	t_ret(send_fd(s[0], s[1]), 1);
	t_ok(take_fd(s[1]));
}
