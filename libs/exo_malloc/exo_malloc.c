/* libexo_malloc: malloc and its family on the design of the kernel's heap, for Linux and Exo-OS.
 *
 * Objects up to 32 KB come from size classes: a magazine per thread and class, slabs behind it. Up
 * to 1 MB they are runs of pages out of buddy lists, whose superfluous tail goes back at once;
 * above that, mappings of their own. Slabs and runs lie in chunks of 4 MB at multiples of 4 MB, so
 * that the low bits of a pointer lead to the chunk, which tells the class. A mapping of its own has
 * its header a page before the pointer. No pointer is a multiple of 4 MB but those aligned so on
 * request, hence (pointer - 1) finds the header of all of them.
 *
 * Locks, in this order: class_lock[] (slabs of the class), pages_lock (buddy lists, chunks).
 * A magazine belongs to its thread and has none. Magazines of a thread that ends go back to the
 * slabs; those of the other threads at a fork are lost to the child.
 *
 * Wrong pointers and double frees abort where they are noticed, which is not everywhere.
 * With EXO_MALLOC_PREFIX the functions are exo_malloc ... , for tests and side by side use.
 * Source: Bonwick and Adams, "Magazines and vmem" (2001); kernel/memory/heap. */
#include "malloc_pages.h"
#include <errno.h>
#include <string.h>
#include "exo_malloc.h"

#ifdef EXO_MALLOC_PREFIX
#define API(name) exo_##name
#else
#define API(name) name
#endif
#define EXPORT __attribute__((visibility("default")))

struct magazine {
	uint32_t count, capacity;
	void *object[ITEMS_MAX];
};
struct cache { /* of a thread */
	uint64_t refills, flushes;
	struct magazine magazine[CLASSES];
};

static pthread_mutex_t class_lock[CLASSES]; /* zeroes initialise it, in glibc and musl */
static struct list partial[CLASSES];        /* [class_lock] */
static uint32_t empty[CLASSES];             /* [class_lock] slabs on it without a live object */
static uint64_t slow_allocs, slow_frees;    /* [atomic] visits to the slabs by ended threads */
static pthread_key_t key;                   /* [once] */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread struct cache *self __attribute__((tls_model("initial-exec")));
static __thread bool ended; /* its cache has gone, its other destructors still run */

/* ---- classes: 16, 32 .. 128, then four steps to each doubling ---- */

static inline uint32_t class_of(size_t bytes)
{
	uint32_t shift;

	if (bytes <= 128)
		return bytes ? (uint32_t)(bytes - 1) >> 4 : 0;
	shift = 61u - (uint32_t)__builtin_clzl(bytes - 1); /* steps of 1 << shift */
	return 8 + (shift - 5) * 4 + (uint32_t)((bytes - 1) >> shift) - 4;
}

static inline size_t class_bytes(uint32_t class)
{
	if (class < 8)
		return (class + 1ul) << 4;
	return (5ul + (class & 3)) << (5 + (class - 8) / 4);
}

static uint32_t magazine_capacity(size_t bytes)
{
	return bytes <= 256 ? 62 : bytes <= 1024 ? 30 : bytes <= 4096 ? 14 : 6;
}

static uint32_t slab_order(size_t bytes)
{
	uint32_t order = 0;

	while ((PAGE << order) < bytes * 8 && order < 6)
		order++;
	return order;
}

/* ---- slabs ---- */

static struct page *slab_make(uint32_t class)
{
	size_t bytes = class_bytes(class);
	uint32_t order = slab_order(bytes);
	struct page *p = pages_take(order, 1u << order, PAGE_SLAB);
	struct chunk *c;

	if (!p)
		return NULL;
	c = page_chunk(p);
	p->free = NULL;
	p->used = p->carved = 0;
	p->total = (uint16_t)((PAGE << order) / bytes);
	for (uint32_t i = page_index(p), n = 0; n < 1u << order; n++) {
		c->head[i + n] = (uint16_t)i;
		c->class[i + n] = (uint8_t) class;
	}
	return p;
}

/* Up to @most objects into @out. Their number; 0 = no memory. */
static uint32_t slabs_take(uint32_t class, void **out, uint32_t most)
{
	size_t bytes = class_bytes(class);
	uint32_t n = 0;
	struct page *p;

	pthread_mutex_lock(&class_lock[class]);
	while (n < most) {
		p = partial[class].first;
		if (!p) {
			if (n) /* a part of a batch is no reason for a new slab */
				break;
			p = slab_make(class);
			if (!p)
				break;
			list_push(&partial[class], p);
			empty[class]++;
		}
		empty[class] -= !p->used;
		for (; n < most && p->used < p->total; p->used++) {
			if (p->free) {
				out[n] = p->free;
				p->free = *(void **)p->free;
			} else {
				out[n] = (char *)page_address(p) + bytes * p->carved++;
			}
			n++;
		}
		if (p->used == p->total)
			list_remove(&partial[class], p);
	}
	pthread_mutex_unlock(&class_lock[class]);
	return n;
}

static void slabs_give(uint32_t class, void **objects, uint32_t count)
{
	pthread_mutex_lock(&class_lock[class]);
	for (uint32_t i = 0; i < count; i++) {
		struct chunk *c = chunk_of(objects[i]);
		struct page *p =
			&c->page[c->head[((uintptr_t)objects[i] - (uintptr_t)c) >> PAGE_SHIFT]];

		if (unlikely(!p->used))
			die("double free");
		*(void **)objects[i] = p->free;
		p->free = objects[i];
		if (p->used == p->total)
			list_push(&partial[class], p);
		if (--p->used)
			continue;
		if (p->order <= 3 && empty[class] < EMPTY_KEPT) {
			empty[class]++;
			continue;
		}
		list_remove(&partial[class], p);
		memset(&c->class[page_index(p)], NO_CLASS, 1u << p->order);
		pages_give(p, 0);
	}
	pthread_mutex_unlock(&class_lock[class]);
}

/* ---- threads ---- */

static void cache_end(void *arg)
{
	struct cache *t = arg;

	self = NULL;
	ended = true;
	for (uint32_t i = 0; i < CLASSES; i++)
		slabs_give(i, t->magazine[i].object, t->magazine[i].count);
	__atomic_fetch_add(&slow_allocs, t->refills, __ATOMIC_RELAXED);
	__atomic_fetch_add(&slow_frees, t->flushes, __ATOMIC_RELAXED);
	pages_give(&chunk_of(t)->page[((uintptr_t)t & (CHUNK - 1)) >> PAGE_SHIFT], 0);
}

static void fork_lock(void)
{
	for (uint32_t i = 0; i < CLASSES; i++)
		pthread_mutex_lock(&class_lock[i]);
	pthread_mutex_lock(&pages_lock);
}

static void fork_unlock(void)
{
	pthread_mutex_unlock(&pages_lock);
	for (uint32_t i = CLASSES; i--;)
		pthread_mutex_unlock(&class_lock[i]);
}

static void fork_child(void)
{
	pthread_mutex_init(&pages_lock, NULL);
	for (uint32_t i = 0; i < CLASSES; i++)
		pthread_mutex_init(&class_lock[i], NULL);
}

static void setup(void)
{
	pthread_key_create(&key, cache_end);
	pthread_atfork(fork_lock, fork_unlock, fork_child);
}

/* NULL: no memory, or the thread is about to end. */
static NOINLINE struct cache *cache_make(void)
{
	uint32_t pages = (sizeof(struct cache) + PAGE - 1) / PAGE, order = 0;
	struct cache *t;
	struct page *p;

	if (ended)
		return NULL;
	while (1u << order < pages)
		order++;
	p = pages_take(order, pages, PAGE_RUN);
	if (!p)
		return NULL;
	t = page_address(p);
	t->refills = t->flushes = 0;
	for (uint32_t i = 0; i < CLASSES; i++) {
		t->magazine[i].count = 0;
		t->magazine[i].capacity = magazine_capacity(class_bytes(i));
	}
	self = t; /* before what follows: it may allocate */
	pthread_once(&once, setup);
	pthread_setspecific(key, t);
	return t;
}

static NOINLINE void *small_slow(uint32_t class)
{
	struct cache *t = self ? self : cache_make();
	struct magazine *m;
	void *p;

	if (!t) {
		if (slabs_take(class, &p, 1))
			return p;
		errno = ENOMEM;
		return NULL;
	}
	m = &t->magazine[class];
	if (!m->count) { /* cache_make may have filled it */
		t->refills++;
		m->count = slabs_take(class, m->object, (m->capacity + 1) / 2);
	}
	if (m->count)
		return m->object[--m->count];
	errno = ENOMEM;
	return NULL;
}

static inline void *small_alloc(uint32_t class)
{
	struct cache *t = self;

	if (likely(t)) {
		struct magazine *m = &t->magazine[class];

		if (likely(m->count))
			return m->object[--m->count];
	}
	return small_slow(class);
}

static NOINLINE void small_free_slow(uint32_t class, void *p)
{
	struct cache *t = self ? self : cache_make();
	struct magazine *m;

	if (!t) {
		slabs_give(class, &p, 1);
		return;
	}
	m = &t->magazine[class];
	if (m->count == m->capacity) {
		uint32_t half = (m->capacity + 1) / 2; /* the colder one goes */

		t->flushes++;
		slabs_give(class, m->object, half);
		m->count -= half;
		memmove(m->object, m->object + half, m->count * sizeof(void *));
	}
	m->object[m->count++] = p;
}

/* ---- what is larger ---- */

static NOINLINE void *large_alloc(size_t bytes, size_t align, bool *zero)
{
	size_t span = bytes > align ? bytes : align;
	void *p;

	*zero = false;
	if (span <= RUN_MAX) {
		uint32_t order = 0;
		struct page *page;

		while (PAGE << order < span)
			order++;
		page = pages_take(order, (uint32_t)((bytes + PAGE - 1) >> PAGE_SHIFT), PAGE_RUN);
		p = page ? page_address(page) : NULL;
	} else {
		p = huge_alloc(bytes, align);
		*zero = true;
	}
	if (!p)
		errno = ENOMEM;
	return p;
}

static struct page *run_of(struct chunk *c, const void *p)
{
	struct page *page = &c->page[((uintptr_t)p - (uintptr_t)c) >> PAGE_SHIFT];

	if (unlikely(page->state != PAGE_RUN || (uintptr_t)p % PAGE))
		die("free of what is not allocated, or not its beginning");
	return page;
}

static inline uint32_t class_at(const struct chunk *c, const void *p)
{
	return c->class[((uintptr_t)p - (uintptr_t)c) >> PAGE_SHIFT];
}

static size_t usable(void *p)
{
	struct chunk *c = chunk_of(p);

	if (c->map_bytes)
		return c->bytes;
	if (class_at(c, p) != NO_CLASS)
		return class_bytes(class_at(c, p));
	return (size_t)run_of(c, p)->pages << PAGE_SHIFT;
}

/* ---- the family ---- */

EXPORT void *API(malloc)(size_t bytes)
{
	bool zero;

	if (likely(bytes <= SMALL_MAX))
		return small_alloc(class_of(bytes));
	return large_alloc(bytes, 1, &zero);
}

EXPORT void API(free)(void *p)
{
	struct cache *t = self;
	struct chunk *c;
	uint32_t class;
	int saved;

	if (!p)
		return;
	c = chunk_of(p);
	if (likely(!c->map_bytes)) {
		class = class_at(c, p);
		if (likely(class != NO_CLASS)) {
			struct magazine *m = t ? &t->magazine[class] : NULL;

			if (likely(m && m->count != m->capacity)) {
				if (unlikely(m->count && m->object[m->count - 1] == p))
					die("double free");
				m->object[m->count++] = p;
			} else {
				small_free_slow(class, p);
			}
			return;
		}
	}
	saved = errno;
	if (c->map_bytes)
		huge_free(c);
	else
		pages_give(run_of(c, p), 0);
	errno = saved;
}

EXPORT void *API(calloc)(size_t count, size_t each)
{
	size_t bytes;
	bool zero = false;
	void *p;

	if (__builtin_mul_overflow(count, each, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	p = bytes <= SMALL_MAX ? small_alloc(class_of(bytes)) : large_alloc(bytes, 1, &zero);
	return p && !zero ? memset(p, 0, bytes) : p;
}

static void *aligned(size_t align, size_t bytes)
{
	bool zero;

	if (align <= PAGE && bytes <= SMALL_MAX) {
		/* Objects lie at multiples of their size, and slabs at multiples of a page. */
		uint32_t class = class_of(bytes > align ? bytes : align);

		while (class < CLASSES && class_bytes(class) % align)
			class ++;
		if (class < CLASSES)
			return small_alloc(class);
	}
	return large_alloc(bytes ? bytes : 1, align, &zero);
}

EXPORT void *API(realloc)(void *p, size_t bytes)
{
	uint32_t pages = (uint32_t)((bytes + PAGE - 1) >> PAGE_SHIFT);
	struct chunk *c;
	size_t have;
	void *q;

	if (!p)
		return API(malloc)(bytes);
	if (!bytes) {
		API(free)(p);
		return NULL;
	}
	c = chunk_of(p);
	have = usable(p);
	if (c->map_bytes) {
		q = bytes > RUN_MAX ? huge_resize(c, p, bytes) : NULL;
		if (q)
			return q;
	} else if (class_at(c, p) != NO_CLASS) {
		if (bytes <= have && bytes >= have / 2)
			return p;
	} else if (bytes > SMALL_MAX && bytes <= RUN_MAX) {
		struct page *run = run_of(c, p);

		if (pages < run->pages)
			pages_give(run, pages);
		if (pages <= run->pages || run_grow(run, pages))
			return p;
	}
	q = API(malloc)(bytes);
	if (!q)
		return bytes <= have ? p : NULL;
	memcpy(q, p, have < bytes ? have : bytes);
	API(free)(p);
	return q;
}

EXPORT void *API(reallocarray)(void *p, size_t count, size_t each)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, each, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return API(realloc)(p, bytes);
}

EXPORT void *API(aligned_alloc)(size_t align, size_t bytes)
{
	if (!align || align & (align - 1)) {
		errno = EINVAL;
		return NULL;
	}
	return aligned(align, bytes);
}

EXPORT void *API(memalign)(size_t align, size_t bytes)
{
	return API(aligned_alloc)(align, bytes);
}

EXPORT int API(posix_memalign)(void **out, size_t align, size_t bytes)
{
	int saved = errno;
	void *p;

	if (align < sizeof(void *) || align & (align - 1))
		return EINVAL;
	p = aligned(align, bytes);
	errno = saved;
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

EXPORT void *API(valloc)(size_t bytes)
{
	return aligned(PAGE, bytes);
}

EXPORT void *API(pvalloc)(size_t bytes)
{
	return aligned(PAGE, (bytes + PAGE - 1) & ~(PAGE - 1));
}

EXPORT size_t API(malloc_usable_size)(void *p)
{
	return p ? usable(p) : 0;
}

EXPORT void exo_malloc_read_info(struct exo_malloc_info *info)
{
	info->mapped_bytes = __atomic_load_n(&mapped, __ATOMIC_RELAXED);
	info->mapped_max_bytes = __atomic_load_n(&mapped_max, __ATOMIC_RELAXED);
	info->slow_allocs = __atomic_load_n(&slow_allocs, __ATOMIC_RELAXED);
	info->slow_frees = __atomic_load_n(&slow_frees, __ATOMIC_RELAXED);
	if (self) {
		info->slow_allocs += self->refills;
		info->slow_frees += self->flushes;
	}
}
