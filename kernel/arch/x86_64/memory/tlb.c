/* Which space each CPU has loaded, and flushing. Layer: arch.
 *
 * pmap->cpus is the set of CPUs that have the space loaded now; only they get messages. A CPU that
 * has left may keep translations under its PCID; coming back it compares pmap->tlb_generation,
 * which every flush increments, with what it remembers, and flushes all when they differ. Order: a
 * CPU sets its bit and then reads the generation; a flusher increments and then reads the bits.
 * Kernel threads keep the last user space loaded; its end takes it away from them (tlb_unload).
 * Source: Intel SDM vol. 3, 4.10. */
#include <archimpl/x86.h>
#include <arch/irq.h>
#include <exo/log.h>
#include <exo/memory.h>
#include "tlb.h"

#define PCID_SLOTS      6
#define CR3_KEEP        BIT(63)
#define FLUSH_PAGES_MAX 32  /* more than these: everything */
#define TABLE_TAG       1ul /* in tlb_gather.pages: a table page */

struct pcid_slot {
	u64 context;    /* 0 = empty */
	u64 generation; /* of the pmap when this CPU last was up to date with it */
};
struct tlb_state {
	struct pmap *loaded; /* NULL = the kernel's own tables */
	u32 slot;            /* of loaded */
	u32 next_victim;
	struct pcid_slot slots[PCID_SLOTS];
};
PER_CPU(struct tlb_state, tlb_state);

struct flush_request {
	struct pmap *pmap;
	vaddr_t start, end;
	u64 generation;
};

/* Interrupts off. */
static void load(struct tlb_state *s, struct pmap *next)
{
	u64 cr3 = virt_to_phys(next->top), generation;
	u32 slot = 0;

	__atomic_fetch_or(&next->cpus, BIT(cpu_id()), __ATOMIC_SEQ_CST);
	generation = __atomic_load_n(&next->tlb_generation, __ATOMIC_SEQ_CST);
	if (x86.pcid) {
		while (slot < PCID_SLOTS && s->slots[slot].context != next->context)
			slot++;
		if (slot == PCID_SLOTS) {
			slot = s->next_victim;
			s->next_victim = slot + 1 == PCID_SLOTS ? 0 : slot + 1;
		} else if (s->slots[slot].generation == generation) {
			cr3 |= CR3_KEEP;
		}
		cr3 |= slot + 1;
	}
	s->slots[slot].context = next->context;
	s->slots[slot].generation = generation;
	s->slot = slot;
	write_cr3(cr3);
	if (s->loaded)
		__atomic_fetch_and(&s->loaded->cpus, ~BIT(cpu_id()), __ATOMIC_RELEASE);
	s->loaded = next;
}

void pmap_activate(struct pmap *prev, struct pmap *next)
{
	if (!next || this_cpu_read(tlb_state.loaded) == next)
		return;
	ulong flags SCOPED(irq_restore_at) = arch_irq_save();
	load(this_cpu_ptr(tlb_state), next);
}

/* Interrupts off: leaves @arg if it is loaded here, and forgets its PCID. */
static void unload_here(void *arg)
{
	struct tlb_state *s = this_cpu_ptr(tlb_state);
	struct pmap *m = arg;

	if (s->loaded != m)
		return;
	write_cr3(virt_to_phys(kernel_top)); /* PCID 0 */
	s->loaded = NULL;
	__atomic_fetch_and(&m->cpus, ~BIT(cpu_id()), __ATOMIC_RELEASE);
}

/* Here first, then on the others that have @m loaded. */
static ALWAYS_INLINE void run_where_loaded(struct pmap *m, void (*fn)(void *arg), void *arg)
{
	cpumask_t cpus;
	ulong flags;

	preempt_disable();
	flags = arch_irq_save();
	fn(arg);
	arch_irq_restore(flags);
	cpus = __atomic_load_n(&m->cpus, __ATOMIC_SEQ_CST) & ~BIT(cpu_id());
	if (unlikely(cpus))
		cpu_call(cpus, fn, arg);
	preempt_enable();
}

void tlb_unload(struct pmap *m)
{
	run_where_loaded(m, unload_here, m);
}

/* Interrupts off. Other flushes of this space may have been answered by nobody yet: unless ours is
 * the very next generation, everything goes. */
static void flush_here(void *arg)
{
	struct flush_request *r = arg;
	struct tlb_state *s = this_cpu_ptr(tlb_state);
	struct pcid_slot *slot = &s->slots[s->slot];

	if (s->loaded != r->pmap || slot->generation >= r->generation)
		return;
	if (slot->generation + 1 == r->generation &&
		r->end - r->start <= FLUSH_PAGES_MAX * PAGE_SIZE) {
		for (vaddr_t va = r->start; va < r->end; va += PAGE_SIZE)
			invlpg(va);
		slot->generation = r->generation;
	} else {
		slot->generation = __atomic_load_n(&r->pmap->tlb_generation, __ATOMIC_SEQ_CST);
		write_cr3(read_cr3()); /* without CR3_KEEP: drops all of this PCID */
	}
}

static void flush_range(struct pmap *m, vaddr_t start, vaddr_t end)
{
	struct flush_request r = {
		m, start, end, __atomic_add_fetch(&m->tlb_generation, 1, __ATOMIC_SEQ_CST)};

	run_where_loaded(m, flush_here, &r);
}

void tlb_flush_page(struct pmap *m, vaddr_t va)
{
	flush_range(m, va, va + PAGE_SIZE);
}

/* ---- gathers ---- */

static ALWAYS_INLINE void gather_reset(struct tlb_gather *g)
{
	g->start = ~0ul;
	g->end = 0;
	g->count = 0;
	g->tables = false;
}

void tlb_gather_begin(struct tlb_gather *g, struct pmap *m)
{
	g->pmap = m;
	g->anon = g->file = g->shmem = 0;
	gather_reset(g);
}

void tlb_gather_end(struct tlb_gather *g)
{
	if (g->tables)
		flush_range(g->pmap, 0, USER_MAX); /* also the CPUs' caches of upper entries */
	else if (g->start < g->end)
		flush_range(g->pmap, g->start, g->end);
	for (u32 i = 0; i < g->count; i++) {
		u64 tagged = (u64)g->pages[i];

		if (unlikely(tagged & TABLE_TAG))
			pmap_table_free((struct page *)(tagged & ~TABLE_TAG));
		else
			page_put(g->pages[i]);
	}
	gather_reset(g);
}

void tlb_gather_page(struct tlb_gather *g, struct page *page)
{
	if (unlikely(g->count == TLB_GATHER_PAGES))
		tlb_gather_end(g);
	g->pages[g->count++] = page;
}

void tlb_gather_table(struct tlb_gather *g, struct page *p)
{
	tlb_gather_page(g, (struct page *)((u64)p | TABLE_TAG));
	g->tables = true;
}

/* ---- kernel addresses ---- */

static void flush_kernel_here(void *arg)
{
	const struct flush_request *r = arg;
	u64 cr4;

	if (r->end - r->start <= FLUSH_PAGES_MAX * PAGE_SIZE) {
		for (vaddr_t va = r->start; va < r->end; va += PAGE_SIZE)
			invlpg(va);
		return;
	}
	cr4 = read_cr4();
	write_cr4(cr4 & ~CR4_PGE); /* any change of PGE drops global entries too */
	write_cr4(cr4);
}

void kunmap_range(vaddr_t va, size_t len_bytes)
{
	struct flush_request r = {.start = va, .end = va + len_bytes};

	kmap_clear(va, len_bytes);
	cpu_call(~0ull, flush_kernel_here, &r);
}
