/* The battery clock: read once at boot. Layer: time.
 * Source: Motorola MC146818 data sheet; the register of the century is the one PCs use (0x32). */
#include "time_internal.h"
#include <exo/string.h>
#include <arch/io.h>

#define PORT_INDEX       0x70
#define PORT_DATA        0x71
#define REG_STATUS_A     0x0a
#define REG_STATUS_B     0x0b
#define REG_CENTURY      0x32
#define A_UPDATING       0x80
#define B_24_HOURS       0x02
#define B_BINARY         0x04
#define HOUR_PM          0x80
#define UPDATE_READS_MAX 20000 /* an update takes 2 ms, a port read about 1 us */
#define ATTEMPTS_MAX     4
#define YEAR_MAX         2200

s64 rtc_to_unix(const struct rtc_fields *f)
{
	static const u32 days_before[] = {
		0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
	bool leap = (f->year % 4 == 0 && f->year % 100) || f->year % 400 == 0;
	u64 past, days;

	if (f->year < 1970 || f->year > YEAR_MAX || f->month < 1 || f->month > 12 || f->day < 1 ||
		f->hour > 23 || f->minute > 59 || f->second > 59)
		return -1;
	if (days_before[f->month - 1] + f->day > days_before[f->month] + (leap && f->month == 2))
		return -1;
	past = f->year - 1;                                              /* whole years */
	days = past * 365 + past / 4 - past / 100 + past / 400 - 719162; /* from year 1 to 1970 */
	days += days_before[f->month - 1] + (leap && f->month > 2) + f->day - 1;
	return (s64)(((days * 24 + f->hour) * 60 + f->minute) * 60 + f->second);
}

static u8 reg_read(u8 reg)
{
	arch_out8(PORT_INDEX, reg | 0x80); /* NMI stays masked at the gate that shares this port:
					      harmless, nothing uses it */
	return arch_in8(PORT_DATA);
}

static u32 from_bcd(u32 v)
{
	return (v >> 4) * 10 + (v & 15);
}

static void read_raw(u8 raw[7])
{
	/* second minute hour day month year century */
	static const u8 regs[7] = {0, 2, 4, 7, 8, 9, REG_CENTURY};

	for (u32 i = 0; i < UPDATE_READS_MAX && reg_read(REG_STATUS_A) & A_UPDATING; i++)
		;
	for (u32 i = 0; i < 7; i++)
		raw[i] = reg_read(regs[i]);
}

static s64 decode(const u8 raw[7], u8 status_b)
{
	bool binary = status_b & B_BINARY;
	u32 v[7];
	u32 hour = raw[2] & ~HOUR_PM, century;
	struct rtc_fields f;

	for (u32 i = 0; i < 7; i++)
		v[i] = binary ? raw[i] : from_bcd(raw[i]);
	if (!(status_b & B_24_HOURS)) {
		hour = (binary ? hour : from_bcd(hour)) % 12;
		v[2] = raw[2] & HOUR_PM ? hour + 12 : hour;
	}
	century = v[6] >= 19 && v[6] <= 21 ? v[6] : 20;
	f = (struct rtc_fields){century * 100 + v[5], v[4], v[3], v[2], v[1], v[0]};
	return rtc_to_unix(&f);
}

/* Read until two readings agree: an update in between would mix two seconds. */
s64 rtc_read(void)
{
	u8 a[7], b[7];

	read_raw(a);
	for (u32 attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		read_raw(b);
		if (!memcmp(a, b, sizeof(a)))
			return decode(a, reg_read(REG_STATUS_B));
		memcpy(a, b, sizeof(a));
	}
	return -1;
}
