/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of exo-bench share. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
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
void bench_one_cpu(void);              /* from now on, so that a yield can only mean a switch */
bool bench_child_left(pid_t pid);      /* waits for it; with EXIT_CODE? */
const char *bench_dir(void);           /* a folder in memory, emptied at the end */
void bench_needs(const char *program); /* without it the line is left out: ends the process */
void bench_setup_large(void);          /* so much memory as an ordinary service uses, touched */

struct bench {
	const char *name;
	void (*setup)(void);
	batch_fn batch;
	int ops;     /* operations in a sample */
	int samples; /* in a full run; a tenth of it in a quick one, none of less than 10 */
};

extern const struct bench native_benches[]; /* native_bench.c */
extern const int native_bench_count;
extern const struct bench wake_benches[]; /* wake_bench.c */
extern const int wake_bench_count;
extern const struct bench program_benches[]; /* program_bench.c */
extern const int program_bench_count;
