/* From a path to a dentry. Layer: fs.
 *
 * The walk first runs without references and without locks, under RCU: each dentry it stands on has
 * its sequence number read, and a step is good when neither the directory's nor the child's number
 * changed. On any doubt - a name that is not cached, a move under way, a file system that wants to
 * be asked - it answers -ECHILD and walk_ref starts again with references. The path text has
 * NAME_PAD readable bytes behind it. Limits: SYMLINKS_MAX links, NAME_MAX_BYTES a name. Source:
 * path_resolution(7). */
#include "vfs_internal.h"

struct child {
	struct path at; /* referenced unless rcu */
	struct inode *inode;
	u32 seq;
};

/* ---- mounts on the way ---- */

/* Stands on top of what is mounted at @at. Under RCU, no references. */
static void cross_rcu(struct path *at, struct inode **inode, u32 *seq)
{
	struct mount *m;

	while (READ_ONCE(at->dentry->flags) & DENTRY_MOUNTED &&
		(m = mount_find(at->mount, at->dentry)) != NULL) {
		*at = (struct path){m, m->root};
		*seq = seq_read_begin(&m->root->seq);
		*inode = m->root->inode;
	}
}

static void cross_ref(struct path *at)
{
	while (READ_ONCE(at->dentry->flags) & DENTRY_MOUNTED) {
		struct path old = *at;
		struct mount *m;

		rcu_read_lock();
		m = mount_find(at->mount, at->dentry);
		if (m && !ref_get_live(&m->refs))
			m = NULL;
		rcu_read_unlock();
		if (!m)
			return;
		dentry_get(m->root);
		*at = (struct path){m, m->root};
		path_put(&old);
	}
}

/* ---- up ---- */

/* Without a reference. */
static void stand_on(struct walk *w, struct dentry *d)
{
	w->at.dentry = d;
	w->seq = seq_read_begin(&d->seq);
	w->inode = d->inode;
}

static int up_rcu(struct walk *w)
{
	while (!path_equal(&w->at, &w->root)) {
		struct dentry *d = w->at.dentry, *parent;
		struct mount *m = w->at.mount, *above;

		if (d != m->root) {
			parent = READ_ONCE(d->parent);
			if (seq_read_retry(&d->seq, w->seq))
				return -ECHILD;
			stand_on(w, parent);
			break;
		}
		above = READ_ONCE(m->parent);
		if (!above)
			break;
		d = READ_ONCE(m->mountpoint);
		if (seq_read_retry(&mount_seq, w->mount_start))
			return -ECHILD;
		w->at.mount = above;
		stand_on(w, d);
	}
	cross_rcu(&w->at, &w->inode, &w->seq);
	return 0;
}

bool path_is_beneath(const struct path *p, const struct path *top)
{
	struct path at SCOPED(path_put) = *p, above;

	path_get(&at);
	while (at.mount != top->mount) {
		if (!mountpoint_get(at.mount, &above))
			return false;
		path_put(&at);
		at = above;
	}
	return dentry_is_below(top->dentry, at.dentry);
}

static void up_ref(struct walk *w)
{
	while (!path_equal(&w->at, &w->root)) {
		struct path above;

		if (w->at.dentry != w->at.mount->root) {
			struct dentry *parent = dentry_parent_get(w->at.dentry);

			dentry_put(w->at.dentry);
			w->at.dentry = parent;
			break;
		}
		if (!mountpoint_get(w->at.mount, &above))
			break;
		path_put(&w->at);
		w->at = above;
	}
	cross_ref(&w->at);
	w->inode = w->at.dentry->inode;
}

/* What leaving the tree of a walk that must stay in it answers. */
static int escape_error(void)
{
	return cap_confined() ? -EPERM : -EXDEV;
}

/* ".." where the start is not to be left. The directory may have been moved out of the tree
 * meanwhile: then its parent is none of ours. */
static int up_beneath(struct walk *w)
{
	if (w->rcu)
		return -ECHILD;
	if (path_equal(&w->at, &w->root))
		return w->flags & LOOKUP_BENEATH ? escape_error() : 0;
	up_ref(w);
	return path_is_beneath(&w->at, &w->root) ? 0 : escape_error();
}

/* ---- down ---- */

struct dentry *lookup_one_locked(struct dentry *dir, const struct name *n)
{
	struct inode *i = dir->inode;
	struct dentry *d;
	u32 names;
	int err = 0;

	do /* names of this directory stand still, but moves elsewhere may mislead a reader */
		names = seq_read_begin(&dcache_rename_seq);
	while (!(d = dcache_get(dir, n)) && seq_read_retry(&dcache_rename_seq, names));
	if (d)
		return d;
	if (READ_ONCE(dir->flags) & DENTRY_DEAD)
		return err_ptr(-ENOENT);
	if (name_len(n) > NAME_MAX_BYTES)
		return err_ptr(-ENAMETOOLONG);
	d = dentry_alloc(dir->sb, dir, n);
	if (!d)
		return err_ptr(-ENOMEM);
	if (i->ops->lookup)
		err = i->ops->lookup(i, d);
	if (err) {
		dentry_put(d);
		return err_ptr(err);
	}
	dentry_hash(d);
	return d;
}

struct dentry *lookup_text_locked(struct dentry *dir, const char *text, size_t len)
{
	char padded[NAME_MAX_BYTES + 1 + NAME_PAD];

	if (len > NAME_MAX_BYTES)
		return err_ptr(-ENAMETOOLONG);
	memcpy(padded, text, len);
	memset(padded + len, 0, 1 + NAME_PAD);
	return lookup_one_locked(dir, &(struct name){padded, name_scan(padded)});
}

static struct dentry *lookup_one(struct dentry *dir, const struct name *n)
{
	struct dentry *d = dcache_get(dir, n);

	if (d)
		return d;
	struct rwsem *held SCOPED(write_release) = write_hold(&dir->inode->lock);
	return lookup_one_locked(dir, n);
}

static ALWAYS_INLINE int child_rcu(struct walk *w, const struct name *n, struct child *c)
{
	struct dentry *d = dcache_find(w->at.dentry, n->text, n->hash_len, &c->seq);

	if (!d)
		return -ECHILD;
	c->inode = __atomic_load_n(&d->inode, __ATOMIC_ACQUIRE); /* pairs with dentry_attach */
	if (seq_read_retry(&w->at.dentry->seq, w->seq))
		return -ECHILD;
	if (!c->inode)
		return seq_read_retry(&d->seq, c->seq) ? -ECHILD : -ENOENT;
	c->at.mount = w->at.mount;
	c->at.dentry = d;
	cross_rcu(&c->at, &c->inode, &c->seq);
	return 0;
}

static int child_ref(struct walk *w, const struct name *n, struct child *c)
{
	struct dentry *d = lookup_one(w->at.dentry, n);

	if (is_err(d))
		return (int)ptr_err(d);
	if (!d->inode) {
		dentry_put(d);
		return -ENOENT;
	}
	mount_get(w->at.mount);
	c->at = (struct path){w->at.mount, d};
	cross_ref(&c->at);
	c->inode = c->at.dentry->inode;
	c->seq = 0; /* the reference holds it */
	return 0;
}

/* ---- symbolic links ---- */

static void jump_to_root(struct walk *w)
{
	if (!w->rcu) {
		path_get(&w->root);
		path_put(&w->at);
	}
	w->at = w->root;
	stand_on(w, w->at.dentry);
}

static int link_rcu(struct walk *w, const struct child *c, const char *rest, const char **next)
{
	const char *text = c->inode->link;

	if (!text || !*text || seq_read_retry(&c->at.dentry->seq, c->seq))
		return -ECHILD;
	if (*rest) {
		if (w->depth == WALK_DEPTH_MAX)
			return -ECHILD;
		w->rest[w->depth++] = rest;
	}
	*next = text;
	return 0;
}

/* Text of the link with what follows it, in a buffer of its own. */
static int link_ref(struct walk *w, const struct child *c, const char *rest, const char **next)
{
	size_t rest_len = strlen(rest);
	char *buf;
	int len;

	buf = kmalloc(PATH_MAX_BYTES + 1 + rest_len + 1 + NAME_PAD, ALLOC_KERNEL);
	if (!buf)
		return -ENOMEM;
	len = inode_readlink(c->inode, buf, PATH_MAX_BYTES);
	if (len <= 0 || len >= PATH_MAX_BYTES) {
		kfree(buf);
		return len < 0 ? len : len ? -ENAMETOOLONG : -ENOENT;
	}
	if (rest_len)
		buf[len++] = '/';
	memcpy(buf + len, rest, rest_len);
	memset(buf + len + rest_len, 0, 1 + NAME_PAD);
	kfree(w->text);
	*next = w->text = buf;
	return 0;
}

/* @c is a link and is followed: @next is the text to go on with. Gives @c back. */
static int follow_link(struct walk *w, struct child *c, const char *rest, const char **next)
{
	int err;

	if (++w->links > SYMLINKS_MAX || w->flags & LOOKUP_NO_SYMLINKS ||
		w->at.mount->flags & MS_NOSYMFOLLOW ||
		(c->inode->ops->follow && w->flags & LOOKUP_NO_MAGIC))
		err = -ELOOP;
	else if (c->inode->ops->follow && w->flags & LOOKUP_SCOPED)
		err = escape_error();
	else if (c->inode->ops->follow && !w->rcu) {
		struct path to;

		err = c->inode->ops->follow(c->inode, &to, &w->rights);
		if (!err) {
			path_put(&w->at);
			w->at = to;
			w->inode = to.dentry->inode;
			*next = rest;
		}
	} else {
		if (inode_atime_due(c->inode))
			inode_touch_atime(&c->at, c->inode);
		err = w->rcu ? link_rcu(w, c, rest, next) : link_ref(w, c, rest, next);
		if (!err && **next == '/') {
			if (unlikely(w->flags & LOOKUP_BENEATH))
				err = escape_error();
			else
				jump_to_root(w);
		}
	}
	if (!w->rcu)
		path_put(&c->at);
	return err;
}

/* ---- the loop ---- */

static ALWAYS_INLINE void move_to(struct walk *w, const struct child *c)
{
	if (!w->rcu)
		path_put(&w->at);
	w->at = c->at;
	w->inode = c->inode;
	w->seq = c->seq;
}

/* The last component of a path whose directory is wanted. 1 = stop here; 0 = it is a link to
 * follow, in @c. */
static int last_component(struct walk *w, const struct name *n, struct child *c)
{
	bool link;
	int err;

	w->last = *n;
	w->last_type = LAST_NORMAL;
	if (n->text[0] == '.' && name_len(n) <= 2 && (name_len(n) == 1 || n->text[1] == '.')) {
		w->last_type = name_len(n) == 1 ? LAST_DOT : LAST_DOTDOT;
		return 1;
	}
	if (!(w->flags & LOOKUP_CREATE) || w->rcu)
		return 1;
	err = child_ref(w, n, c);
	if (err)
		return err == -ENOENT ? 1 : err;
	/* NOLINTNEXTLINE(clang-analyzer-core.*): without an error, the child is filled */
	link = S_ISLNK(c->inode->mode);
	if (!link)
		path_put(&c->at);
	return !link;
}

static int may_search(struct walk *w)
{
	struct inode *i = w->inode;

	if (unlikely(!S_ISDIR(i->mode)))
		return -ENOTDIR;
	if (unlikely(w->rcu && i->ops->permission))
		return -ECHILD;
	/* A directory that everybody may search needs no further look. */
	if (likely(dir_is_open(i)))
		return 0;
	return inode_permission(i, MAY_EXEC);
}

static int walk_text(struct walk *w, const char *s)
{
	for (;;) {
		struct child c;
		struct name n;
		const char *end;
		bool last, slash;
		int err;

		if (unlikely(w->flags & LOOKUP_NO_XDEV && w->at.mount->id != w->mount_id))
			return -EXDEV;
		while (*s == '/')
			s++;
		if (!*s) {
			if (likely(!w->depth))
				return 0;
			s = w->rest[--w->depth];
			continue;
		}
		err = may_search(w);
		if (unlikely(err))
			return err;
		n.text = s;
		n.hash_len = name_scan(s);
		if (unlikely(name_len(&n) > NAME_MAX_BYTES))
			return -ENAMETOOLONG;
		end = s + name_len(&n);
		slash = *end == '/';
		while (*end == '/')
			end++;
		last = !*end && !w->depth;
		if (last && slash)
			w->flags |= LOOKUP_DIRECTORY | LOOKUP_FOLLOW;
		if (last && w->flags & LOOKUP_PARENT) {
			w->last_slash = slash;
			err = last_component(w, &n, &c);
			if (err)
				return err < 0 ? err : 0;
		} else if (s[0] == '.' &&
			   (name_len(&n) == 1 || (name_len(&n) == 2 && s[1] == '.'))) {
			if (name_len(&n) == 2) {
				err = unlikely(w->flags & LOOKUP_SCOPED) ? up_beneath(w)
				      : w->rcu                           ? up_rcu(w)
									 : (up_ref(w), 0);
				if (err)
					return err;
			}
			s = end;
			continue;
		} else {
			err = w->rcu ? child_rcu(w, &n, &c) : child_ref(w, &n, &c);
			if (unlikely(err))
				return err;
		}
		/* NOLINTNEXTLINE(clang-analyzer-core.*): without an error, the child is filled */
		if (unlikely(S_ISLNK(c.inode->mode)) &&
			(!last || w->flags & (LOOKUP_FOLLOW | LOOKUP_CREATE))) {
			err = follow_link(w, &c, end, &s);
			if (err)
				return err;
			continue;
		}
		move_to(w, &c);
		s = end;
	}
}

/* The common case of walk_text in registers: cached names that are no links, in directories that
 * everybody may search. Return: where walk_text has to go on - the end, or the component that is
 * not so plain. Lock-free walk, no link followed yet. */
static ALWAYS_INLINE const char *walk_plain(struct walk *w, const char *s)
{
	struct dentry *dir = w->at.dentry;
	struct inode *i = w->inode;
	u32 seq = w->seq;

	while (*s == '/')
		s++;
	while (*s && *s != '.' && dir_is_open(i)) {
		u64 hash_len = name_scan(s);
		const char *end = s + (u32)hash_len;
		struct inode *next;
		struct dentry *d;
		u32 d_seq;

		if (unlikely(*end ? !end[1] || end[1] == '/' : w->flags & LOOKUP_PARENT) ||
			unlikely((u32)hash_len > NAME_MAX_BYTES))
			break;
		d = dcache_find(dir, s, hash_len, &d_seq);
		if (unlikely(!d))
			break;
		next = __atomic_load_n(&d->inode, __ATOMIC_ACQUIRE); /* pairs with dentry_attach */
		if (unlikely(seq_read_retry(&dir->seq, seq) || !next || S_ISLNK(next->mode)))
			break;
		if (unlikely(READ_ONCE(d->flags) & DENTRY_MOUNTED)) {
			w->at.dentry = d;
			w->inode = next;
			w->seq = d_seq;
			cross_rcu(&w->at, &w->inode, &w->seq);
			d = w->at.dentry;
			next = w->inode;
			d_seq = w->seq;
		}
		dir = d;
		i = next;
		seq = d_seq;
		s = end;
		if (!*s)
			break;
		s++;
	}
	w->at.dentry = dir;
	w->inode = i;
	w->seq = seq;
	return s;
}

/* ---- beginning and end ---- */

static ALWAYS_INLINE bool is_absolute(const struct walk *w, const char *text)
{
	return *text == '/' && !(w->flags & LOOKUP_IN_ROOT);
}

/* The file that @dirfd names when the path starts there. Sets w->start. */
static NOINLINE int start_at_file(struct walk *w, cap_t dirfd, const char *text)
{
	struct file *f;
	int err;

	if (!*text && !(w->flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (is_absolute(w, text) || dirfd == AT_FDCWD)
		return cap_confined() ? -EPERM : 0; /* no global names in capability mode */
	w->start = fd_get_path(dirfd, (*text ? CAP_LOOKUP : 0) | LOOKUP_RIGHTS(w->flags));
	f = w->start.file;
	if (is_err(f))
		return (int)ptr_err(f);
	err = cap_rights(current->caps, dirfd, &f->object, &w->rights);
	if (cap_confined())
		w->flags |= LOOKUP_BENEATH;
	if (!err && !f->path.dentry)
		err = *text ? -ENOTDIR : -EBADF;
	if (err)
		fd_put(&w->start);
	return err;
}

static ALWAYS_INLINE int start_file(struct walk *w, cap_t dirfd, const char *text)
{
	w->start.file = err_ptr(-EBADF);
	if (likely((is_absolute(w, text) || (dirfd == AT_FDCWD && *text)) && !cap_confined()))
		return 0;
	return start_at_file(w, dirfd, text);
}

/* Sets root and at, without references. Under RCU. */
static ALWAYS_INLINE void start_place(struct walk *w, const char *text)
{
	struct fs_context *fs = fs_current();
	u32 seq;

	do {
		seq = seq_read_begin(&fs->seq);
		w->root = fs->root;
		w->at = fs->cwd;
	} while (unlikely(seq_read_retry(&fs->seq, seq)));
	if (is_absolute(w, text))
		w->at = w->root;
	else if (!is_err(w->start.file))
		w->at = w->start.file->path;
	if (w->flags & LOOKUP_SCOPED)
		w->root = w->at; /* nothing above the directory that was granted */
	w->mount_id = w->at.mount->id;
}

static ALWAYS_INLINE void walk_reset(struct walk *w, u32 flags, bool rcu)
{
	w->flags = flags;
	w->rcu = rcu;
	w->last_slash = false;
	w->links = 0;
	w->depth = 0;
	w->rights = CAP_ALL;
	w->last_type = LAST_ROOT;
}

static int final_check(const struct walk *w)
{
	if (unlikely(LOOKUP_RIGHTS(w->flags) & ~w->rights))
		return -EACCES;
	return unlikely((w->flags & (LOOKUP_DIRECTORY | LOOKUP_PARENT)) == LOOKUP_DIRECTORY) &&
			       !S_ISDIR(w->inode->mode)
		       ? -ENOTDIR
		       : 0;
}

/* Lock-free. 0: inside an RCU section that walk_end or walk_take ends. -errno is final; -ECHILD:
 * use walk_ref. */
static int walk_rcu(struct walk *w, cap_t dirfd, const char *text, u32 flags)
{
	int err;

	walk_reset(w, flags, true);
	err = flags & LOOKUP_REF ? -ECHILD : start_file(w, dirfd, text);
	if (err)
		return err;
	rcu_read_lock();
	w->mount_start = seq_read_begin(&mount_seq);
	start_place(w, text);
	stand_on(w, w->at.dentry);
	text = walk_plain(w, text);
	err = unlikely(*text || flags & LOOKUP_NO_XDEV) ? walk_text(w, text) : 0;
	if (likely(!err))
		err = final_check(w);
	if (likely(!err))
		return 0;
	rcu_read_unlock();
	fd_put(&w->start);
	/* Only "no such name" is sure enough here: a negative dentry was seen between two equal
	 * sequence numbers. */
	return err == -ENOENT ? err : -ECHILD;
}

/* With references; walk_end gives back. */
static int walk_ref(struct walk *w, cap_t dirfd, const char *text, u32 flags)
{
	struct fs_context *fs = fs_current();
	int err;

	walk_reset(w, flags, false);
	w->text = NULL;
	err = start_file(w, dirfd, text);
	if (err)
		return err;
	spin_lock(&fs->lock); /* keeps root and cwd from going while they are referenced */
	rcu_read_lock();
	start_place(w, text);
	path_get(&w->root);
	path_get(&w->at);
	rcu_read_unlock();
	spin_unlock(&fs->lock);
	w->inode = w->at.dentry->inode;
	err = walk_text(w, text);
	if (!err)
		err = final_check(w);
	if (err)
		walk_end(w);
	return err;
}

void walk_end(struct walk *w)
{
	if (w->rcu) {
		rcu_read_unlock();
	} else {
		path_put(&w->at);
		path_put(&w->root);
		kfree(w->text);
	}
	fd_put(&w->start);
}

/* Takes references on where the lock-free walk stands and leaves RCU. */
static ALWAYS_INLINE int walk_legitimize(struct walk *w)
{
	bool have_mount = ref_get_live(&w->at.mount->refs);
	bool have_dentry = have_mount && dentry_get_live(w->at.dentry);
	bool good = have_dentry && !seq_read_retry(&mount_seq, w->mount_start) &&
		    !seq_read_retry(&w->at.dentry->seq, w->seq);

	rcu_read_unlock();
	if (likely(good))
		return 0;
	if (have_dentry)
		dentry_put(w->at.dentry);
	if (have_mount)
		mount_put(w->at.mount);
	return -ECHILD;
}

/* Moves at to @out with references and ends the walk. 0 | -ECHILD. */
static int walk_take(struct walk *w, struct path *out)
{
	int err;

	if (!w->rcu) {
		*out = w->at;
		path_get(out);
		walk_end(w);
		return 0;
	}
	err = walk_legitimize(w);
	if (!err)
		*out = w->at;
	fd_put(&w->start);
	return err;
}

int walk_path_rights(cap_t dirfd, const char *text, u32 flags, struct path *out, u32 *rights)
{
	struct walk w;
	int err = walk_rcu(&w, dirfd, text, flags);

	if (likely(!err))
		err = walk_take(&w, out);
	if (unlikely(err == -ECHILD)) {
		err = flags & LOOKUP_CACHED ? -EAGAIN : walk_ref(&w, dirfd, text, flags);
		if (!err)
			err = walk_take(&w, out);
	}
	*rights = w.rights;
	return err;
}

int walk_path(cap_t dirfd, const char *text, u32 flags, struct path *out)
{
	u32 rights;

	return walk_path_rights(dirfd, text, flags, out, &rights);
}

int walk_parent(struct walk *w, cap_t dirfd, const char *text, u32 flags)
{
	int err = walk_rcu(w, dirfd, text, flags | LOOKUP_PARENT);

	if (!err) {
		err = walk_legitimize(w);
		w->rcu = false;
		w->root = (struct path){NULL, NULL};
		w->text = NULL;
		if (err)
			fd_put(&w->start);
	}
	return err == -ECHILD ? walk_ref(w, dirfd, text, flags | LOOKUP_PARENT) : err;
}

int path_stat(cap_t dirfd, const char *text, u32 flags, struct stat_k *st)
{
	struct path p SCOPED(path_put) = {NULL, NULL};
	struct walk w;
	int err = walk_rcu(&w, dirfd, text, flags);

	if (likely(!err)) {
		inode_getattr(&w.at, w.inode, st);
		err = seq_read_retry(&w.at.dentry->seq, w.seq) ? -ECHILD : 0;
		walk_end(&w);
	}
	if (likely(err != -ECHILD))
		return err;
	err = walk_path(dirfd, text, flags, &p);
	if (!err)
		inode_getattr(&p, p.dentry->inode, st);
	return err;
}
