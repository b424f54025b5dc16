/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sched.c - nice values, affinity, classes and yielding; memory policy, which goes with them. */
#include "t_.h"

#include <linux/mempolicy.h>
#include <pthread.h>
#include <sys/resource.h>

T_SUITE(sched);

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
