/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sysv_storm.c - many processes do anything to the same few objects, their removal included: none
 * crashes, sleeps for ever or leaves something behind. What each call answers is left to chance. */
#include "t_sysv.h"

#include <mqueue.h>

T_SUITE(sysv_storm);

enum { PROCESSES = 6, ROUNDS = 1500, KEYS = 3 };

static uint64_t state;

static unsigned chance(unsigned below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % below;
}

static struct {
	long type;
	char text[512];
} m;

static void any_shm(void)
{
	int id = shmget(KEY + chance(KEYS), (1 + chance(3)) * PAGE, IPC_CREAT | 0600);
	char *at = chance(8) ? shmat(id, NULL, chance(3) ? 0 : SHM_RDONLY) : (char *)-1;
	struct shmid_ds ds;

	if (at != (char *)-1) {
		if (shmctl(id, IPC_STAT, &ds) == 0 && ds.shm_nattch == 0)
			t_stop("attached, and not counted");
		for (unsigned i = 0; i < PAGE; i += 512)
			(void)*(volatile char *)(at + i);
		if (chance(4))
			shmdt(at);
		else
			munmap(at, PAGE);
	}
	if (!chance(4))
		shmctl(id, IPC_RMID, NULL);
}

static void any_sem(void)
{
	int id = semget(KEY + chance(KEYS), 3, IPC_CREAT | 0600);
	struct sembuf ops[4];
	struct timespec soon = {0, chance(2) * 200000};
	unsigned n = 1 + chance(4);

	for (unsigned i = 0; i < n; i++)
		ops[i] = (struct sembuf){chance(3), (int)chance(5) - 2,
			(chance(2) ? SEM_UNDO : 0) | (chance(4) ? 0 : IPC_NOWAIT)};
	semtimedop(id, ops, n, &soon);
	if (!chance(10))
		semctl(id, chance(3), SETVAL, (union semun){.val = (int)chance(4)});
	if (!chance(12))
		semctl(id, 0, IPC_RMID);
}

static void any_msg(void)
{
	int id = msgget(KEY + chance(KEYS), IPC_CREAT | 0600);

	m.type = 1 + chance(4);
	msgsnd(id, &m, chance(sizeof(m.text)), IPC_NOWAIT);
	msgrcv(id, &m, chance(sizeof(m.text)), (long)chance(9) - 4,
		IPC_NOWAIT | (chance(2) ? MSG_NOERROR : 0) | (chance(5) ? 0 : MSG_COPY));
	if (!chance(10))
		msgctl(id, IPC_RMID, NULL);
}

static void any_mq(void)
{
	char name[] = "/t_exo_storm0";
	struct sigevent none = {.sigev_notify = SIGEV_NONE};
	struct mq_attr a = {.mq_maxmsg = 3, .mq_msgsize = 64};
	mqd_t q;

	name[12] += (char)chance(KEYS);
	q = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &a);
	if (chance(2))
		mq_notify(q, &none);
	mq_send(q, m.text, chance(65), chance(4));
	if (chance(2))
		mq_receive(q, m.text, 64, NULL);
	mq_close(q);
	if (!chance(6))
		mq_unlink(name);
}

static void clean(void)
{
	char name[] = "/t_exo_storm0";

	for (int k = 0; k < KEYS; k++, name[12]++) {
		shmctl(shmget(KEY + k, 0, 0), IPC_RMID, NULL);
		semctl(semget(KEY + k, 0, 0), 0, IPC_RMID);
		msgctl(msgget(KEY + k, 0), IPC_RMID, NULL);
		mq_unlink(name);
	}
}

T_CASE_LIMIT(anything, 120)
{
	static void (*const any[])(void) = {any_shm, any_sem, any_msg, any_mq};
	pid_t pid[PROCESSES], brief;

	for (int i = 0; i < PROCESSES; i++)
		T_CHILD(pid[i])
		{
			state = (uint64_t)i + 1;
			for (int k = 0; k < ROUNDS; k++) {
				any[chance(4)]();
				if (chance(100))
					continue;
				brief = t_fork(); /* its end pays, detaches, closes */
				if (!brief) {
					any_sem();
					any_shm();
					_exit(0);
				}
				if (waitpid(brief, NULL, 0) != brief)
					t_stop("no child");
			}
		}
	for (int i = 0; i < PROCESSES; i++)
		t_exit(pid[i], 0);
	clean();
	t_errno(shmget(KEY, 0, 0), ENOENT);
	t_errno(semget(KEY, 0, 0), ENOENT);
	t_errno(msgget(KEY, 0), ENOENT);
	t_errno(mq_open("/t_exo_storm0", O_RDONLY), ENOENT);
}
