/* Page faults. Layer: memory.
 *
 * A fault finds its area under tree_lock, then holds the area's lock for reading: no space lock.
 * Entries change by compare-and- exchange, so threads that fault on one page race harmlessly and
 * the losers look again. A removal of the object's pages (truncate) is noticed by the object's
 * counter, see vm_object.c. Out of memory: all locks are dropped, then the OOM killer decides. */
#include <exo/sched.h>
#include <exo/security.h>
#include <exo/time.h>
#include <arch/uaccess.h>
#include "vm_internal.h"

#define OOM_ATTEMPTS 500
#define OOM_PAUSE_NS (10 * NS_PER_MS)

u32 vm_huge_mode = HUGE_MADVISE;
static bool (*oom_killer)(void);

void vm_set_oom_killer(bool (*fn)(void))
{
	oom_killer = fn;
}

struct fault {
	struct vm_area *area;
	struct pmap *pmap;
	vaddr_t va; /* page aligned */
	pte_t old;  /* entry as it was */
	bool write;
};

static s64 *rss_of(struct vm_space *s, const struct vm_object *o)
{
	return object_is_shmem(o) ? &s->rss_shmem : &s->rss_file;
}

/* Installs a private page of the space's own, a copy of @from or, NULL, zeroes. 0 | -EAGAIN |
 * -ENOMEM.
 */
static ALWAYS_INLINE int fault_own(struct fault *f, const struct page *from)
{
	struct page *p = page_alloc(0, ALLOC_USER | (from ? 0 : ALLOC_ZERO));
	pte_t new;
	int err;

	if (!p)
		return -ENOMEM;
	p->flags = PG_ANON | PG_UPTODATE;
	mem_account(MEM_ANON, 1);
	if (from)
		arch_page_copy(page_to_virt(p), page_to_virt(from));
	new = pte_make(page_to_phys(p), (f->area->flags & VM_PTE) | PMAP_USER);
	if (f->area->flags & VM_WRITE)
		new = pte_mkwrite(new);
	err = pmap_replace(f->pmap, f->va, f->old, new);
	if (unlikely(err)) {
		page_put(p);
		return err;
	}
	rss_add(&f->area->space->rss_anon, 1);
	return 0;
}

/* Whether the area may want large pages: all that the usual fault asks. */
static ALWAYS_INLINE bool spans_wanted(const struct fault *f)
{
	return unlikely(f->area->flags & VM_HUGE || READ_ONCE(vm_huge_mode) == HUGE_ALWAYS);
}

/* The span around the fault, when the area wants large pages and holds all of it, and nothing is
 * mapped there yet. 0 = not so. */
static vaddr_t fault_span(const struct fault *f)
{
	vaddr_t start = ALIGN_DOWN(f->va, PMAP_SPAN);
	u32 flags = f->area->flags;

	if (READ_ONCE(vm_huge_mode) == HUGE_NEVER || READ_ONCE(f->area->space->no_huge) ||
		(flags & (VM_NOHUGE | VM_STACK | VM_EXEC)))
		return 0;
	if (start < f->area->start || f->area->end - start < PMAP_SPAN)
		return 0;
	return pmap_span_is_empty(f->pmap, start) ? start : 0;
}

/* Maps a block of new pages at once. false: there is none, or another fault was faster. */
static NOINLINE bool fault_anon_span(struct fault *f)
{
	vaddr_t start = f->area->flags & VM_WRITE ? fault_span(f) : 0;
	struct page *p =
		start ? page_alloc(SPAN_ORDER, ALLOC_USER | ALLOC_ZERO | ALLOC_ONCE) : NULL;
	u32 n;

	if (!p)
		return false;
	page_split(p, SPAN_ORDER);
	for (u32 i = 0; i < SPAN_PAGES; i++)
		p[i].flags = PG_ANON | PG_UPTODATE;
	mem_account(MEM_ANON, SPAN_PAGES);
	n = pmap_map_span(f->pmap, start,
		pte_mkwrite(pte_make(page_to_phys(p), (f->area->flags & VM_PTE) | PMAP_USER)));
	rss_add(&f->area->space->rss_anon, n);
	page_put_all(p + n, SPAN_PAGES - n);
	return pmap_lookup(f->pmap, f->va) != 0;
}

static int fault_anon_empty(struct fault *f)
{
	if (!f->write) /* reading what nobody wrote: the one page of zeroes */
		return pmap_replace(f->pmap, f->va, 0,
			pte_make(page_to_phys(zero_page),
				prot_before_write(f->area->flags) | PMAP_USER | PMAP_SPECIAL));
	return spans_wanted(f) && fault_anon_span(f) ? 0 : fault_own(f, NULL);
}

/* First write to a page of zeroes. */
static int fault_unzero(struct fault *f)
{
	int err = fault_own(f, NULL);

	if (!err)
		tlb_flush_page(f->pmap, f->va); /* other threads may still read the zeroes */
	return err;
}

/* Holds the page of the entry, so that it cannot be freed and come back under the same entry.
 * false: the entry changed. */
static bool fault_hold(struct fault *f, struct page *p)
{
	if (!ref_get_live(&p->refs))
		return false;
	if (likely(pmap_lookup(f->pmap, f->va) == f->old))
		return true;
	page_put(p);
	return false;
}

/* A write to a present, protected entry of a private mapping: copy, unless nobody else has the
 * page. */
static int fault_copy(struct fault *f)
{
	struct page *old = phys_to_page(pte_paddr(f->old));
	struct vm_space *s = f->area->space;
	pte_t own;
	int err;

	if (pte_special(f->old))
		return old == zero_page ? fault_unzero(f) : -EACCES;
	if ((old->flags & PG_ANON) && __atomic_load_n(&old->refs, __ATOMIC_ACQUIRE) == 1) {
		own = pte_set_prot(f->old, f->area->flags & VM_PTE);
		if (f->area->flags & VM_WRITE) /* else a debugger writes */
			own = pte_mkwrite(own);
		return pmap_replace(f->pmap, f->va, f->old, own);
	}
	if (!fault_hold(f, old))
		return -EAGAIN;
	err = fault_own(f, old);
	if (!err) {
		tlb_flush_page(f->pmap, f->va); /* other threads may still read the old page */
		rss_add(old->flags & PG_ANON ? &s->rss_anon : rss_of(s, f->area->object), -1);
		page_put(old); /* the entry's */
	}
	page_put(old);
	return err;
}

/* Write to a page of an object that the space does not map yet, privately: copied from the object
 * at once. */
static int fault_object_copy(struct fault *f)
{
	struct page *src = object_page_in(f->area->object, area_index(f->area, f->va));
	int err;

	if (is_err(src))
		return (int)ptr_err(src);
	err = fault_own(f, src);
	page_put(src);
	return err;
}

/* Whether a shared mapping may write a page as soon as it is mapped: nobody wants to know when it
 * becomes dirty. */
static bool writes_unnoticed(const struct vm_object *o)
{
	return object_is_shmem(o) && !o->ops->make_writable;
}

static u32 object_prot(const struct vm_area *a, bool write)
{
	u32 prot = a->flags & VM_PTE;

	if (!(a->flags & VM_SHARED) || !(write || writes_unnoticed(a->object)))
		prot = prot_before_write(prot);
	return prot | PMAP_USER;
}

/* Maps the page and those around it that are in the object already. */
struct around {
	vaddr_t start; /* of slot 0 */
	u32 count;
	u64 held;                 /* bit i: ptes[i] is set and owns a page reference */
	pte_t ptes[FAULT_AROUND]; /* ptes[i] for start + i pages; 0 = leave alone */
};

/* The window: aligned, inside the area, and inside one node of the page tree. Call under RCU. */
static void around_collect(struct fault *f, struct around *w, u32 prot)
{
	struct vm_area *a = f->area;
	u64 index = area_index(a, f->va), limit = object_pages(a->object), first, before, after;
	pte_t blank = pte_make(0, prot);
	struct page **slots;
	u64 held = 0;
	u32 count;

	before = MIN((f->va >> PAGE_SHIFT) % FAULT_AROUND, (f->va - a->start) >> PAGE_SHIFT);
	after = MIN(FAULT_AROUND - (f->va >> PAGE_SHIFT) % FAULT_AROUND,
		(a->end - f->va) >> PAGE_SHIFT);
	after = MIN(after, limit - index);
	if (f->write && !writes_unnoticed(a->object)) {
		before = 0; /* only this page was announced */
		after = 1;
	}
	slots = page_tree_window(&a->object->tree, index, &first, &count);
	if (!slots) {
		before = 0;
		after = 1;
	} else {
		before = MIN(before, index - first);
		after = MIN(after, first + count - index);
	}
	w->start = f->va - (before << PAGE_SHIFT);
	w->count = (u32)(before + after);
	for (u64 i = 0; i < before + after; i++) {
		struct page *p = slots ? __atomic_load_n(&slots[index - before + i - first],
						 __ATOMIC_CONSUME)
				       : NULL;

		w->ptes[i] = 0;
		if (!p || (uintptr_t)p & 1)
			continue;
		page_get(p);
		held |= BIT(i);
		w->ptes[i] = pte_at(blank, page_to_phys(p));
	}
	w->held = held;
}

/* The page left its object while it was being mapped. */
static void map_undo(struct fault *f, vaddr_t va, pte_t pte)
{
	if (pmap_replace(f->pmap, va, pte, 0) < 0)
		return; /* somebody else took it away, and its reference */
	tlb_flush_page(f->pmap, va);
	rss_add(rss_of(f->area->space, f->area->object), -1);
	page_put(phys_to_page(pte_paddr(pte)));
}

/* Maps the whole span of a shared object, if its pages there are one block of memory. false: they
 * are not, or another fault was faster. */
static NOINLINE bool fault_object_span(struct fault *f, u32 prot)
{
	struct vm_object *o = f->area->object;
	vaddr_t start = f->area->flags & VM_SHARED && writes_unnoticed(o) ? fault_span(f) : 0;
	u32 before = __atomic_load_n(&o->invalidations, __ATOMIC_ACQUIRE), n;
	u64 index = area_index(f->area, start);
	struct page *p = !start || index % SPAN_PAGES ? NULL : object_span_in(o, index);
	pte_t first;

	if (!p)
		return false;
	first = pte_make(page_to_phys(p), prot);
	n = pmap_map_span(f->pmap, start, first);
	rss_add(rss_of(f->area->space, o), n);
	page_put_all(p + n, SPAN_PAGES - n);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with the counting in object_remove */
	if (unlikely(__atomic_load_n(&o->invalidations, __ATOMIC_RELAXED) != before))
		for (u32 i = 0; i < n; i++)
			map_undo(f, start + i * PAGE_SIZE, first + i * PAGE_SIZE);
	return pmap_lookup(f->pmap, f->va) != 0;
}

static int fault_object_map(struct fault *f)
{
	struct vm_object *o = f->area->object;
	u32 before = __atomic_load_n(&o->invalidations, __ATOMIC_ACQUIRE), here,
	    prot = object_prot(f->area, f->write), i;
	u64 index = area_index(f->area, f->va), installed;
	struct page *p = NULL;
	struct around w;

	if (index >= object_pages(o))
		return -EIO;
	if (spans_wanted(f) && fault_object_span(f, prot))
		return 0;
	rcu_read_lock();
	around_collect(f, &w, prot);
	rcu_read_unlock();
	here = (u32)((f->va - w.start) >> PAGE_SHIFT);
	if (!w.ptes[here]) {
		p = object_page_in(o, index);
		if (!is_err(p)) {
			w.ptes[here] = pte_make(page_to_phys(p), prot);
			w.held |= BIT(here);
		}
	}
	installed = w.ptes[here] ? pmap_map_pages(f->pmap, w.start, w.ptes, w.count) : 0;
	for_each_bit (i, w.held & ~installed)
		page_put(phys_to_page(pte_paddr(w.ptes[i])));
	if (!w.ptes[here])
		return (int)ptr_err(p);
	if (installed)
		rss_add(rss_of(f->area->space, o), __builtin_popcountll(installed));
	/* entries, then the counter: pairs with object_remove */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (unlikely(__atomic_load_n(&o->invalidations, __ATOMIC_RELAXED) != before)) {
		for_each_bit (i, installed)
			map_undo(f, w.start + i * PAGE_SIZE, w.ptes[i]);
		return -EAGAIN;
	}
	if (installed >> here & 1)
		return 0;
	return pmap_lookup(f->pmap, f->va)
		       ? -EAGAIN
		       : -ENOMEM; /* raced with another fault, or no table page */
}

/* Write to a shared page: the object hears of it first. */
static int fault_shared_write(struct fault *f)
{
	struct vm_object *o = f->area->object;
	struct page *p;
	int err = 0;

	if (!f->old && writes_unnoticed(o))
		return fault_object_map(f);
	p = object_page_in(o, area_index(f->area, f->va));
	if (is_err(p))
		return (int)ptr_err(p);
	if (o->ops->make_writable)
		err = o->ops->make_writable(o, p);
	if (!err) {
		vm_object_mark_dirty(o, p);
		if (!f->old)
			err = fault_object_map(f);
		else if (pte_paddr(f->old) == page_to_phys(p))
			err = pmap_replace(f->pmap, f->va, f->old, pte_mkwrite(f->old));
		else
			err = -EAGAIN; /* truncated and made anew meanwhile: its entry is about to
					  go */
	}
	page_put(p);
	return err;
}

static int fault_special(struct fault *f)
{
	u32 flags = 0;
	paddr_t pa;
	int err;

	if (!f->area->special->fault)
		return -EFAULT;
	err = f->area->special->fault(f->area, f->va, &pa, &flags);
	if (err)
		return err;
	return pmap_replace(f->pmap, f->va, 0,
		pte_make(pa, (f->area->flags & VM_PTE) | flags | PMAP_USER | PMAP_SPECIAL));
}

static int fault_resolve(struct fault *f)
{
	struct vm_area *a = f->area;

	if (f->old && (!f->write || pte_writable(f->old)))
		return 0; /* another thread was faster */
	if (a->special)
		return f->old ? -EACCES : fault_special(f);
	if (!a->object)
		return f->old ? fault_copy(f) : fault_anon_empty(f);
	if (!f->write)
		return fault_object_map(f);
	if (a->flags & VM_SHARED)
		return fault_shared_write(f);
	return f->old ? fault_copy(f) : fault_object_copy(f);
}

static int fault_allowed(const struct vm_area *a, u32 access)
{
	u32 flags = a->flags;

	if (unlikely(a->grant) && !grant_live(a->grant))
		return -EACCES;
	if (access & PROT_W)
		return flags & VM_WRITE || (access & VM_FAULT_FORCE && !(flags & VM_SHARED) &&
						   flags & VM_PROT)
			       ? 0
			       : -EACCES;
	if (access & PROT_X)
		return flags & VM_EXEC ? 0 : -EACCES;
	return flags & VM_PROT ? 0 : -EACCES;
}

/* One attempt. -EAGAIN: look again. */
static int fault_once(struct vm_space *s, vaddr_t va, u32 access)
{
	struct vm_area *a = area_get(s, va);
	struct fault f = {.area = a, .pmap = &s->pmap, .va = va, .write = access & PROT_W};
	int err;

	if (unlikely(!a)) {
		err = stack_grow(s, va);
		return err ? err : -EAGAIN;
	}
	rwsem_read_lock(&a->lock);
	err = -EAGAIN;
	if (likely(va >= a->start && va < a->end)) {
		err = fault_allowed(a, access);
		if (likely(!err)) {
			f.old = pmap_lookup(f.pmap, va);
			err = fault_resolve(&f);
		}
	}
	rwsem_read_unlock(&a->lock);
	area_put(a);
	return err;
}

/* No page. true: try again, something was or will be freed. */
static bool fault_oom(u32 attempt)
{
	if (thread_fatal_pending(current) || !oom_killer || attempt >= OOM_ATTEMPTS)
		return false;
	if (!oom_killer())
		return false;
	return thread_sleep_until(clock_monotonic() + OOM_PAUSE_NS, WAIT_KILLABLE) == 0;
}

int vm_fault(struct vm_space *s, vaddr_t va, u32 access)
{
	u32 oom = 0;
	int err;

	va &= PAGE_MASK;
	if (unlikely(va >= USER_MAX))
		return -EFAULT;
	do {
		err = fault_once(s, va, access);
		if (unlikely(err == -ENOMEM) && fault_oom(oom++))
			err = -EAGAIN;
	} while (unlikely(err == -EAGAIN));
	return err;
}

int vm_fault_current(vaddr_t va, u32 access)
{
	struct thread *t = current;
	int err;

	if (unlikely(!t->space || t->fault_disabled))
		return -EFAULT;
	t->faults_minor++;
	err = vm_fault(t->space, va, access);
	if (unlikely(err == -ENOMEM) && (access & VM_FAULT_USER) && thread_fatal_pending(t))
		return 0; /* the way back to user mode ends it */
	return err;
}

int vm_populate(struct vm_space *s, vaddr_t start, vaddr_t end)
{
	int err = 0;

	for (vaddr_t va = start; va < end && !err; va += PAGE_SIZE) {
		struct vm_area *a = area_get(s, va);
		u32 access;

		if (!a)
			return -ENOMEM;
		access = (a->flags & (VM_SHARED | VM_WRITE)) == VM_WRITE ? PROT_W : PROT_R;
		area_put(a);
		if (!pmap_lookup(&s->pmap, va) || access == PROT_W)
			err = vm_fault(s, va, access);
		if (!err && current && thread_fatal_pending(current))
			err = -EINTR;
	}
	return err;
}
