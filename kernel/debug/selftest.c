/* Checks that only the real machine can make: run by `exo.selftest=1` before the first program.
 * Layer: debug. Output is TAP on the log, each line after "selftest: "; the last line counts. A
 * check leaves nothing behind. */
#include <exo/debug.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo/time.h>
#include <arch/irq.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>

#define UNMAPPED_USER 0x123456000ul /* kernel threads have no user space: every access faults */
#define MAP_AT        0x40000000ul
#define CALL_ROUNDS   100

static u32 checks, failures;

static void check(bool ok, const char *what)
{
	checks++;
	failures += !ok;
	log_printf(ok ? LOG_INFO : LOG_ERR, "selftest: %s %u - %s", ok ? "ok" : "not ok", checks,
		what);
}

/* ---- per-CPU data and messages between CPUs ---- */
static PER_CPU(u64, probe) = 7;
static u64 calls;

static void count_call(void *arg)
{
	this_cpu_add(probe, 1);
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
}

static void test_percpu_and_calls(void)
{
	bool own = true;
	u32 cpu, online = 0;

	for_each_online_cpu (cpu)
		online++;
	calls = 0;
	for (u32 i = 0; i < CALL_ROUNDS; i++)
		cpu_call(~0ull, count_call, NULL);
	for_each_online_cpu (cpu)
		own = own && *cpu_ptr(probe, cpu) == 7 + CALL_ROUNDS;
	check(own, "each CPU has its own copy of a per-CPU variable, with its first value");
	check(calls == (u64)online * CALL_ROUNDS, "cpu_call runs once on each CPU");
	for_each_online_cpu (cpu)
		*cpu_ptr(probe, cpu) = 7;
}

/* ---- traps and user access ---- */
static void test_uaccess(void)
{
	char text[24];
	u32 word;

	memset(text, 'x', sizeof(text));
	check(copy_from_user(text, (void *)UNMAPPED_USER, sizeof(text)) == -EFAULT,
		"a read of unmapped user memory is -EFAULT");
	check(copy_from_user_partial(text, (void *)UNMAPPED_USER, 17) == 17,
		"and leaves all bytes uncopied");
	check(copy_to_user((void *)(USER_MAX - 8), text, 9) == -EFAULT,
		"a range over the end of user space is -EFAULT");
	check(copy_from_user(text, phys_to_virt(0), 8) == -EFAULT, "a kernel address is -EFAULT");
	check(copy_from_user(text, (void *)~0ul, 8) == -EFAULT, "a range that wraps is -EFAULT");
	check(strncpy_from_user(text, (char *)UNMAPPED_USER, 8) == -EFAULT,
		"a string in unmapped memory is -EFAULT");
	check(get_user_u32_nofault((u32 *)UNMAPPED_USER, &word) == -EFAULT,
		"a read that may not page in is -EFAULT");
	check(cmpxchg_user_u32((u32 *)UNMAPPED_USER, 0, 1, &word) == -EFAULT,
		"an exchange in unmapped memory is -EFAULT");
}

/* ---- page tables ---- */
static u32 walked;

static void count_entry(void *ctx, vaddr_t va, pte_t pte)
{
	walked++;
}

static pte_t fresh_page(void)
{
	struct page *p = page_alloc(0, ALLOC_ZERO);

	return p ? pte_make(page_to_phys(p), PROT_R | PROT_W | PMAP_USER) : 0;
}

static void test_pmap_fill(struct pmap *m)
{
	bool ok = true;

	for (vaddr_t va = MAP_AT; va < MAP_AT + (8ul << 20); va += 256 * PAGE_SIZE) {
		pte_t pte = fresh_page();

		ok = ok && pte && pmap_replace(m, va, 0, pte) == 0;
	}
	check(ok, "pmap_replace fills empty entries");
	check(pmap_replace(m, MAP_AT, 0, pmap_lookup(m, MAP_AT)) == -EAGAIN,
		"and refuses when the entry has changed");
	check(!pmap_lookup(m, MAP_AT + PAGE_SIZE) && pmap_lookup(m, MAP_AT + 256 * PAGE_SIZE),
		"pmap_lookup finds what is there");
	walked = 0;
	pmap_walk(m, 0, USER_MAX, count_entry, NULL);
	check(walked == 8, "pmap_walk sees each entry once");
}

static void test_pmap(void)
{
	struct pmap *m = kzalloc(2 * sizeof(*m), ALLOC_KERNEL);
	struct mem_stats before, after;
	struct tlb_gather g;

	mem_stats_get(&before);
	if (!m || pmap_init(&m[0]) || pmap_init(&m[1])) {
		check(false, "pmap_init");
		kfree(m);
		return;
	}
	test_pmap_fill(&m[0]);
	tlb_gather_begin(&g, &m[0]);
	check(pmap_copy(&m[1], &m[0], MAP_AT, MAP_AT + (8ul << 20), true, &g) == 0, "pmap_copy");
	tlb_gather_end(&g);
	check(pmap_lookup(&m[0], MAP_AT) == pmap_lookup(&m[1], MAP_AT) &&
			!pte_writable(pmap_lookup(&m[0], MAP_AT)),
		"both sides of a copy are write-protected");
	tlb_gather_begin(&g, &m[1]);
	check(pmap_move(&m[1], MAP_AT, MAP_AT * 3, 4ul << 20, &g) == 0 &&
			pmap_lookup(&m[1], MAP_AT * 3) && !pmap_lookup(&m[1], MAP_AT),
		"pmap_move moves entries");
	pmap_unmap(&m[1], 0, USER_MAX, &g);
	pmap_free_tables(&m[1], 0, USER_MAX, &g);
	tlb_gather_end(&g);
	check(pmap_table_pages(&m[1]) == 1, "pmap_free_tables leaves the top only");
	pmap_fini(&m[1]);
	pmap_fini(&m[0]);
	mem_stats_get(&after);
	kfree(m);
	check(after.pages_free == before.pages_free, "no page is lost");
}

/* ---- kernel mappings ---- */
static void test_kernel_map(void)
{
	u8 *area = vmalloc(3 * PAGE_SIZE, ALLOC_KERNEL);
	bool ok = area != NULL;

	for (size_t i = 0; ok && i < 3 * PAGE_SIZE; i += 511)
		area[i] = (u8)i;
	for (size_t i = 0; ok && i < 3 * PAGE_SIZE; i += 511)
		ok = area[i] == (u8)i;
	check(ok, "vmalloc memory holds what is written");
	check(ok && !arch_address_readable((u64)area + 3 * PAGE_SIZE),
		"behind it stands a guard page");
	check(!arch_address_readable(0), "page 0 is not mapped");
	vfree(area);
}

/* ---- time and interrupts ---- */
static void timer_fired(struct timer *t)
{
	__atomic_store_n(&calls, in_interrupt() ? 1 : 2, __ATOMIC_RELEASE);
}

static void test_timer(void)
{
	struct timer t;
	ns_t start = clock_monotonic(), end = start + 200 * NS_PER_MS;

	calls = 0;
	timer_init(&t, timer_fired);
	timer_start(&t, start + 2 * NS_PER_MS);
	while (!__atomic_load_n(&calls, __ATOMIC_ACQUIRE) && clock_monotonic() < end)
		arch_cpu_relax();
	check(calls == 1, "a timer fires, in interrupt context");
	check(clock_monotonic() - start >= 2 * NS_PER_MS, "and not too early");
	timer_cancel_sync(&t);
}

/* ---- memory functions of the architecture ---- */
static void test_memory_functions(void)
{
	static u8 a[300], b[300];
	bool ok = true;

	for (u32 len = 0; len < 70; len++) {
		for (u32 i = 0; i < sizeof(a); i++)
			a[i] = b[i] = (u8)(i * 7);
		memmove(a + 20, a + 13, len);
		memmove(a + 100, a + 105, len);
		memset(a + 200, 0x5a, len);
		memcpy(a + 1, b + 150, MIN(len, 12u));
		for (u32 i = 0; i < sizeof(a); i++) {
			u8 want = (u8)(i * 7);

			if (i >= 20 && i < 20 + len)
				want = (u8)((i - 7) * 7);
			else if (i >= 100 && i < 100 + len)
				want = (u8)((i + 5) * 7);
			else if (i >= 200 && i < 200 + len)
				want = 0x5a;
			else if (i >= 1 && i < 1 + MIN(len, 12u))
				want = (u8)((i + 149) * 7);
			ok = ok && a[i] == want;
		}
	}
	check(ok, "memcpy, memmove and memset at every small length");
}

void selftest_run(const char *word)
{
	u64 offset, size;
	const char *name = symbol_lookup((u64)selftest_run + 1, &offset, &size);

	fault_run(word);
	checks = failures = 0;
	check(name && !strcmp(name, "selftest_run") && offset == 1, "symbols are found by address");
	test_percpu_and_calls();
	test_uaccess();
	test_pmap();
	test_kernel_map();
	test_timer();
	test_memory_functions();
	log_info("selftest: 1..%u", checks);
	log_printf(failures ? LOG_ERR : LOG_NOTICE, "selftest: %u passed, %u failed",
		checks - failures, failures);
}
