/* Processes, waiting, limits, credentials of the Linux user ABI (x86_64). Source: clone(2),
 * wait(2), prctl(2), getrlimit(2), capget(2), futex(2), set_robust_list(2), rseq(2), getrusage(2).
 */
#pragma once

#include <exo/types.h>

#define CLONE_NEWTIME        0x00000080ULL
#define CLONE_SIGNAL_MASK    0x000000ffULL
#define CLONE_VM             0x00000100ULL
#define CLONE_FS             0x00000200ULL
#define CLONE_FILES          0x00000400ULL
#define CLONE_SIGHAND        0x00000800ULL
#define CLONE_PIDFD          0x00001000ULL
#define CLONE_PTRACE         0x00002000ULL
#define CLONE_VFORK          0x00004000ULL
#define CLONE_PARENT         0x00008000ULL
#define CLONE_THREAD         0x00010000ULL
#define CLONE_NEWNS          0x00020000ULL
#define CLONE_SYSVSEM        0x00040000ULL
#define CLONE_SETTLS         0x00080000ULL
#define CLONE_PARENT_SETTID  0x00100000ULL
#define CLONE_CHILD_CLEARTID 0x00200000ULL
#define CLONE_DETACHED       0x00400000ULL
#define CLONE_UNTRACED       0x00800000ULL
#define CLONE_CHILD_SETTID   0x01000000ULL
#define CLONE_NEWCGROUP      0x02000000ULL
#define CLONE_NEWUTS         0x04000000ULL
#define CLONE_NEWIPC         0x08000000ULL
#define CLONE_NEWUSER        0x10000000ULL
#define CLONE_NEWPID         0x20000000ULL
#define CLONE_NEWNET         0x40000000ULL
#define CLONE_IO             0x80000000ULL
#define CLONE_CLEAR_SIGHAND  0x100000000ULL
#define CLONE_INTO_CGROUP    0x200000000ULL

struct clone_args_abi { /* clone3; grows at the end */
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};
#define CLONE_ARGS_SIZE_VER0 64

#define WNOHANG     0x00000001
#define WUNTRACED   0x00000002
#define WSTOPPED    WUNTRACED
#define WEXITED     0x00000004
#define WCONTINUED  0x00000008
#define WNOWAIT     0x01000000
#define __WNOTHREAD 0x20000000
#define __WALL      0x40000000
#define __WCLONE    0x80000000
#define P_ALL       0
#define P_PID       1
#define P_PGID      2
#define P_PIDFD     3

#define FUTEX_WAIT            0
#define FUTEX_WAKE            1
#define FUTEX_FD              2
#define FUTEX_REQUEUE         3
#define FUTEX_CMP_REQUEUE     4
#define FUTEX_WAKE_OP         5
#define FUTEX_LOCK_PI         6
#define FUTEX_UNLOCK_PI       7
#define FUTEX_TRYLOCK_PI      8
#define FUTEX_WAIT_BITSET     9
#define FUTEX_WAKE_BITSET     10
#define FUTEX_WAIT_REQUEUE_PI 11
#define FUTEX_CMP_REQUEUE_PI  12
#define FUTEX_LOCK_PI2        13
#define FUTEX_PRIVATE_FLAG    128
#define FUTEX_CLOCK_REALTIME  256
#define FUTEX2_SIZE_U32       2
#define FUTEX_WAITV_MAX       128
struct futex_waitv_abi {
	u64 value, word;
	u32 flags, reserved;
};
#define FUTEX_BITSET_MATCH_ANY 0xffffffffU
#define FUTEX_WAITERS          0x80000000U
#define FUTEX_OWNER_DIED       0x40000000U
#define FUTEX_TID_MASK         0x3fffffffU
#define ROBUST_LIST_LIMIT      2048
struct robust_list_head_abi {
	u64 next;
	s64 futex_offset;
	u64 list_op_pending;
};

struct rusage_abi {
	s64 utime_sec, utime_usec, stime_sec, stime_usec;
	s64 maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
		nsignals, nvcsw, nivcsw;
};
#define RUSAGE_SELF     0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_BOTH     (-2) /* wait4 */
#define RUSAGE_THREAD   1
#define RLIM_INFINITY   (~0ULL)
#define USER_HZ         100

#define RSEQ_FLAG_UNREGISTER      1
#define RSEQ_CPU_ID_UNINITIALIZED ((u32)-1)
#define RSEQ_SIZE                 32
struct rseq_abi {
	u32 cpu_id_start, cpu_id;
	u64 rseq_cs;
	u32 flags, node_id, mm_cid, pad;
};
struct rseq_cs_abi {
	u32 version, flags;
	u64 start_ip, post_commit_offset, abort_ip;
};

#define PR_SET_PDEATHSIG   1
#define UNAME26            0x0020000u
#define ADDR_NO_RANDOMIZE  0x0040000u
#define MMAP_PAGE_ZERO     0x0100000u
#define ADDR_COMPAT_LAYOUT 0x0200000u
#define READ_IMPLIES_EXEC  0x0400000u
#define STICKY_TIMEOUTS    0x4000000u
#define PER_CLEAR_ON_SETID \
	(READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT | MMAP_PAGE_ZERO)

enum {
	KCMP_FILE,
	KCMP_VM,
	KCMP_FILES,
	KCMP_FS,
	KCMP_SIGHAND,
	KCMP_IO,
	KCMP_SYSVSEM,
	KCMP_EPOLL_TFD,
	KCMP_TYPES
};
struct linux_kcmp_epoll_slot {
	u32 epoll_fd, target_fd;
	u32 offset; /* among those that it watches by that number */
};

#define PR_GET_PDEATHSIG         2
#define PR_GET_DUMPABLE          3
#define PR_SET_DUMPABLE          4
#define PR_GET_KEEPCAPS          7
#define PR_SET_KEEPCAPS          8
#define PR_GET_TIMING            13
#define PR_SET_TIMING            14
#define PR_SET_NAME              15
#define PR_GET_NAME              16
#define PR_GET_SECCOMP           21
#define PR_SET_SECCOMP           22
#define PR_CAPBSET_READ          23
#define PR_CAPBSET_DROP          24
#define PR_GET_TSC               25
#define PR_SET_TSC               26
#define PR_TSC_ENABLE            1
#define PR_TSC_SIGSEGV           2
#define PR_GET_SECUREBITS        27
#define PR_SET_SECUREBITS        28
#define PR_SET_TIMERSLACK        29
#define PR_GET_TIMERSLACK        30
#define PR_MCE_KILL              33
#define PR_MCE_KILL_CLEAR        0
#define PR_MCE_KILL_SET          1
#define PR_MCE_KILL_EARLY        1
#define PR_MCE_KILL_DEFAULT      2
#define PR_MCE_KILL_GET          34
#define PR_SET_MM                35
#define PR_SET_CHILD_SUBREAPER   36
#define PR_GET_CHILD_SUBREAPER   37
#define PR_SET_NO_NEW_PRIVS      38
#define PR_GET_NO_NEW_PRIVS      39
#define PR_GET_TID_ADDRESS       40
#define PR_SET_THP_DISABLE       41
#define PR_GET_THP_DISABLE       42
#define PR_CAP_AMBIENT           47
#define PR_CAP_AMBIENT_IS_SET    1
#define PR_CAP_AMBIENT_RAISE     2
#define PR_CAP_AMBIENT_LOWER     3
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#define PR_SET_IO_FLUSHER        57
#define PR_GET_IO_FLUSHER        58

#define PR_SET_SYSCALL_USER_DISPATCH 59
#define SYSCALL_DISPATCH_ALLOW       0
#define SYSCALL_DISPATCH_BLOCK       1

#define SECBIT_NOROOT                      0x01
#define SECBIT_NOROOT_LOCKED               0x02
#define SECBIT_NO_SETUID_FIXUP             0x04
#define SECBIT_NO_SETUID_FIXUP_LOCKED      0x08
#define SECBIT_KEEP_CAPS                   0x10
#define SECBIT_KEEP_CAPS_LOCKED            0x20
#define SECBIT_NO_CAP_AMBIENT_RAISE        0x40
#define SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED 0x80
#define SECURE_ALL_BITS                    0x55
#define SECURE_ALL_LOCKS                   0xaa

#define CAPABILITY_VERSION_1 0x19980330
#define CAPABILITY_VERSION_2 0x20071026
#define CAPABILITY_VERSION_3 0x20080522
struct cap_header_abi {
	u32 version;
	s32 pid;
};
struct cap_data_abi {
	u32 effective, permitted, inheritable;
};
#define GROUPS_MAX 65536

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

enum rlimit_id {
	RLIM_CPU,
	RLIM_FSIZE,
	RLIM_DATA,
	RLIM_STACK,
	RLIM_CORE,
	RLIM_RSS,
	RLIM_NPROC,
	RLIM_NOFILE,
	RLIM_MEMLOCK,
	RLIM_AS,
	RLIM_LOCKS,
	RLIM_SIGPENDING,
	RLIM_MSGQUEUE,
	RLIM_NICE,
	RLIM_RTPRIO,
	RLIM_RTTIME,
	RLIM_COUNT
};
struct rlimit64 {
	u64 cur, max;
};
