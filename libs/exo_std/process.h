/* exo_std/process - child processes by capability. C11 and C++11, for Exo-OS; elsewhere -ENOSYS. */
#pragma once

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "security.h"

/* exo_start - runs @program (a capability with EXEC) as a child with exactly the capabilities of
 * @caps, each at the slot that it says, and @argv (ends with NULL). @flags: EXO_SPAWN_CONFINED. No
 * memory is shared or copied, the environment is empty. Returns the process as a capability (closed
 * on exec, WAIT and SIGNAL) | -errno as of exo_spawn. */
static inline exo_cap_t exo_start(exo_cap_t program, const char *const *argv,
	const struct exo_spawn_cap *caps, uint32_t cap_count, uint32_t flags)
{
	struct exo_spawn_args a;

	__builtin_memset(&a, 0, sizeof(a));
	a.program = program;
	a.flags = flags;
	a.name = argv && argv[0] ? (uint64_t)(uintptr_t)argv[0] : 0;
	a.argv = (uint64_t)(uintptr_t)argv;
	a.caps = (uint64_t)(uintptr_t)caps;
	a.cap_count = cap_count;
	return (exo_cap_t)exo_spawn(&a, sizeof(a));
}

/* exo_wait - until the process has ended. Its exit status, 0..255 | 256 + the signal that ended it
 * | -errno. */
static inline int exo_wait(exo_cap_t process)
{
	siginfo_t info;

	__builtin_memset(&info, 0, sizeof(info));
	while (waitid((idtype_t)3 /* P_PIDFD */, (id_t)process, &info, WEXITED))
		if (errno != EINTR)
			return -errno;
	return info.si_code == CLD_EXITED ? info.si_status : 256 + info.si_status;
}

/* exo_signal - 0 | -errno. Needs SIGNAL. */
static inline int exo_signal(exo_cap_t process, int signal)
{
	return syscall(424 /* pidfd_send_signal */, process, signal, NULL, 0) ? -errno : 0;
}
