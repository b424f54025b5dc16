/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* mqueue.c - POSIX message queues by their calls. Queues outlive processes: each case removes its
 * own. What stands in /dev/mqueue is looked at by a session, for a host need not have it. */
#include "t_.h"

#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>

T_SUITE(mqueue);

enum { MS = 1000000 };
static const char name[] = "/t_exo_queue";
static char text[8200];
static unsigned prio;

/* A fresh queue of this case. */
static mqd_t make(int flags, long messages, long size)
{
	struct mq_attr a = {.mq_maxmsg = messages, .mq_msgsize = size};
	mqd_t q;

	mq_unlink(name);
	q = mq_open(name, O_CREAT | O_EXCL | flags, 0600, &a);
	if (q < 0)
		t_stop("no queue");
	return q;
}

static struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms * MS;
	t.tv_sec += t.tv_nsec / (1000 * MS);
	t.tv_nsec %= 1000 * MS;
	return t;
}

/* The text that comes next, or "" */
static const char *take(mqd_t q)
{
	ssize_t n = mq_receive(q, text, sizeof(text), &prio);

	text[n < 0 ? 0 : n] = 0;
	return text;
}

static long waiting(mqd_t q)
{
	struct mq_attr a = {.mq_curmsgs = -1};

	mq_getattr(q, &a);
	return a.mq_curmsgs;
}

T_CASE(names)
{
	char longest[300], slash[] = "/a/b";
	mqd_t q, other;

	mq_unlink(name);
	t_errno(mq_open(name, O_RDWR), ENOENT);
	q = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	t_ok(q);
	t_errno(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL), EEXIST);
	other = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	t_ok(other);
	t_check(other != q);
	t_eq(fcntl(q, F_GETFD), FD_CLOEXEC);
	t_ret(mq_send(q, "x", 1, 0), 0);
	t_str(take(other), "x"); /* the same queue */
	t_errno(mq_open(slash, O_CREAT | O_RDWR, 0600, NULL), EACCES);
	t_errno(syscall(SYS_mq_open, "", O_CREAT | O_RDWR, 0600, NULL), ENOENT);
	t_errno(syscall(SYS_mq_open, "..", O_RDWR, 0600, NULL), EACCES);
	t_errno(syscall(SYS_mq_open, "/x", O_RDWR, 0600, NULL), EACCES);
	t_errno(syscall(SYS_mq_open, (char *)8, O_RDWR, 0600, NULL), EFAULT);
	t_errno(syscall(SYS_mq_open, name + 1, O_CREAT | O_RDWR, 0600, (void *)8), EFAULT);
	memset(longest, 'n', sizeof(longest));
	longest[0] = '/';
	longest[257] = 0;
	t_errno(mq_open(longest, O_CREAT | O_RDWR, 0600, NULL), ENAMETOOLONG);
	t_errno(mq_unlink(longest), ENAMETOOLONG);
	longest[256] = 0;
	t_ok(mq_open(longest, O_CREAT | O_RDWR, 0600, NULL));
	t_ret(mq_unlink(longest), 0);
	t_ret(mq_unlink(name), 0);
	t_errno(mq_unlink(name), ENOENT);
	t_errno(syscall(SYS_mq_unlink, ""), ENOENT);
	t_errno(syscall(SYS_mq_unlink, (char *)8), EFAULT);
	t_ret(mq_send(q, "y", 1, 0), 0); /* it lives while it is open */
	t_str(take(other), "y");
	t_errno(mq_open(name, O_RDWR), ENOENT);
	t_ret(mq_close(q), 0);
	t_errno(mq_close(q), EBADF);
}

T_CASE(attributes)
{
	struct mq_attr a, old;
	mqd_t q;

	mq_unlink(name);
	q = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	t_ret(mq_getattr(q, &a), 0);
	t_eq(a.mq_maxmsg, 10);
	t_eq(a.mq_msgsize, 8192);
	t_eq(a.mq_curmsgs, 0);
	t_eq(a.mq_flags, 0);
	a.mq_flags = O_NONBLOCK;
	a.mq_maxmsg = 99; /* nobody looks */
	t_ret(mq_setattr(q, &a, &old), 0);
	t_eq(old.mq_flags, 0);
	t_eq(old.mq_maxmsg, 10);
	t_ret(mq_getattr(q, &a), 0);
	t_eq(a.mq_flags, O_NONBLOCK);
	t_eq(a.mq_maxmsg, 10);
	t_check(fcntl(q, F_GETFL) & O_NONBLOCK);
	t_errno(mq_receive(q, text, 8192, NULL), EAGAIN);
	a.mq_flags = O_APPEND;
	t_errno(mq_setattr(q, &a, NULL), EINVAL);
	t_errno(syscall(SYS_mq_getsetattr, q, (void *)8, NULL), EFAULT);
	t_errno(syscall(SYS_mq_getsetattr, q, NULL, (void *)8), EFAULT);
	t_errno(mq_getattr(-1, &a), EBADF);
	t_errno(mq_getattr(0, &a), EBADF); /* no queue */
	mq_close(q);
	mq_unlink(name);
	q = make(O_RDWR, 3, 17);
	t_ret(mq_getattr(q, &a), 0);
	t_eq(a.mq_maxmsg, 3);
	t_eq(a.mq_msgsize, 17);
	mq_unlink(name);
	a.mq_maxmsg = 0;
	t_errno(mq_open(name, O_CREAT | O_RDWR, 0600, &a), EINVAL);
	a.mq_maxmsg = -1;
	t_errno(mq_open(name, O_CREAT | O_RDWR, 0600, &a), EINVAL);
	a.mq_maxmsg = 1;
	a.mq_msgsize = 0;
	t_errno(mq_open(name, O_CREAT | O_RDWR, 0600, &a), EINVAL);
	a.mq_msgsize = 1l << 40;
	t_errno(mq_open(name, O_CREAT | O_RDWR, 0600, &a), EINVAL);
	t_errno(mq_open(name, O_RDWR), ENOENT); /* nothing was left */
}

T_CASE(limits)
{
	struct mq_attr a = {.mq_maxmsg = 11, .mq_msgsize = 100},
		       most = {.mq_maxmsg = 10, .mq_msgsize = 8192};
	struct rlimit bytes = {50000, 50000};
	char buf[32];
	pid_t pid;

	mq_unlink(name);
	T_CHILD(pid)
	{
		t_ret(setrlimit(RLIMIT_MSGQUEUE, &bytes), 0);
		t_errno(mq_open(name, O_CREAT | O_RDWR, 0600, &most), EMFILE);
		most.mq_msgsize = 4000;
		t_ok(mq_open(name, O_CREAT | O_RDWR, 0600, &most)); /* 10 * (4000 + 48 + 48) */
		t_errno(mq_open("/t_exo_second", O_CREAT | O_RDWR, 0600, &most), EMFILE);
		t_ret(mq_unlink(name), 0);
		t_errno(mq_open("/t_exo_second", O_CREAT | O_RDWR, 0600, &most), EMFILE);
	}
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		t_become(1234, 1234);
		t_errno(mq_open(name, O_CREAT | O_RDWR, 0600, &a), EINVAL);
		a.mq_maxmsg = 10;
		a.mq_msgsize = 8193;
		t_errno(mq_open(name, O_CREAT | O_RDWR, 0600, &a), EINVAL);
		a.mq_msgsize = 8192;
		t_ok(mq_open(name, O_CREAT | O_RDWR, 0600, &a));
		t_ret(mq_unlink(name), 0);
	}
	t_exit(pid, 0);
	t_check(t_slurp("/proc/sys/fs/mqueue/msg_max", buf, sizeof(buf)) > 0);
	t_str(buf, "10\n");
	t_check(t_slurp("/proc/sys/fs/mqueue/msgsize_max", buf, sizeof(buf)) > 0);
	t_str(buf, "8192\n");
	t_check(t_slurp("/proc/sys/fs/mqueue/queues_max", buf, sizeof(buf)) > 0);
	t_str(buf, "256\n");
	t_check(t_slurp("/proc/sys/fs/mqueue/msg_default", buf, sizeof(buf)) > 0);
	t_str(buf, "10\n");
}

T_CASE(rights)
{
	mqd_t q = make(O_RDWR, 4, 64), in = mq_open(name, O_RDONLY), out = mq_open(name, O_WRONLY);
	pid_t pid;

	t_errno(mq_send(in, "x", 1, 0), EBADF);
	t_errno(mq_receive(out, text, 64, NULL), EBADF);
	t_ret(mq_send(out, "x", 1, 0), 0);
	t_str(take(in), "x");
	t_errno(mq_send(0, "x", 1, 0), EBADF);
	t_errno(mq_receive(0, text, 64, NULL), EBADF);
	t_errno(mq_send(-1, "x", 1, 0), EBADF);
	t_errno(mq_notify(0, NULL), EBADF);
	T_CHILD(pid)
	{
		t_become(1234, 1234);
		t_errno(mq_open(name, O_RDONLY), EACCES);
		t_errno(mq_open(name, O_CREAT | O_RDWR, 0600, NULL), EACCES);
		t_errno(mq_unlink(name), EACCES);
		t_errno(syscall(SYS_mq_unlink, name + 1), EPERM);
		t_ret(mq_send(q, "kept", 4, 0), 0); /* what is open stays open */
	}
	t_exit(pid, 0);
	t_str(take(q), "kept");
	t_ret(fchmod(q, 0622), 0);
	T_CHILD(pid)
	{
		mqd_t w;

		t_become(1234, 1234);
		t_errno(mq_open(name, O_RDWR), EACCES);
		w = mq_open(name, O_WRONLY);
		t_ret(mq_send(w, "w", 1, 0), 0);
	}
	t_exit(pid, 0);
	t_str(take(q), "w");
	t_ret(mq_unlink(name), 0);
}

T_CASE(mode_and_owner)
{
	struct stat st;
	mqd_t q;

	umask(027);
	mq_unlink(name);
	q = mq_open(name, O_CREAT | O_RDWR, 0666, NULL);
	t_ret(fstat(q, &st), 0);
	t_eq(st.st_mode, S_IFREG | 0640);
	t_eq(st.st_uid, geteuid());
	t_eq(st.st_size, 80);
	t_eq(st.st_nlink, 1);
	t_ret(mq_unlink(name), 0);
	t_ret(fstat(q, &st), 0);
	t_eq(st.st_nlink, 0);
}

T_CASE(order)
{
	mqd_t q = make(O_RDWR, 8, 64);

	t_ret(mq_send(q, "a1", 2, 1), 0);
	t_ret(mq_send(q, "b5", 2, 5), 0);
	t_ret(mq_send(q, "c1", 2, 1), 0);
	t_ret(mq_send(q, "d5", 2, 5), 0);
	t_ret(mq_send(q, "e", 1, 32767), 0);
	t_ret(mq_send(q, "", 0, 0), 0);
	t_eq(waiting(q), 6);
	t_str(take(q), "e");
	t_eq(prio, 32767);
	t_str(take(q), "b5");
	t_eq(prio, 5);
	t_str(take(q), "d5");
	t_str(take(q), "a1");
	t_str(take(q), "c1");
	t_eq(prio, 1);
	t_ret(mq_receive(q, text, 64, NULL), 0);
	t_eq(waiting(q), 0);
	t_ret(mq_unlink(name), 0);
}

T_CASE(errors)
{
	mqd_t q = make(O_RDWR | O_NONBLOCK, 2, 64);
	struct timespec bad = {0, 1000 * MS}, negative = {-1, 0}, past = {0, 0};

	t_errno(mq_send(q, "x", 1, 32768), EINVAL);
	t_errno(mq_send(q, text, 65, 0), EMSGSIZE);
	t_errno(mq_send(q, (char *)8, 1, 0), EFAULT);
	t_errno(mq_receive(q, text, 63, NULL), EMSGSIZE);
	t_errno(mq_receive(q, text, 64, NULL), EAGAIN);
	t_errno(mq_timedsend(q, "x", 1, 0, &bad), EINVAL);
	t_errno(mq_timedsend(q, "x", 1, 0, &negative), EINVAL);
	t_errno(mq_timedreceive(q, text, 64, NULL, &bad), EINVAL);
	t_errno(mq_timedreceive(q, text, 64, NULL, (void *)8), EFAULT);
	t_ret(mq_timedsend(q, "x", 1, 0, &past), 0); /* no need to wait */
	t_ret(mq_send(q, "y", 1, 0), 0);
	t_errno(mq_send(q, "z", 1, 0), EAGAIN);
	t_errno(mq_receive(q, (char *)8, 64, NULL), EFAULT);
	t_errno(mq_receive(q, text, 64, (void *)8), EFAULT);
	t_eq(waiting(q), 0); /* both are lost */
	t_errno(write(q, "x", 1), EINVAL);
	t_ret(mq_unlink(name), 0);
}

T_CASE(time_limits)
{
	mqd_t q = make(O_RDWR, 1, 64);
	struct timespec soon = in_ms(30), past = {1, 0};
	long long start = t_now_ns();

	t_errno(mq_timedreceive(q, text, 64, NULL, &soon), ETIMEDOUT);
	t_check(t_now_ns() - start >= 29 * MS);
	t_errno(mq_timedreceive(q, text, 64, NULL, &past), ETIMEDOUT);
	t_ret(mq_send(q, "x", 1, 0), 0);
	soon = in_ms(30);
	start = t_now_ns();
	t_errno(mq_timedsend(q, "y", 1, 0, &soon), ETIMEDOUT);
	t_check(t_now_ns() - start >= 29 * MS);
	t_ret(mq_timedreceive(q, text, 64, NULL, &past), 1);
	t_ret(mq_unlink(name), 0);
}

T_CASE(sleeps)
{
	mqd_t q = make(O_RDWR, 1, 64);
	pid_t pid;

	T_CHILD(pid)
	{
		t_str(take(q), "hello");
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(mq_send(q, "hello", 5, 0), 0);
	t_exit(pid, 0);
	t_ret(mq_send(q, "first", 5, 0), 0);
	T_CHILD(pid)
	{
		t_ret(mq_send(q, "second", 6, 9), 0);
	}
	t_check(t_wait_state(pid, 'S'));
	t_str(take(q), "first");
	t_exit(pid, 0);
	t_str(take(q), "second");
	t_ret(mq_unlink(name), 0);
}

static volatile int hits;
static volatile siginfo_t seen;

static void count(int sig)
{
	hits++;
}

static void keep(int sig, siginfo_t *info, void *context)
{
	seen = *info;
	hits++;
}

T_CASE(interrupted)
{
	mqd_t q = make(O_RDWR, 1, 64);
	pid_t pid;

	T_CHILD(pid)
	{
		t_handler(SIGUSR1, count, 0);
		t_errno(mq_receive(q, text, 64, NULL), EINTR);
		t_handler(SIGUSR1, count, SA_RESTART);
		t_ret(mq_receive(q, text, 64, NULL), 1);
		t_eq(hits, 2);
	}
	t_check(t_wait_state(pid, 'S'));
	kill(pid, SIGUSR1);
	t_sleep_ms(30);
	t_check(t_wait_state(pid, 'S'));
	kill(pid, SIGUSR1);
	t_sleep_ms(30);
	t_check(t_wait_state(pid, 'S'));
	t_ret(mq_send(q, "x", 1, 0), 0);
	t_exit(pid, 0);
	t_ret(mq_unlink(name), 0);
}

T_CASE(polls)
{
	mqd_t q = make(O_RDWR, 1, 64);
	struct pollfd p = {.fd = q, .events = POLLIN | POLLOUT};
	struct epoll_event ev = {EPOLLIN | EPOLLET, {.u64 = 3}}, got;
	int ep = epoll_create1(0);
	pid_t pid;

	t_ret(poll(&p, 1, 0), 1);
	t_eq(p.revents, POLLOUT);
	t_ret(epoll_ctl(ep, EPOLL_CTL_ADD, q, &ev), 0);
	t_ret(epoll_wait(ep, &got, 1, 0), 0);
	t_ret(mq_send(q, "x", 1, 0), 0);
	t_ret(poll(&p, 1, 0), 1);
	t_eq(p.revents, POLLIN);
	t_ret(epoll_wait(ep, &got, 1, 0), 1);
	t_eq(got.data.u64, 3);
	t_ret(epoll_wait(ep, &got, 1, 0), 0); /* edge */
	t_str(take(q), "x");
	T_CHILD(pid)
	{
		p.events = POLLIN;
		t_ret(poll(&p, 1, 5000), 1);
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(mq_send(q, "x", 1, 0), 0);
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		p.events = POLLOUT;
		t_ret(poll(&p, 1, 5000), 1);
	}
	t_check(t_wait_state(pid, 'S'));
	t_str(take(q), "x");
	t_exit(pid, 0);
	t_ret(mq_unlink(name), 0);
}

T_CASE(tells_by_signal)
{
	mqd_t q = make(O_RDWR, 4, 64);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGUSR1,
		.sigev_value = {.sival_int = 77}};
	pid_t pid;

	t_handler_info(SIGUSR1, keep, 0);
	t_ret(mq_notify(q, &ev), 0);
	t_errno(mq_notify(q, &ev), EBUSY);
	t_ret(mq_send(q, "x", 1, 0), 0);
	t_eq(hits, 1);
	t_eq(seen.si_signo, SIGUSR1);
	t_eq(seen.si_code, SI_MESGQ);
	t_eq(seen.si_value.sival_int, 77);
	t_eq(seen.si_pid, getpid());
	t_eq(seen.si_uid, getuid());
	t_ret(mq_send(q, "y", 1, 0), 0); /* once, and only into an empty queue */
	t_eq(hits, 1);
	t_ret(mq_notify(q, &ev), 0);
	t_ret(mq_send(q, "z", 1, 0), 0);
	t_eq(hits, 1);
	while (waiting(q))
		take(q);
	T_CHILD(pid)
	{
		t_errno(mq_notify(q, &ev), EBUSY);
		t_ret(mq_notify(q, NULL), 0); /* not ours: stays */
		t_ret(mq_send(q, "c", 1, 0), 0);
	}
	t_exit(pid, 0);
	t_eq(hits, 2);
	t_eq(seen.si_pid, pid);
	t_str(take(q), "c");
	t_ret(mq_notify(q, &ev), 0);
	t_ret(mq_notify(q, NULL), 0);
	t_ret(mq_send(q, "n", 1, 0), 0);
	t_eq(hits, 2);
	t_ret(mq_unlink(name), 0);
}

T_CASE(tells_nobody_who_waits)
{
	mqd_t q = make(O_RDWR, 4, 64);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	pid_t pid;

	t_handler(SIGUSR1, count, 0);
	t_ret(mq_notify(q, &ev), 0);
	T_CHILD(pid)
	{
		t_str(take(q), "x");
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(mq_send(q, "x", 1, 0), 0); /* the sleeper has it */
	t_exit(pid, 0);
	t_eq(hits, 0);
	t_ret(mq_send(q, "y", 1, 0), 0); /* still wanted */
	t_eq(hits, 1);
	t_ret(mq_unlink(name), 0);
}

T_CASE(notify_errors)
{
	mqd_t q = make(O_RDWR, 4, 64), other;
	struct sigevent ev = {.sigev_notify = 99}, none = {.sigev_notify = SIGEV_NONE};
	pid_t pid;

	t_errno(mq_notify(q, &ev), EINVAL);
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = 65;
	t_errno(mq_notify(q, &ev), EINVAL);
	t_errno(syscall(SYS_mq_notify, q, (void *)8), EFAULT);
	t_errno(syscall(SYS_mq_notify, -1, NULL), EBADF);
	t_ret(mq_notify(q, NULL), 0);
	T_CHILD(pid)
	{
		t_ret(mq_notify(q, &none), 0);
	}
	t_exit(pid, 0);
	t_ret(mq_notify(q, &none), 0); /* the end took it off */
	other = mq_open(name, O_RDONLY);
	t_errno(mq_notify(other, &none), EBUSY);
	t_ret(mq_close(other), 0); /* any descriptor of the queue will do */
	t_ret(mq_notify(q, &none), 0);
	t_ret(mq_send(q, "x", 1, 0), 0);
	t_ret(mq_notify(q, &none), 0); /* that told nobody, but once */
	t_ret(mq_unlink(name), 0);
}

T_CASE(reads_as_text)
{
	mqd_t q = make(O_RDWR, 4, 64);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	char buf[128] = "", want[128];

	t_ret(mq_send(q, "12345", 5, 0), 0);
	t_ret(read(q, buf, sizeof(buf)), 60);
	t_str(buf, "QSIZE:5          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n");
	t_ret(read(q, buf, sizeof(buf)), 0);
	t_ret(lseek(q, 6, SEEK_SET), 6);
	t_ret(read(q, buf, 1), 1);
	t_eq(buf[0], '5');
	t_ret(mq_notify(q, &ev), 0);
	t_ret(pread(q, buf, sizeof(buf), 0), 60);
	snprintf(want, sizeof(want), "QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", 5, 0,
		SIGUSR1, getpid());
	t_str(buf, want);
	t_ret(mq_unlink(name), 0);
}

/* Several on each side: every message arrives once, at somebody. */
T_CASE_LIMIT(storm, 60)
{
	enum { SIDES = 3, MESSAGES = 300 };
	mqd_t q = make(O_RDWR, 4, 64), sums;
	struct mq_attr a = {.mq_maxmsg = SIDES, .mq_msgsize = sizeof(long)};
	pid_t pid[2 * SIDES];
	long sum = 0, part;

	mq_unlink("/t_exo_sums");
	sums = mq_open("/t_exo_sums", O_CREAT | O_RDWR, 0600, &a);
	for (int i = 0; i < SIDES; i++) {
		T_CHILD(pid[i])
		{
			for (int k = 1; k <= MESSAGES; k++)
				if (mq_send(q, (char *)&k, sizeof(k), k % 7))
					t_stop("not sent");
		}
		T_CHILD(pid[SIDES + i])
		{
			for (int k = 0, got; k < MESSAGES; k++) {
				if (mq_receive(q, text, sizeof(text), NULL) != sizeof(got))
					t_stop("not received");
				memcpy(&got, text, sizeof(got));
				sum += got;
			}
			t_ret(mq_send(sums, (char *)&sum, sizeof(sum), 0), 0);
		}
	}
	for (int i = 0; i < 2 * SIDES; i++)
		t_exit(pid[i], 0);
	for (int i = 0; i < SIDES; i++) {
		t_ret(mq_receive(sums, (char *)&part, sizeof(part), NULL), sizeof(part));
		sum += part;
	}
	t_eq(sum, (long)SIDES * MESSAGES * (MESSAGES + 1) / 2);
	t_eq(waiting(q), 0);
	t_ret(mq_unlink(name), 0);
	t_ret(mq_unlink("/t_exo_sums"), 0);
}

T_CASE(no_descriptor_left)
{
	struct rlimit few = {40, 40};

	t_ret(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (dup(0) >= 0)
		;
	t_errno(mq_open("/none_left", O_CREAT | O_RDWR, 0600, NULL), EMFILE);
	t_ret(close(20), 0);
	t_errno(mq_open("/none_left", O_RDWR), ENOENT); /* none was made */
}
