/* The VT102 screen, and the keyboard that goes with it.
 * needs: kernel/drivers/video/vt.c kernel/drivers/input/keyboard.c kernel/drivers/video/font.c
 */
#include <u_.h>
#include <stdlib.h>
#include "drivers/input/keyboard.h"
#include "drivers/video/screen_internal.h"
#include "drivers/video/vt.h"

static struct vt vt;
static struct vt_cell cells[VT_ROWS_MAX * VT_COLUMNS_MAX];

static void start(u32 rows, u32 columns)
{
	vt_init(&vt, cells, rows, columns);
}
static void say(const char *s)
{
	vt_write(&vt, (const u8 *)s, strlen(s));
}
/* A row as text without the blanks at its end; codes beyond ASCII as '?'. */
static const char *row(u32 r)
{
	static char text[2][VT_COLUMNS_MAX + 1];
	static int turn;
	char *t = text[turn ^= 1];
	u32 n = 0;

	for (u32 c = 0; c < vt.columns; c++) {
		u16 code = vt_row(&vt, r)[c].code;

		t[c] = code < 0x7f ? (char)code : '?';
		if (code != ' ')
			n = c + 1;
	}
	t[n] = 0;
	return t;
}
static void at(u32 r, u32 c)
{
	u_eq(vt.pen.row, r);
	u_eq(vt.pen.column, c);
}

U_TEST(text_wraps_and_scrolls)
{
	start(3, 5);
	say("abcdefg\r\nx\r\ny");
	u_str_eq(row(0), "fg");
	u_str_eq(row(1), "x");
	u_str_eq(row(2), "y");
	say("\033[2J\033[Habcde");
	at(0, 4); /* the wrap waits for the next character */
	say("\r");
	at(0, 0);
	say("\033[?7lvwxyz123");
	u_str_eq(row(0), "vwxy3");
}

U_TEST(cursor_moves_stay_inside)
{
	start(10, 20);
	say("\033[5;7H");
	at(4, 6);
	say("\033[2A\033[3D");
	at(2, 3);
	say("\033[99B\033[99C");
	at(9, 19);
	say("\033[99A\033[99D");
	at(0, 0);
	say("\033[4G\033[3d");
	at(2, 3);
	say("\033[99999;99999H");
	at(9, 19);
	say("\033[0;0H");
	at(0, 0);
	say("\033[3E\033[1F");
	at(2, 0);
	say("ab\033[s\033[9;9H\033[uc");
	u_str_eq(row(2), "abc");
	say("\r\tx\t\ty");
	at(2, 19);
}

U_TEST(erasing)
{
	start(3, 6);
	say("aaaaaa\033[2Hbbbbbb\033[3Hcccccc");
	say("\033[2;3H\033[K");
	u_str_eq(row(1), "bb");
	say("\033[3;3H\033[1K");
	u_str_eq(row(2), "   ccc");
	say("\033[2;2H\033[1J");
	u_str_eq(row(0), "");
	u_str_eq(row(1), "");
	say("\033[J");
	u_str_eq(row(2), "");
	say("\033[Habcdef\033[1;2H\033[2Xz");
	u_str_eq(row(0), "az def");
}

U_TEST(inserting_and_deleting)
{
	start(4, 6);
	say("abcdef\033[1;2H\033[2@");
	u_str_eq(row(0), "a  bcd");
	say("\033[3P");
	u_str_eq(row(0), "acd");
	say("\033[1;2H\033[4hXY\033[4l");
	u_str_eq(row(0), "aXYcd");
	say("\033[2H2\033[3H3\033[4H4\033[2H\033[L");
	u_str_eq(row(1), "");
	u_str_eq(row(2), "2");
	u_str_eq(row(3), "3");
	say("\033[2M");
	u_str_eq(row(1), "3");
	say("\033[99L\033[99M\033[99@\033[99P");
	u_str_eq(row(1), "");
}

U_TEST(scrolling_region)
{
	start(5, 4);
	say("0\r\n1\r\n2\r\n3\r\n4\033[2;4r");
	at(0, 0);
	say("\033[4H\n");
	u_str_eq(row(0), "0");
	u_str_eq(row(1), "2");
	u_str_eq(row(3), "");
	u_str_eq(row(4), "4");
	say("\033[2H\033M");
	u_str_eq(row(1), "");
	u_str_eq(row(2), "2");
	say("\033[?6h\033[1;1HX\033[99;1HY");
	u_str_eq(row(1), "X");
	u_str_eq(row(3), "Y");
	say("\033[?6l\033[r\033[5S");
	u_str_eq(row(4), "");
	say("\033[9;2r\033[H"); /* upside down: refused */
	u_eq(vt.scroll_bottom, 4);
}

U_TEST(colours)
{
	start(2, 10);
	say("\033[1;31;44mA\033[7mB\033[0mC\033[38;5;196mD\033[48;2;0;0;255mE\033[97;100mF\033[39;"
	    "49mG");
	u_eq(vt_row(&vt, 0)[0].colours, 4 << 4 | 9);
	u_eq(vt_row(&vt, 0)[1].colours, 9 << 4 | 4);
	u_eq(vt_row(&vt, 0)[2].colours, 7);
	u_eq(vt_row(&vt, 0)[3].colours, 9);
	u_eq(vt_row(&vt, 0)[4].colours, 12 << 4 | 9);
	u_eq(vt_row(&vt, 0)[5].colours, 8 << 4 | 15);
	u_eq(vt_row(&vt, 0)[6].colours, 7);
	say("\033[38;5m\033[38m\033[48;2;1mx"); /* cut short */
}

U_TEST(utf8)
{
	start(1, 20);
	say("\303\251\342\202\254\360\237\230\200\300\200\355\240\200\303x");
	u_eq(vt_row(&vt, 0)[0].code, 0xe9);
	u_eq(vt_row(&vt, 0)[1].code, 0x20ac);
	u_eq(vt_row(&vt, 0)[2].code, 0xfffd); /* beyond the basic plane */
	u_eq(vt_row(&vt, 0)[3].code, 0xfffd); /* overlong */
	u_eq(vt_row(&vt, 0)[4].code, 0xfffd);
	u_eq(vt_row(&vt, 0)[5].code, 0xfffd); /* a surrogate */
	u_eq(vt_row(&vt, 0)[6].code, 0xfffd); /* cut off */
	u_eq(vt_row(&vt, 0)[7].code, 'x');
}

U_TEST(modes_reports_and_strings)
{
	start(5, 10);
	say("\033[?1h\033[?25l");
	u_check(vt.application_cursor && !vt.cursor_visible);
	say("\033[3;4H\033[6n\033[c");
	u_eq(vt.reply_len, 11);
	u_mem_eq(vt.reply, "\033[3;4R\033[?6c", 11);
	for (int i = 0; i < 100; i++)
		say("\033[6n");
	u_check(vt.reply_len <= VT_REPLY_MAX);
	say("\033c\033]0;a title\a\033]2;other\033\\\033P$q\033\\ok");
	u_str_eq(row(0), "ok");
	u_check(vt.cursor_visible && !vt.application_cursor);
	say("\033(0qx\033(Bq");
	u_eq(vt_row(&vt, 0)[2].code, 0x2500);
	u_eq(vt_row(&vt, 0)[3].code, 0x2502);
	u_eq(vt_row(&vt, 0)[4].code, 'q');
}

U_TEST(soup)
{
	static const char *const bits[] = {"\033[", "\033", ";", "9", "1", "0", "H", "J", "K", "L",
		"M", "@", "P", "r", "m", "?", "h", "l", "A", "S", "T", "\n", "\r", "\t", "\b", "x",
		"\303", "\251", "\033]", "\a", "\033(0", "\033c", "99999999999", "X", "d", "G", "g",
		"\033H", "\033M"};

	srand(3);
	for (int size = 0; size < 30; size++) {
		start(1 + (u32)rand() % 40, 1 + (u32)rand() % 100);
		for (int i = 0; i < 5000; i++) {
			say(bits[(size_t)rand() % ARRAY_LEN(bits)]);
			u_need(vt.pen.row < vt.rows && vt.pen.column < vt.columns);
			u_need(vt.scroll_top <= vt.scroll_bottom && vt.scroll_bottom < vt.rows);
			vt.reply_len = 0;
		}
	}
}

static const char *keys(struct keyboard *k, const char *codes, bool application)
{
	static char text[64];
	u32 n = 0;

	for (; *codes; codes++)
		n += keyboard_code(k, (u8)*codes, application, (u8 *)text + n);
	text[n] = 0;
	return text;
}

U_TEST(keyboard_layout)
{
	struct keyboard k = {0};

	u_str_eq(keys(&k, "\x1e\x9e\x30\xb0", false), "ab");
	u_str_eq(keys(&k, "\x2a\x1e\x9e\x02\x82\xaa\x02", false), "A!1");
	u_str_eq(keys(&k, "\x3a\xba\x1e\x02\x3a\xba\x1e", false), "A1a"); /* caps lock */
	u_str_eq(keys(&k, "\x1d\x2e\xae\x9d", false), "\003");
	u_str_eq(keys(&k, "\x38\x30\xb8", false), "\033b");
	u_str_eq(keys(&k, "\x1c\x0e\x01\x0f\x39", false), "\r\177\033\t ");
	u_str_eq(keys(&k, "\xe0\x48\xe0\xc8", false), "\033[A");
	u_str_eq(keys(&k, "\xe0\x4b", true), "\033OD");
	u_str_eq(keys(&k, "\x3b\x44\x57\x58", false), "\033[[A\033[21~\033[23~\033[24~");
	u_str_eq(keys(&k, "\xe0\x53\xe0\x47\xe0\x1c\xe0\x35", false), "\033[3~\033[1~\r/");
	u_str_eq(keys(&k, "\x45\xc5\x47\x4e\x45\xc5\x47", false), "7+\033[1~"); /* num lock */
	u_str_eq(keys(&k, "\xe1\x1d\x45\xe1\x9d\xc5\x1e", false), "a"); /* Pause is nothing */
}

U_TEST(font_covers_every_code)
{
	for (u32 c = 0; c < 0x10000; c++) {
		u_need(code_to_ascii((u16)c) >= 0x20 && code_to_ascii((u16)c) < 0x7f);
		for (u32 r = 0; r < FONT_HEIGHT; r++)
			(void)font_row((u16)c, r);
	}
	u_eq(font_row('A', 4), 0x44);
	u_eq(font_row(0x2500, 7), 0xff);
}
