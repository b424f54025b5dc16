/* Policies, priorities and CPU masks of threads; admission to the deadline class. Layer: scheduler.
 * Permission is the caller's business.
 *
 * inherit_lock guards what is asked for (params, dl.allowed), what is lent, and the shares of the
 * deadline class; the thread itself is pinned while its class changes. */
#include "../scheduler_internal.h"
#include <exo/errno.h>
#include <arch/irq.h>

#define SHARE_ONE     (1ULL << 20)
#define SHARE_MAX     (SHARE_ONE * 95 / 100)
#define RUNTIME_MIN   1024
#define PERIOD_MIN_NS (100 * NS_PER_US)
#define PERIOD_MAX_NS (4194304 * NS_PER_US) /* 2^22 us: products of two times fit in 64 bits */

static u64 shares[CPUS_MAX]; /* [inherit lock] runtime / period of the deadline threads there */

static bool valid(const struct sched_params *p)
{
	switch (p->policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		return p->rt_priority >= 1 && p->rt_priority <= 99;
	case SCHED_OTHER:
	case SCHED_BATCH:
	case SCHED_IDLE:
		return p->rt_priority == 0 && p->nice >= -20 && p->nice <= 19;
	case SCHED_DEADLINE:
		return p->rt_priority == 0 && p->runtime_ns >= RUNTIME_MIN &&
		       p->runtime_ns <= p->deadline_ns && p->deadline_ns <= p->period_ns &&
		       p->period_ns >= PERIOD_MIN_NS && p->period_ns <= PERIOD_MAX_NS;
	default:
		return false;
	}
}

static u64 share_of(const struct sched_params *p)
{
	return p->policy == SCHED_DEADLINE ? p->runtime_ns * SHARE_ONE / p->period_ns : 0;
}

void sched_apply_class(struct thread *t)
{
	u64 urgency = thread_urgency(t);

	if (t->params.policy == SCHED_DEADLINE || urgency >= URGENCY_DEADLINE)
		t->sched_class = &deadline_class;
	else
		t->sched_class = urgency >= URGENCY_REALTIME ? &rt_class : &fair_class;
	t->rt_priority = t->sched_class == &rt_class ? (u8)(urgency - URGENCY_REALTIME) : 0;
	fair_set_weight(t);
}

void sched_reclass_locked(
	struct thread *t, const struct sched_params *p, cpumask_t affinity, u64 lent)
{
	ulong flags;
	struct runqueue *rq = sched_pin(t, &flags);
	bool queued = rq && rq->curr != t, move = false;

	if (rq)
		rq_account(rq, clock_monotonic());
	if (queued) {
		t->wait_ns += rq->clock - t->se.wait_start_ns;
		t->sched_class->dequeue(rq, t);
		rq->nr_running--;
	}
	if (p != &t->params) {
		t->params = *p;
		t->dl.due_ns = 0; /* a new period */
		t->rt_slice_left_ns = RR_SLICE_NS;
	}
	t->affinity = affinity;
	t->lent = lent;
	sched_apply_class(t);
	if (queued && affinity >> rq->cpu & 1) {
		rq_enqueue(rq, t, SCHED_ENQUEUE_MOVED);
	} else if (queued) {
		t->on_rq = 0;
		move = true; /* runnable and on no queue: ours, sched_pin by others waits */
	} else if (rq) {
		rq_resched(rq); /* the switch moves it, or perhaps another is better now */
	}
	sched_unpin(t, rq, flags);
	if (move)
		sched_move(t);
}

/* The CPU for a thread of @share, its own one first. Return: -1 = none has room. */
static int find_room(const struct thread *t, u64 share)
{
	u32 cpu, first = READ_ONCE(t->cpu);

	if (shares[first] + share <= SHARE_MAX)
		return (int)first;
	for_each_online_cpu (cpu)
		if (shares[cpu] + share <= SHARE_MAX)
			return (int)cpu;
	return -1;
}

/* Takes the share that @p asks for in the place of @t's present one; *affinity = where @t may run
 * then. 0 | -EPERM its mask leaves CPUs out | -EBUSY. [inherit lock] */
static int admit(struct thread *t, const struct sched_params *p, cpumask_t *affinity)
{
	cpumask_t online = __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE);
	bool was = t->params.policy == SCHED_DEADLINE;
	cpumask_t allowed = was ? t->dl.allowed : t->affinity;
	u64 old = share_of(&t->params), *home = was ? &shares[bit_ffs(t->affinity)] : NULL;
	int cpu;

	*affinity = allowed;
	if (p->policy == SCHED_DEADLINE && online & ~allowed)
		return -EPERM;
	if (was)
		*home -= old;
	if (p->policy != SCHED_DEADLINE)
		return 0;
	cpu = find_room(t, share_of(p));
	if (cpu < 0) {
		if (was)
			*home += old;
		return -EBUSY;
	}
	shares[cpu] += share_of(p);
	t->dl.allowed = allowed;
	*affinity = BIT(cpu);
	return 0;
}

int sched_set_params(struct thread *t, const struct sched_params *p)
{
	cpumask_t affinity;
	int err;

	if (!valid(p))
		return -EINVAL;
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&inherit_lock);
	err = admit(t, p, &affinity);
	if (err)
		return err;
	sched_reclass_locked(t, p, affinity, t->lent);
	inherit_changed_locked(t);
	return 0;
}

void sched_get_params(struct thread *t, struct sched_params *out)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&inherit_lock);

	*out = t->params;
}

/* A deadline thread keeps the CPU that has room for it: its mask must go on naming all. */
int sched_set_affinity(struct thread *t, cpumask_t mask)
{
	cpumask_t online = __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE);

	if (!(mask & online))
		return -EINVAL;
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&inherit_lock);
	if (t->params.policy != SCHED_DEADLINE)
		sched_reclass_locked(t, &t->params, mask, t->lent);
	else if (online & ~mask)
		return -EBUSY;
	else
		t->dl.allowed = mask;
	return 0;
}

cpumask_t sched_get_affinity(struct thread *t)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&inherit_lock);

	return t->params.policy == SCHED_DEADLINE ? t->dl.allowed : t->affinity;
}

ns_t sched_rr_interval(struct thread *t)
{
	struct sched_params p;

	sched_get_params(t, &p);
	return p.policy == SCHED_RR                                   ? RR_SLICE_NS
	       : p.policy == SCHED_FIFO || p.policy == SCHED_DEADLINE ? 0
								      : 4 * NS_PER_MS;
}

bool sched_may_fork(void)
{
	return current->params.policy != SCHED_DEADLINE || current->params.reset_on_fork;
}

/* What a new thread takes over from its parent. Reset on fork takes privileges, it gives none. */
void sched_inherit_params(struct thread *t, struct thread *parent)
{
	t->params = parent->params;
	t->params.reset_on_fork = false;
	if (parent->params.reset_on_fork) {
		if (t->params.rt_priority || t->params.policy == SCHED_DEADLINE)
			t->params = (struct sched_params){0};
		t->params.nice = MAX(t->params.nice, 0);
	}
	t->affinity = sched_get_affinity(parent);
}
