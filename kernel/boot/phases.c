/* Boot phases and their times. Layer: boot. Only the boot CPU calls this. */
#include <exo/boot_phases.h>
#include <exo/log.h>
#include <exo/time.h>
#include <arch/boot.h>
#include <arch/cpu.h>

static const char *phase_name;
static u64 phase_start;

static u64 tenths_of_ms(u64 cycles)
{
	return clock_cycles_to_ns(cycles) / (NS_PER_MS / 10);
}

void boot_phase(const char *name)
{
	u64 now = arch_cycles(), took = tenths_of_ms(now - phase_start);

	if (phase_name)
		log_info("boot: phase %s took %lu.%lu ms", phase_name, took / 10, took % 10);
	phase_name = name;
	phase_start = name ? now : 0;
}

void boot_report_userspace(void)
{
	u64 at = tenths_of_ms(
		__atomic_load_n(&boot_userspace_cycles, __ATOMIC_ACQUIRE) - boot_info.entry_cycles);

	log_printf(LOG_NOTICE, "boot: userspace at %lu.%lu ms", at / 10, at % 10);
}
