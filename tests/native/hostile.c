/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A process that holds one end of everything writes anything, anywhere in the shared memory, at any
 * time, and calls the kernel with anything. The other side gets errors and nothing worse: its calls
 * keep their deadlines, its memory is its own, and a ring that the bad peer has no end of works on.
 *
 * EXO_HOSTILE_STEPS (200000): what the bad peer does before it is killed. EXO_HOSTILE_SEED. */
#include "t_.h"
#include "ring_.h"
#include <exo_ipc/exo_channel.h>
#include <poll.h>

T_SUITE(hostile);

enum { LINKS = 5, BLOCKS = 8, BLOCK_BYTES = 4096 };
static const struct {
	uint32_t kind, slots, flags, bad_side;
} plan[LINKS] = {
	{FRING_SPSC, 8, EXO_RING_DUPLEX, 1}, {FRING_MPSC, 4, EXO_RING_DUPLEX, 1},
	{FRING_SPSC, 16, 0, 0},      /* it produces */
	{FRING_SPSC, 2, 0, 1},       /* it consumes */
	{FRING_BROADCAST, 16, 0, 0}, /* it is the writer */
};
static int32_t good[LINKS], bad[LINKS], pool;
static struct {
	uint64_t steps;
	uint32_t stop;
} * shared;
static uint64_t rnd_state;

static uint64_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}
static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* ---- the bad peer ---- */

static uint64_t nasty(const uint64_t *at)
{
	static const uint64_t values[] = {0, 1, 2, ~0ull, 1ull << 32, (1ull << 32) - 1, 1ull << 63,
		0xffffull << 32 | 1, 56ull << 32 | 9, 57ull << 32 | 9};

	switch (rnd() % 4) {
	case 0:
		return values[rnd() % (sizeof(values) / sizeof(values[0]))];
	case 1:
		return *at + rnd() % 5 - 2;
	case 2:
		return (*at & 0xffffffff) + 1 + (rnd() << 32);
	default:
		return rnd();
	}
}

static void scribble(unsigned char *map, uint64_t bytes)
{
	static const uint64_t control[] = {0, 128, 256};
	uint64_t at = FRING_CONTROL_AT + control[rnd() % 3];
	uint64_t *p;

	if (rnd() % 2)
		at = FRING_PAGE + rnd() % ((bytes - FRING_PAGE) / 64) * 64;
	if (rnd() % 8 == 0)
		at = FRING_PAGE + rnd() % ((bytes - FRING_PAGE) / 8) * 8;
	p = (uint64_t *)(void *)(map + at);
	__atomic_store_n(p, nasty(p), __ATOMIC_RELAXED);
}

static void call_anything(struct exo_end *e, int32_t cap, unsigned char *map, uint64_t bytes)
{
	struct pollfd p = {cap, POLLIN, 0};
	struct exo_ring_info info;
	struct fring_message m;
	int32_t caps[4] = {-1, -1, -1, -1};
	long n;

	switch (rnd() % 12) {
	case 0:
		exo_ring_wake(cap);
		break;
	case 1:
		exo_ring_wait(cap, (uint32_t)rnd(), EXO_NO_WAIT, (int32_t)(rnd() % 2 ? cap : -1));
		break;
	case 2:
		caps[0] = dup((int)(rnd() % 3));
		if (exo_ring_send_caps(cap, caps, rnd() % 3, 0) < 0)
			close(caps[0]);
		break;
	case 3:
		n = exo_ring_recv_caps(cap, rnd() % 64, caps, rnd() % 5, 0);
		for (long i = 0; i < n; i++)
			close(caps[i]);
		break;
	case 4:
		caps[0] = dup(cap);
		if (e->can & EXO_END_SENDS &&
			exo_end_send_caps(e, caps, 1, "x", 1, EXO_NO_WAIT) < 0)
			close(caps[0]);
		close(caps[0]);
		break;
	case 5:
		madvise(map + FRING_PAGE, bytes - FRING_PAGE,
			rnd() % 2 ? MADV_REMOVE : MADV_DONTNEED);
		break;
	case 6:
		mprotect(map, FRING_PAGE, PROT_READ | PROT_WRITE);
		mremap(map + FRING_PAGE, FRING_PAGE, 2 * FRING_PAGE, 0);
		break;
	case 7:
		poll(&p, 1, 0);
		exo_ring_info(cap, &info, rnd() % 64);
		break;
	case 8:
	case 9:
		(void)exo_end_send(e, (uint8_t)(rnd() % 6), 0, &rnd_state, rnd() % 57, EXO_NO_WAIT);
		break;
	default:
		(void)exo_end_recv(e, &m, EXO_NO_WAIT);
		break;
	}
}

static void be_bad(void)
{
	struct exo_end e[LINKS];
	unsigned char *pool_map;
	uint64_t bytes[LINKS + 1];

	for (int i = 0; i < LINKS; i++) {
		close(good[i]);
		must_open(&e[i], bad[i]);
		bytes[i] = fring_bytes(plan[i].slots);
	}
	pool_map = exo_pool_map(pool, &bytes[LINKS]);
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		uint64_t i = rnd() % (LINKS + 1), second;

		if (i == LINKS) {
			scribble(pool_map, bytes[i]);
		} else if (rnd() % 64) {
			second = plan[i].flags && rnd() % 2 ? bytes[i] : 0;
			scribble(e[i].map + second, bytes[i]);
		} else {
			call_anything(&e[i], bad[i], e[i].map, bytes[i]);
			if (rnd() % 4 == 0) { /* its own view is broken soon: begin again */
				exo_end_close(&e[i]);
				must_open(&e[i], bad[i]);
			}
		}
		__atomic_fetch_add(&shared->steps, 1, __ATOMIC_RELAXED);
	}
	_exit(0);
}

/* ---- the honest side ---- */

static uint64_t seen_good, seen_proto, seen_late;

static bool expected(int64_t n, int64_t max)
{
	seen_good += n >= 0;
	seen_proto += n == -EPROTO;
	seen_late += n == -ETIMEDOUT;
	return (n >= 0 && n <= max) || n == -EAGAIN || n == -ETIMEDOUT || n == -EPROTO;
}

static void drop_caps(struct exo_end *e, const struct fring_message *m)
{
	struct exo_caps_message c;
	int32_t caps[4];
	int n = exo_end_take_caps(e, m, &c, caps, 4);

	for (int i = 0; i < n; i++)
		close(caps[i]);
}

static void look_at_block(
	const struct fpool *p, struct fpool_owner *o, const struct fring_message *m)
{
	struct fpool_desc d;
	void *data;

	if (fpool_see(p, m, &d, &data))
		return;
	for (uint32_t i = 0; i < d.len_bytes; i += 64)
		((volatile char *)data)[i]++;
	(void)fpool_back(o, &d);
}

static bool honest_step(struct exo_end *e, struct exo_rpc *c, struct fpool_owner *o)
{
	uint64_t deadline = rnd() % 2 ? EXO_NO_WAIT : (uint64_t)t_now_ns() + rnd() % 300000;
	long long from = t_now_ns();
	struct fring_message m[8];
	struct exo_reply reply;
	struct fpool_desc d;
	uint32_t block, id;
	int64_t n = 0;
	bool fine;

	memset(m, 0, sizeof(m));
	if (e->can & EXO_END_RECEIVES && rnd() % 2) {
		if (e->kind == FRING_BROADCAST || rnd() % 2)
			n = exo_end_recv(e, m, deadline);
		else
			n = exo_end_recv_batch(e, m, 8, deadline);
		for (int64_t i = 0; i < (n ? n : 1) && n >= 0; i++) {
			if (m[i].len_bytes > FRING_INLINE_MAX)
				return false;
			drop_caps(e, &m[i]);
			look_at_block(&o->pool, o, &m[i]);
		}
		fine = expected(n, 8);
	} else if (e->can == (EXO_END_SENDS | EXO_END_RECEIVES) && rnd() % 2) {
		n = rnd() % 2 ? exo_rpc_call(c, 1, &from, 8, &reply, deadline)
			      : exo_rpc_begin(c, 1, &from, 8, NULL, NULL, deadline, &id);
		if (n == -EAGAIN)
			exo_rpc_init(c, e); /* the peer owes us all the replies */
		fine = expected(n, 0);
	} else if (e->can & EXO_END_SENDS) {
		if (rnd() % 2 && !fpool_take(o, &block)) {
			(void)fpool_lend(o, block, 0, BLOCK_BYTES, &d);
			n = exo_end_send(e, FRING_TYPE_BLOCK, 0, &d, sizeof(d), deadline);
			if (n)
				(void)fpool_back(o, &d);
		} else {
			n = exo_end_send_batch(e, m, 1 + (uint32_t)(rnd() % 8), deadline);
		}
		fine = expected(n, 8);
	} else {
		return true;
	}
	/* late by seconds is a hang; the machine may be busy */
	fine &= t_now_ns() - from < 5000000000ll;
	if (!fine)
		printf("kind %u can %u: %lld after %lld ns\n", e->kind, e->can, (long long)n,
			t_now_ns() - from);
	return fine;
}

static void echo(int32_t cap)
{
	struct exo_request q;
	struct exo_end e;

	must_open(&e, cap);
	while (!exo_serve_next(&e, &q, EXO_FOREVER))
		(void)exo_serve_reply(&e, q.id, q.op, q.data, q.len_bytes, true);
	_exit(0);
}

/* Everything that the dead peer has left is drained, and then it is known to be gone. */
static bool known_to_be_gone(struct exo_end *e)
{
	struct fring_message m;
	int n = 0;

	for (int i = 0; i < 100 && n != -EPIPE && e->can & EXO_END_RECEIVES; i++) {
		n = exo_end_recv(e, &m, in_ms(2000));
		if (e->kind == FRING_BROADCAST && n == -ETIMEDOUT)
			n = -EPIPE; /* a tail that no message stands before: the reader waits on */
	}
	if (e->can & EXO_END_RECEIVES && n != -EPIPE)
		return false;
	return !(e->can & EXO_END_SENDS) || exo_end_send(e, 20, 0, "", 0, in_ms(2000)) == -EPIPE;
}

T_CASE_LIMIT(anything_anywhere_at_any_time, 3600)
{
	uint64_t steps = number_of("EXO_HOSTILE_STEPS", 200000), rounds = 0, wrong = 0;
	uint64_t seed = number_of("EXO_HOSTILE_SEED", 88172645463325252ull);
	struct fpool_entry entry[BLOCKS];
	struct exo_end e[LINKS], sound;
	struct fpool_owner owner = {0};
	struct exo_rpc rpc[LINKS], sound_rpc;
	struct exo_reply reply;
	int32_t side[2];
	size_t bytes = 0;
	pid_t honest, hostile;
	void *map;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	make(FRING_SPSC, 32, EXO_RING_DUPLEX, side);
	honest = t_fork();
	if (!honest) {
		close(side[0]);
		echo(side[1]);
	}
	close(side[1]);
	must_open(&sound, side[0]);
	exo_rpc_init(&sound_rpc, &sound);
	pool = (int32_t)exo_pool_create(BLOCKS, BLOCK_BYTES, 0);
	for (int i = 0; i < LINKS; i++) {
		int32_t ends[2];

		make(plan[i].kind, plan[i].slots, plan[i].flags, ends);
		bad[i] = ends[plan[i].bad_side];
		good[i] = ends[!plan[i].bad_side];
	}
	rnd_state = seed;
	hostile = t_fork();
	if (!hostile) {
		close(side[0]);
		exo_end_close(&sound);
		be_bad();
	}
	rnd_state = seed + 1;
	for (int i = 0; i < LINKS; i++) {
		close(bad[i]);
		must_open(&e[i], good[i]);
		exo_rpc_init(&rpc[i], &e[i]);
	}
	map = exo_pool_map(pool, &bytes);
	t_eq(fpool_own(&owner, map, bytes, entry, BLOCKS), 0);
	while (__atomic_load_n(&shared->steps, __ATOMIC_RELAXED) < steps && !wrong) {
		uint64_t i = rnd() % LINKS;

		wrong += !honest_step(&e[i], &rpc[i], &owner);
		if (rnd() % 16 == 0) { /* a program that wants to go on attaches anew */
			exo_end_close(&e[i]);
			must_open(&e[i], good[i]);
			exo_rpc_init(&rpc[i], &e[i]);
		}
		if (rounds++ % 16)
			continue;
		wrong += exo_rpc_call(&sound_rpc, 7, &rounds, 8, &reply, EXO_FOREVER) != 0 ||
			 reply.status != 7 || memcmp(reply.data, &rounds, 8);
	}
	t_eq(wrong, 0);
	t_eq(sound_rpc.strays, 0);
	t_check(rounds > 100 && seen_good && seen_proto && seen_late);
	kill(hostile, SIGKILL);
	t_eq(waitpid(hostile, NULL, 0), hostile);
	for (int i = 0; i < LINKS; i++)
		t_check(known_to_be_gone(&e[i]));
	exo_end_close(&sound);
	close(side[0]);
	t_exit(honest, 0);
}
