/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Part of exo-bench: switches, wake-ups and signals between processes and threads. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bench.h"

enum {
	MANY_THREADS = 1000,
	THREAD_STACK = 32768,
	HACK_GROUPS = 2, /* of so many senders and as many receivers */
	HACK_PAIRS = 10,
	HACK_BYTES = 100, /* as hackbench sends */
	WARM = 8,
};

/* ---- switches in a ring of many threads: each wakes the next one and sleeps ---- */

static struct {
	_Atomic uint32_t turn;
	char line[60];
} seats[MANY_THREADS]; /* seat 0 is the main thread's */

static void await_turn(int seat, uint32_t turn)
{
	uint32_t seen;

	while ((seen = seats[seat].turn) != turn)
		syscall(SYS_futex, &seats[seat].turn, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void give_turn(int seat, uint32_t turn)
{
	seats[seat].turn = turn;
	syscall(SYS_futex, &seats[seat].turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *sit(void *arg)
{
	int seat = (int)(intptr_t)arg;

	for (uint32_t turn = 1; turn; turn++) { /* for ever: ends with the process */
		await_turn(seat, turn);
		give_turn((seat + 1) % MANY_THREADS, turn);
	}
	return arg;
}

static void setup_many_threads(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	bench_one_cpu();
	require(pthread_attr_init(&attr) == 0 &&
		pthread_attr_setstacksize(&attr, THREAD_STACK) == 0);
	for (intptr_t i = 1; i < MANY_THREADS; i++)
		require(pthread_create(&thread, &attr, sit, (void *)i) == 0);
}

static int64_t batch_many_threads(int ops)
{
	static uint32_t turn;
	int64_t start = now_ns();

	require(ops % MANY_THREADS == 0);
	for (int i = 0; i < ops / MANY_THREADS; i++) {
		give_turn(1, ++turn);
		await_turn(0, turn);
	}
	return now_ns() - start;
}

/* ---- hackbench: every sender writes to every receiver of its group ---- */

struct hack_group {
	int in[HACK_PAIRS], out[HACK_PAIRS];
};

static void hack_child(struct hack_group *g, int ready, int go, int receiver, int per_receiver)
{
	char text[HACK_BYTES] = {0}, byte = 0;
	int bytes = HACK_BYTES * HACK_PAIRS * per_receiver;

	require(write(ready, &byte, 1) == 1);
	require(read(go, &byte, 1) == 1);
	if (receiver >= 0) {
		while (bytes > 0) {
			ssize_t n = read(g->in[receiver], text, sizeof(text));

			require(n > 0);
			bytes -= (int)n;
		}
		require(bytes == 0);
		_exit(EXIT_CODE);
	}
	for (int i = 0; i < per_receiver; i++)
		for (int to = 0; to < HACK_PAIRS; to++)
			require(write(g->out[to], text, sizeof(text)) == sizeof(text));
	_exit(EXIT_CODE);
}

/* @ops messages in all; the clock runs from the word go to the end of the last process. */
static int64_t batch_hackbench(int ops)
{
	const int tasks = HACK_GROUPS * HACK_PAIRS * 2;
	int per_receiver = ops / (HACK_GROUPS * HACK_PAIRS * HACK_PAIRS), ready[2], go[2];
	struct hack_group g;
	char bytes[256] = {0};

	require(pipe(ready) == 0 && pipe(go) == 0);
	for (int i = 0; i < HACK_GROUPS; i++) {
		for (int k = 0; k < HACK_PAIRS; k++) {
			int pair[2];

			require(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
			g.in[k] = pair[0];
			g.out[k] = pair[1];
		}
		for (int k = 0; k < 2 * HACK_PAIRS; k++) {
			pid_t pid = fork();

			require(pid >= 0);
			if (pid == 0)
				hack_child(
					&g, ready[1], go[0], k < HACK_PAIRS ? k : -1, per_receiver);
		}
		for (int k = 0; k < HACK_PAIRS; k++)
			require(close(g.in[k]) == 0 && close(g.out[k]) == 0);
	}
	for (int i = 0; i < tasks; i++)
		require(read(ready[0], bytes, 1) == 1);
	int64_t start = now_ns();
	require(write(go[1], bytes, tasks) == tasks);
	for (int i = 0; i < tasks; i++)
		require(bench_child_left(-1));
	int64_t spent = now_ns() - start;
	require(close(ready[0]) == 0 && close(ready[1]) == 0 && close(go[0]) == 0 &&
		close(go[1]) == 0);
	return spent;
}

/* ---- round trips between two processes ---- */

static int there[2], back[2]; /* [0] reads, [1] writes */
static bool through_epoll;
static int watched = -1; /* the epoll that looks at our reading side */

static void watch(int fd)
{
	struct epoll_event e = {.events = EPOLLIN};

	watched = epoll_create1(EPOLL_CLOEXEC);
	require(watched >= 0 && epoll_ctl(watched, EPOLL_CTL_ADD, fd, &e) == 0);
}

static bool take_byte(int fd, char *byte)
{
	struct epoll_event e;

	if (through_epoll && epoll_wait(watched, &e, 1, -1) != 1)
		return false;
	return syscall(SYS_read, fd, byte, 1) == 1;
}

static void echo_bytes(void)
{
	char byte;

	close(there[1]);
	close(back[0]);
	if (through_epoll)
		watch(there[0]);
	while (take_byte(there[0], &byte)) {
		byte++;
		require(syscall(SYS_write, back[1], &byte, 1) == 1);
	}
	_exit(EXIT_CODE);
}

static int64_t ping_pong(int ops)
{
	char byte = 0;
	int good = 0;
	pid_t pid = fork();

	require(pid >= 0);
	if (pid == 0)
		echo_bytes();
	close(there[0]);
	close(back[1]);
	if (through_epoll)
		watch(back[0]);
	for (int i = 0; i < WARM; i++)
		require(write(there[1], &byte, 1) == 1 && take_byte(back[0], &byte));
	byte = 0;
	int64_t start = now_ns();
	for (int i = 0; i < ops; i++)
		good += syscall(SYS_write, there[1], &byte, 1) == 1 && take_byte(back[0], &byte) &&
			byte == (char)(i + 1);
	int64_t spent = now_ns() - start;
	close(there[1]);
	close(back[0]);
	if (through_epoll)
		close(watched);
	require(good == ops && bench_child_left(pid));
	return spent;
}

static int64_t batch_epoll(int ops)
{
	through_epoll = true;
	require(pipe(there) == 0 && pipe(back) == 0);
	return ping_pong(ops);
}

/* One pair: each process writes to and reads from its own end. */
static int64_t batch_unix(int ops)
{
	int pair[2];

	through_epoll = false;
	require(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	there[0] = pair[0];
	there[1] = pair[1];
	require((back[0] = dup(pair[1])) >= 0 && (back[1] = dup(pair[0])) >= 0);
	return ping_pong(ops);
}

/* ---- eventfd ---- */

static int event_fd;

static void setup_eventfd(void)
{
	event_fd = eventfd(0, EFD_CLOEXEC);
	require(event_fd >= 0);
}

static int64_t batch_eventfd(int ops)
{
	uint64_t value;
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++) {
		value = (uint64_t)i + 1;
		good += syscall(SYS_write, event_fd, &value, 8) == 8;
		value = 0;
		good += syscall(SYS_read, event_fd, &value, 8) == 8 && value == (uint64_t)i + 1;
	}
	int64_t spent = now_ns() - start;
	require(good == 2 * ops);
	return spent;
}

/* ---- signals between two processes: each waits for the other's with sigsuspend ---- */

static volatile sig_atomic_t signals_seen;

static void count_signal(int sig)
{
	(void)sig;
	signals_seen++;
}

static void await_signal(int number)
{
	sigset_t none;

	sigemptyset(&none);
	while (signals_seen < number)
		sigsuspend(&none); /* it is blocked everywhere else */
}

static int64_t batch_signal_ping_pong(int ops)
{
	struct sigaction action = {.sa_handler = count_signal};
	pid_t parent = getpid(), pid;
	int64_t start = 0;
	sigset_t block;

	signals_seen = 0;
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	require(sigaction(SIGUSR1, &action, NULL) == 0 &&
		sigprocmask(SIG_BLOCK, &block, NULL) == 0);
	pid = fork();
	require(pid >= 0);
	if (pid == 0) {
		for (int i = 1; i <= ops + WARM; i++) {
			await_signal(i);
			require(kill(parent, SIGUSR1) == 0);
		}
		_exit(EXIT_CODE);
	}
	for (int i = 1; i <= ops + WARM; i++) {
		if (i == WARM + 1)
			start = now_ns();
		require(kill(pid, SIGUSR1) == 0);
		await_signal(i);
	}
	int64_t spent = now_ns() - start;
	require(signals_seen == ops + WARM && bench_child_left(pid));
	return spent;
}

const struct bench wake_benches[] = {
	{"switch_1000_threads", setup_many_threads, batch_many_threads, 4000, 10},
	{"hackbench_40_tasks", NULL, batch_hackbench, 2000, 10},
	{"epoll_ping_pong", NULL, batch_epoll, 200, 50},
	{"unix_ping_pong", NULL, batch_unix, 200, 50},
	{"eventfd_one_process", setup_eventfd, batch_eventfd, 50, 500},
	{"signal_ping_pong", NULL, batch_signal_ping_pong, 200, 50},
};
const int wake_bench_count = sizeof(wake_benches) / sizeof(*wake_benches);
