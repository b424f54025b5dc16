/* Locks, wait queues, RCU. Code in kernel/sync/. Layer: sync (the sleeping half calls the scheduler
 * through thread_block/thread_wake, declared in exo/sched.h as a sideways edge).
 *
 * Ranks: every lock is initialised with a rank from kernel/sync/lock_ranks.def; in DEBUG builds
 * taking a lock whose rank is not greater than that of a spin lock already held (equal only when
 * the rank is marked NESTABLE) is a panic, and so is sleeping under a spin lock. Spin locks taken
 * in interrupt context must be taken with _irq forms everywhere. */
#pragma once

#include <exo/types.h>
#include <exo/list.h>
#include <exo/log.h>
#include <exo/rbtree.h>
#include <arch/cpu.h>

enum lock_rank {
#define LOCK_RANK(name, nestable) RANK_##name,
#include "../../sync/lock_ranks.def"
#undef LOCK_RANK
	RANK_COUNT
};

#ifdef EXO_DEBUG
/* What a CPU (spin locks) or a thread (sleeping locks) holds, newest last. Filled by
 * kernel/sync/lock_debug.c. */
#define HELD_LOCKS_MAX 24
struct held_locks {
	u32 count;
	struct held_lock {
		const void *lock;
		const void *site; /* code address of the acquisition */
		u16 rank;
		bool interrupt; /* taken in interrupt context: not compared with what the
				   interrupted code holds */
	} held[HELD_LOCKS_MAX];
};
/* checks, then records as held */
void sleeplock_debug_acquire(const void *lock, u32 rank, const void *site);
void sleeplock_debug_release(const void *lock);
#define LOCK_RANK_SET(lock, r) ((lock)->rank = (u16)(r)) /* of a sleeping lock */
#define LOCK_RANK_OF(lock)     ((lock)->rank)
#else
#define LOCK_RANK_SET(lock, r)                    ((void)0)
#define LOCK_RANK_OF(lock)                        0
#define sleeplock_debug_acquire(lock, rank, site) ((void)0)
#define sleeplock_debug_release(lock)             ((void)0)
#endif

/* ---- spin locks: disable preemption ---- */
typedef struct {
	u32 locked; /* [a] 0 free */
#ifdef EXO_DEBUG
	u16 rank;
	u16 cpu_plus1;
#endif
} spinlock_t;
#ifdef EXO_DEBUG
#define SPINLOCK_INIT(rank_)  \
	{                     \
		0, (rank_), 0 \
	}
#else
#define SPINLOCK_INIT(rank_) \
	{                    \
		0            \
	}
#endif
void spin_init(spinlock_t *l, enum lock_rank rank);
void spin_lock_slow(spinlock_t *l);
#ifdef EXO_DEBUG
void spin_debug_acquire(spinlock_t *l);
void spin_debug_acquired(spinlock_t *l);
void spin_debug_release(spinlock_t *l);
void lock_assert_may_sleep(void); /* panics when a spin lock is held or preemption is off */
#else
#define spin_debug_acquire(l)   ((void)0)
#define spin_debug_acquired(l)  ((void)0)
#define spin_debug_release(l)   ((void)0)
#define lock_assert_may_sleep() ((void)0)
#endif
static ALWAYS_INLINE void spin_lock(spinlock_t *l)
{
	preempt_disable();
	spin_debug_acquire(l);
	if (unlikely(__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)))
		spin_lock_slow(l);
	spin_debug_acquired(l);
}
static ALWAYS_INLINE bool spin_trylock(spinlock_t *l)
{
	preempt_disable();
	if (!__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)) {
		spin_debug_acquired(l);
		return true;
	}
	preempt_enable();
	return false;
}
static ALWAYS_INLINE void spin_unlock_no_preempt(spinlock_t *l)
{
	spin_debug_release(l);
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}
static ALWAYS_INLINE void spin_unlock(spinlock_t *l)
{
	spin_unlock_no_preempt(l);
	preempt_enable();
}
static ALWAYS_INLINE ulong spin_lock_irq(spinlock_t *l) /* returns the flags to give back */
{
	ulong flags = arch_irq_save();

	spin_lock(l);
	return flags;
}
static ALWAYS_INLINE void spin_unlock_irq(spinlock_t *l, ulong flags)
{
	spin_unlock_no_preempt(l);
	arch_irq_restore(flags);
	preempt_enable();
}
/* LOCK_HOLD - defines @hold and @release: a lock held until the scope ends. `spinlock_t *held
 * SCOPED(spin_release) = spin_hold(&lock);` */
#define LOCK_HOLD(type, hold, release, lock, unlock)   \
	static ALWAYS_INLINE type *hold(type *l)       \
	{                                              \
		lock(l);                               \
		return l;                              \
	}                                              \
	static ALWAYS_INLINE void release(type **held) \
	{                                              \
		unlock(*held);                         \
	}
LOCK_HOLD(spinlock_t, spin_hold, spin_release, spin_lock, spin_unlock)
static ALWAYS_INLINE void irq_restore_at(ulong *flags) /* for SCOPED */
{
	arch_irq_restore(*flags);
}
/* ref_get_live - one more reference, unless the last one is gone: false. Sequentially consistent,
 * for who marks an object as dying and then looks whether somebody came (mount_tree.c). */
static ALWAYS_INLINE bool ref_get_live(u32 *refs)
{
	u32 old = __atomic_load_n(refs, __ATOMIC_RELAXED);

	while (old && !__atomic_compare_exchange_n(
			      refs, &old, old + 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return old;
}

/* struct spin_guard - a lock held, interrupts off, until the scope ends:
 * `struct spin_guard g SCOPED(spin_unguard) = spin_guard(&lock);` */
struct spin_guard {
	spinlock_t *lock;
	ulong flags;
};
static ALWAYS_INLINE struct spin_guard spin_guard(spinlock_t *l)
{
	return (struct spin_guard){l, spin_lock_irq(l)};
}
static ALWAYS_INLINE void spin_unguard(struct spin_guard *g)
{
	spin_unlock_irq(g->lock, g->flags);
}
static ALWAYS_INLINE bool spin_is_locked(const spinlock_t *l)
{
	return __atomic_load_n(&l->locked, __ATOMIC_RELAXED);
}
#define LOCK_HELD(l) DEBUG_ASSERT(spin_is_locked(l))

/* ---- wait queues ---- */
struct waitqueue {
	spinlock_t lock;
	struct list waiters; /* [lock] struct wait_entry */
};
struct wait_entry {
	struct list node;
	struct thread *thread;
	/* Called under the queue's lock, interrupts off. Return: true = counts as one exclusive
	 * wake. NULL = wake the thread. epoll and poll hang their own function here. @key: event
	 * mask of the wake (EPOLL*), 0 = any. */
	bool (*fn)(struct wait_entry *e, u64 key);
	bool exclusive;
};
#define WAITQUEUE_INIT(name)                                             \
	{                                                                \
		SPINLOCK_INIT(RANK_WAITQUEUE), LIST_INIT((name).waiters) \
	}
void waitqueue_init(struct waitqueue *q);
void waitqueue_add(struct waitqueue *q, struct wait_entry *e);    /* any context */
void waitqueue_remove(struct waitqueue *q, struct wait_entry *e); /* harmless when not queued */
void waitqueue_wake_slow(struct waitqueue *q, u32 exclusive_max, u64 key);
static ALWAYS_INLINE bool waitqueue_active(const struct waitqueue *q)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with wait_prepare: condition written
						    before, waiters read after */
	return !list_empty(&q->waiters);
}
static ALWAYS_INLINE void wake_one(struct waitqueue *q, u64 key)
{
	if (waitqueue_active(q))
		waitqueue_wake_slow(q, 1, key);
}
static ALWAYS_INLINE void wake_all(struct waitqueue *q, u64 key)
{
	if (waitqueue_active(q))
		waitqueue_wake_slow(q, ~0u, key);
}
/* The loop of a sleeper, wrapped by wait_event: wait_prepare queues and sets the state, then the
 * condition is read, then thread_block. A wake between the two makes thread_block return at once:
 * no lost wake-up. */
/* the states of a thread that waits so, of enum thread_state */
enum wait_mode { WAIT_INTERRUPTIBLE = 1, WAIT_UNINTERRUPTIBLE, WAIT_KILLABLE };
void wait_prepare(struct waitqueue *q, struct wait_entry *e, enum wait_mode mode);
void wait_finish(struct waitqueue *q, struct wait_entry *e);
/* wait_event - sleeps until @cond. @deadline_ns: of thread_block_until.
 * Value: 0 | -ERESTARTSYS signal (interruptible modes) | -ETIMEDOUT. Before the thread sleeps,
 * @cond is evaluated with the thread queued; it may be evaluated several times, and once true it is
 * not evaluated again. */
/* 0 woken, maybe spuriously | -ERESTARTSYS | -ETIMEDOUT */
int wait_sleep(enum wait_mode mode, ns_t deadline_ns);
#define wait_event_mode(q, cond, mode, deadline_ns, excl)                 \
	({                                                                \
		int _ret = 0;                                             \
		if (!(cond)) {                                            \
			struct wait_entry _e = {.exclusive = (excl)};     \
			list_init(&_e.node);                              \
			for (;;) {                                        \
				wait_prepare((q), &_e, (mode));           \
				if (cond) {                               \
					_ret = 0;                         \
					break;                            \
				}                                         \
				if (_ret)                                 \
					break;                            \
				_ret = wait_sleep((mode), (deadline_ns)); \
				if (cond) {                               \
					_ret = 0;                         \
					break;                            \
				}                                         \
			}                                                 \
			wait_finish((q), &_e);                            \
		}                                                         \
		_ret;                                                     \
	})
#define wait_event(q, cond)             wait_event_mode(q, cond, WAIT_INTERRUPTIBLE, NS_FOREVER, false)
#define wait_event_timeout(q, cond, dl) wait_event_mode(q, cond, WAIT_INTERRUPTIBLE, dl, false)
#define wait_event_killable(q, cond)    wait_event_mode(q, cond, WAIT_KILLABLE, NS_FOREVER, false)
#define wait_event_uninterruptible(q, cond) \
	((void)wait_event_mode(q, cond, WAIT_UNINTERRUPTIBLE, NS_FOREVER, false))

/* ---- sleeping locks ---- */
struct mutex {
	u64 owner;           /* [a] struct thread * | MUTEX_WAITERS | MUTEX_HANDOFF */
	struct waitqueue wq; /* its lock guards the list and every change of the two bits */
#ifdef EXO_DEBUG
	u16 rank;
#endif
};
void mutex_init(struct mutex *m, enum lock_rank rank);
void mutex_lock(struct mutex *m); /* uncontended: one cmpxchg */
void mutex_unlock(struct mutex *m);
bool mutex_held(const struct mutex *m);
LOCK_HOLD(struct mutex, mutex_hold, mutex_release, mutex_lock, mutex_unlock)

struct rwsem {
	s64 count;   /* [a] >0 readers, -1 writer, 0 free */
	u32 waiting; /* [wq.lock; read racy] sleepers: newcomers queue behind them, a release hands
			over to them in order */
	struct waitqueue wq;
#ifdef EXO_DEBUG
	u16 rank;
#endif
};
void rwsem_init(struct rwsem *s, enum lock_rank rank);
void rwsem_read_lock(struct rwsem *s);
void rwsem_read_unlock(struct rwsem *s);
void rwsem_write_lock(struct rwsem *s);
void rwsem_write_unlock(struct rwsem *s);
LOCK_HOLD(struct rwsem, read_hold, read_release, rwsem_read_lock, rwsem_read_unlock)
LOCK_HOLD(struct rwsem, write_hold, write_release, rwsem_write_lock, rwsem_write_unlock)

/* ---- once: fn(arg) runs exactly once; whoever comes meanwhile waits until it is done. Context:
 * thread. ---- */
struct once {
	u32 state; /* [a] 0 not yet, 1 running, 2 done */
};
void once_run_slow(struct once *o, void (*fn)(void *arg), void *arg);
static ALWAYS_INLINE void once_run(struct once *o, void (*fn)(void *arg), void *arg)
{
	/* pairs with the release in once_run_slow */
	if (unlikely(__atomic_load_n(&o->state, __ATOMIC_ACQUIRE) != 2))
		once_run_slow(o, fn, arg);
}

/* ---- sequence counters: readers retry, the writer holds its own lock ---- */
typedef struct {
	u32 sequence;
} seqcount_t;
static ALWAYS_INLINE u32 seq_read_begin(const seqcount_t *s)
{
	u32 v;

	while ((v = __atomic_load_n(&s->sequence, __ATOMIC_ACQUIRE)) & 1)
		arch_cpu_relax();
	return v;
}
static ALWAYS_INLINE bool seq_read_retry(const seqcount_t *s, u32 start)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&s->sequence, __ATOMIC_RELAXED) != start;
}
static ALWAYS_INLINE void seq_write_begin(seqcount_t *s)
{
	__atomic_store_n(&s->sequence, s->sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}
static ALWAYS_INLINE void seq_write_end(seqcount_t *s)
{
	__atomic_store_n(&s->sequence, s->sequence + 1, __ATOMIC_RELEASE);
}

/* ---- RCU, quiescent-state based: a switch, user mode and idle are quiescent ---- */
struct rcu_head {
	struct rcu_head *next;
	void (*fn)(struct rcu_head *h);
};
static ALWAYS_INLINE void rcu_read_lock(void)
{
	preempt_disable();
}
static ALWAYS_INLINE void rcu_read_unlock(void)
{
	preempt_enable();
}
/* rcu_call - fn(h) runs in thread context (rcu worker, may take mutexes, must not block long) after
 * a grace period. Any context. */
void rcu_call(struct rcu_head *h, void (*fn)(struct rcu_head *h));
void rcu_synchronize(void); /* thread context; sleeps one grace period */
void rcu_barrier(void);     /* waits until every rcu_call queued before has run */
void rcu_init(void);        /* after the scheduler can start threads */

/* The scheduler's and arch's side. A grace period ends when every online CPU has passed a switch or
 * was seen idle. rcu_note_quiescent: at each schedule(). rcu_idle_enter/exit: around the halt of
 * the idle loop, interrupts off. rcu_irq_enter: first thing in every interrupt: an interrupt that
 * hit the idle loop may read RCU data, so the CPU stops being quiescent; the idle loop says so
 * again before its next halt. */
DECLARE_PER_CPU(u32, rcu_passed); /* [p write, a read] counts quiescent states */
DECLARE_PER_CPU(u32, rcu_idle);   /* [p write, a read] 1 = halted in idle */
/* [p] rcu_call asks the next schedule() to wake the worker */
DECLARE_PER_CPU(u32, rcu_wake_wanted);
void rcu_wake_worker(void);
static ALWAYS_INLINE void rcu_note_quiescent(void)
{
	this_cpu_add(rcu_passed, 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* later reads see what was published before the
						    worker saw the count */
	if (unlikely(this_cpu_read(rcu_wake_wanted)))
		rcu_wake_worker();
}
static ALWAYS_INLINE void rcu_idle_enter(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	this_cpu_write(rcu_idle, 1);
}
static ALWAYS_INLINE void rcu_irq_enter(void)
{
	if (unlikely(this_cpu_read(rcu_idle))) {
		this_cpu_write(rcu_idle, 0);
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with the worker's fence before it
							    reads rcu_idle */
	}
}
#define rcu_idle_exit            rcu_irq_enter
#define rcu_dereference(p)       __atomic_load_n(&(p), __ATOMIC_CONSUME)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)
