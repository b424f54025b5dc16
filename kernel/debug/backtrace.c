/* Backtraces by the chain of frame pointers (the kernel is built with -fno-omit-frame-pointer).
 * Layer: debug. */
#include <exo/debug.h>
#include <exo/log.h>

#define DEPTH_MAX 32

u32 backtrace_take(u64 ip, u64 fp, u64 low, u64 high, u64 *out, u32 max)
{
	u32 count = 0;
	u64 offset, size;

	do {
		const u64 *frame = (const u64 *)fp;

		out[count++] = ip;
		if (count == max || !fp || fp < low || fp >= high || fp % 8 ||
			!arch_address_readable(fp) || !arch_address_readable(fp + 8))
			break;
		ip = frame[1];
		fp = frame[0] > fp ? frame[0] : 0;
	} while (symbol_lookup(ip - 1, &offset, &size));
	return count;
}

void backtrace_print(u64 ip, u64 fp)
{
	u64 at[DEPTH_MAX], offset = 0, size;
	u32 count = backtrace_take(ip, fp, 0, ~0ul, at, DEPTH_MAX);

	log_printf(LOG_EMERG, "backtrace:");
	for (u32 i = 0; i < count; i++) {
		/* a return address may stand behind the end of its function */
		const char *name = symbol_lookup(at[i] - !!i, &offset, &size);

		log_printf(
			LOG_EMERG, "  #%u %#lx %s+%#lx", i, at[i], name ? name : "?", offset + !!i);
	}
}
