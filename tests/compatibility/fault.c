/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* fault.c - signals that the processor raises, the frame they push, and the alternate stack. */
#include "t_.h"

#include <setjmp.h>
#include <sys/resource.h>
#include <ucontext.h>

T_SUITE(fault);

static volatile int hits;

static void count(int sig)
{
	hits++;
}

static void block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static sigjmp_buf fault_exit;
static volatile void *fault_addr;
static volatile int fault_code, fault_sig;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	fault_sig = sig;
	fault_code = info->si_code;
	fault_addr = info->si_addr;
	siglongjmp(fault_exit, 1);
}

#define FAULT(code)                                  \
	do {                                         \
		fault_sig = fault_code = 0;          \
		if (sigsetjmp(fault_exit, 1) == 0) { \
			code;                        \
		}                                    \
	} while (0)

T_CASE(segv_addresses_and_codes)
{
	char *map = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	t_handler_info(SIGSEGV, on_fault, 0);
	FAULT(*(volatile char *)0x123 = 1);
	t_eq(fault_sig, SIGSEGV);
	t_eq(fault_code, SEGV_MAPERR);
	t_check(fault_addr == (void *)0x123);
	FAULT(*(volatile char *)(map + 5) = 1);
	t_eq(fault_code, SEGV_ACCERR);
	t_check(fault_addr == map + 5);
	t_ret(mprotect(map, 4096, PROT_NONE), 0);
	FAULT((void)*(volatile char *)(map + 77));
	t_eq(fault_code, SEGV_ACCERR);
	t_check(fault_addr == map + 77);
	t_ret(munmap(map, 8192), 0);
	FAULT((void)*(volatile char *)(map + 4096));
	t_eq(fault_code, SEGV_MAPERR);
	t_check(fault_addr == map + 4096);
}

T_CASE(segv_kernel_address_and_noncanonical)
{
	t_handler_info(SIGSEGV, on_fault, 0);
	FAULT((void)*(volatile char *)0xffffffff81000000ul);
	t_eq(fault_sig, SIGSEGV);
	t_eq(fault_code, SEGV_MAPERR);
	t_check(fault_addr == (void *)0xffffffff81000000ul);
	FAULT((void)*(volatile char *)0x8000000000000000ul);
	t_eq(fault_sig, SIGSEGV);
	t_eq(fault_code, SI_KERNEL);
	t_check(fault_addr == NULL);
}

T_CASE(segv_execute)
{
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	map[0] = (char)0xc3;
	t_handler_info(SIGSEGV, on_fault, 0);
	FAULT(((void (*)(void))map)());
	t_eq(fault_sig, SIGSEGV);
	t_eq(fault_code, SEGV_ACCERR);
	t_check(fault_addr == map);
	t_ret(mprotect(map, 4096, PROT_READ | PROT_EXEC), 0);
	FAULT(((void (*)(void))map)());
	t_eq(fault_sig, 0);
}

T_CASE(arithmetic_and_instruction_faults)
{
	volatile int zero = 0, one = 1;

	t_handler_info(SIGFPE, on_fault, 0);
	t_handler_info(SIGILL, on_fault, 0);
	t_handler_info(SIGTRAP, on_fault, 0);
	t_handler_info(SIGSEGV, on_fault, 0);
	FAULT(one = one / zero);
	t_eq(fault_sig, SIGFPE);
	t_eq(fault_code, FPE_INTDIV);
	t_check(fault_addr != NULL);
	FAULT(__asm__ volatile("ud2"));
	t_eq(fault_sig, SIGILL);
	t_eq(fault_code, ILL_ILLOPN);
	t_check(fault_addr != NULL);
	FAULT(__asm__ volatile("int3"));
	t_eq(fault_sig, SIGTRAP);
	t_eq(fault_code, SI_KERNEL);
	FAULT(__asm__ volatile("hlt"));
	t_eq(fault_sig, SIGSEGV);
	t_eq(fault_code, SI_KERNEL);
	FAULT(__asm__ volatile("cli"));
	t_eq(fault_sig, SIGSEGV);
}

T_CASE(fault_kills_when_blocked_or_ignored)
{
	pid_t pid = t_fork();

	if (pid == 0) {
		t_handler(SIGSEGV, count, 0);
		block(SIGSEGV);
		*(volatile char *)8 = 1;
		_exit(0);
	}
	t_killed(pid, SIGSEGV);
	pid = t_fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_IGN);
		*(volatile char *)8 = 1;
		_exit(0);
	}
	t_killed(pid, SIGSEGV);
	pid = t_fork();
	if (pid == 0) {
		/* a fault inside the handler of the same fault */
		t_handler(SIGSEGV, (void (*)(int))8, 0);
		*(volatile char *)8 = 1;
		_exit(0);
	}
	t_killed(pid, SIGSEGV);
}

static void skip_instruction(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	uc->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
	uc->uc_mcontext.gregs[REG_RBX] = 0x1122334455667788;
	hits++;
}

T_CASE(handler_edits_registers)
{
	unsigned long rbx = 1, r15 = 15;

	t_handler_info(SIGILL, skip_instruction, 0);
	__asm__ volatile("mov $15, %%r15; ud2; mov %%r15, %1"
			 : "+b"(rbx), "=r"(r15)
			 :
			 : "r15", "memory");
	t_eq(hits, 1);
	t_eq(rbx, 0x1122334455667788);
	t_eq(r15, 15);
}

T_CASE(registers_and_red_zone_survive)
{
	unsigned long bad = 1;

	t_handler(SIGUSR1, count, 0);
	/* kill(getpid(), SIGUSR1) with every register and the red zone loaded */
	__asm__ volatile(
		"movq $0x1357, -8(%%rsp)\n"
		"movq $0x2468, -120(%%rsp)\n"
		"mov $1, %%r8\n mov $2, %%r9\n mov $3, %%r10\n mov $4, %%r12\n"
		"mov $5, %%r13\n mov $6, %%r14\n mov $7, %%r15\n mov $8, %%rdx\n"
		"syscall\n"
		"cmp $1, %%r8\n jne 1f\n cmp $2, %%r9\n jne 1f\n cmp $3, %%r10\n jne 1f\n"
		"cmp $4, %%r12\n jne 1f\n cmp $5, %%r13\n jne 1f\n cmp $6, %%r14\n jne 1f\n"
		"cmp $7, %%r15\n jne 1f\n cmp $8, %%rdx\n jne 1f\n"
		"cmpq $0x1357, -8(%%rsp)\n jne 1f\n cmpq $0x2468, -120(%%rsp)\n jne 1f\n"
		"test %%rax, %%rax\n jne 1f\n"
		"xor %%ebx, %%ebx\n"
		"1:\n"
		: "+b"(bad)
		: "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1)
		: "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
	t_eq(bad, 0);
	t_eq(hits, 1);
}

static void jump_out(int sig)
{
	hits++;
	siglongjmp(fault_exit, 5);
}

T_CASE(longjmp_restores_mask)
{
	sigset_t now;

	t_handler(SIGUSR1, jump_out, 0);
	for (int i = 0; i < 3; i++) {
		if (sigsetjmp(fault_exit, 1) == 0)
			kill(getpid(), SIGUSR1);
	}
	t_eq(hits, 3);
	t_ret(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	t_eq(sigismember(&now, SIGUSR1), 0);
}

/* ---- the alternate stack ---- */

static char alt[65536] __attribute__((aligned(16)));
static volatile int on_alt, alt_flags, alt_errno;

static void where(int sig)
{
	stack_t now = {0}, other = {.ss_sp = alt, .ss_size = sizeof(alt)};
	char here;

	on_alt = &here >= alt && &here < alt + sizeof(alt);
	sigaltstack(NULL, &now);
	alt_flags = now.ss_flags;
	alt_errno = sigaltstack(&other, NULL) < 0 ? errno : 0;
	hits++;
}

T_CASE(altstack_used_and_guarded)
{
	stack_t set = {.ss_sp = alt, .ss_size = sizeof(alt)}, old;

	t_ret(sigaltstack(NULL, &old), 0);
	t_eq(old.ss_flags, SS_DISABLE);
	t_ret(sigaltstack(&set, NULL), 0);
	t_handler(SIGUSR1, where, SA_ONSTACK);
	t_ret(kill(getpid(), SIGUSR1), 0);
	t_eq(on_alt, 1);
	t_eq(alt_flags, SS_ONSTACK);
	t_eq(alt_errno, EPERM);
	t_handler(SIGUSR1, where, 0);
	t_ret(kill(getpid(), SIGUSR1), 0);
	t_eq(on_alt, 0);
	t_ret(sigaltstack(NULL, &old), 0);
	t_check(old.ss_sp == alt);
	t_eq(old.ss_size, sizeof(alt));
	t_eq(old.ss_flags, 0);
	set.ss_flags = SS_DISABLE;
	t_ret(sigaltstack(&set, NULL), 0);
	t_handler(SIGUSR1, where, SA_ONSTACK);
	t_ret(kill(getpid(), SIGUSR1), 0);
	t_eq(on_alt, 0);
	t_eq(hits, 3);
}

T_CASE(altstack_errors)
{
	stack_t set = {.ss_sp = alt, .ss_size = 1024};

	t_errno(sigaltstack(&set, NULL), ENOMEM);
	set.ss_size = sizeof(alt);
	set.ss_flags = 99;
	t_errno(sigaltstack(&set, NULL), EINVAL);
	t_errno(syscall(SYS_sigaltstack, (void *)8, NULL), EFAULT);
	t_errno(syscall(SYS_sigaltstack, NULL, (void *)8), EFAULT);
}

static void on_overflow(int sig, siginfo_t *info, void *context)
{
	char here;

	_exit(&here >= alt && &here < alt + sizeof(alt) ? 31 : 1);
}

static volatile int bottom = INT_MAX;

static int recurse(int n)
{
	volatile char big[4096];

	if (n == bottom)
		return 0;

	big[0] = (char)n;
	return recurse(n + 1) + big[0];
}

T_CASE(altstack_catches_stack_overflow)
{
	pid_t pid = t_fork();
	stack_t set = {.ss_sp = alt, .ss_size = sizeof(alt)};

	if (pid == 0) {
		sigaltstack(&set, NULL);
		t_handler_info(SIGSEGV, on_overflow, SA_ONSTACK);
		_exit(recurse(0));
	}
	t_exit(pid, 31);
	pid = t_fork();
	if (pid == 0) {
		t_handler_info(SIGSEGV, on_overflow, 0); /* no room for its frame */
		_exit(recurse(0));
	}
	t_killed(pid, SIGSEGV);
}

/* A stack that meets a limit is the end of its own process; nobody else is killed for the memory,
 * least of all the one that has most of it. */
static int deeper(volatile char *above)
{
	volatile char here[4096];

	here[0] = above[0];
	return deeper(here) + here[0];
}

T_CASE(stack_beyond_the_limit_of_the_space)
{
	const size_t much = 64 << 20;
	char *held = mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	t_check(held != MAP_FAILED);
	memset(held, 1, much);
	T_CHILD(pid)
	{
		char one = 1;

		munmap(held, much);
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		setrlimit(RLIMIT_STACK, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
		setrlimit(RLIMIT_AS, &(struct rlimit){32 << 20, 32 << 20});
		_exit(deeper(&one) & 1);
	}
	t_killed(pid, SIGSEGV);
	t_eq(held[much - 1], 1);
}

/* It may leave a core, of more memory than anybody writes in his life: SIGKILL ends that too. */
T_CASE(killed_while_it_leaves_a_core)
{
	struct rlimit r;
	int status, ready[2];
	pid_t pid;

	t_pipe(ready);
	t_ret(getrlimit(RLIMIT_CORE, &r), 0);
	r.rlim_cur = r.rlim_max;
	t_ret(setrlimit(RLIMIT_CORE, &r), 0);
	T_CHILD(pid)
	{
		t_check(mmap(NULL, 1l << 44, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED);
		t_put(ready[1]);
		raise(SIGSEGV);
	}
	t_get(ready[0]);
	t_sleep_ms(100);
	t_ret(kill(pid, SIGKILL), 0); /* a zombie takes it, too */
	t_ret(waitpid(pid, &status, 0), pid);
	t_check(WIFSIGNALED(status)); /* SIGKILL may have been first */
}
