/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* event.c - timerfd, signalfd, eventfd and pidfd: what can be waited for with a descriptor. */
#include "t_.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

T_SUITE(event);

enum { MS = 1000000 };

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1 && p.revents == POLLIN;
}

static struct itimerspec every(long first_ms, long interval_ms)
{
	return (struct itimerspec){{interval_ms / 1000, interval_ms % 1000 * MS},
		{first_ms / 1000, first_ms % 1000 * MS}};
}

T_CASE(timerfd_once)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec t = every(30, 0), left;
	long long start = t_now_ns();
	uint64_t n = 0;

	t_ok(fd);
	t_errno(read(fd, &n, 8), EAGAIN);
	t_ret(timerfd_settime(fd, 0, &t, NULL), 0);
	t_ret(timerfd_gettime(fd, &left), 0);
	t_check(left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0 &&
		left.it_value.tv_nsec <= 30 * MS);
	t_eq(left.it_interval.tv_nsec, 0);
	t_check(!readable(fd, 0));
	t_check(readable(fd, 5000));
	t_check(t_now_ns() - start >= 30 * MS);
	t_errno(read(fd, &n, 7), EINVAL);
	t_ret(read(fd, &n, 8), 8);
	t_eq(n, 1);
	t_check(!readable(fd, 50));
	t_ret(timerfd_gettime(fd, &left), 0);
	t_eq(left.it_value.tv_sec, 0);
	t_eq(left.it_value.tv_nsec, 0);
	t_errno(write(fd, &n, 8), EINVAL);
}

T_CASE(timerfd_periodic)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	struct itimerspec t = every(10, 20), old;
	uint64_t n = 0;

	t_ret(timerfd_settime(fd, 0, &t, NULL), 0);
	t_ret(read(fd, &n, 8), 8); /* sleeps */
	t_check(n >= 1);
	t_sleep_ms(100);
	t_ret(read(fd, &n, 8), 8);
	t_check(n >= 4);
	t = every(0, 20); /* value 0 stops it whatever the interval */
	t_ret(timerfd_settime(fd, 0, &t, &old), 0);
	t_eq(old.it_interval.tv_nsec, 20 * MS);
	t_check(old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 20 * MS);
	t_check(!readable(fd, 50));
	t_ret(timerfd_gettime(fd, &old), 0);
	t_eq(old.it_value.tv_nsec, 0);
	t_eq(old.it_interval.tv_nsec, 20 * MS);
}

T_CASE(timerfd_absolute)
{
	static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};

	for (unsigned i = 0; i < 3; i++) {
		int fd = timerfd_create(clocks[i], TFD_CLOEXEC);
		struct itimerspec t = {{0, 0}, {0, 0}};
		uint64_t n = 0;

		t_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
		clock_gettime(clocks[i], &t.it_value);
		t.it_value.tv_nsec += 20 * MS;
		if (t.it_value.tv_nsec >= 1000 * MS) {
			t.it_value.tv_sec++;
			t.it_value.tv_nsec -= 1000 * MS;
		}
		t_ret(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL), 0);
		t_ret(read(fd, &n, 8), 8);
		t_eq(n, 1);
		close(fd);
	}
}

T_CASE(timerfd_errors)
{
	struct itimerspec t = every(10, 0), bad = {{0, 0}, {0, 1000 * MS}},
			  negative = {{0, 0}, {-1, 0}};
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), fds[2];

	t_pipe(fds);
	t_errno(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	t_errno(timerfd_create(99, 0), EINVAL);
	t_errno(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	t_errno(timerfd_settime(fd, 4, &t, NULL), EINVAL);
	t_errno(timerfd_settime(fd, 0, &bad, NULL), EINVAL);
	t_errno(timerfd_settime(fd, 0, &negative, NULL), EINVAL);
	t_errno(timerfd_settime(fd, 0, (void *)8, NULL), EFAULT);
	t_errno(timerfd_settime(-1, 0, &t, NULL), EBADF);
	t_errno(timerfd_settime(fds[0], 0, &t, NULL), EINVAL);
	t_errno(timerfd_gettime(fd, (void *)8), EFAULT);
	t_errno(timerfd_gettime(999, &t), EBADF);
	t_errno(timerfd_gettime(fds[0], &t), EINVAL);
}

T_CASE(timerfd_in_epoll)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), ep = epoll_create1(0);
	struct epoll_event ev = {EPOLLIN | EPOLLET, {.u64 = 5}}, got;
	struct itimerspec t = every(20, 0);
	uint64_t n;

	t_ret(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
	t_ret(epoll_wait(ep, &got, 1, 0), 0);
	t_ret(timerfd_settime(fd, 0, &t, NULL), 0);
	t_ret(epoll_wait(ep, &got, 1, 5000), 1);
	t_eq(got.data.u64, 5);
	t_ret(epoll_wait(ep, &got, 1, 0), 0); /* edge */
	t_ret(read(fd, &n, 8), 8);
	t_ret(timerfd_settime(fd, 0, &t, NULL), 0);
	t_ret(epoll_wait(ep, &got, 1, 5000), 1);
	t_ret(timerfd_settime(fd, 0, &t, NULL), 0); /* what was not read is forgotten */
	t_errno(read(fd, &n, 8), EAGAIN);
}

static int signalfd_of(sigset_t *set, int a, int b, int flags)
{
	sigemptyset(set);
	sigaddset(set, a);
	sigaddset(set, b);
	sigprocmask(SIG_BLOCK, set, NULL);
	return signalfd(-1, set, flags);
}

T_CASE(signalfd_reads)
{
	struct signalfd_siginfo info[3];
	union sigval v = {.sival_int = 1234};
	sigset_t set;
	int fd = signalfd_of(&set, SIGUSR1, SIGRTMIN, SFD_NONBLOCK | SFD_CLOEXEC);

	t_ok(fd);
	t_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	t_errno(read(fd, info, sizeof(info)), EAGAIN);
	t_check(!readable(fd, 0));
	t_ret(kill(getpid(), SIGUSR1), 0);
	t_check(readable(fd, 0));
	t_ret(sigqueue(getpid(), SIGRTMIN, v), 0);
	t_errno(read(fd, info, sizeof(info[0]) - 1), EINVAL);
	memset(info, 0xff, sizeof(info));
	t_ret(read(fd, info, sizeof(info) - 1), 2 * sizeof(info[0]));
	t_eq(info[0].ssi_signo, SIGUSR1);
	t_eq(info[0].ssi_code, SI_USER);
	t_eq(info[0].ssi_pid, getpid());
	t_eq(info[0].ssi_uid, getuid());
	t_eq(info[0].ssi_ptr, 0);
	t_eq(info[1].ssi_signo, SIGRTMIN);
	t_eq(info[1].ssi_code, SI_QUEUE);
	t_eq(info[1].ssi_int, 1234);
	t_eq(info[1].ssi_pid, getpid());
	t_errno(read(fd, info, sizeof(info)), EAGAIN);
	t_errno(write(fd, info, sizeof(info)), EINVAL);
}

T_CASE(signalfd_sleeps_and_polls)
{
	struct signalfd_siginfo info;
	struct epoll_event ev = {EPOLLIN, {.u64 = 9}}, got;
	pid_t pid, parent = getpid();
	sigset_t set;
	int fd = signalfd_of(&set, SIGUSR2, SIGCHLD, 0), ep = epoll_create1(0);

	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		kill(parent, SIGUSR2);
	}
	t_ret(read(fd, &info, sizeof(info)), sizeof(info));
	t_eq(info.ssi_signo, SIGUSR2);
	t_eq(info.ssi_pid, pid);
	t_ret(read(fd, &info, sizeof(info)), sizeof(info));
	t_eq(info.ssi_signo, SIGCHLD);
	t_eq(info.ssi_code, CLD_EXITED);
	t_eq(info.ssi_pid, pid);
	t_eq(info.ssi_status, 0);
	t_exit(pid, 0);
	t_ret(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
	t_ret(epoll_wait(ep, &got, 1, 0), 0);
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		_exit(3);
	}
	t_ret(epoll_wait(ep, &got, 1, 5000), 1);
	t_ret(read(fd, &info, sizeof(info)), sizeof(info));
	t_eq(info.ssi_status, 3);
	t_exit(pid, 3);
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		kill(parent, SIGUSR2);
	}
	t_check(readable(fd, 5000));
	t_exit(pid, 0);
}

T_CASE(signalfd_changes_set)
{
	struct signalfd_siginfo info;
	sigset_t set, other;
	int fd = signalfd_of(&set, SIGUSR1, SIGUSR2, SFD_NONBLOCK), fds[2];

	t_pipe(fds);
	sigemptyset(&other);
	sigaddset(&other, SIGUSR2);
	t_ret(signalfd(fd, &other, 0), fd);
	kill(getpid(), SIGUSR1);
	t_errno(read(fd, &info, sizeof(info)), EAGAIN);
	t_ret(signalfd(fd, &set, 0), fd);
	t_ret(read(fd, &info, sizeof(info)), sizeof(info));
	t_eq(info.ssi_signo, SIGUSR1);
	t_errno(signalfd(fds[0], &set, 0), EINVAL);
	t_errno(signalfd(888, &set, 0), EBADF);
	t_errno(signalfd(-1, &set, 1), EINVAL);
	t_errno(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
	t_errno(syscall(SYS_signalfd4, -1, (void *)8, 8, 0), EFAULT);
	t_errno(syscall(SYS_signalfd, -1, (void *)8, 8), EFAULT);
	t_ok(fd = (int)syscall(SYS_signalfd, -1, &set, 8));
	kill(getpid(), SIGUSR2);
	t_ret(read(fd, &info, sizeof(info)), sizeof(info));
}

static void nothing(int sig)
{
}

T_CASE(signalfd_interrupted)
{
	struct signalfd_siginfo info;
	pid_t pid, parent = getpid();
	sigset_t set;
	int fd = signalfd_of(&set, SIGUSR1, SIGUSR1, 0);

	t_handler(SIGUSR2, nothing, 0);
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		kill(parent, SIGUSR2);
	}
	t_errno(read(fd, &info, sizeof(info)), EINTR);
	t_exit(pid, 0);
	t_handler(SIGUSR2, nothing, SA_RESTART);
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		kill(parent, SIGUSR2);
		t_sleep_ms(50);
		kill(parent, SIGUSR1);
	}
	t_ret(read(fd, &info, sizeof(info)), sizeof(info));
	t_eq(info.ssi_signo, SIGUSR1);
	t_exit(pid, 0);
}

T_CASE(eventfd_old_call)
{
	int fd = (int)syscall(SYS_eventfd, 3);
	uint64_t n = 0;

	t_ok(fd);
	t_ret(read(fd, &n, 8), 8);
	t_eq(n, 3);
	t_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	t_errno(eventfd(0, 2), EINVAL);
}

T_CASE(pidfd_getfd_takes)
{
	int up[2], down[2], pidfd, fd;
	char text[8] = "";
	pid_t pid;

	t_pipe(up);
	t_pipe(down);
	T_CHILD(pid)
	{
		int file = open("theirs", O_RDWR | O_CREAT, 0600);

		t_ret(write(file, "theirs", 6), 6);
		t_ret(dup2(file, 40), 40);
		t_put(up[1]);
		t_get(down[0]);
		t_ret(lseek(file, 0, SEEK_CUR), 2); /* one open file for both */
	}
	t_get(up[0]);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	t_ok(pidfd);
	t_ok(fd = (int)syscall(SYS_pidfd_getfd, pidfd, 40, 0));
	t_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	t_ret(pread(fd, text, 6, 0), 6);
	t_str(text, "theirs");
	t_ret(lseek(fd, 2, SEEK_SET), 2);
	t_errno(syscall(SYS_pidfd_getfd, pidfd, 41, 0), EBADF);
	t_errno(syscall(SYS_pidfd_getfd, pidfd, 40, 1), EINVAL);
	t_errno(syscall(SYS_pidfd_getfd, fd, 40, 0), EBADF);
	t_put(down[1]);
	t_check(readable(pidfd, 5000));
	t_errno(syscall(SYS_pidfd_getfd, pidfd, 40, 0), ESRCH);
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
		t_errno(syscall(SYS_pidfd_getfd, pidfd, 0, 0), EPERM);
	}
	t_exit(pid, 0);
}

static long signal_by(int pidfd, int signo)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0);
}

/* /proc/PID, opened as a directory, is as good as a pidfd to send a signal; nothing else in /proc
 * is. */
T_CASE(pidfd_proc_directory)
{
	static const char *const others[] = {"task", "fd", "ns", "stat", "."};
	int in, dir, fd;
	char name[64];
	pid_t pid;

	t_ok(fd = open("/proc/self", O_RDONLY | O_DIRECTORY)); /* by way of a symbolic link */
	t_ret(signal_by(fd, 0), 0);
	t_errno(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0x80), EINVAL);
	t_errno(signal_by(fd, 65), EINVAL);
	close(fd);
	T_CHILD(pid)
	{
		pause();
	}
	snprintf(name, sizeof(name), "/proc/%d", pid);
	t_ok(dir = open(name, O_RDONLY | O_DIRECTORY));
	t_ret(signal_by(dir, 0), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		t_ok(fd = openat(i < 4 ? dir : AT_FDCWD, others[i], O_RDONLY));
		t_errno(signal_by(fd, SIGKILL), EBADF);
		close(fd);
	}
	snprintf(
		name, sizeof(name), "task/%d", pid); /* a thread's directory is not its process's */
	t_ok(fd = openat(dir, name, O_RDONLY | O_DIRECTORY));
	t_errno(signal_by(fd, SIGKILL), EBADF);
	close(fd);
	t_ok(fd = openat(dir, ".", O_PATH));
	t_errno(signal_by(fd, SIGKILL), EBADF);
	close(fd);
	t_errno(waitid(P_PIDFD, (id_t)dir, NULL, WEXITED | WNOHANG), EBADF);
	t_errno(syscall(SYS_pidfd_getfd, dir, 0, 0), EBADF);
	T_CHILD(in)
	{
		t_become(1000, 1000);
		t_errno(signal_by(dir, SIGKILL), EPERM);
	}
	t_exit(in, 0);
	t_ret(signal_by(dir, SIGTERM), 0);
	t_wait_state(pid, 'Z');
	t_ret(signal_by(dir, SIGTERM), 0); /* nobody has waited for it */
	t_killed(pid, SIGTERM);
	t_errno(signal_by(dir, 0), ESRCH);
}
