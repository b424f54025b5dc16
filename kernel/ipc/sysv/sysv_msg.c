/* System V message queues, and the messages of both families. Layer: ipc.
 * Locks: object->lock. Sleepers try again under it whenever something came or went.
 * Limits: msgmax, msgmnb (bytes, and as many messages), msgmni. Sources: msgget(2), msgsnd(2),
 * msgctl(2). */
#include <exo/string.h>
#include "sysv_internal.h"

struct msg_queue {
	struct sysv_object o;
	struct list messages; /* [o.lock] in the order of arrival */
	struct waitqueue senders, receivers;
};

/* ---- messages ---- */

struct ipc_message *ipc_message_create(const void USER *text, u64 len_bytes)
{
	struct ipc_message *m = kmalloc(sizeof(*m) + len_bytes, ALLOC_DATA);

	if (!m)
		return err_ptr(-ENOMEM);
	m->len_bytes = len_bytes;
	if (copy_from_user(m->text, text, len_bytes)) {
		kfree(m);
		return err_ptr(-EFAULT);
	}
	return m;
}

/* ---- sending ---- */

/* 0 queued | -EAGAIN no room | -EIDRM */
static int try_send(struct msg_queue *q, struct ipc_message *m)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&q->o.lock);
	struct msg_ds_abi *ds = &q->o.ds.msg;

	if (q->o.removed)
		return -EIDRM;
	if (m->len_bytes > ds->bytes_max - MIN(ds->bytes, ds->bytes_max) ||
		ds->count >= ds->bytes_max)
		return -EAGAIN;
	list_add_tail(&q->messages, &m->node);
	ds->bytes += m->len_bytes;
	ds->count++;
	ds->lspid = sysv_pid();
	ds->stime = sysv_now();
	wake_all(&q->receivers, 0);
	return 0;
}

long msg_send(s32 id, s64 type, const void USER *text, u64 len_bytes, u32 flags)
{
	struct ipc_message *m;
	struct msg_queue *q;
	int ret, err = 0;

	if (type < 1 || len_bytes > READ_ONCE(sysv_table(SYSV_MSG)->size_max))
		return -EINVAL;
	m = ipc_message_create(text, len_bytes);
	if (is_err(m))
		return ptr_err(m);
	m->type = type;
	q = sysv_lock(sysv_table(SYSV_MSG), id, 0222);
	ret = (int)ptr_err(q);
	if (!is_err(q)) {
		spin_unlock(&q->o.lock);
		err = wait_event(
			&q->senders, (ret = try_send(q, m)) != -EAGAIN || flags & IPC_NOWAIT);
		sysv_put(&q->o);
	}
	if (ret)
		kfree(m);
	return err ? -ERESTARTNOHAND : ret;
}

/* ---- receiving ---- */

/* The message that is asked for, or NULL. @type with MSG_COPY: its place. Locked. */
static struct ipc_message *choose_locked(struct msg_queue *q, s64 type, u32 flags)
{
	struct ipc_message *m, *best = NULL;
	s64 most = type == INT64_MIN ? INT64_MAX : -type;

	list_for_each_entry (m, &q->messages, node) {
		if (flags & MSG_COPY) {
			if (type-- <= 0)
				return m;
		} else if (type < 0) {
			if (m->type <= most && (!best || m->type < best->type))
				best = m;
		} else if (!type || (m->type == type) == !(flags & MSG_EXCEPT)) {
			return m;
		}
	}
	return best;
}

static struct ipc_message *message_copy(const struct ipc_message *m)
{
	struct ipc_message *copy = kmalloc(sizeof(*m) + m->len_bytes, ALLOC_ATOMIC);

	if (!copy)
		return err_ptr(-ENOMEM);
	memcpy(copy, m, sizeof(*m) + m->len_bytes);
	return copy;
}

/* message | err_ptr(-ENOMSG | -E2BIG | -EIDRM | -ENOMEM) */
static struct ipc_message *try_receive(struct msg_queue *q, u64 room_bytes, s64 type, u32 flags)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&q->o.lock);
	struct ipc_message *m = choose_locked(q, type, flags);
	struct msg_ds_abi *ds = &q->o.ds.msg;

	if (q->o.removed)
		return err_ptr(-EIDRM);
	if (!m)
		return err_ptr(-ENOMSG);
	if (m->len_bytes > room_bytes && !(flags & MSG_NOERROR))
		return err_ptr(-E2BIG);
	if (flags & MSG_COPY)
		return message_copy(m);
	list_del(&m->node);
	ds->bytes -= m->len_bytes;
	ds->count--;
	ds->lrpid = sysv_pid();
	ds->rtime = sysv_now();
	wake_all(&q->senders, 0);
	return m;
}

struct ipc_message *msg_receive(s32 id, u64 room_bytes, s64 type, u32 flags)
{
	struct ipc_message *m;
	struct msg_queue *q;
	int err;

	if ((s64)room_bytes < 0 ||
		(flags & MSG_COPY && (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT))))
		return err_ptr(-EINVAL);
	q = sysv_lock(sysv_table(SYSV_MSG), id, 0444);
	if (is_err(q))
		return (struct ipc_message *)q;
	spin_unlock(&q->o.lock);
	err = wait_event(
		&q->receivers, (m = try_receive(q, room_bytes, type, flags)) != err_ptr(-ENOMSG) ||
				       flags & IPC_NOWAIT);
	sysv_put(&q->o);
	return err ? err_ptr(-ERESTARTNOHAND) : m;
}

/* ---- the registry's side ---- */

static int msg_init(struct sysv_object *o, u32 flags)
{
	struct msg_queue *q = container_of(o, struct msg_queue, o);

	list_init(&q->messages);
	waitqueue_init(&q->senders);
	waitqueue_init(&q->receivers);
	o->ds.msg.bytes_max = READ_ONCE(o->table->other_max);
	return 0;
}

static void msg_removed(struct sysv_object *o)
{
	struct msg_queue *q = container_of(o, struct msg_queue, o);
	struct ipc_message *m, *next;

	wake_all(&q->senders, 0);
	wake_all(&q->receivers, 0);
	list_for_each_entry_safe (m, next, &q->messages, node)
		kfree(m);
	list_init(&q->messages);
}

static int msg_set(struct sysv_object *o, const union sysv_ds *ds)
{
	if (ds->msg.bytes_max > READ_ONCE(o->table->other_max) &&
		!cred_capable(current->cred, LCAP_SYS_RESOURCE))
		return -EPERM;
	o->ds.msg.bytes_max = ds->msg.bytes_max;
	wake_all(&container_of(o, struct msg_queue, o)->senders, 0);
	return 0;
}

static void msg_show(struct seq *s, const union sysv_ds *ds)
{
	const struct msg_ds_abi *d = &ds->msg;

	seq_printf(s, " %10lu %10lu %5d %5d %5u %5u %5u %5u %10ld %10ld %10ld\n", d->bytes,
		d->count, d->lspid, d->lrpid, d->perm.uid, d->perm.gid, d->perm.cuid, d->perm.cgid,
		d->stime, d->rtime, d->ctime);
}

static size_t msg_info(const struct sysv_table *t, bool limits, union sysv_ds *ds)
{
	s32 bytes_max = (s32)t->other_max;

	ds->msg_info = (struct msg_info_abi){
		(s32)t->count, 0, (s32)t->size_max, bytes_max, (s32)t->ids_max, 16, 0, 0xffff};
	if (limits) {
		ds->msg_info.pool = (s32)(t->ids_max * t->other_max / 1024);
		ds->msg_info.map = ds->msg_info.messages = bytes_max;
	}
	return sizeof(ds->msg_info);
}

static void msg_sum(union sysv_ds *sum, const union sysv_ds *ds)
{
	sum->msg_info.map += (s32)ds->msg.count;
	sum->msg_info.messages += (s32)ds->msg.bytes;
}

const struct sysv_type msg_type = {
	.proc_header =
		"msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      "
		"stime      rtime      ctime",
	.bytes = sizeof(struct msg_queue),
	.ds_bytes = sizeof(struct msg_ds_abi),
	.ctime_at = offsetof(struct msg_ds_abi, ctime),
	.stat_command = MSG_STAT,
	.init = msg_init,
	.removed = msg_removed,
	.set = msg_set,
	.show = msg_show,
	.info = msg_info,
	.sum = msg_sum,
};
