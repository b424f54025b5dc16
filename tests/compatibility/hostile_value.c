/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hostile_value.c - structures with fields that are huge, negative, contradict each other or mean
 * nothing; structures that lie on top of each other; counts that do not fit; lists without an end.
 */
#include "t_hostile_rows.h"

#include <linux/elf.h>
#include <linux/rseq.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/user.h>
#include <ucontext.h>

T_SUITE(hostile_value);

struct world w;

/* clang-format off */
#define BAD(what, size, content, want, call, ...) {what, SYS_##call, content, size, IN, want, SAME, SAME, {__VA_ARGS__}, 0, 0}
#define BAD_END(what, size, content, want, call, ...) {what, SYS_##call, content, size, IN, want, SAME, SAME, {__VA_ARGS__}, 0, NO_CUT}
#define BAD_IN(poke, what, size, content, want, call, ...) {what, SYS_##call, content, size, IN, want, SAME, SAME, {__VA_ARGS__}, poke, 0}
#define ONE_VECTOR(base, len) C(struct iovec, AT(base), len)
#define VECTORS(...) C(struct iovec[2], __VA_ARGS__)
#define HUGE_LEN (1UL << 63)
#define SEVENTY C(char[128], [0 ... 69] = 'x')
#define EVENT C(struct epoll_event, EPOLLIN, {0})
#define TIME(s, ns) C(struct timespec, s, ns)
#define SPEC(is, ins, s, ns) C(struct itimerspec, {is, ins}, {s, ns})
#define USEC(is, ius, s, us) C(struct itimerval, {is, ius}, {s, us})
#define RIGHTS(len, type, fd) C(struct { struct cmsghdr h; int fds[2]; }, {len, SOL_SOCKET, type}, {fd, fd})

static const struct row hostile[] = {
	/* vectors */
	BAD("negative length", 16, ONE_VECTOR(BYTES_AT, HUGE_LEN), -EINVAL, readv, FILE_FD, P, 1),
	BAD("length -1", 16, ONE_VECTOR(BYTES_AT, -1UL), -EINVAL, writev, PIPE_IN_FD, P, 1),
	BAD("second length negative", 32, VECTORS({AT(BYTES_AT), 2}, {AT(BYTES_AT), -1UL}), -EINVAL, readv, FILE_FD, P, 2),
	BAD("kernel's memory", 16, ONE_VECTOR(0xffff800000000000, 8), -EFAULT, readv, FILE_FD, P, 1),
	BAD("no address at all", 16, ONE_VECTOR(0x8000000000000000, 8), -EFAULT, writev, PIPE_IN_FD, P, 1),
	BAD("beyond the last page", 16, ONE_VECTOR(0x7ffffffff000, 1L << 40), -EFAULT, readv, FILE_FD, P, 1),
	BAD("good, then not", 32, VECTORS({AT(BYTES_AT), 2}, {AT(8), 2}), 2, readv, FILE_FD, P, 2),
	BAD("empty and wild", 16, ONE_VECTOR(8, 0), 0, readv, FILE_FD, P, 1),
	BAD("longer than the file", 16, ONE_VECTOR(BYTES_AT, 4096), 37, readv, FILE_FD, P, 1),
	BAD("the same twice", 32, VECTORS({AT(BYTES_AT), 4}, {AT(BYTES_AT), 4}), 8, readv, FILE_FD, P, 2),
	BAD("count 1025", 16, ONE_VECTOR(BYTES_AT, 1), -EINVAL, readv, FILE_FD, P, 1025),
	BAD("count -1", 16, ONE_VECTOR(BYTES_AT, 1), -EINVAL, preadv, FILE_FD, P, -1, 0, 0),
	BAD("count 0", 16, ONE_VECTOR(BYTES_AT, 1), 0, readv, FILE_FD, P, 0),
	BAD("offset -1", 16, ONE_VECTOR(BYTES_AT, 1), -EINVAL, preadv, FILE_FD, P, 1, -1, -1),
	BAD("unknown flag", 16, ONE_VECTOR(BYTES_AT, 1), -EOPNOTSUPP, preadv2, FILE_FD, P, 1, 0, 0, 1 << 20),
	BAD("negative length there", 16, ONE_VECTOR(BYTES_AT, -1UL), -EINVAL, process_vm_readv, SELF, VECTOR_AT, 1, P, 1, 0),
	BAD("kernel's memory there", 16, ONE_VECTOR(0xffffffff81000000, 8), -EFAULT, process_vm_readv, SELF, VECTOR_AT, 1, P, 1, 0),
	BAD("count 1025 there", 16, ONE_VECTOR(BYTES_AT, 8), -EINVAL, process_vm_readv, SELF, VECTOR_AT, 1, P, 1025, 0),
	BAD("unknown flags", 16, ONE_VECTOR(BYTES_AT, 8), -EINVAL, process_vm_writev, SELF, VECTOR_AT, 1, P, 1, 1),
	BAD("kernel's memory", 16, ONE_VECTOR(0xffff800000000000, 8), -EFAULT, vmsplice, PIPE_IN_FD, P, 1, 0),
	/* messages */
	BAD("1025 vectors", 56, C(struct msghdr, .msg_iov = AT(VECTOR_AT), .msg_iovlen = 1025), -EMSGSIZE, sendmsg, PAIR_FD, P, 0),
	BAD("-1 vectors", 56, C(struct msghdr, .msg_iov = AT(VECTOR_AT), .msg_iovlen = -1), -EMSGSIZE, recvmsg, PAIR_FD, P, 0),
	BAD("negative length of a name", 56, C(struct msghdr, .msg_name = AT(BYTES_AT), .msg_namelen = -1, .msg_iov = AT(VECTOR_AT), .msg_iovlen = 1), -EINVAL, sendmsg, DATAGRAM_FD, P, 0),
	BAD("negative length of a name", 56, C(struct msghdr, .msg_name = AT(BYTES_AT), .msg_namelen = -1, .msg_iov = AT(VECTOR_AT), .msg_iovlen = 1), -EINVAL, recvmsg, PAIR_FD, P, 0),
	BAD("wild name", 56, C(struct msghdr, .msg_name = AT(8), .msg_namelen = 20, .msg_iov = AT(VECTOR_AT), .msg_iovlen = 1), -EFAULT, sendmsg, DATAGRAM_FD, P, 0),
	BAD("control data of 2 GB", 56, C(struct msghdr, .msg_iov = AT(VECTOR_AT), .msg_iovlen = 1, .msg_control = AT(BYTES_AT), .msg_controllen = 1UL << 31), -ENOBUFS, sendmsg, PAIR_FD, P, 0),
	BAD("wild control data", 56, C(struct msghdr, .msg_iov = AT(VECTOR_AT), .msg_iovlen = 1, .msg_control = AT(8), .msg_controllen = 24), -EFAULT, sendmsg, PAIR_FD, P, 0),
	BAD("wild vectors", 56, C(struct msghdr, .msg_iov = AT(8), .msg_iovlen = 1), -EFAULT, sendmsg, PAIR_FD, P, 0),
	BAD_IN(CONTROL_AT + 32, "header of length 0", 24, RIGHTS(0, SCM_RIGHTS, PIPE_FD), -EINVAL, sendmsg, PAIR_FD, CONTROL_AT, 0),
	BAD_IN(CONTROL_AT + 32, "header shorter than itself", 24, RIGHTS(15, SCM_RIGHTS, PIPE_FD), -EINVAL, sendmsg, PAIR_FD, CONTROL_AT, 0),
	BAD_IN(CONTROL_AT + 32, "header longer than all", 24, RIGHTS(25, SCM_RIGHTS, PIPE_FD), -EINVAL, sendmsg, PAIR_FD, CONTROL_AT, 0),
	BAD_IN(CONTROL_AT + 32, "header of length -1", 24, RIGHTS(-1UL, SCM_RIGHTS, PIPE_FD), -EINVAL, sendmsg, PAIR_FD, CONTROL_AT, 0),
	BAD_IN(CONTROL_AT + 32, "no such descriptor", 24, RIGHTS(24, SCM_RIGHTS, 12345), -EBADF, sendmsg, PAIR_FD, CONTROL_AT, 0),
	BAD_IN(CONTROL_AT + 32, "negative descriptor", 24, RIGHTS(24, SCM_RIGHTS, -1), -EBADF, sendmsg, PAIR_FD, CONTROL_AT, 0),
	BAD_IN(CONTROL_AT + 32, "half a descriptor", 24, RIGHTS(18, SCM_RIGHTS, 12345), 4, sendmsg, PAIR_FD, CONTROL_AT, 0),
	BAD_IN(CONTROL_AT + 32, "unknown type", 24, RIGHTS(24, 99, PIPE_FD), -EINVAL, sendmsg, PAIR_FD, CONTROL_AT, 0),
	BAD_IN(CONTROL_AT + 32, "credentials too short", 24, RIGHTS(24, SCM_CREDENTIALS, 0), -EINVAL, sendmsg, PAIR_FD, CONTROL_AT, 0),
	BAD("no family", 1, C(char, AF_UNIX), -EINVAL, bind, STREAM_FD, P, 1),
	BAD("family without a path", 2, C(struct sockaddr_un, .sun_family = AF_UNIX), -EINVAL, connect, STREAM_FD, P, 2),
	BAD("another family", 20, C(struct sockaddr_un, .sun_family = AF_INET, .sun_path = "x"), -EINVAL, connect, STREAM_FD, P, 20),
	BAD("longer than an address", 128, SEVENTY, -EINVAL, connect, STREAM_FD, P, 128),
	BAD("negative length", 20, C(struct sockaddr_un, .sun_family = AF_UNIX, .sun_path = "x"), -EINVAL, connect, STREAM_FD, P, -1),
	BAD("length 129", 20, C(struct sockaddr_un, .sun_family = AF_UNIX, .sun_path = "x"), -EINVAL, bind, STREAM_FD, P, 129),
	BAD("negative length", 4, C(int, -1), -EINVAL, getsockname, PAIR_FD, BYTES_AT, P),
	BAD("negative length", 4, C(int, -1), -EINVAL, getsockopt, PAIR_FD, SOL_SOCKET, SO_TYPE, BYTES_AT, P),
	BAD("too short", 3, C(int, 1), -EINVAL, setsockopt, PAIR_FD, SOL_SOCKET, SO_SNDBUF, P, 3),
	BAD("negative length", 4, C(int, 1), -EINVAL, setsockopt, PAIR_FD, SOL_SOCKET, SO_SNDBUF, P, -1),
	BAD("too many microseconds", 16, C(long[2], 0, 1000000), -EDOM, setsockopt, PAIR_FD, SOL_SOCKET, SO_RCVTIMEO, P, 16),
	BAD("negative microseconds", 16, C(long[2], 0, -1), -EDOM, setsockopt, PAIR_FD, SOL_SOCKET, SO_SNDTIMEO, P, 16),
	/* signals */
	BAD("size 4", 8, NULL, -EINVAL, rt_sigprocmask, SIG_BLOCK, P, 0, 4),
	BAD("size 16", 8, NULL, -EINVAL, rt_sigprocmask, SIG_BLOCK, P, 0, 16),
	BAD("size -1", 32, NULL, -EINVAL, rt_sigaction, SIGUSR1, P, 0, -1),
	BAD("SIGKILL", 32, NULL, -EINVAL, rt_sigaction, SIGKILL, P, 0, 8),
	BAD("signal -1", 32, NULL, -EINVAL, rt_sigaction, -1, P, 0, 8),
	BAD("pair of size 7", 16, C(long[2], BYTES_AT, 7), -EINVAL, pselect6, 0, 0, 0, 0, NOW_AT, P),
	BAD("pair with a wild set", 16, C(long[2], 8, 8), -EFAULT, pselect6, 0, 0, 0, 0, NOW_AT, P),
	BAD("unknown flags", 24, C(stack_t, .ss_flags = 77, .ss_size = 65536), -EINVAL, sigaltstack, P, 0),
	BAD("stack of 1 byte", 24, C(stack_t, .ss_sp = AT(BYTES_AT), .ss_size = 1), -ENOMEM, sigaltstack, P, 0),
	BAD("no such thread", 64, C(struct sigevent, .sigev_signo = SIGUSR1, .sigev_notify = SIGEV_THREAD_ID, ._sigev_un._tid = 99999999), -EINVAL, timer_create, CLOCK_MONOTONIC, P, BYTES_AT),
	BAD("signal 65", 64, C(struct sigevent, .sigev_signo = 65), -EINVAL, timer_create, CLOCK_MONOTONIC, P, BYTES_AT),
	BAD("signal -1", 64, C(struct sigevent, .sigev_signo = -1), -EINVAL, timer_create, CLOCK_MONOTONIC, P, BYTES_AT),
	BAD("notification 99", 64, C(struct sigevent, .sigev_notify = 99), -EINVAL, mq_notify, QUEUE_FD, P),
	BAD("as of the kernel", 48, C(int[12], 0, 0, SI_TKILL), -EPERM, rt_sigqueueinfo, 1, 0, P),
	BAD("another signal", 48, C(int[12], 5, 0, SI_QUEUE), -EINVAL, pidfd_send_signal, PID_FD, 0, P, 0),
	/* time */
	BAD("a second of nanoseconds", 16, TIME(0, 1000000000), -EINVAL, nanosleep, P, 0),
	BAD("negative nanoseconds", 16, TIME(0, -1), -EINVAL, nanosleep, P, 0),
	BAD("negative seconds", 16, TIME(-1, 0), -EINVAL, nanosleep, P, 0),
	BAD("long ago", 16, TIME(0, 0), 0, clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, P, 0),
	BAD("smallest number", 16, TIME(LONG_MIN, LONG_MIN), -EINVAL, clock_nanosleep, CLOCK_MONOTONIC, 0, P, 0),
	BAD("negative", 16, TIME(-1, 0), -EINVAL, ppoll, 0, 0, P, 0, 8),
	BAD("negative", 16, TIME(0, -1), -EINVAL, pselect6, 0, 0, 0, 0, P, 0),
	BAD("negative", 16, TIME(-1, 0), -EINVAL, select, 0, 0, 0, 0, P),
	BAD("negative", 16, TIME(-1, 0), -EINVAL, epoll_pwait2, EPOLL_FD, BYTES_AT, 1, P, 0, 8),
	BAD("negative", 16, TIME(0, -1), -EINVAL, futex, BYTES_AT, FUTEX_WAIT, 0, P, 0, 0),
	BAD("negative", 16, TIME(0, -1), -EINVAL, rt_sigtimedwait, BYTES_AT, 0, P, 8),
	BAD("negative", 16, TIME(0, -1), -EINVAL, semtimedop, SEM, BYTES_AT, 1, P),
	BAD("negative", 16, TIME(0, -1), -EINVAL, mq_timedsend, QUEUE_FD, BYTES_AT, 1, 0, P),
	BAD("negative", 16, TIME(0, -1), -EINVAL, recvmmsg, PAIR_FD, HEADER_AT, 1, MSG_DONTWAIT, P),
	BAD("negative", 32, SPEC(0, -1, 0, 0), -EINVAL, timer_settime, 0, 0, P, 0),
	BAD("negative", 32, SPEC(0, 0, -1, 0), -EINVAL, timer_settime, 0, 0, P, 0),
	BAD("huge", 32, SPEC(LONG_MAX, 999999999, LONG_MAX, 999999999), 0, timer_settime, 0, 0, P, 0),
	BAD("too many nanoseconds", 32, SPEC(0, 1000000000, 1, 0), -EINVAL, timerfd_settime, TIMER_FD, 0, P, 0),
	BAD("huge", 32, SPEC(LONG_MAX, 999999999, LONG_MAX, 999999999), 0, timerfd_settime, TIMER_FD, 0, P, 0),
	BAD("unknown flags", 32, SPEC(0, 0, 1, 0), -EINVAL, timerfd_settime, TIMER_FD, 1 << 20, P, 0),
	BAD("too many microseconds", 32, USEC(0, 0, 0, 1000000), -EINVAL, setitimer, ITIMER_VIRTUAL, P, 0),
	BAD("negative", 32, USEC(-1, 0, 0, 0), -EINVAL, setitimer, ITIMER_VIRTUAL, P, 0),
	BAD("too many nanoseconds", 32, SPEC(0, 0, 0, 1000000000), -EINVAL, utimensat, FILE_FD, 0, P, 0),
	BAD("too many microseconds", 32, USEC(0, 0, 0, 1000000), -EINVAL, utimes, (long)"file", P),
	BAD("negative microseconds", 32, USEC(0, -1, 0, 0), -EINVAL, futimesat, AT_FDCWD, (long)"file", P),
	BAD("negative", 16, TIME(-1, 0), -EINVAL, clock_settime, CLOCK_REALTIME, P),
	/* what waits for many */
	BAD("-1 of them", 8, NULL, -EINVAL, poll, P, -1, 0),
	BAD("bad descriptors", 16, C(struct pollfd[2], {12345, 1, 0}, {-7, 1, 0}), 1, poll, P, 2, 0),
	BAD("-1 descriptors", 8, NULL, -EINVAL, select, -1, P, 0, 0, NOW_AT),
	BAD("a descriptor that is not open", 8, C(long, 1L << 62), -EBADF, select, 63, P, 0, 0, NOW_AT),
	BAD("of itself", 12, EVENT, -EINVAL, epoll_ctl, EPOLL_FD, EPOLL_CTL_ADD, EPOLL_FD, P),
	BAD("of a file", 12, EVENT, -EPERM, epoll_ctl, EPOLL_FD, EPOLL_CTL_ADD, FILE_FD, P),
	BAD("unknown operation", 12, EVENT, -EINVAL, epoll_ctl, EPOLL_FD, 9, PIPE_FD, P),
	BAD("exclusive change", 12, C(struct epoll_event, EPOLLIN | EPOLLEXCLUSIVE, {0}), -EINVAL, epoll_ctl, EPOLL_FD, EPOLL_CTL_MOD, PIPE_FD, P),
	BAD("no events", 12, NULL, -EINVAL, epoll_wait, EPOLL_FD, P, 0, 0),
	BAD("-1 events", 12, NULL, -EINVAL, epoll_wait, EPOLL_FD, P, -1, 0),
	BAD("2^31-1 events", 12, NULL, -EINVAL, epoll_wait, EPOLL_FD, P, 0x7fffffff, 0),
	BAD("unknown flags", 24, C(long[3], 0, BYTES_AT, 0xff), -EINVAL, futex_waitv, P, 1, 0, NOW_AT, 1),
	BAD("reserved word", 24, C(long[3], 0, BYTES_AT, 1L << 32 | 2), -EINVAL, futex_waitv, P, 1, 0, NOW_AT, 1),
	BAD("odd word", 24, C(long[3], 0, BYTES_AT + 1, 2), -EINVAL, futex_waitv, P, 1, 0, NOW_AT, 1),
	BAD("wild word", 24, C(long[3], 0, 0xffff800000000000, 2), -EFAULT, futex_waitv, P, 1, 0, NOW_AT, 1),
	BAD("129 words", 24, C(long[3], 0, BYTES_AT, 2), -EINVAL, futex_waitv, P, 129, 0, NOW_AT, 1),
	BAD("no words", 24, C(long[3], 0, BYTES_AT, 2), -EINVAL, futex_waitv, P, 0, 0, NOW_AT, 1),
	BAD("too short", 24, NULL, -EINVAL, set_robust_list, P, 23),
	/* processes and limits */
	BAD("shorter than the first", 64, NULL, -EINVAL, clone3, P, 63),
	BAD("a size of pages", 64, NULL, -E2BIG, clone3, P, 65536),
	BAD("signal 255", 64, C(long[8], 0, 0, 0, 0, 255), -EINVAL, clone3, P, 64),
	BAD("huge signal", 64, C(long[8], 0, 0, 0, 0, 1L << 40), -EINVAL, clone3, P, 64),
	BAD("stack without a size", 64, C(long[8], 0, 0, 0, 0, 0, BYTES_AT, 0), -EINVAL, clone3, P, 64),
	BAD("size without a stack", 64, C(long[8], 0, 0, 0, 0, 0, 0, 4096), -EINVAL, clone3, P, 64),
	BAD("stack beyond memory", 64, C(long[8], 0, 0, 0, 0, 0, -4096, 65536), -EINVAL, clone3, P, 64),
	BAD("numbers without a count", 80, C(long[10], [4] = SIGCHLD, [8] = BYTES_AT), -EINVAL, clone3, P, 80),
	BAD("numbers of 2^32 + 1 levels", 80, C(long[10], [4] = SIGCHLD, [8] = BYTES_AT, [9] = 1L << 32 | 1), -EINVAL, clone3, P, 80),
	BAD("numbers beyond memory", 80, C(long[10], [4] = SIGCHLD, [8] = -4, [9] = 1), -EFAULT, clone3, P, 80),
	BAD("all flags", 64, C(long[8], -1), -EINVAL, clone3, P, 64),
	BAD("rest that is not zero", 96, C(long[12], CLONE_SIGHAND, [11] = 1), -E2BIG, clone3, P, 96),
	BAD("wild argument", 16, C(long[2], 8, 0), -EFAULT, execve, (long)"program", P, 0),
	BAD("kernel's argument", 16, C(long[2], 0xffffffff81000000, 0), -EFAULT, execve, (long)"program", P, 0),
	BAD_END("no end", 16, C(long[2], (long)"a", (long)"b"), -EFAULT, execve, (long)"program", P, 0),
	BAD("priority -1", 4, C(int, -1), -EINVAL, sched_setparam, 0, P),
	BAD("priority 100", 4, C(int, 100), -EINVAL, sched_setscheduler, 0, SCHED_FIFO, P),
	BAD("priority of the wrong class", 4, C(int, 1), -EINVAL, sched_setscheduler, 0, SCHED_OTHER, P),
	BAD("size 47", 48, C(int[12], 47), -E2BIG, sched_setattr, 0, P, 0),
	BAD("size 4097", 48, C(int[12], 4097), -E2BIG, sched_setattr, 0, P, 0),
	BAD("policy 99", 48, C(int[12], 48, 99), -EINVAL, sched_setattr, 0, P, 0),
	BAD("unknown flags", 48, C(int[12], 48, 0, 0x80), -EINVAL, sched_setattr, 0, P, 0),
	BAD("deadline of nothing", 48, C(int[12], 48, 6), -EINVAL, sched_setattr, 0, P, 0),
	BAD("runtime above deadline", 48, C(long[6], 48 | 6L << 32, 0, 0, 1L << 40, 1 << 20, 1 << 20), -EINVAL, sched_setattr, 0, P, 0),
	BAD("negative runtime", 48, C(long[6], 48 | 6L << 32, 0, 0, -1, -1, -1), -EINVAL, sched_setattr, 0, P, 0),
	BAD("no processor", 8, NULL, -EINVAL, sched_setaffinity, 0, 8, P),
	BAD("room for too few", 8, NULL, -EINVAL, sched_getaffinity, 0, 7, P),
	BAD("soft above hard", 16, C(long[2], 2, 1), -EINVAL, setrlimit, RLIMIT_CORE, P),
	BAD("limit 99", 16, C(long[2], 1, 1), -EINVAL, prlimit64, 0, 99, P, 0),
	BAD("limit -1", 16, C(long[2], 1, 1), -EINVAL, setrlimit, -1, P),
	BAD("-1 groups", 8, NULL, -EINVAL, setgroups, -1, P),
	BAD("65537 groups", 8, NULL, -EINVAL, setgroups, 65537, P),
	BAD("group -1", 8, C(int[2], 0, -1), -EINVAL, setgroups, 2, P),
	BAD("room for too few groups", 8, NULL, -EINVAL, getgroups, 1, P),
	BAD("unknown version", 8, C(int[2], 0x12345678), -EINVAL, capget, P, BYTES_AT),
	BAD("negative process", 8, C(int[2], _LINUX_CAPABILITY_VERSION_3, -1), -EINVAL, capget, P, BYTES_AT),
	BAD("no such process", 8, C(int[2], _LINUX_CAPABILITY_VERSION_3, 99999999), -ESRCH, capget, P, BYTES_AT),
	BAD("another process", 8, C(int[2], _LINUX_CAPABILITY_VERSION_3, 1), -EPERM, capset, P, BYTES_AT),
	BAD("no instruction", 16, C(struct sock_fprog, 0, AT(BYTES_AT)), -EINVAL, seccomp, SECCOMP_SET_MODE_FILTER, 0, P),
	BAD("4097 instructions", 16, C(struct sock_fprog, 4097, AT(BYTES_AT)), -EINVAL, seccomp, SECCOMP_SET_MODE_FILTER, 0, P),
	BAD("wild instructions", 16, C(struct sock_fprog, 1, AT(8)), -EFAULT, seccomp, SECCOMP_SET_MODE_FILTER, 0, P),
	BAD("kernel's instructions", 16, C(struct sock_fprog, 1, AT(0xffffffff81000000)), -EFAULT, seccomp, SECCOMP_SET_MODE_FILTER, 0, P),
	BAD_IN(PROG_AT + 8, "jump beyond the end", 8, C(struct sock_filter, BPF_JMP | BPF_JA, 0, 0, 0xffffffff), -EINVAL, seccomp, SECCOMP_SET_MODE_FILTER, 0, PROG_AT),
	BAD_IN(PROG_AT + 8, "load beyond the data", 8, C(struct sock_filter, BPF_LD | BPF_W | BPF_ABS, 0, 0, 64), -EINVAL, seccomp, SECCOMP_SET_MODE_FILTER, 0, PROG_AT),
	BAD_IN(PROG_AT + 8, "memory cell 16", 8, C(struct sock_filter, BPF_ST, 0, 0, 16), -EINVAL, seccomp, SECCOMP_SET_MODE_FILTER, 0, PROG_AT),
	BAD("unknown action", 4, C(unsigned, 0x12345678), -EOPNOTSUPP, seccomp, SECCOMP_GET_ACTION_AVAIL, 0, P),
	/* System V, message queues */
	BAD("semaphore 4 of 4", 6, C(struct sembuf, 4, 1, 0), -EFBIG, semop, SEM, P, 1),
	BAD("semaphore 65535", 6, C(struct sembuf, 65535, 0, 0), -EFBIG, semop, SEM, P, 1),
	BAD("above the highest value", 12, C(struct sembuf[2], {0, 32767, 0}, {0, 32767, 0}), -ERANGE, semop, SEM, P, 2),
	BAD("no operation", 6, NULL, -EINVAL, semop, SEM, P, 0),
	BAD("501 operations", 6, NULL, -E2BIG, semop, SEM, P, 501),
	BAD("-1 operations", 6, NULL, -E2BIG, semop, SEM, P, -1),
	BAD("value 32768", 8, C(short[4], -32768), -ERANGE, semctl, SEM, 0, SETALL, P),
	BAD("owner -1", 104, C(struct semid_ds, .sem_perm.uid = -1), -EINVAL, semctl, SEM, 0, IPC_SET, P),
	BAD("owner -1", 112, C(struct shmid_ds, .shm_perm.uid = -1), -EINVAL, shmctl, SHM, IPC_SET, P),
	BAD("owner -1", 120, C(struct msqid_ds, .msg_perm.uid = -1, .msg_qbytes = 8192), -EINVAL, msgctl, MSG, IPC_SET, P),
	BAD("type 0", 16, C(long[2], 0), -EINVAL, msgsnd, MSG, P, 2, 0),
	BAD("type -1", 16, C(long[2], -1), -EINVAL, msgsnd, MSG, P, 2, 0),
	BAD("length -1", 16, C(long[2], 1), -EINVAL, msgsnd, MSG, P, -1, 0),
	BAD("longer than may be", 16, C(long[2], 1), -EINVAL, msgsnd, MSG, P, 1 << 20, 0),
	BAD("room of -1", 16, NULL, -EINVAL, msgrcv, MSG, P, -1, 0, IPC_NOWAIT),
	BAD("too little room", 16, NULL, -E2BIG, msgrcv, MSG, P, 1, 0, IPC_NOWAIT),
	BAD("no messages", 64, C(long[8], 0, 0, 16), -EINVAL, mq_open, (long)"t_none", O_CREAT | O_EXCL | O_RDWR, 0600, P),
	BAD("messages of -1", 64, C(long[8], 0, 1, -1), -EINVAL, mq_open, (long)"t_none", O_CREAT | O_EXCL | O_RDWR, 0600, P),
	BAD("messages without number", 64, C(long[8], 0, LONG_MAX, LONG_MAX), -EINVAL, mq_open, (long)"t_none", O_CREAT | O_EXCL | O_RDWR, 0600, P),
	BAD("unknown flags", 64, C(long[8], -1), -EINVAL, mq_getsetattr, QUEUE_FD, P, 0),
	BAD("priority 32768", 7, "message", -EINVAL, mq_timedsend, QUEUE_FD, P, 7, 32768, 0),
	BAD("longer than a message", 32, NULL, -EMSGSIZE, mq_timedsend, QUEUE_FD, P, 17, 0, 0),
	BAD("room for less than a message", 16, NULL, -EMSGSIZE, mq_timedreceive, QUEUE_FD, P, 15, 0, 0),
	/* files */
	BAD("shorter than the first", 24, NULL, -EINVAL, openat2, AT_FDCWD, (long)"file", P, 23),
	BAD("a size of pages", 24, NULL, -E2BIG, openat2, AT_FDCWD, (long)"file", P, 65536),
	BAD("unknown flags", 24, C(long[3], 1L << 40), -EINVAL, openat2, AT_FDCWD, (long)"file", P, 24),
	BAD("mode without O_CREAT", 24, C(long[3], 0, 0600), -EINVAL, openat2, AT_FDCWD, (long)"file", P, 24),
	BAD("mode beyond all bits", 24, C(long[3], O_CREAT, 1L << 40), -EINVAL, openat2, AT_FDCWD, (long)"file", P, 24),
	BAD("unknown resolution", 24, C(long[3], 0, 0, 1L << 40), -EINVAL, openat2, AT_FDCWD, (long)"file", P, 24),
	BAD("rest that is not zero", 32, C(long[4], 0, 0, 0, 1), -E2BIG, openat2, AT_FDCWD, (long)"file", P, 32),
	BAD_END("no end before memory's", 8, C(char[8], 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a'), -EFAULT, openat, AT_FDCWD, P, 0),
	BAD("empty", 1, "", -ENOENT, openat, AT_FDCWD, P, 0),
	BAD("lock type 99", 32, C(struct flock, .l_type = 99), -EINVAL, fcntl, FILE_FD, F_SETLK, P),
	BAD("lock from nowhere", 32, C(struct flock, .l_type = F_WRLCK, .l_whence = 99), -EINVAL, fcntl, FILE_FD, F_SETLK, P),
	BAD("lock before the start", 32, C(struct flock, .l_type = F_WRLCK, .l_start = -1), -EINVAL, fcntl, FILE_FD, F_SETLK, P),
	BAD("lock past the last byte", 32, C(struct flock, .l_type = F_WRLCK, .l_start = LONG_MAX, .l_len = LONG_MAX), -EOVERFLOW, fcntl, FILE_FD, F_SETLK, P),
	BAD("length of all that is negative", 32, C(struct flock, .l_type = F_WRLCK, .l_len = LONG_MIN), -EINVAL, fcntl, FILE_FD, F_SETLK, P),
	BAD("process in a lock of a description", 32, C(struct flock, .l_type = F_WRLCK, .l_pid = 1), -EINVAL, fcntl, FILE_FD, F_OFD_SETLK, P),
	BAD("owner of type 99", 8, C(int[2], 99, 0), -EINVAL, fcntl, PAIR_FD, F_SETOWN_EX, P),
	BAD("owner that is not", 8, C(int[2], 1, 99999999), -ESRCH, fcntl, PAIR_FD, F_SETOWN_EX, P),
	BAD("smallest owner", 8, NULL, -EINVAL, fcntl, PAIR_FD, F_SETOWN, INT_MIN),
	BAD("owner that is not", 8, NULL, -ESRCH, fcntl, PAIR_FD, F_SETOWN, 99999999),
	BAD("group that is not", 8, C(int[2], 2, 99999999), -ESRCH, fcntl, PAIR_FD, F_SETOWN_EX, P),
	BAD("negative offset", 8, C(long, -1), -EINVAL, sendfile, SECOND_FD, FILE_FD, P, 4),
	BAD("negative offset", 8, C(long, -1), -EOVERFLOW, copy_file_range, FILE_FD, P, SECOND_FD, 0, 4, 0),
	BAD("offset of a pipe", 8, NULL, -ESPIPE, splice, PIPE_FD, P, PIPE_IN_FD, 0, 4, 0),
	BAD("room for no entry", 8, NULL, -EINVAL, getdents64, DIR_FD, P, 8),
	BAD("room for no entry", 8, NULL, -EINVAL, getdents, DIR_FD, P, 8),
	BAD("too little room", 4, NULL, -ERANGE, getxattr, (long)"file", (long)"trusted.t", P, 4),
	BAD("value of 64 KB and 1", 4, NULL, -E2BIG, fsetxattr, FILE_FD, (long)"trusted.t", P, 65537, 0),
	BAD("value of -1", 4, NULL, -E2BIG, fsetxattr, FILE_FD, (long)"trusted.t", P, -1, 0),
	BAD("unknown flags", 4, NULL, -EINVAL, fsetxattr, FILE_FD, (long)"trusted.t", P, 4, 99),
	BAD("reserved mask", 256, NULL, -EINVAL, statx, AT_FDCWD, (long)"file", 0, 0x80000000, P),
	BAD("unknown flags", 256, NULL, -EINVAL, statx, AT_FDCWD, (long)"file", 0x40000000, 0, P),
	BAD("shorter than the first", 32, NULL, -EINVAL, mount_setattr, AT_FDCWD, (long)"dir", 0, P, 31),
	BAD("a size of pages", 32, NULL, -E2BIG, mount_setattr, AT_FDCWD, (long)"dir", 0, P, 65536),
	BAD("unknown attributes", 32, C(long[4], 1L << 40), -EINVAL, mount_setattr, AT_FDCWD, (long)"dir", 0, P, 32),
	BAD("unknown propagation", 32, C(long[4], 0, 0, 99), -EINVAL, mount_setattr, AT_FDCWD, (long)"dir", 0, P, 32),
	BAD("handle of 129 bytes", 8, C(int[2], 129), -EINVAL, name_to_handle_at, AT_FDCWD, (long)"file", P, BYTES_AT, 0),
	BAD("handle of -1 bytes", 8, C(int[2], -1), -EINVAL, name_to_handle_at, AT_FDCWD, (long)"file", P, BYTES_AT, 0),
	BAD("handle of no bytes", 8, NULL, -EINVAL, open_by_handle_at, FILE_FD, P, 0),
	BAD("handle of -1 bytes", 8, C(int[2], -1), -EINVAL, open_by_handle_at, FILE_FD, P, 0),
	BAD("unknown flags", 8, NULL, -EINVAL, name_to_handle_at, AT_FDCWD, (long)"file", P, BYTES_AT, 1 << 20),
	BAD("more than fits", 8, C(long, -2), -EAGAIN, write, EVENT_FD, P, 8),
	BAD("the one value that is none", 8, C(long, -1), -EINVAL, write, EVENT_FD, P, 8),
	BAD("4 bytes of 8", 4, NULL, -EINVAL, write, EVENT_FD, P, 4),
	BAD("room for no event", 8, NULL, -EINVAL, read, INOTIFY_FD, P, 8),
	BAD("room for half a signal", 64, NULL, -EINVAL, read, SIGNALS_FD, P, 64),
	BAD("4 bytes of 8", 4, NULL, -EINVAL, read, TIMER_FD, P, 4),
	/* memory */
	BAD("unknown policy", 8, NULL, -EINVAL, set_mempolicy, 99, P, 64),
	BAD("nodes without number", 8, NULL, -EINVAL, set_mempolicy, MPOL_BIND, P, -1),
	BAD("no node", 8, NULL, -EINVAL, set_mempolicy, MPOL_BIND, P, 64),
	BAD("node 63", 8, C(long, LONG_MIN), -EINVAL, set_mempolicy, MPOL_BIND, P, 65),
	BAD("odd address", 1, NULL, -EINVAL, mincore, BYTES_AT + 1, 4096, P),
	BAD("length -1", 1, NULL, -ENOMEM, mincore, BYTES_AT, -4096, P),
};
/* clang-format on */

static void refused(const struct row *r, long at)
{
	char what[120];

	for (int i = 0; i < r->size; i++)
		*(char *)(at + i) = r->content ? ((const char *)r->content)[i] : 0;
	snprintf(what, sizeof(what), "call %ld, %s", r->number, r->what);
	t_eq_at(__FILE__, __LINE__, what, h_call(r, at), r->want);
}

T_CASE_LIMIT(fields, 60)
{
	h_prepare();
	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		h_contents();
		h_refill();
		refused(&hostile[i], EDGE - hostile[i].size);
		if (hostile[i].flags & NO_CUT) /* memory must end behind it */
			continue;
		h_refill();
		refused(&hostile[i], AREA + 4096 - hostile[i].size / 2 - 1);
	}
	/* nothing of it happened */
	struct stat st;
	t_ret(stat("file", &st), 0);
	t_eq(st.st_size, 37);
	t_errno(access("a", F_OK), ENOENT);
	t_errno(syscall(SYS_mq_unlink, "t_none"), ENOENT);
	t_eq(semctl(w.sem, 0, GETVAL), 0);
	h_done();
}

/* ---- results on top of what is read ---- */

T_CASE(old_on_new)
{
	struct itimerspec *spec = AT(AREA);
	struct itimerval *val = AT(AREA);
	uint64_t *word = AT(AREA);
	stack_t *stack = AT(AREA);

	h_prepare();
	word[0] = 1ULL << (SIGUSR1 - 1);
	t_ret(syscall(SYS_rt_sigprocmask, SIG_SETMASK, word, word, 8), 0);
	t_eq(word[0], 0);
	t_ret(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, word, 8), 0);
	t_eq(word[0], 1ULL << (SIGUSR1 - 1));
	memset(word, 0, 32);
	word[0] = 1; /* ignore */
	t_ret(syscall(SYS_rt_sigaction, SIGUSR2, word, word, 8), 0);
	t_eq(word[0], 0);
	t_ret(syscall(SYS_rt_sigaction, SIGUSR2, NULL, word, 8), 0);
	t_eq(word[0], 1);
	*stack = (stack_t){.ss_sp = AT(BYTES_AT), .ss_size = 8192};
	t_ret(syscall(SYS_sigaltstack, stack, stack), 0);
	t_eq(stack->ss_flags, SS_DISABLE);
	*spec = (struct itimerspec){{0, 0}, {1000, 0}};
	t_ret(syscall(SYS_timer_settime, 0, 0, spec, spec), 0);
	t_eq(spec->it_value.tv_sec, 0);
	t_ret(syscall(SYS_timer_settime, 0, 0, spec, spec), 0);
	t_check(spec->it_value.tv_sec >= 900);
	*spec = (struct itimerspec){{0, 0}, {1000, 0}};
	t_ret(syscall(SYS_timerfd_settime, TIMER_FD, 0, spec, spec), 0);
	t_ret(syscall(SYS_timerfd_settime, TIMER_FD, 0, spec, spec), 0);
	t_check(spec->it_value.tv_sec == 0 || spec->it_value.tv_sec >= 900);
	*val = (struct itimerval){{0, 0}, {1000, 0}};
	t_ret(syscall(SYS_setitimer, ITIMER_VIRTUAL, val, val), 0);
	t_eq(val->it_value.tv_sec, 0);
	word[0] = 5;
	word[1] = 6;
	t_ret(syscall(SYS_prlimit64, 0, RLIMIT_CORE, word, word), 0);
	t_ret(syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, word), 0);
	t_eq(word[0], 5);
	t_eq(word[1], 6);
	memset(word, 0, 64); /* becomes one that blocks */
	t_ret(syscall(SYS_mq_getsetattr, QUEUE_FD, word, word), 0);
	t_eq(word[0], O_NONBLOCK);
	t_eq(word[1], 4);
	word[0] = O_NONBLOCK;
	t_ret(syscall(SYS_mq_getsetattr, QUEUE_FD, word, word), 0);
	t_eq(word[0], 0);
	h_done();
}

T_CASE(results_on_each_other)
{
	char *bytes = AT(BYTES_AT);
	int *number = AT(AREA);
	struct iovec both[2] = {{bytes, 6}, {bytes + 3, 6}}, from = {bytes, 64},
		     to = {bytes + 16, 64};
	struct timespec *t = AT(AREA);
	long *set = AT(AREA);

	h_prepare();
	h_contents();
	t_ret(syscall(SYS_getresuid, number, number, number), 0);
	t_eq(*number, 0);
	t_ret(syscall(SYS_getcpu, number, number, NULL), 0);
	t_eq(*number, 0); /* the node is written last */
	t_ret(pread(FILE_FD, bytes, 12, 0), 12);
	t_ret(preadv(FILE_FD, both, 2, 0), 12);
	t_mem(bytes, "somytes to", 9);
	for (int i = 0; i < 128; i++)
		bytes[i] = (char)i;
	t_ret(syscall(SYS_process_vm_readv, getpid(), &to, 1, &from, 1, 0), 64);
	t_eq(bytes[15], 15);
	t_eq(bytes[16], 0);
	*t = (struct timespec){0, 1};
	t_ret(syscall(SYS_nanosleep, t, t), 0);
	*set = 1L << FILE_FD;
	t_ret(syscall(SYS_select, 64, set, set, set, NOW_AT), 2);
	t_eq(*set, 0); /* that of exceptions is written last */
	long *offset = AT(AREA);
	*offset = 4;
	t_spew("second", "0123456789");
	t_ret(syscall(SYS_copy_file_range, FILE_FD, offset, SECOND_FD, offset, 4, 0), 4);
	t_eq(*offset, 8);
	h_done();
}

/* ---- lists and headers that lead to themselves ---- */

struct lock {
	struct {
		void *next;
	} list;
	uint32_t word;
};

/* A list is followed as a thread ends: without an end, into nothing, with an offset of its choice.
 */
T_CASE_LIMIT(robust_lists, 60)
{
	static const long offsets[] = {8, 0, -8, 1, LONG_MAX, LONG_MIN, 0x7fffffff};
	long *head = AT(AREA);
	struct lock *one = AT(AREA + 256), *two = AT(AREA + 512);
	pid_t pid;

	h_memory();
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		for (int shape = 0; shape < 6; shape++) {
			T_CHILD(pid)
			{
				one->word = two->word = (uint32_t)getpid();
				one->list.next = two;
				two->list.next = one; /* a ring that never comes back */
				head[0] = (long)one;
				head[1] = offsets[i];
				head[2] = shape == 1 ? (long)two : 0;
				if (shape == 2)
					two->list.next = AT(8);
				if (shape == 3)
					head[0] = (long)0xffff800000000000;
				if (shape == 4)
					head[0] = (long)one | 1; /* of one with inheritance */
				if (shape == 5)
					head[2] = (long)0xffffffff81000000;
				t_ret(syscall(SYS_set_robust_list, head, 24), 0);
			}
			t_exit(pid, 0);
		}
	}
}

/* The kernel's part of a frame is the program's to write: what it then says is refused or obeyed.
 */
static void edits(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	static int round;

	switch (round++) {
	case 0:
		c->uc_stack.ss_size = 1;
		c->uc_stack.ss_flags = 0x77;
		break;
	case 1:
		memset(&c->uc_sigmask, 0xff, 8);
		break;
	default:
		c->uc_mcontext.gregs[REG_EFL] = -1; /* what may not be set is not */
		break;
	}
}

T_CASE(frames)
{
	uint64_t mask = 0;

	t_handler_info(SIGUSR1, edits, 0);
	raise(SIGUSR1);
	raise(SIGUSR1);
	t_ret(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8), 0);
	t_eq(mask, ~(1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1)));
}

/* A critical section that is none: who names it dies of it, and nobody else. */
T_CASE(critical_sections)
{
	struct rseq *mine = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
	struct rseq_cs *cs = AT(AREA);
	const uint64_t sections[] = {8, 0xffff800000000000, AREA, AREA + 256, EDGE - 32, EDGE - 31};
	pid_t pid;

	h_memory();
	cs[0] = (struct rseq_cs){.version = 1};
	cs[8] = (struct rseq_cs){
		.start_ip = 0xffff800000000000, .post_commit_offset = -1UL, .abort_ip = 8};
	memset(AT(EDGE - 32), 0xff, 32);
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		pid = t_fork();
		if (!pid) {
			signal(SIGUSR1, SIG_DFL);
			t_handler_info(SIGUSR1, edits, 0);
			*(volatile uint64_t *)&mine->rseq_cs = sections[i];
			raise(SIGUSR1);
			_exit(0);
		}
		t_killed(pid, SIGSEGV);
	}
}

/* ---- what a tracer says of a stopped thread ---- */

#define REG(field) offsetof(struct user_regs_struct, field)

T_CASE(tracers)
{
	static const struct {
		const char *what;
		long request, address, data, want;
		struct iovec v; /* where data is its address */
	} asks[] = {
		{"unknown request", 0x7777, 0, 0, -EIO, {0, 0}},
		{"registers into nothing", PTRACE_GETREGS, 0, 8, -EFAULT, {0, 0}},
		{"registers from nothing", PTRACE_SETREGS, 0, 8, -EFAULT, {0, 0}},
		{"wild vector", PTRACE_GETREGSET, NT_PRSTATUS, 8, -EFAULT, {0, 0}},
		{"unknown set", PTRACE_GETREGSET, 0x7777, AREA, -EINVAL, {AT(BYTES_AT), 512}},
		{"half a register", PTRACE_GETREGSET, NT_PRSTATUS, AREA, -EINVAL,
			{AT(BYTES_AT), 7}},
		{"length -1", PTRACE_GETREGSET, NT_PRSTATUS, AREA, 0, {AT(BYTES_AT), -8UL}},
		{"set into nothing", PTRACE_GETREGSET, NT_PRSTATUS, AREA, -EFAULT, {AT(8), 512}},
		{"set from nothing", PTRACE_SETREGSET, NT_PRSTATUS, AREA, -EFAULT, {AT(8), 216}},
		{"kernel's code segment", PTRACE_POKEUSER, REG(cs), 0x10, -EIO, {0, 0}},
		{"kernel's stack segment", PTRACE_POKEUSER, REG(ss), 0x18, -EIO, {0, 0}},
		{"segment base of the kernel", PTRACE_POKEUSER, REG(fs_base), -1, -EIO, {0, 0}},
		{"odd register", PTRACE_PEEKUSER, 1, BYTES_AT, -EIO, {0, 0}},
		{"register -8", PTRACE_PEEKUSER, -8, BYTES_AT, -EIO, {0, 0}},
		{"register beyond all", PTRACE_POKEUSER, sizeof(struct user), 0, -EIO, {0, 0}},
		{"breakpoint in the kernel", PTRACE_POKEUSER, offsetof(struct user, u_debugreg[0]),
			-1, -EINVAL, {0, 0}},
		{"word of the kernel", PTRACE_PEEKDATA, -4096, BYTES_AT, -EIO, {0, 0}},
		{"word of nobody", PTRACE_POKEDATA, 8, 1, -EIO, {0, 0}},
		{"all options", PTRACE_SETOPTIONS, 0, -1, -EINVAL, {0, 0}},
		{"siginfo into nothing", PTRACE_GETSIGINFO, 0, 8, -EFAULT, {0, 0}},
		{"siginfo from nothing", PTRACE_SETSIGINFO, 0, 8, -EFAULT, {0, 0}},
		{"mask of 4 bytes", PTRACE_GETSIGMASK, 4, BYTES_AT, -EINVAL, {0, 0}},
		{"mask from nothing", PTRACE_SETSIGMASK, 8, 8, -EFAULT, {0, 0}},
		{"message into nothing", PTRACE_GETEVENTMSG, 0, 8, -EFAULT, {0, 0}},
		{"signals from the last on", PTRACE_PEEKSIGINFO, AREA, BYTES_AT, 0,
			{AT(-1), 1L << 32}},
		{"-1 signals", PTRACE_PEEKSIGINFO, AREA, BYTES_AT, -EINVAL, {0, -1UL << 32}},
		{"signals of all flags", PTRACE_PEEKSIGINFO, AREA, BYTES_AT, -EINVAL,
			{0, 0xffffffff}},
		{"goes on with signal 65", PTRACE_CONT, 0, 65, -EIO, {0, 0}},
	};
	pid_t pid;

	h_memory();
	T_CHILD(pid)
	{
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(7);
	}
	t_ret(waitpid(pid, NULL, 0), pid);
	for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++) {
		*(struct iovec *)AREA = asks[i].v;
		long got = syscall(SYS_ptrace, asks[i].request, pid, asks[i].address, asks[i].data);
		t_eq_at(__FILE__, __LINE__, asks[i].what, got < 0 ? -errno : got, asks[i].want);
	}
	t_ret(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	t_exit(pid, 7);
}

/* ---- a listener's answers ---- */

static long ask(int listener, int request, const void *arg)
{
	long got = ioctl(listener, request, arg);

	return got < 0 ? -errno : got;
}

T_CASE(answers_to_nobody)
{
	static const struct sock_filter asks[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	const struct sock_fprog prog = {4, (struct sock_filter *)asks};
	struct seccomp_notif_addfd *add = AT(AREA);
	struct seccomp_notif_resp *r = AT(EDGE - sizeof(*r));
	struct seccomp_notif *n = AT(EDGE - sizeof(*n));
	int l;

	h_memory();
	t_ret(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	l = (int)syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
	t_ok(l);
	memset(n, 0xff, sizeof(*n));
	t_eq(ask(l, SECCOMP_IOCTL_NOTIF_RECV, n), -EINVAL);
	memset(n, 0, sizeof(*n));
	t_eq(ask(l, SECCOMP_IOCTL_NOTIF_RECV, (char *)n + 1), -EFAULT);
	memset(r, 0, sizeof(*r));
	t_eq(ask(l, SECCOMP_IOCTL_NOTIF_SEND, r), -ENOENT);
	t_eq(ask(l, SECCOMP_IOCTL_NOTIF_SEND, (char *)r + 1), -EFAULT);
	r->flags = 0xff;
	t_eq(ask(l, SECCOMP_IOCTL_NOTIF_SEND, r), -EINVAL);
	r->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	r->error = -EPERM;
	t_eq(ask(l, SECCOMP_IOCTL_NOTIF_SEND, r), -EINVAL);
	*add = (struct seccomp_notif_addfd){.srcfd = 0};
	t_eq(ask(l, SECCOMP_IOCTL_NOTIF_ADDFD, add), -ENOENT);
	add->flags = 0xff;
	t_eq(ask(l, SECCOMP_IOCTL_NOTIF_ADDFD, add), -EINVAL);
	*add = (struct seccomp_notif_addfd){.srcfd = 12345};
	t_eq(ask(l, SECCOMP_IOCTL_NOTIF_ADDFD, add), -EBADF);
	add->newfd = 5; /* without the flag that says so */
	t_eq(ask(l, SECCOMP_IOCTL_NOTIF_ADDFD, add), -EINVAL);
	close(l);
}
