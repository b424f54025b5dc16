/* What libs/exo_std gives a program to wait with, uncontended, beside the C library's and Linux's
 * own calls.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <exo_std/sync.h>
#include "native_bench.h"

static struct exo_mutex mutex;
static struct exo_gate gate;
static pthread_mutex_t linux_mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t counter;
static uint32_t word;

int main(void)
{
	uint64_t wanted = 3ull * NATIVE_BATCH * (NATIVE_SAMPLES + NATIVE_SAMPLES / 10);

	NATIVE_BENCH("exo_mutex_lock_unlock", {
		exo_mutex_lock(&mutex);
		counter++;
		exo_mutex_unlock(&mutex);
	});
	NATIVE_BENCH("exo_mutex_try_unlock", {
		counter += exo_mutex_try(&mutex);
		exo_mutex_unlock(&mutex);
	});
	NATIVE_BENCH("pthread_mutex_lock_unlock", {
		pthread_mutex_lock(&linux_mutex);
		counter++;
		pthread_mutex_unlock(&linux_mutex);
	});
	require(counter == wanted && !mutex.word);
	NATIVE_FEW("exo_gate_signal_nobody_waits", 5000, 16, 1, exo_gate_signal(&gate));
	NATIVE_FEW("linux_futex_wake_nobody_waits", 5000, 16, 1,
		require(!syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0)));
	return 0;
}
