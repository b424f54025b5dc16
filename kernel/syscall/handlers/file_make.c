/* System calls that make files without a name: pipe, eventfd, memfd. Layer: syscall.
 * Sources: pipe(2) eventfd(2) memfd_create(2). */
#include <arch/uaccess.h>
#include <exo/posix_x.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>

#define MEMFD_NAME_MAX 249

long sys_pipe2(u64 fds, u64 flags)
{
	struct file *r, *w;
	s32 pair[2];
	u32 f = (u32)flags;
	int err;

	if (f & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	err = pipe_create(f, &r, &w);
	if (err)
		return err;
	pair[0] = fd_install_new(r, f);
	if (pair[0] < 0) {
		file_put(w);
		return pair[0];
	}
	pair[1] = fd_install_new(w, f);
	err = pair[1] < 0 ? pair[1] : copy_to_user((void USER *)fds, pair, sizeof(pair));
	if (err) { /* nobody knows the numbers yet */
		(void)!cap_close(current->caps, pair[0]);
		if (pair[1] >= 0)
			(void)!cap_close(current->caps, pair[1]);
	}
	return err;
}

long sys_pipe(u64 fds)
{
	return sys_pipe2(fds, 0);
}

long sys_eventfd2(u64 count, u64 flags)
{
	struct file *f;

	if ((u32)flags & ~(O_CLOEXEC | O_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	f = eventfd_create((u32)count, (u32)flags & (O_NONBLOCK | EFD_SEMAPHORE));
	return is_err(f) ? ptr_err(f) : fd_install_new(f, (u32)flags);
}

long sys_memfd_create(u64 name, u64 flags)
{
	char text[MEMFD_NAME_MAX + 1];
	struct file *f;
	long len;

	if ((u32)flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	len = strncpy_from_user(text, (const char USER *)name, sizeof(text));
	if (len < 0)
		return len == -ENAMETOOLONG ? -EINVAL : len;
	f = memfd_create(text, (u32)flags);
	return is_err(f) ? ptr_err(f) : fd_install_new(f, (u32)flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
}
