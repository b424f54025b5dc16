/* Rings, duplex channels and pools as kernel objects. Code in kernel/ipc/. Layer: ipc.
 *
 * The kernel makes the shared memory, writes the geometry pages, sleeps and wakes for it, tells of
 * ends that are gone, and carries capabilities. It moves no message and reads nothing that a user
 * can write, but a broadcast's tail to compare it.
 *
 * An end is an open file (struct file, so that slots, mmap, poll and epoll serve it). Its memory is
 * mapped by its descriptor: geometry pages read-only, the rest as the end's access mode says. */
#pragma once

#include <exo/fs.h>

#define IPC_CAPS_MAX    16 /* capabilities in one message */
#define IPC_TRANSIT_MAX 64 /* messages with capabilities on the way in one direction */

struct ipc_params {
	u32 kind; /* enum fring_kind */
	u32 slots;
	bool duplex; /* two rings, end 0 sends on the first and end 1 on the second */
};
struct ipc_info {
	u32 kind, slots, rings, side; /* side: 0 sends on ring 0 */
	u64 ring_bytes;               /* ring i begins at i * ring_bytes */
	u32 wakes;
	bool peer_gone;
};
/* ipc_ring_create - both ends. 0 | -EINVAL | -ENOMEM. */
int ipc_ring_create(const struct ipc_params *p, struct file *ends[2]) MUST_USE;
/* ipc_pool_create - memory for a pool of @blocks blocks. file | err_ptr(-EINVAL | -ENOMEM). */
struct file *ipc_pool_create(u32 blocks, u32 block_bytes);
/* ipc_wake - who sleeps at the other end looks again. 0 | -EINVAL not an end. Context: thread. */
int ipc_wake(struct file *f) MUST_USE;
/* ipc_wait - sleeps until the count of wake-ups of this end is no longer @seen (a broadcast's
 * reader: until the writer's position is not @seen). @deadline_ns CLOCK_MONOTONIC or NS_FOREVER.
 * Return: the count | -EPIPE the other end is gone | -ETIMEDOUT | -ERESTARTSYS | -EINVAL. */
long ipc_wait(struct file *f, u32 seen, ns_t deadline_ns);
int ipc_info(struct file *f, struct ipc_info *out) MUST_USE; /* 0 | -EINVAL */

/* ---- capabilities in transit ---- */
struct ipc_transit { /* one message's capabilities; each grant is held */
	struct list node;
	u64 ticket;
	u32 count;
	struct grant *grants[IPC_CAPS_MAX];
};
/* ipc_transit_send - queues @t for the other end; takes it over on success. Return: 0 and *ticket
 * | -EPIPE | -EAGAIN IPC_TRANSIT_MAX are queued | -EINVAL | -EOPNOTSUPP broadcast | -ELOOP an end
 * of a ring that is not younger: queues of ends could hold each other for ever. */
int ipc_transit_send(struct file *f, struct ipc_transit *t, u64 *ticket) MUST_USE;
/* ipc_transit_take - the capabilities of @ticket, if they are at most @max. Moved to the caller.
 * Return: transit | err_ptr(-ENOENT | -EMSGSIZE | -EINVAL). */
struct ipc_transit *ipc_transit_take(struct file *f, u64 ticket, u32 max);
void ipc_transit_untake(struct file *f, struct ipc_transit *t); /* back, first in the queue */
void ipc_transit_free(struct ipc_transit *t);                   /* puts the grants */
