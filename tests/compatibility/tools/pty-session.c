/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * pty-session - runs a command on a pseudo-terminal of its own and plays a dialogue to it.
 *
 * usage: pty-session DIALOGUE COMMAND [ARGUMENT...]
 *
 * DIALOGUE is a file of lines: `wait TEXT` reads the terminal until TEXT has appeared behind what
 * was waited for before; `send TEXT` types it (\n \r \t \e \\ and \xHH are understood); `size ROWS
 * COLUMNS` changes the window. At the end the terminal is read until the command has left.
 * Everything the terminal printed goes to standard output with the carriage returns taken out, then
 * a line with the exit status. A text that does not come within 10 s ends the session with
 * status 99.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_S = 10, SEEN_MAX = 1 << 20 };

static char seen[SEEN_MAX];
static size_t seen_bytes, waited_bytes;
static int master;
static pid_t child;

static void finish(int status, const char *why)
{
	for (size_t i = 0; i < seen_bytes; i++) {
		if (seen[i] != '\r')
			putchar(seen[i]);
	}
	printf("\n[%s %d]\n", why, status);
	fflush(stdout);
	kill(-child, SIGKILL);
	_exit(status);
}

/* One helping from the terminal; false at its end. */
static bool take(int timeout_ms)
{
	struct pollfd p = {.fd = master, .events = POLLIN};

	if (poll(&p, 1, timeout_ms) <= 0)
		return true;
	ssize_t n = read(master, seen + seen_bytes, SEEN_MAX - 1 - seen_bytes);
	if (n <= 0)
		return false;
	seen_bytes += n;
	seen[seen_bytes] = 0;
	return true;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void wait_for(const char *text)
{
	const double end = now_s() + LIMIT_S;

	for (;;) {
		char *found =
			memmem(seen + waited_bytes, seen_bytes - waited_bytes, text, strlen(text));
		if (found) {
			waited_bytes = found - seen + strlen(text);
			return;
		}
		if (now_s() > end || !take(100)) {
			printf("[never came: %s]\n", text);
			finish(99, "gave up");
		}
	}
}

static size_t unescape(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++) {
		if (*from != '\\' || !from[1]) {
			*to++ = *from;
			continue;
		}
		switch (*++from) {
		case 'n':
			*to++ = '\n';
			break;
		case 'r':
			*to++ = '\r';
			break;
		case 't':
			*to++ = '\t';
			break;
		case 'e':
			*to++ = 27;
			break;
		case 'x': {
			char hex[3] = {from[1], from[1] ? from[2] : 0, 0};
			*to++ = (char)strtol(hex, NULL, 16);
			from += strlen(hex);
			break;
		}
		default:
			*to++ = *from;
		}
	}
	return to - text;
}

static void start(char **argv)
{
	struct winsize size = {24, 80, 0, 0};

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || unlockpt(master) < 0) {
		perror("pty-session: no pseudo-terminal");
		_exit(99);
	}
	ioctl(master, TIOCSWINSZ, &size);
	child = fork();
	if (child == 0) {
		setsid();
		int tty = open(ptsname(master), O_RDWR);
		ioctl(tty, TIOCSCTTY, 0);
		for (int fd = 0; fd < 3; fd++)
			dup2(tty, fd);
		if (tty > 2)
			close(tty);
		execvp(argv[0], argv);
		_exit(127);
	}
}

static void play(FILE *dialogue)
{
	char line[1024];

	while (fgets(line, sizeof(line), dialogue)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "wait ", 5)) {
			char *text = line + 5;
			text[unescape(text)] = 0;
			wait_for(text);
		} else if (!strncmp(line, "send ", 5)) {
			char *text = line + 5;
			size_t len = unescape(text);
			if (write(master, text, len) != (ssize_t)len)
				finish(99, "cannot type");
		} else if (!strncmp(line, "size ", 5)) {
			struct winsize size = {0};
			sscanf(line + 5, "%hu %hu", &size.ws_row, &size.ws_col);
			ioctl(master, TIOCSWINSZ, &size);
		}
	}
}

int main(int argc, char **argv)
{
	int status = 0;
	FILE *dialogue = argc >= 3 ? fopen(argv[1], "re") : NULL;

	if (!dialogue) {
		fprintf(stderr, "usage: pty-session DIALOGUE COMMAND [ARGUMENT...]\n");
		return 2;
	}
	start(argv + 2);
	play(dialogue);
	for (const double end = now_s() + LIMIT_S; now_s() < end && take(100);)
		;
	for (int i = 0; i < 100; i++) {
		if (waitpid(child, &status, WNOHANG) == child)
			finish(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
				"ended");
		usleep(10000);
	}
	finish(99, "did not end");
}
