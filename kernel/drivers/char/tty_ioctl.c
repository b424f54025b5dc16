/* ioctl of terminals: settings, flow, window size, job control. Layer: drivers.
 * The master of a pty comes here too; settings are the pair's. Sources: ioctl_tty(2), tcgetattr(3),
 * tcsetpgrp(3). */
#include "tty_internal.h"
#include <exo/errno.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

#define FIELD_BYTES_MAX sizeof(struct linux_termios2)

/* ---- settings ---- */

static const u32 baud_rates[] = {0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800,
	9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000,
	1500000, 2000000, 2500000, 3000000, 3500000, 4000000};

/* Bits of CBAUD (or of CIBAUD, shifted down) to a speed. */
static u32 baud_of(u32 bits, u32 other)
{
	u32 code = bits & 017;

	if (bits == BOTHER)
		return other;
	if (bits & BOTHER) /* the extended half: 010001 is 57600 */
		code += 15;
	return code < ARRAY_LEN(baud_rates) ? baud_rates[code] : 0;
}

static void speeds_set(struct linux_termios2 *t, u32 ispeed, u32 ospeed)
{
	u32 in_bits = t->base.cflag >> CIBAUD_SHIFT & CBAUD;

	t->ospeed = baud_of(t->base.cflag & CBAUD, ospeed);
	t->ispeed = in_bits ? baud_of(in_bits, ispeed) : t->ospeed;
}

static int termios_from_user(u32 cmd, u64 arg, struct linux_termios2 *t)
{
	const void USER *p = (const void USER *)(uintptr_t)arg;
	struct linux_termio old;
	int err;

	if (cmd == TCSETS2 || cmd == TCSETSW2 || cmd == TCSETSF2) {
		err = copy_from_user(t, p, sizeof(*t));
	} else if (cmd == TCSETA || cmd == TCSETAW || cmd == TCSETAF) {
		err = copy_from_user(&old, p, sizeof(old));
		if (err)
			return err;
		/* the short form has the lower halves only */
		for (u32 i = 0; i < ARRAY_LEN(old.flags); i++)
			t->base.flags[i] = (t->base.flags[i] & 0xffff0000u) | old.flags[i];
		memcpy(t->base.cc, old.cc, sizeof(old.cc));
	} else {
		err = copy_from_user(&t->base, p, sizeof(t->base));
	}
	if (!err)
		speeds_set(t, t->ispeed, t->ospeed);
	return err;
}

/* TIOCSLCKTRMIOS: what is not 0 there stays as it is. */
static void termios_keep(const struct linux_termios *fixed, const struct linux_termios *old,
	struct linux_termios *new)
{
	for (u32 i = 0; i < ARRAY_LEN(new->flags); i++)
		new->flags[i] ^= (new->flags[i] ^ old->flags[i]) & fixed->flags[i];
	for (u32 i = 0; i < TERMIOS_CC_COUNT; i++)
		if (fixed->cc[i])
			new->cc[i] = old->cc[i];
}

/* A field of @t to the user, and from there. 0 | -EFAULT | set: 1 it is another now. */
static long field_get(struct tty *t, const void *field, size_t bytes, u64 arg)
{
	u8 copy[FIELD_BYTES_MAX];

	tty_lock(t);
	memcpy(copy, field, bytes);
	tty_unlock(t);
	return copy_to_user((void USER *)(uintptr_t)arg, copy, bytes);
}

static long field_set(struct tty *t, void *field, size_t bytes, u64 arg)
{
	u8 copy[FIELD_BYTES_MAX];

	if (copy_from_user(copy, (const void USER *)(uintptr_t)arg, bytes))
		return -EFAULT;
	struct tty *held SCOPED(tty_release) = tty_hold(t);
	if (!memcmp(copy, field, bytes))
		return 0;
	memcpy(field, copy, bytes);
	return 1;
}

static long termios_set(struct tty *t, u32 cmd, u64 arg)
{
	bool drain = cmd != TCSETS && cmd != TCSETA && cmd != TCSETS2;
	bool flush = cmd == TCSETSF || cmd == TCSETAF || cmd == TCSETSF2;
	struct linux_termios2 new;
	int err;

	tty_lock(t);
	new = t->ld.t;
	tty_unlock(t);
	err = termios_from_user(cmd, arg, &new);
	if (!err && drain)
		err = tty_drain(t);
	if (err)
		return err;
	tty_lock(t);
	if (flush)
		ldisc_flush_input(&t->ld);
	if (tty_is_pty(t)) /* the line of a pty has eight bits, no parity, and its receiver is on */
		new.base.cflag = (new.base.cflag & ~(u32)(CS8 | 0400u)) | CS8 | CREAD;
	new.base.line = t->ld.t.base.line;
	termios_keep(&t->fixed, &t->ld.t.base, &new.base);
	ldisc_set_termios(&t->ld, &new);
	tty_unlock(t);
	if (t->ops->termios_changed)
		t->ops->termios_changed(t);
	return 0;
}

static long termio_get(struct tty *t, u64 arg)
{
	const struct linux_termios *now = &t->ld.t.base;
	struct linux_termio old = {0};

	tty_lock(t);
	for (u32 i = 0; i < ARRAY_LEN(old.flags); i++)
		old.flags[i] = (u16)now->flags[i];
	old.line = now->line;
	memcpy(old.cc, now->cc, sizeof(old.cc));
	tty_unlock(t);
	return copy_to_user((void USER *)(uintptr_t)arg, &old, sizeof(old));
}

/* ---- flow ---- */

static void send_char(struct ldisc *ld, u8 c)
{
	if (c && ring_put(&ld->out, &c, 1))
		ld->effects |= LD_OUTPUT;
}

static long flow_or_flush(struct tty *t, u32 cmd, u64 what, bool master)
{
	struct tty *held SCOPED(tty_release) = tty_hold(t);

	if (what > (cmd == TCXONC ? TCION : TCIOFLUSH))
		return -EINVAL;
	if (cmd == TCXONC) {
		if (what == TCOOFF)
			ldisc_stop(&t->ld, true);
		else if (what == TCOON)
			ldisc_start(&t->ld, true);
		else
			send_char(&t->ld, t->ld.t.base.cc[what == TCIOFF ? VSTOP : VSTART]);
	} else {
		/* What the master reads is what the slave wrote, so for the master the queues
		 * change places. */
		if (what == TCIOFLUSH || what == (master ? TCOFLUSH : TCIFLUSH))
			ldisc_flush_input(&t->ld);
		if (what == TCIOFLUSH || what == (master ? TCIFLUSH : TCOFLUSH))
			ldisc_flush_output(&t->ld);
	}
	return 0;
}

static long insert_input(struct tty *t, u64 arg)
{
	u8 c;

	if (!tty_is_controlling(t) && !cred_capable(current->cred, LCAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(&c, (const void USER *)(uintptr_t)arg, 1))
		return -EFAULT;
	tty_receive(t, &c, 1);
	return 0;
}

/* ---- job control ---- */

static long foreground_set(struct tty *t, const u32 USER *arg)
{
	struct process *p SCOPED(process_put_at) = NULL;
	pid_t pgrp;

	if (copy_from_user(&pgrp, arg, sizeof(pgrp)))
		return -EFAULT;
	if (pgrp < 0)
		return -EINVAL;
	if (!tty_is_controlling(t))
		return -ENOTTY;
	if (!process_pgrp_in_session(pgrp, process_sid(current->proc))) {
		p = process_find(pgrp);
		return p ? -EPERM : -ESRCH;
	}
	tty_pgrp_set(t, pgrp);
	return 0;
}

static long controlling_set(struct tty *t, struct file *f, u64 steal)
{
	if (tty_is_controlling(t) && process_is_session_leader())
		return 0;
	if (!(f->mode & FMODE_READ) && !cred_capable(current->cred, LCAP_SYS_ADMIN))
		return -EPERM;
	return process_ctty_set(t, steal == 1 && cred_capable(current->cred, LCAP_SYS_ADMIN));
}

static u32 count_get(struct tty *t, bool output, bool master)
{
	struct tty *held SCOPED(tty_release) = tty_hold(t);

	if (output)
		return tty_is_pty(t) ? 0 : ring_used(&t->ld.out);
	return master ? ldisc_output_ready(&t->ld) : ldisc_input_count(&t->ld);
}

static long job_ioctl(struct tty *t, struct file *f, u32 cmd, u64 arg)
{
	bool master = file_tty(f)->master, mine = master || tty_is_controlling(t);
	u32 USER *out = (u32 USER *)(uintptr_t)arg;

	switch (cmd) {
	case TIOCSCTTY:
		return master ? -EINVAL : controlling_set(t, f, arg);
	case TIOCNOTTY:
		return tty_is_controlling(t) ? process_ctty_drop() : -ENOTTY;
	case TIOCGPGRP:
		return mine ? put_user_u32(out, (u32)tty_pgrp(t)) : -ENOTTY;
	case TIOCGSID:
		return mine && tty_session(t) ? put_user_u32(out, (u32)tty_session(t)) : -ENOTTY;
	case TIOCVHANGUP:
		if (!cred_capable(current->cred, LCAP_SYS_ADMIN))
			return -EPERM;
		tty_hangup(t);
		return 0;
	}
	return t->ops->ioctl ? t->ops->ioctl(t, cmd, arg) : -ENOTTY;
}

static long state_ioctl(struct tty *t, struct file *f, u32 cmd, u64 arg)
{
	bool master = file_tty(f)->master;
	u32 USER *user = (u32 USER *)(uintptr_t)arg;
	u32 value;
	long ret;

	switch (cmd) {
	case TIOCGWINSZ:
		return field_get(t, &t->size, sizeof(t->size), arg);
	case TIOCSWINSZ:
		ret = field_set(t, &t->size, sizeof(t->size), arg);
		if (ret > 0)
			tty_signal_foreground(t, SIGWINCH);
		return MIN(ret, 0l);
	case FIONREAD:
	case TIOCOUTQ:
		return put_user_u32(user, count_get(t, cmd == TIOCOUTQ, master));
	case TIOCGETD:
		return put_user_u32(user, N_TTY);
	case TIOCSETD: /* the one discipline that there is */
		return get_user_u32(user, &value) ? -EFAULT : value == N_TTY ? 0 : -EINVAL;
	case TIOCEXCL:
	case TIOCNXCL:
		WRITE_ONCE(t->exclusive, cmd == TIOCEXCL);
		return 0;
	case TIOCGEXCL:
		return put_user_u32(user, READ_ONCE(t->exclusive));
	case TIOCGLOCKED:
		return field_get(t, &t->fixed, sizeof(t->fixed), arg);
	case TIOCSLOCKED:
		if (!cred_capable(current->cred, LCAP_SYS_ADMIN))
			return -EPERM;
		return MIN(field_set(t, &t->fixed, sizeof(t->fixed), arg), 0l);
	case TIOCGDEV:
		return put_user_u32(user, (u32)t->rdev);
	case TIOCGPTN:
		return tty_is_pty(t) ? put_user_u32(user, DEV_MINOR(t->rdev)) : -ENOTTY;
	case TIOCSTI:
		return insert_input(t, arg);
	}
	return job_ioctl(t, f, cmd, arg);
}

/* What a group in the background may not do. */
static long foreground_ioctl(struct tty *t, u32 cmd, u64 arg, bool master)
{
	int err = tty_job_control(t, SIGTTOU);

	if (err)
		return err == -EIO && cmd == TIOCSPGRP ? -ENOTTY : err;
	switch (cmd) {
	case TIOCSPGRP:
		return foreground_set(t, (const u32 USER *)(uintptr_t)arg);
	case TCXONC:
	case TCFLSH:
		return flow_or_flush(t, cmd, arg, master);
	case TCSBRK: /* a break itself is nothing that a virtual line could carry */
	case TCSBRKP:
		return tty_drain(t);
	}
	return termios_set(t, cmd, arg);
}

long tty_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct tty_file *tf = file_tty(f);
	struct linux_termios2 *t = &tf->tty->ld.t;

	if (tty_file_hung(tf))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	switch (cmd) {
	case TCGETS:
	case TCGETS2:
		return field_get(tf->tty, t, cmd == TCGETS ? sizeof(t->base) : sizeof(*t), arg);
	case TCGETA:
		return termio_get(tf->tty, arg);
	case TCSETS ... TCSETSF:
	case TCSETA ... TCFLSH: /* TCSETAW, TCSETAF, TCSBRK, TCXONC */
	case TCSETS2 ... TCSETSF2:
	case TIOCSPGRP:
	case TCSBRKP:
		return foreground_ioctl(tf->tty, cmd, arg, tf->master);
	}
	return state_ioctl(tf->tty, f, cmd, arg);
}
