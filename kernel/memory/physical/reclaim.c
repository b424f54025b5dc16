/* Statistics, and what happens when memory runs out: everybody who keeps something for speed is
 * asked to give it back. Layer: memory.
 *
 * One thread reclaims at a time. A thread that is inside reclaim and allocates gets no second
 * round: it fails, or dips into the reserve with ALLOC_ATOMIC. Shrinkers are called with whatever
 * sleeping locks the allocating thread holds, so they only try-lock. */
#include <exo/sched.h>
#include <exo/time.h>
#include <arch/irq.h>
#include <arch/mmu.h>
#include "../memory_internal.h"

#define DRAIN_ROUNDS_MIN 3
#define DRAIN_ROUNDS_MAX 8

static PER_CPU(s64, mem_counters[MEM_COUNTERS]);
u64 mem_slab_pages, mem_slab_reclaimable_pages;

static struct list shrinkers = LIST_INIT(shrinkers); /* [c] after boot: only grows, at the end */
static struct thread *reclaimer;                     /* [a] who is inside memory_reclaim */

void mem_account(enum mem_counter c, s64 pages)
{
	this_cpu_add(mem_counters[c], pages);
}

static u64 counter_sum(enum mem_counter c)
{
	s64 sum = 0;

	for (u32 cpu = 0; cpu < CPUS_MAX; cpu++)
		if (cpu == 0 || cpu < cpu_count)
			sum += READ_ONCE(*cpu_ptr(mem_counters[c], cpu));
	return sum < 0 ? 0 : (u64)sum;
}

void mem_stats_get(struct mem_stats *out)
{
	u64 cached = pmap_cached_pages(), reserve = 0;

	for (u32 i = 0; i < ZONE_COUNT; i++)
		reserve += zones[i].pages_reserve;
	*out = (struct mem_stats){
		.pages_total = mem_pages_total(),
		.pages_free = mem_pages_free() + cached,
		.pages_cache = counter_sum(MEM_CACHE) + counter_sum(MEM_SHMEM),
		.pages_anon = counter_sum(MEM_ANON),
		.pages_slab = __atomic_load_n(&mem_slab_pages, __ATOMIC_RELAXED),
		.pages_slab_reclaimable =
			__atomic_load_n(&mem_slab_reclaimable_pages, __ATOMIC_RELAXED),
		.pages_table = counter_sum(MEM_TABLE) - MIN(cached, counter_sum(MEM_TABLE)),
		.pages_kstack = counter_sum(MEM_KSTACK),
		.pages_shmem = counter_sum(MEM_SHMEM),
		.pages_dirty = counter_sum(MEM_DIRTY),
		.pages_anon_huge = counter_sum(MEM_ANON_HUGE),
		.pages_reserve = reserve,
	};
}

u64 mem_pages_free(void)
{
	u64 n = pages_listed();

	for (u32 i = 0; i < ZONE_COUNT; i++)
		n += __atomic_load_n(&zones[i].pages_free, __ATOMIC_RELAXED);
	return n;
}

u64 mem_pages_total(void)
{
	u64 n = 0;

	for (u32 i = 0; i < ZONE_COUNT; i++)
		n += __atomic_load_n(&zones[i].pages_managed, __ATOMIC_RELAXED);
	return n;
}

void shrinker_register(struct shrinker *s)
{
	list_init(&s->node);
	list_add_tail(&shrinkers, &s->node);
}

bool memory_may_sleep(void)
{
	struct thread *t = current;

	return t && !(t->flags & THREAD_IDLE) && arch_irq_enabled() &&
	       !(this_cpu_read(preempt_count) & ~PREEMPT_NO_RESCHED);
}

void memory_ask_cpus(void (*fn)(void *arg), void *arg)
{
	if (memory_may_sleep() && cpu_online_mask & (cpu_online_mask - 1))
		cpu_call(__atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE), fn, arg);
	else
		fn(arg);
}

/* A thread that ends goes in steps: the next thread on its CPU drops its stack, a grace period
 * later its memory goes. What one round sets free, the next finds in a magazine or the depot; so a
 * few rounds at the least. */
void memory_drain(void)
{
	u64 before, after = mem_pages_free();

	for (u32 round = 0; round < DRAIN_ROUNDS_MAX; round++) {
		struct shrinker *s;

		before = after;
		rcu_barrier();
		kmem_cache_shrink_all();
		list_for_each_entry (s, &shrinkers, node)
			s->shrink(s, ~0ull);
		memory_ask_cpus(pages_drain_local, NULL);
		after = mem_pages_free();
		if (round >= DRAIN_ROUNDS_MIN && after <= before)
			break;
	}
}

bool memory_reclaim(u64 target)
{
	struct thread *none = NULL;
	struct shrinker *s;
	u64 freed = 0;
	int late;

	if (!__atomic_compare_exchange_n(
		    &reclaimer, &none, current, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		if (none == current)
			return false;
		/* somebody is at it */
		late = thread_sleep_until(clock_monotonic() + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
		return late == 0;
	}
	if (target) {
		list_for_each_entry (s, &shrinkers, node)
			freed += s->shrink(s, target);
		freed += kmem_cache_shrink_all();
		rcu_synchronize(); /* what was freed under RCU is on its way; callbacks may need
				      locks that our caller holds, so no barrier */
	}
	memory_ask_cpus(pages_drain_local, NULL);
	__atomic_store_n(&reclaimer, NULL, __ATOMIC_RELEASE);
	return freed || !target;
}
