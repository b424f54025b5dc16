/* Backtraces by the chain of frame pointers (the kernel is built with -fno-omit-frame-pointer).
 * Layer: debug. */
#include <exo/debug.h>
#include <exo/log.h>

#define DEPTH_MAX 32

void backtrace_print(u64 ip, u64 fp)
{
	log_printf(LOG_EMERG, "backtrace:");
	for (u32 depth = 0; depth < DEPTH_MAX; depth++) {
		u64 next, offset = 0, call = depth ? 1 : 0; /* a return address may stand behind the
							       end of its function */
		const char *name = symbol_lookup(ip - call, &offset);

		log_printf(LOG_EMERG, "  #%u %#lx %s+%#lx", depth, ip, name ? name : "?",
			offset + call);
		if (!fp || fp % 8 || !arch_address_readable(fp) || !arch_address_readable(fp + 8))
			return;
		ip = ((const u64 *)fp)[1];
		next = ((const u64 *)fp)[0];
		if (!symbol_lookup(ip - 1, &offset) || (next && next <= fp))
			return;
		fp = next;
	}
}
