/* ANSI/VT102 screen. Layer: drivers. Pure: see vt.h. Every parameter is bounded before it moves
 * anything. */
#include "vt.h"
#include <exo/bitops.h>
#include <exo/string.h>

enum state { GROUND, ESCAPE, ESCAPE_MORE, CSI, STRING, STRING_ESCAPE };

#define DEFAULT_FOREGROUND 7
#define DEFAULT_BACKGROUND 0
#define REPLACEMENT        0xfffdu

static u8 pen_colours(const struct vt_pen *p)
{
	u8 f = p->bold && p->foreground < 8 ? p->foreground + 8 : p->foreground, b = p->background;

	return p->reversed ? (u8)(f << 4 | b) : (u8)(b << 4 | f);
}

/* Erased cells take the background colour. */
static void erase_cells(struct vt *vt, u32 row, u32 from, u32 to)
{
	struct vt_cell blank = {' ', (u8)(vt->pen.background << 4 | DEFAULT_FOREGROUND), 0};
	struct vt_cell *cells = vt_row(vt, row);

	for (u32 c = from; c < to && c < vt->columns; c++)
		cells[c] = blank;
}

static void erase_rows(struct vt *vt, u32 from, u32 to)
{
	for (u32 r = from; r < to && r < vt->rows; r++)
		erase_cells(vt, r, 0, vt->columns);
}

static void turn(u16 *line, u32 n, bool up)
{
	u16 kept = up ? line[0] : line[n - 1];

	memmove(line + !up, line + up, (n - 1) * sizeof(*line));
	line[up ? n - 1 : 0] = kept;
}

/* Moves rows [top, bottom] by @n, new ones are blank. */
static void scroll(struct vt *vt, u32 top, u32 bottom, u32 n, bool up)
{
	u32 height = bottom - top + 1, from;

	n = MIN(n, height);
	for (u32 i = 0; i < n; i++)
		turn(vt->line + top, height, up);
	from = up ? bottom + 1 - n : top;
	erase_rows(vt, from, from + n);
}

static void set_column(struct vt *vt, u32 column)
{
	vt->pen.column = MIN(column, vt->columns - 1);
	vt->pen.wrap_pending = false;
}

static void go_to(struct vt *vt, u32 row, u32 column)
{
	u32 top = vt->pen.origin ? vt->scroll_top : 0,
	    last = vt->pen.origin ? vt->scroll_bottom : vt->rows - 1;

	vt->pen.row = MIN(row, last - top) + top;
	set_column(vt, column);
}

/* One row on; at the edge of the scrolling region the region moves instead. */
static void row_step(struct vt *vt, bool up)
{
	vt->pen.wrap_pending = false;
	if (vt->pen.row == (up ? vt->scroll_top : vt->scroll_bottom))
		scroll(vt, vt->scroll_top, vt->scroll_bottom, 1, !up);
	else if (up ? vt->pen.row > 0 : vt->pen.row + 1 < vt->rows)
		vt->pen.row += up ? -1u : 1;
}

/* DEC's line drawing set, '`' to '~'. */
static u16 graphics_code(u32 code)
{
	static const u16 set[] = {0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0xb0, 0xb1,
		0x2424, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba, 0x23bb, 0x2500,
		0x23bc, 0x23bd, 0x251c, 0x2524, 0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x3c0,
		0x2260, 0xa3, 0xb7};

	return code >= '`' && code <= '~' ? set[code - '`'] : (u16)code;
}

static void put_char(struct vt *vt, u32 code)
{
	struct vt_pen *p = &vt->pen;
	struct vt_cell *cells;

	if (p->wrap_pending && vt->autowrap) {
		p->column = 0;
		row_step(vt, false);
	}
	if (p->graphics[p->charset])
		code = graphics_code(code);
	cells = vt_row(vt, p->row);
	if (vt->insert)
		memmove(cells + p->column + 1, cells + p->column,
			(vt->columns - 1 - p->column) * sizeof(*cells));
	cells[p->column] = (struct vt_cell){
		code > 0xffff ? REPLACEMENT : (u16)code, pen_colours(p), p->underlined};
	p->wrap_pending = p->column + 1 == vt->columns;
	if (!p->wrap_pending)
		p->column++;
}

static void tab(struct vt *vt)
{
	u32 c = vt->pen.column + 1;

	while (c < vt->columns - 1 && !bit_test(vt->tabs, c))
		c++;
	set_column(vt, c);
}

static void reset(struct vt *vt)
{
	vt->pen =
		(struct vt_pen){.foreground = DEFAULT_FOREGROUND, .background = DEFAULT_BACKGROUND};
	vt->saved = vt->pen;
	vt->scroll_top = 0;
	vt->scroll_bottom = vt->rows - 1;
	vt->autowrap = vt->cursor_visible = true;
	vt->insert = vt->newline_mode = vt->application_cursor = false;
	for (size_t i = 0; i < ARRAY_LEN(vt->tabs); i++)
		vt->tabs[i] = 0x0101010101010101ull;
	erase_rows(vt, 0, vt->rows);
}

void vt_init(struct vt *vt, struct vt_cell *cells, u32 rows, u32 columns)
{
	*vt = (struct vt){.rows = rows, .columns = columns, .cells = cells};
	for (u32 r = 0; r < rows; r++)
		vt->line[r] = (u16)r;
	reset(vt);
}

static void reply(struct vt *vt, const char *text)
{
	size_t n = strlen(text);

	if (vt->reply_len + n > VT_REPLY_MAX)
		return;
	memcpy(vt->reply + vt->reply_len, text, n);
	vt->reply_len += (u32)n;
}

/* ---- control characters and ESC ---- */

static void control(struct vt *vt, u8 c)
{
	if (c == '\b') {
		set_column(vt, vt->pen.column - (vt->pen.column > 0));
	} else if (c == '\t') {
		tab(vt);
	} else if (c == '\n' || c == '\v' || c == '\f') {
		row_step(vt, false);
		if (vt->newline_mode)
			vt->pen.column = 0;
	} else if (c == '\r') {
		set_column(vt, 0);
	} else if (c == 0x0e || c == 0x0f) {
		vt->pen.charset = c == 0x0e;
	} else if (c == 0x18 || c == 0x1a) {
		vt->state = GROUND;
	} else if (c == 0x1b) {
		vt->state = ESCAPE;
		vt->intermediate = vt->private_mark = 0;
		vt->param_count = 0;
	}
}

static void restore_pen(struct vt *vt)
{
	vt->pen = vt->saved;
	vt->pen.row = MIN(vt->pen.row, vt->rows - 1);
	vt->pen.column = MIN(vt->pen.column, vt->columns - 1);
}

static void escape(struct vt *vt, u8 c)
{
	vt->state = GROUND;
	if (c == '[') {
		vt->state = CSI;
		memset(vt->params, 0, sizeof(vt->params));
	} else if (memchr("]P_^X", c, 5)) {
		vt->state = STRING;
	} else if (c == 'D' || c == 'E' || c == 'M') {
		if (c == 'E')
			vt->pen.column = 0;
		row_step(vt, c == 'M');
	} else if (c == 'H') {
		bit_set(vt->tabs, vt->pen.column);
	} else if (c == 'Z') {
		reply(vt, "\033[?6c");
	} else if (c == '7') {
		vt->saved = vt->pen;
	} else if (c == '8') {
		restore_pen(vt);
	} else if (c == 'c') {
		reset(vt);
	} else if (c >= 0x20 && c < 0x30) {
		vt->intermediate = c;
		vt->state = ESCAPE_MORE;
	}
}

static void escape_more(struct vt *vt, u8 c)
{
	vt->state = GROUND;
	if (vt->intermediate == '(' || vt->intermediate == ')') {
		vt->pen.graphics[vt->intermediate == ')'] = c == '0';
	} else if (vt->intermediate == '#' && c == '8') { /* DECALN: fill with E */
		for (u32 r = 0; r < vt->rows; r++) {
			for (u32 i = 0; i < vt->columns; i++)
				vt_row(vt, r)[i] = (struct vt_cell){'E', DEFAULT_FOREGROUND, 0};
		}
	}
}

/* ---- CSI ---- */

static u32 param(const struct vt *vt, u32 i, u32 fallback)
{
	return i < vt->param_count && vt->params[i] ? vt->params[i] : fallback;
}

/* 38 and 48: a colour of the 256 or a true one, brought down to 16. Return: parameters used. */
static u32 extended_colour(const struct vt *vt, u32 i, u8 *colour)
{
	/* bit 0 blue, 1 green, 2 red -> ANSI order */
	static const u8 cube[8] = {0, 4, 2, 6, 1, 5, 3, 7};
	u32 red, green, blue, n;

	if (param(vt, i + 1, 0) == 5 && i + 2 < vt->param_count) {
		n = vt->params[i + 2];
		if (n < 16) {
			*colour = (u8)n;
			return 2;
		}
		if (n >= 232) {
			*colour = n >= 250 ? 15 : n >= 244 ? 7 : n >= 238 ? 8 : 0;
			return 2;
		}
		n = MIN(n, 231u) - 16;
		red = n / 36 * 51;
		green = n / 6 % 6 * 51;
		blue = n % 6 * 51;
		n = 2;
	} else if (param(vt, i + 1, 0) == 2 && i + 4 < vt->param_count) {
		red = vt->params[i + 2];
		green = vt->params[i + 3];
		blue = vt->params[i + 4];
		n = 4;
	} else {
		return 1;
	}
	*colour = (u8)(cube[(red > 85) << 2 | (green > 85) << 1 | (blue > 85)] +
		       (red > 190 || green > 190 || blue > 190 ? 8 : 0));
	return n;
}

static void select_graphics(struct vt *vt)
{
	struct vt_pen *p = &vt->pen;

	for (u32 i = 0; i < MAX(vt->param_count, 1u); i++) {
		u32 n = param(vt, i, 0);
		u8 *colour = n / 10 == 3 || n / 10 == 9 ? &p->foreground : &p->background;

		if (n == 0) {
			p->foreground = DEFAULT_FOREGROUND;
			p->background = DEFAULT_BACKGROUND;
			p->bold = p->underlined = p->reversed = false;
		} else if (n == 1 || n == 21 || n == 22) {
			p->bold = n == 1;
		} else if (n == 4 || n == 24) {
			p->underlined = n == 4;
		} else if (n == 7 || n == 27) {
			p->reversed = n == 7;
		} else if (n == 38 || n == 48) {
			i += extended_colour(vt, i, colour);
		} else if (n == 39 || n == 49) {
			*colour = n == 39 ? DEFAULT_FOREGROUND : DEFAULT_BACKGROUND;
		} else if (n % 10 < 8 && ((n >= 30 && n <= 47) || (n >= 90 && n <= 107))) {
			*colour = (u8)(n % 10 + (n >= 90 ? 8 : 0));
		}
	}
}

#define PRIVATE(n) ((u32)'?' << 24 | (n)) /* behind CSI ? */

static void set_modes(struct vt *vt, bool on)
{
	for (u32 i = 0; i < vt->param_count; i++) {
		u32 n = vt->params[i] | (u32)vt->private_mark << 24;
		bool *mode = n == 4             ? &vt->insert
			     : n == 20          ? &vt->newline_mode
			     : n == PRIVATE(1)  ? &vt->application_cursor
			     : n == PRIVATE(6)  ? &vt->pen.origin
			     : n == PRIVATE(7)  ? &vt->autowrap
			     : n == PRIVATE(25) ? &vt->cursor_visible
						: NULL;

		if (mode)
			*mode = on;
		if (mode == &vt->pen.origin)
			go_to(vt, 0, 0);
	}
}

static void erase_display(struct vt *vt, u32 what)
{
	const struct vt_pen *p = &vt->pen;

	if (what == 0) {
		erase_cells(vt, p->row, p->column, vt->columns);
		erase_rows(vt, p->row + 1, vt->rows);
	} else if (what == 1) {
		erase_rows(vt, 0, p->row);
		erase_cells(vt, p->row, 0, p->column + 1);
	} else if (what <= 3) {
		erase_rows(vt, 0, vt->rows);
	}
}

static void shift_cells(struct vt *vt, u32 n, bool insert)
{
	struct vt_cell *at = vt_row(vt, vt->pen.row) + vt->pen.column;
	u32 left = vt->columns - vt->pen.column, from;

	n = MIN(n, left);
	from = insert ? vt->pen.column : vt->columns - n;
	memmove(at + (insert ? n : 0), at + (insert ? 0 : n), (left - n) * sizeof(*at));
	erase_cells(vt, vt->pen.row, from, from + n);
}

static void shift_rows(struct vt *vt, u32 n, bool insert)
{
	if (vt->pen.row < vt->scroll_top || vt->pen.row > vt->scroll_bottom)
		return;
	scroll(vt, vt->pen.row, vt->scroll_bottom, n, !insert);
	set_column(vt, 0);
}

static void set_region(struct vt *vt)
{
	u32 top = param(vt, 0, 1) - 1, bottom = MIN(param(vt, 1, vt->rows), vt->rows) - 1;

	if (top >= bottom)
		return;
	vt->scroll_top = top;
	vt->scroll_bottom = bottom;
	go_to(vt, 0, 0);
}

/* The row as programs count it. */
static u32 row_address(const struct vt *vt)
{
	return vt->pen.row - (vt->pen.origin ? vt->scroll_top : 0);
}

static void report(struct vt *vt)
{
	char text[VT_REPLY_MAX];

	if (param(vt, 0, 0) == 5) {
		reply(vt, "\033[0n");
	} else if (param(vt, 0, 0) == 6) {
		snprintf(
			text, sizeof(text), "\033[%u;%uR", row_address(vt) + 1, vt->pen.column + 1);
		reply(vt, text);
	}
}

/* Up and down stop at the scrolling region's edge when they begin inside of it. */
static void move_rows(struct vt *vt, u32 n, bool up)
{
	u32 row = vt->pen.row, top = row >= vt->scroll_top ? vt->scroll_top : 0;
	u32 bottom = row <= vt->scroll_bottom ? vt->scroll_bottom : vt->rows - 1;

	vt->pen.row = up ? row - MIN(n, row - top) : row + MIN(n, bottom - row);
	vt->pen.wrap_pending = false;
}

static void csi_move(struct vt *vt, u8 c, u32 n)
{
	if (memchr("AFBeE", c, 5)) {
		move_rows(vt, n, c == 'A' || c == 'F');
		if (c == 'E' || c == 'F')
			vt->pen.column = 0;
	} else if (c == 'C' || c == 'a') {
		set_column(vt, vt->pen.column + n);
	} else if (c == 'D') {
		set_column(vt, vt->pen.column - MIN(n, vt->pen.column));
	} else if (c == 'G' || c == '`') {
		go_to(vt, row_address(vt), n - 1);
	} else if (c == 'd') {
		go_to(vt, n - 1, vt->pen.column);
	} else if (c == 'H' || c == 'f') {
		go_to(vt, n - 1, param(vt, 1, 1) - 1);
	} else if (c == 's') {
		vt->saved = vt->pen;
	} else if (c == 'u') {
		restore_pen(vt);
	}
}

static void csi(struct vt *vt, u8 c)
{
	u32 n = param(vt, 0, 1);

	if (c == 'h' || c == 'l') {
		set_modes(vt, c == 'h');
	} else if (vt->private_mark || vt->intermediate) {
		return;
	} else if (c == 'J') {
		erase_display(vt, param(vt, 0, 0));
	} else if (c == 'K') {
		n = param(vt, 0, 0);
		erase_cells(vt, vt->pen.row, n ? 0 : vt->pen.column,
			n == 1 ? vt->pen.column + 1 : vt->columns);
	} else if (c == 'X') {
		erase_cells(vt, vt->pen.row, vt->pen.column, vt->pen.column + MIN(n, vt->columns));
	} else if (c == 'L' || c == 'M') {
		shift_rows(vt, n, c == 'L');
	} else if (c == '@' || c == 'P') {
		shift_cells(vt, n, c == '@');
	} else if (c == 'S' || c == 'T') {
		scroll(vt, vt->scroll_top, vt->scroll_bottom, n, c == 'S');
	} else if (c == 'g') {
		if (param(vt, 0, 0) == 3)
			memset(vt->tabs, 0, sizeof(vt->tabs));
		else
			bit_clear(vt->tabs, vt->pen.column);
	} else if (c == 'c') {
		reply(vt, "\033[?6c");
	} else if (c == 'm') {
		select_graphics(vt);
	} else if (c == 'n') {
		report(vt);
	} else if (c == 'r') {
		set_region(vt);
	} else {
		csi_move(vt, c, n);
	}
}

static void csi_byte(struct vt *vt, u8 c)
{
	u32 *p;

	if (c >= '0' && c <= ';') { /* digits, ':' and ';' */
		vt->param_count = MAX(vt->param_count, 1u);
		p = &vt->params[vt->param_count - 1];
		if (c <= '9') {
			*p = *p < 10000 ? *p * 10 + c - '0' : *p;
		} else {
			vt->param_count = MIN(vt->param_count + 1, VT_PARAMS_MAX);
			vt->params[vt->param_count - 1] = 0;
		}
	} else if (c >= 0x3c && c <= 0x3f) {
		vt->private_mark = c;
	} else if (c < 0x30) {
		vt->intermediate = c;
	} else {
		vt->state = GROUND;
		if (c < 0x7f)
			csi(vt, c);
	}
}

/* ---- text ---- */

/* One byte of UTF-8. Overlong forms, surrogates and stray bytes become the replacement character.
 */
static void utf8_byte(struct vt *vt, u8 c)
{
	if (vt->utf8_left && (c & 0xc0) == 0x80) {
		vt->utf8_code = vt->utf8_code << 6 | (c & 0x3f);
		if (--vt->utf8_left)
			return;
		if (vt->utf8_code < vt->utf8_min ||
			(vt->utf8_code >= 0xd800 && vt->utf8_code < 0xe000))
			vt->utf8_code = REPLACEMENT;
		put_char(vt, vt->utf8_code);
		return;
	}
	if (vt->utf8_left)
		put_char(vt, REPLACEMENT); /* the one before was cut off */
	vt->utf8_left = 0;
	if (c < 0x80) {
		put_char(vt, c);
	} else if (c >= 0xc2 && c < 0xf5) {
		vt->utf8_left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		vt->utf8_min = c < 0xe0 ? 0x80 : c < 0xf0 ? 0x800 : 0x10000;
		vt->utf8_code = c & (0x3fu >> vt->utf8_left);
	} else {
		put_char(vt, REPLACEMENT);
	}
}

static void write_byte(struct vt *vt, u8 c)
{
	if (vt->state == STRING || vt->state == STRING_ESCAPE) {
		/* A string (title, palette) is swallowed up to BEL or ESC \ */
		if (c == '\a' || c == 0x18 || c == 0x1a ||
			(vt->state == STRING_ESCAPE && c == '\\'))
			vt->state = GROUND;
		else
			vt->state = c == 0x1b ? STRING_ESCAPE : STRING;
		return;
	}
	if (c < 0x20) {
		vt->utf8_left = 0;
		control(vt, c);
	} else if (vt->state == ESCAPE) {
		escape(vt, c);
	} else if (vt->state == ESCAPE_MORE) {
		escape_more(vt, c);
	} else if (vt->state == CSI) {
		csi_byte(vt, c);
	} else if (c != 0x7f) {
		utf8_byte(vt, c);
	}
}

void vt_write(struct vt *vt, const u8 *text, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes; i++)
		write_byte(vt, text[i]);
}
