/* What a host program (unit test, fuzzer, simulator) may ask of arch/host beside the arch contract.
 * Layer: arch.
 *
 * Every file of arch/host is a member of a library, so a test links only what it lacks: one that
 * links the kernel's own heap, scheduler or clock gets those instead of the stand-ins here. */
#pragma once

#include <exo/types.h>
#include <arch/cpu.h>
#include <setjmp.h>

/* ---- panics ---- */
/* A panic ends the program, unless one is awaited: HOST_PANICS(statement) is true when the
 * statement panicked. The statement is left by longjmp, so what it had locked or allocated stays
 * so. */
extern __thread jmp_buf *host_panic_jump;
extern char host_panic_text[512];
#define HOST_PANICS(statement)                    \
	({                                        \
		jmp_buf _jump;                    \
		volatile bool _panicked = true;   \
		if (setjmp(_jump) == 0) {         \
			host_panic_jump = &_jump; \
			{                         \
				statement;        \
			}                         \
			_panicked = false;        \
		}                                 \
		host_panic_jump = NULL;           \
		_panicked;                        \
	})
extern bool host_log_quiet; /* log_printf prints nothing */

/* ---- CPUs and threads ---- */
/* host_thread_attach - this host thread becomes fake CPU @cpu with a struct thread of its own as
 * `current`. The program's first thread is CPU 0 from the start. */
void host_thread_attach(u32 cpu);
void host_set_cpus(u32 count);    /* cpu_count and cpu_online_mask */
void host_set_interrupt(bool on); /* what in_interrupt() says */
void host_irq_flag_on(void);      /* arch_irq_enable without taking what is pending */
extern u32 host_ipis[CPUS_MAX];   /* [a] IPI_RESCHED sent to each CPU (without the simulator) */

/* ---- physical memory ---- */
/* host_phys_setup - maps an arena of @bytes as physical memory [0, bytes) and describes it in
 * boot_info as usable, from 1 MB. */
void host_phys_setup(u64 bytes);
void host_kmap_fail_at(u64 n); /* the n-th kmap_range from now fails; 0 = off */

/* ---- stand-ins ---- */
void host_rcu_run(void);  /* runs what rcu_call queued (stand-in for kernel/sync/rcu.c) */
void host_work_run(void); /* runs what work_queue queued (stand-in for kernel/scheduler) */
u64 host_heap_live(void); /* allocations not freed (stand-in for kernel/memory/heap) */

/* ---- the simulator (sim.c): the real scheduler on up to CPUS_MAX simulated CPUs, one host thread,
 * repeatable from a seed ---- */
struct host_sim {
	u32 cpus;
	u64 seed;
	u32 switch_one_in;  /* at each point of choice the simulator goes to another CPU with
			       probability 1/n; 0 = only when idle */
	ns_t time_limit_ns; /* of simulated time; beyond it the run fails */
	u32 (*distance)(u32 from, u32 to); /* for sched_topology; NULL = all are near */
	ns_t ns_per_point; /* simulated time that each point of choice costs; 0 = 50 */
};
/* host_sim_run - brings up the scheduler and runs main_fn(arg) as a kernel thread until it returns.
 * Once a process (fork for more). Return: 0 | -ETIMEDOUT (time limit: a lost wake-up or a hang) |
 * -EDEADLK (every CPU idle without a timer). */
int host_sim_run(const struct host_sim *s, void (*main_fn)(void *arg), void *arg);
/* host_sim_run_again - the same in a child process, so that many seeds can be tried one after the
 * other. Also: -EFAULT the child crashed, -EIO it failed a check (what it printed tells). */
int host_sim_run_again(const struct host_sim *s, void (*main_fn)(void *arg), void *arg);
/* a point of choice: time passes, interrupts come in, another CPU may go on */
void host_sim_point(void);
/* computes for ns of this CPU's time, as user mode when @user_mode was set */
void host_sim_work(ns_t ns);
void host_sim_user_mode(bool on);
u64 host_sim_random(void);
extern u64 host_branches; /* branches of kernel code taken so far (mode sim): a measure of work that
			     does not depend on the machine */
