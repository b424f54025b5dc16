/* TLBs: what pmap.c needs of tlb.c and the other way round. Layer: arch, private to this folder. */
#pragma once

#include <arch/mmu.h>

struct page;
void tlb_unload(struct pmap *m); /* no CPU uses or remembers @m's tables afterwards */
/* an empty table page, out of the tree */
void tlb_gather_table(struct tlb_gather *g, struct page *p);
void pmap_table_free(struct page *p);
