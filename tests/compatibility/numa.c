/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* numa.c - policies of ranges and moves of pages, where there is one node. */
#include "t_.h"

#include <linux/mempolicy.h>

T_SUITE(numa);

#define call(name, ...) syscall(SYS_##name, ##__VA_ARGS__)

enum { PAGE = 4096 };

static char *area(int pages)
{
	char *at = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	t_check(at != MAP_FAILED);
	return at;
}

T_CASE(policy_of_a_range)
{
	unsigned long here = 1, none = 0, far = 1ul << 63;
	char *at = area(4);

	t_ret(call(mbind, at, 4 * PAGE, MPOL_BIND, &here, 64, 0), 0);
	t_ret(call(mbind, at, 4 * PAGE, MPOL_INTERLEAVE, &here, 64, MPOL_MF_STRICT), 0);
	t_ret(call(mbind, at, 4 * PAGE, MPOL_PREFERRED, &here, 64, MPOL_MF_MOVE), 0);
	t_ret(call(mbind, at, 4 * PAGE, MPOL_PREFERRED, NULL, 0, 0), 0);
	t_ret(call(mbind, at, 4 * PAGE, MPOL_LOCAL, NULL, 0, 0), 0);
	t_ret(call(mbind, at, 4 * PAGE, MPOL_DEFAULT, NULL, 0, MPOL_MF_MOVE_ALL), 0);
	t_ret(call(mbind, at, 1, MPOL_DEFAULT, NULL, 0, 0), 0);
	t_ret(call(mbind, at, 0, MPOL_BIND, &none, 64, 0), 0); /* nothing of it is looked at */
	t_errno(call(mbind, at, PAGE, 99, NULL, 0, 0), EINVAL);
	t_errno(call(mbind, at, PAGE, MPOL_DEFAULT, NULL, 0, 1 << 10), EINVAL);
	t_errno(call(mbind, at + 1, PAGE, MPOL_DEFAULT, NULL, 0, 0), EINVAL);
	t_errno(call(mbind, at, -(long)PAGE, MPOL_DEFAULT, NULL, 0, 0), EINVAL);
	t_errno(call(mbind, at, PAGE, MPOL_BIND, &none, 64, 0), EINVAL);
	t_errno(call(mbind, at, PAGE, MPOL_BIND, NULL, 0, 0), EINVAL);
	t_errno(call(mbind, at, PAGE, MPOL_BIND, &far, 65, 0), EINVAL);
	t_errno(call(mbind, at, PAGE, MPOL_DEFAULT, &here, 64, 0), EINVAL);
	t_errno(call(mbind, at, PAGE, MPOL_LOCAL, &here, 64, 0), EINVAL);
	t_errno(call(mbind, at, PAGE, MPOL_BIND, 8, 64, 0), EFAULT);
	t_ret(munmap(at + PAGE, PAGE), 0);
	t_errno(call(mbind, at, 4 * PAGE, MPOL_BIND, &here, 64, 0), EFAULT);
	t_errno(call(mbind, at + PAGE, PAGE, MPOL_BIND, &here, 64, 0), EFAULT);
	t_errno(call(mbind, at, 2 * PAGE, MPOL_BIND, &here, 64, 0), EFAULT);
	t_ret(call(mbind, at, 4 * PAGE, MPOL_DEFAULT, NULL, 0, 0), 0);
	t_errno(call(mbind, at + PAGE, PAGE, MPOL_DEFAULT, NULL, 0, 0), EFAULT);
	t_ret(call(mbind, at + 2 * PAGE, 2 * PAGE, MPOL_BIND, &here, 64, 0), 0);
}

T_CASE(where_pages_are)
{
	char *at = area(4);
	void *pages[4] = {at, at + PAGE, at + 2 * PAGE + 7, (void *)8};
	int nodes[4] = {0}, status[4] = {77, 77, 77, 77};

	at[0] = at[2 * PAGE] = 1;
	t_ret(call(move_pages, 0, 4, pages, NULL, status, 0), 0);
	t_eq(status[0], 0);
	t_check(status[1] == -ENOENT || status[1] == -EFAULT); /* the latter up to Linux 6.1 */
	t_eq(status[2], 0);
	t_eq(status[3], -EFAULT);
	memset(status, 77, sizeof(status));
	t_ret(call(move_pages, getpid(), 4, pages, nodes, status, MPOL_MF_MOVE), 0);
	t_eq(status[0], 0);
	t_check(status[1] == -ENOENT || status[1] == -EFAULT);
	t_eq(status[2], 0);
	t_eq(status[3], -EFAULT);
	t_eq(at[0] + at[2 * PAGE], 2);
	t_ret(call(move_pages, 0, 0, NULL, NULL, NULL, 0), 0);
	t_errno(call(move_pages, 0, 1, pages, NULL, status, 1), EINVAL);
	t_errno(call(move_pages, 0, 1, 8, NULL, status, 0), EFAULT);
	t_errno(call(move_pages, 0, 1, pages, 8, status, 0), EFAULT);
	t_errno(call(move_pages, 0, 1, pages, NULL, 8, 0), EFAULT);
	nodes[0] = 63;
	t_errno(call(move_pages, 0, 1, pages, nodes, status, MPOL_MF_MOVE), ENODEV);
	nodes[0] = -1;
	t_errno(call(move_pages, 0, 1, pages, nodes, status, MPOL_MF_MOVE), ENODEV);
	t_errno(call(move_pages, 0x3fffffff, 1, pages, NULL, status, 0), ESRCH);
}

T_CASE(pages_of_others)
{
	unsigned long here = 1, none = 0, far = 1ul << 40;
	void *page = &here;
	int status, wrong;
	pid_t pid;

	t_ret(call(migrate_pages, 0, 64, &here, &here), 0);
	t_ret(call(migrate_pages, getpid(), 64, &none, &here), 0);
	t_errno(call(migrate_pages, 0, 64, &here, &none), EINVAL);
	t_errno(call(migrate_pages, 0, 64, &here, &far), EINVAL);
	t_errno(call(migrate_pages, 0, 64, 8, &here), EFAULT);
	t_errno(call(migrate_pages, 0, 64, &here, 8), EFAULT);
	t_errno(call(migrate_pages, 0x3fffffff, 64, &here, &here), ESRCH);
	pid = fork();
	if (!pid) {
		wrong = setresuid(1000, 1000, 1000);
		wrong |= (call(migrate_pages, getppid(), 64, &here, &here) != -1 || errno != EPERM)
			 << 1;
		wrong |= (call(move_pages, getppid(), 1, &page, NULL, &status, 0) != -1 ||
				 errno != EPERM)
			 << 2;
		wrong |= (call(move_pages, 0, 1, &page, NULL, &status, MPOL_MF_MOVE_ALL) != -1 ||
				 errno != EPERM)
			 << 3;
		wrong |= (call(mbind, 0, PAGE, MPOL_DEFAULT, NULL, 0, MPOL_MF_MOVE_ALL) != -1 ||
				 errno != EPERM)
			 << 4;
		_exit(wrong);
	}
	t_ret(waitpid(pid, &status, 0), pid);
	t_eq(status, 0);
}
