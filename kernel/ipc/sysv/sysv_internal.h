/* What the three kinds share. Layer: ipc. Locks: sysv.c. */
#pragma once

#include <exo/errno.h>
#include <exo/fs.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sysv.h>
#include <exo/time.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

#define SYSV_INDEX_BITS 15
#define SYSV_INDEX_MAX  (1u << SYSV_INDEX_BITS)

struct sysv_object {              /* first in its container */
	u32 refs;                 /* [a] the table's, and calls in progress */
	struct sysv_table *table; /* [c] */
	s32 id;                   /* [c] sequence << 15 | index */
	u64 size;                 /* [c] bytes, semaphores; 0 of a queue */
	u64 weight;               /* [c] what counts towards table->total_max */
	spinlock_t lock;          /* IPC; the kinds' fields too */
	bool removed;             /* [lock] */
	struct file *file;        /* [c] of shared memory, +1 until SHM_DEST */
	union sysv_ds ds;         /* [lock] what IPC_STAT tells; its key: [table->lock + lock] */
};
struct sysv_type {
	const char *proc_header;
	size_t bytes, item_bytes;  /* of a container without items, of an item */
	size_t ds_bytes, ctime_at; /* of *_ds; where its ctime is */
	u32 weight_shift;          /* weight = size >> this, rounded up */
	s32 stat_command;          /* SHM_STAT...; the next are INFO and STAT_ANY */
	int (*init)(struct sysv_object *o, u32 flags); /* of a zeroed container */
	void (*end)(struct sysv_object *o);            /* IPC_RMID; NULL: sysv_forget */
	void (*removed)(struct sysv_object *o);        /* [lock] wakes sleepers, gives back all */
	/* [lock] what ds does not hold; NULL */
	void (*stat)(struct sysv_object *o, union sysv_ds *ds);
	int (*set)(struct sysv_object *o, const union sysv_ds *ds); /* [lock] */
	int (*other)(struct sysv_object *o, s32 command);           /* [lock] */
	void (*show)(struct seq *s, const union sysv_ds *ds);
	size_t (*info)(const struct sysv_table *t, bool limits, union sysv_ds *ds);
	void (*sum)(union sysv_ds *sum, const union sysv_ds *ds); /* of all, behind info */
};
struct sysv_table {
	struct mutex lock;                           /* S_MISC; before an object's */
	const struct sysv_type *type;                /* [c] */
	u64 size_max, total_max, other_max, ids_max; /* [a] sysctl; in the order of "sem" */
	u64 total;                                   /* [lock] of weights */
	u32 count, last, seq;                        /* [lock] */
	struct sysv_object **slots;                  /* [lock] by index */
	u32 slots_max;                               /* [lock] */
};
struct ipc_namespace {
	struct sysv_table tables[SYSV_KINDS];
};
extern struct ipc_namespace ipc_namespace_boot;
static inline struct sysv_table *sysv_table(enum sysv_kind kind)
{
	return &ipc_namespace_boot.tables[kind];
}
extern const struct sysv_type shm_type, sem_type, msg_type;

/* sysv_lock - the object of that number, or with SYSV_BY_INDEX at that place, +1 and locked, if
 * current has the rights of @mode (0444, 0222; 0 = any): the container that begins with it.
 * err_ptr(-EINVAL | -EACCES). */
#define SYSV_BY_INDEX (1u << 31)
void *sysv_lock(struct sysv_table *t, s32 id, u32 mode);
/* sysv_unlock - and puts; @at: the address of what sysv_lock gave, err_ptr is fine (for SCOPED). */
void sysv_unlock(void *at);
void sysv_put(struct sysv_object *o);
void sysv_forget(struct sysv_object *o);      /* out of the table, once */
bool sysv_owned(const struct sysv_object *o); /* [lock] by current */
static inline s64 sysv_now(void)
{
	return (s64)(clock_realtime() / NS_PER_SEC);
}
static inline void sysv_changed(struct sysv_object *o) /* [lock] */
{
	*(s64 *)((u8 *)&o->ds + o->table->type->ctime_at) = sysv_now();
}
static inline pid_t sysv_pid(void)
{
	return process_pid(current->proc);
}
