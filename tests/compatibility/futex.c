/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* futex.c - futexes as called, what glibc builds on them, robust lists, rseq, and threads. */
#include "t_.h"

#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/rseq.h>

T_SUITE(futex);

enum { MS = 1000000 };

static long futex(
	void *word, int op, uint32_t value, const void *timeout, void *second, uint32_t third)
{
	return syscall(SYS_futex, word, op, value, timeout, second, third);
}

static struct timespec after(clockid_t clock, long long ns)
{
	struct timespec t;

	clock_gettime(clock, &t);
	ns += t.tv_sec * 1000000000ll + t.tv_nsec;
	return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static uint32_t *shared_words(void)
{
	uint32_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		t_stop("mmap failed");
	return at;
}

T_CASE(wait_value_and_timeouts)
{
	uint32_t word = 5;
	struct timespec brief = {0, 20 * MS}, bad = {0, 1000000000};
	long long start = t_now_ns();

	t_errno(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	t_errno(futex(&word, FUTEX_WAIT, 5, &brief, NULL, 0), ETIMEDOUT);
	t_check(t_now_ns() - start >= 20 * MS);
	t_errno(futex(&word, FUTEX_WAIT_PRIVATE, 5, &brief, NULL, 0), ETIMEDOUT);
	t_errno(futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0), EINVAL);
	struct timespec at = after(CLOCK_MONOTONIC, 20 * MS);
	t_errno(futex(&word, FUTEX_WAIT_BITSET, 5, &at, NULL, ~0u), ETIMEDOUT);
	t_check(t_now_ns() >= at.tv_sec * 1000000000ll + at.tv_nsec);
	t_errno(futex(&word, FUTEX_WAIT_BITSET, 5, &at, NULL, ~0u), ETIMEDOUT); /* past */
	at = after(CLOCK_REALTIME, 20 * MS);
	t_errno(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &at, NULL, ~0u),
		ETIMEDOUT);
	t_errno(futex(&word, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0), EINVAL);
	t_errno(futex((char *)&word + 1, FUTEX_WAIT, 5, NULL, NULL, 0), EINVAL);
	t_errno(futex((void *)8, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	t_errno(futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
	t_errno(futex(&word, FUTEX_WAIT, 5, (void *)8, NULL, 0), EFAULT);
}

T_CASE(wake_counts)
{
	uint32_t *word = shared_words();
	pid_t pids[3];

	t_ret(futex(word, FUTEX_WAKE, 10, NULL, NULL, 0), 0);
	for (int i = 0; i < 3; i++) {
		T_CHILD(pids[i])
		{
			t_ret(futex(word, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
		}
	}
	for (int i = 0; i < 3; i++)
		t_check(t_wait_state(pids[i], 'S'));
	t_ret(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	t_ret(futex(word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0), 2);
	t_ret(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	for (int i = 0; i < 3; i++)
		t_exit(pids[i], 0);
}

T_CASE(shared_by_file_at_two_addresses)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	pid_t pid;

	t_ret(ftruncate(fd, 4096), 0);
	uint32_t *a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint32_t *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	T_CHILD(pid)
	{
		t_ret(futex(a, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
	}
	t_check(t_wait_state(pid, 'S'));
	t_ret(futex(b, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0); /* private keys differ */
	t_ret(futex(b, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	t_exit(pid, 0);
}

T_CASE(bitsets_choose)
{
	uint32_t *word = shared_words();
	pid_t a, b;

	T_CHILD(a)
	{
		t_ret(futex(word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 1), 0);
	}
	T_CHILD(b)
	{
		t_ret(futex(word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 2), 0);
	}
	t_check(t_wait_state(a, 'S'));
	t_check(t_wait_state(b, 'S'));
	t_ret(futex(word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 4), 0);
	t_ret(futex(word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 2), 1);
	t_exit(b, 0);
	t_errno(futex(word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 0), EINVAL);
	t_ret(futex(word, FUTEX_WAKE, 10, NULL, NULL, 0), 1);
	t_exit(a, 0);
}

T_CASE(requeue_moves_waiters)
{
	uint32_t *word = shared_words(), *other = word + 16;
	pid_t pids[3];

	for (int i = 0; i < 3; i++) {
		T_CHILD(pids[i])
		{
			t_ret(futex(word, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
		}
	}
	for (int i = 0; i < 3; i++)
		t_check(t_wait_state(pids[i], 'S'));
	t_errno(futex(word, FUTEX_CMP_REQUEUE, 1, (void *)10l, other, 7), EAGAIN);
	t_ret(futex(word, FUTEX_CMP_REQUEUE, 1, (void *)1l, other, 0), 2);
	t_ret(futex(word, FUTEX_WAKE, 10, NULL, NULL, 0), 1);
	t_ret(futex(other, FUTEX_WAKE, 10, NULL, NULL, 0), 1);
	for (int i = 0; i < 3; i++)
		t_exit(pids[i], 0);
}

T_CASE(wake_op_does_both)
{
	uint32_t *word = shared_words(), *other = word + 16;
	pid_t a, b;

	T_CHILD(a)
	{
		t_ret(futex(word, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
	}
	T_CHILD(b)
	{
		t_ret(futex(other, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
	}
	t_check(t_wait_state(a, 'S'));
	t_check(t_wait_state(b, 'S'));
	t_ret(futex(word, FUTEX_WAKE_OP, 1, (void *)1l, other,
		      FUTEX_OP(FUTEX_OP_SET, 9, FUTEX_OP_CMP_EQ, 0)),
		2);
	t_eq(*other, 9);
	t_exit(a, 0);
	t_exit(b, 0);
}

static volatile int hits;

static void count(int sig)
{
	hits++;
}

T_CASE(signal_ends_a_wait)
{
	uint32_t word = 0;
	pid_t pid, parent = getpid();

	t_handler(SIGUSR1, count, 0);
	T_CHILD(pid)
	{
		t_check(t_wait_state(parent, 'S'));
		t_ret(kill(parent, SIGUSR1), 0);
	}
	t_errno(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
	t_eq(hits, 1);
	t_exit(pid, 0);
}

T_CASE_LIMIT(ping_pong_loses_nothing, 30)
{
	enum { ROUNDS = 500 };
	_Atomic uint32_t *word = (void *)shared_words();
	pid_t pid;

	T_CHILD(pid)
	{
		for (uint32_t i = 1; i <= ROUNDS; i++) {
			uint32_t seen;
			while ((seen = *word) != 2 * i - 1)
				futex((void *)word, FUTEX_WAIT, seen, NULL, NULL, 0);
			*word = 2 * i;
			futex((void *)word, FUTEX_WAKE, 1, NULL, NULL, 0);
		}
	}
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		uint32_t seen;
		*word = 2 * i - 1;
		futex((void *)word, FUTEX_WAKE, 1, NULL, NULL, 0);
		while ((seen = *word) != 2 * i)
			futex((void *)word, FUTEX_WAIT, seen, NULL, NULL, 0);
	}
	t_eq(*word, 2 * ROUNDS);
	t_exit(pid, 0);
}

/* ---- priority inheritance is glibc's choice for PTHREAD_PRIO_INHERIT; the plain lock is enough
 * here ---- */

T_CASE(clear_child_tid_wakes)
{
	uint32_t *word = shared_words();
	pid_t pid;

	T_CHILD(pid)
	{
		*word = 1;
		syscall(SYS_set_tid_address, word);
	}
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0)
		t_sleep_ms(1);
	/* a process leaving alone shares its memory with nobody: Linux does not clear then */
	t_exit(pid, 0);
	t_eq(*word, 1);
}

T_CASE(robust_list_calls)
{
	struct robust_list_head *head, mine;
	size_t len = 0;
	pid_t pid;

	t_ret(syscall(SYS_get_robust_list, 0, &head, &len), 0);
	t_eq(len, sizeof(*head));
	t_check(head != NULL); /* glibc registered one at the start */
	t_errno(syscall(SYS_set_robust_list, &mine, 3), EINVAL);
	t_errno(syscall(SYS_get_robust_list, 999999999, &head, &len), ESRCH);
	t_errno(syscall(SYS_get_robust_list, 0, (void *)8, &len), EFAULT);
	T_CHILD(pid)
	{
		t_ret(syscall(SYS_set_robust_list, (void *)8, sizeof(mine)),
			0); /* not looked at yet */
	}
	t_exit(pid, 0); /* and a wild list harms nobody at exit */
}

T_CASE(robust_mutex_owner_died)
{
	pthread_mutex_t *lock = (void *)shared_words();
	pthread_mutexattr_t attr;
	pid_t pid;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	t_eq(pthread_mutex_init(lock, &attr), 0);
	T_CHILD(pid)
	{
		t_eq(pthread_mutex_lock(lock), 0);
	}
	t_exit(pid, 0);
	t_eq(pthread_mutex_lock(lock), EOWNERDEAD);
	t_eq(pthread_mutex_consistent(lock), 0);
	t_eq(pthread_mutex_unlock(lock), 0);
	t_eq(pthread_mutex_lock(lock), 0);
	t_eq(pthread_mutex_unlock(lock), 0);
}

T_CASE(robust_mutex_wakes_a_waiter)
{
	pthread_mutex_t *lock = (void *)shared_words();
	pthread_mutexattr_t attr;
	pid_t holder, waiter;
	int up[2], down[2];

	t_pipe(up);
	t_pipe(down);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	t_eq(pthread_mutex_init(lock, &attr), 0);
	holder = t_fork();
	if (holder == 0) {
		pthread_mutex_lock(lock);
		t_put(up[1]);
		for (;;)
			t_sleep_ms(1000);
	}
	t_get(up[0]);
	T_CHILD(waiter)
	{
		t_eq(pthread_mutex_lock(lock), EOWNERDEAD);
	}
	t_check(t_wait_state(waiter, 'S'));
	t_ret(kill(holder, SIGKILL), 0);
	t_killed(holder, SIGKILL);
	t_exit(waiter, 0);
}

T_CASE(rseq_is_registered)
{
	struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	char other[64] __attribute__((aligned(32))) = {0};

	t_eq(__rseq_size >= 20, 1);
	t_check(area->cpu_id < 64);
	t_eq(area->cpu_id, sched_getcpu());
	t_errno(syscall(SYS_rseq, other, 32, 0, 0x53053053), EINVAL); /* one a thread */
	t_errno(syscall(SYS_rseq, area, 32, 0, 0x53053053), EBUSY);
	t_errno(syscall(SYS_rseq, area, 32, 0, 1), EPERM);
	t_errno(syscall(SYS_rseq, area, 16, 0, 0x53053053), EINVAL);
	t_errno(syscall(SYS_rseq, area, 32, 4, 0x53053053), EINVAL);
}

/* ---- threads ---- */

enum { THREADS = 8, ROUNDS = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter, turn;

static void *add(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	return (void *)((long)arg * 3);
}

T_CASE_LIMIT(mutex_excludes, 30)
{
	pthread_t threads[THREADS];

	for (long i = 0; i < THREADS; i++)
		t_eq(pthread_create(&threads[i], NULL, add, (void *)i), 0);
	for (long i = 0; i < THREADS; i++) {
		void *result;
		t_eq(pthread_join(threads[i], &result), 0);
		t_eq((long)result, i * 3);
	}
	t_eq(counter, THREADS * ROUNDS);
}

static void *take_turns(void *arg)
{
	long me = (long)arg;

	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&lock);
		while (turn % 4 != me)
			pthread_cond_wait(&cond, &lock);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

T_CASE_LIMIT(condition_takes_turns, 30)
{
	pthread_t threads[4];

	for (long i = 0; i < 4; i++)
		t_eq(pthread_create(&threads[i], NULL, take_turns, (void *)i), 0);
	for (int i = 0; i < 4; i++)
		t_eq(pthread_join(threads[i], NULL), 0);
	t_eq(turn, 400);
}

T_CASE(timed_waits)
{
	struct timespec at = after(CLOCK_REALTIME, 20 * MS);
	sem_t sem;

	pthread_mutex_lock(&lock);
	t_eq(pthread_cond_timedwait(&cond, &lock, &at), ETIMEDOUT);
	at = after(CLOCK_REALTIME, 20 * MS);
	t_eq(pthread_mutex_timedlock(&lock, &at), ETIMEDOUT);
	t_ret(sem_init(&sem, 0, 1), 0);
	t_ret(sem_wait(&sem), 0);
	t_errno(sem_trywait(&sem), EAGAIN);
	at = after(CLOCK_REALTIME, 20 * MS);
	t_errno(sem_timedwait(&sem, &at), ETIMEDOUT);
}

T_CASE(named_semaphore)
{
	char name[32];
	sem_t *sem;
	pid_t pid;

	snprintf(name, sizeof(name), "/t_sem.%d", getpid());
	sem = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
	t_check(sem != SEM_FAILED);
	t_check(sem_open(name, O_CREAT | O_EXCL, 0600, 0) == SEM_FAILED && errno == EEXIST);
	T_CHILD(pid)
	{
		sem_t *mine = sem_open(name, 0);
		t_check(mine != SEM_FAILED);
		t_ret(sem_post(mine), 0);
	}
	t_ret(sem_wait(sem), 0);
	t_exit(pid, 0);
	t_ret(sem_unlink(name), 0);
	t_errno(sem_unlink(name), ENOENT);
}

static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long serials;

static void *meet(void *arg)
{
	for (int i = 0; i < 20; i++) {
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_add_fetch(&serials, 1, __ATOMIC_SEQ_CST);
		pthread_rwlock_rdlock(&rwlock);
		pthread_rwlock_unlock(&rwlock);
	}
	return NULL;
}

T_CASE_LIMIT(barrier_and_rwlock, 30)
{
	pthread_t threads[4];

	t_eq(pthread_barrier_init(&barrier, NULL, 4), 0);
	for (int i = 0; i < 4; i++)
		t_eq(pthread_create(&threads[i], NULL, meet, NULL), 0);
	for (int i = 0; i < 4; i++)
		t_eq(pthread_join(threads[i], NULL), 0);
	t_eq(serials, 20);
}

static __thread int local = 7;

static void *own_local(void *arg)
{
	int before = local;

	local = (int)(long)arg;
	t_sleep_ms(2);
	return (void *)(long)(before == 7 && local == (int)(long)arg);
}

T_CASE(thread_local_storage)
{
	pthread_t threads[4];

	for (long i = 0; i < 4; i++)
		t_eq(pthread_create(&threads[i], NULL, own_local, (void *)(i + 100)), 0);
	for (int i = 0; i < 4; i++) {
		void *good;
		t_eq(pthread_join(threads[i], &good), 0);
		t_eq((long)good, 1);
	}
	t_eq(local, 7);
}

static void *ids(void *arg)
{
	pid_t *out = arg;

	out[0] = getpid();
	out[1] = gettid();
	out[2] = getppid();
	return NULL;
}

T_CASE(thread_ids)
{
	pid_t out[3];
	pthread_t thread;

	t_eq(pthread_create(&thread, NULL, ids, out), 0);
	t_eq(pthread_join(thread, NULL), 0);
	t_eq(out[0], getpid());
	t_check(out[1] != getpid());
	t_eq(out[2], getppid());
	/* joined means that its stack is free; the thread itself goes a moment later */
	for (int i = 0; i < 2000 && syscall(SYS_tgkill, getpid(), out[1], 0) == 0; i++)
		t_sleep_ms(1);
	t_errno(syscall(SYS_tgkill, getpid(), out[1], 0), ESRCH);
}

static void *exit_all(void *arg)
{
	_exit(23);
}

static void *hold_on(void *arg)
{
	for (;;)
		t_sleep_ms(1000);
	return NULL;
}

T_CASE(exit_group_from_a_thread)
{
	pid_t pid = t_fork();

	if (pid == 0) {
		pthread_t thread;
		pthread_create(&thread, NULL, hold_on, NULL);
		pthread_create(&thread, NULL, exit_all, NULL);
		hold_on(NULL);
	}
	t_exit(pid, 23);
}

static int leader_up[2];

static void *outlive(void *arg)
{
	t_get(leader_up[0]);
	_exit(29);
}

T_CASE(leader_leaves_first)
{
	pid_t pid;
	int status;

	t_pipe(leader_up);
	pid = t_fork();
	if (pid == 0) {
		pthread_t thread;
		pthread_create(&thread, NULL, outlive, NULL);
		pthread_exit(NULL);
	}
	t_check(t_wait_state(pid, 'Z'));
	t_ret(waitpid(pid, &status, WNOHANG), 0); /* a zombie leader is not a dead process */
	t_put(leader_up[1]);
	t_exit(pid, 29);
}

static void *exec_self(void *arg)
{
	execl(t_self, t_self, "-x", "report_pid", (char *)NULL);
	_exit(98);
}

T_HELPER(report_pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%d %d", getpid(), gettid());
	return write(10, text, strlen(text)) > 0 ? 0 : 1;
}

T_CASE(exec_from_a_thread)
{
	char got[32] = "", want[32];
	int fds[2];
	pid_t pid;

	t_pipe(fds);
	pid = t_fork();
	if (pid == 0) {
		pthread_t thread;
		dup2(fds[1], 10);
		pthread_create(&thread, NULL, hold_on, NULL);
		pthread_create(&thread, NULL, exec_self, NULL);
		hold_on(NULL);
	}
	t_exit(pid, 0); /* all others went; the executor took the leader's number */
	t_check(read(fds[0], got, sizeof(got) - 1) > 0);
	snprintf(want, sizeof(want), "%d %d", pid, pid);
	t_str(got, want);
}

static void *fork_here(void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		char text[16];
		/* only the calling thread goes along */
		snprintf(text, sizeof(text), "/proc/self/task");
		_exit(gettid() == getpid() ? 31 : 32);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	return (void *)(long)WEXITSTATUS(status);
}

T_CASE(fork_from_a_thread)
{
	pthread_t thread;
	void *result;

	t_eq(pthread_create(&thread, NULL, fork_here, NULL), 0);
	t_eq(pthread_join(thread, &result), 0);
	t_eq((long)result, 31);
}

static void *wait_in_read(void *arg)
{
	char byte;

	return (void *)(long)read(*(int *)arg, &byte, 1);
}

T_CASE(cancellation)
{
	pthread_t thread;
	int fds[2];
	void *result;

	t_pipe(fds);
	t_eq(pthread_create(&thread, NULL, wait_in_read, fds), 0);
	t_sleep_ms(10);
	t_eq(pthread_cancel(thread), 0);
	t_eq(pthread_join(thread, &result), 0);
	t_check(result == PTHREAD_CANCELED);
}

static void *quick(void *arg)
{
	return arg;
}

T_CASE_LIMIT(many_threads_in_turn, 30)
{
	long good = 0;

	for (long i = 0; i < 200; i++) {
		pthread_t thread;
		void *result = NULL;
		good += pthread_create(&thread, NULL, quick, (void *)i) == 0 &&
			pthread_join(thread, &result) == 0 && result == (void *)i;
	}
	t_eq(good, 200);
}

T_CASE_LIMIT(many_threads_at_once, 30)
{
	enum { MANY = 100 };
	static pthread_t threads[MANY];
	pthread_attr_t attr;
	long good = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (long i = 0; i < MANY; i++)
		good += pthread_create(&threads[i], &attr, own_local, (void *)i) == 0;
	t_eq(good, MANY);
	for (long i = 0; i < MANY; i++) {
		void *result = NULL;
		good -= pthread_join(threads[i], &result) == 0 && result == (void *)1l;
	}
	t_eq(good, 0);
}
