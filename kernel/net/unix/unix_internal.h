/* struct unix_socket. Layer: net. */
#pragma once

#include <exo/fs_pipe.h>
#include <exo/net.h>
#include <exo_abi/linux_net.h>

enum unix_state { UNIX_FRESH, UNIX_LISTENING, UNIX_CONNECTING, UNIX_CONNECTED };
#define UNIX_SHUT_READ   1u
#define UNIX_SHUT_WRITE  2u
#define UNIX_SHUT_LISTEN 4u /* the listener's file goes */

struct unix_socket {
	struct socket socket;
	u32 refs;             /* [a] its file or the listener's queue; its peer; look-ups */
	struct mutex lock;    /* S_SOCKET */
	u32 state;            /* [lock write; acquire read] enum unix_state */
	u32 shut;             /* [lock; read racy] UNIX_SHUT_* */
	u32 reset;            /* [a] the peer went with unread bytes of ours: ECONNRESET, once */
	struct pipe *rx, *tx; /* [c] made with the socket, so that who polls it early waits at the
				 right places; +1 each */
	struct unix_socket *peer; /* [lock] +1; NULL when not connected, or this side was closed */
	struct sockaddr_k name, peer_name;        /* [lock] len_bytes 0 = none */
	struct linux_ucred peer_cred;             /* [lock] */
	struct list queue;                        /* [lock] server ends to accept */
	struct list queue_node;                   /* [listener's lock] */
	u32 queued, backlog;                      /* [lock; sleepers read] */
	struct waitqueue wq;                      /* accept, and connect that waits for room */
	ns_t receive_timeout_ns, send_timeout_ns; /* [a] */
	u32 send_bytes, receive_bytes;            /* [a] SO_SNDBUF, SO_RCVBUF as set, 0 = never */
	struct hlist_node bound_node;             /* [bound_lock] */
	struct path bound_path; /* [bound_lock] +1; dentry NULL for abstract names */
};
struct unix_socket *unix_of(struct socket *s);
void unix_put(struct unix_socket *s);
int unix_bind(struct socket *s, const struct sockaddr_k *a);
void unix_unbind(struct unix_socket *s);
/* unix_find - the socket bound to an address, +1. err_ptr(-ECONNREFUSED -ENOENT -EACCES -EINVAL
 * ...). */
struct unix_socket *unix_find(const struct sockaddr_k *a);
