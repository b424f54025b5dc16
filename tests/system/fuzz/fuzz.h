/* What the parts of the system-call fuzzer share. After the start no part of a worker uses the C
 * library: the calls that are tried may take away its thread pointer, its descriptors and its
 * signals. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint8_t u8;

#define PAGE         4096ULL
#define ARENA        0x10000000ULL /* structures for the calls; a page without access follows */
#define ARENA_PAGES  64ULL
#define SHARED       0x20000000ULL /* the same memory in every worker */
#define SHARED_PAGES 16ULL
#define FILE_MAP     0x30000000ULL /* a file that others cut short */
#define READ_ONLY    0x40000000ULL
#define NO_ACCESS    0x50000000ULL
#define FEW_PAGES    16ULL
#define GROUND       0x60000000ULL /* what mmap and its kin are let loose on */
#define GROUND_PAGES 256ULL
#define STACKS       0x70000000ULL /* of clones */
#define STACK_BYTES  (8 * PAGE)
#define STACK_COUNT  64ULL
#define THREADS      3  /* of a worker, beside its first; their stacks follow those */
#define WORKERS      4  /* at a time */
#define FDS          48 /* descriptors that are tried */
#define NR_MAX       2048

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* One thread's state; on its stack. */
struct fuzzer {
	u64 random;
	u32 left;   /* calls until it ends */
	bool child; /* a tried call made it */
	int slot;   /* of the record of what it does; -1 = none */
	int pid;    /* of its process */
};

/* What a thread is doing, for the report of a hang. */
struct record {
	u32 nr;
	u64 args[6];
};

#define RECORDS 64
/* Shared by supervisor and workers, at an address that no call is given. */
struct board {
	u32 made[NR_MAX], succeeded[NR_MAX]; /* [a] */
	u32 next_stack;                      /* [a] */
	u32 did[WORKERS];                    /* [a] calls of it that succeeded */
	struct record records[RECORDS];
};
extern struct board *board;

/* One line of kernel/syscall/table.def, with what its arguments are (fuzz_args.c). */
struct call {
	u32 nr;
	u32 args;
	const char *name;
	const char *spec;
	u32 one_in; /* how rarely it is made; 0 = never */
};
extern struct call fuzz_calls[];
extern const u32 fuzz_call_count;

u64 fuzz_random(struct fuzzer *f);
static inline u32 below(struct fuzzer *f, u32 n)
{
	return (u32)(fuzz_random(f) % n);
}
static inline bool one_in(struct fuzzer *f, u32 n)
{
	return below(f, n) == 0;
}

/* fuzz_specs_init - finds what fuzz_args knows about each call. */
void fuzz_specs_init(void);
/* fuzz_args - fills a[6] for @c and what its pointers point to. */
void fuzz_args(struct fuzzer *f, const struct call *c, u64 *a);
/* fuzz_loop - makes calls until f->left is 0. Threads made on the way end by themselves. */
void fuzz_loop(struct fuzzer *f);
/* fuzz_syscall - the call itself, without errno. Who returns from it as a new process or thread
 * runs child(). */
long fuzz_syscall(u64 nr, const u64 *args, void (*child)(void));
/* fuzz_thread - a thread of this process that runs fuzz_loop; @index below THREADS. Return: its
 * number, or -errno. */
long fuzz_thread(const struct fuzzer *f, u32 index);
/* fuzz_stack_top - a stack for a clone; they are used in turn. */
u64 fuzz_stack_top(void);
