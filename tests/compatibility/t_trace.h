/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* t_trace.h - a tracee for the suites on ptrace. */
#pragma once

#include "t_.h"

#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#define ptrace_syscall_info         __ptrace_syscall_info
#define P(request, pid, addr, data) ptrace(request, pid, (void *)(long)(addr), (void *)(long)(data))

static volatile long word = 0x1122334455667788, other;

/* A tracee that stops itself at once; SIGKILL at the end of the case is the harness's. */
static pid_t traced(void (*run)(void))
{
	pid_t pid = t_fork();
	int status;

	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(99);
		raise(SIGSTOP);
		run();
		_exit(0);
	}
	t_ret(waitpid(pid, &status, 0), pid);
	t_check(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	return pid;
}

/* The next stop of @pid: status >> 8, or -status when it ended. */
static int next(pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, __WALL) != pid)
		return -1;
	return WIFSTOPPED(status) ? status >> 8 : -1000 - status;
}

static void __attribute__((unused)) finish(pid_t pid)
{
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 0);
}

static void __attribute__((unused)) nothing(void)
{
}
