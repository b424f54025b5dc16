/* madvise, msync, mincore. Layer: memory. Source: madvise(2), msync(2), mincore(2). */
#include <exo/fs.h>
#include <exo/string.h>
#include <exo_abi/linux_mman.h>
#include "vm_internal.h"

static void discard(struct vm_space *s, struct vm_area *a, vaddr_t start, vaddr_t end)
{
	struct rwsem *held SCOPED(write_release) = write_hold(&a->lock);
	struct tlb_gather g;

	tlb_gather_begin(&g, &s->pmap);
	pmap_unmap(&s->pmap, start, end, &g);
	space_gather_end(s, &g);
}

/* Advice that acts on one area's part of the range. Context: space->lock (read). */
static int advise_area(
	struct vm_space *s, struct vm_area *a, vaddr_t start, vaddr_t end, int advice)
{
	switch (advice) {
	case L_MADV_DONTNEED:
	case L_MADV_DONTNEED_LOCKED:
	case L_MADV_FREE: /* "may be freed at any time" may be at once */
		if (a->special || (a->object && advice == L_MADV_FREE) ||
			((a->flags & VM_LOCKED) && advice != L_MADV_DONTNEED_LOCKED))
			return -EINVAL;
		discard(s, a, start, end);
		return 0;
	case L_MADV_REMOVE:
		if (!a->object || a->special || (a->flags & VM_LOCKED))
			return -EINVAL;
		if ((a->flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
			return -EACCES;
		vm_object_punch(a->object, area_index(a, start) << PAGE_SHIFT,
			area_index(a, end) << PAGE_SHIFT);
		return 0;
	case L_MADV_PAGEOUT:
	case L_MADV_COLD:
		return a->special || (a->flags & VM_LOCKED) ? -EINVAL : 0;
	default:
		return 0; /* hints about reading ahead: nothing is slower than memory here */
	}
}

static int advise_walk(struct vm_space *s, vaddr_t start, vaddr_t end, int advice)
{
	struct rwsem *held SCOPED(read_release) = read_hold(&s->lock);
	vaddr_t at = start;
	int err = 0, hole = 0;
	struct vm_area *a;

	for (a = area_above(s, start); a && a->start < end && !err; a = area_next(a)) {
		if (a->start > at)
			hole = -ENOMEM; /* the mapped parts are served all the same */
		err = advise_area(s, a, MAX(a->start, start), MIN(a->end, end), advice);
		at = a->end;
	}
	return err ? err : at < end ? -ENOMEM : hole;
}

static int advise_flags(
	struct vm_space *s, vaddr_t start, vaddr_t end, u32 clear, u32 set, u32 forbidden)
{
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);
	int hole = range_is_mapped(s, start, end) ? 0 : -ENOMEM;

	for (struct vm_area *a = area_above(s, start); a && a->start < end; a = area_next(a))
		if ((a->flags & forbidden) || ((set & VM_WIPEONFORK) && (a->object || a->special)))
			return -EINVAL;
	return areas_change_flags(s, start, end, clear, set) ? -ENOMEM : hole;
}

static int advise_populate(struct vm_space *s, vaddr_t start, vaddr_t end, u32 access)
{
	for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
		int err = thread_fatal_pending(current) ? -EINTR : vm_fault(s, va, access);

		if (err)
			return err == -EACCES   ? -EINVAL
			       : err == -EFAULT ? -ENOMEM
			       : err == -EIO    ? -EFAULT
						: err;
	}
	return 0;
}

int vm_advise(struct vm_space *s, vaddr_t start, size_t len_bytes, int advice)
{
	static const struct {
		int advice;
		u32 clear, set, forbidden;
	} marks[] = {{L_MADV_DONTFORK, 0, VM_DONTFORK, 0},
		{L_MADV_DOFORK, VM_DONTFORK, 0, VM_SPECIAL},
		{L_MADV_WIPEONFORK, 0, VM_WIPEONFORK, VM_SHARED},
		{L_MADV_KEEPONFORK, VM_WIPEONFORK, 0, 0}, {L_MADV_DONTDUMP, 0, VM_DONTDUMP, 0},
		{L_MADV_DODUMP, VM_DONTDUMP, 0, VM_SPECIAL},
		{L_MADV_HUGEPAGE, VM_NOHUGE, VM_HUGE, 0},
		{L_MADV_NOHUGEPAGE, VM_HUGE, VM_NOHUGE, 0}};
	u64 len = ALIGN_UP(len_bytes, PAGE_SIZE);
	vaddr_t end = start + len;

	if ((start & ~PAGE_MASK) || len < len_bytes || !user_range_valid(start, len))
		return -EINVAL;
	switch (advice) {
	case L_MADV_NORMAL ... L_MADV_DONTNEED: /* RANDOM, SEQUENTIAL, WILLNEED */
	case L_MADV_FREE ... L_MADV_REMOVE:
	case L_MADV_COLD ... L_MADV_PAGEOUT:
	case L_MADV_DONTNEED_LOCKED:
		return len ? advise_walk(s, start, end, advice) : 0;
	case L_MADV_POPULATE_READ:
		return advise_populate(s, start, end, PROT_R);
	case L_MADV_POPULATE_WRITE:
		return advise_populate(s, start, end, PROT_W);
	}
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (marks[i].advice == advice)
			return len ? advise_flags(s, start, end, marks[i].clear, marks[i].set,
					     marks[i].forbidden)
				   : 0;
	return -EINVAL;
}

/* L_MS_SYNC writes shared file pages back, one file at a time without the space's lock; else pages
 * are marked dirty already, and only holes are errors. */
static int sync_area(struct vm_space *s, vaddr_t at, int flags, vaddr_t *next)
{
	struct file *file = NULL;
	struct vm_area *a;
	int err = 0;

	rwsem_read_lock(&s->lock);
	a = area_above(s, at);
	if (!a || a->start > at)
		err = -ENOMEM;
	else if ((flags & (L_MS_INVALIDATE | L_MS_SYNC)) == L_MS_INVALIDATE && a->flags & VM_LOCKED)
		err = -EBUSY;
	if (a && flags & L_MS_SYNC && (a->flags & VM_SHARED) && a->file && a->file->ops->fsync) {
		file = a->file;
		file_get(file);
	}
	*next = a ? a->end : USER_MAX;
	rwsem_read_unlock(&s->lock);
	if (file) {
		int synced = file->ops->fsync(file, false);

		file_put(file);
		err = err ? err : synced;
	}
	return err;
}

int vm_sync(struct vm_space *s, vaddr_t start, size_t len_bytes, int flags)
{
	u64 len = ALIGN_UP(len_bytes, PAGE_SIZE);
	vaddr_t at = start;
	int err = 0;

	if ((start & ~PAGE_MASK) || (flags & ~(L_MS_ASYNC | L_MS_INVALIDATE | L_MS_SYNC)) ||
		(flags & (L_MS_ASYNC | L_MS_SYNC)) == (L_MS_ASYNC | L_MS_SYNC))
		return -EINVAL;
	if (len < len_bytes || !user_range_valid(start, len))
		return -ENOMEM;
	while (at < start + len) {
		int one = sync_area(s, at, flags, &at);

		err = err ? err : one;
	}
	return err;
}

struct residency {
	vaddr_t start;
	u8 *vec;
};

static void note_resident(void *ctx, vaddr_t va, pte_t pte)
{
	struct residency *r = ctx;

	if (pte_present(pte))
		r->vec[(va - r->start) >> PAGE_SHIFT] = 1;
}

int vm_mincore(struct vm_space *s, vaddr_t start, size_t len_bytes, u8 *vec)
{
	u64 len = ALIGN_UP(len_bytes, PAGE_SIZE);
	vaddr_t end = start + len;
	struct residency r = {start, vec};
	struct vm_area *a;

	if (start & ~PAGE_MASK)
		return -EINVAL;
	if (len < len_bytes || !user_range_valid(start, len))
		return -ENOMEM;
	memset(vec, 0, len >> PAGE_SHIFT);
	struct rwsem *held SCOPED(read_release) = read_hold(&s->lock);
	if (len && !range_is_mapped(s, start, end))
		return -ENOMEM;
	for (a = area_above(s, start); a && a->start < end; a = area_next(a)) {
		vaddr_t low = MAX(a->start, start), high = MIN(a->end, end);

		pmap_walk(&s->pmap, low, high, note_resident, &r);
		for (vaddr_t va = low; a->object && va < high; va += PAGE_SIZE) {
			struct page *p = vm_object_peek(a->object, area_index(a, va));

			if (p)
				page_put(p);
			r.vec[(va - start) >> PAGE_SHIFT] |= p != NULL;
		}
	}
	return 0;
}
