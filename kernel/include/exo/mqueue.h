/* POSIX message queues. Code in kernel/ipc/mqueue/. Layer: ipc. A queue is a file of the file
 * system `mqueue`. Context: thread, may sleep. Return: >= 0 | -errno. Source: mq_overview(7). */
#pragma once

#include <exo/vfs.h>
#include <exo_abi/linux_ipc.h>
#include <exo_abi/linux_signal.h>

extern struct objects_fs mqueue_fs; /* its arg: struct mq_attr_abi of a queue that is made */
/* Calls on a descriptor. @deadline_ns CLOCK_MONOTONIC or NS_FOREVER. */
int mq_send(
	cap_t fd, const void USER *text, u64 len_bytes, u32 priority, ns_t deadline_ns) MUST_USE;
/* message, to be freed with kfree | err_ptr */
struct ipc_message *mq_receive(cap_t fd, u64 room_bytes, ns_t deadline_ns);
int mq_notify(cap_t fd, const struct sigevent_abi *event /* NULL: no more */) MUST_USE;
int mq_attributes(cap_t fd, const struct mq_attr_abi *new, struct mq_attr_abi *old) MUST_USE;
void mqueue_init(void); /* after procfs */
