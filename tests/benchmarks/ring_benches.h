/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Part of exo-bench: messages between two processes over fusion rings, and on Linux over what a
 * program there takes for the same: pipes for messages, shared memory with eventfds for zero copy.
 * Lines named native_: they have a table of their own and are in no mean.
 */
#include <sys/eventfd.h>
#include <exo_ipc/exo_channel.h>
#include "bench.h"

enum { BATCH_MESSAGES = 16, POOL_BLOCKS = 8, RING_SLOTS = 64, BLOCK_MAX = 1 << 20 };

static bool have_rings;
static int32_t ring_ends[2]; /* a channel; the child has [1] */
static struct exo_end ring_end;

/* Both ways, whichever system: after the fork each side has its own. */
static void links_make(void)
{
	struct exo_ring_params p = {FRING_SPSC, RING_SLOTS, EXO_RING_DUPLEX | EXO_RING_CLOEXEC};
	long err = exo_ring_create(&p, sizeof(p), ring_ends);

	have_rings = err == 0;
	if (have_rings)
		return;
	require(err == -ENOSYS);
	require(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
}

static void links_split(bool child)
{
	if (have_rings) {
		close(ring_ends[!child]);
		require(exo_end_open(&ring_end, ring_ends[child]) == 0);
	} else if (child) {
		close(there[1]);
		close(back[0]);
	} else {
		close(there[0]);
		close(back[1]);
	}
}

/* The parent's side goes, and the child leaves by itself. */
static void links_end(pid_t pid)
{
	if (have_rings) {
		exo_end_close(&ring_end);
		close(ring_ends[0]);
	} else {
		close(there[1]);
		close(back[0]);
	}
	require(child_left(pid));
}

static void go_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	require(sched_setaffinity(0, sizeof(set), &set) == 0);
}

/* ---- round trip: 48 bytes there, 48 bytes back ---- */

static void serve_messages(void)
{
	char text[EXO_RPC_BYTES];
	struct exo_request q;

	if (!have_rings) {
		while (read(there[0], text, sizeof(text)) == sizeof(text)) {
			text[0]++;
			require(write(back[1], text, sizeof(text)) == sizeof(text));
		}
		_exit(EXIT_CODE);
	}
	while (!exo_serve_next(&ring_end, &q, EXO_FOREVER)) {
		q.data[0]++;
		require(!exo_serve_reply(&ring_end, q.id, 0, q.data, q.len_bytes, true));
	}
	_exit(EXIT_CODE);
}

static bool one_message(struct exo_rpc *c, char value)
{
	char text[EXO_RPC_BYTES] = {value};
	struct exo_reply r = {0};

	if (have_rings)
		return !exo_rpc_call(c, 1, text, sizeof(text), &r, EXO_FOREVER) &&
		       r.len_bytes == sizeof(text) && (char)r.data[0] == (char)(value + 1);
	return write(there[1], text, sizeof(text)) == sizeof(text) &&
	       read(back[0], text, sizeof(text)) == sizeof(text) && text[0] == (char)(value + 1);
}

static int64_t messages(int ops, int child_cpu)
{
	struct exo_rpc c;
	int good = 0;
	pid_t pid;

	links_make();
	go_to_cpu(0);
	pid = fork();
	require(pid >= 0);
	if (pid == 0) {
		go_to_cpu(child_cpu);
		links_split(true);
		serve_messages();
	}
	links_split(false);
	exo_rpc_init(&c, &ring_end);
	for (int i = -8; i < 0; i++)
		require(one_message(&c, (char)i));
	int64_t start = now_ns();
	for (int i = 0; i < ops; i++)
		good += one_message(&c, (char)i);
	int64_t spent = now_ns() - start;
	require(good == ops);
	links_end(pid);
	return spent;
}

static int64_t batch_message(int ops)
{
	return messages(ops, 0);
}
static int64_t batch_message_two_cpus(int ops)
{
	require(sysconf(_SC_NPROCESSORS_ONLN) > 1);
	return messages(ops, 1);
}

/* ---- a stream of messages of 56 bytes, 16 at a time; ops counts messages ---- */

static void take_stream(int ops)
{
	static struct fring_message m[BATCH_MESSAGES];
	static char text[BATCH_MESSAGES * FRING_INLINE_MAX];
	uint32_t next = 0, value;

	while (next < (uint32_t)ops) {
		int64_t n = have_rings
				    ? exo_end_recv_batch(&ring_end, m, BATCH_MESSAGES, EXO_FOREVER)
				    : read(there[0], text, sizeof(text)) / FRING_INLINE_MAX;

		require(n > 0);
		for (int64_t i = 0; i < n; i++) {
			memcpy(&value,
				have_rings ? (char *)m[i].payload : text + i * FRING_INLINE_MAX, 4);
			require(value == next++);
		}
	}
	require(have_rings ? !exo_end_send(&ring_end, 16, 0, &next, 4, EXO_FOREVER)
			   : write(back[1], &next, 4) == 4);
	_exit(EXIT_CODE);
}

static int64_t batch_stream(int ops)
{
	static struct fring_message m[BATCH_MESSAGES];
	static char text[BATCH_MESSAGES * FRING_INLINE_MAX];
	uint32_t next = 0, seen = 0;
	pid_t pid;

	links_make();
	pid = fork();
	require(pid >= 0);
	if (pid == 0) {
		links_split(true);
		take_stream(ops);
	}
	links_split(false);
	int64_t start = now_ns();
	while (next < (uint32_t)ops) {
		for (int i = 0; i < BATCH_MESSAGES; i++, next++) {
			m[i].len_bytes = FRING_INLINE_MAX;
			memcpy(have_rings ? (char *)m[i].payload : text + i * FRING_INLINE_MAX,
				&next, 4);
		}
		require(have_rings ? exo_end_send_batch(&ring_end, m, BATCH_MESSAGES,
					     EXO_FOREVER) == BATCH_MESSAGES
				   : write(there[1], text, sizeof(text)) == sizeof(text));
	}
	if (have_rings) {
		require(!exo_end_recv(&ring_end, m, EXO_FOREVER));
		memcpy(&seen, m[0].payload, 4);
	} else {
		require(read(back[0], &seen, 4) == 4);
	}
	int64_t spent = now_ns() - start;
	require(seen == (uint32_t)ops);
	links_end(pid);
	return spent;
}

/* ---- zero copy: a block goes there, is changed in place, and comes back ---- */

static int32_t pool_cap;
static char *block_memory; /* Linux: shared memory, handed over by two eventfds */
static int event_there, event_back;

static void serve_blocks(uint32_t len)
{
	struct fring_message m;
	struct fpool_desc d;
	struct fpool pool;
	size_t bytes;
	uint64_t one;
	void *map, *data;

	if (!have_rings) {
		while (read(event_there, &one, 8) == 8 && block_memory[1] == 0) {
			block_memory[0]++;
			block_memory[len - 1]++;
			one = 1;
			require(write(event_back, &one, 8) == 8);
		}
		_exit(EXIT_CODE);
	}
	map = exo_pool_map(pool_cap, &bytes);
	require(map && !fpool_attach(&pool, map, bytes));
	while (!exo_end_recv(&ring_end, &m, EXO_FOREVER)) {
		require(!fpool_see(&pool, &m, &d, &data) && d.len_bytes == len);
		((char *)data)[0]++;
		((char *)data)[len - 1]++;
		require(!exo_end_send(&ring_end, FRING_TYPE_BLOCK, 0, &d, sizeof(d), EXO_FOREVER));
	}
	_exit(EXIT_CODE);
}

static bool one_block(struct fpool_owner *o, uint32_t len, char value)
{
	struct fring_message m;
	struct fpool_desc d;
	uint64_t one = 1;
	uint32_t block;
	void *data = block_memory;
	bool good;

	if (have_rings) {
		if (fpool_take(o, &block))
			return false;
		data = fpool_block(&o->pool, block);
	}
	((char *)data)[0] = ((char *)data)[len - 1] = value;
	if (!have_rings)
		return write(event_there, &one, 8) == 8 && read(event_back, &one, 8) == 8 &&
		       block_memory[0] == (char)(value + 1) &&
		       block_memory[len - 1] == (char)(value + 1);
	good = !fpool_lend(o, block, 0, len, &d) &&
	       !exo_end_send(&ring_end, FRING_TYPE_BLOCK, 0, &d, sizeof(d), EXO_FOREVER) &&
	       !exo_end_recv(&ring_end, &m, EXO_FOREVER) && !fpool_see(&o->pool, &m, &d, &data);
	good = good && ((char *)data)[0] == (char)(value + 1) &&
	       ((char *)data)[len - 1] == (char)(value + 1);
	return good && !fpool_back(o, &d);
}

static int64_t blocks(int ops, uint32_t len)
{
	struct fpool_entry entry[POOL_BLOCKS];
	struct fpool_owner owner = {0};
	size_t bytes = 0;
	void *map = NULL;
	uint64_t one = 1;
	int good = 0;
	pid_t pid;

	links_make();
	if (have_rings) {
		pool_cap = (int32_t)exo_pool_create(POOL_BLOCKS, len, EXO_RING_CLOEXEC);
		require(pool_cap >= 0);
	} else {
		block_memory = mmap(
			NULL, BLOCK_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		event_there = eventfd(0, EFD_CLOEXEC);
		event_back = eventfd(0, EFD_CLOEXEC);
		require(block_memory != MAP_FAILED && event_there >= 0 && event_back >= 0);
	}
	pid = fork();
	require(pid >= 0);
	if (pid == 0) {
		links_split(true);
		serve_blocks(len);
	}
	links_split(false);
	if (have_rings) {
		map = exo_pool_map(pool_cap, &bytes);
		require(map && !fpool_own(&owner, map, bytes, entry, POOL_BLOCKS));
	}
	for (int i = -8; i < 0; i++)
		require(one_block(&owner, len, (char)i));
	int64_t start = now_ns();
	for (int i = 0; i < ops; i++)
		good += one_block(&owner, len, (char)i);
	int64_t spent = now_ns() - start;
	require(good == ops);
	if (have_rings) {
		munmap(map, bytes);
		close(pool_cap);
	} else {
		block_memory[1] = 1;
		require(write(event_there, &one, 8) == 8);
	}
	links_end(pid);
	if (!have_rings) {
		munmap(block_memory, BLOCK_MAX);
		close(event_there);
		close(event_back);
	}
	return spent;
}

static int64_t batch_block_1k(int ops)
{
	return blocks(ops, 1024);
}
static int64_t batch_block_64k(int ops)
{
	return blocks(ops, 65536);
}
static int64_t batch_block_1m(int ops)
{
	return blocks(ops, BLOCK_MAX);
}
