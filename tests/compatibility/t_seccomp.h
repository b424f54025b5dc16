/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* t_seccomp.h - filters for the suites on seccomp. */
#pragma once

#include "t_.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RET(value)  BPF_STMT(BPF_RET | BPF_K, value)
#define N(a)        (sizeof(a) / sizeof((a)[0]))
#define PROGRAM(a)  ((struct sock_fprog){.len = N(a), .filter = (a)})
#define VICTIM      SYS_getpriority /* nobody else calls it */

#define OK RET(SECCOMP_RET_ALLOW)
#define S  BPF_STMT
#define J  BPF_JUMP

static inline long seccomp(unsigned op, unsigned flags, void *arg)
{
	return syscall(SYS_seccomp, op, flags, arg);
}

static inline void no_new_privs(void)
{
	t_ret(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
}

static inline long install(struct sock_filter *insns, unsigned short len, unsigned flags)
{
	struct sock_fprog p = {.len = len, .filter = insns};

	return seccomp(SECCOMP_SET_MODE_FILTER, flags, &p);
}

/* Call @nr is answered with @answer, all others are allowed. */
static inline long answer(long nr, unsigned value, unsigned flags)
{
	struct sock_filter f[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		RET(value),
		RET(SECCOMP_RET_ALLOW),
	};

	return install(f, N(f), flags);
}

static inline long victim(void)
{
	return syscall(VICTIM, 0, 0);
}
