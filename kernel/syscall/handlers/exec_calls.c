/* execveat, and with AT_FDCWD execve. Layer: syscall. */
#include <exo/fs.h>
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_fs.h>

#define FD_NAME_BYTES 24 /* room for "/dev/fd/N/" before the path */

long sys_execveat(u64 dirfd, u64 upath, u64 argv, u64 envp, u64 flags)
{
	struct exec_request r = {.dirfd = (cap_t)dirfd,
		.at_flags = (u32)flags,
		.argv = (const u64 USER *)argv,
		.envp = (const u64 USER *)envp};
	char *name SCOPED(kfree_at) = NULL, *path;
	int prefix;
	long err;

	if (flags & ~(u64)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	name = kmalloc(PATH_MAX_BYTES + FD_NAME_BYTES, ALLOC_KERNEL);
	if (!name)
		return -ENOMEM;
	path = name + FD_NAME_BYTES;
	err = strncpy_from_user(path, (const char USER *)upath, PATH_MAX_BYTES);
	if (err == 0 && !(flags & AT_EMPTY_PATH))
		err = -ENOENT;
	if (err < 0)
		return err;
	r.path = r.name = path;
	if (r.dirfd != AT_FDCWD && *path != '/') {
		prefix = snprintf(name, FD_NAME_BYTES, "/dev/fd/%d%s", r.dirfd, *path ? "/" : "");
		r.name = name;
		memmove(name + prefix, path, (size_t)err + 1);
		r.path = name + prefix;
	}
	return process_exec(&r, arch_thread_frame(current));
}
