/* Text mode of a VGA: 80 by 25 cells of character and attribute at 0xb8000. Layer: drivers.
 * Source: IBM VGA technical reference; code page 437. */
#include "screen_internal.h"
#include <exo/acpi.h>
#include <exo/errno.h>
#include <exo/memory.h>
#include <arch/boot.h>
#include <arch/io.h>
#include <arch/mmu.h>

#define TEXT_BASE    0xb8000u
#define TEXT_BYTES   4096u
#define CRTC_INDEX   0x3d4
#define CRTC_DATA    0x3d5
#define CURSOR_START 0x0a
#define CURSOR_LOW   0x0f
#define CURSOR_OFF   0x20

static volatile u16 *text; /* [c] after the probe; NULL = no VGA */

/* Code page 437 has the boxes. */
static u8 code_to_cp437(u16 code)
{
	static const struct {
		u16 code;
		u8 glyph;
	} extra[] = {{0x2500, 0xc4}, {0x2502, 0xb3}, {0x250c, 0xda}, {0x2510, 0xbf}, {0x2514, 0xc0},
		{0x2518, 0xd9}, {0x251c, 0xc3}, {0x2524, 0xb4}, {0x252c, 0xc2}, {0x2534, 0xc1},
		{0x253c, 0xc5}, {0x2588, 0xdb}, {0x2592, 0xb1}, {0xb0, 0xf8}, {0xb1, 0xf1},
		{0xb7, 0xfa}};

	for (size_t i = 0; i < ARRAY_LEN(extra); i++) {
		if (extra[i].code == code)
			return extra[i].glyph;
	}
	return code_to_ascii(code);
}

static u8 ansi_to_vga(u8 c) /* red and blue change places */
{
	return (u8)((c & 0xa) | (c & 1) << 2 | (c & 4) >> 2);
}

static void draw(struct display *d, u32 row, u32 column, const struct vt_cell *cell)
{
	u8 attribute =
		(u8)(ansi_to_vga(cell->colours >> 4 & 7) << 4 | ansi_to_vga(cell->colours & 15));

	text[row * d->columns + column] = (u16)(attribute << 8 | code_to_cp437(cell->code));
}

static int attach(struct display *d)
{
	arch_out8(CRTC_INDEX, CURSOR_START);
	arch_out8(CRTC_DATA, CURSOR_OFF); /* the screen draws its own */
	return 0;
}

/* The memory alone proves nothing: without a VGA it may be RAM. The cursor's address register keeps
 * what is written only in a VGA. */
static bool crtc_present(void)
{
	u8 kept, seen;

	arch_out8(CRTC_INDEX, CURSOR_LOW);
	kept = arch_in8(CRTC_DATA);
	arch_out8(CRTC_DATA, 0x5a);
	seen = arch_in8(CRTC_DATA);
	arch_out8(CRTC_DATA, kept);
	return seen == 0x5a;
}

struct display *vga_text_display(void)
{
	static struct display display = {.rows = 25, .columns = 80, .draw = draw, .attach = attach};

	if (acpi_info.no_vga || (boot_info.fb.present && !boot_info.fb.ega_text) || !crtc_present())
		return NULL;
	text = ioremap(TEXT_BASE, TEXT_BYTES, PROT_R | PROT_W | PMAP_NOCACHE);
	return text ? &display : NULL;
}
