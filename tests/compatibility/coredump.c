/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* coredump.c - core files: which signals leave one, who gets none, what stands in it. Where the
 * system's pattern is not "core", nothing can be said here. */
#include "t_.h"

#include <elf.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/user.h>

T_SUITE(coredump);

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define AREA (4 * 4096L)

static void allow_cores(rlim_t bytes)
{
	struct rlimit r = {bytes, RLIM_INFINITY};
	char pattern[256];

	if (t_slurp("/proc/sys/kernel/core_pattern", pattern, sizeof(pattern)) < 0 ||
		strcmp(pattern, "core\n"))
		t_skip("core_pattern is not core");
	getrlimit(RLIMIT_CORE, &r);
	r.rlim_cur = bytes;
	t_ret(setrlimit(RLIMIT_CORE, &r), 0);
}

static int status_of(pid_t pid)
{
	int status = -1;

	t_ret(waitpid(pid, &status, 0), pid);
	return status;
}

static bool exists(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

/* ---- whether ---- */

T_CASE(signals)
{
	static const struct {
		int signo;
		bool core;
	} rows[] = {{SIGQUIT, true}, {SIGILL, true}, {SIGTRAP, true}, {SIGABRT, true},
		{SIGBUS, true}, {SIGFPE, true}, {SIGSEGV, true}, {SIGXCPU, true}, {SIGXFSZ, true},
		{SIGSYS, true}, {SIGTERM, false}, {SIGKILL, false}, {SIGUSR1, false},
		{SIGHUP, false}, {SIGPIPE, false}, {SIGALRM, false}, {40, false}};
	pid_t pid;

	allow_cores(RLIM_INFINITY);
	for (size_t i = 0; i < N(rows); i++) {
		int status;

		unlink("core");
		T_CHILD(pid)
		raise(rows[i].signo);
		status = status_of(pid);
		t_eq(WTERMSIG(status), rows[i].signo);
		t_eq(!!WCOREDUMP(status), rows[i].core);
		t_eq(exists("core"), rows[i].core);
	}
}

T_CASE(sent_by_another)
{
	pid_t pid;
	int status;

	allow_cores(RLIM_INFINITY);
	T_CHILD(pid)
	for (;;)
		pause();
	t_wait_state(pid, 'S');
	kill(pid, SIGABRT);
	status = status_of(pid);
	t_eq(status, SIGABRT | 0x80);
	t_check(exists("core"));
}

T_CASE(no_room)
{
	pid_t pid;

	allow_cores(0);
	T_CHILD(pid)
	raise(SIGSEGV);
	t_eq(status_of(pid), SIGSEGV);
	t_check(!exists("core"));
	allow_cores(4095);
	T_CHILD(pid)
	raise(SIGSEGV);
	t_eq(status_of(pid), SIGSEGV);
	t_check(!exists("core"));
}

T_CASE(cut_off)
{
	struct stat st;
	pid_t pid;

	allow_cores(20000);
	T_CHILD(pid)
	raise(SIGSEGV);
	t_eq(status_of(pid), SIGSEGV | 0x80);
	t_ret(stat("core", &st), 0);
	t_check(st.st_size > 0 && st.st_blocks * 512 <= 24576); /* holes are not counted */
}

T_CASE(not_dumpable)
{
	pid_t pid;

	allow_cores(RLIM_INFINITY);
	T_CHILD(pid)
	{
		prctl(PR_SET_DUMPABLE, 0);
		raise(SIGSEGV);
	}
	t_eq(status_of(pid), SIGSEGV);
	t_check(!exists("core"));
	t_ret(chmod(".", 0777), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000); /* who has changed what it may is not looked into */
		raise(SIGSEGV);
	}
	t_eq(status_of(pid), SIGSEGV);
	t_check(!exists("core"));
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		prctl(PR_SET_DUMPABLE, 1);
		raise(SIGSEGV);
	}
	t_eq(status_of(pid), SIGSEGV | 0x80);
	t_check(exists("core"));
}

T_CASE(told_to_the_parent)
{
	siginfo_t info;
	pid_t pid;

	allow_cores(RLIM_INFINITY);
	T_CHILD(pid)
	raise(SIGQUIT);
	memset(&info, 0, sizeof(info));
	t_ret(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	t_eq(info.si_code, CLD_DUMPED);
	t_eq(info.si_status, SIGQUIT);
	allow_cores(0);
	T_CHILD(pid)
	raise(SIGQUIT);
	t_ret(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	t_eq(info.si_code, CLD_KILLED);
	t_eq(info.si_status, SIGQUIT);
}

static volatile int chld_code, chld_status;

static void on_chld(int signo, siginfo_t *info, void *context)
{
	chld_code = info->si_code;
	chld_status = info->si_status;
}

T_CASE(told_by_a_signal)
{
	pid_t pid;

	allow_cores(RLIM_INFINITY);
	t_handler_info(SIGCHLD, on_chld, SA_RESTART);
	T_CHILD(pid)
	raise(SIGABRT);
	t_eq(status_of(pid), SIGABRT | 0x80);
	t_eq(chld_code, CLD_DUMPED);
	t_eq(chld_status, SIGABRT);
}

/* ---- where ---- */

T_CASE(replaces_its_own)
{
	struct stat st;
	pid_t pid;

	allow_cores(RLIM_INFINITY);
	t_spew("core", "old");
	t_ret(chmod("core", 0600), 0);
	T_CHILD(pid)
	raise(SIGSEGV);
	t_eq(status_of(pid), SIGSEGV | 0x80);
	t_ret(stat("core", &st), 0);
	t_eq(st.st_mode, S_IFREG | 0600);
	t_check(st.st_size > 4096);
}

static void new_core(void)
{
	struct stat st;
	pid_t pid;

	T_CHILD(pid)
	raise(SIGSEGV);
	t_eq(status_of(pid), SIGSEGV | 0x80);
	t_ret(lstat("core", &st), 0);
	t_eq(st.st_mode, S_IFREG | 0600);
	t_eq(st.st_nlink, 1);
	unlink("core");
}

T_CASE(takes_the_place_of_what_is_there)
{
	char text[16];
	pid_t pid;

	allow_cores(RLIM_INFINITY);
	t_spew("target", "old");
	t_ret(symlink("target", "core"), 0);
	new_core();
	t_ret(chmod("target", 0600), 0);
	t_ret(link("target", "core"), 0);
	new_core();
	t_ok(t_slurp("target", text, sizeof(text)));
	t_str(text, "old");
	t_spew("core", "old");
	t_ret(chmod("core", 0644), 0);
	new_core();
	t_ret(mkfifo("core", 0600), 0);
	new_core();
	t_ret(mkdir("core", 0700), 0);
	T_CHILD(pid)
	raise(SIGSEGV);
	t_eq(status_of(pid), SIGSEGV);
	t_ret(rmdir("core"), 0);
	t_ret(chmod(".", 0755), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		prctl(PR_SET_DUMPABLE, 1);
		raise(SIGSEGV);
	}
	t_eq(status_of(pid), SIGSEGV);
	t_check(!exists("core"));
}

T_CASE(mask_counts)
{
	struct stat st;
	pid_t pid;

	allow_cores(RLIM_INFINITY);
	umask(0177);
	T_CHILD(pid)
	raise(SIGSEGV);
	t_eq(status_of(pid), SIGSEGV | 0x80);
	t_ret(stat("core", &st), 0);
	t_eq(st.st_mode, S_IFREG | 0600);
}

/* ---- what: a core file in memory ---- */

static unsigned char *core;
static long core_bytes;

static void core_load(void)
{
	struct stat st;
	int fd = open("core", O_RDONLY);

	t_ok(fd);
	t_ret(fstat(fd, &st), 0);
	core_bytes = st.st_size;
	core = mmap(NULL, (size_t)core_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (core == MAP_FAILED || core_bytes < (long)sizeof(Elf64_Ehdr))
		t_stop("no core");
}

static const Elf64_Phdr *segment(unsigned i)
{
	const Elf64_Ehdr *h = (void *)core;

	return i < h->e_phnum ? (const Elf64_Phdr *)(core + h->e_phoff) + i : NULL;
}

/* The @nth note of that type. */
static const void *note(unsigned type, unsigned nth, unsigned *len)
{
	const Elf64_Phdr *p = segment(0);
	const unsigned char *at = core + p->p_offset, *end = at + p->p_filesz;

	while (at + sizeof(Elf64_Nhdr) <= end) {
		const Elf64_Nhdr *n = (const void *)at;
		const unsigned char *data = at + sizeof(*n) + ((n->n_namesz + 3) & ~3u);

		if (n->n_type == type && !nth--) {
			if (len)
				*len = n->n_descsz;
			return data;
		}
		at = data + ((n->n_descsz + 3) & ~3u);
	}
	return NULL;
}

static const Elf64_Phdr *load_of(const volatile void *p)
{
	unsigned long va = (unsigned long)p;
	const Elf64_Phdr *s;

	for (unsigned i = 1; (s = segment(i)); i++)
		if (s->p_type == PT_LOAD && va >= s->p_vaddr && va < s->p_vaddr + s->p_memsz)
			return s;
	return NULL;
}

/* Memory as the core has it; NULL: it has not. */
static const void *memory(const volatile void *p)
{
	const Elf64_Phdr *s = load_of(p);
	unsigned long at = s ? (unsigned long)p - s->p_vaddr : 0;

	return s && at < s->p_filesz ? core + s->p_offset + at : NULL;
}

static volatile char marker[] = "a marker in the data";
static char *anonymous, *silent, *loud, *shared, *of_file, *changed;
extern char crash_here[];

static void map_things(void)
{
	char page[4096] = "a page of a file";
	int fd = open("mapped", O_RDWR | O_CREAT, 0600);

	for (int i = 0; i < 4; i++)
		t_ret(write(fd, page, sizeof(page)), sizeof(page));
	anonymous = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	silent = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(silent + AREA - 4096, 4096, PROT_NONE);
	loud = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	of_file = mmap(NULL, AREA, PROT_READ, MAP_SHARED, fd, 0);
	changed = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	strcpy(anonymous + 4096, "anonymous");
	strcpy(silent, "silent");
	strcpy(loud, "loud");
	strcpy(shared, "shared");
	changed[5000] = 'x';
	t_ret(madvise(silent, 4096, MADV_DONTDUMP), 0);
	t_ret(madvise(loud, AREA, MADV_DONTDUMP), 0);
	t_ret(madvise(loud, AREA, MADV_DODUMP), 0);
	close(fd);
}

static void crash(void)
{
	__asm__ volatile("movq $0x1212121212121212, %%r12\n"
			 "movq $0x1313131313131313, %%r13\n"
			 "movq $0x1414141414141414, %%r14\n"
			 "movq $0x1515151515151515, %%r15\n"
			 "movq $0x4242424242424242, %%rax\n"
			 "movq %%rax, %%xmm3\n"
			 "movq $0xbbbb, %%rbx\n"
			 "xorl %%eax, %%eax\n"
			 ".globl crash_here\n"
			 "crash_here: movl %%eax, 0x18\n" ::
				 : "memory", "r12", "r13", "r14", "r15", "rax", "rbx");
}

static pid_t dumped(void (*run)(void))
{
	pid_t pid;

	allow_cores(RLIM_INFINITY);
	T_CHILD(pid)
	{
		run();
		crash();
	}
	t_eq(status_of(pid), SIGSEGV | 0x80);
	core_load();
	return pid;
}

T_CASE(head)
{
	const Elf64_Ehdr *h;
	const Elf64_Phdr *s;

	map_things();
	dumped(map_things);
	h = (void *)core;
	t_mem(h->e_ident, "\177ELF\2\1\1", 7);
	t_eq(h->e_type, ET_CORE);
	t_eq(h->e_machine, EM_X86_64);
	t_eq(h->e_version, 1);
	t_eq(h->e_phentsize, sizeof(Elf64_Phdr));
	t_eq(h->e_phoff, sizeof(*h));
	t_check(h->e_phnum > 5);
	t_eq(segment(0)->p_type, PT_NOTE);
	for (unsigned i = 1; (s = segment(i)); i++) {
		if (s->p_type != PT_LOAD || s->p_filesz > s->p_memsz || s->p_offset % 4096 ||
			(long)(s->p_offset + s->p_filesz) > core_bytes)
			t_check(!"a segment is wrong");
	}
}

static void nothing(void)
{
}

T_CASE(registers)
{
	pid_t pid = dumped(nothing);
	const struct elf_prstatus *st;
	const struct user_regs_struct *r;
	const struct user_fpregs_struct *f;
	const siginfo_t *info;
	unsigned len;

	st = note(NT_PRSTATUS, 0, &len);
	t_check(st != NULL);
	t_eq(len, sizeof(*st));
	r = (const void *)st->pr_reg;
	t_eq(st->pr_pid, pid);
	t_eq(st->pr_ppid, getpid());
	t_eq(st->pr_sid, getsid(0));
	t_eq(st->pr_pgrp, getpgrp());
	t_eq(st->pr_cursig, SIGSEGV);
	t_eq(st->pr_info.si_signo, SIGSEGV);
	t_eq(st->pr_fpvalid, 1);
	t_eq(r->rip, (unsigned long)crash_here);
	t_eq(r->r12, 0x1212121212121212);
	t_eq(r->r13, 0x1313131313131313);
	t_eq(r->r14, 0x1414141414141414);
	t_eq(r->r15, 0x1515151515151515);
	t_eq(r->rbx, 0xbbbb);
	t_check(r->fs_base != 0 && memory((void *)r->rsp));
	f = note(NT_FPREGSET, 0, &len);
	t_check(f != NULL);
	t_eq(len, 512);
	t_eq(f->xmm_space[12], 0x42424242);
	t_eq(f->xmm_space[13], 0x42424242);
	info = note(NT_SIGINFO, 0, &len);
	t_check(info != NULL);
	t_eq(len, 128);
	t_eq(info->si_signo, SIGSEGV);
	t_eq(info->si_code, SEGV_MAPERR);
	t_eq((long)info->si_addr, 0x18);
	t_check(!note(NT_PRSTATUS, 1, NULL));
}

T_CASE(process_notes)
{
	const struct elf_prpsinfo *ps;
	char auxv[4096], comm[32], *path = realpath("/proc/self/exe", NULL);
	const unsigned long *files;
	const char *names;
	bool found = false;
	unsigned len, left;
	long n;
	int fd;

	prctl(PR_SET_NAME, "a-dumper");
	dumped(nothing);
	ps = note(NT_PRPSINFO, 0, &len);
	t_eq(len, sizeof(*ps));
	t_eq(ps->pr_sname, 'R');
	t_eq(ps->pr_zomb, 0);
	t_eq(ps->pr_nice, 0);
	t_eq(ps->pr_uid, getuid());
	t_eq(ps->pr_gid, getgid());
	t_eq(ps->pr_ppid, getpid());
	snprintf(comm, sizeof(comm), "%.16s", ps->pr_fname);
	t_str(comm, "a-dumper");
	t_check(!strncmp(ps->pr_psargs, t_self, strlen(t_self) < 60 ? strlen(t_self) : 60) ||
		ps->pr_psargs[0]);
	fd = open("/proc/self/auxv", O_RDONLY);
	n = read(fd, auxv, sizeof(auxv));
	close(fd);
	t_check(n > 100);
	t_mem(note(NT_AUXV, 0, &len), auxv, (size_t)n);
	files = note(NT_FILE, 0, &len);
	t_check(files && files[0] > 0 && files[0] < 100);
	t_eq(files[1], 4096);
	names = (const char *)(files + 2 + 3 * files[0]);
	left = (unsigned)((const char *)files + len - names);
	t_check(left > 0 && names[left - 1] == 0);
	for (unsigned long i = 0; i < files[0]; i++) {
		t_check(files[2 + 3 * i] < files[3 + 3 * i]);
		found |= !strcmp(names, path);
		names += strlen(names) + 1;
	}
	t_check(found);
	t_eq(names - (const char *)files, len);
	free(path);
}

T_CASE(what_memory)
{
	map_things(); /* the child has it at the same places */
	dumped(nothing);
	t_check(memory(marker) && !strcmp(memory(marker), (char *)marker));
	t_check(memory(anonymous) && *(char *)memory(anonymous) == 0);
	t_check(memory(anonymous + 4096) && !strcmp(memory(anonymous + 4096), "anonymous"));
	t_check(memory(anonymous + 8192) && *(char *)memory(anonymous + 8192) == 0);
	t_check(load_of(silent) && !memory(silent));
	t_eq(load_of(silent)->p_memsz, 4096);
	t_check(memory(silent + 4096) != NULL);
	t_check(memory(loud) && !strcmp(memory(loud), "loud"));
	t_check(memory(shared) && !strcmp(memory(shared), "shared"));
	t_check(load_of(of_file) && !memory(of_file));
	t_eq(load_of(of_file)->p_flags, PF_R);
	t_check(memory(changed) && !strcmp(memory(changed), "a page of a file"));
	t_check(memory(changed + 5000) && *(char *)memory(changed + 5000) == 'x');
	t_eq(load_of(changed)->p_flags, PF_R | PF_W);
}

static void filter(const char *value)
{
	int fd = open("/proc/self/coredump_filter", O_WRONLY);

	t_ret(write(fd, value, strlen(value)), strlen(value));
	close(fd);
}

T_CASE(filter_nothing)
{
	map_things();
	filter("0");
	dumped(nothing);
	t_check(load_of(anonymous) && !memory(anonymous));
	t_check(load_of(marker) && !memory(marker));
	t_check(!memory(shared) && !memory(of_file) && !memory(changed));
	t_check(note(NT_PRSTATUS, 0, NULL) != NULL);
}

T_CASE(filter_shared_only)
{
	map_things();
	filter("2");
	dumped(nothing);
	t_check(!memory(anonymous));
	t_check(memory(shared) != NULL);
	t_check(!memory(of_file) && !memory(changed));
}

T_CASE(filter_files)
{
	map_things();
	filter("0xc\n");
	dumped(nothing);
	t_check(!memory(anonymous) && !memory(shared));
	t_check(memory(of_file) && !strcmp(memory(of_file), "a page of a file"));
	t_check(memory(of_file + 3 * 4096) &&
		!strcmp(memory(of_file + 3 * 4096), "a page of a file"));
	t_check(memory(changed) != NULL);
}

T_HELPER(show_filter)
{
	char text[32];

	return t_slurp("/proc/self/coredump_filter", text, sizeof(text)) > 0 &&
			       !strcmp(text, "0000002a\n")
		       ? 3
		       : 4;
}

T_CASE(filter_file)
{
	char text[32];
	pid_t pid;
	int fd;

	t_ok(t_slurp("/proc/self/coredump_filter", text, sizeof(text)));
	t_str(text, "00000033\n");
	filter("0x2a");
	t_ok(t_slurp("/proc/self/coredump_filter", text, sizeof(text)));
	t_str(text, "0000002a\n");
	T_CHILD(pid)
	_exit(show_filter_helper(0, NULL));
	t_exit(pid, 3);
	T_CHILD(pid)
	execl(t_self, t_self, "-x", "show_filter", (char *)NULL);
	t_exit(pid, 3);
	fd = open("/proc/self/coredump_filter", O_WRONLY);
	t_errno(write(fd, "x", 1), EINVAL);
	t_errno(write(fd, "12y", 3), EINVAL);
	close(fd);
	filter("51");
	t_ok(t_slurp("/proc/self/coredump_filter", text, sizeof(text)));
	t_str(text, "00000033\n");
}

/* ---- threads ---- */

static pthread_barrier_t barrier;

static void *waits(void *arg)
{
	if (arg)
		*(pid_t *)arg = gettid();
	pthread_barrier_wait(&barrier);
	for (;;)
		syscall(SYS_pause);
	return NULL;
}

static volatile long spins;

static void *spin_thread(void *arg)
{
	pthread_barrier_wait(&barrier);
	for (;;)
		spins++;
	return NULL;
}

/* @arg: NULL, or the numbers of threads that must sleep by then, and 0. */
static void *crashes(void *arg)
{
	pthread_barrier_wait(&barrier);
	for (pid_t *tid = arg; tid && *tid; tid++)
		t_wait_state(*tid, 'S');
	t_sleep_ms(20);
	crash();
	return NULL;
}

static void threads_and_a_crash(void)
{
	static pid_t asleep[5];
	pthread_t a;

	pthread_barrier_init(&barrier, NULL, 6);
	for (int i = 0; i < 3; i++)
		pthread_create(&a, NULL, waits, &asleep[i]);
	pthread_create(&a, NULL, spin_thread, NULL);
	asleep[3] = getpid();
	pthread_create(&a, NULL, crashes, asleep);
	pthread_barrier_wait(&barrier);
	for (;;)
		syscall(SYS_pause);
}

T_CASE(threads)
{
	pid_t pid = dumped(threads_and_a_crash), seen[16];
	int paused = 0, stacks = 0, spinning = 0;
	const struct elf_prstatus *st;
	unsigned n;

	for (n = 0; n < N(seen) && (st = note(NT_PRSTATUS, n, NULL)); n++) {
		const struct user_regs_struct *r = (const void *)st->pr_reg;

		seen[n] = st->pr_pid;
		t_eq(st->pr_ppid, getpid());
		for (unsigned i = 0; i < n; i++)
			t_check(seen[i] != seen[n]);
		paused += r->orig_rax == SYS_pause && (long)r->rax == -514 /* -ERESTARTNOHAND */;
		spinning += r->rip >= (unsigned long)spin_thread &&
			    r->rip < (unsigned long)spin_thread + 100;
		stacks += memory((void *)r->rsp) != NULL;
		if (!n)
			t_eq(r->rip, (unsigned long)crash_here);
	}
	t_eq(n, 6);
	t_check(seen[0] != pid);
	t_eq(paused, 4);
	t_eq(spinning, 1);
	t_eq(stacks, 6);
	for (n = 0; note(NT_FPREGSET, n, NULL); n++)
		;
	t_eq(n, 6);
	t_check(note(NT_PRPSINFO, 0, NULL) && !note(NT_PRPSINFO, 1, NULL));
}

static void *all_crash(void *arg)
{
	pthread_barrier_wait(&barrier);
	crash();
	return NULL;
}

static void many_crashes(void)
{
	pthread_t a;

	pthread_barrier_init(&barrier, NULL, 8);
	for (int i = 0; i < 7; i++)
		pthread_create(&a, NULL, all_crash, NULL);
	pthread_barrier_wait(&barrier);
	crash();
}

T_CASE(all_crash_at_once)
{
	unsigned n;

	for (int i = 0; i < 5; i++) {
		unlink("core");
		dumped(many_crashes);
		for (n = 0; note(NT_PRSTATUS, n, NULL); n++)
			;
		t_eq(n, 8);
		munmap(core, (size_t)core_bytes);
	}
}

static void leader_gone(void)
{
	pthread_t a;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&a, NULL, crashes, NULL);
	pthread_barrier_wait(&barrier);
	pthread_exit(NULL);
}

T_CASE(first_thread_has_ended)
{
	dumped(leader_gone);
	t_check(note(NT_PRSTATUS, 0, NULL) != NULL);
}

static void *keeps_exiting(void *arg)
{
	return NULL;
}

static void threads_come_and_go(void)
{
	pthread_t a;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&a, NULL, crashes, NULL);
	pthread_barrier_wait(&barrier);
	for (;;) {
		pthread_create(&a, NULL, keeps_exiting, NULL);
		pthread_detach(a);
	}
}

T_CASE(while_threads_come_and_go)
{
	for (int i = 0; i < 3; i++) {
		unlink("core");
		dumped(threads_come_and_go);
		t_check(note(NT_PRSTATUS, 0, NULL) != NULL);
		munmap(core, (size_t)core_bytes);
	}
}

T_CASE(handlers_first)
{
	pid_t pid;

	allow_cores(RLIM_INFINITY);
	T_CHILD(pid)
	{
		signal(SIGSEGV, _exit);
		raise(SIGSEGV);
	}
	t_exit(pid, SIGSEGV);
	t_check(!exists("core"));
	T_CHILD(pid)
	{
		sigset_t set;

		sigfillset(&set);
		sigprocmask(SIG_BLOCK, &set, NULL);
		raise(SIGABRT);
		_exit(4); /* blocked: pending at the end */
	}
	t_exit(pid, 4);
	t_check(!exists("core"));
	T_CHILD(pid)
	{
		signal(SIGQUIT, SIG_IGN);
		raise(SIGQUIT);
		_exit(5);
	}
	t_exit(pid, 5);
}
