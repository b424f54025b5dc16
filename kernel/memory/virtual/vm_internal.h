/* What the files of kernel/memory/virtual share. Layer: memory.
 *
 * Lock order: space->lock > object->mappings_lock > area->lock > (object fill) > tree_lock,
 * object->lock. A fault takes tree_lock for the look-up, then area->lock for reading; everything
 * that takes part of an area away holds area->lock for writing while it changes the bounds, so that
 * afterwards no fault works in the part that went. */
#pragma once

#include <exo/errno.h>
#include <exo/vm.h>
#include "../memory_internal.h"

#define VM_PROT      (VM_READ | VM_WRITE | VM_EXEC)
#define VM_PTE       (VM_PROT | VM_KEY) /* what its entries are made of */
#define VM_MAYSHIFT  4                  /* VM_MAY* = prot bit << 4 */
#define STACK_GAP    (256 * PAGE_SIZE)
#define AREAS_MAX    65530 /* as Linux's default of vm.max_map_count */
#define FAULT_AROUND 64u
#define SPAN_PAGES   (PMAP_SPAN / PAGE_SIZE)
#define SPAN_ORDER   9
_Static_assert(SPAN_PAGES == 1u << SPAN_ORDER, "a block of memory fills a span");

/* ---- page_tree.c: index -> page; look-ups under RCU, changes under the owner's lock ---- */
void page_tree_init(void);
struct page *page_tree_get(void *root, u64 index);
/* page_tree_window - the slots of up to 64 pages around @index; *first is the index of slot 0,
 * *count how many. NULL = none there. */
struct page **page_tree_window(void **root, u64 index, u64 *first, u32 *count);
/* slot is empty. 0 | -ENOMEM */
int page_tree_insert(void **root, u64 index, struct page *p) MUST_USE;
struct page *page_tree_remove(void **root, u64 index); /* NULL = was empty */
struct page *page_tree_next(void *root, u64 *index);   /* first page at or after *index */
/* no readers left */
void page_tree_destroy(void **root, void (*fn)(void *ctx, struct page *p), void *ctx);

/* ---- vm_object.c ---- */
/* object_page_in - as vm_object_page with create, but -EIO when @index lies beyond the object's
 * size. */
struct page *object_page_in(struct vm_object *o, u64 index);
/* object_span_in - the first of the SPAN_PAGES pages from @index on, when they are one physical
 * block, with one more reference each; where none of them is yet, such a block is made if there is
 * one. NULL = they are not, or lie beyond the object's size. For objects without a source. Context:
 * may sleep. */
struct page *object_span_in(struct vm_object *o, u64 index);
void page_put_all(struct page *p, u32 count); /* one reference of each */
static inline u64 object_pages(const struct vm_object *o)
{
	return ALIGN_UP(__atomic_load_n(&o->size_bytes, __ATOMIC_RELAXED), PAGE_SIZE) >> PAGE_SHIFT;
}
static inline bool object_is_shmem(const struct vm_object *o)
{
	return o->mem_counter == MEM_SHMEM;
}

/* ---- vm_area.c ---- */
void area_cache_init(void);
void object_cache_init(void);
struct vm_area *area_create(struct vm_space *s, const struct vm_area *like, vaddr_t start,
	vaddr_t end); /* NULL; refs 1; not in tree */
void area_put(struct vm_area *a);
/* area_above - the first area that ends after @va: the one at @va or the next one up. Context:
 * space->lock or tree_lock. */
struct vm_area *area_above(struct vm_space *s, vaddr_t va);
struct vm_area *area_next(const struct vm_area *a);
struct vm_area *area_below(struct vm_space *s, const struct vm_area *a); /* of NULL: the last */
/* covering @va, +1; NULL. Takes tree_lock */
struct vm_area *area_get(struct vm_space *s, vaddr_t va);
void area_insert(struct vm_area *a); /* into tree and object; the tree takes over one reference */
/* area_insert_after - as area_insert, right above @below (NULL = the first). */
void area_insert_after(struct vm_area *below, struct vm_area *a);
/* out of tree and object; the caller gets the tree's reference */
void area_erase(struct vm_area *a);
void area_unlink_object(struct vm_area *a);
/* area_split - cuts @a at @at; the upper part is @upper, made by area_create beforehand. Context:
 * space->lock (write). */
void area_split(struct vm_area *a, vaddr_t at, struct vm_area *upper);
/* keeps faults out while it changes; object_page follows */
void area_set_bounds(struct vm_area *a, vaddr_t start, vaddr_t end);
/* area_grow_over - lets a neighbour cover [start, end) instead of a new area, when all attributes
 * match. */
bool area_grow_over(struct vm_space *s, const struct vm_area *like, vaddr_t start, vaddr_t end);
/* joins compatible neighbours in and around the range */
void area_merge_around(struct vm_space *s, vaddr_t start, vaddr_t end);
static inline u64 area_index(const struct vm_area *a, vaddr_t va)
{
	return a->object_page + ((va - a->start) >> PAGE_SHIFT);
}
static inline u64 area_pages(const struct vm_area *a)
{
	return (a->end - a->start) >> PAGE_SHIFT;
}

/* ---- vm_space.c: accounting ---- */
/* virtual sizes. Context: space->lock (write) */
void space_account(struct vm_space *s, u32 area_flags, s64 pages);
int space_may_map(struct vm_space *s, u32 area_flags, u64 pages) MUST_USE; /* limits. 0 | -ENOMEM */
/* commit_charge, commit_uncharge - for areas with VM_ACCOUNT in @flags; no others count. 0 |
 * -ENOMEM */
int commit_charge(u32 flags, u64 pages) MUST_USE;
void commit_uncharge(u32 flags, u64 pages);
u32 flags_account(u32 flags); /* with VM_ACCOUNT set or cleared as the other flags demand */
/* prot_before_write - what an entry may allow while writes still go through a fault. What can be
 * written can be read, as the hardware has it: never an entry without any right. */
static inline u32 prot_before_write(u32 flags)
{
	return (flags & (VM_READ | VM_EXEC | VM_KEY)) | (flags & VM_WRITE ? VM_READ : 0);
}
static inline void rss_add(s64 *counter, s64 n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}
/* flush, and take what went off the counters */
void space_gather_end(struct vm_space *s, struct tlb_gather *g);

/* ---- vm_protect.c ---- */
/* areas_change_flags - on whatever is mapped in the range. 0 | -ENOMEM; space->lock (write). */
int areas_change_flags(struct vm_space *s, vaddr_t start, vaddr_t end, u32 clear, u32 set) MUST_USE;

/* ---- vm_map.c ---- */
/* 0 | -ENOMEM; space->lock (write) */
int unmap_locked(struct vm_space *s, vaddr_t start, vaddr_t end) MUST_USE;
/* 0 = none; space->lock (write) */
vaddr_t gap_find(struct vm_space *s, u64 len_bytes, bool below4g);
bool range_free(struct vm_space *s, vaddr_t start, u64 len_bytes);
/* areas_isolate - cuts areas at @start and @end, so that the range holds whole areas. 0 | -ENOMEM;
 * space->lock (write). */
int areas_isolate(struct vm_space *s, vaddr_t start, vaddr_t end) MUST_USE;
bool range_is_mapped(struct vm_space *s, vaddr_t start, vaddr_t end); /* without holes */
static inline bool user_range_valid(vaddr_t start, u64 len_bytes)
{
	return start < USER_MAX && len_bytes <= USER_MAX - start;
}
int stack_grow(struct vm_space *s, vaddr_t va) MUST_USE; /* 0 | -EFAULT */
