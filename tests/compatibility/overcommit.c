/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* oracle: machine
 * Changes how much memory a machine promises.
 *
 * overcommit.c - the modes of overcommit: as much as could be there, anything, no more than the
 * limit. */
#include "t_.h"

#include <sys/mman.h>

T_SUITE(overcommit);

#define VM      "/proc/sys/vm/overcommit_"
#define PAGE_KB 4ll
#define MB      1024ll /* in kB */

static long long value_of(const char *path)
{
	char text[64] = "";

	t_check(t_slurp(path, text, sizeof(text)) > 0);
	return atoll(text);
}

/* A row of /proc/meminfo, in kB. */
static long long kb_of(const char *row)
{
	char text[4096] = "", *at;

	t_check(t_slurp("/proc/meminfo", text, sizeof(text)) > 0);
	at = strstr(text, row);
	return at ? atoll(at + strlen(row)) : -1;
}

static int write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return n;
}

static int write_number(const char *path, long long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", n);
	return write_to(path, text);
}

static void defaults(void)
{
	(void)write_to(VM "memory", "0");
	(void)write_to(VM "ratio", "50");
}

static void need_own_machine(void)
{
	char line[4096] = "";

	if (t_slurp("/proc/cmdline", line, sizeof(line)) <= 0 || !strstr(line, "rdinit=/init "))
		t_skip("would change the memory of a machine that others use");
	atexit(defaults);
}

static void *map_kb(long long kb, int prot, int flags)
{
	return mmap(NULL, (size_t)kb * 1024, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static bool can_map(long long kb, int flags)
{
	void *p = map_kb(kb, PROT_READ | PROT_WRITE, flags);

	if (p == MAP_FAILED)
		return false;
	munmap(p, (size_t)kb * 1024);
	return true;
}

T_CASE(values)
{
	pid_t pid;

	need_own_machine();
	t_eq(value_of(VM "memory"), 0);
	t_eq(value_of(VM "ratio"), 50);
	t_eq(value_of(VM "kbytes"), 0);
	t_check(value_of("/proc/sys/vm/admin_reserve_kbytes") > 0);
	t_check(value_of("/proc/sys/vm/user_reserve_kbytes") > 0);
	t_eq(write_to(VM "memory", "3"), -EINVAL);
	t_eq(write_to(VM "memory", "-1"), -EINVAL);
	t_eq(write_to(VM "memory", "much"), -EINVAL);
	t_eq(write_to(VM "ratio", "x"), -EINVAL);
	t_eq(value_of(VM "memory"), 0);
	T_CHILD(pid)
	{
		t_ok(setuid(1000));
		t_eq(write_to(VM "memory", "1"), -EACCES);
		t_eq(write_to(VM "ratio", "1"), -EACCES);
	}
	t_exit(pid, 0);
	/* the limit is a part of the memory, or a number: what was written last */
	t_check(llabs(kb_of("CommitLimit:") - kb_of("MemTotal:") / 2) <= PAGE_KB);
	t_eq(write_to(VM "ratio", "20"), 0);
	t_check(llabs(kb_of("CommitLimit:") - kb_of("MemTotal:") / 5) <= PAGE_KB);
	t_eq(write_to(VM "kbytes", "123456"), 0);
	t_eq(value_of(VM "ratio"), 0);
	t_eq(kb_of("CommitLimit:"), 123456);
	t_eq(write_to(VM "ratio", "50"), 0);
	t_eq(value_of(VM "kbytes"), 0);
}

T_CASE(as_much_as_could_be_there)
{
	long long all, had;
	char *p;

	need_own_machine();
	all = kb_of("MemTotal:");
	t_check(can_map(all / 10 * 9, 0));
	t_check(!can_map(all * 2, 0));
	t_check(can_map(all * 20, MAP_NORESERVE));
	p = map_kb(all * 2, PROT_READ, 0); /* of what is only read there is one page */
	t_check(p != MAP_FAILED);
	t_errno(mprotect(p, (size_t)all * 2048, PROT_READ | PROT_WRITE), ENOMEM);
	t_ok(munmap(p, (size_t)all * 2048));
	had = kb_of("Committed_AS:");
	p = map_kb(100 * MB, PROT_READ | PROT_WRITE, 0);
	t_check(llabs(kb_of("Committed_AS:") - had - 100 * MB) < 2 * MB);
	t_ok(munmap(p, (size_t)(100 * MB) * 1024));
	t_check(llabs(kb_of("Committed_AS:") - had) < 2 * MB);
}

T_CASE(anything)
{
	long long all;

	need_own_machine();
	all = kb_of("MemTotal:");
	t_eq(write_to(VM "memory", "1"), 0);
	t_check(can_map(all * 20, 0));
	t_check(can_map(all * 20, MAP_NORESERVE));
	t_check(mmap(NULL, (size_t)all * 2048, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0) != MAP_FAILED);
	t_eq(write_to(VM "memory", "0"), 0);
	t_check(!can_map(all * 20, 0));
}

/* What may still be promised to us, root or not, by the rules of the limit. */
static long long allowed(bool root)
{
	long long reserve = value_of("/proc/sys/vm/user_reserve_kbytes"), size;
	char text[128] = "";

	t_check(t_slurp("/proc/self/statm", text, sizeof(text)) > 0);
	size = atoll(text) * PAGE_KB;
	return kb_of("CommitLimit:") - (root ? 0 : value_of("/proc/sys/vm/admin_reserve_kbytes")) -
	       (size / 32 < reserve ? size / 32 : reserve) - kb_of("Committed_AS:");
}

T_CASE(no_more_than_the_limit)
{
	long long room;
	char *p;
	pid_t pid;

	need_own_machine();
	t_eq(write_to(VM "ratio", "50"), 0);
	t_eq(write_to(VM "memory", "2"), 0);
	room = allowed(true);
	t_check(room > 60 * MB);
	t_check(can_map(room - 4 * MB, 0));
	t_check(!can_map(room + 4 * MB, 0));
	t_check(!can_map(room + 4 * MB, MAP_NORESERVE)); /* which is not asked */
	p = map_kb(room + 4 * MB, PROT_READ, 0);
	t_check(p != MAP_FAILED);
	t_errno(mprotect(p, (size_t)(room + 4 * MB) * 1024, PROT_READ | PROT_WRITE), ENOMEM);
	t_ok(mprotect(p, (size_t)(10 * MB) * 1024, PROT_READ | PROT_WRITE));
	t_ok(munmap(p, (size_t)(room + 4 * MB) * 1024));
	t_errno((long)mmap(NULL, (size_t)(room + 4 * MB) * 1024, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		ENOMEM);
	t_check(sbrk((intptr_t)(room + 4 * MB) * 1024) == (void *)-1);
	/* a child would have as much again */
	p = map_kb(room / 10 * 6, PROT_READ | PROT_WRITE, 0);
	t_check(p != MAP_FAILED);
	t_errno(fork(), ENOMEM);
	t_ok(madvise(p, (size_t)(room / 10 * 6) * 1024, MADV_DONTFORK));
	T_CHILD(pid)
	{
		_exit(5);
	}
	t_exit(pid, 5);
	t_ok(munmap(p, (size_t)(room / 10 * 6) * 1024));
	t_eq(write_to(VM "memory", "0"), 0);
}

/* A part is kept for root, to whom a machine belongs that has promised all it has. */
T_CASE(a_part_is_kept_for_root)
{
	long long had;
	pid_t pid;

	need_own_machine();
	had = value_of("/proc/sys/vm/admin_reserve_kbytes");
	t_eq(write_number("/proc/sys/vm/admin_reserve_kbytes", 40 * MB), 0);
	t_eq(write_to(VM "memory", "2"), 0);
	t_check(can_map(allowed(true) - 4 * MB, 0));
	T_CHILD(pid)
	{
		long long room = allowed(false);

		t_ok(setuid(1000));
		t_check(can_map(room - 4 * MB, 0));
		t_check(!can_map(room + 4 * MB, 0));
	}
	t_exit(pid, 0);
	t_eq(write_to(VM "memory", "0"), 0);
	t_eq(write_number("/proc/sys/vm/admin_reserve_kbytes", had), 0);
}

/* More was promised than a new limit allows: what there is stays, no more is given. */
T_CASE(a_limit_that_came_late)
{
	char *p;

	need_own_machine();
	p = map_kb(60 * MB, PROT_READ | PROT_WRITE, 0);
	t_check(p != MAP_FAILED);
	t_eq(write_to(VM "kbytes", "16384"), 0);
	t_eq(write_to(VM "memory", "2"), 0);
	t_check(!can_map(4, 0));
	memset(p, 1, (size_t)(10 * MB) * 1024);
	t_eq(p[(10 * MB) * 1024 - 1], 1);
	t_eq(write_to(VM "memory", "0"), 0);
	t_eq(write_to(VM "ratio", "50"), 0);
	t_check(can_map(4, 0));
}
