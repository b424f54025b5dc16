/* Address spaces: creation, fork, end, accounting. Layer: memory. */
#include <exo/fs.h>
#include <exo/log.h>
#include <exo/sched.h>
#include <exo/security.h>
#include <exo/string.h>
#include <exo_abi/linux_capability.h>
#include "vm_internal.h"

#define STACK_RANDOM_BITS 22 /* pages: 16 GB */
#define MMAP_RANDOM_BITS  28 /* pages: 1 TB, as Linux */
#define STACK_ROOM_MIN    (128ul << 20)
#define STACK_LIMIT       (8ul << 20)

struct page *zero_page;
static struct kmem_cache *space_cache;
static PER_CPU(s64, committed_pages);
struct vm_overcommit vm_overcommit = {.ratio = 50};

u64 vm_random_pages(u64 bits)
{
	return (arch_random_seed() & (BIT(bits) - 1)) << PAGE_SHIFT;
}

void vm_init(void)
{
	u64 part_kb = mem_pages_free() * (PAGE_SIZE / 1024) / 32;

	vm_overcommit.admin_reserve_kb = MIN(part_kb, 8192ul);
	vm_overcommit.user_reserve_kb = MIN(part_kb, 131072ul);
	zero_page = page_alloc(0, ALLOC_ZERO);
	ASSERT(zero_page);
	zero_page->flags = PG_RESERVED;
	space_cache = kmem_cache_create("vm_space", sizeof(struct vm_space), 64, 0);
	area_cache_init();
	page_tree_init();
	object_cache_init();
}

/* ---- accounting ---- */

u64 vm_committed_pages(void)
{
	s64 sum = 0;

	for (u32 cpu = 0; cpu < MAX(cpu_count, 1u); cpu++)
		sum += READ_ONCE(*cpu_ptr(committed_pages, cpu));
	return sum < 0 ? 0 : (u64)sum;
}

u64 vm_commit_limit(void)
{
	u64 kbytes = READ_ONCE(vm_overcommit.kbytes);

	return kbytes ? kbytes / (PAGE_SIZE / 1024)
		      : mem_pages_total() * READ_ONCE(vm_overcommit.ratio) / 100;
}

/* What the limit leaves for current: some is kept for root, and for small programs. */
static u64 commit_allowed(void)
{
	u64 limit = vm_commit_limit(), kept = 0;

	if (!cred_capable(current->cred, LCAP_SYS_ADMIN))
		kept = READ_ONCE(vm_overcommit.admin_reserve_kb) / (PAGE_SIZE / 1024);
	if (current->space)
		kept += MIN(current->space->pages_total / 32,
			READ_ONCE(vm_overcommit.user_reserve_kb) / (PAGE_SIZE / 1024));
	return limit > kept ? limit - kept : 0;
}

int commit_charge(u32 flags, u64 pages)
{
	u64 mode = READ_ONCE(vm_overcommit.mode);

	if (!(flags & VM_ACCOUNT))
		return 0;
	if (mode == OVERCOMMIT_GUESS && pages > mem_pages_total())
		return -ENOMEM;
	if (unlikely(mode == OVERCOMMIT_NEVER) && vm_committed_pages() + pages >= commit_allowed())
		return -ENOMEM;
	this_cpu_add(committed_pages, (s64)pages);
	return 0;
}

void commit_uncharge(u32 flags, u64 pages)
{
	if (flags & VM_ACCOUNT)
		this_cpu_add(committed_pages, -(s64)pages);
}

u32 flags_account(u32 flags)
{
	flags &= ~VM_ACCOUNT;
	if ((flags & (VM_WRITE | VM_SHARED | VM_NORESERVE | VM_SPECIAL)) == VM_WRITE)
		flags |= VM_ACCOUNT;
	return flags;
}

static bool is_data(u32 flags)
{
	return (flags & (VM_WRITE | VM_SHARED | VM_STACK)) == VM_WRITE;
}

void space_account(struct vm_space *s, u32 area_flags, s64 pages)
{
	s->pages_total += (u64)pages;
	if (is_data(area_flags))
		s->pages_data += (u64)pages;
	if (area_flags & VM_STACK)
		s->pages_stack += (u64)pages;
	if (area_flags & VM_LOCKED)
		s->pages_locked += (u64)pages;
	if (pages < 0)
		commit_uncharge(area_flags, (u64)-pages);
}

int space_may_map(struct vm_space *s, u32 area_flags, u64 pages)
{
	if (s->pages_total + pages > s->limit_as >> PAGE_SHIFT)
		return -ENOMEM;
	if (is_data(area_flags) && s->pages_data + pages > s->limit_data >> PAGE_SHIFT)
		return -ENOMEM;
	return 0;
}

void space_gather_end(struct vm_space *s, struct tlb_gather *g)
{
	if (g->anon | g->file | g->shmem) {
		u64 now = vm_space_rss(s);

		/* racy: a peak of two faults at once may be missed by one page */
		if (now > READ_ONCE(s->rss_peak))
			WRITE_ONCE(s->rss_peak, now);
		if (g->anon)
			rss_add(&s->rss_anon, -(s64)g->anon);
		if (g->file)
			rss_add(&s->rss_file, -(s64)g->file);
		if (g->shmem)
			rss_add(&s->rss_shmem, -(s64)g->shmem);
	}
	tlb_gather_end(g);
}

/* ---- life ---- */

void vm_space_layout(struct vm_space *s, bool randomize)
{
	u64 room = MAX(MIN(s->limit_stack, USER_MAX / 6 * 5), STACK_ROOM_MIN) + STACK_GAP;

	s->stack_top = USER_MAX - PAGE_SIZE - (randomize ? vm_random_pages(STACK_RANDOM_BITS) : 0);
	s->mmap_base = ALIGN_DOWN(
		s->stack_top - room - (randomize ? vm_random_pages(MMAP_RANDOM_BITS) : 0),
		PAGE_SIZE);
	s->gap_hint = s->mmap_base;
	s->gap_skipped = 0;
}

static struct vm_space *space_alloc(void)
{
	struct vm_space *s = kmem_cache_alloc(space_cache, ALLOC_ZERO);

	if (!s)
		return NULL;
	s->keys = 1; /* every page begins with key 0 */
	if (pmap_init(&s->pmap) < 0) {
		kmem_cache_free(space_cache, s);
		return NULL;
	}
	s->refs = 1;
	rwsem_init(&s->lock, RANK_S_SPACE);
	spin_init(&s->tree_lock, RANK_VM_TREE);
	return s;
}

struct vm_space *vm_space_create(void)
{
	struct vm_space *s = space_alloc();

	if (!s)
		return NULL;
	s->limit_as = s->limit_data = s->limit_memlock = ~0ull;
	s->limit_stack = STACK_LIMIT;
	vm_space_layout(s, true);
	return s;
}

void vm_space_get(struct vm_space *s)
{
	__atomic_fetch_add(&s->refs, 1, __ATOMIC_RELAXED);
}

void vm_space_put(struct vm_space *s)
{
	struct list areas = LIST_INIT(areas);
	struct vm_area *a;

	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	/* Nobody else is here but truncations, which come through the objects. */
	for (struct rb_node *n = rb_first(&s->areas); n; n = rb_next(n)) {
		a = container_of(n, struct vm_area, node);
		area_unlink_object(a);
		/* a tree cannot be walked while it is freed */
		list_add_tail(&areas, &a->mapping_node);
	}
	pmap_fini(&s->pmap);
	while ((a = list_pop(&areas, struct vm_area, mapping_node))) {
		commit_uncharge(a->flags, area_pages(a));
		area_put(a);
	}
	if (s->exe)
		file_put(s->exe);
	kmem_cache_free(space_cache, s);
}

void vm_switch(struct vm_space *prev, struct vm_space *next)
{
	pmap_activate(prev ? &prev->pmap : NULL, next ? &next->pmap : NULL);
}

/* ---- fork ---- */

/* What a child has of its parent stands at the end of the struct. */
static void fork_copy_fields(struct vm_space *c, struct vm_space *p)
{
	size_t from = offsetof(struct vm_space, gap_hint);

	memcpy((u8 *)c + from, (u8 *)p + from, sizeof(*c) - from);
	if (c->exe)
		file_get(c->exe);
}

/* Shared mappings of an object need no entries: faults find the pages again. */
static bool fork_copies_entries(const struct vm_area *a)
{
	return !(a->flags & VM_WIPEONFORK) && (!a->object || !(a->flags & VM_SHARED));
}

/* The child's copy of one area, above @last. Return: it | NULL, out of memory. */
static struct vm_area *fork_area(struct vm_space *child, struct vm_area *last, struct vm_area *a)
{
	struct vm_area *c;

	if (commit_charge(a->flags, area_pages(a)) < 0)
		return NULL;
	c = area_create(child, a, a->start, a->end);
	if (!c) {
		commit_uncharge(a->flags, area_pages(a));
		return NULL;
	}
	c->flags &= ~VM_LOCKED;
	area_insert_after(last, c);
	space_account(child, c->flags, (s64)area_pages(c));
	return c;
}

static void fork_flush(struct vm_space *child, struct tlb_gather *g)
{
	child->rss_anon += g->anon;
	child->rss_file += g->file;
	child->rss_shmem += g->shmem;
	tlb_gather_end(g);
}

/* Copies the areas and their entries. With other threads about, an area stays locked until its
 * translations are flushed: else one of them could copy a page away while another still writes to
 * the old one through a stale translation. A space with one user needs the lock only against
 * truncation, which knows areas with an object, and one flush at the end. */
static int fork_areas(struct vm_space *child, struct vm_space *parent)
{
	bool alone = __atomic_load_n(&parent->refs, __ATOMIC_RELAXED) == 1;
	struct vm_area *last = NULL;
	struct tlb_gather g;
	int err = 0;

	tlb_gather_begin(&g, &parent->pmap);
	for (struct rb_node *n = rb_first(&parent->areas); n && !err; n = rb_next(n)) {
		struct vm_area *a = container_of(n, struct vm_area, node);
		bool lock = !alone || a->object;

		if (a->flags & VM_DONTFORK)
			continue;
		last = fork_area(child, last, a);
		if (!last)
			err = -ENOMEM;
		if (!last || !fork_copies_entries(a))
			continue;
		if (lock)
			rwsem_write_lock(&a->lock);
		err = pmap_copy(
			&child->pmap, &parent->pmap, a->start, a->end, !(a->flags & VM_SHARED), &g);
		if (!alone) {
			fork_flush(child, &g);
			tlb_gather_begin(&g, &parent->pmap);
		}
		if (lock)
			rwsem_write_unlock(&a->lock);
	}
	fork_flush(child, &g);
	return err;
}

struct vm_space *vm_space_fork(struct vm_space *parent)
{
	struct vm_space *child = space_alloc();
	int err;

	if (!child)
		return err_ptr(-ENOMEM);
	rwsem_write_lock(&parent->lock);
	fork_copy_fields(child, parent);
	err = fork_areas(child, parent);
	rwsem_write_unlock(&parent->lock);
	if (err) {
		vm_space_put(child);
		return err_ptr(err);
	}
	child->rss_peak = vm_space_rss(child);
	return child;
}

/* ---- readers ---- */

int vm_for_each_area(
	struct vm_space *s, vaddr_t from, int (*fn)(void *ctx, struct vm_area *a), void *ctx)
{
	struct rwsem *held SCOPED(read_release) = read_hold(&s->lock);
	int ret = 0;

	for (struct vm_area *a = area_above(s, from); a && !ret; a = area_next(a))
		ret = fn(ctx, a);
	return ret;
}

int vm_shared_key(struct vm_space *s, vaddr_t va, struct vm_object **object, u64 *index)
{
	struct vm_area *a = area_get(s, va);

	if (!a)
		return -EFAULT;
	rwsem_read_lock(&a->lock);
	*object = NULL;
	if ((a->flags & VM_SHARED) && a->object && va >= a->start && va < a->end) {
		*object = a->object;
		*index = area_index(a, va);
		vm_object_get(a->object);
	}
	rwsem_read_unlock(&a->lock);
	area_put(a);
	return 0;
}
