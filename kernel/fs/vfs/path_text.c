/* Paths as text, in and out: copies from users, getcwd(2), /proc. Layer: fs.
 * Reading a path upwards takes no lock: it runs under RCU and starts again when a name or a mount
 * moved. */
#include <arch/uaccess.h>
#include "vfs_internal.h"

static int path_buf_big(struct path_buf *b)
{
	b->heap = kmalloc(PATH_MAX_BYTES + NAME_PAD, ALLOC_KERNEL);
	b->text = b->heap;
	return b->heap ? 0 : -ENOMEM;
}

int path_buf_user(struct path_buf *b, const char USER *name)
{
	long len = strncpy_from_user(b->small, name, PATH_SMALL - NAME_PAD);

	b->heap = NULL;
	b->text = b->small;
	if (likely(len >= 0)) {
		__builtin_memset(b->small + len, 0, NAME_PAD);
		return 0;
	}
	if (len != -ENAMETOOLONG)
		return (int)len;
	if (path_buf_big(b))
		return -ENOMEM;
	len = strncpy_from_user(b->heap, name, PATH_MAX_BYTES);
	if (len < 0)
		return (int)len;
	memset(b->heap + len, 0, NAME_PAD);
	return 0;
}

int path_buf_kernel(struct path_buf *b, const char *name)
{
	size_t len = strnlen(name, PATH_MAX_BYTES);

	b->heap = NULL;
	b->text = b->small;
	if (len >= PATH_MAX_BYTES)
		return -ENAMETOOLONG;
	if (len + NAME_PAD > PATH_SMALL && path_buf_big(b))
		return -ENOMEM;
	memcpy(b->text, name, len);
	memset(b->text + len, 0, NAME_PAD);
	return 0;
}

int path_lookup(cap_t dirfd, const char *name, u32 lookup_flags, struct path *out)
{
	struct path_buf b SCOPED(path_buf_fini);
	int err = path_buf_kernel(&b, name);

	return err ? err : walk_path(dirfd, b.text, lookup_flags, out);
}

int path_lookup_user(cap_t dirfd, const char USER *name, u32 lookup_flags, struct path *out)
{
	struct path_buf b SCOPED(path_buf_fini);
	int err = path_buf_user(&b, name);

	return err ? err : walk_path(dirfd, b.text, lookup_flags, out);
}

int path_lookup_whole(cap_t dirfd, const char USER *name, u32 lookup_flags, struct path *out)
{
	struct path_buf b SCOPED(path_buf_fini);
	u32 rights;
	int err = path_buf_user(&b, name);

	if (!err)
		err = walk_path_rights(dirfd, b.text, lookup_flags, out, &rights);
	return !err && ~rights & CAP_ALL ? -EACCES : err;
}

/* ---- upwards ---- */

struct back_writer { /* fills a buffer from its end */
	char *start, *at;
};

static bool back_write(struct back_writer *b, const char *s, size_t len)
{
	if ((size_t)(b->at - b->start) < len)
		return false;
	b->at -= len;
	memcpy(b->at, s, len);
	return true;
}

enum reached { REACHED_ROOT, REACHED_NOWHERE, NO_ROOM };

/* Writes "/a/b" for @p up to @root. Under RCU; the caller checks that nothing moved. */
static enum reached climb(struct back_writer *b, struct path p, const struct path *root)
{
	while (!(p.dentry == root->dentry && p.mount == root->mount)) {
		struct dentry *parent = READ_ONCE(p.dentry->parent);

		if (p.dentry == p.mount->root || parent == p.dentry) {
			struct path above = {
				READ_ONCE(p.mount->parent), READ_ONCE(p.mount->mountpoint)};

			if (!above.mount || !above.dentry)
				return REACHED_NOWHERE;
			p = above;
			continue;
		}
		/* A move may tear name and length; the length bounds the copy, and the caller
		 * throws the text away. */
		if (!back_write(b, READ_ONCE(p.dentry->name),
			    MIN(dentry_name_len(p.dentry),
				    (u32)strnlen(p.dentry->name, NAME_MAX_BYTES))) ||
			!back_write(b, "/", 1))
			return NO_ROOM;
		p.dentry = parent;
	}
	return REACHED_ROOT;
}

int path_text(const struct path *p, const struct path *root, char *buf, size_t size)
{
	static const char deleted[] = " (deleted)", unreachable[] = "(unreachable)";
	struct back_writer b;
	enum reached reached;
	size_t len;
	u32 names, mounts;
	bool gone;

	if (size < sizeof(deleted) + sizeof(unreachable))
		return -ENAMETOOLONG;
	do {
		b = (struct back_writer){buf, buf + size - 1};
		rcu_read_lock();
		names = seq_read_begin(&dcache_rename_seq);
		mounts = seq_read_begin(&mount_seq);
		gone = !dentry_hashed(p->dentry) && !dentry_is_root(p->dentry);
		if (gone)
			back_write(&b, deleted, sizeof(deleted) - 1);
		reached = climb(&b, *p, root);
		rcu_read_unlock();
	} while (seq_read_retry(&dcache_rename_seq, names) || seq_read_retry(&mount_seq, mounts));
	if (reached == NO_ROOM)
		return -ENAMETOOLONG;
	if ((*b.at != '/' || b.at == buf + size - 1) &&
		!back_write(&b, "/", 1)) /* it is the root itself */
		return -ENAMETOOLONG;
	/* An internal mount (memfd) has no place; its files show as "/memfd:name". */
	if (reached == REACHED_NOWHERE && p->mount->flags & MOUNT_INTERNAL)
		reached = REACHED_ROOT;
	if (reached == REACHED_NOWHERE && !back_write(&b, unreachable, sizeof(unreachable) - 1))
		return -ENAMETOOLONG;
	len = (size_t)(buf + size - 1 - b.at);
	memmove(buf, b.at, len);
	buf[len] = 0;
	return (int)len;
}
