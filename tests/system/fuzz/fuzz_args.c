/* Arguments for the system-call fuzzer: what each call takes, by a letter an argument, and the
 * pools that values come from. A call that is not in the table gets values of any kind. One
 * argument in JUNK_ONE_IN is of the wrong kind on purpose. */
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include "fuzz.h"

#define JUNK_ONE_IN 12
#define RARE        40 /* what ends the thread that does it */

/* f descriptor, d directory or AT_FDCWD, p path of ours, q any path, x name; b buffer, S structure
 * of mixed words, 8 signal set, T time, I interval, v iovecs, V their count, A address, Z pointer
 * to a length, h message header, P poll set, e epoll event, E sigaction, X argument vector; s size,
 * o offset, n small count, i small number, w flags, O open flags, m mode, g signal, t process of
 * ours, u user, c clock, a page of the playground, l its length, R protection, M mapping flags, k
 * futex operation, K futex word, C ioctl, G clone flags, H stack, D family, Y type, L fcntl, 0
 * zero, y option of prctl, 9 eight, 2 up to two, N level of an option, W header of capabilities, B
 * arch_prctl, F words to wait for, z rarely a structure, j anything. */
static const struct {
	const char *name, *spec;
} specs[] = {
	{"read", "fbs"},
	{"write", "fbs"},
	{"open", "qOm"},
	{"close", "f"},
	{"stat", "qb"},
	{"fstat", "fb"},
	{"lstat", "qb"},
	{"poll", "Pni"},
	{"lseek", "foi"},
	{"mmap", "alRMfl"},
	{"mprotect", "alR"},
	{"munmap", "al"},
	{"brk", "j"},
	{"rt_sigaction", "iEb9"},
	{"rt_sigprocmask", "i8b9"},
	{"ioctl", "fCS"},
	{"pread64", "fbso"},
	{"pwrite64", "fbso"},
	{"readv", "fvV"},
	{"writev", "fvV"},
	{"access", "qi"},
	{"pipe", "b"},
	{"select", "n888T"},
	{"mremap", "allia"},
	{"msync", "ali"},
	{"mincore", "alb"},
	{"madvise", "ali"},
	{"dup", "f"},
	{"dup2", "ff"},
	{"nanosleep", "Tb"},
	{"getitimer", "ib"},
	{"alarm", "i"},
	{"setitimer", "iIb"},
	{"sendfile", "ffZs"},
	{"socket", "DY0"},
	{"connect", "fAn"},
	{"accept", "fbZ"},
	{"sendto", "fbswAn"},
	{"recvfrom", "fbswbZ"},
	{"sendmsg", "fhw"},
	{"recvmsg", "fhw"},
	{"sendmmsg", "fhVw"},
	{"recvmmsg", "fhVwT"},
	{"shutdown", "fi"},
	{"bind", "fAn"},
	{"listen", "fi"},
	{"getsockname", "fbZ"},
	{"getpeername", "fbZ"},
	{"socketpair", "DY0b"},
	{"setsockopt", "fNiSn"},
	{"getsockopt", "fNibZ"},
	{"clone", "GHbb0"},
	{"execve", "qXX"},
	{"execveat", "dqXXw"},
	{"wait4", "tbwb"},
	{"waitid", "itbwb"},
	{"kill", "tg"},
	{"uname", "b"},
	{"fcntl", "fLj"},
	{"flock", "fi"},
	{"truncate", "po"},
	{"ftruncate", "fo"},
	{"getdents", "fbs"},
	{"getdents64", "fbs"},
	{"getcwd", "bs"},
	{"chdir", "p"},
	{"fchdir", "f"},
	{"rename", "pp"},
	{"mkdir", "pm"},
	{"rmdir", "p"},
	{"creat", "pm"},
	{"link", "pp"},
	{"unlink", "p"},
	{"symlink", "qp"},
	{"readlink", "qbs"},
	{"chmod", "pm"},
	{"fchmod", "fm"},
	{"chown", "puu"},
	{"fchown", "fuu"},
	{"lchown", "puu"},
	{"umask", "m"},
	{"getrlimit", "ib"},
	{"setrlimit", "iS"},
	{"getrusage", "ib"},
	{"sysinfo", "b"},
	{"times", "b"},
	{"syslog", "ibs"},
	{"setuid", "u"},
	{"setgid", "u"},
	{"setpgid", "tt"},
	{"setreuid", "uu"},
	{"setregid", "uu"},
	{"getgroups", "nb"},
	{"setgroups", "nS"},
	{"setresuid", "uuu"},
	{"setresgid", "uuu"},
	{"getpgid", "t"},
	{"getsid", "t"},
	{"setfsuid", "u"},
	{"setfsgid", "u"},
	{"capget", "Wb"},
	{"capset", "WS"},
	{"rt_sigpending", "b9"},
	{"rt_sigtimedwait", "8bT9"},
	{"rt_sigqueueinfo", "tgS"},
	{"rt_tgsigqueueinfo", "ttgS"},
	{"rt_sigsuspend", "89"},
	{"sigaltstack", "Sb"},
	{"utime", "pT"},
	{"utimes", "pI"},
	{"futimesat", "dpI"},
	{"utimensat", "dpIw"},
	{"mknod", "pm0"},
	{"mknodat", "dpm0"},
	{"statfs", "qb"},
	{"fstatfs", "fb"},
	{"getpriority", "it"},
	{"setpriority", "iti"},
	{"sched_setparam", "tS"},
	{"sched_getparam", "tb"},
	{"sched_setscheduler", "tiS"},
	{"sched_getscheduler", "t"},
	{"sched_rr_get_interval", "tb"},
	{"mlock", "al"},
	{"munlock", "al"},
	{"mlock2", "ali"},
	{"prctl", "yijs0"},
	{"chroot", "p"},
	{"mount", "xpxwS"},
	{"umount2", "p2"},
	{"setxattr", "pxbn2"},
	{"lsetxattr", "pxbn2"},
	{"fsetxattr", "fxbn2"},
	{"getxattr", "qxbs"},
	{"lgetxattr", "qxbs"},
	{"fgetxattr", "fxbs"},
	{"listxattr", "qbs"},
	{"llistxattr", "qbs"},
	{"flistxattr", "fbs"},
	{"removexattr", "px"},
	{"lremovexattr", "px"},
	{"fremovexattr", "fx"},
	{"tkill", "tg"},
	{"tgkill", "ttg"},
	{"futex", "KkiTKi"},
	{"sched_setaffinity", "tnS"},
	{"sched_getaffinity", "tsb"},
	{"epoll_create", "n"},
	{"set_tid_address", "b"},
	{"fadvise64", "fooi"},
	{"readahead", "foo"},
	{"sync_file_range", "fooi"},
	{"timer_create", "cSb"},
	{"timer_settime", "iwIb"},
	{"timer_gettime", "ib"},
	{"timer_getoverrun", "i"},
	{"timer_delete", "n"},
	{"clock_settime", "cT"},
	{"clock_gettime", "cb"},
	{"clock_getres", "cb"},
	{"clock_nanosleep", "ciTb"},
	{"epoll_wait", "fbni"},
	{"epoll_ctl", "fife"},
	{"openat", "dqOm"},
	{"openat2", "dqSs"},
	{"mkdirat", "dpm"},
	{"fchownat", "dpuuw"},
	{"newfstatat", "dqbw"},
	{"unlinkat", "dpw"},
	{"renameat", "dpdp"},
	{"renameat2", "dpdpi"},
	{"linkat", "dpdpw"},
	{"symlinkat", "qdp"},
	{"readlinkat", "dqbs"},
	{"fchmodat", "dpm"},
	{"faccessat", "dqi"},
	{"faccessat2", "dqiw"},
	{"pselect6", "n888TS"},
	{"ppoll", "PnT89"},
	{"set_robust_list", "Ss"},
	{"get_robust_list", "tbb"},
	{"epoll_pwait", "fbni89"},
	{"epoll_pwait2", "fbnT89"},
	{"fallocate", "fwos"},
	{"accept4", "fbZw"},
	{"eventfd2", "iw"},
	{"epoll_create1", "w"},
	{"dup3", "ffO"},
	{"pipe2", "bO"},
	{"preadv", "fvVoo"},
	{"pwritev", "fvVoo"},
	{"preadv2", "fvVoow"},
	{"pwritev2", "fvVoow"},
	{"prlimit64", "tiSb"},
	{"syncfs", "f"},
	{"getcpu", "bbj"},
	{"sched_setattr", "tS0"},
	{"sched_getattr", "tbs0"},
	{"getrandom", "bsi"},
	{"memfd_create", "xi"},
	{"membarrier", "wwi"},
	{"copy_file_range", "fZfZs0"},
	{"statx", "dqwwb"},
	{"rseq", "bnwj"},
	{"pidfd_send_signal", "fgz0"},
	{"pidfd_open", "tw"},
	{"clone3", "Sn"},
	{"close_range", "nnw"},
	{"splice", "fZfZsw"},
	{"tee", "ffsw"},
	{"vmsplice", "fvVw"},
	{"timerfd_create", "cO"},
	{"timerfd_settime", "fwIb"},
	{"timerfd_gettime", "fb"},
	{"signalfd", "f89"},
	{"signalfd4", "f89O"},
	{"inotify_init1", "O"},
	{"inotify_add_watch", "fpw"},
	{"inotify_rm_watch", "fi"},
	{"shmget", "iln"},
	{"shmat", "iaw"},
	{"shmctl", "iib"},
	{"semget", "inw"},
	{"semop", "iSn"},
	{"msgget", "iw"},
	{"msgsnd", "iSsw"},
	{"msgrcv", "ibsiw"},
	{"pkey_mprotect", "alRi"},
	{"pkey_alloc", "02"},
	{"pkey_free", "n"},
	{"getresuid", "bbb"},
	{"getresgid", "bbb"},
	{"gettimeofday", "bb"},
	{"settimeofday", "T0"},
	{"time", "b"},
	{"arch_prctl", "Bb"},
	{"set_mempolicy", "iSn"},
	{"get_mempolicy", "bbnai"},
	{"set_mempolicy_home_node", "aliw"},
	{"mbind", "aliSni"},
	{"migrate_pages", "tnSS"},
	{"move_pages", "tnSSbi"},
	{"ioprio_get", "it"},
	{"ioprio_set", "iti"},
	{"sched_get_priority_min", "i"},
	{"sched_get_priority_max", "i"},
	{"process_vm_readv", "tvVvV0"},
	{"process_vm_writev", "tvVvV0"},
	{"seccomp", "iwS"},
	{"ptrace", "itjj"},
	{"unshare", "w"},
	{"semtimedop", "iSnT"},
	{"semctl", "iiib"},
	{"msgctl", "iib"},
	{"shmdt", "a"},
	{"mq_open", "xOmS"},
	{"mq_unlink", "x"},
	{"mq_timedsend", "fbsiT"},
	{"mq_timedreceive", "fbsbT"},
	{"mq_notify", "fS"},
	{"mq_getsetattr", "fSb"},
	{"futex_waitv", "FnwTc"},
	{"pidfd_getfd", "ffw"},
	{"kcmp", "ttijj"},
	{"setns", "fw"},
};

/* Never made, and made rarely because the thread ends with it. */
static const char *const never[] = {"reboot"};
static const char *const rare[] = {"exit", "exit_group", "rt_sigreturn", "execve", "execveat",
	"vhangup", "pause", "rt_sigsuspend", "setrlimit"};

struct call fuzz_calls[] = {
#define SYSCALL(nr_, name_, args_, ...) \
	{.nr = nr_, .args = args_, .name = #name_, .spec = "jjjjjj", .one_in = 1},
#include "../../../kernel/syscall/table.def"
#undef SYSCALL
};
const u32 fuzz_call_count = ARRAY_LEN(fuzz_calls);

void fuzz_specs_init(void)
{
	for (u32 i = 0; i < fuzz_call_count; i++) {
		struct call *c = &fuzz_calls[i];

		for (u32 k = 0; k < ARRAY_LEN(specs); k++)
			if (!strcmp(specs[k].name, c->name))
				c->spec = specs[k].spec;
		for (u32 k = 0; k < ARRAY_LEN(rare); k++)
			if (!strcmp(rare[k], c->name))
				c->one_in = RARE;
		for (u32 k = 0; k < ARRAY_LEN(never); k++)
			if (!strcmp(never[k], c->name))
				c->one_in = 0;
	}
}

/* ---- plain values ---- */

#define PICK(f, ...)                                      \
	({                                                \
		static const u64 pool_[] = {__VA_ARGS__}; \
		pool_[below((f), (u32)ARRAY_LEN(pool_))]; \
	})

static u64 flag_word(struct fuzzer *f)
{
	u64 w = 0;

	for (u32 n = below(f, 4); n; n--)
		w |= 1ULL << (one_in(f, 8) ? below(f, 64) : below(f, 16));
	return w;
}

static u64 size_value(struct fuzzer *f)
{
	return PICK(f, 0, 1, 2, 7, 8, 16, 63, 64, 100, 255, 256, 512, 1000, 4095, 4096, 4097, 8192,
		       65535, 65536, 1 << 20, 1ULL << 31, 1ULL << 32, 1ULL << 47, 1ULL << 63, ~0ULL,
		       ~0ULL - 4095) +
	       (one_in(f, 8) ? below(f, 9) : 0);
}

static u64 small_value(struct fuzzer *f)
{
	return one_in(f, 10) ? PICK(f, ~0ULL, 64, 255, 256, 1024, 1030, 0x7fffffff, 0x80000000,
				       0xffffffff)
			     : below(f, 40);
}

static u64 fd_value(struct fuzzer *f)
{
	return one_in(f, 20) ? PICK(f, ~0ULL, 255, 256, 1000000, 0x7fffffff, (u64)AT_FDCWD)
			     : below(f, FDS);
}

static u64 pointer(struct fuzzer *f)
{
	switch (below(f, 24)) {
	case 0:
		return SHARED + below(f, SHARED_PAGES * PAGE);
	case 1:
		return FILE_MAP + below(f, FEW_PAGES * PAGE);
	case 2:
		return ARENA + ARENA_PAGES * PAGE - PICK(f, 0, 1, 4, 8, 16, 24, 63, 64, 128);
	case 3:
		return READ_ONLY + below(f, FEW_PAGES * PAGE);
	case 4:
		return NO_ACCESS + below(f, FEW_PAGES * PAGE);
	case 5:
		return GROUND + below(f, GROUND_PAGES * PAGE);
	case 6:
		return PICK(f, 0, 1, 8, PAGE, 0x7fffffffe000, 0x7fffffffefff, 0x7ffffffffff8,
			0x800000000000, 0xffff800000000000, 0xffffffff80000000, 0xffffffff81000000,
			0xfffffffffffff000, ~0ULL, 0xdead000000000000);
	case 7:
		return ARENA + below(f, ARENA_PAGES * PAGE);
	default:
		return ARENA + (u64)below(f, ARENA_PAGES * PAGE / 64) * 64;
	}
}

static u64 anything(struct fuzzer *f)
{
	switch (below(f, 8)) {
	case 0:
		return fd_value(f);
	case 1:
		return size_value(f);
	case 2:
	case 3:
		return pointer(f);
	case 4:
		return flag_word(f);
	case 5:
		return fuzz_random(f);
	case 6:
		return (u64)f->pid;
	default:
		return small_value(f);
	}
}

/* ---- what pointers point to: all in the arena, where other threads write as well ---- */

static void *room(struct fuzzer *f)
{
	return (void *)(ARENA + (u64)below(f, (ARENA_PAGES - 3) * PAGE / 256) * 256);
}

static u64 mixed_struct(struct fuzzer *f)
{
	u64 *w = room(f);
	u32 n = 1 + below(f, 16);

	for (u32 i = 0; i < n; i++)
		w[i] = one_in(f, 3) ? small_value(f) | small_value(f) << 32 : anything(f);
	return (u64)w;
}

static u64 time_struct(struct fuzzer *f, u32 words)
{
	u64 *w = room(f);

	for (u32 i = 0; i < words; i++)
		w[i] = one_in(f, 20) ? fuzz_random(f) : i % 2 ? below(f, 20000000) : 0;
	return (u64)w;
}

static u64 path(struct fuzzer *f, bool any)
{
	static const char *const ours[] = {"a", "b", "c", "d", "d/a", "d/b", "d/e", "d/e/a", "e",
		"link", "fifo", "sock", ".", "..", "d/..", "d/../a", "./d/./e", "", "a/",
		"d/e/../../link/a", "a-name-that-is-longer-than-what-a-dentry-holds-inline"};
	static const char *const all[] = {"/proc/self/maps", "/proc/self/status", "/proc/self/fd/3",
		"/proc/self/fd", "/proc/self/exe", "/proc/self", "/proc/self/task",
		"/proc/self/cwd", "/proc/self/root", "/proc/self/mountinfo", "/proc/self/smaps",
		"/proc/self/stat", "/proc/self/comm", "/proc/self/environ", "/proc/meminfo",
		"/proc/stat", "/proc/slabinfo", "/proc/mounts", "/proc/thread-self/stat", "/proc",
		"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/ptmx", "/dev/pts",
		"/dev/pts/0", "/dev/shm", "/dev/tty", "/sys/devices/system/cpu/online", "/sys", "/",
		"/bin/true", "/tmp", "/etc/passwd", "/proc/self/fdinfo/4", "/proc/self/net",
		"/proc/1/maps", "/proc/cpuinfo", "/proc/uptime"};
	char *to = room(f);
	u32 n;

	if (one_in(f, 40)) { /* long, or without an end */
		n = (u32)PICK(f, 254, 255, 256, 300, 1000, 4094, 4095, 4096, 5000);
		memset(to, one_in(f, 2) ? 'x' : '/', n);
		to[n] = 0;
		return (u64)to;
	}
	strcpy(to, any && one_in(f, 2) ? all[below(f, ARRAY_LEN(all))]
				       : ours[below(f, ARRAY_LEN(ours))]);
	if (one_in(f, 30)) { /* ends where memory ends */
		n = (u32)strlen(to);
		memmove((char *)ARENA + ARENA_PAGES * PAGE - n, to, n);
		return ARENA + ARENA_PAGES * PAGE - n;
	}
	return (u64)to;
}

static u64 name(struct fuzzer *f)
{
	static const char *const names[] = {"user.a", "trusted.x", "trusted.y",
		"security.capability", "system.posix_acl_access", "tmpfs", "proc", "sysfs",
		"devpts", "mqueue", "size=1m", "user.", "x", ""};

	return (u64)strcpy(room(f), names[below(f, ARRAY_LEN(names))]);
}

static u64 vectors(struct fuzzer *f)
{
	struct iovec *v = room(f);

	for (u32 i = 0; i < 8; i++)
		v[i] = (struct iovec){
			(void *)pointer(f), one_in(f, 8) ? size_value(f) : below(f, 10000)};
	return (u64)v;
}

static u64 address(struct fuzzer *f)
{
	struct sockaddr_un *a = room(f);

	if (one_in(f, 3)) { /* ports 8080 to 8083 of 127.0.0.1 */
		memcpy(a, "\2\0\x1f\x90\x7f\0\0\1\0\0\0\0\0\0\0", 16);
		((char *)a)[3] += (char)below(f, 4);
		return (u64)a;
	}
	a->sun_family = one_in(f, 3) ? (sa_family_t)PICK(f, 0, 2, 10, 16, 17, 0xffff) : AF_UNIX;
	strcpy(a->sun_path, one_in(f, 2) ? "sock" : "d/sock2");
	if (one_in(f, 3))
		memcpy(a->sun_path, one_in(f, 2) ? "\0abstract" : "\x1f\x90\x7f\0\0\1\0\0",
			9); /* 127.0.0.1:8080 */
	return (u64)a;
}

static u64 message(struct fuzzer *f)
{
	struct msghdr *h = room(f);
	struct cmsghdr *c = room(f);

	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(below(f, 4) * 4),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = (int)(1 + below(f, 2))};
	for (u32 i = 0; i < 4; i++)
		((int *)CMSG_DATA(c))[i] = (int)fd_value(f);
	*h = (struct msghdr){.msg_iov = (void *)vectors(f), .msg_iovlen = below(f, 8)};
	if (one_in(f, 2)) {
		h->msg_control = c;
		h->msg_controllen = one_in(f, 6) ? size_value(f) : CMSG_SPACE(below(f, 5) * 4);
	}
	if (one_in(f, 4)) {
		h->msg_name = (void *)address(f);
		h->msg_namelen = below(f, 120);
	}
	return (u64)h;
}

static u64 words_to_wait_for(struct fuzzer *f)
{
	struct {
		u64 value, address;
		u32 flags, reserved;
	} *w = room(f);

	for (u32 i = 0; i < 8; i++) {
		w[i].value = one_in(f, 4) ? anything(f) : 0;
		w[i].address = one_in(f, 6) ? pointer(f) : SHARED + below(f, 8) * 4;
		w[i].flags = one_in(f, 6) ? (u32)flag_word(f) : one_in(f, 2) ? 2 : 2 | 128;
		w[i].reserved = one_in(f, 12);
	}
	return (u64)w;
}

static u64 poll_set(struct fuzzer *f)
{
	struct pollfd *p = room(f);

	for (u32 i = 0; i < 16; i++)
		p[i] = (struct pollfd){.fd = (int)fd_value(f), .events = (short)flag_word(f)};
	return (u64)p;
}

static u64 word(struct fuzzer *f, u64 value)
{
	u64 *w = room(f);

	*w = value;
	return (u64)w;
}

static u64 action(struct fuzzer *f)
{
	u64 *w = room(f);

	w[0] = one_in(f, 3) ? anything(f) : below(f, 2); /* default or ignore */
	w[1] = flag_word(f) | (one_in(f, 2) ? 0x04000000 : 0);
	w[2] = pointer(f);
	w[3] = flag_word(f);
	return (u64)w;
}

static u64 arguments(struct fuzzer *f)
{
	u64 *w = room(f);
	u32 n = below(f, 6);

	for (u32 i = 0; i < n; i++)
		w[i] = one_in(f, 8) ? pointer(f) : path(f, true);
	w[n] = one_in(f, 20) ? pointer(f) : 0;
	return (u64)w;
}

static u64 clone_flags(struct fuzzer *f)
{
	u64 flags = PICK(f, SIGCHLD, SIGCHLD, CLONE_VM | CLONE_VFORK | SIGCHLD,
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
		CLONE_VM | CLONE_FILES | SIGCHLD);

	return one_in(f, 3) ? flags | 1ULL << (8 + below(f, 25)) : flags;
}

static u64 ioctl_number(struct fuzzer *f)
{
	if (one_in(f, 10))
		return fuzz_random(f);
	return one_in(f, 3) ? 0x5400 + below(f, 0x60)
			    : PICK(f, 0x5413, 0x5414, 0x541b, 0x5421, 0x5450, 0x5451, 0x5452,
				      0x80045430, 0x40045431, 0x80045432, 0x5441, 0x4b33, 0x4b3a,
				      0x5600, 0x5603, 0x80086601, 0x40086602, 0x8910, 0x8912,
				      0x8927, 0x1260, 0x80081272, 0x5420, 0x5412, 0x540e, 0x5422);
}

/* ---- by the letter ---- */

static u64 structure(struct fuzzer *f, char kind)
{
	switch (kind) {
	case 'p':
	case 'q':
		return path(f, kind == 'q');
	case 'x':
		return name(f);
	case 'T':
		return one_in(f, 6) ? 0 : time_struct(f, 2);
	case 'I':
		return one_in(f, 8) ? 0 : time_struct(f, 4);
	case 'v':
		return vectors(f);
	case 'A':
		return address(f);
	case 'Z':
		return one_in(f, 4) ? 0 : word(f, one_in(f, 8) ? size_value(f) : below(f, 5000));
	case 'h':
		return message(f);
	case 'P':
		return poll_set(f);
	case 'F':
		return words_to_wait_for(f);
	case 'e':
		return mixed_struct(f);
	case 'E':
		return one_in(f, 4) ? 0 : action(f);
	case 'X':
		return arguments(f);
	case 'W':
		return word(f, PICK(f, 0x20080522, 0x20080522, 0x20071026, 0x19980330, 1));
	case 'z':
		return one_in(f, 4) ? mixed_struct(f) : 0;
	case '8':
		return one_in(f, 4) ? 0 : word(f, fuzz_random(f) & fuzz_random(f) & ~(1ULL << 63));
	default:
		return one_in(f, 16) ? 0 : mixed_struct(f);
	}
}

static u64 number(struct fuzzer *f, char kind)
{
	switch (kind) {
	case 'f':
		return fd_value(f);
	case 'd':
		return one_in(f, 3) ? fd_value(f) : (u64)AT_FDCWD;
	case 's':
		return one_in(f, 3) ? size_value(f) : below(f, 9000);
	case 'o':
		return one_in(f, 5) ? size_value(f) : below(f, 70000);
	case 'n':
		return one_in(f, 12) ? size_value(f) : below(f, 130);
	case 'V':
		return one_in(f, 12) ? size_value(f) : below(f, 9);
	case 'O':
		return PICK(f, 0, 1, 2) | (one_in(f, 2) ? O_CREAT : 0) |
		       (one_in(f, 3) ? O_NONBLOCK : 0) | (one_in(f, 3) ? O_CLOEXEC : 0) |
		       (one_in(f, 4) ? flag_word(f) << 6 : 0);
	case 'm':
		return (one_in(f, 2) ? PICK(f, 0777, 0666, 0, 04755, 02770, 01777)
				     : below(f, 010000)) |
		       (one_in(f, 2) ? PICK(f, S_IFIFO, S_IFREG, S_IFSOCK, S_IFDIR) : 0);
	case 'g':
		return one_in(f, 6) ? below(f, 70)
				    : PICK(f, 0, SIGCHLD, SIGURG, SIGWINCH, SIGCONT, 64);
	case 'u':
		return one_in(f, 3) ? ~0ULL : PICK(f, 0, 1000, 1001, 65534, 0xffffffff, 0x80000000);
	case 'c':
		if (one_in(f, 6)) /* a CPU clock, of oneself or a thread */
			return (u64)(~(one_in(f, 2) ? f->pid : 0) * 8) | below(f, 8);
		return one_in(f, 8) ? anything(f) : below(f, 12);
	case 'R':
		return below(f, 8) | (one_in(f, 12) ? 0x1000000 /* PROT_GROWSDOWN */ : 0) |
		       (one_in(f, 16) ? flag_word(f) : 0);
	case 'M':
		return PICK(f, 0x22, 0x22, 0x21, 0x32, 0x31, 0x11, 0x12, 0x01, 0x02, 0x8022,
			       0x100032, 0x4122, 0x2022) |
		       (one_in(f, 8) ? flag_word(f) << 8 : 0);
	case 'C':
		return ioctl_number(f);
	case 'L':
		return one_in(f, 2) ? below(f, 17) : 1024 + below(f, 16);
	case 'D':
		return one_in(f, 2) ? PICK(f, 2, 2, 2, 10, 16, 17, 0, 40) : AF_UNIX;
	case 'Y':
		return PICK(f, 1, 1, 2, 5, 3) | (one_in(f, 2) ? SOCK_NONBLOCK : 0);
	case 'k':
		return below(f, 14) | (one_in(f, 2) ? FUTEX_PRIVATE_FLAG : 0) |
		       (one_in(f, 8) ? FUTEX_CLOCK_REALTIME : 0);
	case 'w':
		return flag_word(f);
	case 'N':
		return one_in(f, 4) ? PICK(f, 0, 6, 17, 41, 270) : SOL_SOCKET;
	case 'y':
		return one_in(f, 3) ? 35 : one_in(f, RARE) ? 59 : small_value(f);
	case 'B':
		return 0x1001 + below(f, 4);
	case '2':
		return below(f, 3);
	case '0':
		return 0;
	case '9':
		return 8;
	default:
		return small_value(f);
	}
}

static u64 argument(struct fuzzer *f, char kind)
{
	if (kind == 't') /* never anybody else: not init, not the supervisor */
		return one_in(f, 3) ? 0 : (u64)f->pid;
	if (one_in(f, JUNK_ONE_IN) && kind != 'g')
		return strchr("pqxTIvAZhPFeEX8SWz", kind) ? pointer(f) : anything(f);
	switch (kind) {
	case 'b':
		return pointer(f);
	case 'j':
		return anything(f);
	case 'a':
		return one_in(f, 40) ? pointer(f) & -PAGE
				     : GROUND + below(f, GROUND_PAGES) * PAGE +
					       (one_in(f, 20) ? below(f, PAGE) : 0);
	case 'l':
		return (1 + below(f, one_in(f, 4) ? 64 : 4)) * PAGE -
		       (one_in(f, 20) ? below(f, PAGE) : 0);
	case 'K':
		return SHARED + below(f, 8) * 4 + (one_in(f, 20) ? 1 : 0);
	case 'G':
		return clone_flags(f);
	case 'H':
		return one_in(f, 10) ? 0 : fuzz_stack_top();
	default:
		return strchr("pqxTIvAZhPFeEX8SWz", kind) ? structure(f, kind) : number(f, kind);
	}
}

void fuzz_args(struct fuzzer *f, const struct call *c, u64 *a)
{
	for (u32 i = 0; i < c->args && c->spec[i]; i++)
		a[i] = argument(f, c->spec[i]);
	/* Calls that nobody has described may name a process, too: none but ours. */
	if (c->spec[0] == 'j' && (u32)a[0] < 1000 && !one_in(f, 2))
		a[0] = (u64)f->pid;
}
