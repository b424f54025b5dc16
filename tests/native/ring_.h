/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the suites of rings share. */
#pragma once

#include "t_.h"
#include <exo_ipc/exo_ring.h>

static inline uint64_t in_ms(uint64_t ms)
{
	return (uint64_t)t_now_ns() + ms * 1000000;
}

static inline void make(uint32_t kind, uint32_t slots, uint32_t flags, int32_t ends[2])
{
	struct exo_ring_params p = {kind, slots, flags};

	t_eq(exo_ring_create(&p, sizeof(p), ends), 0);
}
static inline void must_open(struct exo_end *e, int32_t cap)
{
	if (!t_eq(exo_end_open(e, cap), 0))
		_exit(1);
}
