/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* lease.c - leases: F_SETLEASE, F_GETLEASE of fcntl(2), and the signals that tell of who opens. */
#include "t_.h"

#include <poll.h>
#include <sys/resource.h>

T_SUITE(lease);

#define FD 60 /* nobody has opened this */

static volatile sig_atomic_t got, got_code, got_fd;
static volatile long got_band;

static void note(int sig, siginfo_t *info, void *context)
{
	got = sig;
	got_code = info->si_code;
	got_fd = info->si_fd;
	got_band = info->si_band;
}

static int lease(int fd, int type)
{
	return fcntl(fd, F_SETLEASE, type);
}

static int of(int fd)
{
	return fcntl(fd, F_GETLEASE);
}

/* A file, opened so. */
static int fresh(int flags)
{
	t_spew("f", "text");
	return open("f", flags);
}

/* Waits for @sig, blocked, 5 s at the most. */
static int wait_signal(int sig, siginfo_t *info)
{
	struct timespec limit = {5, 0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return sigtimedwait(&set, info, &limit);
}

static void block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	t_ok(sigprocmask(SIG_BLOCK, &set, NULL));
}

T_CASE(set_and_get)
{
	int fd = fresh(O_RDONLY), other;

	t_eq(of(fd), F_UNLCK);
	t_ok(lease(fd, F_RDLCK));
	t_eq(of(fd), F_RDLCK);
	t_ok(lease(fd, F_WRLCK)); /* nobody else has it open */
	t_eq(of(fd), F_WRLCK);
	t_ok(lease(fd, F_RDLCK));
	t_eq(of(fd), F_RDLCK);
	other = open("f", O_RDONLY);
	t_ok(other); /* two may read */
	t_eq(of(other), F_UNLCK);
	t_errno(lease(fd, F_WRLCK), EAGAIN);
	t_eq(of(fd), F_RDLCK);
	t_ok(lease(other, F_RDLCK));
	t_ok(lease(fd, F_UNLCK));
	t_eq(of(fd), F_UNLCK);
	t_eq(of(other), F_RDLCK);
	t_errno(lease(fd, F_UNLCK), EAGAIN);
	t_ok(close(other));
	t_ok(lease(fd, F_WRLCK));
	t_ok(close(fd));
}

T_CASE(who_else_has_it_open)
{
	int fd = fresh(O_RDWR), other;

	t_errno(lease(fd, F_RDLCK), EAGAIN); /* itself writes */
	t_ok(lease(fd, F_WRLCK));
	t_ok(lease(fd, F_UNLCK));
	other = open("f", O_RDONLY);
	t_errno(lease(fd, F_WRLCK), EAGAIN);
	t_errno(lease(other, F_RDLCK), EAGAIN);
	t_ok(close(fd));
	t_ok(lease(other, F_RDLCK));
	t_ok(lease(other, F_WRLCK));
	t_ok(close(other));
	fd = open("f", O_WRONLY);
	other = open("f", O_PATH);
	t_ok(lease(fd, F_WRLCK)); /* a path does not count */
	t_eq(of(fd), F_WRLCK);
	t_ok(close(fd));
	t_ok(close(other));
}

T_CASE(belongs_to_the_open_file)
{
	int fd = fresh(O_RDONLY), copy;
	pid_t pid;

	copy = dup(fd);
	t_ok(lease(copy, F_RDLCK));
	t_eq(of(fd), F_RDLCK);
	t_ok(close(copy));
	t_eq(of(fd), F_RDLCK);
	T_CHILD(pid)
	{
		t_eq(of(fd), F_RDLCK);
		t_ok(lease(fd, F_UNLCK));
	}
	t_exit(pid, 0);
	t_eq(of(fd), F_UNLCK);
	t_ok(lease(fd, F_WRLCK));
	t_ok(close(fd)); /* and so it goes */
	fd = open("f", O_WRONLY | O_NONBLOCK);
	t_ok(fd);
	t_ok(close(fd));
}

T_CASE(arguments)
{
	int fd = fresh(O_RDONLY), dir = open(".", O_RDONLY), path = open("f", O_PATH), p[2];

	t_pipe(p);
	t_errno(lease(fd, 3), EINVAL);
	t_errno(lease(fd, -1), EINVAL);
	t_errno(lease(FD, F_RDLCK), EBADF);
	t_errno(of(FD), EBADF);
	t_errno(lease(path, F_RDLCK), EBADF);
	t_errno(of(path), EBADF);
	t_errno(lease(dir, F_RDLCK), EINVAL);
	t_errno(lease(dir, F_UNLCK), EINVAL);
	t_errno(lease(p[0], F_RDLCK), EINVAL);
	t_eq(of(dir), F_UNLCK);
	t_eq(of(p[0]), F_UNLCK);
}

T_CASE(of_others_files)
{
	int fd = fresh(O_RDONLY);
	pid_t pid;

	t_ok(chmod("f", 0644));
	T_CHILD(pid)
	{
		int dir = open(".", O_RDONLY);

		t_become(65534, 65534);
		t_errno(lease(fd, F_RDLCK), EACCES);
		t_errno(lease(fd, F_UNLCK), EACCES);
		t_errno(lease(fd, 3), EINVAL);
		t_errno(lease(dir, F_RDLCK), EACCES);
		t_eq(of(fd), F_UNLCK);
	}
	t_exit(pid, 0);
	t_ok(chown("f", 65534, 65534));
	T_CHILD(pid)
	{
		t_become(65534, 65534);
		t_ok(lease(fd, F_RDLCK));
	}
	t_exit(pid, 0);
}

T_CASE(not_blocking)
{
	int fd = fresh(O_RDONLY), other;

	t_handler_info(SIGIO, note, 0);
	t_ok(lease(fd, F_RDLCK));
	t_eq(fcntl(fd, F_GETOWN), getpid());
	other = open("f", O_RDONLY | O_NONBLOCK);
	t_ok(other); /* is not in the way */
	t_eq(got, 0);
	t_ok(close(other));
	t_errno(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	t_eq(got, SIGIO);
	t_eq(got_code, SI_KERNEL);
	t_eq(of(fd), F_UNLCK); /* what it is to become */
	got = 0;
	t_errno(open("f", O_RDWR | O_TRUNC | O_NONBLOCK), EWOULDBLOCK);
	t_eq(got, 0); /* told once */
	t_ok(lease(fd, F_UNLCK));
	t_ok(close(open("f", O_WRONLY | O_NONBLOCK)));
	t_ok(lease(fd, F_WRLCK));
	t_errno(open("f", O_RDONLY | O_NONBLOCK), EWOULDBLOCK);
	t_eq(got, SIGIO);
	t_eq(of(fd), F_RDLCK);
	got = 0;
	t_errno(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	t_eq(got, SIGIO); /* more is wanted */
	t_eq(of(fd), F_UNLCK);
	t_ok(lease(fd, F_UNLCK));
	t_ok(close(fd));
	t_spew("f", "x");
}

T_CASE(a_signal_of_choice)
{
	int fd = fresh(O_RDONLY), sig = SIGRTMIN + 3;

	t_handler_info(sig, note, 0);
	t_ok(fcntl(fd, F_SETSIG, sig));
	t_ok(lease(fd, F_RDLCK));
	t_errno(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	t_eq(got, sig);
	t_eq(got_code, POLL_MSG);
	t_eq(got_fd, fd);
	t_eq(got_band, POLLIN | POLLRDNORM | POLLMSG);
	t_ok(close(fd));
}

T_CASE(the_opener_waits)
{
	int fd = fresh(O_RDONLY), ready[2];
	siginfo_t info;
	pid_t pid;

	block(SIGIO);
	t_pipe(ready);
	t_ok(lease(fd, F_RDLCK));
	T_CHILD(pid)
	{
		int mine;

		t_put(ready[1]);
		mine = open("f", O_WRONLY);
		t_ok(mine);
		t_eq(write(mine, "new", 3), 3);
	}
	t_get(ready[0]);
	t_eq(wait_signal(SIGIO, &info), SIGIO);
	t_check(t_wait_state(pid, 'S'));
	t_eq(of(fd), F_UNLCK);
	t_ok(lease(fd, F_UNLCK));
	t_exit(pid, 0);
	t_ok(close(fd));
}

T_CASE(it_is_enough_to_read)
{
	int fd = fresh(O_RDONLY), ready[2];
	siginfo_t info;
	pid_t pid;

	block(SIGIO);
	t_pipe(ready);
	t_ok(lease(fd, F_WRLCK));
	T_CHILD(pid)
	{
		t_put(ready[1]);
		t_ok(open("f", O_RDONLY));
	}
	t_get(ready[0]);
	t_eq(wait_signal(SIGIO, &info), SIGIO);
	t_check(t_wait_state(pid, 'S'));
	t_ok(lease(fd, F_RDLCK)); /* readers do not mind each other */
	t_exit(pid, 0);
	t_eq(of(fd), F_RDLCK);
	t_ok(close(fd));
}

T_CASE(the_end_of_the_holder)
{
	int ready[2];
	pid_t holder, opener;

	t_spew("f", "text");
	t_pipe(ready);
	T_CHILD(holder)
	{
		block(SIGIO);
		t_ok(lease(open("f", O_RDONLY), F_RDLCK));
		t_put(ready[1]);
		pause();
	}
	t_get(ready[0]);
	T_CHILD(opener)
	{
		t_put(ready[1]);
		t_ok(open("f", O_WRONLY));
	}
	t_get(ready[0]);
	t_check(t_wait_state(opener, 'S'));
	t_ok(kill(holder, SIGKILL));
	t_killed(holder, SIGKILL);
	t_exit(opener, 0);
}

static void wake(int sig)
{
}

T_CASE(a_signal_ends_the_waiting)
{
	int fd = fresh(O_RDONLY), ready[2];
	pid_t pid;

	block(SIGIO);
	t_pipe(ready);
	t_ok(lease(fd, F_RDLCK));
	T_CHILD(pid)
	{
		t_handler(SIGUSR1, wake, 0);
		t_put(ready[1]);
		t_errno(open("f", O_WRONLY), EINTR);
	}
	t_get(ready[0]);
	t_check(t_wait_state(pid, 'S'));
	t_ok(kill(pid, SIGUSR1));
	t_exit(pid, 0);
	t_eq(of(fd), F_UNLCK); /* it stays told */
	t_ok(lease(fd, F_UNLCK));
	t_ok(close(fd));
}

T_CASE(truncate_breaks_it)
{
	int fd = fresh(O_RDONLY);
	siginfo_t info;
	pid_t pid;

	block(SIGIO);
	t_ok(lease(fd, F_RDLCK));
	T_CHILD(pid)
	{
		t_ok(truncate("f", 1));
	}
	t_eq(wait_signal(SIGIO, &info), SIGIO);
	t_check(t_wait_state(pid, 'S'));
	t_ok(lease(fd, F_UNLCK));
	t_exit(pid, 0);
	t_eq(lseek(fd, 0, SEEK_END), 1);
	t_ok(close(fd));
}

T_CASE(another_owner_hears)
{
	int fd = fresh(O_RDONLY), ready[2];
	pid_t pid;

	t_pipe(ready);
	T_CHILD(pid)
	{
		siginfo_t info;

		block(SIGIO);
		t_put(ready[1]);
		t_eq(wait_signal(SIGIO, &info), SIGIO);
	}
	t_get(ready[0]);
	t_ok(fcntl(fd, F_SETOWN, pid));
	t_handler_info(SIGIO, note, 0);
	t_ok(lease(fd, F_RDLCK));
	t_eq(fcntl(fd, F_GETOWN), pid);
	t_errno(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	t_exit(pid, 0);
	t_eq(got, 0);
	t_ok(close(fd));
}

/* Who may not signal a process does not reach it by a lease that it breaks itself. */
T_CASE(no_way_to_signal_others)
{
	int to[2], from[2];
	pid_t pid, victim = getpid();

	t_handler_info(SIGUSR2, note, 0);
	t_pipe(to);
	t_pipe(from);
	t_ok(chmod(".", 0777));
	T_CHILD(pid)
	{
		int fd;

		t_become(65534, 65534);
		t_spew("mine", "x");
		t_ok(chmod("mine", 0666));
		fd = open("mine", O_RDONLY);
		t_ok(fcntl(fd, F_SETSIG, SIGUSR2));
		t_ok(fcntl(fd, F_SETOWN, victim));
		t_ok(lease(fd, F_RDLCK));
		t_put(from[1]);
		t_get(to[0]);
		t_eq(of(fd), F_UNLCK);
	}
	t_get(from[0]);
	t_errno(open("mine", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	t_put(to[1]);
	t_exit(pid, 0);
	t_eq(got, 0);
}

/* The word that counts is that of who asks for the signal, not that of who opened the file. */
T_CASE(the_word_of_who_asks)
{
	int fd = fresh(O_RDONLY);
	pid_t pid, victim = getpid();

	t_handler_info(SIGUSR2, note, 0);
	t_ok(chown("f", 65534, 65534));
	T_CHILD(pid)
	{
		t_become(65534, 65534);
		t_ok(fcntl(fd, F_SETSIG, SIGUSR2));
		t_ok(fcntl(fd, F_SETOWN, victim));
		t_ok(lease(fd, F_RDLCK));
	}
	t_exit(pid, 0);
	t_eq(of(fd), F_RDLCK);
	t_errno(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	t_eq(got, 0);
	t_eq(of(fd), F_UNLCK);
	t_ok(fcntl(fd, F_SETOWN, victim)); /* whose word is enough */
	t_ok(lease(fd, F_UNLCK));
	t_ok(fcntl(fd, F_SETSIG, SIGUSR2));
	t_ok(lease(fd, F_RDLCK));
	t_errno(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	t_eq(got, SIGUSR2);
	t_ok(close(fd));
}

T_CASE(a_group_hears)
{
	int fd = fresh(O_RDONLY), ready[2];
	pid_t pid;

	t_pipe(ready);
	T_CHILD(pid)
	{
		siginfo_t info;

		block(SIGRTMIN);
		t_ok(setpgid(0, 0));
		t_put(ready[1]);
		t_eq(wait_signal(SIGRTMIN, &info), SIGRTMIN);
		t_eq(info.si_fd, fd);
	}
	t_get(ready[0]);
	t_ok(fcntl(fd, F_SETOWN, -pid));
	t_eq(fcntl(fd, F_GETOWN), -pid);
	t_ok(fcntl(fd, F_SETSIG, SIGRTMIN));
	t_ok(lease(fd, F_RDLCK));
	t_errno(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	t_exit(pid, 0);
	t_ok(close(fd));
}

/* What does not fit into the queue of signals becomes a plain SIGIO. */
T_CASE(no_room_for_the_signal)
{
	int fd = fresh(O_RDONLY);
	struct rlimit none = {0, 0};

	t_handler_info(SIGIO, note, 0);
	block(SIGRTMIN);
	t_ok(fcntl(fd, F_SETSIG, SIGRTMIN));
	t_ok(lease(fd, F_RDLCK));
	t_ok(setrlimit(RLIMIT_SIGPENDING, &none));
	t_errno(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	t_eq(got, SIGIO);
	t_eq(got_code, SI_KERNEL);
	t_ok(close(fd));
}

/* With the lease goes who was to hear of it; what F_SETLEASE says last counts. */
T_CASE(forgotten_with_the_lease)
{
	int fd = fresh(O_RDONLY), copy = dup(fd);

	t_handler_info(SIGUSR1, note, 0);
	t_ok(fcntl(fd, F_SETSIG, SIGUSR1));
	t_ok(fcntl(fd, F_SETOWN, getppid()));
	t_ok(lease(fd, F_RDLCK));
	t_eq(fcntl(fd, F_GETSIG), SIGUSR1);
	t_eq(fcntl(fd, F_GETOWN), getppid());
	t_ok(lease(fd, F_UNLCK));
	t_eq(fcntl(fd, F_GETSIG), 0);
	t_eq(fcntl(fd, F_GETOWN), 0);
	t_ok(fcntl(fd, F_SETSIG, SIGUSR1));
	t_ok(lease(fd, F_RDLCK));
	t_eq(fcntl(fd, F_GETOWN), getpid());
	t_ok(lease(copy, F_RDLCK));
	t_errno(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	t_eq(got, SIGUSR1);
	t_eq(got_fd, copy);
	t_ok(close(fd));
	t_ok(close(copy));
}

T_CASE(exec_breaks_it)
{
	int fd;
	siginfo_t info;
	pid_t pid;

	t_spew("f", "#!/nowhere\n");
	t_ok(chmod("f", 0755));
	fd = open("f", O_RDONLY);
	block(SIGIO);
	t_ok(lease(fd, F_RDLCK)); /* is not in the way */
	T_CHILD(pid)
	{
		t_errno(execl("f", "f", NULL), ENOENT);
	}
	t_exit(pid, 0);
	t_ok(lease(fd, F_WRLCK));
	T_CHILD(pid)
	{
		t_errno(execl("f", "f", NULL), ENOENT);
	}
	t_eq(wait_signal(SIGIO, &info), SIGIO);
	t_check(t_wait_state(pid, 'S'));
	t_eq(of(fd), F_RDLCK);
	t_ok(lease(fd, F_RDLCK));
	t_exit(pid, 0);
	t_ok(close(fd));
}

static const char *const TIME = "/proc/sys/fs/lease-break-time";

/* Two leases on a file of which one is given back, one runs out. */
T_CASE(the_time_runs_out)
{
	int a = fresh(O_RDONLY), b = open("f", O_RDONLY);
	char old[16];
	pid_t pid;

	t_slurp(TIME, old, sizeof(old));
	t_spew(TIME, "1\n");
	signal(SIGIO, SIG_IGN);
	t_ok(lease(a, F_RDLCK));
	t_ok(lease(b, F_RDLCK));
	T_CHILD(pid)
	{
		t_ok(open("f", O_WRONLY));
	}
	t_check(t_wait_state(pid, 'S'));
	t_eq(of(a), F_UNLCK);
	t_eq(of(b), F_UNLCK);
	t_ok(lease(a, F_UNLCK));
	t_exit(pid, 0);
	t_errno(lease(b, F_UNLCK), EAGAIN); /* gone */
	t_errno(lease(b, F_WRLCK), EAGAIN);
	t_ok(close(a));
	t_ok(lease(b, F_WRLCK));
	T_CHILD(pid)
	{
		t_ok(open("f", O_RDONLY));
	}
	t_exit(pid, 0);
	t_eq(of(b), F_RDLCK); /* that is what became of it */
	t_ok(lease(b, F_UNLCK));
	t_spew(TIME, old);
	t_ok(close(b));
}

/* Holders and openers on both sides; the end of everybody is the check. */
T_CASE(storm)
{
	pid_t pids[4];

	t_spew("f", "text");
	for (int k = 0; k < 4; k++) {
		T_CHILD(pids[k])
		{
			signal(SIGIO, SIG_IGN);
			for (int i = 0; i < 400; i++) {
				int fd = open("f", (k & 1 ? O_RDWR : O_RDONLY) | O_NONBLOCK);

				if (fd < 0 && errno != EWOULDBLOCK)
					t_ok(fd);
				if (fd >= 0 && lease(fd, k & 1 ? F_WRLCK : F_RDLCK) &&
					errno != EAGAIN)
					t_check(!"an unexpected error");
				if (fd >= 0)
					close(fd);
			}
		}
	}
	for (int k = 0; k < 4; k++)
		t_exit(pids[k], 0);
	t_ok(lease(open("f", O_RDWR), F_WRLCK)); /* nothing is left */
}
