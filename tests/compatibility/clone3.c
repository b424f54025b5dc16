/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* clone3.c - clone3: what it takes, fresh signals, numbers that the caller chooses. */
#include "t_.h"

#include <linux/capability.h>
#include <linux/sched.h>

T_SUITE(clone3);

static long clone3(struct clone_args *args, size_t size)
{
	return syscall(SYS_clone3, args, size);
}

T_CASE(as_fork)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	long pid = clone3(&args, sizeof(args));

	if (pid == 0)
		_exit(11);
	t_check(pid > 0);
	t_exit(pid, 11);
}

T_CASE(errors)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	struct {
		struct clone_args args;
		uint64_t more;
	} wide = {.args = {.exit_signal = SIGCHLD}, .more = 1};

	t_errno(clone3(&args, 8), EINVAL);
	t_errno(clone3(&wide.args, sizeof(wide)), E2BIG);
	t_errno(clone3(NULL, sizeof(args)), EFAULT);
	args.exit_signal = 300;
	t_errno(clone3(&args, sizeof(args)), EINVAL);
	args.exit_signal = SIGCHLD;
	args.flags = CLONE_SIGHAND;
	t_errno(clone3(&args, sizeof(args)), EINVAL);
	args.flags = 0;
	args.stack_size = 4096;
	t_errno(clone3(&args, sizeof(args)), EINVAL);
	args.stack_size = 0;
	args.flags = SIGCHLD; /* the low byte is no place for a signal any more */
	t_errno(clone3(&args, sizeof(args)), EINVAL);
}

/* A number that nobody has, nor gets soon: numbers go round. */
static pid_t number_let_go(void)
{
	pid_t pid;

	T_CHILD(pid)
	{
	}
	t_exit(pid, 0);
	return pid;
}

T_CASE(set_tid)
{
	pid_t nr = number_let_go(), pid;
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&nr, .set_tid_size = 1};

	for (int i = 0; i < 2; i++) { /* free again when it has been waited for */
		pid = clone3(&args, sizeof(args));
		if (pid == 0)
			_exit(syscall(SYS_getpid) != nr || syscall(SYS_gettid) != nr);
		t_eq(pid, nr);
		t_wait_state(nr, 'Z');
		t_errno(clone3(&args, sizeof(args)), EEXIST);
		t_exit(pid, 0);
	}
}

/* A number is in use, too, as long as it names a group. */
T_CASE(set_tid_of_group)
{
	pid_t leader, member, none;
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&leader, .set_tid_size = 1};
	int hold[2];

	t_pipe(hold);
	T_CHILD(leader)
	{
		setpgid(0, 0);
	}
	t_wait_state(leader, 'Z');
	T_CHILD(member)
	{
		t_get(hold[0]);
	}
	t_ret(setpgid(member, leader), 0);
	t_exit(leader, 0);
	t_errno(clone3(&args, sizeof(args)), EEXIST);
	t_put(hold[1]);
	t_exit(member, 0);
	none = clone3(&args, sizeof(args));
	if (none == 0)
		_exit(0);
	t_eq(none, leader);
	t_exit(none, 0);
}

static void only_capability(int cap)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {0};

	if (cap >= 0)
		data[cap / 32].effective = data[cap / 32].permitted = 1u << cap % 32;
	t_ret(syscall(SYS_capset, &header, data), 0);
}

T_CASE(set_tid_rights)
{
	const struct {
		int cap, want;
	} rows[] = {{-1, EPERM}, {CAP_SYS_PTRACE, EPERM}, {CAP_SYS_ADMIN, 0},
		{CAP_CHECKPOINT_RESTORE, 0}};
	pid_t nr, pid, made;
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&nr, .set_tid_size = 1};

	for (int i = 0; i < 4; i++) {
		nr = number_let_go();
		T_CHILD(pid)
		{
			only_capability(rows[i].cap);
			if (rows[i].want) {
				t_errno(clone3(&args, sizeof(args)), EPERM);
				nr = getpid();
				t_errno(clone3(&args, sizeof(args)), EPERM);
				nr = 0;
				t_errno(clone3(&args, sizeof(args)), EINVAL);
				_exit(0);
			}
			made = clone3(&args, sizeof(args));
			if (made == 0)
				_exit(0);
			t_eq(made, nr);
			t_exit(made, 0);
		}
		t_exit(pid, 0);
	}
}

T_CASE(set_tid_errors)
{
	const pid_t bad[] = {0, -1, INT_MIN, INT_MAX, 1 << 22};
	pid_t nr[33] = {getpid()};
	struct clone_args args = {.exit_signal = SIGCHLD, .set_tid_size = 1};

	t_errno(clone3(&args, sizeof(args)), EINVAL); /* a size, no numbers */
	args.set_tid = 8;
	t_errno(clone3(&args, sizeof(args)), EFAULT);
	args.set_tid = (uintptr_t)nr;
	t_errno(clone3(&args, sizeof(args)), EEXIST);
	nr[0] = 1;
	t_errno(clone3(&args, sizeof(args)), EEXIST);
	for (int i = 0; i < 5; i++) {
		nr[0] = bad[i];
		t_errno(clone3(&args, sizeof(args)), EINVAL);
	}
	for (args.set_tid_size = 0; args.set_tid_size < 99; args.set_tid_size += 33)
		t_errno(clone3(&args, sizeof(args)),
			EINVAL); /* numbers, no size; too many levels */
	args.set_tid_size = 1ull << 32 | 1;
	t_errno(clone3(&args, sizeof(args)), EINVAL);
}

static void no_handler(int sig)
{
}

T_CASE(clear_sighand)
{
	struct clone_args args = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
	struct sigaction old;

	t_handler(SIGUSR1, no_handler, 0);
	signal(SIGUSR2, SIG_IGN);
	long pid = clone3(&args, sizeof(args));
	if (pid == 0) {
		int good = sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL;
		good = good && sigaction(SIGUSR2, NULL, &old) == 0 && old.sa_handler == SIG_IGN;
		_exit(!good);
	}
	t_exit(pid, 0);
}
