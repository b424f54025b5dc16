/* What the socket calls share. Layer: syscall. */
#pragma once

#include <exo/net.h>

/* A descriptor that must be a socket, for the duration of one call. */
struct sock_ref {
	struct file *file;
	struct socket *socket; /* or err_ptr: -EBADF -EACCES -ENOTSOCK ... */
	bool borrowed;
};
struct sock_ref sock_get(u64 fd, u32 rights);
void sock_put(const struct sock_ref *r); /* for SCOPED */
int address_import(struct sockaddr_k *a, const void USER *from, u32 len_bytes) MUST_USE;
