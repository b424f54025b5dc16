/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events, timers, threads, interrupts by capability; exo_wait_many. */
#include "t_.h"
#include <exo_abi/exo_native.h>
#include <poll.h>
#include <pthread.h>

T_SUITE(objects);

#define MS 1000000ull

static uint32_t type_of(int fd)
{
	struct exo_cap_info info = {0};

	t_eq(exo_cap_inspect(fd, &info, sizeof(info)), 0);
	return info.type;
}

static int narrow(int fd, uint32_t rights)
{
	int child = (int)exo_cap_derive(fd, rights, 0, 0);

	t_check(child >= 0);
	return child;
}

static uint64_t now(void)
{
	return (uint64_t)t_now_ns();
}

T_CASE(events)
{
	int e = (int)exo_event_create(2, EXO_CAP_CLOEXEC), s, r;
	uint64_t n = 0;

	t_check(e >= 0);
	t_eq(type_of(e), EXO_TYPE_EVENT);
	t_eq(fcntl(e, F_GETFD), FD_CLOEXEC);
	t_eq(exo_event_signal(e, 5), 0);
	t_ret(read(e, &n, 8), 8);
	t_eq(n, 7);
	s = narrow(e, EXO_SIGNAL);
	r = narrow(e, EXO_READ | EXO_WAIT);
	t_eq(exo_event_signal(s, 1), 0);
	t_errno(read(s, &n, 8), EACCES);
	t_errno(write(s, &n, 8), EACCES);
	t_eq(exo_event_signal(r, 1), -EACCES);
	t_ret(read(r, &n, 8), 8);
	t_eq(n, 1);
	t_eq(exo_event_signal(e, UINT64_MAX - 1), 0);
	t_eq(exo_event_signal(e, 1), -EAGAIN);
	t_eq(exo_event_signal(open("/dev/null", O_RDWR), 1), -EINVAL);
	t_eq(exo_event_create(UINT64_MAX, 0), -EINVAL);
	t_eq(exo_event_create(0, 8), -EINVAL);
	e = (int)exo_event_create(2, EXO_EVENT_ONE_BY_ONE);
	t_ret(read(e, &n, 8), 8);
	t_eq(n, 1);
}

T_CASE(timers)
{
	int t = (int)exo_timer_create(CLOCK_MONOTONIC, 0), set;
	struct pollfd p = {.fd = t, .events = POLLIN};
	uint64_t n = 0, begin = now();

	t_check(t >= 0);
	t_eq(type_of(t), EXO_TYPE_TIMER);
	t_ret(poll(&p, 1, 0), 0);
	t_eq(exo_timer_set(t, 20 * MS, 0, 0), 0);
	t_ret(poll(&p, 1, 5000), 1);
	t_check(now() - begin >= 20 * MS);
	t_ret(read(t, &n, 8), 8);
	t_eq(n, 1);
	t_ret(poll(&p, 1, 0), 0);
	t_eq(exo_timer_set(t, now() + 10 * MS, 5 * MS, EXO_TIMER_ABSOLUTE), 0);
	t_sleep_ms(60);
	t_ret(read(t, &n, 8), 8);
	t_check(n >= 10);
	t_ret(read(t, &n, 8), 8); /* sleeps for the next */
	t_check(n >= 1);
	t_eq(exo_timer_set(t, 0, 0, 0), 0);
	t_ret(poll(&p, 1, 20), 0);
	set = narrow(t, EXO_SIGNAL);
	t_eq(exo_timer_set(set, 1, 0, 0), 0);
	t_errno(read(set, &n, 8), EACCES);
	t_eq(exo_timer_set(narrow(t, EXO_ALL & ~EXO_SIGNAL), 1, 0, 0), -EACCES);
	t_eq(exo_timer_set(t, 0, 0, 2), -EINVAL);
	t_eq(exo_timer_create(1000, 0), -EINVAL);
	t_eq(exo_timer_create(CLOCK_PROCESS_CPUTIME_ID, 0), -EINVAL);
	t_eq(exo_timer_set(open("/dev/null", O_RDWR), 1, 0, 0), -EINVAL);
}

/* ---- exo_wait_many ---- */

static struct exo_wait_item item(int cap, uint32_t events, uint32_t flags)
{
	return (struct exo_wait_item){.cap = cap, .events = events, .flags = flags, .data = 7};
}

T_CASE(wait_level)
{
	int p[2], e = (int)exo_event_create(0, 0);
	struct exo_wait_item w[2];
	uint64_t begin = now();

	t_ok(pipe(p));
	w[0] = item(p[0], EXO_WAIT_READ, 0);
	w[1] = item(e, EXO_WAIT_READ | EXO_WAIT_WRITE, 0);
	t_eq(exo_wait_many(w, 2, 0), 1);
	t_eq(w[0].ready, 0);
	t_eq(w[1].ready, EXO_WAIT_WRITE);
	t_eq(w[1].data, 7);
	w[1].events = EXO_WAIT_READ;
	t_eq(exo_wait_many(w, 2, begin + 20 * MS), 0);
	t_check(now() >= begin + 20 * MS);
	t_eq(exo_event_signal(e, 1), 0);
	t_ret(write(p[1], "x", 1), 1);
	for (int i = 0; i < 3; i++) { /* again and again */
		t_eq(exo_wait_many(w, 2, EXO_FOREVER), 2);
		t_eq(w[0].ready, EXO_WAIT_READ);
		t_eq(w[1].ready, EXO_WAIT_READ);
	}
	close(p[1]);
	w[0].events = 0;
	t_eq(exo_wait_many(w, 1, EXO_FOREVER), 1);
	t_eq(w[0].ready, EXO_WAIT_HANGUP);
	t_eq(exo_wait_many(NULL, 0, now() + MS), 0);
}

static uint64_t of_day(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return ((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec) | EXO_OF_DAY;
}

static void *set_clock(void *by_seconds)
{
	struct timespec t;

	t_sleep_ms(50);
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += (long)by_seconds;
	t_ok(clock_settime(CLOCK_REALTIME, &t));
	return NULL;
}

T_CASE(wait_until_a_time_of_day)
{
	uint64_t begin = now();
	pthread_t setter;

	t_eq(exo_wait_many(NULL, 0, of_day() + 20 * MS), 0);
	t_check(now() - begin >= 20 * MS);
	begin = now();
	t_eq(exo_wait_many(NULL, 0, of_day()), 0);
	t_eq(exo_wait_many(NULL, 0, EXO_OF_DAY), 0);
	t_eq(exo_wait_many(NULL, 0, EXO_OF_DAY + 1), 0);
	t_check(now() - begin < 2000 * MS);
	t_ok(pthread_create(&setter, NULL, set_clock, (void *)3600l));
	t_eq(exo_wait_many(NULL, 0, of_day() + 3599 * 1000 * MS), 0);
	t_ok(pthread_join(setter, NULL));
	t_check(now() - begin < 60000 * MS);
	set_clock((void *)-3600l);
}

T_CASE(wait_edge)
{
	int p[2];
	struct exo_wait_item w;
	char c;

	t_ok(pipe(p));
	w = item(p[0], EXO_WAIT_READ, EXO_WAIT_EDGE);
	t_eq(exo_wait_many(&w, 1, 0), 0);
	t_ret(write(p[1], "x", 1), 1);
	t_eq(exo_wait_many(&w, 1, EXO_FOREVER), 1);
	t_eq(w.ready, EXO_WAIT_READ);
	t_eq(w.seen, EXO_WAIT_READ);
	t_eq(exo_wait_many(&w, 1, now() + 20 * MS), 0); /* told already */
	t_eq(w.ready, 0);
	t_eq(w.seen, EXO_WAIT_READ);
	t_ret(read(p[0], &c, 1), 1);
	t_eq(exo_wait_many(&w, 1, 0), 0); /* notices that it is drained */
	t_eq(w.seen, 0);
	t_ret(write(p[1], "x", 1), 1);
	t_eq(exo_wait_many(&w, 1, EXO_FOREVER), 1);
	t_ret(read(p[0], &c, 1), 1);
	t_ret(write(p[1], "x", 1), 1);
	w.seen = 0; /* drained between two calls, and says so */
	t_eq(exo_wait_many(&w, 1, EXO_FOREVER), 1);
	close(p[1]);
	t_eq(exo_wait_many(&w, 1, EXO_FOREVER), 1);
	t_eq(w.ready, EXO_WAIT_HANGUP);
	t_eq(exo_wait_many(&w, 1, now() + 10 * MS), 0);
}

static void *signal_later(void *arg)
{
	t_sleep_ms(30);
	t_eq(exo_event_signal(*(int *)arg, 1), 0);
	return NULL;
}

T_CASE(wait_sleeps_and_wakes)
{
	struct exo_wait_item w[100];
	int e[100];
	pthread_t t;

	for (int i = 0; i < 100; i++) {
		e[i] = (int)exo_event_create(0, 0);
		w[i] = item(e[i], EXO_WAIT_READ, i % 2 ? EXO_WAIT_EDGE : 0);
	}
	for (int i = 0; i < 100; i += 33) {
		uint64_t n;

		pthread_create(&t, NULL, signal_later, &e[i]);
		t_eq(exo_wait_many(w, 100, EXO_FOREVER), 1);
		t_eq(w[i].ready, EXO_WAIT_READ);
		pthread_join(t, NULL);
		t_ret(read(e[i], &n, 8), 8);
	}
}

T_CASE(wait_refuses)
{
	int e = (int)exo_event_create(1, 0), r;
	struct exo_wait_item w = item(999, EXO_WAIT_READ, 0);

	t_eq(exo_wait_many(&w, 1, 0), -EBADF);
	w.cap = narrow(e, EXO_ALL & ~EXO_WAIT);
	t_eq(exo_wait_many(&w, 1, 0), -EACCES);
	w.cap = r = narrow(e, EXO_ALL);
	t_eq(exo_wait_many(&w, 1, 0), 1);
	t_eq(exo_cap_revoke(r, 0), 0);
	t_eq(exo_wait_many(&w, 1, 0), -EKEYREVOKED);
	w.cap = e;
	w.flags = 2;
	t_eq(exo_wait_many(&w, 1, 0), -EINVAL);
	w.flags = 0;
	w.reserved = 1;
	t_eq(exo_wait_many(&w, 1, 0), -EINVAL);
	w.reserved = 0;
	w.events = 2;
	t_eq(exo_wait_many(&w, 1, 0), -EINVAL);
	t_eq(exo_wait_many((void *)1, 1, 0), -EFAULT);
	t_eq(exo_wait_many(&w, EXO_WAIT_ITEMS_MAX + 1, 0), -EINVAL);
	t_eq(exo_wait_many(&w, SIZE_MAX, 0), -EINVAL);
}

static void *wait_for(void *arg)
{
	struct exo_wait_item w = item(*(int *)arg, EXO_WAIT_READ, 0);

	return (void *)exo_wait_many(&w, 1, EXO_FOREVER);
}

T_CASE(wait_ends_by_revocation)
{
	int e = (int)exo_event_create(0, 0);

	for (int i = 0; i < 50; i++) {
		int child = narrow(e, EXO_ALL);
		void *ret;
		pthread_t t;

		pthread_create(&t, NULL, wait_for, &child);
		if (i % 2)
			t_sleep_ms(2);
		t_eq(exo_cap_revoke(child, 0), 0);
		pthread_join(t, &ret);
		t_eq((long)ret, -EKEYREVOKED);
		close(child);
	}
}

/* ---- threads ---- */

static int go[2], back[2];
static volatile sig_atomic_t hit;
static pthread_t hit_thread;

static void on_signal(int signo)
{
	hit_thread = pthread_self();
	hit = signo;
}

static void *thread_body(void *arg)
{
	char c;
	int *cap = arg;

	*cap = (int)exo_thread_open(0, EXO_CAP_CLOEXEC);
	t_ret(write(back[1], "x", 1), 1);
	while (read(go[0], &c, 1) != 1 || c != 'q')
		;
	return NULL;
}

T_CASE(threads)
{
	struct exo_wait_item w;
	pthread_t t;
	char c;
	int cap = -1;
	pid_t pid;

	t_ok(pipe(back));
	t_ok(pipe(go));
	t_handler(SIGUSR1, on_signal, 0);
	pthread_create(&t, NULL, thread_body, &cap);
	t_ret(read(back[0], &c, 1), 1);
	t_check(cap >= 0);
	t_eq(type_of(cap), EXO_TYPE_THREAD);
	t_eq(fcntl(cap, F_GETFD), FD_CLOEXEC);
	w = item(cap, EXO_WAIT_READ, 0);
	t_eq(exo_wait_many(&w, 1, now() + 10 * MS), 0);
	t_ok(syscall(SYS_pidfd_send_signal, cap, SIGUSR1, NULL, 0));
	while (!hit)
		sched_yield();
	t_check(pthread_equal(hit_thread, t));
	t_errno(syscall(SYS_pidfd_send_signal, narrow(cap, EXO_WAIT), SIGUSR1, NULL, 0), EACCES);
	T_CHILD(pid) /* given to another process, which has no number for it */
	t_ok(syscall(SYS_pidfd_send_signal, narrow(cap, EXO_SIGNAL), 0, NULL, 0));
	t_exit(pid, 0);
	t_ret(write(go[1], "q", 1), 1);
	pthread_join(t, NULL);
	t_eq(exo_wait_many(&w, 1, EXO_FOREVER), 1);
	t_errno(syscall(SYS_pidfd_send_signal, cap, SIGUSR1, NULL, 0), ESRCH);
	t_eq(exo_thread_open(getppid(), 0), -ESRCH);
	t_eq(exo_thread_open(1 << 22, 0), -ESRCH);
	t_eq(exo_thread_open(0, 1), -EINVAL);
	cap = (int)exo_thread_open(gettid(), 0);
	hit = 0;
	t_ok(syscall(SYS_pidfd_send_signal, cap, SIGUSR1, NULL, 0));
	t_eq(hit, SIGUSR1);
}

/* ---- interrupts ---- */

T_CASE(interrupts)
{
	struct pollfd p = {.events = POLLIN};
	int line, own;
	uint64_t n = 0;
	pid_t pid;

	t_eq(exo_interrupt_open(16, 0), -EINVAL);
	t_eq(exo_interrupt_open(UINT32_MAX, 0), -EINVAL);
	t_eq(exo_interrupt_open(0, 4), -EINVAL);
	t_eq(exo_interrupt_open(4, 0), -EBUSY);      /* the console's */
	t_eq(exo_interrupt_open(9, 0), -EOPNOTSUPP); /* level-triggered */
	line = (int)exo_interrupt_open(
		0, EXO_CAP_CLOEXEC); /* the old timer: firmware lets it tick */
	t_check(line >= 0);
	t_eq(type_of(line), EXO_TYPE_INTERRUPT);
	p.fd = line;
	for (int i = 0; i < 3; i++) {
		t_ret(poll(&p, 1, 5000), 1);
		t_ret(read(line, &n, 8), 8);
		t_check(n >= 1);
	}
	t_ret(read(line, &n, 8), 8); /* sleeps for the next */
	t_check(n >= 1);
	t_errno(read(line, &n, 7), EINVAL);
	t_errno(read(narrow(line, EXO_WAIT), &n, 8), EACCES);
	t_eq(type_of((int)exo_interrupt_open(0, 0)), EXO_TYPE_INTERRUPT); /* a second reader */
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_eq(exo_interrupt_open(8, 0), -EPERM);
	}
	t_exit(pid, 0);
	own = (int)exo_interrupt_open(8, 0);
	t_check(own >= 0);
	t_eq(exo_cap_enter(0), 0);
	t_eq(exo_interrupt_open(8, 0), -EPERM);
}
