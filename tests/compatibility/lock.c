/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* lock.c - flock, POSIX record locks and open-file-description locks. */
#include "t_.h"

#include <sys/file.h>

T_SUITE(lock);

static int file_of(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0)
		t_stop("open failed");
	return fd;
}

static int record(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return fcntl(fd, cmd, &lock);
}

/* The type that F_GETLK answers for an exclusive request; pid and range of the holder aside. */
static int asked(int fd, off_t start, off_t len, struct flock *out)
{
	*out = (struct flock){
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
	if (fcntl(fd, F_GETLK, out) < 0)
		return -1;
	return out->l_type;
}

T_CASE(flock_between_descriptions)
{
	int a = file_of("f"), b = file_of("f");

	t_ret(flock(a, LOCK_EX), 0);
	t_errno(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	t_errno(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	t_ret(flock(a, LOCK_SH), 0);
	t_ret(flock(b, LOCK_SH | LOCK_NB), 0);
	t_errno(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	t_ret(flock(b, LOCK_UN), 0);
	t_ret(flock(a, LOCK_EX | LOCK_NB), 0);
	t_errno(flock(a, 16), EINVAL);
	t_errno(flock(777, LOCK_SH), EBADF);
	int twin = dup(a);
	t_ret(flock(twin, LOCK_UN), 0); /* the description's, not the descriptor's */
	t_ret(flock(b, LOCK_EX | LOCK_NB), 0);
}

T_CASE(flock_follows_fork_and_close)
{
	int a = file_of("f"), b = file_of("f"), hold[2];
	pid_t pid;

	t_pipe(hold);
	t_ret(flock(a, LOCK_EX), 0);
	T_CHILD(pid)
	{
		t_get(hold[0]);
	}
	t_ret(close(a), 0);
	t_errno(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK); /* the child has it still */
	t_put(hold[1]);
	t_exit(pid, 0);
	t_ret(flock(b, LOCK_EX | LOCK_NB), 0);
}

T_CASE(flock_waits)
{
	int a = file_of("f"), up[2];
	pid_t pid;

	t_pipe(up);
	t_ret(flock(a, LOCK_EX), 0);
	T_CHILD(pid)
	{
		int b = file_of("f");
		t_put(up[1]);
		t_ret(flock(b, LOCK_EX), 0);
	}
	t_get(up[0]);
	t_check(t_wait_state(pid, 'S'));
	t_ret(waitpid(pid, NULL, WNOHANG), 0);
	t_ret(flock(a, LOCK_UN), 0);
	t_exit(pid, 0);
}

static void nothing(int sig)
{
}

T_CASE(waiting_lock_is_interrupted)
{
	int a = file_of("f"), up[2];
	pid_t pid;

	t_pipe(up);
	t_ret(flock(a, LOCK_EX), 0);
	t_ret(record(a, F_SETLK, F_WRLCK, 0, 0), 0);
	T_CHILD(pid)
	{
		int b = file_of("f");
		t_handler(SIGUSR1, nothing, 0);
		t_put(up[1]);
		t_errno(flock(b, LOCK_EX), EINTR);
		t_put(up[1]);
		t_errno(record(b, F_SETLKW, F_WRLCK, 0, 0), EINTR);
	}
	for (int i = 0; i < 2; i++) {
		t_get(up[0]);
		t_check(t_wait_state(pid, 'S'));
		t_ret(kill(pid, SIGUSR1), 0);
	}
	t_exit(pid, 0);
}

T_CASE(record_locks_between_processes)
{
	int fd = file_of("f");
	struct flock out;
	pid_t pid, parent = getpid();

	t_ret(record(fd, F_SETLK, F_WRLCK, 10, 10), 0);
	t_eq(asked(fd, 10, 10, &out), F_UNLCK); /* one's own never conflicts */
	T_CHILD(pid)
	{
		t_eq(asked(fd, 0, 0, &out), F_WRLCK);
		t_eq(out.l_pid, parent);
		t_eq(out.l_start, 10);
		t_eq(out.l_len, 10);
		t_eq(out.l_whence, SEEK_SET);
		t_errno(record(fd, F_SETLK, F_RDLCK, 15, 1), EAGAIN);
		t_ret(record(fd, F_SETLK, F_WRLCK, 0, 10), 0);
		t_ret(record(fd, F_SETLK, F_WRLCK, 20, 0), 0);
		t_eq(asked(fd, 0, 10, &out), F_UNLCK);
	}
	t_exit(pid, 0);
	t_eq(asked(fd, 0, 0, &out), F_UNLCK); /* a process's locks die with it */
}

T_CASE(record_locks_split_and_merge)
{
	int fd = file_of("f");
	struct flock out;
	pid_t pid;

	t_ret(record(fd, F_SETLK, F_WRLCK, 0, 30), 0);
	t_ret(record(fd, F_SETLK, F_UNLCK, 10, 10), 0);
	t_ret(record(fd, F_SETLK, F_RDLCK, 25, 5), 0);
	T_CHILD(pid)
	{
		t_eq(asked(fd, 0, 100, &out), F_WRLCK);
		t_eq(out.l_start * 1000 + out.l_len, 10);
		t_eq(asked(fd, 10, 10, &out), F_UNLCK);
		t_eq(asked(fd, 12, 100, &out), F_WRLCK);
		t_eq(out.l_start * 1000 + out.l_len, 20005);
		t_eq(asked(fd, 25, 5, &out), F_RDLCK);
		t_ret(record(fd, F_SETLK, F_RDLCK, 25, 5), 0);
		t_errno(record(fd, F_SETLK, F_WRLCK, 25, 5), EAGAIN);
	}
	t_exit(pid, 0);
	t_ret(record(fd, F_SETLK, F_WRLCK, 10, 10), 0);
	t_ret(record(fd, F_SETLK, F_WRLCK, 25, 5), 0);
	T_CHILD(pid)
	{
		t_eq(asked(fd, 0, 0, &out), F_WRLCK);
		t_eq(out.l_start * 1000 + out.l_len, 30);
	}
	t_exit(pid, 0);
}

T_CASE(record_locks_fall_on_any_close)
{
	int fd = file_of("f"), other;
	struct flock out;
	pid_t pid;

	t_ret(record(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	other = file_of("f");
	close(other);
	T_CHILD(pid)
	{
		t_eq(asked(fd, 0, 0, &out), F_UNLCK);
	}
	t_exit(pid, 0);
}

T_CASE(record_lock_waits_and_deadlock_is_seen)
{
	int fd = file_of("f"), up[2], down[2];
	pid_t pid;

	t_pipe(up);
	t_pipe(down);
	t_ret(record(fd, F_SETLK, F_WRLCK, 0, 1), 0);
	T_CHILD(pid)
	{
		t_ret(record(fd, F_SETLK, F_WRLCK, 1, 1), 0);
		t_put(up[1]);
		t_ret(record(fd, F_SETLKW, F_WRLCK, 0, 1), 0);
	}
	t_get(up[0]);
	t_check(t_wait_state(pid, 'S'));
	t_errno(record(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	t_ret(record(fd, F_SETLK, F_UNLCK, 0, 1), 0);
	t_exit(pid, 0);
	t_ret(record(fd, F_SETLKW, F_WRLCK, 1, 1), 0);
}

T_CASE(record_lock_errors)
{
	int fd = file_of("f"), ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);

	t_errno(record(ro, F_SETLK, F_WRLCK, 0, 0), EBADF);
	t_errno(record(wo, F_SETLK, F_RDLCK, 0, 0), EBADF);
	t_errno(record(fd, F_SETLK, 99, 0, 0), EINVAL);
	t_errno(record(fd, F_SETLK, F_WRLCK, -1, 0), EINVAL);
	t_errno(record(fd, F_SETLK, F_WRLCK, 5, -10), EINVAL);
	t_errno(record(777, F_SETLK, F_WRLCK, 0, 0), EBADF);
	t_errno(fcntl(fd, F_GETLK, (void *)8), EFAULT);
	t_errno(fcntl(fd, F_SETLK, (void *)8), EFAULT);
	t_ret(record(fd, F_SETLK, F_WRLCK, 10, -5), 0); /* bytes 5 to 9 */
	struct flock out;
	pid_t pid;
	T_CHILD(pid)
	{
		t_eq(asked(fd, 0, 0, &out), F_WRLCK);
		t_eq(out.l_start * 1000 + out.l_len, 5005);
	}
	t_exit(pid, 0);
}

T_CASE(record_lock_from_end)
{
	int fd = file_of("f");
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 1};
	struct flock out;
	pid_t pid;

	t_ret(write(fd, "0123456789", 10), 10);
	t_ret(fcntl(fd, F_SETLK, &lock), 0);
	T_CHILD(pid)
	{
		t_eq(asked(fd, 0, 0, &out), F_WRLCK);
		t_eq(out.l_start, 8);
	}
	t_exit(pid, 0);
}

T_CASE(description_locks)
{
	int a = file_of("f"), b = file_of("f");
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};

	t_ret(fcntl(a, F_OFD_SETLK, &lock), 0);
	t_errno(fcntl(b, F_OFD_SETLK, &lock), EAGAIN);
	struct flock out = lock;
	t_ret(fcntl(b, F_OFD_GETLK, &out), 0);
	t_eq(out.l_type, F_WRLCK);
	t_eq(out.l_pid, -1);
	close(file_of("f")); /* another close changes nothing */
	t_errno(fcntl(b, F_OFD_SETLK, &lock), EAGAIN);
	t_ret(close(a), 0);
	t_ret(fcntl(b, F_OFD_SETLK, &lock), 0);
	lock.l_pid = 5;
	t_errno(fcntl(b, F_OFD_SETLK, &lock), EINVAL);
}
