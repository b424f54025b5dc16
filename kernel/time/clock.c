/* The clocks: cycle counter times multiplier, and an offset for the time of day. Layer: time.
 *
 * CLOCK_MONOTONIC counts from the kernel's first instruction. Reading needs no lock: base and
 * multiplier never change after clock_init, the offset is one word. Setting the time of day is the
 * only write; it also fills the vDSO page. */
#include "time_internal.h"
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/sched.h>
#include <arch/boot.h>
#include <arch/mmu.h>
#include <exo_abi/linux_time.h>

#define REALTIME_MAX_NS (9223372036ULL * NS_PER_SEC) /* what fits a signed 64-bit count of ns */

u64 tsc_khz;
static u64 clock_mult;      /* [c] ns a cycle, VDSO_SHIFT bits of fraction; 0 before clock_init */
static u64 clock_offset;    /* [c] CLOCK_MONOTONIC = scaled cycles + this: 0 at the kernel's first
			       instruction */
static s64 realtime_offset; /* [a] written under set_lock */
static u32 set_count;       /* [a] likewise */
static spinlock_t set_lock = SPINLOCK_INIT(RANK_TIMER);

static union {
	struct vdso_data data;
	u8 page[PAGE_SIZE];
} vdso ALIGNED(PAGE_SIZE);

ns_t clock_monotonic(void)
{
	return vdso_scale(arch_cycles(), clock_mult) + clock_offset;
}

ns_t clock_realtime(void)
{
	return clock_monotonic() + (u64)READ_ONCE(realtime_offset);
}

u64 clock_cycles_to_ns(u64 cycles)
{
	return vdso_scale(cycles, clock_mult);
}

/* [set_lock] Clocks that are not here are asked of the kernel. */
static void vdso_write(void)
{
	static const u8 monotonic[] = {
		CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
	static const u8 realtime[] = {CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI};

	WRITE_ONCE(vdso.data.mult, clock_mult);
	for (size_t i = 0; i < ARRAY_LEN(monotonic); i++)
		WRITE_ONCE(vdso.data.offset_ns[monotonic[i]], (s64)clock_offset);
	for (size_t i = 0; i < ARRAY_LEN(realtime); i++)
		WRITE_ONCE(vdso.data.offset_ns[realtime[i]], (s64)clock_offset + realtime_offset);
}

int clock_set_realtime(ns_t t)
{
	ulong flags;

	if (t >= REALTIME_MAX_NS)
		return -EINVAL;
	flags = spin_lock_irq(&set_lock);
	__atomic_store_n(&realtime_offset, (s64)(t - clock_monotonic()), __ATOMIC_RELAXED);
	__atomic_fetch_add(&set_count, 1, __ATOMIC_RELEASE);
	vdso_write();
	spin_unlock_irq(&set_lock, flags);
	timers_look_anew();
	return 0;
}

u32 clock_set_count(void)
{
	return __atomic_load_n(&set_count, __ATOMIC_ACQUIRE);
}

void clock_set_timezone(s32 minutes_west, s32 dst_time)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&set_lock);

	WRITE_ONCE(vdso.data.tz_minuteswest, minutes_west);
	WRITE_ONCE(vdso.data.tz_dsttime, dst_time);
}

void clock_get_timezone(s32 *minutes_west, s32 *dst_time)
{
	*minutes_west = READ_ONCE(vdso.data.tz_minuteswest);
	*dst_time = READ_ONCE(vdso.data.tz_dsttime);
}

paddr_t vdso_data_page(void)
{
	return virt_to_phys(&vdso);
}

void clock_init(void)
{
	s64 seconds;

	tsc_khz = arch_tsc_khz();
	clock_mult = (1000000ull << VDSO_SHIFT) / tsc_khz;
	clock_offset = -clock_cycles_to_ns(boot_info.entry_cycles);
	seconds = rtc_read();
	if (seconds < 0) {
		log_warn("clock: no usable real-time clock, the date starts in 1970");
		seconds = 0;
	}
	if (clock_set_realtime((u64)seconds * NS_PER_SEC))
		log_err("clock: the date is out of range");
	log_info("clock: cycle counter at %lu.%03lu MHz", tsc_khz / 1000, tsc_khz % 1000);
}

ns_t clock_now(int clock_id)
{
	switch (clock_id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		return clock_realtime();
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME: /* there is no suspend yet */
	case CLOCK_BOOTTIME_ALARM:
		return clock_monotonic();
	default:
		return 0;
	}
}

int clock_of_timer(int clock_id, bool abs)
{
	return abs && (clock_id == CLOCK_REALTIME || clock_id == CLOCK_TAI ||
			      clock_id == CLOCK_REALTIME_ALARM)
		       ? CLOCK_REALTIME
		       : CLOCK_MONOTONIC;
}

void clock_timer_init(struct clock_timer *t, int clock_id, void (*fn)(struct timer *t))
{
	timer_init(&t->timer, fn);
	t->timer.of_day = clock_of_timer(clock_id, true) == CLOCK_REALTIME;
	t->clock = clock_id;
	t->by = CLOCK_MONOTONIC;
}

void clock_timer_start(struct clock_timer *t, ns_t value)
{
	s64 ahead;
	ns_t at;
	u32 seen;

	do { /* bound: whoever sets the clock */
		seen = clock_set_count();
		ahead = t->by == CLOCK_REALTIME ? READ_ONCE(realtime_offset) : 0;
		if (__builtin_sub_overflow(value, ahead, &at)) /* before boot, or never */
			at = ahead > 0 ? 0 : NS_FOREVER - 1;
		timer_start(&t->timer, at);
	} while (seen != clock_set_count());
}
