/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bands.c - a process that `exo top` can be judged by. `bands COMMAND...`: three rings (six ends)
 * and a channel (two more), and threads of which each has a band:
 *
 *   hog      computes and never sleeps
 *   light    sleeps 2 ms and does next to nothing
 *   middle   sleeps 4 ms and works for 1 ms
 *   urgent   SCHED_FIFO, sleeps
 *
 * After a second it runs the command, between a line `pid PID caps N` and the end.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <exo_abi/exo_native.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void need(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void work_us(int us)
{
	int64_t end = cpu_ns() + us * INT64_C(1000);

	while (cpu_ns() < end)
		;
}

static void *hog(void *arg)
{
	(void)arg;
	for (;;)
		work_us(100000);
	return NULL;
}

static void *light(void *arg)
{
	(void)arg;
	for (;;)
		usleep(2000);
	return NULL;
}

static void *middle(void *arg)
{
	(void)arg;
	for (;;) {
		usleep(4000);
		work_us(1000);
	}
	return NULL;
}

static void *urgent(void *arg)
{
	struct sched_param p = {.sched_priority = 10};

	(void)arg;
	need(!sched_setscheduler(0, SCHED_FIFO, &p), "sched_setscheduler");
	for (;;)
		usleep(10000);
	return NULL;
}

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = -3; /* two dots, and the folder itself */

	need(d != NULL, "/proc/self/fd");
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void *(*run)(void *arg);
	} threads[] = {{"hog", hog}, {"light", light}, {"middle", middle}, {"urgent", urgent}};
	struct exo_ring_params p = {.kind = 1, .slots = 8, .flags = EXO_RING_CLOEXEC};
	int32_t ends[2];
	int status;
	pid_t pid;

	if (argc < 2)
		return 2;
	for (int i = 0; i < 4; i++) {
		p.flags = EXO_RING_CLOEXEC | (i == 3 ? EXO_RING_DUPLEX : 0);
		need(!exo_ring_create(&p, sizeof(p), ends), "exo_ring_create");
	}
	for (unsigned i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
		pthread_t t;

		need(!pthread_create(&t, NULL, threads[i].run, NULL) &&
				!pthread_setname_np(t, threads[i].name),
			"pthread_create");
	}
	sleep(1);
	printf("pid %d caps %d\n", getpid(), descriptors());
	fflush(stdout);
	pid = fork();
	need(pid >= 0, "fork");
	if (!pid) {
		execvp(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
