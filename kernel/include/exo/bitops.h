/* Bits in arrays of u64, and small arithmetic. Plain forms need the caller's lock. */
#pragma once

#include <exo/types.h>

#define BIT(n) (1UL << (n))
static inline unsigned bit_ffs(u64 x) /* index of the lowest set bit; x != 0 */
{
	return (unsigned)__builtin_ctzll(x);
}
static inline unsigned bit_fls(u64 x) /* index of the highest set bit; x != 0 */
{
	return 63u - (unsigned)__builtin_clzll(x);
}
static inline bool bit_test(const u64 *map, size_t i)
{
	return map[i / 64] >> (i % 64) & 1;
}
static inline void bit_set(u64 *map, size_t i)
{
	map[i / 64] |= BIT(i % 64);
}
static inline void bit_clear(u64 *map, size_t i)
{
	map[i / 64] &= ~BIT(i % 64);
}
#define for_each_bit(i, word) for (u64 _w = (word); _w && ((i) = bit_ffs(_w), 1); _w &= _w - 1)

typedef u64 cpumask_t; /* bit i = CPU i; CPUS_MAX is 64 on purpose */
