/* Symbols, backtraces and the ways into a panic. Code in kernel/debug/ and kernel/panic.c. Layer:
 * debug. */
#pragma once

#include <exo/types.h>

struct trap_frame;

/* symbol_lookup - the function that holds @addr. Return: its name (constant), the distance in
 * *offset and how long it is, or NULL. Any context. */
const char *symbol_lookup(u64 addr, u64 *offset, u64 *size);
/* symbol_format - "name+0x12/0x34" (where in it, how long it is), or the number when nothing is
 * there; what %pS prints. Return: bytes (as snprintf). */
size_t symbol_format(u64 addr, char *buf, size_t size);

/* backtrace_print - one log line a frame, from instruction @ip with frame pointer @fp. Survives
 * broken chains: every address is checked against the page tables, depth is bounded. Any context.
 */
void backtrace_print(u64 ip, u64 fp);

/* backtrace_take - the return addresses of a stack whose frames stand in [low, high): @ip, then at
 * most @max - 1 by the chain from @fp. Return: how many. Survives broken chains. Any context. */
u32 backtrace_take(u64 ip, u64 fp, u64 low, u64 high, u64 *out, u32 max);

/* panic_frame - as panic, with the registers of a trap and the backtrace of what it interrupted. */
void panic_frame(const struct trap_frame *f, const char *fmt, ...) NORETURN PRINTF(2, 3) COLD;

/* For panic.c, from arch. */
void arch_frame_print(const struct trap_frame *f);
/* f NULL = the caller's own */
void arch_registers_here(u64 *ip, u64 *fp, const struct trap_frame *f);
bool arch_address_readable(u64 addr); /* 8 bytes at addr, kernel addresses only */

/* selftest_run - checks of the real machine, TAP in the log; with a @word other than "1", the fault
 * of that name, which must end in a panic. Context: thread, all CPUs up, before the first program.
 */
void selftest_run(const char *word);
void fault_run(const char *word); /* nothing, if no fault is named so */

/* KASAN: what the shadow of memory says that must not be touched. The stack kinds are written by
 * the compiler. */
enum kasan_kind {
	KASAN_STACK = 0xf1, /* f1 left of, f2 between, f3 right of the variables of a frame */
	KASAN_STACK_FREE = 0xf5,
	KASAN_GLOBAL = 0xf9,
	KASAN_VMALLOC_FREE = 0xfa,
	KASAN_FREED = 0xfb,
	KASAN_RED_ZONE = 0xfc,
	KASAN_PAGE_FREE = 0xff,
};
/* kasan_poison, kasan_unpoison - of [p, p + len). Poison may begin anywhere and ends with the next
 * 8 bytes; what is made good begins at a multiple of 8. Any context; the range is the caller's own.
 */
#ifdef EXO_KASAN
void kasan_poison(const void *p, size_t len_bytes, enum kasan_kind kind);
void kasan_unpoison(const void *p, size_t len_bytes);
void kasan_init(void); /* from arch, once its memory has shadow */
#else
static inline void kasan_poison(const void *p, size_t len_bytes, enum kasan_kind kind)
{
}
static inline void kasan_unpoison(const void *p, size_t len_bytes)
{
}
#endif
