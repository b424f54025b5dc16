/* What the tests of kernel/memory/virtual share: a machine with memory, and the few functions of other rooms. */
#pragma once

#include <u_.h>
#include <memory/heap/heap_internal.h>
#include <memory/virtual/vm_internal.h>
#include <exo/fs.h>
#include <exo/sched.h>
#include <exo/security.h>
#include <exo_abi/linux_mman.h>
#include <arch/boot.h>
#include <stdlib.h>

char kernel_start[1], kernel_end[1];

#define MB (1ull << 20)
#define RW (VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)

static u32 files_held; /* references to files, as areas hold them */
void file_get(struct file *f)
{
	files_held++;
}
void file_put(struct file *f)
{
	files_held--;
}
void grant_get(struct grant *g)
{
	g->refs++;
}
void grant_put(struct grant *g)
{
	g->refs--;
}
bool grant_live(const struct grant *g)
{
	return !(g->state & GRANT_REVOKED);
}

static void vm_start(u64 bytes)
{
	host_log_quiet = true;
	host_phys_setup(bytes);
	phys_init();
	heap_init();
	vm_init();
}

static u64 settled_free(void)
{
	host_rcu_run();
	kmem_cache_shrink_all();
	host_rcu_run();
	memory_ask_cpus(pages_drain_local, NULL);
	return mem_pages_free();
}

static UNUSED int map_at(struct vm_space *s, vaddr_t va, u64 pages, u32 flags, struct vm_object *o, u64 first)
{
	struct vm_map_request r = { .addr = va, .len_bytes = pages * PAGE_SIZE, .flags = flags, .fixed = true, .object = o,
		.offset_bytes = first * PAGE_SIZE };
	vaddr_t out;
	int err = vm_map(s, &r, &out);

	if (!err)
		u_eq(out, va);
	return err;
}

static UNUSED int map_any(struct vm_space *s, u64 pages, u32 flags, vaddr_t *out)
{
	struct vm_map_request r = { .len_bytes = pages * PAGE_SIZE, .flags = flags };

	return vm_map(s, &r, out);
}

/* A word of user memory as the program would see it. 0 | what the fault says. */
static UNUSED int user_read(struct vm_space *s, vaddr_t va, u64 *out)
{
	int err = vm_fault(s, va, PROT_R);

	if (!err)
		*out = *(u64 *)((u8 *)phys_to_virt(pte_paddr(pmap_lookup(&s->pmap, va & PAGE_MASK))) + (va & ~PAGE_MASK));
	return err;
}

static UNUSED int user_write(struct vm_space *s, vaddr_t va, u64 word)
{
	int err = vm_fault(s, va, PROT_W);

	if (!err) {
		pte_t pte = pmap_lookup(&s->pmap, va & PAGE_MASK);

		u_check(pte_writable(pte));
		*(u64 *)((u8 *)phys_to_virt(pte_paddr(pte)) + (va & ~PAGE_MASK)) = word;
	}
	return err;
}

struct census {
	s64 anon, file, shmem;
	u64 entries;
};
static void census_entry(void *ctx, vaddr_t va, pte_t pte)
{
	struct census *c = ctx;
	struct page *p = phys_to_page(pte_paddr(pte));

	c->entries++;
	if (pte_special(pte))
		return;
	if (p->flags & PG_ANON)
		c->anon++;
	else if (p->flags & PG_SHMEM)
		c->shmem++;
	else
		c->file++;
}

/* The areas are in order, apart, not mergeable without need, and the space's sums are those of its parts. */
static UNUSED void space_check(struct vm_space *s)
{
	u64 pages = 0, data = 0, stack = 0, locked = 0, count = 0;
	struct census c = { 0 };
	vaddr_t end = 0;

	for (struct vm_area *a = area_above(s, 0); a; a = area_next(a)) {
		u_check(a->start >= end && a->start < a->end);
		u_check(!(a->start & ~PAGE_MASK) && !(a->end & ~PAGE_MASK));
		u_eq(a->refs, 1);
		u_eq(a->lock.count, 0);
		end = a->end;
		count++;
		pages += area_pages(a);
		if ((a->flags & (VM_WRITE | VM_SHARED | VM_STACK)) == VM_WRITE)
			data += area_pages(a);
		if (a->flags & VM_STACK)
			stack += area_pages(a);
		if (a->flags & VM_LOCKED)
			locked += area_pages(a);
		pmap_walk(&s->pmap, a->start, a->end, census_entry, &c);
	}
	u_eq(s->area_count, count);
	u_eq(s->pages_total, pages);
	u_eq(s->pages_data, data);
	u_eq(s->pages_stack, stack);
	u_eq(s->pages_locked, locked);
	u_eq(s->rss_anon, c.anon);
	u_eq(s->rss_file, c.file);
	u_eq(s->rss_shmem, c.shmem);
	struct census all = { 0 };
	pmap_walk(&s->pmap, 0, USER_MAX, census_entry, &all);
	u_eq(all.entries, c.entries); /* nothing is mapped outside the areas */
}

/* An object with a source, as a file has. */
struct source {
	struct vm_object object;
	u32 fills, releases;
	int error;
};
static UNUSED int source_fill(struct vm_object *o, struct page *p)
{
	struct source *f = container_of(o, struct source, object);

	f->fills++;
	*(u64 *)page_to_virt(p) = p->index + 1;
	return f->error;
}
static void source_release(struct vm_object *o)
{
	container_of(o, struct source, object)->releases++;
}
static s64 charged, charge_limit = 1000;
static int source_charge(struct vm_object *o, s64 pages)
{
	if (charged + pages > charge_limit)
		return -ENOSPC;
	charged += pages;
	return 0;
}
static const struct vm_object_ops source_ops = { .fill = source_fill, .release = source_release, .charge = source_charge };

static UNUSED void source_init(struct source *f, u64 size_bytes)
{
	*f = (struct source){ 0 };
	vm_object_init(&f->object, &source_ops, f);
	f->object.size_bytes = size_bytes;
}
