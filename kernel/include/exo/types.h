/* Scalar types with a meaning, and the attributes that the whole kernel uses.
 * Layer: none (included by everything). */
#pragma once

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
#ifndef EXO_HOST
typedef long ssize_t;
typedef int pid_t;
typedef long off_t;
#else
#include <sys/types.h>
#endif

typedef u64 paddr_t; /* physical address, bytes */
typedef u64 vaddr_t; /* virtual address, bytes */
typedef u64 pfn_t;   /* paddr_t >> PAGE_SHIFT */
typedef u64 ns_t;    /* nanoseconds; which clock is said where it is used */
typedef s32 cap_t;   /* slot in a capability space (a file descriptor) */

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096UL
#define PAGE_MASK  (~(PAGE_SIZE - 1))
#define NS_PER_SEC 1000000000UL
#define NS_PER_MS  1000000UL
#define NS_PER_US  1000UL
#define NS_FOREVER ((ns_t)~0UL)
#define CPUS_MAX   64

#define MUST_USE      __attribute__((warn_unused_result))
#define NORETURN      __attribute__((noreturn))
#define PACKED        __attribute__((packed))
#define ALIGNED(n)    __attribute__((aligned(n)))
#define WEAK          __attribute__((weak))
#define NOINLINE      __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define COLD          __attribute__((cold))
#define UNUSED        __attribute__((unused))
/* Behind a local variable, maybe one that nothing else reads: @put is called with its address when
 * the scope ends, last declared first. */
#define SCOPED(put) __attribute__((cleanup(put), unused))
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* A pointer into user space: touched only by <arch/uaccess.h>. */
#ifdef __CHECKER__
#define USER __attribute__((noderef, address_space(1)))
#else
#define USER
#endif

#define ARRAY_LEN(a)          (sizeof(a) / sizeof((a)[0]))
#define container_of(p, T, m) ((T *)((char *)(p)-offsetof(T, m)))
#define ALIGN_UP(x, a)        (((x) + ((__typeof__(x))(a)-1)) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a)      ((x) & ~((__typeof__(x))(a)-1))
#define EXO_PASTE_(a, b)      a##b
#define EXO_PASTE(a, b)       EXO_PASTE_(a, b)
#define EXO_PICK(a, b, op, x, y)       \
	({                             \
		__typeof__(a) x = (a); \
		__typeof__(b) y = (b); \
		x op y ? x : y;        \
	})
#define MIN(a, b)        EXO_PICK(a, b, <, EXO_PASTE(_x, __COUNTER__), EXO_PASTE(_y, __COUNTER__))
#define MAX(a, b)        EXO_PICK(a, b, >, EXO_PASTE(_x, __COUNTER__), EXO_PASTE(_y, __COUNTER__))
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define barrier()        __asm__ volatile("" ::: "memory")

/* Errors in pointers: the last page of the address space holds -errno. */
static inline void *err_ptr(long err)
{
	return (void *)err;
}
static inline long ptr_err(const void *p)
{
	return (long)p;
}
static inline bool is_err(const void *p)
{
	return (unsigned long)p >= (unsigned long)-4095L;
}
