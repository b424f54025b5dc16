/* The native part of the user ABI: structures and constants of the calls 1024..1279. Used by the
 * kernel and by programs, C and C++; the calls themselves are in native.def, their stubs in
 * exo_native.h. Structures travel with a size and only grow: see docs/specs/SYSCALL_ABI.md. */
#pragma once

#include <stdint.h>

/* Rights of a capability. The same bits as enum cap_right of the kernel. */
#define EXO_READ     0x1u     /* read, getdents, map for reading */
#define EXO_WRITE    0x2u     /* write, truncate, map shared for writing */
#define EXO_EXEC     0x4u     /* execveat, exo_spawn, map for execution */
#define EXO_SEEK     0x8u     /* lseek */
#define EXO_MAP      0x10u    /* mmap */
#define EXO_STAT     0x20u    /* fstat and its kin */
#define EXO_ADMIN    0x40u    /* ioctl, flags, mode, owner, extended attributes */
#define EXO_LOOKUP   0x80u    /* names below a directory */
#define EXO_CREATE   0x100u   /* make names in a directory */
#define EXO_DELETE   0x200u   /* remove names from a directory */
#define EXO_BIND     0x400u   /* bind */
#define EXO_CONNECT  0x800u   /* connect */
#define EXO_LISTEN   0x1000u  /* listen, accept */
#define EXO_SEND     0x2000u  /* send, sendto, sendmsg */
#define EXO_RECV     0x4000u  /* recv, recvfrom, recvmsg */
#define EXO_WAIT     0x8000u  /* poll, epoll, waitid, exo_wait_many */
#define EXO_SIGNAL   0x10000u /* signal a process, an event, a timer */
#define EXO_DERIVE   0x20000u /* exo_cap_derive */
#define EXO_TRANSFER 0x40000u /* give it to another process */
#define EXO_REVOKE   0x80000u /* exo_cap_revoke */
#define EXO_ALL      0xfffffu

/* What a capability names. Numbers are for ever. */
enum exo_type {
	EXO_TYPE_OTHER = 0,
	EXO_TYPE_FILE = 1,
	EXO_TYPE_DIRECTORY = 2,
	EXO_TYPE_DEVICE = 3,
	EXO_TYPE_PIPE = 4,
	EXO_TYPE_SOCKET = 5,
	EXO_TYPE_PATH = 6, /* opened with O_PATH */
	EXO_TYPE_PROCESS = 7,
	EXO_TYPE_THREAD = 8,
	EXO_TYPE_MEMORY = 9,
	EXO_TYPE_TIMER = 10,
	EXO_TYPE_EVENT = 11,
	EXO_TYPE_INTERRUPT = 12,
	EXO_TYPE_EPOLL = 13,
	EXO_TYPE_RING = 16,
	EXO_TYPE_POOL = 17,
	EXO_TYPE_CHANNEL = 18,
};

/* exo_cap_inspect. */
struct exo_cap_info {
	uint32_t type;       /* enum exo_type */
	uint32_t rights;     /* EXO_READ ... */
	uint32_t depth;      /* derivations from the object's own grant, which is 0 */
	uint32_t flags;      /* EXO_CAP_* */
	uint64_t expires_ns; /* CLOCK_MONOTONIC; 0 = never */
};
#define EXO_CAP_REVOKED 1u /* revoked or expired: good for inspect, compare and close alone */
#define EXO_CAP_CLOEXEC 2u /* the slot closes on exec */

/* exo_cap_revoke. */
#define EXO_REVOKE_CHILDREN 1u /* all that was derived from it, but not the capability itself */

/* exo_cap_compare: 0, or */
#define EXO_SAME_OBJECT 1
#define EXO_SAME_GRANT  2

/* exo_cap_enter. */
#define EXO_ENTER_QUERY 1u

/* exo_spawn. Pointers as u64, so that the layout is one everywhere. */
struct exo_spawn_cap {
	int32_t from; /* the caller's slot */
	int32_t to;   /* the child's */
};
struct exo_spawn_args {
	int32_t program;    /* capability with EXO_EXEC */
	uint32_t flags;     /* EXO_SPAWN_* */
	uint64_t name;      /* const char *: what ps shows and AT_EXECFN says; 0 = "spawned" */
	uint64_t argv;      /* const char *const *, ends with NULL; 0 = empty */
	uint64_t envp;      /* the same */
	uint64_t caps;      /* const struct exo_spawn_cap * */
	uint32_t cap_count; /* at most EXO_SPAWN_CAPS_MAX */
	uint32_t reserved;  /* 0 */
};
#define EXO_SPAWN_CONFINED 1u /* the child begins in capability mode */
#define EXO_SPAWN_CAPS_MAX 256

/* exo_event_create, exo_timer_set. */
#define EXO_EVENT_ONE_BY_ONE 4u /* a read takes 1, not all */
#define EXO_TIMER_ABSOLUTE   1u /* first_ns is a time of the timer's clock */

/* exo_wait_many. */
struct exo_wait_item {
	int32_t cap;
	uint32_t events; /* EXO_WAIT_READ | EXO_WAIT_WRITE */
	uint32_t flags;  /* 0, or EXO_WAIT_EDGE: what is in seen does not count */
	uint32_t seen;   /* out: what was true at the end; with EXO_WAIT_EDGE in, too */
	uint32_t ready;  /* out: events, EXO_WAIT_ERROR, EXO_WAIT_HANGUP */
	uint32_t reserved;
	uint64_t data; /* yours */
};
#define EXO_WAIT_READ      0x1u
#define EXO_WAIT_WRITE     0x4u
#define EXO_WAIT_ERROR     0x8u
#define EXO_WAIT_HANGUP    0x10u
#define EXO_WAIT_EDGE      1u
#define EXO_WAIT_ITEMS_MAX 1024
#define EXO_FOREVER        (~0ull)
#define EXO_OF_DAY         (1ull << 63) /* in a deadline: the rest is a time of CLOCK_REALTIME */

/* exo_ring_create. Layout of the memory and the protocol: libs/exo_ipc/fusion_ring.h. */
struct exo_ring_params {
	uint32_t kind;  /* enum fring_kind: SPSC 1, MPSC 2, BROADCAST 3 */
	uint32_t slots; /* a power of two, 2 .. 2^20 */
	uint32_t flags; /* EXO_RING_* */
};
#define EXO_RING_CLOEXEC 1u
#define EXO_RING_DUPLEX \
	2u /* a channel: two rings, each end sends on one and receives on the other */

/* exo_ring_info. Ring i of an end's memory begins at i * ring_bytes. */
struct exo_ring_info {
	uint32_t kind, slots; /* kind 0: a pool */
	uint32_t rings;
	uint32_t
		side; /* 0: sends on ring 0, receives on ring 1 if there is one; 1: the other way */
	uint64_t ring_bytes;
	uint32_t wakes; /* wake-ups of this end so far */
	uint32_t peer_gone;
};
#define EXO_RING_CAPS_MAX 16 /* capabilities in one exo_ring_send_caps */
