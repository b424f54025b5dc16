/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Part of exo-bench: Debian's programs as they are. Each line runs where the image has its program.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bench.h"

enum { SOURCE_FUNCTIONS = 10, SHELL_COMMANDS = 1000 };

static char script_path[128], source_path[128], object_path[128];

/* Runs a program to its end. -> its exit status, -1 = it had none */
static int run_program(char *const argv[])
{
	char *const envp[] = {(char *)"PATH=/usr/bin:/bin", NULL};
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		execve(argv[0], argv, envp);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : -1;
}

static int64_t timed(int ops, char *const argv[], int wanted)
{
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++)
		good += run_program(argv) == wanted;
	int64_t spent = now_ns() - start;
	require(good == ops);
	return spent;
}

static void setup_dynamic(void)
{
	bench_needs("/usr/bin/false");
}

static int64_t batch_dynamic(int ops)
{
	char *const argv[] = {
		(char *)"/usr/bin/false", NULL}; /* 1 is not what a failed start gives */

	return timed(ops, argv, 1);
}

static void spew(char path[128], const char *name, const char *text)
{
	snprintf(path, 128, "%s/%s", bench_dir(), name);
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
	size_t len = strlen(text);

	require(fd >= 0 && write(fd, text, len) == (ssize_t)len && close(fd) == 0);
}

static void setup_script(void)
{
	char text[200];

	bench_needs("/usr/bin/dash");
	bench_needs("/usr/bin/true");
	snprintf(text, sizeof(text),
		"n=0\nwhile [ $n -lt %d ]; do /usr/bin/true && n=$((n+1)); done\nexit $((n %% "
		"256))\n",
		SHELL_COMMANDS);
	spew(script_path, "script", text);
}

static int64_t batch_script(int ops)
{
	char *const argv[] = {(char *)"/usr/bin/dash", script_path, NULL};

	return timed(ops, argv, SHELL_COMMANDS % 256);
}

static void setup_python(void)
{
	bench_needs("/usr/bin/python3");
}

static int64_t batch_python(int ops)
{
	char *const argv[] = {
		(char *)"/usr/bin/python3", (char *)"-c", (char *)"import os; os._exit(42)", NULL};

	return timed(ops, argv, EXIT_CODE);
}

/* A file of C such as there are: loops, structures, calls, strings. */
static void setup_source(void)
{
	static char text[SOURCE_FUNCTIONS * 1024];

	bench_needs("/usr/bin/gcc");
	size_t n = (size_t)snprintf(text, sizeof(text),
		"#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
		"struct item { int key; double weight; char name[24]; struct item *next; };\n");

	for (int i = 0; i < SOURCE_FUNCTIONS; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"struct item *insert_%d(struct item *head, int key)\n{\n\tstruct item *n = "
			"malloc(sizeof(*n)), **at = &head;\n"
			"\tif (!n)\n\t\treturn head;\n\tn->key = key * %d;\n\tn->weight = key / "
			"%d.5;\n"
			"\tsnprintf(n->name, sizeof(n->name), \"item %%d of %d\", key);\n\twhile "
			"(*at && (*at)->key < n->key)\n"
			"\t\tat = &(*at)->next;\n\tn->next = *at;\n\t*at = n;\n\treturn head;\n}\n"
			"double sum_%d(const struct item *p, const double *by, unsigned "
			"len)\n{\n\tdouble total = 0;\n"
			"\tfor (; p; p = p->next)\n\t\tfor (unsigned i = 0; i < len; i++)\n"
			"\t\t\ttotal += p->weight * by[i] + (strlen(p->name) > %d ? p->key : "
			"-i);\n\treturn total;\n}\n",
			i, i + 3, i + 1, i, i, i % 20);
		require(n < sizeof(text));
	}
	spew(source_path, "source.c", text);
	snprintf(object_path, sizeof(object_path), "%s/source.o", bench_dir());
}

static int64_t batch_gcc(int ops)
{
	char *const argv[] = {(char *)"/usr/bin/gcc", (char *)"-O2", (char *)"-c", source_path,
		(char *)"-o", object_path, NULL};
	struct stat st;

	unlink(object_path);
	int64_t spent = timed(ops, argv, 0);
	require(stat(object_path, &st) == 0 && st.st_size > SOURCE_FUNCTIONS * 100);
	return spent;
}

const struct bench program_benches[] = {
	{"vfork_exec_dynamic", setup_dynamic, batch_dynamic, 1, 50},
	{"shell_1000_commands", setup_script, batch_script, 1, 1},
	{"python_start", setup_python, batch_python, 1, 5},
	{"gcc_o2_one_file", setup_source, batch_gcc, 1, 2},
};
const int program_bench_count = sizeof(program_benches) / sizeof(*program_benches);
