/* What the files of room posix_x share: processes, tasks, pids, signal queues. Layer: posix_x.
 *
 * struct process is a thread group, struct task one of its threads (struct thread first, so current
 * is one). A process lives in the tree from fork until its parent has waited for it; its memory
 * lives as long as anybody holds a reference.
 *
 * Locks, outermost first:
 *   tree   process_tree_lock (PROCESS_TREE, irq): pids, parents, children, groups, sessions, thread
 * lists. lock   process->lock (SIGNAL, irq): queues, masks, flags, limits, accounts. A thread list
 * changes under both and is read under either. act    sighand->lock (SIGNAL): dispositions. Taken
 * inside `lock`.
 *
 * Legend: [c] constant once visible, [a] atomic, [cur] only the thread itself, [tree] [lock] [act]
 * as above. */
#pragma once

#include <exo/bitops.h>
#include <exo/errno.h>
#include <exo/list.h>
#include <exo/log.h>
#include <exo/posix_calls.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo/sync.h>
#include <exo/time.h>
#include <exo_abi/linux_process.h>
#include <exo_abi/linux_signal.h>
#include <exo_abi/linux_time.h>
#include <arch/uaccess.h>

struct process;
struct posix_timer;

/* ---- pids ---- */
#define PID_MAX_LIMIT   4194304
#define PID_MAX_DEFAULT 32768
#define PID_RESERVED    300 /* a wrap goes on from here */
struct pid {
	u32 uses;          /* [tree] as thread, process, group and session; 0 = number free again */
	pid_t nr;          /* [c] */
	struct task *task; /* [tree write, RCU read] */
	struct process *process; /* [tree write, RCU read] */
	struct list group;       /* [tree] process->group_node of the members */
	struct rcu_head rcu;
};
#define PIDS_A_LEAF 512
struct pid_leaf {
	struct pid *slot[PIDS_A_LEAF]; /* slot[nr % 512] */
	u64 map[PIDS_A_LEAF / 64];     /* [tree write] which slots are not NULL */
	u32 used;                      /* [tree] how many, at least 1 */
	struct rcu_head rcu;
};
struct pid_table {                                          /* [tree]; look-ups under RCU */
	struct pid_leaf *leaf[PID_MAX_LIMIT / PIDS_A_LEAF]; /* leaf[nr / 512]; NULL = all free */
	pid_t last, max;
};
extern struct pid_table pids;
extern struct pid pid_zero;
extern spinlock_t process_tree_lock;
/* pid_table_insert - gives @pid the next free number after the last, wrapping at max. 0 | -EAGAIN
 * none | -ENOMEM. */
int pid_table_insert(struct pid_table *t, struct pid *pid) MUST_USE;
/* -EEXIST -EINVAL -ENOMEM */
int pid_table_insert_at(struct pid_table *t, struct pid *pid, pid_t nr) MUST_USE;
void pid_table_remove(struct pid_table *t, struct pid *pid);
struct pid *pid_table_find(struct pid_table *t, pid_t nr); /* RCU or tree lock; NULL */
pid_t pid_table_next(const struct pid_table *t, pid_t nr); /* lowest in use > @nr >= 0, -1 none */
struct pid *pid_create(void);    /* uses 0, no number; NULL = out of memory */
void pid_destroy(struct pid *p); /* one that never got a number */
void pid_use(struct pid *p);     /* [tree] */
void pid_unuse(struct pid *p);   /* [tree] last: number free, memory after RCU */

/* ---- per-user counts, for RLIMIT_NPROC, RLIMIT_SIGPENDING, descriptors in flight ---- */
struct user_account {
	struct hlist_node hash;                     /* [users] */
	u32 uid;                                    /* [c] */
	u32 refs;                                   /* [users for the last] [a] */
	s64 threads, signals, flights, queue_bytes; /* [a] */
};
struct user_account *account_get(u32 uid); /* +1; NULL = out of memory */
void account_hold(struct user_account *a);
void account_put(struct user_account *a);

/* ---- signals ---- */
struct sighand {
	u32 refs; /* [a] processes that share it (CLONE_SIGHAND) */
	spinlock_t lock;
	sigset ignored, caught;                 /* [act] whose handler is SIG_IGN; is a function */
	sigset touched;                         /* [act] whose action is not all zero */
	struct k_sigaction action[SIGNALS_MAX]; /* [act] action[signo - 1] */
};
struct sigqueue {
	struct list node; /* [lock] */
	struct siginfo info;
	struct user_account *account; /* +1 charged; NULL for a timer's own */
	struct posix_timer *timer;    /* the timer that embeds it, +1 while queued; NULL = heap */
};
struct sigpending {
	sigset set;
	struct list queue;
};
#define SIGSET_STOP    (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define SIGSET_IGNORED (SIGBIT(SIGCONT) | SIGBIT(SIGCHLD) | SIGBIT(SIGWINCH) | SIGBIT(SIGURG))
#define SIGSET_SYNC                                                                             \
	(SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | \
		SIGBIT(SIGSYS))
#define SIGSET_CORE \
	(SIGSET_SYNC | SIGBIT(SIGQUIT) | SIGBIT(SIGABRT) | SIGBIT(SIGXCPU) | SIGBIT(SIGXFSZ))
#define SIGSET_KERNEL_ONLY (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))

struct task {
	struct thread thread;         /* first */
	struct pid *pid;              /* [tree] NULL once it ended */
	struct list thread_node;      /* [tree + lock] process->threads */
	struct user_account *account; /* [cur] */
	u32 job;                      /* [lock] TASK_* */
	/* signals */
	struct sigpending pending; /* [lock] */
	sigset blocked;            /* [cur writes under lock] */
	sigset saved_mask;         /* [cur] comes back when WORK_RESTORE_SIGMASK */
	sigset real_blocked; /* [lock] while sigtimedwait opens the mask: the mask it had; else 0 */
	struct sigstack_abi alt;      /* [cur] flags: SS_* as given */
	int pdeath_signal;            /* [cur writes] */
	struct restart_block restart; /* [cur] */
	/* user words that end and start of a thread write */
	u32 USER *set_child_tid;   /* [cur] written once, on the first way to user mode */
	u32 USER *clear_child_tid; /* [cur] */
	struct robust_list_head_abi USER *robust_list; /* [cur] */
	struct rseq_abi USER *rseq;                    /* [cur] */
	u32 rseq_size, rseq_signature;                 /* [cur] */
	u32 rseq_cpu;                                  /* [cur] what the area says */
	/* vfork: the parent sleeps here until we exec or end */
	bool vfork_pending; /* [a] */
	struct waitqueue vfork_wq;
	ns_t default_slack_ns;           /* [c] */
	struct trace *trace;             /* [tree + lock] by whom it is traced; NULL = by nobody */
	s32 trace_signo;                 /* [lock] with which the tracer lets it go on */
	s32 exit_code;                   /* [cur] */
	struct seccomp_filter *filters;  /* [lock] +1 the newest */
	u8 seccomp;                      /* [lock] SECCOMP_MODE_* */
	struct call_dispatch {           /* [cur] PR_SET_SYSCALL_USER_DISPATCH */
		u64 start, len_bytes;    /* calls from there go on */
		const u8 USER *selector; /* NULL = all others come back */
		bool on;
	} dispatch;
	bool nproc_exceeded; /* [cur] set*uid went over RLIMIT_NPROC: exec refuses while it holds */
};
#define TASK_STOP_PENDING 1u /* must stop on its way to user mode */
#define TASK_STOPPED      2u
#define TASK_EXITING      4u  /* gets no more signals */
#define TASK_EXEC_KILL    8u  /* exec by another thread: ends quietly, the process goes on */
#define TASK_TRACED       16u /* stopped until its tracer lets it go on */
#define TASK_TRACE_TRAP   32u /* must stop for its tracer on its way to user mode */

struct itimer {
	u64 expires_ns, interval_ns; /* [lock] by its clock; 0 = off */
};
#define ITIMERS 3 /* ITIMER_REAL by CLOCK_MONOTONIC, _VIRTUAL and _PROF by CPU time */
enum process_state { PROC_LIVE, PROC_ZOMBIE, PROC_REAPED };

struct process {
	u32 refs;                      /* [a] the tree 1, each thread 1, holders */
	pid_t nr;                      /* [c] */
	pid_t parent_nr, pgid, sid;    /* [tree write, read racy] */
	struct pid *pid;               /* [tree] NULL once reaped */
	struct process *parent;        /* [tree] */
	pid_t parent_tid;              /* [tree] thread of the parent that made us (__WNOTHREAD) */
	struct list children, sibling; /* [tree] */
	/* [tree] struct trace: whom our threads trace; who of them ended */
	struct list tracees, trace_ends;
	/* [tree] of the first thread, when it ended before the others */
	struct trace *leader_trace;
	struct list threads;      /* [tree + lock] task->thread_node, oldest first */
	u32 thread_count;         /* [tree + lock] threads in the list */
	u32 live;                 /* [a] threads that have not begun to end */
	struct pid *group;        /* [tree] one use */
	struct list group_node;   /* [tree] group->group */
	struct session *session;  /* [tree] +1 */
	enum process_state state; /* [tree] */
	u8 exit_signal;           /* [tree] told to the parent at the end; 0 = none (clone child) */
	bool subreaper, has_subreaper; /* [tree] this one; some ancestor */
	bool did_exec;                 /* [tree] setpgid by the parent is over */
	/* signals */
	spinlock_t lock;
	struct sigpending shared;  /* [lock] */
	struct sighand *sighand;   /* [lock]; replaced by current only, alone */
	struct task *signal_turn;  /* [lock] where the search for a thread begins; NULL = first */
	u32 flags;                 /* [lock; also read racy] PROC_* */
	u32 stop_left;             /* [lock] threads that have yet to stop */
	s32 exit_code;             /* [lock] wait status */
	s32 stop_signo;            /* [lock] */
	s32 wait_code;             /* [lock] unreported stop or continue, wait status; 0 = none */
	struct waitqueue child_wq; /* waiters for our children */
	/* exec waits for the other threads here; pidfd-like pollers too */
	struct waitqueue alone_wq;
	struct rlimit64 limits[RLIM_COUNT]; /* [lock write, racy read] */
	u32 personality;                    /* [cur] */
	u8 dumpable;                        /* [a] */
	u16 core_filter;                    /* [a] /proc/PID/coredump_filter */
	struct task *dumper;                /* [lock] writes a core file; threads wait for it */
	u32 standing;                       /* [lock] those that do */
	s16 oom_score_adj;                  /* [a] */
	ns_t start_ns;                      /* [c] CLOCK_MONOTONIC */
	u32 exit_uid;                       /* [tree] real user at the last news for the parent */
	struct cred *cred;                  /* [tree] +1 of a zombie: the last thread's */
	struct user_account *account;       /* [tree] +1 of a zombie */
	char comm[16];                      /* [lock] of a zombie */
	struct usage dead, children_usage;  /* [lock] threads that ended; children waited for */
	/* timers */
	/* ITIMER_REAL; holds no reference: cancelled before the process goes */
	struct timer real_timer;
	struct itimer itimers[ITIMERS]; /* [lock] itimers[ITIMER_*] */
	struct list posix_timers;       /* [lock] */
	s32 next_timer_id;              /* [lock] */
	struct timer cpu_watch; /* looks at CPU time when some CPU timer or RLIMIT_CPU is on */
	u64 rlimit_cpu_next_ns; /* [lock] next SIGXCPU */
	struct rcu_head rcu;
};
#define PROC_GROUP_EXIT 1u /* every thread ends with exit_code */
#define PROC_STOPPED    2u
#define PROC_UNKILLABLE 4u   /* pid 1: default actions do not reach it */
#define PROC_NOTE_STOP  8u   /* a thread must tell the parent of a stop that SIGCONT cut short */
#define PROC_NOTE_CONT  16u  /* ... that the process went on */
#define PROC_STOP_VALID 32u  /* no SIGCONT since the stop signal was taken off the queue */
#define PROC_EXEC       64u  /* exec ends the other threads */
#define PROC_DOOMED     128u /* of signal_reset_action: its tracers have no say */

struct session {
	u32 refs;        /* [a] */
	struct pid *pid; /* [c] one use */
	struct tty *tty; /* [tree] +1 */
	pid_t hung_pgrp; /* [tree] foreground group of a terminal that hung up */
};

static inline bool task_ended(const struct task *t) /* or is about to: no signal reaches it */
{
	return READ_ONCE(t->job) & TASK_EXITING;
}
static inline struct task *task_of(struct thread *t)
{
	return container_of(t, struct task, thread);
}
static inline struct task *current_task(void)
{
	return task_of(current);
}
static inline ulong tree_lock(void)
{
	return spin_lock_irq(&process_tree_lock);
}
static inline void tree_unlock(ulong flags)
{
	spin_unlock_irq(&process_tree_lock, flags);
}
static inline ulong process_lock(struct process *p)
{
	return spin_lock_irq(&p->lock);
}
static inline void process_unlock(struct process *p, ulong flags)
{
	spin_unlock_irq(&p->lock, flags);
}
static inline struct spin_guard tree_guard(void)
{
	return spin_guard(&process_tree_lock);
}
static inline struct spin_guard process_guard(struct process *p)
{
	return spin_guard(&p->lock);
}
/* part_switch - the pointer at @part, current's, becomes @next; the old one comes out. Under the
 * lock, for whom takes references by it. */
static inline void *part_switch(void *part, void *next)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(current->proc);
	void *old = *(void **)part;

	*(void **)part = next;
	return old;
}
static inline void work_set(struct thread *t, u32 bits)
{
	__atomic_fetch_or(&t->work, bits, __ATOMIC_SEQ_CST);
}
static inline void work_clear(struct thread *t, u32 bits)
{
	__atomic_fetch_and(&t->work, ~bits, __ATOMIC_SEQ_CST);
}
extern struct process *init_process; /* [c] pid 1 */

static inline void siginfo_fill(struct siginfo *info, int signo, int code)
{
	memset(info, 0, sizeof(*info));
	info->signo = signo;
	info->code = code;
}

/* process.c */
/* refs 1, in no tree; process_put frees it. NULL = out of memory */
struct process *process_alloc(void);
struct task *task_alloc(const char *name); /* NULL = out of memory */
void task_free_unstarted(struct task *t);
void process_link_locked(struct process *p, struct process *parent); /* [tree] */
void task_link(struct process *p, struct task *t, struct pid *pid);  /* [tree] */
void task_unlink(struct process *p, struct task *t);                 /* [tree] */
void process_set_group_locked(struct process *p, struct pid *group); /* [tree] */
void process_reap_locked(struct process *p); /* [tree] then process_reap_finish without it */
void process_reap_finish(struct process *p);
struct task *process_first_task_locked(struct process *p); /* [tree or lock] NULL = zombie */

/* fork.c, exit.c, exec.c */
struct sighand *sighand_create(const struct sighand *from);
void sighand_put(struct sighand *h);   /* NULL is fine */
void sighand_reset(struct sighand *h); /* [act] for a new program: what is not ignored is default */
struct vm_space *space_switch(struct vm_space *next); /* moved in; the old one comes out */
/* [tree] CLD_STOPPED, CLD_CONTINUED */
void process_notify_parent_locked(struct process *p, int why);
void process_release_user(struct task *t);
void process_vfork_done(struct task *t);

/* stat.c */
void usage_add(struct usage *to, const struct usage *from);
void usage_of_thread(struct thread *t, struct usage *out); /* [lock, while it has its space] */
void process_record_rss(struct process *p, const struct vm_space *space);
/* [lock] threads, living and ended */
void process_usage_locked(struct process *p, struct usage *out);
void process_cpu_times_locked(struct process *p, u64 *user_ns, u64 *system_ns); /* [lock] */

/* session.c */
struct session *session_create(void); /* NULL = out of memory */
void session_put(struct session *s);  /* no lock held */
void session_leader_exit(struct process *p);
void group_check_orphaned_locked(struct process *p, struct process *old_parent); /* [tree] */

/* sigqueue.c */
void sigqueue_init(void);
struct sigqueue *sigqueue_alloc(struct user_account *account, u64 limit);
void sigpending_init(struct sigpending *s);
void sigpending_remove(struct sigpending *s, sigset set); /* [lock] */
int sigset_first(sigset set);
void sigpending_take(struct sigpending *s, int signo, struct siginfo *info,
	struct posix_timer **timer); /* [lock] */

/* signal.c, signal_deliver.c */
/* [lock] */
int signal_queue_locked(struct process *p, struct task *t, const struct siginfo *info, bool force);
void signal_force_info(const struct siginfo *info); /* see signal_force */
int signal_queue_timer(struct process *p, struct task *t, struct sigqueue *q);
void signal_recalc_locked(struct task *t); /* [lock] WORK_SIGNAL from queues and mask */
void signal_set_blocked(struct task *t, sigset set);
void signal_retarget_locked(struct task *t, sigset set);    /* [lock] */
void signal_group_exit_locked(struct process *p, s32 code); /* [lock] */
void task_kill_locked(struct task *t); /* [lock] ends it, whatever it waits for */
int signal_dequeue_locked(struct task *t, sigset mask, struct siginfo *info,
	struct posix_timer **timer);          /* [lock] signo | 0 */
bool signal_stop_done_locked(struct task *t); /* [lock] */
void signal_tell_parent(struct process *p, int why);
void siginfo_from_current(struct siginfo *info, int signo, int code);
/* signal_notice - the kernel's own signal, to @p or its thread @t, who then gets it in any case. */
void signal_notice_locked(struct process *p, struct task *t, int signo); /* [lock] */
void signal_notice(struct process *p, int signo);
void task_sleep_stopped(struct task *t); /* current, until it is neither stopped nor traced so */
void signal_set_handler_locked(struct sighand *h, int signo, u64 handler); /* [act] */
void signal_reset_action(int signo);
bool alt_stack_on(const struct task *t, vaddr_t sp);

/* ptrace.c, trace_stop.c */
struct wait_request;
bool trace_wait_locked(struct wait_request *w, bool *any); /* [tree] news of a tracee for wait */
/* [tree] its first thread */
bool traced_by_locked(const struct process *p, const struct process *tracer);
/* [lock] SIGCONT: a tracee under PTRACE_LISTEN tells */
void trace_continued_locked(struct task *t);
/* what becomes of a signal: signo | 0 = nothing */
int trace_signal(struct task *t, int signo, struct siginfo *info);
/* the process stops for @signo; 0 = PTRACE_INTERRUPT */
void trace_group_stop(struct task *t, int signo);
bool trace_event(int event, u64 message); /* of current; did its tracer ask for it, and it stop? */
void trace_exec(pid_t old_tid);
/* the event of this clone, 0 = nobody wants it */
int trace_clone_event(u64 flags, u32 exit_signal);
/* [tree] @r becomes the child's, when current is traced */
void trace_child_locked(struct trace *r, struct task *child);
void trace_end_locked(struct task *t); /* [tree] current, traced or not, leaves its process */
void trace_end_process_locked(struct process *p); /* [tree] */
void tracer_exit_locked(struct task *t);          /* [tree] a thread that may be a tracer ends */
bool trace_gains_locked(const struct task *t);    /* [tree] may an exec of @t raise its rights? */
/* [tree] SIGCHLD, if it wants that */
void process_tell_locked(struct process *to, const struct siginfo *info);
/* [tree] @code 0: of the end, with a wait status */
void process_child_info_locked(struct process *p, struct siginfo *info, int code, int status);

/* acct.c */
void acct_process(struct process *p, s32 status); /* current, its last thread, ends with it */

/* coredump.c */
#define CORE_DUMPED 0x80 /* of a wait status */
/* core_dump - the process ends by @info: a core file, if there is to be one. Current goes on and
 * ends it. */
void core_dump(const struct siginfo *info);
void core_stand_still(struct task *t); /* current, ending: until a dump of the process is done */
/* process_start_helper - a program of the kernel's: as root, in a session of its own, with the
 * descriptors of @caps (shared, +1). @argv is copied; the first is its path. 0 | -errno; what goes
 * wrong later ends it. */
int process_start_helper(const char *const argv[], struct cap_space *caps) MUST_USE;

/* seccomp.c */
/* seccomp_enter - may current's call of frame @f go on? @traced: its tracer has decided so. False:
 * the frame has the result. */
bool seccomp_enter(struct trap_frame *f, bool traced);
/* call_dispatched - current's call of frame @f came back to it as a signal: it is over. */
bool call_dispatched(struct trap_frame *f);
void seccomp_inherit(struct task *t); /* a thread that current makes, before it runs */
void seccomp_exit(struct task *t);
u32 seccomp_depth(const struct task *t); /* filters [lock, or current] */
long seccomp_filter_show(struct task *t, u64 index, u64 to);

/* timers */
void itimers_init(struct process *p);
void itimers_exit(struct process *p);
void itimer_real_taken_locked(struct process *p);  /* [lock] */
void rlimit_cpu_changed_locked(struct process *p); /* [lock] */
void posix_timers_exec(struct process *p);
void posix_timer_dequeued(struct posix_timer *t, struct siginfo *info);
void posix_timer_put(struct posix_timer *t);

extern struct waitqueue signalfd_waiters; /* who polls a signalfd; woken by every signal */
long signal_to_thread(struct thread *t, int signo); /* 0 | -EINVAL | -EPERM | -ESRCH ended */
long signal_to_process(struct process *p, int signo, struct siginfo *info);

/* the rest */
struct file *pidfd_create(struct process *p, u32 o_flags);
void futex_init(void);
void robust_list_exit(struct task *t);
void futex_pi_exit(void);
void rseq_return(struct trap_frame *f, bool signal);
void rlimits_init(struct process *p);
bool oom_kill(void);
