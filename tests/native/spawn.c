/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* exo_spawn. */
#include "t_.h"
#include <exo_abi/exo_native.h>
#include <dirent.h>
#include <poll.h>

T_SUITE(spawn);

static char *no_env[] = {NULL};

static struct exo_spawn_args args_for(
	int program, char **argv, char **envp, const struct exo_spawn_cap *caps, unsigned count)
{
	return (struct exo_spawn_args){.program = program,
		.name = (uintptr_t) "child",
		.argv = (uintptr_t)argv,
		.envp = (uintptr_t)envp,
		.caps = (uintptr_t)caps,
		.cap_count = count};
}

static long spawn(const struct exo_spawn_args *a)
{
	return exo_spawn(a, sizeof(*a));
}

static int wait_code(long proc)
{
	siginfo_t info = {0};

	if (!t_eq(waitid(P_PIDFD, (id_t)proc, &info, WEXITED), 0))
		return -1;
	return info.si_code == CLD_EXITED ? info.si_status : 1000 + info.si_status;
}

/* argv: slots that must be open, all others must not be. Exit 0 when it is so. */
T_HELPER(only_slots)
{
	for (int fd = 0; fd < 300; fd++) {
		bool want = false;

		for (int i = 0; i < argc; i++)
			want |= atoi(argv[i]) == fd;
		if ((fcntl(fd, F_GETFD) >= 0) != want)
			return fd + 1;
	}
	return 0;
}

T_HELPER(say)
{
	return write(1, argv[0], strlen(argv[0])) != (ssize_t)strlen(argv[0]);
}

T_HELPER(state)
{
	sigset_t set;
	struct sigaction sa;

	sigprocmask(0, NULL, &set);
	for (int s = 1; s < 32; s++) {
		sigaction(s, NULL, &sa);
		if (sigismember(&set, s) || sa.sa_handler != SIG_DFL)
			return s;
	}
	if (argc != 1 || strcmp(argv[0], "arg") || !getenv("KEY") || strcmp(getenv("KEY"), "value"))
		return 100;
	return strcmp(argv[-1], "state") ? 101 : 0;
}

T_HELPER(is_confined)
{
	return exo_cap_enter(EXO_ENTER_QUERY) == 1 && open("/", O_RDONLY) < 0 && errno == EPERM ? 0
												: 1;
}

T_HELPER(sleep_long)
{
	pause();
	return 0;
}

T_CASE(only_what_is_listed)
{
	char *argv[] = {"child", "-x", "only_slots", "3", "7", "200", NULL};
	int self = open(t_self, O_RDONLY), p[2];
	struct exo_spawn_cap caps[] = {{0, 7}, {0, 3}, {0, 200}};
	struct exo_spawn_args a = args_for(self, argv, no_env, caps, 3);
	long proc;

	t_ok(pipe(p));
	caps[0].from = caps[1].from = p[1];
	caps[2].from = self;
	proc = spawn(&a);
	t_check(proc >= 0);
	t_eq(fcntl((int)proc, F_GETFD), FD_CLOEXEC);
	t_eq(wait_code(proc), 0);
	a.cap_count = 0;
	argv[3] = NULL;
	t_eq(wait_code(spawn(&a)), 0);
}

T_CASE(arguments_and_output)
{
	char *argv[] = {"child", "-x", "say", "hello", NULL};
	int self = open(t_self, O_RDONLY), p[2];
	struct exo_spawn_cap cap = {0, 1};
	struct exo_spawn_args a = args_for(self, argv, no_env, &cap, 1);
	char got[8] = "";
	long proc;

	t_ok(pipe(p));
	cap.from = p[1];
	proc = spawn(&a);
	t_eq(wait_code(proc), 0);
	t_ret(read(p[0], got, sizeof(got)), 5);
	t_str(got, "hello");
	t_ret(close(p[1]), 0);
	t_ret(read(p[0], got, sizeof(got)), 0); /* nobody else holds the other end */
}

T_CASE(fresh_state)
{
	char *argv[] = {"child", "-x", "state", "arg", NULL}, *envp[] = {"KEY=value", NULL};
	int self = open(t_self, O_RDONLY);
	struct exo_spawn_args a = args_for(self, argv, envp, NULL, 0);
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	t_handler(SIGUSR1, SIG_IGN, 0);
	t_eq(wait_code(spawn(&a)), 0);
}

T_CASE(process_capability)
{
	char *argv[] = {"child", "-x", "sleep_long", NULL};
	int self = open(t_self, O_RDONLY);
	struct exo_spawn_args a = args_for(self, argv, no_env, NULL, 0);
	long proc = spawn(&a), look;
	struct exo_cap_info info;
	struct pollfd pfd = {.fd = (int)proc, .events = POLLIN};
	siginfo_t si;

	t_eq(exo_cap_inspect((int)proc, &info, sizeof(info)), 0);
	t_eq(info.type, EXO_TYPE_PROCESS);
	look = exo_cap_derive((int)proc, EXO_WAIT, 0, 0);
	t_check(look >= 0);
	t_ret(poll(&pfd, 1, 20), 0);
	t_errno(syscall(SYS_pidfd_send_signal, look, SIGKILL, NULL, 0), EACCES);
	t_ok(syscall(SYS_pidfd_send_signal, proc, SIGKILL, NULL, 0));
	t_ret(poll(&pfd, 1, 5000), 1);
	look = exo_cap_derive((int)proc, EXO_SIGNAL, 0, 0);
	t_errno(waitid(P_PIDFD, (id_t)look, &si, WEXITED), EACCES);
	t_eq(wait_code(proc), 1000 + SIGKILL);
}

T_CASE(confinement)
{
	char *argv[] = {"child", "-x", "is_confined", NULL};
	int self = open(t_self, O_RDONLY);
	struct exo_spawn_args a = args_for(self, argv, no_env, NULL, 0);

	t_eq(wait_code(spawn(&a)), 1);
	a.flags = EXO_SPAWN_CONFINED;
	t_eq(wait_code(spawn(&a)), 0);
	t_eq(exo_cap_enter(EXO_ENTER_QUERY), 0);
	a.flags = 0;
	t_eq(exo_cap_enter(0), 0);
	t_eq(wait_code(spawn(&a)), 0); /* inherited, and possible inside */
}

T_CASE(grants_go_with_their_rights)
{
	char *argv[] = {"child", "-x", "say", "x", NULL};
	int self = open(t_self, O_RDONLY), p[2], w, r, private;
	struct exo_spawn_cap cap = {0, 1};
	struct exo_spawn_args a = args_for(self, argv, no_env, &cap, 1);

	t_ok(pipe(p));
	w = (int)exo_cap_derive(p[1], EXO_WRITE | EXO_TRANSFER, 0, 0);
	r = (int)exo_cap_derive(p[1], EXO_ALL & ~EXO_WRITE, 0, 0);
	private = (int)exo_cap_derive(p[1], EXO_ALL & ~EXO_TRANSFER, 0, 0);
	cap.from = w;
	t_eq(wait_code(spawn(&a)), 0);
	cap.from = r;
	t_eq(wait_code(spawn(&a)), 1); /* it cannot write */
	cap.from = private;
	t_eq(spawn(&a), -EACCES);
	cap.from = (int)exo_cap_derive(p[1], EXO_ALL, 0, 0);
	t_eq(exo_cap_revoke(cap.from, 0), 0);
	t_eq(spawn(&a), -EKEYREVOKED);
}

T_CASE(refuses)
{
	char *argv[] = {"child", NULL};
	int self = open(t_self, O_RDONLY), noexec;
	struct exo_spawn_cap cap = {999, 1};
	struct exo_spawn_args a = args_for(self, argv, no_env, &cap, 1);
	struct {
		struct exo_spawn_args a;
		uint64_t more;
	} longer = {a, 1};

	t_eq(spawn(&a), -EBADF);
	cap = (struct exo_spawn_cap){self, -1};
	t_eq(spawn(&a), -EBADF);
	cap.to = 1 << 30;
	t_eq(spawn(&a), -EBADF);
	a.cap_count = EXO_SPAWN_CAPS_MAX + 1;
	t_eq(spawn(&a), -EINVAL);
	a.cap_count = 0;
	a.flags = 2;
	t_eq(spawn(&a), -EINVAL);
	a.flags = 0;
	a.reserved = 1;
	t_eq(spawn(&a), -EINVAL);
	a.reserved = 0;
	a.argv = 1;
	t_eq(spawn(&a), -EFAULT);
	a.argv = (uintptr_t)argv;
	a.name = 1;
	t_eq(spawn(&a), -EFAULT);
	a.name = 0;
	a.caps = 1;
	a.cap_count = 1;
	t_eq(spawn(&a), -EFAULT);
	a.cap_count = 0;
	t_eq(exo_spawn(&a, sizeof(a) - 1), -EINVAL);
	t_eq(exo_spawn((void *)1, sizeof(a)), -EFAULT);
	t_eq(exo_spawn(&longer.a, sizeof(longer)), -E2BIG);
	a.program = -1;
	t_eq(spawn(&a), -EINVAL);
	a.program = 999;
	t_eq(spawn(&a), -EBADF);
	noexec = (int)exo_cap_derive(self, EXO_ALL & ~EXO_EXEC, 0, 0);
	a.program = noexec;
	t_eq(spawn(&a), -EACCES);
	t_spew("text", "no program");
	t_ok(chmod("text", 0755));
	a.program = open("text", O_RDONLY);
	t_eq(spawn(&a), -ENOEXEC);
	t_ok(chmod("text", 0644));
	t_eq(spawn(&a), -EACCES);
	a.program = open(".", O_RDONLY);
	t_eq(spawn(&a), -EACCES);
	t_errno(waitpid(-1, NULL, WNOHANG), ECHILD); /* nothing was left behind */
}

T_CASE(many_children)
{
	char *argv[] = {"child", "-x", "only_slots", NULL};
	int self = open(t_self, O_RDONLY);
	struct exo_spawn_args a = args_for(self, argv, no_env, NULL, 0);
	long proc[20];

	for (int i = 0; i < 20; i++)
		t_check((proc[i] = spawn(&a)) >= 0);
	for (int i = 0; i < 20; i++)
		t_eq(wait_code(proc[i]), 0);
}
