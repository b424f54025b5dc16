/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* proc_memory.c - what /proc tells of a process's memory: smaps, pagemap, clear_refs, oom_*. */
#include "t_proc.h"

#include <sys/prctl.h>

T_SUITE(proc_memory);

/* Of the area of smaps that begins at @at: the number of a field, kB; -1 without. */
static long smap(const void *at, const char *name)
{
	static char all[1 << 20];
	char head[32], wanted[32];
	const char *area, *next;

	snprintf(head, sizeof(head), "%lx-", (unsigned long)at);
	snprintf(wanted, sizeof(wanted), "\n%s:", name);
	if (t_slurp("/proc/self/smaps", all, sizeof(all)) < 0)
		return -1;
	area = strstr(all, head);
	next = area ? strstr(area, wanted) : NULL;
	return next ? strtol(next + strlen(wanted), NULL, 10) : -1;
}

/* @pages of anonymous memory, apart from what is mapped beside. */
static char *pages_alone(int pages, int flags)
{
	char *at = mmap(NULL, (pages + 2) * 4096L, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	t_check(at != MAP_FAILED);
	at = mmap(at + 4096, pages * 4096L, PROT_READ | PROT_WRITE,
		flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	t_check(at != MAP_FAILED);
	madvise(at, pages * 4096L, MADV_NOHUGEPAGE);
	return at;
}

T_CASE(smaps_of_anonymous_memory)
{
	char *at = pages_alone(16, MAP_PRIVATE);
	volatile char *v = at;
	pid_t pid;
	int up[2], hold[2];

	t_eq(smap(at, "Size"), 64);
	t_eq(smap(at, "Rss"), 0);
	t_eq(smap(at, "KernelPageSize"), 4);
	memset(at, 1, 5 * 4096);
	(void)v[8 * 4096]; /* the page of zeroes belongs to nobody */
	t_eq(smap(at, "Rss"), 20);
	t_eq(smap(at, "Pss"), 20);
	t_eq(smap(at, "Pss_Dirty"), 20);
	t_eq(smap(at, "Anonymous"), 20);
	t_eq(smap(at, "Referenced"), 20);
	t_eq(smap(at, "Private_Dirty"), 20);
	t_eq(smap(at, "Private_Clean"), 0);
	t_eq(smap(at, "Shared_Dirty"), 0);
	t_eq(smap(at, "AnonHugePages"), 0);
	t_eq(smap(at, "Swap"), 0);
	t_eq(smap(at, "Locked"), 0);
	t_pipe(hold);
	t_pipe(up);
	T_CHILD(pid)
	{
		at[0] = 2; /* a copy of its own */
		t_put(up[1]);
		t_get(hold[0]);
	}
	t_get(up[0]);
	t_eq(smap(at, "Rss"), 20);
	t_eq(smap(at, "Pss"), 12);
	t_eq(smap(at, "Shared_Dirty"), 16);
	t_eq(smap(at, "Private_Dirty"), 4);
	t_put(hold[1]);
	t_exit(pid, 0);
	t_eq(smap(at, "Pss"), 20);
	t_ret(madvise(at, 4096, MADV_DONTNEED), 0);
	t_eq(smap(at, "Rss"), 16);
	t_ret(mlock(at, 16 * 4096), 0);
	t_eq(smap(at, "Rss"), 64);
	t_eq(smap(at, "Locked"), 64);
}

T_CASE(smaps_of_shared_and_file_memory)
{
	char *at = pages_alone(4, MAP_SHARED), *map;
	volatile char *v;
	pid_t pid;
	int up[2], hold[2], fd;

	memset(at, 1, 8192);
	t_pipe(hold);
	t_pipe(up);
	T_CHILD(pid)
	{
		at[0] = 2;
		t_put(up[1]);
		t_get(hold[0]);
	}
	t_get(up[0]);
	t_eq(smap(at, "Rss"), 8);
	t_eq(smap(at, "Anonymous"), 0);
	t_eq(smap(at, "Shared_Dirty") + smap(at, "Private_Dirty"), 8);
	t_eq(smap(at, "Shared_Clean") + smap(at, "Private_Clean"), 0);
	t_check(smap(at, "Shared_Dirty") >= 4); /* the child has the first, perhaps the second */
	t_put(hold[1]);
	t_exit(pid, 0);
	t_eq(smap(at, "Pss"), 8);
	t_eq(smap(at, "Private_Dirty"), 8);
	t_ok(fd = open("f", O_RDWR | O_CREAT, 0600));
	t_ret(ftruncate(fd, 16384), 0);
	t_ret(pwrite(fd, "data", 4, 0), 4);
	map = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	t_check(map != MAP_FAILED);
	v = map;
	(void)v[0];
	map[8192] = 1;
	t_eq(smap(map, "Size"), 16);
	t_eq(smap(map, "Anonymous"), 4);
	t_check(smap(map, "Rss") >= 8);
}

T_CASE(smaps_rollup)
{
	static const char *const names[] = {"Rss", "Anonymous", "Private_Dirty", "Locked"};
	static char all[1 << 20];
	char *at = pages_alone(300, MAP_PRIVATE);
	unsigned long start, end;

	memset(at, 1, 300 * 4096);
	memset(all, 1, sizeof(all));
	/* What reads the two files for the first time brings in pages of the C library between
	 * them: the second time counts. */
	for (int round = 0; round < 2; round++) {
		t_check(t_slurp("/proc/self/smaps", all, sizeof(all)) > 0);
		file("/proc/self/smaps_rollup");
		t_eq(sscanf(text, "%lx-%lx ---p 00000000 00:00 0", &start, &end), 2);
		t_check(strstr(text, " [rollup]\nRss: ") != NULL);
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
			char wanted[32];
			long sum = 0, told;

			snprintf(wanted, sizeof(wanted), "\n%s:", names[i]);
			for (const char *line = all; (line = strstr(line, wanted)); line++)
				sum += strtol(line + strlen(wanted), NULL, 10);
			told = field("/proc/self/smaps_rollup", wanted + 1);
			t_check(told >= 0 && (!round || labs(told - sum) <= 64));
			if (i < 3)
				t_check(told >= 1200);
		}
	}
	t_check(field("/proc/self/smaps_rollup", "Pss_Anon:") >= 1200);
	t_check(field("/proc/self/smaps_rollup", "Pss_File:") >= 0);
	t_check(field("/proc/self/smaps_rollup", "Pss_Shmem:") >= 0);
	t_check(start <= (unsigned long)at && end > (unsigned long)at);
}

T_CASE(smaps_flags)
{
	char *at = pages_alone(4, MAP_PRIVATE), *line, *end;

	t_ret(madvise(at, 16384, MADV_DONTFORK), 0);
	t_ret(mprotect(at, 16384, PROT_READ), 0);
	t_check(t_slurp("/proc/self/smaps", text, sizeof(text)) > 0);
	char head[32];
	snprintf(head, sizeof(head), "%lx-", (unsigned long)at);
	line = strstr(text, head);
	t_check(line && strstr(line, " r--p 00000000 00:00 0 "));
	line = line ? strstr(line, "\nVmFlags: ") : NULL;
	end = line ? strchr(line + 1, '\n') : NULL;
	t_check(end);
	if (end) {
		*end = 0;
		t_check(strstr(line, " rd ") && strstr(line, " mr ") && strstr(line, " mw "));
		t_check(strstr(line, " me ") && strstr(line, " dc ") && strstr(line, " nh "));
		t_check(!strstr(line, " wr ") && !strstr(line, " ex ") && !strstr(line, " sh "));
	}
}

#define PM_DIRTY     (1ULL << 55)
#define PM_EXCLUSIVE (1ULL << 56)
#define PM_FILE      (1ULL << 61)
#define PM_PRESENT   (1ULL << 63)
#define PM_FRAME     ((1ULL << 55) - 1)

static unsigned long long page_entry(const void *at)
{
	unsigned long long entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	t_ret(pread(fd, &entry, 8, (unsigned long)at / 4096 * 8), 8);
	close(fd);
	return entry;
}

T_CASE(pagemap)
{
	char *at = pages_alone(200, MAP_PRIVATE), *shared = pages_alone(1, MAP_SHARED);
	unsigned long long entries[200], first;
	int fd, hold[2], up[2];
	pid_t pid;

	t_eq(page_entry(at) & PM_PRESENT, 0);
	t_eq(page_entry(at) & PM_FRAME, 0);
	for (int i = 0; i < 200; i += 2)
		at[i * 4096] = 1;
	t_ok(fd = open("/proc/self/pagemap", O_RDONLY));
	t_ret(pread(fd, entries, sizeof(entries), (unsigned long)at / 4096 * 8), 1600);
	for (int i = 0; i < 200; i += 50) {
		t_eq(entries[i] & (PM_PRESENT | PM_EXCLUSIVE | PM_FILE), PM_PRESENT | PM_EXCLUSIVE);
		t_check((entries[i] & PM_FRAME) != 0);
		t_eq(entries[i + 1] & (PM_PRESENT | PM_FRAME), 0);
	}
	t_check((entries[0] & PM_FRAME) != (entries[2] & PM_FRAME));
	shared[0] = 1;
	t_eq(page_entry(shared) & (PM_PRESENT | PM_FILE), PM_PRESENT | PM_FILE);
	t_pipe(hold);
	t_pipe(up);
	T_CHILD(pid)
	{
		t_eq(page_entry(at) & PM_FRAME, entries[0] & PM_FRAME);
		t_eq(page_entry(at) & PM_EXCLUSIVE, 0);
		at[0] = 2;
		t_check((page_entry(at) & PM_FRAME) != (entries[0] & PM_FRAME));
		t_become(1000, 1000);
		prctl(PR_SET_DUMPABLE, 1);
		t_eq(page_entry(at + 2 * 4096) & PM_FRAME, 0); /* no frames for users */
		t_put(up[1]);
		t_get(hold[0]);
	}
	t_get(up[0]);
	t_eq(page_entry(at) & PM_EXCLUSIVE, PM_EXCLUSIVE);
	t_eq(page_entry(at + 2 * 4096) & PM_EXCLUSIVE, 0);
	t_put(hold[1]);
	t_exit(pid, 0);
	t_errno(pread(fd, &first, 7, 0), EINVAL);
	t_errno(pread(fd, &first, 8, 4), EINVAL);
	t_errno(pread(fd, NULL, 8, (unsigned long)at / 4096 * 8), EFAULT);
	t_ret(pread(fd, &first, 8, (1L << 57) / 4096 * 8), 0);
	t_ret(lseek(fd, 16, SEEK_SET), 16);
	t_errno(lseek(fd, 0, SEEK_END), EINVAL);
	t_errno(write(fd, &first, 8), EBADF);
}

static ssize_t put_text(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY), saved;
	ssize_t n = write(fd, what, strlen(what));

	saved = errno;
	close(fd);
	errno = saved;
	return n;
}

static ssize_t clear_refs(const char *what)
{
	return put_text("/proc/self/clear_refs", what);
}

T_CASE(clear_refs_soft_dirty)
{
	char *at = pages_alone(4, MAP_PRIVATE), *later;
	volatile char *v = at;

	memset(at, 1, 4 * 4096);
	/* A Linux built without it says no to all; tests/native/memory.c asks Exo-OS. */
	const unsigned long long dirty = page_entry(at) & PM_DIRTY;
	t_ret(clear_refs("4"), 1);
	t_eq(page_entry(at) & PM_DIRTY, 0);
	t_eq(page_entry(at + 4096) & PM_DIRTY, 0);
	(void)v[0];
	v[4096] = 2;
	t_eq(page_entry(at) & PM_DIRTY, 0);
	t_eq(page_entry(at + 4096) & PM_DIRTY, dirty);
	t_eq(page_entry(at + 8192) & PM_DIRTY, 0);
	t_eq(at[0] + at[4096], 3);
	t_eq(smap(at, "Private_Dirty"), 16); /* that is another matter */
	later = pages_alone(1, MAP_PRIVATE);
	later[0] = 1;
	t_eq(page_entry(later) & PM_DIRTY, dirty);
	t_ret(clear_refs("4\n"), 2);
	t_eq(page_entry(later) & PM_DIRTY, 0);
	t_ret(read(open("/dev/zero", O_RDONLY), later, 4096), 4096); /* written by the kernel */
	t_eq(page_entry(later) & PM_DIRTY, dirty);
}

T_CASE(clear_refs_referenced)
{
	char *at = pages_alone(8, MAP_PRIVATE);
	volatile char *v = at;
	int fd;

	memset(at, 1, 8 * 4096);
	t_eq(smap(at, "Referenced"), 32);
	t_ret(clear_refs("3"), 1);
	t_eq(smap(at, "Referenced"), 32);
	t_ret(clear_refs("1"), 1);
	t_eq(smap(at, "Referenced"), 0);
	t_ret(mprotect(at, 8 * 4096, PROT_READ), 0); /* the CPU shall have forgotten it, too */
	(void)v[0];
	(void)v[3 * 4096];
	t_eq(smap(at, "Referenced"), 8);
	t_ret(clear_refs("2"), 1);
	t_eq(smap(at, "Referenced"), 0);
	t_eq(smap(at, "Rss"), 32);
	t_errno(clear_refs("0"), EINVAL);
	t_errno(clear_refs("6"), EINVAL);
	t_errno(clear_refs("x"), EINVAL);
	t_ok(fd = open("/proc/self/clear_refs", O_RDONLY));
	t_errno(read(fd, text, 1), EINVAL);
}

T_CASE(clear_refs_peak)
{
	char *at = pages_alone(1024, MAP_PRIVATE);

	memset(at, 1, 1024 * 4096);
	t_ret(munmap(at, 1024 * 4096), 0);
	long peak = field("/proc/self/status", "VmHWM:");
	t_check(peak >= 4096);
	t_ret(clear_refs("5"), 1);
	t_check(field("/proc/self/status", "VmHWM:") <= peak - 3000);
}

T_CASE(oom_scales)
{
	pid_t pid;
	long low, high;

	T_CHILD(pid)
	{
		t_ret(put_text("/proc/self/oom_score_adj", "300"), 3);
		t_str(file("/proc/self/oom_adj"), "5\n");
		high = field("/proc/self/oom_score", "");
		t_ret(put_text("/proc/self/oom_score_adj", "0"), 1);
		low = field("/proc/self/oom_score", "");
		t_check(low >= 666 && low < 700);
		t_check(high >= 866 && high < 900);
		t_ret(put_text("/proc/self/oom_adj", "8"), 1);
		t_str(file("/proc/self/oom_score_adj"), "470\n");
		t_ret(put_text("/proc/self/oom_adj", "15\n"), 3);
		t_str(file("/proc/self/oom_score_adj"), "1000\n");
		t_str(file("/proc/self/oom_adj"), "15\n");
		t_errno(put_text("/proc/self/oom_adj", "16"), EINVAL);
		t_errno(put_text("/proc/self/oom_adj", "-18"), EINVAL);
		t_errno(put_text("/proc/self/oom_adj", "x"), EINVAL);
		t_errno(put_text("/proc/self/oom_score_adj", "1001"), EINVAL);
	}
	t_exit(pid, 0);
	t_ret(field("/proc/1/oom_score", ""), 0);
}
