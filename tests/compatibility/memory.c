/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* memory.c - mappings: anonymous, private, shared, of files; protection, moving, limits, brk, the
 * stack. */
#include "t_.h"

#include <setjmp.h>
#include <sys/resource.h>

T_SUITE(memory);

enum { PAGE = 4096 };

static sigjmp_buf fault_exit;
static volatile int fault_sig, fault_code;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	fault_sig = sig;
	fault_code = info->si_code;
	siglongjmp(fault_exit, 1);
}

static void watch_faults(void)
{
	t_handler_info(SIGSEGV, on_fault, 0);
	t_handler_info(SIGBUS, on_fault, 0);
}

/* The signal that reading, or writing, this byte raises; 0 when it can be done. */
static int read_fault(volatile char *at)
{
	fault_sig = 0;
	if (sigsetjmp(fault_exit, 1) == 0)
		(void)*at;
	return fault_sig;
}

static int write_fault(volatile char *at)
{
	fault_sig = 0;
	if (sigsetjmp(fault_exit, 1) == 0)
		*at = 1;
	return fault_sig;
}

static char *anon(size_t pages, int prot)
{
	char *at = mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		t_stop("mmap failed");
	return at;
}

static char *shared(size_t pages)
{
	char *at =
		mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		t_stop("mmap failed");
	return at;
}

static int file_of(size_t bytes)
{
	int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < bytes; i++) {
		char byte = (char)('a' + i / PAGE);
		if (i % PAGE == 0 && ftruncate(fd, i) < 0)
			t_stop("ftruncate");
		if ((i % PAGE < 4 || i + 1 == bytes) && pwrite(fd, &byte, 1, i) != 1)
			t_stop("pwrite");
	}
	return fd;
}

#define RW (PROT_READ | PROT_WRITE)

T_CASE(anonymous_is_zero)
{
	char *at = anon(16, RW);
	int sum = 0;

	for (int i = 0; i < 16 * PAGE; i++)
		sum |= at[i];
	t_eq(sum, 0);
	t_eq((uintptr_t)at % PAGE, 0);
	memset(at, 7, 16 * PAGE);
	t_ret(munmap(at, 16 * PAGE), 0);
	watch_faults();
	t_eq(read_fault(at), SIGSEGV);
	t_eq(fault_code, SEGV_MAPERR);
	t_ret(munmap(at, 16 * PAGE), 0); /* nothing there is no error */
}

T_CASE(mmap_errors)
{
	int ro, wo, rw = file_of(10), fds[2];

	t_ok(ro = open("f", O_RDONLY));
	t_ok(wo = open("f", O_WRONLY));
	t_errno((long)mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	t_errno((long)mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	t_errno((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, 777, 0), EBADF);
	t_errno((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, rw, 100), EINVAL);
	t_errno((long)mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0), EACCES);
	t_errno((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
	t_check(mmap(NULL, PAGE, RW, MAP_PRIVATE, ro, 0) != MAP_FAILED);
	t_errno((long)mmap((void *)1, PAGE, RW, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		EINVAL);
	t_errno((long)mmap(NULL, 1ul << 62, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	t_errno((long)mmap((void *)0x00fffffffffff000, 2 * PAGE, RW,
			MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		ENOMEM);
	t_pipe(fds);
	t_errno((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fds[0], 0), ENODEV);
	t_errno((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0), ENODEV);
	t_errno(munmap((void *)1, PAGE), EINVAL);
	t_errno(munmap(NULL, 0), EINVAL);
	t_errno(munmap((void *)0x00fffffffffff000, 1ul << 50), EINVAL);
}

T_CASE(fixed_and_noreplace)
{
	char *at = anon(4, RW);

	at[0] = at[PAGE] = at[3 * PAGE] = 'x';
	t_check(mmap(at + PAGE, PAGE, RW, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		at + PAGE);
	t_eq(at[PAGE], 0);
	t_eq(at[0], 'x');
	t_errno((long)mmap(at + PAGE, PAGE, RW, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0),
		EEXIST);
	t_ret(munmap(at + 2 * PAGE, PAGE), 0);
	t_check(mmap(at + 2 * PAGE, PAGE, RW, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0) == at + 2 * PAGE);
	t_eq(at[3 * PAGE], 'x');
	/* a hint that is free is taken */
	t_ret(munmap(at, 4 * PAGE), 0);
	t_check(mmap(at, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == at);
	/* one that is not, is not */
	t_check(mmap(at, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != at);
}

T_CASE(munmap_splits)
{
	char *at = anon(5, RW);

	for (int i = 0; i < 5; i++)
		at[i * PAGE] = 'a' + i;
	t_ret(munmap(at + 2 * PAGE, 1), 0);
	watch_faults();
	t_eq(read_fault(at + 2 * PAGE), SIGSEGV);
	t_eq(read_fault(at + 2 * PAGE - 1), 0);
	t_eq(at[PAGE], 'b');
	t_eq(at[3 * PAGE], 'd');
	t_ret(munmap(at, 5 * PAGE), 0);
	t_eq(read_fault(at + 4 * PAGE), SIGSEGV);
}

T_CASE(private_is_copied_on_fork)
{
	char *at = anon(8, RW);
	pid_t pid;

	memset(at, 'p', 8 * PAGE);
	T_CHILD(pid)
	{
		at[0] = 'c';
		at[7 * PAGE] = 'c';
		t_eq(at[PAGE], 'p');
		t_eq(at[0], 'c');
	}
	at[PAGE] = 'q';
	t_exit(pid, 0);
	t_eq(at[0], 'p');
	t_eq(at[7 * PAGE], 'p');
	t_eq(at[PAGE], 'q');
}

T_CASE(shared_is_shared_over_fork)
{
	volatile char *at = shared(4);
	pid_t pid;

	at[0] = 'p';
	T_CHILD(pid)
	{
		t_eq(at[0], 'p');
		at[0] = 'c';
		at[3 * PAGE] = 'd'; /* first touched after the fork */
	}
	t_exit(pid, 0);
	t_eq(at[0], 'c');
	t_eq(at[3 * PAGE], 'd');
}

T_CASE(file_shared_and_private)
{
	int fd = file_of(2 * PAGE);
	char byte;
	char *both = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	char *mine = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	char *second = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);

	t_check(both != MAP_FAILED && mine != MAP_FAILED && second != MAP_FAILED);
	t_eq(both[0], 'a');
	t_eq(mine[PAGE], 'b');
	t_eq(second[0], 'b');
	both[1] = 'S';
	t_ret(pread(fd, &byte, 1, 1), 1);
	t_eq(byte, 'S');
	t_eq(mine[1], 'S'); /* not written here yet: sees the file */
	mine[1] = 'P';
	t_eq(both[1], 'S');
	t_ret(pwrite(fd, "W", 1, PAGE), 1);
	t_eq(both[PAGE], 'W');
	t_eq(second[0], 'W');
	t_ret(msync(both, 2 * PAGE, MS_SYNC), 0);
	t_ret(close(fd), 0);
	t_ret(unlink("f"), 0);
	t_eq(both[0], 'a'); /* the mapping keeps the file */
	both[0] = 'z';
	t_eq(both[0], 'z');
}

T_CASE(file_end_raises_sigbus)
{
	int fd = file_of(PAGE + 100);
	char *at = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);

	watch_faults();
	t_eq(read_fault(at + PAGE + 99), 0);
	t_eq(at[PAGE + 100], 0);
	t_eq(read_fault(at + PAGE + 4000), 0);
	t_eq(read_fault(at + 2 * PAGE), SIGBUS);
	t_eq(fault_code, BUS_ADRERR);
	t_eq(write_fault(at + 3 * PAGE), SIGBUS);
	t_ret(ftruncate(fd, 3 * PAGE), 0);
	t_eq(read_fault(at + 2 * PAGE), 0);
	at[PAGE] = 'x';
	t_ret(ftruncate(fd, PAGE), 0);
	t_eq(read_fault(at + PAGE), SIGBUS);
	t_ret(ftruncate(fd, 2 * PAGE), 0);
	t_eq(read_fault(at + PAGE), 0);
	t_eq(at[PAGE], 0); /* what was cut away does not come back */
}

T_CASE(truncate_takes_private_copies)
{
	int fd = file_of(2 * PAGE);
	char *mine = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);

	watch_faults();
	mine[0] = mine[PAGE] = 'P';
	t_ret(ftruncate(fd, PAGE), 0);
	t_eq(mine[0], 'P');
	t_eq(read_fault(mine + PAGE), SIGBUS);
}

T_CASE(mprotect_splits_and_denies)
{
	char *at = anon(5, RW);

	watch_faults();
	memset(at, 'x', 5 * PAGE);
	t_ret(mprotect(at + PAGE, PAGE, PROT_READ), 0);
	t_ret(mprotect(at + 3 * PAGE, PAGE, PROT_NONE), 0);
	t_eq(write_fault(at), 0);
	t_eq(write_fault(at + PAGE), SIGSEGV);
	t_eq(read_fault(at + PAGE), 0);
	t_eq(write_fault(at + 2 * PAGE), 0);
	t_eq(read_fault(at + 3 * PAGE), SIGSEGV);
	t_eq(write_fault(at + 4 * PAGE), 0);
	t_ret(mprotect(at, 5 * PAGE, RW), 0);
	t_eq(at[3 * PAGE], 'x');
	t_eq(write_fault(at + 3 * PAGE), 0);
	t_errno(mprotect(at + 1, PAGE, RW), EINVAL);
	t_errno(mprotect(at, PAGE, 0x1000), EINVAL);
	t_ret(mprotect(at, 0, RW), 0);
	t_ret(munmap(at + 2 * PAGE, PAGE), 0);
	t_errno(mprotect(at, 5 * PAGE, PROT_READ), ENOMEM);
	int ro = (close(file_of(PAGE)), open("f", O_RDONLY));
	char *file = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	t_errno(mprotect(file, PAGE, RW), EACCES);
}

static bool can_write(char *at)
{
	int fd = open("/dev/zero", O_RDONLY), good = read(fd, at, 1);

	close(fd);
	return good == 1;
}

/* From the beginning of what grows down, wherever that is. */
T_CASE(mprotect_of_what_grows)
{
	const int rw = PROT_READ | PROT_WRITE, down = PROT_GROWSDOWN;
	char *room = mmap(NULL, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at,
	     *old;
	char here;

	t_ret(munmap(room, 32 * PAGE), 0);
	t_ret(munmap(room + 48 * PAGE, 16 * PAGE), 0);
	at = mmap(room + 48 * PAGE, 4 * PAGE, rw,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	t_check(at == room + 48 * PAGE);
	t_ret(mprotect(at + 2 * PAGE, PAGE, PROT_READ | down), 0);
	t_check(!can_write(at) && !can_write(at + 2 * PAGE) && can_write(at + 3 * PAGE));
	t_ret(mprotect(at + PAGE, 1, rw | down), 0); /* of the one area that this is now */
	t_check(can_write(at) && can_write(at + PAGE) && !can_write(at + 2 * PAGE));
	t_ret(mprotect(at + 3 * PAGE, PAGE, PROT_READ | down), 0);
	t_check(can_write(at + PAGE) && !can_write(at + 3 * PAGE));
	t_ret(mprotect(at + PAGE, 0, PROT_READ | down), 0);
	t_check(can_write(at));
	t_errno(mprotect(at + 1, PAGE, rw | down), EINVAL);
	t_errno(mprotect(at, 5 * PAGE, PROT_READ | down), ENOMEM);
	t_errno(mprotect(room, PAGE, rw | down), ENOMEM); /* what is above comes too late */
	t_errno(mprotect(at, PAGE, rw | PROT_GROWSUP), EINVAL);
	t_errno(mprotect(at, PAGE, rw | PROT_GROWSUP | down), EINVAL);
	t_errno(mprotect(room + 33 * PAGE, PAGE, PROT_READ | down), EINVAL); /* does not grow */
	t_ret(mprotect(room + 33 * PAGE, PAGE, rw), 0);
	t_check(!can_write(room + 32 * PAGE) && can_write(room + 33 * PAGE));
	old = (char *)((uintptr_t)&here & -PAGE);
	t_ret(mprotect(old, PAGE, rw | down), 0); /* as for a stack that shall be executed */
	t_check(can_write(&here));
}

T_CASE(mprotect_keeps_copy_on_write)
{
	char *at = anon(1, RW);
	pid_t pid;

	at[0] = 'p';
	T_CHILD(pid)
	{
		t_ret(mprotect(at, PAGE, PROT_READ), 0);
		t_ret(mprotect(at, PAGE, RW), 0);
		at[0] = 'c';
	}
	t_exit(pid, 0);
	t_eq(at[0], 'p');
}

T_CASE(calls_respect_protection)
{
	char *at = anon(2, RW);
	int fd = file_of(2 * PAGE);

	t_ret(mprotect(at, PAGE, PROT_READ), 0);
	t_ret(munmap(at + PAGE, PAGE), 0);
	t_errno(read(fd, at, 10), EFAULT);
	t_errno(read(fd, at + PAGE, 10), EFAULT);
	t_ret(pwrite(fd, at, 10, 0), 10);
	t_ret(pwrite(fd, at + PAGE - 5, 10, 0), 5); /* as far as it goes */
	t_ret(mprotect(at, PAGE, RW), 0);
	t_ret(pread(fd, at + PAGE - 5, 10, 0), 5);
	t_errno(pwrite(fd, (void *)-4096l, 10, 0), EFAULT);
	t_errno(pread(fd, (void *)0xffff800000000000, 10, 0), EFAULT);
}

/* The hardware has no memory that can only be written. */
T_CASE(what_can_be_written_can_be_read)
{
	int rw = file_of(3 * PAGE), fds[2], sum = 0;
	char *fresh = anon(2, PROT_WRITE), *was_read = anon(2, RW), buf[4];
	char *private = mmap(NULL, 2 * PAGE, PROT_WRITE, MAP_PRIVATE, rw, 0),
	     *shared = mmap(NULL, 2 * PAGE, PROT_WRITE, MAP_SHARED, rw, 0);

	t_pipe(fds);
	was_read[PAGE] = 'w';
	t_eq(was_read[0], 0);
	t_ret(mprotect(was_read, 2 * PAGE, PROT_WRITE), 0);
	t_ret(mprotect(private, PAGE, PROT_NONE), 0);
	t_ret(mprotect(private, PAGE, PROT_WRITE), 0);
	for (int i = 0; i < 2 * PAGE; i++)
		sum |= fresh[i];
	t_eq(sum, 0);
	t_eq(was_read[0], 0);
	t_eq(was_read[PAGE], 'w');
	t_eq(private[0], shared[0]);
	t_eq(private[PAGE], shared[PAGE]);
	fresh = anon(1, PROT_WRITE);
	t_ret(write(fds[1], fresh, 4), 4);
	t_ret(read(fds[0], buf, 4), 4);
	fresh[1] = was_read[1] = private[1] = shared[1] = 'y';
	t_eq(fresh[1] + was_read[1] + private[1] + shared[1], 4 * 'y');
}

T_CASE(mremap_grows_moves_shrinks)
{
	char *at = anon(2, RW), *to;

	at[0] = 'a';
	at[PAGE] = 'b';
	anon(1, RW);
	to = mremap(at, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	t_check(to != MAP_FAILED);
	t_eq(to[0], 'a');
	t_eq(to[PAGE], 'b');
	t_eq(to[63 * PAGE], 0);
	t_check(mremap(to, 64 * PAGE, PAGE, 0) == to);
	watch_faults();
	t_eq(read_fault(to), 0);
	t_eq(read_fault(to + PAGE), SIGSEGV);
	char *place = anon(2, RW);
	t_check(mremap(to, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
	t_eq(place[0], 'a');
	t_eq(place[PAGE], 0);
	t_eq(read_fault(to), SIGSEGV);
	t_ret(mprotect(place + PAGE, PAGE, PROT_NONE), 0);
	t_errno((long)mremap(place, 3 * PAGE, PAGE * 9, 0), EFAULT);
	t_errno((long)mremap(place + 1, PAGE, PAGE, 0), EINVAL);
	t_errno((long)mremap(place, PAGE, 0, 0), EINVAL);
	t_errno((long)mremap(place, PAGE, 2 * PAGE, 0), ENOMEM); /* no room behind */
	t_errno((long)mremap(place, PAGE, PAGE, 99), EINVAL);
}

T_CASE(mremap_shared_keeps_its_object)
{
	char *at = shared(2), *to;
	pid_t pid;

	T_CHILD(pid)
	{
		to = mremap(at, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, anon(2, RW));
		t_check(to != MAP_FAILED);
		to[PAGE] = 'c';
	}
	t_exit(pid, 0);
	t_eq(at[PAGE], 'c');
}

T_CASE(madvise_dontneed)
{
	char *at = anon(3, RW);
	int fd = file_of(PAGE);
	char *mine = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);

	memset(at, 'x', 3 * PAGE);
	t_ret(madvise(at + PAGE, PAGE, MADV_DONTNEED), 0);
	t_eq(at[PAGE], 0);
	t_eq(at[0], 'x');
	t_eq(at[2 * PAGE], 'x');
	mine[0] = 'P';
	t_ret(madvise(mine, PAGE, MADV_DONTNEED), 0);
	t_eq(mine[0], 'a');
	t_errno(madvise(at + 1, PAGE, MADV_DONTNEED), EINVAL);
	t_errno(madvise(at, PAGE, 9999), EINVAL);
	t_ret(madvise(at, 0, MADV_DONTNEED), 0);
	t_ret(madvise(at, PAGE, MADV_WILLNEED), 0);
	t_ret(madvise(at, PAGE, MADV_NORMAL), 0);
	t_ret(munmap(at + PAGE, PAGE), 0);
	t_errno(madvise(at, 3 * PAGE, MADV_DONTNEED), ENOMEM);
	t_eq(at[2 * PAGE], 0);
}

T_CASE(madvise_for_fork)
{
	char *at = anon(2, RW);
	pid_t pid;

	memset(at, 'x', 2 * PAGE);
	t_ret(madvise(at, PAGE, MADV_DONTFORK), 0);
	t_ret(madvise(at + PAGE, PAGE, MADV_WIPEONFORK), 0);
	T_CHILD(pid)
	{
		watch_faults();
		t_eq(read_fault(at), SIGSEGV);
		t_eq(at[PAGE], 0);
	}
	t_exit(pid, 0);
	t_eq(at[0] + at[PAGE], 2 * 'x');
}

T_CASE(brk_moves)
{
	char *start = sbrk(0);

	t_eq(syscall(SYS_brk, 0l), (long)start);
	t_ret(syscall(SYS_brk, start + 10 * PAGE), (long)(start + 10 * PAGE));
	start[10 * PAGE - 1] = 'x';
	start[0] = 'y';
	t_ret(syscall(SYS_brk, start + 2 * PAGE), (long)(start + 2 * PAGE));
	t_eq(start[0], 'y');
	t_ret(syscall(SYS_brk, start + 10 * PAGE), (long)(start + 10 * PAGE));
	t_eq(start[10 * PAGE - 1], 0); /* what was given back comes as zeros */
	t_eq(syscall(SYS_brk, 1l), (long)(start + 10 * PAGE));
	t_eq(syscall(SYS_brk, -1l), (long)(start + 10 * PAGE));
	t_ret(syscall(SYS_brk, start), (long)start);
}

static int use_stack(int pages)
{
	volatile char here[PAGE];

	here[0] = (char)pages;
	return pages > 0 ? use_stack(pages - 1) + here[0] - here[0] : 1;
}

T_CASE(stack_grows_to_its_limit)
{
	struct rlimit limit;
	pid_t pid;

	t_eq(use_stack(256), 1);
	t_ret(getrlimit(RLIMIT_STACK, &limit), 0);
	t_check(limit.rlim_cur >= 1 << 20);
	limit.rlim_cur = 512 << 10;
	pid = t_fork();
	if (pid == 0) {
		setrlimit(RLIMIT_STACK, &limit);
		_exit(use_stack(400));
	}
	t_killed(pid, SIGSEGV);
	pid = t_fork();
	if (pid == 0) {
		setrlimit(RLIMIT_STACK, &limit);
		_exit(use_stack(50));
	}
	t_exit(pid, 1);
}

T_CASE(limit_of_address_space)
{
	struct rlimit limit;
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(getrlimit(RLIMIT_AS, &limit), 0);
		limit.rlim_cur = 256 << 20;
		t_ret(setrlimit(RLIMIT_AS, &limit), 0);
		t_errno((long)mmap(NULL, 300 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			ENOMEM);
		t_errno((long)mmap(NULL, 300 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			ENOMEM);
		char *some = mmap(NULL, 1 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		t_check(some != MAP_FAILED);
		t_errno((long)mremap(some, 1 << 20, 300 << 20, MREMAP_MAYMOVE), ENOMEM);
	}
	t_exit(pid, 0);
}

T_CASE(limit_of_data)
{
	struct rlimit limit;
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(getrlimit(RLIMIT_DATA, &limit), 0);
		limit.rlim_cur = 16 << 20;
		t_ret(setrlimit(RLIMIT_DATA, &limit), 0);
		long now = syscall(SYS_brk, 0l);
		t_eq(syscall(SYS_brk, now + (32 << 20)), now);
		t_errno((long)mmap(NULL, 32 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
		t_check(mmap(NULL, 32 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
			MAP_FAILED);
	}
	t_exit(pid, 0);
}

/* The permissions that /proc says this byte has, "----" when nobody maps it. */
static const char *maps_says(const void *byte)
{
	static char perms[8];
	char line[512];
	unsigned long from, to;
	FILE *maps = fopen("/proc/self/maps", "re");

	strcpy(perms, "none");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) == 3 &&
			from <= (uintptr_t)byte && (uintptr_t)byte < to)
			break;
		strcpy(perms, "none");
	}
	if (maps)
		fclose(maps);
	return perms;
}

T_CASE(proc_maps_agree)
{
	char *at = anon(5, PROT_NONE), *both = shared(1);
	char here;

	t_ret(mprotect(at + PAGE, PAGE, PROT_READ), 0);
	t_ret(mprotect(at + 2 * PAGE, PAGE, RW), 0);
	t_ret(mprotect(at + 3 * PAGE, PAGE, PROT_READ | PROT_EXEC), 0);
	t_str(maps_says(at), "---p");
	t_str(maps_says(at + PAGE), "r--p");
	t_str(maps_says(at + 2 * PAGE), "rw-p");
	t_str(maps_says(at + 3 * PAGE), "r-xp");
	t_str(maps_says(at + 4 * PAGE), "---p");
	t_str(maps_says(both), "rw-s");
	t_str(maps_says(&here), "rw-p");
	t_str(maps_says((void *)proc_maps_agree_case), "r-xp");
	t_ret(munmap(at + 2 * PAGE, PAGE), 0);
	t_str(maps_says(at + 2 * PAGE), "none");
	t_str(maps_says(NULL), "none");
}

static bool maps_name(const char *wanted)
{
	char line[512];
	bool found = false;
	FILE *maps = fopen("/proc/self/maps", "re");

	while (maps && fgets(line, sizeof(line), maps))
		found |= strstr(line, wanted) != NULL;
	if (maps)
		fclose(maps);
	return found;
}

T_CASE(proc_maps_names)
{
	char *name = strrchr(t_self, '/') + 1, path[64];
	int fd = open("a-mapped-file", O_RDWR | O_CREAT, 0600);

	t_check(maps_name("[stack]"));
	t_check(maps_name("[vdso]"));
	sbrk(PAGE);
	t_check(maps_name("[heap]"));
	snprintf(path, sizeof(path), "/%s\n", name);
	t_check(maps_name(path));
	t_check(!maps_name("a-mapped-file"));
	t_check(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
	t_check(maps_name("/a-mapped-file\n"));
	t_ret(unlink("a-mapped-file"), 0);
	t_check(maps_name("/a-mapped-file (deleted)\n"));
}

T_CASE(mincore_and_mlock)
{
	unsigned char resident[3] = {0};
	char *at = anon(3, RW);

	at[PAGE] = 1;
	t_ret(mincore(at, 3 * PAGE, resident), 0);
	t_eq(resident[1] & 1, 1);
	t_errno(mincore(at + 1, PAGE, resident), EINVAL);
	t_ret(mlock(at, 3 * PAGE), 0);
	t_ret(mincore(at, 3 * PAGE, resident), 0);
	t_eq((resident[0] & 1) + (resident[2] & 1), 2);
	t_ret(munlock(at, 3 * PAGE), 0);
	t_ret(munmap(at + PAGE, PAGE), 0);
	t_errno(mlock(at, 3 * PAGE), ENOMEM);
	t_errno(mincore(at, 3 * PAGE, resident), ENOMEM);
}

/* More pages than there is time for: SIGKILL ends a call that brings them in. */
T_CASE(killed_while_it_populates)
{
	const size_t much = 1ul << 37;
	int ready[2];
	pid_t pid;

	t_pipe(ready);
	T_CHILD(pid)
	{
		char *at = mmap(
			NULL, much, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		madvise(at, much, MADV_NOHUGEPAGE);
		t_put(ready[1]);
		madvise(at, much, 22 /* MADV_POPULATE_READ */);
		pause();
	}
	t_get(ready[0]);
	t_sleep_ms(100);
	t_ret(kill(pid, SIGKILL), 0);
	t_killed(pid, SIGKILL);
}

T_CASE_LIMIT(many_mappings, 30)
{
	enum { COUNT = 500 };
	static char *at[COUNT];
	int good = 0;

	for (int i = 0; i < COUNT; i++) {
		at[i] = anon(2, RW);
		at[i][0] = (char)i;
		mprotect(at[i] + PAGE, PAGE, PROT_READ); /* keeps neighbours from merging */
	}
	for (int i = 0; i < COUNT; i++)
		good += at[i][0] == (char)i && at[i][PAGE] == 0;
	t_eq(good, COUNT);
	for (int i = 0; i < COUNT; i += 2)
		good -= munmap(at[i], 2 * PAGE) == 0;
	t_eq(good, COUNT / 2);
	for (int i = 1; i < COUNT; i += 2)
		good -= at[i][0] == (char)i;
	t_eq(good, 0);
}

T_CASE_LIMIT(copy_on_write_chain, 30)
{
	enum { PAGES = 64, DEPTH = 6 };
	char *at = anon(PAGES, RW);
	int level = 0;

	memset(at, 0, PAGES * PAGE);
	/* each generation adds one to every page and sees only its own line of descent */
	while (level < DEPTH) {
		pid_t pid = t_fork();
		if (pid > 0) {
			t_exit(pid, 0);
			break;
		}
		level++;
		for (int i = 0; i < PAGES; i++)
			at[i * PAGE]++;
	}
	int wrong = 0;
	for (int i = 0; i < PAGES; i++)
		wrong += at[i * PAGE] != level;
	t_eq(wrong, 0);
}
