/* The ring calls on a Linux kernel, so that a program that lives on Exo-OS can be developed there:
 * memory from memfd, sleep and wake-up by futex. C11 and C++11, inline; exo_ring.h includes it
 * where EXO_RING_LINUX is defined. Each call asks the kernel for the native one first, so one
 * binary runs on both.
 *
 * An end is an open file description of the memfd: its position is the side, and its lock on the
 * byte of that side tells the other one that somebody still holds it. So ends may be dup'ed, forked
 * and sent by SCM_RIGHTS, as on Exo-OS. Otherwise than there:
 *  - the end of a peer is noticed by who waits (within EXO_LINUX_LOOK_NS), not by who sends;
 *  - the geometry is not protected from a peer that maps it to write: no hostile peers;
 *  - an end is no use in poll, no capabilities cross a ring (-EOPNOTSUPP: use a socket), and no
 *    right is checked. */
#ifndef EXO_RING_LINUX_H
#define EXO_RING_LINUX_H

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../exo_abi/exo_native.h"
#include "fusion_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EXO_LINUX_MAGIC   0x4b4e4c4fu /* "OLNK" */
#define EXO_LINUX_LOOK_NS 20000000l

struct exo_linux_link { /* the last page of the memfd: what the kernel of Exo-OS keeps to itself */
	uint32_t magic, kind, slots, rings; /* kind 0: a pool */
	uint64_t ring_bytes;
	uint32_t wakes[2]; /* [atomic] of each side; futex words */
};

/* @pages of the memfd from @offset; whole link: offset ~0. NULL: it is none of ours, or no memory.
 */
static inline void *exo_linux_map_(int32_t cap, uint64_t offset, size_t bytes)
{
	struct stat st;
	void *p;

	if (offset == ~0ull) {
		if (fstat(cap, &st) || st.st_size < 2 * (off_t)FRING_PAGE)
			return NULL;
		offset = (uint64_t)st.st_size - FRING_PAGE;
	}
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cap, (off_t)offset);
	return p == MAP_FAILED ? NULL : p;
}

static inline struct exo_linux_link *exo_linux_link_(int32_t cap, uint32_t *side)
{
	struct exo_linux_link *l = (struct exo_linux_link *)exo_linux_map_(cap, ~0ull, FRING_PAGE);
	off_t at = lseek(cap, 0, SEEK_CUR);

	if (l && (l->magic != EXO_LINUX_MAGIC || at < 0 || at > 1)) {
		munmap(l, FRING_PAGE);
		return NULL;
	}
	*side = (uint32_t)at;
	return l;
}

static inline int exo_linux_lock_(int32_t cap, int command, uint32_t side, short *type)
{
	struct flock f;
	int err;

	__builtin_memset(&f, 0, sizeof(f));
	f.l_type = F_WRLCK;
	f.l_whence = SEEK_SET;
	f.l_start = side;
	f.l_len = 1;
	err = fcntl(cap, command, &f) ? -errno : 0;
	*type = f.l_type;
	return err;
}

static inline bool exo_linux_gone_(int32_t cap, uint32_t side)
{
	short type = F_WRLCK;

	return !exo_linux_lock_(cap, F_OFD_GETLK, side, &type) && type == F_UNLCK;
}

/* The memfd with its link page, on side 0. The descriptor | -errno. */
static inline int32_t exo_linux_make_(const struct exo_linux_link *link, bool cloexec)
{
	uint64_t bytes = link->ring_bytes * (link->rings ? link->rings : 1);
	int32_t cap = memfd_create("exo-ring", cloexec ? MFD_CLOEXEC : 0);
	struct exo_linux_link *l;
	int err;

	if (cap < 0)
		return -errno;
	err = ftruncate(cap, (off_t)(bytes + FRING_PAGE)) ? errno : 0;
	l = err ? NULL : (struct exo_linux_link *)exo_linux_map_(cap, bytes, FRING_PAGE);
	if (!l) {
		close(cap);
		return err ? -err : -ENOMEM;
	}
	*l = *link;
	munmap(l, FRING_PAGE);
	return cap;
}

static inline int exo_linux_format_(int32_t cap, const struct exo_linux_link *link)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (uint32_t i = 0; i < link->rings; i++) {
		void *page = exo_linux_map_(cap, i * link->ring_bytes, FRING_PAGE);

		if (!page)
			return -ENOMEM;
		fring_format(page, (enum fring_kind)link->kind, link->slots,
			cpus > 1 ? (uint32_t)cpus : 1);
		munmap(page, FRING_PAGE);
	}
	return 0;
}

static inline long exo_linux_create_(const struct exo_ring_params *p, int32_t *ends)
{
	struct exo_linux_link link;
	int cloexec = p->flags & EXO_RING_CLOEXEC ? O_CLOEXEC : 0, err;
	char path[32];
	short type;

	__builtin_memset(&link, 0, sizeof(link));
	link.magic = EXO_LINUX_MAGIC;
	link.kind = p->kind;
	link.slots = p->slots;
	link.rings = p->flags & EXO_RING_DUPLEX ? 2 : 1;
	link.ring_bytes = fring_bytes(p->slots);
	if (p->kind < FRING_SPSC || p->kind > FRING_BROADCAST || !link.ring_bytes ||
		p->flags & ~(EXO_RING_CLOEXEC | EXO_RING_DUPLEX) ||
		(p->kind == FRING_BROADCAST && link.rings == 2))
		return -EINVAL;
	ends[0] = exo_linux_make_(&link, cloexec);
	if (ends[0] < 0)
		return ends[0];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	ends[1] = open(path, O_RDWR | cloexec);
	err = ends[1] < 0 ? -errno : exo_linux_format_(ends[0], &link);
	if (!err && lseek(ends[1], 1, SEEK_SET) != 1)
		err = -EIO;
	for (uint32_t side = 0; side < 2 && !err; side++)
		err = exo_linux_lock_(ends[side], F_OFD_SETLK, side, &type);
	if (err) {
		close(ends[0]);
		if (ends[1] >= 0)
			close(ends[1]);
	}
	return err;
}

static inline long exo_linux_info_(int32_t cap, struct exo_ring_info *info, size_t size)
{
	struct exo_ring_info all;
	uint32_t side;
	struct exo_linux_link *l = exo_linux_link_(cap, &side);

	if (!l)
		return fcntl(cap, F_GETFD) < 0 ? -EBADF : -EINVAL;
	__builtin_memset(&all, 0, sizeof(all));
	all.kind = l->kind;
	all.slots = l->slots;
	all.rings = l->rings;
	all.side = side;
	all.ring_bytes = l->ring_bytes;
	all.wakes = FRING_LOAD(&l->wakes[side], __ATOMIC_SEQ_CST);
	all.peer_gone = l->kind && exo_linux_gone_(cap, !side);
	munmap(l, FRING_PAGE);
	__builtin_memcpy(info, &all, size < sizeof(all) ? size : sizeof(all));
	return 0;
}

static inline long exo_linux_wake_(int32_t cap)
{
	uint32_t side;
	struct exo_linux_link *l = exo_linux_link_(cap, &side);

	if (!l)
		return -EINVAL;
	__atomic_fetch_add(&l->wakes[!side], 1u, __ATOMIC_SEQ_CST);
	(void)syscall(SYS_futex, &l->wakes[!side], FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
	munmap(l, FRING_PAGE);
	return 0;
}

/* What the kernel of Exo-OS writes into the geometry: that the peer of @side is gone. */
static inline void exo_linux_close_(int32_t cap, const struct exo_linux_link *l, uint32_t side)
{
	for (uint32_t i = 0; i < l->rings; i++) {
		struct fring_geometry *g =
			(struct fring_geometry *)exo_linux_map_(cap, i * l->ring_bytes, FRING_PAGE);

		if (!g)
			continue;
		__atomic_fetch_or(&g->closed, i == !side ? FRING_CLOSED_TX : FRING_CLOSED_RX,
			__ATOMIC_SEQ_CST);
		munmap(g, FRING_PAGE);
	}
}

/* A broadcast's reader sleeps until the writer's position has passed @seen. */
static inline bool exo_linux_passed_(int32_t cap, uint32_t seen)
{
	unsigned char *p = (unsigned char *)exo_linux_map_(cap, 0, 2 * FRING_PAGE);
	const struct fring_control *c =
		(const struct fring_control *)(void *)(p + FRING_CONTROL_AT);
	bool passed;

	if (!p)
		return true; /* the caller looks itself */
	FRING_STORE(&((struct fring_geometry *)(void *)p)->sleepers, 1u, __ATOMIC_SEQ_CST);
	passed = (int32_t)((uint32_t)FRING_LOAD(&c->tail, __ATOMIC_SEQ_CST) - seen) > 0;
	munmap(p, 2 * FRING_PAGE);
	return passed;
}

static inline uint64_t exo_linux_now_(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline long exo_linux_wait_(int32_t cap, uint32_t seen, uint64_t deadline_ns, int32_t wake)
{
	uint32_t side, count;
	struct exo_linux_link *l;
	long ret = wake >= 0 ? exo_linux_wake_(wake) : 0;

	if (ret)
		return ret;
	l = exo_linux_link_(cap, &side);
	if (!l || !l->kind)
		return -EINVAL;
	for (;;) {
		struct timespec slice = {0, EXO_LINUX_LOOK_NS};
		bool reader = l->kind == FRING_BROADCAST && side;
		uint64_t now;

		count = FRING_LOAD(&l->wakes[side], __ATOMIC_SEQ_CST);
		if (exo_linux_gone_(cap, !side)) {
			exo_linux_close_(cap, l, side);
			ret = -EPIPE;
			break;
		}
		ret = (long)count;
		if (reader ? exo_linux_passed_(cap, seen) : count != seen)
			break;
		now = exo_linux_now_();
		ret = -ETIMEDOUT;
		if (deadline_ns != EXO_FOREVER && now >= deadline_ns)
			break;
		if (deadline_ns != EXO_FOREVER && deadline_ns - now < (uint64_t)EXO_LINUX_LOOK_NS)
			slice.tv_nsec = (long)(deadline_ns - now);
		ret = -EINTR;
		if (syscall(SYS_futex, &l->wakes[side], FUTEX_WAIT, count, &slice, NULL, 0) &&
			errno == EINTR)
			break;
	}
	munmap(l, FRING_PAGE);
	return ret;
}

static inline long exo_linux_pool_(uint32_t blocks, uint32_t block_bytes, uint32_t flags)
{
	struct exo_linux_link link;
	int32_t cap;
	void *page;

	__builtin_memset(&link, 0, sizeof(link));
	link.magic = EXO_LINUX_MAGIC;
	link.ring_bytes = fpool_bytes(blocks, block_bytes);
	if (!link.ring_bytes || flags & ~EXO_RING_CLOEXEC)
		return -EINVAL;
	cap = exo_linux_make_(&link, flags & EXO_RING_CLOEXEC);
	page = cap < 0 ? NULL : exo_linux_map_(cap, 0, FRING_PAGE);
	if (cap < 0 || !page) {
		if (cap >= 0)
			close(cap);
		return cap < 0 ? cap : -ENOMEM;
	}
	fpool_format(page, blocks, block_bytes);
	munmap(page, FRING_PAGE);
	return cap;
}

/* ---- the calls: the native one, or else the above ---- */

static inline long exo_either_create_(const struct exo_ring_params *p, size_t size, int32_t *ends)
{
	struct exo_ring_params all;
	long n = exo_ring_create(p, size, ends);

	if (n != -ENOSYS)
		return n;
	__builtin_memset(&all, 0, sizeof(all));
	__builtin_memcpy(&all, p, size < sizeof(all) ? size : sizeof(all));
	return exo_linux_create_(&all, ends);
}
static inline long exo_either_info_(int32_t cap, struct exo_ring_info *info, size_t size)
{
	long n = exo_ring_info(cap, info, size);

	return n == -ENOSYS ? exo_linux_info_(cap, info, size) : n;
}
static inline long exo_either_wait_(int32_t cap, uint32_t seen, uint64_t deadline_ns, int32_t wake)
{
	long n = exo_ring_wait(cap, seen, deadline_ns, wake);

	return n == -ENOSYS ? exo_linux_wait_(cap, seen, deadline_ns, wake) : n;
}
static inline long exo_either_wake_(int32_t cap)
{
	long n = exo_ring_wake(cap);

	return n == -ENOSYS ? exo_linux_wake_(cap) : n;
}
static inline long exo_either_pool_(uint32_t blocks, uint32_t block_bytes, uint32_t flags)
{
	long n = exo_pool_create(blocks, block_bytes, flags);

	return n == -ENOSYS ? exo_linux_pool_(blocks, block_bytes, flags) : n;
}
static inline long exo_either_send_caps_(int32_t cap, const int32_t *caps, size_t n, uint32_t flags)
{
	long ticket = exo_ring_send_caps(cap, caps, n, flags);

	return ticket == -ENOSYS ? -EOPNOTSUPP : ticket;
}

#define exo_ring_create(p, size, ends)              exo_either_create_(p, size, ends)
#define exo_ring_info(cap, info, size)              exo_either_info_(cap, info, size)
#define exo_ring_wait(cap, seen, deadline, wake)    exo_either_wait_(cap, seen, deadline, wake)
#define exo_ring_wake(cap)                          exo_either_wake_(cap)
#define exo_pool_create(blocks, bytes, flags)       exo_either_pool_(blocks, bytes, flags)
#define exo_ring_send_caps(cap, caps, count, flags) exo_either_send_caps_(cap, caps, count, flags)

#ifdef __cplusplus
}
#endif
#endif
