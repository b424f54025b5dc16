/* Tracing in the Linux user ABI (x86_64). Source: ptrace(2), core(5), the psABI's register names.
 */
#pragma once

#include <exo/types.h>

#define PTRACE_TRACEME            0
#define PTRACE_PEEKTEXT           1
#define PTRACE_PEEKDATA           2
#define PTRACE_PEEKUSER           3
#define PTRACE_POKETEXT           4
#define PTRACE_POKEDATA           5
#define PTRACE_POKEUSER           6
#define PTRACE_CONT               7
#define PTRACE_KILL               8
#define PTRACE_SINGLESTEP         9
#define PTRACE_GETREGS            12
#define PTRACE_SETREGS            13
#define PTRACE_GETFPREGS          14
#define PTRACE_SETFPREGS          15
#define PTRACE_ATTACH             16
#define PTRACE_DETACH             17
#define PTRACE_SYSCALL            24
#define PTRACE_SYSEMU             31
#define PTRACE_SYSEMU_SINGLESTEP  32
#define PTRACE_SETOPTIONS         0x4200
#define PTRACE_GETEVENTMSG        0x4201
#define PTRACE_GETSIGINFO         0x4202
#define PTRACE_SETSIGINFO         0x4203
#define PTRACE_GETREGSET          0x4204
#define PTRACE_SETREGSET          0x4205
#define PTRACE_SEIZE              0x4206
#define PTRACE_INTERRUPT          0x4207
#define PTRACE_LISTEN             0x4208
#define PTRACE_PEEKSIGINFO        0x4209
#define PTRACE_GETSIGMASK         0x420a
#define PTRACE_SETSIGMASK         0x420b
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#define PTRACE_GET_SYSCALL_INFO   0x420e

#define PTRACE_EVENT_FORK        1
#define PTRACE_EVENT_VFORK       2
#define PTRACE_EVENT_CLONE       3
#define PTRACE_EVENT_EXEC        4
#define PTRACE_EVENT_VFORK_DONE  5
#define PTRACE_EVENT_EXIT        6
#define PTRACE_EVENT_SECCOMP     7
#define PTRACE_EVENT_STOP        128
#define PTRACE_O_TRACESYSGOOD    1u
#define PTRACE_O_EVENT(event)    (1u << (event)) /* TRACEFORK .. TRACESECCOMP */
#define PTRACE_O_EXITKILL        0x100000u
#define PTRACE_O_SUSPEND_SECCOMP 0x200000u
#define PTRACE_O_MASK            0x3000ffu

#define NT_PRSTATUS   1u /* struct linux_user_regs */
#define NT_PRFPREG    2u /* 512 bytes of FXSAVE */
#define NT_X86_XSTATE 0x202u

struct linux_user_regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip,
		cs, rflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};
_Static_assert(sizeof(struct linux_user_regs) == 216, "struct user_regs_struct is user ABI");
#define USER_DEBUGREGS 848u /* of struct user: u_debugreg[8] */

#define PTRACE_PEEKSIGINFO_SHARED 1u
struct linux_peeksiginfo {
	u64 index;
	u32 flags;
	s32 count;
};

enum { PTRACE_SYSCALL_NONE, PTRACE_SYSCALL_ENTRY, PTRACE_SYSCALL_EXIT, PTRACE_SYSCALL_SECCOMP };
struct linux_syscall_info {
	u8 op, pad[3];
	u32 arch;
	u64 ip, sp;
	union {
		struct {
			u64 nr, args[6];
		} entry;
		struct {
			s64 value;
			u8 is_error;
		} exit;
	};
	u32 ret_data, pad2; /* PTRACE_SYSCALL_SECCOMP */
};
