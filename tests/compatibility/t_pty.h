/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* t_pty.h - a pseudo-terminal to check: both ends, typing, reading what arrives. For one suite
 * each. */
#pragma once

#include "t_.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;
static char slave_path[32];

static volatile int hits, seen_sig;

static inline void count(int sig)
{
	seen_sig = sig;
	hits++;
}

/* A pair; the slave has the settings of a fresh terminal but for echo. */
static inline void open_pair(void)
{
	int unlock = 0, number;
	struct termios t;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 ||
		ioctl(master, TIOCGPTN, &number) < 0)
		t_stop("no pseudo-terminal");
	snprintf(slave_path, sizeof(slave_path), "/dev/pts/%d", number);
	slave = open(slave_path, O_RDWR | O_NOCTTY);
	if (slave < 0 || tcgetattr(slave, &t) < 0)
		t_stop("no slave");
	t.c_lflag &= ~(ECHO | ECHOE | ECHOK);
	tcsetattr(slave, TCSANOW, &t);
}

static inline void change(tcflag_t in_off, tcflag_t in_on, tcflag_t l_off, tcflag_t l_on)
{
	struct termios t;

	tcgetattr(slave, &t);
	t.c_iflag = (t.c_iflag & ~in_off) | in_on;
	t.c_lflag = (t.c_lflag & ~l_off) | l_on;
	tcsetattr(slave, TCSANOW, &t);
}

static inline void set_control(int which, int value)
{
	struct termios t;

	tcgetattr(slave, &t);
	t.c_cc[which] = value;
	tcsetattr(slave, TCSANOW, &t);
}

static inline void type(const char *text)
{
	if (write(master, text, strlen(text)) != (ssize_t)strlen(text))
		t_stop("the master takes no text");
}

/*
 * What this side reads, as a string: until there is as much as is expected, for two seconds at the
 * most. The master's bytes reach the slave a little after the write that brought them.
 */
static inline const char *reads(int fd, size_t len)
{
	static char buf[8192];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	const long long end = t_now_ns() + 2000000000ll;
	size_t have = 0;

	do {
		if (poll(&p, 1, 100) != 1)
			continue;
		ssize_t n = read(fd, buf + have, sizeof(buf) - 1 - have);
		if (n < 0)
			return "(error)";
		have += n;
	} while (have < len && t_now_ns() < end);
	buf[have] = 0;
	return buf;
}

#define t_reads(fd, want) t_str(reads(fd, strlen(want)), want)

/* Waits until the slave has so many bytes to give. */
static inline void ready(int want)
{
	int have = -1;

	for (int i = 0; i < 2000 && have != want; i++) {
		ioctl(slave, FIONREAD, &have);
		if (have != want)
			t_sleep_ms(1);
	}
	t_eq(have, want);
}

static inline bool quiet(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 30) == 0;
}
