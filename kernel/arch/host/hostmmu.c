/* host: page tables as a four-level radix tree of the C library's memory, and the TLB gather
 * without TLBs. One lock guards the shape of all trees; entries change by compare-and-exchange as
 * on real hardware. Layer: arch. */
#include <host.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/vm.h>
#include <arch/mmu.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS  4
#define ENTRIES 512

struct table {
	void *slot[ENTRIES]; /* tables; on the last level pte_t */
};
static pthread_mutex_t shape = PTHREAD_MUTEX_INITIALIZER;
static u64 fail_countdown;

/* host_pmap_fail_at - the n-th table allocation from now fails. */
void host_pmap_fail_at(u64 n);
void host_pmap_fail_at(u64 n)
{
	fail_countdown = n;
}

static struct table *table_new(struct pmap *m)
{
	struct table *t;

	if (fail_countdown && --fail_countdown == 0)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (t)
		__atomic_fetch_add(&m->table_pages, 1, __ATOMIC_RELAXED);
	return t;
}

int pmap_init(struct pmap *m)
{
	memset(m, 0, sizeof(*m));
	m->root = table_new(m);
	return m->root ? 0 : -ENOMEM;
}

static unsigned index_at(vaddr_t va, int level) /* level 0 = root */
{
	return (unsigned)(va >> (PAGE_SHIFT + 9 * (LEVELS - 1 - level))) & (ENTRIES - 1);
}

static pte_t *entry(struct pmap *m, vaddr_t va, bool create)
{
	struct table *t = m->root;

	for (int level = 0; t && level < LEVELS - 1; level++) {
		void **slot = &t->slot[index_at(va, level)];

		if (!*slot && create) {
			pthread_mutex_lock(&shape);
			if (!*slot)
				*slot = table_new(m);
			pthread_mutex_unlock(&shape);
		}
		t = *slot;
	}
	return t ? (pte_t *)&t->slot[index_at(va, LEVELS - 1)] : NULL;
}

static void pte_drop(pte_t pte)
{
	if (pte_present(pte) && !pte_special(pte))
		page_put(phys_to_page(pte_paddr(pte)));
}

static void free_table(struct pmap *m, struct table *t, int level)
{
	for (unsigned i = 0; i < ENTRIES; i++) {
		if (level == LEVELS - 1)
			pte_drop((pte_t)t->slot[i]);
		else if (t->slot[i])
			free_table(m, t->slot[i], level + 1);
	}
	free(t);
	m->table_pages--;
}

void pmap_fini(struct pmap *m)
{
	free_table(m, m->root, 0);
	m->root = NULL;
}

u64 pmap_cached_pages(void)
{
	return 0;
}

void pmap_activate(struct pmap *prev, struct pmap *next)
{
	if (next)
		__atomic_fetch_or(&next->cpus, BIT(cpu_id()), __ATOMIC_SEQ_CST);
}

pte_t pmap_lookup(struct pmap *m, vaddr_t va)
{
	pte_t *p = entry(m, va, false);

	return p ? __atomic_load_n(p, __ATOMIC_ACQUIRE) : 0;
}

int pmap_replace(struct pmap *m, vaddr_t va, pte_t old, pte_t new)
{
	pte_t *p = entry(m, va, true);

	if (!p)
		return -ENOMEM;
	return __atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
		       ? 0
		       : -EAGAIN;
}

u64 pmap_map_pages(struct pmap *m, vaddr_t va, const pte_t *ptes, u32 count)
{
	u64 done = 0;

	for (u32 i = 0; i < count && i < 64; i++)
		if (ptes[i] && pmap_replace(m, va + i * PAGE_SIZE, 0, ptes[i]) == 0)
			done |= BIT(i);
	return done;
}

u32 pmap_map_span(struct pmap *m, vaddr_t va, pte_t first)
{
	u32 n = 0;

	while (n < 512 && pmap_replace(m, va + n * PAGE_SIZE, 0, first + n * PAGE_SIZE) == 0)
		n++;
	return n;
}

bool pmap_span_is_empty(struct pmap *m, vaddr_t va)
{
	u32 i = 0;

	while (i < 512 && !pmap_lookup(m, va + i * PAGE_SIZE))
		i++;
	return i == 512;
}

/* Where the next table may begin when @va has no last-level table. */
static vaddr_t skip_absent(struct pmap *m, vaddr_t va)
{
	struct table *t = m->root;
	int level = 0;

	while (level < LEVELS - 1 && t->slot[index_at(va, level)])
		t = t->slot[index_at(va, level++)];
	return (va | ((1ull << (PAGE_SHIFT + 9 * (LEVELS - 1 - level))) - 1)) + 1;
}

/* Calls fn for each entry in the range that is not 0. */
static void walk(struct pmap *m, vaddr_t start, vaddr_t end,
	void (*fn)(void *ctx, vaddr_t va, pte_t *p), void *ctx)
{
	vaddr_t va = start;

	while (va < end) {
		pte_t *p = entry(m, va, false);

		if (!p) {
			va = skip_absent(m, va);
			continue;
		}
		if (*p)
			fn(ctx, va, p);
		va += PAGE_SIZE;
	}
}

static void gather_range(struct tlb_gather *g, vaddr_t start, vaddr_t end)
{
	g->start = MIN(g->start, start);
	g->end = MAX(g->end, end);
}

static void unmap_one(void *ctx, vaddr_t va, pte_t *p)
{
	struct tlb_gather *g = ctx;
	pte_t old = __atomic_exchange_n(p, 0, __ATOMIC_SEQ_CST);

	gather_range(g, va, va + PAGE_SIZE);
	if (pte_present(old) && !pte_special(old)) {
		tlb_gather_count(g, phys_to_page(pte_paddr(old)));
		tlb_gather_page(g, phys_to_page(pte_paddr(old)));
	}
}

void pmap_unmap(struct pmap *m, vaddr_t start, vaddr_t end, struct tlb_gather *g)
{
	walk(m, start, end, unmap_one, g);
}

static void protect_one(void *ctx, vaddr_t va, pte_t *p)
{
	pte_t old = __atomic_load_n(p, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(p, &old, pte_set_prot(old, *(const u32 *)ctx), false,
		__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

void pmap_protect(struct pmap *m, vaddr_t start, vaddr_t end, u32 prot, struct tlb_gather *g)
{
	walk(m, start, end, protect_one, &prot);
	gather_range(g, start, end);
}

int pmap_copy(struct pmap *dst, struct pmap *src, vaddr_t start, vaddr_t end, bool cow,
	struct tlb_gather *g)
{
	for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
		pte_t *from = entry(src, va, false), *to;

		if (!from) {
			va = skip_absent(src, va) - PAGE_SIZE;
			continue;
		}
		if (!pte_present(*from))
			continue;
		to = entry(dst, va, true);
		if (!to)
			return -ENOMEM;
		if (!pte_special(*from)) {
			page_get(phys_to_page(pte_paddr(*from)));
			tlb_gather_count(g, phys_to_page(pte_paddr(*from)));
		}
		if (cow)
			__atomic_store_n(from, *from & ~PTE_W, __ATOMIC_SEQ_CST);
		__atomic_store_n(to, *from, __ATOMIC_SEQ_CST);
	}
	gather_range(g, start, end);
	return 0;
}

int pmap_move(struct pmap *m, vaddr_t from, vaddr_t to, size_t len_bytes, struct tlb_gather *g)
{
	for (size_t off = 0; off < len_bytes; off += PAGE_SIZE)
		if (entry(m, from + off, false) && !entry(m, to + off, true))
			return -ENOMEM;
	for (size_t off = 0; off < len_bytes; off += PAGE_SIZE) {
		pte_t *p = entry(m, from + off, false);

		if (p)
			*entry(m, to + off, false) = __atomic_exchange_n(p, 0, __ATOMIC_SEQ_CST);
	}
	gather_range(g, from, from + len_bytes);
	return 0;
}

void pmap_free_tables(struct pmap *m, vaddr_t floor, vaddr_t ceiling, struct tlb_gather *g)
{
	/* Tables stay until pmap_fini: nothing is gained by freeing them early here. */
}

u64 pmap_table_pages(const struct pmap *m)
{
	return (u64)m->table_pages;
}

struct visit {
	void (*fn)(void *ctx, vaddr_t va, pte_t pte);
	void *ctx;
};

static void visit_one(void *ctx, vaddr_t va, pte_t *p)
{
	const struct visit *v = ctx;

	v->fn(v->ctx, va, *p);
}

void pmap_walk(struct pmap *m, vaddr_t start, vaddr_t end,
	void (*fn)(void *ctx, vaddr_t va, pte_t pte), void *ctx)
{
	struct visit v = {fn, ctx};

	walk(m, start, end, visit_one, &v);
}

void tlb_gather_begin(struct tlb_gather *g, struct pmap *m)
{
	*g = (struct tlb_gather){.pmap = m, .start = ~0ULL};
}

static void gather_flush(struct tlb_gather *g)
{
	__atomic_fetch_add(&g->pmap->flushes, 1, __ATOMIC_RELAXED);
	for (u32 i = 0; i < g->count; i++)
		page_put(g->pages[i]);
	g->count = 0;
}

void tlb_gather_page(struct tlb_gather *g, struct page *page)
{
	if (g->count == TLB_GATHER_PAGES)
		gather_flush(g);
	g->pages[g->count++] = page;
}

void tlb_gather_end(struct tlb_gather *g)
{
	if (g->count || g->start < g->end)
		gather_flush(g);
}

void tlb_flush_page(struct pmap *m, vaddr_t va)
{
	__atomic_fetch_add(&m->flushes, 1, __ATOMIC_RELAXED);
}

u32 arch_keys(void)
{
	return 0;
}

void arch_key_set(u32 key, u32 denied)
{
}
