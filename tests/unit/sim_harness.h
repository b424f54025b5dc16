/* Running test bodies as threads of the simulated system, with many seeds. */
#pragma once

#include "u_.h"
#include "semaphore.h"
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/time.h>

#define THREADS_MAX 16

/* Runs main_fn with several seeds; the first that fails is named. */
static inline void run_seeds(u32 cpus, u32 seeds, u32 switch_one_in, void (*main_fn)(void *arg))
{
	for (u32 seed = 1; seed <= seeds && !u_failures; seed++) {
		struct host_sim s = { .cpus = cpus, .seed = seed, .switch_one_in = switch_one_in, .time_limit_ns = 60 * NS_PER_SEC };
		int r = host_sim_run_again(&s, main_fn, NULL);

		if (r)
			u_fail(__FILE__, __LINE__, "seed %u on %u CPUs: error %d", seed, cpus, r);
	}
}

/* ---- helpers inside the simulation ---- */
static struct semaphore jobs_done;
static bool jobs_ready;

struct job {
	void (*fn)(void *arg);
	void *arg;
};
static void job_main(void *p)
{
	struct job *j = p;

	j->fn(j->arg);
	semaphore_up(&jobs_done);
}
/* Starts n threads and waits for all of them. */
static inline void run_threads(u32 n, void (*fn)(void *arg), void *args, size_t arg_size)
{
	static struct job jobs[THREADS_MAX];

	if (!jobs_ready) /* once: the last of a former call may still be in semaphore_up */
		semaphore_init(&jobs_done, 0);
	jobs_ready = true;
	for (u32 i = 0; i < n; i++) {
		jobs[i] = (struct job){ fn, (char *)args + i * arg_size };
		u_check(kthread_create("worker", job_main, &jobs[i]));
	}
	for (u32 i = 0; i < n; i++)
		u_eq(semaphore_down(&jobs_done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
}
