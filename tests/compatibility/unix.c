/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* unix.c - AF_UNIX stream sockets: pairs, names, listening, options, ends. */
#include "t_.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

T_SUITE(unix);

#undef unix

static socklen_t named(struct sockaddr_un *addr, const char *path)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	strcpy(addr->sun_path, path);
	return offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
}

static socklen_t abstract(struct sockaddr_un *addr, const char *name)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	strcpy(addr->sun_path + 1, name);
	return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
}

static int stream(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		t_stop("no socket");
	return fd;
}

static int listener(const char *path, int backlog)
{
	struct sockaddr_un addr;
	int fd = stream();
	socklen_t len = named(&addr, path);

	if (bind(fd, (void *)&addr, len) < 0 || listen(fd, backlog) < 0)
		t_stop("cannot listen");
	return fd;
}

static int dial(const char *path)
{
	struct sockaddr_un addr;
	int fd = stream();
	socklen_t len = named(&addr, path);

	if (connect(fd, (void *)&addr, len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

T_CASE(socket_errors)
{
	struct sockaddr_un addr;
	int fd, fds[2];

	t_errno(socket(77, SOCK_STREAM, 0), EAFNOSUPPORT);
	t_errno(socket(AF_UNIX, 77, 0), EINVAL);
	t_errno(socket(AF_UNIX, SOCK_STREAM, 77), EPROTONOSUPPORT);
	t_errno(socket(AF_UNIX, SOCK_STREAM | 0x10000000, 0), EINVAL);
	t_ok(fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	t_eq(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDWR);
	t_ret(fcntl(fd, F_GETFD), FD_CLOEXEC);
	t_errno(listen(fd, 5), EINVAL);
	t_errno(accept(fd, NULL, NULL), EINVAL);
	t_errno(getpeername(fd, (void *)&addr, &(socklen_t){sizeof(addr)}), ENOTCONN);
	t_errno(write(fd, "x", 1), ENOTCONN);
	t_errno(recv(fd, &addr, 1, 0), EINVAL);
	t_errno(bind(open(".", O_RDONLY), (void *)&addr, 10), ENOTSOCK);
	t_errno(listen(777, 1), EBADF);
	t_errno(lseek(fd, 0, SEEK_SET), ESPIPE);
	t_errno(socketpair(AF_UNIX, 77, 0, fds), EINVAL);
	t_errno(socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)8), EFAULT);
	struct stat st;
	t_ret(fstat(fd, &st), 0);
	t_check(S_ISSOCK(st.st_mode));
}

T_CASE(read_before_connect)
{
	static const struct {
		int type, err;
	} kinds[] = {{SOCK_STREAM, EINVAL}, {SOCK_DGRAM, EAGAIN}, {SOCK_SEQPACKET, ENOTCONN}};
	char byte;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int fd = socket(AF_UNIX, kinds[i].type | SOCK_NONBLOCK, 0);

		t_errno(read(fd, &byte, 1), kinds[i].err);
		t_errno(readv(fd, &(struct iovec){&byte, 1}, 1), kinds[i].err);
		t_errno(recv(fd, &byte, 1, 0), kinds[i].err);
		close(fd);
	}
}

T_CASE(pair_carries_both_ways)
{
	char buf[32] = "";
	int s[2], left;

	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	t_ret(write(s[0], "hello ", 6), 6);
	t_ret(write(s[0], "there", 5), 5);
	t_ret(ioctl(s[1], FIONREAD, &left), 0);
	t_eq(left, 11);
	t_ret(recv(s[1], buf, 5, MSG_PEEK), 5);
	t_ret(read(s[1], buf, 3), 3);
	t_ret(read(s[1], buf, sizeof(buf)), 8); /* a stream knows no messages */
	t_mem(buf, "lo there", 8);
	t_ret(send(s[1], "back", 4, 0), 4);
	t_ret(recv(s[0], buf, sizeof(buf), 0), 4);
	t_errno(recv(s[0], buf, 1, MSG_DONTWAIT), EAGAIN);
	t_ret(write(s[0], "", 0), 0);
	t_errno(recv(s[0], (void *)8, 1, MSG_DONTWAIT), EAGAIN);
	t_errno(write(s[0], (void *)8, 1), EFAULT);
	t_ret(recv(s[1], buf, 0, MSG_DONTWAIT) <= 0, 1);
}

T_CASE(ends_close)
{
	char buf[8];
	int s[2];
	pid_t pid;

	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	t_ret(write(s[0], "rest", 4), 4);
	close(s[0]);
	t_ret(read(s[1], buf, 8), 4);
	t_ret(read(s[1], buf, 8), 0);
	t_errno(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	pid = t_fork();
	if (pid == 0)
		_exit((int)write(s[1], "x", 1));
	t_killed(pid, SIGPIPE);
	struct pollfd p = {.fd = s[1], .events = POLLIN | POLLOUT | POLLRDHUP};
	t_ret(poll(&p, 1, 0), 1);
	t_eq(p.revents, POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
}

T_CASE(unread_bytes_reset)
{
	char buf[8];
	int s[2];

	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	t_ret(write(s[1], "lost", 4), 4);
	close(s[0]);
	t_errno(read(s[1], buf, 8), ECONNRESET);
	t_ret(read(s[1], buf, 8), 0);
}

T_CASE(shutdown_halves)
{
	char buf[8];
	int s[2];

	signal(SIGPIPE, SIG_IGN);
	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	t_ret(shutdown(s[0], SHUT_WR), 0);
	t_ret(read(s[1], buf, 8), 0);
	t_errno(write(s[0], "x", 1), EPIPE);
	t_ret(write(s[1], "still", 5), 5);
	t_ret(read(s[0], buf, 8), 5);
	struct pollfd p = {.fd = s[1], .events = POLLIN | POLLRDHUP};
	t_ret(poll(&p, 1, 0), 1);
	t_eq(p.revents, POLLIN | POLLRDHUP);
	t_ret(shutdown(s[0], SHUT_RD), 0);
	t_errno(write(s[1], "x", 1), EPIPE);
	t_errno(shutdown(s[0], 99), EINVAL);
	t_errno(shutdown(777, SHUT_RD), EBADF);
}

T_CASE(bind_listen_accept)
{
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr);
	struct stat st;
	char buf[8] = "";
	int l = listener("sock", 5), c, a;

	t_ret(stat("sock", &st), 0);
	t_check(S_ISSOCK(st.st_mode));
	t_eq(st.st_mode & 0777, 0755);
	t_ret(getsockname(l, (void *)&addr, &len), 0);
	t_eq(len, offsetof(struct sockaddr_un, sun_path) + 5);
	t_str(addr.sun_path, "sock");
	t_ok(c = dial("sock"));
	t_ret(write(c, "early", 5), 5); /* before the other side accepts */
	len = sizeof(addr);
	t_ok(a = accept4(l, (void *)&addr, &len, SOCK_CLOEXEC | SOCK_NONBLOCK));
	t_eq(len, sizeof(sa_family_t)); /* the dialler has no name */
	t_eq(fcntl(a, F_GETFD), FD_CLOEXEC);
	t_eq(fcntl(a, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	t_ret(read(a, buf, 8), 5);
	t_str(buf, "early");
	t_errno(read(a, buf, 8), EAGAIN);
	len = sizeof(addr);
	t_ret(getpeername(c, (void *)&addr, &len), 0);
	t_str(addr.sun_path, "sock");
	len = sizeof(addr);
	t_ret(getsockname(a, (void *)&addr, &len), 0);
	t_str(addr.sun_path, "sock");
	t_errno(accept4(l, NULL, NULL, 99), EINVAL);
	fcntl(l, F_SETFL, O_RDWR | O_NONBLOCK);
	t_errno(accept(l, NULL, NULL), EAGAIN);
	t_errno(write(l, "x", 1), ENOTCONN);
	t_errno(connect(c, (void *)&addr, sizeof(addr)), EISCONN);
	len = 4;
	t_ret(getsockname(l, (void *)&addr, &len), 0); /* cut, its true length told */
	t_eq(len, offsetof(struct sockaddr_un, sun_path) + 5);
}

T_CASE(bind_and_connect_errors)
{
	struct sockaddr_un addr;
	socklen_t len = named(&addr, "sock");
	int l = listener("sock", 1);

	t_errno(bind(stream(), (void *)&addr, len), EADDRINUSE);
	t_errno(dial("none"), ENOENT);
	len = named(&addr, "second");
	t_errno(bind(l, (void *)&addr, len), EINVAL); /* one name a socket */
	len = named(&addr, "sock");
	t_spew("plain", "");
	t_errno(dial("plain"), ECONNREFUSED);
	close(l);
	t_errno(dial("sock"), ECONNREFUSED); /* the file outlives its socket */
	t_errno(bind(stream(), (void *)&addr, len), EADDRINUSE);
	t_ret(unlink("sock"), 0);
	int again = stream();
	t_ret(bind(again, (void *)&addr, len), 0);
	t_errno(dial("sock"), ECONNREFUSED); /* bound but not listening */
	addr.sun_family = AF_INET;
	t_errno(bind(stream(), (void *)&addr, len), EINVAL);
	t_errno(connect(stream(), (void *)&addr, len), EINVAL);
	len = named(&addr, "none/sock");
	t_errno(bind(stream(), (void *)&addr, len), ENOENT);
	t_errno(bind(stream(), (void *)&addr, 200), EINVAL);
	t_errno(bind(stream(), (void *)8, 20), EFAULT);
	t_errno(connect(stream(), (void *)8, 20), EFAULT);
	t_errno(connect(777, (void *)&addr, len), EBADF);
	pid_t pid;
	close(listener("root", 1));
	int r = listener("only-root", 1);
	t_ret(chmod("only-root", 0700), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(dial("only-root"), EACCES);
	}
	t_exit(pid, 0);
	close(r);
}

T_CASE(abstract_names)
{
	struct sockaddr_un addr, back;
	char name[40];
	socklen_t len, back_len = sizeof(back);
	int l = stream(), c = stream();

	snprintf(name, sizeof(name), "t_unix.%d", getpid());
	len = abstract(&addr, name);
	t_ret(bind(l, (void *)&addr, len), 0);
	t_ret(listen(l, 1), 0);
	t_errno(bind(stream(), (void *)&addr, len), EADDRINUSE);
	t_ret(connect(c, (void *)&addr, len), 0);
	t_ret(getpeername(c, (void *)&back, &back_len), 0);
	t_eq(back_len, len);
	t_mem(&back, &addr, len);
	close(l);
	t_errno(connect(stream(), (void *)&addr, len), ECONNREFUSED);
	t_ret(bind(stream(), (void *)&addr, len), 0); /* free again at once */
	/* bound without a name: one is made */
	int own = stream();
	back_len = sizeof(back);
	t_ret(bind(own, (void *)&addr, sizeof(sa_family_t)), 0);
	t_ret(getsockname(own, (void *)&back, &back_len), 0);
	t_eq(back_len, sizeof(sa_family_t) + 6);
}

T_CASE(backlog_and_waiting)
{
	int l = listener("sock", 0), c[2], held;
	struct sockaddr_un addr;
	socklen_t len = named(&addr, "sock");
	pid_t pid;

	t_ok(c[0] = dial("sock"));
	held = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	t_errno(connect(held, (void *)&addr, len), EAGAIN);
	struct pollfd p = {.fd = l, .events = POLLIN};
	t_ret(poll(&p, 1, 0), 1);
	T_CHILD(pid)
	{
		t_ok(dial("sock")); /* waits for its place */
	}
	t_check(t_wait_state(pid, 'S'));
	t_ok(accept(l, NULL, NULL));
	t_exit(pid, 0);
	t_ok(accept(l, NULL, NULL));
	t_ret(poll(&p, 1, 0), 0);
	T_CHILD(pid)
	{
		t_ok(accept(l, NULL, NULL)); /* waits for a dialler */
	}
	t_check(t_wait_state(pid, 'S'));
	t_ok(c[1] = dial("sock"));
	t_exit(pid, 0);
}

T_CASE(options)
{
	struct ucred cred;
	struct timeval limit = {0, 30000};
	socklen_t len = sizeof(int);
	int s[2], value = 0;

	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	t_ret(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &value, &len), 0);
	t_eq(value, SOCK_STREAM);
	t_ret(getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &value, &len), 0);
	t_eq(value, AF_UNIX);
	t_ret(getsockopt(s[0], SOL_SOCKET, SO_ACCEPTCONN, &value, &len), 0);
	t_eq(value, 0);
	t_ret(getsockopt(s[0], SOL_SOCKET, SO_ERROR, &value, &len), 0);
	t_eq(value, 0);
	len = sizeof(cred);
	t_ret(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
	t_eq(cred.pid, getpid());
	t_eq(cred.uid + cred.gid, 0);
	t_ret(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	long long start = t_now_ns();
	t_errno(read(s[0], &value, 1), EAGAIN);
	t_check(t_now_ns() - start >= 30000000);
	value = 32768;
	t_ret(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &value, sizeof(value)), 0);
	len = sizeof(int);
	t_ret(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &value, &len), 0);
	t_eq(value, 65536);
	t_errno(getsockopt(s[0], SOL_SOCKET, 9999, &value, &len), ENOPROTOOPT);
	t_errno(setsockopt(s[0], SOL_SOCKET, 9999, &value, len), ENOPROTOOPT);
	t_errno(getsockopt(s[0], 99, 1, &value, &len), EOPNOTSUPP);
	t_errno(getsockopt(s[0], SOL_SOCKET, SO_TYPE, (void *)8, &len), EFAULT);
	t_errno(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, (void *)8, 4), EFAULT);
	t_errno(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &value, 1), EINVAL);
	t_errno(getsockopt(open(".", O_RDONLY), SOL_SOCKET, SO_TYPE, &value, &len), ENOTSOCK);
}

T_CASE_LIMIT(large_transfer, 30)
{
	enum { TOTAL = 1 << 20 };
	static char out[50000], in[6000];
	unsigned wrong = 0;
	long got = 0;
	int s[2];
	pid_t pid;

	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	T_CHILD(pid)
	{
		close(s[0]);
		for (long at = 0; at < TOTAL;) {
			long len = TOTAL - at < (long)sizeof(out) ? TOTAL - at : (long)sizeof(out);
			for (long i = 0; i < len; i++)
				out[i] = (char)((at + i) * 5 >> 2);
			if (write(s[1], out, len) != len)
				_exit(1);
			at += len;
		}
	}
	close(s[1]);
	for (ssize_t n; (n = read(s[0], in, sizeof(in))) > 0; got += n) {
		for (ssize_t i = 0; i < n; i++)
			wrong += in[i] != (char)((got + i) * 5 >> 2);
	}
	t_eq(got, TOTAL);
	t_eq(wrong, 0);
	t_exit(pid, 0);
}

T_CASE(full_socket_blocks)
{
	static char block[4096];
	int s[2];
	pid_t pid;

	t_ret(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
	while (write(s[0], block, sizeof(block)) > 0)
		;
	t_errno(write(s[0], block, sizeof(block)), EAGAIN);
	struct pollfd p = {.fd = s[0], .events = POLLOUT};
	t_ret(poll(&p, 1, 0), 0);
	fcntl(s[0], F_SETFL, O_RDWR);
	T_CHILD(pid)
	{
		t_ret(write(s[0], "x", 1), 1);
	}
	t_check(t_wait_state(pid, 'S'));
	while (read(s[1], block, sizeof(block)) > 0)
		;
	t_exit(pid, 0);
	t_ret(poll(&p, 1, 0), 1);
}

T_CASE(waiting_reader_sees_the_end)
{
	int s[2];
	pid_t pid;

	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	T_CHILD(pid)
	{
		char byte;
		close(s[1]);
		t_ret(read(s[0], &byte, 1), 0);
	}
	t_check(t_wait_state(pid, 'S'));
	close(s[1]);
	t_exit(pid, 0);
}

static bool send_itself(int s)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} u = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
		       .cmsg_level = SOL_SOCKET,
		       .cmsg_type = SCM_RIGHTS}};
	struct iovec v = {"x", 1};
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)};

	memcpy(CMSG_DATA(&u.head), &s, sizeof(s));
	return sendmsg(s, &m, 0) == 1;
}

/* While one closes a socket with descriptors in its queue, another makes the kernel look for those
 * that nobody can get at: what is in that queue is freed once. */
T_CASE(queues_closed_at_the_same_time)
{
	long long end = t_now_ns() + 1000000000LL;
	pid_t pid = fork();
	int sent = 0, tried = 0, s[2];

	while (t_now_ns() < end) {
		if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s))
			t_stop("no pair");
		for (int i = 0; i < 8; i++, tried++)
			sent += send_itself(s[0]);
		close(s[0]);
		close(s[1]);
	}
	if (!pid)
		_exit(sent == tried ? 0 : 1);
	t_check(tried > 8);
	t_eq(sent, tried);
	t_exit(pid, 0);
}
