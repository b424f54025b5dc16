/* Sockets without a family: files, inodes, dispatch, the options that all have. Layer: net. Locks:
 * none of its own. Source: socket(7). */
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/net.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_net.h>
#include <arch/uaccess.h>

static struct super_block *sock_super; /* [c] */

static const struct super_ops sockfs_ops = {.inode_free = inode_free_bare};
static const struct fs_type sockfs_type = {
	.name = "sockfs", .magic = 0x534f434b, .flags = FS_NODEV};

struct file *socket_file(struct socket *s, const struct file_ops *ops, u32 flags)
{
	struct inode *i = inode_create(sock_super, S_IFSOCK | 0777, ops);
	struct file *f;

	if (!i)
		return err_ptr(-ENOMEM);
	i->priv = s;
	f = file_create(ops, i, O_RDWR | (flags & O_NONBLOCK), s);
	if (!is_err(f)) {
		s->file = f;
		s->ino = i->ino;
	}
	return f;
}

void socket_init(struct socket *s, const struct socket_ops *ops, int family, int type)
{
	*s = (struct socket){.ops = ops,
		.family = family,
		.type = type,
		.receive_timeout_ns = NS_FOREVER,
		.send_timeout_ns = NS_FOREVER,
		.send_bytes = SOCKET_BUFFER_BYTES,
		.receive_bytes = SOCKET_BUFFER_BYTES,
		.low_water = 1};
}

struct socket *socket_of(struct file *f)
{
	return f->inode && f->inode->sb == sock_super ? f->priv : NULL;
}

struct file *socket_create(int family, int type, int protocol, u32 file_flags)
{
	if (family == AF_INET)
		return inet_create(type, protocol, file_flags);
	return family == AF_UNIX ? unix_create(type, protocol, file_flags) : err_ptr(-EAFNOSUPPORT);
}

int socket_pair(int family, int type, int protocol, u32 file_flags, struct file *out[2])
{
	if (family != AF_UNIX)
		return family < 0 || family > 45 ? -EAFNOSUPPORT : -EOPNOTSUPP;
	return unix_pair(type, protocol, file_flags, out);
}

/* ---- options ---- */

#define SEND_BYTES_MIN    2304u /* Linux's lower bounds, before doubling */
#define RECEIVE_BYTES_MIN 1152u
#define BOOLEAN_OPTIONS                                                                        \
	(BIT(SO_DEBUG) | BIT(SO_REUSEADDR) | BIT(SO_DONTROUTE) | BIT(SO_BROADCAST) |           \
		BIT(SO_KEEPALIVE) | BIT(SO_OOBINLINE) | BIT(SO_REUSEPORT) | BIT(SO_PASSCRED) | \
		BIT(SO_PASSSEC))

static int timeout_set(ns_t *timeout, const void *buf, u32 len_bytes)
{
	s64 tv[2];

	if (len_bytes < sizeof(tv))
		return -EINVAL;
	memcpy(tv, buf, sizeof(tv));
	if (tv[1] < 0 || tv[1] >= 1000000)
		return -EDOM;
	if (tv[0] < 0)
		*timeout = 0; /* does not wait at all */
	else if ((!tv[0] && !tv[1]) || (u64)tv[0] > NS_FOREVER / NS_PER_SEC / 2)
		*timeout = NS_FOREVER;
	else
		*timeout = (u64)tv[0] * NS_PER_SEC + (u64)tv[1] * NS_PER_US;
	return 0;
}

int socket_set_option(struct socket *s, int name, const void *buf, u32 len_bytes)
{
	bool known = true;
	u32 value;
	int err;

	memcpy(&value, buf, sizeof(value)); /* every option has that much */
	switch (name) {
	case SO_RCVTIMEO:
		return timeout_set(&s->receive_timeout_ns, buf, len_bytes);
	case SO_SNDTIMEO:
		return timeout_set(&s->send_timeout_ns, buf, len_bytes);
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		if (!cred_capable(current->cred, LCAP_NET_ADMIN))
			return -EPERM;
		value = MIN(value, (u32)INT32_MAX / 2);
		goto buffer;
	case SO_SNDBUF: /* twice the value, as on Linux */
	case SO_RCVBUF:
		value = MIN(value, SOCKET_BUFFER_BYTES);
	buffer:
		if (name == SO_SNDBUF || name == SO_SNDBUFFORCE)
			s->send_bytes = 2 * MAX(value, SEND_BYTES_MIN);
		else
			s->receive_bytes = 2 * MAX(value, RECEIVE_BYTES_MIN);
		break;
	case SO_LINGER:
		if (len_bytes < sizeof(s->linger))
			return -EINVAL;
		memcpy(s->linger, buf, sizeof(s->linger));
		s->linger[0] = s->linger[0] != 0;
		return 0;
	case SO_PRIORITY:
		if (value > 6 && !cred_capable(current->cred, LCAP_NET_ADMIN))
			return -EPERM;
		s->priority = value;
		return 0;
	case SO_MARK:
		if (!cred_capable(current->cred, LCAP_NET_ADMIN) &&
			!cred_capable(current->cred, LCAP_NET_RAW))
			return -EPERM;
		s->mark = value;
		return 0;
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS:
		__atomic_fetch_and(&s->options, ~SOCKET_STAMPS, __ATOMIC_RELAXED);
		if (value)
			__atomic_fetch_or(&s->options, BIT(name), __ATOMIC_RELAXED);
		return 0;
	case SO_RCVLOWAT:
		s->low_water = (s32)value < 0 ? INT32_MAX : MAX(value, 1u);
		return 0;
	default:
		known = (u32)name < 64 && BOOLEAN_OPTIONS & BIT(name);
		if (known) {
			if (name == SO_DEBUG && value &&
				!cred_capable(current->cred, LCAP_NET_ADMIN))
				return -EACCES;
			if (value)
				__atomic_fetch_or(&s->options, BIT(name), __ATOMIC_RELAXED);
			else
				__atomic_fetch_and(&s->options, ~BIT(name), __ATOMIC_RELAXED);
		}
	}
	/* the family may have to act on it too */
	err = s->ops->set_option(s, name, buf, len_bytes);
	return known && err == -ENOPROTOOPT ? 0 : err;
}

int socket_option_out(void *buf, u32 *len_bytes, const void *value, u32 value_bytes)
{
	*len_bytes = MIN(*len_bytes, value_bytes);
	memcpy(buf, value, *len_bytes);
	return 0;
}

int socket_get_option(struct socket *s, int name, void *buf, u32 *len_bytes)
{
	static const u8 fields[] = {[SO_TYPE] = offsetof(struct socket, type),
		[SO_DOMAIN] = offsetof(struct socket, family),
		[SO_PROTOCOL] = offsetof(struct socket, protocol),
		[SO_SNDBUF] = offsetof(struct socket, send_bytes),
		[SO_RCVBUF] = offsetof(struct socket, receive_bytes),
		[SO_RCVLOWAT] = offsetof(struct socket, low_water),
		[SO_PRIORITY] = offsetof(struct socket, priority),
		[SO_MARK] = offsetof(struct socket, mark)};
	ns_t timeout;
	s64 tv[2] = {0, 0};
	int value;

	switch (name) {
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		timeout = name == SO_RCVTIMEO ? s->receive_timeout_ns : s->send_timeout_ns;
		if (timeout != NS_FOREVER) {
			tv[0] = (s64)(timeout / NS_PER_SEC);
			tv[1] = (s64)(timeout % NS_PER_SEC / NS_PER_US);
		}
		return socket_option_out(buf, len_bytes, tv, sizeof(tv));
	case SO_LINGER:
		return socket_option_out(buf, len_bytes, s->linger, sizeof(s->linger));
	case SO_COOKIE:
		return *len_bytes < sizeof(s->ino)
			       ? -EINVAL
			       : socket_option_out(buf, len_bytes, &s->ino, sizeof(s->ino));
	}
	if ((u32)name < ARRAY_LEN(fields) && fields[name])
		return socket_option_out(buf, len_bytes, (u8 *)s + fields[name], sizeof(value));
	if ((u32)name >= 64 || !((BOOLEAN_OPTIONS | SOCKET_STAMPS) & BIT(name)))
		return s->ops->get_option(s, name, buf, len_bytes);
	value = socket_option(s, name);
	return socket_option_out(buf, len_bytes, &value, sizeof(value));
}

/* ---- the interface ---- */

/* There is one: lo. Source: netdevice(7). */
static const struct {
	u32 cmd;
	u16 family; /* 0 = a number */
	u32 value;  /* address as it lies in memory */
} lo_facts[] = {
	{SIOCGIFFLAGS, 0, IFF_UP | IFF_LOOPBACK | IFF_RUNNING},
	{SIOCGIFADDR, AF_INET, 0x0100007f},
	{SIOCGIFDSTADDR, AF_INET, 0x0100007f},
	{SIOCGIFBRDADDR, AF_INET, 0},
	{SIOCGIFNETMASK, AF_INET, 0xff},
	{SIOCGIFMTU, 0, 65536},
	{SIOCGIFHWADDR, ARPHRD_LOOPBACK, 0},
	{SIOCGIFINDEX, 0, 1},
};

static long lo_list(u64 arg)
{
	struct linux_ifreq r = {.name = "lo", .in = {AF_INET, 0, 0x0100007f}};
	struct linux_ifconf c;

	if (copy_from_user(&c, (const void USER *)arg, sizeof(c)))
		return -EFAULT;
	if (c.requests && c.len < (s32)sizeof(r))
		c.len = 0;
	else if (c.requests && copy_to_user((void USER *)c.requests, &r, sizeof(r)))
		return -EFAULT;
	else
		c.len = sizeof(r);
	return copy_to_user((void USER *)arg, &c, sizeof(c));
}

long socket_ioctl(u32 cmd, u64 arg)
{
	struct linux_ifreq r;
	bool lo;

	if (cmd == SIOCGIFCONF)
		return lo_list(arg);
	if (cmd < SIOCGIFNAME || cmd > SIOCGIFTXQLEN)
		return -ENOTTY;
	if (copy_from_user(&r, (const void USER *)arg, sizeof(r)))
		return -EFAULT;
	r.name[sizeof(r.name) - 1] = 0;
	lo = cmd == SIOCGIFNAME ? r.value == 1 : !strcmp(r.name, "lo");
	if (lo && cmd == SIOCSIFFLAGS)
		return !cred_capable(current->cred, LCAP_NET_ADMIN) ? -EPERM
		       : r.value & IFF_UP                           ? 0
								    : -EOPNOTSUPP;
	if (lo && cmd == SIOCGIFNAME) {
		memcpy(r.name, "lo", sizeof("lo"));
		return copy_to_user((void USER *)arg, &r, sizeof(r));
	}
	for (u32 i = 0; lo && i < ARRAY_LEN(lo_facts); i++) {
		if (lo_facts[i].cmd != cmd)
			continue;
		memset(r.bytes, 0, sizeof(r.bytes));
		r.in.family = lo_facts[i].family;
		r.in.address = lo_facts[i].value;
		if (!r.in.family)
			r.value = (s32)lo_facts[i].value;
		return copy_to_user((void USER *)arg, &r, sizeof(r));
	}
	return lo ? -ENOTTY : -ENODEV;
}

void net_init(void)
{
	sock_super = super_create(&sockfs_type, &sockfs_ops, NULL);
	if (!sock_super)
		panic("no memory for sockfs");
	unix_init();
}
