/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A descriptor for reading does not become one for writing, by any way: of a grant without WRITE,
 * of O_RDONLY in capability mode, of O_RDONLY on a file that others own. */
#include "attempt.h"
#include <exo_abi/exo_native.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

T_SUITE(readonly);

#define PAGE 4096u

static int made, self, keep; /* keep: the writer that was there from the beginning */
static struct iovec iov = {"X", 1};

/* Any of a set of refusals. */
#define REFUSED(name, call)                                                                        \
	do {                                                                                       \
		long long got_ = (errno = 0, (long long)(call));                                   \
                                                                                                   \
		dprintf(1, "# attempt: %s\n", name);                                               \
		if (!t_check(got_ == -1 && (errno == EACCES || errno == EPERM || errno == EBADF || \
						   errno == EINVAL || errno == EXDEV ||            \
						   errno == ENOENT || errno == ENOTDIR)))          \
			dprintf(1, "  %s: %s is %lld, errno %d\n", name, #call, got_, errno);      \
	} while (0)

/* The same of a call that Exo-OS may not have. */
#define REFUSED_OR_ABSENT(name, call)                                                         \
	do {                                                                                  \
		long long got_ = (errno = 0, (long long)(call));                              \
                                                                                              \
		dprintf(1, "# attempt: %s\n", name);                                          \
		if (!t_check(got_ == -1 &&                                                    \
			     (errno == EACCES || errno == EPERM || errno == EBADF ||          \
				     errno == EINVAL || errno == ENOSYS || errno == ENOENT || \
				     errno == EOPNOTSUPP || errno == ELOOP)))                 \
			dprintf(1, "  %s: %s is %lld, errno %d\n", name, #call, got_, errno); \
	} while (0)

static int through_ring(int fd)
{
	struct exo_ring_params p = {1, 4, 0};
	int32_t ends[2], moved = dup(fd), got = -1;
	long ticket;

	t_eq(exo_ring_create(&p, sizeof(p), ends), 0);
	ticket = exo_ring_send_caps(ends[0], &moved, 1, 0);
	t_check(ticket >= 0);
	t_eq(exo_ring_recv_caps(ends[1], (uint64_t)ticket, &got, 1, 0), 1);
	close(ends[0]);
	close(ends[1]);
	return got;
}

static int through_message(int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c = {0};
	char byte;
	struct iovec one = {&byte, 1};
	struct msghdr m = {
		.msg_iov = &one, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
	int s[2], got;

	t_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	c.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&c.h), &fd, sizeof(fd));
	t_ret(sendmsg(s[0], &m, 0), 1);
	m.msg_controllen = sizeof(c);
	t_ret(recvmsg(s[1], &m, 0), 1);
	memcpy(&got, CMSG_DATA(&c.h), sizeof(got));
	close(s[0]);
	close(s[1]);
	return got;
}

/* Ways to write with what one holds. */
static void write_with(int fd)
{
	off_t off = 0;
	int p[2];
	char *at;

	REFUSED("write", write(fd, "X", 1));
	REFUSED("pwrite", pwrite(fd, "X", 1, 0));
	REFUSED("writev", writev(fd, &iov, 1));
	REFUSED("pwritev", pwritev(fd, &iov, 1, 0));
	REFUSED("ftruncate", ftruncate(fd, 0));
	REFUSED("fallocate", fallocate(fd, 0, 0, 100));
	REFUSED("punch a hole", fallocate(fd, 3, 0, 100));
	REFUSED("pwritev2", syscall(SYS_pwritev2, fd, &iov, 1, 0L, 0L, 0));
	REFUSED_OR_ABSENT(
		"pwritev2 to the end", syscall(SYS_pwritev2, fd, &iov, 1, -1L, -1L, 0x10));
	REFUSED("sendfile into it", sendfile(fd, made, &off, 1));
	t_ok(pipe(p));
	t_ret(write(p[1], "X", 1), 1);
	REFUSED("splice into it", splice(p[0], NULL, fd, NULL, 1, 0));
	close(p[0]);
	close(p[1]);
	REFUSED("copy_file_range into it",
		syscall(SYS_copy_file_range, made, NULL, fd, NULL, 1, 0));
	REFUSED("change to O_RDWR, then write", (fcntl(fd, F_SETFL, O_RDWR), write(fd, "X", 1)));
	REFUSED("change to O_APPEND, then write",
		(fcntl(fd, F_SETFL, O_APPEND), write(fd, "X", 1)));
	REFUSED("map shared and writable",
		(long)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	t_check(at != MAP_FAILED);
	REFUSED("map shared, then mprotect", mprotect(at, PAGE, PROT_READ | PROT_WRITE));
	REFUSED("map shared, validated and writable",
		(long)mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED_VALIDATE, fd, 0));
	REFUSED("map without access, then mprotect",
		mprotect(mmap(NULL, PAGE, PROT_NONE, MAP_SHARED, fd, 0), PAGE, PROT_WRITE));
	at = mremap(at, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	t_check(at != MAP_FAILED);
	REFUSED("map, mremap, then mprotect", mprotect(at, PAGE, PROT_READ | PROT_WRITE));
	REFUSED_OR_ABSENT("map, then punch a hole by madvise", madvise(at, PAGE, MADV_REMOVE));
	REFUSED_OR_ABSENT("map, then the second mapping of mremap",
		mprotect(mremap(at, 0, PAGE, MREMAP_MAYMOVE), PAGE, PROT_READ | PROT_WRITE));
	REFUSED_OR_ABSENT("map, then remap_file_pages",
		syscall(SYS_remap_file_pages, at, PAGE, PROT_WRITE, 0, 0));
	t_ok(pipe(p));
	t_ret(write(p[1], "X", 1), 1);
	DENIED_WITH("read from a pipe into the mapping", read(p[0], at, 1), EFAULT);
	DENIED_WITH("/proc/self/mem over the mapping",
		pwrite(open("/proc/self/mem", O_RDWR), "X", 1, (off_t)at),
		exo_cap_enter(EXO_ENTER_QUERY) ? EBADF : EIO);
	close(p[0]);
	close(p[1]);
	munmap(at, 2 * PAGE);
	at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (t_check(at != MAP_FAILED)) {
		*at = 'X'; /* a copy: must not reach the file */
		msync(at, PAGE, MS_SYNC);
		munmap(at, PAGE);
	}
}

/* Ways around the descriptor; what they give must not write. */
static long by_handle(int fd)
{
	struct {
		unsigned bytes;
		int type;
		char data[128];
	} handle = {.bytes = 128};
	int mount, got;

	if (syscall(SYS_name_to_handle_at, fd, "", &handle, &mount, AT_EMPTY_PATH))
		return -1;
	got = (int)syscall(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDWR);
	return got < 0 ? -1 : write(got, "X", 1);
}

/* open_tree(2), of the file itself or of a mount of it, and a mount by /proc/self/fd. */
static long by_tree(int fd, unsigned flags)
{
	int tree = (int)syscall(428, fd, "", AT_EMPTY_PATH | flags), got;
	char path[40];

	if (tree < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", tree);
	got = open(path, O_RDWR);
	close(tree);
	return got < 0 ? -1 : write(got, "X", 1);
}

static long by_bind(int fd)
{
	char path[40];
	int got;

	close(open("place", O_CREAT | O_RDWR, 0600));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (mount(path, "place", NULL, MS_BIND, NULL))
		return -1;
	got = open("place", O_RDWR);
	umount("place");
	return got < 0 ? -1 : write(got, "X", 1);
}

static long by_pidfd(int fd)
{
	int self_fd = (int)syscall(SYS_pidfd_open, getpid(), 0), got;

	if (self_fd < 0)
		return -1;
	got = (int)syscall(438 /* pidfd_getfd */, self_fd, fd, 0);
	close(self_fd);
	return got < 0 ? -1 : write(got, "X", 1);
}

static long by_map_files(int fd)
{
	char path[80];
	void *at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	int got;

	if (at == MAP_FAILED)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (long)at, (long)at + PAGE);
	got = open(path, O_RDWR);
	munmap(at, PAGE);
	return got < 0 ? -1 : write(got, "X", 1);
}

static void reopen(int fd)
{
	char path[32];
	int proc = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	REFUSED("/proc/self/fd, O_WRONLY", open(path, O_WRONLY));
	REFUSED("/proc/self/fd, O_RDWR", open(path, O_RDWR));
	REFUSED("/proc/self/fd, O_TRUNC", open(path, O_RDONLY | O_TRUNC));
	REFUSED("/proc/self/fd, truncate", truncate(path, 0));
	REFUSED("/proc/self/fd, O_CREAT", open(path, O_RDWR | O_CREAT, 0600));
	REFUSED("/proc/self/fd, a name for it",
		linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW)
			? -1
			: open("named", O_RDWR));
	REFUSED("/proc/self/fd, a name of its own for it",
		linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH) ? -1 : open("named", O_RDWR));
	unlink("named");
	REFUSED_OR_ABSENT("by a handle", by_handle(fd));
	REFUSED_OR_ABSENT("by open_tree", by_tree(fd, 0));
	REFUSED_OR_ABSENT("by a mount of open_tree", by_tree(fd, 1));
	REFUSED_OR_ABSENT("by a mount", by_bind(fd));
	unlink("place");
	if (fcntl(fd, F_GETFL) & O_PATH)
		return;
	REFUSED_OR_ABSENT("taken out of oneself by pidfd_getfd", by_pidfd(fd));
	snprintf(path, sizeof(path), "/proc/self/task/%d/fd/%d", getpid(), fd);
	REFUSED("/proc/self/task/TID/fd, O_RDWR", open(path, O_RDWR));
	REFUSED_OR_ABSENT("/proc/self/map_files, O_RDWR", by_map_files(fd));
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	REFUSED("/proc/PID/fd, O_RDWR", open(path, O_RDWR));
	snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd);
	REFUSED("/proc/thread-self/fd, O_RDWR", open(path, O_RDWR));
	snprintf(path, sizeof(path), "%d", fd);
	REFUSED("a held /proc/self/fd, O_RDWR", openat(proc, path, O_RDWR));
	REFUSED("/dev/fd, O_RDWR",
		(snprintf(path, sizeof(path), "/dev/fd/%d", fd), open(path, O_RDWR)));
	REFUSED("itself as a directory", openat(fd, "", O_RDWR));
	REFUSED("itself as a directory, .", openat(fd, ".", O_RDWR));
}

T_HELPER(child_writes)
{
	return write(5, "X", 1) == 1 || pwrite(5, "X", 1, 0) == 1 || !ftruncate(5, 0) ||
	       open("/proc/self/fd/5", O_RDWR) >= 0;
}

static void in_children(int fd)
{
	char *argv[] = {"readonly", "-x", "child_writes", NULL}, *none[] = {NULL};
	struct exo_spawn_cap cap = {fd, 5};
	struct exo_spawn_args a = {
		.program = self, .argv = (uintptr_t)argv, .caps = (uintptr_t)&cap, .cap_count = 1};
	siginfo_t info = {0};
	pid_t pid;
	long proc;

	dprintf(1, "# attempt: by a child\n");
	T_CHILD(pid)
	REFUSED("write in a child", write(fd, "X", 1));
	t_exit(pid, 0);
	dprintf(1, "# attempt: by an executed program\n");
	T_CHILD(pid)
	{
		dup2(fd, 5);
		syscall(SYS_execveat, self, "", argv, none, AT_EMPTY_PATH);
	}
	t_exit(pid, 0);
	dprintf(1, "# attempt: by a spawned program\n");
	proc = exo_spawn(&a, sizeof(a));
	if (t_check(proc >= 0)) {
		t_ok(waitid(P_PIDFD, (id_t)proc, &info, WEXITED));
		t_eq(info.si_status, 0);
	}
}

static void all_ways(int fd)
{
	write_with(fd);
	write_with(dup(fd));
	write_with(dup2(fd, 30));
	write_with(dup3(fd, 31, O_CLOEXEC));
	write_with(fcntl(fd, F_DUPFD, 40));
	write_with(through_message(fd));
	write_with(through_ring(fd));
	reopen(fd);
	reopen(dup(fd));
	reopen(through_message(fd));
	reopen(through_ring(fd));
	in_children(fd);
}

static void start(void)
{
	self = open(t_self, O_RDONLY);
	made = open("made", O_RDWR | O_CREAT, 0644);
	t_ret(write(made, "YYYYYYYYYY", 10), 10);
	t_ret(pwrite(made, "YYYYYYYYYY", 10, 10), 10);
	keep = open("file", O_RDWR | O_CREAT, 0644);
	t_ret(write(keep, "unchanged", 9), 9);
	lseek(made, 0, SEEK_SET);
}

static void finish(void)
{
	char got[32] = "";

	t_ret(pread(keep, got, sizeof(got), 0), 9);
	t_str(got, "unchanged");
}

T_CASE(grant_without_write)
{
	int fd;

	start();
	fd = (int)exo_cap_derive(keep, EXO_ALL & ~EXO_WRITE, 0, 0);
	t_check(fd >= 0);
	all_ways(fd);
	dprintf(1, "# attempt: derive with more rights\n");
	t_eq(exo_cap_derive(fd, EXO_ALL, 0, 0), -EACCES);
	t_eq(exo_cap_derive(fd, EXO_WRITE, 0, 0), -EACCES);
	all_ways((int)exo_cap_derive(fd, EXO_ALL & ~EXO_WRITE, 0, 0));
	finish();
}

T_CASE(below_a_directory_without_write)
{
	int d, fd;

	start();
	d = (int)exo_cap_derive(open(".", O_RDONLY), EXO_ALL & ~EXO_WRITE, 0, 0);
	fd = openat(d, "file", O_RDONLY);
	t_ok(fd);
	REFUSED("open for writing below it", openat(d, "file", O_RDWR));
	all_ways(fd);
	fd = openat(d, "file", O_PATH);
	REFUSED("by a pathless descriptor", write(fd, "X", 1));
	reopen(fd);
	finish();
}

static long name_below_tree(int d, unsigned flags)
{
	int tree = (int)syscall(428, d, "", AT_EMPTY_PATH | flags);

	return tree < 0 ? -1 : mkdirat(tree, "below", 0700);
}

/* Whatever right was taken away, a tree has it neither. */
T_CASE(below_a_directory_without_create)
{
	int d;

	start();
	d = (int)exo_cap_derive(open(".", O_RDONLY), EXO_ALL & ~EXO_CREATE, 0, 0);
	t_ok(d);
	REFUSED("a name below it", mkdirat(d, "below", 0700));
	REFUSED_OR_ABSENT("a name below open_tree", name_below_tree(d, 0));
	REFUSED_OR_ABSENT("a name below a mount of it", name_below_tree(d, 1));
	t_errno(rmdir("below"), ENOENT);
	finish();
}

T_CASE(confined)
{
	int fd;

	start();
	fd = open("file", O_RDONLY);
	t_eq(exo_cap_enter(0), 0);
	all_ways(fd);
	REFUSED("a name for it", linkat(fd, "", fd, "x", AT_EMPTY_PATH));
	finish();
}

T_CASE(a_file_of_others)
{
	pid_t pid;
	int fd;

	start();
	fd = open("file", O_RDONLY);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		all_ways(fd);
		REFUSED("its mode", fchmod(fd, 0666));
		REFUSED("its mode, by /proc", chmod("/proc/self/fd/3", 0666));
	}
	t_exit(pid, 0);
	finish();
}
