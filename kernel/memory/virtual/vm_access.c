/* Reading and writing another space's memory: ptrace, /proc/PID/mem, /proc/PID/cmdline, arguments
 * of a new program. Layer: memory. */
#include <exo/string.h>
#include <arch/uaccess.h>
#include "vm_internal.h"

/* A page that only this space has may be changed under a mapping that the program itself may not
 * write: breakpoints. */
static bool may_write(pte_t pte)
{
	const struct page *p = pte_special(pte) ? NULL : phys_to_page(pte_paddr(pte));

	return pte_writable(pte) ||
	       (p && p->flags & PG_ANON && __atomic_load_n(&p->refs, __ATOMIC_ACQUIRE) == 1);
}

/* One page. The area is held for writing: nobody can take the page away or look at a half of the
 * change of rights. */
static int access_page(struct vm_space *s, vaddr_t va, u8 *buf, size_t len_bytes, u32 write)
{
	struct vm_area *a;
	pte_t pte;
	u8 *mem;
	int err = -EAGAIN;

	while (err == -EAGAIN) {
		err = vm_fault(s, va,
			!write                     ? PROT_R
			: write == VM_ACCESS_FORCE ? PROT_W | VM_FAULT_FORCE
						   : PROT_W);
		if (err)
			return err;
		a = area_get(s, va);
		if (!a)
			return -EFAULT;
		rwsem_write_lock(&a->lock);
		pte = pmap_lookup(&s->pmap, va & PAGE_MASK);
		if (va < a->start || va >= a->end || !pte_present(pte) ||
			(write && !may_write(pte))) {
			err = -EAGAIN;
		} else {
			mem = (u8 *)phys_to_virt(pte_paddr(pte)) + (va & ~PAGE_MASK);
			if (write)
				memcpy(mem, buf, len_bytes);
			else
				memcpy(buf, mem, len_bytes);
		}
		rwsem_write_unlock(&a->lock);
		area_put(a);
	}
	return err;
}

ssize_t vm_access(struct vm_space *s, vaddr_t va, void *buf, size_t len_bytes, u32 write)
{
	size_t done = 0;

	while (done < len_bytes && va + done < USER_MAX) {
		size_t part = MIN(len_bytes - done, PAGE_SIZE - ((va + done) & ~PAGE_MASK));

		if (access_page(s, va + done, (u8 *)buf + done, part, write))
			break;
		done += part;
	}
	return done || !len_bytes ? (ssize_t)done : -EFAULT;
}
