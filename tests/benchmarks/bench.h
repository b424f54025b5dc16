/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of exo-bench share. */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum {
	PAGE_BYTES = 4096,
	EXIT_CODE = 42, /* of a child, so that a status of 0 by accident is not taken for work */
};

#define fail(...)                                   \
	do {                                        \
		printf("BENCH-ERROR,%s,", current); \
		printf(__VA_ARGS__);                \
		printf(" (errno %d)\n", errno);     \
		fflush(stdout);                     \
		_exit(1);                           \
	} while (0)
#define require(cond)                                         \
	do {                                                  \
		if (!(cond))                                  \
			fail("line %d: %s", __LINE__, #cond); \
	} while (0)

extern const char *current;   /* benchmark */
extern const char *self_path; /* this program */
extern char page[PAGE_BYTES];

/* Runs a batch; returns its time. Preparation outside the two readings is not measured. */
typedef int64_t (*batch_fn)(int ops);

int64_t now_ns(void);
extern int bench_null_fd; /* /dev/null, for writing */
void bench_setup_null(void);
int64_t bench_write_null(int ops);
void bench_setup_large(void); /* so much memory as an ordinary service uses, touched */

struct bench {
	const char *name;
	void (*setup)(void);
	batch_fn batch;
	int ops;     /* operations in a sample */
	int samples; /* in a full run */
};

extern const struct bench native_benches[]; /* native_bench.c */
extern const int native_bench_count;
