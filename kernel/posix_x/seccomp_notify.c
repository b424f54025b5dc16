/* Listeners: a filter asks another process what becomes of a call. Layer: posix_x.
 *
 * Who asks sleeps with its question on its stack; the question stays in the notifier's list until
 * it has taken it out itself, and while somebody works on it (pins) it does not go.
 *
 * Locks: notifier->lock (SIGNAL), nothing inside.
 *
 * Source: seccomp_unotify(2). */
#include <exo/drivers.h>
#include <exo/fs.h>
#include <exo/memory.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/native.h>
#include "seccomp_internal.h"

enum question_state { QUESTION_NEW, QUESTION_SENT, QUESTION_ANSWERED };
struct question {
	struct list node;                      /* [lock] */
	u64 id;                                /* [c] */
	const struct linux_seccomp_data *data; /* [c] */
	struct task *task;                     /* [c] */
	u32 pins;                              /* [lock] */
	enum question_state state;             /* [lock; a] */
	struct linux_seccomp_resp answer;      /* [lock] */
};
struct notifier {
	u32 refs; /* [a] the filter, the file */
	spinlock_t lock;
	struct list questions;  /* [lock] oldest first */
	u64 next_id;            /* [lock] */
	bool deaf, left;        /* [lock; a] the file is gone; the filter is */
	bool firm;              /* [c] once received, only deadly signals end the wait */
	struct waitqueue waits; /* who listens, who asks */
};

static void notifier_put(struct notifier *n)
{
	if (__atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL) == 0)
		kfree(n);
}

struct notifier *notifier_create(bool firm)
{
	struct notifier *n = kzalloc(sizeof(*n), ALLOC_KERNEL);

	if (!n)
		return NULL;
	n->refs = 1;
	n->firm = firm;
	spin_init(&n->lock, RANK_SIGNAL);
	list_init(&n->questions);
	waitqueue_init(&n->waits);
	random_bytes(&n->next_id, sizeof(n->next_id)); /* no use for numbers of another listener */
	return n;
}

void notifier_leave(struct notifier *n)
{
	__atomic_store_n(&n->left, true, __ATOMIC_SEQ_CST);
	wake_all(&n->waits, POLL_HUP);
	notifier_put(n);
}

/* ---- who asks ---- */

static bool settled(const struct notifier *n, const struct question *q, bool received)
{
	enum question_state state = __atomic_load_n(&q->state, __ATOMIC_ACQUIRE);

	return state == QUESTION_ANSWERED || (n->firm && !received && state == QUESTION_SENT);
}

bool notifier_ask(struct notifier *n, const struct linux_seccomp_data *data, struct trap_frame *f)
{
	struct question q = {.data = data, .task = current_task(), .answer = {.error = -ENOSYS}};
	bool received = false;
	int err;

	spin_lock(&n->lock);
	q.id = n->next_id++;
	if (n->deaf)
		q.state = QUESTION_ANSWERED;
	list_add_tail(&n->questions, &q.node);
	spin_unlock(&n->lock);
	wake_all(&n->waits, POLL_IN | POLL_RDNORM);
	do {
		enum wait_mode mode = received ? WAIT_KILLABLE : WAIT_INTERRUPTIBLE;

		err = wait_event_mode(&n->waits, settled(n, &q, received), mode, NS_FOREVER, false);
		received = true;
	} while (!err && !settled(n, &q, received));
	spin_lock(&n->lock);
	list_del(&q.node);
	spin_unlock(&n->lock);
	wait_event_uninterruptible(&n->waits, !__atomic_load_n(&q.pins, __ATOMIC_ACQUIRE));
	if (q.state != QUESTION_ANSWERED)
		tf_set_ret(f, err);
	else if (q.answer.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		return true;
	else
		tf_set_ret(f, q.answer.error ? q.answer.error : q.answer.val);
	return false;
}

/* ---- who listens ---- */

/* A question that was received and waits for its answer. err_ptr(-ENOENT | -EINPROGRESS). */
static struct question *find_locked(struct notifier *n, u64 id)
{
	struct question *q;

	list_for_each_entry (q, &n->questions, node)
		if (q->id == id)
			return q->state == QUESTION_SENT ? q : err_ptr(-EINPROGRESS);
	return err_ptr(-ENOENT);
}

static void settle_locked(struct question *q, const struct linux_seccomp_resp *r)
{
	q->answer = *r;
	__atomic_store_n(&q->state, QUESTION_ANSWERED, __ATOMIC_RELEASE); /* pairs with settled */
}

static struct question *first_locked(struct notifier *n, enum question_state state)
{
	struct question *q;

	list_for_each_entry (q, &n->questions, node)
		if (q->state == state)
			return q;
	return NULL;
}

static u32 listener_poll(struct file *f, struct poll_table *pt)
{
	struct notifier *n = f->priv;
	u32 mask;

	poll_wait(pt, f, &n->waits);
	spin_lock(&n->lock);
	mask = (first_locked(n, QUESTION_NEW) ? POLL_IN | POLL_RDNORM : 0) |
	       (first_locked(n, QUESTION_SENT) ? POLL_OUT | POLL_WRNORM : 0) |
	       (n->left ? POLL_HUP : 0);
	spin_unlock(&n->lock);
	return mask;
}

/* Takes the oldest new question. */
static bool take(struct notifier *n, struct linux_seccomp_notif *out)
{
	struct question *q;

	spin_lock(&n->lock);
	q = first_locked(n, QUESTION_NEW);
	if (q) {
		*out = (struct linux_seccomp_notif){
			.id = q->id, .pid = (u32)q->task->thread.tid, .data = *q->data};
		q->state = QUESTION_SENT;
	}
	spin_unlock(&n->lock);
	return q;
}

static long receive(struct notifier *n, u64 to)
{
	static const struct linux_seccomp_notif zero;
	struct linux_seccomp_notif out;
	struct question *q;
	long err;

	if (copy_from_user(&out, (const void USER *)to, sizeof(out)))
		return -EFAULT;
	if (memcmp(&out, &zero, sizeof(out)))
		return -EINVAL;
	out.pid = 0;
	err = wait_event(&n->waits, take(n, &out) || __atomic_load_n(&n->left, __ATOMIC_ACQUIRE));
	if (err)
		return -EINTR;
	if (!out.pid)
		return -ENOENT;
	err = copy_to_user((void USER *)to, &out, sizeof(out)) ? -EFAULT : 0;
	if (err) {
		spin_lock(&n->lock);
		q = find_locked(n, out.id);
		if (!is_err(q))
			q->state = QUESTION_NEW;
		spin_unlock(&n->lock);
	}
	wake_all(&n->waits, 0);
	return err;
}

static long answer(struct notifier *n, u64 from)
{
	struct linux_seccomp_resp r;
	struct question *q;
	long err;

	if (copy_from_user(&r, (const void USER *)from, sizeof(r)))
		return -EFAULT;
	if (r.flags & ~SECCOMP_USER_NOTIF_FLAG_CONTINUE || (r.flags && (r.error || r.val)))
		return -EINVAL;
	spin_lock(&n->lock);
	q = find_locked(n, r.id);
	err = is_err(q) ? ptr_err(q) : 0;
	if (!err)
		settle_locked(q, &r);
	spin_unlock(&n->lock);
	wake_all(&n->waits, 0);
	return err;
}

static long id_valid(struct notifier *n, u64 from)
{
	struct question *q;
	u64 id;
	bool valid;

	if (get_user_u64((u64 USER *)from, &id))
		return -EFAULT;
	spin_lock(&n->lock);
	q = find_locked(n, id);
	valid = !is_err(q);
	spin_unlock(&n->lock);
	return valid ? 0 : -ENOENT;
}

/* One of our descriptors for who asks. */
static long give(const struct question *q, const struct linux_seccomp_addfd *a)
{
	struct cap_space *caps = q->task->thread.caps;
	u64 limit = process_rlimit(q->task->thread.proc, RLIM_NOFILE);
	u32 flags = a->newfd_flags & O_CLOEXEC ? CAP_CLOEXEC : 0;
	struct grant *g = cap_get_gift(current->caps, (cap_t)a->srcfd);
	long fd;

	if (is_err(g))
		return ptr_err(g);
	limit = MIN(limit, (u64)INT32_MAX);
	if (!(a->flags & SECCOMP_ADDFD_FLAG_SETFD)) {
		fd = cap_install(caps, g, flags, 0, (u32)limit);
	} else {
		fd = cap_replace(caps, (cap_t)a->newfd, g, flags, (u32)limit);
		fd = fd ? fd : (long)a->newfd;
	}
	if (fd < 0)
		grant_put(g);
	return fd;
}

static long add_fd(struct notifier *n, u64 from)
{
	struct linux_seccomp_addfd a;
	struct question *q;
	long err;

	if (copy_from_user(&a, (const void USER *)from, sizeof(a)))
		return -EFAULT;
	if (a.newfd_flags & ~O_CLOEXEC ||
		a.flags & ~(SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND) ||
		(a.newfd && !(a.flags & SECCOMP_ADDFD_FLAG_SETFD)))
		return -EINVAL;
	spin_lock(&n->lock);
	q = find_locked(n, a.id);
	err = is_err(q) ? ptr_err(q) : 0;
	if (!err)
		q->pins++;
	spin_unlock(&n->lock);
	if (err)
		return err;
	err = give(q, &a);
	spin_lock(&n->lock);
	if (err >= 0 && a.flags & SECCOMP_ADDFD_FLAG_SEND && q->state == QUESTION_SENT)
		settle_locked(q, &(struct linux_seccomp_resp){.val = err});
	__atomic_fetch_sub(&q->pins, 1, __ATOMIC_RELEASE); /* pairs with notifier_ask */
	spin_unlock(&n->lock);
	wake_all(&n->waits, 0);
	return err;
}

static long listener_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct notifier *n = f->priv;

	switch (cmd) {
	case SECCOMP_IOCTL_NOTIF_RECV:
		return receive(n, arg);
	case SECCOMP_IOCTL_NOTIF_SEND:
		return answer(n, arg);
	case SECCOMP_IOCTL_NOTIF_ID_VALID:
	case SECCOMP_IOCTL_NOTIF_ID_VALID_OLD:
		return id_valid(n, arg);
	case SECCOMP_IOCTL_NOTIF_ADDFD:
		return add_fd(n, arg);
	default:
		return -EINVAL;
	}
}

static void listener_release(struct file *f)
{
	struct notifier *n = f->priv;
	struct question *q;

	spin_lock(&n->lock);
	n->deaf = true;
	list_for_each_entry (q, &n->questions, node)
		__atomic_store_n(&q->state, QUESTION_ANSWERED, __ATOMIC_RELEASE);
	spin_unlock(&n->lock);
	wake_all(&n->waits, 0);
	notifier_put(n);
}

static const struct file_ops listener_ops = {.anon_name = "anon_inode:seccomp notify",
	.exo_type = EXO_TYPE_EVENT,
	.ioctl = listener_ioctl,
	.poll = listener_poll,
	.release = listener_release};

struct file *notifier_file(struct notifier *n)
{
	struct file *f = file_create(&listener_ops, NULL, O_RDWR, n);

	if (!is_err(f))
		__atomic_fetch_add(&n->refs, 1, __ATOMIC_RELAXED);
	return f;
}
