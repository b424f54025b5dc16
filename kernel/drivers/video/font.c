/* The font of the framebuffer console: the 95 printable ASCII characters, drawn 5 by 8 and shown at
 * double height in a cell of 8 by 16 pixels, and lines for boxes. Layer: drivers. Drawn for this
 * project. */
#include "screen_internal.h"

/* Eight rows of five pixels a glyph, top row in bits 39..35, left pixel highest. */
static const u64 glyphs[95] = {0x0000000000, 0x2108420080, 0x5294000000, 0x52beafa940, 0x23e8e2f880,
	0xc644444c60, 0x64a88ac9a0, 0x6110000000, 0x1110841040, 0x4104211100, 0x012aea9000,
	0x0109f21000, 0x0000003088, 0x0001f00000, 0x0000003180, 0x0044444000, 0x74675cc5c0,
	0x23084211c0, 0x74422223e0, 0xf88820c5c0, 0x11952f8840, 0xfc3c10c5c0, 0x3221e8c5c0,
	0xf844442100, 0x7462e8c5c0, 0x7462f08980, 0x0318063000, 0x0318061100, 0x1111041040,
	0x003e0f8000, 0x4104111100, 0x7442220080, 0x746f5bc1c0, 0x7463f8c620, 0xf463e8c7c0,
	0x74610845c0, 0xe4a318cb80, 0xfc21e843e0, 0xfc21e84200, 0x746178c5e0, 0x8c63f8c620,
	0x71084211c0, 0x3884214980, 0x8ca98a4a20, 0x84210843e0, 0x8eeb58c620, 0x8e6b38c620,
	0x746318c5c0, 0xf463e84200, 0x74631ac9a0, 0xf463ea4a20, 0x7c20e087c0, 0xf908421080,
	0x8c6318c5c0, 0x8c6318a880, 0x8c635aee20, 0x8c54454620, 0x8c54421080, 0xf8444443e0,
	0x72108421c0, 0x0410410400, 0x70842109c0, 0x22a2000000, 0x000000001f, 0x4104000000,
	0x001c17c5e0, 0x842d98c7c0, 0x001d1845c0, 0x085b38c5e0, 0x001d1fc1c0, 0x3251c42100,
	0x001f18bc2e, 0x842d98c620, 0x20184211c0, 0x100c210a4c, 0x84254c5240, 0x61084211c0,
	0x00355ad6a0, 0x002d98c620, 0x001d18c5c0, 0x003d18fa10, 0x001f18bc21, 0x002d984200,
	0x001f0707c0, 0x42388424c0, 0x002318cda0, 0x002318a880, 0x00231ad540, 0x0022a22a20,
	0x002318bc2e, 0x003e2223e0, 0x1108821040, 0x2108421084, 0x4108221100, 0x0011510000};

u8 code_to_ascii(u16 code)
{
	if (code >= 0x20 && code < 0x7f)
		return (u8)code;
	if (code == 0xa0)
		return ' ';
	if (code == 0x2500 || code == 0x2010 || code == 0x2013 || code == 0x2014)
		return '-';
	if (code == 0x2502)
		return '|';
	if (code > 0x2502 && code < 0x2580)
		return '+';
	if (code == 0x2018 || code == 0x2019)
		return '\'';
	if (code == 0x201c || code == 0x201d)
		return '"';
	return code >= 0x2580 && code < 0x25a0 ? '#' : '?';
}

/* The arms of the plain box characters 0x2500..0x253c: 1 left, 2 right, 4 up, 8 down. 0 = not one
 * of them. */
static u8 box_arms(u16 code)
{
	/* every fourth code from 0x2500 on */
	static const u8 arms[] = {3, 0, 0, 10, 9, 6, 5, 14, 0, 13, 0, 11, 0, 7, 0, 15};

	if (code == 0x2502)
		return 12;
	return code >= 0x2500 && code <= 0x253c && code % 4 == 0 ? arms[(code - 0x2500) / 4] : 0;
}

u8 font_row(u16 code, u32 row)
{
	u8 arms = box_arms(code), pixels = 0;

	if (!arms)
		return (u8)((glyphs[code_to_ascii(code) - 0x20] >> (5 * (7 - row / 2)) & 0x1f)
			    << 2);
	if (row == 7)
		pixels = (u8)((arms & 1 ? 0xf0 : 0) | (arms & 2 ? 0x1f : 0));
	if ((row <= 7 && (arms & 4)) || (row >= 7 && (arms & 8)))
		pixels |= 0x10;
	return pixels;
}
