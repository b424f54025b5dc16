/* /proc/PID/mem: another space's memory, for debuggers. Layer: fs. The file shows the process as it
 * is at each access, to whom it lets trace it then. Source: proc(5). */
#include "procfs_internal.h"

#include <exo/errno.h>
#include <exo/fs_uio.h>
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/vm.h>

/* Its memory, +1. err_ptr(-ESRCH | -EACCES). */
static struct vm_space *space_of(const struct inode *i)
{
	struct proc_held h SCOPED(proc_held_put) = proc_held_get(i->priv);
	struct vm_space *space = NULL;

	if (h.p)
		space = h.t && process_may_trace(h.t) ? process_space(h.p) : err_ptr(-EACCES);
	return space ? space : err_ptr(-ESRCH);
}

static int mem_open(struct inode *i, struct file *f)
{
	struct vm_space *space SCOPED(vm_space_put_at) = space_of(i);

	return is_err(space) ? (int)ptr_err(space) : 0;
}

static ssize_t mem_move(struct file *f, struct uio *u, u64 *pos, u32 write)
{
	struct vm_space *space SCOPED(vm_space_put_at) = space_of(f->inode);
	ssize_t n;

	if (is_err(space))
		return ptr_err(space) == -ESRCH ? 0 : ptr_err(space); /* it has ended */
	n = uio_space_move(u, space, *pos, u->left, write);
	*pos += n > 0 ? (u64)n : 0;
	return n == -EFAULT ? -EIO : n;
}

static ssize_t mem_read(struct file *f, struct uio *u, u64 *pos)
{
	return mem_move(f, u, pos, 0);
}

static ssize_t mem_write(struct file *f, struct uio *u, u64 *pos)
{
	return mem_move(f, u, pos, VM_ACCESS_FORCE);
}

static s64 mem_seek(struct file *f, s64 offset, int whence)
{
	if (whence > 1) /* SEEK_END: it has none */
		return -EINVAL;
	f->pos = (u64)offset + (whence ? f->pos : 0);
	return (s64)f->pos;
}

const struct inode_ops proc_mem_ops = {.open = mem_open, .setattr = proc_deny_setattr};
const struct file_ops proc_mem_fops = {.read = mem_read, .write = mem_write, .seek = mem_seek};
