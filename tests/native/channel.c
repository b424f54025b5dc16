/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Typed channels, calls with replies in any order, completions, broadcast with lag. */
#include "t_.h"
#include "ring_.h"
#include <exo_ipc/exo_channel.h>
#include <poll.h>

T_SUITE(channel);

struct price {
	uint32_t id;
	int64_t cents;
};
struct other {
	char text[12];
};
typedef EXO_CHANNEL(struct price) price_channel;
typedef EXO_CHANNEL(struct other) other_channel;

static void make_pair(uint32_t slots, int32_t ends[2])
{
	make(FRING_SPSC, slots, EXO_RING_DUPLEX, ends);
}

T_CASE(typed)
{
	const struct price in = {7, -123456789012};
	struct other small = {"eleven char"};
	other_channel liar;
	price_channel a, b;
	struct price out;
	int32_t ends[2];

	make_pair(8, ends);
	t_eq(exo_open(&a, ends[0]), 0);
	t_eq(exo_open(&b, ends[1]), 0);
	t_eq(exo_send(&a, &in, EXO_NO_WAIT), 0);
	t_eq(exo_recv(&b, &out, EXO_NO_WAIT), 0);
	t_mem(&out, &in, sizeof(in));
	t_eq(exo_recv(&b, &out, EXO_NO_WAIT), -EAGAIN);
	/* a peer of another mind about the type: refused, and the channel goes on */
	exo_close(&a);
	t_eq(exo_open(&liar, ends[0]), 0);
	t_eq(exo_send(&liar, &small, EXO_NO_WAIT), 0);
	t_eq(exo_recv(&b, &out, EXO_NO_WAIT), -EPROTO);
	exo_close(&liar);
	t_eq(exo_open(&a, ends[0]), 0);
	t_eq(exo_send(&a, &in, EXO_NO_WAIT), 0);
	t_eq(exo_recv(&b, &out, EXO_NO_WAIT), 0);
	t_mem(&out, &in, sizeof(in));
}

/* ---- calls ---- */

enum { OP_ADD, OP_LEAVE, OP_HOLD, OP_RELEASE };

/* Adds; holds back requests until told, then answers them last first. */
static void serve(int32_t cap)
{
	struct exo_request q, held[8];
	uint32_t n = 0;
	struct exo_end e;
	int err;

	must_open(&e, cap);
	while (!(err = exo_serve_next(&e, &q, EXO_FOREVER))) {
		uint32_t words[2];

		memcpy(words, q.data, sizeof(words));
		words[0] += words[1];
		if (q.op == OP_LEAVE)
			_exit(0);
		if (q.op == OP_HOLD) {
			held[n++] = q;
			continue;
		}
		while (q.op == OP_RELEASE && n--)
			if (exo_serve_reply(&e, held[n].id, 40 + (int)n, held[n].data, 8, true))
				_exit(2);
		if (exo_serve_reply(&e, q.id, 0, words, 4, true))
			_exit(3);
		n = 0;
	}
	_exit(err == -EPIPE ? 0 : 4);
}

static pid_t serve_in_a_process(uint32_t slots, struct exo_end *e)
{
	int32_t ends[2];
	pid_t pid;

	make_pair(slots, ends);
	pid = t_fork();
	if (!pid) {
		close(ends[0]);
		serve(ends[1]);
	}
	close(ends[1]);
	must_open(e, ends[0]);
	return pid;
}

T_CASE_LIMIT(calls, 60)
{
	struct exo_reply r = {0};
	struct exo_rpc c;
	struct exo_end e;
	uint32_t bad = 0;
	pid_t pid = serve_in_a_process(8, &e);

	exo_rpc_init(&c, &e);
	for (uint32_t i = 0; i < 10000; i++) {
		uint32_t words[2] = {i, 3};

		bad += exo_rpc_call(&c, OP_ADD, words, 8, &r, EXO_FOREVER) != 0;
		memcpy(words, r.data, 4);
		bad += r.status != 0 || r.len_bytes != 4 || words[0] != i + 3;
	}
	t_eq(bad, 0);
	t_eq(c.strays, 0);
	t_eq(exo_rpc_call(&c, OP_ADD, "", 49, &r, EXO_FOREVER), -EINVAL);
	exo_end_close(&e);
	close(e.cap);
	t_exit(pid, 0);
}

T_CASE(replies_in_any_order)
{
	uint32_t id[8], words[2] = {0, 0};
	struct exo_reply r = {0};
	struct exo_rpc c;
	struct exo_end e;
	pid_t pid = serve_in_a_process(8, &e);

	exo_rpc_init(&c, &e);
	for (uint32_t i = 0; i < 7; i++) {
		words[0] = 100 + i;
		t_eq(exo_rpc_begin(&c, OP_HOLD, words, 8, NULL, NULL, EXO_NO_WAIT, &id[i]), 0);
	}
	t_eq(exo_rpc_end(&c, id[3], &r, in_ms(20)), -ETIMEDOUT);
	t_eq(exo_rpc_begin(&c, OP_RELEASE, words, 8, NULL, NULL, EXO_NO_WAIT, &id[7]), 0);
	t_eq(exo_rpc_begin(&c, OP_ADD, words, 8, NULL, NULL, EXO_NO_WAIT, &id[0]), -EAGAIN);
	for (uint32_t i = 0; i < 7; i++) {
		t_eq(exo_rpc_end(&c, id[i], &r, in_ms(5000)), 0);
		memcpy(words, r.data, 4);
		t_eq(r.status, 40 + i);
		t_eq(words[0], 100 + i);
		t_eq(exo_rpc_end(&c, id[i], &r, EXO_NO_WAIT), -ENOENT);
	}
	t_eq(exo_rpc_end(&c, id[7], &r, in_ms(5000)), 0);
	t_eq(c.strays, 0);
	exo_end_close(&e);
	close(e.cap);
	t_exit(pid, 0);
}

static void count_done(void *arg, const struct exo_reply *r)
{
	int *counts = arg;

	counts[r->status == -EPIPE]++;
}

/* Completions, driven by poll; then the server goes with calls open. */
T_CASE(completions)
{
	int counts[2] = {0, 0}, err = 0;
	uint32_t id = 0, words[2] = {1, 2};
	struct exo_reply r = {0};
	struct exo_rpc c;
	struct exo_end e;
	struct pollfd p;
	pid_t pid = serve_in_a_process(32, &e);

	exo_rpc_init(&c, &e);
	p = (struct pollfd){e.cap, POLLIN, 0};
	for (uint32_t i = 0; i < 16; i++)
		t_eq(exo_rpc_begin(&c, OP_ADD, words, 8, count_done, counts, EXO_NO_WAIT, &id), 0);
	while (counts[0] < 16) {
		if (exo_end_arm(&e) && poll(&p, 1, 5000) != 1)
			t_stop("no completion");
		while (!(err = exo_rpc_poll(&c, EXO_NO_WAIT)))
			;
		if (err != -EAGAIN)
			break;
	}
	t_eq(counts[0], 16);
	for (uint32_t i = 0; i < 4; i++)
		t_eq(exo_rpc_begin(&c, OP_HOLD, words, 8, count_done, counts, EXO_NO_WAIT, &id), 0);
	t_eq(exo_rpc_begin(&c, OP_LEAVE, words, 8, NULL, NULL, EXO_NO_WAIT, &id), 0);
	t_eq(exo_rpc_end(&c, id, &r, in_ms(5000)), 0);
	t_eq(r.status, -EPIPE);
	t_eq(counts[1], 4);
	t_eq(exo_rpc_call(&c, OP_ADD, words, 8, &r, in_ms(5000)), -EPIPE);
	t_exit(pid, 0);
}

/* Replies to nothing, twice, or too short do no harm. */
T_CASE(a_server_that_lies)
{
	uint32_t id = 0, words[2] = {1, 2}, wrong[4];
	struct exo_request q;
	struct exo_end client, server;
	struct exo_reply r = {0};
	struct exo_rpc c;
	int32_t ends[2];

	make_pair(16, ends);
	must_open(&client, ends[0]);
	must_open(&server, ends[1]);
	exo_rpc_init(&c, &client);
	t_eq(exo_rpc_begin(&c, OP_ADD, words, 8, NULL, NULL, EXO_NO_WAIT, &id), 0);
	wrong[0] = id + 1, wrong[1] = 0, wrong[2] = id + EXO_RPC_OPEN_MAX, wrong[3] = ~0u;
	t_eq(exo_serve_next(&server, &q, EXO_NO_WAIT), 0);
	t_eq(q.id, id);
	for (int i = 0; i < 4; i++)
		t_eq(exo_serve_reply(&server, wrong[i], 0, NULL, 0, false), 0);
	t_eq(exo_end_send(&server, EXO_MESSAGE_REPLY, 0, &id, 4, EXO_NO_WAIT), 0);
	t_eq(exo_end_send(&server, EXO_MESSAGE_REQUEST, 0, &q, 16, EXO_NO_WAIT), 0);
	t_eq(exo_serve_reply(&server, id, 5, NULL, 0, false), 0);
	t_eq(exo_serve_reply(&server, id, 6, NULL, 0, false), 0);
	t_eq(exo_rpc_end(&c, id, &r, EXO_NO_WAIT), 0);
	t_eq(r.status, 5);
	t_eq(c.strays, 6);
	t_eq(exo_rpc_poll(&c, EXO_NO_WAIT), 0);
	t_eq(c.strays, 7);
	t_eq(exo_rpc_poll(&c, EXO_NO_WAIT), -EAGAIN);
	/* a call that is given up keeps its place until its reply comes */
	t_eq(exo_rpc_call(&c, OP_ADD, words, 8, &r, in_ms(10)), -ETIMEDOUT);
	t_eq(exo_serve_next(&server, &q, EXO_NO_WAIT), 0);
	t_eq(c.call[0].id, q.id);
	t_eq(exo_serve_reply(&server, q.id, 5, NULL, 0, false), 0);
	t_eq(exo_rpc_poll(&c, EXO_NO_WAIT), 0);
	t_eq(c.call[0].id, 0);
	t_eq(c.strays, 7);
}

/* ---- broadcast ---- */

T_CASE(typed_broadcast_with_lag)
{
	price_channel writer, fast, slow;
	struct price p = {0, 0};
	uint32_t heard = 0;
	int32_t ends[2];

	make(FRING_BROADCAST, 16, 0, ends);
	t_eq(exo_open(&writer, ends[0]), 0);
	t_eq(exo_open(&fast, ends[1]), 0);
	t_eq(exo_open(&slow, ends[1]), 0);
	for (uint32_t i = 1; i <= 100; i++) {
		p = (struct price){i, i * 100};
		t_eq(exo_send(&writer, &p, EXO_NO_WAIT), 0);
		t_eq(exo_recv(&fast, &p, EXO_NO_WAIT), 0);
		t_eq(p.id, i);
	}
	t_eq(fast.end.rx.missed, 0);
	while (!exo_recv(&slow, &p, EXO_NO_WAIT))
		heard++;
	t_eq(p.id, 100);
	t_eq(heard + slow.end.rx.missed, 100);
	t_check(heard >= 8);
	t_eq(exo_recv(&slow, &p, in_ms(10)), -ETIMEDOUT);
	exo_close(&writer);
	close(ends[0]);
	t_eq(exo_recv(&slow, &p, EXO_FOREVER), -EPIPE);
}
