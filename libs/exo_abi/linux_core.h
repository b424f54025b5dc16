/* What is left of a process in the Linux user ABI (x86_64): core files and accounts. Source:
 * core(5), elf(5), <sys/procfs.h>; acct(5). */
#pragma once

#include <exo_abi/linux_elf.h>
#include <exo_abi/linux_ptrace.h>

#define ELF_TYPE_CORE 4
#define PT_NOTE       4
#define NT_PRPSINFO   3u
#define NT_AUXV       6u
#define NT_SIGINFO    0x53494749u
#define NT_FILE       0x46494c45u

struct elf_note {
	u32 name_bytes, bytes, type;
	char name[8];
};
struct core_prstatus {
	s32 signo, code, error;
	s16 current_signo, pad;
	u64 pending, blocked;
	s32 pid, ppid, pgrp, sid;
	s64 times[8]; /* user, system, user and system of children: seconds, microseconds */
	struct linux_user_regs regs;
	s32 fp_valid, pad2;
};
_Static_assert(sizeof(struct core_prstatus) == 336, "struct elf_prstatus is user ABI");
struct core_prpsinfo {
	char state, state_name, zombie, nice;
	u32 pad;
	u64 flags;
	u32 uid, gid;
	s32 pid, ppid, pgrp, sid;
	char name[16], args[80];
};
_Static_assert(sizeof(struct core_prpsinfo) == 136, "struct elf_prpsinfo is user ABI");

/* Bits of /proc/PID/coredump_filter. */
#define DUMP_ANON_PRIVATE   1u
#define DUMP_ANON_SHARED    2u
#define DUMP_MAPPED_PRIVATE 4u
#define DUMP_MAPPED_SHARED  8u
#define DUMP_ELF_HEADERS    16u
#define DUMP_FILTER_DEFAULT 0x33u
#define DUMP_FILTER_MASK    0x1ffu

/* ---- acct(5), struct acct_v3 ---- */
#define ACCT_VERSION 3
#define AFORK        0x01 /* it made no exec */
#define ACORE        0x08
#define AXSIG        0x10

struct acct_record {
	u8 flag, version;
	u16 tty;
	u32 exit_code, uid, gid, pid, ppid, begin_s;
	u32 elapsed;                                                /* float, in ticks */
	u16 user, system, memory_kb, io, rw, minflt, majflt, swaps; /* compressed */
	char comm[16];
};
_Static_assert(sizeof(struct acct_record) == 64, "struct acct_v3 is user ABI");
