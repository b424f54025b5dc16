/* Linux user ABI of System V IPC and POSIX message queues on x86_64. Sources: shmget(2), shmctl(2),
 * shmop(2), semget(2), semctl(2), semop(2), msgget(2), msgctl(2), msgop(2), mq_overview(7). */
#pragma once

#include <exo/types.h>

#define IPC_PRIVATE 0
#define IPC_CREAT   01000u
#define IPC_EXCL    02000u
#define IPC_NOWAIT  04000u
enum { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO };

/* ---- shared memory ---- */
enum { SHM_LOCK = 11, SHM_UNLOCK, SHM_STAT, SHM_INFO, SHM_STAT_ANY };
#define SHM_RDONLY    010000u /* shmat */
#define SHM_RND       020000u
#define SHM_REMAP     040000u
#define SHM_EXEC      0100000u
#define SHM_HUGETLB   04000u /* shmget */
#define SHM_NORESERVE 010000u
#define SHM_DEST      01000u /* in the mode that IPC_STAT tells */
#define SHM_LOCKED    02000u

/* ---- semaphores ---- */
enum {
	SEM_GETPID = 11,
	SEM_GETVAL,
	SEM_GETALL,
	SEM_GETNCNT,
	SEM_GETZCNT,
	SEM_SETVAL,
	SEM_SETALL,
	SEM_STAT,
	SEM_INFO,
	SEM_STAT_ANY
};
#define SEM_UNDO      0x1000
#define SEM_VALUE_MAX 32767
struct sembuf_abi {
	u16 number;
	s16 change;
	s16 flags;
};

/* ---- messages ---- */
enum { MSG_STAT = 11, MSG_INFO, MSG_STAT_ANY };
#define MSG_NOERROR 010000u
#define MSG_EXCEPT  020000u
#define MSG_COPY    040000u

/* ---- what IPC_STAT and its kin tell ---- */
struct ipc_perm_abi {
	s32 key;
	u32 uid, gid, cuid, cgid, mode;
	u16 seq, pad;
	u32 pad2;
	u64 unused[2];
};
struct shm_ds_abi {
	struct ipc_perm_abi perm;
	u64 size;
	s64 atime, dtime, ctime;
	s32 cpid, lpid;
	u64 attached, unused[2];
};
struct sem_ds_abi {
	struct ipc_perm_abi perm;
	s64 otime, unused1, ctime, unused2;
	u64 count, unused[2];
};
struct msg_ds_abi {
	struct ipc_perm_abi perm;
	s64 stime, rtime, ctime;
	u64 bytes, count, bytes_max;
	s32 lspid, lrpid;
	u64 unused[2];
};
struct shm_limits_abi { /* IPC_INFO */
	u64 size_max, size_min, ids_max, attaches_max, pages_max, unused[4];
};
struct shm_info_abi { /* SHM_INFO */
	s32 ids;
	u64 pages, pages_resident, pages_swapped, swap_attempts, swap_successes;
};
struct sem_info_abi { /* IPC_INFO and SEM_INFO */
	s32 map, ids_max, sems_max, undos_max, set_max, ops_max, undo_entries_max, usage, value_max,
		undo_value_max;
};
struct msg_info_abi { /* IPC_INFO and MSG_INFO */
	s32 pool, map, size_max, bytes_max, ids_max, segment_size, messages;
	u16 segments;
};
_Static_assert(sizeof(struct ipc_perm_abi) == 48, "user ABI");
_Static_assert(sizeof(struct shm_ds_abi) == 112, "user ABI");
_Static_assert(sizeof(struct sem_ds_abi) == 104, "user ABI");
_Static_assert(sizeof(struct msg_ds_abi) == 120, "user ABI");
_Static_assert(sizeof(struct sem_info_abi) == 40, "user ABI");
_Static_assert(sizeof(struct msg_info_abi) == 32, "user ABI");

union sysv_ds { /* what *ctl passes in either direction */
	struct ipc_perm_abi perm;
	struct {
		struct shm_ds_abi shm;
		u64 resident; /* pages; in the kernel only */
	};
	struct sem_ds_abi sem;
	struct msg_ds_abi msg;
	struct shm_limits_abi shm_limits;
	struct shm_info_abi shm_info;
	struct sem_info_abi sem_info;
	struct msg_info_abi msg_info;
};

/* ---- POSIX message queues ---- */
#define MQ_PRIORITY_MAX 32768
struct mq_attr_abi {
	s64 flags, messages_max, size_max, messages, reserved[4];
};
_Static_assert(sizeof(struct mq_attr_abi) == 64, "user ABI");
