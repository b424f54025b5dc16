/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* splice.c - splice, tee, vmsplice, copy_file_range, preadv2, pwritev2, process_vm_readv and
 * process_vm_writev. */
#include "t_.h"

#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

T_SUITE(splice);

static int file_with(const char *name, const char *text)
{
	t_spew(name, text);
	return open(name, O_RDWR);
}

T_CASE(splice_file_to_pipe)
{
	int fd = file_with("a", "0123456789"), fds[2];
	char buf[16] = "";
	loff_t at = 4;

	t_pipe(fds);
	t_ret(splice(fd, NULL, fds[1], NULL, 4, 0), 4);
	t_ret(lseek(fd, 0, SEEK_CUR), 4);
	t_ret(read(fds[0], buf, 16), 4);
	t_mem(buf, "0123", 4);
	t_ret(splice(fd, &at, fds[1], NULL, 100, 0), 6);
	t_eq(at, 10);
	t_ret(lseek(fd, 0, SEEK_CUR), 4);
	t_ret(read(fds[0], buf, 16), 6);
	t_mem(buf, "456789", 6);
	t_ret(splice(fd, &at, fds[1], NULL, 100, 0), 0);
	t_ret(splice(fd, NULL, fds[1], NULL, 0, 0), 0);
}

T_CASE(splice_pipe_to_file)
{
	int fd = open("b", O_RDWR | O_CREAT, 0600), fds[2];
	char buf[16] = "";
	loff_t at = 2;

	t_pipe(fds);
	t_ret(write(fds[1], "abcdef", 6), 6);
	t_ret(splice(fds[0], NULL, fd, NULL, 4, 0), 4);
	t_ret(lseek(fd, 0, SEEK_CUR), 4);
	t_ret(splice(fds[0], NULL, fd, &at, 100, SPLICE_F_MOVE), 2);
	t_eq(at, 4);
	t_ret(pread(fd, buf, 16, 0), 4);
	t_mem(buf, "abef", 4);
	t_errno(splice(fds[0], NULL, fd, NULL, 5, SPLICE_F_NONBLOCK), EAGAIN);
	close(fds[1]);
	t_ret(splice(fds[0], NULL, fd, NULL, 5, 0), 0);
}

T_CASE(splice_pipe_to_pipe)
{
	static char big[300000], back[300000];
	int a[2], b[2];
	size_t got = 0;
	ssize_t n;
	pid_t pid;

	t_pipe(a);
	t_pipe(b);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 4096);
	T_CHILD(pid)
	{
		close(a[0]);
		for (size_t sent = 0; sent < sizeof(big); sent += (size_t)n)
			n = write(a[1], big + sent, sizeof(big) - sent);
		close(a[1]);
	}
	close(a[1]);
	pid_t mover;
	T_CHILD(mover)
	{
		close(b[0]);
		while ((n = splice(a[0], NULL, b[1], NULL, 1 << 20, 0)) > 0)
			;
		t_eq(n, 0);
	}
	close(b[1]);
	while ((n = read(b[0], back + got, sizeof(back) - got)) > 0)
		got += (size_t)n;
	t_eq(got, sizeof(big));
	t_mem(back, big, sizeof(big));
	t_exit(pid, 0);
	t_exit(mover, 0);
}

T_CASE(splice_sockets)
{
	int s[2], p[2];
	char buf[8] = "";

	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	t_pipe(p);
	t_ret(write(s[0], "hello", 5), 5);
	t_ret(splice(s[1], NULL, p[1], NULL, 100, 0), 5);
	t_ret(splice(p[0], NULL, s[1], NULL, 5, 0), 5);
	t_ret(read(s[0], buf, 8), 5);
	t_str(buf, "hello");
}

T_CASE(splice_errors)
{
	int fd = file_with("c", "text"), dir = open(".", O_RDONLY), other = file_with("d", "x");
	int append = open("d", O_WRONLY | O_APPEND), fds[2];
	loff_t at = 0, before = -1;

	t_pipe(fds);
	t_put(fds[1]);
	t_errno(splice(fd, NULL, other, NULL, 4, 0), EINVAL);
	t_errno(splice(fds[0], &at, fd, NULL, 4, 0), ESPIPE);
	t_errno(splice(fd, NULL, fds[1], &at, 4, 0), ESPIPE);
	t_errno(splice(fds[0], NULL, fds[1], NULL, 4, 0), EINVAL);
	t_errno(splice(fds[0], NULL, append, NULL, 1, 0), EINVAL);
	t_errno(splice(dir, NULL, fds[1], NULL, 4, 0), EINVAL);
	t_errno(splice(777, NULL, fds[1], NULL, 4, 0), EBADF);
	t_errno(splice(fd, NULL, 777, NULL, 4, 0), EBADF);
	t_errno(splice(fds[1], NULL, fd, NULL, 4, 0), EBADF);
	t_errno(splice(fd, NULL, fds[1], NULL, 4, 64), EINVAL);
	t_errno(splice(fd, (void *)8, fds[1], NULL, 4, 0), EFAULT);
	t_errno(splice(fd, &before, fds[1], NULL, 4, 0), EINVAL);
	signal(SIGPIPE, SIG_IGN);
	close(fds[0]);
	t_errno(splice(fd, NULL, fds[1], NULL, 4, 0), EPIPE);
}

T_CASE(splice_keeps_what_was_not_written)
{
	static char filler[65536];
	char buf[8] = "";
	int p[2], s[2];

	t_pipe(p);
	t_ret(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
	while (write(s[0], filler, sizeof(filler)) > 0 || write(s[0], filler, 1) > 0)
		;
	t_ret(write(p[1], "keep", 4), 4);
	t_errno(splice(p[0], NULL, s[0], NULL, 4, 0), EAGAIN);
	t_ret(read(p[0], buf, 8), 4);
	t_mem(buf, "keep", 4);
}

T_CASE(tee_copies)
{
	int a[2], b[2];
	char buf[8] = "";

	t_pipe(a);
	t_pipe(b);
	t_ret(write(a[1], "twice", 5), 5);
	t_ret(tee(a[0], b[1], 3, 0), 3);
	t_ret(tee(a[0], b[1], 100, 0), 5);
	t_ret(read(b[0], buf, 8), 8);
	t_mem(buf, "twitwice", 8);
	t_ret(read(a[0], buf, 8), 5);
	t_errno(tee(a[0], b[1], 5, SPLICE_F_NONBLOCK), EAGAIN);
	t_errno(tee(a[0], a[1], 5, 0), EINVAL);
	t_errno(tee(a[0], open("/dev/null", O_WRONLY), 5, 0), EINVAL);
	t_errno(tee(777, b[1], 5, 0), EBADF);
	t_errno(tee(a[0], b[1], 5, 64), EINVAL);
	close(a[1]);
	t_ret(tee(a[0], b[1], 5, 0), 0);
}

T_CASE(vmsplice_both_ways)
{
	struct iovec out[2] = {{(char[]){"one"}, 3}, {(char[]){"two"}, 3}};
	char buf[8] = "";
	struct iovec in = {buf, sizeof(buf)}, bad = {(void *)8, 4};
	int p[2];

	t_pipe(p);
	t_ret(vmsplice(p[1], out, 2, 0), 6);
	t_ret(vmsplice(p[0], &in, 1, 0), 6);
	t_str(buf, "onetwo");
	t_errno(vmsplice(p[1], &bad, 1, 0), EFAULT);
	t_errno(vmsplice(open("/dev/null", O_WRONLY), out, 1, 0), EBADF);
	t_errno(vmsplice(777, out, 1, 0), EBADF);
	t_errno(vmsplice(p[1], out, 1, 64), EINVAL);
	t_errno(vmsplice(p[1], out, 5000, 0), EINVAL);
}

T_CASE(vectors_with_flags)
{
	char a[3] = "", b[8] = "";
	struct iovec in[2] = {{a, 2}, {b, 7}}, out = {(char[]){"XY"}, 2};
	int fd = file_with("v", "abcdefgh"), p[2];

	t_pipe(p);
	t_ret(preadv2(fd, in, 2, 1, 0), 7);
	t_str(a, "bc");
	t_str(b, "defgh");
	t_ret(lseek(fd, 0, SEEK_CUR), 0);
	t_ret(preadv2(fd, in, 1, -1, 0), 2);
	t_str(a, "ab");
	t_ret(lseek(fd, 0, SEEK_CUR), 2);
	t_ret(pwritev2(fd, &out, 1, -1, RWF_DSYNC), 2);
	t_ret(pwritev2(fd, &out, 1, 6, RWF_SYNC | RWF_HIPRI), 2);
	t_ret(lseek(fd, 0, SEEK_CUR), 4);
	t_ret(pread(fd, b, 8, 0), 8);
	t_mem(b, "abXYefXY", 8);
	t_errno(preadv2(fd, in, 1, -2, 0), EINVAL);
	t_errno(preadv2(fd, in, 1, 0, 1 << 30), EOPNOTSUPP);
	t_errno(pwritev2(fd, &out, 1, 0, 1 << 30), EOPNOTSUPP);
	t_errno(preadv2(777, in, 1, 0, 0), EBADF);
	t_errno(preadv2(p[0], in, 1, 0, 0), ESPIPE);
	t_ret(pwritev2(p[1], &out, 1, -1, 0), 2);
	t_ret(preadv2(p[0], in, 1, -1, 0), 2);
	t_str(a, "XY");
	t_ret(preadv2(fd, in, 0, 0, 1 << 30), 0); /* of nothing, no flag is looked at */
}

/* Files that are never slow know RWF_NOWAIT; those that may wait, wait not. */
T_CASE(vectors_that_do_not_wait)
{
	char eight[8] = "";
	struct iovec v = {eight, 8};
	int p[2], s[2], event = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
	int zero = open("/dev/zero", O_RDWR);

	t_pipe(p);
	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	t_errno(preadv2(p[0], &v, 1, -1, RWF_NOWAIT), EAGAIN);
	t_errno(preadv2(s[0], &v, 1, -1, RWF_NOWAIT), EAGAIN);
	t_errno(preadv2(event, &v, 1, -1, RWF_NOWAIT), EAGAIN);
	t_errno(preadv2(timer, &v, 1, -1, RWF_NOWAIT), EAGAIN);
	t_ret(preadv2(zero, &v, 1, 0, RWF_NOWAIT), 8);
	t_ret(pwritev2(zero, &v, 1, 0, RWF_NOWAIT), 8);
	while (pwritev2(p[1], &v, 1, -1, RWF_NOWAIT) == 8)
		;
	t_errno(pwritev2(p[1], &v, 1, -1, RWF_NOWAIT), EAGAIN);
	while (pwritev2(s[1], &v, 1, -1, RWF_NOWAIT) == 8)
		;
	t_errno(pwritev2(s[1], &v, 1, -1, RWF_NOWAIT), EAGAIN);
	t_ret(preadv2(s[0], &v, 1, -1, RWF_NOWAIT), 8);
	t_ret(preadv2(p[0], &v, 1, -1, RWF_NOWAIT), 8);
	t_check(!(fcntl(p[0], F_GETFL) & O_NONBLOCK)); /* but for that one call */
	t_errno(preadv2(p[0], &v, 1, 0, RWF_NOWAIT), ESPIPE);
	t_errno(preadv2(open("/proc/self/stat", O_RDONLY), &v, 1, 0, RWF_NOWAIT), EOPNOTSUPP);
	t_errno(preadv2(inotify_init(), &v, 1, -1, RWF_NOWAIT), EOPNOTSUPP);
}

T_CASE(vectors_at_the_end)
{
	char text[16] = "XY";
	struct iovec v = {text, 2};
	int fd = file_with("v", "abcdef"), p[2];

	t_ret(lseek(fd, 1, SEEK_SET), 1);
	t_ret(pwritev2(fd, &v, 1, 0, RWF_APPEND), 2);
	t_ret(lseek(fd, 0, SEEK_CUR), 1);
	t_ret(pwritev2(fd, &v, 1, -1, RWF_APPEND | RWF_SYNC), 2);
	t_ret(lseek(fd, 0, SEEK_CUR), 10);
	t_check(!(fcntl(fd, F_GETFL) & O_APPEND));
	t_ret(pwritev2(fd, &v, 1, 0, 0), 2);
	t_ret(pread(fd, text, 16, 0), 10);
	t_mem(text, "XYcdefXYXY", 10);
	t_ret(preadv2(fd, &v, 1, 2, RWF_APPEND), 2);
	t_mem(text, "cd", 2);
	t_pipe(p);
	t_ret(pwritev2(p[1], &v, 1, -1, RWF_APPEND), 2);
}

T_CASE(other_memory)
{
	char mine[16] = "",
	     *theirs = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec l[2] = {{mine, 3}, {mine + 3, 4}},
		     r[2] = {{theirs + 1, 5}, {theirs + 4090, 12}};
	int up[2], down[2];
	pid_t pid;

	t_pipe(up);
	t_pipe(down);
	T_CHILD(pid)
	{
		strcpy(theirs, "ABCDEFG");
		memcpy(theirs + 4090, "qrstuvwxyz", 10);
		mprotect(theirs + 4096, 4096, PROT_READ);
		t_put(up[1]);
		t_get(down[0]);
		t_str(theirs, "AABCDEG");
		munmap(theirs + 4096, 4096);
		t_put(up[1]);
		t_get(down[0]);
	}
	t_get(up[0]);
	t_ret(process_vm_readv(pid, l, 2, r, 2, 0), 7);
	t_str(mine, "BCDEFqr");
	strcpy(mine, "ABCDE");
	l[0] = (struct iovec){mine, 5};
	t_ret(process_vm_writev(pid, l, 1, r, 1, 0), 5);
	r[0].iov_base = theirs + 4096; /* which it may only read itself */
	t_errno(process_vm_writev(pid, l, 1, r, 1, 0), EFAULT);
	t_ret(process_vm_readv(pid, l, 1, r, 1, 0), 5);
	t_mem(mine, "wxyz", 4);
	t_put(down[1]);
	t_get(up[0]);
	t_errno(process_vm_readv(pid, l, 1, r, 1, 0), EFAULT);
	l[0].iov_len = 12;
	l[0].iov_base = mine;
	t_ret(process_vm_readv(pid, l, 1, r + 1, 1, 0), 6); /* up to the hole */
	t_errno(process_vm_readv(pid, l, 1, r, 1, 1), EINVAL);
	t_ret(process_vm_readv(pid, l, 0, r, 1, 0), 0);
	l[0].iov_base = (void *)8;
	t_errno(process_vm_readv(pid, l, 1, r + 1, 1, 0), EFAULT);
	t_put(down[1]);
	t_exit(pid, 0);
	l[0].iov_base = mine;
	t_errno(process_vm_readv(pid, l, 1, r + 1, 1, 0), ESRCH);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		l[0].iov_base = mine;
		t_errno(process_vm_readv(getppid(), l, 1, r + 1, 1, 0), EPERM);
	}
	t_exit(pid, 0);
}

T_CASE(copy_file_range_moves)
{
	char buf[16] = "";
	int a = file_with("a", "0123456789"), b = file_with("b", ""), fds[2];
	loff_t from = 2;

	t_ret(copy_file_range(a, &from, b, NULL, 5, 0), 5);
	t_eq(from, 7);
	t_ret(lseek(b, 0, SEEK_CUR), 5);
	t_ret(pread(b, buf, 16, 0), 5);
	t_str(buf, "23456");
	t_ret(lseek(a, 8, SEEK_SET), 8);
	t_ret(copy_file_range(a, NULL, b, NULL, 100, 0), 2);
	t_ret(copy_file_range(a, NULL, b, NULL, 100, 0), 0);
	t_errno(copy_file_range(a, NULL, b, NULL, 1, 1), EINVAL);
	t_errno(copy_file_range(777, NULL, b, NULL, 1, 0), EBADF);
	t_pipe(fds);
	t_errno(copy_file_range(fds[0], NULL, b, NULL, 1, 0), EINVAL);
	t_errno(copy_file_range(fds[0], &from, b, NULL, 1, 0), EINVAL); /* never ESPIPE */
	t_errno(copy_file_range(a, NULL, fds[1], &from, 1, 0), EINVAL);
	t_errno(copy_file_range(fds[0], (loff_t *)8, b, NULL, 1, 0), EFAULT);
	t_errno(copy_file_range(a, (loff_t *)8, b, NULL, 1, 1), EFAULT); /* before the flags */
	int ro = open("b", O_RDONLY);
	t_errno(copy_file_range(a, NULL, ro, NULL, 1, 0), EBADF);
}
