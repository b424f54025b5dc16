/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* handle.c - files by handles: name_to_handle_at(2), open_by_handle_at(2). */
#include "t_mount.h"

#include <sys/resource.h>
#include <sys/statvfs.h>

T_SUITE(handle);

#define FD 60 /* nobody has opened this */

struct handle {
	struct file_handle h;
	unsigned char bytes[MAX_HANDLE_SZ];
};

static int name(int dir, const char *path, struct handle *h, int flags)
{
	int mount_id = -1;

	memset(h, 0, sizeof(*h));
	h->h.handle_bytes = MAX_HANDLE_SZ;
	return name_to_handle_at(dir, path, &h->h, &mount_id, flags);
}

static bool same(const struct handle *a, const struct handle *b)
{
	return a->h.handle_bytes == b->h.handle_bytes && a->h.handle_type == b->h.handle_type &&
	       !memcmp(a->h.f_handle, b->h.f_handle, a->h.handle_bytes);
}

T_CASE(names_and_opens)
{
	struct handle h, again, other;
	struct stat a, b;
	char text[8] = "";
	int root, fd;

	begin();
	dirs("d d/e");
	t_spew("d/e/f", "text");
	t_spew("g", "more");
	root = open(".", O_RDONLY);
	t_ok(name(AT_FDCWD, "d/e/f", &h, 0));
	t_ok(name(root, "d/e/f", &again, 0));
	t_check(same(&h, &again));
	t_check(h.h.handle_bytes > 0 && h.h.handle_bytes < MAX_HANDLE_SZ);
	t_ok(name(AT_FDCWD, "g", &other, 0));
	t_check(!same(&h, &other));
	fd = open_by_handle_at(root, &h.h, O_RDONLY | O_CLOEXEC);
	t_ok(fd);
	t_check(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	t_eq(read(fd, text, sizeof(text)), 4);
	t_str(text, "text");
	t_errno(write(fd, "x", 1), EBADF);
	t_ok(fstat(fd, &a));
	t_ok(stat("d/e/f", &b));
	t_check(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	t_ok(close(fd));
	fd = open_by_handle_at(AT_FDCWD, &h.h, O_WRONLY | O_TRUNC);
	t_ok(fd);
	t_eq(write(fd, "new", 3), 3);
	t_ok(close(fd));
	t_slurp("d/e/f", text, sizeof(text));
	t_str(text, "new");
	t_ok(close(root));
	end();
}

/* With no descriptor left, the file is not cut short. */
T_CASE(no_descriptor_left)
{
	struct rlimit few = {40, 40};
	struct handle h;
	struct stat st;

	begin();
	t_spew("full", "text");
	t_ok(name(AT_FDCWD, "full", &h, 0));
	t_ret(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (dup(0) >= 0)
		;
	t_errno(open_by_handle_at(AT_FDCWD, &h.h, O_WRONLY | O_TRUNC), EMFILE);
	t_ret(stat("full", &st), 0);
	t_eq(st.st_size, 4);
	close(20);
	end();
}

T_CASE(follows_the_file)
{
	struct handle h;
	char text[8] = "";
	int fd;

	begin();
	dirs("a b");
	t_spew("a/f", "one");
	t_ok(name(AT_FDCWD, "a/f", &h, 0));
	t_ok(rename("a/f", "b/g"));
	t_spew("a/f", "two");
	fd = open_by_handle_at(AT_FDCWD, &h.h, O_RDONLY);
	t_eq(read(fd, text, sizeof(text)), 3);
	t_str(text, "one");
	t_ok(link("b/g", "a/h"));
	t_ok(unlink("b/g"));
	t_ok(close(fd));
	fd = open_by_handle_at(AT_FDCWD, &h.h, O_RDONLY);
	t_ok(fd); /* it has another name */
	t_ok(unlink("a/h"));
	t_ok(close(open_by_handle_at(AT_FDCWD, &h.h, O_RDWR))); /* it is open */
	t_ok(close(fd));
	t_errno(open_by_handle_at(AT_FDCWD, &h.h, O_RDONLY), ESTALE);
	end();
}

T_CASE(of_every_kind)
{
	struct handle h;
	struct stat st;
	int fd, file;

	begin();
	dirs("d");
	t_spew("d/f", "x");
	t_ok(symlink("d/f", "link"));
	t_ok(mkfifo("fifo", 0600));
	t_ok(name(AT_FDCWD, "d", &h, 0));
	fd = open_by_handle_at(AT_FDCWD, &h.h, O_RDONLY | O_DIRECTORY);
	t_ok(faccessat(fd, "f", F_OK, 0));
	t_errno(open_by_handle_at(AT_FDCWD, &h.h, O_RDWR), EISDIR);
	t_ok(close(fd));
	t_ok(name(AT_FDCWD, ".", &h, 0)); /* the root of the file system */
	fd = open_by_handle_at(AT_FDCWD, &h.h, O_PATH);
	t_ok(faccessat(fd, "d/f", F_OK, 0));
	t_ok(close(fd));
	t_ok(name(AT_FDCWD, "link", &h, 0)); /* not followed */
	t_errno(open_by_handle_at(AT_FDCWD, &h.h, O_RDONLY), ELOOP);
	fd = open_by_handle_at(AT_FDCWD, &h.h, O_PATH | O_NOFOLLOW);
	t_ok(fstat(fd, &st));
	t_check(S_ISLNK(st.st_mode));
	t_ok(close(fd));
	t_ok(name(AT_FDCWD, "link", &h, AT_SYMLINK_FOLLOW));
	t_errno(open_by_handle_at(AT_FDCWD, &h.h, O_RDONLY | O_DIRECTORY), ENOTDIR);
	t_ok(close(open_by_handle_at(AT_FDCWD, &h.h, O_RDONLY)));
	t_ok(name(AT_FDCWD, "fifo", &h, 0));
	t_errno(open_by_handle_at(AT_FDCWD, &h.h, O_WRONLY | O_NONBLOCK), ENXIO);
	t_ok(close(open_by_handle_at(AT_FDCWD, &h.h, O_RDWR)));
	file = open("d/f", O_RDONLY);
	t_ok(name(file, "", &h, AT_EMPTY_PATH));
	t_ok(close(open_by_handle_at(file, &h.h, O_RDONLY)));
	t_ok(close(file));
	end();
}

T_CASE(name_errors)
{
	struct handle h;
	int id = -1;
	struct stat st;

	begin();
	dirs("d");
	t_spew("f", "x");
	t_ok(stat("f", &st));
	memset(&h, 0, sizeof(h));
	t_errno(name_to_handle_at(AT_FDCWD, "f", &h.h, &id, 0), EOVERFLOW); /* how many bytes? */
	t_check(h.h.handle_bytes > 0 && h.h.handle_bytes < MAX_HANDLE_SZ);
	t_check(id >= 0);
	t_ok(name_to_handle_at(AT_FDCWD, "f", &h.h, &id, 0)); /* just so many do */
	h.h.handle_bytes--;
	t_errno(name_to_handle_at(AT_FDCWD, "f", &h.h, &id, 0), EOVERFLOW);
	h.h.handle_bytes = MAX_HANDLE_SZ + 1;
	t_errno(name_to_handle_at(AT_FDCWD, "f", &h.h, &id, 0), EINVAL);
	t_errno(name(AT_FDCWD, "f", &h, 0x40000000), EINVAL);
	t_errno(name(AT_FDCWD, "none", &h, 0), ENOENT);
	t_errno(name(AT_FDCWD, "", &h, 0), ENOENT);
	t_errno(name(AT_FDCWD, "f/x", &h, 0), ENOTDIR);
	t_errno(name(FD, "f", &h, 0), EBADF);
	t_errno(name(AT_FDCWD, (void *)8, &h, 0), EFAULT);
	t_errno(name_to_handle_at(AT_FDCWD, "f", (void *)8, &id, 0), EFAULT);
	t_errno(name_to_handle_at(AT_FDCWD, "f", &h.h, (void *)8, 0), EFAULT);
	t_errno(name(AT_FDCWD, "/proc/version", &h, 0), EOPNOTSUPP);
	end();
}

T_CASE(the_mount_is_told)
{
	struct handle h;
	struct statx x;
	int id = -1;

	begin();
	t_spew("f", "x");
	memset(&h, 0, sizeof(h));
	h.h.handle_bytes = MAX_HANDLE_SZ;
	t_ok(name_to_handle_at(AT_FDCWD, "f", &h.h, &id, 0));
	t_ok(statx(AT_FDCWD, "f", 0, 0x1000 /* STATX_MNT_ID */, &x));
	t_eq(id, x.stx_mnt_id);
	end();
}

T_CASE(open_errors)
{
	struct handle h, bad;
	int proc = open("/proc/version", O_RDONLY);

	begin();
	t_spew("f", "x");
	t_ok(name(AT_FDCWD, "f", &h, 0));
	t_errno(open_by_handle_at(FD, &h.h, O_RDONLY), EBADF);
	t_errno(open_by_handle_at(AT_FDCWD, (void *)8, O_RDONLY), EFAULT);
	bad = h;
	bad.h.handle_bytes = 0;
	t_errno(open_by_handle_at(AT_FDCWD, &bad.h, O_RDONLY), EINVAL);
	bad.h.handle_bytes = MAX_HANDLE_SZ + 1;
	t_errno(open_by_handle_at(AT_FDCWD, &bad.h, O_RDONLY), EINVAL);
	bad.h.handle_bytes = 4;
	t_errno(open_by_handle_at(AT_FDCWD, &bad.h, O_RDONLY), ESTALE);
	bad = h;
	memset(bad.h.f_handle, 0xff, bad.h.handle_bytes);
	t_errno(open_by_handle_at(AT_FDCWD, &bad.h, O_RDONLY), ESTALE);
	t_errno(open_by_handle_at(proc, &h.h, O_RDONLY), ESTALE);
	t_ok(mkdir("other", 0755));
	t_ok(mount("none", "other", "tmpfs", MS_RDONLY, NULL));
	t_ok(mount(NULL, ".", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	t_errno(open_by_handle_at(AT_FDCWD, &h.h, O_RDWR), EROFS);
	t_ok(umount("other"));
	end();
}

T_CASE(needs_the_capability)
{
	struct handle h;
	pid_t pid;

	begin();
	t_ok(chmod(".", 0755));
	t_spew("f", "x");
	t_ok(name(AT_FDCWD, "f", &h, 0));
	T_CHILD(pid)
	{
		struct handle mine;

		t_become(65534, 65534);
		t_ok(name(AT_FDCWD, "f", &mine, 0)); /* to ask is free */
		t_check(same(&h, &mine));
		t_errno(open_by_handle_at(AT_FDCWD, &h.h, O_RDONLY), EPERM);
	}
	t_exit(pid, 0);
	end();
}

/* Many files, and others that come and go and move meanwhile. */
T_CASE(among_many)
{
	struct handle h[16];
	char path[32];
	pid_t pid;

	begin();
	for (int i = 0; i < 16; i++) {
		snprintf(path, sizeof(path), "d%d", i);
		t_ok(mkdir(path, 0755));
		for (int k = 0; k < 40; k++) {
			snprintf(path, sizeof(path), "d%d/f%d", i, k);
			close(open(path, O_WRONLY | O_CREAT, 0600));
		}
		t_ok(name(AT_FDCWD, path, &h[i], 0));
	}
	T_CHILD(pid)
	{
		for (int i = 0; i < 3000; i++) {
			rename("d3/f1", "d5/f1x");
			rename("d5/f1x", "d3/f1");
			rename("d4/f2", "d4/f2x");
			rename("d4/f2x", "d4/f2");
			close(open("d6/new", O_WRONLY | O_CREAT, 0600));
			unlink("d6/new");
		}
	}
	for (int i = 0; i < 320; i++) {
		int fd = open_by_handle_at(AT_FDCWD, &h[i % 16].h, O_RDONLY);

		if (fd < 0)
			t_ok(fd);
		close(fd);
	}
	t_exit(pid, 0);
	end();
}
