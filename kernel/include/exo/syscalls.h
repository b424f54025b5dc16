/* The handlers of kernel/syscall/table.def. Each is two steps: decode (copy, check, may fail),
 * commit (change state). Arguments arrive as the registers hold them; a handler narrows them
 * itself. Return: >= 0 | -errno | -ERESTART*. Layer: syscall. Handlers live in
 * kernel/syscall/handlers/<family>.c: a handler is `long sys_name(u64 a, u64 b, ...)` with exactly
 * the table's number of arguments, each u64; pointers become USER pointers inside. */
#pragma once

#include <exo/types.h>
#include <exo/errno.h>
#include <arch/syscall.h>

#define SYSCALL_ARGS0                                         void
#define SYSCALL_ARGS1                                         u64 a0
#define SYSCALL_ARGS2                                         u64 a0, u64 a1
#define SYSCALL_ARGS3                                         u64 a0, u64 a1, u64 a2
#define SYSCALL_ARGS4                                         u64 a0, u64 a1, u64 a2, u64 a3
#define SYSCALL_ARGS5                                         u64 a0, u64 a1, u64 a2, u64 a3, u64 a4
#define SYSCALL_ARGS6                                         u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5
#define SYSCALL(nr, name, args, flags, confined, state, note) long sys_##name(SYSCALL_ARGS##args);
#include "../../syscall/table.def"
#undef SYSCALL
/* Native calls: the handlers of libs/exo_abi/native.def, on the same terms. */
#define NATIVE(nr, name, args, types, rights, errors, text) long exo_##name(SYSCALL_ARGS##args);
#include <exo_abi/native.def>
#undef NATIVE

extern const char *native_names[NATIVE_COUNT]; /* [c] "exo_cap_inspect"; NULL = absent */
/* user_struct_get, user_struct_put - structures that grow, passed with their size. A shorter one of
 * the user is filled up with zeros, a longer one must hold zeros behind what we know; put writes
 * what both know and zeros behind it. 0 | -EFAULT | -E2BIG (get) | -EINVAL shorter than @size_min
 * or longer than a page. */
int user_struct_get(void *dst, size_t size, size_t size_min, u64 from, u64 user_size) MUST_USE;
int user_struct_put(u64 to, u64 user_size, size_t size_min, const void *src, size_t size) MUST_USE;
/* siginfo_from_user - what a signal's sender says: what any signal may carry, as on Linux; the rest
 * of the 128 bytes is neither read nor passed on. 0 | -EFAULT. */
#define SIGINFO_USED_BYTES 48
struct siginfo;
int siginfo_from_user(struct siginfo *info, u64 from) MUST_USE;
/* time_of_pair - a timespec, or with @unit_ns of a microsecond a timeval; beyond 292 years is
 * INT64_MAX. 0 | -EINVAL. time_from_user: a timespec of the user; 0 | -EFAULT | -EINVAL. */
struct pair_abi;
int time_of_pair(const struct pair_abi *p, u64 unit_ns, ns_t *out) MUST_USE;
int time_from_user(u64 from, ns_t *out) MUST_USE;
int time_to_user(u64 to, ns_t t) MUST_USE;
/* moment_from_user - when a time-out ends, as a moment of CLOCK_REALTIME or CLOCK_MONOTONIC, or as
 * so long from now on; @from 0: NS_FOREVER. */
#define CLOCK_FROM_NOW (-1)
int moment_from_user(u64 from, s32 clock, ns_t *out) MUST_USE;
extern const char *syscall_names[SYSCALLS_MAX]; /* [c] NULL = absent */
extern u8 syscall_arg_counts[SYSCALLS_MAX];
void syscall_init(void);
