/* clang-format off */
/* Native calls of Exo-OS as inline functions, x86_64, C and C++. Made by scripts/native-api from native.def; do not edit.
 * Return: >= 0, or -errno (errno itself is not touched). Elsewhere than on Exo-OS each answers -ENOSYS (-38). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "native.h"

static inline long exo_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define EXO_SYS_cap_inspect 1024
static inline long exo_cap_inspect(int32_t cap, struct exo_cap_info *info, size_t size)
{
	return exo_call(EXO_SYS_cap_inspect, (long)cap, (long)info, (long)size, 0, 0, 0);
}

#define EXO_SYS_cap_derive 1025
static inline long exo_cap_derive(int32_t cap, uint32_t rights, uint64_t expires_ns, uint32_t flags)
{
	return exo_call(EXO_SYS_cap_derive, (long)cap, (long)rights, (long)expires_ns, (long)flags, 0, 0);
}

#define EXO_SYS_cap_revoke 1026
static inline long exo_cap_revoke(int32_t cap, uint32_t flags)
{
	return exo_call(EXO_SYS_cap_revoke, (long)cap, (long)flags, 0, 0, 0, 0);
}

#define EXO_SYS_cap_compare 1027
static inline long exo_cap_compare(int32_t a, int32_t b)
{
	return exo_call(EXO_SYS_cap_compare, (long)a, (long)b, 0, 0, 0, 0);
}

#define EXO_SYS_cap_close 1028
static inline long exo_cap_close(int32_t cap)
{
	return exo_call(EXO_SYS_cap_close, (long)cap, 0, 0, 0, 0, 0);
}

#define EXO_SYS_cap_enter 1029
static inline long exo_cap_enter(uint32_t flags)
{
	return exo_call(EXO_SYS_cap_enter, (long)flags, 0, 0, 0, 0, 0);
}

#define EXO_SYS_spawn 1040
static inline long exo_spawn(const struct exo_spawn_args *args, size_t size)
{
	return exo_call(EXO_SYS_spawn, (long)args, (long)size, 0, 0, 0, 0);
}

#define EXO_SYS_mem_create 1056
static inline long exo_mem_create(uint64_t size, uint32_t flags)
{
	return exo_call(EXO_SYS_mem_create, (long)size, (long)flags, 0, 0, 0, 0);
}
