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
#define PTE_NONE  (1ull << 8)  /* with P clear: mapped, no access */
#define PTE_OWNED (1ull << 9)  /* software: holds a reference on its struct page */
#define PTE_LARGE (1ull << 10) /* software, told by pmap_walk: below a large entry */
#define PTE_KEY   (15ull << 59)
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

#define PTE_NOCACHE   (PTE_PCD | PTE_PWT)
#define PTE_WC        PTE_PAT /* PAT slot 4 is set up as write combining */
#define PTE_KEY_SHIFT (59 - PMAP_KEY_SHIFT)
#include <arch/pte_bits.h>

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
