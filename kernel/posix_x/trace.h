/* What ptrace.c (who traces) and trace_stop.c (who is traced) share. Layer: posix_x. */
#pragma once

#include "posix_x_internal.h"
#include <exo_abi/linux_ptrace.h>

/* A tracee's record. It stands in the tracer's list of tracees and, after the end of the thread, in
 * its list of the ended. task->trace changes under tree and process lock. */
struct trace {
	struct list node;       /* [tree] tracer->tracees or tracer->trace_ends */
	struct task *task;      /* [tree] NULL once the thread ended */
	struct process *tracer; /* [tree] */
	pid_t tracer_tid;       /* [tree] */
	struct pid *pid; /* [tree] of the ended: one use, so that the number is nobody else's */
	u32 uid;         /* [tree] of the ended */
	s32 exit_code;   /* [tree] of the ended: wait status */
	struct process *leaves; /* [tree] the first thread ended, others still run this process: no
				   news yet */
	u32 flags;              /* [lock] TRACE_* */
	u32 options;            /* [lock] PTRACE_O_* */
	s32 code;               /* [lock] of the stop: signal, or event << 8 | signal */
	bool news;              /* [lock] wait has not shown it */
	u8 call;                /* [lock] PTRACE_SYSCALL_* of the stop */
	u64 message;            /* [lock] PTRACE_GETEVENTMSG */
	struct siginfo *info;   /* [lock] of the stop, on the tracee's stack; NULL = a stop of the
				   whole process */
};
#define TRACE_SEIZED    1u
#define TRACE_CALLS     2u  /* stops at entry and exit of calls */
#define TRACE_STEP      4u  /* one instruction at a time */
#define TRACE_LISTENING 8u  /* PTRACE_LISTEN: stopped, but news of the process come through */
#define TRACE_EMULATES  16u /* stops at entry of calls, which are not made */

u32 trace_options(struct task *t); /* of who is traced, else 0; takes its process lock */
/* trace_link_locked - @r becomes the record of @t. [tree] */
void trace_link_locked(struct trace *r, struct task *t, struct process *tracer, pid_t tracer_tid,
	u32 options, u32 flags);
/* trace_unlink_locked - @t goes on untraced, with @signo when it was stopped for a signal. Return:
 * the record, to be freed. [tree] */
struct trace *trace_unlink_locked(struct task *t, int signo);
