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

#define EXO_SYS_thread_open 1041
static inline long exo_thread_open(int32_t tid, uint32_t flags)
{
	return exo_call(EXO_SYS_thread_open, (long)tid, (long)flags, 0, 0, 0, 0);
}

#define EXO_SYS_mem_create 1056
static inline long exo_mem_create(uint64_t size, uint32_t flags)
{
	return exo_call(EXO_SYS_mem_create, (long)size, (long)flags, 0, 0, 0, 0);
}

#define EXO_SYS_event_create 1057
static inline long exo_event_create(uint64_t count, uint32_t flags)
{
	return exo_call(EXO_SYS_event_create, (long)count, (long)flags, 0, 0, 0, 0);
}

#define EXO_SYS_event_signal 1058
static inline long exo_event_signal(int32_t event, uint64_t value)
{
	return exo_call(EXO_SYS_event_signal, (long)event, (long)value, 0, 0, 0, 0);
}

#define EXO_SYS_timer_create 1059
static inline long exo_timer_create(int32_t clock, uint32_t flags)
{
	return exo_call(EXO_SYS_timer_create, (long)clock, (long)flags, 0, 0, 0, 0);
}

#define EXO_SYS_timer_set 1060
static inline long exo_timer_set(int32_t timer, uint64_t first_ns, uint64_t interval_ns, uint32_t flags)
{
	return exo_call(EXO_SYS_timer_set, (long)timer, (long)first_ns, (long)interval_ns, (long)flags, 0, 0);
}

#define EXO_SYS_interrupt_open 1061
static inline long exo_interrupt_open(uint32_t line, uint32_t flags)
{
	return exo_call(EXO_SYS_interrupt_open, (long)line, (long)flags, 0, 0, 0, 0);
}

#define EXO_SYS_wait_many 1072
static inline long exo_wait_many(struct exo_wait_item *items, size_t count, uint64_t deadline_ns)
{
	return exo_call(EXO_SYS_wait_many, (long)items, (long)count, (long)deadline_ns, 0, 0, 0);
}

#define EXO_SYS_ring_create 1104
static inline long exo_ring_create(const struct exo_ring_params *params, size_t size, int32_t *ends)
{
	return exo_call(EXO_SYS_ring_create, (long)params, (long)size, (long)ends, 0, 0, 0);
}

#define EXO_SYS_ring_wait 1105
static inline long exo_ring_wait(int32_t end, uint32_t seen, uint64_t deadline_ns, int32_t wake)
{
	return exo_call(EXO_SYS_ring_wait, (long)end, (long)seen, (long)deadline_ns, (long)wake, 0, 0);
}

#define EXO_SYS_ring_wake 1106
static inline long exo_ring_wake(int32_t end)
{
	return exo_call(EXO_SYS_ring_wake, (long)end, 0, 0, 0, 0, 0);
}

#define EXO_SYS_ring_send_caps 1107
static inline long exo_ring_send_caps(int32_t end, const int32_t *caps, size_t count, uint32_t flags)
{
	return exo_call(EXO_SYS_ring_send_caps, (long)end, (long)caps, (long)count, (long)flags, 0, 0);
}

#define EXO_SYS_ring_recv_caps 1108
static inline long exo_ring_recv_caps(int32_t end, uint64_t ticket, int32_t *caps, size_t max, uint32_t flags)
{
	return exo_call(EXO_SYS_ring_recv_caps, (long)end, (long)ticket, (long)caps, (long)max, (long)flags, 0);
}

#define EXO_SYS_ring_info 1109
static inline long exo_ring_info(int32_t end, struct exo_ring_info *info, size_t size)
{
	return exo_call(EXO_SYS_ring_info, (long)end, (long)info, (long)size, 0, 0, 0);
}

#define EXO_SYS_pool_create 1110
static inline long exo_pool_create(uint32_t blocks, uint32_t block_bytes, uint32_t flags)
{
	return exo_call(EXO_SYS_pool_create, (long)blocks, (long)block_bytes, (long)flags, 0, 0, 0);
}

#define EXO_SYS_socket_connect 1136
static inline long exo_socket_connect(int32_t socket, int32_t dir, const char *name)
{
	return exo_call(EXO_SYS_socket_connect, (long)socket, (long)dir, (long)name, 0, 0, 0);
}
