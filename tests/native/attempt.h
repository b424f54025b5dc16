/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An attempt at what is forbidden: it prints its name, and must fail with the error. `run` counts
 * the names. */
#pragma once

#include "t_.h"

#define DENIED_WITH(name, call, error)                                                        \
	(dprintf(1, "# attempt: %s\n", name), t_errno_at(__FILE__, __LINE__, name ": " #call, \
						      (errno = 0, (long long)(call)), error))
#define DENIED(name, call) DENIED_WITH(name, call, EPERM)
