/* Typed caches of equal objects: magazines per CPU, slabs of pages behind them. Layer: memory.
 *
 * The hot path takes an object from, or puts it into, the magazine of this CPU: no lock, no atomic,
 * interrupts stay as they are. An empty magazine is filled by half from the slabs, a full one gives
 * its colder half back. A slab is a block of pages whose struct pages say so; free objects of a
 * slab are chained through themselves (in CACHE_RCU caches and in checking builds behind
 * themselves, so that their contents stay), objects never handed out are not even chained.
 *
 * Locks: kmem_cache.lock, interrupts off. Page allocation happens outside it.
 * Source: Bonwick, "The slab allocator" (1994); Bonwick and Adams, "Magazines and vmem" (2001). */
#include <exo/log.h>
#include "heap_internal.h"

#define SLAB_ORDER_MAX   3
#define SLABS_EMPTY_KEPT 4

/* [caches_lock; readers need none: it only grows, and at its end] */
static struct list caches = LIST_INIT(caches);
static spinlock_t caches_lock = SPINLOCK_INIT(RANK_SLAB);
static struct magazine magazine_none = {
	.busy = 1}; /* what a CPU has before it has one: always the slow path */

static struct page *slab_of(const void *object)
{
	return (struct page *)(uintptr_t)heap_page(object)->private_;
}

static void **link_of(const struct kmem_cache *c, void *object)
{
	return (void **)((u8 *)object + c->link_offset);
}

static void *slab_take_locked(struct kmem_cache *c)
{
	struct page *s;
	void *object;

	LOCK_HELD(&c->lock);
	if (list_empty(&c->partial))
		return NULL;
	s = list_entry(c->partial.next, struct page, lru);
	if (s->slab_freelist) {
		object = s->slab_freelist;
		s->slab_freelist = *link_of(c, object);
	} else {
		object = (u8 *)page_to_virt(s) + (size_t)c->stride * s->slab_carved++ +
			 c->object_offset;
		if (MEMORY_CHECKS)
			heap_check_new(c, object);
	}
	if (!s->slab_used++)
		c->slabs_empty--;
	if (s->slab_used == s->slab_objects)
		list_del(&s->lru);
	c->objects_used++;
	return object;
}

/* Slabs that become superfluous go to @released, to be given back without the lock. */
static void slab_put_locked(struct kmem_cache *c, void *object, struct list *released)
{
	struct page *s = slab_of(object);

	LOCK_HELD(&c->lock);
	*link_of(c, object) = s->slab_freelist;
	s->slab_freelist = object;
	if (s->slab_used == s->slab_objects)
		list_add(&c->partial, &s->lru);
	c->objects_used--;
	if (--s->slab_used)
		return;
	c->slabs_empty++;
	list_del(&s->lru);
	if (c->slabs_empty <= SLABS_EMPTY_KEPT) {
		list_add_tail(&c->partial, &s->lru);
		return;
	}
	c->slabs_empty--;
	c->slabs--;
	c->objects -= s->slab_objects;
	list_add(released, &s->lru);
}

static void slab_pages_free(struct page *s)
{
	for (u32 i = 0; i < 1u << s->order; i++)
		s[i].flags = 0;
	page_free(s, s->order);
}

static void slab_rcu_free(struct rcu_head *h)
{
	slab_pages_free(container_of(h, struct page, rcu));
}

static void slab_pages_count(const struct kmem_cache *c, s64 pages)
{
	__atomic_fetch_add(&mem_slab_pages, pages, __ATOMIC_RELAXED);
	if (c->flags & CACHE_RECLAIMABLE)
		__atomic_fetch_add(&mem_slab_reclaimable_pages, pages, __ATOMIC_RELAXED);
}

static void slabs_release(struct kmem_cache *c, struct list *released)
{
	struct page *s;

	while ((s = list_pop(released, struct page, lru))) {
		slab_pages_count(c, -(1l << s->order));
		if (c->flags & CACHE_RCU)
			rcu_call(&s->rcu, slab_rcu_free);
		else
			slab_pages_free(s);
	}
}

/* One more slab. Context: no lock; sleeps unless ALLOC_ATOMIC. */
static NOINLINE bool cache_grow(struct kmem_cache *c, u32 flags)
{
	u32 order = c->order;
	struct page *s;

	flags &= ALLOC_ATOMIC | ALLOC_DATA;
	s = page_alloc(order, order > c->order_min && !(flags & ALLOC_DATA) ? ALLOC_ATOMIC : flags);
	if (!s && order > c->order_min) {
		order = c->order_min;
		s = page_alloc(order, flags);
	}
	if (!s)
		return false;
	for (u32 i = 0; i < 1u << order; i++) {
		s[i].flags = PG_SLAB;
		s[i].slab_cache = c;
		s[i].private_ = (uintptr_t)s;
	}
	s->order = (u8)order;
	s->slab_freelist = NULL;
	s->slab_used = s->slab_carved = 0;
	s->slab_objects = (u16)((PAGE_SIZE << order) / c->stride);
	slab_pages_count(c, 1l << order);
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&c->lock);
	list_add(&c->partial, &s->lru);
	c->slabs++;
	c->slabs_empty++;
	c->objects += s->slab_objects;
	return true;
}

/* Without magazines: for magazines themselves. */
static void *cache_alloc_direct(struct kmem_cache *c)
{
	for (;;) {
		ulong irq = spin_lock_irq(&c->lock);
		void *object = slab_take_locked(c);

		spin_unlock_irq(&c->lock, irq);
		if (object || !cache_grow(c, ALLOC_ATOMIC))
			return object;
	}
}

static void cache_free_direct(struct kmem_cache *c, void *object)
{
	struct list released = LIST_INIT(released);
	ulong irq = spin_lock_irq(&c->lock);

	slab_put_locked(c, object, &released);
	spin_unlock_irq(&c->lock, irq);
	slabs_release(c, &released);
}

/* This CPU's magazine, made at its first use. NULL when there is no memory for one. Context:
 * preemption off. */
static struct magazine *magazine_get(struct kmem_cache *c)
{
	struct magazine **slot = &c->magazines[cpu_id()], *none = &magazine_none, *m = *slot;
	size_t len_bytes = sizeof(*m) + c->magazine_capacity * sizeof(void *);
	struct kmem_cache *source;

	if (likely(m != &magazine_none))
		return m;
	source = heap_class(len_bytes);
	m = cache_alloc_direct(source);
	if (!m)
		return NULL;
	if (MEMORY_CHECKS)
		heap_check_alloc(source, m, len_bytes);
	*m = (struct magazine){.capacity = (u8)c->magazine_capacity};
	if (!__atomic_compare_exchange_n(
		    slot, &none, m, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		if (MEMORY_CHECKS)
			heap_check_free(source, m);
		cache_free_direct(source, m); /* an interrupt was faster */
	}
	return *slot;
}

NOINLINE void *cache_alloc_slow(struct kmem_cache *c, u32 flags)
{
	void *object;

	do {
		struct magazine *m;
		ulong irq;

		preempt_disable();
		m = magazine_get(c);
		irq = spin_lock_irq(&c->lock);
		object = slab_take_locked(c);
		c->alloc_misses += !!object;
		if (object && m && !m->busy) {
			void *more;

			while (m->count < m->capacity / 2 && (more = slab_take_locked(c)))
				m->objects[m->count++] = more;
		}
		spin_unlock_irq(&c->lock, irq);
		preempt_enable();
	} while (!object && cache_grow(c, flags));
	return object;
}

static void magazine_flush_locked(
	struct kmem_cache *c, struct magazine *m, u32 n, struct list *released)
{
	for (u32 i = 0; i < n; i++)
		slab_put_locked(c, m->objects[i], released);
	m->count -= n;
	for (u32 i = 0; i < m->count; i++)
		m->objects[i] = m->objects[i + n];
}

NOINLINE void cache_free_slow(struct kmem_cache *c, void *object)
{
	struct list released = LIST_INIT(released);
	struct magazine *m;
	ulong irq;

	preempt_disable();
	m = magazine_get(c);
	irq = spin_lock_irq(&c->lock);
	c->free_misses++;
	if (m && !m->busy) {
		if (m->count == m->capacity)
			magazine_flush_locked(c, m, (m->capacity + 1) / 2, &released);
		m->objects[m->count++] = object;
	} else {
		slab_put_locked(c, object, &released);
	}
	spin_unlock_irq(&c->lock, irq);
	preempt_enable();
	slabs_release(c, &released);
}

/* Order of a slab: the smallest that wastes at most an eighth, not above SLAB_ORDER_MAX. */
static u8 slab_order(u32 stride, u8 order_min)
{
	for (u8 order = order_min; order < SLAB_ORDER_MAX; order++)
		if ((PAGE_SIZE << order) % stride <= (PAGE_SIZE << order) / 8)
			return order;
	return SLAB_ORDER_MAX;
}

static u32 magazine_size(u32 stride) /* with its header of 16 bytes a size class */
{
	return stride <= 256 ? 62 : stride <= 512 ? 30 : stride <= 1024 ? 22 : 10;
}

void cache_setup(struct kmem_cache *c, const char *name, size_t size, size_t align, u32 flags)
{
	u32 link = (u32)ALIGN_UP(size + RED_BYTES, sizeof(void *));
	bool outside = MEMORY_CHECKS || (flags & CACHE_RCU);

	align = MAX(align, (size_t)16);
	ASSERT(size >= sizeof(void *) && !(align & (align - 1)) && align <= PAGE_SIZE);
	c->name = name;
	c->object_size = (u32)size;
	c->flags = flags;
	c->object_offset = RED_BYTES ? (u32)align : 0;
	c->link_offset = outside ? link : 0;
	c->stride =
		(u32)ALIGN_UP(c->object_offset + (outside ? link + sizeof(void *) : size), align);
	while ((PAGE_SIZE << c->order_min) < c->stride)
		c->order_min++;
	ASSERT(c->order_min <= SLAB_ORDER_MAX);
	c->order = slab_order(c->stride, c->order_min);
	c->magazine_capacity = magazine_size(c->stride);
	spin_init(&c->lock, RANK_SLAB);
	list_init(&c->partial);
	for (u32 i = 0; i < CPUS_MAX; i++)
		c->magazines[i] = &magazine_none;
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&caches_lock);
	c->node.next = &caches;
	c->node.prev = caches.prev;
	/* pairs with caches_next */
	__atomic_store_n(&caches.prev->next, &c->node, __ATOMIC_RELEASE);
	caches.prev = &c->node;
}

struct kmem_cache *caches_next(struct kmem_cache *c)
{
	struct list *n = __atomic_load_n(c ? &c->node.next : &caches.next, __ATOMIC_ACQUIRE);

	return n == &caches ? NULL : list_entry(n, struct kmem_cache, node);
}

/* Gives this CPU's magazine and then all empty slabs of a cache back. Return: pages given back. */
static u64 cache_shrink_local(struct kmem_cache *c)
{
	struct list released = LIST_INIT(released);
	struct page *s, *next;
	u64 pages = 0;
	ulong irq = arch_irq_save();
	struct magazine *m = c->magazines[cpu_id()];

	spin_lock(&c->lock);
	if (!m->busy)
		magazine_flush_locked(c, m, m->count, &released);
	list_for_each_entry_safe (s, next, &c->partial, lru) {
		if (s->slab_used)
			continue;
		list_move_tail(&released, &s->lru);
		c->slabs_empty--;
		c->slabs--;
		c->objects -= s->slab_objects;
	}
	spin_unlock(&c->lock);
	arch_irq_restore(irq);
	list_for_each_entry (s, &released, lru)
		pages += 1ul << s->order;
	slabs_release(c, &released);
	return pages;
}

static void shrink_call(void *freed)
{
	kstack_drain_local();
	for (struct kmem_cache *c = caches_next(NULL); c; c = caches_next(c))
		__atomic_fetch_add((u64 *)freed, cache_shrink_local(c), __ATOMIC_RELAXED);
}

u64 kmem_cache_shrink_all(void)
{
	u64 freed = 0;

	memory_ask_cpus(shrink_call, &freed);
	return freed;
}
