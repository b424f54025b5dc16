/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Revocation while the capability is used, on several processors: after exo_cap_revoke has returned
 * no use succeeds, in any process, and until then none fails; who sleeps wakes. */
#include "t_.h"
#include <exo_abi/exo_native.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/uio.h>

T_SUITE(race);

enum { WORKERS = 3, ROUNDS = 150 };

/* What the processes share. */
static struct shared {
	_Atomic int held, revoked, stop, used, late, wrong, ended, last_error;
} * sh;

static void share(void)
{
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	t_check(sh != MAP_FAILED);
}

/* ---- uses that do not sleep ---- */

static int target, source; /* made by each case */
static char byte[8] = {1};

static long use_write(int fd)
{
	return write(fd, byte, 8);
}

static long use_read(int fd)
{
	return pread(fd, byte, 1, 0);
}

static long use_stat(int fd)
{
	struct stat st;

	return fstat(fd, &st);
}

static long use_openat(int fd)
{
	int got = openat(fd, "file", O_RDONLY);

	return got < 0 ? got : close(got);
}

static long use_derive(int fd)
{
	long got = exo_cap_derive(fd, EXO_ALL, 0, 0);

	if (got >= 0)
		return close((int)got);
	errno = (int)-got;
	return -1;
}

static long use_map(int fd)
{
	void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? -1 : munmap(at, 4096);
}

static long use_send_cap(int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c = {0};
	struct iovec one = {byte, 1};
	struct msghdr m = {
		.msg_iov = &one, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
	int s[2];
	long ret;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		return -1;
	c.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&c.h), &fd, sizeof(fd));
	ret = sendmsg(s[0], &m, 0);
	int err = errno;
	close(s[0]);
	close(s[1]);
	errno = err;
	return ret;
}

/* Until the use fails: by then the revocation must have begun, and the error must be its. */
static void work(int fd, long (*use)(int fd))
{
	for (;;) {
		int was_revoked = atomic_load(&sh->revoked);
		long ret = use(fd);

		if (ret < 0) {
			if (errno != EKEYREVOKED || !atomic_load(&sh->held)) {
				sh->last_error = errno;
				atomic_fetch_add(&sh->wrong, 1);
			}
			break;
		}
		atomic_fetch_add(&sh->used, 1);
		if (was_revoked) {
			atomic_fetch_add(&sh->late, 1);
			break;
		}
	}
	atomic_fetch_add(&sh->ended, 1);
}

struct worker {
	int fd;
	long (*use)(int fd);
};

static void *work_thread(void *arg)
{
	struct worker *w = arg;

	work(w->fd, w->use);
	return NULL;
}

static void hunt(int object, long (*use)(int fd), bool threads)
{
	share();
	for (int i = 0; i < ROUNDS / (threads ? 1 : 3); i++) {
		int child = (int)exo_cap_derive(object, EXO_ALL, 0, 0);
		int fd = (int)exo_cap_derive(child, EXO_ALL, 0, 0), seen;
		struct worker w = {fd, use};
		pthread_t t[WORKERS];
		pid_t pid[WORKERS];

		*sh = (struct shared){0};
		for (int k = 0; k < WORKERS; k++) {
			if (threads) {
				pthread_create(&t[k], NULL, work_thread, &w);
			} else if (!(pid[k] = t_fork())) {
				work(fd, use);
				_exit(0);
			}
		}
		while (!(seen = atomic_load(&sh->used)))
			sched_yield();
		for (volatile int spin = 0; spin < i * 37 % 1000; spin++)
			;
		atomic_store(&sh->held, 1);
		t_eq(exo_cap_revoke(child, 0), 0);
		atomic_store(&sh->revoked, 1);
		for (int k = 0; k < WORKERS; k++) {
			if (threads)
				pthread_join(t[k], NULL);
			else
				t_exit(pid[k], 0);
		}
		t_eq(sh->ended, WORKERS);
		t_eq(sh->late, 0);
		if (!t_eq(sh->wrong, 0))
			dprintf(1, "  errno %d\n", sh->last_error);
		close(fd);
		close(child);
	}
}

#define HUNT(id, make, use)                 \
	T_CASE_LIMIT(id##_by_threads, 60)   \
	{                                   \
		hunt((make), use, true);    \
	}                                   \
	T_CASE_LIMIT(id##_by_processes, 60) \
	{                                   \
		hunt((make), use, false);   \
	}

static int file(void)
{
	t_spew("file", "content");
	return open("file", O_RDWR);
}

static int directory(void)
{
	file();
	return open(".", O_RDONLY);
}

HUNT(event_write, eventfd(0, 0), use_write)
HUNT(file_read, file(), use_read)
HUNT(file_write, file(), use_write)
HUNT(file_stat, file(), use_stat)
HUNT(directory_open, directory(), use_openat)
HUNT(derive, file(), use_derive)
HUNT(map, (int)exo_mem_create(4096, 0), use_map)
HUNT(send, file(), use_send_cap)

/* ---- sleepers: the revocation comes before, while and after they fall asleep ---- */

static long sleep_read(int fd)
{
	return read(fd, byte, 8);
}

static long sleep_poll(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, -1) == 1 && p.revents == POLLNVAL)
		errno = EKEYREVOKED;
	return -1;
}

static long sleep_epoll(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN}, got;
	int ep = epoll_create1(0);

	if (!epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) && epoll_wait(ep, &got, 1, -1) == 1 &&
		got.events == (EPOLLERR | EPOLLHUP))
		errno = EKEYREVOKED;
	close(ep);
	return -1;
}

static long sleep_recv(int fd)
{
	return recv(fd, byte, 1, 0);
}

static long sleep_accept(int fd)
{
	return accept(fd, NULL, NULL);
}

static long sleep_flock(int fd)
{
	return flock(fd, LOCK_EX);
}

struct sleeper {
	int fd;
	long (*sleep)(int fd);
	_Atomic int begun;
	long ret;
	int error;
};

static void *sleeper_thread(void *arg)
{
	struct sleeper *s = arg;

	atomic_store(&s->begun, 1);
	s->ret = s->sleep(s->fd);
	s->error = errno;
	return NULL;
}

static void wake(int object, long (*sleep)(int fd))
{
	for (int i = 0; i < ROUNDS; i++) {
		int child = (int)exo_cap_derive(object, EXO_ALL, 0, 0);
		struct sleeper s[2] = {{.fd = child, .sleep = sleep},
			{.fd = (int)exo_cap_derive(child, EXO_ALL, 0, 0), .sleep = sleep}};
		pthread_t t[2];

		for (int k = 0; k < 2; k++)
			pthread_create(&t[k], NULL, sleeper_thread, &s[k]);
		while (!s[i % 2].begun)
			;
		for (volatile int spin = 0; spin < i * i * 7 % 3000; spin++)
			;
		if (i % 16 == 0)
			usleep(2000);
		t_eq(exo_cap_revoke(child, 0), 0);
		for (int k = 0; k < 2; k++) {
			pthread_join(t[k], NULL);
			t_eq(s[k].ret, -1);
			t_eq(s[k].error, EKEYREVOKED);
			close(s[k].fd);
		}
	}
}

static int idle_pipe(void)
{
	int p[2];

	t_ok(pipe(p));
	source = p[1];
	return p[0];
}

static int idle_socket(void)
{
	int s[2];

	t_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	source = s[1];
	return s[0];
}

static int idle_listener(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	t_ok(bind(s, &(struct sockaddr){.sa_family = AF_UNIX, .sa_data = "l"},
		sizeof(struct sockaddr)));
	t_ok(listen(s, 1));
	return s;
}

static int locked_file(void)
{
	target = file();
	source = open("file", O_RDWR);
	t_ok(flock(source, LOCK_EX));
	return target;
}

#define WAKE(id, make, sleep)          \
	T_CASE_LIMIT(wakes_##id, 60)   \
	{                              \
		wake((make), (sleep)); \
	}
WAKE(pipe_read, idle_pipe(), sleep_read)
WAKE(event_read, eventfd(0, 0), sleep_read)
WAKE(poll, idle_pipe(), sleep_poll)
WAKE(epoll, idle_pipe(), sleep_epoll)
WAKE(recv, idle_socket(), sleep_recv)
WAKE(accept, idle_listener(), sleep_accept)
WAKE(flock, locked_file(), sleep_flock)

/* ---- derivation against revocation: no child lives on ---- */

static void *derive_all(void *arg)
{
	struct sleeper *s = arg;

	for (int i = 0; i < 30; i++) {
		long child = exo_cap_derive(s->fd, EXO_ALL, 0, 0);

		if (child == -EKEYREVOKED)
			break;
		t_check(child >= 0);
		s->ret = child;
		atomic_store(&s->begun, 1);
	}
	return NULL;
}

T_CASE_LIMIT(no_child_outlives, 60)
{
	int object = file();

	for (int i = 0; i < ROUNDS; i++) {
		struct sleeper s = {.fd = (int)exo_cap_derive(object, EXO_ALL, 0, 0), .ret = -1};
		pthread_t t;

		pthread_create(&t, NULL, derive_all, &s);
		while (!s.begun)
			;
		t_eq(exo_cap_revoke(i % 2 ? object : s.fd, i % 2 ? EXO_REVOKE_CHILDREN : 0), 0);
		pthread_join(t, NULL);
		t_errno(pread((int)s.ret, byte, 1, 0), EKEYREVOKED);
		syscall(SYS_close_range, object + 1, T_REPORT_FD - 1, 0);
	}
}
