/* The switch from one thread to the next. Layer: scheduler.
 *
 * schedule() runs with interrupts off under the queue's lock, which the next thread releases.
 * Sleeping is decided by one compare-and-exchange: if nobody has woken prev meanwhile,
 * THREAD_OFF_RQ is set and from then on the waker queues it; a waker on another CPU first waits for
 * on_cpu to clear, one that queues it here waits for this lock. So no wake-up is lost and no thread
 * runs twice at a time.
 *
 * need-resched is bit 31 of preempt_count (clear = wanted), hence "may and should" is one test for
 * zero. Whoever clears the bit for this CPU does so with interrupts off or under a lock, so that
 * the test comes when the count drops. */
#include "../scheduler_internal.h"
#include <exo/memory.h>
#include <exo/string.h>
#include <exo/vm.h>
#include <arch/irq.h>

PER_CPU(struct runqueue, runqueues);
static PER_CPU(struct thread, idle_threads);
cpumask_t sched_idle_mask;

/* ---- the idle class: a thread that is never queued and never blocks ---- */
static ns_t idle_slice(struct runqueue *rq, struct thread *t)
{
	return NS_FOREVER;
}
static void idle_put(struct runqueue *rq, struct thread *t)
{
}
const struct sched_class idle_class = {.order = 0, .put = idle_put, .slice = idle_slice};

/* ---- queues ---- */
void rq_resched(struct runqueue *rq)
{
	if (rq->cpu == cpu_id()) {
		preempt_set_resched();
	} else if (!rq->resched_sent) {
		rq->resched_sent = true;
		arch_ipi(rq->cpu, IPI_RESCHED);
	}
}

void rq_enqueue(struct runqueue *rq, struct thread *t, u32 flags)
{
	struct thread *curr = rq->curr;

	WRITE_ONCE(t->cpu, rq->cpu);
	__atomic_store_n(&t->on_rq, 1, __ATOMIC_RELEASE); /* pairs with sched_pin */
	rq->nr_running++;
	rq_account(rq, clock_monotonic()); /* on a tickless CPU the clock is old, and with it what
					      curr is due */
	t->sched_class->enqueue(rq, t, flags);
	if (t->sched_class != curr->sched_class) {
		if (t->sched_class->order > curr->sched_class->order)
			rq_resched(rq);
	} else if (t->sched_class->preempts(rq, curr, t)) {
		rq_resched(rq);
	}
	/* The running thread's time must end now that another waits. Its CPU arms the tick; usually
	 * it is armed already. */
	if (rq->nr_running == 2 && rq->tick_at == NS_FOREVER) {
		if (rq->cpu == cpu_id())
			tick_arm(rq, rq->clock);
		else
			rq_resched(rq);
	}
}

void rq_account(struct runqueue *rq, ns_t now)
{
	struct thread *curr = rq->curr;
	ns_t ran = now - rq->clock;

	if (unlikely((s64)ran < 0))
		return; /* another CPU did this a moment ago by a clock that is a little ahead */
	rq->clock = now;
	if (unlikely(is_idle_thread(curr))) {
		rq->idle_ns += ran;
		return;
	}
	rq->busy_ns += ran;
	curr->sum_exec_ns += ran;
	curr->sched_class->account(rq, curr, ran);
}

static NOINLINE struct thread *pick_urgent(struct runqueue *rq)
{
	struct thread *t = deadline_pick(rq);

	return t || rt_throttled(rq) ? t : rt_pick(rq);
}

/* *exact = the tick must be: classes of exact times are at work. */
static ALWAYS_INLINE struct thread *pick_next(struct runqueue *rq, bool *exact)
{
	struct thread *t;

	if (unlikely(rq->urgent)) {
		*exact = true;
		t = pick_urgent(rq);
		if (t)
			return t;
	}
	t = fair_pick(rq);
	if (likely(t != NULL))
		return t;
	if (cpu_count > 1) {
		t = balance_idle(rq);
		if (t) {
			*exact |= t->sched_class != &fair_class;
			/* Queued there after rq->clock was read, where it ran until then: this CPU
			 * was idle so long, or t ran twice at one time. */
			if (t->se.wait_start_ns > rq->clock) {
				rq->idle_ns += t->se.wait_start_ns - rq->clock;
				rq->clock = t->se.wait_start_ns;
			}
			rq->nr_running++;
			return t;
		}
	}
	return rq->idle;
}

/* prev goes to sleep unless it was woken meanwhile. Return: true = it is off the queue. */
static ALWAYS_INLINE bool try_block(struct runqueue *rq, struct thread *prev)
{
	u32 state = __atomic_load_n(&prev->state, __ATOMIC_RELAXED);

	if (state == THREAD_RUNNING)
		return false;
	/* Everything that a waker may see of a sleeper is set before; the waker waits for the lock
	 * or on_cpu before it touches more. */
	if (!__atomic_compare_exchange_n(&prev->state, &state, state | THREAD_OFF_RQ, false,
		    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		return false;
	prev->on_rq = 0;
	rq->nr_running--;
	prev->switches_voluntary++;
	if (state == THREAD_UNINTERRUPTIBLE)
		rq->uninterruptible++;
	if (prev->sched_class == &fair_class)
		fair_block(rq, prev);
	return true;
}

static NOINLINE COLD void finish_dead(struct thread *dead)
{
	void *stack = (void *)dead->kstack;

	arch_irq_enable();
	dead->kstack = 0;
	kstack_free(stack);
	arch_fpu_free(dead);
	thread_put(dead);
	arch_irq_disable();
}

/* The tail of every switch, on the next thread's stack. */
static ALWAYS_INLINE void finish_switch(void)
{
	struct runqueue *rq = this_cpu_ptr(runqueues);
	struct thread *prev = rq->switched_from, *moving = rq->moving;
	/* Both: a thread that is preempted on the way into its last schedule() is still to come
	 * back. */
	bool dead =
		__atomic_load_n(&prev->state, __ATOMIC_RELAXED) == (THREAD_DEAD | THREAD_OFF_RQ);

	rq->moving = NULL;
	rq->threads -= dead;
	/* pairs with queue_woken; after this prev may run elsewhere */
	__atomic_store_n(&prev->on_cpu, 0, __ATOMIC_RELEASE);
	spin_unlock_no_preempt(&rq->lock);
	if (unlikely(moving != NULL))
		sched_move(moving);
	if (unlikely(dead))
		finish_dead(prev);
}

/* Interrupts off, preemption on. */
static ALWAYS_INLINE void switch_threads(enum sched_why why)
{
	struct runqueue *rq = this_cpu_ptr(runqueues);
	struct thread *prev = rq->curr, *next;
	bool exact = false;

	rcu_note_quiescent();
	spin_lock(&rq->lock);
	this_cpu_or(preempt_count, PREEMPT_NO_RESCHED);
	rq->resched_sent = false;
	rq_account(rq, clock_monotonic());
	rq->counts.calls[why]++;
	if (why != SCHED_BLOCK || !try_block(rq, prev)) {
		prev->switches_involuntary++;
		if (unlikely(!(prev->affinity >> rq->cpu & 1)) && !is_idle_thread(prev)) {
			prev->on_rq = 0;
			rq->nr_running--;
			rq->moving = prev;
		} else if (why == SCHED_YIELD) {
			prev->sched_class->yield(rq, prev);
		} else {
			prev->sched_class->put(rq, prev);
		}
	}
	next = pick_next(rq, &exact);
	rq->slice_start_at = rq->clock;
	if (next == prev) {
		prev->switches_involuntary--;
		rq->counts.again[why]++;
		if (rq->nr_running > 1 || unlikely(exact))
			tick_arm(rq, rq->clock);
		spin_unlock_no_preempt(&rq->lock);
		preempt_enable_no_resched();
		return;
	}
	if (why == SCHED_PREEMPT && prev->flags & THREAD_RSEQ)
		__atomic_fetch_or(&prev->work, WORK_NOTIFY, __ATOMIC_RELAXED);
	rq->curr = next;
	rq->picked_at = rq->clock;
	if (unlikely(is_idle_thread(next) || is_idle_thread(prev)))
		__atomic_fetch_xor(&sched_idle_mask, BIT(rq->cpu), __ATOMIC_RELAXED);
	next->wait_ns += rq->clock - next->se.wait_start_ns; /* the idle thread's means nothing */
	if (unlikely(exact) ||
		(rq->tick_at > rq->clock + (rq->nr_running > 1 ? TICK_LATE_SHARED_NS
							       : TICK_LATE_ALONE_NS) &&
			!is_idle_thread(next)))
		tick_arm(rq, rq->clock);
	next->on_cpu = 1;
	if (prev->space != next->space)
		vm_switch(prev->space, next->space);
	rq->switched_from = prev;
	arch_switch(prev, next);
	finish_switch(); /* maybe on another CPU than above */
	preempt_enable_no_resched();
}

/* The compiler must not carry `current` or this CPU's addresses over the switch: hence functions of
 * their own. */
static NOINLINE void schedule_block(void)
{
	switch_threads(SCHED_BLOCK);
}
static NOINLINE void schedule_preempt(void)
{
	switch_threads(SCHED_PREEMPT);
}
static NOINLINE void schedule_yield(void)
{
	switch_threads(SCHED_YIELD);
}

/* Called and returns with interrupts off. */
void sched_first_switch(void)
{
	finish_switch();
	preempt_enable_no_resched();
}

void schedule(void)
{
	lock_assert_may_sleep();
	arch_irq_disable();
	schedule_block();
	arch_irq_enable();
	if (unlikely(this_cpu_read(preempt_count) == 0))
		sched_preempt();
}

void sched_yield_current(void)
{
	if (READ_ONCE(this_cpu_ptr(runqueues)->nr_running) == 1 &&
		likely(current->sched_class != &deadline_class)) {
		/* nobody here to go first; another CPU's count is as good */
		preempt_disable();
		rcu_note_quiescent();
		preempt_enable();
		return;
	}
	arch_irq_disable();
	schedule_yield();
	arch_irq_enable();
}

void sched_preempt(void)
{
	if (!arch_irq_enabled() || !current)
		return;
	do { /* bound: ends when nothing better is runnable */
		arch_irq_disable();
		schedule_preempt();
		arch_irq_enable();
	} while (this_cpu_read(preempt_count) == 0);
}

void sched_preempt_irq(void)
{
	if (current)
		schedule_preempt();
}

/* ---- idle ---- */
void sched_idle(void)
{
	struct runqueue *rq = this_cpu_ptr(runqueues); /* the idle thread never leaves its CPU */

	for (;;) {
		arch_irq_disable();
		if (resched_wanted() || READ_ONCE(rq->nr_running)) {
			schedule_preempt();
			arch_irq_enable();
			continue;
		}
		rcu_idle_enter();
		arch_cpu_idle();
		rcu_idle_exit();
	}
}

/* ---- start ---- */
void sched_cpu_init(u32 cpu)
{
	struct runqueue *rq = cpu_ptr(runqueues, cpu);
	struct thread *idle = cpu_ptr(idle_threads, cpu);

	spin_init(&rq->lock, RANK_RUNQUEUE);
	rq->cpu = cpu;
	memset(rq->near, 0xff, sizeof(rq->near));
	rt_init(&rq->rt);
	fair_init(&rq->fair);
	tick_init(rq);
	idle->flags = THREAD_KERNEL | THREAD_IDLE;
	idle->refs = 1;
	idle->state = THREAD_RUNNING;
	idle->cpu = cpu;
	idle->on_cpu = idle->on_rq = 1;
	idle->affinity = BIT(cpu);
	idle->sched_class = &idle_class;
	idle->start_ns = clock_monotonic();
	list_init(&idle->donors);
	idle->name[0] = 'i', idle->name[1] = 'd', idle->name[2] = 'l', idle->name[3] = 'e';
	rq->idle = rq->curr = idle;
	rq->clock = rq->picked_at = rq->sampled_at = idle->start_ns;
}

void sched_topology(u32 (*distance)(u32 from, u32 to))
{
	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		struct runqueue *rq = cpu_ptr(runqueues, cpu);
		cpumask_t within = 0;
		u32 reach = 0;

		for (u32 level = 0; level < NEAR_LEVELS - 1; level++) {
			cpumask_t next = 0;
			u32 least = ~0u;

			for (u32 to = 0; to < cpu_count; to++) {
				u32 d = distance(cpu, to);

				if (d > reach && d < least) {
					least = d;
					next = 0;
				}
				if (d == least)
					next |= BIT(to);
			}
			reach = least;
			within |= next;
			rq->near[level] = within;
		}
	}
}

void sched_cpu_online(void)
{
	this_cpu_write(current_thread, this_cpu_ptr(runqueues)->idle);
	__atomic_fetch_or(&sched_idle_mask, BIT(cpu_id()), __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&cpu_online_mask, BIT(cpu_id()), __ATOMIC_SEQ_CST);
}

void secondary_main(u32 cpu)
{
	time_cpu_init();
	sched_cpu_online();
	arch_irq_enable();
	sched_idle();
}
