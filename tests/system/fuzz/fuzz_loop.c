/* The loop of the system-call fuzzer: choose a call, make up its arguments, make it, count it. */
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include "fuzz.h"

#define CHILD_CALLS 60 /* of a child that a tried call made */
#define GRANDCHILD  8  /* one child in so many makes children of its own */

struct board *board;

u64 fuzz_random(struct fuzzer *f) /* splitmix64 */
{
	u64 z = (f->random += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* rbx lives through the call in parent and child; a child without a stack of its own pushes below
 * the parent's frame. */
__asm__(".globl fuzz_syscall\n"
	"fuzz_syscall:\n"
	"	push %rbx\n"
	"	mov %rdi, %rax\n"
	"	mov %rdx, %rbx\n"
	"	mov %rsi, %r11\n"
	"	mov 0(%r11), %rdi\n"
	"	mov 8(%r11), %rsi\n"
	"	mov 16(%r11), %rdx\n"
	"	mov 24(%r11), %r10\n"
	"	mov 32(%r11), %r8\n"
	"	mov 40(%r11), %r9\n"
	"	syscall\n"
	"	test %rax, %rax\n"
	"	jnz 1f\n"
	"	test %rbx, %rbx\n"
	"	jz 1f\n"
	"	and $-16, %rsp\n"
	"	call *%rbx\n"
	"	hlt\n"
	"1:	pop %rbx\n"
	"	ret\n");

static long call_raw(u64 nr, u64 a, u64 b)
{
	const u64 args[6] = {a, b};

	return fuzz_syscall(nr, args, NULL);
}

static void thread_end(void)
{
	call_raw(SYS_exit, 0, 0);
}

/* A blocked thread hears this every now and then; SIGRTMAX has a handler that does nothing. */
static void alarm_often(void)
{
	struct sigevent e = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = 64};
	const struct itimerspec often = {{0, 30000000}, {0, 30000000}};
	int id = -1;

	*(int *)&e._sigev_un = (int)call_raw(SYS_gettid, 0, 0);
	if (!fuzz_syscall(SYS_timer_create, (u64[6]){CLOCK_MONOTONIC, (u64)&e, (u64)&id}, NULL))
		fuzz_syscall(SYS_timer_settime, (u64[6]){(u64)id, 0, (u64)&often}, NULL);
}

/* Of a thread or process that a tried call made: @p may be the maker's memory. */
static void child_main(void)
{
	struct fuzzer f = {.child = true, .slot = -1, .left = CHILD_CALLS};

	call_raw(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	f.random =
		(u64)call_raw(SYS_gettid, 0, 0) * 0x2545f4914f6cdd1dULL ^ board->made[SYS_getpid];
	f.pid = (int)call_raw(SYS_getpid, 0, 0);
	alarm_often();
	fuzz_loop(&f);
	thread_end();
}

/* Of fuzz_thread: what it is to do lies at the end of its stack. */
static void thread_main(void)
{
	struct fuzzer f;
	u64 sp = (u64)__builtin_frame_address(0);

	f = *(struct fuzzer *)(sp / STACK_BYTES * STACK_BYTES);
	alarm_often();
	fuzz_loop(&f);
	thread_end();
}

u64 fuzz_stack_top(void)
{
	u64 n = __atomic_fetch_add(&board->next_stack, 1, __ATOMIC_RELAXED) % STACK_COUNT;

	return STACKS + (n + 1) * STACK_BYTES - 64;
}

long fuzz_thread(const struct fuzzer *f, u32 index)
{
	u64 top = STACKS + (STACK_COUNT + index + 1) * STACK_BYTES - 64;
	const u64 flags =
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

	*(struct fuzzer *)(top / STACK_BYTES * STACK_BYTES) = *f;
	return fuzz_syscall(SYS_clone, (u64[6]){flags, top}, thread_main);
}

static bool makes_children(u64 nr)
{
	return nr == SYS_clone || nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone3;
}

void fuzz_loop(struct fuzzer *f)
{
	while (f->left) {
		const struct call *c = &fuzz_calls[below(f, fuzz_call_count)];
		struct record *r = f->slot >= 0 ? &board->records[f->slot] : NULL;
		u64 a[6] = {0};
		long result;

		if (!c->one_in || !one_in(f, c->one_in))
			continue;
		if (makes_children(c->nr) && f->child && !one_in(f, GRANDCHILD))
			continue;
		f->left--;
		fuzz_args(f, c, a);
		if (r) {
			r->nr = c->nr;
			for (u32 i = 0; i < 6; i++)
				r->args[i] = a[i];
		}
		__atomic_fetch_add(&board->made[c->nr], 1, __ATOMIC_RELAXED);
		result = fuzz_syscall(c->nr, a, makes_children(c->nr) ? child_main : NULL);
		if (result < -4095 || result >= 0) {
			__atomic_fetch_add(&board->succeeded[c->nr], 1, __ATOMIC_RELAXED);
			if (r)
				__atomic_fetch_add(
					&board->did[f->slot / (THREADS + 1)], 1, __ATOMIC_RELAXED);
		}
	}
}
