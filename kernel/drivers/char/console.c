/* /dev/tty, /dev/console, /dev/tty0: names for terminals that are something else's. Layer: drivers.
 * /dev/console is the terminal of the last console= on the command line that exists; without any,
 * the first serial port. Source: console(4), tty(4). */
#include "tty_internal.h"
#include <exo/cmdline.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/posix_x.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>
#include <arch/boot.h>
#include "../drivers_internal.h"

/* Return: NULL when the word names no terminal that exists. */
static struct tty *console_by_word(const char *word)
{
	const char *end;
	u64 line;

	if (!strncmp(word, "ttyS", 4) && !str_to_u64(word + 4, &end, 10, &line) &&
		(!*end || *end == ','))
		return serial_tty((u32)MIN(line, 255ull));
	if (!strncmp(word, "tty", 3) && !str_to_u64(word + 3, NULL, 10, &line))
		return line <= 1 ? screen_tty() : NULL;
	return NULL;
}

static struct tty *console_tty(void)
{
	struct tty *t = NULL, *named;
	const char *word;

	for (u32 i = 0; (word = cmdline_nth("console", i)); i++) {
		named = console_by_word(word);
		if (named)
			t = named;
	}
	if (!t)
		t = serial_tty(0);
	return t ? t : screen_tty();
}

int console_open(struct inode *i, struct file *f)
{
	struct tty *t = console_tty();

	return t ? tty_attach(t, f, TTY_CONSOLE) : -ENODEV;
}

int controlling_open(struct inode *i, struct file *f)
{
	struct tty *t = process_ctty_get();
	int err;

	if (!t)
		return -ENXIO;
	err = tty_attach(t, f, TTY_NO_CONTROL); /* it is the session's already */
	tty_put(t);
	return err;
}

int screen_open(struct inode *i, struct file *f)
{
	struct tty *t = screen_tty();

	/* tty0 names the terminal in front; it never becomes the controlling one */
	return t ? tty_attach(t, f, DEV_MINOR(i->rdev) ? TTY_PLAIN : TTY_NO_CONTROL) : -ENXIO;
}
