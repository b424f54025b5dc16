/* AF_UNIX streams between threads on simulated CPUs: data, ends, connections that come while listeners go, failing allocations.
 * mode: sim
 * needs: kernel/fs/poll/inotify.c
 * needs: kernel/net/socket.c kernel/net/unix/unix.c kernel/net/inet/inet.c kernel/net/unix/name.c kernel/net/unix/message.c kernel/net/unix/flight.c
 * needs: kernel/security/capability/object.c kernel/security/credentials.c kernel/fs/pipe/pipe.c kernel/fs/vfs/uio.c
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
#include <exo/fs_pipe.h>
#include <exo/memory.h>
#include <exo/net.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/time.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_net.h>
#include <fs/vfs/vfs_internal.h>

void random_bytes(void *buf, size_t len_bytes) /* of ports */
{
	for (size_t i = 0; i < len_bytes; i++)
		((u8 *)buf)[i] = (u8)host_sim_random();
}

#define PEOPLE 8u

/* ---- of the file system: files are counted, and that is all ---- */

static u32 live_files, live_inodes; /* [a] */
static u32 broken_pipes;            /* [a] */

ssize_t vm_access(struct vm_space *s, vaddr_t va, void *buf, size_t len_bytes, u32 write)
{
	return -EFAULT;
}
void synth_show_number(struct seq *s, const void *ctx)
{
}
void proc_add(const struct synth_file *files, size_t count)
{
}
void seq_printf(struct seq *s, const char *fmt, ...)
{
}
struct super_block *super_create(const struct fs_type *t, const struct super_ops *ops, void *priv)
{
	static struct super_block sb[2];
	static u32 used;
	struct super_block *s = &sb[used++ % 2];

	s->ops = ops;
	return s;
}
struct inode *inode_create(struct super_block *sb, u32 mode, const struct file_ops *fops)
{
	struct inode *i = kzalloc(sizeof(*i), ALLOC_KERNEL);

	if (!i)
		return NULL;
	__atomic_fetch_add(&live_inodes, 1, __ATOMIC_SEQ_CST);
	i->refs = 1;
	i->sb = sb;
	i->mode = mode;
	return i;
}
void inode_get(struct inode *i)
{
	__atomic_fetch_add(&i->refs, 1, __ATOMIC_SEQ_CST);
}
void inode_put(struct inode *i)
{
	if (__atomic_sub_fetch(&i->refs, 1, __ATOMIC_SEQ_CST))
		return;
	__atomic_fetch_sub(&live_inodes, 1, __ATOMIC_SEQ_CST);
	kfree(i);
}
void inode_free_bare(struct inode *i)
{
}
struct inode *anon_inode;
struct file *file_create(const struct file_ops *ops, struct inode *inode, u32 flags, void *priv)
{
	struct file *f = kzalloc(sizeof(*f), ALLOC_KERNEL);

	if (!f) {
		inode_put(inode);
		return err_ptr(-ENOMEM);
	}
	__atomic_fetch_add(&live_files, 1, __ATOMIC_SEQ_CST);
	f->ops = ops;
	f->inode = inode;
	f->flags = flags;
	f->priv = priv;
	return f;
}
struct file *file_create_owning(const struct file_ops *ops, u32 flags, void *priv)
{
	return file_create(ops, NULL, flags, priv);
}
void file_put(struct file *f)
{
	f->ops->release(f);
	inode_put(f->inode);
	__atomic_fetch_sub(&live_files, 1, __ATOMIC_SEQ_CST);
	kfree(f);
}
int vfs_mknod(const char *path, u32 mode, u64 rdev)
{
	return -EROFS;
}
int path_lookup(cap_t dirfd, const char *name, u32 lookup_flags, struct path *out)
{
	return -ENOENT;
}
void path_put(const struct path *p)
{
}
int inode_permission(struct inode *i, u32 mask)
{
	return 0;
}
u64 process_rlimit(struct process *p, enum rlimit_id id)
{
	return ~0ULL;
}
pid_t process_pid(struct process *p)
{
	return 1;
}
const struct object_type file_object_type = { .name = "file" };
struct grant *cap_get_grant(struct cap_space *s, cap_t fd)
{
	return err_ptr(-EBADF);
}
int account_charge_flight(struct user_account **account, u32 count)
{
	return 0;
}
void account_discharge(struct user_account *account, u32 flights, u64 queue_bytes)
{
}
void signal_send_owner(const struct file_signal *due)
{
}
int signal_send_current(int signo)
{
	__atomic_fetch_add(&broken_pipes, 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* ---- sockets as the calls use them ---- */

static struct sockaddr_k name_of(u32 n)
{
	struct sockaddr_k a = { .family = AF_UNIX, .len_bytes = 2 + 3 };

	a.data[1] = 'n';
	a.data[2] = (u8)('0' + n);
	return a;
}

static ssize_t send_bytes(struct file *f, const void *p, size_t n, u32 flags)
{
	struct socket *s = socket_of(f);
	struct uio u;

	uio_init_kernel(&u, (void *)p, n);
	struct message m = { .flags = flags, .file_flags = f->flags };

	return s->ops->send(s, &u, &m);
}

static ssize_t receive_bytes(struct file *f, void *p, size_t n, u32 flags)
{
	struct socket *s = socket_of(f);
	struct uio u;

	uio_init_kernel(&u, p, n);
	struct message m = { .flags = flags, .file_flags = f->flags };

	return s->ops->receive(s, &u, &m);
}

static u32 poll_now(struct file *f)
{
	return f->ops->poll(f, NULL);
}

static struct file *listener_on(u32 name, int backlog)
{
	struct file *f = socket_create(AF_UNIX, SOCK_STREAM, 0, 0);
	struct sockaddr_k a = name_of(name);

	u_check(!is_err(f));
	u_eq(socket_of(f)->ops->bind(socket_of(f), &a), 0);
	u_eq(socket_of(f)->ops->listen(socket_of(f), backlog), 0);
	return f;
}

static int dial(struct file *f, u32 name)
{
	struct sockaddr_k a = name_of(name);

	return socket_of(f)->ops->connect(socket_of(f), &a, f->flags);
}

static struct file *accept_from(struct file *f)
{
	return socket_of(f)->ops->accept(socket_of(f), f->flags, 0);
}

/* ---- helpers inside the simulation ---- */

static struct semaphore done;

struct job {
	void (*fn)(u32 person);
	u32 person;
};
static void job_main(void *p)
{
	struct job *j = p;

	current->cred = &cred_root;
	j->fn(j->person);
	semaphore_up(&done);
}

static void run_people(u32 n, void (*fn)(u32 person))
{
	static struct job jobs[PEOPLE];

	current->cred = &cred_root;
	semaphore_init(&done, 0);
	for (u32 i = 0; i < n; i++) {
		jobs[i] = (struct job){ fn, i };
		u_check(kthread_create("person", job_main, &jobs[i]));
	}
	for (u32 i = 0; i < n; i++)
		u_eq(semaphore_down(&done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
	u_eq(live_files, 0);
	u_eq(live_inodes, 0);
}

static void start(void)
{
	static bool ready;

	if (!ready) {
		ready = true;
		pipe_init();
		net_init();
	}
	current->cred = &cred_root;
}

static void run_seeds(u32 cpus, u32 seeds, void (*main_fn)(void *arg))
{
	start();
	for (u32 seed = 1; seed <= seeds && !u_failures; seed++) {
		struct host_sim s = { .cpus = cpus, .seed = seed, .switch_one_in = 5, .time_limit_ns = 60 * NS_PER_SEC };
		int r = host_sim_run_again(&s, main_fn, NULL);

		if (r)
			u_fail(__FILE__, __LINE__, "seed %u on %u CPUs: error %d", seed, cpus, r);
	}
}

/* ---- bytes ---- */

static struct file *ends[2];
#define TOTAL 300000u

static u8 byte_at(u32 person, u32 i)
{
	return (u8)(i * 7 + (i >> 9) + person);
}

/* Person 0 and 2 write the two directions, 1 and 3 read them. */
static void stream(u32 person)
{
	static u8 buf[4][9000];
	struct file *f = ends[person / 2 ^ (person & 1)];
	u32 at = 0, turn = person;

	while (at < TOTAL) {
		u32 n = MIN((u32)(turn++ * 977 % sizeof(buf[0])) + 1, TOTAL - at);
		ssize_t got;

		for (u32 i = 0; !(person & 1) && i < n; i++)
			buf[person][i] = byte_at(person / 2, at + i);
		got = person & 1 ? receive_bytes(f, buf[person], n, turn % 3 ? 0 : MSG_WAITALL) : send_bytes(f, buf[person], n, 0);
		u_need(got > 0 && got <= n);
		for (u32 i = 0; person & 1 && i < got; i++)
			u_need(buf[person][i] == byte_at(person / 2, at + i));
		at += (u32)got;
	}
}

static void stream_main(void *arg)
{
	current->cred = &cred_root;
	u_eq(socket_pair(AF_UNIX, SOCK_STREAM, 0, 0, ends), 0);
	semaphore_init(&done, 0);
	{
		static struct job jobs[4];

		for (u32 i = 0; i < 4; i++) {
			jobs[i] = (struct job){ stream, i };
			u_check(kthread_create("stream", job_main, &jobs[i]));
		}
	}
	for (u32 i = 0; i < 4; i++)
		u_eq(semaphore_down(&done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
	file_put(ends[0]);
	file_put(ends[1]);
	u_eq(live_files, 0);
}

U_TEST_LIMIT(bytes_go_both_ways_in_order, 60)
{
	run_seeds(1, 2, stream_main);
	run_seeds(3, 4, stream_main);
}

/* ---- connections while listeners come and go ---- */

static u32 talks, refusals, resets; /* [a] */

static void serve(u32 rounds)
{
	for (u32 r = 0; r < rounds; r++) {
		struct file *l = listener_on(0, 1);

		for (u32 i = 0; i < 3; i++) {
			struct file *f = accept_from(l);
			u8 c;

			if (is_err(f)) {
				u_fail(__FILE__, __LINE__, "accept: %ld", ptr_err(f));
				break;
			}
			if (receive_bytes(f, &c, 1, 0) == 1) {
				c++;
				(void)send_bytes(f, &c, 1, MSG_NOSIGNAL);
			}
			file_put(f);
		}
		file_put(l); /* with whoever stands in the queue */
	}
}

static u32 dialers_left; /* [a] */

static void call(u32 person)
{
	u32 done_talks = 0;

	for (u32 tries = 0; done_talks < 4 && tries < 400; tries++) {
		struct file *f = socket_create(AF_UNIX, SOCK_STREAM, 0, 0);
		u8 c = (u8)person;
		int err = dial(f, 0);
		ssize_t n;

		if (err) {
			u_eq(err, -ECONNREFUSED);
			__atomic_fetch_add(&refusals, 1, __ATOMIC_SEQ_CST);
			(void)thread_sleep_until(clock_monotonic() + 20 * NS_PER_US, WAIT_UNINTERRUPTIBLE);
		} else {
			(void)send_bytes(f, &c, 1, MSG_NOSIGNAL);
			n = receive_bytes(f, &c, 1, 0);
			if (n == 1) {
				u_eq(c, (u8)(person + 1));
				done_talks++;
				__atomic_fetch_add(&talks, 1, __ATOMIC_SEQ_CST);
			} else {
				u_eq(n, -ECONNRESET); /* nobody took it */
				u_eq(receive_bytes(f, &c, 1, 0), 0);
				u_check(poll_now(f) & POLL_HUP);
				__atomic_fetch_add(&resets, 1, __ATOMIC_SEQ_CST);
			}
		}
		file_put(f);
	}
	u_eq(done_talks, 4);
	__atomic_fetch_sub(&dialers_left, 1, __ATOMIC_SEQ_CST);
}

static void crowd(u32 person)
{
	if (person)
		call(person);
	else
		serve(8); /* 24 talks: what six callers want */
}

static void crowd_main(void *arg)
{
	talks = refusals = resets = 0;
	run_people(7, crowd);
	u_eq(talks, 24);
}

U_TEST_LIMIT(callers_outlive_their_listeners, 120)
{
	run_seeds(1, 5, crowd_main);
	run_seeds(4, 30, crowd_main);
	u_eq(broken_pipes, 0);
}

/* ---- one by one ---- */

U_TEST(a_reset_is_told_once)
{
	struct file *f[2];
	char c;

	start();
	u_eq(socket_pair(AF_UNIX, SOCK_STREAM, 0, O_NONBLOCK, f), 0);
	u_eq(send_bytes(f[0], "lost", 4, 0), 4);
	u_eq(send_bytes(f[1], "kept", 4, 0), 4);
	file_put(f[1]);
	u_eq(poll_now(f[0]), POLL_IN | POLL_RDNORM | POLL_OUT | POLL_WRNORM | 0x200 | POLL_HUP | POLL_RDHUP | POLL_ERR);
	for (u32 i = 0; i < 4; i++)
		u_eq(receive_bytes(f[0], &c, 1, 0), 1);
	u_eq(receive_bytes(f[0], &c, 1, 0), -ECONNRESET);
	u_eq(receive_bytes(f[0], &c, 1, 0), 0);
	u_eq(send_bytes(f[0], "x", 1, MSG_NOSIGNAL), -EPIPE);
	u_eq(broken_pipes, 0);
	u_eq(send_bytes(f[0], "x", 1, 0), -EPIPE);
	u_eq(broken_pipes, 1);
	file_put(f[0]);
	u_eq(live_files, 0);
	u_eq(host_heap_live(), 0);
}

U_TEST(half_closed)
{
	struct file *f[2];
	char c;

	start();
	u_eq(socket_pair(AF_UNIX, SOCK_STREAM, 0, O_NONBLOCK, f), 0);
	u_eq(poll_now(f[0]), POLL_OUT | POLL_WRNORM | 0x200);
	u_eq(socket_of(f[0])->ops->shutdown(socket_of(f[0]), 3), -EINVAL);
	u_eq(socket_of(f[0])->ops->shutdown(socket_of(f[0]), SHUT_WR), 0);
	u_eq(receive_bytes(f[1], &c, 1, 0), 0);
	u_eq(send_bytes(f[1], "y", 1, 0), 1);
	u_eq(receive_bytes(f[0], &c, 1, MSG_PEEK), 1);
	u_eq(receive_bytes(f[0], &c, 1, 0), 1);
	u_eq(receive_bytes(f[0], &c, 1, 0), -EAGAIN);
	u_eq(poll_now(f[1]) & (POLL_RDHUP | POLL_HUP), POLL_RDHUP);
	u_eq(socket_of(f[0])->ops->shutdown(socket_of(f[0]), SHUT_RDWR), 0);
	u_eq(send_bytes(f[1], "z", 1, MSG_NOSIGNAL), -EPIPE);
	u_eq(poll_now(f[1]) & (POLL_RDHUP | POLL_HUP), POLL_RDHUP | POLL_HUP);
	file_put(f[0]);
	file_put(f[1]);
	u_eq(host_heap_live(), 0);
}

U_TEST(a_full_queue_leaves_the_caller_fresh)
{
	struct file *l, *first, *second, *end;
	struct sockaddr_k a;

	start();
	l = listener_on(1, 0);
	first = socket_create(AF_UNIX, SOCK_STREAM, 0, O_NONBLOCK);
	second = socket_create(AF_UNIX, SOCK_STREAM, 0, O_NONBLOCK);
	u_eq(dial(first, 1), 0);
	u_eq(dial(first, 1), -EISCONN);
	u_eq(dial(second, 1), -EAGAIN);
	u_eq(send_bytes(second, "x", 1, 0), -ENOTCONN);
	u_eq(poll_now(second) & POLL_HUP, POLL_HUP);
	end = accept_from(l);
	u_eq(dial(second, 1), 0);
	u_eq(send_bytes(second, "x", 1, 0), 1);
	u_eq(socket_of(end)->ops->getname(socket_of(end), false, &a), 0);
	u_eq(a.len_bytes, 5);
	u_eq(socket_of(end)->ops->getname(socket_of(end), true, &a), 0);
	u_eq(a.len_bytes, 2);
	file_put(l);
	u_eq(dial(l = socket_create(AF_UNIX, SOCK_STREAM, 0, 0), 1), -ECONNREFUSED);
	file_put(l);
	file_put(first);
	file_put(end);
	file_put(second);
	u_eq(live_files, 0);
	u_eq(host_heap_live(), 0);
}

U_TEST(names_of_their_own)
{
	struct sockaddr_k none = { .family = AF_UNIX, .len_bytes = 2 }, a, b;
	struct file *f[2];

	start();
	for (u32 i = 0; i < 2; i++) {
		f[i] = socket_create(AF_UNIX, SOCK_STREAM, 0, 0);
		u_eq(socket_of(f[i])->ops->bind(socket_of(f[i]), &none), 0);
		u_eq(socket_of(f[i])->ops->getname(socket_of(f[i]), false, i ? &b : &a), 0);
	}
	u_eq(a.len_bytes, 8);
	u_check(!a.data[0] && memcmp(a.data, b.data, 6));
	u_eq(socket_of(f[0])->ops->bind(socket_of(f[0]), &b), -EINVAL);
	file_put(f[1]);
	file_put(f[0]);
	f[0] = socket_create(AF_UNIX, SOCK_STREAM, 0, 0);
	u_eq(socket_of(f[0])->ops->bind(socket_of(f[0]), &b), 0); /* free again */
	a = (struct sockaddr_k){ .family = AF_UNIX, .data = "/path", .len_bytes = 8 };
	u_eq(socket_of(f[0])->ops->connect(socket_of(f[0]), &a, 0), -ENOENT);
	a.family = 2;
	u_eq(socket_of(f[0])->ops->connect(socket_of(f[0]), &a, 0), -EINVAL);
	a.family = AF_UNIX;
	a.len_bytes = 2 + UNIX_PATH_MAX + 1;
	u_eq(socket_of(f[0])->ops->connect(socket_of(f[0]), &a, 0), -EINVAL);
	file_put(f[0]);
	u_eq(host_heap_live(), 0);
}

U_TEST(no_memory_at_any_point)
{
	bool whole = false;

	start();
	for (u64 n = 1; !whole; n++) {
		struct file *l = listener_on(2, 3), *f = NULL, *end = NULL, *pair[2];
		int err;

		heap_fail_at(n);
		err = socket_pair(AF_UNIX, SOCK_STREAM, 0, 0, pair);
		if (!err) {
			file_put(pair[0]);
			file_put(pair[1]);
		}
		f = socket_create(AF_UNIX, SOCK_STREAM, 0, O_NONBLOCK);
		err |= is_err(f) ? -1 : dial(f, 2);
		end = err ? NULL : accept_from(l);
		whole = !err && !is_err(end);
		heap_fail_at(0);
		if (end && !is_err(end))
			file_put(end);
		if (!is_err(f))
			file_put(f);
		file_put(l);
		u_eq(live_files, 0);
		u_eq(live_inodes, 0);
		if (!u_eq(host_heap_live(), 0))
			u_note("allocation %llu", (unsigned long long)n);
		u_need(n < 100);
	}
}
