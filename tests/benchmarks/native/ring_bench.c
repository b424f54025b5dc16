/* Fusion rings and pools on the real CPU, beside what a Linux program takes instead: pipe, AF_UNIX,
 * eventfd with shared memory, futex. Every message is checked. Between two threads the rings spin;
 * what sleeping costs is measured in the guest (make benchmark).
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <exo_ipc/fusion_pool.h>
#include "native_bench.h"

enum { SLOTS = 256, BLOCKS = 16, TRIPS = 64 };

static uint8_t message[FRING_INLINE_MAX];
static uint64_t checked; /* sum of what came, against what went */

static void *ring_make(enum fring_kind kind, size_t *bytes)
{
	void *map;

	*bytes = fring_bytes(SLOTS);
	map = aligned_alloc(FRING_PAGE, *bytes);
	require(map);
	memset(map, 0, *bytes);
	fring_format(map, kind, SLOTS, 2);
	return map;
}

struct link { /* a ring and both its ends */
	struct fring_tx tx;
	struct fring_rx rx;
};
static void link_make(struct link *l, enum fring_kind kind)
{
	size_t bytes;
	void *map = ring_make(kind, &bytes);

	require(!fring_tx_attach(&l->tx, map, bytes) && !fring_rx_attach(&l->rx, map, bytes));
}

/* ---- one core ---- */

static void one_core(void)
{
	static struct fring_message batch[16], in[16];
	struct fring_message m;
	bool wake = false;
	struct link l;

	for (int i = 0; i < 16; i++)
		batch[i].len_bytes = FRING_INLINE_MAX;
	link_make(&l, FRING_SPSC);
	NATIVE_BENCH("ring_spsc_56_bytes_send_receive", {
		message[0] = (uint8_t)i;
		require(!fring_send(&l.tx, 16, 0, message, sizeof(message)));
		require(!fring_recv(&l.rx, &m) && m.payload[0] == (uint8_t)i);
	});
	NATIVE_FEW("ring_spsc_batch_of_16_per_message", NATIVE_SAMPLES, 16, 16, {
		batch[15].payload[0] = (uint8_t)i;
		require(fring_send_batch(&l.tx, batch, 16, &wake) == 16);
		require(fring_recv_batch(&l.rx, in, 16, &wake) == 16 &&
			in[15].payload[0] == (uint8_t)i);
	});
	link_make(&l, FRING_MPSC);
	NATIVE_BENCH("ring_mpsc_56_bytes_send_receive", {
		require(!fring_send(&l.tx, 16, 0, message, sizeof(message)));
		require(!fring_recv(&l.rx, &m));
	});
	NATIVE_FEW("ring_mpsc_batch_of_16_per_message", NATIVE_SAMPLES, 16, 16, {
		require(fring_send_batch(&l.tx, batch, 16, &wake) == 16);
		require(fring_recv_batch(&l.rx, in, 16, &wake) == 16);
	});
	link_make(&l, FRING_BROADCAST);
	NATIVE_BENCH("ring_broadcast_56_bytes_send_receive", {
		require(!fring_cast(&l.tx, 16, 0, message, sizeof(message)));
		require(!fring_hear(&l.rx, &m));
	});
}

static void linux_one_core(void)
{
	static uint8_t in[16 * 64], shared[64];
	int p[2], s[2], e = eventfd(0, 0);
	uint64_t one = 1, got;

	require(!pipe(p) && !socketpair(AF_UNIX, SOCK_STREAM, 0, s) && e >= 0);
	NATIVE_FEW("linux_pipe_56_bytes", 5000, 16, 1,
		{ require(write(p[1], message, 56) == 56 && read(p[0], in, 56) == 56); });
	NATIVE_FEW("linux_pipe_16_at_once_per_message", 5000, 4, 16, {
		require(write(p[1], in, 16 * 56) == 16 * 56 && read(p[0], in, 16 * 56) == 16 * 56);
	});
	NATIVE_FEW("linux_unix_socket_56_bytes", 5000, 16, 1,
		{ require(write(s[1], message, 56) == 56 && read(s[0], in, 56) == 56); });
	NATIVE_FEW("linux_eventfd_and_shared_memory_56_bytes", 5000, 16, 1, {
		memcpy(shared, message, 56);
		require(write(e, &one, 8) == 8 && read(e, &got, 8) == 8);
		memcpy(in, shared, 56);
		NATIVE_USE(one);
	});
}

/* ---- zero copy: the block goes there and comes back, its ends are touched ---- */

static void zero_copy(const char *name, uint32_t block_bytes)
{
	uint64_t bytes = fpool_bytes(BLOCKS, block_bytes);
	struct fpool_entry entry[BLOCKS];
	struct fpool_owner owner;
	struct link there, back;
	struct fring_message m;
	struct fpool_desc d;
	uint32_t block;
	void *data, *map = aligned_alloc(FRING_PAGE, bytes);

	require(map);
	memset(map, 0, bytes);
	fpool_format(map, BLOCKS, block_bytes);
	require(!fpool_own(&owner, map, bytes, entry, BLOCKS));
	link_make(&there, FRING_SPSC);
	link_make(&back, FRING_SPSC);
	NATIVE_BENCH(name, {
		require(!fpool_take(&owner, &block));
		*(uint32_t *)fpool_block(&owner.pool, block) = (uint32_t)i;
		require(!fpool_lend(&owner, block, 0, block_bytes, &d));
		require(!fring_send(&there.tx, FRING_TYPE_BLOCK, 0, &d, sizeof(d)));
		require(!fring_recv(&there.rx, &m) && !fpool_see(&owner.pool, &m, &d, &data));
		checked += *(uint32_t *)data == (uint32_t)i && d.len_bytes == block_bytes;
		require(!fring_send(&back.tx, FRING_TYPE_BLOCK, 0, &d, sizeof(d)));
		require(!fring_recv(&back.rx, &m) && !fpool_see(&owner.pool, &m, &d, &data));
		require(!fpool_back(&owner, &d));
	});
	free(map);
}

static void linux_copy(const char *name, size_t len)
{
	static char out[1 << 20], in[1 << 20];
	int p[2];

	require(!pipe(p) && fcntl(p[1], F_SETPIPE_SZ, 1 << 20) >= (int)len);
	NATIVE_FEW(name, 1000, 4, 1, {
		require(write(p[1], out, len) == (ssize_t)len);
		for (size_t got = 0; got < len;) {
			ssize_t n = read(p[0], in, len - got);
			require(n > 0);
			got += (size_t)n;
		}
	});
	close(p[0]);
	close(p[1]);
}

/* ---- two cores ---- */

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	require(!sched_setaffinity(0, sizeof(set), &set));
}

static struct link ping, pong;
static volatile bool stop;
static bool bounce_all; /* or only take */

static void receive_spinning(struct link *l, struct fring_message *m)
{
	int n;

	while ((n = fring_recv(&l->rx, m)) == -FRING_EAGAIN)
		__builtin_ia32_pause();
	require(n == 0);
}
static void send_spinning(struct link *l, const void *data)
{
	int n;

	while ((n = fring_send(&l->tx, 16, 0, data, FRING_INLINE_MAX)) == -FRING_EAGAIN)
		for (int i = 0; i < 100 && !fring_tx_roomy(&l->tx); i++)
			__builtin_ia32_pause();
	require(n == 0);
}

static void *ring_partner(void *arg)
{
	struct fring_message m;
	uint64_t next = 0, got;

	pin(1);
	for (;;) {
		receive_spinning(&ping, &m);
		memcpy(&got, m.payload, 8);
		if (got == ~0ull)
			return arg;
		require(got == next++);
		if (bounce_all)
			send_spinning(&pong, m.payload);
	}
}

static void ring_two_cores(const char *name, bool bounce)
{
	uint64_t out[7] = {0}, back;
	struct fring_message m;
	pthread_t thread;

	link_make(&ping, FRING_SPSC);
	link_make(&pong, FRING_SPSC);
	bounce_all = bounce;
	require(!pthread_create(&thread, NULL, ring_partner, NULL));
	NATIVE_FEW(name, 5000, TRIPS, 1, {
		send_spinning(&ping, out);
		if (bounce) {
			receive_spinning(&pong, &m);
			memcpy(&back, m.payload, 8);
			require(back == out[0]);
		}
		out[0]++;
	});
	out[0] = ~0ull;
	send_spinning(&ping, out);
	pthread_join(thread, NULL);
}

static int there[2], back_[2];

static void *pipe_partner(void *arg)
{
	uint8_t in[56];

	pin(1);
	while (read(there[0], in, 56) == 56)
		require(write(back_[1], in, 56) == 56);
	return arg;
}

/* What the machine itself takes: one word goes to the other core and comes back. Nothing that two
 * cores say to each other is faster. */
static void *word_partner(void *arg)
{
	uint32_t *word = arg;

	pin(1);
	for (uint32_t seen = 1; seen != ~0u; seen += 2) {
		uint32_t now;

		while ((now = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != seen && now != ~0u)
			__builtin_ia32_pause();
		if (now == ~0u)
			return arg;
		__atomic_store_n(word, seen + 1, __ATOMIC_RELEASE);
	}
	return arg;
}
static void word_two_cores(void)
{
	static uint32_t word __attribute__((aligned(64)));
	uint32_t n = 0;
	pthread_t thread;

	require(!pthread_create(&thread, NULL, word_partner, &word));
	NATIVE_FEW("one_word_round_trip", 5000, TRIPS, 1, {
		__atomic_store_n(&word, ++n, __ATOMIC_RELEASE);
		n++;
		while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != n)
			__builtin_ia32_pause();
	});
	__atomic_store_n(&word, ~0u, __ATOMIC_RELEASE);
	require(!pthread_join(thread, NULL));
}

static void linux_pipe_two_cores(void)
{
	uint8_t in[56];
	pthread_t thread;

	require(!pipe(there) && !pipe(back_));
	require(!pthread_create(&thread, NULL, pipe_partner, NULL));
	NATIVE_FEW("linux_pipe_56_bytes_round_trip_two_cores", 1000, 16, 1,
		{ require(write(there[1], message, 56) == 56 && read(back_[0], in, 56) == 56); });
	close(there[1]);
	pthread_join(thread, NULL);
}

static uint32_t words[2];

static void await(uint32_t *word, uint32_t value)
{
	uint32_t seen;

	while ((seen = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != value)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}
static void advance(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
static void *futex_partner(void *arg)
{
	pin(1);
	for (uint32_t i = 1; !stop; i++) {
		await(&words[0], i);
		advance(&words[1], i);
	}
	return arg;
}
static void linux_futex_two_cores(void)
{
	pthread_t thread;
	uint32_t n = 0;

	require(!pthread_create(&thread, NULL, futex_partner, NULL));
	NATIVE_FEW("linux_futex_round_trip_two_cores", 1000, 16, 1, {
		advance(&words[0], ++n);
		await(&words[1], n);
	});
	stop = true;
	advance(&words[0], ++n);
	pthread_join(thread, NULL);
}

int main(void)
{
	pin(0);
	printf("# one core\n");
	one_core();
	linux_one_core();
	printf("# zero copy, there and back, one core\n");
	zero_copy("pool_block_1_kb", 1024);
	zero_copy("pool_block_64_kb", 65536);
	zero_copy("pool_block_1_mb", 1 << 20);
	require(checked == 3ull * NATIVE_BATCH * (NATIVE_SAMPLES + NATIVE_SAMPLES / 10));
	linux_copy("linux_pipe_1_kb_one_way", 1024);
	linux_copy("linux_pipe_64_kb_one_way", 65536);
	linux_copy("linux_pipe_1_mb_one_way", 1 << 20);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		printf("SKIP,ring_spsc_56_bytes_stream_per_message,this machine has one processor\n"
		       "SKIP,ring_spsc_56_bytes_round_trip,this machine has one processor\n");
		return 0;
	}
	printf("# two cores\n");
	ring_two_cores("ring_spsc_56_bytes_stream_per_message", false);
	ring_two_cores("ring_spsc_56_bytes_round_trip", true);
	word_two_cores();
	linux_pipe_two_cores();
	linux_futex_two_cores();
	return 0;
}
