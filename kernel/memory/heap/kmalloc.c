/* kmalloc: size classes over the slab caches, whole pages above them. Layer: memory.
 *
 * Up to 2 KB an object of a class; above that a block of pages whose superfluous tail goes back at
 * once, with its length in the first struct page. kfree tells the two apart by the struct page. */
#include <exo/log.h>
#include <exo/string.h>
#include <arch/mmu.h>
#include "heap_internal.h"

#define HEAP_LEN_MAX (PAGE_SIZE << PAGE_ORDER_MAX)

static const u16 class_sizes[] = {
	16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, HEAP_CLASS_MAX};
static const char *const class_names[] = {"kmalloc-16", "kmalloc-32", "kmalloc-48", "kmalloc-64",
	"kmalloc-96", "kmalloc-128", "kmalloc-192", "kmalloc-256", "kmalloc-384", "kmalloc-512",
	"kmalloc-768", "kmalloc-1k", "kmalloc-1536", "kmalloc-2k"};
#define CLASSES ARRAY_LEN(class_sizes)
static struct kmem_cache class_caches[CLASSES];
/* [c] index: length in units of 16, rounded up */
static struct kmem_cache *class_table[HEAP_CLASS_MAX / 16 + 1];
static struct kmem_cache cache_cache; /* of struct kmem_cache */

struct kmem_cache *heap_class(size_t len_bytes)
{
	return class_table[(len_bytes + 15) / 16];
}

void heap_init(void)
{
	u32 class = 0;

	for (u32 i = 0; i < CLASSES; i++)
		cache_setup(&class_caches[i], class_names[i], class_sizes[i], 16, 0);
	for (u32 units = 0; units < ARRAY_LEN(class_table); units++) {
		while (class_sizes[class] < units * 16)
			class ++;
		class_table[units] = &class_caches[class];
	}
	cache_setup(&cache_cache, "kmem_cache", sizeof(struct kmem_cache), 64, 0);
	vmalloc_init();
	kstack_init();
}

/* Frees pages [start, end) of what was one block, in aligned pieces. */
static void pages_free_pieces(struct page *first, u64 start, u64 end)
{
	while (start < end) {
		u32 order = bit_fls(end - start);

		if (start)
			order = MIN(order, bit_ffs(start));
		page_free(first + start, order);
		start += 1ull << order;
	}
}

static NOINLINE void *pages_kmalloc(size_t len_bytes, u32 flags)
{
	u64 pages = ALIGN_UP(len_bytes, PAGE_SIZE) >> PAGE_SHIFT;
	struct page *p;
	u32 order;

	if (len_bytes > HEAP_LEN_MAX)
		return NULL;
	order = pages > 1 ? bit_fls(pages - 1) + 1 : 0;
	p = page_alloc(order, flags & (ALLOC_ATOMIC | ALLOC_ZERO | ALLOC_DMA32 | ALLOC_DATA));
	if (!p)
		return NULL;
	p->private_ = pages;
	p->index = len_bytes;
	pages_free_pieces(p, pages, 1ull << order);
	shadow_poison((u8 *)page_to_virt(p) + len_bytes, (pages << PAGE_SHIFT) - len_bytes,
		KASAN_RED_ZONE);
	return page_to_virt(p);
}

static NOINLINE void pages_kfree(struct page *p, const void *va)
{
	u64 pages = p->private_;

	ASSERT(!((uintptr_t)va & ~PAGE_MASK) && p->refs == 1 && pages &&
		pages <= 1ul << PAGE_ORDER_MAX);
	pages_free_pieces(p, 0, pages);
}

static ALWAYS_INLINE void *checked_alloc(struct kmem_cache *c, size_t len_bytes, u32 flags)
{
	void *object = MEMORY_CHECKS && heap_fail_now() ? NULL : cache_alloc(c, flags);

	if (MEMORY_CHECKS && object)
		heap_check_alloc(c, object, len_bytes);
	return object;
}

/* kmalloc keeps registers free by leaving all but the plain case to this. */
static NOINLINE void *kmalloc_other(size_t len_bytes, u32 flags)
{
	void *object;

	if (len_bytes > HEAP_CLASS_MAX)
		return pages_kmalloc(len_bytes, flags);
	object = checked_alloc(heap_class(len_bytes), len_bytes, flags);
	if (object)
		memset(object, 0, len_bytes);
	return object;
}

void *kmalloc(size_t len_bytes, u32 flags)
{
	if (unlikely(len_bytes > HEAP_CLASS_MAX || (flags & ALLOC_ZERO)))
		return kmalloc_other(len_bytes, flags);
	return checked_alloc(heap_class(len_bytes), len_bytes, flags);
}

void *kzalloc(size_t len_bytes, u32 flags)
{
	return kmalloc_other(len_bytes, flags | ALLOC_ZERO);
}

void kfree(const void *va)
{
	void *object = (void *)(uintptr_t)va;
	struct page *p;

	if (unlikely(!va))
		return;
	p = heap_page(va);
	if (unlikely(!(p->flags & PG_SLAB))) {
		pages_kfree(p, va);
		return;
	}
	if (MEMORY_CHECKS)
		heap_check_free(p->slab_cache, object);
	cache_free(p->slab_cache, object);
}

/* Bytes that the owner of @va may use. */
static size_t usable_size(const void *va)
{
	const struct page *p = heap_page(va);

	return p->flags & PG_SLAB ? p->slab_cache->object_size : p->private_ << PAGE_SHIFT;
}

void *krealloc(void *old, size_t len_bytes, u32 flags)
{
	size_t old_bytes = old ? usable_size(old) : 0;
	void *new;

	if (!MEMORY_CHECKS && old && len_bytes <= old_bytes && len_bytes > old_bytes / 4)
		return old;
	new = kmalloc(len_bytes, flags);
	if (!new)
		return NULL;
	if (old) {
		memcpy(new, old, MIN(len_bytes, MEMORY_CHECKS ? heap_known_len(old) : old_bytes));
		kfree(old);
	}
	return new;
}

char *kstrdup(const char *s, u32 flags)
{
	size_t len_bytes = strlen(s) + 1;
	char *copy = kmalloc(len_bytes, flags);

	if (copy)
		memcpy(copy, s, len_bytes);
	return copy;
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, u32 flags)
{
	struct kmem_cache *c = cache_alloc(&cache_cache, ALLOC_KERNEL);

	if (!c)
		panic("no memory for the cache %s", name);
	if (MEMORY_CHECKS)
		heap_check_alloc(&cache_cache, c, sizeof(*c));
	*c = (struct kmem_cache){0};
	cache_setup(c, name, MAX(size, sizeof(void *)), align, flags);
	return c;
}

static NOINLINE void *typed_alloc_zero(struct kmem_cache *c, u32 flags)
{
	void *object = checked_alloc(c, c->object_size, flags);

	if (object)
		memset(object, 0, c->object_size);
	return object;
}

void *kmem_cache_alloc(struct kmem_cache *c, u32 flags)
{
	if (flags & ALLOC_ZERO)
		return typed_alloc_zero(c, flags);
	return checked_alloc(c, c->object_size, flags);
}

void kmem_cache_free(struct kmem_cache *c, void *object)
{
	if (MEMORY_CHECKS) {
		ASSERT(heap_page(object)->slab_cache == c);
		heap_check_free(c, object);
	}
	cache_free(c, object);
}

/* What lies with the CPUs, and how often they were served from it. */
static void magazines_count(const struct kmem_cache *c, u64 *objects, u64 *alloc_hits)
{
	*objects = *alloc_hits = 0;
	for (u32 i = 0; i < CPUS_MAX; i++) {
		*objects += READ_ONCE(c->magazines[i]->count);
		*alloc_hits += READ_ONCE(c->magazines[i]->alloc_hits);
	}
}

static u64 percent_tenths(u64 part, u64 whole)
{
	return whole ? part * 1000 / whole : 1000;
}

size_t heap_slabinfo(char *buf, size_t size)
{
	u64 all_allocs = 0, all_alloc_hits = 0, all_frees = 0, all_free_hits = 0, live_bytes = 0,
	    slab_bytes = 0, idle;
	size_t len = (size_t)snprintf(buf, size,
		"slabinfo - version: 2.1 (statistics)\n# name            <active_objs> <num_objs> "
		"<objsize> <objperslab> <pagesperslab>"
		" : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> "
		"<num_slabs> <sharedavail> : cpustat <allochit> <allocmiss> <freehit> "
		"<freemiss>\n");

	for (struct kmem_cache *c = caches_next(NULL); c; c = caches_next(c)) {
		ulong irq = spin_lock_irq(&c->lock);
		u64 used = c->objects_used, objects = c->objects, slabs = c->slabs,
		    empty = c->slabs_empty, alloc_misses = c->alloc_misses,
		    free_misses = c->free_misses, cached, hits, frees;

		magazines_count(c, &cached, &hits);
		spin_unlock_irq(&c->lock, irq);
		used -= MIN(used, cached);
		/* What was handed out and is not live has been freed. Racy by what the other CPUs
		 * do meanwhile. */
		frees = hits + alloc_misses;
		frees = MAX(frees - MIN(frees, used), free_misses);
		all_allocs += hits + alloc_misses;
		all_alloc_hits += hits;
		all_frees += frees;
		all_free_hits += frees - free_misses;
		live_bytes += used * c->object_size;
		slab_bytes += slabs * PAGE_SIZE << c->order;
		len += (size_t)snprintf(len < size ? buf + len : NULL, len < size ? size - len : 0,
			"%-17s %6lu %6lu %6u %4lu %4u : tunables %4u %4u %4u : slabdata %6lu %6lu "
			"%6u : cpustat %6lu %6lu %6lu %6lu\n",
			c->name, used, objects, c->object_size,
			((PAGE_SIZE << c->order) / c->stride), 1u << c->order, c->magazine_capacity,
			c->magazine_capacity / 2, 0u, (slabs - empty), slabs, 0u, hits,
			alloc_misses, (frees - free_misses), free_misses);
	}
	all_allocs = percent_tenths(all_alloc_hits, all_allocs);
	all_frees = percent_tenths(all_free_hits, all_frees);
	idle = percent_tenths(slab_bytes - MIN(live_bytes, slab_bytes), slab_bytes);
	len += (size_t)snprintf(len < size ? buf + len : NULL, len < size ? size - len : 0,
		"# magazines: %lu.%lu%% of allocations, %lu.%lu%% of frees; slabs: %lu kB, "
		"%lu.%lu%% "
		"of them not live objects\n",
		all_allocs / 10, all_allocs % 10, all_frees / 10, all_frees % 10, slab_bytes / 1024,
		idle / 10, idle % 10);
	return len;
}
