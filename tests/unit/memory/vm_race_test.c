/* One address space from several threads: faults against mapping, unmapping, moving, protecting, truncating and forking. What is
 * checked is that nothing is freed twice, nothing is lost, and all sums are right when the dust has settled.
 * needs: kernel/memory/physical/early.c kernel/memory/physical/buddy.c kernel/memory/physical/pages.c kernel/memory/physical/reclaim.c
 * needs: kernel/memory/heap/slab.c kernel/memory/heap/kmalloc.c kernel/memory/heap/heap_check.c kernel/memory/heap/vmalloc.c
 * needs: kernel/memory/heap/kstack.c kernel/sync/spinlock.c kernel/sync/lock_debug.c kernel/sync/rwsem.c kernel/sync/mutex.c
 * needs: kernel/sync/waitqueue.c kernel/memory/virtual/page_tree.c kernel/memory/virtual/vm_object.c kernel/memory/virtual/vm_area.c
 * needs: kernel/memory/virtual/vm_space.c kernel/memory/virtual/vm_map.c kernel/memory/virtual/vm_fault.c
 * needs: kernel/memory/virtual/vm_protect.c kernel/memory/virtual/vm_remap.c kernel/memory/virtual/vm_advise.c
 * needs: kernel/memory/virtual/vm_access.c
 */
#include "vm_harness.h"

#define BASE    0x10000000ull
#define SPAN    64u
#define FAULTERS 3
#define ROUNDS  4000

static struct vm_space *space;
static struct vm_object *object;
static u32 running;   /* [a] */
static u32 stop;      /* [a] */

static u64 rnd(u64 *s)
{
	*s = *s * 6364136223846793005ull + 1442695040888963407ull;
	return *s >> 33;
}

static vaddr_t at(u64 i)
{
	return BASE + i % SPAN * PAGE_SIZE;
}

static bool allowed(int err)
{
	return err == 0 || err == -EFAULT || err == -EACCES || err == -EIO;
}

static void faulter(void *arg)
{
	u64 s = (uintptr_t)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		int err = vm_fault(space, at(rnd(&s)), rnd(&s) % 3 ? PROT_W : PROT_R);

		if (!allowed(err))
			u_fail(__FILE__, __LINE__, "a fault ends with %d", err);
	}
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELEASE);
}

static void truncater(void *arg)
{
	u64 s = (uintptr_t)arg;

	for (u32 i = 0; i < ROUNDS; i++) {
		if (rnd(&s) % 2)
			vm_object_truncate(object, rnd(&s) % (SPAN + 1) * PAGE_SIZE);
		else
			vm_object_punch(object, rnd(&s) % SPAN * PAGE_SIZE, SPAN * PAGE_SIZE);
		arch_cpu_relax();
	}
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELEASE);
}

static void changer(u64 *s)
{
	u64 i = rnd(s) % SPAN, n = 1 + rnd(s) % 12;
	vaddr_t va;
	int err = 0;

	n = MIN(n, SPAN - i);
	switch (rnd(s) % 8) {
	case 0:
		err = map_at(space, at(i), n, RW, NULL, 0);
		break;
	case 1:
		err = map_at(space, at(i), n, RW | VM_SHARED, object, i);
		break;
	case 2:
		err = map_at(space, at(i), n, RW, object, i);
		break;
	case 3:
		err = vm_unmap(space, at(i), n * PAGE_SIZE);
		break;
	case 4:
		(void)!vm_protect(space, at(i), n * PAGE_SIZE, rnd(s) % 2 ? VM_READ : VM_READ | VM_WRITE);
		break;
	case 5:
		(void)!vm_advise(space, at(i), n * PAGE_SIZE, L_MADV_DONTNEED);
		break;
	case 6:
		(void)!vm_remap(space, at(i), n * PAGE_SIZE, n * PAGE_SIZE, L_MREMAP_MAYMOVE | L_MREMAP_FIXED, at(rnd(s)), &va);
		break;
	default: {
		struct vm_space *c = vm_space_fork(space);
		u8 buf[64];

		u_check(!is_err(c));
		if (!is_err(c)) {
			vm_access(c, at(i), buf, sizeof(buf), true);
			vm_space_put(c);
		}
	}
	}
	u_eq(err, 0);
}

U_TEST_LIMIT(faults_against_everything, 100)
{
	u64 s = arch_cycles(), before;
	struct mem_stats st;

	vm_start(256 * MB);
	host_set_cpus(FAULTERS + 2);
	before = settled_free();
	space = vm_space_create();
	vm_space_get(space); /* not alone: fork keeps the others out */
	object = vm_object_create_anon(SPAN * PAGE_SIZE);
	running = FAULTERS + 1;
	for (uintptr_t i = 0; i < FAULTERS; i++)
		u_need(kthread_create("faulter", faulter, (void *)(i + 1)));
	u_need(kthread_create("truncater", truncater, (void *)77));
	for (u32 i = 0; i < ROUNDS && !u_failures; i++)
		changer(&s);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE))
		arch_cpu_relax();
	host_rcu_run();
	space_check(space);
	vm_space_put(space);
	vm_space_put(space);
	vm_object_put(object);
	u_eq(vm_committed_pages(), 0);
	mem_stats_get(&st);
	u_eq(st.pages_anon, 0);
	u_eq(st.pages_shmem, 0);
	u_check(before - settled_free() < 80); /* magazines of five CPUs */
}
