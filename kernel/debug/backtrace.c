/* Backtraces by the chain of frame pointers (the kernel is built with -fno-omit-frame-pointer).
 * Layer: debug. */
#include <exo/debug.h>
#include <exo/log.h>

#define DEPTH_MAX 32

extern char sleep_text_start[], sleep_text_end[];

/* One frame up: *ip returns there. False: there is none. */
static bool step(u64 *ip, u64 *fp)
{
	const u64 *frame = (const u64 *)*fp;
	u64 offset;

	if (!*fp || *fp % 8 || !arch_address_readable(*fp) || !arch_address_readable(*fp + 8) ||
		!symbol_lookup(frame[1] - 1, &offset))
		return false;
	*ip = frame[1];
	*fp = frame[0] > *fp ? frame[0] : 0;
	return true;
}

void backtrace_print(u64 ip, u64 fp)
{
	u32 depth = 0;

	log_printf(LOG_EMERG, "backtrace:");
	do {
		u64 offset = 0, call = depth ? 1 : 0; /* a return address may stand behind the end
							 of its function */
		const char *name = symbol_lookup(ip - call, &offset);

		log_printf(LOG_EMERG, "  #%u %#lx %s+%#lx", depth, ip, name ? name : "?",
			offset + call);
	} while (++depth < DEPTH_MAX && step(&ip, &fp));
}

u32 backtrace_take(u64 ip, u64 fp, u64 low, u64 high, u64 *out, u32 max)
{
	u32 count = 0;

	do {
		if (ip < (u64)sleep_text_start || ip >= (u64)sleep_text_end)
			out[count++] = ip;
	} while (count < max && fp >= low && fp < high && step(&ip, &fp));
	return count;
}
