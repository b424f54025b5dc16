/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* oracle: machine
 * A host's root may lack CAP_SYS_RESOURCE.
 *
 * prctl_mm.c - what a process says of its own memory: PR_SET_MM, the addresses in /proc/PID/stat,
 * and the texts that are read by them. */
#include "t_proc.h"

#include <elf.h>
#include <linux/prctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

T_SUITE(prctl_mm);

#define N(a)   (sizeof(a) / sizeof((a)[0]))
#define BEYOND (1ul << 56)      /* of user space, also with five levels of page tables */
#define HIGH   0x7fffffffeffful /* of it with four, where nothing stands */
#define PAGE   4096ul

static volatile int initialized = 5;

/* The order of struct prctl_mm_map. */
enum { CODE, CODE_END, DATA, DATA_END, BRK_START, BRK, STACK, ARG, ARG_END, ENV, ENV_END, MARKS };
static const int option_of[MARKS] = {PR_SET_MM_START_CODE, PR_SET_MM_END_CODE, PR_SET_MM_START_DATA,
	PR_SET_MM_END_DATA, PR_SET_MM_START_BRK, PR_SET_MM_BRK, PR_SET_MM_START_STACK,
	PR_SET_MM_ARG_START, PR_SET_MM_ARG_END, PR_SET_MM_ENV_START, PR_SET_MM_ENV_END};

/* Number @n, from 1 as in proc(5), of /proc/PID/stat. */
static unsigned long stat_number(const char *path, int n)
{
	const char *at = strrchr(file(path), ')');

	for (int i = 2; at && i < n; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoul(at, NULL, 10) : 0;
}

static void marks_of(const char *path, unsigned long *m)
{
	static const int number[MARKS] = {26, 27, 45, 46, 47, 0, 28, 48, 49, 50, 51};

	for (int i = 0; i < MARKS; i++)
		m[i] = i == BRK ? (unsigned long)syscall(SYS_brk, 0) : stat_number(path, number[i]);
}

static int set(int option, unsigned long a)
{
	return prctl(PR_SET_MM, option, a, 0, 0);
}

static int set_map(const struct prctl_mm_map *m)
{
	return prctl(PR_SET_MM, PR_SET_MM_MAP, m, sizeof(*m), 0);
}

static struct prctl_mm_map map_now(void)
{
	struct prctl_mm_map m = {.exe_fd = (unsigned)-1};
	unsigned long now[MARKS];

	marks_of("/proc/self/stat", now);
	memcpy(&m, now, sizeof(now));
	return m;
}

static char *page(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

T_CASE(addresses_are_true)
{
	unsigned long m[MARKS], argc = 0;
	long n = t_slurp("/proc/self/cmdline", text, sizeof(text));

	while (n-- > 0)
		argc += !text[n];
	marks_of("/proc/self/stat", m);
	t_check(m[CODE] <= (unsigned long)marks_of && (unsigned long)marks_of < m[CODE_END]);
	t_check(m[DATA] <= (unsigned long)&initialized &&
		(unsigned long)&initialized < m[DATA_END]);
	t_check(m[BRK_START] >= m[DATA_END] && m[BRK_START] <= m[BRK]);
	t_eq(m[STACK], (unsigned long)(environ - argc - 2)); /* where argc stands */
	t_eq(*(unsigned long *)m[STACK], argc);
	t_eq(m[ARG], (unsigned long)program_invocation_name);
	t_eq(m[ENV], m[ARG_END]);
	t_eq(*(char *)(m[ARG_END] - 1), 0);
	t_check(m[ENV_END] >= m[ENV] && m[ENV_END] - m[ARG] < 65536);
	t_eq(initialized, 5);
}

T_CASE(addresses_are_for_tracers)
{
	static const int hidden[] = {28, 35, 45, 46, 47, 48, 49, 50, 51};
	unsigned long m[MARKS], mine[MARKS];
	char path[64];
	int hold[2];
	pid_t pid, other;

	t_pipe(hold);
	T_CHILD(pid)
	{
		t_get(hold[0]);
	}
	t_check(t_wait_state(pid, 'S'));
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	marks_of(path, m);
	marks_of("/proc/self/stat", mine);
	t_mem(m, mine, sizeof(m)); /* a child has its parent's */
	t_eq(stat_number(path, 35), 1);
	t_eq(stat_number("/proc/self/stat", 35), 0);
	T_CHILD(other)
	{
		t_become(1000, 1000);
		t_eq(stat_number(path, 26), 1);
		t_eq(stat_number(path, 27), 1);
		for (size_t i = 0; i < N(hidden); i++)
			t_eq(stat_number(path, hidden[i]), 0);
	}
	t_exit(other, 0);
	t_put(hold[1]);
	t_exit(pid, 0);
}

T_CASE(one_by_one)
{
	unsigned long old[MARKS], m[MARKS];

	marks_of("/proc/self/stat", old);
	for (int i = 0; i < MARKS; i++) {
		/* inwards, so that pairs keep their order */
		unsigned long to = i == BRK || i == BRK_START ? old[i] + PAGE
				   : i == CODE_END || i == STACK || i == ARG_END || i == ENV_END
					   ? old[i] - 1
					   : old[i] + 1;

		if (i == BRK_START) /* the break lies above it */
			to = old[i] - PAGE;
		t_ret(set(option_of[i], to), 0);
		marks_of("/proc/self/stat", m);
		t_eq(m[i], to);
		t_ret(set(option_of[i], old[i]), 0);
	}
	marks_of("/proc/self/stat", m);
	t_mem(m, old, sizeof(m));
}

T_CASE(refused)
{
	static const unsigned long outside[] = {0, 1, PAGE - 1, BEYOND, BEYOND + 1, ~0ul};
	unsigned long m[MARKS];
	char *p = page();
	pid_t pid;

	marks_of("/proc/self/stat", m);
	for (int i = 0; i < MARKS; i++) {
		for (size_t j = 0; j < N(outside); j++)
			t_errno(set(option_of[i], outside[j]), EINVAL);
		t_errno(prctl(PR_SET_MM, option_of[i], m[i], 1, 0), EINVAL);
		t_errno(prctl(PR_SET_MM, option_of[i], m[i], 0, 1), EINVAL);
	}
	t_errno(set(0, m[CODE]), EINVAL);
	t_errno(set(16, m[CODE]), EINVAL);
	t_errno(set(PR_SET_MM_START_CODE, m[CODE_END]), EINVAL);
	t_errno(set(PR_SET_MM_END_CODE, m[CODE]), EINVAL);
	t_errno(set(PR_SET_MM_START_DATA, m[DATA_END] + 1), EINVAL);
	t_ret(set(PR_SET_MM_START_DATA, m[DATA_END]), 0);
	t_errno(set(PR_SET_MM_START_BRK, m[BRK] + 1), EINVAL);
	t_errno(set(PR_SET_MM_BRK, m[BRK_START] - 1), EINVAL);
	t_errno(set(PR_SET_MM_ARG_START, m[ARG_END] + 1), EINVAL);
	t_errno(set(PR_SET_MM_ARG_END, m[ARG] - 1), EINVAL);
	t_errno(set(PR_SET_MM_ENV_START, m[ENV_END] + 1), EINVAL);
	t_errno(set(PR_SET_MM_ENV_END, m[ENV] - 1), EINVAL);
	t_errno(set(PR_SET_MM_START_STACK, HIGH), EFAULT); /* above every mapping */
	t_errno(set(PR_SET_MM_ARG_END, HIGH), EFAULT);
	t_errno(set(PR_SET_MM_ENV_END, HIGH), EFAULT);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		for (int i = 0; i < MARKS; i++)
			t_errno(set(option_of[i], m[i]), EPERM);
		t_errno(set(PR_SET_MM_EXE_FILE, 0), EPERM);
		t_errno(prctl(PR_SET_MM, PR_SET_MM_AUXV, p, 16, 0), EPERM);
		t_errno(set(0, m[CODE]), EPERM);
		t_errno(prctl(PR_SET_MM, PR_SET_MM_START_CODE, m[CODE], 0, 1), EINVAL);
	}
	t_exit(pid, 0);
}

T_CASE(data_limit)
{
	struct rlimit r;
	unsigned long m[MARKS];

	marks_of("/proc/self/stat", m);
	r.rlim_max = RLIM_INFINITY;
	r.rlim_cur = m[BRK] - m[BRK_START] + m[DATA_END] - m[DATA];
	t_ret(setrlimit(RLIMIT_DATA, &r), 0);
	t_ret(set(PR_SET_MM_BRK, m[BRK]), 0);
	t_errno(set(PR_SET_MM_BRK, m[BRK] + 1), EINVAL);
	t_errno(set(PR_SET_MM_START_DATA, m[DATA] - 1), EINVAL);
	t_eq(syscall(SYS_brk, m[BRK] + 1), m[BRK]); /* the break has the same limit */
	r.rlim_cur += 1;
	t_ret(setrlimit(RLIMIT_DATA, &r), 0);
	t_ret(set(PR_SET_MM_BRK, m[BRK] + 1), 0);
	t_eq(syscall(SYS_brk, 0), m[BRK] + 1);
}

T_HELPER(ask)
{
	struct prctl_mm_map m = map_now();

	return m.arg_start == (unsigned long)program_invocation_name && m.brk > m.start_brk - 1 ? 7
												: 8;
}

T_CASE(other_arguments)
{
	static const char args[] = "one\0two", env[] = "THREE=3\0FOUR=4";
	char *p = page(), path[64];
	int hold[2];
	pid_t pid;

	memcpy(p, args, sizeof(args));
	memcpy(p + 512, env, sizeof(env));
	/* below the stack: first where they begin */
	t_ret(set(PR_SET_MM_ARG_START, (unsigned long)p), 0);
	t_ret(set(PR_SET_MM_ARG_END, (unsigned long)p + sizeof(args)), 0);
	t_ret(set(PR_SET_MM_ENV_START, (unsigned long)p + 512), 0);
	t_ret(set(PR_SET_MM_ENV_END, (unsigned long)p + 512 + sizeof(env)), 0);
	t_eq(t_slurp("/proc/self/cmdline", text, sizeof(text)), sizeof(args));
	t_mem(text, args, sizeof(args));
	t_eq(t_slurp("/proc/self/environ", text, sizeof(text)), sizeof(env));
	t_mem(text, env, sizeof(env));
	t_pipe(hold);
	T_CHILD(pid)
	{
		t_get(hold[0]);
		execl("/proc/self/exe", "asked", "-x", "ask", NULL);
	}
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	t_eq(t_slurp(path, text, sizeof(text)), sizeof(args));
	t_mem(text, args, sizeof(args));
	t_put(hold[1]);
	t_check(waitpid(pid, NULL, 0) == pid);
	t_ret(munmap(p, PAGE), 0);
	t_eq(t_slurp("/proc/self/cmdline", text, sizeof(text)), 0);
	t_ret(set(PR_SET_MM_ENV_START, (unsigned long)p + 513), 0); /* something lies above */
}

T_CASE(vector)
{
	unsigned long want[6] = {AT_PAGESZ, 4096, AT_UID, 77, 0, 0}, got[64], old[64];
	long n, was = t_slurp("/proc/self/auxv", (char *)old, sizeof(old));

	t_check(was >= 16 && was % 16 == 0);
	t_ret(prctl(PR_SET_MM, PR_SET_MM_AUXV, want, 0, 0), 0);
	t_eq(t_slurp("/proc/self/auxv", (char *)got, sizeof(got)), was);
	t_mem(got, old, (size_t)was);
	/* what is not given stays */
	t_ret(prctl(PR_SET_MM, PR_SET_MM_AUXV, want + 2, 16, 0), 0);
	t_eq(t_slurp("/proc/self/auxv", (char *)got, sizeof(got)), was);
	t_eq(got[0], AT_UID);
	t_eq(got[1], 77);
	t_mem(got + 2, old + 2, (size_t)was - 16);
	t_ret(prctl(PR_SET_MM, PR_SET_MM_AUXV, want, sizeof(want), 0), 0);
	n = t_slurp("/proc/self/auxv", (char *)got, sizeof(got));
	t_eq(n, sizeof(want));
	t_mem(got, want, sizeof(want));
	t_errno(prctl(PR_SET_MM, PR_SET_MM_AUXV, want, 4096, 0), EINVAL);
	t_errno(prctl(PR_SET_MM, PR_SET_MM_AUXV, 8, 16, 0), EFAULT);
	t_errno(prctl(PR_SET_MM, PR_SET_MM_AUXV, want, 16, 1), EINVAL);
}

T_CASE(map_of_all)
{
	struct prctl_mm_map m = map_now(), bad;
	unsigned long now[MARKS], vector[4] = {AT_PAGESZ, 4096, 0, 0}, got[64];
	unsigned bytes = 0;
	pid_t pid;

	t_ret(prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &bytes, 0, 0), 0);
	t_eq(bytes, sizeof(m));
	t_errno(prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, 8, 0, 0), EFAULT);
	t_errno(prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &bytes, 0, 1), EINVAL);
	t_errno(prctl(PR_SET_MM, PR_SET_MM_MAP, &m, sizeof(m) - 1, 0), EINVAL);
	t_errno(prctl(PR_SET_MM, PR_SET_MM_MAP, 8, sizeof(m), 0), EFAULT);
	t_errno(prctl(PR_SET_MM, PR_SET_MM_MAP, &m, sizeof(m), 1), EINVAL);
	for (int i = 0; i < MARKS; i++) {
		bad = m;
		((__u64 *)&bad)[i] = i % 2 ? 8 : BEYOND;
		t_errno(set_map(&bad), EINVAL);
	}
	bad = m;
	bad.auxv_size = 16; /* of none */
	t_errno(set_map(&bad), EINVAL);
	bad.auxv = (__u64 *)8;
	t_errno(set_map(&bad), EFAULT);
	bad.auxv_size = 4096;
	t_errno(set_map(&bad), EINVAL);
	bad = m;
	bad.exe_fd = 1000;
	t_errno(set_map(&bad), EBADF);
	T_CHILD(pid) /* needs no right, but for the file */
	{
		t_become(1000, 1000);
		t_ret(prctl(PR_SET_DUMPABLE, 1), 0);
		m.start_code += 16;
		m.end_data -= 1;
		m.start_stack = (unsigned long)&m;
		m.env_end = m.env_start = m.arg_end = m.arg_start + 1;
		m.auxv = (__u64 *)vector;
		m.auxv_size = sizeof(vector);
		t_ret(set_map(&m), 0);
		marks_of("/proc/self/stat", now);
		t_mem(now, &m, sizeof(now));
		t_eq(t_slurp("/proc/self/auxv", (char *)got, sizeof(got)), sizeof(vector));
		t_mem(got, vector, sizeof(vector));
		m.exe_fd = 0;
		t_errno(set_map(&m), EPERM);
	}
	t_exit(pid, 0);
}

/* The program stands in anonymous memory from now on, at the same place. */
static void leave_file(void)
{
	char line[512], rights[8];
	unsigned long from, to;
	FILE *maps = fopen("/proc/self/maps", "r");
	struct {
		unsigned long from, to;
		int prot;
	} all[16];
	int count = 0;

	while (fgets(line, sizeof(line), maps) && count < 16)
		if (strstr(line, t_self) && sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3) {
			all[count].from = from;
			all[count].to = to;
			all[count++].prot = (rights[0] == 'r' ? PROT_READ : 0) |
					    (rights[1] == 'w' ? PROT_WRITE : 0) |
					    (rights[2] == 'x' ? PROT_EXEC : 0);
		}
	fclose(maps);
	for (int i = 0; i < count; i++) {
		size_t len = all[i].to - all[i].from;
		void *copy =
			mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memcpy(copy, (void *)all[i].from, len);
		mprotect(copy, len, all[i].prot);
		mremap(copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, all[i].from);
	}
}

T_CASE(another_file)
{
	char path[PATH_MAX], want[PATH_MAX];
	int fd, plain, dir;
	pid_t pid;
	ssize_t n;

	t_spew("plain", "no program");
	t_spew("program", "none either");
	t_ret(chmod("plain", 0644), 0);
	t_ret(chmod("program", 0755), 0);
	t_ok(plain = open("plain", O_RDONLY));
	t_ok(fd = open("program", O_RDONLY));
	t_ok(dir = open(".", O_RDONLY));
	t_errno(set(PR_SET_MM_EXE_FILE, 1000), EBADF);
	t_errno(set(PR_SET_MM_EXE_FILE, (unsigned long)dir), EACCES);
	t_errno(set(PR_SET_MM_EXE_FILE, (unsigned long)plain), EACCES);
	t_errno(set(PR_SET_MM_EXE_FILE, (unsigned long)fd), EBUSY); /* the old one is mapped */
	t_errno(prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, fd, 1, 0), EINVAL);
	T_CHILD(pid)
	{
		leave_file();
		t_ret(set(PR_SET_MM_EXE_FILE, (unsigned long)fd), 0);
		n = readlink("/proc/self/exe", path, sizeof(path) - 1);
		t_check(n > 0);
		path[n < 0 ? 0 : n] = 0;
		t_check(realpath("program", want) != NULL);
		t_str(path, want);
		t_errno(open("program", O_WRONLY), ETXTBSY);
	}
	t_exit(pid, 0);
	t_ok(open("program", O_WRONLY));
}
