/* Inside libexo_malloc: chunks, pages, mappings. See exo_malloc.c for the design and the locks. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define NOINLINE    __attribute__((noinline))

#define PAGE_SHIFT 12
#define PAGE       4096ul
#define CHUNK      (4ul << 20)
#define PAGES      (CHUNK / PAGE)
#define ORDER_MAX  8 /* 1 MB: the largest run */
#define RUN_MAX    (PAGE << ORDER_MAX)
#define SMALL_MAX  (32ul << 10)
#define CLASSES    40
#define NO_CLASS   0xff
#define EMPTY_KEPT 1  /* empty slabs that a class keeps, of up to 32 KB */
#define SPARE_KEPT 2  /* free chunks */
#define HOT_KEPT   8  /* free blocks of 1 MB that keep their memory */
#define ITEMS_MAX  62 /* of a magazine */
#define HUGE_LIMIT (PTRDIFF_MAX - 2 * CHUNK)

enum page_state { PAGE_INNER, PAGE_FREE, PAGE_RUN, PAGE_SLAB };

/* A page of a chunk. Of a slab or a free block only the first one counts. */
struct page {
	struct page *next, *prev; /* free list, or slabs of the class with free objects */
	void *free;               /* slab: objects given back, linked through themselves */
	uint16_t used, carved, total;
	uint8_t state;  /* enum page_state */
	uint8_t order;  /* free block, slab */
	bool cold;      /* free block of 1 MB: its memory went back to the system */
	uint32_t pages; /* run */
};
struct chunk {
	uintptr_t magic;  /* the address and magic_of() */
	size_t map_bytes; /* 0: pages below; else a mapping of its own, from the header on */
	size_t bytes;     /* of its own: what the caller may use */
	struct chunk *next, *prev;
	uint32_t free_pages;
	uint8_t class[PAGES]; /* of every page of a slab; NO_CLASS else */
	uint16_t head[PAGES]; /* slab: its first page */
	struct page page[PAGES];
};
#define HEADER_PAGES ((sizeof(struct chunk) + PAGE - 1) / PAGE)
#define FREE_PAGES   (PAGES - HEADER_PAGES)

struct list {
	struct page *first;
};

extern pthread_mutex_t pages_lock;
extern size_t mapped, mapped_max; /* [atomic] bytes */

_Noreturn void die(const char *what);

/* pages_take - a block whose first @count pages are taken, in state @state. NULL = no memory. */
struct page *pages_take(uint32_t order, uint32_t count, enum page_state state);
/* pages_give - a run or a slab, but for its first @skip pages. */
void pages_give(struct page *p, uint32_t skip);
/* run_grow - makes a run longer where it stands, if what follows is free. */
bool run_grow(struct page *p, uint32_t count);
/* huge_alloc - a mapping of its own. NULL = no memory. */
void *huge_alloc(size_t bytes, size_t align);
void huge_free(struct chunk *c);
/* huge_resize - moves page tables instead of bytes. NULL = not done, nothing has changed. */
void *huge_resize(struct chunk *c, void *p, size_t bytes);

static inline uintptr_t magic_of(const struct chunk *c)
{
	return (uintptr_t)c ^ 0x65786f5f6d656d21ul;
}

static inline struct chunk *chunk_of(const void *p)
{
	struct chunk *c = (struct chunk *)(((uintptr_t)p - 1) & ~(CHUNK - 1));

	if (unlikely(c->magic != magic_of(c)))
		die("a pointer that was not allocated here");
	return c;
}

static inline struct chunk *page_chunk(const struct page *p)
{
	return (struct chunk *)((uintptr_t)p & ~(CHUNK - 1));
}

static inline uint32_t page_index(const struct page *p)
{
	return (uint32_t)(p - page_chunk(p)->page);
}

static inline void *page_address(const struct page *p)
{
	return (char *)page_chunk(p) + ((size_t)page_index(p) << PAGE_SHIFT);
}

static inline void list_push(struct list *l, struct page *p)
{
	p->prev = NULL;
	p->next = l->first;
	if (p->next)
		p->next->prev = p;
	l->first = p;
}

static inline void list_remove(struct list *l, struct page *p)
{
	if (p->next)
		p->next->prev = p->prev;
	if (p->prev)
		p->prev->next = p->next;
	else
		l->first = p->next;
}
