/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capabilities that cross a ring. */
#include "t_.h"
#include "ring_.h"
#include <sys/resource.h>
#include <sys/socket.h>

T_SUITE(ring_caps);

T_CASE(caps_move)
{
	struct exo_caps_message c;
	struct fring_message m;
	int32_t ends[2], got[4], send[2];
	struct exo_end e;
	int p[2];
	char text[8];
	pid_t pid;

	make(FRING_SPSC, 8, 0, ends);
	t_ok(pipe(p));
	send[0] = p[0];
	send[1] = open("f", O_RDWR | O_CREAT, 0600);
	pid = t_fork();
	if (!pid) {
		close(p[0]), close(p[1]), close(send[1]), close(ends[0]);
		must_open(&e, ends[1]);
		if (exo_end_recv(&e, &m, EXO_FOREVER))
			_exit(2);
		if (exo_end_take_caps(&e, &m, &c, got, 1) != -EMSGSIZE ||
			exo_end_take_caps(&e, &m, &c, got, 4) != 2 ||
			exo_end_take_caps(&e, &m, &c, got, 4) != -ENOENT)
			_exit(3);
		if (c.len_bytes != 3 || memcmp(c.data, "two", 3))
			_exit(4);
		if (fcntl(got[0], F_GETFD) != FD_CLOEXEC || write(got[1], "file", 4) != 4)
			_exit(5);
		_exit(read(got[0], text, 8) == 5 && !memcmp(text, "hello", 5) ? 0 : 6);
	}
	must_open(&e, ends[0]);
	t_eq(exo_end_send_caps(&e, send, 2, "two", 3, EXO_FOREVER), 0);
	t_errno(fcntl(p[0], F_GETFD), EBADF); /* they have moved */
	t_errno(fcntl(send[1], F_GETFD), EBADF);
	t_eq(write(p[1], "hello", 5), 5);
	t_exit(pid, 0);
}

T_CASE(caps_checks)
{
	int32_t ends[2], cast[2], got[4], fd = open("f", O_RDWR | O_CREAT, 0600), many[17];
	long ticket;

	make(FRING_SPSC, 8, 0, ends);
	make(FRING_BROADCAST, 8, 0, cast);
	for (int i = 0; i < 17; i++)
		many[i] = fd;
	t_eq(exo_ring_send_caps(ends[0], many, 2, 0), -EINVAL);
	t_eq(exo_ring_send_caps(ends[0], many, 0, 0), -EINVAL);
	t_eq(exo_ring_send_caps(ends[0], many, 17, 0), -EINVAL);
	t_eq(exo_ring_send_caps(ends[0], many, 1, 1), -EINVAL);
	t_eq(exo_ring_send_caps(ends[0], (void *)1, 1, 0), -EFAULT);
	t_eq(exo_ring_send_caps(ends[1], &fd, 1, 0), -EINVAL);
	t_eq(exo_ring_send_caps(cast[0], &fd, 1, 0), -EOPNOTSUPP);
	many[1] = 999;
	t_eq(exo_ring_send_caps(ends[0], many, 2, 0), -EBADF);
	t_eq(fcntl(fd, F_GETFD), 0); /* nothing has moved */
	ticket = exo_ring_send_caps(ends[0], &fd, 1, 0);
	t_check(ticket > 0);
	t_eq(exo_ring_recv_caps(ends[1], (uint64_t)ticket + 1, got, 4, 0), -ENOENT);
	t_eq(exo_ring_recv_caps(ends[1], (uint64_t)ticket, (void *)1, 4, 0), -EFAULT);
	t_eq(exo_ring_recv_caps(ends[0], (uint64_t)ticket, got, 4, 0), -ENOENT);
	t_eq(exo_ring_recv_caps(ends[1], (uint64_t)ticket, got, 4, 2), -EINVAL);
	t_eq(exo_ring_recv_caps(ends[1], (uint64_t)ticket, got, 4, 0), 1);
	t_eq(fcntl(got[0], F_GETFD), 0);
	fd = got[0];
	for (int i = 0; i < 64; i++) {
		int32_t copy = dup(fd);

		t_check(exo_ring_send_caps(ends[0], &copy, 1, 0) > 0);
	}
	t_eq(exo_ring_send_caps(ends[0], &fd, 1, 0), -EAGAIN);
	close(ends[1]);
	t_eq(exo_ring_send_caps(ends[0], &fd, 1, 0), -EPIPE);
	t_eq(fcntl(fd, F_GETFD), 0);
}

static void leave_slots(unsigned count)
{
	struct rlimit limit;
	int next = dup(0);

	close(next);
	limit.rlim_cur = limit.rlim_max = (rlim_t)next + count;
	t_ok(setrlimit(RLIMIT_NOFILE, &limit));
}

/* Where slots or memory lack, nothing is made, and nothing is lost. */
T_CASE(slots_and_memory_run_out)
{
	int32_t ends[2], more[2] = {-7, -7}, got[4] = {-7, -7, -7, -7}, send[2];
	struct exo_ring_params p = {FRING_SPSC, 8, 0};
	long ticket;
	int at;

	t_eq(exo_pool_create(1u << 20, 1u << 30, 0), -ENOMEM);
	make(FRING_SPSC, 8, 0, ends);
	send[0] = dup(0);
	send[1] = dup(0);
	ticket = exo_ring_send_caps(ends[0], send, 2, 0);
	t_check(ticket > 0);
	leave_slots(1);
	t_eq(exo_ring_create(&p, sizeof(p), more), -EMFILE);
	t_eq(more[0], -7);
	t_eq(exo_ring_recv_caps(ends[1], (uint64_t)ticket, got, 4, 0), -EMFILE);
	t_eq(got[0], -7);
	at = dup(0); /* the slot is still free */
	t_ok(at);
	t_eq(exo_pool_create(4, 4096, 0), -EMFILE);
	close(at);
	close(ends[0]);
	t_eq(exo_ring_recv_caps(ends[1], (uint64_t)ticket, got, 4, 0),
		2); /* after the sender too */
	t_eq(fcntl(got[1], F_GETFD), 0);
}

/* Queues that hold each other would live for ever: ends go over older rings only, and sockets whose
 * queues may hold ends go over none. */
T_CASE(caps_cannot_go_in_circles)
{
	int32_t old[2], young[2], channel[2], s[2];

	make(FRING_SPSC, 8, 0, old);
	make(FRING_SPSC, 8, 0, young);
	make(FRING_SPSC, 8, EXO_RING_DUPLEX, channel);
	t_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	t_eq(exo_ring_send_caps(young[0], &old[1], 1, 0), -ELOOP);
	t_eq(exo_ring_send_caps(young[0], &young[1], 1, 0), -ELOOP);
	t_eq(exo_ring_send_caps(channel[0], &channel[1], 1, 0), -ELOOP);
	t_eq(exo_ring_send_caps(channel[0], &s[0], 1, 0), -ELOOP);
	t_check(exo_ring_send_caps(old[0], &young[1], 1, 0) > 0);
}

/* An end that is on its way when its ring goes, goes too: its peer hears of it. */
T_CASE(caps_on_the_way_die_with_the_ring)
{
	int32_t ring[3][2];

	for (int i = 0; i < 3; i++)
		make(FRING_SPSC, 8, 0, ring[i]);
	t_check(exo_ring_send_caps(ring[1][0], &ring[2][1], 1, 0) > 0);
	t_check(exo_ring_send_caps(ring[0][0], &ring[1][1], 1, 0) > 0);
	t_eq(exo_ring_wait(ring[2][0], 0, EXO_NO_WAIT, -1), -ETIMEDOUT);
	close(ring[0][1]);
	t_eq(exo_ring_wait(ring[2][0], 0, in_ms(5000), -1), -EPIPE);
}

/* Over AF_UNIX, to a process that is no relative. */
T_CASE(ends_travel_by_sockets)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 'x';
	struct iovec io = {&byte, 1};
	struct msghdr h = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	struct fring_message m;
	struct exo_end e;
	int32_t ends[2], s[2];
	pid_t pid;

	t_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	pid = t_fork();
	if (!pid) {
		if (recvmsg(s[1], &h, 0) != 1)
			_exit(2);
		must_open(&e, *(int *)(void *)CMSG_DATA(&control.h));
		_exit(exo_end_send(&e, 20, 0, "over", 4, EXO_NO_WAIT) ? 3 : 0);
	}
	make(FRING_SPSC, 8, 0, ends);
	control.h.cmsg_level = SOL_SOCKET;
	control.h.cmsg_type = SCM_RIGHTS;
	control.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.h), &ends[0], sizeof(int));
	t_eq(sendmsg(s[0], &h, 0), 1);
	close(ends[0]);
	must_open(&e, ends[1]);
	t_eq(exo_end_recv(&e, &m, in_ms(5000)), 0);
	t_eq(exo_end_recv(&e, &m, in_ms(5000)), -EPIPE);
	t_exit(pid, 0);
}
