/* Page tables of address spaces. Layer: arch.
 *
 * Entries change by compare-and-exchange, tables appear by compare-and-exchange, and both may race.
 * Nothing here scans a table:
 *  - page->index of a table page is a bitmap, bit i = one of the entries 8i..8i+7 may be in use. A
 * bit is set before its entry and, in a leaf table, stays until the table is freed; so walks visit
 * what was ever touched.
 *  - every table page stands on a list of its pmap (leaves, and those above), and page->private_ is
 * the address of the entry that points to it; so the end of a space visits the tables that exist.
 * Freed tables are all zeroes: a per-CPU list of them serves the next space.
 *
 * A span (2 MB) that one block of memory fills may be shown to the CPU as one large entry. Its leaf
 * table stays, complete, beside the directory: page->object of a directory that ever held a large
 * entry is an array of its leaf tables. So everything here works on leaf tables alone; what is
 * about to change an entry first points the directory at the leaf again (span_split). Both ways the
 * translations agree, and the flush that the change needs anyway (INVLPG drops an address in every
 * size) takes the large one away. Code is never mapped so: some CPUs do not bear one address in
 * their instruction TLB in two sizes.
 * Locks: pmap->lock (PMAP) guards the lists and the bitmaps of the upper tables.
 * Source: Intel SDM vol. 3, 4.5 and 4.10. */
#include <archimpl/x86.h>
#include <arch/mmu.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>
#include <exo/vm.h>
#include "tlb.h"

#define TABLE_BITS      (PTE_P | PTE_W | PTE_U | PTE_A)
#define TABLE_CACHE_MAX 32
#define LEVEL_SHIFT(l)  (12 + 9 * (l)) /* level 0 = leaf entries of 4 KB, 3 = entries of the top */

struct table_cache {
	u64 *first; /* zeroed but for the first word, which links */
	u32 count;
};
PER_CPU(struct table_cache, table_cache);
PER_CPU(struct table_cache, top_cache); /* tops, upper half in place */
static u64 next_context;

/* ---- table pages ---- */

/* The table that an entry of an upper level points to. Such entries have exactly TABLE_BITS besides
 * the address: we set the accessed bit ourselves, and the CPU sets no other there. */
static ALWAYS_INLINE u64 *table_at(u64 entry)
{
	return (u64 *)(entry + (DIRECT_BASE - TABLE_BITS));
}

/* The struct page of the table that holds @entry. */
static ALWAYS_INLINE struct page *table_page(const u64 *entry)
{
	return phys_to_page((u64)entry - DIRECT_BASE);
}

/* The table that the entry at @slot, read as @entry, stands for: of a large one, its leaf. */
static ALWAYS_INLINE u64 *child_at(const u64 *slot, u64 entry, int level)
{
	if (level == 1 && unlikely(entry & PTE_PS))
		return ((u64 **)table_page(slot)->object)[(u64)slot / sizeof(*slot) % 512];
	return table_at(entry);
}

static ALWAYS_INLINE u64 group_bit(const u64 *entry)
{
	return BIT((u64)entry / 64 & 63);
}

/* Marks the group of @entry as used, before the entry is filled. */
static ALWAYS_INLINE void table_mark(u64 *entry)
{
	struct page *p = table_page(entry);
	u64 bit = group_bit(entry);

	if (unlikely(!(__atomic_load_n(&p->index, __ATOMIC_RELAXED) & bit)))
		__atomic_fetch_or(&p->index, bit, __ATOMIC_RELEASE);
}

/* The groups that hold entries first..last-1. */
static ALWAYS_INLINE u64 groups_between(u32 first, u32 last)
{
	return ~0ull << first / 8 & ~0ull >> (63 - (last - 1) / 8);
}

/* for_each_used - entries @i of @table in [first, last) whose group may be in use. */
#define for_each_used(i, table, first, last)                                         \
	for (u64 _g = __atomic_load_n(&table_page(table)->index, __ATOMIC_ACQUIRE) & \
		      groups_between(first, last),                                   \
		 _at;                                                                \
		_g && (_at = (u32)bit_ffs(_g) * 8, 1); _g &= _g - 1)                 \
		for (i = MAX((u32)_at, (u32)(first)); i < MIN((u32)_at + 8, (u32)(last)); i++)

/* From this CPU's copy of *@cache; NULL = it is empty. */
static ALWAYS_INLINE u64 *cache_pop(struct table_cache *cache)
{
	preempt_disable();
	struct table_cache *c = this_cpu_ptr(*cache);
	u64 *t = c->first;
	if (t) {
		c->first = (u64 *)t[0];
		c->count--;
		t[0] = 0;
	}
	preempt_enable();
	return t;
}

static NOINLINE u64 *table_alloc_new(void)
{
	struct page *p = page_alloc(0, ALLOC_KERNEL);

	if (!p)
		return NULL;
	mem_account(MEM_TABLE, 1);
	p->index = 0;
	p->object = NULL;
	arch_page_clear(page_to_virt(p));
	return page_to_virt(p);
}

static u64 *table_alloc(void)
{
	u64 *t = cache_pop(&table_cache);

	return t ? t : table_alloc_new();
}

static NOINLINE void table_give_back(u64 *t)
{
	mem_account(MEM_TABLE, -1);
	page_free(virt_to_page(t), 0);
}

/* Into this CPU's copy of *@cache, or back to the allocator. */
static ALWAYS_INLINE void cache_push(struct table_cache *cache, u64 *t)
{
	preempt_disable();
	struct table_cache *c = this_cpu_ptr(*cache);
	bool kept = c->count < TABLE_CACHE_MAX;
	if (kept) {
		t[0] = (u64)c->first;
		c->first = t;
		c->count++;
	}
	preempt_enable();
	if (!kept)
		table_give_back(t);
}

/* @p is a table of zeroes that nothing points to. */
void pmap_table_free(struct page *p)
{
	if (unlikely(p->object)) {
		table_give_back((u64 *)p->object);
		p->object = NULL;
	}
	p->index = 0;
	cache_push(&table_cache, page_to_virt(p));
}

u64 pmap_cached_pages(void)
{
	u64 n = 0;
	u32 cpu;

	for_each_online_cpu (cpu)
		n += READ_ONCE(cpu_ptr(table_cache, cpu)->count) +
		     READ_ONCE(cpu_ptr(top_cache, cpu)->count);
	return n;
}

/* Makes the table that @entry, of @level, lacks. */
static NOINLINE u64 *table_create(struct pmap *m, u64 *entry, int level)
{
	u64 *t = table_alloc(), found;
	struct page *p;

	if (!t)
		return NULL;
	p = table_page(t);
	p->private_ = (u64)entry;
	spin_lock(&m->lock);
	found = *entry;
	if (likely(!found)) {
		table_mark(entry);
		list_add(level == 1 ? &m->leaves : &m->uppers, &p->node);
		m->table_pages++;
		/* pairs with leaf_find */
		__atomic_store_n(entry, virt_to_phys(t) | TABLE_BITS, __ATOMIC_RELEASE);
	}
	spin_unlock(&m->lock);
	if (unlikely(found)) { /* another fault was faster */
		pmap_table_free(p);
		return child_at(entry, found, level);
	}
	return t;
}

/* The leaf entry of @va. NULL = a table lacks. */
static ALWAYS_INLINE pte_t *leaf_find(struct pmap *m, vaddr_t va)
{
	u64 *table = m->top;

#pragma GCC unroll 3
	for (int level = 3; level > 0; level--) {
		u64 *slot = &table[va >> LEVEL_SHIFT(level) & 511];
		u64 entry = __atomic_load_n(slot, __ATOMIC_ACQUIRE); /* pairs with table_create */

		if (unlikely(!entry))
			return NULL;
		table = child_at(slot, entry, level);
	}
	return &table[va >> 12 & 511];
}

/* The same, making the tables. NULL = no memory. */
static NOINLINE pte_t *leaf_create(struct pmap *m, vaddr_t va)
{
	u64 *table = m->top;

	for (int level = 3; level > 0; level--) {
		u64 *slot = &table[va >> LEVEL_SHIFT(level) & 511];
		u64 entry = __atomic_load_n(slot, __ATOMIC_ACQUIRE);

		table = entry ? child_at(slot, entry, level) : table_create(m, slot, level);
		if (!table)
			return NULL;
	}
	return &table[va >> 12 & 511];
}

/* ---- spans ---- */

static void span_account(const pte_t *leaf, s64 sign)
{
	if (phys_to_page(*leaf & PTE_ADDR)->flags & PG_ANON)
		mem_account(MEM_ANON_HUGE, sign * 512);
}

static ALWAYS_INLINE u64 *slot_of(const pte_t *e) /* the directory entry of the table of @e */
{
	return (u64 *)table_page(e)->private_;
}

static NOINLINE COLD void span_split_slow(pte_t *leaf, u64 entry)
{
	if (__atomic_compare_exchange_n(slot_of(leaf), &entry, virt_to_phys(leaf) | TABLE_BITS,
		    false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		span_account(leaf, -1);
}

/* Before an entry of @leaf changes: the CPU shall see the table. */
static ALWAYS_INLINE void span_split(pte_t *leaf)
{
	u64 entry = READ_ONCE(*slot_of(leaf));

	if (unlikely(entry & PTE_PS))
		span_split_slow(leaf, entry);
}

/* The array of leaf tables beside the directory of @slot. NULL = no memory. */
static u64 **span_tables(const u64 *slot)
{
	struct page *directory = table_page(slot);
	struct vm_object *none = NULL;
	u64 *t;

	if (!__atomic_load_n(&directory->object, __ATOMIC_ACQUIRE)) {
		t = table_alloc();
		if (t && !__atomic_compare_exchange_n(&directory->object, &none,
				 (struct vm_object *)t, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			pmap_table_free(virt_to_page(t)); /* another thread was faster */
	}
	return (u64 **)__atomic_load_n(&directory->object, __ATOMIC_ACQUIRE);
}

bool pmap_span_is_empty(struct pmap *m, vaddr_t va)
{
	pte_t *leaf = leaf_find(m, va);
	u32 i;

	if (!leaf)
		return true;
	for_each_used(i, leaf, 0, 512) if (leaf[i]) return false;
	return true;
}

u32 pmap_map_span(struct pmap *m, vaddr_t va, pte_t first)
{
	pte_t *leaf = leaf_create(m, va), empty = 0;
	u64 *slot, entry, **tables;
	u32 n = 0;

	if (!leaf)
		return 0;
	__atomic_store_n(&table_page(leaf)->index, ~0ull, __ATOMIC_RELEASE);
	while (n < 512 && __atomic_compare_exchange_n(&leaf[n], &empty, first + n * PAGE_SIZE,
				  false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		n++;
	slot = slot_of(leaf);
	tables = n == 512 && first & PTE_NX ? span_tables(slot) : NULL;
	if (!tables)
		return n;
	tables[(u64)slot / sizeof(*slot) % 512] = leaf;
	entry = virt_to_phys(leaf) | TABLE_BITS;
	if (__atomic_compare_exchange_n(slot, &entry, first | PTE_PS, false, __ATOMIC_ACQ_REL,
		    __ATOMIC_RELAXED)) /* pairs with leaf_find, which reads the array */
		span_account(leaf, 1);
	return n;
}

/* ---- walks: fn sees the part [first, last) of each leaf table that exists in the range; @va is
 * the address of @first ---- */
struct walk;
typedef int (*leaf_fn)(struct walk *w, pte_t *leaf, u32 first, u32 last, vaddr_t va);
struct walk {
	struct pmap *pmap;
	leaf_fn fn;
	struct tlb_gather *gather;
	struct pmap *other; /* copy: the destination */
	vaddr_t offset;     /* move: target - source */
	u32 prot;
	bool cow, alone;
	void (*visit)(void *ctx, vaddr_t va, pte_t pte);
	void *ctx;
};

/* Recursion: level 3 to 1. Return: 0 | the first error of fn. */
static int walk_table(struct walk *w, u64 *table, int level, vaddr_t start, vaddr_t end)
{
	u32 first = start >> LEVEL_SHIFT(level) & 511,
	    last = ((end - 1) >> LEVEL_SHIFT(level) & 511) + 1, i;
	vaddr_t base = start & ~((512ul << LEVEL_SHIFT(level)) - 1);

	for_each_used(i, table, first, last)
	{
		u64 entry = __atomic_load_n(&table[i], __ATOMIC_ACQUIRE);
		vaddr_t low = MAX(start, base + ((u64)i << LEVEL_SHIFT(level)));
		vaddr_t high = MIN(end, base + ((u64)(i + 1) << LEVEL_SHIFT(level)));
		int err;

		if (!entry)
			continue;
		if (level > 1)
			err = walk_table(w, table_at(entry), level - 1, low, high);
		else
			err = w->fn(w, child_at(&table[i], entry, level), low >> 12 & 511,
				((high - 1) >> 12 & 511) + 1, low);
		if (err)
			return err;
	}
	return 0;
}

static int walk(struct walk *w, vaddr_t start, vaddr_t end)
{
	if (start >= end)
		return 0;
	if ((start ^ (end - 1)) < PMAP_SPAN) { /* all in one leaf table, as most areas are */
		u32 first = start >> 12 & 511;
		pte_t *e = leaf_find(w->pmap, start);

		return e ? w->fn(w, e - first, first, ((end - 1) >> 12 & 511) + 1, start) : 0;
	}
	return walk_table(w, w->pmap->top, 3, start, end);
}

/* ---- spaces ---- */

int pmap_init(struct pmap *m)
{
	m->top = cache_pop(&top_cache);
	if (!m->top) {
		m->top = table_alloc();
		if (!m->top)
			return -ENOMEM;
		memcpy(m->top + 256, kernel_top + 256, PAGE_SIZE / 2);
	}
	m->cpus = 0;
	m->context = __atomic_add_fetch(&next_context, 1, __ATOMIC_RELAXED);
	m->tlb_generation = 1;
	m->table_pages = 1;
	list_init(&m->leaves);
	list_init(&m->uppers);
	spin_init(&m->lock, RANK_PMAP);
	return 0;
}

/* Drops what the leaf still maps and leaves it empty. No CPU can see it any more. */
static void leaf_drop(struct page *p)
{
	pte_t *leaf = page_to_virt(p);

	span_split(leaf);
	for (u64 groups = p->index; groups; groups &= groups - 1) {
		pte_t *slot = leaf + bit_ffs(groups) * 8, *end = slot + 8;

		for (; slot != end; slot++) {
			pte_t pte = *slot;

			if (!pte)
				continue;
			*slot = 0;
			if (pte & PTE_OWNED)
				page_put(phys_to_page(pte & PTE_ADDR));
		}
	}
}

static void tables_drop(struct list *tables)
{
	struct page *p, *next;

	list_for_each_entry_safe (p, next, tables, node) {
		*(u64 *)p->private_ = 0;
		pmap_table_free(p);
	}
}

void pmap_fini(struct pmap *m)
{
	struct page *p;

	tlb_unload(m);
	list_for_each_entry (p, &m->leaves, node)
		leaf_drop(p);
	tables_drop(&m->leaves);
	tables_drop(&m->uppers);
	table_page(m->top)->index = 0;
	cache_push(&top_cache, m->top);
	m->top = NULL;
}

u64 pmap_table_pages(const struct pmap *m)
{
	return (u64)m->table_pages;
}

pte_t pmap_lookup(struct pmap *m, vaddr_t va)
{
	pte_t *e = leaf_find(m, va);

	return e ? __atomic_load_n(e, __ATOMIC_ACQUIRE) : 0;
}

static ALWAYS_INLINE int entry_replace(pte_t *e, pte_t old, pte_t new)
{
	pte_t seen = old;

	table_mark(e);
	while (unlikely(!__atomic_compare_exchange_n(
		e, &seen, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))) {
		if ((seen ^ old) & ~(PTE_A | PTE_D)) /* else the CPU marked it meanwhile */
			return -EAGAIN;
	}
	return 0;
}

static NOINLINE int replace_slow(struct pmap *m, vaddr_t va, pte_t old, pte_t new)
{
	pte_t *e = leaf_create(m, va);

	if (!e)
		return -ENOMEM;
	span_split((pte_t *)((u64)e & PAGE_MASK));
	return entry_replace(e, old, new);
}

int pmap_replace(struct pmap *m, vaddr_t va, pte_t old, pte_t new)
{
	pte_t *e = leaf_find(m, va);

	if (unlikely(!e || (old && *slot_of(e) & PTE_PS)))
		return replace_slow(m, va, old, new);
	return entry_replace(e, old, new);
}

u64 pmap_map_pages(struct pmap *m, vaddr_t va, const pte_t *ptes, u32 count)
{
	pte_t *e = NULL;
	u64 done = 0;

	for (u64 i = 0; i < count;) { /* a group, or its part */
		u64 part = MIN(8 - (va / PAGE_SIZE + i) % 8, count - i);
		bool marked = false;

		if (!e || (u64)e % PAGE_SIZE == 0)
			e = leaf_create(m, va + i * PAGE_SIZE);
		if (!e)
			break;
		for (; part; part--, e++, i++) {
			pte_t empty = 0;

			if (!ptes[i])
				continue;
			if (!marked)
				table_mark(e);
			marked = true;
			if (__atomic_compare_exchange_n(
				    e, &empty, ptes[i], false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				done |= BIT(i);
		}
	}
	return done;
}

static void gather_range(struct tlb_gather *g, vaddr_t start, size_t len_bytes)
{
	g->start = MIN(g->start, start);
	g->end = MAX(g->end, start + len_bytes);
}

static int leaf_unmap(struct walk *w, pte_t *leaf, u32 first, u32 last, vaddr_t va)
{
	struct tlb_gather *g = w->gather;
	u32 i;

	span_split(leaf);
	for_each_used(i, leaf, first, last)
	{
		pte_t pte = leaf[i];

		if (!pte)
			continue;
		if (w->alone)
			leaf[i] = 0;
		else
			pte = __atomic_exchange_n(&leaf[i], 0, __ATOMIC_ACQ_REL);
		if (pte & PTE_P)
			gather_range(g, va + (i - first) * PAGE_SIZE, PAGE_SIZE);
		if (pte & PTE_OWNED) {
			tlb_gather_count(g, phys_to_page(pte & PTE_ADDR));
			tlb_gather_page(g, phys_to_page(pte & PTE_ADDR));
		}
	}
	return 0;
}

void pmap_unmap(struct pmap *m, vaddr_t start, vaddr_t end, struct tlb_gather *g)
{
	/* One CPU in all: nothing changes an entry behind our back, for its CPU is busy here. */
	struct walk w = {.pmap = m, .fn = leaf_unmap, .gather = g, .alone = cpu_count == 1};

	(void)walk(&w, start, end);
}

static int leaf_protect(struct walk *w, pte_t *leaf, u32 first, u32 last, vaddr_t va)
{
	u32 i;

	span_split(leaf);
	for_each_used(i, leaf, first, last)
	{
		pte_t old = __atomic_load_n(&leaf[i], __ATOMIC_RELAXED), new;

		do {
			new = old ? pte_set_prot(old, w->prot) : 0;
		} while (new != old && !__atomic_compare_exchange_n(&leaf[i], &old, new, false,
					       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
		if (new != old && old &PTE_P)
			gather_range(w->gather, va + (i - first) * PAGE_SIZE, PAGE_SIZE);
	}
	return 0;
}

void pmap_protect(struct pmap *m, vaddr_t start, vaddr_t end, u32 prot, struct tlb_gather *g)
{
	struct walk w = {.pmap = m, .fn = leaf_protect, .gather = g, .prot = prot};

	(void)walk(&w, start, end);
}

/* One leaf table of fork. The child is not running, so its side needs no atomics. */
static int leaf_copy(struct walk *w, pte_t *leaf, u32 first, u32 last, vaddr_t va)
{
	pte_t *dst = leaf_find(w->other, va);
	struct tlb_gather *g = w->gather;
	pte_t lost = w->cow ? PTE_W : 0, had = 0; /* what the copy must not have */
	s64 to;                                   /* from an entry to its copy */
	u32 i;

	if (!dst)
		dst = leaf_create(w->other, va);
	if (!dst)
		return -ENOMEM;
	to = dst - first - leaf;
	if (lost)
		span_split(leaf);
	table_page(dst)->index |= table_page(leaf)->index & groups_between(first, last);
	for_each_used(i, leaf, first, last)
	{
		pte_t pte = leaf[i];

		if (!pte)
			continue;
		if (pte & lost) {
			/* a CPU may be setting the dirty bit */
			pte = __atomic_and_fetch(&leaf[i], ~lost, __ATOMIC_RELAXED);
			had = lost;
		}
		if (pte & PTE_OWNED) {
			struct page *page = phys_to_page(pte & PTE_ADDR);

			page_get(page);
			tlb_gather_count(g, page);
		}
		leaf[i + to] = pte;
	}
	if (had)
		gather_range(g, va, (last - first) * PAGE_SIZE);
	return 0;
}

int pmap_copy(struct pmap *dst, struct pmap *src, vaddr_t start, vaddr_t end, bool cow,
	struct tlb_gather *g)
{
	struct walk w = {.pmap = src, .fn = leaf_copy, .gather = g, .other = dst, .cow = cow};

	return walk(&w, start, end);
}

/* Makes the tables that the entries of this leaf will need. */
static int leaf_move_prepare(struct walk *w, pte_t *leaf, u32 first, u32 last, vaddr_t va)
{
	vaddr_t to = va + w->offset, end = to + (last - first) * PAGE_SIZE;

	for (; to < end; to = ALIGN_DOWN(to, PMAP_SPAN) + PMAP_SPAN)
		if (!leaf_create(w->pmap, to))
			return -ENOMEM;
	return 0;
}

static int leaf_move(struct walk *w, pte_t *leaf, u32 first, u32 last, vaddr_t va)
{
	u32 i;

	span_split(leaf);
	for_each_used(i, leaf, first, last)
	{
		vaddr_t from = va + (i - first) * PAGE_SIZE;
		pte_t pte = leaf[i] ? __atomic_exchange_n(&leaf[i], 0, __ATOMIC_ACQ_REL) : 0, *to;

		if (!pte)
			continue;
		if (pte & PTE_P)
			gather_range(w->gather, from, PAGE_SIZE);
		to = leaf_find(w->pmap, from + w->offset);
		table_mark(to);
		__atomic_store_n(to, pte, __ATOMIC_RELEASE);
	}
	return 0;
}

int pmap_move(struct pmap *m, vaddr_t from, vaddr_t to, size_t len_bytes, struct tlb_gather *g)
{
	struct walk w = {.pmap = m, .fn = leaf_move_prepare, .gather = g, .offset = to - from};

	if (walk(&w, from, from + len_bytes))
		return -ENOMEM;
	w.fn = leaf_move;
	return walk(&w, from, from + len_bytes);
}

/* Takes the table that @slot points to out of the tree; the page itself goes with the gather, after
 * the flush. */
static void table_unlink(struct pmap *m, u64 *slot, int level, struct tlb_gather *g)
{
	struct page *p = table_page(child_at(slot, *slot, level));
	const u64 *group = (const u64 *)((u64)slot & ~63ul);
	u64 others = 0;

	spin_lock(&m->lock);
	__atomic_store_n(slot, 0, __ATOMIC_RELEASE);
	for (u32 i = 0; i < 8; i++)
		others |= group[i];
	if (!others)
		table_page(slot)->index &= ~group_bit(slot);
	list_del(&p->node);
	m->table_pages--;
	spin_unlock(&m->lock);
	tlb_gather_table(g, p);
}

/* Tables below @table, whose entries have @level, that lie wholly inside [floor, ceiling), children
 * first. @base: first address of @table. Recursion: level 3 to 1. */
static void tables_free_below(struct pmap *m, u64 *table, int level, vaddr_t base, vaddr_t floor,
	vaddr_t ceiling, struct tlb_gather *g)
{
	vaddr_t start = MAX(base, floor), end = MIN(base + (512ul << LEVEL_SHIFT(level)), ceiling);
	u32 i;

	if (start >= end)
		return;
	for_each_used(i, table, start >> LEVEL_SHIFT(level) & 511,
		((end - 1) >> LEVEL_SHIFT(level) & 511) + 1)
	{
		vaddr_t va = base + ((u64)i << LEVEL_SHIFT(level));

		if (!table[i])
			continue;
		if (level > 1)
			tables_free_below(m, table_at(table[i]), level - 1, va, floor, ceiling, g);
		if (va >= floor && va + (1ul << LEVEL_SHIFT(level)) <= ceiling)
			table_unlink(m, &table[i], level, g);
	}
}

void pmap_free_tables(struct pmap *m, vaddr_t floor, vaddr_t ceiling, struct tlb_gather *g)
{
	if (floor < ceiling)
		tables_free_below(m, m->top, 3, 0, floor, MIN(ceiling, USER_MAX), g);
}

static int leaf_visit(struct walk *w, pte_t *leaf, u32 first, u32 last, vaddr_t va)
{
	u64 large = READ_ONCE(*slot_of(leaf)) & PTE_PS ? PTE_LARGE : 0;
	u32 i;

	for_each_used(i, leaf, first, last)
	{
		pte_t pte = __atomic_load_n(&leaf[i], __ATOMIC_RELAXED);

		if (pte)
			w->visit(w->ctx, va + (i - first) * PAGE_SIZE, pte | large);
	}
	return 0;
}

void pmap_walk(struct pmap *m, vaddr_t start, vaddr_t end,
	void (*fn)(void *ctx, vaddr_t va, pte_t pte), void *ctx)
{
	struct walk w = {.pmap = m, .fn = leaf_visit, .visit = fn, .ctx = ctx};

	(void)walk(&w, start, end);
}
