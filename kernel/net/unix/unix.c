/* AF_UNIX stream sockets. Layer: net. A socket reads from one pipe and writes to another: the
 * byte ring of kernel/fs/pipe, with its blocking, wake-ups and end-of-data rules, is the
 * transport. Both are made with the socket; a connection gives them, crossed, to the other side.
 * A listener keeps a queue of server ends that connect() has already joined.
 *
 * Locks: s->lock (S_SOCKET) for state, names and the queue; never two at once. bound_lock
 * (S_SOCKET) guards the table of bound names and is taken before any s->lock.
 *
 * Peers hold each other until either is closed.
 *
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

#define POLL_WRBAND 0x200u /* sockets say it with POLL_WRNORM */

struct unix_socket *unix_of(struct socket *s)
{
	return container_of(s, struct unix_socket, socket);
}

/* One with the pipes of its own, or (@first) the other side of a connection. refs 1. NULL = out of
 * memory. */
static struct unix_socket *unix_alloc(struct unix_socket *first)
{
	struct unix_socket *s = kzalloc(sizeof(*s), ALLOC_KERNEL);

	if (!s)
		return NULL;
	s->socket = (struct socket){.ops = &unix_ops, .family = AF_UNIX, .type = SOCK_STREAM};
	s->refs = 1;
	s->receive_timeout_ns = s->send_timeout_ns = NS_FOREVER;
	s->peer_cred = (struct linux_ucred){0, ~0u, ~0u};
	mutex_init(&s->lock, RANK_S_SOCKET);
	waitqueue_init(&s->wq);
	list_init(&s->queue);
	list_init(&s->queue_node);
	if (first) {
		s->rx = first->tx;
		s->tx = first->rx;
		pipe_hold(s->rx);
		pipe_hold(s->tx);
		return s;
	}
	s->rx = pipe_alloc();
	s->tx = s->rx ? pipe_alloc() : NULL;
	if (!s->tx) {
		if (s->rx)
			pipe_close_end(s->rx, 0, 0, 0); /* no references yet: frees it */
		kfree(s);
		return NULL;
	}
	s->rx->readers = s->rx->writers = s->tx->readers = s->tx->writers = 1;
	s->rx->refs = s->tx->refs = 1;
	return s;
}

void unix_put(struct unix_socket *s)
{
	if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	pipe_close_end(s->rx, 0, 0, 1);
	pipe_close_end(s->tx, 0, 0, 1);
	kfree(s);
}

static void set_state(struct unix_socket *s, enum unix_state state)
{
	__atomic_store_n(&s->state, state,
		__ATOMIC_RELEASE); /* pairs with connected_pipe: names and peer are set before */
}

static void set_peer(struct unix_socket *s, struct unix_socket *peer)
{
	__atomic_fetch_add(&peer->refs, 1, __ATOMIC_RELAXED);
	s->peer = peer;
}

/* Lets the peer go; @reset: it will hear that its bytes were not read. */
static void leave_peer(struct unix_socket *s, bool reset)
{
	struct unix_socket *peer;

	mutex_lock(&s->lock);
	peer = s->peer;
	s->peer = NULL;
	mutex_unlock(&s->lock);
	if (!peer)
		return;
	if (reset)
		__atomic_store_n(
			&peer->reset, 1, __ATOMIC_RELEASE); /* the pipe's lock, taken next by who
							       closes it, shows it to a reader */
	unix_put(peer);
}

static void remember_peer(struct unix_socket *s)
{
	s->peer_cred = (struct linux_ucred){
		process_pid(current->proc), current->cred->euid, current->cred->egid};
}

/* ---- ends of the byte streams ---- */

/* Each direction of each side closes once. */
static void close_direction(struct unix_socket *s, u32 direction)
{
	bool now;

	mutex_lock(&s->lock);
	now = !(s->shut & direction);
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
	if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) !=
		UNIX_CONNECTED) /* pairs with set_state */
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
	u32 flags = (msg_flags & MSG_DONTWAIT || file_flags & O_NONBLOCK ? PIPE_NONBLOCK : 0) |
		    (msg_flags & MSG_PEEK ? PIPE_PEEK : 0);
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

static ssize_t unix_send(struct socket *sock, struct uio *u, u32 msg_flags,
	const struct sockaddr_k *to, u32 file_flags)
{
	struct unix_socket *s = unix_of(sock);
	struct pipe *p = connected_pipe(s, false);
	u32 flags = (msg_flags & MSG_DONTWAIT || file_flags & O_NONBLOCK ? PIPE_NONBLOCK : 0) |
		    (msg_flags & MSG_NOSIGNAL ? PIPE_NOSIGNAL : 0);

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
	if (how != SHUT_WR)
		close_direction(s, UNIX_SHUT_READ);
	if (how != SHUT_RD)
		close_direction(s, UNIX_SHUT_WRITE);
	wake_all(&s->wq, POLL_IN | POLL_RDNORM |
				 POLL_HUP); /* who accepts, or waits for a place in the queue */
	return 0;
}

/* ---- connections ---- */

static int unix_listen(struct socket *sock, int backlog)
{
	struct unix_socket *s = unix_of(sock);
	int err = 0;

	mutex_lock(&s->lock);
	if (!s->name.len_bytes || (s->state != UNIX_FRESH && s->state != UNIX_LISTENING)) {
		err = -EINVAL;
	} else {
		s->backlog = (u32)backlog > SOMAXCONN_DEFAULT ? SOMAXCONN_DEFAULT : (u32)backlog;
		remember_peer(s);
		set_state(s, UNIX_LISTENING);
	}
	mutex_unlock(&s->lock);
	if (!err)
		wake_all(&s->wq, POLL_OUT); /* the queue may be longer now */
	return err;
}

static bool refuses(const struct unix_socket *listener)
{
	return READ_ONCE(listener->state) != UNIX_LISTENING ||
	       READ_ONCE(listener->shut) & (UNIX_SHUT_READ | UNIX_SHUT_LISTEN);
}

/* Queues @end at the listener, waiting for room; *cred is the listener's. 0 | -ECONNREFUSED |
 * -EAGAIN | -ERESTARTSYS. */
static int enqueue(struct unix_socket *listener, struct unix_socket *end, bool nonblock,
	ns_t deadline, struct linux_ucred *cred)
{
	int err;

	for (;;) {
		mutex_lock(&listener->lock);
		if (refuses(listener)) {
			mutex_unlock(&listener->lock);
			return -ECONNREFUSED;
		}
		if (listener->queued <= listener->backlog)
			break;
		mutex_unlock(&listener->lock);
		if (nonblock)
			return -EAGAIN;
		err = wait_event_timeout(&listener->wq,
			READ_ONCE(listener->queued) <= READ_ONCE(listener->backlog) ||
				refuses(listener),
			deadline);
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : err;
	}
	end->name = listener->name;
	*cred = listener->peer_cred;
	list_add_tail(&listener->queue, &end->queue_node);
	listener->queued++;
	mutex_unlock(&listener->lock);
	wake_all(&listener->wq, POLL_IN | POLL_RDNORM);
	return 0;
}

/* Takes @s from FRESH to CONNECTING and makes the server's end. err_ptr. */
static struct unix_socket *connect_begin(struct unix_socket *s)
{
	struct unix_socket *end = unix_alloc(s);
	int err = 0;

	if (!end)
		return err_ptr(-ENOMEM);
	mutex_lock(&s->lock);
	if (s->state == UNIX_FRESH) {
		set_state(s, UNIX_CONNECTING);
		end->peer_name = s->name;
		set_peer(s, end);
		set_peer(end, s);
		remember_peer(end);
		set_state(end, UNIX_CONNECTED);
	} else {
		err = s->state == UNIX_CONNECTED    ? -EISCONN
		      : s->state == UNIX_CONNECTING ? -EALREADY
						    : -EINVAL;
	}
	mutex_unlock(&s->lock);
	if (!err)
		return end;
	unix_put(end);
	return err_ptr(err);
}

static int unix_connect(struct socket *sock, const struct sockaddr_k *a, u32 file_flags)
{
	struct unix_socket *s = unix_of(sock), *listener, *end;
	struct linux_ucred cred;
	int err;

	listener = unix_find(a);
	if (is_err(listener))
		return (int)ptr_err(listener);
	end = connect_begin(s);
	if (is_err(end)) {
		unix_put(listener);
		return (int)ptr_err(end);
	}
	err = enqueue(
		listener, end, file_flags & O_NONBLOCK, deadline_of(s->send_timeout_ns), &cred);
	if (!err) { /* the end may be accepted already, and even be closed again */
		mutex_lock(&s->lock);
		s->peer_name = listener->name;
		s->peer_cred = cred;
		set_state(s, UNIX_CONNECTED);
		mutex_unlock(&s->lock);
		wake_all(&s->wq, POLL_OUT | POLL_WRNORM);
	} else { /* nobody has seen the end */
		leave_peer(end, false);
		leave_peer(s, false);
		unix_put(end);
		set_state(s, UNIX_FRESH);
	}
	unix_put(listener);
	return err;
}

/* This side goes: both directions end. A peer whose bytes were not read, or which nobody accepted,
 * hears of it as a reset. */
static void hang_up(struct unix_socket *s, bool reset)
{
	leave_peer(s, reset || pipe_readable(s->rx));
	close_direction(s, UNIX_SHUT_READ);
	close_direction(s, UNIX_SHUT_WRITE); /* last: whoever reads the end sees a full hang-up */
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
	ns_t deadline = deadline_of(s->receive_timeout_ns);
	struct file *f;
	int err;

	if (READ_ONCE(s->state) != UNIX_LISTENING)
		return err_ptr(-EINVAL);
	while (!(end = dequeue(s))) {
		if (file_flags & O_NONBLOCK)
			return err_ptr(-EAGAIN);
		if (refuses(s))
			return err_ptr(-EINVAL);
		err = wait_event_mode(&s->wq, READ_ONCE(s->queued) || refuses(s),
			WAIT_INTERRUPTIBLE, deadline, true);
		if (err)
			return err_ptr(err == -ETIMEDOUT ? -EAGAIN : err);
	}
	wake_all(&s->wq, POLL_OUT); /* room for a connect that waits */
	f = socket_file(&end->socket, &unix_file_ops, new_flags);
	if (is_err(f)) {
		hang_up(end, true);
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
	u32 state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE), shut = READ_ONCE(s->shut),
	    mask = 0;
	bool no_input, no_output;

	poll_wait(pt, f, &s->wq);
	poll_wait(pt, f, &s->rx->readers_wq);
	poll_wait(pt, f, &s->tx->writers_wq);
	/* The peer writes (reads) no more, or we shut that side. */
	no_input = !READ_ONCE(s->rx->writers) || !READ_ONCE(s->rx->readers);
	no_output = !READ_ONCE(s->tx->readers) || !READ_ONCE(s->tx->writers);
	if (state == UNIX_LISTENING) {
		no_input = shut & UNIX_SHUT_READ;
		mask = READ_ONCE(s->queued) ? POLL_IN | POLL_RDNORM : 0;
	} else if (pipe_writable(s->tx) || no_output) {
		mask = POLL_OUT | POLL_WRNORM | POLL_WRBAND;
	}
	if (pipe_readable(s->rx))
		mask |= POLL_IN | POLL_RDNORM;
	if (no_input)
		mask |= POLL_IN | POLL_RDNORM | POLL_RDHUP;
	if ((no_input && no_output) || state == UNIX_FRESH || state == UNIX_CONNECTING)
		mask |= POLL_HUP;
	if (READ_ONCE(s->reset))
		mask |= POLL_ERR;
	return mask;
}

static long unix_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct unix_socket *s = unix_of(f->priv);

	if (cmd != SIOCINQ && cmd != SIOCOUTQ)
		return -ENOTTY;
	if (READ_ONCE(s->state) == UNIX_LISTENING)
		return -EINVAL;
	return put_user_u32((u32 USER *)arg, pipe_bytes(cmd == SIOCINQ ? s->rx : s->tx));
}

static void unix_release(struct file *f)
{
	struct unix_socket *s = unix_of(f->priv), *end;

	unix_unbind(s);
	mutex_lock(&s->lock);
	s->shut |= UNIX_SHUT_LISTEN;
	mutex_unlock(&s->lock);
	wake_all(&s->wq, POLL_HUP);
	while ((end = dequeue(s))) {
		hang_up(end, true);
		unix_put(end);
	}
	hang_up(s, false);
	unix_put(s);
}

static const struct file_ops unix_file_ops = {.read = unix_file_read,
	.write = unix_file_write,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.release = unix_release};

/* ---- options ---- */

#define BUFFER_BYTES_MIN 2304u /* Linux's bounds, before doubling */
#define BUFFER_BYTES_MAX 212992u

static ns_t timeval_ns(const s64 *tv)
{
	if (!tv[0] && !tv[1])
		return NS_FOREVER;
	return (u64)tv[0] > NS_FOREVER / NS_PER_SEC / 2
		       ? NS_FOREVER
		       : (u64)tv[0] * NS_PER_SEC + (u64)tv[1] * NS_PER_US;
}

static int unix_set_option(struct socket *sock, int name, const void *buf, u32 len_bytes)
{
	struct unix_socket *s = unix_of(sock);
	s64 tv[2];
	u32 value;

	memcpy(&value, buf, sizeof(value)); /* every option has that much */
	switch (name) {
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		if (len_bytes < sizeof(tv))
			return -EINVAL;
		memcpy(tv, buf, sizeof(tv));
		if (tv[0] < 0 || tv[1] < 0 || tv[1] >= 1000000)
			return -EDOM;
		*(name == SO_RCVTIMEO ? &s->receive_timeout_ns : &s->send_timeout_ns) =
			timeval_ns(tv);
		return 0;
	case SO_SNDBUF: /* twice the value, as on Linux; what does not fit any more keeps its room
			 */
		s->send_bytes = 2 * MIN(MAX(value, BUFFER_BYTES_MIN), BUFFER_BYTES_MAX);
		(void)pipe_resize(s->tx, s->send_bytes);
		return 0;
	case SO_RCVBUF: /* unix(7): without effect on AF_UNIX, like the others here */
		s->receive_bytes = 2 * MIN(MAX(value, BUFFER_BYTES_MIN), BUFFER_BYTES_MAX);
		return 0;
	case SO_REUSEADDR:
	case SO_KEEPALIVE:
	case SO_BROADCAST:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int unix_get_option(struct socket *sock, int name, void *buf, u32 *len_bytes)
{
	struct unix_socket *s = unix_of(sock);
	s64 tv[2] = {0, 0};
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
		value = s->send_bytes ? (int)s->send_bytes
				      : (int)(READ_ONCE(s->tx->slots) * PAGE_SIZE);
		break;
	case SO_RCVBUF:
		value = s->receive_bytes ? (int)s->receive_bytes
					 : (int)(READ_ONCE(s->rx->slots) * PAGE_SIZE);
		break;
	case SO_ERROR:
		value = __atomic_exchange_n(&s->reset, 0, __ATOMIC_RELAXED) ? ECONNRESET : 0;
		break;
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

static const struct socket_ops unix_ops = {.bind = unix_bind,
	.connect = unix_connect,
	.listen = unix_listen,
	.accept = unix_accept,
	.getname = unix_getname,
	.send = unix_send,
	.receive = unix_receive,
	.shutdown = unix_shutdown,
	.get_option = unix_get_option,
	.set_option = unix_set_option};

/* ---- making them ---- */

static int check_type(int type, int protocol)
{
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	return type == SOCK_STREAM ? 0 : -ESOCKTNOSUPPORT;
}

/* Takes over @s, which may be NULL. err_ptr. */
static struct file *unix_file(struct unix_socket *s, u32 file_flags)
{
	struct file *f = s ? socket_file(&s->socket, &unix_file_ops, file_flags) : err_ptr(-ENOMEM);

	if (s && is_err(f))
		unix_put(s);
	return f;
}

struct file *unix_create(int type, int protocol, u32 file_flags)
{
	int err = check_type(type, protocol);

	return err ? err_ptr(err) : unix_file(unix_alloc(NULL), file_flags);
}

int unix_pair(int type, int protocol, u32 file_flags, struct file *out[2])
{
	struct unix_socket *a, *b;
	int err = check_type(type, protocol);

	if (err)
		return err;
	out[0] = unix_file(unix_alloc(NULL), file_flags);
	if (is_err(out[0]))
		return (int)ptr_err(out[0]);
	a = unix_of(out[0]->priv);
	out[1] = unix_file(unix_alloc(a), file_flags);
	if (is_err(out[1])) {
		err = (int)ptr_err(out[1]);
		file_put(out[0]);
		return err;
	}
	b = unix_of(out[1]->priv);
	set_peer(a, b);
	set_peer(b, a);
	remember_peer(a);
	remember_peer(b);
	set_state(a, UNIX_CONNECTED);
	set_state(b, UNIX_CONNECTED);
	return 0;
}
