/* Real threads over one ring, for the address and the thread sanitizer alike. */
#pragma once
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <exo_ipc/fusion_pool.h>

static void *ring_make(enum fring_kind kind, uint32_t slots, size_t *bytes)
{
	void *map;

	*bytes = fring_bytes(slots);
	map = aligned_alloc(FRING_PAGE, *bytes);
	memset(map, 0, *bytes);
	fring_format(map, kind, slots, 2);
	return map;
}

/* The kernel's part: a counter a side, waiting while it stands at what the caller has seen. */
struct side {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t wakes;
};
static struct side sides[2] = {{PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0},
	{PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}};

static void side_wake(struct side *s)
{
	pthread_mutex_lock(&s->lock);
	s->wakes++;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static uint32_t side_wait(struct side *s, uint32_t seen)
{
	pthread_mutex_lock(&s->lock);
	while (s->wakes == seen)
		pthread_cond_wait(&s->changed, &s->lock);
	seen = s->wakes;
	pthread_mutex_unlock(&s->lock);
	return seen;
}

struct worker {
	void *map;
	size_t bytes;
	uint32_t id, count, batch;
	uint64_t missed;
	const char *error;
};

static void *produce(void *arg)
{
	struct worker *w = arg;
	struct fring_message m[16];
	struct fring_tx tx;
	uint32_t seen = 0;

	memset(m, 0, sizeof(m));
	if (fring_tx_attach(&tx, w->map, w->bytes))
		w->error = "attach";
	for (uint32_t sent = 0; sent < w->count && !w->error;) {
		uint32_t want = w->count - sent < w->batch ? w->count - sent : w->batch;
		bool wake = false;
		int64_t n;

		for (uint32_t i = 0; i < want; i++) {
			uint32_t words[14];

			for (uint32_t k = 0; k < 14; k++)
				words[k] = (sent + i) * 14 + k + w->id;
			m[i].len_bytes = (uint16_t)(56 - (sent + i) % 13 * 4);
			m[i].type = (uint8_t)w->id;
			memcpy(m[i].payload, words, 56);
		}
		n = fring_send_batch(&tx, m, want, &wake);
		if (wake)
			side_wake(&sides[0]);
		if (n > 0)
			sent += (uint32_t)n;
		else if (n != -FRING_EAGAIN)
			w->error = "send";
		else if (fring_tx_arm(&tx))
			seen = side_wait(&sides[1], seen);
	}
	return NULL;
}

static void *consume(void *arg)
{
	struct worker *w = arg;
	struct fring_message m[16];
	uint32_t next[4] = {0}, seen = 0;
	struct fring_rx rx;

	if (fring_rx_attach(&rx, w->map, w->bytes))
		w->error = "attach";
	for (uint32_t got = 0; got < w->count && !w->error;) {
		bool wake = false;
		int64_t n = fring_recv_batch(&rx, m, w->batch, &wake);

		if (wake)
			side_wake(&sides[1]);
		for (int64_t i = 0; i < n; i++) {
			uint32_t id = m[i].type, at = next[id % 4]++, words[14];

			memcpy(words, m[i].payload, 56);
			if (id >= 4 || m[i].len_bytes != 56 - at % 13 * 4)
				w->error = "length or type";
			for (uint32_t k = 0; k < 14; k++)
				if (words[k] != at * 14 + k + id)
					w->error = "payload, or order";
		}
		if (n > 0)
			got += (uint32_t)n;
		else if (n != -FRING_EAGAIN)
			w->error = "receive";
		else if (fring_rx_arm(&rx))
			seen = side_wait(&sides[0], seen);
	}
	return NULL;
}

static void stream(enum fring_kind kind, uint32_t slots, uint32_t n_producers, uint32_t count,
	uint32_t batch)
{
	struct worker p[4], c;
	pthread_t thread[5];
	size_t bytes;
	void *map = ring_make(kind, slots, &bytes);

	sides[0].wakes = sides[1].wakes = 0;
	c = (struct worker){map, bytes, 0, count * n_producers, batch, 0, NULL};
	pthread_create(&thread[4], NULL, consume, &c);
	for (uint32_t i = 0; i < n_producers; i++) {
		p[i] = (struct worker){map, bytes, i, count, batch, 0, NULL};
		pthread_create(&thread[i], NULL, produce, &p[i]);
	}
	for (uint32_t i = 0; i < n_producers; i++) {
		pthread_join(thread[i], NULL);
		u_str_eq(p[i].error ? p[i].error : "", "");
	}
	pthread_join(thread[4], NULL);
	u_str_eq(c.error ? c.error : "", "");
	free(map);
}

/* Readers of a broadcast count what they hear and what they missed; the sum is what was sent. */
static void *hear(void *arg)
{
	struct worker *w = arg;
	struct fring_message m;
	struct fring_rx rx;
	uint64_t got = 0;
	int n;

	if (fring_rx_attach(&rx, w->map, w->bytes))
		w->error = "attach";
	rx.head = 0;
	while (!w->error) {
		n = fring_hear(&rx, &m);
		if (n == -FRING_EPIPE)
			break;
		if (n == FRING_OK) {
			uint64_t words[7];

			got++;
			memcpy(words, m.payload, 56);
			for (uint32_t k = 0; k < 7; k++)
				if (words[k] != rx.head - 1)
					w->error = "a torn message";
		} else {
			sched_yield();
		}
	}
	w->missed = rx.missed;
	if (!w->error && got + rx.missed != w->count)
		w->error = "got and missed do not add up";
	return NULL;
}

static void broadcast(uint32_t slots, uint32_t readers, uint32_t count)
{
	struct worker r[3];
	pthread_t thread[3];
	struct fring_tx tx;
	size_t bytes;
	void *map = ring_make(FRING_BROADCAST, slots, &bytes);

	u_need(!fring_tx_attach(&tx, map, bytes));
	for (uint32_t i = 0; i < readers; i++) {
		r[i] = (struct worker){map, bytes, i, count, 1, 0, NULL};
		pthread_create(&thread[i], NULL, hear, &r[i]);
	}
	for (uint64_t i = 0; i < count; i++) {
		uint64_t words[7] = {i, i, i, i, i, i, i};

		if (fring_cast(&tx, 0, 0, words, 56) < 0)
			u_fail(__FILE__, __LINE__, "cast");
	}
	__atomic_store_n(
		&((struct fring_geometry *)map)->closed, FRING_CLOSED_TX, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < readers; i++) {
		pthread_join(thread[i], NULL);
		u_str_eq(r[i].error ? r[i].error : "", "");
		u_note("reader %u missed %llu of %u", i, (unsigned long long)r[i].missed, count);
	}
	free(map);
}
