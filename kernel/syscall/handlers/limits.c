/* Resource limits. Layer: syscall. */
#include <exo/posix_calls.h>
#include <exo/syscalls.h>
#include <arch/uaccess.h>

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
