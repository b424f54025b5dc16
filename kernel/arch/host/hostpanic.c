/* host: panic and the log go to stderr. Layer: arch. */
#include <host.h>
#include <exo/log.h>
#include <stdio.h>
#include <stdlib.h>

__thread jmp_buf *host_panic_jump;
char host_panic_text[512];
bool host_log_quiet;
int log_console_level = 8;

/* The kernel's %pS has no meaning for the C library: it prints the address and an S. */
void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(host_panic_text, sizeof(host_panic_text), fmt, ap);
	va_end(ap);
	if (host_panic_jump) {
		jmp_buf *jump = host_panic_jump;

		host_panic_jump = NULL;
		longjmp(*jump, 1);
	}
	fflush(stdout);
	fprintf(stderr, "panic: %s\n", host_panic_text);
	abort();
}

void assert_failed(const char *expr, const char *file, int line)
{
	panic("assertion failed: %s at %s:%d", expr, file, line);
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (host_log_quiet || (int)level >= log_console_level)
		return;
	va_start(ap, fmt);
	fprintf(stderr, "# ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
}

WEAK void log_console_register(struct console *c)
{
}
