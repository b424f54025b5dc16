/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* signal.c - dispositions, masks, queues, siginfo, alternate stacks, restarts, faults, stop and
 * continue. */
#include "t_.h"

#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

T_SUITE(signal);

static volatile int hits, order[64];
static volatile siginfo_t last;

static void count(int sig)
{
	order[hits % 64] = sig;
	hits++;
}

static void note(int sig, siginfo_t *info, void *context)
{
	order[hits % 64] = sig;
	hits++;
	last = *info;
}

static sigset_t set_of(int a, int b)
{
	sigset_t set;

	sigemptyset(&set);
	if (a)
		sigaddset(&set, a);
	if (b)
		sigaddset(&set, b);
	return set;
}

static void block(int a, int b)
{
	sigset_t set = set_of(a, b);

	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void unblock(int a, int b)
{
	sigset_t set = set_of(a, b);

	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static bool is_pending(int sig)
{
	sigset_t set;

	return sigpending(&set) == 0 && sigismember(&set, sig) == 1;
}

T_CASE(sigaction_remembers)
{
	struct sigaction set = {.sa_handler = count, .sa_flags = SA_RESTART | SA_NODEFER}, got;

	t_ret(sigaction(SIGUSR1, NULL, &got), 0);
	t_check(got.sa_handler == SIG_DFL);
	sigaddset(&set.sa_mask, SIGUSR2);
	t_ret(sigaction(SIGUSR1, &set, NULL), 0);
	t_ret(sigaction(SIGUSR1, NULL, &got), 0);
	t_check(got.sa_handler == count);
	t_eq(got.sa_flags & ~0x04000000, SA_RESTART | SA_NODEFER);
	t_eq(sigismember(&got.sa_mask, SIGUSR2), 1);
	t_eq(sigismember(&got.sa_mask, SIGUSR1), 0);
}

T_CASE(sigaction_errors)
{
	char action[32] = {0};
	struct sigaction set = {.sa_handler = SIG_IGN};

	t_errno(sigaction(SIGKILL, &set, NULL), EINVAL);
	t_errno(sigaction(SIGSTOP, &set, NULL), EINVAL);
	t_errno(syscall(SYS_rt_sigaction, 0, action, NULL, 8), EINVAL);
	t_errno(syscall(SYS_rt_sigaction, 65, action, NULL, 8), EINVAL);
	t_errno(syscall(SYS_rt_sigaction, SIGUSR1, action, NULL, 16), EINVAL);
	t_errno(syscall(SYS_rt_sigaction, SIGUSR1, (void *)8, NULL, 8), EFAULT);
	t_errno(syscall(SYS_rt_sigaction, SIGUSR1, NULL, (void *)8, 8), EFAULT);
	t_ret(syscall(SYS_rt_sigaction, SIGKILL, NULL, action, 8), 0);
}

T_CASE(kill_self_runs_before_return)
{
	t_handler(SIGUSR1, count, 0);
	for (int i = 1; i <= 5; i++) {
		t_ret(kill(getpid(), SIGUSR1), 0);
		t_eq(hits, i);
	}
}

T_CASE(kill_siginfo)
{
	t_handler_info(SIGUSR1, note, 0);
	t_ret(kill(getpid(), SIGUSR1), 0);
	t_eq(last.si_signo, SIGUSR1);
	t_eq(last.si_code, SI_USER);
	t_eq(last.si_pid, getpid());
	t_eq(last.si_uid, 0);
	t_eq(last.si_errno, 0);
	t_ret(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1), 0);
	t_eq(last.si_code, SI_TKILL);
	t_eq(last.si_pid, getpid());
	t_ret(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 1234}), 0);
	t_eq(last.si_code, SI_QUEUE);
	t_eq(last.si_value.sival_int, 1234);
	t_eq(last.si_pid, getpid());
	t_eq(hits, 3);
}

T_CASE(kill_errors)
{
	pid_t pid;

	t_errno(kill(getpid(), 65), EINVAL);
	t_errno(kill(getpid(), -1), EINVAL);
	t_errno(kill(999999999, SIGUSR1), ESRCH);
	t_errno(kill(-999999999, SIGUSR1), ESRCH);
	t_ret(kill(getpid(), 0), 0);
	t_errno(syscall(SYS_tgkill, getpid(), 999999999, SIGUSR1), ESRCH);
	t_errno(syscall(SYS_tgkill, 0, gettid(), SIGUSR1), EINVAL);
	t_errno(syscall(SYS_tkill, -1, SIGUSR1), EINVAL);
	T_CHILD(pid)
	{
		pid_t parent = getppid();
		t_become(1000, 1000);
		t_errno(kill(parent, SIGUSR1), EPERM);
		t_errno(kill(parent, 0), EPERM);
		t_errno(kill(1, SIGTERM), EPERM);
		t_ret(kill(getpid(), 0), 0);
	}
	t_exit(pid, 0);
}

T_CASE(kill_between_users)
{
	int hold[2];
	pid_t pid;

	t_pipe(hold);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		pid_t same, other;
		T_CHILD(same)
		{
			t_get(hold[0]);
		}
		t_ret(kill(same, SIGTERM), 0);
		t_killed(same, SIGTERM);
		other = getppid();
		/* SIGCONT alone passes within a session */
		t_ret(kill(other, SIGCONT), 0);
		t_errno(kill(other, SIGWINCH), EPERM);
	}
	t_exit(pid, 0);
}

T_CASE(kill_group)
{
	int hold[2], up[2];
	pid_t a, b;

	t_pipe(hold);
	t_pipe(up);
	T_CHILD(a)
	{
		setpgid(0, 0);
		t_put(up[1]);
		t_get(hold[0]);
	}
	t_get(up[0]);
	T_CHILD(b)
	{
		setpgid(0, a);
		t_put(up[1]);
		t_get(hold[0]);
	}
	t_get(up[0]);
	t_ret(kill(-a, SIGUSR2), 0);
	t_killed(a, SIGUSR2);
	t_killed(b, SIGUSR2);
	t_errno(kill(-a, SIGUSR2), ESRCH);

	t_handler(SIGUSR1, count, 0);
	t_ret(kill(0, SIGUSR1), 0);
	t_eq(hits, 1);
	t_ret(kill(-getpgrp(), SIGUSR1), 0);
	t_eq(hits, 2);
}

T_CASE(standard_signals_merge)
{
	t_handler_info(SIGUSR1, note, 0);
	block(SIGUSR1, 0);
	for (int i = 0; i < 3; i++)
		t_ret(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 10 + i}), 0);
	t_check(is_pending(SIGUSR1));
	t_eq(hits, 0);
	unblock(SIGUSR1, 0);
	t_eq(hits, 1);
	t_eq(last.si_value.sival_int, 10);
	t_check(!is_pending(SIGUSR1));
}

static volatile int values[16];

static void note_value(int sig, siginfo_t *info, void *context)
{
	values[hits++] = (sig - SIGRTMIN) * 100 + info->si_value.sival_int;
}

T_CASE(realtime_signals_queue_in_order)
{
	const int want[] = {1, 2, 103, 104, 105, 206};
	sigset_t set;

	for (int i = 0; i < 3; i++) {
		struct sigaction action = {.sa_sigaction = note_value, .sa_flags = SA_SIGINFO};
		sigfillset(&action.sa_mask); /* one at a time */
		t_ret(sigaction(SIGRTMIN + i, &action, NULL), 0);
		block(SIGRTMIN + i, 0);
	}
	t_ret(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 6}), 0);
	t_ret(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 3}), 0);
	t_ret(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}), 0);
	t_ret(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 4}), 0);
	t_ret(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 2}), 0);
	t_ret(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 5}), 0);
	sigemptyset(&set);
	for (int i = 0; i < 3; i++)
		sigaddset(&set, SIGRTMIN + i);
	/* taken one by one: lowest number first, each number in the order sent */
	siginfo_t info;
	struct timespec none = {0, 0};
	for (int i = 0; i < 6; i++) {
		int sig = sigtimedwait(&set, &info, &none);
		t_eq((sig - SIGRTMIN) * 100 + info.si_value.sival_int, want[i]);
	}
	t_errno(sigtimedwait(&set, &info, &none), EAGAIN);
}

T_CASE(realtime_signals_all_delivered)
{
	t_handler_info(SIGRTMIN, note_value, 0);
	block(SIGRTMIN, 0);
	for (int i = 0; i < 10; i++)
		t_ret(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}), 0);
	unblock(SIGRTMIN, 0);
	t_eq(hits, 10);
	for (int i = 0; i < 10; i++)
		t_eq(values[i], i);
}

T_CASE(realtime_queue_limit)
{
	struct rlimit limit = {0, 0};

	t_handler(SIGRTMIN, count, 0);
	t_handler(SIGUSR1, count, 0);
	t_ret(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
	t_errno(sigqueue(getpid(), SIGRTMIN, (union sigval){0}), EAGAIN);
	t_eq(hits, 0);
	t_ret(kill(getpid(), SIGUSR1), 0); /* a plain one needs no place in the queue */
	t_eq(hits, 1);
	t_ret(kill(getpid(), SIGRTMIN), 0);
	t_eq(hits, 2);
}

T_CASE(sigqueue_may_not_lie)
{
	siginfo_t info = {.si_code = SI_USER};
	int hold[2];
	pid_t pid;

	t_pipe(hold);
	T_CHILD(pid)
	{
		t_get(hold[0]);
	}
	t_errno(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info), EPERM);
	info.si_code = SI_TKILL;
	t_errno(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info), EPERM);
	info.si_code = SI_QUEUE;
	t_errno(syscall(SYS_rt_sigqueueinfo, pid, 65, &info), EINVAL);
	t_ret(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info), 0);
	t_killed(pid, SIGUSR1);
}

T_CASE(sigprocmask_rules)
{
	sigset_t set = set_of(SIGUSR1, SIGKILL), old;
	uint64_t bits;

	t_ret(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	t_ret(sigprocmask(SIG_BLOCK, NULL, &old), 0);
	t_eq(sigismember(&old, SIGUSR1), 1);
	t_eq(sigismember(&old, SIGKILL), 0);
	set = set_of(SIGUSR2, 0);
	t_ret(sigprocmask(SIG_SETMASK, &set, &old), 0);
	t_eq(sigismember(&old, SIGUSR1), 1);
	t_ret(sigprocmask(SIG_UNBLOCK, &set, &old), 0);
	t_eq(sigismember(&old, SIGUSR1), 0);
	t_eq(sigismember(&old, SIGUSR2), 1);
	t_errno(syscall(SYS_rt_sigprocmask, 9, &bits, NULL, 8), EINVAL);
	t_errno(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &bits, NULL, 4), EINVAL);
	t_errno(syscall(SYS_rt_sigprocmask, SIG_BLOCK, (void *)8, NULL, 8), EFAULT);
	t_errno(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, (void *)8, 8), EFAULT);
	t_ret(syscall(SYS_rt_sigprocmask, 9, NULL, &bits, 8), 0); /* how is not looked at */
}

T_CASE(sigpending_errors)
{
	t_errno(syscall(SYS_rt_sigpending, (void *)8, 8), EFAULT);
	t_errno(syscall(SYS_rt_sigpending, &hits, 16), EINVAL);
	t_check(!is_pending(SIGUSR1));
}

static volatile int nested_seen[4];

static void nesting(int sig)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	nested_seen[0] = sigismember(&now, SIGUSR1);
	nested_seen[1] = sigismember(&now, SIGUSR2);
	nested_seen[2] = sigismember(&now, SIGHUP);
	int before = hits;
	kill(getpid(), SIGUSR2);
	nested_seen[3] = hits - before;
}

T_CASE(handler_mask)
{
	struct sigaction action = {.sa_handler = nesting};
	sigset_t now;

	sigaddset(&action.sa_mask, SIGUSR2);
	t_handler(SIGUSR2, count, 0);
	t_ret(sigaction(SIGUSR1, &action, NULL), 0);
	t_ret(kill(getpid(), SIGUSR1), 0);
	t_eq(nested_seen[0], 1);
	t_eq(nested_seen[1], 1);
	t_eq(nested_seen[2], 0);
	t_eq(nested_seen[3], 0);
	t_eq(hits, 1); /* right after the handler */
	t_ret(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	t_eq(sigismember(&now, SIGUSR1), 0);
	t_eq(sigismember(&now, SIGUSR2), 0);

	action.sa_flags = SA_NODEFER;
	sigemptyset(&action.sa_mask);
	t_ret(sigaction(SIGUSR1, &action, NULL), 0);
	t_ret(kill(getpid(), SIGUSR1), 0);
	t_eq(nested_seen[0], 0);
	t_eq(nested_seen[3], 1);
}

static volatile int depth, depth_max, entries;

static void deeper(int sig)
{
	if (++entries > 20)
		_exit(1);
	depth++;
	if (depth > depth_max)
		depth_max = depth;
	if (depth < 5)
		kill(getpid(), SIGUSR1);
	depth--;
}

T_CASE(handler_nests_with_nodefer)
{
	t_handler(SIGUSR1, deeper, SA_NODEFER);
	t_ret(kill(getpid(), SIGUSR1), 0);
	t_eq(depth_max, 5);
	t_eq(depth, 0);
}

T_CASE(resethand)
{
	struct sigaction now;

	t_handler(SIGUSR1, count, SA_RESETHAND);
	t_ret(kill(getpid(), SIGUSR1), 0);
	t_eq(hits, 1);
	t_ret(sigaction(SIGUSR1, NULL, &now), 0);
	t_check(now.sa_handler == SIG_DFL);
	pid_t pid = t_fork();
	if (pid == 0) {
		kill(getpid(), SIGUSR1);
		_exit(0);
	}
	t_killed(pid, SIGUSR1);
}

/* A child that interrupts this process when it sleeps, then lets the read succeed. */
static pid_t interrupt_then_write(int sig, int fd)
{
	pid_t parent = getpid(), pid;

	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		t_ret(kill(parent, sig), 0);
		t_sleep_ms(30);
		t_wait_state(parent, 'S');
		if (fd >= 0)
			t_put(fd);
	}
	return pid;
}

T_CASE(read_restarts_or_not)
{
	int fds[2];
	char byte;
	pid_t pid;

	t_pipe(fds);
	t_handler(SIGUSR1, count, SA_RESTART);
	pid = interrupt_then_write(SIGUSR1, fds[1]);
	t_ret(read(fds[0], &byte, 1), 1);
	t_eq(hits, 1);
	t_exit(pid, 0);

	t_handler(SIGUSR1, count, 0);
	pid = interrupt_then_write(SIGUSR1, fds[1]);
	t_errno(read(fds[0], &byte, 1), EINTR);
	t_eq(hits, 2);
	t_exit(pid, 0);
	t_ret(read(fds[0], &byte, 1), 1);
}

T_CASE(wait4_restarts_or_not)
{
	int hold[2], status;
	pid_t child, pid;

	t_pipe(hold);
	T_CHILD(child)
	{
		t_get(hold[0]);
	}
	t_handler(SIGUSR1, count, 0);
	pid = interrupt_then_write(SIGUSR1, -1);
	t_errno(waitpid(child, &status, 0), EINTR);
	t_exit(pid, 0);
	t_handler(SIGUSR1, count, SA_RESTART);
	pid = interrupt_then_write(SIGUSR1, hold[1]);
	t_ret(waitpid(child, &status, 0), child);
	t_eq(hits, 2);
	t_exit(pid, 0);
}

T_CASE(sleep_and_poll_never_restart)
{
	struct timespec want = {20, 0}, left = {0, 0};
	struct pollfd none = {.fd = -1};
	pid_t pid;

	t_handler(SIGUSR1, count, SA_RESTART);
	pid = interrupt_then_write(SIGUSR1, -1);
	t_errno(nanosleep(&want, &left), EINTR);
	t_check(left.tv_sec >= 10 && left.tv_sec < 20);
	t_exit(pid, 0);
	pid = interrupt_then_write(SIGUSR1, -1);
	t_errno(poll(&none, 1, 20000), EINTR);
	t_exit(pid, 0);
	t_eq(hits, 2);
}

T_CASE(ignored_signal_interrupts_nothing)
{
	int fds[2];
	char byte;
	pid_t pid;

	t_pipe(fds);
	signal(SIGUSR1, SIG_IGN);
	pid = interrupt_then_write(SIGUSR1, fds[1]);
	t_ret(read(fds[0], &byte, 1), 1);
	t_exit(pid, 0);
}

T_CASE(stop_and_continue_inside_a_read)
{
	int fds[2], status;
	pid_t pid;

	t_pipe(fds);
	pid = t_fork();
	if (pid == 0) {
		char byte;
		_exit(read(fds[0], &byte, 1) == 1 ? 0 : 1);
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(kill(pid, SIGSTOP), 0);
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	t_check(t_wait_state(pid, 'T'));
	t_ret(kill(pid, SIGCONT), 0);
	t_check(t_wait_state(pid, 'S'));
	t_put(fds[1]);
	t_exit(pid, 0);
}

T_CASE(sigsuspend_swaps_masks)
{
	sigset_t none, now;

	t_handler(SIGUSR1, count, 0);
	block(SIGUSR1, SIGUSR2);
	t_ret(kill(getpid(), SIGUSR1), 0);
	t_eq(hits, 0);
	sigemptyset(&none);
	t_errno(sigsuspend(&none), EINTR);
	t_eq(hits, 1);
	t_ret(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	t_eq(sigismember(&now, SIGUSR1), 1);
	t_eq(sigismember(&now, SIGUSR2), 1);
	t_errno(syscall(SYS_rt_sigsuspend, (void *)8, 8), EFAULT);
	t_errno(syscall(SYS_rt_sigsuspend, &none, 4), EINVAL);
}

T_CASE_LIMIT(sigsuspend_loses_no_wakeup, 30)
{
	enum { ROUNDS = 300 };
	sigset_t open_set;
	pid_t pid, parent = getpid();

	t_handler(SIGUSR1, count, 0);
	block(SIGUSR1, 0);
	sigemptyset(&open_set);
	T_CHILD(pid)
	{
		for (int i = 0; i < ROUNDS; i++) {
			while (hits <= i)
				sigsuspend(&open_set);
			kill(parent, SIGUSR1);
		}
		t_eq(hits, ROUNDS);
	}
	for (int i = 0; i < ROUNDS; i++) {
		kill(pid, SIGUSR1);
		while (hits <= i)
			sigsuspend(&open_set);
	}
	t_eq(hits, ROUNDS);
	t_exit(pid, 0);
}

T_CASE(sigtimedwait_rules)
{
	sigset_t set = set_of(SIGUSR1, SIGUSR2);
	struct timespec brief = {0, 30000000}, bad = {0, 2000000000};
	siginfo_t info;
	pid_t pid, parent = getpid();
	long long start = t_now_ns();

	block(SIGUSR1, SIGUSR2);
	t_errno(sigtimedwait(&set, &info, &brief), EAGAIN);
	t_check(t_now_ns() - start >= 30000000);
	t_errno(sigtimedwait(&set, &info, &bad), EINVAL);
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		t_ret(kill(parent, SIGUSR2), 0);
	}
	t_ret(sigwaitinfo(&set, &info), SIGUSR2);
	t_eq(info.si_pid, pid);
	t_eq(info.si_code, SI_USER);
	t_exit(pid, 0);
	t_handler(SIGHUP, count, 0);
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		t_ret(kill(parent, SIGHUP), 0);
	}
	t_errno(sigwaitinfo(&set, &info), EINTR);
	t_eq(hits, 1);
	t_exit(pid, 0);
}

T_CASE(pause_waits)
{
	pid_t pid;

	t_handler(SIGUSR1, count, SA_RESTART);
	pid = interrupt_then_write(SIGUSR1, -1);
	t_errno(pause(), EINTR);
	t_eq(hits, 1);
	t_exit(pid, 0);
}

/* ---- fork and exec ---- */

T_CASE(fork_inherits_signals)
{
	pid_t pid;

	t_handler(SIGUSR2, count, 0);
	block(SIGUSR1, 0);
	t_ret(kill(getpid(), SIGUSR1), 0);
	T_CHILD(pid)
	{
		sigset_t now;
		t_check(!is_pending(SIGUSR1));
		sigprocmask(SIG_BLOCK, NULL, &now);
		t_eq(sigismember(&now, SIGUSR1), 1);
		t_ret(kill(getpid(), SIGUSR2), 0);
		t_eq(hits, 1);
	}
	t_exit(pid, 0);
	t_eq(hits, 0);
	t_check(is_pending(SIGUSR1));
}

static char alt[65536] __attribute__((aligned(16)));

T_HELPER(after_exec)
{
	struct sigaction now;
	stack_t stack;
	sigset_t mask;
	int bad = 0;

	sigaction(SIGUSR2, NULL, &now);
	bad |= (now.sa_handler != SIG_DFL) << 0;
	sigaction(SIGHUP, NULL, &now);
	bad |= (now.sa_handler != SIG_IGN) << 1;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	bad |= (sigismember(&mask, SIGUSR1) != 1) << 2;
	bad |= !is_pending(SIGUSR1) << 3;
	sigaltstack(NULL, &stack);
	bad |= (stack.ss_flags != SS_DISABLE) << 4;
	return bad;
}

T_CASE(exec_resets_signals)
{
	stack_t set = {.ss_sp = alt, .ss_size = sizeof(alt)};
	pid_t pid = t_fork();

	if (pid == 0) {
		sigaltstack(&set, NULL);
		t_handler(SIGUSR2, count, 0);
		signal(SIGHUP, SIG_IGN);
		block(SIGUSR1, 0);
		kill(getpid(), SIGUSR1);
		execl(t_self, t_self, "-x", "after_exec", (char *)NULL);
		_exit(98);
	}
	t_exit(pid, 0);
}

T_CASE(abort_cannot_be_held)
{
	pid_t pid = t_fork();

	if (pid == 0) {
		block(SIGABRT, 0);
		abort();
	}
	t_killed(pid, SIGABRT);
	pid = t_fork();
	if (pid == 0) {
		t_handler(SIGABRT, count, 0);
		abort();
	}
	t_killed(pid, SIGABRT);
}

T_CASE(signal_breaks_a_busy_loop)
{
	pid_t parent = getpid(), pid;

	t_handler(SIGUSR1, count, 0);
	T_CHILD(pid)
	{
		t_sleep_ms(20);
		t_ret(kill(parent, SIGUSR1), 0);
	}
	while (!hits)
		;
	t_eq(hits, 1);
	t_exit(pid, 0);
}

/* ---- threads ---- */

static volatile pid_t handled_by;

static void note_thread(int sig)
{
	handled_by = gettid();
	hits++;
}

static int thread_ready[2], thread_go[2];

static void *open_thread(void *arg)
{
	unblock(SIGUSR1, 0);
	t_put(thread_ready[1]);
	t_get(thread_go[0]);
	return (void *)(long)gettid();
}

T_CASE(process_signal_finds_an_open_thread)
{
	pthread_t thread;
	void *tid;

	t_pipe(thread_ready);
	t_pipe(thread_go);
	t_handler(SIGUSR1, note_thread, SA_RESTART);
	block(SIGUSR1, 0);
	t_eq(pthread_create(&thread, NULL, open_thread, NULL), 0);
	t_get(thread_ready[0]);
	t_ret(kill(getpid(), SIGUSR1), 0);
	while (!hits)
		t_sleep_ms(1);
	t_put(thread_go[1]);
	t_eq(pthread_join(thread, &tid), 0);
	t_eq(handled_by, (long)tid);
	t_check((long)tid != getpid());
}

static void *closed_thread(void *arg)
{
	sigset_t pending;

	block(SIGUSR2, 0);
	t_put(thread_ready[1]);
	t_get(thread_go[0]);
	sigpending(&pending);
	return (void *)(long)sigismember(&pending, SIGUSR2);
}

T_CASE(thread_signal_stays_with_its_thread)
{
	pthread_t thread;
	void *pending;

	t_pipe(thread_ready);
	t_pipe(thread_go);
	t_handler(SIGUSR2, note_thread, SA_RESTART);
	t_eq(pthread_create(&thread, NULL, closed_thread, NULL), 0);
	t_get(thread_ready[0]);
	t_eq(pthread_kill(thread, SIGUSR2), 0);
	t_eq(hits, 0);
	t_check(!is_pending(SIGUSR2));
	t_put(thread_go[1]);
	t_eq(pthread_join(thread, &pending), 0);
	t_eq((long)pending, 1);
}

static int stack_flags_seen;

static void look_at_stack(int signo, siginfo_t *info, void *context)
{
	stack_flags_seen = ((ucontext_t *)context)->uc_stack.ss_flags;
}

static void *told_of_no_stack(void *arg)
{
	stack_flags_seen = -1;
	raise(SIGUSR1);
	return NULL;
}

/* A handler's context says that a new thread has no alternate stack. */
T_CASE(a_new_thread_has_no_alternate_stack)
{
	struct sigaction sa = {.sa_sigaction = look_at_stack, .sa_flags = SA_SIGINFO};
	pthread_t thread;

	t_ret(sigaction(SIGUSR1, &sa, NULL), 0);
	t_ret(pthread_create(&thread, NULL, told_of_no_stack, NULL), 0);
	pthread_join(thread, NULL);
	t_eq(stack_flags_seen, SS_DISABLE);
}
