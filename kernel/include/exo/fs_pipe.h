/* The byte ring of pages under pipes, FIFOs and AF_UNIX streams. Code in kernel/fs/pipe/. Layer:
 * fs. */
#pragma once

#include <exo/fs.h>

#define PIPE_SLOTS_DEFAULT 16u
#define PIPE_BYTES_MAX     (1u << 20) /* /proc/sys/fs/pipe-max-size */

struct pipe_buf {
	struct page *page; /* one reference */
	u32 offset, len;
	bool packet; /* O_DIRECT */
};
struct pipe {
	struct mutex lock; /* S_PIPE */
	u32 head, tail;    /* [lock; sleepers read] free-running */
	u32 slots;         /* [lock; sleepers read] power of two */
	/* [lock; sleepers read] open ends; 0 readers: EPIPE, 0 writers: end of data */
	u32 readers, writers;
	u32 refs;                       /* [lock] who names this pipe: files, sockets */
	u32 reader_opens, writer_opens; /* [lock; sleepers read] opens ever, for FIFO's open */
	struct page *spare;             /* [lock] an empty page kept */
	struct pipe_buf *bufs;          /* [lock] bufs[slots] */
	struct waitqueue readers_wq, writers_wq;
	struct pipe_buf bufs_inline[PIPE_SLOTS_DEFAULT];
};
#define PIPE_NONBLOCK 1u
#define PIPE_PACKET   2u /* each write is read by itself */
#define PIPE_PEEK     4u /* read leaves the bytes there */
#define PIPE_NOSIGNAL 8u /* no SIGPIPE */

struct pipe *pipe_alloc(void); /* empty, no ends, refs 0; NULL = out of memory */
/* pipe_close_end - the given numbers of ends and of references less; wakes the other side; frees
 * the pipe with its last reference. */
void pipe_close_end(struct pipe *p, u32 readers, u32 writers, u32 refs);
void pipe_hold(struct pipe *p); /* one reference more */
/* pipe_resize - F_SETPIPE_SZ: a power of two of pages that holds what is in the pipe. Bytes |
 * -EPERM | -ENOMEM | -EBUSY. */
long pipe_resize(struct pipe *p, u64 bytes);
/* pipe_receive, pipe_send - read(2) and write(2) on a pipe. @flags PIPE_*; @deadline_ns
 * CLOCK_MONOTONIC or NS_FOREVER. Context: thread, may sleep. Return: bytes | 0 end (receive) |
 * -EAGAIN -EPIPE -EFAULT -ENOMEM -ERESTARTSYS. */
ssize_t pipe_receive(struct pipe *p, struct uio *u, u32 flags, ns_t deadline_ns);
ssize_t pipe_send(struct pipe *p, struct uio *u, u32 flags, ns_t deadline_ns);
u32 pipe_bytes(struct pipe *p); /* FIONREAD */
static inline bool pipe_readable(const struct pipe *p)
{
	return READ_ONCE(p->tail) != READ_ONCE(p->head);
}
static inline bool pipe_writable(const struct pipe *p)
{
	return READ_ONCE(p->tail) - READ_ONCE(p->head) < READ_ONCE(p->slots);
}
struct pipe *pipe_of(const struct file *f); /* NULL when @f is no pipe */
/* F_SETPIPE_SZ, F_GETPIPE_SZ; -EBADF when @f is no pipe */
long pipe_fcntl(struct file *f, u32 cmd, u64 arg);
/* open(2) of a FIFO: blocks for the other end. 0 | -ENXIO -ERESTARTSYS -ENOMEM */
int pipe_fifo_open(struct inode *i, struct file *f);
void pipe_init(void);
