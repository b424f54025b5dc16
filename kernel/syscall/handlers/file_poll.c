/* System calls that wait for files: poll, select, epoll, each with and without a signal mask. Layer: syscall.
 * Sources: poll(2) select(2) epoll_create(2) epoll_ctl(2) epoll_wait(2). */
#include <arch/uaccess.h>
#include <exo/memory.h>
#include <exo/poll.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/time.h>
#include <exo_abi/linux_fs.h>

/* ---- time ---- */

static ns_t deadline_in(u64 sec, u64 nsec)
{
	u64 now = clock_monotonic(), span;

	if (!sec && !nsec)
		return 0;
	if (sec > NS_FOREVER / NS_PER_SEC / 2)
		return NS_FOREVER;
	span = sec * NS_PER_SEC + nsec;
	return now + span < now ? NS_FOREVER : now + span;
}

static ns_t deadline_in_ms(s32 ms)
{
	return ms < 0 ? NS_FOREVER : deadline_in((u32)ms / 1000, (u64)((u32)ms % 1000) * NS_PER_MS);
}

/* @user: a timespec, or a timeval when @unit_ns is 1000. 0 = forever. */
static int deadline_from_user(u64 user, u64 unit_ns, ns_t *out)
{
	struct linux_timespec t;

	*out = NS_FOREVER;
	if (!user)
		return 0;
	if (copy_from_user(&t, (const void USER *)user, sizeof(t)))
		return -EFAULT;
	if (unit_ns == 1000 && t.sec >= 0 && t.nsec >= 1000000) { /* select(2) takes more than a second's worth */
		t.sec += t.nsec / 1000000;
		t.nsec %= 1000000;
	}
	if (t.sec < 0 || (u64)t.nsec >= NS_PER_SEC / unit_ns)
		return -EINVAL;
	*out = deadline_in((u64)t.sec, (u64)t.nsec * unit_ns);
	return 0;
}

/* What is left of the time goes back to the user; a failure to write it changes nothing. */
static void time_left_to_user(u64 user, u64 unit_ns, ns_t deadline)
{
	struct linux_timespec t = { 0, 0 };
	ns_t now;

	if (!user || deadline == NS_FOREVER)
		return;
	now = clock_monotonic();
	if (deadline > now)
		t = (struct linux_timespec){ (s64)((deadline - now) / NS_PER_SEC), (s64)((deadline - now) % NS_PER_SEC / unit_ns) };
	(void)!copy_to_user((void USER *)user, &t, sizeof(t));
}

static int mask_from_user(u64 mask, u64 size)
{
	return mask ? signal_mask_swap_user((const u64 USER *)mask, size) : 0;
}

/* ---- poll ---- */

struct poll_call {
	struct linux_pollfd *fds;
	u32 count;
};

static int poll_scan(struct poll_set *s, void *ctx)
{
	struct poll_call *c = ctx;
	int found = 0;

	for (u32 i = 0; i < c->count; i++) {
		struct linux_pollfd *p = &c->fds[i];

		p->revents = 0;
		if (p->fd < 0)
			continue;
		p->revents = (s16)poll_fd(s, p->fd, (u16)p->events);
		if (p->revents) {
			found++;
			s->queueing = false; /* it will not sleep */
		}
	}
	return found;
}

static long do_poll(u64 user, u64 count, ns_t deadline)
{
	struct linux_pollfd few[16];
	struct poll_call c = { .fds = few, .count = (u32)count };
	struct poll_set set;
	long ret;

	if (count > rlimit_current(RLIM_NOFILE) || count > FD_SETSIZE_MAX)
		return -EINVAL;
	if (count > ARRAY_LEN(few) && !(c.fds = kmalloc(count * sizeof(few[0]), ALLOC_KERNEL)))
		return -ENOMEM;
	ret = copy_from_user(c.fds, (const void USER *)user, count * sizeof(few[0]));
	if (!ret) {
		poll_set_init(&set);
		ret = poll_set_wait(&set, poll_scan, &c, deadline);
		poll_set_fini(&set);
	}
	if (ret >= 0) {
		for (u32 i = 0; i < c.count; i++) {
			struct linux_pollfd USER *p = (struct linux_pollfd USER *)user + i;

			if (copy_to_user(&p->revents, &c.fds[i].revents, sizeof(p->revents))) {
				ret = -EFAULT;
				break;
			}
		}
	}
	if (c.fds != few)
		kfree(c.fds);
	return ret == -ERESTARTSYS ? -ERESTARTNOHAND : ret;
}

long sys_poll(u64 fds, u64 count, u64 timeout_ms)
{
	return do_poll(fds, (u32)count, deadline_in_ms((s32)timeout_ms));
}

long sys_ppoll(u64 fds, u64 count, u64 timeout, u64 mask, u64 mask_size)
{
	ns_t deadline;
	long ret = deadline_from_user(timeout, 1, &deadline);

	if (!ret)
		ret = mask_from_user(mask, mask_size);
	if (ret)
		return ret;
	ret = do_poll(fds, (u32)count, deadline);
	time_left_to_user(timeout, 1, deadline);
	return ret;
}

/* ---- select ---- */

#define SELECT_WORDS_FEW 4 /* 256 descriptors without allocation */
enum { SEL_IN, SEL_OUT, SEL_EX, SEL_SETS };

struct select_call {
	u32 count, words;
	u64 *in[SEL_SETS], *out[SEL_SETS]; /* bitmaps of `words` u64 */
};

static const u32 select_events[SEL_SETS] = {
	[SEL_IN] = POLL_IN | POLL_RDNORM | POLL_HUP | POLL_ERR,
	[SEL_OUT] = POLL_OUT | POLL_WRNORM | POLL_ERR,
	[SEL_EX] = POLL_PRI,
};

static int select_one(struct poll_set *s, struct select_call *c, u32 fd)
{
	u32 wanted = 0, mask;
	int found = 0;

	for (int k = 0; k < SEL_SETS; k++)
		wanted |= bit_test(c->in[k], fd) ? select_events[k] : 0;
	mask = poll_fd(s, (cap_t)fd, wanted);
	if (mask & POLL_NVAL)
		return -EBADF;
	for (int k = 0; k < SEL_SETS; k++) {
		if (bit_test(c->in[k], fd) && mask & select_events[k]) {
			bit_set(c->out[k], fd);
			found++;
		}
	}
	return found;
}

static int select_scan(struct poll_set *s, void *ctx)
{
	struct select_call *c = ctx;
	int found = 0;

	for (u32 w = 0; w < c->words; w++) {
		u64 any = c->in[SEL_IN][w] | c->in[SEL_OUT][w] | c->in[SEL_EX][w];
		u32 bit;

		for_each_bit(bit, any) {
			int n = select_one(s, c, w * 64 + bit);

			if (n < 0)
				return n;
			found += n;
			if (found)
				s->queueing = false;
		}
	}
	return found;
}

static int sets_from_user(struct select_call *c, const u64 user[SEL_SETS])
{
	size_t bytes = (c->count + 7) / 8;

	for (int k = 0; k < SEL_SETS; k++) {
		if (!user[k])
			continue;
		if (copy_from_user(c->in[k], (const void USER *)user[k], ALIGN_UP(bytes, 8UL)))
			return -EFAULT;
		if (c->count % 64)
			c->in[k][c->words - 1] &= BIT(c->count % 64) - 1;
	}
	return 0;
}

static int sets_to_user(struct select_call *c, const u64 user[SEL_SETS])
{
	for (int k = 0; k < SEL_SETS; k++) {
		if (user[k] && copy_to_user((void USER *)user[k], c->out[k], c->words * sizeof(u64)))
			return -EFAULT;
	}
	return 0;
}

static long do_select(s32 count, const u64 user[SEL_SETS], ns_t deadline)
{
	u64 few[2 * SEL_SETS * SELECT_WORDS_FEW], *bits = few;
	struct select_call c;
	struct poll_set set;
	long ret;

	if (count < 0)
		return -EINVAL;
	c.count = MIN((u32)count, (u32)FD_SETSIZE_MAX);
	c.words = (c.count + 63) / 64;
	if (c.words > SELECT_WORDS_FEW && !(bits = kmalloc(2 * SEL_SETS * c.words * sizeof(u64), ALLOC_KERNEL)))
		return -ENOMEM;
	memset(bits, 0, 2 * SEL_SETS * c.words * sizeof(u64));
	for (u32 k = 0; k < SEL_SETS; k++) {
		c.in[k] = bits + k * c.words;
		c.out[k] = bits + (SEL_SETS + k) * c.words;
	}
	ret = sets_from_user(&c, user);
	if (!ret) {
		poll_set_init(&set);
		ret = poll_set_wait(&set, select_scan, &c, deadline);
		poll_set_fini(&set);
	}
	if (ret >= 0 && sets_to_user(&c, user))
		ret = -EFAULT;
	if (bits != few)
		kfree(bits);
	return ret == -ERESTARTSYS ? -ERESTARTNOHAND : ret;
}

long sys_select(u64 count, u64 in, u64 out, u64 ex, u64 timeout)
{
	const u64 user[SEL_SETS] = { in, out, ex };
	ns_t deadline;
	long ret = deadline_from_user(timeout, 1000, &deadline);

	if (ret)
		return ret;
	ret = do_select((s32)count, user, deadline);
	time_left_to_user(timeout, 1000, deadline);
	return ret;
}

long sys_pselect6(u64 count, u64 in, u64 out, u64 ex, u64 timeout, u64 mask_arg)
{
	const u64 user[SEL_SETS] = { in, out, ex };
	u64 mask[2] = { 0, 0 }; /* pointer and size */
	ns_t deadline;
	long ret = deadline_from_user(timeout, 1, &deadline);

	if (!ret && mask_arg)
		ret = copy_from_user(mask, (const void USER *)mask_arg, sizeof(mask));
	if (!ret)
		ret = mask_from_user(mask[0], mask[1]);
	if (ret)
		return ret;
	ret = do_select((s32)count, user, deadline);
	time_left_to_user(timeout, 1, deadline);
	return ret;
}

/* ---- epoll ---- */

long sys_epoll_create1(u64 flags)
{
	struct file *f;

	if ((u32)flags & ~O_CLOEXEC)
		return -EINVAL;
	f = epoll_create();
	return is_err(f) ? ptr_err(f) : fd_install_new(f, (u32)flags);
}

long sys_epoll_create(u64 size)
{
	return (s32)size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

long sys_epoll_ctl(u64 epfd, u64 op, u64 fd, u64 event)
{
	struct linux_epoll_event e = { 0, 0 };
	bool borrowed;
	struct file *f;
	long ret;

	if ((u32)op != EPOLL_CTL_DEL && copy_from_user(&e, (const void USER *)event, sizeof(e)))
		return -EFAULT;
	f = fd_file((cap_t)epfd, CAP_ADMIN, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	ret = epoll_control(f, (int)op, (cap_t)fd, &e);
	fd_file_release(f, borrowed);
	return ret;
}

static long do_epoll_wait(u64 epfd, u64 events, u64 max, ns_t deadline)
{
	bool borrowed;
	struct file *f;
	long ret;

	if ((s32)max <= 0)
		return -EINVAL;
	f = fd_file((cap_t)epfd, CAP_WAIT, &borrowed);
	if (is_err(f))
		return ptr_err(f);
	ret = epoll_wait_events(f, (struct linux_epoll_event USER *)events, (u32)max, deadline);
	fd_file_release(f, borrowed);
	return ret;
}

long sys_epoll_wait(u64 epfd, u64 events, u64 max, u64 timeout_ms)
{
	return do_epoll_wait(epfd, events, max, deadline_in_ms((s32)timeout_ms));
}

long sys_epoll_pwait(u64 epfd, u64 events, u64 max, u64 timeout_ms, u64 mask, u64 mask_size)
{
	long ret = mask_from_user(mask, mask_size);

	return ret ? ret : do_epoll_wait(epfd, events, max, deadline_in_ms((s32)timeout_ms));
}

long sys_epoll_pwait2(u64 epfd, u64 events, u64 max, u64 timeout, u64 mask, u64 mask_size)
{
	ns_t deadline;
	long ret = deadline_from_user(timeout, 1, &deadline);

	if (!ret)
		ret = mask_from_user(mask, mask_size);
	return ret ? ret : do_epoll_wait(epfd, events, max, deadline);
}
