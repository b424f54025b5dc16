/* Terminals: open files, reading, writing, polling, hang-up. Layer: drivers.
 *
 * The line discipline is a pure machine under one spin lock that interrupts take too. What it wants
 * done (start the device, wake, signal) is collected while the lock is held and carried out by
 * tty_unlock, so signals are sent with no lock of ours held: the process tree's lock comes before
 * ours. Sources: POSIX.1-2017 chapter 11, termios(3), ioctl_tty(2). */
#include "tty_internal.h"
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo/time.h>
#include <exo_abi/linux_fs.h>

#define CHUNK_BYTES 512u
#define VTIME_UNIT  (100 * NS_PER_MS)

static const struct file_ops tty_file_ops;

/* ---- life ---- */

int tty_init(struct tty *t, const struct tty_ops *ops, u64 rdev, u32 out_bytes)
{
	u8 *in = kmalloc(LDISC_IN_BYTES, ALLOC_KERNEL), *out = kmalloc(out_bytes, ALLOC_KERNEL);
	u64 *marks = kzalloc(LDISC_IN_BYTES / 8, ALLOC_KERNEL);

	ldisc_init(&t->ld, in, marks, out, out_bytes);
	if (!in || !out || !marks) {
		tty_fini(t);
		return -ENOMEM;
	}
	t->refs = 1;
	t->ops = ops;
	t->rdev = rdev;
	spin_init(&t->lock, RANK_TTY_INPUT);
	waitqueue_init(&t->in_wq);
	waitqueue_init(&t->out_wq);
	waitqueue_init(&t->master_wq);
	waitqueue_init(&t->claim_wq);
	return 0;
}

void tty_fini(struct tty *t)
{
	kfree(t->ld.in.buf);
	kfree(t->ld.marks);
	kfree(t->ld.out.buf);
}

void tty_get(struct tty *t)
{
	__atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
}

void tty_put(struct tty *t)
{
	if (t && __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) == 0 && t->ops->free)
		t->ops->free(t);
}

pid_t tty_session(const struct tty *t)
{
	return __atomic_load_n(&t->session, __ATOMIC_RELAXED);
}

pid_t tty_pgrp(const struct tty *t)
{
	return __atomic_load_n(&t->pgrp, __ATOMIC_RELAXED);
}

void tty_session_set(struct tty *t, pid_t sid, pid_t pgrp)
{
	__atomic_store_n(&t->session, sid, __ATOMIC_RELAXED);
	__atomic_store_n(&t->pgrp, pgrp, __ATOMIC_RELAXED);
}

void tty_pgrp_set(struct tty *t, pid_t pgrp)
{
	__atomic_store_n(&t->pgrp, pgrp, __ATOMIC_RELAXED);
}

u64 tty_device(const struct tty *t)
{
	return t->rdev;
}

/* ---- the lock and the effects ---- */

void tty_lock(struct tty *t)
{
	t->irq_flags = spin_lock_irq(&t->lock);
}

/* Enough room that waking a writer is worth it; poll says the same. */
static bool writable(const struct tty *t)
{
	return ldisc_output_room(&t->ld) >= t->ld.out.size / 4;
}

void tty_signal_foreground(struct tty *t, int signo)
{
	/* the group may be gone, and another session's have its number */
	signal_send_pgrp(tty_pgrp(t), tty_session(t), signo);
}

static void carry_out(struct tty *t, u32 effects, bool wake_writers)
{
	if (t->ops->effects)
		t->ops->effects(t, effects);
	if (effects & LD_SIGINT)
		tty_signal_foreground(t, SIGINT);
	if (effects & LD_SIGQUIT)
		tty_signal_foreground(t, SIGQUIT);
	if (effects & LD_SIGTSTP)
		tty_signal_foreground(t, SIGTSTP);
	if (effects & LD_READABLE)
		wake_all(&t->in_wq, POLL_IN | POLL_RDNORM);
	if (wake_writers)
		wake_all(&t->out_wq, POLL_OUT | POLL_WRNORM);
	if (effects & (LD_INPUT_ROOM | LD_INPUT_FLUSHED)) {
		wake_all(&t->master_wq, POLL_OUT | POLL_WRNORM);
		if (t->ops->input_room)
			t->ops->input_room(t);
	}
}

void tty_unlock(struct tty *t)
{
	bool wake_writers = false;
	u32 effects;

	LOCK_HELD(&t->lock);
	if ((t->ld.effects & (LD_OUTPUT | LD_STARTED)) && t->ops->start)
		t->ops->start(t);
	effects = t->ld.effects;
	t->ld.effects = 0;
	if (effects & (LD_DRAINED | LD_STARTED | LD_OUTPUT_FLUSHED))
		wake_writers = writable(t) || !ring_used(&t->ld.out);
	spin_unlock_irq(&t->lock, t->irq_flags);
	if (effects)
		carry_out(t, effects, wake_writers);
}

void tty_receive(struct tty *t, const u8 *bytes, size_t len_bytes)
{
	struct tty *held SCOPED(tty_release) = tty_hold(t);

	/* what finds no room is lost, as on any line */
	(void)ldisc_input(&t->ld, bytes, len_bytes);
}

/* ---- who may ---- */

int tty_claim(struct tty *t, u32 *flag, bool nonblock)
{
	if (!__atomic_exchange_n(flag, 1, __ATOMIC_ACQUIRE))
		return 0;
	if (nonblock)
		return -EAGAIN;
	return wait_event(&t->claim_wq, !__atomic_exchange_n(flag, 1, __ATOMIC_ACQUIRE));
}

void tty_claim_end(struct tty *t, u32 *flag)
{
	__atomic_store_n(flag, 0, __ATOMIC_RELEASE);
	wake_all(&t->claim_wq, 0);
}

bool tty_is_controlling(const struct tty *t)
{
	pid_t sid = tty_session(t);

	return sid && current->proc && process_sid(current->proc) == sid;
}

int tty_job_control(struct tty *t, int signo)
{
	pid_t foreground = tty_pgrp(t), mine;

	if (!foreground || !tty_is_controlling(t))
		return 0;
	mine = process_pgid(current->proc);
	if (mine == foreground)
		return 0;
	if (signal_current_blocked_or_ignored(signo))
		return signo == SIGTTIN ? -EIO : 0;
	if (process_group_orphaned(mine))
		return -EIO;
	signal_send_pgrp(mine, process_sid(current->proc), signo);
	return -ERESTARTSYS;
}

/* ---- open, close, hang up ---- */

int tty_attach(struct tty *t, struct file *f, u32 how)
{
	struct tty_file *tf = kmalloc(sizeof(*tf), ALLOC_KERNEL);
	bool console = how & TTY_CONSOLE, master = how & TTY_MASTER, busy;

	if (!tf)
		return -ENOMEM;
	tty_lock(t);
	busy = t->exclusive && !master && !cred_capable(current->cred, LCAP_SYS_ADMIN);
	if (!busy && !master) {
		t->opens++;
		t->opened = true;
	}
	tty_unlock(t);
	if (busy) {
		kfree(tf);
		return -EBUSY;
	}
	tty_get(t);
	*tf = (struct tty_file){t, __atomic_load_n(&t->hangups, __ATOMIC_ACQUIRE), console, master};
	f->priv = tf;
	f->ops = master ? &pty_master_ops : &tty_file_ops;
	f->mode = (f->mode | FMODE_STREAM) & ~FMODE_SEEK;
	/* A session leader without a terminal gets the first one that it opens; a refusal is no
	 * error of open(2). */
	if (how == TTY_PLAIN && !(f->flags & O_NOCTTY) && (f->mode & FMODE_READ) &&
		process_is_session_leader() && !tty_session(t) && process_ctty_set(t, false))
		log_debug("tty: a session has a terminal already");
	return 0;
}

void tty_detach(struct file *f)
{
	struct tty_file *tf = file_tty(f);
	struct tty *t = tf->tty;
	bool last = false;

	if (!tf->master) {
		tty_lock(t);
		last = --t->opens == 0;
		if (last)
			t->exclusive = false;
		tty_unlock(t);
	}
	if (last)
		wake_all(&t->master_wq, 0);
	kfree(tf);
	tty_put(t);
}

void tty_hangup(struct tty *t)
{
	tty_lock(t);
	__atomic_fetch_add(&t->hangups, 1, __ATOMIC_RELEASE);
	ldisc_flush_input(&t->ld);
	ldisc_start(&t->ld, true);
	if (t->ops->resets_on_hangup) {
		struct linux_termios2 fresh;

		ldisc_termios_default(&fresh);
		fresh.base.cflag = t->ld.t.base.cflag;
		ldisc_set_termios(&t->ld, &fresh);
	}
	tty_unlock(t);
	process_ctty_hangup(t);
	wake_all(&t->in_wq, 0);
	wake_all(&t->out_wq, 0);
}

void tty_session_exit(struct tty *t)
{
	if (tty_is_pty(t))
		process_ctty_hangup(t);
	else
		tty_hangup(t);
}

/* ---- read ---- */

/* How a read in raw mode ends: POSIX.1-2017 11.1.7, the four cases of MIN and TIME. */
struct read_rule {
	size_t min_bytes; /* enough */
	ns_t gap_ns;      /* longest pause once a byte came, 0 = any */
	ns_t deadline_ns;
};

static struct read_rule read_rule(struct tty *t)
{
	struct tty *held SCOPED(tty_release) = tty_hold(t);
	const struct linux_termios *s = &t->ld.t.base;
	u32 min = s->cc[VMIN], time = s->cc[VTIME];

	if (s->lflag & ICANON)
		return (struct read_rule){1, 0, NS_FOREVER};
	if (min)
		return (struct read_rule){min, time * VTIME_UNIT, NS_FOREVER};
	return (struct read_rule){1, 0, time ? clock_monotonic() + time * VTIME_UNIT : 0};
}

static bool readable_or_hung(struct tty *t, const struct tty_file *tf)
{
	return ldisc_readable(&t->ld, 1) || tty_file_hung(tf);
}

static ssize_t read_some(struct tty *t, struct file *f, struct uio *u)
{
	struct tty_file *tf = file_tty(f);
	struct read_rule rule = read_rule(t);
	size_t done = 0;
	u8 buf[CHUNK_BYTES];

	while (u->left) {
		size_t want = MIN(u->left, sizeof(buf)), got;
		bool line_end;
		int err;

		tty_lock(t);
		got = ldisc_read(&t->ld, buf, want, &line_end);
		if (got == u->left && !line_end)
			ldisc_skip_eof(&t->ld);
		if (got)
			t->ld.effects |= LD_INPUT_ROOM;
		tty_unlock(t);
		if (got) {
			size_t moved = uio_write(u, buf, got);

			done += moved;
			if (moved < got)
				return done ? (ssize_t)done : -EFAULT;
			if (rule.gap_ns)
				rule.deadline_ns = clock_monotonic() + rule.gap_ns;
		}
		if (line_end || (got && got < want && done >= rule.min_bytes))
			break;
		if (got)
			continue;
		if (tty_file_hung(tf) || !rule.deadline_ns || done >= rule.min_bytes)
			break;
		err = file_nonblock(f) ? -EAGAIN
				       : wait_event_timeout(&t->in_wq, readable_or_hung(t, tf),
						 rule.deadline_ns);
		if (err == -ETIMEDOUT)
			break;
		if (err)
			return done ? (ssize_t)done : err;
	}
	return (ssize_t)done;
}

static ssize_t tty_read(struct file *f, struct uio *u, u64 *pos)
{
	struct tty_file *tf = file_tty(f);
	struct tty *t = tf->tty;
	ssize_t n = 0;

	if (tty_file_hung(tf))
		return 0;
	if (!tf->console)
		n = tty_job_control(t, SIGTTIN);
	if (!n)
		n = tty_claim(t, &t->reading[false], file_nonblock(f));
	if (n)
		return n;
	n = read_some(t, f, u);
	tty_claim_end(t, &t->reading[false]);
	return n;
}

/* ---- write ---- */

/* What a slave writes is output, what a master writes is input. */
static bool writable_or_hung(struct tty *t, const struct tty_file *tf)
{
	return tf->master ? ldisc_input_room(&t->ld) : writable(t) || tty_file_hung(tf);
}

/* Return: bytes written, all of @n unless *err. */
static size_t write_chunk(struct tty *t, struct file *f, const u8 *p, size_t n, int *err)
{
	struct tty_file *tf = file_tty(f);
	struct waitqueue *q = tf->master ? &t->master_wq : &t->out_wq;
	size_t done = 0;

	*err = 0;
	for (;;) {
		tty_lock(t);
		if (tf->master)
			done += ldisc_input(&t->ld, p + done, n - done);
		else if (!tty_file_hung(tf))
			done += ldisc_output(&t->ld, p + done, n - done);
		tty_unlock(t);
		if (done == n)
			return done;
		*err = tty_file_hung(tf) ? -EIO : file_wait(f, q, writable_or_hung(t, tf));
		if (*err)
			return done;
	}
}

ssize_t tty_write(struct file *f, struct uio *u, u64 *pos)
{
	struct tty_file *tf = file_tty(f);
	struct tty *t = tf->tty;
	u8 buf[CHUNK_BYTES];
	size_t done = 0;
	int err = 0;

	if (tty_file_hung(tf))
		return -EIO;
	if (!tf->console && !tf->master && (READ_ONCE(t->ld.t.base.lflag) & TOSTOP))
		err = tty_job_control(t, SIGTTOU);
	if (!err)
		err = tty_claim(t, &t->writing[tf->master], file_nonblock(f));
	if (err)
		return err;
	while (u->left && !err) {
		size_t n = uio_read(u, buf, MIN(u->left, sizeof(buf)));

		if (n)
			done += write_chunk(t, f, buf, n, &err);
		else
			err = -EFAULT;
	}
	tty_claim_end(t, &t->writing[tf->master]);
	return done ? (ssize_t)done : err;
}

static bool output_done(struct tty *t)
{
	return !ring_used(&t->ld.out);
}

int tty_drain(struct tty *t)
{
	return tty_is_pty(t) ? 0 : wait_event(&t->out_wq, output_done(t));
}

static u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty_file *tf = file_tty(f);
	struct tty *t = tf->tty;
	u32 mask = 0, min;

	poll_wait(pt, f, &t->in_wq);
	poll_wait(pt, f, &t->out_wq);
	if (tty_file_hung(tf))
		return POLL_IN | POLL_OUT | POLL_ERR | POLL_HUP | POLL_RDNORM | POLL_WRNORM;
	struct tty *held SCOPED(tty_release) = tty_hold(t);
	min = !t->ld.t.base.cc[VTIME] && t->ld.t.base.cc[VMIN] ? t->ld.t.base.cc[VMIN] : 1;
	if (ldisc_readable(&t->ld, min))
		mask |= POLL_IN | POLL_RDNORM;
	if (writable(t))
		mask |= POLL_OUT | POLL_WRNORM;
	return mask;
}

static const struct file_ops tty_file_ops = {
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.release = tty_detach,
};
