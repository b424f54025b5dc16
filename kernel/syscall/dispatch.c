/* The dispatch array of system calls and the answer to absent ones. Layer: syscall.
 * The array is filled at boot from table.def; every line there has its handler
 * (scripts/syscall-table --check). */
#include <exo/syscalls.h>
#include <exo/log.h>
#include <exo/security.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo/time.h>
#include <arch/context.h>
#include <arch/uaccess.h>

enum confined_rule { CONFINED_NEVER, CONFINED_ANY, CONFINED_OWN, CONFINED_SELF };

struct call {
	syscall_fn handler;
	const char *name;
	u16 number;
	u8 args;
	char flags;
	u8 confined; /* enum confined_rule */
};
static const struct call table[] = {
#define F 1
#define SYSCALL(nr, name_, args_, flags_, confined_, state, note) \
	{(syscall_fn)(void (*)(void))sys_##name_, #name_, nr, args_, flags_, CONFINED_##confined_},
#include "table.def"
#undef SYSCALL
#undef F
};

static const struct call native[] = {
#define NATIVE(nr, name_, args, types, rights, errors, text) \
	{.handler = (syscall_fn)(void (*)(void))exo_##name_, .name = "exo_" #name_, .number = nr},
#include <exo_abi/native.def>
#undef NATIVE
};

syscall_fn native_table[NATIVE_COUNT] ALIGNED(64);
const char *native_names[NATIVE_COUNT];
syscall_fn syscall_table[SYSCALLS_MAX] ALIGNED(64);
const char *syscall_names[SYSCALLS_MAX];
u8 syscall_arg_counts[SYSCALLS_MAX];
/* bit nr = F call; read by arch when it builds its entry */
u64 syscall_full_frame[SYSCALLS_MAX / 64];

/* Capability mode. A call that is not ANY has the guard in its place in syscall_table, so that the
 * others have nothing to check. */
static syscall_fn guarded[SYSCALLS_MAX];
static u8 guard_rules[SYSCALLS_MAX];
static long sys_guard(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	long nr = tf_syscall(arch_thread_frame(current));
	pid_t pid = (pid_t)a0;

	if (cap_confined()) {
		u8 rule = guard_rules[nr];

		if (!(rule == CONFINED_OWN && (!pid || thread_is_own(pid))) &&
			!(rule == CONFINED_SELF && pid == process_pid(current->proc)))
			return -EPERM;
	}
	return guarded[nr](a0, a1, a2, a3, a4, a5);
}

/* One line a second at the most, so that a program in a loop cannot flood the log. */
static void log_absent(long nr)
{
	static u64 next_ns; /* [a] */
	ns_t now = clock_monotonic();
	u64 due = __atomic_load_n(&next_ns, __ATOMIC_RELAXED);

	if (now < due || !__atomic_compare_exchange_n(&next_ns, &due, now + NS_PER_SEC, false,
				 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	log_info("syscall: %s[%d] called number %ld, which is absent", current->name, current->tid,
		nr);
}

static long sys_ni(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	log_absent(tf_syscall(arch_thread_frame(current)));
	return -ENOSYS;
}

void syscall_init(void)
{
	for (u32 i = 0; i < SYSCALLS_MAX; i++)
		syscall_table[i] = sys_ni;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		u16 nr = table[i].number;

		syscall_names[nr] = table[i].name;
		syscall_arg_counts[nr] = table[i].args;
		syscall_table[nr] = table[i].handler;
		if (table[i].flags)
			bit_set(syscall_full_frame, nr);
		if (table[i].confined != CONFINED_ANY) {
			guard_rules[nr] = table[i].confined;
			guarded[nr] = table[i].handler;
			syscall_table[nr] = sys_guard;
		}
	}
	for (u32 i = 0; i < NATIVE_COUNT; i++)
		native_table[i] = sys_ni;
	for (size_t i = 0; i < ARRAY_LEN(native); i++) {
		native_table[native[i].number - NATIVE_FIRST] = native[i].handler;
		native_names[native[i].number - NATIVE_FIRST] = native[i].name;
	}
	arch_syscall_init();
}

int user_struct_get(void *dst, size_t size, size_t size_min, u64 from, u64 user_size)
{
	u8 rest;

	if (user_size < size_min || user_size > PAGE_SIZE)
		return user_size < size_min ? -EINVAL : -E2BIG;
	memset(dst, 0, size);
	if (copy_from_user(dst, (const void USER *)from, MIN(user_size, size)))
		return -EFAULT;
	for (u64 i = size; i < user_size; i++) {
		if (copy_from_user(&rest, (const void USER *)(from + i), 1))
			return -EFAULT;
		if (rest)
			return -E2BIG;
	}
	return 0;
}

int user_struct_put(u64 to, u64 user_size, size_t size_min, const void *src, size_t size)
{
	if (user_size < size_min || user_size > PAGE_SIZE)
		return -EINVAL;
	if (copy_to_user((void USER *)to, src, MIN(user_size, size)))
		return -EFAULT;
	return user_size > size ? clear_user((void USER *)(to + size), user_size - size) : 0;
}
