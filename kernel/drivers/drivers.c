/* The order in which devices start. Layer: drivers. See exo/drivers.h. */
#include <exo/drivers.h>
#include <exo/log.h>
#include <exo_abi/linux_fs.h>
#include "char/tty_internal.h"
#include "drivers_internal.h"

/* Devices with a node in /dev from the start. */
static const struct {
	const char *name;
	u32 mode, major, minor;
	int (*open)(struct inode *i, struct file *f);
} nodes[] = {
	{"null", 0666, 1, 3, mem_open},
	{"zero", 0666, 1, 5, mem_open},
	{"full", 0666, 1, 7, mem_open},
	{"random", 0666, 1, 8, mem_open},
	{"urandom", 0666, 1, 9, mem_open},
	{"mem", 0600, 1, 1, mem_open},
	{"kmsg", 0644, 1, 11, kmsg_open},
	{"tty", 0666, 5, 0, controlling_open},
	{"console", 0600, 5, 1, console_open},
	{"ptmx", 0666, 5, 2, ptmx_open},
	{"tty0", 0620, 4, 0, screen_open}, /* these two where there is a screen */
	{"tty1", 0620, 4, 1, screen_open},
};

void drivers_early_init(void)
{
	log_options_init();
	serial_early_init();
}

void drivers_init(void)
{
	int err;

	kmsg_init();
	serial_init();
	screen_init();
	err = pty_init();
	for (u32 i = 0; i < ARRAY_LEN(nodes) - (screen_tty() ? 0 : 2) && !err; i++) {
		err = chardev_register(nodes[i].major, nodes[i].minor, 1, nodes[i].open);
		if (!err)
			err = devfs_create(nodes[i].name, S_IFCHR | nodes[i].mode,
				MKDEV(nodes[i].major, nodes[i].minor));
	}
	if (err)
		log_err("drivers: error %d", -err);
}

void drivers_init_deferred(void)
{
	screen_attach();
	keyboard_init();
}
