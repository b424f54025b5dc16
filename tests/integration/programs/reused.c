/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* reused.c - a timer that signals one thread of its process (SIGEV_THREAD_ID) never signals who has
 * that thread's number after it. As root; numbers are few from then on. Prints "N signals to
 * another process". */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOW 310

static int timer, number;

static void *makes_a_timer(void *unused)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};

	number = (int)syscall(SYS_gettid);
	event._sigev_un._tid = number;
	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer))
		exit(2);
	return unused;
}

/* Of who has the number now: @go is written when the timer runs. */
static int count_signals(const sigset_t *set, int go)
{
	const struct timespec soon = {0, 100000000};
	int n = 0;
	char byte;

	if (read(go, &byte, 1) != 1)
		return 99;
	while (n < 5 && sigtimedwait(set, NULL, &soon) > 0)
		n++;
	return n;
}

int main(void)
{
	const struct itimerspec often = {{0, 1000000}, {0, 1000000}};
	pthread_t thread;
	int go[2], status;
	pid_t pid = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while (pid < LOW) { /* lower numbers are given once */
		pid = fork();
		if (!pid)
			_exit(0);
		if (waitpid(pid, &status, 0) != pid)
			return 2;
	}
	if (pthread_create(&thread, NULL, makes_a_timer, NULL) || pthread_join(thread, NULL) ||
		pipe(go))
		return 2;
	for (int tries = 0; tries < 1000; tries++) {
		pid = fork();
		if (!pid)
			_exit(getpid() == number ? count_signals(&set, go[0]) : 100);
		if (pid == number && (syscall(SYS_timer_settime, timer, 0, &often, NULL) ||
					     write(go[1], "", 1) != 1))
			return 2;
		if (waitpid(pid, &status, 0) != pid)
			return 2;
		if (pid == number) {
			printf("%d signals to another process\n", WEXITSTATUS(status));
			return 0;
		}
	}
	return 2;
}
