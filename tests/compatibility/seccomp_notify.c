/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* seccomp_notify.c - filters that ask another process: the listener, its requests, who waits. */
#include "t_.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

T_SUITE(seccomp_notify);

#define VICTIM SYS_getpriority
#define N(a)   (sizeof(a) / sizeof((a)[0]))

static long listen_to(long nr, unsigned flags)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {.len = N(f), .filter = f};

	return syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_NEW_LISTENER, &p);
}

static long victim(void)
{
	return syscall(VICTIM, 1, 2, 3, 4, 5, 6);
}

static void send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 'f';
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	t_ret(sendmsg(sock, &m, 0), 1);
}

static int receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(sock, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* A child that runs @run under a filter which asks about @nr; we listen. */
static pid_t child_asks(long nr, unsigned flags, void (*run)(void), int *listener)
{
	int pair[2];
	pid_t pid;

	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	T_CHILD(pid)
	{
		long fd;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		fd = listen_to(nr, flags);
		t_ok(fd);
		send_fd(pair[1], (int)fd);
		close((int)fd);
		t_get(pair[1]);
		run();
	}
	*listener = receive_fd(pair[0]);
	t_ok(*listener);
	t_put(pair[0]);
	close(pair[0]);
	close(pair[1]);
	return pid;
}

static int receive(int fd, struct seccomp_notif *n)
{
	memset(n, 0, sizeof(*n));
	return ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, n);
}

static int reply(int fd, __u64 id, __s64 val, int error, unsigned flags)
{
	struct seccomp_notif_resp r = {.id = id, .val = val, .error = error, .flags = flags};

	return ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

static short events(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static short events_wait(int fd, short want)
{
	struct pollfd p = {.fd = fd, .events = want};

	return poll(&p, 1, 5000) < 0 ? -1 : p.revents;
}

static void once(void)
{
	errno = 0;
	long got = victim();

	_exit(got == -1 ? errno : (int)got);
}

T_CASE(sizes)
{
	struct seccomp_notif_sizes s;

	t_ret(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &s), 0);
	t_eq(s.seccomp_notif, 80);
	t_eq(s.seccomp_notif_resp, 24);
	t_eq(s.seccomp_data, 64);
	t_errno(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 1, &s), EINVAL);
	t_errno(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, NULL), EFAULT);
}

T_CASE(what_it_asks)
{
	struct seccomp_notif n;
	int fd;
	pid_t pid = child_asks(VICTIM, 0, once, &fd);

	t_ret(receive(fd, &n), 0);
	t_eq(n.pid, pid);
	t_eq(n.flags, 0);
	t_eq(n.data.nr, VICTIM);
	t_eq(n.data.arch, AUDIT_ARCH_X86_64);
	for (int i = 0; i < 6; i++)
		t_eq(n.data.args[i], i + 1);
	t_check(n.data.instruction_pointer != 0);
	t_ret(reply(fd, n.id, 77, 0, 0), 0);
	t_exit(pid, 77);
}

T_CASE(answers)
{
	static const struct {
		long val;
		int error;
		unsigned flags;
		int want;
	} rows[] = {{5, 0, 0, 5}, {0, 0, 0, 0}, {0, -EPERM, 0, EPERM}, {3, -EBADF, 0, EBADF},
		{-ENOENT, 0, 0, ENOENT}, {0, -33, 0, 33}};
	struct seccomp_notif n;
	pid_t pid;
	int fd;

	for (size_t i = 0; i < N(rows); i++) {
		pid = child_asks(VICTIM, 0, once, &fd);
		t_ret(receive(fd, &n), 0);
		t_ret(reply(fd, n.id, rows[i].val, rows[i].error, rows[i].flags), 0);
		t_exit(pid, rows[i].want);
		close(fd);
	}
}

static void parent_once(void)
{
	_exit(syscall(SYS_getppid) > 1 ? 9 : 1);
}

T_CASE(goes_on)
{
	struct seccomp_notif n;
	int fd;
	pid_t pid = child_asks(SYS_getppid, 0, parent_once, &fd);

	t_ret(receive(fd, &n), 0);
	t_errno(reply(fd, n.id, 1, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE), EINVAL);
	t_errno(reply(fd, n.id, 0, -1, SECCOMP_USER_NOTIF_FLAG_CONTINUE), EINVAL);
	t_errno(reply(fd, n.id, 0, 0, 2), EINVAL);
	t_ret(reply(fd, n.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE), 0);
	t_exit(pid, 9);
}

T_CASE(requests_refused)
{
	struct seccomp_notif n;
	int fd;
	pid_t pid = child_asks(VICTIM, 0, once, &fd);
	__u64 id, wrong;

	memset(&n, 0, sizeof(n));
	n.pid = 1;
	t_errno(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &n), EINVAL);
	memset(&n, 0, sizeof(n));
	((char *)&n)[79] = 1;
	t_errno(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &n), EINVAL);
	t_errno(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, NULL), EFAULT);
	t_errno(ioctl(fd, _IO('!', 77), NULL), EINVAL);
	t_errno(reply(fd, 12345, 0, 0, 0), ENOENT);
	t_ret(receive(fd, &n), 0);
	id = n.id;
	wrong = id + 1;
	t_ret(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id), 0);
	t_errno(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &wrong), ENOENT);
	t_errno(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, NULL), EFAULT);
	t_errno(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, NULL), EFAULT);
	t_ret(reply(fd, id, 4, 0, 0), 0);
	t_exit(pid, 4);
	t_errno(reply(fd, id, 4, 0, 0), ENOENT);
	t_errno(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id), ENOENT);
	t_errno(read(fd, &n, 80), EINVAL);
	t_errno(write(fd, &n, 80), EINVAL);
}

T_CASE(read_only_buffer)
{
	struct seccomp_notif n,
		*page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;
	pid_t pid = child_asks(VICTIM, 0, once, &fd);

	t_eq(events_wait(fd, POLLIN), POLLIN);
	t_errno(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, page), EFAULT);
	t_ret(receive(fd, &n), 0); /* it was not lost */
	t_ret(reply(fd, n.id, 6, 0, 0), 0);
	t_exit(pid, 6);
}

T_CASE(poll_events)
{
	struct seccomp_notif n;
	int fd;
	pid_t pid = child_asks(VICTIM, 0, once, &fd);

	t_eq(events_wait(fd, POLLIN), POLLIN);
	t_ret(receive(fd, &n), 0);
	t_eq(events(fd), POLLOUT);
	t_ret(reply(fd, n.id, 8, 0, 0), 0);
	t_exit(pid, 8);
	t_eq(events_wait(fd, POLLIN), POLLHUP);
}

static void forks(void)
{
	pid_t pid = fork();

	if (!pid)
		once();
	int status;

	waitpid(pid, &status, 0);
	_exit(WEXITSTATUS(status) + 1);
}

T_CASE(children_ask_too)
{
	struct seccomp_notif n;
	int fd;
	pid_t pid = child_asks(VICTIM, 0, forks, &fd);

	t_ret(receive(fd, &n), 0);
	t_check((pid_t)n.pid != pid);
	t_ret(reply(fd, n.id, 10, 0, 0), 0);
	t_exit(pid, 11);
	t_eq(events_wait(fd, POLLIN), POLLHUP);
}

T_CASE(listener_closed)
{
	struct seccomp_notif n;
	int fd;
	pid_t pid = child_asks(VICTIM, 0, once, &fd);

	t_ret(receive(fd, &n), 0);
	close(fd);
	t_exit(pid, ENOSYS);
	pid = child_asks(VICTIM, 0, once, &fd);
	t_eq(events_wait(fd, POLLIN), POLLIN);
	close(fd);
	t_exit(pid, ENOSYS);
}

static void late(void)
{
	t_sleep_ms(30);
	once();
}

T_CASE(nobody_listens)
{
	int fd;
	pid_t pid = child_asks(VICTIM, 0, late, &fd);

	close(fd);
	t_exit(pid, ENOSYS);
}

T_CASE(killed_while_asking)
{
	struct seccomp_notif n;
	int fd;
	pid_t pid = child_asks(VICTIM, 0, once, &fd);
	__u64 id;

	t_ret(receive(fd, &n), 0);
	id = n.id;
	kill(pid, SIGKILL);
	t_killed(pid, SIGKILL);
	t_errno(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id), ENOENT);
	t_errno(reply(fd, id, 0, 0, 0), ENOENT);
	t_eq(events_wait(fd, POLLIN), POLLHUP);
}

static volatile int usr;

static void on_usr(int signo)
{
	usr++;
}

static void handles_signals(void)
{
	t_handler(SIGUSR1, on_usr, 0);
	errno = 0;
	long got = victim();

	_exit(got == -1 && errno == EINTR && usr == 1 ? 50 : got == 7 && usr == 1 ? 51 : 52);
}

static void handles_signals_restarting(void)
{
	t_handler(SIGUSR1, on_usr, SA_RESTART);
	long got = victim();

	_exit(got == 7 && usr == 1 ? 51 : 52);
}

T_CASE(interrupted)
{
	struct seccomp_notif n;
	int fd;
	pid_t pid = child_asks(VICTIM, 0, handles_signals, &fd);

	t_ret(receive(fd, &n), 0);
	kill(pid, SIGUSR1);
	t_exit(pid, 50);
	t_errno(reply(fd, n.id, 7, 0, 0), ENOENT);
}

T_CASE(asked_again_after_a_signal)
{
	struct seccomp_notif n;
	__u64 first;
	int fd;
	pid_t pid = child_asks(VICTIM, 0, handles_signals_restarting, &fd);

	t_ret(receive(fd, &n), 0);
	first = n.id;
	kill(pid, SIGUSR1);
	t_eq(events_wait(fd, POLLIN), POLLIN);
	t_errno(reply(fd, first, 7, 0, 0), ENOENT);
	t_ret(receive(fd, &n), 0);
	t_check(n.id != first);
	t_ret(reply(fd, n.id, 7, 0, 0), 0);
	t_exit(pid, 51);
}

T_CASE(waits_firmly_once_received)
{
	struct seccomp_notif n;
	int fd;
	pid_t pid = child_asks(VICTIM, 32 /* WAIT_KILLABLE_RECV */, handles_signals, &fd);

	t_ret(receive(fd, &n), 0);
	t_sleep_ms(20);
	kill(pid, SIGUSR1);
	t_sleep_ms(50);
	t_ret(reply(fd, n.id, 7, 0, 0), 0);
	t_exit(pid, 51);
	pid = child_asks(VICTIM, 32, handles_signals, &fd);
	t_eq(events_wait(fd, POLLIN), POLLIN);
	kill(pid, SIGUSR1);
	t_exit(pid, 50); /* not received yet: like any sleep */
	pid = child_asks(VICTIM, 32, once, &fd);
	t_ret(receive(fd, &n), 0);
	kill(pid, SIGKILL);
	t_killed(pid, SIGKILL);
}

static void sleeps(void)
{
	for (;;)
		pause();
}

static void on_alarm(int signo)
{
}

T_CASE(interrupted_listener)
{
	struct seccomp_notif n;
	int fd;
	pid_t pid = child_asks(SYS_getppid, 0, sleeps, &fd);

	t_handler(SIGALRM, on_alarm, 0);
	alarm(1);
	t_errno(receive(fd, &n), EINTR);
	kill(pid, SIGKILL);
	t_killed(pid, SIGKILL);
}

/* ---- descriptors for who asks ---- */

static int add(int fd, __u64 id, unsigned flags, unsigned src, unsigned newfd, unsigned newflags)
{
	struct seccomp_notif_addfd a = {
		.id = id, .flags = flags, .srcfd = src, .newfd = newfd, .newfd_flags = newflags};

	return ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &a);
}

static void reads_what_it_gets(void)
{
	char c = 0;
	long fd = victim();

	if (fd < 0 || read((int)fd, &c, 1) != 1)
		_exit(200);
	_exit(c + (fcntl((int)fd, F_GETFD) & FD_CLOEXEC ? 100 : 0));
}

static int file_of(char c)
{
	char text[] = {c, 0};

	t_spew("f", text);
	return open("f", O_RDONLY);
}

T_CASE(gives_a_file)
{
	struct seccomp_notif n;
	int fd, src = file_of(17), got;
	pid_t pid = child_asks(VICTIM, 0, reads_what_it_gets, &fd);

	t_ret(receive(fd, &n), 0);
	got = add(fd, n.id, 0, (unsigned)src, 0, 0);
	t_ok(got);
	t_ret(reply(fd, n.id, got, 0, 0), 0);
	t_exit(pid, 17);
	src = file_of(18);
	pid = child_asks(VICTIM, 0, reads_what_it_gets, &fd);
	t_ret(receive(fd, &n), 0);
	t_ret(add(fd, n.id, SECCOMP_ADDFD_FLAG_SETFD, (unsigned)src, 33, O_CLOEXEC), 33);
	t_ret(reply(fd, n.id, 33, 0, 0), 0);
	t_exit(pid, 118);
	src = file_of(19);
	pid = child_asks(VICTIM, 0, reads_what_it_gets, &fd);
	t_ret(receive(fd, &n), 0);
	t_ok(add(fd, n.id, 2 /* SECCOMP_ADDFD_FLAG_SEND */, (unsigned)src, 0, 0));
	t_exit(pid, 19);
	src = file_of(20);
	pid = child_asks(VICTIM, 0, reads_what_it_gets, &fd);
	t_ret(receive(fd, &n), 0);
	t_ret(add(fd, n.id, SECCOMP_ADDFD_FLAG_SETFD | 2, (unsigned)src, 0, 0), 0); /* its stdin */
	t_exit(pid, 20);
}

T_CASE(gives_nothing)
{
	struct seccomp_notif n;
	int fd;
	pid_t pid = child_asks(VICTIM, 0, once, &fd);

	t_errno(add(fd, 1, 0, 0, 0, 0), ENOENT);
	t_eq(events_wait(fd, POLLIN), POLLIN);
	t_ret(receive(fd, &n), 0);
	t_errno(add(fd, n.id, 4, 0, 0, 0), EINVAL);
	t_errno(add(fd, n.id, 0, 0, 5, 0), EINVAL);
	t_errno(add(fd, n.id, 0, 0, 0, O_NONBLOCK), EINVAL);
	t_errno(add(fd, n.id, 0, 4000, 0, 0), EBADF);
	t_errno(add(fd, n.id, SECCOMP_ADDFD_FLAG_SETFD, 0, 100000000, 0), EBADF);
	t_errno(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, NULL), EFAULT);
	t_ret(reply(fd, n.id, 1, 0, 0), 0);
	t_exit(pid, 1);
}

/* ---- one listener a chain ---- */

T_CASE(one_listener_only)
{
	pid_t pid;

	T_CHILD(pid)
	{
		long a, b;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		a = listen_to(VICTIM, 0);
		t_ok(a);
		t_check(fcntl((int)a, F_GETFD) & FD_CLOEXEC);
		t_errno(listen_to(SYS_getppid, 0), EBUSY);
		b = dup((int)a);
		t_eq(b, a + 1); /* nothing of the one that failed is left */
	}
	t_exit(pid, 0);
}

/* ---- several at a time ---- */

#define ASKERS 8

static void *asks(void *arg)
{
	return (void *)syscall(VICTIM, (long)arg);
}

static void many(void)
{
	pthread_t a[ASKERS];
	void *result;
	int good = 0;

	for (long i = 0; i < ASKERS; i++)
		pthread_create(&a[i], NULL, asks, (void *)i);
	for (long i = 0; i < ASKERS; i++) {
		pthread_join(a[i], &result);
		good += (long)result == i * i + 1;
	}
	_exit(good);
}

T_CASE(many_at_a_time)
{
	struct seccomp_notif n[ASKERS];
	int fd;
	pid_t pid = child_asks(VICTIM, 0, many, &fd);

	for (int i = 0; i < ASKERS; i++)
		t_ret(receive(fd, &n[i]), 0);
	for (int i = ASKERS - 1; i >= 0; i--)
		t_ret(reply(fd, n[i].id, (long)(n[i].data.args[0] * n[i].data.args[0] + 1), 0, 0),
			0);
	t_exit(pid, ASKERS);
}

static void a_thousand(void)
{
	for (int i = 0; i < 1000; i++)
		if (syscall(VICTIM, i) != i)
			_exit(1);
}

T_CASE(a_thousand_times)
{
	struct seccomp_notif n;
	int fd, good = 0;
	pid_t pid = child_asks(VICTIM, 0, a_thousand, &fd);

	while (good < 1000 && !receive(fd, &n) && !reply(fd, n.id, (long)n.data.args[0], 0, 0))
		good++;
	t_eq(good, 1000);
	t_exit(pid, 0);
}
