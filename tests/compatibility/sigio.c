/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sigio.c - O_ASYNC: the owner of a file hears by signal that it became ready. */
#include "t_.h"

#include <arpa/inet.h>
#include <pty.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

T_SUITE(sigio);

/* Waits for @sig, blocked, so long at the most. The signal, or -1. */
static int heard(int sig, siginfo_t *info, long ms)
{
	struct timespec limit = {ms / 1000, ms % 1000 * 1000000};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return sigtimedwait(&set, info, &limit);
}

static void quiet(void)
{
	siginfo_t info;

	t_errno(heard(SIGIO, &info, 60), EAGAIN);
}

static void told(void)
{
	siginfo_t info;

	t_ret(heard(SIGIO, &info, 5000), SIGIO);
	t_eq(info.si_code, SI_KERNEL);
	while (heard(SIGIO, &info, 20) > 0) /* some say it twice */
		;
}

/* @fd is ours, its signals wait. */
static void own(int fd)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGRTMIN + 3);
	t_ok(sigprocmask(SIG_BLOCK, &set, NULL));
	t_ok(fcntl(fd, F_SETOWN, getpid()));
}

static void async(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	t_ok(fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC));
	t_eq(!!(fcntl(fd, F_GETFL) & O_ASYNC), on);
}

T_CASE(pipe_to_read)
{
	int p[2], more;
	char c;

	t_ok(pipe(p));
	own(p[0]);
	t_ret(write(p[1], "a", 1), 1);
	quiet();
	async(p[0], true);
	quiet(); /* what was there already is no event */
	t_ret(write(p[1], "b", 1), 1);
	told();
	t_ret(write(p[1], "c", 1), 1);
	told();
	t_ret(read(p[0], &c, 1), 1);
	t_eq(c, 'a');
	quiet();
	async(p[0], true); /* again changes nothing */
	t_ret(write(p[1], "d", 1), 1);
	told();
	async(p[0], false);
	t_ret(write(p[1], "e", 1), 1);
	quiet();
	async(p[0], false);
	more = 1;
	t_ok(ioctl(p[0], FIOASYNC, &more));
	t_check(fcntl(p[0], F_GETFL) & O_ASYNC);
	t_ret(write(p[1], "f", 1), 1);
	told();
	t_ok(close(p[1]));
	told(); /* the end */
	more = 0;
	t_ok(ioctl(p[0], FIOASYNC, &more));
	t_check(!(fcntl(p[0], F_GETFL) & O_ASYNC));
	t_errno(ioctl(p[0], FIOASYNC, (void *)1), EFAULT);
	t_ok(close(p[0]));
}

T_CASE(pipe_to_write)
{
	static char block[65536];
	int p[2];

	t_ok(pipe2(p, O_NONBLOCK));
	own(p[1]);
	async(p[1], true);
	quiet();
	t_ret(write(p[1], block, sizeof(block)), sizeof(block));
	quiet();
	t_ret(read(p[0], block, sizeof(block)), sizeof(block));
	told();
	t_ok(close(p[0]));
	told();
	t_ok(close(p[1]));
}

T_CASE(signal_of_choice)
{
	int p[2], sig = SIGRTMIN + 3;
	siginfo_t info;

	t_ok(pipe(p));
	own(p[0]);
	t_ok(fcntl(p[0], F_SETSIG, sig));
	async(p[0], true);
	t_ret(write(p[1], "a", 1), 1);
	t_ret(heard(sig, &info, 5000), sig);
	t_eq(info.si_code, POLL_IN);
	t_eq(info.si_fd, p[0]);
	t_eq(info.si_band, 0x41); /* POLLIN | POLLRDNORM */
	t_errno(heard(sig, &info, 50), EAGAIN);
	quiet();
	t_ok(close(p[0]));
	t_ok(close(p[1]));

	t_ok(pipe(p));
	own(p[1]);
	t_ok(fcntl(p[1], F_SETSIG, sig));
	async(p[1], true);
	t_ok(close(p[0]));
	t_ret(heard(sig, &info, 5000), sig);
	t_eq(info.si_code, POLL_OUT);
	t_eq(info.si_fd, p[1]);
	t_eq(info.si_band, 0x304); /* POLLOUT | POLLWRNORM | POLLWRBAND */
	t_ok(close(p[1]));
}

T_CASE(sockets)
{
	static const int kinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "at"};
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int s[2], from;

	for (int i = 0; i < 3; i++) {
		t_ok(socketpair(AF_UNIX, kinds[i], 0, s));
		own(s[0]);
		async(s[0], true);
		quiet();
		t_ret(send(s[1], "x", 1, 0), 1);
		told();
		t_ret(send(s[0], "y", 1, 0), 1);
		quiet();
		t_ok(close(s[0]));
		t_ok(close(s[1]));
	}
	s[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	t_ok(bind(s[0], (struct sockaddr *)&at, sizeof(at)));
	t_ok(listen(s[0], 2));
	own(s[0]);
	async(s[0], true);
	quiet();
	s[1] = socket(AF_UNIX, SOCK_STREAM, 0);
	t_ok(connect(s[1], (struct sockaddr *)&at, sizeof(at)));
	told();
	t_ok(close(s[0]));
	t_ok(close(s[1]));

	s[0] = socket(AF_INET, SOCK_DGRAM, 0);
	t_ok(bind(s[0], (struct sockaddr *)&in, sizeof(in)));
	t_ok(getsockname(s[0], (struct sockaddr *)&in, &len));
	own(s[0]);
	async(s[0], true);
	quiet();
	from = socket(AF_INET, SOCK_DGRAM, 0);
	t_ret(sendto(from, "x", 1, 0, (struct sockaddr *)&in, sizeof(in)), 1);
	told();
	t_ok(close(from));
	t_ok(close(s[0]));
}

T_CASE(terminal)
{
	struct termios raw;
	int master, slave;
	char c;

	t_ok(openpty(&master, &slave, NULL, NULL, NULL));
	t_ok(tcgetattr(slave, &raw));
	cfmakeraw(&raw);
	t_ok(tcsetattr(slave, TCSANOW, &raw));
	own(slave);
	async(slave, true);
	quiet();
	t_ret(write(master, "x", 1), 1);
	told();
	t_ret(read(slave, &c, 1), 1);
	async(slave, false);
	own(master);
	async(master, true);
	t_ret(write(slave, "y", 1), 1);
	told();
	t_ok(close(slave));
	t_ok(close(master));
}

T_CASE(inotify)
{
	int in = inotify_init1(IN_NONBLOCK);

	t_check(in >= 0);
	t_check(inotify_add_watch(in, ".", IN_CREATE) > 0);
	own(in);
	async(in, true);
	quiet();
	t_spew("new", "x");
	told();
	t_ok(close(in));
}

/* Plain files are always ready, and say nothing. */
T_CASE(files)
{
	int on = 1, fd = open("f", O_RDWR | O_CREAT, 0600);

	own(fd);
	t_ok(fcntl(fd, F_SETFL, O_ASYNC));
	t_check(!(fcntl(fd, F_GETFL) & O_ASYNC));
	t_ret(write(fd, "x", 1), 1);
	quiet();
	t_errno(ioctl(fd, FIOASYNC, &on), ENOTTY);
	t_check(!(fcntl(fd, F_GETFL) & O_ASYNC));
	on = 0; /* which it is */
	t_ok(ioctl(fd, FIOASYNC, &on));
	t_ok(close(fd));
}

/* The description is asynchronous, whoever has it, until the last of them closes it. */
T_CASE(descriptions)
{
	int p[2], copy;
	pid_t pid;

	t_ok(pipe(p));
	own(p[0]);
	async(p[0], true);
	copy = dup(p[0]);
	t_check(fcntl(copy, F_GETFL) & O_ASYNC);
	t_ok(close(p[0]));
	t_ret(write(p[1], "x", 1), 1);
	told();
	pid = t_fork();
	if (!pid) {
		t_sleep_ms(30);
		if (write(p[1], "y", 1) != 1)
			_exit(1);
		_exit(0);
	}
	t_ok(close(copy));
	t_exit(pid, 0);
	told();
	t_ok(close(p[1])); /* nobody has the other end */
	quiet();
}

T_CASE(owners)
{
	int p[2], ready[2], sig = SIGIO;
	siginfo_t info;
	pid_t pid;
	char c;

	t_ok(pipe(p));
	t_ok(pipe(ready));
	own(p[0]);
	async(p[0], true);
	t_ok(fcntl(p[0], F_SETOWN, 0)); /* nobody */
	t_ret(write(p[1], "x", 1), 1);
	quiet();
	pid = t_fork();
	if (!pid) {
		setpgid(0, 0);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(heard(sig, &info, 5000) == sig && heard(sig, &info, 5000) == sig ? 0 : 2);
	}
	t_ret(read(ready[0], &c, 1), 1);
	t_ok(fcntl(p[0], F_SETOWN, pid)); /* another, by number */
	t_ret(write(p[1], "x", 1), 1);
	quiet();
	t_ok(fcntl(p[0], F_SETOWN, -pid)); /* and its group */
	t_ret(write(p[1], "x", 1), 1);
	t_exit(pid, 0);
	t_ret(write(p[1], "x", 1), 1); /* it is gone */
	quiet();
	t_ok(close(p[0]));
}
