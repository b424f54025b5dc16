/* Symbols, backtraces and the ways into a panic. Code in kernel/debug/ and kernel/panic.c. Layer:
 * debug. */
#pragma once

#include <exo/types.h>

struct trap_frame;

/* symbol_lookup - the function that holds @addr. Return: its name (constant) and the distance in
 * *offset, or NULL. Any context. */
const char *symbol_lookup(u64 addr, u64 *offset);
/* symbol_format - "name+0x12", or the number when nothing is there; what %pS prints. Return: bytes
 * (as snprintf). */
size_t symbol_format(u64 addr, char *buf, size_t size);

/* backtrace_print - one log line a frame, from instruction @ip with frame pointer @fp. Survives
 * broken chains: every address is checked against the page tables, depth is bounded. Any context.
 */
void backtrace_print(u64 ip, u64 fp);
void backtrace_here(void);

/* panic_frame - as panic, with the registers of a trap and the backtrace of what it interrupted. */
void panic_frame(const struct trap_frame *f, const char *fmt, ...) NORETURN PRINTF(2, 3) COLD;

/* For panic.c, from arch. */
void arch_frame_print(const struct trap_frame *f);
void arch_registers_here(
	u64 *ip, u64 *fp, const struct trap_frame *f); /* f NULL = the caller's own */
bool arch_address_readable(u64 addr);                  /* 8 bytes at addr, kernel addresses only */

/* selftest_run - checks of the real machine, TAP in the log. Context: thread, all CPUs up, before
 * the first program. */
void selftest_run(void);
