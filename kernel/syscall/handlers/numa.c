/* Memory by node: policies, and moves of pages. Layer: syscall. One node has memory, number 0, so
 * every policy that can be had places memory there, and every page is where it is to go. Sources:
 * set_mempolicy(2), mbind(2), migrate_pages(2), move_pages(2). */
#include <exo/acpi.h>
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/security.h>
#include <exo/syscalls.h>
#include <exo/vm.h>
#include <exo_abi/linux_mman.h>
#include <arch/uaccess.h>

#include "handlers.h"

enum { NODE_FIRST = 1, NODE_OTHERS = 2, NODES_MAX = 1024 /* Debian's */ };

/* Which nodes a mask in user memory has. Return: NODE_* | -EINVAL | -EFAULT */
static int node_mask_read(u64 mask, u64 maxnode)
{
	u64 bits = maxnode ? maxnode - 1 : 0;
	int nodes = 0;

	if (!mask || !bits)
		return 0;
	if (bits > PAGE_SIZE * 8)
		return -EINVAL;
	for (u64 i = 0; i < bits; i += 64) {
		u64 word;

		if (get_user_u64((u64 USER *)(mask + i / 8), &word) < 0)
			return -EFAULT;
		if (bits - i < 64)
			word &= BIT(bits - i) - 1;
		if (i >= NODES_MAX && word)
			return -EINVAL;
		nodes |= !i && word & 1 ? NODE_FIRST : 0;
		nodes |= (i ? word : word & ~1ull) ? NODE_OTHERS : 0;
	}
	return nodes;
}

/* What a program may ask for when node 0 alone has memory: any other beside it is left out. Return:
 * the policy that this is | -EINVAL */
static int policy_of(u64 mode, int nodes)
{
	bool first = nodes & NODE_FIRST;
	const u32 of_nodes = BIT(L_MPOL_BIND) | BIT(L_MPOL_INTERLEAVE) | BIT(L_MPOL_PREFERRED_MANY);

	if (mode == L_MPOL_PREFERRED && !first)
		mode = L_MPOL_LOCAL; /* the nearest */
	else if (mode > L_MPOL_PREFERRED_MANY ||
		 first != (mode == L_MPOL_PREFERRED || of_nodes >> mode & 1))
		return -EINVAL;
	return nodes == NODE_OTHERS ? -EINVAL : (int)mode;
}

static bool policy_has_node(u32 policy)
{
	return policy != L_MPOL_DEFAULT && policy != L_MPOL_LOCAL;
}

long sys_set_mempolicy(u64 mode, u64 mask, u64 maxnode)
{
	int nodes = node_mask_read(mask, maxnode);
	int policy = nodes < 0 ? nodes : policy_of(mode, nodes);

	if (policy < 0)
		return policy;
	current->memory_policy = (u32)policy; /* it is told back and inherited */
	return 0;
}

static int node_mask_write(u64 mask, u64 maxnode, u64 first_word)
{
	u64 bits = maxnode ? maxnode - 1 : 0;

	if (!mask || !bits)
		return 0;
	if (put_user_u64((u64 USER *)mask, first_word) < 0)
		return -EFAULT;
	return bits > 64 ? clear_user((void USER *)(mask + 8), ALIGN_UP(bits, 64) / 8 - 8) : 0;
}

struct place {
	vaddr_t va;
	bool mapped;
	u32 policy;
};

static int find_area(void *ctx, struct vm_area *a)
{
	struct place *p = ctx;

	p->mapped = a->start <= p->va;
	p->policy = (a->flags & VM_POLICY) >> VM_POLICY_SHIFT;
	return 1;
}

long sys_get_mempolicy(u64 mode, u64 mask, u64 maxnode, u64 addr, u64 flags)
{
	struct place p = {.va = addr, .policy = current->memory_policy};
	u32 answer;

	if (flags & ~(u64)(L_MPOL_F_NODE | L_MPOL_F_ADDR | L_MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (mask && maxnode < acpi_info.node_count)
		return -EINVAL;
	if (flags & L_MPOL_F_MEMS_ALLOWED)
		return flags & (L_MPOL_F_NODE | L_MPOL_F_ADDR) ? -EINVAL
							       : node_mask_write(mask, maxnode, 1);
	if (flags & L_MPOL_F_ADDR) {
		(void)vm_for_each_area(current->space, addr, find_area, &p);
		if (!p.mapped || (flags & L_MPOL_F_NODE && vm_fault(current->space, addr, PROT_R)))
			return -EFAULT;
	} else if (addr || (flags & L_MPOL_F_NODE && p.policy != L_MPOL_INTERLEAVE)) {
		return -EINVAL; /* the node is asked for an address, or of an interleaving policy */
	}
	answer = flags & L_MPOL_F_NODE ? 0 /* its number */ : p.policy;
	if (mode && put_user_u32((u32 USER *)mode, answer) < 0)
		return -EFAULT;
	return node_mask_write(mask, maxnode, policy_has_node(p.policy));
}

/* ---- ranges and pages ---- */

/* The policy stays with the mapping, also with one that is shared. */
long sys_mbind(u64 start, u64 len_bytes, u64 mode, u64 mask, u64 maxnode, u64 flags)
{
	u64 end = start + ALIGN_UP(len_bytes, PAGE_SIZE);
	int nodes = mode > L_MPOL_PREFERRED_MANY ? -EINVAL : node_mask_read(mask, maxnode), policy;

	if (nodes < 0)
		return nodes;
	if (flags & ~(u64)(L_MPOL_MF_STRICT | L_MPOL_MF_MOVE | L_MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if (flags & L_MPOL_MF_MOVE_ALL && !cred_capable(current->cred, LCAP_SYS_NICE))
		return -EPERM;
	if (start & ~PAGE_MASK || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	policy = policy_of(mode, nodes);
	return policy < 0 ? policy : vm_set_policy(current->space, start, end, (u32)policy);
}

/* r[0]: the end of a range; r[1]: a bit for each policy that areas before it have. */
static int note_policy(void *ctx, struct vm_area *a)
{
	u64 *r = ctx;

	if (a->start >= r[0])
		return 1;
	r[1] |= BIT((a->flags & VM_POLICY) >> VM_POLICY_SHIFT) & ~BIT(L_MPOL_DEFAULT);
	return 0;
}

/* Whatever is home: the memory is the first node's. */
long sys_set_mempolicy_home_node(u64 start, u64 len_bytes, u64 node, u64 flags)
{
	u64 r[2] = {start + ALIGN_UP(len_bytes, PAGE_SIZE)};

	if (start & ~PAGE_MASK || flags || node >= acpi_info.node_count || r[0] < start)
		return -EINVAL;
	if (r[0] == start)
		return 0;
	(void)vm_for_each_area(current->space, start, note_policy, r);
	if (r[1] & ~(BIT(L_MPOL_BIND) | BIT(L_MPOL_PREFERRED_MANY)))
		return -EOPNOTSUPP;
	return r[1] ? 0 : -ENOENT;
}

/* The memory of thread @pid, 0 the caller's, +1. err_ptr(-ESRCH -EPERM) */
static struct vm_space *space_get(u64 pid)
{
	if ((pid_t)pid)
		return process_memory_of((pid_t)pid);
	vm_space_get(current->space);
	return current->space;
}

long sys_migrate_pages(u64 pid, u64 maxnode, u64 from, u64 to)
{
	struct vm_space *space SCOPED(vm_space_put_at) = NULL;
	int nodes = node_mask_read(from, maxnode);

	if (nodes >= 0)
		nodes = node_mask_read(to, maxnode);
	if (nodes < 0)
		return nodes;
	space = space_get(pid);
	if (is_err(space))
		return ptr_err(space);
	if (nodes & NODE_OTHERS && !cred_capable(current->cred, LCAP_SYS_NICE))
		return -EPERM;
	return nodes & NODE_FIRST ? 0 : -EINVAL; /* pages that could not be moved: none has to */
}

static void note_page(void *ctx, vaddr_t va, pte_t pte)
{
	if (!pte_special(pte)) /* the page of zeroes is none of the program's */
		*(s32 *)ctx = 0;
}

/* The node of the page at @va | -ENOENT none is there | -EFAULT nothing can be. */
static s32 page_status(struct vm_space *s, vaddr_t va)
{
	struct place p = {.va = va};
	s32 status = -ENOENT;

	(void)vm_for_each_area(s, va, find_area, &p);
	if (!p.mapped)
		return -EFAULT;
	va &= PAGE_MASK;
	struct rwsem *held SCOPED(read_release) = read_hold(&s->lock);
	pmap_walk(&s->pmap, va, va + PAGE_SIZE, note_page, &status);
	return status;
}

long sys_move_pages(u64 pid, u64 count, u64 pages, u64 nodes, u64 status_to, u64 flags)
{
	struct vm_space *space SCOPED(vm_space_put_at) = NULL;

	if (flags & ~(u64)(L_MPOL_MF_MOVE | L_MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if (flags & L_MPOL_MF_MOVE_ALL && !cred_capable(current->cred, LCAP_SYS_NICE))
		return -EPERM;
	space = space_get(pid);
	if (is_err(space))
		return ptr_err(space);
	for (u64 i = 0; i < count; i++) {
		u32 node = 0;
		u64 va;

		if (get_user_u64((u64 USER *)(pages + i * 8), &va) ||
			(nodes && get_user_u32((u32 USER *)(nodes + i * 4), &node)))
			return -EFAULT;
		if (node)
			return -ENODEV;
		if (put_user_u32((u32 USER *)(status_to + i * 4), (u32)page_status(space, va)))
			return -EFAULT;
		if (thread_fatal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}
