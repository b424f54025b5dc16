/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The matrix of rights: for every call on every type of object what its capability must allow. The
 * table below says what each needs; from it come the checks: with exactly those rights the call
 * works, without any one of them it is EACCES, and without any one of the others it works still.
 */
#include "t_.h"
#include <exo_abi/exo_native.h>
#include <dirent.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>

T_SUITE(rights);

#define PAGE 4096u

static unsigned round_nr; /* of the check, for fresh names */
static int other;         /* the second descriptor of what was made */
static char name[32];
static char buf[PAGE];
static struct iovec iov = {buf, 1};

static const char *fresh(const char *stem)
{
	snprintf(name, sizeof(name), "%s%u", stem, round_nr);
	return name;
}

/* ---- objects ---- */

static int make_file(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);

	t_check(fd >= 0 && write(fd, "0123456789", 10) == 10 && lseek(fd, 0, SEEK_SET) == 0);
	fsetxattr(fd, "user.here", "x", 1, 0);
	other = open("target", O_RDWR | O_CREAT | O_TRUNC, 0600);
	return fd;
}

static int make_program(void)
{
	return open(t_self, O_RDONLY);
}

static int make_directory(void)
{
	int d = open("dir", O_RDONLY);

	if (d < 0) {
		t_ok(mkdir("dir", 0700));
		d = open("dir", O_RDONLY);
		t_ok(symlinkat("old", d, "sym"));
	}
	t_check(openat(d, "old", O_RDWR | O_CREAT, 0600) >= 0);
	mkdirat(d, "sub", 0700);
	other = open("dir", O_RDONLY);
	return d;
}

static int make_device(void)
{
	return open("/dev/zero", O_RDWR);
}

static int make_pipe_out(void)
{
	int p[2];

	t_ok(pipe(p));
	t_ret(write(p[1], "0123456789", 10), 10);
	other = p[1];
	return p[0];
}

static int make_pipe_in(void)
{
	int p[2];

	t_ok(pipe(p));
	other = p[0];
	return p[1];
}

static int make_pair(void)
{
	int s[2];

	t_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	t_ret(write(s[1], "0123456789", 10), 10);
	other = s[1];
	return s[0];
}

static struct sockaddr_un address;

static int make_socket(void)
{
	address.sun_family = AF_UNIX;
	strcpy(address.sun_path, fresh("sock"));
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int make_bound(void)
{
	int s = make_socket();

	t_ok(bind(s, (void *)&address, sizeof(address)));
	return s;
}

static int make_listener(void)
{
	int s = make_bound();

	t_ok(listen(s, 4));
	other = socket(AF_UNIX, SOCK_STREAM, 0);
	t_ok(connect(other, (void *)&address, sizeof(address)));
	return s;
}

static int make_client(void)
{
	int s = make_bound();

	t_ok(listen(s, 4));
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

/* A directory with a server in it. */
static int make_lobby(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un lobby = {.sun_family = AF_UNIX, .sun_path = "lobby/server"};

	mkdir("lobby", 0700);
	unlink("lobby/server");
	t_ok(bind(s, (void *)&lobby, sizeof(lobby)));
	t_ok(listen(s, 4));
	other = socket(AF_UNIX, SOCK_STREAM, 0);
	return open("lobby", O_RDONLY);
}

static int make_event(void)
{
	return eventfd(3, EFD_NONBLOCK);
}

static int make_timer(void)
{
	int t = (int)exo_timer_create(CLOCK_MONOTONIC, 0);

	t_eq(exo_timer_set(t, 1, 1, 0), 0);
	return t;
}

static int make_thread(void)
{
	return (int)exo_thread_open(0, 0);
}

static int make_interrupt(void)
{
	return (int)exo_interrupt_open(8, 0);
}

static int make_epoll(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int ep = epoll_create1(0);

	other = eventfd(3, 0);
	t_ok(epoll_ctl(ep, EPOLL_CTL_ADD, other, &ev));
	return ep;
}

static pid_t child;

static int make_process(void)
{
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	return (int)syscall(SYS_pidfd_open, child, 0);
}

static int make_ended(void)
{
	int fd = make_process();

	kill(child, SIGKILL);
	return fd;
}

static int make_path(void)
{
	close(make_directory());
	return open("dir", O_PATH);
}

static int make_memfd(void)
{
	return memfd_create("x", MFD_ALLOW_SEALING);
}

static int make_memory(void)
{
	return (int)exo_mem_create(PAGE, 0);
}

/* ---- calls: >= 0 or -errno ---- */

#define CALL(id, expr)                           \
	static long call_##id(int fd)            \
	{                                        \
		long got = (long)(expr);         \
                                                 \
		return got == -1 ? -errno : got; \
	}

static long map_with(int fd, int prot, int flags)
{
	void *at = mmap(NULL, PAGE, prot, flags, fd, 0);

	if (at == MAP_FAILED)
		return -1;
	munmap(at, PAGE);
	return 0;
}

static long poll_one(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	if (poll(&p, 1, 0) < 0)
		return -1;
	errno = EACCES; /* poll has no other way to say so */
	return p.revents & POLLNVAL ? -1 : 0;
}

static long select_one(int fd)
{
	struct timeval none = {0, 0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	if (select(fd + 1, &set, NULL, NULL, &none) >= 0)
		return 0;
	if (errno == EBADF)
		errno = EACCES; /* nor select */
	return -1;
}

static long epoll_add(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};

	return epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, fd, &ev);
}

static long epoll_change(int fd)
{
	struct epoll_event ev = {.events = EPOLLOUT};

	return epoll_ctl(fd, EPOLL_CTL_MOD, other, &ev);
}

static long epoll_now(int fd)
{
	struct epoll_event ev;

	return epoll_wait(fd, &ev, 1, 0);
}

static long send_slot(int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c = {0};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
	int s[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	c.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&c.h), &fd, sizeof(fd));
	return sendmsg(s[0], &m, 0);
}

T_HELPER(nothing)
{
	return 0;
}

static char *child_args[] = {"rights", "-x", "nothing", NULL}, *no_env[] = {NULL};

static long execute(int fd, const char *path, int flags)
{
	int p[2], err = 0;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		syscall(SYS_execveat, fd, path, child_args, no_env, flags);
		err = errno;
		_exit(write(p[1], &err, sizeof(err)) != sizeof(err));
	}
	close(p[1]);
	if (read(p[0], &err, sizeof(err)) < 0)
		return -1;
	waitpid(pid, NULL, 0);
	errno = err;
	return err ? -1 : 0;
}

static long spawn_with(int program, int gift)
{
	struct exo_spawn_cap cap = {gift, 1};
	struct exo_spawn_args a = {.program = program,
		.argv = (uintptr_t)child_args,
		.caps = (uintptr_t)&cap,
		.cap_count = gift >= 0};
	siginfo_t info;
	long fd = exo_spawn(&a, sizeof(a));

	if (fd >= 0)
		return waitid(P_PIDFD, (id_t)fd, &info, WEXITED);
	errno = (int)-fd;
	return -1;
}

static long native(long ret)
{
	if (ret < 0)
		errno = (int)-ret;
	return ret < 0 ? -1 : ret;
}

static long entries(int fd)
{
	return syscall(SYS_getdents64, fd, buf, sizeof(buf));
}

static long lock_range(int fd, int cmd, short type)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};

	return fcntl(fd, cmd, &l);
}

static long wait_now(int fd)
{
	struct exo_wait_item w = {.cap = fd, .events = EXO_WAIT_READ};

	return native(exo_wait_many(&w, 1, 0));
}

static struct stat st;
static struct itimerspec its;
static struct statx sx;
static struct statfs sf;
static siginfo_t si;
static socklen_t len;
static int number;
static off_t off;

CALL(read, read(fd, buf, 1))
CALL(readv, readv(fd, &iov, 1))
CALL(pread, pread(fd, buf, 1, 0))
CALL(preadv, preadv(fd, &iov, 1, 0))
CALL(write, write(fd, buf, 1))
CALL(write_8, write(fd, "\1\0\0\0\0\0\0", 8))
CALL(read_8, read(fd, buf, 8))
CALL(writev, writev(fd, &iov, 1))
CALL(pwrite, pwrite(fd, buf, 1, 0))
CALL(pwritev, pwritev(fd, &iov, 1, 0))
CALL(seek, lseek(fd, 0, SEEK_SET))
CALL(map_read, map_with(fd, PROT_READ, MAP_SHARED))
CALL(map_private, map_with(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE))
CALL(map_write, map_with(fd, PROT_READ | PROT_WRITE, MAP_SHARED))
CALL(map_exec, map_with(fd, PROT_READ | PROT_EXEC, MAP_PRIVATE))
CALL(fstat, fstat(fd, &st))
CALL(statx, syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx))
CALL(fstatat_empty, fstatat(fd, "", &st, AT_EMPTY_PATH))
CALL(fstatfs, fstatfs(fd, &sf))
CALL(ftruncate, ftruncate(fd, 10))
CALL(fallocate, fallocate(fd, 0, 0, 100))
CALL(fsync, fsync(fd))
CALL(fdatasync, fdatasync(fd))
CALL(fchmod, fchmod(fd, 0700))
CALL(fchown, fchown(fd, 0, 0))
CALL(futimens, futimens(fd, NULL))
CALL(fsetxattr, fsetxattr(fd, "user.a", "b", 1, 0))
CALL(fgetxattr, fgetxattr(fd, "user.here", buf, sizeof(buf)))
CALL(flistxattr, flistxattr(fd, buf, sizeof(buf)))
CALL(fremovexattr, fremovexattr(fd, "user.here"))
CALL(flock, flock(fd, LOCK_EX | LOCK_NB))
CALL(setlk_read, lock_range(fd, F_SETLK, F_RDLCK))
CALL(setlk_write, lock_range(fd, F_SETLK, F_WRLCK))
CALL(getlk, lock_range(fd, F_GETLK, F_WRLCK))
CALL(setfl, fcntl(fd, F_SETFL, O_APPEND))
CALL(setown, fcntl(fd, F_SETOWN, getpid()))
CALL(getfl, fcntl(fd, F_GETFL))
CALL(getfd, fcntl(fd, F_GETFD))
CALL(setfd, fcntl(fd, F_SETFD, FD_CLOEXEC))
CALL(dup, dup(fd))
CALL(dup2, dup2(fd, 20))
CALL(dupfd, fcntl(fd, F_DUPFD, 10))
CALL(fionread, ioctl(fd, FIONREAD, &number))
CALL(fionbio, ioctl(fd, FIONBIO, &number))
CALL(sendfile_in, (off = 0, sendfile(other, fd, &off, 1)))
CALL(sendfile_out, (off = 0, sendfile(fd, open("source", O_RDWR | O_CREAT, 0600), &off, 0)))
CALL(copy_in, syscall(SYS_copy_file_range, fd, NULL, other, NULL, 1, 0))
CALL(copy_out, syscall(SYS_copy_file_range, other, NULL, fd, NULL, 1, 0))
CALL(syncfs, syncfs(fd))
CALL(fadvise, syscall(SYS_fadvise64, fd, 0, 0, POSIX_FADV_NORMAL))
CALL(add_seals, fcntl(fd, F_ADD_SEALS, F_SEAL_GROW))
CALL(get_seals, fcntl(fd, F_GET_SEALS))
CALL(poll, poll_one(fd, POLLIN | POLLOUT))
CALL(select, select_one(fd))
CALL(epoll_add, epoll_add(fd))
CALL(epoll_change, epoll_change(fd))
CALL(epoll_wait, epoll_now(fd))
CALL(execveat, execute(fd, "", AT_EMPTY_PATH))
CALL(spawn, spawn_with(fd, -1))
CALL(spawn_gift, spawn_with(open(t_self, O_RDONLY), fd))
CALL(send_slot, send_slot(fd))
CALL(derive, native(exo_cap_derive(fd, 0, 0, 0)))
CALL(revoke, native(exo_cap_revoke(fd, 0)))
CALL(revoke_children, native(exo_cap_revoke(fd, EXO_REVOKE_CHILDREN)))
CALL(inspect, native(exo_cap_inspect(fd, &(struct exo_cap_info){0}, sizeof(struct exo_cap_info))))
CALL(compare, native(exo_cap_compare(fd, fd)))
CALL(close, native(exo_cap_close(fd)))
CALL(set_pipe_size, fcntl(fd, F_SETPIPE_SZ, 8192))
CALL(get_pipe_size, fcntl(fd, F_GETPIPE_SZ))
CALL(getdents, entries(fd))
CALL(fchdir, fchdir(fd) ? -1 : chdir(".."))
CALL(open_read, openat(fd, "old", O_RDONLY))
CALL(open_write, openat(fd, "old", O_WRONLY))
CALL(open_both, openat(fd, "old", O_RDWR))
CALL(open_trunc, openat(fd, "old", O_RDONLY | O_TRUNC))
CALL(open_path, openat(fd, "old", O_PATH))
CALL(open_create, openat(fd, fresh("new"), O_WRONLY | O_CREAT, 0600))
CALL(open_tmpfile, openat(fd, ".", O_WRONLY | O_TMPFILE, 0600))
CALL(open_sub, openat(fd, "sub", O_RDONLY | O_DIRECTORY))
CALL(mkdirat, mkdirat(fd, fresh("dir"), 0700))
CALL(mkfifoat, mknodat(fd, fresh("fifo"), S_IFIFO | 0600, 0))
CALL(symlinkat, symlinkat("x", fd, fresh("link")))
CALL(readlinkat, readlinkat(fd, "sym", buf, sizeof(buf)))
CALL(linkat_to, linkat(other, "old", fd, fresh("hard"), 0))
CALL(unlinkat, unlinkat(fd, "old", 0))
CALL(rmdirat, unlinkat(fd, "sub", AT_REMOVEDIR))
CALL(rename_from, renameat(fd, "old", fd, fresh("moved")))
CALL(fstatat, fstatat(fd, "old", &st, 0))
CALL(faccessat, faccessat(fd, "old", R_OK, 0))
CALL(fchmodat, fchmodat(fd, "old", 0600, 0))
CALL(fchownat, fchownat(fd, "old", 0, 0, 0))
CALL(utimensat, utimensat(fd, "old", NULL, 0))
CALL(bind, bind(fd, (void *)&address, sizeof(address)))
CALL(listen, listen(fd, 3))
CALL(accept, accept(fd, NULL, NULL))
CALL(accept4, accept4(fd, NULL, NULL, SOCK_CLOEXEC))
CALL(connect, connect(fd, (void *)&address, sizeof(address)))
CALL(socket_connect, exo_socket_connect(fd, open(".", O_RDONLY), address.sun_path))
CALL(connect_below, exo_socket_connect(other, fd, "server"))
CALL(send, send(fd, buf, 1, 0))
CALL(sendmsg, sendmsg(fd, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, 0))
CALL(sendmmsg, sendmmsg(fd, &(struct mmsghdr){.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}}, 1, 0))
CALL(recv, recv(fd, buf, 1, 0))
CALL(recvmsg, recvmsg(fd, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, 0))
CALL(recvmmsg,
	recvmmsg(fd, &(struct mmsghdr){.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}}, 1, 0, NULL))
CALL(shutdown, shutdown(fd, SHUT_WR))
CALL(getsockname, (len = sizeof(address), getsockname(fd, (void *)buf, &len)))
CALL(getpeername, (len = sizeof(address), getpeername(fd, (void *)buf, &len)))
CALL(getsockopt, (len = sizeof(number), getsockopt(fd, SOL_SOCKET, SO_TYPE, &number, &len)))
CALL(setsockopt, (number = 1, setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &number, sizeof(number))))
CALL(signal, syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0))
CALL(wait_many, wait_now(fd))
CALL(event_signal, native(exo_event_signal(fd, 1)))
CALL(timer_set, native(exo_timer_set(fd, 1, 0, 0)))
CALL(timerfd_settime, timerfd_settime(fd, 0, &its, NULL))
CALL(timerfd_gettime, timerfd_gettime(fd, &its))
CALL(signal_none, syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0))
CALL(waitid, waitid(P_PIDFD, (id_t)fd, &si, WEXITED))

/* ---- what each needs ---- */

#define R  EXO_READ
#define W  EXO_WRITE
#define M  EXO_MAP
#define AD EXO_ADMIN
#define ST EXO_STAT
#define LO EXO_LOOKUP
#define CR EXO_CREATE
#define DE EXO_DELETE

static const struct op {
	const char *type, *name;
	int (*make)(void);
	long (*call)(int fd);
	uint32_t needs;
} ops[] = {
#define OP(type, call, needs)                                 \
	{                                                     \
#type, #call, make_##type, call_##call, needs \
	}
#define EVERY(type)                                                                                \
	OP(type, getfl, 0), OP(type, getfd, 0), OP(type, setfd, 0), OP(type, dup, 0),              \
		OP(type, dup2, 0), OP(type, dupfd, 0), OP(type, inspect, 0), OP(type, compare, 0), \
		OP(type, close, 0), OP(type, derive, EXO_DERIVE), OP(type, revoke, EXO_REVOKE),    \
		OP(type, revoke_children, EXO_REVOKE), OP(type, send_slot, EXO_TRANSFER),          \
		OP(type, spawn_gift, EXO_TRANSFER), OP(type, fstat, ST), OP(type, statx, ST),      \
		OP(type, fstatat_empty, ST), OP(type, setown, AD)
#define WAITS(type)                                                                          \
	OP(type, poll, EXO_WAIT), OP(type, select, EXO_WAIT), OP(type, epoll_add, EXO_WAIT), \
		OP(type, wait_many, EXO_WAIT)
	EVERY(file),
	OP(file, poll, EXO_WAIT),
	OP(file, select, EXO_WAIT),
	OP(file, read, R),
	OP(file, readv, R),
	OP(file, pread, R),
	OP(file, preadv, R),
	OP(file, write, W),
	OP(file, writev, W),
	OP(file, pwrite, W),
	OP(file, pwritev, W),
	OP(file, seek, EXO_SEEK),
	OP(file, map_read, M | R),
	OP(file, map_private, M | R),
	OP(file, map_write, M | R | W),
	OP(file, map_exec, M | R | EXO_EXEC),
	OP(file, fstatfs, ST),
	OP(file, ftruncate, W),
	OP(file, fallocate, W),
	OP(file, fsync, W),
	OP(file, fdatasync, W),
	OP(file, fchmod, AD),
	OP(file, fchown, AD),
	OP(file, futimens, AD),
	OP(file, fsetxattr, AD),
	OP(file, fremovexattr, AD),
	OP(file, fgetxattr, ST),
	OP(file, flistxattr, ST),
	OP(file, flock, R),
	OP(file, setlk_read, R),
	OP(file, setlk_write, R),
	OP(file, getlk, R),
	OP(file, setfl, AD),
	OP(file, fionbio, AD),
	OP(file, copy_in, R),
	OP(file, copy_out, W),
	OP(file, syncfs, W),
	OP(file, fadvise, R),
	OP(file, sendfile_in, R),
	OP(file, sendfile_out, W),
	OP(program, execveat, EXO_EXEC),
	OP(program, spawn, EXO_EXEC),
	EVERY(directory),
	OP(directory, getdents, R),
	OP(directory, seek, EXO_SEEK),
	OP(directory, fchmod, AD),
	OP(directory, fstatfs, ST),
	OP(directory, fchdir, R | W | EXO_EXEC | ST | AD | LO | CR | DE),
	OP(directory, open_read, LO | R),
	OP(directory, open_write, LO | W),
	OP(directory, open_both, LO | R | W),
	OP(directory, open_trunc, LO | R | W),
	OP(directory, open_path, LO),
	OP(directory, open_create, LO | W | CR),
	OP(directory, open_tmpfile, LO | W | CR),
	OP(directory, open_sub, LO | R),
	OP(directory, mkdirat, LO | CR),
	OP(directory, mkfifoat, LO | CR),
	OP(directory, symlinkat, LO | CR),
	OP(directory, readlinkat, LO),
	OP(directory, unlinkat, LO | DE),
	OP(directory, rmdirat, LO | DE),
	OP(directory, rename_from, LO | CR | DE),
	OP(directory, fstatat, LO | ST),
	OP(directory, faccessat, LO | ST),
	OP(directory, linkat_to, LO | CR),
	OP(directory, fchmodat, LO | AD),
	OP(directory, fchownat, LO | AD),
	OP(directory, utimensat, LO | AD),
	EVERY(device),
	OP(device, poll, EXO_WAIT),
	OP(device, select, EXO_WAIT),
	OP(device, read, R),
	OP(device, write, W),
	OP(device, seek, EXO_SEEK),
	OP(device, fionbio, AD),
	EVERY(pipe_out),
	WAITS(pipe_out),
	OP(pipe_out, read, R),
	OP(pipe_out, readv, R),
	OP(pipe_out, fionread, AD),
	OP(pipe_out, set_pipe_size, AD),
	OP(pipe_out, get_pipe_size, 0),
	EVERY(pipe_in),
	WAITS(pipe_in),
	OP(pipe_in, write, W),
	OP(pipe_in, writev, W),
	OP(pipe_in, setfl, AD),
	EVERY(pair),
	WAITS(pair),
	OP(pair, read, R),
	OP(pair, write, W),
	OP(pair, send, EXO_SEND),
	OP(pair, sendmsg, EXO_SEND),
	OP(pair, sendmmsg, EXO_SEND),
	OP(pair, recv, EXO_RECV),
	OP(pair, recvmsg, EXO_RECV),
	OP(pair, recvmmsg, EXO_RECV),
	OP(pair, getsockname, ST),
	OP(pair, getpeername, ST),
	OP(pair, getsockopt, ST),
	OP(pair, setsockopt, AD),
	OP(pair, shutdown, EXO_SEND),
	OP(socket, bind, EXO_BIND),
	OP(bound, listen, EXO_LISTEN),
	OP(listener, accept, EXO_LISTEN),
	OP(listener, accept4, EXO_LISTEN),
	OP(listener, poll, EXO_WAIT),
	OP(client, connect, EXO_CONNECT),
	OP(client, socket_connect, EXO_CONNECT),
	OP(lobby, connect_below, LO | EXO_CONNECT),
	EVERY(event),
	WAITS(event),
	OP(event, read_8, R),
	OP(event, write_8, W),
	EVERY(epoll),
	WAITS(epoll),
	OP(epoll, epoll_change, AD),
	OP(epoll, epoll_wait, EXO_WAIT),
	OP(event, event_signal, EXO_SIGNAL),
	EVERY(timer),
	WAITS(timer),
	OP(timer, read_8, R),
	OP(timer, timer_set, EXO_SIGNAL),
	OP(timer, timerfd_settime, EXO_SIGNAL),
	OP(timer, timerfd_gettime, ST),
	EVERY(thread),
	WAITS(thread),
	OP(thread, signal_none, EXO_SIGNAL),
	EVERY(interrupt),
	WAITS(interrupt),
	OP(process, signal, EXO_SIGNAL),
	OP(process, poll, EXO_WAIT),
	OP(process, epoll_add, EXO_WAIT),
	OP(process, derive, EXO_DERIVE),
	OP(process, send_slot, EXO_TRANSFER),
	OP(ended, waitid, EXO_WAIT),
	OP(path, fstat, ST),
	OP(path, open_read, LO | R),
	OP(path, open_write, LO | W),
	OP(path, fchdir, R | W | EXO_EXEC | ST | AD | LO | CR | DE),
	OP(path, derive, EXO_DERIVE),
	OP(path, send_slot, EXO_TRANSFER),
	OP(memfd, add_seals, AD),
	OP(memfd, get_seals, 0),
	OP(memfd, ftruncate, W),
	EVERY(memory),
	OP(memory, read, R),
	OP(memory, write, W),
	OP(memory, map_read, M | R),
	OP(memory, map_write, M | R | W),
	OP(memory, map_exec, M | R | EXO_EXEC),
};

/* The call with these rights alone. */
static long with(const struct op *op, uint32_t rights)
{
	int fd, held;
	long ret;

	round_nr++;
	child = 0;
	fd = op->make();
	held = (int)exo_cap_derive(fd, rights, 0, 0);
	if (!t_check(fd >= 0 && held >= 0))
		return -EIO;
	ret = op->call(held);
	if (child) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	syscall(SYS_close_range, 3, T_REPORT_FD - 1, 0);
	syscall(SYS_close_range, T_REPORT_FD + 1, ~0U, 0);
	return ret;
}

static void check(const struct op *op, uint32_t rights, bool allowed)
{
	long ret = with(op, rights);

	if (!t_check(allowed ? ret >= 0 : ret == -EACCES))
		dprintf(1, "  %s of a %s with rights 0x%x: %ld, wanted %s\n", op->name, op->type,
			rights, ret, allowed ? "success" : "-EACCES");
}

static void matrix(const char *type)
{
	unsigned rows = 0;

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		const struct op *op = &ops[i];

		if (strcmp(op->type, type))
			continue;
		rows++;
		check(op, op->needs, true);
		for (uint32_t right = 1; right < EXO_ALL; right <<= 1)
			check(op, EXO_ALL & ~right, !(op->needs & right));
	}
	t_check(rows);
}

#define MATRIX(type)                    \
	T_CASE_LIMIT(matrix_##type, 60) \
	{                               \
		matrix(#type);          \
	}
MATRIX(file)
MATRIX(program)
MATRIX(directory)
MATRIX(device)
MATRIX(pipe_out)
MATRIX(pipe_in)
MATRIX(pair)
MATRIX(socket)
MATRIX(bound)
MATRIX(listener)
MATRIX(client)
MATRIX(lobby)
MATRIX(event)
MATRIX(epoll)
MATRIX(process)
MATRIX(ended)
MATRIX(timer)
MATRIX(thread)
MATRIX(interrupt)
MATRIX(path)
MATRIX(memfd)
MATRIX(memory)
