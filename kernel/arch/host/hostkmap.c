/* host: the vmalloc area. A range becomes a second mapping of the arena, so what vmalloc returns is
 * real memory, and guard pages and unmapped ranges are real faults. Layer: arch. */
#define _GNU_SOURCE
#include <host.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <arch/mmu.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SLOTS 65536u /* pages that may be mapped at once, a power of two */

static struct {
	vaddr_t va; /* 0 = never used; kept when unmapped, so that probing goes on */
	paddr_t pa_plus1;
} slots[SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static u64 fail_countdown;

void host_kmap_fail_at(u64 n)
{
	fail_countdown = n;
}

static u32 slot_of(vaddr_t va)
{
	u32 i = (u32)(va >> PAGE_SHIFT) & (SLOTS - 1);

	for (u32 n = 0; slots[i].va && slots[i].va != va; n++, i = (i + 1) & (SLOTS - 1))
		ASSERT(n < SLOTS);
	return i;
}

int kmap_range(vaddr_t va, paddr_t pa, size_t len_bytes, u32 flags)
{
	if (fail_countdown && --fail_countdown == 0)
		return -ENOMEM;
	ASSERT(va >= VMALLOC_START && va + len_bytes <= VMALLOC_END);
	if (pa + len_bytes <= host_phys_bytes &&
		mmap((void *)va, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			host_phys_fd, (off_t)pa) == MAP_FAILED)
		return -ENOMEM;
	pthread_mutex_lock(&lock);
	for (size_t off = 0; off < len_bytes; off += PAGE_SIZE) {
		u32 i = slot_of(va + off);

		ASSERT(!slots[i].pa_plus1); /* mapped already */
		slots[i].va = va + off;
		slots[i].pa_plus1 = pa + off + 1;
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

void kunmap_range(vaddr_t va, size_t len_bytes)
{
	munmap((void *)va, len_bytes);
	pthread_mutex_lock(&lock);
	for (size_t off = 0; off < len_bytes; off += PAGE_SIZE)
		slots[slot_of(va + off)].pa_plus1 = 0;
	pthread_mutex_unlock(&lock);
}

paddr_t kmap_lookup(vaddr_t va)
{
	paddr_t pa;

	pthread_mutex_lock(&lock);
	pa = slots[slot_of(va & PAGE_MASK)].pa_plus1;
	pthread_mutex_unlock(&lock);
	return pa ? pa - 1 + va % PAGE_SIZE : 0;
}
