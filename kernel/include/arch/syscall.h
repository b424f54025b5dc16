/* How a system call finds its handler: the room syscall fills the table, the architecture's entry
 * code jumps through it. Layer: arch. */
#pragma once

#include <exo/types.h>

#define SYSCALLS_MAX 512 /* a power of two; the last entry is never a call */
/* native calls: a table of their own behind the bounds check of the other */
#define NATIVE_FIRST 1024
#define NATIVE_COUNT 256
struct trap_frame;
typedef long (*syscall_fn)(u64, u64, u64, u64, u64, u64);
/* [c] dispatch array; absent entries log and answer -ENOSYS */
extern syscall_fn syscall_table[SYSCALLS_MAX];
extern syscall_fn native_table[NATIVE_COUNT]; /* [c] the same for NATIVE_FIRST + i */
/* [c] bit nr = the handler wants the full frame */
extern u64 syscall_full_frame[SYSCALLS_MAX / 64];
/* arch_syscall_init - puts the full-frame stubs of the F calls into the filled table. */
void arch_syscall_init(void);
/* arch_syscall_call - the handler of the frame's number with the frame's arguments; its result goes
 * into the frame. The frame is whole. */
void arch_syscall_call(struct trap_frame *f);
/* syscall_slow - a call of a thread that is traced, filtered or has its calls dispatched. Room
 * posix_x. */
void syscall_slow(struct trap_frame *f);
