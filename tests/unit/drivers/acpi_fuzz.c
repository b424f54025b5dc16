/* Any bytes as any ACPI table: nothing is read beyond them, counts stay inside of the arrays.
 * needs: kernel/drivers/acpi/acpi_parse.c
 */
#include <stdlib.h>
#include <string.h>
#include <exo/acpi.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fix_sum(uint8_t *t, size_t size)
{
	uint8_t sum = 0;

	if (size < 36)
		return;
	t[4] = (uint8_t)size;
	t[5] = (uint8_t)(size >> 8);
	t[6] = t[7] = t[9] = 0;
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + t[i]);
	t[9] = (uint8_t)-sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const readers[])(const void *, size_t, struct acpi_info *) = {acpi_parse_madt,
		acpi_parse_fadt, acpi_parse_hpet, acpi_parse_mcfg, acpi_parse_srat, acpi_parse_slit};
	static const char signatures[][5] = {"APIC", "FACP", "HPET", "MCFG", "SRAT", "SLIT", "DSDT"};
	static struct acpi_info info;
	uint8_t *t;
	u8 a, b;
	paddr_t root;
	bool is_xsdt;
	unsigned which;

	if (size < 5 || size > 65535)
		return 0;
	memset(&info, 0, sizeof(info));
	info.node_count = data[1] % (ACPI_NODES_MAX + 1);
	which = data[0] % 7;
	size -= 1;
	t = malloc(size);
	memcpy(t, data + 1, size);
	(void)acpi_parse_rsdp(t, size, &root, &is_xsdt);
	if (!(data[0] & 0x80)) { /* let it come past the header */
		memcpy(t, signatures[which], 4);
		fix_sum(t, size);
	}
	if (which < 6)
		(void)readers[which](t, size, &info);
	else
		(void)acpi_find_s5(t, size, &a, &b);
	(void)acpi_root_entry(t, size, data[0] & 0x40, data[0]);
	if (info.cpu_count > ACPI_CPUS_MAX || info.ioapic_count > ACPI_IOAPICS_MAX ||
		info.node_count > ACPI_NODES_MAX || info.mem_affinity_count > ACPI_MEM_AFF_MAX ||
		info.ecam_count > ACPI_MCFG_MAX)
		abort();
	free(t);
	return 0;
}
