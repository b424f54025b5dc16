/* struct unix_socket. Layer: net. */
#pragma once

#include <exo/fs_pipe.h>
#include <exo/net.h>

enum unix_state { UNIX_FRESH, UNIX_LISTENING, UNIX_CONNECTING, UNIX_CONNECTED };
#define UNIX_SHUT_READ  1u /* this side's own */
#define UNIX_SHUT_WRITE 2u
#define UNIX_PEER_READ  4u /* the other side shut it, or went */
#define UNIX_PEER_WRITE 8u
#define UNIX_DEAD       16u /* the file goes */
#define UNIX_NO_INPUT   (UNIX_SHUT_READ | UNIX_PEER_WRITE)
#define UNIX_NO_OUTPUT  (UNIX_SHUT_WRITE | UNIX_PEER_READ)

struct unix_socket {
	struct socket socket;
	u32 refs;          /* [a] its file or the listener's queue; peers; messages; look-ups */
	struct mutex lock; /* S_SOCKET */
	u32 state;         /* [lock write; acquire read] enum unix_state; streams and packets */
	u32 shut;          /* [lock; read racy] UNIX_SHUT_* ... */
	u32 error;         /* [a] reported once: ECONNRESET */
	/* Streams: the byte pipes, made with the socket, so that who polls it early waits at the
	 * right places; +1 each; NULL for the others. */
	struct pipe *rx, *tx;          /* [c] */
	bool send_slow, receive_slow;  /* [lock write; racy] not connected, or somebody wants more
					  than bytes: not straight to the pipe */
	bool peer_wants_cred;          /* [lock write; racy] SO_PASSCRED of a stream's other side */
	bool rx_messages, tx_messages; /* [lock write; racy] that direction left the pipe for
					  messages */
	struct unix_socket *peer; /* [lock] +1; NULL when not connected, or this side was closed */
	struct sockaddr_k name,
		peer_name;      /* [lock; of AF_INET set under port_lock, too] len_bytes 0 = none */
	pid_t peer_pid;         /* [lock] */
	struct cred *peer_cred; /* [lock] +1 */
	struct list queue;      /* [lock] server ends to accept */
	struct list queue_node; /* [listener's lock] */
	u32 queued, backlog;    /* [lock; sleepers read] */
	struct waitqueue wq;    /* accept; connect that waits for room; messages and their room */
	struct list messages;   /* [lock] struct unix_message to read */
	u32 message_count;      /* [lock; read racy] */
	u32 message_bytes;      /* [lock] */
	struct unix_message *urgent;  /* [lock; read racy] where a stream's last MSG_OOB stands */
	bool urgent_taken;            /* [lock; read racy] and its byte was read */
	u32 sent_bytes;               /* [a] charges of messages of ours that nobody has read */
	s32 peek_offset;              /* [lock] SO_PEEK_OFF, -1 = off */
	struct hlist_node bound_node; /* [bound_lock, of AF_INET port_lock] */
	struct path bound_path;       /* [bound_lock] +1; dentry NULL for abstract names */
	struct list all_node;         /* [all_lock] */
	/* [flight_lock], all: see flight.c */
	struct unix_socket *listener; /* whose queue this end stands in */
	struct scm_fds *gc_flights;   /* what waits for this socket, by gc_next */
	u32 gc_refs;
	bool gc_reached;
	struct unix_socket *gc_next;
};
#define DATAGRAMS_MAX 10u /* one more is taken */
struct unix_message {
	struct list node;         /* [receiver's lock] */
	struct unix_socket *from; /* +1: whose room it takes and whose name it bears */
	struct scm scm;
	u32 len, taken; /* [receiver's lock] bytes; those read already */
	u32 charge;     /* [c] room that it takes of its sender */
	bool urgent;    /* [c] sent with MSG_OOB: one byte */
	u8 data[];
};
static inline struct unix_socket *unix_of(struct socket *s)
{
	return container_of(s, struct unix_socket, socket);
}
static inline void unix_get(struct unix_socket *s)
{
	__atomic_fetch_add(&s->refs, 1, __ATOMIC_RELAXED);
}
void unix_put(struct unix_socket *s);
static inline void unix_put_at(struct unix_socket **s) /* for SCOPED; NULL and err_ptr are fine */
{
	if (*s && !is_err(*s))
		unix_put(*s);
}
struct unix_socket *unix_peer_get(struct unix_socket *s); /* +1 | NULL */
static inline bool is_inet(const struct unix_socket *s)
{
	return s->socket.family != AF_UNIX;
}

/* unix.c, what inet.c shares. unix_alloc - one with pipes of its own, or (@first) the other side of
 * a connection; struct inet_values behind it when it is no AF_UNIX. refs 1. NULL = out of memory.
 */
struct unix_socket *unix_alloc(
	struct unix_socket *first, const struct socket_ops *ops, int family, int type);
struct file *unix_file(
	struct unix_socket *s, u32 file_flags); /* takes over @s, NULL is fine; err_ptr */
extern const struct file_ops unix_file_ops;
/* unix_connect_stream - FRESH to CONNECTED, @listener NULL refuses; @name of the server, NULL = the
 * listener's. 0 | -ECONNREFUSED -EAGAIN -EISCONN -EALREADY -EINVAL -ENOMEM -ERESTARTSYS. */
int unix_connect_stream(struct unix_socket *s, struct unix_socket *listener,
	const struct sockaddr_k *name, bool nonblock);
int unix_listen(struct socket *sock, int backlog);
struct file *unix_accept(struct socket *sock, u32 file_flags, u32 new_flags);
ssize_t unix_send(struct socket *sock, struct uio *u, struct message *m);
ssize_t unix_receive(struct socket *sock, struct uio *u, struct message *m);
int unix_shutdown(struct socket *sock, int how);
int unix_get_option(struct socket *sock, int name, void *buf, u32 *len_bytes);
int unix_set_option(struct socket *sock, int name, const void *buf, u32 len_bytes);

/* ../inet/inet.c */
#define INET_OPTIONS 9u
struct inet_values {              /* behind a struct unix_socket of AF_INET */
	s32 option[INET_OPTIONS]; /* [a] */
	u32 uid;                  /* [c] who made it, or whom its listener is of */
	bool connecting;          /* [lock] a connect that did not wait was not asked about yet */
};
/* inet_inherit - what a connection has of its @listener, whose lock is held; nobody sees @end yet.
 */
void inet_inherit(struct unix_socket *end, struct unix_socket *listener);
void inet_unbind(struct unix_socket *s);
void inet_init(void);

/* name.c */
int unix_bind(struct socket *s, const struct sockaddr_k *a);
void unix_unbind(struct unix_socket *s);
void unix_name_init(void);
void unix_list_add(struct unix_socket *s); /* to the list of all, of every family */
void unix_list_del(struct unix_socket *s);
/* unix_next - the socket of @family behind @s (+1, put here), the first one behind NULL; +1 | NULL.
 */
struct unix_socket *unix_next(struct unix_socket *s, int family);
int unix_autobind(struct unix_socket *s); /* no error when it has a name */
/* unix_find - the socket of @type bound to an address, +1. err_ptr(-ECONNREFUSED -ENOENT -EACCES
 * -EINVAL -EPROTOTYPE ...). */
struct unix_socket *unix_find(const struct sockaddr_k *a, int type);

/* message.c */
ssize_t unix_send_message(struct unix_socket *s, struct uio *u, struct message *m); /* one packet */
ssize_t unix_send_stream(
	struct unix_socket *s, struct unix_socket *peer, struct uio *u, struct message *m);
/* unix_receive_urgent - the byte of MSG_OOB: 1 | -EINVAL none | -EFAULT. */
ssize_t unix_receive_urgent(struct unix_socket *s, struct uio *u, struct message *m);
ssize_t unix_receive_messages(struct unix_socket *s, struct uio *u, struct message *m);
/* unix_leave_pipe - what @s sends to @peer goes as messages from now on. */
void unix_leave_pipe(struct unix_socket *s, struct unix_socket *peer);
extern const struct linux_ucred unix_nobody; /* who sent bytes without credentials */
int unix_connect_datagram(struct unix_socket *s, const struct sockaddr_k *a);
void unix_purge(struct unix_socket *s); /* all that it has not read */
/* unix_message_to - the rest of @u from @s to @to, dropped when its buffer is full, as UDP does, or
 * when there is nobody (NULL). */
ssize_t unix_message_to(
	struct unix_socket *s, struct unix_socket *to, struct uio *u, struct message *m);
u32 unix_poll_room(struct unix_socket *s, struct file *f, struct poll_table *pt); /* POLL_OUT.. */
/* unix_error - takes the pending error: -errno | 0. */
static inline int unix_error(struct unix_socket *s)
{
	return READ_ONCE(s->error) ? -(int)__atomic_exchange_n(&s->error, 0, __ATOMIC_RELAXED) : 0;
}

/* flight.c */
/* unix_flight_begin - *message, NULL is fine, is queued at @holder; unix_flight_end: it was taken
 * off. */
void unix_flight_begin(struct unix_socket *holder, struct scm_fds **message);
void unix_flight_end(struct scm_fds *f);             /* NULL is fine */
struct scm_fds *unix_flight_copy(struct scm_fds *f); /* MSG_PEEK; NULL */
void unix_flight_accepted(struct unix_socket *end);  /* it stands in no queue any more */
void unix_flight_collect(void); /* frees what only queues hold that nobody can read any more */
void unix_flight_init(void);
