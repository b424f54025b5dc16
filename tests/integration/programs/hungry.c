/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hungry KIND ROUNDS - a child takes memory of one kind until there is none, so many times. Prints
 * `KIND WORD N` for each way in which the children ended: killed, or the error of the call that
 * was refused. Exit status 0: all of them ended so, and nothing of theirs is left.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEGABYTE    (1 << 20)
#define ROOM        (64ul << 30) /* addresses, not memory */
#define TABLE       (2ul << 20)  /* what one page table maps */
#define CHILDREN    40           /* of four megabytes each */
#define DESCRIPTORS 4000

static char *room(int prot)
{
	char *p = mmap(NULL, ROOM, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		exit(errno);
	madvise(p, ROOM, MADV_NOHUGEPAGE);
	return p;
}

static void take_anon(void)
{
	char *p = room(PROT_READ | PROT_WRITE);

	for (size_t i = 0; i < ROOM; i += 4096)
		p[i] = 1;
}

/* What is read takes no page, but tables to say so. */
static void take_tables(void)
{
	volatile char *p = room(PROT_READ);

	for (size_t i = 0; i < ROOM; i += TABLE)
		(void)p[i];
	exit(ENOSPC); /* all that was to be had was had */
}

/* A system call meets the end of memory in place of the program. */
static void take_in_calls(void)
{
	char *p = room(PROT_READ | PROT_WRITE);
	int fd = open("/dev/zero", O_RDONLY);

	for (size_t i = 0; i < ROOM; i += MEGABYTE)
		if (read(fd, p + i, MEGABYTE) < 0)
			exit(errno);
}

static void take_file(void)
{
	static char block[MEGABYTE];
	int fd = open("/tmp/huge/x", O_RDWR | O_CREAT | O_TRUNC, 0600);

	unlink("/tmp/huge/x");
	for (;;)
		if (write(fd, block, sizeof(block)) < 0)
			exit(errno);
}

static void take_shared(void)
{
	size_t all = (size_t)sysconf(_SC_PHYS_PAGES) * 4096; /* more than is free */
	char *p = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(errno);
	for (size_t i = 0; i < all; i += 4096)
		p[i] = 1;
}

static void many_descriptors(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){DESCRIPTORS, DESCRIPTORS});
}

static void fill(int fd)
{
	static char block[65536];

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, block, sizeof(block)) > 0)
		;
	if (errno != EAGAIN && errno != EMFILE)
		exit(errno);
}

static void take_pipes(void)
{
	int fds[2];

	many_descriptors();
	for (;;) {
		if (pipe(fds))
			exit(errno);
		fill(fds[1]);
	}
}

static void take_sockets(void)
{
	int fds[2];

	many_descriptors();
	for (;;) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
			exit(errno);
		fill(fds[0]);
	}
}

static void take_datagrams(void)
{
	int fds[2];

	many_descriptors();
	for (;;) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds))
			exit(errno);
		fill(fds[0]);
	}
}

/* Children that wait; the first that cannot be made ends them all. */
static void take_children(void)
{
	static volatile char own[4 * MEGABYTE];
	static pid_t pids[CHILDREN];
	int n = 0, err;

	while (n < CHILDREN && (pids[n] = fork()) > 0)
		n++;
	err = n < CHILDREN ? errno : ENOSPC;
	if (n < CHILDREN && !pids[n]) {
		for (size_t i = 0; i < sizeof(own); i += 4096)
			own[i] = 1;
		for (;;)
			pause();
	}
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	exit(err);
}

static const struct {
	const char *name;
	void (*take)(void);
} kinds[] = {{"anon", take_anon}, {"tables", take_tables}, {"calls", take_in_calls},
	{"file", take_file}, {"shared", take_shared}, {"pipes", take_pipes},
	{"sockets", take_sockets}, {"datagrams", take_datagrams}, {"children", take_children}};

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 1, ends[256] = {0}, status, kind = -1;

	for (unsigned k = 0; argc > 1 && k < sizeof(kinds) / sizeof(kinds[0]); k++)
		if (!strcmp(kinds[k].name, argv[1]))
			kind = (int)k;
	if (kind < 0)
		return 2;
	for (int i = 0; i < rounds; i++) {
		pid_t pid = fork();

		if (!pid) {
			setpgid(0, 0);
			kinds[kind].take();
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 3;
		kill(-pid, SIGKILL);
		ends[WIFSIGNALED(status) ? 0 : WEXITSTATUS(status)]++;
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
			return 4;
	}
	for (int i = 0; i < 256; i++)
		if (ends[i])
			printf("%s %s %d\n", kinds[kind].name, i ? strerrorname_np(i) : "killed",
				ends[i]);
	return 0;
}
