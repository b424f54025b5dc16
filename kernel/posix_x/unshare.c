/* What threads share: to stop sharing it, and to ask whether they do. Layer: posix_x.
 *
 * Locks: process->lock while a thread's parts are looked at or changed.
 *
 * Source: unshare(2), setns(2), kcmp(2). */
#include <arch/uaccess.h>
#include <exo/drivers.h>
#include <exo/memory.h>
#include <exo/sysv.h>
#include <exo/vm.h>
#include "posix_x_internal.h"

static int unshare_fs(void)
{
	struct fs_context *own;

	if (__atomic_load_n(&current->fs->refs, __ATOMIC_ACQUIRE) == 1)
		return 0;
	own = fs_context_copy(current->fs);
	if (!own)
		return -ENOMEM;
	fs_context_put(part_switch(&current->fs, own));
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
	if (flags & CLONE_SYSVSEM)
		sem_undo_exit(current);
	if (flags & CLONE_FS)
		err = unshare_fs();
	if (!err && flags & CLONE_FILES)
		err = process_unshare_caps();
	return err;
}

/* ---- kcmp ---- */

/* What @t has of a kind, of files what slot @fd names: to be compared only. 0 | -errno. */
static int part_of(struct thread *t, u64 type, u64 fd, u64 *out)
{
	struct spin_guard g SCOPED(spin_unguard) = process_guard(t->proc);
	const u64 parts[KCMP_EPOLL_TFD] = {[KCMP_VM] = (u64)t->space,
		[KCMP_FILES] = (u64)t->caps,
		[KCMP_FS] = (u64)t->fs,
		[KCMP_SIGHAND] = (u64)t->proc->sighand,
		[KCMP_SYSVSEM] = (u64)READ_ONCE(t->sem_undos)}; /* nobody has an I/O context */
	struct object *o;

	if (!t->caps)
		return -ESRCH;
	*out = parts[type];
	if (type != KCMP_FILE)
		return 0;
	o = cap_get(t->caps, (cap_t)MIN(fd, (u64)INT32_MAX), 0);
	if (is_err(o))
		return -EBADF;
	*out = (u64)o;
	object_put(o);
	return 0;
}

/* The file that an epoll of @t watches. */
static int target_of(struct thread *t, u64 user_slot, u64 *out)
{
	struct linux_kcmp_epoll_slot slot;
	struct object *o = err_ptr(-ESRCH);
	int err;

	if (copy_from_user(&slot, (const void USER *)user_slot, sizeof(slot)))
		return -EFAULT;
	ulong flags = process_lock(t->proc);
	if (t->caps)
		o = cap_get(t->caps, (cap_t)MIN(slot.epoll_fd, (u32)INT32_MAX), 0);
	process_unlock(t->proc, flags);
	if (is_err(o))
		return (int)ptr_err(o);
	err = o->type != &file_object_type
		      ? -EINVAL
		      : epoll_target(object_file(o), (cap_t)slot.target_fd, slot.offset, out);
	object_put(o);
	return err;
}

/* An order that does not tell addresses: 0 equal, 1 less, 2 greater. */
static long order(u64 a, u64 b)
{
	static u64 secret; /* [a] an odd factor */
	u64 none = 0, fresh;

	random_bytes(&fresh, sizeof(fresh));
	(void)__atomic_compare_exchange_n(
		&secret, &none, fresh | 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	a *= READ_ONCE(secret);
	b *= READ_ONCE(secret);
	return a == b ? 0 : a < b ? 1 : 2;
}

long process_compare(pid_t pid1, pid_t pid2, u64 type, u64 fd1, u64 fd2)
{
	struct thread *t1 SCOPED(thread_put_at) = thread_find(pid1);
	struct thread *t2 SCOPED(thread_put_at) = thread_find(pid2);
	u64 a = 0, b = 0;
	long err;

	if (!t1 || !t2)
		return -ESRCH;
	if (!process_may_trace(t1) || !process_may_trace(t2))
		return -EPERM;
	if (type >= KCMP_TYPES)
		return -EINVAL;
	err = part_of(t1, type == KCMP_EPOLL_TFD ? KCMP_FILE : type, fd1, &a);
	if (!err)
		err = type == KCMP_EPOLL_TFD ? target_of(t2, fd2, &b) : part_of(t2, type, fd2, &b);
	return err ? err : order(a, b);
}
