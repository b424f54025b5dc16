/* Kernel stacks: mapped ranges with a guard page below, kept for the next thread instead of being
 * unmapped. Layer: memory.
 *
 * A few lie with each CPU, the rest in one depot, chained through their first word. A depot that
 * grows beyond its limit is cut down by a work item, because stacks are given back where nothing
 * may sleep. Locks: depot_lock (SLAB), interrupts off. */
#include <exo/sched.h>
#include "heap_internal.h"

#define CPU_STACKS   8
#define DEPOT_STACKS 16

struct stack_cache {
	u32 count;
	void *stacks[CPU_STACKS]; /* [p] interrupts off */
};
static PER_CPU(struct stack_cache, stack_caches);
static spinlock_t depot_lock = SPINLOCK_INIT(RANK_SLAB);
static void *depot;     /* [depot_lock] */
static u32 depot_count; /* [depot_lock] */

/* Interrupts off. Return: whether there are more than the limit. */
static bool depot_put(void *stack)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&depot_lock);

	*(void **)stack = depot;
	depot = stack;
	return ++depot_count > DEPOT_STACKS;
}

static void *depot_take(u32 leave)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&depot_lock);
	void *stack = depot_count > leave ? depot : NULL;

	if (stack) {
		depot = *(void **)stack;
		depot_count--;
	}
	return stack;
}

static u64 depot_trim(u32 leave)
{
	u64 pages = 0;
	void *stack;

	while ((stack = depot_take(leave))) {
		vfree(stack);
		mem_account(MEM_KSTACK, -(s64)(KSTACK_SIZE / PAGE_SIZE));
		pages += KSTACK_SIZE / PAGE_SIZE;
	}
	return pages;
}

static void trim_run(struct work *w)
{
	depot_trim(DEPOT_STACKS / 2);
}

static struct work trim_work = {.node = LIST_INIT(trim_work.node), .fn = trim_run};

static u64 stacks_shrink(struct shrinker *s, u64 target)
{
	return depot_trim(0);
}

void kstack_init(void)
{
	static struct shrinker shrinker = {.shrink = stacks_shrink};

	shrinker_register(&shrinker);
}

void kstack_drain_local(void)
{
	ulong irq SCOPED(irq_restore_at) = arch_irq_save();
	struct stack_cache *c = this_cpu_ptr(stack_caches);

	while (c->count)
		depot_put(c->stacks[--c->count]);
}

void *kstack_alloc(void)
{
	ulong irq = arch_irq_save();
	struct stack_cache *c = this_cpu_ptr(stack_caches);
	void *stack = c->count ? c->stacks[--c->count] : NULL;

	arch_irq_restore(irq);
	if (!stack)
		stack = depot_take(0);
	if (!stack) {
		stack = vmalloc(KSTACK_SIZE, ALLOC_KERNEL);
		if (stack)
			mem_account(MEM_KSTACK, KSTACK_SIZE / PAGE_SIZE);
	}
	if (stack)
		shadow_unpoison(stack, KSTACK_SIZE); /* frames that never returned */
	return stack;
}

void kstack_free(void *stack)
{
	ulong irq = arch_irq_save();
	struct stack_cache *c = this_cpu_ptr(stack_caches);
	bool trim = false;

	shadow_poison((u64 *)stack + 1, KSTACK_SIZE - sizeof(u64), KASAN_STACK_FREE);
	if (c->count < CPU_STACKS)
		c->stacks[c->count++] = stack;
	else
		trim = depot_put(stack);
	arch_irq_restore(irq);
	if (trim)
		(void)work_queue(&trim_work);
}
