/* host: threads and frames. A frame is only carried, never entered, and none of the
 * rooms that a host program links looks into one. Included by <arch/context.h>
 * only. Layer: arch. */
#pragma once

struct trap_frame {
	bool user;
};
struct arch_thread {
	void *fiber; /* of the simulator; owned */
	void (*fn)(void *arg);
	void *arg;
	u64 tls;
	struct trap_frame frame;
};
