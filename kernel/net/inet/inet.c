/* AF_INET on the loopback: TCP and UDP between sockets of this machine. Layer: net. No segment is
 * ever made: a connection is the pair of pipes that an AF_UNIX stream has, a datagram is one of its
 * messages. What is here are addresses and ports, and where TCP and UDP differ for a program: a
 * connect that does not wait says EINPROGRESS, a full receiver drops datagrams, who sends to nobody
 * hears of it a send later, names need no files.
 *
 * Every address of 127.0.0.0/8 is local; nothing else can be reached (ENETUNREACH).
 *
 * Locks: port_lock (S_SOCKET) guards the table of ports and is taken before any s->lock.
 *
 * Sources: ip(7), tcp(7), udp(7), connect(2), bind(2), proc(5). */
#include "../unix/unix_internal.h"

#include <exo/drivers.h>
#include <exo/errno.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>

#define BUCKETS       256u /* power of two */
#define LOOPBACK      0x7f000001u
#define PORT_FIRST    32768u /* of those given by the kernel */
#define PORT_COUNT    28232u
#define PORT_RESERVED 1024u /* below: CAP_NET_BIND_SERVICE */
#define DATAGRAM_MAX  65507u
#define STREAM_BYTES  (256u << 10) /* each way */
#define NAME_BYTES    16u

static struct mutex port_lock;
static struct hlist ports[BUCKETS]; /* [port_lock] by bound_node */

static u16 port_of(const struct sockaddr_k *a)
{
	return (u16)(a->data[0] << 8 | a->data[1]);
}

static u32 address_of(const struct sockaddr_k *a)
{
	u32 v;

	memcpy(&v, a->data + 2, sizeof(v));
	return __builtin_bswap32(v);
}

static struct sockaddr_k name_of(u32 address, u16 port)
{
	struct sockaddr_k a = {.family = AF_INET, .len_bytes = NAME_BYTES};

	address = __builtin_bswap32(address);
	port = __builtin_bswap16(port);
	memcpy(a.data, &port, sizeof(port));
	memcpy(a.data + 2, &address, sizeof(address));
	return a;
}

/* Where @a sends from, for it may be bound to any address. */
static struct sockaddr_k source_of(const struct sockaddr_k *a)
{
	return name_of(address_of(a) ? address_of(a) : LOOPBACK, port_of(a));
}

static bool is_loopback(u32 address)
{
	return address >> 24 == 127;
}

static bool overlap(u32 a, u32 b)
{
	return !a || !b || a == b;
}

static struct inet_values *values_of(struct unix_socket *s)
{
	return (struct inet_values *)(s + 1);
}

static struct hlist *bucket_of(u16 port)
{
	return &ports[port & (BUCKETS - 1)];
}

static bool same_option(struct unix_socket *a, struct unix_socket *b, int name)
{
	return socket_option(&a->socket, name) && socket_option(&b->socket, name);
}

/* ---- names ---- */

/* Does anybody keep @s from the port? port_lock held. */
static bool is_taken(struct unix_socket *s, u32 address, u16 port, bool to_listen)
{
	struct unix_socket *o;

	hlist_for_each_entry (o, bucket_of(port), bound_node) {
		bool listens = READ_ONCE(o->state) == UNIX_LISTENING;

		if (o == s || o->socket.type != s->socket.type || port_of(&o->name) != port ||
			!overlap(address_of(&o->name), address) || same_option(o, s, SO_REUSEPORT))
			continue;
		if (to_listen ? listens : listens || !same_option(o, s, SO_REUSEADDR))
			return true;
	}
	return false;
}

/* Port 0: any that is free. port_lock held. */
static int bind_locked(struct unix_socket *s, u32 address, u16 port)
{
	u32 at, tries = port ? 1 : PORT_COUNT;
	u16 p = port;

	random_bytes(&at, sizeof(at));
	for (at %= PORT_COUNT; tries; tries--) {
		at = at + 1 < PORT_COUNT ? at + 1 : 0;
		p = port ? port : (u16)(PORT_FIRST + at);
		if (!is_taken(s, address, p, false))
			break;
	}
	if (!tries)
		return -EADDRINUSE;
	mutex_lock(&s->lock);
	s->name = name_of(address, p);
	mutex_unlock(&s->lock);
	hlist_add(bucket_of(p), &s->bound_node);
	return 0;
}

/* No error when it has a name. Ports are global names: -EPERM in capability mode. @settle: it has
 * an address from here on, as who is connected. */
static int autobind(struct unix_socket *s, bool settle)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&port_lock);
	int err = s->name.len_bytes ? 0 : cap_confined() ? -EPERM : bind_locked(s, 0, 0);

	mutex_lock(&s->lock);
	if (!err && settle)
		s->name = source_of(&s->name);
	mutex_unlock(&s->lock);
	return err;
}

static int inet_bind(struct socket *sock, const struct sockaddr_k *a)
{
	struct unix_socket *s = unix_of(sock);

	if (a->len_bytes < NAME_BYTES)
		return -EINVAL;
	if (a->family != AF_INET && (a->family != AF_UNSPEC || address_of(a)))
		return -EAFNOSUPPORT;
	if (address_of(a) && !is_loopback(address_of(a)))
		return -EADDRNOTAVAIL;
	if (port_of(a) && port_of(a) < PORT_RESERVED &&
		!cred_capable(current->cred, LCAP_NET_BIND_SERVICE))
		return -EACCES;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&port_lock);
	return s->name.len_bytes ? -EINVAL : bind_locked(s, address_of(a), port_of(a));
}

void inet_unbind(struct unix_socket *s)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&port_lock);

	hlist_del(&s->bound_node);
}

/* Who gets what @from (NULL = a connection) sends to @a: +1 | NULL. */
static struct unix_socket *find(int type, const struct sockaddr_k *a, struct unix_socket *from)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&port_lock);
	struct sockaddr_k source = from ? source_of(&from->name) : name_of(0, 0);
	struct unix_socket *best = NULL, *s;
	u32 score, highest = 0;

	hlist_for_each_entry (s, bucket_of(port_of(a)), bound_node) {
		bool connected = s->peer_name.len_bytes;

		if (s->socket.type != type || port_of(&s->name) != port_of(a) ||
			!overlap(address_of(&s->name), address_of(a)))
			continue;
		if (from ? connected && memcmp(&s->peer_name, &source, NAME_BYTES)
			 : READ_ONCE(s->state) != UNIX_LISTENING)
			continue;
		score = 1 + (address_of(&s->name) != 0) + 2 * connected;
		if (score > highest) {
			highest = score;
			best = s;
		}
	}
	if (best)
		unix_get(best);
	return best;
}

static int inet_getname(struct socket *sock, bool peer, struct sockaddr_k *out)
{
	struct unix_socket *s = unix_of(sock);
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&s->lock);

	if (peer && (!s->peer_name.len_bytes ||
			    (s->shut & UNIX_PEER_WRITE && s->shut & UNIX_NO_OUTPUT)))
		return -ENOTCONN; /* TCP forgets who was there when both have ended, or by a reset
				   */
	*out = peer ? s->peer_name : s->name.len_bytes ? s->name : name_of(0, 0);
	return 0;
}

/* ---- connections ---- */

/* *to: where @a leads. 0 | -EINVAL -EAFNOSUPPORT -EACCES -ENETUNREACH. */
static int destination(struct socket *s, const struct sockaddr_k *a, struct sockaddr_k *to)
{
	u32 address = address_of(a);

	if (a->len_bytes < NAME_BYTES)
		return -EINVAL;
	if (a->family != AF_INET)
		return -EAFNOSUPPORT;
	if (address == ~0u && s->type == SOCK_DGRAM && !socket_option(s, SO_BROADCAST))
		return -EACCES;
	if (address && !is_loopback(address))
		return -ENETUNREACH;
	*to = name_of(address ? address : LOOPBACK, port_of(a));
	return 0;
}

static int connect_datagram(struct unix_socket *s, const struct sockaddr_k *a)
{
	struct sockaddr_k to = {0};
	int err = 0;

	if (a->len_bytes < sizeof(a->family))
		return -EINVAL;
	if (a->family != AF_UNSPEC) {
		err = destination(&s->socket, a, &to);
		if (!err)
			err = autobind(s, true);
	}
	if (err)
		return err;
	mutex_lock(&port_lock); /* find reads it */
	mutex_lock(&s->lock);
	s->peer_name = to;
	mutex_unlock(&s->lock);
	mutex_unlock(&port_lock);
	wake_all(&s->wq, POLL_OUT | POLL_WRNORM);
	return 0;
}

static int inet_connect(struct socket *sock, const struct sockaddr_k *a, u32 file_flags)
{
	struct unix_socket *s = unix_of(sock), *listener SCOPED(unix_put_at) = NULL;
	bool nonblock = file_flags & O_NONBLOCK;
	struct sockaddr_k to;
	int err;

	if (sock->type == SOCK_DGRAM)
		return connect_datagram(s, a);
	mutex_lock(&s->lock);
	bool told = values_of(s)->connecting;
	values_of(s)->connecting = false;
	mutex_unlock(&s->lock);
	err = unix_error(s);
	if (told || err)
		return err;
	err = destination(sock, a, &to);
	if (!err && READ_ONCE(s->state) == UNIX_FRESH)
		err = autobind(s, true);
	if (err)
		return err;
	listener = find(SOCK_STREAM, &to, NULL);
	err = unix_connect_stream(s, listener, &to, nonblock);
	if (err == -ERESTARTSYS || err == -EISCONN || err == -EALREADY || !nonblock)
		return err == -EAGAIN ? -ETIMEDOUT : err == -EINVAL ? -EISCONN : err;
	mutex_lock(&s->lock);
	values_of(s)->connecting = !err;
	if (err)
		s->error = (u32)(err == -EAGAIN ? ETIMEDOUT : -err);
	mutex_unlock(&s->lock);
	return -EINPROGRESS;
}

static int inet_listen(struct socket *sock, int backlog)
{
	struct unix_socket *s = unix_of(sock);
	int err = sock->type == SOCK_DGRAM ? -EOPNOTSUPP : autobind(s, false);
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&port_lock);

	if (!err && READ_ONCE(s->state) <= UNIX_LISTENING &&
		is_taken(s, address_of(&s->name), port_of(&s->name), true))
		err = -EADDRINUSE;
	return err ? err : unix_listen(sock, backlog);
}

static int inet_shutdown(struct socket *sock, int how)
{
	struct unix_socket *s = unix_of(sock);

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	if (!s->peer_name.len_bytes && READ_ONCE(s->state) != UNIX_LISTENING)
		return -ENOTCONN;
	return unix_shutdown(sock, how);
}

/* ---- data ---- */

static ssize_t inet_send(struct socket *sock, struct uio *u, struct message *m)
{
	struct unix_socket *s = unix_of(sock), *receiver SCOPED(unix_put_at) = NULL;
	struct sockaddr_k to;
	ssize_t n;

	if (sock->type != SOCK_DGRAM)
		return unix_send(sock, u, m);
	mutex_lock(&s->lock);
	to = s->peer_name;
	mutex_unlock(&s->lock);
	n = unix_error(s);
	if (!n && m->flags & MSG_OOB)
		n = -EOPNOTSUPP;
	if (!n && u->left > DATAGRAM_MAX)
		n = -EMSGSIZE;
	if (!n && m->name)
		n = destination(&s->socket, m->name, &to);
	if (!n && !to.len_bytes)
		n = -EDESTADDRREQ;
	if (!n && !port_of(&to))
		n = -EINVAL;
	if (!n)
		n = autobind(s, false);
	if (n)
		return n;
	receiver = find(SOCK_DGRAM, &to, s);
	n = unix_message_to(s, receiver, u, m);
	if (n >= 0 && !receiver && !m->name) { /* who is connected hears that the port is closed */
		WRITE_ONCE(s->error, ECONNREFUSED);
		wake_all(&s->wq, POLL_ERR | POLL_IN | POLL_OUT);
	}
	return n;
}

static ssize_t inet_receive(struct socket *sock, struct uio *u, struct message *m)
{
	ssize_t n = unix_receive(sock, u, m);

	if (m->name && m->name->len_bytes)
		*m->name = source_of(m->name);
	if (m->scm) /* for AF_UNIX alone */
		m->scm->has_cred = false;
	return n;
}

void inet_inherit(struct unix_socket *end, struct unix_socket *listener)
{
	struct socket *to = &end->socket, *from = &listener->socket;

	to->protocol = from->protocol;
	to->options = from->options;
	to->receive_timeout_ns = from->receive_timeout_ns;
	to->send_timeout_ns = from->send_timeout_ns;
	memcpy(to->linger, from->linger, sizeof(to->linger));
	*values_of(end) = *values_of(listener);
}

/* ---- options ---- */

/* Kept, and told back; none of them changes what arrives, because nothing is ever on the way. */
static const struct {
	u8 level, name;
	s32 initial, low, high;
} options[INET_OPTIONS] = {
	{IPPROTO_IP, IP_TOS, 0, 0, 255},
	{IPPROTO_IP, IP_TTL, 64, 1, 255},
	{IPPROTO_IP, IP_MTU_DISCOVER, 1, 0, 5},
	{IPPROTO_TCP, TCP_NODELAY, 0, 0, 1},
	{IPPROTO_TCP, TCP_MAXSEG, 536, 88, 32767},
	{IPPROTO_TCP, TCP_CORK, 0, 0, 1},
	{IPPROTO_TCP, TCP_KEEPIDLE, 7200, 1, 32767},
	{IPPROTO_TCP, TCP_KEEPINTVL, 75, 1, 32767},
	{IPPROTO_TCP, TCP_KEEPCNT, 9, 1, 127},
};

static int inet_level_option(
	struct socket *sock, int level, int name, void *buf, u32 *len_bytes, bool set)
{
	struct unix_socket *s = unix_of(sock);
	s32 value = 0;

	if (level != IPPROTO_IP && (level != IPPROTO_TCP || sock->type != SOCK_STREAM))
		return set ? -ENOPROTOOPT : -EOPNOTSUPP;
	for (u32 i = 0; i < INET_OPTIONS; i++) {
		if (options[i].level != level || options[i].name != name)
			continue;
		if (!set)
			return socket_option_out(
				buf, len_bytes, &values_of(s)->option[i], sizeof(value));
		if (level == IPPROTO_IP && *len_bytes && *len_bytes < sizeof(value))
			value = *(u8 *)buf; /* as 4.4BSD had them */
		else if (*len_bytes < sizeof(value))
			return -EINVAL;
		else
			memcpy(&value, buf, sizeof(value));
		if (options[i].high == 1)
			value = value != 0;
		if (value < options[i].low || value > options[i].high)
			return -EINVAL;
		WRITE_ONCE(values_of(s)->option[i], value);
		return 0;
	}
	return -ENOPROTOOPT;
}

static const struct socket_ops inet_ops = {.bind = inet_bind,
	.connect = inet_connect,
	.listen = inet_listen,
	.accept = unix_accept,
	.getname = inet_getname,
	.send = inet_send,
	.receive = inet_receive,
	.shutdown = inet_shutdown,
	.get_option = unix_get_option,
	.set_option = unix_set_option,
	.level_option = inet_level_option};

struct file *inet_create(int type, int protocol, u32 file_flags)
{
	static const int protocols[] = {[SOCK_STREAM] = IPPROTO_TCP, [SOCK_DGRAM] = IPPROTO_UDP};
	struct unix_socket *s;

	if (type == SOCK_RAW && protocol >= 0 && protocol < 256)
		return err_ptr(
			cred_capable(current->cred, LCAP_NET_RAW) ? -EPROTONOSUPPORT : -EPERM);
	if (protocol < 0 || protocol >= 256)
		return err_ptr(-EINVAL);
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return err_ptr(-ESOCKTNOSUPPORT);
	if (protocol && protocol != protocols[type])
		return err_ptr(-EPROTONOSUPPORT);
	s = unix_alloc(NULL, &inet_ops, AF_INET, type);
	if (!s)
		return err_ptr(-ENOMEM);
	s->socket.protocol = protocols[type];
	if (s->tx &&
		(pipe_resize(s->tx, STREAM_BYTES) < 0 || pipe_resize(s->rx, STREAM_BYTES) < 0)) {
		unix_put(s);
		return err_ptr(-ENOBUFS);
	}
	values_of(s)->uid = current->cred->euid;
	for (u32 i = 0; i < INET_OPTIONS; i++)
		values_of(s)->option[i] = options[i].initial;
	return unix_file(s, file_flags);
}

/* ---- /proc/net/tcp, /proc/net/udp ---- */

static const int tcp_type = SOCK_STREAM, udp_type = SOCK_DGRAM;

/* By TCP's numbers; a datagram socket is established or closed. */
static u32 state_of(const struct unix_socket *s)
{
	static const u8 states[] = {[UNIX_FRESH] = 7, [UNIX_LISTENING] = 10, [UNIX_CONNECTING] = 2};
	u32 state = READ_ONCE(s->state), shut = READ_ONCE(s->shut);

	if (!s->rx ? !s->peer_name.len_bytes : state != UNIX_CONNECTED)
		return states[state];
	return shut & UNIX_PEER_WRITE   ? shut & UNIX_NO_OUTPUT ? 7 : 8
	       : shut & UNIX_SHUT_WRITE ? 5
					: 1;
}

static void show_ports(struct seq *s, const void *ctx)
{
	seq_printf(s, "%u\t%u\n", PORT_FIRST, PORT_FIRST + PORT_COUNT - 1);
}

static void show(struct seq *seq, const void *type)
{
	u32 i = 0;

	seq_printf(seq,
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
		"uid  timeout inode\n");
	for (struct unix_socket *s = NULL; (s = unix_next(s, AF_INET));) {
		/* No lock, as for /proc/net/unix: a name that is being set may show in part. */
		if (s->socket.type != *(const int *)type || !s->name.len_bytes)
			continue;
		seq_printf(seq,
			"%4u: %08X:%04X %08X:%04X %02X %08X:%08X 00:00000000 00000000 %5u        0 "
			"%lu %u "
			"0000000000000000\n",
			i++, __builtin_bswap32(address_of(&s->name)), port_of(&s->name),
			__builtin_bswap32(address_of(&s->peer_name)), port_of(&s->peer_name),
			state_of(s), s->tx ? pipe_bytes(s->tx) : 0,
			s->rx ? pipe_bytes(s->rx) : READ_ONCE(s->message_bytes), values_of(s)->uid,
			s->socket.ino, s->refs);
	}
}

void inet_init(void)
{
	static const struct synth_file files[] = {
		{"net/tcp", S_IFREG | 0444, show, NULL, &tcp_type},
		{"net/udp", S_IFREG | 0444, show, NULL, &udp_type},
		{"sys/net/ipv4/ip_local_port_range", S_IFREG | 0444, show_ports, NULL, NULL},
		SYNTH_NUMBER("sys/net/ipv4/ip_forward", 0)};

	proc_add(files, ARRAY_LEN(files));
	mutex_init(&port_lock, RANK_S_SOCKET);
}
