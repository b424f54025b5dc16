/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* openat2.c - openat2(2): how a path may be resolved. */
#include "t_.h"

#include <linux/openat2.h>

T_SUITE(openat2);

static int open_how(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .resolve = resolve};

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

/* Opens with O_PATH, closes: 0 or -1 with errno. */
static int resolves(int dir, const char *path, uint64_t resolve)
{
	int fd = open_how(dir, path, O_PATH | O_CLOEXEC, resolve);

	return fd < 0 ? -1 : close(fd);
}

/* d/f, d/in -> f, d/out -> ../x, d/abs -> /d2/f, d/sub/up -> ../f, x */
static int tree(void)
{
	mkdir("d", 0755);
	mkdir("d/sub", 0755);
	mkdir("d/d2", 0755);
	t_spew("d/f", "f");
	t_spew("d/d2/f", "inner");
	t_spew("x", "x");
	t_ok(symlink("f", "d/in"));
	t_ok(symlink("../x", "d/out"));
	t_ok(symlink("/d2/f", "d/abs"));
	t_ok(symlink("/", "d/root"));
	t_ok(symlink("../f", "d/sub/up"));
	t_ok(symlink("/proc/self/cwd", "d/magic"));
	return open("d", O_PATH | O_DIRECTORY);
}

static bool same(int fd, const char *path)
{
	struct stat a, b;
	bool held = fd >= 0 && !fstat(fd, &a) && !stat(path, &b) && a.st_ino == b.st_ino &&
		    a.st_dev == b.st_dev;

	close(fd);
	return held;
}

T_CASE(arguments)
{
	struct {
		struct open_how how;
		uint64_t more;
	} big = {{.flags = O_RDONLY}, 0};
	struct open_how how = {.flags = O_RDONLY};

	t_spew("f", "x");
	t_errno(syscall(SYS_openat2, AT_FDCWD, "f", &how, 0), EINVAL);
	t_errno(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how) - 1), EINVAL);
	t_errno(syscall(SYS_openat2, AT_FDCWD, "f", &how, 1 << 20), E2BIG);
	t_errno(syscall(SYS_openat2, AT_FDCWD, "f", (void *)8, sizeof(how)), EFAULT);
	t_errno(syscall(SYS_openat2, AT_FDCWD, (void *)8, &how, sizeof(how)), EFAULT);
	t_ok(syscall(SYS_openat2, AT_FDCWD, "f", &big, sizeof(big)));
	big.more = 1;
	t_errno(syscall(SYS_openat2, AT_FDCWD, "f", &big, sizeof(big)), E2BIG);
	t_errno(open_how(AT_FDCWD, "f", 1ull << 40, 0), EINVAL);
	t_errno(open_how(AT_FDCWD, "f", 1u << 30, 0), EINVAL);
	t_errno(open_how(AT_FDCWD, "f", O_RDONLY, 64), EINVAL);
	t_errno(open_how(AT_FDCWD, "f", O_RDONLY, 1ull << 40), EINVAL);
	t_errno(open_how(AT_FDCWD, "f", O_RDONLY, RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
	t_errno(open_how(AT_FDCWD, "f", O_PATH | O_RDWR, 0), EINVAL);
	t_errno(open_how(AT_FDCWD, "f", O_PATH | O_TRUNC, 0), EINVAL);
	how.mode = 0600;
	t_errno(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how)), EINVAL);
	how.flags = O_CREAT | O_RDWR;
	how.mode = 010000;
	t_errno(syscall(SYS_openat2, AT_FDCWD, "g", &how, sizeof(how)), EINVAL);
	how.mode = 0640;
	t_ok(syscall(SYS_openat2, AT_FDCWD, "g", &how, sizeof(how)));
	t_ok(access("g", W_OK));
	t_errno(open_how(-1, "f", O_RDONLY, 0), EBADF);
	t_errno(open_how(AT_FDCWD, "", O_RDONLY, 0), ENOENT);
	t_errno(open_how(AT_FDCWD, "none", O_RDONLY, RESOLVE_BENEATH), ENOENT);
}

T_CASE(beneath)
{
	int d = tree();

	t_ok(resolves(d, "f", RESOLVE_BENEATH));
	t_ok(resolves(d, ".", RESOLVE_BENEATH));
	t_ok(resolves(d, "sub/../f", RESOLVE_BENEATH));
	t_ok(resolves(d, "in", RESOLVE_BENEATH));
	t_ok(resolves(d, "sub/up", RESOLVE_BENEATH));
	t_errno(resolves(d, "..", RESOLVE_BENEATH), EXDEV);
	t_errno(resolves(d, "../d/f", RESOLVE_BENEATH), EXDEV);
	t_errno(resolves(d, "sub/../../x", RESOLVE_BENEATH), EXDEV);
	t_errno(resolves(d, "out", RESOLVE_BENEATH), EXDEV);
	t_errno(resolves(d, "abs", RESOLVE_BENEATH), EXDEV);
	t_errno(resolves(d, "magic", RESOLVE_BENEATH), EXDEV);
	t_errno(resolves(d, "/", RESOLVE_BENEATH), EXDEV);
	t_errno(resolves(d, "/proc", RESOLVE_BENEATH), EXDEV);
	t_ok(resolves(AT_FDCWD, "d/f", RESOLVE_BENEATH));
	t_errno(resolves(AT_FDCWD, "d/../..", RESOLVE_BENEATH), EXDEV);
	t_ok(fchdir(d));
	t_errno(resolves(AT_FDCWD, "../x", RESOLVE_BENEATH), EXDEV);
	t_errno(resolves(AT_FDCWD, "f/x", RESOLVE_BENEATH), ENOTDIR);
}

T_CASE(beneath_makes)
{
	struct open_how how = {.flags = O_CREAT | O_RDWR, .mode = 0600, .resolve = RESOLVE_BENEATH};
	int d = tree();

	t_ok(syscall(SYS_openat2, d, "sub/new", &how, sizeof(how)));
	t_ok(access("d/sub/new", F_OK));
	t_errno(syscall(SYS_openat2, d, "../new", &how, sizeof(how)), EXDEV);
	t_errno(access("new", F_OK), ENOENT);
	t_ok(symlink("../made", "d/dangling"));
	t_errno(syscall(SYS_openat2, d, "dangling", &how, sizeof(how)), EXDEV);
	t_errno(access("made", F_OK), ENOENT);
	how.flags = O_TMPFILE | O_RDWR;
	t_ok(syscall(SYS_openat2, d, "sub", &how, sizeof(how)));
	t_errno(syscall(SYS_openat2, d, "..", &how, sizeof(how)), EXDEV);
}

T_CASE(in_root)
{
	struct open_how how = {.flags = O_CREAT | O_RDWR, .mode = 0600, .resolve = RESOLVE_IN_ROOT};
	int d = tree();

	t_check(same(open_how(d, "/f", O_PATH, RESOLVE_IN_ROOT), "d/f"));
	t_check(same(open_how(d, "/", O_PATH, RESOLVE_IN_ROOT), "d"));
	t_check(same(open_how(d, "//", O_PATH, RESOLVE_IN_ROOT), "d"));
	t_check(same(open_how(d, "..", O_PATH, RESOLVE_IN_ROOT), "d"));
	t_check(same(open_how(d, "../../f", O_PATH, RESOLVE_IN_ROOT), "d/f"));
	t_check(same(open_how(d, "sub/../../../f", O_PATH, RESOLVE_IN_ROOT), "d/f"));
	t_check(same(open_how(d, "abs", O_PATH, RESOLVE_IN_ROOT), "d/d2/f"));
	t_check(same(open_how(d, "root/root/f", O_PATH, RESOLVE_IN_ROOT), "d/f"));
	t_check(same(open_how(d, "in", O_PATH, RESOLVE_IN_ROOT), "d/f"));
	t_errno(resolves(d, "out", RESOLVE_IN_ROOT), ENOENT);
	t_errno(resolves(d, "magic", RESOLVE_IN_ROOT), ENOENT);
	t_errno(resolves(d, "/proc", RESOLVE_IN_ROOT), ENOENT);
	t_ok(syscall(SYS_openat2, d, "/../new", &how, sizeof(how)));
	t_ok(access("d/new", F_OK));
	t_check(same(open_how(AT_FDCWD, "/../d/f", O_PATH, RESOLVE_IN_ROOT), "d/f"));
	close(d);
	d = open("/proc/self", O_PATH);
	t_errno(resolves(d, "cwd", RESOLVE_IN_ROOT), EXDEV);
	t_errno(resolves(d, "cwd", RESOLVE_BENEATH), EXDEV);
}

T_CASE(no_symlinks)
{
	int d = tree(), fd;

	t_ok(resolves(d, "f", RESOLVE_NO_SYMLINKS));
	t_ok(resolves(d, "sub/../f", RESOLVE_NO_SYMLINKS));
	t_errno(resolves(d, "in", RESOLVE_NO_SYMLINKS), ELOOP);
	t_errno(resolves(d, "root/proc", RESOLVE_NO_SYMLINKS), ELOOP);
	t_errno(resolves(AT_FDCWD, "/proc/self/status", RESOLVE_NO_SYMLINKS), ELOOP);
	fd = open_how(d, "in", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	t_ok(fd);
	t_errno(open_how(d, "in", O_RDONLY | O_NOFOLLOW, 0), ELOOP);
}

T_CASE(no_magiclinks)
{
	int d = tree(), fd = open("d/f", O_RDONLY);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	t_ok(resolves(d, "in", RESOLVE_NO_MAGICLINKS));
	t_ok(resolves(AT_FDCWD, "/proc/self/status", RESOLVE_NO_MAGICLINKS));
	t_errno(resolves(AT_FDCWD, "/proc/self/cwd", RESOLVE_NO_MAGICLINKS), ELOOP);
	t_errno(resolves(AT_FDCWD, "/proc/self/root/proc", RESOLVE_NO_MAGICLINKS), ELOOP);
	t_errno(resolves(d, "magic", RESOLVE_NO_MAGICLINKS), ELOOP);
	t_errno(resolves(AT_FDCWD, path, RESOLVE_NO_MAGICLINKS), ELOOP);
	t_ok(resolves(AT_FDCWD, path, 0));
}

T_CASE(no_xdev)
{
	int d = tree(), root = open("/", O_PATH), proc = open("/proc", O_PATH);

	t_ok(resolves(d, "sub/../f", RESOLVE_NO_XDEV));
	t_ok(resolves(d, "out", RESOLVE_NO_XDEV));
	t_errno(resolves(root, "proc", RESOLVE_NO_XDEV), EXDEV);
	t_errno(resolves(root, "proc/self/status", RESOLVE_NO_XDEV), EXDEV);
	t_errno(resolves(root, "proc/..", RESOLVE_NO_XDEV), EXDEV);
	t_errno(resolves(AT_FDCWD, "/proc", RESOLVE_NO_XDEV), EXDEV);
	t_errno(resolves(proc, "..", RESOLVE_NO_XDEV), EXDEV);
	t_errno(resolves(proc, "self/root", RESOLVE_NO_XDEV), EXDEV);
	t_ok(resolves(proc, "self/status", RESOLVE_NO_XDEV));
	t_ok(resolves(proc, "/", RESOLVE_NO_XDEV));
	t_errno(open_how(root, "proc/version", O_RDONLY | O_CREAT, RESOLVE_NO_XDEV), EXDEV);
}

T_CASE(cached)
{
	int d = tree(), fd;

	t_errno(open_how(d, "f", O_RDWR | O_TRUNC, RESOLVE_CACHED), EAGAIN);
	t_errno(open_how(d, "new", O_RDWR | O_CREAT, RESOLVE_CACHED), EAGAIN);
	t_errno(open_how(d, "sub", O_RDWR | O_TMPFILE, RESOLVE_CACHED), EAGAIN);
	fd = open_how(d, "f", O_RDONLY, 0);
	t_ok(fd);
	t_ok(open_how(d, "f", O_RDONLY, RESOLVE_CACHED));
	t_ok(open_how(d, "in", O_RDONLY, RESOLVE_CACHED));
	fd = open_how(d, "none", O_RDONLY, RESOLVE_CACHED);
	t_check(fd < 0 && (errno == EAGAIN || errno == ENOENT));
}
