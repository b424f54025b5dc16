/* KASAN: every access of instrumented code is checked against a shadow, one byte for 8 bytes of
 * memory. Layer: debug. DEBUG=1 only.
 *
 * A shadow byte is 0 (all 8 may be touched), 1..7 (only so many of the first) or a kasan_kind. The
 * compiler checks inline and calls __asan_report_* when the shadow objects; it also poisons around
 * the variables of a frame, and describes globals to __asan_register_globals. Allocators say the
 * rest by kasan_poison and kasan_unpoison. What no compiler instruments - memory functions, copies
 * from and to user memory - is wrapped by the linker and checked here.
 *
 * This file is not instrumented, because it is the check. Until kasan_init all shadow is one page
 * that everybody writes, so nothing is reported. The first report ends in a panic and switches the
 * others off, since what prints a panic may walk over broken memory. No locks: a shadow byte
 * belongs to who owns the memory. Source: Serebryany et al., "AddressSanitizer" (2012); gcc's
 * asan.cc. */
#include <exo/debug.h>
#include <exo/log.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <arch/uaccess.h>

#ifdef EXO_KASAN
#define GRANULE   8u
#define ROW_BYTES 16 /* of shadow, in a report */

static bool reporting; /* [a] set by kasan_init, cleared by the first report */

void *__real_memset(void *dst, int byte, size_t len_bytes);

static u8 *shadow_of(u64 addr)
{
	return (u8 *)((addr >> 3) + KASAN_OFFSET);
}

void kasan_poison(const void *p, size_t len_bytes, enum kasan_kind kind)
{
	u64 start = (u64)p, end = start + len_bytes, front = start % GRANULE;

	if (front && len_bytes) {
		u8 *s = shadow_of(start);

		if (*s == 0 || *s > front)
			*s = (u8)front;
		start = ALIGN_UP(start, GRANULE);
	}
	if (start < end)
		__real_memset(shadow_of(start), kind, (end - start + GRANULE - 1) / GRANULE);
}

void kasan_unpoison(const void *p, size_t len_bytes)
{
	u64 start = (u64)p;

	__real_memset(shadow_of(start), 0, len_bytes / GRANULE);
	if (len_bytes % GRANULE)
		*shadow_of(start + len_bytes) = len_bytes % GRANULE;
}

/* ---- reports ---- */

static const char *kind_of(u64 addr)
{
	static const char *const names[256] = {
		[KASAN_STACK... KASAN_STACK + 2] = "stack-out-of-bounds",
		[KASAN_STACK_FREE] = "use-after-free of a kernel stack",
		[KASAN_GLOBAL] = "global-out-of-bounds",
		[KASAN_VMALLOC_FREE] = "use-after-free of a vmalloc range",
		[KASAN_FREED] = "use-after-free",
		[KASAN_PAGE_FREE] = "use-after-free of a page",
	};
	u8 s = *shadow_of(addr);

	if (s < GRANULE) /* the first bytes only: what follows says why */
		s = *shadow_of(addr + GRANULE);
	return names[s] ? names[s] : "heap-out-of-bounds";
}

static NOINLINE COLD void report(u64 addr, size_t len_bytes, bool write)
{
	const char *what = write ? "write" : "read", *kind;
	char row[ROW_BYTES * 4 + 1];
	size_t len = 0;

	if (!__atomic_exchange_n(&reporting, false, __ATOMIC_RELAXED))
		return;
	if ((s64)addr >= 0)
		panic("KASAN: wild-access: %s of size %lu at %#lx", what, len_bytes, addr);
	kind = kind_of(addr);
	for (u64 i = 0; i < ROW_BYTES; i++) {
		const u8 *s = shadow_of(addr) + i - ROW_BYTES / 2;

		if (arch_address_readable((u64)s & ~7ull))
			len += (size_t)snprintf(row + len, sizeof(row) - len,
				i == ROW_BYTES / 2 ? " [%02x]" : " %02x", *s);
	}
	panic("KASAN: %s: %s of size %lu at %#lx; shadow of the 64 bytes before and after:%s", kind,
		what, len_bytes, addr, row);
}

/* check - of a range whose length the compiler did not know. */
static void check(u64 addr, size_t len_bytes, bool write)
{
	u64 at = addr, end = addr + len_bytes;

	if (!__atomic_load_n(&reporting, __ATOMIC_RELAXED) || !len_bytes)
		return;
	if ((s64)addr >= 0 || end < addr)
		report(addr, len_bytes, write);
	while (at < end) {
		u8 s = *shadow_of(at);

		if (at % 64 == 0 && end - at >= 64 && !*(u64 *)shadow_of(at)) {
			at += 64;
			continue;
		}
		if (s && MIN(at | (GRANULE - 1), end - 1) % GRANULE >= s) {
			report(s < GRANULE ? MAX(at, ALIGN_DOWN(at, GRANULE) + s) : at, len_bytes,
				write);
			return;
		}
		at = (at | (GRANULE - 1)) + 1;
	}
}

/* ---- what the compiler calls ---- */

#define REPORT(name, params, bytes, write)          \
	void __asan_report_##name##_noabort params; \
	void __asan_report_##name##_noabort params  \
	{                                           \
		report(addr, bytes, write);         \
	}
REPORT(load1, (u64 addr), 1, false)
REPORT(load2, (u64 addr), 2, false)
REPORT(load4, (u64 addr), 4, false)
REPORT(load8, (u64 addr), 8, false)
REPORT(load16, (u64 addr), 16, false)
REPORT(load_n, (u64 addr, size_t len_bytes), len_bytes, false)
REPORT(store1, (u64 addr), 1, true)
REPORT(store2, (u64 addr), 2, true)
REPORT(store4, (u64 addr), 4, true)
REPORT(store8, (u64 addr), 8, true)
REPORT(store16, (u64 addr), 16, true)
REPORT(store_n, (u64 addr, size_t len_bytes), len_bytes, true)

/* Before a call that does not come back: the frames that are left keep no red zones, since the next
 * entry from user mode begins at the top of this stack. */
void __asan_handle_no_return(void);
void __asan_handle_no_return(void)
{
	u64 sp = (u64)__builtin_frame_address(0);
	struct thread *t = current;

	if (t && sp - t->kstack < KSTACK_SIZE)
		kasan_unpoison((void *)sp, t->kstack + KSTACK_SIZE - sp);
}

struct asan_global { /* version 8 of the compilers' interface */
	u64 addr, len_bytes, len_with_red_zone;
	const char *name, *module;
	u64 dynamic_init, location, odr_indicator;
};
void __asan_register_globals(const struct asan_global *globals, size_t count);
void __asan_register_globals(const struct asan_global *globals, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct asan_global *g = &globals[i];

		kasan_poison((void *)(g->addr + g->len_bytes), g->len_with_red_zone - g->len_bytes,
			KASAN_GLOBAL);
	}
}
void __asan_unregister_globals(const struct asan_global *globals, size_t count);
void __asan_unregister_globals(const struct asan_global *globals, size_t count)
{
}

typedef void (*constructor_fn)(void);
extern const constructor_fn kasan_constructors_start[], kasan_constructors_end[];

void kasan_init(void)
{
	for (const constructor_fn *c = kasan_constructors_start; c < kasan_constructors_end; c++)
		(*c)();
	__atomic_store_n(&reporting, true, __ATOMIC_RELAXED);
}

/* ---- wrapped functions: KASAN_WRAP in kernel.mk ---- */

#define WRAP(ret, name, params, args, checks) \
	ret __real_##name params;             \
	ret __wrap_##name params;             \
	ret __wrap_##name params              \
	{                                     \
		checks;                       \
		return __real_##name args;    \
	}
#define READS(p, len)  check((u64)(p), len, false)
#define WRITES(p, len) check((u64)(p), len, true)

WRAP(void *, memset, (void *d, int byte, size_t n), (d, byte, n), WRITES(d, n))
WRAP(void *, memcpy, (void *d, const void *s, size_t n), (d, s, n), READS(s, n); WRITES(d, n))
WRAP(void *, memmove, (void *d, const void *s, size_t n), (d, s, n), READS(s, n); WRITES(d, n))
WRAP(int, copy_from_user, (void *d, const void USER *s, size_t n), (d, s, n), WRITES(d, n))
WRAP(int, copy_to_user, (void USER *d, const void *s, size_t n), (d, s, n), READS(s, n))
WRAP(size_t, copy_from_user_partial, (void *d, const void USER *s, size_t n), (d, s, n),
	WRITES(d, n))
WRAP(size_t, copy_to_user_partial, (void USER *d, const void *s, size_t n), (d, s, n), READS(s, n))
WRAP(void, arch_page_clear, (void *page), (page), WRITES(page, PAGE_SIZE))
WRAP(void, arch_page_copy, (void *d, const void *s), (d, s), READS(s, PAGE_SIZE);
	WRITES(d, PAGE_SIZE))
#endif
