/* Typed messages and calls over ends. C11 and C++11, for Exo-OS, inline; goes with exo_ring.h.
 *
 * Typed: EXO_CHANNEL(T) is an end that carries T and nothing else. A pointer to another type does
 * not compile, nor does a T that no slot holds (56 bytes; larger things go by a pool); a message of
 * another size is -EPROTO. A broadcast's reader finds in end.rx.missed how many it was too slow
 * for.
 *
 * Calls: a client's request carries a number, the reply brings it back, so replies may come in any
 * order. A call ends in three ways: exo_rpc_call waits; exo_rpc_begin and exo_rpc_end wait later;
 * with a function, exo_rpc_poll runs it when the reply has come. In an event loop: exo_end_arm,
 * then poll the end's descriptor, then exo_rpc_poll with EXO_NO_WAIT. When the server goes, every
 * open call ends with status -EPIPE. A reply to nothing is counted in `strays` and dropped. */
#ifndef EXO_CHANNEL_H
#define EXO_CHANNEL_H

#include "exo_ring.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- typed ---- */

#define EXO_CHANNEL(T)                                   \
	union {                                          \
		struct exo_end end;                      \
		T *element; /* its type alone matters */ \
	}
#ifdef __cplusplus
#define EXO_ELEMENT_IN_(c, p)  (true ? (p) : (c)->element)
#define EXO_ELEMENT_OUT_(c, p) (true ? (p) : (c)->element)
#else
#define EXO_ELEMENT_IN_(c, p) \
	_Generic((p), __typeof__((c)->element) : (p), const __typeof__(*(c)->element) * : (p))
#define EXO_ELEMENT_OUT_(c, p) _Generic((p), __typeof__((c)->element) : (p))
#endif
#define EXO_ELEMENT_BYTES_(c)    \
	(sizeof(*(c)->element) + \
		0 * sizeof(char[sizeof(*(c)->element) <= FRING_INLINE_MAX ? 1 : -1]))

/* exo_open(c, cap), exo_close(c) - as exo_end_open, exo_end_close. */
#define exo_open(c, cap) exo_end_open(&(c)->end, (cap))
#define exo_close(c)     exo_end_close(&(c)->end)
/* exo_send(c, p, deadline_ns) - *p, of the channel's type. As exo_end_send. */
#define exo_send(c, p, deadline_ns)                                        \
	exo_end_send(&(c)->end, FRING_TYPE_USER, 0, EXO_ELEMENT_IN_(c, p), \
		(uint32_t)EXO_ELEMENT_BYTES_(c), (deadline_ns))
/* exo_recv(c, p, deadline_ns) - the next one into *p. As exo_end_recv; -EPROTO: no such element. */
#define exo_recv(c, p, deadline_ns) \
	exo_recv_element_(&(c)->end, EXO_ELEMENT_OUT_(c, p), EXO_ELEMENT_BYTES_(c), (deadline_ns))

static inline int exo_recv_element_(struct exo_end *e, void *p, size_t bytes, uint64_t deadline_ns)
{
	struct fring_message m;
	int n = exo_end_recv(e, &m, deadline_ns);

	if (n)
		return n;
	if (m.type != FRING_TYPE_USER || m.len_bytes != bytes)
		return -EPROTO;
	__builtin_memcpy(p, m.payload, bytes);
	return 0;
}

/* ---- requests and replies ---- */

enum { EXO_MESSAGE_REQUEST = 3, EXO_MESSAGE_REPLY = 4 }; /* message types */

#define EXO_RPC_BYTES    48u /* data in a request or a reply */
#define EXO_RPC_OPEN_MAX 32u /* open calls of a client */

struct exo_rpc_payload { /* on the wire */
	uint32_t id;
	int32_t value; /* request: the operation; reply: the status */
	uint8_t data[EXO_RPC_BYTES];
};
FRING_ASSERT(sizeof(struct exo_rpc_payload) == FRING_INLINE_MAX, "a message");

struct exo_request { /* as the server sees it */
	uint32_t id;
	int32_t op;
	uint32_t len_bytes;
	uint8_t data[EXO_RPC_BYTES];
};
struct exo_reply {
	int32_t status; /* the server's; -EPIPE: it went */
	uint32_t len_bytes;
	uint8_t data[EXO_RPC_BYTES];
};
typedef void (*exo_rpc_fn)(void *arg, const struct exo_reply *reply);

struct exo_rpc_open {
	uint32_t id; /* 0: free */
	bool done;
	exo_rpc_fn fn; /* NULL: exo_rpc_end fetches the reply */
	void *arg;
	struct exo_reply reply;
};
struct exo_rpc {             /* a client; one thread */
	struct exo_end *end; /* borrowed; sends and receives */
	uint32_t open_max;   /* no more than slots: so neither ring can be full of calls */
	uint32_t generation;
	uint64_t strays;
	struct exo_rpc_open call[EXO_RPC_OPEN_MAX];
};

static inline void exo_rpc_init(struct exo_rpc *c, struct exo_end *end)
{
	__builtin_memset(c, 0, sizeof(*c));
	c->end = end;
	c->open_max =
		end->tx.ring.mask + 1 < EXO_RPC_OPEN_MAX ? end->tx.ring.mask + 1 : EXO_RPC_OPEN_MAX;
}

static inline void exo_rpc_done_(struct exo_rpc_open *call)
{
	exo_rpc_fn fn = call->fn;
	struct exo_reply reply;

	if (!fn) {
		call->done = true;
		return;
	}
	reply = call->reply; /* the function may begin the next call in this place */
	call->id = 0;
	fn(call->arg, &reply);
}

/* Posts the request; the wake-up may be left due. The call | NULL and *err. */
static inline struct exo_rpc_open *exo_rpc_post_(struct exo_rpc *c, int32_t op, const void *data,
	uint32_t len_bytes, uint64_t deadline_ns, int *err)
{
	struct exo_rpc_open *call = NULL;
	struct exo_rpc_payload p;
	uint32_t i;

	*err = len_bytes > EXO_RPC_BYTES ? -EINVAL : -EAGAIN;
	if (len_bytes > EXO_RPC_BYTES)
		return NULL;
	for (i = 0; i < c->open_max && c->call[i].id; i++)
		;
	if (i == c->open_max)
		return NULL;
	call = &c->call[i];
	if ((++c->generation * EXO_RPC_OPEN_MAX) == 0)
		c->generation++; /* no call is number 0 */
	p.id = c->generation * EXO_RPC_OPEN_MAX + i;
	p.value = op;
	if (len_bytes)
		__builtin_memcpy(p.data, data, len_bytes);
	*err = exo_end_post_(c->end, EXO_MESSAGE_REQUEST, 0, &p, 8 + len_bytes, deadline_ns);
	if (*err)
		return NULL;
	call->id = p.id;
	call->done = false;
	call->fn = NULL;
	return call;
}

/* exo_rpc_begin - sends a request. @fn, if not NULL, runs in exo_rpc_poll or _end when the reply
 * has come. 0 and *id | -EAGAIN too many are open (EXO_RPC_OPEN_MAX, or the ring's slots) | as
 * exo_end_send. */
static inline int exo_rpc_begin(struct exo_rpc *c, int32_t op, const void *data, uint32_t len_bytes,
	exo_rpc_fn fn, void *arg, uint64_t deadline_ns, uint32_t *id)
{
	int err;
	struct exo_rpc_open *call = exo_rpc_post_(c, op, data, len_bytes, deadline_ns, &err);

	exo_end_flush_(c->end);
	if (!call)
		return err;
	call->fn = fn;
	call->arg = arg;
	*id = call->id;
	return 0;
}

/* exo_rpc_poll - takes one reply and ends its call. 0 | as exo_end_recv; at -EPIPE every open call
 * has ended with that status. */
static inline int exo_rpc_poll(struct exo_rpc *c, uint64_t deadline_ns)
{
	struct exo_rpc_payload p;
	struct exo_rpc_open *call;
	struct fring_message m;
	int err = exo_end_recv(c->end, &m, deadline_ns);

	for (uint32_t i = 0; i < EXO_RPC_OPEN_MAX && err == -EPIPE; i++) {
		call = &c->call[i];
		if (!call->id || call->done)
			continue;
		call->reply.status = -EPIPE;
		call->reply.len_bytes = 0;
		exo_rpc_done_(call);
	}
	if (err)
		return err;
	__builtin_memcpy(&p, m.payload, sizeof(p));
	call = &c->call[p.id % EXO_RPC_OPEN_MAX];
	if (m.type != EXO_MESSAGE_REPLY || m.len_bytes < 8 || !p.id || call->id != p.id ||
		call->done) {
		c->strays++;
		return 0;
	}
	call->reply.status = p.value;
	call->reply.len_bytes = m.len_bytes - 8u;
	__builtin_memcpy(call->reply.data, p.data, call->reply.len_bytes);
	exo_rpc_done_(call);
	return 0;
}

/* exo_rpc_end - waits for the reply of a call that was begun without a function. 0 | -ENOENT no
 * such call | as exo_end_recv: after -ETIMEDOUT or -EINTR the call is still open. */
static inline int exo_rpc_end(
	struct exo_rpc *c, uint32_t id, struct exo_reply *reply, uint64_t deadline_ns)
{
	struct exo_rpc_open *call = &c->call[id % EXO_RPC_OPEN_MAX];
	int err = 0;

	if (!id || call->id != id || call->fn)
		return -ENOENT;
	for (uint32_t n = 0; !call->done && !err; n++) {
		err = exo_rpc_poll(c, deadline_ns);
		/* strays without end do not put the deadline off */
		if (!err && n > c->end->rx.ring.mask && exo_late_(deadline_ns) && !call->done)
			err = -ETIMEDOUT;
	}
	if (!call->done)
		return err;
	*reply = call->reply;
	call->id = 0;
	return 0;
}

static inline void exo_rpc_drop_(void *arg, const struct exo_reply *reply)
{
	(void)arg;
	(void)reply;
}

/* exo_rpc_forget - gives a call up. It stays open, for nobody, until its reply comes. */
static inline void exo_rpc_forget(struct exo_rpc *c, uint32_t id)
{
	struct exo_rpc_open *call = &c->call[id % EXO_RPC_OPEN_MAX];

	if (!id || call->id != id)
		return;
	call->fn = exo_rpc_drop_;
	if (call->done)
		call->id = 0;
}

/* exo_rpc_call - request and reply; where both sleep, one call of the kernel each. 0 | as
 * exo_rpc_begin, exo_rpc_end. A call that fails is given up. */
static inline int exo_rpc_call(struct exo_rpc *c, int32_t op, const void *data, uint32_t len_bytes,
	struct exo_reply *reply, uint64_t deadline_ns)
{
	int err;
	struct exo_rpc_open *call = exo_rpc_post_(c, op, data, len_bytes, deadline_ns, &err);
	uint32_t id;

	if (!call) {
		exo_end_flush_(c->end);
		return err;
	}
	id = call->id;
	err = exo_rpc_end(c, id, reply, deadline_ns);
	exo_end_flush_(c->end);
	if (err)
		exo_rpc_forget(c, id);
	return err;
}

/* exo_serve_next - the next request. 0 | -EPROTO not a request | as exo_end_recv. */
static inline int exo_serve_next(struct exo_end *e, struct exo_request *q, uint64_t deadline_ns)
{
	struct exo_rpc_payload p;
	struct fring_message m;
	int err = exo_end_recv(e, &m, deadline_ns);

	exo_end_flush_(e);
	if (err)
		return err;
	if (m.type != EXO_MESSAGE_REQUEST || m.len_bytes < 8)
		return -EPROTO;
	__builtin_memcpy(&p, m.payload, sizeof(p));
	q->id = p.id;
	q->op = p.value;
	q->len_bytes = m.len_bytes - 8u;
	__builtin_memcpy(q->data, p.data, q->len_bytes);
	return 0;
}

/* exo_serve_reply - answers request @id; in any order, once. @more: exo_serve_next follows at once,
 * and a wake-up that is due may wait for it. 0 | as exo_end_send. */
static inline int exo_serve_reply(struct exo_end *e, uint32_t id, int32_t status, const void *data,
	uint32_t len_bytes, bool more)
{
	struct exo_rpc_payload p = {id, status, {0}};
	int err;

	if (len_bytes > EXO_RPC_BYTES)
		return -EINVAL;
	if (len_bytes)
		__builtin_memcpy(p.data, data, len_bytes);
	err = exo_end_post_(e, EXO_MESSAGE_REPLY, 0, &p, 8 + len_bytes, EXO_FOREVER);
	if (!more)
		exo_end_flush_(e);
	return err;
}

#ifdef __cplusplus
}
#endif
#endif
