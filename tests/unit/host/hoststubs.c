/* host: contracts of rooms above that a test seldom links; each is weak, so linking the room itself
 * replaces it. */
#include <host.h>
#include <exo/debug.h>
#include <exo/sched.h>
#include <exo/security.h>
#include <exo/vm.h>

WEAK struct cred cred_root;

WEAK void vm_switch(struct vm_space *prev, struct vm_space *next)
{
}

/* Nobody asks where a fiber sleeps. */
WEAK void arch_thread_place(struct thread *t, u64 *ip, u64 *fp)
{
	*ip = *fp = 0;
}

WEAK struct trap_frame *arch_thread_frame(struct thread *t)
{
	return NULL;
}

WEAK u32 backtrace_take(u64 ip, u64 fp, u64 low, u64 high, u64 *out, u32 max)
{
	return 0;
}
