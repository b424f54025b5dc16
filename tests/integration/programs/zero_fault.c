/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* zero_fault.c - /dev/zero into memory that is not there: the kernel's own clearing faults. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	void *gone = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int zero = open("/dev/zero", O_RDONLY);

	if (gone == MAP_FAILED || zero < 0)
		return 2;
	return read(zero, gone, 4096) == -1 && errno == EFAULT ? puts("EFAULT"), 0 : 1;
}
