/* What is above the predictive class, on simulated CPUs: admission, budgets, deadlines, throttling, and urgency lent through mutexes.
 * mode: sim
 * needs: kernel/scheduler/core/schedule.c kernel/scheduler/core/wake.c kernel/scheduler/core/balance.c kernel/scheduler/core/tick.c
 * needs: kernel/scheduler/core/accounting.c kernel/scheduler/core/workqueue.c kernel/scheduler/thread/thread.c
 * needs: kernel/scheduler/thread/params.c kernel/scheduler/prediction/fair.c kernel/scheduler/realtime/realtime.c
 * needs: kernel/scheduler/realtime/deadline.c kernel/scheduler/realtime/inherit.c
 * needs: kernel/time/clock.c kernel/time/timer.c kernel/time/rtc.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 * needs: kernel/sync/waitqueue.c kernel/sync/mutex.c kernel/sync/rwsem.c kernel/sync/rcu.c
 */
#include "sim_harness.h"

enum { FIFO = 1, DEADLINE = 6 };
#define MS NS_PER_MS

static int become(u32 policy, u32 priority, cpumask_t mask)
{
	struct sched_params p = { .policy = (u8)policy, .rt_priority = (u8)priority };

	u_eq(sched_set_affinity(current, mask), 0);
	return sched_set_params(current, &p);
}

static void sleep_until(ns_t at)
{
	thread_sleep_until(at, WAIT_UNINTERRUPTIBLE);
}

/* ---- an owner that is held off by a third runs by the urgency of who waits for it ---- */
static struct mutex locks[4];
static ns_t base, waited;

struct role {
	u32 kind, chain;
};

static void inversion_role(void *arg)
{
	struct role *r = arg;
	u32 n = r->chain;

	if (r->kind == 0) { /* owns the last lock, and has 4 ms to do */
		u_eq(become(0, 0, 1), 0);
		sleep_until(base + 5 * MS);
		mutex_lock(&locks[n - 1]);
		host_sim_work(4 * MS);
		mutex_unlock(&locks[n - 1]);
		u_eq(current->lent, 0);
	} else if (r->kind < n) { /* owns one, waits for the next */
		u_eq(become(FIFO, 5 + r->kind, 1), 0);
		sleep_until(base + 6 * MS + r->kind * 100 * NS_PER_US);
		mutex_lock(&locks[n - r->kind - 1]);
		mutex_lock(&locks[n - r->kind]);
		mutex_unlock(&locks[n - r->kind]);
		mutex_unlock(&locks[n - r->kind - 1]);
	} else if (r->kind == 8) { /* in between: computes for long */
		u_eq(become(FIFO, 50, 1), 0);
		sleep_until(base + 7 * MS);
		host_sim_work(150 * MS);
	} else { /* the urgent one */
		ns_t before;

		u_eq(become(FIFO, 90, 1), 0);
		sleep_until(base + 8 * MS);
		before = clock_monotonic();
		mutex_lock(&locks[0]);
		waited = clock_monotonic() - before;
		mutex_unlock(&locks[0]);
	}
}

static void inversion(u32 chain)
{
	struct role r[8];
	u32 n = 0;

	for (u32 i = 0; i < 4; i++)
		mutex_init(&locks[i], RANK_NONE);
	base = clock_monotonic() + 10 * MS;
	for (u32 i = 0; i < chain; i++)
		r[n++] = (struct role){ i, chain };
	r[n++] = (struct role){ 8, chain };
	r[n++] = (struct role){ 9, chain };
	run_threads(n, inversion_role, r, sizeof(r[0]));
	u_check(waited < 10 * MS);
	for (u32 i = 0; i < 4; i++)
		u_eq(locks[i].owner, 0);
}
static void inversion_main(void *arg)
{
	inversion(1);
	u_note("the urgent one waits %llu us for an owner held off", (unsigned long long)waited / 1000);
	inversion(3);
	u_note("and %llu us along a chain of three", (unsigned long long)waited / 1000);
	u_check(!inherit_active());
}
U_TEST_LIMIT(urgency_is_lent_along_chains, 60)
{
	run_seeds(1, 4, 0, inversion_main);
	run_seeds(3, 8, 5, inversion_main);
}

/* ---- many threads of changing policies on few locks: nothing stays lent, nobody is lost ---- */
static u64 rounds_done;
static void storm_role(void *arg)
{
	u32 me = *(u32 *)arg;

	for (u32 i = 0; i < 60; i++) {
		u32 a = (me + i) % 4, b = (a + 1 + i % 3) % 4;

		if (i % 7 == 0)
			u_eq(become(i % 14 ? 0 : FIFO, i % 14 ? 0 : 1 + (me * 7 + i) % 90, ~0ULL), 0);
		mutex_lock(&locks[MIN(a, b)]);
		mutex_lock(&locks[MAX(a, b)]);
		host_sim_work(3000 + me * 100);
		mutex_unlock(&locks[MIN(a, b)]);
		host_sim_work(500);
		mutex_unlock(&locks[MAX(a, b)]);
		if (i % 5 == me % 5)
			sleep_until(clock_monotonic() + 50 * NS_PER_US);
	}
	u_eq(current->lent, 0);
	u_check(list_empty(&current->donors));
	u_eq((u64)current->blocked_on, 0);
	__atomic_fetch_add(&rounds_done, 60, __ATOMIC_RELAXED);
}
static void storm_main(void *arg)
{
	u32 ids[12];

	for (u32 i = 0; i < 4; i++)
		mutex_init(&locks[i], RANK_NONE);
	for (u32 i = 0; i < 12; i++)
		ids[i] = i;
	rounds_done = 0;
	run_threads(12, storm_role, ids, sizeof(ids[0]));
	u_eq(rounds_done, 12 * 60);
	u_check(!inherit_active());
	for (u32 i = 0; i < 4; i++)
		u_eq(locks[i].owner, 0);
}
U_TEST_LIMIT(nothing_stays_lent, 120)
{
	run_seeds(1, 3, 0, storm_main);
	run_seeds(4, 12, 3, storm_main);
}

/* ---- what is admitted meets its deadlines, hogs or not ---- */
struct periodic {
	u64 runtime_us, period_us;
	u32 jobs, late;
	int err;
};
static ns_t end_at;

static void periodic_role(void *arg)
{
	struct periodic *d = arg;
	struct sched_params p = { .policy = DEADLINE, .runtime_ns = d->runtime_us * 1000, .deadline_ns = d->period_us * 1000,
		.period_ns = d->period_us * 1000 };
	ns_t at;

	d->err = sched_set_params(current, &p);
	if (d->err)
		return;
	sleep_until(base);
	for (at = base; at < end_at; at += p.period_ns) {
		sleep_until(at);
		host_sim_work(p.runtime_ns * 8 / 10);
		d->jobs++;
		d->late += clock_monotonic() > at + p.period_ns;
	}
}
static void hog_role(void *arg)
{
	u_eq(become(*(u32 *)arg, *(u32 *)arg ? 99 : 0, ~0ULL), 0);
	while (clock_monotonic() < end_at)
		host_sim_work(20000);
}
static void mixed_role(void *arg)
{
	struct periodic *d = arg;
	u32 policy = d->period_us ? 0 : (u32)d->runtime_us;

	if (d->period_us)
		periodic_role(arg);
	else
		hog_role(&policy);
}
static void deadlines_main(void *arg)
{
	/* 30% each: three fill a CPU */
	struct periodic d[10] = { { 3000, 10000, 0, 0, 0 }, { 1500, 5000, 0, 0, 0 }, { 3000, 10000, 0, 0, 0 }, { 6000, 20000, 0, 0, 0 },
		{ 1500, 5000, 0, 0, 0 }, { 9000, 30000, 0, 0, 0 }, { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 }, { FIFO, 0, 0, 0, 0 },
		{ FIFO, 0, 0, 0, 0 } };
	u32 late = 0, jobs = 0;

	base = clock_monotonic() + 20 * MS;
	end_at = base + 300 * MS;
	run_threads(10, mixed_role, d, sizeof(d[0]));
	for (u32 i = 0; i < 6; i++) {
		u_eq(d[i].err, 0);
		late += d[i].late;
		jobs += d[i].jobs;
	}
	u_note("%u jobs, %u late, 180%% of two CPUs beside two FIFO hogs", jobs, late);
	u_eq(late, 0);
	u_check(jobs >= 30 + 60 + 30 + 15 + 60 + 10);
}
U_TEST_LIMIT(what_is_admitted_meets_its_deadlines, 60)
{
	run_seeds(2, 3, 0, deadlines_main);
}

static void admission_main(void *arg)
{
	struct sched_params p = { .policy = DEADLINE, .runtime_ns = 50 * MS, .deadline_ns = 100 * MS, .period_ns = 100 * MS };

	u_eq(sched_set_params(current, &p), 0);
	p.runtime_ns = 96 * MS;
	u_eq(sched_set_params(current, &p), -EBUSY);
	p.runtime_ns = 95 * MS;
	u_eq(sched_set_params(current, &p), 0); /* one's own share is not in the way */
	p.policy = 0;
	u_eq(sched_set_params(current, &p), 0);
}
U_TEST(admission_stops_at_95_percent)
{
	run_seeds(1, 1, 0, admission_main);
	run_seeds(3, 1, 0, admission_main);
}

/* ---- a budget is a limit; and a FIFO hog leaves 5% to others ---- */
static u64 ran_ns[2];
static void budget_role(void *arg)
{
	u32 me = *(u32 *)arg;
	struct sched_params p = { .policy = DEADLINE, .runtime_ns = 2 * MS, .deadline_ns = 10 * MS, .period_ns = 10 * MS };
	u64 before;

	if (me == 0)
		u_eq(sched_set_params(current, &p), 0);
	else
		u_eq(become(me == 2 ? FIFO : 0, me == 2 ? 99 : 0, 1), 0);
	sleep_until(base);
	before = thread_cpu_time(current);
	while (clock_monotonic() < end_at)
		host_sim_work(20000);
	ran_ns[me == 2 ? 0 : me] = thread_cpu_time(current) - before;
}
static void budget_main(void *arg)
{
	u32 alone[1] = { 0 }, both[2] = { 0, 1 }, fifo[2] = { 2, 1 };

	base = clock_monotonic() + 20 * MS, end_at = base + 200 * MS;
	run_threads(1, budget_role, alone, sizeof(u32));
	u_note("2 of 10 ms, alone: %llu us of 200 ms", (unsigned long long)ran_ns[0] / 1000);
	u_check(ran_ns[0] > 38 * MS && ran_ns[0] < 43 * MS);
	base = clock_monotonic() + 20 * MS, end_at = base + 200 * MS;
	run_threads(2, budget_role, both, sizeof(u32));
	u_note("beside a hog: %llu us; the hog %llu", (unsigned long long)ran_ns[0] / 1000, (unsigned long long)ran_ns[1] / 1000);
	u_check(ran_ns[0] > 38 * MS && ran_ns[0] < 43 * MS && ran_ns[1] > 150 * MS);
	base = clock_monotonic() + 20 * MS, end_at = base + 3 * NS_PER_SEC;
	run_threads(2, budget_role, fifo, sizeof(u32));
	u_note("FIFO hog: %llu ms of 3 s; the other %llu", (unsigned long long)ran_ns[0] / MS, (unsigned long long)ran_ns[1] / MS);
	u_check(ran_ns[1] > 90 * MS && ran_ns[1] < 250 * MS);
}
U_TEST_LIMIT(budgets_are_limits, 60)
{
	run_seeds(1, 2, 0, budget_main);
}
