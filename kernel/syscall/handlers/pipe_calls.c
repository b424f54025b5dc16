/* pipe, pipe2. Layer: syscall. Source: pipe(2). */
#include <exo/errno.h>
#include <exo/fs.h>
#include <exo/syscalls.h>
#include <exo_abi/linux_fs.h>

long sys_pipe2(u64 a0, u64 a1)
{
	struct file *ends[2];
	u32 flags = (u32)a1;
	int err;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	err = pipe_create(flags, &ends[0], &ends[1]);
	return err ? err : fd_install_pair(ends, (s32 USER *)a0, flags);
}
