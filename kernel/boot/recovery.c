/* The diagnostic shell of `recovery` on the command line: reads lines from /dev/console before any
 * program runs. Layer: boot. It looks (files, the log, memory) and decides how boot goes on; it
 * changes nothing else. Thread context of init. */
#include <exo/boot_phases.h>

#include <exo_abi/linux_fs.h>
#include <exo/errno.h>
#include <exo/fs.h>
#include <exo/log.h>
#include <exo/string.h>
#include <arch/cpu.h>

#define LINE_MAX_BYTES 256
#define CHUNK_BYTES    512

struct shell {
	struct file *console;
	bool left;
};

static void say(struct shell *sh, const char *text)
{
	/* The console is all we have: nothing better to do when it fails. */
	(void)file_write_kernel(sh->console, text, strlen(text), 0);
}

static void say_error(struct shell *sh, const char *what, long err)
{
	char text[LINE_MAX_BYTES + 64];

	snprintf(text, sizeof(text), "%s: error %ld\n", what, -err);
	say(sh, text);
}

static void command_cat(struct shell *sh, const char *path)
{
	char chunk[CHUNK_BYTES];
	struct file *f = vfs_open(AT_FDCWD, path, O_RDONLY, 0);
	ssize_t n;
	u64 pos = 0;

	if (is_err(f)) {
		say_error(sh, path, ptr_err(f));
		return;
	}
	while ((n = file_read_kernel(f, chunk, sizeof(chunk), pos)) > 0) {
		(void)file_write_kernel(sh->console, chunk, (size_t)n, 0);
		pos += (u64)n;
	}
	if (n < 0)
		say_error(sh, path, n);
	file_put(f);
}

struct ls_sink {
	struct dirent_sink sink;
	struct shell *sh;
};

static bool ls_emit(
	struct dirent_sink *s, const char *name, u32 name_len, u64 ino, u8 type, u64 next_pos)
{
	struct ls_sink *ls = container_of(s, struct ls_sink, sink);
	char text[NAME_MAX_BYTES + 3];

	snprintf(text, sizeof(text), "%.*s%s\n", (int)name_len, name,
		type == S_DT(S_IFDIR) ? "/" : "");
	say(ls->sh, text);
	return true;
}

static void command_ls(struct shell *sh, const char *path)
{
	struct file *f = vfs_open(AT_FDCWD, *path ? path : "/", O_RDONLY | O_DIRECTORY, 0);
	struct ls_sink ls = {.sink.emit = ls_emit, .sh = sh};
	int err;

	if (is_err(f)) {
		say_error(sh, path, ptr_err(f));
		return;
	}
	err = f->ops->readdir ? f->ops->readdir(f, &ls.sink) : -ENOTDIR;
	if (err < 0)
		say_error(sh, path, err);
	file_put(f);
}

static void command_dmesg(struct shell *sh, const char *argument)
{
	char chunk[CHUNK_BYTES];
	u64 seq = 0;
	size_t n;

	while ((n = log_read(&seq, chunk, sizeof(chunk))))
		(void)file_write_kernel(sh->console, chunk, n, 0);
}

static void command_continue(struct shell *sh, const char *argument)
{
	sh->left = true;
}

static void command_reboot(struct shell *sh, const char *argument)
{
	arch_reboot();
}

static void command_poweroff(struct shell *sh, const char *argument)
{
	arch_power_off(0);
}

static void command_help(struct shell *sh, const char *argument);

static const struct {
	const char *name, *text;
	void (*run)(struct shell *sh, const char *argument);
} commands[] = {
	{"help", "this list", command_help},
	{"ls", "ls DIRECTORY", command_ls},
	{"cat", "cat FILE (try /proc/meminfo, /proc/mounts)", command_cat},
	{"dmesg", "the kernel log", command_dmesg},
	{"continue", "go on booting", command_continue},
	{"reboot", "restart the machine", command_reboot},
	{"poweroff", "switch the machine off", command_poweroff},
};

static void command_help(struct shell *sh, const char *argument)
{
	char text[96];

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		snprintf(text, sizeof(text), "%-10s %s\n", commands[i].name, commands[i].text);
		say(sh, text);
	}
}

static void run_line(struct shell *sh, char *line)
{
	char *argument = strchr(line, ' ');

	if (argument)
		*argument++ = 0;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!strcmp(line, commands[i].name)) {
			commands[i].run(sh, argument ? argument : "");
			return;
		}
	}
	if (*line)
		say(sh, "unknown command; try help\n");
}

void recovery_shell(void)
{
	struct shell sh = {.console = vfs_open(AT_FDCWD, "/dev/console", O_RDWR, 0)};
	char line[LINE_MAX_BYTES];
	ssize_t n;

	if (is_err(sh.console)) {
		log_err("recovery: no console: error %ld", -ptr_err(sh.console));
		return;
	}
	say(&sh, "Exo-OS recovery: boot is stopped before the first program. Type help.\n");
	while (!sh.left) {
		say(&sh, "recovery> ");
		n = file_read_kernel(sh.console, line, sizeof(line) - 1, 0);
		if (n <= 0)
			break;
		line[n] = 0;
		if (line[n - 1] == '\n')
			line[n - 1] = 0;
		run_line(&sh, line);
	}
	file_put(sh.console);
}
