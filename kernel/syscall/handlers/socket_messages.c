/* sendmsg, recvmsg, sendmmsg, recvmmsg and what goes beside the bytes. Layer: syscall.
 * Control data is copied once, as a whole, and only the copy is looked at.
 * Sources: send(2), recv(2), sendmmsg(2), recvmmsg(2), cmsg(3), unix(7). */
#include <arch/uaccess.h>
#include <exo/fs_uio.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/time.h>
#include <exo_abi/linux_fs.h>

#include "socket_calls.h"

#define CONTROL_BYTES_MAX 20480u /* of one send; Linux's default of optmem_max */
#define CMSG_ALIGN(n)     (((n) + 7) & ~7ull)
#define MESSAGES_MAX      1024u /* of one sendmmsg or recvmmsg */

/* ---- control data in ---- */

/* May current claim to be @c? */
static bool may_claim(const struct linux_ucred *c)
{
	const struct cred *own = current->cred;

	return (c->pid == process_pid(current->proc) || cred_capable(own, LCAP_SYS_ADMIN)) &&
	       (c->uid == own->uid || c->uid == own->euid || c->uid == own->suid ||
		       cred_capable(own, LCAP_SETUID)) &&
	       (c->gid == own->gid || c->gid == own->egid || c->gid == own->sgid ||
		       cred_capable(own, LCAP_SETGID));
}

static int import_one(struct scm *scm, const struct socket *s, const struct linux_cmsghdr *h)
{
	u64 bytes = h->len - sizeof(*h);

	if (h->level != SOL_SOCKET || s->family != AF_UNIX)
		return 0;
	if (h->type == SCM_RIGHTS)
		return bytes / sizeof(s32) > SCM_FDS_MAX
			       ? -EINVAL
			       : scm_fds_add(&scm->fds, (const s32 *)(h + 1),
					 (u32)(bytes / sizeof(s32)));
	if (h->type != SCM_CREDENTIALS || bytes != sizeof(scm->cred))
		return -EINVAL;
	memcpy(&scm->cred, h + 1, sizeof(scm->cred));
	scm->has_cred = true;
	return may_claim(&scm->cred) ? 0 : -EPERM;
}

/* scm->fds is the caller's to free, also after a failure. */
static int control_import(struct scm *scm, const struct socket *s, const struct linux_msghdr *m)
{
	u64 small[16], at = 0, len = m->control_len;
	u8 *buf = (u8 *)small;
	int err = 0;

	if (len > CONTROL_BYTES_MAX)
		return -ENOBUFS;
	if (len > sizeof(small))
		buf = kmalloc(len, ALLOC_KERNEL);
	if (!buf)
		return -ENOBUFS;
	if (copy_from_user(buf, (const void USER *)m->control, len))
		err = -EFAULT;
	while (!err && at + sizeof(struct linux_cmsghdr) <= len) {
		const struct linux_cmsghdr *h = (const struct linux_cmsghdr *)(buf + at);

		if (h->len < sizeof(*h) || h->len > len - at)
			err = -EINVAL;
		else
			err = import_one(scm, s, h);
		at += CMSG_ALIGN(h->len);
	}
	if (buf != (u8 *)small)
		kfree(buf);
	return err;
}

/* ---- control data out ---- */

struct control_out {
	u64 at, left; /* user address; bytes of room */
	u32 out_flags;
};

/* The header, behind whose place its data stand; the next one comes after them. */
static int control_end(struct control_out *c, const struct linux_cmsghdr *h)
{
	u64 bytes = MIN(CMSG_ALIGN(h->len), c->left);

	if (copy_to_user((void USER *)c->at, h, sizeof(*h)))
		return -EFAULT;
	c->at += bytes;
	c->left -= bytes;
	return 0;
}

/* One header with @bytes of data, cut to what fits. */
static int control_put(struct control_out *c, int type, const void *data, u64 bytes)
{
	struct linux_cmsghdr h = {.len = sizeof(h) + bytes, .level = SOL_SOCKET, .type = type};

	if (c->left < h.len)
		c->out_flags |= MSG_CTRUNC;
	if (c->left < sizeof(h))
		return 0;
	h.len = MIN(h.len, c->left);
	if (copy_to_user((void USER *)(c->at + sizeof(h)), data, h.len - sizeof(h)))
		return -EFAULT;
	return control_end(c, &h);
}

/* Gives current as many of the descriptors as there is room for, in the user's memory and among
 * its slots. */
static int fds_export(struct control_out *c, const struct scm_fds *f, bool cloexec)
{
	u32 limit = fd_limit(), done = 0, room = 0;
	struct cap_space *caps = current->caps;
	struct linux_cmsghdr h = {.level = SOL_SOCKET, .type = SCM_RIGHTS};

	if (c->left > sizeof(h))
		room = (u32)MIN((c->left - sizeof(h)) / sizeof(s32), (u64)f->count);
	for (; done < room; done++) {
		cap_t slot = cap_reserve(caps, cloexec ? CAP_CLOEXEC : 0, limit);

		if (slot < 0)
			break;
		if (put_user_u32((u32 USER *)(c->at + sizeof(h)) + done, (u32)slot)) {
			cap_unreserve(caps, slot);
			break;
		}
		grant_get(f->grants[done]);
		cap_fill(caps, slot, f->grants[done]);
	}
	if (done < f->count)
		c->out_flags |= MSG_CTRUNC;
	if (!done)
		return 0;
	h.len = sizeof(h) + done * sizeof(s32);
	return control_end(c, &h);
}

/* ---- one message ---- */

/* What sending and receiving share: the header and its segments. uio_vector_fini(v) in any case. */
static int message_import(u64 user, struct linux_msghdr *h, struct uio *u, struct uio_vector *v)
{
	v->iov = v->small;
	if (copy_from_user(h, (const void USER *)user, sizeof(*h)))
		return -EFAULT;
	if (h->name && h->name_len < 0)
		return -EINVAL;
	if (h->iov_count > IOV_MAX_COUNT)
		return -EMSGSIZE;
	return uio_import(u, v, (const void USER *)h->iov, h->iov_count);
}

static long send_one(const struct sock_ref *r, u64 user, u32 flags)
{
	struct message m = {.flags = flags, .file_flags = r->file->flags};
	struct scm scm = {0};
	struct linux_msghdr h;
	struct sockaddr_k a;
	struct uio_vector v;
	struct uio u;
	long ret = message_import(user, &h, &u, &v);

	if (!ret && h.name && h.name_len) {
		m.name = &a;
		ret = address_import(
			&a, (const void USER *)h.name, MIN((u32)h.name_len, (u32)SOCKADDR_MAX));
	}
	if (!ret && h.control_len) {
		m.scm = &scm;
		ret = control_import(&scm, r->socket, &h);
	}
	if (!ret)
		ret = r->socket->ops->send(r->socket, &u, &m);
	scm_fds_free(scm.fds);
	uio_vector_fini(&v);
	return ret;
}

long sys_sendmsg(u64 fd, u64 message, u64 flags)
{
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, CAP_SEND);

	return is_err(r.socket) ? ptr_err(r.socket) : send_one(&r, message, (u32)flags);
}

/* The parts of the header that a receive returns: sender, flags, control data. */
static int message_export(
	const struct socket *s, u64 user, const struct linux_msghdr *h, const struct message *m)
{
	struct linux_msghdr USER *to = (struct linux_msghdr USER *)user;
	struct control_out c = {h->control, h->control ? h->control_len : 0, m->out_flags};
	const struct scm *scm = m->scm;
	bool exact = s->options & BIT(SO_TIMESTAMPNS);
	u64 part = scm->stamp % NS_PER_SEC,
	    stamp[] = {scm->stamp / NS_PER_SEC, exact ? part : part / NS_PER_US};
	int err = 0;

	if (h->name && (copy_to_user((void USER *)h->name, m->name,
				MIN((u32)h->name_len, m->name->len_bytes)) ||
			       put_user_u32((u32 USER *)&to->name_len, m->name->len_bytes)))
		return -EFAULT;
	if (scm->stamp)
		err = control_put(&c, exact ? SO_TIMESTAMPNS : SO_TIMESTAMP, stamp, sizeof(stamp));
	if (!err && scm->has_cred)
		err = control_put(&c, SCM_CREDENTIALS, &scm->cred, sizeof(scm->cred));
	if (!err && scm->fds)
		err = fds_export(&c, scm->fds, m->flags & MSG_CMSG_CLOEXEC);
	if (err ||
		put_user_u32((u32 USER *)&to->flags, c.out_flags | (m->flags & MSG_CMSG_CLOEXEC)))
		return -EFAULT;
	return put_user_u64((u64 USER *)&to->control_len, h->control ? c.at - h->control : 0);
}

static long receive_one(const struct sock_ref *r, u64 user, u32 flags)
{
	struct sockaddr_k a = {0};
	struct scm scm = {0};
	struct message m = {.flags = flags, .file_flags = r->file->flags, .name = &a, .scm = &scm};
	struct linux_msghdr h;
	struct uio_vector v;
	struct uio u;
	long ret = message_import(user, &h, &u, &v);
	int err;

	if (!ret)
		ret = r->socket->ops->receive(r->socket, &u, &m);
	err = ret >= 0 ? message_export(r->socket, user, &h, &m) : 0;
	if (err)
		ret = err;
	scm_fds_free(scm.fds);
	uio_vector_fini(&v);
	return ret;
}

long sys_recvmsg(u64 fd, u64 message, u64 flags)
{
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, CAP_RECV);

	return is_err(r.socket) ? ptr_err(r.socket) : receive_one(&r, message, (u32)flags);
}

/* ---- several ---- */

long sys_sendmmsg(u64 fd, u64 messages, u64 count, u64 flags)
{
	struct linux_mmsghdr USER *v = (struct linux_mmsghdr USER *)messages;
	u32 n = MIN((u32)count, MESSAGES_MAX), done = 0;
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, CAP_SEND);
	long ret = 0;

	if (is_err(r.socket))
		return ptr_err(r.socket);
	for (; done < n; done++) {
		ret = send_one(&r, (u64)&v[done].header, (u32)flags);
		if (ret >= 0)
			ret = put_user_u32(&v[done].len, (u32)ret);
		if (ret)
			break;
	}
	return done ? (long)done : ret;
}

long sys_recvmmsg(u64 fd, u64 messages, u64 count, u64 flags, u64 timeout)
{
	struct linux_mmsghdr USER *v = (struct linux_mmsghdr USER *)messages;
	ns_t deadline, now;
	u32 done = 0, f = (u32)flags;
	struct sock_ref r SCOPED(sock_put) = sock_get(fd, CAP_RECV);
	long ret = moment_from_user(timeout, CLOCK_FROM_NOW, &deadline);

	if (ret)
		return ret;
	if (is_err(r.socket))
		return ptr_err(r.socket);
	while (done < (u32)count && done < MESSAGES_MAX) {
		ret = receive_one(&r, (u64)&v[done].header, f & ~MSG_WAITFORONE);
		if (ret >= 0)
			ret = put_user_u32(&v[done].len, (u32)ret);
		if (ret)
			break;
		done++;
		if (f & MSG_WAITFORONE)
			f |= MSG_DONTWAIT;
		if (clock_monotonic() >= deadline) /* looked at behind each message only */
			break;
	}
	now = clock_monotonic();
	if (timeout && done && time_to_user(timeout, deadline > now ? deadline - now : 0))
		return -EFAULT;
	return done ? (long)done : ret;
}
