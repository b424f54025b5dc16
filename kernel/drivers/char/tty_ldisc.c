/* N_TTY: canonical editing, echo, output processing, flow control, reading by lines. Layer:
 * drivers. Pure: see tty_ldisc.h. Where POSIX leaves a choice, Linux's behaviour is kept; the tests
 * drive both. */
#include "tty_ldisc.h"
#include <exo/bitops.h>
#include <exo/string.h>

#define IN_MASK (LDISC_IN_BYTES - 1)

u32 ring_put(struct byte_ring *r, const u8 *src, u32 n)
{
	u32 at = r->head & (r->size - 1), first;

	n = MIN(n, ring_free(r));
	first = MIN(n, r->size - at);
	memcpy(r->buf + at, src, first);
	memcpy(r->buf, src + first, n - first);
	r->head += n;
	return n;
}

u32 ring_take(struct byte_ring *r, u8 *dst, u32 n)
{
	u32 at = r->tail & (r->size - 1), first;

	n = MIN(n, ring_used(r));
	first = MIN(n, r->size - at);
	memcpy(dst, r->buf + at, first);
	memcpy(dst + first, r->buf, n - first);
	r->tail += n;
	return n;
}

static bool iflag(const struct ldisc *ld, u32 f)
{
	return ld->t.base.iflag & f;
}
static bool oflag(const struct ldisc *ld, u32 f)
{
	return ld->t.base.oflag & f;
}
static bool lflag(const struct ldisc *ld, u32 f)
{
	return ld->t.base.lflag & f;
}
/* control character @index, 0 = disabled */
static bool is_char(const struct ldisc *ld, u8 c, u32 index)
{
	return c && c == ld->t.base.cc[index];
}
static bool is_control(u8 c)
{
	return c < 0x20 || c == 0x7f;
}
static bool is_continuation(const struct ldisc *ld, u8 c)
{
	return iflag(ld, IUTF8) && (c & 0xc0) == 0x80;
}
static bool is_word(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c >= 0xc0;
}

/* Letters are those of Latin-1, as on Linux. */
static u8 to_upper(u8 c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xdf && c != 0xf7 && c != 0xff) ? (u8)(c - 32) : c;
}
static u8 to_lower(u8 c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ? (u8)(c + 32) : c;
}

/* ---- output ---- */

/* A newline or return went out: the cursor's column, and where an edited line that is continued
 * there begins. */
static void line_begins(struct ldisc *ld, u8 c)
{
	if (c == '\n') {
		if (oflag(ld, ONLCR))
			ld->column = 0;
		ld->line_column = ld->column;
	} else if (!oflag(ld, OCRNL) || oflag(ld, ONLRET)) {
		ld->line_column = ld->column = 0;
	}
}

/* One byte through OPOST. Return: false = what it becomes does not fit. */
static bool post_process(struct ldisc *ld, u8 c, u32 room)
{
	u8 text[8];
	u32 n = 1;

	text[0] = c;
	switch (c) {
	case '\n':
		if (oflag(ld, ONLRET))
			ld->column = 0;
		if (oflag(ld, ONLCR)) {
			memcpy(text, "\r\n", 2);
			n = 2;
		}
		break;
	case '\r':
		if (oflag(ld, ONOCR) && ld->column == 0)
			return true;
		if (oflag(ld, OCRNL))
			text[0] = '\n';
		break;
	case '\t':
		if ((ld->t.base.oflag & TABDLY) == XTABS) {
			n = 8 - (ld->column & 7);
			memset(text, ' ', n);
		}
		break;
	default:
		if (oflag(ld, OLCUC))
			text[0] = to_upper(c);
	}
	if (n > room || ring_put(&ld->out, text, n) < n)
		return false;
	if (c == '\t')
		ld->column += 8 - (ld->column & 7);
	else if (c == '\b')
		ld->column -= ld->column > 0;
	else if (c == '\n' || c == '\r')
		line_begins(ld, c);
	else if (!is_control(c) && !is_continuation(ld, c))
		ld->column++;
	return true;
}

/* An echoed byte. When the ring has no room it is lost: nobody reads that terminal. */
static void put_out(struct ldisc *ld, u8 c)
{
	if (oflag(ld, OPOST))
		(void)post_process(ld, c, ring_free(&ld->out));
	else
		ring_put(&ld->out, &c, 1);
	ld->effects |= LD_OUTPUT;
}

u32 ldisc_output_room(const struct ldisc *ld)
{
	u32 room = ring_free(&ld->out);

	return ld->stopped || room <= LDISC_ECHO_ROOM ? 0 : room - LDISC_ECHO_ROOM;
}

u32 ldisc_output_ready(const struct ldisc *ld)
{
	return ld->stopped ? ld->hold - ld->out.tail : ring_used(&ld->out);
}

/* Bytes at the start of @p that output processing leaves alone. */
static u32 plain_run(const struct ldisc *ld, const u8 *p, u32 n)
{
	u32 i = 0;

	if (oflag(ld, OLCUC))
		return 0;
	while (i < n && p[i] >= 0x20 && p[i] < 0x7f)
		i++;
	return i;
}

size_t ldisc_output(struct ldisc *ld, const u8 *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		u32 room = ldisc_output_room(ld), run = (u32)MIN(n - done, (size_t)room);

		if (oflag(ld, OPOST)) {
			run = plain_run(ld, p + done, run);
			ld->column += run;
		}
		if (run) {
			ring_put(&ld->out, p + done, run);
			done += run;
		} else if (room && oflag(ld, OPOST) && post_process(ld, p[done], room)) {
			done++;
		} else {
			break;
		}
	}
	if (done)
		ld->effects |= LD_OUTPUT;
	return done;
}

void ldisc_stop(struct ldisc *ld, bool by_call)
{
	if (!ld->stopped) {
		ld->stopped = true;
		ld->hold = ld->out.head;
		ld->effects |= LD_STOPPED;
	}
	ld->stopped_by_call |= by_call;
}

void ldisc_start(struct ldisc *ld, bool by_call)
{
	if (!ld->stopped || (ld->stopped_by_call && !by_call))
		return;
	ld->stopped = ld->stopped_by_call = false;
	ld->effects |= LD_STARTED | LD_OUTPUT;
}

void ldisc_flush_output(struct ldisc *ld)
{
	ld->out.tail = ld->hold = ld->out.head;
	ld->effects |= LD_OUTPUT_FLUSHED;
}

/* ---- input: the ring ---- */

u32 ldisc_input_room(const struct ldisc *ld)
{
	return ring_free(&ld->in);
}

static void put_in(struct ldisc *ld, u8 c)
{
	if (lflag(ld, ICANON) && ld->in.head - ld->canon >= LDISC_LINE_MAX)
		ld->in.head--; /* the line is full: its last place is used again, so that a newline
			       still gets in */
	else if (!ldisc_input_room(ld))
		return;
	ld->in.buf[ld->in.head & IN_MASK] = c;
	bit_clear(ld->marks, ld->in.head & IN_MASK);
	ld->in.head++;
	if (!lflag(ld, ICANON))
		ld->effects |= LD_READABLE;
}

static void end_line(struct ldisc *ld, u8 c)
{
	put_in(ld, c);
	bit_set(ld->marks, (ld->in.head - 1) & IN_MASK);
	ld->canon = ld->in.head;
	ld->effects |= LD_READABLE;
}

void ldisc_flush_input(struct ldisc *ld)
{
	ld->in.head = ld->canon = ld->in.tail;
	ld->lnext = ld->erasing = false;
	ld->effects |= LD_INPUT_FLUSHED;
}

/* ---- input: echo and editing ---- */

static void echo_char(struct ldisc *ld, u8 c)
{
	if (lflag(ld, ECHOCTL) && is_control(c) && c != '\t') {
		put_out(ld, '^');
		c ^= 0x40;
	}
	put_out(ld, c);
}

static void finish_erasing(struct ldisc *ld)
{
	if (ld->erasing) {
		put_out(ld, '/');
		ld->erasing = false;
	}
}

/* Echo of a byte that joins the edited line. */
static void echo_joining(struct ldisc *ld, u8 c)
{
	if (!lflag(ld, ECHO))
		return;
	if (ld->canon == ld->in.head)
		ld->line_column = ld->column;
	echo_char(ld, c);
}

/* Column at which the byte at index @end of the edited line stands. */
static u32 column_of(const struct ldisc *ld, u32 end)
{
	u32 column = ld->line_column;

	for (u32 i = ld->canon; i != end; i++) {
		u8 c = ld->in.buf[i & IN_MASK];

		if (c == '\t')
			column += 8 - (column & 7);
		else if (is_control(c))
			column += lflag(ld, ECHOCTL) ? 2 : 0;
		else if (!is_continuation(ld, c))
			column++;
	}
	return column;
}

static void rub_out(struct ldisc *ld, u32 times)
{
	while (times--) {
		put_out(ld, '\b');
		put_out(ld, ' ');
		put_out(ld, '\b');
	}
}

/* Shows that the character [@from, head) was erased. */
static void echo_erase(struct ldisc *ld, u32 from, bool single)
{
	u8 c = ld->in.buf[from & IN_MASK];

	if (!lflag(ld, ECHO))
		return;
	if (lflag(ld, ECHOPRT)) {
		if (!ld->erasing)
			put_out(ld, '\\');
		ld->erasing = true;
		echo_char(ld, c);
		for (u32 i = from + 1; i != ld->in.head; i++)
			put_out(ld, ld->in.buf[i & IN_MASK]);
	} else if (single && !lflag(ld, ECHOE)) {
		echo_char(ld, ld->t.base.cc[VERASE]);
	} else if (c == '\t') {
		for (u32 n = 8 - (column_of(ld, from) & 7); n; n--)
			put_out(ld, '\b');
	} else if (is_control(c)) {
		rub_out(ld, lflag(ld, ECHOCTL) ? 2 : 0);
	} else {
		rub_out(ld, 1);
	}
}

static void erase(struct ldisc *ld, u8 by)
{
	bool single = is_char(ld, by, VERASE),
	     word = !single && is_char(ld, by, VWERASE) && lflag(ld, IEXTEN);
	bool in_word = false;

	if (ld->in.head == ld->canon)
		return;
	if (!single && !word &&
		(ld->t.base.lflag & (ECHO | ECHOK | ECHOKE | ECHOE)) !=
			(ECHO | ECHOK | ECHOKE | ECHOE)) {
		ld->in.head = ld->canon;
		if (!lflag(ld, ECHO))
			return;
		finish_erasing(ld);
		echo_char(ld, ld->t.base.cc[VKILL]);
		if (lflag(ld, ECHOK))
			put_out(ld, '\n');
		return;
	}
	while (ld->in.head != ld->canon) {
		u32 from = ld->in.head - 1;
		u8 c;

		while (from != ld->canon && is_continuation(ld, ld->in.buf[from & IN_MASK]))
			from--;
		c = ld->in.buf[from & IN_MASK];
		if (is_continuation(ld, c))
			break; /* the line begins in the middle of a character */
		if (word) {
			if (in_word && !is_word(c))
				break;
			in_word |= is_word(c);
		}
		echo_erase(ld, from, single);
		ld->in.head = from;
		if (single)
			break;
	}
	if (ld->in.head == ld->canon && lflag(ld, ECHO))
		finish_erasing(ld);
}

static void reprint(struct ldisc *ld, u8 c)
{
	finish_erasing(ld);
	echo_char(ld, c);
	put_out(ld, '\n');
	ld->line_column = ld->column;
	for (u32 i = ld->canon; i != ld->in.head; i++)
		echo_char(ld, ld->in.buf[i & IN_MASK]);
}

/* ---- input: one byte ---- */

static void raise_signal(struct ldisc *ld, u32 effect)
{
	if (!lflag(ld, NOFLSH)) {
		ldisc_flush_output(ld);
		ldisc_flush_input(ld);
	}
	ld->effects |= effect;
}

static bool signal_char(struct ldisc *ld, u8 c)
{
	u32 effect = is_char(ld, c, VINTR)   ? LD_SIGINT
		     : is_char(ld, c, VQUIT) ? LD_SIGQUIT
		     : is_char(ld, c, VSUSP) ? LD_SIGTSTP
					     : 0;

	if (!effect || !lflag(ld, ISIG))
		return false;
	raise_signal(ld, effect);
	if (iflag(ld, IXON))
		ldisc_start(ld, false);
	if (lflag(ld, ECHO))
		echo_char(ld, c);
	return true;
}

/* Canonical mode's own characters. Return: true = consumed. */
static bool canonical_char(struct ldisc *ld, u8 c)
{
	bool extended = lflag(ld, IEXTEN), echo = lflag(ld, ECHO);

	if (is_char(ld, c, VERASE) || is_char(ld, c, VKILL) ||
		(is_char(ld, c, VWERASE) && extended)) {
		erase(ld, c);
	} else if (is_char(ld, c, VLNEXT) && extended) {
		ld->lnext = true;
		if (echo) {
			finish_erasing(ld);
			if (lflag(ld, ECHOCTL)) {
				put_out(ld, '^');
				put_out(ld, '\b');
			}
		}
	} else if (is_char(ld, c, VREPRINT) && extended && echo) {
		reprint(ld, c);
	} else if (c == '\n') {
		if (echo || lflag(ld, ECHONL))
			put_out(ld, '\n');
		end_line(ld, c);
	} else if (is_char(ld, c, VEOF)) {
		end_line(ld, 0);
	} else if (is_char(ld, c, VEOL) || (is_char(ld, c, VEOL2) && extended)) {
		echo_joining(ld, c);
		end_line(ld, c);
	} else {
		return false;
	}
	return true;
}

static void ordinary_char(struct ldisc *ld, u8 c, bool was_return)
{
	if (lflag(ld, ECHO))
		finish_erasing(ld);
	if (was_return && c == '\n' && lflag(ld, ECHO))
		put_out(ld, '\n');
	else
		echo_joining(ld, c);
	if (c == 0xff && iflag(ld, PARMRK))
		put_in(ld, c);
	put_in(ld, c);
}

static u8 map_in(const struct ldisc *ld, u8 c)
{
	if (iflag(ld, ISTRIP))
		c &= 0x7f;
	return iflag(ld, IUCLC) && lflag(ld, IEXTEN) ? to_lower(c) : c;
}

static void input_char(struct ldisc *ld, u8 c)
{
	bool was_return;

	c = map_in(ld, c);
	if (lflag(ld, EXTPROC)) {
		put_in(ld, c);
		return;
	}
	if (ld->lnext) {
		ld->lnext = false;
		ordinary_char(ld, c, false);
		return;
	}
	if (iflag(ld, IXON) && is_char(ld, c, VSTART)) {
		ldisc_start(ld, false);
		return;
	}
	if (iflag(ld, IXON) && is_char(ld, c, VSTOP)) {
		ldisc_stop(ld, false);
		return;
	}
	if (signal_char(ld, c))
		return;
	if (ld->stopped && iflag(ld, IXON) && iflag(ld, IXANY))
		ldisc_start(ld, false);
	was_return = c == '\r';
	if (was_return) {
		if (iflag(ld, IGNCR))
			return;
		if (iflag(ld, ICRNL))
			c = '\n';
	} else if (c == '\n' && iflag(ld, INLCR)) {
		c = '\r';
	}
	if (!lflag(ld, ICANON) || !canonical_char(ld, c))
		ordinary_char(ld, c, was_return);
}

size_t ldisc_input(struct ldisc *ld, const u8 *p, size_t n)
{
	bool raw = !(ld->t.base.lflag & (ICANON | ISIG | ECHO)) && !ld->lnext &&
		   !(ld->t.base.iflag & (ISTRIP | INLCR | IGNCR | ICRNL | IUCLC | IXON | PARMRK));
	size_t done = 0;

	if (raw && n) { /* marks mean nothing here, and are cleared when ICANON comes back */
		done = ring_put(&ld->in, p, (u32)MIN(n, (size_t)LDISC_IN_BYTES));
		if (done)
			ld->effects |= LD_READABLE;
		return done;
	}
	while (done < n && ldisc_input_room(ld))
		input_char(ld, p[done++]);
	return done;
}

void ldisc_input_break(struct ldisc *ld)
{
	if (iflag(ld, IGNBRK))
		return;
	if (iflag(ld, BRKINT)) {
		raise_signal(ld, LD_SIGINT);
		return;
	}
	if (iflag(ld, PARMRK)) {
		put_in(ld, 0xff);
		put_in(ld, 0);
	}
	put_in(ld, 0);
}

/* ---- reading ---- */

/* Index of the first mark in [tail, tail + n), or tail + n. */
static u32 find_mark(const struct ldisc *ld, u32 n)
{
	u32 i = ld->in.tail, end = ld->in.tail + n;

	while (i != end) {
		u64 word = ld->marks[(i & IN_MASK) / 64] >> (i % 64);
		u32 left = MIN(64 - i % 64, end - i);

		if (word && bit_ffs(word) < left)
			return i + bit_ffs(word);
		i += left;
	}
	return end;
}

size_t ldisc_read(struct ldisc *ld, u8 *dst, size_t n, bool *line_end)
{
	u32 have, end;
	bool eof;

	*line_end = false;
	if (!lflag(ld, ICANON)) {
		have = ring_take(&ld->in, dst, (u32)MIN(n, (size_t)LDISC_IN_BYTES));
		ld->canon = ld->in.tail;
		return have;
	}
	have = (u32)MIN(n, (size_t)(ld->canon - ld->in.tail));
	end = find_mark(ld, have) - ld->in.tail;
	*line_end = end < have;
	eof = *line_end && !ld->in.buf[(ld->in.tail + end) & IN_MASK];
	have = end + (*line_end && !eof);
	ring_take(&ld->in, dst, have);
	ld->in.tail += eof; /* it is passed over */
	return have;
}

void ldisc_skip_eof(struct ldisc *ld)
{
	u32 at = ld->in.tail & IN_MASK;

	if (lflag(ld, ICANON) && ld->in.tail != ld->canon && bit_test(ld->marks, at) &&
		!ld->in.buf[at])
		ld->in.tail++;
}

bool ldisc_readable(const struct ldisc *ld, u32 min_bytes)
{
	return lflag(ld, ICANON) ? ld->canon != ld->in.tail : ring_used(&ld->in) >= min_bytes;
}

u32 ldisc_input_count(const struct ldisc *ld)
{
	u32 n;

	if (!lflag(ld, ICANON))
		return ring_used(&ld->in);
	n = ld->canon - ld->in.tail;
	for (u32 i = ld->in.tail; i != ld->canon; i++)
		n -= bit_test(ld->marks, i & IN_MASK) && !ld->in.buf[i & IN_MASK];
	return n;
}

/* ---- settings ---- */

void ldisc_termios_default(struct linux_termios2 *t)
{
	static const u8 cc[TERMIOS_CC_COUNT] = {
		3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0};

	*t = (struct linux_termios2){
		.base = {.iflag = ICRNL | IXON,
			.oflag = OPOST | ONLCR,
			.cflag = B38400 | CS8 | CREAD | HUPCL,
			.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
			.line = N_TTY},
		.ispeed = 38400,
		.ospeed = 38400,
	};
	memcpy(t->base.cc, cc, sizeof(cc));
}

void ldisc_init(struct ldisc *ld, u8 *in, u64 *marks, u8 *out, u32 out_bytes)
{
	*ld = (struct ldisc){.in = {.buf = in, .size = LDISC_IN_BYTES},
		.marks = marks,
		.out = {.buf = out, .size = out_bytes}};
	ldisc_termios_default(&ld->t);
}

void ldisc_set_termios(struct ldisc *ld, const struct linux_termios2 *t)
{
	u32 changed = ld->t.base.lflag ^ t->base.lflag;
	bool had_ixon = iflag(ld, IXON);

	ld->t = *t;
	if (changed & ICANON) {
		/* What stands unread becomes one line, or stops being lines at all. */
		memset(ld->marks, 0, LDISC_IN_BYTES / 8);
		ld->lnext = ld->erasing = false;
		ld->canon = ld->in.tail;
		if (lflag(ld, ICANON) && ld->in.head != ld->in.tail) {
			bit_set(ld->marks, (ld->in.head - 1) & IN_MASK);
			ld->canon = ld->in.head;
		}
		ld->effects |= LD_READABLE;
	}
	if (had_ixon && !iflag(ld, IXON))
		ldisc_start(ld, false);
}
