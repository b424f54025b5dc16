/* mprotect, and the flags of ranges in general: madvise's fork and dump bits, mlock, mbind. Layer:
 * memory. */
#include "vm_internal.h"

int areas_change_flags(struct vm_space *s, vaddr_t start, vaddr_t end, u32 clear, u32 set)
{
	if (areas_isolate(s, start, end))
		return -ENOMEM;
	for (struct vm_area *a = area_above(s, start); a && a->start < end; a = area_next(a)) {
		s64 pages = (s64)area_pages(a);

		space_account(s, a->flags & ~VM_ACCOUNT, -pages);
		rwsem_write_lock(&a->lock);
		a->flags = (a->flags & ~clear) | set;
		rwsem_write_unlock(&a->lock);
		space_account(s, a->flags & ~VM_ACCOUNT, pages);
	}
	area_merge_around(s, start, end);
	return 0;
}

/* Rights of one whole area. */
static int protect_area(struct vm_space *s, struct vm_area *a, u32 prot, struct tlb_gather *g)
{
	u32 old = a->flags, exec_only = (u32)s->exec_key << PMAP_KEY_SHIFT | VM_EXEC;
	bool set_key =
		prot & VM_SET_KEY || (s->exec_key && (old & (VM_KEY | VM_PROT)) == exec_only);
	u32 clear = VM_PROT | (set_key ? VM_KEY : 0);
	u32 new = flags_account((old & ~clear) | (prot & VM_PTE));
	u64 pages = area_pages(a);
	bool notices = a->object && !object_is_shmem(a->object);

	if (old == new)
		return 0;
	if (commit_charge(new & ~old, pages) < 0)
		return -ENOMEM;
	space_account(s, old & ~VM_ACCOUNT, -(s64)pages);
	if (space_may_map(s, new, pages) < 0) {
		space_account(s, old & ~VM_ACCOUNT, (s64)pages);
		commit_uncharge(new & ~old, pages);
		return -ENOMEM;
	}
	space_account(s, new & ~VM_ACCOUNT, (s64)pages);
	if (old &
		~new &VM_ACCOUNT) /* what was charged stays charged: pages may have been written */
		new |= VM_ACCOUNT;
	struct rwsem *held SCOPED(write_release) = write_hold(&a->lock);
	a->flags = new;
	prot = new &VM_PTE;
	if (!(new &VM_SHARED) || notices)
		prot = prot_before_write(prot);
	pmap_protect(&s->pmap, a->start, a->end, prot, g);
	return 0;
}

static int protect_check(struct vm_space *s, vaddr_t start, vaddr_t end, u32 prot)
{
	vaddr_t at = start;

	for (struct vm_area *a = area_above(s, start); a && a->start < end; a = area_next(a)) {
		if (a->start > at)
			return -ENOMEM;
		if (prot & ~(a->flags >> VM_MAYSHIFT) & VM_PROT)
			return -EACCES;
		at = a->end;
	}
	return at < end ? -ENOMEM : 0;
}

int vm_protect(struct vm_space *s, vaddr_t start, size_t len_bytes, u32 prot)
{
	u64 len = ALIGN_UP(len_bytes, PAGE_SIZE);
	u32 grows = prot & VM_STACK, key = (prot & VM_KEY) >> PMAP_KEY_SHIFT;
	struct tlb_gather g;
	struct vm_area *a;
	int err;

	prot &= ~grows;
	if ((start & ~PAGE_MASK) || (prot & ~(VM_PTE | VM_SET_KEY)))
		return -EINVAL;
	if (!len_bytes)
		return 0;
	if (len < len_bytes || !user_range_valid(start, len))
		return -ENOMEM;
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);
	if (prot & VM_SET_KEY && (!(s->keys & BIT(key)) || (key && key == s->exec_key &&
								   (prot & VM_PROT) != VM_EXEC)))
		return -EINVAL;
	a = grows ? area_above(s, start) : NULL;
	if (a && a->start < start + len) {
		if (!(a->flags & VM_STACK))
			return -EINVAL;
		len += start - a->start;
		start = a->start;
	}
	err = protect_check(s, start, start + len, prot);
	if (!err)
		err = areas_isolate(s, start, start + len);
	if (err)
		return err;
	tlb_gather_begin(&g, &s->pmap);
	for (a = area_above(s, start); a && a->start < start + len && !err; a = area_next(a))
		err = protect_area(s, a, prot, &g);
	tlb_gather_end(&g);
	area_merge_around(s, start, start + len);
	return err;
}

static int key_alloc_locked(struct vm_space *s)
{
	u32 key = (u32)__builtin_ctz(~(u32)s->keys);

	if (key >= arch_keys())
		return -ENOSPC;
	s->keys |= (u16)BIT(key);
	return (int)key;
}

int vm_key_alloc(struct vm_space *s)
{
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);

	return key_alloc_locked(s);
}

u32 vm_exec_key(struct vm_space *s)
{
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);

	if (!s->exec_key)
		s->exec_key = (u8)MAX(key_alloc_locked(s), 0);
	return s->exec_key;
}

int vm_key_free(struct vm_space *s, u32 key)
{
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);

	if (key > 15 || !(s->keys & BIT(key)) || (key && key == s->exec_key))
		return -EINVAL;
	s->keys &= (u16)~BIT(key);
	return 0;
}

u32 vm_key_at(struct vm_space *s, vaddr_t va)
{
	struct vm_area *a = area_get(s, va);
	u32 key = a ? (READ_ONCE(a->flags) & VM_KEY) >> PMAP_KEY_SHIFT : 0;

	if (a)
		area_put(a);
	return key;
}

int vm_lock_range(struct vm_space *s, vaddr_t start, size_t len_bytes, enum vm_lock_mode mode)
{
	vaddr_t end = ALIGN_UP(start + len_bytes, PAGE_SIZE);
	u32 set = mode == VM_UNLOCK ? 0 : VM_LOCKED;
	int err;

	start &= PAGE_MASK;
	if (end < start || end > USER_MAX)
		return -ENOMEM;
	if (start == end)
		return 0;
	rwsem_write_lock(&s->lock);
	err = range_is_mapped(s, start, end) ? areas_change_flags(s, start, end, VM_LOCKED, set)
					     : -ENOMEM;
	rwsem_write_unlock(&s->lock);
	if (!err && mode == VM_LOCK)
		err = vm_populate(s, start, end);
	return err == -EACCES || err == -EFAULT ? -ENOMEM : err == -EIO ? -EAGAIN : err;
}

int vm_set_policy(struct vm_space *s, vaddr_t start, vaddr_t end, u32 policy)
{
	struct rwsem *held SCOPED(write_release) = write_hold(&s->lock);
	const struct vm_area *a = area_above(s, start);

	if (!a || a->start >= end || (policy && !range_is_mapped(s, start, end)))
		return -EFAULT;
	return areas_change_flags(s, start, end, VM_POLICY, policy << VM_POLICY_SHIFT);
}

/* Brings in what is mapped, area by area: faults may not run under the space's lock. */
static void populate_all(struct vm_space *s)
{
	vaddr_t at = USER_MIN, end;

	while (at < USER_MAX) {
		rwsem_read_lock(&s->lock);
		struct vm_area *a = area_above(s, at);
		end = a ? a->end : USER_MAX;
		at = a ? MAX(at, a->start) : USER_MAX;
		rwsem_read_unlock(&s->lock);
		(void)!vm_populate(s, at, end); /* as far as it goes, as Linux */
		at = end;
	}
}

int vm_lock_all(struct vm_space *s, enum vm_lock_mode areas, bool future)
{
	int err = 0;

	rwsem_write_lock(&s->lock);
	s->lock_future = future ? VM_LOCKED : 0;
	if (areas != VM_LOCK_LEAVE)
		err = areas_change_flags(
			s, USER_MIN, USER_MAX, VM_LOCKED, areas == VM_UNLOCK ? 0 : VM_LOCKED);
	rwsem_write_unlock(&s->lock);
	if (!err && areas == VM_LOCK)
		populate_all(s);
	return err;
}
