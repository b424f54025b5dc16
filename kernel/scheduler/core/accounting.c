/* Run times, load, statistics. Layer: scheduler.
 *
 * Run times are exact, taken at every switch. Their split into user and system time is sampled by
 * the tick (core/tick.c) and scaled to the exact sum, and what was once shown never shrinks. Load
 * averages: every 5 s, as in getloadavg(3), 11 bits of fraction. */
#include "../scheduler_internal.h"
#include <exo/string.h>

#define LOAD_PERIOD_NS (5 * NS_PER_SEC)
#define LOAD_ONE       (1u << 11)

static u64 load[3];                                  /* [a] written by load_timer only */
static const u32 load_decay[3] = {1884, 2014, 2037}; /* 2048 / e^(5/60), e^(5/300), e^(5/900) */
static struct timer load_timer;

u64 thread_cpu_time(struct thread *t)
{
	ulong flags = arch_irq_save();
	u64 ns;

	for (;;) {
		struct runqueue *rq = cpu_ptr(runqueues, READ_ONCE(t->cpu));

		spin_lock(&rq->lock);
		if (t->cpu == rq->cpu) {
			if (rq->curr == t)
				rq_account(rq, clock_monotonic());
			ns = t->sum_exec_ns;
			spin_unlock_irq(&rq->lock, flags);
			return ns;
		}
		spin_unlock(&rq->lock);
	}
}

/* Raises *shown to at least @v. Return: the new value. */
static u64 show(u64 *shown, u64 v)
{
	u64 old = __atomic_load_n(shown, __ATOMIC_RELAXED);

	while (old < v && !__atomic_compare_exchange_n(
				  shown, &old, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return MAX(old, v);
}

/* part / whole of total without overflow; whole > 0. */
static u64 share(u64 total, u64 part, u64 whole)
{
	/* small enough to multiply: only bits below the clock's own error are lost */
	u32 shift = 0;

	while (part >> 32 || whole >> 32) {
		part >>= 1;
		whole >>= 1;
	}
	while (total >> 32) {
		total >>= 1;
		shift++;
	}
	return total * part / MAX(whole, 1UL) << shift;
}

void thread_cpu_times(struct thread *t, u64 *user_ns, u64 *system_ns)
{
	u64 total = thread_cpu_time(t);
	u64 user = READ_ONCE(t->sampled_user_ns), system = READ_ONCE(t->sampled_system_ns);

	if (t->flags & THREAD_KERNEL)
		user = 0;
	else if (!system)
		user = total;
	else
		user = share(total, user, user + system);
	user = show(&t->shown_user_ns, user);
	system = show(&t->shown_system_ns, total > user ? total - user : 0);
	*user_ns = user;
	*system_ns = system;
}

void sched_cpu_stats(u32 cpu, struct sched_stats *out)
{
	struct runqueue *rq = cpu_ptr(runqueues, cpu);
	u64 user, nice, system, busy, all;
	ulong flags;

	memset(out, 0, sizeof(*out));
	if (!(__atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE) >> cpu & 1))
		return;
	flags = spin_lock_irq(&rq->lock);
	rq_account(rq, clock_monotonic());
	busy = rq->busy_ns;
	user = rq->sampled_user_ns;
	nice = rq->sampled_nice_ns;
	system = rq->sampled_system_ns;
	out->idle_ns = rq->idle_ns;
	out->counts = rq->counts;
	out->idles = rq->idle->switches_involuntary;
	spin_unlock_irq(&rq->lock, flags);
	for (u32 i = 0; i < SCHED_WHYS; i++)
		out->switches += out->counts.calls[i] - out->counts.again[i];
	all = user + nice + system;
	if (all) {
		out->user_ns = share(busy, user, all);
		out->nice_ns = share(busy, nice, all);
	}
	out->system_ns = busy - out->user_ns - out->nice_ns;
}

static void sum_threads(u64 *running, s64 *uninterruptible, s64 *total)
{
	u32 cpu;

	*running = 0;
	*uninterruptible = *total = 0;
	for_each_online_cpu (cpu) {
		struct runqueue *rq = cpu_ptr(runqueues, cpu);

		*running += READ_ONCE(rq->nr_running);
		*uninterruptible += READ_ONCE(rq->uninterruptible);
		*total += READ_ONCE(rq->threads);
	}
}

static void load_sample(struct timer *timer)
{
	s64 uninterruptible, total;
	u64 running;

	sum_threads(&running, &uninterruptible, &total);
	if (uninterruptible > 0)
		running += (u64)uninterruptible;
	for (u32 i = 0; i < 3; i++) {
		u64 target = running * LOAD_ONE;
		u64 next = load[i] * load_decay[i] + target * (LOAD_ONE - load_decay[i]);

		if (target >= load[i])
			next += LOAD_ONE - 1; /* so that a steady load reaches its value */
		__atomic_store_n(&load[i], next / LOAD_ONE, __ATOMIC_RELAXED);
	}
	timer_start(timer, timer->deadline_ns + LOAD_PERIOD_NS);
}

void sched_loadavg(u64 out[3], u32 *running, u32 *total)
{
	s64 uninterruptible, all;
	u64 now_running;

	sum_threads(&now_running, &uninterruptible, &all);
	for (u32 i = 0; i < 3; i++)
		out[i] = __atomic_load_n(&load[i], __ATOMIC_RELAXED);
	*running = (u32)now_running;
	*total = all > 0 ? (u32)all : 0;
}

void sched_init(void)
{
	time_cpu_init();
	sched_cpu_init(cpu_id());
	fair_log_init();
	sched_cpu_online();
	workqueue_init();
	timer_init(&load_timer, load_sample);
	timer_start(&load_timer, clock_monotonic() + LOAD_PERIOD_NS);
}
