/* Where the vDSO's image lies in memory, for whoever maps it. Layer: arch. */
#include <exo/time.h>
#include <arch/mmu.h>

extern const char vdso_image_start[], vdso_image_end[];

paddr_t vdso_code_page(u32 index, u32 *count)
{
	*count = (u32)((vdso_image_end - vdso_image_start) / (long)PAGE_SIZE);
	return index < *count ? virt_to_phys(vdso_image_start) + index * PAGE_SIZE : 0;
}
