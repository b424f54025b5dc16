/* POSIX per-process timers: timer_create and its kin. Layer: posix_x.
 *
 * A timer owns the queue entry of its signal, so expiring never allocates. At expiry the entry is
 * queued; a periodic timer is armed again when the signal is taken, and what was missed meanwhile
 * is its overrun count.
 *
 * References: the process's list 1, a queued entry 1, a call in progress 1. Deleting unlinks; a
 * queued signal still arrives.
 *
 * Locks: timer->lock (POSIX_TIMER, irq), process->lock inside it.
 *
 * Source: timer_create(2), timer_settime(2), timer_getoverrun(2). */
#include <exo/memory.h>
#include <exo_abi/linux_time.h>
#include "posix_x_internal.h"

#define IGNORED_INTERVAL_MIN \
	NS_PER_MS /* a timer whose signal is ignored goes round without being taken */

struct posix_timer {
	u32 refs;                /* [a] */
	struct list node;        /* [process->lock] */
	struct process *process; /* [c] the list's owner; gone only after the timer was unlinked and
				    stopped */
	s32 id;                  /* [c] */
	int notify;              /* [c] SIGEV_* */
	pid_t tid;               /* [c] SIGEV_THREAD_ID */
	struct cpu_clock cpu;    /* [c] which one; process NULL = another clock */
	struct user_account *account; /* [c] +1 charged with one signal */
	spinlock_t lock;
	struct clock_timer timer;
	struct sigqueue entry; /* [process->lock] */
	u64 expires_ns;        /* [lock] by timer.by or CPU time; 0 = off */
	u64 interval_ns;       /* [lock] */
	u32 generation;        /* [lock] counts settings */
	u32 queued_generation; /* [lock] of the signal under way */
	s32 overrun;           /* [lock] of the last signal taken */
	bool waiting;          /* [lock] the signal is queued, the timer not armed */
	bool deleted;          /* [lock] */
};

static u64 timer_now(struct posix_timer *t)
{
	return t->cpu.process ? cpu_clock_now(&t->cpu) : clock_now(t->timer.by);
}

static void timer_hold(struct posix_timer *t)
{
	__atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
}

void posix_timer_put(struct posix_timer *t)
{
	if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL))
		return;
	__atomic_fetch_sub(&t->account->signals, 1, __ATOMIC_RELAXED);
	account_put(t->account);
	cpu_clock_put(&t->cpu);
	kfree(t);
}

static void arm_locked(struct posix_timer *t)
{
	clock_timer_start(&t->timer,
		t->cpu.process ? cpu_clock_reaches(&t->cpu, t->expires_ns) : t->expires_ns);
}

/* Queues the signal. Return as signal_queue_timer. */
static int send_locked(struct posix_timer *t)
{
	struct thread *target SCOPED(thread_put_at) = NULL;
	int ret;

	if (t->notify == SIGEV_THREAD_ID) {
		target = thread_find(t->tid);
		if (!target || target->proc != t->process) /* it ended; another has its number */
			return 1;
	}
	timer_hold(t);
	ret = signal_queue_timer(t->process, target ? task_of(target) : NULL, &t->entry);
	if (ret)
		posix_timer_put(t);
	return ret;
}

static void timer_fire(struct timer *timer)
{
	struct posix_timer *t = container_of(timer, struct posix_timer, timer.timer);
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&t->lock);
	u64 now;
	int ret;

	if (t->deleted || !t->expires_ns)
		return;
	now = timer_now(t);
	if (t->notify == SIGEV_NONE || t->waiting)
		return;
	if (now < t->expires_ns) {
		arm_locked(t);
		return;
	}
	ret = send_locked(t);
	if (!ret || ret == -EBUSY) { /* busy: set again while its last signal waits, which will arm
					it */
		t->queued_generation = t->generation;
		t->waiting = true;
	} else if (t->interval_ns) { /* ignored */
		(void)ns_periods_past(&t->expires_ns, t->interval_ns,
			MAX(now, t->expires_ns + IGNORED_INTERVAL_MIN));
		arm_locked(t);
	} else {
		t->expires_ns = 0;
	}
}

static void timer_put_at(struct posix_timer **t) /* for SCOPED; NULL is fine */
{
	if (*t)
		posix_timer_put(*t);
}

/* posix_timer_dequeued - the signal was taken: a periodic timer goes on. Takes over the entry's
 * reference. */
void posix_timer_dequeued(struct posix_timer *t, struct siginfo *info)
{
	struct posix_timer *held SCOPED(timer_put_at) = t;
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&t->lock);
	u64 n;

	t->overrun = 0;
	if (t->waiting && t->queued_generation == t->generation) {
		t->waiting = false;
		if (t->interval_ns && !t->deleted) {
			n = ns_periods_past(
				&t->expires_ns, t->interval_ns, MAX(timer_now(t), t->expires_ns));
			t->overrun = (s32)MIN(n - 1, (u64)INT32_MAX);
			arm_locked(t);
		} else {
			t->expires_ns = 0;
		}
	}
	info->timer.overrun = t->overrun;
}

/* ---- calls ---- */

/* Timer @id of current, +1. @take: it leaves the list, with the reference that it had there. */
static struct posix_timer *timer_find(s32 id, bool take)
{
	struct process *p = current->proc;
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	struct posix_timer *t;

	list_for_each_entry (t, &p->posix_timers, node) {
		if (t->id != id)
			continue;
		if (take)
			list_del(&t->node);
		else
			timer_hold(t);
		return t;
	}
	return NULL;
}

static int check_event(const struct sigevent_abi *ev)
{
	if (ev->notify == SIGEV_NONE)
		return 0;
	if (ev->notify == SIGEV_THREAD_ID
			? !thread_is_own(ev->tid)
			: ev->notify != SIGEV_SIGNAL && ev->notify != SIGEV_THREAD)
		return -EINVAL;
	return ev->signo < 1 || ev->signo > SIGNALS_MAX ? -EINVAL : 0;
}

/* posix_timer_create - @ev NULL: SIGALRM with the timer's number. Return: number | -EINVAL |
 * -EAGAIN | -EOPNOTSUPP. */
long posix_timer_create(int clock_id, const struct sigevent_abi *ev)
{
	struct process *p = current->proc;
	struct user_account *account = current_task()->account;
	struct posix_timer *t;
	struct cpu_clock cpu SCOPED(cpu_clock_put) = {.process = NULL};
	int err = clock_waits(clock_id);

	if (!err && ev)
		err = check_event(ev);
	if (!err)
		err = cpu_clock_find(clock_id, &cpu);
	if (err)
		return err;
	t = kzalloc(sizeof(*t), ALLOC_KERNEL);
	if (!t)
		return -EAGAIN;
	if ((u64)__atomic_add_fetch(&account->signals, 1, __ATOMIC_RELAXED) >
		rlimit_current(RLIM_SIGPENDING)) {
		__atomic_fetch_sub(&account->signals, 1, __ATOMIC_RELAXED);
		kfree(t);
		return -EAGAIN;
	}
	account_hold(account);
	t->account = account;
	t->refs = 1;
	t->process = p;
	t->cpu = cpu;
	cpu.process = NULL;
	t->notify = ev ? ev->notify : SIGEV_SIGNAL;
	t->tid = ev ? ev->tid : 0;
	spin_init(&t->lock, RANK_POSIX_TIMER);
	clock_timer_init(&t->timer, clock_id, timer_fire);
	list_init(&t->entry.node);
	t->entry.timer = t;
	siginfo_fill(
		&t->entry.info, ev && ev->notify != SIGEV_NONE ? ev->signo : SIGALRM, SI_TIMER);
	struct spin_guard g SCOPED(spin_unguard) = process_guard(p);
	t->id = p->next_timer_id;
	p->next_timer_id = (p->next_timer_id + 1) & INT32_MAX;
	t->entry.info.timer.timerid = t->id;
	t->entry.info.timer.value = ev ? ev->value : (u64)t->id;
	list_add_tail(&p->posix_timers, &t->node);
	return t->id; /* read under the lock: another thread may guess it and delete the timer */
}

static void get_locked(struct posix_timer *t, struct itimer_ns *out)
{
	u64 now = timer_now(t), expires = t->expires_ns;

	out->interval_ns = t->interval_ns;
	out->value_ns = 0;
	if (!expires)
		return;
	if (t->interval_ns && (t->waiting || t->notify == SIGEV_NONE))
		(void)ns_periods_past(&expires, t->interval_ns, now);
	if (expires > now)
		out->value_ns = expires - now;
	else if (!t->waiting && t->notify != SIGEV_NONE)
		out->value_ns = 1; /* about to fire */
}

static void set_locked(struct posix_timer *t, bool abs, const struct itimer_ns *new)
{
	(void)timer_cancel(&t->timer.timer);
	t->generation++;
	t->waiting = false;
	t->interval_ns = new->interval_ns;
	t->expires_ns = 0;
	t->overrun = 0;
	if (new->value_ns) {
		t->timer.by = clock_of_timer(t->timer.clock, abs);
		t->expires_ns = abs ? new->value_ns : ns_add(timer_now(t), new->value_ns);
		if (t->notify != SIGEV_NONE)
			arm_locked(t);
	}
}

int posix_timer_change(s32 id, bool abs, const struct itimer_ns *new, struct itimer_ns *old)
{
	struct posix_timer *t SCOPED(timer_put_at) = timer_find(id, false);

	if (!t)
		return -EINVAL;
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&t->lock);
	if (t->cpu.process && cpu_clock_ended(&t->cpu)) {
		*old = (struct itimer_ns){0};
		return new ? -ESRCH : 0;
	}
	get_locked(t, old);
	if (new && !t->deleted) /* else it was set, then deleted: nobody would stop it */
		set_locked(t, abs, new);
	return 0;
}

long posix_timer_overrun(s32 id)
{
	struct posix_timer *t SCOPED(timer_put_at) = timer_find(id, false);

	return t ? READ_ONCE(t->overrun) : -EINVAL;
}

int posix_timer_delete(s32 id)
{
	struct posix_timer *t SCOPED(timer_put_at) = timer_find(id, true);
	ulong flags;

	if (!t)
		return -EINVAL;
	flags = spin_lock_irq(&t->lock);
	t->deleted = true;
	spin_unlock_irq(&t->lock, flags);
	(void)timer_cancel_sync(&t->timer.timer);
	return 0;
}

/* posix_timers_exec - all timers of timer_create go; current is the only thread of @p that
 * makes calls. */
void posix_timers_exec(struct process *p)
{
	struct posix_timer *t;

	while ((t = list_first(&p->posix_timers, struct posix_timer, node)))
		(void)!posix_timer_delete(t->id);
}
