/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leak.c - does a kernel give back every page? leak KIND COUNT does KIND so many times and prints
 * how many kB fewer are free than before, after /proc/sys/vm/drop_caches both times.
 *
 * The same live objects may once come to lie in one slab more, so a round that costs something is
 * repeated, a few times at the most: what leaks, however little, costs something each time. The
 * smallest fall of a round is printed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../held_bytes.h"

enum { ROUNDS = 6, WARM = 50, PAGE = 4096 };

static const char *self;

static void need(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

static void reap(pid_t pid)
{
	int status;

	need(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "child");
}

static void do_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	reap(pid);
}

static void do_vfork_exec(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl(self, self, "nothing", NULL);
		_exit(1);
	}
	reap(pid);
}

static void do_exec(void)
{
	pid_t pid = fork();

	if (!pid) {
		execl(self, self, "nothing", NULL);
		_exit(1);
	}
	reap(pid);
}

static void do_mmap(void)
{
	size_t len = 16 * PAGE;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED, "mmap");
	memset(p, 1, len);
	need(!mprotect(p + PAGE, PAGE, PROT_READ) && !munmap(p + 3 * PAGE, PAGE) && !munmap(p, len),
		"munmap");
}

static void do_kept(void) /* leaks on purpose, so that the measure itself is tested */
{
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED, "mmap");
	*p = 1;
}

static void do_shared(void)
{
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	need(p != MAP_FAILED, "mmap");
	p[0] = 1;
	pid = fork();
	if (!pid) {
		p[2 * PAGE] = 2;
		_exit(0);
	}
	reap(pid);
	need(p[2 * PAGE] == 2 && !munmap(p, 4 * PAGE), "shared page");
}

static void do_cow(void)
{
	static char data[8 * PAGE];
	pid_t pid;

	memset(data, 1, sizeof(data));
	pid = fork();
	if (!pid) {
		memset(data, 2, sizeof(data));
		_exit(data[5 * PAGE] != 2);
	}
	memset(data, 3, sizeof(data));
	reap(pid);
}

static void *thread_main(void *arg)
{
	return arg;
}

static void do_thread(void)
{
	pthread_t t;

	need(!pthread_create(&t, NULL, thread_main, NULL) && !pthread_join(t, NULL), "thread");
}

static void do_pipe(void)
{
	int fds[2];
	char data[3 * PAGE] = {1};

	need(!pipe(fds), "pipe");
	need(write(fds[1], data, sizeof(data)) == sizeof(data) && read(fds[0], data, PAGE) == PAGE,
		"pipe io");
	close(fds[0]);
	close(fds[1]);
}

static void do_socket(void)
{
	int fds[2];
	char data[PAGE] = {1};

	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds), "socketpair");
	need(write(fds[1], data, sizeof(data)) == sizeof(data) && read(fds[0], data, 10) == 10,
		"socket io");
	close(fds[0]);
	close(fds[1]);
}

static void do_file(void)
{
	char data[2 * PAGE] = {1};
	int fd = open("/tmp/leak.file", O_RDWR | O_CREAT | O_EXCL, 0600);

	need(fd >= 0 && write(fd, data, sizeof(data)) == sizeof(data), "file");
	need(!ftruncate(fd, PAGE) && !mkdir("/tmp/leak.dir", 0700) &&
			!rename("/tmp/leak.file", "/tmp/leak.dir/b"),
		"rename");
	need(!symlink("/tmp", "/tmp/leak.dir/s") && !unlink("/tmp/leak.dir/s") &&
			!unlink("/tmp/leak.dir/b"),
		"unlink");
	need(!rmdir("/tmp/leak.dir") && !close(fd), "rmdir");
}

static void do_mapped_file(void)
{
	int fd = open("/tmp/leak.map", O_RDWR | O_CREAT, 0600);
	char *p;

	need(fd >= 0 && !ftruncate(fd, 4 * PAGE), "file");
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(p != MAP_FAILED, "mmap");
	p[PAGE] = 1;
	need(!unlink("/tmp/leak.map") && !close(fd) && !munmap(p, 4 * PAGE), "unlink");
}

static void do_missing(void) /* dentries of what is not there */
{
	static int n;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/leak.missing.%d", n++);
	need(access(path, F_OK) < 0 && errno == ENOENT, "missing");
}

static void nothing(int signo)
{
	(void)signo;
}

static void do_signal(void)
{
	pid_t pid;
	int status;

	signal(SIGUSR1, nothing);
	raise(SIGUSR1);
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	need(!kill(pid, SIGTERM) && waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGTERM,
		"kill");
}

static void do_timer(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec at = {.it_value = {.tv_nsec = 1000}};
	timer_t t;

	signal(SIGUSR1, nothing);
	need(!timer_create(CLOCK_MONOTONIC, &event, &t) && !timer_settime(t, 0, &at, NULL),
		"timer");
	need(!timer_delete(t), "timer_delete");
}

static void do_epoll(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int fds[2], ep = epoll_create1(0);

	need(ep >= 0 && !pipe(fds) && !epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &e) &&
			write(fds[1], "x", 1) == 1,
		"epoll");
	need(epoll_wait(ep, &e, 1, -1) == 1, "epoll_wait");
	close(fds[0]);
	close(fds[1]);
	close(ep);
}

static void do_pty(void)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), s;
	char name[64];

	need(m >= 0 && !grantpt(m) && !unlockpt(m) && !ptsname_r(m, name, sizeof(name)), "pty");
	s = open(name, O_RDWR | O_NOCTTY);
	need(s >= 0 && write(m, "abc\n", 4) == 4, "pty io");
	close(s);
	close(m);
}

static void do_proc(void)
{
	char text[PAGE];
	int fd = open("/proc/self/status", O_RDONLY);

	need(fd >= 0 && read(fd, text, sizeof(text)) > 0, "proc");
	close(fd);
}

static const struct kind {
	const char *name;
	void (*once)(void);
} kinds[] = {
	{"fork", do_fork},
	{"exec", do_exec},
	{"vfork_exec", do_vfork_exec},
	{"mmap", do_mmap},
	{"kept", do_kept},
	{"shared", do_shared},
	{"cow", do_cow},
	{"thread", do_thread},
	{"pipe", do_pipe},
	{"socket", do_socket},
	{"file", do_file},
	{"mapped_file", do_mapped_file},
	{"missing", do_missing},
	{"signal", do_signal},
	{"timer", do_timer},
	{"epoll", do_epoll},
	{"pty", do_pty},
	{"proc", do_proc},
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static void run(const struct kind *k, long count)
{
	long before, after, least = 0;

	for (int i = 0; i < WARM; i++)
		k->once();
	held_bytes();
	before = held_bytes();
	for (int round = 0; round < ROUNDS; round++) {
		for (long i = 0; i < count; i++)
			k->once();
		after = held_bytes();
		if (!round || after - before < least)
			least = after - before;
		if (least <= 0)
			break;
		before = after;
	}
	printf("%s %ld\n", k->name, least > 0 ? least : 0);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	need(argc == 3, "usage: leak KIND COUNT");
	for (int i = 0; i < KINDS; i++)
		if (!strcmp(argv[1], kinds[i].name))
			run(&kinds[i], atol(argv[2]));
	return 0;
}
