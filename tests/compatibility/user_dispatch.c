/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* user_dispatch.c - PR_SET_SYSCALL_USER_DISPATCH: a thread's calls come back to it as SIGSYS, by a
 * byte of its own and but for a range of its code. */
#include "t_seccomp.h"

#include <pthread.h>
#include <ucontext.h>

T_SUITE(user_dispatch);

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#define ALLOW 0
#define BLOCK 1
#define STUB  0x10000ul /* below every program */

static volatile char selector;
static volatile int count, code, nr, error;
static volatile unsigned arch;
static volatile unsigned long addr, ip, rax, rdi, r9, result = 4711;

static int dispatch(int on, unsigned long from, unsigned long len, const volatile char *at)
{
	return prctl(PR_SET_SYSCALL_USER_DISPATCH, on, from, len, at);
}

static void on_sys(int signo, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	selector = ALLOW;
	count++;
	code = info->si_code;
	error = info->si_errno;
	nr = info->si_syscall;
	arch = info->si_arch;
	addr = (unsigned long)info->si_call_addr;
	ip = (unsigned long)r[REG_RIP];
	rax = (unsigned long)r[REG_RAX];
	rdi = (unsigned long)r[REG_RDI];
	r9 = (unsigned long)r[REG_R9];
	r[REG_RAX] = (greg_t)result;
}

/* A call by an instruction of its own, at STUB. */
static long (*stub)(long number, long a);

static void stub_make(void)
{
	/* mov %rdi,%rax; mov %rsi,%rdi; syscall; ret */
	static const unsigned char insns[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x0f, 0x05, 0xc3};
	void *p = mmap((void *)STUB, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	t_check(p == (void *)STUB);
	memcpy(p, insns, sizeof(insns));
	t_ret(mprotect(p, 4096, PROT_READ | PROT_EXEC), 0);
	stub = (long (*)(long, long))STUB;
}

/* The call with @state in the byte; it is ALLOW again when this returns. */
static long call_with(char state, long number, long a)
{
	long ret;

	selector = state;
	ret = stub(number, a);
	selector = ALLOW;
	return ret;
}

T_CASE(refused)
{
	t_errno(dispatch(7, 0, 0, NULL), EINVAL);
	t_errno(dispatch(-1, 0, 0, NULL), EINVAL);
	t_errno(dispatch(0, 1, 0, NULL), EINVAL);
	t_errno(dispatch(0, 0, 1, NULL), EINVAL);
	t_errno(dispatch(0, 0, 0, &selector), EINVAL);
	t_errno(dispatch(1, 1, 0, &selector), EINVAL);
	t_errno(dispatch(1, 8, ~0ul, &selector), EINVAL);
	t_errno(dispatch(1, ~0ul, 1, &selector), EINVAL);
	t_errno(dispatch(1, 0, 0, (char *)~0ul), EFAULT);
	t_errno(dispatch(1, 0, 0, (char *)0xffff800000000000ul), EFAULT);
	t_ret(dispatch(0, 0, 0, NULL), 0);
	selector = ALLOW;
	t_ret(dispatch(1, 0, 0, &selector), 0);
	t_ret(dispatch(0, 0, 0, NULL), 0);
}

T_CASE(comes_back)
{
	stub_make();
	t_handler_info(SIGSYS, on_sys, 0);
	selector = ALLOW;
	t_ret(dispatch(1, 0, 0, &selector), 0);
	t_ret(call_with(ALLOW, SYS_getpid, 0), getpid());
	t_eq(count, 0);
	t_ret(call_with(BLOCK, SYS_getpid, 0x1234), 4711);
	t_eq(count, 1);
	t_eq(code, 2); /* SYS_USER_DISPATCH */
	t_eq(error, 0);
	t_eq(nr, SYS_getpid);
	t_eq(arch, AUDIT_ARCH_X86_64);
	t_eq(addr, STUB + 8);
	t_eq(ip, STUB + 8);
	t_eq(rax, SYS_getpid);
	t_eq(rdi, 0x1234);
	result = (unsigned long)-EDOM;
	t_ret(call_with(BLOCK, 100000, 0), -EDOM); /* no such call, too */
	t_eq(nr, 100000);
	t_ret(call_with(BLOCK, -1, 0), -EDOM);
	t_eq(nr, -1);
	t_eq(rax, ~0ul);
	t_eq(count, 3);
	t_ret(dispatch(0, 0, 0, NULL), 0);
	t_ret(call_with(BLOCK, SYS_getpid, 0), getpid());
	t_eq(count, 3);
}

T_CASE(range_goes_on)
{
	stub_make();
	t_handler_info(SIGSYS, on_sys, 0);
	selector = ALLOW;
	t_ret(dispatch(1, STUB, 9, &selector), 0);
	t_ret(call_with(BLOCK, SYS_getpid, 0), getpid());
	t_ret(dispatch(1, STUB, 8, &selector), 0); /* the next instruction counts */
	t_ret(call_with(BLOCK, SYS_getpid, 0), 4711);
	t_ret(dispatch(1, STUB + 8, 1, &selector), 0);
	t_ret(call_with(BLOCK, SYS_getpid, 0), getpid());
	t_ret(dispatch(1, STUB + 9, 100, &selector), 0);
	t_ret(call_with(BLOCK, SYS_getpid, 0), 4711);
	t_eq(count, 2);
	/* without a byte: all but the range */
	t_ret(dispatch(1, STUB + 4096, 0x7ffffffff000 - STUB - 4096, NULL), 0);
	t_ret(stub(SYS_getpid, 0), 4711);
	t_eq(count, 3);
	t_ret(dispatch(0, 0, 0, NULL), 0);
	t_ret(stub(SYS_getpid, 0), getpid());
}

T_CASE(bad_byte_kills)
{
	static const int values[] = {2, 3, 127, 255};
	pid_t pid;

	stub_make();
	for (size_t i = 0; i < N(values); i++) {
		T_CHILD(pid)
		{
			t_handler_info(SIGSYS, on_sys, 0);
			selector = ALLOW;
			t_ret(dispatch(1, 0, 0, &selector), 0);
			call_with((char)values[i], SYS_getpid, 0);
		}
		t_killed(pid, SIGSYS);
	}
	T_CHILD(pid) /* a byte that is not there */
	{
		t_handler_info(SIGSYS, on_sys, 0);
		t_handler_info(SIGSEGV, on_sys, 0);
		t_ret(dispatch(1, STUB + 4096, 0x7ffffffff000 - STUB - 4096, (char *)16), 0);
		stub(SYS_getpid, 0);
	}
	t_killed(pid, SIGSEGV);
	T_CHILD(pid) /* nobody handles it */
	{
		selector = ALLOW;
		t_ret(dispatch(1, 0, 0, &selector), 0);
		call_with(BLOCK, SYS_getpid, 0);
	}
	t_killed(pid, SIGSYS);
}

static void *ask_pid(void *unused)
{
	return (void *)stub(SYS_getpid, 0);
}

T_HELPER(ask)
{
	stub_make();
	return stub(SYS_getpid, 0) == getpid() ? 9 : 8;
}

T_CASE(nobody_inherits)
{
	const unsigned long rest = 0x7ffffffff000 - STUB - 4096;
	pthread_t t;
	void *got;
	pid_t pid;

	stub_make();
	t_handler_info(SIGSYS, on_sys, 0);
	t_ret(dispatch(1, STUB + 4096, rest, NULL), 0);
	t_ret(stub(SYS_getpid, 0), 4711);
	pid = fork();
	if (!pid)
		_exit(stub(SYS_getpid, 0) == getpid() ? 9 : 8);
	t_exit(pid, 9);
	t_ret(pthread_create(&t, NULL, ask_pid, NULL), 0);
	t_ret(pthread_join(t, &got), 0);
	t_eq((long)got, getpid());
	t_ret(stub(SYS_getpid, 0), 4711); /* we still have it */
	T_CHILD(pid)
	{
		t_ret(dispatch(1, STUB + 4096, rest, NULL), 0);
		execl(t_self, "user_dispatch", "-x", "ask", NULL);
	}
	t_exit(pid, 9);
}

/* It comes before filters, and those see what is let pass. */
T_CASE(before_filters)
{
	stub_make();
	t_handler_info(SIGSYS, on_sys, 0);
	no_new_privs();
	t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 33, 0), 0);
	selector = ALLOW;
	t_ret(dispatch(1, 0, 0, &selector), 0);
	t_ret(call_with(BLOCK, VICTIM, 0), 4711);
	t_eq(code, 2);
	t_ret(call_with(ALLOW, VICTIM, 0), -33);
	t_ret(dispatch(0, 0, 0, NULL), 0);
	t_ret(call_with(BLOCK, VICTIM, 0), -33);
	t_eq(count, 1);
}

/* Each thread has a byte of its own. */
static void *turn(void *unused)
{
	static __thread volatile char mine;
	long good = 0;

	if (dispatch(1, STUB + 4096, 0x7ffffffff000 - STUB - 4096, &mine))
		return (void *)-1;
	for (int i = 0; i < 2000; i++) {
		long ret;

		mine = i % 2 ? BLOCK : ALLOW;
		ret = stub(SYS_gettid, 0);
		good += ret == (i % 2 ? 4711 : gettid());
	}
	return (void *)good;
}

T_CASE(threads_apart)
{
	pthread_t t[4];
	void *got;

	stub_make();
	t_handler_info(SIGSYS, on_sys, 0);
	for (size_t i = 0; i < N(t); i++)
		t_ret(pthread_create(&t[i], NULL, turn, NULL), 0);
	for (size_t i = 0; i < N(t); i++) {
		t_ret(pthread_join(t[i], &got), 0);
		t_eq((long)got, 2000);
	}
}
