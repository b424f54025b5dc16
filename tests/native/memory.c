/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Memory objects: one size, rights of each mapping, revocation of mappings. */
#include "t_.h"
#include <exo_abi/exo_native.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

#define PAGE 4096u
T_SUITE(memory);

static sigjmp_buf after_fault;

static void on_fault(int signo)
{
	siglongjmp(after_fault, signo);
}

/* The signal that a look at @at (or a write to it) brings; 0 = none. */
static int touch(volatile char *at, bool write)
{
	int signo = sigsetjmp(after_fault, 1);

	if (signo)
		return signo;
	t_handler(SIGSEGV, on_fault, 0);
	t_handler(SIGBUS, on_fault, 0);
	if (write)
		*at = 1;
	else
		(void)*at;
	return 0;
}

static char *map(int fd, size_t len, int prot, int flags)
{
	char *at = mmap(NULL, len, prot, flags, fd, 0);

	t_check(at != MAP_FAILED);
	return at;
}

static int mem(size_t len)
{
	int fd = (int)exo_mem_create(len, EXO_CAP_CLOEXEC);

	t_check(fd >= 0);
	return fd;
}

static int narrow(int fd, uint32_t rights)
{
	int child = (int)exo_cap_derive(fd, rights, 0, 0);

	t_check(child >= 0);
	return child;
}

T_CASE(one_size_for_ever)
{
	struct exo_cap_info info;
	struct stat st;
	int fd = mem(3 * PAGE);
	char *at = map(fd, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);

	t_eq(exo_cap_inspect(fd, &info, sizeof(info)), 0);
	t_eq(info.type, EXO_TYPE_MEMORY);
	t_eq(info.rights, EXO_ALL);
	t_eq(info.flags, EXO_CAP_CLOEXEC);
	t_ok(fstat(fd, &st));
	t_eq(st.st_size, 3 * PAGE);
	t_errno(ftruncate(fd, 0), EPERM);
	t_errno(ftruncate(fd, 4 * PAGE), EPERM);
	t_eq(at[0] | at[2 * PAGE], 0);
	at[PAGE] = 7;
	t_eq(map(fd, 3 * PAGE, PROT_READ, MAP_SHARED)[PAGE], 7);
	t_eq(exo_mem_create(0, 0), -EINVAL);
	t_eq(exo_mem_create(PAGE, 4), -EINVAL);
	t_eq(exo_mem_create(1ull << 63, 0), -EFBIG);
}

T_CASE(rights_of_each_mapping)
{
	int fd = mem(PAGE), ro = narrow(fd, EXO_READ | EXO_MAP), rw, none;
	char *at;

	rw = narrow(fd, EXO_READ | EXO_WRITE | EXO_MAP);
	none = narrow(fd, EXO_READ | EXO_WRITE);
	at = map(ro, PAGE, PROT_READ, MAP_SHARED);
	t_errno(mprotect(at, PAGE, PROT_READ | PROT_WRITE), EACCES);
	t_errno(mprotect(at, PAGE, PROT_READ | PROT_EXEC), EACCES);
	t_eq(touch(at, true), SIGSEGV);
	t_check(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0) == MAP_FAILED);
	t_eq(errno, EACCES);
	t_check(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, none, 0) == MAP_FAILED);
	t_eq(errno, EACCES);
	at = map(ro, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE); /* a copy of one's own */
	t_eq(touch(at, true), 0);
	at = map(rw, PAGE, PROT_READ, MAP_SHARED);
	t_ok(mprotect(at, PAGE, PROT_READ | PROT_WRITE));
	t_errno(mprotect(at, PAGE, PROT_READ | PROT_EXEC), EACCES);
	t_errno(write(ro, "x", 1), EACCES);
}

T_CASE(revocation_unmaps)
{
	int fd = mem(4 * PAGE), child = narrow(fd, EXO_ALL), grand = narrow(child, EXO_ALL), p[2];
	char *own = map(fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED), *a, *b, *priv, c = 1;

	a = map(child, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	b = map(grand, 4 * PAGE, PROT_READ, MAP_SHARED);
	priv = map(child, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	memset(a, 5, 4 * PAGE);
	priv[PAGE] = 6;
	t_eq(b[PAGE], 5);
	t_ok(pipe(p));
	t_eq(exo_cap_revoke(child, 0), 0);
	t_eq(own[PAGE], 5); /* by the root grant: for good */
	for (size_t at = 0; at < 4 * PAGE; at += PAGE) {
		t_eq(touch(a + at, false), SIGSEGV);
		t_eq(touch(a + at, true), SIGSEGV);
		t_eq(touch(b + at, false), SIGSEGV);
		t_eq(touch(priv + at, false), SIGSEGV);
	}
	t_errno(write(p[1], a, 1), EFAULT);
	t_ret(write(p[1], &c, 1), 1);
	t_errno(read(p[0], a, 1), EFAULT);
	t_ok(mprotect(a, PAGE, PROT_READ));
	t_eq(touch(a, false), SIGSEGV);
	a = mremap(a + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	t_check(a != MAP_FAILED);
	t_eq(touch(a, false), SIGSEGV);
	t_ok(munmap(b, 4 * PAGE));
	t_check(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, grand, 0) == MAP_FAILED);
	t_eq(errno, EKEYREVOKED);
}

T_CASE(an_untouched_mapping_ends_too)
{
	int fd = mem(PAGE), child = narrow(fd, EXO_ALL);
	char *a = map(child, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);

	t_eq(exo_cap_revoke(fd, EXO_REVOKE_CHILDREN), 0);
	t_eq(touch(a, true), SIGSEGV);
	t_eq(map(fd, PAGE, PROT_READ, MAP_SHARED)[0], 0);
}

T_CASE(files_as_well)
{
	int fd, child;
	char *a;

	t_spew("f", "hello");
	fd = open("f", O_RDWR);
	child = narrow(fd, EXO_ALL);
	a = map(child, PAGE, PROT_READ, MAP_SHARED);
	t_eq(a[0], 'h');
	t_ok(exo_cap_close(child)); /* the mapping holds the grant */
	t_eq(exo_cap_revoke(fd, EXO_REVOKE_CHILDREN), 0);
	t_eq(touch(a, false), SIGSEGV);
}

T_CASE(in_every_process)
{
	int fd = mem(PAGE), child = narrow(fd, EXO_ALL), ready[2], go[2];
	char *a = map(child, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED), c;
	pid_t pid;

	*a = 1;
	t_ok(pipe(ready));
	t_ok(pipe(go));
	T_CHILD(pid)
	{
		t_eq(*a, 1);
		t_eq(map(child, PAGE, PROT_READ, MAP_SHARED)[0], 1);
		t_ret(write(ready[1], "x", 1), 1);
		t_ret(read(go[0], &c, 1), 1);
		t_eq(touch(a, false), SIGSEGV);
	}
	t_ret(read(ready[0], &c, 1), 1);
	t_eq(exo_cap_revoke(child, 0), 0);
	t_ret(write(go[1], "x", 1), 1);
	t_exit(pid, 0);
	t_eq(touch(a, false), SIGSEGV);
}

T_CASE(expiry_unmaps)
{
	int fd = mem(PAGE), child;
	char *a;

	child = (int)exo_cap_derive(fd, EXO_ALL, (uint64_t)t_now_ns() + 100000000, 0);
	t_check(child >= 0);
	a = map(child, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	t_eq(touch(a, true), 0);
	usleep(300000);
	t_eq(touch(a, true), SIGSEGV);
}

/* Another process writes all the time while the grant goes. */
T_CASE(revoked_while_written)
{
	int fd = mem(PAGE);
	char *own = map(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);

	for (int i = 0; i < 50; i++) {
		int child = narrow(fd, EXO_ALL);
		char *at;
		pid_t pid;

		at = map(child, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
		pid = t_fork();
		if (!pid) {
			while (!touch(at, true))
				;
			_exit(0);
		}
		*own = 0;
		while (!*(volatile char *)own) /* it writes */
			sched_yield();
		t_eq(exo_cap_revoke(child, 0), 0);
		*own = 0;
		sched_yield();
		t_eq(*(volatile char *)own, 0); /* and no more */
		t_exit(pid, 0);
		t_eq(*(volatile char *)own, 0);
		t_ok(munmap(at, PAGE));
		t_ok(close(child));
	}
}

/* ---- spans of 2 MB: as many faults as spans, and every page still goes its own way ---- */

#define SPAN (2u << 20)

static long faults_of(char *at, size_t len)
{
	struct rusage before, after;

	t_ok(getrusage(RUSAGE_SELF, &before));
	for (size_t i = 0; i < len; i += PAGE)
		at[i] = 1;
	t_ok(getrusage(RUSAGE_SELF, &after));
	return after.ru_minflt - before.ru_minflt;
}

static long number(const char *path, const char *name)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen(path, "r");

	while (f && kb < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			kb = atol(line + strlen(name) + 1);
	if (f)
		fclose(f);
	return kb;
}

static long huge_all(void)
{
	return number("/proc/meminfo", "AnonHugePages");
}

static long huge_ours(void)
{
	return number("/proc/self/smaps_rollup", "AnonHugePages");
}

T_CASE(one_fault_maps_a_span)
{
	long before = huge_all();
	char *at = map(-1, 8 * SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

	t_eq((unsigned long)at % SPAN, 0); /* a size of whole spans is placed for it */
	t_eq(faults_of(at, 2 * SPAN), 2 * SPAN / PAGE);
	t_ok(madvise(at, 8 * SPAN, MADV_HUGEPAGE));
	t_eq(faults_of(at + 2 * SPAN, 4 * SPAN), 4);
	t_eq(huge_all() - before, 4 * SPAN / 1024);
	t_eq(huge_ours(), 4 * SPAN / 1024);
	t_ok(munmap(at + 3 * SPAN + PAGE, PAGE)); /* this one falls to pieces */
	t_eq(huge_all() - before, 3 * SPAN / 1024);
	t_eq(huge_ours(), 3 * SPAN / 1024);
	t_eq(at[3 * SPAN] + at[3 * SPAN + 2 * PAGE], 2);
	t_ok(madvise(at + 4 * SPAN, 4 * SPAN, MADV_NOHUGEPAGE));
	t_eq(faults_of(at + 6 * SPAN, SPAN), SPAN / PAGE);
	t_ok(munmap(at, 8 * SPAN));
	t_eq(huge_all() - before, 0);
}

/* Which pages were written since clear_refs: bit 55 of pagemap. Not every Linux is built with it,
 * so it is asked here. */
static bool written(const char *at)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	t_ret(pread(fd, &entry, 8, (long)at / PAGE * 8), 8);
	t_ok(close(fd));
	return entry >> 55 & 1;
}

T_CASE(pages_tell_that_they_were_written)
{
	char *at = map(-1, 4 * SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	int fd = open("/proc/self/clear_refs", O_WRONLY);

	t_ok(madvise(at, 2 * SPAN, MADV_HUGEPAGE));
	for (size_t i = 0; i < 4 * SPAN; i += PAGE)
		at[i] = 1;
	t_check(written(at + 3 * SPAN));
	t_ret(write(fd, "4", 1), 1);
	for (size_t i = 0; i < 4 * SPAN; i += SPAN)
		t_check(!written(at + i));
	at[PAGE] = at[3 * SPAN] = 2;
	t_eq(*(volatile char *)(at + 2 * SPAN), 1);
	t_check(written(at + PAGE) && written(at + 3 * SPAN));
	t_check(!written(at) && !written(at + 2 * SPAN) && !written(at + 3 * SPAN + PAGE));
	t_ok(close(fd));
}

T_CASE(an_object_is_mapped_by_spans)
{
	int fd = mem(4 * SPAN);
	char *at = map(fd, 4 * SPAN, PROT_READ | PROT_WRITE, MAP_SHARED), *other;

	t_eq((unsigned long)at % SPAN, 0);
	t_ok(madvise(at, 4 * SPAN, MADV_HUGEPAGE));
	t_eq(faults_of(at, 4 * SPAN), 4);
	other = map(fd, 4 * SPAN, PROT_READ | PROT_WRITE, MAP_SHARED);
	t_ok(madvise(other, 4 * SPAN, MADV_HUGEPAGE));
	t_eq(faults_of(other, 4 * SPAN), 4);
	other[SPAN + 5] = 42;
	t_eq(at[SPAN + 5], 42);
}

T_CASE(revoked_spans_are_gone)
{
	int fd = mem(2 * SPAN), child = narrow(fd, EXO_ALL);
	char *own = map(fd, 2 * SPAN, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *at = map(child, 2 * SPAN, PROT_READ | PROT_WRITE, MAP_SHARED);

	t_ok(madvise(own, 2 * SPAN, MADV_HUGEPAGE));
	t_ok(madvise(at, 2 * SPAN, MADV_HUGEPAGE));
	t_eq(faults_of(own, 2 * SPAN), 2);
	t_eq(faults_of(at, 2 * SPAN), 2);
	t_eq(exo_cap_revoke(child, 0), 0);
	t_eq(touch(at, false), SIGSEGV);
	t_eq(touch(at + SPAN + PAGE, true), SIGSEGV);
	t_eq(own[SPAN + PAGE], 1);
}
