/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Benchmarks of the native calls: on Exo-OS alone. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <exo_abi/exo_native.h>

#include "bench.h"

enum { NATIVE_CAPS_MAX = 100000 };

static int native_program;

static void setup_spawn(void)
{
	native_program = open(self_path, O_RDONLY | O_CLOEXEC);
	require(native_program >= 0);
}

/* The same program and end as fork_exec_exit_wait. */
static int64_t batch_spawn(int ops)
{
	char *const argv[] = {(char *)"exo-bench", (char *)"--exit", NULL};
	const struct exo_spawn_args args = {
		.program = native_program, .name = (uintptr_t)self_path, .argv = (uintptr_t)argv};
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++) {
		siginfo_t info = {0};
		int child = (int)exo_spawn(&args, sizeof(args));

		good += child >= 0 && waitid(P_PIDFD, (id_t)child, &info, WEXITED) == 0 &&
			info.si_status == EXIT_CODE && exo_cap_close(child) == 0;
	}
	int64_t spent = now_ns() - start;
	require(good == ops);
	return spent;
}

static void setup_spawn_large(void)
{
	setup_spawn();
	bench_setup_large();
}

/* Checks of a capability: write_1b_null through a grant derived once, and 64 times. */
static void setup_null_derived(int depth)
{
	bench_setup_null();
	for (int i = 0; i < depth; i++) {
		int child = (int)exo_cap_derive(bench_null_fd, EXO_ALL, 0, 0);

		require(child >= 0 && exo_cap_close(bench_null_fd) == 0);
		bench_null_fd = child;
	}
}

static void setup_null_1(void)
{
	setup_null_derived(1);
}

static void setup_null_64(void)
{
	setup_null_derived(64);
}

static int64_t batch_derive(int ops)
{
	int good = 0;
	int64_t start = now_ns();

	for (int i = 0; i < ops; i++) {
		int child = (int)exo_cap_derive(bench_null_fd, EXO_WRITE | EXO_REVOKE, 0, 0);

		good += child >= 0 && exo_cap_close(child) == 0;
	}
	int64_t spent = now_ns() - start;
	require(good == ops);
	return spent;
}

static int descendants;
static int native_caps[NATIVE_CAPS_MAX];

static void setup_revoke(int count)
{
	struct rlimit files = {NATIVE_CAPS_MAX + 100, NATIVE_CAPS_MAX + 100};

	bench_setup_null();
	require(setrlimit(RLIMIT_NOFILE, &files) == 0);
	descendants = count;
}

/* A tree of so many descendants below a new grant, ten children each. -> that grant */
static int grow_tree(void)
{
	int top = (int)exo_cap_derive(bench_null_fd, EXO_ALL, 0, 0);

	require(top >= 0);
	for (int i = 0; i < descendants; i++) {
		native_caps[i] =
			(int)exo_cap_derive(i < 10 ? top : native_caps[i / 10], EXO_ALL, 0, 0);
		require(native_caps[i] >= 0);
	}
	return top;
}

/* To use, or to derive from, a grant that has so many descendants. */
static void setup_above_1(void)
{
	setup_revoke(1);
	bench_null_fd = grow_tree();
}

static void setup_above_1000(void)
{
	setup_revoke(1000);
	bench_null_fd = grow_tree();
}

static void setup_above_100000(void)
{
	setup_revoke(NATIVE_CAPS_MAX);
	bench_null_fd = grow_tree();
}

static void setup_revoke_1(void)
{
	setup_revoke(1);
}

static void setup_revoke_1000(void)
{
	setup_revoke(1000);
}

static void setup_revoke_100000(void)
{
	setup_revoke(100000);
}

/* One revocation of such a tree. */
static int64_t batch_revoke(int ops)
{
	int top = grow_tree(), dead = 0;

	require(ops == 1);
	int64_t start = now_ns();
	long err = exo_cap_revoke(top, 0);
	int64_t spent = now_ns() - start;
	require(err == 0);
	for (int i = 0; i < descendants; i++)
		dead += syscall(SYS_write, native_caps[i], page, 1) < 0 && errno == EKEYREVOKED;
	require(dead == descendants);
	require(syscall(SYS_write, bench_null_fd, page, 1) == 1);
	require(syscall(SYS_close_range, bench_null_fd + 1, ~0U, 0) == 0);
	return spent;
}

const struct bench native_benches[] = {
	{"native_spawn_exit_wait", setup_spawn, batch_spawn, 1, 200},
	{"native_spawn_exit_wait_64m", setup_spawn_large, batch_spawn, 1, 50},
	{"native_cap_check_1", setup_null_1, bench_write_null, 200, 500},
	{"native_cap_check_64", setup_null_64, bench_write_null, 200, 100},
	{"native_cap_check_above_1", setup_above_1, bench_write_null, 200, 100},
	{"native_cap_check_above_1000", setup_above_1000, bench_write_null, 200, 100},
	{"native_cap_check_above_100000", setup_above_100000, bench_write_null, 200, 100},
	{"native_cap_derive_close", bench_setup_null, batch_derive, 50, 200},
	{"native_cap_derive_close_above_1", setup_above_1, batch_derive, 50, 100},
	{"native_cap_derive_close_above_1000", setup_above_1000, batch_derive, 50, 100},
	{"native_cap_derive_close_above_100000", setup_above_100000, batch_derive, 50, 100},
	{"native_cap_revoke_1", setup_revoke_1, batch_revoke, 1, 100},
	{"native_cap_revoke_1000", setup_revoke_1000, batch_revoke, 1, 50},
	{"native_cap_revoke_100000", setup_revoke_100000, batch_revoke, 1, 10},
};
const int native_bench_count = sizeof(native_benches) / sizeof(*native_benches);
