/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* oracle: machine
 * Few hosts' processors have the keys.
 *
 * pkeys.c - memory protection keys: allocation, rights of threads, faults, signals, what inherits.
 */
#include "t_.h"

#include <cpuid.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <ucontext.h>

T_SUITE(pkeys);

#define PAGE         4096l
#define RIGHTS_FIRST 0x55555554u /* of a new program: key 0 alone */
#define NO_ACCESS    1
#define NO_WRITE     2
#ifndef SEGV_PKUERR
#define SEGV_PKUERR 4
#endif

static long key_alloc(unsigned long flags, unsigned long rights)
{
	return syscall(SYS_pkey_alloc, flags, rights);
}

static long key_free(int key)
{
	return syscall(SYS_pkey_free, key);
}

static long key_protect(void *at, size_t len, int prot, int key)
{
	return syscall(SYS_pkey_mprotect, at, len, prot, key);
}

static bool cpu_has_keys(void)
{
	unsigned a, b, c = 0, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && c & 1 << 4; /* OSPKE */
}

static void need_keys(void)
{
	if (!cpu_has_keys())
		t_skip("no protection keys in this processor");
}

static unsigned rights(void)
{
	unsigned a, d;

	__asm__ volatile(".byte 0x0f,0x01,0xee" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

static void set_rights(unsigned v)
{
	__asm__ volatile(".byte 0x0f,0x01,0xef" ::"a"(v), "d"(0), "c"(0) : "memory");
}

static void allow(int key, unsigned what)
{
	set_rights((rights() & ~(3u << key * 2)) | what << key * 2);
}

static char *pages(int n)
{
	char *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		t_stop("no memory");
	return p;
}

static sigjmp_buf back;
static volatile int seen_code, seen_key, seen_signal;
static volatile unsigned rights_in_handler;
static void *volatile seen_address;

static void on_fault(int sig, siginfo_t *i, void *ctx)
{
	rights_in_handler = cpu_has_keys() ? rights() : 0;
	seen_signal = sig;
	seen_code = i->si_code;
	seen_address = i->si_addr;
	seen_key = (int)i->si_pkey;
	siglongjmp(back, 1);
}

/* Does the access fault by a key? 0 no | 1 by the key | 2 otherwise. */
static int faults(volatile char *p, bool write)
{
	unsigned had = rights();

	t_handler_info(SIGSEGV, on_fault, SA_NODEFER);
	t_handler_info(SIGBUS, on_fault, SA_NODEFER);
	seen_signal = 0;
	if (!sigsetjmp(back, 1)) {
		if (write)
			*p = 1;
		else
			(void)*p;
	} else {
		set_rights(had);
	}
	return !seen_signal ? 0 : seen_signal == SIGSEGV && seen_code == SEGV_PKUERR ? 1 : 2;
}

T_CASE(errors)
{
	char *p = pages(1);

	t_errno(key_alloc(1, 0), EINVAL);
	t_errno(key_alloc(0, 4), EINVAL);
	t_errno(key_free(-1), EINVAL);
	t_errno(key_free(16), EINVAL);
	t_errno(key_free(9), EINVAL);
	t_errno(key_protect(p, PAGE, PROT_READ, 9), EINVAL);
	t_errno(key_protect(p, PAGE, PROT_READ, 16), EINVAL);
	t_errno(key_protect(p, PAGE, PROT_READ, -2), EINVAL);
	t_errno(key_protect(p + 1, PAGE, PROT_READ, -1), EINVAL);
	t_errno(key_protect(p, PAGE, 0x4000, -1), EINVAL);
	t_ret(key_protect(p, PAGE, PROT_READ, -1), 0);
	munmap(p, PAGE);
	t_errno(key_protect(p, PAGE, PROT_READ, -1), ENOMEM);
}

T_CASE(allocation)
{
	int used = 0;

	need_keys();
	for (int i = 1; i < 16; i++) {
		long k = key_alloc(0, i & 3);

		t_eq(k, i);
		t_eq(rights() >> k * 2 & 3, i & 3);
		used++;
	}
	t_eq(used, 15);
	t_errno(key_alloc(0, 0), ENOSPC);
	t_ret(key_free(7), 0);
	t_errno(key_free(7), EINVAL);
	t_ret(key_alloc(0, NO_WRITE), 7);
	t_eq(rights() >> 14 & 3, NO_WRITE);
}

T_CASE(rights_of_pages)
{
	char *p = pages(3);
	int k;

	need_keys();
	t_eq(rights(), RIGHTS_FIRST);
	t_ok(k = (int)key_alloc(0, 0));
	p[0] = p[PAGE] = 5;
	t_ret(key_protect(p + PAGE, PAGE, PROT_READ | PROT_WRITE, k), 0);
	t_eq(faults(p + PAGE, false), 0);
	t_eq(faults(p + PAGE, true), 0);
	allow(k, NO_WRITE);
	t_eq(faults(p + PAGE, false), 0);
	t_eq(faults(p + PAGE, true), 1);
	t_eq(seen_key, k);
	t_check(seen_address == p + PAGE);
	t_eq(rights_in_handler, RIGHTS_FIRST);
	allow(k, NO_ACCESS);
	t_eq(faults(p + PAGE, false), 1);
	t_eq(faults(p + PAGE, true), 1);
	t_eq(faults(p, true), 0);
	t_eq(faults(p + 2 * PAGE, true), 0);
	/* a page that nobody has touched, too */
	t_ret(key_protect(p, 3 * PAGE, PROT_READ | PROT_WRITE, k), 0);
	madvise(p, 3 * PAGE, MADV_DONTNEED);
	t_eq(faults(p + 2 * PAGE, false), 1);
	t_eq(faults(p + 2 * PAGE, true), 1);
	allow(k, 0);
	t_eq(faults(p + 2 * PAGE, true), 0);
	/* the page's own rights come first */
	t_ret(mprotect(p, PAGE, PROT_READ), 0);
	t_eq(faults(p, true), 2);
	t_eq(seen_code, SEGV_ACCERR);
	/* mprotect leaves the key, -1 too; 0 takes it away */
	allow(k, NO_ACCESS);
	t_ret(mprotect(p, PAGE, PROT_READ | PROT_WRITE), 0);
	t_eq(faults(p, false), 1);
	t_ret(key_protect(p, PAGE, PROT_READ, -1), 0);
	t_eq(faults(p, false), 1);
	t_ret(key_protect(p, PAGE, PROT_READ | PROT_WRITE, 0), 0);
	t_eq(faults(p, true), 0);
}

T_CASE(kernel_accesses)
{
	char *p = pages(1), small[4] = "abc";
	int k, fds[2];

	need_keys();
	t_pipe(fds);
	p[0] = 1;
	t_ok(k = (int)key_alloc(0, 0));
	t_ret(key_protect(p, PAGE, PROT_READ | PROT_WRITE, k), 0);
	t_ret(write(fds[1], p, 4), 4);
	allow(k, NO_WRITE);
	t_ret(write(fds[1], p, 4), 4);
	t_errno(read(fds[0], p, 4), EFAULT);
	t_errno(pipe((int *)p), EFAULT);
	allow(k, NO_ACCESS);
	t_errno(write(fds[1], p, 4), EFAULT);
	t_errno(access(p, F_OK), EFAULT);
	t_errno(syscall(SYS_futex, p, FUTEX_WAIT, 1, NULL), EFAULT);
	t_errno(syscall(SYS_futex, p, FUTEX_LOCK_PI, 0, NULL), EFAULT);
	t_errno(syscall(SYS_futex, p, FUTEX_UNLOCK_PI, 0, NULL), EFAULT);
	/* others look at the memory, not through our keys */
	struct iovec here = {small, 1}, there = {p, 1};

	t_ret(process_vm_readv(getpid(), &here, 1, &there, 1, 0), 1);
	t_eq(small[0], 1);
	allow(k, 0);
	t_ret(read(fds[0], p, 4), 4);
}

static void *threads_own(void *key)
{
	unsigned first = rights();

	allow((int)(long)key, NO_ACCESS);
	sched_yield();
	return (void *)(long)first;
}

T_CASE(threads)
{
	pthread_t t;
	void *got;
	int k;

	need_keys();
	t_ok(k = (int)key_alloc(0, NO_WRITE));
	pthread_create(&t, NULL, threads_own, (void *)(long)k);
	pthread_join(t, &got);
	t_eq((unsigned)(long)got >> k * 2 & 3, NO_WRITE); /* its maker's */
	t_eq(rights() >> k * 2 & 3, NO_WRITE);            /* and only its own change */
}

static volatile int stop;

static void *keeps(void *key)
{
	unsigned want = (unsigned)(long)key * 0x01010101u & ~3u;
	long wrong = 0;

	set_rights(want);
	while (!stop)
		wrong += rights() != want;
	set_rights(RIGHTS_FIRST);
	return (void *)wrong;
}

T_CASE(switching)
{
	pthread_t t[6];
	void *wrong;

	need_keys();
	for (long i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, keeps, (void *)(0x10 + i * 0x20));
	t_sleep_ms(300);
	stop = 1;
	for (int i = 0; i < 6; i++) {
		pthread_join(t[i], &wrong);
		t_eq((long)wrong, 0);
	}
}

static void on_usr1(int sig)
{
	rights_in_handler = rights();
	set_rights(RIGHTS_FIRST & ~(3u << 4));
}

T_CASE(handlers)
{
	need_keys();
	set_rights(RIGHTS_FIRST & ~(3u << 6));
	t_handler(SIGUSR1, on_usr1, 0);
	raise(SIGUSR1);
	t_eq(rights_in_handler, RIGHTS_FIRST);
	t_eq(rights(), RIGHTS_FIRST & ~(3u << 6));
}

static void on_usr2(int sig, siginfo_t *i, void *context)
{
	char *area = (char *)((ucontext_t *)context)->uc_mcontext.fpregs;
	unsigned at, b, c, d;

	__cpuid_count(13, 9, b, at, c, d);
	rights_in_handler = *(unsigned *)(area + at); /* what it interrupted */
	*(unsigned *)(area + at) = RIGHTS_FIRST & ~(3u << 8);
}

T_CASE(frame)
{
	need_keys();
	set_rights(RIGHTS_FIRST & ~(3u << 6));
	t_handler_info(SIGUSR2, on_usr2, 0);
	raise(SIGUSR2);
	t_eq(rights_in_handler, RIGHTS_FIRST & ~(3u << 6));
	t_eq(rights(), RIGHTS_FIRST & ~(3u << 8));
}

/* A stack that the handler's frame may not be written to. */
T_CASE(frame_denied)
{
	char *p = pages(16);
	pid_t pid;
	int k;

	need_keys();
	t_ok(k = (int)key_alloc(0, 0));
	t_ret(key_protect(p, 16 * PAGE, PROT_READ | PROT_WRITE, k), 0);
	T_CHILD(pid)
	{
		stack_t other = {.ss_sp = p, .ss_size = 16 * PAGE};

		t_ret(sigaltstack(&other, NULL), 0);
		t_handler(SIGUSR1, on_usr1, SA_ONSTACK);
		allow(k, NO_WRITE);
		raise(SIGUSR1);
	}
	t_killed(pid, SIGSEGV);
}

T_CASE(fork_copies)
{
	char *p = pages(2);
	pid_t pid;
	int k;

	need_keys();
	t_ok(k = (int)key_alloc(0, 0));
	p[0] = 7;
	t_ret(key_protect(p, 2 * PAGE, PROT_READ | PROT_WRITE, k), 0);
	allow(k, NO_WRITE);
	T_CHILD(pid)
	{
		t_eq(rights() >> k * 2 & 3, NO_WRITE);
		t_eq(faults(p, false), 0);
		t_eq(faults(p, true), 1);
		t_eq(faults(p + PAGE, true), 1);
		t_ret(key_free(k), 0);
		t_errno(key_free(k), EINVAL);
	}
	t_exit(pid, 0);
	t_ret(key_free(k), 0); /* each has its own */
}

T_HELPER(fresh)
{
	return rights() == RIGHTS_FIRST && key_alloc(0, 0) == 1 ? 0 : 1;
}

T_CASE(exec_resets)
{
	pid_t pid;

	need_keys();
	t_ret(key_alloc(0, 0), 1);
	T_CHILD(pid)
	{
		execl(t_self, t_self, "-x", "fresh", NULL);
		_exit(2);
	}
	t_exit(pid, 0);
}

static long key_in_smaps(const void *p)
{
	static char line[512];
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	long key = -1;
	bool here = false;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (unsigned long)p >= start && (unsigned long)p < end;
		else if (here && sscanf(line, "ProtectionKey: %ld", &key) == 1)
			break;
	}
	fclose(f);
	return key;
}

T_CASE(areas)
{
	char *p = pages(4), *q;
	int k;

	need_keys();
	t_ok(k = (int)key_alloc(0, 0));
	t_ret(key_protect(p + PAGE, PAGE, PROT_READ | PROT_WRITE, k), 0);
	t_eq(key_in_smaps(p), 0);
	t_eq(key_in_smaps(p + PAGE), k);
	t_eq(key_in_smaps(p + 2 * PAGE), 0);
	allow(k, NO_WRITE);
	q = mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 3 * PAGE);
	t_check(q == p + 3 * PAGE);
	t_eq(key_in_smaps(q), k);
	t_eq(faults(q, true), 1);
	/* a large page, then a piece of it */
	size_t big = 4l << 20;

	p = mmap(NULL, big, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(p, big, MADV_HUGEPAGE);
	t_ret(key_protect(p, big, PROT_READ | PROT_WRITE, k), 0);
	t_eq(faults(p + (2l << 20), true), 1);
	allow(k, 0);
	memset(p, 1, big);
	allow(k, NO_ACCESS);
	t_eq(faults(p + (3l << 20), false), 1);
	t_ret(key_protect(p + (2l << 20) + PAGE, PAGE, PROT_READ | PROT_WRITE, 0), 0);
	t_eq(faults(p + (2l << 20) + PAGE, true), 0);
	t_eq(faults(p + (2l << 20), false), 1);
	/* of a file, shared */
	int fd = memfd_create("keys", 0);

	t_ret(ftruncate(fd, PAGE), 0);
	q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	q[0] = 1;
	t_ret(key_protect(q, PAGE, PROT_READ | PROT_WRITE, k), 0);
	t_eq(faults(q, false), 1);
	allow(k, 0);
	t_eq(faults(q, true), 0);
}

static int call_at(char *code)
{
	return ((int (*)(void))code)();
}

/* Code that may be executed alone has a key of its own, through which nobody reads. */
T_CASE(execute_only)
{
	static const char seven[] = {(char)0xb8, 7, 0, 0, 0, (char)0xc3}; /* mov $7, %eax; ret */
	char *p = pages(2), *q, buf[8];
	int fds[2];
	pid_t pid;
	long k;

	need_keys();
	memcpy(p, seven, sizeof(seven));
	memcpy(p + PAGE, seven, sizeof(seven));
	t_ret(mprotect(p, 2 * PAGE, PROT_EXEC), 0);
	k = key_in_smaps(p);
	t_check(k > 0);
	t_eq(rights() >> k * 2 & 3, NO_ACCESS);
	t_eq(call_at(p), 7);
	t_eq(faults(p, false), 1);
	t_eq(seen_key, k);
	t_pipe(fds);
	t_errno(write(fds[1], p, 8), EFAULT);
	t_errno(key_free((int)k), EINVAL); /* it is the kernel's */
	t_errno(key_protect(p, PAGE, PROT_READ, (int)k), EINVAL);
	t_check(key_alloc(0, 0) != k);
	q = mmap(NULL, PAGE, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t_eq(key_in_smaps(q), k);
	t_eq(faults(q, false), 1);
	T_CHILD(pid)
	{
		t_eq(call_at(p), 7);
		t_eq(faults(p, false), 1);
		t_eq(key_in_smaps(p), k);
	}
	t_exit(pid, 0);
	t_ret(mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
	t_eq(key_in_smaps(p), 0);
	t_eq(faults(p, false), 0);
	t_eq(faults(p + PAGE, false), 1);
	t_ret(mprotect(p, PAGE, PROT_EXEC), 0);
	t_eq(key_in_smaps(p), k);
	t_ret(mprotect(p, 2 * PAGE, PROT_READ | PROT_WRITE), 0);
	t_eq(faults(p, true), 0);
	memcpy(buf, p + PAGE, 6);
	t_mem(buf, seven, 6);
	/* a key that the program chose stays */
	int own = (int)key_alloc(0, 0);

	t_ret(key_protect(p, PAGE, PROT_EXEC, own), 0);
	t_eq(key_in_smaps(p), own);
	t_ret(mprotect(p, PAGE, PROT_READ), 0);
	t_eq(key_in_smaps(p), own);
}

T_CASE(copy_on_write)
{
	char *p = pages(1);
	pid_t pid;
	int k;

	need_keys();
	t_ok(k = (int)key_alloc(0, 0));
	t_ret(key_protect(p, PAGE, PROT_READ | PROT_WRITE, k), 0);
	p[0] = 1;
	T_CHILD(pid)
	{
		p[0] = 2; /* the child's copy has the key, too */
		allow(k, NO_ACCESS);
		t_eq(faults(p, false), 1);
	}
	t_exit(pid, 0);
	p[0] = 3;
	allow(k, NO_WRITE);
	t_eq(faults(p, true), 1);
	t_eq(p[0], 3);
}

T_CASE(debuggers_look)
{
	char *p = pages(1);
	pid_t pid;
	int k;

	need_keys();
	t_ok(k = (int)key_alloc(0, 0));
	p[0] = 0x5a;
	t_ret(key_protect(p, PAGE, PROT_READ | PROT_WRITE, k), 0);
	T_CHILD(pid)
	{
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		allow(k, NO_ACCESS);
		raise(SIGSTOP);
	}
	waitpid(pid, NULL, 0);
	t_eq(ptrace(PTRACE_PEEKDATA, pid, p, 0) & 0xff, 0x5a);
	t_ret(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	t_exit(pid, 0);
}

/* Key 0 denied: the stack, too. A new program begins anew. */
T_CASE(key_zero_denied)
{
	const char *args[4] = {NULL};
	char *p = pages(2);
	pid_t pid;
	int k;

	need_keys();
	t_ok(k = (int)key_alloc(0, 0));
	memcpy(p, t_self, strlen(t_self) + 1);
	memcpy(p + 2048, "-x", 3);
	memcpy(p + 2100, "fresh", 6);
	args[0] = p;
	args[1] = p + 2048;
	args[2] = p + 2100;
	memcpy(p + PAGE, args, sizeof(args));
	t_ret(key_protect(p, 2 * PAGE, PROT_READ | PROT_WRITE, k), 0);
	T_CHILD(pid)
	{
		__asm__ volatile(".byte 0x0f,0x01,0xef\n\t" /* wrpkru */
				 "movl %0, %%eax\n\t"
				 "syscall\n\t"
				 "hlt" ::"i"(SYS_execve),
				 "a"(3), "c"(0), "d"(0), "D"(p), "S"(p + PAGE)
				 : "r11", "memory");
	}
	t_exit(pid, 0);
}
