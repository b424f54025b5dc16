/* Fusion rings and pools: behaviour, edges, real threads, and peers that lie.
 * mode: asan
 *
 * EXO_HOSTILE_STEPS (3,000,000) is the length of the hostile runs. */
#include "u_.h"
#include "ring_threads.h"

static void *map;
static size_t bytes;
static struct fring_tx tx;
static struct fring_rx rx;

static void both(enum fring_kind kind, uint32_t slots)
{
	map = ring_make(kind, slots, &bytes);
	u_need(!fring_tx_attach(&tx, map, bytes));
	u_need(!fring_rx_attach(&rx, map, bytes));
}

static void close_side(uint32_t what)
{
	__atomic_fetch_or(&((struct fring_geometry *)map)->closed, what, __ATOMIC_SEQ_CST);
}

U_TEST(sizes)
{
	u_eq(fring_bytes(0), 0);
	u_eq(fring_bytes(1), 0);
	u_eq(fring_bytes(3), 0);
	u_eq(fring_bytes(FRING_SLOTS_MAX * 2), 0);
	u_eq(fring_bytes(2), 8192);
	u_eq(fring_bytes(56), 0);
	u_eq(fring_bytes(32), 8192);
	u_eq(fring_bytes(64), 12288);
	u_eq(fpool_bytes(0, 64), 0);
	u_eq(fpool_bytes(1, 63), 0);
	u_eq(fpool_bytes(1, 4096), 8192);
	u_eq(fpool_bytes(FPOOL_BLOCKS_MAX, FPOOL_BLOCK_MAX), (1ull << 50) + 4096);
}

U_TEST(attach_checks_the_geometry)
{
	struct fring_geometry *g, good;
	struct fring r;

	both(FRING_SPSC, 8);
	g = map;
	good = *g;
	u_eq(fring_attach(&r, map, bytes - 1), -FRING_EINVAL);
	u_eq(fring_attach(&r, map, 100), -FRING_EINVAL);
	g->magic++;
	u_eq(fring_attach(&r, map, bytes), -FRING_EINVAL);
	*g = good;
	g->version = 2;
	u_eq(fring_attach(&r, map, bytes), -FRING_EINVAL);
	*g = good;
	g->kind = 4;
	u_eq(fring_attach(&r, map, bytes), -FRING_EINVAL);
	g->kind = 0;
	u_eq(fring_attach(&r, map, bytes), -FRING_EINVAL);
	*g = good;
	g->slots = 7;
	u_eq(fring_attach(&r, map, bytes), -FRING_EINVAL);
	g->slots = 128;
	u_eq(fring_attach(&r, map, bytes), -FRING_EINVAL);
	*g = good;
	g->slot_bytes = 72;
	u_eq(fring_attach(&r, map, bytes), -FRING_EINVAL);
	*g = good;
	u_eq(fring_attach(&r, map, bytes), 0);
	free(map);
}

static void lengths_and_order(enum fring_kind kind)
{
	struct fring_message m;
	uint8_t data[64];

	both(kind, 4);
	u_eq(fring_recv(&rx, &m), -FRING_EAGAIN);
	for (uint32_t i = 0; i < 1000; i++) {
		memset(data, (int)i, sizeof(data));
		u_eq(fring_send(&tx, (uint8_t)i, (uint8_t)(i >> 8), data, i % 57), FRING_OK);
		u_eq(fring_recv(&rx, &m), FRING_OK);
		u_eq(m.len_bytes, i % 57);
		u_eq(m.type, (uint8_t)i);
		u_eq(m.flags, (uint8_t)(i >> 8));
		u_mem_eq(m.payload, data, i % 57);
	}
	u_eq(fring_send(&tx, 0, 0, data, 57), -FRING_EINVAL);
	u_eq(fring_recv(&rx, &m), -FRING_EAGAIN);
	free(map);
}
U_TEST(lengths_types_order)
{
	lengths_and_order(FRING_SPSC);
	lengths_and_order(FRING_MPSC);
}

static void full_is_back_pressure(enum fring_kind kind)
{
	struct fring_message m;

	both(kind, 8);
	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < 8; i++)
			u_eq(fring_send(&tx, 0, 0, &i, 4), FRING_OK);
		for (uint32_t i = 0; i < 3; i++)
			u_eq(fring_send(&tx, 0, 0, &i, 4), -FRING_EAGAIN);
		for (uint32_t i = 0; i < 8; i++) {
			u_eq(fring_recv(&rx, &m), FRING_OK);
			u_eq(*(uint32_t *)m.payload, i);
		}
		u_eq(fring_recv(&rx, &m), -FRING_EAGAIN);
	}
	free(map);
}
U_TEST(full)
{
	full_is_back_pressure(FRING_SPSC);
	full_is_back_pressure(FRING_MPSC);
}

static void batches_of(enum fring_kind kind)
{
	struct fring_message m[20], out[20];
	bool wake = false;

	both(kind, 8);
	memset(m, 0, sizeof(m));
	for (uint32_t i = 0; i < 20; i++) {
		m[i].len_bytes = 4;
		m[i].payload[0] = (uint8_t)i;
	}
	u_eq(fring_send_batch(&tx, m, 0, &wake), -FRING_EINVAL);
	m[5].len_bytes = 57;
	u_eq(fring_send_batch(&tx, m, 6, &wake), -FRING_EINVAL);
	m[5].len_bytes = 4;
	u_eq(fring_send_batch(&tx, m, 3, &wake), 3);
	u_eq(fring_recv_batch(&rx, out, 20, &wake), 3);
	u_eq(fring_send_batch(&tx, m, 20, &wake), 8); /* what fits */
	u_eq(fring_send_batch(&tx, m, 20, &wake), -FRING_EAGAIN);
	u_eq(fring_recv_batch(&rx, out, 5, &wake), 5);
	u_eq(fring_send_batch(&tx, m + 8, 20 - 8, &wake), 5);
	u_eq(fring_recv_batch(&rx, out + 5, 15, &wake), 8);
	for (uint32_t i = 0; i < 13; i++)
		u_eq(out[i].payload[0], i);
	u_eq(fring_recv_batch(&rx, out, 5, &wake), -FRING_EAGAIN);
	u_check(!wake);
	free(map);
}
U_TEST(batches)
{
	batches_of(FRING_SPSC);
	batches_of(FRING_MPSC);
}

/* Positions go on for 64 bits, sequences wrap at 32. */
static void across_wrap(enum fring_kind kind)
{
	struct fring_control *c;
	struct fring_message m;
	const uint32_t slots = 4;
	uint64_t start = (1ull << 32) - 5;

	both(kind, slots);
	c = tx.ring.control;
	c->head = c->tail = start;
	for (uint64_t p = start - slots; p < start; p++)
		fring_slot_at(&tx.ring, p)->header = (uint32_t)p + 1;
	u_need(!fring_tx_attach(&tx, map, bytes) && !fring_rx_attach(&rx, map, bytes));
	for (uint32_t i = 0; i < 40; i++) {
		u_eq(fring_recv(&rx, &m), -FRING_EAGAIN);
		for (uint32_t k = 0; k <= i % slots; k++)
			u_eq(fring_send(&tx, 0, 0, &k, 4), FRING_OK);
		for (uint32_t k = 0; k <= i % slots; k++) {
			u_eq(fring_recv(&rx, &m), FRING_OK);
			u_eq(*(uint32_t *)m.payload, k);
		}
	}
	free(map);
}
U_TEST(sequence_wraps)
{
	across_wrap(FRING_SPSC);
	across_wrap(FRING_MPSC);
}

U_TEST(wake_only_who_sleeps)
{
	struct fring_message m;
	uint32_t v = 0;

	both(FRING_SPSC, 2);
	u_eq(fring_send(&tx, 0, 0, &v, 4), FRING_OK);
	u_check(!fring_rx_arm(&rx)); /* there is something */
	u_eq(fring_recv(&rx, &m), FRING_OK);
	u_check(fring_rx_arm(&rx));
	u_eq(fring_send(&tx, 0, 0, &v, 4), FRING_WAKE);
	u_eq(fring_send(&tx, 0, 0, &v, 4), FRING_OK); /* once is enough */
	u_check(fring_tx_arm(&tx));
	u_eq(fring_recv(&rx, &m), FRING_WAKE);
	u_eq(fring_recv(&rx, &m), FRING_OK);
	u_check(!fring_tx_arm(&tx));
	free(map);
}

U_TEST(ends_that_go)
{
	struct fring_message m;
	uint32_t v = 7;

	both(FRING_SPSC, 4);
	u_eq(fring_send(&tx, 0, 0, &v, 4), FRING_OK);
	close_side(FRING_CLOSED_TX);
	u_eq(fring_recv(&rx, &m), FRING_OK); /* what was sent before still comes */
	u_eq(fring_recv(&rx, &m), -FRING_EPIPE);
	u_check(!fring_rx_arm(&rx));
	free(map);
	both(FRING_SPSC, 4);
	close_side(FRING_CLOSED_RX);
	u_eq(fring_send(&tx, 0, 0, &v, 4), -FRING_EPIPE);
	free(map);
	/* A producer of several dies between reserving and filling: when all are gone the hole is
	 * passed over. */
	both(FRING_MPSC, 4);
	uint64_t at;
	u_eq(fring_reserve(&tx, 1, &at), 1);
	u_eq(fring_send(&tx, 0, 0, &v, 4), FRING_OK);
	u_eq(fring_recv(&rx, &m), -FRING_EAGAIN);
	close_side(FRING_CLOSED_TX);
	u_eq(fring_recv(&rx, &m), FRING_OK);
	u_eq(*(uint32_t *)m.payload, 7);
	u_eq(fring_recv(&rx, &m), -FRING_EPIPE);
	free(map);
}

U_TEST(an_end_goes_on_where_its_last_user_stopped)
{
	struct fring_message m;

	both(FRING_SPSC, 4);
	for (uint32_t i = 0; i < 100; i++) {
		u_need(!fring_tx_attach(&tx, map, bytes));
		u_eq(fring_send(&tx, 0, 0, &i, 4), FRING_OK);
		u_need(!fring_rx_attach(&rx, map, bytes));
		u_eq(fring_recv(&rx, &m), FRING_OK);
		u_eq(*(uint32_t *)m.payload, i);
	}
	free(map);
}

U_TEST(broadcast_lag)
{
	struct fring_message m;
	struct fring_rx slow;

	both(FRING_BROADCAST, 8);
	slow = rx;
	u_eq(fring_hear(&rx, &m), -FRING_EAGAIN);
	for (uint32_t i = 0; i < 100; i++) {
		u_eq(fring_cast(&tx, 1, 2, &i, 4), FRING_OK);
		u_eq(fring_hear(&rx, &m), FRING_OK);
		u_eq(*(uint32_t *)m.payload, i);
		u_eq(m.len_bytes, 4);
	}
	u_eq(rx.missed, 0);
	u_eq(fring_hear(&slow, &m), FRING_OK);
	u_eq(slow.missed, 100 - 4);
	u_eq(*(uint32_t *)m.payload, 96);
	/* a newcomer begins with what comes next */
	u_need(!fring_rx_attach(&slow, map, bytes));
	u_eq(fring_hear(&slow, &m), -FRING_EAGAIN);
	close_side(FRING_CLOSED_TX);
	u_eq(fring_hear(&slow, &m), -FRING_EPIPE);
	u_eq(fring_cast(&tx, 0, 0, &m, 57), -FRING_EINVAL);
	free(map);
}

U_TEST(pool_hands_over_and_back)
{
	enum { BLOCKS = 4, BLOCK = 128 };
	uint64_t size = fpool_bytes(BLOCKS, BLOCK);
	struct fpool_entry entry[BLOCKS];
	struct fpool_desc d[BLOCKS], again;
	struct fring_message m;
	struct fpool_owner o;
	struct fpool view;
	uint32_t b;
	void *data, *mem = aligned_alloc(FRING_PAGE, size);

	memset(mem, 0, size);
	fpool_format(mem, BLOCKS, BLOCK);
	u_eq(fpool_own(&o, mem, size, entry, BLOCKS - 1), -FRING_EINVAL);
	u_eq(fpool_own(&o, mem, size - 1, entry, BLOCKS), -FRING_EINVAL);
	u_eq(fpool_own(&o, mem, size, entry, BLOCKS), 0);
	u_eq(fpool_attach(&view, mem, size), 0);
	both(FRING_SPSC, 4);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		u_eq(fpool_take(&o, &b), 0);
		memset(fpool_block(&o.pool, b), (int)i, BLOCK);
		u_eq(fpool_lend(&o, b, i, BLOCK, &d[i]), i ? -FRING_EINVAL : 0);
		if (i)
			u_eq(fpool_lend(&o, b, i, BLOCK - i, &d[i]), 0);
		u_eq(fpool_lend(&o, b, 0, 1, &again), -FRING_EINVAL);
		u_eq(fring_send(&tx, FRING_TYPE_BLOCK, 0, &d[i], sizeof(d[i])), FRING_OK);
	}
	u_eq(fpool_take(&o, &b), -FRING_EAGAIN);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		u_eq(fring_recv(&rx, &m), FRING_OK);
		u_eq(fpool_see(&view, &m, &again, &data), 0);
		u_eq(again.len_bytes, BLOCK - i);
		u_eq(((uint8_t *)data)[0], i);
		u_eq(fpool_back(&o, &again), 0);
		u_eq(fpool_back(&o, &again), -FRING_EPROTO); /* twice */
	}
	again.block = BLOCKS;
	u_eq(fpool_back(&o, &again), -FRING_EPROTO);
	u_eq(fpool_take(&o, &b), 0);
	u_eq(fpool_lend(&o, b, 0, 1, &again), 0);
	again.serial--;
	u_eq(fpool_back(&o, &again), -FRING_EPROTO); /* another time's */
	m.len_bytes = 15;
	u_eq(fpool_see(&view, &m, &again, &data), -FRING_EPROTO);
	free(map);
	free(mem);
}

U_TEST_LIMIT(threads_spsc, 60)
{
	stream(FRING_SPSC, 2, 1, 30000, 1);
	stream(FRING_SPSC, 64, 1, 300000, 16);
}
U_TEST_LIMIT(threads_mpsc, 60)
{
	stream(FRING_MPSC, 2, 3, 10000, 1);
	stream(FRING_MPSC, 64, 3, 100000, 7);
}
U_TEST_LIMIT(threads_broadcast, 60)
{
	broadcast(4, 3, 50000);
	broadcast(256, 3, 200000);
}

/* ---- peers that lie ----
 * One side runs the real code. The other writes anything, anywhere but in the geometry page, which
 * is not mapped writable for it. The ring stands at the end of its allocation, so that a step
 * beyond it is seen by the sanitizer. */

static uint64_t rnd_state;

static uint64_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

static uint64_t nasty(void)
{
	static const uint64_t values[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		~0ull, 1ull << 63, 0xffff000000000000, 0x0000ffff00000001};
	struct fring_control *c = tx.ring.control;

	switch (rnd() % 5) {
	case 0:
		return values[rnd() % 11];
	case 1:
		return tx.ring.control->tail + rnd() % 7 - 3;
	case 2:
		return c->head + rnd() % 7 - 3;
	case 3: /* a header that fits the place, with any length */
		return fring_pack((uint32_t)(rx.head + rnd() % 3), (uint16_t)rnd(), 1, 0);
	default:
		return rnd();
	}
}

static void scribble(void)
{
	uint64_t words = (bytes - FRING_CONTROL_AT) / 8, at;

	switch (rnd() % 4) {
	case 0:
		__atomic_store_n(&tx.ring.control->head, nasty(), __ATOMIC_RELAXED);
		break;
	case 1:
		__atomic_store_n(&tx.ring.control->tail, nasty(), __ATOMIC_RELAXED);
		break;
	case 2:
		at = rnd() % (tx.ring.mask + 1ull);
		__atomic_store_n(&tx.ring.slots[at].header, nasty(), __ATOMIC_RELAXED);
		break;
	default:
		at = rnd() % words;
		__atomic_store_n((uint64_t *)((char *)map + FRING_CONTROL_AT) + at, nasty(),
			__ATOMIC_RELAXED);
	}
}

static bool known(int64_t n, int64_t max)
{
	return (n >= 0 && n <= max) || n == -FRING_EAGAIN || n == -FRING_EPROTO;
}

/* One step of the real code. */
static void victim(void)
{
	struct fring_message m[20];
	bool wake = false;
	int64_t n, got = 0;

	memset(m, 0, sizeof(m));
	switch (rnd() % 10) {
	case 0:
	case 1:
		u_check(known(fring_send(&tx, 0, 0, m, rnd() % 57), 1));
		break;
	case 2:
		u_check(known(fring_send_batch(&tx, m, 1 + rnd() % 20, &wake), 20));
		break;
	case 3:
	case 4:
		n = fring_recv(&rx, m);
		got = n >= 0;
		u_check(known(n, 1));
		break;
	case 5:
		got = fring_recv_batch(&rx, m, 1 + rnd() % 20, &wake);
		u_check(known(got, 20));
		break;
	case 6:
		(void)fring_rx_arm(&rx);
		break;
	case 7:
		(void)fring_tx_arm(&tx);
		break;
	case 8:
		if (rnd() % 64 == 0)
			u_check(!fring_tx_attach(&tx, map, bytes) &&
				!fring_rx_attach(&rx, map, bytes));
		break;
	default:
		if (tx.ring.kind == FRING_BROADCAST) {
			u_check(fring_cast(&tx, 0, 0, m, rnd() % 57) >= 0);
			n = fring_hear(&rx, m);
			got = n == 0;
			u_check(known(n, 0));
		}
	}
	for (int64_t i = 0; i < got; i++)
		u_check(m[i].len_bytes <= FRING_INLINE_MAX);
}

static uint64_t steps_wanted(void)
{
	const char *s = getenv("EXO_HOSTILE_STEPS");

	return s ? strtoull(s, NULL, 10) : 3000000;
}

static void hostile(enum fring_kind kind, uint32_t slots)
{
	uint64_t steps = steps_wanted() / 4;

	rnd_state = 0x9e3779b97f4a7c15 + slots;
	both(kind, slots);
	for (uint64_t i = 0; i < steps && !u_failures; i++) {
		for (uint64_t n = rnd() % 4; n; n--)
			scribble();
		victim();
	}
	u_note("%llu steps over %u slots", (unsigned long long)steps, slots);
	free(map);
}
U_TEST_LIMIT(hostile_spsc, 3600)
{
	hostile(FRING_SPSC, 8);
}
U_TEST_LIMIT(hostile_mpsc, 3600)
{
	hostile(FRING_MPSC, 4);
}
U_TEST_LIMIT(hostile_broadcast, 3600)
{
	hostile(FRING_BROADCAST, 2);
}

static uint32_t scribbling;

static void *scribbler(void *arg)
{
	uint64_t *at = (uint64_t *)((char *)map + FRING_CONTROL_AT), x = 88172645463325252ull;
	uint64_t words = (bytes - FRING_CONTROL_AT) / 8;

	while (__atomic_load_n(&scribbling, __ATOMIC_RELAXED)) {
		uint64_t v;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		v = x >> 32 & 1 ? at[0] + x % 3 : x >> 33 & 1 ? at[16] + x % 3 : x;
		__atomic_store_n(&at[x >> 40 & 3 ? x % words : x >> 42 & 1 ? 0 : 16], v,
			__ATOMIC_RELAXED);
	}
	return NULL;
}

/* The same while the other side writes at any instant. */
U_TEST_LIMIT(hostile_at_the_same_time, 3600)
{
	uint64_t steps = steps_wanted() / 4;
	static const enum fring_kind kinds[] = {FRING_SPSC, FRING_MPSC, FRING_BROADCAST};
	pthread_t t;

	for (uint32_t k = 0; k < 3; k++) {
		rnd_state = 12345 + k;
		both(kinds[k], 16);
		scribbling = 1;
		pthread_create(&t, NULL, scribbler, NULL);
		for (uint64_t i = 0; i < steps / 3 && !u_failures; i++)
			victim();
		__atomic_store_n(&scribbling, 0, __ATOMIC_RELAXED);
		pthread_join(t, NULL);
		free(map);
	}
}

U_TEST_LIMIT(hostile_pool, 3600)
{
	enum { BLOCKS = 8, BLOCK = 192 };
	uint64_t size = fpool_bytes(BLOCKS, BLOCK), steps = steps_wanted() / 8;
	struct fpool_entry entry[BLOCKS];
	uint32_t lent = 0, b;
	struct fpool_desc d;
	struct fpool_owner o;
	struct fring_message m;
	void *mem = aligned_alloc(FRING_PAGE, size), *data;

	rnd_state = 4711;
	memset(mem, 0, size);
	fpool_format(mem, BLOCKS, BLOCK);
	u_need(!fpool_own(&o, mem, size, entry, BLOCKS));
	memset(&m, 0, sizeof(m));
	for (uint64_t i = 0; i < steps && !u_failures; i++) {
		if (rnd() % 2 && !fpool_take(&o, &b)) {
			u_check(b < BLOCKS);
			memset(fpool_block(&o.pool, b), 1, BLOCK);
			u_check(!fpool_lend(&o, b, 0, BLOCK, &d));
			lent++;
		}
		/* anything may come back */
		d = (struct fpool_desc){(uint32_t)(rnd() % 10), (uint32_t)rnd() % 300,
			(uint32_t)rnd(), (uint32_t)(rnd() % 8)};
		if (rnd() % 2)
			d.serial = entry[d.block % BLOCKS].serial;
		m.type = rnd() % 8 ? FRING_TYPE_BLOCK : (uint8_t)rnd();
		m.len_bytes = rnd() % 8 ? sizeof(d) : (uint16_t)(rnd() % 57);
		memcpy(m.payload, &d, sizeof(d));
		if (!fpool_see(&o.pool, &m, &d, &data))
			memset(data, 2, d.len_bytes);
		if (!fpool_back(&o, &d))
			lent--;
		u_check(lent <= BLOCKS);
	}
	free(mem);
}
