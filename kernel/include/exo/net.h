/* Sockets: the calls' side (families behind one ops table). Code in kernel/net/. Layer: net. */
#pragma once

#include <exo/fs.h>

#define SOCKADDR_MAX 128
struct sockaddr_k { /* a bounded copy of a user address; len_bytes as the user gave it or as it is
		       reported */
	u16 family;
	u8 data[SOCKADDR_MAX - 2];
	u32 len_bytes;
};
struct socket;
struct socket_ops {
	int (*bind)(struct socket *s, const struct sockaddr_k *a);
	int (*connect)(struct socket *s, const struct sockaddr_k *a, u32 file_flags);
	int (*listen)(struct socket *s, int backlog);
	struct file *(*accept)(struct socket *s, u32 file_flags, u32 new_flags); /* err_ptr */
	int (*getname)(struct socket *s, bool peer, struct sockaddr_k *out);
	ssize_t (*send)(struct socket *s, struct uio *u, u32 msg_flags, const struct sockaddr_k *to,
		u32 file_flags);
	ssize_t (*receive)(struct socket *s, struct uio *u, u32 msg_flags, u32 file_flags);
	int (*shutdown)(struct socket *s, int how);
	/* level SOL_SOCKET only; value in and out through a small kernel buffer. -ENOPROTOOPT
	 * unknown. */
	int (*get_option)(struct socket *s, int name, void *buf, u32 *len_bytes);
	int (*set_option)(struct socket *s, int name, const void *buf, u32 len_bytes);
};
struct socket {
	const struct socket_ops *ops; /* [c] */
	int family, type, protocol;   /* [c] */
};
/* socket_of - the socket behind a file; NULL when it is none. */
struct socket *socket_of(struct file *f);
/* socket_file_create - the file of a socket made by its family; takes over @inode. err_ptr. */
struct file *socket_file(struct socket *s, const struct file_ops *ops, u32 flags);
struct file *socket_create(
	int family, int type, int protocol, u32 file_flags); /* err_ptr(-EAFNOSUPPORT ...) */
int socket_pair(int family, int type, int protocol, u32 file_flags, struct file *out[2]) MUST_USE;
void net_init(void); /* before the first process; after fs_init */

struct file *unix_create(int type, int protocol, u32 file_flags);
int unix_pair(int type, int protocol, u32 file_flags, struct file *out[2]) MUST_USE;
void unix_init(void);
