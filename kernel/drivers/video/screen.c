/* The terminal of the screen, /dev/tty1: its output goes through the VT102 machine to whatever
 * display there is. Layer: drivers.
 *
 * The cells live from drivers_init on; the display is attached in the deferred phase and painted by
 * difference: only cells that changed since the last painting are drawn, so a scroll costs what it
 * shows. Terminal output is worked off by a worker thread; the log writes at once, in any context.
 * Locks: screen_lock (CONSOLE) guards the machine and the painted cells. */
#include "screen_internal.h"
#include <exo/cmdline.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <arch/uaccess.h>
#include "../char/tty_internal.h"
#include "../drivers_internal.h"

#define OUT_BYTES    4096u
#define CHUNK_BYTES  256u
#define CHUNKS_A_RUN 32u
#define SPINS_MAX    100000u

static struct tty tty;
static struct display *display; /* [c] after screen_init; NULL = no screen */
static spinlock_t screen_lock;
static struct vt vt; /* [screen_lock] */
/* [screen_lock] [rows][columns] what the display shows; NULL = not attached yet */
static struct vt_cell *painted;
static struct work output_work;
/* [screen_lock] KD_GRAPHICS: a program draws itself, we do not until a panic */
static u32 screen_mode;
static u32 keyboard_mode = K_UNICODE; /* [a] */

struct tty *screen_tty(void)
{
	return tty.refs ? &tty : NULL;
}

bool screen_application_cursor(void)
{
	return READ_ONCE(vt.application_cursor);
}

u32 screen_keyboard_mode(void)
{
	return READ_ONCE(keyboard_mode);
}

/* [screen_lock] */
static void paint_row(u32 row)
{
	if (screen_mode == KD_GRAPHICS && !log_panicking())
		return;
	for (u32 c = 0; c < vt.columns; c++) {
		struct vt_cell cell = vt_row(&vt, row)[c], *old = &painted[row * vt.columns + c];

		if (vt.cursor_visible && row == vt.pen.row && c == vt.pen.column)
			cell.colours = (u8)(cell.colours << 4 | cell.colours >> 4);
		if (memcmp(&cell, old, sizeof(cell))) {
			*old = cell;
			display->draw(display, row, c, &cell);
		}
	}
}

static void paint(void)
{
	if (!READ_ONCE(painted))
		return;
	for (u32 row = 0; row < vt.rows; row++) { /* interrupts come in between rows */
		struct spin_guard g SCOPED(spin_unguard) = spin_guard(&screen_lock);

		paint_row(row);
	}
}

/* Return: bytes moved from the terminal's ring to the screen. */
static u32 work_chunk(void)
{
	u8 buf[CHUNK_BYTES], answer[VT_REPLY_MAX];
	u32 n, answer_len;
	ulong flags;

	tty_lock(&tty);
	n = ring_take(&tty.ld.out, buf, MIN(ldisc_output_ready(&tty.ld), CHUNK_BYTES));
	if (n)
		tty.ld.effects |= LD_DRAINED;
	tty_unlock(&tty);
	flags = spin_lock_irq(&screen_lock);
	vt_write(&vt, buf, n);
	answer_len = vt.reply_len;
	memcpy(answer, vt.reply, answer_len);
	vt.reply_len = 0;
	spin_unlock_irq(&screen_lock, flags);
	if (answer_len)
		tty_receive(&tty, answer, answer_len);
	return n;
}

static void output_run(struct work *w)
{
	u32 chunks = 0;

	while (chunks < CHUNKS_A_RUN && work_chunk())
		chunks++;
	paint();
	if (chunks == CHUNKS_A_RUN)
		(void)work_queue(w); /* there may be more; others of the queue come first */
}

static void screen_start(struct tty *t)
{
	(void)work_queue(&output_work);
}

static void screen_mode_set(u32 mode)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&screen_lock);

	if (painted) /* who knows what the program drew */
		memset(painted, 0xff, sizeof(*painted) * vt.rows * vt.columns);
	screen_mode = mode;
	(void)work_queue(&output_work);
}

/* For programs that draw themselves. There is one console, always in front: nobody is asked to
 * leave it, and none is free. */
static long screen_ioctl(struct tty *t, u32 cmd, u64 arg)
{
	static const struct linux_vt_stat state = {.active = 1, .state = BIT(0) | BIT(1)};
	static u64 vt_mode; /* [a] struct linux_vt_mode */
	void USER *user = (void USER *)(uintptr_t)arg;
	u64 new;

	switch (cmd) {
	case KDGKBTYPE:
		return copy_to_user(user, &(u8){KB_101}, 1);
	case KDGETMODE:
		return put_user_u32(user, READ_ONCE(screen_mode));
	case KDGKBMODE:
		return put_user_u32(user, screen_keyboard_mode());
	case VT_OPENQRY:
		return put_user_u32(user, ~0u);
	case VT_GETSTATE:
		return copy_to_user(user, &state, sizeof(state));
	case VT_GETMODE:
		return put_user_u64(user, READ_ONCE(vt_mode));
	}
	if (cmd >> 8 != 'K' && cmd >> 8 != 'V')
		return -ENOTTY;
	if (!tty_is_controlling(t) && !cred_capable(current->cred, LCAP_SYS_TTY_CONFIG))
		return -EPERM;
	switch (cmd) {
	case KDSETMODE:
		if (arg <= KD_TEXT1)
			screen_mode_set(arg == KD_GRAPHICS);
		return arg <= KD_TEXT1 ? 0 : -EINVAL;
	case KDSKBMODE:
		if (arg > K_OFF || arg == K_MEDIUMRAW)
			return -EINVAL;
		WRITE_ONCE(keyboard_mode, (u32)arg);
		return 0;
	case VT_SETMODE:
		if (get_user_u64(user, &new))
			return -EFAULT;
		if ((u8) new > VT_PROCESS)
			return -EINVAL;
		WRITE_ONCE(vt_mode, new);
		return 0;
	case VT_RELDISP:
		return (u8)vt_mode == VT_PROCESS && arg == VT_ACKACQ ? 0 : -EINVAL;
	case VT_ACTIVATE:
	case VT_WAITACTIVE:
		return arg == 1 ? 0 : -ENXIO;
	}
	return -ENOTTY;
}

static const struct tty_ops screen_ops = {
	.start = screen_start, .ioctl = screen_ioctl, .resets_on_hangup = true};

/* The log: in any context, so it paints itself instead of asking a thread. */
static void log_write(struct console *c, const char *text, size_t len)
{
	bool locked = false;
	ulong flags = arch_irq_save();

	for (u32 i = 0; !locked && i < SPINS_MAX && !log_panicking(); i++)
		locked = spin_trylock(&screen_lock);
	if (locked || log_panicking()) {
		for (size_t i = 0; i < len; i++) {
			if (text[i] == '\n')
				vt_write(&vt, (const u8 *)"\r", 1);
			vt_write(&vt, (const u8 *)text + i, 1);
		}
		for (u32 row = 0; row < vt.rows && painted; row++)
			paint_row(row);
	}
	if (locked)
		spin_unlock(&screen_lock);
	arch_irq_restore(flags);
}

/* Does the log go to the screen? When the command line says so or says nothing. */
static bool log_wanted(void)
{
	const char *word;

	for (u32 i = 0; (word = cmdline_nth("console", i)); i++) {
		if (!strcmp(word, "tty0") || !strcmp(word, "tty1") || !strcmp(word, "tty"))
			return true;
	}
	return !cmdline_has("console");
}

void screen_init(void)
{
	struct vt_cell *cells;

	spin_init(&screen_lock, RANK_CONSOLE);
	work_init(&output_work, output_run);
	display = framebuffer_display();
	if (!display)
		display = vga_text_display();
	if (!display)
		return;
	cells = kmalloc(sizeof(*cells) * display->rows * display->columns, ALLOC_KERNEL);
	if (!cells || tty_init(&tty, &screen_ops, MKDEV(4, 1), OUT_BYTES)) {
		kfree(cells);
		display = NULL;
		log_err("screen: out of memory");
		return;
	}
	vt_init(&vt, cells, display->rows, display->columns);
	tty.ld.t.base.iflag |= IUTF8;
	tty.size = (struct linux_winsize){
		.rows = (u16)display->rows, .columns = (u16)display->columns};
}

void screen_attach(void)
{
	static struct console console = {.write = log_write};
	struct vt_cell *cells;
	size_t bytes;
	int err;

	if (!display)
		return;
	bytes = sizeof(*cells) * display->rows * display->columns;
	cells = kmalloc(bytes, ALLOC_KERNEL);
	err = cells ? display->attach(display) : -ENOMEM;
	if (err) {
		kfree(cells);
		log_err("screen: error %d", -err);
		return;
	}
	memset(cells, 0xff, bytes); /* no cell looks so: everything is drawn once */
	__atomic_store_n(&painted, cells, __ATOMIC_RELEASE);
	paint();
	if (log_wanted())
		log_console_register(&console);
}
