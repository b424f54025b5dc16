/* Off, again, and out of QEMU. Layer: drivers. Context: any, the last thing that a CPU does; every
 * wait is bounded. Source: ACPI 6.4, 4.8.3 (PM1 control), 4.8.3.6 (reset register); Intel
 * ICH9, 13.7.5 (port CF9). */
#include <exo/acpi.h>
#include <arch/io.h>

#define PM1_SCI_ENABLE   1u
#define PM1_SLEEP_TYPE   10
#define PM1_SLEEP_ENABLE (1u << 13)
#define WAIT_US_MAX      500000u
#define MOMENT_US        20000u
#define QEMU_EXIT_PORT   0xf4
#define RESET_PORT       0xcf9
#define I8042_STATUS     0x64

static void wait_us(u32 us)
{
	while (us--)
		arch_io_delay();
}

static void enter_acpi_mode(void)
{
	if ((arch_in16((u16)acpi_info.pm1a_control) & PM1_SCI_ENABLE) || !acpi_info.smi_command ||
		!acpi_info.acpi_enable)
		return;
	arch_out8((u16)acpi_info.smi_command, acpi_info.acpi_enable);
	for (u32 us = 0;
		us < WAIT_US_MAX && !(arch_in16((u16)acpi_info.pm1a_control) & PM1_SCI_ENABLE);
		us++)
		arch_io_delay();
}

static void sleep_request(u32 port, u8 type)
{
	u16 v = (u16)(arch_in16((u16)port) & ~(7u << PM1_SLEEP_TYPE));

	arch_out16((u16)port, (u16)(v | (u32)type << PM1_SLEEP_TYPE | PM1_SLEEP_ENABLE));
}

void acpi_power_off(void)
{
	if (!acpi_info.s5_found || !acpi_info.pm1a_control)
		return;
	enter_acpi_mode();
	sleep_request(acpi_info.pm1a_control, acpi_info.s5_type_a);
	if (acpi_info.pm1b_control)
		sleep_request(acpi_info.pm1b_control, acpi_info.s5_type_b);
	wait_us(WAIT_US_MAX);
}

void machine_reset(void)
{
	const struct acpi_gas *r = &acpi_info.reset_register;

	/* A reset register in memory or PCI space is left alone: mapping it is more than a dying
	 * kernel should do. */
	if (acpi_info.reset_supported && r->space == ACPI_SPACE_IO && r->address <= 0xffff) {
		arch_out8((u16)r->address, acpi_info.reset_value);
		wait_us(MOMENT_US);
	}
	arch_out8(RESET_PORT, 0x02);
	arch_io_delay();
	arch_out8(RESET_PORT, 0x06);
	wait_us(MOMENT_US);
	for (u32 us = 0; us < 10000 && (arch_in8(I8042_STATUS) & 2); us++)
		arch_io_delay();
	arch_out8(I8042_STATUS, 0xfe); /* pulse the CPU's reset line */
	wait_us(MOMENT_US);
}

void qemu_exit(u8 value)
{
	arch_out8(QEMU_EXIT_PORT, value);
	wait_us(MOMENT_US);
}
