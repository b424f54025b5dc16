/* host: clocks for tests that do not link kernel/time: the host's.
 * Timers never fire. */
#include <host.h>
#include <exo/time.h>
#include <exo_abi/linux_time.h>
#include <time.h>

ns_t clock_monotonic(void)
{
	return arch_cycles();
}

ns_t clock_realtime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec;
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer){.fn = fn};
}

void timer_start(struct timer *t, ns_t deadline_ns)
{
	t->deadline_ns = deadline_ns;
	t->queued = true;
}

bool timer_cancel(struct timer *t)
{
	bool was = t->queued;

	t->queued = false;
	return was;
}

bool timer_cancel_sync(struct timer *t)
{
	return timer_cancel(t);
}

ns_t timer_remaining(struct timer *t)
{
	return t->queued && t->deadline_ns > clock_monotonic() ? t->deadline_ns - clock_monotonic()
							      : 0;
}

/* Nobody sets the clock. */
ns_t clock_now(int clock_id)
{
	return clock_id == CLOCK_REALTIME ? clock_realtime() : clock_monotonic();
}

void clock_timer_init(struct clock_timer *t, int clock_id, void (*fn)(struct timer *t))
{
	timer_init(&t->timer, fn);
	t->clock = t->by = clock_id;
}

void clock_timer_start(struct clock_timer *t, ns_t value)
{
	timer_start(&t->timer, t->by == CLOCK_REALTIME ? value - clock_realtime() + clock_monotonic() : value);
}
