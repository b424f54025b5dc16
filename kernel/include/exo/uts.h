/* The names that uname(2) and /proc/sys/kernel tell. Layer: base. */
#pragma once

#include <exo/types.h>

#define UTS_NAME_MAX 64
#define UTS_RELEASE  "6.1.0-exo"
/* For programs that know no other major number (UNAME26 of personality(2)). */
#define UTS_RELEASE_26 "2.6.61-exo"
struct uts_names { /* user ABI: struct new_utsname */
	char sysname[UTS_NAME_MAX + 1], nodename[UTS_NAME_MAX + 1], release[UTS_NAME_MAX + 1],
		version[UTS_NAME_MAX + 1], machine[UTS_NAME_MAX + 1], domainname[UTS_NAME_MAX + 1];
};
/* uts_get - a copy of the moment. */
void uts_get(struct uts_names *out);
/* uts_set - @field: the offset of nodename or domainname in struct uts_names; @len_bytes without
 * NUL. 0 | -EINVAL longer than UTS_NAME_MAX. */
int uts_set(size_t field, const char *name, size_t len_bytes) MUST_USE;
