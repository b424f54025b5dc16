/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * membarrier.c - barriers on the processors of others: who may ask, what is inherited, and
 * sequences that one begins again.
 */
#include "t_.h"

#include <linux/rseq.h>
#include <pthread.h>
#include <sys/rseq.h>

T_SUITE(membarrier);

enum {
	QUERY = 0,
	GLOBAL = 1,
	GLOBAL_EXPEDITED = 2,
	PRIVATE = 8,
	SYNC_CORE = 32,
	RSEQ = 128,
	REGISTER = 1, /* the command of a kind, shifted */
	ON_CPU = 1,
	KNOWN = 0x1ff, /* of Linux 6.1 */
};
static const int privates[] = {PRIVATE, SYNC_CORE, RSEQ};

static long barrier(unsigned long command, unsigned long flags, long cpu)
{
	return syscall(SYS_membarrier, command, flags, cpu);
}

T_CASE(commands)
{
	t_eq(barrier(QUERY, 0, 0) & KNOWN, KNOWN);
	t_eq(barrier(1ul << 40 | QUERY, 1ul << 40, 0) & KNOWN, KNOWN); /* ints */
	t_errno(barrier(QUERY, 1, 0), EINVAL);
	t_errno(barrier(1 << 30, 0, 0), EINVAL);
	t_errno(barrier(-1ul, 0, 0), EINVAL);
	t_errno(barrier(GLOBAL | GLOBAL_EXPEDITED, 0, 0), EINVAL);
	t_errno(barrier(PRIVATE | SYNC_CORE, 0, 0), EINVAL);
	t_ret(barrier(GLOBAL, 0, 0), 0);
	t_errno(barrier(GLOBAL, ON_CPU, 0), EINVAL);
	t_ret(barrier(GLOBAL_EXPEDITED, 0, 0), 0);
	t_errno(barrier(GLOBAL_EXPEDITED, ON_CPU, 0), EINVAL);
	t_ret(barrier(GLOBAL_EXPEDITED << REGISTER, 0, 0), 0);
	t_errno(barrier(GLOBAL_EXPEDITED << REGISTER, ON_CPU, 0), EINVAL);
	for (int i = 0; i < 3; i++)
		t_errno(barrier(privates[i] << REGISTER, ON_CPU, 0), EINVAL);
}

/* Each kind is registered by itself. */
T_CASE(registration)
{
	for (int i = 0; i < 3; i++) {
		for (int j = i; j < 3; j++)
			t_errno(barrier(privates[j], 0, 0), EPERM);
		t_ret(barrier(privates[i] << REGISTER, 0, 0), 0);
		t_ret(barrier(privates[i] << REGISTER, 0, 0), 0);
		t_ret(barrier(privates[i], 0, 0), 0);
	}
	t_errno(barrier(PRIVATE, ON_CPU, 0), EINVAL);
	t_errno(barrier(SYNC_CORE, ON_CPU, 0), EINVAL);
}

T_CASE(one_processor)
{
	t_errno(barrier(RSEQ, 2, 0), EINVAL);
	t_errno(barrier(RSEQ, ON_CPU | 2, 0), EINVAL);
	t_errno(barrier(RSEQ, ON_CPU, 0), EPERM);
	t_ret(barrier(RSEQ << REGISTER, 0, 0), 0);
	t_ret(barrier(RSEQ, ON_CPU, 0), 0);
	t_ret(barrier(RSEQ, ON_CPU, 63), 0);
	t_ret(barrier(RSEQ, ON_CPU, 64), 0);
	t_ret(barrier(RSEQ, ON_CPU, INT_MAX), 0); /* there is no such processor */
	t_ret(barrier(RSEQ, ON_CPU, -1), 0);
	t_ret(barrier(RSEQ, 0, INT_MAX), 0);
	t_ret(barrier(RSEQ, ON_CPU, 1l << 40), 0);
}

T_HELPER(registered)
{
	return barrier(PRIVATE, 0, 0) == 0;
}

T_CASE(what_inherits)
{
	pid_t pid;

	t_ret(barrier(PRIVATE << REGISTER, 0, 0), 0);
	T_CHILD(pid)
	{
		t_ret(barrier(PRIVATE, 0, 0), 0); /* a copy of the memory is registered like it */
		t_errno(barrier(SYNC_CORE, 0, 0), EPERM);
		t_ret(barrier(SYNC_CORE << REGISTER, 0, 0), 0);
	}
	t_exit(pid, 0);
	t_errno(barrier(SYNC_CORE, 0, 0), EPERM);
	T_CHILD(pid)
	{
		execl(t_self, t_self, "-x", "registered", NULL);
		_exit(2);
	}
	t_exit(pid, 0);
}

/* ---- sequences ---- */

static volatile int inside, aborted, leave;

/* Stays in a sequence until it is sent out of it or is to leave. */
static void stay_in_sequence(void)
{
	struct rseq *mine = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);

	__asm__ volatile(".pushsection .data.sequence, \"aw\"\n\t"
			 ".balign 32\n"
			 "1:\t.long 0, 0\n\t"
			 ".quad 2f, 3f - 2f, 4f\n\t"
			 ".popsection\n\t"
			 "leaq 1b(%%rip), %%rax\n\t"
			 "movq %%rax, %0\n"
			 "2:\tmovl $1, %1\n\t"
			 "pause\n\t"
			 "cmpl $0, %3\n\t"
			 "je 2b\n"
			 "3:\tjmp 5f\n\t"
			 ".byte 0x0f, 0xb9, 0x3d\n\t" /* as glibc registers it */
			 ".long 0x53053053\n"
			 "4:\tincl %2\n"
			 "5:"
			 : "=m"(mine->rseq_cs), "=m"(inside), "+m"(aborted)
			 : "m"(leave)
			 : "rax", "memory", "cc");
	*(volatile __u64 *)&mine->rseq_cs = 0;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	t_ret(sched_setaffinity(0, sizeof(set), &set), 0);
}

static int last_cpu(void)
{
	cpu_set_t set;
	int last = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			last = i;
	return last;
}

static void *stays(void *cpu)
{
	pin((int)(long)cpu);
	while (!leave)
		stay_in_sequence();
	return NULL;
}

static bool soon(volatile int *what, int at_least)
{
	for (long long end = t_now_ns() + 5000000000ll; t_now_ns() < end; sched_yield())
		if (*what >= at_least)
			return true;
	return false;
}

T_CASE(sequences_begin_again)
{
	int cpu = last_cpu();
	pthread_t t;

	t_ret(barrier(RSEQ << REGISTER, 0, 0), 0);
	t_ret(barrier(PRIVATE << REGISTER, 0, 0), 0);
	pthread_create(&t, NULL, stays, (void *)(long)cpu);
	for (int i = 0; i < 200; i++) {
		int before;

		inside = 0;
		if (!soon(&inside, 1))
			break;
		before = aborted;
		if (barrier(RSEQ, i & 1, cpu))
			break;
		if (!soon(&aborted, before + 1))
			break;
	}
	t_check(aborted >= 200);
	leave = 1;
	pthread_join(t, NULL);
}

/* ---- code ---- */

static volatile int asked, answered; /* numbers that the code was to give, and gave */
static int (*volatile code)(void);

static void *runs(void *unused)
{
	for (int last = 0; !leave;) {
		if (asked == last)
			continue;
		last = asked;
		answered = code();
	}
	return NULL;
}

/* A thread that is not in the code while it is written runs what was written, once the barrier has
 * been. (It is not tried under its feet: QEMU may keep what it translated meanwhile.) */
T_CASE(code_that_changes)
{
	volatile char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t t;

	t_ret(barrier(SYNC_CORE << REGISTER, 0, 0), 0);
	page[63] = (char)0xb8; /* movl $number, %eax; ret: the number is whole in its cache line */
	page[68] = (char)0xc3;
	code = (int (*)(void))(page + 63);
	pthread_create(&t, NULL, runs, NULL);
	for (int i = 1; i <= 300; i++) {
		*(volatile int *)(page + 64) = i;
		if (barrier(SYNC_CORE, 0, 0))
			break;
		asked = i;
		if (!soon(&answered, i))
			break;
	}
	t_eq(answered, 300);
	leave = 1;
	pthread_join(t, NULL);
}
