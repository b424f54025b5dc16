/* Resource limits. Layer: syscall. */
#include <exo/posix_calls.h>
#include <exo/syscalls.h>
#include <arch/uaccess.h>

long sys_getrlimit(u64 id, u64 to)
{
	struct rlimit64 old;
	long err = process_limit_change(0, (u32)id, NULL, &old);

	if (!err && copy_to_user((void USER *)to, &old, sizeof(old)))
		return -EFAULT;
	return err;
}

long sys_setrlimit(u64 id, u64 from)
{
	struct rlimit64 new, old;

	if (copy_from_user(&new, (const void USER *)from, sizeof(new)))
		return -EFAULT;
	return process_limit_change(0, (u32)id, &new, &old);
}

long sys_prlimit64(u64 pid, u64 id, u64 unew, u64 uold)
{
	struct rlimit64 new, old;
	long err;

	if (unew && copy_from_user(&new, (const void USER *)unew, sizeof(new)))
		return -EFAULT;
	err = process_limit_change((pid_t)pid, (u32)id, unew ? &new : NULL, &old);
	if (!err && uold && copy_to_user((void USER *)uold, &old, sizeof(old)))
		return -EFAULT;
	return err;
}
