// SPDX-License-Identifier: MIT OR Apache-2.0
// crasher - three threads wait at known places of known functions, the fourth crashes.
#include <pthread.h>
#include <unistd.h>

static pthread_barrier_t all_there;
static volatile int stop;

__attribute__((noinline)) static void waits_deep(int level)
{
	if (level)
		waits_deep(level - 1);
	else
		while (!stop)
			pause();
	__asm__ volatile("");
}

static void *waiter(void *arg)
{
	pthread_barrier_wait(&all_there);
	waits_deep(*(int *)arg);
	return NULL;
}

__attribute__((noinline)) static void crashes(volatile int *where, int value)
{
	*where = value;
}

static void *crasher(void *arg)
{
	pthread_barrier_wait(&all_there);
	usleep(50000);
	crashes(arg, 4711);
	return NULL;
}

int main(void)
{
	static int levels[2] = {3, 5};
	pthread_t thread;

	pthread_barrier_init(&all_there, NULL, 4);
	pthread_create(&thread, NULL, waiter, &levels[0]);
	pthread_create(&thread, NULL, waiter, &levels[1]);
	pthread_create(&thread, NULL, crasher, (void *)16);
	pthread_barrier_wait(&all_there);
	waits_deep(1);
}
