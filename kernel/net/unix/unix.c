/* AF_UNIX sockets: making them, connections, the file. Layer: net. A stream reads from one pipe and
 * writes to another: the byte ring of kernel/fs/pipe, with its blocking, wake-ups and end-of-data
 * rules, is the transport. Both are made with the socket; a connection gives them, crossed, to the
 * other side. What is more than bytes goes through message.c.
 * A listener keeps a queue of server ends that connect() has already joined.
 *
 * Locks: s->lock (S_SOCKET) for state, names and the queue; never two at once. bound_lock
 * (S_SOCKET) guards the table of bound names and is taken before any s->lock.
 *
 * Peers hold each other until either is closed.
 *
 * Sources: unix(7), socket(7), connect(2), listen(2), proc(5). */
#include "unix_internal.h"

#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_signal.h>
#include <arch/uaccess.h>

static const struct socket_ops unix_ops;

struct unix_socket *unix_alloc(
	struct unix_socket *first, const struct socket_ops *ops, int family, int type)
{
	struct unix_socket *s = kzalloc(
		sizeof(*s) + (family == AF_UNIX ? 0 : sizeof(struct inet_values)), ALLOC_KERNEL);

	if (!s)
		return NULL;
	socket_init(&s->socket, ops, family, type);
	s->refs = 1;
	s->send_slow = s->receive_slow = true;
	s->peek_offset = -1;
	mutex_init(&s->lock, RANK_S_SOCKET);
	waitqueue_init(&s->wq);
	list_init(&s->queue);
	list_init(&s->queue_node);
	list_init(&s->messages);
	if (type == SOCK_STREAM && first) {
		s->rx = first->tx;
		s->tx = first->rx;
		pipe_hold(s->rx);
		pipe_hold(s->tx);
	} else if (type == SOCK_STREAM) {
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
	}
	if (type == SOCK_STREAM)
		s->socket.send_bytes = s->socket.receive_bytes = PIPE_SLOTS_DEFAULT * PAGE_SIZE;
	unix_list_add(s);
	return s;
}

void unix_put(struct unix_socket *s)
{
	if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	unix_list_del(s);
	if (s->rx) {
		pipe_close_end(s->rx, 0, 0, 1);
		pipe_close_end(s->tx, 0, 0, 1);
	}
	if (s->peer_cred)
		cred_put(s->peer_cred);
	kfree(s);
}

static void set_state(struct unix_socket *s, enum unix_state state)
{
	/* pairs with is_connected: names and peer are set before */
	__atomic_store_n(&s->state, state, __ATOMIC_RELEASE);
}

static bool is_connected(const struct unix_socket *s)
{
	return __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == UNIX_CONNECTED;
}

static void set_peer(struct unix_socket *s, struct unix_socket *peer)
{
	unix_get(peer);
	s->peer = peer;
}

struct unix_socket *unix_peer_get(struct unix_socket *s)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&s->lock);

	if (s->peer)
		unix_get(s->peer);
	return s->peer;
}

static void remember_peer(struct unix_socket *s, pid_t pid, struct cred *cred)
{
	struct cred *old = s->peer_cred;

	s->peer_pid = pid;
	s->peer_cred = cred_get(cred);
	if (old)
		cred_put(old);
}

static void remember_current(struct unix_socket *s)
{
	remember_peer(s, process_pid(current->proc), current->cred);
}

/* Says which calls must do more than move bytes through the pipes of @s. */
static void choose_paths(struct unix_socket *s)
{
	bool plain = s->tx && s->state == UNIX_CONNECTED && !socket_option(&s->socket, SO_PASSCRED);

	WRITE_ONCE(s->receive_slow, !plain || s->socket.low_water > 1 || s->peek_offset >= 0);
	WRITE_ONCE(s->send_slow, !plain || s->tx_messages || s->peer_wants_cred);
}

static void set_connected(struct unix_socket *s, struct unix_socket *peer)
{
	set_state(s, UNIX_CONNECTED);
	s->peer_wants_cred = socket_option(&peer->socket, SO_PASSCRED);
	choose_paths(s);
}

/* ---- ends of the byte streams ---- */

/* Ends directions (UNIX_SHUT_*) of @s, once each; @peer, if any, hears of it. */
static void close_directions(struct unix_socket *s, struct unix_socket *peer, u32 directions)
{
	bool close_rx, close_tx;

	mutex_lock(&s->lock);
	directions &= ~s->shut;
	s->shut |= directions;
	close_rx = s->rx && directions & UNIX_SHUT_READ;
	close_tx = s->tx && directions & UNIX_SHUT_WRITE && !s->tx_messages;
	mutex_unlock(&s->lock);
	if (peer) {
		mutex_lock(&peer->lock);
		if (is_inet(s) && !peer->error) /* TCP says that nobody reads when somebody sends */
			directions &= ~UNIX_SHUT_READ;
		peer->shut |= (directions & UNIX_SHUT_READ ? UNIX_PEER_READ : 0) |
			      (directions & UNIX_SHUT_WRITE ? UNIX_PEER_WRITE : 0);
		mutex_unlock(&peer->lock);
		wake_all(&peer->wq, POLL_HUP | POLL_IN | POLL_RDNORM | POLL_OUT);
	}
	if (close_rx)
		pipe_close_end(s->rx, 1, 0, 0);
	if (close_tx)
		pipe_close_end(s->tx, 0, 1, 0); /* last: who reads the end sees a full hang-up */
	wake_all(&s->wq, POLL_HUP | POLL_IN | POLL_RDNORM | POLL_OUT);
}

/* This side goes. A peer whose bytes were not read, or which nobody accepted, hears of it as a
 * reset. */
static void hang_up(struct unix_socket *s, bool reset)
{
	struct unix_socket *peer;

	mutex_lock(&s->lock);
	s->shut |= UNIX_DEAD;
	peer = s->peer;
	s->peer = NULL;
	reset = reset || s->message_count || (s->rx && pipe_readable(s->rx));
	mutex_unlock(&s->lock);
	if (s->socket.type != SOCK_DGRAM && peer && reset)
		/* the lock taken next by who ends the direction shows it to a reader */
		__atomic_store_n(&peer->error, ECONNRESET, __ATOMIC_RELEASE);
	close_directions(
		s, s->socket.type == SOCK_DGRAM ? NULL : peer, UNIX_SHUT_READ | UNIX_SHUT_WRITE);
	unix_purge(s);
	if (peer)
		unix_put(peer);
}

/* ---- bytes ---- */

static ssize_t stream_receive(struct unix_socket *s, struct uio *u, struct message *m)
{
	size_t want = m->flags & MSG_WAITALL ? u->left : MIN(u->left, (size_t)s->socket.low_water);
	ns_t deadline = socket_deadline(s->socket.receive_timeout_ns);
	u32 flags =
		(message_nonblock(m) ? PIPE_NONBLOCK : 0) | (m->flags & MSG_PEEK ? PIPE_PEEK : 0);
	ssize_t done = 0, n;

	if (m->flags & MSG_PEEK && READ_ONCE(s->peek_offset) >= 0) {
		struct unix_socket *peer SCOPED(unix_put_at) = unix_peer_get(s);

		if (peer) /* only messages are peeked at from somewhere */
			unix_leave_pipe(peer, s);
	}
	while (!READ_ONCE(s->rx_messages)) {
		n = pipe_receive(s->rx, u, flags, deadline);
		if (!n && u->left && READ_ONCE(s->rx_messages))
			break;
		if (socket_option(&s->socket, SO_PASSCRED)) {
			m->scm->has_cred = true;
			m->scm->cred = unix_nobody;
		}
		done += MAX(n, 0);
		if (n > 0 && u->left && (size_t)done < want && !(flags & PIPE_PEEK))
			continue;
		if (!done && !n && u->left)
			n = unix_error(s);
		return done ? done : n;
	}
	n = unix_receive_messages(s, u, m);
	return done ? done + MAX(n, 0) : n;
}

ssize_t unix_receive(struct socket *sock, struct uio *u, struct message *m)
{
	struct unix_socket *s = unix_of(sock);
	struct scm own = {0};
	ssize_t n;

	if (m->flags & MSG_OOB && sock->type != SOCK_STREAM)
		return -EOPNOTSUPP;
	if (m->flags & MSG_OOB)
		return unix_receive_urgent(s, u, m);
	if (sock->type != SOCK_DGRAM && !is_connected(s))
		return sock->type == SOCK_STREAM && !is_inet(s) ? -EINVAL : -ENOTCONN;
	if (!m->scm)
		m->scm = &own;
	n = s->rx ? stream_receive(s, u, m) : unix_receive_messages(s, u, m);
	if (s->rx && m->name && !is_inet(s))
		*m->name = s->peer_name;
	if (m->scm == &own)
		m->scm = NULL;
	scm_fds_free(own.fds);
	return n;
}

/* Nobody reads what @s sends. TCP learns that from the first bytes, which are lost. Bytes | -errno.
 */
static ssize_t send_to_nobody(struct unix_socket *s, struct uio *u)
{
	ssize_t n = unix_error(s);

	if (n || !is_connected(s))
		return n ? n : -EPIPE;
	mutex_lock(&s->lock);
	n = s->shut & UNIX_NO_OUTPUT ? -EPIPE : (ssize_t)u->left;
	s->shut |= UNIX_PEER_READ;
	mutex_unlock(&s->lock);
	wake_all(&s->wq, POLL_HUP | POLL_IN | POLL_OUT);
	return n;
}

/* Goes on with a send of which @done bytes went through the pipe already. */
static ssize_t stream_send(struct unix_socket *s, struct uio *u, struct message *m, ssize_t done)
{
	u32 flags = (message_nonblock(m) ? PIPE_NONBLOCK : 0) | PIPE_NOSIGNAL;
	struct unix_socket *peer SCOPED(unix_put_at) = unix_peer_get(s);
	bool by_pipe;
	ssize_t n;

	if (!u->left)
		n = 0;
	else if (!peer)
		n = -EPIPE;
	else
		do { /* at most twice: the direction may leave the pipe while we sleep in it */
			by_pipe = !(m->flags & MSG_OOB) && !READ_ONCE(s->tx_messages) &&
				  !(m->scm && m->scm->fds) && !(m->scm && m->scm->has_cred) &&
				  !socket_option(&s->socket, SO_PASSCRED) &&
				  !READ_ONCE(s->peer_wants_cred);
			n = by_pipe ? pipe_send(s->tx, u, flags,
					      socket_deadline(s->socket.send_timeout_ns))
				    : unix_send_stream(s, peer, u, m);
			done += MAX(n, 0);
		} while (by_pipe && u->left && READ_ONCE(s->tx_messages) &&
			 (n == -EPIPE || (n > 0 && !(flags & PIPE_NONBLOCK))));
	if (n == -EPIPE && !done && is_inet(s))
		n = send_to_nobody(s, u);
	if (n == -EPIPE && !done && !(m->flags & MSG_NOSIGNAL))
		signal_send_current(SIGPIPE);
	return done ? done : n;
}

ssize_t unix_send(struct socket *sock, struct uio *u, struct message *m)
{
	struct unix_socket *s = unix_of(sock);

	if (m->flags & MSG_OOB && (sock->type != SOCK_STREAM || !u->left))
		return -EOPNOTSUPP;
	if (sock->type == SOCK_STREAM && m->name && !is_inet(s))
		return is_connected(s) ? -EISCONN : -EOPNOTSUPP;
	if (sock->type != SOCK_DGRAM && !is_inet(s) && !is_connected(s))
		return -ENOTCONN;
	return sock->type == SOCK_STREAM ? stream_send(s, u, m, 0) : unix_send_message(s, u, m);
}

int unix_shutdown(struct socket *sock, int how)
{
	struct unix_socket *s = unix_of(sock), *peer SCOPED(unix_put_at) = NULL;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	if (sock->type != SOCK_DGRAM)
		peer = unix_peer_get(s);
	close_directions(s, peer,
		(how != SHUT_WR ? UNIX_SHUT_READ : 0) | (how != SHUT_RD ? UNIX_SHUT_WRITE : 0));
	return 0;
}

/* ---- connections ---- */

int unix_listen(struct socket *sock, int backlog)
{
	struct unix_socket *s = unix_of(sock);
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&s->lock);

	if (sock->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (!s->name.len_bytes || (s->state != UNIX_FRESH && s->state != UNIX_LISTENING))
		return -EINVAL;
	s->backlog = MIN((u32)backlog, (u32)SOMAXCONN_DEFAULT);
	remember_current(s);
	set_state(s, UNIX_LISTENING);
	wake_all(&s->wq, POLL_OUT); /* the queue may be longer now */
	return 0;
}

static bool refuses(const struct unix_socket *listener)
{
	return READ_ONCE(listener->state) != UNIX_LISTENING ||
	       READ_ONCE(listener->shut) & (UNIX_SHUT_READ | UNIX_DEAD);
}

/* Queues @end at the listener, waiting for room; @s learns who listens. 0 | -ECONNREFUSED | -EAGAIN
 * | -ERESTARTSYS. */
static int enqueue(
	struct unix_socket *listener, struct unix_socket *end, struct unix_socket *s, bool nonblock)
{
	ns_t deadline = socket_deadline(s->socket.send_timeout_ns);
	int err;

	for (;;) {
		mutex_lock(&listener->lock);
		if (refuses(listener)) {
			mutex_unlock(&listener->lock);
			return -ECONNREFUSED;
		}
		if (listener->queued <= listener->backlog ||
			(nonblock && is_inet(s) && listener->queued < SOMAXCONN_DEFAULT))
			break; /* nobody who does not wait is told yes or no by TCP at once */
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
	end->listener = listener; /* nothing is in flight there yet */
	if (is_inet(s)) {
		inet_inherit(end, listener);
	} else {
		end->name = listener->name;
		end->socket.options = listener->socket.options & BIT(SO_PASSCRED);
	}
	remember_peer(s, listener->peer_pid, listener->peer_cred); /* nobody reads it yet */
	list_add_tail(&listener->queue, &end->queue_node);
	listener->queued++;
	mutex_unlock(&listener->lock);
	wake_all(&listener->wq, POLL_IN | POLL_RDNORM);
	return 0;
}

/* Takes @s from FRESH to CONNECTING and makes the server's end. err_ptr. */
static struct unix_socket *connect_begin(struct unix_socket *s)
{
	static const int errors[] = {[UNIX_LISTENING] = -EINVAL,
		[UNIX_CONNECTING] = -EALREADY,
		[UNIX_CONNECTED] = -EISCONN};
	struct unix_socket *end = unix_alloc(s, s->socket.ops, s->socket.family, s->socket.type);

	if (!end)
		return err_ptr(-ENOMEM);
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&s->lock);
	if (s->state != UNIX_FRESH) {
		unix_put(end);
		return err_ptr(errors[s->state]);
	}
	set_state(s, UNIX_CONNECTING);
	end->peer_name = s->name;
	set_peer(s, end);
	set_peer(end, s);
	remember_current(end);
	set_connected(end, s);
	return end;
}

int unix_connect_stream(struct unix_socket *s, struct unix_socket *listener,
	const struct sockaddr_k *name, bool nonblock)
{
	struct unix_socket *end = connect_begin(s);
	int err;

	if (is_err(end))
		return (int)ptr_err(end);
	if (name)
		end->name = *name;
	err = listener ? enqueue(listener, end, s, nonblock) : -ECONNREFUSED;
	mutex_lock(&s->lock);
	if (!err) { /* the end may be accepted already, and even be closed again */
		s->peer_name = name ? *name : listener->name;
		set_connected(s, end);
	} else { /* nobody has seen the end */
		s->peer = end->peer = NULL;
		set_state(s, UNIX_FRESH);
		unix_put(s);
		unix_put(end);
		unix_put(end);
	}
	mutex_unlock(&s->lock);
	if (!err)
		wake_all(&s->wq, POLL_OUT | POLL_WRNORM);
	return err;
}

static int unix_connect(struct socket *sock, const struct sockaddr_k *a, u32 file_flags)
{
	struct unix_socket *s = unix_of(sock), *listener SCOPED(unix_put_at) = NULL;
	int err = 0;

	if (sock->type == SOCK_DGRAM)
		return unix_connect_datagram(s, a);
	if (socket_option(sock, SO_PASSCRED))
		err = unix_autobind(s);
	listener = err ? err_ptr(err) : unix_find(a, sock->type);
	return is_err(listener) ? (int)ptr_err(listener)
				: unix_connect_stream(s, listener, NULL, file_flags & O_NONBLOCK);
}

static struct unix_socket *dequeue(struct unix_socket *s)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&s->lock);
	struct unix_socket *end = list_pop(&s->queue, struct unix_socket, queue_node);

	s->queued -= end != NULL;
	return end;
}

struct file *unix_accept(struct socket *sock, u32 file_flags, u32 new_flags)
{
	struct unix_socket *s = unix_of(sock), *end;
	ns_t deadline = socket_deadline(sock->receive_timeout_ns);
	struct file *f;
	int err;

	if (sock->type == SOCK_DGRAM)
		return err_ptr(-EOPNOTSUPP);
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
	unix_flight_accepted(end);
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
	struct unix_socket *s = unix_of(f->priv);
	struct message m = {.file_flags = f->flags | u->flags};
	ssize_t n;

	if (likely(!READ_ONCE(s->receive_slow))) {
		n = pipe_receive(s->rx, u, m.file_flags & O_NONBLOCK ? PIPE_NONBLOCK : 0,
			socket_deadline(s->socket.receive_timeout_ns));
		if (likely(n))
			return n;
	}
	return unix_receive(&s->socket, u, &m);
}

static ssize_t unix_file_write(struct file *f, struct uio *u, u64 *pos)
{
	struct unix_socket *s = unix_of(f->priv);
	struct message m = {.file_flags = f->flags | u->flags};
	ssize_t n;

	if (unlikely(READ_ONCE(s->send_slow)))
		return unix_send(&s->socket, u, &m);
	n = pipe_send(s->tx, u, (m.file_flags & O_NONBLOCK ? PIPE_NONBLOCK : 0) | PIPE_NOSIGNAL,
		socket_deadline(s->socket.send_timeout_ns));
	if (likely(!u->left) || (n != -EPIPE && !READ_ONCE(s->tx_messages)))
		return n;
	return stream_send(s, u, &m, MAX(n, 0));
}

static u32 unix_poll(struct file *f, struct poll_table *pt)
{
	struct unix_socket *s = unix_of(f->priv);
	u32 state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE), shut, mask;

	poll_wait(pt, f, &s->wq);
	if (s->rx) {
		poll_wait(pt, f, &s->rx->readers_wq);
		poll_wait(pt, f, &s->tx->writers_wq);
	}
	shut = READ_ONCE(s->shut);
	if (state == UNIX_LISTENING)
		mask = READ_ONCE(s->queued) ? POLL_IN | POLL_RDNORM : 0;
	else if (!s->tx || s->tx_messages)
		mask = unix_poll_room(s, f, pt);
	else
		mask = pipe_writable(s->tx) ? POLL_OUT | POLL_WRNORM : 0;
	if (shut & UNIX_NO_OUTPUT && state != UNIX_LISTENING)
		mask |= POLL_OUT | POLL_WRNORM;
	if (mask & POLL_OUT && !is_inet(s))
		mask |= POLL_WRBAND;
	/* TCP does not count a byte that only MSG_OOB reads */
	if (READ_ONCE(s->message_count) >
			(is_inet(s) && s->urgent && !socket_option(&s->socket, SO_OOBINLINE)) ||
		(s->rx && pipe_readable(s->rx)))
		mask |= POLL_IN | POLL_RDNORM;
	if (shut & UNIX_NO_INPUT)
		mask |= POLL_IN | POLL_RDNORM | POLL_RDHUP;
	if (shut & UNIX_NO_INPUT && shut & UNIX_NO_OUTPUT)
		mask |= POLL_HUP;
	if (s->socket.type != SOCK_DGRAM && (state == UNIX_FRESH || state == UNIX_CONNECTING))
		mask |= POLL_HUP;
	if (READ_ONCE(s->urgent) && !s->urgent_taken)
		mask |= POLL_PRI;
	if (READ_ONCE(s->error))
		mask |= POLL_ERR;
	return mask;
}

static long unix_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct unix_socket *s = unix_of(f->priv);
	struct unix_message *msg;
	u32 bytes;

	switch (cmd) {
	case SIOCINQ:
		if (READ_ONCE(s->state) == UNIX_LISTENING)
			return -EINVAL;
		mutex_lock(&s->lock);
		msg = list_first(&s->messages, struct unix_message, node);
		bytes = s->rx ? s->message_bytes + pipe_bytes(s->rx) : msg ? msg->len : 0;
		mutex_unlock(&s->lock);
		break;
	case SIOCATMARK:
		mutex_lock(&s->lock);
		bytes = s->urgent && s->messages.next == &s->urgent->node &&
			!(s->rx && pipe_readable(s->rx));
		mutex_unlock(&s->lock);
		break;
	case SIOCOUTQ:
		bytes = READ_ONCE(s->sent_bytes) + (s->tx ? pipe_bytes(s->tx) : 0);
		break;
	default:
		return socket_ioctl(cmd, arg);
	}
	return put_user_u32((u32 USER *)arg, bytes);
}

static void unix_release(struct file *f)
{
	struct unix_socket *s = unix_of(f->priv), *end;

	if (is_inet(s))
		inet_unbind(s);
	else
		unix_unbind(s);
	mutex_lock(&s->lock);
	s->shut |= UNIX_DEAD;
	mutex_unlock(&s->lock);
	wake_all(&s->wq, POLL_HUP);
	while ((end = dequeue(s))) {
		hang_up(end, true);
		unix_flight_accepted(end);
		unix_put(end);
	}
	hang_up(s, s->socket.linger[0] && !s->socket.linger[1] && is_inet(s));
	unix_put(s);
	unix_flight_collect();
}

const struct file_ops unix_file_ops = {.nowait = true,
	.read = unix_file_read,
	.write = unix_file_write,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.release = unix_release};

/* ---- options ---- */

int unix_set_option(struct socket *sock, int name, const void *buf, u32 len_bytes)
{
	struct unix_socket *s = unix_of(sock), *peer SCOPED(unix_put_at) = NULL;
	s32 value;

	memcpy(&value, buf, sizeof(value));
	switch (name) {
	case SO_SNDBUF: /* what does not fit any more keeps its room */
	case SO_SNDBUFFORCE:
		if (s->tx)
			(void)pipe_resize(s->tx, MIN(sock->send_bytes, PIPE_BYTES_MAX));
		return 0;
	case SO_PASSCRED:
		peer = unix_peer_get(s);
		if (peer && peer != s && sock->type != SOCK_DGRAM) {
			mutex_lock(&peer->lock);
			peer->peer_wants_cred = value != 0;
			choose_paths(peer);
			mutex_unlock(&peer->lock);
		}
		break;
	case SO_PEEK_OFF:
	case SO_RCVLOWAT:
		break;
	default:
		return -ENOPROTOOPT;
	}
	mutex_lock(&s->lock);
	if (name == SO_PEEK_OFF)
		s->peek_offset = value;
	choose_paths(s);
	mutex_unlock(&s->lock);
	return 0;
}

int unix_get_option(struct socket *sock, int name, void *buf, u32 *len_bytes)
{
	struct unix_socket *s = unix_of(sock);
	struct linux_ucred cred = {0, ~0u, ~0u};
	int value;

	switch (name) {
	case SO_PEERCRED:
		mutex_lock(&s->lock);
		if (s->peer_cred && !is_inet(s))
			cred = (struct linux_ucred){
				s->peer_pid, s->peer_cred->euid, s->peer_cred->egid};
		mutex_unlock(&s->lock);
		return socket_option_out(buf, len_bytes, &cred, sizeof(cred));
	case SO_ACCEPTCONN:
		value = s->state == UNIX_LISTENING;
		break;
	case SO_ERROR:
		value = -unix_error(s);
		break;
	case SO_PEEK_OFF:
		value = s->peek_offset;
		break;
	default:
		return -ENOPROTOOPT;
	}
	return socket_option_out(buf, len_bytes, &value, sizeof(value));
}

static struct cred *unix_peer_cred(struct socket *sock)
{
	struct unix_socket *s = unix_of(sock);
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&s->lock);

	return s->peer_cred ? cred_get(s->peer_cred) : NULL;
}

static int unix_getname(struct socket *sock, bool peer, struct sockaddr_k *out)
{
	struct unix_socket *s = unix_of(sock);
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&s->lock);

	if (peer && (sock->type == SOCK_DGRAM ? !s->peer : s->state != UNIX_CONNECTED))
		return -ENOTCONN;
	*out = peer ? s->peer_name : s->name;
	out->family = AF_UNIX;
	out->len_bytes = MAX(out->len_bytes, (u32)sizeof(out->family));
	return 0;
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
	.set_option = unix_set_option,
	.peer_cred = unix_peer_cred};

/* ---- making them ---- */

static int check_type(int *type, int protocol)
{
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (*type == SOCK_RAW) /* as 4.2BSD had it */
		*type = SOCK_DGRAM;
	return *type == SOCK_STREAM || *type == SOCK_DGRAM || *type == SOCK_SEQPACKET
		       ? 0
		       : -ESOCKTNOSUPPORT;
}

struct file *unix_file(struct unix_socket *s, u32 file_flags)
{
	struct file *f = s ? socket_file(&s->socket, &unix_file_ops, file_flags) : err_ptr(-ENOMEM);

	if (s && is_err(f))
		unix_put(s);
	return f;
}

struct file *unix_create(int type, int protocol, u32 file_flags)
{
	int err = check_type(&type, protocol);

	return err ? err_ptr(err)
		   : unix_file(unix_alloc(NULL, &unix_ops, AF_UNIX, type), file_flags);
}

int unix_pair(int type, int protocol, u32 file_flags, struct file *out[2])
{
	struct unix_socket *a, *b;
	int err = check_type(&type, protocol);

	if (err)
		return err;
	out[0] = unix_file(unix_alloc(NULL, &unix_ops, AF_UNIX, type), file_flags);
	if (is_err(out[0]))
		return (int)ptr_err(out[0]);
	a = unix_of(out[0]->priv);
	out[1] = unix_file(unix_alloc(a, &unix_ops, AF_UNIX, type), file_flags);
	if (is_err(out[1])) {
		err = (int)ptr_err(out[1]);
		file_put(out[0]);
		return err;
	}
	b = unix_of(out[1]->priv);
	set_peer(a, b);
	set_peer(b, a);
	remember_current(a);
	remember_current(b);
	if (type != SOCK_DGRAM) {
		set_connected(a, b);
		set_connected(b, a);
	}
	return 0;
}

void unix_init(void)
{
	inet_init();
	unix_name_init();
	unix_flight_init();
}
