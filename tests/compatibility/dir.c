/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* dir.c - names: directories, links, renames, listings, permissions and the limits of paths. */
#include "t_.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

T_SUITE(dir);

static bool is_dir(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static long links(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? (long)st.st_nlink : -1;
}

static ino_t inode(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

T_CASE(mkdir_rmdir)
{
	t_ret(mkdir("d", 0700), 0);
	t_check(is_dir("d"));
	t_eq(links("d"), 2);
	t_errno(mkdir("d", 0700), EEXIST);
	t_errno(mkdir("none/d", 0700), ENOENT);
	t_errno(mkdir("", 0700), ENOENT);
	t_errno(mkdir(".", 0700), EEXIST);
	t_errno(mkdir("/", 0700), EEXIST);
	t_ret(mkdir("d/e/", 0700), 0);
	t_eq(links("d"), 3);
	t_spew("f", "");
	t_errno(mkdir("f", 0700), EEXIST);
	t_errno(mkdir("f/x", 0700), ENOTDIR);
	t_errno(rmdir("d"), ENOTEMPTY);
	t_errno(rmdir("f"), ENOTDIR);
	t_errno(rmdir("none"), ENOENT);
	t_errno(rmdir("d/."), EINVAL);
	t_errno(rmdir("d/e/.."), ENOTEMPTY);
	t_ret(rmdir("d/e"), 0);
	t_eq(links("d"), 2);
	t_errno(unlinkat(AT_FDCWD, "d", 0), EISDIR);
	t_errno(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
	t_errno(unlinkat(AT_FDCWD, "f", 0x10000), EINVAL);
	t_ret(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR), 0);
	t_errno(unlinkat(777, "f", 0), EBADF);
	t_errno(unlink("."), EISDIR);
}

T_CASE(getcwd_chdir)
{
	char here[PATH_MAX], now[PATH_MAX];
	int top = open(".", O_RDONLY);

	t_check(getcwd(here, sizeof(here)));
	t_ret(syscall(SYS_getcwd, now, sizeof(now)), strlen(here) + 1);
	t_ret(mkdir("a", 0755), 0);
	t_ret(chdir("a"), 0);
	t_check(getcwd(now, sizeof(now)));
	t_str(now + strlen(here), "/a");
	t_errno(syscall(SYS_getcwd, now, 3), ERANGE);
	t_errno(syscall(SYS_getcwd, (void *)8, 4096), EFAULT);
	t_ret(rename("../a", "../b"), 0);
	t_check(getcwd(now, sizeof(now)));
	t_str(now + strlen(here), "/b");
	t_ret(rmdir("../b"), 0);
	t_errno(syscall(SYS_getcwd, now, sizeof(now)), ENOENT);
	t_errno(open("x", O_CREAT | O_WRONLY, 0600), ENOENT);
	t_ret(chdir(".."), 0);
	t_check(getcwd(now, sizeof(now)));
	t_str(now, here);
	t_ret(chdir("/"), 0);
	t_check(getcwd(now, sizeof(now)));
	t_str(now, "/");
	t_ret(fchdir(top), 0);
	t_check(getcwd(now, sizeof(now)));
	t_str(now, here);
	t_spew("f", "");
	t_errno(chdir("f"), ENOTDIR);
	t_errno(chdir("none"), ENOENT);
	t_errno(fchdir(777), EBADF);
	t_errno(fchdir(open("f", O_RDONLY)), ENOTDIR);
}

T_CASE(hard_links)
{
	t_spew("a", "text");
	t_ret(link("a", "b"), 0);
	t_eq(links("a"), 2);
	t_eq(inode("a"), inode("b"));
	t_errno(link("a", "b"), EEXIST);
	t_errno(link("none", "c"), ENOENT);
	t_errno(link(".", "c"), EPERM);
	t_ret(linkat(AT_FDCWD, "a", AT_FDCWD, "c", 0), 0);
	t_eq(links("c"), 3);
	t_ret(symlinkat("a", AT_FDCWD, "l"), 0);
	t_ret(linkat(AT_FDCWD, "l", AT_FDCWD, "hard", 0), 0);
	t_eq(inode("hard"), inode("l"));
	t_ret(linkat(AT_FDCWD, "l", AT_FDCWD, "through", AT_SYMLINK_FOLLOW), 0);
	t_eq(inode("through"), inode("a"));
	t_errno(linkat(AT_FDCWD, "a", AT_FDCWD, "d", 0x10000000), EINVAL);
	t_ret(unlink("a"), 0);
	t_eq(links("b"), 3);
}

T_CASE(symlinks)
{
	char buf[64] = "";

	t_ret(symlinkat("some/where", AT_FDCWD, "l"), 0);
	t_ret(readlink("l", buf, sizeof(buf)), 10);
	t_str(buf, "some/where");
	t_ret(readlink("l", buf, 4), 4);
	t_errno(symlinkat("x", AT_FDCWD, "l"), EEXIST);
	t_errno(symlinkat("", AT_FDCWD, "m"), ENOENT);
	t_errno(symlinkat("x", 777, "m"), EBADF);
	t_ret(symlink("x", "m"), 0);
	t_errno(readlink("none", buf, 4), ENOENT);
	t_spew("f", "");
	t_errno(readlink("f", buf, 4), EINVAL);
	t_errno(readlink("l", buf, 0), EINVAL);
	t_errno(syscall(SYS_readlink, "l", (void *)8, 10), EFAULT);
	t_ret(readlinkat(AT_FDCWD, "l", buf, sizeof(buf)), 10);
	int fd = open("l", O_PATH | O_NOFOLLOW);
	t_ret(readlinkat(fd, "", buf, sizeof(buf)), 10);
	t_ret(mkdir("d", 0755), 0);
	t_ret(symlink("d", "to-d"), 0);
	t_spew("to-d/in", "");
	t_ret(access("d/in", F_OK), 0);
	t_errno(rmdir("to-d"), ENOTDIR);
	t_errno(unlink("to-d/"), ENOTDIR);
	t_ret(unlink("to-d"), 0);
	t_check(is_dir("d"));
}

T_CASE(readlink_takes_an_int)
{
	char buf[32] = "";

	t_ok(symlink("target", "link"));
	t_ret(syscall(SYS_readlink, "link", buf, 0xb6a0000000000004l),
		4); /* the upper half is nobody's */
	t_mem(buf, "targ\0", 5);
	t_errno(syscall(SYS_readlink, "link", buf, 0xb6a0000080000004l), EINVAL);
}

T_CASE(symlink_loops)
{
	char from[8], to[8];

	t_ret(symlink("a", "b"), 0);
	t_ret(symlink("b", "a"), 0);
	t_errno(open("a", O_RDONLY), ELOOP);
	t_errno(chdir("a"), ELOOP);
	t_ret(symlink("self/x", "self"), 0);
	t_errno(access("self", F_OK), ELOOP);
	t_spew("c0", "");
	for (int i = 0; i < 41; i++) {
		snprintf(to, sizeof(to), "c%d", i);
		snprintf(from, sizeof(from), "c%d", i + 1);
		t_check(symlink(to, from) == 0);
	}
	t_ret(access("c40", F_OK), 0); /* forty are followed */
	t_errno(access("c41", F_OK), ELOOP);
	t_ret(symlink("/", "top"), 0);
	t_check(access("top/proc", F_OK) == 0);
}

T_CASE(long_names)
{
	char name[300], path[5000];

	memset(name, 'n', sizeof(name));
	name[255] = 0;
	t_ok(open(name, O_CREAT | O_WRONLY, 0600));
	t_ret(access(name, F_OK), 0);
	name[255] = 'n';
	name[256] = 0;
	t_errno(open(name, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
	t_errno(mkdir(name, 0700), ENAMETOOLONG);
	t_errno(access(name, F_OK), ENAMETOOLONG);
	for (int i = 0; i < 4095; i++)
		path[i] = i & 1 ? '/' : '.';
	path[4095] = 0;
	t_ret(access(path, F_OK), 0);
	path[4095] = '/';
	path[4096] = 0;
	t_errno(access(path, F_OK), ENAMETOOLONG);
	t_ret(access("./././//.//.", F_OK), 0);
	t_ret(access("/../../..", F_OK), 0);
}

T_CASE(deep_tree)
{
	enum { DEPTH = 60 };
	int top = open(".", O_RDONLY);

	for (int i = 0; i < DEPTH; i++) {
		t_check(mkdir("directory", 0755) == 0);
		t_check(chdir("directory") == 0);
	}
	char now[PATH_MAX];
	t_check(getcwd(now, sizeof(now)));
	t_check(strlen(now) > DEPTH * 10);
	for (int i = 0; i < DEPTH; i++) {
		t_check(chdir("..") == 0);
		t_check(rmdir("directory") == 0);
	}
	struct stat a, b;
	t_ret(fstat(top, &a), 0);
	t_ret(stat(".", &b), 0);
	t_eq(a.st_ino, b.st_ino);
}

T_CASE(rename_files)
{
	char buf[8];

	t_spew("a", "A");
	t_spew("b", "B");
	ino_t was = inode("a");
	t_ret(rename("a", "c"), 0);
	t_eq(inode("c"), was);
	t_errno(access("a", F_OK), ENOENT);
	t_ret(rename("c", "b"), 0); /* replaces */
	t_eq(inode("b"), was);
	t_eq(t_slurp("b", buf, sizeof(buf)), 1);
	t_str(buf, "A");
	t_errno(rename("none", "x"), ENOENT);
	t_errno(rename("b", "none/x"), ENOENT);
	t_errno(rename("", "x"), ENOENT);
	t_ret(link("b", "same"), 0);
	t_ret(rename("b", "same"), 0); /* two names of one file: nothing happens */
	t_eq(links("b"), 2);
	t_ret(rename("b", "b"), 0);
	t_ret(symlink("b", "l"), 0);
	t_ret(rename("l", "l2"), 0); /* the link, not what it names */
	t_ret(readlink("l2", buf, sizeof(buf)), 1);
}

T_CASE(rename_directories)
{
	t_spew("f", "");
	t_ret(mkdir("a", 0755), 0);
	t_ret(mkdir("a/sub", 0755), 0);
	t_ret(mkdir("b", 0755), 0);
	t_spew("b/in", "");
	t_errno(rename("a", "a/sub/x"), EINVAL);
	t_errno(rename("a", "b"), ENOTEMPTY);
	t_errno(rename("a", "f"), ENOTDIR);
	t_errno(rename("f", "a"), EISDIR);
	t_errno(rename("a/sub", "a"), ENOTEMPTY);
	t_errno(rename(".", "x"), EBUSY);
	t_errno(rename("a", ".."), EBUSY);
	t_errno(rename("f", "x/"), ENOTDIR);
	t_ret(unlink("b/in"), 0);
	t_ret(rename("a", "b"), 0); /* over an empty directory */
	t_check(is_dir("b/sub"));
	t_check(!is_dir("a"));
	t_eq(links("b"), 3);
	t_ret(mkdir("c", 0755), 0);
	t_ret(rename("b/sub", "c/sub"), 0);
	t_eq(links("b"), 2);
	t_eq(links("c"), 3);
	struct stat up, c;
	t_ret(stat("c/sub/..", &up), 0);
	t_ret(stat("c", &c), 0);
	t_eq(up.st_ino, c.st_ino);
	t_ret(rename("c/", "d/"), 0);
	t_check(is_dir("d/sub"));
}

static int renameat2_call(const char *from, const char *to, unsigned flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

T_CASE(renameat2_flags)
{
	char buf[8];

	t_spew("a", "A");
	t_spew("b", "B");
	t_errno(renameat2_call("a", "b", RENAME_NOREPLACE), EEXIST);
	t_ret(renameat2_call("a", "n", RENAME_NOREPLACE), 0);
	t_ret(renameat2_call("n", "b", RENAME_EXCHANGE), 0);
	t_eq(t_slurp("n", buf, sizeof(buf)), 1);
	t_str(buf, "B");
	t_eq(t_slurp("b", buf, sizeof(buf)), 1);
	t_str(buf, "A");
	t_errno(renameat2_call("n", "none", RENAME_EXCHANGE), ENOENT);
	t_errno(renameat2_call("n", "b", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
	t_errno(renameat2_call("n", "b", 0x1000), EINVAL);
	t_ret(mkdir("d", 0755), 0);
	t_ret(renameat2_call("d", "b", RENAME_EXCHANGE), 0); /* unlike kinds too */
	t_check(is_dir("b"));
	t_check(!is_dir("d"));
	t_errno(syscall(SYS_renameat2, 777, "x", AT_FDCWD, "y", 0), EBADF);
	t_ret(renameat2_call("d", "e", 0), 0);
}

static bool whiteout_at(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && st.st_mode == S_IFCHR && !st.st_rdev && st.st_nlink == 1;
}

/* What stays at the old name hides the same name below, where one directory covers another. */
T_CASE(renameat2_leaves_a_whiteout)
{
	struct stat st, dir;
	char buf[8];
	pid_t pid;

	t_spew("a", "A");
	t_spew("b", "B");
	t_ret(mkdir("d", 0777), 0);
	t_ret(renameat2_call("a", "d/a", RENAME_WHITEOUT), 0);
	t_check(whiteout_at("a"));
	t_errno(open("a", O_RDONLY), ENXIO);
	t_eq(t_slurp("d/a", buf, sizeof(buf)), 1);
	t_ret(renameat2_call("b", "a", RENAME_WHITEOUT), 0); /* onto one */
	t_check(whiteout_at("b"));
	t_eq(t_slurp("a", buf, sizeof(buf)), 1);
	t_str(buf, "B");
	t_ret(renameat2_call("a", "d/a", RENAME_WHITEOUT), 0);
	t_eq(t_slurp("d/a", buf, sizeof(buf)), 1);
	t_str(buf, "B");
	t_errno(renameat2_call("b", "d/a", RENAME_WHITEOUT | RENAME_EXCHANGE), EINVAL);
	t_errno(renameat2_call("b", "d/a", RENAME_WHITEOUT | RENAME_NOREPLACE), EEXIST);
	t_ret(renameat2_call("d/a", "d/n", RENAME_WHITEOUT | RENAME_NOREPLACE), 0);
	t_check(whiteout_at("d/a"));
	t_ret(renameat2_call("b", "b", RENAME_WHITEOUT), 0);
	t_ret(mkdir("e", 0755), 0);
	t_ret(stat(".", &dir), 0);
	t_ret(renameat2_call("e", "d/e", RENAME_WHITEOUT), 0);
	t_check(whiteout_at("e") && is_dir("d/e"));
	t_ret(stat(".", &st), 0);
	t_eq(st.st_nlink, dir.st_nlink - 1);
	t_eq(st.st_size, dir.st_size);
	t_ret(mkdir("f", 0755), 0);
	t_errno(renameat2_call("f", "d", RENAME_WHITEOUT), ENOTEMPTY);
	t_check(is_dir("f"));
	t_ret(unlink("e"), 0);
	t_errno(renameat2_call("none", "x", RENAME_WHITEOUT), ENOENT);
	t_ret(chmod("d", 0777), 0);
	T_CHILD(pid)
	{
		if (!geteuid() && (setgid(1000) || setuid(1000)))
			_exit(1);
		t_ret(chdir("d"), 0);
		t_ret(mknod("w", S_IFCHR | 0600, 0), 0); /* of which all may make */
		t_errno(mknod("v", S_IFCHR | 0600, 0x101), EPERM);
		t_errno(mknod("v", S_IFBLK | 0600, 0), EPERM);
		t_spew("c", "C");
		t_ret(renameat2_call("c", "k", RENAME_WHITEOUT), 0);
		t_check(whiteout_at("c"));
	}
	t_exit(pid, 0);
}

struct linux_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

static long list(int fd, char *buf, size_t len, int *names, int *dots, int *dirs)
{
	long n = syscall(SYS_getdents64, fd, buf, len);

	for (long at = 0; at < n;) {
		struct linux_dirent *entry = (struct linux_dirent *)(buf + at);
		if (!strcmp(entry->name, ".") || !strcmp(entry->name, ".."))
			(*dots)++;
		else
			(*names)++;
		*dirs += entry->type == DT_DIR;
		at += entry->len;
	}
	return n;
}

T_CASE(getdents_lists_all)
{
	char buf[4096], name[16];
	int fd, names = 0, dots = 0, dirs = 0;

	t_ret(mkdir("d", 0755), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "d/file%d", i);
		int made = open(name, O_CREAT | O_WRONLY, 0600);
		t_check(made >= 0);
		close(made);
	}
	t_ret(mkdir("d/sub", 0755), 0);
	t_ok(fd = open("d", O_RDONLY | O_DIRECTORY));
	while (list(fd, buf, sizeof(buf), &names, &dots, &dirs) > 0)
		;
	t_eq(names, 301);
	t_eq(dots, 2);
	t_eq(dirs, 3);
	t_ret(syscall(SYS_getdents64, fd, buf, sizeof(buf)), 0);
	t_ret(lseek(fd, 0, SEEK_SET), 0);
	names = dots = dirs = 0;
	while (list(fd, buf, 100, &names, &dots, &dirs) > 0)
		;
	t_eq(names, 301);
	t_eq(dots, 2);
	t_ret(lseek(fd, 0, SEEK_SET), 0);
	t_errno(syscall(SYS_getdents64, fd, buf, 10), EINVAL);
	t_errno(syscall(SYS_getdents64, fd, (void *)8, 4096), EFAULT);
	t_errno(syscall(SYS_getdents64, 777, buf, 4096), EBADF);
	t_errno(syscall(SYS_getdents64, open("d/file1", O_RDONLY), buf, 4096), ENOTDIR);
}

T_CASE(getdents_while_deleting)
{
	enum { FILES = 200 };
	char buf[512], name[32];
	int fd, seen = 0, left = 0, dots = 0, dirs = 0;

	t_ret(mkdir("d", 0755), 0);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "d/f%d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	t_ok(fd = open("d", O_RDONLY | O_DIRECTORY));
	for (;;) {
		long n = syscall(SYS_getdents64, fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		for (long at = 0; at < n;) {
			struct linux_dirent *entry = (struct linux_dirent *)(buf + at);
			if (entry->name[0] != '.' && unlinkat(fd, entry->name, 0) == 0)
				seen++;
			at += entry->len;
		}
	}
	t_eq(seen, FILES);
	t_ret(lseek(fd, 0, SEEK_SET), 0);
	while (list(fd, buf, sizeof(buf), &left, &dots, &dirs) > 0)
		;
	t_eq(left, 0);
	t_ret(rmdir("d"), 0);
	t_eq(syscall(SYS_getdents64, fd, buf, sizeof(buf)) <= 0, 1); /* a dead one ends */
}

T_CASE(mknod_kinds)
{
	struct stat st;

	t_ret(mknod("fifo", S_IFIFO | 0600, 0), 0);
	t_ret(stat("fifo", &st), 0);
	t_check(S_ISFIFO(st.st_mode));
	t_ret(mknodat(AT_FDCWD, "plain", S_IFREG | 0640, 0), 0);
	t_ret(stat("plain", &st), 0);
	t_eq(st.st_mode, S_IFREG | 0640);
	t_ret(mknod("typeless", 0600, 0), 0);
	t_ret(stat("typeless", &st), 0);
	t_check(S_ISREG(st.st_mode));
	t_ret(mknod("null", S_IFCHR | 0666, makedev(1, 3)), 0);
	t_ret(stat("null", &st), 0);
	t_eq(st.st_rdev, makedev(1, 3));
	t_ret(mknod("sock", S_IFSOCK | 0600, 0), 0);
	t_errno(open("sock", O_RDWR), ENXIO);
	t_errno(mknod("fifo", S_IFIFO | 0600, 0), EEXIST);
	t_errno(mknod("none/x", S_IFIFO | 0600, 0), ENOENT);
	t_errno(mknod("d", S_IFDIR | 0700, 0), EPERM);
	t_errno(mknod("l", S_IFLNK | 0700, 0), EINVAL);
	pid_t pid;
	t_ret(chmod(".", 0777), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(mknod("dev", S_IFCHR | 0666, makedev(1, 3)), EPERM);
		t_ret(mknod("mine", S_IFIFO | 0600, 0), 0);
	}
	t_exit(pid, 0);
}

T_CASE(permissions)
{
	pid_t pid;

	t_spew("root-only", "x");
	t_ret(chmod("root-only", 0600), 0);
	t_spew("group", "x");
	t_ret(chown("group", 0, 1000), 0);
	t_ret(chmod("group", 0640), 0);
	t_ret(mkdir("closed", 0700), 0);
	t_spew("closed/in", "x");
	t_ret(mkdir("nosearch", 0744), 0);
	t_spew("nosearch/in", "x");
	t_ret(mkdir("search", 0711), 0);
	t_spew("search/in", "x");
	t_spew("owner-less", "x");
	t_ret(chown("owner-less", 1000, 0), 0);
	t_ret(chmod("owner-less", 0077), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(open("root-only", O_RDONLY), EACCES);
		t_ok(open("group", O_RDONLY));
		t_errno(open("group", O_RDWR), EACCES);
		t_errno(open("closed/in", O_RDONLY), EACCES);
		t_errno(open("closed", O_RDONLY), EACCES);
		t_errno(open("nosearch/in", O_RDONLY), EACCES);
		t_ok(open("nosearch", O_RDONLY));
		t_ok(open("search/in", O_RDONLY));
		t_errno(open("search", O_RDONLY), EACCES);
		t_errno(open("owner-less", O_RDONLY), EACCES); /* the owner's bits, not others' */
		t_errno(open("new", O_CREAT | O_WRONLY, 0600), EACCES);
		t_errno(mkdir("new", 0700), EACCES);
		t_errno(unlink("root-only"), EACCES);
		t_errno(rename("group", "x"), EACCES);
		t_errno(chmod("root-only", 0666), EPERM);
		t_errno(chown("owner-less", 0, -1), EPERM);
		t_ret(chmod("owner-less", 0600), 0);
		t_errno(truncate("root-only", 0), EACCES);
		t_errno(utimensat(AT_FDCWD, "root-only", NULL, 0), EACCES);
		t_errno(chdir("closed"), EACCES);
		t_ret(chown("owner-less", -1, 1000), 0);
	}
	t_exit(pid, 0);
}

T_CASE(sticky_directory)
{
	pid_t pid;

	t_ret(mkdir("t", 0777), 0);
	t_ret(chmod("t", 01777), 0);
	t_spew("t/roots", "x");
	t_ret(chmod("t/roots", 0666), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(unlink("t/roots"), EPERM);
		t_errno(rename("t/roots", "t/x"), EPERM);
		t_spew("t/mine", "x");
		t_ret(unlink("t/mine"), 0);
	}
	t_exit(pid, 0);
	t_ret(chmod("t", 0777), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_ret(unlink("t/roots"), 0);
	}
	t_exit(pid, 0);
}

T_CASE(setgid_directory)
{
	struct stat st;

	t_ret(mkdir("g", 0755), 0);
	t_ret(chown("g", 0, 55), 0);
	t_ret(chmod("g", 02755), 0);
	t_spew("g/f", "");
	t_ret(stat("g/f", &st), 0);
	t_eq(st.st_gid, 55);
	t_ret(mkdir("g/d", 0755), 0);
	t_ret(stat("g/d", &st), 0);
	t_eq(st.st_gid, 55);
	t_eq(st.st_mode & S_ISGID, S_ISGID);
}

T_CASE(directory_times)
{
	struct timespec old[2] = {{100, 0}, {100, 0}};
	struct stat st;

	t_ret(mkdir("d", 0755), 0);
	t_ret(utimensat(AT_FDCWD, "d", old, 0), 0);
	t_spew("d/f", "");
	t_ret(stat("d", &st), 0);
	t_check(st.st_mtim.tv_sec > 100);
	t_ret(utimensat(AT_FDCWD, "d", old, 0), 0);
	t_ret(unlink("d/f"), 0);
	t_ret(stat("d", &st), 0);
	t_check(st.st_mtim.tv_sec > 100);
	t_ret(utimensat(AT_FDCWD, "d", old, 0), 0);
	t_ret(access("d/none", F_OK) == -1 && errno == ENOENT, 1);
	t_ret(stat("d", &st), 0);
	t_eq(st.st_mtim.tv_sec, 100);
}

T_CASE(chroot_confines)
{
	pid_t pid;

	t_ret(mkdir("jail", 0755), 0);
	t_spew("jail/in", "x");
	t_ret(symlink("/in", "jail/abs"), 0);
	T_CHILD(pid)
	{
		t_ret(chroot("jail"), 0);
		t_ret(chdir("/"), 0);
		t_ret(access("/in", F_OK), 0);
		t_ret(access("/abs", F_OK), 0);
		t_ret(access("/../../in", F_OK), 0);
		t_errno(access("/proc/self", F_OK), ENOENT);
		t_become(1000, 1000);
		t_errno(chroot("/"), EPERM);
	}
	t_exit(pid, 0);
	t_errno(chroot("none"), ENOENT);
	t_errno(chroot("jail/in"), ENOTDIR);
}

/* With no descriptor left nothing is made, cut short or waited for. */
T_CASE(no_descriptor_left)
{
	struct rlimit few = {40, 40};
	struct open_how how = {.flags = O_RDWR | O_CREAT, .mode = 0600};
	char buf[8];

	t_spew("full", "text");
	t_ret(mkfifo("fifo", 0600), 0);
	t_ret(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (dup(0) >= 0)
		;
	t_errno(open("new", O_RDWR | O_CREAT, 0600), EMFILE);
	t_errno(creat("new", 0600), EMFILE);
	t_errno(syscall(SYS_openat2, AT_FDCWD, "new", &how, sizeof(how)), EMFILE);
	t_errno(access("new", F_OK), ENOENT);
	t_errno(open("full", O_RDWR | O_TRUNC), EMFILE);
	t_errno(open("fifo", O_RDONLY), EMFILE);
	t_errno(open("none", O_RDONLY), EMFILE);
	t_errno(open(".", O_TMPFILE | O_RDWR, 0600), EMFILE);
	t_errno(open((char *)8, O_RDONLY), EFAULT);
	t_ret(close(20), 0);
	t_errno(open("none", O_RDONLY), ENOENT);
	t_errno(open("none", O_RDONLY), ENOENT); /* the slot came back */
	t_ret(open("full", O_RDONLY), 20);
	t_ret(read(20, buf, 8), 4);
	t_errno(fcntl(20, F_DUPFD, 0), EMFILE);
	t_eq(fcntl(20, F_GETFD), 0);
	t_ret(close(20), 0);
	t_ret(open("full", O_RDONLY | O_CLOEXEC), 20);
	t_eq(fcntl(20, F_GETFD), FD_CLOEXEC);
}
