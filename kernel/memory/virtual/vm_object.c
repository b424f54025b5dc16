/* Memory objects: the page cache of an inode, and shared memory. Layer: memory.
 *
 * The tree holds complete pages only: a page enters it after it was filled, and each page in it
 * carries one reference of the object. Removal first takes pages out of the tree, then counts
 * `invalidations`, then unmaps them from every area. A fault installs its entries and then reads
 * the counter again: either it sees the removal and undoes itself, or the unmapping sees its
 * entries. Removed pages are freed after a grace period, so a look-up under RCU may take a
 * reference without further ado.
 *
 * Locks: object->lock for the tree; mappings_lock, then area->lock, for unmapping; fill_locks,
 * hashed by page, so that one thread fills a page. */
#include <exo/log.h>
#include <exo/security.h>
#include <exo/string.h>
#include "vm_internal.h"

#define FILL_LOCKS   16
#define DETACH_BATCH 128 /* pages taken out in one hold of the lock */

static struct mutex fill_locks[FILL_LOCKS];
static struct kmem_cache *shared_cache;

void vm_object_init(struct vm_object *o, const struct vm_object_ops *ops, void *owner)
{
	*o = (struct vm_object){.refs = 1, .ops = ops, .owner = owner, .mem_counter = MEM_CACHE};
	spin_init(&o->lock, RANK_VM_OBJECT);
	rwsem_init(&o->mappings_lock, RANK_S_MAPPINGS);
	list_init(&o->mappings);
}

static void shared_release(struct vm_object *o)
{
	commit_uncharge(VM_ACCOUNT, (uintptr_t)o->owner);
	kmem_cache_free(shared_cache, o);
}

static const struct vm_object_ops shared_ops = {.release = shared_release};

void object_cache_init(void)
{
	for (u32 i = 0; i < FILL_LOCKS; i++)
		mutex_init(&fill_locks[i], RANK_S_FILL);
	shared_cache = kmem_cache_create("vm_object", sizeof(struct vm_object), 64, 0);
}

struct vm_object *vm_object_create_anon(u64 size_bytes)
{
	u64 pages = ALIGN_UP(size_bytes, PAGE_SIZE) >> PAGE_SHIFT;
	struct vm_object *o;

	if (commit_charge(VM_ACCOUNT, pages) < 0)
		return NULL;
	o = kmem_cache_alloc(shared_cache, ALLOC_KERNEL);
	if (!o) {
		commit_uncharge(VM_ACCOUNT, pages);
		return NULL;
	}
	/* what was charged is given back at the end */
	vm_object_init(o, &shared_ops, (void *)(uintptr_t)pages);
	o->mem_counter = MEM_SHMEM;
	o->size_bytes = size_bytes;
	return o;
}

void vm_object_get(struct vm_object *o)
{
	__atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);
}

void vm_object_put(struct vm_object *o)
{
	if (__atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL))
		return;
	vm_object_drop_all(o);
	o->ops->release(o);
}

/* The page has left the tree: what the object kept about it goes. */
static void page_detach(struct vm_object *o, struct page *p)
{
	if (p->flags & PG_DIRTY && !object_is_shmem(o))
		mem_account(MEM_DIRTY, -1);
	p->object = NULL;
}

static void pages_uncount(struct vm_object *o, u64 pages)
{
	mem_account(o->mem_counter, -(s64)pages);
	if (o->ops->charge && pages)
		(void)!o->ops->charge(o, -(s64)pages); /* giving back cannot fail */
}

static void drop_page(void *ctx, struct page *p)
{
	page_detach(ctx, p);
	page_put(p);
}

void vm_object_drop_all(struct vm_object *o)
{
	u64 pages = o->page_count;

	DEBUG_ASSERT(list_empty(&o->mappings));
	page_tree_destroy(&o->tree, drop_page, o);
	o->page_count = 0;
	pages_uncount(o, pages);
}

struct page *vm_object_peek(struct vm_object *o, u64 index)
{
	struct page *p;

	rcu_read_lock();
	p = page_tree_get(rcu_dereference(o->tree), index);
	if (p)
		page_get(p);
	rcu_read_unlock();
	return p;
}

/* Puts a complete page into the tree, unless another was faster. Takes over @p's only reference
 * when it succeeds. Return: the page in the tree with a reference for the caller | err_ptr. */
static struct page *object_insert(struct vm_object *o, u64 index, struct page *p, bool bounded)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&o->lock);
	struct page *there = page_tree_get(o->tree, index);

	if (bounded && index >= object_pages(o))
		return err_ptr(-EIO);
	if (!there && page_tree_insert(&o->tree, index, p) < 0)
		return err_ptr(-ENOMEM);
	o->page_count += !there;
	there = there ? there : p;
	page_get(there);
	return there;
}

/* A page for @index that is not in the tree yet; filled when the object has a source. Caller holds
 * the fill lock then. */
static struct page *object_add(struct vm_object *o, u64 index, bool bounded)
{
	struct page *p = page_alloc(0, ALLOC_ZERO | (o->ops->fill ? ALLOC_USER : ALLOC_DATA)),
		    *there;
	int err;

	if (!p)
		return err_ptr(-ENOMEM);
	p->object = o;
	p->index = index;
	p->flags = PG_CACHE | (object_is_shmem(o) ? PG_SHMEM : 0);
	err = o->ops->charge ? o->ops->charge(o, 1) : 0;
	if (err) {
		page_free(p, 0);
		return err_ptr(err);
	}
	mem_account(o->mem_counter, 1);
	err = o->ops->fill ? o->ops->fill(o, p) : 0;
	p->flags |= PG_UPTODATE;
	there = err ? err_ptr(err) : object_insert(o, index, p, bounded);
	if (there != p) {
		pages_uncount(o, 1);
		p->object = NULL;
		page_free(p, 0);
	}
	return there;
}

void page_put_all(struct page *p, u32 count)
{
	for (u32 i = 0; i < count; i++)
		page_put(p + i);
}

/* Puts a block of new pages where none is. Whatever does not fit in is given back. */
static void object_add_span(struct vm_object *o, u64 index)
{
	struct page *block = page_alloc(SPAN_ORDER, ALLOC_ZERO | ALLOC_DATA | ALLOC_ONCE);
	u32 n = 0;

	if (!block)
		return;
	page_split(block, SPAN_ORDER);
	if (o->ops->charge && o->ops->charge(o, SPAN_PAGES)) {
		page_put_all(block, SPAN_PAGES);
		return;
	}
	mem_account(o->mem_counter, SPAN_PAGES);
	spin_lock(&o->lock);
	while (n < SPAN_PAGES && index + n < object_pages(o) &&
		!page_tree_get(o->tree, index + n)) {
		block[n].object = o;
		block[n].index = index + n;
		block[n].flags = PG_CACHE | PG_UPTODATE | (object_is_shmem(o) ? PG_SHMEM : 0);
		if (page_tree_insert(&o->tree, index + n, block + n) < 0)
			break;
		n++;
	}
	o->page_count += n;
	spin_unlock(&o->lock);
	pages_uncount(o, SPAN_PAGES - n);
	page_put_all(block + n, SPAN_PAGES - n);
}

struct page *object_span_in(struct vm_object *o, u64 index)
{
	struct page *first, *p;
	u32 n = 1;

	if (index + SPAN_PAGES > object_pages(o))
		return NULL;
	if (vm_object_next_data(o, index) >= index + SPAN_PAGES)
		object_add_span(o, index);
	first = vm_object_peek(o, index);
	if (!first)
		return NULL;
	while (n < SPAN_PAGES) {
		p = vm_object_peek(o, index + n);
		if (p && p != first + n)
			page_put(p);
		if (p != first + n)
			break;
		n++;
	}
	if (n == SPAN_PAGES && page_to_phys(first) % PMAP_SPAN == 0)
		return first;
	page_put_all(first, n);
	return NULL;
}

static struct page *object_get_page(struct vm_object *o, u64 index, bool bounded)
{
	struct page *p = vm_object_peek(o, index);

	if (likely(p))
		return p;
	if (!o->ops->fill)
		return object_add(o, index, bounded);
	struct mutex *held SCOPED(mutex_release) =
		mutex_hold(&fill_locks[((uintptr_t)o / 64 + index) % FILL_LOCKS]);
	p = vm_object_peek(o, index);
	return p ? p : object_add(o, index, bounded);
}

struct page *vm_object_page(struct vm_object *o, u64 index, bool create)
{
	return create ? object_get_page(o, index, false) : vm_object_peek(o, index);
}

struct page *object_page_in(struct vm_object *o, u64 index)
{
	return index < object_pages(o) ? object_get_page(o, index, true) : err_ptr(-EIO);
}

void vm_object_mark_dirty(struct vm_object *o, struct page *p)
{
	if (p->flags & PG_DIRTY)
		return;
	if (!(__atomic_fetch_or(&p->flags, PG_DIRTY, __ATOMIC_RELAXED) & PG_DIRTY) &&
		!object_is_shmem(o))
		mem_account(MEM_DIRTY, 1);
}

void vm_object_set_size(struct vm_object *o, u64 size_bytes)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&o->lock);

	__atomic_store_n(&o->size_bytes, size_bytes, __ATOMIC_RELAXED);
}

/* Removed pages hang on the first one's ring of `lru` nodes, and that one's rcu head. */
static void pages_free_rcu(struct rcu_head *h)
{
	struct page *first = container_of(h, struct page, rcu), *p;

	while ((p = list_pop(&first->lru, struct page, lru)))
		page_put(p);
	page_put(first);
}

/* Takes the pages [first, last] out of the tree, in batches. Return: the ring of them, or NULL. */
static struct page *object_detach(struct vm_object *o, u64 first, u64 last)
{
	struct page *ring = NULL, *p;
	u64 index = first, removed = 0;
	u32 batch;

	do {
		spin_lock(&o->lock);
		for (batch = 0; batch < DETACH_BATCH; batch++) {
			p = page_tree_next(o->tree, &index);
			if (!p || index > last)
				break;
			(void)page_tree_remove(&o->tree, index);
			o->page_count--;
			page_detach(o, p);
			if (ring)
				list_add_tail(&ring->lru, &p->lru);
			else
				list_init(&(ring = p)->lru);
		}
		spin_unlock(&o->lock);
		removed += batch;
	} while (batch == DETACH_BATCH);
	pages_uncount(o, removed);
	return ring;
}

/* Entries of cache pages only: the private copies of a private mapping survive a punched hole. */
struct punch {
	struct vm_area *area;
	struct tlb_gather *gather;
};
static void punch_entry(void *ctx, vaddr_t va, pte_t seen)
{
	struct punch *c = ctx;
	struct pmap *m = &c->area->space->pmap;
	struct page *p = phys_to_page(pte_paddr(seen));

	if (pte_special(seen) || (p->flags & PG_ANON) ||
		pmap_replace(m, va, pmap_lookup(m, va), 0) < 0)
		return;
	tlb_gather_count(c->gather, p);
	tlb_flush_page(m, va);
	tlb_gather_page(c->gather, p);
}

static void area_unmap_object_range(struct vm_area *a, u64 first, u64 last, bool keep_copies)
{
	struct rwsem *held SCOPED(write_release) = write_hold(&a->lock);
	struct tlb_gather g;
	u64 low = MAX(first, a->object_page), pages = area_pages(a);
	if (pages && last >= a->object_page && low < a->object_page + pages) {
		u64 high = MIN(last, a->object_page + pages - 1);
		vaddr_t start = a->start + ((low - a->object_page) << PAGE_SHIFT);
		vaddr_t end = a->start + ((high - a->object_page + 1) << PAGE_SHIFT);

		tlb_gather_begin(&g, &a->space->pmap);
		if (keep_copies && !(a->flags & VM_SHARED))
			pmap_walk(&a->space->pmap, start, end, punch_entry, &(struct punch){a, &g});
		else
			pmap_unmap(&a->space->pmap, start, end, &g);
		space_gather_end(a->space, &g);
	}
}

static void object_remove(struct vm_object *o, u64 first, u64 last, bool keep_copies)
{
	struct page *ring = object_detach(o, first, last);
	struct vm_area *a;

	/* pairs with the second read in a fault */
	__atomic_fetch_add(&o->invalidations, 1, __ATOMIC_SEQ_CST);
	rwsem_read_lock(&o->mappings_lock);
	list_for_each_entry (a, &o->mappings, mapping_node)
		area_unmap_object_range(a, first, last, keep_copies);
	rwsem_read_unlock(&o->mappings_lock);
	if (ring)
		rcu_call(&ring->rcu, pages_free_rcu);
}

/* A fault asks for the grant under the area's lock: one that came before is undone here, one that
 * comes later is refused. */
void vm_object_revoke(struct vm_object *o)
{
	struct rwsem *held SCOPED(read_release) = read_hold(&o->mappings_lock);
	struct vm_area *a;

	list_for_each_entry (a, &o->mappings, mapping_node)
		if (a->grant && !grant_live(a->grant))
			area_unmap_object_range(a, 0, ~0ull, false);
}

static void page_zero_part(struct vm_object *o, u64 start, u64 end) /* inside one page */
{
	struct page *p = start < end ? vm_object_peek(o, start >> PAGE_SHIFT) : NULL;

	if (!p)
		return;
	memset((u8 *)page_to_virt(p) + (start & ~PAGE_MASK), 0, end - start);
	vm_object_mark_dirty(o, p);
	page_put(p);
}

void vm_object_truncate(struct vm_object *o, u64 new_size_bytes)
{
	u64 old = o->size_bytes, edge = MIN(old, new_size_bytes);

	vm_object_set_size(o, new_size_bytes);
	if (new_size_bytes < old)
		object_remove(o, ALIGN_UP(new_size_bytes, PAGE_SIZE) >> PAGE_SHIFT, ~0ull, false);
	if (edge & ~PAGE_MASK) /* mappings may have written behind the end */
		page_zero_part(o, edge, ALIGN_UP(edge, PAGE_SIZE));
}

void vm_object_punch(struct vm_object *o, u64 start, u64 end)
{
	u64 first = ALIGN_UP(start, PAGE_SIZE) >> PAGE_SHIFT, last = end >> PAGE_SHIFT;

	if (start >= end)
		return;
	if (first > last) { /* inside one page */
		page_zero_part(o, start, end);
		return;
	}
	page_zero_part(o, start, first << PAGE_SHIFT);
	if (first < last)
		object_remove(o, first, last - 1, true);
	page_zero_part(o, last << PAGE_SHIFT, end);
}

u64 vm_object_next_data(struct vm_object *o, u64 index)
{
	struct page *p;

	rcu_read_lock();
	p = page_tree_next(rcu_dereference(o->tree), &index);
	rcu_read_unlock();
	return p ? index : ~0ull;
}
