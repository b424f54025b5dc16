/* Wait queues. Layer: sync; sleeps through the scheduler.
 *
 * A sleeper queues itself, then sets its state (a full barrier), then reads its condition. A waker
 * writes the condition, then (a full barrier in waitqueue_active) looks at the queue. So either the
 * sleeper sees the condition or the waker sees the sleeper. A wake takes the entries it woke off
 * the queue, hence a woken thread seldom needs the lock again. */
#include <exo/sync.h>
#include <exo/errno.h>
#include <exo/sched.h>

void waitqueue_init(struct waitqueue *q)
{
	spin_init(&q->lock, RANK_WAITQUEUE);
	list_init(&q->waiters);
}

/* Exclusive entries stand behind the others, so a wake reaches all of the latter first. */
static void add_locked(struct waitqueue *q, struct wait_entry *e)
{
	if (e->exclusive)
		list_add_tail(&q->waiters, &e->node);
	else
		list_add(&q->waiters, &e->node);
}

void waitqueue_add(struct waitqueue *q, struct wait_entry *e)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&q->lock);

	add_locked(q, e);
}

void waitqueue_remove(struct waitqueue *q, struct wait_entry *e)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&q->lock);

	list_del(&e->node);
}

/* Unlinks an entry whose owner may be looking at it without the lock: once ->next points to itself
 * the owner may be gone. */
static void unlink_woken(struct wait_entry *e)
{
	struct list *n = &e->node;

	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->prev = n;
	__atomic_store_n(&n->next, n, __ATOMIC_RELEASE); /* pairs with wait_finish */
}

NOINLINE void waitqueue_wake_slow(struct waitqueue *q, u32 exclusive_max, u64 key)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&q->lock);
	struct wait_entry *e, *next;

	list_for_each_entry_safe (e, next, &q->waiters, node) {
		bool exclusive = e->exclusive;
		bool woken;

		if (e->fn) {
			woken = e->fn(e, key);
		} else {
			woken = thread_wake(e->thread);
			if (woken)
				unlink_woken(e);
		}
		if (woken && exclusive && --exclusive_max == 0)
			break;
	}
}

_Static_assert((u32)WAIT_INTERRUPTIBLE == THREAD_INTERRUPTIBLE &&
		       (u32)WAIT_KILLABLE == THREAD_KILLABLE &&
		       (u32)WAIT_UNINTERRUPTIBLE == THREAD_UNINTERRUPTIBLE,
	"states");

void wait_prepare(struct waitqueue *q, struct wait_entry *e, enum wait_mode mode)
{
	ulong flags;

	lock_assert_may_sleep();
	e->thread = current;
	flags = spin_lock_irq(&q->lock);
	if (list_empty(&e->node))
		add_locked(q, e);
	spin_unlock_irq(&q->lock, flags);
	thread_set_state((u32)mode); /* full barrier */
}

void wait_finish(struct waitqueue *q, struct wait_entry *e)
{
	__atomic_store_n(&current->state, THREAD_RUNNING, __ATOMIC_RELAXED);
	/* pairs with unlink_woken */
	if (__atomic_load_n(&e->node.next, __ATOMIC_ACQUIRE) != &e->node)
		waitqueue_remove(q, e);
}

int wait_sleep(enum wait_mode mode, ns_t deadline_ns)
{
	bool timed_out = false;

	if (mode != WAIT_UNINTERRUPTIBLE &&
		(mode == WAIT_KILLABLE ? thread_fatal_pending(current)
				       : thread_signal_pending(current))) {
		__atomic_store_n(&current->state, THREAD_RUNNING, __ATOMIC_RELAXED);
		return -ERESTARTSYS;
	}
	if (deadline_ns == NS_FOREVER)
		thread_block();
	else
		timed_out = thread_block_until(deadline_ns);
	return timed_out ? -ETIMEDOUT : 0;
}

static struct waitqueue once_waiters = WAITQUEUE_INIT(once_waiters);

void once_run_slow(struct once *o, void (*fn)(void *arg), void *arg)
{
	u32 fresh = 0;

	if (__atomic_compare_exchange_n(
		    &o->state, &fresh, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
		fn(arg);
		__atomic_store_n(&o->state, 2, __ATOMIC_RELEASE);
		wake_all(&once_waiters, 0);
	} else {
		wait_event_uninterruptible(
			&once_waiters, __atomic_load_n(&o->state, __ATOMIC_ACQUIRE) == 2);
	}
}
