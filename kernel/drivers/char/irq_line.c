/* Interrupt lines as files, for drivers in user mode. Layer: drivers.
 *
 * A line is registered at its first opening and stays so: its handler counts and wakes, no more. A
 * file remembers the count up to which it has told. Level-triggered lines would need somebody to
 * silence the device before the interrupt ends, so they are refused.
 *
 * Locks: none; the count is written by the handler alone. */
#include <exo/acpi.h>
#include <exo/errno.h>
#include <exo/drivers.h>
#include <exo/fs.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/native.h>
#include <arch/irq.h>

#define LINES 16

static struct line {
	struct once once; /* registering */
	int err;          /* [c after once] */
	u64 count;        /* [a] interrupts so far */
	struct waitqueue wq;
} lines[LINES];

struct reader {
	struct line *line; /* [c] */
	u64 told;          /* [a] */
};

static void count_one(void *arg)
{
	struct line *l = arg;

	__atomic_fetch_add(&l->count, 1, __ATOMIC_RELEASE);
	wake_all(&l->wq, POLL_IN | POLL_RDNORM);
}

static u64 untold(const struct reader *r)
{
	return __atomic_load_n(&r->line->count, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(&r->told, __ATOMIC_RELAXED);
}

static ssize_t line_read(struct file *f, struct uio *u, u64 *pos)
{
	struct reader *r = f->priv;
	u64 told, new;
	int err;

	if (u->left < sizeof(new))
		return -EINVAL;
	for (;;) {
		told = __atomic_load_n(&r->told, __ATOMIC_RELAXED);
		new = __atomic_load_n(&r->line->count, __ATOMIC_ACQUIRE) - told;
		if (new &&__atomic_compare_exchange_n(
			    &r->told, &told, told + new, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			break;
		if (new)
			continue; /* another reader was faster */
		err = file_wait(f, &r->line->wq, untold(r));
		if (err)
			return err;
	}
	return uio_write(u, &new, sizeof(new)) == sizeof(new) ? (ssize_t)sizeof(new) : -EFAULT;
}

static u32 line_poll(struct file *f, struct poll_table *pt)
{
	struct reader *r = f->priv;

	poll_wait(pt, f, &r->line->wq);
	return untold(r) ? POLL_IN | POLL_RDNORM : 0;
}

static const struct file_ops line_ops = {.anon_name = "anon_inode:[interrupt]",
	.exo_type = EXO_TYPE_INTERRUPT,
	.read = line_read,
	.poll = line_poll,
	.release = file_free_priv};

static void line_register(void *arg)
{
	struct line *l = arg;
	u32 n = (u32)(l - lines);
	bool low, level = false;

	waitqueue_init(&l->wq);
	(void)acpi_isa_irq((u8)n, &low, &level);
	l->err = level ? -EOPNOTSUPP : irq_register_isa(n, count_one, l);
}

struct file *irq_line_open(u32 n)
{
	struct reader *r;

	if (n >= LINES)
		return err_ptr(-EINVAL);
	once_run(&lines[n].once, line_register, &lines[n]);
	if (lines[n].err)
		return err_ptr(lines[n].err);
	r = kmalloc(sizeof(*r), ALLOC_KERNEL);
	if (!r)
		return err_ptr(-ENOMEM);
	*r = (struct reader){&lines[n], __atomic_load_n(&lines[n].count, __ATOMIC_ACQUIRE)};
	return file_create_owning(&line_ops, O_RDONLY, r);
}
