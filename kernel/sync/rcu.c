/* Read-copy-update by quiescent states. Layer: sync.
 *
 * Readers run with preemption off, so a CPU that has passed schedule() since, or that is halted in
 * its idle loop, holds nothing that was unpublished before. Each CPU has a stack of callbacks; one
 * worker thread takes all the stacks, waits for a grace period and runs them. The worker lets
 * callbacks gather for BATCH_DELAY or until BATCH_CALLBACKS are there, so a fork and exit storm
 * costs it one switch for many. A CPU that does not pass by itself within a moment (a long run in
 * user mode) gets IPI_RESCHED.
 *
 * rcu_call works in any context, under any lock: it only pushes and, when the worker should run,
 * leaves a note that the next schedule() of this CPU reads (rcu_note_quiescent), where no lock is
 * held.
 *
 * Cycles: cycle_started counts the worker's rounds when it takes the stacks, cycle_graced when
 * their grace period is over, cycle_done when the callbacks ran. Somebody who arrives during round
 * n waits for n + 1. */
#include <exo/sync.h>
#include <exo/log.h>
#include <exo/sched.h>
#include <arch/irq.h>

#define BATCH_CALLBACKS 128u
#define BATCH_DELAY_NS  (4 * NS_PER_MS)
#define FORCE_DELAY_NS  (400 * NS_PER_US)
#define RUN_BATCH       32u /* callbacks between two looks at need-resched */

PER_CPU(u32, rcu_passed);
PER_CPU(u32, rcu_idle);
PER_CPU(u32, rcu_wake_wanted);
static PER_CPU(struct rcu_head *, callbacks); /* [a] push by this CPU, taken whole by the worker */
static PER_CPU(u64, callbacks_queued);        /* [p write] ever */

static struct thread *worker;                       /* [c] after rcu_init */
static u64 callbacks_run;                           /* [worker] ever */
static u64 cycle_started, cycle_graced, cycle_done; /* [a] written by the worker */
static u64 cycle_wanted;  /* [a] somebody sleeps until this round is over */
static u32 worker_dozing; /* [a] 1: no callback anywhere, the first one must wake the worker */
static struct waitqueue cycle_waiters = WAITQUEUE_INIT(cycle_waiters);

static u64 callbacks_pending(void)
{
	/* first: never more than what was queued by then */
	u64 run = __atomic_load_n(&callbacks_run, __ATOMIC_ACQUIRE), queued = 0;
	u32 cpu;

	for_each_online_cpu (cpu)
		queued += __atomic_load_n(cpu_ptr(callbacks_queued, cpu), __ATOMIC_RELAXED);
	return queued - run;
}

void rcu_call(struct rcu_head *h, void (*fn)(struct rcu_head *h))
{
	ulong flags SCOPED(irq_restore_at) = arch_irq_save();
	struct rcu_head **top = this_cpu_ptr(callbacks);
	struct rcu_head *old = __atomic_load_n(top, __ATOMIC_RELAXED);
	u64 queued = this_cpu_read(callbacks_queued) + 1;

	h->fn = fn;
	this_cpu_write(callbacks_queued, queued); /* before the push, whose barrier orders it before
						     the look at worker_dozing */
	do
		h->next = old;
	while (!__atomic_compare_exchange_n(
		top, &old, h, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)); /* pairs with take_all */
	if (unlikely(queued % BATCH_CALLBACKS == 0 ||
		     __atomic_load_n(&worker_dozing, __ATOMIC_SEQ_CST))) {
		this_cpu_write(rcu_wake_wanted, 1);
		preempt_set_resched();
	}
}

/* From schedule(), interrupts off, no lock held. */
void rcu_wake_worker(void)
{
	this_cpu_write(rcu_wake_wanted, 0);
	__atomic_store_n(&worker_dozing, 0, __ATOMIC_RELAXED);
	if (worker && worker != current)
		thread_wake(worker);
}

/* Takes the callbacks of all CPUs, oldest first within a CPU. Return: chain, or NULL. */
static struct rcu_head *take_all(void)
{
	struct rcu_head *chain = NULL;
	u32 cpu;

	for_each_online_cpu (cpu) {
		struct rcu_head *h =
			__atomic_exchange_n(cpu_ptr(callbacks, cpu), NULL, __ATOMIC_SEQ_CST);

		while (h) { /* bound: what was queued */
			struct rcu_head *next = h->next;

			h->next = chain;
			chain = h;
			h = next;
		}
	}
	return chain;
}

/* Waits until every online CPU has been quiescent since the call. */
static void grace_period(bool urgent)
{
	/* here we are, not reading */
	cpumask_t waiting = __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE) & ~BIT(cpu_id());
	u32 seen[CPUS_MAX];
	u32 cpu;

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* what was unpublished before is seen by readers
						    that start after */
	for_each_bit (cpu, waiting)
		seen[cpu] = __atomic_load_n(cpu_ptr(rcu_passed, cpu), __ATOMIC_RELAXED);
	/* bound: readers do not sleep, and IPIs make every CPU pass */
	for (u32 round = 0; waiting; round++) {
		cpumask_t look = waiting;

		for_each_bit (cpu, look)
			if (__atomic_load_n(cpu_ptr(rcu_idle, cpu), __ATOMIC_RELAXED) ||
				__atomic_load_n(cpu_ptr(rcu_passed, cpu), __ATOMIC_RELAXED) !=
					seen[cpu])
				waiting &= ~BIT(cpu);
		if (!waiting)
			break;
		if (urgent || round) {
			preempt_disable();
			for_each_bit (cpu, waiting)
				if (cpu != cpu_id())
					arch_ipi(cpu, IPI_RESCHED);
			preempt_enable();
		}
		thread_sleep_until(
			clock_monotonic() + (round ? FORCE_DELAY_NS : FORCE_DELAY_NS / 4),
			WAIT_UNINTERRUPTIBLE);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void run_callbacks(struct rcu_head *h)
{
	u32 n = 0;

	while (h) {
		struct rcu_head *next = h->next;

		h->fn(h); /* may free h */
		h = next;
		__atomic_store_n(&callbacks_run, callbacks_run + 1, __ATOMIC_RELEASE);
		if (++n % RUN_BATCH == 0)
			cond_resched();
	}
}

static bool urgent_wanted(void)
{
	return __atomic_load_n(&cycle_wanted, __ATOMIC_ACQUIRE) > cycle_started;
}

/* Sleeps until there is something to do: nothing at all (dozing), or a batch that still grows. */
static void wait_for_work(void)
{
	ns_t deadline = 0;

	for (;;) {
		u64 pending;

		thread_set_state(THREAD_INTERRUPTIBLE);
		/* before the count is read; pairs with rcu_call */
		__atomic_store_n(&worker_dozing, 1, __ATOMIC_SEQ_CST);
		pending = callbacks_pending();
		if (pending)
			__atomic_store_n(&worker_dozing, 0, __ATOMIC_RELAXED);
		if (urgent_wanted() || pending >= BATCH_CALLBACKS)
			break;
		if (!pending) {
			deadline = 0;
			thread_block();
			continue;
		}
		if (!deadline)
			deadline = clock_monotonic() + BATCH_DELAY_NS;
		if (thread_block_until(deadline))
			break;
	}
	__atomic_store_n(&worker_dozing, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&current->state, THREAD_RUNNING, __ATOMIC_RELAXED);
}

static void worker_main(void *arg)
{
	for (;;) {
		struct rcu_head *batch;
		bool urgent;

		wait_for_work();
		urgent = urgent_wanted();
		__atomic_store_n(&cycle_started, cycle_started + 1, __ATOMIC_SEQ_CST);
		batch = take_all();
		grace_period(urgent);
		__atomic_store_n(&cycle_graced, cycle_started, __ATOMIC_SEQ_CST);
		wake_all(&cycle_waiters, 0);
		run_callbacks(batch);
		__atomic_store_n(&cycle_done, cycle_started, __ATOMIC_SEQ_CST);
		wake_all(&cycle_waiters, 0);
	}
}

/* Waits until a round that starts after this call has come as far as @counter tells. */
static void wait_for_cycle(const u64 *counter)
{
	u64 target = __atomic_load_n(&cycle_started, __ATOMIC_SEQ_CST) + 1;
	u64 old = __atomic_load_n(&cycle_wanted, __ATOMIC_RELAXED);

	while (old < target && !__atomic_compare_exchange_n(&cycle_wanted, &old, target, false,
				       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	thread_wake(worker);
	wait_event_uninterruptible(
		&cycle_waiters, __atomic_load_n(counter, __ATOMIC_ACQUIRE) >= target);
}

void rcu_synchronize(void)
{
	cpumask_t online = __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE);

	lock_assert_may_sleep();
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(online & (online - 1)) || !worker) /* one CPU, and it is here: nobody reads */
		return;
	wait_for_cycle(&cycle_graced);
}

void rcu_barrier(void)
{
	lock_assert_may_sleep();
	ASSERT(worker && current != worker);
	wait_for_cycle(&cycle_done);
}

void rcu_init(void)
{
	struct thread *t = kthread_create("rcu", worker_main, NULL);

	if (!t)
		panic("no memory for the rcu worker");
	__atomic_store_n(&worker, t, __ATOMIC_RELEASE);
}
