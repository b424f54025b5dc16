/* Text on a linear framebuffer that the loader set up. Layer: drivers. Pixels are blue, green, red
 * (, unused) bytes. */
#include "screen_internal.h"
#include <exo/errno.h>
#include <exo/memory.h>
#include <arch/boot.h>
#include <arch/mmu.h>

#define SIDE_MAX 16384u

static u8 *pixels; /* [c] after attach; write-combining */

static u32 colour_rgb(u8 ansi)
{
	u32 high = ansi & 8 ? 0xff : 0xaa, low = ansi & 8 ? 0x55 : 0;

	return (ansi & 1 ? high : low) << 16 | (ansi & 2 ? high : low) << 8 |
	       (ansi & 4 ? high : low);
}

static void draw(struct display *d, u32 row, u32 column, const struct vt_cell *cell)
{
	const struct boot_framebuffer *fb = &boot_info.fb;
	u32 front = colour_rgb(cell->colours & 15), back = colour_rgb(cell->colours >> 4),
	    bytes = fb->bits_per_pixel / 8;

	for (u32 y = 0; y < FONT_HEIGHT; y++) {
		u8 *p = pixels + (size_t)(row * FONT_HEIGHT + y) * fb->pitch_bytes +
			(size_t)column * FONT_WIDTH * bytes;
		u8 bits = cell->underlined && y == FONT_HEIGHT - 1 ? 0xff : font_row(cell->code, y);

		for (u32 x = 0; x < FONT_WIDTH; x++, p += bytes) {
			u32 rgb = bits << x & 0x80 ? front : back;

			if (bytes == 4) {
				*(volatile u32 *)(void *)p = rgb;
			} else {
				p[0] = (u8)rgb;
				p[1] = (u8)(rgb >> 8);
				p[2] = (u8)(rgb >> 16);
			}
		}
	}
}

static int attach(struct display *d)
{
	const struct boot_framebuffer *fb = &boot_info.fb;

	pixels = ioremap(fb->base, (size_t)fb->pitch_bytes * fb->height, PROT_R | PROT_W | PMAP_WC);
	return pixels ? 0 : -ENOMEM;
}

struct display *framebuffer_display(void)
{
	static struct display display = {.draw = draw, .attach = attach};
	const struct boot_framebuffer *fb = &boot_info.fb;

	if (!fb->present || fb->ega_text ||
		(fb->bits_per_pixel != 32 && fb->bits_per_pixel != 24) || fb->width > SIDE_MAX ||
		fb->height > SIDE_MAX || fb->pitch_bytes < fb->width * (fb->bits_per_pixel / 8) ||
		fb->pitch_bytes > SIDE_MAX * 4)
		return NULL;
	display.columns = MIN(fb->width / FONT_WIDTH, VT_COLUMNS_MAX);
	display.rows = MIN(fb->height / FONT_HEIGHT, VT_ROWS_MAX);
	return display.columns && display.rows ? &display : NULL;
}
