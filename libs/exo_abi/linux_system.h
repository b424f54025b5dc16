/* The machine in the Linux user ABI. Sources: sysinfo(2), reboot(2), syslog(2), getrandom(2),
 * random(4). */
#pragma once

#include <exo/types.h>

struct linux_sysinfo {
	s64 uptime;
	u64 loads[3]; /* 16 bits of fraction */
	u64 totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad;
	u32 pad2;
	u64 totalhigh, freehigh;
	u32 mem_unit, pad3;
};
_Static_assert(sizeof(struct linux_sysinfo) == 112, "user ABI");

#define REBOOT_MAGIC1    0xfee1deadu
#define REBOOT_RESTART   0x01234567u
#define REBOOT_RESTART2  0xa1b2c3d4u
#define REBOOT_HALT      0xcdef0123u
#define REBOOT_POWER_OFF 0x4321fedcu
#define REBOOT_CAD_ON    0x89abcdefu
#define REBOOT_CAD_OFF   0x00000000u

enum {
	SYSLOG_CLOSE,
	SYSLOG_OPEN,
	SYSLOG_READ,
	SYSLOG_READ_ALL,
	SYSLOG_READ_CLEAR,
	SYSLOG_CLEAR,
	SYSLOG_CONSOLE_OFF,
	SYSLOG_CONSOLE_ON,
	SYSLOG_CONSOLE_LEVEL,
	SYSLOG_SIZE_UNREAD,
	SYSLOG_SIZE_BUFFER
};

#define GRND_NONBLOCK  1u
#define GRND_RANDOM    2u
#define GRND_INSECURE  4u
#define RNDGETENTCNT   0x80045200u
#define RNDADDTOENTCNT 0x40045201u
#define RNDADDENTROPY  0x40085203u
#define RNDZAPENTCNT   0x5204u
#define RNDCLEARPOOL   0x5206u
#define RNDRESEEDCRNG  0x5207u
