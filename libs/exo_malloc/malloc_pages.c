/* The pages of libexo_malloc: chunks from the system, buddy lists over all of them, mappings of
 * their own. Locks: pages_lock. */
#define _GNU_SOURCE
#include "malloc_pages.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

pthread_mutex_t pages_lock = PTHREAD_MUTEX_INITIALIZER;
size_t mapped, mapped_max;
static struct list blocks[ORDER_MAX + 1]; /* [pages_lock] */
static uint32_t blocks_map;               /* [pages_lock] bit: the list is not empty */
static struct chunk *chunks;              /* [pages_lock] */
static uint32_t hot;                      /* [pages_lock] free blocks of 1 MB with memory */
static uint32_t chunks_free;              /* [pages_lock] wholly free ones */

_Noreturn void die(const char *what)
{
	static const char head[] = "libexo_malloc: ";

	(void)!write(2, head, sizeof(head) - 1);
	(void)!write(2, what, strlen(what));
	(void)!write(2, "\n", 1);
	__builtin_trap();
}

/* ---- mappings ---- */

static void count_mapped(ptrdiff_t by)
{
	size_t now = __atomic_add_fetch(&mapped, (size_t)by, __ATOMIC_RELAXED);

	if (now > __atomic_load_n(&mapped_max, __ATOMIC_RELAXED))
		__atomic_store_n(&mapped_max, now, __ATOMIC_RELAXED); /* racy by little */
}

/* @bytes (whole pages) so that result + @offset is a multiple of @align (a power of two). */
static void *map_aligned(size_t bytes, size_t align, size_t offset, int prot)
{
	char *p, *at;

	if (bytes > HUGE_LIMIT - align)
		return NULL;
	p = mmap(NULL, bytes + align, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	at = (char *)((((uintptr_t)p + offset + align - 1) & ~(align - 1)) - offset);
	if (at != p)
		munmap(p, (size_t)(at - p));
	if (p + align != at)
		munmap(at + bytes, (size_t)(p + align - at));
	return at;
}

/* ---- pages: buddy lists over all chunks ---- */

static void block_list(struct page *p, uint32_t order)
{
	p->state = PAGE_FREE;
	p->order = (uint8_t)order;
	list_push(&blocks[order], p);
	blocks_map |= 1u << order;
}

static void block_unlist(struct page *p)
{
	list_remove(&blocks[p->order], p);
	if (!blocks[p->order].first)
		blocks_map &= ~(1u << p->order);
	p->state = PAGE_INNER;
	if (p->cold)
		count_mapped(RUN_MAX);
	else if (p->order == ORDER_MAX)
		hot--;
	p->cold = false;
}

static void block_free_locked(struct chunk *c, uint32_t at, uint32_t order)
{
	for (; order < ORDER_MAX; order++) {
		struct page *buddy = &c->page[at ^ 1u << order];

		if (buddy->state != PAGE_FREE || buddy->order != order)
			break;
		block_unlist(buddy);
		at &= ~(1u << order);
	}
	block_list(&c->page[at], order);
	if (order != ORDER_MAX || hot++ < HOT_KEPT)
		return;
	hot--;
	c->page[at].cold = true;
	madvise(page_address(&c->page[at]), RUN_MAX, MADV_DONTNEED);
	count_mapped(-(ptrdiff_t)RUN_MAX);
}

/* Pages at..at+count-1 in as few blocks as alignment allows. */
static void range_free_locked(struct chunk *c, uint32_t at, uint32_t count)
{
	while (count) {
		uint32_t order = at ? (uint32_t)__builtin_ctz(at) : ORDER_MAX,
			 most = 31u - (uint32_t)__builtin_clz(count);

		order = order < most ? order : most;
		order = order < ORDER_MAX ? order : ORDER_MAX;
		block_free_locked(c, at, order);
		at += 1u << order;
		count -= 1u << order;
	}
}

static bool chunk_add_locked(void)
{
	struct chunk *c = map_aligned(CHUNK, CHUNK, 0, PROT_READ | PROT_WRITE);

	if (!c)
		return false;
	count_mapped(CHUNK);
	c->magic = magic_of(c);
	memset(c->class, NO_CLASS, sizeof(c->class));
	c->free_pages = FREE_PAGES;
	c->next = chunks;
	if (chunks)
		chunks->prev = c;
	chunks = c;
	chunks_free++;
	range_free_locked(c, HEADER_PAGES, FREE_PAGES);
	return true;
}

static void chunk_release_locked(struct chunk *c)
{
	for (uint32_t i = HEADER_PAGES; i < PAGES; i++)
		if (c->page[i].state == PAGE_FREE)
			block_unlist(&c->page[i]);
	if (c->next)
		c->next->prev = c->prev;
	if (c->prev)
		c->prev->next = c->next;
	else
		chunks = c->next;
	chunks_free--;
	count_mapped(-(ptrdiff_t)CHUNK);
	munmap(c, CHUNK);
}

struct page *pages_take(uint32_t order, uint32_t count, enum page_state state)
{
	struct page *p = NULL;
	struct chunk *c;
	uint32_t have;

	pthread_mutex_lock(&pages_lock);
	if (!(blocks_map >> order) && !chunk_add_locked())
		goto out;
	have = order + (uint32_t)__builtin_ctz(blocks_map >> order);
	p = blocks[have].first;
	c = page_chunk(p);
	block_unlist(p);
	while (have-- > order)
		block_list(p + (1u << have), have);
	if (count < 1u << order)
		range_free_locked(c, page_index(p) + count, (1u << order) - count);
	chunks_free -= c->free_pages == FREE_PAGES;
	c->free_pages -= count;
	p->state = (uint8_t)state;
	p->order = (uint8_t)order;
	p->pages = count;
out:
	pthread_mutex_unlock(&pages_lock);
	return p;
}

void pages_give(struct page *p, uint32_t skip)
{
	struct chunk *c = page_chunk(p);

	pthread_mutex_lock(&pages_lock);
	c->free_pages += p->pages - skip;
	if (!skip)
		p->state = PAGE_INNER;
	range_free_locked(c, page_index(p) + skip, p->pages - skip);
	p->pages = skip;
	if (c->free_pages == FREE_PAGES && ++chunks_free > SPARE_KEPT)
		chunk_release_locked(c);
	pthread_mutex_unlock(&pages_lock);
}

bool run_grow(struct page *p, uint32_t count)
{
	struct chunk *c = page_chunk(p);
	uint32_t at = page_index(p), have = p->pages;
	bool done = false;

	pthread_mutex_lock(&pages_lock);
	while (have < count && at + have < PAGES && c->page[at + have].state == PAGE_FREE)
		have += 1u << c->page[at + have].order;
	if (have >= count) {
		for (uint32_t i = p->pages, n; i < have; i += n) {
			n = 1u << c->page[at + i].order;
			block_unlist(&c->page[at + i]);
		}
		range_free_locked(c, at + count, have - count);
		c->free_pages -= count - p->pages;
		p->pages = count;
		done = true;
	}
	pthread_mutex_unlock(&pages_lock);
	return done;
}

/* ---- mappings of their own ---- */

void *huge_alloc(size_t bytes, size_t align)
{
	size_t offset = align >= CHUNK ? CHUNK
			: align > PAGE ? align
				       : PAGE,
	       map_bytes = (bytes + PAGE - 1) & ~(PAGE - 1);
	struct chunk *c;

	/* The header is at a multiple of CHUNK, the object @offset after it. */
	if (bytes > HUGE_LIMIT - align)
		return NULL;
	map_bytes += offset;
	c = align > CHUNK ? map_aligned(map_bytes, align, offset, PROT_READ | PROT_WRITE)
			  : map_aligned(map_bytes, CHUNK, 0, PROT_READ | PROT_WRITE);
	if (!c)
		return NULL;
	c->magic = magic_of(c);
	c->map_bytes = map_bytes;
	c->bytes = map_bytes - offset;
	count_mapped((ptrdiff_t)map_bytes);
	return (char *)c + offset;
}

void huge_free(struct chunk *c)
{
	count_mapped(-(ptrdiff_t)c->map_bytes);
	munmap(c, c->map_bytes);
}

void *huge_resize(struct chunk *c, void *p, size_t bytes)
{
	size_t offset = (size_t)((char *)p - (char *)c), old_bytes = c->map_bytes,
	       map_bytes = ((bytes + PAGE - 1) & ~(PAGE - 1)) + offset;
	void *to = c;

	if (bytes > HUGE_LIMIT - CHUNK || offset > PAGE)
		return NULL;
	if (mremap(c, old_bytes, map_bytes, 0) == MAP_FAILED) {
		to = map_aligned(map_bytes, CHUNK, 0, PROT_NONE);
		if (!to)
			return NULL;
		if (mremap(c, old_bytes, map_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) ==
			MAP_FAILED) {
			munmap(to, map_bytes);
			return NULL;
		}
	}
	c = to;
	c->magic = magic_of(c);
	c->map_bytes = map_bytes;
	c->bytes = map_bytes - offset;
	count_mapped((ptrdiff_t)(map_bytes - old_bytes));
	return (char *)c + offset;
}
