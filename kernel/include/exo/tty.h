/* Terminals as other rooms see them. Code in kernel/drivers/char/. Layer: drivers.
 *
 * A terminal knows its session and its foreground process group by number only; job control
 * (posix_x) sets them under its own lock and holds a reference on the terminal from the session.
 * Lock order: the process tree's lock, then the terminal's. */
#pragma once

#include <exo/types.h>

struct tty;

void tty_get(struct tty *t);
void tty_put(struct tty *t); /* last reference frees a pty; NULL is fine; any context where kfree
				may be called, no tty lock held */
static inline void tty_put_at(struct tty **t) /* for SCOPED */
{
	tty_put(*t);
}

pid_t tty_session(const struct tty *t); /* session that it controls, 0 = none */
pid_t tty_pgrp(const struct tty *t);    /* foreground group, 0 = none */
/* tty_session_set - @sid 0: no session any more (then @pgrp is 0). Called by job control only.
 * Context: any. */
void tty_session_set(struct tty *t, pid_t sid, pid_t pgrp);
void tty_pgrp_set(struct tty *t, pid_t pgrp);
u64 tty_device(const struct tty *t); /* MKDEV number, for tty_nr in /proc/PID/stat */

/* tty_session_exit - the leader of the session that @t controls ends: a line hangs up, a pty only
 * loses its session (its master may go on with another one). Context: thread, no lock held. */
void tty_session_exit(struct tty *t);

/* tty_hangup - what vhangup(2) and a closed master do: every open
 * file of the terminal but /dev/console's is dead from now on (reads give 0, writes EIO), input is
 * dropped, and process_ctty_hangup(@t) takes the terminal from its session with SIGHUP and SIGCONT.
 * Context: thread, no lock held. */
void tty_hangup(struct tty *t);

/* tty_receive - @len_bytes bytes came in from the device. Context: any but NMI; no tty lock held.
 */
void tty_receive(struct tty *t, const u8 *bytes, size_t len_bytes);
