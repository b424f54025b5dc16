/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* proc.c - the files under /proc, /sys and /dev that programs of the first tiers read. */
#include "t_proc.h"

#include <dirent.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

T_SUITE(proc);

static int listed(const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	int found = 0;

	while (d && (entry = readdir(d)))
		found += !strcmp(entry->d_name, name);
	if (d)
		closedir(d);
	return found;
}

T_CASE(self_and_thread_self)
{
	char buf[64] = "", want[64];
	ssize_t n;

	n = readlink("/proc/self", buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = 0;
	snprintf(want, sizeof(want), "%d", getpid());
	t_str(buf, want);
	n = readlink("/proc/thread-self", buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = 0;
	snprintf(want, sizeof(want), "%d/task/%d", getpid(), gettid());
	t_str(buf, want);
	snprintf(want, sizeof(want), "%d", getpid());
	t_eq(listed("/proc", want), 1);
	t_eq(listed("/proc", "self"), 1);
	t_errno(access("/proc/999999999", F_OK), ENOENT);
	t_errno(open("/proc/new", O_CREAT | O_WRONLY, 0600), ENOENT);
	t_check(mkdir("/proc/d", 0700) == -1);
}

T_CASE(stat_fields)
{
	char name[32], state;
	int pid, ppid, pgrp, session, tty;
	long threads = -1;

	prctl(PR_SET_NAME, "odd ) name");
	file("/proc/self/stat");
	t_eq(sscanf(text, "%d (odd ) name) %c %d %d %d %d", &pid, &state, &ppid, &pgrp, &session,
		     &tty),
		6);
	t_eq(pid, getpid());
	t_eq(state, 'R');
	t_eq(ppid, getppid());
	t_eq(pgrp, getpgrp());
	t_eq(session, getsid(0));
	t_eq(tty, 0);
	(void)name;
	char *at = strrchr(text, ')');
	int fields = 2;
	for (char *p = at + 1; *p; p++) {
		if (*p == ' ') {
			fields++;
			if (fields == 20)
				threads = atol(p + 1);
		}
	}
	t_eq(fields, 52);
	t_eq(threads, 1);
	t_check(strchr(text, '\n') != NULL);
}

T_CASE(status_fields)
{
	char line[64];

	t_check(strncmp(file("/proc/self/status"), "Name:\tproc\n", 11) == 0);
	t_check(strstr(text, "\nState:\tR (running)\n") != NULL);
	snprintf(line, sizeof(line), "\nPid:\t%d\nPPid:\t%d\n", getpid(), getppid());
	t_check(strstr(text, line) != NULL);
	snprintf(line, sizeof(line), "\nTgid:\t%d\n", getpid());
	t_check(strstr(text, line) != NULL);
	t_check(strstr(text, "\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n") != NULL);
	t_check(strstr(text, "\nUmask:\t0022\n") != NULL);
	t_eq(field("/proc/self/status", "Threads:"), 1);
	t_check(field("/proc/self/status", "VmRSS:") > 0);
	t_check(field("/proc/self/status", "VmSize:") >= field("/proc/self/status", "VmRSS:"));
	t_check(strstr(file("/proc/self/status"), "\nSigBlk:\t0000000000000000\n") != NULL);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGUSR2, SIG_IGN);
	kill(getpid(), SIGUSR1);
	file("/proc/self/status");
	t_check(strstr(text, "\nSigBlk:\t0000000000000200\n") != NULL);
	/* 32 and 33 are the C library's own: it lets nobody reset them, and make hands them down
	 * ignored. */
	const char *ignored = strstr(text, "\nSigIgn:\t");
	t_check(ignored && (strtoull(ignored + 9, NULL, 16) & ~0x180000000ULL) == 0x800);
	t_check(strstr(text, "\nShdPnd:\t0000000000000200\n") != NULL);
	t_check(strstr(text, "\nCapEff:\t") != NULL);
	t_check(strstr(text, "\nNoNewPrivs:\t0\n") != NULL);
	t_check(strstr(text, "\nGroups:\t") != NULL);
}

T_CASE(states_of_a_child)
{
	char path[64], pattern[32];
	int hold[2], status;
	pid_t pid;

	t_pipe(hold);
	T_CHILD(pid)
	{
		t_get(hold[0]);
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	t_check(t_wait_state(pid, 'S'));
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	snprintf(pattern, sizeof(pattern), ") T %d", getpid());
	t_check(strstr(file(path), pattern) != NULL);
	kill(pid, SIGKILL);
	t_check(t_wait_state(pid, 'Z'));
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	t_ret(t_slurp(path, text, sizeof(text)), 0); /* a zombie has no command line */
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	t_check(listed(path, "0") == 0);
	waitpid(pid, &status, 0);
	snprintf(path, sizeof(path), "/proc/%d", pid);
	t_errno(access(path, F_OK), ENOENT);
}

T_CASE(cmdline_and_environ)
{
	char *argv[] = {"zero", "-x", "sleeper", "two words", "", NULL};
	char *envp[] = {"ONE=1", "TWO=2", NULL};
	char path[64];
	int up[2];
	pid_t pid;

	t_pipe(up);
	pid = t_fork();
	if (pid == 0) {
		dup2(up[1], 10);
		execve(t_self, argv, envp);
		_exit(98);
	}
	t_get(up[0]);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	t_eq(t_slurp(path, text, sizeof(text)), 27);
	t_mem(text, "zero\0-x\0sleeper\0two words\0", 27);
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	t_eq(t_slurp(path, text, sizeof(text)), 12);
	t_mem(text, "ONE=1\0TWO=2", 12);
	kill(pid, SIGKILL);
	t_killed(pid, SIGKILL);
}

T_HELPER(sleeper)
{
	if (write(10, "x", 1) != 1)
		return 1;
	t_sleep_ms(9000);
	return 0;
}

static const char *link_of(const char *path)
{
	static char buf[PATH_MAX];
	ssize_t n = readlink(path, buf, sizeof(buf) - 1);

	buf[n > 0 ? n : 0] = 0;
	return buf;
}

T_CASE(links)
{
	char here[PATH_MAX];
	struct stat a, b;

	t_check(getcwd(here, sizeof(here)));
	t_str(link_of("/proc/self/cwd"), here);
	t_str(link_of("/proc/self/root"), "/");
	t_str(strrchr(link_of("/proc/self/exe"), '/'), "/proc");
	t_ret(stat("/proc/self/exe", &a), 0);
	t_ret(stat(t_self, &b), 0);
	t_eq(a.st_ino, b.st_ino);
	t_ret(mkdir("d", 0755), 0);
	t_ret(chdir("d"), 0);
	t_ret(rmdir("../d"), 0);
	snprintf(text, sizeof(text), "%s/d (deleted)", here);
	t_str(link_of("/proc/self/cwd"), text);
}

T_CASE(descriptors)
{
	char path[64], here[PATH_MAX], want[PATH_MAX + 16], buf[8] = "";
	int fds[2], fd, again;

	t_check(getcwd(here, sizeof(here)));
	t_ok(fd = open("f", O_RDWR | O_CREAT, 0600));
	t_ret(write(fd, "data", 4), 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(want, sizeof(want), "%s/f", here);
	t_str(link_of(path), want);
	t_ret(unlink("f"), 0);
	snprintf(want, sizeof(want), "%s/f (deleted)", here);
	t_str(link_of(path), want);
	t_ok(again = open(path, O_RDONLY)); /* opens the file, gone or not */
	t_ret(read(again, buf, 8), 4);
	t_str(buf, "data");
	t_pipe(fds);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	t_check(strncmp(link_of(path), "pipe:[", 6) == 0);
	snprintf(path, sizeof(path), "%d", fd);
	t_eq(listed("/proc/self/fd", path), 1);
	t_eq(listed("/dev/fd", path), 1);
	t_eq(listed("/proc/self/fd", "50"), 0);
	t_errno(access("/proc/self/fd/50", F_OK), ENOENT);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	t_eq(field(path, "pos:"), 4);
}

static int thread_hold[2];

static void *waiter(void *arg)
{
	t_get(thread_hold[0]);
	return NULL;
}

static void *named(void *arg)
{
	prctl(PR_SET_NAME, "second");
	t_put(((int *)arg)[1]);
	t_get(thread_hold[0]);
	return NULL;
}

T_CASE(threads_in_task)
{
	pthread_t a, b;
	int up[2], names = 0;
	DIR *d;
	struct dirent *entry;

	t_pipe(thread_hold);
	t_pipe(up);
	t_eq(pthread_create(&a, NULL, waiter, NULL), 0);
	t_eq(pthread_create(&b, NULL, named, up), 0);
	t_get(up[0]);
	t_eq(field("/proc/self/status", "Threads:"), 3);
	d = opendir("/proc/self/task");
	int count = 0;
	while (d && (entry = readdir(d))) {
		char path[300];
		if (entry->d_name[0] == '.')
			continue;
		count++;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		names += !strcmp(file(path), "second\n");
	}
	t_eq(count, 3);
	t_eq(names, 1);
	t_put(thread_hold[1]);
	t_put(thread_hold[1]);
	t_eq(pthread_join(a, NULL), 0);
	t_eq(pthread_join(b, NULL), 0);
	for (int i = 0; i < 2000 && field("/proc/self/status", "Threads:") > 1; i++)
		t_sleep_ms(1); /* joined is a moment before gone */
	t_eq(field("/proc/self/status", "Threads:"), 1);
}

T_CASE(comm_writes)
{
	char name[16] = "";
	int fd = open("/proc/self/comm", O_RDWR);

	t_ret(write(fd, "renamed", 7), 7);
	t_ret(prctl(PR_GET_NAME, name), 0);
	t_str(name, "renamed");
	t_str(file("/proc/self/comm"), "renamed\n");
}

T_CASE(limits_file)
{
	struct rlimit limit = {77, 88};

	t_ret(setrlimit(RLIMIT_NOFILE, &limit), 0);
	t_check(strncmp(file("/proc/self/limits"),
			"Limit                     Soft Limit           Hard Limit           Units "
			"    \n",
			79) == 0);
	t_check(strstr(text, "\nMax open files            77                   88                  "
			     " files     \n") != NULL);
	t_check(strstr(text, "\nMax cpu time ") != NULL);
}

T_CASE(mounts)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), " /proc proc ");
	t_check(strstr(file("/proc/mounts"), path) != NULL);
	t_str(link_of("/proc/mounts"), "self/mounts");
	t_check(strstr(file("/proc/self/mountinfo"), " / /proc ") != NULL);
	t_check(strstr(text, " - proc ") != NULL);
	int id, parent, major, minor;
	t_eq(sscanf(text, "%d %d %d:%d ", &id, &parent, &major, &minor), 4);
	t_check(strstr(file("/proc/filesystems"), "nodev\tproc\n") != NULL);
	t_check(strstr(text, "nodev\ttmpfs\n") != NULL);
}

T_CASE(system_files)
{
	struct sysinfo info;
	struct utsname names;
	double up = 0, idle = 0;
	int running = 0, total = 0;

	t_check(field("/proc/meminfo", "MemTotal:") > 0);
	t_check(field("/proc/meminfo", "MemFree:") <= field("/proc/meminfo", "MemTotal:"));
	t_check(field("/proc/meminfo", "MemAvailable:") > 0);
	t_check(field("/proc/meminfo", "Buffers:") >= 0 && field("/proc/meminfo", "Cached:") >= 0);
	t_check(field("/proc/meminfo", "SwapTotal:") >= 0);
	t_ret(sysinfo(&info), 0);
	t_eq(field("/proc/meminfo", "MemTotal:"), (long)(info.totalram * info.mem_unit / 1024));
	t_eq(sscanf(file("/proc/uptime"), "%lf %lf", &up, &idle), 2);
	t_check(up > 0 && idle >= 0 && up - info.uptime > -2 && up - info.uptime < 5);
	t_eq(sscanf(file("/proc/loadavg"), "%*f %*f %*f %d/%d %*d", &running, &total), 2);
	t_check(running >= 1 && total >= running);
	t_check(field("/proc/stat", "cpu ") >= 0);
	t_check(field("/proc/stat", "cpu0 ") >= 0);
	t_check(field("/proc/stat", "ctxt ") > 0);
	t_check(field("/proc/stat", "btime ") > 1000000000);
	t_check(field("/proc/stat", "processes ") > 0);
	t_check(field("/proc/stat", "procs_running ") > 0);
	t_check(strncmp(file("/proc/cpuinfo"), "processor\t: 0\nvendor_id\t: ", 25) == 0);
	t_check(strstr(text, "\nflags\t\t: fpu ") != NULL);
	t_ret(uname(&names), 0);
	t_check(strncmp(file("/proc/version"), "Linux version ", 14) == 0);
	t_check(strncmp(text + 14, names.release, strlen(names.release)) == 0);
}

T_CASE(sys_kernel)
{
	struct utsname names;
	char line[80], first[64], second[64];

	t_ret(uname(&names), 0);
	snprintf(line, sizeof(line), "%s\n", names.release);
	t_str(file("/proc/sys/kernel/osrelease"), line);
	snprintf(line, sizeof(line), "%s\n", names.nodename);
	t_str(file("/proc/sys/kernel/hostname"), line);
	t_str(file("/proc/sys/kernel/ostype"), "Linux\n");
	t_check(atoi(file("/proc/sys/kernel/pid_max")) >= 32768);
	t_str(file("/proc/sys/kernel/ngroups_max"), "65536\n");
	t_check(atoi(file("/proc/sys/kernel/cap_last_cap")) >= 37);
	t_eq(t_slurp("/proc/sys/kernel/random/boot_id", first, sizeof(first)), 37);
	t_eq(t_slurp("/proc/sys/kernel/random/boot_id", second, sizeof(second)), 37);
	t_str(second, first);
	t_check(first[8] == '-' && first[13] == '-' && first[36] == '\n');
	t_eq(t_slurp("/proc/sys/kernel/random/uuid", first, sizeof(first)), 37);
	t_eq(t_slurp("/proc/sys/kernel/random/uuid", second, sizeof(second)), 37);
	t_check(strcmp(first, second) != 0);
	t_eq(first[14], '4');
	t_check(atoi(file("/proc/sys/kernel/random/entropy_avail")) > 0);
	pid_t pid;
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(open("/proc/sys/kernel/hostname", O_WRONLY), EACCES);
	}
	t_exit(pid, 0);
}

T_CASE(seeking_and_small_reads)
{
	char all[4096], piece[4096];
	int fd = open("/proc/self/limits", O_RDONLY);
	long whole = t_slurp("/proc/self/limits", all, sizeof(all)), have = 0;
	ssize_t n;

	while ((n = read(fd, piece + have, 7)) > 0)
		have += n;
	t_eq(have, whole);
	t_mem(piece, all, whole);
	t_ret(lseek(fd, 0, SEEK_SET), 0);
	t_ret(read(fd, piece, 5), 5);
	t_mem(piece, "Limit", 5);
	t_ret(pread(fd, piece, 4, 6), 4);
	t_mem(piece, all + 6, 4);
	struct stat st;
	t_ret(fstat(fd, &st), 0);
	t_eq(st.st_size, 0);
	t_check(S_ISREG(st.st_mode));
}

T_CASE(others_are_guarded)
{
	pid_t pid;
	char path[64];

	T_CHILD(pid)
	{
		pid_t parent = getppid();
		t_become(1000, 1000);
		snprintf(path, sizeof(path), "/proc/%d/environ", parent);
		t_errno(open(path, O_RDONLY), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/fd", parent);
		t_errno(open(path, O_RDONLY), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/exe", parent);
		t_errno(readlink(path, text, 10), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/status", parent);
		t_ok(open(path, O_RDONLY));
		snprintf(path, sizeof(path), "/proc/%d/cmdline", parent);
		t_ok(open(path, O_RDONLY));
	}
	t_exit(pid, 0);
}

T_CASE(owners)
{
	char path[64];
	struct stat st;
	int hold[2], up[2];
	pid_t pid;

	t_pipe(hold);
	t_pipe(up);
	T_CHILD(pid)
	{
		t_become(1000, 1001);
		prctl(PR_SET_DUMPABLE, 1);
		t_put(up[1]);
		t_get(hold[0]);
	}
	t_get(up[0]);
	snprintf(path, sizeof(path), "/proc/%d", pid);
	t_ret(stat(path, &st), 0);
	t_eq(st.st_uid, 1000);
	t_eq(st.st_gid, 1001);
	t_eq(st.st_mode, S_IFDIR | 0555);
	t_put(hold[1]);
	t_exit(pid, 0);
}

T_CASE(sysfs_cpus)
{
	int from = -1;

	t_check(sscanf(file("/sys/devices/system/cpu/online"), "%d", &from) == 1);
	t_eq(from, 0);
	t_check(sscanf(file("/sys/devices/system/cpu/possible"), "%d", &from) == 1);
	t_eq(from, 0);
	t_check(sscanf(file("/sys/devices/system/cpu/present"), "%d", &from) == 1);
	t_eq(from, 0);
	t_eq(listed("/sys/devices/system/cpu", "cpu0"), 1);
	t_check(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
	t_check(sysconf(_SC_NPROCESSORS_CONF) >= sysconf(_SC_NPROCESSORS_ONLN));
	struct statfs fs;
	t_ret(statfs("/sys", &fs), 0);
	t_eq(fs.f_type, 0x62656572);
}

T_CASE(dev_nodes)
{
	const struct {
		const char *path;
		unsigned rdev;
	} nodes[] = {{"/dev/null", 0x103}, {"/dev/zero", 0x105}, {"/dev/full", 0x107},
		{"/dev/random", 0x108}, {"/dev/urandom", 0x109}, {"/dev/tty", 0x500},
		{"/dev/ptmx", 0x502}};
	struct stat st;

	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		t_ret(stat(nodes[i].path, &st), 0);
		t_check(S_ISCHR(st.st_mode));
		t_eq(st.st_mode & 0666, 0666);
		if (strcmp(nodes[i].path, "/dev/ptmx")) /* may be a link into devpts */
			t_eq(st.st_rdev, nodes[i].rdev);
	}
	t_str(link_of("/dev/fd"), "/proc/self/fd");
	t_str(link_of("/dev/stdin"), "/proc/self/fd/0");
	t_str(link_of("/dev/stdout"), "/proc/self/fd/1");
	t_str(link_of("/dev/stderr"), "/proc/self/fd/2");
	t_ret(stat("/dev/shm", &st), 0);
	t_eq(st.st_mode & 07777, 01777);
	t_ret(stat("/dev/pts", &st), 0);
	t_check(S_ISDIR(st.st_mode));
}

T_CASE(posix_shared_memory)
{
	char name[32], byte;
	int fd;

	snprintf(name, sizeof(name), "/t_shm.%d", getpid());
	t_ok(fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
	t_ret(ftruncate(fd, 8192), 0);
	char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	t_check(at != MAP_FAILED);
	at[5000] = 'm';
	t_ret(pread(fd, &byte, 1, 5000), 1);
	t_eq(byte, 'm');
	t_errno(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	t_ret(shm_unlink(name), 0);
	t_errno(shm_open(name, O_RDWR, 0), ENOENT);
}

T_CASE(statm_and_oom)
{
	long size = 0, resident = 0;
	char *at = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	t_eq(sscanf(file("/proc/self/statm"), "%ld %ld", &size, &resident), 2);
	t_check(size > 1024 && resident > 0 && resident < size);
	memset(at, 1, 4 << 20);
	long grown = 0;
	t_eq(sscanf(file("/proc/self/statm"), "%ld %ld", &size, &grown), 2);
	t_check(grown - resident >= 900);
	t_str(file("/proc/self/oom_score_adj"), "0\n");
}

struct io {
	long bytes[2], calls[2];
};

static struct io io_counts(void)
{
	struct io io = {{-1, -1}, {-1, -1}};

	sscanf(file("/proc/self/io"),
		"rchar: %ld\nwchar: %ld\nsyscr: %ld\nsyscw: %ld\nread_bytes: ", &io.bytes[0],
		&io.bytes[1], &io.calls[0], &io.calls[1]);
	return io;
}

T_CASE(io_counts)
{
	char buf[1000] = "";
	struct io a, b, c;
	int fd, status;
	ssize_t n, m, bad;
	pid_t pid;

	t_ok(fd = open("f", O_RDWR | O_CREAT, 0600));
	io_counts();
	a = io_counts(); /* no check may come between: those are written, too */
	n = write(fd, buf, 1000);
	m = pwrite(fd, buf, 500, 0);
	b = io_counts();
	pid = fork();
	if (pid == 0)
		_exit(write(fd, buf, 700) == 700 ? 0 : 1);
	waitpid(pid, &status, 0);
	bad = read(fd, buf, 100) + pread(fd, buf, 300, 0) + pread(fd, buf, 10, 5000);
	c = io_counts();
	t_eq(status, 0);
	t_eq(n + m, 1500);
	t_eq(bad, 300);
	t_check(a.bytes[0] > 0 && a.calls[0] > 0);
	t_eq(b.bytes[1] - a.bytes[1], 1500);
	t_eq(b.calls[1] - a.calls[1], 2);
	t_check(b.bytes[0] - a.bytes[0] > 80); /* of the text itself */
	t_check(b.calls[0] > a.calls[0]);
	t_eq(c.bytes[1] - b.bytes[1], 700); /* children that were waited for count, too */
	t_eq(c.calls[1] - b.calls[1], 1);
	b.bytes[1] = (c.bytes[0] - b.bytes[0]) - (b.bytes[0] - a.bytes[0]);
	t_check(b.bytes[1] >= 300 && b.bytes[1] <= 340); /* the text may be longer by then */
	t_eq((c.calls[0] - b.calls[0]) - (b.calls[0] - a.calls[0]), 3);
	t_eq(field("/proc/self/io", "cancelled_write_bytes:"), 0);
}

T_CASE(personality_shown)
{
	pid_t pid;

	T_CHILD(pid)
	{
		t_str(file("/proc/self/personality"), "00000000\n");
		t_ret(personality(0x0040000), 0);
		t_str(file("/proc/self/personality"), "00040000\n");
	}
	t_exit(pid, 0);
}

T_CASE(secrets_of_others)
{
	static const char *const closed[] = {
		"maps", "smaps", "smaps_rollup", "auxv", "environ", "pagemap", "mem", "clear_refs"};
	static const char *const open_to_all[] = {"stat", "status", "statm", "cmdline", "limits"};
	char path[64], byte;
	int fd;
	pid_t pid;

	T_CHILD(pid)
	{
		t_become(1000, 1000);
		for (size_t i = 0; i < sizeof(closed) / sizeof(*closed); i++) {
			snprintf(path, sizeof(path), "/proc/1/%s", closed[i]);
			t_errno(open(path, O_RDONLY), EACCES);
		}
		for (size_t i = 0; i < sizeof(open_to_all) / sizeof(*open_to_all); i++) {
			snprintf(path, sizeof(path), "/proc/1/%s", open_to_all[i]);
			t_ok(fd = open(path, O_RDONLY));
			t_check(read(fd, &byte, 1) >= 0);
		}
		t_errno(readlink("/proc/1/exe", path, sizeof(path)), EACCES);
	}
	t_exit(pid, 0);
}

/* Everybody here is in the first namespace of each kind. */
T_CASE(namespaces)
{
	static const struct {
		const char *link, *kind;
		long flag;
	} all[] = {{"cgroup", "cgroup", CLONE_NEWCGROUP}, {"ipc", "ipc", CLONE_NEWIPC},
		{"mnt", "mnt", CLONE_NEWNS}, {"net", "net", CLONE_NEWNET},
		{"pid", "pid", CLONE_NEWPID}, {"pid_for_children", "pid", CLONE_NEWPID},
		{"time", "time", 0x80}, {"time_for_children", "time", 0x80},
		{"user", "user", CLONE_NEWUSER}, {"uts", "uts", CLONE_NEWUTS}};
	char path[64], name[64], want[64];
	struct stat st, via, user;
	struct statfs fs;
	int fd, owner, listed = 0;
	unsigned uid = 7;
	struct dirent *e;
	pid_t pid;
	DIR *d;

	t_ok(stat("/proc/self/ns/user", &user));
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", all[i].link);
		memset(name, 0, sizeof(name));
		t_check(readlink(path, name, sizeof(name) - 1) > 0);
		t_ok(fd = open(path, O_RDONLY));
		t_ok(fstat(fd, &st));
		snprintf(want, sizeof(want), "%s:[%lu]", all[i].kind, (unsigned long)st.st_ino);
		t_str(name, want);
		snprintf(path, sizeof(path), "/proc/thread-self/ns/%s", all[i].link);
		t_ok(stat(path, &via));
		t_eq(via.st_ino, st.st_ino);
		t_eq(via.st_dev, user.st_dev);
		t_eq(st.st_mode, S_IFREG | 0444);
		t_errno(read(fd, name, 1), EINVAL);
		t_ret(ioctl(fd, NS_GET_NSTYPE), all[i].flag);
		if (all[i].flag == CLONE_NEWUSER) {
			t_errno(ioctl(fd, NS_GET_USERNS), EPERM);
			t_ok(ioctl(fd, NS_GET_OWNER_UID, &uid));
			t_eq(uid, 0);
			t_errno(ioctl(fd, NS_GET_OWNER_UID, NULL), EFAULT);
		} else {
			t_ok(owner = ioctl(fd, NS_GET_USERNS));
			t_ok(fstat(owner, &via));
			t_eq(via.st_ino, user.st_ino);
			t_ret(ioctl(owner, NS_GET_NSTYPE), CLONE_NEWUSER);
			close(owner);
			t_errno(ioctl(fd, NS_GET_OWNER_UID, &uid), EINVAL);
		}
		t_errno(ioctl(fd, NS_GET_PARENT),
			all[i].flag & (CLONE_NEWUSER | CLONE_NEWPID) ? EPERM : EINVAL);
		t_errno(ioctl(fd, 0xb77f), ENOTTY);
		close(fd);
	}
	t_ok(statfs("/proc/self/ns/net", &fs));
	t_eq(fs.f_type, 0x6e736673);
	t_errno(open("/proc/self/ns/none", O_RDONLY), ENOENT);
	t_check((d = opendir("/proc/self/ns")) != NULL);
	while ((e = readdir(d)))
		listed += e->d_type == DT_LNK;
	closedir(d);
	t_eq(listed, 10);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(readlink("/proc/1/ns/mnt", name, sizeof(name)), EACCES);
		t_errno(open("/proc/1/ns/mnt", O_RDONLY), EACCES);
		t_errno(open("/proc/1/mountstats", O_RDONLY), EACCES);
	}
	t_exit(pid, 0);
	t_check(strstr(file("/proc/self/mountstats"), " mounted on /proc with fstype proc") !=
		NULL);
}

/* The auxiliary vector ends with its first AT_NULL. */
T_CASE(auxv_ends_where_it_ends)
{
	unsigned long v[512] = {1};
	int fd = open("/proc/self/auxv", O_RDONLY);
	ssize_t n = read(fd, v, sizeof(v)), at = 0;

	t_check(n > 0 && n < (ssize_t)sizeof(v) && n % 16 == 0);
	while (at < n / 8 && v[at])
		at += 2;
	t_eq(at * 8 + 16, n);
}
