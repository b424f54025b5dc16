/* Scheduling in the Linux user ABI. Sources: sched(7), sched_setattr(2), getpriority(2). */
#pragma once

#include <exo/types.h>

#define SCHED_OTHER         0
#define SCHED_FIFO          1
#define SCHED_RR            2
#define SCHED_BATCH         3
#define SCHED_IDLE          5
#define SCHED_DEADLINE      6
#define SCHED_RESET_ON_FORK 0x40000000

#define SCHED_FLAG_RESET_ON_FORK 0x01
#define SCHED_FLAG_KEEP_POLICY   0x08
#define SCHED_FLAG_KEEP_PARAMS   0x10

#define PRIO_PROCESS 0
#define PRIO_PGRP    1
#define PRIO_USER    2

struct sched_param_abi {
	s32 priority;
};
struct sched_attr_abi {
	u32 size, policy;
	u64 flags;
	s32 nice;
	u32 priority;
	u64 runtime, deadline, period; /* SCHED_DEADLINE */
	u32 util_min, util_max;
};
#define SCHED_ATTR_SIZE_VER0 48u
_Static_assert(sizeof(struct sched_attr_abi) == 56, "user ABI");
