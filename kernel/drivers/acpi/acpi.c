/* Finds the ACPI tables in memory and hands them to the readers. Layer: drivers. Boot only, one
 * CPU. */
#include <exo/acpi.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/string.h>
#include <arch/boot.h>
#include <arch/mmu.h>

#define TABLES_MAX      128u
#define TABLE_BYTES_MAX (16u << 20)
#define LOW_MEMORY      0x100000u

struct acpi_info acpi_info = {
	.has_8042 = true, .cpu_count = 1, .node_count = 1, .distance = {{10}}};

/* Bytes that may be read at @pa: up to the end of the listed region that holds it. 0 = nothing is
 * known to be there. */
static size_t readable_at(paddr_t pa)
{
	paddr_t end = pa < LOW_MEMORY ? LOW_MEMORY : pa;

	for (u32 i = 0; i < boot_info.region_count; i++) { /* sorted: grows over neighbours too */
		const struct mem_region *r = &boot_info.regions[i];

		if (r->start <= end && r->start + r->len_bytes > end)
			end = r->start + r->len_bytes;
	}
	return MIN((u64)(end - pa), (u64)TABLE_BYTES_MAX);
}

static const void *bytes_at(paddr_t pa, size_t *len_bytes)
{
	*len_bytes = readable_at(pa);
	return *len_bytes ? phys_to_virt(pa) : NULL;
}

static bool rsdp_search(paddr_t start, paddr_t end, paddr_t *root, bool *is_xsdt)
{
	for (paddr_t pa = start; pa + 36 <= end; pa += 16)
		if (!acpi_parse_rsdp(phys_to_virt(pa), end - pa, root, is_xsdt))
			return true;
	return false;
}

static bool root_find(paddr_t *root, bool *is_xsdt)
{
	const u8 *rsdp = NULL;
	paddr_t ebda;
	u16 segment;
	size_t len;

	if (boot_info.rsdp)
		rsdp = bytes_at(boot_info.rsdp, &len);
	if ((rsdp && !acpi_parse_rsdp(rsdp, len, root, is_xsdt)) ||
		rsdp_search(0xe0000, LOW_MEMORY, root, is_xsdt))
		return true;
	memcpy(&segment, phys_to_virt(0x40e), sizeof(segment));
	ebda = (paddr_t)segment << 4;
	return ebda >= 0x80000 && ebda < 0xa0000 &&
	       rsdp_search(ebda, MIN(ebda + 1024, (paddr_t)0xa0000), root, is_xsdt);
}

/* SRAT needs the MADT's processors and SLIT the SRAT's nodes, so they come in later passes. */
static void take_table(const u8 *t, size_t len, u32 pass)
{
	static const struct {
		char signature[5];
		int (*parse)(const void *table, size_t len_bytes, struct acpi_info *out);
		u32 pass;
	} readers[] = {
		{"APIC", acpi_parse_madt, 0},
		{"FACP", acpi_parse_fadt, 0},
		{"HPET", acpi_parse_hpet, 0},
		{"MCFG", acpi_parse_mcfg, 0},
		{"SRAT", acpi_parse_srat, 1},
		{"SLIT", acpi_parse_slit, 2},
	};

	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		if (readers[i].pass == pass && !memcmp(t, readers[i].signature, 4) &&
			readers[i].parse(t, len, &acpi_info))
			log_warn("acpi: table %s is damaged and is not used", readers[i].signature);
	}
}

/* Each table that the root names and that could be read. */
static void take_tables(const void *root, size_t root_bytes, bool is_xsdt, u32 pass)
{
	for (u32 i = 0; i < TABLES_MAX; i++) {
		paddr_t pa = acpi_root_entry(root, root_bytes, is_xsdt, i);
		const u8 *t;
		size_t len;

		if (i * (is_xsdt ? 8u : 4u) + 36 >= root_bytes)
			break;
		t = pa ? bytes_at(pa, &len) : NULL;
		if (t && len >= 36)
			take_table(t, len, pass);
		else
			log_warn("acpi: table %u at %#llx lies outside of memory", i,
				(unsigned long long)pa);
	}
}

static void find_s5(void)
{
	size_t len;
	const void *dsdt = acpi_info.dsdt ? bytes_at(acpi_info.dsdt, &len) : NULL;

	if (dsdt && !acpi_find_s5(dsdt, len, &acpi_info.s5_type_a, &acpi_info.s5_type_b))
		acpi_info.s5_found = true;
}

void acpi_init(void)
{
	size_t len, root_bytes;
	const void *root = NULL;
	bool is_xsdt = false;
	paddr_t pa;

	if (root_find(&pa, &is_xsdt))
		root = bytes_at(pa, &len);
	if (!root || acpi_table_check(root, len, is_xsdt ? "XSDT" : "RSDT", &root_bytes)) {
		log_warn("acpi: no tables; one CPU, legacy devices");
		return;
	}
	acpi_info.present = true;
	for (u32 pass = 0; pass < 3; pass++)
		take_tables(root, root_bytes, is_xsdt, pass);
	find_s5();
	if (!acpi_info.cpu_count)
		acpi_info.cpu_count = 1;
	if (acpi_info.cpus_left_out)
		log_warn("acpi: %u processors beyond %u are not used", acpi_info.cpus_left_out,
			ACPI_CPUS_MAX);
	log_info("acpi: %u processors, %u nodes, %u I/O APICs, %s%s", acpi_info.cpu_count,
		acpi_info.node_count, acpi_info.ioapic_count, acpi_info.hpet_base ? "HPET, " : "",
		acpi_info.s5_found ? "soft off" : "no soft off");
}

u32 acpi_isa_irq(u8 isa_irq, bool *active_low, bool *level)
{
	for (u32 i = 0; i < acpi_info.override_count; i++) {
		const struct acpi_override *o = &acpi_info.overrides[i];

		if (o->isa_irq == isa_irq) {
			*active_low = o->active_low;
			*level = o->level;
			return o->gsi;
		}
	}
	*active_low = *level = false;
	return isa_irq;
}
