/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* mount_fds.c - the mount calls that work on descriptors: fsopen, fsconfig, fsmount, fspick,
 * open_tree, move_mount, mount_setattr. */
#include "t_mount.h"

#include <sys/statvfs.h>

T_SUITE(mount_fds);

#define FD 60 /* nobody has opened this */

static int plan(const char *type)
{
	return fsopen(type, FSOPEN_CLOEXEC);
}

static int set(int fs, const char *key, const char *value)
{
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0);
}

static int flag(int fs, const char *key)
{
	return fsconfig(fs, FSCONFIG_SET_FLAG, key, NULL, 0);
}

static int create(int fs)
{
	return fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static int reconfigure(int fs)
{
	return fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
}

static int attach(int fd, const char *at)
{
	return move_mount(fd, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH);
}

static int attr(
	const char *path, unsigned flags, uint64_t give, uint64_t take, uint64_t propagation)
{
	struct mount_attr a = {.attr_set = give, .attr_clr = take, .propagation = propagation};

	return mount_setattr(AT_FDCWD, path, flags, &a, sizeof(a));
}

/* A tmpfs that stands nowhere. */
static int fresh(unsigned attributes)
{
	int fs = plan("tmpfs"), fd;

	t_ok(fs);
	t_ok(create(fs));
	fd = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	t_ok(fd);
	t_ok(close(fs));
	return fd;
}

static void as_nobody(void)
{
	t_ok(setresgid(65534, 65534, 65534));
	t_ok(setresuid(65534, 65534, 65534));
}

T_CASE(tmpfs_by_steps)
{
	struct statvfs s;
	char byte;
	int fs, fd;

	begin();
	dirs("a");
	fs = plan("tmpfs");
	t_ok(fs);
	t_check(fcntl(fs, F_GETFD) == FD_CLOEXEC);
	t_errno(read(fs, &byte, 1), ENODATA);
	t_ok(set(fs, "source", "some where"));
	t_ok(set(fs, "size", "1m"));
	t_ok(set(fs, "mode", "0751"));
	t_ok(set(fs, "nr_inodes", "77"));
	t_errno(fsmount(fs, 0, 0), EINVAL);
	t_ok(create(fs));
	t_errno(create(fs), EBUSY);
	t_errno(set(fs, "size", "2m"), EBUSY);
	t_errno(reconfigure(fs), EBUSY);
	fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	t_ok(fd);
	t_check(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	t_eq(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	t_errno(fsmount(fs, 0, 0), EBUSY);
	t_ok(mkdirat(fd, "d", 0755)); /* it can be used before it stands anywhere */
	t_check(!has("a/d"));
	t_ok(attach(fd, "a"));
	t_check(has("a/d"));
	t_str(field("a", F_OPTIONS), "rw,nodev,noexec,relatime");
	t_str(field("a", F_SOURCE), "tmpfs some\\040where");
	t_errno(read(fd, &byte, 1), EBADF);
	t_errno(fchmod(fd, 0700), EBADF);
	t_ok(statvfs("a", &s));
	t_eq(s.f_blocks * s.f_frsize, 1 << 20);
	t_eq(s.f_files, 77);
	t_check(s.f_flag & ST_NODEV && s.f_flag & ST_NOEXEC && !(s.f_flag & ST_NOSUID));
	t_ok(close(fd));
	t_check(has("a/d"));
	t_ok(umount("a"));
	t_ok(close(fs));
	end();
}

T_CASE(mode_of_the_root)
{
	struct stat st;
	int fs = plan("tmpfs"), fd;

	t_ok(set(fs, "mode", "0710"));
	t_ok(set(fs, "uid", "12"));
	t_ok(set(fs, "gid", "13"));
	t_ok(create(fs));
	fd = fsmount(fs, 0, 0);
	t_ok(fstat(fd, &st));
	t_eq(st.st_mode, S_IFDIR | 0710);
	t_eq(st.st_uid, 12);
	t_eq(st.st_gid, 13);
	t_check(fcntl(fd, F_GETFD) == 0);
	t_ok(close(fd));
	t_ok(close(fs));
}

T_CASE(options_are_checked)
{
	int fs = plan("tmpfs");

	t_errno(set(fs, "nonsense", "1"), EINVAL);
	t_errno(set(fs, "size", "lots"), EINVAL);
	t_errno(set(fs, "size=1m", "1"), EINVAL);
	t_errno(set(fs, "mode", "8"), EINVAL);
	t_errno(flag(fs, "size"), EINVAL);
	t_errno(flag(fs, "source"), EINVAL);
	t_errno(flag(fs, "nonsense"), EINVAL);
	t_ok(set(fs, "source", "one"));
	t_errno(set(fs, "source", "two"), EINVAL);
	t_ok(set(fs, "size", "64k")); /* after the errors it is as before */
	t_ok(create(fs));
	t_ok(close(fs));
}

T_CASE(fsconfig_arguments)
{
	char blob[4] = {0}, wide[4096] = "";
	int fs = plan("tmpfs"), file = open(".", O_RDONLY);

	memset(wide, 'x', 4095);
	t_errno(fsconfig(-1, FSCONFIG_SET_FLAG, "ro", NULL, 0), EINVAL);
	t_errno(fsconfig(FD, FSCONFIG_SET_FLAG, "ro", NULL, 0), EBADF);
	t_errno(fsconfig(file, FSCONFIG_SET_FLAG, "ro", NULL, 0), EINVAL);
	t_errno(fsconfig(fs, 99, "ro", NULL, 0), EOPNOTSUPP);
	t_errno(fsconfig(fs, FSCONFIG_SET_FLAG, NULL, NULL, 0), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_SET_FLAG, "ro", "1", 0), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 1), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_SET_STRING, "size", NULL, 0), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_SET_STRING, NULL, "1m", 0), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_SET_STRING, "size", "1m", 1), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_SET_BINARY, "size", blob, 0), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_SET_BINARY, "size", blob, sizeof(blob)), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_SET_PATH, "size", "/", AT_FDCWD), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_SET_FD, "size", NULL, file), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_CMD_CREATE, "size", NULL, 0), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, "1m", 0), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 1), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_SET_FLAG, (void *)8, NULL, 0), EFAULT);
	t_errno(fsconfig(fs, FSCONFIG_SET_STRING, "size", (void *)8, 0), EFAULT);
	t_errno(fsconfig(fs, FSCONFIG_SET_FLAG, wide, NULL, 0), EINVAL);
	t_errno(fsconfig(fs, FSCONFIG_SET_STRING, "size", wide, 0), EINVAL);
	t_errno(reconfigure(fs), EBUSY);
	t_ok(create(fs));
}

T_CASE(fsopen_arguments)
{
	char wide[8192] = "";
	int fs;

	memset(wide, 'x', 8191);
	t_errno(fsopen("nonsense", 0), ENODEV);
	t_errno(fsopen("", 0), ENODEV);
	t_errno(fsopen("tmpfs", 2), EINVAL);
	t_errno(fsopen((void *)8, 0), EFAULT);
	t_errno(fsopen(wide, 0), EINVAL);
	fs = fsopen("tmpfs", 0);
	t_check(fcntl(fs, F_GETFD) == 0);
	t_errno(fsmount(FD, 0, 0), EBADF);
	t_errno(fsmount(open(".", O_RDONLY), 0, 0), EINVAL);
	t_ok(create(fs));
	t_errno(fsmount(fs, 2, 0), EINVAL);
	t_errno(fsmount(fs, 0, 1u << 30), EINVAL);
	t_errno(fsmount(fs, 0, MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME), EINVAL);
	t_ok(fsmount(fs, 0, MOUNT_ATTR_STRICTATIME));
}

T_CASE(needs_the_capability)
{
	pid_t pid;
	int fs = plan("tmpfs"), root = open(".", O_PATH), fd;

	t_ok(chmod(".", 0755));
	T_CHILD(pid)
	{
		as_nobody();
		t_errno(fsopen("tmpfs", 0), EPERM);
		t_errno(fsopen("nonsense", 9), EPERM);
		t_errno(fsmount(fs, 0, 0), EPERM);
		t_errno(fspick(root, "", FSPICK_EMPTY_PATH), EPERM);
		t_errno(move_mount(AT_FDCWD, ".", AT_FDCWD, ".", 0), EPERM);
		t_errno(attr(".", 0, MOUNT_ATTR_RDONLY, 0, 0), EPERM);
		t_errno(open_tree(root, "", AT_EMPTY_PATH | OPEN_TREE_CLONE), EPERM);
		fd = open_tree(root, "", AT_EMPTY_PATH);
		t_ok(fd);
		t_ok(close(fd));
	}
	t_exit(pid, 0);
}

T_CASE(read_only_file_systems)
{
	int fs, fd;

	begin();
	dirs("a b");
	fs = plan("tmpfs");
	t_ok(flag(fs, "ro"));
	t_ok(create(fs));
	fd = fsmount(fs, 0, 0);
	t_ok(attach(fd, "a"));
	t_errno(mkdir("a/d", 0755), EROFS);
	t_str(field("a", F_OPTIONS), "rw,relatime"); /* it is the file system */
	t_errno(create(fs), EBUSY);
	t_ok(flag(fs, "ro"));
	t_ok(reconfigure(fs));
	t_errno(mkdir("a/d", 0755), EROFS);
	t_ok(flag(fs, "rw"));
	t_errno(mkdir("a/d", 0755), EROFS);
	t_ok(reconfigure(fs));
	t_ok(mkdir("a/d", 0755));
	t_ok(flag(fs, "ro"));
	t_ok(reconfigure(fs));
	t_errno(mkdir("a/e", 0755), EROFS);
	t_ok(reconfigure(fs)); /* what was said once is taken back when nothing is said */
	t_ok(mkdir("a/e", 0755));
	t_ok(close(fs));
	t_ok(close(fd));
	t_ok(umount("a"));
	fd = fresh(MOUNT_ATTR_RDONLY);
	t_errno(mkdirat(fd, "d", 0755), EROFS);
	t_ok(attach(fd, "b"));
	t_str(field("b", F_OPTIONS), "ro,relatime");
	t_ok(close(fd));
	t_ok(umount("b"));
	end();
}

T_CASE(pick_and_change)
{
	struct statvfs s;
	int fs;

	begin();
	dirs("a a/d");
	t_ok(mount("none", "a", "tmpfs", 0, "size=1m"));
	dirs("a/d");
	t_ok(symlink("a", "link"));
	t_errno(fspick(AT_FDCWD, "a/d", 0), EINVAL);
	t_errno(fspick(AT_FDCWD, "none", 0), ENOENT);
	t_errno(fspick(FD, "a", 0), EBADF);
	t_errno(fspick(AT_FDCWD, "a", 64), EINVAL);
	t_errno(fspick(AT_FDCWD, (void *)8, 0), EFAULT);
	t_errno(fspick(AT_FDCWD, "link", FSPICK_SYMLINK_NOFOLLOW), EINVAL);
	t_ok(fspick(AT_FDCWD, "link", 0));
	fs = fspick(AT_FDCWD, "a", FSPICK_CLOEXEC);
	t_ok(fs);
	t_check(fcntl(fs, F_GETFD) == FD_CLOEXEC);
	t_errno(fsmount(fs, 0, 0), EBUSY);
	t_errno(create(fs), EBUSY);
	t_errno(set(fs, "nonsense", "1"), EINVAL);
	t_ok(set(fs, "size", "2m"));
	t_ok(statvfs("a", &s));
	t_eq(s.f_blocks * s.f_frsize, 1 << 20);
	t_ok(reconfigure(fs));
	t_ok(statvfs("a", &s));
	t_eq(s.f_blocks * s.f_frsize, 2 << 20);
	t_ok(flag(fs, "ro")); /* again */
	t_ok(reconfigure(fs));
	t_errno(mkdir("a/e", 0755), EROFS);
	t_ok(flag(fs, "rw"));
	t_ok(reconfigure(fs));
	t_ok(mkdir("a/e", 0755));
	t_spew("a/f", "some bytes");
	t_ok(set(fs, "nr_inodes", "1"));
	t_errno(reconfigure(fs), EINVAL);
	t_errno(reconfigure(fs), EBUSY); /* it has failed for good */
	t_errno(flag(fs, "ro"), EBUSY);
	end();
}

T_CASE(tree_as_path)
{
	struct stat a, b;
	int fd;

	begin();
	dirs("a b");
	t_spew("a/f", "x");
	t_ok(symlink("a", "link"));
	fd = open_tree(AT_FDCWD, "a", OPEN_TREE_CLOEXEC);
	t_ok(fd);
	t_check(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	t_eq(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	t_ok(fstat(fd, &a));
	t_ok(stat("a", &b));
	t_check(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	t_errno(attach(fd, "b"), EINVAL); /* not a mount */
	t_ok(close(fd));
	fd = open_tree(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW);
	t_ok(fstat(fd, &a));
	t_check(S_ISLNK(a.st_mode));
	t_ok(close(fd));
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	dirs("a/in");
	fd = open_tree(AT_FDCWD, "a", 0);
	t_ok(attach(fd, "b")); /* moves */
	t_check(has("b/in"));
	t_check(!has("a/in"));
	t_ok(close(fd));
	t_check(has("b/in"));
	t_ok(umount("b"));
	t_errno(open_tree(AT_FDCWD, "a", AT_RECURSIVE), EINVAL);
	t_errno(open_tree(AT_FDCWD, "a", 1u << 30), EINVAL);
	t_errno(open_tree(AT_FDCWD, "none", 0), ENOENT);
	t_errno(open_tree(AT_FDCWD, "", 0), ENOENT);
	t_errno(open_tree(FD, "a", OPEN_TREE_CLONE), EBADF);
	t_errno(open_tree(AT_FDCWD, (void *)8, OPEN_TREE_CLONE), EFAULT);
	end();
}

T_CASE(tree_cloned)
{
	int fd, again;

	begin();
	dirs("a a/sub b c");
	t_ok(mount("none", "a/sub", "tmpfs", 0, NULL));
	t_spew("a/sub/f", "x");
	fd = open_tree(AT_FDCWD, "a", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	t_ok(fd);
	t_check(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	t_check(!faccessat(fd, "sub", F_OK, 0));
	t_errno(faccessat(fd, "sub/f", F_OK, 0), ENOENT);
	t_ok(attach(fd, "b"));
	t_str(field("b", F_ROOT), "/a");
	t_check(!has("b/sub/f"));
	t_errno(attach(fd, "b"), ELOOP); /* on itself */
	t_ok(attach(fd, "c"));           /* it moves */
	t_check(has("c/sub"));
	t_check(!has("b/sub"));
	t_ok(close(fd));
	t_ok(umount("c"));
	fd = open_tree(AT_FDCWD, "a", OPEN_TREE_CLONE | AT_RECURSIVE);
	again = open_tree(AT_FDCWD, "a/sub", OPEN_TREE_CLONE);
	t_check(!faccessat(fd, "sub/f", F_OK, 0));
	t_ok(attach(fd, "b"));
	t_check(has("b/sub/f"));
	t_ok(umount("b/sub"));
	t_errno(umount("b"), EBUSY); /* fd holds it */
	t_ok(umount2("b", MNT_DETACH));
	t_errno(attach(fd, "b"), EINVAL); /* gone for good */
	t_check(!faccessat(again, "f", F_OK, 0));
	t_ok(mount(NULL, "a/sub", NULL, MS_UNBINDABLE, NULL));
	t_errno(open_tree(AT_FDCWD, "a/sub", OPEN_TREE_CLONE), EINVAL);
	t_ok(umount("a/sub"));
	t_check(!faccessat(again, "f", F_OK, 0));
	t_errno(openat(again, "g", O_RDWR, 0600), ENOENT);
	t_ok(close(openat(again, "g", O_RDWR | O_CREAT, 0600)));
	end();
}

T_CASE(tree_of_a_file)
{
	char text[8] = "";
	int fd;

	begin();
	dirs("d");
	t_spew("x", "from");
	t_spew("y", "under");
	fd = open_tree(AT_FDCWD, "x", OPEN_TREE_CLONE);
	t_ok(fd);
	t_errno(attach(fd, "d"), EINVAL);
	t_errno(attach(fd, "none"), ENOENT);
	t_ok(attach(fd, "y"));
	t_slurp("y", text, sizeof(text));
	t_str(text, "from");
	t_ok(close(fd));
	t_ok(umount("y"));
	t_slurp("y", text, sizeof(text));
	t_str(text, "under");
	end();
}

T_CASE(not_attached_it_goes)
{
	int fd = fresh(0), inner, file;

	file = openat(fd, "f", O_RDWR | O_CREAT, 0600);
	t_ok(file);
	t_ok(mkdirat(fd, "d", 0755));
	inner = openat(fd, "d", O_PATH);
	t_ok(close(fd));
	t_eq(write(file, "text", 4), 4); /* what is open stays */
	t_ok(mkdirat(inner, "e", 0755));
	t_ok(faccessat(inner, "../f", F_OK, 0));
	t_errno(move_mount(inner, "..", AT_FDCWD, ".", 0), EINVAL);
	t_ok(close(inner));
	t_ok(close(file));
}

T_CASE(duplicates_hold_it)
{
	int fd, other;

	begin();
	dirs("a");
	fd = fresh(0);
	other = dup(fd);
	t_ok(mkdirat(fd, "d", 0755));
	t_ok(close(fd));
	t_ok(attach(other, "a"));
	t_check(has("a/d"));
	t_ok(close(other));
	t_check(has("a/d"));
	t_ok(umount("a"));
	end();
}

T_CASE(move_arguments)
{
	int fd;

	begin();
	dirs("a b m");
	t_spew("f", "x");
	t_ok(symlink("a", "la"));
	t_ok(symlink("m", "lm"));
	t_ok(mount("none", "m", "tmpfs", 0, NULL));
	dirs("m/in");
	t_errno(move_mount(AT_FDCWD, "m", AT_FDCWD, "a", 1u << 20), EINVAL);
	t_errno(move_mount(AT_FDCWD, "b", AT_FDCWD, "a", 0), EINVAL);
	t_errno(move_mount(AT_FDCWD, "m/in", AT_FDCWD, "a", 0), EINVAL);
	t_errno(move_mount(AT_FDCWD, "m", AT_FDCWD, "f", 0), EINVAL);
	t_errno(move_mount(AT_FDCWD, "m", AT_FDCWD, "m/in", 0), ELOOP);
	t_errno(move_mount(AT_FDCWD, "m", AT_FDCWD, "none", 0), ENOENT);
	t_errno(move_mount(AT_FDCWD, "none", AT_FDCWD, "a", 0), ENOENT);
	t_errno(move_mount(AT_FDCWD, "", AT_FDCWD, "a", 0), ENOENT);
	t_errno(move_mount(FD, "m", AT_FDCWD, "a", 0), EBADF);
	t_errno(move_mount(AT_FDCWD, "m", FD, "a", 0), EBADF);
	t_errno(move_mount(AT_FDCWD, (void *)8, AT_FDCWD, "a", 0), EFAULT);
	t_errno(move_mount(AT_FDCWD, "m", AT_FDCWD, (void *)8, 0), EFAULT);
	t_check(move_mount(AT_FDCWD, "/", AT_FDCWD, "a", 0) == -1 &&
		(errno == EINVAL || errno == ELOOP)); /* is something below it? */
	t_errno(move_mount(AT_FDCWD, "lm", AT_FDCWD, "a", 0), EINVAL);
	t_errno(move_mount(AT_FDCWD, "m", AT_FDCWD, "la", 0), EINVAL);
	t_ok(move_mount(
		AT_FDCWD, "lm", AT_FDCWD, "la", MOVE_MOUNT_F_SYMLINKS | MOVE_MOUNT_T_SYMLINKS));
	t_check(has("a/in"));
	t_check(!has("m/in"));
	fd = open("b", O_PATH);
	t_ok(move_mount(AT_FDCWD, "a", fd, "", MOVE_MOUNT_T_EMPTY_PATH));
	t_check(has("b/in"));
	t_ok(close(fd));
	t_ok(umount("b"));
	end();
}

T_CASE(old_move_takes_it_too)
{
	char path[64];
	int fd;

	begin();
	dirs("a");
	fd = fresh(0);
	t_ok(mkdirat(fd, "d", 0755));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	t_ok(mount(path, "a", NULL, MS_MOVE, NULL));
	t_check(has("a/d"));
	t_ok(umount2("a", MNT_DETACH));
	t_errno(mount(path, "a", NULL, MS_MOVE, NULL), EINVAL);
	end();
}

T_CASE(moves_to_peers)
{
	int fd;

	begin();
	dirs("a b");
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	t_ok(mount(NULL, "a", NULL, MS_SHARED, NULL));
	dirs("a/at a/other");
	t_ok(mount("a", "b", NULL, MS_BIND, NULL));
	fd = fresh(0);
	t_ok(mkdirat(fd, "d", 0755));
	t_ok(move_mount(fd, "", AT_FDCWD, "a/at", MOVE_MOUNT_F_EMPTY_PATH));
	t_check(has("b/at/d"));
	t_errno(attach(fd, "a/other"), EINVAL); /* what stands on a peer is not moved */
	t_errno(umount("b/at"), EBUSY);
	t_ok(close(fd));
	t_ok(umount("b/at"));
	t_check(!has("a/at/d"));
	t_ok(umount("b"));
	t_ok(umount("a"));
	end();
}

T_CASE(setattr_flags)
{
	struct statvfs s;
	struct stat st;
	char byte;

	begin();
	dirs("a b");
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	dirs("a/d");
	t_ok(symlink("d", "a/link"));
	t_str(field("a", F_OPTIONS), "rw,relatime");
	t_ok(attr("a", 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0));
	t_str(field("a", F_OPTIONS), "ro,nosuid,relatime");
	t_errno(mkdir("a/e", 0755), EROFS);
	t_ok(attr("a", 0, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_RDONLY, 0));
	t_str(field("a", F_OPTIONS), "rw,nosuid,noexec,relatime");
	t_ok(attr("a", 0, MOUNT_ATTR_NODEV | MOUNT_ATTR_NODIRATIME,
		MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID, 0));
	t_str(field("a", F_OPTIONS), "rw,nodev,nodiratime,relatime");
	t_ok(attr("a", 0, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME, 0));
	t_str(field("a", F_OPTIONS), "rw,nodev,noatime");
	t_ok(attr("a", 0, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, 0));
	t_str(field("a", F_OPTIONS), "rw,nodev");
	t_ok(attr("a", 0, 0, MOUNT_ATTR__ATIME | MOUNT_ATTR_NODEV, 0));
	t_str(field("a", F_OPTIONS), "rw,relatime");
	t_check(has("a/link"));
	t_ok(attr("a", 0, MOUNT_ATTR_NOSYMFOLLOW, 0, 0));
	t_errno(access("a/link", F_OK), ELOOP);
	t_str(field("a", F_OPTIONS), "rw,relatime,nosymfollow");
	t_ok(statvfs("a", &s));
	t_eq(s.f_flag & (0x2000 | ST_RELATIME | ST_NOATIME | ST_NODIRATIME), 0x2000 | ST_RELATIME);
	t_ok(lstat("a/link", &st));
	t_ok(readlink("a/link", &byte, 1));
	t_errno(open("a/link/", O_RDONLY), ELOOP);
	t_ok(access("a/d", F_OK));
	t_ok(attr("a", 0, 0, MOUNT_ATTR_NOSYMFOLLOW, 0));
	t_check(has("a/link"));
	t_ok(umount("a"));
	end();
}

T_CASE(setattr_recursive)
{
	begin();
	dirs("a b");
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	dirs("a/in");
	t_ok(mount("none", "a/in", "tmpfs", 0, NULL));
	t_ok(attr("a", 0, MOUNT_ATTR_NOEXEC, 0, 0));
	t_str(field("a/in", F_OPTIONS), "rw,relatime");
	t_ok(attr("a", AT_RECURSIVE, MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOEXEC, 0));
	t_str(field("a", F_OPTIONS), "ro,relatime");
	t_str(field("a/in", F_OPTIONS), "ro,relatime");
	t_errno(mkdir("a/in/d", 0755), EROFS);
	t_ok(attr("a", AT_RECURSIVE, 0, MOUNT_ATTR_RDONLY, MS_SHARED));
	t_check(!strncmp(field("a/in", F_PEERS), "shared:", 7));
	t_check(strcmp(field("a", F_PEERS), field("a/in", F_PEERS)));
	t_ok(attr("a", AT_RECURSIVE, 0, 0, MS_PRIVATE));
	t_str(field("a", F_PEERS), "");
	t_str(field("a/in", F_PEERS), "");
	t_ok(attr("a/in", 0, 0, 0, MS_UNBINDABLE));
	t_str(field("a/in", F_PEERS), "unbindable");
	t_ok(umount("a/in"));
	t_ok(umount("a"));
	end();
}

T_CASE(setattr_detached)
{
	struct mount_attr a = {.attr_set = MOUNT_ATTR_RDONLY};
	int fd;

	begin();
	dirs("a b");
	t_spew("a/f", "x");
	fd = open_tree(AT_FDCWD, "a", OPEN_TREE_CLONE);
	t_ok(mount_setattr(fd, "", AT_EMPTY_PATH, &a, sizeof(a)));
	t_errno(openat(fd, "f", O_RDWR), EROFS);
	t_ok(close(open("a/f", O_RDWR)));
	t_ok(attach(fd, "b"));
	t_errno(open("b/f", O_RDWR), EROFS);
	t_ok(close(fd));
	t_ok(umount("b"));
	end();
}

T_CASE(setattr_arguments)
{
	struct {
		struct mount_attr a;
		uint64_t more;
	} big = {{.attr_set = MOUNT_ATTR_NOEXEC}, 0};
	struct mount_attr *a = &big.a;

	begin();
	dirs("a");
	t_ok(symlink("a", "link"));
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	dirs("a/d");
	t_errno(attr("a", 1u << 30, MOUNT_ATTR_NOEXEC, 0, 0), EINVAL);
	t_errno(attr("a", 0, 1ull << 40, 0, 0), EINVAL);
	t_errno(attr("a", 0, 0, 1u << 30, 0), EINVAL);
	t_errno(attr("a", 0, MOUNT_ATTR_NOATIME, 0, 0), EINVAL);
	t_errno(attr("a", 0, 0, MOUNT_ATTR_NOATIME, 0), EINVAL);
	t_errno(attr("a", 0, MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, 0),
		EINVAL);
	t_errno(attr("a", 0, 0, 0, MS_SHARED | MS_PRIVATE), EINVAL);
	t_errno(attr("a", 0, 0, 0, MS_REC), EINVAL);
	t_errno(attr("a", 0, 0, 0, 1ull << 40), EINVAL);
	t_errno(attr("a/d", 0, MOUNT_ATTR_NOEXEC, 0, 0), EINVAL);
	t_errno(attr("link", AT_SYMLINK_NOFOLLOW, MOUNT_ATTR_NOEXEC, 0, 0), EINVAL);
	t_errno(attr("none", 0, MOUNT_ATTR_NOEXEC, 0, 0), ENOENT);
	t_ok(attr("none", 0, 0, 0, 0)); /* nothing to do */
	t_errno(mount_setattr(FD, "a", 0, a, sizeof(*a)), EBADF);
	t_errno(mount_setattr(AT_FDCWD, "a", 0, a, sizeof(*a) - 1), EINVAL);
	t_errno(mount_setattr(AT_FDCWD, "a", 0, a, 1 << 20), E2BIG);
	t_errno(mount_setattr(AT_FDCWD, "a", 0, (void *)8, sizeof(*a)), EFAULT);
	t_errno(mount_setattr(AT_FDCWD, (void *)8, 0, a, sizeof(*a)), EFAULT);
	t_ok(mount_setattr(AT_FDCWD, "a", 0, a, sizeof(big)));
	big.more = 1;
	t_errno(mount_setattr(AT_FDCWD, "a", 0, a, sizeof(big)), E2BIG);
	t_ok(attr("link", 0, 0, MOUNT_ATTR_NOEXEC, 0));
	t_str(field("a", F_OPTIONS), "rw,relatime");
	t_ok(umount("a"));
	end();
}

T_CASE(shared_file_systems)
{
	struct stat a, b;
	int fs, fd;

	begin();
	dirs("p");
	fs = plan("proc");
	t_ok(fs);
	t_errno(set(fs, "nonsense", "1"), EINVAL);
	t_ok(create(fs));
	fd = fsmount(fs, 0, MOUNT_ATTR_NOSUID);
	t_ok(fd);
	t_ok(faccessat(fd, "self/status", F_OK, 0));
	t_ok(attach(fd, "p"));
	t_check(has("p/self/status"));
	t_ok(stat("p/version", &a));
	t_ok(fstatat(fd, "version", &b, 0));
	t_check(a.st_ino == b.st_ino);
	t_ok(close(fd));
	t_ok(umount("p"));
	end();
}
