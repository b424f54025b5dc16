/* confined_parser - input from strangers is parsed by a process that holds the input, to read, and
 * a pipe, to write its answer, and nothing else in the world. What the input makes of the parser,
 * it cannot touch anything. Here a line `!crash` plays the input that crashes it, `!attack` the one
 * that takes it over.
 *
 * usage: confined_parser FILE      lines `name=number`
 * Tutorial: docs/tutorials/confined_parser.md */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <exo_std/io.h>
#include <exo_std/process.h>

enum { INPUT = 0, ANSWER = 1 }; /* the parser's slots, all that it has */

static void attempt(const char *what, long result)
{
	exo_print(ANSWER, "attack: %s: %s\n", what,
		result < 0 ? exo_error_name(-errno) : "SUCCEEDED");
}

/* What a parser might do that is no longer ours. */
static void attack(void)
{
	attempt("open /etc/passwd", open("/etc/passwd", O_RDONLY));
	attempt("create a file here", open("stolen", O_CREAT | O_WRONLY, 0600));
	attempt("write to the input", write(INPUT, "x", 1));
	attempt("kill the parent", kill(getppid(), SIGKILL));
	attempt("open a socket", socket(AF_INET, SOCK_STREAM, 0));
	attempt("execute a shell", execl("/bin/sh", "sh", NULL));
}

static int parse(void)
{
	static char text[1 << 16];
	long len = exo_read_all(INPUT, text, sizeof(text) - 1), lines = 0, sum = 0;

	if (len < 0)
		return 1;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *value = strchr(line, '=');

		if (!strcmp(line, "!crash"))
			raise(SIGSEGV);
		if (!strcmp(line, "!attack"))
			attack();
		if (!value)
			continue;
		lines++;
		sum += strtol(value + 1, NULL, 10);
	}
	return exo_print(ANSWER, "%ld names, sum %ld\n", lines, sum) ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *const child_argv[] = {"parser", "--parse", NULL};
	struct exo_spawn_cap caps[2];
	exo_cap_t program, input, parser;
	char answer[4096];
	int pipe_ends[2], status;
	long len;

	if (argc == 2 && !strcmp(argv[1], "--parse"))
		return parse();
	program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	input = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
	if (program < 0 || input < 0 || pipe2(pipe_ends, O_CLOEXEC)) {
		exo_print(STDERR_FILENO, "usage: confined_parser FILE (that can be opened)\n");
		return 2;
	}
	caps[0].from = exo_narrow(input, EXO_READ | EXO_TRANSFER, EXO_FOREVER);
	caps[0].to = INPUT;
	caps[1].from = exo_narrow(pipe_ends[1], EXO_WRITE | EXO_TRANSFER, EXO_FOREVER);
	caps[1].to = ANSWER;
	parser = exo_start(program, child_argv, caps, 2, EXO_SPAWN_CONFINED);
	if (parser < 0) {
		exo_print(STDERR_FILENO, "no parser: %s\n", exo_error_name(parser));
		return 1;
	}
	close(caps[1].from);
	close(pipe_ends[1]);
	len = exo_read_all(pipe_ends[0], answer, sizeof(answer));
	if (len > 0)
		exo_write_all(STDOUT_FILENO, answer, (size_t)len);
	status = exo_wait(parser);
	if (status >= 256)
		exo_print(STDOUT_FILENO, "the parser was ended by signal %d; we go on\n",
			status - 256);
	return status ? 3 : 0;
}
