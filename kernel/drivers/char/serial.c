/* 16550 serial ports: ttyS0..ttyS3, and the log's console on one of them. Layer: drivers.
 *
 * Output of the terminal leaves by the transmit interrupt, 16 bytes a time; the log writes by
 * polling, in any context. Both take the port's lock around "the transmitter is empty, so 16 bytes
 * fit". Input stays in the chip while the line discipline has no room, so a fast sender with flow
 * control (QEMU's stdio) loses nothing. Source: TI PC16550D data sheet. */
#include "tty_internal.h"
#include <exo/acpi.h>
#include <exo/cmdline.h>
#include <exo/drivers.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>
#include <arch/io.h>
#include <arch/irq.h>
#include <arch/uaccess.h>
#include "../drivers_internal.h"

#define PORTS             4u
#define SERIAL_MINOR      64u
#define OUT_BYTES         4096u
#define FIFO_BYTES        16u
#define CLOCK_BAUD        115200u
#define SPINS_MAX         200000u /* one FIFO at 1200 baud, in reads of the port */
#define CONSOLE_TRIES_MAX 4096u   /* FIFOs a line; half of them may be lost to the terminal */
#define IRQ_ROUNDS_MAX    64u

enum { RBR, THR = 0, DLL = 0, IER, DLM = 1, IIR, FCR = 2, LCR, MCR, LSR, MSR, SCR };
#define IER_RX    1u
#define IER_TX    2u
#define IIR_NONE  1u
#define FCR_ON    0x07u /* FIFOs on and emptied, interrupt at the first byte */
#define LCR_8N1   3u
#define LCR_DLAB  0x80u
#define MCR_ON    0x0bu /* DTR, RTS, OUT2: the interrupt line */
#define LSR_DATA  1u
#define LSR_BREAK 0x10u
#define LSR_EMPTY 0x20u

struct uart {
	struct tty tty;  /* first */
	u16 port;        /* [c] I/O base */
	u8 isa_irq;      /* [c] */
	bool present;    /* [c] */
	bool interrupts; /* [c] after serial_init */
	spinlock_t lock; /* CONSOLE: transmitter and IER. Taken under tty.lock */
	u8 ier;          /* [lock] */
	u8 mcr;          /* [lock] */
	struct console console;
};
static struct uart uarts[PORTS] = {
	{.port = 0x3f8, .isa_irq = 4},
	{.port = 0x2f8, .isa_irq = 3},
	{.port = 0x3e8, .isa_irq = 4},
	{.port = 0x2e8, .isa_irq = 3},
};

static struct uart *uart_of(struct tty *t)
{
	return container_of(t, struct uart, tty);
}
static u8 reg_get(const struct uart *p, u16 reg)
{
	return arch_in8((u16)(p->port + reg));
}
static void reg_set(const struct uart *p, u16 reg, u8 v)
{
	arch_out8((u16)(p->port + reg), v);
}

static bool probe(const struct uart *p)
{
	reg_set(p, SCR, 0x5a);
	if (reg_get(p, SCR) != 0x5a)
		return false;
	reg_set(p, SCR, 0xa5);
	return reg_get(p, SCR) == 0xa5;
}

static void speed_set(const struct uart *p, u32 baud)
{
	u32 divisor = baud && baud <= CLOCK_BAUD ? CLOCK_BAUD / baud : 1;

	reg_set(p, LCR, LCR_8N1 | LCR_DLAB);
	reg_set(p, DLL, (u8)divisor);
	reg_set(p, DLM, (u8)(divisor >> 8));
	reg_set(p, LCR, LCR_8N1);
}

static void chip_init(struct uart *p, u32 baud)
{
	reg_set(p, IER, 0);
	speed_set(p, baud);
	reg_set(p, FCR, FCR_ON);
	p->mcr = MCR_ON;
	reg_set(p, MCR, MCR_ON);
}

/* ---- the log's console ---- */

static bool wait_empty(const struct uart *p)
{
	for (u32 i = 0; i < SPINS_MAX; i++) {
		if (reg_get(p, LSR) & LSR_EMPTY)
			return true;
		arch_cpu_relax();
	}
	return false; /* no such line speed: the chip is broken, text is lost rather than the CPU */
}

/* Sends up to a FIFO of @text with '\n' as "\r\n". Return: bytes of @text used. */
static size_t send_text(const struct uart *p, const char *text, size_t len)
{
	size_t used = 0;
	u32 room = FIFO_BYTES;

	while (used < len && room) {
		if (text[used] == '\n') {
			if (room < 2)
				break;
			reg_set(p, THR, '\r');
			room--;
		}
		reg_set(p, THR, (u8)text[used++]);
		room--;
	}
	return used;
}

/* Waits without the lock and with interrupts as they were; another sender may fill the FIFO in
 * between, so it is looked at again. */
static void console_write(struct console *c, const char *text, size_t len)
{
	struct uart *p = container_of(c, struct uart, console);

	for (u32 tries = 0; len && tries < CONSOLE_TRIES_MAX && wait_empty(p); tries++) {
		bool locked = false;
		ulong flags = arch_irq_save();

		for (u32 i = 0; !locked && i < SPINS_MAX && !log_panicking(); i++)
			locked = spin_trylock(&p->lock);
		if (reg_get(p, LSR) & LSR_EMPTY) {
			size_t n = send_text(p, text, len);

			text += n;
			len -= n;
		}
		if (locked)
			spin_unlock(&p->lock);
		arch_irq_restore(flags);
	}
}

/* "ttyS1,9600n8" -> line and speed. */
static struct uart *console_option(const char *word, u32 *baud)
{
	const char *end;
	u64 line, speed;

	*baud = CLOCK_BAUD;
	if (strncmp(word, "ttyS", 4) || str_to_u64(word + 4, &end, 10, &line) || line >= PORTS)
		return NULL;
	if (*end == ',' && !str_to_u64(end + 1, &end, 10, &speed) && speed >= 50 &&
		speed <= CLOCK_BAUD)
		*baud = (u32)speed;
	return &uarts[line];
}

/* Looks for the chip, unless it was found before. */
static bool find(struct uart *p, u32 baud)
{
	if (!p->present) {
		spin_init(&p->lock, RANK_CONSOLE);
		p->present = probe(p);
		if (p->present)
			chip_init(p, baud);
	}
	return p->present;
}

static void console_start(struct uart *p, u32 baud)
{
	if (p->present || !find(p, baud))
		return;
	p->console = (struct console){.write = console_write};
	log_console_register(&p->console);
}

void serial_early_init(void)
{
	const char *word;
	u32 baud;

	for (u32 i = 0; (word = cmdline_nth("console", i)); i++) {
		struct uart *p = console_option(word, &baud);

		if (p)
			console_start(p, baud);
	}
	if (!cmdline_has("console")) /* nobody chose: the first port has the log too */
		console_start(&uarts[0], CLOCK_BAUD);
}

/* ---- the terminal ---- */

static void ier_set(struct uart *p, u8 ier)
{
	if (p->ier != ier && p->interrupts) {
		p->ier = ier;
		reg_set(p, IER, ier);
	}
}

/* Fills the FIFO while it is empty. [tty.lock] */
static void uart_start(struct tty *t)
{
	struct uart *p = uart_of(t);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&p->lock);
	u8 fifo[FIFO_BYTES];
	u32 ready;

	while ((ready = ldisc_output_ready(&t->ld)) &&
		((reg_get(p, LSR) & LSR_EMPTY) || (!p->interrupts && wait_empty(p)))) {
		u32 n = ring_take(&t->ld.out, fifo, MIN(ready, FIFO_BYTES));

		for (u32 i = 0; i < n; i++)
			reg_set(p, THR, fifo[i]);
		t->ld.effects |= LD_DRAINED;
	}
	ier_set(p, ready ? p->ier | IER_TX : p->ier & (u8)~IER_TX);
}

/* Takes what the chip received while the discipline has room; without room the receive interrupt is
 * turned off. [tty.lock] */
static void receive(struct uart *p)
{
	struct ldisc *ld = &p->tty.ld;
	u8 status = 0;

	while (ldisc_input_room(ld) > FIFO_BYTES && ((status = reg_get(p, LSR)) & LSR_DATA)) {
		u8 c = reg_get(p, RBR);

		if (status & LSR_BREAK)
			ldisc_input_break(ld);
		else
			ldisc_input(ld, &c, 1);
	}
	spinlock_t *held SCOPED(spin_release) = spin_hold(&p->lock);
	ier_set(p, ldisc_input_room(ld) > FIFO_BYTES ? p->ier | IER_RX : p->ier & (u8)~IER_RX);
}

static void uart_input_room(struct tty *t)
{
	struct uart *p = uart_of(t);

	if (READ_ONCE(p->ier) & IER_RX)
		return;
	tty_lock(t);
	receive(p);
	tty_unlock(t);
}

static void uart_interrupt(void *arg)
{
	struct uart *p = arg;
	u32 rounds = 0;

	while (!(reg_get(p, IIR) & IIR_NONE) && rounds++ < IRQ_ROUNDS_MAX) {
		tty_lock(&p->tty);
		receive(p);
		uart_start(&p->tty);
		(void)reg_get(p, MSR);
		tty_unlock(&p->tty);
	}
	if (rounds > IRQ_ROUNDS_MAX) { /* still asking: the line is edge triggered, so make it fall
					  and rise again */
		struct spin_guard g SCOPED(spin_unguard) = spin_guard(&p->lock);

		reg_set(p, IER, 0);
		reg_set(p, IER, p->ier);
	}
}

static void uart_termios_changed(struct tty *t)
{
	struct uart *p = uart_of(t);
	struct tty *held SCOPED(tty_release) = tty_hold(t);
	spinlock_t *chip SCOPED(spin_release) = spin_hold(&p->lock);

	if (t->ld.t.ospeed)
		speed_set(p, t->ld.t.ospeed);
}

static long modem_set(struct uart *p, u32 cmd, u32 bits)
{
	u8 want = (u8)((bits & TIOCM_DTR ? 1 : 0) | (bits & TIOCM_RTS ? 2 : 0));
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&p->lock);

	p->mcr = cmd == TIOCMBIS   ? p->mcr | want
		 : cmd == TIOCMBIC ? p->mcr & (u8)~want
				   : (u8)((p->mcr & ~3) | want);
	reg_set(p, MCR, p->mcr);
	return 0;
}

static long uart_ioctl(struct tty *t, u32 cmd, u64 arg)
{
	struct uart *p = uart_of(t);
	u32 USER *user = (u32 USER *)(uintptr_t)arg;
	u32 bits;
	u8 msr;

	switch (cmd) {
	case TIOCMGET:
		msr = reg_get(p, MSR);
		bits = (p->mcr & 1 ? TIOCM_DTR : 0) | (p->mcr & 2 ? TIOCM_RTS : 0) |
		       (msr & 0x10 ? TIOCM_CTS : 0) | (msr & 0x20 ? TIOCM_DSR : 0) |
		       (msr & 0x40 ? TIOCM_RNG : 0) | (msr & 0x80 ? TIOCM_CAR : 0);
		return put_user_u32(user, bits);
	case TIOCMBIS:
	case TIOCMBIC:
	case TIOCMSET:
		return get_user_u32(user, &bits) ? -EFAULT : modem_set(p, cmd, bits);
	}
	return -ENOTTY;
}

static const struct tty_ops uart_ops = {
	.start = uart_start,
	.input_room = uart_input_room,
	.termios_changed = uart_termios_changed,
	.ioctl = uart_ioctl,
};

struct tty *serial_tty(u32 line)
{
	return line < PORTS && uarts[line].tty.refs ? &uarts[line].tty : NULL;
}

static int serial_open(struct inode *i, struct file *f)
{
	struct tty *t = serial_tty(DEV_MINOR(i->rdev) - SERIAL_MINOR);

	return t ? tty_attach(t, f, TTY_PLAIN) : -ENXIO;
}

static int line_init(struct uart *p, u32 line)
{
	char name[8];
	int err = tty_init(&p->tty, &uart_ops, MKDEV(4, SERIAL_MINOR + line), OUT_BYTES);

	if (err)
		return err;
	p->tty.ld.t.base.cflag = B115200 | CS8 | CREAD | HUPCL | CLOCAL;
	p->tty.ld.t.ispeed = p->tty.ld.t.ospeed = CLOCK_BAUD;
	err = irq_register_isa(p->isa_irq, uart_interrupt, p);
	if (!err) {
		struct spin_guard g SCOPED(spin_unguard) = spin_guard(&p->lock);

		p->interrupts = true;
		ier_set(p, IER_RX);
	} else {
		log_warn("ttyS%u: no interrupt, so no input: error %d", line, -err);
	}
	snprintf(name, sizeof(name), "ttyS%u", line);
	return devfs_create(name, S_IFCHR | 0620, p->tty.rdev);
}

void serial_init(void)
{
	int err = chardev_register(4, SERIAL_MINOR, PORTS, serial_open);

	for (u32 i = 0; i < PORTS && !err; i++) {
		if (find(&uarts[i], CLOCK_BAUD))
			err = line_init(&uarts[i], i);
	}
	if (err)
		log_err("serial: error %d", -err);
}
