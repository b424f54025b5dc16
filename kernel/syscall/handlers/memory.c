/* Calls on address spaces: decode here, commit in kernel/memory/virtual. Layer: syscall. */
#include <exo/errno.h>
#include <exo/fs.h>
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/sched.h>
#include <exo/security.h>
#include <exo/syscalls.h>
#include <exo/vm.h>
#include <exo_abi/linux_mman.h>
#include <exo_abi/linux_process.h>
#include <arch/irq.h>
#include <arch/uaccess.h>

#include "handlers.h"

#define MAP_KNOWN                                                                     \
	(L_MAP_TYPE | L_MAP_FIXED | L_MAP_ANONYMOUS | L_MAP_32BIT | L_MAP_GROWSDOWN | \
		L_MAP_DENYWRITE | L_MAP_EXECUTABLE | L_MAP_LOCKED | L_MAP_NORESERVE | \
		L_MAP_POPULATE | L_MAP_NONBLOCK | L_MAP_STACK | L_MAP_HUGETLB |       \
		L_MAP_FIXED_NOREPLACE)
#define PROT_ALL      (L_PROT_READ | L_PROT_WRITE | L_PROT_EXEC)
#define MINCORE_CHUNK 1024 /* pages looked at in one go */

/* Locked memory of the caller after @more bytes. 0 | @over | -EPERM none allowed at all. */
static int memlock_check(struct vm_space *s, u64 more_bytes, int over)
{
	if (cred_capable(current->cred, LCAP_IPC_LOCK))
		return 0;
	if (!s->limit_memlock)
		return -EPERM;
	return (READ_ONCE(s->pages_locked) << PAGE_SHIFT) + more_bytes > s->limit_memlock ? over
											  : 0;
}

/* ---- mmap ---- */

static int map_flags(u64 prot, u64 flags, u32 *out)
{
	u32 vm = (u32)(prot & PROT_ALL) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
	u64 type = flags & L_MAP_TYPE;

	if (type == L_MAP_SHARED_VALIDATE && flags & ~(u64)MAP_KNOWN)
		return -EOPNOTSUPP;
	if (type == L_MAP_SHARED || type == L_MAP_SHARED_VALIDATE)
		vm |= VM_SHARED;
	else if (type != L_MAP_PRIVATE)
		return -EINVAL;
	if ((flags & L_MAP_GROWSDOWN) && (vm & VM_SHARED))
		return -EINVAL;
	*out = vm |
	       (flags & L_MAP_NORESERVE && READ_ONCE(vm_overcommit.mode) != OVERCOMMIT_NEVER
			       ? VM_NORESERVE
			       : 0) |
	       (flags & L_MAP_LOCKED ? VM_LOCKED : 0);
	return 0;
}

static long map_anonymous(struct vm_map_request *r)
{
	vaddr_t va;
	int err;

	r->offset_bytes = 0;
	if (r->flags & VM_SHARED) {
		if (r->len_bytes > USER_MAX)
			return -ENOMEM;
		r->object = vm_object_create_anon(ALIGN_UP(r->len_bytes, PAGE_SIZE));
		if (!r->object)
			return -ENOMEM;
	}
	err = vm_map(current->space, r, &va);
	if (r->object)
		vm_object_put(r->object);
	return err ? err : (long)va;
}

static long map_file(struct vm_map_request *r, struct file *f)
{
	struct inode *shared = r->flags & VM_SHARED ? f->inode : NULL;
	vaddr_t va;
	int err;

	if (f->mode & FMODE_PATH)
		return -EBADF;
	if (!(f->mode & FMODE_READ))
		return -EACCES;
	if ((r->flags & VM_SHARED) && !(f->mode & FMODE_WRITE)) {
		if (r->flags & VM_WRITE)
			return -EACCES;
		r->flags &= ~VM_MAYWRITE;
	}
	if (!f->ops->mmap)
		return -ENODEV;
	/* No seal comes between the question for seals and the area in the object's list. */
	if (shared)
		rwsem_read_lock(&shared->lock);
	r->file = f;
	err = f->ops->mmap(f, r);
	if (!r->object) /* the memory is not the file's */
		r->grant = NULL;
	if (!err)
		err = vm_map(current->space, r, &va);
	if (shared)
		rwsem_read_unlock(&shared->lock);
	return err ? err : (long)va;
}

/* READ_IMPLIES_EXEC of personality(2). */
static u64 implied(u64 prot)
{
	u32 persona = process_personality(0xffffffff);

	return prot & PROT_R && persona & READ_IMPLIES_EXEC ? prot | PROT_X : prot;
}

/* The key, for flags, of what is mapped so: memory to be executed alone cannot be read through its.
 */
static u32 key_for(u32 prot)
{
	u32 key = prot == L_PROT_EXEC && arch_keys() ? vm_exec_key(current->space) : 0;

	if (key)
		arch_key_set(key, 1);
	return key << PMAP_KEY_SHIFT;
}

static long map_fd(struct vm_map_request *r, cap_t nr)
{
	struct fd fd SCOPED(fd_put) =
		fd_get(nr, CAP_MAP | CAP_READ | (r->flags & VM_EXEC ? CAP_EXEC : 0) |
				   (r->flags & VM_SHARED && r->flags & VM_WRITE ? CAP_WRITE : 0));
	struct grant *g SCOPED(grant_put_at) = NULL;
	u32 rights;

	if (is_err(fd.file))
		return ptr_err(fd.file);
	if (unlikely(current->cap_watch))
		g = cap_get_derived(current->caps, nr, &fd.file->object);
	if (is_err(g))
		return ptr_err(g);
	rights = g ? g->rights : fd.file->object.root.rights;
	if (!(rights & CAP_WRITE) && r->flags & VM_SHARED) /* nor later, by mprotect */
		r->flags &= ~(u32)VM_MAYWRITE;
	if (!(rights & CAP_EXEC))
		r->flags &= ~(u32)VM_MAYEXEC;
	r->grant = g;
	return map_file(r, fd.file);
}

long sys_mmap(u64 addr, u64 len_bytes, u64 prot, u64 flags, u64 fd, u64 offset)
{
	struct vm_map_request r = {.addr = addr,
		.len_bytes = len_bytes,
		.fixed = flags & L_MAP_FIXED,
		.noreplace = flags & L_MAP_FIXED_NOREPLACE,
		.below4g = flags & L_MAP_32BIT,
		.populate = (flags & (L_MAP_POPULATE | L_MAP_NONBLOCK)) == L_MAP_POPULATE,
		.grows_down = flags & L_MAP_GROWSDOWN,
		.offset_bytes = offset};
	int err;

	if ((offset & ~PAGE_MASK) || !len_bytes)
		return -EINVAL;
	err = map_flags(implied(prot), flags, &r.flags);
	if (!err && (flags & L_MAP_LOCKED))
		err = memlock_check(current->space, len_bytes, -EAGAIN);
	if (err)
		return err;
	r.flags |= key_for(r.flags & PROT_ALL);
	if (flags & L_MAP_ANONYMOUS) /* no huge pages are set aside */
		return flags & L_MAP_HUGETLB ? -ENOMEM : map_anonymous(&r);
	return map_fd(&r, (cap_t)fd);
}

long call_protect(u64 addr, u64 len_bytes, u64 prot, u64 key)
{
	u32 more = prot & L_PROT_GROWSDOWN ? VM_STACK : 0;

	/* nothing grows up */
	if (prot & ~(u64)(PROT_ALL | L_PROT_SEM | L_PROT_GROWSDOWN) || (s32)key < -1 ||
		(s32)key > 15)
		return -EINVAL;
	prot = implied(prot) & PROT_ALL;
	more |= (s32)key < 0 ? key_for((u32)prot) : (u32)key << PMAP_KEY_SHIFT;
	if (more & VM_KEY || (s32)key >= 0) /* else the key that it has */
		more |= VM_SET_KEY;
	return vm_protect(current->space, addr, len_bytes, (u32)prot | more);
}

long sys_pkey_alloc(u64 flags, u64 denied)
{
	int key = flags || denied & ~3ull ? -EINVAL : vm_key_alloc(current->space);

	if (key >= 0)
		arch_key_set((u32)key, (u32)denied);
	return key;
}

long sys_mremap(u64 old, u64 old_len, u64 new_len, u64 flags, u64 new_addr)
{
	vaddr_t va;
	int err;

	if (flags & ~(u64)UINT32_MAX)
		return -EINVAL;
	err = vm_remap(current->space, old, old_len, new_len, (u32)flags, new_addr, &va);
	return err ? err : (long)va;
}

long sys_mincore(u64 addr, u64 len_bytes, u64 vec)
{
	u64 pages = (len_bytes >> PAGE_SHIFT) + !!(len_bytes & ~PAGE_MASK);
	u8 *buf SCOPED(kfree_at) = NULL;
	int err = 0;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (addr >= USER_MAX || len_bytes > USER_MAX - addr)
		return -ENOMEM;
	if (!user_range_ok((void USER *)vec, pages))
		return -EFAULT;
	buf = kmalloc(MINCORE_CHUNK, ALLOC_KERNEL);
	if (!buf)
		return -EAGAIN;
	for (u64 done = 0; done < pages && !err && !thread_fatal_pending(current);) {
		u64 part = MIN(pages - done, (u64)MINCORE_CHUNK);

		err = vm_mincore(
			current->space, addr + (done << PAGE_SHIFT), part << PAGE_SHIFT, buf);
		if (!err)
			err = copy_to_user((void USER *)(vec + done), buf, part);
		done += part;
	}
	return err;
}

/* ---- locking ---- */

long call_lock(u64 addr, u64 len_bytes, enum vm_lock_mode mode)
{
	vaddr_t end = addr + len_bytes;
	int err = end < addr ? -EINVAL : 0;

	if (!err && mode != VM_UNLOCK)
		err = memlock_check(
			current->space, ALIGN_UP(end, PAGE_SIZE) - (addr & PAGE_MASK), -ENOMEM);
	return err ? err : vm_lock_range(current->space, addr, len_bytes, mode);
}

long sys_mlock2(u64 addr, u64 len_bytes, u64 flags)
{
	if (flags & ~(u64)L_MLOCK_ONFAULT)
		return -EINVAL;
	return call_lock(addr, len_bytes, flags ? VM_LOCK_ON_FAULT : VM_LOCK);
}

long sys_mlockall(u64 flags)
{
	struct vm_space *s = current->space;
	u64 more = READ_ONCE(s->pages_total) - READ_ONCE(s->pages_locked);
	int err;

	if (!flags || (flags & ~(u64)(L_MCL_CURRENT | L_MCL_FUTURE | L_MCL_ONFAULT)) ||
		flags == L_MCL_ONFAULT)
		return -EINVAL;
	err = memlock_check(s, flags & L_MCL_CURRENT ? more << PAGE_SHIFT : 0, -ENOMEM);
	if (err)
		return err;
	return vm_lock_all(s,
		!(flags & L_MCL_CURRENT) ? VM_LOCK_LEAVE
		: flags & L_MCL_ONFAULT  ? VM_LOCK_ON_FAULT
					 : VM_LOCK,
		flags & L_MCL_FUTURE);
}

/* ---- membarrier ---- */

/* A bit each; the one above registers for it. */
#define BARRIERS_REGISTERED                                                       \
	(L_MEMBARRIER_CMD_GLOBAL_EXPEDITED | L_MEMBARRIER_CMD_PRIVATE_EXPEDITED | \
		L_MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |                    \
		L_MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)
#define BARRIERS (L_MEMBARRIER_CMD_GLOBAL | BARRIERS_REGISTERED | BARRIERS_REGISTERED << 1)

/* Whether a thread is in a sequence is not known here: any of @space is sent through rseq_return.
 */
static void barrier_here(void *space)
{
	arch_sync_core();
	if (current->space == space && current->flags & THREAD_RSEQ)
		__atomic_fetch_or(&current->work, WORK_NOTIFY, __ATOMIC_RELAXED);
}

/* Every CPU gets the barrier, whatever runs there: a thread that does not run now has been, or will
 * be, on one that has had it. Those that lose their CPU leave their sequence by that. */
long sys_membarrier(u64 command, u64 flag_bits, u64 cpu)
{
	struct vm_space *s = current->space;
	u32 cmd = (u32)command, flags = (u32)flag_bits;
	bool sequences = cmd == L_MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;
	cpumask_t cpus = !flags || (s32)cpu < 0 ? ~0ull : (s32)cpu < CPUS_MAX ? BIT((u32)cpu) : 0;

	if ((flags && (!sequences || flags != L_MEMBARRIER_CMD_FLAG_CPU)) || cmd & ~BARRIERS ||
		cmd & (cmd - 1))
		return -EINVAL;
	if (cmd == L_MEMBARRIER_CMD_QUERY)
		return BARRIERS;
	if (cmd & BARRIERS_REGISTERED << 1) {
		__atomic_fetch_or(&s->barriers, cmd >> 1, __ATOMIC_RELEASE);
		return 0;
	}
	if (cmd >= L_MEMBARRIER_CMD_PRIVATE_EXPEDITED &&
		!(__atomic_load_n(&s->barriers, __ATOMIC_ACQUIRE) & cmd))
		return -EPERM;
	cpu_call(cpus, barrier_here, sequences ? s : NULL);
	return 0;
}
