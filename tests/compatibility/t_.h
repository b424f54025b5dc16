/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * t_.h - the harness of the compatibility tests.
 *
 * A suite is one program: T_SUITE(name), then cases. A case runs in a child of its own, in a
 * session and an empty directory of its own, under a time limit; a crash or a hang is one failed
 * case. Every check is counted wherever it runs, in the case or in a process that it forked.
 *
 * Output is the same on every run: one line a case, `ok suite.case checks`, and at the end
 * `TALLY passed failed skipped`, which counts checks. Details are printed of failures only.
 */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	T_LIMIT_S = 10,    /* time limit of a case, unless it names its own */
	T_REPORT_FD = 63,  /* every check leaves one byte here; closed on exec */
	T_CASES_MAX = 256, /* per suite */
	T_NAME_MAX = 64,
};

struct t_case {
	const char *name;
	void (*run)(void);
	int line;
	int limit_s;
};

/* A helper is what a case executes when it needs a new image: the suite's own program, asked by
 * name. */
struct t_helper {
	const char *name;
	int (*run)(int argc, char **argv);
};

#define T_SECTION(s) __attribute__((used, section(s), aligned(8)))

#define T_SUITE(s) const char t_suite[] = #s

#define T_CASE_LIMIT(id, seconds)                                      \
	static void id##_case(void);                                   \
	static const struct t_case id##_entry T_SECTION("t_cases") = { \
		#id, id##_case, __LINE__, seconds};                    \
	static void id##_case(void)
#define T_CASE(id) T_CASE_LIMIT(id, T_LIMIT_S)

#define T_HELPER(id)                                                                        \
	static int id##_helper(int argc, char **argv);                                      \
	static const struct t_helper id##_help T_SECTION("t_helpers") = {#id, id##_helper}; \
	static int id##_helper(                                                             \
		int argc __attribute__((unused)), char **argv __attribute__((unused)))

extern const char t_suite[];
extern const char *t_self; /* absolute path of this program */
extern const char *t_root; /* the suite's own directory; cases run one level below */

/* Checks: each counts one, prints when it fails, and returns whether it held. */
bool t_check_at(const char *file, int line, const char *what, bool held);
bool t_eq_at(const char *file, int line, const char *what, long long got, long long want);
bool t_ret_at(const char *file, int line, const char *what, long long got, long long want);
bool t_ok_at(const char *file, int line, const char *what, long long got);
bool t_errno_at(const char *file, int line, const char *what, long long got, int want);
bool t_str_at(const char *file, int line, const char *what, const char *got, const char *want);
bool t_mem_at(const char *file, int line, const char *what, const void *got, const void *want,
	size_t len);
bool t_exit_at(const char *file, int line, pid_t pid, int want);
bool t_killed_at(const char *file, int line, pid_t pid, int want);

#define t_check(cond)   t_check_at(__FILE__, __LINE__, #cond, (cond))
#define t_eq(got, want) t_eq_at(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
/* a call's result, errno shown when it differs */
#define t_ret(call, want) t_ret_at(__FILE__, __LINE__, #call, (long long)(call), (long long)(want))
/* any result but a negative one */
#define t_ok(call) t_ok_at(__FILE__, __LINE__, #call, (long long)(call))
/* -1 with this errno; errno is cleared first so that an old one cannot pass */
#define t_errno(call, want) \
	t_errno_at(__FILE__, __LINE__, #call, (errno = 0, (long long)(call)), want)
#define t_str(got, want)      t_str_at(__FILE__, __LINE__, #got, got, want)
#define t_mem(got, want, len) t_mem_at(__FILE__, __LINE__, #got, got, want, len)
/* waits for the child: it left with this status, or this signal killed it */
#define t_exit(pid, want)   t_exit_at(__FILE__, __LINE__, pid, want)
#define t_killed(pid, want) t_killed_at(__FILE__, __LINE__, pid, want)

/* Ends the case here as skipped, with a reason that is the same on every run. */
void t_skip(const char *reason) __attribute__((noreturn));
/* Ends the case here as failed: what follows would make no sense. */
void t_stop(const char *why) __attribute__((noreturn));

/* fork() that ends the case when it fails. */
pid_t t_fork(void);
/* T_CHILD(pid) { ... }: the block runs in a child, which then leaves with status 0. */
#define T_CHILD(pid) for ((pid) = t_fork(); (pid) == 0; _exit(0))

/* Two processes in step: one byte through a pipe. */
void t_pipe(int fds[2]);
void t_put(int fd);
void t_get(int fd);

long long t_now_ns(void);
void t_sleep_ms(long ms);
/* Waits until /proc says that the process is in this state ('S', 'T', 'Z'...), 5 s at the most. */
bool t_wait_state(pid_t pid, char state);
/* Whole small file as a string; -1 or its length. */
long t_slurp(const char *path, char *buf, size_t len);
/* Creates or replaces a file with this text. */
void t_spew(const char *path, const char *text);
/* Becomes an ordinary user for good: no groups, no capabilities. */
void t_become(uid_t uid, gid_t gid);
/* For AF_INET: Debian's kernel begins with a loopback that is down. */
void t_loopback_up(void);
/* Installs a handler without SA_RESTART, or with these flags. */
void t_handler(int sig, void (*fn)(int), int flags);
void t_handler_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags);
