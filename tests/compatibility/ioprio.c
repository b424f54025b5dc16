/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ioprio.c - ioprio_get(2), ioprio_set(2): the priorities of what threads read and write. */
#include "t_.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

T_SUITE(ioprio);

enum { PROCESS = 1, GROUP, USER };
#define VALUE(class, level) ((class) << 13 | (level))
#define RT(level)           VALUE(1, level)
#define BE(level)           VALUE(2, level)
#define IDLE                VALUE(3, 0)
#define NOBODY              65534
#define STRANGER            54321 /* a user without processes */

static long get(int which, int who)
{
	return syscall(SYS_ioprio_get, which, who);
}

static long set(int which, int who, int value)
{
	return syscall(SYS_ioprio_set, which, who, value);
}

T_CASE(as_it_was_set)
{
	t_ret(get(PROCESS, 0), 0); /* none */
	for (int level = 0; level < 8; level++) {
		t_ok(set(PROCESS, 0, BE(level)));
		t_ret(get(PROCESS, 0), BE(level));
		t_ret(get(PROCESS, getpid()), BE(level));
		t_ok(set(PROCESS, getpid(), RT(level)));
		t_ret(get(PROCESS, 0), RT(level));
	}
	t_ok(set(PROCESS, 0, IDLE));
	t_ret(get(PROCESS, 0), IDLE);
	t_ok(set(PROCESS, 0, VALUE(3, 5)));
	t_ret(get(PROCESS, 0), VALUE(3, 5));
	t_ok(set(PROCESS, 0, 0));
	t_ret(get(PROCESS, 0), 0);
}

T_CASE(arguments)
{
	t_errno(set(PROCESS, 0, VALUE(0, 1)), EINVAL);
	t_errno(set(PROCESS, 0, VALUE(4, 0)), EINVAL);
	t_errno(set(PROCESS, 0, VALUE(7, 7)), EINVAL);
	t_errno(set(0, 0, BE(1)), EINVAL);
	t_errno(set(4, 0, BE(1)), EINVAL);
	t_errno(set(-1, 0, BE(1)), EINVAL);
	t_errno(get(0, 0), EINVAL);
	t_errno(get(4, 0), EINVAL);
	t_errno(get(4, 4000000), EINVAL);
	t_errno(get(PROCESS, 4000000), ESRCH);
	t_errno(get(GROUP, 4000000), ESRCH);
	t_errno(get(USER, STRANGER), ESRCH);
	t_errno(get(PROCESS, -5), ESRCH);
	t_errno(set(PROCESS, 4000000, BE(1)), ESRCH);
	t_errno(set(PROCESS, -5, BE(1)), ESRCH);
	t_errno(set(GROUP, 4000000, BE(1)), ESRCH);
	t_errno(set(USER, STRANGER, BE(1)), ESRCH);
	t_errno(set(9, 4000000, VALUE(0, 1)), EINVAL);
	t_ret(get(PROCESS, 0), 0);
}

static void *in_thread(void *arg)
{
	long *seen = arg;

	seen[0] = get(PROCESS, 0);
	seen[1] = set(PROCESS, 0, BE(6));
	seen[2] = get(PROCESS, 0);
	seen[3] = get(PROCESS, getpid()); /* the first thread's */
	return NULL;
}

T_CASE(handed_down)
{
	pthread_t thread;
	long seen[4];
	pid_t pid;

	t_ok(set(PROCESS, 0, BE(2)));
	t_eq(pthread_create(&thread, NULL, in_thread, seen), 0);
	t_eq(pthread_join(thread, NULL), 0);
	t_eq(seen[0], BE(2));
	t_eq(seen[1], 0);
	t_eq(seen[2], BE(6));
	t_eq(seen[3], BE(2));
	t_ret(get(PROCESS, 0), BE(2));
	T_CHILD(pid)
	{
		t_ret(get(PROCESS, 0), BE(2));
		t_ok(set(PROCESS, 0, BE(3)));
		t_ok(set(PROCESS, getppid(), BE(5)));
		t_ret(get(PROCESS, 0), BE(3));
	}
	t_exit(pid, 0);
	t_ret(get(PROCESS, 0), BE(5));
}

/* A group and a user show the best there is; who set nothing goes by his nice value. */
T_CASE(of_many)
{
	int ready[2], go[2];
	pid_t pid;

	t_pipe(ready);
	t_pipe(go);
	t_ret(get(GROUP, 0), BE(4)); /* nice 0 */
	t_ok(setpriority(PRIO_PROCESS, 0, 10));
	t_ret(get(GROUP, 0), BE(6));
	t_ret(get(GROUP, getpid()), BE(6));
	t_ret(get(PROCESS, 0), 0);
	T_CHILD(pid)
	{
		t_ok(set(PROCESS, 0, BE(1)));
		t_put(ready[1]);
		t_get(go[0]);
		t_ret(get(PROCESS, 0), BE(3));
	}
	t_get(ready[0]);
	t_ret(get(GROUP, 0), BE(1));
	t_ok(set(GROUP, 0, BE(3)));
	t_ret(get(PROCESS, 0), BE(3));
	t_ret(get(PROCESS, pid), BE(3));
	t_ret(get(GROUP, getpid()), BE(3));
	t_put(go[1]);
	t_exit(pid, 0);
}

T_CASE(by_the_policy)
{
	struct sched_param p = {0};

	t_ok(sched_setscheduler(0, SCHED_IDLE, &p));
	t_ret(get(GROUP, 0), VALUE(3, 4));
	p.sched_priority = 3;
	t_ok(sched_setscheduler(0, SCHED_FIFO, &p));
	t_ret(get(GROUP, 0), RT(4));
	t_ok(sched_setscheduler(0, SCHED_RR, &p));
	t_ret(get(GROUP, 0), RT(4));
	p.sched_priority = 0;
	t_ok(sched_setscheduler(0, SCHED_BATCH, &p));
	t_ret(get(GROUP, 0), BE(4));
}

T_CASE(of_a_user)
{
	pid_t pid;

	T_CHILD(pid)
	{
		t_become(STRANGER, STRANGER);
		t_ret(get(USER, STRANGER), BE(4));
		t_ret(get(USER, 0), BE(4)); /* the user of who asks */
		t_errno(set(USER, 0, BE(7)), EPERM); /* but here 0 is root */
		t_ok(set(USER, STRANGER, BE(7)));
		t_ret(get(PROCESS, 0), BE(7));
		t_ret(get(USER, STRANGER), BE(7));
	}
	t_exit(pid, 0);
}

T_CASE(who_may)
{
	pid_t pid, root = getpid();

	T_CHILD(pid)
	{
		t_become(NOBODY, NOBODY);
		t_ok(set(PROCESS, 0, BE(0)));
		t_ok(set(PROCESS, 0, IDLE));
		t_ok(set(PROCESS, 0, BE(7)));
		t_errno(set(PROCESS, 0, RT(0)), EPERM);
		t_errno(set(PROCESS, 4000000, RT(0)), EPERM);
		t_errno(set(9, 0, RT(0)), EPERM);
		t_errno(set(PROCESS, root, BE(7)), EPERM);
		t_ret(get(PROCESS, root), 0); /* anybody may look */
		t_ret(get(PROCESS, 0), BE(7));
	}
	t_exit(pid, 0);
	t_ret(get(PROCESS, 0), 0);
}

/* The real user of the other counts, against the real or effective one of who asks. */
T_CASE(which_user_counts)
{
	int ready[2], go[2];
	pid_t pid, other;

	t_pipe(ready);
	t_pipe(go);
	T_CHILD(other)
	{
		t_ok(setresuid(NOBODY, STRANGER, STRANGER));
		t_put(ready[1]);
		t_get(go[0]);
	}
	t_get(ready[0]);
	T_CHILD(pid)
	{
		t_become(STRANGER, STRANGER);
		t_errno(set(PROCESS, other, BE(1)), EPERM);
	}
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		t_become(NOBODY, NOBODY);
		t_ok(set(PROCESS, other, BE(2)));
	}
	t_exit(pid, 0);
	t_ret(get(PROCESS, other), BE(2));
	t_put(go[1]);
	t_exit(other, 0);
}
