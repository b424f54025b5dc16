/* Page tables of address spaces. Layer: arch.
 *
 * Entries change by compare-and-exchange, tables appear by compare-and-exchange, and both may race. Every table page below the top
 * stands on pmap->tables, and its struct page remembers the entry that points to it (private_), so the end of a space visits the
 * tables that exist and scans none. Tables come back empty, so a per-CPU list of zeroed pages serves the next space.
 * Locks: pmap->lock (PMAP) guards the list of tables only.
 * Source: Intel SDM vol. 3, 4.5 and 4.10. */
#include <archimpl/x86.h>
#include <arch/mmu.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>
#include <exo/vm.h>
#include "tlb.h"

#define TABLE_BITS       (PTE_P | PTE_W | PTE_U | PTE_A)
#define TABLE_CACHE_MAX  32
#define LEAF_SPAN        (512 * PAGE_SIZE)
#define LEVEL_SHIFT(l)   (12 + 9 * (l)) /* level 0 = leaf entries of 4 KB, 3 = entries of the top */

struct table_cache {
	u64 *first; /* zeroed but for the first word, which links */
	u32 count;
};
PER_CPU(struct table_cache, table_cache);
PER_CPU(struct table_cache, top_cache); /* tops, upper half in place */
static u64 next_context;

/* ---- table pages ---- */

static u64 *cache_pop(struct table_cache *c)
{
	u64 *t = c->first;

	if (t) {
		c->first = (u64 *)t[0];
		c->count--;
		t[0] = 0;
	}
	return t;
}

static bool cache_push(struct table_cache *c, u64 *t)
{
	if (c->count >= TABLE_CACHE_MAX)
		return false;
	t[0] = (u64)c->first;
	c->first = t;
	c->count++;
	return true;
}

static u64 *table_alloc(void)
{
	struct page *p;
	u64 *t;

	preempt_disable();
	t = cache_pop(this_cpu_ptr(table_cache));
	preempt_enable();
	if (t)
		return t;
	p = page_alloc(0, ALLOC_KERNEL);
	if (!p)
		return NULL;
	mem_account(MEM_TABLE, 1);
	t = page_to_virt(p);
	arch_page_clear(t);
	return t;
}

/* @t is all zeroes. */
static void table_free(u64 *t)
{
	bool kept;

	preempt_disable();
	kept = cache_push(this_cpu_ptr(table_cache), t);
	preempt_enable();
	if (!kept) {
		mem_account(MEM_TABLE, -1);
		page_free(virt_to_page(t), 0);
	}
}

void pmap_table_free(struct page *p)
{
	table_free(page_to_virt(p));
}

static NOINLINE u64 *table_create(struct pmap *m, u64 *entry)
{
	u64 *t = table_alloc(), expected = 0;
	struct page *p;

	if (!t)
		return NULL;
	p = virt_to_page(t);
	p->private_ = (u64)entry;
	spin_lock(&m->lock);
	if (__atomic_compare_exchange_n(entry, &expected, virt_to_phys(t) | TABLE_BITS, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
		list_add(&m->tables, &p->node);
		m->table_pages++;
	}
	spin_unlock(&m->lock);
	if (expected) { /* another fault was faster */
		table_free(t);
		return phys_to_virt(expected & PTE_ADDR);
	}
	return t;
}

static ALWAYS_INLINE u64 *table_at(u64 entry)
{
	return phys_to_virt(entry & PTE_ADDR);
}

/* The leaf entry of @va. @create makes the tables; NULL = none, or no memory. */
static ALWAYS_INLINE pte_t *leaf_entry(struct pmap *m, vaddr_t va, bool create)
{
	u64 *table = m->top;

	for (int level = 3; level > 0; level--) {
		u64 *slot = &table[va >> LEVEL_SHIFT(level) & 511];
		u64 entry = __atomic_load_n(slot, __ATOMIC_ACQUIRE); /* pairs with table_create */

		if (likely(entry))
			table = table_at(entry);
		else if (!create || !(table = table_create(m, slot)))
			return NULL;
	}
	return &table[va >> 12 & 511];
}

/* leaf_next - the next leaf table with anything of [*va, end). Moves *va up over what does not exist.
 * Return: the entry of *va, *limit = end of this table's reach, at most @end; NULL = no more. */
static pte_t *leaf_next(struct pmap *m, vaddr_t *va, vaddr_t end, vaddr_t *limit)
{
	while (*va < end) {
		u64 *table = m->top, entry = 0;
		int level = 3;

		for (; level > 0; level--) {
			entry = __atomic_load_n(&table[*va >> LEVEL_SHIFT(level) & 511], __ATOMIC_ACQUIRE);
			if (!entry)
				break;
			table = table_at(entry);
		}
		*limit = ALIGN_DOWN(*va, 1ul << LEVEL_SHIFT(level ? level : 1)) + (1ul << LEVEL_SHIFT(level ? level : 1));
		if (*limit > end || *limit < *va)
			*limit = end;
		if (!level)
			return &table[*va >> 12 & 511];
		*va = *limit;
	}
	return NULL;
}

/* ---- spaces ---- */

int pmap_init(struct pmap *m)
{
	struct page *p;

	preempt_disable();
	m->top = cache_pop(this_cpu_ptr(top_cache));
	preempt_enable();
	if (!m->top) {
		p = page_alloc(0, ALLOC_KERNEL);
		if (!p)
			return -ENOMEM;
		mem_account(MEM_TABLE, 1);
		m->top = page_to_virt(p);
		memset(m->top, 0, PAGE_SIZE / 2);
		memcpy(m->top + 256, kernel_top + 256, PAGE_SIZE / 2);
	}
	m->cpus = 0;
	m->context = __atomic_add_fetch(&next_context, 1, __ATOMIC_RELAXED);
	m->tlb_generation = 1;
	m->table_pages = 1;
	list_init(&m->tables);
	spin_init(&m->lock, RANK_PMAP);
	return 0;
}

void pmap_fini(struct pmap *m)
{
	bool kept;

	tlb_unload(m);
	while (!list_empty(&m->tables)) {
		struct page *p = list_first(&m->tables, struct page, node);

		list_del(&p->node);
		*(u64 *)p->private_ = 0;
		pmap_table_free(p);
	}
	preempt_disable();
	kept = cache_push(this_cpu_ptr(top_cache), m->top);
	preempt_enable();
	if (!kept) {
		mem_account(MEM_TABLE, -1);
		page_free(virt_to_page(m->top), 0);
	}
	m->top = NULL;
}

u64 pmap_table_pages(const struct pmap *m)
{
	return (u64)m->table_pages;
}

pte_t pmap_lookup(struct pmap *m, vaddr_t va)
{
	pte_t *e = leaf_entry(m, va, false);

	return e ? __atomic_load_n(e, __ATOMIC_ACQUIRE) : 0;
}

int pmap_replace(struct pmap *m, vaddr_t va, pte_t old, pte_t new)
{
	pte_t *e = leaf_entry(m, va, true);

	if (unlikely(!e))
		return -ENOMEM;
	return likely(__atomic_compare_exchange_n(e, &old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) ? 0 : -EAGAIN;
}

u64 pmap_map_pages(struct pmap *m, vaddr_t va, const pte_t *ptes, u32 count)
{
	pte_t *e = NULL;
	u64 done = 0;

	for (u32 i = 0; i < count; i++, va += PAGE_SIZE) {
		pte_t empty = 0;

		if (!e || va % LEAF_SPAN == 0)
			e = leaf_entry(m, va, true);
		else
			e++;
		if (!e)
			break;
		if (ptes[i] && __atomic_compare_exchange_n(e, &empty, ptes[i], false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			done |= BIT(i);
	}
	return done;
}

/* Nobody else walks these tables now, neither a CPU nor, as the callers keep faults out, the kernel: plain stores do. */
static bool private_to_us(struct pmap *m)
{
	cpumask_t cpus = __atomic_load_n(&m->cpus, __ATOMIC_RELAXED);

	return !(cpus & ~BIT(cpu_id())) && cpu_count == 1;
}

static void gather_range(struct tlb_gather *g, vaddr_t start, vaddr_t end)
{
	if (g->start > g->end) {
		g->start = start;
		g->end = end;
		return;
	}
	g->start = MIN(g->start, start);
	g->end = MAX(g->end, end);
}

void pmap_unmap(struct pmap *m, vaddr_t start, vaddr_t end, struct tlb_gather *g)
{
	bool alone = private_to_us(m);
	vaddr_t va = start, limit;
	pte_t *e;

	for (; (e = leaf_next(m, &va, end, &limit)); va = limit) {
		for (; va < limit; va += PAGE_SIZE, e++) {
			pte_t pte = *e;

			if (!pte)
				continue;
			if (alone)
				*e = 0;
			else
				pte = __atomic_exchange_n(e, 0, __ATOMIC_ACQ_REL);
			if (pte & PTE_P)
				gather_range(g, va, va + PAGE_SIZE);
			if (pte & PTE_OWNED) {
				tlb_gather_count(g, phys_to_page(pte & PTE_ADDR));
				tlb_gather_page(g, phys_to_page(pte & PTE_ADDR));
			}
		}
	}
}

void pmap_protect(struct pmap *m, vaddr_t start, vaddr_t end, u32 prot, bool cow, struct tlb_gather *g)
{
	vaddr_t va = start, limit;
	pte_t *e;

	if (cow)
		prot &= ~PROT_W;
	for (; (e = leaf_next(m, &va, end, &limit)); va = limit) {
		for (; va < limit; va += PAGE_SIZE, e++) {
			pte_t old = __atomic_load_n(e, __ATOMIC_RELAXED), new;

			do {
				new = old ? pte_set_prot(old, prot) : 0;
			} while (new != old && !__atomic_compare_exchange_n(e, &old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
			if (new != old && old & PTE_P)
				gather_range(g, va, va + PAGE_SIZE);
		}
	}
}

/* One leaf table of fork: @count entries. Both sides lose the right to write when @cow. Return: whether the parent lost any. */
static bool leaf_copy(pte_t *dst, pte_t *src, size_t count, bool cow, struct tlb_gather *g)
{
	bool lost = false;

	for (size_t i = 0; i < count; i++) {
		pte_t pte = src[i];

		if (!pte)
			continue;
		if (cow && pte & PTE_W) {
			pte = __atomic_and_fetch(&src[i], ~PTE_W, __ATOMIC_RELAXED); /* the CPU may be setting the dirty bit */
			lost = true;
		}
		if (pte & PTE_OWNED) {
			page_get(phys_to_page(pte & PTE_ADDR));
			tlb_gather_count(g, phys_to_page(pte & PTE_ADDR));
		}
		dst[i] = pte;
	}
	return lost;
}

int pmap_copy(struct pmap *dst, struct pmap *src, vaddr_t start, vaddr_t end, bool cow, struct tlb_gather *g)
{
	vaddr_t va = start, limit;
	pte_t *from;

	for (; (from = leaf_next(src, &va, end, &limit)); va = limit) {
		pte_t *to = leaf_entry(dst, va, true);

		if (!to)
			return -ENOMEM;
		if (leaf_copy(to, from, (limit - va) / PAGE_SIZE, cow, g))
			gather_range(g, va, limit);
	}
	return 0;
}

int pmap_move(struct pmap *m, vaddr_t from, vaddr_t to, size_t len_bytes, struct tlb_gather *g)
{
	vaddr_t va = from, end = from + len_bytes, limit;
	pte_t *e;

	for (; (e = leaf_next(m, &va, end, &limit)); va = limit) /* first all tables, then nothing can fail */
		for (vaddr_t t = to + (va - from); t < to + (limit - from); t = ALIGN_DOWN(t, LEAF_SPAN) + LEAF_SPAN)
			if (!leaf_entry(m, t, true))
				return -ENOMEM;
	for (va = from; (e = leaf_next(m, &va, end, &limit)); va = limit)
		for (; va < limit; va += PAGE_SIZE, e++) {
			pte_t pte = *e ? __atomic_exchange_n(e, 0, __ATOMIC_ACQ_REL) : 0;

			if (!pte)
				continue;
			if (pte & PTE_P)
				gather_range(g, va, va + PAGE_SIZE);
			*leaf_entry(m, to + (va - from), true) = pte;
		}
	return 0;
}

/* Takes the table that @slot points to out of the tree; the page itself goes with the gather, after the flush. */
static void table_unlink(struct pmap *m, u64 *slot, struct tlb_gather *g)
{
	struct page *p = virt_to_page(table_at(*slot));

	spin_lock(&m->lock);
	__atomic_store_n(slot, 0, __ATOMIC_RELEASE);
	list_del(&p->node);
	m->table_pages--;
	spin_unlock(&m->lock);
	tlb_gather_table(g, p);
}

/* Tables of @level (0 = leaf tables) below @table that lie wholly inside [floor, ceiling), children first. @base: first address
 * of @table, whose entries span 1 << LEVEL_SHIFT(level + 1). */
static void tables_free_below(struct pmap *m, u64 *table, vaddr_t base, int level, vaddr_t floor, vaddr_t ceiling, struct tlb_gather *g)
{
	u64 span = 1ul << LEVEL_SHIFT(level + 1);
	vaddr_t va = MAX(base, ALIGN_DOWN(floor, span));
	vaddr_t last = base + 512 * span < ceiling && base + 512 * span > base ? base + 512 * span : ceiling;

	for (; va < last; va += span) {
		u64 *slot = &table[va >> LEVEL_SHIFT(level + 1) & 511];

		if (!*slot)
			continue;
		if (level > 0)
			tables_free_below(m, table_at(*slot), va, level - 1, floor, ceiling, g);
		if (va >= floor && va + span <= ceiling)
			table_unlink(m, slot, g);
	}
}

void pmap_free_tables(struct pmap *m, vaddr_t floor, vaddr_t ceiling, struct tlb_gather *g)
{
	if (ceiling - floor >= LEAF_SPAN)
		tables_free_below(m, m->top, 0, 2, floor, MIN(ceiling, USER_MAX), g);
}

void pmap_walk(struct pmap *m, vaddr_t start, vaddr_t end, void (*fn)(void *ctx, vaddr_t va, pte_t pte), void *ctx)
{
	vaddr_t va = start, limit;
	pte_t *e;

	for (; (e = leaf_next(m, &va, end, &limit)); va = limit)
		for (; va < limit; va += PAGE_SIZE, e++) {
			pte_t pte = __atomic_load_n(e, __ATOMIC_RELAXED);

			if (pte)
				fn(ctx, va, pte);
		}
}
