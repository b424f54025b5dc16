/* Caches, slabs and magazines: what the heap's files share. Layer: memory. */
#pragma once

#include <arch/mmu.h>
#include "../memory_internal.h"

/* The objects that one CPU keeps at hand. Its owner works on it with preemption off and `busy` set;
 * an interrupt that finds it busy goes to the slabs. With interrupts off and busy clear it may be
 * changed without setting busy. */
struct magazine {
	u8 busy;        /* [p] */
	u8 capacity;    /* [c] */
	u32 count;      /* [p] */
	u64 alloc_hits; /* [p] objects handed out from here: the one word that statistics cost; hits
			   of frees follow from it, see heap_slabinfo */
	void *objects[]; /* [p] objects[capacity], the first `count` are free objects, last one
			    hottest */
};

/* Locks: [l] lock, [c] constant after creation, [p] the CPU's own. */
struct kmem_cache {
	/* [p] never NULL; magazine_none until the CPU's first use */
	struct magazine *magazines[CPUS_MAX];
	u32 object_size, stride; /* [c] what the user asked for; distance of two objects */
	u32 object_offset;     /* [c] from the start of a stride to the object: red zone in checking
				  builds */
	u32 link_offset;       /* [c] from the object to the link of free objects */
	u32 flags;             /* [c] CACHE_* */
	u32 magazine_capacity; /* [c] */
	u8 order, order_min;   /* [c] pages of a slab: wanted, and what will do */
	const char *name;      /* [c] */
	spinlock_t lock;       /* SLAB, taken with interrupts off */
	struct list partial;   /* [l] slabs with at least one free object, by page.lru */
	u64 slabs, slabs_empty, objects, objects_used; /* [l] used: magazines included */
	u64 alloc_misses, free_misses;                 /* [l] calls that went to the slabs */
	struct list node;                              /* [caches_lock] */
};
void cache_setup(struct kmem_cache *c, const char *name, size_t size, size_t align, u32 flags);
struct kmem_cache *caches_next(struct kmem_cache *c); /* NULL begins; NULL = was the last */
struct kmem_cache *heap_class(size_t len_bytes);      /* of kmalloc, len_bytes <= HEAP_CLASS_MAX */
#define HEAP_CLASS_MAX 2048u
void vmalloc_init(void);
void kstack_init(void);
void kstack_drain_local(void); /* this CPU's stacks go to the depot. Any context */
void *cache_alloc_slow(struct kmem_cache *c, u32 flags);
void cache_free_slow(struct kmem_cache *c, void *object);

/* The heap lives in the direct map only. */
static ALWAYS_INLINE struct page *heap_page(const void *object)
{
	return phys_to_page((paddr_t)((uintptr_t)object - (uintptr_t)phys_to_virt(0)));
}

/* Red zones and poison: heap/heap_check.c, with MEMORY_CHECKS only. @len_bytes: what the caller
 * asked for. */
#define RED_BYTES (MEMORY_CHECKS ? 16u : 0u)
void heap_check_new(struct kmem_cache *c, void *object);
void heap_check_alloc(struct kmem_cache *c, void *object, size_t len_bytes);
void heap_check_free(struct kmem_cache *c, void *object);
size_t heap_known_len(const void *object); /* bytes of @object that hold something */

static ALWAYS_INLINE void *cache_alloc(struct kmem_cache *c, u32 flags)
{
	preempt_disable();
	struct magazine *m = c->magazines[cpu_id()];
	if (likely(!m->busy)) {
		m->busy = 1;
		barrier(); /* from here an interrupt keeps off */
		u32 n = m->count;
		if (likely(n)) {
			void *object = m->objects[n - 1];

			m->count = n - 1;
			m->alloc_hits++;
			barrier();
			m->busy = 0;
			preempt_enable();
			return object;
		}
		m->busy = 0;
	}
	preempt_enable();
	return cache_alloc_slow(c, flags);
}

static ALWAYS_INLINE void cache_free(struct kmem_cache *c, void *object)
{
	preempt_disable();
	struct magazine *m = c->magazines[cpu_id()];
	if (likely(!m->busy)) {
		m->busy = 1;
		barrier();
		u32 n = m->count;
		if (likely((u8)n != m->capacity)) {
			m->objects[n] = object;
			m->count = n + 1;
			barrier();
			m->busy = 0;
			preempt_enable();
			return;
		}
		m->busy = 0;
	}
	preempt_enable();
	cache_free_slow(c, object);
}
