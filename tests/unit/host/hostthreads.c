/* host: blocking for tests with real threads and without kernel/scheduler. A thread sleeps on its
 * own state word by a host futex. kthread_create starts a host thread on the next free fake CPU. */
#define _GNU_SOURCE
#include <host.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/sched.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static u32 cpus_used = 1; /* [a] */

void thread_set_state(enum thread_state s)
{
	__atomic_store_n(&current->state, s, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool thread_block_until(ns_t deadline_ns)
{
	struct thread *self = current;
	u32 s;

	rcu_note_quiescent();
	__atomic_store_n(&self->on_cpu, 0, __ATOMIC_RELEASE);
	while ((s = __atomic_load_n(&self->state, __ATOMIC_ACQUIRE)) != THREAD_RUNNING) {
		ns_t now = arch_cycles();
		struct timespec ts = {.tv_sec = 1};

		if (deadline_ns != NS_FOREVER) {
			if (now >= deadline_ns)
				break;
			ts.tv_sec = (time_t)((deadline_ns - now) / NS_PER_SEC);
			ts.tv_nsec = (long)((deadline_ns - now) % NS_PER_SEC);
		}
		syscall(SYS_futex, &self->state, FUTEX_WAIT_PRIVATE, s, &ts, NULL, 0);
	}
	__atomic_store_n(&self->on_cpu, 1, __ATOMIC_RELEASE);
	return __atomic_exchange_n(&self->state, THREAD_RUNNING, __ATOMIC_SEQ_CST) !=
	       THREAD_RUNNING;
}

void thread_block(void)
{
	thread_block_until(NS_FOREVER);
}

bool thread_wake(struct thread *t)
{
	u32 s = __atomic_load_n(&t->state, __ATOMIC_SEQ_CST);

	while (s == THREAD_INTERRUPTIBLE || s == THREAD_UNINTERRUPTIBLE || s == THREAD_KILLABLE) {
		if (__atomic_compare_exchange_n(&t->state, &s, THREAD_RUNNING, false,
			    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			syscall(SYS_futex, &t->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
			return true;
		}
	}
	return false;
}

int thread_sleep_until(ns_t deadline_ns, enum wait_mode mode)
{
	while (arch_cycles() < deadline_ns) {
		thread_set_state(THREAD_UNINTERRUPTIBLE);
		thread_block_until(deadline_ns);
	}
	return 0;
}

WEAK bool thread_signal_pending(const struct thread *t)
{
	return __atomic_load_n(&t->work, __ATOMIC_RELAXED) & (WORK_SIGNAL | WORK_EXIT);
}

WEAK bool thread_fatal_pending(const struct thread *t)
{
	return __atomic_load_n(&t->work, __ATOMIC_RELAXED) & WORK_EXIT;
}

void schedule(void)
{
	rcu_note_quiescent();
	sched_yield();
}

void sched_preempt(void)
{
	this_cpu_or(preempt_count, PREEMPT_NO_RESCHED);
	schedule();
}

struct start {
	void (*fn)(void *arg);
	void *arg;
	u32 cpu;
	u32 up; /* [a] */
};

static void *start_main(void *p)
{
	struct start *s = p;
	void (*fn)(void *arg) = s->fn;
	void *arg = s->arg;

	host_thread_attach(s->cpu);
	__atomic_store_n(&s->up, 1, __ATOMIC_RELEASE);
	fn(arg);
	return NULL;
}

struct thread *kthread_create(const char *name, void (*fn)(void *), void *arg)
{
	struct start s = {
		.fn = fn, .arg = arg, .cpu = __atomic_fetch_add(&cpus_used, 1, __ATOMIC_SEQ_CST)};
	pthread_t id;

	ASSERT(s.cpu < CPUS_MAX);
	if (pthread_create(&id, NULL, start_main, &s))
		return NULL;
	pthread_detach(id);
	while (!__atomic_load_n(&s.up, __ATOMIC_ACQUIRE))
		sched_yield();
	__atomic_fetch_or(&cpu_online_mask, BIT(s.cpu), __ATOMIC_SEQ_CST);
	return current_thread[s.cpu];
}

void thread_exit(void)
{
	/* Out of the RCU's sight: an exited host thread is an idle CPU. */
	this_cpu_write(rcu_idle, 1);
	pthread_exit(NULL);
}

WEAK void thread_get(struct thread *t)
{
	__atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
}

WEAK void thread_put(struct thread *t)
{
	__atomic_fetch_sub(&t->refs, 1, __ATOMIC_RELAXED);
}
