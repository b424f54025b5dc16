/* The heap: size classes, typed caches, checks, vmalloc, kernel stacks.
 * needs: kernel/memory/physical/early.c kernel/memory/physical/buddy.c kernel/memory/physical/pages.c kernel/memory/physical/reclaim.c
 * needs: kernel/memory/heap/slab.c kernel/memory/heap/kmalloc.c kernel/memory/heap/heap_check.c kernel/memory/heap/vmalloc.c
 * needs: kernel/memory/heap/kstack.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 */
#include <u_.h>
#include <memory/heap/heap_internal.h>
#include <arch/boot.h>
#include <arch/context.h>
#include <arch/mmu.h>
#include <exo/sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

char kernel_start[1], kernel_end[1];

#define MB (1ull << 20)

static void start(void)
{
	host_log_quiet = true;
	host_phys_setup(64 * MB);
	phys_init();
	heap_init();
}

static u64 rnd(void)
{
	static u64 s = 0x2545f4914f6cdd1dull;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return s;
}

/* Everything that the heap keeps for speed goes back. */
static u64 settled_free(void)
{
	kmem_cache_shrink_all();
	host_rcu_run();
	kmem_cache_shrink_all();
	memory_ask_cpus(pages_drain_local, NULL);
	return mem_pages_free();
}

U_TEST(every_size_has_its_room)
{
	u64 before;

	start();
	before = settled_free();
	for (size_t len = 0; len <= 9000; len += len < 2100 ? 1 : 61) {
		u8 *p = kmalloc(len, 0), *z = kzalloc(len, 0);

		u_need(p && z);
		u_need((uintptr_t)p % 16 == 0 && (uintptr_t)z % 16 == 0);
		memset(p, 0xa5, len);
		for (size_t i = 0; i < len; i++)
			u_need(z[i] == 0);
		memset(z, 0x5a, len);
		kfree(p);
		kfree(z);
	}
	kfree(NULL);
	u_check(!kmalloc(4 * MB + 1, 0));
	void *big = kmalloc(4 * MB, 0);
	u_check(big);
	kfree(big);
	/* The magazines stay with their CPU: a handful of objects of the classes they are made of. */
	u_check(before - settled_free() < 16);
	u64 again = settled_free();
	for (size_t len = 0; len < 3000; len++)
		kfree(kmalloc(len, 0));
	u_eq(settled_free(), again);
}

U_TEST(pages_above_the_classes_waste_no_tail)
{
	u64 before;

	start();
	before = mem_pages_free();
	void *p = kmalloc(5 * PAGE_SIZE, 0), *q = kmalloc(9 * PAGE_SIZE + 1, 0);
	u_eq(before - mem_pages_free(), 15);
	kfree(p);
	kfree(q);
	u_eq(mem_pages_free(), before);
}

struct hold {
	u8 *p;
	size_t len;
	u8 mark;
};

static bool intact(const struct hold *h)
{
	for (size_t i = 0; i < h->len; i++)
		if (h->p[i] != (u8)(h->mark + i))
			return false;
	return true;
}

static size_t random_len(void)
{
	return rnd() % 8 ? rnd() % 300 : rnd() % 8 ? rnd() % 2500 : rnd() % 20000;
}

U_TEST_LIMIT(random_objects_against_a_model, 60)
{
	static struct hold held[1024];
	u64 settled = 0;

	start();
	for (u32 round = 0; round < 2; round++) {
		for (u32 step = 0; step < 30000; step++) {
			struct hold *h = &held[rnd() % ARRAY_LEN(held)];

			if (h->p && rnd() % 4 == 0) {
				size_t len = random_len();
				u8 *n = krealloc(h->p, len, 0);

				u_need(n);
				for (size_t i = 0; i < len && i < h->len; i++)
					u_need(n[i] == (u8)(h->mark + i));
				h->p = n;
				h->len = len;
			} else if (h->p) {
				u_need(intact(h));
				kfree(h->p);
				h->p = NULL;
				continue;
			} else {
				h->len = random_len();
				h->p = kmalloc(h->len, rnd() & ALLOC_ATOMIC);
				u_need(h->p);
			}
			h->mark = (u8)rnd();
			for (size_t i = 0; i < h->len; i++)
				h->p[i] = (u8)(h->mark + i);
		}
		for (u32 i = 0; i < ARRAY_LEN(held); i++) {
			kfree(held[i].p);
			held[i].p = NULL;
		}
		if (round)
			u_eq(settled_free(), settled);
		settled = settled_free();
	}
}

static u8 *volatile victim; /* volatile: survives the longjmp of an awaited panic */

U_TEST(misuse_is_caught)
{
	start();
	victim = kmalloc(40, 0);
	kfree(victim);
	u_panics(kfree(victim));
	u_check(strstr(host_panic_text, "twice"));

	victim = kmalloc(40, 0);
	shadow_unpoison(victim, 64);
	victim[40] = 1; /* one beyond */
	u_panics(kfree(victim));
	u_check(strstr(host_panic_text, "beyond"));

	victim = kmalloc(40, 0);
	shadow_unpoison(victim - 16, 16);
	victim[-16] = 1;
	u_panics(kfree(victim));

	victim = kmalloc(100, 0);
	kfree(victim);
	shadow_unpoison(victim, 100);
	victim[50] = 1;
	u_panics(for (int i = 0; i < 100; i++) victim = kmalloc(100, 0));
	u_check(strstr(host_panic_text, "after it was freed"));
}

U_TEST(objects_of_rcu_caches_keep_their_shape_for_a_grace_period)
{
	static u32 *p[3000];
	struct kmem_cache *c;
	u64 before, during;

	start();
	c = kmem_cache_create("typed", 100, 0, CACHE_RCU);
	kmem_cache_free(c, kmem_cache_alloc(c, 0));
	before = settled_free();
	for (u32 i = 0; i < ARRAY_LEN(p); i++) {
		p[i] = kmem_cache_alloc(c, ALLOC_ZERO);
		u_need(p[i]);
		p[i][0] = 0x1234;
		p[i][24] = i;
	}
	for (u32 i = 0; i < ARRAY_LEN(p); i++) {
		p[i][0] = 0; /* no references any more */
		kmem_cache_free(c, p[i]);
	}
	kmem_cache_shrink_all();
	memory_ask_cpus(pages_drain_local, NULL);
	during = mem_pages_free();
	u_check(during < before); /* the slabs wait */
	for (u32 i = 0; i < ARRAY_LEN(p); i++)
		u_need(p[i][0] == 0 && p[i][24] == i);
	host_rcu_run();
	u_eq(settled_free(), before);
}

U_TEST(typed_caches_align_and_report)
{
	static void *p[500];
	struct kmem_cache *c;
	static char text[16384];
	unsigned long active, total;
	unsigned size;

	start();
	c = kmem_cache_create("aligned", 200, 128, 0);
	for (u32 i = 0; i < ARRAY_LEN(p); i++) {
		p[i] = kmem_cache_alloc(c, 0);
		u_need((uintptr_t)p[i] % 128 == 0);
		memset(p[i], 1, 200);
	}
	u_check(heap_slabinfo(text, sizeof(text)) < sizeof(text));
	char *line = strstr(text, "\naligned ");
	u_need(line);
	u_eq(sscanf(line, " aligned %lu %lu %u", &active, &total, &size), 3);
	u_eq(active, 500);
	u_check(total >= 500 && total < 700);
	u_eq(size, 200);
	/* Every call is counted once: those that the magazine served, and those that went to the slabs. */
	unsigned long stat[4];
	char *cpustat = strstr(line, ": cpustat");
	u_need(cpustat);
	u_eq(sscanf(cpustat, ": cpustat %lu %lu %lu %lu", &stat[0], &stat[1], &stat[2], &stat[3]), 4);
	u_eq(stat[0] + stat[1], 500);
	u_check(stat[1] >= 500 / 30 && stat[1] < 100);
	u_eq(stat[2] + stat[3], 0);
	for (u32 i = 0; i < 400; i++)
		kmem_cache_free(c, p[i]);
	(void)heap_slabinfo(text, sizeof(text));
	u_eq(sscanf(strstr(strstr(text, "\naligned "), ": cpustat"), ": cpustat %lu %lu %lu %lu", &stat[0], &stat[1],
		     &stat[2], &stat[3]), 4);
	u_eq(stat[0] + stat[1], 500);
	u_eq(stat[2] + stat[3], 400);
	u_check(stat[3] >= 400 / 30 && stat[3] < 100);
	u_check(strstr(text, "\n# magazines: "));
	for (u32 i = 0; i < 400; i++)
		u_need(p[i] = kmem_cache_alloc(c, 0));
	(void)heap_slabinfo(text, sizeof(text));
	size_t whole = heap_slabinfo(NULL, 0);
	u_eq(whole, strlen(text));
	u_eq(heap_slabinfo(text, 100), whole);
	u_eq(strlen(text), 99);
	for (u32 i = 0; i < ARRAY_LEN(p); i++)
		kmem_cache_free(c, p[i]);
}

U_TEST(an_allocation_that_fails_leaks_nothing)
{
	start();
	struct kmem_cache *c = kmem_cache_create("failing", 700, 0, 0);
	kfree(kmalloc(100, 0));
	kfree(kstrdup("a string", 0));
	vfree(vmalloc(PAGE_SIZE, 0));
	kmem_cache_free(c, kmem_cache_alloc(c, 0));
	for (u32 kind = 0; kind < 5; kind++) {
		for (u64 n = 1; n < 40; n++) {
			u64 before = settled_free();
			void *p = NULL;

			heap_fail_at(n);
			if (kind == 0)
				kfree(p = kmalloc(100, 0));
			else if (kind == 1)
				kfree(p = kmalloc(40000, ALLOC_ZERO));
			else if (kind == 2 && (p = kmem_cache_alloc(c, 0)))
				kmem_cache_free(c, p);
			else if (kind == 3)
				vfree(p = vmalloc(5 * PAGE_SIZE, 0));
			else if (kind == 4)
				kfree(p = kstrdup("a string", 0));
			bool hit = heap_fail_hit();
			heap_fail_at(0);
			u_check(p || hit);
			u_eq(settled_free(), before);
			if (!hit)
				break;
		}
	}
	for (u64 n = 1; n < 6; n++) {
		u64 before = settled_free();

		host_kmap_fail_at(n);
		u_check(!vmalloc(5 * PAGE_SIZE, 0));
		host_kmap_fail_at(0);
		u_eq(settled_free(), before);
	}
}

static sigjmp_buf guard_jump;
static void on_fault(int sig)
{
	siglongjmp(guard_jump, 1);
}
static bool faults(volatile u8 *p)
{
	signal(SIGSEGV, on_fault);
	if (sigsetjmp(guard_jump, 1))
		return true;
	*p = 1;
	return false;
}

U_TEST(vmalloc_maps_pages_with_a_guard_behind)
{
	u8 *p[20];
	u64 before;

	start();
	vfree(vmalloc(PAGE_SIZE, 0)); /* the CPU has its magazines */
	before = settled_free();
	for (u32 i = 0; i < 20; i++) {
		p[i] = vmalloc((i + 1) * PAGE_SIZE, ALLOC_ZERO);
		u_need(p[i]);
		for (u64 k = 0; k < (i + 1) * PAGE_SIZE; k += 512) {
			u_need(p[i][k] == 0);
			p[i][k] = (u8)i;
		}
		u_check(faults(p[i] + (i + 1) * PAGE_SIZE));
	}
	for (u32 i = 0; i < 20; i++)
		u_check(p[i][512] == i);
	for (u32 i = 0; i < 20; i++) /* holes first, then what joins them */
		vfree(p[(i * 7) % 20]);
	u_check(faults(p[3]));
	u_eq(settled_free(), before);
	/* The range can be had as one piece again, at the same place. */
	u8 *again = vmalloc(100 * PAGE_SIZE, 0);
	u_check(again == p[0]);
	vfree(again);
	vfree(NULL);
}

U_TEST(ioremap_keeps_the_offset)
{
	start();
	u8 *a = ioremap(0x40000000ull + 0x123, 0x2000, PMAP_NOCACHE);
	u_need(a);
	u_eq((uintptr_t)a % PAGE_SIZE, 0x123);
	u_eq(kmap_lookup((vaddr_t)a + 0x1000), 0x40001123ull);
	u_eq(kmap_lookup((vaddr_t)a + 0x2000), 0x40002123ull);
}

U_TEST(stacks_are_kept_and_cut_down)
{
	static u8 *s[100];
	struct mem_stats st;
	u64 before;

	start();
	vfree(vmalloc(PAGE_SIZE, 0));
	before = settled_free();
	s[0] = kstack_alloc();
	u_need(s[0]);
	s[0][0] = s[0][KSTACK_SIZE - 1] = 1;
	u_check(faults(s[0] + KSTACK_SIZE));
	kstack_free(s[0]);
	u_check(kstack_alloc() == s[0]); /* the same again, without mapping */
	for (u32 i = 1; i < ARRAY_LEN(s); i++) {
		s[i] = kstack_alloc();
		u_need(s[i]);
		u_check(faults(s[i] - 1)); /* guard below */
		memset(s[i], (int)i, KSTACK_SIZE);
	}
	mem_stats_get(&st);
	u_eq(st.pages_kstack, 100 * KSTACK_SIZE / PAGE_SIZE);
	for (u32 i = 0; i < ARRAY_LEN(s); i++)
		kstack_free(s[i]);
	host_work_run();
	mem_stats_get(&st);
	u_check(st.pages_kstack <= 24 * KSTACK_SIZE / PAGE_SIZE);
	memory_reclaim(1);
	mem_stats_get(&st);
	u_eq(st.pages_kstack, 8 * KSTACK_SIZE / PAGE_SIZE); /* this CPU's */
	u_eq(before - settled_free(), 8 * KSTACK_SIZE / PAGE_SIZE + 1); /* and the page of their descriptors */
}

/* ---- several CPUs: what one allocates another frees ---- */
#define WORKERS 4
#define MAIL    64
static void *mail[MAIL]; /* [a] */
static u32 done;

static void worker(void *arg)
{
	u64 s = (uintptr_t)arg + 99;

	for (u32 i = 0; i < 40000; i++) {
		s = s * 6364136223846793005ull + 1442695040888963407ull;
		u64 *p = kmalloc(16 + (s >> 33) % 200, 0);

		if (!p)
			continue;
		p[0] = p[1] = s;
		p = __atomic_exchange_n(&mail[s >> 50 & (MAIL - 1)], p, __ATOMIC_ACQ_REL);
		if (p && p[0] != p[1])
			u_fail(__FILE__, __LINE__, "an object was handed out twice");
		kfree(p);
	}
	__atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
}

U_TEST_LIMIT(several_cpus_at_once, 60)
{
	start();
	host_set_cpus(WORKERS + 1);
	for (uintptr_t i = 0; i < WORKERS; i++)
		u_need(kthread_create("worker", worker, (void *)i));
	while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < WORKERS)
		arch_cpu_relax();
	for (u32 i = 0; i < MAIL; i++)
		kfree(mail[i]);
	u64 settled = settled_free();
	u_check(settled > mem_pages_total() - 60); /* the workers' magazines and nothing else */
}
