/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* dnotify.c - F_NOTIFY of fcntl(2): signals that tell of what happens in a directory. */
#include "t_.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

T_SUITE(dnotify);

#define FD 60 /* nobody has opened this */

static siginfo_t last;

static int sig(void)
{
	return SIGRTMIN + 2;
}

/* How many signals came since, and the last of them. */
static int heard(void)
{
	struct timespec now = {0, 0};
	sigset_t set;
	int n = 0;

	sigemptyset(&set);
	sigaddset(&set, sig());
	while (sigtimedwait(&set, &last, &now) == sig())
		n++;
	return n;
}

static int notify(int fd, unsigned long what)
{
	return fcntl(fd, F_NOTIFY, what);
}

/* A directory "d", of which we hear with details. */
static int fresh(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, sig());
	t_ok(sigprocmask(SIG_BLOCK, &set, NULL));
	t_ok(mkdir("d", 0777));
	fd = open("d", O_RDONLY | O_DIRECTORY);
	t_ok(fd);
	t_ok(fcntl(fd, F_SETSIG, sig()));
	return fd;
}

T_CASE(what_the_signal_says)
{
	int fd = fresh();

	t_ok(notify(fd, DN_CREATE));
	t_eq(fcntl(fd, F_GETOWN), getpid());
	t_eq(heard(), 0);
	t_spew("d/f", "text");
	t_eq(heard(), 1);
	t_eq(last.si_code, POLL_MSG);
	t_eq(last.si_fd, fd);
	t_eq(last.si_band, POLLIN | POLLRDNORM | POLLMSG);
	t_spew("d/g", "text");
	t_eq(heard(), 0); /* once */
	t_ok(close(fd));
}

static volatile sig_atomic_t got, got_code;

static void note(int signo, siginfo_t *info, void *context)
{
	got = signo;
	got_code = info->si_code;
}

T_CASE(a_plain_signal)
{
	int fd = fresh();

	t_ok(fcntl(fd, F_SETSIG, 0));
	t_handler_info(SIGIO, note, 0);
	t_ok(notify(fd, DN_CREATE));
	t_ok(mkdir("d/sub", 0777));
	t_eq(got, SIGIO);
	t_eq(got_code, SI_KERNEL);
	t_ok(close(fd));
}

/* One thing at a time, heard by @what alone. */
#define ONLY(what, act)                                                                    \
	do {                                                                               \
		static const unsigned long all[] = {                                       \
			DN_ACCESS, DN_MODIFY, DN_CREATE, DN_DELETE, DN_RENAME, DN_ATTRIB}; \
		unsigned long others = 0;                                                  \
                                                                                           \
		for (int n = 0; n < 6; n++)                                                \
			others |= all[n] & ~(unsigned long)(what);                         \
		t_ok(notify(fd, 0));                                                       \
		t_ok(notify(fd, others | DN_MULTISHOT));                                   \
		t_ok(act);                                                                 \
		t_eq(heard(), 0);                                                          \
		t_ok(notify(fd, 0));                                                       \
		t_ok(notify(fd, what));                                                    \
	} while (0)

T_CASE(reading_and_writing)
{
	int fd = fresh(), file;
	char c;

	t_spew("d/f", "text");
	file = open("d/f", O_RDWR);
	ONLY(DN_ACCESS, read(file, &c, 1));
	t_eq(read(file, &c, 1), 1);
	t_eq(heard(), 1);
	ONLY(DN_MODIFY, write(file, "x", 1));
	t_eq(write(file, "x", 1), 1);
	t_eq(heard(), 1);
	ONLY(DN_MODIFY, ftruncate(file, 9));
	t_ok(ftruncate(file, 1));
	t_eq(heard(), 1);
	ONLY(DN_MODIFY, truncate("d/f", 7));
	t_ok(truncate("d/f", 3));
	t_eq(heard(), 1);
	t_ok(close(file));
	t_eq(heard(), 0);
	t_ok(close(fd));
}

T_CASE(making_and_taking_away)
{
	int fd = fresh();

	ONLY(DN_CREATE, mkdir("d/a", 0777));
	t_ok(mkdir("d/b", 0777));
	t_eq(heard(), 1);
	ONLY(DN_CREATE, mknod("d/c", S_IFIFO | 0600, 0));
	t_ok(mknod("d/e", S_IFIFO | 0600, 0));
	t_eq(heard(), 1);
	ONLY(DN_CREATE, symlink("x", "d/l"));
	t_ok(symlink("x", "d/m"));
	t_eq(heard(), 1);
	t_spew("here", "text");
	ONLY(DN_CREATE, link("here", "d/n"));
	t_ok(link("here", "d/o"));
	t_eq(heard(), 1);
	ONLY(DN_DELETE, unlink("d/n"));
	t_ok(unlink("d/o"));
	t_eq(heard(), 1);
	ONLY(DN_DELETE, rmdir("d/a"));
	t_ok(rmdir("d/b"));
	t_eq(heard(), 1);
	t_ok(close(fd));
}

T_CASE(attributes)
{
	int fd = fresh();

	t_spew("d/f", "text");
	ONLY(DN_ATTRIB, chmod("d/f", 0600));
	t_ok(chmod("d/f", 0640));
	t_eq(heard(), 1);
	ONLY(DN_ATTRIB, utimensat(AT_FDCWD, "d/f", NULL, 0));
	t_ok(utimensat(AT_FDCWD, "d/f", NULL, 0));
	t_eq(heard(), 1);
	ONLY(DN_ATTRIB, chmod("d", 0755)); /* itself */
	t_ok(chmod("d", 0777));
	t_eq(heard(), 1);
	t_ok(close(fd));
}

T_CASE(moves)
{
	int fd = fresh();

	t_spew("d/f", "text");
	ONLY(DN_RENAME | DN_DELETE | DN_CREATE, rename("d/f", "d/g"));
	t_ok(notify(fd, 0));
	t_ok(notify(fd, DN_RENAME));
	t_ok(rename("d/g", "d/h"));
	t_eq(heard(), 1);
	ONLY(DN_DELETE, rename("d/h", "out"));
	t_ok(rename("out", "d/h"));
	t_eq(heard(), 0);
	t_ok(rename("d/h", "out"));
	t_eq(heard(), 1);
	ONLY(DN_CREATE, rename("out", "d/h"));
	t_ok(rename("d/h", "out"));
	t_eq(heard(), 0);
	t_ok(rename("out", "d/h"));
	t_eq(heard(), 1);
	t_ok(notify(fd, DN_RENAME | DN_DELETE | DN_CREATE | DN_MULTISHOT));
	t_ok(rename("d/h", "d/k"));
	t_eq(heard(), 3);
	t_ok(rename("d/k", "d/h"));
	t_spew("d/i", "text");
	t_eq(heard(), 4);
	t_ok(renameat2(AT_FDCWD, "d/h", AT_FDCWD, "d/i", RENAME_EXCHANGE));
	t_check(heard() > 0);
	t_ok(close(fd));
}

T_CASE(again_and_again)
{
	int fd = fresh();

	t_ok(notify(fd, DN_CREATE | DN_MULTISHOT));
	t_spew("d/a", "");
	t_spew("d/b", "");
	t_ok(mkdir("d/c", 0777));
	t_eq(heard(), 3);
	t_ok(notify(fd, DN_DELETE)); /* adds */
	t_ok(unlink("d/a"));
	t_ok(mkdir("d/e", 0777));
	t_ok(rmdir("d/e"));
	t_eq(heard(), 3);
	t_ok(notify(fd, DN_MULTISHOT)); /* nothing: ends it */
	t_ok(unlink("d/b"));
	t_eq(heard(), 0);
	t_ok(close(fd));
}

T_CASE(not_below)
{
	int fd = fresh();

	t_ok(mkdir("d/sub", 0777));
	t_ok(notify(fd, DN_CREATE | DN_DELETE | DN_MODIFY | DN_MULTISHOT));
	t_spew("d/sub/f", "text");
	t_ok(unlink("d/sub/f"));
	t_spew("beside", "text");
	t_eq(heard(), 0);
	t_ok(close(fd));
}

T_CASE(arguments)
{
	int fd = fresh(), p[2], file, path = open("d", O_PATH);

	t_pipe(p);
	t_spew("f", "text");
	file = open("f", O_RDONLY);
	t_errno(notify(file, DN_CREATE), ENOTDIR);
	t_errno(notify(p[0], DN_CREATE), ENOTDIR);
	t_ok(notify(file, 0));
	t_ok(notify(fd, 0));
	t_errno(notify(path, DN_CREATE), EBADF);
	t_errno(notify(path, 0), EBADF);
	t_errno(fcntl(path, F_SETSIG, SIGIO), EBADF); /* nor anything else */
	t_errno(fcntl(path, F_GETOWN), EBADF);
	t_errno(fcntl(path, F_SETOWN, getpid()), EBADF);
	t_errno(fcntl(path, F_GETPIPE_SZ), EBADF);
	t_errno(fcntl(path, 9999), EBADF);
	t_check(fcntl(path, F_GETFL) & O_PATH);
	t_errno(notify(FD, DN_CREATE), EBADF);
	t_ok(notify(fd, 0x4000)); /* of no meaning */
	t_spew("d/f", "text");
	t_eq(heard(), 0);
}

T_CASE(ends_with_the_descriptor)
{
	int fd = fresh(), copy;
	pid_t pid;

	copy = dup(fd);
	t_ok(notify(fd, DN_CREATE | DN_MULTISHOT));
	T_CHILD(pid)
	{
		t_ok(close(fd)); /* not the child's */
	}
	t_exit(pid, 0);
	t_spew("d/a", "");
	t_eq(heard(), 1);
	t_eq(last.si_fd, fd);
	t_ok(notify(copy, DN_CREATE)); /* the same one, by another name */
	t_spew("d/b", "");
	t_eq(heard(), 1);
	t_eq(last.si_fd, copy);
	t_ok(close(copy)); /* any descriptor of the open file */
	t_spew("d/c", "");
	t_eq(heard(), 0);
	t_ok(notify(fd, DN_CREATE));
	t_ok(dup2(open("/dev/null", O_RDONLY), fd));
	t_spew("d/e", "");
	t_eq(heard(), 0);
}

T_CASE(of_a_child)
{
	int fd = fresh(), ready[2], go[2];
	pid_t pid;

	t_pipe(ready);
	t_pipe(go);
	t_ok(notify(fd, DN_CREATE | DN_MULTISHOT));
	T_CHILD(pid)
	{
		t_ok(notify(fd, DN_CREATE | DN_MULTISHOT));
		t_put(ready[1]);
		t_get(go[0]);
		t_eq(heard(), 0); /* the open file is its parent's */
	}
	t_get(ready[0]);
	t_spew("d/a", "");
	t_eq(heard(), 2);
	t_put(go[1]);
	t_exit(pid, 0);
	t_spew("d/b", "");
	t_eq(heard(), 1);
	t_ok(close(fd));
}

T_CASE(two_open_files)
{
	int fd = fresh(), other = open("d", O_RDONLY);

	t_ok(fcntl(other, F_SETSIG, sig()));
	t_ok(notify(fd, DN_CREATE));
	t_ok(notify(other, DN_CREATE | DN_MULTISHOT));
	t_spew("d/a", "");
	t_eq(heard(), 2);
	t_spew("d/b", "");
	t_eq(heard(), 1);
	t_eq(last.si_fd, other);
	t_ok(close(fd));
	t_spew("d/c", "");
	t_eq(heard(), 1);
	t_ok(close(other));
	t_spew("d/e", "");
	t_eq(heard(), 0);
}

T_CASE(the_directory_goes)
{
	int fd = fresh();

	t_ok(notify(fd, DN_CREATE | DN_DELETE | DN_RENAME | DN_MULTISHOT));
	t_ok(rmdir("d"));
	t_eq(heard(), 0);
	t_ok(notify(fd, DN_CREATE));
	t_ok(notify(fd, 0));
	t_ok(close(fd));
}

/* Beside inotify, which hears as before. */
T_CASE(beside_inotify)
{
	int fd = fresh(), in = inotify_init1(IN_NONBLOCK);
	char buf[512];

	t_ok(inotify_add_watch(in, "d", IN_CREATE));
	t_ok(notify(fd, DN_CREATE | DN_MULTISHOT));
	t_ok(mkdir("d/a", 0777));
	t_eq(heard(), 1);
	t_check(read(in, buf, sizeof(buf)) > 0);
	t_ok(close(in));
	t_ok(mkdir("d/b", 0777));
	t_eq(heard(), 1);
	t_ok(rmdir("d/a"));
	t_eq(heard(), 0);
	t_ok(close(fd));
}

/* Many make files, hear of them and let go at once; the end of everybody is the check. */
T_CASE(storm)
{
	pid_t pids[4];
	int fd = fresh();

	t_ok(close(fd));
	for (int k = 0; k < 4; k++) {
		T_CHILD(pids[k])
		{
			char name[] = "d/0";

			signal(SIGIO, SIG_IGN);
			name[2] += k;
			for (int i = 0; i < 200; i++) {
				int mine = open("d", O_RDONLY);

				t_ok(notify(
					mine, DN_CREATE | DN_DELETE | (i & 1 ? DN_MULTISHOT : 0)));
				t_spew(name, "");
				t_ok(unlink(name));
				t_ok(close(mine));
			}
		}
	}
	for (int k = 0; k < 4; k++)
		t_exit(pids[k], 0);
	t_ok(rmdir("d"));
}
