/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* inotify.c - what watches of files and directories are told, and when they end. */
#include "t_.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/xattr.h>

T_SUITE(inotify);

static int in;

/* The next event, without sleeping, as text: "wd:MASK name". Cookies are kept aside. */
static uint32_t cookie;
static const char *next(void)
{
	static char text[512];
	static char queue[65536] __attribute__((aligned(8)));
	static size_t at, have;
	struct inotify_event *e;
	ssize_t n;

	if (at == have) {
		n = read(in, queue, sizeof(queue));
		if (n < 0)
			return errno == EAGAIN ? "none" : "error";
		at = 0;
		have = (size_t)n;
	}
	e = (struct inotify_event *)(queue + at);
	at += sizeof(*e) + e->len;
	cookie = e->cookie;
	snprintf(text, sizeof(text), "%d:%x%s%s", e->wd, e->mask, e->len ? " " : "",
		e->len ? e->name : "");
	return text;
}

static void expect_at(int line, int wd, uint32_t mask, const char *name)
{
	char want[512];

	snprintf(want, sizeof(want), "%d:%x%s%s", wd, mask, *name ? " " : "", name);
	t_str_at(__FILE__, line, "event", next(), want);
}
#define expect(wd, mask, name) expect_at(__LINE__, wd, mask, name)
#define expect_none()          t_str(next(), "none")

static int start(const char *path, uint32_t mask)
{
	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	t_ok(in);
	return inotify_add_watch(in, path, mask);
}

T_CASE(files_in_a_directory)
{
	char buf[4];
	int fd;

	t_ret(start(".", IN_ALL_EVENTS), 1);
	fd = open("a", O_RDWR | O_CREAT, 0600);
	expect(1, IN_CREATE, "a");
	expect(1, IN_OPEN, "a");
	t_ret(write(fd, "text", 4), 4);
	expect(1, IN_MODIFY, "a");
	t_ret(pread(fd, buf, 4, 0), 4);
	expect(1, IN_ACCESS, "a");
	t_ret(pread(fd, buf, 4, 100), 0);
	expect_none();
	t_ret(ftruncate(fd, 1), 0);
	expect(1, IN_MODIFY, "a");
	t_ret(fchmod(fd, 0640), 0);
	expect(1, IN_ATTRIB, "a");
	t_ret(fsetxattr(fd, "user.x", "1", 1, 0), 0);
	expect(1, IN_ATTRIB, "a");
	close(fd);
	expect(1, IN_CLOSE_WRITE, "a");
	close(open("a", O_RDONLY));
	expect(1, IN_OPEN, "a");
	expect(1, IN_CLOSE_NOWRITE, "a");
	close(open("a", O_PATH));
	t_check(access("a", R_OK) == 0);
	expect_none();
	close(open("a", O_WRONLY | O_TRUNC));
	expect(1, IN_OPEN, "a");
	expect(1, IN_MODIFY, "a");
	expect(1, IN_CLOSE_WRITE, "a");
	t_ret(truncate("a", 3), 0);
	expect(1, IN_MODIFY, "a");
	t_ret(unlink("a"), 0);
	expect(1, IN_DELETE, "a");
	expect_none();
}

T_CASE(names_in_a_directory)
{
	uint32_t first;

	t_spew("f", "x");
	t_ret(start(".", IN_CREATE | IN_DELETE | IN_MOVE), 1);
	t_ret(mkdir("d", 0700), 0);
	expect(1, IN_CREATE | IN_ISDIR, "d");
	t_ret(symlink("f", "s"), 0);
	expect(1, IN_CREATE, "s");
	t_ret(link("f", "l"), 0);
	expect(1, IN_CREATE, "l");
	t_ret(mkfifo("p", 0600), 0);
	expect(1, IN_CREATE, "p");
	t_ret(rename("f", "g"), 0);
	expect(1, IN_MOVED_FROM, "f");
	first = cookie;
	t_check(first != 0);
	expect(1, IN_MOVED_TO, "g");
	t_eq(cookie, first);
	t_ret(rename("g", "d/g"), 0);
	expect(1, IN_MOVED_FROM, "g");
	t_check(cookie != first);
	t_ret(rename("d/g", "h"), 0);
	expect(1, IN_MOVED_TO, "h");
	t_ret(rename("d", "e"), 0);
	expect(1, IN_MOVED_FROM | IN_ISDIR, "d");
	expect(1, IN_MOVED_TO | IN_ISDIR, "e");
	t_ret(rmdir("e"), 0);
	expect(1, IN_DELETE | IN_ISDIR, "e");
	t_ret(unlink("a-name-that-is-not-there"), -1);
	t_ret(mkdir("h", 0700), -1);
	expect_none();
}

T_CASE(itself)
{
	t_spew("f", "x");
	t_ret(start("f", IN_ALL_EVENTS), 1);
	t_ret(link("f", "l"), 0);
	expect(1, IN_ATTRIB, "");
	t_ret(rename("f", "g"), 0);
	expect(1, IN_MOVE_SELF, "");
	t_ret(unlink("l"), 0);
	expect(1, IN_ATTRIB, "");
	t_spew("over", "y");
	t_ret(rename("over", "g"), 0);
	expect(1, IN_ATTRIB, "");
	expect(1, IN_DELETE_SELF, "");
	expect(1, IN_IGNORED, "");
	expect_none();
	t_errno(inotify_rm_watch(in, 1), EINVAL);
	t_ret(mkdir("d", 0700), 0);
	t_ret(inotify_add_watch(in, "d", IN_MOVE_SELF | IN_DELETE_SELF), 2);
	t_ret(rename("d", "e"), 0);
	expect(2, IN_MOVE_SELF, "");
	t_ret(rmdir("e"), 0);
	expect(2, IN_DELETE_SELF, "");
	expect(2, IN_IGNORED, "");
	expect_none();
}

T_CASE(deleted_while_open)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	t_ret(start("f", IN_ALL_EVENTS), 1);
	t_ret(unlink("f"), 0);
	expect(1, IN_ATTRIB, "");
	expect_none();
	t_ret(write(fd, "x", 1), 1);
	expect(1, IN_MODIFY, "");
	close(fd);
	expect(1, IN_CLOSE_WRITE, "");
	expect(1, IN_DELETE_SELF, "");
	expect(1, IN_IGNORED, "");
	expect_none();
}

T_CASE(masks)
{
	t_spew("f", "x");
	t_ret(start("f", IN_ATTRIB), 1);
	t_ret(inotify_add_watch(in, "f", IN_MODIFY), 1); /* replaces */
	chmod("f", 0644);
	expect_none();
	t_ret(inotify_add_watch(in, "f", IN_ATTRIB | IN_MASK_ADD), 1);
	chmod("f", 0600);
	expect(1, IN_ATTRIB, "");
	t_errno(inotify_add_watch(in, "f", IN_MODIFY | IN_MASK_CREATE), EEXIST);
	t_ret(inotify_add_watch(in, "f", IN_ATTRIB | IN_ONESHOT), 1);
	chmod("f", 0644);
	expect(1, IN_ATTRIB, "");
	expect(1, IN_IGNORED, "");
	chmod("f", 0600);
	expect_none();
	t_ret(inotify_add_watch(in, "f", IN_MODIFY), 2); /* numbers are not given twice */
	t_ret(inotify_rm_watch(in, 2), 0);
	expect(2, IN_IGNORED, "");
	t_ret(symlink("f", "s"), 0);
	t_ret(inotify_add_watch(in, "s", IN_ATTRIB | IN_DONT_FOLLOW), 3);
	t_ret(inotify_add_watch(in, "s", IN_ATTRIB), 4);
	chmod("s", 0644);
	expect(4, IN_ATTRIB, "");
	t_ret(lchown("s", 0, 0), 0);
	expect(3, IN_ATTRIB, "");
	t_errno(inotify_add_watch(in, "f", IN_ATTRIB | IN_ONLYDIR), ENOTDIR);
	t_ret(inotify_add_watch(in, ".", IN_MODIFY | IN_ONLYDIR | IN_EXCL_UNLINK), 5);
	int fd = open("f", O_RDWR);
	t_ret(write(fd, "x", 1), 1);
	expect(5, IN_MODIFY, "f");
	unlink("f");
	expect(4, IN_ATTRIB, "");
	t_ret(write(fd, "x", 1), 1);
	expect_none();
}

T_CASE(errors)
{
	int fds[2], fd;
	char small[15];
	pid_t pid;

	t_pipe(fds);
	t_spew("f", "x");
	t_ret(start(".", IN_CREATE), 1);
	t_errno(inotify_init1(1), EINVAL);
	t_ok(fd = (int)syscall(SYS_inotify_init));
	t_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	t_errno(inotify_add_watch(in, "f", 0), EINVAL);
	t_errno(inotify_add_watch(in, "f", IN_MASK_ADD | IN_MASK_CREATE | IN_OPEN), EINVAL);
	t_errno(inotify_add_watch(in, "absent", IN_OPEN), ENOENT);
	t_errno(inotify_add_watch(in, (void *)8, IN_OPEN), EFAULT);
	t_errno(inotify_add_watch(777, "f", IN_OPEN), EBADF);
	t_errno(inotify_add_watch(fds[0], "f", IN_OPEN), EINVAL);
	t_errno(inotify_rm_watch(in, 9), EINVAL);
	t_errno(inotify_rm_watch(777, 1), EBADF);
	t_errno(inotify_rm_watch(fds[0], 1), EINVAL);
	t_errno(read(in, small, sizeof(small)), EAGAIN);
	t_spew("a-file-with-a-name-longer-than-sixteen", "x");
	t_errno(read(in, small, sizeof(small)), EINVAL);
	t_errno(write(in, small, 1), EBADF);
	chmod("f", 0600);
	chmod(".", 0755);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(inotify_add_watch(in, "f", IN_OPEN), EACCES);
	}
	t_exit(pid, 0);
}

T_CASE(reading)
{
	char buf[4096] __attribute__((aligned(8)));
	struct inotify_event *e = (void *)buf;
	struct pollfd p;
	int bytes = 0, fd;
	pid_t pid, parent = getpid();

	t_ret(start(".", IN_CREATE | IN_DELETE), 1);
	p = (struct pollfd){.fd = in, .events = POLLIN};
	t_ret(poll(&p, 1, 0), 0);
	t_ret(ioctl(in, FIONREAD, &bytes), 0);
	t_eq(bytes, 0);
	t_spew("a", "");
	t_spew("a-name-of-twenty-one-", "");
	t_ret(poll(&p, 1, 0), 1);
	t_eq(p.revents, POLLIN);
	t_ret(ioctl(in, FIONREAD, &bytes), 0);
	t_eq(bytes, 32 + 48);
	t_ret(read(in, buf, 79), 32); /* whole events only */
	t_eq(e->len, 16);
	t_str(e->name, "a");
	t_errno(read(in, buf, 47), EINVAL);
	t_ret(read(in, buf, 48), 48);
	t_eq(e->len, 32);
	for (int i = 0; i < 3; i++) { /* the same twice in a row is told once */
		fd = inotify_add_watch(in, "a", IN_ATTRIB);
		chmod("a", 0600 + (mode_t)i);
	}
	t_ret(read(in, buf, sizeof(buf)), 16);
	t_eq(e->wd, fd);
	t_eq(e->len, 0);
	fcntl(in, F_SETFL, 0);
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		unlink("a-name-of-twenty-one-");
	}
	t_ret(read(in, buf, sizeof(buf)), 48);
	t_eq(e->mask, IN_DELETE);
	t_exit(pid, 0);
}

T_CASE(overflow)
{
	char name[2][32];
	int events = 0, last = 0;
	char buf[65536] __attribute__((aligned(8)));
	ssize_t n;

	t_spew("a", "");
	t_spew("b", "");
	t_ret(start(".", IN_ATTRIB), 1);
	strcpy(name[0], "a");
	strcpy(name[1], "b");
	for (int i = 0; i < 17000; i++)
		chmod(name[i & 1], 0600);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n; events++) {
			struct inotify_event *e = (void *)(buf + at);

			last = e->mask == IN_Q_OVERFLOW && e->wd == -1;
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	t_eq(events, 16385);
	t_check(last);
}

T_CASE(unmounted)
{
	t_ret(mkdir("m", 0700), 0);
	if (mount("none", "m", "tmpfs", 0, NULL))
		t_skip("may not mount");
	t_spew("m/f", "");
	t_ret(start("m/f", IN_OPEN), 1);
	t_ret(umount("m"), 0);
	expect(1, IN_UNMOUNT, "");
	expect(1, IN_IGNORED, "");
	expect_none();
}
