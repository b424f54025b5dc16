/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* jobcontrol.c - controlling terminals, foreground groups, keyboard signals, hang-up; through a
 * pseudo-terminal. */
#include "t_pty.h"

T_SUITE(jobcontrol);

T_CASE(controlling_terminal)
{
	pid_t pid;

	open_pair();
	T_CHILD(pid)
	{
		t_errno(open("/dev/tty", O_RDWR), ENXIO);
		t_errno(ioctl(slave, TIOCSCTTY, 0), EPERM); /* no session leader */
		t_ok(setsid());
		t_errno(tcgetpgrp(slave), ENOTTY);
		t_ret(ioctl(slave, TIOCSCTTY, 0), 0);
		int tty = open("/dev/tty", O_RDWR);
		t_ok(tty);
		t_eq(tcgetpgrp(tty), getpid());
		t_eq(tcgetsid(slave), getpid());
		t_ret(write(tty, "via tty\n", 8), 8);
		t_ret(ioctl(slave, TIOCSCTTY, 0), 0); /* again is no error */
		pid_t inner;
		T_CHILD(inner)
		{
			t_ok(open("/dev/tty", O_RDWR));
			t_ok(setsid());
			t_errno(open("/dev/tty", O_RDWR), ENXIO);
			t_errno(ioctl(slave, TIOCSCTTY, 0), EPERM); /* another session's */
		}
		t_exit(inner, 0);
		signal(SIGHUP, SIG_IGN);
		t_ret(ioctl(tty, TIOCNOTTY), 0);
		t_errno(open("/dev/tty", O_RDWR), ENXIO);
	}
	t_reads(master, "via tty\r\n");
	t_exit(pid, 0);
}

T_CASE(open_takes_the_terminal)
{
	pid_t pid;

	open_pair();
	T_CHILD(pid)
	{
		t_ok(setsid());
		t_ok(open(slave_path, O_RDWR | O_NOCTTY));
		t_errno(open("/dev/tty", O_RDWR), ENXIO);
		t_ok(open(slave_path, O_RDWR));
		t_ok(open("/dev/tty", O_RDWR));
	}
	t_exit(pid, 0);
}

T_CASE(foreground_group)
{
	pid_t pid;

	open_pair();
	T_CHILD(pid)
	{
		pid_t inner;
		int status, hold[2];
		t_pipe(hold);
		t_ok(setsid());
		t_ret(ioctl(slave, TIOCSCTTY, 0), 0);
		T_CHILD(inner)
		{
			t_get(hold[0]);
		}
		t_ret(setpgid(inner, inner), 0);
		t_errno(tcsetpgrp(slave, 999999), ESRCH);
		t_errno(tcsetpgrp(slave, -1), EINVAL);
		t_ret(tcsetpgrp(slave, inner), 0);
		t_eq(tcgetpgrp(slave), inner);
		/* ours is the background now, and an orphaned group: EIO, no stop */
		char byte;
		t_errno(read(slave, &byte, 1), EIO);
		signal(SIGTTOU, SIG_IGN);
		t_ret(tcsetpgrp(slave, getpid()), 0);
		t_put(hold[1]);
		t_ret(waitpid(inner, &status, 0), inner);
	}
	t_exit(pid, 0);
	t_eq(tcgetpgrp(master) >= 0, 1);
}

/* In a session of its own with the slave as terminal: the child's group is set as named, then it
 * runs. */
static pid_t job(bool foreground, void (*body)(void))
{
	pid_t pid = t_fork();

	if (pid == 0) {
		setpgid(0, 0);
		if (foreground) {
			signal(SIGTTOU, SIG_IGN);
			tcsetpgrp(slave, getpid());
			signal(SIGTTOU, SIG_DFL);
		}
		body();
		_exit(0);
	}
	setpgid(pid, pid);
	return pid;
}

static void own_terminal(void)
{
	open_pair();
	/* the case's process leads its session already */
	t_ret(ioctl(slave, TIOCSCTTY, 0), 0);
}

static void read_a_byte(void)
{
	char byte;

	_exit(read(slave, &byte, 1) == 1 ? 5 : 6);
}

static void write_a_byte(void)
{
	_exit(write(slave, "w", 1) == 1 ? 5 : 6);
}

T_CASE(background_read_stops)
{
	int status;
	pid_t pid;

	own_terminal();
	pid = job(false, read_a_byte);
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	t_check(WIFSTOPPED(status));
	t_eq(WSTOPSIG(status), SIGTTIN);
	t_ret(tcsetpgrp(slave, pid), 0);
	type("x\n");
	t_ret(kill(pid, SIGCONT), 0);
	t_exit(pid, 5);
	signal(SIGTTOU, SIG_IGN);
	t_ret(tcsetpgrp(slave, getpgrp()), 0);
}

static void read_ignoring(void)
{
	char byte;

	signal(SIGTTIN, SIG_IGN);
	_exit(read(slave, &byte, 1) < 0 && errno == EIO ? 7 : 8);
}

T_CASE(background_read_ignored_fails)
{
	own_terminal();
	t_exit(job(false, read_ignoring), 7);
}

T_CASE(background_write_and_tostop)
{
	int status;
	pid_t pid;

	own_terminal();
	t_exit(job(false, write_a_byte), 5);
	t_reads(master, "w");
	change(0, 0, 0, TOSTOP);
	pid = job(false, write_a_byte);
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	t_eq(WSTOPSIG(status), SIGTTOU);
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
	change(0, 0, TOSTOP, 0);
}

static void set_attributes(void)
{
	struct termios t;

	tcgetattr(slave, &t);
	_exit(tcsetattr(slave, TCSANOW, &t) == 0 ? 5 : 6);
}

T_CASE(background_tcsetattr_stops)
{
	int status;
	pid_t pid;

	own_terminal();
	pid = job(false, set_attributes);
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	t_eq(WSTOPSIG(status), SIGTTOU);
	t_ret(tcsetpgrp(slave, pid), 0);
	t_ret(kill(pid, SIGCONT), 0);
	t_exit(pid, 5);
}

static void sleep_long(void)
{
	for (;;)
		t_sleep_ms(1000);
}

T_CASE(keyboard_signals)
{
	const char keys[] = {3, 28};
	const int sigs[] = {SIGINT, SIGQUIT};
	int status;
	pid_t pid;

	own_terminal();
	change(0, 0, 0, ECHO | ECHOCTL);
	for (int i = 0; i < 2; i++) {
		pid = job(true, sleep_long);
		while (tcgetpgrp(slave) != pid)
			t_sleep_ms(1);
		t_ret(write(master, &keys[i], 1), 1);
		t_killed(pid, sigs[i]);
		t_reads(master, i ? "^\\" : "^C");
	}
	pid = job(true, sleep_long);
	while (tcgetpgrp(slave) != pid)
		t_sleep_ms(1);
	type("\032");
	t_ret(waitpid(pid, &status, WUNTRACED), pid);
	t_eq(WSTOPSIG(status), SIGTSTP);
	t_reads(master, "^Z");
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}

T_CASE(keyboard_signal_flushes)
{
	own_terminal();
	t_handler(SIGINT, count, 0);
	type("lost\003kept\n");
	t_reads(slave, "kept\n");
	t_eq(hits, 1);
	change(0, 0, 0, NOFLSH);
	type("kept\003too\n");
	t_reads(slave, "kepttoo\n");
	t_eq(hits, 2);
	change(0, 0, ISIG | NOFLSH, 0);
	type("\003\n");
	t_reads(slave, "\003\n");
	t_eq(hits, 2);
}

T_CASE(interrupted_read)
{
	char byte;
	pid_t pid;

	own_terminal();
	t_handler(SIGINT, count, 0);
	pid_t parent = getpid();
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		type("\003");
	}
	t_errno(read(slave, &byte, 1), EINTR);
	t_eq(seen_sig, SIGINT);
	t_exit(pid, 0);
}

T_CASE(leader_exit_hangs_up)
{
	pid_t pid;
	int up[2];

	t_pipe(up);
	open_pair();
	T_CHILD(pid)
	{
		t_ok(setsid());
		t_ret(ioctl(slave, TIOCSCTTY, 0), 0);
		pid_t inner = t_fork();
		if (inner == 0) {
			/* the foreground group hears SIGHUP when the leader leaves */
			t_handler(SIGHUP, count, 0);
			t_put(up[1]);
			while (!hits)
				t_sleep_ms(1);
			/* a pseudo-terminal itself does not hang up, but nobody's it is now */
			t_ret(write(slave, "x", 1), 1);
			t_errno(open("/dev/tty", O_RDWR), ENXIO);
			t_put(up[1]);
			_exit(0);
		}
		t_get(up[0]);
	}
	t_exit(pid, 0);
	t_get(up[0]);
	t_eq(hits, 0);
}

T_CASE(master_close_hangs_up)
{
	pid_t pid;
	int up[2], down[2];

	t_pipe(up);
	t_pipe(down);
	open_pair();
	T_CHILD(pid)
	{
		close(master);
		t_ok(setsid());
		t_ret(ioctl(slave, TIOCSCTTY, 0), 0);
		t_handler(SIGHUP, count, 0);
		t_handler(SIGCONT, count, 0);
		t_put(up[1]);
		while (!hits)
			t_sleep_ms(1);
		char buf[4];
		t_ret(read(slave, buf, 1), 0);
		t_errno(write(slave, "x", 1), EIO);
		struct pollfd p = {.fd = slave, .events = POLLIN};
		t_ret(poll(&p, 1, 0), 1);
		t_eq(p.revents & POLLHUP, POLLHUP);
	}
	t_get(up[0]);
	close(slave);
	close(master);
	t_exit(pid, 0);
}
