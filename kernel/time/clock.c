/* The clocks: cycle counter times multiplier, and an offset for the time of day. Layer: time.
 *
 * CLOCK_MONOTONIC counts from the kernel's first instruction. Reading needs no lock: base and multiplier never change after
 * clock_init, the offset is one word. Setting the time of day is the only write; it also fills the vDSO page. */
#include "time_internal.h"
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/sched.h>
#include <arch/boot.h>
#include <arch/mmu.h>
#include <exo_abi/linux_time.h>

#define REALTIME_MAX_NS (9223372036ULL * NS_PER_SEC) /* what fits a signed 64-bit count of ns */

u64 tsc_khz;
static u64 clock_base;  /* [c] cycles at CLOCK_MONOTONIC 0 */
static u64 clock_mult;  /* [c] ns a cycle, 32 bits of fraction; 0 before clock_init */
static s64 realtime_offset; /* [a] written under set_lock */
static u32 set_count;       /* [a] likewise */
struct waitqueue clock_set_waiters = WAITQUEUE_INIT(clock_set_waiters);
static spinlock_t set_lock = SPINLOCK_INIT(RANK_TIMER);

static union {
	struct vdso_data data;
	u8 page[PAGE_SIZE];
} vdso ALIGNED(PAGE_SIZE);

static ALWAYS_INLINE ns_t scale(u64 cycles)
{
	return (ns_t)((unsigned __int128)cycles * clock_mult >> CLOCK_SHIFT);
}

ns_t clock_monotonic(void)
{
	return scale(arch_cycles() - clock_base);
}

ns_t clock_realtime(void)
{
	return clock_monotonic() + (u64)__atomic_load_n(&realtime_offset, __ATOMIC_RELAXED);
}

ns_t clock_boottime(void) /* there is no suspend yet */
{
	return clock_monotonic();
}

u64 clock_cycles_to_ns(u64 cycles)
{
	return scale(cycles);
}

/* [set_lock] */
static void vdso_write(void)
{
	struct vdso_data *d = &vdso.data;

	__atomic_store_n(&d->seq, d->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	WRITE_ONCE(d->tsc_base, clock_base);
	WRITE_ONCE(d->mult, clock_mult);
	WRITE_ONCE(d->shift, CLOCK_SHIFT);
	WRITE_ONCE(d->coarse_res_ns, CLOCK_COARSE_RES_NS);
	WRITE_ONCE(d->realtime_offset_ns, realtime_offset);
	WRITE_ONCE(d->mode, VDSO_MODE_TSC);
	__atomic_store_n(&d->seq, d->seq + 1, __ATOMIC_RELEASE);
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
	wake_all(&clock_set_waiters, 0);
	return 0;
}

u32 clock_set_count(void)
{
	return __atomic_load_n(&set_count, __ATOMIC_ACQUIRE);
}

void clock_set_timezone(s32 minutes_west, s32 dst_time)
{
	ulong flags = spin_lock_irq(&set_lock);

	vdso.data.tz_minuteswest = minutes_west;
	vdso.data.tz_dsttime = dst_time;
	vdso_write();
	spin_unlock_irq(&set_lock, flags);
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
	clock_base = boot_info.entry_cycles;
	clock_mult = (u64)(((unsigned __int128)1000000 << CLOCK_SHIFT) / tsc_khz);
	seconds = rtc_read();
	if (seconds < 0) {
		log_warn("clock: no usable real-time clock, the date starts in 1970");
		seconds = 0;
	}
	if (clock_set_realtime((u64)seconds * NS_PER_SEC))
		log_err("clock: the date is out of range");
	log_info("clock: cycle counter at %lu.%03lu MHz", tsc_khz / 1000, tsc_khz % 1000);
}

int clock_get(int clock_id, ns_t *out)
{
	switch (clock_id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*out = clock_realtime();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
		*out = clock_monotonic();
		return 0;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*out = clock_boottime();
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*out = thread_cpu_time(current);
		return 0;
	default:
		return -EINVAL;
	}
}
