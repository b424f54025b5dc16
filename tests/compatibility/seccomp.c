/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* seccomp.c - filters on system calls: what each answer does, who
 * inherits a filter, strict mode, all threads at once, tracers. Filters allow whatever they do not
 * name, so that a case can still report. */
#include "t_seccomp.h"
#include "t_trace.h"

T_SUITE(seccomp);

static long status_number(const char *field)
{
	char text[8192], *at;

	if (t_slurp("/proc/thread-self/status", text, sizeof(text)) < 0)
		return -1;
	at = strstr(text, field);
	return at ? strtol(at + strlen(field), NULL, 10) : -2;
}

/* ---- answers ---- */

T_CASE(errno_answers)
{
	pid_t pid;

	no_new_privs();
	t_ret(victim() >= 0, 1);
	t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 9, 0), 0);
	t_errno(victim(), 9);
	T_CHILD(pid)
	{
		t_ret(answer(SYS_getppid, SECCOMP_RET_ERRNO | 4095, 0), 0);
		t_errno(syscall(SYS_getppid), 4095);
		t_ret(answer(SYS_getuid, SECCOMP_RET_ERRNO | 0xffff, 0), 0);
		t_errno(syscall(SYS_getuid), 4095);
		t_ret(answer(SYS_getgid, SECCOMP_RET_ERRNO, 0), 0);
		t_ret(syscall(SYS_getgid), 0);
		t_ret(answer(500, SECCOMP_RET_ERRNO | 12, 0), 0);
		t_errno(syscall(500), 12);
		t_errno(syscall(501), ENOSYS);
		t_ret(answer(-1, SECCOMP_RET_ERRNO | 13, 0), 0);
		t_errno(syscall(-1L), 13);
	}
	t_exit(pid, 0);
}

T_CASE(killed)
{
	static const unsigned values[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
		0x12340000, 0x7ffe0000, 0x90000000};
	pid_t pid;

	no_new_privs();
	for (size_t i = 0; i < N(values); i++) {
		T_CHILD(pid)
		{
			signal(SIGSYS, SIG_IGN);
			t_ret(answer(VICTIM, values[i], 0), 0);
			victim();
		}
		t_killed(pid, SIGSYS);
	}
}

static void *call_victim(void *unused)
{
	victim();
	return NULL;
}

static void *sleep_on(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

T_CASE(kill_thread_only)
{
	pthread_t a;
	pid_t pid;

	no_new_privs();
	T_CHILD(pid)
	{
		t_ret(answer(VICTIM, SECCOMP_RET_KILL_THREAD, 0), 0);
		pthread_create(&a, NULL, call_victim, NULL);
		pthread_join(a, NULL); /* it ends, we go on */
		_exit(3);
	}
	t_exit(pid, 3);
	T_CHILD(pid)
	{
		t_ret(answer(VICTIM, SECCOMP_RET_KILL_PROCESS, 0), 0);
		pthread_create(&a, NULL, call_victim, NULL);
		pthread_join(a, NULL);
		_exit(3);
	}
	t_killed(pid, SIGSYS);
}

static volatile int sys_code, sys_errno, sys_nr, sys_count;
static volatile unsigned sys_arch;
static volatile unsigned long sys_addr, sys_ip, sys_rax;

static void on_sys(int signo, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	sys_count++;
	sys_code = info->si_code;
	sys_errno = info->si_errno;
	sys_nr = info->si_syscall;
	sys_arch = info->si_arch;
	sys_addr = (unsigned long)info->si_call_addr;
	sys_ip = (unsigned long)u->uc_mcontext.gregs[REG_RIP];
	sys_rax = (unsigned long)u->uc_mcontext.gregs[REG_RAX];
	u->uc_mcontext.gregs[REG_RAX] = 4711;
}

T_CASE(trap)
{
	no_new_privs();
	t_handler_info(SIGSYS, on_sys, 0);
	t_ret(answer(VICTIM, SECCOMP_RET_TRAP | 1234, 0), 0);
	t_ret(victim(), 4711);
	t_eq(sys_count, 1);
	t_eq(sys_code, 1 /* SYS_SECCOMP */);
	t_eq(sys_errno, 1234);
	t_eq(sys_nr, VICTIM);
	t_eq(sys_arch, AUDIT_ARCH_X86_64);
	t_eq(sys_rax, VICTIM);
	t_check(sys_addr == sys_ip && sys_ip);
	t_ret(victim(), 4711);
	t_eq(sys_count, 2);
}

T_CASE(trap_without_handler)
{
	pid_t pid;
	sigset_t set;

	no_new_privs();
	t_ret(answer(VICTIM, SECCOMP_RET_TRAP, 0), 0);
	T_CHILD(pid)
	victim();
	t_killed(pid, SIGSYS);
	T_CHILD(pid)
	{
		signal(SIGSYS, SIG_IGN);
		victim();
	}
	t_killed(pid, SIGSYS);
	T_CHILD(pid)
	{
		t_handler_info(SIGSYS, on_sys, 0);
		sigemptyset(&set);
		sigaddset(&set, SIGSYS);
		sigprocmask(SIG_BLOCK, &set, NULL);
		victim();
	}
	t_killed(pid, SIGSYS);
}

T_CASE(log_and_trace_without_tracer)
{
	no_new_privs();
	t_ret(answer(SYS_getppid, SECCOMP_RET_LOG | 5, SECCOMP_FILTER_FLAG_LOG), 0);
	t_ret(syscall(SYS_getppid), getppid());
	t_ret(answer(VICTIM, SECCOMP_RET_TRACE | 5, SECCOMP_FILTER_FLAG_SPEC_ALLOW), 0);
	t_errno(victim(), ENOSYS);
	t_ret(answer(SYS_getuid, SECCOMP_RET_USER_NOTIF, 0), 0);
	t_errno(syscall(SYS_getuid), ENOSYS);
}

/* ---- several filters ---- */

T_CASE(the_strictest_counts)
{
	static const struct {
		unsigned first, second;
		int want; /* errno, or a signal + 1000, or 0 */
	} rows[] = {
		{SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | 5, 5},
		{SECCOMP_RET_ERRNO | 5, SECCOMP_RET_ALLOW, 5},
		{SECCOMP_RET_ERRNO | 5, SECCOMP_RET_LOG, 5},
		{SECCOMP_RET_ERRNO | 5, SECCOMP_RET_TRACE, 5},
		{SECCOMP_RET_TRACE, SECCOMP_RET_ERRNO | 5, 5},
		{SECCOMP_RET_TRACE, SECCOMP_RET_LOG, ENOSYS},
		{SECCOMP_RET_USER_NOTIF, SECCOMP_RET_ERRNO | 6, 6},
		{SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, ENOSYS},
		{SECCOMP_RET_ERRNO | 5, SECCOMP_RET_ERRNO | 6, 6}, /* equals: the newest */
		{SECCOMP_RET_ERRNO | 6, SECCOMP_RET_ERRNO | 5, 5},
		{SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO | 5, 1000 + SIGSYS},
		{SECCOMP_RET_ERRNO | 5, SECCOMP_RET_TRAP, 1000 + SIGSYS},
		{SECCOMP_RET_KILL_THREAD, SECCOMP_RET_ERRNO | 5, 1000 + SIGSYS},
		{SECCOMP_RET_ERRNO | 5, SECCOMP_RET_KILL_PROCESS, 1000 + SIGSYS},
		{SECCOMP_RET_LOG, SECCOMP_RET_ALLOW, 0},
	};
	pid_t pid;

	no_new_privs();
	for (size_t i = 0; i < N(rows); i++) {
		T_CHILD(pid)
		{
			if (answer(VICTIM, rows[i].first, 0) || answer(VICTIM, rows[i].second, 0))
				_exit(255);
			errno = 0;
			_exit(victim() < 0 ? errno : 0);
		}
		if (rows[i].want >= 1000)
			t_killed(pid, rows[i].want - 1000);
		else
			t_exit(pid, rows[i].want);
	}
}

T_CASE(many_filters)
{
	no_new_privs();
	for (int i = 0; i < 100; i++)
		t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | (i + 1), 0), 0);
	t_errno(victim(), 100);
	t_eq(status_number("Seccomp:"), 2);
}

/* ---- rights, modes, arguments ---- */

T_CASE(needs_a_right)
{
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 7, 0), 0); /* CAP_SYS_ADMIN */
		t_errno(victim(), 7);
		t_ret(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	}
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(answer(VICTIM, SECCOMP_RET_ALLOW, 0), EACCES);
		t_errno(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL), EFAULT);
		no_new_privs();
		t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 7, 0), 0);
		t_errno(victim(), 7);
	}
	t_exit(pid, 0);
}

T_CASE(arguments)
{
	struct sock_filter f[] = {OK};
	struct sock_fprog p = PROGRAM(f);
	unsigned action;

	no_new_privs();
	t_errno(seccomp(4, 0, NULL), EINVAL);
	t_errno(seccomp(-1u, 0, NULL), EINVAL);
	t_errno(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL);
	t_errno(seccomp(SECCOMP_SET_MODE_STRICT, 0, &p), EINVAL);
	t_errno(seccomp(SECCOMP_SET_MODE_FILTER, 64, &p), EINVAL);
	t_errno(seccomp(SECCOMP_SET_MODE_FILTER, -1u, &p), EINVAL);
	t_errno(seccomp(SECCOMP_SET_MODE_FILTER,
			SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER, &p),
		EINVAL);
	t_errno(seccomp(SECCOMP_SET_MODE_FILTER, 32 /* WAIT_KILLABLE_RECV */, &p), EINVAL);
	t_errno(prctl(PR_SET_SECCOMP, 0, 0), EINVAL);
	t_errno(prctl(PR_SET_SECCOMP, 3, &p), EINVAL);
	t_ret(prctl(PR_GET_SECCOMP), 0);
	t_eq(status_number("Seccomp:"), 0);
	t_ret(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p), 0);
	t_ret(prctl(PR_GET_SECCOMP), 2);
	t_eq(status_number("Seccomp:"), 2);
	t_errno(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL), EINVAL);
	t_errno(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), EINVAL);
	for (size_t i = 0; i < 8; i++) {
		static const unsigned known[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
			SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_USER_NOTIF,
			SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW};

		action = known[i];
		t_ret(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action), 0);
	}
	action = 0x12340000;
	t_errno(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action), EOPNOTSUPP);
	action = SECCOMP_RET_ERRNO | 1;
	t_errno(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action), EOPNOTSUPP);
	t_errno(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, &action), EINVAL);
	t_errno(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL), EFAULT);
}

T_CASE(strict)
{
	static const long denied[] = {
		SYS_getpid, SYS_open, SYS_exit_group, SYS_prctl, SYS_mmap, SYS_kill, 600};
	int fds[2];
	pid_t pid;
	char c = 0;

	t_pipe(fds);
	for (size_t i = 0; i < N(denied); i++) {
		T_CHILD(pid)
		{
			if (i & 1)
				prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
			else
				seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL);
			syscall(denied[i], 0, 0, 0, 0, 0, 0);
			syscall(SYS_exit, 5);
		}
		t_killed(pid, SIGKILL);
	}
	T_CHILD(pid)
	{
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
		syscall(SYS_write, fds[1], "x", 1);
		syscall(SYS_read, fds[0], &c, 1);
		syscall(SYS_exit, c);
	}
	t_exit(pid, 'x');
}

static void on_usr(int signo)
{
}

T_CASE(strict_signal_return)
{
	pid_t pid;
	int fds[2], up[2];

	t_pipe(fds);
	t_pipe(up);
	T_CHILD(pid)
	{
		char c;

		t_handler(SIGUSR1, on_usr, SA_RESTART);
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
		syscall(SYS_write, up[1], "r", 1);
		syscall(SYS_read, fds[0], &c, 1);
		syscall(SYS_exit, c == 'y' ? 6 : 7);
	}
	t_get(up[0]);
	t_wait_state(pid, 'S');
	kill(pid, SIGUSR1);
	t_sleep_ms(20);
	t_ret(write(fds[1], "y", 1), 1);
	t_exit(pid, 6);
}

/* ---- who has it ---- */

T_HELPER(ask)
{
	errno = 0;
	if (victim() != -1)
		return 100;
	return status_number("Seccomp:") == 2 ? errno : 101;
}

T_CASE(inherited)
{
	pthread_t a;
	pid_t pid, inner;
	void *result;

	no_new_privs();
	t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 42, 0), 0);
	T_CHILD(pid)
	{
		t_errno(victim(), 42);
		t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 43, 0), 0);
		t_errno(victim(), 43);
		T_CHILD(inner)
		t_errno(victim(), 43);
		t_exit(inner, 0);
	}
	t_exit(pid, 0);
	t_errno(victim(), 42); /* the child's is its own */
	pid = vfork();
	if (!pid)
		_exit(victim() == -1 && errno == 42 ? 0 : 1);
	t_exit(pid, 0);
	T_CHILD(pid)
	execl(t_self, t_self, "-x", "ask", (char *)NULL);
	t_exit(pid, 42);
	t_ret(pthread_create(&a, NULL, (void *(*)(void *))(void *)victim, NULL), 0);
	t_ret(pthread_join(a, &result), 0);
	t_eq((long)result, -1);
}

static int go[2];

static void *ask_when_told(void *unused)
{
	char c;

	(void)!read(go[0], &c, 1);
	return (void *)(long)(victim() == -1 ? errno : 0);
}

T_CASE(threads_are_apart)
{
	pthread_t a;
	void *result;

	no_new_privs();
	t_pipe(go);
	t_ret(pthread_create(&a, NULL, ask_when_told, NULL), 0);
	t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 44, 0), 0);
	t_put(go[1]);
	t_ret(pthread_join(a, &result), 0);
	t_eq((long)result, 0);
	t_errno(victim(), 44);
}

T_CASE(all_threads)
{
	pthread_t a[4];
	void *result;

	t_pipe(go);
	for (size_t i = 0; i < N(a); i++)
		t_ret(pthread_create(&a[i], NULL, ask_when_told, NULL), 0);
	no_new_privs();
	t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 45, SECCOMP_FILTER_FLAG_TSYNC), 0);
	for (size_t i = 0; i < N(a); i++)
		t_put(go[1]);
	for (size_t i = 0; i < N(a); i++) {
		t_ret(pthread_join(a[i], &result), 0);
		t_eq((long)result, 45);
	}
}

static volatile int spinning, stop_spinning;

static void *spin(void *unused) /* never enters the kernel but by the clock */
{
	spinning = 1;
	while (!stop_spinning)
		;
	return (void *)(long)(victim() == -1 ? errno : 0);
}

T_CASE(a_thread_in_user_mode)
{
	pthread_t a;
	void *result;

	no_new_privs();
	t_ret(pthread_create(&a, NULL, spin, NULL), 0);
	while (!spinning)
		sched_yield();
	t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 46, SECCOMP_FILTER_FLAG_TSYNC), 0);
	stop_spinning = 1;
	t_ret(pthread_join(a, &result), 0);
	t_eq((long)result, 46);
}

static volatile pid_t other_tid;

static void *own_filter(void *unused)
{
	char c;

	other_tid = (pid_t)syscall(SYS_gettid);
	answer(SYS_getppid, SECCOMP_RET_ERRNO | 9, 0);
	t_put(go[1]);
	for (;;)
		(void)!read(go[0], &c, 0), pause();
	return NULL;
}

T_CASE(all_threads_but_one)
{
	pthread_t a;

	no_new_privs();
	t_pipe(go);
	t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 1, 0), 0);
	t_ret(pthread_create(&a, NULL, own_filter, NULL), 0);
	t_get(go[0]);
	t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 2, SECCOMP_FILTER_FLAG_TSYNC), other_tid);
	t_errno(answer(VICTIM, SECCOMP_RET_ERRNO | 2,
			SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH),
		ESRCH);
	t_errno(victim(), 1); /* nothing was installed */
	t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | 3, 0), 0);
	t_errno(victim(), 3);
}

static void *plain_thread(void *unused)
{
	t_put(go[1]);
	return sleep_on(NULL);
}

T_CASE(all_threads_add_up)
{
	pthread_t a;

	no_new_privs();
	t_pipe(go);
	t_ret(pthread_create(&a, NULL, plain_thread, NULL), 0);
	t_get(go[0]);
	for (int i = 1; i <= 20; i++)
		t_ret(answer(VICTIM, SECCOMP_RET_ERRNO | i, SECCOMP_FILTER_FLAG_TSYNC), 0);
	t_errno(victim(), 20);
}

/* ---- exec ---- */

T_CASE(kept_over_exec_and_refusing_it)
{
	pid_t pid;

	no_new_privs();
	t_ret(answer(SYS_execve, SECCOMP_RET_ERRNO | EPERM, 0), 0);
	T_CHILD(pid)
	{
		t_errno(execl(t_self, t_self, "-x", "ask", (char *)NULL), EPERM);
	}
	t_exit(pid, 0);
}

/* ---- tracers ---- */

static void victim_traced(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (answer(VICTIM, SECCOMP_RET_TRACE | 321, 0))
		_exit(90);
	raise(SIGSTOP);
	errno = 0;
	_exit(victim() == -1 ? errno : 91);
}

static pid_t traced_victim(void)
{
	pid_t pid = traced(victim_traced);

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
	return pid;
}

T_CASE(tracer_lets_pass)
{
	struct ptrace_syscall_info info;
	unsigned long message = 0;
	pid_t pid = traced_victim();

	t_ret(P(PTRACE_GETEVENTMSG, pid, 0, &message), 0);
	t_eq(message, 321);
	memset(&info, 0, sizeof(info));
	t_ret(P(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info), 84);
	t_eq(info.op, PTRACE_SYSCALL_INFO_SECCOMP);
	t_eq(info.seccomp.nr, VICTIM);
	t_eq(info.seccomp.ret_data, 321);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 91);
}

T_CASE(tracer_answers)
{
	pid_t pid = traced_victim();

	t_ret(P(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), -1), 0);
	t_ret(P(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), -55), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 55);
}

T_CASE(tracer_changes_the_call)
{
	pid_t pid = traced_victim();

	/* another call that is allowed: its result is no error */
	t_ret(P(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), SYS_getpid), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 91);
}

static void two_answers(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	answer(SYS_getppid, SECCOMP_RET_ERRNO | 33, 0);
	victim_traced();
}

T_CASE(changed_call_is_looked_at)
{
	pid_t pid = traced(two_answers);

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
	t_ret(P(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), SYS_getppid), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 33);
}

T_CASE(tracer_without_the_option)
{
	pid_t pid = traced(victim_traced);

	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, ENOSYS);
}

static void victim_killed(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (answer(VICTIM, SECCOMP_RET_KILL_PROCESS, 0))
		_exit(90);
	raise(SIGSTOP);
	victim();
	raise(SIGSTOP);
	victim();
	_exit(92);
}

/* A tracer with the right to may have the filters wait. */
T_CASE(tracer_suspends_the_filters)
{
	enum { SUSPEND = 1 << 21 };
	pid_t pid = traced(victim_killed), child;

	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	T_CHILD(child)
	{
		pid_t mine = traced(victim_killed);

		if (setuid(1000) == 0)
			t_errno(P(PTRACE_SETOPTIONS, mine, 0, SUSPEND), EPERM);
		kill(mine, SIGKILL);
	}
	t_exit(child, 0);
	T_CHILD(child)
	{
		pid_t mine = traced(victim_killed);

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		answer(VICTIM, SECCOMP_RET_ERRNO, 0); /* who has filters himself may not */
		t_errno(P(PTRACE_SETOPTIONS, mine, 0, SUSPEND), EPERM);
		kill(mine, SIGKILL);
	}
	t_exit(child, 0);
	t_ret(P(PTRACE_SETOPTIONS, pid, 0, SUSPEND), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	t_ret(P(PTRACE_SETOPTIONS, pid, 0, 0), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_killed(pid, SIGSYS);
}

T_CASE(traced_calls_come_first)
{
	pid_t pid = traced(victim_traced);
	struct user_regs_struct regs;
	int status;

	t_ret(P(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD), 0);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	for (;;) { /* the entry, then the filter's, then the exit */
		t_ret(P(PTRACE_SYSCALL, pid, 0, 0), 0);
		status = next(pid);
		t_ret(P(PTRACE_GETREGS, pid, 0, &regs), 0);
		if (regs.orig_rax == VICTIM)
			break;
	}
	t_eq(status, SIGTRAP | 0x80);
	t_ret(P(PTRACE_SYSCALL, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
	t_ret(P(PTRACE_SYSCALL, pid, 0, 0), 0);
	t_eq(next(pid), SIGTRAP | 0x80);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 91);
}

T_CASE(show_filter)
{
	struct sock_filter got[8];
	pid_t pid = traced(two_answers);

	t_errno(P(0x420c /* PTRACE_SECCOMP_GET_FILTER */, pid, 0, got), EINVAL);
	t_ret(P(PTRACE_CONT, pid, 0, 0), 0);
	t_eq(next(pid), SIGSTOP);
	t_ret(P(0x420c, pid, 0, NULL), 4);
	t_ret(P(0x420c, pid, 0, got), 4);
	t_eq(got[1].k, SYS_getppid); /* the oldest first */
	t_eq(got[2].k, SECCOMP_RET_ERRNO | 33);
	t_ret(P(0x420c, pid, 1, got), 4);
	t_eq(got[1].k, VICTIM);
	t_eq(got[3].k, SECCOMP_RET_ALLOW);
	t_errno(P(0x420c, pid, 2, got), ENOENT);
	t_errno(P(0x420c, pid, 0, 8), EFAULT);
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}

T_CASE(number_of_filters)
{
	no_new_privs();
	t_eq(status_number("Seccomp_filters:"), 0);
	for (int i = 1; i <= 3; i++) {
		t_ret(answer(VICTIM, SECCOMP_RET_ALLOW, 0), 0);
		t_eq(status_number("Seccomp_filters:"), i);
	}
}

/* ---- restarts: a call that is begun again is asked about again ---- */

T_CASE(restarted_call)
{
	struct sock_filter f[] = {LOAD(nr), J(BPF_JMP | BPF_JEQ | BPF_K, SYS_restart_syscall, 0, 1),
		RET(SECCOMP_RET_ERRNO | 66), OK};
	struct timespec long_sleep = {.tv_sec = 5};
	pid_t pid;

	no_new_privs();
	T_CHILD(pid)
	{
		t_ret(install(f, N(f), 0), 0);
		_exit(syscall(SYS_nanosleep, &long_sleep, NULL) == -1 ? errno : 0);
	}
	t_wait_state(pid, 'S');
	kill(pid, SIGSTOP);
	t_wait_state(pid, 'T');
	kill(pid, SIGCONT);
	t_exit(pid, 66);
}
