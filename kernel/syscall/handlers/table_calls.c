/* The handlers of the CALL lines of table.def. Layer: syscall. */
#include <exo/fs_uio.h>
#include <exo/posix_calls.h>
#include <exo/syscalls.h>
#include <exo/sysv.h>
#include <exo/uts.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>

#include "../../fs/poll/epoll.h"
#include "handlers.h"

#define SYSCALL(nr, name, args, flags, confined, state, note)
#define CALL(nr, name, args, flags, confined, state, note, ...) \
	long sys_##name(SYSCALL_ARGS##args)                     \
	{                                                       \
		return __VA_ARGS__;                             \
	}
#include "../table.def"
