/* Scan codes (set 1) to what a terminal's program reads. US layout, keys as console_codes(4).
 * Layer: drivers. Pure. */
#pragma once

#include <exo/types.h>

#define KEY_TEXT_MAX 8u
struct keyboard {
	bool shift_left, shift_right, control_left, control_right, alt, caps_lock, num_lock;
	bool extended; /* 0xe0 came */
	u8 skip;       /* bytes of the Pause key that are left */
};
/* keyboard_code - one byte from the controller. @application_cursor DECCKM. Return: bytes of @text.
 */
u32 keyboard_code(struct keyboard *k, u8 code, bool application_cursor, u8 text[KEY_TEXT_MAX]);
