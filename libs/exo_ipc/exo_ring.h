/* Ends of rings and channels as a program uses them: mapping, waiting, waking. C11 and C++11, for
 * Exo-OS, and with EXO_RING_LINUX defined (and _GNU_SOURCE) for Linux too: exo_ring_linux.h says
 * what is different there. Every function is inline and needs no library.
 *
 * An end is used by one thread at a time; threads that share an end of an MPSC ring open one struct
 * exo_end each. Times are CLOCK_MONOTONIC in ns: EXO_NO_WAIT looks once, EXO_FOREVER waits.
 *
 * Waiting is adaptive: first a spin, which grows while it succeeds and shrinks while it does not,
 * then sleep in the kernel. With one processor it never spins. Nothing is called while the peer
 * runs: a wake-up is sent only to who has said that it sleeps.
 *
 * Results: >= 0, or -errno. -EPIPE: the other side is gone and nothing is left; -EPROTO: the peer
 * has broken the protocol, and the end is of no use any more. */
#ifndef EXO_RING_H
#define EXO_RING_H

#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include "../exo_abi/exo_native.h"
#include "fusion_pool.h"
#ifdef EXO_RING_LINUX
#include "exo_ring_linux.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define EXO_NO_WAIT  0ull
#define EXO_SPIN_MAX 400u /* looks, about what a sleep and a wake-up cost */
#define EXO_SPIN_MIN 16u

enum { EXO_END_SENDS = 1, EXO_END_RECEIVES = 2 };

struct exo_end {
	int32_t cap; /* borrowed */
	uint32_t kind;
	uint32_t can;  /* EXO_END_* */
	uint32_t seen; /* wake-ups that we know of */
	uint32_t spin; /* looks that usually are enough; one processor: never any */
	bool wake_due; /* the peer sleeps, and we are about to: one call does both */
	bool alone;
	uint64_t sleeps, wakes; /* calls of the kernel so far */
	unsigned char *map;
	size_t map_bytes;
	struct fring_tx tx;
	struct fring_rx rx;
};

static inline void *exo_map_(void *at, size_t bytes, int prot, int32_t cap, uint64_t offset)
{
	void *p = mmap(at, bytes, prot, MAP_SHARED | (at ? MAP_FIXED : 0), cap, (off_t)offset);

	return p == MAP_FAILED ? NULL : p;
}

static inline void exo_end_close(struct exo_end *e)
{
	if (e->map)
		munmap(e->map, e->map_bytes);
	e->map = NULL;
}

/* exo_end_open - maps the memory of end @cap (borrowed: close it when the end is closed) and goes
 * on where its last user stopped. 0 | -errno. */
static inline int exo_end_open(struct exo_end *e, int32_t cap)
{
	struct exo_ring_info info;
	long err = exo_ring_info(cap, &info, sizeof(info));
	bool reader = false;

	__builtin_memset(e, 0, sizeof(*e));
	e->cap = cap;
	if (err)
		return (int)err;
	if (!info.kind)
		return -EINVAL;
	e->kind = info.kind;
	e->spin = EXO_SPIN_MAX / 4;
	reader = e->kind == FRING_BROADCAST && info.side;
	e->can = info.rings == 2 ? EXO_END_SENDS | EXO_END_RECEIVES
		 : info.side     ? EXO_END_RECEIVES
				 : EXO_END_SENDS;
	e->map_bytes = info.rings * info.ring_bytes;
	e->map = (unsigned char *)exo_map_(NULL, e->map_bytes, PROT_READ, cap, 0);
	if (!e->map)
		return -errno;
	for (uint32_t i = 0; i < info.rings && !reader; i++) {
		uint64_t at = i * info.ring_bytes + FRING_PAGE;

		if (!exo_map_(e->map + at, info.ring_bytes - FRING_PAGE, PROT_READ | PROT_WRITE,
			    cap, at)) {
			err = -errno;
			exo_end_close(e);
			return (int)err;
		}
	}
	if (e->can & EXO_END_SENDS)
		err = fring_tx_attach(&e->tx,
			e->map + (info.rings == 2 ? info.side * info.ring_bytes : 0),
			info.ring_bytes);
	if (!err && e->can & EXO_END_RECEIVES)
		err = fring_rx_attach(&e->rx,
			e->map + (info.rings == 2 ? !info.side * info.ring_bytes : 0),
			info.ring_bytes);
	if (err)
		exo_end_close(e);
	else
		e->alone = ((const struct fring_geometry *)(void *)e->map)->cpus == 1;
	return (int)err;
}

/* ---- waiting ---- */

static inline void exo_end_wake_(struct exo_end *e)
{
	e->wakes++;
	(void)exo_ring_wake(e->cap);
}

static inline bool exo_late_(uint64_t deadline_ns)
{
	struct timespec t;

	if (deadline_ns == EXO_FOREVER)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec >= deadline_ns;
}

/* Sleeps if @armed, until there is something new; the caller looks again, and when *late for the
 * last time: a peer that wakes us for nothing, for ever, does not put the deadline off. 0 | -EINTR
 * | -errno. -EPIPE is told by the ring itself, after what it still holds. */
static inline int exo_end_sleep_(
	struct exo_end *e, bool armed, uint32_t seen, uint64_t deadline_ns, bool *late)
{
	int32_t wake = e->wake_due ? e->cap : -1;
	long n = 0;

	if (armed) {
		e->wake_due = false;
		e->sleeps++;
		n = exo_ring_wait(e->cap, seen, deadline_ns, wake);
		if (n >= 0)
			e->seen = (uint32_t)n;
	}
	*late = n == -ETIMEDOUT || exo_late_(deadline_ns);
	return n >= 0 || n == -EPIPE || n == -ETIMEDOUT ? 0 : (int)n;
}

static inline void exo_end_flush_(struct exo_end *e)
{
	if (e->wake_due)
		exo_end_wake_(e);
	e->wake_due = false;
}

static inline bool exo_rx_ready_(const struct exo_end *e)
{
	const struct fring *r = &e->rx.ring;

	if (FRING_LOAD(&r->geometry->closed, __ATOMIC_RELAXED))
		return true;
	if (e->kind == FRING_BROADCAST)
		return (int64_t)(FRING_LOAD(&r->control->tail, __ATOMIC_RELAXED) - e->rx.head) > 0;
	return (uint32_t)FRING_LOAD(&fring_slot_at(r, e->rx.head)->header, __ATOMIC_RELAXED) ==
	       (uint32_t)e->rx.head + 1;
}

static inline bool exo_tx_ready_(const struct exo_end *e)
{
	return fring_tx_roomy(&e->tx);
}

/* Looks for as long as looking has paid so far. true = there is something. */
static inline bool exo_end_spin_(struct exo_end *e, bool (*ready)(const struct exo_end *))
{
	uint32_t most = e->spin * 2 + EXO_SPIN_MIN;

	if (e->alone)
		return false;
	if (e->wake_due) /* who must answer us sleeps: no answer comes before it is woken */
		exo_end_flush_(e);
	if (most > EXO_SPIN_MAX)
		most = EXO_SPIN_MAX;
	for (uint32_t i = 0; i < most; i++) {
		if (ready(e)) {
			e->spin = e->spin - e->spin / 8 + i / 8;
			return true;
		}
		__builtin_ia32_pause();
	}
	e->spin -= e->spin / 8 + (e->spin > 0);
	return false;
}

/* ---- messages ---- */

/* exo_end_recv - the next message, copied out. 0 | -EAGAIN | -ETIMEDOUT | -EINTR | -EPIPE |
 * -EPROTO. A broadcast's reader finds in e->rx.missed how many it was too slow for, so far. */
static inline int exo_end_recv(struct exo_end *e, struct fring_message *m, uint64_t deadline_ns)
{
	bool cast = e->kind == FRING_BROADCAST, late = false, armed;
	int n;

	if (!(e->can & EXO_END_RECEIVES))
		return -EBADF;
	for (;;) {
		n = cast ? fring_hear(&e->rx, m) : fring_recv(&e->rx, m);
		if (n == FRING_WAKE)
			exo_end_wake_(e);
		if (n >= 0)
			return 0;
		if (n != -EAGAIN || deadline_ns == EXO_NO_WAIT)
			return n;
		if (late)
			return -ETIMEDOUT;
		if (exo_end_spin_(e, exo_rx_ready_))
			armed = false;
		else
			armed = cast || fring_rx_arm(&e->rx);
		n = exo_end_sleep_(
			e, armed, cast ? (uint32_t)e->rx.head : e->seen, deadline_ns, &late);
		if (n)
			return n;
	}
}

/* exo_end_recv_batch - 1..@max messages. n | as exo_end_recv. Not for broadcasts. */
static inline int64_t exo_end_recv_batch(
	struct exo_end *e, struct fring_message *m, uint32_t max, uint64_t deadline_ns)
{
	if (!(e->can & EXO_END_RECEIVES) || e->kind == FRING_BROADCAST)
		return -EBADF;
	for (bool late = false;;) {
		bool wake = false, armed;
		int64_t n = fring_recv_batch(&e->rx, m, max, &wake);

		if (wake)
			exo_end_wake_(e);
		if (n != -EAGAIN || deadline_ns == EXO_NO_WAIT)
			return n;
		if (late)
			return -ETIMEDOUT;
		armed = !exo_end_spin_(e, exo_rx_ready_) && fring_rx_arm(&e->rx);
		n = exo_end_sleep_(e, armed, e->seen, deadline_ns, &late);
		if (n)
			return n;
	}
}

static inline int exo_end_await_room_(struct exo_end *e, uint64_t deadline_ns, bool *late)
{
	bool armed;

	if (deadline_ns == EXO_NO_WAIT)
		return -EAGAIN;
	if (*late)
		return -ETIMEDOUT;
	armed = !exo_end_spin_(e, exo_tx_ready_) && fring_tx_arm(&e->tx);
	return exo_end_sleep_(e, armed, e->seen, deadline_ns, late);
}

/* As exo_end_send, but the wake-up that may be due is left to the caller's sleep or flush. */
static inline int exo_end_post_(struct exo_end *e, uint8_t type, uint8_t flags, const void *data,
	uint32_t len_bytes, uint64_t deadline_ns)
{
	bool late = false;
	int n;

	if (!(e->can & EXO_END_SENDS))
		return -EBADF;
	for (;;) {
		n = e->kind == FRING_BROADCAST ? fring_cast(&e->tx, type, flags, data, len_bytes)
					       : fring_send(&e->tx, type, flags, data, len_bytes);
		if (n == FRING_WAKE)
			e->wake_due = true;
		if (n >= 0)
			return 0;
		if (n == -EAGAIN)
			n = exo_end_await_room_(e, deadline_ns, &late);
		if (n)
			return n;
	}
}

/* exo_end_send - one message of at most 56 bytes, copied. 0 | -EAGAIN full | -ETIMEDOUT | -EINTR |
 * -EPIPE | -EPROTO | -EINVAL length. @type: FRING_TYPE_USER and above are the user's. */
static inline int exo_end_send(struct exo_end *e, uint8_t type, uint8_t flags, const void *data,
	uint32_t len_bytes, uint64_t deadline_ns)
{
	int n = exo_end_post_(e, type, flags, data, len_bytes, deadline_ns);

	exo_end_flush_(e);
	return n;
}

/* exo_end_send_batch - all @count messages, as many at once as there is room for. The number sent,
 * which is less only after an error | that error, if none was sent. Not for broadcasts. */
static inline int64_t exo_end_send_batch(
	struct exo_end *e, const struct fring_message *m, uint32_t count, uint64_t deadline_ns)
{
	uint32_t sent = 0;
	bool late = false;
	int64_t n = 0;

	if (!(e->can & EXO_END_SENDS) || e->kind == FRING_BROADCAST)
		return -EBADF;
	while (sent < count) {
		bool wake = false;

		n = fring_send_batch(&e->tx, m + sent, count - sent, &wake);
		if (wake)
			exo_end_wake_(e);
		if (n > 0)
			sent += (uint32_t)n;
		else if (n == -EAGAIN)
			n = exo_end_await_room_(e, deadline_ns, &late);
		if (n < 0)
			break;
	}
	return sent ? (int64_t)sent : n;
}

/* ---- event loops: an end can stand in poll and epoll ---- */

/* exo_end_arm - before poll: true = there is nothing, and the end becomes readable (POLLIN) when a
 * message comes. false = receive first. Not for broadcasts. */
static inline bool exo_end_arm(struct exo_end *e)
{
	long n =
		exo_ring_wait(e->cap, e->seen - 1, EXO_NO_WAIT, -1); /* takes the count, no sleep */

	if (n >= 0)
		e->seen = (uint32_t)n;
	return fring_rx_arm(&e->rx);
}

/* ---- capabilities ---- */

struct exo_caps_message { /* payload of FRING_TYPE_CAPS */
	uint64_t ticket;
	uint32_t count;
	uint32_t len_bytes;
	uint8_t data[40];
};
FRING_ASSERT(sizeof(struct exo_caps_message) == FRING_INLINE_MAX, "a message");

/* exo_end_send_caps - 1..16 capabilities, which move, with up to 40 bytes. 0 | as
 * exo_ring_send_caps | as exo_end_send. After an error of the call nothing has moved. */
static inline int exo_end_send_caps(struct exo_end *e, const int32_t *caps, uint32_t count,
	const void *data, uint32_t len_bytes, uint64_t deadline_ns)
{
	struct exo_caps_message c;
	bool late = false;
	long ticket;

	__builtin_memset(&c, 0, sizeof(c));
	if (len_bytes > sizeof(c.data))
		return -EINVAL;
	/* Room first: what has moved must be told of. */
	while (e->kind == FRING_SPSC && e->tx.tail - e->tx.head > e->tx.ring.mask) {
		int64_t room = fring_closed(&e->tx.ring, FRING_CLOSED_RX)
				       ? -EPIPE
				       : fring_room(&e->tx, e->tx.tail);

		if (!room)
			room = exo_end_await_room_(e, deadline_ns, &late);
		if (room < 0)
			return (int)room;
	}
	ticket = exo_ring_send_caps(e->cap, caps, count, 0);
	if (ticket < 0)
		return (int)ticket;
	c.ticket = (uint64_t)ticket;
	c.count = count;
	c.len_bytes = len_bytes;
	if (len_bytes)
		__builtin_memcpy(c.data, data, len_bytes);
	return exo_end_send(e, FRING_TYPE_CAPS, 0, &c, sizeof(c), EXO_FOREVER);
}

/* exo_end_take_caps - the capabilities of a message of FRING_TYPE_CAPS, in new slots (closed on
 * exec); *@c gets the message. Their number | -EPROTO no such message | as exo_ring_recv_caps. */
static inline int exo_end_take_caps(struct exo_end *e, const struct fring_message *m,
	struct exo_caps_message *c, int32_t *caps, uint32_t max)
{
	if (m->type != FRING_TYPE_CAPS || m->len_bytes != sizeof(*c))
		return -EPROTO;
	__builtin_memcpy(c, m->payload, sizeof(*c));
	if (c->len_bytes > sizeof(c->data))
		return -EPROTO;
	return (int)exo_ring_recv_caps(e->cap, c->ticket, caps, max, EXO_RING_CLOEXEC);
}

/* ---- pools ---- */

/* exo_pool_map - the memory of pool @cap, for fpool_own or fpool_attach; munmap when done. NULL:
 * see errno. */
static inline void *exo_pool_map(int32_t cap, size_t *map_bytes)
{
	struct exo_ring_info info;
	unsigned char *map;
	long err = exo_ring_info(cap, &info, sizeof(info));

	if (err || info.kind) {
		errno = err ? (int)-err : EINVAL;
		return NULL;
	}
	*map_bytes = info.ring_bytes;
	map = (unsigned char *)exo_map_(NULL, info.ring_bytes, PROT_READ, cap, 0);
	if (map && !exo_map_(map + FRING_PAGE, info.ring_bytes - FRING_PAGE, PROT_READ | PROT_WRITE,
			   cap, FRING_PAGE)) {
		munmap(map, info.ring_bytes);
		map = NULL;
	}
	return map;
}

#ifdef __cplusplus
}
#endif
#endif
