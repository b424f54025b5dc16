/* Address spaces against a model: random sequences of mapping, unmapping, protecting, moving, advising, truncating, forking, and
 * after each of them every page reads as the model says.
 * needs: kernel/memory/physical/early.c kernel/memory/physical/buddy.c kernel/memory/physical/pages.c kernel/memory/physical/reclaim.c
 * needs: kernel/memory/heap/slab.c kernel/memory/heap/kmalloc.c kernel/memory/heap/heap_check.c kernel/memory/heap/vmalloc.c
 * needs: kernel/memory/heap/kstack.c kernel/sync/spinlock.c kernel/sync/lock_debug.c kernel/sync/rwsem.c kernel/sync/mutex.c
 * needs: kernel/sync/waitqueue.c kernel/memory/virtual/page_tree.c kernel/memory/virtual/vm_object.c kernel/memory/virtual/vm_area.c
 * needs: kernel/memory/virtual/vm_space.c kernel/memory/virtual/vm_map.c kernel/memory/virtual/vm_fault.c
 * needs: kernel/memory/virtual/vm_protect.c kernel/memory/virtual/vm_remap.c kernel/memory/virtual/vm_advise.c
 * needs: kernel/memory/virtual/vm_access.c
 */
#include "vm_harness.h"

#define BASE    0x10000000ull
#define SPAN    192u /* pages */
#define OBJECTS 3
#define OBJECT_PAGES 100u

enum kind { NONE, ANON, PRIVATE, SHARED };
struct model_page {
	enum kind kind;
	u32 prot, object, index;
	bool copied;   /* PRIVATE: has its own */
	u64 value;
};
struct model_object {
	struct vm_object object;
	u64 size;      /* pages */
	u64 value[OBJECT_PAGES];
	bool released;
};
struct model {
	struct vm_space *space;
	struct model_page page[SPAN];
};
static struct model_object objects[OBJECTS];
static u64 next_value = 1;
static u64 seed;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void model_release(struct vm_object *o)
{
	container_of(o, struct model_object, object)->released = true;
}
/* Object 0 has a source that fills page i with i + 1000; objects 1 and 2 are empty at first. */
static int model_fill(struct vm_object *o, struct page *p)
{
	*(u64 *)page_to_virt(p) = p->index + 1000;
	return 0;
}
static int writable_calls;
static int model_writable(struct vm_object *o, struct page *p)
{
	writable_calls++;
	return 0;
}
static const struct vm_object_ops filled_ops = { .fill = model_fill, .make_writable = model_writable, .release = model_release };
static const struct vm_object_ops empty_ops = { .release = model_release };

static void objects_init(void)
{
	for (u32 i = 0; i < OBJECTS; i++) {
		struct model_object *m = &objects[i];

		vm_object_init(&m->object, i ? &empty_ops : &filled_ops, m);
		m->object.mem_counter = i == 1 ? MEM_SHMEM : MEM_CACHE;
		m->size = OBJECT_PAGES;
		vm_object_truncate(&m->object, OBJECT_PAGES * PAGE_SIZE);
		for (u32 k = 0; k < OBJECT_PAGES; k++)
			m->value[k] = i ? 0 : k + 1000;
	}
}

static vaddr_t at(u32 i)
{
	return BASE + (vaddr_t)i * PAGE_SIZE;
}

static int expected(const struct model_page *p, u64 *value)
{
	*value = 0;
	if (p->kind == NONE)
		return -EFAULT;
	if (!p->prot)
		return -EACCES;
	if (p->kind == ANON || p->copied) {
		*value = p->value;
		return 0;
	}
	if (p->index >= objects[p->object].size)
		return -EIO;
	*value = objects[p->object].value[p->index];
	return 0;
}

static void page_verify(struct model *m, u32 i)
{
	u64 want, got = 0;
	int err = expected(&m->page[i], &want), real = user_read(m->space, at(i), &got);

	if (err != real || (!err && want != got))
		u_fail(__FILE__, __LINE__, "page %u (kind %u prot %u object %u index %u copied %u): read gives %d/%llu, expected %d/%llu", i,
			m->page[i].kind, m->page[i].prot, m->page[i].object, m->page[i].index, m->page[i].copied, real,
			(unsigned long long)got, err, (unsigned long long)want);
}

static void verify_all(struct model *m)
{
	for (u32 i = 0; i < SPAN && !u_failures; i++)
		page_verify(m, i);
	space_check(m->space);
}

static void do_write(struct model *m, u32 i)
{
	struct model_page *p = &m->page[i];
	int err = p->kind == NONE ? -EFAULT : !(p->prot & VM_WRITE) ? -EACCES : 0, real;

	if (!err && p->kind != ANON && !p->copied && p->index >= objects[p->object].size)
		err = -EIO;
	real = user_write(m->space, at(i), next_value);
	if (err != real)
		u_fail(__FILE__, __LINE__, "page %u kind %u prot %u: write gives %d, expected %d", i, p->kind, p->prot, real, err);
	if (err)
		return;
	if (p->kind == SHARED) {
		objects[p->object].value[p->index] = next_value++;
	} else {
		p->value = next_value++;
		p->copied = p->kind == PRIVATE;
	}
}

static u32 random_prot(void)
{
	static const u32 prots[] = { VM_READ | VM_WRITE, VM_READ | VM_WRITE, VM_READ, 0, VM_READ | VM_EXEC };

	return prots[rnd() % ARRAY_LEN(prots)];
}

static void do_map(struct model *m, u32 i, u32 n)
{
	enum kind kind = ANON + rnd() % 3;
	u32 prot = random_prot(), o = (u32)(rnd() % OBJECTS), first = (u32)(rnd() % 60);
	u32 flags = prot | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | (kind == SHARED ? VM_SHARED : 0);

	u_eq(map_at(m->space, at(i), n, flags, kind == ANON ? NULL : &objects[o].object, kind == ANON ? 0 : first), 0);
	for (u32 k = 0; k < n; k++)
		m->page[i + k] = (struct model_page){ .kind = kind, .prot = prot, .object = o, .index = first + k };
}

static bool whole(const struct model *m, u32 i, u32 n)
{
	for (u32 k = 0; k < n; k++)
		if (m->page[i + k].kind == NONE)
			return false;
	return true;
}

static void do_protect(struct model *m, u32 i, u32 n)
{
	u32 prot = random_prot();
	int err = vm_protect(m->space, at(i), n * PAGE_SIZE, prot);

	u_eq(err, whole(m, i, n) ? 0 : -ENOMEM);
	for (u32 k = 0; !err && k < n; k++)
		m->page[i + k].prot = prot;
}

static void do_dontneed(struct model *m, u32 i, u32 n)
{
	u_eq(vm_advise(m->space, at(i), n * PAGE_SIZE, L_MADV_DONTNEED), whole(m, i, n) ? 0 : -ENOMEM);
	for (u32 k = 0; k < n; k++) {
		m->page[i + k].copied = false;
		m->page[i + k].value = 0;
	}
}

/* The area that covers page i in the space: mremap works on one area. */
static bool one_area(struct model *m, u32 i, u32 n)
{
	struct vm_area *a = area_above(m->space, at(i));

	return a && a->start <= at(i) && a->end >= at(i + n);
}

static void do_remap(struct model *m, u32 i, u32 n)
{
	u32 to = (u32)(rnd() % SPAN), new = 1 + (u32)(rnd() % 20);
	struct model_page moved[SPAN];
	vaddr_t out;
	int err;

	if (to + new > SPAN || !one_area(m, i, n) || (to < i + n && i < to + new))
		return;
	memcpy(moved, &m->page[i], n * sizeof(moved[0]));
	struct model_page last = moved[n - 1];
	err = vm_remap(m->space, at(i), n * PAGE_SIZE, new * PAGE_SIZE, L_MREMAP_MAYMOVE | L_MREMAP_FIXED, at(to), &out);
	u_eq(err, 0);
	u_eq(out, at(to));
	for (u32 k = 0; k < n; k++)
		m->page[i + k].kind = NONE;
	for (u32 k = 0; k < new; k++) {
		if (k < n) {
			m->page[to + k] = moved[k];
			continue;
		}
		m->page[to + k] = (struct model_page){ .kind = last.kind, .prot = last.prot, .object = last.object,
			.index = last.index + (k - (n - 1)) };
	}
}

static void do_resize_in_place(struct model *m, u32 i, u32 n)
{
	u32 new = 1 + (u32)(rnd() % 20), k;
	struct model_page last = m->page[i + n - 1];
	struct vm_area *a = area_above(m->space, at(i));
	bool room = a && a->end == at(i + n);
	vaddr_t out;

	if (!one_area(m, i, n) || i + new > SPAN)
		return;
	for (k = n; k < new; k++)
		room = room && m->page[i + k].kind == NONE;
	int err = vm_remap(m->space, at(i), n * PAGE_SIZE, new * PAGE_SIZE, 0, 0, &out);
	u_eq(err, new <= n || room ? 0 : -ENOMEM);
	for (k = n; !err && k < new; k++)
		m->page[i + k] = (struct model_page){ .kind = last.kind, .prot = last.prot, .object = last.object,
			.index = last.index + (k - (n - 1)) };
	for (k = new; k < n; k++)
		m->page[i + k].kind = NONE;
}

static void objects_forget(struct model *m, u32 o, u32 from, u32 to, bool copies_too)
{
	for (u32 k = from; k < to; k++)
		objects[o].value[k] = o ? 0 : k + 1000;
	for (u32 i = 0; i < SPAN; i++) {
		struct model_page *p = &m->page[i];

		if (copies_too && p->kind == PRIVATE && p->object == o && p->index >= from && p->index < to)
			p->copied = false;
	}
}

static void do_truncate(struct model *m)
{
	u32 o = (u32)(rnd() % OBJECTS), size = (u32)(rnd() % (OBJECT_PAGES + 1));

	vm_object_truncate(&objects[o].object, size * PAGE_SIZE);
	if (size < objects[o].size)
		objects_forget(m, o, size, OBJECT_PAGES, true);
	objects[o].size = size;
	host_rcu_run();
}

static void do_punch(struct model *m)
{
	u32 o = (u32)(rnd() % OBJECTS), from = (u32)(rnd() % OBJECT_PAGES), to = from + (u32)(rnd() % 10);

	to = MIN(to, OBJECT_PAGES);
	if (o == 0) /* a source would fill the hole again, and does: so says objects_forget */
		return;
	vm_object_punch(&objects[o].object, from * PAGE_SIZE, to * PAGE_SIZE);
	objects_forget(m, o, from, to, false);
	host_rcu_run();
}

/* The child sees what the parent saw, and neither sees what the other writes privately. */
static void do_fork(struct model *m)
{
	struct model child = *m;

	child.space = vm_space_fork(m->space);
	u_check(!is_err(child.space));
	space_check(child.space);
	for (u32 k = 0; k < 20; k++) {
		do_write(m, (u32)(rnd() % SPAN));
		do_write(&child, (u32)(rnd() % SPAN));
	}
	verify_all(&child);
	verify_all(m);
	vm_space_put(child.space);
}

static void step(struct model *m)
{
	u32 i = (u32)(rnd() % SPAN), n = 1 + (u32)(rnd() % 24);

	n = MIN(n, SPAN - i);
	switch (rnd() % 16) {
	case 0:
	case 1:
	case 2:
		do_map(m, i, n);
		break;
	case 3:
		u_eq(vm_unmap(m->space, at(i), n * PAGE_SIZE), 0);
		for (u32 k = 0; k < n; k++)
			m->page[i + k].kind = NONE;
		break;
	case 4:
	case 5:
		do_protect(m, i, n);
		break;
	case 6:
		do_dontneed(m, i, n);
		break;
	case 7:
		do_remap(m, i, n);
		break;
	case 8:
		do_resize_in_place(m, i, n);
		break;
	case 9:
		do_truncate(m);
		break;
	case 10:
		do_punch(m);
		break;
	case 11:
		if (rnd() % 8 == 0)
			do_fork(m);
		break;
	default:
		for (u32 k = 0; k < n; k++)
			do_write(m, (i + k * 5) % SPAN);
	}
}

static void run(u64 first_seed, u32 steps)
{
	static struct model m;
	u64 before;

	vm_start(64 * MB);
	objects_init();
	m.space = vm_space_create();
	u_need(m.space);
	vm_space_put(m.space);
	before = settled_free();
	seed = first_seed;
	memset(&m, 0, sizeof(m));
	m.space = vm_space_create();
	for (u32 i = 0; i < steps && !u_failures; i++) {
		step(&m);
		page_verify(&m, (u32)(rnd() % SPAN));
		if (i % 16 == 0)
			verify_all(&m);
	}
	verify_all(&m);
	vm_space_put(m.space);
	u_eq(vm_committed_pages(), 0);
	for (u32 i = 0; i < OBJECTS; i++) {
		vm_object_put(&objects[i].object);
		u_check(objects[i].released);
	}
	struct mem_stats st;
	mem_stats_get(&st);
	u_eq(st.pages_anon, 0);
	u_eq(st.pages_cache, 0);
	u_eq(st.pages_shmem, 0);
	u_eq(st.pages_dirty, 0);
	u_check(before - settled_free() <= 12); /* magazines of caches that were not used before */
	u_eq(files_held, 0);
	u_check(writable_calls > 0);
}

U_TEST_LIMIT(seed_1, 60)
{
	run(0x9e3779b97f4a7c15ull, 6000);
}

U_TEST_LIMIT(seed_2, 60)
{
	run(0xdeadbeefcafef00dull, 6000);
}

U_TEST_LIMIT(seed_of_the_hour, 60)
{
	u64 s = arch_cycles() | 1;

	u_note("seed %llx", (unsigned long long)s);
	run(s, 6000);
}
