/* malloc_stress - the malloc family under threads, forks and every size. Run it under
 * LD_PRELOAD=libexo_malloc.so, or built with EXO_MALLOC_PREFIX, or (to check the test) as it is.
 *
 * usage: malloc_stress [ROUNDS]      prints "ok CASE" or "not ok CASE: why" a line each */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef EXO_MALLOC_PREFIX
#include "exo_malloc/exo_malloc.h"
#define malloc             exo_malloc
#define free               exo_free
#define calloc             exo_calloc
#define realloc            exo_realloc
#define reallocarray       exo_reallocarray
#define aligned_alloc      exo_aligned_alloc
#define memalign           exo_memalign
#define posix_memalign     exo_posix_memalign
#define malloc_usable_size exo_malloc_usable_size
#endif

#define THREADS 4
#define SLOTS   512

static int failed;
static unsigned rounds = 20000;

#define CHECK(cond)                                                              \
	do {                                                                     \
		if (!(cond)) {                                                   \
			printf("not ok %s:%d: %s\n", __func__, __LINE__, #cond); \
			failed = 1;                                              \
			return;                                                  \
		}                                                                \
	} while (0)

struct block {
	unsigned char *p;
	size_t bytes;
	unsigned char mark;
};

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	return *state ^= *state << 5;
}

static size_t random_size(uint32_t *state)
{
	uint32_t r = next_random(state) % 1000;

	if (r < 800)
		return next_random(state) % 512;
	if (r < 960)
		return next_random(state) % 20000;
	if (r < 995)
		return next_random(state) % 300000;
	return next_random(state) % 3000000;
}

/* Writes both ends and the middle, so that blocks that overlap are found by their marks. */
static void block_fill(struct block *b)
{
	size_t edge = b->bytes < 256 ? b->bytes : 256;

	memset(b->p, b->mark, edge);
	memset(b->p + b->bytes - edge, b->mark, edge);
	if (b->bytes)
		b->p[b->bytes / 2] = b->mark;
}

static bool block_good(const struct block *b, size_t bytes)
{
	size_t edge = bytes < 256 ? bytes : 256;

	for (size_t i = 0; i < edge; i++)
		if (b->p[i] != b->mark)
			return false;
	if (bytes < b->bytes)
		return true;
	for (size_t i = 0; i < edge; i++)
		if (b->p[bytes - 1 - i] != b->mark)
			return false;
	return !bytes || b->p[bytes / 2] == b->mark;
}

static void *block_make(struct block *b, uint32_t *state)
{
	size_t align = 16ul << next_random(state) % 10;
	bool zero = false;

	b->bytes = random_size(state);
	b->mark = (unsigned char)next_random(state);
	switch (next_random(state) % 8) {
	case 0:
		b->p = calloc(1, b->bytes);
		zero = true;
		break;
	case 1:
		b->p = aligned_alloc(align, b->bytes);
		if ((uintptr_t)b->p % align)
			return NULL;
		break;
	default:
		b->p = malloc(b->bytes);
	}
	if (!b->p || (uintptr_t)b->p % 16 || malloc_usable_size(b->p) < b->bytes)
		return NULL;
	for (size_t i = 0; zero && i < b->bytes; i += i < 4096 ? 1 : 509)
		if (b->p[i])
			return NULL;
	block_fill(b);
	return b->p;
}

static void sizes(void)
{
	for (size_t n = 0; n < 70000; n += n < 5000 ? 1 : 97) {
		struct block b = {malloc(n), n, (unsigned char)n};

		CHECK(b.p && malloc_usable_size(b.p) >= n && (uintptr_t)b.p % 16 == 0);
		CHECK(malloc_usable_size(b.p) <= n + n / 4 + 4096);
		block_fill(&b);
		CHECK(block_good(&b, n));
		free(b.p);
	}
	for (size_t n = 1 << 17; n <= 1 << 26; n *= 2)
		for (size_t by = 0; by < 3; by++) {
			struct block b = {malloc(n - 1 + by), n - 1 + by, 7};

			CHECK(b.p);
			block_fill(&b);
			CHECK(block_good(&b, b.bytes));
			free(b.p);
		}
	printf("ok sizes\n");
}

static void errors(void)
{
	volatile size_t huge = SIZE_MAX, half = SIZE_MAX / 2;
	void *p = &failed, *kept = malloc(100);

	errno = 0;
	CHECK(!malloc(huge) && errno == ENOMEM);
	CHECK(!malloc(half) && !calloc(half, 3) && !calloc(huge, 1));
	CHECK(!reallocarray(kept, half, 4) && !realloc(kept, half));
	CHECK(posix_memalign(&p, 3, 10) == EINVAL && posix_memalign(&p, 4, 10) == EINVAL &&
		p == &failed);
	CHECK(posix_memalign(&p, 64, half) == ENOMEM && p == &failed);
	free(kept);
	free(NULL);
	CHECK(malloc_usable_size(NULL) == 0);
	p = calloc(0, 5);
	CHECK(p);
	free(p);
	printf("ok errors\n");
}

static void alignments(void)
{
	for (size_t align = 8; align <= 16ul << 20; align *= 2)
		for (size_t n = 1; n <= 5ul << 20; n = n * 7 + 1) {
			void *p, *q;

			CHECK(!posix_memalign(&p, align, n) && (uintptr_t)p % align == 0);
			CHECK(malloc_usable_size(p) >= n);
			memset(p, 1, n < 4096 ? n : 4096);
			q = memalign(align, n);
			CHECK(q && q != p && (uintptr_t)q % align == 0);
			memset(q, 2, n < 4096 ? n : 4096);
			CHECK(*(char *)p == 1);
			p = realloc(p, n * 2);
			CHECK(p && *(char *)p == 1);
			free(p);
			free(q);
		}
	printf("ok alignments\n");
}

static void resizes(void)
{
	uint32_t state = 99;
	struct block b = {malloc(1), 1, 'r'};

	block_fill(&b);
	for (unsigned i = 0; i < rounds / 4; i++) {
		size_t bytes =
			1 + (i % 50 ? random_size(&state) : next_random(&state) % (16 << 20));
		unsigned char *p = realloc(b.p, bytes);

		CHECK(p);
		b.p = p;
		CHECK(block_good(&b, bytes < b.bytes ? bytes : b.bytes));
		b.bytes = bytes;
		block_fill(&b);
	}
	free(b.p);
	printf("ok resizes\n");
}

/* Threads allocate, exchange blocks over shared slots, and free what others made; some end early,
 * and others take their place. */
static struct block *slot[SLOTS];
static int bad; /* atomic */

static void *exchange(void *arg)
{
	uint32_t state = 12345u + (uint32_t)(uintptr_t)arg * 7919u;

	for (unsigned i = 0; i < rounds; i++) {
		struct block *b = malloc(sizeof(*b));

		if (!b || !block_make(b, &state)) {
			__atomic_store_n(&bad, 1, __ATOMIC_RELAXED);
			return NULL;
		}
		b = __atomic_exchange_n(&slot[next_random(&state) % SLOTS], b, __ATOMIC_ACQ_REL);
		if (!b)
			continue;
		if (!block_good(b, b->bytes))
			__atomic_store_n(&bad, 2, __ATOMIC_RELAXED);
		free(b->p);
		free(b);
	}
	return NULL;
}

static void slots_empty(void)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct block *b = __atomic_exchange_n(&slot[i], NULL, __ATOMIC_ACQ_REL);

		if (b)
			free(b->p);
		free(b);
	}
}

static void threads(void)
{
	pthread_t t[THREADS];

	for (unsigned generation = 0; generation < 4; generation++) {
		for (uintptr_t i = 0; i < THREADS; i++)
			CHECK(!pthread_create(
				&t[i], NULL, exchange, (void *)(generation * THREADS + i)));
		for (unsigned i = 0; i < THREADS; i++)
			pthread_join(t[i], NULL);
	}
	slots_empty();
	CHECK(!__atomic_load_n(&bad, __ATOMIC_RELAXED));
	printf("ok threads\n");
}

static bool forks_done; /* atomic */

static void *churn(void *arg)
{
	uint32_t state = 5u + (uint32_t)(uintptr_t)arg;

	while (!__atomic_load_n(&forks_done, __ATOMIC_RELAXED)) {
		struct block b;

		if (!block_make(&b, &state) || !block_good(&b, b.bytes))
			__atomic_store_n(&bad, 3, __ATOMIC_RELAXED);
		free(b.p);
	}
	return NULL;
}

/* A child of a process whose other threads were in the middle of it all can allocate. */
static void forks(void)
{
	unsigned count = rounds / 400 + 2;
	pthread_t t[2];

	for (uintptr_t i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, churn, (void *)i));
	for (unsigned n = 0; n < count; n++) {
		int status = -1;
		pid_t child = fork();

		if (!child) {
			uint32_t state = n + 1;

			alarm(60);
			for (unsigned i = 0; i < 300; i++) {
				struct block b;

				if (!block_make(&b, &state) || !block_good(&b, b.bytes))
					_exit(1);
				free(b.p);
			}
			_exit(0);
		}
		CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	}
	__atomic_store_n(&forks_done, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK(!__atomic_load_n(&bad, __ATOMIC_RELAXED));
	printf("ok forks\n");
}

#ifdef EXO_MALLOC_PREFIX
/* Little of what is mapped is not live, and most of it is given back after. */
static void gives_back(void)
{
	struct exo_malloc_info info;
	static struct block b[20000];
	uint64_t before;
	size_t live = 0;
	uint32_t state = 77;

	exo_malloc_read_info(&info);
	before = info.mapped_bytes;
	for (unsigned i = 0; i < 20000; i++) {
		b[i].bytes = 1 + next_random(&state) % 4000;
		b[i].p = malloc(b[i].bytes);
		live += b[i].bytes;
	}
	exo_malloc_read_info(&info);
	printf("# %zu kB live in %zu kB mapped, %zu kB of it before\n", live / 1024,
		(size_t)info.mapped_bytes / 1024, (size_t)before / 1024);
	CHECK(info.mapped_bytes < live * 5 / 4 + before);
	for (unsigned i = 0; i < 20000; i++)
		free(b[i].p);
	exo_malloc_read_info(&info);
	printf("# then %zu kB\n", (size_t)info.mapped_bytes / 1024);
	CHECK(info.mapped_bytes - before <= live * 2 / 3);
	printf("ok gives_back\n");
}

/* malloc and free of live sets smaller than a magazine hardly ever visit the slabs. */
static void hits(void)
{
	struct exo_malloc_info first, last;
	uint32_t state = 4;
	void *held[40] = {0};

	exo_malloc_read_info(&first);
	for (unsigned i = 0; i < 100000; i++) {
		void **p = &held[next_random(&state) % 40];

		free(*p);
		*p = malloc(next_random(&state) % 1024);
	}
	for (unsigned i = 0; i < 40; i++)
		free(held[i]);
	exo_malloc_read_info(&last);
	printf("# of 100000 allocations %zu found their magazine empty\n",
		(size_t)(last.slow_allocs - first.slow_allocs));
	CHECK(last.slow_allocs - first.slow_allocs < 5000);
	CHECK(last.slow_frees - first.slow_frees < 5000);
	printf("ok hits\n");
}
#endif

/* Without strtol, which newer C libraries bind to a version that the image's has not. */
static unsigned number(const char *text)
{
	unsigned n = 0;

	while (*text >= '0' && *text <= '9')
		n = n * 10 + (unsigned)(*text++ - '0');
	return n;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = number(argv[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	sizes();
	errors();
	alignments();
#ifdef EXO_MALLOC_PREFIX
	gives_back();
	hits();
#endif
	resizes();
	threads();
	forks();
	return failed;
}
