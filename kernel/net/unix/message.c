/* Messages between AF_UNIX sockets: datagrams, packets in sequence, and streams that carry more
 * than bytes. Layer: net.
 *
 * A stream begins on a pipe. The first send that has descriptors or credentials with it moves its
 * direction here for good: the pipe gets no more bytes, and what is still in it becomes the first
 * message. Descriptors come with the first byte that they were sent with, and a read ends behind
 * them; bytes of senders with other credentials are never read together.
 *
 * A message takes room in its sender's buffer until it is read. A datagram socket takes
 * DATAGRAMS_MAX messages from those it is not connected to; who waits for a place there sleeps in
 * room_wq, one queue for all, because the receiver may go meanwhile.
 *
 * Locks: the receiver's lock for its list, user memory is copied under it.
 * Source: unix(7), send(2), recv(2), socket(7). */
#include "unix_internal.h"

#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/string.h>

#define MESSAGE_OVERHEAD 768u /* what a message takes beside its bytes; near Linux's */
#define STREAM_PIECE     32768u

const struct linux_ucred unix_nobody = {0, 65534, 65534};
static struct waitqueue room_wq = WAITQUEUE_INIT(room_wq);

static bool has_room(const struct unix_socket *s)
{
	return READ_ONCE(s->sent_bytes) < READ_ONCE(s->socket.send_bytes);
}

static bool is_full(const struct unix_socket *s)
{
	return READ_ONCE(s->message_count) > DATAGRAMS_MAX;
}

static void add_credentials(struct scm *scm) /* current's */
{
	scm->has_cred = true;
	scm->cred = (struct linux_ucred){
		process_pid(current->proc), current->cred->uid, current->cred->gid};
}

static void message_free(struct unix_message *msg)
{
	struct unix_socket *from = msg->from;

	__atomic_fetch_sub(&from->sent_bytes, msg->charge, __ATOMIC_RELAXED);
	if (msg->charge && has_room(from))
		wake_all(&from->wq, POLL_OUT | POLL_WRNORM);
	scm_fds_free(msg->scm.fds);
	unix_put(from);
	kfree(msg);
}

/* The next @len bytes of @u as a message of @s, and what goes with them. Waits for room. err_ptr.
 */
static struct unix_message *message_new(
	struct unix_socket *s, struct uio *u, u32 len, struct message *m)
{
	ns_t deadline = socket_deadline(s->socket.send_timeout_ns);
	struct unix_message *msg;
	int err;

	for (;;) {
		err = unix_error(s);
		if (!err && READ_ONCE(s->shut) & UNIX_NO_OUTPUT)
			err = -EPIPE;
		if (err)
			return err_ptr(err);
		if (has_room(s))
			break;
		if (message_nonblock(m))
			return err_ptr(-EAGAIN);
		err = wait_event_timeout(&s->wq,
			has_room(s) || READ_ONCE(s->shut) & UNIX_NO_OUTPUT || READ_ONCE(s->error),
			deadline);
		if (err)
			return err_ptr(err == -ETIMEDOUT ? -EAGAIN : err);
	}
	msg = kmalloc(sizeof(*msg) + len, ALLOC_KERNEL);
	if (!msg)
		return err_ptr(-ENOBUFS);
	if (uio_read(u, msg->data, len) != len) {
		kfree(msg);
		return err_ptr(-EFAULT);
	}
	msg->from = s;
	unix_get(s);
	msg->len = len;
	msg->taken = 0;
	msg->charge = MESSAGE_OVERHEAD + len;
	__atomic_fetch_add(&s->sent_bytes, msg->charge, __ATOMIC_RELAXED);
	msg->urgent = false;
	msg->scm = (struct scm){0};
	if (m->scm) {
		msg->scm = *m->scm;
		m->scm->fds = NULL;
	}
	return msg;
}

static void put_locked(struct unix_socket *to, struct unix_message *msg)
{
	if (!msg->scm.has_cred &&
		(socket_option(&msg->from->socket, SO_PASSCRED) ||
			socket_option(&to->socket, SO_PASSCRED) || !to->socket.file))
		add_credentials(&msg->scm);
	if (to->socket.options & SOCKET_STAMPS)
		msg->scm.stamp = clock_realtime();
	unix_flight_begin(to, &msg->scm.fds);
	list_add_tail(&to->messages, &msg->node);
	to->message_bytes += msg->len;
	if (msg->urgent) {
		WRITE_ONCE(to->urgent_taken, false);
		WRITE_ONCE(to->urgent, msg); /* one before it is a byte like others now */
	}
	WRITE_ONCE(to->message_count, to->message_count + 1);
}

/* Moves a message to the list @taken; its descriptors are no longer in flight. */
static void take_locked(struct unix_socket *s, struct unix_message *msg, struct list *taken)
{
	list_move_tail(taken, &msg->node);
	unix_flight_end(msg->scm.fds);
	s->message_bytes -= msg->len - msg->taken;
	if (s->urgent == msg)
		WRITE_ONCE(s->urgent, NULL);
	WRITE_ONCE(s->message_count, s->message_count - 1);
}

static void wake_writers(struct unix_socket *s, bool was_full)
{
	if (was_full && s->socket.type == SOCK_DGRAM)
		wake_all(&room_wq, POLL_OUT | POLL_WRNORM);
}

static void messages_free(struct list *taken)
{
	struct unix_message *msg;

	while ((msg = list_pop(taken, struct unix_message, node)))
		message_free(msg);
}

void unix_purge(struct unix_socket *s)
{
	struct list taken = LIST_INIT(taken);
	bool was_full = is_full(s);
	struct unix_message *msg, *next;

	mutex_lock(&s->lock);
	list_for_each_entry_safe (msg, next, &s->messages, node)
		take_locked(s, msg, &taken);
	mutex_unlock(&s->lock);
	messages_free(&taken);
	wake_writers(s, was_full);
}

/* ---- sending ---- */

/* Gives @msg to @to. 0 | -EAGAIN its queue is full | -EPERM | -EPIPE | -ECONNREFUSED. */
static int deliver(struct unix_socket *to, struct unix_message *msg)
{
	struct unix_socket *from = msg->from;
	struct file_signal due = {.urgent = true};
	u32 events = POLL_IN | POLL_RDNORM | (msg->urgent ? POLL_PRI : 0);
	bool stranger;
	int err = 0;

	mutex_lock(&to->lock);
	stranger = to->peer != from;
	if (from->socket.type == SOCK_DGRAM && to->peer && stranger)
		err = -EPERM; /* connected to somebody else */
	else if (to->shut & UNIX_DEAD)
		err = from->socket.type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
	else if (to->shut & UNIX_SHUT_READ)
		err = -EPIPE;
	else if (stranger && to != from && from->socket.type == SOCK_DGRAM && is_full(to))
		err = -EAGAIN;
	else
		put_locked(to, msg);
	if (events & POLL_PRI && !err && to->socket.file)
		due.owner = to->socket.file->owner;
	mutex_unlock(&to->lock);
	if (!err)
		wake_one(&to->wq, events);
	signal_send_owner(&due);
	return err;
}

/* The datagram peer of @s has gone, or @s leaves it for @next (+1, moved in; NULL = none). */
static void change_peer(
	struct unix_socket *s, struct unix_socket *next, const struct sockaddr_k *name)
{
	struct unix_socket *old;
	bool told = false;

	mutex_lock(&s->lock);
	old = s->peer;
	s->peer = next;
	if (next)
		s->peer_name = *name;
	mutex_unlock(&s->lock);
	if (!old)
		return;
	if (old != next) {
		unix_purge(s); /* what the old one had sent */
		mutex_lock(&old->lock);
		told = old->peer == s && !(old->shut & UNIX_DEAD);
		if (told)
			WRITE_ONCE(old->error, ECONNRESET);
		mutex_unlock(&old->lock);
		if (told)
			wake_all(&old->wq, POLL_ERR);
	}
	unix_put(old);
}

ssize_t unix_send_message(struct unix_socket *s, struct uio *u, struct message *m)
{
	ns_t deadline = socket_deadline(s->socket.send_timeout_ns);
	const struct sockaddr_k *to = s->socket.type == SOCK_DGRAM ? m->name : NULL;
	struct unix_socket *peer SCOPED(unix_put_at) = NULL;
	struct unix_message *msg;
	size_t len = u->left;
	int err = 0;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (s->socket.type == SOCK_SEQPACKET)
		err = unix_error(s);
	if (!err && !to) {
		peer = unix_peer_get(s);
		if (!peer)
			err = READ_ONCE(s->shut) & UNIX_PEER_READ ? -EPIPE : -ENOTCONN;
	}
	if (!err && socket_option(&s->socket, SO_PASSCRED))
		err = unix_autobind(s);
	if (!err && len + 32 > s->socket.send_bytes)
		err = -EMSGSIZE;
	if (err)
		return err;
	msg = message_new(s, u, (u32)len, m);
	if (is_err(msg))
		return ptr_err(msg);
	if (to)
		peer = unix_find(to, SOCK_DGRAM);
	err = is_err(peer) ? (int)ptr_err(peer) : 0;
	while (!err) {
		err = deliver(peer, msg);
		if (err != -EAGAIN || message_nonblock(m))
			break;
		err = wait_event_timeout(&room_wq,
			!is_full(peer) || READ_ONCE(peer->shut) & (UNIX_DEAD | UNIX_SHUT_READ),
			deadline);
		err = err == -ETIMEDOUT ? -EAGAIN : err;
	}
	if (err)
		message_free(msg);
	if (err == -ECONNREFUSED && !to)
		change_peer(s, NULL, NULL);
	return err ? err : (ssize_t)len;
}

ssize_t unix_message_to(
	struct unix_socket *s, struct unix_socket *to, struct uio *u, struct message *m)
{
	size_t len = u->left;
	struct unix_message *msg = message_new(s, u, (u32)len, m);
	bool room = false;

	if (is_err(msg))
		return ptr_err(msg);
	__atomic_fetch_sub(&s->sent_bytes, msg->charge, __ATOMIC_RELAXED);
	msg->charge = 0; /* the room is the receiver's */
	if (to) {
		mutex_lock(&to->lock);
		room = !(to->shut & UNIX_DEAD) &&
		       to->message_bytes + to->message_count * MESSAGE_OVERHEAD <
			       to->socket.receive_bytes;
		if (room)
			put_locked(to, msg);
		mutex_unlock(&to->lock);
	}
	if (room)
		wake_one(&to->wq, POLL_IN | POLL_RDNORM);
	else
		message_free(msg);
	return (ssize_t)len;
}

void unix_leave_pipe(struct unix_socket *s, struct unix_socket *peer)
{
	bool now;

	mutex_lock(&s->lock);
	now = !s->tx_messages && !(s->shut & UNIX_SHUT_WRITE);
	if (now) {
		s->tx_messages = true;
		WRITE_ONCE(s->send_slow, true);
	}
	mutex_unlock(&s->lock);
	if (!now)
		return;
	WRITE_ONCE(peer->rx_messages, true); /* before the end of the pipe, which its reader takes
						for a hint to look here */
	pipe_close_end(s->tx, 0, 1, 0);
}

ssize_t unix_send_stream(
	struct unix_socket *s, struct unix_socket *peer, struct uio *u, struct message *m)
{
	struct unix_message *msg;
	ssize_t done = 0;
	bool last;
	u32 n;
	int err = 0;

	unix_leave_pipe(s, peer);
	while (u->left) {
		n = (u32)MIN(u->left, (size_t)MIN(STREAM_PIECE, s->socket.send_bytes / 2));
		last = m->flags & MSG_OOB && u->left == n; /* whose last byte is urgent */
		n -= last && n > 1;
		last = last && u->left == 1;
		msg = READ_ONCE(s->shut) & UNIX_NO_OUTPUT ? err_ptr(-EPIPE)
							  : message_new(s, u, n, m);
		if (is_err(msg)) {
			err = (int)ptr_err(msg);
			break;
		}
		msg->urgent = last;
		err = deliver(peer, msg);
		if (err) {
			message_free(msg);
			break;
		}
		done += n;
	}
	return done ? done : err;
}

int unix_connect_datagram(struct unix_socket *s, const struct sockaddr_k *a)
{
	struct unix_socket *other = NULL;
	int err = 0;

	if (a->len_bytes < sizeof(a->family))
		return -EINVAL;
	if (a->family != AF_UNSPEC) {
		if (socket_option(&s->socket, SO_PASSCRED))
			err = unix_autobind(s);
		other = err ? err_ptr(err) : unix_find(a, SOCK_DGRAM);
		if (is_err(other))
			return (int)ptr_err(other);
		mutex_lock(&other->lock);
		if (other->peer && other->peer != s)
			err = -EPERM;
		mutex_unlock(&other->lock);
		if (err) {
			unix_put(other);
			return err;
		}
	}
	change_peer(s, other, other ? &other->name : NULL);
	wake_all(&s->wq, POLL_OUT | POLL_WRNORM);
	return 0;
}

u32 unix_poll_room(struct unix_socket *s, struct file *f, struct poll_table *pt)
{
	bool room = READ_ONCE(s->sent_bytes) * 4ull <= READ_ONCE(s->socket.send_bytes);

	if (s->socket.type == SOCK_DGRAM) {
		poll_wait(pt, f, &room_wq);
		struct unix_socket *peer SCOPED(unix_put_at) = unix_peer_get(s);

		if (peer)
			room = room && (READ_ONCE(peer->peer) == s || !is_full(peer));
	}
	return room ? POLL_OUT | POLL_WRNORM : 0;
}

/* ---- receiving ---- */

/* Where in the list a receive begins. */
static u32 peek_skip(const struct unix_socket *s, const struct message *m)
{
	return m->flags & MSG_PEEK && s->peek_offset > 0 ? (u32)s->peek_offset : 0;
}

static bool has_more(const struct unix_socket *s, u32 skip)
{
	return skip ? READ_ONCE(s->message_bytes) > skip : READ_ONCE(s->message_count);
}

/* Waits for something to read; called and left with the lock held. 0 something may be there | 1 end
 * | -errno. */
static int wait_locked(struct unix_socket *s, struct message *m, ns_t deadline)
{
	u32 skip = peek_skip(s, m);
	int err;

	if (s->shut & UNIX_NO_INPUT)
		return s->socket.type == SOCK_DGRAM && message_nonblock(m) ? -EAGAIN : 1;
	if (message_nonblock(m))
		return -EAGAIN;
	mutex_unlock(&s->lock);
	err = wait_event_mode(&s->wq,
		has_more(s, skip) || READ_ONCE(s->shut) & UNIX_NO_INPUT || READ_ONCE(s->error),
		WAIT_INTERRUPTIBLE, deadline, true);
	mutex_lock(&s->lock);
	return err == -ETIMEDOUT ? -EAGAIN : err;
}

static void peek_offset_move(struct unix_socket *s, const struct message *m, u32 n)
{
	if (s->peek_offset < 0)
		return;
	if (m->flags & MSG_PEEK)
		s->peek_offset += (s32)n;
	else
		s->peek_offset = (u32)s->peek_offset > n ? s->peek_offset - (s32)n : 0;
}

/* Descriptors of @msg for the receiver: a copy for a peek. 0 | -ENOMEM. */
static int fds_locked(struct unix_message *msg, struct message *m)
{
	struct scm_fds *fds = msg->scm.fds;

	if (!fds)
		return 0;
	if (m->flags & MSG_PEEK) {
		fds = unix_flight_copy(fds);
		if (!fds)
			return -ENOMEM;
	} else {
		unix_flight_end(fds);
		msg->scm.fds = NULL;
	}
	m->scm->fds = fds;
	return 0;
}

/* What was sent before the direction left the pipe comes first. 0 | -ENOMEM. */
static int pull_pipe_locked(struct unix_socket *s)
{
	struct unix_message *msg;
	struct uio u;
	ssize_t n;

	if (!pipe_readable(s->rx))
		return 0;
	n = pipe_bytes(s->rx);
	msg = kzalloc(sizeof(*msg) + (size_t)n, ALLOC_KERNEL);
	if (!msg)
		return -ENOMEM;
	uio_init_kernel(&u, msg->data, (size_t)n);
	n = pipe_receive(s->rx, &u, PIPE_NONBLOCK, 0);
	if (n <= 0) { /* another reader was faster */
		kfree(msg);
		return 0;
	}
	msg->from = s; /* it takes no room of anybody */
	unix_get(s);
	msg->len = (u32)n;
	list_add(&s->messages, &msg->node);
	s->message_bytes += msg->len;
	WRITE_ONCE(s->message_count, s->message_count + 1);
	return 0;
}

/* Copies what is there, of packets one, which is used up; emptied messages go to @emptied. *more: a
 * read may go on behind it. *from: who sent a packet, +1. Bytes | -errno when there are none. */
static ssize_t copy_locked(struct unix_socket *s, struct uio *u, struct message *m,
	struct list *emptied, bool *more, struct unix_socket **from)
{
	bool packet = !s->rx, peek = m->flags & MSG_PEEK;
	struct unix_message *msg, *next;
	u32 skip = peek_skip(s, m), n, left;
	ssize_t done = 0;
	int err = 0;

	list_for_each_entry_safe (msg, next, &s->messages, node) {
		struct linux_ucred cred = msg->scm.has_cred ? msg->scm.cred : unix_nobody;
		bool fds = msg->scm.fds != NULL;

		left = msg->len - msg->taken;
		if (msg == s->urgent && done) {
			*more = false;
			break; /* a read ends at the mark */
		}
		if (msg == s->urgent && !peek && socket_option(&s->socket, SO_OOBINLINE)) {
			WRITE_ONCE(s->urgent, NULL);
		} else if (msg == s->urgent) { /* passed: what nobody asked for is lost */
			if (!peek)
				take_locked(s, msg, emptied);
			continue;
		}
		if (skip && skip >= left) {
			skip -= left;
			continue;
		}
		if (socket_option(&s->socket, SO_PASSCRED)) {
			*more = !m->scm->has_cred || !memcmp(&cred, &m->scm->cred, sizeof(cred));
			if (!*more)
				break; /* another sender */
			m->scm->has_cred = true;
			m->scm->cred = cred;
		}
		if (packet && s->socket.options & SOCKET_STAMPS) /* asked too late: of now */
			m->scm->stamp = msg->scm.stamp ? msg->scm.stamp : clock_realtime();
		left -= skip;
		n = (u32)uio_write(u, msg->data + msg->taken + skip, MIN(u->left, (size_t)left));
		skip = 0;
		if (n < left && u->left && (packet || !n))
			err = -EFAULT;
		else
			err = fds_locked(msg, m);
		if (err && (peek || !packet))
			break;
		peek_offset_move(s, m, packet && !peek ? msg->len : n);
		*more = !packet && !fds && n == left;
		done += packet && m->flags & MSG_TRUNC ? left : n;
		if (packet) {
			m->out_flags |= n < left ? MSG_TRUNC : 0;
			*from = msg->from;
			unix_get(*from);
		}
		if (!peek) {
			msg->taken += packet ? left : n;
			s->message_bytes -= packet ? left : n;
			if (msg->taken == msg->len)
				take_locked(s, msg, emptied);
		}
		if (!*more)
			break;
	}
	return packet && err ? err : done ? done : err;
}

ssize_t unix_receive_urgent(struct unix_socket *s, struct uio *u, struct message *m)
{
	struct list taken = LIST_INIT(taken);
	ssize_t n;

	mutex_lock(&s->lock);
	if (!s->urgent || s->urgent_taken || socket_option(&s->socket, SO_OOBINLINE)) {
		mutex_unlock(&s->lock);
		return -EINVAL;
	}
	n = u->left ? (ssize_t)uio_write(u, s->urgent->data, 1) : 0;
	m->out_flags |= MSG_OOB | (n || u->left ? 0 : MSG_TRUNC);
	if (n && !(m->flags & MSG_PEEK)) {
		WRITE_ONCE(s->urgent_taken, true);
		if (!is_inet(s)) /* TCP's mark stays */
			take_locked(s, s->urgent, &taken);
	}
	n = n || !u->left ? n : -EFAULT;
	mutex_unlock(&s->lock);
	messages_free(&taken);
	return n;
}

ssize_t unix_receive_messages(struct unix_socket *s, struct uio *u, struct message *m)
{
	ns_t deadline = socket_deadline(s->socket.receive_timeout_ns);
	size_t target =
		m->flags & MSG_WAITALL ? u->left : MIN(u->left, (size_t)s->socket.low_water);
	struct unix_socket *from SCOPED(unix_put_at) = NULL;
	struct list emptied = LIST_INIT(emptied);
	bool more = true, was_full;
	ssize_t done = 0, n;
	int err;

	mutex_lock(&s->lock);
	do {
		was_full = is_full(s);
		err = s->rx ? pull_pipe_locked(s) : unix_error(s);
		n = err ? err : copy_locked(s, u, m, &emptied, &more, &from);
		err = n < 0 ? (int)n : 0;
		done += MAX(n, 0);
		if (err || !more || (s->rx && !u->left) ||
			(done && ((size_t)done >= target || m->flags & MSG_PEEK)))
			break;
		err = done ? 0 : unix_error(s);
		if (!err)
			err = wait_locked(s, m, deadline);
	} while (!err);
	more = s->message_count;
	mutex_unlock(&s->lock);
	if (more) /* one wake-up may have been for several */
		wake_one(&s->wq, POLL_IN | POLL_RDNORM);
	wake_writers(s, was_full);
	messages_free(&emptied);
	if (from && m->name) {
		mutex_lock(&from->lock);
		*m->name = from->name;
		mutex_unlock(&from->lock);
	}
	return done ? done : MIN(err, 0);
}
