/* POSIX message queues. Layer: ipc.
 *
 * A queue is the private part of an inode of the file system `mqueue`, a tmpfs of one directory, of
 * which there is one however often it is mounted. Sleepers try again under the lock, one for each
 * message that comes or goes. A process that asked is told of the first message of an empty queue,
 * unless somebody sleeps for it.
 *
 * Locks: queue->lock (IPC). Limits: /proc/sys/fs/mqueue, RLIMIT_MSGQUEUE for all that a user's
 * queues could hold. Sources: mq_overview(7), mq_notify(3). */
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/mqueue.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo/sysv.h>
#include <exo/vfs.h>

#define MESSAGES_MAX   65536 /* of a privileged creator */
#define SIZE_MAX_BYTES (16u << 20)
#define NODE_BYTES     48 /* what Linux counts for a message, and for a priority */
#define TEXT_BYTES     80 /* st_size */

struct mq {
	spinlock_t lock;
	struct rb_tree messages;             /* [lock] struct ipc_message by rank */
	struct mq_attr_abi attr;             /* [c]; messages: [lock; polls read] */
	u64 bytes;                           /* [lock] */
	u32 receiving;                       /* [lock] who sleeps for a message */
	struct waitqueue receivers, senders; /* and who polls */
	struct process *owner;               /* [lock] +1 who is told; NULL = nobody */
	struct sigevent_abi event;           /* [lock] of owner */
	struct user_account *account;        /* [c] +1 charged with charged_bytes */
	u64 charged_bytes;                   /* [c] */
};

static u64 queues_max = 256, messages_max = 10, size_max = 8192, messages_default = 10,
	   size_default = 8192; /* [a] sysctls */
static u64 queues;              /* [a] */

/* ---- life ---- */

static bool attr_good(const struct mq_attr_abi *a, bool privileged)
{
	u64 messages = privileged ? MESSAGES_MAX : READ_ONCE(messages_max);
	u64 size = privileged ? SIZE_MAX_BYTES : READ_ONCE(size_max);

	return (u64)a->messages_max - 1 < messages && (u64)a->size_max - 1 < size;
}

static void mq_gone(struct inode *i)
{
	struct mq *q = i->priv;
	struct rb_node *n;

	while ((n = rb_first(&q->messages))) {
		rb_erase(&q->messages, n);
		kfree(container_of(n, struct ipc_message, rank));
	}
	if (q->account)
		account_discharge(q->account, 0, q->charged_bytes);
	__atomic_fetch_sub(&queues, 1, __ATOMIC_RELAXED);
	kfree(q);
}

static const struct file_ops mq_file_ops;

static int mq_create(struct inode *i, const void *arg)
{
	struct mq_attr_abi attr = {.messages_max = (s64)MIN(messages_default, messages_max),
		.size_max = (s64)MIN(size_default, size_max)};
	const struct mq_attr_abi *a = arg ? arg : &attr;
	bool privileged = cred_capable(current->cred, LCAP_SYS_RESOURCE);
	struct mq *q;
	int err;

	if (!S_ISREG(i->mode))
		return -EPERM;
	if (!attr_good(a, privileged))
		return -EINVAL;
	q = i->priv = kzalloc(sizeof(*q), ALLOC_DATA); /* mq_gone frees it, also after an error */
	if (!q)
		return -ENOMEM;
	i->file_ops = &mq_file_ops;
	i->pages.size_bytes = TEXT_BYTES;
	spin_init(&q->lock, RANK_IPC);
	waitqueue_init(&q->receivers);
	waitqueue_init(&q->senders);
	q->attr = (struct mq_attr_abi){.messages_max = a->messages_max, .size_max = a->size_max};
	q->charged_bytes = (u64)a->messages_max * (NODE_BYTES + (u64)a->size_max) +
			   MIN((u64)a->messages_max, (u64)MQ_PRIORITY_MAX) * NODE_BYTES;
	err = account_charge_queue(&q->account, q->charged_bytes);
	if (__atomic_fetch_add(&queues, 1, __ATOMIC_RELAXED) >= READ_ONCE(queues_max) &&
		!privileged)
		err = -ENOSPC;
	return err;
}

/* ---- the file system ---- */

struct objects_fs mqueue_fs = {
	.type = {.name = "mqueue", .magic = 0x19800202, .flags = FS_NODEV},
	.create = mq_create,
	.gone = mq_gone,
};

/* ---- who is told ---- */

static void tell_locked(struct mq *q)
{
	struct siginfo info = {.signo = q->event.signo, .code = SI_MESGQ};

	info.kill.pid = process_pid(current->proc);
	info.kill.uid = current->cred->uid;
	info.kill.value = q->event.value;
	if (q->event.notify == SIGEV_SIGNAL && info.signo)
		(void)signal_send_process(q->owner, &info);
	process_put(q->owner);
	q->owner = NULL;
}

static int notify(struct mq *q, const struct sigevent_abi *event)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&q->lock);

	if (event && q->owner)
		return -EBUSY;
	if (event) {
		process_get(current->proc);
		q->owner = current->proc;
		q->event = *event;
	} else if (q->owner == current->proc) {
		process_put(q->owner);
		q->owner = NULL;
	}
	return 0;
}

/* Whoever closes a descriptor of a queue no longer wants to be told. */
static void mq_flush(struct file *f, struct cap_space *s)
{
	(void)!notify(f->inode->priv, NULL);
}

/* ---- messages ---- */

static bool more_urgent(const struct rb_node *a, const struct rb_node *b)
{
	return container_of(a, struct ipc_message, rank)->type >
	       container_of(b, struct ipc_message, rank)->type;
}

static int try_send(struct mq *q, struct ipc_message *m)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&q->lock);

	if (q->attr.messages >= q->attr.messages_max)
		return -EAGAIN;
	rb_insert(&q->messages, &m->rank, more_urgent);
	q->bytes += m->len_bytes;
	if (!q->attr.messages++ && !q->receiving && q->owner)
		tell_locked(q);
	wake_one(&q->receivers, POLL_IN | POLL_RDNORM);
	return 0;
}

/* The next message, or NULL: then current is going to @sleep. *counted: it is among q->receiving.
 */
static struct ipc_message *try_receive(struct mq *q, u32 *counted, bool sleep)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&q->lock);
	struct rb_node *n = rb_first(&q->messages);
	struct ipc_message *m = n ? container_of(n, struct ipc_message, rank) : NULL;

	q->receiving -= *counted;
	*counted = !m && sleep;
	q->receiving += *counted;
	if (!m)
		return NULL;
	rb_erase(&q->messages, n);
	q->attr.messages--;
	q->bytes -= m->len_bytes;
	wake_one(&q->senders, POLL_OUT | POLL_WRNORM);
	return m;
}

/* ---- the file ---- */

static ssize_t mq_read(struct file *f, struct uio *u, u64 *pos)
{
	struct mq *q = f->inode->priv;
	char text[TEXT_BYTES + 40];
	size_t len, moved;

	spin_lock(&q->lock);
	len = (size_t)snprintf(text, sizeof(text),
		"QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", q->bytes,
		q->owner ? q->event.notify : 0,
		q->owner && q->event.notify == SIGEV_SIGNAL ? q->event.signo : 0,
		q->owner ? process_pid(q->owner) : 0);
	spin_unlock(&q->lock);
	if (*pos >= len)
		return 0;
	moved = uio_write(u, text + *pos, MIN(len - *pos, u->left));
	*pos += moved;
	return moved || !u->left ? (ssize_t)moved : -EFAULT;
}

static u32 mq_poll(struct file *f, struct poll_table *pt)
{
	struct mq *q = f->inode->priv;
	s64 count;

	poll_wait(pt, f, &q->receivers);
	poll_wait(pt, f, &q->senders);
	count = READ_ONCE(q->attr.messages);
	return (count ? POLL_IN | POLL_RDNORM : 0) |
	       (count < q->attr.messages_max ? POLL_OUT | POLL_WRNORM : 0);
}

static const struct file_ops mq_file_ops = {
	.read = mq_read, .seek = file_seek_generic, .poll = mq_poll, .flush = mq_flush};

/* ---- calls ---- */

/* The queue of @fd. err_ptr. */
static struct mq *queue_at(const struct fd *fd)
{
	if (is_err(fd->file))
		return (struct mq *)fd->file;
	return fd->file->ops == &mq_file_ops ? fd->file->inode->priv : err_ptr(-EBADF);
}

int mq_send(cap_t nr, const void USER *text, u64 len_bytes, u32 priority, ns_t deadline_ns)
{
	struct fd fd SCOPED(fd_put) = fd_get_for(nr, true);
	struct mq *q = queue_at(&fd);
	struct ipc_message *m;
	int err, ret;

	if (is_err(q))
		return (int)ptr_err(q);
	if (len_bytes > (u64)q->attr.size_max)
		return -EMSGSIZE;
	m = ipc_message_create(text, len_bytes);
	if (is_err(m))
		return (int)ptr_err(m);
	m->type = priority;
	err = wait_event_mode(&q->senders, !(ret = try_send(q, m)) || fd.file->flags & O_NONBLOCK,
		WAIT_INTERRUPTIBLE, deadline_ns, true);
	if (ret)
		kfree(m);
	return err ? err : ret;
}

struct ipc_message *mq_receive(cap_t nr, u64 room_bytes, ns_t deadline_ns)
{
	struct fd fd SCOPED(fd_put) = fd_get_for(nr, false);
	struct mq *q = queue_at(&fd);
	struct ipc_message *m;
	u32 counted = 0;
	bool wait;
	int err;

	if (is_err(q))
		return (struct ipc_message *)q;
	if (room_bytes < (u64)q->attr.size_max)
		return err_ptr(-EMSGSIZE);
	wait = !(fd.file->flags & O_NONBLOCK);
	err = wait_event_mode(&q->receivers, (m = try_receive(q, &counted, wait)) || !wait,
		WAIT_INTERRUPTIBLE, deadline_ns, true);
	if (!m) /* what came last was told to nobody */
		m = try_receive(q, &counted, false);
	return m ? m : err_ptr(err ? err : -EAGAIN);
}

int mq_notify(cap_t nr, const struct sigevent_abi *event)
{
	struct fd fd SCOPED(fd_put) = fd_get(nr, 0);
	struct mq *q = queue_at(&fd);

	return is_err(q) ? (int)ptr_err(q) : notify(q, event);
}

int mq_attributes(cap_t nr, const struct mq_attr_abi *new, struct mq_attr_abi *old)
{
	struct fd fd SCOPED(fd_put) = fd_get(nr, new ? CAP_ADMIN : CAP_STAT);
	struct mq *q = queue_at(&fd);
	u32 flags;

	if (is_err(q))
		return (int)ptr_err(q);
	flags = fd.file->flags;
	*old = q->attr;
	old->flags = flags & O_NONBLOCK;
	if (new)
		WRITE_ONCE(fd.file->flags, (flags & ~O_NONBLOCK) | (u32) new->flags);
	return 0;
}

static const struct synth_file files[] = {
	PROC_NUMBERS("sys/fs/mqueue/queues_max", &queues_max, 1, INT32_MAX),
	PROC_NUMBERS("sys/fs/mqueue/msg_max", &messages_max, 1, MESSAGES_MAX),
	PROC_NUMBERS("sys/fs/mqueue/msgsize_max", &size_max, 1, SIZE_MAX_BYTES),
	PROC_NUMBERS("sys/fs/mqueue/msg_default", &messages_default, 1, MESSAGES_MAX),
	PROC_NUMBERS("sys/fs/mqueue/msgsize_default", &size_default, 1, SIZE_MAX_BYTES),
};

void mqueue_init(void)
{
	proc_add(files, ARRAY_LEN(files));
	objects_fs_init(&mqueue_fs);
}
