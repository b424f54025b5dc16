/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* seccomp_bpf.c - the programs of filters: which are refused, what they compute. */
#include "t_seccomp.h"

T_SUITE(seccomp_bpf);

/* ---- programs that are refused, programs that are taken ---- */

#define CHECK(what, want, ...)                          \
	do {                                            \
		struct sock_filter f[] = {__VA_ARGS__}; \
		pid_t pid;                              \
		T_CHILD(pid)                            \
		{                                       \
			errno = 0;                      \
			long got = install(f, N(f), 0); \
			_exit(got ? errno : 0);         \
		}                                       \
		t_exit(pid, want);                      \
	} while (0)

T_CASE(refused_codes)
{
	static const unsigned short codes[] = {BPF_LD | BPF_H | BPF_ABS, BPF_LD | BPF_B | BPF_ABS,
		BPF_LD | BPF_W | BPF_IND, BPF_LD | BPF_B | BPF_IND, BPF_LDX | BPF_B | BPF_MSH,
		BPF_ALU | BPF_MOD | BPF_K, BPF_ALU | BPF_MOD | BPF_X, BPF_ALU | BPF_NEG | BPF_X,
		BPF_JMP | BPF_JA | BPF_X, BPF_RET | BPF_X, BPF_MISC | 0x10, BPF_ST | BPF_X,
		BPF_STX | BPF_X, BPF_LD | BPF_IMM | BPF_X, 0xff, 0x100 | BPF_LD, 0x8000, 0xffff,
		BPF_JMP | 0x50, BPF_ALU | 0xb0, BPF_ALU | 0xf0, BPF_LD | 0xa0 | BPF_W,
		BPF_LDX | BPF_W | BPF_ABS, BPF_RET | BPF_A | BPF_X, BPF_RET | 0x80};

	no_new_privs();
	for (size_t i = 0; i < N(codes); i++)
		CHECK("code", EINVAL, S(codes[i], 0), OK);
}

T_CASE(refused_jumps)
{
	no_new_privs();
	CHECK("ja over the end", EINVAL, S(BPF_JMP | BPF_JA, 1), OK);
	CHECK("ja far", EINVAL, S(BPF_JMP | BPF_JA, 0xffffffff), OK);
	CHECK("ja back", EINVAL, OK, S(BPF_JMP | BPF_JA, (unsigned)-2), OK);
	CHECK("ja last", EINVAL, S(BPF_JMP | BPF_JA, 0));
	CHECK("ja wraps", EINVAL, S(BPF_JMP | BPF_JA, 0x7fffffff), OK, OK);
	CHECK("jt", EINVAL, J(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), OK);
	CHECK("jf", EINVAL, J(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), OK);
	CHECK("jt 255", EINVAL, J(BPF_JMP | BPF_JGT | BPF_X, 0, 255, 0), OK, OK);
	CHECK("jf 255", EINVAL, J(BPF_JMP | BPF_JSET | BPF_K, 0, 0, 255), OK, OK);
	CHECK("last", EINVAL, OK, J(BPF_JMP | BPF_JGE | BPF_K, 0, 0, 0));
	CHECK("0", 0, S(BPF_JMP | BPF_JA, 0), OK);
	CHECK("to the last", 0, S(BPF_JMP | BPF_JA, 1), RET(0), OK);
	CHECK("both", 0, J(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 1), RET(0), OK);
}

T_CASE(refused_loads)
{
	no_new_privs();
	CHECK("behind", EINVAL, S(BPF_LD | BPF_W | BPF_ABS, 64), OK);
	CHECK("across", EINVAL, S(BPF_LD | BPF_W | BPF_ABS, 62), OK);
	CHECK("odd", EINVAL, S(BPF_LD | BPF_W | BPF_ABS, 1), OK);
	CHECK("half", EINVAL, S(BPF_LD | BPF_W | BPF_ABS, 2), OK);
	CHECK("huge", EINVAL, S(BPF_LD | BPF_W | BPF_ABS, 0xfffffffc), OK);
	CHECK("ancillary", EINVAL, S(BPF_LD | BPF_W | BPF_ABS, (unsigned)SKF_AD_OFF), OK);
	CHECK("the last word", 0, S(BPF_LD | BPF_W | BPF_ABS, 60), OK);
	CHECK("cell 16", EINVAL, S(BPF_ST, 16), OK);
	CHECK("cell of x", EINVAL, S(BPF_STX, 0x80000000), OK);
	CHECK("cell 15", 0, S(BPF_ST, 15), S(BPF_LD | BPF_MEM, 15), OK);
	CHECK("never written", EINVAL, S(BPF_LD | BPF_MEM, 0), OK);
	CHECK("never written x", EINVAL, S(BPF_LDX | BPF_MEM, 3), OK);
	CHECK("another", EINVAL, S(BPF_ST, 2), S(BPF_LD | BPF_MEM, 3), OK);
	CHECK("cell out", EINVAL, S(BPF_LD | BPF_MEM, 16), OK);
	CHECK("on one path", EINVAL, J(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), S(BPF_ST, 1),
		S(BPF_LD | BPF_MEM, 1), OK);
	CHECK("on both", 0, J(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2), S(BPF_ST, 1),
		S(BPF_JMP | BPF_JA, 1), S(BPF_STX, 1), S(BPF_LDX | BPF_MEM, 1), OK);
	CHECK("before", 0, S(BPF_ST, 1), J(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), RET(0),
		S(BPF_LD | BPF_MEM, 1), OK);
}

T_CASE(refused_arithmetic)
{
	no_new_privs();
	CHECK("div 0", EINVAL, S(BPF_ALU | BPF_DIV | BPF_K, 0), OK);
	CHECK("div x", 0, S(BPF_LDX | BPF_IMM, 1), S(BPF_ALU | BPF_DIV | BPF_X, 0), OK);
	CHECK("lsh 32", EINVAL, S(BPF_ALU | BPF_LSH | BPF_K, 32), OK);
	CHECK("rsh 32", EINVAL, S(BPF_ALU | BPF_RSH | BPF_K, 32), OK);
	CHECK("rsh -1", EINVAL, S(BPF_ALU | BPF_RSH | BPF_K, 0xffffffff), OK);
	CHECK("lsh 31", 0, S(BPF_ALU | BPF_LSH | BPF_K, 31), OK);
	CHECK("neg", 0, S(BPF_ALU | BPF_NEG, 0), OK);
	CHECK("xor", 0, S(BPF_ALU | BPF_XOR | BPF_K, 1), OK);
	CHECK("len", 0, S(BPF_LD | BPF_W | BPF_LEN, 0), OK);
	CHECK("no return", EINVAL, LOAD(nr));
	CHECK("return in the middle", EINVAL, OK, LOAD(nr));
	CHECK("return a", 0, S(BPF_LD | BPF_IMM, SECCOMP_RET_ALLOW), S(BPF_RET | BPF_A, 0));
}

T_CASE(refused_lengths)
{
	static struct sock_filter many[4097];
	pid_t pid;

	no_new_privs();
	for (size_t i = 0; i < N(many); i++)
		many[i] = (struct sock_filter)RET(SECCOMP_RET_ALLOW);
	t_errno(install(many, 0, 0), EINVAL);
	t_errno(install(many, 4097, 0), EINVAL);
	t_errno(install(many, 65535, 0), EINVAL);
	t_errno(install(NULL, 1, 0), EINVAL);
	t_errno(install((void *)-4096L, 1, 0), EFAULT);
	t_errno(seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL), EFAULT);
	t_errno(seccomp(SECCOMP_SET_MODE_FILTER, 0, (void *)8), EFAULT);
	T_CHILD(pid)
	{
		int n = 0;

		while (n < 20 && install(many, 4096, 0) == 0) /* as Linux or we count them */
			n++;
		t_eq(errno, ENOMEM);
		t_check(n >= 1 && n <= 8);
	}
	t_exit(pid, 0);
}

/* ---- what programs compute ---- */

/* The program's answer for the victim, as an errno. */
#define COMPUTES(want, ...)                                                                     \
	do {                                                                                    \
		struct sock_filter f[] = {LOAD(nr), J(BPF_JMP | BPF_JEQ | BPF_K, VICTIM, 1, 0), \
			OK, __VA_ARGS__, S(BPF_ALU | BPF_AND | BPF_K, 0xfff),                   \
			S(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), S(BPF_RET | BPF_A, 0)}; \
		pid_t pid;                                                                      \
		T_CHILD(pid)                                                                    \
		{                                                                               \
			if (install(f, N(f), 0))                                                \
				_exit(255);                                                     \
			errno = 0;                                                              \
			_exit(victim() == -1 ? errno : 254);                                    \
		}                                                                               \
		t_exit(pid, want);                                                              \
	} while (0)
#define A_IS(v)  S(BPF_LD | BPF_IMM, v)
#define X_IS(v)  S(BPF_LDX | BPF_IMM, v)
#define K(op, v) S(BPF_ALU | (op) | BPF_K, v)
#define X(op)    S(BPF_ALU | (op) | BPF_X, 0)

T_CASE(arithmetic)
{
	no_new_privs();
	COMPUTES(12, A_IS(5), K(BPF_ADD, 7));
	COMPUTES(3, A_IS(0xffffffff), K(BPF_ADD, 4));
	COMPUTES(4, A_IS(7), K(BPF_SUB, 3));
	COMPUTES(21, A_IS(7), K(BPF_MUL, 3));
	COMPUTES(2, A_IS(7), K(BPF_DIV, 3));
	COMPUTES(14, A_IS(0xfffffffe), K(BPF_DIV, 0x11111111));
	COMPUTES(7, A_IS(5), K(BPF_OR, 3));
	COMPUTES(1, A_IS(5), K(BPF_AND, 3));
	COMPUTES(6, A_IS(5), K(BPF_XOR, 3));
	COMPUTES(40, A_IS(5), K(BPF_LSH, 3));
	COMPUTES(5, A_IS(0xa0000000), K(BPF_RSH, 29));
	COMPUTES(11, A_IS((unsigned)-11), S(BPF_ALU | BPF_NEG, 0));
	COMPUTES(12, A_IS(5), X_IS(7), X(BPF_ADD));
	COMPUTES(4, A_IS(7), X_IS(3), X(BPF_SUB));
	COMPUTES(21, A_IS(7), X_IS(3), X(BPF_MUL));
	COMPUTES(2, A_IS(7), X_IS(3), X(BPF_DIV));
	COMPUTES(7, A_IS(5), X_IS(3), X(BPF_OR));
	COMPUTES(1, A_IS(5), X_IS(3), X(BPF_AND));
	COMPUTES(6, A_IS(5), X_IS(3), X(BPF_XOR));
	COMPUTES(40, A_IS(5), X_IS(3), X(BPF_LSH));
	COMPUTES(10, A_IS(40), X_IS(2), X(BPF_RSH));
	COMPUTES(9, A_IS(9), S(BPF_MISC | BPF_TAX, 0), A_IS(0), S(BPF_MISC | BPF_TXA, 0));
	COMPUTES(64, S(BPF_LD | BPF_W | BPF_LEN, 0));
	COMPUTES(64, S(BPF_LDX | BPF_W | BPF_LEN, 0), S(BPF_MISC | BPF_TXA, 0));
	COMPUTES(33, A_IS(33), S(BPF_ST, 7), A_IS(0), S(BPF_LD | BPF_MEM, 7));
	COMPUTES(34, X_IS(34), S(BPF_STX, 0), S(BPF_LD | BPF_MEM, 0));
	COMPUTES(35, A_IS(35), S(BPF_ST, 15), S(BPF_LDX | BPF_MEM, 15), S(BPF_MISC | BPF_TXA, 0));
}

#define JUMPS(want, op, a, k)                                                                     \
	COMPUTES(want, A_IS(a), J(BPF_JMP | (op) | BPF_K, k, 1, 0), J(BPF_JMP | BPF_JA, 1, 0, 0), \
		S(BPF_JMP | BPF_JA, 2), A_IS(1), S(BPF_JMP | BPF_JA, 1), A_IS(2))
#define JUMPS_X(want, op, a, x)                                                \
	COMPUTES(want, X_IS(x), A_IS(a), J(BPF_JMP | (op) | BPF_X, 0, 1, 0),   \
		J(BPF_JMP | BPF_JA, 1, 0, 0), S(BPF_JMP | BPF_JA, 2), A_IS(1), \
		S(BPF_JMP | BPF_JA, 1), A_IS(2))

T_CASE(jumps)
{
	no_new_privs();
	JUMPS(2, BPF_JEQ, 5, 5);
	JUMPS(1, BPF_JEQ, 5, 6);
	JUMPS(2, BPF_JGT, 6, 5);
	JUMPS(1, BPF_JGT, 5, 5);
	JUMPS(2, BPF_JGT, 0x80000000, 5); /* unsigned */
	JUMPS(2, BPF_JGE, 5, 5);
	JUMPS(1, BPF_JGE, 4, 5);
	JUMPS(2, BPF_JSET, 6, 2);
	JUMPS(1, BPF_JSET, 4, 3);
	JUMPS_X(2, BPF_JEQ, 5, 5);
	JUMPS_X(1, BPF_JEQ, 5, 6);
	JUMPS_X(2, BPF_JGT, 6, 5);
	JUMPS_X(1, BPF_JGT, 5, 0xffffffff);
	JUMPS_X(2, BPF_JGE, 5, 5);
	JUMPS_X(1, BPF_JGE, 4, 5);
	JUMPS_X(2, BPF_JSET, 6, 2);
	JUMPS_X(1, BPF_JSET, 4, 3);
}

T_CASE(division_by_zero)
{
	pid_t pid;

	no_new_privs();
	T_CHILD(pid)
	{
		struct sock_filter f[] = {LOAD(nr), J(BPF_JMP | BPF_JEQ | BPF_K, VICTIM, 1, 0), OK,
			X_IS(0), X(BPF_DIV), OK};

		t_ret(install(f, N(f), 0), 0);
		victim();
	}
	t_killed(pid, SIGSYS);
}

T_CASE(record)
{
	struct sock_filter f[] = {LOAD(nr), J(BPF_JMP | BPF_JEQ | BPF_K, VICTIM, 1, 0), OK,
		LOAD(arch), J(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), RET(0),
		LOAD(args[0]), J(BPF_JMP | BPF_JEQ | BPF_K, 0x11111111, 1, 0), RET(0),
		S(BPF_LD | BPF_W | BPF_ABS, 20), J(BPF_JMP | BPF_JEQ | BPF_K, 0x22222222, 1, 0),
		RET(0), LOAD(args[1]), J(BPF_JMP | BPF_JEQ | BPF_K, 3, 1, 0), RET(0), LOAD(args[2]),
		J(BPF_JMP | BPF_JEQ | BPF_K, 4, 1, 0), RET(0), LOAD(args[3]),
		J(BPF_JMP | BPF_JEQ | BPF_K, 5, 1, 0), RET(0), LOAD(args[4]),
		J(BPF_JMP | BPF_JEQ | BPF_K, 6, 1, 0), RET(0), S(BPF_LD | BPF_W | BPF_ABS, 60),
		J(BPF_JMP | BPF_JEQ | BPF_K, 0x70000000, 1, 0), RET(0),
		RET(SECCOMP_RET_ERRNO | 77)};

	no_new_privs();
	t_ret(install(f, N(f), 0), 0);
	t_errno(syscall(VICTIM, 0x2222222211111111, 3, 4, 5, 6, 0x7000000000000000), 77);
}
