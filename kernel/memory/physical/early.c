/* Memory before the buddy system: takes pieces from the boot map and remembers what it took. Layer:
 * memory.
 *
 * The free memory of the machine is the usable regions of boot_info less a short sorted list of
 * taken ranges: the first megabyte (firmware, start-up code of the other CPUs), the kernel image,
 * the initrd, and every early_alloc. phys_init gives the rest to the buddy system. One CPU, no
 * locks. */
#include <exo/log.h>
#include <exo/string.h>
#include <arch/boot.h>
#include <arch/mmu.h>
#include "../memory_internal.h"

#define LOW_MEMORY_END 0x100000ull

static struct phys_range taken[EARLY_RANGES_MAX]; /* sorted by start; may touch, never overlap */
static u32 taken_count;
static bool closed;

static void range_take(paddr_t start, paddr_t end)
{
	u32 i = taken_count;

	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN_UP(end, PAGE_SIZE);
	for (u32 k = 0; k < taken_count; k++) { /* grow a neighbour: the list stays short */
		if (taken[k].end == start || taken[k].start == end) {
			taken[k].start = MIN(taken[k].start, start);
			taken[k].end = MAX(taken[k].end, end);
			return;
		}
	}
	if (taken_count == EARLY_RANGES_MAX)
		panic("early memory: more than %u ranges taken", EARLY_RANGES_MAX);
	for (; i > 0 && taken[i - 1].start > start; i--)
		taken[i] = taken[i - 1];
	taken[i] = (struct phys_range){start, end};
	taken_count++;
}

/* What is taken from the beginning. */
static void seed(void)
{
	range_take(0, LOW_MEMORY_END);
	range_take(virt_to_phys(kernel_start), virt_to_phys(kernel_end));
	if (boot_info.initrd_bytes)
		range_take(boot_info.initrd, boot_info.initrd + boot_info.initrd_bytes);
}

/* The first byte at or after @pa that is not taken. */
static paddr_t skip_taken(paddr_t pa)
{
	bool moved;

	do {
		moved = false;
		for (u32 i = 0; i < taken_count; i++) {
			if (pa >= taken[i].start && pa < taken[i].end) {
				pa = taken[i].end;
				moved = true;
			}
		}
	} while (moved);
	return pa;
}

bool early_free_next(paddr_t from, struct phys_range *out)
{
	if (!taken_count)
		seed();
	for (u32 i = 0; i < boot_info.region_count && i < BOOT_REGIONS_MAX; i++) {
		const struct mem_region *r = &boot_info.regions[i];
		paddr_t region_end = ALIGN_DOWN(r->start + r->len_bytes, PAGE_SIZE);
		paddr_t start, end;

		if (r->kind != MEM_USABLE || region_end < r->start)
			continue;
		start = skip_taken(MAX(ALIGN_UP(r->start, PAGE_SIZE), from));
		if (start >= region_end)
			continue;
		end = region_end;
		for (u32 k = 0; k < taken_count; k++)
			if (taken[k].start > start)
				end = MIN(end, taken[k].start);
		*out = (struct phys_range){start, end};
		return true;
	}
	return false;
}

paddr_t early_memory_end(void)
{
	paddr_t end = 0;

	for (u32 i = 0; i < boot_info.region_count && i < BOOT_REGIONS_MAX; i++) {
		const struct mem_region *r = &boot_info.regions[i];

		if (r->kind == MEM_USABLE)
			end = MAX(end, ALIGN_DOWN(r->start + r->len_bytes, PAGE_SIZE));
	}
	return end;
}

void *early_alloc_dirty(size_t len_bytes, size_t align)
{
	struct phys_range r;
	paddr_t from = 0;

	len_bytes = ALIGN_UP(len_bytes, PAGE_SIZE);
	align = MAX(align, (size_t)PAGE_SIZE);
	while (early_free_next(from, &r)) {
		paddr_t start = ALIGN_UP(r.start, align);

		if (start < r.end && r.end - start >= len_bytes) {
			range_take(start, start + len_bytes);
			return phys_to_virt(start);
		}
		from = r.end;
	}
	return NULL;
}

void *early_alloc(size_t len_bytes, size_t align)
{
	struct page *block;
	void *p;
	u32 order = 0;

	if (closed) { /* late callers of boot code are served from the buddy system, never to be
			 freed */
		while ((PAGE_SIZE << order) < MAX(len_bytes, align))
			order++;
		block = page_alloc(order, ALLOC_ZERO);
		if (!block)
			panic("boot memory: no %lu bytes left", (unsigned long)len_bytes);
		return page_to_virt(block);
	}
	p = early_alloc_dirty(len_bytes, align);
	if (!p)
		panic("early memory: no %lu bytes in the boot map", (unsigned long)len_bytes);
	memset(p, 0, ALIGN_UP(len_bytes, PAGE_SIZE));
	return p;
}

void early_close(void)
{
	closed = true;
}
