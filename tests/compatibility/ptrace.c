/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ptrace.c - tracing: stops, memory, registers, steps, calls, signals. */
#include "t_trace.h"

#include <cpuid.h>

T_SUITE(ptrace);

T_CASE(stops_and_goes_on)
{
	pid_t pid = traced(nothing);
	char state[64];

	t_check(t_wait_state(pid, 't'));
	snprintf(state, sizeof(state), "/proc/%d/status", pid);
	char text[2048];
	t_ok(t_slurp(state, text, sizeof(text)));
	int tracer = 0;
	t_check(strstr(text, "TracerPid:") &&
		sscanf(strstr(text, "TracerPid:"), "TracerPid: %d", &tracer) == 1);
	t_eq(tracer, getpid());
	finish(pid);
}

T_CASE(wait_tells_once)
{
	pid_t pid = traced(nothing);
	siginfo_t info;
	int status;

	t_ret(waitpid(pid, &status, WNOHANG | WUNTRACED), 0);
	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	memset(&info, 0, sizeof(info));
	t_ret(waitid(P_PID, pid, &info, WSTOPPED | WEXITED | WNOWAIT), 0);
	t_eq(info.si_code, CLD_TRAPPED);
	t_eq(info.si_status, SIGTRAP | PTRACE_EVENT_EXIT << 8);
	t_eq(info.si_pid, pid);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	finish(pid);
}

T_CASE(memory_is_read_and_written)
{
	pid_t pid = traced(nothing);
	long got;

	errno = 0;
	got = P(PTRACE_PEEKDATA, pid, &word, 0);
	t_eq(errno, 0);
	t_eq(got, 0x1122334455667788);
	t_ret(P(PTRACE_POKEDATA, pid, &word, 77), 0);
	t_eq(P(PTRACE_PEEKTEXT, pid, &word, 0), 77);
	t_eq(word, 0x1122334455667788); /* ours is another */
	t_errno(P(PTRACE_PEEKDATA, pid, 0, 0), EIO);
	t_errno(P(PTRACE_POKEDATA, pid, 8, 1), EIO);
	finish(pid);
}

T_CASE(proc_mem)
{
	pid_t pid = traced(nothing);
	char path[32];
	long value = 0;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	int fd = open(path, O_RDWR);
	t_ok(fd);
	t_ret(pread(fd, &value, sizeof(value), (off_t)(uintptr_t)&word), sizeof(value));
	t_eq(value, 0x1122334455667788);
	value = 5;
	t_ret(pwrite(fd, &value, sizeof(value), (off_t)(uintptr_t)&word), sizeof(value));
	t_eq(P(PTRACE_PEEKDATA, pid, &word, 0), 5);
	t_errno(pread(fd, &value, sizeof(value), 0), EIO);
	finish(pid);
	close(fd);
}

static void trap_with_registers(void)
{
	long out;

	__asm__ volatile("movq $0x123, %%rbx; movq $0x456, %%r15; int3; movq %%rbx, %0"
			 : "=r"(out)
			 :
			 : "rbx", "r15", "memory");
	_exit((int)out);
}

T_CASE(registers)
{
	pid_t pid = traced(trap_with_registers);
	struct user_regs_struct regs, again;
	siginfo_t info;

	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP);
	t_ret(P(PTRACE_GETSIGINFO, pid, 0, &info), 0);
	t_eq(info.si_code, SI_KERNEL);
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	t_eq(regs.rbx, 0x123);
	t_eq(regs.r15, 0x456);
	t_eq(regs.cs & 3, 3);
	t_eq(P(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.r15), 0), 0x456);
	t_eq((P(PTRACE_PEEKTEXT, pid, regs.rip - 1, 0) & 0xff), 0xcc);
	t_ret(P(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rbx), 42), 0);
	t_ret(P(PTRACE_GETREGS, pid, 0, &again), 0);
	t_eq(again.rbx, 42);
	regs.rbx = 43;
	t_ret(P(PTRACE_SETREGS, pid, 0, &regs), 0);
	t_errno(P(PTRACE_PEEKUSER, pid, 3, 0), EIO);
	t_errno(P(PTRACE_PEEKUSER, pid, 100000, 0), EIO);
	t_errno(P(PTRACE_GETREGS, pid, 0, 8), EFAULT);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 43);
}

static void trap_with_vector(void)
{
	double out;

	__asm__ volatile("movq %1, %%xmm7; int3; movq %%xmm7, %0" : "=r"(out) : "r"(2.5) : "xmm7");
	_exit((int)(out * 2));
}

T_CASE(register_sets)
{
	pid_t pid = traced(trap_with_vector);
	struct user_fpregs_struct fp;
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof(regs)};
	static char big[16384];
	double value = 0;

	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP);
	t_ret(P(PTRACE_GETFPREGS, pid, 0, &fp), 0);
	memcpy(&value, (char *)fp.xmm_space + 7 * 16, sizeof(value));
	t_check(value == 2.5);
	value = 4.0;
	memcpy((char *)fp.xmm_space + 7 * 16, &value, sizeof(value));
	t_ret(P(PTRACE_SETFPREGS, pid, 0, &fp), 0);
	t_ret(P(PTRACE_GETREGSET, pid, 1 /* NT_PRSTATUS */, &io), 0);
	t_eq(io.iov_len, sizeof(regs));
	t_eq((P(PTRACE_PEEKTEXT, pid, regs.rip - 1, 0) & 0xff), 0xcc);
	io.iov_len = 16;
	t_ret(P(PTRACE_GETREGSET, pid, 1, &io), 0);
	t_eq(io.iov_len, 16);
	t_errno(P(PTRACE_GETREGSET, pid, 0x7777, &io), EINVAL);
	io = (struct iovec){big, sizeof(big)};
	t_ret(P(PTRACE_GETREGSET, pid, 0x202 /* NT_X86_XSTATE */, &io), 0);
	t_check(io.iov_len >= 576);
	memcpy(&value, big + 160 + 7 * 16, sizeof(value));
	t_check(value == 4.0);
	t_ret(P(PTRACE_SETREGSET, pid, 0x202, &io), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 8);
}

/* Bytes that are not zero and belong to no part of the state that is said to be there. */
static int state_strays(const unsigned char *area, size_t len)
{
	unsigned size, at, c, d;
	uint64_t parts;
	int strays = 0;

	memcpy(&parts, area + 512, sizeof(parts));
	for (size_t i = 576; i < len; i++) {
		bool named = false;

		for (unsigned part = 2; part < 63 && area[i]; part++) {
			if (!(parts & 1ull << part))
				continue;
			__cpuid_count(13, part, size, at, c, d);
			named |= i >= at && i - at < size;
		}
		strays += area[i] && !named;
	}
	return strays;
}

static void trap_only(void)
{
	__asm__ volatile("int3");
	_exit(0);
}

T_CASE(state_that_nobody_has)
{
	static unsigned char area[16384];
	struct iovec io;
	uint64_t wide;

	for (int i = 0; i < 8; i++) {
		pid_t pid = traced(trap_only);

		t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
		t_eq(next(pid), SIGTRAP);
		for (int written = 0; written < 2; written++) {
			io = (struct iovec){area, sizeof(area)};
			t_ret(P(PTRACE_GETREGSET, pid, 0x202, &io), 0);
			t_eq(state_strays(area, io.iov_len), 0);
			/* what is written beside the parts goes nowhere */
			memcpy(&wide, area + 512, sizeof(wide));
			wide &= ~4ull;
			memcpy(area + 512, &wide, sizeof(wide));
			memset(area + 576, 0xa5, 256);
			t_ret(P(PTRACE_SETREGSET, pid, 0x202, &io), 0);
		}
		t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
		t_exit(pid, 0);
	}
}

static __attribute__((noinline)) void marked(void)
{
	__asm__ volatile("nop; nop; nop; nop");
	other++;
}

static void call_marked(void)
{
	marked();
	_exit((int)other);
}

T_CASE(breakpoint_in_text)
{
	pid_t pid = traced(call_marked);
	long old = P(PTRACE_PEEKTEXT, pid, marked, 0);
	struct user_regs_struct regs;

	t_ret(P(PTRACE_POKETEXT, pid, marked, (old & ~0xffL) | 0xcc), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP);
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	t_eq(regs.rip, (uintptr_t)marked + 1);
	t_ret(P(PTRACE_POKETEXT, pid, marked, old), 0);
	regs.rip--;
	t_ret(P(PTRACE_SETREGS, pid, 0, &regs), 0);
	t_ret(P(PTRACE_SINGLESTEP, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 1);
	t_eq(other, 0);
}

static void write_to_text(void)
{
	*(volatile char *)(uintptr_t)marked = 0x90;
}

T_CASE(text_stays_read_only)
{
	pid_t pid = traced(write_to_text);
	long old = P(PTRACE_PEEKTEXT, pid, marked, 0);

	t_ret(P(PTRACE_POKETEXT, pid, marked, old), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGSEGV);
	t_ret(P(PTRACE_CONT, pid, 0, SIGSEGV), 0);
	t_killed(pid, SIGSEGV);
}

static void steps(void)
{
	__asm__ volatile("int3; nop; nop; nop; movl $39, %%eax; syscall; nop" ::
				 : "rax", "rcx", "r11", "memory");
}

T_CASE(single_steps)
{
	pid_t pid = traced(steps);
	struct user_regs_struct regs;
	siginfo_t info;
	long long at;

	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP);
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	at = regs.rip;
	for (int i = 1; i <= 3; i++) {
		t_ret(P(PTRACE_SINGLESTEP, pid, 0, 0), 0);
		t_eq(next(pid), SIGTRAP);
		t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
		t_eq(regs.rip, at + i);
		t_eq(regs.eflags & 0x100, 0);
	}
	t_ret(P(PTRACE_GETSIGINFO, pid, 0, &info), 0);
	t_eq(info.si_code, TRAP_TRACE);
	t_ret(P(PTRACE_SINGLESTEP, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP);
	t_ret(P(PTRACE_SINGLESTEP, pid, 0, 0), 0); /* the call */
	t_eq(next(pid), SIGTRAP);
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	t_eq(regs.rip, at + 10);
	t_eq(regs.rax, pid);
	finish(pid);
}

static void three_calls(void)
{
	long a = syscall(SYS_getppid), b = syscall(SYS_getuid), c = syscall(SYS_dup2, 1000, 1001);

	_exit(a == getppid() && b == 1234 && c == -1 && errno == ENOSYS ? 7 : 8);
}

static int call_stop(pid_t pid)
{
	t_ret(P(PTRACE_SYSCALL, pid, 0, 0), 0);
	return next(pid);
}

T_CASE(calls)
{
	pid_t pid = traced(three_calls);
	struct user_regs_struct regs;
	struct ptrace_syscall_info info;

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
	do {
		t_eq(call_stop(pid), SIGTRAP | 0x80); /* the rest of raise() */
		t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	} while (regs.orig_rax != SYS_getppid);
	t_eq((long)regs.rax, -ENOSYS);
	t_check(P(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) >= 80);
	t_eq(info.op, PTRACE_SYSCALL_INFO_ENTRY);
	t_eq(info.entry.nr, SYS_getppid);
	t_eq(info.arch, 0xc000003e);
	t_eq(call_stop(pid), SIGTRAP | 0x80);
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	t_eq(regs.rax, getpid());
	t_check(P(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) >= 33);
	t_eq(info.op, PTRACE_SYSCALL_INFO_EXIT);
	t_eq(info.exit.rval, getpid());
	t_eq(info.exit.is_error, 0);
	t_eq(call_stop(pid), SIGTRAP | 0x80);
	t_eq(P(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.orig_rax), 0), SYS_getuid);
	t_eq(call_stop(pid), SIGTRAP | 0x80);
	t_ret(P(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 1234),
		0); /* another result */
	t_eq(call_stop(pid), SIGTRAP | 0x80);
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	t_eq(regs.orig_rax, SYS_dup2);
	t_eq(regs.rdi, 1000);
	t_eq(regs.rsi, 1001);
	t_ret(P(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), -1),
		0); /* no call at all */
	t_eq(call_stop(pid), SIGTRAP | 0x80);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 7);
}

static void blocked_read(void)
{
	int fds[2];
	char c;

	t_handler(SIGUSR1, SIG_IGN, 0);
	if (pipe(fds))
		_exit(1);
	_exit(read(fds[0], &c, 1) == -1 && errno == EINTR ? 5 : 6);
}

static volatile int hits, hit_code, hit_pid;

static void count(int sig, siginfo_t *info, void *context)
{
	hits = sig;
	hit_code = info->si_code;
	hit_pid = info->si_pid;
}

static void take_signals(void)
{
	t_handler_info(SIGUSR1, count, 0);
	t_handler_info(SIGUSR2, count, 0);
	raise(SIGUSR1); /* taken away */
	int first = hits;
	raise(SIGUSR1); /* becomes SIGUSR2 */
	_exit(first == 0 && hits == SIGUSR2 && hit_code == SI_USER && hit_pid == getppid() ? 3 : 4);
}

T_CASE(signals_are_taken_and_changed)
{
	pid_t pid = traced(take_signals);
	siginfo_t info;

	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGUSR1);
	t_ret(P(PTRACE_GETSIGINFO, pid, 0, &info), 0);
	t_eq(info.si_signo, SIGUSR1);
	t_eq(info.si_pid, pid);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGUSR1);
	t_ret(P(PTRACE_CONT, pid, 0, SIGUSR2), 0);
	t_exit(pid, 3);
}

static void take_value(void)
{
	t_handler_info(SIGUSR1, count, 0);
	raise(SIGUSR1);
	_exit(hits == SIGUSR1 && hit_pid == 4321 ? 3 : 4);
}

T_CASE(signal_information_is_changed)
{
	pid_t pid = traced(take_value);
	siginfo_t info;

	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGUSR1);
	t_ret(P(PTRACE_GETSIGINFO, pid, 0, &info), 0);
	info.si_pid = 4321;
	t_ret(P(PTRACE_SETSIGINFO, pid, 0, &info), 0);
	t_ret(P(PTRACE_CONT, pid, 0, SIGUSR1), 0);
	t_exit(pid, 3);
}

T_CASE(ignored_signals_stop_too)
{
	pid_t pid = traced(blocked_read);

	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_check(t_wait_state(pid, 'S'));
	t_ret(kill(pid, SIGUSR1), 0);
	t_eq(next(pid), SIGUSR1);
	t_ret(P(PTRACE_CONT, pid, 0, SIGUSR1), 0); /* ignored: the read goes on */
	t_check(t_wait_state(pid, 'S'));
	t_ret(kill(pid, SIGWINCH), 0);
	t_eq(next(pid), SIGWINCH);
	t_ret(P(PTRACE_CONT, pid, 0, SIGTERM), 0);
	t_killed(pid, SIGTERM);
}

T_CASE(deadly_signal_stops_first)
{
	pid_t pid = traced(abort);

	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGABRT);
	t_ret(P(PTRACE_CONT, pid, 0, SIGABRT), 0);
	t_killed(pid, SIGABRT);
}

T_CASE(kill_needs_no_stop)
{
	pid_t pid = traced(nothing);

	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
	pid = traced(nothing);
	t_ret(P(PTRACE_KILL, pid, 0, 0), 0);
	t_killed(pid, SIGKILL);
}

static void signal_mask_work(void)
{
	raise(SIGUSR1);
	_exit(0);
}

T_CASE(signal_mask)
{
	pid_t pid = traced(signal_mask_work);
	uint64_t mask = 1, want = 1ull << (SIGUSR1 - 1);

	t_ret(P(PTRACE_GETSIGMASK, pid, 8, &mask), 0);
	t_errno(P(PTRACE_GETSIGMASK, pid, 4, &mask), EINVAL);
	t_ret(P(PTRACE_SETSIGMASK, pid, 8, &want), 0);
	t_ret(P(PTRACE_GETSIGMASK, pid, 8, &mask), 0);
	t_eq(mask, want);
	t_ret(P(PTRACE_SETSIGMASK, pid, 8, &(uint64_t){0}), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGUSR1);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 0);
}

/* ---- calls that are not made ---- */

static void emulated(void)
{
	long a = syscall(SYS_getuid), b = syscall(SYS_getpid), c = syscall(SYS_getppid);

	_exit(a == 4321 && b == -1 && errno == ENOSYS && c == getppid() ? 7 : 8);
}

/* Goes to the next call by @request; its number. */
static long next_call(pid_t pid, int request, int want)
{
	struct user_regs_struct regs;

	t_ret(P(request, pid, 0, 0), 0);
	t_eq(next(pid), want);
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	return (long)regs.orig_rax;
}

T_CASE(emulated_calls)
{
	pid_t pid = traced(emulated);
	struct ptrace_syscall_info info;
	struct user_regs_struct regs;

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
	do { /* the rest of raise() */
		t_eq(call_stop(pid), SIGTRAP | 0x80);
		t_eq(call_stop(pid), SIGTRAP | 0x80);
		t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	} while (regs.orig_rax != SYS_getuid);
	t_ret(P(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 4321), 0);
	t_eq(next_call(pid, PTRACE_SYSEMU, SIGTRAP | 0x80), SYS_getpid);
	t_check(P(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) >= 80);
	t_eq(info.op, PTRACE_SYSCALL_INFO_ENTRY);
	t_eq(info.entry.nr, SYS_getpid);
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	t_eq((long)regs.rax, -ENOSYS);
	t_eq(next_call(pid, PTRACE_SYSEMU, SIGTRAP | 0x80), SYS_getppid); /* no stop at the end */
	t_ret(P(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), getpid()), 0);
	t_eq(next_call(pid, PTRACE_SYSCALL, SIGTRAP | 0x80), SYS_getppid); /* the end of it */
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	t_eq(regs.rax, getpid()); /* and not made */
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 7);
}

static void emulated_steps(void)
{
	__asm__ volatile(
		"int3; nop; movl $39, %%eax; syscall; nop; movl $39, %%eax; syscall; nop" ::
			: "rax", "rcx", "r11", "memory");
}

T_CASE(emulated_calls_by_steps)
{
	pid_t pid = traced(emulated_steps);
	struct user_regs_struct regs;
	long long at;

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP);
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	at = regs.rip;
	next_call(pid, PTRACE_SYSEMU_SINGLESTEP, SIGTRAP);
	next_call(pid, PTRACE_SYSEMU_SINGLESTEP, SIGTRAP);
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	t_eq(regs.rip, at + 6);
	t_eq(next_call(pid, PTRACE_SYSEMU_SINGLESTEP, SIGTRAP | 0x80), SYS_getpid);
	t_ret(P(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 77), 0);
	next_call(pid, PTRACE_SYSEMU_SINGLESTEP, SIGTRAP); /* the nop: the call's end has no stop */
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	t_eq(regs.rip, at + 9);
	t_eq(regs.rax, 77);
	next_call(pid, PTRACE_SYSEMU_SINGLESTEP, SIGTRAP);
	t_eq(next_call(pid, PTRACE_SYSEMU, SIGTRAP | 0x80), SYS_getpid);
	next_call(pid, PTRACE_SINGLESTEP, SIGTRAP); /* but a plain step ends with the call */
	t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
	t_eq(regs.rip, at + 16);
	t_eq((long)regs.rax, -ENOSYS);
	finish(pid);
}

/* ---- signals that wait ---- */

static void wait_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
	kill(getpid(), SIGUSR1);
	raise(SIGUSR2);
	sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);
}

T_CASE(waiting_signals_are_shown)
{
	pid_t pid = traced(wait_blocked);
	struct __ptrace_peeksiginfo_args args = {.flags = PTRACE_PEEKSIGINFO_SHARED, .nr = 10};
	siginfo_t info[10];
	struct user_regs_struct regs;
	int left = 3;

	t_ret(P(PTRACE_PEEKSIGINFO, pid, &args, info), 0);
	do { /* begin and end of the last */
		t_check(call_stop(pid) == SIGTRAP);
		t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
		left -= regs.orig_rax == SYS_tgkill;
	} while (left > 1);
	t_ret(P(PTRACE_PEEKSIGINFO, pid, &args, info), 4);
	for (int i = 0; i < 3; i++) {
		t_eq(info[i].si_signo, SIGRTMIN);
		t_eq(info[i].si_code, SI_QUEUE);
		t_eq(info[i].si_pid, pid);
		t_eq(info[i].si_int, i);
	}
	t_eq(info[3].si_signo, SIGUSR1);
	args.off = 2;
	args.nr = 1;
	t_ret(P(PTRACE_PEEKSIGINFO, pid, &args, info), 1);
	t_eq(info[0].si_int, 2);
	args.nr = 0;
	t_ret(P(PTRACE_PEEKSIGINFO, pid, &args, info), 0);
	args.nr = 5;
	args.off = 4;
	t_ret(P(PTRACE_PEEKSIGINFO, pid, &args, info), 0);
	args.off = -1;
	t_ret(P(PTRACE_PEEKSIGINFO, pid, &args, info), 0);
	args.off = args.flags = 0; /* of the thread */
	t_ret(P(PTRACE_PEEKSIGINFO, pid, &args, info), 1);
	t_eq(info[0].si_signo, SIGUSR2);
	t_eq(info[0].si_code, SI_TKILL);
	t_errno(P(PTRACE_PEEKSIGINFO, pid, &args, 8), EFAULT);
	t_errno(P(PTRACE_PEEKSIGINFO, pid, 8, info), EFAULT);
	args.nr = -1;
	t_errno(P(PTRACE_PEEKSIGINFO, pid, &args, info), EINVAL);
	args.nr = 1;
	args.flags = 2;
	t_errno(P(PTRACE_PEEKSIGINFO, pid, &args, info), EINVAL);
	t_errno(P(PTRACE_PEEKSIGINFO, getppid(), &args, info), ESRCH);
	kill(pid, SIGKILL);
	t_killed(pid, SIGKILL);
}
