/* The frame of a unit test program: runs each case in a child process, so that one crash is one failure. */
#include "u_.h"
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_SKIPPED 77

static struct u_case *cases, **cases_end = &cases;
unsigned u_failures;

void u_register(struct u_case *c)
{
	*cases_end = c;
	cases_end = &c->next;
}

void u_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	u_failures++;
	if (u_failures > 20)
		return;
	va_start(ap, fmt);
	printf("# %s:%d: ", file, line);
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	fflush(stdout);
}

void u_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	fflush(stdout);
}

void u_skip(const char *reason)
{
	printf("# skipped: %s\n", reason);
	fflush(stdout);
	_exit(EXIT_SKIPPED);
}

/* Races that are meant, for the thread sanitizer: a look at a list's head that a full barrier and a second look under the lock back up. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:waitqueue_active\n";
}

static const char *run_case(const struct u_case *c)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(c->limit_s);
		c->fn();
		fflush(stdout);
		exit(u_failures ? 1 : 0); /* exit, so that the leak check runs */
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return "not ok";
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED)
		return "skip";
	if (WIFSIGNALED(status))
		printf("# ended by signal %d%s\n", WTERMSIG(status), WTERMSIG(status) == SIGALRM ? " (time limit)" : "");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "ok" : "not ok";
}

/* usage: program [-n] [case...]    -n: run in this process (for a debugger) */
int main(int argc, char **argv)
{
	const char *program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	bool here = argc > 1 && strcmp(argv[1], "-n") == 0;
	unsigned number = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct u_case *c = cases; c; c = c->next) {
		bool wanted = argc <= 1 + here;
		const char *verdict;

		for (int i = 1 + here; i < argc; i++)
			wanted |= strcmp(argv[i], c->name) == 0;
		if (!wanted)
			continue;
		number++;
		if (here) {
			c->fn();
			verdict = u_failures ? "not ok" : "ok";
			failed += u_failures != 0;
			u_failures = 0;
		} else {
			verdict = run_case(c);
			failed += strcmp(verdict, "not ok") == 0;
		}
		if (strcmp(verdict, "skip") == 0)
			printf("ok %u - %s: %s # SKIP\n", number, program, c->name);
		else
			printf("%s %u - %s: %s\n", verdict, number, program, c->name);
	}
	printf("1..%u\n", number);
	return failed ? 1 : 0;
}
