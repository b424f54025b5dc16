/* What the system call handlers ask of room posix_x, after they have decoded. Layer: posix_x.
 * All act for current unless a pid is given. Context: thread, no lock held. Return: >= 0 | -errno |
 * -ERESTART*. */
#pragma once

#include <exo/posix_x.h>
#include <exo/time.h>

struct trap_frame;

/* ---- processes ---- */
struct clone_request {
	u64 flags;       /* CLONE_* without the signal */
	u32 exit_signal; /* 0 = none */
	pid_t tid;       /* the number it gets, 0 = the next one */
	vaddr_t stack;   /* stack pointer of the child, 0 = the caller's */
	u64 tls;
	u32 USER *parent_tid, *child_tid;
	u32 USER *pidfd; /* CLONE_PIDFD: where its number goes, NULL = nowhere */
	/* spawn: the child begins in the kernel, without memory, with fresh signals and these
	 * descriptors (shared, +1). */
	void (*entry)(void *arg);
	void *entry_arg;
	struct cap_space *caps;
	cap_t pidfd_slot; /* out, CLONE_PIDFD */
};
long process_clone(struct clone_request *r, const struct trap_frame *f);
void process_exit_current(s32 status) NORETURN; /* wait status: code << 8 | signal */
void process_group_exit(s32 status) NORETURN;

struct wait_request {
	int type; /* P_ALL P_PID P_PGID */
	pid_t id;
	u32 options;            /* W* */
	pid_t pid;              /* out: 0 = nothing yet (WNOHANG) */
	u32 uid;                /* out */
	s32 status;             /* out: wait status, 0xffff = continued */
	struct usage usage;     /* out */
	bool trapped;           /* out: the stop of a tracee */
	struct process *reaped; /* internal */
};
long process_wait(struct wait_request *w);
long process_ptrace(long request, pid_t tid, u64 addr, u64 data); /* ptrace(2) */
bool process_may_trace(struct thread *t); /* may current look into it? Rules of ptrace(2) */
/* RUSAGE_SELF, _CHILDREN, _THREAD */
void process_usage(struct process *p, int who, struct usage *out);

struct exec_request {
	const char *path; /* kernel string */
	const char *name; /* as the program and its script see it: path, or "/dev/fd/N/path" */
	cap_t dirfd;
	u32 at_flags;
	const u64 USER *argv, *envp;
};
long process_exec(const struct exec_request *r, struct trap_frame *f);
/* process_spawn - a child that runs @r's program with the descriptors of @caps (shared, +1) alone.
 * Return: the slot of its process capability | -errno. */
long process_spawn(const struct exec_request *r, struct cap_space *caps);

long pidfd_open(pid_t pid, u32 flags);
struct grant *pidfd_grant(cap_t fd, cap_t target); /* +1 | err_ptr */
/* thread_open - a slot for thread @tid of current's process, 0 = current. slot | -ESRCH | ... */
long thread_open(pid_t tid, u32 o_flags);
/* +1 | err_ptr(-EBADF | -EACCES | -EKEYREVOKED) */
struct process *pidfd_process(cap_t fd, u32 rights, bool *nonblock);
long pidfd_signal(cap_t fd, int signo, struct siginfo *info);

long process_setsid(void);
long process_setpgid(pid_t pid, pid_t pgid);
long process_group_of(pid_t pid, bool session);
pid_t process_set_clear_tid(u32 USER *word);
void process_set_robust_list(void USER *head);
int process_get_robust_list(pid_t tid, u64 *head) MUST_USE;
long rseq_register(void USER *area, u32 len, u32 flags, u32 signature);
long process_limit_change(pid_t pid, u32 id, const struct rlimit64 *new, struct rlimit64 *old);
u32 process_personality(u32 persona); /* 0xffffffff only asks; the old one */
int pid_max_set(pid_t max) MUST_USE;  /* /proc/sys/kernel/pid_max */
pid_t pid_max_get(void);
extern u32 threads_limit; /* [c] threads of all users: /proc/sys/kernel/threads-max */

/* process_cred_change - publishes a copy of @wanted, which is current's own with changes, and of
 * its groups, as current's credentials. 0 | -ENOMEM | -EAGAIN */
int process_cred_change(const struct cred *wanted) MUST_USE;
struct cred *thread_cred_get(struct thread *t); /* +1 */
/* What prctl(2) asks of a process and its threads, by its option. -EINVAL no such. */
long process_attribute(u32 option, u64 value);

/* process_marks_set - PR_SET_MM by its arguments: marks, vector, file of current's space. 0 |
 * -EINVAL -EPERM -EFAULT -EBADF -EACCES -EBUSY. */
long process_marks_set(u64 option, u64 value, u64 len_bytes, u64 rest);

void siginfo_end(struct siginfo *info, int status); /* code, status of an end by wait status */
/* process_unshare - what current's thread shares by CLONE_* becomes its own. 0 | -EINVAL
 * namespaces, or memory, handlers, process that are shared | -ENOMEM. */
long process_unshare(u64 flags);
/* process_compare - do two threads share a part (KCMP_*)? 0 yes | 1, 2 no, in some order | -errno.
 */
long process_compare(pid_t pid1, pid_t pid2, u64 type, u64 fd1, u64 fd2);
/* acct_set - where processes that end are recorded: moved in; NULL = nowhere. 0 | -EACCES. */
long acct_set(struct file *f);

/* Core files: /proc/sys/kernel/{core_pattern,core_uses_pid}, read and written as they are; the last
 * byte stays NUL. /proc/PID/coredump_filter. */
#define CORE_SETTING_BYTES 128
extern char core_pattern[CORE_SETTING_BYTES], core_uses_pid[CORE_SETTING_BYTES];
void process_core_filter_set(struct process *p, u64 filter);

/* Filters on system calls. @program: struct sock_fprog of the user. Return: 0 | the listener | the
 * thread that could not be made the same | -errno. */
long seccomp_filter_set(u32 flags, u64 program);
long seccomp_strict_set(void);
/* call_dispatch_set - PR_SET_SYSCALL_USER_DISPATCH by its arguments. 0 | -EINVAL | -EFAULT. */
long call_dispatch_set(u64 on, u64 start, u64 len_bytes, u64 selector);

/* ---- signals ---- */
int signal_action_set(int signo, const struct k_sigaction *new, struct k_sigaction *old) MUST_USE;
int signal_mask_change(int how, const sigset *set, sigset *old) MUST_USE;
sigset signal_pending_get(void);
long signal_suspend(sigset mask);
long signal_pause(void);
/* deadline 0 = do not sleep */
long signal_wait(sigset set, ns_t deadline_ns, struct siginfo *info);
int signal_altstack(const struct sigstack_abi *new, struct sigstack_abi *old, vaddr_t sp) MUST_USE;
void signal_state_restore(sigset set, const struct sigstack_abi *s); /* rt_sigreturn */
struct file *signalfd_create(sigset set, u32 o_flags);               /* err_ptr(-ENOMEM) */
int signalfd_change(struct file *f, sigset set) MUST_USE;            /* -EINVAL no signalfd */
long signal_kill(pid_t pid, int signo);
long signal_tgkill(pid_t tgid, pid_t tid, int signo);               /* tgid 0: tkill */
long signal_queue_user(pid_t pid, pid_t tid, struct siginfo *info); /* tid 0: to the process */

/* ---- futex ---- */
struct futex_counts {
	s32 wake, requeue;
	bool count_moved, pi;
};
long futex_wait(u32 USER *word, u32 expected, bool shared, ns_t deadline_ns, u32 bitset);
/* futex_wait_many - until one of up to FUTEX_WAITV_MAX words, which were checked, is woken. Return:
 * its index. */
struct futex_waitv_abi;
long futex_wait_many(const struct futex_waitv_abi *v, u32 count, ns_t deadline_ns);
long futex_wake(u32 USER *word, bool shared, u32 count, u32 bitset);
long futex_requeue(u32 USER *word, u32 USER *word2, bool shared, const u32 *expected,
	const struct futex_counts *n);
long futex_wake_op(
	u32 USER *word, u32 USER *word2, bool shared, const struct futex_counts *n, u32 op);
long futex_lock_pi(u32 USER *word, bool shared, ns_t deadline_ns, bool try);
long futex_unlock_pi(u32 USER *word, bool shared);
long futex_wait_requeue_pi(
	u32 USER *word, u32 expected, bool shared, ns_t deadline_ns, u32 USER *word2);

/* ---- timers ---- */
int itimer_change(int which, const struct itimer_ns *new, struct itimer_ns *old) MUST_USE;
long posix_timer_create(int clock_id, const struct sigevent_abi *ev);
/* posix_timer_change - @new NULL: only look. */
int posix_timer_change(
	s32 id, bool abs, const struct itimer_ns *new, struct itimer_ns *old) MUST_USE;
long posix_timer_overrun(s32 id);
int posix_timer_delete(s32 id) MUST_USE;
/* process_unshare_caps - current gets a capability space of its own if it shares one (exec,
 * close_range). 0 | -ENOMEM. */
int process_unshare_caps(void) MUST_USE;
