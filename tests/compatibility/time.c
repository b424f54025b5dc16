/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* time.c - clocks, sleeping, interval timers and POSIX timers. Only lower bounds: a busy host is no
 * error. */
#include "t_.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>

T_SUITE(time);

enum { MS = 1000000 };

static volatile int hits;
static volatile siginfo_t last;

static void count(int sig)
{
	hits++;
}

static void note(int sig, siginfo_t *info, void *context)
{
	hits++;
	last = *info;
}

static long long ns_of(struct timespec t)
{
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static long long by_call(clockid_t clock)
{
	struct timespec t = {0, 0};

	syscall(SYS_clock_gettime, clock, &t);
	return ns_of(t);
}

static long long by_libc(clockid_t clock)
{
	struct timespec t = {0, 0};

	clock_gettime(clock, &t);
	return ns_of(t);
}

T_CASE(clocks_agree_and_move)
{
	const clockid_t clocks[] = {
		CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME};

	for (int i = 0; i < 4; i++) {
		int bad = 0;
		long long before = by_call(clocks[i]);
		for (int k = 0; k < 200; k++) {
			/* system call, vDSO, system call: never back in time */
			long long a = by_call(clocks[i]), b = by_libc(clocks[i]),
				  c = by_call(clocks[i]);
			bad += a > b || b > c;
		}
		t_eq(bad, 0);
		t_check(by_libc(clocks[i]) > before);
	}
}

T_CASE(coarse_clocks_lag)
{
	const clockid_t fine[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	const clockid_t coarse[] = {CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE};

	for (int i = 0; i < 2; i++) {
		long long a = by_libc(coarse[i]), b = by_libc(fine[i]);
		t_check(a <= b);
		t_check(b - a < 1000 * MS);
		t_sleep_ms(50);
		t_check(by_call(coarse[i]) > a);
	}
}

T_CASE(cpu_clocks)
{
	long long p = by_call(CLOCK_PROCESS_CPUTIME_ID), t = by_call(CLOCK_THREAD_CPUTIME_ID);
	volatile unsigned long sum = 0;

	for (int i = 0; i < 3000000; i++)
		sum += i;
	t_check(by_call(CLOCK_PROCESS_CPUTIME_ID) > p);
	t_check(by_call(CLOCK_THREAD_CPUTIME_ID) > t);
	long long used = by_call(CLOCK_PROCESS_CPUTIME_ID);
	t_sleep_ms(100);
	t_check(by_call(CLOCK_PROCESS_CPUTIME_ID) - used < 90 * MS); /* sleeping costs nothing */
	struct timespec ts;
	clockid_t clock;
	t_eq(clock_getcpuclockid(getpid(), &clock), 0);
	t_ret(clock_gettime(clock, &ts), 0);
}

T_CASE(clock_errors)
{
	struct timespec t;

	t_errno(clock_gettime(77, &t), EINVAL);
	t_errno(syscall(SYS_clock_gettime, CLOCK_REALTIME, (void *)8), EFAULT);
	t_errno(clock_getres(77, &t), EINVAL);
	t_ret(clock_getres(CLOCK_MONOTONIC, &t), 0);
	t_eq(t.tv_sec, 0);
	t_eq(t.tv_nsec, 1);
	t_ret(clock_getres(CLOCK_MONOTONIC, NULL), 0);
	t_ret(clock_getres(CLOCK_REALTIME_COARSE, &t), 0);
	t_check(t.tv_nsec >= 1000000 && t.tv_nsec <= 10000000);
	t_errno(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &t), EINVAL);
}

T_CASE(wall_time_calls)
{
	struct timeval tv;
	time_t now;

	t_ret(gettimeofday(&tv, NULL), 0);
	now = time(NULL);
	t_check(now >= tv.tv_sec && now - tv.tv_sec < 5);
	long raw = syscall(SYS_time, NULL);
	t_check(raw >= now && raw - now < 5);
	t_ret(syscall(SYS_gettimeofday, &tv, NULL), 0);
	t_check(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
	t_check(by_call(CLOCK_BOOTTIME) >= by_call(CLOCK_MONOTONIC) - MS);
}

T_CASE(vdso_is_there)
{
	const unsigned char *image = (const unsigned char *)getauxval(AT_SYSINFO_EHDR);

	t_check(image != NULL);
	t_mem(image, "\177ELF", 4);
	unsigned cpu = 99, node = 99;
	t_ret(getcpu(&cpu, &node), 0);
	t_check(cpu < 64);
	t_eq(node, 0);
	t_ret(syscall(SYS_getcpu, &cpu, NULL, NULL), 0);
	t_errno(syscall(SYS_getcpu, (void *)8, NULL, NULL), EFAULT);
	t_check(sched_getcpu() >= 0);
}

/* ---- sleeping ---- */

T_CASE(sleeps_long_enough)
{
	struct timespec t = {0, 20 * MS}, at;
	long long start = t_now_ns();

	t_ret(nanosleep(&t, NULL), 0);
	t_check(t_now_ns() - start >= 20 * MS);
	start = t_now_ns();
	t_eq(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL), 0);
	t_check(t_now_ns() - start >= 20 * MS);
	clock_gettime(CLOCK_MONOTONIC, &at);
	start = ns_of(at) + 30 * MS;
	at = (struct timespec){start / 1000000000, start % 1000000000};
	t_eq(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
	t_check(t_now_ns() >= start);
	t_eq(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0); /* past: at once */
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += 10 * MS;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	t_eq(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL), 0);
	t_check(by_call(CLOCK_REALTIME) >= ns_of(at));
}

T_CASE(sleep_errors)
{
	struct timespec bad = {0, 1000000000}, negative = {-1, 0}, zero = {0, 0};

	t_errno(nanosleep(&bad, NULL), EINVAL);
	t_errno(nanosleep(&negative, NULL), EINVAL);
	t_eq(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL), EINVAL);
	t_eq(clock_nanosleep(77, 0, &zero, NULL), EINVAL);
	t_eq(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &zero, NULL), EINVAL);
	t_errno(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (void *)8, NULL), EFAULT);
	t_errno(syscall(SYS_nanosleep, (void *)8, NULL), EFAULT);
	t_ret(nanosleep(&zero, NULL), 0);
}

static pid_t signal_when_asleep(int sig)
{
	pid_t parent = getpid(), pid;

	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		t_ret(kill(parent, sig), 0);
	}
	return pid;
}

T_CASE(interrupted_sleep_tells_the_rest)
{
	struct timespec t = {100, 0}, left = {7, 7}, at;
	pid_t pid;

	t_handler(SIGUSR1, count, 0);
	pid = signal_when_asleep(SIGUSR1);
	t_eq(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &left), EINTR);
	t_check(left.tv_sec >= 80 && left.tv_sec < 100);
	t_exit(pid, 0);
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += 100;
	left = (struct timespec){7, 7};
	pid = signal_when_asleep(SIGUSR1);
	t_eq(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, &left), EINTR);
	t_eq(left.tv_sec, 7); /* an absolute sleep has no rest */
	t_exit(pid, 0);
	t_eq(hits, 2);
}

T_CASE(stopped_sleep_goes_on)
{
	int status;
	pid_t pid;

	T_CHILD(pid)
	{
		struct timespec t = {0, 150 * MS};
		long long start = t_now_ns();
		t_ret(nanosleep(&t, NULL), 0); /* stop and continue are not seen */
		t_check(t_now_ns() - start >= 150 * MS);
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(kill(pid, SIGSTOP), 0);
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	t_ret(kill(pid, SIGCONT), 0);
	t_exit(pid, 0);
}

/* ---- interval timers ---- */

T_CASE(alarm_and_itimer_real)
{
	struct itimerval set = {.it_value = {0, 20000}}, old;
	sigset_t alarm_set;

	sigemptyset(&alarm_set);
	sigaddset(&alarm_set, SIGALRM);
	t_handler(SIGALRM, count, 0);
	t_eq(alarm(100), 0);
	unsigned rest = alarm(0);
	t_check(rest > 90 && rest <= 100);
	t_eq(alarm(0), 0);
	t_ret(setitimer(ITIMER_REAL, &set, NULL), 0);
	while (!hits)
		t_sleep_ms(1);
	t_ret(getitimer(ITIMER_REAL, &old), 0);
	t_eq(old.it_value.tv_sec + old.it_value.tv_usec, 0);
	set.it_interval.tv_usec = 5000;
	t_ret(setitimer(ITIMER_REAL, &set, NULL), 0);
	while (hits < 5)
		t_sleep_ms(1);
	set = (struct itimerval){0};
	t_ret(setitimer(ITIMER_REAL, &set, &old), 0);
	t_eq(old.it_interval.tv_usec, 5000);
	int then = hits;
	t_sleep_ms(30);
	t_check(hits == then);
	set.it_value.tv_usec = 1000000;
	t_errno(setitimer(ITIMER_REAL, &set, NULL), EINVAL);
	t_errno(setitimer(99, &set, NULL), EINVAL);
	t_errno(getitimer(99, &set), EINVAL);
	t_errno(syscall(SYS_setitimer, ITIMER_REAL, (void *)8, NULL), EFAULT);
}

/* The timer is one of another CPU, where it fires just when it is stopped here: what was to come
 * has come when the call returns, or never does. */
T_CASE_LIMIT(itimer_stopped_at_its_time, 30)
{
	const struct itimerval set = {.it_value = {0, 100}}, never = {{0, 0}, {0, 0}};
	cpu_set_t cpu[2];
	int late = 0;

	for (int i = 0; i < 2; i++) {
		CPU_ZERO(&cpu[i]);
		CPU_SET(i, &cpu[i]);
	}
	if (sched_setaffinity(0, sizeof(cpu[1]), &cpu[1]))
		t_skip("one processor");
	t_handler(SIGALRM, count, 0);
	for (int i = 0; i < 4000; i++) {
		sched_setaffinity(0, sizeof(cpu[0]), &cpu[0]);
		setitimer(ITIMER_REAL, &set, NULL);
		long long at = t_now_ns() + 100000 + (i % 200 - 100) * 100;
		sched_setaffinity(0, sizeof(cpu[1]), &cpu[1]);
		while (t_now_ns() < at)
			;
		setitimer(ITIMER_REAL, &never, NULL);
		int then = hits;
		for (at = t_now_ns() + 50000; t_now_ns() < at;)
			;
		late += hits != then;
	}
	t_eq(late, 0);
	t_check(hits > 0);
}

T_CASE(itimer_survives_exec_not_fork)
{
	struct itimerval set = {.it_value = {50, 0}}, now;
	pid_t pid;

	t_ret(setitimer(ITIMER_REAL, &set, NULL), 0);
	T_CHILD(pid)
	{
		t_ret(getitimer(ITIMER_REAL, &now), 0);
		t_eq(now.it_value.tv_sec + now.it_value.tv_usec, 0);
		set.it_value.tv_sec = 0;
		set.it_value.tv_usec = 30000;
		t_ret(setitimer(ITIMER_REAL, &set, NULL), 0);
		execl(t_self, t_self, "-x", "sleeper", (char *)NULL);
	}
	t_killed(pid, SIGALRM);
	t_ret(getitimer(ITIMER_REAL, &now), 0);
	t_check(now.it_value.tv_sec > 30);
}

T_HELPER(sleeper)
{
	t_sleep_ms(9000);
	return 0;
}

T_CASE(itimer_virtual_and_prof)
{
	struct itimerval set = {.it_value = {0, 10000}};

	t_handler(SIGVTALRM, count, 0);
	t_handler(SIGPROF, count, 0);
	t_ret(setitimer(ITIMER_VIRTUAL, &set, NULL), 0);
	t_sleep_ms(50);
	t_eq(hits, 0); /* no processor time was used */
	while (!hits)
		;
	t_eq(hits, 1);
	t_ret(setitimer(ITIMER_PROF, &set, NULL), 0);
	while (hits < 2)
		;
	t_eq(hits, 2);
}

/* ---- POSIX timers ---- */

/* The calls themselves: libc keeps its own table around them. */
static int timer_new(clockid_t clock, int notify, int sig, int value, int tid)
{
	struct sigevent event = {
		.sigev_notify = notify, .sigev_signo = sig, .sigev_value.sival_int = value};
	int id = -1;

	event._sigev_un._tid = tid;
	return syscall(SYS_timer_create, clock, &event, &id) < 0 ? -1 : id;
}

static int timer_start(int id, int flags, long long first_ns, long long every_ns)
{
	struct itimerspec set = {{every_ns / 1000000000, every_ns % 1000000000},
		{first_ns / 1000000000, first_ns % 1000000000}};

	return syscall(SYS_timer_settime, id, flags, &set, NULL);
}

T_CASE(timer_signal)
{
	struct itimerspec now;
	int id;

	t_handler_info(SIGUSR1, note, 0);
	t_ok(id = timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 4321, 0));
	t_ret(syscall(SYS_timer_gettime, id, &now), 0);
	t_eq(ns_of(now.it_value), 0);
	t_ret(timer_start(id, 0, 10 * MS, 0), 0);
	while (!hits)
		t_sleep_ms(1);
	t_eq(last.si_signo, SIGUSR1);
	t_eq(last.si_code, SI_TIMER);
	t_eq(last.si_value.sival_int, 4321);
	t_eq(last.si_timerid, id);
	t_ret(syscall(SYS_timer_gettime, id, &now), 0);
	t_eq(ns_of(now.it_value), 0);
	t_ret(timer_start(id, 0, 1000000 * (long long)MS, 5 * MS), 0);
	t_ret(syscall(SYS_timer_gettime, id, &now), 0);
	t_check(now.it_value.tv_sec > 900 && now.it_value.tv_sec <= 1000);
	t_eq(now.it_interval.tv_nsec, 5 * MS);
	t_ret(timer_start(id, 0, 0, 0), 0);
	t_ret(syscall(SYS_timer_gettime, id, &now), 0);
	t_eq(ns_of(now.it_value), 0);
	t_ret(syscall(SYS_timer_delete, id), 0);
	t_errno(syscall(SYS_timer_delete, id), EINVAL);
	t_eq(hits, 1);
}

T_CASE(timer_absolute)
{
	int id;

	t_handler(SIGUSR1, count, 0);
	t_ok(id = timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0, 0));
	long long at = t_now_ns() + 20 * MS;
	t_ret(timer_start(id, TIMER_ABSTIME, at, 0), 0);
	while (!hits)
		t_sleep_ms(1);
	t_check(t_now_ns() >= at);
	t_ret(timer_start(id, TIMER_ABSTIME, at, 0), 0); /* in the past: at once */
	while (hits < 2)
		t_sleep_ms(1);
	t_eq(hits, 2);
}

T_CASE(timer_overrun)
{
	sigset_t set;
	int id;

	t_handler_info(SIGUSR1, note, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	t_ok(id = timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0, 0));
	t_ret(timer_start(id, 0, 2 * MS, 2 * MS), 0);
	t_sleep_ms(60);
	siginfo_t info;
	t_ret(sigwaitinfo(&set, &info), SIGUSR1);
	t_check(info.si_overrun >= 20);
	t_check(syscall(SYS_timer_getoverrun, id) >= 20);
	t_ret(timer_start(id, 0, 0, 0), 0);
	t_errno(syscall(SYS_timer_getoverrun, 12345), EINVAL);
}

T_CASE(timer_none_and_thread)
{
	struct itimerspec now;
	int id;

	t_ok(id = timer_new(CLOCK_REALTIME, SIGEV_NONE, 0, 0, 0));
	t_ret(timer_start(id, 0, 100000 * (long long)MS, 0), 0);
	t_ret(syscall(SYS_timer_gettime, id, &now), 0);
	t_check(now.it_value.tv_sec > 50 && now.it_value.tv_sec <= 100);
	t_handler_info(SIGUSR2, note, 0);
	t_ok(id = timer_new(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGUSR2, 5, gettid()));
	t_ret(timer_start(id, 0, 5 * MS, 0), 0);
	while (!hits)
		t_sleep_ms(1);
	t_eq(last.si_value.sival_int, 5);
	t_errno(timer_new(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGUSR2, 5, 1), EINVAL);
}

T_CASE(timer_errors_and_fork)
{
	struct itimerspec now, bad = {.it_value = {0, 1000000000}};
	pid_t pid;
	int id;

	t_errno(timer_new(77, SIGEV_SIGNAL, SIGUSR1, 0, 0), EINVAL);
	t_errno(timer_new(CLOCK_MONOTONIC, 99, SIGUSR1, 0, 0), EINVAL);
	t_errno(timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, 65, 0, 0), EINVAL);
	t_errno(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, (void *)8), EFAULT);
	t_errno(syscall(SYS_timer_create, CLOCK_MONOTONIC, (void *)8, &id), EFAULT);
	t_errno(syscall(SYS_timer_gettime, 12345, &now), EINVAL);
	t_errno(syscall(SYS_timer_settime, 12345, 0, &now, NULL), EINVAL);
	t_ok(id = timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0, 0));
	t_errno(syscall(SYS_timer_settime, id, 0, &bad, NULL), EINVAL);
	t_errno(syscall(SYS_timer_settime, id, 0, NULL, NULL), EINVAL);
	T_CHILD(pid)
	{
		t_errno(syscall(SYS_timer_gettime, id, &now), EINVAL); /* timers stay behind */
	}
	t_exit(pid, 0);
	t_ret(syscall(SYS_timer_gettime, id, &now), 0);
	/* without an event: SIGALRM, the timer's number as value */
	t_handler_info(SIGALRM, note, 0);
	t_ret(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id), 0);
	t_ret(timer_start(id, 0, MS, 0), 0);
	while (!hits)
		t_sleep_ms(1);
	t_eq(last.si_value.sival_int, id);
}

T_CASE(deleted_timer_is_silent)
{
	int id;

	t_handler(SIGUSR1, count, 0);
	t_ok(id = timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0, 0));
	t_ret(timer_start(id, 0, 30 * MS, 0), 0);
	t_ret(syscall(SYS_timer_delete, id), 0);
	t_sleep_ms(60);
	t_eq(hits, 0);
}

static atomic_int racing_id, race_over;

static void *set_all_the_time(void *arg)
{
	while (!race_over)
		timer_start(racing_id, 0, MS, MS);
	return NULL;
}

/* A timer that is set while it is deleted is not left running when nobody has it any more. */
T_CASE(timer_set_while_it_is_deleted)
{
	long long end = t_now_ns() + 1000 * MS;
	pthread_t setter;
	int id, failed = 0;

	t_handler(SIGUSR1, count, 0);
	racing_id = -1;
	t_ret(pthread_create(&setter, NULL, set_all_the_time, NULL), 0);
	while (t_now_ns() < end) {
		racing_id = id = timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0, 0);
		failed += id < 0;
		failed += syscall(SYS_timer_delete, id) != 0;
	}
	race_over = 1;
	t_ret(pthread_join(setter, NULL), 0);
	t_eq(failed, 0);
	hits = 0;
	t_sleep_ms(60);
	t_eq(hits, 0);
}

static void *delete_the_next(void *arg)
{
	while (!race_over)
		syscall(SYS_timer_delete, racing_id + 1);
	return NULL;
}

/* Numbers can be guessed: a timer may be gone before who made it knows its number. */
T_CASE(timer_deleted_before_its_number_is_told)
{
	long long end = t_now_ns() + 500 * MS;
	int id, failed = 0;
	pthread_t guesser;

	racing_id = -1;
	t_ret(pthread_create(&guesser, NULL, delete_the_next, NULL), 0);
	while (t_now_ns() < end) {
		id = timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0, 0);
		failed += id < 0;
		syscall(SYS_timer_delete, id); /* fails where the other was first */
		racing_id = id;
	}
	race_over = 1;
	t_ret(pthread_join(guesser, NULL), 0);
	t_eq(failed, 0);
}

/* A limit on CPU time that is set while the process ends watches over nobody. What is left of the
 * watch would strike a second later, when others live in that memory. */
T_CASE(cpu_limit_of_who_ends)
{
	const struct rlimit limit = {1, RLIM_INFINITY};
	long long end = t_now_ns() + 2500ll * MS;
	int status, failed = 0;

	while (t_now_ns() < end) {
		pid_t pid = fork();
		siginfo_t info = {0};

		if (!pid) {
			char *page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			for (int at = 0; page != MAP_FAILED && at < 1 << 20; at += 4096)
				page[at] = 1;
			_exit(3);
		}
		while (!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
			!info.si_pid)
			prlimit(pid, RLIMIT_CPU, &limit, NULL);
		failed += waitpid(pid, &status, 0) != pid || status != 3 << 8;
	}
	t_eq(failed, 0);
}
