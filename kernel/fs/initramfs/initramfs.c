/* Unpacks the initial file system of boot into the root. Layer: fs.
 *
 * Archives stand one behind the other, each plain or in a gzip member, with zero bytes between.
 * Contents are not copied: a file's pages are filled from the archive at their first use
 * (tmpfs_adopt), so the memory of an archive with files stays for ever. The directory of the
 * previous entry is kept open: an entry costs one look-up in it, however deep it is.
 *
 * Entries replace what has their name: a directory stays and takes the attributes, a regular file
 * takes the contents, anything of another type is removed first.
 *
 * Names are below the root; those with ".." are refused. Hard links are entries with one device
 * and inode number within one archive; whichever of them brings contents gives them to all.
 *
 * Faults are logged with their offset; what was whole before them stays.
 *
 * Context: the boot thread, which is root.
 *
 * Locks: a directory's inode lock while an entry is made in it, then the entry's. Source:
 * cpio(5). */
#include <exo/vfs.h>
#include "../vfs/vfs_internal.h"
#include "cpio.h"
#include "inflate.h"

#define LINK_BUCKETS   64u /* power of two */
#define COMPLAINTS_MAX 16u /* entries that are logged one by one when they cannot be made */

struct link_node { /* the first of several names of an inode */
	struct hlist_node node;
	u64 device;
	u32 ino;
	struct inode *inode; /* +1 */
};
struct unpack {
	struct path dir;      /* +1; dentry NULL = none yet */
	const char *dir_text; /* its name, as the archive wrote it */
	size_t dir_len;
	u32 entries, failures;
	bool adopted; /* some file's contents stand in the buffer being read */
	struct hlist links[LINK_BUCKETS];
	char path[CPIO_NAME_MAX + 1 + NAME_PAD];
};
bool initramfs_keeps_archive;

static void complain(struct unpack *u, const struct cpio_entry *e, const char *what, int err)
{
	if (u->failures++ < COMPLAINTS_MAX)
		log_warn("initramfs: entry at offset %zu, %s: %s (error %d)", e->offset,
			e->refused ? "refused name" : e->name, what, -err);
}

/* ---- names ---- */

static void dir_close(struct unpack *u)
{
	path_put(&u->dir);
	u->dir = (struct path){NULL, NULL};
}

/* "/" and the first @len bytes of @text. */
static const char *full_path(struct unpack *u, const char *text, size_t len)
{
	u->path[0] = '/';
	memcpy(u->path + 1, text, len);
	memset(u->path + 1 + len, 0, NAME_PAD);
	return u->path;
}

/* Makes u->dir the directory whose name is the first @len bytes of @text. */
static int dir_enter(struct unpack *u, const char *text, size_t len)
{
	int err;

	if (u->dir.dentry && len == u->dir_len && !memcmp(text, u->dir_text, len))
		return 0;
	dir_close(u);
	err = walk_path(
		AT_FDCWD, full_path(u, text, len), LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &u->dir);
	if (err)
		return err;
	ASSERT(u->dir.dentry);
	u->dir_text = text;
	u->dir_len = len;
	return 0;
}

/* ---- hard links ---- */

static struct hlist *link_bucket(struct unpack *u, const struct cpio_entry *e)
{
	return &u->links[(e->ino ^ (u32)e->device) & (LINK_BUCKETS - 1)];
}

static bool has_links(const struct cpio_entry *e)
{
	return e->nlink > 1 && !S_ISDIR(e->mode);
}

static struct inode *link_find(struct unpack *u, const struct cpio_entry *e)
{
	struct link_node *n;

	hlist_for_each_entry (n, link_bucket(u, e), node) {
		if (n->ino == e->ino && n->device == e->device)
			return n->inode;
	}
	return NULL;
}

static int link_remember(struct unpack *u, const struct cpio_entry *e, struct inode *i)
{
	struct link_node *n = kmalloc(sizeof(*n), ALLOC_KERNEL);

	if (!n)
		return -ENOMEM;
	n->device = e->device;
	n->ino = e->ino;
	n->inode = i;
	inode_get(i);
	hlist_add(link_bucket(u, e), &n->node);
	return 0;
}

static void links_forget(struct unpack *u)
{
	for (u32 b = 0; b < LINK_BUCKETS; b++) {
		while (u->links[b].first) {
			struct link_node *n =
				container_of(u->links[b].first, struct link_node, node);

			hlist_del(&n->node);
			inode_put(n->inode);
			kfree(n);
		}
	}
}

/* ---- one entry ---- */

/* The contents of a symbolic link as text, in u->path. */
static int link_text(struct unpack *u, const struct cpio_entry *e)
{
	size_t len = strnlen((const char *)e->data, e->data_bytes);

	if (!len)
		return -ENOENT;
	if (len >= PATH_MAX_BYTES)
		return -ENAMETOOLONG;
	memcpy(u->path, e->data, len);
	u->path[len] = 0;
	return 0;
}

/* Makes the negative @d what @e says. The directory is locked. 0 | 1 it is another name of an inode
 * that was there | -errno. */
static int make_new(struct unpack *u, const struct cpio_entry *e, struct dentry *d)
{
	struct inode *dir = u->dir.dentry->inode, *first = has_links(e) ? link_find(u, e) : NULL;
	u32 mode = S_ISLNK(e->mode) ? S_IFLNK | 0777 : e->mode & (S_IFMT | S_IALLUGO);
	int err = S_ISLNK(mode) ? link_text(u, e) : 0;

	if (!S_ISDIR(mode) && !S_ISREG(mode) && !S_ISLNK(mode) && !S_ISCHR(mode) &&
		!S_ISBLK(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
		return -EINVAL;
	if (first && first->nlink && first->sb == dir->sb && !((first->mode ^ mode) & S_IFMT)) {
		err = dir->ops->link ? dir->ops->link(dir, d, first) : -EPERM;
		return err ? err : 1;
	}
	if (!err)
		err = dir->ops->make ? dir->ops->make(dir, d, mode, e->rdevice, u->path) : -EPERM;
	if (!err && has_links(e) && !first)
		err = link_remember(u, e, d->inode);
	return err;
}

/* Owner, mode and times as the archive has them, and the contents. @keep: other names have brought
 * the contents already. */
static int dress(struct unpack *u, const struct cpio_entry *e, struct inode *i, bool keep)
{
	int err = 0;
	struct rwsem *held SCOPED(write_release) = write_hold(&i->lock);

	if (S_ISREG(e->mode) && (e->data_bytes || !keep)) {
		err = tmpfs_adopt(i, e->data, e->data_bytes);
		u->adopted |= !err && e->data_bytes;
	}
	i->uid = e->uid;
	i->gid = e->gid;
	if (!S_ISLNK(e->mode))
		i->mode = (i->mode & S_IFMT) | (e->mode & S_IALLUGO);
	i->mtime = i->atime = (struct timespec64){.sec = e->mtime};
	return err;
}

/* @d may become what @e says, or is that already; symbolic links are always made anew. */
static bool fits(struct unpack *u, const struct cpio_entry *e, const struct dentry *d)
{
	const struct inode *first;

	if (!d->inode)
		return true;
	if (S_ISLNK(e->mode) || (d->inode->mode ^ e->mode) & S_IFMT)
		return false;
	first = has_links(e) ? link_find(u, e) : NULL;
	return !first || first == d->inode;
}

/* The name is there and fits. As make_new. */
static int make_again(struct unpack *u, const struct cpio_entry *e, const struct dentry *d)
{
	if (!has_links(e))
		return 0;
	return link_find(u, e) ? 1 : link_remember(u, e, d->inode);
}

static int make_entry(struct unpack *u, const struct cpio_entry *e)
{
	struct inode *dir = u->dir.dentry->inode;
	/* the directory keeps the one that its own entry gave */
	struct timespec64 mtime = dir->mtime;
	struct dentry *d SCOPED(dentry_put_at) = NULL;
	int err;

	for (int turn = 0;; turn++) {
		rwsem_write_lock(&dir->lock);
		d = lookup_text_locked(u->dir.dentry, e->name + e->last, e->last_len);
		if (is_err(d) || fits(u, e, d))
			break;
		rwsem_write_unlock(&dir->lock);
		/* what has the name stands in the way */
		err = turn ? -EEXIST
			   : vfs_remove_text(AT_FDCWD, full_path(u, e->name, e->name_len),
				     S_ISDIR(d->inode->mode));
		if (err)
			return err;
		dentry_put(d);
	}
	err = is_err(d) ? (int)ptr_err(d) : d->inode ? make_again(u, e, d) : make_new(u, e, d);
	dir->mtime = mtime;
	rwsem_write_unlock(&dir->lock);
	return err < 0 ? err : dress(u, e, d->inode, err > 0);
}

static int visit(void *ctx, const struct cpio_entry *e)
{
	struct unpack *u = ctx;
	int err;

	u->entries++;
	if (e->refused) {
		complain(u, e, "skipped", -EINVAL);
		return 0;
	}
	err = dir_enter(u, e->name, e->last);
	if (err) {
		complain(u, e, "no directory for it", err);
		return 0;
	}
	err = e->last_len ? make_entry(u, e) : dress(u, e, u->dir.dentry->inode, true);
	if (err)
		complain(u, e, "not made", err);
	return err == -ENOMEM ? err : 0;
}

/* ---- archives ---- */

/* Reads the archive at *pos. @member: where the gzip member stands that it came from, or NULL. */
static int unpack_cpio(
	struct unpack *u, const u8 *buf, size_t len_bytes, size_t *pos, const size_t *member)
{
	static const char *const faults[] = {
		[CPIO_TRUNCATED] = "truncated",
		[CPIO_BAD_MAGIC] = "no cpio header",
		[CPIO_BAD_FIELD] = "damaged cpio header",
		[CPIO_STOPPED] = "no memory for the entry",
	};
	enum cpio_status status = cpio_parse(buf, len_bytes, pos, visit, u);

	links_forget(u);
	dir_close(u); /* its name points into the archive */
	if (status == CPIO_END)
		return 0;
	if (member)
		log_err("initramfs: %s at offset %zu of what the gzip member at offset %zu holds",
			faults[status], *pos, *member);
	else
		log_err("initramfs: %s at offset %zu", faults[status], *pos);
	return status == CPIO_STOPPED ? -ENOMEM : -EINVAL;
}

static size_t skip_zeros(const u8 *buf, size_t len_bytes, size_t pos)
{
	while (pos < len_bytes && !buf[pos])
		pos++;
	return pos;
}

/* Contents go to other memory. */
static int sink_move(struct inflate_sink *s, size_t room)
{
	u8 *buf = vmalloc(room, ALLOC_KERNEL);

	if (!buf)
		return -ENOMEM;
	memcpy(buf, s->buf, s->len_bytes);
	vfree(s->buf);
	s->buf = buf;
	s->room_bytes = room;
	return 0;
}

/* Half as much again, in pages. */
static int sink_grow(struct inflate_sink *s)
{
	return sink_move(s, ALIGN_UP(s->room_bytes + s->room_bytes / 2, PAGE_SIZE));
}

/* Gives back the pages that a wrong guess of the size left over, when there is memory to do it. */
static void sink_trim(struct inflate_sink *s)
{
	size_t room = ALIGN_UP(s->len_bytes, PAGE_SIZE);

	if (room && s->room_bytes - room >= s->room_bytes / 8)
		(void)!sink_move(s, room);
}

static int unpack_gzip(struct unpack *u, const u8 *buf, size_t len_bytes, size_t *pos)
{
	struct inflate_sink sink = {.grow = sink_grow};
	size_t member = *pos, at = 0;
	int err, cpio_err = 0;

	sink.room_bytes =
		ALIGN_UP(gzip_size_hint(buf + *pos, len_bytes - *pos) + INFLATE_SLACK, PAGE_SIZE);
	if (sink.room_bytes / PAGE_SIZE >
		mem_pages_free() / 2) /* then the hint had better be wrong */
		sink.room_bytes = ALIGN_UP(len_bytes - *pos, PAGE_SIZE);
	sink.buf = vmalloc(sink.room_bytes, ALLOC_KERNEL);
	if (!sink.buf) {
		log_err("initramfs: no memory for %zu KB of the gzip member at offset %zu",
			sink.room_bytes / 1024, member);
		return -ENOMEM;
	}
	err = gzip_unpack(buf, len_bytes, pos, &sink);
	if (err)
		log_err("initramfs: %s at offset %zu, in the gzip member at offset %zu",
			err == -ENODATA   ? "truncated"
			: err == -EBADMSG ? "wrong check sum"
			: err == -ENOMEM  ? "no memory"
					  : "damaged gzip data",
			*pos, member);
	sink_trim(&sink);
	u->adopted = false;
	while (!cpio_err && (at = skip_zeros(sink.buf, sink.len_bytes, at)) < sink.len_bytes)
		cpio_err = unpack_cpio(u, sink.buf, sink.len_bytes, &at, &member);
	if (!u->adopted)
		vfree(sink.buf);
	return err ? err : cpio_err;
}

int initramfs_unpack(const void *archive, size_t len_bytes)
{
	struct unpack *u = kzalloc(sizeof(*u), ALLOC_KERNEL);
	const u8 *buf = archive;
	ns_t start = clock_monotonic();
	size_t pos = 0;
	int err = 0;

	if (!u) {
		log_err("initramfs: no memory");
		return -ENOMEM;
	}
	while (!err && (pos = skip_zeros(buf, len_bytes, pos)) < len_bytes) {
		if (gzip_is_header(buf, len_bytes, pos)) {
			err = unpack_gzip(u, buf, len_bytes, &pos);
			continue;
		}
		u->adopted = false;
		/* says so when it is no cpio archive either */
		err = unpack_cpio(u, buf, len_bytes, &pos, NULL);
		initramfs_keeps_archive |= u->adopted;
	}
	if (u->failures > COMPLAINTS_MAX)
		log_warn("initramfs: %u more entries could not be made",
			u->failures - COMPLAINTS_MAX);
	log_info("initramfs: %u entries of %zu KB in %llu us", u->entries, len_bytes / 1024,
		(unsigned long long)((clock_monotonic() - start) / NS_PER_US));
	kfree(u);
	return err == -ENOMEM ? err : err ? -EINVAL : 0;
}
