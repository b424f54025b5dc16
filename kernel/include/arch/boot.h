/* What the loader told us. Filled before kernel_main from PVH or Multiboot2, bounded copies. Layer:
 * arch. */
#pragma once

#include <exo/types.h>

enum mem_kind { MEM_USABLE = 1, MEM_RESERVED, MEM_ACPI, MEM_NVS };
struct mem_region {
	paddr_t start;
	u64 len_bytes;
	enum mem_kind kind;
};
#define BOOT_REGIONS_MAX 128
#define BOOT_CMDLINE_MAX 4096
struct boot_framebuffer {
	paddr_t base;
	u32 width, height, pitch_bytes, bits_per_pixel;
	bool present, ega_text;
};
struct boot_info {
	char cmdline[BOOT_CMDLINE_MAX];
	struct mem_region regions[BOOT_REGIONS_MAX]; /* sorted, not overlapping */
	u32 region_count;
	paddr_t initrd;
	u64 initrd_bytes;
	paddr_t rsdp; /* 0: search the BIOS area */
	struct boot_framebuffer fb;
	bool pvh;         /* who loaded us; else multiboot2 */
	u64 entry_cycles; /* TSC at the kernel's first instruction */
};
extern struct boot_info boot_info;        /* [c] before kernel_main */
extern char kernel_start[], kernel_end[]; /* link.ld, virtual */
/* TSC when the first program was entered; set once by arch_enter_user. 0 = not yet. */
extern u64 boot_userspace_cycles;
/* kernel_main - what arch's entry code calls on the boot CPU, on the boot stack, with nothing
 * initialised. kernel/main.c. */
void kernel_main(void) __attribute__((noreturn));
