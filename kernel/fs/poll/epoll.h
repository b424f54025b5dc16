/* epoll and eventfd for the system calls. Layer: fs. */
#pragma once

#include <exo/fs.h>
#include <exo/time.h>

struct file *epoll_create_file(void); /* err_ptr(-ENOMEM | -ENFILE) */
/* epoll_control - @op EPOLL_CTL_*; @f borrowed; @g its grant when that is derived. 0 | -EEXIST
 * -ENOENT -EINVAL -EPERM -ELOOP -ENOMEM.
 */
int epoll_control(struct file *epf, int op, struct file *f, cap_t fd, u32 events, u64 data,
	const struct grant *g) MUST_USE;
/* epoll_collect - waits and hands up to @max events to @emit (false = user memory is bad).
 * @deadline_ns 0 = do not wait. Return: events | 0 time is up | -EINTR | -EFAULT | -EINVAL no
 * epoll. */
int epoll_collect(struct file *epf, int max, ns_t deadline_ns,
	bool (*emit)(void *ctx, int n, u32 events, u64 data), void *ctx);
struct file *eventfd_create_file(u64 count, u32 o_flags, bool semaphore); /* err_ptr */
/* eventfd_add - 0 | -EAGAIN it would overflow | -EINVAL no eventfd. */
int eventfd_add(struct file *f, u64 value) MUST_USE;
/* err_ptr(-EINVAL | -EPERM an alarm clock | -ENOMEM) */
struct file *timerfd_create_file(int clock, u32 o_flags);
/* timerfd_setting - what is left, and then a new setting unless NULL. @flags: TFD_TIMER_*. 0 |
 * -EINVAL no timerfd | -ECANCELED it is set, but it was to tell that the clock was set, and has. */
int timerfd_setting(
	struct file *f, u32 flags, const struct itimer_ns *new, struct itimer_ns *old) MUST_USE;
struct file *inotify_create_file(u32 o_flags); /* err_ptr(-ENOMEM) */
bool file_is_inotify(const struct file *f);
/* inotify_watch - @mask IN_*. The watch's number | -EEXIST | -ENOSPC too many | -ENOMEM. */
long inotify_watch(struct file *f, struct inode *i, u32 mask);
long inotify_unwatch(struct file *f, s32 wd); /* 0 | -EINVAL no such watch */
