/* Pseudo terminals: /dev/ptmx and /dev/pts/N. Layer: drivers.
 *
 * A pair is one terminal (the slave's); the master is only another kind of open file on it. What
 * the master writes is input of the line discipline, what the master reads is taken from its output
 * ring, so nothing is copied between two sides. Life: the table holds the pair while the master is
 * open; open files and sessions hold it too. Source: pty(7), ioctl_tty(2). */
#include "tty_internal.h"
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

#define PTYS_MAX      1024u
#define PTY_MAJOR     136u
#define PTY_OUT_BYTES 16384u
#define CHUNK_BYTES   512u

struct pty {
	struct tty tty; /* first */
	bool locked;    /* [tty.lock write; read racy] TIOCSPTLCK: the slave cannot be opened */
	bool packet;    /* [tty.lock] */
	u8 status;      /* [tty.lock] TIOCPKT_* that the master has not read */
};
static struct mutex table_lock;     /* S_TTY */
static struct pty *table[PTYS_MAX]; /* [table_lock] */

static struct pty *pty_of(struct tty *t)
{
	return container_of(t, struct pty, tty);
}

/* The last slave was closed and none opened since. [tty.lock] */
static bool slave_gone(const struct pty *p)
{
	return p->tty.opened && !p->tty.opens;
}

/* ---- the terminal's side ---- */

static void pty_effects(struct tty *t, u32 effects)
{
	struct pty *p = pty_of(t);
	u32 key = 0;

	if (READ_ONCE(p->packet) &&
		(effects & (LD_STOPPED | LD_STARTED | LD_INPUT_FLUSHED | LD_OUTPUT_FLUSHED))) {
		struct spin_guard g SCOPED(spin_unguard) = spin_guard(&t->lock);

		if (effects & LD_STOPPED)
			p->status = (u8)((p->status & ~TIOCPKT_START) | TIOCPKT_STOP);
		if (effects & LD_STARTED)
			p->status = (u8)((p->status & ~TIOCPKT_STOP) | TIOCPKT_START);
		if (effects & LD_INPUT_FLUSHED)
			p->status |= TIOCPKT_FLUSHREAD;
		if (effects & LD_OUTPUT_FLUSHED)
			p->status |= TIOCPKT_FLUSHWRITE;
		key |= POLL_PRI | POLL_IN | POLL_RDNORM;
	}
	if (effects & (LD_OUTPUT | LD_STARTED))
		key |= POLL_IN | POLL_RDNORM;
	if (key)
		wake_all(&p->tty.master_wq, key);
}

static void pty_free(struct tty *t)
{
	tty_fini(t);
	kfree(pty_of(t));
}

/* Packet mode tells whether the usual ^S and ^Q are in force. */
static void pty_termios_changed(struct tty *t)
{
	struct pty *p = pty_of(t);
	struct tty *held SCOPED(tty_release) = tty_hold(t);
	const struct linux_termios *s = &t->ld.t.base;
	bool does_stop = (s->iflag & IXON) && s->cc[VSTOP] == 19 && s->cc[VSTART] == 17;
	u8 want = does_stop ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP,
	   other = TIOCPKT_DOSTOP ^ TIOCPKT_NOSTOP ^ want;

	if (p->packet && !(p->status & want)) {
		p->status = (u8)((p->status & ~other) | want);
		wake_all(&t->master_wq, POLL_PRI | POLL_IN | POLL_RDNORM);
	}
}

static const struct tty_ops pty_ops = {
	.effects = pty_effects,
	.termios_changed = pty_termios_changed,
	.free = pty_free,
	.resets_on_hangup = true,
};

bool tty_is_pty(const struct tty *t)
{
	return t->ops == &pty_ops;
}

/* ---- the master's side ---- */

/* What a read of the master gives now. Return: bytes | 0 nothing | -EIO no slave any more. */
static ssize_t master_take(struct pty *p, u8 *buf, size_t size)
{
	struct tty *held SCOPED(tty_release) = tty_hold(&p->tty);
	u32 ready = ldisc_output_ready(&p->tty.ld);
	ssize_t n = 0;

	if (p->packet && p->status) {
		buf[0] = p->status;
		p->status = 0;
		n = 1;
	} else if (ready) {
		buf[0] = TIOCPKT_DATA;
		n = p->packet;
		n += ring_take(&p->tty.ld.out, buf + n, (u32)MIN(size - (size_t)n, (size_t)ready));
		p->tty.ld.effects |= LD_DRAINED;
	} else if (slave_gone(p)) {
		n = -EIO;
	}
	return n;
}

static bool master_readable(struct pty *p)
{
	return ldisc_output_ready(&p->tty.ld) || slave_gone(p) || (p->packet && p->status);
}

static ssize_t master_read_some(struct pty *p, struct file *f, struct uio *u)
{
	u8 buf[CHUNK_BYTES];
	size_t done = 0;

	while (u->left) {
		bool packet = READ_ONCE(p->packet);
		ssize_t n = master_take(p, buf, MIN(u->left, sizeof(buf)));
		size_t moved;

		if (n == 0 && !done) {
			n = file_wait(f, &p->tty.master_wq, master_readable(p));
			if (!n)
				continue;
		}
		if (n <= 0)
			return done ? (ssize_t)done : n;
		moved = uio_write(u, buf, (size_t)n);
		done += moved;
		if (moved < (size_t)n)
			return done ? (ssize_t)done : -EFAULT;
		if (packet)
			break; /* a packet's head stands only at the start of a read */
	}
	return (ssize_t)done;
}

static ssize_t master_read(struct file *f, struct uio *u, u64 *pos)
{
	struct pty *p = pty_of(file_tty(f)->tty);
	ssize_t n = tty_claim(&p->tty, &p->tty.reading[true], file_nonblock(f));

	if (n)
		return n;
	n = master_read_some(p, f, u);
	tty_claim_end(&p->tty, &p->tty.reading[true]);
	return n;
}

static u32 master_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = pty_of(file_tty(f)->tty);
	u32 mask = 0;

	poll_wait(pt, f, &p->tty.master_wq);
	struct tty *held SCOPED(tty_release) = tty_hold(&p->tty);
	if (ldisc_output_ready(&p->tty.ld))
		mask |= POLL_IN | POLL_RDNORM;
	if (p->packet && p->status)
		mask |= POLL_PRI | POLL_IN | POLL_RDNORM;
	if (slave_gone(p))
		mask |= POLL_HUP;
	if (ldisc_input_room(&p->tty.ld))
		mask |= POLL_OUT | POLL_WRNORM;
	return mask;
}

/* TIOCGPTPEER: the slave of this very master as a new descriptor. */
static long open_peer(struct pty *p, u64 o_flags)
{
	struct file *slave;
	char name[32];

	snprintf(name, sizeof(name), "/dev/pts/%u", DEV_MINOR(p->tty.rdev));
	slave = vfs_open(
		AT_FDCWD, name, (u32)o_flags & (O_ACCMODE | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), 0);
	if (is_err(slave))
		return ptr_err(slave);
	return fd_install_new(slave, (u32)o_flags);
}

static long flag_set(struct pty *p, bool *flag, u64 arg)
{
	u32 value;

	if (get_user_u32((u32 USER *)(uintptr_t)arg, &value))
		return -EFAULT;
	struct tty *held SCOPED(tty_release) = tty_hold(&p->tty);
	if (flag == &p->packet && value && !p->packet)
		p->status = 0;
	*flag = value != 0;
	return 0;
}

static long send_signal(struct pty *p, u64 signo)
{
	if (signo < 1 || signo > SIGNALS_MAX)
		return -EINVAL;
	tty_signal_foreground(&p->tty, (int)signo);
	return 0;
}

static long master_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pty *p = pty_of(file_tty(f)->tty);
	u32 USER *out = (u32 USER *)(uintptr_t)arg;

	switch (cmd) {
	case TIOCSPTLCK:
		return flag_set(p, &p->locked, arg);
	case TIOCGPTLCK:
		return put_user_u32(out, READ_ONCE(p->locked));
	case TIOCPKT:
		return flag_set(p, &p->packet, arg);
	case TIOCGPKT:
		return put_user_u32(out, READ_ONCE(p->packet));
	case TIOCGPTPEER:
		return open_peer(p, arg);
	case TIOCSIG:
		return send_signal(p, arg);
	}
	return tty_ioctl(f, cmd, arg);
}

static const char *node_name(const struct pty *p, char name[16])
{
	snprintf(name, 16, "pts/%u", DEV_MINOR(p->tty.rdev));
	return name;
}

/* The pair leaves the table, its slave /dev. */
static void table_remove(struct pty *p)
{
	char name[16];

	(void)devfs_remove(node_name(p, name)); /* somebody may have unlinked it already */
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&table_lock);
	table[DEV_MINOR(p->tty.rdev)] = NULL;
}

static void master_release(struct file *f)
{
	struct pty *p = pty_of(file_tty(f)->tty);

	table_remove(p);
	tty_hangup(&p->tty);
	tty_detach(f);
	tty_put(&p->tty); /* the table's */
}

const struct file_ops pty_master_ops = {
	.read = master_read,
	.write = tty_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.release = master_release,
};

/* ---- opening ---- */

static struct pty *pty_create(u32 index)
{
	struct pty *p = kzalloc(sizeof(*p), ALLOC_KERNEL);

	if (!p)
		return NULL;
	if (tty_init(&p->tty, &pty_ops, MKDEV(PTY_MAJOR, index), PTY_OUT_BYTES)) {
		kfree(p);
		return NULL;
	}
	p->tty.ld.t.base.cflag &= ~HUPCL;
	p->locked = true;
	return p;
}

/* A pair with the lowest number that is free. err_ptr. */
static struct pty *table_add(void)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&table_lock);
	u32 index = 0;

	while (index < PTYS_MAX && table[index])
		index++;
	if (index == PTYS_MAX)
		return err_ptr(-ENOSPC);
	table[index] = pty_create(index);
	return table[index] ? table[index] : err_ptr(-ENOMEM);
}

int ptmx_open(struct inode *i, struct file *f)
{
	struct pty *p = table_add();
	char name[16];
	int err;

	if (is_err(p))
		return (int)ptr_err(p);
	err = devfs_create(node_name(p, name), S_IFCHR | 0620, p->tty.rdev);
	if (!err)
		err = tty_attach(&p->tty, f, TTY_MASTER);
	if (err) {
		table_remove(p);
		tty_put(&p->tty);
	}
	return err;
}

static int slave_open(struct inode *i, struct file *f)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&table_lock);
	struct pty *p = table[DEV_MINOR(i->rdev)];

	return p && !READ_ONCE(p->locked) ? tty_attach(&p->tty, f, TTY_PLAIN) : -EIO;
}

int pty_init(void)
{
	mutex_init(&table_lock, RANK_S_TTY);
	int err = devfs_create("pts/ptmx", S_IFCHR, MKDEV(5, 2));

	return err ? err : chardev_register(PTY_MAJOR, 0, PTYS_MAX, slave_open);
}
