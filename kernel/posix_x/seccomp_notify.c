/* Listeners: a filter asks another process what becomes of a call. Layer: posix_x.
 *
 * Who asks sleeps with its question on its stack; the question stays in the notifier's list until
 * it has taken it out itself.
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
	struct thread *thread;                 /* [c] who asks */
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

void notifier_leave(struct notifier *n)
{
	__atomic_store_n(&n->left, true, __ATOMIC_SEQ_CST);
	wake_all(&n->waits, POLL_HUP);
	notifier_put(n);
}

/* ---- who asks ---- */

static enum question_state state_of(const struct question *q)
{
	return __atomic_load_n(&q->state, __ATOMIC_ACQUIRE); /* pairs with state_set */
}

bool notifier_ask(struct notifier *n, const struct linux_seccomp_data *data, struct trap_frame *f)
{
	struct question q = {.data = data, .thread = current, .answer = {.error = -ENOSYS}};
	int err;

	spin_lock(&n->lock);
	q.id = n->next_id++;
	if (n->deaf)
		q.state = QUESTION_ANSWERED;
	list_add_tail(&n->questions, &q.node);
	spin_unlock(&n->lock);
	wake_all(&n->waits, POLL_IN | POLL_RDNORM);
	err = wait_event(&n->waits, state_of(&q) >= (n->firm ? QUESTION_SENT : QUESTION_ANSWERED));
	if (!err)
		err = wait_event_killable(&n->waits, state_of(&q) == QUESTION_ANSWERED);
	spin_lock(&n->lock);
	list_del(&q.node);
	spin_unlock(&n->lock);
	if (q.state != QUESTION_ANSWERED)
		tf_set_ret(f, err);
	else if (q.answer.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		return true;
	else
		tf_set_ret(f, q.answer.error ? q.answer.error : q.answer.val);
	return false;
}

/* ---- who listens ---- */

/* The question @id, if it is in @state; @id NULL: the first that is. err_ptr(-ENOENT |
 * -EINPROGRESS). */
static struct question *find_locked(struct notifier *n, const u64 *id, enum question_state state)
{
	struct question *q;

	list_for_each_entry (q, &n->questions, node)
		if (id ? q->id == *id : q->state == state)
			return q->state == state ? q : err_ptr(-EINPROGRESS);
	return err_ptr(-ENOENT);
}

/* What becomes of a question that was sent, and what it is answered. 0 | -errno of find_locked. */
static long state_set(struct notifier *n, u64 id, enum question_state state,
	const struct linux_seccomp_resp *answer)
{
	spinlock_t *l SCOPED(spin_release) = spin_hold(&n->lock);
	struct question *q = find_locked(n, &id, QUESTION_SENT);

	if (is_err(q))
		return ptr_err(q);
	if (answer)
		q->answer = *answer;
	__atomic_store_n(&q->state, state, __ATOMIC_RELEASE); /* pairs with state_of */
	return 0;
}

static u32 listener_poll(struct file *f, struct poll_table *pt)
{
	struct notifier *n = f->priv;
	spinlock_t *l SCOPED(spin_release) = NULL;

	poll_wait(pt, f, &n->waits);
	l = spin_hold(&n->lock);
	return (is_err(find_locked(n, NULL, QUESTION_NEW)) ? 0 : POLL_IN | POLL_RDNORM) |
	       (is_err(find_locked(n, NULL, QUESTION_SENT)) ? 0 : POLL_OUT | POLL_WRNORM) |
	       (n->left ? POLL_HUP : 0);
}

/* Takes the oldest new question. */
static bool take(struct notifier *n, struct linux_seccomp_notif *out)
{
	spinlock_t *l SCOPED(spin_release) = spin_hold(&n->lock);
	struct question *q = find_locked(n, NULL, QUESTION_NEW);

	if (is_err(q))
		return false;
	*out = (struct linux_seccomp_notif){
		.id = q->id, .pid = (u32)q->thread->tid, .data = *q->data};
	q->state = QUESTION_SENT;
	return true;
}

/* @out: what the user's room holds; it must be empty. */
static long receive(struct notifier *n, struct linux_seccomp_notif *out, u64 to)
{
	static const struct linux_seccomp_notif zero;

	if (memcmp(out, &zero, sizeof(zero)))
		return -EINVAL;
	if (wait_event(&n->waits, take(n, out) || __atomic_load_n(&n->left, __ATOMIC_ACQUIRE)))
		return -EINTR;
	if (!out->pid)
		return -ENOENT;
	if (!copy_to_user((void USER *)to, out, sizeof(*out)))
		return 0;
	(void)state_set(n, out->id, QUESTION_NEW, NULL);
	return -EFAULT;
}

/* The descriptors of who asks, +1, and how many there may be. */
static struct cap_space *asker_caps(struct notifier *n, u64 id, u32 *limit)
{
	spinlock_t *l SCOPED(spin_release) = spin_hold(&n->lock);
	struct question *q = find_locked(n, &id, QUESTION_SENT);

	if (is_err(q))
		return (void *)q;
	*limit = (u32)MIN(process_rlimit(q->thread->proc, RLIM_NOFILE), (u64)INT32_MAX);
	__atomic_fetch_add(&q->thread->caps->refs, 1, __ATOMIC_RELAXED);
	return q->thread->caps;
}

/* One of our descriptors for who asks. */
static long add_fd(struct notifier *n, const struct linux_seccomp_addfd *a)
{
	u32 flags = a->newfd_flags & O_CLOEXEC ? CAP_CLOEXEC : 0, limit = 0;
	struct grant *g SCOPED(grant_put_at) = NULL;
	struct cap_space *caps;
	long fd;

	if (a->newfd_flags & ~O_CLOEXEC ||
		a->flags & ~(SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND) ||
		(a->newfd && !(a->flags & SECCOMP_ADDFD_FLAG_SETFD)))
		return -EINVAL;
	g = cap_get_gift(current->caps, (cap_t)a->srcfd);
	if (is_err(g))
		return ptr_err(g);
	caps = asker_caps(n, a->id, &limit);
	if (is_err(caps))
		return ptr_err(caps);
	if (a->flags & SECCOMP_ADDFD_FLAG_SETFD) {
		fd = cap_replace(caps, (cap_t)a->newfd, g, flags, limit);
		fd = fd ? fd : (long)a->newfd;
	} else {
		fd = cap_install(caps, g, flags, 0, limit);
	}
	g = fd < 0 ? g : NULL; /* else it is the slot's now */
	if (fd >= 0 && a->flags & SECCOMP_ADDFD_FLAG_SEND)
		(void)state_set(
			n, a->id, QUESTION_ANSWERED, &(struct linux_seccomp_resp){.val = fd});
	cap_space_put(caps);
	return fd;
}

static long listener_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct notifier *n = f->priv;
	union {
		struct linux_seccomp_notif notif;
		struct linux_seccomp_resp resp;
		struct linux_seccomp_addfd addfd;
		u64 id;
	} a;
	u32 goes_on;
	long ret;

	if (cmd != SECCOMP_IOCTL_NOTIF_RECV && cmd != SECCOMP_IOCTL_NOTIF_SEND &&
		cmd != SECCOMP_IOCTL_NOTIF_ADDFD && cmd != SECCOMP_IOCTL_NOTIF_ID_VALID &&
		cmd != SECCOMP_IOCTL_NOTIF_ID_VALID_OLD)
		return -EINVAL;
	if (copy_from_user(&a, (const void USER *)arg, cmd >> 16 & 0xff))
		return -EFAULT;
	goes_on = a.resp.flags; /* SECCOMP_USER_NOTIF_FLAG_CONTINUE is the only one */
	if (cmd == SECCOMP_IOCTL_NOTIF_RECV)
		ret = receive(n, &a.notif, arg);
	else if (cmd == SECCOMP_IOCTL_NOTIF_SEND)
		ret = goes_on && (goes_on > 1 || a.resp.error || a.resp.val)
			      ? -EINVAL
			      : state_set(n, a.id, QUESTION_ANSWERED, &a.resp);
	else if (cmd == SECCOMP_IOCTL_NOTIF_ADDFD)
		ret = add_fd(n, &a.addfd);
	else
		ret = state_set(n, a.id, QUESTION_SENT, NULL) ? -ENOENT : 0;
	wake_all(&n->waits, 0);
	return ret;
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

cap_t notifier_open(bool firm, struct notifier **out)
{
	static const struct file_ops ops = {.anon_name = "anon_inode:seccomp notify",
		.exo_type = EXO_TYPE_EVENT,
		.ioctl = listener_ioctl,
		.poll = listener_poll,
		.release = listener_release};
	struct notifier *n = kzalloc(sizeof(*n), ALLOC_KERNEL);
	struct file *f;

	if (!n)
		return -ENOMEM;
	f = file_create_owning(&ops, O_RDWR, n);
	if (is_err(f))
		return -ENOMEM;
	n->refs = 2;
	n->firm = firm;
	spin_init(&n->lock, RANK_SIGNAL);
	list_init(&n->questions);
	waitqueue_init(&n->waits);
	random_bytes(&n->next_id, sizeof(n->next_id)); /* no use for numbers of another listener */
	*out = n;
	return fd_install_new(f, O_CLOEXEC);
}
