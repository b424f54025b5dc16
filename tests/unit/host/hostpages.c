/* host: page_alloc over the arena, for tests that do not link kernel/memory/physical: single pages,
 * never coalesced. */
#include <host.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <arch/mmu.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES (64ULL << 20)
#define FIRST_PFN   256 /* 1 MB */

struct page *mem_map;
pfn_t mem_map_end;
static struct page *free_pages;      /* [lock] chained through ->object */
static pfn_t next_fresh = FIRST_PFN; /* [lock] */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void setup(void)
{
	if (!host_phys_base)
		host_phys_setup(ARENA_BYTES);
	mem_map_end = host_phys_bytes >> PAGE_SHIFT;
	mem_map = calloc(mem_map_end, sizeof(*mem_map));
	ASSERT(mem_map);
}

struct page *page_alloc(u32 order, u32 flags)
{
	struct page *p = NULL;

	pthread_mutex_lock(&lock);
	if (!mem_map)
		setup();
	if (order == 0 && free_pages) {
		p = free_pages;
		free_pages = (struct page *)p->object;
	} else if (ALIGN_UP(next_fresh, 1ULL << order) + (1ULL << order) <= mem_map_end) {
		next_fresh = ALIGN_UP(next_fresh, 1ULL << order);
		p = &mem_map[next_fresh];
		next_fresh += 1ULL << order;
	}
	pthread_mutex_unlock(&lock);
	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->refs = 1;
	p->order = (u8)order;
	memset(page_to_virt(p), flags & ALLOC_ZERO ? 0 : 0xa5, PAGE_SIZE << order);
	return p;
}

void page_free(struct page *p, u32 order)
{
	ASSERT(p->refs <= 1);
	pthread_mutex_lock(&lock);
	for (u64 i = 0; i < 1ULL << order; i++) {
		p[i].refs = 0;
		p[i].object = (struct vm_object *)free_pages;
		free_pages = &p[i];
	}
	pthread_mutex_unlock(&lock);
}

void page_put_slow(struct page *p)
{
	page_free(p, 0);
}
