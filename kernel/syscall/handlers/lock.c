/* flock. Layer: syscall. The lock commands of fcntl are in file_slots.c. Source: flock(2). */
#include <exo/fs_locks.h>
#include <exo/syscalls.h>

long sys_flock(u64 a0, u64 a1)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_READ);

	return is_err(fd.file) ? ptr_err(fd.file) : file_flock(fd.file, (int)a1);
}
