/* Address spaces, case by case: places, limits, faults, objects, errors, the end of memory.
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

static struct vm_space *start(void)
{
	vm_start(64 * MB);
	return vm_space_create();
}

/* ---- where mappings go ---- */

U_TEST(mappings_are_packed_downwards_and_merge)
{
	struct vm_space *s = start();
	vaddr_t first = 0, va, last;

	for (u32 i = 0; i < 100; i++) {
		u_need(map_any(s, 1 + i % 3, RW, &va) == 0);
		u_check(!i || va + (1 + i % 3) * PAGE_SIZE == last);
		last = va;
		first = first ? first : va;
	}
	u_eq(s->area_count, 1); /* all alike: one area */
	u_check(first < s->mmap_base && first >= s->mmap_base - PAGE_SIZE);
	u_eq(vm_unmap(s, last + PAGE_SIZE, PAGE_SIZE), 0);
	u_eq(s->area_count, 2);
	u_need(map_any(s, 1, RW, &va) == 0);
	u_eq(va, last + PAGE_SIZE); /* the hole is found again */
	u_eq(s->area_count, 1);
	space_check(s);
	vm_space_put(s);
}

U_TEST(random_holes_are_used_before_new_room)
{
	struct vm_space *s = start();
	vaddr_t va, lowest;
	u64 state = 12345;

	u_need(map_any(s, 4097, RW, &lowest) == 0);
	for (u32 i = 0; i < 300; i++) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		vaddr_t hole = lowest + (state >> 33) % 4090 * PAGE_SIZE;
		u64 pages = 1 + (state >> 20) % 5;

		u_eq(vm_unmap(s, hole, pages * PAGE_SIZE), 0);
		u_need(map_any(s, pages, RW, &va) == 0);
		u_check(va >= lowest);
	}
	u_eq(s->pages_total, 4097);
	vm_space_put(s);
}

U_TEST(hints_fixed_places_and_the_low_4_gb)
{
	struct vm_space *s = start();
	struct vm_map_request r = { .addr = BASE + 123, .len_bytes = 3 * PAGE_SIZE, .flags = RW };
	vaddr_t va;

	u_eq(vm_map(s, &r, &va), 0);
	u_eq(va, BASE); /* a hint is rounded down and followed when free */
	u_eq(vm_map(s, &r, &va), 0);
	u_check(va != BASE && va > 1ull << 32);
	r.fixed = true;
	u_eq(vm_map(s, &r, &va), -EINVAL);
	r.addr = BASE + PAGE_SIZE;
	r.noreplace = true;
	u_eq(vm_map(s, &r, &va), -EEXIST);
	r.addr = 0x1000;
	u_eq(vm_map(s, &r, &va), -EPERM);
	r.addr = USER_MAX - PAGE_SIZE;
	u_eq(vm_map(s, &r, &va), -ENOMEM);
	r = (struct vm_map_request){ .len_bytes = PAGE_SIZE, .flags = RW, .below4g = true };
	u_eq(vm_map(s, &r, &va), 0);
	u_check(va >= 0x40000000 && va < 0x80000000);
	r = (struct vm_map_request){ .len_bytes = 0, .flags = RW };
	u_eq(vm_map(s, &r, &va), -EINVAL);
	r.len_bytes = ~0ull;
	u_eq(vm_map(s, &r, &va), -ENOMEM);
	r = (struct vm_map_request){ .len_bytes = PAGE_SIZE, .flags = RW, .offset_bytes = ~0ull & PAGE_MASK };
	u_eq(vm_map(s, &r, &va), -EOVERFLOW);
	u_eq(vm_unmap(s, BASE + 1, PAGE_SIZE), -EINVAL);
	u_eq(vm_unmap(s, BASE, 0), -EINVAL);
	u_eq(vm_unmap(s, USER_MAX, PAGE_SIZE), -EINVAL);
	u_eq(vm_unmap(s, 0x20000000, 64 * MB), 0); /* nothing there */
	space_check(s);
	vm_space_put(s);
}

U_TEST(reservations_of_terabytes_cost_nothing)
{
	struct vm_space *s = start();
	u64 before, word;
	vaddr_t va;

	before = mem_pages_free();
	u_eq(map_any(s, (100ull << 40) >> PAGE_SHIFT, VM_MAYREAD | VM_MAYWRITE, &va), 0);
	u_eq(vm_protect(s, va + (50ull << 40), PAGE_SIZE, VM_READ | VM_WRITE), 0);
	u_eq(user_write(s, va + (50ull << 40), 7), 0);
	u_eq(user_read(s, va + (50ull << 40), &word), 0);
	u_eq(word, 7);
	u_eq(user_read(s, va, &word), -EACCES);
	u_check(before - mem_pages_free() < 10);
	u_eq(map_any(s, (100ull << 40) >> PAGE_SHIFT, VM_MAYREAD, &va), -ENOMEM); /* no room for a second */
	space_check(s);
	vm_space_put(s);
}

U_TEST(places_are_random_unless_asked_otherwise)
{
	struct vm_space *a = start(), *b = vm_space_create();

	u_check(a->stack_top != b->stack_top && a->mmap_base != b->mmap_base);
	u_check(a->stack_top < USER_MAX && a->mmap_base < a->stack_top - (8ull << 20));
	vm_space_layout(a, false);
	vm_space_layout(b, false);
	u_eq(a->stack_top, b->stack_top);
	u_eq(a->mmap_base, b->mmap_base);
	for (u32 i = 0; i < 100; i++)
		u_check(vm_random_pages(10) < PAGE_SIZE << 10);
	vm_space_put(a);
	vm_space_put(b);
}

/* ---- limits ---- */

U_TEST(limits_and_obvious_overcommit)
{
	struct vm_space *s = start();
	vaddr_t va;

	u_eq(map_any(s, mem_pages_total() + 1, RW, &va), -ENOMEM);
	u_eq(map_any(s, mem_pages_total() + 1, RW | VM_NORESERVE, &va), 0);
	u_eq(map_any(s, mem_pages_total() - 100, RW, &va), 0); /* each alone could be */
	u_eq(map_any(s, mem_pages_total() - 100, RW, &va), 0);
	u_check(!vm_object_create_anon((mem_pages_total() + 1) << PAGE_SHIFT));
	s->limit_as = (s->pages_total + 10) << PAGE_SHIFT;
	u_eq(map_any(s, 11, VM_READ, &va), -ENOMEM);
	u_eq(map_any(s, 10, VM_READ | VM_MAYREAD | VM_MAYWRITE, &va), 0);
	s->limit_as = ~0ull;
	s->limit_data = (s->pages_data + 5) << PAGE_SHIFT;
	u_eq(vm_protect(s, va, 6 * PAGE_SIZE, VM_READ | VM_WRITE), -ENOMEM);
	u_eq(vm_protect(s, va, 5 * PAGE_SIZE, VM_READ | VM_WRITE), 0);
	u_eq(map_any(s, 1, RW, &va), -ENOMEM);
	space_check(s);
	vm_space_put(s);
	u_eq(vm_committed_pages(), 0);
}

U_TEST(the_break_moves_and_keeps_its_contents)
{
	struct vm_space *s = start();
	u64 word;

	u_eq(vm_brk(s, 0), 0); /* a space without a heap */
	s->marks.brk_start = s->marks.brk = BASE + 100;
	u_eq(vm_brk(s, 0), BASE + 100);
	u_eq(vm_brk(s, BASE + 50000), BASE + 50000);
	u_eq(user_write(s, BASE + 49152, 5), 0);
	u_eq(vm_brk(s, BASE + 200000), BASE + 200000);
	u_eq(s->area_count, 1);
	u_eq(user_read(s, BASE + 49152, &word), 0);
	u_eq(word, 5);
	u_eq(vm_brk(s, BASE + 99), BASE + 200000); /* below its start: stays */
	u_eq(vm_brk(s, BASE + 100), BASE + 100);
	u_eq(s->rss_anon, 0);
	u_eq(vm_brk(s, BASE + 50000), BASE + 50000);
	u_eq(user_read(s, BASE + 49152, &word), 0);
	u_eq(word, 0);
	u_eq(map_at(s, BASE + 0x20000, 1, RW, NULL, 0), 0);
	u_eq(vm_brk(s, BASE + 0x30000), BASE + 50000); /* something is in the way */
	s->limit_data = 100000;
	u_eq(vm_brk(s, BASE + 0x1f000), BASE + 50000);
	space_check(s);
	vm_space_put(s);
}

U_TEST(the_stack_grows_to_its_limit_and_no_nearer_than_its_gap)
{
	struct vm_space *s = start();
	struct vm_map_request r = { .addr = BASE + 64 * MB, .len_bytes = 2 * PAGE_SIZE, .flags = RW, .fixed = true, .grows_down = true };
	vaddr_t top, va;

	u_eq(vm_map(s, &r, &va), 0);
	top = va + 2 * PAGE_SIZE;
	s->limit_stack = 8 * MB;
	u_eq(user_write(s, va - PAGE_SIZE, 1), 0);
	u_eq(user_write(s, top - 4 * MB, 1), 0); /* in one stride */
	u_eq(s->pages_stack, 4 * MB / PAGE_SIZE);
	u_eq(s->rss_anon, 2);
	u_eq(user_write(s, top - 8 * MB, 1), 0);
	u_eq(user_write(s, top - 8 * MB - PAGE_SIZE, 1), -EFAULT);
	s->limit_stack = 64 * MB;
	u_eq(map_at(s, top - 12 * MB, 1, RW, NULL, 0), 0);
	u_eq(user_write(s, top - 11 * MB + PAGE_SIZE, 1), 0);
	u_eq(user_write(s, top - 11 * MB, 1), -EFAULT);
	u_eq(vm_unmap(s, top - 12 * MB, PAGE_SIZE), 0);
	u_eq(user_write(s, top - 11 * MB, 1), 0);
	/* The gap below it is not handed out. */
	u_check(!range_free(s, top - 12 * MB, PAGE_SIZE));
	u_check(range_free(s, top - 12 * MB - PAGE_SIZE, PAGE_SIZE));
	s->limit_as = s->pages_total << PAGE_SHIFT;
	u_eq(user_write(s, top - 13 * MB, 1), -EFAULT);
	space_check(s);
	vm_space_put(s);
}

/* ---- faults ---- */

U_TEST(reading_shares_the_page_of_zeroes)
{
	struct vm_space *s = start();
	u64 before, word;

	u_eq(map_at(s, BASE, 1000, RW, NULL, 0), 0);
	before = mem_pages_free();
	for (u32 i = 0; i < 1000; i++)
		u_need(user_read(s, BASE + i * PAGE_SIZE, &word) == 0 && word == 0);
	u_eq(mem_pages_free(), before);
	u_eq(s->rss_anon, 0);
	u_eq(user_write(s, BASE + 8, 1), 0);
	u_eq(user_read(s, BASE, &word), 0);
	u_eq(word, 0);
	u_eq(*(u64 *)page_to_virt(zero_page), 0);
	u_eq(s->rss_anon, 1);
	u_eq(vm_fault(s, BASE, PROT_X), -EACCES);
	u_eq(vm_fault(s, BASE - PAGE_SIZE, PROT_R), -EFAULT);
	u_eq(vm_fault(s, USER_MAX, PROT_R), -EFAULT);
	u_eq(vm_fault(s, ~0ull, PROT_W), -EFAULT);
	u_eq(vm_protect(s, BASE, PAGE_SIZE, VM_READ), 0);
	u_eq(vm_fault(s, BASE, PROT_W), -EACCES);
	u_eq(vm_protect(s, BASE, PAGE_SIZE, 0), 0);
	u_eq(vm_fault(s, BASE, PROT_R), -EACCES);
	vm_space_put(s);
	u_eq(zero_page->refs, 1);
}

U_TEST(fork_copies_on_write_and_the_last_owner_keeps_the_page)
{
	struct vm_space *s = start(), *c;
	struct page *p;
	u64 word;

	u_eq(map_at(s, BASE, 10, RW, NULL, 0), 0);
	u_eq(user_write(s, BASE, 1), 0);
	p = phys_to_page(pte_paddr(pmap_lookup(&s->pmap, BASE)));
	c = vm_space_fork(s);
	u_need(!is_err(c));
	u_eq(p->refs, 2);
	u_eq(c->rss_anon, 1);
	u_eq(user_write(s, BASE, 2), 0);
	u_eq(p->refs, 1); /* the child's alone now */
	u_eq(user_read(c, BASE, &word), 0);
	u_eq(word, 1);
	u_eq(user_write(c, BASE, 3), 0);
	u_check(phys_to_page(pte_paddr(pmap_lookup(&c->pmap, BASE))) == p); /* no copy */
	u_eq(user_read(s, BASE, &word), 0);
	u_eq(word, 2);
	space_check(s);
	space_check(c);
	vm_space_put(s);
	vm_space_put(c);
}

U_TEST(fork_flags_of_madvise)
{
	struct vm_space *s = start(), *c;
	struct vm_object *o = vm_object_create_anon(PAGE_SIZE);
	u64 word;

	u_eq(map_at(s, BASE, 4, RW, NULL, 0), 0);
	u_eq(map_at(s, BASE + 16 * PAGE_SIZE, 1, RW | VM_SHARED, o, 0), 0);
	for (u32 i = 0; i < 4; i++)
		u_eq(user_write(s, BASE + i * PAGE_SIZE, i + 1), 0);
	u_eq(vm_advise(s, BASE, PAGE_SIZE, L_MADV_DONTFORK), 0);
	u_eq(vm_advise(s, BASE + PAGE_SIZE, PAGE_SIZE, L_MADV_WIPEONFORK), 0);
	u_eq(vm_advise(s, BASE + 2 * PAGE_SIZE, PAGE_SIZE, L_MADV_WIPEONFORK), 0);
	u_eq(vm_advise(s, BASE + 2 * PAGE_SIZE, PAGE_SIZE, L_MADV_KEEPONFORK), 0);
	u_eq(vm_advise(s, BASE + 16 * PAGE_SIZE, PAGE_SIZE, L_MADV_WIPEONFORK), -EINVAL);
	u_eq(vm_lock_range(s, BASE + 3 * PAGE_SIZE, 1, VM_LOCK), 0);
	c = vm_space_fork(s);
	u_need(!is_err(c));
	u_eq(user_read(c, BASE, &word), -EFAULT);
	u_eq(user_read(c, BASE + PAGE_SIZE, &word), 0);
	u_eq(word, 0);
	u_eq(user_read(c, BASE + 2 * PAGE_SIZE, &word), 0);
	u_eq(word, 3);
	u_eq(user_read(c, BASE + 3 * PAGE_SIZE, &word), 0);
	u_eq(word, 4);
	u_eq(c->pages_locked, 0);
	u_eq(user_write(s, BASE + 16 * PAGE_SIZE, 77), 0);
	u_eq(user_read(c, BASE + 16 * PAGE_SIZE, &word), 0);
	u_eq(word, 77);
	space_check(c);
	vm_space_put(c);
	vm_space_put(s);
	vm_object_put(o);
	u_eq(vm_committed_pages(), 0);
}

U_TEST(file_pages_come_around_a_fault_and_end_with_the_file)
{
	struct vm_space *s = start();
	static struct source f;
	u64 word;

	source_init(&f, 100 * PAGE_SIZE + 10);
	for (u32 i = 0; i < 100; i++) { /* all in the cache but page 80 */
		struct page *p = i == 80 ? NULL : vm_object_page(&f.object, i, true);

		if (p)
			page_put(p);
	}
	u_eq(f.fills, 99);
	u_eq(map_at(s, BASE, 110, VM_READ | VM_MAYREAD, &f.object, 0), 0);
	u_eq(user_read(s, BASE + 5 * PAGE_SIZE, &word), 0);
	u_eq(word, 6);
	u_eq(s->rss_file, 64); /* 0..63 */
	u_eq(user_read(s, BASE + 66 * PAGE_SIZE, &word), 0);
	u_eq(s->rss_file, 99);
	u_eq(f.fills, 99);
	u_eq(user_read(s, BASE + 80 * PAGE_SIZE, &word), 0);
	u_eq(f.fills, 100);
	u_eq(user_read(s, BASE + 100 * PAGE_SIZE, &word), 0); /* its last bytes */
	u_eq(user_read(s, BASE + 101 * PAGE_SIZE, &word), -EIO);
	f.error = -EIO;
	vm_object_truncate(&f.object, 10 * PAGE_SIZE);
	u_eq(s->rss_file, 10);
	u_eq(user_read(s, BASE + 10 * PAGE_SIZE, &word), -EIO);
	vm_object_truncate(&f.object, 20 * PAGE_SIZE);
	u_eq(user_read(s, BASE + 10 * PAGE_SIZE, &word), -EIO); /* the source fails */
	f.error = 0;
	u_eq(user_read(s, BASE + 10 * PAGE_SIZE, &word), 0);
	charge_limit = charged;
	u_eq(user_read(s, BASE + 11 * PAGE_SIZE, &word), -ENOSPC);
	charge_limit = 1000;
	space_check(s);
	vm_space_put(s);
	u_eq(f.releases, 0);
	vm_object_put(&f.object);
	u_eq(f.releases, 1);
	u_eq(charged, 0);
}

U_TEST(truncation_clears_the_tail_of_the_last_page)
{
	struct vm_space *s = start();
	struct vm_object *o = vm_object_create_anon(4 * PAGE_SIZE);
	u64 word;

	u_eq(map_at(s, BASE, 4, RW | VM_SHARED, o, 0), 0);
	for (u32 i = 0; i < 4; i++)
		for (u32 k = 0; k < PAGE_SIZE; k += 512)
			u_eq(user_write(s, BASE + i * PAGE_SIZE + k, ~0ull), 0);
	vm_object_truncate(o, PAGE_SIZE + 1024);
	u_eq(user_read(s, BASE + PAGE_SIZE + 512, &word), 0);
	u_eq(word, ~0ull);
	u_eq(user_read(s, BASE + PAGE_SIZE + 1024, &word), 0);
	u_eq(word, 0);
	u_eq(user_read(s, BASE + 2 * PAGE_SIZE, &word), -EIO);
	u_eq(user_write(s, BASE + PAGE_SIZE + 2048, 5), 0); /* behind the end */
	vm_object_truncate(o, 4 * PAGE_SIZE);
	u_eq(user_read(s, BASE + PAGE_SIZE + 2048, &word), 0);
	u_eq(word, 0);
	u_eq(user_read(s, BASE + 2 * PAGE_SIZE, &word), 0);
	u_eq(word, 0);
	vm_object_punch(o, 100, PAGE_SIZE + 600); /* edges cleared, nothing whole but... page 0 from 100 on */
	u_eq(user_read(s, BASE, &word), 0);
	u_eq(word, ~0ull);
	u_eq(user_read(s, BASE + 512, &word), 0);
	u_eq(word, 0);
	u_eq(user_read(s, BASE + PAGE_SIZE + 512, &word), 0);
	u_eq(word, 0);
	vm_space_put(s);
	vm_object_put(o);
	host_rcu_run();
	struct mem_stats st;
	mem_stats_get(&st);
	u_eq(st.pages_shmem, 0);
}

U_TEST(page_trees_of_every_height)
{
	static const u64 indices[] = { 0, 1, 63, 64, 65, 4095, 4096, 262143, 262144, 1ull << 30, (1ull << 36) + 5, 1ull << 51, ~0ull >> 1, ~0ull };
	static struct source f;
	u64 before, index;

	vm_start(64 * MB);
	source_init(&f, 0);
	before = settled_free();
	for (u32 order = 0; order < 2; order++) {
		for (u32 i = 0; i < ARRAY_LEN(indices); i++) {
			struct page *p = vm_object_page(&f.object, indices[order ? ARRAY_LEN(indices) - 1 - i : i], true);

			u_need(!is_err(p));
			page_put(p);
		}
		u_eq(f.object.page_count, ARRAY_LEN(indices));
		for (u32 i = 0; i < ARRAY_LEN(indices); i++) {
			struct page *p = vm_object_peek(&f.object, indices[i]);

			u_need(p);
			u_eq(p->index, indices[i]);
			page_put(p);
			u_check(!vm_object_peek(&f.object, indices[i] ^ 2));
			u_eq(vm_object_next_data(&f.object, indices[i]), indices[i]);
			if (i)
				u_eq(vm_object_next_data(&f.object, indices[i - 1] + 1), indices[i]);
		}
		index = 1ull << 40;
		u_eq(vm_object_next_data(&f.object, index), 1ull << 51);
		f.object.size_bytes = ~0ull;
		if (order) { /* page by page */
			for (u32 i = 0; i < ARRAY_LEN(indices) - 4; i++)
				vm_object_punch(&f.object, indices[i] << PAGE_SHIFT, (indices[i] + 1) << PAGE_SHIFT);
			u_eq(vm_object_next_data(&f.object, 0), (1ull << 36) + 5);
			u_eq(f.object.page_count, 4);
		}
		vm_object_drop_all(&f.object);
		u_eq(f.object.page_count, 0);
		u_eq(vm_object_next_data(&f.object, 0), ~0ull);
	}
	u_check(before - settled_free() < 8);
	u_eq(charged, 0);
}

/* ---- the other calls ---- */

U_TEST(mincore_sees_what_is_resident)
{
	struct vm_space *s = start();
	static struct source f;
	u8 vec[8];

	source_init(&f, 8 * PAGE_SIZE);
	u_eq(map_at(s, BASE, 4, RW, NULL, 0), 0);
	u_eq(map_at(s, BASE + 4 * PAGE_SIZE, 4, VM_READ, &f.object, 0), 0);
	u_eq(user_write(s, BASE + PAGE_SIZE, 1), 0);
	page_put(vm_object_page(&f.object, 2, true));
	u_eq(vm_mincore(s, BASE, 8 * PAGE_SIZE, vec), 0);
	u_mem_eq(vec, ((u8[]){ 0, 1, 0, 0, 0, 0, 1, 0 }), 8);
	u_eq(vm_mincore(s, BASE + 1, PAGE_SIZE, vec), -EINVAL);
	u_eq(vm_mincore(s, BASE - PAGE_SIZE, 2 * PAGE_SIZE, vec), -ENOMEM);
	vm_space_put(s);
	vm_object_put(&f.object);
}

U_TEST(locking_counts_and_brings_in)
{
	struct vm_space *s = start();
	vaddr_t va;

	u_eq(map_at(s, BASE, 8, RW, NULL, 0), 0);
	u_eq(vm_lock_range(s, BASE + PAGE_SIZE + 5, 2 * PAGE_SIZE, VM_LOCK), 0); /* three pages */
	u_eq(s->pages_locked, 3);
	u_eq(s->rss_anon, 3);
	u_eq(s->area_count, 3);
	u_eq(vm_lock_range(s, BASE + 6 * PAGE_SIZE, 4 * PAGE_SIZE, VM_LOCK), -ENOMEM);
	u_eq(vm_advise(s, BASE + PAGE_SIZE, PAGE_SIZE, L_MADV_DONTNEED), -EINVAL);
	u_eq(vm_lock_range(s, BASE, 8 * PAGE_SIZE, VM_UNLOCK), 0);
	u_eq(s->pages_locked, 0);
	u_eq(s->area_count, 1);
	u_eq(vm_lock_all(s, VM_LOCK_LEAVE, true), 0);
	u_eq(map_any(s, 5, RW, &va), 0);
	u_eq(s->pages_locked, 5);
	u_eq(s->rss_anon, 8);
	u_eq(vm_lock_all(s, VM_LOCK, false), 0);
	u_eq(s->pages_locked, 13);
	u_eq(s->rss_anon, 13);
	u_eq(vm_lock_all(s, VM_UNLOCK, false), 0);
	u_eq(s->pages_locked, 0);
	u_eq(map_any(s, 5, RW, &va), 0);
	u_eq(s->rss_anon, 13);
	space_check(s);
	vm_space_put(s);
}

U_TEST(errors_of_mprotect_mremap_madvise_msync)
{
	struct vm_space *s = start();
	vaddr_t va;

	u_eq(map_at(s, BASE, 4, RW, NULL, 0), 0);
	u_eq(map_at(s, BASE + 8 * PAGE_SIZE, 4, VM_READ | VM_MAYREAD | VM_SHARED, NULL, 0), 0);
	u_eq(vm_protect(s, BASE + 1, PAGE_SIZE, VM_READ), -EINVAL);
	u_eq(vm_protect(s, BASE, PAGE_SIZE, 0x80), -EINVAL);
	u_eq(vm_protect(s, BASE, 6 * PAGE_SIZE, VM_READ), -ENOMEM);
	u_eq(vm_protect(s, BASE, 0, VM_READ), 0);
	u_eq(vm_protect(s, BASE + 8 * PAGE_SIZE, PAGE_SIZE, VM_READ | VM_WRITE), -EACCES);
	u_eq(vm_remap(s, BASE + 1, PAGE_SIZE, PAGE_SIZE, 0, 0, &va), -EINVAL);
	u_eq(vm_remap(s, BASE, PAGE_SIZE, 0, 0, 0, &va), -EINVAL);
	u_eq(vm_remap(s, BASE, PAGE_SIZE, PAGE_SIZE, L_MREMAP_FIXED, BASE + 64 * PAGE_SIZE, &va), -EINVAL);
	u_eq(vm_remap(s, BASE, PAGE_SIZE, PAGE_SIZE, 8, 0, &va), -EINVAL);
	u_eq(vm_remap(s, BASE + 5 * PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, 0, 0, &va), -EFAULT);
	u_eq(vm_remap(s, BASE, 5 * PAGE_SIZE, 6 * PAGE_SIZE, L_MREMAP_MAYMOVE, 0, &va), -EFAULT);
	u_eq(vm_remap(s, BASE, 0, PAGE_SIZE, L_MREMAP_MAYMOVE, 0, &va), -EINVAL);
	u_eq(vm_remap(s, BASE, 2 * PAGE_SIZE, 4 * PAGE_SIZE, 0, 0, &va), -ENOMEM); /* its own upper half is in the way */
	u_eq(vm_remap(s, BASE, 4 * PAGE_SIZE, 4 * PAGE_SIZE, L_MREMAP_MAYMOVE | L_MREMAP_FIXED, BASE + 2 * PAGE_SIZE, &va), -EINVAL);
	u_eq(vm_remap(s, BASE, 4 * PAGE_SIZE, 8 * PAGE_SIZE, L_MREMAP_DONTUNMAP | L_MREMAP_MAYMOVE, 0, &va), -EINVAL);
	u_eq(vm_advise(s, BASE + 1, PAGE_SIZE, L_MADV_DONTNEED), -EINVAL);
	u_eq(vm_advise(s, BASE, PAGE_SIZE, 12345), -EINVAL);
	u_eq(vm_advise(s, BASE + 4 * PAGE_SIZE, PAGE_SIZE, L_MADV_NORMAL), -ENOMEM);
	u_eq(vm_advise(s, BASE, PAGE_SIZE, L_MADV_REMOVE), -EINVAL);
	u_eq(vm_advise(s, BASE, 4 * PAGE_SIZE, L_MADV_POPULATE_WRITE), 0);
	u_eq(s->rss_anon, 4);
	u_eq(vm_advise(s, BASE, 4 * PAGE_SIZE, L_MADV_FREE), 0);
	u_eq(s->rss_anon, 0);
	u_eq(vm_sync(s, BASE, 4 * PAGE_SIZE, L_MS_SYNC), 0);
	u_eq(vm_sync(s, BASE, 5 * PAGE_SIZE, L_MS_SYNC), -ENOMEM);
	u_eq(vm_sync(s, BASE, 5 * PAGE_SIZE, L_MS_ASYNC), -ENOMEM);
	u_eq(vm_sync(s, BASE, PAGE_SIZE, L_MS_SYNC | L_MS_ASYNC), -EINVAL);
	space_check(s);
	vm_space_put(s);
}

U_TEST(mremap_moves_grows_duplicates_and_leaves_behind)
{
	struct vm_space *s = start();
	struct vm_object *o = vm_object_create_anon(4 * PAGE_SIZE);
	u64 word;
	vaddr_t va;

	u_eq(map_at(s, BASE, 4, RW, NULL, 0), 0);
	for (u32 i = 0; i < 4; i++)
		u_eq(user_write(s, BASE + i * PAGE_SIZE, i + 1), 0);
	u_eq(vm_remap(s, BASE, 4 * PAGE_SIZE, 8 * PAGE_SIZE, 0, 0, &va), 0);
	u_eq(va, BASE);
	u_eq(map_at(s, BASE + 8 * PAGE_SIZE, 1, VM_READ, NULL, 0), 0);
	u_eq(vm_remap(s, BASE, 8 * PAGE_SIZE, 9 * PAGE_SIZE, 0, 0, &va), -ENOMEM);
	u_eq(vm_remap(s, BASE, 8 * PAGE_SIZE, 9 * PAGE_SIZE, L_MREMAP_MAYMOVE, 0, &va), 0);
	u_check(va != BASE);
	u_eq(user_read(s, va + 3 * PAGE_SIZE, &word), 0);
	u_eq(word, 4);
	u_eq(user_read(s, BASE, &word), -EFAULT);
	u_eq(vm_remap(s, va, 4 * PAGE_SIZE, 4 * PAGE_SIZE, L_MREMAP_MAYMOVE | L_MREMAP_DONTUNMAP, 0, &va), 0);
	u_eq(user_read(s, va, &word), 0);
	u_eq(word, 1);
	u_eq(s->rss_anon, 4);
	u_eq(map_at(s, 2 * BASE, 2, RW | VM_SHARED, o, 1), 0);
	u_eq(user_write(s, 2 * BASE + PAGE_SIZE, 99), 0);
	u_eq(vm_remap(s, 2 * BASE, 0, 2 * PAGE_SIZE, L_MREMAP_MAYMOVE, 0, &va), 0);
	u_eq(user_read(s, va + PAGE_SIZE, &word), 0);
	u_eq(word, 99);
	u_eq(user_read(s, 2 * BASE + PAGE_SIZE, &word), 0);
	u_eq(word, 99);
	space_check(s);
	vm_space_put(s);
	vm_object_put(o);
	u_eq(vm_committed_pages(), 0);
}

U_TEST(access_from_outside)
{
	struct vm_space *s = start();
	static u8 out[3 * PAGE_SIZE], in[3 * PAGE_SIZE];

	for (u32 i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 7);
	u_eq(map_at(s, BASE, 3, RW, NULL, 0), 0);
	u_eq(vm_access(s, BASE + 100, out, 2 * PAGE_SIZE, true), 2 * PAGE_SIZE);
	u_eq(vm_access(s, BASE + 100, in, 2 * PAGE_SIZE, false), 2 * PAGE_SIZE);
	u_mem_eq(in, out, 2 * PAGE_SIZE);
	u_eq(vm_access(s, BASE + 2 * PAGE_SIZE, in, 3 * PAGE_SIZE, false), PAGE_SIZE);
	u_eq(vm_access(s, BASE - 1, in, 1, false), -EFAULT);
	u_eq(vm_access(s, ~0ull, in, 1, false), -EFAULT);
	u_eq(vm_protect(s, BASE, PAGE_SIZE, VM_READ), 0);
	u_eq(vm_access(s, BASE, out, 1, true), 1); /* private: as a debugger may */
	u_eq(vm_access(s, BASE, out, 0, true), 0);
	u_eq(map_at(s, BASE, 1, VM_READ | VM_SHARED | VM_MAYREAD, vm_object_create_anon(PAGE_SIZE), 0), 0);
	u_eq(vm_access(s, BASE, out, 1, true), -EFAULT);
	vm_space_put(s);
}

/* A debugger may write where the program may only read, as long as nobody else sees it. */
U_TEST(access_by_force)
{
	struct vm_space *s = start(), *child;
	struct vm_object *o = vm_object_create_anon(PAGE_SIZE);
	u8 byte = 7;

	u_eq(map_at(s, BASE, 3, RW, NULL, 0), 0);
	u_eq(vm_access(s, BASE, &byte, 1, true), 1);
	u_eq(vm_protect(s, BASE, 2 * PAGE_SIZE, VM_READ), 0);
	u_eq(vm_protect(s, BASE + 2 * PAGE_SIZE, PAGE_SIZE, 0), 0);
	child = vm_space_fork(s);
	u_check(!is_err(child));
	byte = 8;
	u_eq(vm_access(s, BASE, &byte, 1, true), 1);
	u_eq(vm_access(s, BASE + PAGE_SIZE, &byte, 1, true), 1);
	u_eq(vm_access(s, BASE + 2 * PAGE_SIZE, &byte, 1, true), -EFAULT);
	u_eq(vm_access(child, BASE, &byte, 1, false), 1);
	u_eq(byte, 7);
	u_eq(vm_access(child, BASE + PAGE_SIZE, &byte, 1, false), 1);
	u_eq(byte, 0);
	u_eq(map_at(s, 2 * BASE, 1, VM_READ | VM_SHARED, o, 0), 0);
	u_eq(vm_access(s, 2 * BASE, &byte, 1, true), -EFAULT);
	vm_object_put(o);
	vm_space_put(child);
	vm_space_put(s);
}

U_TEST(shared_memory_has_a_name_for_futexes)
{
	struct vm_space *s = start();
	struct vm_object *o = vm_object_create_anon(16 * PAGE_SIZE), *key;
	u64 index;

	u_eq(map_at(s, BASE, 4, RW | VM_SHARED, o, 3), 0);
	u_eq(map_at(s, 2 * BASE, 4, RW, NULL, 0), 0);
	u_eq(vm_shared_key(s, BASE + 2 * PAGE_SIZE + 8, &key, &index), 0);
	u_check(key == o);
	u_eq(index, 5);
	vm_object_put(key);
	u_eq(vm_shared_key(s, 2 * BASE, &key, &index), 0);
	u_check(!key);
	u_eq(vm_shared_key(s, 3 * BASE, &key, &index), -EFAULT);
	vm_space_put(s);
	vm_object_put(o);
}

/* ---- out of memory ---- */

static struct vm_space *oom_victim;
static u32 oom_calls;
static bool oom_kill(void)
{
	oom_calls++;
	if (!oom_victim)
		return false;
	vm_space_put(oom_victim);
	oom_victim = NULL;
	return true;
}

U_TEST(a_fault_without_memory_asks_the_killer)
{
	struct vm_space *s = start(), *v = vm_space_create();
	u64 n = 0, total = mem_pages_total();

	vm_set_oom_killer(oom_kill);
	oom_victim = v;
	u_eq(map_at(v, BASE, total, RW | VM_NORESERVE, NULL, 0), 0);
	u_eq(map_at(s, BASE, total, RW | VM_NORESERVE, NULL, 0), 0);
	for (u32 i = 0; i < total / 2; i++)
		u_need(user_write(v, BASE + i * PAGE_SIZE, i) == 0);
	u_eq(oom_calls, 0);
	while (user_write(s, BASE + n * PAGE_SIZE, n) == 0)
		n++;
	u_check(!oom_victim);
	u_eq(oom_calls, 2); /* one that helped, one that did not */
	u_check(n > total * 9 / 10);
	space_check(s);
	vm_space_put(s);
	u_check(mem_pages_total() - settled_free() < 300);
}
