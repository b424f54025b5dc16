/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* stop.c - default actions, stopping and continuing, orphaned groups, what a parent hears of its
 * children. */
#include "t_.h"

#include <pthread.h>

T_SUITE(stop);

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

T_CASE(default_terminates)
{
	const int fatal[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE,
		SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU,
		SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS, SIGRTMIN, SIGRTMAX};

	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++) {
		pid_t pid = t_fork();
		if (pid == 0) {
			kill(getpid(), fatal[i]);
			_exit(0);
		}
		t_killed(pid, fatal[i]);
	}
}

T_CASE(default_ignores)
{
	const int mild[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH};

	for (size_t i = 0; i < sizeof(mild) / sizeof(*mild); i++)
		t_ret(kill(getpid(), mild[i]), 0);
}

T_CASE(default_stops)
{
	const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++) {
		int status = 0;
		pid_t pid = t_fork();
		if (pid == 0) {
			setpgid(0, 0); /* a group with a parent in the session: not orphaned */
			kill(getpid(), stops[i]);
			_exit(3);
		}
		t_ret(waitpid(pid, &status, WUNTRACED), pid);
		t_check(WIFSTOPPED(status));
		t_eq(WSTOPSIG(status), stops[i]);
		t_ret(kill(pid, SIGCONT), 0);
		t_exit(pid, 3);
	}
}

T_CASE(orphaned_group_does_not_stop)
{
	/* this process leads its session: its group is orphaned */
	t_ret(kill(getpid(), SIGTSTP), 0);
	t_ret(kill(getpid(), SIGTTIN), 0);
	t_ret(kill(getpid(), SIGTTOU), 0);
	t_check(!is_pending(SIGTSTP));
}

T_CASE(group_orphaned_while_stopped_gets_hup)
{
	int up[2], ready[2], status;
	char got[3] = "";
	pid_t pid;

	t_pipe(up);
	t_pipe(ready);
	T_CHILD(pid)
	{
		pid_t inner = t_fork();
		if (inner == 0) {
			t_handler(SIGHUP, count, 0);
			t_handler(SIGCONT, count, 0);
			close(up[0]);
			t_put(ready[1]);
			while (hits < 2)
				t_sleep_ms(5);
			/* both arrive; in which order they run is not promised */
			int sum = order[0] + order[1];
			/* not a check: the reader may be through before it would be counted */
			_exit(write(up[1], sum == SIGHUP + SIGCONT ? "ok" : "no", 2) != 2);
		}
		setpgid(inner, inner);
		t_get(ready[0]);
		t_ret(kill(inner, SIGSTOP), 0);
		t_ret(waitpid(inner, &status, WUNTRACED), inner);
	}
	t_exit(pid, 0);
	close(up[1]);
	t_eq(read(up[0], got, 2), 2);
	t_str(got, "ok");
}

T_CASE(stop_and_continue_cancel)
{
	pid_t pid;
	int status;

	t_handler(SIGCONT, count, 0);
	block(SIGTSTP, SIGCONT);
	t_ret(kill(getpid(), SIGTSTP), 0);
	t_check(is_pending(SIGTSTP));
	t_ret(kill(getpid(), SIGCONT), 0);
	t_check(!is_pending(SIGTSTP));
	t_check(is_pending(SIGCONT));
	t_ret(kill(getpid(), SIGTSTP), 0);
	t_check(!is_pending(SIGCONT));
	/* a blocked or ignored SIGCONT still wakes */
	pid = t_fork();
	if (pid == 0) {
		block(SIGCONT, 0);
		kill(getpid(), SIGSTOP);
		_exit(is_pending(SIGCONT) ? 0 : 1);
	}
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	t_ret(kill(pid, SIGCONT), 0);
	t_exit(pid, 0);
}

T_CASE(stopped_process_keeps_signals_for_later)
{
	int status, ready[2];
	pid_t pid;

	t_pipe(ready);
	pid = t_fork();
	if (pid == 0) {
		t_handler(SIGUSR1, count, 0);
		t_put(ready[1]);
		while (!hits)
			t_sleep_ms(1);
		_exit(hits);
	}
	t_get(ready[0]);
	t_ret(kill(pid, SIGSTOP), 0);
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	t_ret(kill(pid, SIGUSR1), 0);
	t_sleep_ms(20);
	t_ret(waitpid(pid, &status, WNOHANG), 0);
	t_check(t_wait_state(pid, 'T'));
	t_ret(kill(pid, SIGCONT), 0);
	t_exit(pid, 1);
}

T_CASE(kill_ends_a_stopped_process)
{
	int status;
	pid_t pid;

	T_CHILD(pid)
	{
		kill(getpid(), SIGSTOP);
	}
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}

T_CASE(ignoring_discards_pending)
{
	block(SIGUSR1, 0);
	t_ret(kill(getpid(), SIGUSR1), 0);
	t_check(is_pending(SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	t_check(!is_pending(SIGUSR1));
	t_handler(SIGUSR1, count, 0);
	unblock(SIGUSR1, 0);
	t_eq(hits, 0);
}

/* ---- SIGCHLD ---- */

T_CASE(sigchld_codes)
{
	pid_t pid;
	int status;
	sigset_t open_set;

	t_handler_info(SIGCHLD, note, SA_RESTART);
	block(SIGCHLD, 0);
	sigemptyset(&open_set);
	pid = t_fork();
	if (pid == 0)
		_exit(17);
	sigsuspend(&open_set);
	t_eq(last.si_code, CLD_EXITED);
	t_eq(last.si_status, 17);
	t_eq(last.si_pid, pid);
	t_eq(last.si_uid, 0);
	t_exit(pid, 17);

	pid = t_fork();
	if (pid == 0)
		for (;;)
			t_sleep_ms(1000);
	t_ret(kill(pid, SIGSTOP), 0);
	sigsuspend(&open_set);
	t_eq(last.si_code, CLD_STOPPED);
	t_eq(last.si_status, SIGSTOP);
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	t_ret(kill(pid, SIGCONT), 0);
	sigsuspend(&open_set);
	t_eq(last.si_code, CLD_CONTINUED);
	t_eq(last.si_status, SIGCONT);
	t_ret(kill(pid, SIGTERM), 0);
	sigsuspend(&open_set);
	t_eq(last.si_code, CLD_KILLED);
	t_eq(last.si_status, SIGTERM);
	t_killed(pid, SIGTERM);
	t_eq(hits, 4);
}

T_CASE(nocldstop)
{
	pid_t pid;
	int status;

	t_handler(SIGCHLD, count, SA_NOCLDSTOP | SA_RESTART);
	T_CHILD(pid)
	{
		kill(getpid(), SIGSTOP);
	}
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	t_eq(hits, 0);
	t_ret(kill(pid, SIGCONT), 0);
	t_exit(pid, 0);
	t_eq(hits, 1);
}

static void *endless_thread(void *arg)
{
	for (;;)
		t_sleep_ms(1000);
	return NULL;
}

T_CASE(fatal_signal_ends_all_threads)
{
	pid_t pid = t_fork();

	if (pid == 0) {
		pthread_t threads[4];
		for (int i = 0; i < 4; i++)
			pthread_create(&threads[i], NULL, endless_thread, NULL);
		pthread_kill(threads[2], SIGTERM);
		endless_thread(NULL);
	}
	t_killed(pid, SIGTERM);
}

T_CASE(stop_stops_all_threads)
{
	int status;
	pid_t pid;
	volatile long *shared =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	pid = t_fork();
	if (pid == 0) {
		pthread_t thread;
		pthread_create(&thread, NULL, endless_thread, NULL);
		for (;;) {
			(*shared)++;
			t_sleep_ms(1);
		}
	}
	while (!*shared)
		t_sleep_ms(1);
	t_ret(kill(pid, SIGSTOP), 0);
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	long then = *shared;
	t_sleep_ms(30);
	t_eq(*shared - then, 0);
	t_ret(kill(pid, SIGCONT), 0);
	while (*shared == then)
		t_sleep_ms(1);
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}
