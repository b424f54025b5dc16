/* What the predictor is worth: bursts recorded in real work (traces/record) are played to it, and four of five must be shorter than
 * 1.2 x what it said.
 * mode: sim
 * needs: kernel/scheduler/core/schedule.c kernel/scheduler/core/wake.c kernel/scheduler/core/balance.c kernel/scheduler/core/tick.c
 * needs: kernel/scheduler/core/accounting.c kernel/scheduler/core/workqueue.c kernel/scheduler/thread/thread.c
 * needs: kernel/scheduler/thread/params.c kernel/scheduler/prediction/fair.c kernel/scheduler/realtime/realtime.c
 * needs: kernel/scheduler/realtime/deadline.c kernel/scheduler/realtime/inherit.c
 * needs: kernel/time/clock.c kernel/time/timer.c kernel/time/rtc.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 * needs: kernel/sync/waitqueue.c
 */
#include "u_.h"
#include <exo/sched.h>
#include <scheduler/scheduler_internal.h>
#include <stdlib.h>

#define THREADS_MAX 4096
#define PERCENT_MIN 80
#define BURSTS_MIN  200              /* fewer say nothing */
#define NEAR_MIN_NS (20 * NS_PER_US) /* what the predictor does not tell apart */

static struct runqueue rq;
static struct thread *threads[THREADS_MAX];
static struct thread idle;

static struct thread *born(u32 number, const struct thread *parent)
{
	struct thread *t = calloc(1, sizeof(*t));

	list_init(&t->se.bucket);
	list_init(&t->se.waiting);
	t->affinity = ~0ULL;
	t->sched_class = &fair_class;
	fair_fork(t, parent);
	threads[number] = t;
	return t;
}

/* One burst, in slices as the class gives them: it wakes, runs, maybe is preempted, and sleeps. */
static void burst(struct thread *t, ns_t run, ns_t off)
{
	rq.clock += off;
	fair_class.enqueue(&rq, t, SCHED_ENQUEUE_WAKE);
	for (;;) {
		ns_t slice;

		u_check(fair_pick(&rq) == t);
		rq.slice_start_at = rq.clock;
		slice = MIN(fair_class.slice(&rq, t), run);
		rq.clock += slice;
		fair_class.account(&rq, t, slice);
		run -= slice;
		if (!run)
			break;
		fair_class.put(&rq, t);
	}
	fair_block(&rq, t);
}

static void play(const char *name)
{
	char path[128], line[128];
	u64 said = 0, hits = 0, long_ones = 0, long_hits = 0;
	FILE *f;

	snprintf(path, sizeof(path), "tests/unit/scheduler/traces/%s.txt", name);
	f = fopen(path, "r");
	u_need(f != NULL);
	fair_init(&rq.fair);
	rq.curr = &idle;
	rq.nr_running = 1;
	while (fgets(line, sizeof(line), f)) {
		unsigned long long run, off;
		unsigned number, parent;
		ns_t prediction;

		if (line[0] == '#')
			continue;
		if (sscanf(line, "+ %u %u", &number, &parent) == 2) {
			u_need(number < THREADS_MAX && parent < number && !threads[number]);
			born(number, threads[parent]);
			continue;
		}
		u_need(sscanf(line, "%u %llu %llu", &number, &run, &off) == 3);
		u_need(number < THREADS_MAX && threads[number] && run);
		prediction = threads[number]->se.burst_ema_ns;
		burst(threads[number], run, off);
		said++;
		hits += run * 5 < prediction * 6;
		long_ones += run >= NEAR_MIN_NS;
		long_hits += run >= NEAR_MIN_NS && run * 5 < prediction * 6;
	}
	fclose(f);
	u_note("%s: %llu of %llu bursts shorter than 1.2 x prediction: %llu%%; of the %llu that "
	       "took 20 us or more: %llu%%",
		name, (unsigned long long)hits, (unsigned long long)said,
		(unsigned long long)(said ? hits * 100 / said : 0), (unsigned long long)long_ones,
		(unsigned long long)(long_ones ? long_hits * 100 / long_ones : 100));
	u_check(said >= BURSTS_MIN);
	u_check(hits * 100 >= said * PERCENT_MIN);
	/* and the kernel's own count, which takes what is short for 20 us, says the same */
	u_eq(rq.counts.bursts, said);
	u_check((said - rq.counts.bursts_wrong) * 100 >= said * PERCENT_MIN);
	for (u32 i = 0; i < THREADS_MAX; i++)
		free(threads[i]);
}

U_TEST(shell_session)
{
	play("shell");
}

U_TEST(build_script)
{
	play("build");
}

U_TEST(pipe_ping_pong)
{
	play("pingpong");
}

U_TEST(server_with_clients)
{
	play("server");
}
