/* The line discipline N_TTY as a pure state machine: bytes in, bytes out, effects for the caller to
 * carry out. Layer: drivers. It knows no locks, threads or signals; the terminal's lock guards it.
 * Sources: termios(3), POSIX.1-2017 chapter 11. */
#pragma once

#include <exo/types.h>
#include <exo_abi/linux_tty.h>

#define LDISC_IN_BYTES  16384u /* complete lines that nobody has read yet may pile up to this */
#define LDISC_LINE_MAX  4096u  /* a longer line loses what stands beyond, but for its end */
#define LDISC_ECHO_ROOM 256u   /* of the output ring: processes leave so much to echoes */

struct byte_ring {
	u8 *buf;
	u32 size;       /* [c] power of two */
	u32 head, tail; /* run freely; head - tail bytes are in it */
};
static inline u32 ring_used(const struct byte_ring *r)
{
	return r->head - r->tail;
}
static inline u32 ring_free(const struct byte_ring *r)
{
	return r->size - ring_used(r);
}
/* ring_put, ring_take - at most @n bytes. Return: bytes moved. */
u32 ring_put(struct byte_ring *r, const u8 *src, u32 n);
u32 ring_take(struct byte_ring *r, u8 *dst, u32 n);

enum ldisc_effect {      /* collected in ldisc.effects, taken by the caller */
	LD_READABLE = 1, /* input became readable */
	LD_OUTPUT = 2,   /* bytes stand in the output ring */
	LD_SIGINT = 4,
	LD_SIGQUIT = 8,
	LD_SIGTSTP = 16, /* for the foreground group */
	LD_INPUT_FLUSHED = 32,
	LD_OUTPUT_FLUSHED = 64,
	LD_STOPPED = 128,
	LD_STARTED = 256,
};
struct ldisc {
	struct linux_termios2 t;
	struct byte_ring out; /* to the device or to the master */
	struct byte_ring in;  /* of LDISC_IN_BYTES */
	u64 *marks;           /* [LDISC_IN_BYTES / 64] bit i = in.buf[i] ends a line; an ending 0 is
				 end-of-file */
	u32 canon;  /* runs freely; [in.tail, canon) whole lines, [canon, in.head) the line being
		       edited (raw mode: unused) */
	u32 column; /* of the output, as OPOST sees it */
	u32 line_column; /* column at which the edited line began */
	u32 hold;        /* out.head when the output was stopped: what stands behind it waits */
	u32 effects;     /* enum ldisc_effect */
	bool lnext;      /* VLNEXT came: the next byte is ordinary */
	bool erasing;    /* ECHOPRT: inside \.../ */
	bool stopped;    /* output stopped by VSTOP or TCOOFF */
	bool stopped_by_call; /* by TCOOFF: only TCOON starts it */
};

/* ldisc_init - @in and @marks as above and zeroed, @out of @out_bytes; all borrowed for the ldisc's
 * life. */
void ldisc_init(struct ldisc *ld, u8 *in, u64 *marks, u8 *out, u32 out_bytes);
void ldisc_termios_default(struct linux_termios2 *t); /* Linux's tty_std_termios */
void ldisc_set_termios(struct ldisc *ld, const struct linux_termios2 *t);
/* ldisc_input - bytes from the device. Return: bytes taken; less when the ring is full. */
size_t ldisc_input(struct ldisc *ld, const u8 *p, size_t n);
void ldisc_input_break(struct ldisc *ld);
u32 ldisc_input_room(const struct ldisc *ld);
/* ldisc_output - bytes from a process, through OPOST. Return: bytes taken; less when the ring is
 * full or stopped. */
size_t ldisc_output(struct ldisc *ld, const u8 *p, size_t n);
u32 ldisc_output_room(const struct ldisc *ld);
u32 ldisc_output_ready(const struct ldisc *ld); /* bytes that the device may have now */
/* ldisc_read - canonical: up to a line's end (*line_end = true, also for an end-of-file that gives
 * 0 bytes). */
size_t ldisc_read(struct ldisc *ld, u8 *dst, size_t n, bool *line_end);
void ldisc_skip_eof(struct ldisc *ld); /* after a read that was filled exactly: an end-of-file that
					  follows is eaten */
bool ldisc_readable(const struct ldisc *ld, u32 min_bytes);
u32 ldisc_input_count(const struct ldisc *ld); /* FIONREAD */
void ldisc_flush_input(struct ldisc *ld);
void ldisc_flush_output(struct ldisc *ld);
void ldisc_stop(struct ldisc *ld, bool by_call);
void ldisc_start(struct ldisc *ld, bool by_call);
