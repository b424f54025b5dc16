/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* file.c - descriptors and the bytes and attributes of regular files. */
#include "t_.h"

#include <linux/close_range.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>

T_SUITE(file);

static int make(const char *path, const char *text)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		t_stop("cannot make a file");
	return fd;
}

static struct stat status_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		t_stop("fstat failed");
	return st;
}

T_CASE(open_flags)
{
	int fd;

	t_errno(open("f", O_RDONLY), ENOENT);
	t_ok(fd = open("f", O_WRONLY | O_CREAT | O_EXCL, 0640));
	t_errno(open("f", O_WRONLY | O_CREAT | O_EXCL, 0640), EEXIST);
	t_eq(status_of(fd).st_mode, S_IFREG | 0640);
	t_ret(write(fd, "hello", 5), 5);
	t_errno(read(fd, &fd, 1), EBADF);
	close(fd);
	t_ok(fd = open("f", O_RDONLY | O_CREAT, 0));
	t_eq(status_of(fd).st_size, 5);
	t_errno(write(fd, "x", 1), EBADF);
	close(fd);
	t_ok(fd = open("f", O_WRONLY | O_TRUNC));
	t_eq(status_of(fd).st_size, 0);
	close(fd);
	t_errno(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	t_errno(open("f/x", O_RDONLY), ENOTDIR);
	t_errno(open("f/", O_RDONLY), ENOTDIR);
	t_errno(open(".", O_WRONLY), EISDIR);
	t_errno(open(".", O_RDWR | O_CREAT, 0600), EISDIR);
	t_errno(open("", O_RDONLY), ENOENT);
	t_errno(open("new/", O_CREAT | O_WRONLY, 0600), EISDIR);
	t_errno(open((char *)8, O_RDONLY), EFAULT);
	t_ok(fd = open(".", O_RDONLY | O_DIRECTORY));
	t_errno(read(fd, &fd, 1), EISDIR);
}

T_CASE(openat_directories)
{
	int dir, fd;

	t_ret(mkdir("d", 0755), 0);
	t_ok(dir = open("d", O_RDONLY | O_DIRECTORY));
	t_ok(fd = openat(dir, "in", O_CREAT | O_WRONLY, 0600));
	t_ret(access("d/in", F_OK), 0);
	t_errno(openat(fd, "x", O_RDONLY), ENOTDIR);
	t_errno(openat(777, "x", O_RDONLY), EBADF);
	t_ok(openat(777, t_self, O_RDONLY)); /* an absolute path needs no directory */
	t_errno(openat(dir, "", O_RDONLY), ENOENT);
	t_ok(openat(dir, ".", O_RDONLY));
	t_ok(openat(dir, "../d/in", O_RDONLY));
}

T_CASE(open_symlinks)
{
	t_ret(symlinkat("target", AT_FDCWD, "l"), 0);
	t_errno(open("l", O_RDONLY), ENOENT);
	t_errno(open("l", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	t_ok(open("l", O_WRONLY | O_CREAT, 0600)); /* makes the target */
	t_ret(access("target", F_OK), 0);
	t_errno(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	t_ok(open("l", O_RDONLY));
	t_ok(open("l", O_PATH | O_NOFOLLOW));
}

T_CASE(o_path)
{
	int fd, path;
	char byte;
	struct stat st;

	fd = make("f", "abc");
	t_ok(path = open("f", O_PATH));
	t_errno(read(path, &byte, 1), EBADF);
	t_errno(write(path, "x", 1), EBADF);
	t_errno(ftruncate(path, 0), EBADF);
	t_errno(fchmod(path, 0600), EBADF);
	t_ret(fstat(path, &st), 0);
	t_eq(st.st_size, 3);
	t_eq(fcntl(path, F_GETFL) & O_PATH, O_PATH);
	t_ret(close(path), 0);
	t_ret(close(fd), 0);
}

T_CASE(creat_and_umask)
{
	int fd;

	t_eq(umask(027), 022);
	t_ok(fd = creat("f", 0777));
	t_eq(status_of(fd).st_mode & 07777, 0750);
	t_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
	t_ret(mkdir("d", 0777), 0);
	struct stat st;
	t_ret(stat("d", &st), 0);
	t_eq(st.st_mode & 0777, 0750);
	t_eq(umask(07777), 027);
	t_eq(umask(0), 0777);
	t_ok(fd = creat("g", 0666));
	t_eq(status_of(fd).st_mode & 0777, 0666);
	t_errno(creat("d", 0600), EISDIR);
}

T_CASE(write_read_seek)
{
	char buf[32] = "";
	int fd = make("f", "0123456789");

	t_ret(lseek(fd, 0, SEEK_CUR), 10);
	t_ret(read(fd, buf, 10), 0);
	t_ret(lseek(fd, 3, SEEK_SET), 3);
	t_ret(read(fd, buf, 4), 4);
	t_mem(buf, "3456", 4);
	t_ret(lseek(fd, -2, SEEK_CUR), 5);
	t_ret(lseek(fd, -1, SEEK_END), 9);
	t_ret(read(fd, buf, sizeof(buf)), 1);
	t_ret(lseek(fd, 100, SEEK_END), 110);
	t_ret(read(fd, buf, 1), 0);
	t_errno(lseek(fd, -1, SEEK_SET), EINVAL);
	t_errno(lseek(fd, -200, SEEK_CUR), EINVAL);
	t_errno(lseek(fd, 0, 9), EINVAL);
	t_errno(lseek(777, 0, SEEK_SET), EBADF);
	t_errno(read(777, buf, 1), EBADF);
	t_errno(write(777, buf, 1), EBADF);
	t_errno(read(fd, (void *)8, 4) == 0 && lseek(fd, 0, SEEK_SET) == 0 ? read(fd, (void *)8, 4)
									   : -2,
		EFAULT);
	t_errno(write(fd, (void *)8, 4), EFAULT);
	t_ret(read(fd, buf, 0), 0);
	t_ret(write(fd, buf, 0), 0);
}

T_CASE(pread_pwrite)
{
	char buf[16] = "";
	int fd = make("f", "0123456789"), fds[2];

	t_ret(pread(fd, buf, 4, 6), 4);
	t_mem(buf, "6789", 4);
	t_ret(pread(fd, buf, 4, 8), 2);
	t_ret(pread(fd, buf, 4, 10), 0);
	t_ret(pread(fd, buf, 4, 1000), 0);
	t_ret(pwrite(fd, "AB", 2, 2), 2);
	t_ret(lseek(fd, 0, SEEK_CUR), 10);
	t_ret(pread(fd, buf, 10, 0), 10);
	t_mem(buf, "01AB456789", 10);
	t_errno(pread(fd, buf, 1, -1), EINVAL);
	t_errno(pwrite(fd, buf, 1, -1), EINVAL);
	t_pipe(fds);
	t_errno(pread(fds[0], buf, 1, 0), ESPIPE);
	t_errno(pwrite(fds[1], buf, 1, 0), ESPIPE);
	t_errno(lseek(fds[0], 0, SEEK_CUR), ESPIPE);
	t_errno(pread(777, buf, 1, 0), EBADF);
	t_errno(pwrite(777, buf, 1, 0), EBADF);
}

T_CASE(vectors)
{
	char a[3] = "", b[4] = "";
	struct iovec in[3] = {{a, 2}, {NULL, 0}, {b, 3}}, out[2] = {{"he", 2}, {"llo", 3}};
	int fd = make("f", "");

	t_ret(writev(fd, out, 2), 5);
	t_ret(lseek(fd, 0, SEEK_SET), 0);
	t_ret(readv(fd, in, 3), 5);
	t_str(a, "he");
	t_str(b, "llo");
	t_errno(readv(fd, in, -1), EINVAL);
	t_errno(readv(fd, in, 1025), EINVAL);
	t_ret(readv(fd, in, 0), 0);
	t_errno(readv(fd, (void *)8, 1), EFAULT);
}

T_CASE(append)
{
	char buf[16] = "";
	int a = make("f", "one"), b;
	pid_t pid;

	t_ok(b = open("f", O_WRONLY | O_APPEND));
	t_ret(lseek(b, 0, SEEK_CUR), 0);
	t_ret(lseek(a, 0, SEEK_END), 3);
	t_ret(write(a, "two", 3), 3);
	t_ret(write(b, "3", 1), 1);
	t_ret(lseek(b, 0, SEEK_CUR), 7);
	t_ret(pread(a, buf, sizeof(buf), 0), 7);
	t_str(buf, "onetwo3");
	/* F_SETFL turns it on and off */
	t_ret(fcntl(a, F_SETFL, O_APPEND), 0);
	t_ret(lseek(a, 0, SEEK_SET), 0);
	t_ret(write(a, "4", 1), 1);
	t_eq(status_of(a).st_size, 8);
	t_ret(fcntl(a, F_SETFL, 0), 0);
	t_ret(lseek(a, 0, SEEK_SET), 0);
	t_ret(write(a, "5", 1), 1);
	t_eq(status_of(a).st_size, 8);
	/* two writers lose nothing */
	T_CHILD(pid)
	{
		for (int i = 0; i < 200; i++)
			t_check(write(b, "0123456789", 10) == 10);
	}
	int c = open("f", O_WRONLY | O_APPEND);
	for (int i = 0; i < 200; i++)
		t_check(write(c, "0123456789", 10) == 10);
	t_exit(pid, 0);
	t_eq(status_of(a).st_size, 8 + 4000);
}

T_CASE(sparse_and_truncate)
{
	char buf[8192];
	int fd = make("f", "start"), zeros = 0;

	t_ret(pwrite(fd, "end", 3, 1 << 20), 3);
	t_eq(status_of(fd).st_size, (1 << 20) + 3);
	t_check(status_of(fd).st_blocks < 1024);
	t_ret(pread(fd, buf, sizeof(buf), 5), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		zeros += buf[i] == 0;
	t_eq(zeros, sizeof(buf));
	t_ret(ftruncate(fd, 3), 0);
	t_ret(ftruncate(fd, 10), 0);
	memset(buf, 1, 16);
	t_ret(pread(fd, buf, 16, 0), 10);
	t_mem(buf, "sta\0\0\0\0\0\0\0", 10);
	t_ret(truncate("f", 1), 0);
	t_eq(status_of(fd).st_size, 1);
	t_errno(ftruncate(fd, -1), EINVAL);
	t_errno(truncate("f", -1), EINVAL);
	t_errno(truncate("none", 0), ENOENT);
	t_errno(truncate(".", 0), EISDIR);
	t_errno(ftruncate(777, 0), EBADF);
	int ro = open("f", O_RDONLY);
	t_errno(ftruncate(ro, 0), EINVAL);
}

T_CASE(fallocate_extends)
{
	int fd = make("f", "abc");

	t_ret(fallocate(fd, 0, 0, 10000), 0);
	t_eq(status_of(fd).st_size, 10000);
	t_ret(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 20000), 0);
	t_eq(status_of(fd).st_size, 10000);
	t_errno(fallocate(fd, 0, -1, 1), EINVAL);
	t_errno(fallocate(fd, 0, 0, 0), EINVAL);
	t_errno(fallocate(777, 0, 0, 1), EBADF);
}

T_CASE(file_size_limit)
{
	pid_t pid = t_fork();

	if (pid == 0) {
		struct rlimit limit = {1000, RLIM_INFINITY};
		int fd = make("f", "");
		getrlimit(RLIMIT_FSIZE, &limit);
		limit.rlim_cur = 1000;
		setrlimit(RLIMIT_FSIZE, &limit);
		signal(SIGXFSZ, SIG_IGN);
		char block[1500] = {0};
		t_ret(write(fd, block, 1500), 1000);
		t_errno(write(fd, block, 1), EFBIG);
		t_errno(ftruncate(fd, 1001), EFBIG);
		signal(SIGXFSZ, SIG_DFL);
		if (write(fd, block, 1) < 0)
			_exit(2);
		_exit(1);
	}
	t_killed(pid, SIGXFSZ);
}

T_CASE(unlinked_file_lives_on)
{
	char buf[8] = "";
	int fd = make("f", "still");

	t_eq(status_of(fd).st_nlink, 1);
	t_ret(unlink("f"), 0);
	t_errno(access("f", F_OK), ENOENT);
	t_eq(status_of(fd).st_nlink, 0);
	t_ret(pread(fd, buf, 5, 0), 5);
	t_str(buf, "still");
	t_ret(write(fd, "x", 1), 1);
	t_errno(unlink("f"), ENOENT);
}

/* ---- descriptors ---- */

T_CASE(lowest_descriptor)
{
	int a = open(".", O_RDONLY), b = open(".", O_RDONLY), c = open(".", O_RDONLY);

	t_eq(a, 3);
	t_eq(b, 4);
	t_eq(c, 5);
	close(b);
	t_ret(open(".", O_RDONLY), 4);
	t_ret(close(a), 0);
	t_ret(dup(c), 3);
	t_errno(close(a + 100), EBADF);
	t_errno(close(-1), EBADF);
	t_ret(close(3), 0);
	t_errno(close(3), EBADF);
}

T_CASE(dup_family)
{
	int fd = make("f", "abc"), other;

	t_ret(dup2(fd, 20), 20);
	t_ret(lseek(20, 1, SEEK_SET), 1);
	t_ret(lseek(fd, 0, SEEK_CUR), 1);
	t_ret(dup2(fd, fd), fd);
	t_errno(dup2(777, 20), EBADF);
	t_errno(dup2(777, 777), EBADF);
	t_errno(dup2(fd, -1), EBADF);
	t_errno(dup2(fd, 1 << 30), EBADF);
	t_ret(dup3(fd, 21, O_CLOEXEC), 21);
	t_ret(fcntl(21, F_GETFD), FD_CLOEXEC);
	t_ret(fcntl(20, F_GETFD), 0);
	t_errno(dup3(fd, fd, 0), EINVAL);
	t_errno(dup3(fd, 22, 1), EINVAL);
	t_errno(dup3(777, 22, 0), EBADF);
	t_ret(fcntl(fd, F_DUPFD, 30), 30);
	t_ret(fcntl(fd, F_DUPFD, 30), 31);
	t_ret(fcntl(fd, F_DUPFD_CLOEXEC, 30), 32);
	t_ret(fcntl(32, F_GETFD), FD_CLOEXEC);
	t_errno(fcntl(fd, F_DUPFD, -1), EINVAL);
	t_errno(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
	t_errno(dup(777), EBADF);
	other = make("g", "");
	t_ret(dup2(other, 20), 20);
	t_eq(status_of(20).st_size, 0);
}

T_CASE(fcntl_flags)
{
	int fd;

	t_ok(fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
	t_ret(fcntl(fd, F_GETFD), FD_CLOEXEC);
	t_ret(fcntl(fd, F_SETFD, 0), 0);
	t_ret(fcntl(fd, F_GETFD), 0);
	t_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND), O_RDWR | O_NONBLOCK);
	t_ret(fcntl(fd, F_SETFL, O_APPEND | O_RDONLY), 0); /* the mode stays as it was */
	t_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND), O_RDWR | O_APPEND);
	t_errno(fcntl(fd, 9999, 0), EINVAL);
	t_errno(fcntl(777, F_GETFD), EBADF);
	int on = 1;
	t_ret(ioctl(fd, FIONBIO, &on), 0);
	t_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	t_ret(ioctl(fd, FIOCLEX), 0);
	t_ret(fcntl(fd, F_GETFD), FD_CLOEXEC);
	t_ret(ioctl(fd, FIONCLEX), 0);
	t_ret(fcntl(fd, F_GETFD), 0);
	t_errno(ioctl(fd, 0x5401, &on), ENOTTY); /* TCGETS */
	t_errno(ioctl(777, FIONBIO, &on), EBADF);
}

T_CASE(close_range_rules)
{
	for (int fd = 10; fd < 20; fd++)
		t_check(dup2(1, fd) == fd);
	t_ret(close_range(12, 14, 0), 0);
	t_ret(fcntl(11, F_GETFD), 0);
	t_errno(fcntl(12, F_GETFD), EBADF);
	t_errno(fcntl(14, F_GETFD), EBADF);
	t_ret(fcntl(15, F_GETFD), 0);
	t_ret(close_range(15, 16, CLOSE_RANGE_CLOEXEC), 0);
	t_ret(fcntl(15, F_GETFD), FD_CLOEXEC);
	t_ret(fcntl(17, F_GETFD), 0);
	t_errno(close_range(5, 4, 0), EINVAL);
	t_errno(close_range(5, 6, 99), EINVAL);
	t_ret(close_range(100, ~0u, 0), 0);
}

T_CASE(descriptor_limit)
{
	struct rlimit limit;
	int fd;

	t_ret(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 10;
	t_ret(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 3; i < 10; i++)
		t_ret(open(".", O_RDONLY), i);
	t_errno(fd = open(".", O_RDONLY), EMFILE);
	t_errno(dup(0), EMFILE);
	t_errno(dup2(0, 10), EBADF);
	int fds[2];
	t_errno(pipe2(fds, 0), EMFILE);
	t_ret(close(9), 0);
	t_errno(pipe2(fds, 0), EMFILE);
	t_ret(open(".", O_RDONLY), 9); /* a pipe that failed kept nothing */
}

/* ---- attributes ---- */

T_CASE(stat_family)
{
	struct stat a, b;
	int fd = make("f", "12345");

	t_ret(symlinkat("f", AT_FDCWD, "l"), 0);
	t_ret(stat("l", &a), 0);
	t_ret(fstat(fd, &b), 0);
	t_eq(a.st_ino, b.st_ino);
	t_eq(a.st_dev, b.st_dev);
	t_eq(a.st_size, 5);
	t_eq(a.st_nlink, 1);
	t_eq(a.st_uid, 0);
	t_eq(a.st_blksize, 4096);
	t_eq(a.st_blocks % 8, 0);
	t_ret(lstat("l", &b), 0);
	t_eq(b.st_mode, S_IFLNK | 0777);
	t_eq(b.st_size, 1);
	t_check(a.st_ino != b.st_ino);
	t_ret(fstatat(fd, "", &b, AT_EMPTY_PATH), 0);
	t_eq(a.st_ino, b.st_ino);
	t_ret(fstatat(AT_FDCWD, "l", &b, AT_SYMLINK_NOFOLLOW), 0);
	t_check(S_ISLNK(b.st_mode));
	t_errno(stat("none", &a), ENOENT);
	t_errno(stat("f/x", &a), ENOTDIR);
	t_errno(stat("", &a), ENOENT);
	t_errno(fstat(777, &a), EBADF);
	t_errno(syscall(SYS_newfstatat, AT_FDCWD, "f", &a, 0x10000000), EINVAL);
	t_errno(syscall(SYS_newfstatat, AT_FDCWD, "f", (void *)8, 0), EFAULT);
}

T_CASE(statx_fields)
{
	struct statx x;
	struct stat st;
	int fd = make("f", "123");

	memset(&x, 0xff, sizeof(x));
	t_ret(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x), 0);
	t_eq(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	t_eq(x.stx_size, 3);
	t_eq(x.stx_mode, S_IFREG | 0644);
	t_eq(x.stx_nlink, 1);
	t_eq(x.stx_uid, 0);
	st = status_of(fd);
	t_eq(x.stx_ino, st.st_ino);
	t_eq(x.stx_mtime.tv_sec, st.st_mtim.tv_sec);
	t_eq(x.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
	t_ret(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x), 0);
	t_eq(x.stx_size, 3);
	t_errno(statx(AT_FDCWD, "none", 0, STATX_SIZE, &x), ENOENT);
	t_errno(statx(AT_FDCWD, "f", 0x10000000, STATX_SIZE, &x), EINVAL);
	t_errno(statx(AT_FDCWD, "f", 0, 0x80000000, &x), EINVAL);
	t_errno(statx(777, "f", 0, STATX_SIZE, &x), EBADF);
}

T_CASE(times_move)
{
	struct stat before, after;
	char byte;
	int fd = make("f", "abc");
	struct timespec old[2] = {{1000, 5}, {2000, 6}};

	t_ret(futimens(fd, old), 0);
	before = status_of(fd);
	t_eq(before.st_atim.tv_sec, 1000);
	t_eq(before.st_atim.tv_nsec, 5);
	t_eq(before.st_mtim.tv_sec, 2000);
	t_eq(before.st_mtim.tv_nsec, 6);
	t_check(before.st_ctim.tv_sec > 2000);
	t_ret(pwrite(fd, "x", 1, 0), 1);
	after = status_of(fd);
	t_check(after.st_mtim.tv_sec > 2000);
	t_eq(after.st_atim.tv_sec, 1000);
	t_ret(futimens(fd, old), 0);
	t_ret(ftruncate(fd, 1), 0);
	t_check(status_of(fd).st_mtim.tv_sec > 2000);
	t_ret(futimens(fd, old), 0);
	t_ret(pread(fd, &byte, 1, 0), 1);
	t_eq(status_of(fd).st_mtim.tv_sec, 2000);
	t_ret(fchmod(fd, 0600), 0);
	t_eq(status_of(fd).st_mtim.tv_sec, 2000);
	t_check(status_of(fd).st_ctim.tv_sec > 2000);
}

T_CASE(utimensat_forms)
{
	struct timespec t[2] = {{0, UTIME_OMIT}, {77, 0}}, bad[2] = {{0, 1000000000}, {0, 0}};
	struct stat st;
	int fd = make("f", ""), dir = open(".", O_RDONLY);

	t_ret(symlinkat("f", AT_FDCWD, "l"), 0);
	t_ret(utimensat(dir, "f", t, 0), 0);
	st = status_of(fd);
	t_eq(st.st_mtim.tv_sec, 77);
	t_check(st.st_atim.tv_sec > 77);
	t[0].tv_nsec = UTIME_NOW;
	t[1].tv_nsec = UTIME_OMIT;
	t_ret(utimensat(AT_FDCWD, "f", t, 0), 0);
	t_eq(status_of(fd).st_mtim.tv_sec, 77);
	t[0] = t[1] = (struct timespec){55, 0};
	t_ret(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW), 0);
	t_ret(lstat("l", &st), 0);
	t_eq(st.st_mtim.tv_sec, 55);
	t_eq(status_of(fd).st_mtim.tv_sec, 77);
	t_ret(utimensat(AT_FDCWD, "l", NULL, 0), 0);
	t_check(status_of(fd).st_mtim.tv_sec > 77);
	t_errno(utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
	t_errno(utimensat(AT_FDCWD, "none", NULL, 0), ENOENT);
	t_errno(syscall(SYS_utimensat, AT_FDCWD, "f", (void *)8, 0), EFAULT);
	t_errno(utimensat(AT_FDCWD, "f", t, 0x10000000), EINVAL);
}

T_CASE(chmod_chown)
{
	struct stat st;
	int fd = make("f", "");

	t_ret(chmod("f", 04711), 0);
	t_eq(status_of(fd).st_mode, S_IFREG | 04711);
	t_ret(fchmod(fd, 0640), 0);
	t_eq(status_of(fd).st_mode, S_IFREG | 0640);
	t_ret(fchmodat(AT_FDCWD, "f", 0600, 0), 0);
	t_eq(status_of(fd).st_mode, S_IFREG | 0600);
	t_ret(fchown(fd, 1000, 1001), 0);
	t_eq(status_of(fd).st_uid, 1000);
	t_eq(status_of(fd).st_gid, 1001);
	t_ret(chown("f", -1, 55), 0);
	t_eq(status_of(fd).st_uid, 1000);
	t_eq(status_of(fd).st_gid, 55);
	t_ret(symlinkat("f", AT_FDCWD, "l"), 0);
	t_ret(fchownat(AT_FDCWD, "l", 7, 8, AT_SYMLINK_NOFOLLOW), 0);
	t_ret(lstat("l", &st), 0);
	t_eq(st.st_uid, 7);
	t_eq(status_of(fd).st_uid, 1000);
	t_ret(fchownat(fd, "", 9, 9, AT_EMPTY_PATH), 0);
	t_eq(status_of(fd).st_uid, 9);
	t_errno(chmod("none", 0600), ENOENT);
	t_errno(fchmod(777, 0600), EBADF);
	t_errno(fchown(777, 0, 0), EBADF);
	t_errno(fchownat(AT_FDCWD, "f", 0, 0, 0x10000000), EINVAL);
	t_errno(fchmodat(777, "f", 0600, 0), EBADF);
}

T_CASE(setuid_bit_falls)
{
	int fd = make("f", "x");
	pid_t pid;

	t_ret(fchmod(fd, 06755), 0);
	t_ret(fchown(fd, 1000, 1000), 0);
	t_eq(status_of(fd).st_mode & 07777, 0755);
	t_ret(fchmod(fd, 06777), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		int mine = open("f", O_WRONLY);
		t_ret(write(mine, "y", 1), 1);
	}
	t_exit(pid, 0);
	t_eq(status_of(fd).st_mode & 07777, 0777);
}

T_CASE(access_modes)
{
	pid_t pid;

	close(make("f", "x"));
	t_ret(access("f", R_OK | W_OK), 0);
	t_errno(access("f", X_OK), EACCES); /* root too needs one x bit */
	t_errno(access("none", F_OK), ENOENT);
	t_errno(access("f", 8), EINVAL);
	t_errno(access("f/x", F_OK), ENOTDIR);
	t_ret(chmod("f", 0604), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_ret(access("f", R_OK), 0);
		t_errno(access("f", W_OK), EACCES);
		t_errno(access("f", X_OK), EACCES);
		t_ret(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS), 0);
		t_errno(syscall(SYS_faccessat2, AT_FDCWD, "f", W_OK, AT_EACCESS), EACCES);
	}
	t_exit(pid, 0);
	t_errno(syscall(SYS_faccessat2, AT_FDCWD, "f", F_OK, 0x10000000), EINVAL);
	t_errno(syscall(SYS_faccessat2, 777, "f", F_OK, 0), EBADF);
	T_CHILD(pid)
	{
		/* access() asks for the real user, AT_EACCESS for the effective one */
		t_ret(chmod("f", 0600), 0);
		t_ret(setresuid(1000, 0, 0), 0);
		t_errno(access("f", R_OK), EACCES);
		t_ret(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS), 0);
	}
	t_exit(pid, 0);
}

T_CASE(statfs_answers)
{
	struct statfs fs, same;
	int fd = make("f", "");

	t_ret(statfs("f", &fs), 0);
	t_check(fs.f_bsize >= 512 && fs.f_namelen == 255);
	t_ret(fstatfs(fd, &same), 0);
	t_eq(fs.f_type, same.f_type);
	t_ret(statfs("/proc", &fs), 0);
	t_eq(fs.f_type, 0x9fa0);
	t_errno(statfs("none", &fs), ENOENT);
	t_errno(fstatfs(777, &fs), EBADF);
	t_errno(syscall(SYS_statfs, ".", (void *)8), EFAULT);
}

T_CASE(sync_and_advice)
{
	int fd = make("f", "x"), fds[2];

	t_pipe(fds);
	t_ret(fsync(fd), 0);
	t_ret(fdatasync(fd), 0);
	t_errno(fsync(777), EBADF);
	t_errno(fdatasync(777), EBADF);
	t_errno(fsync(fds[0]), EINVAL);
	t_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
	t_eq(posix_fadvise(fd, 0, 0, 99), EINVAL);
	t_eq(posix_fadvise(777, 0, 0, 0), EBADF);
	t_eq(posix_fadvise(fds[0], 0, 0, 0), ESPIPE);
	t_ret(readahead(fd, 0, 4096), 0);
	t_ret(readahead(fd, 1 << 20, 0), 0);
	t_errno(readahead(fd, 0, -1), EINVAL);
	t_errno(readahead(fds[0], 0, 1), EINVAL);
	t_errno(readahead(open(".", O_RDONLY), 0, 1), EINVAL);
	t_errno(readahead(open("f", O_WRONLY), 0, 1), EBADF);
	t_errno(readahead(777, 0, 1), EBADF);
}

static void hear(int signo)
{
}

T_CASE(what_has_no_driver_cannot_be_opened)
{
	char name[32], byte;
	int fds[2];

	t_ret(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (int i = 0; i < 3; i++) {
		sprintf(name, "/proc/self/fd/%d", i < 2 ? fds[i] : eventfd(0, 0));
		t_errno(open(name, O_RDWR), ENXIO);
		t_errno(open(name, O_RDONLY | O_NONBLOCK), ENXIO);
	}
	t_ret(write(fds[0], "x", 1), 1);
	t_ret(read(fds[1], &byte, 1), 1);
}

T_CASE(sendfile_is_cut_short_by_a_signal)
{
	const struct itimerval soon = {.it_interval.tv_usec = 20000, .it_value.tv_usec = 20000};
	const size_t much = 0x7ffff000;
	int in, out;
	ssize_t n;

	t_ok(in = open("holes", O_RDWR | O_CREAT, 0644));
	t_ret(ftruncate(in, much), 0);
	t_ok(out = open("/dev/null", O_WRONLY));
	t_ok(sigaction(SIGALRM, &(struct sigaction){.sa_handler = hear}, NULL));
	t_ret(setitimer(ITIMER_REAL, &soon, NULL), 0);
	n = sendfile(out, in, NULL, much);
	t_check(n == -1 ? errno == EINTR : n < (ssize_t)much);
}

/* ---- extended attributes: trusted.*, which tmpfs knew before user.* ---- */

T_CASE(xattr_round_trip)
{
	char buf[64];
	int fd = make("f", "");
	pid_t pid;

	t_errno(getxattr("f", "trusted.none", buf, sizeof(buf)), ENODATA);
	t_ret(setxattr("f", "trusted.one", "value", 5, 0), 0);
	t_ret(getxattr("f", "trusted.one", NULL, 0), 5);
	t_ret(getxattr("f", "trusted.one", buf, sizeof(buf)), 5);
	t_mem(buf, "value", 5);
	t_errno(getxattr("f", "trusted.one", buf, 2), ERANGE);
	t_errno(setxattr("f", "trusted.one", "x", 1, XATTR_CREATE), EEXIST);
	t_errno(setxattr("f", "trusted.two", "x", 1, XATTR_REPLACE), ENODATA);
	t_ret(fsetxattr(fd, "trusted.two", "zz", 2, XATTR_CREATE), 0);
	t_ret(fgetxattr(fd, "trusted.two", buf, sizeof(buf)), 2);
	t_ret(symlinkat("f", AT_FDCWD, "l"), 0);
	t_ret(getxattr("l", "trusted.two", buf, sizeof(buf)), 2);
	t_errno(lgetxattr("l", "trusted.two", buf, sizeof(buf)), ENODATA);
	t_errno(setxattr("f", "nonsense", "x", 1, 0), EOPNOTSUPP);
	t_errno(getxattr("f", "system.posix_acl_nothing", buf, 1), EOPNOTSUPP);
	t_errno(setxattr("f", "trusted.one", "x", 1, 99), EINVAL);
	t_errno(fgetxattr(777, "trusted.one", buf, 1), EBADF);
	t_errno(getxattr("none", "trusted.one", buf, 1), ENOENT);
	t_ret(removexattr("f", "trusted.one"), 0);
	t_errno(removexattr("f", "trusted.one"), ENODATA);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(getxattr("f", "trusted.two", buf, sizeof(buf)), ENODATA);
		t_errno(setxattr("f", "trusted.two", "q", 1, 0), EPERM);
	}
	t_exit(pid, 0);
}

T_CASE(device_files_basic)
{
	char buf[16];
	int fd;

	t_ok(fd = open("/dev/null", O_RDWR));
	t_ret(write(fd, buf, sizeof(buf)), sizeof(buf));
	t_ret(read(fd, buf, sizeof(buf)), 0);
	t_check(S_ISCHR(status_of(fd).st_mode));
	t_eq(status_of(fd).st_rdev, 0x103);
	t_ok(fd = open("/dev/zero", O_RDWR));
	memset(buf, 1, sizeof(buf));
	t_ret(read(fd, buf, sizeof(buf)), sizeof(buf));
	t_mem(buf, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	char *end = (char *)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0) +
		    4096;
	t_ok(munmap(end, 4096));
	t_ret(read(fd, end - 4096, 8192), 4096); /* as much as there is */
	t_ret(read(fd, end - 3, 100), 3);
	t_errno(read(fd, end, 100), EFAULT);
	t_ok(fd = open("/dev/full", O_RDWR));
	t_errno(write(fd, buf, 1), ENOSPC);
	t_ret(read(fd, buf, 4), 4);
	t_ok(fd = open("/dev/urandom", O_RDONLY));
	t_ret(read(fd, buf, sizeof(buf)), sizeof(buf));
	t_ok(fd = open("/dev/random", O_RDONLY));
	t_ret(read(fd, buf, 8), 8);
}

/* A record goes into a page that is not there yet: no lock that a fault may need is held. */
T_CASE(dev_kmsg_record)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned level, number;
	ssize_t len;
	int fd;

	t_check(page != MAP_FAILED);
	fd = open("/dev/kmsg", O_RDWR | O_NONBLOCK);
	if (fd < 0)
		t_skip("no /dev/kmsg for us");
	t_ret(write(fd, "<5>dev_kmsg_record", 18), 18);
	do
		len = read(fd, page, 8192);
	while (len < 0 && errno == EPIPE);
	t_check(len > 0);
	t_eq(sscanf(page, "%u,%u,", &level, &number), 2);
}
