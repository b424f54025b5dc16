/* Boot phases and their times. Layer: boot. Only the boot CPU calls this. */
#include <exo/boot_phases.h>
#include <exo/log.h>
#include <exo/time.h>
#include <arch/boot.h>
#include <arch/cpu.h>

static const char *phase_name;
static u64 phase_start;

static void us_text(u64 cycles, u32 *ms, u32 *tenths)
{
	u64 ns = clock_cycles_to_ns(cycles);

	*ms = (u32)(ns / NS_PER_MS);
	*tenths = (u32)(ns % NS_PER_MS / (NS_PER_MS / 10));
}

void boot_phase(const char *name)
{
	u64 now = arch_cycles();
	u32 ms, tenths;

	if (phase_name) {
		us_text(now - phase_start, &ms, &tenths);
		log_info("boot: phase %s took %u.%u ms", phase_name, ms, tenths);
	}
	phase_name = name;
	phase_start = name ? now : 0;
}

void boot_report_userspace(void)
{
	u32 ms, tenths;

	us_text(__atomic_load_n(&boot_userspace_cycles, __ATOMIC_ACQUIRE) - boot_info.entry_cycles,
		&ms, &tenths);
	log_printf(LOG_NOTICE, "boot: userspace at %u.%u ms", ms, tenths);
}
