/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* cpu_clock.c - clocks that move while a process or a thread runs: of oneself, of others; sleeping
 * and timers by them. */
#include "t_.h"

#include <pthread.h>
#include <stdatomic.h>

T_SUITE(cpu_clock);

enum { MS = 1000000 };
/* A negative number is a clock: whose, of a thread or a process, of which kind. */
#define CLOCK_OF(pid, kind)        ((clockid_t)(~(unsigned)(pid) << 3 | (kind)))
#define CLOCK_OF_THREAD(tid, kind) CLOCK_OF(tid, 4 | (kind))
enum { PROF, VIRT, SCHED };

static atomic_bool over;
static volatile int hits;

static void count(int sig)
{
	hits++;
}

static long long read_clock(clockid_t clock)
{
	struct timespec t = {-1, 0};

	syscall(SYS_clock_gettime, clock, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static struct timespec time_of(long long ns)
{
	return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static long nap(clockid_t clock, int flags, long long ns, struct timespec *rest)
{
	struct timespec t = time_of(ns);

	return syscall(SYS_clock_nanosleep, clock, flags, &t, rest);
}

static pid_t spawn_busy(void)
{
	pid_t pid;

	T_CHILD(pid)
	{
		for (volatile unsigned i = 0;; i++)
			;
	}
	return pid;
}

static void end(pid_t pid)
{
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}

static void *busy(void *tid)
{
	if (tid)
		atomic_store((atomic_int *)tid, gettid());
	while (!atomic_load(&over))
		;
	return NULL;
}

/* ---- reading ---- */

T_CASE(of_others)
{
	pid_t pid = spawn_busy();
	clockid_t clock;
	long long user, all;

	t_eq(clock_getcpuclockid(pid, &clock), 0);
	t_eq(clock, CLOCK_OF(pid, SCHED));
	while (read_clock(clock) < 20 * MS)
		t_sleep_ms(1);
	user = read_clock(CLOCK_OF(pid, VIRT));
	all = read_clock(CLOCK_OF(pid, PROF));
	t_check(user >= 0 && user <= all);
	t_check(read_clock(CLOCK_OF(getpid(), SCHED)) > 0);
	end(pid);
	t_errno(syscall(SYS_clock_gettime, clock, &(struct timespec){0}), EINVAL);
}

T_CASE(errors)
{
	struct timespec t = {0, 1};
	pid_t pid = spawn_busy();
	const clockid_t none[] = {CLOCK_OF(99999999, SCHED), CLOCK_OF(0, 3), CLOCK_OF_THREAD(0, 3),
		CLOCK_OF_THREAD(99999999, SCHED), CLOCK_OF_THREAD(pid, SCHED)};
	timer_t timer;

	for (int i = 0; i < 5; i++) {
		t_errno(syscall(SYS_clock_gettime, none[i], &t), EINVAL);
		int want = i == 1 ? EOPNOTSUPP : EINVAL; /* the clock of a device */
		t_errno(syscall(SYS_timer_create, none[i], NULL, &timer), want);
		t_errno(nap(none[i], 0, 1, NULL), want);
	}
	t_errno(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, NULL, &timer), EOPNOTSUPP);
	t_errno(syscall(SYS_timer_create, 10, NULL, &timer), EINVAL);
	t_errno(nap(10, 0, 1, NULL), EINVAL);
	/* a thread would never wake from a sleep on its own clock */
	t_errno(nap(CLOCK_OF_THREAD(0, SCHED), 0, 1, NULL), EINVAL);
	t_errno(nap(CLOCK_OF_THREAD(gettid(), VIRT), 0, 1, NULL), EINVAL);
	t_errno(nap(CLOCK_THREAD_CPUTIME_ID, 0, 1, NULL), EOPNOTSUPP);
	t_errno(nap(CLOCK_MONOTONIC_RAW, 0, 1, NULL), EOPNOTSUPP);
	t_errno(nap(CLOCK_REALTIME_COARSE, 0, 1, NULL), EOPNOTSUPP);
	t_errno(nap(CLOCK_MONOTONIC_COARSE, 0, 1, NULL), EOPNOTSUPP);
	t_errno(nap(CLOCK_PROCESS_CPUTIME_ID, 0, -1, NULL), EINVAL);
	t_errno(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, 8, NULL), EFAULT);
	t_errno(syscall(SYS_clock_nanosleep, CLOCK_OF(pid, SCHED), 0, 8, NULL), EFAULT);
	end(pid);
}

/* ---- sleeping ---- */

T_CASE(sleep_while_threads_run)
{
	pthread_t thread;
	atomic_int tid = 0;
	long long from;

	t_ret(nap(CLOCK_PROCESS_CPUTIME_ID, 0, 0, NULL), 0); /* nothing to wait for */
	t_ret(nap(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, 1, NULL), 0);
	t_eq(pthread_create(&thread, NULL, busy, &tid), 0);
	while (!atomic_load(&tid))
		;
	from = read_clock(CLOCK_PROCESS_CPUTIME_ID);
	t_ret(nap(CLOCK_PROCESS_CPUTIME_ID, 0, 30 * MS, NULL), 0);
	t_check(read_clock(CLOCK_PROCESS_CPUTIME_ID) - from >= 30 * MS);
	from = read_clock(CLOCK_PROCESS_CPUTIME_ID) + 30 * MS;
	t_ret(nap(CLOCK_OF(0, SCHED), TIMER_ABSTIME, from, NULL), 0);
	t_check(read_clock(CLOCK_PROCESS_CPUTIME_ID) >= from);
	from = read_clock(CLOCK_OF_THREAD(tid, SCHED));
	t_ret(nap(CLOCK_OF_THREAD(tid, SCHED), 0, 20 * MS, NULL), 0);
	t_check(read_clock(CLOCK_OF_THREAD(tid, SCHED)) - from >= 20 * MS);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
}

T_CASE(sleep_while_another_runs)
{
	pid_t pid = spawn_busy();
	long long from = read_clock(CLOCK_OF(pid, SCHED));

	t_ret(nap(CLOCK_OF(pid, SCHED), 0, 30 * MS, NULL), 0);
	t_check(read_clock(CLOCK_OF(pid, SCHED)) - from >= 30 * MS);
	from = read_clock(CLOCK_OF(pid, SCHED)) + 30 * MS;
	t_ret(nap(CLOCK_OF(pid, SCHED), TIMER_ABSTIME, from, NULL), 0);
	t_check(read_clock(CLOCK_OF(pid, SCHED)) >= from);
	t_ret(nap(CLOCK_OF(pid, SCHED), TIMER_ABSTIME, from, NULL), 0); /* past */
	from = read_clock(CLOCK_OF(pid, VIRT));
	t_ret(nap(CLOCK_OF(pid, VIRT), 0, 20 * MS, NULL), 0);
	t_check(read_clock(CLOCK_OF(pid, VIRT)) - from >= 20 * MS);
	end(pid);
}

static pid_t signal_when_asleep(int sig)
{
	pid_t sleeper = getpid(), pid;

	T_CHILD(pid)
	{
		t_check(t_wait_state(sleeper, 'S'));
		t_ret(kill(sleeper, sig), 0);
	}
	return pid;
}

T_CASE(interrupted_sleep_tells_the_rest)
{
	const clockid_t clocks[] = {
		CLOCK_PROCESS_CPUTIME_ID, CLOCK_OF(0, PROF), CLOCK_OF(getppid(), SCHED)};
	struct timespec rest;
	pid_t pid;

	t_handler(SIGUSR1, count, SA_RESTART); /* no sleep goes on after a handler */
	for (int i = 0; i < 3; i++) {
		rest = time_of(0);
		pid = signal_when_asleep(SIGUSR1);
		t_errno(nap(clocks[i], 0, 100000ll * MS, &rest), EINTR);
		t_check(rest.tv_sec >= 90 && rest.tv_sec <= 100);
		t_exit(pid, 0);
		rest = time_of(7);
		pid = signal_when_asleep(SIGUSR1);
		t_errno(nap(clocks[i], TIMER_ABSTIME, 100000000ll * MS, &rest), EINTR);
		t_eq(rest.tv_nsec, 7);
		t_exit(pid, 0);
	}
	t_eq(hits, 6);
	pid = signal_when_asleep(SIGUSR1);
	t_errno(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &(struct timespec){9, 0},
			8),
		EFAULT);
	t_exit(pid, 0);
}

T_CASE(stopped_sleep_goes_on)
{
	pid_t runner = spawn_busy(), pid;
	long long from;
	int status;

	t_ret(kill(runner, SIGSTOP), 0);
	t_check(t_wait_state(runner, 'T'));
	from = read_clock(CLOCK_OF(runner, SCHED));
	T_CHILD(pid)
	{
		t_ret(nap(CLOCK_OF(runner, SCHED), 0, 30 * MS, NULL), 0);
		t_check(read_clock(CLOCK_OF(runner, SCHED)) - from >= 30 * MS);
	}
	for (int i = 0; i < 2; i++) {
		t_check(t_wait_state(pid, 'S'));
		t_ret(kill(pid, SIGSTOP), 0);
		t_ret(waitpid(pid, &status, WUNTRACED), pid);
		t_ret(kill(pid, SIGCONT), 0);
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(kill(runner, SIGCONT), 0);
	t_exit(pid, 0);
	end(runner);
}

/* What ends moves no clock any more: the sleeper stays. */
T_CASE(sleep_outlives_its_clock)
{
	pid_t runner = spawn_busy(), pid;

	T_CHILD(pid)
	{
		nap(CLOCK_OF(runner, SCHED), 0, 9999999ll * MS, NULL);
	}
	t_check(t_wait_state(pid, 'S'));
	end(runner);
	t_sleep_ms(20);
	t_check(t_wait_state(pid, 'S'));
	end(pid);
}

/* ---- timers ---- */

static timer_t make_timer(clockid_t clock)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	int id = -1;

	t_ret(syscall(SYS_timer_create, clock, &ev, &id), 0);
	return (timer_t)(intptr_t)id;
}

static long set_timer(timer_t timer, int flags, long long ns, long long interval)
{
	struct itimerspec set = {time_of(interval), time_of(ns)};

	return syscall(SYS_timer_settime, timer, flags, &set, NULL);
}

static long long timer_left(timer_t timer)
{
	struct itimerspec now = {{7, 7}, {7, 7}};

	t_ret(syscall(SYS_timer_gettime, timer, &now), 0);
	return now.it_value.tv_sec * 1000000000ll + now.it_value.tv_nsec;
}

T_CASE(timer_of_another)
{
	pid_t pid = spawn_busy();
	timer_t timer = make_timer(CLOCK_OF(pid, SCHED));
	long long from = read_clock(CLOCK_OF(pid, SCHED));

	t_handler(SIGUSR1, count, 0);
	t_ret(set_timer(timer, 0, 20 * MS, 0), 0);
	while (!hits)
		t_sleep_ms(1);
	t_check(read_clock(CLOCK_OF(pid, SCHED)) - from >= 20 * MS);
	t_eq(timer_left(timer), 0);
	from = read_clock(CLOCK_OF(pid, SCHED)) + 20 * MS;
	t_ret(set_timer(timer, TIMER_ABSTIME, from, 10 * MS), 0);
	while (hits < 4)
		t_sleep_ms(1);
	t_check(read_clock(CLOCK_OF(pid, SCHED)) >= from + 20 * MS);
	t_ret(set_timer(timer, 0, 100000ll * MS, 0), 0);
	t_check(timer_left(timer) > 90000ll * MS);
	kill(pid, SIGKILL);
	t_wait_state(pid, 'Z');
	t_check(timer_left(timer) > 90000ll * MS); /* stands still until it is waited for */
	t_ret(set_timer(timer, 0, 100000ll * MS, 0), 0);
	t_killed(pid, SIGKILL);
	t_eq(timer_left(timer), 0);
	t_errno(set_timer(timer, 0, 20 * MS, 0), ESRCH);
	t_ret(syscall(SYS_timer_delete, timer), 0);
}

T_CASE(timer_of_a_thread)
{
	pthread_t thread;
	atomic_int tid = 0;
	timer_t timer;

	t_handler(SIGUSR1, count, 0);
	t_eq(pthread_create(&thread, NULL, busy, &tid), 0);
	while (!atomic_load(&tid))
		;
	timer = make_timer(CLOCK_OF_THREAD(tid, VIRT));
	t_ret(set_timer(timer, 0, 5 * MS, 5 * MS), 0);
	while (hits < 3)
		;
	t_check(read_clock(CLOCK_OF_THREAD(tid, VIRT)) >= 15 * MS);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	while (syscall(SYS_tgkill, getpid(), tid, 0) == 0)
		t_sleep_ms(1);
	t_errno(set_timer(timer, 0, 20 * MS, 0), ESRCH);
	t_ret(syscall(SYS_timer_delete, timer), 0);
}

/* Each has a timer on the clock of the other: they end all the same, and nothing is left. */
T_CASE(timers_across)
{
	pid_t a = getpid(), b;
	int hold[2];

	t_pipe(hold);
	T_CHILD(b)
	{
		t_ret(set_timer(make_timer(CLOCK_OF(a, SCHED)), 0, 9999ll * MS, 0), 0);
		t_get(hold[0]);
	}
	t_ret(set_timer(make_timer(CLOCK_OF(b, SCHED)), 0, 9999ll * MS, 0), 0);
	t_put(hold[1]);
	t_exit(b, 0);
}
