/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * t_.c - runs the cases of a suite, each in a child under a time limit.
 *
 * The parent needs only fork, pipe2, wait4, kill and clock_nanosleep, so that the harness works
 * long before the kernel under test is whole. It never blocks on the child: it looks every
 * millisecond.
 */
#include "t_.h"
#include "../held_bytes.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <dirent.h>
#include <grp.h>
#include <stdarg.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

extern const struct t_case __start_t_cases[], __stop_t_cases[];
extern const struct t_helper __start_t_helpers[] __attribute__((weak));
extern const struct t_helper __stop_t_helpers[] __attribute__((weak));

const char *t_self, *t_root;

struct tally {
	long passed, failed, skipped;
};

static struct tally inline_tally; /* option -n: no pipe, no child */
static bool inline_run;
static bool traced_run; /* T_TRACED: somebody looks at our calls (tests/compatibility/coverage) */
static bool silent; /* option -m: what the cases check is another run's business */

static void say(const char *format, ...)
{
	char line[1024];
	va_list args;

	if (silent)
		return;

	va_start(args, format);
	int len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len >= (int)sizeof(line))
		len = sizeof(line) - 1;
	for (int done = 0; done < len;) {
		ssize_t n = write(STDOUT_FILENO, line + done, len - done);
		if (n <= 0)
			return;
		done += n;
	}
}

static void report(char what)
{
	if (inline_run) {
		inline_tally.passed += what == 'P';
		inline_tally.failed += what == 'F';
		inline_tally.skipped += what == 'S';
		if (traced_run)
			(void)!write(T_REPORT_FD, &what, 1); /* goes nowhere, but is seen */
		return;
	}
	while (write(T_REPORT_FD, &what, 1) < 0 && (errno == EAGAIN || errno == EINTR))
		t_sleep_ms(1);
}

static bool held(bool good)
{
	int saved = errno;

	report(good ? 'P' : 'F');
	errno = saved;
	return good;
}

static const char *leaf(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool t_check_at(const char *file, int line, const char *what, bool good)
{
	if (!good)
		say("  %s:%d: %s does not hold (errno %d)\n", leaf(file), line, what, errno);
	return held(good);
}

bool t_eq_at(const char *file, int line, const char *what, long long got, long long want)
{
	if (got != want)
		say("  %s:%d: %s is %lld (0x%llx), wanted %lld (0x%llx)\n", leaf(file), line, what,
			got, got, want, want);
	return held(got == want);
}

bool t_ret_at(const char *file, int line, const char *what, long long got, long long want)
{
	if (got != want)
		say("  %s:%d: %s returned %lld, wanted %lld (errno %d)\n", leaf(file), line, what,
			got, want, errno);
	return held(got == want);
}

bool t_ok_at(const char *file, int line, const char *what, long long got)
{
	if (got < 0)
		say("  %s:%d: %s returned %lld (errno %d)\n", leaf(file), line, what, got, errno);
	return held(got >= 0);
}

bool t_errno_at(const char *file, int line, const char *what, long long got, int want)
{
	bool good = got == -1 && errno == want;

	if (!good)
		say("  %s:%d: %s returned %lld, errno %d, wanted -1, errno %d\n", leaf(file), line,
			what, got, got == -1 ? errno : 0, want);
	return held(good);
}

bool t_str_at(const char *file, int line, const char *what, const char *got, const char *want)
{
	bool good = got && strcmp(got, want) == 0;

	if (!good)
		say("  %s:%d: %s is \"%.200s\", wanted \"%.200s\"\n", leaf(file), line, what,
			got ? got : "(null)", want);
	return held(good);
}

bool t_mem_at(
	const char *file, int line, const char *what, const void *got, const void *want, size_t len)
{
	const unsigned char *g = got, *w = want;
	size_t i = 0;

	while (i < len && g[i] == w[i])
		i++;
	if (i < len)
		say("  %s:%d: %s differs at byte %zu of %zu: 0x%02x, wanted 0x%02x\n", leaf(file),
			line, what, i, len, g[i], w[i]);
	return held(i == len);
}

static pid_t wait_for(pid_t pid, int *status)
{
	pid_t got;

	do {
		got = waitpid(pid, status, 0);
	} while (got < 0 && errno == EINTR);
	return got;
}

bool t_exit_at(const char *file, int line, pid_t pid, int want)
{
	int status = -1;
	bool good =
		wait_for(pid, &status) == pid && WIFEXITED(status) && WEXITSTATUS(status) == want;

	if (!good)
		say("  %s:%d: child's wait status is 0x%x, wanted exit %d\n", leaf(file), line,
			status, want);
	return held(good);
}

bool t_killed_at(const char *file, int line, pid_t pid, int want)
{
	int status = -1;
	bool good =
		wait_for(pid, &status) == pid && WIFSIGNALED(status) && WTERMSIG(status) == want;

	if (!good)
		say("  %s:%d: child's wait status is 0x%x, wanted death by signal %d\n", leaf(file),
			line, status, want);
	return held(good);
}

void t_skip(const char *reason)
{
	say("  skipped: %s\n", reason);
	report('S');
	_exit(0);
}

void t_stop(const char *why)
{
	say("  stopped: %s (errno %d)\n", why, errno);
	report('F');
	_exit(1);
}

pid_t t_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		t_stop("fork failed");
	return pid;
}

void t_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		t_stop("pipe2 failed");
}

void t_put(int fd)
{
	if (write(fd, "x", 1) != 1)
		t_stop("the other side of the pipe is gone");
}

void t_get(int fd)
{
	char byte;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		t_stop("the other side of the pipe is gone");
}

long long t_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

void t_sleep_ms(long ms)
{
	struct timespec left = {ms / 1000, ms % 1000 * 1000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

bool t_wait_state(pid_t pid, char state)
{
	char path[32], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 5000; i++) {
		if (t_slurp(path, text, sizeof(text)) < 0) {
			t_sleep_ms(100); /* no procfs yet: hope */
			return true;
		}
		char *paren = strrchr(text, ')');
		if (paren && paren[1] && paren[2] == state)
			return true;
		t_sleep_ms(1);
	}
	return false;
}

long t_slurp(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	while (have < len - 1 && (n = read(fd, buf + have, len - 1 - have)) > 0)
		have += n;
	buf[have] = 0;
	close(fd);
	return have;
}

void t_spew(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		t_stop("cannot write a file");
	close(fd);
}

void t_become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
		t_stop("cannot become an ordinary user");
}

void t_handler(int sig, void (*fn)(int), int flags)
{
	struct sigaction action = {.sa_handler = fn, .sa_flags = flags};

	if (sigaction(sig, &action, NULL) < 0)
		t_stop("sigaction failed");
}

void t_handler_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {.sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO};

	if (sigaction(sig, &action, NULL) < 0)
		t_stop("sigaction failed");
}

/* ---- the runner ---- */

static void remove_tree(const char *path, int depth)
{
	DIR *dir = depth < 16 ? opendir(path) : NULL;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char below[PATH_MAX];

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (unlink(below) < 0)
			remove_tree(below, depth + 1);
	}
	if (dir)
		closedir(dir);
	unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* A directory on tmpfs where both systems have one, so that what a file system decides is the same.
 */
static void make_root(void)
{
	const char *bases[] = {getenv("TMPDIR"), "/dev/shm", "/tmp", "/"};
	static char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		if (!bases[i])
			continue;
		for (int n = 0; n < 100; n++) {
			snprintf(path, sizeof(path), "%s/t_%s.%d.%d", bases[i], t_suite, getpid(),
				n);
			if (mkdir(path, 0755) == 0) {
				t_root = path;
				return;
			}
			if (errno != EEXIST)
				break;
		}
	}
	say("cannot make a directory to work in (errno %d)\n", errno);
	_exit(2);
}

static void find_self(const char *argv0)
{
	static char path[PATH_MAX];
	const char *name = (const char *)getauxval(AT_EXECFN);

	if (!name)
		name = argv0;
	if (name[0] == '/' || !getcwd(path, sizeof(path))) {
		t_self = name;
		return;
	}
	size_t len = strlen(path);
	snprintf(path + len, sizeof(path) - len, "/%s", name);
	t_self = path;
}

static void child_setup(const struct t_case *c, int report_fd)
{
	char dir[PATH_MAX];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig <= 64; sig++)
		signal(sig, SIG_DFL);
	setpriority(PRIO_PROCESS, 0, 0); /* whoever started us may be nice */
	setsid();
	umask(022);
	snprintf(dir, sizeof(dir), "%s/%s", t_root, c->name);
	if (mkdir(dir, 0755) < 0 || chdir(dir) < 0)
		say("  no directory for the case (errno %d)\n", errno);
	if (report_fd >= 0) {
		dup2(report_fd, T_REPORT_FD);
		fcntl(T_REPORT_FD, F_SETFD, FD_CLOEXEC);
		for (int fd = 3; fd < T_REPORT_FD; fd++)
			close(fd);
	}
}

static void drain(int fd, struct tally *t)
{
	char bytes[512];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			t->passed += bytes[i] == 'P';
			t->failed += bytes[i] == 'F';
			t->skipped += bytes[i] == 'S';
		}
	}
}

static void kill_children(void)
{
	char path[300], text[512];
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		int ppid = 0;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		if (t_slurp(path, text, sizeof(text)) < 0 || !strrchr(text, ')'))
			continue;
		if (sscanf(strrchr(text, ')') + 1, " %*c %d", &ppid) == 1 && ppid == getpid())
			kill(atoi(entry->d_name), SIGKILL);
	}
	if (proc)
		closedir(proc);
}

/* What a case left behind, in whatever session: as subreaper this process is its parent now. */
static void sweep(void)
{
	for (int i = 0; i < 100; i++) {
		pid_t got = waitpid(-1, NULL, WNOHANG);

		if (got < 0)
			return;
		if (got == 0) {
			kill_children();
			t_sleep_ms(1);
		}
	}
}

static struct tally run_forked(const struct t_case *c, char *note, size_t note_len)
{
	struct tally t = {0};
	int fds[2], status = 0;
	pid_t pid;
	const long long limit_ns = c->limit_s * 1000000000ll;

	if (pipe2(fds, O_NONBLOCK) < 0 || (pid = fork()) < 0) {
		snprintf(note, note_len, "cannot start a case");
		t.failed++;
		return t;
	}
	if (pid == 0) {
		child_setup(c, fds[1]);
		c->run();
		_exit(0);
	}
	close(fds[1]);

	long long start = t_now_ns();
	while (waitpid(pid, &status, WNOHANG) == 0) {
		drain(fds[0], &t);
		if (t_now_ns() - start > limit_ns) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			snprintf(note, note_len, "no end after %d s", c->limit_s);
			status = 0;
			t.failed++;
			break;
		}
		t_sleep_ms(1);
	}
	kill(-pid, SIGKILL);
	sweep();
	drain(fds[0], &t);
	close(fds[0]);
	if (WIFSIGNALED(status)) {
		snprintf(note, note_len, "killed by signal %d", WTERMSIG(status));
		t.failed++;
	} else if (WEXITSTATUS(status) && !t.failed) {
		snprintf(note, note_len, "left with status %d", WEXITSTATUS(status));
		t.failed++;
	}
	return t;
}

static struct tally run_case(const struct t_case *c)
{
	char note[80] = "";
	struct tally t;

	if (inline_run) {
		inline_tally = (struct tally){0};
		child_setup(c, -1);
		c->run();
		t = inline_tally;
	} else {
		t = run_forked(c, note, sizeof(note));
	}
	if (!t.passed && !t.failed && !t.skipped) {
		snprintf(note, sizeof(note), "checked nothing");
		t.failed++;
	}
	if (t.failed)
		say("not ok %s.%s %ld of %ld failed%s%s\n", t_suite, c->name, t.failed,
			t.passed + t.failed, *note ? ": " : "", note);
	else if (t.skipped)
		say("skip %s.%s %ld\n", t_suite, c->name, t.passed);
	else
		say("ok %s.%s %ld\n", t_suite, c->name, t.passed);
	return t;
}

/* A case that costs something is run again, for a table may have grown: what leaks does so each
 * time. */
static struct tally measure_case(const struct t_case *c)
{
	enum { ROUNDS = 6 };
	long least = 0, before = held_bytes(), after;
	struct tally t = {0};
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s/%s", t_root, c->name);
	for (int round = 0; round < ROUNDS; round++) {
		char note[80] = "";

		silent = true;
		(void)run_forked(c, note, sizeof(note));
		silent = false;
		remove_tree(dir, 0);
		after = held_bytes();
		if (!round || after - before < least)
			least = after - before;
		if (least <= 0)
			break;
		before = after;
	}
	t.passed = before >= 0 && least <= 0;
	t.failed = !t.passed;
	if (before < 0)
		say("not ok %s.%s 1 of 1 failed: no figures\n", t_suite, c->name);
	else if (least > 0)
		say("not ok %s.%s 1 of 1 failed: each run costs %ld bytes\n", t_suite, c->name,
			least);
	else
		say("ok %s.%s 1\n", t_suite, c->name);
	return t;
}

static int by_line(const void *a, const void *b)
{
	const struct t_case *const *x = a, *const *y = b;

	return (*x)->line - (*y)->line;
}

static int run_helper(const char *name, int argc, char **argv)
{
	for (const struct t_helper *h = __start_t_helpers; h < __stop_t_helpers; h++) {
		if (!strcmp(h->name, name))
			return h->run(argc, argv);
	}
	return 99;
}

int main(int argc, char **argv)
{
	const struct t_case *cases[T_CASES_MAX];
	int count = __stop_t_cases - __start_t_cases;
	const char *only = NULL, *after = NULL;
	bool list = false, measure = false;
	struct tally sum = {0};

	if (argc >= 3 && !strcmp(argv[1], "-x"))
		return run_helper(argv[2], argc - 3, argv + 3);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-l")) {
			list = true;
		} else if (!strcmp(argv[i], "-n")) {
			inline_run = true;
		} else if (!strcmp(argv[i], "-m")) {
			measure = true;
		} else if (!strcmp(argv[i], "-c") && i + 1 < argc) {
			only = argv[++i];
		} else if (!strcmp(argv[i], "-a") && i + 1 < argc) {
			after = argv[++i];
		} else {
			say("usage: %s [-l] [-n] [-m] [-c CASE] [-a CASE]\n", argv[0]);
			return 2;
		}
	}
	if (count > T_CASES_MAX)
		return 2;
	for (int i = 0; i < count; i++)
		cases[i] = &__start_t_cases[i];
	qsort(cases, count, sizeof(*cases), by_line);

	traced_run = getenv("T_TRACED") != NULL;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	find_self(argv[0]);
	if (!list)
		make_root();
	int ran = 0;
	for (int i = 0; i < count; i++) {
		if (after) { /* goes on behind this one */
			if (!strcmp(after, cases[i]->name))
				after = NULL;
			continue;
		}
		if (only && strcmp(only, cases[i]->name))
			continue;
		ran++;
		if (list) {
			say("%s\n", cases[i]->name);
			continue;
		}
		struct tally t = measure ? measure_case(cases[i]) : run_case(cases[i]);
		sum.passed += t.passed;
		sum.failed += t.failed;
		sum.skipped += t.skipped;
	}
	if (list)
		return 0;
	if (chdir("/") == 0)
		remove_tree(t_root, 0);
	if (!ran && only) {
		say("no such case\n");
		return 2;
	}
	say("TALLY %ld %ld %ld\n", sum.passed, sum.failed, sum.skipped);
	return sum.failed != 0;
}

void t_loopback_up(void)
{
	struct ifreq r = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!ioctl(fd, SIOCGIFFLAGS, &r) && !(r.ifr_flags & IFF_UP)) {
		r.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &r);
	}
	close(fd);
}
