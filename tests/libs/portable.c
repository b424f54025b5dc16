/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rings, channels, pools, sockets and tasks of libs/: one source, one binary, on Linux and on Exo-OS.
 * usage: portable DIR   (DIR: an empty folder). Prints `ok NAME` for each case; any failure ends it. */
#define EXO_RING_LINUX
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <exo_ipc/exo_channel.h>
#include <exo_std/io.h>
#include <exo_std/net.h>
#include <exo_std/sync.h>
#include <exo_std/thread.h>
#include <exo_std/time.h>

#define require(cond)                                                                       \
	do {                                                                                \
		if (!(cond)) {                                                              \
			fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #cond, errno); \
			_exit(1);                                                           \
		}                                                                           \
	} while (0)

enum { MESSAGES = 20000, SLOTS = 16, CALLS = 500, READERS = 3, CASTS = 300, BLOCKS = 4, TASKS = 8 };

static const char *dir_path;

static void make(uint32_t kind, uint32_t flags, int32_t ends[2])
{
	struct exo_ring_params p = {kind, SLOTS, flags | EXO_RING_CLOEXEC};

	require(exo_ring_create(&p, sizeof(p), ends) == 0);
}

static pid_t child(void)
{
	fflush(NULL);
	pid_t pid = fork();

	require(pid >= 0);
	return pid;
}

static void ended_well(pid_t pid)
{
	int status;

	require(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

/* Both sides sleep: the ring is far smaller than the stream, and the reader pauses. */
static void stream(void)
{
	struct fring_message m;
	struct exo_end e;
	int32_t ends[2];
	uint32_t value;

	make(FRING_SPSC, 0, ends);
	pid_t pid = child();
	if (pid == 0) {
		close(ends[1]);
		require(exo_end_open(&e, ends[0]) == 0);
		for (value = 0; value < MESSAGES; value++)
			require(exo_end_send(&e, FRING_TYPE_USER, 0, &value, 4, EXO_FOREVER) == 0);
		_exit(42);
	}
	close(ends[0]);
	require(exo_end_open(&e, ends[1]) == 0);
	for (uint32_t i = 0; i < MESSAGES; i++) {
		if (i % 4096 == 0)
			exo_sleep_until(exo_after_ns(5 * EXO_NS_PER_MS));
		require(exo_end_recv(&e, &m, EXO_FOREVER) == 0 && m.len_bytes == 4);
		memcpy(&value, m.payload, 4);
		require(value == i);
	}
	/* the other side is gone, and that is told, not waited for */
	require(exo_end_recv(&e, &m, EXO_FOREVER) == -EPIPE);
	ended_well(pid);
	exo_end_close(&e);
	close(ends[1]);
}

static void many_producers(void)
{
	enum { PRODUCERS = 3, EACH = 2000 };
	uint32_t next[PRODUCERS] = {0}, value[2];
	struct fring_message m;
	pid_t pids[PRODUCERS];
	struct exo_end e;
	int32_t ends[2];

	make(FRING_MPSC, 0, ends);
	for (uint32_t who = 0; who < PRODUCERS; who++) {
		pids[who] = child();
		if (pids[who])
			continue;
		close(ends[1]);
		require(exo_end_open(&e, ends[0]) == 0);
		for (uint32_t i = 0; i < EACH; i++) {
			value[0] = who;
			value[1] = i;
			require(exo_end_send(&e, FRING_TYPE_USER, 0, value, 8, EXO_FOREVER) == 0);
		}
		_exit(42);
	}
	close(ends[0]);
	require(exo_end_open(&e, ends[1]) == 0);
	for (int i = 0; i < PRODUCERS * EACH; i++) {
		require(exo_end_recv(&e, &m, EXO_FOREVER) == 0);
		memcpy(value, m.payload, 8);
		require(value[0] < PRODUCERS && value[1] == next[value[0]]++);
	}
	for (int i = 0; i < PRODUCERS; i++)
		ended_well(pids[i]);
	require(exo_end_recv(&e, &m, exo_after_ns(EXO_NS_PER_S)) == -EPIPE);
	exo_end_close(&e);
	close(ends[1]);
}

static void calls(void)
{
	struct exo_request q;
	struct exo_reply r = {0};
	struct exo_end e;
	struct exo_rpc c;
	int32_t ends[2];

	make(FRING_SPSC, EXO_RING_DUPLEX, ends);
	pid_t pid = child();
	if (pid == 0) {
		close(ends[0]);
		require(exo_end_open(&e, ends[1]) == 0);
		while (!exo_serve_next(&e, &q, EXO_FOREVER)) {
			q.data[0]++;
			require(!exo_serve_reply(&e, q.id, q.op, q.data, q.len_bytes, true));
		}
		_exit(42);
	}
	close(ends[1]);
	require(exo_end_open(&e, ends[0]) == 0);
	exo_rpc_init(&c, &e);
	for (int i = 0; i < CALLS; i++) {
		uint8_t byte = (uint8_t)i;

		require(exo_rpc_call(&c, i, &byte, 1, &r, EXO_FOREVER) == 0);
		require(r.status == i && r.len_bytes == 1 && r.data[0] == (uint8_t)(i + 1));
	}
	exo_end_close(&e);
	close(ends[0]);
	ended_well(pid);
}

static void broadcast(void)
{
	struct fring_message m;
	pid_t pids[READERS];
	struct exo_end e;
	int32_t ends[2];
	uint32_t value;
	int ready[2];
	char byte = 0;

	make(FRING_BROADCAST, 0, ends);
	require(pipe(ready) == 0);
	for (int i = 0; i < READERS; i++) {
		uint64_t heard = 0;
		uint32_t last = 0;

		pids[i] = child();
		if (pids[i])
			continue;
		close(ends[0]);
		require(exo_end_open(&e, ends[1]) == 0 && write(ready[1], &byte, 1) == 1);
		while (exo_end_recv(&e, &m, EXO_FOREVER) == 0) {
			memcpy(&value, m.payload, 4);
			require(value > last);
			last = value;
			heard++;
		}
		require(last == CASTS && heard + e.rx.missed == CASTS && heard > 0);
		_exit(42);
	}
	for (int i = 0; i < READERS; i++)
		require(read(ready[0], &byte, 1) == 1);
	close(ends[1]);
	require(exo_end_open(&e, ends[0]) == 0);
	for (value = 1; value <= CASTS; value++) {
		require(exo_end_send(&e, FRING_TYPE_USER, 0, &value, 4, EXO_FOREVER) == 0);
		if (value % 50 == 0)
			exo_sleep_until(exo_after_ns(2 * EXO_NS_PER_MS));
	}
	exo_end_close(&e);
	close(ends[0]);
	for (int i = 0; i < READERS; i++)
		ended_well(pids[i]);
	close(ready[0]);
	close(ready[1]);
}

static void blocks(void)
{
	struct fpool_entry entry[BLOCKS];
	struct fpool_owner owner;
	struct fring_message m;
	struct fpool_desc d;
	struct exo_end e;
	int32_t ends[2], pool = (int32_t)exo_pool_create(BLOCKS, 65536, EXO_RING_CLOEXEC);
	struct fpool other;
	uint32_t block;
	size_t bytes;
	void *map, *data;

	require(pool >= 0);
	make(FRING_SPSC, EXO_RING_DUPLEX, ends);
	pid_t pid = child();
	if (pid == 0) {
		close(ends[0]);
		map = exo_pool_map(pool, &bytes);
		require(map && !fpool_attach(&other, map, bytes) && !exo_end_open(&e, ends[1]));
		while (!exo_end_recv(&e, &m, EXO_FOREVER)) {
			require(!fpool_see(&other, &m, &d, &data));
			((char *)data)[65535]++;
			require(!exo_end_send(&e, FRING_TYPE_BLOCK, 0, &d, sizeof(d), EXO_FOREVER));
		}
		_exit(42);
	}
	close(ends[1]);
	map = exo_pool_map(pool, &bytes);
	require(map && !fpool_own(&owner, map, bytes, entry, BLOCKS) && !exo_end_open(&e, ends[0]));
	for (int i = 0; i < 200; i++) {
		require(!fpool_take(&owner, &block));
		((char *)fpool_block(&owner.pool, block))[65535] = (char)i;
		require(!fpool_lend(&owner, block, 0, 65536, &d));
		require(!exo_end_send(&e, FRING_TYPE_BLOCK, 0, &d, sizeof(d), EXO_FOREVER));
		require(!exo_end_recv(&e, &m, EXO_FOREVER) && !fpool_see(&owner.pool, &m, &d, &data));
		require(((char *)data)[65535] == (char)(i + 1) && !fpool_back(&owner, &d));
	}
	munmap(map, bytes);
	exo_end_close(&e);
	close(ends[0]);
	close(pool);
	ended_well(pid);
}

static void waits_and_errors(void)
{
	struct exo_ring_params wrong = {FRING_SPSC, 3, 0}, cast = {FRING_BROADCAST, 4, EXO_RING_DUPLEX};
	struct exo_ring_info info;
	struct fring_message m;
	struct exo_end tx, rx;
	int32_t ends[2], moved;
	exo_ns_t begin;

	require(exo_ring_create(&wrong, sizeof(wrong), ends) == -EINVAL);
	require(exo_ring_create(&cast, sizeof(cast), ends) == -EINVAL);
	require(exo_pool_create(0, 64, 0) == -EINVAL);
	make(FRING_SPSC, 0, ends);
	require(exo_end_open(&tx, ends[0]) == 0 && exo_end_open(&rx, ends[1]) == 0);
	require(exo_end_recv(&rx, &m, EXO_NO_WAIT) == -EAGAIN && exo_end_recv(&tx, &m, EXO_NO_WAIT) == -EBADF);
	begin = exo_now_ns();
	require(exo_end_recv(&rx, &m, exo_after_ns(50 * EXO_NS_PER_MS)) == -ETIMEDOUT);
	require(exo_now_ns() - begin >= 50 * EXO_NS_PER_MS);
	for (int i = 0; i < SLOTS; i++)
		require(exo_end_send(&tx, FRING_TYPE_USER, 0, "x", 1, EXO_NO_WAIT) == 0);
	require(exo_end_send(&tx, FRING_TYPE_USER, 0, "x", 1, EXO_NO_WAIT) == -EAGAIN);
	require(exo_end_send(&tx, FRING_TYPE_USER, 0, "x", 1, exo_after_ns(30 * EXO_NS_PER_MS)) == -ETIMEDOUT);
	require(exo_ring_info(ends[1], &info, sizeof(info)) == 0);
	require(info.kind == FRING_SPSC && info.slots == SLOTS && info.side == 1 && !info.peer_gone);
	moved = dup(ends[0]); /* the end lives as long as anybody holds it */
	exo_end_close(&tx);
	close(ends[0]);
	require(exo_ring_info(ends[1], &info, sizeof(info)) == 0 && !info.peer_gone);
	close(moved);
	require(exo_ring_info(ends[1], &info, sizeof(info)) == 0 && info.peer_gone);
	for (int i = 0; i < SLOTS; i++)
		require(exo_end_recv(&rx, &m, EXO_FOREVER) == 0);
	require(exo_end_recv(&rx, &m, EXO_FOREVER) == -EPIPE);
	exo_end_close(&rx);
	close(ends[1]);
	require(exo_ring_info(ends[1], &info, sizeof(info)) == -EBADF);
}

/* ---- sockets ---- */

static void sockets(void)
{
	exo_cap_t dir = exo_root(dir_path), server = exo_socket(SOCK_SEQPACKET), to = exo_socket(SOCK_SEQPACKET),
		  inner, conn, got[4];
	uint32_t count;
	char text[16];
	int p[2];

	require(dir >= 0 && server >= 0 && to >= 0);
	require(exo_mkdir_at(dir, "in", 0700) == 0);
	inner = exo_open_at(dir, "in", O_RDONLY | O_DIRECTORY, 0);
	require(inner >= 0);
	require(exo_connect_at(to, dir, "service") == -ENOENT);
	require(exo_listen_at(server, dir, "in/service", 4) == -EINVAL);
	require(exo_listen_at(server, dir, "service", 4) == 0);
	require(exo_connect_at(to, inner, "service") == -ENOENT);
	require(exo_connect_at(to, inner, "../service") < 0 && exo_connect_at(to, dir, "/service") < 0);
	pid_t pid = child();
	if (pid == 0) {
		require(exo_connect_at(to, dir, "service") == 0);
		require(pipe(p) == 0 && exo_write_all(p[1], "inside", 6) == 0);
		require(exo_send_message(to, "hello", 5, p, 2) == 5);
		require(exo_hang_up(to) == 0 && exo_read(to, text, sizeof(text)) == 4);
		_exit(42);
	}
	conn = exo_accept(server);
	require(conn >= 0);
	count = 4;
	require(exo_recv_message(conn, text, sizeof(text), got, &count) == 5 && count == 2);
	require(!memcmp(text, "hello", 5) && (fcntl(got[0], F_GETFD) & FD_CLOEXEC));
	require(exo_read(got[0], text, sizeof(text)) == 6 && !memcmp(text, "inside", 6));
	require(exo_recv_message(conn, text, sizeof(text), got, &count) == 0);
	require(exo_send_message(conn, "done", 4, NULL, 0) == 4 && exo_send_message(conn, "", 0, NULL, 0) == -EINVAL);
	ended_well(pid);
	require(exo_remove_at(dir, "service", false) == 0 && exo_remove_at(dir, "in", true) == 0);

	require(exo_socket_pair(SOCK_SEQPACKET, p) == 0);
	require(exo_send_message(p[0], "x", 1, (const exo_cap_t[]){p[0], p[1]}, 2) == 1);
	count = 1;
	require(exo_recv_message(p[1], text, 1, got, &count) == -EMSGSIZE && count == 0);
}

/* ---- tasks ---- */

static struct exo_mutex mutex;
static int total;

static void *add(void *arg)
{
	for (int i = 0; i < 10000; i++) {
		exo_mutex_lock(&mutex);
		total += 1;
		exo_mutex_unlock(&mutex);
	}
	return (char *)arg + 1;
}

static void tasks(void)
{
	static char base[TASKS + 1];
	struct exo_task t[TASKS];

	require(exo_task_start(&t[0], add, base, 100) == -EINVAL);
	for (int round = 0; round < 50; round++) {
		total = 0;
		for (int i = 0; i < (round ? 1 : TASKS); i++)
			require(exo_task_start(&t[i], add, base + i, EXO_TASK_STACK_MIN) == 0);
		for (int i = 0; i < (round ? 1 : TASKS); i++)
			require(exo_task_join(&t[i]) == base + i + 1);
		require(total == 10000 * (round ? 1 : TASKS));
	}
}

#define RUN(name)                      \
	do {                           \
		name();                \
		printf("ok " #name "\n"); \
	} while (0)

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	dir_path = argv[1];
	RUN(stream);
	RUN(many_producers);
	RUN(calls);
	RUN(broadcast);
	RUN(blocks);
	RUN(waits_and_errors);
	RUN(sockets);
	RUN(tasks);
	return 0;
}
