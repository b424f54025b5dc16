/* epoll and eventfd for the system calls. Layer: fs. */
#pragma once

#include <exo/fs.h>

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
