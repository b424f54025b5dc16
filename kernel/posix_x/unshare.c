/* What threads share: to stop sharing it, and to ask whether they do. Layer: posix_x.
 *
 * Locks: process->lock while a thread's parts are looked at or changed.
 *
 * Source: unshare(2), setns(2), kcmp(2). */
#include <exo/drivers.h>
#include <exo/memory.h>
#include <exo/vm.h>
#include "posix_x_internal.h"

static int unshare_fs(void)
{
	struct fs_context *old = current->fs, *own;
	ulong flags;

	if (__atomic_load_n(&old->refs, __ATOMIC_ACQUIRE) == 1)
		return 0;
	own = fs_context_copy(old);
	if (!own)
		return -ENOMEM;
	flags = process_lock(current->proc);
	current->fs = own;
	process_unlock(current->proc, flags);
	fs_context_put(old);
	return 0;
}

/* Memory, handlers and the process itself can only be kept: by who has them alone. */
long process_unshare(u64 flags)
{
	const u64 alone = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	struct process *p = current->proc;
	int err = 0;

	if (flags & ~(alone | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM) ||
		(flags & alone && p->thread_count > 1) ||
		(flags & (CLONE_SIGHAND | CLONE_VM) &&
			__atomic_load_n(&p->sighand->refs, __ATOMIC_RELAXED) > 1) ||
		(flags & CLONE_VM && __atomic_load_n(&current->space->refs, __ATOMIC_RELAXED) > 1))
		return -EINVAL;
	if (flags & CLONE_FS)
		err = unshare_fs();
	if (!err && flags & CLONE_FILES)
		err = process_unshare_caps();
	return err;
}

/* ---- kcmp ---- */

/* What @t has of a kind; of files what slot @fd names, +1. 0 | -errno. */
static int part_of(struct thread *t, u64 type, u64 fd, u64 *out)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(t->proc);

	if (!t->caps)
		return -ESRCH;
	switch (type) {
	case KCMP_FILE: {
		struct object *o = cap_get(t->caps, (cap_t)MIN(fd, (u64)INT32_MAX), 0);

		*out = (u64)o;
		return is_err(o) ? -EBADF : 0;
	}
	case KCMP_VM:
		*out = (u64)t->space;
		return 0;
	case KCMP_FILES:
		*out = (u64)t->caps;
		return 0;
	case KCMP_FS:
		*out = (u64)t->fs;
		return 0;
	case KCMP_SIGHAND:
		*out = (u64)t->proc->sighand;
		return 0;
	case KCMP_IO: /* nobody has an I/O context */
		*out = 0;
		return 0;
	default:
		return type < KCMP_TYPES ? -EOPNOTSUPP : -EINVAL;
	}
}

/* An order that does not tell addresses: 0 equal, 1 less, 2 greater. */
static long order(u64 a, u64 b)
{
	static u64 secret[2]; /* [a] an odd factor, a mask */
	u64 fresh[2];

	if (!__atomic_load_n(&secret[0], __ATOMIC_ACQUIRE)) {
		random_bytes(fresh, sizeof(fresh));
		__atomic_store_n(&secret[1], fresh[1], __ATOMIC_RELAXED);
		__atomic_store_n(&secret[0], fresh[0] | 1, __ATOMIC_RELEASE);
	}
	a = (a ^ secret[1]) * secret[0];
	b = (b ^ secret[1]) * secret[0];
	return a == b ? 0 : a < b ? 1 : 2;
}

long process_compare(pid_t pid1, pid_t pid2, u64 type, u64 fd1, u64 fd2)
{
	struct thread *t1 = thread_find(pid1), *t2 = thread_find(pid2);
	u64 a = 0, b = 0;
	long err = !t1 || !t2 ? -ESRCH : 0;
	bool file = type == KCMP_FILE;

	if (!err && (!process_may_trace(t1) || !process_may_trace(t2)))
		err = -EPERM;
	if (!err)
		err = part_of(t1, type, fd1, &a);
	if (!err) {
		err = part_of(t2, type, fd2, &b);
		if (!err && file)
			object_put((struct object *)b);
		if (file)
			object_put((struct object *)a);
		if (!err)
			err = order(a, b);
	}
	if (t1)
		thread_put(t1);
	if (t2)
		thread_put(t2);
	return err;
}
