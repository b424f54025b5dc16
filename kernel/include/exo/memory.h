/* Physical pages and the kernel heap. Code in kernel/memory/{physical,heap}/. Layer: memory.
 * Context: any, interrupts included, for everything with ALLOC_ATOMIC and for every free. */
#pragma once

#include <exo/types.h>
#include <exo/list.h>
#include <exo/sync.h>
#include <arch/mmu.h>

/* ---- struct page: one a physical frame, array mem_map ---- */
enum page_flags {
	PG_RESERVED = 1,
	PG_BUDDY = 2,
	PG_SLAB = 4,
	PG_DIRTY = 8,
	PG_UPTODATE = 16,
	PG_CACHE = 64,
	PG_ANON = 128,
	PG_SHMEM = 256,  /* with PG_CACHE: counts as shared memory */
	PG_LISTED = 512, /* free, in a per-CPU list */
};
struct vm_object;
struct page {
	u32 refs;  /* [a] 0 = free */
	u16 flags; /* [a] enum page_flags */
	u8 order;  /* buddy order when PG_BUDDY or compound head */
	u8 zone;   /* [c] */
	union {
		struct list node; /* buddy lists [zone lock]; object lists */
		struct {
			void *slab_freelist;
			struct kmem_cache *slab_cache;
		};
		struct rcu_head rcu; /* cache page on its way out, after it left its object */
	};
	struct vm_object *object; /* page cache: owner [object lock] */
	union {
		u64 index;               /* page offset in the object */
		struct {                 /* slab, in the head page [cache lock] */
			u16 slab_used;   /* objects handed out, magazines included */
			u16 slab_carved; /* objects ever handed out; those above were never touched
					  */
			u16 slab_objects;
		};
	};
	struct list lru;
	u64 private_; /* slab: the head page; kmalloc above the classes, vmalloc: pages in the block
		       */
};
_Static_assert(sizeof(struct page) == 64, "one cache line a page");
extern struct page *mem_map; /* [c] mem_map[pfn] */
extern pfn_t mem_map_end;    /* [c] first pfn without a struct page */
static inline struct page *pfn_to_page(pfn_t pfn)
{
	return &mem_map[pfn];
}
static inline pfn_t page_to_pfn(const struct page *p)
{
	return (pfn_t)(p - mem_map);
}
static inline paddr_t page_to_phys(const struct page *p)
{
	return page_to_pfn(p) << PAGE_SHIFT;
}
static inline struct page *phys_to_page(paddr_t pa)
{
	/* &mem_map[pa >> PAGE_SHIFT] with one shift */
	return (struct page *)((u8 *)mem_map +
			       (pa / (PAGE_SIZE / sizeof(*mem_map)) & -sizeof(*mem_map)));
}
static inline void *page_to_virt(const struct page *p)
{
	return phys_to_virt(page_to_phys(p));
}
static inline struct page *virt_to_page(const void *va)
{
	return phys_to_page(virt_to_phys(va));
}

enum alloc_flags {
	ALLOC_KERNEL = 0, /* may sleep, may reclaim, may fail */
	ALLOC_ATOMIC = 1, /* may not sleep; may dip into the reserve */
	ALLOC_ZERO = 2,
	ALLOC_DMA32 = 4, /* below 4 GB */
	ALLOC_USER = 8, /* user page: must leave the reserve alone; failure starts the OOM killer in
			   the fault path */
	ALLOC_DATA = 16, /* contents of files and pipes, which end with no process: must leave as
			    much again, or all others would be killed for it */
	ALLOC_ONCE = 32, /* fails rather than asking others for memory: the caller can do without */
};
#define PAGE_ORDER_MAX 10 /* 4 MB */

/* page_alloc - 2^order pages, refs = 1 on the first. Order 0 comes from a per-CPU list without a
 * lock. Return: NULL when out. */
struct page *page_alloc(u32 order, u32 flags);
void page_free(struct page *p, u32 order); /* refs must be 1 or 0 */
/* page_split - a block just allocated becomes pages of their own, with one reference each. */
static inline void page_split(struct page *p, u32 order)
{
	for (u32 i = 0; i < 1u << order; i++) {
		p[i].refs = 1;
		p[i].flags = 0;
	}
}
static inline void page_get(struct page *p)
{
	__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
}
void page_put_slow(struct page *p);
static inline void page_put(struct page *p) /* frees an order-0 page at zero */
{
	if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0)
		page_put_slow(p);
}

/* early: from the boot map before phys_init, from the buddy system after it; page aligned, zeroed,
 * never freed; panics when none (boot only). */
void *early_alloc(size_t len_bytes, size_t align);
void phys_init(void);      /* boot_info -> zones, mem_map, buddy */
void phys_init_late(void); /* gives the initrd and boot-only sections back when told */
void phys_free_range(paddr_t start, paddr_t end); /* initrd, .init sections */

struct mem_stats { /* pages_cache includes pages_shmem, as Linux's "Cached" does */
	u64 pages_total, pages_free, pages_cache, pages_anon, pages_slab, pages_slab_reclaimable,
		pages_table, pages_kstack, pages_shmem, pages_dirty, pages_anon_huge, pages_reserve;
};
void mem_stats_get(struct mem_stats *out);
u64 mem_pages_free(void); /* pages_free alone, without locks */
u64 mem_pages_total(void);
enum mem_counter {
	MEM_CACHE,
	MEM_ANON,
	MEM_TABLE,
	MEM_KSTACK,
	MEM_SHMEM,
	MEM_DIRTY,
	MEM_ANON_HUGE, /* of MEM_ANON: what large entries map */
	MEM_COUNTERS
};
void mem_account(enum mem_counter c, s64 pages); /* per CPU, lock-free */
/* Reclaim hooks: dentry cache, page cache register a shrinker, once, at boot. Return: pages (or
 * objects) freed. shrink() runs in a thread that may hold any sleeping lock: it may try-lock only,
 * and may allocate with ALLOC_ATOMIC only. */
struct shrinker {
	u64 (*shrink)(struct shrinker *s, u64 target);
	struct list node;
};
void shrinker_register(struct shrinker *s);
/* memory_drain - every cache of free objects gives back what it can: unused dentries, magazines,
 * empty slabs, kernel stacks, page lists. For measuring: after it, free pages are the same when the
 * same things live. Context: thread, no locks. */
void memory_drain(void);

/* ---- heap ---- */
void heap_init(void);
/* 16-byte aligned; any size up to 4 MB */
void *kmalloc(size_t len_bytes, u32 flags) __attribute__((malloc, alloc_size(1)));
void *kzalloc(size_t len_bytes, u32 flags) __attribute__((malloc, alloc_size(1)));
void *krealloc(void *p, size_t len_bytes, u32 flags);
void kfree(const void *p); /* NULL is fine */
/* RCU_KFREE - defines @name, for rcu_call: frees the @type, of kmalloc or a cache, that holds the
 * head as @member. */
#define RCU_KFREE(name, type, member)                 \
	static void name(struct rcu_head *h)          \
	{                                             \
		kfree(container_of(h, type, member)); \
	}
static inline void kfree_at(void *pointer) /* for SCOPED; err_ptr is fine */
{
	void *p = *(void **)pointer;

	if (!is_err(p))
		kfree(p);
}
char *kstrdup(const char *s, u32 flags);
struct kmem_cache;
/* kmem_cache_create - typed slab cache. Never fails at boot (panics), so its users need no check.
 * @align 0 = 16.
 * @flags CACHE_RCU: slabs are given back only after a grace period, so a stale pointer still names
 * an object of this type. */
#define CACHE_RCU         1u
#define CACHE_RECLAIMABLE 2u /* counts as SReclaimable: a shrinker can empty it */
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, u32 flags);
/* contents: undefined, ALLOC_ZERO for zeroed */
void *kmem_cache_alloc(struct kmem_cache *c, u32 flags);
void kmem_cache_free(struct kmem_cache *c, void *p);
u64 kmem_cache_shrink_all(void);
/* heap_slabinfo - one line a cache, format of /proc/slabinfo. Return: bytes (as snprintf). */
size_t heap_slabinfo(char *buf, size_t size);
/* heap_fail_at - test hook: the n-th allocation from now fails (0 = off). Host builds and DEBUG
 * only. */
void heap_fail_at(u64 n);
bool heap_fail_hit(void); /* the failure asked for by heap_fail_at has happened */

/* vmalloc area: kernel stacks with guard pages, large tables. */
void *vmalloc(size_t len_bytes, u32 flags); /* page granular, one guard page after */
void vfree(void *p);
void *ioremap(paddr_t pa, size_t len_bytes, u32 pmap_flags);
/* KSTACK_SIZE, guard page below; returns the lowest address; cached per CPU */
void *kstack_alloc(void);
void kstack_free(void *stack);
