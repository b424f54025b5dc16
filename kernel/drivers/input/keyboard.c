/* Keyboard decoding. Layer: drivers. Pure: see keyboard.h. */
#include "keyboard.h"
#include <exo/string.h>

#define RELEASED 0x80u

/* Index = scan code 0x00..0x39. */
static const char plain[] =
	"\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] =
	"\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
static const char keypad[] = "789-456+1230."; /* 0x47..0x53 */

enum {
	KEY_CONTROL = 0x1d,
	KEY_SHIFT_LEFT = 0x2a,
	KEY_SHIFT_RIGHT = 0x36,
	KEY_ALT = 0x38,
	KEY_SPACE = 0x39,
	KEY_CAPS = 0x3a,
	KEY_F1 = 0x3b,
	KEY_F10 = 0x44,
	KEY_NUM = 0x45,
	KEY_PAD_FIRST = 0x47,
	KEY_PAD_LAST = 0x53,
	KEY_F11 = 0x57,
	KEY_F12 = 0x58
};

static bool modifier(struct keyboard *k, u8 key, bool down)
{
	if (key == KEY_CONTROL) {
		*(k->extended ? &k->control_right : &k->control_left) = down;
	} else if (key == KEY_SHIFT_LEFT || key == KEY_SHIFT_RIGHT) {
		if (!k->extended) /* 0xe0 0x2a is a ghost that some keys send */
			*(key == KEY_SHIFT_LEFT ? &k->shift_left : &k->shift_right) = down;
	} else if (key == KEY_ALT) {
		k->alt = down;
	} else if (key == KEY_CAPS || key == KEY_NUM) {
		*(key == KEY_CAPS ? &k->caps_lock : &k->num_lock) ^= down;
	} else {
		return false;
	}
	return true;
}

static u32 put_text(u8 *text, const char *s)
{
	u32 n = (u32)strlen(s);

	memcpy(text, s, n);
	return n;
}

/* Cursor and editing keys, by their place on the keypad 0x47..0x53. */
static u32 place_key(u8 key, bool application_cursor, u8 *text)
{
	static const char *const codes[] = {"\033[1~", "A", "\033[5~", "", "D", "\033[G", "C", "",
		"\033[4~", "B", "\033[6~", "\033[2~", "\033[3~"};
	const char *s = codes[key - KEY_PAD_FIRST];

	if (s[0] >= 'A' && s[0] <= 'D') {
		text[0] = 033;
		text[1] = application_cursor ? 'O' : '[';
		text[2] = (u8)s[0];
		return 3;
	}
	return put_text(text, s);
}

static u32 function_key(u8 key, u8 *text)
{
	static const char *const codes[] = {"\033[[A", "\033[[B", "\033[[C", "\033[[D", "\033[[E",
		"\033[17~", "\033[18~", "\033[19~", "\033[20~", "\033[21~", "\033[23~", "\033[24~"};

	return put_text(text, codes[key <= KEY_F10 ? key - KEY_F1 : key - KEY_F11 + 10]);
}

static u32 character_key(const struct keyboard *k, u8 c, u8 *text)
{
	u32 n = 0;

	if (k->control_left || k->control_right) {
		if (c == ' ' || c == '2')
			c = 0;
		else if (c == '/' || c == '-')
			c = 0x1f;
		else if (c >= '@' && c < 0x7f)
			c &= 0x1f;
	}
	if (k->alt)
		text[n++] = 033;
	text[n++] = c;
	return n;
}

static u32 key_pressed(const struct keyboard *k, u8 key, bool application_cursor, u8 *text)
{
	bool shift = k->shift_left || k->shift_right;
	char c;

	if (key >= KEY_PAD_FIRST && key <= KEY_PAD_LAST) {
		c = keypad[key - KEY_PAD_FIRST];
		if (!k->extended && (k->num_lock || c == '-' || c == '+'))
			return character_key(k, (u8)c, text);
		return place_key(key, application_cursor, text);
	}
	if ((key >= KEY_F1 && key <= KEY_F10) || key == KEY_F11 || key == KEY_F12)
		return function_key(key, text);
	if (key > KEY_SPACE || (k->extended && key != 0x1c && key != 0x35))
		return 0;
	c = plain[key];
	if (c >= 'a' && c <= 'z')
		shift ^= k->caps_lock;
	if (shift && !k->extended)
		c = shifted[key];
	return c ? character_key(k, (u8)c, text) : 0;
}

u32 keyboard_code(struct keyboard *k, u8 code, bool application_cursor, u8 text[KEY_TEXT_MAX])
{
	bool down = !(code & RELEASED);
	u8 key = code & (u8)~RELEASED;
	u32 n = 0;

	if (k->skip) {
		k->skip--;
		return 0;
	}
	if (code == 0xe0) {
		k->extended = true;
		return 0;
	}
	if (code == 0xe1) { /* Pause: five more bytes, all on press */
		k->skip = 5;
		return 0;
	}
	if (!modifier(k, key, down) && down)
		n = key_pressed(k, key, application_cursor, text);
	k->extended = false;
	return n;
}
