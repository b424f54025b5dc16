/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capability mode: each DENIED is one attempt to get out, named. */
#include "attempt.h"
#include <exo_abi/exo_native.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <netinet/in.h>
#include <utime.h>

T_SUITE(confined);

static char here[PATH_MAX], buf[PATH_MAX];
static struct stat st;
static int d;

/* A call that does not exist gets nobody out either. */
static long absent(long ret)
{
	if (ret < 0 && errno == ENOSYS)
		errno = EPERM;
	return ret;
}

/* secret and in/{file,sub/deep/leaf,links}; d = in */
static void build_tree(void)
{
	getcwd(here, sizeof(here));
	t_spew("secret", "secret");
	t_ok(mkdir("in", 0755));
	t_ok(mkdir("in/sub", 0755));
	t_ok(mkdir("in/sub/deep", 0755));
	t_ok(mkdir("outside", 0755));
	t_spew("outside/x", "outside");
	t_spew("in/file", "inside");
	t_spew("in/sub/deep/leaf", "leaf");
	t_ok(symlink("..", "in/up"));
	t_ok(symlink("../secret", "in/out"));
	t_ok(symlink("sub/../../secret", "in/sly"));
	t_ok(symlink("/etc/passwd", "in/abs"));
	t_ok(symlink("/", "in/root"));
	t_ok(symlink("abs", "in/abs2"));
	t_ok(symlink("/proc/self/cwd", "in/proc"));
	t_ok(symlink("sub/deep/leaf", "in/good"));
	t_ok(symlink("../file", "in/sub/back"));
	d = open("in", O_RDONLY | O_DIRECTORY);
	t_ok(d);
}

static long open_in_root(int dir, const char *path)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT};

	return syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static void enter(void)
{
	t_eq(exo_cap_enter(EXO_ENTER_QUERY), 0);
	t_eq(exo_cap_enter(0), 0);
	t_eq(exo_cap_enter(EXO_ENTER_QUERY), 1);
}

T_CASE(works_below_a_held_directory)
{
	int fd;

	build_tree();
	t_eq(exo_cap_enter(2), -EINVAL);
	enter();
	t_ok(openat(d, "file", O_RDWR));
	t_ok(openat(d, "sub/deep/leaf", O_RDONLY));
	t_ok(openat(d, "sub/../file", O_RDONLY));
	t_ok(openat(d, "sub/deep/../../sub/back", O_RDONLY));
	t_ok(openat(d, "good", O_RDONLY));
	t_ok(openat(d, ".", O_RDONLY));
	fd = openat(d, "sub", O_RDONLY | O_DIRECTORY);
	t_ok(openat(fd, "deep/leaf", O_RDONLY));
	t_ok(mkdirat(d, "made", 0755));
	t_ok(unlinkat(d, "made", AT_REMOVEDIR));
	t_ok(openat(d, "made", O_CREAT | O_EXCL | O_RDWR, 0600));
	t_ok(renameat(d, "made", fd, "moved"));
	t_ok(linkat(fd, "moved", d, "again", 0));
	t_ok(symlinkat("file", d, "sym"));
	t_ok(fstatat(d, "sym", &st, 0));
	t_ok(fstatat(d, "", &st, AT_EMPTY_PATH));
	t_ok(faccessat(d, "file", R_OK, 0));
	t_ok(fchmodat(d, "file", 0600, 0));
	t_ok(utimensat(d, "file", NULL, 0));
	t_eq(readlinkat(d, "sym", buf, sizeof(buf)), 4);
	t_ok(unlinkat(d, "sym", 0));
}

T_CASE(absolute_paths)
{
	struct statx sx;

	build_tree();
	enter();
	DENIED("open", open("/etc/passwd", O_RDONLY));
	DENIED("openat with a directory", openat(d, "/etc/passwd", O_RDONLY));
	DENIED("create", open("/tmp/made", O_CREAT | O_RDWR, 0600));
	DENIED("open for a path alone", open("/", O_PATH));
	DENIED("nameless file", openat(d, "/tmp", O_TMPFILE | O_RDWR, 0600));
	DENIED("many slashes", openat(d, "///etc/passwd", O_RDONLY));
	DENIED("stat", syscall(SYS_stat, "/etc/passwd", &st));
	DENIED("lstat", syscall(SYS_lstat, "/etc/passwd", &st));
	DENIED("fstatat", fstatat(d, "/etc/passwd", &st, 0));
	DENIED("statx", syscall(SYS_statx, d, "/etc/passwd", 0, STATX_BASIC_STATS, &sx));
	DENIED("access", syscall(SYS_access, "/etc/passwd", R_OK));
	DENIED("faccessat", faccessat(d, "/etc/passwd", R_OK, 0));
	DENIED("mkdir", mkdir("/tmp/made", 0700));
	DENIED("mkdirat", mkdirat(d, "/tmp/made", 0700));
	DENIED("rmdir", rmdir("/tmp"));
	DENIED("unlink", unlink("/etc/passwd"));
	DENIED("unlinkat", unlinkat(d, "/etc/passwd", 0));
	DENIED("rename from", renameat(d, "/etc/passwd", d, "mine"));
	DENIED("rename to", renameat(d, "file", d, "/tmp/yours"));
	DENIED("link from", linkat(d, "/etc/passwd", d, "mine", 0));
	DENIED("link to", linkat(d, "file", d, "/tmp/yours", 0));
	DENIED("symlink", symlink("x", "/tmp/sym"));
	DENIED("symlinkat", symlinkat("x", d, "/tmp/sym"));
	DENIED("readlink", readlink("/proc/self/exe", buf, sizeof(buf)));
	DENIED("readlinkat", readlinkat(d, "/proc/self/exe", buf, sizeof(buf)));
	DENIED("chmod", chmod("/etc/passwd", 0666));
	DENIED("fchmodat", fchmodat(d, "/etc/passwd", 0666, 0));
	DENIED("chown", chown("/etc/passwd", 1, 1));
	DENIED("fchownat", fchownat(d, "/etc/passwd", 1, 1, 0));
	DENIED("truncate", truncate("/etc/passwd", 0));
	DENIED("utimensat", utimensat(d, "/etc/passwd", NULL, 0));
	DENIED("statfs", syscall(SYS_statfs, "/", buf));
	DENIED("setxattr", setxattr("/etc", "user.a", "b", 1, 0));
	DENIED("getxattr", getxattr("/etc", "user.a", buf, 9));
	DENIED("mkfifo", mknod("/tmp/fifo", S_IFIFO | 0600, 0));
	DENIED("execve", execl("/bin/true", "true", NULL));
	DENIED("execveat", syscall(SYS_execveat, d, "/bin/true", NULL, NULL, 0));
}

T_CASE(the_working_directory)
{
	build_tree();
	enter();
	DENIED("open relative to it", open("secret", O_RDONLY));
	DENIED("openat AT_FDCWD", openat(AT_FDCWD, "secret", O_RDONLY));
	DENIED("open it", open(".", O_RDONLY));
	DENIED("stat", fstatat(AT_FDCWD, "secret", &st, 0));
	DENIED("stat itself", fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
	DENIED("unlink", unlinkat(AT_FDCWD, "secret", 0));
	DENIED("rename out", renameat(d, "file", AT_FDCWD, "stolen"));
	DENIED("rename in", renameat(AT_FDCWD, "secret", d, "stolen"));
	DENIED("chdir", chdir("in"));
	DENIED("fchdir", fchdir(d));
	DENIED("getcwd", syscall(SYS_getcwd, buf, sizeof(buf)));
	DENIED("chroot", chroot("in"));
}

T_CASE(up_and_links)
{
	int sub;

	build_tree();
	sub = openat(d, "sub", O_RDONLY);
	enter();
	DENIED("..", openat(d, "..", O_RDONLY));
	DENIED("../secret", openat(d, "../secret", O_RDONLY));
	DENIED("sub/../../secret", openat(d, "sub/../../secret", O_RDONLY));
	DENIED("./.././secret", openat(d, "./.././secret", O_RDONLY));
	DENIED("..//in/file", openat(d, "..//in/file", O_RDONLY));
	DENIED("deeper than any tree",
		openat(d, "../../../../../../../../../etc/passwd", O_RDONLY));
	DENIED("above a directory below", openat(sub, "../file", O_RDONLY));
	t_ok(open_in_root(d, "/file"));
	DENIED("the root's ..", open_in_root(d, "/../secret"));
	DENIED("a root of one's own", open_in_root(AT_FDCWD, "/secret"));
	DENIED("its links", open_in_root(d, "abs"));
	DENIED("link to ..", openat(d, "up", O_RDONLY));
	DENIED("through a link to ..", openat(d, "up/secret", O_RDONLY));
	DENIED("link to ../secret", openat(d, "out", O_RDONLY));
	DENIED("link down and up", openat(d, "sly", O_RDONLY));
	DENIED("link to an absolute path", openat(d, "abs", O_RDONLY));
	DENIED("link to that link", openat(d, "abs2", O_RDONLY));
	DENIED("through a link to /", openat(d, "root/etc/passwd", O_RDONLY));
	DENIED("link to a magic link", openat(d, "proc/secret", O_RDONLY));
	DENIED("link that leads out of a lower start", openat(sub, "back", O_RDONLY));
	DENIED("create through a dangling way up", openat(d, "../made", O_CREAT | O_RDWR, 0600));
	DENIED("create behind a link out", openat(d, "up/made", O_CREAT | O_RDWR, 0600));
	DENIED("stat follows out", fstatat(d, "out", &st, 0));
	DENIED("mkdir above", mkdirat(d, "../made", 0700));
	DENIED("rmdir above", unlinkat(d, "../outside", AT_REMOVEDIR));
	DENIED("unlink above", unlinkat(d, "up/secret", 0));
	DENIED("rename above", renameat(d, "file", d, "../stolen"));
	DENIED("rename from above", renameat(d, "../secret", d, "stolen"));
	DENIED("link from above", linkat(d, "../secret", d, "stolen", 0));
	DENIED("link follows out", linkat(d, "out", d, "stolen", AT_SYMLINK_FOLLOW));
	DENIED("symlink made, then followed",
		(symlinkat("../secret", d, "new"), openat(d, "new", O_RDONLY)));
	DENIED("chmod follows out", fchmodat(d, "out", 0777, 0));
	DENIED("execveat above", syscall(SYS_execveat, d, "../in/file", NULL, NULL, 0));
	DENIED("parent of a pathless descriptor",
		openat(openat(d, "sub", O_PATH), "../../secret", O_RDONLY));
}

T_CASE(held_proc)
{
	int proc, self, init;

	build_tree();
	proc = open("/proc", O_RDONLY);
	self = open("/proc/self", O_RDONLY);
	enter();
	t_ok(init = openat(proc, "1", O_RDONLY | O_DIRECTORY));
	DENIED("a signal to whom a directory is of",
		syscall(SYS_pidfd_send_signal, init, 0, NULL, 0));
	DENIED("magic link to the root", openat(proc, "1/root/etc/passwd", O_RDONLY));
	DENIED("magic link to the working directory", openat(self, "cwd/secret", O_RDONLY));
	DENIED("magic link to a descriptor", openat(self, "fd/0", O_RDWR));
	DENIED("magic link to the program", openat(self, "exe", O_RDONLY));
	DENIED("reopen of a directory, upwards", openat(self, "fd/3/..", O_RDONLY));
}

T_CASE(processes)
{
	union {
		uint64_t all[16];
		struct rlimit limit;
	} u = {0};
	pid_t parent = getppid();
	siginfo_t info = {.si_code = SI_QUEUE};
	cpu_set_t cpus;
	int pidfd;

	pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	enter();
	DENIED("kill the parent", kill(parent, 0));
	DENIED("kill init", kill(1, 0));
	DENIED("kill the group", kill(0, 0));
	DENIED("kill another group", kill(-parent, 0));
	DENIED("kill everybody", kill(-1, 0));
	DENIED("tkill the parent", syscall(SYS_tkill, parent, 0));
	DENIED("tgkill the parent", syscall(SYS_tgkill, parent, parent, 0));
	DENIED("queue to the parent", syscall(SYS_rt_sigqueueinfo, parent, SIGUSR1, &info));
	DENIED("pidfd of the parent", syscall(SYS_pidfd_open, parent, 0));
	DENIED("limits of the parent",
		syscall(SYS_prlimit64, parent, RLIMIT_NOFILE, NULL, &u.limit));
	DENIED("affinity of the parent", syscall(SYS_sched_setaffinity, parent, 8, u.all));
	DENIED("policy of the parent", syscall(SYS_sched_getscheduler, parent));
	DENIED("robust list of the parent", syscall(SYS_get_robust_list, parent, u.all, u.all + 1));
	DENIED("group of the parent", getpgid(parent));
	DENIED("session of the parent", getsid(parent));
	DENIED("a group of one's choice", setpgid(0, 0));
	DENIED("priority of the parent", getpriority(PRIO_PROCESS, (id_t)parent));
	DENIED("priority of a user's all", setpriority(PRIO_USER, 0, 5));
	DENIED("signals of a descriptor to init", fcntl(pidfd, F_SETOWN, 1));
	DENIED("ids", setuid(0));
	DENIED("trace", absent(syscall(SYS_ptrace, 16, parent, 0, 0)));
	t_ok(kill(getpid(), 0));
	t_ok(syscall(SYS_tgkill, getpid(), getpid(), 0));
	t_ok(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0));
	t_ok(sched_getaffinity(0, sizeof(cpus), &cpus));
	t_ok(sched_getaffinity(getpid(), sizeof(cpus), &cpus));
	t_ok(getrlimit(RLIMIT_NOFILE, &u.limit));
	t_handler(SIGABRT, SIG_IGN, 0);
	t_ok(raise(SIGABRT));
}

T_CASE(sockets)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "in/sock"};
	struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0exo"};
	struct sockaddr_in port = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int old, made, tcp, udp, pair[2];
	char c;

	build_tree();
	old = socket(AF_UNIX, SOCK_STREAM, 0);
	made = socket(AF_UNIX, SOCK_STREAM, 0);
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	enter();
	DENIED("bind a port", bind(tcp, (void *)&port, sizeof(port)));
	DENIED("connect to a port", connect(tcp, (void *)&port, sizeof(port)));
	DENIED("listen at a port", listen(tcp, 1));
	DENIED("send to a port", sendto(udp, "x", 1, 0, (void *)&port, sizeof(port)));
	DENIED("socket AF_UNIX", socket(AF_UNIX, SOCK_STREAM, 0));
	DENIED("socket AF_INET", socket(AF_INET, SOCK_STREAM, 0));
	DENIED("socket AF_NETLINK", socket(AF_NETLINK, SOCK_RAW, 0));
	DENIED("bind a path", bind(old, (void *)&un, sizeof(un)));
	DENIED("bind an abstract name", bind(old, (void *)&abstract, sizeof(abstract)));
	DENIED("connect by path", connect(made, (void *)&un, sizeof(un)));
	DENIED("connect by abstract name", connect(made, (void *)&abstract, sizeof(abstract)));
	DENIED("send to an address", sendto(made, "x", 1, 0, (void *)&un, sizeof(un)));
	t_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	t_eq(send(pair[0], "x", 1, 0), 1);
	t_eq(recv(pair[1], &c, 1, 0), 1);
}

T_CASE(the_machine)
{
	struct timeval tv = {1, 0};

	enter();
	DENIED("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
	DENIED("umount", umount("/tmp"));
	DENIED("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
	DENIED("host name", sethostname("x", 1));
	DENIED("domain name", setdomainname("x", 1));
	DENIED("clock", settimeofday(&tv, NULL));
	DENIED("clock_settime", clock_settime(CLOCK_REALTIME, &(struct timespec){1, 0}));
	DENIED("kernel log", syscall(SYS_syslog, 3, buf, 10));
	DENIED("hang up", syscall(SYS_vhangup));
	DENIED("sync the world", syscall(SYS_sync));
	DENIED("device node", mknodat(AT_FDCWD, "null", S_IFCHR | 0666, 0x103));
	DENIED("acct or swap or the like", absent(syscall(SYS_swapon, "x", 0)));
	DENIED("unshare", absent(syscall(SYS_unshare, 0x400)));
	DENIED("System V shared memory", absent(syscall(SYS_shmget, 1, 4096, 01600)));
	DENIED("message queue", absent(syscall(SYS_mq_open, "x", O_CREAT | O_RDWR, 0600, NULL)));
}

/* ---- what is kept over fork, threads, exec ---- */

T_HELPER(still_confined)
{
	int dir = atoi(argv[0]);

	if (exo_cap_enter(EXO_ENTER_QUERY) != 1)
		return 1;
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EPERM)
		return 2;
	if (openat(dir, "../secret", O_RDONLY) >= 0 || errno != EPERM)
		return 3;
	return openat(dir, "file", O_RDONLY) >= 0 ? 0 : 4;
}

static void *thread_try(void *arg)
{
	DENIED("thread", open("/etc/passwd", O_RDONLY));
	return arg;
}

T_CASE(inherited)
{
	char number[16];
	int self = open(t_self, O_RDONLY), script;
	pthread_t t;
	pid_t pid;

	build_tree();
	snprintf(number, sizeof(number), "%d", d);
	t_spew("in/script", "#!/bin/sh\n");
	t_ok(chmod("in/script", 0755));
	script = openat(d, "script", O_RDONLY);
	enter();
	T_CHILD(pid)
	DENIED("fork", open("/etc/passwd", O_RDONLY));
	t_exit(pid, 0);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_FILES, 0, 0, 0, 0);
	if (!pid) {
		DENIED("clone with the same descriptors", open("/etc/passwd", O_RDONLY));
		_exit(0);
	}
	t_exit(pid, 0);
	pthread_create(&t, NULL, thread_try, NULL);
	pthread_join(t, NULL);
	T_CHILD(pid)
	{
		t_ok(syscall(SYS_close_range, 1000, 2000, 2 /* CLOSE_RANGE_UNSHARE */));
		DENIED("a table of one's own", open("/etc/passwd", O_RDONLY));
	}
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		char *args[] = {"confined", "-x", "still_confined", number, NULL};
		char *none[] = {NULL};

		DENIED("a script needs its interpreter by name",
			syscall(SYS_execveat, script, "", args, none, AT_EMPTY_PATH));
		syscall(SYS_execveat, self, "", args, none, AT_EMPTY_PATH);
		_exit(99);
	}
	t_exit(pid, 0);
}

T_CASE(set_id_is_not_honoured)
{
	int prog;
	pid_t pid;

	build_tree();
	(void)pid;
	prog = open(t_self, O_RDONLY);
	t_ok(prog);
	t_ok(exo_cap_enter(0));
	/* Without AT_EMPTY_PATH rights a name could be given back to a file held for reading. */
	DENIED("name for a descriptor", linkat(prog, "", d, "mine", AT_EMPTY_PATH));
}

/* ---- races ---- */

/* Another process moves in/sub/deep out of the tree and back while we walk through it and up again.
 */
T_CASE_LIMIT(rename_race, 30)
{
	int out = 0, in = 0, denied = 0, other = 0;
	long long end;
	pid_t pid;
	int root;

	build_tree();
	root = open(".", O_RDONLY);
	pid = t_fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			renameat(d, "sub/deep", root, "outside/deep");
			renameat(root, "outside/deep", d, "sub/deep");
		}
	}
	enter();
	end = t_now_ns() + 1500000000LL;
	while (t_now_ns() < end) {
		/* beneath: sub/deep/.. is sub, which has no x; outside/x is what must never be seen
		 */
		int fd = openat(d, "sub/deep/../x", O_RDONLY);

		if (fd >= 0) {
			out++;
			close(fd);
		} else if (errno == EPERM) {
			denied++;
		} else if (errno == ENOENT) {
			in++;
		} else {
			other++;
		}
	}
	kill(pid, SIGKILL); /* denied: the parent's end reaps it */
	t_eq(out, 0);
	t_eq(other, 0);
	t_check(in > 0);
	(void)denied;
}

/* A held directory that is moved away stays the top, wherever it is. */
T_CASE(moved_start)
{
	int deep, root;

	build_tree();
	root = open(".", O_RDONLY);
	deep = openat(d, "sub/deep", O_RDONLY);
	t_ok(renameat(d, "sub/deep", root, "outside/deep"));
	enter();
	t_ok(openat(deep, "leaf", O_RDONLY));
	DENIED("up from where it is now", openat(deep, "../x", O_RDONLY));
	DENIED("up to where it was", openat(deep, "../../file", O_RDONLY));
}

/* ---- rights of directories reach what is below ---- */

T_CASE(rights_below_a_directory)
{
	int ro, wo, none, fd;

	build_tree();
	ro = (int)exo_cap_derive(d, EXO_READ | EXO_LOOKUP | EXO_STAT | EXO_MAP | EXO_DERIVE, 0, 0);
	wo = (int)exo_cap_derive(d, EXO_WRITE | EXO_LOOKUP | EXO_CREATE, 0, 0);
	none = (int)exo_cap_derive(d, EXO_READ, 0, 0);
	for (int confined = 0; confined < 2; confined++) {
		fd = openat(ro, "file", O_RDONLY);
		t_ok(fd);
		DENIED_WITH(
			"write below a read-only directory", openat(ro, "file", O_RDWR), EACCES);
		DENIED_WITH("truncate", openat(ro, "file", O_RDONLY | O_TRUNC), EACCES);
		DENIED_WITH("create", openat(ro, "new", O_RDONLY | O_CREAT, 0600), EACCES);
		DENIED_WITH("nameless", openat(ro, ".", O_TMPFILE | O_RDWR, 0600), EACCES);
		DENIED_WITH("mkdir", mkdirat(ro, "new", 0700), EACCES);
		DENIED_WITH("unlink", unlinkat(ro, "file", 0), EACCES);
		DENIED_WITH("rename", renameat(ro, "file", ro, "new"), EACCES);
		DENIED_WITH("rename into a wider one", renameat(ro, "file", d, "new"), EACCES);
		DENIED_WITH("link into a wider one", linkat(ro, "file", d, "new", 0), EACCES);
		DENIED_WITH("chmod", fchmodat(ro, "file", 0777, 0), EACCES);
		DENIED_WITH("chown", fchownat(ro, "file", 1, 1, 0), EACCES);
		DENIED_WITH("times", utimensat(ro, "file", NULL, 0), EACCES);
		DENIED_WITH("chmod of the open file", fchmod(fd, 0777), EACCES);
		DENIED_WITH("write by a directory opened below",
			openat(openat(ro, "sub", O_RDONLY), "deep/leaf", O_WRONLY), EACCES);
		DENIED_WITH("write by a pathless descriptor",
			openat(openat(ro, "sub", O_PATH), "deep/leaf", O_WRONLY), EACCES);
		DENIED_WITH("execute", syscall(SYS_execveat, ro, "file", NULL, NULL, 0), EACCES);
		t_ok(fstatat(ro, "file", &st, 0));
		DENIED_WITH(
			"read below a write-only directory", openat(wo, "file", O_RDONLY), EACCES);
		DENIED_WITH("stat", fstatat(wo, "file", &st, 0), EACCES);
		t_ok(openat(wo, "file", O_WRONLY));
		DENIED_WITH("names", openat(none, "file", O_RDONLY), EACCES);
		if (!confined)
			t_ok(exo_cap_enter(0));
	}
}
