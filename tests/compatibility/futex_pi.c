/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* futex_pi.c - futexes that inherit priority: words, errors, hand-over, deadlock, owners that end,
 * requeueing, and glibc's mutexes. */
#include "t_.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

T_SUITE(futex_pi);

enum { MS = 1000000 };
#define LOCK_PI2 13

static long futex(
	void *word, int op, uint32_t value, const void *timeout, void *second, uint32_t third)
{
	return syscall(SYS_futex, word, op, value, timeout, second, third);
}
static long lock(uint32_t *word)
{
	return futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
}
static long unlock(uint32_t *word)
{
	return futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}
static uint32_t tid(void)
{
	return (uint32_t)syscall(SYS_gettid);
}
static uint32_t look(uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}
static uint32_t *shared_words(void)
{
	uint32_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		t_stop("mmap failed");
	return at;
}
static struct timespec after(clockid_t clock, long long ns)
{
	struct timespec t;

	clock_gettime(clock, &t);
	ns += t.tv_sec * 1000000000ll + t.tv_nsec;
	return (struct timespec){ns / 1000000000, ns % 1000000000};
}

T_CASE(words_and_errors)
{
	uint32_t word = 0;
	struct timespec bad = {0, 1000000000};
	pid_t pid;

	t_ret(lock(&word), 0);
	t_eq(word, tid());
	t_errno(lock(&word), EDEADLK);
	t_errno(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	t_errno(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
	t_ret(unlock(&word), 0);
	t_eq(word, 0);
	t_errno(unlock(&word), EPERM);
	t_ret(futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	t_eq(word, tid());
	t_ret(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	T_CHILD(pid)
	{
		_exit(0);
	}
	t_exit(pid, 0);
	word = (uint32_t)pid; /* nobody */
	t_errno(lock(&word), ESRCH);
	word = 0x3ffffffe;
	t_errno(lock(&word), ESRCH);
	word = FUTEX_OWNER_DIED;
	t_ret(lock(&word), 0);
	t_eq(word, tid() | FUTEX_OWNER_DIED);
	t_ret(unlock(&word), 0);
	t_errno(lock((uint32_t *)((char *)&word + 1)), EINVAL);
	t_errno(lock((uint32_t *)8), EFAULT);
	t_errno(unlock((uint32_t *)8), EFAULT);
	t_errno(futex(&word, FUTEX_LOCK_PI, 0, &bad, NULL, 0), EINVAL);
	t_errno(futex(&word, FUTEX_LOCK_PI, 0, (void *)8, NULL, 0), EFAULT);
	t_errno(futex(&word, FUTEX_UNLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
	uint32_t *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t_errno(lock(page), EFAULT); /* it cannot be written */
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t_ret(lock(page), 0); /* not there yet */
	t_eq(*page, tid());
	t_ret(unlock(page), 0);
}

T_CASE(timeouts)
{
	uint32_t *word = shared_words();
	pid_t pid;

	t_ret(lock(word), 0);
	T_CHILD(pid)
	{
		struct timespec at = after(CLOCK_REALTIME, 30 * MS);
		long long start = t_now_ns();

		t_errno(futex(word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EAGAIN);
		t_errno(futex(word, FUTEX_LOCK_PI, 0, &at, NULL, 0), ETIMEDOUT);
		t_check(t_now_ns() - start >= 29 * MS);
		t_errno(futex(word, FUTEX_LOCK_PI, 0, &at, NULL, 0), ETIMEDOUT); /* past */
		at = after(CLOCK_MONOTONIC, 30 * MS);
		start = t_now_ns();
		t_errno(futex(word, LOCK_PI2, 0, &at, NULL, 0), ETIMEDOUT);
		t_check(t_now_ns() - start >= 29 * MS);
		at = after(CLOCK_REALTIME, 10 * MS);
		t_errno(futex(word, LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &at, NULL, 0), ETIMEDOUT);
		t_errno(unlock(word), EPERM);
	}
	t_exit(pid, 0);
	t_eq(look(word), tid() | FUTEX_WAITERS);
	t_ret(unlock(word), 0);
	t_eq(look(word), 0);
}

T_CASE(unlock_hands_over)
{
	uint32_t *word = shared_words();
	pid_t pid;

	t_ret(lock(word), 0);
	T_CHILD(pid)
	{
		t_ret(lock(word), 0);
		t_eq(look(word), tid() | FUTEX_WAITERS);
		t_ret(unlock(word), 0);
	}
	t_check(t_wait_state(pid, 'S'));
	t_eq(look(word), tid() | FUTEX_WAITERS);
	t_errno(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL); /* not so */
	t_errno(futex(word, FUTEX_REQUEUE, 0, (void *)1l, word + 8, 0), EINVAL);
	t_ret(unlock(word), 0);
	t_check(look(word) != (tid() | FUTEX_WAITERS));
	t_exit(pid, 0);
	t_eq(look(word), 0);
}

T_CASE(first_come_first_served_by_priority)
{
	uint32_t *word = shared_words(), *turn = word + 8, *order = word + 16;
	static const int priority[4] = {0, 10, 30, 20}, wanted[4] = {2, 3, 1, 0};
	pid_t pids[4];

	t_ret(lock(word), 0);
	for (int i = 0; i < 4; i++) {
		T_CHILD(pids[i])
		{
			struct sched_param p = {priority[i]};

			if (p.sched_priority)
				t_ret(sched_setscheduler(0, SCHED_FIFO, &p), 0);
			t_ret(lock(word), 0);
			order[(*turn)++] = (uint32_t)i;
			t_ret(unlock(word), 0);
		}
		t_check(t_wait_state(pids[i], 'S'));
	}
	t_ret(unlock(word), 0);
	for (int i = 0; i < 4; i++)
		t_exit(pids[i], 0);
	for (int i = 0; i < 4; i++)
		t_eq(order[i], wanted[i]);
}

T_CASE(circles_are_refused)
{
	uint32_t *a = shared_words(), *b = a + 8;
	pid_t pid;

	t_ret(lock(a), 0);
	T_CHILD(pid)
	{
		t_ret(lock(b), 0);
		t_ret(lock(a), 0);
		t_ret(unlock(a), 0);
		t_ret(unlock(b), 0);
	}
	t_check(t_wait_state(pid, 'S'));
	t_errno(lock(b), EDEADLK);
	t_ret(unlock(a), 0);
	t_exit(pid, 0);
	t_ret(lock(b), 0);
	t_ret(unlock(b), 0);
}

T_CASE(owner_ends)
{
	uint32_t *word = shared_words();
	int go[2];
	pid_t owner, other;

	t_pipe(go);
	T_CHILD(owner)
	{
		t_ret(lock(word), 0);
		t_get(go[0]);
		_exit(3);
	}
	while (!look(word))
		t_sleep_ms(1);
	T_CHILD(other)
	{
		t_ret(lock(word), 0);
		t_eq(look(word), tid() | FUTEX_WAITERS | FUTEX_OWNER_DIED);
		t_ret(unlock(word), 0);
	}
	t_check(t_wait_state(other, 'S'));
	t_put(go[1]);
	t_exit(owner, 3);
	t_exit(other, 0);
	T_CHILD(owner) /* with nobody waiting the word stays, and names nobody */
	{
		t_ret(lock(word), 0);
	}
	t_exit(owner, 0);
	t_eq(look(word), (uint32_t)owner);
	t_errno(lock(word), ESRCH);
}

T_CASE(waiter_is_killed)
{
	uint32_t *word = shared_words();
	pid_t a, b;

	t_ret(lock(word), 0);
	T_CHILD(a)
	{
		lock(word);
	}
	t_check(t_wait_state(a, 'S'));
	T_CHILD(b)
	{
		t_ret(lock(word), 0);
		t_ret(unlock(word), 0);
	}
	t_check(t_wait_state(b, 'S'));
	kill(a, SIGKILL);
	t_killed(a, SIGKILL);
	t_ret(unlock(word), 0);
	t_exit(b, 0);
	t_eq(look(word), 0);
}

static void nothing(int signo)
{
	(void)signo;
}

T_CASE(signals_do_not_end_a_wait)
{
	uint32_t *word = shared_words();
	struct sigaction sa = {.sa_handler = nothing};
	pid_t pid;

	t_ret(lock(word), 0);
	T_CHILD(pid)
	{
		sigaction(SIGUSR1, &sa, NULL); /* not SA_RESTART */
		t_ret(lock(word), 0);
		t_ret(unlock(word), 0);
	}
	t_check(t_wait_state(pid, 'S'));
	for (int i = 0; i < 5; i++) {
		kill(pid, SIGUSR1);
		t_sleep_ms(5);
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(unlock(word), 0);
	t_exit(pid, 0);
}

T_CASE(requeue_to_a_lock)
{
	uint32_t *cond = shared_words(), *mutex = cond + 8, *count = cond + 16;
	struct timespec at;
	pid_t pids[3];

	t_ret(lock(mutex), 0);
	for (int i = 0; i < 3; i++) {
		T_CHILD(pids[i])
		{
			t_ret(futex(cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, mutex, 0), 0);
			t_eq(look(mutex) & FUTEX_TID_MASK, tid());
			(*count)++;
			t_ret(unlock(mutex), 0);
		}
		t_check(t_wait_state(pids[i], 'S'));
	}
	t_errno(futex(cond, FUTEX_CMP_REQUEUE_PI, 2, (void *)9l, mutex, 0), EINVAL);
	t_errno(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)9l, cond, 0), EINVAL);
	t_errno(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)9l, mutex, 7), EAGAIN);
	t_errno(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)9l, mutex + 2, 0), EINVAL);
	t_errno(futex(cond, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	t_ret(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1l, mutex, 0), 2);
	t_eq(look(mutex), tid() | FUTEX_WAITERS);
	t_ret(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)9l, mutex, 0), 1);
	t_ret(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)9l, mutex, 0), 0);
	t_eq(*count, 0);
	t_ret(unlock(mutex), 0);
	for (int i = 0; i < 3; i++)
		t_exit(pids[i], 0);
	t_eq(*count, 3);
	t_eq(look(mutex), 0);
	T_CHILD(pids[0]) /* the lock is free: it is the waiter's at once */
	{
		t_ret(futex(cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, mutex, 0), 0);
		t_ret(unlock(mutex), 0);
	}
	t_check(t_wait_state(pids[0], 'S'));
	t_ret(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)0l, mutex, 0), 1);
	t_exit(pids[0], 0);
	t_errno(futex(cond, FUTEX_WAIT_REQUEUE_PI, 1, NULL, mutex, 0), EAGAIN);
	t_errno(futex(cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, cond, 0), EINVAL);
	at = after(CLOCK_MONOTONIC, 10 * MS);
	t_errno(futex(cond, FUTEX_WAIT_REQUEUE_PI, 0, &at, mutex, 0), ETIMEDOUT);
	t_ret(lock(mutex), 0);
	T_CHILD(pids[0]) /* moved, then too late */
	{
		at = after(CLOCK_MONOTONIC, 300 * MS);
		t_errno(futex(cond, FUTEX_WAIT_REQUEUE_PI, 0, &at, mutex, 0), ETIMEDOUT);
	}
	t_check(t_wait_state(pids[0], 'S'));
	t_ret(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)0l, mutex, 0), 1);
	t_exit(pids[0], 0);
	t_ret(unlock(mutex), 0);
}

/* An owner of no urgency, a hog of more, a waiter of the most, all on one processor. */
T_CASE_LIMIT(the_owner_runs_by_its_waiters_priority, 30)
{
	uint32_t *word = shared_words();
	volatile uint32_t *state = word + 8;
	struct sched_param low = {10}, high = {20};
	cpu_set_t one;
	pid_t owner, hog, urgent;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	T_CHILD(owner)
	{
		struct timespec t;

		sched_setaffinity(0, sizeof(one), &one);
		t_ret(lock(word), 0);
		state[0] = 1;
		do
			clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
		while (t.tv_nsec < 200 * MS && !t.tv_sec);
		t_ret(unlock(word), 0);
	}
	while (!state[0])
		t_sleep_ms(1);
	T_CHILD(urgent)
	{
		long long start;

		sched_setaffinity(0, sizeof(one), &one);
		sched_setscheduler(0, SCHED_FIFO, &high);
		state[1] = 1;
		while (!state[2])
			t_sleep_ms(1);
		start = t_now_ns();
		t_ret(lock(word), 0);
		t_check(t_now_ns() - start < 1500ll * MS); /* by the hog's leave it would be 4 s */
		t_ret(unlock(word), 0);
	}
	while (!state[1])
		t_sleep_ms(1);
	T_CHILD(hog)
	{
		sched_setaffinity(0, sizeof(one), &one);
		sched_setscheduler(0, SCHED_FIFO, &low);
		state[2] = 1;
		for (;;)
			;
	}
	t_exit(urgent, 0);
	kill(hog, SIGKILL);
	t_killed(hog, SIGKILL);
	t_exit(owner, 0);
}

/* ---- as glibc uses them ---- */

static pthread_mutex_t pi_mutex;
static pthread_cond_t pi_cond = PTHREAD_COND_INITIALIZER;
static long counter, turns;

static void make_pi(pthread_mutex_t *m, int type, int robust, int shared)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_settype(&a, type);
	pthread_mutexattr_setrobust(&a, robust);
	pthread_mutexattr_setpshared(&a, shared);
	t_ret(pthread_mutex_init(m, &a), 0);
}

static void *count_up(void *arg)
{
	long n = (long)arg;

	for (long i = 0; i < n; i++) {
		pthread_mutex_lock(&pi_mutex);
		long seen = counter;
		if (i % 16 == 0)
			sched_yield();
		counter = seen + 1;
		pthread_mutex_unlock(&pi_mutex);
	}
	return NULL;
}

T_CASE_LIMIT(pthread_mutex_excludes, 60)
{
	pthread_t threads[6];
	struct timespec at;

	make_pi(&pi_mutex, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED,
		PTHREAD_PROCESS_PRIVATE);
	t_ret(pthread_mutex_lock(&pi_mutex), 0);
	t_eq(pthread_mutex_lock(&pi_mutex), EDEADLK);
	t_ret(pthread_mutex_unlock(&pi_mutex), 0);
	t_eq(pthread_mutex_unlock(&pi_mutex), EPERM);
	make_pi(&pi_mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	for (int i = 0; i < 6; i++)
		t_ret(pthread_create(&threads[i], NULL, count_up, (void *)500l), 0);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	t_eq(counter, 3000);
	t_ret(pthread_mutex_trylock(&pi_mutex), 0);
	at = after(CLOCK_REALTIME, 10 * MS);
	t_eq(pthread_mutex_timedlock(&pi_mutex, &at),
		ETIMEDOUT); /* a normal one waits for itself */
	t_ret(pthread_mutex_unlock(&pi_mutex), 0);
}

static void *take_turns(void *arg)
{
	long me = (long)arg;

	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&pi_mutex);
		while (turns % 3 != me)
			pthread_cond_wait(&pi_cond, &pi_mutex);
		turns++;
		pthread_cond_broadcast(&pi_cond);
		pthread_mutex_unlock(&pi_mutex);
	}
	return NULL;
}

T_CASE_LIMIT(pthread_condition_with_it, 60)
{
	pthread_t threads[3];

	make_pi(&pi_mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	for (long i = 0; i < 3; i++)
		t_ret(pthread_create(&threads[i], NULL, take_turns, (void *)i), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	t_eq(turns, 600);
}

T_CASE(pthread_robust_owner_died)
{
	pthread_mutex_t *m = (void *)shared_words();
	pid_t owner, other;

	make_pi(m, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
	T_CHILD(owner)
	{
		t_ret(pthread_mutex_lock(m), 0);
	}
	t_exit(owner, 0);
	t_eq(pthread_mutex_lock(m), EOWNERDEAD);
	t_ret(pthread_mutex_consistent(m), 0);
	t_ret(pthread_mutex_unlock(m), 0);
	T_CHILD(owner)
	{
		t_ret(pthread_mutex_lock(m), 0);
		pause();
	}
	t_sleep_ms(20);
	while (pthread_mutex_trylock(m) == 0) {
		pthread_mutex_unlock(m);
		t_sleep_ms(1);
	}
	T_CHILD(other)
	{
		t_eq(pthread_mutex_lock(m), EOWNERDEAD);
		t_ret(pthread_mutex_consistent(m), 0);
		t_ret(pthread_mutex_unlock(m), 0);
	}
	t_check(t_wait_state(other, 'S'));
	kill(owner, SIGKILL);
	waitpid(owner, NULL, 0);
	t_exit(other, 0);
	t_ret(pthread_mutex_lock(m), 0);
	t_ret(pthread_mutex_unlock(m), 0);
}

/* Locks, kills and ends in all orders: nobody hangs, and the count of who had it is right. */
T_CASE_LIMIT(storm_of_owners_that_end, 60)
{
	pthread_mutex_t *m = (void *)shared_words();
	volatile uint32_t *count = (uint32_t *)m + 256;
	pid_t pids[8];
	int bad = 0;

	make_pi(m, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 8; i++) {
			T_CHILD(pids[i])
			{
				for (int k = 0; k < 10; k++) {
					int err = pthread_mutex_lock(m);

					if (err == EOWNERDEAD)
						err = pthread_mutex_consistent(m);
					if (err)
						_exit(9);
					(*count)++;
					if (k == i + 1)
						_exit(0); /* with the lock */
					if (pthread_mutex_unlock(m))
						_exit(8);
				}
			}
		}
		for (int i = 0; i < 8; i++) {
			int status = 1;

			waitpid(pids[i], &status, 0);
			bad += status != 0;
		}
	}
	t_eq(bad, 0);
	t_eq(*count, 10 * (2 + 3 + 4 + 5 + 6 + 7 + 8 + 9));
}
