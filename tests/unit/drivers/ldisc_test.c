/* The line discipline as a pure machine: editing, echo, signals, flow, output processing, reading.
 * needs: kernel/drivers/char/tty_ldisc.c
 */
#include <u_.h>
#include <stdlib.h>
#include "drivers/char/tty_ldisc.h"

#define OUT_BYTES 16384u

static struct ldisc ld;
static u8 in_buf[LDISC_IN_BYTES], out_buf[OUT_BYTES];
static u64 marks[LDISC_IN_BYTES / 64];

static void start(void)
{
	memset(marks, 0, sizeof(marks));
	ldisc_init(&ld, in_buf, marks, out_buf, OUT_BYTES);
}

static void feed(const char *s)
{
	u_eq(ldisc_input(&ld, (const u8 *)s, strlen(s)), strlen(s));
}

static void set_flags(u32 *field, u32 on, u32 off)
{
	struct linux_termios2 t = ld.t;

	*(u32 *)((char *)&t + ((char *)field - (char *)&ld.t)) = (*field & ~off) | on;
	ldisc_set_termios(&ld, &t);
}
#define SET(field, on, off) set_flags(&ld.t.base.field, (on), (off))

/* One read(2): its bytes as a string. */
static const char *take(size_t size)
{
	static char text[8192];
	size_t n = 0;
	bool line_end = false;

	while (n < size && !line_end) {
		size_t got =
			ldisc_read(&ld, (u8 *)text + n, size - n < 100 ? size - n : 100, &line_end);

		n += got;
		if (!got)
			break;
	}
	if (n == size && !line_end)
		ldisc_skip_eof(&ld);
	text[n] = 0;
	return text;
}

static const char *echoed(void)
{
	static char text[OUT_BYTES + 1];

	text[ring_take(&ld.out, (u8 *)text, OUT_BYTES)] = 0;
	return text;
}

static const char *output(const char *s)
{
	u_eq(ldisc_output(&ld, (const u8 *)s, strlen(s)), strlen(s));
	return echoed();
}

U_TEST(line_is_readable_only_when_whole)
{
	start();
	feed("hel");
	u_check(!ldisc_readable(&ld, 1));
	feed("lo\nrest");
	u_check(ldisc_readable(&ld, 1));
	u_eq(ldisc_input_count(&ld), 6);
	u_str_eq(take(100), "hello\n");
	u_check(!ldisc_readable(&ld, 1));
	u_str_eq(echoed(), "hello\r\nrest");
}

U_TEST(short_reads_take_the_line_in_parts)
{
	start();
	feed("abcdef\nx\n");
	u_str_eq(take(4), "abcd");
	u_str_eq(take(4), "ef\n");
	u_str_eq(take(2), "x\n");
}

U_TEST(end_of_file)
{
	start();
	feed("\004");
	u_check(ldisc_readable(&ld, 1));
	u_str_eq(take(10), "");
	feed("abc\004def\n");
	u_eq(ldisc_input_count(&ld), 7);
	u_str_eq(take(10), "abc");
	u_str_eq(take(10), "def\n");
	/* a read filled exactly before it eats the end-of-file */
	feed("abc\004x\n");
	u_str_eq(take(3), "abc");
	u_str_eq(take(10), "x\n");
}

U_TEST(erase_word_kill)
{
	start();
	feed("abx\177c\n");
	u_str_eq(take(10), "abc\n");
	u_str_eq(echoed(), "abx\b \bc\r\n");
	feed("one two  \027x\n");
	u_str_eq(take(20), "one x\n");
	(void)echoed();
	feed("nothing\025yes\n");
	u_str_eq(take(20), "yes\n");
	u_str_eq(echoed(), "nothing\b \b\b \b\b \b\b \b\b \b\b \b\b \byes\r\n");
	SET(lflag, 0, ECHOKE);
	feed("no\025y\n");
	u_str_eq(take(20), "y\n");
	u_str_eq(echoed(), "no^U\r\ny\r\n");
	feed("\177\177ok\n"); /* nothing to erase */
	u_str_eq(take(20), "ok\n");
}

U_TEST(erase_of_controls_tabs_and_utf8)
{
	start();
	feed("a\001\177b\n");
	u_str_eq(take(10), "ab\n");
	u_str_eq(echoed(), "a^A\b \b\b \bb\r\n");
	feed("ab\t\177c\n");
	u_str_eq(take(10), "abc\n");
	u_str_eq(echoed(), "ab\t\b\b\b\b\b\bc\r\n");
	SET(iflag, IUTF8, 0);
	feed("a\303\251\177b\n");
	u_str_eq(take(10), "ab\n");
	u_str_eq(echoed(), "a\303\251\b \bb\r\n");
	SET(iflag, 0, IUTF8);
	feed("\303\251\177\n");
	u_str_eq(take(10), "\303\n");
}

U_TEST(erase_shown_as_printer_does)
{
	start();
	SET(lflag, ECHOPRT, 0);
	feed("abc\177\177d\n");
	u_str_eq(take(10), "ad\n");
	u_str_eq(echoed(), "abc\\cb/d\r\n");
}

U_TEST(literal_next_and_reprint)
{
	start();
	feed("a\026\003b\n");
	u_str_eq(take(10), "a\003b\n");
	u_str_eq(echoed(), "a^\b^Cb\r\n");
	feed("ab\022c\n");
	u_str_eq(take(10), "abc\n");
	u_str_eq(echoed(), "ab^R\r\nabc\r\n");
}

U_TEST(ends_of_line)
{
	struct linux_termios2 t;

	start();
	t = ld.t;
	t.base.cc[VEOL] = ';';
	t.base.cc[VEOL2] = '!';
	ldisc_set_termios(&ld, &t);
	feed("a;b!c\n");
	u_str_eq(take(10), "a;");
	u_str_eq(take(10), "b!");
	u_str_eq(take(10), "c\n");
	u_str_eq(echoed(), "a;b!c\r\n");
}

U_TEST(input_maps)
{
	start();
	SET(lflag, 0, ECHO);
	feed("a\r");
	u_str_eq(take(10), "a\n");
	SET(iflag, IGNCR, 0);
	feed("a\r\n");
	u_str_eq(take(10), "a\n");
	SET(iflag, INLCR, IGNCR | ICRNL);
	SET(lflag, 0, ICANON);
	feed("x\ny\r");
	u_str_eq(take(10), "x\ry\r");
	SET(iflag, ISTRIP | IUCLC, INLCR);
	feed("\301B");
	u_str_eq(take(10), "ab");
	SET(iflag, PARMRK, ISTRIP | IUCLC);
	feed("\377");
	u_str_eq(take(10), "\377\377");
}

U_TEST(echo_modes)
{
	start();
	SET(lflag, 0, ECHO);
	feed("secret\n");
	u_str_eq(echoed(), "");
	SET(lflag, ECHONL, 0);
	feed("secret\n");
	u_str_eq(echoed(), "\r\n");
	SET(lflag, ECHO, ECHOCTL);
	feed("\001\n");
	u_str_eq(echoed(), "\001\r\n");
	SET(lflag, 0, ECHOE);
	feed("a\177\n");
	u_str_eq(echoed(), "a\177\r\n");
}

U_TEST(signals_flush_unless_told)
{
	start();
	feed("old\nhalf");
	(void)ldisc_output(&ld, (const u8 *)"text", 4);
	ld.effects = 0;
	feed("\003");
	u_eq(ld.effects & LD_SIGINT, LD_SIGINT);
	u_check(!ldisc_readable(&ld, 1));
	u_str_eq(echoed(), "^C");
	feed("\034\032");
	u_eq(ld.effects & (LD_SIGQUIT | LD_SIGTSTP), LD_SIGQUIT | LD_SIGTSTP);
	SET(lflag, NOFLSH, 0);
	feed("keep\n\003");
	u_str_eq(take(10), "keep\n");
	SET(lflag, 0, ISIG);
	ld.effects = 0;
	feed("\003\n");
	u_eq(ld.effects & LD_SIGINT, 0);
	u_str_eq(take(10), "\003\n");
}

U_TEST(disabled_characters_are_ordinary)
{
	struct linux_termios2 t;

	start();
	t = ld.t;
	t.base.cc[VINTR] = 0;
	ldisc_set_termios(&ld, &t);
	SET(lflag, 0, ICANON);
	ld.effects = 0;
	u_eq(ldisc_input(&ld, (const u8 *)"\0\003", 2), 2);
	u_eq(ld.effects & LD_SIGINT, 0);
	u_eq(ldisc_input_count(&ld), 2);
}

U_TEST(break_condition)
{
	start();
	ldisc_input_break(&ld);
	SET(iflag, BRKINT, 0);
	ld.effects = 0;
	ldisc_input_break(&ld);
	u_eq(ld.effects & LD_SIGINT, LD_SIGINT);
	SET(iflag, IGNBRK, 0);
	ld.effects = 0;
	ldisc_input_break(&ld);
	u_eq(ld.effects, 0);
}

U_TEST(flow_control)
{
	start();
	feed("\023");
	u_check(ld.stopped);
	u_eq(ldisc_output(&ld, (const u8 *)"x", 1), 0);
	feed("a");
	u_eq(ldisc_output_ready(&ld), 0); /* the echo waits */
	feed("\021");
	u_check(!ld.stopped);
	u_str_eq(echoed(), "a");
	SET(iflag, IXANY, 0);
	feed("\023b");
	u_check(!ld.stopped);
	ldisc_stop(&ld, true);
	feed("c\021");
	u_check(ld.stopped); /* TCOOFF ends by TCOON alone */
	ldisc_start(&ld, true);
	u_check(!ld.stopped);
	feed("\023");
	SET(iflag, 0, IXON);
	u_check(!ld.stopped);
	SET(lflag, 0, ICANON);
	feed("\n");
	(void)take(100);
	feed("\023");
	u_str_eq(take(10), "\023");
}

U_TEST(what_was_out_before_the_stop_may_go)
{
	start();
	(void)ldisc_output(&ld, (const u8 *)"abc", 3);
	ldisc_stop(&ld, true);
	u_eq(ldisc_output_ready(&ld), 3);
	u_eq(ldisc_output(&ld, (const u8 *)"d", 1), 0);
}

U_TEST(output_processing)
{
	start();
	u_str_eq(output("a\nb\r\n"), "a\r\nb\r\r\n");
	SET(oflag, OCRNL, ONLCR);
	u_str_eq(output("a\rb"), "a\nb");
	SET(oflag, ONOCR, OCRNL);
	u_str_eq(output("\r"), "\r");
	u_str_eq(output("\rab\r\r"), "ab\r");
	SET(oflag, ONLRET, 0);
	u_str_eq(output("ab\n\r"), "ab\n");
	SET(oflag, XTABS, ONOCR | ONLRET);
	u_str_eq(output("\r\t.a\tb"), "\r        .a      b");
	SET(oflag, OLCUC, 0);
	u_str_eq(output("abC1"), "ABC1");
	SET(oflag, 0, OPOST);
	u_str_eq(output("a\n\t"), "a\n\t");
}

U_TEST(columns_know_backspace_and_utf8)
{
	start();
	SET(oflag, XTABS, 0);
	SET(iflag, IUTF8, 0);
	u_str_eq(output("ab\b\t"), "ab\b       ");
	u_str_eq(output("\r\303\251\t"), "\r\303\251       ");
}

U_TEST(a_full_ring_takes_whole_sequences_only)
{
	static u8 text[OUT_BYTES];
	u32 room;

	start();
	memset(text, 'x', sizeof(text));
	room = ldisc_output_room(&ld);
	u_eq(ldisc_output(&ld, text, room - 1), room - 1);
	u_eq(ldisc_output(&ld, (const u8 *)"\n", 1), 0); /* \r\n needs two */
	u_eq(ldisc_output(&ld, (const u8 *)"yz", 2), 1);
	feed("echo finds room");
	u_check(ring_used(&ld.out) > room);
}

U_TEST(long_lines_keep_their_end)
{
	static u8 text[6000], got[6000];
	bool line_end;

	start();
	SET(lflag, 0, ECHO);
	memset(text, 'a', sizeof(text));
	text[5000] = '\n';
	u_eq(ldisc_input(&ld, text, 5001), 5001);
	u_eq(ldisc_read(&ld, got, sizeof(got), &line_end), LDISC_LINE_MAX);
	u_check(line_end && got[LDISC_LINE_MAX - 1] == '\n' && got[LDISC_LINE_MAX - 2] == 'a');
}

U_TEST(many_lines_fill_the_ring_and_no_more)
{
	size_t lines = 0;

	start();
	SET(lflag, 0, ECHO);
	while (ldisc_input(&ld, (const u8 *)"0123456\n", 8) == 8)
		lines++;
	u_eq(lines, LDISC_IN_BYTES / 8);
	u_eq(ldisc_input_room(&ld), 0);
	u_str_eq(take(100), "0123456\n");
	feed("1234567\n");
	for (size_t i = 1; i < lines; i++)
		u_str_eq(take(100), "0123456\n");
	u_str_eq(take(100), "1234567\n");
}

U_TEST(raw_mode_moves_bytes)
{
	start();
	SET(lflag, 0, ICANON | ISIG | ECHO);
	SET(iflag, 0, ICRNL | IXON);
	feed("a\r\003\023");
	u_check(ldisc_readable(&ld, 4) && !ldisc_readable(&ld, 5));
	u_str_eq(take(2), "a\r");
	u_str_eq(take(10), "\003\023");
}

U_TEST(mode_changes_keep_what_stands)
{
	start();
	feed("half");
	SET(lflag, 0, ICANON);
	u_check(ldisc_readable(&ld, 4));
	u_str_eq(take(2), "ha");
	SET(lflag, ICANON, 0);
	u_check(ldisc_readable(&ld, 1));
	u_str_eq(take(10), "lf");
	feed("x\n");
	u_str_eq(take(10), "x\n");
}

/* Random bytes under random settings: the machine never loses its invariants. */
U_TEST(soup)
{
	start();
	srand(7);
	for (int round = 0; round < 20000; round++) {
		u8 buf[64];
		bool line_end;
		size_t n = (size_t)rand() % sizeof(buf);

		for (size_t i = 0; i < n; i++)
			buf[i] = (u8)(rand() % 4 ? "\003\004\010\011\012\015\021\022\023\025\026"
						   "\027\177a \303\251\377"[rand() % 18]
						 : rand());
		if (rand() % 50 == 0) {
			struct linux_termios2 t = ld.t;

			t.base.iflag = (u32)rand();
			t.base.oflag = (u32)rand();
			t.base.lflag = (u32)rand();
			ldisc_set_termios(&ld, &t);
		}
		switch (rand() % 4) {
		case 0:
			(void)ldisc_input(&ld, buf, n);
			break;
		case 1:
			(void)ldisc_output(&ld, buf, n);
			break;
		case 2:
			(void)ldisc_read(&ld, buf, n, &line_end);
			ldisc_skip_eof(&ld);
			break;
		case 3:
			(void)ring_take(&ld.out, buf, MIN((u32)n, ldisc_output_ready(&ld)));
			break;
		}
		u_need(ld.in.head - ld.in.tail <= LDISC_IN_BYTES);
		u_need(ring_used(&ld.out) <= OUT_BYTES);
		u_need(ldisc_output_ready(&ld) <= ring_used(&ld.out));
		if (ld.t.base.lflag & ICANON)
			u_need(ld.canon - ld.in.tail <= ld.in.head - ld.in.tail);
		u_need(ldisc_input_count(&ld) <= LDISC_IN_BYTES);
	}
}
