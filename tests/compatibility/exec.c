/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* exec.c - what execve loads and refuses, what a new image starts with. */
#include "t_.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>

T_SUITE(exec);

static char *no_env[] = {NULL};

static int run(char *const argv[], char *const envp[])
{
	int status = -1;
	pid_t pid = t_fork();

	if (pid == 0) {
		execve(argv[0], argv, envp);
		_exit(errno == ENOENT ? 102 : errno == ENOEXEC ? 108 : 100);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int run_helper(const char *helper, const char *arg)
{
	char *argv[] = {(char *)t_self, "-x", (char *)helper, (char *)arg, NULL};

	return run(argv, no_env);
}

static void make_program(const char *path, const void *image, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (fd < 0 || write(fd, image, len) != (ssize_t)len || fchmod(fd, mode) < 0)
		t_stop("cannot make a program");
	close(fd);
}

static int try_exec(const char *path)
{
	char *argv[] = {(char *)path, NULL};

	return execve(path, argv, no_env);
}

/* A whole program of 132 bytes: exit(42). */
struct tiny {
	Elf64_Ehdr head;
	Elf64_Phdr segment;
	unsigned char code[12];
};

static struct tiny tiny_program(void)
{
	static const unsigned char code[] = {
		0x31, 0xff, 0x40, 0xb7, 42, 0x31, 0xc0, 0xb0, 60, 0x0f, 0x05};
	struct tiny t = {0};

	memcpy(t.head.e_ident, ELFMAG "\2\1\1", 7);
	/* xor edi, edi; mov dil, 42; xor eax, eax; mov al, 60; syscall */
	memcpy(t.code, code, sizeof(code));
	t.head.e_type = ET_EXEC;
	t.head.e_machine = EM_X86_64;
	t.head.e_version = 1;
	t.head.e_entry = 0x400000 + offsetof(struct tiny, code);
	t.head.e_phoff = offsetof(struct tiny, segment);
	t.head.e_ehsize = sizeof(Elf64_Ehdr);
	t.head.e_phentsize = sizeof(Elf64_Phdr);
	t.head.e_phnum = 1;
	t.segment = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_vaddr = 0x400000,
		.p_paddr = 0x400000,
		.p_filesz = sizeof(t),
		.p_memsz = sizeof(t),
		.p_align = 0x1000};
	return t;
}

static int run_tiny(const struct tiny *t, size_t len)
{
	char *argv[] = {"tiny", NULL};

	make_program("tiny", t, len, 0755);
	return run(argv, no_env);
}

T_CASE(tiny_elf)
{
	struct tiny t = tiny_program();

	t_eq(run_tiny(&t, sizeof(t)), 42);
	t.head.e_type = ET_DYN; /* position independent, linked at 0 */
	t.head.e_entry -= 0x400000;
	t.segment.p_vaddr = t.segment.p_paddr = 0;
	t_eq(run_tiny(&t, sizeof(t)), 42);
}

T_CASE(broken_elf_is_refused)
{
	const struct tiny good = tiny_program();
	struct tiny t = good;

	t.head.e_ident[0] = 0;
	make_program("p", &t, sizeof(t), 0755);
	t_errno(try_exec("p"), ENOEXEC);
	t = good;
	t.head.e_machine = EM_ARM;
	make_program("p", &t, sizeof(t), 0755);
	t_errno(try_exec("p"), ENOEXEC);
	t = good;
	t.head.e_type = ET_REL;
	make_program("p", &t, sizeof(t), 0755);
	t_errno(try_exec("p"), ENOEXEC);
	t = good;
	t.head.e_phentsize = 10;
	make_program("p", &t, sizeof(t), 0755);
	t_errno(try_exec("p"), ENOEXEC);
	t = good;
	t.head.e_phnum = 0;
	make_program("p", &t, sizeof(t), 0755);
	t_errno(try_exec("p"), ENOEXEC);
	make_program("p", &good, 20, 0755);
	t_errno(try_exec("p"), ENOEXEC);
	make_program("p", "", 0, 0755);
	t_errno(try_exec("p"), ENOEXEC);
	make_program("p", "just text\n", 10, 0755);
	t_errno(try_exec("p"), ENOEXEC);
	make_program("p", "\177ELF", 4, 0755);
	t_errno(try_exec("p"), ENOEXEC);
}

T_CASE(hostile_elf_never_runs)
{
	struct tiny t = tiny_program();
	int status;

	t.head.e_phoff = 1ull << 40;
	make_program("p", &t, sizeof(t), 0755);
	t_check(try_exec("p") == -1);
	t = tiny_program();
	t.segment.p_vaddr = 0xffffffff80000000; /* the kernel's half */
	status = run_tiny(&t, sizeof(t));
	t_check(status == 100 || status < 0);
	t = tiny_program();
	t.segment.p_memsz = 1ull << 60;
	status = run_tiny(&t, sizeof(t));
	t_check(status == 100 || status == 108 || status < 0);
	t = tiny_program();
	t.segment.p_filesz = 1 << 20; /* more than the file has */
	t.segment.p_memsz = 1 << 20;
	status = run_tiny(&t, sizeof(t));
	t_check(status == 42 || status < 0);
	t = tiny_program();
	t.head.e_entry = 0x123;
	t_eq(run_tiny(&t, sizeof(t)), -SIGSEGV);
	t = tiny_program();
	t.segment.p_flags = PF_R; /* no right to run */
	t_eq(run_tiny(&t, sizeof(t)), -SIGSEGV);
	t = tiny_program();
	t.segment.p_memsz = 10; /* less than the file's part */
	status = run_tiny(&t, sizeof(t));
	t_check(status == 100 || status == 108 || status < 0);
}

T_CASE(missing_interpreter)
{
	const struct tiny t = tiny_program();
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr segment[2];
		char path[16];
		unsigned char code[12];
	} q = {.head = t.head, .path = "/no/such/loader"};

	q.segment[0] = t.segment;
	q.segment[1] = (Elf64_Phdr){.p_type = PT_INTERP,
		.p_flags = PF_R,
		.p_offset = offsetof(typeof(q), path),
		.p_filesz = 16,
		.p_memsz = 16,
		.p_align = 1};
	q.head.e_phnum = 2;
	make_program("p", &q, sizeof(q), 0755);
	t_errno(try_exec("p"), ENOENT);
	q.segment[1].p_filesz = 15; /* not ended by a zero */
	make_program("p", &q, sizeof(q), 0755);
	t_errno(try_exec("p"), ENOEXEC);
	strcpy(q.path, "/dev/null");
	q.segment[1].p_filesz = 10;
	make_program("p", &q, sizeof(q), 0755);
	t_errno(try_exec("p"), EACCES);
}

T_CASE(exec_errors)
{
	static char deep[5000];
	struct tiny t = tiny_program();

	t_errno(try_exec("none"), ENOENT);
	t_errno(try_exec(""), ENOENT);
	t_errno(try_exec("."), EACCES);
	make_program("plain", &t, sizeof(t), 0644);
	t_errno(try_exec("plain"), EACCES);
	t_errno(try_exec("plain/x"), ENOTDIR);
	t_errno(try_exec("/dev/null"), EACCES);
	memset(deep, 'a', sizeof(deep) - 1);
	t_errno(try_exec(deep), ENAMETOOLONG);
	t_ret(symlink("loop", "loop"), 0);
	t_errno(try_exec("loop"), ELOOP);
	t_errno(syscall(SYS_execve, (void *)8, NULL, NULL), EFAULT);
	make_program("good", &t, sizeof(t), 0755);
	t_errno(syscall(SYS_execve, "good", (void *)8, NULL), EFAULT);
	int writer = open("good", O_WRONLY | O_CLOEXEC);
	t_ok(writer);
	t_errno(try_exec("good"), ETXTBSY);
	close(writer);
	pid_t pid;
	t_ret(chmod("good", 0700), 0);
	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(try_exec("good"), EACCES);
	}
	t_exit(pid, 0);
}

T_CASE(running_program_is_busy)
{
	static char block[65536];
	int fds[2], hold[2];
	bool whole = true;
	ssize_t n;
	pid_t pid;

	int in = open(t_self, O_RDONLY | O_CLOEXEC),
	    out = open("me", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	while ((n = read(in, block, sizeof(block))) > 0)
		whole &= write(out, block, n) == n;
	t_check(whole);
	close(out);
	t_pipe(fds);
	t_pipe(hold);
	pid = t_fork();
	if (pid == 0) {
		dup2(fds[1], 11);
		dup2(hold[0], 10);
		execl("me", "me", "-x", "hold", (char *)NULL);
		_exit(98);
	}
	t_get(fds[0]);
	t_errno(open("me", O_WRONLY), ETXTBSY);
	t_errno(truncate("me", 0), ETXTBSY);
	t_ret(unlink("me"), 0);
	t_put(hold[1]);
	t_exit(pid, 0);
}

T_HELPER(hold)
{
	char byte;

	return write(11, "x", 1) == 1 && read(10, &byte, 1) == 1 ? 0 : 1;
}

/* ---- scripts ---- */

static void script(const char *name, const char *first)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s\n", first);
	make_program(name, text, strlen(text), 0755);
}

T_HELPER(args)
{
	/* joined by commas to descriptor 10 */
	char text[512] = "";

	for (int i = 0; i < argc; i++) {
		strcat(text, argv[i]);
		strcat(text, ",");
	}
	return write(10, text, strlen(text)) > 0 ? 0 : 1;
}

static const char *output_of(char *const argv[])
{
	static char text[512];
	int fds[2], status;
	pid_t pid;

	t_pipe(fds);
	pid = t_fork();
	if (pid == 0) {
		dup2(fds[1], 10);
		execve(argv[0], argv, no_env);
		_exit(98);
	}
	close(fds[1]);
	waitpid(pid, &status, 0);
	ssize_t n = read(fds[0], text, sizeof(text) - 1);
	close(fds[0]);
	text[n > 0 ? n : 0] = 0;
	return text;
}

T_CASE(scripts)
{
	char line[PATH_MAX + 32], here[PATH_MAX];
	char *argv[] = {"./s", "one", "two words", NULL};

	/* a link near at hand: the line of a script has but 255 bytes */
	t_check(getcwd(here, sizeof(here)));
	t_ret(symlink(t_self, "i"), 0);
	snprintf(line, sizeof(line), "#!%s/i -x", here);
	script("s", line);
	/* the rest of the line is one argument, then the script's name, then its arguments */
	t_ret(rename("s", "args"), 0);
	argv[0] = "args";
	t_str(output_of(argv), "one,two words,");
	snprintf(line, sizeof(line), "#! \t%s/i \t -x \t ", here);
	script("args", line);
	t_str(output_of(argv), "one,two words,");
	script("s", "#!none");
	t_errno(try_exec("s"), ENOENT);
	script("s", "#!");
	t_errno(try_exec("s"), ENOEXEC);
	script("s", "#!.");
	t_errno(try_exec("s"), EACCES);
	script("s", "#!./s");
	t_errno(try_exec("s"), ELOOP);
	/* an interpreter may be a script itself */
	script("outer", "#!args");
	argv[0] = "./outer";
	t_str(output_of(argv), "./outer,one,two words,");
}

/* ---- arguments and limits ---- */

T_HELPER(count_args)
{
	return argc == 2 && !strcmp(argv[0], "") && !strcmp(argv[1], "a b") ? 33 : 34;
}

T_CASE(arguments_arrive)
{
	char *argv[] = {(char *)t_self, "-x", "count_args", "", "a b", NULL};

	t_eq(run(argv, no_env), 33);
}

T_HELPER(has_env)
{
	extern char **environ;
	int count = 0;

	while (environ[count])
		count++;
	return count == 2 && getenv("A") && !strcmp(getenv("A"), "1") && getenv("EMPTY") ? 35 : 36;
}

T_CASE(environment_arrives)
{
	char *argv[] = {(char *)t_self, "-x", "has_env", NULL};
	char *envp[] = {"A=1", "EMPTY=", NULL};

	t_eq(run(argv, envp), 35);
}

T_CASE(argument_limits)
{
	enum { ONE_MAX = 131072 };
	static char big[ONE_MAX + 1];
	static char *many[400];
	char *argv[] = {(char *)t_self, "-x", "plain_exit", big, NULL};
	struct rlimit limit = {8 << 20, RLIM_INFINITY};

	getrlimit(RLIMIT_STACK, &limit);
	limit.rlim_cur = 8 << 20;
	t_ret(setrlimit(RLIMIT_STACK, &limit), 0);
	memset(big, 'x', ONE_MAX);
	t_errno(execve(t_self, argv, no_env), E2BIG);
	big[ONE_MAX - 1] = 0;
	t_eq(run(argv, no_env), 55);
	/* all together at most a quarter of the stack's limit */
	many[0] = (char *)t_self;
	many[1] = "-x";
	many[2] = "plain_exit";
	for (int i = 3; i < 399; i++)
		many[i] = big;
	t_errno(execve(t_self, many, no_env), E2BIG);
	many[12] = NULL;
	t_eq(run(many, no_env), 55);
}

T_HELPER(plain_exit)
{
	return 55;
}

T_CASE(no_arguments_at_all)
{
	char *argv[] = {NULL};
	struct tiny t = tiny_program();
	pid_t pid;

	make_program("tiny", &t, sizeof(t), 0755);
	T_CHILD(pid)
	{
		execve("tiny", argv, no_env);
		_exit(98);
	}
	t_exit(pid, 42);
}

/* ---- what goes along and what does not ---- */

T_HELPER(fd_state)
{
	return (fcntl(20, F_GETFD) == 0) + 2 * (fcntl(21, F_GETFD) < 0) +
	       4 * (fcntl(22, F_GETFD) < 0);
}

T_CASE(close_on_exec)
{
	pid_t pid;

	T_CHILD(pid)
	{
		dup2(1, 20);
		dup3(1, 21, O_CLOEXEC);
		dup2(1, 22);
		fcntl(22, F_SETFD, FD_CLOEXEC);
		execl(t_self, t_self, "-x", "fd_state", (char *)NULL);
	}
	t_exit(pid, 7);
	T_CHILD(pid)
	{
		/* a failed exec closes nothing */
		dup3(1, 21, O_CLOEXEC);
		t_errno(try_exec("none"), ENOENT);
		t_ret(fcntl(21, F_GETFD), FD_CLOEXEC);
	}
	t_exit(pid, 0);
}

T_HELPER(inherited)
{
	char cwd[PATH_MAX];
	int bad = 0;

	bad |= (umask(0) != 05) << 0;
	bad |= (getpid() != atoi(argv[0])) << 1;
	bad |= (getcwd(cwd, sizeof(cwd)) == NULL || strcmp(strrchr(cwd, '/'), "/sub")) << 2;
	bad |= (getpriority(PRIO_PROCESS, 0) != 7) << 3;
	bad |= (prctl(PR_GET_DUMPABLE) != 1) << 4;
	int sig = 0;
	prctl(PR_GET_PDEATHSIG, &sig);
	bad |= (sig != SIGKILL) << 5;
	return bad;
}

T_CASE(attributes_survive)
{
	char self[16];
	pid_t pid;

	t_ret(mkdir("sub", 0755), 0);
	T_CHILD(pid)
	{
		snprintf(self, sizeof(self), "%d", getpid());
		umask(05);
		setpriority(PRIO_PROCESS, 0, 7);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_DUMPABLE, 0);
		t_ret(chdir("sub"), 0);
		execl(t_self, t_self, "-x", "inherited", self, (char *)NULL);
	}
	t_exit(pid, 0);
}

T_HELPER(comm_is)
{
	char name[16] = "";

	prctl(PR_GET_NAME, name);
	return strcmp(name, argv[0]) != 0;
}

T_CASE(name_follows_file)
{
	pid_t pid;

	t_ret(symlink(t_self, "a-name-longer-than-fifteen"), 0);
	T_CHILD(pid)
	{
		execl("a-name-longer-than-fifteen", "zero", "-x", "comm_is", "a-name-longer-t",
			(char *)NULL);
	}
	t_exit(pid, 0);
}

T_HELPER(auxiliary)
{
	const char *random = (const char *)getauxval(AT_RANDOM),
		   *execfn = (const char *)getauxval(AT_EXECFN);
	int bad = 0, sum = 0;

	bad |= (getauxval(AT_PAGESZ) != 4096) << 0;
	bad |= (getauxval(AT_PHDR) == 0 || getauxval(AT_PHENT) != sizeof(Elf64_Phdr)) << 1;
	bad |= (getauxval(AT_PHNUM) < 3 || getauxval(AT_ENTRY) == 0) << 2;
	for (int i = 0; i < 16; i++)
		sum |= random[i];
	bad |= (sum == 0) << 3;
	bad |= (strcmp(execfn, argv[0]) != 0) << 4;
	bad |= (getauxval(AT_UID) + getauxval(AT_EUID) + getauxval(AT_GID) + getauxval(AT_EGID) !=
		       0)
	       << 5;
	bad |= (getauxval(AT_SECURE) != 0 || getauxval(AT_CLKTCK) != 100) << 6;
	bad |= (strcmp((const char *)getauxval(AT_PLATFORM), "x86_64") != 0) << 7;
	return bad;
}

T_CASE(auxiliary_vector)
{
	t_eq(run_helper("auxiliary", t_self), 0);
}

T_HELPER(layout)
{
	const uintptr_t entry = (uintptr_t)getauxval(AT_ENTRY), random = getauxval(AT_RANDOM);
	char local;

	/* the stack's first words are 16-byte aligned and in the user's half */
	if (entry == 0 || random >> 47 || (uintptr_t)&local >> 47)
		return 1;
	return getauxval(AT_BASE) % 4096 ? 2 : 0;
}

T_CASE(layout_is_sound)
{
	for (int i = 0; i < 5; i++)
		t_eq(run_helper("layout", NULL), 0);
}

T_HELPER(print_random)
{
	uint64_t here = 0;
	void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	here = (uintptr_t)map ^ (uintptr_t)&here << 1;
	return write(10, &here, sizeof(here)) == sizeof(here) ? 0 : 1;
}

T_CASE(layout_is_random)
{
	uint64_t seen[4];
	int same = 0;

	for (int i = 0; i < 4; i++) {
		char *argv[] = {(char *)t_self, "-x", "print_random", NULL};
		memcpy(&seen[i], output_of(argv), sizeof(*seen));
		for (int k = 0; k < i; k++)
			same += seen[i] == seen[k];
	}
	t_eq(same, 0);
}

T_CASE(exec_via_descriptor)
{
	struct tiny t = tiny_program();
	char *argv[] = {"tiny", NULL};
	pid_t pid;

	make_program("tiny", &t, sizeof(t), 0755);
	T_CHILD(pid)
	{
		int fd = open("tiny", O_PATH);
		syscall(SYS_execveat, fd, "", argv, no_env, AT_EMPTY_PATH);
		_exit(98);
	}
	t_exit(pid, 42);
	t_errno(syscall(SYS_execveat, 777, "x", argv, no_env, 0), EBADF);
	t_errno(syscall(SYS_execveat, AT_FDCWD, "tiny", argv, no_env, 0x1), EINVAL);
}

T_CASE(memory_is_new)
{
	pid_t pid;
	static char *place;

	place = mmap((void *)0x10000000000, 4096, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	t_check(place != MAP_FAILED);
	*place = 'x';
	T_CHILD(pid)
	{
		execl(t_self, t_self, "-x", "probe", (char *)NULL);
	}
	t_exit(pid, 0);
	t_eq(*place, 'x');
}

T_HELPER(probe)
{
	/* nothing is where the old image had its page */
	return msync((void *)0x10000000000, 4096, MS_ASYNC) == -1 && errno == ENOMEM ? 0 : 1;
}
