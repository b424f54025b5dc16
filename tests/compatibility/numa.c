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

/* Mode, and the nodes 0 to 62 times 100, that get_mempolicy tells of the range at @at. */
static long told(void *at)
{
	unsigned long nodes = 77;
	int mode = -1;

	if (call(get_mempolicy, &mode, &nodes, 64, at, MPOL_F_ADDR))
		return -1;
	return mode + (long)nodes * 100;
}

T_CASE(policy_of_a_range_is_told)
{
	unsigned long here = 1;
	char *at = area(10);
	int node = 9;
	pid_t pid;

	t_eq(told(at), MPOL_DEFAULT);
	t_ret(call(set_mempolicy, MPOL_BIND, &here, 64), 0);
	t_eq(told(at), MPOL_DEFAULT); /* that of the thread is not asked for */
	t_ret(call(mbind, at + PAGE, 4 * PAGE, MPOL_BIND, &here, 64, 0), 0);
	t_ret(call(mbind, at + 2 * PAGE, PAGE, MPOL_INTERLEAVE, &here, 64, 0), 0);
	t_ret(call(mbind, at + 3 * PAGE, PAGE, MPOL_PREFERRED, &here, 64, 0), 0);
	t_ret(call(mbind, at + 4 * PAGE, 1, MPOL_PREFERRED, NULL, 0, 0), 0);
	for (int i = 0; i < 2; i++) {
		t_eq(told(at), MPOL_DEFAULT);
		t_eq(told(at + PAGE), MPOL_BIND + 100);
		t_eq(told(at + 2 * PAGE - 1), MPOL_BIND + 100);
		t_eq(told(at + 2 * PAGE), MPOL_INTERLEAVE + 100);
		t_eq(told(at + 3 * PAGE), MPOL_PREFERRED + 100);
		t_eq(told(at + 4 * PAGE), MPOL_LOCAL); /* no node is preferred: the nearest */
		t_eq(told(at + 5 * PAGE), MPOL_DEFAULT);
		t_ret(mprotect(at, 4 * PAGE, PROT_READ), 0);
	}
	T_CHILD(pid)
	{
		t_eq(told(at + PAGE), MPOL_BIND + 100);
		t_eq(told(at + 3 * PAGE), MPOL_PREFERRED + 100);
	}
	t_exit(pid, 0);
	t_ret(call(get_mempolicy, &node, NULL, 0, at + PAGE, MPOL_F_ADDR | MPOL_F_NODE), 0);
	t_eq(node, 0);
	at = mremap(at + 2 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at + 8 * PAGE);
	t_check(at != MAP_FAILED);
	t_eq(told(at), MPOL_INTERLEAVE + 100);
	t_errno(told(at - 6 * PAGE), EFAULT);
	t_ret(call(mbind, at, PAGE, MPOL_PREFERRED_MANY, &here, 64, 0), 0);
	t_eq(told(at), MPOL_PREFERRED_MANY + 100);
	t_ret(call(mbind, at, PAGE, MPOL_LOCAL, NULL, 0, 0), 0);
	t_eq(told(at), MPOL_LOCAL);
	t_ret(call(mbind, at, PAGE, MPOL_DEFAULT, NULL, 0, 0), 0);
	t_eq(told(at), MPOL_DEFAULT);
	t_errno(told((void *)8), EFAULT);
}

T_CASE(policy_of_a_thread_is_told)
{
	const struct {
		int mode;
		unsigned long nodes;
		int told;
	} rows[] = {{MPOL_BIND, 1, MPOL_BIND}, {MPOL_INTERLEAVE, 1, MPOL_INTERLEAVE},
		{MPOL_PREFERRED, 1, MPOL_PREFERRED}, {MPOL_PREFERRED, 0, MPOL_LOCAL},
		{MPOL_LOCAL, 0, MPOL_LOCAL}, {MPOL_PREFERRED_MANY, 1, MPOL_PREFERRED_MANY},
		{MPOL_DEFAULT, 0, MPOL_DEFAULT}};

	for (int i = 0; i < 7; i++) {
		unsigned long nodes = 77;
		int mode = -1, node = -1;

		t_ret(call(set_mempolicy, rows[i].mode, &rows[i].nodes, 64), 0);
		t_ret(call(get_mempolicy, &mode, &nodes, 64, NULL, 0), 0);
		t_eq(mode, rows[i].told);
		t_eq(nodes, rows[i].nodes);
		if (mode == MPOL_INTERLEAVE)
			t_ret(call(get_mempolicy, &node, NULL, 0, NULL, MPOL_F_NODE), 0);
		else
			t_errno(call(get_mempolicy, &node, NULL, 0, NULL, MPOL_F_NODE), EINVAL);
		t_eq(node, mode == MPOL_INTERLEAVE ? 0 : -1);
	}
}

/* The line of the range at @at in numa_maps has this. */
static bool shown(void *at, const char *what)
{
	char line[4096], start[32];
	FILE *f = fopen("/proc/self/numa_maps", "r");
	bool found = false;

	sprintf(start, "%08lx ", (unsigned long)at);
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, start, strlen(start)) == 0 && strstr(line, what))
			found = true;
	if (f)
		fclose(f);
	return found;
}

T_CASE(numa_maps)
{
	unsigned long here = 1;
	char *at = area(10);
	int fd = open(t_self, O_RDONLY);

	at[0] = at[PAGE] = at[2 * PAGE] = 1;
	for (int i = 0; i < 5; i++)
		t_ret(mprotect(at + (2 * i + 1) * PAGE, PAGE, PROT_READ), 0);
	t_check(shown(at, " default anon=1 dirty=1 "));
	t_check(shown(at, " N0=1 kernelpagesize_kB=4\n"));
	t_check(!shown(at + 4 * PAGE, "N0"));
	t_ret(call(mbind, at, PAGE, MPOL_BIND, &here, 64, 0), 0);
	t_check(shown(at, " bind:0 anon=1 "));
	t_ret(call(mbind, at + 2 * PAGE, PAGE, MPOL_INTERLEAVE, &here, 64, 0), 0);
	t_check(shown(at + 2 * PAGE, " interleave:0 anon=1 "));
	t_ret(call(mbind, at + 4 * PAGE, PAGE, MPOL_PREFERRED, &here, 64, 0), 0);
	t_check(shown(at + 4 * PAGE, " prefer:0\n"));
	t_ret(call(mbind, at + 6 * PAGE, PAGE, MPOL_LOCAL, NULL, 0, 0), 0);
	t_check(shown(at + 6 * PAGE, " local\n"));
	t_ret(call(set_mempolicy, MPOL_BIND, &here, 64), 0);
	t_check(shown(at + 8 * PAGE, " bind:0\n")); /* the thread's, where the range has none */
	t_check(mmap(at + 8 * PAGE, PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE, fd, 0) ==
		at + 8 * PAGE);
	t_check(at[8 * PAGE] == 0177);
	t_check(shown(at + 8 * PAGE, " bind:0 file=/"));
	t_check(shown(at + 8 * PAGE, t_self));
	t_check(shown(at + 8 * PAGE, " N0="));
	t_check(!shown(at + 8 * PAGE, " anon="));
}

T_CASE(home_node)
{
	unsigned long here = 1;
	char *at = area(6);

#define home(at, len, node, flags) \
	syscall(450 /* set_mempolicy_home_node */, at, (long)(len), (long)(node), (long)(flags))
	t_errno(home(at, 6 * PAGE, 0, 0), ENOENT); /* no policy in the range */
	t_ret(call(mbind, at + PAGE, PAGE, MPOL_BIND, &here, 64, 0), 0);
	t_ret(call(mbind, at + 3 * PAGE, PAGE, MPOL_PREFERRED_MANY, &here, 64, 0), 0);
	t_ret(home(at, 6 * PAGE, 0, 0), 0);
	t_ret(home(at + PAGE, 1, 0, 0), 0);
	t_eq(told(at + PAGE), MPOL_BIND + 100);
	t_errno(home(at + 2 * PAGE, PAGE, 0, 0), ENOENT);
	t_ret(munmap(at, PAGE), 0);
	t_ret(home(at, 2 * PAGE, 0, 0), 0); /* over a hole */
	t_errno(home(at, PAGE, 0, 0), ENOENT);
	t_ret(call(mbind, at + 4 * PAGE, PAGE, MPOL_INTERLEAVE, &here, 64, 0), 0);
	t_errno(home(at, 6 * PAGE, 0, 0), EOPNOTSUPP);
	t_ret(call(mbind, at + 4 * PAGE, PAGE, MPOL_LOCAL, NULL, 0, 0), 0);
	t_errno(home(at + 4 * PAGE, 2 * PAGE, 0, 0), EOPNOTSUPP);
	t_ret(home(at, 0, 0, 0), 0);
	t_errno(home(at + 1, PAGE, 0, 0), EINVAL);
	t_errno(home(at, PAGE, 63, 0), EINVAL);
	t_errno(home(at, PAGE, -1, 0), EINVAL);
	t_errno(home(at, PAGE, 0, 1), EINVAL);
	t_errno(home(at, -2 * PAGE, 0, 0), EINVAL);
	t_ret(home(at, -1, 0, 0), 0); /* rounded up to nothing */
#undef home
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
