/* /proc/PID/mem: another space's memory, for debuggers, and pagemap, what stands behind it. Layer:
 * fs. The files show the process as it is at each access, to whom it lets trace it then. Source:
 * proc(5). */
#include "procfs_internal.h"

#include <exo/errno.h>
#include <exo/fs_uio.h>
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/string.h>
#include <exo/vm.h>

/* Its memory, +1. err_ptr(-ESRCH | -EACCES). */
static struct vm_space *space_of(const struct inode *i)
{
	struct proc_held h SCOPED(proc_held_put) = proc_held_get(i->priv);
	struct vm_space *space = NULL;

	if (h.p)
		space = h.t && !process_may_trace(h.t) ? err_ptr(-EACCES) : process_space(h.p);
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

/* ---- pagemap: eight bytes a page ---- */

#define PAGEMAP_CHUNK     64u
#define PAGEMAP_DIRTY     BIT(55) /* since clear_refs */
#define PAGEMAP_EXCLUSIVE BIT(56)
#define PAGEMAP_FILE      BIT(61)
#define PAGEMAP_PRESENT   BIT(63)
struct pagemap {
	vaddr_t first;
	u64 entries[PAGEMAP_CHUNK];
};

static void note_page(void *ctx, vaddr_t va, pte_t pte)
{
	struct pagemap *m = ctx;
	const struct page *page = phys_to_page(pte_paddr(pte));
	u64 *e = &m->entries[(va - m->first) >> PAGE_SHIFT];

	*e = PAGEMAP_PRESENT | (pte_marks(pte) & PMAP_WRITTEN ? PAGEMAP_DIRTY : 0) |
	     (cred_capable(current->cred, LCAP_SYS_ADMIN) ? page_to_pfn(page) : 0);
	if (!pte_special(pte))
		*e |= (page_mappings(page) == 1 ? PAGEMAP_EXCLUSIVE : 0) |
		      (page->flags & PG_ANON ? 0 : PAGEMAP_FILE);
}

static ssize_t pagemap_read(struct file *f, struct uio *u, u64 *pos)
{
	struct vm_space *space SCOPED(vm_space_put_at) = space_of(f->inode);
	struct pagemap m;
	const u64 start = *pos;
	size_t n, moved;

	if (is_err(space))
		return ptr_err(space) == -ESRCH ? 0 : ptr_err(space);
	if (*pos % 8 || u->left % 8)
		return -EINVAL;
	while (u->left && *pos < USER_MAX / PAGE_SIZE * 8 && !thread_fatal_pending(current)) {
		m.first = *pos / 8 * PAGE_SIZE;
		n = MIN(MIN(u->left / 8, (size_t)PAGEMAP_CHUNK), (USER_MAX - m.first) / PAGE_SIZE);
		memset(m.entries, 0, sizeof(m.entries));
		rwsem_read_lock(&space->lock);
		pmap_walk(&space->pmap, m.first, m.first + n * PAGE_SIZE, note_page, &m);
		rwsem_read_unlock(&space->lock);
		moved = uio_write(u, m.entries, n * 8);
		*pos += moved;
		if (moved < n * 8)
			return *pos > start ? (ssize_t)(*pos - start) : -EFAULT;
	}
	return (ssize_t)(*pos - start);
}

const struct inode_ops proc_mem_ops = {.open = mem_open, .setattr = synth_deny_setattr};
const struct file_ops proc_pagemap_fops = {.read = pagemap_read, .seek = mem_seek};
const struct file_ops proc_mem_fops = {.read = mem_read, .write = mem_write, .seek = mem_seek};
