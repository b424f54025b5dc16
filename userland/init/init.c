/* init.c - /init, the first program: mounts the usual file systems and starts a shell, or runs one
 * command for exo-run and powers off.
 *
 * Works alike on Exo-OS and on Linux. The exo-run protocol is described in README.md beside this
 * file; tools/qemu_runner/exo-run is the other end of it.
 *
 * Invariants: process 1 never blocks on anything but poll/wait/console writes; it reaps every
 * orphan; it never returns from main without powering off. */

#include "sys.h"

#define COMMAND_FILE      "/etc/exo-run/command"
#define TERMINAL_FILE     "/etc/exo-run/terminal"
#define COMMAND_BYTES_MAX (128 * 1024)
#define ARGUMENTS_MAX     4096
#define ENVIRONMENT_MAX   64
#define CHUNK_BYTES       4096
#define KLOG_CONSOLE_OFF  6
#define KLOG_CONSOLE_ON   7

/* Fields of COMMAND_FILE, each ended by a NUL, then the arguments. */
enum command_field { FIELD_NONCE, FIELD_MODE, FIELD_STDIN, FIELD_CWD, FIELD_COUNT };

struct command {
	char *field[FIELD_COUNT];
	char *argv[ARGUMENTS_MAX + 1];
};

struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

static char *environment[ENVIRONMENT_MAX + 1];
static int environment_count;
static char command_bytes[COMMAND_BYTES_MAX];
static struct command command;
static int console_fd = -1;

void *memset(void *to, int byte, size_t len)
{
	char *at = to;

	while (len-- > 0) {
		*at++ = (char)byte;
		__asm__ volatile("" ::: "memory"); /* or the loop becomes a call of itself */
	}
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	char *at = to;
	const char *source = from;

	while (len-- > 0) {
		*at++ = *source++;
		__asm__ volatile("" ::: "memory");
	}
	return to;
}

void restore_from_signal(void);
__asm__(".globl restore_from_signal\n"
	"restore_from_signal: mov $15, %eax\n" /* rt_sigreturn */
	"syscall\n");

static void power_off(void)
{
	SYS(sync, 0);
	SYS(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF, 0);
	put(console_fd, "init: the kernel did not power off\n");
	for (;;)
		SYS(pause, 0);
}

/* ---- environment and file systems ---- */

/* Set NAME=value; with `replace` false only when the kernel did not give it. */
static void environment_set(char *assignment, bool replace)
{
	size_t name_len = 0;

	while (assignment[name_len] != '=')
		name_len++;
	for (int i = 0; i < environment_count; i++) {
		size_t same = 0;

		while (same <= name_len && environment[i][same] == assignment[same])
			same++;
		if (same > name_len) {
			if (replace)
				environment[i] = assignment;
			return;
		}
	}
	if (environment_count < ENVIRONMENT_MAX)
		environment[environment_count++] = assignment;
}

static void environment_init(char **from_kernel)
{
	while (*from_kernel != NULL && environment_count < ENVIRONMENT_MAX / 2)
		environment[environment_count++] = *from_kernel++;
	environment_set("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", false);
	environment_set("HOME=/root", true); /* Linux gives "/" */
	environment_set("TERM=linux", false);
	environment_set("USER=root", false);
	environment_set("LOGNAME=root", false);
	environment_set("SHELL=/bin/sh", false);
	environment_set("LANG=C.UTF-8", false);
}

static void mount_one(const char *type, const char *path, const char *options)
{
	long result;

	SYS(mkdir, path, 0755);
	result = SYS(mount, type, path, type, 0, options);
	if (result < 0 && result != -EBUSY) {
		char digits[24];

		put(2, "init: cannot mount ");
		put(2, path);
		put(2, ": error ");
		put(2, decimal(digits, sizeof(digits), (unsigned long)-result));
		put(2, "\n");
	}
}

static void mount_all(void)
{
	mount_one("proc", "/proc", NULL);
	mount_one("sysfs", "/sys", NULL);
	mount_one("devtmpfs", "/dev", "mode=0755");
	mount_one("devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666");
	mount_one("tmpfs", "/dev/shm", "mode=1777");
	mount_one("mqueue", "/dev/mqueue", NULL);
	mount_one("tmpfs", "/run", "mode=0755");
	mount_one("tmpfs", "/tmp", "mode=1777");
	SYS(symlink, "/proc/self/fd", "/dev/fd");
	SYS(symlink, "/proc/self/fd/0", "/dev/stdin");
	SYS(symlink, "/proc/self/fd/1", "/dev/stdout");
	SYS(symlink, "/proc/self/fd/2", "/dev/stderr");
}

static void console_open(void)
{
	long fd = SYS(open, "/dev/console", O_RDWR | O_NOCTTY, 0);

	if (fd < 0) /* without a console there is nobody to tell; go on with what we were given */
		fd = 1;
	console_fd = (int)fd;
	for (int i = 0; i <= 2; i++) {
		if (i != console_fd)
			SYS(dup2, console_fd, i);
	}
}

static long file_read(const char *path, char *buffer, size_t capacity)
{
	long fd = SYS(open, path, O_RDONLY | O_CLOEXEC, 0);
	size_t have = 0;

	if (fd < 0)
		return fd;
	while (have < capacity) {
		long n = SYS(read, fd, buffer + have, capacity - have);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	SYS(close, fd);
	return (long)have;
}

/* ---- starting programs ---- */

static void signal_default(int signal)
{
	struct kernel_sigaction action = {.handler = SIG_DFL};

	SYS(rt_sigaction, signal, &action, NULL, sizeof(unsigned long));
}

static void exec_by_path(char *const argv[])
{
	static char path[4096];
	const char *at = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	long first_error = -ENOENT;

	if (str_has(argv[0], '/')) {
		first_error = SYS(execve, argv[0], argv, environment);
		at = "";
	}
	while (*at != '\0') {
		size_t n = 0, name_len = str_len(argv[0]);
		long result;

		while (*at != '\0' && *at != ':')
			path[n++] = *at++;
		if (*at == ':')
			at++;
		if (n + name_len + 2 > sizeof(path))
			continue;
		path[n++] = '/';
		memcpy(path + n, argv[0], name_len + 1);
		result = SYS(execve, path, argv, environment);
		if (result != -ENOENT && result != -ENOTDIR && first_error == -ENOENT)
			first_error = result;
	}
	put(2, "init: ");
	put(2, argv[0]);
	switch (-first_error) {
	case ENOENT:
		put(2, ": not found\n");
		break;
	case ENOEXEC:
		put(2, ": exec format error\n");
		break;
	case EACCES:
		put(2, ": permission denied\n");
		break;
	case ENOMEM:
		put(2, ": out of memory\n");
		break;
	default:
		put(2, ": cannot execute\n");
		break;
	}
	SYS(exit_group, first_error == -ENOENT ? 127 : 126);
}

/* In a new child: a session of its own on the console. */
static void session_begin(bool owns_console)
{
	signal_default(SIGCHLD);
	signal_default(SIGPIPE);
	SYS(setsid, 0);
	if (owns_console)
		SYS(ioctl, console_fd, TIOCSCTTY, 1);
}

static int status_code(int status)
{
	int signal = status & 0x7f;

	return signal != 0 ? 128 + signal : (status >> 8) & 0xff;
}

/* ---- interactive ---- */

/* TERMINAL_FILE: TERM=..., rows, columns, each ended by NUL; from exo-run. */
static void terminal_apply(void)
{
	static char text[256];
	struct winsize size = {0};
	long len = file_read(TERMINAL_FILE, text, sizeof(text) - 1);
	unsigned short *const value[] = {&size.ws_row, &size.ws_col};
	char *at;

	if (len <= 0)
		return;
	at = text;
	if (str_has(text, '='))
		environment_set(text, true);
	for (int i = 0; i < 2; i++) {
		at += str_len(at) + 1;
		if (at >= text + len)
			return;
		for (const char *digit = at; *digit >= '0' && *digit <= '9'; digit++)
			*value[i] = (unsigned short)(*value[i] * 10 + (*digit - '0'));
	}
	SYS(ioctl, console_fd, TIOCSWINSZ, &size);
}

static void interactive(void)
{
	char *const bash[] = {"-bash", NULL};
	char *const shell[] = {"-sh", NULL};
	long shell_pid, pid;
	int status = 0;
	char digits[24];

	terminal_apply();
	put(1, "\nExo-OS: welcome. Leave with `exit`; under QEMU, Ctrl-A X stops the machine.\n\n");
	shell_pid = SYS(fork, 0);
	if (shell_pid == 0) {
		session_begin(true);
		SYS(chdir, "/root");
		SYS(execve, "/bin/bash", bash, environment);
		SYS(execve, "/bin/sh", shell, environment);
		put(2, "init: neither /bin/bash nor /bin/sh can be run\n");
		SYS(exit_group, 127);
	}
	if (shell_pid < 0) {
		put(2, "init: cannot start a process\n");
		power_off();
	}
	do {
		pid = SYS(wait4, -1, &status, 0, NULL);
	} while (pid != shell_pid && pid != -ECHILD);
	put(1, "init: the shell ended with status ");
	put(1, decimal(digits, sizeof(digits), (unsigned long)status_code(status)));
	put(1, "; powering off\n");
	power_off();
}

/* ---- exo-run: one command ---- */

static bool command_parse(long len)
{
	char *at = command_bytes, *end = command_bytes + len;
	int count = 0;

	if (len <= 0 || command_bytes[len - 1] != '\0')
		return false;
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (at >= end)
			return false;
		command.field[i] = at;
		at += str_len(at) + 1;
	}
	while (at < end && count < ARGUMENTS_MAX) {
		command.argv[count++] = at;
		at += str_len(at) + 1;
	}
	return count > 0 && at >= end;
}

/* A frame: RS nonce SP kind SP number [SP number] LF, and for kinds O and X that many bytes. */
static void frame(char kind, unsigned long first, const unsigned long *second, const char *bytes)
{
	static char buffer[CHUNK_BYTES + 256];
	char digits[24];
	size_t n = 0;
	const char *parts[] = {"\x1e", command.field[FIELD_NONCE], " ", (char[]){kind, ' ', '\0'},
		decimal(digits, sizeof(digits), first)};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t len = str_len(parts[i]);

		memcpy(buffer + n, parts[i], len);
		n += len;
	}
	if (second != NULL) {
		const char *text = decimal(digits, sizeof(digits), *second);

		buffer[n++] = ' ';
		memcpy(buffer + n, text, str_len(text));
		n += str_len(text);
	}
	buffer[n++] = '\n';
	if (bytes != NULL) { /* one write, so that kernel lines fall between frames */
		memcpy(buffer + n, bytes, first);
		n += first;
	}
	write_all(console_fd, buffer, n);
}

static void console_raw(bool all)
{
	struct termios settings = {0};

	if (SYS(ioctl, console_fd, TCGETS, &settings) < 0)
		return;
	settings.c_oflag &= ~(tcflag_t)OPOST;
	if (all)
		settings.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
	SYS(ioctl, console_fd, TCSETS, &settings);
}

/* Forward what stands in the pipe; false at its end or, without waiting, when it is empty. */
static bool forward(int fd, char kind)
{
	static char bytes[CHUNK_BYTES];
	long n = SYS(read, fd, bytes, sizeof(bytes));

	if (n == -EINTR)
		return true;
	if (n <= 0)
		return false;
	frame(kind, (unsigned long)n, NULL, bytes);
	return true;
}

static void on_child(int signal)
{
	(void)signal; /* only there to interrupt ppoll */
}

/* Reap every dead child; true if `wanted` was among them or there are none left. */
static bool reap(long wanted, int *status)
{
	int any_status = 0;
	long pid;

	while ((pid = SYS(wait4, -1, &any_status, WNOHANG, NULL)) > 0) {
		if (pid == wanted) {
			*status = any_status;
			return true;
		}
	}
	return pid == -ECHILD;
}

/* Forward both pipes until the command has ended, then what is left in them. */
static int forward_until_exit(long pid, const int out[2])
{
	static const char kind[2] = {'O', 'X'};
	struct pollfd poll[2] = {
		{.fd = out[0], .events = POLLIN}, {.fd = out[1], .events = POLLIN}};
	unsigned long none = 0;
	int status = 0;

	while (!reap(pid, &status)) {
		if (SYS(ppoll, poll, 2, NULL, &none, sizeof(none)) <= 0)
			continue;
		for (int i = 0; i < 2; i++) {
			if (poll[i].revents != 0 && !forward(out[i], kind[i]))
				poll[i].fd = -1;
		}
	}
	for (int i = 0; i < 2; i++) {
		SYS(fcntl, out[i], F_SETFL, O_NONBLOCK);
		while (forward(out[i], kind[i]))
			;
	}
	return status;
}

static void command_child(int out_fd, int err_fd)
{
	bool tty = str_equal(command.field[FIELD_MODE], "tty");
	const char *input = command.field[FIELD_STDIN];
	unsigned long none = 0;
	long fd;

	session_begin(tty);
	SYS(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	if (!tty) {
		SYS(dup2, out_fd, 1);
		SYS(dup2, err_fd, 2);
	}
	if (!tty || *input != '\0') {
		fd = SYS(open, *input != '\0' ? input : "/dev/null", O_RDONLY, 0);
		if (fd > 0)
			SYS(dup2, fd, 0);
	}
	for (fd = 3; fd < 16; fd++)
		SYS(close, fd);
	if (SYS(chdir, command.field[FIELD_CWD]) < 0) {
		put(2, "init: no directory ");
		put(2, command.field[FIELD_CWD]);
		put(2, "\n");
		SYS(exit_group, 126);
	}
	exec_by_path(command.argv);
}

static void command_run(void)
{
	bool tty = str_equal(command.field[FIELD_MODE], "tty");
	struct kernel_sigaction action = {.handler = on_child,
		.flags = 0x04000000 | SA_NOCLDSTOP, /* SA_RESTORER */
		.restorer = restore_from_signal};
	unsigned long child_bit = 1ul << (SIGCHLD - 1), signal;
	int out[2] = {-1, -1}, err[2] = {-1, -1}, status = 0;
	long pid;

	SYS(rt_sigprocmask, SIG_BLOCK, &child_bit, NULL, sizeof(child_bit));
	SYS(rt_sigaction, SIGCHLD, &action, NULL, sizeof(unsigned long));
	SYS(syslog, KLOG_CONSOLE_OFF, NULL, 0);
	console_raw(!tty);
	if (tty)
		terminal_apply();
	frame('B', 0, NULL, NULL);
	if (!tty && (SYS(pipe2, out, 0) < 0 || SYS(pipe2, err, 0) < 0))
		put(2, "init: cannot make a pipe\n");
	pid = SYS(fork, 0);
	if (pid == 0)
		command_child(out[1], err[1]);
	SYS(close, out[1]);
	SYS(close, err[1]);
	if (pid < 0) {
		put(2, "init: cannot start a process\n");
		status = 126 << 8;
	} else if (tty) {
		while (!reap(pid, &status))
			SYS(ppoll, NULL, 0, NULL, (unsigned long[]){0}, sizeof(unsigned long));
	} else {
		status = forward_until_exit(pid, (int[]){out[0], err[0]});
	}
	SYS(sync, 0);
	signal = (unsigned long)(status & 0x7f);
	frame('E', (unsigned long)status_code(status), &signal, NULL);
	SYS(ioctl, console_fd, TCSBRK,
		1); /* tcdrain: the end marker is out before the power goes */
	SYS(syslog, KLOG_CONSOLE_ON, NULL, 0);
	power_off();
}

int main(int argc, char **argv, char **from_kernel)
{
	long len;

	(void)argc;
	(void)argv;
	SYS(umask, 022);
	mount_all();
	console_open();
	environment_init(from_kernel);
	SYS(sethostname, "exo", 3);
	SYS(setsid, 0);
	len = file_read(COMMAND_FILE, command_bytes, sizeof(command_bytes));
	if (len == -ENOENT)
		interactive();
	if (!command_parse(len)) {
		put(2, "init: " COMMAND_FILE " cannot be read\n");
		power_off();
	}
	command_run();
	return 0;
}

/* The kernel enters with argc at the stack pointer. */
__attribute__((used)) static void start(long *stack)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);

	main(argc, argv, argv + argc + 1);
	power_off();
}

__asm__(".globl _start\n"
	"_start: xor %ebp, %ebp\n"
	"mov %rsp, %rdi\n"
	"and $-16, %rsp\n"
	"call start\n");
