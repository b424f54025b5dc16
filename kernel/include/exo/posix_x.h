/* The Linux personality: processes, signals, futexes, exec. Code in kernel/posix_x/. Layer:
 * posix_x. Lower rooms (tty, pipes, timers) reach signals through the functions marked [ops] below:
 * declared here, they are a declared sideways edge drivers|fs|net -> posix_x. */
#pragma once

#include <exo/types.h>
#include <exo/sched.h>
#include <exo/security.h>
#include <exo/vm.h>
#include <exo/fs.h>
#include <exo_abi/linux_process.h>
#include <exo_abi/linux_signal.h>

#define SIGNALS_MAX 64
#define SIGBIT(n)   (1ULL << ((n)-1))

struct tty;
struct session; /* posix_x_internal */
struct process; /* defined in posix_x_internal.h; others use these accessors */
pid_t process_pid(struct process *p);
/* CLOCK_MONOTONIC; with the pid it names a process for ever */
ns_t process_start_ns(struct process *p);
pid_t process_ppid(struct process *p);
pid_t process_pgid(struct process *p);
pid_t process_sid(struct process *p);
u64 process_rlimit(struct process *p, enum rlimit_id id); /* cur */
static inline u64 rlimit_current(enum rlimit_id id)
{
	return current->proc ? process_rlimit(current->proc, id) : ~0ULL;
}

/* [ops] signals */
int signal_send_process(struct process *p, const struct siginfo *info); /* 0 | -EAGAIN queue full */
int signal_send_thread(struct thread *t, const struct siginfo *info);
/* The kernel's own signal to a group, if it is one of session @sid. */
void signal_send_pgrp(pid_t pgid, pid_t sid, int signo);
void signal_send_owner(const struct file_signal *due); /* something happened to the file */
int signal_send_current(int signo); /* SIGPIPE, SIGXFSZ: synchronous, SI_USER... */
/* [ops] job control for the tty: what line disciplines ask. */
bool signal_current_blocked_or_ignored(int signo);
bool process_group_orphaned(pid_t pgid);
bool process_pgrp_in_session(pid_t pgid, pid_t sid);
struct tty *process_ctty_get(void); /* current session's terminal +1, or NULL */
int process_ctty_set(struct tty *t, bool steal) MUST_USE; /* TIOCSCTTY rules: 0 | -EPERM */
int process_ctty_drop(void); /* TIOCNOTTY: SIGHUP + SIGCONT to the foreground group when leader */
void process_ctty_hangup(struct tty *t); /* the terminal went: session loses it, leader SIGHUP, fg
					    group SIGHUP+SIGCONT */
bool process_is_session_leader(void);

/* Iteration for /proc: process_next - first process with pid > *pid; +1 reference or NULL; *pid
 * updated. */
struct process *process_find(pid_t pid); /* +1 | NULL */
struct process *process_of(pid_t pid);   /* process of any of its threads' numbers, +1 | NULL */
struct thread *thread_find(pid_t tid);   /* +1 | NULL, user threads only */
bool thread_is_own(pid_t tid);           /* one of current's process */
struct process *process_next(pid_t *pid);
struct thread *process_thread_next(struct process *p, pid_t *tid); /* +1 | NULL */
void process_get(struct process *p);
void process_put(struct process *p);
static inline void process_put_at(struct process **p) /* for SCOPED; err_ptr and NULL are fine */
{
	if (*p && !is_err(*p))
		process_put(*p);
}
struct usage {
	u64 utime_ns, stime_ns, min_flt, maj_flt, vcsw, ivcsw, maxrss_kb, io[4];
};
struct process_stat { /* what /proc/PID/{stat,status} prints; a snapshot */
	pid_t pid, ppid, pgid, sid, tpgid, tgid, tracer;
	int tty_nr;
	char state;
	char comm[16];
	u64 start_ns;
	struct usage used, children; /* of a thread no io of children */
	s32 nice, priority, policy, rt_priority;
	u32 threads, exit_signal, cpu;
	s32 exit_code;
	sigset pending, shared_pending, blocked, ignored, caught;
	u64 sigq, sigq_max;
	cpumask_t affinity;
	struct cred *cred; /* +1, caller puts */
	struct rlimit64 limits[RLIM_COUNT];
	u32 fd_slots;
	u8 dumpable;
	bool no_new_privs;
	bool traceable; /* current may look into it */
	bool sleeps;    /* the thread, or the only one of the process */
	u32 seccomp, filters, core_filter;
	u32 umask, personality;
	s32 oom_score_adj;
};
int process_stat_get(struct process *p, struct thread *t /* NULL = whole process */,
	struct process_stat *out) MUST_USE; /* -ESRCH */
/* +1 references of a living process's parts, NULL when gone. For /proc. */
struct vm_space *process_space(struct process *p);
struct cap_space *process_caps(struct process *p);
struct fs_context *process_fs(struct process *p);
/* -1000 (never killed for memory) .. 1000; 0 | -EINVAL | -EACCES lower than before without
 * CAP_SYS_RESOURCE */
int process_oom_adj_set(struct process *p, s32 adj) MUST_USE;
/* How near it is to be killed, 0 (never) .. 1333, two thirds of 1000 by default: as Linux tells. */
u64 process_oom_score(struct process *p);
u32 threads_total(void);
pid_t pid_last(void);

/* Descriptors that current's user has in flight (SCM_RIGHTS), bounded by RLIMIT_NOFILE. *account
 * NULL: becomes current's, +1, on success. 0 | -ETOOMANYREFS. Discharging puts the account. */
struct user_account;
int account_charge_flight(struct user_account **account, u32 count) MUST_USE;
/* The same for the bytes of POSIX message queues, bounded by RLIMIT_MSGQUEUE. *account is +1 on
 * success. 0 | -EMFILE. */
int account_charge_queue(struct user_account **account, u64 bytes) MUST_USE;
void account_discharge(struct user_account *account, u32 flights, u64 queue_bytes);

/* Start of user space: boot's kernel thread becomes pid 1. Does not return on success. -ENOENT,
 * -ENOEXEC, ... */
int process_start_init(const char *path, const char *const argv[], const char *const envp[]);
void process_init(void); /* tables; before the first process */

/* Restart blocks: a call that returns -ERESTART_RESTARTBLOCK has stored here how restart_syscall
 * goes on (nanosleep's remainder, poll's deadline). One a thread; fn runs in the same thread, with
 * the same address space. */
struct restart_block {
	long (*fn)(struct restart_block *rb); /* NULL = nothing to restart: -EINTR */
	u64 args[6];
};
struct restart_block *restart_block_current(void);
/* signal_mask_swap_user - ppoll, pselect6, epoll_pwait: for the rest of this call the mask is
 * *mask; the old one comes back on the way to user mode, after a handler has run with it. @mask
 * NULL: nothing. 0 | -EINVAL size is not 8 | -EFAULT. */
int signal_mask_swap_user(const u64 USER *mask, size_t size) MUST_USE;
/* struct cpu_clock - shows how long a process, or one of current's threads, has run; threads that
 * ended are included. */
struct cpu_clock {
	struct process *process; /* +1; NULL = the id names another clock */
	pid_t tid;               /* of this thread of it, 0 = of the whole */
	bool user_only;
};
static inline void cpu_clock_put(struct cpu_clock *c) /* for SCOPED; NULL inside is fine */
{
	process_put_at(&c->process);
}
/* cpu_clock_find - the CPU clock of this id, if it is one. 0 | -EINVAL there is none such. */
int cpu_clock_find(s32 id, struct cpu_clock *out) MUST_USE;
ns_t cpu_clock_now(const struct cpu_clock *c); /* 0 = of a thread that ended */
/* cpu_clock_reaches - the moment, by CLOCK_MONOTONIC, at which it shows @value at the earliest:
 * 1 = it does; NS_FOREVER = nobody moves it any more. */
ns_t cpu_clock_reaches(const struct cpu_clock *c, ns_t value);
bool cpu_clock_ended(const struct cpu_clock *c); /* its thread, or process, is no more */
/* clock_waits - do timers and sleeps go by this clock? 0 | -EOPNOTSUPP | -EINVAL no clock | -EPERM
 * an alarm clock, not for current. */
int clock_waits(s32 id) MUST_USE;
int futex_wake_user(u32 USER *addr, u32 count); /* exit: clear_child_tid. Woken | -EFAULT */
