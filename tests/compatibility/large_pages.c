/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* large_pages.c - whatever maps a span of 2 MB at once, each page of it goes its own way. What is
 * checked holds with large pages and without; that there are some is for tests/native/memory.c. */
#include "t_.h"

#include <pthread.h>
#include <setjmp.h>

T_SUITE(large_pages);

#define RW (PROT_READ | PROT_WRITE)
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

enum { SPAN = 2 << 20, SPAN_PAGES = SPAN / PAGE };

/* Four spans, aligned, which ask for large pages. */
static char *spans(int flags, int fd)
{
	char *room = mmap(NULL, 5 * SPAN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *at = (char *)(((unsigned long)room + SPAN - 1) & -(unsigned long)SPAN);

	if (room == MAP_FAILED || mmap(at, 4 * SPAN, RW, flags | MAP_FIXED, fd, 0) != at)
		t_stop("mmap failed");
	t_ret(madvise(at, 4 * SPAN, MADV_HUGEPAGE), 0);
	return at;
}

static void number_pages(char *at, int pages, int base)
{
	for (int i = 0; i < pages; i++)
		*(int *)(at + i * PAGE) = base + i;
}

/* Pages of which the number is not the one that number_pages wrote. */
static int misnumbered(const char *at, int pages, int base)
{
	int wrong = 0;

	for (int i = 0; i < pages; i++)
		wrong += *(const int *)(at + i * PAGE) != base + i;
	return wrong;
}

T_CASE(large_pages_are_pages)
{
	char *at = spans(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned char resident[SPAN_PAGES];

	number_pages(at, 2 * SPAN_PAGES, 1);
	t_eq(at[PAGE - 1], 0);
	t_ret(madvise(at + 7 * PAGE, PAGE, MADV_DONTNEED), 0); /* one page out of the middle */
	t_eq(*(int *)(at + 7 * PAGE), 0);
	t_eq(misnumbered(at, 7, 1), 0);
	t_eq(misnumbered(at + 8 * PAGE, 2 * SPAN_PAGES - 8, 9), 0);
	watch_faults();
	t_ret(mprotect(at + SPAN + 9 * PAGE, PAGE, PROT_READ), 0);
	t_eq(write_fault(at + SPAN + 9 * PAGE), SIGSEGV);
	t_eq(write_fault(at + SPAN + 8 * PAGE + 9) + write_fault(at + SPAN + 10 * PAGE + 9), 0);
	t_ret(munmap(at + SPAN + 100 * PAGE, 3 * PAGE), 0);
	t_eq(read_fault(at + SPAN + 101 * PAGE), SIGSEGV);
	t_ret(mincore(at, SPAN, resident), 0);
	t_eq(resident[6] & resident[8] & resident[SPAN_PAGES - 1] & 1, 1);
	char *moved = mremap(at + SPAN + 200 * PAGE, 2 * PAGE, 2 * PAGE,
		MREMAP_MAYMOVE | MREMAP_FIXED, at + 3 * SPAN);
	t_check(moved == at + 3 * SPAN);
	t_eq(misnumbered(at + 3 * SPAN, 2, 1 + SPAN_PAGES + 200), 0);
	t_eq(misnumbered(at + SPAN + 202 * PAGE, SPAN_PAGES - 202, 1 + SPAN_PAGES + 202), 0);
	t_ret(munmap(at, 4 * SPAN), 0);
}

T_CASE(large_pages_over_fork)
{
	char *at = spans(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	pid_t pid;

	number_pages(at, 2 * SPAN_PAGES, 1);
	pid = t_fork();
	if (pid == 0) {
		int wrong = misnumbered(at, 2 * SPAN_PAGES, 1);

		number_pages(at + 5 * PAGE, 1, 9999);
		wrong += misnumbered(at + 6 * PAGE, 2 * SPAN_PAGES - 6, 7);
		_exit(wrong != 0);
	}
	t_exit(pid, 0);
	t_eq(misnumbered(at, 2 * SPAN_PAGES, 1), 0);
	number_pages(at, 2 * SPAN_PAGES, 5000);
	t_eq(misnumbered(at, 2 * SPAN_PAGES, 5000), 0);
	t_ret(madvise(at, 4 * SPAN, MADV_DONTNEED), 0);
	t_eq(*(int *)at + *(int *)(at + SPAN), 0);
	number_pages(at, 4 * SPAN_PAGES, 1); /* the same place again */
	t_eq(misnumbered(at, 4 * SPAN_PAGES, 1), 0);
}

T_CASE(large_pages_of_an_object)
{
	int fd = memfd_create("large", MFD_CLOEXEC), number = 0;
	char *at, *again;

	t_ret(ftruncate(fd, 3 * SPAN + PAGE), 0); /* the fourth span has one page */
	at = spans(MAP_SHARED, fd);
	again = mmap(NULL, 3 * SPAN, RW, MAP_SHARED, fd, PAGE); /* every page elsewhere in a span */
	t_check(again != MAP_FAILED);
	number_pages(at, 3 * SPAN_PAGES + 1, 1);
	t_eq(misnumbered(again, 3 * SPAN_PAGES, 2), 0);
	t_ret(pread(fd, &number, 4, SPAN + 3 * PAGE), 4);
	t_eq(number, SPAN_PAGES + 4);
	number = 77;
	t_ret(pwrite(fd, &number, 4, SPAN + 3 * PAGE), 4);
	t_eq(*(int *)(at + SPAN + 3 * PAGE), 77);
	t_ret(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, SPAN + 3 * PAGE, PAGE), 0);
	t_eq(*(int *)(at + SPAN + 3 * PAGE), 0);
	t_eq(misnumbered(at + SPAN + 4 * PAGE, SPAN_PAGES - 4, SPAN_PAGES + 5), 0);
	t_ret(ftruncate(fd, 5 * PAGE), 0);
	watch_faults();
	t_eq(misnumbered(at, 5, 1), 0);
	t_eq(read_fault(at + 5 * PAGE), SIGBUS);
	t_eq(read_fault(at + SPAN), SIGBUS);
	t_ret(ftruncate(fd, 2 * SPAN), 0);
	t_eq(*(int *)(at + SPAN) + *(int *)(at + 6 * PAGE), 0);
}

/* Threads at work on pages of their own in the same spans, while the process forks. */
enum { WORKERS = 3, ROUNDS = 400 };
static char *common;

static void *work_on_pages(void *number)
{
	unsigned random = (unsigned)(long)number + 1;
	long wrong = 0;

	for (int round = 0; round < ROUNDS; round++) {
		random = random * 1103515245 + 12345;
		char *page = common +
			     ((random >> 8) % (2 * SPAN_PAGES / WORKERS) * WORKERS + (long)number) *
				     PAGE;

		*(int *)page = round;
		switch (random >> 28 & 3) {
		case 0:
			wrong += madvise(page, PAGE, MADV_DONTNEED) != 0 || *(int *)page != 0;
			break;
		case 1:
			wrong += mprotect(page, PAGE, PROT_READ) != 0 || *(int *)page != round ||
				 mprotect(page, PAGE, RW) != 0;
			break;
		case 2:
			wrong += mmap(page, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
					 0) != page ||
				 *(int *)page != 0 || madvise(page, PAGE, MADV_HUGEPAGE) != 0;
			break;
		default:
			wrong += *(int *)page != round;
		}
	}
	return (void *)wrong;
}

T_CASE_LIMIT(large_pages_race, 60)
{
	for (int turn = 0; turn < 8; turn++) {
		pthread_t threads[WORKERS];
		void *wrong;

		common = spans(MAP_PRIVATE | MAP_ANONYMOUS, -1);
		number_pages(common + 2 * SPAN, SPAN_PAGES, 7000);
		for (long i = 0; i < WORKERS; i++)
			t_ret(pthread_create(&threads[i], NULL, work_on_pages, (void *)i), 0);
		for (int i = 0; i < 10; i++) {
			pid_t pid = t_fork();

			if (pid == 0) {
				misnumbered(common, 2 * SPAN_PAGES, 1); /* readable at any time */
				number_pages(common + 2 * SPAN, SPAN_PAGES, turn);
				_exit(misnumbered(common + 2 * SPAN, SPAN_PAGES, turn) != 0);
			}
			t_exit(pid, 0);
		}
		for (int i = 0; i < WORKERS; i++) {
			t_ret(pthread_join(threads[i], &wrong), 0);
			t_eq((long)wrong, 0);
		}
		t_eq(misnumbered(common + 2 * SPAN, SPAN_PAGES, 7000), 0);
		t_ret(munmap(common, 4 * SPAN), 0);
	}
}
