/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* oracle: machine
 * Sets the clock.
 *
 * clock_set.c - whoever waits for a time of day when the clock is set: timers by descriptor and by
 * signal, sleepers; and the alarm clocks. */
#include "t_.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <time.h>

T_SUITE(clock_set);

#define HOUR 3600
#define SOON 200000000l /* ns: long enough not to be over before its time */

static struct timespec from_now(int clock, long seconds, long ns)
{
	struct timespec t;

	t_ok(clock_gettime(clock, &t));
	t.tv_sec += seconds + (t.tv_nsec + ns) / 1000000000;
	t.tv_nsec = (t.tv_nsec + ns) % 1000000000;
	return t;
}

/* Moves the clock by so much, but not that of a machine which was not started for this. */
static void jump(long seconds)
{
	struct timespec t = from_now(CLOCK_REALTIME, seconds, 0);
	char line[4096] = "";

	if (t_slurp("/proc/cmdline", line, sizeof(line)) <= 0 || !strstr(line, "rdinit=/init "))
		t_skip("would set the clock of a machine that others use");
	t_ok(clock_settime(CLOCK_REALTIME, &t));
}

static long ms_of(int clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A timer of @clock that is due at @value, with TFD_* @flags. */
static int timer_by_fd(int clock, int flags, struct timespec value, long interval)
{
	struct itimerspec set = {.it_value = value, .it_interval = {interval, 0}};
	int t = timerfd_create(clock, TFD_NONBLOCK);

	t_check(t >= 0);
	t_ok(timerfd_settime(t, flags, &set, NULL));
	return t;
}

static bool readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1 && p.revents == POLLIN;
}

static long left(int fd)
{
	struct itimerspec now;

	t_ok(timerfd_gettime(fd, &now));
	return now.it_value.tv_sec + (now.it_value.tv_nsec >= 500000000);
}

T_CASE(timerfd_forward_and_back)
{
	uint64_t n = 0;
	int in_an_hour = timer_by_fd(
		CLOCK_REALTIME, TFD_TIMER_ABSTIME, from_now(CLOCK_REALTIME, HOUR, 0), 0);
	int from_then = timer_by_fd(CLOCK_REALTIME, 0, (struct timespec){HOUR, 0}, 0);
	int monotonic = timer_by_fd(
		CLOCK_MONOTONIC, TFD_TIMER_ABSTIME, from_now(CLOCK_MONOTONIC, HOUR, 0), 0);
	int booted = timer_by_fd(
		CLOCK_BOOTTIME, TFD_TIMER_ABSTIME, from_now(CLOCK_BOOTTIME, HOUR, 0), 0);

	jump(-HOUR);
	t_eq(left(in_an_hour), 2 * HOUR);
	t_eq(left(from_then), HOUR);
	jump(HOUR);
	t_eq(left(in_an_hour), HOUR);
	jump(HOUR + 1);
	t_check(readable(in_an_hour, 2000));
	t_ret(read(in_an_hour, &n, 8), 8);
	t_eq(n, 1);
	t_check(!readable(in_an_hour, 0));
	t_check(!readable(from_then, 0) && !readable(monotonic, 0) && !readable(booted, 0));
	t_eq(left(from_then), HOUR);
	t_eq(left(monotonic), HOUR);
	t_eq(left(booted), HOUR);
	jump(-HOUR - 1);
	t_check(!readable(in_an_hour, 0));
	close(in_an_hour), close(from_then), close(monotonic), close(booted);
}

T_CASE(timerfd_periods)
{
	uint64_t n = 0;
	int t = timer_by_fd(CLOCK_REALTIME, TFD_TIMER_ABSTIME, from_now(CLOCK_REALTIME, 10, 0), 10);

	jump(35);
	t_check(readable(t, 2000));
	t_ret(read(t, &n, 8), 8);
	t_eq(n, 3);
	t_check(left(t) >= 4 && left(t) <= 5);
	jump(-35);
	t_check(!readable(t, 0));
	t_check(left(t) >= 39 && left(t) <= 40);
	close(t);
}

T_CASE(timerfd_wakes_when_the_clock_is_set_back)
{
	int t = timer_by_fd(
		CLOCK_REALTIME, TFD_TIMER_ABSTIME, from_now(CLOCK_REALTIME, 0, SOON), 0);

	jump(-HOUR);
	t_check(!readable(t, 2 * SOON / 1000000));
	jump(HOUR);
	t_check(readable(t, 2000));
	close(t);
}

#define MANY 16

static void *set_often(void *rounds)
{
	for (long i = 0; i < (long)rounds; i++)
		jump(0);
	return NULL;
}

T_CASE(many_timers_and_many_sets)
{
	struct timespec then = from_now(CLOCK_REALTIME, HOUR, 0);
	int fds[MANY];
	pthread_t other;
	uint64_t n;

	for (int i = 0; i < MANY; i++)
		fds[i] = timer_by_fd(CLOCK_REALTIME, TFD_TIMER_ABSTIME, then, 0);
	t_ok(pthread_create(&other, NULL, set_often, (void *)400l));
	set_often((void *)400l);
	t_ok(pthread_join(other, NULL));
	for (int i = 0; i < MANY; i++)
		t_check(!readable(fds[i], 0));
	jump(HOUR + 60); /* it has lost what passed between reading and setting */
	for (int i = 0; i < MANY; i++) {
		t_check(readable(fds[i], 5000));
		t_ret(read(fds[i], &n, 8), 8);
		close(fds[i]);
	}
	jump(-HOUR - 60);
}

T_CASE(timerfd_cancel_on_set)
{
	struct itimerspec set = {.it_value = from_now(CLOCK_REALTIME, HOUR, 0)};
	struct itimerspec old = {.it_value = {-1, -1}};
	const int cancels = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
	uint64_t n = 0;
	int t = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	int other = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

	t_ok(timerfd_settime(t, cancels, &set, NULL));
	t_check(!readable(t, 0));
	t_errno(read(t, &n, 8), EAGAIN);
	jump(1);
	t_check(readable(t, 2000));
	t_errno(read(t, &n, 8), ECANCELED);
	t_check(!readable(t, 0));
	t_errno(read(t, &n, 8), EAGAIN);
	t_eq(left(t), HOUR - 1); /* it goes on */
	jump(-1);
	t_check(readable(t, 2000));
	t_errno(timerfd_settime(t, cancels, &set, &old),
		ECANCELED); /* told; and set all the same */
	t_check(old.it_value.tv_sec == -1 && old.it_value.tv_nsec == -1);
	t_errno(read(t, &n, 8), EAGAIN);
	t_ok(timerfd_settime(t, cancels, &set, NULL));
	jump(HOUR + 1); /* due, and cancelled */
	t_check(readable(t, 2000));
	t_errno(read(t, &n, 8), ECANCELED);
	jump(-HOUR - 1);
	t_check(readable(t, 2000));
	t_errno(read(t, &n, 8), ECANCELED);

	t_ok(timerfd_settime(t, TFD_TIMER_ABSTIME, &set, NULL)); /* no longer */
	jump(1);
	jump(-1);
	t_check(!readable(t, 0));
	t_errno(read(t, &n, 8), EAGAIN);

	/* on others it does nothing */
	t_ok(timerfd_settime(
		t, TFD_TIMER_CANCEL_ON_SET, &(struct itimerspec){{0, 0}, {HOUR, 0}}, NULL));
	set.it_value = from_now(CLOCK_MONOTONIC, HOUR, 0);
	t_ok(timerfd_settime(other, cancels, &set, NULL));
	jump(1);
	jump(-1);
	t_check(!readable(t, 0) && !readable(other, 0));
	t_errno(timerfd_settime(t, 4, &set, NULL), EINVAL);
	close(t), close(other);
}

static void *set_soon(void *seconds)
{
	usleep(SOON / 1000);
	jump((long)seconds);
	return NULL;
}

T_CASE(timerfd_cancel_wakes_a_reader)
{
	struct itimerspec set = {.it_value = from_now(CLOCK_REALTIME, HOUR, 0)};
	int t = timerfd_create(CLOCK_REALTIME, 0);
	uint64_t n;
	pthread_t setter;

	t_ok(timerfd_settime(t, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &set, NULL));
	t_ok(pthread_create(&setter, NULL, set_soon, (void *)5));
	t_errno(read(t, &n, 8), ECANCELED);
	t_ok(pthread_join(setter, NULL));
	jump(-5);
	close(t);
}

static timer_t timer_by_signal(int clock, int flags, struct timespec value, long interval)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec set = {.it_value = value, .it_interval = {interval, 0}};
	timer_t t;

	t_ok(timer_create(clock, &ev, &t));
	t_ok(timer_settime(t, flags, &set, NULL));
	return t;
}

static long timer_left(timer_t t)
{
	struct itimerspec now;

	t_ok(timer_gettime(t, &now));
	return now.it_value.tv_sec + (now.it_value.tv_nsec >= 500000000);
}

T_CASE(timers_by_signal)
{
	struct timespec none = {0, 0}, some = {2, 0};
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	t_ok(sigprocmask(SIG_BLOCK, &set, NULL));
	timer_t abs = timer_by_signal(
		CLOCK_REALTIME, TIMER_ABSTIME, from_now(CLOCK_REALTIME, HOUR, 0), 0);
	timer_t rel = timer_by_signal(CLOCK_REALTIME, 0, (struct timespec){HOUR, 0}, 0);

	jump(-HOUR);
	t_eq(timer_left(abs), 2 * HOUR);
	t_eq(timer_left(rel), HOUR);
	jump(HOUR);
	t_eq(timer_left(abs), HOUR);
	t_errno(sigtimedwait(&set, &info, &none), EAGAIN);
	jump(HOUR + 1);
	t_ret(sigtimedwait(&set, &info, &some), SIGUSR1);
	t_eq(info.si_code, SI_TIMER);
	jump(-HOUR - 1);
	t_errno(sigtimedwait(&set, &info, &none), EAGAIN);
	t_eq(timer_left(rel), HOUR);
	t_ok(timer_delete(abs));
	t_ok(timer_delete(rel));

	abs = timer_by_signal(CLOCK_REALTIME, TIMER_ABSTIME, from_now(CLOCK_REALTIME, 10, 0), 10);
	jump(35);
	t_ret(sigtimedwait(&set, &info, &some), SIGUSR1);
	t_eq(info.si_overrun, 2);
	t_check(timer_left(abs) >= 4 && timer_left(abs) <= 5);
	jump(-35);
	t_ok(timer_delete(abs));

	/* one that the clock, set back, keeps from its time */
	abs = timer_by_signal(CLOCK_REALTIME, TIMER_ABSTIME, from_now(CLOCK_REALTIME, 0, SOON), 0);
	jump(-HOUR);
	t_errno(sigtimedwait(&set, &info, &(struct timespec){0, 2 * SOON}), EAGAIN);
	jump(HOUR);
	t_ret(sigtimedwait(&set, &info, &some), SIGUSR1);
	t_ok(timer_delete(abs));
}

T_CASE(sleepers)
{
	struct timespec until = from_now(CLOCK_REALTIME, HOUR, 0);
	long start = ms_of(CLOCK_MONOTONIC);
	pthread_t setter;

	t_ok(pthread_create(&setter, NULL, set_soon, (void *)(HOUR + 1l)));
	t_eq(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL), 0);
	t_ok(pthread_join(setter, NULL));
	t_check(ms_of(CLOCK_MONOTONIC) - start < 60000);
	jump(-HOUR - 1);
	until = (struct timespec){0, 2 * SOON}; /* one for a while does not hear of it */
	start = ms_of(CLOCK_MONOTONIC);
	t_ok(pthread_create(&setter, NULL, set_soon, (void *)(long)HOUR));
	t_eq(clock_nanosleep(CLOCK_REALTIME, 0, &until, NULL), 0);
	t_check(ms_of(CLOCK_MONOTONIC) - start >= 2 * SOON / 1000000);
	t_ok(pthread_join(setter, NULL));
	jump(-HOUR);
}

/* Limits that are times of day: of a futex, of a queue. */
struct limited {
	int (*wait)(const struct timespec *until);
	struct timespec until;
	int err;
	long ms;
};

static sem_t never;
static mqd_t empty;

static int wait_semaphore(const struct timespec *until)
{
	return sem_timedwait(&never, until);
}

static int wait_queue(const struct timespec *until)
{
	char text[64];

	return (int)mq_timedreceive(empty, text, sizeof(text), NULL, until);
}

static void *limited(void *arg)
{
	struct limited *l = arg;
	long start = ms_of(CLOCK_MONOTONIC);

	l->err = l->wait(&l->until) ? errno : 0;
	l->ms = ms_of(CLOCK_MONOTONIC) - start;
	return NULL;
}

T_CASE(limits)
{
	struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 64};
	int (*const waits[])(const struct timespec *) = {wait_semaphore, wait_queue};

	t_ok(sem_init(&never, 0, 0));
	empty = mq_open("/clock_set", O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	t_check(empty >= 0);
	t_ok(mq_unlink("/clock_set"));
	for (int i = 0; i < 2; i++) {
		struct limited l = {.wait = waits[i], .until = from_now(CLOCK_REALTIME, HOUR, 0)};
		pthread_t waiter;

		t_ok(pthread_create(&waiter, NULL, limited, &l));
		usleep(SOON / 1000);
		jump(HOUR + 1);
		t_ok(pthread_join(waiter, NULL));
		jump(-HOUR - 1);
		t_eq(l.err, ETIMEDOUT);
		t_check(l.ms < 60000);

		l.until = from_now(CLOCK_REALTIME, 0, SOON);
		t_ok(pthread_create(&waiter, NULL, limited, &l));
		usleep(SOON / 10000);
		jump(-HOUR);
		usleep(2 * SOON / 1000);
		jump(HOUR);
		t_ok(pthread_join(waiter, NULL));
		t_eq(l.err, ETIMEDOUT);
		t_check(l.ms >= 2 * SOON / 1000000);
	}
	t_ok(mq_close(empty));
}

T_CASE(alarm_clocks)
{
	static const int alarms[] = {CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM};
	struct timespec t, now, tick = {0, 10000000};
	sigset_t set;
	siginfo_t info;
	uint64_t n;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	t_ok(sigprocmask(SIG_BLOCK, &set, NULL));
	for (int i = 0; i < 2; i++) {
		int plain = i ? CLOCK_BOOTTIME : CLOCK_REALTIME, fd;
		timer_t timer;

		t_ok(clock_gettime(alarms[i], &t));
		t_ok(clock_gettime(plain, &now));
		t_check(now.tv_sec - t.tv_sec <= 1 && now.tv_sec >= t.tv_sec);
		t_ok(clock_getres(alarms[i], &t));
		t_check(t.tv_sec == 0 && t.tv_nsec == 1);
		t_eq(clock_settime(alarms[i], &now), -1);
		t_eq(clock_nanosleep(alarms[i], 0, &tick, NULL), 0);
		t = from_now(alarms[i], 0, 10000000);
		t_eq(clock_nanosleep(alarms[i], TIMER_ABSTIME, &t, NULL), 0);
		t_check(from_now(alarms[i], 0, 0).tv_sec >= t.tv_sec);
		fd = timer_by_fd(alarms[i], 0, tick, 0);
		t_check(readable(fd, 5000));
		t_ret(read(fd, &n, 8), 8);
		close(fd);
		fd = timer_by_fd(alarms[i], TFD_TIMER_ABSTIME, from_now(alarms[i], 0, 10000000), 0);
		t_check(readable(fd, 5000));
		close(fd);
		timer = timer_by_signal(alarms[i], 0, tick, 0);
		t_ret(sigtimedwait(&set, &info, &(struct timespec){5, 0}), SIGUSR1);
		t_ok(timer_delete(timer));
	}
}

T_CASE(alarm_clocks_want_the_right)
{
	struct timespec tick = {0, 1};
	timer_t timer;

	t_ok(setuid(65534));
	t_errno(timerfd_create(CLOCK_REALTIME_ALARM, 0), EPERM);
	t_errno(timerfd_create(CLOCK_BOOTTIME_ALARM, 0), EPERM);
	t_errno(timer_create(CLOCK_REALTIME_ALARM, NULL, &timer), EPERM);
	t_errno(timer_create(CLOCK_BOOTTIME_ALARM, NULL, &timer), EPERM);
	t_eq(clock_nanosleep(CLOCK_REALTIME_ALARM, 0, &tick, NULL), EPERM);
	t_eq(clock_nanosleep(CLOCK_BOOTTIME_ALARM, 0, &tick, NULL), EPERM);
	t_ok(clock_gettime(CLOCK_REALTIME_ALARM, &tick));
	t_ok(clock_getres(CLOCK_BOOTTIME_ALARM, &tick));
}
