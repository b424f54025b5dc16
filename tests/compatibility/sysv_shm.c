/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sysv_shm.c - System V IPC: keys, numbers and rights of all kinds; shared memory. */
#include "t_sysv.h"

T_SUITE(sysv_shm);

static int page_shm(size_t size)
{
	int id = shmget(IPC_PRIVATE, size, 0600);

	if (id < 0)
		t_stop("no segment");
	return id;
}

/* ---- keys, numbers, rights ---- */

T_CASE(keys)
{
	int id = shmget(KEY, PAGE, IPC_CREAT | IPC_EXCL | 0600), other;

	t_ok(id);
	t_ret(shmget(KEY, PAGE, 0600), id);
	t_ret(shmget(KEY, 0, 0), id);
	t_ret(shmget(KEY, PAGE, IPC_CREAT | 0600), id);
	t_errno(shmget(KEY, PAGE, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	t_errno(shmget(KEY, PAGE + 1, 0600), EINVAL);
	t_errno(shmget(KEY + 1, PAGE, 0600), ENOENT);
	t_errno(semget(KEY, 1, 0600), ENOENT); /* a key is of a kind */
	other = page_shm(PAGE);
	t_check(other != id);
	t_check(listed("shm", KEY, id));
	t_check(listed("shm", 0, other));
	t_ret(shmctl(other, IPC_RMID, NULL), 0);
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
	t_check(!listed("shm", KEY, id));
	t_errno(shmget(KEY, PAGE, 0600), ENOENT);
	t_errno(shmctl(id, IPC_RMID, NULL), EINVAL);
	t_errno(shmctl(-1, IPC_RMID, NULL), EINVAL);
	t_errno(shmctl(0x7fffffff, IPC_RMID, NULL), EINVAL);
}

T_CASE(numbers_differ)
{
	int seen[200];

	for (int i = 0; i < 200; i++) {
		seen[i] = msgget(IPC_PRIVATE, 0600);
		if (i % 3)
			msgctl(seen[i], IPC_RMID, NULL);
		for (int k = 0; k < i; k++)
			if (seen[k] == seen[i])
				t_stop("a number was given twice");
	}
	for (int i = 0; i < 200; i += 3)
		t_ret(msgctl(seen[i], IPC_RMID, NULL), 0);
}

T_CASE(number_of_another)
{
	int first = semget(IPC_PRIVATE, 1, 0600), id;

	t_ret(semctl(first, 0, IPC_RMID), 0);
	/* Until the index comes again: the old number is not the new object's. */
	id = semget(IPC_PRIVATE, 1, 0600);
	for (int i = 0; i < 100000 && index_of(id) != index_of(first); i++) {
		semctl(id, 0, IPC_RMID);
		id = semget(IPC_PRIVATE, 1, 0600);
	}
	t_eq(index_of(id), index_of(first));
	t_check(id != first);
	t_errno(semctl(first, 0, GETVAL), EINVAL);
	t_ret(semctl(id, 0, GETVAL), 0);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

T_CASE(rights)
{
	int shm = shmget(KEY, PAGE, IPC_CREAT | 0640), sem = semget(KEY, 1, IPC_CREAT | 0604),
	    msg = msgget(KEY, IPC_CREAT | 0622);
	struct sembuf up = {0, 1, 0}, zero = {0, 0, IPC_NOWAIT};
	struct {
		long type;
		char text[8];
	} m = {1, "x"};
	struct shmid_ds ds;
	struct semid_ds sds;
	struct msqid_ds mds;
	union semun arg = {.buf = &sds};
	pid_t pid;

	T_CHILD(pid)
	{
		t_become(1234, 1234);
		t_errno(shmget(KEY, PAGE, 0004), EACCES);
		t_ret(shmget(KEY, PAGE, 0), shm);
		t_errno(shmctl(shm, IPC_STAT, &ds), EACCES);
		t_errno(shmctl(index_of(shm), SHM_STAT, &ds), EACCES);
		t_ret(shmctl(index_of(shm), SHM_STAT_ANY, &ds), shm);
		t_errno(shmat(shm, NULL, SHM_RDONLY) == (void *)-1 ? -1 : 0, EACCES);
		t_errno(shmctl(shm, IPC_RMID, NULL), EPERM);
		t_errno(shmctl(shm, SHM_LOCK, NULL), EPERM);
		t_ret(semget(KEY, 1, 0004), sem);
		t_errno(semget(KEY, 1, 0006), EACCES);
		t_ret(semctl(sem, 0, GETVAL), 0);
		t_ret(semctl(sem, 0, IPC_STAT, arg), 0);
		t_ret(semop(sem, &zero, 1), 0);
		t_errno(semop(sem, &up, 1), EACCES);
		t_errno(semctl(sem, 0, SETVAL, (union semun){.val = 1}), EACCES);
		t_errno(semctl(sem, 0, IPC_SET, arg), EPERM);
		t_errno(semctl(sem, 0, IPC_RMID), EPERM);
		t_ret(msgsnd(msg, &m, 1, 0), 0);
		t_errno(msgrcv(msg, &m, 8, 0, IPC_NOWAIT), EACCES);
		t_errno(msgctl(msg, IPC_STAT, &mds), EACCES);
		t_errno(msgctl(msg, IPC_RMID, NULL), EPERM);
	}
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		t_ok(setgid(0));
		t_ok(setgroups(0, NULL));
		t_ok(setresuid(1234, 1234, 1234)); /* of the group */
		t_ret(shmctl(shm, IPC_STAT, &ds), 0);
		t_errno(shmat(shm, NULL, 0) == (void *)-1 ? -1 : 0, EACCES);
		t_check(shmat(shm, NULL, SHM_RDONLY) != (void *)-1);
	}
	t_exit(pid, 0);
	t_ret(shmctl(shm, IPC_RMID, NULL), 0);
	t_ret(semctl(sem, 0, IPC_RMID), 0);
	t_ret(msgctl(msg, IPC_RMID, NULL), 0);
}

T_CASE(owner_changes)
{
	int shm = shmget(KEY, PAGE, IPC_CREAT | 0600);
	struct shmid_ds ds, set;
	pid_t pid;

	t_ret(shmctl(shm, IPC_STAT, &ds), 0);
	t_eq(ds.shm_perm.__key, KEY);
	t_eq(ds.shm_perm.uid, geteuid());
	t_eq(ds.shm_perm.cgid, getegid());
	t_eq(ds.shm_perm.mode, 0600);
	set = ds;
	set.shm_perm.uid = 1234;
	set.shm_perm.gid = 77;
	set.shm_perm.mode = 07777 & ~0060;
	t_ret(shmctl(shm, IPC_SET, &set), 0);
	t_ret(shmctl(shm, IPC_STAT, &ds), 0);
	t_eq(ds.shm_perm.uid, 1234);
	t_eq(ds.shm_perm.gid, 77);
	t_eq(ds.shm_perm.cuid, geteuid());
	t_eq(ds.shm_perm.mode, 0717);
	set.shm_perm.uid = -1;
	t_errno(shmctl(shm, IPC_SET, &set), EINVAL);
	t_errno(shmctl(shm, IPC_SET, (void *)8), EFAULT);
	t_errno(shmctl(shm, IPC_STAT, (void *)8), EFAULT);
	T_CHILD(pid)
	{
		t_become(1234, 1234);
		t_ret(shmctl(shm, IPC_RMID, NULL), 0); /* the owner may */
	}
	t_exit(pid, 0);
	t_errno(shmctl(shm, IPC_STAT, &ds), EINVAL);
}

/* ---- shared memory ---- */

T_CASE(shm_errors)
{
	int id = page_shm(PAGE);
	char *at;

	t_errno(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	t_errno(shmget(IPC_PRIVATE, -1, 0600), EINVAL);
	t_errno(shmget(IPC_PRIVATE, 1ul << 46, 0600), ENOMEM);
	t_check(shmat(-1, NULL, 0) == (void *)-1 && errno == EINVAL);
	t_check(shmat(id + 1, NULL, 0) == (void *)-1 && errno == EINVAL);
	t_check(shmat(id, (void *)0x10001, 0) == (void *)-1 && errno == EINVAL);
	t_check(shmat(id, NULL, SHM_REMAP) == (void *)-1 && errno == EINVAL);
	t_errno(shmdt((void *)0x10000), EINVAL);
	t_errno(shmdt((void *)0x10001), EINVAL);
	at = shmat(id, NULL, 0);
	t_check(at != (void *)-1);
	t_errno(shmdt(at + 1), EINVAL);
	t_errno(shmdt(at + PAGE), EINVAL);
	t_ret(shmdt(at), 0);
	t_errno(shmdt(at), EINVAL);
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	t_errno(shmdt(at), EINVAL); /* a mapping of another kind */
	t_check(shmat(id, at, 0) == (void *)-1 && errno == EINVAL);
	t_errno(shmctl(id, 99, NULL), EINVAL);
	t_errno(shmctl(id, -1, NULL), EINVAL);
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
}

T_CASE(shm_shares)
{
	int id = page_shm(3 * PAGE);
	char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
	struct shmid_ds ds;
	pid_t pid;

	t_check(a != (void *)-1 && b != (void *)-1 && a != b);
	t_eq(a[0] | a[3 * PAGE - 1], 0);
	a[5] = 7;
	a[2 * PAGE] = 8;
	t_eq(b[5], 7);
	t_ret(shmctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.shm_nattch, 2);
	t_eq(ds.shm_segsz, 3 * PAGE);
	t_eq(ds.shm_cpid, getpid());
	t_eq(ds.shm_lpid, getpid());
	t_check(ds.shm_atime >= ds.shm_ctime && ds.shm_dtime == 0);
	T_CHILD(pid)
	{
		t_ret(shmctl(id, IPC_STAT, &ds), 0);
		t_eq(ds.shm_nattch, 4);
		a[6] = 9;
		t_ret(shmdt(a), 0);
		t_ret(shmctl(id, IPC_STAT, &ds), 0);
		t_eq(ds.shm_nattch, 3);
		t_eq(ds.shm_lpid, getpid());
		t_check(ds.shm_dtime != 0);
	}
	t_exit(pid, 0);
	t_eq(b[6], 9);
	t_ret(shmctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.shm_nattch, 2);
	t_ret(shmdt(b), 0);
	t_ret(shmdt(a), 0);
	a = shmat(id, NULL, 0);
	t_eq(a[2 * PAGE], 8); /* stays without attachments */
	t_ret(munmap(a, 3 * PAGE), 0);
	t_ret(shmctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.shm_nattch, 0);
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
}

T_CASE(shm_read_only)
{
	int id = page_shm(PAGE);
	char *a = shmat(id, NULL, SHM_RDONLY);
	pid_t pid;

	t_eq(a[0], 0);
	t_errno(mprotect(a, PAGE, PROT_READ | PROT_WRITE), EACCES);
	T_CHILD(pid)
	{
		a[0] = 1;
	}
	t_killed(pid, SIGSEGV);
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
}

T_CASE(shm_executes)
{
	int id = page_shm(PAGE);
	unsigned char *a = shmat(id, NULL, SHM_EXEC);

	t_check(a != (void *)-1);
	memcpy(a, "\xb8\x2a\x00\x00\x00\xc3", 6);
	t_eq(((int (*)(void))a)(), 42);
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
}

T_CASE(shm_address)
{
	int id = page_shm(2 * PAGE);
	char *room = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *a;

	munmap(room, 8 * PAGE);
	t_check(shmat(id, room, 0) == room);
	t_check(shmat(id, room, 0) == (void *)-1 && errno == EINVAL);
	t_check(shmat(id, room + PAGE, 0) == (void *)-1 && errno == EINVAL);
	room[0] = 1;
	t_check(shmat(id, room + 4 * PAGE + 17, SHM_RND) == room + 4 * PAGE);
	t_eq(room[4 * PAGE], 1);
	t_check(shmat(id, room + PAGE, SHM_REMAP) == room + PAGE);
	t_eq(room[PAGE], 1); /* the upper page of the first is gone */
	t_ret(shmdt(room), 0);
	t_eq(room[PAGE], 1);
	t_ret(shmdt(room + PAGE), 0);
	t_ret(shmdt(room + 4 * PAGE), 0);
	a = shmat(id, NULL, 0);
	t_ret(munmap(a, PAGE), 0);
	t_ret(shmdt(a), 0); /* what is left of it */
	t_errno(msync(a + PAGE, PAGE, MS_SYNC), ENOMEM);
	t_check(shmat(id, (void *)(1ul << 63), 0) == (void *)-1);
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
}

T_CASE(shm_pieces)
{
	int id = page_shm(4 * PAGE);
	char *a = shmat(id, NULL, 0);
	struct shmid_ds ds;

	t_ret(mprotect(a + PAGE, PAGE, PROT_READ), 0);
	t_ret(shmctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.shm_nattch, 3);
	t_ret(msync(a, PAGE, MS_SYNC), 0);
	t_ret(shmdt(a), 0);
	t_errno(msync(a, PAGE, MS_ASYNC), ENOMEM);
	t_errno(msync(a + 3 * PAGE, PAGE, MS_ASYNC), ENOMEM);
	t_ret(shmctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.shm_nattch, 0);
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
}

T_CASE(shm_removed_while_attached)
{
	int id = shmget(KEY, PAGE, IPC_CREAT | 0600), fresh;
	char *a = shmat(id, NULL, 0), *b;
	struct shmid_ds ds;

	a[1] = 5;
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
	t_ret(shmctl(id, IPC_RMID, NULL), 0); /* it is still there */
	t_ret(shmctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.shm_perm.mode, 0600 | SHM_DEST);
	t_eq(ds.shm_perm.__key, 0);
	t_check(listed("shm", 0, id));
	t_errno(shmget(KEY, PAGE, 0600), ENOENT);
	fresh = shmget(KEY, PAGE, IPC_CREAT | 0600);
	t_check(fresh != id);
	b = shmat(id, NULL, 0);
	t_check(b != (void *)-1);
	t_eq(b[1], 5);
	t_ret(shmdt(a), 0);
	t_eq(b[1], 5);
	t_ret(shmdt(b), 0);
	t_errno(shmctl(id, IPC_STAT, &ds), EINVAL);
	t_check(shmat(id, NULL, 0) == (void *)-1 && errno == EINVAL);
	t_ret(shmctl(fresh, IPC_RMID, NULL), 0);
}

T_CASE(shm_gone_with_process)
{
	int id, fds[2];
	struct shmid_ds ds;
	pid_t pid;

	t_pipe(fds);
	T_CHILD(pid)
	{
		id = page_shm(PAGE);
		t_check(shmat(id, NULL, 0) != (void *)-1);
		t_ret(shmctl(id, IPC_RMID, NULL), 0);
		t_ret(write(fds[1], &id, sizeof(id)), sizeof(id));
	}
	t_exit(pid, 0);
	t_ret(read(fds[0], &id, sizeof(id)), sizeof(id));
	t_errno(shmctl(id, IPC_STAT, &ds), EINVAL);
}

T_HELPER(attached)
{
	struct shmid_ds ds;

	return shmctl(atoi(argv[0]), IPC_STAT, &ds) ? 99 : (int)ds.shm_nattch;
}

T_CASE(shm_detached_by_exec)
{
	int id = page_shm(PAGE);
	char number[16];
	pid_t pid;

	snprintf(number, sizeof(number), "%d", id);
	t_check(shmat(id, NULL, 0) != (void *)-1);
	pid = t_fork();
	if (!pid)
		execl(t_self, t_self, "-x", "attached", number, NULL);
	t_exit(pid, 1); /* the parent's */
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
}

T_CASE(shm_in_maps)
{
	int id = shmget(KEY, PAGE, IPC_CREAT | 0600);
	static char text[65536];

	t_check(shmat(id, NULL, 0) != (void *)-1);
	t_check(t_slurp("/proc/self/maps", text, sizeof(text)) > 0);
	t_check(strstr(text, "/SYSV45584f31 (deleted)\n") != NULL);
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
}

T_CASE(shm_lock)
{
	int id = page_shm(PAGE);
	struct shmid_ds ds;

	t_ret(shmctl(id, SHM_LOCK, NULL), 0);
	t_ret(shmctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.shm_perm.mode, 0600 | SHM_LOCKED);
	t_ret(shmctl(id, SHM_UNLOCK, NULL), 0);
	t_ret(shmctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.shm_perm.mode, 0600);
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
	t_errno(shmctl(id, SHM_LOCK, NULL), EINVAL);
}

T_CASE(shm_told)
{
	int id = page_shm(5 * PAGE + 1), top;
	struct shm_info info;
	struct shminfo limits;
	struct shmid_ds ds;
	char *a = shmat(id, NULL, 0);

	memset(a, 1, 2 * PAGE);
	top = shmctl(0, SHM_INFO, (void *)&info);
	t_check(top >= index_of(id));
	t_check(info.used_ids >= 1 && info.shm_tot >= 6 && info.shm_rss >= 2);
	t_ret(shmctl(index_of(id), SHM_STAT, &ds), id);
	t_eq(ds.shm_segsz, 5 * PAGE + 1);
	t_ret(shmctl(0, IPC_INFO, (void *)&limits), top);
	t_eq(limits.shmmin, 1);
	t_eq(limits.shmmni, 4096);
	t_eq(limits.shmseg, 4096);
	t_errno(shmctl(0, IPC_INFO, (void *)8), EFAULT);
	t_errno(shmctl(-1, SHM_INFO, (void *)&info), EINVAL);
	t_errno(shmctl(40000, SHM_STAT, &ds), EINVAL);
	t_ret(shmctl(id, IPC_RMID, NULL), 0);
}
