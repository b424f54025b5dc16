/* The kernel log: a ring of lines kept for dmesg, echoed to the consoles by level.
 * kernel/logger.c and kernel/panic.c. Context: any, NMI included (then the consoles are skipped). */
#pragma once

#include <exo/types.h>

enum log_level { LOG_EMERG, LOG_ALERT, LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

void log_printf(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
#define log_err(...)   log_printf(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_printf(LOG_WARNING, __VA_ARGS__)
#define log_info(...)  log_printf(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_printf(LOG_DEBUG, __VA_ARGS__)

extern int log_console_level; /* lines below this level number reach the consoles; `quiet` makes it 4 */

/* A console is a sink for bytes that works in any context with its own trylock. */
struct console {
	const char *name;
	void (*write)(struct console *c, const char *text, size_t len_bytes);
	struct console *next; /* [c] after registration */
};
void log_console_register(struct console *c);
/* log_read - copies whole lines with sequence >= *seq. Return: bytes copied; *seq moves on. */
size_t log_read(u64 *seq, char *buf, size_t size);

/* panic - stops every CPU, prints the registers and a symbolised backtrace, leaves QEMU with code 99. */
void panic(const char *fmt, ...) NORETURN PRINTF(1, 2) COLD;
void assert_failed(const char *expr, const char *file, int line) NORETURN COLD;
#define ASSERT(x)                                                                                  \
	do {                                                                                       \
		if (unlikely(!(x)))                                                                \
			assert_failed(#x, __FILE__, __LINE__);                                     \
	} while (0)
#ifdef EXO_DEBUG
#define DEBUG_ASSERT(x) ASSERT(x)
#else
#define DEBUG_ASSERT(x) ((void)sizeof(x))
#endif
