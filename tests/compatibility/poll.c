/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* poll.c - poll, ppoll, select, pselect and epoll over pipes, sockets and files. */
#include "t_.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

T_SUITE(poll);

enum { MS = 1000000 };

static volatile int hits;

static void count(int sig)
{
	hits++;
}

static short polled(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

T_CASE(poll_pipe_states)
{
	int fds[2];
	char byte;

	t_ret(pipe2(fds, O_NONBLOCK), 0);
	t_eq(polled(fds[0], POLLIN), 0);
	t_eq(polled(fds[1], POLLOUT), POLLOUT);
	t_put(fds[1]);
	t_eq(polled(fds[0], POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
	while (write(fds[1], &byte, 1) == 1)
		;
	t_eq(polled(fds[1], POLLOUT), 0);
	close(fds[1]);
	t_eq(polled(fds[0], POLLIN), POLLIN | POLLHUP);
	while (read(fds[0], &byte, 1) == 1)
		;
	t_eq(polled(fds[0], POLLIN), POLLHUP);
	t_ret(pipe2(fds, 0), 0);
	close(fds[0]);
	t_eq(polled(fds[1], POLLOUT), POLLOUT | POLLERR);
	t_eq(polled(fds[1], 0), POLLERR); /* asked or not */
}

T_CASE(poll_rules)
{
	struct pollfd p[3] = {{.fd = -1, .events = POLLIN, .revents = 7},
		{.fd = 777, .events = POLLIN},
		{.fd = open(".", O_RDONLY), .events = POLLIN | POLLOUT}};
	long long start = t_now_ns();

	t_ret(poll(p, 3, 0), 2);
	t_eq(p[0].revents, 0);
	t_eq(p[1].revents, POLLNVAL);
	t_eq(p[2].revents, POLLIN | POLLOUT); /* files are always ready */
	t_ret(poll(NULL, 0, 30), 0);
	t_check(t_now_ns() - start >= 30 * MS);
	t_ret(poll(p, 1, 10), 0);
	t_errno(poll((void *)8, 1, 0), EFAULT);
	t_errno(poll(p, 1u << 31, 0), EINVAL);
	t_eq(polled(open("/dev/null", O_RDWR), POLLIN | POLLOUT), POLLIN | POLLOUT);
}

T_CASE(poll_wakes)
{
	struct pollfd p[2];
	int a[2], b[2];
	pid_t pid, parent = getpid();

	t_pipe(a);
	t_pipe(b);
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		t_put(b[1]);
	}
	p[0] = (struct pollfd){.fd = a[0], .events = POLLIN};
	p[1] = (struct pollfd){.fd = b[0], .events = POLLIN};
	t_ret(poll(p, 2, -1), 1);
	t_eq(p[0].revents, 0);
	t_eq(p[1].revents, POLLIN);
	t_exit(pid, 0);
	close(a[1]);
	t_ret(poll(p, 1, -1), 1);
	t_eq(p[0].revents, POLLHUP);
}

T_CASE(ppoll_mask_and_time)
{
	struct timespec brief = {0, 20 * MS}, bad = {0, 2000000000};
	struct pollfd p = {.fd = -1};
	sigset_t none, usr;

	sigemptyset(&none);
	sigemptyset(&usr);
	sigaddset(&usr, SIGUSR1);
	t_handler(SIGUSR1, count, 0);
	sigprocmask(SIG_BLOCK, &usr, NULL);
	kill(getpid(), SIGUSR1);
	t_ret(ppoll(&p, 1, &brief, NULL), 0);
	t_eq(hits, 0);
	t_errno(ppoll(&p, 1, NULL, &none), EINTR);
	t_eq(hits, 1);
	sigset_t now;
	sigprocmask(SIG_BLOCK, NULL, &now);
	t_eq(sigismember(&now, SIGUSR1), 1);
	t_errno(ppoll(&p, 1, &bad, NULL), EINVAL);
}

T_CASE(select_sets)
{
	fd_set in, out, ex;
	int fds[2];
	struct timeval zero = {0, 0}, brief = {0, 20000};

	t_pipe(fds);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&ex);
	FD_SET(fds[0], &in);
	FD_SET(fds[1], &out);
	FD_SET(fds[0], &ex);
	t_ret(select(fds[1] + 1, &in, &out, &ex, &zero), 1);
	t_check(!FD_ISSET(fds[0], &in));
	t_check(FD_ISSET(fds[1], &out));
	t_check(!FD_ISSET(fds[0], &ex));
	t_put(fds[1]);
	FD_SET(fds[0], &in);
	t_ret(select(fds[1] + 1, &in, &out, NULL, &zero), 2);
	t_check(FD_ISSET(fds[0], &in));
	FD_SET(fds[0], &in);
	t_ret(select(fds[0], &in, NULL, NULL, &zero), 0); /* below the descriptor */
	t_ret(select(0, NULL, NULL, NULL, &brief), 0);
	t_eq(brief.tv_sec + brief.tv_usec, 0); /* Linux writes the rest back */
	FD_ZERO(&in);
	FD_SET(40, &in);
	t_errno(select(41, &in, NULL, NULL, &zero), EBADF);
	t_errno(select(-1, NULL, NULL, NULL, &zero), EINVAL);
	struct timeval negative = {-1, 0};
	t_errno(select(0, NULL, NULL, NULL, &negative), EINVAL);
	t_errno(syscall(SYS_select, 5, (void *)8, NULL, NULL, &zero), EFAULT);
}

T_CASE(pselect_mask)
{
	struct timespec brief = {0, 20 * MS};
	sigset_t none, usr;

	sigemptyset(&none);
	sigemptyset(&usr);
	sigaddset(&usr, SIGUSR1);
	t_handler(SIGUSR1, count, 0);
	sigprocmask(SIG_BLOCK, &usr, NULL);
	kill(getpid(), SIGUSR1);
	t_ret(pselect(0, NULL, NULL, NULL, &brief, NULL), 0);
	t_eq(brief.tv_nsec, 20 * MS);
	t_errno(pselect(0, NULL, NULL, NULL, NULL, &none), EINTR);
	t_eq(hits, 1);
}

/* ---- epoll ---- */

static int watch(int ep, int op, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.u64 = 0x100000000ull + fd};

	return epoll_ctl(ep, op, fd, &e);
}

static int ready(int ep, uint32_t *events)
{
	struct epoll_event e = {0};
	int n = epoll_wait(ep, &e, 1, 0);

	*events = n > 0 ? e.events : 0;
	return n;
}

T_CASE(epoll_level_triggered)
{
	int ep, fds[2];
	struct epoll_event e[4];
	char byte;

	t_pipe(fds);
	t_ok(ep = epoll_create1(EPOLL_CLOEXEC));
	t_ret(fcntl(ep, F_GETFD), FD_CLOEXEC);
	t_ret(watch(ep, EPOLL_CTL_ADD, fds[0], EPOLLIN), 0);
	t_ret(epoll_wait(ep, e, 4, 0), 0);
	t_put(fds[1]);
	for (int i = 0; i < 2; i++) {
		t_ret(epoll_wait(ep, e, 4, 0), 1);
		t_eq(e[0].events, EPOLLIN);
		t_eq(e[0].data.u64, 0x100000000ull + fds[0]);
	}
	t_get(fds[0]);
	t_ret(epoll_wait(ep, e, 4, 0), 0);
	t_ret(watch(ep, EPOLL_CTL_ADD, fds[1], EPOLLOUT), 0);
	t_ret(epoll_wait(ep, e, 4, -1), 1);
	t_put(fds[1]);
	t_ret(epoll_wait(ep, e, 4, -1), 2);
	t_ret(epoll_wait(ep, e, 1, -1), 1);
	close(fds[1]);
	t_ret(epoll_wait(ep, e, 4, -1), 1); /* closing takes it off the list */
	t_eq(e[0].events, EPOLLIN | EPOLLHUP);
	t_ret(read(fds[0], &byte, 1), 1);
	t_ret(epoll_wait(ep, e, 4, -1), 1);
	t_eq(e[0].events, EPOLLHUP);
}

T_CASE(epoll_edge_and_oneshot)
{
	int ep = epoll_create1(0), fds[2];
	uint32_t events;

	t_pipe(fds);
	t_ret(watch(ep, EPOLL_CTL_ADD, fds[0], EPOLLIN | EPOLLET), 0);
	t_put(fds[1]);
	t_ret(ready(ep, &events), 1);
	t_ret(ready(ep, &events), 0);
	t_put(fds[1]);
	t_ret(ready(ep, &events), 1); /* more came */
	t_get(fds[0]);
	t_ret(ready(ep, &events), 0);
	t_ret(watch(ep, EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLET), 0);
	t_ret(ready(ep, &events), 1); /* armed anew while something is there */
	t_ret(watch(ep, EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLONESHOT), 0);
	t_ret(ready(ep, &events), 1);
	t_ret(ready(ep, &events), 0);
	t_put(fds[1]);
	t_ret(ready(ep, &events), 0);
	t_ret(watch(ep, EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLONESHOT), 0);
	t_ret(ready(ep, &events), 1);
	t_eq(events, EPOLLIN);
}

T_CASE(epoll_errors)
{
	struct epoll_event e;
	int ep = epoll_create1(0), fds[2], file = open("f", O_RDWR | O_CREAT, 0600);

	t_pipe(fds);
	t_errno(epoll_create1(99), EINVAL);
	t_errno(epoll_create(0), EINVAL);
	t_ret(watch(ep, EPOLL_CTL_ADD, fds[0], EPOLLIN), 0);
	t_errno(watch(ep, EPOLL_CTL_ADD, fds[0], EPOLLIN), EEXIST);
	t_errno(watch(ep, EPOLL_CTL_MOD, fds[1], EPOLLIN), ENOENT);
	t_errno(watch(ep, EPOLL_CTL_DEL, fds[1], 0), ENOENT);
	t_errno(watch(ep, EPOLL_CTL_ADD, 777, EPOLLIN), EBADF);
	t_errno(watch(777, EPOLL_CTL_ADD, fds[0], EPOLLIN), EBADF);
	t_errno(watch(ep, EPOLL_CTL_ADD, ep, EPOLLIN), EINVAL);
	t_errno(watch(fds[0], EPOLL_CTL_ADD, fds[1], EPOLLIN), EINVAL);
	t_errno(watch(ep, EPOLL_CTL_ADD, file, EPOLLIN), EPERM);
	t_errno(watch(ep, 99, fds[0], EPOLLIN), EINVAL);
	t_errno(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fds[1], (void *)8), EFAULT);
	t_errno(epoll_wait(ep, &e, 0, 0), EINVAL);
	t_errno(epoll_wait(ep, &e, -1, 0), EINVAL);
	t_errno(epoll_wait(777, &e, 1, 0), EBADF);
	t_errno(epoll_wait(fds[0], &e, 1, 0), EINVAL);
	t_ret(watch(ep, EPOLL_CTL_DEL, fds[0], 0), 0);
	t_put(fds[1]);
	t_ret(epoll_wait(ep, &e, 1, 0), 0);
	t_ret(epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &(struct epoll_event){.events = EPOLLIN}), 0);
	t_errno(syscall(SYS_epoll_wait, ep, (void *)8, 1, 0), EFAULT);
}

T_CASE(epoll_wakes_and_times_out)
{
	struct epoll_event e;
	int ep = epoll_create1(0), fds[2];
	pid_t pid, parent = getpid();
	long long start = t_now_ns();

	t_pipe(fds);
	t_ret(watch(ep, EPOLL_CTL_ADD, fds[0], EPOLLIN), 0);
	t_ret(epoll_wait(ep, &e, 1, 30), 0);
	t_check(t_now_ns() - start >= 30 * MS);
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		t_put(fds[1]);
	}
	t_ret(epoll_wait(ep, &e, 1, -1), 1);
	t_exit(pid, 0);
	t_get(fds[0]);
	t_handler(SIGUSR1, count, SA_RESTART);
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		t_ret(kill(parent, SIGUSR1), 0);
	}
	t_errno(epoll_wait(ep, &e, 1, -1), EINTR);
	t_exit(pid, 0);
	sigset_t none, usr;
	sigemptyset(&none);
	sigemptyset(&usr);
	sigaddset(&usr, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr, NULL);
	kill(getpid(), SIGUSR1);
	t_ret(epoll_pwait(ep, &e, 1, 10, NULL), 0);
	t_errno(epoll_pwait(ep, &e, 1, -1, &none), EINTR);
	t_eq(hits, 2);
}

T_CASE(epoll_nests_and_polls)
{
	int inner = epoll_create1(0), outer = epoll_create1(0), fds[2];
	uint32_t events;

	t_pipe(fds);
	t_ret(watch(inner, EPOLL_CTL_ADD, fds[0], EPOLLIN), 0);
	t_ret(watch(outer, EPOLL_CTL_ADD, inner, EPOLLIN), 0);
	t_errno(watch(inner, EPOLL_CTL_ADD, outer, EPOLLIN), ELOOP);
	t_ret(ready(outer, &events), 0);
	t_eq(polled(inner, POLLIN), 0);
	t_put(fds[1]);
	t_ret(ready(outer, &events), 1);
	t_eq(events, EPOLLIN);
	t_eq(polled(inner, POLLIN), POLLIN);
}

T_CASE(epoll_follows_the_description)
{
	int ep = epoll_create1(0), fds[2], twin;
	uint32_t events;

	t_pipe(fds);
	t_ret(watch(ep, EPOLL_CTL_ADD, fds[0], EPOLLIN), 0);
	twin = dup(fds[0]);
	t_put(fds[1]);
	close(fds[0]);
	t_ret(ready(ep, &events), 1); /* the twin keeps it on the list */
	close(twin);
	t_ret(ready(ep, &events), 0);
}

T_CASE(epoll_many)
{
	enum { MANY = 100 };
	static int fds[MANY][2];
	struct epoll_event e[MANY];
	int ep = epoll_create1(0), sum = 0;

	for (int i = 0; i < MANY; i++) {
		t_pipe(fds[i]);
		struct epoll_event add = {.events = EPOLLIN, .data.u32 = i};
		t_check(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i][0], &add) == 0);
	}
	for (int i = 0; i < MANY; i += 3)
		t_put(fds[i][1]);
	int n = epoll_wait(ep, e, MANY, 0);
	t_eq(n, 34);
	for (int i = 0; i < n; i++)
		sum += e[i].data.u32 % 3 == 0;
	t_eq(sum, 34);
	/* fewer places than events: all get their turn */
	bool seen[MANY] = {false};
	sum = 0;
	for (int i = 0; i < 34; i++) {
		t_check(epoll_wait(ep, e, 1, 0) == 1);
		sum += !seen[e[0].data.u32];
		seen[e[0].data.u32] = true;
	}
	t_eq(sum, 34);
}
