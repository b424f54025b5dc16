/* Single words and strings of user memory. Bulk copies are in copy_user.S. Layer: arch. */
#include <arch/mmu.h>
#include <arch/uaccess.h>
#include <archimpl/user_asm.h>
#include <exo/errno.h>
#include <exo/sched.h>

bool user_range_ok(const void USER *p, size_t len_bytes)
{
	u64 end;

	return !__builtin_add_overflow((u64)p, len_bytes, &end) && end <= USER_MAX;
}

/* get_user_uN and put_user_uN: one load, one store. */
#define USER_WORD(word)                              \
	int get_user_##word(word USER *p, word *out) \
	{                                            \
		word v;                              \
		if ((u64)p > USER_MAX - sizeof(v))   \
			return -EFAULT;              \
		user_access_begin();                 \
		USER_LOAD(v, p, fault);              \
		user_access_end();                   \
		*out = v;                            \
		return 0;                            \
	fault:                                       \
		user_access_end();                   \
		return -EFAULT;                      \
	}                                            \
	int put_user_##word(word USER *p, word v)    \
	{                                            \
		if ((u64)p > USER_MAX - sizeof(v))   \
			return -EFAULT;              \
		user_access_begin();                 \
		USER_STORE(v, p, fault);             \
		user_access_end();                   \
		return 0;                            \
	fault:                                       \
		user_access_end();                   \
		return -EFAULT;                      \
	}
USER_WORD(u32)
USER_WORD(u64)

int get_user_u32_nofault(u32 USER *p, u32 *out)
{
	int err;

	current->fault_disabled++;
	barrier();
	err = get_user_u32(p, out);
	barrier();
	current->fault_disabled--;
	return err;
}

int cmpxchg_user_u32(u32 USER *p, u32 expected, u32 desired, u32 *old)
{
	if ((u64)p > USER_MAX - sizeof(*p) || (u64)p % sizeof(*p))
		return -EFAULT;
	user_access_begin();
	__asm__ goto("770:\tlock cmpxchgl %2, %1" X86_FIXUP("770b", "%l[fault]")
		     : "+a"(expected), "+m"(*p)
		     : "r"(desired)
		     : "memory"
		     : fault);
	user_access_end();
	*old = expected;
	return 0;
fault:
	user_access_end();
	return -EFAULT;
}

/* The lowest set top bit marks the first zero byte. Source: the usual carry trick; exact for the
 * lowest zero byte. */
static ALWAYS_INLINE u64 zero_bytes(u64 w)
{
	return (w - 0x0101010101010101ull) & ~w & 0x8080808080808080ull;
}

/* Words first. A word may reach into a page that the string does not; then, as after any fault,
 * bytes decide. */
long strncpy_from_user(char *dst, const char USER *src, size_t size)
{
	size_t max = size, done = 0;
	u64 word;
	u8 byte;

	if ((u64)src >= USER_MAX)
		return -EFAULT;
	max = MIN(size, USER_MAX - (u64)src);
	user_access_begin();
	for (; done + 8 <= max; done += 8) {
		USER_LOAD(word, (const u64 *)(src + done), bytes);
		*(u64 *)(dst + done) = word;
		word = zero_bytes(word);
		if (word) {
			user_access_end();
			return (long)(done + bit_ffs(word) / 8);
		}
	}
bytes:
	for (; done < max; done++) {
		USER_LOAD(byte, (const u8 *)(src + done), fault);
		dst[done] = (char)byte;
		if (!byte) {
			user_access_end();
			return (long)done;
		}
	}
	user_access_end();
	return max == size ? -ENAMETOOLONG : -EFAULT;
fault:
	user_access_end();
	return -EFAULT;
}
