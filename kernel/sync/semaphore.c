/* Counting semaphores and run-once. Layer: sync; sleeps through the scheduler. */
#include <exo/sync.h>
#include <exo/sched.h>

void semaphore_init(struct semaphore *s, s32 count)
{
	s->count = count;
	waitqueue_init(&s->wq);
}

static bool try_down(struct semaphore *s)
{
	s32 count = __atomic_load_n(&s->count, __ATOMIC_RELAXED);

	while (count > 0)
		if (__atomic_compare_exchange_n(&s->count, &count, count - 1, false,
			    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

int semaphore_down(struct semaphore *s, enum wait_mode mode, ns_t deadline_ns)
{
	return wait_event_mode(&s->wq, try_down(s), mode, deadline_ns, true);
}

void semaphore_up(struct semaphore *s)
{
	__atomic_fetch_add(&s->count, 1, __ATOMIC_RELEASE);
	wake_one(&s->wq, 0);
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
