/* /dev/kmsg: the log as records, and lines of user space into it. Layer: drivers.
 * A line may be logged where no wake-up is possible (under the scheduler's own locks, in an NMI),
 * so readers are not woken by the logger: while somebody has the file open, a timer looks for new
 * lines. Source: Linux's Documentation/ABI/testing/dev-kmsg. */
#include <exo/drivers.h>
#include <exo/errno.h>
#include <exo/fs.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo/time.h>
#include <exo_abi/linux_fs.h>
#include "../drivers_internal.h"

#define LOOK_NS  (100 * NS_PER_MS)
#define LINE_MAX (LOG_LINE_MAX - 1)

struct kmsg {                             /* an open file */
	struct mutex lock;                /* S_PIPE: one reader at a time */
	u64 seq;                          /* [lock] next record */
	struct log_record record;         /* [lock] too big for a stack */
	char text[2 * LOG_LINE_MAX + 64]; /* [lock] */
};
static struct waitqueue kmsg_wq;
static spinlock_t look_lock; /* TIMER: opens, look_seen */
static u32 opens;            /* [look_lock] */
static u64 look_seen;        /* [look_lock] */
static struct timer look_timer;

static void look(struct timer *t)
{
	ulong flags = spin_lock_irq(&look_lock);
	bool news = look_seen != log_head(), again = opens > 0;

	look_seen = log_head();
	spin_unlock_irq(&look_lock, flags);
	if (news)
		wake_all(&kmsg_wq, POLL_IN | POLL_RDNORM);
	if (again)
		timer_start(t, clock_monotonic() + LOOK_NS);
}

void log_wait_begin(void)
{
	ulong flags = spin_lock_irq(&look_lock);
	bool first = opens++ == 0;

	spin_unlock_irq(&look_lock, flags);
	if (first)
		timer_start(&look_timer, clock_monotonic() + LOOK_NS);
}

void log_wait_end(void)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&look_lock);

	opens--; /* the timer stops by itself */
}

int log_wait(u64 seq)
{
	return wait_event(&kmsg_wq, log_head() != seq);
}

/* "level,sequence,microseconds,-;text\n"; bytes that are not printable as \xNN. */
static size_t record_text(const struct log_record *r, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "%u,%llu,%llu,-;", r->level,
		(unsigned long long)r->seq, (unsigned long long)(r->time_ns / NS_PER_US));

	for (u32 i = 0; i < r->len && n + 6 < size; i++) {
		u8 c = (u8)r->text[i];

		/* a further line of the record begins with a blank */
		if (c == '\n' && n + 7 < size)
			n += (size_t)snprintf(out + n, size - n, "\n ");
		else if (c < 0x20 || c >= 0x7f || c == '\\')
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
		else
			out[n++] = (char)c;
	}
	out[n++] = '\n';
	return n;
}

/* The next record. 0 = there is none. */
static ssize_t read_one(struct kmsg *k, struct uio *u)
{
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&k->lock);
	u64 wanted = k->seq;
	size_t n;

	if (!log_next(&k->seq, &k->record))
		return 0;
	n = record_text(&k->record, k->text, sizeof(k->text));
	if ((!wanted || k->record.seq == wanted) && n <= u->left)
		return uio_write(u, k->text, n) == n ? (ssize_t)n : -EFAULT;
	k->seq = k->record.seq;
	/* lines may have been overwritten before they were read */
	return wanted && k->seq != wanted ? -EPIPE : -EINVAL;
}

static ssize_t kmsg_read(struct file *f, struct uio *u, u64 *pos)
{
	for (;;) {
		u64 end = log_head();
		ssize_t n = read_one(f->priv, u);

		if (!n)
			n = f->flags & O_NONBLOCK ? -EAGAIN : log_wait(end);
		if (n)
			return n;
	}
}

/* "<level>text" or plain text: one line a write. */
static ssize_t kmsg_write(struct file *f, struct uio *u, u64 *pos)
{
	char text[LINE_MAX];
	size_t len = u->left, n = uio_read(u, text, MIN(len, sizeof(text) - 1));
	u64 level = LOG_WARNING;
	const char *p = text;

	if (len && !n)
		return -EFAULT;
	if (len >= sizeof(text))
		return -EINVAL;
	text[n] = 0;
	if (*p == '<' && !str_to_u64(p + 1, &p, 10, &level) && *p == '>')
		p++;
	else
		p = text, level = LOG_WARNING;
	level &= 0xff; /* facility in the upper bits; the kernel's own cannot be claimed */
	log_printf((enum log_level)(level < LOG_FACILITY_USER ? level + LOG_FACILITY_USER : level),
		"%s", p);
	return (ssize_t)len;
}

static s64 kmsg_seek(struct file *f, s64 offset, int whence)
{
	struct kmsg *k = f->priv;

	if (offset)
		return -ESPIPE;
	if (whence != SEEK_SET && whence != SEEK_END && whence != SEEK_DATA)
		return -EINVAL;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&k->lock);
	k->seq = whence == SEEK_END ? log_head() : 0;
	return 0;
}

static u32 kmsg_poll(struct file *f, struct poll_table *pt)
{
	struct kmsg *k = f->priv;

	poll_wait(pt, f, &kmsg_wq);
	return POLL_OUT | POLL_WRNORM |
	       (READ_ONCE(k->seq) < log_head() ? POLL_IN | POLL_RDNORM : 0);
}

static void kmsg_release(struct file *f)
{
	log_wait_end();
	kfree(f->priv);
}

static const struct file_ops kmsg_ops = {
	.read = kmsg_read,
	.write = kmsg_write,
	.seek = kmsg_seek,
	.poll = kmsg_poll,
	.release = kmsg_release,
};

int kmsg_open(struct inode *i, struct file *f)
{
	struct kmsg *k = kzalloc(sizeof(*k), ALLOC_KERNEL);

	if (!k)
		return -ENOMEM;
	mutex_init(&k->lock, RANK_S_PIPE);
	f->priv = k;
	f->ops = &kmsg_ops;
	f->mode |= FMODE_STREAM;
	log_wait_begin();
	return 0;
}

void kmsg_init(void)
{
	waitqueue_init(&kmsg_wq);
	spin_init(&look_lock, RANK_TIMER);
	timer_init(&look_timer, look);
}
