/* Threads and the scheduler. Code in kernel/scheduler/. Layer: scheduler.
 *
 * struct thread is what the CPU runs; posix_x embeds it first in its struct task, kernel threads
 * are bare. Classes, best first: deadline, realtime (FIFO/RR 1-99), fair (predictive), idle. */
#pragma once

#include <exo/types.h>
#include <exo/rbtree.h>
#include <exo/sync.h>
#include <exo/time.h>
#include <arch/context.h>

struct process;
struct vm_space;
struct cred;
struct cap_space;
struct fs_context;
struct sem_undo_list;
struct runqueue;
struct sched_class;

enum thread_state {
	THREAD_RUNNING,
	THREAD_INTERRUPTIBLE,
	THREAD_UNINTERRUPTIBLE,
	THREAD_KILLABLE,
	THREAD_STOPPED,
	THREAD_DEAD,
	THREAD_NEW
};
/* thread->work bits, tested by assembly on the way to user mode (offset generated): any set = slow
 * exit. */
enum thread_work { WORK_SIGNAL = 1, WORK_NOTIFY = 2, WORK_RESTORE_SIGMASK = 8, WORK_EXIT = 16 };

struct sched_entity {        /* fair class; [rq lock] */
	struct list bucket;  /* in the calendar */
	struct list waiting; /* in the order of arrival */
	u64 vtime;           /* ns of a nice-0 thread that it has had, on its queue's scale */
	u64 vdeadline;       /* vtime by which its predicted burst would be over */
	u64 wait_start_ns;   /* CLOCK_MONOTONIC when it was queued */
	u64 burst_ns;        /* run since it last woke */
	u64 burst_ema_ns;    /* predicted burst: moving average of the past ones, 1/8 */
	u64 woke_at_ns;      /* when it last woke another in this burst; 0 = it has not */
	u64 wake_gap_ema_ns; /* how soon it sleeps after it woke another: moving average, 1/8 */
	u32 weight;          /* by nice; 1024 = nice 0 */
	u32 weight_inverse;  /* 2^32 / weight */
	u32 bucket_index;
};
struct sched_params {   /* [inherit lock and rq lock to change; either to read] */
	u8 policy;      /* SCHED_OTHER 0, FIFO 1, RR 2, BATCH 3, IDLE 5, DEADLINE 6 */
	s8 nice;        /* -20..19 */
	u8 rt_priority; /* 1..99 for FIFO/RR */
	bool reset_on_fork;
	u64 runtime_ns, deadline_ns, period_ns; /* DEADLINE: each period it gets the runtime before
						   the deadline, both counted from its start */
};
struct deadline_entity { /* deadline class; [rq lock] */
	/* among the runnable by due_ns, or the throttled by their next period */
	struct rb_node node;
	u64 due_ns;        /* the deadline of this period, CLOCK_MONOTONIC */
	s64 budget_ns;     /* runtime left in it */
	bool throttled;    /* runnable, but its budget is used up */
	cpumask_t allowed; /* [inherit lock] its mask; thread->affinity is the CPU that has room
			      for it */
};
struct thread {
	u32 work;       /* [a] enum thread_work; FIRST fields: fixed offsets for assembly */
	u32 flags;      /* [current only] THREAD_KERNEL... */
	vaddr_t kstack; /* [c] lowest address */
	struct arch_thread arch;
	u32 state;          /* [a] enum thread_state | THREAD_OFF_RQ | THREAD_PINNED; read it with
			       thread_state() */
	u32 on_rq;          /* [rq lock] runnable: queued or running */
	u32 on_cpu;         /* [a] 1 while registers live on a CPU */
	u32 cpu;            /* [rq lock; off the queues: who woke it] */
	cpumask_t affinity; /* [rq lock] where it may run; sched_get_affinity() says what was asked
			       for */
	struct sched_params params;
	const struct sched_class *sched_class; /* [rq lock] by params, or by what is lent to it */
	struct sched_entity se;
	struct deadline_entity dl;
	struct list donors; /* [inherit lock] inherit_wait.node: who waits for it, and lends */
	struct inherit_wait *blocked_on; /* [t writes; a] the lock that it waits for */
	bool donors_refused;             /* [inherit lock] it ends: PI futexes do not wait for it */
	u64 lent; /* [inherit lock and rq lock] the greatest urgency of who waits for it; 0 = none
		   */
	u8 rt_priority;       /* [rq lock] the one that counts: its own or one lent to it */
	struct list rt_node;  /* [rq lock] */
	u64 rt_slice_left_ns; /* [rq lock] SCHED_RR */
	u64 start_ns;         /* [c] CLOCK_MONOTONIC at thread_init */
	u64 sum_exec_ns;      /* [rq lock] exact */
	/* [own CPU] split of sum_exec_ns as the ticks saw it */
	u64 sampled_user_ns, sampled_system_ns;
	/* [a] largest values given out: the split never runs backwards */
	u64 shown_user_ns, shown_system_ns;
	u64 switches_voluntary, switches_involuntary, migrations; /* [rq lock] */
	u64 wait_ns; /* [rq lock] runnable without a CPU, in the waits that are over */
	u64 faults_minor, faults_major; /* [current] */
	u64 io[4]; /* [current] read() and the like: bytes read, written, calls of each */
	u32 refs;  /* [a] */
	struct vm_space *space;          /* [current] NULL for kernel threads */
	struct process *proc;            /* [c] NULL for kernel threads */
	struct cred *cred;               /* [current writes, RCU read] */
	struct cap_space *caps;          /* [current] */
	struct fs_context *fs;           /* [current] root, cwd, umask */
	struct sem_undo_list *sem_undos; /* [current] +1; NULL = it owes nothing (SEM_UNDO) */
	pid_t tid;                       /* [c] */
	char name[16];                   /* [current writes] comm */
	struct rcu_head rcu;
	void (*free)(struct thread *t); /* [c] frees the container; after RCU */
	ns_t timer_slack_ns;
	bool no_new_privs;  /* [a] set for good; inherited */
	u8 marks;           /* [current] of prctl; inherited */
	u32 memory_policy;  /* [current] MPOL_* of set_mempolicy; inherited */
	u16 io_priority;    /* [a] of ioprio_set; inherited */
	u32 fault_disabled; /* [current] >0: a user fault returns -EFAULT at once */
	u64 cap_watch;      /* [a] objects that this call uses through derived grants, a bit each;
			       CAP_POKED */
#ifdef EXO_DEBUG
	struct held_locks held; /* [current] sleeping locks */
#endif
};
/* Bits of thread->state beside the enum. The state is changed by compare-and-exchange: who takes a
 * thread from a sleeping state to THREAD_RUNNING has woken it, and queues it when THREAD_OFF_RQ was
 * set (else it never left its CPU). */
#define THREAD_STATE_MASK 0xffu
#define THREAD_OFF_RQ     0x100u /* schedule() took it off */
#define THREAD_PINNED     0x200u /* somebody changes its class or affinity; wakers wait */
static ALWAYS_INLINE enum thread_state thread_state(const struct thread *t)
{
	return (enum thread_state)(
		__atomic_load_n(&t->state, __ATOMIC_RELAXED) & THREAD_STATE_MASK);
}
#define THREAD_KERNEL  1u
#define THREAD_IDLE    2u
#define THREAD_EXITING 4u
/* has a restartable-sequence area: WORK_NOTIFY when it is preempted or changes CPU */
#define THREAD_RSEQ 8u

void sched_init(void); /* boot CPU's queue, idle thread = the boot context */
/* makes the queue and idle thread of @cpu; before that CPU runs secondary_main */
void sched_cpu_init(u32 cpu);
/* sched_topology - tells how far memory is from CPUs, @distance(from, to) in any unit; at home is
 * least. Without it every CPU is as near as any other. Context: boot, after sched_cpu_init of all,
 * before a second CPU runs. */
void sched_topology(u32 (*distance)(u32 from, u32 to));
void sched_idle(void) NORETURN; /* the idle loop: the boot context of each CPU ends here */
/* thread_init - fills a zeroed thread: refs 1, state NEW, class from current (or OTHER), stack from
 * kstack_alloc. -ENOMEM. */
int thread_init(struct thread *t, const char *name, u32 flags) MUST_USE;
void thread_fini(struct thread *t); /* of a thread that never ran */
/* starts it; NULL = out of memory */
struct thread *kthread_create(const char *name, void (*fn)(void *), void *arg);
void thread_start(struct thread *t); /* NEW -> runnable, on the best CPU */
/* current, after its rooms let go; the next thread drops the stack */
void thread_exit(void) NORETURN;
void thread_get(struct thread *t);
void thread_put(struct thread *t); /* last: kstack_free, arch_fpu_free, t->free after RCU */
static inline void thread_put_at(struct thread **t) /* for SCOPED; NULL is fine */
{
	if (*t)
		thread_put(*t);
}

/* thread_trace - the user registers of @t, which sleeps or is current, and of a sleeper the @max
 * innermost return addresses. Those in sleep_text are the scheduler's and the locks'. Return: how
 * many | -EAGAIN it runs, or has ended. Context: thread. */
int thread_trace(struct thread *t, struct trap_frame *user, u64 *out, u32 max);
extern char sleep_text_start[], sleep_text_end[];

/* Sleep: set the state, test the condition, block. thread_wake moves a thread whose state is in
 * @states to runnable. thread_block returns at once when a wake came in between. */
void thread_set_state(enum thread_state s); /* full barrier after */
void thread_block(void);
bool thread_block_until(ns_t deadline_ns); /* with NS_OF_DAY or without; true = timed out */
bool thread_wake(struct thread *t);        /* any sleeping state but STOPPED. true = was asleep */
/* INTERRUPTIBLE, or KILLABLE/STOPPED too when fatal; kicks it to the kernel if running in user
 * mode */
bool thread_wake_signal(struct thread *t, bool fatal);
bool thread_wake_stopped(struct thread *t);
int thread_sleep_until(ns_t deadline_ns, enum wait_mode mode); /* 0 = time reached | -ERESTARTSYS */
bool thread_signal_pending(const struct thread *t);            /* posix_x: WORK_SIGNAL set */
bool thread_fatal_pending(const struct thread *t);

void schedule(void); /* current's state decides whether it stays queued */
void sched_yield_current(void);
void sched_first_switch(void); /* tail of the switch for a new thread: unlock, on_cpu, RCU */
static ALWAYS_INLINE void cond_resched(void)
{
	preempt_disable();
	preempt_enable();
}

int sched_set_params(struct thread *t, const struct sched_params *p) MUST_USE;
void sched_get_params(struct thread *t, struct sched_params *out);
/* 0 | -EINVAL | -EPERM its mask is too small for the deadline class | -EBUSY no room */
/* -EINVAL none online | -EBUSY deadline class */
int sched_set_affinity(struct thread *t, cpumask_t mask) MUST_USE;
cpumask_t sched_get_affinity(struct thread *t);
bool sched_may_fork(void);             /* current's share of a CPU is not for two */
u64 thread_cpu_time(struct thread *t); /* ns run so far, running included */
void thread_cpu_times(struct thread *t, u64 *user_ns, u64 *system_ns);
ns_t sched_rr_interval(struct thread *t);

/* Priority inheritance (realtime/inherit.c): a record on the stack of a thread that waits for a
 * lock. Owner words hold a struct thread * and two low bits. */
struct inherit_wait {
	struct thread *thread;  /* [c] who waits */
	const u64 *owner;       /* [c] the lock's owner word */
	struct thread *lent_to; /* [inherit lock] in whose list of donors it is; NULL = in none */
	struct list node;       /* [inherit lock] */
	u64 urgency;            /* [inherit lock] what it lends */
	bool always;            /* [c] a PI futex */
	bool counted;           /* [inherit lock] in `active` */
};
u64 thread_urgency(const struct thread *t); /* greater = more urgent; own or lent */
bool inherit_active(void);                  /* somebody lends: mind who is let go first */
/* inherit_begin - @w->thread is about to sleep until *@w->owner lets go; @w: thread, owner, always
 * are set. 0 | -EDEADLK | -EAGAIN the owner ends (both with always only; then it has not begun). */
int inherit_begin(struct inherit_wait *w);
void inherit_end(struct inherit_wait *w);
void inherit_release(const u64 *word);      /* by the former owner, after it changed the word */
void inherit_again(struct inherit_wait *w); /* after *@w->owner was changed for @w alone */
/* Not NULL: locked until inherit_unlock(flags). */
struct inherit_wait *inherit_last_will(ulong *flags);
void inherit_unlock(ulong flags);

/* HOT, NORMAL or COLD by the predicted next burst; else the class: REALTIME, DEADLINE. */
const char *sched_band(const struct thread *t, u64 *predicted_ns);
enum sched_why { SCHED_BLOCK, SCHED_PREEMPT, SCHED_YIELD, SCHED_WHYS };
struct sched_counts {                             /* of a CPU since it began; [rq lock] */
	u64 calls[SCHED_WHYS], again[SCHED_WHYS]; /* again: the same thread went on */
	u64 wakes, steals;        /* threads woken to this CPU; taken from another one's queue */
	u64 bursts, bursts_wrong; /* ended by sleep; not shorter than 1.2 x predicted */
};
struct sched_stats {
	u64 switches, user_ns, nice_ns, system_ns, idle_ns, irq_ns;
	u64 idles; /* how often it was idle, and found work */
	struct sched_counts counts;
};
void sched_cpu_stats(u32 cpu, struct sched_stats *out);
/* A burst that ended, or the birth of a thread. Threads are numbers that are used again. */
struct sched_burst {
	u32 thread, parent; /* parent: of a birth; 0 = it inherits from nobody */
	u64 run_ns, at_ns;  /* run_ns 0 = a birth; at_ns: when it ended */
};
/* sched_bursts - the first of the predictive class since boot, as many as the word `exo.bursts` has
 * room for. Return: how many; *out_bursts borrowed. */
u32 sched_bursts(const struct sched_burst **out_bursts);
void sched_loadavg(u64 out[3], u32 *running, u32 *total); /* fixed point, 11 bits of fraction */
/* The class interface. All of it under the queue's lock, interrupts off. */
#define SCHED_ENQUEUE_WAKE 1u /* it slept */
#define SCHED_ENQUEUE_NEW  2u /* first time */
/* it comes from another CPU's queue, or changed its class or parameters */
#define SCHED_ENQUEUE_MOVED 4u
struct sched_class { /* the idle class has put and slice alone */
	u32 order;   /* greater runs first */
	void (*enqueue)(struct runqueue *rq, struct thread *t, u32 flags);
	void (*dequeue)(struct runqueue *rq, struct thread *t); /* queued, not running */
	/* prev stops running but stays runnable */
	void (*put)(struct runqueue *rq, struct thread *t);
	/* the same, and it lets others go first */
	void (*yield)(struct runqueue *rq, struct thread *t);
	bool (*preempts)(struct runqueue *rq, struct thread *curr, struct thread *woken);
	ns_t (*slice)(struct runqueue *rq, struct thread *t); /* NS_FOREVER = no tick needed */
	void (*account)(struct runqueue *rq, struct thread *t, ns_t ran_ns);
};
/* Work queue for things that interrupt context hands to a thread. */
struct work {
	struct list node;
	void (*fn)(struct work *w);
};
void work_init(struct work *w, void (*fn)(struct work *w));
bool work_queue(struct work *w); /* any context; false = was queued */
