/* The life of a thread: made, started, ended, forgotten. Layer: scheduler.
 *
 * The reference that thread_init gives belongs to the running thread; thread_exit leaves it to the
 * next thread on that CPU, which also frees the dead one's stack: nobody frees the stack he stands
 * on. The struct lives until the last reference and then a grace period, because wakers and lock
 * spinners look at threads under RCU. */
#include "../scheduler_internal.h"
#include <exo/debug.h>
#include <exo/security.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>

#define TIMER_SLACK_DEFAULT_NS (50 * NS_PER_US)

int thread_init(struct thread *t, const char *name, u32 flags)
{
	const struct thread *parent = current;
	bool inherit = parent && !(flags & THREAD_KERNEL) && !is_idle_thread(parent);
	void *stack = kstack_alloc();

	if (!stack)
		return -ENOMEM;
	t->kstack = (vaddr_t)stack;
	t->flags = flags;
	if (flags & THREAD_KERNEL)
		t->cred = &cred_root; /* never freed: no reference is counted */
	t->state = THREAD_NEW | THREAD_OFF_RQ;
	t->refs = 1;
	t->cpu = cpu_id();
	t->affinity = ~0ULL;
	if (inherit)
		sched_inherit_params(t, current);
	if (parent && !(flags & THREAD_KERNEL)) {
		t->io_priority = parent->io_priority;
		t->memory_policy = parent->memory_policy;
	}
	sched_apply_class(t);
	list_init(&t->se.bucket);
	list_init(&t->se.waiting);
	list_init(&t->rt_node);
	list_init(&t->donors);
	fair_fork(t, inherit ? parent : NULL);
	t->start_ns = clock_monotonic();
	t->timer_slack_ns = TIMER_SLACK_DEFAULT_NS;
	str_copy(t->name, name, sizeof(t->name));
	return 0;
}

void thread_fini(struct thread *t)
{
	kstack_free((void *)t->kstack);
	t->kstack = 0;
	arch_fpu_free(t);
}

void thread_get(struct thread *t)
{
	__atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
}

static void thread_free_rcu(struct rcu_head *h)
{
	struct thread *t = container_of(h, struct thread, rcu);

	t->free(t);
}

void thread_put(struct thread *t)
{
	if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		if (t->kstack)
			thread_fini(t); /* it never ran */
		rcu_call(&t->rcu, thread_free_rcu);
	}
}

void thread_exit(void)
{
#ifdef EXO_DEBUG
	ASSERT(!current->held.count); /* nobody could release it */
#endif
	if (unlikely(current->params.policy == SCHED_DEADLINE))
		(void)!sched_set_params(current, &(struct sched_params){0}); /* its share */
	arch_irq_disable(); /* a preemption now would bury us and queue us again */
	thread_set_state(THREAD_DEAD);
	schedule();
	panic("thread %s runs after its end", current->name);
}

/* A pinned sleeper is not woken: its stack stays as it is. */
int thread_trace(struct thread *t, struct trap_frame *user, u64 *out, u32 max)
{
	ulong flags;
	struct runqueue *rq = sched_pin(t, &flags);
	int count = t == current ? 0 : -EAGAIN;
	u64 ip, fp, end = t->kstack + KSTACK_SIZE - sizeof(*user);

	if (!rq && thread_state(t) < THREAD_DEAD) {
		arch_thread_place(t, &ip, &fp);
		count = (int)backtrace_take(ip, fp, t->kstack, end, out, max);
	}
	if (count >= 0)
		*user = *arch_thread_frame(t);
	sched_unpin(t, rq, flags);
	return count;
}

/* ---- kernel threads ---- */
struct kthread {
	struct thread thread; /* first */
	void (*fn)(void *arg);
	void *arg;
};

static void kthread_main(void *p)
{
	struct kthread *k = p;

	arch_irq_enable();
	k->fn(k->arg);
	thread_exit();
}

static void kthread_free(struct thread *t)
{
	kfree(container_of(t, struct kthread, thread));
}

struct thread *kthread_create(const char *name, void (*fn)(void *), void *arg)
{
	struct kthread *k = kzalloc(sizeof(*k), ALLOC_KERNEL);

	if (!k)
		return NULL;
	if (thread_init(&k->thread, name, THREAD_KERNEL)) {
		kfree(k);
		return NULL;
	}
	k->thread.free = kthread_free;
	k->fn = fn;
	k->arg = arg;
	arch_thread_init_kernel(&k->thread, kthread_main, k);
	thread_start(&k->thread);
	return &k->thread;
}
