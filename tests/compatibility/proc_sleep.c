/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* proc_sleep.c - where a thread sleeps: /proc/PID/syscall, stack and wchan. */
#include "t_proc.h"

#include <pthread.h>
#include <sys/prctl.h>

T_SUITE(proc_sleep);

static char path[64];

static const char *of(pid_t pid, const char *name)
{
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return file(path);
}

/* Waits until it is off its processor, which may be a moment after its state says so. */
static bool asleep(pid_t pid, char state)
{
	bool there = t_wait_state(pid, state);

	for (int i = 0; i < 1000 && !strcmp(of(pid, "syscall"), "running\n"); i++)
		t_sleep_ms(1);
	return there;
}

/* All lines are "[<0>] name+0x1/0x2"; how many. -1: one is not. */
static int frames(const char *stack)
{
	unsigned long offset, size;
	char name[128];
	int lines = 0, used;

	for (; *stack; stack += used, lines++) {
		used = 0;
		if (sscanf(stack, "[<0>] %127[a-zA-Z0-9_.]+0x%lx/0x%lx%n", name, &offset, &size,
			    &used) != 3 ||
			offset > size || stack[used++] != '\n')
			return -1;
	}
	return lines;
}

static bool is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");

	return n > 1 && !s[n];
}

/* A call with six arguments that sleeps; @fd is that of a pipe. */
static long sleep_in_read(int fd, char *buf)
{
	register long r10 __asm__("r10") = 0x1010, r8 __asm__("r8") = 0x88, r9 __asm__("r9") = 0x99;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(SYS_read), "D"(fd), "S"(buf), "d"(1), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

T_CASE(sleeps_in_a_call)
{
	unsigned long a[6], sp, ip;
	static char byte;
	int hold[2];
	long nr = -2;
	pid_t pid;

	t_pipe(hold);
	T_CHILD(pid)
	{
		sleep_in_read(hold[0], &byte);
	}
	t_check(asleep(pid, 'S'));
	t_eq(sscanf(of(pid, "syscall"), "%ld 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx", &nr,
		     &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &sp, &ip),
		9);
	t_eq(nr, SYS_read);
	t_eq(a[0], hold[0]);
	t_eq(a[1], (unsigned long)&byte);
	t_eq(a[2], 1);
	t_eq(a[3], 0x1010);
	t_eq(a[4], 0x88);
	t_eq(a[5], 0x99);
	t_check(sp < (unsigned long)&hold && (unsigned long)&hold - sp < 65536);
	t_check(ip > (unsigned long)sleep_in_read && ip < (unsigned long)sleep_in_read + 256);
	t_check(is_name(of(pid, "wchan")));
	t_check(frames(of(pid, "stack")) >= 2);
	t_put(hold[1]);
	t_exit(pid, 0);
}

T_CASE(of_itself)
{
	char want[64];
	int fd;
	ssize_t n;

	t_ok(fd = open("/proc/self/syscall", O_RDONLY));
	n = read(fd, text, sizeof(text));
	t_check(n > 0);
	text[n < 0 ? 0 : n] = 0;
	snprintf(want, sizeof(want), "%d 0x%x 0x%lx 0x%lx ", SYS_read, fd, (unsigned long)text,
		sizeof(text));
	t_check(!strncmp(text, want, strlen(want)));
	t_str(file("/proc/self/wchan"), "0");
	t_check(frames(file("/proc/self/stack")) >= 0);
}

T_CASE(runs_stops_ends)
{
	unsigned long sp = 0, ip = 0;
	volatile unsigned *turns =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	T_CHILD(pid)
	{
		for (;;)
			(*turns)++;
	}
	while (!*turns) /* it is in user mode then */
		sched_yield();
	t_str(of(pid, "syscall"), "running\n");
	t_str(of(pid, "wchan"), "0");
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	t_check(asleep(pid, 'T'));
	t_eq(sscanf(of(pid, "syscall"), "-1 0x%lx 0x%lx", &sp, &ip), 2);
	t_check(sp && ip);
	t_check(frames(of(pid, "stack")) >= 1);
	t_check(is_name(of(pid, "wchan")));
	kill(pid, SIGKILL);
	t_check(t_wait_state(pid, 'Z'));
	t_str(of(pid, "syscall"), "-1 0x0 0x0\n");
	t_str(of(pid, "stack"), "");
	t_str(of(pid, "wchan"), "0");
	waitpid(pid, &status, 0);
}

static int gate[2];
static volatile pid_t sleeper;

static void *sleep_on(void *unused)
{
	char byte;

	sleeper = gettid();
	sleep_in_read(gate[0], &byte);
	return NULL;
}

T_CASE(of_a_thread)
{
	unsigned long fd;
	pthread_t t;
	char at[64];
	long nr;

	t_pipe(gate);
	t_ret(pthread_create(&t, NULL, sleep_on, NULL), 0);
	while (!sleeper)
		sched_yield();
	snprintf(at, sizeof(at), "task/%d/stat", sleeper);
	for (int i = 0; i < 1000 && !strstr(of(getpid(), at), ") S "); i++)
		t_sleep_ms(1);
	snprintf(at, sizeof(at), "task/%d/syscall", sleeper);
	for (int i = 0; i < 1000 && !strcmp(of(getpid(), at), "running\n"); i++)
		t_sleep_ms(1);
	t_eq(sscanf(of(getpid(), at), "%ld 0x%lx", &nr, &fd), 2);
	t_eq(nr, SYS_read);
	t_eq(fd, gate[0]);
	snprintf(at, sizeof(at), "task/%d/wchan", sleeper);
	t_check(is_name(of(getpid(), at)));
	snprintf(at, sizeof(at), "task/%d/stack", sleeper);
	t_check(frames(of(getpid(), at)) >= 2);
	t_put(gate[1]);
	t_ret(pthread_join(t, NULL), 0);
}

T_CASE(for_whom)
{
	static const char *const names[] = {"syscall", "stack", "wchan"};
	struct stat st;
	int hold[2], fd[2];
	char byte;
	pid_t pid, other;

	t_pipe(hold);
	T_CHILD(pid)
	{
		t_get(hold[0]);
	}
	t_check(asleep(pid, 'S'));
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
		t_ret(stat(path, &st), 0);
		t_eq(st.st_mode, S_IFREG | (i < 2 ? 0400 : 0444));
	}
	T_CHILD(other)
	{
		for (int i = 0; i < 2; i++) {
			snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
			t_ok(fd[i] = open(path, O_RDONLY));
		}
		t_become(1000, 1000);
		for (int i = 0; i < 2; i++) {
			t_errno(read(fd[i], &byte, 1), EPERM);
			snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
			t_errno(open(path, O_RDONLY), EACCES);
		}
		t_str(of(pid, "wchan"), "0");
		prctl(PR_SET_DUMPABLE, 1);
		t_ok(fd[0] = open("/proc/self/stack", O_RDONLY));
		t_errno(read(fd[0], &byte, 1), EACCES);
		t_ok(fd[0] = open("/proc/self/syscall", O_RDONLY));
		t_ret(read(fd[0], &byte, 1), 1);
	}
	t_exit(other, 0);
	t_put(hold[1]);
	t_exit(pid, 0);
}

static volatile bool done;

static void *rest(void *unused)
{
	sleeper = gettid();
	while (!done) {
		usleep(20);
		for (volatile int i = 0; i < 2000; i++)
			;
		sched_yield();
	}
	return NULL;
}

/* Threads that begin, sleep, wake and end meanwhile: every text is one of the possible ones. */
T_CASE(while_it_runs)
{
	static const char *const names[] = {"syscall", "stack", "wchan"};
	int odd = 0, seen = 0;
	pthread_t t;
	char at[64];

	for (int round = 0; round < 20; round++) {
		done = false;
		sleeper = 0;
		t_ret(pthread_create(&t, NULL, rest, NULL), 0);
		while (!sleeper)
			sched_yield();
		for (int i = 0; i < 60; i++) {
			const char *s;

			snprintf(at, sizeof(at), "task/%d/%s", sleeper, names[i % 3]);
			s = of(getpid(), at);
			if (i == 57)
				done = true;
			seen += *s != 0;
			odd += i % 3 == 0 ? *s && strcmp(s, "running\n") &&
						    strncmp(s, "-1 0x", 5) && !strstr(s, " 0x")
			       : i % 3 == 1 ? frames(s) < 0
					    : *s && strcmp(s, "0") && !is_name(s);
		}
		t_ret(pthread_join(t, NULL), 0);
	}
	t_eq(odd, 0);
	t_check(seen > 0);
}
