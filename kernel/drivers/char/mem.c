/* /dev/null zero full random urandom mem. Layer: drivers. Sources: null(4) full(4) random(4)
 * mem(4). */
#include <exo/drivers.h>
#include <exo/errno.h>
#include <exo/fs.h>
#include <exo/sched.h>
#include <exo/security.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_system.h>
#include <arch/uaccess.h>
#include "../drivers_internal.h"

#define ZERO_CHUNK   (256 * 1024UL) /* between looks for a signal */
#define RANDOM_CHUNK 512u
#define RANDOM_MAX   0x1ffffffUL /* bytes a call: random(4) */
#define SEED_MAX     1024u

static s64 seek_zero(struct file *f, s64 offset, int whence)
{
	f->pos = 0;
	return 0;
}

static ssize_t null_read(struct file *f, struct uio *u, u64 *pos)
{
	return 0;
}

static ssize_t null_write(struct file *f, struct uio *u, u64 *pos)
{
	size_t n = u->left;

	u->left = 0;
	return (ssize_t)n;
}

static ssize_t zero_read(struct file *f, struct uio *u, u64 *pos)
{
	size_t done = 0;

	while (u->left) {
		size_t n = MIN(u->left, ZERO_CHUNK), moved = uio_zero(u, n);

		done += moved;
		if (moved < n)
			return done ? (ssize_t)done : -EFAULT;
		if (u->left && thread_signal_pending(current))
			break;
		cond_resched();
	}
	return (ssize_t)done;
}

/* A mapping of /dev/zero is anonymous memory: private or shared as the caller asked. */
static int zero_mmap(struct file *f, struct vm_map_request *r)
{
	r->file = NULL;
	r->offset_bytes = 0;
	return 0;
}

static ssize_t full_write(struct file *f, struct uio *u, u64 *pos)
{
	return -ENOSPC; /* of nothing, too */
}

ssize_t random_read_uio(struct uio *u)
{
	u8 buf[RANDOM_CHUNK];
	size_t done = 0, max = MIN(u->left, RANDOM_MAX);

	while (done < max) {
		size_t n = MIN(max - done, sizeof(buf)), moved;

		random_bytes(buf, n);
		moved = uio_write(u, buf, n);
		done += moved;
		if (moved < n)
			return done ? (ssize_t)done : -EFAULT;
		/* up to 256 bytes are never cut short */
		if (thread_signal_pending(current) && done >= 256)
			break;
		cond_resched();
	}
	return (ssize_t)done;
}

static ssize_t random_read(struct file *f, struct uio *u, u64 *pos)
{
	return random_read_uio(u);
}

static ssize_t random_write(struct file *f, struct uio *u, u64 *pos)
{
	u8 buf[RANDOM_CHUNK];
	size_t done = 0;

	while (u->left) {
		size_t n = uio_read(u, buf, MIN(u->left, sizeof(buf)));

		if (!n)
			return done ? (ssize_t)done : -EFAULT;
		random_add(buf, n);
		done += n;
		if (thread_signal_pending(current))
			break;
	}
	return (ssize_t)done;
}

/* struct rand_pool_info { int entropy_count, buf_size; u32 buf[]; } */
static long add_entropy(u64 arg)
{
	const u8 USER *p = (const u8 USER *)(uintptr_t)arg;
	s32 head[2];
	u8 buf[RANDOM_CHUNK];

	if (copy_from_user(head, p, sizeof(head)))
		return -EFAULT;
	if (head[0] < 0 || head[1] < 0 || head[1] > (s32)SEED_MAX)
		return -EINVAL;
	for (u32 at = 0; at < (u32)head[1]; at += RANDOM_CHUNK) {
		size_t n = MIN((u32)head[1] - at, RANDOM_CHUNK);

		if (copy_from_user(buf, p + sizeof(head) + at, n))
			return -EFAULT;
		random_add(buf, n);
	}
	return 0;
}

static long random_ioctl(struct file *f, u32 cmd, u64 arg)
{
	u32 USER *out = (u32 USER *)(uintptr_t)arg;
	u32 count;

	if (cmd == RNDGETENTCNT)
		/* bits: always full, as the generator never runs dry */
		return put_user_u32(out, 256);
	if (cmd != RNDADDTOENTCNT && cmd != RNDADDENTROPY && cmd != RNDZAPENTCNT &&
		cmd != RNDCLEARPOOL && cmd != RNDRESEEDCRNG)
		return -EINVAL;
	if (!cred_capable(current->cred, LCAP_SYS_ADMIN))
		return -EPERM;
	if (cmd == RNDADDENTROPY)
		return add_entropy(arg);
	if (cmd == RNDADDTOENTCNT)
		return get_user_u32(out, &count) ? -EFAULT : (s32)count < 0 ? -EINVAL : 0;
	if (cmd == RNDRESEEDCRNG)
		random_add("", 1); /* a new epoch: every generator takes a new key */
	return 0;
}

static const struct file_ops null_ops = {
	.nowait = true, .read = null_read, .write = null_write, .seek = seek_zero};
static const struct file_ops zero_ops = {.nowait = true,
	.read = zero_read,
	.write = null_write,
	.seek = seek_zero,
	.mmap = zero_mmap};
static const struct file_ops full_ops = {.read = zero_read, .write = full_write, .seek = seek_zero};
static const struct file_ops random_ops = {
	.read = random_read, .write = random_write, .ioctl = random_ioctl, .seek = seek_zero};

int mem_open(struct inode *i, struct file *f)
{
	static const struct file_ops *const by_minor[] = {[3] = &null_ops,
		[5] = &zero_ops,
		[7] = &full_ops,
		[8] = &random_ops,
		[9] = &random_ops};
	const struct file_ops *ops = by_minor[DEV_MINOR(i->rdev)];

	if (!ops)
		return -EPERM; /* physical memory is nobody's business */
	f->ops = ops;
	f->mode |= FMODE_STREAM;
	return 0;
}
