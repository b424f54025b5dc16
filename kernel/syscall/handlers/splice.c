/* splice, tee, vmsplice, sendfile, copy_file_range, process_vm_readv, process_vm_writev: what
 * crosses between pipes, files and processes. Layer: syscall. Bytes are copied through a kernel
 * buffer. From a pipe they are taken only after the other side has them, so an error there loses
 * nothing; into a pipe goes only what has room, so it is not read before. Sources: splice(2),
 * tee(2), vmsplice(2), sendfile(2), copy_file_range(2), process_vm_readv(2). */
#include <exo/fs_pipe.h>
#include <exo/fs_uio.h>
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <arch/uaccess.h>

#include "handlers.h"

#define SPLICE_CHUNK (16 * PAGE_SIZE)

struct splice_side {
	struct fd fd;
	struct file *f;    /* its file; err_ptr */
	struct pipe *pipe; /* NULL = a file */
	u64 pos;
	u64 USER *user_pos; /* NULL = the file's own */
};

/* Bytes that a pipe has room for, after a wait for some. -EAGAIN | -EPIPE | -ERESTARTSYS. */
static ssize_t pipe_room(struct pipe *p, bool wait)
{
	int err;

	if (!wait && !pipe_writable(p) && READ_ONCE(p->readers))
		return -EAGAIN;
	err = wait_event(&p->writers_wq, pipe_writable(p) || !READ_ONCE(p->readers));
	if (err)
		return err;
	return (ssize_t)(MAX(READ_ONCE(p->slots) - (READ_ONCE(p->tail) - READ_ONCE(p->head)), 1u) *
			 PAGE_SIZE);
}

/* One chunk. Bytes | 0 end | -errno. */
static ssize_t splice_chunk(
	struct splice_side *in, struct splice_side *out, u8 *buf, size_t want, bool wait, bool keep)
{
	struct uio u;
	ssize_t n;

	if (out->pipe) {
		n = pipe_room(out->pipe, wait);
		if (n < 0)
			return n;
		want = MIN(want, (size_t)n);
	}
	uio_init_kernel(&u, buf, want);
	if (in->pipe) {
		n = pipe_receive(in->pipe, &u, PIPE_PEEK | (wait ? 0 : PIPE_NONBLOCK), NS_FOREVER);
	} else {
		u64 from = in->pos;

		n = file_read(in->f, &u, &from);
	}
	if (n <= 0)
		return n;
	uio_init_kernel(&u, buf, (size_t)n);
	n = out->pipe ? pipe_send(out->pipe, &u, 0, NS_FOREVER) : file_write(out->f, &u, &out->pos);
	if (n <= 0)
		return n;
	in->pos += (u64)n;
	if (in->pipe && !keep) {
		uio_init_kernel(&u, buf, (size_t)n);
		(void)!pipe_receive(in->pipe, &u, PIPE_NONBLOCK, NS_FOREVER);
	}
	return n;
}

static long side_moved(struct splice_side *s)
{
	if (s->user_pos)
		return put_user_u64(s->user_pos, s->pos);
	if (!s->pipe && s->f->mode & FMODE_PREAD)
		s->f->pos = s->pos;
	return 0;
}

/* Up to @len bytes, and the positions moved. Bytes | 0 end | -errno when none moved. */
static long splice_all(
	struct splice_side *in, struct splice_side *out, size_t len, u64 flags, bool keep)
{
	u8 *buf SCOPED(kfree_at) = kmalloc(MIN(len, SPLICE_CHUNK), ALLOC_KERNEL);
	ssize_t n = buf || !len ? 0 : -ENOMEM;
	size_t done = 0;

	while (buf && done < len) {
		n = splice_chunk(in, out, buf, MIN(len - done, SPLICE_CHUNK),
			!done && !(flags & SPLICE_F_NONBLOCK), keep);
		if (n <= 0)
			break;
		done += (size_t)n;
		if (keep || (!in->pipe && out->pipe && in->f->mode & FMODE_STREAM) ||
			thread_signal_pending(current))
			break; /* a second look would see the same, a second read might sleep; a
				  pipe that others keep full never ends */
		cond_resched();
	}
	if (!done)
		return n;
	return side_moved(in) | side_moved(out) ? -EFAULT : (long)done;
}

static struct splice_side side_get(u64 nr, bool write)
{
	struct splice_side s = {.fd = fd_get_for((cap_t)nr, write)};

	s.f = s.fd.file;
	if (!is_err(s.f)) {
		s.pipe = pipe_of(s.f);
		s.pos = s.f->pos;
	}
	return s;
}

static void side_put(struct splice_side *s)
{
	fd_put(&s->fd);
}

/* @user_pos 0: at its own position. */
static long position_from_user(struct splice_side *s, u64 user_pos)
{
	s->user_pos = (u64 USER *)user_pos;
	return user_pos && get_user_u64(s->user_pos, &s->pos) ? -EFAULT : 0;
}

static long side_position(struct splice_side *s, u64 user_pos)
{
	if (user_pos && s->pipe)
		return -ESPIPE;
	if (user_pos && !(s->f->mode & FMODE_PREAD))
		return -EINVAL;
	return position_from_user(s, user_pos);
}

long sys_splice(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	struct splice_side in SCOPED(side_put) = side_get(a0, false),
			      out SCOPED(side_put) = side_get(a2, true);
	long ret;

	if (!a4)
		return 0;
	if (a5 & ~(u64)SPLICE_F_ALL)
		return -EINVAL;
	if (is_err(in.f) || is_err(out.f))
		return is_err(in.f) ? ptr_err(in.f) : ptr_err(out.f);
	if (!in.pipe && !out.pipe)
		return -EINVAL;
	ret = side_position(&in, a1);
	if (!ret)
		ret = side_position(&out, a3);
	if (ret)
		return ret;
	if ((s64)in.pos < 0 || (s64)out.pos < 0 || in.pipe == out.pipe ||
		(!out.pipe && out.f->flags & O_APPEND) || S_ISDIR(in.f->inode->mode))
		return -EINVAL;
	return splice_all(&in, &out, MIN(a4, RW_BYTES_MAX), a5, false);
}

long sys_tee(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct splice_side in SCOPED(side_put) = side_get(a0, false),
			      out SCOPED(side_put) = side_get(a1, true);

	if (a3 & ~(u64)SPLICE_F_ALL)
		return -EINVAL;
	if (!a2)
		return 0;
	if (is_err(in.f) || is_err(out.f))
		return is_err(in.f) ? ptr_err(in.f) : ptr_err(out.f);
	if (!in.pipe || !out.pipe || in.pipe == out.pipe)
		return -EINVAL;
	return splice_all(&in, &out, MIN(a2, RW_BYTES_MAX), a3, true);
}

long sys_vmsplice(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct fd fd SCOPED(fd_put) = fd_get_for((cap_t)a0, true);
	u32 pipe_flags = a3 & SPLICE_F_NONBLOCK ? PIPE_NONBLOCK : 0;
	long ret = ptr_err(fd.file);
	bool write = !is_err(fd.file);
	struct uio_vector v;
	struct pipe *p;
	struct uio u;

	if (a3 & ~(u64)SPLICE_F_ALL)
		return -EINVAL;
	if (!write)
		fd = fd_get_for((cap_t)a0, false);
	if (is_err(fd.file))
		return ret;
	p = pipe_of(fd.file);
	ret = uio_import(&u, &v, (const void USER *)a1, a2);
	if (!p)
		ret = -EBADF;
	if (!ret)
		ret = write ? pipe_send(p, &u, pipe_flags, NS_FOREVER)
			    : pipe_receive(p, &u, pipe_flags, NS_FOREVER);
	uio_vector_fini(&v);
	return ret;
}

/* ---- from file to file ---- */

long sys_sendfile(u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct splice_side out SCOPED(side_put) = side_get(a0, true),
			       in SCOPED(side_put) = side_get(a1, false);
	long ret;

	if (is_err(out.f) || is_err(in.f))
		return is_err(out.f) ? ptr_err(out.f) : ptr_err(in.f);
	if (!(in.f->mode & FMODE_PREAD) || out.f->flags & O_APPEND || (ssize_t)a3 < 0)
		return -EINVAL;
	ret = side_position(&in, a2);
	if (ret || (s64)in.pos < 0)
		return ret ? ret : -EINVAL;
	out.pipe = NULL; /* written as any other file is */
	return splice_all(&in, &out, MIN(a3, RW_BYTES_MAX), 0, false);
}

/* The rules that copy_file_range checks before it moves anything. */
static int copy_range_check(const struct splice_side *in, const struct splice_side *out, u64 len)
{
	const struct inode *from = in->f->inode, *to = out->f->inode;

	if (out->f->flags & O_APPEND)
		return -EBADF;
	if (S_ISDIR(from->mode) || S_ISDIR(to->mode))
		return -EISDIR;
	if (!S_ISREG(from->mode) || !S_ISREG(to->mode))
		return -EINVAL;
	if (from->sb != to->sb)
		return -EXDEV;
	if (in->pos + len < in->pos || out->pos + len < out->pos)
		return -EOVERFLOW;
	if ((s64)in->pos < 0 || (s64)out->pos < 0)
		return -EINVAL;
	return from == to && in->pos < out->pos + len && out->pos < in->pos + len ? -EINVAL : 0;
}

long sys_copy_file_range(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	struct splice_side in SCOPED(side_put) = side_get(a0, false),
			      out SCOPED(side_put) = side_get(a2, true);
	long ret;

	if (is_err(in.f) || is_err(out.f))
		return is_err(in.f) ? ptr_err(in.f) : ptr_err(out.f);
	ret = position_from_user(&in, a1);
	if (!ret)
		ret = position_from_user(&out, a3);
	if (!ret)
		ret = a5 ? -EINVAL : copy_range_check(&in, &out, a4);
	return ret ? ret : splice_all(&in, &out, MIN(a4, RW_BYTES_MAX), 0, false);
}

/* ---- other processes ---- */

struct vm_space *process_memory_of(pid_t pid)
{
	struct thread *t SCOPED(thread_put_at) = thread_find(pid);
	struct vm_space *s;

	if (!t)
		return err_ptr(-ESRCH);
	s = process_may_trace(t) ? process_space(t->proc) : err_ptr(-EPERM);
	return s ? s : err_ptr(-ESRCH);
}

long call_space_move(const u64 a[6], u32 write)
{
	struct uio local, remote;
	struct uio_vector lv, rv = {.iov = rv.small};
	struct vm_space *s;
	ssize_t done = 0, n;
	long ret;

	if (a[5])
		return -EINVAL;
	ret = uio_import(&local, &lv, (const void USER *)a[1], a[2]);
	if (!ret)
		ret = uio_import(&remote, &rv, (const void USER *)a[3], a[4]);
	if (ret || !local.left || !remote.left)
		goto out;
	s = process_memory_of((pid_t)a[0]);
	ret = ptr_err(s);
	if (is_err(s))
		goto out;
	for (u64 i = 0; i < a[4] && local.left; i++) {
		n = uio_space_move(&local, s, (vaddr_t)rv.iov[i].base, rv.iov[i].len_bytes, write);
		if (n < 0) {
			ret = n;
			break;
		}
		done += n;
		if ((size_t)n < rv.iov[i].len_bytes)
			break;
	}
	vm_space_put(s);
	ret = done ? done : ret;
out:
	uio_vector_fini(&lv);
	uio_vector_fini(&rv);
	return ret;
}
