/* The text screen as a pure state machine: bytes with ANSI/VT102 sequences in, cells out. Layer:
 * drivers. It knows no device, lock or terminal. Sources: ECMA-48, DEC VT102 user guide,
 * console_codes(4). */
#pragma once

#include <exo/types.h>

#define VT_COLUMNS_MAX 256u
#define VT_ROWS_MAX    128u
#define VT_PARAMS_MAX  16u
#define VT_REPLY_MAX   32u

struct vt_cell {
	u16 code;   /* Unicode, basic plane; others become U+FFFD */
	u8 colours; /* low half foreground, high half background; 0..7, 8..15 bright */
	u8 underlined;
};
struct vt_pen { /* what DECSC saves */
	u32 row, column;
	u8 foreground, background; /* 0..15 */
	bool bold, underlined, reversed, origin;
	u8 charset;        /* G0 or G1 in use */
	bool graphics[2];  /* G0, G1 are DEC's line drawing set */
	bool wrap_pending; /* the last column was written: the next character goes to the next line
			    */
};
struct vt {
	u32 rows, columns;
	struct vt_cell *cells; /* [VT_ROWS_MAX][columns]; lines are found through line[] */
	u16 line[VT_ROWS_MAX]; /* screen row -> line of cells: scrolling turns this table */
	struct vt_pen pen, saved;
	u32 scroll_top, scroll_bottom; /* first and last row that scroll */
	u64 tabs[VT_COLUMNS_MAX / 64]; /* bit i = a tab stop at column i */
	bool autowrap, insert, newline_mode, cursor_visible;
	bool application_cursor; /* DECCKM: the keyboard sends ESC O A, not ESC [ A */
	/* the parser */
	u8 state;
	u8 private_mark; /* '?', '>' ... behind CSI, 0 = none */
	u8 intermediate; /* of ESC and CSI: '(', '#', ' ' ... */
	u32 params[VT_PARAMS_MAX], param_count;
	u32 utf8_code, utf8_left, utf8_min;
	/* answers to the program, for the caller to feed back as input */
	u8 reply[VT_REPLY_MAX];
	u32 reply_len;
};

/* vt_init - @cells has room for @rows * @columns; borrowed for life. @rows <= VT_ROWS_MAX, @columns
 * <= VT_COLUMNS_MAX. */
void vt_init(struct vt *vt, struct vt_cell *cells, u32 rows, u32 columns);
void vt_write(struct vt *vt, const u8 *text, size_t len_bytes);
static inline struct vt_cell *vt_row(const struct vt *vt, u32 row)
{
	return vt->cells + (size_t)vt->line[row] * vt->columns;
}
