/* poll, ppoll, select, pselect6, epoll_*, eventfd2, inotify_*. Layer: syscall. Sources: poll(2),
 * select(2), epoll_wait(2), eventfd(2). */
#include <exo/errno.h>
#include <exo/fs.h>
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/time.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_process.h>
#include <arch/uaccess.h>

#include "../../fs/poll/epoll.h"
#include "../../fs/poll/poll_set.h"
#include "handlers.h"

/* Deadline of a relative time; 0 = at once, NS_FOREVER = never. */
static ns_t deadline_after(u64 ns)
{
	return ns ? ns_add(clock_monotonic(), ns) : 0;
}

static ns_t deadline_ms(u64 ms) /* an int; negative = never */
{
	return (int)ms < 0 ? NS_FOREVER : deadline_after((u64)(u32)ms * NS_PER_MS);
}

/* A user timespec (or timeval, @unit_ns 1000) as a deadline. NULL = forever. 0 | -EFAULT | -EINVAL.
 */
static int deadline_from_user(const void USER *p, u64 unit_ns, ns_t *out)
{
	s64 t[2];

	*out = NS_FOREVER;
	if (!p)
		return 0;
	if (copy_from_user(t, p, sizeof(t)))
		return -EFAULT;
	if (t[0] < 0 || t[1] < 0 || (unit_ns == 1 && t[1] >= (s64)NS_PER_SEC))
		return -EINVAL;
	t[0] += t[1] / (s64)(NS_PER_SEC / unit_ns); /* select takes microseconds beyond a second */
	t[1] %= (s64)(NS_PER_SEC / unit_ns);
	*out = (u64)t[0] > ~0ULL / NS_PER_SEC - 1
		       ? NS_FOREVER
		       : deadline_after((u64)t[0] * NS_PER_SEC + (u64)t[1] * unit_ns);
	return 0;
}

/* The time that is left goes back to the user, as Linux does; a bad pointer changes nothing about
 * the answer. */
static void remaining_to_user(void USER *p, u64 unit_ns, ns_t deadline)
{
	ns_t now = clock_monotonic(), left = deadline > now ? deadline - now : 0;
	s64 t[2] = {(s64)(left / NS_PER_SEC), (s64)(left % NS_PER_SEC / unit_ns)};

	if (p && deadline != NS_FOREVER && !(process_personality(0xffffffff) & STICKY_TIMEOUTS))
		(void)!copy_to_user(p, t, sizeof(t));
}

/* ---- poll ---- */

#define POLL_STACK_FDS 16

/* Rounds over @fds until something is ready. Count | 0 | -ERESTARTSYS | -ENOMEM. */
static long poll_rounds(struct linux_pollfd *fds, u32 count, ns_t deadline)
{
	struct poll_set set;
	long ready;

	poll_set_init(&set, deadline != 0);
	do {
		ready = 0;
		for (u32 i = 0; i < count; i++) {
			u32 mask = fds[i].fd < 0
					   ? 0
					   : poll_set_ask(&set, fds[i].fd, (u16)fds[i].events, 0);

			fds[i].revents = (s16)mask;
			ready += mask != 0;
		}
	} while (poll_set_again(&set, deadline, &ready));
	poll_set_fini(&set);
	return ready;
}

static long do_poll(struct linux_pollfd USER *user, u32 count, ns_t deadline)
{
	struct linux_pollfd on_stack[POLL_STACK_FDS], *fds = on_stack;
	size_t bytes = count * sizeof(*fds);
	long ret;

	if (count > rlimit_current(RLIM_NOFILE))
		return -EINVAL;
	if (count > POLL_STACK_FDS)
		fds = kmalloc(bytes, ALLOC_KERNEL);
	if (!fds)
		return -ENOMEM;
	ret = copy_from_user(fds, user, bytes) ? -EFAULT : poll_rounds(fds, count, deadline);
	for (u32 i = 0; ret >= 0 && i < count;
		i++) { /* only revents: another thread may be changing the rest */
		if (copy_to_user(&user[i].revents, &fds[i].revents, sizeof(fds[i].revents)))
			ret = -EFAULT;
	}
	if (fds != on_stack)
		kfree(fds);
	return ret;
}

static long poll_restart(struct restart_block *rb)
{
	long ret = do_poll((struct linux_pollfd USER *)rb->args[0], (u32)rb->args[1], rb->args[2]);

	if (ret != -ERESTARTSYS)
		return ret;
	rb->fn = poll_restart;
	return -ERESTART_RESTARTBLOCK;
}

long sys_poll(u64 a0, u64 a1, u64 a2)
{
	struct restart_block rb = {.args = {a0, a1, deadline_ms(a2)}};
	long ret = poll_restart(&rb);

	if (ret == -ERESTART_RESTARTBLOCK)
		*restart_block_current() = rb;
	return ret;
}

long sys_ppoll(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	ns_t deadline;
	long ret = deadline_from_user((const void USER *)a2, 1, &deadline);

	if (!ret)
		ret = signal_mask_swap_user((const u64 USER *)a3, a4);
	if (ret)
		return ret;
	ret = do_poll((struct linux_pollfd USER *)a0, (u32)a1, deadline);
	remaining_to_user((void USER *)a2, 1, deadline);
	return ret == -ERESTARTSYS ? -ERESTARTNOHAND : ret;
}

/* ---- select ---- */

#define SELECT_STACK_WORDS 4
enum { SET_IN, SET_OUT, SET_EX, SETS };
static const u32 select_events[SETS] = {POLL_RDNORM | POLL_IN, POLL_WRNORM | POLL_OUT, POLL_PRI};
static const u32 select_true[SETS] = {
	POLL_IN | POLL_RDNORM | POLL_HUP | POLL_ERR, POLL_OUT | POLL_WRNORM | POLL_ERR, POLL_PRI};

/* @wanted, @found: u64 [SETS][words]. */
static long select_round(struct poll_set *set, const u64 *wanted, u64 *found, u32 nfds, u32 words)
{
	long ready = 0;

	for (u32 fd = 0; fd < nfds; fd++) {
		u32 events = 0, mask;

		for (u32 s = 0; s < SETS; s++)
			events |= bit_test(wanted + s * words, fd) ? select_events[s] : 0;
		if (!events)
			continue;
		mask = poll_set_ask(set, (cap_t)fd, events, 0);
		if (mask & POLL_NVAL)
			return -EBADF;
		for (u32 s = 0; s < SETS; s++) {
			if (bit_test(wanted + s * words, fd) && mask & select_true[s]) {
				bit_set(found + s * words, fd);
				ready++;
			}
		}
	}
	return ready;
}

static long do_select(u32 nfds, void USER *const user[SETS], ns_t deadline)
{
	u64 on_stack[SETS * 2 * SELECT_STACK_WORDS], *wanted = on_stack, *found;
	u32 words = (nfds + 63) / 64;
	struct poll_set set;
	long ret = 0;

	if (words > SELECT_STACK_WORDS)
		wanted = kmalloc(SETS * 2 * words * sizeof(u64), ALLOC_KERNEL);
	if (!wanted)
		return -ENOMEM;
	found = wanted + SETS * words;
	memset(wanted, 0, SETS * 2 * words * sizeof(u64));
	for (u32 s = 0; s < SETS; s++) {
		if (user[s] && copy_from_user(wanted + s * words, user[s], (nfds + 7) / 8))
			ret = -EFAULT;
	}
	if (ret)
		goto free;
	poll_set_init(&set, deadline != 0);
	do
		ret = select_round(&set, wanted, found, nfds, words);
	while (poll_set_again(&set, deadline, &ret));
	poll_set_fini(&set);
	for (u32 s = 0; s < SETS && ret >= 0; s++) {
		if (user[s] && copy_to_user(user[s], found + s * words, (nfds + 7) / 8))
			ret = -EFAULT;
	}
free:
	if (wanted != on_stack)
		kfree(wanted);
	return ret == -ERESTARTSYS ? -ERESTARTNOHAND : ret;
}

long call_select(const u64 a[5], const u64 mask[2], u64 unit_ns)
{
	void USER *const sets[SETS] = {(void USER *)a[1], (void USER *)a[2], (void USER *)a[3]};
	ns_t deadline;
	u32 slots;
	long ret = deadline_from_user((const void USER *)a[4], unit_ns, &deadline);

	if (!ret && (int)a[0] < 0)
		ret = -EINVAL;
	if (!ret)
		ret = signal_mask_swap_user((const u64 USER *)mask[0], mask[1]);
	if (ret)
		return ret;
	/* Descriptors beyond the table cannot be open: they are not looked at, as on Linux. */
	rcu_read_lock();
	slots = rcu_dereference(current->caps->table)->slots_max;
	rcu_read_unlock();
	ret = do_select(MIN((u32)a[0], slots), sets, deadline);
	remaining_to_user((void USER *)a[4], unit_ns, deadline);
	return ret;
}

long sys_pselect6(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	u64 mask[2] = {0, 0};

	if (a5 && copy_from_user(mask, (const void USER *)a5, sizeof(mask)))
		return -EFAULT;
	return call_select((u64[]){a0, a1, a2, a3, a4}, mask, 1);
}

/* ---- epoll, eventfd ---- */

long sys_epoll_ctl(u64 a0, u64 a1, u64 a2, u64 a3)
{
	int op = (int)a1;
	struct fd ep SCOPED(fd_put) = fd_get((cap_t)a0, CAP_ADMIN),
		     fd SCOPED(fd_put) = fd_get((cap_t)a2, op == EPOLL_CTL_DEL ? 0 : CAP_WAIT);
	struct linux_epoll_event ev = {0};
	struct grant *g SCOPED(grant_put_at) = NULL;

	if (op != EPOLL_CTL_DEL && copy_from_user(&ev, (const void USER *)a3, sizeof(ev)))
		return -EFAULT;
	if (is_err(ep.file) || is_err(fd.file))
		return is_err(ep.file) ? ptr_err(ep.file) : ptr_err(fd.file);
	if (unlikely(current->cap_watch)) /* one of the two is by a derived grant */
		g = cap_get_derived(current->caps, (cap_t)a2, &fd.file->object);
	if (is_err(g))
		return ptr_err(g);
	if (op < EPOLL_CTL_ADD || op > EPOLL_CTL_MOD)
		return -EINVAL;
	return epoll_control(ep.file, op, fd.file, (cap_t)a2, ev.events, ev.data, g);
}

static bool emit_event(void *ctx, int n, u32 events, u64 data)
{
	struct linux_epoll_event ev = {.events = events, .data = data};

	return !copy_to_user((struct linux_epoll_event USER *)ctx + n, &ev, sizeof(ev));
}

static long do_epoll_wait(u64 epfd, u64 events, u64 max, ns_t deadline)
{
	struct fd ep SCOPED(fd_put) = fd_get((cap_t)epfd, CAP_WAIT);

	if ((int)max <= 0 || (int)max > (int)(0x7fffffff / sizeof(struct linux_epoll_event)))
		return -EINVAL;
	if (!user_range_ok((const void USER *)events, max * sizeof(struct linux_epoll_event)))
		return -EFAULT;
	if (is_err(ep.file))
		return ptr_err(ep.file);
	return epoll_collect(ep.file, (int)max, deadline, emit_event, (void *)events);
}

long sys_epoll_wait(u64 a0, u64 a1, u64 a2, u64 a3)
{
	return do_epoll_wait(a0, a1, a2, deadline_ms(a3));
}

long sys_epoll_pwait(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	long ret = signal_mask_swap_user((const u64 USER *)a4, a5);

	return ret ? ret : do_epoll_wait(a0, a1, a2, deadline_ms(a3));
}

long sys_epoll_pwait2(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	ns_t deadline;
	long ret = deadline_from_user((const void USER *)a3, 1, &deadline);

	if (!ret)
		ret = signal_mask_swap_user((const u64 USER *)a4, a5);
	return ret ? ret : do_epoll_wait(a0, a1, a2, deadline);
}

long sys_eventfd2(u64 a0, u64 a1)
{
	if (a1 & ~(u64)(O_CLOEXEC | O_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	return fd_install_new(eventfd_create_file((u32)a0, (u32)a1, a1 & EFD_SEMAPHORE), (u32)a1);
}

/* ---- inotify ---- */

long sys_inotify_init1(u64 a0)
{
	if (a0 & ~(u64)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	return fd_install_new(inotify_create_file((u32)a0), (u32)a0);
}

#define IN_KNOWN                                                                           \
	(IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ISDIR | IN_ONESHOT | \
		IN_EXCL_UNLINK | IN_DONT_FOLLOW | IN_ONLYDIR | IN_MASK_ADD | IN_MASK_CREATE)

long sys_inotify_add_watch(u64 a0, u64 a1, u64 a2)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_READ);
	struct path path SCOPED(path_put) = {NULL, NULL};
	u32 mask = (u32)a2;
	long ret;

	if (!(mask & IN_KNOWN))
		return -EINVAL;
	if (is_err(fd.file))
		return ptr_err(fd.file);
	if ((mask & IN_MASK_ADD && mask & IN_MASK_CREATE) || !file_is_inotify(fd.file))
		return -EINVAL;
	ret = path_lookup_user(AT_FDCWD, (const char USER *)a1,
		(mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) |
			(mask & IN_ONLYDIR ? LOOKUP_DIRECTORY : 0),
		&path);
	if (!ret)
		ret = inode_permission(path.dentry->inode, MAY_READ);
	return ret ? ret : inotify_watch(fd.file, path.dentry->inode, mask);
}

long sys_inotify_rm_watch(u64 a0, u64 a1)
{
	struct fd fd SCOPED(fd_put) = fd_get((cap_t)a0, CAP_READ);

	if (is_err(fd.file))
		return ptr_err(fd.file);
	return file_is_inotify(fd.file) ? inotify_unwatch(fd.file, (s32)a1) : -EINVAL;
}
