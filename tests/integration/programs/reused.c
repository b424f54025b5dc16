/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* reused.c - what keeps a number does not take who has it later for who had it. As root, with few
 * numbers (pid_max). Prints "KIND: N signals to another process".
 * timer: of an ended thread (SIGEV_THREAD_ID). terminal: the foreground group has ended; then ^C,
 * and the end of the session. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOW 310 /* lower numbers are given once */

static sigset_t set;
static int timer, number;

static void need(int good)
{
	if (!good)
		exit(2);
}

static void *makes_a_timer(void *unused)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};

	number = (int)syscall(SYS_gettid);
	event._sigev_un._tid = number;
	need(!syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	return unused;
}

static void timer_begin(void)
{
	pthread_t thread;

	need(!pthread_create(&thread, NULL, makes_a_timer, NULL) && !pthread_join(thread, NULL));
}

static void timer_end(void)
{
	const struct itimerspec often = {{0, 1000000}, {0, 1000000}};

	need(!syscall(SYS_timer_settime, timer, 0, &often, NULL));
}

static int master, told[2];
static pid_t leader;

static void lead_a_session(void)
{
	int slave;
	pid_t pid;

	setsid();
	need((slave = open(ptsname(master), O_RDWR)) >= 0);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		pause();
	}
	setpgid(pid, pid);
	need(!tcsetpgrp(slave, pid) && !kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
	need(write(told[1], &pid, sizeof(pid)) == sizeof(pid));
	pause();
	_exit(0);
}

static void terminal_begin(void)
{
	need((master = posix_openpt(O_RDWR | O_NOCTTY)) >= 0 && !unlockpt(master) && !pipe(told));
	leader = fork();
	if (!leader)
		lead_a_session();
	need(read(told[0], &number, sizeof(number)) == sizeof(number));
}

static void terminal_end(void)
{
	need(write(master, "\3", 1) == 1);
	usleep(20000);
	need(!kill(leader, SIGKILL));
}

/* Of who has the number now, in a session and a group of its own: @go is written before. */
static int count_signals(int go)
{
	const struct timespec soon = {0, 200000000};
	int n = 0;
	char byte;

	need(setsid() == number && read(go, &byte, 1) == 1);
	while (n < 5 && sigtimedwait(&set, NULL, &soon) > 0)
		n++;
	return n;
}

int main(int argc, char **argv)
{
	int go[2], status, is_timer = argc > 1 && *argv[1] == 't' && argv[1][1] == 'i';
	pid_t pid = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	while (pid < LOW) {
		pid = fork();
		if (!pid)
			_exit(0);
		need(waitpid(pid, &status, 0) == pid);
	}
	need(!pipe(go));
	(is_timer ? timer_begin : terminal_begin)();
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int tries = 0; tries < 1000; tries++) {
		pid = fork();
		if (!pid)
			_exit(getpid() == number ? count_signals(go[0]) : 100);
		if (pid == number) {
			usleep(20000);
			need(write(go[1], "", 1) == 1);
			usleep(20000);
			(is_timer ? timer_end : terminal_end)();
		}
		need(waitpid(pid, &status, 0) == pid);
		if (pid == number) {
			printf("%s: %d signals to another process\n", argv[1], WEXITSTATUS(status));
			return 0;
		}
	}
	return 2;
}
