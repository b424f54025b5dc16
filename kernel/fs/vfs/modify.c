/* Names made, removed and moved: mkdir, mknod, symlink, link, unlink, rmdir, rename. Layer: fs.
 * Locks: the directory's inode lock; two directories under the file system's rename_lock, ancestor
 * first, else by address; a directory that goes is locked last. Sources: rename(2), unlink(2),
 * rmdir(2), link(2), mkdir(2), mknod(2). */
#include "vfs_internal.h"

int path_may_create(const struct path *dir)
{
	if (READ_ONCE(dir->dentry->flags) & DENTRY_DEAD)
		return -ENOENT;
	if (path_read_only(dir))
		return -EROFS;
	return inode_permission(dir->dentry->inode, MAY_WRITE | MAY_EXEC);
}

/* May the name @d go from @dir? @want_dir: what the call removes. */
static int may_delete(const struct path *dir, const struct dentry *d, bool want_dir)
{
	struct inode *i = d->inode, *parent = dir->dentry->inode;
	u32 fsuid = cred_now()->fsuid;
	int err = path_may_create(dir);

	if (err)
		return err;
	if (parent->mode & S_ISVTX && fsuid != i->uid && fsuid != parent->uid &&
		!capable(LCAP_FOWNER))
		return -EPERM;
	if (want_dir && !S_ISDIR(i->mode))
		return -ENOTDIR;
	if (!want_dir && S_ISDIR(i->mode))
		return -EISDIR;
	return READ_ONCE(d->flags) & DENTRY_MOUNTED ? -EBUSY : 0;
}

static const struct inotify_name no_name;

/* The count of its names changed. */
static void inotify_links(const struct inode *i)
{
	if (unlikely(READ_ONCE(inotify_watches)))
		inotify_tell(i, i, IN_ATTRIB, &no_name);
}

/* ---- making ---- */

struct making {
	struct walk walk;
	struct dentry *dentry; /* negative, or err_ptr; the directory is locked */
};

static void making_end(struct making *m, int err)
{
	if (!err)
		inotify_named(m->walk.at.dentry->inode, m->dentry, IN_CREATE);
	rwsem_write_unlock(&m->walk.at.dentry->inode->lock);
	dentry_put_at(&m->dentry);
	walk_end(&m->walk);
}

/* Walks to the directory of @text and finds the last name free. On success the directory is locked:
 * making_end. */
static int making_begin(struct making *m, cap_t dirfd, const char *text, bool directory)
{
	int err = walk_parent(&m->walk, dirfd, text, LOOKUP_NEED(CAP_CREATE));

	if (err)
		return err;
	if (m->walk.last_type != LAST_NORMAL) {
		walk_end(&m->walk);
		return -EEXIST;
	}
	rwsem_write_lock(&m->walk.at.dentry->inode->lock);
	m->dentry = lookup_one_locked(m->walk.at.dentry, &m->walk.last);
	if (is_err(m->dentry))
		err = (int)ptr_err(m->dentry);
	else if (m->dentry->inode)
		err = -EEXIST;
	else if (m->walk.last_slash && !directory)
		err = -ENOENT;
	else
		err = path_may_create(&m->walk.at);
	if (err)
		making_end(m, err);
	return err;
}

int vfs_make_text(cap_t dirfd, const char *text, u32 mode, u64 rdev, const char *target)
{
	struct making m;
	struct inode *dir;
	int err = making_begin(&m, dirfd, text, S_ISDIR(mode));

	if (err)
		return err;
	dir = m.walk.at.dentry->inode;
	mode = mode_for_new(dir, mode);
	err = dir->ops->make ? dir->ops->make(dir, m.dentry, mode, rdev, target) : -EPERM;
	making_end(&m, err);
	return err;
}

int vfs_mknod(const char *path, u32 mode, u64 rdev)
{
	struct path_buf b SCOPED(path_buf_fini);
	int err = path_buf_kernel(&b, path);

	return err ? err : vfs_make_text(AT_FDCWD, b.text, mode, rdev, NULL);
}

int vfs_link_text(const struct path *old, cap_t dirfd, const char *text)
{
	struct inode *i = old->dentry->inode, *dir;
	struct making m;
	int err = making_begin(&m, dirfd, text, false);

	if (err)
		return err;
	dir = m.walk.at.dentry->inode;
	if (m.walk.at.mount != old->mount)
		err = -EXDEV;
	else if (S_ISDIR(i->mode) || !dir->ops->link)
		err = -EPERM;
	else if (!READ_ONCE(i->nlink) && !i->linkable)
		err = -ENOENT;
	else
		err = dir->ops->link(dir, m.dentry, i);
	if (!err)
		inotify_links(i);
	making_end(&m, err);
	return err;
}

/* ---- removing ---- */

static int remove_locked(struct walk *w, struct dentry *d, bool directory)
{
	struct inode *dir = w->at.dentry->inode, *i = d->inode;
	int err;

	if (!i)
		return -ENOENT;
	if (w->last_slash && !directory)
		return S_ISDIR(i->mode) ? -EISDIR : -ENOTDIR;
	err = may_delete(&w->at, d, directory);
	if (err)
		return err;
	struct rwsem *held SCOPED(write_release) = write_hold(&i->lock);
	err = READ_ONCE(d->flags) & DENTRY_MOUNTED ? -EBUSY
	      : dir->ops->remove                   ? dir->ops->remove(dir, d)
						   : -EPERM;
	if (err)
		return err;
	if (directory)
		__atomic_fetch_or(&d->flags, DENTRY_DEAD, __ATOMIC_ACQ_REL);
	dentry_drop(d);
	if (!directory)
		inotify_links(i);
	inotify_named(dir, d, IN_DELETE);
	return 0;
}

/* Removes the last component of @w. */
static int remove_last(struct walk *w, bool directory)
{
	struct inode *dir = w->at.dentry->inode;
	struct dentry *d SCOPED(dentry_put_at) = NULL; /* the contents go then, without the lock */
	int err;

	rwsem_write_lock(&dir->lock);
	d = lookup_one_locked(w->at.dentry, &w->last);
	err = is_err(d) ? (int)ptr_err(d) : remove_locked(w, d, directory);
	rwsem_write_unlock(&dir->lock);
	if (!err && directory)
		dentry_prune_children(d);
	return err;
}

int walk_objects(struct walk *w, const struct objects_fs *o, const char *text)
{
	*w = (struct walk){.at = o->root, .rights = CAP_ALL, .last = {text, name_scan(text)}};
	if (!*text)
		return -ENOENT;
	return text[name_len(&w->last)] || !strcmp(text, ".") || !strcmp(text, "..") ? -EACCES : 0;
}

int objects_unlink(struct objects_fs *o, const char *text)
{
	struct walk w;
	int err = walk_objects(&w, o, text);

	return err ? err : remove_last(&w, false);
}

int vfs_remove_text(cap_t dirfd, const char *text, bool directory)
{
	struct walk w;
	int err = walk_parent(&w, dirfd, text, LOOKUP_NEED(CAP_DELETE));

	if (err)
		return err;
	err = w.last_type == LAST_NORMAL   ? remove_last(&w, directory)
	      : !directory                 ? -EISDIR
	      : w.last_type == LAST_DOT    ? -EINVAL
	      : w.last_type == LAST_DOTDOT ? -ENOTEMPTY
					   : -EBUSY;
	walk_end(&w);
	return err;
}

/* ---- moving ---- */

struct moving {
	struct walk old, new;
	struct dentry *from, *to;
	u32 flags; /* RENAME_* */
};

static void two_dirs_lock(struct dentry *a, struct dentry *b)
{
	struct inode *first = a->inode, *second = b->inode;

	if (a == b) {
		rwsem_write_lock(&first->lock);
		return;
	}
	mutex_lock(&a->sb->rename_lock); /* directories stand still: who is above whom is sure */
	if (dentry_is_ancestor(b, a) || (!dentry_is_ancestor(a, b) && second < first)) {
		first = b->inode;
		second = a->inode;
	}
	rwsem_write_lock(&first->lock);
	rwsem_write_lock(&second->lock);
}

static void two_dirs_unlock(struct dentry *a, struct dentry *b)
{
	rwsem_write_unlock(&a->inode->lock);
	if (a == b)
		return;
	rwsem_write_unlock(&b->inode->lock);
	mutex_unlock(&a->sb->rename_lock);
}

/* The shape of the request, before permissions. 1 = nothing to do. */
static int move_shape(const struct moving *m)
{
	struct dentry *old_dir = m->old.at.dentry, *new_dir = m->new.at.dentry;
	bool exchange = m->flags & RENAME_EXCHANGE;

	if (!m->from->inode)
		return -ENOENT;
	if (m->flags & RENAME_NOREPLACE && m->to->inode)
		return -EEXIST;
	if (exchange && !m->to->inode)
		return -ENOENT;
	if (!S_ISDIR(m->from->inode->mode) &&
		(m->old.last_slash || (!exchange && m->new.last_slash)))
		return -ENOTDIR;
	if (exchange && m->new.last_slash && !S_ISDIR(m->to->inode->mode))
		return -ENOTDIR;
	if (old_dir != new_dir) {
		if (dentry_is_ancestor(m->from, new_dir))
			return -EINVAL;
		if (m->to->inode && dentry_is_ancestor(m->to, old_dir))
			return exchange ? -EINVAL : -ENOTEMPTY;
	}
	return m->from->inode == m->to->inode ? 1 : 0;
}

static int move_permission(const struct moving *m)
{
	bool from_dir = S_ISDIR(m->from->inode->mode), exchange = m->flags & RENAME_EXCHANGE,
	     crossing = m->old.at.dentry != m->new.at.dentry;
	struct inode *to = m->to->inode;
	bool to_dir = to && S_ISDIR(to->mode);
	int err = may_delete(&m->old.at, m->from, from_dir);

	if (err)
		return err;
	if (to && !(m->new.rights &CAP_DELETE))
		return -EACCES;
	if (!to)
		err = path_may_create(&m->new.at);
	else
		err = may_delete(&m->new.at, m->to, exchange ? to_dir : from_dir);
	/* A directory that gets another parent changes its "..". */
	if (!err && crossing && from_dir)
		err = inode_permission(m->from->inode, MAY_WRITE);
	if (!err && crossing && exchange && to_dir)
		err = inode_permission(to, MAY_WRITE);
	return err;
}

/* @over: what stood at the new name. The cookie only has to tell this move from others nearby. */
static void moved_tell(const struct moving *m, struct inode *over)
{
	static u32 cookies; /* [a] */
	struct inode *i = m->from->inode, *old_dir = m->old.at.dentry->inode,
		     *new_dir = m->new.at.dentry->inode;
	struct inotify_name old = {m->old.last.text, (u32)m->old.last.hash_len,
		__atomic_add_fetch(&cookies, 1, __ATOMIC_RELAXED)};
	struct inotify_name new = {m->new.last.text, (u32)m->new.last.hash_len, old.cookie};

	if (old_dir == new_dir)
		inotify_tell(old_dir, i, IN_RENAME, &old);
	inotify_tell(old_dir, i, IN_MOVED_FROM, &old);
	inotify_tell(new_dir, i, IN_MOVED_TO, &new);
	if (m->flags & RENAME_EXCHANGE) {
		old.cookie = new.cookie = __atomic_add_fetch(&cookies, 1, __ATOMIC_RELAXED);
		inotify_tell(new_dir, over, IN_MOVED_FROM, &new);
		inotify_tell(old_dir, over, IN_MOVED_TO, &old);
		inotify_tell(over, over, IN_MOVE_SELF, &no_name);
	} else if (over) {
		inotify_links(over);
	}
	inotify_tell(i, i, IN_MOVE_SELF, &no_name);
}

static int move_locked(struct moving *m)
{
	struct inode *old_dir = m->old.at.dentry->inode, *new_dir = m->new.at.dentry->inode;
	struct inode *victim = NULL, *over = m->to->inode;
	int err = move_shape(m);

	if (err)
		return err > 0 ? 0 : err;
	err = move_permission(m);
	if (err)
		return err;
	if (!old_dir->ops->rename)
		return -EPERM;
	if (m->to->inode && S_ISDIR(m->to->inode->mode) && !(m->flags & RENAME_EXCHANGE)) {
		victim = m->to->inode;
		rwsem_write_lock(&victim->lock);
		if (READ_ONCE(m->to->flags) & DENTRY_MOUNTED)
			err = -EBUSY;
	}
	if (!err)
		err = old_dir->ops->rename(old_dir, m->from, new_dir, m->to, m->flags);
	if (!err && victim)
		__atomic_fetch_or(&m->to->flags, DENTRY_DEAD, __ATOMIC_ACQ_REL);
	if (!err)
		dentry_move(m->from, m->to, m->flags & RENAME_EXCHANGE);
	if (victim)
		rwsem_write_unlock(&victim->lock);
	if (unlikely(READ_ONCE(inotify_watches)) && !err)
		moved_tell(m, over);
	return err;
}

static int move_walked(struct moving *m)
{
	struct dentry *old_dir = m->old.at.dentry, *new_dir = m->new.at.dentry;
	int err;

	if (m->old.at.mount != m->new.at.mount)
		return -EXDEV;
	if (m->old.last_type != LAST_NORMAL)
		return -EBUSY;
	if (m->new.last_type != LAST_NORMAL)
		return m->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	two_dirs_lock(old_dir, new_dir);
	m->from = lookup_one_locked(old_dir, &m->old.last);
	m->to = is_err(m->from) ? m->from : lookup_one_locked(new_dir, &m->new.last);
	err = is_err(m->to) ? (int)ptr_err(m->to) : move_locked(m);
	two_dirs_unlock(old_dir, new_dir);
	if (!err && READ_ONCE(m->to->flags) & DENTRY_DEAD)
		dentry_prune_children(m->to);
	dentry_put_at(&m->to);
	dentry_put_at(&m->from);
	return err;
}

int vfs_rename_text(cap_t old_fd, const char *old, cap_t new_fd, const char *new, u32 flags)
{
	struct moving m;
	int err;

	m.flags = flags;
	err = walk_parent(&m.old, old_fd, old,
		LOOKUP_NEED(CAP_DELETE | (flags & RENAME_WHITEOUT ? CAP_CREATE : 0)));
	if (err)
		return err;
	err = walk_parent(&m.new, new_fd, new, LOOKUP_NEED(CAP_CREATE));
	if (!err) {
		/* Nobody gets more rights to a file by moving it. */
		if (unlikely(m.new.rights & ~m.old.rights ||
			     (flags & RENAME_EXCHANGE && m.new.rights != m.old.rights)))
			err = -EACCES;
		else
			err = move_walked(&m);
		walk_end(&m.new);
	}
	walk_end(&m.old);
	return err;
}
