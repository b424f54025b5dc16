/* What shows the cells of the text screen. Layer: drivers. */
#pragma once

#include "vt.h"

struct display {
	u32 rows, columns;
	/* draw - one cell. Context: any (the screen's lock is held, interrupts off), so it must be
	 * quick and take no lock. */
	void (*draw)(struct display *d, u32 row, u32 column, const struct vt_cell *cell);
	/* attach - maps the device; 0 | -errno. Context: thread. */
	int (*attach)(struct display *d);
};
/* Each gives its display when the machine has one, else NULL. Context: thread, boot. */
struct display *framebuffer_display(void);
struct display *vga_text_display(void);

#define FONT_WIDTH  8u
#define FONT_HEIGHT 16u
/* font_row - the 8 pixels of a glyph's row, bit 7 leftmost. @row 0..15. */
u8 font_row(u16 code, u32 row);
/* code_to_ascii - the nearest printable ASCII character for codes that a device has no glyph for
 * ('?' when there is none). */
u8 code_to_ascii(u16 code);
