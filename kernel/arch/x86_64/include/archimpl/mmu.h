/* x86_64: four-level page tables. Included by <arch/mmu.h> only. Layer: arch.
 *
 * Source: Intel SDM volume 3, chapter 4. An entry without a right (PROT_NONE) keeps its frame: P is
 * clear and PTE_NONE is set.
 *
 * Address space:  user 0 .. 0x7fff_ffff_f000 | direct map 0xffff_8880.. (64 TB) | vmalloc
 * 0xffff_c900.. (1 TB) | kernel image 0xffff_ffff_8000_0000 + physical address. */
#pragma once

#include <exo/sync.h>

typedef u64 pte_t;

#define PTE_P     (1ull << 0)
#define PTE_W     (1ull << 1)
#define PTE_U     (1ull << 2)
#define PTE_PWT   (1ull << 3)
#define PTE_PCD   (1ull << 4)
#define PTE_A     (1ull << 5)
#define PTE_D     (1ull << 6)
#define PTE_PS    (1ull << 7) /* in a directory: large page */
#define PTE_PAT   (1ull << 7) /* in a 4 KB entry */
#define PTE_G     (1ull << 8)
#define PTE_NONE  (1ull << 8) /* with P clear: mapped, no access */
#define PTE_OWNED (1ull << 9) /* software: holds a reference on its struct page */
#define PTE_NX    (1ull << 63)
#define PTE_ADDR  0x000ffffffffff000ull

#define PMAP_SPAN (512ul << PAGE_SHIFT)

#define USER_MIN      0x10000ul
#define USER_MAX      0x7ffffffff000ul
#define DIRECT_BASE   0xffff888000000000ul
#define DIRECT_END    0xffffc88000000000ul
#define VMALLOC_START 0xffffc90000000000ul
#define VMALLOC_END   0xffffca0000000000ul
#define KERNEL_BASE   0xffffffff80000000ul /* of the GB where the image stands, at kernel_base */

struct pmap {
	u64 *top;       /* [c] PML4, direct-map address */
	cpumask_t cpus; /* [a] CPUs that may hold translations of this space and must hear of
			   changes */
	u64 context; /* [c] never reused number of this space, names it in the CPUs' PCID caches */
	u64 tlb_generation; /* [a] counts flushes; a CPU that comes back compares */
	spinlock_t lock;    /* PMAP */
	struct list leaves; /* [lock] struct page.node of every table of 4 KB entries */
	struct list uppers; /* [lock] of every table above them but the top */
	s64 table_pages;    /* [lock; read racy] the top included */
};

/* pte_make - @flags: PROT_* | PMAP_*. Without any PROT bit the entry is mapped but inaccessible. */
static inline pte_t pte_make(paddr_t pa, u32 flags)
{
	pte_t p = pa | PTE_A;

	p |= flags & (PROT_R | PROT_W | PROT_X) ? PTE_P : PTE_NONE;
	if (flags & PROT_W)
		p |= PTE_W;
	if (!(flags & PROT_X))
		p |= PTE_NX;
	if (flags & PMAP_USER)
		p |= PTE_U;
	if (flags & PMAP_GLOBAL)
		p |= PTE_G;
	if (flags & PMAP_NOCACHE)
		p |= PTE_PCD | PTE_PWT;
	if (flags & PMAP_WC)
		p |= PTE_PAT; /* PAT slot 4 is set up as write combining */
	if (!(flags & PMAP_SPECIAL))
		p |= PTE_OWNED;
	return p;
}
/* pte_at - @p, an entry for address 0, for @pa instead: many entries of one kind cost one pte_make.
 */
static inline pte_t pte_at(pte_t p, paddr_t pa)
{
	return p | pa;
}
static inline bool pte_present(pte_t p)
{
	return p & (PTE_P | PTE_NONE);
}
static inline paddr_t pte_paddr(pte_t p)
{
	return p & PTE_ADDR;
}
static inline bool pte_writable(pte_t p)
{
	return p & PTE_W;
}
static inline bool pte_dirty(pte_t p)
{
	return p & PTE_D;
}
static inline bool pte_special(pte_t p)
{
	return !(p & PTE_OWNED);
}
static inline pte_t pte_wrprotect(pte_t p)
{
	return p & ~PTE_W;
}
static inline pte_t pte_mkwrite(pte_t p)
{
	return p | PTE_W | PTE_D;
}
static inline pte_t pte_set_prot(pte_t p, u32 flags)
{
	p &= ~(PTE_W | PTE_NX | PTE_P | PTE_NONE);
	p |= flags & (PROT_R | PROT_W | PROT_X) ? PTE_P : PTE_NONE;
	if (flags & PROT_W)
		p |= PTE_W;
	if (!(flags & PROT_X))
		p |= PTE_NX;
	return p;
}

static inline void *phys_to_virt(paddr_t pa)
{
	return (void *)(pa + DIRECT_BASE);
}
extern char kernel_base[]; /* what is physical 0 in the image's mapping */
static inline paddr_t virt_to_phys(const void *va)
{
	u64 v = (u64)va;

	return v >= KERNEL_BASE ? v - (u64)kernel_base : v - DIRECT_BASE;
}
