/* The objects of room ipc. */
#pragma once

#include <exo/ipc.h>
#include <exo_ipc/fusion_pool.h>

struct ipc_link;
struct ipc_end {
	struct ipc_link *link;  /* [c] */
	u32 side;               /* [c] 0 or 1 */
	u32 wakes;              /* [a] counts wake-ups; pairs with thread_set_state in ipc_wait */
	u32 taken;              /* [a] the count that ipc_wait last returned, for poll */
	u32 gone;               /* [a] set once: nobody holds this end any more */
	struct thread *sleeper; /* [a] the one that sleeps here; more than one: the queue */
	struct waitqueue queue;
	spinlock_t lock;      /* SOCKET_SPIN: the transits towards this end */
	struct list transits; /* [lock] */
	u32 transit_count;    /* [lock] */
};
struct ipc_link {                 /* two ends and their memory; a pool has one end and no ring */
	u32 refs;                 /* [a] ends */
	u32 kind;                 /* [c] enum fring_kind, 0 = pool */
	u32 rings;                /* [c] */
	u32 slots;                /* [c] */
	u64 serial;               /* [c] age: see ipc_transit_send */
	u64 ring_bytes;           /* [c] geometry pages stand at i * ring_bytes */
	struct vm_object *memory; /* [c] +1 */
	struct page *geometry[2]; /* [c] +1; one a ring */
	struct page *control;     /* [c] +1; broadcast: the page of tail */
	struct ipc_end end[2];
};
struct ipc_end *ipc_end_of(struct file *f); /* NULL: neither ring nor pool */
void ipc_transits_drop(struct ipc_end *e);
