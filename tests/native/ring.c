/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rings, channels and pools between processes: messages, sleep, death, capabilities, and what a
 * program may not do to them. */
#include "t_.h"
#include "ring_.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>

T_SUITE(ring);

/* ---- making ---- */

T_CASE(create_checks)
{
	struct exo_ring_params p = {FRING_SPSC, 8, 0};
	struct {
		struct exo_ring_params p;
		uint32_t more;
	} big = {{FRING_SPSC, 8, 0}, 0};
	int32_t ends[2] = {-7, -7};

	p.kind = 0;
	t_eq(exo_ring_create(&p, sizeof(p), ends), -EINVAL);
	p.kind = 4;
	t_eq(exo_ring_create(&p, sizeof(p), ends), -EINVAL);
	p = (struct exo_ring_params){FRING_SPSC, 3, 0};
	t_eq(exo_ring_create(&p, sizeof(p), ends), -EINVAL);
	p.slots = 1;
	t_eq(exo_ring_create(&p, sizeof(p), ends), -EINVAL);
	p.slots = 1u << 21;
	t_eq(exo_ring_create(&p, sizeof(p), ends), -EINVAL);
	p = (struct exo_ring_params){FRING_SPSC, 8, 4};
	t_eq(exo_ring_create(&p, sizeof(p), ends), -EINVAL);
	p = (struct exo_ring_params){FRING_BROADCAST, 8, EXO_RING_DUPLEX};
	t_eq(exo_ring_create(&p, sizeof(p), ends), -EINVAL);
	p.flags = 0;
	t_eq(exo_ring_create(&p, 11, ends), -EINVAL);
	t_eq(exo_ring_create((void *)1, sizeof(p), ends), -EFAULT);
	t_eq(exo_ring_create(&p, sizeof(p), (void *)1), -EFAULT);
	t_eq(ends[0], -7);
	t_eq(exo_ring_create(&big.p, sizeof(big), ends), 0);
	big.more = 1;
	t_eq(exo_ring_create(&big.p, sizeof(big), ends), -E2BIG);
	t_eq(exo_pool_create(0, 4096, 0), -EINVAL);
	t_eq(exo_pool_create(4, 100, 0), -EINVAL);
	t_eq(exo_pool_create(4, 4096, 2), -EINVAL);
}

T_CASE(info_and_types)
{
	struct exo_ring_info info;
	struct exo_cap_info cap;
	int32_t ring[2], channel[2], pool = (int32_t)exo_pool_create(4, 4096, EXO_RING_CLOEXEC);

	make(FRING_SPSC, 8, EXO_RING_CLOEXEC, ring);
	make(FRING_MPSC, 16, EXO_RING_DUPLEX, channel);
	t_eq(exo_ring_info(ring[1], &info, sizeof(info)), 0);
	t_eq(info.kind, FRING_SPSC);
	t_eq(info.slots, 8);
	t_eq(info.rings, 1);
	t_eq(info.side, 1);
	t_eq(info.ring_bytes, 8192);
	t_eq(info.peer_gone, 0);
	t_eq(exo_ring_info(channel[0], &info, sizeof(info)), 0);
	t_eq(info.rings, 2);
	t_eq(exo_ring_info(pool, &info, sizeof(info)), 0);
	t_eq(info.kind, 0);
	t_eq(exo_ring_info(0, &info, sizeof(info)), -EINVAL);
	t_eq(exo_ring_info(ring[0], &info, 23), -EINVAL);
	t_eq(exo_cap_inspect(ring[0], &cap, sizeof(cap)), 0);
	t_eq(cap.type, EXO_TYPE_RING);
	t_eq(cap.flags, EXO_CAP_CLOEXEC);
	t_eq(exo_cap_inspect(channel[0], &cap, sizeof(cap)), 0);
	t_eq(cap.type, EXO_TYPE_CHANNEL);
	t_eq(cap.flags, 0);
	t_eq(exo_cap_inspect(pool, &cap, sizeof(cap)), 0);
	t_eq(cap.type, EXO_TYPE_POOL);
	t_eq(fcntl(pool, F_GETFD), FD_CLOEXEC);
}

T_CASE(not_a_ring)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	int32_t pool = (int32_t)exo_pool_create(4, 4096, 0), ends[2], got[4], one = fd;
	char byte;

	make(FRING_SPSC, 8, 0, ends);
	t_eq(exo_ring_wake(fd), -EINVAL);
	t_eq(exo_ring_wait(fd, 0, 0, -1), -EINVAL);
	t_eq(exo_ring_wake(pool), -EINVAL);
	t_eq(exo_ring_wait(pool, 0, 0, -1), -EINVAL);
	t_eq(exo_ring_send_caps(pool, &one, 1, 0), -EINVAL);
	t_eq(exo_ring_recv_caps(pool, 1, got, 4, 0), -EINVAL);
	t_eq(exo_ring_wait(999, 0, 0, -1), -EBADF);
	t_eq(exo_ring_wait(ends[0], 1, 0, 999), -EBADF);
	t_errno(read(ends[0], &byte, 1), EINVAL);
	t_errno(write(ends[0], &byte, 1), EINVAL);
	t_errno(lseek(ends[0], 0, SEEK_SET), ESPIPE);
}

/* ---- memory ---- */

T_CASE(geometry_is_the_kernels)
{
	int32_t ends[2], channel[2], cast[2], pool = (int32_t)exo_pool_create(4, 4096, 0);
	char *map;
	int mem;

	make(FRING_SPSC, 64, 0, ends);
	make(FRING_SPSC, 64, EXO_RING_DUPLEX, channel);
	make(FRING_BROADCAST, 64, 0, cast);
	t_errno(mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, ends[0], 0), EACCES);
	t_errno(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, ends[1], 0), EACCES);
	t_errno(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, pool, 0), EACCES);
	/* the second ring's geometry stands in the middle */
	t_errno(mmap(NULL, 12288, PROT_WRITE, MAP_SHARED, channel[0], 8192), EACCES);
	/* a broadcast's reader only reads */
	t_errno(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, cast[1], 4096), EACCES);
	t_check(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, cast[0], 4096) != MAP_FAILED);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ends[0], 0);
	t_check(map != MAP_FAILED);
	t_errno(mprotect(map, 4096, PROT_READ | PROT_WRITE), EACCES);
	mem = open("/proc/self/mem", O_RDWR);
	if (mem >= 0) {
		t_check(pwrite(mem, "x", 1, (off_t)(uintptr_t)map) != 1);
		t_eq(*(uint32_t *)(void *)map, FRING_MAGIC);
	}
	/* nor is it reached by growing the mapping of what stands before it */
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, channel[0], 8192);
	t_check(map != MAP_FAILED);
	t_errno(mremap(map, 4096, 8192, MREMAP_MAYMOVE), EFAULT);
	t_errno(mremap(map, 0, 8192, MREMAP_MAYMOVE), EFAULT);
	/* a private copy is the program's own affair */
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, ends[0], 0);
	t_check(map != MAP_FAILED);
	*map = 0;
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ends[1], 0);
	t_eq(*(uint32_t *)(void *)map, FRING_MAGIC);
	/* the memory ends where it ends */
	map = mmap(NULL, 16384, PROT_READ, MAP_SHARED, ends[0], 0);
	if (map != MAP_FAILED) {
		int p[2];

		t_ok(pipe(p));
		t_errno(write(p[1], map + 12288, 1), EFAULT);
	}
	t_errno(ftruncate(ends[0], 4096), EINVAL);
}

/* ---- messages between processes ---- */

static void stream_child(int32_t cap, uint32_t id, uint32_t count, uint32_t batch)
{
	struct fring_message m[16];
	struct exo_end e;

	must_open(&e, cap);
	memset(m, 0, sizeof(m));
	for (uint32_t i = 0; i < count;) {
		uint32_t n = count - i < batch ? count - i : batch;

		for (uint32_t k = 0; k < n; k++) {
			uint32_t words[14];

			for (uint32_t w = 0; w < 14; w++)
				words[w] = (i + k) * 3 + w + id;
			m[k].len_bytes = (uint16_t)(4 + (i + k) % 14 * 4);
			m[k].type = (uint8_t)(FRING_TYPE_USER + id);
			memcpy(m[k].payload, words, sizeof(words));
		}
		if (batch == 1 ? exo_end_send(&e, m[0].type, 0, m[0].payload, m[0].len_bytes,
					 EXO_FOREVER) != 0
			       : exo_end_send_batch(&e, m, n, EXO_FOREVER) != n)
			_exit(2);
		i += n;
	}
	_exit(0);
}

static void stream(
	uint32_t kind, uint32_t slots, uint32_t producers, uint32_t count, uint32_t batch)
{
	uint32_t next[4] = {0}, bad = 0, got = 0;
	struct fring_message m[16];
	struct exo_end e;
	int32_t ends[2];
	pid_t pid[4];

	make(kind, slots, 0, ends);
	for (uint32_t i = 0; i < producers; i++) {
		pid[i] = t_fork();
		if (!pid[i]) {
			close(ends[1]);
			stream_child(ends[0], i, count, batch);
		}
	}
	close(ends[0]);
	must_open(&e, ends[1]);
	for (;;) {
		int64_t n = batch == 1 ? exo_end_recv(&e, m, EXO_FOREVER)
				       : exo_end_recv_batch(&e, m, 16, EXO_FOREVER);

		if (n < 0) {
			t_eq(n, -EPIPE);
			break;
		}
		for (int64_t k = 0; k < (batch == 1 ? 1 : n); k++) {
			uint32_t id = m[k].type - FRING_TYPE_USER, i = next[id % 4]++, words[14];

			memcpy(words, m[k].payload, sizeof(words));
			bad += id >= producers || m[k].len_bytes != 4 + i % 14 * 4;
			for (uint32_t w = 0; w < m[k].len_bytes / 4u; w++)
				bad += words[w] != i * 3 + w + id;
			got++;
		}
	}
	t_eq(bad, 0);
	t_eq(got, producers * count);
	for (uint32_t i = 0; i < producers; i++)
		t_exit(pid[i], 0);
	exo_end_close(&e);
	close(ends[1]);
}

T_CASE_LIMIT(spsc_two_processes, 60)
{
	stream(FRING_SPSC, 2, 1, 3000, 1);
	stream(FRING_SPSC, 64, 1, 100000, 1);
	stream(FRING_SPSC, 64, 1, 100000, 16);
	stream(FRING_SPSC, 8, 1, 20000, 7);
}

T_CASE_LIMIT(mpsc_four_processes, 60)
{
	stream(FRING_MPSC, 2, 3, 1000, 1);
	stream(FRING_MPSC, 64, 3, 20000, 1);
	stream(FRING_MPSC, 64, 4, 20000, 5);
}

T_CASE_LIMIT(channel_ping_pong, 60)
{
	struct fring_message m;
	struct exo_end e;
	int32_t ends[2];
	uint64_t bad = 0;
	pid_t pid;

	make(FRING_SPSC, 4, EXO_RING_DUPLEX, ends);
	pid = t_fork();
	if (!pid) {
		close(ends[0]);
		must_open(&e, ends[1]);
		while (!exo_end_recv(&e, &m, EXO_FOREVER)) {
			++*(uint64_t *)m.payload;
			if (exo_end_send(&e, 20, 0, m.payload, 8, EXO_FOREVER))
				_exit(2);
		}
		_exit(0);
	}
	close(ends[1]);
	must_open(&e, ends[0]);
	for (uint64_t i = 0; i < 20000; i++) {
		bad += exo_end_send(&e, 20, 0, &i, 8, EXO_FOREVER) != 0;
		bad += exo_end_recv(&e, &m, EXO_FOREVER) != 0 || *(uint64_t *)m.payload != i + 1;
	}
	t_eq(bad, 0);
	exo_end_close(&e);
	close(ends[0]);
	t_exit(pid, 0);
}

T_CASE_LIMIT(broadcast_three_readers, 60)
{
	enum { READERS = 3, COUNT = 30000 };
	struct fring_message m;
	struct exo_end e;
	int32_t ends[2], ready[2];
	pid_t pid[READERS];
	char byte;

	make(FRING_BROADCAST, 16, 0, ends);
	t_ok(pipe(ready));
	for (int i = 0; i < READERS; i++) {
		pid[i] = t_fork();
		if (pid[i])
			continue;
		uint64_t got = 0, last = 0, missed = 0;
		int n;

		close(ends[0]);
		must_open(&e, ends[1]);
		if (write(ready[1], "r", 1) != 1)
			_exit(3);
		while (!(n = exo_end_recv(&e, &m, EXO_FOREVER))) {
			uint64_t value = *(uint64_t *)m.payload;

			missed += value - last - 1;
			last = value;
			got++;
			if (i == 1 && got % 64 == 0)
				t_sleep_ms(1); /* a slow one */
		}
		_exit(n == -EPIPE && got && got + e.rx.missed == COUNT && missed <= e.rx.missed
				? 0
				: 4);
	}
	close(ends[1]);
	for (int i = 0; i < READERS; i++)
		t_eq(read(ready[0], &byte, 1), 1);
	must_open(&e, ends[0]);
	for (uint64_t i = 1; i <= COUNT; i++) {
		if (exo_end_send(&e, 20, 0, &i, 8, EXO_NO_WAIT))
			t_stop("a writer never waits");
		if (i % 1000 == 0)
			t_sleep_ms(1);
	}
	exo_end_close(&e);
	close(ends[0]);
	for (int i = 0; i < READERS; i++)
		t_exit(pid[i], 0);
}

/* A reader's wake must not keep the other readers asleep. */
T_CASE(broadcast_reader_cannot_hide_sleepers)
{
	struct fring_message m;
	struct exo_end e;
	int32_t ends[2];
	uint64_t value = 7;
	pid_t pid;

	make(FRING_BROADCAST, 16, 0, ends);
	pid = t_fork();
	if (!pid) {
		close(ends[0]);
		must_open(&e, ends[1]);
		_exit(exo_end_recv(&e, &m, in_ms(5000)) == 0 ? 0 : 5);
	}
	t_sleep_ms(100);
	t_eq(exo_ring_wake(ends[1]), 0);
	must_open(&e, ends[0]);
	t_eq(exo_end_send(&e, 20, 0, &value, 8, EXO_NO_WAIT), 0);
	t_eq(e.wakes, 1);
	t_exit(pid, 0);
}

/* ---- sleeping ---- */

T_CASE(deadlines_and_signals)
{
	struct fring_message m;
	struct exo_end rx, tx;
	int32_t ends[2];
	uint64_t from;

	make(FRING_SPSC, 2, 0, ends);
	must_open(&tx, ends[0]);
	must_open(&rx, ends[1]);
	t_eq(exo_end_recv(&rx, &m, EXO_NO_WAIT), -EAGAIN);
	from = t_now_ns();
	t_eq(exo_end_recv(&rx, &m, in_ms(30)), -ETIMEDOUT);
	t_check(t_now_ns() - from >= 30000000);
	t_eq(exo_end_send(&tx, 20, 0, "a", 1, EXO_NO_WAIT), 0);
	t_eq(exo_end_send(&tx, 20, 0, "b", 1, EXO_NO_WAIT), 0);
	t_eq(exo_end_send(&tx, 20, 0, "c", 1, EXO_NO_WAIT), -EAGAIN);
	t_eq(exo_end_send(&tx, 20, 0, "c", 1, in_ms(30)), -ETIMEDOUT);
	t_eq(exo_end_send(&tx, 20, 0, "c", 57, EXO_NO_WAIT), -EINVAL);
	t_eq(exo_end_recv(&rx, &m, EXO_NO_WAIT), 0);
	t_eq(m.payload[0], 'a');
	t_eq(exo_end_recv(&tx, &m, EXO_NO_WAIT), -EBADF);
	t_eq(exo_end_send(&rx, 20, 0, "c", 1, EXO_NO_WAIT), -EBADF);
	t_eq(exo_end_recv(&rx, &m, EXO_NO_WAIT), 0);
}

static void on_alarm(int sig)
{
	(void)sig;
}

T_CASE(signals)
{
	struct fring_message m;
	struct exo_end rx;
	int32_t ends[2];
	uint64_t from = t_now_ns();
	struct {
		struct timeval interval, value;
	} timer = {{0, 0}, {0, 50000}};

	make(FRING_SPSC, 2, 0, ends);
	must_open(&rx, ends[1]);
	t_handler(SIGALRM, on_alarm, 0);
	t_ok(syscall(SYS_setitimer, 0, &timer, NULL));
	t_eq(exo_end_recv(&rx, &m, EXO_FOREVER), -EINTR);
	t_check(t_now_ns() - from >= 50000000);
	t_handler(SIGALRM, on_alarm, SA_RESTART);
	t_ok(syscall(SYS_setitimer, 0, &timer, NULL));
	t_eq(exo_end_recv(&rx, &m, in_ms(150)), -ETIMEDOUT);
}

T_CASE(no_call_while_the_peer_runs)
{
	struct fring_message m;
	struct exo_end tx, rx;
	int32_t ends[2];

	make(FRING_SPSC, 8, 0, ends);
	must_open(&tx, ends[0]);
	must_open(&rx, ends[1]);
	for (int i = 0; i < 1000; i++) {
		t_eq(exo_end_send(&tx, 20, 0, &i, 4, EXO_NO_WAIT), 0);
		t_eq(exo_end_recv(&rx, &m, EXO_NO_WAIT), 0);
	}
	t_eq(tx.wakes + tx.sleeps + rx.wakes + rx.sleeps, 0);
}

struct sleeper {
	int32_t cap;
	uint32_t seen;
	long result;
};

static void *sleep_on(void *arg)
{
	struct sleeper *s = arg;

	s->result = exo_ring_wait(s->cap, s->seen, in_ms(5000), -1);
	return NULL;
}

/* One wake-up wakes all that sleep at an end, the first and those in the queue. */
T_CASE(many_sleepers)
{
	enum { SLEEPERS = 6 };
	struct sleeper s[SLEEPERS];
	pthread_t thread[SLEEPERS];
	int32_t ends[2];

	make(FRING_SPSC, 8, 0, ends);
	for (int i = 0; i < SLEEPERS; i++) {
		s[i] = (struct sleeper){ends[1], 0, -1};
		pthread_create(&thread[i], NULL, sleep_on, &s[i]);
	}
	t_sleep_ms(100);
	t_eq(exo_ring_wake(ends[0]), 0);
	for (int i = 0; i < SLEEPERS; i++) {
		pthread_join(thread[i], NULL);
		t_eq(s[i].result, 1);
	}
	t_eq(exo_ring_wait(ends[1], 0, EXO_FOREVER, -1), 1);
	t_eq(exo_ring_wait(ends[1], 1, EXO_NO_WAIT, -1), -ETIMEDOUT);
	t_eq(exo_ring_wait(ends[1], 1, EXO_NO_WAIT, ends[0]), 2);
}

T_CASE(poll_and_epoll)
{
	struct fring_message m;
	struct exo_end tx, rx;
	struct epoll_event ev = {.events = EPOLLIN};
	struct pollfd p;
	int32_t ends[2];
	int ep = epoll_create1(0);
	pid_t pid;

	make(FRING_SPSC, 8, 0, ends);
	must_open(&rx, ends[1]);
	p = (struct pollfd){ends[1], POLLIN, 0};
	t_ok(epoll_ctl(ep, EPOLL_CTL_ADD, ends[1], &ev));
	t_check(exo_end_arm(&rx));
	t_eq(poll(&p, 1, 0), 0);
	pid = t_fork();
	if (!pid) {
		must_open(&tx, ends[0]);
		t_sleep_ms(50);
		_exit(exo_end_send(&tx, 20, 0, "x", 1, EXO_NO_WAIT) || tx.wakes != 1);
	}
	t_eq(epoll_wait(ep, &ev, 1, 5000), 1);
	t_eq(poll(&p, 1, 0), 1);
	t_eq(exo_end_recv(&rx, &m, EXO_NO_WAIT), 0);
	t_check(exo_end_arm(&rx));
	t_eq(poll(&p, 1, 0), 0);
	t_exit(pid, 0);
	close(ends[0]);
	t_eq(poll(&p, 1, 0), 1);
	t_check(p.revents & POLLHUP);
}

/* ---- death ---- */

enum death { CLOSES, EXITS, KILLED };

static void peer_dies(enum death how, bool receiver_dies, bool asleep)
{
	struct fring_message m;
	struct exo_end e;
	int32_t ends[2];
	int mine = receiver_dies ? 0 : 1, n = 0;
	pid_t pid;

	make(FRING_SPSC, 2, 0, ends);
	pid = t_fork();
	if (!pid) {
		close(ends[mine]);
		must_open(&e, ends[!mine]);
		if (!receiver_dies && exo_end_send(&e, 20, 0, "last", 4, EXO_NO_WAIT))
			_exit(2);
		if (asleep)
			t_sleep_ms(60);
		if (how == KILLED)
			raise(SIGKILL);
		if (how == CLOSES) {
			close(ends[!mine]);
			exo_end_close(&e);
			t_sleep_ms(200);
		}
		_exit(0);
	}
	close(ends[!mine]);
	must_open(&e, ends[mine]);
	if (!asleep)
		t_sleep_ms(60);
	if (receiver_dies) {
		while (!n)
			n = exo_end_send(&e, 20, 0, "x", 1, in_ms(5000));
	} else {
		t_eq(exo_end_recv(&e, &m, in_ms(5000)), 0);
		t_eq(m.len_bytes, 4);
		n = exo_end_recv(&e, &m, in_ms(5000));
	}
	t_eq(n, -EPIPE);
	if (how != CLOSES)
		t_eq(waitpid(pid, NULL, 0), pid);
	t_eq(exo_ring_wait(ends[mine], 0, EXO_FOREVER, -1), -EPIPE);
	t_eq(exo_ring_wake(ends[mine]), 0);
	exo_end_close(&e);
	close(ends[mine]);
	if (how == CLOSES)
		t_eq(waitpid(pid, NULL, 0), pid);
}

T_CASE_LIMIT(peer_dies_in_any_state, 60)
{
	for (int how = CLOSES; how <= KILLED; how++)
		for (int state = 0; state < 4; state++)
			peer_dies((enum death)how, state & 1, state & 2);
}

/* A descriptor that is closed while its memory is mapped leaves the end alive. */
T_CASE(mapping_keeps_the_end)
{
	struct exo_ring_info info;
	struct exo_end e;
	int32_t ends[2];

	make(FRING_SPSC, 8, 0, ends);
	must_open(&e, ends[1]);
	close(ends[1]);
	t_eq(exo_ring_info(ends[0], &info, sizeof(info)), 0);
	t_eq(info.peer_gone, 0);
	exo_end_close(&e);
	t_eq(exo_ring_info(ends[0], &info, sizeof(info)), 0);
	t_eq(info.peer_gone, 1);
}

/* A producer that dies between reserving and writing does not hold up the others' messages. */
T_CASE(producer_dies_half_way)
{
	struct fring_message m;
	struct exo_end tx, rx;
	uint64_t at = 0;
	int32_t ends[2];

	make(FRING_MPSC, 8, 0, ends);
	must_open(&rx, ends[1]);
	must_open(&tx, ends[0]);
	t_eq(exo_end_send(&tx, 20, 0, "1", 1, EXO_NO_WAIT), 0);
	t_eq(fring_reserve(&tx.tx, 1, &at), 1); /* and never written */
	t_eq(exo_end_send(&tx, 20, 0, "2", 1, EXO_NO_WAIT), 0);
	exo_end_close(&tx);
	close(ends[0]);
	t_eq(exo_end_recv(&rx, &m, EXO_FOREVER), 0);
	t_eq(m.payload[0], '1');
	t_eq(exo_end_recv(&rx, &m, EXO_FOREVER), 0);
	t_eq(m.payload[0], '2');
	t_eq(exo_end_recv(&rx, &m, EXO_FOREVER), -EPIPE);
}

/* ---- zero copy ---- */

T_CASE_LIMIT(pool_hand_over_and_back, 60)
{
	enum { BLOCKS = 8, BYTES = 65536, ROUNDS = 500 };
	int32_t ends[2], pool = (int32_t)exo_pool_create(BLOCKS, BYTES, 0);
	struct fpool_entry entry[BLOCKS];
	struct fring_message m;
	struct fpool_owner owner = {0};
	struct fpool_desc d;
	struct fpool seen;
	struct exo_end e;
	size_t bytes = 0;
	void *map, *data = NULL;
	uint32_t back = 0, bad = 0, block;
	pid_t pid;

	make(FRING_SPSC, 8, EXO_RING_DUPLEX, ends);
	pid = t_fork();
	if (!pid) {
		close(ends[0]);
		must_open(&e, ends[1]);
		map = exo_pool_map(pool, &bytes);
		if (!map || fpool_attach(&seen, map, bytes))
			_exit(2);
		while (!exo_end_recv(&e, &m, EXO_FOREVER)) {
			if (fpool_see(&seen, &m, &d, &data))
				_exit(3);
			for (uint32_t i = 0; i < d.len_bytes; i += 4096)
				++*(uint32_t *)(void *)((char *)data + i);
			if (exo_end_send(&e, FRING_TYPE_BLOCK, 0, &d, sizeof(d), EXO_FOREVER))
				_exit(4);
		}
		_exit(0);
	}
	close(ends[1]);
	must_open(&e, ends[0]);
	map = exo_pool_map(pool, &bytes);
	if (!t_check(map != NULL) || !t_eq(fpool_own(&owner, map, bytes, entry, BLOCKS), 0))
		return;
	for (uint32_t sent = 0; back < ROUNDS;) {
		if (sent < ROUNDS && !fpool_take(&owner, &block)) {
			uint32_t *p = fpool_block(&owner.pool, block);

			for (uint32_t i = 0; i < BYTES / 4; i += 1024)
				p[i] = sent + i;
			bad += fpool_lend(&owner, block, 0, BYTES, &d) != 0;
			bad += exo_end_send(&e, FRING_TYPE_BLOCK, 0, &d, sizeof(d), EXO_FOREVER) !=
			       0;
			sent++;
			continue;
		}
		bad += exo_end_recv(&e, &m, EXO_FOREVER) != 0;
		bad += fpool_see(&owner.pool, &m, &d, &data) != 0;
		for (uint32_t i = 0; i < BYTES / 4; i += 1024)
			bad += ((uint32_t *)data)[i] != back + i + 1;
		bad += fpool_back(&owner, &d) != 0;
		back++;
	}
	t_eq(bad, 0);
	t_eq(fpool_back(&owner, &d), -EPROTO); /* twice */
	exo_end_close(&e);
	close(ends[0]);
	t_exit(pid, 0);
}
