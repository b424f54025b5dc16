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

static int console_open(struct inode *i, struct file *f)
{
	struct tty *t = console_tty();

	return t ? tty_attach(t, f, &tty_file_ops, true, false) : -ENODEV;
}

static int controlling_open(struct inode *i, struct file *f)
{
	struct tty *t = process_ctty_get();
	u32 flags = f->flags;
	int err;

	if (!t)
		return -ENXIO;
	f->flags |= O_NOCTTY; /* it is the session's already */
	err = tty_attach(t, f, &tty_file_ops, false, false);
	f->flags = flags;
	tty_put(t);
	return err;
}

static int screen_open(struct inode *i, struct file *f)
{
	struct tty *t = screen_tty();
	u32 flags = f->flags;
	int err;

	if (!t)
		return -ENXIO;
	if (DEV_MINOR(i->rdev) ==
		0) /* tty0 names the terminal in front; it never becomes the controlling one */
		f->flags |= O_NOCTTY;
	err = tty_attach(t, f, &tty_file_ops, false, false);
	f->flags = flags;
	return err;
}

void console_init(void)
{
	int err = chardev_register(5, 0, 1, controlling_open);

	if (!err)
		err = chardev_register(5, 1, 1, console_open);
	if (!err)
		err = chardev_register(4, 0, 2, screen_open);
	if (!err)
		err = devfs_create("tty", S_IFCHR | 0666, MKDEV(5, 0));
	if (!err)
		err = devfs_create("console", S_IFCHR | 0600, MKDEV(5, 1));
	if (!err && screen_tty()) {
		err = devfs_create("tty0", S_IFCHR | 0620, MKDEV(4, 0));
		if (!err)
			err = devfs_create("tty1", S_IFCHR | 0620, MKDEV(4, 1));
	}
	if (err)
		log_err("console: error %d", -err);
}
