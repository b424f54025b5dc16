/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sysv_sem.c - System V semaphores. */
#include "t_sysv.h"

T_SUITE(sysv_sem);

static int sems(int n)
{
	int id = semget(IPC_PRIVATE, n, 0600);

	if (id < 0)
		t_stop("no semaphores");
	return id;
}

static int op(int id, int n, int change, int flags)
{
	struct sembuf b = {n, change, flags};

	return semop(id, &b, 1);
}

static int value(int id, int n)
{
	return semctl(id, n, GETVAL);
}

static int set_value(int id, int n, int v)
{
	return semctl(id, n, SETVAL, (union semun){.val = v});
}

static bool wait_for(int id, int n, int command, int want)
{
	for (int i = 0; i < 5000; i++) {
		if (semctl(id, n, command) == want)
			return true;
		t_sleep_ms(1);
	}
	return false;
}

T_CASE(sem_errors)
{
	int id = sems(2);
	struct sembuf b = {0, 1, 0}, many[2] = {{0, 1, 0}, {0, 1, 0}};
	struct timespec bad = {0, 1000 * MS}, negative = {-1, 0};
	unsigned short high[2] = {1, 40000};

	t_errno(semget(IPC_PRIVATE, 0, 0600), EINVAL);
	t_errno(semget(IPC_PRIVATE, -1, 0600), EINVAL);
	t_errno(semget(IPC_PRIVATE, 32001, 0600), EINVAL);
	t_errno(semop(id, &b, 0), EINVAL);
	t_errno(semop(-1, &b, 1), EINVAL);
	t_errno(semop(id + 1, &b, 1), EINVAL);
	t_errno(semop(id, (void *)8, 1), EFAULT);
	t_errno(semop(id, &b, 501), E2BIG);
	t_errno(semop(id, &b, 0x10000000), E2BIG);
	t_errno(op(id, 2, 1, 0), EFBIG);
	t_errno(op(id, 65535, 1, SEM_UNDO), EFBIG);
	t_errno(op(id, 0, -1, IPC_NOWAIT), EAGAIN);
	t_errno(semtimedop(id, &b, 1, &bad), EINVAL);
	t_errno(semtimedop(id, &b, 1, &negative), EINVAL);
	t_errno(semtimedop(id, &b, 1, (void *)8), EFAULT);
	t_ret(value(id, 0), 0);
	t_errno(set_value(id, 0, 32768), ERANGE);
	t_errno(set_value(id, 0, -1), ERANGE);
	t_errno(set_value(id, 2, 1), EINVAL);
	t_errno(set_value(id, -1, 1), EINVAL);
	t_errno(value(id, 2), EINVAL);
	t_errno(value(-1, 0), EINVAL);
	t_errno(semctl(id, 0, SETALL, (union semun){.array = high}), ERANGE);
	t_errno(semctl(id, 0, SETALL, (union semun){.array = (void *)8}), EFAULT);
	t_errno(semctl(id, 0, GETALL, (union semun){.array = (void *)8}), EFAULT);
	t_errno(semctl(id, 0, 99), EINVAL);
	t_ret(set_value(id, 0, 32766), 0);
	t_errno(semop(id, many, 2), ERANGE);
	t_ret(value(id, 0), 32766);
	t_ret(semctl(id, 0, IPC_RMID), 0);
	t_errno(semctl(id, 0, IPC_RMID), EINVAL);
	t_errno(semop(id, &b, 1), EINVAL);
}

T_CASE(sem_values)
{
	int id = sems(3);
	unsigned short in[3] = {1, 0, 32767}, out[3];
	struct semid_ds ds;

	t_ret(semctl(id, 0, GETALL, (union semun){.array = out}), 0);
	t_eq(out[0] | out[1] | out[2], 0);
	t_eq(semctl(id, 1, GETPID), 0);
	t_ret(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}), 0);
	t_eq(ds.sem_nsems, 3);
	t_eq(ds.sem_otime, 0);
	t_check(ds.sem_ctime > 0);
	t_ret(semctl(id, 0, SETALL, (union semun){.array = in}), 0);
	t_ret(semctl(id, 99, GETALL, (union semun){.array = out}), 0);
	t_mem(out, in, sizeof(in));
	t_eq(semctl(id, 1, GETPID), getpid());
	t_errno(op(id, 2, 1, 0), ERANGE);
	t_ret(op(id, 2, -32767, 0), 0);
	t_ret(value(id, 2), 0);
	t_ret(op(id, 2, 0, IPC_NOWAIT), 0);
	t_errno(op(id, 0, 0, IPC_NOWAIT), EAGAIN);
	t_ret(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}), 0);
	t_check(ds.sem_otime > 0);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

T_CASE(sem_all_or_nothing)
{
	int id = sems(3);
	struct sembuf b[3] = {{0, 2, 0}, {1, -1, IPC_NOWAIT}, {2, 5, 0}};
	struct sembuf twice[2] = {{0, 3, 0}, {0, -3, 0}};

	t_errno(semop(id, b, 3), EAGAIN);
	t_ret(value(id, 0), 0);
	t_ret(value(id, 2), 0);
	t_ret(set_value(id, 1, 1), 0);
	t_ret(semop(id, b, 3), 0);
	t_ret(value(id, 0), 2);
	t_ret(value(id, 1), 0);
	t_ret(value(id, 2), 5);
	t_ret(semop(id, twice, 2), 0); /* each sees what stood before it */
	t_ret(value(id, 0), 2);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

T_CASE(sem_sleeps)
{
	int id = sems(2);
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(op(id, 0, -2, 0), 0);
	}
	t_check(wait_for(id, 0, GETNCNT, 1));
	t_ret(semctl(id, 0, GETZCNT), 0);
	t_ret(op(id, 0, 1, 0), 0);
	t_ret(semctl(id, 0, GETNCNT), 1);
	t_ret(op(id, 0, 1, 0), 0);
	t_exit(pid, 0);
	t_ret(value(id, 0), 0);
	t_eq(semctl(id, 0, GETPID), pid);
	t_ret(set_value(id, 1, 2), 0);
	T_CHILD(pid)
	{
		t_ret(op(id, 1, 0, 0), 0); /* until it is 0 */
	}
	t_check(wait_for(id, 1, GETZCNT, 1));
	t_ret(semctl(id, 1, GETNCNT), 0);
	t_ret(op(id, 1, -2, 0), 0);
	t_exit(pid, 0);
	T_CHILD(pid)
	{
		t_ret(op(id, 1, -3, 0), 0);
	}
	t_check(wait_for(id, 1, GETNCNT, 1));
	t_ret(set_value(id, 1, 3), 0); /* wakes as well */
	t_exit(pid, 0);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

T_CASE(sem_removed_while_asleep)
{
	int id = sems(1);
	pid_t pid[2];

	for (int i = 0; i < 2; i++)
		T_CHILD(pid[i])
		{
			t_errno(op(id, 0, -1, i ? SEM_UNDO : 0), EIDRM);
		}
	t_check(wait_for(id, 0, GETNCNT, 2));
	t_ret(semctl(id, 0, IPC_RMID), 0);
	t_exit(pid[0], 0);
	t_exit(pid[1], 0);
}

T_CASE(sem_time_limit)
{
	int id = sems(1);
	struct sembuf down = {0, -1, 0};
	struct timespec ts = {0, 30 * MS}, none = {0, 0};
	long long start = t_now_ns();

	t_errno(semtimedop(id, &down, 1, &ts), EAGAIN);
	t_check(t_now_ns() - start >= 30 * MS);
	t_errno(semtimedop(id, &down, 1, &none), EAGAIN);
	t_ret(semctl(id, 0, GETNCNT), 0);
	t_ret(set_value(id, 0, 2), 0);
	t_ret(semtimedop(id, &down, 1, &none), 0);
	t_ret(semtimedop(id, &down, 1, NULL), 0);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

static void nothing(int sig)
{
}

T_CASE(sem_interrupted)
{
	int id = sems(1);
	pid_t pid;

	T_CHILD(pid)
	{
		t_handler(SIGUSR1, nothing, SA_RESTART);
		t_errno(op(id, 0, -1, 0), EINTR); /* never begun again */
	}
	t_check(wait_for(id, 0, GETNCNT, 1));
	t_wait_state(pid, 'S');
	kill(pid, SIGUSR1);
	t_exit(pid, 0);
	t_ret(semctl(id, 0, GETNCNT), 0);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

/* The first that cannot go on lets those behind it pass only where they do not need the same. */
T_CASE(sem_order)
{
	int id = sems(2), order = 0;
	pid_t pid[3];
	static const int need[3] = {2, 1, 1};

	for (int i = 0; i < 3; i++) {
		T_CHILD(pid[i])
		{
			t_ret(op(id, 0, -need[i], 0), 0);
			t_ret(op(id, 1, 1 << (4 * i), 0), 0);
		}
		t_check(wait_for(id, 0, GETNCNT, i + 1));
	}
	t_ret(op(id, 0, 1, 0), 0); /* for the second */
	t_exit(pid[1], 0);
	t_ret(semctl(id, 0, GETNCNT), 2);
	t_ret(op(id, 0, 3, 0), 0);
	t_exit(pid[0], 0);
	t_exit(pid[2], 0);
	order = value(id, 1);
	t_eq(order, 0x111);
	t_ret(value(id, 0), 0);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

T_CASE(sem_undo)
{
	int id = sems(3);
	pid_t pid;

	t_ret(set_value(id, 0, 5), 0);
	T_CHILD(pid)
	{
		t_ret(op(id, 0, -3, SEM_UNDO), 0);
		t_ret(op(id, 0, 1, SEM_UNDO), 0);
		t_ret(op(id, 1, 2, SEM_UNDO), 0);
		t_ret(op(id, 1, 1, 0), 0); /* this stays */
	}
	t_exit(pid, 0);
	t_ret(value(id, 0), 5);
	t_ret(value(id, 1), 1);
	t_eq(semctl(id, 0, GETPID), pid);
	T_CHILD(pid)
	{
		t_ret(op(id, 0, -5, SEM_UNDO), 0);
		t_ret(op(id, 2, 4, SEM_UNDO), 0);
		t_ret(set_value(id, 0, 1), 0); /* forgets what was owed */
		t_ret(op(id, 2, -4, 0), 0);    /* 0 - 4 would be negative */
	}
	t_exit(pid, 0);
	t_ret(value(id, 0), 1);
	t_ret(value(id, 2), 0);
	T_CHILD(pid)
	{
		t_ret(set_value(id, 2, 32767), 0);
		t_ret(op(id, 2, -32767, SEM_UNDO), 0);
		t_ret(set_value(id, 1, 10), 0);
		t_ret(op(id, 1, -1, SEM_UNDO), 0);
		t_ret(op(id, 2, 32767, 0), 0);
	}
	t_exit(pid, 0);
	t_ret(value(id, 2), 32767); /* not more than fits */
	t_ret(value(id, 1), 10);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

T_CASE(sem_undo_wakes)
{
	int id = sems(1), fds[2];
	pid_t holder, sleeper;

	t_pipe(fds);
	t_ret(set_value(id, 0, 1), 0);
	T_CHILD(holder)
	{
		t_ret(op(id, 0, -1, SEM_UNDO), 0);
		t_get(fds[0]);
		raise(SIGKILL);
	}
	for (int i = 0; i < 5000 && value(id, 0); i++)
		t_sleep_ms(1);
	T_CHILD(sleeper)
	{
		t_ret(op(id, 0, -1, 0), 0);
	}
	t_check(wait_for(id, 0, GETNCNT, 1));
	t_put(fds[1]);
	t_killed(holder, SIGKILL);
	t_exit(sleeper, 0);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

T_CASE(sem_undo_too_much)
{
	int id = sems(1);
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(op(id, 0, 32767, SEM_UNDO), 0);
		t_ret(set_value(id, 0, 0), 0);
		t_ret(op(id, 0, 32767, SEM_UNDO), 0);
		t_ret(op(id, 0, -32767, 0), 0);
		t_errno(op(id, 0, 2, SEM_UNDO), ERANGE);
		t_ret(value(id, 0), 0);
	}
	t_exit(pid, 0);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

static int thread_set;

static void *owing_thread(void *arg)
{
	op(thread_set, 0, 1, SEM_UNDO);
	return NULL;
}

T_CASE(sem_undo_threads)
{
	int id = sems(1);
	pthread_t thread;
	pid_t pid;

	thread_set = id;
	T_CHILD(pid)
	{
		t_ret(pthread_create(&thread, NULL, owing_thread, NULL), 0);
		t_ret(pthread_join(thread, NULL), 0);
		t_ret(value(id, 0), 1); /* the process owes, not the thread */
	}
	t_exit(pid, 0);
	t_ret(value(id, 0), 0);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

T_HELPER(value_is)
{
	return value(atoi(argv[0]), 0) == atoi(argv[1]) ? 0 : 1;
}

T_CASE(sem_undo_fork_exec)
{
	int id = sems(1);
	char number[16];
	pid_t pid;

	snprintf(number, sizeof(number), "%d", id);
	t_ret(op(id, 0, 1, SEM_UNDO), 0);
	T_CHILD(pid)
	{
		t_ret(value(id, 0), 1);
	}
	t_exit(pid, 0);
	t_ret(value(id, 0), 1); /* a child owes nothing */
	pid = t_fork();
	if (!pid) {
		op(id, 0, 4, SEM_UNDO);
		execl(t_self, t_self, "-x", "value_is", number, "5", NULL);
	}
	t_exit(pid, 0); /* what is owed goes through exec */
	t_ret(value(id, 0), 1);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

T_CASE(sem_told)
{
	int id = sems(7), top;
	struct seminfo info;
	struct semid_ds ds;
	char text[128];

	top = semctl(0, 0, SEM_INFO, (union semun){.info = &info});
	t_check(top >= index_of(id));
	t_check(info.semusz >= 1 && info.semaem >= 7);
	t_ret(semctl(0, 0, IPC_INFO, (union semun){.info = &info}), top);
	t_eq(info.semmni, 32000);
	t_eq(info.semmns, 1024000000);
	t_eq(info.semmsl, 32000);
	t_eq(info.semopm, 500);
	t_eq(info.semvmx, 32767);
	t_eq(info.semaem, 32767);
	t_eq(info.semusz, 20);
	t_ret(semctl(index_of(id), 0, SEM_STAT, (union semun){.buf = &ds}), id);
	t_eq(ds.sem_nsems, 7);
	t_ret(semctl(index_of(id), 0, SEM_STAT_ANY, (union semun){.buf = &ds}), id);
	t_errno(semctl(0, 0, IPC_INFO, (union semun){.info = (void *)8}), EFAULT);
	t_check(listed("sem", 0, id));
	t_check(t_slurp("/proc/sys/kernel/sem", text, sizeof(text)) > 0);
	t_str(text, "32000\t1024000000\t500\t32000\n");
	t_ret(semctl(id, 0, IPC_RMID), 0);
}

/* Many at once: what was added is taken, each once. */
T_CASE_LIMIT(sem_storm, 60)
{
	enum { CHILDREN = 6, ROUNDS = 300 };
	int id = sems(3);
	pid_t pid[CHILDREN];

	t_ret(set_value(id, 0, 1), 0);
	for (int i = 0; i < CHILDREN; i++)
		T_CHILD(pid[i])
		{
			struct sembuf enter[2] = {{0, -1, SEM_UNDO}, {1, 0, 0}};
			struct sembuf leave[2] = {{0, 1, SEM_UNDO}, {2, 1, 0}};

			for (int k = 0; k < ROUNDS; k++)
				if (semop(id, enter, 2) || op(id, 1, 1, 0) || value(id, 1) != 1 ||
					op(id, 1, -1, 0) || semop(id, leave, 2))
					t_stop("two were inside");
		}
	for (int i = 0; i < CHILDREN; i++)
		t_exit(pid[i], 0);
	t_ret(value(id, 0), 1);
	t_ret(value(id, 1), 0);
	t_ret(value(id, 2), CHILDREN * ROUNDS);
	t_ret(semctl(id, 0, IPC_RMID), 0);
}
