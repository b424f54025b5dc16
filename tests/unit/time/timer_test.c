/* Timers and the real-time clock's dates, in the simulator.
 * mode: sim
 * needs: kernel/scheduler/core/schedule.c kernel/scheduler/core/wake.c kernel/scheduler/core/balance.c kernel/scheduler/core/tick.c
 * needs: kernel/scheduler/core/accounting.c kernel/scheduler/core/workqueue.c kernel/scheduler/thread/thread.c
 * needs: kernel/scheduler/thread/params.c kernel/scheduler/prediction/fair.c kernel/scheduler/realtime/realtime.c
 * needs: kernel/scheduler/realtime/deadline.c kernel/scheduler/realtime/inherit.c
 * needs: kernel/time/clock.c kernel/time/timer.c kernel/time/rtc.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 * needs: kernel/sync/waitqueue.c kernel/sync/rcu.c
 */
#include "u_.h"
#include "../semaphore.h"
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/time.h>
#include <arch/mmu.h>
#include <time/time_internal.h>
#include <time.h>

static void run(u32 cpus, u32 seeds, void (*fn)(void *arg))
{
	for (u32 seed = 1; seed <= seeds && !u_failures; seed++) {
		struct host_sim s = { .cpus = cpus, .seed = seed, .switch_one_in = 3, .time_limit_ns = 20 * NS_PER_SEC };
		int r = host_sim_run_again(&s, fn, NULL);

		if (r)
			u_fail(__FILE__, __LINE__, "seed %u: error %d", seed, r);
	}
}

#define TIMERS 40
struct probe {
	struct timer timer;
	ns_t due, fired_at;
	u32 count, restarts;
};
static struct probe probes[TIMERS];
static ns_t last_fired;

static void probe_fire(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);

	u_check(!arch_irq_enabled());
	p->fired_at = clock_monotonic();
	p->count++;
	u_check(p->fired_at >= p->due);
	u_check(p->due >= last_fired); /* one CPU: in the order of their deadlines */
	last_fired = p->due;
}

static void order_main(void *arg)
{
	ns_t now = clock_monotonic();
	u32 cancelled = 0;

	u_eq(sched_set_affinity(current, 1), 0);
	for (u32 i = 0; i < TIMERS; i++) {
		timer_init(&probes[i].timer, probe_fire);
		probes[i].due = now + NS_PER_MS + host_sim_random() % 1000000;
		timer_start(&probes[i].timer, probes[i].due);
		u_check(timer_remaining(&probes[i].timer) > 0);
	}
	for (u32 i = 0; i < TIMERS; i += 7) {
		u_check(timer_cancel(&probes[i].timer));
		u_check(!timer_cancel(&probes[i].timer));
		u_eq(timer_remaining(&probes[i].timer), 0);
		cancelled++;
	}
	thread_sleep_until(now + 3 * NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	for (u32 i = 0; i < TIMERS; i++) {
		u_eq(probes[i].count, i % 7 != 0);
		if (probes[i].count)
			u_check(probes[i].fired_at - probes[i].due < 50000);
	}
}
U_TEST(timers_fire_in_order_and_once)
{
	run(1, 5, order_main);
}

/* A timer that starts itself again keeps its period. */
static void periodic_fire(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);

	if (++p->count < 100)
		timer_start(t, t->deadline_ns + 50000);
}
static void periodic_main(void *arg)
{
	ns_t start = clock_monotonic();

	timer_init(&probes[0].timer, periodic_fire);
	timer_start(&probes[0].timer, start + 50000);
	thread_sleep_until(start + 50000 * 101, WAIT_UNINTERRUPTIBLE);
	u_eq(probes[0].count, 100);
}
U_TEST(a_timer_may_start_itself)
{
	run(2, 5, periodic_main);
}

/* Several threads on several CPUs start, restart and cancel the same timers; cancel_sync leaves nothing running. */
static struct semaphore done;
static u32 running_fn;
static void busy_fire(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);

	__atomic_fetch_add(&running_fn, 1, __ATOMIC_RELAXED);
	host_sim_work(host_sim_random() % 2000);
	p->count++;
	if (p->restarts && host_sim_random() % 2) {
		p->restarts--;
		timer_start(t, clock_monotonic() + host_sim_random() % 3000);
	}
	__atomic_fetch_sub(&running_fn, 1, __ATOMIC_RELAXED);
}
static void pest(void *arg)
{
	for (u32 i = 0; i < 150; i++) {
		struct probe *p = &probes[host_sim_random() % 3];

		switch (host_sim_random() % 4) {
		case 0: timer_cancel(&p->timer); break;
		case 1: timer_cancel_sync(&p->timer); break;
		case 2: timer_remaining(&p->timer); break;
		default: timer_start(&p->timer, clock_monotonic() + host_sim_random() % 4000);
		}
		if (i % 5 == 0)
			thread_sleep_until(clock_monotonic() + host_sim_random() % 3000, WAIT_UNINTERRUPTIBLE);
	}
	semaphore_up(&done);
}
static void pest_main(void *arg)
{
	semaphore_init(&done, 0);
	for (u32 i = 0; i < 3; i++) {
		probes[i].restarts = 30;
		timer_init(&probes[i].timer, busy_fire);
	}
	for (u32 i = 0; i < 3; i++)
		u_check(kthread_create("pest", pest, NULL));
	for (u32 i = 0; i < 3; i++)
		u_eq(semaphore_down(&done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
	for (u32 i = 0; i < 3; i++) {
		probes[i].restarts = 0;
		timer_cancel_sync(&probes[i].timer);
	}
	u_eq(running_fn, 0);
	u_check(probes[0].count + probes[1].count + probes[2].count > 20);
}
U_TEST_LIMIT(start_and_cancel_race_on_three_cpus, 60)
{
	run(3, 40, pest_main);
}

/* The callback may free what holds its timer. */
static u32 freed;
static void freeing_fire(struct timer *t)
{
	kfree(container_of(t, struct probe, timer));
	freed++;
}
static void freeing_main(void *arg)
{
	for (u32 i = 0; i < 20; i++) {
		struct probe *p = kzalloc(sizeof(*p), 0);

		timer_init(&p->timer, freeing_fire);
		timer_start(&p->timer, clock_monotonic() + 1000 * i);
	}
	thread_sleep_until(clock_monotonic() + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	u_eq(freed, 20);
}
U_TEST(a_callback_may_free_its_timer)
{
	run(2, 5, freeing_main);
}

static void clock_main(void *arg)
{
	ns_t mono = clock_monotonic(), out;
	const struct vdso_data *v;

	u_eq(clock_set_realtime(1700000000 * NS_PER_SEC), 0);
	u_check(clock_realtime() - 1700000000 * NS_PER_SEC < NS_PER_MS);
	u_check(clock_monotonic() - mono < NS_PER_MS); /* setting the date does not move it */
	u_eq(clock_set_realtime(NS_FOREVER), -EINVAL);
	u_check(clock_now(1) > 0);
	u_eq(clock_now(77), 0);
	u_check(clock_set_count() >= 2);
	v = phys_to_virt(vdso_data_page());
	mono = clock_monotonic();
	out = vdso_scale(arch_cycles(), v->mult) + (u64)v->offset_ns[1];
	u_check(out - mono < 100000);
}
U_TEST(clocks_and_the_vdso_page_agree)
{
	run(1, 1, clock_main);
}

U_TEST(dates_are_those_of_the_c_library)
{
	for (s64 t = 0; t < 7200000000; t += 86399 * 13 + 7) {
		time_t tt = (time_t)t;
		struct tm tm;

		gmtime_r(&tt, &tm);
		struct rtc_fields f = { (u32)tm.tm_year + 1900, (u32)tm.tm_mon + 1, (u32)tm.tm_mday, (u32)tm.tm_hour, (u32)tm.tm_min, (u32)tm.tm_sec };

		if (f.year > 2200)
			break;
		u_need(u_eq(rtc_to_unix(&f), t));
	}
	u_eq(rtc_to_unix(&(struct rtc_fields){ 2023, 2, 29, 0, 0, 0 }), -1);
	u_eq(rtc_to_unix(&(struct rtc_fields){ 2024, 2, 29, 0, 0, 0 }), 1709164800);
	u_eq(rtc_to_unix(&(struct rtc_fields){ 2024, 13, 1, 0, 0, 0 }), -1);
	u_eq(rtc_to_unix(&(struct rtc_fields){ 1969, 12, 31, 0, 0, 0 }), -1);
	u_eq(rtc_to_unix(&(struct rtc_fields){ 2024, 1, 1, 24, 0, 0 }), -1);
}
