/* Areas: the ordered set of mappings of a space. Layer: memory.
 *
 * The tree changes under space->lock (write) and tree_lock together, so holders of either may read
 * it. An area that left the tree has empty bounds, which a fault that still holds a reference sees
 * when it gets the area's lock. */
#include <exo/fs.h>
#include <exo/security.h>
#include <exo/string.h>
#include "vm_internal.h"

static struct kmem_cache *area_cache;

void area_cache_init(void)
{
	area_cache = kmem_cache_create("vm_area", sizeof(struct vm_area), 64, 0);
}

struct vm_area *area_create(
	struct vm_space *s, const struct vm_area *like, vaddr_t start, vaddr_t end)
{
	struct vm_area *a = kmem_cache_alloc(area_cache, ALLOC_KERNEL);

	if (!a)
		return NULL;
	memcpy(a, like, offsetof(struct vm_area, mapping_node));
	a->start = start;
	a->end = end;
	a->refs = 1;
	a->space = s;
	list_init(&a->mapping_node);
	rwsem_init(&a->lock, RANK_S_AREA);
	if (a->object)
		vm_object_get(a->object);
	if (a->file)
		file_get(a->file);
	if (a->grant)
		grant_get(a->grant);
	return a;
}

void area_put(struct vm_area *a)
{
	if (__atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (a->object)
		vm_object_put(a->object);
	if (a->file)
		file_put(a->file);
	if (a->grant)
		grant_put(a->grant);
	kmem_cache_free(area_cache, a);
}

static struct vm_area *area_of(const struct rb_node *n)
{
	return n ? container_of((struct rb_node *)(uintptr_t)n, struct vm_area, node) : NULL;
}

struct vm_area *area_next(const struct vm_area *a)
{
	return area_of(rb_next(&a->node));
}

struct vm_area *area_below(struct vm_space *s, const struct vm_area *a)
{
	return area_of(a ? rb_prev(&a->node) : rb_last(&s->areas));
}

struct vm_area *area_above(struct vm_space *s, vaddr_t va)
{
	struct vm_area *best = NULL;
	struct rb_node *n = s->areas.root;

	while (n) {
		struct vm_area *a = area_of(n);

		if (a->end > va) {
			best = a;
			if (a->start <= va)
				break;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

struct vm_area *area_get(struct vm_space *s, vaddr_t va)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&s->tree_lock);
	struct vm_area *a = s->last_hit;

	if (!a || va - a->start >= a->end - a->start) {
		a = area_above(s, va);
		if (a && a->start <= va)
			s->last_hit = a;
		else
			a = NULL;
	}
	if (a)
		__atomic_fetch_add(&a->refs, 1, __ATOMIC_RELAXED);
	return a;
}

static void area_link_object(struct vm_area *a)
{
	if (!a->object)
		return;
	struct rwsem *held SCOPED(write_release) = write_hold(&a->object->mappings_lock);
	list_add_tail(&a->object->mappings, &a->mapping_node);
}

void area_unlink_object(struct vm_area *a)
{
	if (!a->object)
		return;
	struct rwsem *held SCOPED(write_release) = write_hold(&a->object->mappings_lock);
	list_del(&a->mapping_node);
}

void area_insert_after(struct vm_area *below, struct vm_area *a)
{
	struct vm_space *s = a->space;

	area_link_object(a); /* first: a truncation must find every page that a fault can map */
	spin_lock(&s->tree_lock);
	rb_insert_after(&s->areas, below ? &below->node : NULL, &a->node);
	spin_unlock(&s->tree_lock);
	s->area_count++;
}

void area_insert(struct vm_area *a)
{
	area_insert_after(area_below(a->space, area_above(a->space, a->start)), a);
}

void area_erase(struct vm_area *a)
{
	struct vm_space *s = a->space;

	spin_lock(&s->tree_lock);
	rb_erase(&s->areas, &a->node);
	if (s->last_hit == a)
		s->last_hit = NULL;
	spin_unlock(&s->tree_lock);
	s->area_count--;
	area_unlink_object(a);
}

void area_set_bounds(struct vm_area *a, vaddr_t start, vaddr_t end)
{
	struct rwsem *held SCOPED(write_release) = write_hold(&a->lock);
	spinlock_t *tree SCOPED(spin_release) = spin_hold(&a->space->tree_lock);

	if (a->object && start < end)
		a->object_page += (u64)((s64)(start - a->start) >> PAGE_SHIFT);
	a->start = start;
	a->end = end;
}

void area_split(struct vm_area *a, vaddr_t at, struct vm_area *upper)
{
	upper->flags = a->flags;
	upper->start = at;
	upper->end = a->end;
	upper->object_page = a->object ? area_index(a, at) : 0;
	area_link_object(upper); /* for a moment both cover the upper part: a truncation then unmaps
				    it twice */
	rwsem_write_lock(&a->lock);
	spin_lock(&a->space->tree_lock);
	a->end = at;
	rb_insert_after(&a->space->areas, &a->node, &upper->node);
	spin_unlock(&a->space->tree_lock);
	rwsem_write_unlock(&a->lock);
	a->space->area_count++;
}

/* Whether @b may continue @a in one area; @b begins where @a ends. */
static bool areas_match(const struct vm_area *a, const struct vm_area *b)
{
	return a->flags == b->flags && a->object == b->object && a->file == b->file &&
	       a->grant == b->grant && a->special == b->special && !a->special &&
	       (!a->object || a->object_page + area_pages(a) == b->object_page);
}

/* Lets @a reach further. Faults need not be kept out of what they already have, but truncation must
 * see consistent bounds. */
static void area_extend(struct vm_area *a, vaddr_t start, vaddr_t end)
{
	if (a->object) {
		area_set_bounds(a, start, end);
		return;
	}
	spinlock_t *held SCOPED(spin_release) = spin_hold(&a->space->tree_lock);
	a->start = start;
	a->end = end;
}

bool area_grow_over(struct vm_space *s, const struct vm_area *like, vaddr_t start, vaddr_t end)
{
	struct vm_area *above = area_above(s, start), *below = area_below(s, above), wanted;
	bool joins_above = above && above->start == end, joins_below = below && below->end == start;

	if (like->special || like->flags & VM_STACK || !(joins_above || joins_below))
		return false;
	wanted = *like;
	wanted.start = start;
	wanted.end = end;
	if (joins_above && areas_match(&wanted, above)) {
		area_extend(above, start, above->end);
		if (joins_below)
			area_merge_around(s, start, start);
		return true;
	}
	if (joins_below && areas_match(below, &wanted)) {
		area_extend(below, below->start, end);
		return true;
	}
	return false;
}

/* Joins @b to @a, which ends where @b begins. No look-up finds a hole meanwhile. */
static void areas_join(struct vm_area *a, struct vm_area *b)
{
	struct vm_space *s = a->space;

	rwsem_write_lock(&a->lock);
	spin_lock(&s->tree_lock);
	rb_erase(&s->areas, &b->node);
	if (s->last_hit == b)
		s->last_hit = a;
	a->end = b->end;
	spin_unlock(&s->tree_lock);
	rwsem_write_unlock(&a->lock);
	s->area_count--;
	area_set_bounds(b, 0, 0); /* faults that wait for it look up again */
	area_unlink_object(b);
	area_put(b);
}

void area_merge_around(struct vm_space *s, vaddr_t start, vaddr_t end)
{
	struct vm_area *a = area_above(s, start ? start - 1 : 0), *next;

	for (; a && a->start <= end; a = next) {
		next = area_next(a);
		if (!next || next->start != a->end || next->start > end || !areas_match(a, next))
			continue;
		areas_join(a, next);
		next = a; /* may go on */
	}
}
