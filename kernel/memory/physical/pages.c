/* page_alloc and page_free: a list of free pages per CPU in front of the buddy system. Layer:
 * memory.
 *
 * The per-CPU list is a small stack of single pages. Its owner works on it with preemption off and
 * `busy` set; an interrupt that comes in between sees `busy` and goes to the zones, whose locks are
 * taken with interrupts off. So the common path has no lock, no atomic instruction and does not
 * touch the interrupt flag. */
#include <arch/mmu.h>
#include "../memory_internal.h"

#define LIST_PAGES  256 /* a small process's pages come and go without a lock */
#define BATCH_PAGES 64
#define BATCH_ORDER 5

struct page_list {
	u32 busy;                       /* [p] the owner is in the middle of a change */
	u32 count;                      /* [p] */
	struct page *pages[LIST_PAGES]; /* [p] the first `count`, last one hottest */
};
static PER_CPU(struct page_list, page_lists);

/* This CPU's list, preemption off until list_leave. NULL = we interrupted its owner. */
static ALWAYS_INLINE struct page_list *list_enter(void)
{
	preempt_disable();
	struct page_list *l = this_cpu_ptr(page_lists);
	if (unlikely(l->busy)) {
		preempt_enable();
		return NULL;
	}
	l->busy = 1;
	barrier();
	return l;
}

static ALWAYS_INLINE void list_leave(struct page_list *l)
{
	barrier();
	l->busy = 0;
	preempt_enable();
}

#if MEMORY_CHECKS
static u64 fail_countdown; /* [a] 0 = off */

void heap_fail_at(u64 n)
{
	__atomic_store_n(&fail_countdown, n, __ATOMIC_RELAXED);
}
bool heap_fail_hit(void)
{
	return !__atomic_load_n(&fail_countdown, __ATOMIC_RELAXED);
}
bool heap_fail_now(void)
{
	return __atomic_load_n(&fail_countdown, __ATOMIC_RELAXED) &&
	       __atomic_sub_fetch(&fail_countdown, 1, __ATOMIC_RELAXED) == 0;
}
#endif

/* What must stay free after an allocation with @flags. */
static u64 keep_pages(const struct zone *z, u32 flags)
{
	if (flags & ALLOC_ATOMIC)
		return 0;
	if (flags & ALLOC_DATA)
		return z->pages_reserve * 2;
	return flags & ALLOC_USER ? z->pages_reserve : z->pages_reserve / 2;
}

static struct page *zones_alloc(u32 order, u32 flags)
{
	for (s32 i = flags & ALLOC_DMA32 ? ZONE_DMA32 : ZONE_NORMAL; i >= 0; i--) {
		struct zone *z = &zones[i];
		struct page *p;
		ulong irq;

		if (__atomic_load_n(&z->pages_free, __ATOMIC_RELAXED) < 1ull << order)
			continue;
		irq = spin_lock_irq(&z->lock);
		p = buddy_alloc_locked(z, order, keep_pages(z, flags));
		spin_unlock_irq(&z->lock, irq);
		if (p)
			return p;
	}
	return NULL;
}

/* Moves up to a batch of pages from one zone to the list; the blocks are small ones first, so that
 * large ones stay whole. */
static void list_refill_from(struct page_list *l, struct zone *z, u32 flags)
{
	u64 keep = keep_pages(z, flags);
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&z->lock);

	while (l->count < BATCH_PAGES) {
		u32 present = z->orders_present & ((1u << (BATCH_ORDER + 1)) - 1);
		u32 order = present ? bit_ffs(present) : BATCH_ORDER;
		struct page *p = buddy_alloc_locked(z, order, keep);

		if (!p)
			break;
		for (u32 i = 1u << order; i-- > 0;) { /* lowest address on top */
			p[i].flags = PG_LISTED;
			l->pages[l->count++] = p + i;
		}
	}
}

static NOINLINE void list_refill(struct page_list *l, u32 flags)
{
	for (s32 i = ZONE_NORMAL; i >= 0 && !l->count; i--)
		list_refill_from(l, &zones[i], flags);
}

/* Gives the @n coldest pages of the list back. */
static NOINLINE void list_flush(struct page_list *l, u32 n)
{
	struct zone *z = NULL;
	ulong irq = arch_irq_save();

	for (u32 i = 0; i < n; i++) {
		struct page *p = l->pages[i];

		if (z != &zones[p->zone]) {
			if (z)
				spin_unlock(&z->lock);
			z = &zones[p->zone];
			spin_lock(&z->lock);
		}
		p->flags = 0;
		buddy_free_locked(z, p, 0);
	}
	if (z)
		spin_unlock(&z->lock);
	arch_irq_restore(irq);
	l->count -= n;
	for (u32 i = 0; i < l->count; i++)
		l->pages[i] = l->pages[i + n];
}

/* The list is empty, or an interrupt found it busy, or the request is not for it. */
static struct page *pages_find(u32 order, u32 flags)
{
	struct page_list *l = order || flags & ALLOC_DMA32 ? NULL : list_enter();
	struct page *p = NULL;

	if (l) {
		if (!l->count)
			list_refill(l, flags);
		if (l->count)
			p = l->pages[--l->count];
		list_leave(l);
	}
	return p ? p : zones_alloc(order, flags);
}

static struct page *pages_find_hard(u32 order, u32 flags)
{
	struct page *p = NULL;
	bool more = true;

	for (u32 attempt = 0; attempt < 5 && more && !p; attempt++) {
		more = memory_reclaim(attempt ? 32ull << order : 0);
		p = zones_alloc(order, flags);
	}
	return p;
}

static NOINLINE struct page *page_alloc_slow(u32 order, u32 flags)
{
	struct page *p;

	if (order > PAGE_ORDER_MAX || (MEMORY_CHECKS && heap_fail_now()))
		return NULL;
	p = pages_find(order, flags);
	if (!p && !(flags & (ALLOC_ATOMIC | ALLOC_ONCE)) && memory_may_sleep())
		p = pages_find_hard(order, flags);
	if (!p)
		return NULL;
	if (MEMORY_CHECKS)
		page_poison_check(p, order);
	p->refs = 1;
	p->flags = 0;
	if (flags & ALLOC_ZERO)
		for (u32 i = 0; i < 1u << order; i++)
			arch_page_clear(page_to_virt(p + i));
	return p;
}

static NOINLINE struct page *page_zeroed(struct page *p)
{
	arch_page_clear(phys_to_virt(page_to_phys(p)));
	return p;
}

/* The common case takes the hottest page of the list and nothing else; it keeps few registers, so
 * it saves none. */
struct page *page_alloc(u32 order, u32 flags)
{
	struct page_list *l;
	struct page *p;
	u32 n;

	if (unlikely(order || (flags & ALLOC_DMA32)) || MEMORY_CHECKS)
		return page_alloc_slow(order, flags);
	l = list_enter();
	n = l ? l->count : 0;
	if (unlikely(!n)) {
		if (l)
			list_leave(l);
		return page_alloc_slow(order, flags);
	}
	p = l->pages[n - 1];
	l->count = n - 1;
	list_leave(l);
	p->refs = 1;
	p->flags = 0;
	return flags & ALLOC_ZERO ? page_zeroed(p) : p;
}

static NOINLINE void page_free_slow(struct page *p, u32 order)
{
	struct zone *z = &zones[p->zone];
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&z->lock);

	buddy_free_locked(z, p, order);
}

static NOINLINE void list_push_full(struct page *p)
{
	struct page_list *l = list_enter();

	if (l) {
		if (l->count == LIST_PAGES)
			list_flush(l, BATCH_PAGES);
		p->flags = PG_LISTED;
		l->pages[l->count++] = p;
		list_leave(l);
	} else {
		p->flags = 0;
		page_free_slow(p, 0);
	}
}

void page_free(struct page *p, u32 order)
{
	struct page_list *l;
	u32 n;

	if (unlikely(p->flags & (PG_BUDDY | PG_LISTED | PG_RESERVED) || p->refs > 1))
		page_bad(p, "freed, but free already or in use");
	if (MEMORY_CHECKS)
		page_poison(p, order);
	p->refs = 0;
	if (unlikely(order)) {
		p->flags = 0;
		page_free_slow(p, order);
		return;
	}
	l = list_enter();
	n = l ? l->count : LIST_PAGES;
	if (unlikely(n == LIST_PAGES)) {
		if (l)
			list_leave(l);
		list_push_full(p);
		return;
	}
	p->flags = PG_LISTED;
	l->pages[n] = p;
	l->count = n + 1;
	list_leave(l);
}

void page_put_slow(struct page *p)
{
	if (p->flags & PG_ANON)
		mem_account(MEM_ANON, -1);
	page_free(p, 0);
}

void pages_drain_local(void *unused)
{
	struct page_list *l = list_enter();

	if (l) {
		list_flush(l, l->count);
		list_leave(l);
	}
}

u64 pages_listed(void)
{
	u64 n = 0;
	u32 c;

	for_each_online_cpu (c)
		n += __atomic_load_n(&cpu_ptr(page_lists, c)->count, __ATOMIC_RELAXED);
	return n;
}
