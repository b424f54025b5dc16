/* What the loader left in memory, copied into boot_info with bounds. Layer: arch.
 * Sources: Xen public/arch-x86/hvm/start_info.h; Multiboot2 specification 1.6, chapter 3.
 * The loader is trusted not to lie about memory, but strings and counts are bounded all the same.
 */
#include <archimpl/x86.h>
#include <arch/boot.h>
#include <arch/mmu.h>
#include <exo/string.h>

struct boot_info boot_info;
u64 boot_userspace_cycles;
extern u32 boot_loader_kind, boot_loader_info;

#define LOADER_PVH       1
#define PVH_MAGIC        0x336ec578u
#define LOW_RESERVED_END 0x10000 /* the AP trampoline and page 0 lie here: never given out */

struct pvh_info {
	u32 magic, version, flags, module_count;
	u64 modules, cmdline, rsdp, memmap;
	u32 memmap_entries, reserved;
};
struct pvh_module {
	u64 start, len_bytes, cmdline, reserved;
};
struct pvh_memory {
	u64 start, len_bytes;
	u32 type, reserved;
};

/* Loaders leave their tables below 4 GB, which the boot page tables map. */
static const void *low_memory(u64 pa, u64 len_bytes)
{
	if (pa == 0 || pa >= BIT(32) || len_bytes > BIT(32) - pa)
		return NULL;
	return phys_to_virt(pa);
}

static enum mem_kind kind_of_e820(u32 type)
{
	static const enum mem_kind kinds[] = {
		MEM_RESERVED, MEM_USABLE, MEM_RESERVED, MEM_ACPI, MEM_NVS};

	return type < ARRAY_LEN(kinds) ? kinds[type] : MEM_RESERVED;
}

static void region_insert(u32 at, paddr_t start, paddr_t end, enum mem_kind kind)
{
	struct mem_region *r = boot_info.regions;

	if (start >= end || boot_info.region_count == BOOT_REGIONS_MAX)
		return;
	for (u32 i = boot_info.region_count++; i > at; i--)
		r[i] = r[i - 1];
	r[at] = (struct mem_region){.start = start, .len_bytes = end - start, .kind = kind};
}

/* region_add - keeps the list sorted and free of overlaps. What is not usable wins over what is:
 * [start, end) of a worse kind cuts usable regions, and a usable one fills only the gaps. */
static void region_add(paddr_t start, u64 len_bytes, enum mem_kind kind)
{
	paddr_t end = len_bytes > ~start ? ~0ull : start + len_bytes;
	u32 i = 0;

	while (start < end && i < boot_info.region_count) {
		struct mem_region r = boot_info.regions[i];
		paddr_t r_end = r.start + r.len_bytes;

		if (r_end <= start) {
			i++;
		} else if (r.start >= end) {
			break;
		} else if (kind == MEM_USABLE || r.kind != MEM_USABLE) {
			/* the old one stays; ours goes around it */
			if (start < r.start) {
				region_insert(i, start, r.start, kind);
				i++;
			}
			start = r_end;
			i++;
		} else { /* ours cuts the old one */
			boot_info.regions[i].len_bytes = start > r.start ? start - r.start : 0;
			if (start > r.start) {
				i++;
			} else {
				for (u32 j = i; j + 1 < boot_info.region_count; j++)
					boot_info.regions[j] = boot_info.regions[j + 1];
				boot_info.region_count--;
			}
			if (r_end > end)
				region_insert(i, end, r_end, r.kind);
		}
	}
	region_insert(i, start, end, kind);
}

static void read_cmdline(u64 pa)
{
	const char *text = low_memory(pa, BOOT_CMDLINE_MAX);

	if (text)
		for (size_t i = 0; i < BOOT_CMDLINE_MAX - 1 && text[i]; i++)
			boot_info.cmdline[i] = text[i];
}

static void read_pvh(const struct pvh_info *info)
{
	const struct pvh_module *module;
	const struct pvh_memory *map;

	if (!info || info->magic != PVH_MAGIC)
		return;
	boot_info.rsdp = info->rsdp;
	read_cmdline(info->cmdline);
	module = low_memory(info->modules, sizeof(*module));
	if (info->module_count && module) {
		boot_info.initrd = module->start;
		boot_info.initrd_bytes = module->len_bytes;
	}
	map = info->version >= 1 ? low_memory(info->memmap, info->memmap_entries * sizeof(*map))
				 : NULL;
	for (u32 i = 0; map && i < info->memmap_entries; i++)
		region_add(map[i].start, map[i].len_bytes, kind_of_e820(map[i].type));
}

/* ---- Multiboot2: a list of tags, each {type, size, ...}, 8-byte aligned ---- */
enum {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_MODULE = 3,
	MB2_MEMORY = 6,
	MB2_FRAMEBUFFER = 8,
	MB2_ACPI_OLD = 14,
	MB2_ACPI_NEW = 15
};
struct mb2_tag {
	u32 type, size;
	u8 body[];
};

static void read_mb2_memory(const struct mb2_tag *t)
{
	u32 entry_size;

	if (t->size < 16)
		return;
	memcpy(&entry_size, t->body, 4);
	if (entry_size < 20)
		return;
	for (u32 off = 8; off + entry_size <= t->size - 8; off += entry_size) {
		u64 start_len[2];
		u32 type;

		memcpy(start_len, t->body + off, 16);
		memcpy(&type, t->body + off + 16, 4);
		region_add(start_len[0], start_len[1], kind_of_e820(type));
	}
}

static void read_mb2_framebuffer(const struct mb2_tag *t)
{
	struct boot_framebuffer *fb = &boot_info.fb;

	if (t->size < 31)
		return;
	memcpy(&fb->base, t->body, 8);
	memcpy(&fb->pitch_bytes, t->body + 8, 4);
	memcpy(&fb->width, t->body + 12, 4);
	memcpy(&fb->height, t->body + 16, 4);
	fb->bits_per_pixel = t->body[20];
	fb->ega_text = t->body[21] == 2;
	fb->present = t->body[21] == 1 || t->body[21] == 2;
}

static void read_mb2_tag(const struct mb2_tag *t, u64 tag_pa)
{
	u32 bounds[2];
	u32 body_bytes = t->size - 8;

	if (t->type == MB2_CMDLINE) {
		read_cmdline(tag_pa + 8);
	} else if (t->type == MB2_MODULE && body_bytes >= 8 && !boot_info.initrd_bytes) {
		memcpy(bounds, t->body, 8);
		if (bounds[1] > bounds[0]) {
			boot_info.initrd = bounds[0];
			boot_info.initrd_bytes = bounds[1] - bounds[0];
		}
	} else if (t->type == MB2_MEMORY) {
		read_mb2_memory(t);
	} else if (t->type == MB2_FRAMEBUFFER) {
		read_mb2_framebuffer(t);
	} else if (t->type == MB2_ACPI_NEW || (t->type == MB2_ACPI_OLD && !boot_info.rsdp)) {
		/* a copy; it lies in the loader's memory, which stays ours until phys_init */
		boot_info.rsdp = tag_pa + 8;
	}
}

static void read_mb2(u64 info_pa)
{
	const u32 *head = low_memory(info_pa, 8);
	u64 end;

	if (!head)
		return;
	end = info_pa + head[0];
	for (u64 at = info_pa + 8; at + 8 <= end;) {
		const struct mb2_tag *t = low_memory(at, 8);

		if (!t || t->type == MB2_END || t->size < 8 || t->size > end - at)
			break;
		read_mb2_tag(t, at);
		at += ALIGN_UP((u64)t->size, 8);
	}
	region_add(info_pa, head[0], MEM_RESERVED);
}

void boot_info_init(void)
{
	if (boot_loader_kind == LOADER_PVH) {
		boot_info.pvh = true;
		read_pvh(low_memory(boot_loader_info, sizeof(struct pvh_info)));
	} else {
		read_mb2(boot_loader_info);
	}
	region_add(0, LOW_RESERVED_END, MEM_RESERVED);
}
