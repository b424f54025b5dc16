/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* fpu.c - the vector state belongs to its thread: over switches, calls, signals, fork, exec and
 * faults. */
#include "t_.h"

#include <cpuid.h>
#include <fenv.h>
#include <pthread.h>
#include <ucontext.h>

T_SUITE(fpu);

/* Sixteen registers of up to 32 bytes, filled and compared by assembly so that nothing goes
 * between. */
struct vectors {
	unsigned char bytes[16][32];
} __attribute__((aligned(32)));

static bool has_avx(void)
{
	unsigned a, b, c, d, low, high;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
		return false;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (low & 6) == 6;
}

static void fill(struct vectors *v, unsigned seed)
{
	for (int r = 0; r < 16; r++) {
		for (int i = 0; i < 32; i++)
			v->bytes[r][i] = (unsigned char)(seed * 31 + r * 37 + i * 11 + 1);
	}
}

#define EACH(op, off)                                                                             \
	op(0, off) op(1, off) op(2, off) op(3, off) op(4, off) op(5, off) op(6, off) op(7, off)   \
		op(8, off) op(9, off) op(10, off) op(11, off) op(12, off) op(13, off) op(14, off) \
			op(15, off)
#define LOAD_AVX(n, p) "vmovdqa " #n "*32(%" #p "), %%ymm" #n "\n"
#define SAVE_AVX(n, p) "vmovdqa %%ymm" #n ", " #n "*32(%" #p ")\n"
#define LOAD_SSE(n, p) "movdqa " #n "*32(%" #p "), %%xmm" #n "\n"
#define SAVE_SSE(n, p) "movdqa %%xmm" #n ", " #n "*32(%" #p ")\n"
#define CLOBBERS                                                                               \
	"rax", "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", \
		"xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

/* Loads all registers, makes one system call, stores them again. */
static long call_between(const struct vectors *in, struct vectors *out, long number, long a, long b)
{
	long result;

	if (has_avx()) {
		__asm__ volatile(EACH(LOAD_AVX, 1) "syscall\n" EACH(SAVE_AVX, 2)
				 : "=a"(result)
				 : "r"(in), "r"(out), "0"(number), "D"(a), "S"(b)
				 : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
				 "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
				 "xmm13", "xmm14", "xmm15");
	} else {
		memset(out, 0, sizeof(*out));
		__asm__ volatile(EACH(LOAD_SSE, 1) "syscall\n" EACH(SAVE_SSE, 2)
				 : "=a"(result)
				 : "r"(in), "r"(out), "0"(number), "D"(a), "S"(b)
				 : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
				 "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
				 "xmm13", "xmm14", "xmm15");
	}
	return result;
}

/* The bytes of every register that this processor has and that differ. */
static int differ(const struct vectors *a, const struct vectors *b)
{
	const int width = has_avx() ? 32 : 16;
	int count = 0;

	for (int r = 0; r < 16; r++)
		count += memcmp(a->bytes[r], b->bytes[r], width) != 0;
	return count;
}

T_CASE(survive_system_calls)
{
	struct vectors in, out;
	struct timespec brief = {0, 1000000};

	fill(&in, 1);
	t_eq(call_between(&in, &out, SYS_getppid, 0, 0) > 0 || getppid() == 0, 1);
	t_eq(differ(&in, &out), 0);
	t_eq(call_between(&in, &out, SYS_nanosleep, (long)&brief, 0), 0);
	t_eq(differ(&in, &out), 0);
	t_eq(call_between(&in, &out, SYS_sched_yield, 0, 0), 0);
	t_eq(differ(&in, &out), 0);
}

/* Spins with all registers loaded, no call in between, and looks whether they hold. */
static int spin(const struct vectors *in, long rounds)
{
	struct vectors out;
	int bad = 0;

	for (int k = 0; k < 20; k++) {
		long n = rounds;
		memset(&out, 0, sizeof(out));
		if (has_avx())
			__asm__ volatile(EACH(LOAD_AVX, 1) "1: dec %0\n jnz 1b\n" EACH(SAVE_AVX, 2)
					 : "+r"(n)
					 : "r"(in), "r"(&out)
					 : CLOBBERS);
		else
			__asm__ volatile(EACH(LOAD_SSE, 1) "1: dec %0\n jnz 1b\n" EACH(SAVE_SSE, 2)
					 : "+r"(n)
					 : "r"(in), "r"(&out)
					 : CLOBBERS);
		bad += differ(in, &out);
	}
	return bad;
}

static void on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

T_CASE_LIMIT(survive_preemption, 30)
{
	pid_t pids[4];

	on_one_cpu();
	for (int i = 0; i < 4; i++) {
		T_CHILD(pids[i])
		{
			struct vectors in;
			fill(&in, 10 + i);
			t_eq(spin(&in, 2000000), 0);
		}
	}
	for (int i = 0; i < 4; i++)
		t_exit(pids[i], 0);
}

static void *spin_thread(void *arg)
{
	struct vectors in;

	fill(&in, (unsigned)(long)arg);
	return (void *)(long)spin(&in, 1000000);
}

T_CASE_LIMIT(survive_between_threads, 30)
{
	pthread_t threads[4];

	on_one_cpu();
	for (long i = 0; i < 4; i++)
		t_eq(pthread_create(&threads[i], NULL, spin_thread, (void *)(i + 50)), 0);
	for (int i = 0; i < 4; i++) {
		void *bad;
		t_eq(pthread_join(threads[i], &bad), 0);
		t_eq((long)bad, 0);
	}
}

static volatile int hits;

static void spoil(int sig)
{
	struct vectors mine, out;

	fill(&mine, 200 + hits);
	call_between(&mine, &out, SYS_getpid, 0, 0);
	hits += differ(&mine, &out) == 0;
}

T_CASE(survive_signals)
{
	struct vectors in, out;

	t_handler(SIGUSR1, spoil, 0);
	fill(&in, 3);
	t_eq(call_between(&in, &out, SYS_kill, getpid(), SIGUSR1), 0);
	t_eq(hits, 1);
	t_eq(differ(&in, &out), 0);
}

T_CASE_LIMIT(survive_signals_while_spinning, 30)
{
	pid_t parent = getpid(), pid;
	struct vectors in;

	t_handler(SIGUSR1, spoil, 0);
	T_CHILD(pid)
	{
		for (int i = 0; i < 30; i++) {
			t_sleep_ms(2);
			kill(parent, SIGUSR1);
		}
	}
	fill(&in, 4);
	int bad = 0;
	while (waitpid(pid, NULL, WNOHANG) == 0)
		bad += spin(&in, 100000);
	t_eq(bad, 0);
	t_check(hits > 0);
}

static void edit(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	/* the frame's register 3 is what the interrupted code gets back */
	memset(&uc->uc_mcontext.fpregs->_xmm[3], 0x5a, 16);
	hits++;
}

static void frame_counts(void (*handler)(int sig, siginfo_t *info, void *context), unsigned seed)
{
	struct vectors in, out;
	unsigned char want[16];

	memset(want, 0x5a, sizeof(want));
	t_handler_info(SIGUSR1, handler, 0);
	fill(&in, seed);
	t_eq(call_between(&in, &out, SYS_kill, getpid(), SIGUSR1), 0);
	t_eq(hits, 1);
	t_mem(out.bytes[3], want, 16);
	t_mem(out.bytes[2], in.bytes[2], 16);
	t_mem(out.bytes[4], in.bytes[4], 16);
}

T_CASE(frame_holds_the_registers)
{
	frame_counts(edit, 5);
}

/* A frame without the mark of the longer one, as programs from before it make them: the old 512
 * bytes count. */
static void edit_old(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	memset((char *)uc->uc_mcontext.fpregs + 464, 0, 48);
	edit(sig, info, context);
}

T_CASE(frame_made_by_hand)
{
	frame_counts(edit_old, 6);
}

T_CASE(fork_copies_registers)
{
	struct vectors in, out;
	int status = 0;

	fill(&in, 6);
	long pid = call_between(&in, &out, SYS_fork, 0, 0);
	if (pid == 0)
		_exit(differ(&in, &out));
	t_check(pid > 0);
	t_eq(differ(&in, &out), 0);
	t_ret(waitpid((pid_t)pid, &status, 0), pid);
	t_eq(status, 0);
}

T_CASE(survive_page_faults)
{
	struct vectors in, *far = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int bad = 0;

	fill(&in, 7);
	for (size_t at = 0; at + 4096 <= 1 << 20; at += 4096) {
		struct vectors *out = (struct vectors *)((char *)far + at);
		call_between(&in, out, SYS_getppid, 0, 0); /* the store raises the fault */
		bad += differ(&in, out);
	}
	t_eq(bad, 0);
}

T_HELPER(fresh_state)
{
	unsigned short x87;
	unsigned mxcsr;

	__asm__ volatile("fnstcw %0" : "=m"(x87));
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	return x87 == 0x37f && mxcsr == 0x1f80 ? 0 : 1;
}

T_CASE(exec_starts_fresh)
{
	pid_t pid;

	T_CHILD(pid)
	{
		fesetround(FE_UPWARD);
		feenableexcept(FE_DIVBYZERO);
		execl(t_self, t_self, "-x", "fresh_state", (char *)NULL);
	}
	t_exit(pid, 0);
}

static void *rounding(void *arg)
{
	int before = fegetround();

	fesetround(FE_DOWNWARD);
	sched_yield();
	return (void *)(long)before;
}

T_CASE(rounding_belongs_to_the_thread)
{
	pthread_t thread;
	void *before;

	t_eq(fesetround(FE_UPWARD), 0);
	t_eq(pthread_create(&thread, NULL, rounding, NULL), 0);
	t_eq(pthread_join(thread, &before), 0);
	t_eq((long)before, FE_UPWARD); /* inherited */
	t_eq(fegetround(), FE_UPWARD);
}

static volatile int code;

static void on_fpe(int sig, siginfo_t *info, void *context)
{
	code = info->si_code;
	_exit(code == FPE_FLTDIV ? 61 : code == FPE_FLTINV ? 62 : 63);
}

/* The x87 only: QEMU's TCG raises no exception for vector arithmetic. */
T_CASE(exceptions_arrive)
{
	pid_t pid;

	t_handler_info(SIGFPE, on_fpe, 0);
	T_CHILD(pid)
	{
		volatile long double x = 0, y = 1;
		feenableexcept(FE_DIVBYZERO);
		y = y / x;
		__asm__ volatile("fwait");
	}
	t_exit(pid, 61);
	T_CHILD(pid)
	{
		volatile long double x = 0;
		feenableexcept(FE_INVALID);
		x = x / x;
		__asm__ volatile("fwait");
	}
	t_exit(pid, 62);
}
