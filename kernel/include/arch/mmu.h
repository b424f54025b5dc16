/* Page tables. The VM room decides what is mapped; this contract turns it into hardware entries.
 * archimpl/mmu.h defines pte_t (u64), struct pmap, and the inline pte_* functions, or the bits for
 * those of arch/pte_bits.h. Layer: arch.
 *
 * Concurrency: entries change by compare-and-exchange (pmap_replace), so two faults on one page
 * race safely without a lock; table pages are freed only by pmap_free_tables/pmap_fini, whose
 * caller keeps faults out of that range. Anonymous private pages live *in* the page table: an entry
 * owns one reference on its struct page (PTE_OWNED clear = a device page that nobody counts). */
#pragma once

#include <exo/types.h>
#include <exo/bitops.h>

#define PROT_R       1u
#define PROT_W       2u
#define PROT_X       4u
#define PMAP_USER    8u /* reachable from user mode */
#define PMAP_GLOBAL  16u
#define PMAP_NOCACHE 32u  /* device memory */
#define PMAP_WC      64u  /* write combining: framebuffer */
#define PMAP_SPECIAL 128u /* no struct page reference (device, vdso, zero page) */
/* What the CPU marks an entry with, see pte_marks; given to pmap_protect, it is forgotten. */
#define PMAP_USED      256u
#define PMAP_WRITTEN   512u
#define PMAP_KEY       0x78000000u /* protection key of a user page: a number in these bits */
#define PMAP_KEY_SHIFT 27
#define PMAP_LARGE     1024u /* only what pmap_walk shows: below a large entry of the hardware */

#include <archimpl/mmu.h>
/* inline in archimpl: pte_make(paddr, flags) pte_at(p, paddr) pte_present(p) pte_paddr(p)
 * pte_writable(p) pte_special(p) pte_mkwrite(p) pte_set_prot(p, flags) pte_marks(p); PTE 0 =
 * nothing */

struct tlb_gather;

int pmap_init(struct pmap *m) MUST_USE; /* -ENOMEM; shares the kernel half */
/* no thread runs it: drops the entries that are left, and the tables */
void pmap_fini(struct pmap *m);
/* on context switch: preemption off; NULL = kernel only (lazy) */
void pmap_activate(struct pmap *prev, struct pmap *next);

pte_t pmap_lookup(struct pmap *m, vaddr_t va); /* 0 when nothing; lock-free */
/* pmap_replace - if the entry of @va is still @old, makes it @new (allocating table pages).
 * Local/remote flush is the caller's when old was present. Return: 0 | -EAGAIN entry changed |
 * -ENOMEM. */
int pmap_replace(struct pmap *m, vaddr_t va, pte_t old, pte_t new) MUST_USE;
/* pmap_map_pages - fault-around: installs ptes[i] at va + i*4K where the entry is empty and ptes[i]
 * != 0. Return: bitmap installed. */
u64 pmap_map_pages(struct pmap *m, vaddr_t va, const pte_t *ptes, u32 count);

/* A span is what one leaf table maps, PMAP_SPAN bytes (archimpl/mmu.h), aligned to that.
 * pmap_map_span - maps a span's worth of contiguous memory from entry @first on, one page after the
 * other until one is mapped already; a whole span may become one large entry of the hardware, which
 * nobody can tell from what is said here: each 4 KB entry is looked up, replaced and unmapped as
 * ever. Each entry takes over one reference of its page. Context: whoever changes present entries
 * of the range is kept out. Return: pages mapped, from the first on.
 * pmap_span_is_empty - nothing is mapped in the span at @va; racy. */
u32 pmap_map_span(struct pmap *m, vaddr_t va, pte_t first) MUST_USE;
bool pmap_span_is_empty(struct pmap *m, vaddr_t va);

/* Range operations. [start, end) page aligned. They batch TLB work in the gather. */
/* gathers owned pages; the caller keeps faults and other unmappings out of the range */
void pmap_unmap(struct pmap *m, vaddr_t start, vaddr_t end, struct tlb_gather *g);
void pmap_protect(struct pmap *m, vaddr_t start, vaddr_t end, u32 prot, struct tlb_gather *g);
/* pmap_copy - fork: copies entries to the same addresses, one page reference each; with @cow
 * write-protects both sides. */
int pmap_copy(struct pmap *dst, struct pmap *src, vaddr_t start, vaddr_t end, bool cow,
	struct tlb_gather *g) MUST_USE;
/* pmap_move - mremap: moves entries; tables of the target are allocated first, so that failure
 * changes nothing. */
int pmap_move(
	struct pmap *m, vaddr_t from, vaddr_t to, size_t len_bytes, struct tlb_gather *g) MUST_USE;
/* tables wholly inside */
void pmap_free_tables(struct pmap *m, vaddr_t floor, vaddr_t ceiling, struct tlb_gather *g);
/* free table pages that arch keeps for itself; MEM_TABLE counts them */
u64 pmap_cached_pages(void);
u64 pmap_table_pages(const struct pmap *m); /* for RSS charging, /proc VmPTE */
/* pmap_walk - calls fn for each entry; those below a large entry of the hardware are marked so. */
void pmap_walk(struct pmap *m, vaddr_t start, vaddr_t end,
	void (*fn)(void *ctx, vaddr_t va, pte_t pte), void *ctx);

/* A gather collects pages whose last mapping went, flushes the TLBs of the CPUs that run the space
 * (one IPI round a batch), and only then drops the page references. On the stack; ~32 pages a
 * batch. */
#define TLB_GATHER_PAGES 64
struct page;
struct tlb_gather {
	struct pmap *pmap;
	vaddr_t start, end; /* dirty range, start > end = none */
	u32 count;
	/* Owned pages whose entry pmap_unmap took or pmap_copy made, by PG_ANON and PG_SHMEM:
	 * tlb_gather_count in exo/vm.h. */
	union {
		u32 owned[4];
		struct {
			u32 file, anon, shmem;
		};
	};
	bool tables; /* table pages among them: full flush */
	struct page *pages[TLB_GATHER_PAGES];
};
void tlb_gather_begin(struct tlb_gather *g, struct pmap *m);
void tlb_gather_page(struct tlb_gather *g, struct page *page); /* takes over one reference */
void tlb_gather_end(struct tlb_gather *g); /* flush + put; context: thread or spin lock free */
void tlb_flush_page(struct pmap *m, vaddr_t va); /* all CPUs that run it */

/* Kernel half. */
void *phys_to_virt(paddr_t pa);       /* direct map */
paddr_t virt_to_phys(const void *va); /* direct map and kernel image */
/* vmalloc area; -ENOMEM */
int kmap_range(vaddr_t va, paddr_t pa, size_t len_bytes, u32 flags) MUST_USE;
/* flushes everywhere (lazily allowed); frees no pages */
void kunmap_range(vaddr_t va, size_t len_bytes);
paddr_t kmap_lookup(vaddr_t va); /* 0 = none */
/* User address space limits: USER_MIN, USER_MAX (exclusive), VMALLOC_START, VMALLOC_END in
 * archimpl/mmu.h. */

/* Protection keys. arch_keys - how many the CPU has; 0 = none. arch_key_set - what current may do
 * with @key: 1 = no access, 2 = no writes. */
u32 arch_keys(void);
void arch_key_set(u32 key, u32 denied);

/* page_clear/page_copy: whole 4 KB pages by direct-map pointers, tuned by arch. */
void arch_page_clear(void *page);
void arch_page_copy(void *dst, const void *src);
