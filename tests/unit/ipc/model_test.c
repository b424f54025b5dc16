/* Every interleaving of the ring's own functions: loss, duplication, reordering, lost wake-ups.
 * mode: plain
 *
 * The header is compiled here with its memory accesses behind hooks. Threads are coroutines that
 * stop before each shared access; a search takes, from each state, every possible next step, and
 * remembers the states it has seen (memory, store buffers, live stacks). So the search is over the
 * compiled functions, not over a description of them.
 *
 * Memory: each thread has a store buffer. A relaxed store may overtake others to other places, a
 * release store waits for all before it, a seq_cst exchange for an empty buffer; a buffered store
 * becomes visible at any later step. Loads take effect in program order (as on x86; the order of
 * loads on weaker machines is not searched). The kernel's part is exo_ring_wait and _wake: a
 * counter a side, waiting while it stands at what the caller has seen.
 *
 * Each mutation takes one ordering or one second look away: the search must then find a failure. */
#include "u_.h"
#include <stdint.h>
#include <stdlib.h>

static uint64_t hook_load(const volatile void *p, int order);
static void hook_store(volatile void *p, uint64_t v, int order);
static uint64_t hook_xchg(volatile void *p, uint64_t v);
static bool hook_cas(volatile void *p, uint64_t *expected, uint64_t v);
#define FRING_LOAD(p, order)        ((__typeof__(*(p)))hook_load((p), (order)))
#define FRING_STORE(p, v, order)    hook_store((p), (v), (order))
#define FRING_XCHG(p, v)            hook_xchg((p), (v))
#define FRING_CAS(p, expected, v)   hook_cas((p), (expected), (v))
#define FRING_COPY_IN(dst, src, n)  hook_store((dst), *(const uint64_t *)(src), __ATOMIC_RELAXED)
#define FRING_COPY_OUT(dst, src, n) (*(uint64_t *)(dst) = hook_load((src), __ATOMIC_RELAXED))
#define FRING_PREFETCH(p)           ((void)0)
#define FRING_WORDS                 2u
#define FRING_TRIES                 2u
#include <exo_ipc/fusion_ring.h>

enum {
	THREADS_MAX = 3,
	SLOTS_MAX = 4,
	STACK_BYTES = 4096,
	DEAD_BYTES = 768,
	BUFFER_MAX = 12,
	STATES_LOG2 = 24,
};

/* ---- shared memory: the words that the ring uses, as cells ---- */

enum { CELL_TAIL, CELL_HEAD, CELL_RX, CELL_TX, CELL_CLOSED, CELL_SLEEPERS, CELL_SLOTS };
enum { SLOT_CELLS = 3 }; /* header, two words */
enum { CELLS = CELL_SLOTS + SLOT_CELLS * SLOTS_MAX };

static struct fring_geometry geometry;
static struct fring_control control;
static struct fring_slot slots[SLOTS_MAX];

struct entry {
	uint64_t value;
	uint32_t cell, release;
};
struct thread_state_ {
	void *sp;
	uint32_t state; /* READY: may go on; others below */
	uint32_t wait_side, wait_seen;
	uint32_t drain; /* its next step wants an empty buffer */
	uint32_t buffered;
	uint64_t header; /* the last one acquired */
	struct entry buffer[BUFFER_MAX];
};
enum { READY, WAITING, ENDED };

static struct world {
	uint64_t cell[CELLS];
	uint32_t wakes[2]; /* the kernel's counters: [0] consumer side, [1] producer side */
	uint32_t got[2];   /* messages taken of each producer */
	uint32_t producers_left;
	struct fring_tx tx[2];
	struct fring_rx rx[2]; /* two of a broadcast */
	struct thread_state_ thread[THREADS_MAX];
} w;
static uint8_t stack[THREADS_MAX][STACK_BYTES] __attribute__((aligned(64)));

static uint32_t threads, producers, messages, ring_slots, batch; /* the second sends one less */
static enum fring_kind kind;
static enum {
	SOUND,
	PUBLISH_IS_RELEASE, /* no order between a message and the look at rx_waiting */
	PUBLISH_IS_RELAXED, /* nor between payload and header */
	POP_IS_RELEASE,     /* no order between head and the look at tx_waiting */
	ARM_RX_IS_RELEASE,
	ARM_TX_IS_RELEASE,
	NO_SECOND_LOOK_RX, /* sleeps without looking again */
	NO_SECOND_LOOK_TX,
	POP_BEFORE_READ,
	RESERVE_WITHOUT_CAS,
	NO_WAKE,
	FIRST_OF_BROADCAST,
	CAST_UNMARKED = FIRST_OF_BROADCAST, /* the payload changes under a good header */
	CAST_TAIL_IS_RELEASE,               /* no order between tail and the look at sleepers */
	HEAR_NO_SECOND_LOOK,                /* takes a payload whatever its header has become */
	KERNEL_NO_SECOND_LOOK,              /* sleeps without comparing tail */
	MUTATIONS
} mutation;
static const char *failure;

/* ---- coroutines ---- */

static void *main_sp;
static uint32_t running;

void model_switch(void **save, void *load);
__asm__(".text\n.globl model_switch\nmodel_switch:\n"
	"push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
	"mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
	"pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n");

static void stop(void)
{
	model_switch(&w.thread[running].sp, main_sp);
}

static uint32_t cell_of(const volatile void *p)
{
	uintptr_t at = (uintptr_t)p, base = (uintptr_t)slots;

	if (p == &control.tail)
		return CELL_TAIL;
	if (p == &control.head)
		return CELL_HEAD;
	if (p == &control.rx_waiting)
		return CELL_RX;
	if (p == &control.tx_waiting)
		return CELL_TX;
	if (p == &geometry.closed)
		return CELL_CLOSED;
	if (p == &geometry.sleepers)
		return CELL_SLEEPERS;
	if (at < base || at >= base + sizeof(slots) || (at - base) % 64 >= 8 * SLOT_CELLS)
		abort();
	return CELL_SLOTS + (uint32_t)((at - base) / 64 * SLOT_CELLS + (at - base) % 64 / 8);
}

static bool is_header(uint32_t cell)
{
	return cell >= CELL_SLOTS && (cell - CELL_SLOTS) % SLOT_CELLS == 0;
}

static uint64_t hook_load(const volatile void *p, int order)
{
	struct thread_state_ *t = &w.thread[running];
	uint32_t cell = cell_of(p);

	if (mutation == HEAR_NO_SECOND_LOOK && is_header(cell) && order == __ATOMIC_RELAXED)
		return t->header;
	stop();
	if (is_header(cell) && order == __ATOMIC_ACQUIRE)
		t->header = w.cell[cell];
	for (uint32_t i = t->buffered; i > 0; i--)
		if (t->buffer[i - 1].cell == cell)
			return t->buffer[i - 1].value;
	return w.cell[cell];
}

static void hook_store(volatile void *p, uint64_t v, int order)
{
	struct thread_state_ *t = &w.thread[running];

	stop();
	if (t->buffered == BUFFER_MAX)
		abort();
	t->buffer[t->buffered++] = (struct entry){v, cell_of(p), order != __ATOMIC_RELAXED};
}

static void stop_drained(void)
{
	w.thread[running].drain = 1;
	stop();
	w.thread[running].drain = 0;
}

static uint64_t hook_xchg(volatile void *p, uint64_t v)
{
	uint32_t cell = cell_of(p);
	uint64_t old;
	int order = -1;

	if (kind == FRING_BROADCAST && mutation == CAST_UNMARKED && is_header(cell))
		return 0; /* not done at all */
	if (kind == FRING_BROADCAST && mutation == CAST_TAIL_IS_RELEASE && cell == CELL_TAIL)
		order = __ATOMIC_RELEASE;
	if (cell >= CELL_SLOTS && mutation == PUBLISH_IS_RELEASE)
		order = __ATOMIC_RELEASE;
	if (cell >= CELL_SLOTS && mutation == PUBLISH_IS_RELAXED)
		order = __ATOMIC_RELAXED;
	if ((cell == CELL_HEAD && mutation == POP_IS_RELEASE) ||
		(cell == CELL_RX && v && mutation == ARM_RX_IS_RELEASE) ||
		(cell == CELL_TX && v && mutation == ARM_TX_IS_RELEASE))
		order = __ATOMIC_RELEASE;
	if (order >= 0) {
		hook_store(p, v, order);
		if (order == __ATOMIC_RELAXED)
			stop_drained(); /* visible before the look at rx_waiting, but when? */
		return 0;               /* those places do not use the old value */
	}
	stop_drained();
	old = w.cell[cell];
	w.cell[cell] = v;
	return old;
}

static bool hook_cas(volatile void *p, uint64_t *expected, uint64_t v)
{
	uint32_t cell = cell_of(p);

	if (mutation == RESERVE_WITHOUT_CAS) {
		hook_store(p, v, __ATOMIC_RELEASE);
		return true;
	}
	stop_drained();
	if (w.cell[cell] != *expected) {
		*expected = w.cell[cell];
		return false;
	}
	w.cell[cell] = v;
	return true;
}

/* ---- the kernel's part ---- */

enum { SIDE_RX, SIDE_TX };

static void kernel_wake(uint32_t side)
{
	if (mutation == NO_WAKE)
		return;
	stop_drained();
	w.wakes[side]++;
}

static uint32_t kernel_wait(uint32_t side, uint32_t seen)
{
	struct thread_state_ *t = &w.thread[running];

	t->wait_side = side;
	t->wait_seen = seen;
	t->state = WAITING;
	stop_drained();
	t->state = READY;
	t->wait_side = t->wait_seen = 0;
	return w.wakes[side];
}

/* exo_ring_wait of a broadcast's reader, exo_ring_wake of its writer (kernel/ipc). */
static void kernel_wait_cast(uint64_t seen)
{
	uint32_t count = w.wakes[SIDE_RX];

	(void)hook_xchg(&geometry.sleepers, 1);
	if (mutation == KERNEL_NO_SECOND_LOOK ||
		(int64_t)(hook_load(&control.tail, __ATOMIC_SEQ_CST) - seen) <= 0)
		kernel_wait(SIDE_RX, count);
}

static void kernel_wake_cast(void)
{
	(void)hook_xchg(&geometry.sleepers, 0);
	kernel_wake(SIDE_RX);
}

static void fail_with(const char *what)
{
	if (!failure)
		failure = what;
}

/* ---- the threads ---- */

static uint32_t messages_of(uint32_t id)
{
	return messages - id;
}

static void producer(uint32_t id)
{
	struct fring_tx *tx = &w.tx[id];
	struct fring_message m[2];
	uint32_t sent = 0, seen = 0, all = messages_of(id);

	memset(m, 0, sizeof(m));
	while (sent < all) {
		bool wake = false;
		int64_t n;

		for (uint32_t i = 0; i < batch; i++) {
			m[i].len_bytes = 8;
			*(uint64_t *)m[i].payload = (uint64_t)(id + 1) << 8 | (sent + i);
		}
		if (batch > 1) {
			n = fring_send_batch(tx, m, all - sent < batch ? all - sent : batch, &wake);
		} else {
			n = fring_send(tx, 0, 0, m[0].payload, 8);
			wake = n == FRING_WAKE;
			n = n >= 0 ? 1 : n;
		}
		if (wake)
			kernel_wake(SIDE_RX);
		if (n > 0) {
			sent += (uint32_t)n;
		} else if (n != -FRING_EAGAIN) {
			fail_with("send failed");
		} else if (mutation == NO_SECOND_LOOK_TX) {
			(void)FRING_XCHG(&control.tx_waiting, 1);
			seen = kernel_wait(SIDE_TX, seen);
		} else if (fring_tx_arm(tx)) {
			seen = kernel_wait(SIDE_TX, seen);
		}
	}
}

static void take(const struct fring_message *m)
{
	uint64_t v = *(const uint64_t *)m->payload;
	uint32_t id = (uint32_t)(v >> 8) - 1;

	if (id >= producers || m->len_bytes != 8)
		fail_with("a payload that nobody sent");
	else if ((v & 0xff) != w.got[id])
		fail_with((v & 0xff) < w.got[id] ? "duplicated" : "lost or reordered");
	else
		w.got[id]++;
}

static int receive(struct fring_message *m)
{
	uint64_t header;
	struct fring_slot *s;
	int ret;

	if (mutation != POP_BEFORE_READ)
		return fring_recv(&w.rx[0], m);
	s = fring_front(&w.rx[0], &header);
	if (!s)
		return -FRING_EAGAIN;
	ret = fring_pop(&w.rx[0], 1);
	fring_take(m, s, header);
	return ret;
}

static void consumer(void)
{
	struct fring_message m[2];
	uint32_t left = messages_of(0) + (producers > 1 ? messages_of(1) : 0), seen = 0;

	memset(m, 0, sizeof(m));
	while (left) {
		bool wake = false;
		int64_t n;

		if (batch > 1) {
			n = fring_recv_batch(&w.rx[0], m, batch, &wake);
		} else {
			n = receive(m);
			wake = n == FRING_WAKE;
			n = n >= 0 ? 1 : n;
		}
		for (int64_t i = 0; i < n; i++)
			take(&m[i]);
		if (wake)
			kernel_wake(SIDE_TX);
		if (n > 0) {
			left -= (uint32_t)n;
		} else if (n != -FRING_EAGAIN) {
			fail_with("receive failed");
			return;
		} else if (mutation == NO_SECOND_LOOK_RX) {
			(void)FRING_XCHG(&control.rx_waiting, 1);
			seen = kernel_wait(SIDE_RX, seen);
		} else if (fring_rx_arm(&w.rx[0])) {
			seen = kernel_wait(SIDE_RX, seen);
		}
	}
	if (receive(m) != -FRING_EAGAIN)
		fail_with("a message too many");
}

/* Message i of a broadcast is two words i. */
static void writer(void)
{
	uint64_t words[2];

	for (uint64_t i = 0; i < messages; i++) {
		words[0] = words[1] = i;
		if (fring_cast(&w.tx[0], 0, 0, words, sizeof(words)) == FRING_WAKE)
			kernel_wake_cast();
	}
}

/* Ends with the last message, which nothing overwrites. */
static void reader(struct fring_rx *rx)
{
	uint64_t last = 0;
	uint32_t got = 0;
	struct fring_message m;

	memset(&m, 0, sizeof(m));
	while (rx->head < messages) {
		int n = fring_hear(rx, &m);
		uint64_t words[2];

		if (n == -FRING_EAGAIN) {
			kernel_wait_cast(rx->head);
			continue;
		}
		memcpy(words, m.payload, sizeof(words));
		if (n != FRING_OK || m.len_bytes != sizeof(words))
			fail_with("hear failed");
		else if (words[0] != words[1])
			fail_with("a torn message");
		else if (words[0] != rx->head - 1 || words[0] + 1 <= last)
			fail_with("lost, duplicated or reordered");
		last = rx->head;
		if (++got + rx->missed != rx->head)
			fail_with("got and missed do not add up");
		if (failure)
			return;
	}
}

static void thread_main(void)
{
	if (kind == FRING_BROADCAST && running == 0)
		writer();
	else if (kind == FRING_BROADCAST)
		reader(&w.rx[running - 1]);
	else if (running < producers)
		producer(running);
	else
		consumer();
	stop_drained();
	w.thread[running].state = ENDED;
	stop();
	abort();
}

static void start_world(void)
{
	memset(&w, 0, sizeof(w));
	memset(stack, 0, sizeof(stack));
	for (uint32_t i = 0; i < 2; i++)
		w.tx[i].ring = (struct fring){slots, &control, &geometry, ring_slots - 1, kind};
	w.rx[0].ring = w.rx[1].ring = w.tx[0].ring;
	for (uint32_t i = 0; i < threads; i++) {
		void **sp = (void **)(stack[i] + STACK_BYTES - 64);

		*--sp = NULL;
		*--sp = (void *)thread_main;
		sp -= 6;
		w.thread[i].sp = sp;
	}
}

/* ---- the search ---- */

struct snapshot {
	struct world world;
	uint32_t next; /* the step to try next */
	uint8_t *stacks;
};

static size_t live(uint32_t t)
{
	return (size_t)(stack[t] + STACK_BYTES - (uint8_t *)w.thread[t].sp);
}

static void save(struct snapshot *s)
{
	size_t bytes = 0, at = 0;

	for (uint32_t t = 0; t < threads; t++)
		bytes += live(t);
	s->world = w;
	s->next = 0;
	s->stacks = malloc(bytes);
	for (uint32_t t = 0; t < threads; at += live(t), t++)
		memcpy(s->stacks + at, w.thread[t].sp, live(t));
}

static void restore(const struct snapshot *s)
{
	size_t at = 0;

	w = s->world;
	for (uint32_t t = 0; t < threads; at += live(t), t++) {
		/* dead stack is zeroed, so that equal states look equal */
		memset((uint8_t *)w.thread[t].sp - DEAD_BYTES, 0, DEAD_BYTES);
		memcpy(w.thread[t].sp, s->stacks + at, live(t));
	}
}

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (; n >= 8; n -= 8, b += 8) {
		uint64_t v;

		memcpy(&v, b, 8);
		h = (h ^ v) * 0x9fb21c651e98df25u;
		h ^= h >> 29;
	}
	for (; n; n--, b++)
		h = (h ^ *b) * 0x100000001b3u;
	return h;
}

static uint64_t hash_state(void)
{
	uint64_t h = mix(1469598103934665603u, &w, sizeof(w));

	for (uint32_t t = 0; t < threads; t++)
		h = mix(h, w.thread[t].sp, live(t));
	return h ? h : 1;
}

static uint64_t *seen_states;
static uint64_t states;

static bool first_time(uint64_t h)
{
	uint64_t mask = (1ull << STATES_LOG2) - 1, i = h & mask;

	for (; seen_states[i]; i = (i + 1) & mask)
		if (seen_states[i] == h)
			return false;
	seen_states[i] = h;
	if (++states > mask / 4 * 3)
		fail_with("more states than the table holds");
	return true;
}

/* A buffered store may go when none before it is to the same place, and a release only when it is
 * the oldest. */
static bool may_flush(const struct thread_state_ *t, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (t->buffer[k].cell == t->buffer[i].cell || t->buffer[i].release)
			return false;
	return true;
}

static bool may_run(const struct world *x, uint32_t n)
{
	const struct thread_state_ *t = &x->thread[n];

	if (t->state == ENDED || (t->drain && t->buffered))
		return false;
	return t->state == READY || x->wakes[t->wait_side] != t->wait_seen;
}

/* Is step @n possible in state @x? Steps: run thread n; then, for each thread, flush an entry. */
static bool may_step(const struct world *x, uint32_t n)
{
	const struct thread_state_ *t;

	if (n < threads)
		return may_run(x, n);
	t = &x->thread[(n - threads) / BUFFER_MAX];
	n = (n - threads) % BUFFER_MAX;
	return n < t->buffered && may_flush(t, n);
}

static void step(uint32_t n)
{
	struct thread_state_ *t;

	if (n < threads) {
		running = n;
		model_switch(&main_sp, w.thread[n].sp);
		return;
	}
	t = &w.thread[(n - threads) / BUFFER_MAX];
	n = (n - threads) % BUFFER_MAX;
	w.cell[t->buffer[n].cell] = t->buffer[n].value;
	t->buffered--;
	memmove(&t->buffer[n], &t->buffer[n + 1], (t->buffered - n) * sizeof(struct entry));
	memset(&t->buffer[t->buffered], 0, sizeof(struct entry));
}

static bool all_ended(void)
{
	for (uint32_t t = 0; t < threads; t++)
		if (w.thread[t].state != ENDED)
			return false;
	return true;
}

static const char *search(void)
{
	static struct snapshot *path;
	const uint32_t depth_max = 4096, steps = threads * (1 + BUFFER_MAX);
	uint32_t depth = 0;

	path = malloc(sizeof(*path) * depth_max);
	seen_states = calloc(1ull << STATES_LOG2, sizeof(*seen_states));
	states = 0;
	failure = NULL;
	start_world();
	first_time(hash_state());
	save(&path[depth++]);
	while (depth && !failure) {
		struct snapshot *s = &path[depth - 1];

		while (s->next < steps && !may_step(&s->world, s->next))
			s->next++;
		if (s->next == steps) {
			free(s->stacks);
			depth--;
			continue;
		}
		restore(s);
		step(s->next++);
		if (!first_time(hash_state()))
			continue;
		bool stuck = true;
		for (uint32_t n = 0; n < threads && stuck; n++)
			stuck = !may_run(&w, n) && !w.thread[n].buffered;
		if (stuck && !all_ended())
			fail_with("asleep for ever: a wake-up was lost");
		for (uint32_t i = 0;
			kind != FRING_BROADCAST && stuck && all_ended() && i < producers; i++)
			if (w.got[i] != messages_of(i))
				fail_with("lost");
		if (depth == depth_max)
			fail_with("deeper than the path holds");
		else
			save(&path[depth++]);
	}
	while (depth)
		free(path[--depth].stacks);
	free(path);
	free(seen_states);
	return failure;
}

static const char *search_ring(enum fring_kind k, uint32_t n_producers, uint32_t n_messages,
	uint32_t n_slots, uint32_t n_batch)
{
	const char *found;

	kind = k;
	producers = n_producers;
	threads = k == FRING_BROADCAST ? 1 + n_batch : n_producers + 1;
	messages = n_messages;
	ring_slots = n_slots;
	batch = n_batch;
	found = search();
	u_note("%s, %u producer(s), %u message(s) (the second one less), %u slots, batch %u, "
	       "mutation %d: %llu states: %s",
		k == FRING_SPSC        ? "SPSC"
		: k == FRING_BROADCAST ? "broadcast (batch: readers)"
				       : "MPSC",
		producers, messages, ring_slots, batch, mutation, (unsigned long long)states,
		found ? found : "sound");
	return found;
}

U_TEST_LIMIT(spsc_every_interleaving, 300)
{
	mutation = SOUND;
	u_check(search_ring(FRING_SPSC, 1, 5, 2, 1) == NULL);
	u_check(search_ring(FRING_SPSC, 1, 6, 4, 1) == NULL);
	u_check(search_ring(FRING_SPSC, 1, 6, 2, 2) == NULL);
}

U_TEST_LIMIT(mpsc_every_interleaving, 300)
{
	mutation = SOUND;
	u_check(search_ring(FRING_MPSC, 1, 4, 2, 1) == NULL);
	u_check(search_ring(FRING_MPSC, 2, 2, 2, 1) == NULL);
}

U_TEST_LIMIT(broadcast_every_interleaving, 300)
{
	mutation = SOUND;
	u_check(search_ring(FRING_BROADCAST, 1, 4, 2, 1) == NULL);
	u_check(search_ring(FRING_BROADCAST, 1, 2, 2, 2) == NULL);
	u_check(search_ring(FRING_BROADCAST, 1, 5, 4, 1) == NULL);
}

U_TEST_LIMIT(every_mutation_is_caught, 300)
{
	for (mutation = SOUND + 1; mutation < MUTATIONS; mutation++) {
		bool mpsc = mutation == RESERVE_WITHOUT_CAS;
		const char *found = mutation >= FIRST_OF_BROADCAST
					    ? search_ring(FRING_BROADCAST, 1, 4, 2, 1)
				    : mpsc ? search_ring(FRING_MPSC, 2, 2, 2, 1)
					   : search_ring(FRING_SPSC, 1, 5, 2, 1);

		u_check(found != NULL);
		u_check(!found || !strstr(found, "than"));
	}
}
