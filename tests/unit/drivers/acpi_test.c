/* ACPI table readers: whole tables, cut tables, wrong sums, wrong lengths.
 * needs: kernel/drivers/acpi/acpi_parse.c
 */
#include <u_.h>
#include <stdlib.h>
#include <exo/acpi.h>
#include <exo/errno.h>

static u8 table[4096];
static size_t table_len;
static struct acpi_info info;

static void begin(const char *signature, size_t head)
{
	memset(table, 0, sizeof(table));
	memset(&info, 0, sizeof(info));
	memcpy(table, signature, 4);
	table[8] = 3;
	table_len = head;
}
static void put(u64 value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		table[table_len++] = (u8)(value >> (8 * i));
}
static void poke(size_t at, u64 value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		table[at + i] = (u8)(value >> (8 * i));
}
static void finish(void)
{
	u8 sum = 0;

	poke(4, table_len, 4);
	table[9] = 0;
	for (size_t i = 0; i < table_len; i++)
		sum = (u8)(sum + table[i]);
	table[9] = (u8)-sum;
}

/* The parser gets a copy that ends where the bytes end, so that reading on is seen by the
 * sanitizer. */
static int parse(int (*fn)(const void *, size_t, struct acpi_info *), size_t len)
{
	u8 *copy = malloc(len ? len : 1);
	int err;

	memcpy(copy, table, len);
	err = fn(copy, len, &info);
	free(copy);
	return err;
}

static void madt(void)
{
	begin("APIC", 36);
	put(0xfee00000, 4);
	put(1, 4);
	put(0x0800 | 0 << 16, 2), put(7, 1), put(3, 1), put(1, 4); /* LAPIC uid 7, id 3, enabled */
	put(0x0800, 2), put(8, 1), put(4, 1), put(0, 4);           /* disabled */
	put(0x1009, 2), put(0, 2), put(0x123, 4), put(1, 4), put(9, 4); /* x2APIC */
	put(0x1009, 2), put(0, 2), put(3, 4), put(1, 4), put(7, 4);     /* the first one again */
	put(0x0c01, 2), put(2, 1), put(0, 1), put(0xfec00000, 4), put(24, 4);
	put(0x0a02, 2), put(0, 1), put(0, 1), put(2, 4), put(0, 2);
	put(0x0a02, 2), put(0, 1), put(9, 1), put(9, 4), put(0xf, 2); /* active low, level */
	put(0x0604, 2), put(0xff, 1), put(0, 2), put(1, 1);
	put(0x0c05, 2), put(0, 2), put(0xfee01000, 8);
	put(0x0499, 2), put(0, 2); /* a type that nobody knows */
	finish();
}

U_TEST(madt_whole)
{
	madt();
	u_eq(parse(acpi_parse_madt, table_len), 0);
	u_eq(info.cpu_count, 2);
	u_check(info.cpus[0].apic_id == 3 && info.cpus[1].apic_id == 0x123);
	u_check(info.ioapic_count == 1 && info.ioapics[0].base == 0xfec00000 &&
		info.ioapics[0].gsi_base == 24);
	u_check(info.override_count == 2 && info.overrides[0].gsi == 2 && !info.overrides[0].level);
	u_check(info.overrides[1].active_low && info.overrides[1].level);
}

U_TEST(cut_and_damaged_tables_are_refused)
{
	madt();
	for (size_t n = 0; n < table_len; n++)
		u_eq(parse(acpi_parse_madt, n), -EINVAL);
	table[60] ^= 1;
	u_eq(parse(acpi_parse_madt, table_len), -EINVAL);
	u_eq(info.cpu_count, 0);
	madt();
	table[44 + 1] = 0; /* an entry of length 0 would never end */
	finish();
	u_eq(parse(acpi_parse_madt, table_len), -EINVAL);
	madt();
	table[44 + 1] = 200; /* longer than the table */
	finish();
	u_eq(parse(acpi_parse_madt, table_len), -EINVAL);
	madt();
	table[44 + 1] = 4; /* shorter than its type */
	finish();
	u_eq(parse(acpi_parse_madt, table_len), -EINVAL);
	madt();
	memcpy(table, "XXXX", 4);
	finish();
	u_eq(parse(acpi_parse_madt, table_len), -EINVAL);
}

U_TEST(more_processors_than_fit)
{
	begin("APIC", 44);
	for (u32 i = 0; i < 100; i++)
		put(0x0800, 2), put(i, 1), put(i, 1), put(1, 4);
	for (u32 i = 0; i < 40; i++)
		put(0x0c01, 2), put(i, 1), put(0, 1), put(i, 4), put(i, 4);
	finish();
	u_eq(parse(acpi_parse_madt, table_len), 0);
	u_eq(info.cpu_count, ACPI_CPUS_MAX);
	u_eq(info.cpus_left_out, 100 - ACPI_CPUS_MAX);
	u_eq(info.ioapic_count, ACPI_IOAPICS_MAX);
}

U_TEST(fadt)
{
	begin("FACP", 244);
	poke(40, 0x1000, 4);
	poke(64, 0x604, 4);
	poke(48, 0xb2, 4);
	poke(52, 0xf1, 1);
	poke(76, 0x608, 4);
	poke(108, 0x32, 1);
	poke(109, 2, 2);
	poke(112, 1 << 10 | 1 << 8, 4);
	poke(116, 1, 1);
	poke(120, 0xcf9, 8);
	poke(128, 0xf, 1);
	finish();
	u_eq(parse(acpi_parse_fadt, table_len), 0);
	u_check(info.dsdt == 0x1000 && info.pm1a_control == 0x604 && info.smi_command == 0xb2 &&
		info.acpi_enable == 0xf1);
	u_check(info.pm_timer == 0x608 && info.has_8042 && !info.no_vga);
	u_check(info.reset_supported && info.reset_register.address == 0xcf9 &&
		info.reset_value == 0xf);
	/* the 64-bit forms win */
	poke(140, 0x123456789, 8);
	poke(172, 1, 1);
	poke(176, 0x804, 8);
	finish();
	u_eq(parse(acpi_parse_fadt, table_len), 0);
	u_check(info.dsdt == 0x123456789 && info.pm1a_control == 0x804);
	/* an old, short one */
	table_len = 116;
	finish();
	u_eq(parse(acpi_parse_fadt, table_len), 0);
	u_check(info.pm1a_control == 0x604 && !info.reset_supported);
	table_len = 100;
	finish();
	u_eq(parse(acpi_parse_fadt, table_len), -EINVAL);
}

U_TEST(hpet_and_mcfg)
{
	begin("HPET", 56);
	poke(44, 0xfed00000, 8);
	finish();
	u_eq(parse(acpi_parse_hpet, table_len), 0);
	u_eq(info.hpet_base, 0xfed00000);
	begin("MCFG", 44);
	put(0xb0000000, 8), put(0, 2), put(0, 1), put(255, 1), put(0, 4);
	put(0xc0000000, 8), put(1, 2), put(9, 1), put(3, 1), put(0, 4); /* backwards */
	put(0, 7);                                                      /* a rest */
	finish();
	u_eq(parse(acpi_parse_mcfg, table_len), 0);
	u_check(info.ecam_count == 1 && info.ecams[0].base == 0xb0000000 &&
		info.ecams[0].bus_last == 255);
}

U_TEST(srat_names_nodes)
{
	madt();
	u_eq(parse(acpi_parse_madt, table_len), 0);
	memcpy(table, "SRAT", 4);
	memset(table + 36, 0, sizeof(table) - 36);
	table_len = 48;
	put(0x1000, 2), put(5, 1), put(3, 1), put(1, 4), put(0, 8); /* LAPIC 3 in domain 5 */
	put(0x1802, 2), put(0, 2), put(6, 4), put(0x123, 4), put(1, 4),
		put(0, 8); /* x2APIC in domain 6 */
	put(0x2801, 2), put(6, 4), put(0, 2), put(0x1000, 8), put(0x2000, 8), put(0, 4), put(1, 4),
		put(0, 8);
	put(0x2801, 2), put(5, 4), put(0, 2), put(~0ull, 8), put(0x2000, 8), put(0, 4), put(1, 4),
		put(0, 8); /* wraps round */
	finish();
	u_eq(parse(acpi_parse_srat, table_len), 0);
	u_eq(info.node_count, 2);
	u_check(info.cpus[0].node == 0 && info.cpus[1].node == 1);
	u_check(info.mem_affinity_count == 1 && info.mem_affinity[0].node == 1 &&
		info.mem_affinity[0].start == 0x1000);
	u_check(info.distance[0][0] == 10 && info.distance[0][1] == 20 &&
		info.distance[1][0] == 20 && info.distance[1][1] == 10);
}

/* @domains of them, of which the SRAT before named 5 (node 0) and 6 (node 1). */
static void slit(u64 domains, u8 between)
{
	begin("SLIT", 36);
	put(domains, 8);
	for (u64 i = 0; i < domains * domains; i++)
		put(i / domains == i % domains ? 10 : 30, 1);
	if (domains > 6)
		table[44 + 5 * domains + 6] = between;
	finish();
}

U_TEST(slit_tells_the_distance_of_nodes)
{
	static const struct acpi_info two = {.node_count = 2,
		.node_domain = {5, 6},
		.distance = {{10, 20}, {20, 10}}};

	slit(7, 17);
	info = two;
	u_eq(parse(acpi_parse_slit, table_len), 0);
	u_check(info.distance[0][0] == 10 && info.distance[0][1] == 17);
	u_check(info.distance[1][0] == 30 && info.distance[1][1] == 10);
	for (u32 bad = 0; bad < 6; bad++) { /* what was there stays */
		slit(bad == 0 ? 6 : 7, bad == 1 ? 10 : bad == 2 ? 9 : 17);
		if (bad == 3)
			table[44 + 5 * 7 + 5] = 11;
		if (bad == 4)
			poke(36, 8, 8); /* more than there are bytes */
		if (bad == 5)
			poke(36, 1ULL << 32, 8); /* its square is 0 */
		finish();
		info = two;
		u_eq(parse(acpi_parse_slit, table_len), -EINVAL);
		u_check(!memcmp(&info, &two, sizeof(info)));
	}
	slit(7, 17);
	for (size_t len = 0; len < table_len; len++)
		u_eq(parse(acpi_parse_slit, len), -EINVAL);
}

U_TEST(soft_off_is_found_in_the_dsdt)
{
	static const u8 aml[] = {
		0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x01, 0x00, 0x00};
	u8 a = 9, b = 9;

	begin("DSDT", 36);
	put(0, 5);
	memcpy(table + table_len, aml, sizeof(aml));
	table_len += sizeof(aml);
	finish();
	u_eq(acpi_find_s5(table, table_len, &a, &b), 0);
	u_check(a == 5 && b == 1);
	table[41] = 0x5b; /* not a name any more */
	finish();
	u_eq(acpi_find_s5(table, table_len, &a, &b), -ENOENT);
	/* the package is cut by the table's end */
	table[41] = 0x08;
	for (size_t n = 41 + 5; n < 41 + 10; n++) {
		table_len = n;
		finish();
		u_eq(acpi_find_s5(table, table_len, &a, &b), -ENOENT);
	}
}

U_TEST(root_pointer)
{
	u8 rsdp[36] = "RSD PTR ";
	paddr_t root = 0;
	bool is_xsdt = true;
	u8 sum = 0;

	rsdp[16] = 0x40;
	for (int i = 0; i < 20; i++)
		sum = (u8)(sum + rsdp[i]);
	rsdp[8] = (u8)-sum;
	u_eq(acpi_parse_rsdp(rsdp, 20, &root, &is_xsdt), 0);
	u_check(root == 0x40 && !is_xsdt);
	u_eq(acpi_parse_rsdp(rsdp, 19, &root, &is_xsdt), -EINVAL);
	rsdp[9]++;
	u_eq(acpi_parse_rsdp(rsdp, 36, &root, &is_xsdt), -EINVAL);
	rsdp[9]--;
	rsdp[15] = 2;
	rsdp[8] = (u8)(rsdp[8] - 2);
	rsdp[20] = 36;
	rsdp[24] = 0x80;
	rsdp[32] = (u8) - (36 + 0x80);
	u_eq(acpi_parse_rsdp(rsdp, 36, &root, &is_xsdt), 0);
	u_check(root == 0x80 && is_xsdt);
	rsdp[32]++; /* only the extended sum is wrong: the old table is still good */
	u_eq(acpi_parse_rsdp(rsdp, 36, &root, &is_xsdt), 0);
	u_check(root == 0x40 && !is_xsdt);
}
