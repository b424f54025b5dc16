/* What the files of the time room share. Layer: time. */
#pragma once

#include <exo/time.h>
#include <arch/vdso_data.h>

/* timers_look_anew - the clock was set: timers by the time of day are called, on every CPU. No lock
 * held, preemption on. */
void timers_look_anew(void);

/* rtc.c */
struct rtc_fields {
	u32 year, month, day, hour, minute, second; /* month and day from 1 */
};
s64 rtc_to_unix(const struct rtc_fields *f); /* seconds since 1970; -1 = no such date */
s64 rtc_read(void);                          /* seconds since 1970; -1 = no clock */
