/* prctl(PR_SET_MM) in the Linux user ABI. Source: prctl(2). */
#pragma once

#include <exo/types.h>

/* Of PR_SET_MM; 1 to 11 are addresses, one each. */
enum {
	PR_SET_MM_START_STACK = 5,
	PR_SET_MM_ARG_START = 8,
	PR_SET_MM_ENV_END = 11,
	PR_SET_MM_AUXV,
	PR_SET_MM_EXE_FILE,
	PR_SET_MM_MAP,
	PR_SET_MM_MAP_SIZE
};
struct linux_mm_marks { /* where the parts of a program begin and end */
	u64 code, code_end, data, data_end, brk_start, brk, stack;
	u64 arg_start, arg_end, env_start, env_end;
};
struct linux_mm_map {
	struct linux_mm_marks marks;
	u64 auxv;
	u32 auxv_bytes, exe_fd;
};
