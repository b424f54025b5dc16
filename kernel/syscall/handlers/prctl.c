/* prctl: attributes of a process and its threads. What is not here answers EINVAL, as an unknown
 * option does on Linux. Layer: syscall. */
#include <exo/posix_calls.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/vm.h>
#include <arch/context.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_process.h>
#include <exo_abi/linux_seccomp.h>

static int set_name(u64 from)
{
	char name[sizeof(current->name)];
	long n = strncpy_from_user(name, (const char USER *)from, sizeof(name));

	if (n == -ENAMETOOLONG)
		name[sizeof(name) - 1] = '\0';
	else if (n < 0)
		return (int)n;
	str_copy(current->name, name, sizeof(current->name));
	return 0;
}

static int get_name(u64 to)
{
	char name[sizeof(current->name)] = {0};

	str_copy(name, current->name, sizeof(name));
	return copy_to_user((void USER *)to, name, sizeof(name));
}

static long bounding_drop(u64 cap)
{
	struct cred c = *current->cred;

	if (!cred_capable(current->cred, LCAP_SETPCAP))
		return -EPERM;
	if (cap >= LCAP_COUNT)
		return -EINVAL;
	c.cap_bounding &= ~(1ULL << cap);
	return process_cred_change(&c);
}

static long ambient_change(u64 how, u64 cap)
{
	struct cred c = *current->cred;
	u64 bit = 1ULL << (cap & 63);

	if (how == PR_CAP_AMBIENT_CLEAR_ALL ? cap != 0 : cap >= LCAP_COUNT)
		return -EINVAL;
	if (how == PR_CAP_AMBIENT_IS_SET)
		return !!(c.cap_ambient & bit);
	if (how == PR_CAP_AMBIENT_RAISE && (!(c.cap_permitted & c.cap_inheritable & bit) ||
						   c.securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
		return -EPERM;
	if (how == PR_CAP_AMBIENT_RAISE)
		c.cap_ambient |= bit;
	else if (how == PR_CAP_AMBIENT_LOWER)
		c.cap_ambient &= ~bit;
	else if (how == PR_CAP_AMBIENT_CLEAR_ALL)
		c.cap_ambient = 0;
	else
		return -EINVAL;
	return process_cred_change(&c);
}

static long set_securebits(u64 bits)
{
	const struct cred *old = current->cred;
	struct cred c = *old;

	if ((((old->securebits & SECURE_ALL_LOCKS) >> 1) & (old->securebits ^ bits)) ||
		(old->securebits & SECURE_ALL_LOCKS & ~bits) ||
		(bits & ~(u64)(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) ||
		!cred_capable(old, LCAP_SETPCAP))
		return -EPERM;
	c.securebits = (u32)bits;
	return process_cred_change(&c);
}

static long set_keepcaps(u64 on)
{
	struct cred c = *current->cred;

	if (on > 1)
		return -EINVAL;
	if (c.securebits & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	c.securebits = on ? c.securebits | SECBIT_KEEP_CAPS : c.securebits & ~SECBIT_KEEP_CAPS;
	return process_cred_change(&c);
}

/* Marks that a thread's children have too. Nothing asks for them yet: memory here does not fail,
 * and no disk waits for a program's memory. */
#define MARK_MCE        1u
#define MARK_MCE_EARLY  2u
#define MARK_IO_FLUSHER 4u

static long mce_kill(u64 how, u64 policy)
{
	u8 marks = current->marks & ~(MARK_MCE | MARK_MCE_EARLY);

	if (how > PR_MCE_KILL_SET || policy > (how ? PR_MCE_KILL_DEFAULT : 0))
		return -EINVAL;
	if (how && policy != PR_MCE_KILL_DEFAULT)
		marks |= MARK_MCE | (policy == PR_MCE_KILL_EARLY ? MARK_MCE_EARLY : 0);
	current->marks = marks;
	return 0;
}

/* Options of which all arguments count: those that are not looked at must be 0. */
static long strict_option(u32 option, u64 a, u64 b, u64 rest)
{
	bool get = option == PR_MCE_KILL_GET || option == PR_GET_THP_DISABLE ||
		   option == PR_GET_IO_FLUSHER;
	u8 marks = current->marks;

	if ((option == PR_GET_IO_FLUSHER || option == PR_SET_IO_FLUSHER) &&
		!cred_capable(current->cred, LCAP_SYS_RESOURCE))
		return -EPERM;
	if (rest || (b && option != PR_MCE_KILL) || (a && get))
		return -EINVAL;
	switch (option) {
	case PR_MCE_KILL:
		return mce_kill(a, b);
	case PR_MCE_KILL_GET:
		return marks & MARK_MCE ? !!(marks & MARK_MCE_EARLY) : PR_MCE_KILL_DEFAULT;
	case PR_SET_THP_DISABLE:
		WRITE_ONCE(current->space->no_huge, a != 0);
		return 0;
	case PR_GET_THP_DISABLE:
		return READ_ONCE(current->space->no_huge);
	case PR_GET_IO_FLUSHER:
		return !!(marks & MARK_IO_FLUSHER);
	default:
		if (a > 1)
			return -EINVAL;
		current->marks = a ? marks | MARK_IO_FLUSHER : marks & ~MARK_IO_FLUSHER;
		return 0;
	}
}

long sys_prctl(u64 option, u64 a, u64 b, u64 c, u64 d)
{
	option = (u32)option;
	switch (option) {
	case PR_SET_KEEPCAPS:
		return set_keepcaps(a);
	case PR_SET_NAME:
		return set_name(a);
	case PR_CAPBSET_DROP:
		return bounding_drop(a);
	case PR_CAP_AMBIENT:
		return c || d ? -EINVAL : ambient_change(a, b);
	case PR_SET_SECUREBITS:
		return set_securebits(a);
	case PR_SET_TIMING:
		return a ? -EINVAL : 0; /* statistical: by samples */
	case PR_SET_TSC:
		if (a != PR_TSC_ENABLE && a != PR_TSC_SIGSEGV)
			return -EINVAL;
		arch_cycles_forbid(a == PR_TSC_SIGSEGV);
		return 0;
	case PR_MCE_KILL ... PR_MCE_KILL_GET:
	case PR_SET_THP_DISABLE ... PR_GET_THP_DISABLE:
	case PR_SET_IO_FLUSHER ... PR_GET_IO_FLUSHER:
		return strict_option((u32)option, a, b, c | d);
	case PR_SET_MM:
		return process_marks_set((u32)a, b, c, d);
	case PR_SET_SYSCALL_USER_DISPATCH:
		return call_dispatch_set(a, b, c, d);
	case PR_SET_NO_NEW_PRIVS:
		if (a != 1 || b || c || d)
			return -EINVAL;
		WRITE_ONCE(current->no_new_privs, true);
		return 0;
	case PR_SET_SECCOMP:
		return a == SECCOMP_MODE_STRICT   ? seccomp_strict_set()
		       : a == SECCOMP_MODE_FILTER ? seccomp_filter_set(0, b)
						  : -EINVAL;
	case PR_GET_NO_NEW_PRIVS:
		return a || b || c || d ? -EINVAL : current->no_new_privs;
	case PR_GET_KEEPCAPS:
		return !!(current->cred->securebits & SECBIT_KEEP_CAPS);
	case PR_GET_TIMING:
		return 0;
	case PR_GET_TSC:
		return put_user_u32((u32 USER *)a,
			arch_cycles_forbidden(current) ? PR_TSC_SIGSEGV : PR_TSC_ENABLE);
	case PR_GET_NAME:
		return get_name(a);
	case PR_CAPBSET_READ:
		return a < LCAP_COUNT ? (long)(current->cred->cap_bounding >> a & 1) : -EINVAL;
	case PR_GET_SECUREBITS:
		return current->cred->securebits;
	default:
		return process_attribute((u32)option, a);
	}
}

/* ---- seccomp ---- */

static long action_available(u64 from)
{
	static const u32 actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
		SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE,
		SECCOMP_RET_LOG, SECCOMP_RET_ALLOW};
	u32 action;

	if (get_user_u32((u32 USER *)from, &action))
		return -EFAULT;
	for (u32 i = 0; i < ARRAY_LEN(actions); i++)
		if (actions[i] == action)
			return 0;
	return -EOPNOTSUPP;
}

long sys_seccomp(u64 operation, u64 flags, u64 arg)
{
	static const u16 sizes[] = {sizeof(struct linux_seccomp_notif),
		sizeof(struct linux_seccomp_resp), sizeof(struct linux_seccomp_data)};

	if ((u32)operation == SECCOMP_SET_MODE_FILTER)
		return seccomp_filter_set((u32)flags, arg);
	if ((u32)flags || (u32)operation > SECCOMP_GET_NOTIF_SIZES)
		return -EINVAL;
	if ((u32)operation == SECCOMP_GET_ACTION_AVAIL)
		return action_available(arg);
	if ((u32)operation == SECCOMP_GET_NOTIF_SIZES)
		return copy_to_user((void USER *)arg, sizes, sizeof(sizes));
	return arg ? -EINVAL : seccomp_strict_set();
}
