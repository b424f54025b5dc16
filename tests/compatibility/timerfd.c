/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* timerfd_create, timerfd_settime, timerfd_gettime. */
#include "t_.h"
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

T_SUITE(timerfd);

T_CASE(set_read_get)
{
	struct itimerspec set = {.it_value = {0, 20000000}, .it_interval = {1, 5}}, old;
	struct timespec real;
	int t = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	struct pollfd p = {.fd = t, .events = POLLIN};
	uint64_t n = 0;

	t_check(t >= 0);
	t_ok(timerfd_settime(t, 0, &set, NULL));
	t_ok(timerfd_gettime(t, &old));
	t_eq(old.it_interval.tv_sec, 1);
	t_eq(old.it_interval.tv_nsec, 5);
	t_check(old.it_value.tv_sec == 0 && old.it_value.tv_nsec > 0 &&
		old.it_value.tv_nsec <= 20000000);
	t_errno(read(t, &n, 8), EAGAIN);
	t_errno(read(t, &n, 7), EINVAL);
	t_errno(write(t, &n, 8), EINVAL);
	t_ret(poll(&p, 1, 5000), 1);
	t_ok(timerfd_gettime(t, &old)); /* the next one */
	t_check(old.it_value.tv_sec * 1000000000ll + old.it_value.tv_nsec <= 1000000005ll);
	t_check(old.it_value.tv_sec || old.it_value.tv_nsec);
	t_ret(read(t, &n, 8), 8);
	t_eq(n, 1);
	clock_gettime(CLOCK_REALTIME, &real);
	set = (struct itimerspec){.it_value = {real.tv_sec - 10, 0}};
	t_ok(timerfd_settime(t, TFD_TIMER_ABSTIME, &set, &old));
	t_ret(read(t, &n, 8), 8); /* the past is now */
	t_eq(n, 1);
	set.it_value.tv_sec = real.tv_sec + 1000;
	t_ok(timerfd_settime(t, TFD_TIMER_ABSTIME, &set, NULL));
	t_ok(timerfd_gettime(t, &old));
	t_check(old.it_value.tv_sec >= 990 && old.it_value.tv_sec <= 1000);
	set.it_value.tv_nsec = 1000000000;
	t_errno(timerfd_settime(t, 0, &set, NULL), EINVAL);
	t_errno(timerfd_settime(t, 8, &set, NULL), EINVAL);
	t_errno(timerfd_settime(0, 0, &(struct itimerspec){0}, NULL), EINVAL);
	t_errno(timerfd_settime(999, 0, &(struct itimerspec){0}, NULL), EBADF);
	t_errno(timerfd_settime(t, 0, (void *)1, NULL), EFAULT);
	t_errno(timerfd_gettime(t, NULL), EFAULT);
	t_ok(timerfd_settime(t, 0, &(struct itimerspec){0}, NULL));
	t_errno(timerfd_create(99, 0), EINVAL);
	t_errno(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	for (int i = 0; i < 200; i++) { /* freed while it runs */
		int x = timerfd_create(CLOCK_MONOTONIC, 0);

		set = (struct itimerspec){{0, 100000}, {0, 1000 * i}};
		t_ok(timerfd_settime(x, 0, &set, NULL));
		close(x);
	}
}

T_CASE(in_epoll)
{
	int t = timerfd_create(CLOCK_MONOTONIC, 0), ep = epoll_create1(0);
	struct itimerspec set = {.it_value = {0, 10000000}, .it_interval = {0, 10000000}};
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	uint64_t n;

	t_ok(epoll_ctl(ep, EPOLL_CTL_ADD, t, &ev));
	t_ok(timerfd_settime(t, 0, &set, NULL));
	for (int i = 0; i < 5; i++) {
		t_ret(epoll_wait(ep, &ev, 1, 5000), 1);
		t_ret(read(t, &n, 8), 8);
	}
}

/* The next time of a timer that is set so is beyond what a signed count of ns holds. */
T_CASE(the_longest_interval)
{
	struct itimerspec set = {.it_interval = {9223372036, 0}};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC}, fd;
	struct timespec none = {0, 50000000};
	sigset_t signals;
	siginfo_t info;
	timer_t timer;
	uint64_t n;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	t_ok(sigprocmask(SIG_BLOCK, &signals, NULL));
	for (int i = 0; i < 2; i++) {
		fd = timerfd_create(clocks[i], TFD_NONBLOCK);
		t_check(fd >= 0);
		clock_gettime(clocks[i], &set.it_value);
		t_ok(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL));
		t_ret(read(fd, &n, 8), 8);
		t_eq(n, 1);
		t_sleep_ms(50);
		t_errno(read(fd, &n, 8), EAGAIN);
		t_ok(close(fd));
		t_ok(timer_create(clocks[i], &ev, &timer));
		t_ok(timer_settime(timer, TIMER_ABSTIME, &set, NULL));
		t_ret(sigtimedwait(&signals, &info, &(struct timespec){5, 0}), SIGUSR1);
		t_errno(sigtimedwait(&signals, &info, &none), EAGAIN);
		t_ok(timer_delete(timer));
	}
}

/* Nobody waits for the signal of one that is over, so it is off. */
T_CASE(an_ignored_signal)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec set = {.it_value = {0, 1000000}}, now = {.it_value = {1, 1}};
	timer_t timer;

	signal(SIGUSR1, SIG_IGN);
	t_ok(timer_create(CLOCK_MONOTONIC, &ev, &timer));
	t_ok(timer_settime(timer, 0, &set, NULL));
	t_sleep_ms(50);
	t_ok(timer_gettime(timer, &now));
	t_check(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
	t_ok(timer_delete(timer));
}
