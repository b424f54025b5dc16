/* Waiting for several files: poll(2), select(2), and kernel callers. Code in kernel/fs/poll/. Layer: fs. */
#pragma once

#include <exo/fs.h>

struct poll_chunk;
struct poll_set { /* on the stack of the one who waits */
	struct poll_table table;
	struct poll_chunk *chunks; /* owned */
	u32 used;                  /* entries of the first chunk */
	bool queueing;             /* this scan hangs hooks on the files */
	bool triggered;            /* [a] a hook fired */
	int err;                   /* a hook could not be made */
	u64 key;                   /* events of the file being asked */
};
void poll_set_init(struct poll_set *s);
void poll_set_fini(struct poll_set *s);
u32 poll_file(struct poll_set *s, struct file *f, u32 events); /* POLL_* that hold, ERR and HUP included */
u32 poll_fd(struct poll_set *s, cap_t fd, u32 events);         /* POLL_NVAL when it is no file */
/* poll_set_wait - calls @scan, which asks every file and counts, until it is not 0. @deadline_ns 0 = do not wait, NS_FOREVER.
 * Return: scan's count or error | 0 time is up | -ERESTARTSYS | -ENOMEM. Context: thread, may sleep. */
int poll_set_wait(struct poll_set *s, int (*scan)(struct poll_set *s, void *ctx), void *ctx, ns_t deadline_ns) MUST_USE;

/* epoll */
struct linux_epoll_event;
struct file *epoll_create(void); /* err_ptr */
int epoll_control(struct file *ep, int op, cap_t fd, const struct linux_epoll_event *event) MUST_USE;
int epoll_wait_events(struct file *ep, struct linux_epoll_event USER *out, u32 max, ns_t deadline_ns) MUST_USE; /* count | -EINTR -EFAULT -EINVAL */
