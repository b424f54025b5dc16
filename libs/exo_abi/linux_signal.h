/* Signals of the Linux user ABI (x86_64). Source: signal(7), sigaction(2), sigaltstack(2). */
#pragma once

#include <exo/types.h>

#define SIGHUP    1
#define SIGINT    2
#define SIGQUIT   3
#define SIGILL    4
#define SIGTRAP   5
#define SIGABRT   6
#define SIGBUS    7
#define SIGFPE    8
#define SIGKILL   9
#define SIGUSR1   10
#define SIGSEGV   11
#define SIGUSR2   12
#define SIGPIPE   13
#define SIGALRM   14
#define SIGTERM   15
#define SIGSTKFLT 16
#define SIGCHLD   17
#define SIGCONT   18
#define SIGSTOP   19
#define SIGTSTP   20
#define SIGTTIN   21
#define SIGTTOU   22
#define SIGURG    23
#define SIGXCPU   24
#define SIGXFSZ   25
#define SIGVTALRM 26
#define SIGPROF   27
#define SIGWINCH  28
#define SIGIO     29
#define SIGPWR    30
#define SIGSYS    31
#define SIGRTMIN  32
#define SIGRTMAX  64

#define SIG_DFL 0UL
#define SIG_IGN 1UL

#define SA_NOCLDSTOP      0x00000001UL
#define SA_NOCLDWAIT      0x00000002UL
#define SA_SIGINFO        0x00000004UL
#define SA_UNSUPPORTED    0x00000400UL
#define SA_EXPOSE_TAGBITS 0x00000800UL
#define SA_RESTORER       0x04000000UL
#define SA_ONSTACK        0x08000000UL
#define SA_RESTART        0x10000000UL
#define SA_NODEFER        0x40000000UL
#define SA_RESETHAND      0x80000000UL

#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

#define SS_ONSTACK    1
#define SS_DISABLE    2
#define SS_AUTODISARM (1 << 31)
#define MINSIGSTKSZ   2048

/* si_code: above 0 the kernel, 0 and below user space. */
#define SI_USER    0
#define SI_QUEUE   -1
#define SI_TIMER   -2
#define SI_MESGQ   -3
#define SI_ASYNCIO -4
#define SI_SIGIO   -5
#define SI_TKILL   -6
#define SI_KERNEL  0x80

#define SI_POLL_IN    1
#define SI_POLL_OUT   2
#define SI_POLL_MSG   3

#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define SEGV_PKUERR 4

#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD    2
#define SIGEV_THREAD_ID 4

struct sigevent_abi {
	u64 value;
	s32 signo, notify, tid;
	u8 pad[44];
};
_Static_assert(sizeof(struct sigevent_abi) == 64, "user ABI");

typedef u64 sigset;  /* bit n-1 = signal n */
struct k_sigaction { /* rt_sigaction(2) */
	u64 handler, flags, restorer;
	sigset mask;
};
struct sigstack_abi { /* sigaltstack(2) */
	u64 sp;
	s32 flags, pad;
	u64 size;
};

struct siginfo {
	s32 signo, error, code, pad0;
	union {
		struct {
			s32 pid;
			u32 uid;
			u64 value;
		} kill; /* kill, tkill, sigqueue */
		struct {
			s32 pid;
			u32 uid;
			s32 status;
			s32 pad;
			s64 utime, stime;
		} chld;
		struct {
			u64 addr;
			s16 addr_lsb, pad[3];
			u32 key; /* SEGV_PKUERR */
		} fault;
		struct {
			s32 timerid, overrun;
			u64 value;
		} timer;
		struct {
			s64 band;
			s32 fd;
		} poll;
		struct {
			u64 call_addr;
			s32 syscall;
			u32 arch;
		} sys;
		u8 bytes[112];
	};
};
_Static_assert(sizeof(struct siginfo) == 128, "siginfo is user ABI");

/* signalfd(2) */
struct signalfd_siginfo_abi {
	u32 signo;
	s32 error, code;
	u32 pid, uid;
	s32 fd;
	u32 tid, band, overrun, trapno;
	s32 status, value_int;
	u64 value_ptr, utime, stime, addr;
	u16 addr_lsb, pad2;
	s32 syscall;
	u64 call_addr;
	u32 arch;
	u8 pad[28];
};
_Static_assert(sizeof(struct signalfd_siginfo_abi) == 128, "user ABI");

/* The frame of a handler. Source: asm/sigcontext.h and asm/ucontext.h of the user ABI. */
#define FP_XSTATE_MAGIC1     0x46505853u
#define FP_XSTATE_MAGIC2     0x46505845u
#define UC_FP_XSTATE         1ul
#define UC_SIGCONTEXT_SS     2ul
#define UC_STRICT_RESTORE_SS 4ul

struct sigcontext_abi {
	u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip,
		rflags;
	u16 cs, gs, fs, ss;
	u64 error, trap, oldmask, cr2, fpstate, reserved[8];
};
struct ucontext_abi {
	u64 flags, link;
	struct sigstack_abi stack;
	struct sigcontext_abi context;
	u64 mask;
};
struct rt_sigframe {
	u64 restorer;
	struct ucontext_abi uc;
	u8 info[128];
};
struct fpx_software { /* in fpu_legacy.software */
	u32 magic1, extended_size;
	u64 features;
	u32 xstate_size, pad[7];
};
_Static_assert(
	sizeof(struct sigcontext_abi) == 256 && sizeof(struct ucontext_abi) == 304, "user ABI");
_Static_assert(sizeof(struct fpx_software) == 48, "user ABI");
