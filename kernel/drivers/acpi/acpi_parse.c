/* The readers of ACPI tables: pure functions over bytes. Layer: drivers.
 * Nothing is read beyond the given length; a table is walked once to see that it is whole, and only
 * then taken over. Source: ACPI 6.4, 5.2.5 (RSDP), 5.2.9 (FADT), 5.2.12 (MADT), 5.2.16
 * (SRAT), 5.2.17 (SLIT), 20.2 (AML); IA-PC HPET 1.0a; PCI firmware 3.2 (MCFG). */
#include <exo/acpi.h>
#include <exo/errno.h>
#include <exo/string.h>

#define HEADER_BYTES    36u
#define DISTANCE_LOCAL  10 /* ACPI's unit */
#define DISTANCE_REMOTE 20

static u16 get16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}
static u32 get32(const u8 *p)
{
	return (u32)get16(p) | (u32)get16(p + 2) << 16;
}
static u64 get64(const u8 *p)
{
	return (u64)get32(p) | (u64)get32(p + 4) << 32;
}

static bool sum_is_zero(const u8 *p, size_t len_bytes)
{
	u8 sum = 0;

	while (len_bytes--)
		sum = (u8)(sum + *p++);
	return sum == 0;
}

int acpi_table_check(
	const void *table, size_t len_bytes, const char signature[4], size_t *table_bytes)
{
	const u8 *t = table;
	size_t n;

	if (len_bytes < HEADER_BYTES || memcmp(t, signature, 4))
		return -EINVAL;
	n = get32(t + 4);
	if (n < HEADER_BYTES || n > len_bytes || !sum_is_zero(t, n))
		return -EINVAL;
	*table_bytes = n;
	return 0;
}

int acpi_parse_rsdp(const void *rsdp, size_t len_bytes, paddr_t *root, bool *is_xsdt)
{
	const u8 *t = rsdp;
	u64 xsdt = 0;

	if (len_bytes < 20 || memcmp(t, "RSD PTR ", 8) || !sum_is_zero(t, 20))
		return -EINVAL;
	if (t[15] >= 2 && len_bytes >= 36) {
		u32 n = get32(t + 20);

		if (n >= 36 && n <= len_bytes && sum_is_zero(t, n))
			xsdt = get64(t + 24);
	}
	if (!xsdt && !get32(t + 16))
		return -EINVAL;
	*is_xsdt = xsdt != 0;
	*root = xsdt ? xsdt : get32(t + 16);
	return 0;
}

paddr_t acpi_root_entry(const void *root, size_t len_bytes, bool is_xsdt, u32 index)
{
	size_t width = is_xsdt ? 8 : 4, at = HEADER_BYTES + (size_t)index * width;
	const u8 *t = root;

	if (at + width > len_bytes)
		return 0;
	return is_xsdt ? get64(t + at) : get32(t + at);
}

/* The entries of MADT and SRAT: {u8 type, u8 length, ...}. Types beyond the list may have any
 * length >= 2. */
static int entries_check(const u8 *t, size_t at, size_t end, const u8 *min_bytes, size_t types)
{
	while (at < end) {
		if (end - at < 2 || t[at + 1] < 2 || t[at + 1] > end - at)
			return -EINVAL;
		if (t[at] < types && t[at + 1] < min_bytes[t[at]])
			return -EINVAL;
		at += t[at + 1];
	}
	return 0;
}

static void add_cpu(struct acpi_info *out, u32 apic_id)
{
	for (u32 i = 0; i < out->cpu_count; i++) {
		if (out->cpus[i].apic_id == apic_id)
			return; /* firmware lists low ids in both forms */
	}
	if (out->cpu_count == ACPI_CPUS_MAX) {
		out->cpus_left_out++;
		return;
	}
	out->cpus[out->cpu_count++] = (struct acpi_cpu){.apic_id = apic_id};
}

static void madt_entry(const u8 *e, struct acpi_info *out)
{
	u16 mps; /* INTI flags; "conforms to the bus" is edge and active high for ISA */

	if (e[0] == 0 && (get32(e + 4) & 1) && e[3] != 0xff) {
		add_cpu(out, e[3]);
	} else if (e[0] == 1 && out->ioapic_count < ACPI_IOAPICS_MAX) {
		out->ioapics[out->ioapic_count++] =
			(struct acpi_ioapic){get32(e + 4), get32(e + 8)};
	} else if (e[0] == 2 && out->override_count < ACPI_OVERRIDES_MAX && !e[2] && e[3] < 16) {
		mps = get16(e + 8);
		out->overrides[out->override_count++] = (struct acpi_override){
			e[3], get32(e + 4), (mps & 3) == 3, (mps >> 2 & 3) == 3};
	} else if (e[0] == 9 && (get32(e + 8) & 1) && get32(e + 4) != 0xffffffffu) {
		add_cpu(out, get32(e + 4));
	}
}

int acpi_parse_madt(const void *table, size_t len_bytes, struct acpi_info *out)
{
	static const u8 min_bytes[] = {8, 12, 10, 8, 6, 12, 16, 16, 16, 16, 12};
	const u8 *t = table;
	size_t end;

	if (acpi_table_check(table, len_bytes, "APIC", &end) || end < 44 ||
		entries_check(t, 44, end, min_bytes, sizeof(min_bytes)))
		return -EINVAL;
	out->cpu_count = out->cpus_left_out = out->ioapic_count = out->override_count = 0;
	for (size_t at = 44; at < end; at += t[at + 1])
		madt_entry(t + at, out);
	return 0;
}

static struct acpi_gas get_gas(const u8 *p)
{
	return (struct acpi_gas){.space = p[0], .address = get64(p + 4)};
}

/* A block given twice: the 64-bit form wins when it is there and in I/O space. */
static u32 port_of(const u8 *t, size_t end, size_t at32, size_t at_gas)
{
	if (end >= at_gas + 12) {
		struct acpi_gas g = get_gas(t + at_gas);

		if (g.space == ACPI_SPACE_IO && g.address && g.address <= 0xffff)
			return (u32)g.address;
	}
	return get32(t + at32) <= 0xffff ? get32(t + at32) : 0;
}

int acpi_parse_fadt(const void *table, size_t len_bytes, struct acpi_info *out)
{
	const u8 *t = table;
	u32 flags, reduced;
	size_t end;

	if (acpi_table_check(table, len_bytes, "FACP", &end) || end < 116)
		return -EINVAL;
	flags = get32(t + 112);
	reduced = flags >> 20 & 1; /* hardware-reduced: the fixed registers do not exist */
	out->dsdt = end >= 148 && get64(t + 140) ? get64(t + 140) : get32(t + 40);
	out->pm1a_control = reduced ? 0 : port_of(t, end, 64, 172);
	out->pm1b_control = reduced ? 0 : port_of(t, end, 68, 184);
	out->smi_command = reduced || get32(t + 48) > 0xffff ? 0 : get32(t + 48);
	out->acpi_enable = t[52];
	out->pm_timer = reduced ? 0 : port_of(t, end, 76, 208);
	out->has_8042 = t[8] < 3 || (get16(t + 109) & 2);
	out->no_vga = t[8] >= 4 && (get16(t + 109) & 4);
	out->reset_supported = end >= 129 && (flags >> 10 & 1);
	if (out->reset_supported) {
		out->reset_register = get_gas(t + 116);
		out->reset_value = t[128];
	}
	return 0;
}

int acpi_parse_hpet(const void *table, size_t len_bytes, struct acpi_info *out)
{
	const u8 *t = table;
	struct acpi_gas g;
	size_t end;

	if (acpi_table_check(table, len_bytes, "HPET", &end) || end < 56)
		return -EINVAL;
	g = get_gas(t + 40);
	if (g.space != ACPI_SPACE_MEMORY || !g.address)
		return -EINVAL;
	out->hpet_base = g.address;
	return 0;
}

int acpi_parse_mcfg(const void *table, size_t len_bytes, struct acpi_info *out)
{
	const u8 *t = table;
	size_t end;

	if (acpi_table_check(table, len_bytes, "MCFG", &end) || end < 44)
		return -EINVAL;
	out->ecam_count = 0;
	for (size_t at = 44; at + 16 <= end && out->ecam_count < ACPI_MCFG_MAX; at += 16) {
		const u8 *e = t + at;

		if (e[10] <= e[11])
			out->ecams[out->ecam_count++] =
				(struct acpi_ecam){get64(e), get16(e + 8), e[10], e[11]};
	}
	return 0;
}

/* Dense number of a proximity domain; domains beyond the array fall to node 0. */
static u32 node_of(struct acpi_info *out, u32 domain)
{
	for (u32 i = 0; i < out->node_count; i++) {
		if (out->node_domain[i] == domain)
			return i;
	}
	if (out->node_count == ACPI_NODES_MAX)
		return 0;
	out->node_domain[out->node_count] = domain;
	return out->node_count++;
}

static void cpu_affinity(struct acpi_info *out, u32 apic_id, u32 domain)
{
	u32 node = node_of(out, domain);

	for (u32 i = 0; i < out->cpu_count; i++) {
		if (out->cpus[i].apic_id == apic_id)
			out->cpus[i].node = node;
	}
}

static void memory_affinity(struct acpi_info *out, const u8 *e)
{
	u64 start = get64(e + 8), len = get64(e + 16);

	if (len && start + len > start && out->mem_affinity_count < ACPI_MEM_AFF_MAX)
		out->mem_affinity[out->mem_affinity_count++] =
			(struct acpi_mem_affinity){start, len, node_of(out, get32(e + 2))};
}

int acpi_parse_srat(const void *table, size_t len_bytes, struct acpi_info *out)
{
	static const u8 min_bytes[] = {16, 40, 24};
	const u8 *t = table;
	size_t end;

	if (acpi_table_check(table, len_bytes, "SRAT", &end) || end < 48 ||
		entries_check(t, 48, end, min_bytes, sizeof(min_bytes)))
		return -EINVAL;
	out->node_count = out->mem_affinity_count = 0;
	memset(out->distance, DISTANCE_REMOTE, sizeof(out->distance));
	for (size_t at = 48; at < end; at += t[at + 1]) {
		const u8 *e = t + at;

		if (e[0] == 0 && (get32(e + 4) & 1))
			cpu_affinity(out, e[3], e[2] | (get32(e + 8) & 0xffffff00u));
		else if (e[0] == 1 && (get32(e + 28) & 1))
			memory_affinity(out, e);
		else if (e[0] == 2 && (get32(e + 12) & 1))
			cpu_affinity(out, get32(e + 8), get32(e + 4));
	}
	if (!out->node_count)
		out->node_count = 1;
	for (u32 i = 0; i < ACPI_NODES_MAX; i++)
		out->distance[i][i] = DISTANCE_LOCAL;
	return 0;
}

/* A square of bytes, by proximity domain. A table that leaves a domain out, or says that home is
 * not the nearest, knows less than the default. */
int acpi_parse_slit(const void *table, size_t len_bytes, struct acpi_info *out)
{
	u8 square[ACPI_NODES_MAX][ACPI_NODES_MAX];
	const u8 *t = table;
	u64 domains;
	size_t end;

	if (acpi_table_check(table, len_bytes, "SLIT", &end) || end < 44)
		return -EINVAL;
	domains = get64(t + 36);
	if (domains > 256 || 44 + domains * domains > end)
		return -EINVAL;
	memcpy(square, out->distance, sizeof(square));
	for (u32 from = 0; from < out->node_count; from++) {
		for (u32 to = 0; to < out->node_count; to++) {
			u64 row = out->node_domain[from], column = out->node_domain[to];

			if (row >= domains || column >= domains)
				return -EINVAL;
			square[from][to] = t[44 + row * domains + column];
			if ((square[from][to] == DISTANCE_LOCAL) != (from == to) ||
				square[from][to] < DISTANCE_LOCAL)
				return -EINVAL;
		}
	}
	memcpy(out->distance, square, sizeof(square));
	return 0;
}

/* One element of an AML package: a small integer. Return: bytes used, 0 = something else. */
static size_t aml_small_integer(const u8 *p, size_t left, u8 *value)
{
	if (left >= 1 && p[0] <= 1) { /* ZeroOp, OneOp */
		*value = p[0];
		return 1;
	}
	if (left >= 2 && p[0] == 0x0a) { /* BytePrefix */
		*value = p[1];
		return 2;
	}
	return 0;
}

int acpi_find_s5(const void *dsdt, size_t len_bytes, u8 *type_a, u8 *type_b)
{
	const u8 *t = dsdt;
	size_t end;

	if (acpi_table_check(dsdt, len_bytes, "DSDT", &end))
		return -EINVAL;
	/* Name(_S5_, Package(n) {a, b, ...}): 08 ["\"] "_S5_" 12 PkgLength n a b */
	for (size_t at = HEADER_BYTES + 1; at + 8 <= end; at++) {
		size_t p, used;
		u8 a, b;

		if (t[at] != '_' || memcmp(t + at, "_S5_", 4) ||
			(t[at - 1] != 0x08 && t[at - 1] != '\\') || t[at + 4] != 0x12)
			continue;
		p = at + 5 + 1 + (t[at + 5] >> 6) + 1; /* behind PkgLength and the element count */
		if (p >= end)
			continue;
		used = aml_small_integer(t + p, end - p, &a);
		if (!used || a > 7 || !aml_small_integer(t + p + used, end - p - used, &b) || b > 7)
			continue;
		*type_a = a;
		*type_b = b;
		return 0;
	}
	return -ENOENT;
}
