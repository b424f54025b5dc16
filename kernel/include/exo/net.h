/* Sockets: the calls' side (families behind one ops table). Code in kernel/net/. Layer: net. */
#pragma once

#include <exo/fs.h>
#include <exo/time.h>
#include <exo_abi/linux_net.h>

#define SOCKADDR_MAX 128
struct sockaddr_k { /* a bounded copy of a user address; len_bytes as the user gave it or as it is
		       reported */
	u16 family;
	u8 data[SOCKADDR_MAX - 2];
	u32 len_bytes;
	cap_t dir;        /* where a path that is looked up begins */
	u32 lookup_flags; /* and how: LOOKUP_* */
};
struct socket;
struct unix_socket;
struct user_account;

/* ---- what travels beside the bytes: descriptors and credentials ---- */
#define SCM_FDS_MAX 253u
struct scm_fds {
	struct list node;             /* [flight_lock] with all that wait in queues */
	struct scm_fds *gc_next;      /* [flight_lock] for the same reader */
	struct unix_socket *holder;   /* [flight_lock] in whose queue the message is */
	struct scm_fds **message;     /* [flight_lock] and its pointer to us */
	struct user_account *account; /* [c] +1, charged with count; NULL = of a copy by MSG_PEEK */
	u32 count;
	struct grant *grants[]; /* grants[count], one reference each */
};
struct scm {
	struct scm_fds *fds; /* owned; NULL = none */
	struct linux_ucred cred;
	bool has_cred;
	ns_t stamp; /* received: CLOCK_REALTIME, if SO_TIMESTAMP or SO_TIMESTAMPNS asks; else 0 */
};
/* scm_fds_add - the grants in slots @slots of current, behind those in *f. 0 | -EBADF | -EINVAL too
 * many | -ETOOMANYREFS in flight for the user | -EACCES no CAP_TRANSFER | -EKEYREVOKED | -ENOMEM.
 */
int scm_fds_add(struct scm_fds **f, const s32 *slots, u32 count) MUST_USE;
void scm_fds_free(struct scm_fds *f); /* NULL is fine. Puts the grants; no lock held */
struct unix_socket *unix_granted(
	const struct grant *g); /* the AF_UNIX socket that it names; NULL */

struct message {                 /* one send or receive */
	u32 flags;               /* MSG_* as called */
	u32 file_flags;          /* O_NONBLOCK */
	u32 out_flags;           /* receive: MSG_TRUNC ... */
	struct sockaddr_k *name; /* send: where to; receive: who sent, len_bytes 0 = nameless; NULL
				    = none */
	struct scm *scm;         /* NULL = none; receive: what nobody wants is dropped */
};
static inline bool message_nonblock(const struct message *m)
{
	return m->flags & MSG_DONTWAIT || m->file_flags & SOCK_NONBLOCK;
}
#define SOCKET_STAMPS (BIT(SO_TIMESTAMP) | BIT(SO_TIMESTAMPNS)) /* at most one of them */
struct socket_ops {
	int (*bind)(struct socket *s, const struct sockaddr_k *a);
	int (*connect)(struct socket *s, const struct sockaddr_k *a, u32 file_flags);
	int (*listen)(struct socket *s, int backlog);
	struct file *(*accept)(struct socket *s, u32 file_flags, u32 new_flags); /* err_ptr */
	int (*getname)(struct socket *s, bool peer, struct sockaddr_k *out);
	ssize_t (*send)(struct socket *s, struct uio *u, struct message *m);
	ssize_t (*receive)(struct socket *s, struct uio *u, struct message *m);
	int (*shutdown)(struct socket *s, int how);
	/* level SOL_SOCKET only, for what socket_get_option and socket_set_option leave; value in
	 * and out through a small kernel buffer. -ENOPROTOOPT unknown. */
	int (*get_option)(struct socket *s, int name, void *buf, u32 *len_bytes);
	int (*set_option)(struct socket *s, int name, const void *buf, u32 len_bytes);
	/* Every other level, NULL = none. get: as much as fits of *len_bytes. -ENOPROTOOPT unknown
	 * | -EOPNOTSUPP no such level | -EINVAL. */
	int (*level_option)(
		struct socket *s, int level, int name, void *buf, u32 *len_bytes, bool set);
	struct cred *(*peer_cred)(struct socket *s); /* +1, NULL = unknown */
};
struct socket {
	const struct socket_ops *ops;             /* [c] */
	int family, type, protocol;               /* [c] */
	struct file *file;                        /* [c] no reference; NULL before it is accepted */
	u64 ino;                                  /* [c] the file's */
	ns_t receive_timeout_ns, send_timeout_ns; /* [a] */
	u32 send_bytes, receive_bytes;            /* [a] SO_SNDBUF, SO_RCVBUF, doubled */
	u64 options;                              /* [a] bit n: boolean option n */
	s32 linger[2];                            /* [a] SO_LINGER, kept only */
	u32 priority, mark;                       /* [a] SO_PRIORITY, SO_MARK, kept only */
	u32 low_water;                            /* [a] SO_RCVLOWAT */
};
#define SOCKET_BUFFER_BYTES 212992u /* default and highest size, before doubling by SO_SNDBUF */
void socket_init(struct socket *s, const struct socket_ops *ops, int family, int type);
static inline bool socket_option(const struct socket *s, int name)
{
	return READ_ONCE(s->options) >> name & 1;
}
static inline ns_t socket_deadline(ns_t timeout_ns)
{
	return timeout_ns == NS_FOREVER ? NS_FOREVER : clock_monotonic() + timeout_ns;
}
/* socket_get_option, socket_set_option - the options of SOL_SOCKET that all families share, then
 * the family's. */
int socket_get_option(struct socket *s, int name, void *buf, u32 *len_bytes) MUST_USE;
/* as much as fits; 0 */
int socket_option_out(void *buf, u32 *len_bytes, const void *value, u32 value_bytes);
int socket_set_option(struct socket *s, int name, const void *buf, u32 len_bytes) MUST_USE;
/* socket_ioctl - what every socket answers for: SIOCGIF* of the loopback. 0 | -ENOTTY -ENODEV
 * -EFAULT -EPERM -EOPNOTSUPP. */
long socket_ioctl(u32 cmd, u64 arg) MUST_USE;
/* socket_of - the socket behind a file; NULL when it is none. */
struct socket *socket_of(struct file *f);
/* socket_file_create - the file of a socket made by its family; takes over @inode. err_ptr. */
struct file *socket_file(struct socket *s, const struct file_ops *ops, u32 flags);
/* err_ptr(-EAFNOSUPPORT ...) */
struct file *socket_create(int family, int type, int protocol, u32 file_flags);
int socket_pair(int family, int type, int protocol, u32 file_flags, struct file *out[2]) MUST_USE;
void net_init(void); /* before the first process; after fs_init */

/* the families */
struct file *inet_create(int type, int protocol, u32 file_flags);
struct file *unix_create(int type, int protocol, u32 file_flags);
int unix_pair(int type, int protocol, u32 file_flags, struct file *out[2]) MUST_USE;
void unix_init(void);
