/* host: page tables as an ordinary four-level radix tree of the C library's memory; physical memory
 * is one mapped arena. Included by <arch/mmu.h> only. Layer: arch. */
#pragma once

typedef u64 pte_t;

#define PTE_P     (1ull << 0)
#define PTE_W     (1ull << 1)
#define PTE_U     (1ull << 2)
#define PTE_A     (1ull << 5)
#define PTE_D     (1ull << 6)
#define PTE_OWNED (1ull << 9) /* holds a reference on its struct page */
#define PTE_NONE  (1ull << 10)
#define PTE_LARGE (1ull << 11)
#define PTE_KEY   (15ull << 59)
#define PTE_NX    (1ull << 63)
#define PTE_ADDR  0x000ffffffffff000ull

#define PMAP_SPAN     (512ul << PAGE_SHIFT)
#define USER_MIN      0x10000ul
#define USER_MAX      0x7ffffffff000ul
#define VMALLOC_START 0x500000000000ul /* real host addresses: hostkmap.c maps the arena there */
#define VMALLOC_END   0x510000000000ul

struct pmap {
	void *root; /* first level, 512 pointers */
	cpumask_t cpus;
	s64 table_pages; /* [a] */
	u64 flushes;     /* [a] what a test wants to see */
};

#define PTE_G         0 /* nothing of the kind here */
#define PTE_NOCACHE   0
#define PTE_WC        0
#define PTE_KEY_SHIFT (59 - PMAP_KEY_SHIFT)
#include <arch/pte_bits.h>

extern u8 *host_phys_base; /* where the arena lies in the program */
extern u64 host_phys_bytes;
extern int host_phys_fd; /* the file behind the arena */
static inline void *phys_to_virt(paddr_t pa)
{
	return host_phys_base + pa;
}
static inline paddr_t virt_to_phys(const void *va)
{
	return (paddr_t)((const u8 *)va - host_phys_base);
}
