/* System V IPC: shared memory, semaphores, message queues. Code in kernel/ipc/sysv/. Layer: ipc.
 *
 * The three kinds share one registry of keys and numbers (struct ipc_namespace, of which there is
 * one so far), permissions, removal and statistics. Context: thread, may sleep, no lock held.
 * Return: >= 0 | -errno. Sources: sysvipc(7) and the pages that it names. */
#pragma once

#include <exo/list.h>
#include <exo/rbtree.h>
#include <exo/types.h>
#include <exo_abi/linux_ipc.h>

struct thread;

enum sysv_kind { SYSV_SHM, SYSV_SEM, SYSV_MSG, SYSV_KINDS };
/* sysv_get - the object of @key, made if @flags say so. @size: bytes, semaphores, 0 of a queue.
 * Return: its number. */
long sysv_get(enum sysv_kind kind, s32 key, u64 size, u32 flags);
/* sysv_control - the commands that the kinds share: IPC_STAT IPC_SET IPC_RMID IPC_INFO and the
 * kind's STAT, INFO and STAT_ANY; SHM_LOCK and SHM_UNLOCK. @user: what is told or asked for.
 * -EINVAL: another command. */
long sysv_control(enum sysv_kind kind, s32 id, s32 command, void USER *user);

long shm_attach(s32 id, vaddr_t addr, u32 flags); /* the address */
long shm_detach(vaddr_t addr);

/* sem_operate - all of @ops or none. @deadline_ns CLOCK_MONOTONIC or NS_FOREVER. */
long sem_operate(s32 id, const struct sembuf_abi USER *ops, u32 count, ns_t deadline_ns);
long sem_value(s32 id, s32 number, s32 command, s32 value); /* GETVAL SETVAL GETPID GET?CNT */
long sem_values(s32 id, bool set, u16 USER *values);        /* GETALL SETALL */
/* sem_undo_share - @child undoes together with current (CLONE_SYSVSEM). 0 | -ENOMEM. */
int sem_undo_share(struct thread *child) MUST_USE;
/* sem_undo_exit - @t ends, or never began: the last that shares undoes what SEM_UNDO noted. */
void sem_undo_exit(struct thread *t);

long msg_send(s32 id, s64 type, const void USER *text, u64 len_bytes, u32 flags);
struct ipc_message;
/* msg_receive - the message that @type and @flags ask for, to be cut to @room_bytes. Moved to the
 * caller, who frees it with kfree. err_ptr. */
struct ipc_message *msg_receive(s32 id, u64 room_bytes, s64 type, u32 flags);

/* ---- messages, of both families ---- */
struct ipc_message {
	union {
		struct list node;    /* System V: in the order of arrival */
		struct rb_node rank; /* POSIX: by priority, then by arrival */
	};
	s64 type; /* or priority */
	u64 len_bytes;
	u8 text[];
};
/* ipc_message_create - with the text at @text. err_ptr(-ENOMEM | -EFAULT). */
struct ipc_message *ipc_message_create(const void USER *text, u64 len_bytes);

void sysv_init(void); /* after procfs */
