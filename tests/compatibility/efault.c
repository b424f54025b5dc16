/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * efault.c - wild pointers to every call that takes one: EFAULT, and nothing else happens.
 *
 * The table names each pointer of each call as an argument that is read (IN) or written (OUT); all
 * other arguments are good, so that the pointer is what fails. Every wild pointer is tried in every
 * such place. A second pass with a fixed seed makes all pointers of a call wild at once; there only
 * survival counts.
 */
#include "t_.h"

#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/mempolicy.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <termios.h>

T_SUITE(efault);

/* Stand-ins in the table, replaced at run time. */
enum {
	IN = 0x7e570001, /* the pointer under test: the kernel reads from it */
	OUT,             /* the kernel writes to it */
	GOOD,            /* a zeroed page */
	OTHER,           /* another one */
	PATH,            /* a file that exists */
	NEW,             /* a path that does not */
	SELF,            /* this program */
	NAME,            /* "trusted.t" */
	F_FILE,          /* descriptors: a file with bytes, a directory, a pipe with bytes... */
	F_OTHER,
	F_DIR,
	F_PIPE,
	F_PIPE_IN,
	F_PAIR,  /* a connected socket with bytes to read */
	F_SOCK,  /* an unconnected one */
	F_EPOLL, /* one event ready */
	F_PTY,
	TIMER,
	CWD = AT_FDCWD,
};

struct call {
	const char *name;
	long number;
	long args[6];
};

#define CALL(n, ...)                \
	{                           \
#n, SYS_##n,        \
		{                   \
			__VA_ARGS__ \
		}                   \
	}

static const struct call calls[] = {
	/* T0a */
	CALL(execve, IN, GOOD, GOOD),
	CALL(execve, SELF, IN, GOOD),
	CALL(execve, SELF, GOOD, IN),
	CALL(openat, CWD, IN, O_RDONLY),
	CALL(read, F_FILE, OUT, 16),
	CALL(read, F_PIPE, OUT, 4),
	CALL(write, F_FILE, IN, 16),
	CALL(write, F_PIPE_IN, IN, 16),
	CALL(newfstatat, CWD, IN, GOOD, 0),
	CALL(newfstatat, CWD, PATH, OUT, 0),
	CALL(pread64, F_FILE, OUT, 16, 0),
	CALL(arch_prctl, 0x1003, OUT),
	CALL(prlimit64, 0, RLIMIT_CPU, IN, 0),
	CALL(prlimit64, 0, RLIMIT_CPU, 0, OUT),
	CALL(getrandom, OUT, 16, 0),
	CALL(futex, IN, FUTEX_WAIT, 0, 0, 0, 0),
	CALL(futex, GOOD, FUTEX_WAIT, 0, IN, 0, 0),
	CALL(futex, IN, FUTEX_CMP_REQUEUE, 1, 1, GOOD, 0),
	CALL(rt_sigaction, SIGUSR1, IN, 0, 8),
	CALL(rt_sigaction, SIGUSR1, 0, OUT, 8),
	CALL(rt_sigprocmask, SIG_BLOCK, IN, 0, 8),
	CALL(rt_sigprocmask, SIG_BLOCK, 0, OUT, 8),
	CALL(fcntl, F_FILE, F_GETLK, IN),
	CALL(fcntl, F_FILE, F_SETLK, IN),
	CALL(access, IN, F_OK),
	CALL(uname, OUT),
	/* T0b */
	CALL(ioctl, F_PIPE, FIONREAD, OUT),
	CALL(ioctl, F_PTY, TCGETS, OUT),
	CALL(ioctl, F_PTY, TCSETS, IN),
	CALL(ioctl, F_PTY, TIOCGWINSZ, OUT),
	CALL(ioctl, F_PTY, TIOCSWINSZ, IN),
	CALL(ioctl, F_PTY, TIOCGPTN, OUT),
	CALL(pipe2, OUT, 0),
	CALL(getdents64, F_DIR, OUT, 4096),
	CALL(getcwd, OUT, 4096),
	CALL(chdir, IN),
	CALL(statx, CWD, IN, 0, STATX_SIZE, GOOD),
	CALL(statx, CWD, PATH, 0, STATX_SIZE, OUT),
	CALL(readlink, IN, GOOD, 100),
	CALL(readlinkat, CWD, IN, GOOD, 100),
	CALL(unlinkat, CWD, IN, 0),
	CALL(mkdir, IN, 0700),
	CALL(mkdirat, CWD, IN, 0700),
	CALL(rename, IN, NEW),
	CALL(rename, PATH, IN),
	CALL(renameat2, CWD, IN, CWD, NEW, 0),
	CALL(renameat2, CWD, PATH, CWD, IN, 0),
	CALL(linkat, CWD, IN, CWD, NEW, 0),
	CALL(linkat, CWD, PATH, CWD, IN, 0),
	CALL(symlinkat, IN, CWD, NEW),
	CALL(symlinkat, PATH, CWD, IN),
	CALL(mknodat, CWD, IN, S_IFREG, 0),
	CALL(creat, IN, 0600),
	CALL(fchmodat, CWD, IN, 0600),
	CALL(fchownat, CWD, IN, 0, 0, 0),
	CALL(utimensat, CWD, IN, 0, 0),
	CALL(utimensat, CWD, PATH, IN, 0),
	CALL(statfs, IN, GOOD),
	CALL(statfs, PATH, OUT),
	CALL(fstatfs, F_FILE, OUT),
	CALL(copy_file_range, F_FILE, IN, F_OTHER, 0, 4, 0),
	CALL(copy_file_range, F_FILE, 0, F_OTHER, IN, 4, 0),
	CALL(rt_sigsuspend, IN, 8),
	CALL(sigaltstack, IN, 0),
	CALL(sigaltstack, 0, OUT),
	CALL(sysinfo, OUT),
	CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, IN, 0),
	CALL(timer_create, CLOCK_MONOTONIC, IN, GOOD),
	CALL(timer_create, CLOCK_MONOTONIC, 0, OUT),
	CALL(timer_settime, TIMER, 0, IN, 0),
	CALL(poll, IN, 1, 0),
	CALL(prctl, PR_GET_NAME, OUT),
	CALL(prctl, PR_SET_NAME, IN),
	CALL(prctl, PR_GET_PDEATHSIG, OUT),
	CALL(connect, F_SOCK, IN, 20),
	CALL(getpeername, F_PAIR, OUT, GOOD),
	CALL(getpeername, F_PAIR, OTHER, IN),
	CALL(getxattr, IN, NAME, GOOD, 8),
	CALL(getxattr, PATH, IN, GOOD, 8),
	CALL(getxattr, PATH, NAME, OUT, 8),
	CALL(lgetxattr, PATH, NAME, OUT, 8),
	CALL(fgetxattr, F_FILE, IN, GOOD, 8),
	CALL(fgetxattr, F_FILE, NAME, OUT, 8),
	CALL(fsetxattr, F_FILE, IN, GOOD, 4, 0),
	CALL(fsetxattr, F_FILE, NAME, IN, 4, 0),
	CALL(sched_getaffinity, 0, 128, OUT),
	CALL(get_mempolicy, OUT, 0, 0, 0, 0),
	CALL(set_mempolicy, MPOL_PREFERRED, IN, 64),
	/* T1 */
	CALL(clone3, IN, 88),
	CALL(faccessat2, CWD, IN, F_OK, 0),
	CALL(shmctl, 0, IPC_INFO, OUT),
	CALL(semctl, 0, 0, IPC_INFO, OUT),
	CALL(msgctl, 0, IPC_INFO, OUT),
	CALL(shmctl, 0, IPC_SET, IN),
	CALL(mq_open, IN, O_RDONLY, 0, 0),
	CALL(mq_unlink, IN),
	CALL(futex_waitv, IN, 1, 0, 0, 0),
	CALL(pwrite64, F_FILE, IN, 16, 0),
	CALL(link, IN, NEW),
	CALL(link, PATH, IN),
	CALL(unlink, IN),
	CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, OUT),
	CALL(bind, F_SOCK, IN, 20),
	CALL(getsockname, F_PAIR, OUT, GOOD),
	CALL(getsockname, F_PAIR, OTHER, IN),
	CALL(getsockopt, F_PAIR, SOL_SOCKET, SO_TYPE, OUT, GOOD),
	CALL(getsockopt, F_PAIR, SOL_SOCKET, SO_TYPE, OTHER, IN),
	CALL(setsockopt, F_PAIR, SOL_SOCKET, SO_SNDBUF, IN, 4),
	CALL(recvfrom, F_PAIR, OUT, 4, 0, 0, 0),
	CALL(epoll_ctl, F_EPOLL, EPOLL_CTL_MOD, F_PIPE, IN),
	CALL(epoll_wait, F_EPOLL, OUT, 1, 0),
	/* what the kernel owes beside the tiers */
	CALL(select, 10, IN, 0, 0, GOOD),
	CALL(select, 0, 0, 0, 0, IN),
	CALL(ppoll, GOOD, 0, IN, 0, 8),
	CALL(ppoll, GOOD, 0, GOOD, IN, 8),
	CALL(epoll_pwait, F_EPOLL, OTHER, 1, 0, IN, 8),
	CALL(gettimeofday, OUT, 0),
	CALL(clock_gettime, CLOCK_MONOTONIC, OUT),
	CALL(clock_getres, CLOCK_MONOTONIC, OUT),
	CALL(nanosleep, IN, 0),
	CALL(times, OUT),
	CALL(getrusage, RUSAGE_SELF, OUT),
	CALL(getcpu, OUT, 0, 0),
	CALL(timer_gettime, TIMER, OUT),
	CALL(setitimer, ITIMER_REAL, IN, 0),
	CALL(getitimer, ITIMER_REAL, OUT),
	CALL(capget, IN, GOOD),
	CALL(sched_getparam, 0, OUT),
	CALL(sched_setparam, 0, IN),
	CALL(sched_setscheduler, 0, SCHED_OTHER, IN),
	CALL(sched_setaffinity, 0, 8, IN),
	CALL(sched_rr_get_interval, 0, OUT),
	CALL(getresuid, OUT, GOOD, GOOD),
	CALL(getresuid, GOOD, OUT, GOOD),
	CALL(getresgid, GOOD, GOOD, OUT),
	CALL(rt_sigpending, OUT, 8),
	CALL(rt_sigtimedwait, IN, 0, GOOD, 8),
	CALL(rt_sigtimedwait, GOOD, 0, IN, 8),
	CALL(rt_sigqueueinfo, 0x7fffffff, SIGUSR1, IN),
	CALL(readv, F_FILE, IN, 1),
	CALL(writev, F_FILE, IN, 1),
	CALL(sendmsg, F_PAIR, IN, 0),
	CALL(recvmsg, F_PAIR, IN, 0),
	CALL(sendto, F_PAIR, IN, 4, MSG_DONTWAIT, 0, 0),
	CALL(truncate, IN, 0),
	CALL(chmod, IN, 0600),
	CALL(chown, IN, 0, 0),
	CALL(lchown, IN, 0, 0),
	CALL(rmdir, IN),
	CALL(symlink, PATH, IN),
	CALL(symlink, IN, NEW),
	CALL(stat, IN, GOOD),
	CALL(stat, PATH, OUT),
	CALL(lstat, PATH, OUT),
	CALL(fstat, F_FILE, OUT),
	CALL(setxattr, PATH, NAME, IN, 4, 0),
	CALL(listxattr, IN, GOOD, 100),
	CALL(listxattr, PATH, OUT, 100),
	CALL(removexattr, PATH, IN),
	CALL(mincore, GOOD, 4096, OUT),
	CALL(chroot, IN),
};

enum { CALLS = sizeof(calls) / sizeof(*calls), WILD = 7 };

static char *good, *other, *none, *read_only;
static int file, second, dir, fds[2], pair[2], lone, epoll, pty, timer;
static void *wild[WILD];

static void *page(int prot)
{
	void *at = mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		t_stop("mmap failed");
	return at;
}

static void prepare(void)
{
	struct epoll_event event = {.events = EPOLLIN};

	good = page(PROT_READ | PROT_WRITE);
	other = page(PROT_READ | PROT_WRITE);
	none = page(PROT_NONE);
	read_only = page(PROT_READ);
	wild[0] = (void *)8;
	wild[1] = none;
	wild[2] = (void *)0x00007ffffffff000;
	wild[3] = (void *)0x8000000000000000;
	wild[4] = (void *)0xffff800000000000;
	wild[5] = (void *)0xffffffff81000000;
	wild[6] = (void *)0xfffffffffffffff8;
	t_spew("file", "some bytes to read, more than sixteen");
	t_spew("other", "");
	file = open("file", O_RDWR);
	second = open("other", O_RDWR);
	dir = open(".", O_RDONLY | O_DIRECTORY);
	lone = socket(AF_UNIX, SOCK_STREAM, 0);
	epoll = epoll_create1(0);
	pty = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	t_pipe(fds);
	if (file < 0 || second < 0 || dir < 0 || lone < 0 || epoll < 0 || pty < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || write(fds[1], "bytes", 5) != 5 ||
		write(pair[1], "bytes", 5) != 5 ||
		epoll_ctl(epoll, EPOLL_CTL_ADD, fds[0], &event) < 0 ||
		fsetxattr(file, "trusted.t", "value", 5, 0) < 0 ||
		syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &timer) < 0)
		t_stop("cannot prepare");
}

/* What stands for an argument in a call; the tested pointers come from outside. */
static long real(long arg, const void *pointer)
{
	switch (arg) {
	case IN:
	case OUT:
		return (long)pointer;
	case GOOD:
		return (long)good;
	case OTHER:
		return (long)other;
	case PATH:
		return (long)"file";
	case NEW:
		return (long)"new";
	case SELF:
		return (long)t_self;
	case NAME:
		return (long)"trusted.t";
	case F_FILE:
		return file;
	case F_OTHER:
		return second;
	case F_DIR:
		return dir;
	case F_PIPE:
		return fds[0];
	case F_PIPE_IN:
		return fds[1];
	case F_PAIR:
		return pair[0];
	case F_SOCK:
		return lone;
	case F_EPOLL:
		return epoll;
	case F_PTY:
		return pty;
	case TIMER:
		return timer;
	default:
		return arg;
	}
}

static long make_call(const struct call *c, const void *pointer)
{
	long a[6];

	for (int i = 0; i < 6; i++)
		a[i] = real(c->args[i], pointer);
	memset(good, 0, 4096);
	*(int *)good = 128; /* a length, where one is pointed to */
	memset(other, 0, 4096);
	if (c->number == SYS_execve || c->number == SYS_futex || c->number == SYS_ppoll ||
		c->number == SYS_rt_sigtimedwait || c->number == SYS_select)
		*(int *)good = 0;
	lseek(file, 0, SEEK_SET);
	lseek(dir, 0, SEEK_SET);
	errno = 0;
	return syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static bool has(const struct call *c, long kind)
{
	for (int i = 0; i < 6; i++) {
		if (c->args[i] == kind)
			return true;
	}
	return false;
}

static void check_call(const struct call *c, const void *pointer)
{
	char what[80];
	int place = 0;

	while (place < 5 && c->args[place] != IN && c->args[place] != OUT)
		place++;
	snprintf(what, sizeof(what), "%s argument %d = %p", c->name, place, pointer);
	long got = make_call(c, pointer);
	t_errno_at(__FILE__, __LINE__, what, got, EFAULT);
}

T_CASE_LIMIT(every_pointer, 60)
{
	prepare();
	for (int i = 0; i < CALLS; i++) {
		for (int w = 0; w < WILD; w++)
			check_call(&calls[i], wild[w]);
	}
}

T_CASE_LIMIT(read_only_results, 60)
{
	prepare();
	for (int i = 0; i < CALLS; i++) {
		if (has(&calls[i], OUT))
			check_call(&calls[i], read_only);
	}
	int sum = 0;
	for (int i = 0; i < 4096; i++)
		sum |= read_only[i];
	t_eq(sum, 0);
}

T_CASE(nothing_happened)
{
	char buf[64] = "", name[16] = "";
	struct stat st;

	prepare();
	prctl(PR_SET_NAME, "before");
	for (int i = 0; i < CALLS; i++) {
		for (int w = 0; w < WILD; w++)
			make_call(&calls[i], wild[w]);
	}
	/* no byte was lost, no name made, no file changed, no descriptor kept */
	t_ret(read(fds[0], buf, sizeof(buf)), 5);
	t_mem(buf, "bytes", 5);
	t_ret(read(pair[0], buf, sizeof(buf)), 5);
	t_errno(access("new", F_OK), ENOENT);
	t_ret(stat("file", &st), 0);
	t_eq(st.st_size, 37);
	t_eq(st.st_nlink, 1);
	t_ret(stat("other", &st), 0);
	t_eq(st.st_size, 0);
	t_ret(prctl(PR_GET_NAME, name), 0);
	t_str(name, "before");
	int next = open(".", O_RDONLY);
	close(next);
	t_eq(next, pair[1] > fds[1] ? pair[1] + 1 : fds[1] + 1);
	sigset_t mask;
	t_ret(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
	t_eq(sigismember(&mask, SIGUSR1), 0);
}

static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

T_CASE_LIMIT(all_pointers_at_once, 60)
{
	enum { ROUNDS = 4000 };
	int made = 0;
	pid_t pid;

	prepare();
	T_CHILD(pid)
	{
		for (int i = 0; i < ROUNDS; i++) {
			struct call c = calls[next_random() % CALLS];
			for (int k = 0; k < 6; k++) {
				if (c.args[k] == GOOD || c.args[k] == OTHER || c.args[k] == PATH ||
					c.args[k] == NEW || c.args[k] == NAME || c.args[k] == SELF)
					c.args[k] = (long)wild[next_random() % WILD] +
						    (long)(next_random() % 3) * 8;
			}
			make_call(&c, (char *)wild[next_random() % WILD] + next_random() % 64);
			made++;
		}
		t_eq(made, ROUNDS);
	}
	t_exit(pid, 0);
	t_ret(access("file", F_OK), 0);
}

T_CASE(results_that_end_a_wait)
{
	pid_t pid = t_fork();

	if (pid == 0)
		_exit(0);
	t_check(t_wait_state(pid, 'Z'));
	t_errno(syscall(SYS_wait4, pid, (void *)8, 0, NULL), EFAULT);
	t_errno(waitpid(pid, NULL, 0), ECHILD); /* the child is gone all the same */
	pid = t_fork();
	if (pid == 0)
		_exit(0);
	t_errno(syscall(SYS_waitid, P_PID, pid, (void *)8, WEXITED, NULL), EFAULT);
}

T_CASE(strings_that_cross_into_nothing)
{
	char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	t_ret(munmap(edge + 4096, 4096), 0);
	t_spew("f", "x");
	memcpy(edge + 4094, "f", 2); /* ends with the page: good */
	t_ret(access(edge + 4094, F_OK), 0);
	edge[4095] = 'f'; /* no end before the page's */
	t_errno(access(edge + 4095, F_OK), EFAULT);
	int f = open("f", O_RDWR);
	memset(edge + 4092, 'y', 4);
	t_ret(pwrite(f, edge + 4092, 8, 0), 4);
	int p[2];
	t_pipe(p);
	ssize_t n = write(p[1], edge + 4092, 8);
	t_check(n == 4 || (n == -1 && errno == EFAULT));
	struct timespec *split = (struct timespec *)(edge + 4088);
	t_errno(syscall(SYS_nanosleep, split, NULL), EFAULT);
	t_errno(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, split), EFAULT);
}
