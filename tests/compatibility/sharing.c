/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sharing.c - what threads share: unshare, setns, kcmp; personality; locks that an exec leaves. */
#include "t_.h"

#include <linux/futex.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/personality.h>
#include <sys/select.h>
#include <sys/utsname.h>

T_SUITE(sharing);

static long kcmp(pid_t a, pid_t b, int type, unsigned long x, unsigned long y)
{
	return syscall(SYS_kcmp, a, b, type, x, y);
}

/* ---- unshare ---- */

static volatile pid_t thread_tid;
static int go[2], done[2];

static void *sharer(void *unshare_flags)
{
	thread_tid = (pid_t)syscall(SYS_gettid);
	t_ret(unshare((int)(long)unshare_flags), 0);
	t_put(done[1]);
	t_get(go[0]);
	t_ret(chdir("/"), 0);
	umask(0123);
	t_eq(dup2(0, 55), 55);
	t_put(done[1]);
	t_get(go[0]);
	return NULL;
}

static void with_thread(int flags, bool fs_apart, bool files_apart)
{
	char cwd[PATH_MAX];
	pthread_t a;
	pid_t me = getpid();

	t_pipe(go);
	t_pipe(done);
	umask(022);
	t_ret(pthread_create(&a, NULL, sharer, (void *)(long)flags), 0);
	t_get(done[0]);
	t_eq(kcmp(me, thread_tid, KCMP_FS, 0, 0) != 0, fs_apart);
	t_eq(kcmp(me, thread_tid, KCMP_FILES, 0, 0) != 0, files_apart);
	t_ret(kcmp(me, thread_tid, KCMP_VM, 0, 0), 0);
	t_ret(kcmp(me, thread_tid, KCMP_SIGHAND, 0, 0), 0);
	t_ret(kcmp(me, thread_tid, KCMP_FILE, 0, 0), 0);
	t_put(go[1]);
	t_get(done[0]);
	t_check(getcwd(cwd, sizeof(cwd)) != NULL);
	t_eq(strcmp(cwd, "/") != 0, fs_apart);
	t_eq(umask(022), fs_apart ? 022 : 0123);
	t_eq(fcntl(55, F_GETFD) == -1, files_apart);
	t_put(go[1]);
	t_ret(pthread_join(a, NULL), 0);
}

T_CASE(unshare_nothing)
{
	with_thread(0, false, false);
}

T_CASE(unshare_fs)
{
	with_thread(CLONE_FS, true, false);
}

T_CASE(unshare_files)
{
	with_thread(CLONE_FILES, false, true);
}

T_CASE(unshare_both)
{
	with_thread(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM, true, true);
}

static void *asks_for_more(void *unused)
{
	t_errno(unshare(CLONE_THREAD), EINVAL);
	t_errno(unshare(CLONE_SIGHAND), EINVAL);
	t_errno(unshare(CLONE_VM), EINVAL);
	t_errno(unshare(CLONE_VM | CLONE_FS), EINVAL);
	return NULL;
}

T_CASE(unshare_alone)
{
	pthread_t a;

	t_ret(unshare(CLONE_FS), 0);
	t_ret(unshare(CLONE_FILES), 0);
	t_ret(unshare(CLONE_SYSVSEM), 0);
	t_ret(unshare(CLONE_THREAD), 0); /* there is nothing to do */
	t_ret(unshare(CLONE_SIGHAND), 0);
	t_ret(unshare(CLONE_VM), 0);
	t_errno(unshare(CLONE_PARENT), EINVAL);
	t_errno(unshare(CLONE_SETTLS), EINVAL);
	t_errno(unshare(1), EINVAL);
	t_errno(syscall(SYS_unshare, 1UL << 40), EINVAL);
	t_ret(pthread_create(&a, NULL, asks_for_more, NULL), 0);
	t_ret(pthread_join(a, NULL), 0);
}

static int child_of_clone(void *unused)
{
	t_ret(unshare(CLONE_FILES | CLONE_FS), 0);
	close(44);
	return chdir("/");
}

T_CASE(unshare_from_another_process)
{
	static char stack[65536] __attribute__((aligned(16)));
	char cwd[PATH_MAX];
	pid_t pid;

	t_eq(dup2(0, 44), 44);
	pid = clone(child_of_clone, stack + sizeof(stack), CLONE_FILES | CLONE_FS | SIGCHLD, NULL);
	t_ok(pid);
	t_exit(pid, 0);
	t_ok(fcntl(44, F_GETFD));
	t_check(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/"));
}

T_CASE(unshare_in_a_loop)
{
	for (int i = 0; i < 100; i++)
		t_ret(unshare(CLONE_FILES | CLONE_FS), 0);
}

T_CASE(setns_refuses)
{
	int fd = open("/dev/null", O_RDONLY);

	t_errno(setns(-1, 0), EBADF);
	t_errno(setns(999, 0), EBADF);
	t_errno(setns(fd, 0), EINVAL);
	t_errno(setns(fd, CLONE_NEWNS), EINVAL);
	t_errno(setns(fd, 1), EINVAL);
}

/* ---- kcmp ---- */

T_CASE(kcmp_files)
{
	int a = open("/dev/null", O_RDONLY), b = open("/dev/null", O_RDONLY), c = dup(a);
	pid_t me = getpid(), pid;
	long order;

	t_ret(kcmp(me, me, KCMP_FILE, (unsigned long)a, (unsigned long)a), 0);
	t_ret(kcmp(me, me, KCMP_FILE, (unsigned long)a, (unsigned long)c), 0);
	order = kcmp(me, me, KCMP_FILE, (unsigned long)a, (unsigned long)b);
	t_check(order == 1 || order == 2);
	t_ret(kcmp(me, me, KCMP_FILE, (unsigned long)b, (unsigned long)a), 3 - order);
	t_ret(kcmp(me, me, KCMP_FILE, (unsigned long)a, (unsigned long)b), order);
	t_errno(kcmp(me, me, KCMP_FILE, (unsigned long)a, 999), EBADF);
	t_errno(kcmp(me, me, KCMP_FILE, 999, (unsigned long)a), EBADF);
	t_errno(kcmp(me, me, KCMP_FILE, 1UL << 31, (unsigned long)a), EBADF);
	T_CHILD(pid)
	for (;;)
		pause();
	t_ret(kcmp(me, pid, KCMP_FILE, (unsigned long)a, (unsigned long)c), 0);
	t_check(kcmp(me, pid, KCMP_FILES, 0, 0) > 0);
	t_check(kcmp(me, pid, KCMP_VM, 0, 0) > 0);
	t_check(kcmp(me, pid, KCMP_FS, 0, 0) > 0);
	t_check(kcmp(me, pid, KCMP_SIGHAND, 0, 0) > 0);
	t_ret(kcmp(me, me, KCMP_VM, 0, 0), 0);
	t_ret(kcmp(pid, pid, KCMP_FILES, 0, 0), 0);
	kill(pid, SIGKILL);
	t_killed(pid, SIGKILL);
	t_errno(kcmp(me, pid, KCMP_VM, 0, 0), ESRCH);
	t_errno(kcmp(pid, me, KCMP_VM, 0, 0), ESRCH);
	t_errno(kcmp(me, me, 8, 0, 0), EINVAL);
	t_errno(kcmp(me, me, -1, 0, 0), EINVAL);
}

/* Which file an epoll watches by a number, be it that by now another has that number. */
T_CASE(kcmp_epoll)
{
	struct {
		uint32_t efd, tfd, toff;
	} slot;
	struct epoll_event e = {.events = EPOLLIN};
	int ep = epoll_create1(0), p[2], q[2], me = getpid(), twice;

	t_pipe(p);
	t_pipe(q);
	t_ret(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
	slot.efd = (uint32_t)ep, slot.tfd = (uint32_t)p[0], slot.toff = 0;
	unsigned long at = (unsigned long)&slot;
	t_ret(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[0], at), 0);
	t_check(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)q[0], at) > 0);
	t_errno(kcmp(me, me, KCMP_EPOLL_TFD, 999, at), EBADF);
	t_errno(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[0], 8), EFAULT);
	slot.toff = 1;
	t_errno(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[0], at), ENOENT);
	slot.toff = 0, slot.tfd = (uint32_t)q[0];
	t_errno(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[0], at), ENOENT);
	t_ok(twice = dup(p[0]));
	t_ret(dup2(q[0], p[0]), p[0]); /* the old file stays watched under that number */
	t_ret(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
	slot.tfd = (uint32_t)p[0];
	int old = 0, new = 0;
	for (slot.toff = 0; slot.toff < 2; slot.toff++) {
		old += kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)twice, at) == 0;
		new += kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)q[0], at) == 0;
	}
	t_eq(old, 1);
	t_eq(new, 1);
	slot.toff = 0, slot.efd = (uint32_t)q[0];
	t_errno(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[0], at), EINVAL);
	slot.efd = 999;
	t_errno(kcmp(me, me, KCMP_EPOLL_TFD, (unsigned long)p[0], at), EBADF);
}

T_CASE(kcmp_rights)
{
	pid_t parent = getpid(), pid;

	T_CHILD(pid)
	{
		t_become(1000, 1000);
		t_errno(kcmp(parent, parent, KCMP_VM, 0, 0), EPERM);
		t_errno(kcmp(getpid(), 1, KCMP_VM, 0, 0), EPERM);
		t_ret(kcmp(getpid(), getpid(), KCMP_VM, 0, 0), 0);
	}
	t_exit(pid, 0);
}

/* ---- personality ---- */

static bool executable(const void *p)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	bool found = false;

	while (f && fgets(line, sizeof(line), f)) {
		unsigned long start, end;
		char r[5];

		if (sscanf(line, "%lx-%lx %4s", &start, &end, r) == 3 &&
			start <= (unsigned long)p && (unsigned long)p < end)
			found = r[2] == 'x';
	}
	fclose(f);
	return found;
}

T_CASE(personality_values)
{
	t_ret(personality(0xffffffff), 0);
	t_ret(personality(PER_LINUX32 | ADDR_NO_RANDOMIZE), 0);
	t_ret(personality(0xffffffff), PER_LINUX32 | ADDR_NO_RANDOMIZE);
	t_ret(personality(0x12345), PER_LINUX32 | ADDR_NO_RANDOMIZE);
	t_ret(personality(0), 0x12345);
}

T_CASE(read_implies_exec)
{
	void *p;

	t_ok(personality(READ_IMPLIES_EXEC));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t_check(executable(p));
	t_ret(mprotect(p, 4096, PROT_WRITE), 0);
	t_check(!executable(p));
	t_ret(mprotect(p, 4096, PROT_READ), 0);
	t_check(executable(p));
	p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t_check(!executable(p));
	t_ok(personality(0));
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t_check(!executable(p));
}

T_HELPER(persona)
{
	return personality(0xffffffff) == 0x0020000 /* UNAME26 */ ? 7 : 8;
}

T_CASE(exec_clears_read_implies_exec)
{
	pid_t pid;

	t_ok(personality(READ_IMPLIES_EXEC | 0x0020000));
	T_CHILD(pid)
	execl(t_self, t_self, "-x", "persona", (char *)NULL);
	t_exit(pid, 7);
}

T_CASE(uname26)
{
	struct utsname plain, old;
	unsigned major = 0, minor = 0, seen = 0;

	t_ret(uname(&plain), 0);
	t_eq(sscanf(plain.release, "%u.%u", &major, &minor), 2);
	t_ok(personality(0x0020000));
	t_ret(uname(&old), 0);
	t_eq(sscanf(old.release, "2.6.%u", &seen), 1);
	t_eq(seen, minor + 60);
	t_str(old.sysname, plain.sysname);
	t_str(old.version, plain.version);
	t_ok(personality(0));
	t_ret(uname(&old), 0);
	t_str(old.release, plain.release);
}

T_CASE(sticky_timeouts)
{
	struct timeval t = {0, 20000};

	t_ret(syscall(SYS_select, 0, NULL, NULL, NULL, &t), 0);
	t_eq(t.tv_usec, 0);
	t.tv_usec = 20000;
	t_ok(personality(STICKY_TIMEOUTS));
	t_ret(syscall(SYS_select, 0, NULL, NULL, NULL, &t), 0);
	t_eq(t.tv_usec, 20000);
	t_ok(personality(0));
}

/* ---- exec: locks of the old program ---- */

struct shared {
	pthread_mutex_t robust;
	unsigned words[4];
	struct robust_list_head head;
	struct {
		struct robust_list node;
		unsigned word;
	} lock[2];
};

static struct shared *shared_new(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

T_HELPER(stays)
{
	t_sleep_ms(10000);
	return 0;
}

T_CASE(exec_leaves_robust_locks)
{
	struct shared *s = shared_new();
	struct timespec limit = {5, 0};
	pid_t pid;

	T_CHILD(pid)
	{
		unsigned tid = (unsigned)syscall(SYS_gettid);

		s->head.list.next = &s->lock[0].node;
		s->lock[0].node.next = &s->lock[1].node;
		s->lock[1].node.next = &s->head.list;
		s->head.futex_offset = sizeof(struct robust_list);
		s->lock[0].word = tid;
		s->lock[1].word = tid | FUTEX_WAITERS;
		t_ret(syscall(SYS_set_robust_list, &s->head, sizeof(s->head)), 0);
		execl(t_self, t_self, "-x", "stays", (char *)NULL);
	}
	/* woken, or it has been done already */
	for (int i = 0; i < 100 &&
			!(__atomic_load_n(&s->lock[1].word, __ATOMIC_ACQUIRE) & FUTEX_OWNER_DIED);
		i++) {
		syscall(SYS_futex, &s->lock[1].word, FUTEX_WAIT, (unsigned)pid | FUTEX_WAITERS,
			&limit, NULL, 0);
		if (!s->lock[1].word)
			t_sleep_ms(10);
	}
	t_eq(s->lock[0].word, FUTEX_OWNER_DIED);
	t_eq(s->lock[1].word, FUTEX_OWNER_DIED | FUTEX_WAITERS);
	t_ret(kill(pid, 0), 0); /* it lives, as another program */
	kill(pid, SIGKILL);
	t_killed(pid, SIGKILL);
}

T_CASE(exec_hands_over_pi_locks)
{
	struct shared *s = shared_new();
	struct timespec limit;
	pthread_mutexattr_t a;
	int up[2];
	pid_t pid;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	t_ret(pthread_mutex_init(&s->robust, &a), 0);
	t_pipe(up);
	T_CHILD(pid)
	{
		pthread_mutex_lock(&s->robust);
		t_put(up[1]);
		t_sleep_ms(50); /* somebody waits then */
		execl(t_self, t_self, "-x", "stays", (char *)NULL);
	}
	t_get(up[0]);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 5;
	t_ret(pthread_mutex_timedlock(&s->robust, &limit), EOWNERDEAD);
	t_ret(kill(pid, 0), 0);
	kill(pid, SIGKILL);
	t_killed(pid, SIGKILL);
}

static struct shared *held;

static void *locks_and_stays(void *unused)
{
	pthread_mutex_lock(&held->robust);
	t_put(go[1]);
	for (;;)
		pause();
	return NULL;
}

T_CASE(exec_ends_threads_with_locks)
{
	struct timespec limit;
	pthread_mutexattr_t a;
	pthread_t thread;
	pid_t pid;

	held = shared_new();
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	t_ret(pthread_mutex_init(&held->robust, &a), 0);
	t_pipe(go);
	t_pipe(done);
	T_CHILD(pid)
	{
		pthread_create(&thread, NULL, locks_and_stays, NULL);
		t_get(go[0]);
		t_put(done[1]);
		execl(t_self, t_self, "-x", "stays", (char *)NULL);
	}
	t_get(done[0]);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 5;
	t_ret(pthread_mutex_timedlock(&held->robust, &limit), EOWNERDEAD);
	t_ret(kill(pid, 0), 0);
	kill(pid, SIGKILL);
	t_killed(pid, SIGKILL);
}
