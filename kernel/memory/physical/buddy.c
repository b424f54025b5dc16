/* The buddy system: free blocks of 2^order pages, in zones. Layer: memory.
 *
 * mem_map is cut into blocks of the largest order (4 MB of memory, 64 KB of struct pages). A block
 * that is wholly free at boot is UNTOUCHED: its struct pages are not even written until somebody
 * needs the block, so that boot costs nothing per page. Blocks never merge beyond the largest
 * order, hence a buddy is always in the same block and always initialised.
 *
 * Invariants: a free block's head has PG_BUDDY and its order, is on exactly one list, and is
 * aligned to its size; orders_present and pages_free agree with the lists. Locks: zone->lock, with
 * interrupts off. Source: Knowlton, "A fast storage allocator" (1965); Knuth, TAOCP volume 1, 2.5.
 */
#include <exo/log.h>
#include <exo/string.h>
#include <arch/boot.h>
#include <arch/mmu.h>
#include "../memory_internal.h"

#define POISON_FREE 0x6b

struct page *mem_map;
pfn_t mem_map_end;
struct zone zones[ZONE_COUNT];
u8 *block_states;

void page_bad(const struct page *p, const char *what)
{
	panic("page %lx: %s (refs %u, flags %x, order %u)", (unsigned long)page_to_pfn(p), what,
		p->refs, p->flags, p->order);
}

#define POISON_WORD (0x0101010101010101ull * POISON_FREE)
void page_poison(struct page *p, u32 order)
{
	/* slabs leave poisoned objects behind */
	shadow_unpoison(page_to_virt(p), PAGE_SIZE << order);
	memset(page_to_virt(p), POISON_FREE, PAGE_SIZE << order);
	shadow_poison(page_to_virt(p), PAGE_SIZE << order, KASAN_PAGE_FREE);
	for (u32 i = 0; i < 1u << order; i++)
		p[i].private_ = POISON_WORD; /* pages never used since boot carry no such mark and
						are not checked */
}

void page_poison_check(struct page *p, u32 order)
{
	shadow_unpoison(page_to_virt(p), PAGE_SIZE << order);
	for (u32 i = 0; i < 1u << order; i++) {
		const u64 *w = page_to_virt(p + i);

		for (size_t k = 0; p[i].private_ == POISON_WORD && k < PAGE_SIZE / sizeof(*w); k++)
			if (w[k] != POISON_WORD)
				page_bad(p + i, "written after it was freed");
		p[i].private_ = 0;
	}
}

static void block_insert(struct zone *z, struct page *p, u32 order)
{
	p->flags = PG_BUDDY;
	p->order = (u8)order;
	list_add(&z->lists[order], &p->node);
	z->orders_present |= 1u << order;
}

static void block_remove(struct zone *z, struct page *p, u32 order)
{
	list_del(&p->node);
	p->flags = 0;
	if (list_empty(&z->lists[order]))
		z->orders_present &= ~(1u << order);
}

static enum zone_id zone_of(pfn_t pfn)
{
	paddr_t pa = pfn << PAGE_SHIFT;

	return pa < ZONE_DMA_END ? ZONE_DMA : pa < ZONE_DMA32_END ? ZONE_DMA32 : ZONE_NORMAL;
}

/* Writes the struct pages of a block. */
static void block_write(u64 block, bool reserved)
{
	struct page *p = pfn_to_page(block << PAGE_ORDER_MAX), *end = p + BLOCK_PAGES;
	u8 zone = zone_of(block << PAGE_ORDER_MAX);

	for (; p < end; p++)
		*p = (struct page){
			.zone = zone, .refs = reserved, .flags = reserved ? PG_RESERVED : 0};
	block_states[block] = BLOCK_LIVE;
}

/* Writes the struct pages of the next untouched block and puts it on the list of the largest order.
 */
static bool block_open(struct zone *z)
{
	if (!z->blocks_untouched)
		return false;
	while (block_states[z->block_next] != BLOCK_UNTOUCHED)
		z->block_next++;
	ASSERT(z->block_next < z->block_end);
	z->blocks_untouched--;
	block_write(z->block_next, false);
	block_insert(z, pfn_to_page(z->block_next++ << PAGE_ORDER_MAX), PAGE_ORDER_MAX);
	return true;
}

struct page *buddy_alloc_locked(struct zone *z, u32 order, u64 keep)
{
	u32 have;

	LOCK_HELD(&z->lock);
	if (z->pages_free < (1ull << order) + keep)
		return NULL;
	if (!(z->orders_present >> order) && !block_open(z))
		return NULL;
	have = order + bit_ffs(z->orders_present >> order);
	struct page *p = list_entry(z->lists[have].next, struct page, node);
	block_remove(z, p, have);
	while (have > order) { /* the upper half goes back, the lower is split on */
		have--;
		block_insert(z, p + (1ul << have), have);
	}
	z->pages_free -= 1ull << order;
	p->order = (u8)order;
	return p;
}

void buddy_free_locked(struct zone *z, struct page *p, u32 order)
{
	pfn_t pfn = page_to_pfn(p);

	LOCK_HELD(&z->lock);
	z->pages_free += 1ull << order;
	while (order < PAGE_ORDER_MAX) {
		struct page *buddy = pfn_to_page(pfn ^ (1ul << order));

		if (!(buddy->flags & PG_BUDDY) || buddy->order != order)
			break;
		block_remove(z, buddy, order);
		pfn &= ~(1ul << order);
		order++;
	}
	block_insert(z, pfn_to_page(pfn), order);
}

static void buddy_init_zone(enum zone_id id, u64 block_first, u64 block_end)
{
	struct zone *z = &zones[id];

	spin_init(&z->lock, RANK_BUDDY);
	for (u32 o = 0; o < ORDERS; o++)
		list_init(&z->lists[o]);
	z->block_next = block_first;
	z->block_end = block_end;
}

/* Gives part of one live block to the buddy system, in the largest aligned pieces. */
static void block_free_part(pfn_t start, pfn_t end)
{
	struct zone *z = &zones[zone_of(start)];
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&z->lock);

	while (start < end) {
		u32 order = MIN((u32)PAGE_ORDER_MAX, bit_fls(end - start));

		if (start)
			order = MIN(order, bit_ffs(start));
		for (pfn_t i = start; i < start + (1ul << order); i++)
			*pfn_to_page(i) = (struct page){.zone = (u8)(z - zones)};
		buddy_free_locked(z, pfn_to_page(start), order);
		z->pages_managed += 1ul << order;
		start += 1ul << order;
	}
}

void buddy_free_range(pfn_t start, pfn_t end)
{
	kasan_poison(
		phys_to_virt(start << PAGE_SHIFT), (end - start) << PAGE_SHIFT, KASAN_PAGE_FREE);
	while (start < end) {
		pfn_t block_end = MIN(end, ALIGN_UP(start + 1, BLOCK_PAGES));
		u64 block = start >> PAGE_ORDER_MAX;

		if (block_end - start == BLOCK_PAGES && block_states[block] == BLOCK_ABSENT) {
			struct zone *z = &zones[zone_of(start)];

			block_states[block] = BLOCK_UNTOUCHED;
			z->blocks_untouched++;
			z->pages_free += BLOCK_PAGES;
			z->pages_managed += BLOCK_PAGES;
		} else {
			if (block_states[block] == BLOCK_ABSENT)
				block_write(block, true); /* the rest of it stays reserved */
			block_free_part(start, block_end);
		}
		start = block_end;
	}
}

/* Blocks with memory but nothing free (kernel, initrd, mem_map itself) need struct pages too: they
 * are asked about and given back. */
static void reserve_rest(void)
{
	for (u32 i = 0; i < boot_info.region_count && i < BOOT_REGIONS_MAX; i++) {
		const struct mem_region *r = &boot_info.regions[i];
		u64 last = ALIGN_UP(r->start + r->len_bytes, BLOCK_BYTES) / BLOCK_BYTES;

		for (u64 b = r->start / BLOCK_BYTES; b < MIN(last, mem_map_end >> PAGE_ORDER_MAX);
			b++)
			if (r->kind == MEM_USABLE && block_states[b] == BLOCK_ABSENT)
				block_write(b, true);
	}
}

static void zones_init(u64 blocks)
{
	u64 dma = MIN(blocks, ZONE_DMA_END / BLOCK_BYTES),
	    dma32 = MIN(blocks, ZONE_DMA32_END / BLOCK_BYTES);

	buddy_init_zone(ZONE_DMA, 0, dma);
	buddy_init_zone(ZONE_DMA32, dma, dma32);
	buddy_init_zone(ZONE_NORMAL, dma32, blocks);
}

/* Struct pages of blocks without memory describe nothing: the part of mem_map that holds them is
 * memory like any other. */
static void table_holes_free(u64 blocks)
{
	u64 first, end;

	for (first = 0; first < blocks; first = end + 1) {
		for (end = first; end < blocks && block_states[end] == BLOCK_ABSENT; end++)
			;
		if (end > first)
			buddy_free_range(
				virt_to_phys(pfn_to_page(first << PAGE_ORDER_MAX)) >> PAGE_SHIFT,
				virt_to_phys(pfn_to_page(end << PAGE_ORDER_MAX)) >> PAGE_SHIFT);
	}
}

/* The reserve grows with the root of the memory, as interrupts' needs do: 512 MB keep 2.8 MB.
 * Shared out by zone size. */
static void reserves_init(void)
{
	u64 total = 0, reserve = 1;

	for (u32 i = 0; i < ZONE_COUNT; i++)
		total += zones[i].pages_managed;
	while (reserve * reserve < total * 4)
		reserve++;
	for (u32 i = 0; i < ZONE_COUNT && total; i++)
		zones[i].pages_reserve = reserve * zones[i].pages_managed / total;
}

void phys_init(void)
{
	u64 blocks = ALIGN_UP(early_memory_end(), BLOCK_BYTES) / BLOCK_BYTES;
	struct phys_range r;
	u64 free_pages = 0;

	block_states = early_alloc(blocks, PAGE_SIZE);
	for (;; blocks--) { /* absurdly high memory whose table would not fit is left out */
		mem_map = early_alloc_dirty(blocks * BLOCK_PAGES * sizeof(struct page), PAGE_SIZE);
		if (mem_map)
			break;
		ASSERT(blocks > 1);
	}
	mem_map_end = blocks << PAGE_ORDER_MAX;
	zones_init(blocks);
	for (paddr_t from = 0; early_free_next(from, &r); from = r.end) {
		pfn_t start = r.start >> PAGE_SHIFT, end = MIN(r.end >> PAGE_SHIFT, mem_map_end);

		if (start < end)
			buddy_free_range(start, end);
	}
	early_close();
	reserve_rest();
	table_holes_free(blocks);
	reserves_init();
	for (u32 i = 0; i < ZONE_COUNT; i++)
		free_pages += zones[i].pages_free;
	log_info("memory: %lu MB free, struct pages for %lu MB",
		(unsigned long)(free_pages >> (20 - PAGE_SHIFT)),
		(unsigned long)(mem_map_end >> (20 - PAGE_SHIFT)));
}

void phys_free_range(paddr_t start, paddr_t end)
{
	pfn_t first = ALIGN_UP(start, PAGE_SIZE) >> PAGE_SHIFT,
	      last = MIN(end >> PAGE_SHIFT, mem_map_end);

	for (pfn_t i = first; i < last; i++)
		if (!(pfn_to_page(i)->flags & PG_RESERVED))
			page_bad(pfn_to_page(i), "given to phys_free_range twice");
	if (first < last)
		buddy_free_range(first, last);
}

void phys_init_late(void)
{
	if (boot_info.initrd_bytes) {
		phys_free_range(boot_info.initrd, boot_info.initrd + boot_info.initrd_bytes);
		boot_info.initrd_bytes = 0;
	}
}
