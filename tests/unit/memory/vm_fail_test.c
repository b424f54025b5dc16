/* Every function on address spaces with an allocation that fails: the first, the second, ... until none does. Nothing may change for the
 * program, nothing may leak.
 * needs: kernel/memory/physical/early.c kernel/memory/physical/buddy.c kernel/memory/physical/pages.c kernel/memory/physical/reclaim.c
 * needs: kernel/memory/heap/slab.c kernel/memory/heap/kmalloc.c kernel/memory/heap/heap_check.c kernel/memory/heap/vmalloc.c
 * needs: kernel/memory/heap/kstack.c kernel/sync/spinlock.c kernel/sync/lock_debug.c kernel/sync/rwsem.c kernel/sync/mutex.c
 * needs: kernel/sync/waitqueue.c kernel/memory/virtual/page_tree.c kernel/memory/virtual/vm_object.c kernel/memory/virtual/vm_area.c
 * needs: kernel/memory/virtual/vm_space.c kernel/memory/virtual/vm_map.c kernel/memory/virtual/vm_fault.c
 * needs: kernel/memory/virtual/vm_protect.c kernel/memory/virtual/vm_remap.c kernel/memory/virtual/vm_advise.c
 * needs: kernel/memory/virtual/vm_access.c
 */
#include "vm_harness.h"

#define BASE 0x10000000ull

struct attempt {
	const char *name;
	int (*fn)(struct vm_space *s);
};
static struct vm_object *shared_object;
static struct source file_object;

static int try_map(struct vm_space *s)
{
	vaddr_t va;
	int err = map_any(s, 5, VM_READ | VM_MAYREAD | VM_MAYWRITE, &va);

	return err ? err : vm_unmap(s, va, 5 * PAGE_SIZE);
}
static int try_map_over(struct vm_space *s)
{
	return map_at(s, BASE + 2 * PAGE_SIZE, 2, VM_READ, shared_object, 0);
}
static int try_unmap_hole(struct vm_space *s)
{
	return vm_unmap(s, BASE + PAGE_SIZE, PAGE_SIZE);
}
static int try_protect(struct vm_space *s)
{
	return vm_protect(s, BASE + PAGE_SIZE, 3 * PAGE_SIZE, VM_READ);
}
static int try_grow(struct vm_space *s)
{
	vaddr_t va;

	return vm_remap(s, BASE, 8 * PAGE_SIZE, 700 * PAGE_SIZE, L_MREMAP_MAYMOVE, 0, &va);
}
static int try_move_part(struct vm_space *s)
{
	vaddr_t va;

	return vm_remap(s, BASE + 2 * PAGE_SIZE, 2 * PAGE_SIZE, 2 * PAGE_SIZE, L_MREMAP_MAYMOVE | L_MREMAP_FIXED, 4 * BASE, &va);
}
static int try_advise(struct vm_space *s)
{
	return vm_advise(s, BASE + PAGE_SIZE, PAGE_SIZE, L_MADV_DONTFORK);
}
static int try_lock(struct vm_space *s)
{
	return vm_lock_range(s, BASE + PAGE_SIZE, 2 * PAGE_SIZE, VM_LOCK);
}
static int try_fork(struct vm_space *s)
{
	struct vm_space *c = vm_space_fork(s);

	if (is_err(c))
		return (int)ptr_err(c);
	space_check(c);
	vm_space_put(c);
	return 0;
}
static int try_write(struct vm_space *s)
{
	return user_write(s, BASE + 5 * PAGE_SIZE, 5);
}
static int try_shared_write(struct vm_space *s)
{
	return user_write(s, 2 * BASE + 3 * PAGE_SIZE, 5);
}
static int try_file_read(struct vm_space *s)
{
	u64 word;

	return user_read(s, 3 * BASE + 200 * PAGE_SIZE, &word);
}
static int try_file_copy(struct vm_space *s)
{
	return user_write(s, 3 * BASE + 7 * PAGE_SIZE, 5);
}
static int try_access(struct vm_space *s)
{
	u8 buf[2 * PAGE_SIZE] = { 0 };
	ssize_t n = vm_access(s, 3 * BASE + 300 * PAGE_SIZE, buf, sizeof(buf), false);

	return n == (ssize_t)sizeof(buf) ? 0 : -ENOMEM;
}
static int try_brk(struct vm_space *s)
{
	return vm_brk(s, s->marks.brk_start + 9 * PAGE_SIZE) == s->marks.brk_start + 9 * PAGE_SIZE ? 0 : -ENOMEM;
}
static int try_create(struct vm_space *s)
{
	struct vm_space *c = vm_space_create();

	if (!c)
		return -ENOMEM;
	vm_space_put(c);
	return 0;
}
static int try_object(struct vm_space *s)
{
	struct vm_object *o = vm_object_create_anon(MB);

	if (!o)
		return -ENOMEM;
	vm_object_put(o);
	return 0;
}

static const struct attempt attempts[] = { { "map", try_map }, { "map over", try_map_over }, { "unmap a hole", try_unmap_hole },
	{ "protect", try_protect }, { "grow", try_grow }, { "move a part", try_move_part }, { "advise", try_advise }, { "lock", try_lock },
	{ "fork", try_fork }, { "write", try_write }, { "shared write", try_shared_write }, { "file read", try_file_read },
	{ "file copy", try_file_copy }, { "access", try_access }, { "brk", try_brk }, { "create", try_create }, { "object", try_object } };

static struct vm_space *prepared(void)
{
	struct vm_space *s = vm_space_create();

	shared_object = vm_object_create_anon(16 * PAGE_SIZE);
	source_init(&file_object, 1000 * PAGE_SIZE);
	s->marks.brk_start = s->marks.brk = 8 * BASE;
	u_eq(map_at(s, BASE, 8, RW, NULL, 0), 0);
	u_eq(map_at(s, 2 * BASE, 8, RW | VM_SHARED, shared_object, 0), 0);
	u_eq(map_at(s, 3 * BASE, 1000, RW, &file_object.object, 0), 0);
	for (u32 i = 0; i < 4; i++)
		u_eq(user_write(s, BASE + i * PAGE_SIZE, i + 1), 0);
	return s;
}

void host_pmap_fail_at(u64 n);

/* One attempt in a fresh space. @tables: a page of a page table fails, not an allocation of ours. Return: whether there was an n-th. */
static bool fails_well(const struct attempt *t, u64 n, bool tables)
{
	struct vm_space *s = prepared();
	u64 word;
	bool hit;
	int err;

	if (tables)
		host_pmap_fail_at(n);
	else
		heap_fail_at(n);
	err = t->fn(s);
	hit = tables ? n < 6 : heap_fail_hit();
	heap_fail_at(0);
	host_pmap_fail_at(0);
	if (err && err != -ENOMEM)
		u_fail(__FILE__, __LINE__, "%s, allocation %llu: %d", t->name, (unsigned long long)n, err);
	if (err && !hit)
		u_fail(__FILE__, __LINE__, "%s fails without a reason: %d", t->name, err);
	for (u32 k = 0; err && k < 4; k++)
		if (user_read(s, BASE + k * PAGE_SIZE, &word) || word != k + 1)
			u_fail(__FILE__, __LINE__, "%s, allocation %llu: page %u changed", t->name, (unsigned long long)n, k);
	space_check(s);
	vm_space_put(s);
	vm_object_put(shared_object);
	vm_object_put(&file_object.object);
	u_eq(vm_committed_pages(), 0);
	u_eq(charged, 0);
	return hit;
}

U_TEST_LIMIT(an_allocation_that_fails_changes_nothing_and_leaks_nothing, 60)
{
	u64 before = 0;

	vm_start(64 * MB);
	for (u32 pass = 0; pass < 2; pass++) { /* the first warms the caches */
		for (u32 i = 0; i < ARRAY_LEN(attempts); i++)
			for (u32 tables = 0; tables < 2; tables++)
				for (u64 n = 1; n < 100 && fails_well(&attempts[i], n, tables); n++)
					if (pass)
						u_eq(settled_free(), before);
		before = settled_free();
	}
}
