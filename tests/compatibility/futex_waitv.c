/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* futex_waitv.c - waiting for one of several futexes. */
#include "t_.h"

#include <linux/futex.h>
#include <pthread.h>

T_SUITE(futex_waitv);

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

enum { MS = 1000000, U32 = 2, PRIVATE = FUTEX_PRIVATE_FLAG, MOST = 128 };

struct waiter {
	uint64_t value, word;
	uint32_t flags, reserved;
};

static long waitv(void *w, unsigned count, unsigned flags, const void *timeout, int clock)
{
	return syscall(SYS_futex_waitv, w, count, flags, timeout, clock);
}

static long wake(uint32_t *word, int private)
{
	return syscall(SYS_futex, word, FUTEX_WAKE | private, 10, NULL, NULL, 0);
}

static struct waiter on(uint32_t *word, uint32_t value, uint32_t flags)
{
	return (struct waiter){value, (uintptr_t)word, U32 | flags, 0};
}

static struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms * MS;
	t.tv_sec += t.tv_nsec / (1000 * MS);
	t.tv_nsec %= 1000 * MS;
	return t;
}

static uint32_t *shared_page(void)
{
	uint32_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		t_stop("mmap failed");
	return at;
}

T_CASE(errors)
{
	uint32_t word = 5, words[MOST] = {0};
	struct waiter w = on(&word, 5, PRIVATE), bad = w, many[MOST + 1], pair[2];
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 10), broken = {0, 1000 * MS};

	t_errno(waitv(&w, 0, 0, NULL, 0), EINVAL);
	t_errno(waitv(NULL, 1, 0, NULL, 0), EINVAL);
	t_errno(waitv((void *)8, 1, 0, NULL, 0), EFAULT);
	t_errno(waitv(&w, 1, 1, NULL, 0), EINVAL);
	t_errno(waitv(&w, 1, 0, (void *)8, CLOCK_MONOTONIC), EFAULT);
	t_errno(waitv(&w, 1, 0, &broken, CLOCK_MONOTONIC), EINVAL);
	t_errno(waitv(&w, 1, 0, &soon, CLOCK_BOOTTIME), EINVAL);
	bad.reserved = 1;
	t_errno(waitv(&bad, 1, 0, NULL, 0), EINVAL);
	bad = on(&word, 5, 0x100);
	t_errno(waitv(&bad, 1, 0, NULL, 0), EINVAL);
	bad = w;
	bad.flags = PRIVATE | 3; /* 64 bits */
	t_errno(waitv(&bad, 1, 0, NULL, 0), EINVAL);
	bad = on((uint32_t *)((char *)&word + 1), 5, 0);
	t_errno(waitv(&bad, 1, 0, NULL, 0), EINVAL);
	bad = on((uint32_t *)8, 5, 0);
	t_errno(waitv(&bad, 1, 0, NULL, 0), EFAULT);
	bad.flags |= PRIVATE;
	t_errno(waitv(&bad, 1, 0, NULL, 0), EFAULT);
	pair[0] = w;
	pair[1] = on(&word, 4, PRIVATE);
	t_errno(waitv(pair, 2, 0, NULL, 0), EAGAIN);
	t_errno(waitv(pair + 1, 1, 0, NULL, 0), EAGAIN);
	t_ret(wake(&word, PRIVATE), 0); /* nothing stayed queued */
	for (int i = 0; i < MOST; i++)
		many[i] = on(&words[i], 0, PRIVATE);
	many[MOST] = w;
	t_errno(waitv(many, MOST + 1, 0, NULL, 0), EINVAL);
	t_errno(waitv(many, MOST, 0, &soon, CLOCK_MONOTONIC), ETIMEDOUT);
}

T_CASE(time_limits)
{
	static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME};
	uint32_t word = 0;
	struct waiter w[2] = {on(&word, 0, PRIVATE), on(&word, 0, 0)};
	struct timespec past = {1, 0};

	for (unsigned i = 0; i < 2; i++) {
		struct timespec at = in_ms(clocks[i], 30);
		long long start = t_now_ns();

		t_errno(waitv(w, 2, 0, &at, clocks[i]), ETIMEDOUT);
		t_check(t_now_ns() - start >= 29 * MS);
		t_errno(waitv(w, 2, 0, &past, clocks[i]), ETIMEDOUT);
	}
}

T_CASE(tells_which)
{
	uint32_t *word = shared_page();
	struct waiter w[MOST];
	pid_t pid;

	for (int i = 0; i < MOST; i++)
		w[i] = on(&word[i], 0, 0);
	for (int i = 0; i < MOST; i += 127 / 3) {
		T_CHILD(pid)
		{
			t_ret(waitv(w, MOST, 0, NULL, 0), i);
		}
		t_check(t_wait_state(pid, 'S'));
		t_ret(wake(&word[i], 0), 1);
		t_exit(pid, 0);
		t_ret(wake(&word[(i + 1) % MOST], 0), 0);
	}
}

T_CASE(same_word_twice)
{
	uint32_t *word = shared_page();
	struct waiter w[2] = {on(word, 0, 0), on(word, 0, 0)};
	long got;
	pid_t pid;

	T_CHILD(pid)
	{
		got = waitv(w, 2, 0, NULL, 0);
		t_check(got == 0 || got == 1);
	}
	t_check(t_wait_state(pid, 'S'));
	t_check(wake(word, 0) >= 1);
	t_exit(pid, 0);
	t_ret(wake(word, 0), 0);
}

static void nothing(int sig)
{
}

T_CASE(interrupted)
{
	uint32_t *word = shared_page();
	struct waiter w = on(word, 0, 0);
	pid_t pid;

	T_CHILD(pid)
	{
		t_handler(SIGUSR1, nothing, 0);
		t_errno(waitv(&w, 1, 0, NULL, 0), EINTR);
		t_handler(SIGUSR1, nothing, SA_RESTART);
		t_ret(waitv(&w, 1, 0, NULL, 0), 0);
	}
	t_check(t_wait_state(pid, 'S'));
	kill(pid, SIGUSR1);
	t_sleep_ms(30);
	t_check(t_wait_state(pid, 'S'));
	kill(pid, SIGUSR1);
	t_sleep_ms(30);
	t_check(t_wait_state(pid, 'S'));
	t_ret(wake(word, 0), 1);
	t_exit(pid, 0);
}

/* Two threads hand a turn to and fro over either of two words: no wake-up is lost. */
enum { ROUNDS = 2000 };
static _Atomic uint32_t turn[2];

static void *answering(void *arg)
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct waiter w[2] = {on((uint32_t *)&turn[0], i, PRIVATE),
			on((uint32_t *)&turn[1], i + 1, PRIVATE)};

		while (turn[0] == i)
			waitv(w, 2, 0, NULL, 0);
		turn[1] = i + 1;
		wake((uint32_t *)&turn[1], PRIVATE);
	}
	return NULL;
}

T_CASE_LIMIT(to_and_fro, 60)
{
	pthread_t thread;

	t_ret(pthread_create(&thread, NULL, answering, NULL), 0);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct waiter w[2] = {on((uint32_t *)&turn[1], i, PRIVATE),
			on((uint32_t *)&turn[0], i + 1, PRIVATE)};

		turn[0] = i + 1;
		wake((uint32_t *)&turn[0], PRIVATE);
		while (turn[1] == i)
			waitv(w, 2, 0, NULL, 0);
	}
	t_ret(pthread_join(thread, NULL), 0);
	t_eq(turn[0] + turn[1], 2 * ROUNDS);
}
