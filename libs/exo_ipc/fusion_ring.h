/* Fusion rings: messages through shared memory. The one implementation, used by the kernel, by user
 * space and by host tests. C11 and C++11, freestanding; nothing here calls the system.
 *
 * Shared memory: a geometry page, which only the kernel writes; then the control lines (producer,
 * consumer, waiters), then slots of 64 bytes = 8 of header and 56 of payload. A message at position
 * p (64 bits, from 0) stands in slot p & mask, and is there when the header's sequence is p + 1 (32
 * bits). A slot is free when the consumer's head has passed it. So the consumer polls the very line
 * that brings the payload, and the producer looks at head only when its copy says "full".
 *
 * Three kinds: SPSC, MPSC (producers share trust: they write the same slots), and BROADCAST (one
 * writer that never waits; readers need no write access and are told how much they have missed).
 *
 * Sleeping. Who finds nothing says so in its waiter word, looks again, and goes to the kernel. Who
 * has published looks at the other's waiter word; the one that takes it from 1 to 0 wakes. Both
 * sides store, then load: the stores are sequentially consistent, so one of them always sees the
 * other. Functions return FRING_WAKE when the peer must be woken; while it runs, it needs no call.
 *
 * The peer is not trusted: it may write anything, anywhere in this memory, at any time. Geometry is
 * copied and checked once, own positions are local, the peer's are checked for distance, each
 * header is read once, lengths are clamped. A peer that lies gets -FRING_EPROTO here or is not
 * heard; it cannot make this side touch memory outside the mapping. Payload that is used in place
 * may change under its reader; fring_recv copies.
 *
 * Specification: docs/specs/IPC_PROTOCOL.md. Tests: tests/unit/ipc (model_test.c runs these very
 * functions through every interleaving). */
#ifndef EXO_FUSION_RING_H
#define EXO_FUSION_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define FRING_ASSERT(cond, text) static_assert(cond, text)
extern "C" {
#else
#define FRING_ASSERT(cond, text) _Static_assert(cond, text)
#endif

/* The model checker puts its own memory behind these. */
#ifndef FRING_LOAD
#define FRING_LOAD(p, order)     __atomic_load_n((p), (order))
#define FRING_STORE(p, v, order) __atomic_store_n((p), (v), (order))
#define FRING_XCHG(p, v)         __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define FRING_CAS(p, expected, v) \
	__atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
#define FRING_COPY_IN(dst, src, n)  __builtin_memcpy((dst), (src), (n))
#define FRING_COPY_OUT(dst, src, n) __builtin_memcpy((dst), (src), (n))
#define FRING_PREFETCH(p)           __builtin_prefetch((p), 1)
#endif

#define FRING_MAGIC      0x474e5246u /* "FRNG" */
#define FRING_VERSION    1
#define FRING_PAGE       4096u
#define FRING_SLOT_BYTES 64u
#define FRING_INLINE_MAX 56u
#define FRING_SLOTS_MIN  2u
#define FRING_SLOTS_MAX  (1u << 20)
#define FRING_CONTROL_AT FRING_PAGE
#define FRING_SLOTS_AT   (FRING_PAGE + 512u)

#ifndef FRING_TRIES
#define FRING_TRIES 1000u /* a peer that rewrites words at the worst moments: then -EAGAIN */
#endif

enum fring_kind { FRING_SPSC = 1, FRING_MPSC = 2, FRING_BROADCAST = 3 };
/* Results. Negative ones are Linux's errno. */
enum {
	FRING_OK = 0,
	FRING_WAKE = 1,    /* done, and the peer sleeps: wake it */
	FRING_EAGAIN = 11, /* full, or empty */
	FRING_EINVAL = 22,
	FRING_EPIPE = 32,  /* the other side is gone */
	FRING_EPROTO = 71, /* the peer has broken the protocol */
};
/* Message types below 16 are the protocol's. */
enum { FRING_TYPE_DATA = 0, FRING_TYPE_BLOCK = 1, FRING_TYPE_CAPS = 2, FRING_TYPE_USER = 16 };

/* ---- what stands in shared memory ---- */

struct fring_geometry { /* offset 0; only the kernel writes this page */
	uint32_t magic;
	uint16_t version;
	uint16_t kind; /* enum fring_kind */
	uint32_t slots;
	uint32_t slot_bytes;
	uint64_t total_bytes;
	uint32_t closed;   /* [a] FRING_CLOSED_* */
	uint32_t sleepers; /* [a] broadcast: 1 = a reader sleeps in the kernel */
	uint32_t cpus;     /* processors: with one, spinning is in vain */
};
#define FRING_CLOSED_TX 1u /* no producer is left */
#define FRING_CLOSED_RX 2u /* no consumer is left */

struct fring_control {
	uint64_t tail; /* [a] producer line: MPSC reserves here; else told for who attaches later */
	uint64_t pad0[15];
	uint64_t head; /* [a] consumer line: everything below is free again */
	uint64_t pad1[15];
	uint32_t rx_waiting; /* [a] waiter line: the consumer is about to sleep */
	uint32_t tx_waiting; /* [a] a producer is */
	uint64_t pad2[31];
};
struct fring_header { /* as it stands in memory; read and written as one u64 */
	uint32_t sequence;
	uint16_t len_bytes;
	uint8_t type;
	uint8_t flags;
};
struct fring_slot {
	uint64_t header; /* [a] struct fring_header */
	uint8_t payload[FRING_INLINE_MAX];
};
FRING_ASSERT(sizeof(struct fring_header) == 8, "header");
FRING_ASSERT(offsetof(struct fring_header, len_bytes) == 4, "header");
FRING_ASSERT(offsetof(struct fring_header, type) == 6, "header");
FRING_ASSERT(offsetof(struct fring_header, flags) == 7, "header");
FRING_ASSERT(sizeof(struct fring_slot) == FRING_SLOT_BYTES, "a slot is a cache line");
FRING_ASSERT(offsetof(struct fring_slot, payload) == 8, "payload follows the header");
FRING_ASSERT(sizeof(struct fring_control) == FRING_SLOTS_AT - FRING_CONTROL_AT, "control lines");
FRING_ASSERT(offsetof(struct fring_control, head) == 128, "lines of their own");
FRING_ASSERT(offsetof(struct fring_control, rx_waiting) == 256, "lines of their own");
FRING_ASSERT(offsetof(struct fring_control, tx_waiting) == 260, "waiter line");
FRING_ASSERT(offsetof(struct fring_geometry, total_bytes) == 16, "geometry");
FRING_ASSERT(offsetof(struct fring_geometry, closed) == 24, "geometry");
FRING_ASSERT(offsetof(struct fring_geometry, cpus) == 32, "geometry");
FRING_ASSERT(sizeof(struct fring_geometry) <= FRING_PAGE, "geometry is a page");
FRING_ASSERT(FRING_SLOTS_AT % FRING_SLOT_BYTES == 0, "slots are aligned");
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "headers are little-endian"
#endif

static inline uint64_t fring_pack(uint32_t sequence, uint32_t len, uint8_t type, uint8_t flags)
{
	return sequence | (uint64_t)len << 32 | (uint64_t)type << 48 | (uint64_t)flags << 56;
}

/* ---- private to each side ---- */

struct fring { /* local copies: nothing here is read from shared memory again */
	struct fring_slot *slots;
	struct fring_control *control;
	const struct fring_geometry *geometry; /* only `closed`, `sleepers` are read */
	uint32_t mask;                         /* slots - 1 */
	uint32_t kind;
};
struct fring_tx {
	struct fring ring;
	uint64_t tail; /* next position; MPSC: unused */
	uint64_t head; /* the consumer's, as last seen */
};
struct fring_rx {
	struct fring ring;
	uint64_t head;   /* next position */
	uint64_t missed; /* broadcast: messages overwritten before they were read */
};
struct fring_message {
	uint16_t len_bytes;
	uint8_t type;
	uint8_t flags; /* the user's */
	uint32_t zero;
	uint8_t payload[FRING_INLINE_MAX];
};
FRING_ASSERT(sizeof(struct fring_message) == 64, "message");

/* ---- set-up ---- */

/* fring_bytes - memory for a ring of @slots (a power of two), whole pages; 0 = no such ring. */
static inline size_t fring_bytes(uint32_t slots)
{
	if (slots < FRING_SLOTS_MIN || slots > FRING_SLOTS_MAX || (slots & (slots - 1)))
		return 0;
	return (FRING_SLOTS_AT + (size_t)slots * FRING_SLOT_BYTES + FRING_PAGE - 1) &
	       ~(size_t)(FRING_PAGE - 1);
}

/* fring_format - writes the geometry. @page is the first page, zeroed, and so is what follows. */
static inline void fring_format(void *page, enum fring_kind kind, uint32_t slots, uint32_t cpus)
{
	struct fring_geometry *g = (struct fring_geometry *)page;

	g->magic = FRING_MAGIC;
	g->version = FRING_VERSION;
	g->kind = (uint16_t)kind;
	g->slots = slots;
	g->slot_bytes = FRING_SLOT_BYTES;
	g->total_bytes = fring_bytes(slots);
	g->cpus = cpus;
}

/* fring_attach - checks the geometry of @map (@map_bytes are mapped; borrowed) and takes copies.
 * 0 | -FRING_EINVAL. */
static inline int fring_attach(struct fring *r, void *map, size_t map_bytes)
{
	const struct fring_geometry *g = (const struct fring_geometry *)map;
	uint32_t slots, kind;

	if (map_bytes < FRING_SLOTS_AT || g->magic != FRING_MAGIC || g->version != FRING_VERSION ||
		g->slot_bytes != FRING_SLOT_BYTES)
		return -FRING_EINVAL;
	slots = FRING_LOAD(&g->slots, __ATOMIC_RELAXED);
	kind = g->kind;
	if (!fring_bytes(slots) || fring_bytes(slots) > map_bytes || kind < FRING_SPSC ||
		kind > FRING_BROADCAST)
		return -FRING_EINVAL;
	r->geometry = g;
	r->control = (struct fring_control *)(void *)((char *)map + FRING_CONTROL_AT);
	r->slots = (struct fring_slot *)(void *)((char *)map + FRING_SLOTS_AT);
	r->mask = slots - 1;
	r->kind = kind;
	return 0;
}

/* fring_tx_attach, fring_rx_attach - go on where the end's last user stopped. */
static inline int fring_tx_attach(struct fring_tx *tx, void *map, size_t map_bytes)
{
	int err;

	__builtin_memset(tx, 0, sizeof(*tx));
	err = fring_attach(&tx->ring, map, map_bytes);
	if (!err) {
		tx->tail = FRING_LOAD(&tx->ring.control->tail, __ATOMIC_ACQUIRE);
		tx->head = FRING_LOAD(&tx->ring.control->head, __ATOMIC_ACQUIRE);
	}
	return err;
}

static inline int fring_rx_attach(struct fring_rx *rx, void *map, size_t map_bytes)
{
	int err;

	__builtin_memset(rx, 0, sizeof(*rx));
	err = fring_attach(&rx->ring, map, map_bytes);
	if (!err) {
		/* A reader of a broadcast begins with what comes next. */
		rx->head = rx->ring.kind == FRING_BROADCAST
				   ? FRING_LOAD(&rx->ring.control->tail, __ATOMIC_ACQUIRE)
				   : FRING_LOAD(&rx->ring.control->head, __ATOMIC_ACQUIRE);
	}
	return err;
}

static inline bool fring_closed(const struct fring *r, uint32_t what)
{
	return FRING_LOAD(&r->geometry->closed, __ATOMIC_ACQUIRE) & what;
}

/* ---- producing ---- */

static inline struct fring_slot *fring_slot_at(const struct fring *r, uint64_t position)
{
	return &r->slots[position & r->mask];
}

/* Free slots before @tail, by the consumer's word. n | -FRING_EPROTO. */
static inline int64_t fring_room(struct fring_tx *tx, uint64_t tail)
{
	uint64_t used;

	/* acquire: pairs with fring_pop; the consumer has read what we overwrite */
	tx->head = FRING_LOAD(&tx->ring.control->head, __ATOMIC_ACQUIRE);
	used = tail - tx->head;
	if (used > (uint64_t)tx->ring.mask + 1)
		return -FRING_EPROTO;
	return (int64_t)(tx->ring.mask + 1 - used);
}

/* Reserves up to @want positions from *@position on. n | -EAGAIN | -EPIPE | -EPROTO. */
static inline int64_t fring_reserve(struct fring_tx *tx, uint32_t want, uint64_t *position)
{
	struct fring *r = &tx->ring;
	uint64_t tail;
	int64_t n;

	if (fring_closed(r, FRING_CLOSED_RX))
		return -FRING_EPIPE;
	if (r->kind != FRING_MPSC) {
		*position = tx->tail;
		if (tx->tail - tx->head + want <= (uint64_t)r->mask + 1)
			return want;
		n = fring_room(tx, tx->tail);
		if (n <= 0)
			return n ? n : -FRING_EAGAIN;
		return n < (int64_t)want ? n : (int64_t)want;
	}
	tail = FRING_LOAD(&r->control->tail, __ATOMIC_RELAXED);
	for (uint32_t tries = 0; tries < FRING_TRIES; tries++) {
		uint64_t used = tail - tx->head, again;

		n = (int64_t)(r->mask + 1 - used);
		if (used > (uint64_t)r->mask + 1 || n < (int64_t)want)
			n = fring_room(tx, tail);
		if (n > 0) {
			n = n < (int64_t)want ? n : (int64_t)want;
			if (FRING_CAS(&r->control->tail, &tail, tail + (uint64_t)n)) {
				*position = tail;
				return n;
			}
			continue;
		}
		/* head is read after tail, so it may be ahead of it: then tail has moved */
		again = FRING_LOAD(&r->control->tail, __ATOMIC_ACQUIRE);
		if (again == tail)
			return n ? n : -FRING_EAGAIN;
		tail = again;
	}
	return -FRING_EAGAIN;
}

/* After the last store of a message: does the consumer sleep? The one that takes the word wakes. */
static inline int fring_rx_sleeps(struct fring *r)
{
	if (FRING_LOAD(&r->control->rx_waiting, __ATOMIC_SEQ_CST) &&
		FRING_XCHG(&r->control->rx_waiting, 0))
		return FRING_WAKE;
	return FRING_OK;
}

/* fring_send - one message, copied.
 * @data borrowed, @len_bytes 0..56.  FRING_OK | FRING_WAKE | -EAGAIN full | -EPIPE consumer gone |
 * -EPROTO consumer lies | -EINVAL length. */
static inline int fring_send(
	struct fring_tx *tx, uint8_t type, uint8_t flags, const void *data, uint32_t len_bytes)
{
	struct fring *r = &tx->ring;
	struct fring_slot *s;
	uint64_t at = 0;
	int64_t n;

	if (len_bytes > FRING_INLINE_MAX)
		return -FRING_EINVAL;
	n = fring_reserve(tx, 1, &at);
	if (n < 0)
		return (int)n;
	s = fring_slot_at(r, at);
	FRING_COPY_IN(s->payload, data, len_bytes);
	/* seq_cst: publishes the payload (pairs with fring_front), and stands before the look at
	 * rx_waiting (pairs with fring_rx_arm) */
	(void)FRING_XCHG(&s->header, fring_pack((uint32_t)at + 1, len_bytes, type, flags));
	if (r->kind != FRING_MPSC) {
		tx->tail = at + 1;
		FRING_STORE(&r->control->tail, at + 1, __ATOMIC_RELAXED);
		FRING_PREFETCH(fring_slot_at(r, at + 1));
	}
	return fring_rx_sleeps(r);
}

/* fring_send_batch - up to @count messages (borrowed), as many as there is room for. SPSC publishes
 * them with one store: the first header is written last. *@wake is set when the consumer sleeps.
 * n sent > 0 | -EAGAIN | -EPIPE | -EPROTO | -EINVAL count 0 or a length. */
static inline int64_t fring_send_batch(
	struct fring_tx *tx, const struct fring_message *m, uint32_t count, bool *wake)
{
	struct fring *r = &tx->ring;
	uint64_t at = 0;
	int64_t n;

	for (uint32_t i = 0; i < count; i++)
		if (m[i].len_bytes > FRING_INLINE_MAX)
			return -FRING_EINVAL;
	if (!count)
		return -FRING_EINVAL;
	n = fring_reserve(tx, count, &at);
	if (n < 0)
		return n;
	for (int64_t i = n - 1; i >= 0; i--) {
		struct fring_slot *s = fring_slot_at(r, at + (uint64_t)i);
		uint64_t header = fring_pack(
			(uint32_t)(at + (uint64_t)i) + 1, m[i].len_bytes, m[i].type, m[i].flags);

		FRING_COPY_IN(s->payload, m[i].payload, FRING_INLINE_MAX);
		if (i == 0)
			(void)FRING_XCHG(&s->header, header); /* as in fring_send */
		else
			FRING_STORE(&s->header, header, __ATOMIC_RELAXED);
	}
	if (r->kind != FRING_MPSC) {
		tx->tail = at + (uint64_t)n;
		FRING_STORE(&r->control->tail, tx->tail, __ATOMIC_RELAXED);
	}
	if (fring_rx_sleeps(r) == FRING_WAKE)
		*wake = true;
	return n;
}

/* fring_tx_roomy - for a producer that spins after "full": true when a quarter of the ring is free,
 * or the ring is closed. Going on at the first free slot would pass the consumer's line to and fro
 * for each message. Room for less is found by fring_tx_arm, so this alone must not be waited for.
 */
static inline bool fring_tx_roomy(const struct fring_tx *tx)
{
	const struct fring *r = &tx->ring;
	uint64_t freed = FRING_LOAD(&r->control->head, __ATOMIC_RELAXED) - tx->head;

	return FRING_LOAD(&r->geometry->closed, __ATOMIC_RELAXED) || freed > r->mask / 4;
}

/* fring_tx_arm - a producer is about to sleep. true = the ring is still full: sleep. */
static inline bool fring_tx_arm(struct fring_tx *tx)
{
	struct fring *r = &tx->ring;
	uint64_t tail = tx->tail, used;

	/* seq_cst both: pairs with fring_pop */
	(void)FRING_XCHG(&r->control->tx_waiting, 1);
	if (r->kind == FRING_MPSC)
		tail = FRING_LOAD(&r->control->tail, __ATOMIC_RELAXED);
	used = tail - FRING_LOAD(&r->control->head, __ATOMIC_SEQ_CST);
	if (used == (uint64_t)r->mask + 1 && !fring_closed(r, FRING_CLOSED_RX))
		return true;
	/* With several producers the word may be another's by now: a wake too many is harmless. */
	if (r->kind != FRING_MPSC)
		FRING_STORE(&r->control->tx_waiting, 0, __ATOMIC_RELAXED);
	return false;
}

/* ---- consuming ---- */

/* fring_front - the next message in place: its header, read once, and its slot. NULL = none. The
 * peer can still change the payload; the length in @header is not clamped. */
static inline struct fring_slot *fring_front(struct fring_rx *rx, uint64_t *header)
{
	struct fring_slot *s = fring_slot_at(&rx->ring, rx->head);

	*header = FRING_LOAD(&s->header, __ATOMIC_ACQUIRE); /* pairs with fring_send */
	return (uint32_t)*header == (uint32_t)rx->head + 1 ? s : NULL;
}

/* fring_pop - gives @count slots back. FRING_OK | FRING_WAKE a producer sleeps. */
static inline int fring_pop(struct fring_rx *rx, uint32_t count)
{
	struct fring_control *c = rx->ring.control;

	rx->head += count;
	/* seq_cst: after our reads (pairs with fring_room), before the look at tx_waiting (pairs
	 * with fring_tx_arm) */
	(void)FRING_XCHG(&c->head, rx->head);
	if (FRING_LOAD(&c->tx_waiting, __ATOMIC_SEQ_CST) && FRING_XCHG(&c->tx_waiting, 0))
		return FRING_WAKE;
	return FRING_OK;
}

static inline void fring_take(
	struct fring_message *out, const struct fring_slot *s, uint64_t header)
{
	uint32_t len = (uint16_t)(header >> 32);

	out->len_bytes = (uint16_t)(len > FRING_INLINE_MAX ? FRING_INLINE_MAX : len);
	out->type = (uint8_t)(header >> 48);
	out->flags = (uint8_t)(header >> 56);
	out->zero = 0;
	FRING_COPY_OUT(out->payload, s->payload, FRING_INLINE_MAX);
}

/* Nothing at head: is that as it should be? -EAGAIN empty | -EPIPE the producers are gone | -EPROTO
 * the slot holds what no producer writes. When the producers are gone, a position that one of them
 * reserved and never filled is passed over: then 0, look again. */
static inline int fring_rx_why(struct fring_rx *rx)
{
	struct fring *r = &rx->ring;
	bool closed = fring_closed(r, FRING_CLOSED_TX);
	uint32_t slots = r->mask + 1, expected = (uint32_t)rx->head + 1;
	uint32_t now = (uint32_t)FRING_LOAD(&fring_slot_at(r, rx->head)->header, __ATOMIC_ACQUIRE);

	if (now == expected)
		return 0;
	if (!closed) {
		if (now == expected - slots || (now == 0 && rx->head < slots))
			return -FRING_EAGAIN;
		return -FRING_EPROTO;
	}
	for (uint32_t ahead = 1; ahead < slots && r->kind == FRING_MPSC; ahead++) {
		uint64_t at = rx->head + ahead;

		if ((uint32_t)FRING_LOAD(&fring_slot_at(r, at)->header, __ATOMIC_ACQUIRE) ==
			(uint32_t)at + 1) {
			rx->head = at;
			return 0;
		}
	}
	return -FRING_EPIPE;
}

/* fring_recv - the next message, copied out. FRING_OK | FRING_WAKE | -EAGAIN | -EPIPE | -EPROTO. */
static inline int fring_recv(struct fring_rx *rx, struct fring_message *out)
{
	uint64_t header;
	int why = 0;

	for (uint32_t tries = 0; tries < FRING_TRIES && !why; tries++) {
		struct fring_slot *s = fring_front(rx, &header);

		if (s) {
			fring_take(out, s, header);
			return fring_pop(rx, 1);
		}
		why = fring_rx_why(rx);
	}
	return why ? why : -FRING_EAGAIN;
}

/* fring_recv_batch - up to @max messages, given back with one store. *@wake as in fring_send_batch.
 * n > 0 | -EAGAIN | -EPIPE | -EPROTO. */
static inline int64_t fring_recv_batch(
	struct fring_rx *rx, struct fring_message *out, uint32_t max, bool *wake)
{
	uint64_t first = rx->head, header;
	struct fring_slot *s;
	uint32_t n = 0;
	int why;

	if (max > rx->ring.mask + 1)
		max = rx->ring.mask + 1;
	while (n < max && (s = fring_front(rx, &header))) {
		fring_take(&out[n++], s, header);
		rx->head++;
	}
	if (!n) {
		why = fring_rx_why(rx);
		return why ? why : -FRING_EAGAIN;
	}
	rx->head = first;
	if (fring_pop(rx, n) == FRING_WAKE)
		*wake = true;
	return n;
}

/* fring_rx_arm - the consumer is about to sleep. true = there is still nothing: sleep. */
static inline bool fring_rx_arm(struct fring_rx *rx)
{
	struct fring_control *c = rx->ring.control;
	uint64_t header;

	/* seq_cst both: pairs with fring_send */
	(void)FRING_XCHG(&c->rx_waiting, 1);
	header = FRING_LOAD(&fring_slot_at(&rx->ring, rx->head)->header, __ATOMIC_SEQ_CST);
	if ((uint32_t)header != (uint32_t)rx->head + 1 && !fring_closed(&rx->ring, FRING_CLOSED_TX))
		return true;
	FRING_STORE(&c->rx_waiting, 0, __ATOMIC_RELAXED);
	return false;
}

/* ---- broadcast ----
 * A slot is rewritten while readers may look. Before the payload changes its header gets a length
 * that no message has, and a reader takes the payload only if the header was the same before and
 * after. */

/* The payload as 64-bit words, so that a torn read is no data race. The model has fewer. */
#ifndef FRING_WORDS
#define FRING_WORDS 7u
#endif

/* fring_cast - writes one message; never waits. FRING_OK | FRING_WAKE readers sleep | -EINVAL. */
static inline int fring_cast(
	struct fring_tx *tx, uint8_t type, uint8_t flags, const void *data, uint32_t len_bytes)
{
	struct fring *r = &tx->ring;
	struct fring_slot *s = fring_slot_at(r, tx->tail);
	uint64_t *to = (uint64_t *)(void *)s->payload;
	uint64_t words[FRING_WORDS] = {0};

	if (len_bytes > FRING_INLINE_MAX || r->kind != FRING_BROADCAST)
		return -FRING_EINVAL;
	__builtin_memcpy(words, data, len_bytes);
	/* An exchange, so that the words cannot pass it: a reader that sees a new word sees this
	 * too. No message ever has length 0xffff. */
	(void)FRING_XCHG(&s->header, fring_pack((uint32_t)tx->tail, 0xffff, 0, 0));
	for (uint32_t i = 0; i < FRING_WORDS; i++)
		FRING_STORE(&to[i], words[i], __ATOMIC_RELEASE);
	FRING_STORE(&s->header, fring_pack((uint32_t)tx->tail + 1, len_bytes, type, flags),
		__ATOMIC_RELEASE);
	tx->tail++;
	(void)FRING_XCHG(&r->control->tail, tx->tail); /* pairs with the kernel's wait */
	return FRING_LOAD(&r->geometry->sleepers, __ATOMIC_SEQ_CST) ? FRING_WAKE : FRING_OK;
}

/* fring_hear - a reader's next message. rx->missed grows by what was overwritten first.
 * FRING_OK | -EAGAIN | -EPIPE. */
static inline int fring_hear(struct fring_rx *rx, struct fring_message *out)
{
	struct fring *r = &rx->ring;

	for (uint32_t tries = 0; tries < FRING_TRIES; tries++) {
		struct fring_slot *s = fring_slot_at(r, rx->head);
		uint64_t *from = (uint64_t *)(void *)s->payload, words[FRING_WORDS];
		uint64_t header, tail;

		bool closed = fring_closed(r, FRING_CLOSED_TX);

		header = FRING_LOAD(&s->header, __ATOMIC_ACQUIRE);
		if ((uint32_t)header == (uint32_t)rx->head + 1 &&
			(uint16_t)(header >> 32) <= FRING_INLINE_MAX) {
			for (uint32_t i = 0; i < FRING_WORDS; i++)
				words[i] = FRING_LOAD(&from[i], __ATOMIC_ACQUIRE);
			if (FRING_LOAD(&s->header, __ATOMIC_RELAXED) == header) {
				out->len_bytes = (uint16_t)(header >> 32);
				out->type = (uint8_t)(header >> 48);
				out->flags = (uint8_t)(header >> 56);
				out->zero = 0;
				__builtin_memcpy(out->payload, words, sizeof(words));
				rx->head++;
				return FRING_OK;
			}
		}
		tail = FRING_LOAD(&r->control->tail, __ATOMIC_ACQUIRE);
		/* A message can be heard before tail tells of it: then head is ahead. */
		if ((int64_t)(tail - rx->head) <= 0)
			return closed ? -FRING_EPIPE : -FRING_EAGAIN;
		/* Behind by a lap, or the writer is in this slot: go to the oldest that it will not
		 * reach at once. A writer that lies about tail only moves this reader. */
		if (tail - rx->head >= r->mask) {
			uint64_t to = tail - (r->mask + 1) / 2;

			rx->missed += to - rx->head;
			rx->head = to;
		}
	}
	return -FRING_EAGAIN;
}

#ifdef __cplusplus
}
#endif
#endif
