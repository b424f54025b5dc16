/* The order in which devices start. Layer: drivers. See exo/drivers.h. */
#include <exo/drivers.h>
#include <exo/log.h>
#include "char/tty_internal.h"
#include "drivers_internal.h"

void drivers_early_init(void)
{
	log_options_init();
	serial_early_init();
}

void drivers_init(void)
{
	int err;

	mem_init();
	kmsg_init();
	serial_init();
	screen_init();
	console_init();
	err = pty_init();
	if (err)
		log_err("pty: error %d", -err);
}

void drivers_init_deferred(void)
{
	screen_attach();
	keyboard_init();
}
