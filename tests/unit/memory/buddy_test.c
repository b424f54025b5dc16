/* Physical pages: the boot map, zones, the buddy system, the lists per CPU.
 * needs: kernel/memory/physical/early.c kernel/memory/physical/buddy.c kernel/memory/physical/pages.c kernel/memory/physical/reclaim.c
 * needs: kernel/memory/heap/slab.c kernel/memory/heap/kmalloc.c kernel/memory/heap/heap_check.c kernel/memory/heap/vmalloc.c
 * needs: kernel/memory/heap/kstack.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 */
#include <u_.h>
#include <memory/memory_internal.h>
#include <arch/boot.h>
#include <arch/mmu.h>
#include <exo/sched.h>
#include <stdlib.h>

char kernel_start[1], kernel_end[1]; /* outside the arena: takes nothing */

#define MB (1ull << 20)
#define PAGES(bytes) ((bytes) >> PAGE_SHIFT)

static void start(u64 bytes)
{
	host_log_quiet = true;
	host_phys_setup(bytes);
	phys_init();
}

static u64 random_state = 88172645463325252ull;
static u64 rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static bool in_usable(paddr_t pa, u64 bytes)
{
	for (u32 i = 0; i < boot_info.region_count; i++) {
		const struct mem_region *r = &boot_info.regions[i];

		if (r->kind == MEM_USABLE && pa >= r->start && pa + bytes <= r->start + r->len_bytes)
			return true;
	}
	return false;
}

U_TEST(every_page_of_the_map_is_accounted_for)
{
	start(64 * MB);
	u64 table = PAGES(ALIGN_UP(PAGES(64 * MB) * sizeof(struct page), PAGE_SIZE));

	/* All of the arena but the first megabyte, mem_map and the block states. */
	u_eq(mem_pages_total(), PAGES(64 * MB - 1 * MB) - table - 1);
	u_eq(mem_pages_free(), mem_pages_total());
	u_eq(zones[ZONE_DMA].pages_managed + zones[ZONE_DMA32].pages_managed, mem_pages_total());
}

U_TEST(all_pages_can_be_had_once_and_come_back_whole)
{
	struct page **all = calloc(PAGES(64 * MB), sizeof(*all));
	u64 n = 0, before, blocks = 0;
	u8 *seen = calloc(PAGES(64 * MB), 1);

	start(64 * MB);
	before = mem_pages_free();
	for (struct page *p; (p = page_alloc(0, ALLOC_ATOMIC)); n++) {
		all[n] = p;
		u_eq(p->refs, 1);
		u_need(!seen[page_to_pfn(p)]++);
		u_need(in_usable(page_to_phys(p), PAGE_SIZE));
	}
	u_eq(n, before);
	u_eq(mem_pages_free(), 0);
	for (u64 i = 0; i < n; i++) /* in an order that is no order */
		page_free(all[(i * 7919) % n], 0);
	memory_ask_cpus(pages_drain_local, NULL);
	u_eq(mem_pages_free(), before);
	for (u32 z = 0; z < ZONE_COUNT; z++)
		u_check(zones[z].pages_managed < 2 * BLOCK_PAGES || zones[z].orders_present >> PAGE_ORDER_MAX & 1);
	while (page_alloc(PAGE_ORDER_MAX, ALLOC_ATOMIC))
		blocks++;
	u_eq(blocks, 64 / 4 - 1); /* the first block holds firmware and mem_map */
	free(all);
	free(seen);
}

struct hold {
	struct page *p;
	u32 order;
	u64 mark;
};

/* Each block is marked over all its pages; a block handed out twice would find a foreign mark. */
static void hold_mark(struct hold *h)
{
	h->mark = rnd();
	for (u64 i = 0; i < 1ull << h->order; i++)
		*(u64 *)page_to_virt(h->p + i) = h->mark + i;
}

static bool hold_intact(const struct hold *h)
{
	for (u64 i = 0; i < 1ull << h->order; i++)
		if (*(u64 *)page_to_virt(h->p + i) != h->mark + i)
			return false;
	return true;
}

U_TEST_LIMIT(random_blocks_against_a_model, 60)
{
	static struct hold held[512];
	u64 before, out = 0;

	start(64 * MB);
	before = mem_pages_free();
	for (u32 step = 0; step < 40000; step++) {
		struct hold *h = &held[rnd() % ARRAY_LEN(held)];

		if (h->p) {
			u_need(hold_intact(h));
			page_free(h->p, h->order);
			out -= 1ull << h->order;
			h->p = NULL;
		} else {
			h->order = rnd() % 16 < 12 ? rnd() % 3 : rnd() % 8;
			h->p = page_alloc(h->order, rnd() & ALLOC_ATOMIC);
			if (!h->p)
				continue;
			out += 1ull << h->order;
			u_need(page_to_pfn(h->p) % (1ull << h->order) == 0);
			u_need(in_usable(page_to_phys(h->p), PAGE_SIZE << h->order));
			hold_mark(h);
		}
		if (step % 64 == 0)
			u_need(mem_pages_free() == before - out);
	}
	for (u32 i = 0; i < ARRAY_LEN(held); i++)
		if (held[i].p)
			page_free(held[i].p, held[i].order);
	u_eq(mem_pages_free(), before);
}

U_TEST(holes_initrd_and_odd_edges)
{
	u64 expected;
	static u64 n;
	struct page *p;

	host_log_quiet = true;
	host_phys_setup(96 * MB);
	boot_info.region_count = 5;
	boot_info.regions[0] = (struct mem_region){ 0, 0x9fc00, MEM_USABLE };
	boot_info.regions[1] = (struct mem_region){ 0x9fc00, 0x60400, MEM_RESERVED };
	boot_info.regions[2] = (struct mem_region){ 0x100000, 30 * MB + 123, MEM_USABLE };
	boot_info.regions[3] = (struct mem_region){ 40 * MB + 77, 20 * MB, MEM_USABLE };
	boot_info.regions[4] = (struct mem_region){ 90 * MB, 3 * PAGE_SIZE, MEM_USABLE };
	boot_info.initrd = 41 * MB;
	boot_info.initrd_bytes = 5 * MB;
	phys_init();
	expected = PAGES(30 * MB) + PAGES(20 * MB) - 1 + 3; /* a page is lost where the fourth region begins and ends in the middle */
	/* Struct pages are kept for 15 blocks of 4 MB that have memory: 0..31 MB, 40..60 MB (two odd edges), 90 MB. */
	expected -= 15 * PAGES(BLOCK_PAGES * sizeof(struct page)) + 1;
	u_eq(mem_pages_total(), expected - PAGES(5 * MB));
	phys_init_late();
	u_eq(mem_pages_total(), expected);
	u_panics(phys_free_range(41 * MB, 42 * MB));
	while ((p = page_alloc(0, ALLOC_ATOMIC))) {
		u_need(in_usable(page_to_phys(p), PAGE_SIZE));
		u_need(page_to_phys(p) >= 1 * MB);
		n++;
	}
	u_eq(n, expected);
}

U_TEST(memory_above_4_gb_goes_to_its_zone_and_boot_touches_little)
{
	u64 before;
	ns_t t;

	host_log_quiet = true;
	host_phys_setup(9ull << 30);
	boot_info.region_count = 2;
	boot_info.regions[0] = (struct mem_region){ 1 * MB, (3ull << 30) - MB, MEM_USABLE };
	boot_info.regions[1] = (struct mem_region){ 4ull << 30, 5ull << 30, MEM_USABLE };
	t = arch_cycles();
	phys_init();
	t = arch_cycles() - t;
	u_note("phys_init of 8 GB took %llu us", (unsigned long long)t / 1000);
	u_check(t < 200 * NS_PER_MS);
	before = mem_pages_free();
	u_check(before > PAGES(8ull << 30) - PAGES(160 * MB));
	u_eq(zones[ZONE_NORMAL].pages_managed, PAGES(5ull << 30));
	for (u32 i = 0; i < 3000; i++) {
		struct page *low = page_alloc(i % 3, ALLOC_DMA32), *any = page_alloc(0, 0);

		u_need(low && any);
		u_need(page_to_phys(low) < 4ull << 30);
		u_need(page_to_phys(any) >= 4ull << 30);
	}
}

U_TEST(the_reserve_is_kept_for_those_who_cannot_wait)
{
	u64 data = 0, user = 0, kernel = 0, atomic = 0, before;
	struct mem_stats st;

	start(64 * MB);
	before = mem_pages_free();
	mem_stats_get(&st);
	u_check(st.pages_reserve > 100 && st.pages_reserve < 1000);
	u_eq(st.pages_free, before);
	u_eq(st.pages_total, mem_pages_total());
	preempt_disable(); /* nobody may sleep: no reclaim */
	while (page_alloc(0, ALLOC_DATA))
		data++;
	while (page_alloc(0, ALLOC_USER))
		user++;
	while (page_alloc(0, ALLOC_KERNEL))
		kernel++;
	while (page_alloc(0, ALLOC_ATOMIC))
		atomic++;
	preempt_enable();
	u_eq(data + user + kernel + atomic, before);
	u_check(user >= st.pages_reserve - 64 && user <= st.pages_reserve + 64);
	u_check(kernel + atomic >= st.pages_reserve - 2 && kernel + atomic <= st.pages_reserve + 64);
	u_check(atomic >= st.pages_reserve / 2 - 4);
	u_eq(mem_pages_free(), 0);
}

U_TEST(misuse_is_caught)
{
	static struct page *p, *q;

	start(64 * MB);
	p = page_alloc(0, 0);
	page_free(p, 0);
	u_panics(page_free(p, 0));
	pages_drain_local(NULL);
	p = page_alloc(3, 0);
	page_free(p, 3);
	u_panics(page_free(p, 3));
	p = page_alloc(0, 0);
	page_get(p);
	u_panics(page_free(p, 0));
	page_put(p);
	q = page_alloc(0, 0);
	page_free(q, 0);
	shadow_unpoison(page_to_virt(q), PAGE_SIZE);
	((u8 *)page_to_virt(q))[77] = 1; /* after it was freed */
	u_panics(page_alloc(0, 0));
}

U_TEST(zeroed_pages_are_zero_and_references_free_them)
{
	u64 before;

	start(64 * MB);
	before = mem_pages_free();
	for (u32 i = 0; i < 500; i++) {
		struct page *p = page_alloc(0, ALLOC_ZERO);
		u8 *mem = page_to_virt(p);

		for (u32 k = 0; k < PAGE_SIZE; k++)
			u_need(mem[k] == 0);
		memset(mem, 0xff, PAGE_SIZE);
		page_get(p);
		page_put(p);
		u_eq(p->refs, 1);
		page_put(p);
	}
	u_eq(mem_pages_free(), before);
	u_check(!page_alloc(PAGE_ORDER_MAX + 1, 0));
	heap_fail_at(2);
	u_check(page_alloc(0, 0));
	u_check(!page_alloc(0, 0));
	u_check(page_alloc(0, 0));
}

U_TEST(counters_sum_over_cpus)
{
	struct mem_stats st;

	start(64 * MB);
	host_set_cpus(4);
	for (u32 cpu = 0; cpu < 4; cpu++) {
		host_thread_attach(cpu);
		mem_account(MEM_ANON, cpu == 3 ? -3 : 5);
		mem_account(MEM_SHMEM, 2);
		mem_account(MEM_CACHE, 1);
	}
	host_thread_attach(0);
	mem_stats_get(&st);
	u_eq(st.pages_anon, 12);
	u_eq(st.pages_shmem, 8);
	u_eq(st.pages_cache, 12);
}

/* ---- several CPUs ---- */
#define WORKERS 4
static u32 workers_done;

static void worker(void *arg)
{
	struct hold held[64] = { 0 };
	u64 seed = (uintptr_t)arg * 2654435761u + 1;

	for (u32 step = 0; step < 30000; step++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		struct hold *h = &held[seed >> 40 & 63];

		if (h->p) {
			if (*(u64 *)page_to_virt(h->p) != h->mark)
				u_fail(__FILE__, __LINE__, "a page was handed out twice");
			page_free(h->p, h->order);
			h->p = NULL;
		} else {
			h->order = seed >> 60 == 0;
			h->p = page_alloc(h->order, 0);
			h->mark = seed;
			if (h->p)
				*(u64 *)page_to_virt(h->p) = seed;
		}
	}
	for (u32 i = 0; i < ARRAY_LEN(held); i++)
		if (held[i].p)
			page_free(held[i].p, held[i].order);
	__atomic_fetch_add(&workers_done, 1, __ATOMIC_RELEASE);
}

U_TEST_LIMIT(several_cpus_at_once, 60)
{
	u64 before;

	start(64 * MB);
	before = mem_pages_free();
	host_set_cpus(WORKERS + 1);
	for (uintptr_t i = 0; i < WORKERS; i++)
		u_need(kthread_create("worker", worker, (void *)i));
	while (__atomic_load_n(&workers_done, __ATOMIC_ACQUIRE) < WORKERS)
		arch_cpu_relax();
	u_eq(mem_pages_free(), before);
}
