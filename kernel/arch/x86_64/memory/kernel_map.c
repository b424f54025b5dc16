/* The kernel's own page tables: direct map, image with W^X, vmalloc area, device pages. Layer:
 * arch.
 *
 * Built once on the boot CPU by arch_early_init, before any allocator, from a static pool of table
 * pages; the upper half of the top level never changes afterwards, so every space shares it by
 * copying 256 entries. Locks: kmap_lock guards the vmalloc tables. Source: Intel SDM vol. 3, 4.5.
 */
#include <archimpl/x86.h>
#include <arch/boot.h>
#include <arch/mmu.h>
#include <exo/debug.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>

#define LARGE_PAGE   (2ul << 20)
#define HUGE_PAGE    (1ul << 30)
#define TABLE_POOL   32 /* enough for 16 TB with 1 GB pages, 24 GB without */
#define IMAGE_TABLES 8  /* 4 KB entries for the first 16 MB, where the image lies */
#define IMAGE_SLOT   ((u64)kernel_base >> 21 & 511) /* where image_pd has them */
#define VMALLOC_TOPS ((VMALLOC_END - VMALLOC_START) >> 39)
#define FIXMAP_BASE  (KERNEL_BASE + HUGE_PAGE)
#define FIXMAP_PAGES 32
#define KERNEL_BITS  (PTE_P | PTE_A | PTE_D | PTE_G)
#define TABLE_BITS   (PTE_P | PTE_W | PTE_A)

typedef u64 page_table[512];
page_table kernel_top ALIGNED(4096);
static page_table table_pool[TABLE_POOL] ALIGNED(4096);
static page_table image_pdpt ALIGNED(4096), image_pd ALIGNED(4096),
	image_pt[IMAGE_TABLES] ALIGNED(4096);
static page_table fixmap_pd ALIGNED(4096), fixmap_pt ALIGNED(4096);
static page_table vmalloc_pdpt[VMALLOC_TOPS] ALIGNED(4096);
static u32 table_pool_used, fixmap_used;
static spinlock_t kmap_lock = SPINLOCK_INIT(RANK_KMAP);

extern char text_start[], text_end[], rodata_start[], rodata_end[], data_start[], data_end[],
	symbols_start[];
extern char boot_stack[];
extern page_table boot_pdpt_kernel;
extern const u32 exo_relocations[]; /* scripts/kernel-relocations */

/* The table that *@entry names, a new one if it names none. NULL = a large page, or out of tables.
 */
static u64 *table_below(u64 *entry)
{
	if (!*entry && table_pool_used < TABLE_POOL)
		*entry = virt_to_phys(table_pool[table_pool_used++]) | TABLE_BITS;
	return !*entry || *entry & PTE_PS ? NULL : phys_to_virt(*entry & PTE_ADDR);
}

/* Maps [start, end) of physical memory, rounded outwards to 2 MB, writable and not executable.
 * false: out of table pages. */
static bool direct_map_add(paddr_t start, paddr_t end)
{
	paddr_t pa = ALIGN_DOWN(start, LARGE_PAGE);

	for (end = ALIGN_UP(end, LARGE_PAGE); pa < end;) {
		vaddr_t va = pa + DIRECT_BASE;
		u64 *pdpt = table_below(&kernel_top[va >> 39 & 511]), *pd;
		u64 *entry = pdpt + (va >> 30 & 511);

		if (!pdpt)
			return false;
		if (x86.page1gb && !*entry && pa % HUGE_PAGE == 0 && end - pa >= HUGE_PAGE) {
			*entry = pa | KERNEL_BITS | PTE_W | PTE_NX | PTE_PS;
			pa += HUGE_PAGE;
			continue;
		}
		if (*entry & PTE_PS) {
			pa += HUGE_PAGE - pa % HUGE_PAGE;
			continue;
		}
		pd = table_below(entry);
		if (!pd)
			return false;
		pd[va >> 21 & 511] = pa | KERNEL_BITS | PTE_W | PTE_NX | PTE_PS;
		pa += LARGE_PAGE;
	}
	return true;
}

static void direct_map_init(void)
{
	direct_map_add(0, 1 << 20); /* BIOS tables and the AP trampoline */
	for (u32 i = 0; i < boot_info.region_count; i++) {
		struct mem_region *r = &boot_info.regions[i];

		/* Far reserved ranges are windows of devices, not memory. */
		if (r->kind == MEM_RESERVED && r->start >= BIT(32))
			continue;
		if (!direct_map_add(r->start, r->start + r->len_bytes))
			r->kind = MEM_RESERVED; /* cannot be reached, so cannot be given out */
	}
	direct_map_add(boot_info.initrd, boot_info.initrd + boot_info.initrd_bytes);
	direct_map_add(virt_to_phys(kernel_start), virt_to_phys(kernel_end));
}

static void image_map(const char *start, const char *end, u64 bits)
{
	for (u64 pa = virt_to_phys(start); pa < virt_to_phys(end); pa += PAGE_SIZE)
		image_pt[pa >> 21][pa >> 12 & 511] = pa | KERNEL_BITS | bits;
}

static void image_map_init(void)
{
	paddr_t guard = virt_to_phys(boot_stack) - PAGE_SIZE;

	image_map(text_start, text_end, 0);
	image_map(rodata_start, rodata_end, PTE_NX);
	image_map(data_start, data_end, PTE_W | PTE_NX);
	image_map(symbols_start, kernel_end, PTE_NX);
	image_pt[guard >> 21][guard >> 12 & 511] = 0;
	for (u32 i = 0; i < IMAGE_TABLES; i++) {
		image_pd[i] = 0;
		image_pd[IMAGE_SLOT + i] = virt_to_phys(image_pt[i]) | TABLE_BITS;
	}
	image_pdpt[KERNEL_BASE >> 30 & 511] = virt_to_phys(image_pd) | TABLE_BITS;
	fixmap_pd[0] = virt_to_phys(fixmap_pt) | TABLE_BITS;
	image_pdpt[FIXMAP_BASE >> 30 & 511] = virt_to_phys(fixmap_pd) | TABLE_BITS;
	kernel_top[KERNEL_BASE >> 39 & 511] = virt_to_phys(image_pdpt) | TABLE_BITS;
}

/* ---- KASAN's shadow ----
 * The boot tables show one page for all of it. Usable memory and the image get shadow of their own
 * in pages of 2 MB, each for 16 MB; mappings of the vmalloc area get theirs when they are made, and
 * it stays. What is left (devices, firmware's memory) keeps the one page, from then on read-only.
 */
#ifdef EXO_KASAN
#define KASAN_SHADOW(va) (((va) >> 3) + KASAN_OFFSET)
#define KASAN_START      KASAN_SHADOW(0xffff800000000000)
#define KASAN_END        KASAN_SHADOW(0ull - 8)
#define KASAN_TOPS       32
extern page_table boot_pml4, kasan_zero_pdpt, kasan_zero_pd, kasan_zero_pt, kasan_zero_page;
static page_table shadow_of_vmalloc ALIGNED(4096);

static void shadow_tops_init(void)
{
	memcpy(&kernel_top[KASAN_START >> 39 & 511], &boot_pml4[KASAN_START >> 39 & 511],
		KASAN_TOPS * sizeof(u64));
	kernel_top[KASAN_SHADOW(VMALLOC_START) >> 39 & 511] =
		virt_to_phys(shadow_of_vmalloc) | TABLE_BITS;
}

/* The table that *@entry names; a copy of its own if it was @shared. */
static u64 *shadow_table(u64 *entry, u64 *shared)
{
	if ((*entry & PTE_ADDR) == virt_to_phys(shared)) {
		u64 *own = early_alloc(PAGE_SIZE, PAGE_SIZE);

		memcpy(own, shared, PAGE_SIZE);
		*entry = virt_to_phys(own) | TABLE_BITS;
	}
	return phys_to_virt(*entry & PTE_ADDR);
}

static void shadow_map(const void *start, const void *end)
{
	u64 at = ALIGN_DOWN(KASAN_SHADOW((vaddr_t)start), LARGE_PAGE);

	for (; at < KASAN_SHADOW((vaddr_t)end); at += LARGE_PAGE) {
		u64 *pdpt = shadow_table(&kernel_top[at >> 39 & 511], kasan_zero_pdpt);
		u64 *pd = shadow_table(&pdpt[at >> 30 & 511], kasan_zero_pd) + (at >> 21 & 511);

		if (!(*pd & PTE_PS))
			*pd = virt_to_phys(early_alloc(LARGE_PAGE, LARGE_PAGE)) | KERNEL_BITS |
			      PTE_W | PTE_NX | PTE_PS;
	}
}

static void shadow_init(void)
{
	for (u32 i = 0; i < boot_info.region_count; i++) {
		const struct mem_region *r = &boot_info.regions[i];

		if (r->kind == MEM_USABLE)
			shadow_map(phys_to_virt(r->start), phys_to_virt(r->start + r->len_bytes));
	}
	shadow_map(kernel_start, kernel_end);
	write_cr3(read_cr3());
	memset(kasan_zero_page, 0, PAGE_SIZE); /* frames have left their marks on it */
	for (u32 i = 0; i < ARRAY_LEN(kasan_zero_pt); i++)
		kasan_zero_pt[i] = virt_to_phys(kasan_zero_page) | KERNEL_BITS | PTE_NX;
	write_cr3(read_cr3());
	kasan_init();
}

vaddr_t kasan_shadows(vaddr_t va)
{
	return va >= KASAN_START && va <= KASAN_END ? (va - KASAN_OFFSET) << 3 : 0;
}
#else
static void shadow_tops_init(void)
{
}
static void shadow_init(void)
{
}
#endif

/* KASLR. Gives the image a second address in its GB and lets all pointers in it lead there; the
 * first stays valid until kernel_map_init. Returns the distance. The slots do not meet, so that
 * each can be told from its old one. */
u64 kernel_map_slide(u64 random)
{
	u64 slot = IMAGE_TABLES + random % (ARRAY_LEN(image_pd) - 2 * IMAGE_TABLES);
	u64 slide = slot * LARGE_PAGE;
	const u32 *r = exo_relocations;

	for (u64 i = 0; i < IMAGE_TABLES; i++)
		image_pd[i] = image_pd[slot + i] = i * LARGE_PAGE | TABLE_BITS | PTE_D | PTE_PS;
	boot_pdpt_kernel[KERNEL_BASE >> 30 & 511] = virt_to_phys(image_pd) | TABLE_BITS;
	write_cr3(read_cr3());
	__asm__("" : "+r"(r)); /* no address of the image in the loop, which changes under itself */
	for (u32 left = *r; left; left--) {
		void *place = phys_to_virt(*++r >> 1);

		if (*r & 1)
			*(u64 *)place += slide;
		else
			*(u32 *)place += (u32)slide;
	}
	return slide;
}

void kernel_map_init(void)
{
	direct_map_init();
	image_map_init();
	shadow_tops_init();
	for (u32 i = 0; i < VMALLOC_TOPS; i++)
		kernel_top[(VMALLOC_START >> 39 & 511) + i] =
			virt_to_phys(vmalloc_pdpt[i]) | TABLE_BITS;
	write_cr3(virt_to_phys(kernel_top));
	shadow_init();
}

void *fixmap_device(paddr_t pa)
{
	u32 slot = fixmap_used++;

	ASSERT(slot < FIXMAP_PAGES);
	fixmap_pt[slot] = (pa & PTE_ADDR) | KERNEL_BITS | PTE_W | PTE_NX | PTE_PCD | PTE_PWT;
	return (void *)(FIXMAP_BASE + slot * PAGE_SIZE + pa % PAGE_SIZE);
}

/* ---- the vmalloc area ---- */

/* The 4 KB entry of @va, making tables on the way when @create. */
static u64 *kmap_entry(vaddr_t va, bool create)
{
	u64 *entry = &kernel_top[va >> 39 & 511];

	for (int shift = 30; shift >= 12; shift -= 9) {
		if (!*entry) {
			struct page *p = create ? page_alloc(0, ALLOC_ATOMIC | ALLOC_ZERO) : NULL;

			if (!p)
				return NULL;
			mem_account(MEM_TABLE, 1);
			*entry = page_to_phys(p) | TABLE_BITS;
		}
		if (*entry & PTE_PS)
			return NULL;
		entry = (u64 *)phys_to_virt(*entry & PTE_ADDR) + (va >> shift & 511);
	}
	return entry;
}

/* Shadow for the page at @va of the vmalloc area, if it has none. */
static bool shadow_create(vaddr_t va)
{
#ifdef EXO_KASAN
	u64 *entry = kmap_entry(KASAN_SHADOW(va), true);
	struct page *p = entry && !*entry ? page_alloc(0, ALLOC_ATOMIC | ALLOC_ZERO) : NULL;

	if (p) {
		mem_account(MEM_TABLE, 1);
		*entry = page_to_phys(p) | KERNEL_BITS | PTE_W | PTE_NX;
	}
	return entry && *entry;
#else
	return true;
#endif
}

int kmap_range(vaddr_t va, paddr_t pa, size_t len_bytes, u32 flags)
{
	ulong irq = spin_lock_irq(&kmap_lock);
	int err = 0;

	for (size_t off = 0; off < len_bytes; off += PAGE_SIZE) {
		u64 *entry = kmap_entry(va + off, true);

		if (!entry || !shadow_create(va + off)) {
			err = -ENOMEM;
			break;
		}
		*entry = pte_make(pa + off, (flags & ~PMAP_USER) | PMAP_GLOBAL | PMAP_SPECIAL) |
			 PTE_D;
	}
	spin_unlock_irq(&kmap_lock, irq);
	if (err)
		kunmap_range(va, len_bytes);
	return err;
}

paddr_t kmap_lookup(vaddr_t va)
{
	u64 *entry;

	if (va >= DIRECT_BASE && va < DIRECT_END)
		return va - DIRECT_BASE;
	entry = va >= VMALLOC_START ? kmap_entry(va, false) : NULL;
	return entry && *entry & PTE_P ? (*entry & PTE_ADDR) + va % PAGE_SIZE : 0;
}

void kmap_clear(vaddr_t va, size_t len_bytes)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&kmap_lock);

	for (size_t off = 0; off < len_bytes; off += PAGE_SIZE) {
		u64 *entry = kmap_entry(va + off, false);

		if (entry)
			*entry = 0;
	}
}
