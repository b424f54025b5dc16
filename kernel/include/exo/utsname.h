/* What uname(2) says: constant but for host and domain name. Code in kernel/base/utsname.c. Layer:
 * base. */
#pragma once

#include <exo/types.h>

#define UTS_FIELD_BYTES 65 /* with the NUL: user ABI */
struct utsname_k {
	char sysname[UTS_FIELD_BYTES], nodename[UTS_FIELD_BYTES], release[UTS_FIELD_BYTES],
		version[UTS_FIELD_BYTES], machine[UTS_FIELD_BYTES], domainname[UTS_FIELD_BYTES];
};
void utsname_get(struct utsname_k *out); /* a consistent copy. Context: thread */
/* utsname_set_host, utsname_set_domain - @len_bytes 0..64. 0 | -EINVAL. */
int utsname_set_host(const char *name, size_t len_bytes) MUST_USE;
int utsname_set_domain(const char *name, size_t len_bytes) MUST_USE;
