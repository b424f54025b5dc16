/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * workload.c - what people let a machine do, for the traces of the predictor: `record` runs it
 * inside.
 *
 *   workload shell      bash on a terminal; somebody types, corrects and waits for what comes
 *   workload build      a build script: sources are written, each is compiled, two at a time (in
 *                       an image without gcc text tools take its place), the results are put
 *                       together and summed
 *   workload pingpong   two processes pass a byte to and fro through pipes
 *   workload server     eight clients ask a server for files of many sizes with their checksums,
 *                       and think between
 *
 * Pauses and sizes come from a fixed seed. Prints the machine's own count at the end:
 * `NAME bursts B predicted P`, of all processors.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 1200, CLIENTS = 8, REQUESTS = 60, FILES = 16, CHUNK = 16384 };

static uint64_t seed = 1;

static unsigned roll(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

static void need(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

static void pause_ms(unsigned ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&t, NULL);
}

static void reap_all(void)
{
	int status;

	while (wait(&status) > 0)
		if (status)
			fprintf(stderr, "workload: a child ended with %#x\n", status);
}

/* ---- shell ---- */

static const char *const typed[] = {"ls", "cd /usr/bin", "ls -l | head -20", "pwd", "echo $HOME",
	"cat /etc/passwd", "grep root /etc/passwd", "ps", "for i in 1 2 3; do echo $i; done", "cd",
	"mkdir -p notes/old", "echo hello > notes/a", "cat notes/a", "cp notes/a notes/b",
	"ls -la notes", "wc notes/*", "uname -a", "date", "history | tail -5",
	"find /usr/lib -name '*.so*' | wc -l", "df", "mv notes/b notes/old",
	"sort /etc/group | head", "id", "free", "sed -e s/l/L/g notes/a", "md5sum /bin/bash",
	"rm -r notes", "true && echo yes", "exit"};

/* What came from the terminal is read, as a terminal's program does, until it has been still for so
 * long. */
static void look_at(int terminal, unsigned still_ms)
{
	struct pollfd p = {terminal, POLLIN, 0};
	char text[4096];

	while (poll(&p, 1, (int)still_ms) > 0)
		if (read(terminal, text, sizeof(text)) <= 0)
			return;
}

static void key(int terminal, char c)
{
	need(write(terminal, &c, 1) == 1, "write to the terminal");
	look_at(terminal, 60 + roll(140));
}

static void shell(void)
{
	struct winsize size = {24, 80, 0, 0};
	int terminal;
	pid_t pid = forkpty(&terminal, NULL, NULL, &size);

	need(pid >= 0, "forkpty");
	if (!pid) {
		setenv("HOME", "/root", 1);
		setenv("TERM", "linux", 1);
		execl("/bin/bash", "bash", "-i", (char *)NULL);
		_exit(127);
	}
	look_at(terminal, 500);
	for (unsigned i = 0; i < sizeof(typed) / sizeof(*typed); i++) {
		for (const char *c = typed[i]; *c; c++) {
			if (!roll(20)) { /* a slip of the finger, and back */
				key(terminal, 'q');
				key(terminal, '\177');
			}
			key(terminal, *c);
		}
		need(write(terminal, "\r", 1) == 1, "write to the terminal");
		look_at(terminal, 500 + roll(2000));
	}
	reap_all();
}

/* ---- build ---- */

static const char script[] =
	"set -e\n"
	"mkdir -p /tmp/build; cd /tmp/build\n"
	"for i in 1 2 3 4 5 6 7 8 9 10 11 12; do\n"
	"  { echo '#include <stdio.h>'; echo '#include <stdlib.h>'; echo '#include <string.h>'\n"
	"    for f in $(seq $((i * 3))); do\n"
	"      echo \"int f${i}_$f(int x) { char b[64]; snprintf(b, 64, \\\"%d\\\", x * $f); "
	"return (int)strlen(b) + atoi(b); }\"\n"
	"    done; } > m$i.c\n"
	"done\n"
	"one() {\n"
	"  if command -v gcc >/dev/null; then gcc -O2 -c m$1.c -o m$1.o\n"
	"  else tr -s ' ' '\\n' < m$1.c | sort | uniq -c | sort -rn | awk '{ n += $1 } END { print "
	"n }' > m$1.o; gzip -c m$1.c >> m$1.o; fi\n"
	"}\n"
	"for i in 1 2 3 4 5 6 7 8 9 10 11 12; do\n"
	"  [ m$i.o -nt m$i.c ] || one $i &\n"
	"  [ $((i % 2)) = 1 ] || wait\n"
	"done\n"
	"wait\n"
	"cat m*.o > all\n"
	"md5sum all m*.c > sums; grep -c m sums >/dev/null; ls -l > /dev/null\n";

static void build(void)
{
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (!pid) {
		execl("/bin/bash", "bash", "-c", script, (char *)NULL);
		_exit(127);
	}
	reap_all();
}

/* ---- pingpong ---- */

static void pingpong(void)
{
	int there[2], back[2];
	char c = 0;
	pid_t pid;

	need(!pipe(there) && !pipe(back), "pipe");
	pid = fork();
	need(pid >= 0, "fork");
	for (int i = 0; i < ROUNDS; i++) {
		if (pid)
			need(write(there[1], &c, 1) == 1 && read(back[0], &c, 1) == 1, "ping");
		else
			need(read(there[0], &c, 1) == 1 && write(back[1], &c, 1) == 1, "pong");
	}
	if (!pid)
		_exit(0);
	reap_all();
}

/* ---- server ---- */

static void client(int fd, unsigned n)
{
	static char text[CHUNK];

	seed = n + 1;
	for (int i = 0; i < REQUESTS; i++) {
		unsigned want = roll(4) ? roll(FILES / 2) : roll(FILES);
		uint32_t left;

		pause_ms(5 + roll(60));
		need(write(fd, &want, sizeof(want)) == sizeof(want), "request");
		need(read(fd, &left, sizeof(left)) == sizeof(left), "answer");
		while (left) {
			ssize_t got = read(fd, text, left < CHUNK ? left : CHUNK);

			need(got > 0, "answer");
			left -= (uint32_t)got;
		}
	}
	_exit(0);
}

static volatile uint32_t checksum;

static void file_name(char name[32], unsigned n)
{
	snprintf(name, 32, "/tmp/served-%u", n);
}

/* The files are of 512 bytes to 16 KB: half of them small, which are asked for most. */
static void make_files(void)
{
	static char text[CHUNK];
	char name[32];

	for (unsigned n = 0; n < FILES; n++) {
		int fd;

		file_name(name, n);
		fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644);
		need(fd >= 0 && write(fd, text, 512 + n * n * 68) > 0, "a file to serve");
		close(fd);
	}
}

static void answer(int fd, unsigned want)
{
	static char text[sizeof(uint32_t) + CHUNK];
	char name[32];
	uint32_t len;
	ssize_t got;
	int file;

	file_name(name, want % FILES);
	file = open(name, O_RDONLY);
	need(file >= 0, "a file to serve");
	got = read(file, text + sizeof(len), CHUNK);
	need(got >= 0, "read");
	close(file);
	for (int round = 0; round < 4; round++)
		for (ssize_t i = 0; i < got; i++)
			checksum = (checksum ^ (unsigned char)text[sizeof(len) + (size_t)i]) *
				   16777619u;
	len = (uint32_t)got;
	memcpy(text, &len, sizeof(len));
	need(write(fd, text, sizeof(len) + len) == (ssize_t)(sizeof(len) + len), "answer");
}

static void server(void)
{
	struct epoll_event ready[CLIENTS], add = {.events = EPOLLIN};
	int all = epoll_create1(0), open_clients = CLIENTS;

	need(all >= 0, "epoll_create1");
	make_files();
	for (unsigned n = 0; n < CLIENTS; n++) {
		int pair[2];
		pid_t pid;

		need(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
		pid = fork();
		need(pid >= 0, "fork");
		if (!pid) {
			close(pair[0]);
			client(pair[1], n);
		}
		close(pair[1]);
		add.data.fd = pair[0];
		need(!epoll_ctl(all, EPOLL_CTL_ADD, pair[0], &add), "epoll_ctl");
	}
	while (open_clients) {
		int n = epoll_wait(all, ready, CLIENTS, -1);

		need(n > 0, "epoll_wait");
		for (int i = 0; i < n; i++) {
			unsigned want;

			if (read(ready[i].data.fd, &want, sizeof(want)) == sizeof(want)) {
				answer(ready[i].data.fd, want);
			} else {
				/* the clients that came later hold it too: closing is not enough */
				epoll_ctl(all, EPOLL_CTL_DEL, ready[i].data.fd, NULL);
				close(ready[i].data.fd);
				open_clients--;
			}
		}
	}
	reap_all();
}

/* A number of all processors together in /proc/schedstat. */
static long long counted(const char *name)
{
	char word[64];
	long long n, sum = 0;
	FILE *f = fopen("/proc/schedstat", "r");

	need(f != NULL, "/proc/schedstat");
	while (fscanf(f, "%63s", word) == 1)
		if (!strcmp(word, name) && fscanf(f, "%lld", &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} all[] = {{"shell", shell}, {"build", build}, {"pingpong", pingpong}, {"server", server}};

	for (unsigned i = 0; argc == 2 && i < sizeof(all) / sizeof(*all); i++) {
		long long bursts = counted("bursts"), predicted = counted("predicted");

		if (strcmp(argv[1], all[i].name) != 0)
			continue;
		all[i].run();
		bursts = counted("bursts") - bursts;
		predicted = counted("predicted") - predicted;
		printf("%s bursts %lld predicted %lld\n", argv[1], bursts, predicted);
		return 0;
	}
	fprintf(stderr, "usage: workload shell|build|pingpong|server\n");
	return 2;
}
