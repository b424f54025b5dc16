/* exo top - threads as the scheduler sees them: band and prediction, time run and waited, and what
 * their process holds. Everything comes from /proc; the page on it is docs/guides/EXO_TOP.md.
 *
 * A frame is read whole, then sorted, then written at once. What ends while it is read is left out.
 * The figures of a frame are of the time since the one before; the first: since the machine began,
 * or the thread. */
#include "exo.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 4096 /* more are counted in the head and not shown */
#define OUT_MAX     (THREADS_MAX * 128)
#define NS_PER_US   1000ULL
#define NS_PER_MS   1000000ULL
#define NS_PER_S    1000000000ULL

struct row {
	int pid, tid;
	unsigned cpu;
	char state, name[17], band[10];
	uint64_t predicted_ns, run_ns, wait_ns;
	unsigned permille; /* of one processor */
	int caps, rings;   /* of the process; -1 = not ours to see */
};
struct machine { /* sums of all processors */
	uint64_t at_ns, run_ns, idle_ns, switches, steals, bursts, predicted;
	unsigned cpus;
};

static struct row rows[THREADS_MAX], before[THREADS_MAX];
static unsigned used, used_before, threads, caps_all, rings_all;
static struct machine now, last;
static char out[OUT_MAX], sort_by = 'c';
static size_t out_len;
static volatile sig_atomic_t over;
static struct termios saved;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	out_len += exo_format(out + out_len, sizeof(out) - out_len, format, list);
	va_end(list);
}

static void path_of(char *path, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void path_of(char *path, size_t size, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	exo_format(path, size, format, list);
	va_end(list);
}

static void flush(void)
{
	size_t done = 0;

	while (done < out_len) {
		ssize_t n = write(STDOUT_FILENO, out + done, out_len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	out_len = 0;
}

/* A whole file of /proc as text. Return: it could be read. */
static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return 0;
	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return n >= 0;
}

/* The word after `name`, which begins a word; "" = there is none. */
static const char *word_after(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = text; (p = strstr(p, name)); p += len)
		if ((p == text || isspace((unsigned char)p[-1])) && p[len] == ' ')
			return p + len + 1;
	return "";
}

static uint64_t number_after(const char *text, const char *name)
{
	return strtoull(word_after(text, name), NULL, 10);
}

static void read_machine(void)
{
	static char text[65536];
	char *line, *rest = text;
	struct timespec t;

	last = now;
	memset(&now, 0, sizeof(now));
	clock_gettime(CLOCK_BOOTTIME, &t);
	now.at_ns = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	if (!read_text("/proc/schedstat", text, sizeof(text)))
		return;
	while ((line = strsep(&rest, "\n")) && !strncmp(line, "cpu", 3)) {
		now.cpus++;
		now.run_ns += number_after(line, "run_ns");
		now.idle_ns += number_after(line, "idle_ns");
		now.switches += number_after(line, "switches");
		now.steals += number_after(line, "steals");
		now.bursts += number_after(line, "bursts");
		now.predicted += number_after(line, "predicted");
	}
}

/* Calls see() for each name of a directory that is a number. Return: it could be read. */
static int each_number(const char *path, void (*see)(int n, int dir, void *of), void *of)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent64 *e;
	char buf[2048] __attribute__((aligned(8)));
	long len;

	if (dir < 0)
		return 0;
	while ((len = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
		for (long at = 0; at < len; at += e->d_reclen) {
			e = (struct dirent64 *)(buf + at);
			if (isdigit((unsigned char)e->d_name[0]))
				see(atoi(e->d_name), dir, of);
		}
	close(dir);
	return 1;
}

struct held {
	int pid, proc, caps, rings; /* proc: our descriptor of /proc */
};

static void see_descriptor(int fd, int dir, void *of)
{
	struct held *h = of;
	char name[16], target[32];
	ssize_t n;

	if (h->pid == getpid() && (fd == dir || fd == h->proc))
		return; /* held by this look alone */
	h->caps++;
	path_of(name, sizeof(name), "%d", fd);
	n = readlinkat(dir, name, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	h->rings += !strcmp(target, "anon_inode:[exo-ring]") ||
		    !strcmp(target, "anon_inode:[exo-channel]");
}

static void copy_text(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size - 1);

	memcpy(to, from, len);
	to[len] = '\0';
}

/* Return: the thread is still there. */
static int read_thread(struct row *r)
{
	char path[64], text[1024], *name, *end, *field;

	path_of(path, sizeof(path), "/proc/%d/task/%d/stat", r->pid, r->tid);
	if (!read_text(path, text, sizeof(text)))
		return 0;
	name = strchr(text, '(');
	end = strrchr(text, ')');
	if (!name || !end || end < name)
		return 0;
	*end = '\0';
	copy_text(r->name, sizeof(r->name), name + 1);
	for (char *c = r->name; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?'; /* a name must not speak to the terminal */
	field = end + 2;
	r->state = *field;
	for (int i = 3; i < 39 && field; i++) { /* the 39th field: processor */
		field = strchr(field, ' ');
		field += field != NULL;
	}
	r->cpu = field ? (unsigned)atoi(field) : 0;
	path_of(path, sizeof(path), "/proc/%d/task/%d/sched", r->pid, r->tid);
	if (!read_text(path, text, sizeof(text)))
		return 0;
	copy_text(r->band, sizeof(r->band), word_after(text, "band:"));
	r->band[strcspn(r->band, "\n")] = '\0';
	r->predicted_ns = number_after(text, "predicted_ns:");
	r->run_ns = number_after(text, "run_ns:");
	r->wait_ns = number_after(text, "wait_ns:");
	return 1;
}

static int by_tid(const void *a, const void *b)
{
	return ((const struct row *)a)->tid - ((const struct row *)b)->tid;
}

static int by_choice(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t v = x->permille, w = y->permille;

	if (sort_by == 'p') {
		v = x->predicted_ns;
		w = y->predicted_ns;
	} else if (sort_by == 'w') {
		v = x->wait_ns;
		w = y->wait_ns;
	}
	return v != w ? (v < w ? 1 : -1) : by_tid(a, b);
}

static void see_thread(int tid, int dir, void *of)
{
	const struct held *h = of;
	struct row r = {.pid = h->pid, .tid = tid, .caps = h->caps, .rings = h->rings};
	const struct row *was;
	uint64_t ran;

	(void)dir;
	if (!read_thread(&r))
		return;
	threads++;
	was = bsearch(&r, before, used_before, sizeof(r), by_tid);
	ran = r.run_ns - (was && was->pid == r.pid && was->run_ns <= r.run_ns ? was->run_ns : 0);
	r.permille = (unsigned)(ran * 1000 / (now.at_ns - last.at_ns + 1));
	if (used < THREADS_MAX)
		rows[used++] = r;
}

static void see_process(int pid, int dir, void *of)
{
	struct held h = {.pid = pid, .proc = dir};
	char path[64];

	if (*(int *)of && *(int *)of != pid)
		return;
	path_of(path, sizeof(path), "/proc/%d/fd", pid);
	if (!each_number(path, see_descriptor, &h))
		h.caps = h.rings = -1;
	caps_all += h.caps > 0 ? (unsigned)h.caps : 0;
	rings_all += h.rings > 0 ? (unsigned)h.rings : 0;
	path_of(path, sizeof(path), "/proc/%d/task", pid);
	each_number(path, see_thread, &h);
}

static void read_all(int only)
{
	memcpy(before, rows, sizeof(rows));
	used_before = used;
	qsort(before, used_before, sizeof(*before), by_tid);
	used = threads = caps_all = rings_all = 0;
	read_machine();
	each_number("/proc", see_process, &only);
	qsort(rows, used, sizeof(*rows), by_choice);
}

static unsigned in_band(const char *band)
{
	unsigned n = 0;

	for (unsigned i = 0; i < used; i++)
		n += !strcmp(rows[i].band, band);
	return n;
}

/* A frame of at most so many lines, each ended by `end`. */
static void show(unsigned lines, const char *end)
{
	uint64_t run = now.run_ns - last.run_ns, idle = now.idle_ns - last.idle_ns;
	uint64_t bursts = now.bursts - last.bursts, kept = now.predicted - last.predicted;
	unsigned busy = run + idle ? (unsigned)(run * 1000 / (run + idle)) : 0;
	unsigned hot = in_band("HOT"), normal = in_band("NORMAL"), cold = in_band("COLD");

	say("up %llu.%u%u s, %u CPUs %u.%u%% busy, %u threads: %u hot, %u normal, %u cold, %u "
	    "urgent%s",
		(unsigned long long)(now.at_ns / NS_PER_S),
		(unsigned)(now.at_ns / (100 * NS_PER_MS) % 10),
		(unsigned)(now.at_ns / (10 * NS_PER_MS) % 10), now.cpus, busy / 10, busy % 10,
		threads, hot, normal, cold, used - hot - normal - cold, end);
	say("%llu switches, %llu steals, %llu of %llu bursts predicted, %u capabilities, %u of "
	    "rings%s%s",
		(unsigned long long)(now.switches - last.switches),
		(unsigned long long)(now.steals - last.steals), (unsigned long long)kept,
		(unsigned long long)bursts, caps_all, rings_all, end, end);
	say("  PID   TID S CP BAND     PRED_us   %%CPU   RUN_ms WAIT_ms CAPS RINGS COMMAND%s", end);
	for (unsigned i = 0; i < used && i + 4 < lines; i++) {
		const struct row *r = &rows[i];

		say("%5d %5d %c %2u %-8s %7llu %4u.%u %8llu %7llu", r->pid, r->tid, r->state,
			r->cpu, r->band, (unsigned long long)(r->predicted_ns / NS_PER_US),
			r->permille / 10, r->permille % 10,
			(unsigned long long)(r->run_ns / NS_PER_MS),
			(unsigned long long)(r->wait_ns / NS_PER_MS));
		if (r->caps < 0)
			say("    -     -");
		else
			say(" %4d %5d", r->caps, r->rings);
		say(" %s%s", r->name, end);
	}
}

/* ---- on a terminal ---- */

static void stop(int signal)
{
	(void)signal;
	over = 1;
}

static void show_window(void)
{
	struct winsize size = {.ws_row = 24};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row)
		size.ws_row = 24;
	say("\033[?7l\033[H"); /* lines are cut at the margin; from the top */
	show(size.ws_row - 1u, "\033[K\n");
	say("\033[Jq ends  c, p, w: sorted by CPU, prediction, waiting  blank: now\033[?7h");
	flush();
}

/* Return: a key, or 0 when the time is over. */
static char wait_key(int ms)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char key = 0;

	if (poll(&p, 1, ms) > 0 && read(STDIN_FILENO, &key, 1) != 1)
		over = 1;
	return key;
}

static int interactive(long times, int delay_ms, int only)
{
	struct termios raw;
	struct sigaction act = {.sa_handler = stop};

	if (tcgetattr(STDIN_FILENO, &saved)) {
		exo_complain("exo top: standard input is no terminal; -b prints without one\n");
		return 1;
	}
	raw = saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	say("\033[2J");
	while (!over) {
		char key;

		read_all(only);
		show_window();
		if (times > 0 && !--times)
			break;
		key = wait_key(delay_ms);
		if (key == 'q')
			break;
		if (key == 'c' || key == 'p' || key == 'w')
			sort_by = key;
	}
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	say("\n");
	flush();
	return 0;
}

static int batch(long times, int delay_ms, int only)
{
	for (;;) {
		read_all(only);
		show(THREADS_MAX + 4, "\n");
		flush();
		if (times > 0 && !--times)
			return 0;
		poll(NULL, 0, delay_ms);
		say("\n");
	}
}

/* A decimal number of at most three places after the point, times 1000. Return: -1 = it is none. */
static long thousandths(const char *text)
{
	long value = 0, place = 1000;
	int point = 0;

	if (!*text || strlen(text) > 9)
		return -1;
	for (; *text; text++) {
		if (*text == '.' && !point) {
			point = 1;
			continue;
		}
		if (!isdigit((unsigned char)*text) || (point && place == 1))
			return -1;
		if (point)
			place /= 10;
		value = point ? value + (*text - '0') * place : value * 10 + (*text - '0') * 1000;
	}
	return value;
}

int top_main(int argc, char **argv)
{
	int plain = 0;
	long times = 0, delay_ms = 2000, only = 0;

	for (int i = 1; i < argc; i++) {
		const char *option = argv[i];
		long value = i + 1 < argc ? thousandths(argv[i + 1]) : -1;

		if (!strcmp(option, "-b")) {
			plain = 1;
			continue;
		}
		i++;
		if (!strcmp(option, "-d") && value >= 10)
			delay_ms = value;
		else if (!strcmp(option, "-n") && value > 0 && value % 1000 == 0)
			times = value / 1000;
		else if (!strcmp(option, "-p") && value > 0 && value % 1000 == 0)
			only = value / 1000;
		else
			return EXO_USAGE;
	}
	return plain ? batch(times, (int)delay_ms, (int)only)
		     : interactive(times, (int)delay_ms, (int)only);
}
