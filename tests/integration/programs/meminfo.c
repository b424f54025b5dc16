/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * meminfo.c - is /proc/meminfo true to the page? Does things whose cost in pages is known and
 * prints which figure moved by how many pages. `rest` is what no line accounts for: MemTotal less
 * all the others.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../../held_bytes.h"

enum { PAGE = 4096, PAGES = 2560, CHILDREN = 40 };

static const char *const names[] = {"MemFree:", "AnonPages:", "Cached:", "Shmem:", "Slab:",
	"PageTables:", "KernelStack:", "rest"};
enum { FREE, ANON, CACHED, SHMEM, SLAB, TABLES, STACKS, REST, FIGURES };

static long before[FIGURES], after[FIGURES];

static void look(long *f)
{
	static char text[PAGE];

	held_bytes(); /* drops the caches */
	if (held_read("/proc/meminfo", text, sizeof(text)) < 0)
		exit(2);
	f[REST] = held_field(text, "MemTotal:") / PAGE;
	for (int i = 0; i < REST; i++) {
		f[i] = held_field(text, names[i]) / PAGE;
		if (i != SHMEM)
			f[REST] -= f[i];
	}
}

static void tell(const char *what)
{
	look(after);
	printf("%s", what);
	for (int i = 0; i < FIGURES; i++)
		printf(" %s%+ld", names[i], after[i] - before[i]);
	printf("\n");
	fflush(stdout);
	look(before);
}

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

int main(void)
{
	static char piece[PAGE] = {1};
	pid_t children[CHILDREN];
	pthread_t t;
	char *p;
	int fd;

	printf("begin\n");
	look(before);
	look(before);
	p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	tell("mapped");
	memset(p, 1, PAGES * PAGE);
	tell("touched");
	munmap(p, PAGES * PAGE);
	tell("unmapped");
	fd = open("/tmp/meminfo", O_RDWR | O_CREAT, 0600);
	for (int i = 0; i < PAGES; i++)
		if (write(fd, piece, PAGE) != PAGE)
			return 2;
	tell("written");
	unlink("/tmp/meminfo");
	close(fd);
	tell("unlinked");
	p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, PAGES * PAGE);
	tell("shared");
	munmap(p, PAGES * PAGE);
	tell("unshared");
	for (int i = 0; i < CHILDREN; i++)
		if (!(children[i] = fork())) {
			pause();
			_exit(0);
		}
	usleep(100000);
	tell("forked");
	for (int i = 0; i < CHILDREN; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	tell("reaped");
	if (pthread_create(&t, NULL, sleeper, NULL))
		return 2;
	usleep(10000);
	tell("thread");
	return 0;
}
