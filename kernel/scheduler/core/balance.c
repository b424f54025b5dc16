/* Keeping CPUs busy. Layer: scheduler.
 *
 * Idle CPUs pull: before a CPU goes idle it takes a queued thread from the most loaded one. Loaded
 * CPUs push: their tick rouses an idle CPU, which then pulls, and every BALANCE_NS moves one thread
 * to a CPU that has at least two fewer, and one fewer still for each step of distance. Another
 * queue's lock is only tried. */
#include "../scheduler_internal.h"
#include <arch/irq.h>

#define BALANCE_NS (24 * NS_PER_MS)
#define WAIT_NS    (1 * NS_PER_MS) /* who waits for less is about to run: its waker goes to sleep */
#define MOVES_MAX  32u
#define SCAN_MAX   16u

static struct thread *steal(struct runqueue *from, u32 to_cpu)
{
	struct thread *t = NULL;

	if (rt_queued(from))
		t = rt_steal(from, to_cpu);
	if (!t)
		t = fair_steal(from, to_cpu);
	if (t) {
		from->nr_running--;
		cpu_ptr(runqueues, to_cpu)->counts.steals++;
		t->cpu = to_cpu; /* while both queues are locked: sched_pin relies on it */
		migrated(t, from, cpu_ptr(runqueues, to_cpu));
	}
	return t;
}

static struct thread *try_steal(struct runqueue *from, u32 to_cpu)
{
	struct thread *t;

	if (!spin_trylock(&from->lock))
		return NULL;
	t = steal(from, to_cpu);
	spin_unlock_no_preempt(&from->lock);
	preempt_enable_no_resched();
	return t;
}

/* The most loaded CPU first, where a step of distance weighs as much as a thread; what waits there
 * may be bound to it, so then the others. */
struct thread *balance_idle(struct runqueue *rq)
{
	cpumask_t loaded = 0;
	struct runqueue *busiest = NULL;
	struct thread *t;
	u32 most = 0, cpu;

	for_each_online_cpu (cpu) {
		struct runqueue *other = cpu_ptr(runqueues, cpu);
		u32 n = READ_ONCE(other->nr_running);

		if (n < 2 || other == rq)
			continue;
		loaded |= BIT(cpu);
		n += NEAR_LEVELS - near_level(rq, BIT(cpu));
		if (n > most) {
			most = n;
			busiest = other;
		}
	}
	if (!busiest)
		return NULL;
	t = try_steal(busiest, rq->cpu);
	loaded &= ~BIT(busiest->cpu);
	for_each_bit (cpu, loaded) {
		if (t)
			break;
		t = try_steal(cpu_ptr(runqueues, cpu), rq->cpu);
	}
	return t;
}

/* The idle CPUs that a thread waiting here could go to. */
static cpumask_t useful(struct runqueue *rq, cpumask_t idle)
{
	cpumask_t mask = rt_queued(rq) ? idle : 0;
	struct thread *t;
	u32 scanned = 0;

	list_for_each_entry (t, &rq->fair.waiting, se.waiting) {
		if (++scanned > SCAN_MAX)
			break;
		if (rq->clock - t->se.wait_start_ns >= WAIT_NS)
			mask |= t->affinity & idle;
	}
	return mask;
}

void balance_tick(struct runqueue *rq, ns_t now)
{
	cpumask_t idle = useful(rq, __atomic_load_n(&sched_idle_mask, __ATOMIC_RELAXED));
	struct runqueue *to = NULL;
	struct thread *t;
	u32 cpu, least = rq->nr_running - 1;

	if (rq->nr_running < 2)
		return;
	if (idle) {
		/* it will look round before it sleeps again */
		arch_ipi(nearest_cpu(rq, idle), IPI_RESCHED);
		return;
	}
	if (now - rq->balanced_at < BALANCE_NS)
		return;
	rq->balanced_at = now;
	for_each_online_cpu (cpu) {
		u32 n = READ_ONCE(cpu_ptr(runqueues, cpu)->nr_running) + near_level(rq, BIT(cpu));

		if (n < least) {
			least = n;
			to = cpu_ptr(runqueues, cpu);
		}
	}
	if (!to || !spin_trylock(&to->lock))
		return;
	/* Half of the difference at once: a crowd that woke in one place spreads soon. What stands
	 * there now, for other crowds had the same thought. */
	least = MIN(to->nr_running, rq->nr_running);
	for (u32 n = MIN((rq->nr_running - least) / 2, MOVES_MAX); n && (t = steal(rq, to->cpu));
		n--) {
		ns_t start_ns = t->se.wait_start_ns;

		rq_enqueue(to, t, SCHED_ENQUEUE_MOVED);
		t->wait_ns += to->clock - start_ns; /* where its next wait begins; ours is older */
	}
	spin_unlock_no_preempt(&to->lock);
	preempt_enable_no_resched();
}
