/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* mount.c - bind, move, propagation, pivot_root. On Linux in a mount namespace of the case; Exo-OS
 * has one, so each case works in a tmpfs of its own and takes it away. */
#include "t_mount.h"

#include <sys/statvfs.h>

T_SUITE(mount);

T_CASE(bind_directory)
{
	struct stat a, b;

	begin();
	dirs("a a/sub b");
	t_spew("a/f", "one");
	t_ok(mount("a", "b", NULL, MS_BIND, NULL));
	t_ok(stat("a/f", &a));
	t_ok(stat("b/f", &b));
	t_check(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	t_spew("b/g", "two");
	t_check(has("a/g"));
	t_str(field("b", F_ROOT), "/a");
	t_errno(rmdir("b"), EBUSY);
	t_errno(rename("b", "c"), EBUSY);
	t_errno(link("a/f", "b/h"), EXDEV);
	t_errno(rename("a/f", "b/h"), EXDEV);
	t_ok(chdir("b/sub"));
	t_ok(chdir("../.."));
	t_check(has("a"));
	t_ok(umount("b"));
	t_check(!has("b/f"));
	t_ok(rmdir("b"));
	end();
}

T_CASE(bind_file)
{
	char text[8] = "";

	begin();
	dirs("d");
	t_spew("x", "from");
	t_spew("y", "under");
	t_ok(mount("x", "y", NULL, MS_BIND, NULL));
	t_slurp("y", text, sizeof(text));
	t_str(text, "from");
	t_str(field("y", F_ROOT), "/x");
	t_errno(unlink("y"), EBUSY);
	t_errno(rename("x", "y"), EBUSY);
	t_errno(mount("x", "d", NULL, MS_BIND, NULL), ENOTDIR);
	t_errno(mount("d", "x", NULL, MS_BIND, NULL), ENOTDIR);
	t_errno(mount("none", "x", "tmpfs", 0, NULL), ENOTDIR);
	t_ok(unlink("x"));
	t_slurp("y", text, sizeof(text));
	t_str(text, "from");
	t_ok(umount("y"));
	t_slurp("y", text, sizeof(text));
	t_str(text, "under");
	end();
}

T_CASE(bind_on_itself)
{
	begin();
	dirs("a a/b");
	t_spew("a/f", "x");
	t_errno(umount("a"), EINVAL);
	t_ok(mount("a", "a", NULL, MS_BIND, NULL));
	t_check(has("a/f"));
	t_ok(mount("a", "a", NULL, MS_BIND, NULL));
	t_check(has("a/f"));
	t_ok(mount("a", "a/b", NULL, MS_BIND | MS_REC, NULL));
	t_check(has("a/b/f"));
	t_check(!has("a/b/b/f"));
	t_errno(umount("a"), EBUSY);
	t_ok(umount("a/b"));
	t_ok(umount("a"));
	t_check(has("a/f"));
	t_ok(umount("a"));
	t_errno(umount("a"), EINVAL);
	t_check(has("a/f"));
	end();
}

/* MNT_EXPIRE: the second call unmounts, unless the mount was used in between. */
T_CASE(expire)
{
	struct stat st;
	int fd;

	begin();
	dirs("a b");
	t_errno(umount2("a", MNT_EXPIRE), EINVAL);
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	t_errno(umount2("a", MNT_EXPIRE | MNT_FORCE), EINVAL);
	t_errno(umount2("a", MNT_EXPIRE | MNT_DETACH), EINVAL);
	t_errno(umount2("a", MNT_EXPIRE), EAGAIN);
	t_ok(umount2("a", MNT_EXPIRE));
	t_errno(umount2("a", MNT_EXPIRE), EINVAL);

	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	dirs("a/in");
	t_spew("a/f", "x");
	t_errno(umount2("a", MNT_EXPIRE), EAGAIN);
	t_check(has("a/f"));
	t_errno(umount2("a", MNT_EXPIRE), EAGAIN);
	t_ok(stat("a", &st));
	t_errno(umount2("a", MNT_EXPIRE), EAGAIN);
	t_ok(chdir("a/in"));
	t_errno(umount2("../../a", MNT_EXPIRE), EBUSY);
	t_ok(chdir("../.."));
	t_errno(umount2("a", MNT_EXPIRE), EAGAIN);
	t_check(has("b") && !has("c"));
	t_ok(umount2("a", MNT_EXPIRE | UMOUNT_NOFOLLOW));

	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	t_check((fd = open("a", O_RDONLY)) >= 0);
	t_errno(umount2("a", MNT_EXPIRE), EBUSY);
	t_ok(close(fd));
	dirs("a/in");
	t_ok(mount("none", "a/in", "tmpfs", 0, NULL));
	t_errno(umount2("a", MNT_EXPIRE), EBUSY);
	t_ok(umount("a/in"));
	t_errno(umount2("a", MNT_EXPIRE), EAGAIN);
	t_ok(umount("a")); /* without the flag it goes at once */
	end();
}

T_CASE(bind_recursive)
{
	begin();
	dirs("a a/in a/in/deep b");
	t_ok(mount("none", "a/in", "tmpfs", 0, NULL));
	dirs("a/in/more");
	t_ok(mount("none", "a/in/more", "tmpfs", 0, NULL));
	t_spew("a/in/more/f", "x");
	t_ok(mount("a", "b", NULL, MS_BIND, NULL));
	t_check(has("b/in/deep"));
	t_check(!has("b/in/more"));
	t_ok(umount("b"));
	t_ok(mount("a", "b", NULL, MS_BIND | MS_REC, NULL));
	t_check(has("b/in/more/f"));
	t_errno(umount("b"), EBUSY);
	t_errno(umount("b/in"), EBUSY);
	t_ok(umount("b/in/more"));
	t_check(!has("b/in/more/f"));
	t_check(has("a/in/more/f"));
	t_ok(umount2("b", MNT_DETACH));
	t_check(!has("b/in"));
	t_check(has("a/in/more/f"));
	/* below what is bound, and beside it */
	dirs("a/side");
	t_ok(mount("none", "a/side", "tmpfs", 0, NULL));
	t_ok(mount("a/in", "b", NULL, MS_BIND | MS_REC, NULL));
	t_check(has("b/more/f"));
	t_ok(umount("b/more"));
	t_ok(umount("b"));
	end();
}

T_CASE(bind_flags)
{
	struct statvfs s;

	begin();
	dirs("a b");
	t_spew("a/f", "x");
	t_ok(mount("a", "b", NULL, MS_BIND | MS_RDONLY, NULL));
	t_ok(close(open("b/f", O_RDWR)));
	t_ok(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC, NULL));
	t_errno(open("b/f", O_RDWR), EROFS);
	t_errno(mkdir("b/d", 0755), EROFS);
	t_errno(chmod("b/f", 0600), EROFS);
	t_ok(statvfs("b", &s));
	t_eq(s.f_flag & (ST_RDONLY | ST_NOEXEC | ST_NOSUID), ST_RDONLY | ST_NOEXEC);
	t_check(s.f_flag & ST_RELATIME); /* a remount says nothing of it */
	t_ok(close(open("a/f", O_RDWR)));
	dirs("c");
	t_ok(mount("b", "c", NULL, MS_BIND, NULL)); /* inherits */
	t_errno(open("c/f", O_RDWR), EROFS);
	t_ok(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL));
	t_ok(close(open("b/f", O_RDWR)));
	t_errno(open("c/f", O_RDWR), EROFS);
	t_errno(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EINVAL);
	t_ok(umount("b"));
	t_ok(umount("c"));
	end();
}

T_CASE(ranges_between_file_systems)
{
	off_t at = 0;
	int from, to, same;

	begin();
	dirs("a b");
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	t_ok(mount("none", "b", "tmpfs", 0, NULL));
	t_spew("a/f", "some bytes");
	from = open("a/f", O_RDONLY);
	to = open("b/g", O_RDWR | O_CREAT, 0600);
	same = open("a/g", O_RDWR | O_CREAT, 0600);
	t_errno(copy_file_range(from, NULL, to, NULL, 10, 0), EXDEV);
	t_errno(copy_file_range(from, &at, to, NULL, 1, 0), EXDEV);
	t_eq(at, 0);
	t_eq(lseek(to, 0, SEEK_END), 0);
	t_eq(copy_file_range(from, NULL, same, NULL, 10, 0), 10);
	t_ok(close(from));
	t_ok(close(to));
	t_ok(close(same));
	/* what a mount shows otherwise is one file system still */
	t_ok(mkdir("a/d", 0755));
	t_ok(mount("a", "b", NULL, MS_BIND, NULL));
	from = open("a/f", O_RDONLY);
	to = open("b/h", O_RDWR | O_CREAT, 0600);
	t_eq(copy_file_range(from, NULL, to, NULL, 10, 0), 10);
	t_ok(close(from));
	t_ok(close(to));
	t_ok(umount("b"));
	t_ok(umount("b"));
	t_ok(umount("a"));
	end();
}

/* tmpfs knows preallocation and holes, no more. */
T_CASE(ways_of_fallocate)
{
	static const int modes[] = {FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE,
		FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_UNSHARE_RANGE, FALLOC_FL_PUNCH_HOLE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE, 0x04 /* NO_HIDE_STALE */, 0x80000000};
	char page[4096], back[4096];
	struct stat st;
	int fd;

	begin();
	memset(page, 'x', sizeof(page));
	fd = open("f", O_RDWR | O_CREAT, 0600);
	t_eq(pwrite(fd, page, sizeof(page), 0), sizeof(page));
	t_eq(pwrite(fd, page, sizeof(page), 4096), sizeof(page));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		errno = 0;
		t_eq(fallocate(fd, modes[i], 0, 4096), -1);
		t_eq(errno, EOPNOTSUPP);
	}
	t_ok(fstat(fd, &st));
	t_eq(st.st_size, 8192);
	t_eq(pread(fd, back, sizeof(back), 0), sizeof(back));
	t_mem(back, page, sizeof(page)); /* and none of them did anything */
	t_ok(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 16384));
	t_ok(fstat(fd, &st));
	t_eq(st.st_size, 8192);
	t_ok(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	t_eq(pread(fd, back, sizeof(back), 0), sizeof(back));
	memset(page, 0, sizeof(page));
	t_mem(back, page, sizeof(page));
	t_ok(close(fd));
	end();
}

T_CASE(times_of_access)
{
	static const struct {
		unsigned long flags;
		const char *made, *remounted;
	} t[] = {
		{0, "rw,relatime", "rw,noatime"},
		{MS_NOATIME, "rw,noatime", "rw,noatime"},
		{MS_STRICTATIME, "rw", "rw"},
		{MS_RELATIME, "rw,relatime", "rw,relatime"},
		{MS_NODIRATIME, "rw,nodiratime,relatime", "rw,nodiratime,relatime"},
		{MS_NOATIME | MS_NODIRATIME, "rw,noatime,nodiratime", "rw,noatime,nodiratime"},
		{MS_STRICTATIME | MS_NODIRATIME, "rw,nodiratime", "rw,nodiratime"},
	};

	begin();
	dirs("a b");
	t_ok(mount("none", "b", "tmpfs", MS_NOATIME, NULL));
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		t_ok(mount("none", "a", "tmpfs", t[i].flags, NULL));
		t_str(field("a", F_OPTIONS), t[i].made);
		t_ok(umount("a"));
		t_ok(mount(NULL, "b", NULL, MS_REMOUNT | t[i].flags, NULL));
		t_str(field("b", F_OPTIONS), t[i].remounted);
	}
	t_ok(umount("b"));
	end();
}

T_CASE(bind_errors)
{
	pid_t pid;

	begin();
	dirs("a b");
	t_errno(mount("none", "b", NULL, MS_BIND, NULL), ENOENT);
	t_errno(mount("a", "none", NULL, MS_BIND, NULL), ENOENT);
	t_errno(mount("", "b", NULL, MS_BIND, NULL), EINVAL);
	t_errno(mount(NULL, "b", NULL, MS_BIND, NULL), EINVAL);
	t_errno(mount("a", (void *)8, NULL, MS_BIND, NULL), EFAULT);
	t_errno(mount((void *)8, "b", NULL, MS_BIND, NULL), EFAULT);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(mount("a", "b", NULL, MS_BIND, NULL), EPERM);
		t_errno(mount("a", "b", NULL, MS_MOVE, NULL), EPERM);
		t_errno(mount(NULL, "b", NULL, MS_SHARED, NULL), EPERM);
		t_errno(syscall(SYS_pivot_root, "a", "b"), EPERM);
	}
	t_exit(pid, 0);
	end();
}

T_CASE(move)
{
	int fd;

	begin();
	dirs("a b c");
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	dirs("a/in");
	t_ok(mount("none", "a/in", "tmpfs", 0, NULL));
	t_spew("a/in/f", "x");
	fd = open("a/in/f", O_RDWR);
	t_ok(mount("a", "b", NULL, MS_MOVE, NULL));
	t_check(has("b/in/f"));
	t_check(!has("a/in"));
	t_ok(write(fd, "y", 1));
	t_ok(close(fd));
	t_errno(mount("b", "b/in", NULL, MS_MOVE, NULL), ELOOP);
	t_errno(mount("a", "c", NULL, MS_MOVE, NULL), EINVAL);
	t_errno(mount("b/in/f", "c", NULL, MS_MOVE, NULL), EINVAL);
	t_errno(mount("", "c", NULL, MS_MOVE, NULL), EINVAL);
	t_errno(mount("x", "c", NULL, MS_MOVE, NULL), ENOENT);
	t_ok(mount("b/in", "c", NULL, MS_MOVE, NULL));
	t_check(has("c/f"));
	t_check(!has("b/in/f"));
	t_ok(umount("b"));
	t_ok(rmdir("b"));
	t_ok(umount("c"));
	end();
}

T_CASE(kinds)
{
	begin();
	dirs("a b");
	t_errno(mount(NULL, "a", NULL, MS_SHARED, NULL), EINVAL); /* no mount */
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	t_str(field("a", F_PEERS), "");
	t_ok(mount(NULL, "a", NULL, MS_SHARED, NULL));
	t_check(!strncmp(field("a", F_PEERS), "shared:", 7));
	t_ok(mount(NULL, "a", NULL, MS_SLAVE, NULL)); /* of nobody */
	t_str(field("a", F_PEERS), "");
	t_ok(mount(NULL, "a", NULL, MS_UNBINDABLE, NULL));
	t_str(field("a", F_PEERS), "unbindable");
	t_errno(mount("a", "b", NULL, MS_BIND, NULL), EINVAL);
	t_ok(mount(NULL, "a", NULL, MS_PRIVATE, NULL));
	t_str(field("a", F_PEERS), "");
	t_ok(mount("a", "b", NULL, MS_BIND, NULL));
	t_errno(mount(NULL, "a", NULL, MS_SHARED | MS_SLAVE, NULL), EINVAL);
	t_errno(mount(NULL, "a", NULL, MS_SHARED | MS_RDONLY, NULL), EINVAL);
	t_errno(mount(NULL, "a", NULL, MS_PRIVATE | MS_UNBINDABLE, NULL), EINVAL);
	t_ok(mount(NULL, "a", NULL, MS_SHARED | MS_SILENT, NULL));
	t_ok(mount(NULL, "a", NULL, MS_SHARED, NULL));
	t_ok(umount("a"));
	t_ok(umount("b"));
	end();
}

/* b is a peer of a, which is shared; each has x and y. */
static void peers(void)
{
	begin();
	dirs("a b c");
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	t_ok(mount(NULL, "a", NULL, MS_SHARED, NULL));
	t_ok(mount("a", "b", NULL, MS_BIND, NULL));
	dirs("a/x a/y a/y/z");
}

T_CASE(peers_hear)
{
	char shared[64];

	peers();
	snprintf(shared, sizeof(shared), "%s", field("a", F_PEERS));
	t_str(field("b", F_PEERS), shared);
	t_ok(mount("none", "a/x", "tmpfs", 0, NULL));
	t_spew("a/x/f", "x");
	t_check(has("b/x/f"));
	t_str(field("b/x", F_PEERS), field("a/x", F_PEERS));
	t_check(strcmp(field("a/x", F_PEERS), shared) != 0);
	t_ok(mount("a/x", "b/y", NULL, MS_BIND, NULL));
	t_check(has("a/y/f"));
	t_ok(umount("a/y"));
	t_check(!has("b/y/f"));
	t_check(has("b/y/z"));
	t_errno(mount("a/x", "c", NULL, MS_MOVE, NULL), EINVAL); /* its parent is shared */
	t_ok(umount("b/x"));
	t_check(!has("a/x/f"));
	t_ok(umount("b"));
	t_ok(mount("none", "a/x", "tmpfs", 0, NULL));
	t_check(!has("b/x"));
	t_ok(umount("a/x"));
	t_ok(umount("a"));
	end();
}

T_CASE(peers_of_a_part)
{
	begin();
	dirs("a b");
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	t_ok(mount(NULL, "a", NULL, MS_SHARED, NULL));
	dirs("a/x a/y a/y/z");
	t_ok(mount("a/y", "b", NULL, MS_BIND, NULL));
	t_ok(mount("none", "a/x", "tmpfs", 0, NULL)); /* not seen from b */
	t_ok(mount("none", "a/y/z", "tmpfs", 0, NULL));
	t_spew("b/z/f", "x");
	t_check(has("a/y/z/f"));
	t_ok(umount("b/z"));
	t_check(!has("a/y/z/f"));
	t_ok(umount("a/x"));
	t_ok(umount("b"));
	t_ok(umount("a"));
	end();
}

T_CASE(slaves_only_listen)
{
	char want[64];

	peers();
	snprintf(want, sizeof(want), "master:%s", field("a", F_PEERS) + 7);
	t_ok(mount(NULL, "b", NULL, MS_SLAVE, NULL));
	t_str(field("b", F_PEERS), want);
	t_ok(mount("none", "a/x", "tmpfs", 0, NULL));
	t_spew("a/x/f", "x");
	t_check(has("b/x/f"));
	t_ok(mount("none", "b/y", "tmpfs", 0, NULL));
	t_check(!has("b/y/z"));
	t_check(has("a/y/z"));
	t_ok(umount("b/x"));
	t_check(has("a/x/f"));
	t_check(!has("b/x/f"));
	t_ok(umount("a/x"));
	t_ok(mount(NULL, "b", NULL, MS_SHARED, NULL)); /* and master of others */
	t_check(strstr(field("b", F_PEERS), want) != NULL);
	t_check(!strncmp(field("b", F_PEERS), "shared:", 7));
	t_ok(mount(NULL, "b", NULL, MS_PRIVATE, NULL));
	t_str(field("b", F_PEERS), "");
	t_ok(mount("none", "a/x", "tmpfs", 0, NULL));
	t_spew("a/x/g", "x");
	t_check(!has("b/x/g"));
	end();
}

T_CASE(masters_go)
{
	peers();
	t_ok(mount(NULL, "b", NULL, MS_SLAVE, NULL));
	t_ok(umount("a"));
	t_str(field("b", F_PEERS), "");
	t_ok(umount("b"));
	end();
}

T_CASE(peers_hear_of_trees)
{
	peers();
	t_ok(mount("none", "c", "tmpfs", 0, NULL));
	dirs("c/d");
	t_ok(mount("none", "c/d", "tmpfs", 0, NULL));
	t_spew("c/d/f", "x");
	t_ok(mount("c", "a/x", NULL, MS_BIND | MS_REC, NULL));
	t_check(has("b/x/d/f"));
	t_errno(umount("b/x"), EBUSY);
	t_ok(umount2("b/x", MNT_DETACH));
	t_check(!has("a/x/d"));
	t_ok(mount("c", "a/y", NULL, MS_MOVE, NULL));
	t_check(has("a/y/d/f"));
	t_check(has("b/y/d/f"));
	t_check(!has("c/d"));
	t_check(!strncmp(field("b/y/d", F_PEERS), "shared:", 7));
	t_ok(mount(NULL, "a", NULL, MS_REC | MS_PRIVATE, NULL));
	t_str(field("a/y/d", F_PEERS), "");
	t_ok(umount("b/y/d"));
	t_check(has("a/y/d/f"));
	end();
}

T_CASE(unbindable)
{
	begin();
	dirs("a b c");
	t_ok(mount("none", "a", "tmpfs", 0, NULL));
	dirs("a/u a/v");
	t_ok(mount("none", "a/u", "tmpfs", 0, NULL));
	t_ok(mount("none", "a/v", "tmpfs", 0, NULL));
	t_spew("a/u/f", "x");
	t_spew("a/v/f", "x");
	t_ok(mount(NULL, "a/u", NULL, MS_UNBINDABLE, NULL));
	t_ok(mount("a", "b", NULL, MS_BIND | MS_REC, NULL));
	t_check(has("b/v/f"));
	t_check(!has("b/u/f"));
	t_ok(mount("none", "c", "tmpfs", 0, NULL));
	t_ok(mount(NULL, "c", NULL, MS_SHARED, NULL));
	dirs("c/x");
	t_errno(mount("a", "c/x", NULL, MS_MOVE, NULL), EINVAL);
	t_ok(umount("a/u"));
	t_ok(mount("a", "c/x", NULL, MS_MOVE, NULL));
	end();
}

T_CASE(busy_peers)
{
	int fd;

	peers();
	t_ok(mount("none", "a/x", "tmpfs", 0, NULL));
	t_spew("a/x/f", "x");
	fd = open("b/x/f", O_RDONLY);
	t_ok(fd);
	t_errno(umount("a/x"), EBUSY);
	t_check(has("a/x/f") && has("b/x/f"));
	t_ok(close(fd));
	t_ok(umount("a/x"));
	t_check(!has("b/x/f"));
	end();
}

T_CASE(pivot)
{
	char path[PATH_MAX];
	struct stat root, dot;
	pid_t pid;

	begin();
	dirs("r");
	t_ok(mount("none", "r", "tmpfs", 0, NULL));
	dirs("r/new r/plain r/outside");
	t_spew("r/was", "x");
	T_CHILD(pid)
	{
		t_ok(chroot("r"));
		t_ok(chdir("/"));
		t_ok(mount("none", "/new", "tmpfs", 0, NULL));
		dirs("/new/put /new/here");
		t_errno(syscall(SYS_pivot_root, "/none", "/new/put"), ENOENT);
		t_errno(syscall(SYS_pivot_root, "/new", "/new/none"), ENOENT);
		t_errno(syscall(SYS_pivot_root, "/was", "/new/put"), ENOTDIR);
		t_errno(syscall(SYS_pivot_root, (void *)8, "/new/put"), EFAULT);
		t_errno(syscall(SYS_pivot_root, "/new/here", "/new/put"), EINVAL);
		t_errno(syscall(SYS_pivot_root, "/", "/new/put"), EBUSY);
		t_errno(syscall(SYS_pivot_root, "/new", "/outside"), EBUSY);
		t_ok(syscall(SYS_pivot_root, "/new", "/new/put"));
		t_check(has("/put/was"));
		t_check(has("/here"));
		t_check(!has("/new"));
		t_str(getcwd(path, sizeof(path)), "/");
		t_ok(stat("/", &root));
		t_ok(stat(".", &dot));
		t_check(root.st_ino == dot.st_ino && root.st_dev == dot.st_dev);
		t_ok(chdir("/put/plain"));
		t_str(getcwd(path, sizeof(path)), "/put/plain");
		t_ok(chdir("/"));
		t_ok(umount2("/put", MNT_DETACH));
		t_check(!has("/put/was"));
	}
	t_exit(pid, 0);
	t_check(has("r/here"));
	end();
}

/* Every process whose root or working directory was the old root goes along. */
static void pivot_here(void)
{
	t_ok(mount("none", "/new", "tmpfs", 0, NULL));
	dirs("/new/put");
	t_spew("/new/mark", "x");
	t_ok(syscall(SYS_pivot_root, "/new", "/new/put"));
}

T_CASE(pivot_takes_others_along)
{
	pid_t pid, other;
	int go[2], done[2];

	begin();
	t_pipe(go);
	t_pipe(done);
	dirs("r");
	t_ok(mount("none", "r", "tmpfs", 0, NULL));
	dirs("r/new r/sub");
	T_CHILD(pid)
	{
		t_ok(chroot("r"));
		t_ok(chdir("/sub"));
		other = t_fork();
		if (!other) {
			t_get(go[0]);
			t_check(has("/mark"));
			t_check(has("/put/sub"));
			t_check(has("../new"));
			_exit(0);
		}
		pivot_here();
		t_put(go[1]);
		t_exit(other, 0);
	}
	t_exit(pid, 0);
	end();
}
