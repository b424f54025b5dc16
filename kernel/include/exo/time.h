/* Clocks and timers. Code in kernel/time/. Layer: time. All times in ns. */
#pragma once

#include <exo/types.h>
#include <exo/sync.h>
#include <exo/rbtree.h>

/* clock_init - calibrates the TSC (CPUID 0x15/0x40000010, HPET, PIT; bounded), reads the RTC. */
void clock_init(void);
/* since boot; callable anywhere, NMI included; TSC multiply-shift, no lock */
ns_t clock_monotonic(void);
ns_t clock_realtime(void);               /* since 1970 */
int clock_set_realtime(ns_t t) MUST_USE; /* -EINVAL out of range */
u32 clock_set_count(void);               /* grows with every clock_set_realtime */
/* what gettimeofday hands back; changes nothing else */
void clock_set_timezone(s32 minutes_west, s32 dst_time);
void clock_get_timezone(s32 *minutes_west, s32 *dst_time);
u64 clock_cycles_to_ns(u64 cycles);
extern u64 tsc_khz; /* [c] */
/* vdso_page - the data page (seqlock, multiplier, shift, bases) that the vDSO reads; mapped
 * read-only in every space. */
paddr_t vdso_data_page(void);
paddr_t vdso_code_page(u32 index, u32 *count); /* pages of the embedded vDSO ELF image */

/* High-resolution timers: a per-CPU red-black tree (or heap), one-shot hardware timer (tickless).
 */
struct timer {
	struct rb_node node;         /* [base lock] */
	ns_t deadline_ns;            /* [base lock] CLOCK_MONOTONIC */
	void (*fn)(struct timer *t); /* [c] interrupt context, interrupts off; may start the timer
					again, may free its container */
	struct timer_base *base;     /* [a] */
	bool queued;                 /* [base lock] */
	bool of_day;                 /* [c] of a clock_timer whose clock may be set */
};
void timer_init(struct timer *t, void (*fn)(struct timer *t));
void timer_start(struct timer *t, ns_t deadline_ns); /* (re)arms on this CPU; any context */
bool timer_cancel(struct timer *t);      /* true = it was queued; does not wait for a running fn */
bool timer_cancel_sync(struct timer *t); /* and waits until fn is not running; not from fn */
ns_t timer_remaining(struct timer *t);   /* 0 = not queued */
void time_cpu_init(void);                /* per CPU */
/* clock_now - user-visible clocks by Linux id but CPU clocks, which are posix_x's. 0 = unknown. */
ns_t clock_now(int clock_id);
/* NS_OF_DAY - in the deadline of who waits or sleeps: the rest is a time of CLOCK_REALTIME, and who
 * sets that moves it. */
#define NS_OF_DAY (1ul << 63)
static inline ns_t ns_add(ns_t a, ns_t b) /* for ever if it were more */
{
	return b > NS_OF_DAY - 1 - a ? NS_OF_DAY - 1 : a + b;
}
/* clock_of_timer - by which clock a timer of @clock_id counts: CLOCK_REALTIME, if whoever sets that
 * is to move it, else CLOCK_MONOTONIC. @abs: it is for a time, not for a while. */
int clock_of_timer(int clock_id, bool abs);
/* A timer of a clock that may be set. When that happens while it is queued, fn is called too: it
 * has to look at the clock, and start the timer again when its time has not come. */
struct clock_timer {
	struct timer timer;
	int clock; /* [c] */
	int by;    /* [user's lock] clock_of_timer as it was last set; clock_now(by) is its time */
};
void clock_timer_init(struct clock_timer *t, int clock_id, void (*fn)(struct timer *t));
/* @value: a time of t->by; else as timer_start */
void clock_timer_start(struct clock_timer *t, ns_t value);
/* ns_periods_past - moves *at by whole periods behind @now. Return: how many; 0 = it is there. */
static inline u64 ns_periods_past(ns_t *at, ns_t period_ns, ns_t now)
{
	u64 n = now < *at ? 0 : (now - *at) / period_ns + 1;

	*at += n * period_ns;
	return n;
}
/* What an interval timer is set to. */
struct itimer_ns {
	ns_t interval_ns, value_ns; /* 0 = once; 0 = off */
};
