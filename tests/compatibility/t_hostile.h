/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* t_hostile.h - what the suites of hostile structures share: a world at fixed addresses and of
 * fixed descriptors, so that a call with its structure is a constant, one row of a table. */
#pragma once

#include "t_.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <linux/mempolicy.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <termios.h>
#include <utime.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* Two pages to read and write between two without access; the structure under test lies there. */
#define AREA       0x200000001000
#define AREA_BYTES 0x2000
#define EDGE       (AREA + AREA_BYTES)

/* Good memory beside it: at each a page that begins with these. */
#define BYTES_AT   0x200000010000 /* zeros */
#define OTHER_AT   0x200000020000 /* zeros */
#define VECTOR_AT  0x200000030000 /* struct iovec: 4 bytes of OTHER */
#define HEADER_AT  0x200000040000 /* struct msghdr of VECTOR */
#define CAPS_AT    0x200000050000 /* capability header, version 3, this process */
#define LENGTH_AT  0x200000060000 /* socklen_t 128 */
#define NOW_AT     0x200000070000 /* struct timespec 0, 0 */
#define PROG_AT    0x200000080000 /* struct sock_fprog of one instruction */
#define MASKED_AT  0x200000090000 /* the pair that pselect takes: signal set, 8 */
#define ARGV_AT    0x2000000a0000 /* argument vector: "x", NULL */
#define CONTROL_AT 0x2000000b0000 /* struct msghdr of VECTOR, with 24 bytes of control data */

#define AT(address) ((void *)(address))

enum {
	FILE_FD = 40, /* "file": 37 bytes, read, write */
	DIR_FD,       /* "dir", empty */
	PIPE_FD,      /* 8 bytes to read */
	PIPE_IN_FD,
	PAIR_FD, /* stream: 8 bytes to read, with 8 more that the peer may read */
	PEER_FD,
	DATAGRAM_FD, /* bound to nothing */
	STREAM_FD,   /* unconnected */
	EPOLL_FD,    /* PIPE_FD is ready */
	MASTER_FD,
	SLAVE_FD,
	EVENT_FD,   /* 5 */
	TIMER_FD,   /* not armed */
	SIGNALS_FD, /* SIGUSR2 */
	SECOND_FD,  /* "second" */
	QUEUE_FD,   /* of messages of 16 bytes, one there */
	PID_FD,     /* this process */
	INOTIFY_FD, /* an event of "dir" is there */
	CONTEXT_FD, /* of fsopen("tmpfs") */
	LAST_FD,
};

/* Replaced in a row's arguments when it is made: P the structure's address; the numbers. */
enum { P = 0x7e570001, SELF, ZOMBIE, SHM, SEM, MSG };

enum kind { IN, OUT, IO };

struct row {
	const char *what; /* structure and call, for the details of a failure */
	long number;
	const void *content; /* NULL = zeros */
	int size;
	enum kind kind;
	int want; /* result, or -errno */
	int odd;  /* the same at an odd address; SAME = want */
	int cut;  /* when its last byte cannot be touched; SAME = want */
	long args[6];
	long poke; /* this word of good memory points to it as well; 0 = none */
	int flags;
};

enum {
	SAME = 0x7e570000,
	NO_REWRITE = 1, /* another content would be a success that changes too much */
	AT_EVEN = 2,    /* an odd address is another thing, not the same thing misaligned */
	NO_CUT = 4,     /* its last bytes may be touched or not */
};

struct world {
	int shm, sem, msg;
	pid_t zombie;
};
extern struct world w;

static inline void *h_page(long at, size_t len)
{
	void *got = mmap(AT(at), len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (got != AT(at))
		t_stop("cannot map");
	return got;
}

static inline void h_fd(int got, int want)
{
	if (got < 0 || dup2(got, want) != want || close(got) < 0)
		t_stop("cannot open what rows need");
}

static inline void h_memory(void)
{
	h_page(AREA - 4096, AREA_BYTES + 8192);
	mprotect(AT(AREA - 4096), 4096, PROT_NONE);
	mprotect(AT(EDGE), 4096, PROT_NONE);
	for (long at = BYTES_AT; at <= CONTROL_AT; at += 0x10000)
		h_page(at, 8192);
}

/* Contents of good memory: each call may change them. */
static inline void h_contents(void)
{
	memset(AT(BYTES_AT), 0, 8192);
	memset(AT(OTHER_AT), 0, 8192);
	*(struct iovec *)VECTOR_AT = (struct iovec){AT(OTHER_AT), 4};
	*(struct msghdr *)HEADER_AT = (struct msghdr){.msg_iov = AT(VECTOR_AT), .msg_iovlen = 1};
	*(struct msghdr *)CONTROL_AT = *(struct msghdr *)HEADER_AT;
	((struct msghdr *)CONTROL_AT)->msg_controllen = 24;
	*(struct __user_cap_header_struct *)CAPS_AT =
		(struct __user_cap_header_struct){.version = _LINUX_CAPABILITY_VERSION_3};
	*(socklen_t *)LENGTH_AT = 128;
	*(struct timespec *)NOW_AT = (struct timespec){0, 0};
	*(struct sock_fprog *)PROG_AT = (struct sock_fprog){.len = 1, .filter = AT(OTHER_AT)};
	((long *)MASKED_AT)[0] = OTHER_AT;
	((long *)MASKED_AT)[1] = 8;
	((char **)ARGV_AT)[0] = "x";
	((char **)ARGV_AT)[1] = NULL;
}

/* What calls use up comes back. */
static inline void h_refill(void)
{
	static const struct timespec long_ago = {0, 0};
	struct {
		long type;
		char text[64];
	} m = {1, "ab"};
	char sink[4096];
	uint64_t five = 5;

	close_range(3, FILE_FD - 1, 0);
	lseek(FILE_FD, 0, SEEK_SET);
	lseek(SECOND_FD, 0, SEEK_SET);
	lseek(DIR_FD, 0, SEEK_SET);
	while (read(PIPE_FD, sink, sizeof(sink)) > 0)
		;
	while (read(PAIR_FD, sink, sizeof(sink)) > 0)
		;
	while (read(PEER_FD, sink, sizeof(sink)) > 0)
		;
	(void)!read(EVENT_FD, sink, 8);
	while (read(INOTIFY_FD, sink, sizeof(sink)) > 0)
		;
	close(openat(DIR_FD, "inside", O_CREAT | O_RDWR, 0600));
	unlinkat(DIR_FD, "inside", 0);
	while (syscall(SYS_mq_timedreceive, QUEUE_FD, sink, 16, NULL, &long_ago) >= 0)
		;
	while (msgrcv(w.msg, &m, sizeof(m.text), 0, IPC_NOWAIT | MSG_NOERROR) >= 0)
		;
	m.type = 1;
	if (write(PIPE_IN_FD, "01234567", 8) != 8 || write(PEER_FD, "01234567", 8) != 8 ||
		write(PAIR_FD, "01234567", 8) != 8 || write(EVENT_FD, &five, 8) != 8 ||
		syscall(SYS_mq_timedsend, QUEUE_FD, "message", 7, 0, NULL) ||
		msgsnd(w.msg, &m, 2, 0))
		t_stop("cannot refill");
}

static inline void h_prepare(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct {
		long flags, messages, bytes, now, reserved[4];
	} attributes = {.messages = 4, .bytes = 16};
	sigset_t usr2;
	int fds[2];

	h_memory();
	t_spew("file", "some bytes to read, more than sixteen");
	t_spew("program", "no program");
	chmod("program", 0700);
	t_spew("second", "");
	if (setgroups(2, (gid_t[2]){0, 0}))
		t_stop("no groups");
	mkdir("dir", 0700);
	(void)!symlink("file", "link");
	if (setxattr("file", "trusted.t", "value", 5, 0))
		t_stop("no attributes");
	h_fd(open("file", O_RDWR), FILE_FD);
	h_fd(open("second", O_RDWR), SECOND_FD);
	h_fd(open("dir", O_RDONLY | O_DIRECTORY), DIR_FD);
	(void)!pipe2(fds, O_NONBLOCK);
	h_fd(fds[0], PIPE_FD);
	h_fd(fds[1], PIPE_IN_FD);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
	h_fd(fds[0], PAIR_FD);
	h_fd(fds[1], PEER_FD);
	h_fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), DATAGRAM_FD);
	h_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), STREAM_FD);
	h_fd(epoll_create1(0), EPOLL_FD);
	epoll_ctl(EPOLL_FD, EPOLL_CTL_ADD, PIPE_FD, &event);
	h_fd(open("/dev/ptmx", O_RDWR | O_NOCTTY), MASTER_FD);
	unlockpt(MASTER_FD);
	h_fd(open(ptsname(MASTER_FD), O_RDWR | O_NOCTTY), SLAVE_FD);
	h_fd(eventfd(0, EFD_NONBLOCK), EVENT_FD);
	h_fd((int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK), TIMER_FD);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	h_fd((int)syscall(SYS_signalfd4, -1, &usr2, 8, O_NONBLOCK), SIGNALS_FD);
	syscall(SYS_mq_unlink, "t_hostile");
	h_fd((int)syscall(
		     SYS_mq_open, "t_hostile", O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attributes),
		QUEUE_FD);
	syscall(SYS_mq_unlink, "t_hostile");
	h_fd((int)syscall(SYS_pidfd_open, getpid(), 0), PID_FD);
	h_fd(inotify_init1(IN_NONBLOCK), INOTIFY_FD);
	inotify_add_watch(INOTIFY_FD, "dir", IN_CREATE);
	h_fd((int)syscall(SYS_fsopen, "tmpfs", 0), CONTEXT_FD);
	w.shm = shmget(IPC_PRIVATE, 4096, 0600);
	w.sem = semget(IPC_PRIVATE, 4, 0600);
	w.msg = msgget(IPC_PRIVATE, 0600);
	if (w.shm < 0 || w.sem < 0 || w.msg < 0)
		t_stop("no System V objects");
	w.zombie = t_fork();
	if (!w.zombie)
		_exit(7);
	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, BYTES_AT) || *(int *)BYTES_AT)
		t_stop("the first timer is not number 0");
	t_check(t_wait_state(w.zombie, 'Z'));
}

static inline void h_done(void)
{
	shmctl(w.shm, IPC_RMID, NULL);
	semctl(w.sem, 0, IPC_RMID);
	msgctl(w.msg, IPC_RMID, NULL);
	waitpid(w.zombie, NULL, 0);
}

static inline long h_real(long arg, long at)
{
	switch (arg) {
	case P:
		return at;
	case SELF:
		return getpid();
	case ZOMBIE:
		return w.zombie;
	case SHM:
		return w.shm;
	case SEM:
		return w.sem;
	case MSG:
		return w.msg;
	default:
		return arg;
	}
}

/* Makes the call with its structure at @at, contents as they are. -> result or -errno */
static inline long h_call(const struct row *r, long at)
{
	long a[6], got;

	for (int i = 0; i < 6; i++)
		a[i] = h_real(r->args[i], at);
	if (r->poke)
		*(long *)r->poke = at;
	got = syscall(r->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	return got == -1 ? -errno : got;
}

enum { BESIDE = 64, CANARY = 0xa5 };

/* The structure at @at, canaries about it, as far as there is memory. */
static inline void h_place(const struct row *r, long at)
{
	memset(AT(AREA), CANARY, AREA_BYTES);
	for (int i = 0; i < r->size && at + i < EDGE; i++)
		*(char *)(at + i) = r->content ? ((const char *)r->content)[i] : 0;
}

static inline void h_beside(const struct row *r, const char *what, long at)
{
	long end = at + r->size, changed = 0;

	for (long i = at - BESIDE; i < end + BESIDE && i < EDGE; i++)
		if (i < at || i >= end)
			changed += *(unsigned char *)i != CANARY;
	t_eq_at(__FILE__, __LINE__, what, changed, 0);
}
