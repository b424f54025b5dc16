/* How fast the cycle counter runs. Layer: arch. Boot CPU only.
 * Sources: Intel SDM vol. 3, 18.7.3 (CPUID 0x15, 0x16); HPET specification 1.0a, 2.3;
 * ACPI 6.4, 4.8.3.3; Intel 8254 data sheet. */
#include <archimpl/x86.h>
#include <arch/io.h>
#include <arch/mmu.h>
#include <exo/acpi.h>
#include <exo/log.h>

#define PM_TIMER_HZ   3579545u
#define PIT_HZ        1193182u
#define WINDOW_MS     5 /* twice that for a coarse counter */
#define READ_ATTEMPTS 5

static u64 khz_from_cpuid(void)
{
	struct cpuid_regs r;

	if (x86.hypervisor) {
		u32 max = cpuid(0x40000000, 0).eax;

		if (max >= 0x40000010 && max < 0x40010000 && cpuid(0x40000010, 0).eax)
			return cpuid(0x40000010, 0).eax;
	}
	if (cpuid(0, 0).eax < 0x15)
		return 0;
	r = cpuid(0x15, 0);
	if (r.eax && r.ebx && r.ecx)
		return (u64)r.ecx * r.ebx / r.eax / 1000;
	return 0;
}

struct reference { /* a counter of known rate */
	u64 (*read)(void);
	u64 hz, mask;
};
static volatile u64 *hpet_counter;
static u64 read_hpet(void)
{
	return (u32)*hpet_counter;
}
static u64 read_pm_timer(void)
{
	return arch_in32((u16)acpi_info.pm_timer);
}
static u64 read_pit(void) /* counts down */
{
	u32 lo, hi;

	arch_out8(0x43, 0x80); /* latch channel 2 */
	lo = arch_in8(0x42);
	hi = arch_in8(0x42);
	return ~(lo | hi << 8);
}

u64 counter_sample(u64 (*read)(void), u64 *tsc)
{
	u64 best = ~0ull, value = 0;

	for (u32 i = 0; i < READ_ATTEMPTS; i++) {
		u64 before = arch_cycles(), v = read(), after = arch_cycles();

		if (after - before < best) {
			best = after - before;
			value = v;
			*tsc = before + (after - before) / 2;
		}
	}
	return value;
}

static void find_reference(struct reference *ref)
{
	if (acpi_info.hpet_base) {
		volatile u64 *hpet = fixmap_device(acpi_info.hpet_base);
		u64 period_fs = hpet[0] >> 32;

		if (period_fs && period_fs <= 100000000) {
			hpet[2] |= 1; /* main counter on */
			hpet_counter = &hpet[0xf0 / 8];
			*ref = (struct reference){
				read_hpet, 1000000000000000ull / period_fs, 0xffffffff};
			return;
		}
	}
	if (acpi_info.pm_timer) {
		*ref = (struct reference){read_pm_timer, PM_TIMER_HZ, 0xffffff};
		return;
	}
	arch_out8(0x61, (u8)((arch_in8(0x61) & ~2u) | 1)); /* gate on, speaker off */
	arch_out8(0x43, 0xb0);                             /* channel 2, mode 0, both bytes */
	arch_out8(0x42, 0xff);
	arch_out8(0x42, 0xff);
	*ref = (struct reference){read_pit, PIT_HZ, 0xffff};
}

u64 arch_tsc_khz(void)
{
	struct reference ref;
	u64 khz = khz_from_cpuid(), tsc0 = 0, tsc1 = 0, from, to, ticks;

	if (khz)
		return khz;
	find_reference(&ref);
	from = counter_sample(ref.read, &tsc0);
	do {
		to = counter_sample(ref.read, &tsc1);
		ticks = (to - from) & ref.mask;
	} while (ticks < ref.hz * (ref.hz < 10000000 ? 2 * WINDOW_MS : WINDOW_MS) / 1000 &&
		 tsc1 - tsc0 < 1ull << 32);
	if (!ticks)
		return 1000000; /* a counter that stands still: a wrong clock is better than none */
	return (tsc1 - tsc0) * (ref.hz / 1000) / ticks; /* under 2^33 cycles, under 2^30 kHz */
}
