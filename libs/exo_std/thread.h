/* exo_std/thread - threads of the C library with results as elsewhere here. C11 and C++11, Exo-OS
 * and Linux; link with -pthread. */
#pragma once

#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../exo_types/exo_types.h"

typedef pthread_t exo_thread_t;

/* exo_thread_start - runs fn(arg). 0 and *@out | -EAGAIN no memory for it. */
static inline int exo_thread_start(exo_thread_t *out, void *(*fn)(void *arg), void *arg)
{
	return -pthread_create(out, NULL, fn, arg);
}

/* exo_thread_join - waits for its end; *@result (may be NULL) is what fn returned. 0 | -ESRCH |
 * -EINVAL. */
static inline int exo_thread_join(exo_thread_t thread, void **result)
{
	return -pthread_join(thread, result);
}

/* exo_thread_pin - on this processor alone. 0 | -EINVAL no such processor. */
static inline int exo_thread_pin(exo_thread_t thread, unsigned cpu)
{
	cpu_set_t set;

	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return -pthread_setaffinity_np(thread, sizeof(set), &set);
}

/* ---- tasks: threads by clone3 alone, of which the C library knows nothing ----
 *
 * A task costs a stack and one call; it shares the thread storage of who started it (errno, the
 * stack protector's word, malloc's caches), which must outlive it. So @fn may compute, touch
 * memory, use atomics, exo_ipc and what of exo_abi returns -errno by itself; it must not call the C
 * library, and it must not be left but by return. Signals: the task takes those of the process as
 * any thread does; a program with handlers blocks them around exo_task_start. */
#define EXO_TASK_STACK_MIN 16384u

struct exo_task {
	uint32_t tid; /* [atomic] not 0: it runs; the kernel clears it at the end, and wakes */
	void *(*fn)(void *arg);
	void *arg, *result;
	void *stack; /* lowest page: no access */
	size_t stack_bytes;
};

#ifdef __x86_64__
static inline void exo_task_body_(struct exo_task *t)
{
	long number = SYS_exit;

	t->result = t->fn(t->arg);
	for (;;)
		__asm__ volatile("syscall" : "+a"(number) : "D"(0L) : "rcx", "r11", "memory");
}

/* exo_task_start - runs fn(arg) on a stack of its own of @stack_bytes. @t stays where it is until
 * exo_task_join. 0 | -EINVAL a stack too small | -EAGAIN, -ENOMEM. */
static inline int exo_task_start(
	struct exo_task *t, void *(*fn)(void *arg), void *arg, size_t stack_bytes)
{
	struct clone_args c;
	long ret = 435; /* clone3 */
	void (*body)(struct exo_task *) = exo_task_body_;

	if (stack_bytes < EXO_TASK_STACK_MIN || stack_bytes % 4096)
		return -EINVAL;
	t->fn = fn;
	t->arg = arg;
	t->result = NULL;
	t->tid = 0;
	t->stack_bytes = stack_bytes + 4096;
	t->stack = mmap(NULL, t->stack_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t->stack == MAP_FAILED)
		return -errno;
	__builtin_memset(&c, 0, sizeof(c));
	c.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
		  CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	c.parent_tid = c.child_tid = (uint64_t)(uintptr_t)&t->tid;
	c.stack = (uint64_t)(uintptr_t)t->stack;
	c.stack_size = t->stack_bytes;
	if (mprotect(t->stack, 4096, PROT_NONE))
		ret = -errno;
	else /* the new thread comes out of the call on its own stack, with our registers */
		__asm__ volatile("syscall\n\t"
				 "test %%rax, %%rax\n\t"
				 "jnz 1f\n\t"
				 "xor %%ebp, %%ebp\n\t"
				 "mov %[task], %%rdi\n\t"
				 "call *%[body]\n\t"
				 "1:"
				 : "+a"(ret)
				 : "D"(&c), "S"(sizeof(c)), [task] "r"(t), [body] "r"(body)
				 : "rcx", "r11", "memory");
	if (ret > 0)
		return 0;
	munmap(t->stack, t->stack_bytes);
	return (int)ret;
}

/* exo_task_join - waits for its end and frees the stack. What fn returned. */
static inline void *exo_task_join(struct exo_task *t)
{
	uint32_t tid;

	while ((tid = __atomic_load_n(&t->tid, __ATOMIC_ACQUIRE)) != 0)
		(void)syscall(SYS_futex, &t->tid, FUTEX_WAIT, tid, NULL, NULL, 0);
	munmap(t->stack, t->stack_bytes);
	return t->result;
}
#endif
