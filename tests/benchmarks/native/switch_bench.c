/* arch_switch of x86_64 in a user program: switch.c and entry.S as they stand in the kernel, with
 * GS at the program's own per-CPU data. A switch between two kernel threads has no privileged
 * instruction and is measured whole. One between programs has SWAPGS twice in each direction and
 * the stores to the TSS; what surrounds SWAPGS (FS base, FPU state) is measured with the kernel's
 * own functions, SWAPGS itself is not. Nor are the queue's lock and the pick (sync_bench,
 * scheduler_bench) and the page tables.
 *
 * needs: kernel/arch/x86_64/switch.c kernel/arch/x86_64/entry.S
 * links: -static -Wl,--unresolved-symbols=ignore-all -no-pie
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include <asm/prctl.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include "native_bench.h"
#include <archimpl/fpu.h>
#include <arch/context.h>
#include <exo/sched.h>

enum { RING = 16, AREA_BYTES = 16384 };

struct thread *arch_switch(struct thread *prev, struct thread *next);
struct thread *switch_stacks(struct thread *prev, struct thread *next);

struct x86_features x86;

static struct thread main_thread, threads[RING];
static u8 stacks[RING][4096] __attribute__((aligned(64)));
static u8 area[AREA_BYTES] __attribute__((aligned(64)));
static struct thread *(*how)(struct thread *prev, struct thread *next);

/* Each gives the CPU to the next of the ring, and the last to the program. */
static void body(void)
{
	for (;;) {
		struct thread *self = this_cpu_read(current_thread);
		long i = self - threads;

		how(self, i + 1 < RING ? &threads[i + 1] : &main_thread);
	}
}

/* As switch_stacks pops it: six registers, the address. */
static void start(int i)
{
	u64 *sp = (u64 *)(stacks[i] + sizeof(stacks[i])) - 2;

	*--sp = (u64)body;
	for (int r = 0; r < 6; r++)
		*--sp = 0;
	threads[i].arch.sp = (u64)sp;
}

/* The stacks alone: current is kept for body. */
static struct thread *stacks_only(struct thread *prev, struct thread *next)
{
	this_cpu_write(current_thread, next);
	return switch_stacks(prev, next);
}

/* A round of RING + 1 switches. */
static void rounds(const char *name, struct thread *(*with)(struct thread *, struct thread *))
{
	how = with;
	for (int i = 0; i < RING; i++)
		start(i);
	this_cpu_write(current_thread, &main_thread);
	NATIVE_FEW(name, NATIVE_SAMPLES, 8, RING + 1, {
		how(&main_thread, &threads[0]);
		require(this_cpu_read(current_thread) == &main_thread);
	});
}

static int there[2], back[2];
static void *echo(void *arg)
{
	char byte;

	while (read(there[0], &byte, 1) == 1)
		require(write(back[1], &byte, 1) == 1);
	return arg;
}

/* Two wake-ups and two switches, and four system calls. */
static void linux_ping_pong(void)
{
	pthread_t thread;
	cpu_set_t set;
	char byte = 1;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	require(!sched_setaffinity(0, sizeof(set), &set) && !pipe(there) && !pipe(back));
	require(!pthread_create(&thread, NULL, echo, NULL));
	NATIVE_FEW("linux_pipe_ping_pong_per_switch", 1000, 16, 2,
		{ require(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1); });
	close(there[1]);
	require(!pthread_join(thread, NULL));
}

int main(void)
{
	u64 base = 0;

	require(!syscall(SYS_arch_prctl, ARCH_SET_GS, base));
	printf("# between kernel threads\n");
	rounds("switch_stacks", stacks_only);
	rounds("arch_switch", arch_switch);
	printf("# what programs have beside: user state, without SWAPGS\n");
	x86.xsave = __builtin_cpu_supports("avx"); /* and so does its kernel */
	x86.xsaveopt = x86.xsave && cpuid(0xd, 1).eax & 1;
	require(!x86.xsave || cpuid(0xd, 0).ebx <= AREA_BYTES);
	NATIVE_BENCH("fpu_save_load", {
		fpu_save(area);
		fpu_load(area);
	});
	if (getauxval(AT_HWCAP2) & 2) {
		NATIVE_BENCH("fs_base_read_write", {
			u64 fs;

			__asm__ volatile("rdfsbase %0\n\twrfsbase %0" : "=&r"(fs)::"memory");
		});
	} else {
		printf("SKIP,fs_base_read_write,this CPU or its kernel has no FSGSBASE\n");
	}
	printf("# Linux\n");
	linux_ping_pong();
	return 0;
}
