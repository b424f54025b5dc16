/* Cycles of the real CPU, as a distribution. Used by tests/benchmarks/native/ programs.
 *
 * A sample is a batch of operations between two rdtscp, divided by their number; an interrupt shows
 * in p99 and max only. Prints lines BENCH,name,n,unit,min,p50,p95,p99,max; `run` reads them. What
 * this machine cannot measure is a line SKIP,name,why. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define NATIVE_SAMPLES 20000
#define NATIVE_BATCH   64

static inline uint64_t native_cycles(void)
{
	uint32_t low, high, cpu;

	__asm__ volatile("rdtscp\n\tlfence" : "=a"(low), "=d"(high), "=c"(cpu)::"memory");
	return (uint64_t)high << 32 | low;
}

static int native_less(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline void native_report(const char *name, const char *unit, double *samples, size_t n)
{
	qsort(samples, n, sizeof(*samples), native_less);
	printf("BENCH,%s,%zu,%s,%.1f,%.1f,%.1f,%.1f,%.1f\n", name, n, unit, samples[0],
		samples[n / 2], samples[n * 95 / 100], samples[n * 99 / 100], samples[n - 1]);
	fflush(stdout);
}

/* NATIVE_BENCH - cycles of one `statement`; `i` counts from 0 to NATIVE_BATCH - 1 inside it. */
#define NATIVE_BENCH(name, statement)                                                            \
	do {                                                                                     \
		static double samples_[NATIVE_SAMPLES];                                          \
		for (int s_ = -NATIVE_SAMPLES / 10; s_ < NATIVE_SAMPLES;                         \
			s_++) { /* the first are warm-up */                                      \
			uint64_t from_ = native_cycles();                                        \
			for (int i = 0; i < NATIVE_BATCH; i++) {                                 \
				statement;                                                       \
			}                                                                        \
			if (s_ >= 0)                                                             \
				samples_[s_] = (double)(native_cycles() - from_) / NATIVE_BATCH; \
		}                                                                                \
		native_report(name, "cycles", samples_, NATIVE_SAMPLES);                         \
	} while (0)

/* NATIVE_FEW - as NATIVE_BENCH for what takes long: @n samples of @per operations, divided by
 * @messages. */
#define NATIVE_FEW(name, n, per, messages, statement)                                           \
	do {                                                                                    \
		static double samples_[n];                                                      \
		for (int s_ = -(n) / 10; s_ < (n); s_++) {                                      \
			uint64_t from_ = native_cycles();                                       \
			for (int i = 0; i < (per); i++) {                                       \
				statement;                                                      \
			}                                                                       \
			if (s_ >= 0)                                                            \
				samples_[s_] =                                                  \
					(double)(native_cycles() - from_) / (per) / (messages); \
		}                                                                               \
		native_report(name, "cycles", samples_, n);                                     \
	} while (0)

/* The measured code did its work, or there is no figure. */
#define require(cond)                                                      \
	do {                                                               \
		if (!(cond)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #cond); \
			exit(1);                                           \
		}                                                          \
	} while (0)

/* Keeps the compiler from seeing what becomes of @p. */
#define NATIVE_USE(p) __asm__ volatile("" : "+r"(p)::"memory")
