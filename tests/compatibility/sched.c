/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sched.c - nice values, affinity, classes and yielding; memory policy, which goes with them. */
#include "t_.h"

#include <linux/mempolicy.h>
#include <pthread.h>
#include <sys/resource.h>

T_SUITE(sched);

/* SCHED_DEADLINE and the calls that speak of it */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
	uint64_t beyond;
};
enum { DEADLINE = 6, VER0 = 48, MS = 1000000 };

static int setattr(pid_t pid, const struct attr *a)
{
	return (int)syscall(SYS_sched_setattr, pid, a, 0);
}
static int getattr(pid_t pid, struct attr *a, unsigned size)
{
	return (int)syscall(SYS_sched_getattr, pid, a, size, 0);
}
static struct attr deadline(uint64_t runtime, uint64_t within, uint64_t period)
{
	return (struct attr){.size = VER0,
		.policy = DEADLINE,
		.runtime = runtime,
		.deadline = within,
		.period = period};
}
static int64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int policy_of(pid_t pid)
{
	return sched_getscheduler(pid);
}

T_CASE(nice_values)
{
	pid_t pid;

	t_ret(getpriority(PRIO_PROCESS, 0), 0);
	T_CHILD(pid)
	{
		t_ret(setpriority(PRIO_PROCESS, 0, 5), 0);
		t_ret(getpriority(PRIO_PROCESS, 0), 5);
		t_ret(syscall(SYS_getpriority, PRIO_PROCESS, 0),
			15); /* the call itself answers 20 - nice */
		t_ret(setpriority(PRIO_PROCESS, 0, 100), 0);
		t_ret(getpriority(PRIO_PROCESS, 0), 19);
		t_ret(setpriority(PRIO_PROCESS, 0, -100), 0);
		errno = 0;
		t_ret(getpriority(PRIO_PROCESS, 0), -20);
		pid_t inner;
		t_ret(setpriority(PRIO_PROCESS, 0, 3), 0);
		T_CHILD(inner)
		{
			t_ret(getpriority(PRIO_PROCESS, 0), 3);
		}
		t_exit(inner, 0);
	}
	t_exit(pid, 0);
	t_errno(getpriority(PRIO_PROCESS, 999999999), ESRCH);
	t_errno(setpriority(PRIO_PROCESS, 999999999, 1), ESRCH);
	t_errno(getpriority(99, 0), EINVAL);
	t_errno(setpriority(99, 0, 1), EINVAL);
	t_ret(getpriority(PRIO_USER, 0) <= 0 ? 0 : 1, 0);
}

T_CASE(nice_of_groups_and_users)
{
	int hold[2];
	pid_t pid;

	t_pipe(hold);
	T_CHILD(pid)
	{
		t_get(hold[0]);
	}
	t_ret(setpgid(pid, pid), 0);
	t_ret(setpriority(PRIO_PGRP, pid, 4), 0);
	t_ret(getpriority(PRIO_PROCESS, pid), 4);
	t_ret(getpriority(PRIO_PGRP, pid), 4);
	t_ret(getpriority(PRIO_PROCESS, 0), 0);
	t_put(hold[1]);
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		t_become(4322, 4322);
		t_ret(setpriority(PRIO_USER, 0, 6), 0);
		t_ret(getpriority(PRIO_PROCESS, 0), 6);
		t_errno(setpriority(PRIO_PROCESS, 0, 2),
			EACCES); /* no way back without the right */
		t_errno(setpriority(PRIO_PROCESS, getppid(), 10), EPERM);
	}
	t_exit(pid, 0);
}

T_CASE(affinity)
{
	cpu_set_t all, one, none;
	pid_t pid;

	CPU_ZERO(&all);
	t_ret(sched_getaffinity(0, sizeof(all), &all), 0);
	t_check(CPU_COUNT(&all) >= 1);
	t_check(CPU_ISSET(0, &all));
	long raw = syscall(SYS_sched_getaffinity, 0, sizeof(all), &all);
	t_check(raw >= 8 && raw % 8 == 0);
	T_CHILD(pid)
	{
		CPU_ZERO(&one);
		CPU_SET(0, &one);
		t_ret(sched_setaffinity(0, sizeof(one), &one), 0);
		t_eq(sched_getcpu(), 0);
		CPU_ZERO(&all);
		t_ret(sched_getaffinity(0, sizeof(all), &all), 0);
		t_eq(CPU_COUNT(&all), 1);
		pid_t inner;
		T_CHILD(inner)
		{
			t_ret(sched_getaffinity(0, sizeof(all), &all), 0);
			t_eq(CPU_COUNT(&all), 1);
			for (int i = 0; i < 20; i++) {
				sched_yield();
				t_check(sched_getcpu() == 0);
			}
		}
		t_exit(inner, 0);
	}
	t_exit(pid, 0);
	CPU_ZERO(&none);
	t_errno(sched_setaffinity(0, sizeof(none), &none), EINVAL);
	CPU_SET(1000, &none);
	t_errno(sched_setaffinity(0, sizeof(none), &none), EINVAL);
	t_errno(sched_getaffinity(999999999, sizeof(all), &all), ESRCH);
	t_errno(sched_setaffinity(999999999, sizeof(all), &all), ESRCH);
	t_errno(syscall(SYS_sched_getaffinity, 0, 1, &all), EINVAL);
	t_errno(syscall(SYS_sched_getaffinity, 0, 128, (void *)8), EFAULT);
	t_errno(syscall(SYS_sched_setaffinity, 0, 128, (void *)8), EFAULT);
	T_CHILD(pid)
	{
		pid_t parent = getppid();
		t_become(1000, 1000);
		CPU_ZERO(&one);
		CPU_SET(0, &one);
		t_errno(sched_setaffinity(parent, sizeof(one), &one), EPERM);
	}
	t_exit(pid, 0);
}

T_CASE(every_processor_is_reached)
{
	cpu_set_t all, one;
	int wrong = 0;

	CPU_ZERO(&all);
	t_ret(sched_getaffinity(0, sizeof(all), &all), 0);
	for (int cpu = 0; cpu < 64; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		wrong += sched_setaffinity(0, sizeof(one), &one) != 0;
		wrong += sched_getcpu() != cpu; /* moved before the call returned */
	}
	t_eq(wrong, 0);
}

T_CASE(running_process_is_moved)
{
	cpu_set_t one;
	volatile int *cpu =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	*cpu = -1;
	T_CHILD(pid)
	{
		for (;;)
			*cpu = sched_getcpu();
	}
	while (*cpu < 0)
		t_sleep_ms(1);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	t_ret(sched_setaffinity(pid, sizeof(one), &one), 0);
	t_sleep_ms(20);
	*cpu = -1;
	while (*cpu < 0)
		t_sleep_ms(1);
	t_eq(*cpu, 0);
	kill(pid, SIGKILL);
	t_killed(pid, SIGKILL);
}

T_CASE(classes)
{
	struct sched_param param = {10}, got = {-1};
	pid_t pid;

	t_eq(policy_of(0), SCHED_OTHER);
	t_ret(sched_getparam(0, &got), 0);
	t_eq(got.sched_priority, 0);
	T_CHILD(pid)
	{
		t_ret(sched_setscheduler(0, SCHED_FIFO, &param), 0);
		t_eq(policy_of(0), SCHED_FIFO);
		t_ret(sched_getparam(0, &got), 0);
		t_eq(got.sched_priority, 10);
		param.sched_priority = 20;
		t_ret(sched_setparam(0, &param), 0);
		pid_t inner;
		T_CHILD(inner)
		{
			t_eq(policy_of(0), SCHED_FIFO);
		}
		t_exit(inner, 0);
		t_ret(sched_setscheduler(0, SCHED_RR, &param), 0);
		t_eq(policy_of(0), SCHED_RR);
		struct timespec slice;
		t_ret(sched_rr_get_interval(0, &slice), 0);
		t_check(slice.tv_sec == 0 && slice.tv_nsec > 0);
		t_ret(sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param), 0);
		t_eq(policy_of(0), SCHED_RR | SCHED_RESET_ON_FORK);
		T_CHILD(inner)
		{
			t_eq(policy_of(0), SCHED_OTHER);
		}
		t_exit(inner, 0);
		param.sched_priority = 0;
		t_ret(sched_setscheduler(0, SCHED_BATCH, &param), 0);
		t_eq(policy_of(0), SCHED_BATCH);
		t_ret(sched_setscheduler(0, SCHED_IDLE, &param), 0);
		t_ret(sched_setscheduler(0, SCHED_OTHER, &param), 0);
		t_eq(policy_of(0), SCHED_OTHER);
	}
	t_exit(pid, 0);
	t_eq(policy_of(0), SCHED_OTHER);
}

T_CASE(class_errors)
{
	struct sched_param param = {0};
	pid_t pid;

	t_errno(sched_setscheduler(0, SCHED_FIFO, &param), EINVAL);
	param.sched_priority = 100;
	t_errno(sched_setscheduler(0, SCHED_FIFO, &param), EINVAL);
	t_errno(sched_setscheduler(0, SCHED_OTHER, &param), EINVAL);
	t_errno(sched_setscheduler(0, 99, &param), EINVAL);
	t_errno(sched_setscheduler(-1, SCHED_OTHER, &param), EINVAL);
	t_errno(sched_setscheduler(999999999, SCHED_OTHER, &(struct sched_param){0}), ESRCH);
	t_errno(sched_getscheduler(999999999), ESRCH);
	t_errno(sched_getscheduler(-1), EINVAL);
	t_errno(sched_getparam(999999999, &param), ESRCH);
	t_errno(syscall(SYS_sched_getparam, 0, NULL), EINVAL);
	t_errno(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, (void *)8), EFAULT);
	t_ret(sched_get_priority_max(SCHED_FIFO), 99);
	t_ret(sched_get_priority_min(SCHED_FIFO), 1);
	t_ret(sched_get_priority_max(SCHED_OTHER), 0);
	t_errno(sched_get_priority_max(99), EINVAL);
	T_CHILD(pid)
	{
		struct sched_param fifo = {1};
		t_become(1000, 1000);
		t_errno(sched_setscheduler(0, SCHED_FIFO, &fifo), EPERM);
	}
	t_exit(pid, 0);
}

T_CASE(real_time_goes_first)
{
	struct sched_param high = {50}, low = {10};
	volatile int *word =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cpu_set_t one;
	pid_t pid;

	/* all on one processor, so that priority alone decides */
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	t_ret(sched_setaffinity(0, sizeof(one), &one), 0);
	t_ret(sched_setscheduler(0, SCHED_FIFO, &high), 0);
	T_CHILD(pid)
	{
		sched_setscheduler(0, SCHED_FIFO, &low);
		word[0] = 1;
	}
	t_eq(word[0], 0); /* the equal child waits for this one to leave the processor */
	for (volatile int i = 0; i < 3000000; i++)
		;
	t_eq(word[0], 0);
	sched_yield();
	t_exit(pid, 0);
	t_eq(word[0], 1);
}

T_CASE(yield_hands_over)
{
	volatile int *turn =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sched_param equal = {5};
	cpu_set_t one;
	pid_t pid;
	int good = 0;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	t_ret(sched_setaffinity(0, sizeof(one), &one), 0);
	t_ret(sched_setscheduler(0, SCHED_FIFO, &equal), 0);
	/* two equals of SCHED_FIFO on one processor: each yield is exactly one turn of the other */
	T_CHILD(pid)
	{
		for (int i = 0; i < 50; i++) {
			(*turn)++;
			sched_yield();
		}
	}
	for (int i = 1; i <= 50; i++) {
		sched_yield();
		good += *turn == i;
	}
	t_eq(good, 50);
	t_exit(pid, 0);
}

T_CASE(fair_share_in_time)
{
	volatile long *counts =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cpu_set_t one;
	pid_t pids[3];

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	t_ret(sched_setaffinity(0, sizeof(one), &one), 0);
	for (int i = 0; i < 3; i++) {
		T_CHILD(pids[i])
		{
			for (;;)
				counts[i]++;
		}
	}
	t_sleep_ms(600);
	for (int i = 0; i < 3; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < 3; i++)
		t_killed(pids[i], SIGKILL);
	/* none starves: each did at least a fifth of what the busiest did */
	long most = 0;
	for (int i = 0; i < 3; i++)
		most = counts[i] > most ? counts[i] : most;
	for (int i = 0; i < 3; i++)
		t_check(counts[i] * 5 >= most);
}

T_CASE(deadline_attributes)
{
	struct attr a = deadline(10 * MS, 30 * MS, 100 * MS), got;
	struct sched_param param = {0};
	struct timespec slice = {1, 1};
	cpu_set_t all, one;
	pid_t pid, inner;

	t_ret(sched_get_priority_max(DEADLINE), 0);
	t_ret(sched_get_priority_min(DEADLINE), 0);
	t_ret(sched_getaffinity(0, sizeof(all), &all), 0);
	T_CHILD(pid)
	{
		t_ret(setpriority(PRIO_PROCESS, 0, 7), 0);
		t_ret(setattr(0, &a), 0);
		t_eq(policy_of(0), DEADLINE);
		t_ret(getattr(0, &got, VER0), 0);
		t_eq(got.size, VER0);
		t_eq(got.policy, DEADLINE);
		t_eq(got.flags, 0);
		t_eq(got.runtime, 10 * MS);
		t_eq(got.deadline, 30 * MS);
		t_eq(got.period, 100 * MS);
		t_eq(got.priority, 0);
		t_ret(sched_getparam(0, &param), 0);
		t_eq(param.sched_priority, 0);
		t_ret(sched_rr_get_interval(0, &slice), 0);
		t_eq(slice.tv_sec + slice.tv_nsec, 0);
		t_errno(sched_setparam(0, &param), EINVAL);
		t_errno(fork(), EAGAIN); /* its share is not for two */
		/* its mask is all processors, and stays so */
		t_ret(sched_getaffinity(0, sizeof(one), &one), 0);
		t_check(CPU_EQUAL(&one, &all));
		t_ret(sched_setaffinity(0, sizeof(all), &all), 0);
		CPU_ZERO(&one);
		CPU_SET(0, &one);
		errno = 0;
		int narrow = sched_setaffinity(0, sizeof(one), &one);
		t_check(CPU_COUNT(&all) == 1 ? narrow == 0 : narrow == -1 && errno == EBUSY);
		a.period = 0; /* then it is the deadline */
		a.flags = 1;  /* reset on fork */
		t_ret(setattr(0, &a), 0);
		t_ret(getattr(0, &got, VER0), 0);
		t_eq(got.period, 30 * MS);
		t_eq(got.flags, 1);
		T_CHILD(inner)
		{
			t_eq(policy_of(0), SCHED_OTHER);
			t_ret(getpriority(PRIO_PROCESS, 0), 0);
			t_ret(getattr(0, &got, VER0), 0);
			t_eq(got.flags, 0);
		}
		t_exit(inner, 0);
		t_ret(sched_setscheduler(0, SCHED_OTHER, &param), 0);
		t_ret(getpriority(PRIO_PROCESS, 0), 7);
	}
	t_exit(pid, 0);
	if (CPU_COUNT(&all) > 1) {
		T_CHILD(pid)
		{
			CPU_ZERO(&one);
			CPU_SET(0, &one);
			t_ret(sched_setaffinity(0, sizeof(one), &one), 0);
			a = deadline(10 * MS, 30 * MS, 100 * MS);
			t_errno(setattr(0, &a), EPERM);
		}
		t_exit(pid, 0);
	}
}

T_CASE(deadline_errors)
{
	struct attr a;
	struct sched_param param = {0};
	pid_t pid;

	static const uint64_t bad[][3] = {
		{0, 30 * MS, 100 * MS},
		{1023, 30 * MS, 100 * MS},
		{31 * MS, 30 * MS, 100 * MS},
		{10 * MS, 101 * MS, 100 * MS},
		{10 * MS, 0, 100 * MS},
		{2000, 10000, 10000},             /* a period too short */
		{10 * MS, 30 * MS, 5000ULL * MS}, /* and one too long */
		{10 * MS, 30 * MS, 0x8000000000000000ULL},
		{10 * MS, 0x8000000000000000ULL, 0},
	};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		a = deadline(bad[i][0], bad[i][1], bad[i][2]);
		t_errno(setattr(0, &a), EINVAL);
	}
	a = deadline(10 * MS, 30 * MS, 100 * MS);
	a.priority = 1;
	t_errno(setattr(0, &a), EINVAL);
	a.priority = 0;
	a.flags = 0x8000;
	t_errno(setattr(0, &a), EINVAL);
	a.flags = 0;
	t_errno(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL);
	t_errno(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	t_errno(syscall(SYS_sched_setattr, 0, (void *)8, 0), EFAULT);
	t_errno(setattr(-1, &a), EINVAL);
	t_errno(setattr(999999999, &a), ESRCH);
	a.policy = 4;
	t_errno(setattr(0, &a), EINVAL);
	a.policy = (uint32_t)-1;
	t_errno(setattr(0, &a), EINVAL);
	t_errno(sched_setscheduler(0, DEADLINE, &param), EINVAL);
	t_errno(getattr(0, &a, VER0 - 1), EINVAL);
	t_errno(getattr(999999999, &a, VER0), ESRCH);
	t_errno(getattr(-1, &a, VER0), EINVAL);
	t_errno(syscall(SYS_sched_getattr, 0, &a, VER0, 1), EINVAL);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		a = deadline(10 * MS, 30 * MS, 100 * MS);
		t_errno(setattr(0, &a), EPERM);
	}
	t_exit(pid, 0);
	t_eq(policy_of(0), SCHED_OTHER);
}

T_CASE(attributes_of_any_size)
{
	struct attr a = {.policy = SCHED_BATCH, .nice = 3}, got;
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(setattr(0, &a), 0); /* size 0 is the first version's */
		t_eq(policy_of(0), SCHED_BATCH);
		a.size = VER0 - 1;
		t_errno(setattr(0, &a), E2BIG);
		t_check(a.size >= VER0); /* what the kernel knows */
		a.size = sizeof(a);
		a.nice = 5;
		t_ret(setattr(0, &a), 0); /* zeros beyond are no harm */
		a.beyond = 1;
		t_errno(setattr(0, &a), E2BIG);
		a.beyond = 0;
		t_ret(getattr(0, &got, VER0), 0);
		t_eq(got.nice, 5);
		t_eq(got.policy, SCHED_BATCH);
		a.size = VER0;
		a.nice = 100; /* clamped */
		t_ret(setattr(0, &a), 0);
		t_ret(getpriority(PRIO_PROCESS, 0), 19);
		a.flags = 8; /* keep the policy */
		a.policy = SCHED_FIFO;
		a.nice = 2;
		t_ret(setattr(0, &a), 0);
		t_eq(policy_of(0), SCHED_BATCH);
		t_ret(getpriority(PRIO_PROCESS, 0), 2);
		a.flags = 1 | 16; /* keep the parameters, the policy with them */
		a.policy = SCHED_OTHER;
		a.nice = 9;
		t_ret(setattr(0, &a), 0);
		t_eq(policy_of(0), SCHED_BATCH | SCHED_RESET_ON_FORK);
		t_ret(getpriority(PRIO_PROCESS, 0), 2);
	}
	t_exit(pid, 0);
	T_CHILD(pid) /* reset on fork keeps what gives nothing */
	{
		struct sched_param param = {0};
		pid_t inner;

		t_ret(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &param), 0);
		t_ret(setpriority(PRIO_PROCESS, 0, 4), 0);
		T_CHILD(inner)
		{
			t_eq(policy_of(0), SCHED_BATCH);
			t_ret(getpriority(PRIO_PROCESS, 0), 4);
		}
		t_exit(inner, 0);
		t_ret(setpriority(PRIO_PROCESS, 0, -4), 0);
		T_CHILD(inner)
		{
			t_ret(getpriority(PRIO_PROCESS, 0), 0);
		}
		t_exit(inner, 0);
	}
	t_exit(pid, 0);
}

/* A share is free again a moment after its holder has ended. */
static int setattr_soon(const struct attr *a)
{
	int ret = -1;

	for (int i = 0; i < 200 && ret; i++) {
		ret = setattr(0, a);
		if (ret)
			t_sleep_ms(10);
	}
	return ret;
}

T_CASE(deadline_admission)
{
	struct attr a = deadline(90 * MS, 100 * MS, 100 * MS),
		    more = deadline(50 * MS, 100 * MS, 100 * MS);
	int ready[2], hold[2], cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	struct sched_param param = {0};
	pid_t pids[64];

	t_pipe(ready);
	t_pipe(hold);
	for (int i = 0; i < cpus; i++) {
		T_CHILD(pids[i])
		{
			int ret = setattr_soon(&a);
			t_put(ready[1]);
			t_get(hold[0]);
			_exit(ret ? 1 : 0);
		}
	}
	for (int i = 0; i < cpus; i++)
		t_get(ready[0]);
	t_errno(setattr(0, &more), EBUSY); /* each processor is 90% promised */
	t_eq(policy_of(0), SCHED_OTHER);
	int bad = 0;
	for (int i = 0; i < cpus; i++)
		t_put(hold[1]);
	for (int i = 0; i < cpus; i++) {
		int status;
		waitpid(pids[i], &status, 0);
		bad += status != 0;
	}
	t_eq(bad, 0);
	t_ret(setattr_soon(&more), 0);
	t_ret(setattr(0, &more), 0); /* one's own share is not in one's own way */
	t_ret(sched_setscheduler(0, SCHED_OTHER, &param), 0);
}

T_CASE(deadline_budget)
{
	struct attr a = deadline(20 * MS, 100 * MS, 100 * MS);
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(setattr_soon(&a), 0);
		int64_t start = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
		while (now_ns(CLOCK_MONOTONIC) - start < 1000LL * MS)
			;
		int64_t used = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		t_check(used < 500LL * MS); /* a fifth, though it never sleeps */
		/* yielding is to be done for this period */
		start = now_ns(CLOCK_MONOTONIC);
		for (int i = 0; i < 4; i++)
			sched_yield();
		t_check(now_ns(CLOCK_MONOTONIC) - start >= 250LL * MS);
	}
	t_exit(pid, 0);
}

T_CASE_LIMIT(real_time_hog_is_throttled, 30)
{
	volatile int *word =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sched_param high = {50};
	cpu_set_t one;
	pid_t hog, other;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	T_CHILD(other)
	{
		sched_setaffinity(0, sizeof(one), &one);
		for (;;)
			word[0]++;
	}
	T_CHILD(hog)
	{
		sched_setaffinity(0, sizeof(one), &one);
		sched_setscheduler(0, SCHED_FIFO, &high);
		for (word[1] = 1;;)
			;
	}
	while (!word[1])
		t_sleep_ms(1);
	int before = word[0], alive = 0;
	for (int i = 0; i < 500 && !alive; i++) {
		struct timespec ms20 = {0, 20 * MS};
		nanosleep(&ms20, NULL);
		alive = word[0] != before;
	}
	t_check(alive);
	kill(hog, SIGKILL);
	kill(other, SIGKILL);
	t_killed(hog, SIGKILL);
	t_killed(other, SIGKILL);
}

T_CASE(memory_policy)
{
	int mode = -1;
	unsigned long nodes = 1;

	t_ret(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0), 0);
	t_eq(mode, MPOL_DEFAULT);
	t_ret(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0), 0);
	t_ret(syscall(SYS_set_mempolicy, MPOL_PREFERRED, &nodes, 64), 0);
	t_ret(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0), 0);
	t_eq(mode, MPOL_PREFERRED);
	t_ret(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0), 0);
	t_errno(syscall(SYS_set_mempolicy, 99, NULL, 0), EINVAL);
	t_errno(syscall(SYS_get_mempolicy, (void *)8, NULL, 0, NULL, 0), EFAULT);
	t_errno(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 1 << 20), EINVAL);
}
