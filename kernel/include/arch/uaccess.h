/* The only way to touch user memory. Each survives faults through the exception table (page-ins and
 * copy-on-write happen on the way). Context: thread, may sleep, no spin lock held. Layer: arch.
 * A size of 0 succeeds. Addresses are checked against USER_MAX. */
#pragma once

#include <exo/errno.h>
#include <exo/types.h>

int copy_from_user(void *dst, const void USER *src, size_t len_bytes) MUST_USE; /* 0 | -EFAULT */
int copy_to_user(void USER *dst, const void *src, size_t len_bytes) MUST_USE;   /* 0 | -EFAULT */
/* _partial: for read/write that may move less. Return: bytes NOT copied or cleared. */
size_t copy_from_user_partial(void *dst, const void USER *src, size_t len_bytes);
size_t copy_to_user_partial(void USER *dst, const void *src, size_t len_bytes);
size_t clear_user_partial(void USER *dst, size_t len_bytes);
static inline MUST_USE int clear_user(void USER *dst, size_t len_bytes) /* 0 | -EFAULT */
{
	return clear_user_partial(dst, len_bytes) ? -EFAULT : 0;
}
/* strncpy_from_user - Return: length without NUL | -ENAMETOOLONG (no NUL within size) | -EFAULT. */
long strncpy_from_user(char *dst, const char USER *src, size_t size) MUST_USE;
/* Atomic on a user u32, for futexes. Return: 0 and *old | -EFAULT. */
int cmpxchg_user_u32(u32 USER *p, u32 expected, u32 desired, u32 *old) MUST_USE;
int get_user_u32(u32 USER *p, u32 *out) MUST_USE;
int get_user_u64(u64 USER *p, u64 *out) MUST_USE;
int put_user_u32(u32 USER *p, u32 v) MUST_USE;
int put_user_u64(u64 USER *p, u64 v) MUST_USE;
/* nofault forms: return -EFAULT instead of paging in; callable under a spin lock. */
int get_user_u32_nofault(u32 USER *p, u32 *out) MUST_USE;
bool user_range_ok(const void USER *p, size_t len_bytes);

/* The arch page-fault handler calls this (memory room) with interrupts as they were. @access is
 * PROT_R/W/X | VM_FAULT_USER. Return: 0 resolved | -EFAULT (SEGV_MAPERR) | -EACCES (SEGV_ACCERR) |
 * -EIO (SIGBUS) | -ENOMEM. */
#define VM_FAULT_USER  0x100u
#define VM_FAULT_FORCE 0x200u /* a debugger writes: a private mapping may be read-only */
int vm_fault_current(vaddr_t va, u32 access);
