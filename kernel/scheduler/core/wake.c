/* Sleeping, waking, and where a woken thread goes. Layer: scheduler.
 *
 * Placement. An idle CPU, the one it last ran on first, then the nearest to that (its memory is
 * there); but a waker that by its own record sleeps
 * soon after it wakes others (a pipe, a request and its answer, fork and wait) keeps the woken
 * thread on its CPU: it will be gone before another CPU could have been roused. If it stays after
 * all, the tick hands the thread to an idle CPU. */
#include "../scheduler_internal.h"
#include <exo/errno.h>
#include <exo/log.h>
#include <arch/irq.h>
#include <exo_abi/linux_time.h>

#define WAKE_MASK \
	((1u << THREAD_INTERRUPTIBLE) | (1u << THREAD_UNINTERRUPTIBLE) | (1u << THREAD_KILLABLE))

/* A step of distance from @first is as bad as one thread more. */
static u32 least_loaded(cpumask_t mask, u32 first)
{
	const struct runqueue *home = cpu_ptr(runqueues, first);
	u32 best = first, cpu;
	u32 load = ~0u;

	if (mask >> first & 1)
		load = READ_ONCE(cpu_ptr(runqueues, first)->nr_running);
	for_each_bit (cpu, mask) {
		u32 n = READ_ONCE(cpu_ptr(runqueues, cpu)->nr_running) + near_level(home, BIT(cpu));

		if (n < load) {
			best = cpu;
			load = n;
		}
	}
	return best;
}

/* Its last CPU unless a real-time thread of no lower priority runs there and another CPU, the
 * nearest first, runs something less urgent. */
static u32 cpu_for_realtime(struct thread *t, cpumask_t allowed)
{
	const struct runqueue *home = cpu_ptr(runqueues, t->cpu);
	u32 cpu;

	for (u32 pass = 0; pass <= NEAR_LEVELS; pass++) {
		cpumask_t order = pass ? home->near[pass - 1] : BIT(t->cpu);

		for_each_bit (cpu, order & allowed) {
			struct runqueue *rq = cpu_ptr(runqueues, cpu);
			/* stays readable: interrupts are off */
			struct thread *curr = READ_ONCE(rq->curr);

			if (!rt_queued(rq) && /* else another is about to run there */
				(curr->sched_class->order < rt_class.order ||
					(curr->sched_class == &rt_class &&
						curr->rt_priority < t->rt_priority)))
				return cpu;
		}
	}
	return allowed & BIT(t->cpu) ? t->cpu : bit_ffs(allowed);
}

static NOINLINE u32 select_among(struct thread *t, u32 self, bool fresh)
{
	cpumask_t allowed = t->affinity & __atomic_load_n(&cpu_online_mask, __ATOMIC_RELAXED);
	cpumask_t idle = __atomic_load_n(&sched_idle_mask, __ATOMIC_RELAXED) & allowed;
	struct runqueue *here = cpu_ptr(runqueues, self), *last = cpu_ptr(runqueues, t->cpu);

	if (allowed >> self & 1 && t->sched_class == &fair_class) {
		if (is_idle_thread(here->curr) && last->near[0] >> self & 1)
			return self; /* an interrupt woke this CPU: it need not rouse another */
		if (here->nr_running == 1 && !in_interrupt() &&
			here->curr->sched_class == &fair_class && fair_sleeps_soon(here->curr))
			return self;
	}
	if (idle)
		return idle >> t->cpu & 1 ? t->cpu : nearest_cpu(last, idle);
	if (t->sched_class == &rt_class && allowed)
		return cpu_for_realtime(t, allowed);
	if (unlikely(!allowed))
		return self; /* its CPUs are gone: anywhere is better than nowhere */
	return least_loaded(allowed, fresh ? self : t->cpu);
}

/* Queues @t, which is off the queues and ours. Interrupts off; @flags are given back. */
static ALWAYS_INLINE void queue_woken(
	struct thread *t, u32 enqueue_flags, u32 old_state, ulong flags)
{
	u32 cpu = cpu_count == 1 ? 0 : select_among(t, cpu_id(), old_state == THREAD_NEW);
	struct runqueue *rq = cpu_ptr(runqueues, cpu);

	if (cpu != t->cpu) {
		/* its old CPU is about to finish the switch */
		while (__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE))
			arch_cpu_relax();
		migrated(t, cpu_ptr(runqueues, t->cpu), rq);
	}
	spin_lock(&rq->lock);
	if (old_state == THREAD_UNINTERRUPTIBLE)
		rq->uninterruptible--;
	rq_enqueue(rq, t, enqueue_flags);
	rq->counts.wakes += enqueue_flags & SCHED_ENQUEUE_WAKE;
	if (cpu_count > 1 && old_state != THREAD_RUNNING)
		current->se.woke_at_ns = rq->clock;
	spin_unlock_irq(&rq->lock, flags); /* the place where this CPU reschedules, if it should */
}

/* Takes @t out of one of @states. Return: it was in one; *old_out = state and flags before. */
static ALWAYS_INLINE bool claim(struct thread *t, u32 states, u32 *old_out)
{
	u32 old = __atomic_load_n(&t->state, __ATOMIC_RELAXED);

	do {
		while (unlikely(old & THREAD_PINNED)) {
			arch_cpu_relax();
			old = __atomic_load_n(&t->state, __ATOMIC_RELAXED);
		}
		if (!(states >> (old & THREAD_STATE_MASK) & 1))
			return false;
	} while (!__atomic_compare_exchange_n(
		&t->state, &old, THREAD_RUNNING, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	*old_out = old;
	return true;
}

static ALWAYS_INLINE bool wake_from(struct thread *t, u32 states)
{
	ulong flags = arch_irq_save(); /* nobody who pins @t may come between the claim and the
					  queue on this CPU */
	bool claimed;
	u32 old;

	claimed = claim(t, states, &old);
	if (claimed && old & THREAD_OFF_RQ)
		queue_woken(t, SCHED_ENQUEUE_WAKE, old & THREAD_STATE_MASK, flags);
	else
		arch_irq_restore(flags);
	return claimed;
}

bool thread_wake(struct thread *t)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the caller's condition before the state; pairs
						    with thread_set_state */
	return wake_from(t, WAKE_MASK);
}

bool thread_wake_stopped(struct thread *t)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return wake_from(t, 1u << THREAD_STOPPED);
}

bool thread_wake_signal(struct thread *t, bool fatal)
{
	u32 states = 1u << THREAD_INTERRUPTIBLE;

	if (fatal)
		states |= 1u << THREAD_KILLABLE | 1u << THREAD_STOPPED;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* thread->work before state and on_cpu */
	if (wake_from(t, states))
		return true;
	preempt_disable();
	if (t != current && __atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE)) {
		u32 cpu = READ_ONCE(t->cpu);

		if (cpu != cpu_id())
			arch_ipi(cpu, IPI_RESCHED); /* out of user mode; on the way back it looks at
						       thread->work */
	}
	preempt_enable();
	return false;
}

/* A new thread, which its creator has made ready. */
void thread_start(struct thread *t)
{
	ulong flags = arch_irq_save();
	u32 old;

	this_cpu_ptr(runqueues)->threads++;
	t->cpu = cpu_id();
	if (!claim(t, 1u << THREAD_NEW, &old))
		panic("thread %s started twice", t->name);
	queue_woken(t, SCHED_ENQUEUE_NEW, THREAD_NEW, flags);
}

void sched_move(struct thread *t)
{
	queue_woken(t, SCHED_ENQUEUE_MOVED, THREAD_RUNNING, arch_irq_save());
}

/* ---- sleeping ---- */
void thread_set_state(enum thread_state s)
{
	/* a full barrier on every machine */
	__atomic_exchange_n(&current->state, s, __ATOMIC_SEQ_CST);
}

void thread_block(void)
{
	if (__atomic_load_n(&current->state, __ATOMIC_RELAXED) != THREAD_RUNNING)
		schedule();
}

struct alarm {
	struct clock_timer timer;
	ns_t until; /* by timer.by */
	struct thread *thread;
	bool fired; /* [a] it was the timer that woke the thread */
};

static void alarm_fire(struct timer *timer)
{
	struct alarm *a = container_of(timer, struct alarm, timer.timer);

	if (a->timer.by == CLOCK_REALTIME && clock_realtime() < a->until)
		clock_timer_start(&a->timer, a->until);
	else if (thread_wake(a->thread))
		/* read after timer_cancel_sync */
		__atomic_store_n(&a->fired, true, __ATOMIC_RELAXED);
}

/* Apart, so that who sleeps for ever pays nothing for it. */
static NOINLINE bool block_with_alarm(ns_t deadline_ns)
{
	struct alarm a = {.thread = current, .until = deadline_ns & ~NS_OF_DAY};
	int clock = deadline_ns & NS_OF_DAY ? CLOCK_REALTIME : CLOCK_MONOTONIC;

	if (a.until <= clock_now(clock))
		return __atomic_exchange_n(&current->state, THREAD_RUNNING, __ATOMIC_ACQ_REL) !=
		       THREAD_RUNNING;
	clock_timer_init(&a.timer, clock, alarm_fire);
	a.timer.by = clock;
	clock_timer_start(&a.timer, a.until);
	thread_block();
	(void)timer_cancel_sync(&a.timer.timer);
	return a.fired;
}

bool thread_block_until(ns_t deadline_ns)
{
	if (deadline_ns != NS_FOREVER)
		return block_with_alarm(deadline_ns);
	thread_block();
	return false;
}

int thread_sleep_until(ns_t deadline_ns, enum wait_mode mode)
{
	int err;

	do {
		thread_set_state((u32)mode);
		err = wait_sleep(mode, deadline_ns);
	} while (!err);
	return err == -ETIMEDOUT ? 0 : err;
}

/* Room posix_x has the full answer; without it (early boot, host tests) the work bits are all there
 * is. */
WEAK bool thread_signal_pending(const struct thread *t)
{
	return __atomic_load_n(&t->work, __ATOMIC_RELAXED) & (WORK_SIGNAL | WORK_EXIT);
}

WEAK bool thread_fatal_pending(const struct thread *t)
{
	return __atomic_load_n(&t->work, __ATOMIC_RELAXED) & WORK_EXIT;
}

/* ---- pinning, for those who change a thread's class, parameters or affinity ---- */
struct runqueue *sched_pin(struct thread *t, ulong *flags)
{
	*flags = arch_irq_save();
	for (;;) { /* bound: the moments between a waker's claim and its queueing, and a switch's
		      end */
		u32 old = __atomic_load_n(&t->state, __ATOMIC_ACQUIRE);
		struct runqueue *rq;

		if (old & THREAD_OFF_RQ) {
			if (!(old & THREAD_PINNED) &&
				!__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE) &&
				__atomic_compare_exchange_n(&t->state, &old, old | THREAD_PINNED,
					false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				return NULL;
		} else {
			rq = cpu_ptr(runqueues, READ_ONCE(t->cpu));
			spin_lock(&rq->lock);
			/* on_rq first: a thread that is just being queued elsewhere has its new cpu
			 * before it has on_rq. */
			if (__atomic_load_n(&t->on_rq, __ATOMIC_ACQUIRE) &&
				READ_ONCE(t->cpu) == rq->cpu)
				return rq;
			spin_unlock(&rq->lock);
		}
		arch_irq_restore(*flags); /* let interrupts in while waiting */
		arch_cpu_relax();
		arch_irq_save();
	}
}

void sched_unpin(struct thread *t, struct runqueue *rq, ulong flags)
{
	if (rq)
		spin_unlock(&rq->lock);
	else
		__atomic_fetch_and(&t->state, ~THREAD_PINNED, __ATOMIC_RELEASE);
	arch_irq_restore(flags);
	if (unlikely(this_cpu_read(preempt_count) == 0))
		sched_preempt();
}
