/* Waiting for file locks: hand-over, deadlocks, signals, release, between threads on simulated CPUs.
 * mode: sim
 * needs: kernel/fs/locks/file_locks.c kernel/fs/locks/lock_ranges.c
 * needs: kernel/scheduler/core/schedule.c kernel/scheduler/core/wake.c kernel/scheduler/core/balance.c kernel/scheduler/core/tick.c
 * needs: kernel/scheduler/core/accounting.c kernel/scheduler/core/workqueue.c kernel/scheduler/thread/thread.c
 * needs: kernel/scheduler/thread/params.c kernel/scheduler/prediction/fair.c kernel/scheduler/realtime/realtime.c
 * needs: kernel/scheduler/realtime/deadline.c kernel/scheduler/realtime/inherit.c
 * needs: kernel/time/clock.c kernel/time/timer.c kernel/time/rtc.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 * needs: kernel/sync/waitqueue.c kernel/sync/mutex.c kernel/sync/rwsem.c kernel/sync/rcu.c
 */
#include "u_.h"
#include "../semaphore.h"

#include <exo/errno.h>
#include <exo/fs_locks.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/time.h>
#include <exo_abi/linux_fs.h>

#define PEOPLE 6u

static struct inode inodes[2];
static struct file files[PEOPLE][2]; /* of person p on inode i */
static struct cap_space *const spaces = (struct cap_space *)0x1000; /* compared only */

pid_t process_pid(struct process *p)
{
	return 100 + (pid_t)((struct cap_space *)current->caps - spaces);
}

void signal_send_owner(const struct file_signal *due)
{
}

static void setup(void)
{
	file_locks_init();
	for (u32 i = 0; i < 2; i++) {
		memset(&inodes[i], 0, sizeof(inodes[i]));
		list_init(&inodes[i].file_locks);
		list_init(&inodes[i].leases);
		for (u32 p = 0; p < PEOPLE; p++)
			files[p][i] = (struct file){ .inode = &inodes[i], .mode = FMODE_READ | FMODE_WRITE };
	}
}

static void nobody_holds_anything(void)
{
	for (u32 i = 0; i < 2; i++)
		u_check(list_empty(&inodes[i].file_locks));
}

static void become(u32 person)
{
	current->caps = &spaces[person];
}

static long lock_as(u32 person, u32 inode, u32 cmd, s16 type, s64 start, s64 len)
{
	struct linux_flock l = { .type = type, .start = start, .len = len };

	become(person);
	return file_lock_fcntl(&files[person][inode], cmd, (u64)(uintptr_t)&l);
}

/* ---- helpers inside the simulation ---- */
static struct semaphore done;
static u32 step; /* [a] */

struct job {
	void (*fn)(u32 person);
	u32 person;
};
static void job_main(void *p)
{
	struct job *j = p;

	become(j->person);
	j->fn(j->person);
	semaphore_up(&done);
}

static void run_people(u32 n, void (*fn)(u32 person))
{
	static struct job jobs[PEOPLE];

	semaphore_init(&done, 0);
	for (u32 i = 0; i < n; i++) {
		jobs[i] = (struct job){ fn, i };
		u_check(kthread_create("person", job_main, &jobs[i]));
	}
	for (u32 i = 0; i < n; i++)
		u_eq(semaphore_down(&done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
}

static void run_seeds(u32 cpus, u32 seeds, void (*main_fn)(void *arg))
{
	for (u32 seed = 1; seed <= seeds && !u_failures; seed++) {
		struct host_sim s = { .cpus = cpus, .seed = seed, .switch_one_in = 5, .time_limit_ns = 60 * NS_PER_SEC };
		int r;

		setup();
		step = 0;
		r = host_sim_run_again(&s, main_fn, NULL);
		if (r)
			u_fail(__FILE__, __LINE__, "seed %u on %u CPUs: error %d", seed, cpus, r);
		nobody_holds_anything();
	}
}

/* ---- exclusion ---- */

static s32 holders[2]; /* [a] readers, or -1 */

static void hold(u32 which, bool exclusive)
{
	s32 before = __atomic_fetch_add(&holders[which], exclusive ? -100 : 1, __ATOMIC_SEQ_CST);

	u_check(exclusive ? before == 0 : before >= 0);
	host_sim_work(2000);
	__atomic_fetch_sub(&holders[which], exclusive ? -100 : 1, __ATOMIC_SEQ_CST);
}

static void flock_rounds(u32 person)
{
	for (u32 i = 0; i < 12; i++) {
		bool exclusive = (person + i) % 3 == 0;

		u_eq(file_flock(&files[person][0], exclusive ? LOCK_EX : LOCK_SH), 0);
		hold(0, exclusive);
		u_eq(file_flock(&files[person][0], LOCK_UN), 0);
	}
	file_locks_release(&files[person][0], NULL);
}

static void flock_main(void *arg)
{
	run_people(PEOPLE, flock_rounds);
}

U_TEST_LIMIT(flock_excludes, 60)
{
	run_seeds(1, 5, flock_main);
	run_seeds(3, 15, flock_main);
}

static void record_rounds(u32 person)
{
	for (u32 i = 0; i < 12; i++) {
		bool exclusive = (person + i) % 3 == 0, second = (person ^ i) & 1;

		/* overlapping ranges, so that hand-overs cut and merge */
		u_eq(lock_as(person, 0, person & 1 ? F_OFD_SETLKW : F_SETLKW, exclusive ? F_WRLCK : F_RDLCK, second * 100 + person, 50), 0);
		hold(second, exclusive);
		u_eq(lock_as(person, 0, person & 1 ? F_OFD_SETLKW : F_SETLKW, F_UNLCK, 0, 0), 0);
	}
}

static void record_main(void *arg)
{
	run_people(PEOPLE, record_rounds);
}

U_TEST_LIMIT(record_locks_exclude, 60)
{
	run_seeds(1, 5, record_main);
	run_seeds(3, 15, record_main);
}

/* ---- deadlock ---- */

static u32 deadlocks; /* [a] */

/* Each takes its own byte, then wants the next one's. One at least must be told; then all get through. */
static void ring(u32 person)
{
	long err;

	u_eq(lock_as(person, 0, F_SETLKW, F_WRLCK, person, 1), 0);
	__atomic_fetch_add(&step, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&step, __ATOMIC_SEQ_CST) < 4)
		(void)thread_sleep_until(clock_monotonic() + NS_PER_US, WAIT_UNINTERRUPTIBLE);
	err = lock_as(person, 0, F_SETLKW, F_WRLCK, (person + 1) % 4, 1);
	u_check(err == 0 || err == -EDEADLK);
	if (err)
		__atomic_fetch_add(&deadlocks, 1, __ATOMIC_SEQ_CST);
	file_locks_release(&files[person][0], &spaces[person]);
}

static void ring_main(void *arg)
{
	deadlocks = 0;
	run_people(4, ring);
	u_eq(deadlocks, 1);
}

U_TEST_LIMIT(a_circle_is_found, 60)
{
	run_seeds(1, 10, ring_main);
	run_seeds(4, 30, ring_main);
}

/* ---- signals ---- */

static struct thread *sleeper;

static void interrupted(u32 person)
{
	if (person == 0) {
		__atomic_store_n(&sleeper, current, __ATOMIC_SEQ_CST);
		u_eq(file_flock(&files[0][0], LOCK_EX), -ERESTARTSYS);
		current->work = 0;
		u_eq(lock_as(0, 1, F_SETLKW, F_RDLCK, 0, 0), 0); /* nothing is left of the first wait */
		file_locks_release(&files[0][1], &spaces[0]);
	} else {
		while (!__atomic_load_n(&sleeper, __ATOMIC_SEQ_CST))
			(void)thread_sleep_until(clock_monotonic() + NS_PER_US, WAIT_UNINTERRUPTIBLE);
		(void)thread_sleep_until(clock_monotonic() + 50 * NS_PER_US, WAIT_UNINTERRUPTIBLE);
		__atomic_fetch_or(&sleeper->work, WORK_SIGNAL, __ATOMIC_SEQ_CST);
		thread_wake_signal(sleeper, false);
	}
}

static void interrupted_main(void *arg)
{
	sleeper = NULL;
	become(5);
	u_eq(file_flock(&files[5][0], LOCK_SH), 0);
	run_people(2, interrupted);
	file_locks_release(&files[5][0], NULL);
}

U_TEST(a_signal_ends_the_wait)
{
	run_seeds(1, 5, interrupted_main);
	run_seeds(2, 20, interrupted_main);
}

/* ---- without waiting: what the calls answer ---- */

U_TEST(flock_answers)
{
	setup();
	u_eq(file_flock(&files[0][0], 0), -EINVAL);
	u_eq(file_flock(&files[0][0], LOCK_NB), -EINVAL);
	u_eq(file_flock(&files[0][0], LOCK_SH | LOCK_EX), -EINVAL);
	u_eq(file_flock(&files[0][0], LOCK_UN), 0);
	u_eq(file_flock(&files[0][0], LOCK_SH), 0);
	u_eq(file_flock(&files[1][0], LOCK_SH), 0);
	u_eq(file_flock(&files[1][0], LOCK_SH), 0);
	u_eq(file_flock(&files[2][0], LOCK_EX | LOCK_NB), -EAGAIN);
	u_eq(file_flock(&files[1][0], LOCK_EX | LOCK_NB), -EAGAIN); /* and its shared lock is lost */
	u_eq(file_flock(&files[0][0], LOCK_EX | LOCK_NB), 0);
	u_eq(file_flock(&files[1][0], LOCK_SH | LOCK_NB), -EAGAIN);
	u_eq(lock_as(3, 0, F_SETLK, F_WRLCK, 0, 0), 0); /* the two kinds do not see each other */
	u_check(files[0][0].mode & FMODE_LOCKED);
	file_locks_release(&files[0][0], NULL);
	file_locks_release(&files[2][0], &spaces[3]); /* any file of that inode */
	nobody_holds_anything();
}

U_TEST(fcntl_answers)
{
	struct linux_flock l = { .type = F_WRLCK };

	setup();
	u_eq(file_lock_fcntl(&files[0][0], F_SETLK, 0), -EFAULT);
	u_eq(lock_as(0, 0, F_SETLK, 7, 0, 0), -EINVAL);
	u_eq(lock_as(0, 0, F_SETLK, F_RDLCK, -1, 0), -EINVAL);
	u_eq(lock_as(0, 0, F_SETLK, F_RDLCK, 5, -6), -EINVAL);
	u_eq(lock_as(0, 0, F_SETLK, F_RDLCK, INT64_MAX, 2), -EOVERFLOW);
	u_eq(lock_as(0, 0, F_GETLK, F_UNLCK, 0, 0), -EINVAL);
	files[0][0].mode = FMODE_READ;
	u_eq(lock_as(0, 0, F_SETLK, F_WRLCK, 0, 0), -EBADF);
	u_eq(lock_as(0, 0, F_SETLK, F_RDLCK, 10, -4), 0); /* 6..9 */
	l = (struct linux_flock){ .type = F_WRLCK, .whence = SEEK_CUR, .start = 3, .len = 0 };
	files[1][0].pos = 5;
	become(1);
	u_eq(file_lock_fcntl(&files[1][0], F_GETLK, (u64)(uintptr_t)&l), 0);
	u_eq(l.type, F_RDLCK);
	u_eq(l.start, 6);
	u_eq(l.len, 4);
	u_eq(l.pid, 100);
	u_eq(l.whence, SEEK_SET);
	u_eq(lock_as(1, 0, F_SETLK, F_WRLCK, 9, 1), -EAGAIN);
	u_eq(lock_as(1, 0, F_SETLK, F_WRLCK, 10, 0), 0);
	l = (struct linux_flock){ .type = F_WRLCK, .start = 11, .len = 1, .pid = 1 };
	u_eq(file_lock_fcntl(&files[2][0], F_OFD_GETLK, (u64)(uintptr_t)&l), -EINVAL);
	l.pid = 0;
	u_eq(file_lock_fcntl(&files[2][0], F_OFD_GETLK, (u64)(uintptr_t)&l), 0);
	u_eq(l.len, 0);
	u_eq(l.start, 10);
	u_eq(l.pid, 101);
	u_eq(lock_as(2, 0, F_OFD_SETLK, F_WRLCK, 0, 6), 0);
	l = (struct linux_flock){ .type = F_RDLCK };
	become(1);
	u_eq(file_lock_fcntl(&files[1][0], F_GETLK, (u64)(uintptr_t)&l), 0);
	u_eq(l.pid, -1); /* of an open file */
	u_eq(l.len, 6);
	l = (struct linux_flock){ .type = F_RDLCK, .start = 20, .len = 5 };
	u_eq(file_lock_fcntl(&files[1][0], F_GETLK, (u64)(uintptr_t)&l), 0);
	u_eq(l.type, F_UNLCK); /* nothing in the way: all else stays */
	u_eq(l.start, 20);
	u_eq(l.len, 5);
	file_locks_release(&files[0][0], &spaces[0]);
	file_locks_release(&files[0][0], &spaces[1]);
	file_locks_release(&files[2][0], NULL);
	nobody_holds_anything();
	u_eq(host_heap_live(), 0);
}

U_TEST(no_memory_for_a_lock)
{
	setup();
	u_eq(lock_as(0, 0, F_SETLK, F_RDLCK, 0, 100), 0);
	heap_fail_at(1);
	u_eq(lock_as(1, 0, F_SETLK, F_RDLCK, 0, 1), -ENOLCK);
	heap_fail_at(1);
	u_eq(lock_as(0, 0, F_SETLK, F_UNLCK, 50, 1), -ENOLCK); /* a range in two needs one more */
	heap_fail_at(2);
	u_eq(lock_as(0, 0, F_SETLK, F_WRLCK, 50, 1), -ENOLCK);
	heap_fail_at(1);
	u_eq(lock_as(0, 0, F_SETLK, F_UNLCK, 0, 0), 0); /* to let all go never fails */
	heap_fail_at(1);
	u_eq(file_flock(&files[0][0], LOCK_EX), -ENOLCK);
	heap_fail_at(0);
	nobody_holds_anything();
	u_eq(host_heap_live(), 0);
}

U_TEST(too_many_locks)
{
	u32 n = 0;
	long err;

	setup();
	while (!(err = lock_as(0, 0, F_SETLK, F_RDLCK, INT64_MAX - 2 - 2ll * n, 1)) && n < 70000)
		n++;
	u_eq(err, -ENOLCK);
	u_eq(n, 65536);
	file_locks_release(&files[0][0], &spaces[0]);
	nobody_holds_anything();
	u_eq(lock_as(0, 0, F_SETLK, F_RDLCK, 0, 1), 0);
	file_locks_release(&files[0][0], &spaces[0]);
}
