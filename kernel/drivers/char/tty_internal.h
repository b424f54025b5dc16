/* Terminals inside of kernel/drivers/char. Layer: drivers. */
#pragma once

#include <exo/fs.h>
#include <exo/sync.h>
#include <exo/tty.h>
#include "tty_ldisc.h"

struct tty;
struct tty_ops {
	/* start - output is ready (ldisc_output_ready) or was let go. Called with the lock held,
	 * interrupts off. May be NULL: the master takes what it wants. */
	void (*start)(struct tty *t);
	/* effects - what happened, after the lock went; before the common part wakes and signals.
	 * May be NULL. */
	void (*effects)(struct tty *t, u32 effects);
	void (*input_room)(struct tty *t);      /* a reader made room; no lock held. May be NULL */
	void (*termios_changed)(struct tty *t); /* no lock held. May be NULL */
	/* what the common part does not know; NULL or -ENOTTY */
	long (*ioctl)(struct tty *t, u32 cmd, u64 arg);
	void (*free)(struct tty *t); /* last reference; NULL = lives for ever */
	bool resets_on_hangup;       /* settings return to the default */
};
/* Locks: [l] lock; [a] atomic; [c] constant after tty_create. */
struct tty {
	u32 refs;                  /* [a] */
	const struct tty_ops *ops; /* [c] */
	u64 rdev;                  /* [c] */
	spinlock_t lock; /* TTY_INPUT, taken from interrupts: only by tty_lock and tty_unlock */
	ulong irq_flags; /* [l] as they were before */
	struct ldisc ld; /* [l] */
	struct linux_winsize size;  /* [l] */
	struct linux_termios fixed; /* [l] bits and characters that nobody may change */
	pid_t session, pgrp;        /* [a] written by job control */
	u32 opens;                  /* [l] open files, hung-up ones included */
	u32 hangups;                /* [a] a file that saw fewer is dead */
	bool opened;                /* [l] there was one */
	bool exclusive;             /* [a] TIOCEXCL */
	u32 reading[2], writing[2]; /* [a] by tty_file.master; 1 = a call is inside; others wait in
				       claim_wq */
	struct waitqueue in_wq;     /* readers, poll */
	struct waitqueue out_wq;    /* writers, poll, tcdrain */
	struct waitqueue master_wq; /* readers, writers and poll of a pty's master */
	struct waitqueue claim_wq;
};
#define LD_DRAINED    0x10000u /* effect: bytes left the output ring */
#define LD_INPUT_ROOM 0x20000u /* effect: bytes left the input ring */

/* An open terminal: file->priv. */
struct tty_file {
	struct tty *tty; /* [c] +1 */
	u32 hangups;     /* [c] tty->hangups when it was opened */
	bool console;    /* [c] /dev/console: not subject to hang-up and job control */
	bool master;     /* [c] the other end of a pty: hangs up others, never itself */
};
static inline struct tty_file *file_tty(struct file *f)
{
	return f->priv;
}
static inline bool tty_file_hung(const struct tty_file *tf)
{
	return !tf->console && !tf->master &&
	       tf->hangups != __atomic_load_n(&tf->tty->hangups, __ATOMIC_ACQUIRE);
}

/* tty_init - fills a zeroed @t with buffers of its own, refs 1. 0 | -ENOMEM. */
int tty_init(struct tty *t, const struct tty_ops *ops, u64 rdev, u32 out_bytes) MUST_USE;
void tty_fini(struct tty *t); /* gives the buffers back */
/* tty_lock, tty_unlock - the ldisc's lock; unlocking carries out the effects that were collected:
 * starts the device, wakes sleepers, signals the foreground group. Context: any but NMI. */
void tty_lock(struct tty *t);
void tty_unlock(struct tty *t);
LOCK_HOLD(struct tty, tty_hold, tty_release, tty_lock, tty_unlock)
/* tty_attach - makes @f an open file of @t (sets ops, priv, mode) and, if so wanted, @t the
 * controlling terminal. Takes its own reference. 0 | -ENOMEM | -EBUSY exclusive. */
enum tty_how { TTY_PLAIN, TTY_NO_CONTROL = 1, TTY_CONSOLE = 2, TTY_MASTER = 4 };
int tty_attach(struct tty *t, struct file *f, u32 how) MUST_USE;
void tty_detach(struct file *f);
/* One reader and one writer at a time, so that lines stay whole. 0 | -EAGAIN | -ERESTARTSYS. */
int tty_claim(struct tty *t, u32 *flag, bool nonblock) MUST_USE;
void tty_claim_end(struct tty *t, u32 *flag);
/* tty_job_control - may current's group use @t now? Sends @signo to a background group. 0 | -EIO |
 * -ERESTARTSYS. */
int tty_job_control(struct tty *t, int signo) MUST_USE;
bool tty_is_controlling(const struct tty *t); /* of current's session */
void tty_signal_foreground(struct tty *t, int signo);
long tty_ioctl(struct file *f, u32 cmd, u64 arg);
int tty_drain(struct tty *t) MUST_USE; /* 0 | -ERESTARTSYS */
ssize_t tty_write(struct file *f, struct uio *u, u64 *pos);

static inline bool file_nonblock(const struct file *f)
{
	return READ_ONCE(f->flags) & 00004000u; /* O_NONBLOCK */
}

/* pty.c */
int pty_init(void) MUST_USE;
int ptmx_open(struct inode *i, struct file *f);
extern const struct file_ops pty_master_ops;
bool tty_is_pty(const struct tty *t);
/* serial.c, screen.c: terminals by minor; NULL = none */
struct tty *serial_tty(u32 line);
void serial_init(void);
struct tty *screen_tty(void);
