/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ptrace_events.c - tracing: events, attaching, groups that stop, ends, breakpoint registers,
 * errors. */
#include "t_trace.h"

#include <poll.h>

T_SUITE(ptrace_events);

/* ---- events ---- */

static void fork_and_wait(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(4);
	waitpid(pid, &status, 0);
	_exit(WEXITSTATUS(status));
}

T_CASE(fork_event)
{
	pid_t pid = traced(fork_and_wait);
	unsigned long child = 0;

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_FORK << 8);
	t_ret(P(PTRACE_GETEVENTMSG, pid, 0, &child), 0);
	t_check(child > 1);
	t_eq(next((pid_t)child), SIGSTOP);
	t_ret(P(PTRACE_CONT, (pid_t)child, 0, 0), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next((pid_t)child), -1000 - (4 << 8)); /* we hear of it, and its parent too */
	t_eq(next(pid), SIGCHLD);
	t_ret(P(PTRACE_CONT, pid, 0, SIGCHLD), 0);
	t_exit(pid, 4);
}

static void vfork_and_wait(void)
{
	pid_t pid = vfork();
	int status;

	if (!pid)
		_exit(4);
	waitpid(pid, &status, 0);
	_exit(WEXITSTATUS(status));
}

T_CASE(vfork_events)
{
	pid_t pid = traced(vfork_and_wait);
	unsigned long child = 0, done = 0;

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_VFORK << 8);
	t_ret(P(PTRACE_GETEVENTMSG, pid, 0, &child), 0);
	t_eq(next((pid_t)child), SIGSTOP);
	t_ret(P(PTRACE_DETACH, (pid_t)child, 0, 0), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	int stop = next(pid);
	if (stop == SIGCHLD && P(PTRACE_CONT, pid, 0, SIGCHLD) == 0)
		stop = next(pid); /* either may come first */
	t_eq(stop, SIGTRAP | PTRACE_EVENT_VFORK_DONE << 8);
	t_ret(P(PTRACE_GETEVENTMSG, pid, 0, &done), 0);
	t_eq(done, child);
	t_ret(P(PTRACE_DETACH, pid, 0, 0), 0);
	t_exit(pid, 4);
}

static void *thread_exits(void *arg)
{
	return arg;
}

static void thread_and_join(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, thread_exits, NULL) || pthread_join(t, NULL))
		_exit(1);
	_exit(0);
}

T_CASE(threads_are_traced)
{
	pid_t pid = traced(thread_and_join);
	unsigned long tid = 0;

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_CLONE << 8);
	t_ret(P(PTRACE_GETEVENTMSG, pid, 0, &tid), 0);
	t_eq(next((pid_t)tid), SIGSTOP);
	t_ret(P(PTRACE_CONT, (pid_t)tid, 0, 0), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next((pid_t)tid), -1000); /* its end, which nobody else waits for */
	t_exit(pid, 0);
	t_errno(waitpid((pid_t)tid, NULL, __WALL), ECHILD);
}

T_HELPER(leave_9)
{
	return 9;
}

static void exec_self(void)
{
	execl(t_self, t_self, "-x", "leave_9", NULL);
}

T_CASE(exec_event)
{
	pid_t pid = traced(exec_self);
	unsigned long old = 0;

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_EXEC << 8);
	t_ret(P(PTRACE_GETEVENTMSG, pid, 0, &old), 0);
	t_eq(old, pid);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 9);
}

T_CASE(exec_without_event_is_a_trap)
{
	pid_t pid = traced(exec_self);

	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 9);
}

T_CASE(exit_event)
{
	pid_t pid = traced(exec_self);
	unsigned long status = 0;

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_EXEC << 8);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	t_ret(P(PTRACE_GETEVENTMSG, pid, 0, &status), 0);
	t_eq(status, 9 << 8);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 9);
}

static void *thread_sleeps(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void exit_with_a_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, thread_sleeps, NULL);
	_exit(6);
}

T_CASE(exit_event_beside_other_threads)
{
	pid_t pid = traced(exit_with_a_thread);
	unsigned long status = 0;

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	t_ret(P(PTRACE_GETEVENTMSG, pid, 0, &status), 0);
	t_eq(status, 6 << 8);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 6);
}

static void *thread_traces_and_execs(void *arg)
{
	t_ret(P(PTRACE_SEIZE, (pid_t)(long)arg, 0, PTRACE_O_EXITKILL), 0);
	exec_self();
	return arg;
}

/* The thread that traces takes the process's number: it still traces. */
T_CASE(tracer_thread_executes)
{
	pid_t victim = t_fork(), tracer;

	if (!victim) {
		for (;;)
			pause();
	}
	T_CHILD(tracer)
	{
		pthread_t t;

		pthread_create(&t, NULL, thread_traces_and_execs, (void *)(long)victim);
		pthread_join(t, NULL);
	}
	t_exit(tracer, 9);
	t_killed(victim,
		SIGKILL); /* PTRACE_O_EXITKILL: it was let go at the new program's end only */
}

/* ---- attaching ---- */

static pid_t sleeper(void)
{
	pid_t pid = t_fork();

	if (!pid) {
		for (;;)
			pause();
	}
	t_check(t_wait_state(pid, 'S'));
	return pid;
}

T_CASE(attach_and_detach)
{
	pid_t pid = sleeper();

	t_ret(P(PTRACE_ATTACH, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	t_errno(P(PTRACE_ATTACH, pid, 0, 0), EPERM);
	t_ret(P(PTRACE_POKEDATA, pid, &word, 3), 0);
	t_ret(P(PTRACE_DETACH, pid, 0, 0), 0);
	t_check(t_wait_state(pid, 'S'));
	t_errno(P(PTRACE_CONT, pid, 0, 0), ESRCH);
	t_ret(P(PTRACE_ATTACH, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	t_ret(P(PTRACE_DETACH, pid, 0, SIGTERM), 0);
	t_killed(pid, SIGTERM);
}

static volatile unsigned long *spinning;

T_CASE(attach_to_what_runs)
{
	spinning = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = t_fork();

	if (!pid) {
		for (;;)
			++*spinning;
	}
	while (!*spinning)
		t_sleep_ms(1);
	t_ret(P(PTRACE_ATTACH, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	unsigned long at = *spinning;
	t_sleep_ms(20);
	t_eq(*spinning, at);
	t_ret(P(PTRACE_DETACH, pid, 0, 0), 0);
	while (*spinning == at)
		t_sleep_ms(1);
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}

T_CASE(seize_interrupt_listen)
{
	pid_t pid = sleeper();
	siginfo_t info;

	t_ret(P(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
	t_check(t_wait_state(pid, 'S')); /* it was not stopped */
	t_ret(P(PTRACE_INTERRUPT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_ret(kill(pid, SIGSTOP), 0);
	t_eq(next(pid), SIGSTOP);
	t_ret(P(PTRACE_CONT, pid, 0, SIGSTOP), 0);
	t_eq(next(pid), SIGSTOP | PTRACE_EVENT_STOP << 8); /* the group stop */
	t_ret(P(PTRACE_GETSIGINFO, pid, 0, &info), 0);
	t_eq(info.si_code, SIGSTOP | PTRACE_EVENT_STOP << 8);
	t_ret(P(PTRACE_LISTEN, pid, 0, 0), 0);
	t_errno(P(PTRACE_CONT, pid, 0, 0), ESRCH);
	t_ret(kill(pid, SIGCONT), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGCONT);
	t_ret(P(PTRACE_CONT, pid, 0, SIGCONT), 0);
	t_ret(P(PTRACE_INTERRUPT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	t_errno(P(PTRACE_LISTEN, pid, 0, 0) ? -1 : (P(PTRACE_DETACH, pid, 0, 0)), ESRCH);
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}

/* A call that an interruption ended begins again, though its exit stop swallowed the stop asked
 * for. */
static void let_go_at_exit_of(long nr)
{
	pid_t pid = t_fork();

	if (!pid) {
		struct timespec t = {0, 300000000};
		struct pollfd p = {.fd = -1};

		while (word != 5) {
			if (nr == SYS_poll ? poll(&p, 1, 300) : nanosleep(&t, NULL))
				_exit(errno == EINTR ? 3 : 4);
		}
		_exit(0);
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(P(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
	t_ret(P(PTRACE_INTERRUPT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	t_ret(P(PTRACE_SYSCALL, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | 0x80); /* enters */
	t_ret(P(PTRACE_SYSCALL, pid, 0, 0), 0);
	t_check(t_wait_state(pid, 'S'));
	t_ret(P(PTRACE_INTERRUPT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | 0x80);
	t_ret(P(PTRACE_POKEDATA, pid, &word, 5), 0);
	t_ret(P(PTRACE_DETACH, pid, 0, 0), 0);
	t_exit(pid, 0);
}

T_CASE(detach_at_exit_of_an_interrupted_call)
{
	let_go_at_exit_of(SYS_nanosleep);
	let_go_at_exit_of(SYS_poll);
}

T_CASE(group_stop_of_a_tracee)
{
	pid_t pid = sleeper();
	siginfo_t info;

	t_ret(P(PTRACE_ATTACH, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	t_ret(P(PTRACE_CONT, pid, 0, SIGSTOP), 0); /* let it have its effect */
	t_eq(next(pid), SIGSTOP);
	t_errno(P(PTRACE_GETSIGINFO, pid, 0, &info), EINVAL);
	t_ret(P(PTRACE_DETACH, pid, 0, 0), 0);
	t_check(t_wait_state(pid, 'T')); /* still stopped, now by itself */
	t_ret(kill(pid, SIGCONT), 0);
	t_check(t_wait_state(pid, 'S'));
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}

T_CASE(tracer_ends)
{
	pid_t pid = sleeper(), tracer;
	int fds[2];

	t_pipe(fds);
	T_CHILD(tracer)
	{
		t_ret(P(PTRACE_ATTACH, pid, 0, 0), 0);
		t_eq(next(pid), SIGSTOP);
		t_put(fds[1]);
	}
	t_get(fds[0]);
	t_exit(tracer, 0);
	t_check(t_wait_state(pid, 'S')); /* goes on untraced */
	T_CHILD(tracer)
	{
		t_ret(P(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL), 0);
	}
	t_exit(tracer, 0);
	t_killed(pid, SIGKILL);
}

T_CASE(parent_hears_of_anothers_tracee)
{
	pid_t pid = t_fork(), tracer;

	if (!pid) {
		t_sleep_ms(50);
		_exit(6);
	}
	T_CHILD(tracer)
	{
		t_ret(P(PTRACE_SEIZE, pid, 0, 0), 0);
		t_eq(next(pid), -1000 - (6 << 8));
	}
	t_exit(tracer, 0);
	t_exit(pid, 6);
}

T_CASE(threads_of_an_attached_process)
{
	pid_t pid = t_fork();

	if (!pid) {
		pthread_t t;

		pthread_create(&t, NULL, thread_exits, NULL);
		pthread_join(t, NULL);
		for (;;)
			pause();
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(P(PTRACE_ATTACH, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}

/* ---- breakpoint registers ---- */

static void write_watched(void)
{
	other = 1;
	other = 2;
	_exit((int)other);
}

T_CASE(watchpoint)
{
	pid_t pid = traced(write_watched);
	size_t at = offsetof(struct user, u_debugreg);
	siginfo_t info;

	if (P(PTRACE_POKEUSER, pid, at, &other))
		t_skip("no breakpoint registers");
	t_ret(P(PTRACE_POKEUSER, pid, at + 7 * 8, 1 | 1 << 16 | 3 << 18),
		0); /* writes of 4 bytes */
	t_eq(P(PTRACE_PEEKUSER, pid, at, 0), (long)&other);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	for (int i = 1; i <= 2; i++) {
		t_eq(next(pid), SIGTRAP);
		t_ret(P(PTRACE_GETSIGINFO, pid, 0, &info), 0);
		t_eq(info.si_code, TRAP_HWBKPT);
		t_eq(P(PTRACE_PEEKUSER, pid, at + 6 * 8, 0) & 15, 1);
		t_eq(P(PTRACE_PEEKDATA, pid, &other, 0), i);
		t_ret(P(PTRACE_POKEUSER, pid, at + 6 * 8, 0), 0);
		t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	}
	t_exit(pid, 2);
}

static volatile int watched, unwatched;

static void read_watched(void)
{
	int fds[2];

	__asm__ volatile("movl $5, %0\n\tmovl %0, %%eax\n\tmovl %%eax, %1\n\tmovl %0, %%eax"
			 : "+m"(watched), "=m"(unwatched)::"eax");
	t_pipe(fds);
	t_ret(write(fds[1], "1234", 4), 4);
	t_ret(read(fds[0], (void *)&watched, 4), 4);
	raise(SIGUSR1);
	_exit(unwatched);
}

/* A step over a read that is watched is both; the access is not told again. What the kernel does
 * with such memory for a call is nobody's hit. */
T_CASE(watchpoint_of_reads_and_steps)
{
	static const unsigned steps[] = {0xffff4ff1, 0xffff4ff0, 0xffff4ff1};
	pid_t pid = traced(read_watched);
	size_t at = offsetof(struct user, u_debugreg);

	if (P(PTRACE_POKEUSER, pid, at, &watched))
		t_skip("no breakpoint registers");
	t_eq(P(PTRACE_PEEKUSER, pid, at + 6 * 8, 0), 0xffff0ff0);
	t_ret(P(PTRACE_POKEUSER, pid, at + 7 * 8, 1 | 3 << 16 | 3 << 18), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP);
	t_eq(P(PTRACE_PEEKUSER, pid, at + 6 * 8, 0), 0xffff0ff1);
	t_eq(P(PTRACE_PEEKDATA, pid, &watched, 0) & 0xffffffff, 5);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		t_ret(P(PTRACE_POKEUSER, pid, at + 6 * 8, 0), 0);
		t_eq(P(PTRACE_PEEKUSER, pid, at + 6 * 8, 0), 0);
		t_ret(P(PTRACE_SINGLESTEP, pid, 0, 0), 0);
		t_eq(next(pid), SIGTRAP);
		t_eq(P(PTRACE_PEEKUSER, pid, at + 6 * 8, 0), steps[i]);
	}
	t_ret(P(PTRACE_POKEUSER, pid, at + 6 * 8, 0xffff0ff0), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGUSR1);
	t_eq(P(PTRACE_PEEKDATA, pid, &watched, 0) & 0xffffffff, 0x34333231);
	t_eq(P(PTRACE_PEEKUSER, pid, at + 6 * 8, 0), 0xffff0ff0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 5);
}

static void watch_and_exec(void)
{
	exec_self();
}

T_CASE(exec_forgets_watchpoints)
{
	pid_t pid = traced(watch_and_exec);
	size_t at = offsetof(struct user, u_debugreg);

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC), 0);
	t_ret(P(PTRACE_POKEUSER, pid, at, &other), 0);
	t_ret(P(PTRACE_POKEUSER, pid, at + 7 * 8, 1 | 1 << 16 | 3 << 18), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_EXEC << 8);
	t_eq(P(PTRACE_PEEKUSER, pid, at + 7 * 8, 0) & 0xff, 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 9);
}

/* ---- errors ---- */

T_CASE(errors)
{
	pid_t pid = traced(nothing), stranger;
	long value;

	t_errno(P(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
	t_errno(P(PTRACE_ATTACH, 0x3ffffff, 0, 0), ESRCH);
	t_errno(P(PTRACE_CONT, getppid(), 0, 0), ESRCH);
	t_errno(P(PTRACE_CONT, pid, 0, 100), EIO);
	t_errno(P(PTRACE_SETOPTIONS, pid, 0, 0x40000000), EINVAL);
	t_errno(P(0x7777, pid, 0, 0), EIO);
	t_errno(P(PTRACE_LISTEN, pid, 0, 0), EIO);
	t_errno(P(PTRACE_INTERRUPT, pid, 0, 0), EIO);
	t_errno(P(PTRACE_SEIZE, pid, 1, 0), EIO);
	t_errno(syscall(SYS_ptrace, PTRACE_PEEKDATA, pid, &word, 8), EFAULT);
	t_ret(syscall(SYS_ptrace, PTRACE_PEEKDATA, pid, &word, &value), 0);
	t_eq(value, word);
	T_CHILD(stranger)
	{ /* another process is not the tracer */
		t_errno(P(PTRACE_PEEKDATA, pid, &word, 0), ESRCH);
		t_errno(P(PTRACE_ATTACH, pid, 0, 0), EPERM);
	}
	t_exit(stranger, 0);
	finish(pid);
	pid = sleeper();
	T_CHILD(stranger)
	{
		t_become(1234, 1234);
		t_errno(P(PTRACE_ATTACH, pid, 0, 0), EPERM);
		t_errno(P(PTRACE_SEIZE, pid, 0, 0), EPERM);
	}
	t_exit(stranger, 0);
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}
