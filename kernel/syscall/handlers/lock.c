/* flock. Layer: syscall. The lock commands of fcntl are in file_slots.c. Source: flock(2). */
#include <exo/fs_locks.h>
#include <exo/syscalls.h>

long sys_flock(u64 a0, u64 a1)
{
	bool borrowed;
	struct file *f = fd_file((cap_t)a0, CAP_READ, &borrowed);
	long ret;

	if (is_err(f))
		return ptr_err(f);
	ret = file_flock(f, (int)a1);
	fd_file_release(f, borrowed);
	return ret;
}
