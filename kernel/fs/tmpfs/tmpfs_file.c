/* tmpfs: contents of regular files. Layer: fs.
 * Locks: writers hold the inode's lock for writing; readers hold none: they see the size once and
 * pages by reference. A file with backing (the initramfs) has its pages filled from memory at their
 * first use. */
#include <exo/posix_x.h>
#include "tmpfs_internal.h"

static bool is_backed(const struct vm_object *o)
{
	return o->ops == &tmpfs_backed_ops;
}

static int backed_fill(struct vm_object *o, struct page *p)
{
	struct tmpfs_inode *t = tmpfs_of(o->owner);
	u64 start = p->index << PAGE_SHIFT, len = __atomic_load_n(&t->backing.len_bytes,
						    __ATOMIC_ACQUIRE); /* pairs with file_resize */

	if (start < len)
		memcpy(page_to_virt(p), t->backing.data + start, MIN(len - start, PAGE_SIZE));
	return 0;
}

const struct vm_object_ops tmpfs_pages_ops = {
	.charge = tmpfs_charge, .release = tmpfs_pages_release};
const struct vm_object_ops tmpfs_backed_ops = {
	.fill = backed_fill, .charge = tmpfs_charge, .release = tmpfs_pages_release};

static ssize_t tmpfs_read(struct file *f, struct uio *u, u64 *pos)
{
	struct inode *i = f->inode;
	struct vm_object *o = &i->pages;
	u64 at = *pos, size = __atomic_load_n(&o->size_bytes, __ATOMIC_ACQUIRE);
	ssize_t err = 0;
	size_t left = u->left;

	while (u->left && at < size) {
		size_t offset = at & ~PAGE_MASK, n = MIN(PAGE_SIZE - offset, u->left), moved;
		struct page *p = vm_object_peek(o, at >> PAGE_SHIFT);

		n = MIN(n, size - at);
		if (!p && at >> PAGE_SHIFT < READ_ONCE(i->backed_pages)) {
			p = vm_object_page(o, at >> PAGE_SHIFT, true);
			if (is_err(p)) {
				err = ptr_err(p);
				break;
			}
		}
		if (likely(p)) {
			moved = uio_write(u, (u8 *)page_to_virt(p) + offset, n);
			page_put(p);
		} else {
			moved = uio_zero(u, n); /* a hole */
		}
		at += moved;
		if (unlikely(moved < n)) {
			err = -EFAULT;
			break;
		}
	}
	left -= u->left;
	if (unlikely(inode_atime_due(i) || !*pos) && !(f->flags & O_NOATIME))
		inode_touch_atime(&f->path, i);
	*pos = at;
	return left ? (ssize_t)left : err;
}

/* Room for the write at @pos under RLIMIT_FSIZE, seals and the largest size: shortens u->left. Lock
 * held. */
static int write_limits(struct inode *i, struct uio *u, u64 pos, size_t *len)
{
	struct tmpfs_inode *t = tmpfs_of(i);
	u64 limit = MIN(rlimit_current(RLIM_FSIZE), (u64)INT64_MAX);
	int err;

	if (unlikely(t->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		return -EPERM;
	if (unlikely(t->seals & F_SEAL_GROW) && pos + *len > i->pages.size_bytes)
		return -EPERM;
	if (likely(pos < limit && *len <= limit - pos))
		return 0;
	if (pos >= limit) {
		err = file_size_check(pos + 1);
		return err ? err : -EFBIG;
	}
	*len = (size_t)(limit - pos);
	return 0;
}

/* Copies @len bytes in. Return: bytes written, or the error of the first page. Lock held. */
static ssize_t write_pages(struct inode *i, struct uio *u, u64 at, size_t len)
{
	struct vm_object *o = &i->pages;
	size_t done = 0;

	while (done < len) {
		size_t offset = at & ~PAGE_MASK, n = MIN(PAGE_SIZE - offset, len - done), moved;
		struct page *p = vm_object_page(o, at >> PAGE_SHIFT, true);

		if (unlikely(is_err(p)))
			return done ? (ssize_t)done : ptr_err(p);
		moved = uio_read(u, (u8 *)page_to_virt(p) + offset, n);
		if (is_backed(o))
			vm_object_mark_dirty(o, p);
		page_put(p);
		done += moved;
		at += moved;
		if (unlikely(moved < n))
			return done ? (ssize_t)done : -EFAULT;
		if (unlikely(thread_fatal_pending(current)))
			break;
	}
	return (ssize_t)done;
}

static ssize_t tmpfs_write(struct file *f, struct uio *u, u64 *pos)
{
	struct inode *i = f->inode;
	size_t len = u->left;
	ssize_t ret;
	u64 at;

	if (!len)
		return 0;
	rwsem_write_lock(&i->lock);
	at = (f->flags | u->flags) & O_APPEND ? i->pages.size_bytes : *pos;
	ret = write_limits(i, u, at, &len);
	if (likely(!ret)) {
		inode_drop_privileges(i);
		ret = write_pages(i, u, at, len);
	}
	if (likely(ret > 0)) {
		at += (u64)ret;
		if (at > i->pages.size_bytes)
			/* pairs with tmpfs_read */
			__atomic_store_n(&i->pages.size_bytes, at, __ATOMIC_RELEASE);
		inode_touch_mtime(i);
		*pos = at;
	}
	rwsem_write_unlock(&i->lock);
	return ret;
}

/* ---- size and holes ---- */

static int file_resize(struct inode *i, u64 size)
{
	struct tmpfs_inode *t = tmpfs_of(i);
	u64 old = i->pages.size_bytes;

	if (unlikely((t->seals & F_SEAL_SHRINK && size < old) ||
		     (t->seals & F_SEAL_GROW && size > old)))
		return -EPERM;
	if (size < t->backing.len_bytes) {
		/* pairs with backed_fill */
		__atomic_store_n(&t->backing.len_bytes, size, __ATOMIC_RELEASE);
		i->backed_pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;
	}
	if (size < old)
		vm_object_truncate(&i->pages, size);
	else
		__atomic_store_n(&i->pages.size_bytes, size, __ATOMIC_RELEASE);
	inode_touch_mtime(i);
	return 0;
}

int tmpfs_setattr(struct inode *i, const struct setattr *a)
{
	return a->valid & ATTR_SIZE ? file_resize(i, a->size) : inode_setattr_generic(i, a);
}

/* Brings the pages from @n to before @end in, for good. Lock held. */
static int allocate_pages(struct inode *i, u64 n, u64 end)
{
	for (; n < end; n++) {
		struct page *p = vm_object_page(&i->pages, n, true);

		if (is_err(p))
			return (int)ptr_err(p);
		if (is_backed(&i->pages))
			vm_object_mark_dirty(&i->pages, p);
		page_put(p);
		if (thread_fatal_pending(current))
			return -EINTR;
	}
	return 0;
}

/* Brings every backed page in, so that a hole can be a hole. Lock held. */
static int backing_drop(struct inode *i)
{
	int err = allocate_pages(i, 0, i->backed_pages);

	if (!err) {
		tmpfs_of(i)->backing.len_bytes = 0;
		i->backed_pages = 0;
	}
	return err;
}

static int tmpfs_fallocate(struct file *f, int mode, u64 off, u64 len)
{
	struct inode *i = f->inode;
	struct tmpfs_inode *t = tmpfs_of(i);
	u64 end = off + len;
	int err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE) || mode == FALLOC_FL_PUNCH_HOLE)
		return -EOPNOTSUPP;
	struct rwsem *held SCOPED(write_release) = write_hold(&i->lock);
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		err = t->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ? -EPERM : backing_drop(i);
		if (!err)
			vm_object_punch(&i->pages, off, end);
	} else {
		bool grows = !(mode & FALLOC_FL_KEEP_SIZE) && end > i->pages.size_bytes;

		err = t->seals & F_SEAL_GROW && end > i->pages.size_bytes ? -EPERM
		      : grows                                             ? file_size_check(end)
									  : 0;
		if (!err)
			err = allocate_pages(i, off >> PAGE_SHIFT, ((end - 1) >> PAGE_SHIFT) + 1);
		if (!err && grows)
			__atomic_store_n(&i->pages.size_bytes, end, __ATOMIC_RELEASE);
	}
	if (!err) {
		inode_drop_privileges(i);
		inode_touch_mtime(i);
	}
	return err;
}

/* First page at or behind @n that is data (or a hole). Lock held. */
static u64 next_data(struct inode *i, u64 n)
{
	return n < i->backed_pages ? n : vm_object_next_data(&i->pages, n);
}

static u64 next_hole(struct inode *i, u64 n, u64 end)
{
	while (n < end && next_data(i, n) == n)
		n++;
	return n;
}

static s64 tmpfs_seek(struct file *f, s64 offset, int whence)
{
	struct inode *i = f->inode;
	u64 size, n, end;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return file_seek_generic(f, offset, whence);
	struct rwsem *held SCOPED(read_release) = read_hold(&i->lock);
	size = i->pages.size_bytes;
	end = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	n = (u64)offset >> PAGE_SHIFT;
	if (offset < 0 || (u64)offset >= size)
		return -ENXIO;
	n = whence == SEEK_DATA ? next_data(i, n) : next_hole(i, n, end);
	if (n >= end && whence == SEEK_DATA)
		return -ENXIO;
	f->pos = n < end ? MAX(n << PAGE_SHIFT, (u64)offset) : size;
	return (s64)f->pos;
}

int tmpfs_fsync(struct file *f, bool data_only)
{
	return 0; /* memory is all there is */
}

/* ---- mapping and seals ---- */

static int tmpfs_mmap(struct file *f, struct vm_map_request *r)
{
	u32 seals = tmpfs_of(f->inode)->seals;

	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) && r->flags & VM_SHARED) {
		if (r->flags & VM_WRITE)
			return -EPERM;
		r->flags &= ~(u32)VM_MAYWRITE;
	}
	r->object = &f->inode->pages;
	return 0;
}

static bool mapped_writable(struct vm_object *o)
{
	struct vm_area *a;
	bool found = false;
	struct rwsem *held SCOPED(read_release) = read_hold(&o->mappings_lock);

	list_for_each_entry (a, &o->mappings, mapping_node)
		found |= (a->flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE);
	return found;
}

int tmpfs_add_seals(struct inode *i, u32 seals)
{
	struct tmpfs_inode *t = tmpfs_of(i);

	if (i->file_ops != &tmpfs_file_ops || seals & ~(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
							      F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EINVAL;
	struct rwsem *held SCOPED(write_release) = write_hold(&i->lock);
	if (t->seals & F_SEAL_SEAL)
		return -EPERM;
	if (seals & F_SEAL_WRITE && !(t->seals & F_SEAL_WRITE) && mapped_writable(&i->pages))
		return -EBUSY;
	t->seals |= seals;
	return 0;
}

int tmpfs_get_seals(struct inode *i)
{
	return i->file_ops == &tmpfs_file_ops ? (int)tmpfs_of(i)->seals : -EINVAL;
}

void tmpfs_allow_seals(struct inode *i)
{
	tmpfs_of(i)->seals = 0;
}

const struct inode_ops tmpfs_file_inode_ops = {.setattr = tmpfs_setattr, TMPFS_XATTR_OPS};
const struct file_ops tmpfs_file_ops = {
	.read = tmpfs_read,
	.write = tmpfs_write,
	.seek = tmpfs_seek,
	.mmap = tmpfs_mmap,
	.fsync = tmpfs_fsync,
	.fallocate = tmpfs_fallocate,
};
