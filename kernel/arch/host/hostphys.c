/* host: an arena of the host's memory as physical memory. Layer: arch. */
#define _GNU_SOURCE
#include <host.h>
#include <arch/boot.h>
#include <arch/mmu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

u8 *host_phys_base;
u64 host_phys_bytes;
int host_phys_fd = -1;
struct boot_info boot_info;

void host_phys_setup(u64 bytes)
{
	if (host_phys_base) {
		munmap(host_phys_base, host_phys_bytes);
		close(host_phys_fd);
	}
	/* a file, so that the vmalloc area can map it again */
	host_phys_fd = memfd_create("physical memory", MFD_CLOEXEC);
	if (host_phys_fd < 0 || ftruncate(host_phys_fd, (off_t)bytes) < 0) {
		perror("host_phys_setup");
		abort();
	}
	host_phys_base = mmap(
		NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, host_phys_fd, 0);
	if (host_phys_base == MAP_FAILED) {
		perror("host_phys_setup");
		abort();
	}
	host_phys_bytes = bytes;
	boot_info.region_count = 1;
	boot_info.regions[0] = (struct mem_region){
		.start = 0x100000, .len_bytes = bytes - 0x100000, .kind = MEM_USABLE};
}

void arch_page_clear(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

void arch_page_copy(void *dst, const void *src)
{
	memcpy(dst, src, PAGE_SIZE);
}
