/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ends and pools with fewer rights, and revoked ones: each call allowed and forbidden. */
#include "t_.h"
#include "ring_.h"
#include <pthread.h>

T_SUITE(ring_rights);

static int32_t with(int32_t cap, uint32_t rights)
{
	return (int32_t)exo_cap_derive(cap, rights, 0, 0);
}
static int32_t without(int32_t cap, uint32_t rights)
{
	return with(cap, EXO_ALL & ~rights);
}

T_CASE(waiting)
{
	int32_t ends[2], some, none;

	make(FRING_SPSC, 8, 0, ends);
	some = with(ends[1], EXO_WAIT);
	none = without(ends[1], EXO_WAIT);
	t_eq(exo_ring_wait(some, 0, EXO_NO_WAIT, -1), -ETIMEDOUT);
	t_eq(exo_ring_wait(none, 0, EXO_NO_WAIT, -1), -EACCES);
	t_eq(exo_ring_wait(ends[1], 0, EXO_NO_WAIT, none), -EACCES);
	t_eq(exo_ring_wake(some), 0);
	t_eq(exo_ring_wake(none), -EACCES);
	t_eq(exo_ring_wait(ends[0], 0, EXO_NO_WAIT, -1), 1);
}

T_CASE(telling)
{
	struct exo_ring_info info;
	int32_t ends[2], pool = (int32_t)exo_pool_create(4, 4096, 0);

	make(FRING_SPSC, 8, 0, ends);
	t_eq(exo_ring_info(with(ends[0], EXO_STAT), &info, sizeof(info)), 0);
	t_eq(exo_ring_info(without(ends[0], EXO_STAT), &info, sizeof(info)), -EACCES);
	t_eq(exo_ring_info(without(pool, EXO_STAT), &info, sizeof(info)), -EACCES);
}

T_CASE(capabilities)
{
	int32_t ends[2], fd = dup(0), bound = without(fd, EXO_TRANSFER), got[4];
	struct exo_cap_info info;
	long ticket;

	make(FRING_SPSC, 8, 0, ends);
	t_eq(exo_ring_send_caps(without(ends[0], EXO_SEND), &fd, 1, 0), -EACCES);
	t_eq(exo_ring_send_caps(ends[0], &bound, 1, 0), -EACCES);
	t_eq(fcntl(bound, F_GETFD), 0);
	fd = with(fd, EXO_READ | EXO_TRANSFER);
	ticket = exo_ring_send_caps(with(ends[0], EXO_SEND), &fd, 1, 0);
	t_check(ticket > 0);
	t_eq(exo_ring_recv_caps(without(ends[1], EXO_RECV), (uint64_t)ticket, got, 4, 0), -EACCES);
	t_eq(exo_ring_recv_caps(with(ends[1], EXO_RECV), (uint64_t)ticket, got, 4, 0), 1);
	t_eq(exo_cap_inspect(got[0], &info, sizeof(info)), 0); /* no more than was sent */
	t_eq(info.rights, EXO_READ | EXO_TRANSFER);
}

T_CASE(mapping)
{
	int32_t ends[2], pool = (int32_t)exo_pool_create(4, 4096, 0);
	const int both = PROT_READ | PROT_WRITE;

	make(FRING_SPSC, 8, 0, ends);
	for (int i = 0; i < 2; i++) {
		int32_t cap = i ? pool : ends[0];

		t_errno(mmap(NULL, 4096, PROT_READ, MAP_SHARED, without(cap, EXO_MAP), 0), EACCES);
		t_errno(mmap(NULL, 4096, both, MAP_SHARED, without(cap, EXO_WRITE), 4096), EACCES);
		t_check(mmap(NULL, 4096, PROT_READ, MAP_SHARED, without(cap, EXO_WRITE), 4096) !=
			MAP_FAILED);
		t_check(mmap(NULL, 4096, both, MAP_SHARED,
				with(cap, EXO_READ | EXO_WRITE | EXO_MAP), 4096) != MAP_FAILED);
	}
}

static void *revoke_soon(void *arg)
{
	t_sleep_ms(100);
	t_eq(exo_cap_revoke(*(int32_t *)arg, 0), 0);
	return NULL;
}

/* Who sleeps at a revoked end hears of it at once; the end itself lives on. */
T_CASE(revoked_while_asleep)
{
	int32_t ends[2], given;
	pthread_t thread;
	long long from;

	make(FRING_SPSC, 8, 0, ends);
	given = with(ends[1], EXO_ALL);
	pthread_create(&thread, NULL, revoke_soon, &given);
	from = t_now_ns();
	t_eq(exo_ring_wait(given, 0, in_ms(8000), -1), -EKEYREVOKED);
	t_check(t_now_ns() - from < 5000000000ll);
	pthread_join(thread, NULL);
	t_eq(exo_ring_wake(given), -EKEYREVOKED);
	t_eq(exo_ring_wake(ends[0]), 0);
	t_eq(exo_ring_wait(ends[1], 0, EXO_NO_WAIT, -1), 1);
}

/* What travels is revoked as what is held. */
T_CASE(revoked_on_the_way)
{
	int32_t ends[2], fd = open("f", O_RDWR | O_CREAT, 0600), parent = with(fd, EXO_ALL), child,
			 got;
	long ticket;

	make(FRING_SPSC, 8, 0, ends);
	child = with(parent, EXO_ALL);
	ticket = exo_ring_send_caps(ends[0], &child, 1, 0);
	t_check(ticket > 0);
	t_eq(exo_cap_revoke(parent, 0), 0);
	t_eq(exo_ring_recv_caps(ends[1], (uint64_t)ticket, &got, 1, 0), 1);
	t_errno(write(got, "x", 1), EKEYREVOKED);
	t_eq(exo_ring_send_caps(ends[0], &got, 1, 0), -EKEYREVOKED);
}

/* A lent end: the borrower's mapping goes with the grant, and with it the end is not gone for the
 * lender's peer. */
T_CASE(revoked_end_is_unmapped)
{
	int32_t ends[2], given;
	struct exo_ring_info info;
	struct exo_end e;
	int status = 0;
	pid_t pid;

	make(FRING_SPSC, 8, 0, ends);
	given = with(ends[0], EXO_ALL & ~(uint32_t)EXO_REVOKE);
	must_open(&e, given);
	t_eq(exo_end_send(&e, 20, 0, "x", 1, EXO_NO_WAIT), 0);
	pid = t_fork();
	if (!pid) {
		t_sleep_ms(300);
		(void)exo_end_send(&e, 20, 0, "y", 1, EXO_NO_WAIT); /* the memory is away */
		_exit(0);
	}
	t_eq(exo_cap_revoke(given, 0), -EACCES);
	t_eq(exo_cap_revoke(ends[0], 1), 0); /* all below it */
	t_eq(waitpid(pid, &status, 0), pid);
	t_check(WIFSIGNALED(status));
	t_eq(exo_ring_info(ends[1], &info, sizeof(info)), 0);
	t_eq(info.peer_gone, 0);
}
