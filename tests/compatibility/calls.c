/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * calls.c - a success and an error of the calls that C libraries no longer make, or make rarely.
 *
 * The older forms of openat, newfstatat, prlimit64 and so on are calls of their own here: made by
 * number, as a program of another time makes them. What changes the machine (host name, accounting)
 * is set to what it is.
 */
#include "t_.h"

#include <linux/capability.h>
#include <linux/rseq.h>
#include <setjmp.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <utime.h>

T_SUITE(calls);

#define call(name, ...) syscall(SYS_##name, ##__VA_ARGS__)

enum { USER = 12345, PAGE = 4096 };

/* ---- files ---- */

T_CASE(open_stat_and_friends)
{
	struct stat st;
	int p[2];

	t_ok(call(open, "f", O_RDWR | O_CREAT, 0600));
	t_errno(call(open, "none", O_RDONLY, 0), ENOENT);
	t_errno(call(open, "f", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	t_ret(symlink("f", "link"), 0);
	t_ret(call(stat, "link", &st), 0);
	t_eq(st.st_mode, S_IFREG | 0600);
	t_errno(call(stat, "none", &st), ENOENT);
	t_ret(call(lstat, "link", &st), 0);
	t_eq(st.st_mode & S_IFMT, S_IFLNK);
	t_errno(call(lstat, "f/x", &st), ENOTDIR);
	t_ret(call(fstat, 0, &st), 0);
	t_errno(call(fstat, 99, &st), EBADF);
	t_ret(call(pipe, p), 0);
	t_errno(call(pipe, (int *)8), EFAULT);
	t_errno(call(sendfile, p[0], p[1], NULL, 4), EBADF);
	t_errno(call(sendfile, 99, 0, NULL, 4), EBADF);
	t_ret(call(mkdirat, AT_FDCWD, "d", 0700), 0);
	t_errno(call(mkdirat, AT_FDCWD, "d", 0700), EEXIST);
	t_ret(call(renameat, AT_FDCWD, "f", AT_FDCWD, "d/g"), 0);
	t_errno(call(renameat, AT_FDCWD, "f", AT_FDCWD, "d/g"), ENOENT);
	t_ret(call(faccessat, AT_FDCWD, "d/g", R_OK), 0);
	t_errno(call(faccessat, AT_FDCWD, "d/none", R_OK), ENOENT);
	t_ret(call(mknod, "fifo", S_IFIFO | 0600, 0), 0);
	t_errno(call(mknod, "fifo", S_IFIFO | 0600, 0), EEXIST);
	t_errno(call(mknod, "dir", S_IFDIR | 0600, 0), EPERM);
}

T_CASE(getdents_old_form)
{
	char names[4096], none[8];
	int d;

	t_spew("one", "");
	d = open(".", O_RDONLY | O_DIRECTORY);
	t_check(call(getdents, d, names, sizeof(names)) > 0);
	t_ret(call(getdents, d, names, sizeof(names)), 0);
	t_ret(lseek(d, 0, SEEK_SET), 0);
	t_errno(call(getdents, d, none, sizeof(none)), EINVAL);
	t_errno(call(getdents, 99, names, sizeof(names)), EBADF);
	t_errno(call(getdents, open("one", O_RDONLY), names, sizeof(names)), ENOTDIR);
}

T_CASE(times_of_files)
{
	struct timeval tv[2] = {{1000, 2}, {3000, 4}};
	struct utimbuf at = {500, 600};
	struct stat st;

	t_spew("f", "");
	t_ret(call(utime, "f", &at), 0);
	t_ret(stat("f", &st), 0);
	t_eq(st.st_atime, 500);
	t_eq(st.st_mtime, 600);
	t_errno(call(utime, "none", &at), ENOENT);
	t_ret(call(utimes, "f", tv), 0);
	t_ret(stat("f", &st), 0);
	t_eq(st.st_atim.tv_nsec, 2000);
	t_eq(st.st_mtim.tv_sec, 3000);
	t_errno(call(utimes, "none", tv), ENOENT);
	tv[1].tv_usec = 1000000;
	t_errno(call(utimes, "f", tv), EINVAL);
	tv[1].tv_usec = -1;
	t_errno(call(utimes, "f", tv), EINVAL);
	tv[1] = (struct timeval){7000, 8};
	t_ret(call(futimesat, AT_FDCWD, "f", tv), 0);
	t_ret(stat("f", &st), 0);
	t_eq(st.st_mtim.tv_sec, 7000);
	t_errno(call(futimesat, 99, "f", tv), EBADF);
	t_ret(call(futimesat, AT_FDCWD, "f", NULL), 0);
}

T_CASE(vectors_at_an_offset)
{
	char a[4] = "", b[4] = "";
	struct iovec out[2] = {{"abc", 3}, {"def", 3}}, in[2] = {{a, 3}, {b, 3}};
	int f = open("f", O_RDWR | O_CREAT, 0600);

	t_ret(call(pwritev, f, out, 2, 10l, 0l), 6);
	t_ret(call(preadv, f, in, 2, 10l, 0l), 6);
	t_mem(a, "abc", 3);
	t_mem(b, "def", 3);
	t_errno(call(preadv, f, in, 2, -1l, 0l), EINVAL);
	t_errno(call(pwritev, f, out, 2, -1l, 0l), EINVAL);
	t_errno(call(preadv, f, in, -1, 0l, 0l), EINVAL);
	t_errno(call(pwritev, 99, out, 2, 0l, 0l), EBADF);
	t_ret(call(syncfs, f), 0);
	t_errno(call(syncfs, 99), EBADF);
	t_ret(call(sync), 0);
}

T_CASE(attributes_by_every_way)
{
	char value[16], list[64];
	int f;

	t_spew("f", "");
	t_ret(symlink("f", "link"), 0);
	f = open("f", O_RDWR);
	t_ret(call(lsetxattr, "link", "trusted.l", "link", 4, 0), 0);
	t_ret(call(lgetxattr, "link", "trusted.l", value, sizeof(value)), 4);
	t_errno(call(lgetxattr, "f", "trusted.l", value, sizeof(value)), ENODATA);
	t_errno(call(lsetxattr, "link", "trusted.l", "link", 4, XATTR_CREATE), EEXIST);
	t_errno(call(lsetxattr, "f", "trusted.x", "v", 1, XATTR_REPLACE), ENODATA);
	t_errno(call(lsetxattr, "f", "no-class", "v", 1, 0), EOPNOTSUPP);
	t_ret(call(setxattr, "link", "trusted.f", "file", 4, 0), 0);
	t_ret(call(getxattr, "f", "trusted.f", value, sizeof(value)), 4);
	t_check(call(listxattr, "link", list, sizeof(list)) > 0);
	t_check(call(llistxattr, "link", list, sizeof(list)) > 0);
	t_check(call(flistxattr, f, list, sizeof(list)) > 0);
	t_errno(call(listxattr, "f", list, 1), ERANGE);
	t_errno(call(llistxattr, "none", list, sizeof(list)), ENOENT);
	t_errno(call(flistxattr, 99, list, sizeof(list)), EBADF);
	t_ret(call(lremovexattr, "link", "trusted.l"), 0);
	t_errno(call(lremovexattr, "link", "trusted.l"), ENODATA);
	t_ret(call(fremovexattr, f, "trusted.f"), 0);
	t_errno(call(fremovexattr, f, "trusted.f"), ENODATA);
	t_errno(call(fremovexattr, 99, "trusted.f"), EBADF);
}

/* ---- descriptors ---- */

T_CASE(descriptors_of_events)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct timespec none = {0, 0}, bad = {0, 1000000000};
	int e;

	t_ok(e = (int)call(epoll_create, 1));
	t_errno(call(epoll_create, 0), EINVAL);
	t_ret(call(epoll_pwait2, e, &event, 1, &none, NULL, 8), 0);
	t_errno(call(epoll_pwait2, e, &event, 1, &bad, NULL, 8), EINVAL);
	t_errno(call(epoll_pwait2, e, &event, 0, &none, NULL, 8), EINVAL);
	t_errno(call(epoll_pwait2, 0, &event, 1, &none, NULL, 8), EINVAL);
	t_ok(call(eventfd2, 0, 0));
	t_errno(call(eventfd2, 0, 1 << 20), EINVAL);
	t_ok(call(inotify_init));
	struct rlimit few = {3, 3};
	t_ret(call(setrlimit, RLIMIT_NOFILE, &few), 0);
	t_errno(call(eventfd, 0), EMFILE);
	t_errno(call(inotify_init), EMFILE);
	t_errno(call(epoll_create, 1), EMFILE);
}

T_CASE(many_messages)
{
	char in[2][4], *words[] = {"one", "two"};
	struct mmsghdr out[2] = {}, back[2] = {};
	struct iovec o[2], b[2];
	struct timespec bad = {0, -1};
	int pair[2];

	for (int i = 0; i < 2; i++) {
		o[i] = (struct iovec){words[i], 3};
		b[i] = (struct iovec){in[i], 4};
		out[i].msg_hdr = (struct msghdr){.msg_iov = &o[i], .msg_iovlen = 1};
		back[i].msg_hdr = (struct msghdr){.msg_iov = &b[i], .msg_iovlen = 1};
	}
	t_ret(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	t_ret(call(sendmmsg, pair[0], out, 2, 0), 2);
	t_eq(out[1].msg_len, 3);
	t_ret(call(recvmmsg, pair[1], back, 2, MSG_DONTWAIT, NULL), 2);
	t_mem(in[1], "two", 3);
	t_eq(back[0].msg_len, 3);
	t_errno(call(recvmmsg, pair[1], back, 2, MSG_DONTWAIT, NULL), EAGAIN);
	t_errno(call(recvmmsg, pair[1], back, 2, MSG_DONTWAIT, &bad), EINVAL);
	t_errno(call(sendmmsg, 0, out, 2, 0), ENOTSOCK);
	t_errno(call(sendmmsg, 99, out, 2, 0), EBADF);
}

/* ---- System V ---- */

T_CASE(semaphores_and_messages)
{
	struct sembuf up = {0, 1, 0}, far = {7, 1, 0};
	int sem = semget(IPC_PRIVATE, 1, 0600), queue;

	t_ret(call(semop, sem, &up, 1), 0);
	t_errno(call(semop, sem, &far, 1), EFBIG);
	t_errno(call(semop, sem, &up, 0), EINVAL);
	t_errno(call(semop, sem, &up, 100000), E2BIG);
	t_ret(semctl(sem, 0, IPC_RMID), 0);
	t_errno(call(semop, sem, &up, 1), EINVAL);
	t_ok(queue = (int)call(msgget, IPC_PRIVATE, 0600));
	t_ret(msgctl(queue, IPC_RMID, NULL), 0);
}

/* ---- memory ---- */

T_CASE(locked_memory)
{
	char *at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	t_ret(call(mlock2, at, PAGE, 0), 0);
	t_ret(call(mlock2, at, 2 * PAGE, 1), 0); /* MLOCK_ONFAULT */
	t_errno(call(mlock2, at, PAGE, 2), EINVAL);
	t_ret(munmap(at + PAGE, PAGE), 0);
	t_errno(call(mlock2, at, 2 * PAGE, 0), ENOMEM);
	t_errno(call(munlock, at, 2 * PAGE), ENOMEM);
	t_ret(call(munlock, at, PAGE), 0);
	t_ret(call(mlockall, MCL_CURRENT), 0);
	t_errno(call(mlockall, 0), EINVAL);
	t_errno(call(mlockall, 8), EINVAL);
	t_errno(call(mlockall, MCL_ONFAULT), EINVAL);
	t_ret(call(munlockall), 0);
}

T_CASE(barriers_and_sequences)
{
	long fs = 0;
	/* what the C library has registered for this thread */
	struct rseq *mine = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);

	t_check(call(membarrier, 0, 0, 0) > 0);
	t_errno(call(membarrier, 1 << 30, 0, 0), EINVAL);
	t_errno(call(membarrier, 0, 99, 0), EINVAL);
	t_ret(call(arch_prctl, 0x1003, &fs), 0);
	t_eq(fs, (long)__builtin_thread_pointer());
	t_errno(call(rseq, mine, 32, 2, RSEQ_SIG), EINVAL);
	t_errno(call(rseq, mine, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG + 1), EPERM);
	t_errno(call(rseq, mine, 32, 0, RSEQ_SIG), EBUSY);
	t_ret(call(rseq, mine, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG), 0);
	t_errno(call(rseq, mine, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG), EINVAL);
	t_errno(call(rseq, (char *)mine + 8, 32, 0, RSEQ_SIG), EINVAL);
	t_ret(call(rseq, mine, 32, 0, RSEQ_SIG), 0);
}

/* ---- processes ---- */

T_CASE(limits_old_form)
{
	struct rlimit was, is;

	t_ret(call(getrlimit, RLIMIT_NOFILE, &was), 0);
	t_errno(call(getrlimit, 99, &was), EINVAL);
	was.rlim_cur--;
	t_ret(call(setrlimit, RLIMIT_NOFILE, &was), 0);
	t_ret(call(getrlimit, RLIMIT_NOFILE, &is), 0);
	t_eq(is.rlim_cur, was.rlim_cur);
	t_errno(call(setrlimit, 99, &was), EINVAL);
	was.rlim_cur = was.rlim_max + 1;
	if (was.rlim_cur)
		t_errno(call(setrlimit, RLIMIT_NOFILE, &was), EINVAL);
}

T_CASE(no_more_processes)
{
	struct rlimit none = {0, 0};

	t_become(USER, USER);
	t_errno(call(setresgid, 0, 0, 0), EPERM);
	t_ret(call(setresgid, -1, -1, USER), 0);
	t_ret(setrlimit(RLIMIT_NPROC, &none), 0);
	t_errno(call(fork), EAGAIN);
	errno = 0;
	pid_t pid = vfork();
	if (!pid)
		_exit(0);
	t_check(pid == -1 && errno == EAGAIN);
	t_errno(call(clone, SIGCHLD, 0, 0, 0, 0), EAGAIN);
}

T_CASE(signals_by_thread_and_descriptor)
{
	siginfo_t info = {.si_code = -1};
	int fd, null = open("/dev/null", O_RDONLY);
	pid_t pid = getpid(), tid = (pid_t)call(gettid), gone;

	t_ret(call(tkill, tid, 0), 0);
	t_errno(call(tkill, -1, 0), EINVAL);
	t_errno(call(tkill, tid, 65), EINVAL);
	signal(SIGUSR1, SIG_IGN);
	t_ret(call(rt_tgsigqueueinfo, pid, tid, SIGUSR1, &info), 0);
	t_errno(call(rt_tgsigqueueinfo, pid, -1, SIGUSR1, &info), EINVAL);
	t_errno(call(rt_tgsigqueueinfo, pid, tid, 65, &info), EINVAL);
	t_errno(call(rt_tgsigqueueinfo, pid, tid, SIGUSR1, NULL), EFAULT);
	t_ok(fd = (int)call(pidfd_open, pid, 0));
	t_errno(call(pidfd_open, 0, 0), EINVAL);
	t_errno(call(pidfd_open, pid, 1), EINVAL);
	t_ret(call(pidfd_send_signal, fd, 0, NULL, 0), 0);
	t_ret(call(pidfd_send_signal, fd, SIGUSR1, NULL, 0), 0);
	t_errno(call(pidfd_send_signal, fd, 65, NULL, 0), EINVAL);
	t_errno(call(pidfd_send_signal, fd, 0, NULL, 1 << 20), EINVAL);
	t_errno(call(pidfd_send_signal, null, 0, NULL, 0), EBADF);
	T_CHILD(gone)
	{
	}
	t_exit(gone, 0);
	t_errno(call(pidfd_open, gone, 0), ESRCH);
	t_errno(call(sched_get_priority_min, 99), EINVAL);
	t_errno(call(time, (time_t *)8), EFAULT);
}

/* ---- the machine ---- */

T_CASE(names_of_the_machine)
{
	struct utsname u;
	pid_t pid;

	t_ret(uname(&u), 0);
	t_ret(call(sethostname, u.nodename, strlen(u.nodename)), 0);
	t_errno(call(sethostname, "x", -1), EINVAL);
	t_errno(call(sethostname, u.nodename, 65), EINVAL);
	t_errno(call(sethostname, (char *)8, 4), EFAULT);
	t_ret(call(setdomainname, u.domainname, strlen(u.domainname)), 0);
	t_errno(call(setdomainname, "x", -1), EINVAL);
	T_CHILD(pid)
	{
		t_become(USER, USER);
		t_errno(call(sethostname, "x", 1), EPERM);
		t_errno(call(setdomainname, "x", 1), EPERM);
	}
	t_exit(pid, 0);
}

T_CASE(what_only_root_may)
{
	struct timeval wrong = {0, 2000000};
	pid_t pid;

	t_ret(call(settimeofday, NULL, NULL), 0);
	t_errno(call(settimeofday, &wrong, NULL), EINVAL);
	t_check(call(syslog, 10, NULL, 0) > 0); /* SYSLOG_ACTION_SIZE_BUFFER */
	t_errno(call(syslog, 99, NULL, 0), EINVAL);
	t_errno(call(syslog, 3, NULL, 10), EINVAL);
	t_errno(call(reboot, 1, 2, 3, NULL), EINVAL);
	t_errno(call(reboot, 0xfee1dead, 0x28121969, 0x12345, NULL), EINVAL);
	t_ret(call(reboot, 0xfee1dead, 0x28121969, 0, NULL), 0); /* Ctrl-Alt-Delete is init's */
	t_ret(call(acct, NULL), 0);
	t_errno(call(acct, "none"), ENOENT);
	t_errno(call(mount, "none", "none", "tmpfs", 0, NULL), ENOENT);
	t_errno(call(mount, "none", ".", "nosuchfs", 0, NULL), ENODEV);
	t_errno(call(umount2, ".", 0), EINVAL);
	t_errno(call(umount2, ".", 0x40), EINVAL);
	t_errno(call(umount2, "none", 0), ENOENT);
	t_ret(call(vhangup), 0); /* without a terminal: nothing to hang up */
	T_CHILD(pid)
	{
		t_become(USER, USER);
		t_errno(call(vhangup), EPERM);
		t_errno(call(reboot, 0xfee1dead, 0x28121969, 0, NULL), EPERM);
		t_errno(call(mount, "none", ".", "tmpfs", 0, NULL), EPERM);
		t_errno(call(umount2, ".", 0), EPERM);
		t_errno(call(acct, NULL), EPERM);
		t_errno(call(settimeofday, &(struct timeval){1, 0}, NULL), EPERM);
	}
	t_exit(pid, 0);
}

/* ---- prctl: what a thread or its address space is marked with ---- */

static jmp_buf no_clock;
static void jump_out(int signo)
{
	siglongjmp(no_clock, signo);
}

/* Reads the time-stamp counter. Return: 0, or the signal that it gave. */
static int reads_counter(void)
{
	int signo = sigsetjmp(no_clock, 1);

	if (!signo)
		__builtin_ia32_rdtsc();
	return signo;
}

T_CASE(counter_can_be_taken_away)
{
	unsigned mode = 0;
	pid_t pid;
	int status;

	t_handler(SIGSEGV, jump_out, 0);
	t_ret(prctl(PR_GET_TSC, &mode), 0);
	t_eq(mode, PR_TSC_ENABLE);
	t_eq(reads_counter(), 0);
	t_errno(prctl(PR_SET_TSC, 0), EINVAL);
	t_errno(prctl(PR_SET_TSC, 3), EINVAL);
	t_errno(prctl(PR_GET_TSC, 1), EFAULT);
	t_ret(prctl(PR_SET_TSC, PR_TSC_SIGSEGV), 0);
	t_eq(reads_counter(), SIGSEGV);
	t_ret(prctl(PR_GET_TSC, &mode), 0);
	t_eq(mode, PR_TSC_SIGSEGV);
	pid = fork(); /* it is inherited, and goes with the thread wherever that runs */
	if (!pid) {
		int wrong = reads_counter() != SIGSEGV;

		for (int i = 0; i < 20; i++) {
			usleep(500);
			wrong |= (reads_counter() != SIGSEGV) << 1;
		}
		prctl(PR_SET_TSC, PR_TSC_ENABLE);
		_exit(wrong | (reads_counter() != 0) << 2);
	}
	t_ret(waitpid(pid, &status, 0), pid);
	t_eq(status, 0);
	t_eq(reads_counter(), SIGSEGV); /* its leave was its own */
	t_ret(prctl(PR_SET_TSC, PR_TSC_ENABLE), 0);
	t_eq(reads_counter(), 0);
}

T_CASE(marks_of_a_thread)
{
	int status;
	pid_t pid;

	t_ret(prctl(PR_GET_TIMING), PR_TIMING_STATISTICAL);
	t_ret(prctl(PR_SET_TIMING, PR_TIMING_STATISTICAL), 0);
	t_errno(prctl(PR_SET_TIMING, PR_TIMING_TIMESTAMP), EINVAL);

	t_ret(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
	t_errno(prctl(PR_MCE_KILL_GET, 1, 0, 0, 0), EINVAL);
	t_ret(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0), 0);
	t_ret(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_EARLY);
	t_ret(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 0), 0);
	t_ret(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_LATE);
	t_errno(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, 3, 0, 0), EINVAL);
	t_errno(prctl(PR_MCE_KILL, 2, 0, 0, 0), EINVAL);
	t_errno(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 1, 0), EINVAL);
	t_errno(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1, 0, 0), EINVAL);
	pid = fork();
	if (!pid)
		_exit(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) != PR_MCE_KILL_LATE);
	t_ret(waitpid(pid, &status, 0), pid);
	t_eq(status, 0);
	t_ret(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0), 0);
	t_ret(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);

	t_ret(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
	t_errno(prctl(PR_GET_THP_DISABLE, 0, 0, 1, 0), EINVAL);
	t_errno(prctl(PR_SET_THP_DISABLE, 1, 1, 0, 0), EINVAL);
	t_ret(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
	t_ret(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
	pid = fork();
	if (!pid)
		_exit(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) != 1);
	t_ret(waitpid(pid, &status, 0), pid);
	t_eq(status, 0);
	t_ret(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);
	t_ret(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
}

/* What prctl answers, and -errno when it fails. */
static int flusher(int option, unsigned long a, unsigned long b)
{
	int ret = prctl(option, a, b, 0, 0);

	return ret < 0 ? -errno : ret;
}

/* Not every container's root may: who may not is told so. */
T_CASE(mark_of_who_writes_for_others)
{
	bool may = prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE);
	int status;
	pid_t pid;

	t_eq(flusher(PR_GET_IO_FLUSHER, 0, 0), may ? 0 : -EPERM);
	t_eq(flusher(PR_SET_IO_FLUSHER, 1, 0), may ? 0 : -EPERM);
	t_eq(flusher(PR_GET_IO_FLUSHER, 0, 0), may ? 1 : -EPERM);
	t_eq(flusher(PR_SET_IO_FLUSHER, 2, 0), may ? -EINVAL : -EPERM);
	t_eq(flusher(PR_SET_IO_FLUSHER, 1, 1), may ? -EINVAL : -EPERM);
	t_eq(flusher(PR_GET_IO_FLUSHER, 1, 0), may ? -EINVAL : -EPERM);
	pid = fork();
	if (!pid) {
		int wrong = flusher(PR_GET_IO_FLUSHER, 0, 0) != (may ? 1 : -EPERM);

		wrong |= (setresuid(1000, 1000, 1000) != 0) << 1;
		wrong |= (flusher(PR_GET_IO_FLUSHER, 0, 0) != -EPERM) << 2;
		wrong |= (flusher(PR_SET_IO_FLUSHER, 0, 0) != -EPERM) << 3;
		_exit(wrong);
	}
	t_ret(waitpid(pid, &status, 0), pid);
	t_eq(status, 0);
	t_eq(flusher(PR_SET_IO_FLUSHER, 0, 0), may ? 0 : -EPERM);
	t_eq(flusher(PR_GET_IO_FLUSHER, 0, 0), may ? 0 : -EPERM);
}
