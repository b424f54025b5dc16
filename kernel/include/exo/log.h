/* The kernel log: a ring of lines kept for dmesg, echoed to the consoles by level.
 * kernel/logger.c and kernel/panic.c. Context: any, NMI included (then the consoles are skipped).
 */
#pragma once

#include <exo/types.h>

enum log_level {
	LOG_EMERG,
	LOG_ALERT,
	LOG_CRIT,
	LOG_ERR,
	LOG_WARNING,
	LOG_NOTICE,
	LOG_INFO,
	LOG_DEBUG
};
#define LOG_LEVEL_MASK    7u
#define LOG_FACILITY_USER 8 /* added to the level of lines that programs wrote */

/* log_printf - one line (a '\n' inside makes several on the console). Longer than LOG_LINE_MAX - 1
 * bytes is cut. Context: any; needs the per-CPU base, so after arch_early_init. Stack: under 1 KB.
 */
void log_printf(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
#define LOG_LINE_MAX   512
#define log_err(...)   log_printf(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_printf(LOG_WARNING, __VA_ARGS__)
#define log_info(...)  log_printf(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_printf(LOG_DEBUG, __VA_ARGS__)

extern int log_console_level; /* lines below this level number reach the consoles; `quiet` makes it
				 4 */

/* A console is a sink for whole lines that works in any context with its own trylock; it turns '\n'
 * into what its device wants. When log_panicking() it takes no lock at all: the holder may be a
 * stopped CPU. */
struct console {
	void (*write)(struct console *c, const char *text, size_t len_bytes);
	struct console *next; /* [c] after registration */
	u64 seq;              /* [printer] next line that it has not seen */
};
void log_console_register(struct console *c); /* prints what was logged before, too */
void log_options_init(void); /* `quiet`, `debug`, `loglevel=`; after cmdline_parse */
/* log_panic_begin - after the other CPUs were stopped: takes the consoles from whoever had them,
 * and prints every level. */
void log_panic_begin(void);
bool log_panicking(void);

/* Reading. A sequence names a place in the ring; places that were overwritten are skipped forward.
 */
struct log_record {
	u64 seq;
	ns_t time_ns;
	u32 level, len;
	char text[LOG_LINE_MAX + 1];
};
u64 log_head(void); /* sequence that the next line will have */
/* next whole line at or after *seq, which moves behind it; false = none */
bool log_next(u64 *seq, struct log_record *r);
/* log_format - the lines of a record as dmesg shows them, each ended by '\n'. Return: bytes, 0 = no
 * room. */
size_t log_format(const struct log_record *r, bool with_level, char *buf, size_t size);
/* log_read - copies whole lines "<6>[    0.012345] text" with sequence >= *seq. Return: bytes
 * copied; *seq moves on. */
size_t log_read(u64 *seq, char *buf, size_t size);

/* panic - stops every CPU, prints the registers and a symbolised backtrace, leaves QEMU with
 * code 99. */
void panic(const char *fmt, ...) NORETURN PRINTF(1, 2) COLD;
void assert_failed(const char *expr, const char *file, int line) NORETURN COLD;
#define ASSERT(x)                                              \
	do {                                                   \
		if (unlikely(!(x)))                            \
			assert_failed(#x, __FILE__, __LINE__); \
	} while (0)
#ifdef EXO_DEBUG
#define DEBUG_ASSERT(x) ASSERT(x)
#else
#define DEBUG_ASSERT(x) ((void)sizeof(x))
#endif
