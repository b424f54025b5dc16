/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* process.c - birth, death and waiting: fork, vfork, clone, exit, wait4, waitid, groups,
 * sessions. */
#include "t_.h"

#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

T_SUITE(process);

T_CASE(fork_returns_twice)
{
	pid_t parent = getpid(), pid;
	int fds[2], seen[2] = {0};

	t_pipe(fds);
	T_CHILD(pid)
	{
		int mine[2] = {getpid(), getppid()};
		t_eq(write(fds[1], mine, sizeof(mine)), sizeof(mine));
	}
	t_eq(read(fds[0], seen, sizeof(seen)), sizeof(seen));
	t_eq(seen[0], pid);
	t_eq(seen[1], parent);
	t_check(pid > 1 && pid != parent);
	t_exit(pid, 0);
}

T_CASE(exit_status_is_eight_bits)
{
	const int given[] = {0, 1, 42, 127, 255, 256, -1, 0x1234};
	const int want[] = {0, 1, 42, 127, 255, 0, 255, 0x34};

	for (int i = 0; i < 8; i++) {
		pid_t pid = t_fork();
		if (pid == 0)
			_exit(given[i]);
		t_exit(pid, want[i]);
	}
}

T_CASE(exit_of_main_thread_alone)
{
	pid_t pid = t_fork();

	if (pid == 0)
		syscall(SYS_exit, 7);
	t_exit(pid, 7);
}

T_CASE(wait4_errors)
{
	int status;

	t_errno(wait4(-1, &status, 0, NULL), ECHILD);
	t_errno(wait4(getpid(), &status, 0, NULL), ECHILD);
	t_errno(wait4(1, &status, WNOHANG, NULL), ECHILD);
	t_errno(wait4(-1, &status, 0x40000000 | 0x100, NULL), EINVAL);
	t_errno(wait4(INT_MIN, &status, 0, NULL), ESRCH);
}

T_CASE(wait4_nohang)
{
	int fds[2], status = 77;
	pid_t pid;

	t_pipe(fds);
	T_CHILD(pid)
	{
		t_get(fds[0]);
	}
	t_ret(wait4(pid, &status, WNOHANG, NULL), 0);
	t_eq(status, 77);
	t_put(fds[1]);
	t_exit(pid, 0);
	t_errno(wait4(pid, &status, 0, NULL), ECHILD);
}

T_CASE(wait4_any_and_group)
{
	int hold[2], status;
	pid_t a, b;

	t_pipe(hold);
	T_CHILD(a)
	{
		t_get(hold[0]);
	}
	t_ret(setpgid(a, a), 0);
	b = t_fork();
	if (b == 0)
		_exit(3);
	t_ret(wait4(0, &status, 0, NULL), b);
	t_eq(WEXITSTATUS(status), 3);
	t_errno(wait4(0, &status, 0, NULL), ECHILD);
	t_ret(wait4(-a, &status, WNOHANG, NULL), 0);
	t_put(hold[1]);
	t_ret(wait4(-a, &status, 0, NULL), a);
	t_eq(status, 0);
}

T_CASE(wait4_rusage)
{
	struct rusage usage;
	int status;
	pid_t pid;

	memset(&usage, 0xff, sizeof(usage));
	T_CHILD(pid)
	{
		volatile unsigned long sum = 0;
		for (int i = 0; i < 2000000; i++)
			sum += i;
	}
	t_ret(wait4(pid, &status, 0, &usage), pid);
	t_check(usage.ru_utime.tv_sec >= 0 && usage.ru_utime.tv_sec < 10);
	t_check(usage.ru_utime.tv_usec >= 0 && usage.ru_utime.tv_usec < 1000000);
	t_check(usage.ru_nswap == 0);
}

T_CASE(zombie_waits_and_vanishes)
{
	pid_t pid;

	T_CHILD(pid)
	{
	}
	t_check(t_wait_state(pid, 'Z'));
	t_ret(kill(pid, 0), 0);
	t_exit(pid, 0);
	t_errno(kill(pid, 0), ESRCH);
}

T_CASE(waitid_fields)
{
	siginfo_t info;
	pid_t pid = t_fork();

	if (pid == 0)
		_exit(9);
	memset(&info, 0, sizeof(info));
	t_ret(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	t_eq(info.si_pid, pid);
	t_eq(info.si_signo, SIGCHLD);
	t_eq(info.si_code, CLD_EXITED);
	t_eq(info.si_status, 9);
	t_eq(info.si_uid, 0);
	t_ret(waitid(P_ALL, 0, &info, WEXITED), 0);
	t_eq(info.si_pid, pid);
	t_errno(waitid(P_PID, pid, &info, WEXITED), ECHILD);
	t_errno(waitid(P_ALL, 0, &info, 0), EINVAL);
	t_errno(waitid(77, 0, &info, WEXITED), EINVAL);
}

T_CASE(waitid_killed_and_nohang)
{
	siginfo_t info;
	pid_t pid;
	int hold[2];

	t_pipe(hold);
	T_CHILD(pid)
	{
		t_get(hold[0]);
	}
	memset(&info, 0xff, sizeof(info));
	t_ret(waitid(P_PID, pid, &info, WEXITED | WNOHANG), 0);
	t_eq(info.si_pid, 0);
	t_eq(info.si_signo, 0);
	t_ret(kill(pid, SIGKILL), 0);
	t_ret(waitid(P_PGID, getpgrp(), &info, WEXITED), 0);
	t_eq(info.si_code, CLD_KILLED);
	t_eq(info.si_status, SIGKILL);
}

T_CASE(wait_stop_continue)
{
	siginfo_t info;
	int status;
	pid_t pid;

	T_CHILD(pid)
	{
		for (;;)
			t_sleep_ms(1000);
	}
	t_ret(kill(pid, SIGSTOP), 0);
	t_ret(wait4(pid, &status, WUNTRACED, NULL), pid);
	t_check(WIFSTOPPED(status));
	t_eq(WSTOPSIG(status), SIGSTOP);
	t_ret(wait4(pid, &status, WUNTRACED | WNOHANG, NULL), 0);
	t_ret(kill(pid, SIGCONT), 0);
	t_ret(wait4(pid, &status, WCONTINUED, NULL), pid);
	t_check(WIFCONTINUED(status));
	t_eq(status, 0xffff);
	t_ret(kill(pid, SIGSTOP), 0);
	t_ret(waitid(P_PID, pid, &info, WSTOPPED), 0);
	t_eq(info.si_code, CLD_STOPPED);
	t_eq(info.si_status, SIGSTOP);
	t_ret(kill(pid, SIGCONT), 0);
	t_ret(waitid(P_PID, pid, &info, WCONTINUED), 0);
	t_eq(info.si_code, CLD_CONTINUED);
	t_eq(info.si_status, SIGCONT);
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}

T_CASE(orphan_goes_to_subreaper)
{
	int up[2], down[2];
	pid_t pid, orphan = 0;

	t_ret(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	t_pipe(up);
	t_pipe(down);
	T_CHILD(pid)
	{
		pid_t inner;
		T_CHILD(inner)
		{
			t_get(down[0]);
			pid_t seen[2] = {getpid(), getppid()};
			t_eq(write(up[1], seen, sizeof(seen)), sizeof(seen));
			_exit(5);
		}
	}
	t_exit(pid, 0);
	t_put(down[1]);
	pid_t seen[2] = {0};
	t_eq(read(up[0], seen, sizeof(seen)), sizeof(seen));
	orphan = seen[0];
	t_eq(seen[1], getpid());
	t_exit(orphan, 5);
}

T_CASE(orphan_loses_its_parent)
{
	int up[2], down[2], same = -1;
	pid_t pid;

	t_pipe(up);
	t_pipe(down);
	T_CHILD(pid)
	{
		pid_t me = getpid(), inner;
		T_CHILD(inner)
		{
			t_get(down[0]);
			same = getppid() == me;
			t_eq(write(up[1], &same, sizeof(same)), sizeof(same));
		}
	}
	t_exit(pid, 0);
	t_put(down[1]);
	t_eq(read(up[0], &same, sizeof(same)), sizeof(same));
	t_eq(same, 0);
}

T_CASE(parent_death_signal)
{
	int up[2], ready[2];
	pid_t pid;
	char byte;

	t_pipe(up);
	t_pipe(ready);
	T_CHILD(pid)
	{
		pid_t inner = t_fork();
		if (inner == 0) {
			t_ret(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
			int sig = 0;
			t_ret(prctl(PR_GET_PDEATHSIG, &sig), 0);
			t_eq(sig, SIGKILL);
			t_put(ready[1]);
			for (;;)
				t_sleep_ms(1000);
		}
		t_get(ready[0]);
	}
	t_exit(pid, 0);
	close(up[1]);
	t_ret(read(up[0], &byte, 1), 0); /* ends when the grandchild is gone too */
}

T_CASE(vfork_shares_and_suspends)
{
	volatile int shared = 1;
	pid_t pid = vfork();

	if (pid == 0) {
		shared = 2;
		_exit(4);
	}
	t_check(pid > 0);
	t_eq(shared, 2);
	t_exit(pid, 4);
}

T_CASE(fork_copies_memory)
{
	static int word = 1;
	int *heap = malloc(sizeof(int)), stack = 1;
	pid_t pid;

	*heap = 1;
	T_CHILD(pid)
	{
		word = stack = *heap = 2;
		t_eq(word + stack + *heap, 6);
	}
	t_exit(pid, 0);
	t_eq(word + stack + *heap, 3);
}

T_CASE(fork_shares_file_offset)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	pid_t pid;

	t_eq(write(fd, "abcdef", 6), 6);
	T_CHILD(pid)
	{
		t_ret(lseek(fd, 2, SEEK_SET), 2);
		t_ret(close(fd), 0);
	}
	t_exit(pid, 0);
	t_ret(lseek(fd, 0, SEEK_CUR), 2);
	char c;
	t_ret(read(fd, &c, 1), 1);
	t_eq(c, 'c');
}

static int clone_body(void *arg)
{
	*(volatile int *)arg = 42;
	return 6;
}

T_CASE(clone_vm_shares_memory)
{
	static char stack[16384] __attribute__((aligned(16)));
	volatile int word = 0;
	int status;

	pid_t pid = clone(clone_body, stack + sizeof(stack), CLONE_VM | SIGCHLD, (void *)&word);
	t_check(pid > 0);
	t_exit(pid, 6);
	t_eq(word, 42);

	/* without a signal of death the child is a clone child: only __WALL or __WCLONE sees it */
	word = 0;
	pid = clone(clone_body, stack + sizeof(stack), CLONE_VM, (void *)&word);
	t_check(pid > 0);
	t_errno(waitpid(pid, &status, 0), ECHILD);
	t_ret(waitpid(pid, &status, __WALL), pid);
	t_eq(WEXITSTATUS(status), 6);
	t_eq(word, 42);
}

static int clone_files_body(void *arg)
{
	return close(*(int *)arg) == 0 ? 0 : 1;
}

T_CASE(clone_files_shares_descriptors)
{
	static char stack[16384] __attribute__((aligned(16)));
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	t_ok(fd);
	pid_t pid = clone(clone_files_body, stack + sizeof(stack), CLONE_FILES | SIGCHLD, &fd);
	t_exit(pid, 0);
	t_errno(fcntl(fd, F_GETFD), EBADF);

	fd = open("f", O_RDWR);
	pid = clone(clone_files_body, stack + sizeof(stack), SIGCHLD, &fd);
	t_exit(pid, 0);
	t_ret(fcntl(fd, F_GETFD), 0);
}

static int clone_fs_body(void *arg)
{
	umask(077);
	return chdir(arg) == 0 ? 0 : 1;
}

T_CASE(clone_fs_shares_directory_and_umask)
{
	static char stack[16384] __attribute__((aligned(16)));
	char here[PATH_MAX], now[PATH_MAX];

	t_ret(mkdir("d", 0755), 0);
	t_check(getcwd(here, sizeof(here)));
	pid_t pid = clone(clone_fs_body, stack + sizeof(stack), SIGCHLD, "d");
	t_exit(pid, 0);
	t_check(getcwd(now, sizeof(now)));
	t_str(now, here);
	t_eq(umask(022), 022);
	pid = clone(clone_fs_body, stack + sizeof(stack), CLONE_FS | SIGCHLD, "d");
	t_exit(pid, 0);
	t_check(getcwd(now, sizeof(now)));
	t_str(now + strlen(here), "/d");
	t_eq(umask(022), 077);
}

T_CASE(clone_flag_errors)
{
	t_errno(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
	t_errno(syscall(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0), EINVAL);
	t_errno(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), EINVAL);
}

T_CASE(clone_tid_words)
{
	pid_t parent_word = 0, child_word = 0;
	pid_t pid = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0,
		&parent_word, &child_word, 0);

	if (pid == 0)
		_exit(child_word == syscall(SYS_getpid) ? 0 : 1);
	t_eq(parent_word, pid);
	t_eq(child_word, 0);
	t_exit(pid, 0);
}

T_CASE(identity_calls)
{
	t_eq(gettid(), getpid());
	t_eq(syscall(SYS_set_tid_address, NULL), getpid());
	t_eq(getsid(0), getpid());
	t_eq(getpgrp(), getpid());
	t_eq(getpgid(0), getpid());
	t_errno(getpgid(-5), ESRCH);
	t_errno(getsid(999999999), ESRCH);
}

T_CASE(setpgid_rules)
{
	int hold[2], ready[2];
	pid_t a, b;

	t_pipe(hold);
	t_pipe(ready);
	T_CHILD(a)
	{
		t_get(hold[0]);
	}
	T_CHILD(b)
	{
		t_ok(setsid());
		t_put(ready[1]);
		t_get(hold[0]);
	}
	t_get(ready[0]);
	t_errno(setpgid(0, 0), EPERM); /* a session leader */
	t_errno(setpgid(0, -1), EINVAL);
	t_errno(setpgid(999999999, 0), ESRCH);
	t_errno(setpgid(getppid(), 0), ESRCH); /* not a child */
	t_errno(setpgid(b, b), EPERM);         /* another session */
	t_errno(setpgid(a, b), EPERM);         /* no such group in this session */
	t_eq(getpgid(a), getpgrp());
	t_ret(setpgid(a, 0), 0);
	t_eq(getpgid(a), a);
	t_ret(setpgid(a, getpgrp()), 0);
	t_eq(getpgid(a), getpgrp());
	t_put(hold[1]);
	t_put(hold[1]);
	t_exit(a, 0);
	t_exit(b, 0);
}

T_CASE(setpgid_after_exec)
{
	int fds[2], hold[2];
	pid_t pid;

	t_pipe(hold);
	if (pipe2(fds, 0) < 0)
		t_stop("pipe2");
	pid = t_fork();
	if (pid == 0) {
		dup2(hold[0], 10);
		close(fds[0]);
		dup2(fds[1], 11);
		close(fds[1]);
		execl(t_self, t_self, "-x", "wait_for_byte", (char *)NULL);
		_exit(98);
	}
	t_get(fds[0]);
	t_errno(setpgid(pid, pid), EACCES);
	t_put(hold[1]);
	t_exit(pid, 0);
}

T_HELPER(wait_for_byte)
{
	char byte;

	if (write(11, "x", 1) != 1)
		return 1;
	return read(10, &byte, 1) == 1 ? 0 : 1;
}

T_CASE(setsid_rules)
{
	pid_t pid;

	t_errno(setsid(), EPERM); /* already leads a group */
	T_CHILD(pid)
	{
		t_eq(setsid(), getpid());
		t_eq(getsid(0), getpid());
		t_eq(getpgrp(), getpid());
		t_errno(setsid(), EPERM);
	}
	t_exit(pid, 0);
}

T_CASE(prctl_name)
{
	char name[16] = "", text[64];

	t_ret(prctl(PR_SET_NAME, "a-very-long-task-name"), 0);
	t_ret(prctl(PR_GET_NAME, name), 0);
	t_str(name, "a-very-long-tas");
	t_check(t_slurp("/proc/self/comm", text, sizeof(text)) > 0);
	t_str(text, "a-very-long-tas\n");
	t_errno(prctl(12345, 0, 0, 0, 0), EINVAL);
	t_errno(prctl(PR_SET_NAME, NULL), EFAULT);
	t_errno(prctl(PR_SET_PDEATHSIG, 100), EINVAL);
}

T_CASE(prctl_small_states)
{
	pid_t pid;

	t_ret(prctl(PR_GET_DUMPABLE), 1);
	t_ret(prctl(PR_SET_DUMPABLE, 0), 0);
	t_ret(prctl(PR_GET_DUMPABLE), 0);
	t_errno(prctl(PR_SET_DUMPABLE, 2), EINVAL);
	t_ret(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	t_ret(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	T_CHILD(pid)
	{
		t_ret(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	}
	t_exit(pid, 0);
	t_errno(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
}

T_CASE(uname_and_sysinfo)
{
	struct utsname names;
	struct sysinfo info;

	t_ret(uname(&names), 0);
	t_str(names.sysname, "Linux");
	t_str(names.machine, "x86_64");
	t_check(names.release[0] >= '5' && names.release[0] <= '9');
	t_errno(syscall(SYS_uname, NULL), EFAULT);
	t_ret(sysinfo(&info), 0);
	t_check(info.totalram > 0 && info.freeram < info.totalram);
	t_check(info.mem_unit >= 1 && info.procs > 0 && info.uptime > 0);
	t_errno(syscall(SYS_sysinfo, NULL), EFAULT);
}

T_CASE(getrandom_fills)
{
	unsigned char a[64] = {0}, b[64] = {0};

	t_ret(getrandom(a, sizeof(a), 0), sizeof(a));
	t_ret(getrandom(b, sizeof(b), GRND_NONBLOCK), sizeof(b));
	t_check(memcmp(a, b, sizeof(a)) != 0);
	t_ret(getrandom(a, 0, 0), 0);
	t_errno(getrandom(a, 1, 0x1000), EINVAL);
	/* The C library may take its own way for getrandom(), through the vDSO, and fault itself.
	 */
	t_errno(syscall(SYS_getrandom, (void *)8, 16, 0), EFAULT);
}

T_CASE(rusage_and_times)
{
	struct rusage usage;
	struct tms ticks;

	t_ret(getrusage(RUSAGE_SELF, &usage), 0);
	t_check(usage.ru_maxrss > 0);
	t_ret(getrusage(RUSAGE_CHILDREN, &usage), 0);
	t_eq(usage.ru_utime.tv_sec, 0);
	t_errno(getrusage(99, &usage), EINVAL);
	t_check(times(&ticks) != (clock_t)-1);
	t_eq(ticks.tms_cutime, 0);
}

T_CASE(unknown_call_is_enosys)
{
	t_errno(syscall(999), ENOSYS);
	t_errno(syscall(-2), ENOSYS);
	t_errno(syscall(100000), ENOSYS);
}

T_CASE_LIMIT(many_children, 30)
{
	enum { CHILDREN = 100 };
	int sum = 0, status;

	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = t_fork();
		if (pid == 0)
			_exit(i);
	}
	for (int i = 0; i < CHILDREN; i++) {
		if (wait4(-1, &status, 0, NULL) > 0)
			sum += WEXITSTATUS(status);
	}
	t_eq(sum, CHILDREN * (CHILDREN - 1) / 2);
	t_errno(wait4(-1, &status, 0, NULL), ECHILD);
}

T_CASE(pids_are_not_reused_at_once)
{
	pid_t last = 0;

	for (int i = 0; i < 20; i++) {
		pid_t pid;
		T_CHILD(pid)
		{
		}
		t_check(pid != last);
		last = pid;
		t_exit(pid, 0);
	}
}

T_CASE(child_ignored_is_reaped_by_itself)
{
	struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
	int status;
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	T_CHILD(pid)
	{
	}
	t_errno(wait4(pid, &status, 0, NULL), ECHILD);
	for (int i = 0; i < 2000 && kill(pid, 0) == 0; i++)
		t_sleep_ms(1); /* its number is free a moment later */
	t_errno(kill(pid, 0), ESRCH);
	t_ret(sigaction(SIGCHLD, &action, NULL), 0);
	T_CHILD(pid)
	{
	}
	t_errno(wait4(-1, &status, 0, NULL), ECHILD);
}
