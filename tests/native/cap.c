/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capabilities: inspect, derive, revoke, compare, close. */
#include "t_.h"
#include <exo_abi/exo_native.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>

T_SUITE(cap);

static struct exo_cap_info info_of(int fd)
{
	struct exo_cap_info info = {0};

	t_eq(exo_cap_inspect(fd, &info, sizeof(info)), 0);
	return info;
}

T_CASE(inspect_tells_types)
{
	int p[2], s[2];

	t_ok(pipe(p));
	t_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	t_eq(info_of(p[0]).type, EXO_TYPE_PIPE);
	t_eq(info_of(s[0]).type, EXO_TYPE_SOCKET);
	t_eq(info_of(open(".", O_RDONLY)).type, EXO_TYPE_DIRECTORY);
	t_eq(info_of(open("f", O_RDWR | O_CREAT, 0600)).type, EXO_TYPE_FILE);
	t_eq(info_of(open("f", O_PATH)).type, EXO_TYPE_PATH);
	t_eq(info_of(open("/dev/null", O_RDWR)).type, EXO_TYPE_DEVICE);
	t_eq(info_of(eventfd(0, 0)).type, EXO_TYPE_EVENT);
	t_eq(info_of(epoll_create1(0)).type, EXO_TYPE_EPOLL);
	t_eq(info_of((int)syscall(SYS_pidfd_open, getpid(), 0)).type, EXO_TYPE_PROCESS);
}

T_CASE(inspect_root_grant)
{
	int fd = open(".", O_RDONLY | O_CLOEXEC);
	struct exo_cap_info info = info_of(fd);

	t_eq(info.rights, EXO_ALL);
	t_eq(info.depth, 0);
	t_eq(info.expires_ns, 0);
	t_eq(info.flags, EXO_CAP_CLOEXEC);
}

T_CASE(inspect_sizes)
{
	struct {
		struct exo_cap_info info;
		uint64_t more[4];
	} big;
	int fd = open(".", O_RDONLY);

	memset(&big, 0xff, sizeof(big));
	t_eq(exo_cap_inspect(fd, &big.info, sizeof(big)), 0);
	t_eq(big.more[0] | big.more[3], 0);
	memset(&big, 0xff, sizeof(big));
	t_eq(exo_cap_inspect(fd, &big.info, 16), 0);
	t_eq(big.info.expires_ns, UINT64_MAX);
	t_eq(exo_cap_inspect(fd, &big.info, 15), -EINVAL);
	t_eq(exo_cap_inspect(fd, &big.info, 8192), -EINVAL);
	t_eq(exo_cap_inspect(fd, (void *)1, sizeof(big.info)), -EFAULT);
	t_eq(exo_cap_inspect(999, &big.info, sizeof(big.info)), -EBADF);
	t_eq(exo_cap_inspect(-1, &big.info, sizeof(big.info)), -EBADF);
}

T_CASE(absent_numbers)
{
	t_errno(syscall(1023), ENOSYS);
	t_errno(syscall(1279), ENOSYS);
	t_errno(syscall(1280), ENOSYS);
	t_errno(syscall(2047), ENOSYS);
	t_errno(syscall(-1L), ENOSYS);
	t_errno(syscall(0x40000000L), ENOSYS);
}

/* ---- derive ---- */

static int derive(int fd, uint32_t rights)
{
	int d = (int)exo_cap_derive(fd, rights, 0, 0);

	t_check(d >= 0);
	return d;
}

T_CASE(derive_takes_rights_away)
{
	int p[2], r, n;
	char c;

	t_ok(pipe(p));
	r = derive(p[0], EXO_ALL & ~(EXO_READ | EXO_ADMIN));
	t_errno(read(r, &c, 1), EACCES);
	t_eq(info_of(r).rights, EXO_ALL & ~(EXO_READ | EXO_ADMIN));
	t_eq(info_of(r).depth, 1);
	n = derive(r, EXO_STAT);
	t_eq(info_of(n).depth, 2);
	t_eq(exo_cap_derive(n, EXO_STAT, 0, 0), -EACCES);
	t_eq(exo_cap_derive(r, EXO_READ, 0, 0), -EACCES);
	t_eq(exo_cap_derive(r, EXO_READ | EXO_STAT, 0, 0), -EACCES);
	t_eq(exo_cap_derive(p[0], 0, 0, 0) >= 0, 1);
	t_ret(write(p[1], "x", 1), 1);
	t_ret(read(p[0], &c, 1), 1);
}

T_CASE(derive_refuses)
{
	int fd = open(".", O_RDONLY), d = fd;

	t_eq(exo_cap_derive(fd, EXO_ALL + 1, 0, 0), -EINVAL);
	t_eq(exo_cap_derive(fd, EXO_READ, 0, 1), -EINVAL);
	t_eq(exo_cap_derive(999, EXO_READ, 0, 0), -EBADF);
	t_eq(exo_cap_derive(fd, EXO_READ, 1, 0), -EKEYEXPIRED);
	for (int i = 0; i < 64; i++)
		d = derive(d, EXO_ALL);
	t_eq(info_of(d).depth, 64);
	t_eq(exo_cap_derive(d, EXO_ALL, 0, 0), -EMLINK);
	t_eq(exo_cap_revoke(fd + 1, 0), 0);
	t_eq(info_of(d).flags & EXO_CAP_REVOKED, EXO_CAP_REVOKED);
}

T_CASE(derive_cloexec_and_close)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600), d, e;

	d = (int)exo_cap_derive(fd, EXO_ALL, 0, EXO_CAP_CLOEXEC);
	t_eq(fcntl(d, F_GETFD), FD_CLOEXEC);
	e = derive(d, EXO_WRITE);
	t_eq(exo_cap_compare(d, fd), EXO_SAME_OBJECT);
	t_eq(exo_cap_compare(d, dup(d)), EXO_SAME_OBJECT | EXO_SAME_GRANT);
	t_eq(exo_cap_compare(d, open("f", O_RDONLY)), 0);
	t_eq(exo_cap_compare(d, 999), -EBADF);
	t_eq(exo_cap_close(d), 0);
	t_eq(exo_cap_close(d), -EBADF);
	t_ret(close(fd), 0);
	t_ret(write(e, "kept", 4), 4); /* the parents live on behind it */
}

/* ---- revoke ---- */

T_CASE(revoke_is_for_the_subtree)
{
	int p[2], a, b, c, other;

	t_ok(pipe(p));
	a = derive(p[1], EXO_ALL);
	b = derive(a, EXO_ALL);
	c = derive(b, EXO_WRITE);
	other = derive(p[1], EXO_ALL);
	t_eq(exo_cap_revoke(c, 0), -EACCES); /* without EXO_REVOKE */
	t_eq(exo_cap_revoke(p[1], 0), -EPERM);
	t_eq(exo_cap_revoke(a, 2), -EINVAL);
	t_eq(exo_cap_revoke(999, 0), -EBADF);
	t_ret(write(c, "1", 1), 1);
	t_eq(exo_cap_revoke(b, 0), 0);
	t_errno(write(c, "1", 1), EKEYREVOKED);
	t_errno(write(b, "1", 1), EKEYREVOKED);
	t_errno(write(dup(b), "1", 1), EKEYREVOKED);
	t_eq(exo_cap_derive(b, EXO_WRITE, 0, 0), -EKEYREVOKED);
	t_ret(write(a, "1", 1), 1);
	t_ret(write(other, "1", 1), 1);
	t_eq(exo_cap_revoke(b, 0), 0);
	t_ret(close(b), 0);
}

T_CASE(revoke_children)
{
	int p[2], a, b, c;

	t_ok(pipe(p));
	a = derive(p[1], EXO_ALL);
	b = derive(a, EXO_ALL);
	c = derive(b, EXO_WRITE);
	t_eq(exo_cap_revoke(a, EXO_REVOKE_CHILDREN), 0);
	t_ret(write(a, "1", 1), 1);
	t_errno(write(b, "1", 1), EKEYREVOKED);
	t_errno(write(c, "1", 1), EKEYREVOKED);
	b = derive(a, EXO_WRITE); /* later ones are good */
	t_ret(write(b, "1", 1), 1);
	t_eq(exo_cap_revoke(p[1], EXO_REVOKE_CHILDREN), 0);
	t_errno(write(b, "1", 1), EKEYREVOKED);
	t_errno(write(a, "1", 1), EKEYREVOKED);
	t_ret(write(p[1], "1", 1), 1);
}

T_CASE(revoke_reaches_every_process)
{
	int p[2], go[2], back[2], d;
	pid_t pid;

	t_ok(pipe(p));
	t_pipe(go);
	t_pipe(back);
	d = derive(p[1], EXO_ALL);
	T_CHILD(pid)
	{
		t_ret(write(d, "1", 1), 1);
		t_put(back[1]);
		t_get(go[0]);
		t_errno(write(d, "1", 1), EKEYREVOKED);
	}
	t_get(back[0]);
	t_eq(exo_cap_revoke(d, 0), 0);
	t_put(go[1]);
	t_exit(pid, 0);
}

enum sleeper { READ, WRITE, POLL, EPOLL, ACCEPT, FLOCK, SLEEPERS };

static void sleep_in(enum sleeper how, int d, int ep)
{
	static char big[1 << 20];
	struct pollfd pfd = {.fd = d, .events = POLLIN};
	struct epoll_event ev;
	char c;

	switch (how) {
	case READ:
		t_errno(read(d, &c, 1), EKEYREVOKED);
		break;
	case WRITE:
		t_check(write(d, big, sizeof(big)) > 0); /* what went before counts */
		t_errno(write(d, big, sizeof(big)), EKEYREVOKED);
		break;
	case POLL:
		t_ret(poll(&pfd, 1, 8000), 1);
		t_eq(pfd.revents, POLLNVAL);
		break;
	case EPOLL:
		t_ret(epoll_wait(ep, &ev, 1, 8000), 1);
		t_eq(ev.events, EPOLLERR | EPOLLHUP);
		t_eq(ev.data.u64, 7);
		t_ret(epoll_wait(ep, &ev, 1, 10), 0); /* once */
		break;
	case ACCEPT:
		t_errno(accept(d, NULL, NULL), EKEYREVOKED);
		break;
	default:
		t_errno(flock(d, 2), EKEYREVOKED);
	}
}

static int sleeper_target(enum sleeper how, int keep[2])
{
	struct sockaddr a = {.sa_family = AF_UNIX, .sa_data = "s"};
	int s;

	switch (how) {
	case ACCEPT:
		s = socket(AF_UNIX, SOCK_STREAM, 0);
		t_ok(bind(s, &a, sizeof(a)));
		t_ok(listen(s, 1));
		return s;
	case FLOCK:
		t_ok(flock(keep[0] = open("lock", O_RDWR | O_CREAT, 0600), 2));
		return open("lock", O_RDWR);
	default:
		t_ok(pipe(keep));
		return keep[how == WRITE];
	}
}

T_CASE(revoke_wakes_sleepers)
{
	for (int how = 0; how < SLEEPERS; how++) {
		int keep[2] = {-1, -1}, target = sleeper_target(how, keep), top, d, ep;
		struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 7};
		pid_t pid;

		top = derive(target, EXO_ALL);
		d = derive(top, EXO_ALL & ~EXO_REVOKE);
		ep = epoll_create1(0);
		if (how == EPOLL)
			t_ok(epoll_ctl(ep, EPOLL_CTL_ADD, d, &ev));
		T_CHILD(pid)
		sleep_in(how, d, ep);
		t_check(t_wait_state(pid, 'S'));
		t_sleep_ms(20);
		t_eq(exo_cap_revoke(top, 0), 0);
		t_exit(pid, 0);
	}
}

T_CASE(revoke_spares_other_sleepers)
{
	int p[2], a, b;
	pid_t pid;
	char c;

	t_ok(pipe(p));
	a = derive(p[0], EXO_ALL);
	b = derive(p[0], EXO_ALL);
	T_CHILD(pid)
	{
		t_ret(read(a, &c, 1), 1);
		t_eq(c, 'x');
	}
	t_check(t_wait_state(pid, 'S'));
	t_eq(exo_cap_revoke(b, 0), 0);
	t_sleep_ms(20);
	t_ret(write(p[1], "x", 1), 1);
	t_exit(pid, 0);
}

T_CASE(epoll_forgets_closed_grants)
{
	int p[2], d, ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN};
	char c;

	t_ok(pipe(p));
	d = derive(p[0], EXO_ALL);
	t_ok(epoll_ctl(ep, EPOLL_CTL_ADD, d, &ev));
	t_ret(write(p[1], "x", 1), 1);
	t_ret(epoll_wait(ep, &ev, 1, 0), 1);
	t_ret(close(d), 0);
	t_ret(epoll_wait(ep, &ev, 1, 0), 0); /* the authority is gone, though the pipe is open */
	t_ret(close(p[0]), 0);
	t_handler(SIGPIPE, SIG_IGN, 0);
	t_errno(write(p[1], "x", 1), EPIPE);
	(void)c;
}

/* ---- expiry ---- */

T_CASE(expiry_revokes)
{
	int p[2], d, e;
	pid_t pid;
	char c;

	t_ok(pipe(p));
	d = (int)exo_cap_derive(p[0], EXO_ALL, (uint64_t)t_now_ns() + 50000000, 0);
	t_check(d >= 0);
	e = derive(d, EXO_READ);
	t_eq(info_of(e).expires_ns, info_of(d).expires_ns);
	T_CHILD(pid)
	t_errno(read(e, &c, 1), EKEYREVOKED); /* sleeps until then */
	t_exit(pid, 0);
	t_check((uint64_t)t_now_ns() >= info_of(d).expires_ns);
	t_errno(read(d, &c, 1), EKEYREVOKED);
	t_eq(info_of(d).flags, EXO_CAP_REVOKED);
	d = (int)exo_cap_derive(p[0], EXO_ALL, (uint64_t)t_now_ns() + 50000000, 0);
	t_ret(close(d), 0); /* before its time */
	t_sleep_ms(80);
	t_ret(write(p[1], "x", 1), 1);
	t_ret(read(p[0], &c, 1), 1);
}
