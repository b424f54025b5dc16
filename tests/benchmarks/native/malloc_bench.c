/* libexo_malloc beside glibc's malloc and jemalloc: the program runs itself once with each of them
 * preloaded, so that all run the same code.
 * needs: build/x86_64/libs/libexo_malloc.so */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "native_bench.h"

#define THREADS 2
#define SLOTS   1024
#define OPS     200000

static const char *allocator;
static void *held[SLOTS];

static const char *named(const char *what)
{
	static char name[80];

	snprintf(name, sizeof(name), "%s_%s", what, allocator);
	return name;
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	return *state ^= *state << 5;
}

/* Blocks of 16 to 1024 bytes that live for a while and are freed by whatever thread comes by. */
static void *exchange(void *arg)
{
	uint32_t state = 1u + (uint32_t)(uintptr_t)arg;

	for (int i = 0; i < OPS; i++) {
		char *p = malloc(16 + next_random(&state) % 1009);

		*p = 1;
		free(__atomic_exchange_n(&held[next_random(&state) % SLOTS], p, __ATOMIC_ACQ_REL));
	}
	return NULL;
}

static void threads(void)
{
	static double samples[30];

	for (size_t s = 0; s < 30; s++) {
		pthread_t t[THREADS];
		uint64_t from = native_cycles();

		for (uintptr_t i = 0; i < THREADS; i++)
			pthread_create(&t[i], NULL, exchange, (void *)(s * THREADS + i));
		for (int i = 0; i < THREADS; i++)
			pthread_join(t[i], NULL);
		samples[s] = (double)(native_cycles() - from) / OPS;
	}
	native_report(named("exchange_16_to_1024_2_threads"), "cycles", samples, 30);
}

static void run(void)
{
	char *big = NULL;

	NATIVE_BENCH(named("pair_64"), {
		void *p = malloc(64);
		NATIVE_USE(p);
		free(p);
	});
	NATIVE_BENCH(named("malloc_or_free_64_runs_of_32"), {
		if (i < NATIVE_BATCH / 2)
			held[i] = malloc(64);
		else
			free(held[i - NATIVE_BATCH / 2]);
	});
	NATIVE_BENCH(named("pair_4096"), {
		void *p = malloc(4096);
		NATIVE_USE(p);
		free(p);
	});
	NATIVE_BENCH(named("pair_100000"), {
		void *p = malloc(100000);
		NATIVE_USE(p);
		free(p);
	});
	NATIVE_BENCH(named("calloc_free_256"), {
		void *p = calloc(16, 16);
		NATIVE_USE(p);
		free(p);
	});
	NATIVE_BENCH(named("realloc_by_4096_to_256k"), {
		big = realloc(big, (size_t)(i + 1) * 4096);
		big[i * 4096] = 1;
	});
	free(big);
	memset(held, 0, sizeof(held));
	threads();
}

static int with(const char *self, const char *name, const char *library)
{
	int status = -1;
	pid_t child;

	if (library && access(library, R_OK) != 0) {
		printf("(%s is not installed)\n", library);
		return 0;
	}
	child = fork();
	if (child == 0) {
		if (library)
			setenv("LD_PRELOAD", library, 1);
		execl(self, self, name, NULL);
		_exit(127);
	}
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		allocator = argv[1];
		run();
		return 0;
	}
	fflush(stdout);
	return with(argv[0], "glibc", NULL) |
	       with(argv[0], "jemalloc", "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2") |
	       with(argv[0], "exo", "build/x86_64/libs/libexo_malloc.so");
}
