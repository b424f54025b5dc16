/* Making and removing mappings, finding room for them, the break and the growing stack. Layer:
 * memory. */
#include <exo/fs.h>
#include "vm_internal.h"

#define MAP_32BIT_START 0x40000000ul
#define MAP_32BIT_END   0x80000000ul

/* ---- where ---- */

static vaddr_t area_floor(
	const struct vm_area *a) /* lowest address that a neighbour below may reach */
{
	return a->flags & VM_STACK ? (a->start > STACK_GAP ? a->start - STACK_GAP : 0) : a->start;
}

bool range_free(struct vm_space *s, vaddr_t start, u64 len_bytes)
{
	struct vm_area *above = area_above(s, start);

	return user_range_valid(start, len_bytes) && start >= USER_MIN &&
	       (!above || area_floor(above) >= start + len_bytes);
}

/* The highest gap that fits below s->gap_hint. Gaps passed on the way are noted in gap_skipped. 0 =
 * none. */
static vaddr_t gap_below_hint(struct vm_space *s, u64 len_bytes)
{
	vaddr_t top = s->gap_hint;
	struct vm_area *above = area_above(s, top), *a;

	if (above)
		top = MIN(top, area_floor(above));
	for (a = area_below(s, above);; a = area_below(s, a)) {
		vaddr_t floor = a ? a->end : USER_MIN, start = top - len_bytes;

		if (top > floor && top - floor >= len_bytes) {
			if (len_bytes % PMAP_SPAN == 0 && ALIGN_DOWN(start, PMAP_SPAN) >= floor) {
				start = ALIGN_DOWN(start, PMAP_SPAN); /* for large pages */
				s->gap_skipped = MAX(s->gap_skipped, top - len_bytes - start);
			}
			s->gap_hint = start;
			return start;
		}
		if (top > floor)
			s->gap_skipped = MAX(s->gap_skipped, top - floor);
		if (!a)
			return 0;
		top = area_floor(a);
	}
}

static vaddr_t gap_from_below(struct vm_space *s, u64 len_bytes, vaddr_t start, vaddr_t end)
{
	struct vm_area *a = area_above(s, start);

	for (; a && area_floor(a) < start + len_bytes; a = area_next(a))
		start = MAX(start, a->end);
	return start + len_bytes <= end ? start : 0;
}

vaddr_t gap_find(struct vm_space *s, u64 len_bytes, bool below4g)
{
	vaddr_t va;

	if (below4g)
		return gap_from_below(s, len_bytes, MAP_32BIT_START, MAP_32BIT_END);
	if (len_bytes <= s->gap_skipped) { /* one of the gaps above the hint will do */
		s->gap_hint = s->mmap_base;
		s->gap_skipped = 0;
	}
	va = gap_below_hint(s, len_bytes);
	if (!va && s->gap_hint != s->mmap_base) {
		s->gap_hint = s->mmap_base;
		s->gap_skipped = 0;
		va = gap_below_hint(s, len_bytes);
	}
	return va ? va : gap_from_below(s, len_bytes, s->mmap_base, USER_MAX);
}

/* Room was made below @above: the next search shall see it. */
static void gap_note_freed(struct vm_space *s, const struct vm_area *above)
{
	vaddr_t top = MIN(above ? area_floor(above) : USER_MAX, s->mmap_base);

	if (top > s->gap_hint)
		s->gap_hint = top;
}

bool range_is_mapped(struct vm_space *s, vaddr_t start, vaddr_t end)
{
	struct vm_area *a;

	for (a = area_above(s, start); a && a->start <= start && a->end < end; a = area_next(a))
		start = a->end;
	return a && a->start <= start;
}

/* ---- taking away ---- */

int areas_isolate(struct vm_space *s, vaddr_t start, vaddr_t end)
{
	struct vm_area *low = area_above(s, start), *high = area_above(s, end), *low_rest = NULL,
		       *high_rest = NULL;

	if (s->area_count + 2 > AREAS_MAX)
		return -ENOMEM;
	if (low && low->start < start) { /* both pieces are made before either cut: failure changes
					    nothing */
		low_rest = area_create(s, low, low->start, low->end);
		if (!low_rest)
			return -ENOMEM;
	}
	if (high && high->start < end) {
		high_rest = area_create(s, high, high->start, high->end);
		if (!high_rest) {
			if (low_rest)
				area_put(low_rest);
			return -ENOMEM;
		}
	}
	if (high_rest)
		area_split(high, end, high_rest);
	if (low_rest)
		area_split(low, start, low_rest);
	return 0;
}

/* Takes [start, end) away from the areas' bounds. Afterwards no fault works in the range. @rest:
 * spare for a hole inside one area. */
static void areas_cut(struct vm_space *s, vaddr_t start, vaddr_t end, struct vm_area *rest)
{
	struct vm_area *a = area_above(s, start), *next;

	for (; a && a->start < end; a = next) {
		vaddr_t low = MAX(a->start, start), high = MIN(a->end, end);

		next = area_next(a);
		space_account(s, a->flags, -(s64)((high - low) >> PAGE_SHIFT));
		if (a->start < start && a->end > end) {
			area_split(a, end, rest);
			area_set_bounds(a, a->start, start);
			return;
		}
		if (a->start < start) {
			area_set_bounds(a, a->start, start);
		} else if (a->end > end) {
			area_set_bounds(a, end, a->end);
		} else {
			area_erase(a);
			area_set_bounds(a, 0, 0);
			area_put(a);
		}
	}
}

/* Whether a page table of the lowest level that served a part of [start, end) serves nothing
 * outside [floor, ceiling). */
static bool leaf_table_inside(vaddr_t start, vaddr_t end, vaddr_t floor, vaddr_t ceiling)
{
	vaddr_t first = ALIGN_DOWN(start, PMAP_SPAN);

	if (first < floor)
		first += PMAP_SPAN;
	return first < end && first + PMAP_SPAN <= ceiling;
}

/* Page tables that serve nobody any more. The caller took all areas out of [start, end). */
static void tables_trim(struct vm_space *s, vaddr_t start, vaddr_t end, struct tlb_gather *g)
{
	struct vm_area *above = area_above(s, start), *below = area_below(s, above);
	vaddr_t floor = below ? below->end : 0, ceiling = above ? above->start : USER_MAX;

	if (leaf_table_inside(start, end, floor, ceiling))
		pmap_free_tables(&s->pmap, floor, ceiling, g);
	gap_note_freed(s, above);
}

int unmap_locked(struct vm_space *s, vaddr_t start, vaddr_t end)
{
	struct vm_area *a = area_above(s, start), *rest = NULL;
	struct tlb_gather g;

	if (!a || a->start >= end)
		return 0;
	if (a->start < start && a->end > end) { /* a hole: one area becomes two */
		rest = s->area_count < AREAS_MAX ? area_create(s, a, end, a->end) : NULL;
		if (!rest)
			return -ENOMEM;
	}
	areas_cut(s, start, end, rest);
	tlb_gather_begin(&g, &s->pmap);
	pmap_unmap(&s->pmap, start, end, &g);
	tables_trim(s, start, end, &g);
	space_gather_end(s, &g);
	return 0;
}

int vm_unmap(struct vm_space *s, vaddr_t start, size_t len_bytes)
{
	u64 len = ALIGN_UP(len_bytes, PAGE_SIZE);

	if ((start & ~PAGE_MASK) || !len_bytes || !user_range_valid(start, len) || len < len_bytes)
		return -EINVAL;
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);
	return unmap_locked(s, start, start + len);
}

/* ---- making ---- */

/* Pages of [start, end) that are mapped now and would be replaced. */
static u64 pages_mapped(struct vm_space *s, vaddr_t start, vaddr_t end)
{
	u64 pages = 0;

	for (struct vm_area *a = area_above(s, start); a && a->start < end; a = area_next(a))
		pages += (MIN(a->end, end) - MAX(a->start, start)) >> PAGE_SHIFT;
	return pages;
}

static int place_fixed(struct vm_space *s, const struct vm_map_request *r, u64 len_bytes)
{
	struct vm_area *above;

	if (r->addr & ~PAGE_MASK)
		return -EINVAL;
	if (!user_range_valid(r->addr, len_bytes))
		return -ENOMEM;
	if (r->addr < USER_MIN)
		return -EPERM;
	above = area_above(s, r->addr);
	if (r->noreplace && above && above->start < r->addr + len_bytes)
		return -EEXIST;
	return 0;
}

/* Chooses the address. Fixed: what stands there is removed when everything else is known to
 * succeed, by the caller. */
static ALWAYS_INLINE int place(
	struct vm_space *s, const struct vm_map_request *r, u64 len_bytes, vaddr_t *out)
{
	vaddr_t hint = r->addr & PAGE_MASK;
	int err;

	if (r->fixed || r->noreplace) {
		err = place_fixed(s, r, len_bytes);
		*out = r->addr;
		return err;
	}
	if (r->addr && hint < USER_MIN)
		hint = USER_MIN;
	if (hint && !r->below4g && range_free(s, hint, len_bytes)) {
		*out = hint;
		return 0;
	}
	*out = gap_find(s, len_bytes, r->below4g);
	return *out ? 0 : -ENOMEM;
}

/* Over what is there: everything that can fail comes before the old mapping goes. */
static int replace_areas(struct vm_space *s, const struct vm_area *like, vaddr_t start, vaddr_t end)
{
	struct vm_area *a = area_create(s, like, start, end);
	int err = a ? unmap_locked(s, start, end) : -ENOMEM;

	if (!err && !area_grow_over(s, like, start, end))
		area_insert(a);
	else if (a)
		area_put(a);
	return err;
}

static ALWAYS_INLINE int map_locked(
	struct vm_space *s, const struct vm_map_request *r, u64 len_bytes, u32 flags, vaddr_t *out)
{
	struct vm_area like = {.flags = flags,
		.object = r->object,
		.object_page = r->offset_bytes >> PAGE_SHIFT,
		.file = r->file,
		.grant = r->grant,
		.special = r->special,
		.special_ctx = r->special_ctx};
	u64 pages = len_bytes >> PAGE_SHIFT, replaced;
	struct vm_area *a;
	vaddr_t start;
	int err = place(s, r, len_bytes, &start);

	if (err)
		return err;
	replaced = r->fixed ? pages_mapped(s, start, start + len_bytes) : 0;
	if (space_may_map(s, flags, pages - MIN(replaced, pages)) < 0 || s->area_count >= AREAS_MAX)
		return -ENOMEM;
	if (commit_charge(flags, pages) < 0)
		return -ENOMEM;
	if (replaced) {
		err = replace_areas(s, &like, start, start + len_bytes);
	} else if (!area_grow_over(s, &like, start, start + len_bytes)) {
		a = area_create(s, &like, start, start + len_bytes);
		if (a)
			area_insert(a);
		else
			err = -ENOMEM;
	}
	if (err) {
		commit_uncharge(flags, pages);
		return err;
	}
	space_account(s, flags, (s64)pages);
	*out = start;
	return 0;
}

int vm_map(struct vm_space *s, const struct vm_map_request *r, vaddr_t *out)
{
	u64 len_bytes = ALIGN_UP(r->len_bytes, PAGE_SIZE);
	vaddr_t start;
	u32 flags;
	int err;

	if (!r->len_bytes || (r->offset_bytes & ~PAGE_MASK))
		return -EINVAL;
	if (len_bytes < r->len_bytes || len_bytes > USER_MAX)
		return -ENOMEM;
	if (r->offset_bytes + len_bytes < r->offset_bytes)
		return -EOVERFLOW;
	rwsem_write_lock(&s->lock);
	flags = r->flags | s->lock_future | (r->grows_down ? VM_STACK : 0) |
		(r->special ? VM_SPECIAL : 0);
	err = map_locked(s, r, len_bytes, flags_account(flags), &start);
	rwsem_write_unlock(&s->lock);
	if (err)
		return err;
	*out = start;
	if (r->populate || (flags & VM_LOCKED))
		(void)!vm_populate(s, start, start + len_bytes);
	return 0;
}

/* ---- the break, and the other marks ---- */

static bool data_fits(const struct vm_space *s, const struct linux_mm_marks *m, vaddr_t brk)
{
	return brk - m->brk_start + m->data_end - m->data <= s->limit_data;
}

bool vm_marks_valid(const struct vm_space *s, const struct linux_mm_marks *m)
{
	for (const vaddr_t *at = &m->code; at <= &m->env_end; at++)
		if (*at < USER_MIN || *at >= USER_MAX)
			return false;
	return m->code < m->code_end && m->data <= m->data_end && m->brk_start <= m->brk &&
	       m->arg_start <= m->arg_end && m->env_start <= m->env_end && data_fits(s, m, m->brk);
}

static int brk_grow(struct vm_space *s, vaddr_t from, vaddr_t to)
{
	struct vm_map_request r = {.addr = from, .noreplace = true};
	u32 flags = flags_account(VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC |
				  VM_HEAP | s->lock_future);

	if (!range_free(s, from, to - from))
		return -ENOMEM;
	return map_locked(s, &r, to - from, flags, &from);
}

vaddr_t vm_brk(struct vm_space *s, vaddr_t new_brk)
{
	struct linux_mm_marks *m = &s->marks;
	vaddr_t from, to, ret;
	bool populate = false;
	int err = 0;

	rwsem_write_lock(&s->lock);
	from = ALIGN_UP(m->brk, PAGE_SIZE);
	to = ALIGN_UP(new_brk, PAGE_SIZE);
	if (new_brk < m->brk_start || new_brk >= USER_MAX || !m->brk_start ||
		!data_fits(s, m, new_brk))
		err = -EINVAL;
	else if (to > from)
		err = brk_grow(s, from, to);
	else if (to < from)
		err = unmap_locked(s, to, from);
	if (!err) {
		m->brk = new_brk;
		populate = to > from && s->lock_future;
	}
	ret = m->brk;
	rwsem_write_unlock(&s->lock);
	if (populate)
		(void)!vm_populate(s, from, to);
	return ret;
}

/* ---- the stack ---- */

int stack_grow(struct vm_space *s, vaddr_t va)
{
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);
	struct vm_area *a = area_above(s, va), *below;
	u64 pages;

	if (!a || !(a->flags & VM_STACK) || a->object)
		return -EFAULT;
	if (va >= a->start)
		return 0; /* another thread was faster */
	below = area_below(s, a);
	pages = (a->start - va) >> PAGE_SHIFT;
	if (a->end - va > s->limit_stack || va < USER_MIN ||
		(below && (below->flags & VM_PROT) && va < below->end + STACK_GAP) ||
		(below && va < below->end))
		return -EFAULT;
	/* A limit, not a lack: nobody is to be killed for it. */
	if (space_may_map(s, a->flags, pages) < 0 || commit_charge(a->flags, pages) < 0)
		return -EFAULT;
	spin_lock(&s->tree_lock);
	a->start = va;
	spin_unlock(&s->tree_lock);
	space_account(s, a->flags, (s64)pages);
	return 0;
}
