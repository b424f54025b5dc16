/* Kernel virtual ranges: memory that is contiguous only virtually, and device registers. Layer:
 * memory.
 *
 * Each range is followed by an unmapped guard page, so what stands above it has one below. Free
 * ranges are a list in address order, first fit from below, so that the page tables of the area are
 * used again; ranges in use are a tree by start. Locks: ranges_lock (KMAP); page tables and page
 * frames are changed without it, by the range's only owner. */
#include <exo/log.h>
#include <exo/rbtree.h>
#include <arch/mmu.h>
#include "heap_internal.h"

struct kernel_range {
	struct rb_node node; /* [ranges_lock] when in use */
	struct list list;    /* [ranges_lock] when free */
	vaddr_t start, end;  /* guard page included */
	bool device;         /* its frames are not ours */
};
static spinlock_t ranges_lock = SPINLOCK_INIT(RANK_KMAP);
static struct list ranges_free = LIST_INIT(ranges_free);
static struct rb_tree ranges_used;
static struct kernel_range whole_area; /* the first free range; never freed, since all allocations
					  cut from the front */

static bool range_less(const struct rb_node *a, const struct rb_node *b)
{
	return container_of(a, struct kernel_range, node)->start <
	       container_of(b, struct kernel_range, node)->start;
}

void vmalloc_init(void)
{
	whole_area.start = VMALLOC_START;
	whole_area.end = VMALLOC_END;
	list_add(&ranges_free, &whole_area.list);
}

static struct kernel_range *range_create(size_t len_bytes, bool device, u32 flags)
{
	struct kernel_range *r = kmalloc(sizeof(*r), flags & ALLOC_ATOMIC), *f, *empty = NULL;

	if (!r)
		return NULL;
	*r = (struct kernel_range){.device = device};
	spin_lock(&ranges_lock);
	list_for_each_entry (f, &ranges_free, list) {
		if (f->end - f->start < len_bytes + PAGE_SIZE)
			continue;
		r->start = f->start;
		r->end = f->start = f->start + len_bytes + PAGE_SIZE;
		if (f->start == f->end && f != &whole_area) {
			list_del(&f->list);
			empty = f;
		}
		rb_insert(&ranges_used, &r->node, range_less);
		break;
	}
	spin_unlock(&ranges_lock);
	kfree(empty);
	if (!r->end) {
		kfree(r);
		return NULL;
	}
	return r;
}

static struct kernel_range *range_take(vaddr_t start)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&ranges_lock);
	struct kernel_range *r;

	for (struct rb_node *n = ranges_used.root; n; n = start < r->start ? n->left : n->right) {
		r = container_of(n, struct kernel_range, node);
		if (r->start == start) {
			rb_erase(&ranges_used, n);
			return r;
		}
	}
	return NULL;
}

/* Puts a range back among the free ones and joins it with its neighbours. @r is moved. */
static void range_release(struct kernel_range *r)
{
	struct kernel_range *next = NULL, *f, *merged[2] = {NULL, NULL};

	spin_lock(&ranges_lock);
	list_for_each_entry (f, &ranges_free, list) {
		if (f->start >= r->end) {
			next = f;
			break;
		}
	}
	list_insert_between(&r->list, next ? next->list.prev : ranges_free.prev,
		next ? &next->list : &ranges_free);
	f = list_entry(r->list.prev, struct kernel_range, list);
	if (r->list.prev != &ranges_free && f->end == r->start) {
		r->start = f->start;
		list_del(&f->list);
		merged[0] = f;
	}
	if (next && next->start == r->end) {
		/* into the upper one: whole_area stays the last of the list */
		next->start = r->start;
		list_del(&r->list);
		merged[1] = r;
	}
	spin_unlock(&ranges_lock);
	kfree(merged[0]);
	kfree(merged[1]);
}

static void frames_free(vaddr_t start, vaddr_t end)
{
	struct list pages = LIST_INIT(pages);
	struct page *p;

	for (vaddr_t va = start; va < end; va += PAGE_SIZE)
		list_add_tail(&pages, &phys_to_page(kmap_lookup(va))->lru);
	if (end > start)
		kunmap_range(start, end - start); /* before the frames can be used again */
	while ((p = list_pop(&pages, struct page, lru)))
		page_free(p, 0);
}

void *vmalloc(size_t len_bytes, u32 flags)
{
	size_t asked_bytes = len_bytes;
	struct kernel_range *r;
	struct page *p;
	vaddr_t va;

	len_bytes = ALIGN_UP(len_bytes, PAGE_SIZE);
	if (!len_bytes || len_bytes >= VMALLOC_END - VMALLOC_START)
		return NULL;
	r = range_create(len_bytes, false, flags);
	if (!r)
		return NULL;
	for (va = r->start; va < r->start + len_bytes; va += PAGE_SIZE) {
		p = page_alloc(0, flags & (ALLOC_ATOMIC | ALLOC_ZERO));
		if (!p)
			goto undo;
		if (kmap_range(va, page_to_phys(p), PAGE_SIZE, PROT_R | PROT_W | PMAP_GLOBAL) < 0) {
			page_free(p, 0);
			goto undo;
		}
	}
	shadow_unpoison((void *)r->start, len_bytes);
	shadow_poison((void *)(r->start + asked_bytes), len_bytes - asked_bytes, KASAN_RED_ZONE);
	return (void *)r->start;
undo:
	frames_free(r->start, va);
	(void)range_take(r->start);
	range_release(r);
	return NULL;
}

void vfree(void *va)
{
	struct kernel_range *r;

	if (!va)
		return;
	r = range_take((vaddr_t)va);
	ASSERT(r && !r->device);
	kasan_poison(va, r->end - PAGE_SIZE - r->start, KASAN_VMALLOC_FREE);
	frames_free(r->start, r->end - PAGE_SIZE);
	range_release(r);
}

void *ioremap(paddr_t pa, size_t len_bytes, u32 pmap_flags)
{
	u64 offset = pa & ~PAGE_MASK;
	struct kernel_range *r;

	len_bytes = ALIGN_UP(len_bytes + offset, PAGE_SIZE);
	if (!len_bytes || len_bytes >= VMALLOC_END - VMALLOC_START)
		return NULL;
	r = range_create(len_bytes, true, ALLOC_KERNEL);
	if (!r)
		return NULL;
	if (kmap_range(r->start, pa - offset, len_bytes,
		    PROT_R | PROT_W | PMAP_GLOBAL | pmap_flags) < 0) {
		kunmap_range(r->start, len_bytes);
		(void)range_take(r->start);
		range_release(r);
		return NULL;
	}
	return (void *)(r->start + offset);
}
