/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* pipe.c - pipes and FIFOs: order, atomicity, blocking, ends that close. */
#include "t_.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

T_SUITE(pipe);

static volatile int hits;

static void count(int sig)
{
	hits++;
}

static long fill(int fd)
{
	static char block[4096];
	long sum = 0, n;

	while ((n = write(fd, block, sizeof(block))) > 0)
		sum += n;
	while ((n = write(fd, block, 1)) > 0)
		sum += n;
	return sum;
}

T_CASE(pipe2_flags)
{
	int fds[2];

	t_ret(pipe2(fds, 0), 0);
	t_eq(fds[0], 3);
	t_eq(fds[1], 4);
	t_ret(fcntl(fds[0], F_GETFD), 0);
	t_eq(fcntl(fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	t_eq(fcntl(fds[1], F_GETFL) & O_ACCMODE, O_WRONLY);
	t_ret(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	t_ret(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
	t_eq(fcntl(fds[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	t_errno(pipe2(fds, O_APPEND), EINVAL);
	t_errno(syscall(SYS_pipe2, (void *)8, 0), EFAULT);
	t_eq(open(".", O_RDONLY), 7); /* the failed calls kept nothing */
	struct stat st;
	t_ret(fstat(fds[0], &st), 0);
	t_check(S_ISFIFO(st.st_mode));
}

T_CASE(bytes_in_order)
{
	char buf[64] = "";
	int fds[2], left;

	t_pipe(fds);
	t_ret(write(fds[1], "hello ", 6), 6);
	t_ret(write(fds[1], "world", 5), 5);
	t_ret(ioctl(fds[0], FIONREAD, &left), 0);
	t_eq(left, 11);
	t_ret(read(fds[0], buf, 3), 3);
	t_str(buf, "hel");
	t_ret(read(fds[0], buf, sizeof(buf)), 8);
	t_mem(buf, "lo world", 8);
	t_errno(write(fds[0], "x", 1), EBADF);
	t_errno(read(fds[1], buf, 1), EBADF);
	t_ret(write(fds[1], buf, 0), 0);
	t_errno(write(fds[1], (void *)8, 1), EFAULT);
	t_ret(write(fds[1], "z", 1), 1);
	t_errno(read(fds[0], (void *)8, 1), EFAULT);
	t_errno(lseek(fds[0], 0, SEEK_SET), ESPIPE);
}

T_CASE(end_of_file_and_sigpipe)
{
	char byte;
	int fds[2];
	pid_t pid;

	t_pipe(fds);
	t_ret(write(fds[1], "x", 1), 1);
	t_ret(close(fds[1]), 0);
	t_ret(read(fds[0], &byte, 1), 1);
	t_ret(read(fds[0], &byte, 1), 0);
	t_ret(read(fds[0], &byte, 1), 0);
	t_pipe(fds);
	close(fds[0]);
	pid = t_fork();
	if (pid == 0)
		_exit((int)write(fds[1], "x", 1));
	t_killed(pid, SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	t_errno(write(fds[1], "x", 1), EPIPE);
	t_handler(SIGPIPE, count, 0);
	t_errno(write(fds[1], "x", 1), EPIPE);
	t_eq(hits, 1);
	t_ret(write(fds[1], "x", 0), 0);
}

T_CASE(nonblocking_edges)
{
	char byte;
	int fds[2];

	t_ret(pipe2(fds, O_NONBLOCK), 0);
	t_errno(read(fds[0], &byte, 1), EAGAIN);
	t_eq(fill(fds[1]), 65536);
	t_errno(write(fds[1], "x", 1), EAGAIN);
	static char big[8192];
	t_ret(read(fds[0], big, 4096), 4096);
	t_ret(write(fds[1], big, 4096), 4096);
	t_errno(write(fds[1], big, 1), EAGAIN);
	t_ret(read(fds[0], big, 8192), 8192);
	t_errno(read(fds[0], (void *)8, 0) == 0 ? write(777, "", 1) : 0, EBADF);
	/* more than PIPE_BUF may be taken in part */
	static char huge[70000];
	t_ret(read(fds[0], huge, 65536), 57344);
	t_ret(write(fds[1], huge, 70000), 65536);
}

T_CASE(pipe_buf_is_all_or_nothing)
{
	static char block[PIPE_BUF];
	int fds[2];

	t_ret(pipe2(fds, O_NONBLOCK), 0);
	t_eq(fill(fds[1]), 65536);
	t_ret(read(fds[0], block, 100), 100);
	t_errno(write(fds[1], block, PIPE_BUF), EAGAIN);
}

T_CASE(pipe_size)
{
	int fds[2];

	t_ret(pipe2(fds, O_NONBLOCK), 0);
	t_ret(fcntl(fds[0], F_GETPIPE_SZ), 65536);
	t_ret(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
	t_eq(fill(fds[1]), 4096);
	t_ret(fcntl(fds[1], F_SETPIPE_SZ, 100000), 131072);
	t_eq(fill(fds[1]), 131072 - 4096);
	t_errno(fcntl(fds[1], F_SETPIPE_SZ, 4096), EBUSY);
	t_errno(fcntl(open(".", O_RDONLY), F_GETPIPE_SZ), EBADF);
}

enum { WRITERS = 4, BLOCKS = 60, BLOCK = 512 };

T_CASE_LIMIT(small_writes_are_atomic, 30)
{
	int fds[2], mixed = 0, counts[WRITERS] = {0};
	char block[BLOCK];
	pid_t pids[WRITERS];
	size_t have = 0;
	ssize_t n;

	t_pipe(fds);
	for (int w = 0; w < WRITERS; w++) {
		T_CHILD(pids[w])
		{
			memset(block, 'a' + w, BLOCK);
			for (int i = 0; i < BLOCKS; i++)
				t_check(write(fds[1], block, BLOCK) == BLOCK);
		}
	}
	close(fds[1]);
	while ((n = read(fds[0], block + have, BLOCK - have)) > 0) {
		have += n;
		if (have < BLOCK)
			continue;
		have = 0;
		for (int i = 1; i < BLOCK; i++)
			mixed += block[i] != block[0];
		counts[block[0] - 'a']++;
	}
	t_eq(mixed, 0);
	t_eq(have, 0);
	for (int w = 0; w < WRITERS; w++) {
		t_eq(counts[w], BLOCKS);
		t_exit(pids[w], 0);
	}
}

T_CASE_LIMIT(large_transfer, 30)
{
	enum { TOTAL = 1 << 20 };
	static char out[100000], in[7777];
	unsigned wrong = 0;
	long got = 0;
	int fds[2];
	pid_t pid;

	t_pipe(fds);
	T_CHILD(pid)
	{
		close(fds[0]);
		for (long at = 0; at < TOTAL;) {
			long len = TOTAL - at < (long)sizeof(out) ? TOTAL - at : (long)sizeof(out);
			for (long i = 0; i < len; i++)
				out[i] = (char)((at + i) * 7 >> 3);
			if (write(fds[1], out, len) != len)
				_exit(1);
			at += len;
		}
	}
	close(fds[1]);
	for (ssize_t n; (n = read(fds[0], in, sizeof(in))) > 0; got += n) {
		for (ssize_t i = 0; i < n; i++)
			wrong += in[i] != (char)((got + i) * 7 >> 3);
	}
	t_eq(got, TOTAL);
	t_eq(wrong, 0);
	t_exit(pid, 0);
}

T_CASE(blocked_writer_wakes)
{
	int fds[2], status;
	static char block[4096];
	pid_t pid;

	t_pipe(fds);
	T_CHILD(pid)
	{
		static char big[65536 + 10];
		t_ret(write(fds[1], big, sizeof(big)), sizeof(big));
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(waitpid(pid, &status, WNOHANG), 0);
	t_ret(read(fds[0], block, sizeof(block)), sizeof(block));
	t_exit(pid, 0);
}

T_CASE(blocked_writer_sees_the_reader_go)
{
	int fds[2];
	pid_t pid;

	t_pipe(fds);
	T_CHILD(pid)
	{
		static char big[70000];
		close(fds[0]);
		signal(SIGPIPE, SIG_IGN);
		t_ret(write(fds[1], big, sizeof(big)), 65536);
		t_errno(write(fds[1], big, 1), EPIPE);
	}
	t_check(t_wait_state(pid, 'S'));
	close(fds[0]);
	t_exit(pid, 0);
}

T_CASE(interrupted_writer_returns_its_part)
{
	int fds[2], up[2];
	pid_t pid;

	t_pipe(fds);
	t_pipe(up);
	T_CHILD(pid)
	{
		static char big[70000];
		t_handler(SIGUSR1, count, 0);
		t_put(up[1]);
		t_ret(write(fds[1], big, sizeof(big)), 65536);
		t_put(up[1]);
		t_errno(write(fds[1], big, 1), EINTR);
	}
	for (int i = 0; i < 2; i++) {
		t_get(up[0]);
		t_check(t_wait_state(pid, 'S'));
		t_ret(kill(pid, SIGUSR1), 0);
	}
	t_exit(pid, 0);
}

T_CASE(reader_sees_the_last_writer_go)
{
	int fds[2], hold[2];
	pid_t pid;
	char byte;

	t_pipe(fds);
	t_pipe(hold);
	T_CHILD(pid)
	{
		close(fds[0]);
		t_get(hold[0]);
	}
	close(fds[1]);
	struct pollfd p = {.fd = fds[0], .events = POLLIN};
	t_ret(poll(&p, 1, 0), 0);
	t_put(hold[1]);
	t_ret(read(fds[0], &byte, 1), 0);
	t_exit(pid, 0);
}

/* ---- FIFOs ---- */

T_CASE(fifo_opens_meet)
{
	char buf[8] = "";
	int fd;
	pid_t pid;

	t_ret(mknod("fifo", S_IFIFO | 0600, 0), 0);
	t_errno(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	t_ok(fd = open("fifo", O_RDONLY | O_NONBLOCK));
	t_ret(read(fd, buf, 1), 0); /* no writer yet: the end */
	close(fd);
	T_CHILD(pid)
	{
		int out = open("fifo", O_WRONLY);
		t_ok(out);
		t_ret(write(out, "through", 7), 7);
	}
	t_check(t_wait_state(pid, 'S'));
	t_ok(fd = open("fifo", O_RDONLY));
	t_exit(pid, 0);
	t_ret(read(fd, buf, 7), 7);
	t_str(buf, "through");
	t_ret(read(fd, buf, 1), 0);
}

T_CASE(fifo_read_write_and_stat)
{
	struct stat st;
	char byte;
	int fd, other;

	t_ret(mkfifo("fifo", 0640), 0);
	t_ok(fd = open("fifo", O_RDWR | O_NONBLOCK));
	t_errno(read(fd, &byte, 1), EAGAIN);
	t_ret(write(fd, "q", 1), 1);
	t_ret(read(fd, &byte, 1), 1);
	t_eq(byte, 'q');
	t_ok(other = open("fifo", O_WRONLY | O_NONBLOCK));
	t_ret(write(other, "w", 1), 1);
	t_ret(unlink("fifo"), 0);
	t_ret(read(fd, &byte, 1), 1);
	t_eq(byte, 'w');
	t_ret(fstat(fd, &st), 0);
	t_eq(st.st_mode, S_IFIFO | 0640);
	t_eq(st.st_nlink, 0);
}

T_CASE(fifo_open_interrupted)
{
	int up[2];
	pid_t pid;

	t_pipe(up);
	t_ret(mkfifo("fifo", 0600), 0);
	T_CHILD(pid)
	{
		t_handler(SIGUSR1, count, 0);
		t_put(up[1]);
		t_errno(open("fifo", O_RDONLY), EINTR);
	}
	t_get(up[0]);
	t_check(t_wait_state(pid, 'S'));
	t_ret(kill(pid, SIGUSR1), 0);
	t_exit(pid, 0);
}

T_CASE(pipe_through_proc)
{
	char path[32], byte;
	int fds[2], again;

	t_pipe(fds);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
	t_ok(again = open(path, O_WRONLY));
	close(fds[1]);
	t_ret(write(again, "x", 1), 1);
	t_ret(read(fds[0], &byte, 1), 1);
	close(again);
	t_ret(read(fds[0], &byte, 1), 0);
}

/* ---- packets: pipe2(2), O_DIRECT ---- */

T_CASE(packets)
{
	static char big[3 * PIPE_BUF];
	int fds[2], left = 0;

	t_ret(pipe2(fds, O_DIRECT | O_NONBLOCK), 0);
	t_eq(fcntl(fds[1], F_GETFL) & O_DIRECT, O_DIRECT);
	t_ret(write(fds[1], big, 100), 100);
	t_ret(write(fds[1], big, 50), 50);
	t_ret(ioctl(fds[0], FIONREAD, &left), 0);
	t_eq(left, 150);
	t_ret(read(fds[0], big, sizeof(big)), 100); /* one packet a read */
	t_ret(read(fds[0], big, 20), 20);           /* the rest of it is lost */
	t_errno(read(fds[0], big, 20), EAGAIN);
	/* longer ones are split */
	t_ret(write(fds[1], big, 2 * PIPE_BUF + 10), 2 * PIPE_BUF + 10);
	t_ret(read(fds[0], big, sizeof(big)), PIPE_BUF);
	t_ret(read(fds[0], big, sizeof(big)), PIPE_BUF);
	t_ret(read(fds[0], big, sizeof(big)), 10);
	/* each takes a slot, however short */
	for (int i = 0; i < 16; i++)
		t_ret(write(fds[1], "x", 1), 1);
	t_errno(write(fds[1], "x", 1), EAGAIN);
	t_ret(write(fds[1], "", 0), 0);
	for (int i = 0; i < 16; i++)
		t_ret(read(fds[0], big, 2), 1);
	t_errno(read(fds[0], big, 2), EAGAIN);
}

T_CASE(packets_on_and_off)
{
	char text[16];
	int fds[2];

	t_ret(pipe2(fds, O_NONBLOCK), 0);
	t_ret(write(fds[1], "ab", 2), 2);
	t_ret(fcntl(fds[1], F_SETFL, O_DIRECT | O_NONBLOCK), 0);
	t_ret(write(fds[1], "cd", 2), 2);
	t_ret(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	t_ret(write(fds[1], "ef", 2), 2);
	t_ret(read(fds[0], text, 16), 6); /* behind bytes a packet is bytes */
	t_mem(text, "abcdef", 6);
	t_ret(fcntl(fds[1], F_SETFL, O_DIRECT | O_NONBLOCK), 0);
	t_ret(write(fds[1], "ab", 2), 2);
	t_ret(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	t_ret(write(fds[1], "cd", 2), 2); /* not into the packet */
	t_ret(write(fds[1], "ef", 2), 2);
	t_ret(read(fds[0], text, 16), 2);
	t_mem(text, "ab", 2);
	t_ret(read(fds[0], text, 16), 4);
	t_mem(text, "cdef", 4);
}

T_CASE(packets_by_writev)
{
	char a[3], b[5], text[16];
	struct iovec out[2] = {{"abc", 3}, {"defgh", 5}}, in[2] = {{a, 3}, {b, 5}};
	int fds[2];

	t_ret(pipe2(fds, O_DIRECT | O_NONBLOCK), 0);
	t_ret(writev(fds[1], out, 2), 8);
	t_ret(writev(fds[1], out, 2), 8);
	t_ret(readv(fds[0], in, 2), 8);
	t_mem(a, "abc", 3);
	t_mem(b, "defgh", 5);
	t_ret(read(fds[0], text, 16), 8);
	t_errno(read(fds[0], text, 16), EAGAIN);
}

/* ---- sizes ---- */

static bool may_exceed(void)
{
	unsigned long long effective = 0;
	char text[4096] = "";
	const char *at;

	t_slurp("/proc/self/status", text, sizeof(text));
	at = strstr(text, "CapEff:");
	return at && sscanf(at, "CapEff: %llx", &effective) == 1 && effective >> 24 & 1;
}

T_CASE(size_limits)
{
	char text[32] = "";
	int fds[2];

	t_ret(pipe(fds), 0);
	t_ret(fcntl(fds[1], F_SETPIPE_SZ, 0), 4096);
	t_ret(fcntl(fds[1], F_SETPIPE_SZ, 1), 4096);
	t_ret(fcntl(fds[1], F_SETPIPE_SZ, 3 * 4096), 4 * 4096);
	t_errno(fcntl(fds[1], F_SETPIPE_SZ, -1), EINVAL);
	t_errno(fcntl(fds[1], F_SETPIPE_SZ, (1ul << 31) + 1), EINVAL);
	t_ok(t_slurp("/proc/sys/fs/pipe-max-size", text, sizeof(text)));
	t_str(text, "1048576\n");
	/* who has CAP_SYS_RESOURCE, which not every container's root has, is not held to it */
	t_ret(fcntl(fds[1], F_SETPIPE_SZ, 2097152) - 2097152, may_exceed() ? 0 : -1 - 2097152);
	t_ret(fcntl(fds[1], F_SETPIPE_SZ, 65536), 65536);
	t_become(1000, 1000);
	t_ret(fcntl(fds[1], F_SETPIPE_SZ, 1048576), 1048576);
	t_errno(fcntl(fds[1], F_SETPIPE_SZ, 1048577), EPERM);
	t_errno(fcntl(fds[1], F_SETPIPE_SZ, -1), EINVAL);
}

T_CASE(growing_wakes_the_writer)
{
	char byte = 'x';
	int fds[2];
	pid_t pid;

	t_pipe(fds);
	t_ret(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
	T_CHILD(pid)
	{
		static char block[8192];

		t_ret(write(fds[1], block, sizeof(block)), sizeof(block));
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(fcntl(fds[0], F_SETPIPE_SZ, 8192), 8192);
	t_exit(pid, 0);
	t_ret(read(fds[0], &byte, 1), 1);
}

/* What was taken before the reader went counts; the signal comes all the same. */
static volatile sig_atomic_t broken_pipes;

static void count_broken(int sig)
{
	broken_pipes += sig == SIGPIPE;
}

T_CASE(part_written_when_the_reader_goes)
{
	static char block[100000];
	int fds[2], ready[2];
	pid_t pid;

	t_pipe(fds);
	t_pipe(ready);
	T_CHILD(pid)
	{
		close(fds[0]);
		t_handler(SIGPIPE, count_broken, 0);
		t_put(ready[1]);
		t_ret(write(fds[1], block, sizeof(block)), 65536);
		t_eq(broken_pipes, 1);
		t_errno(write(fds[1], block, 1), EPIPE);
		t_eq(broken_pipes, 2);
		t_ret(write(fds[1], block, 0), 0);
		t_eq(broken_pipes, 2);
	}
	t_get(ready[0]);
	t_check(t_wait_state(pid, 'S'));
	close(fds[0]);
	t_exit(pid, 0);
}

/* A write that may not be split waits for a slot of its own, and nothing goes in between. */
T_CASE(a_small_write_waits_for_room_of_its_own)
{
	static char block[PIPE_BUF], got[2 * PIPE_BUF];
	int fds[2];
	pid_t pid;

	t_pipe(fds);
	t_ret(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
	t_ret(write(fds[1], block, 4000), 4000);
	T_CHILD(pid)
	{
		memset(block, 'b', sizeof(block));
		t_ret(write(fds[1], block, sizeof(block)), sizeof(block));
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(write(fds[1], "aaaa", 4), 4); /* this has room */
	t_ret(read(fds[0], got, 1000), 1000);
	t_check(t_wait_state(pid, 'S'));
	t_ret(read(fds[0], got, 3004), 3004);
	t_mem(got + 3000, "aaaa", 4);
	t_ret(read(fds[0], got, sizeof(got)), PIPE_BUF);
	t_eq(got[0] == 'b' && got[PIPE_BUF - 1] == 'b', 1);
	t_exit(pid, 0);
}
