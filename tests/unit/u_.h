/* Unit tests on the host.
 *
 * A file tests/unit/<room>/<name>_test.c is one program. Lines of its opening comment tell what it is built from:
 *   needs: kernel/room/file.c ...   kernel sources to link (any number of lines); everything else comes from arch/host's library
 *   mode: asan | tsan | sim | plain sanitizers; plain = none, sim = asan + a point of choice of the simulator at every branch of the kernel code
 *   defines: -DNAME=...             for the kernel sources and the test
 * Each U_TEST runs in a process of its own with a time limit, and prints `ok N - room/name: test` or `not ok ...`.
 * A file <name>_fuzz.c is a libFuzzer program (see unit.mk). */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <host.h>

struct u_case {
	const char *name;
	void (*fn)(void);
	unsigned limit_s;
	struct u_case *next;
};
void u_register(struct u_case *c);
void u_fail(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void u_skip(const char *reason) __attribute__((noreturn)); /* the rest of this test cannot run here */
void u_note(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* a line of explanation, printed with `# ` */
extern unsigned u_failures; /* of the running test */

#define U_TEST_LIMIT(name, seconds)                                                                \
	static void name(void);                                                                    \
	static struct u_case name##_case = { #name, name, (seconds), NULL };                       \
	static __attribute__((constructor)) void name##_register(void)                             \
	{                                                                                          \
		u_register(&name##_case);                                                          \
	}                                                                                          \
	static void name(void)
#define U_TEST(name) U_TEST_LIMIT(name, 20)

/* A failed check is reported and the test goes on; u_need ends the test. */
#define u_check(cond)                                                                              \
	((cond) ? true : (u_fail(__FILE__, __LINE__, "%s", #cond), false))
#define u_need(cond)                                                                               \
	do {                                                                                       \
		if (!u_check(cond))                                                                \
			return;                                                                    \
	} while (0)
#define u_eq(a, b)                                                                                 \
	({                                                                                         \
		long long _a = (long long)(a), _b = (long long)(b);                                \
		if (_a != _b)                                                                      \
			u_fail(__FILE__, __LINE__, "%s is %lld, not %lld (%s)", #a, _a, _b, #b);   \
		_a == _b;                                                                          \
	})
#define u_str_eq(a, b)                                                                             \
	({                                                                                         \
		const char *_a = (a), *_b = (b);                                                   \
		bool _same = _a && _b && strcmp(_a, _b) == 0;                                      \
		if (!_same)                                                                        \
			u_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a, _a ? _a : "(null)", \
				_b ? _b : "(null)");                                               \
		_same;                                                                             \
	})
#define u_mem_eq(a, b, n)                                                                          \
	(memcmp((a), (b), (n)) == 0 ? true : (u_fail(__FILE__, __LINE__, "%s differs from %s", #a, #b), false))
/* The statement must panic; host_panic_text holds the words. */
#define u_panics(statement) u_check(HOST_PANICS(statement))
