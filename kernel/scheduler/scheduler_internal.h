/* What the files of the scheduler share. Layer: scheduler.
 *
 * Locks: a queue's lock guards everything in it and the scheduling fields of the threads on it. It
 * is taken with interrupts off and is held across the context switch: the thread that goes on
 * releases it. Two queue locks: the second by trylock only. A thread off the queues (THREAD_OFF_RQ)
 * belongs to whoever takes its state away by compare-and-exchange. */
#pragma once

#include <exo/sched.h>
#include <exo/time.h>
#include <exo_abi/linux_sched.h>

/* How urgent a thread is, across the classes, as one number: 0 | 100 + real-time priority |
 * ~(absolute deadline), which is greater than any of those. */
#define URGENCY_REALTIME 100ULL
#define URGENCY_DEADLINE (1ULL << 63)

#define RT_LEVELS     100 /* 0..99, kept as 99 - priority so that the first set bit is the best */
#define FAIR_BUCKETS  64
#define WEIGHT_NICE_0 1024u
#define NEAR_LEVELS   4 /* distances told apart; the farthest are one */
#define RR_SLICE_NS   (100 * NS_PER_MS)
#define SLICE_REST_NS (200 * NS_PER_US) /* less than this left of a slice is nothing left */
/* An armed tick is left as it is unless it is later than this: arming anew at each switch would
 * cost more than it gives. */
#define TICK_LATE_SHARED_NS (4 * NS_PER_MS)
#define TICK_LATE_ALONE_NS  (16 * NS_PER_MS)

struct rt_queue {
	u64 bitmap[2];
	ns_t window_at; /* when this second began */
	ns_t used_ns;   /* run by this class in it */
	struct list levels[RT_LEVELS];
};
struct deadline_queue {
	struct rb_tree runnable;  /* by deadline; without the running one */
	struct rb_tree throttled; /* by the start of their next period */
};

struct fair_queue {
	u64 bitmap; /* bit b = buckets[b] is not empty */
	u64 front;  /* number of the earliest bucket in use; bucket number n stands in buckets[n %
		       64] */
	u64 vtime;  /* never goes back: where a thread without history starts */
	u32 count;  /* queued; without the running one */
	struct list buckets[FAIR_BUCKETS];
	struct list waiting; /* all queued, longest wait first */
};

struct runqueue {
	spinlock_t lock;             /* RUNQUEUE */
	u32 cpu;                     /* [c] */
	u32 nr_running;              /* [lock; read racy] queued and running, without idle */
	cpumask_t near[NEAR_LEVELS]; /* [c] the CPUs of its node, then also those farther and
					farther; at last all */
	u32 urgent; /* [lock] queued in dl (throttled ones too) and rt, without the running one */
	bool resched_sent;            /* [lock] this CPU was told to reschedule and has not yet */
	struct thread *curr;          /* [lock] */
	struct thread *idle;          /* [c] */
	struct thread *switched_from; /* [lock] prev of the switch under way */
	/* [lock] prev, which may not stay here: the switch's tail sends it on */
	struct thread *moving;
	ns_t clock;          /* [lock] when curr was last accounted */
	ns_t picked_at;      /* [lock] when curr was switched in */
	ns_t slice_start_at; /* [lock] when curr was last chosen to go on */
	struct deadline_queue dl;
	struct rt_queue rt;
	struct fair_queue fair;

	struct timer tick;
	ns_t tick_at;     /* [lock] when the tick is armed for; NS_FOREVER = it is not */
	ns_t sampled_at;  /* [lock] last tick */
	ns_t balanced_at; /* [lock] */
	u32 jitter;       /* [lock] */

	struct sched_counts counts; /* [lock] statistics from here on */
	u64 busy_ns, idle_ns;
	u64 sampled_user_ns, sampled_nice_ns, sampled_system_ns;
	s64 uninterruptible; /* sleeping so from this queue minus woken so to it: only the sum over
				CPUs means something */
	s64 threads;         /* [p] started here minus ended here: likewise */
};
DECLARE_PER_CPU(struct runqueue, runqueues);

extern const struct sched_class deadline_class, rt_class, fair_class, idle_class;
extern cpumask_t sched_idle_mask; /* [a] CPUs whose idle thread runs */

static ALWAYS_INLINE bool is_idle_thread(const struct thread *t)
{
	return t->flags & THREAD_IDLE;
}
/* How far the nearest CPU of @mask is from that of @rq. @mask is not empty. */
static ALWAYS_INLINE u32 near_level(const struct runqueue *rq, cpumask_t mask)
{
	u32 level = 0;

	while (!(rq->near[level] & mask))
		level++;
	return level;
}
static ALWAYS_INLINE u32 nearest_cpu(const struct runqueue *rq, cpumask_t mask)
{
	return bit_ffs(rq->near[near_level(rq, mask)] & mask);
}
static ALWAYS_INLINE bool resched_wanted(void)
{
	return !(this_cpu_read(preempt_count) & PREEMPT_NO_RESCHED);
}

/* schedule.c */
void sched_cpu_online(void); /* this CPU begins to schedule */
/* [lock]; also asks for a reschedule if @t should run now */
void rq_enqueue(struct runqueue *rq, struct thread *t, u32 flags);
void rq_account(struct runqueue *rq, ns_t now); /* [lock] charges curr */
void rq_resched(struct runqueue *rq);           /* [lock] */

/* a runnable thread off the queues goes to a CPU it may run on */
void sched_move(struct thread *t);
/* sched_pin - holds t's scheduling state still: on a queue (return: that queue, locked) or off
 * (return: NULL, PINNED set). Interrupts off until sched_unpin. */
struct runqueue *sched_pin(struct thread *t, ulong *flags);
void sched_unpin(struct thread *t, struct runqueue *rq, ulong flags);

/* balance.c */
/* [lock] a thread pulled from a loaded CPU, not yet queued here; or NULL */
struct thread *balance_idle(struct runqueue *rq);
void balance_tick(struct runqueue *rq, ns_t now); /* [lock] spreads what is queued here */

/* workqueue.c */
void workqueue_init(void);

/* tick.c */
void tick_init(struct runqueue *rq);
/* [lock], on rq's CPU: makes sure that a tick comes when curr's time is over */
void tick_arm(struct runqueue *rq, ns_t now);

/* fair.c */
void fair_init(struct fair_queue *q);
void fair_log_init(void);                                     /* for sched_bursts */
struct thread *fair_pick(struct runqueue *rq);                /* NULL = none; off the queue */
struct thread *fair_steal(struct runqueue *from, u32 to_cpu); /* NULL = none may go */
void fair_set_weight(struct thread *t);
void fair_fork(struct thread *t, const struct thread *parent);
/* @t, which is not queued, goes to sleep: its burst is over */
void fair_block(struct runqueue *rq, struct thread *t);
bool fair_sleeps_soon(const struct thread *t); /* after it has woken another */
/* vtime to the other scale */
void fair_migrate(struct thread *t, const struct runqueue *from, const struct runqueue *to);
/* realtime.c */
void rt_init(struct rt_queue *q);
struct thread *rt_pick(struct runqueue *rq);
struct thread *rt_steal(struct runqueue *from, u32 to_cpu);
bool rt_throttled(struct runqueue *rq); /* [lock] others wait, and the class has had its 95% */
static ALWAYS_INLINE bool rt_queued(const struct runqueue *rq)
{
	return rq->rt.bitmap[0] | rq->rt.bitmap[1];
}
/* deadline.c: none is stolen, each is where it was admitted */
struct thread *deadline_pick(struct runqueue *rq);
ns_t deadline_wakes_at(const struct runqueue *rq); /* the next period of a throttled thread */
/* params.c */
void sched_apply_class(struct thread *t); /* [pinned, off the queue] by params and what is lent */
void sched_inherit_params(struct thread *t, struct thread *parent);
/* sched_reclass_locked - @t goes on with these parameters (&t->params: as they are), mask and loan.
 * [inherit lock] */
void sched_reclass_locked(
	struct thread *t, const struct sched_params *p, cpumask_t affinity, u64 lent);
/* inherit.c */
extern spinlock_t inherit_lock; /* rank THREAD */
void inherit_changed_locked(struct thread *t);

/* @t changes its CPU. */
static ALWAYS_INLINE void migrated(
	struct thread *t, const struct runqueue *from, const struct runqueue *to)
{
	fair_migrate(t, from, to);
	t->migrations++;
	if (t->flags & THREAD_RSEQ)
		/* its CPU number in user memory is out of date */
		__atomic_fetch_or(&t->work, WORK_NOTIFY, __ATOMIC_RELAXED);
}
