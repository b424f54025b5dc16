/* Native calls that make memory, timers, events. Layer: syscall.
 * The objects are those of the Linux calls. Source: docs/specs/CAPABILITY_SYSTEM.md. */
#include <exo/fs.h>
#include <exo/posix_x.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/native.h>

static u32 slot_flags(u64 flags)
{
	return flags & EXO_CAP_CLOEXEC ? O_CLOEXEC : 0;
}

long exo_mem_create(u64 a0, u64 a1)
{
	struct file *f;
	int err;

	if (!a0 || a1 & ~(u64)EXO_CAP_CLOEXEC)
		return -EINVAL;
	f = memfd_create_file("exo", true);
	if (is_err(f))
		return ptr_err(f);
	err = (s64)a0 < 0 ? -EFBIG : file_truncate(f->inode, a0, f);
	if (!err)
		err = tmpfs_add_seals(f->inode, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
	if (!err)
		return fd_install_new(f, slot_flags(a1));
	file_put(f);
	return err;
}
