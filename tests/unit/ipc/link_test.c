/* Ends of rings in the kernel, on simulated CPUs: wake-ups, deadlines, death, capabilities, memory.
 * mode: sim
 * needs: kernel/ipc/fusion_ring/ring.c kernel/ipc/channel/transit.c
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
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/time.h>
#include <exo_abi/linux_fs.h>
#include <ipc/ipc_internal.h>

#define ROUNDS 60u

/* ---- files, memory objects and grants: counted, and that is all ---- */

static u32 live_files, live_objects, live_grants; /* [a] */

const struct object_type file_object_type = {.name = "file"};

struct file *file_create(const struct file_ops *ops, struct inode *inode, u32 flags, void *priv)
{
	struct file *f = kzalloc(sizeof(*f), ALLOC_KERNEL);

	if (!f)
		return err_ptr(-ENOMEM);
	__atomic_fetch_add(&live_files, 1, __ATOMIC_SEQ_CST);
	f->object.type = &file_object_type;
	f->object.root.object = &f->object;
	f->ops = ops;
	f->flags = flags;
	f->priv = priv;
	return f;
}
void file_put(struct file *f)
{
	f->ops->release(f);
	__atomic_fetch_sub(&live_files, 1, __ATOMIC_SEQ_CST);
	kfree(f);
}

struct vm_object *vm_object_create_anon(u64 size_bytes)
{
	struct vm_object *o = kzalloc(sizeof(*o), ALLOC_KERNEL);

	if (o)
		__atomic_fetch_add(&live_objects, 1, __ATOMIC_SEQ_CST);
	return o;
}
struct page *vm_object_page(struct vm_object *o, u64 index, bool fill)
{
	struct page *p = page_alloc(0, ALLOC_USER);

	if (!p)
		return err_ptr(-ENOMEM);
	memset(page_to_virt(p), 0, PAGE_SIZE);
	return p;
}
void vm_object_put(struct vm_object *o)
{
	__atomic_fetch_sub(&live_objects, 1, __ATOMIC_SEQ_CST);
	kfree(o);
}

/* A grant here is the root grant of a file that goes with it, or one of nothing. */
static struct object nothing;
static struct grant of_nothing = {.object = &nothing};

void grant_put(struct grant *g)
{
	__atomic_fetch_sub(&live_grants, 1, __ATOMIC_SEQ_CST);
	if (g != &of_nothing)
		file_put(object_file(g->object));
}

/* ---- inside the simulation ---- */

static struct file *ends[2];
static struct semaphore done;

struct job {
	void (*fn)(u32 person);
	u32 person;
};
static void job_main(void *p)
{
	struct job *j = p;

	j->fn(j->person);
	semaphore_up(&done);
}
static void people_start(u32 n, void (*fn)(u32 person))
{
	static struct job jobs[8];

	semaphore_init(&done, 0);
	for (u32 i = 0; i < n; i++) {
		jobs[i] = (struct job){fn, i};
		u_check(kthread_create("person", job_main, &jobs[i]));
	}
}
static void people_end(u32 n)
{
	for (u32 i = 0; i < n; i++)
		u_eq(semaphore_down(&done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
}
static void make(u32 kind, bool duplex)
{
	u_eq(ipc_ring_create(&(struct ipc_params){kind, 8, duplex}, ends), 0);
}
static void all_gone(void)
{
	for (u32 i = 0; i < 50 && live_files; i++) /* the worker may still be at it */
		(void)thread_sleep_until(clock_monotonic() + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	u_eq(live_files, 0);
	u_eq(live_objects, 0);
	u_eq(live_grants, 0);
}

static void run_seeds(u32 cpus, u32 seeds, void (*main_fn)(void *arg))
{
	for (u32 seed = 1; seed <= seeds && !u_failures; seed++) {
		struct host_sim s = {.cpus = cpus,
			.seed = seed,
			.switch_one_in = 2 + seed % 3,
			.time_limit_ns = 60 * NS_PER_SEC};
		int r = host_sim_run_again(&s, main_fn, NULL);

		if (r)
			u_fail(__FILE__, __LINE__, "seed %u on %u CPUs: error %d", seed, cpus, r);
	}
}

/* Each wakes the other and waits to be woken: one wake-up lost, and both sleep for ever. */
static void bounce(u32 person)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		if (!person)
			u_eq(ipc_wake(ends[0]), 0);
		u_eq(ipc_wait(ends[person], i, NS_FOREVER), i + 1);
		if (person)
			u_eq(ipc_wake(ends[1]), 0);
	}
}
static void bounce_main(void *arg)
{
	make(FRING_SPSC, true);
	people_start(2, bounce);
	people_end(2);
	file_put(ends[0]);
	file_put(ends[1]);
	all_gone();
}
U_TEST_LIMIT(no_wake_up_is_lost, 120)
{
	run_seeds(1, 5, bounce_main);
	run_seeds(2, 40, bounce_main);
}

/* The wake-up comes at each instant of falling asleep. */
static u32 turn; /* [a] */
static void fall_asleep(u32 person)
{
	for (u32 i = 0; i < 2 * ROUNDS; i++) {
		if (person) {
			__atomic_store_n(&turn, i + 1, __ATOMIC_SEQ_CST);
			u_eq(ipc_wait(ends[1], i, NS_FOREVER), i + 1);
			continue;
		}
		while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) != i + 1)
			host_sim_point();
		for (u64 n = host_sim_random() % 16; n; n--)
			host_sim_point();
		u_eq(ipc_wake(ends[0]), 0);
	}
}
static void asleep_main(void *arg)
{
	turn = 0;
	make(FRING_SPSC, false);
	people_start(2, fall_asleep);
	people_end(2);
	file_put(ends[0]);
	file_put(ends[1]);
	all_gone();
}
U_TEST_LIMIT(a_wake_up_at_each_instant, 120)
{
	run_seeds(2, 40, asleep_main);
}

/* Several sleep at one end, some with deadlines; who wakes last wakes all. */
static void sleep_or_wake(u32 person)
{
	u32 seen = 0;

	if (!person) {
		for (u32 i = 0; i < ROUNDS; i++) {
			u_eq(ipc_wake(ends[0]), 0);
			if (i % 3 == 0)
				(void)thread_sleep_until(clock_monotonic() + i % 7 * NS_PER_US,
					WAIT_UNINTERRUPTIBLE);
		}
		return;
	}
	while (seen < ROUNDS) {
		ns_t deadline =
			person & 1 ? NS_FOREVER : clock_monotonic() + person * 3 * NS_PER_US;
		long n = ipc_wait(ends[1], seen, deadline);

		if (n == -ETIMEDOUT && !(person & 1))
			continue;
		u_need(n > (long)seen && n <= (long)ROUNDS);
		seen = (u32)n;
	}
}
static void crowd_main(void *arg)
{
	struct ipc_end *e;

	make(FRING_MPSC, false);
	people_start(6, sleep_or_wake);
	people_end(6);
	e = ends[1]->priv;
	u_check(!e->sleeper && list_empty(&e->queue.waiters));
	file_put(ends[0]);
	file_put(ends[1]);
	all_gone();
}
U_TEST_LIMIT(many_sleepers_and_deadlines, 120)
{
	run_seeds(1, 5, crowd_main);
	run_seeds(4, 30, crowd_main);
}

/* The other end goes at any time: everybody hears of it. */
static void outlive(u32 person)
{
	if (!person) {
		(void)thread_sleep_until(clock_monotonic() + host_sim_random() % 20 * NS_PER_US,
			WAIT_UNINTERRUPTIBLE);
		file_put(ends[0]);
		return;
	}
	u_eq(ipc_wait(ends[1], 0, NS_FOREVER), -EPIPE);
	u_eq(ipc_wait(ends[1], 7, NS_FOREVER), -EPIPE);
}
static void death_main(void *arg)
{
	struct ipc_info info;

	make(FRING_SPSC, false);
	people_start(4, outlive);
	people_end(4);
	u_eq(ipc_info(ends[1], &info), 0);
	u_check(info.peer_gone);
	u_eq(ends[1]->ops->poll(ends[1], NULL) & POLL_HUP, POLL_HUP);
	file_put(ends[1]);
	all_gone();
}
U_TEST_LIMIT(the_other_end_goes, 120)
{
	run_seeds(1, 5, death_main);
	run_seeds(4, 40, death_main);
}

/* A chain: each ring's receiving end waits in the queue of an older one. Dropping the oldest drops
 * all, without recursion, and the stack of no thread holds a chain of that length. */
#define CHAIN 3000u
static void chain_main(void *arg)
{
	struct file *tx[2] = {NULL, NULL}, *first = NULL;

	for (u32 i = 0; i < CHAIN; i++) {
		struct ipc_transit *t;
		u64 ticket;

		make(FRING_SPSC, false);
		if (!first) {
			first = ends[1];
		} else {
			t = kzalloc(sizeof(*t), ALLOC_KERNEL);
			t->count = 1;
			t->grants[0] = &ends[1]->object.root;
			__atomic_fetch_add(&live_grants, 1, __ATOMIC_SEQ_CST);
			u_eq(ipc_transit_send(ends[0], t, &ticket), -ELOOP); /* into itself */
			u_need(ipc_transit_send(tx[0], t, &ticket) == 0);
			file_put(tx[0]);
		}
		tx[0] = ends[0];
	}
	file_put(first);
	for (u32 i = 0; i < 2000 && live_files > 1; i++)
		(void)thread_sleep_until(clock_monotonic() + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	u_eq(ipc_wait(tx[0], 0, NS_FOREVER), -EPIPE);
	file_put(tx[0]);
	all_gone();
}
U_TEST_LIMIT(a_chain_of_queues_goes_without_recursion, 120)
{
	run_seeds(2, 1, chain_main);
}

/* Senders, a receiver and the end's death: every capability is taken once or dropped once. */
static u32 sent, taken; /* [a] */
static void give_and_take(u32 person)
{
	if (person == 0) {
		(void)thread_sleep_until(
			clock_monotonic() + (10 + host_sim_random() % 40) * NS_PER_US,
			WAIT_UNINTERRUPTIBLE);
		return;
	}
	for (u32 i = 0; i < ROUNDS; i++) {
		struct ipc_transit *t = kzalloc(sizeof(*t), ALLOC_KERNEL);
		u64 ticket = 0;
		int err;

		t->count = 1 + i % IPC_CAPS_MAX;
		for (u32 k = 0; k < t->count; k++)
			t->grants[k] = &of_nothing;
		__atomic_fetch_add(&live_grants, t->count, __ATOMIC_SEQ_CST);
		err = ipc_transit_send(ends[0], t, &ticket);
		if (err) {
			u_check(err == -EAGAIN || err == -EPIPE);
			ipc_transit_free(t);
			continue;
		}
		__atomic_fetch_add(&sent, 1, __ATOMIC_SEQ_CST);
		if (i % 3 == 0)
			continue;
		t = ipc_transit_take(ends[1], ticket, IPC_CAPS_MAX);
		u_need(!is_err(t));
		u_eq(t->count, 1 + i % IPC_CAPS_MAX);
		if (i % 3 == 1) {
			ipc_transit_untake(ends[1], t);
			u_eq(ptr_err(ipc_transit_take(ends[1], ticket, 0)), -EMSGSIZE);
			continue;
		}
		ipc_transit_free(t);
		__atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
	}
}
static void transit_main(void *arg)
{
	sent = taken = 0;
	make(FRING_SPSC, false);
	people_start(4, give_and_take);
	people_end(4);
	u_check(sent > taken && taken);
	u_eq(((struct ipc_end *)ends[1]->priv)->transit_count, sent - taken);
	file_put(ends[1]);
	file_put(ends[0]);
	for (u32 i = 0; i < 50 && live_grants; i++)
		(void)thread_sleep_until(clock_monotonic() + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	all_gone();
}
U_TEST_LIMIT(capabilities_are_taken_or_dropped_once, 120)
{
	run_seeds(1, 3, transit_main);
	run_seeds(4, 20, transit_main);
}

/* ---- one by one ---- */

U_TEST(no_memory_at_any_point)
{
	bool whole = false;

	for (u64 n = 1; !whole; n++) {
		struct file *pool;
		int err[3];

		heap_fail_at(n);
		err[0] = ipc_ring_create(&(struct ipc_params){FRING_SPSC, 8, true}, ends);
		if (!err[0]) {
			file_put(ends[0]);
			file_put(ends[1]);
		}
		err[1] = ipc_ring_create(&(struct ipc_params){FRING_BROADCAST, 8, false}, ends);
		if (!err[1]) {
			file_put(ends[1]);
			file_put(ends[0]);
		}
		pool = ipc_pool_create(4, 4096);
		err[2] = is_err(pool) ? (int)ptr_err(pool) : 0;
		if (!err[2])
			file_put(pool);
		whole = !err[0] && !err[1] && !err[2];
		heap_fail_at(0);
		for (u32 i = 0; i < 3; i++)
			u_check(!err[i] || err[i] == -ENOMEM);
		u_eq(live_files, 0);
		u_eq(live_objects, 0);
		if (!u_eq(host_heap_live(), 0))
			u_note("allocation %llu", (unsigned long long)n);
		u_need(n < 100);
	}
}
