/* What the ACPI tables say, parsed once at boot into plain structs. Code in kernel/drivers/acpi/.
 * Layer: drivers, but plain data: arch reads acpi_info after acpi_init (declared sideways edge arch
 * -> drivers).
 *
 * Tables are hostile: every read is bounded by the table's length, counts by the arrays below,
 * checksums are verified, and a table that is not whole is left out as if it were absent (with a
 * log line). No AML interpreter: only the _S5_ package is scanned for. Source: ACPI
 * specification 6.4, chapters 5.2 and 4.8. */
#pragma once

#include <exo/types.h>

#define ACPI_CPUS_MAX      CPUS_MAX
#define ACPI_IOAPICS_MAX   16
#define ACPI_OVERRIDES_MAX 16
#define ACPI_MCFG_MAX      16
#define ACPI_NODES_MAX     16
#define ACPI_MEM_AFF_MAX   64

struct acpi_cpu {
	u32 apic_id; /* LAPIC or x2APIC id */
	u32 node;    /* NUMA node, dense from 0; 0 without SRAT */
};
struct acpi_ioapic {
	paddr_t base;
	u32 gsi_base;
};
struct acpi_override { /* ISA irq @isa_irq arrives as @gsi. Absent: identity, edge, active high */
	u8 isa_irq;
	u32 gsi;
	bool active_low, level;
};
struct acpi_ecam {    /* PCI memory-mapped configuration space */
	paddr_t base; /* of bus 0, even when bus_first > 0 */
	u16 segment;
	u8 bus_first, bus_last;
};
struct acpi_mem_affinity {
	paddr_t start;
	u64 len_bytes;
	u32 node;
};
/* Generic address: a register in memory or I/O space. */
enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };
struct acpi_gas {
	u8 space;    /* enum acpi_space */
	u64 address; /* 0 = no such register */
};
struct acpi_info {
	bool present; /* an RSDP with a whole root table was found */
	/* MADT */
	u32 cpu_count;     /* enabled processors in table order, at most ACPI_CPUS_MAX */
	u32 cpus_left_out; /* enabled ones beyond that */
	struct acpi_cpu cpus[ACPI_CPUS_MAX];
	u32 ioapic_count;
	struct acpi_ioapic ioapics[ACPI_IOAPICS_MAX];
	u32 override_count;
	struct acpi_override overrides[ACPI_OVERRIDES_MAX];
	/* FADT and the DSDT's _S5_ */
	paddr_t dsdt;
	u32 pm1a_control, pm1b_control; /* I/O ports, 0 = absent */
	u32 smi_command;                /* I/O port, 0 = always in ACPI mode */
	u8 acpi_enable;                 /* value for smi_command */
	u32 pm_timer;                   /* I/O port of the 3.579545 MHz counter, 0 = absent */
	/* IAPC_BOOT_ARCH; has_8042 is true when the table is too old to say */
	bool has_8042, no_vga;
	bool reset_supported;
	struct acpi_gas reset_register;
	u8 reset_value;
	bool s5_found;
	u8 s5_type_a, s5_type_b; /* SLP_TYPx */
	/* HPET */
	paddr_t hpet_base;
	/* MCFG */
	u32 ecam_count;
	struct acpi_ecam ecams[ACPI_MCFG_MAX];
	/* SRAT */
	u32 node_count;                  /* at least 1 */
	u32 node_domain[ACPI_NODES_MAX]; /* proximity domain of each dense node */
	u32 mem_affinity_count;
	struct acpi_mem_affinity mem_affinity[ACPI_MEM_AFF_MAX];
	/* SLIT: relative cost of memory of a node from another, 10 = at home; without the table 20
	 * for every other */
	u8 distance[ACPI_NODES_MAX][ACPI_NODES_MAX];
};
extern struct acpi_info acpi_info; /* [c] after acpi_init */

/* acpi_init - finds and parses every table. Needs the direct map over the first 1 MB and over every
 * region of boot_info (reserved and ACPI ones too). Without tables acpi_info says so and holds one
 * CPU. Context: boot, once. */
void acpi_init(void);

/* acpi_isa_irq - the GSI and mode of an ISA interrupt after overrides. */
u32 acpi_isa_irq(u8 isa_irq, bool *active_low, bool *level);

/* acpi_power_off - enters S5. Returns only when the machine cannot (no FADT or no _S5_), after a
 * bounded wait. */
void acpi_power_off(void);
/* machine_reset - FADT reset register, then port 0xcf9, then the keyboard controller; returns when
 * none worked (arch then triple faults). */
void machine_reset(void);
/* qemu_exit - leaves QEMU through isa-debug-exit at port 0xf4; QEMU's status is (value << 1) | 1.
 * Returns without that device. */
void qemu_exit(u8 value);

/* The parser's core: pure functions over (table, length), tested and fuzzed on the host. @table
 * needs no alignment. Each gives 0 | -EINVAL not whole or wrong; partial results of a bad table are
 * not kept in @out. */
int acpi_table_check(
	const void *table, size_t len_bytes, const char signature[4], size_t *table_bytes) MUST_USE;
int acpi_parse_rsdp(const void *rsdp, size_t len_bytes, paddr_t *root, bool *is_xsdt) MUST_USE;
/* acpi_root_entry - physical address of table @index. 0 = beyond the end. */
paddr_t acpi_root_entry(const void *root, size_t len_bytes, bool is_xsdt, u32 index);
int acpi_parse_madt(const void *table, size_t len_bytes, struct acpi_info *out) MUST_USE;
int acpi_parse_fadt(const void *table, size_t len_bytes, struct acpi_info *out) MUST_USE;
int acpi_parse_hpet(const void *table, size_t len_bytes, struct acpi_info *out) MUST_USE;
int acpi_parse_mcfg(const void *table, size_t len_bytes, struct acpi_info *out) MUST_USE;
/* after the MADT */
int acpi_parse_srat(const void *table, size_t len_bytes, struct acpi_info *out) MUST_USE;
/* after the SRAT */
int acpi_parse_slit(const void *table, size_t len_bytes, struct acpi_info *out) MUST_USE;
/* -ENOENT no package */
int acpi_find_s5(const void *dsdt, size_t len_bytes, u8 *type_a, u8 *type_b) MUST_USE;
