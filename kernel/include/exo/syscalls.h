/* The handlers of kernel/syscall/table.def. Each is two steps: decode (copy, check, may fail), commit (change state).
 * Arguments arrive as the registers hold them; a handler narrows them itself. Return: >= 0 | -errno | -ERESTART*.
 * Layer: syscall. Handlers live in kernel/syscall/handlers/<family>.c: a handler is `long sys_name(u64 a, u64 b, ...)` with
 * exactly the table's number of arguments, each u64; pointers become USER pointers inside. */
#pragma once

#include <exo/types.h>
#include <exo/errno.h>

#define SYSCALL_ARGS0 void
#define SYSCALL_ARGS1 u64 a0
#define SYSCALL_ARGS2 u64 a0, u64 a1
#define SYSCALL_ARGS3 u64 a0, u64 a1, u64 a2
#define SYSCALL_ARGS4 u64 a0, u64 a1, u64 a2, u64 a3
#define SYSCALL_ARGS5 u64 a0, u64 a1, u64 a2, u64 a3, u64 a4
#define SYSCALL_ARGS6 u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5
#define SYSCALL(nr, name, args, flags, state, note) long sys_##name(SYSCALL_ARGS##args) __attribute__((weak));
#include "../../syscall/table.def"
#undef SYSCALL

#define SYSCALLS_MAX 512
typedef long (*syscall_fn)(u64, u64, u64, u64, u64, u64);
extern syscall_fn syscall_table[SYSCALLS_MAX]; /* dispatch array; absent entries are sys_ni */
extern const char *syscall_names[SYSCALLS_MAX]; /* [c] NULL = absent */
extern u8 syscall_arg_counts[SYSCALLS_MAX];
extern u64 syscall_full_frame[SYSCALLS_MAX / 64]; /* [c] bit nr = the handler wants the full frame */
void syscall_init(void);
/* arch_syscall_init - puts the full-frame stubs of the F calls into syscall_table. Architecture. */
void arch_syscall_init(void);
/* The trap frame of current, complete only in F calls. */
struct trap_frame *syscall_frame(void);
