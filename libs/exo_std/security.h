/* exo_std/security - less authority. C11 and C++11. On Linux the calls are answered with -ENOSYS: a
 * program that must be confined has to look at the result.
 * Specification: docs/specs/CAPABILITY_SYSTEM.md. */
#pragma once

#include "../exo_abi/exo_native.h"
#include "../exo_types/exo_types.h"

/* exo_narrow - a capability to the same object with @rights (EXO_READ ...) and no more, good until
 * @deadline_ns (EXO_FOREVER: no end). Needs DERIVE. The capability | -errno. */
static inline exo_cap_t exo_narrow(exo_cap_t cap, uint32_t rights, exo_ns_t deadline_ns)
{
	return (exo_cap_t)exo_cap_derive(
		cap, rights, deadline_ns == EXO_FOREVER ? 0 : deadline_ns, EXO_CAP_CLOEXEC);
}

/* exo_rights - the rights of a capability that is good. | -EKEYREVOKED | -errno. */
static inline int64_t exo_rights(exo_cap_t cap)
{
	struct exo_cap_info info;
	long err = exo_cap_inspect(cap, &info, sizeof(info));

	if (err)
		return err;
	return info.flags & EXO_CAP_REVOKED ? -EKEYREVOKED : (int64_t)info.rights;
}

/* exo_confine - capability mode, for good: nothing is reached any more but through what is held. 0
 * | -errno. */
static inline int exo_confine(void)
{
	return (int)exo_cap_enter(0);
}
