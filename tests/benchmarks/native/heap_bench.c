/* The kernel's heap and pages as they stand in the kernel (arch/host, no checks), beside the C
 * library's malloc.
 *
 * needs: kernel/memory/physical/early.c kernel/memory/physical/buddy.c
 * needs: kernel/memory/physical/pages.c kernel/memory/physical/reclaim.c
 * needs: kernel/memory/heap/slab.c kernel/memory/heap/kmalloc.c
 * needs: kernel/memory/heap/vmalloc.c kernel/memory/heap/kstack.c
 * needs: kernel/sync/spinlock.c kernel/base/rbtree.c
 */
#include <host.h>
#include <exo/memory.h>
#include "native_bench.h"

char kernel_start[1], kernel_end[1];

static void *held[NATIVE_BATCH];

int main(void)
{
	host_log_quiet = true;
	host_phys_setup(64ull << 20);
	phys_init();
	heap_init();
	NATIVE_BENCH("kmalloc_kfree_64", {
		void *p = kmalloc(64, ALLOC_KERNEL);
		NATIVE_USE(p);
		kfree(p);
	});
	NATIVE_BENCH("malloc_free_64_libc", {
		void *p = malloc(64);
		NATIVE_USE(p);
		free(p);
	});
	/* Half of the batch allocates, half frees: two of these are a pair with other objects in
	 * between. */
	NATIVE_BENCH("kmalloc_or_kfree_64_runs_of_32", {
		if (i < NATIVE_BATCH / 2)
			held[i] = kmalloc(64, ALLOC_KERNEL);
		else
			kfree(held[i - NATIVE_BATCH / 2]);
	});
	NATIVE_BENCH("kmalloc_kfree_4096", {
		void *p = kmalloc(4096, ALLOC_KERNEL);
		NATIVE_USE(p);
		kfree(p);
	});
	NATIVE_BENCH("page_alloc_page_free", {
		struct page *p = page_alloc(0, ALLOC_KERNEL);
		NATIVE_USE(p);
		page_free(p, 0);
	});
	NATIVE_BENCH("malloc_free_4096_libc", {
		void *p = malloc(4096);
		NATIVE_USE(p);
		free(p);
	});
	return 0;
}
