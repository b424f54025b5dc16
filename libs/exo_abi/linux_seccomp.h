/* Filters on system calls and classic BPF in the Linux user ABI. Source: seccomp(2),
 * seccomp_unotify(2), bpf(4) of BSD. */
#pragma once

#include <exo/types.h>

#define AUDIT_ARCH_X86_64 0xc000003eu

#define SECCOMP_SET_MODE_STRICT  0
#define SECCOMP_SET_MODE_FILTER  1
#define SECCOMP_GET_ACTION_AVAIL 2
#define SECCOMP_GET_NOTIF_SIZES  3

#define SECCOMP_MODE_DISABLED 0
#define SECCOMP_MODE_STRICT   1
#define SECCOMP_MODE_FILTER   2

#define SECCOMP_FILTER_FLAG_TSYNC              1u
#define SECCOMP_FILTER_FLAG_LOG                2u
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW         4u
#define SECCOMP_FILTER_FLAG_NEW_LISTENER       8u
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH        16u
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV 32u
#define SECCOMP_FILTER_FLAG_MASK               63u

#define SECCOMP_RET_KILL_PROCESS 0x80000000u
#define SECCOMP_RET_KILL_THREAD  0u
#define SECCOMP_RET_TRAP         0x00030000u
#define SECCOMP_RET_ERRNO        0x00050000u
#define SECCOMP_RET_USER_NOTIF   0x7fc00000u
#define SECCOMP_RET_TRACE        0x7ff00000u
#define SECCOMP_RET_LOG          0x7ffc0000u
#define SECCOMP_RET_ALLOW        0x7fff0000u
#define SECCOMP_RET_ACTION       0xffff0000u
#define SECCOMP_RET_DATA         0xffffu
#define SYS_SECCOMP              1 /* si_code of SIGSYS */
#define SYS_USER_DISPATCH        2

struct linux_seccomp_data {
	s32 nr;
	u32 arch;
	u64 ip, args[6];
};
struct linux_seccomp_notif {
	u64 id;
	u32 pid, flags;
	struct linux_seccomp_data data;
};
struct linux_seccomp_resp {
	u64 id;
	s64 val;
	s32 error;
	u32 flags;
};
struct linux_seccomp_addfd {
	u64 id;
	u32 flags, srcfd, newfd, newfd_flags;
};
_Static_assert(sizeof(struct linux_seccomp_notif) == 80, "user ABI");
_Static_assert(sizeof(struct linux_seccomp_resp) == 24, "user ABI");
_Static_assert(sizeof(struct linux_seccomp_addfd) == 24, "user ABI");
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE 1u
#define SECCOMP_ADDFD_FLAG_SETFD         1u
#define SECCOMP_ADDFD_FLAG_SEND          2u
#define SECCOMP_IOCTL_NOTIF_RECV         0xc0502100u
#define SECCOMP_IOCTL_NOTIF_SEND         0xc0182101u
#define SECCOMP_IOCTL_NOTIF_ID_VALID     0x40082102u
#define SECCOMP_IOCTL_NOTIF_ID_VALID_OLD 0x80082102u /* the direction was wrong at first */
#define SECCOMP_IOCTL_NOTIF_ADDFD        0x40182103u

/* Classic BPF: code = class | size or operation | source. */
struct bpf_insn {
	u16 code;
	u8 jt, jf;
	u32 k;
};
struct linux_bpf_program {
	u16 len, pad[3];
	u64 insns;
};
#define BPF_INSNS_MAX 4096
#define BPF_CELLS     16
#define BPF_CLASS     0x07
#define BPF_OP        0xf0
#define BPF_X         0x08

#define BPF_LD_IMM  0x00
#define BPF_LD_ABS  0x20
#define BPF_LD_MEM  0x60
#define BPF_LD_LEN  0x80
#define BPF_LDX_IMM 0x01
#define BPF_LDX_MEM 0x61
#define BPF_LDX_LEN 0x81
#define BPF_ST      0x02
#define BPF_STX     0x03
#define BPF_ALU     0x04
#define BPF_ADD     0x04
#define BPF_SUB     0x14
#define BPF_MUL     0x24
#define BPF_DIV     0x34
#define BPF_OR      0x44
#define BPF_AND     0x54
#define BPF_LSH     0x64
#define BPF_RSH     0x74
#define BPF_NEG     0x84
#define BPF_XOR     0xa4
#define BPF_JMP     0x05
#define BPF_JA      0x05
#define BPF_JEQ     0x15
#define BPF_JGT     0x25
#define BPF_JGE     0x35
#define BPF_JSET    0x45
#define BPF_RET_K   0x06
#define BPF_RET_A   0x16
#define BPF_TAX     0x07
#define BPF_TXA     0x87
