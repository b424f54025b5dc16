/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* tty.c - the line discipline and termios, through a pseudo-terminal. */
#include "t_pty.h"

T_SUITE(tty);

T_CASE(pair_opens)
{
	struct stat st;
	int number, other;

	t_ok(master = open("/dev/ptmx", O_RDWR | O_NOCTTY));
	t_ret(ioctl(master, TIOCGPTN, &number), 0);
	snprintf(slave_path, sizeof(slave_path), "/dev/pts/%d", number);
	t_errno(open(slave_path, O_RDWR | O_NOCTTY), EIO); /* locked */
	t_ret(unlockpt(master), 0);
	t_ok(slave = open(slave_path, O_RDWR | O_NOCTTY));
	t_ret(isatty(slave), 1);
	t_ret(isatty(master), 1);
	t_ret(fstat(slave, &st), 0);
	t_check(S_ISCHR(st.st_mode));
	t_eq(st.st_rdev >> 8, 136);
	t_ok(other = open("/dev/ptmx", O_RDWR | O_NOCTTY));
	int second;
	t_ret(ioctl(other, TIOCGPTN, &second), 0);
	t_check(second != number);
	t_ret(close(other), 0);
	t_ret(close(slave), 0);
	t_ret(close(master), 0);
	t_errno(open(slave_path, O_RDWR | O_NOCTTY), ENOENT);
}

/* Only a pair has a name there, for as long as it lives. */
T_CASE(nothing_else_is_made_in_devpts)
{
	struct stat st;

	open_pair();
	t_errno(open("/dev/pts/made", O_RDWR | O_CREAT, 0666), EACCES);
	t_errno(mkdir("/dev/pts/made", 0777), EPERM);
	t_errno(mknod("/dev/pts/made", S_IFIFO | 0666, 0), EPERM);
	t_errno(symlink("/", "/dev/pts/made"), EPERM);
	t_errno(link(slave_path, "/dev/pts/made"), EPERM);
	t_errno(rename(slave_path, "/dev/pts/made"), EPERM);
	t_errno(unlink(slave_path), EPERM);
	t_ret(stat(slave_path, &st), 0);
	t_ret(chmod(slave_path, 0600), 0);
	t_ret(stat(slave_path, &st), 0);
	t_eq(st.st_mode & 07777, 0600);
}

T_CASE(fresh_termios)
{
	struct termios t;
	int unlock = 0;

	t_ok(master = open("/dev/ptmx", O_RDWR | O_NOCTTY));
	t_ret(ioctl(master, TIOCSPTLCK, &unlock), 0);
	t_ok(slave = open(ptsname(master), O_RDWR | O_NOCTTY));
	t_ret(tcgetattr(slave, &t), 0);
	t_eq(t.c_iflag, ICRNL | IXON);
	t_eq(t.c_oflag, OPOST | ONLCR);
	t_eq(t.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
	t_eq(t.c_cflag & (CSIZE | CREAD), CS8 | CREAD);
	t_eq(t.c_cc[VINTR], 3);
	t_eq(t.c_cc[VQUIT], 28);
	t_eq(t.c_cc[VERASE], 127);
	t_eq(t.c_cc[VKILL], 21);
	t_eq(t.c_cc[VEOF], 4);
	t_eq(t.c_cc[VSUSP], 26);
	t_eq(t.c_cc[VWERASE], 23);
	t_eq(t.c_cc[VMIN], 1);
	t_eq(t.c_cc[VTIME], 0);
}

T_CASE(termios_round_trip)
{
	struct termios t, back;

	open_pair();
	t_ret(tcgetattr(slave, &t), 0);
	t.c_lflag &= ~(ICANON | ISIG);
	t.c_cc[VMIN] = 7;
	t.c_cc[VTIME] = 3;
	for (int how = TCSANOW; how <= TCSAFLUSH; how++) {
		t.c_cc[VERASE] = 10 + how;
		t_ret(tcsetattr(slave, how, &t), 0);
		t_ret(tcgetattr(slave, &back), 0);
		t_eq(back.c_lflag, t.c_lflag);
		t_eq(back.c_cc[VMIN], 7);
		t_eq(back.c_cc[VERASE], 10 + how);
	}
	t_ret(tcgetattr(master, &back), 0); /* both ends see the slave's */
	t_eq(back.c_cc[VMIN], 7);
	t_errno(ioctl(slave, TCGETS, (void *)8), EFAULT);
	t_errno(ioctl(slave, TCSETS, (void *)8), EFAULT);
	t_errno(ioctl(slave, 0x54ff, 0), ENOTTY);
	int fds[2];
	t_pipe(fds);
	t_errno(ioctl(fds[0], TCGETS, &t), ENOTTY);
}

T_CASE(canonical_lines)
{
	int waiting;

	open_pair();
	type("one");
	t_check(quiet(slave));
	type(" line\nnext\n");
	t_reads(slave, "one line\n");
	t_ret(ioctl(slave, FIONREAD, &waiting), 0);
	t_eq(waiting, 5);
	char buf[3] = "";
	t_ret(read(slave, buf, 2), 2); /* a short read leaves the rest of its line */
	t_str(buf, "ne");
	t_reads(slave, "xt\n");
	t_check(quiet(slave));
}

T_CASE(canonical_editing)
{
	open_pair();
	type("abx\177c\n");
	t_reads(slave, "abc\n");
	type("\177\177x\177\177\n");
	t_reads(slave, "\n");
	type("wrong line\025right\n");
	t_reads(slave, "right\n");
	type("keep this word\027\027all\n");
	t_reads(slave, "keep all\n");
	type("a  \027\027b\n");
	t_reads(slave, "b\n");
	type("\026\177lit\026\003\n"); /* ^V takes the next as it is */
	t_reads(slave, "\177lit\003\n");
	set_control(VERASE, '#');
	type("ab#c\n");
	t_reads(slave, "ac\n");
	set_control(VERASE, 0); /* disabled */
	type("ab#c\n");
	t_reads(slave, "ab#c\n");
}

T_CASE(canonical_end_of_file)
{
	char buf[16] = "";

	open_pair();
	type("part\004");
	t_ret(read(slave, buf, sizeof(buf)), 4);
	t_mem(buf, "part", 4);
	type("\004");
	t_ret(read(slave, buf, sizeof(buf)), 0);
	type("x\n");
	t_ret(read(slave, buf, sizeof(buf)), 2);
	type("a\004b\n\004");
	t_sleep_ms(20);
	t_ret(read(slave, buf, sizeof(buf)), 1);
	t_ret(read(slave, buf, sizeof(buf)), 2);
	t_ret(read(slave, buf, sizeof(buf)), 0);
}

T_CASE(extra_line_ends)
{
	open_pair();
	set_control(VEOL, ';');
	type("a;b\n");
	t_reads(slave, "a;");
	t_reads(slave, "b\n");
	set_control(VEOL, 0);
	set_control(VEOL2, '!');
	type("c!");
	t_reads(slave, "c!");
}

T_CASE(input_mapping)
{
	open_pair();
	type("cr\r");
	t_reads(slave, "cr\n");
	change(ICRNL, IGNCR, 0, 0);
	type("a\rb\n");
	t_reads(slave, "ab\n");
	change(IGNCR, INLCR, 0, 0);
	type("a\n\004");
	t_reads(slave, "a\r");
	change(INLCR | ICRNL, ISTRIP, 0, 0);
	type("\341\n");
	t_reads(slave, "a\n");
	change(ISTRIP, IUCLC, 0, IEXTEN);
	type("ABC\n");
	t_reads(slave, "abc\n");
	change(IUCLC, 0, 0, 0);
	type("\303\251\n");
	t_reads(slave, "\303\251\n");
}

T_CASE(output_mapping)
{
	struct termios t;

	open_pair();
	t_ret(write(slave, "a\nb\r", 4), 4);
	t_reads(master, "a\r\nb\r");
	tcgetattr(slave, &t);
	t.c_oflag = OPOST | OCRNL;
	tcsetattr(slave, TCSANOW, &t);
	t_ret(write(slave, "a\nb\rc", 5), 5);
	t_reads(master, "a\nb\nc");
	t.c_oflag = OPOST | OLCUC;
	tcsetattr(slave, TCSANOW, &t);
	t_ret(write(slave, "abc", 3), 3);
	t_reads(master, "ABC");
	t.c_oflag = OPOST | XTABS;
	tcsetattr(slave, TCSANOW, &t);
	t_ret(write(slave, "\ra\tb", 4), 4);
	t_reads(master, "\ra       b");
	t.c_oflag = OPOST | ONLRET | ONOCR;
	tcsetattr(slave, TCSANOW, &t);
	t_ret(write(slave, "\n\rx", 3), 3);
	t_reads(master, "\nx"); /* a return at column 0 is not sent */
	t.c_oflag = ONLCR;      /* without OPOST nothing is touched */
	tcsetattr(slave, TCSANOW, &t);
	t_ret(write(slave, "a\nb\r\t", 5), 5);
	t_reads(master, "a\nb\r\t");
}

T_CASE(echo_forms)
{
	open_pair();
	change(0, 0, 0, ECHO);
	type("hi\n");
	t_reads(master, "hi\r\n");
	t_reads(slave, "hi\n");
	change(0, 0, ECHOCTL | ISIG, ECHO);
	type("\001\n");
	t_reads(master, "\001\r\n");
	t_reads(slave, "\001\n");
	change(0, 0, 0, ECHO | ECHOCTL);
	type("\001\033\n");
	t_reads(master, "^A^[\r\n");
	t_reads(slave, "\001\033\n");
	change(0, 0, ECHO, ECHONL);
	type("hidden\n");
	t_reads(master, "\r\n");
	t_reads(slave, "hidden\n");
	change(0, 0, ECHONL, 0);
	type("nothing\n");
	t_reads(slave, "nothing\n");
	t_check(quiet(master));
}

T_CASE(echo_of_editing)
{
	open_pair();
	change(0, 0, 0, ECHO | ECHOE | ECHOK | ECHOKE | ECHOCTL);
	type("ab\177");
	t_reads(master, "ab\b \b");
	type("\025");
	t_reads(master, "\b \b");
	type("a\001\177");
	t_reads(master, "a^A\b \b\b \b");
	type("\177\177");
	t_reads(master, "\b \b");
	type("two words\027");
	t_reads(master, "two words\b \b\b \b\b \b\b \b\b \b");
	type("\025");
	t_reads(master, "\b \b\b \b\b \b\b \b");
	change(0, 0, ECHOE | ECHOKE, ECHOK);
	type("ab\177");
	t_reads(master, "ab^?");
	type("\025");
	t_reads(master, "^U\r\n");
}

T_CASE(echo_of_end_of_file_is_none)
{
	char buf[4];

	open_pair();
	change(0, 0, 0, ECHO | ECHOCTL);
	type("\004");
	t_ret(read(slave, buf, 4), 0);
	t_check(quiet(master));
}

T_CASE(raw_minimum_and_time)
{
	char buf[16];
	long long start;

	open_pair();
	change(ICRNL | IXON, 0, ICANON | ISIG | IEXTEN, 0);
	set_control(VMIN, 1);
	type("x");
	t_ret(read(slave, buf, 8), 1);
	type("\003\004\r\177");
	ready(4);
	t_ret(read(slave, buf, 8), 4);
	t_mem(buf, "\003\004\r\177", 4);
	set_control(VMIN, 0);
	t_ret(read(slave, buf, 8), 0);
	type("ab");
	ready(2);
	t_ret(read(slave, buf, 8), 2);
	set_control(VTIME, 2);
	start = t_now_ns();
	t_ret(read(slave, buf, 8), 0);
	t_check(t_now_ns() - start >= 150000000);
	set_control(VMIN, 3);
	set_control(VTIME, 0);
	type("ab");
	t_check(quiet(slave));
	type("cd");
	ready(4);
	t_ret(read(slave, buf, 8), 4);
	set_control(VMIN, 9);
	set_control(VTIME, 1);
	type("zz");
	ready(2);
	t_ret(read(slave, buf, 9), 2); /* the timer runs from the first byte */
}

T_CASE(raw_reader_waits_for_minimum)
{
	pid_t pid;

	open_pair();
	change(0, 0, ICANON, 0);
	set_control(VMIN, 4);
	T_CHILD(pid)
	{
		char buf[8];
		t_ret(read(slave, buf, 8), 4);
	}
	t_check(t_wait_state(pid, 'S'));
	type("abc");
	t_sleep_ms(20);
	t_ret(waitpid(pid, NULL, WNOHANG), 0);
	type("d");
	t_exit(pid, 0);
}

T_CASE(nonblocking_read)
{
	char buf[8];

	open_pair();
	t_ret(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	t_errno(read(slave, buf, 8), EAGAIN);
	type("part");
	t_check(quiet(slave));
	t_errno(read(slave, buf, 8), EAGAIN);
	type("\n");
	ready(5);
	t_ret(read(slave, buf, 8), 5);
	t_ret(fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	t_errno(read(master, buf, 8), EAGAIN);
}

T_CASE(mode_change_keeps_input)
{
	char buf[8];

	open_pair();
	type("abc");
	t_check(quiet(slave));
	change(0, 0, ICANON, 0); /* what was an unfinished line can be read now */
	t_ret(read(slave, buf, 8), 3);
	type("def");
	ready(3);
	struct termios t;
	tcgetattr(slave, &t);
	t_ret(tcsetattr(slave, TCSAFLUSH, &t), 0);
	t_check(quiet(slave));
	type("ghi");
	ready(3);
	t_ret(tcflush(slave, TCIFLUSH), 0);
	t_check(quiet(slave));
	t_errno(tcflush(slave, 99), EINVAL);
	t_ret(tcdrain(slave), 0);
}

T_CASE(long_line_is_cut)
{
	static char line[5000];

	open_pair();
	memset(line, 'x', sizeof(line));
	line[4998] = 0;
	fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
	for (int at = 0; at < 4998;) {
		ssize_t n = write(master, line + at, 4998 - at);
		if (n <= 0)
			break;
		at += n;
	}
	t_check(write(master, "\n", 1) == 1);
	t_ret(read(slave, line, sizeof(line)), 4096); /* 4095 of them and the end of line */
	t_eq(line[4095], '\n');
}

T_CASE(window_size)
{
	struct winsize size = {24, 80, 0, 0}, now;
	pid_t pid;
	int up[2];

	t_pipe(up);
	open_pair();
	t_ret(ioctl(slave, TIOCGWINSZ, &now), 0);
	t_eq(now.ws_row + now.ws_col, 0);
	t_ret(ioctl(master, TIOCSWINSZ, &size), 0);
	t_ret(ioctl(slave, TIOCGWINSZ, &now), 0);
	t_eq(now.ws_row, 24);
	t_eq(now.ws_col, 80);
	T_CHILD(pid)
	{
		setsid();
		t_ret(ioctl(slave, TIOCSCTTY, 0), 0);
		t_handler(SIGWINCH, count, 0);
		t_put(up[1]);
		while (!hits)
			t_sleep_ms(1);
		t_ret(ioctl(slave, TIOCGWINSZ, &now), 0);
		t_eq(now.ws_col, 132);
	}
	t_get(up[0]);
	size.ws_col = 132;
	t_ret(ioctl(master, TIOCSWINSZ, &size), 0);
	t_exit(pid, 0);
	t_errno(ioctl(slave, TIOCGWINSZ, (void *)8), EFAULT);
	t_errno(ioctl(open(".", O_RDONLY), TIOCGWINSZ, &now), ENOTTY);
}

T_CASE(slave_close_is_seen)
{
	char buf[8];
	struct pollfd p;

	open_pair();
	t_ret(write(slave, "last", 4), 4);
	t_ret(close(slave), 0);
	t_ret(read(master, buf, 8), 4);
	t_errno(read(master, buf, 8), EIO);
	p = (struct pollfd){.fd = master, .events = POLLIN};
	t_ret(poll(&p, 1, 0), 1);
	t_eq(p.revents & POLLHUP, POLLHUP);
	t_ok(slave = open(slave_path, O_RDWR | O_NOCTTY)); /* and it comes back */
	t_ret(write(slave, "again", 5), 5);
	t_ret(read(master, buf, 8), 5);
}

T_CASE(poll_readiness)
{
	struct pollfd p[2];

	open_pair();
	p[0] = (struct pollfd){.fd = master, .events = POLLIN | POLLOUT};
	p[1] = (struct pollfd){.fd = slave, .events = POLLIN | POLLOUT};
	t_ret(poll(p, 2, 0), 2);
	t_eq(p[0].revents, POLLOUT);
	t_eq(p[1].revents, POLLOUT);
	type("x");
	t_check(quiet(slave));
	t_ret(poll(&p[1], 1, 0), 1);
	t_eq(p[1].revents, POLLOUT);
	type("\n");
	ready(2);
	t_ret(poll(&p[1], 1, 0), 1);
	t_eq(p[1].revents, POLLIN | POLLOUT);
	t_ret(write(slave, "y", 1), 1);
	t_ret(poll(&p[0], 1, 1000), 1);
	t_eq(p[0].revents, POLLIN | POLLOUT);
}

T_CASE(flow_control)
{
	open_pair();
	type("\023"); /* ^S */
	t_check(quiet(slave));
	fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
	t_errno(write(slave, "held", 4), EAGAIN);
	t_check(quiet(master));
	type("\021"); /* ^Q */
	struct pollfd p = {.fd = slave, .events = POLLOUT};
	t_ret(poll(&p, 1, 2000), 1);
	t_ret(write(slave, "free", 4), 4);
	t_reads(master, "free");
	t_ret(tcflow(slave, TCOOFF), 0);
	t_errno(write(slave, "held", 4), EAGAIN);
	t_ret(tcflow(slave, TCOON), 0);
	t_ret(write(slave, "free", 4), 4);
	t_reads(master, "free");
}

/* What root has locked stays as it is, whoever sets what. */
T_CASE(locked_termios)
{
	struct termios t;
	struct kernel_termios {
		unsigned iflag, oflag, cflag, lflag;
		unsigned char line, cc[19];
	} fixed = {0}, zero = {0};
	unsigned echo;

	open_pair();
	memset(&fixed, 1, sizeof(fixed));
	t_ret(ioctl(slave, TIOCGLCKTRMIOS, &fixed), 0);
	t_mem(&fixed, &zero, sizeof(fixed));
	fixed.lflag = ECHO;
	fixed.cc[VINTR] = 1;
	if (geteuid()) {
		t_errno(ioctl(slave, TIOCSLCKTRMIOS, &fixed), EPERM);
		return;
	}
	t_errno(ioctl(slave, TIOCSLCKTRMIOS, (void *)1), EFAULT);
	t_errno(ioctl(slave, TIOCGLCKTRMIOS, (void *)1), EFAULT);
	t_ret(ioctl(slave, TIOCSLCKTRMIOS, &fixed), 0);
	t_ret(ioctl(master, TIOCGLCKTRMIOS, &zero), 0);
	t_eq(zero.lflag, ECHO);
	t_ret(tcgetattr(slave, &t), 0);
	echo = t.c_lflag & ECHO;
	t.c_lflag ^= ECHO | ICANON;
	t.c_cc[VINTR] = 9;
	t.c_cc[VQUIT] = 9;
	t_ret(tcsetattr(slave, TCSANOW, &t), 0);
	t_ret(tcgetattr(slave, &t), 0);
	t_eq(t.c_lflag & (ECHO | ICANON), echo);
	t_eq(t.c_cc[VINTR], 3);
	t_eq(t.c_cc[VQUIT], 9);
}
