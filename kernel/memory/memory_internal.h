/* What the files of the memory room share: zones, per-CPU page lists, heap and reclaim internals.
 * Layer: memory. */
#pragma once

#include <exo/bitops.h>
#include <exo/debug.h>
#include <exo/list.h>
#include <exo/memory.h>
#include <exo/sync.h>
#include <exo/types.h>
#include <arch/cpu.h>

/* ---- physical/early.c: the boot map with what was taken from it ---- */
#define EARLY_RANGES_MAX 64
struct phys_range {
	paddr_t start, end;
};
/* early_free_next - the next free range of the boot map at or above @from, page aligned. false:
 * none left. */
bool early_free_next(paddr_t from, struct phys_range *out);
/* early_alloc without the clearing; NULL when out */
void *early_alloc_dirty(size_t len_bytes, size_t align);
paddr_t early_memory_end(void); /* end of the highest usable region */
void early_close(void);         /* phys_init took over */

/* ---- physical/buddy.c ---- */
#define ORDERS         (PAGE_ORDER_MAX + 1)
#define BLOCK_PAGES    (1ul << PAGE_ORDER_MAX)
#define BLOCK_BYTES    (BLOCK_PAGES << PAGE_SHIFT)
#define ZONE_DMA_END   (16ull << 20)
#define ZONE_DMA32_END (4ull << 30)
enum zone_id { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_COUNT };

/* Locks: [l] zone->lock, [c] constant after phys_init. */
struct zone {
	spinlock_t lock;           /* BUDDY, taken with interrupts off */
	u64 pages_free;            /* [l] in the lists and in untouched blocks */
	u64 pages_managed;         /* [l] ever given to the buddy system */
	u64 pages_reserve;         /* [c] what only ALLOC_ATOMIC may take */
	u32 orders_present;        /* [l] bit o = lists[o] is not empty */
	u32 blocks_untouched;      /* [l] blocks whose struct pages were never written */
	u64 block_next, block_end; /* [l] where to look for the next untouched block */
	struct list lists[ORDERS]; /* [l] heads of free blocks, by order */
};
extern struct zone zones[ZONE_COUNT];

/* buddy_alloc - one block of @order, or NULL when that would leave fewer than @keep pages. Context:
 * lock held. */
struct page *buddy_alloc_locked(struct zone *z, u32 order, u64 keep);
void buddy_free_locked(struct zone *z, struct page *p, u32 order);
void buddy_free_range(pfn_t start, pfn_t end); /* any alignment; struct pages written by the caller
						  or by the block's first use */
void page_poison(struct page *p, u32 order);
void page_poison_check(struct page *p, u32 order);
NORETURN COLD void page_bad(const struct page *p, const char *what);

/* States of a 4 MB block of mem_map. */
enum block_state { BLOCK_ABSENT, BLOCK_UNTOUCHED, BLOCK_LIVE };
extern u8 *block_states; /* [c] array, [zone lock] contents */

/* ---- physical/pages.c ---- */
u64 pages_listed(void); /* free pages in the lists of all CPUs */
void pages_drain_local(void *unused);

/* ---- physical/reclaim.c ---- */
extern u64 mem_slab_pages, mem_slab_reclaimable_pages; /* [a] */
/* memory_reclaim - asks everybody who can give something back for @target pages (0: only collects
 * what the CPUs keep). Return: whether trying again makes sense. */
bool memory_reclaim(u64 target);
bool memory_may_sleep(void); /* a thread with interrupts on, after boot */
/* memory_ask_cpus - @fn on every CPU; on this one alone where we may not sleep. */
void memory_ask_cpus(void (*fn)(void *arg), void *arg);

/* ---- test hook, physical/pages.c ---- */
#ifndef MEMORY_CHECKS /* a benchmark of the host says 0 */
#if defined(EXO_DEBUG) || defined(EXO_HOST)
#define MEMORY_CHECKS 1
#else
#define MEMORY_CHECKS 0
#endif
#endif
bool heap_fail_now(void); /* with MEMORY_CHECKS only */

/* Address-sanitizer shadow of our own allocators, where the build has one: the host's in unit
 * tests, KASAN in DEBUG=1. */
#if defined(EXO_HOST) && defined(__SANITIZE_ADDRESS__)
void __asan_poison_memory_region(void const volatile *p, size_t len_bytes);
void __asan_unpoison_memory_region(void const volatile *p, size_t len_bytes);
#define shadow_poison(p, len, kind) __asan_poison_memory_region(p, len)
#define shadow_unpoison(p, len)     __asan_unpoison_memory_region(p, len)
#else
#define shadow_poison(p, len, kind) kasan_poison(p, len, kind)
#define shadow_unpoison(p, len)     kasan_unpoison(p, len)
#endif
