/* Text files made by a function: struct seq, and the file operations that serve it. Layer: fs.
 * The text is made whole at the first read and again whenever a read starts at 0, so that one
 * reader sees one moment. Limits: SEQ_BYTES_MAX a text, STORE_BYTES_MAX a write. */
#include "synth_internal.h"

#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/string.h>

#define SEQ_BYTES_MIN   1024u
#define SEQ_BYTES_MAX   (4u << 20)
#define STORE_BYTES_MAX 4096u

struct text_file {         /* file->priv */
	struct mutex lock; /* S_INODE (what is shown may take spaces): seq */
	struct seq seq;
	bool filled;
};

char *seq_room(struct seq *s, size_t more)
{
	size_t size = MAX(s->size, (size_t)SEQ_BYTES_MIN);
	char *buf;

	if (s->len + more + 1 <= s->size)
		return s->buf + s->len;
	while (size < s->len + more + 1)
		size *= 2;
	buf = size <= SEQ_BYTES_MAX ? krealloc(s->buf, size, ALLOC_KERNEL) : NULL;
	if (!buf) {
		s->overflow = true;
		return NULL;
	}
	s->buf = buf;
	s->size = size;
	return s->buf + s->len;
}

void seq_write(struct seq *s, const void *data, size_t len_bytes)
{
	char *room = seq_room(s, len_bytes);

	if (!room)
		return;
	memcpy(room, data, len_bytes);
	s->len += len_bytes;
}

void seq_printf(struct seq *s, const char *fmt, ...)
{
	va_list ap;
	char *room;
	size_t n;

	va_start(ap, fmt);
	n = (size_t)vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	room = seq_room(s, n);
	if (!room)
		return;
	va_start(ap, fmt);
	vsnprintf(room, n + 1, fmt, ap);
	va_end(ap);
	s->len += n;
}

static const struct file_ops text_ops;

int synth_text_open(struct inode *i, struct file *f)
{
	struct text_file *tf = kzalloc(sizeof(*tf), ALLOC_KERNEL);

	if (!tf)
		return -ENOMEM;
	mutex_init(&tf->lock, RANK_S_INODE);
	f->ops = &text_ops;
	f->priv = tf;
	return 0;
}

static ssize_t text_read(struct file *f, struct uio *u, u64 *pos)
{
	struct text_file *tf = f->priv;
	struct mutex *held SCOPED(mutex_release) = mutex_hold(&tf->lock);
	size_t n, want;
	int err;

	if (!tf->filled || *pos == 0) {
		tf->seq.len = 0;
		tf->seq.overflow = false;
		err = f->inode->ops->show(&tf->seq, f->inode);
		if (err < 0 || tf->seq.overflow)
			return err < 0 ? err : -ENOMEM;
		tf->filled = true;
	}
	if (*pos >= tf->seq.len)
		return 0;
	want = MIN(u->left, tf->seq.len - (size_t)*pos);
	n = uio_write(u, tf->seq.buf + *pos, want);
	*pos += n;
	return n || !want ? (ssize_t)n : -EFAULT;
}

static ssize_t text_write(struct file *f, struct uio *u, u64 *pos)
{
	const struct inode_ops *ops = f->inode->ops;
	char *text SCOPED(kfree_at) = NULL;
	size_t want = u->left;
	int err;

	if (!ops->store || want > STORE_BYTES_MAX)
		return -EINVAL;
	text = kmalloc(want + 1, ALLOC_KERNEL);
	if (!text)
		return -ENOMEM;
	if (uio_read(u, text, want) != want)
		return -EFAULT;
	text[want] = 0;
	err = ops->store(f->inode, text, want);
	*pos += err ? 0 : want;
	return err ? err : (ssize_t)want;
}

static void text_release(struct file *f)
{
	struct text_file *tf = f->priv;

	kfree(tf->seq.buf);
	kfree(tf);
}

static const struct file_ops text_ops = {
	.read = text_read, .write = text_write, .seek = file_seek_generic, .release = text_release};
