/* pipe, pipe2. Layer: syscall. Source: pipe(2). */
#include <exo/fs.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

static long pipe_install(s32 USER *user_fds, u32 flags)
{
	struct cap_space *caps = current->caps;
	u32 slot_flags = flags & O_CLOEXEC ? CAP_CLOEXEC : 0;
	u32 limit = (u32)MIN(rlimit_current(RLIM_NOFILE), (u64)~0u);
	struct file *ends[2];
	s32 fds[2];
	int err;

	fds[0] = cap_reserve(caps, slot_flags, limit);
	if (fds[0] < 0)
		return fds[0];
	fds[1] = cap_reserve(caps, slot_flags, limit);
	if (fds[1] < 0) {
		err = fds[1];
		goto unreserve0;
	}
	err = pipe_create(flags, &ends[0], &ends[1]);
	if (err)
		goto unreserve1;
	err = copy_to_user(user_fds, fds, sizeof(fds));
	if (err)
		goto put_ends;
	cap_fill(caps, fds[0], &ends[0]->object.root);
	cap_fill(caps, fds[1], &ends[1]->object.root);
	return 0;
put_ends:
	file_put(ends[0]);
	file_put(ends[1]);
unreserve1:
	cap_unreserve(caps, fds[1]);
unreserve0:
	cap_unreserve(caps, fds[0]);
	return err;
}

long sys_pipe2(u64 a0, u64 a1)
{
	u32 flags = (u32)a1;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	return pipe_install((s32 USER *)a0, flags);
}

long sys_pipe(u64 a0)
{
	return pipe_install((s32 USER *)a0, 0);
}
