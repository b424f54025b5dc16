/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * exo-bench - what one call costs, the same static program on Linux and on Exo-OS.
 *
 * Prints a line per benchmark: BENCH,name,n,unit,min,p50,p95,p99,max. A sample is a batch of
 * operations between two readings of CLOCK_MONOTONIC, so large that the readings are under 1% of
 * it; nothing is subtracted. Figures are per operation; n is the operations measured. Batches are
 * constants, so that two systems do the same work. Every benchmark asserts that its work happened,
 * and one that cannot run prints BENCH-ERROR,name,reason and makes the exit status 1.
 *
 * Those that begin with native_ or two_cpus_ are of native calls: those for messages have a
 * counterpart on Linux (ring_benches.h), the others run on Exo-OS alone (native_bench.c).
 *
 * Calls are raw system calls where libc could answer by itself. Under -icount shift=0 a nanosecond
 * is an instruction.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <exo_abi/exo_native.h>

#include "bench.h"

enum {
	SAMPLES_MAX = 2000,
	TOUCH_PAGES = 64,
	LARGE_BYTES = 64 << 20,
	MIDDLE_BYTES = 8 << 20,
};

const char *self_path;
static char dir_path[64], file_path[96];
char page[PAGE_BYTES];

const char *current = "start";

int64_t now_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
		fail("no monotonic clock");
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- calls that touch nothing ---- */

static int64_t batch_getppid(int ops)
{
	long parent = syscall(SYS_getppid), sum = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++)
		sum += syscall(SYS_getppid);
	int64_t spent = now_ns() - start;
	require(parent >= 0 && sum == parent * ops);
	return spent;
}

int bench_null_fd;

void bench_setup_null(void)
{
	bench_null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	require(bench_null_fd >= 0);
}

int64_t bench_write_null(int ops)
{
	long sum = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++)
		sum += syscall(SYS_write, bench_null_fd, page, 1);
	int64_t spent = now_ns() - start;
	require(sum == ops);
	return spent;
}

static int64_t batch_clock(int ops)
{
	struct timespec t = {0, 0};
	int64_t start = now_ns(), last = start;
	bool ordered = true;

	for (int i = 0; i < ops; i++) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		int64_t now = t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
		ordered &= now >= last;
		last = now;
	}
	int64_t spent = now_ns() - start;
	require(ordered && last > start);
	return spent;
}

/* ---- files ---- */

static void setup_file(void)
{
	int fd = open(file_path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);

	require(fd >= 0);
	memset(page, 'x', sizeof(page));
	require(write(fd, page, sizeof(page)) == sizeof(page));
	require(close(fd) == 0);
}

static int64_t batch_open_close(int ops)
{
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++) {
		int fd = syscall(SYS_openat, AT_FDCWD, file_path, O_RDONLY, 0);
		good += fd >= 0 && syscall(SYS_close, fd) == 0;
	}
	int64_t spent = now_ns() - start;
	require(good == ops);
	return spent;
}

static int64_t batch_stat(int ops)
{
	struct stat st;
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++) {
		st.st_size = 0;
		good += syscall(SYS_newfstatat, AT_FDCWD, file_path, &st, 0) == 0 &&
			st.st_size == PAGE_BYTES;
	}
	int64_t spent = now_ns() - start;
	require(good == ops);
	return spent;
}

static int file_fd;

static void setup_read(void)
{
	setup_file();
	file_fd = open(file_path, O_RDONLY | O_CLOEXEC);
	require(file_fd >= 0);
}

static int64_t batch_read_4k(int ops)
{
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++) {
		page[0] = page[PAGE_BYTES - 1] = 0;
		good += syscall(SYS_pread64, file_fd, page, PAGE_BYTES, 0L) == PAGE_BYTES &&
			page[0] == 'x' && page[PAGE_BYTES - 1] == 'x';
	}
	int64_t spent = now_ns() - start;
	require(good == ops);
	return spent;
}

/* ---- pipes and sockets ---- */

static int pair[2]; /* [0] reads, [1] writes */

static void setup_pipe(void)
{
	require(pipe2(pair, O_CLOEXEC) == 0);
}

static void setup_unix(void)
{
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
}

static int64_t through_pair(int ops, size_t len)
{
	static char in[PAGE_BYTES];
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++) {
		page[0] = page[len - 1] = (char)i;
		good += syscall(SYS_write, pair[1], page, len) == (long)len &&
			syscall(SYS_read, pair[0], in, len) == (long)len && in[0] == (char)i &&
			in[len - 1] == (char)i;
	}
	int64_t spent = now_ns() - start;
	require(good == ops);
	return spent;
}

static int64_t batch_pair_1b(int ops)
{
	return through_pair(ops, 1);
}

static int64_t batch_pair_4k(int ops)
{
	return through_pair(ops, PAGE_BYTES);
}

static int there[2], back[2];

static int64_t batch_ping_pong(int ops)
{
	int good = 0, status;
	char byte = 0;
	pid_t pid;

	require(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
	pid = fork();
	require(pid >= 0);
	if (pid == 0) {
		close(there[1]);
		while (syscall(SYS_read, there[0], &byte, 1) == 1) {
			byte++;
			if (syscall(SYS_write, back[1], &byte, 1) != 1)
				_exit(1);
		}
		_exit(EXIT_CODE);
	}
	close(there[0]);
	close(back[1]);
	for (int i = -8; i < 0; i++) /* the child is up and warm before the clock starts */
		require(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
	byte = 0;
	int64_t start = now_ns();
	for (int i = 0; i < ops; i++)
		good += syscall(SYS_write, there[1], &byte, 1) == 1 &&
			syscall(SYS_read, back[0], &byte, 1) == 1 && byte == (char)(i + 1);
	int64_t spent = now_ns() - start;
	close(there[1]);
	close(back[0]);
	require(good == ops);
	require(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		WEXITSTATUS(status) == EXIT_CODE);
	return spent;
}

/* ---- processes and threads ---- */

bool bench_child_left(pid_t pid)
{
	int status = 0;

	return waitpid(pid, &status, 0) > 0 && WIFEXITED(status) &&
	       WEXITSTATUS(status) == EXIT_CODE;
}

static bool child_left(pid_t pid)
{
	return pid > 0 && bench_child_left(pid);
}

static int64_t batch_fork(int ops)
{
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(EXIT_CODE);
		good += child_left(pid);
	}
	int64_t spent = now_ns() - start;
	require(good == ops);
	return spent;
}

static int64_t batch_fork_exec(int ops)
{
	char *const argv[] = {(char *)"exo-bench", (char *)"--exit", NULL};
	char *const envp[] = {NULL};
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			execve(self_path, argv, envp);
			_exit(1);
		}
		good += child_left(pid);
	}
	int64_t spent = now_ns() - start;
	require(good == ops);
	return spent;
}

#include "ring_benches.h"

struct yielders {
	_Atomic int last, stop;
	_Atomic long switches;
};

static struct yielders *yielders;

void bench_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0) {
		require(sched_getaffinity(0, sizeof(one), &one) == 0);
		require(CPU_COUNT(&one) == 1);
	}
}

static void setup_yield(void)
{
	bench_one_cpu();
	yielders =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	require(yielders != MAP_FAILED);
}

static void yield_as(int who)
{
	if (yielders->last != who) {
		yielders->last = who;
		yielders->switches++;
	}
	syscall(SYS_sched_yield);
}

/* Yields until ops switches have been seen, by either side; the time is for exactly those. */
static int64_t batch_yield(int ops)
{
	yielders->stop = 0;
	yielders->last = 0;
	pid_t pid = fork();
	require(pid >= 0);
	if (pid == 0) {
		while (!yielders->stop)
			yield_as(1);
		_exit(EXIT_CODE);
	}
	while (yielders->last != 1)
		syscall(SYS_sched_yield);
	yielders->switches = 0;
	int64_t start = now_ns();
	long yields = 0;
	while (yielders->switches < ops && yields++ < 1000L * ops)
		yield_as(2);
	int64_t spent = now_ns() - start;
	long seen = yielders->switches;
	yielders->stop = 1;
	require(child_left(pid));
	require(seen >= ops);
	return spent * ops / seen;
}

static void *thread_body(void *arg)
{
	return (char *)arg + 1;
}

static int64_t batch_thread(int ops)
{
	static char base[2];
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++) {
		pthread_t thread;
		void *result = NULL;
		good += pthread_create(&thread, NULL, thread_body, base) == 0 &&
			pthread_join(thread, &result) == 0 && result == base + 1;
	}
	int64_t spent = now_ns() - start;
	require(good == ops);
	return spent;
}

static _Atomic uint32_t ping, pong;

static long futex(_Atomic uint32_t *word, int op, uint32_t value)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void await(_Atomic uint32_t *word, uint32_t value)
{
	uint32_t seen;

	while ((seen = atomic_load(word)) != value)
		futex(word, FUTEX_WAIT, seen);
}

static void advance(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store(word, value);
	futex(word, FUTEX_WAKE, 1);
}

static void *futex_partner(void *arg)
{
	uint32_t rounds = *(int *)arg;

	for (uint32_t i = 1; i <= rounds; i++) {
		await(&ping, i);
		advance(&pong, i);
	}
	return arg;
}

static int64_t batch_futex(int ops)
{
	enum { WARM = 8 };
	int rounds = ops + WARM;
	pthread_t thread;
	int64_t start = 0;

	ping = pong = 0;
	require(pthread_create(&thread, NULL, futex_partner, &rounds) == 0);
	for (uint32_t i = 1; i <= (uint32_t)rounds; i++) {
		if (i == WARM + 1)
			start = now_ns();
		advance(&ping, i);
		await(&pong, i);
	}
	int64_t spent = now_ns() - start;
	void *result = NULL;
	require(pthread_join(thread, &result) == 0 && result == &rounds);
	require(pong == (uint32_t)rounds);
	return spent;
}

static volatile int signals_seen;

static void count_signal(int sig)
{
	(void)sig;
	signals_seen++;
}

static void setup_signal(void)
{
	struct sigaction action = {.sa_handler = count_signal};

	require(sigaction(SIGUSR1, &action, NULL) == 0);
}

static int64_t batch_signal(int ops)
{
	long pid = syscall(SYS_getpid);

	signals_seen = 0;
	int64_t start = now_ns();
	for (int i = 0; i < ops; i++)
		syscall(SYS_kill, pid, SIGUSR1);
	int64_t spent = now_ns() - start;
	require(signals_seen == ops);
	return spent;
}

/* ---- memory ---- */

static int64_t batch_mmap(int ops)
{
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++) {
		long at = syscall(SYS_mmap, 0L, (long)PAGE_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
		good += at > 0 && syscall(SYS_munmap, at, (long)PAGE_BYTES) == 0;
	}
	int64_t spent = now_ns() - start;
	require(good == ops);
	return spent;
}

static int64_t batch_touch(int ops)
{
	const size_t len = (size_t)ops * PAGE_BYTES;
	unsigned sum = 0;
	volatile unsigned char *at =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	require(at != MAP_FAILED);
	/* a huge page would make one touch of 512; a system without them may refuse this */
	madvise((void *)at, len, MADV_NOHUGEPAGE);
	int64_t start = now_ns();
	for (size_t i = 0; i < len; i += PAGE_BYTES)
		at[i] = 1;
	int64_t spent = now_ns() - start;
	for (size_t i = 0; i < len; i += PAGE_BYTES)
		sum += at[i] + at[i + 1];
	require(sum == (unsigned)ops);
	require(munmap((void *)at, len) == 0);
	return spent;
}

static void use_memory(size_t bytes)
{
	volatile char *at =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	require(at != MAP_FAILED);
	madvise((void *)at, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < bytes; i += PAGE_BYTES)
		at[i] = 1;
}

/* A parent that uses as much memory as an ordinary service; and as little as a shell. */
void bench_setup_large(void)
{
	use_memory(LARGE_BYTES);
}

static void setup_middle(void)
{
	use_memory(MIDDLE_BYTES);
}

static const struct bench benches[] = {
	{"getppid", NULL, batch_getppid, 200, 500},
	{"write_1b_null", bench_setup_null, bench_write_null, 200, 500},
	{"clock_gettime_vdso", NULL, batch_clock, 500, 500},
	{"open_close_tmpfs", setup_file, batch_open_close, 20, 500},
	{"stat", setup_file, batch_stat, 20, 500},
	{"read_4k_tmpfs", setup_read, batch_read_4k, 20, 500},
	{"pipe_1b_one_process", setup_pipe, batch_pair_1b, 50, 500},
	{"pipe_4k_one_process", setup_pipe, batch_pair_4k, 20, 500},
	{"pipe_ping_pong", NULL, batch_ping_pong, 200, 50},
	{"fork_exit_wait", NULL, batch_fork, 1, 400},
	{"fork_exec_exit_wait", NULL, batch_fork_exec, 1, 200},
	{"mmap_munmap_4k", NULL, batch_mmap, 20, 500},
	{"first_touch", NULL, batch_touch, TOUCH_PAGES, 200},
	{"unix_stream_1b_one_process", setup_unix, batch_pair_1b, 50, 500},
	{"switch_sched_yield", setup_yield, batch_yield, 200, 50},
	{"thread_create_join", NULL, batch_thread, 1, 400},
	{"futex_ping_pong", NULL, batch_futex, 200, 50},
	{"signal_self", setup_signal, batch_signal, 20, 500},
	{"fork_exec_exit_wait_8m", setup_middle, batch_fork_exec, 1, 50},
	{"fork_exec_exit_wait_64m", bench_setup_large, batch_fork_exec, 1, 50},
	{"native_message_round_trip", NULL, batch_message, 200, 50},
	{"native_message_in_batches", NULL, batch_stream, 1600, 50},
	{"native_zero_copy_1k", NULL, batch_block_1k, 200, 50},
	{"native_zero_copy_64k", NULL, batch_block_64k, 200, 50},
	{"native_zero_copy_1m", NULL, batch_block_1m, 200, 50},
	{"two_cpus_message_round_trip", NULL, batch_message_two_cpus, 200, 50},
};

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void run_bench(const struct bench *b, bool quick)
{
	static int64_t spent[SAMPLES_MAX];
	int n = quick ? b->samples / 10 : b->samples;

	if (!n)
		return;
	current = b->name;
	if (b->setup)
		b->setup();
	for (int i = 0; i < (b->samples < 10 ? b->samples > 1 : 3);
		i++) /* warm: caches, lazily made things */
		b->batch(b->ops);
	for (int i = 0; i < n; i++) {
		spent[i] = b->batch(b->ops);
		require(spent[i] > 0);
	}
	qsort(spent, n, sizeof(*spent), by_value);
	const int at[] = {0, n / 2, n * 95 / 100, n * 99 / 100, n - 1};
	printf("BENCH,%s,%d,ns", b->name, n * b->ops);
	for (int i = 0; i < 5; i++)
		printf(",%.1f", (double)spent[at[i]] / b->ops);
	printf("\n");
	fflush(stdout);
}

const char *bench_dir(void)
{
	return dir_path;
}

void bench_needs(const char *program)
{
	if (access(program, X_OK) == 0)
		return;
	printf("# %s: there is no %s\n", current, program);
	fflush(stdout);
	_exit(0);
}

static void make_dir(const char *base)
{
	snprintf(dir_path, sizeof(dir_path), "%.40s/exo-bench.%d", base, (int)getpid());
	snprintf(file_path, sizeof(file_path), "%s/file", dir_path);
	require(mkdir(dir_path, 0755) == 0);
}

static bool named(const char *name, int argc, char **argv)
{
	bool any = false;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		any = true;
		if (!strcmp(argv[i], name))
			return true;
	}
	return !any && strncmp(name, "two_cpus_", 9); /* these only when asked for */
}

/* A child each: what one leaves behind or breaks is not the next one's burden. */
static bool run_in_child(const struct bench *b, bool quick)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		run_bench(b, quick);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
		printf("BENCH-ERROR,%s,died\n", b->name);
		fflush(stdout);
		return false;
	}
	return WEXITSTATUS(status) == 0;
}

static void empty_dir(void)
{
	char path[sizeof(dir_path) + NAME_MAX + 2];
	DIR *d = opendir(dir_path);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir_path, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(dir_path);
}

int main(int argc, char **argv)
{
	const struct {
		const struct bench *benches;
		int count;
	} tables[] = {
		{benches, sizeof(benches) / sizeof(*benches)},
		{wake_benches, wake_bench_count},
		{program_benches, program_bench_count},
		{native_benches, exo_cap_enter(EXO_ENTER_QUERY) == 0 ? native_bench_count : 0},
	};
	const char *base = "/dev/shm";
	bool quick = false, together = false;
	int bad = 0;

	if (argc == 2 && !strcmp(argv[1], "--exit"))
		_exit(EXIT_CODE);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quick")) {
			quick = true;
		} else if (!strcmp(argv[i], "--together")) {
			together = true; /* no child a benchmark: for a kernel without fork */
		} else if (!strncmp(argv[i], "--dir=", 6)) {
			base = argv[i] + 6;
		} else if (argv[i][0] == '-') {
			printf("usage: exo-bench [--quick] [--together] [--dir=TMPFS] [NAME...]\n");
			return 2;
		}
	}
	static char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	self_path = len > 0 ? path : argv[0];
	if (access(base, W_OK) < 0)
		base = "/tmp";
	make_dir(base);
	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
		for (int i = 0; i < tables[t].count; i++) {
			const struct bench *b = &tables[t].benches[i];

			if (!named(b->name, argc, argv))
				continue;
			if (together)
				run_bench(b, quick);
			else
				bad |= !run_in_child(b, quick);
		}
	empty_dir();
	return bad;
}
