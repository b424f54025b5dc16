/* Page table entries whose bits say what may be done: for architectures that name them PTE_P (may
 * be used) PTE_W PTE_NX PTE_U PTE_G PTE_A PTE_D, PTE_NOCACHE and PTE_WC (kinds of memory), PTE_NONE
 * and PTE_OWNED (ours), PTE_KEY and PTE_KEY_SHIFT (protection keys), PTE_LARGE (never in a table)
 * and PTE_ADDR. Included by their <archimpl/mmu.h> only. Layer: arch. */
#pragma once

/* pte_make - @flags: PROT_* | PMAP_*. Without any PROT bit the entry is mapped but inaccessible. */
static inline pte_t pte_make(paddr_t pa, u32 flags)
{
	pte_t p = pa | PTE_A | (pte_t)(flags & PMAP_KEY) << PTE_KEY_SHIFT;

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
		p |= PTE_NOCACHE;
	if (flags & PMAP_WC)
		p |= PTE_WC;
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
static inline bool pte_special(pte_t p)
{
	return !(p & PTE_OWNED);
}
static inline pte_t pte_mkwrite(pte_t p)
{
	return p | PTE_W | PTE_D;
}
static inline u32 pte_marks(pte_t p)
{
	return (p & PTE_A ? PMAP_USED : 0) | (p & PTE_D ? PMAP_WRITTEN : 0) |
	       (p & PTE_LARGE ? PMAP_LARGE : 0);
}
/* The rights of @flags; a mark of the CPU instead: without that mark. */
static inline pte_t pte_set_prot(pte_t p, u32 flags)
{
	if (flags & (PMAP_USED | PMAP_WRITTEN))
		return p & ~(flags & PMAP_USED ? PTE_A : PTE_D);
	p &= ~(PTE_W | PTE_NX | PTE_P | PTE_NONE | PTE_KEY);
	p |= (pte_t)(flags & PMAP_KEY) << PTE_KEY_SHIFT;
	p |= flags & (PROT_R | PROT_W | PROT_X) ? PTE_P : PTE_NONE;
	if (flags & PROT_W)
		p |= PTE_W;
	if (!(flags & PROT_X))
		p |= PTE_NX;
	return p;
}
