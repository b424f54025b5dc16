/* PS/2 keyboard on an i8042 controller. Layer: drivers. Every wait is bounded: a machine without
 * the chip boots all the same. Source: IBM PS/2 technical reference, keyboard and auxiliary device
 * controller. */
#include "keyboard.h"
#include <exo/acpi.h>
#include <exo/log.h>
#include <exo/tty.h>
#include <arch/io.h>
#include <arch/irq.h>
#include "../char/tty_internal.h"
#include "../drivers_internal.h"

#define DATA             0x60
#define STATUS           0x64
#define COMMAND          0x64
#define STATUS_OUT       1u /* a byte for us */
#define STATUS_IN        2u /* the controller is busy */
#define STATUS_AUX       0x20u
#define WAIT_US_MAX      20000u
#define DRAIN_MAX        64u
#define CONFIG_IRQ       0x01u
#define CONFIG_AUX_IRQ   0x02u
#define CONFIG_OFF       0x10u
#define CONFIG_TRANSLATE 0x40u

static struct keyboard keyboard; /* [interrupt] one at a time: the line is edge triggered and not
				    sent to two CPUs at once */

static bool wait_status(u8 bit, bool on)
{
	for (u32 us = 0; us < WAIT_US_MAX; us++) {
		if (!(arch_in8(STATUS) & bit) == !on)
			return true;
		arch_io_delay();
	}
	return false;
}

static int read_byte(void)
{
	return wait_status(STATUS_OUT, true) ? arch_in8(DATA) : -1;
}

static bool send(u16 port, u8 c)
{
	if (!wait_status(STATUS_IN, false))
		return false;
	arch_out8(port, c);
	return true;
}

static void drain(void)
{
	for (u32 i = 0; i < DRAIN_MAX && (arch_in8(STATUS) & STATUS_OUT); i++)
		(void)arch_in8(DATA);
}

static void interrupt(void *arg)
{
	struct tty *t = arg;
	u8 text[KEY_TEXT_MAX];

	for (u32 i = 0; i < DRAIN_MAX; i++) {
		u8 status = arch_in8(STATUS), code;
		u32 n;

		if (!(status & STATUS_OUT))
			break;
		code = arch_in8(DATA);
		if (status & STATUS_AUX)
			continue;
		n = keyboard_code(&keyboard, code, screen_application_cursor(), text);
		if (screen_keyboard_mode() == K_RAW) {
			text[0] = code;
			n = 1;
		}
		if (n && screen_keyboard_mode() != K_OFF)
			tty_receive(t, text, n);
	}
}

/* Turns the keyboard on with translation to set 1. */
static bool controller_init(void)
{
	int config;

	/* both devices off while we set up */
	if (arch_in8(STATUS) == 0xff || !send(COMMAND, 0xad) || !send(COMMAND, 0xa7))
		return false;
	drain();
	if (!send(COMMAND, 0x20))
		return false;
	config = read_byte();
	if (config < 0)
		return false;
	config = (config | (int)(CONFIG_IRQ | CONFIG_TRANSLATE)) &
		 ~(int)(CONFIG_AUX_IRQ | CONFIG_OFF);
	if (!send(COMMAND, 0x60) || !send(DATA, (u8)config) || !send(COMMAND, 0xae) ||
		!send(DATA, 0xf4)) /* keyboard on, start scanning */
		return false;
	return read_byte() == 0xfa;
}

void keyboard_init(void)
{
	struct tty *t = screen_tty();

	if (!t || !acpi_info.has_8042)
		return;
	if (!controller_init()) {
		log_info("i8042: no keyboard");
		return;
	}
	if (irq_register_isa(1, interrupt, t))
		log_warn("i8042: no interrupt");
	drain();
}
