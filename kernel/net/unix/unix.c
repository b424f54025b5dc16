/* AF_UNIX stream sockets. Layer: net.
 * A connected socket reads from its own pipe and writes to its peer's: the byte ring of kernel/fs/pipe, with its blocking, wake-ups
 * and end-of-data rules, is the transport of both. A listener keeps a queue of server ends that connect() has already joined.
 * Locks: s->lock (S_SOCKET) for state, names and the queue; never two at once except listener then embryo, which nobody else sees yet.
 * bound_lock (S_SOCKET) guards the table of bound names and is taken before any s->lock.
 * Sources: unix(7), socket(7), connect(2), listen(2). */
#include "unix_internal.h"

#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

static const struct socket_ops unix_ops;
static const struct file_ops unix_file_ops;

struct unix_socket *unix_of(struct socket *s)
{
	return container_of(s, struct unix_socket, socket);
}

static struct unix_socket *unix_alloc(void)
{
	struct unix_socket *s = kzalloc(sizeof(*s), ALLOC_KERNEL);

	if (!s)
		return NULL;
	s->socket = (struct socket){ .ops = &unix_ops, .family = AF_UNIX, .type = SOCK_STREAM };
	s->refs = 1;
	s->receive_timeout_ns = s->send_timeout_ns = NS_FOREVER;
	mutex_init(&s->lock, RANK_S_SOCKET);
	waitqueue_init(&s->wq);
	list_init(&s->queue);
	list_init(&s->queue_node);
	return s;
}

void unix_put(struct unix_socket *s)
{
	if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (s->rx)
		pipe_close_end(s->rx, 0, 0, 1);
	if (s->tx)
		pipe_close_end(s->tx, 0, 0, 1);
	kfree(s);
}

/* Joins two sockets that nobody else sees or whose locks are held. 0 | -ENOMEM. */
static int join(struct unix_socket *a, struct unix_socket *b)
{
	struct pipe *to_a = pipe_alloc(), *to_b = to_a ? pipe_alloc() : NULL;

	if (!to_b) {
		if (to_a)
			pipe_close_end(to_a, 0, 0, 0); /* no references yet: frees it */
		return -ENOMEM;
	}
	to_a->readers = to_a->writers = to_b->readers = to_b->writers = 1;
	to_a->refs = to_b->refs = 2;
	a->rx = b->tx = to_a;
	b->rx = a->tx = to_b;
	__atomic_store_n(&a->state, UNIX_CONNECTED, __ATOMIC_RELEASE); /* pairs with unix_pipe: rx and tx are set before */
	__atomic_store_n(&b->state, UNIX_CONNECTED, __ATOMIC_RELEASE);
	return 0;
}

static void remember_peer(struct unix_socket *s)
{
	s->peer_cred = (struct linux_ucred){ process_pid(current->proc), current->cred->euid, current->cred->egid };
}

/* ---- ends of the byte streams ---- */

/* Each direction of each side closes once. */
static void close_direction(struct unix_socket *s, u32 direction)
{
	bool now;

	mutex_lock(&s->lock);
	now = s->state == UNIX_CONNECTED && !(s->shut & direction);
	s->shut |= direction;
	mutex_unlock(&s->lock);
	if (!now)
		return;
	if (direction == UNIX_SHUT_READ)
		pipe_close_end(s->rx, 1, 0, 0);
	else
		pipe_close_end(s->tx, 0, 1, 0);
}

static struct pipe *connected_pipe(struct unix_socket *s, bool receive)
{
	if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != UNIX_CONNECTED) /* pairs with join */
		return NULL;
	return receive ? s->rx : s->tx;
}

static ns_t deadline_of(ns_t timeout_ns)
{
	return timeout_ns == NS_FOREVER ? NS_FOREVER : clock_monotonic() + timeout_ns;
}

static ssize_t unix_receive(struct socket *sock, struct uio *u, u32 msg_flags, u32 file_flags)
{
	struct unix_socket *s = unix_of(sock);
	struct pipe *p = connected_pipe(s, true);
	u32 flags = (msg_flags & MSG_DONTWAIT || file_flags & O_NONBLOCK ? PIPE_NONBLOCK : 0) | (msg_flags & MSG_PEEK ? PIPE_PEEK : 0);
	ns_t deadline;
	ssize_t done = 0, n;

	if (msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!p)
		return -EINVAL;
	deadline = deadline_of(s->receive_timeout_ns);
	do {
		n = pipe_receive(p, u, flags, deadline);
		if (n > 0)
			done += n;
	} while (n > 0 && u->left && msg_flags & MSG_WAITALL && !(flags & PIPE_PEEK));
	if (!done && !n && u->left && __atomic_exchange_n(&s->reset, 0, __ATOMIC_RELAXED))
		return -ECONNRESET;
	return done ? done : n;
}

static ssize_t unix_send(struct socket *sock, struct uio *u, u32 msg_flags, const struct sockaddr_k *to, u32 file_flags)
{
	struct unix_socket *s = unix_of(sock);
	struct pipe *p = connected_pipe(s, false);
	u32 flags = (msg_flags & MSG_DONTWAIT || file_flags & O_NONBLOCK ? PIPE_NONBLOCK : 0) | (msg_flags & MSG_NOSIGNAL ? PIPE_NOSIGNAL : 0);

	if (msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (to)
		return p ? -EISCONN : -EOPNOTSUPP;
	if (!p)
		return -ENOTCONN;
	return pipe_send(p, u, flags, deadline_of(s->send_timeout_ns));
}

static int unix_shutdown(struct socket *sock, int how)
{
	struct unix_socket *s = unix_of(sock);

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	if (!connected_pipe(s, true))
		return -ENOTCONN;
	if (how != SHUT_WR)
		close_direction(s, UNIX_SHUT_READ);
	if (how != SHUT_RD)
		close_direction(s, UNIX_SHUT_WRITE);
	return 0;
}

/* ---- connections ---- */

static int unix_listen(struct socket *sock, int backlog)
{
	struct unix_socket *s = unix_of(sock);
	int err = 0;

	mutex_lock(&s->lock);
	if (!s->name.len_bytes || s->state == UNIX_CONNECTED) {
		err = -EINVAL;
	} else {
		s->state = UNIX_LISTENING;
		s->backlog = (u32)backlog > SOMAXCONN_DEFAULT ? SOMAXCONN_DEFAULT : (u32)backlog;
		remember_peer(s);
	}
	mutex_unlock(&s->lock);
	return err;
}

/* Queues @end at the listener, waiting for room. 0 | -ECONNREFUSED | -EAGAIN | -ERESTARTSYS. */
static int enqueue(struct unix_socket *listener, struct unix_socket *end, bool nonblock, ns_t deadline)
{
	int err;

	for (;;) {
		mutex_lock(&listener->lock);
		if (listener->state != UNIX_LISTENING || listener->shut) {
			mutex_unlock(&listener->lock);
			return -ECONNREFUSED;
		}
		if (listener->queued <= listener->backlog)
			break;
		mutex_unlock(&listener->lock);
		if (nonblock)
			return -EAGAIN;
		err = wait_event_timeout(&listener->wq, READ_ONCE(listener->queued) <= READ_ONCE(listener->backlog) || READ_ONCE(listener->shut),
			deadline);
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : err;
	}
	end->name = listener->name;
	list_add_tail(&listener->queue, &end->queue_node);
	listener->queued++;
	mutex_unlock(&listener->lock);
	wake_all(&listener->wq, POLL_IN | POLL_RDNORM);
	return 0;
}

static int unix_connect(struct socket *sock, const struct sockaddr_k *a, u32 file_flags)
{
	struct unix_socket *s = unix_of(sock), *listener, *end;
	int err;

	listener = unix_find(a);
	if (is_err(listener))
		return (int)ptr_err(listener);
	end = unix_alloc();
	err = -ENOMEM;
	if (!end)
		goto put_listener;
	mutex_lock(&s->lock);
	err = s->state == UNIX_CONNECTED ? -EISCONN : s->state != UNIX_FRESH ? -EINVAL : join(s, end);
	if (!err) {
		end->peer_name = s->name;
		s->peer_name = listener->name;
		s->peer_cred = listener->peer_cred;
		remember_peer(end);
	}
	mutex_unlock(&s->lock);
	if (err)
		goto put_end;
	err = enqueue(listener, end, file_flags & O_NONBLOCK, deadline_of(s->send_timeout_ns));
	if (err) { /* undo the join: nobody else has seen it work */
		mutex_lock(&s->lock);
		s->state = UNIX_FRESH;
		pipe_close_end(s->rx, 1, 1, 2);
		pipe_close_end(s->tx, 1, 1, 2);
		s->rx = s->tx = end->rx = end->tx = NULL;
		mutex_unlock(&s->lock);
		goto put_end;
	}
	unix_put(listener);
	return 0;
put_end:
	unix_put(end);
put_listener:
	unix_put(listener);
	return err;
}

/* The other side went: both directions end; a peer with unread data of ours learns of it as a reset. */
static void hang_up(struct unix_socket *s)
{
	close_direction(s, UNIX_SHUT_WRITE);
	close_direction(s, UNIX_SHUT_READ);
}

static struct unix_socket *dequeue(struct unix_socket *s)
{
	struct unix_socket *end;

	mutex_lock(&s->lock);
	end = list_first(&s->queue, struct unix_socket, queue_node);
	if (end) {
		list_del(&end->queue_node);
		s->queued--;
	}
	mutex_unlock(&s->lock);
	return end;
}

static struct file *unix_accept(struct socket *sock, u32 file_flags, u32 new_flags)
{
	struct unix_socket *s = unix_of(sock), *end;
	struct file *f;
	int err;

	if (READ_ONCE(s->state) != UNIX_LISTENING)
		return err_ptr(-EINVAL);
	while (!(end = dequeue(s))) {
		if (READ_ONCE(s->shut))
			return err_ptr(-EINVAL);
		if (file_flags & O_NONBLOCK)
			return err_ptr(-EAGAIN);
		err = wait_event_mode(&s->wq, READ_ONCE(s->queued) || READ_ONCE(s->shut), WAIT_INTERRUPTIBLE, deadline_of(s->receive_timeout_ns), true);
		if (err)
			return err_ptr(err == -ETIMEDOUT ? -EAGAIN : err);
	}
	wake_all(&s->wq, POLL_OUT); /* room for a connect that waits */
	f = socket_file(&end->socket, &unix_file_ops, new_flags);
	if (is_err(f)) {
		hang_up(end);
		unix_put(end);
	}
	return f;
}

/* ---- the file ---- */

static ssize_t unix_file_read(struct file *f, struct uio *u, u64 *pos)
{
	return unix_receive(f->priv, u, 0, f->flags);
}

static ssize_t unix_file_write(struct file *f, struct uio *u, u64 *pos)
{
	return unix_send(f->priv, u, 0, NULL, f->flags);
}

static u32 unix_poll(struct file *f, struct poll_table *pt)
{
	struct unix_socket *s = unix_of(f->priv);
	u32 state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE), mask = 0;

	if (state != UNIX_CONNECTED) {
		poll_wait(pt, f, &s->wq);
		if (state == UNIX_LISTENING)
			return READ_ONCE(s->queued) ? POLL_IN | POLL_RDNORM : 0;
		return POLL_OUT | POLL_HUP;
	}
	poll_wait(pt, f, &s->rx->readers_wq);
	poll_wait(pt, f, &s->tx->writers_wq);
	if (pipe_readable(s->rx))
		mask |= POLL_IN | POLL_RDNORM;
	if (!READ_ONCE(s->rx->writers) || !READ_ONCE(s->rx->readers)) /* the peer writes no more, or we shut reading */
		mask |= POLL_IN | POLL_RDNORM | POLL_RDHUP;
	if (pipe_writable(s->tx) || !READ_ONCE(s->tx->readers))
		mask |= POLL_OUT | POLL_WRNORM;
	if (!READ_ONCE(s->rx->writers) && !READ_ONCE(s->tx->readers))
		mask |= POLL_HUP;
	return mask;
}

static long unix_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct unix_socket *s = unix_of(f->priv);
	struct pipe *p = connected_pipe(s, cmd == SIOCINQ);

	if (cmd != SIOCINQ && cmd != SIOCOUTQ)
		return -ENOTTY;
	if (!p)
		return -EINVAL;
	return put_user_u32((u32 USER *)arg, pipe_bytes(p));
}

static void unix_release(struct file *f)
{
	struct unix_socket *s = unix_of(f->priv), *end;

	unix_unbind(s);
	mutex_lock(&s->lock);
	s->shut |= UNIX_SHUT_LISTEN;
	mutex_unlock(&s->lock);
	wake_all(&s->wq, POLL_HUP);
	while ((end = dequeue(s))) { /* connected, but nobody will accept them */
		__atomic_store_n(&end->reset, 0, __ATOMIC_RELAXED);
		hang_up(end);
		unix_put(end);
	}
	hang_up(s);
	unix_put(s);
}

static const struct file_ops unix_file_ops = { .read = unix_file_read, .write = unix_file_write, .poll = unix_poll, .ioctl = unix_ioctl,
	.release = unix_release };

/* ---- options ---- */

static ns_t timeval_ns(const s64 *tv)
{
	if (!tv[0] && !tv[1])
		return NS_FOREVER;
	return (u64)tv[0] > NS_FOREVER / NS_PER_SEC / 2 ? NS_FOREVER : (u64)tv[0] * NS_PER_SEC + (u64)tv[1] * NS_PER_US;
}

static int unix_set_option(struct socket *sock, int name, const void *buf, u32 len_bytes)
{
	struct unix_socket *s = unix_of(sock);
	s64 tv[2];

	switch (name) {
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		if (len_bytes < sizeof(tv))
			return -EINVAL;
		memcpy(tv, buf, sizeof(tv));
		if (tv[0] < 0 || tv[1] < 0 || tv[1] >= 1000000)
			return -EDOM;
		*(name == SO_RCVTIMEO ? &s->receive_timeout_ns : &s->send_timeout_ns) = timeval_ns(tv);
		return 0;
	case SO_REUSEADDR: /* no effect on AF_UNIX, and accepted, as on Linux */
	case SO_KEEPALIVE:
	case SO_BROADCAST:
	case SO_SNDBUF:
	case SO_RCVBUF:
		return len_bytes < sizeof(int) ? -EINVAL : 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int unix_get_option(struct socket *sock, int name, void *buf, u32 *len_bytes)
{
	struct unix_socket *s = unix_of(sock);
	s64 tv[2] = { 0, 0 };
	ns_t timeout;
	int value;

	switch (name) {
	case SO_PEERCRED:
		*len_bytes = MIN(*len_bytes, (u32)sizeof(s->peer_cred));
		memcpy(buf, &s->peer_cred, *len_bytes);
		return 0;
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		timeout = name == SO_RCVTIMEO ? s->receive_timeout_ns : s->send_timeout_ns;
		if (timeout != NS_FOREVER) {
			tv[0] = (s64)(timeout / NS_PER_SEC);
			tv[1] = (s64)(timeout % NS_PER_SEC / NS_PER_US);
		}
		*len_bytes = MIN(*len_bytes, (u32)sizeof(tv));
		memcpy(buf, tv, *len_bytes);
		return 0;
	case SO_TYPE:
		value = sock->type;
		break;
	case SO_DOMAIN:
		value = AF_UNIX;
		break;
	case SO_ACCEPTCONN:
		value = s->state == UNIX_LISTENING;
		break;
	case SO_SNDBUF:
	case SO_RCVBUF:
		value = (int)(PIPE_SLOTS_DEFAULT * PAGE_SIZE);
		break;
	case SO_ERROR:
	case SO_PROTOCOL:
	case SO_REUSEADDR:
	case SO_KEEPALIVE:
	case SO_BROADCAST:
		value = 0;
		break;
	default:
		return -ENOPROTOOPT;
	}
	*len_bytes = MIN(*len_bytes, (u32)sizeof(value));
	memcpy(buf, &value, *len_bytes);
	return 0;
}

static int unix_getname(struct socket *sock, bool peer, struct sockaddr_k *out)
{
	struct unix_socket *s = unix_of(sock);
	int err = 0;

	mutex_lock(&s->lock);
	if (peer && s->state != UNIX_CONNECTED)
		err = -ENOTCONN;
	else
		*out = peer ? s->peer_name : s->name;
	mutex_unlock(&s->lock);
	out->family = AF_UNIX;
	out->len_bytes = MAX(out->len_bytes, (u32)sizeof(out->family));
	return err;
}

static const struct socket_ops unix_ops = { .bind = unix_bind, .connect = unix_connect, .listen = unix_listen, .accept = unix_accept,
	.getname = unix_getname, .send = unix_send, .receive = unix_receive, .shutdown = unix_shutdown, .get_option = unix_get_option,
	.set_option = unix_set_option };

/* ---- making them ---- */

static int check_type(int type, int protocol)
{
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	return type == SOCK_STREAM ? 0 : -ESOCKTNOSUPPORT;
}

struct file *unix_create(int type, int protocol, u32 file_flags)
{
	int err = check_type(type, protocol);
	struct unix_socket *s;
	struct file *f;

	if (err)
		return err_ptr(err);
	s = unix_alloc();
	if (!s)
		return err_ptr(-ENOMEM);
	f = socket_file(&s->socket, &unix_file_ops, file_flags);
	if (is_err(f))
		unix_put(s);
	return f;
}

int unix_pair(int type, int protocol, u32 file_flags, struct file *out[2])
{
	int err = check_type(type, protocol);

	if (err)
		return err;
	for (int i = 0; i < 2; i++) {
		out[i] = unix_create(type, protocol, file_flags);
		if (is_err(out[i])) {
			err = (int)ptr_err(out[i]);
			goto put_first;
		}
		remember_peer(unix_of(out[i]->priv));
		if (i == 1)
			err = join(unix_of(out[0]->priv), unix_of(out[1]->priv));
	}
	if (!err)
		return 0;
	file_put(out[1]);
	file_put(out[0]);
	return err;
put_first:
	if (!is_err(out[0]))
		file_put(out[0]);
	return err;
}
