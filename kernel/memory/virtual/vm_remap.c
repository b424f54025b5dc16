/* mremap. Layer: memory. Source: mremap(2). */
#include <exo_abi/linux_mman.h>
#include "vm_internal.h"

struct remap {
	struct vm_space *space;
	vaddr_t old, target;  /* target: of MREMAP_FIXED */
	u64 old_len, new_len; /* page aligned */
	u32 flags;
};

/* Lets the area that ends at old + old_len reach further, when nothing is above. -ENOMEM: no room,
 * move instead. */
static int grow_in_place(struct remap *r, struct vm_area *a)
{
	struct vm_space *s = r->space;
	u64 more = r->new_len - r->old_len;
	struct vm_area like = *a;

	like.object_page = a->object ? area_index(a, a->end) : 0;
	if (a->end != r->old + r->old_len || a->special || !range_free(s, a->end, more))
		return -ENOMEM;
	if (commit_charge(a->flags, more >> PAGE_SHIFT) < 0)
		return -ENOMEM;
	if (!area_grow_over(s, &like, a->end, a->end + more)) {
		commit_uncharge(a->flags, more >> PAGE_SHIFT);
		return -ENOMEM;
	}
	space_account(s, like.flags, (s64)(more >> PAGE_SHIFT));
	return 0;
}

/* The pages of @from become those of @to. Faults are kept out of both while they move. */
static int move_entries(
	struct vm_space *s, struct vm_area *from, struct vm_area *to, vaddr_t old, u64 len_bytes)
{
	struct rwsem *held_from SCOPED(write_release) = write_hold(&from->lock);
	struct rwsem *held_to SCOPED(write_release) = write_hold(&to->lock);
	struct tlb_gather g;
	int err;

	tlb_gather_begin(&g, &s->pmap);
	err = pmap_move(&s->pmap, old, to->start, len_bytes, &g);
	tlb_gather_end(&g);
	return err;
}

/* A new area of the new length with the pages of [old, old + old_len), which one area covers. */
static int copy_area(struct remap *r, struct vm_area *a, vaddr_t start)
{
	struct vm_space *s = r->space;
	struct vm_area like = *a, *to;
	u64 pages = r->new_len >> PAGE_SHIFT;
	int err;

	if (s->area_count >= AREAS_MAX || commit_charge(a->flags, pages) < 0)
		return -ENOMEM;
	like.object_page = a->object ? area_index(a, r->old) : 0;
	to = area_create(s, &like, start, start + r->new_len);
	if (!to) {
		commit_uncharge(a->flags, pages);
		return -ENOMEM;
	}
	area_insert(to);
	space_account(s, to->flags, (s64)pages);
	err = r->old_len ? move_entries(s, a, to, r->old, MIN(r->old_len, r->new_len)) : 0;
	if (err) /* the entries are where they were; a whole area goes without allocating */
		(void)!unmap_locked(s, start, start + r->new_len);
	return err;
}

static int move(struct remap *r, struct vm_area *a, vaddr_t *out)
{
	bool keep = r->flags & L_MREMAP_DONTUNMAP || !r->old_len;
	struct vm_space *s = r->space;
	vaddr_t start = r->flags & L_MREMAP_FIXED ? r->target : gap_find(s, r->new_len, false);
	int err;

	if (!start)
		return -ENOMEM;
	if (!keep) { /* so that taking the old range away cannot fail later */
		err = areas_isolate(s, r->old, r->old + r->old_len);
		if (err)
			return err;
		a = area_above(s, r->old);
	}
	err = copy_area(r, a, start);
	if (!err && !keep)
		err = unmap_locked(s, r->old, r->old + r->old_len);
	area_merge_around(s, err ? r->old : start, err ? r->old + r->old_len : start + r->new_len);
	if (!err)
		*out = start;
	return err;
}

/* What is at the target goes first; then the old range may have become another area. */
static int fixed_target(struct remap *r)
{
	if ((r->target & ~PAGE_MASK) || !user_range_valid(r->target, r->new_len) ||
		r->target < USER_MIN)
		return -EINVAL;
	if (r->target < r->old + r->old_len && r->old < r->target + r->new_len)
		return -EINVAL;
	return unmap_locked(r->space, r->target, r->target + r->new_len);
}

static int remap_check(struct remap *r, struct vm_area *a)
{
	if (!a || a->start > r->old)
		return -EFAULT;
	if (!r->old_len && (!(a->flags & VM_SHARED) || !a->object))
		return -EINVAL; /* only a shared mapping can be had twice */
	if (r->old + r->old_len > a->end)
		return -EFAULT;
	if ((r->flags & L_MREMAP_DONTUNMAP) && (a->object || a->special))
		return -EINVAL;
	if ((a->special || (a->flags & VM_DONTEXPAND)) && r->new_len > r->old_len)
		return -EFAULT;
	if (r->new_len > r->old_len)
		return space_may_map(r->space, a->flags, (r->new_len - r->old_len) >> PAGE_SHIFT);
	return 0;
}

static int remap_locked(struct remap *r, vaddr_t *out)
{
	struct vm_area *a;
	int err = 0;

	if (r->flags & L_MREMAP_FIXED)
		err = fixed_target(r);
	if (!err && r->new_len < r->old_len) {
		if (!range_is_mapped(r->space, r->old, r->old + 1))
			return -EFAULT;
		err = unmap_locked(r->space, r->old + r->new_len, r->old + r->old_len);
		r->old_len = r->new_len;
	}
	a = area_above(r->space, r->old);
	err = err ? err : remap_check(r, a);
	if (err)
		return err;
	if (!(r->flags & (L_MREMAP_FIXED | L_MREMAP_DONTUNMAP)) && r->old_len) {
		if (r->new_len == r->old_len || !grow_in_place(r, a)) {
			*out = r->old;
			return 0;
		}
	}
	return r->flags & L_MREMAP_MAYMOVE ? move(r, a, out) : -ENOMEM;
}

int vm_remap(struct vm_space *s, vaddr_t old, size_t old_len, size_t new_len, u32 mremap_flags,
	vaddr_t new_addr, vaddr_t *out)
{
	struct remap r = {.space = s,
		.old = old,
		.target = new_addr,
		.old_len = ALIGN_UP(old_len, PAGE_SIZE),
		.new_len = ALIGN_UP(new_len, PAGE_SIZE),
		.flags = mremap_flags};
	struct vm_area *a;
	bool locked;
	int err;

	if ((old & ~PAGE_MASK) || !new_len ||
		(mremap_flags & ~(L_MREMAP_MAYMOVE | L_MREMAP_FIXED | L_MREMAP_DONTUNMAP)))
		return -EINVAL;
	if ((mremap_flags & (L_MREMAP_FIXED | L_MREMAP_DONTUNMAP)) &&
		!(mremap_flags & L_MREMAP_MAYMOVE))
		return -EINVAL;
	if ((mremap_flags & L_MREMAP_DONTUNMAP) && r.old_len != r.new_len)
		return -EINVAL;
	if (r.old_len < old_len || r.new_len < new_len || !user_range_valid(old, r.old_len) ||
		r.new_len > USER_MAX)
		return -EINVAL;
	rwsem_write_lock(&s->lock);
	err = remap_locked(&r, out);
	a = err ? NULL : area_above(s, *out);
	locked = a && (a->flags & VM_LOCKED);
	rwsem_write_unlock(&s->lock);
	if (locked && r.new_len > r.old_len)
		(void)!vm_populate(s, *out + r.old_len, *out + r.new_len);
	return err;
}
