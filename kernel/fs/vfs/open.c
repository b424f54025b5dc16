/* open(2) in all its forms. Layer: fs.
 * Locks: the directory's inode lock while a file is made in it. Sources: open(2), execve(2)
 * (ETXTBSY, noexec). */
#include <exo/fs_locks.h>
#include <exo/fs_pipe.h>
#include "vfs_internal.h"

static const struct file_ops path_only_ops; /* O_PATH */

static int open_inode(struct file *f, struct inode *i)
{
	int err = 0;

	f->ops = i->file_ops;
	switch (i->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
		f->mode |= FMODE_SEEK | FMODE_PREAD;
		if (i->ops->open)
			err = i->ops->open(i, f);
		return err;
	case S_IFCHR:
		f->mode |= FMODE_STREAM;
		err = i->ops->open ? i->ops->open(i, f) : chardev_open(i, f);
		f->flags &= ~O_NOCTTY; /* only a terminal's open looks at it */
		if (!err && f->ops && f->ops->seek)
			f->mode |= FMODE_SEEK | FMODE_PREAD;
		return err;
	case S_IFIFO:
		f->mode |= FMODE_STREAM;
		return pipe_fifo_open(i, f);
	default: /* sockets and block devices have no driver behind open: nothing to release */
		f->ops = NULL;
		return -ENXIO;
	}
}

static u32 access_mask(u32 o_flags)
{
	static const u8 masks[4] = {
		MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};

	return masks[o_flags & O_ACCMODE] | (o_flags & O_TRUNC ? MAY_WRITE : 0);
}

/* What a directory's grant must allow so that files are opened so below it. */
static u32 access_rights(u32 o_flags)
{
	_Static_assert(MAY_WRITE == CAP_WRITE, "the bits are mapped");
	u32 mask = o_flags & O_PATH ? 0 : access_mask(o_flags);

	return (mask & MAY_READ ? CAP_READ : 0) | (mask & MAY_WRITE ? CAP_WRITE : 0);
}

static int may_open(const struct file *f, struct inode *i, u32 o_flags)
{
	u32 mask = access_mask(o_flags);

	switch (i->mode & S_IFMT) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		if (mask & MAY_WRITE || o_flags & O_CREAT)
			return -EISDIR;
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (f->path.mount->flags & MS_NODEV)
			return -EACCES;
		break;
	case S_IFREG:
		if (mask & MAY_WRITE && path_read_only(&f->path))
			return -EROFS;
		break;
	}
	if (unlikely(o_flags & O_NOATIME) && cred_now()->fsuid != i->uid && !capable(LCAP_FOWNER))
		return -EPERM;
	return inode_permission(i, mask);
}

int file_open_here(struct file *f, u32 o_flags)
{
	struct inode *i = f->path.dentry->inode;
	bool created = f->mode & FMODE_CREATED;
	int err;

	f->inode = i;
	if (!S_ISCHR(i->mode) || unlikely(o_flags & O_PATH))
		f->flags &= ~O_NOCTTY;
	if (unlikely(o_flags & O_PATH)) {
		f->ops = &path_only_ops;
		return 0;
	}
	err = created ? 0 : may_open(f, i, o_flags);
	if (unlikely(err))
		return err;
	if (S_ISREG(i->mode) && access_mask(o_flags) & MAY_WRITE) {
		err = inode_use_begin(i, INODE_WRITE);
		if (err)
			return err;
		f->mode |= FMODE_WRITER;
	} else if (S_ISREG(i->mode)) {
		/* pairs with the fence of who wants a lease */
		__atomic_fetch_add(&i->read_count, 1, __ATOMIC_SEQ_CST);
		f->mode |= FMODE_READER;
	}
	err = file_lease_check(i, o_flags);
	if (!err)
		err = open_inode(f, i);
	inotify_dentry(f->path.dentry, IN_OPEN, err);
	if (!err && o_flags & O_TRUNC && !created && S_ISREG(i->mode))
		err = file_truncate(i, 0, f);
	return err;
}

static u32 new_mode(const struct inode *dir, u32 mode) /* of a regular file made in @dir */
{
	return mode_for_new(dir, (mode & S_IALLUGO) | S_IFREG);
}

/* Makes the last component of @w in its directory. 0 created | 1 it exists, 2 as a link: look it up
 * again | -errno. Sets f->path but after an error. */
static int create_last(struct walk *w, struct file *f, u32 o_flags, u32 mode, const void *arg)
{
	struct inode *dir = w->at.dentry->inode;
	struct dentry *d SCOPED(dentry_put_at) = NULL;
	int err;

	if (!(w->rights & CAP_CREATE))
		return -EACCES;
	f->object.root.rights = w->rights;
	if (w->last_type != LAST_NORMAL || w->last_slash)
		return o_flags & O_EXCL && w->last_type != LAST_NORMAL ? -EEXIST : -EISDIR;
	struct rwsem *held SCOPED(write_release) = write_hold(&dir->lock);
	d = lookup_one_locked(w->at.dentry, &w->last);
	if (is_err(d))
		return (int)ptr_err(d);
	if (d->inode) {
		err = o_flags & O_EXCL ? -EEXIST : S_ISLNK(d->inode->mode) ? 2 : 1;
	} else {
		err = o_flags & O_CREAT ? path_may_create(&w->at) : -ENOENT;
		if (!err)
			err = dir->ops->make ? dir->ops->make(dir, d, new_mode(dir, mode), 0, arg)
					     : -EACCES;
		if (!err)
			inotify_named(dir, d, IN_CREATE);
	}
	if (err < 0)
		return err;
	if (!err)
		f->mode |= FMODE_CREATED;
	mount_get(w->at.mount);
	f->path = (struct path){w->at.mount, d};
	d = NULL;
	return err;
}

/* Sets f->path to the file of that name, making it when there is none. @need: LOOKUP_* besides. */
static int lookup_or_create(
	struct file *f, cap_t dirfd, const char *text, u32 o_flags, u32 mode, u32 need)
{
	u32 follow = o_flags & (O_NOFOLLOW | O_EXCL) ? 0 : LOOKUP_FOLLOW,
	    parent = (follow ? LOOKUP_CREATE : 0) | need;
	struct walk w;
	int err;

	for (;;) {
		if (!(o_flags & O_EXCL)) {
			err = walk_path_rights(
				dirfd, text, follow | need, &f->path, &f->object.root.rights);
			if (err != -ENOENT)
				return err;
		}
		err = walk_parent(&w, dirfd, text, parent);
		if (err)
			return err;
		err = create_last(&w, f, o_flags, mode, NULL);
		walk_end(&w);
		if (err <= 0)
			return err;
		path_put(&f->path);
		f->path = (struct path){NULL, NULL};
		if (err == 2 && follow) /* a link to nowhere: its target is made */
			parent |= LOOKUP_REF;
		cond_resched();
	}
}

int file_make_nameless(struct file *f, const struct path *dir, const struct name *n, u32 mode)
{
	struct inode *i = dir->dentry->inode;
	struct dentry *d SCOPED(dentry_put_at) = dentry_alloc(i->sb, dir->dentry, n);
	int err = d ? i->ops->make(i, d, mode, 0, NULL) : -ENOMEM;

	if (err)
		return err;
	mount_get(dir->mount);
	f->path = (struct path){dir->mount, d};
	f->mode |= FMODE_CREATED;
	d = NULL;
	return 0;
}

static int open_tmpfile(
	struct file *f, cap_t dirfd, const char *text, u32 o_flags, u32 mode, u32 need)
{
	struct path at SCOPED(path_put) = {NULL, NULL};
	char number[32] = "";
	struct inode *dir;
	int err = walk_path_rights(dirfd, text,
		LOOKUP_DIRECTORY | (o_flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			LOOKUP_NEED(CAP_CREATE) | need,
		&at, &f->object.root.rights);

	if (err)
		return err;
	dir = at.dentry->inode;
	struct rwsem *held SCOPED(read_release) = read_hold(&dir->lock);
	err = dir->ops->nameless ? path_may_create(&at) : -EOPNOTSUPP;
	if (err)
		return err;
	snprintf(number, sizeof(number) - NAME_PAD, "#%llu",
		(unsigned long long)at.dentry->sb->next_ino + 1);
	err = file_make_nameless(
		f, &at, &(struct name){number, name_scan(number)}, new_mode(dir, mode));
	if (!err)
		f->path.dentry->inode->linkable = !(o_flags & O_EXCL);
	return err;
}

static int flags_check(u32 *o_flags)
{
	u32 f = *o_flags;

	if (f & O_PATH)
		f &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	else if (f & O_TMPFILE_BIT) {
		if ((f & O_TMPFILE) != O_TMPFILE || f & O_CREAT || !(access_mask(f) & MAY_WRITE))
			return -EINVAL;
	} else if ((f & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY)) {
		return -EINVAL;
	}
	*o_flags = f;
	return 0;
}

struct file *vfs_open_text(cap_t dirfd, const char *text, u32 o_flags, u32 mode, u32 lookup)
{
	struct file *f;
	int err = flags_check(&o_flags);

	if (err)
		return err_ptr(err);
	f = file_alloc(o_flags);
	if (is_err(f))
		return f;
	lookup |= LOOKUP_NEED(access_rights(o_flags));
	if (unlikely((o_flags & O_TMPFILE) == O_TMPFILE)) {
		err = open_tmpfile(f, dirfd, text, o_flags, mode, lookup);
	} else if (o_flags & O_CREAT) {
		err = lookup_or_create(f, dirfd, text, o_flags, mode, lookup);
	} else {
		err = walk_path_rights(dirfd, text,
			(o_flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
				(o_flags & O_DIRECTORY ? LOOKUP_DIRECTORY : 0) | lookup,
			&f->path, &f->object.root.rights);
	}
	if (likely(!err))
		err = file_open_here(f, o_flags);
	return file_opened(f, err);
}

struct file *objects_open(
	struct objects_fs *o, const char *text, u32 o_flags, u32 mode, const void *arg)
{
	struct file *f = file_alloc(o_flags);
	struct walk w;
	int err;

	if (is_err(f))
		return f;
	err = walk_objects(&w, o, text);
	if (!err)
		err = create_last(&w, f, o_flags, mode, arg);
	if (err >= 0)
		err = file_open_here(f, o_flags);
	return file_opened(f, err);
}

struct file *vfs_open(cap_t dirfd, const char *name, u32 o_flags, u32 mode)
{
	struct path_buf b SCOPED(path_buf_fini);
	int err = path_buf_kernel(&b, name);

	return err ? err_ptr(err) : vfs_open_text(dirfd, b.text, o_flags, mode, 0);
}

struct file *vfs_open_path(const struct path *p, u32 o_flags)
{
	struct file *f;
	int err = flags_check(&o_flags);

	if (!err && o_flags & O_DIRECTORY && !S_ISDIR(p->dentry->inode->mode))
		err = -ENOTDIR;
	f = err ? err_ptr(err) : file_alloc(o_flags);
	if (is_err(f))
		return f;
	path_get(p);
	f->path = *p;
	return file_opened(f, file_open_here(f, o_flags));
}

static void mount_close(struct file *f)
{
	mount_dissolve(f->path.mount);
}

struct file *mount_open(struct mount *m)
{
	static const struct file_ops ops = {.release = mount_close};
	struct file *f;

	if (is_err(m))
		return err_ptr(ptr_err(m));
	f = file_alloc(O_PATH);
	if (is_err(f)) {
		mount_dissolve(m);
		return f;
	}
	f->path = (struct path){m, m->root};
	path_get(&f->path);
	f->inode = m->root->inode;
	f->ops = &ops;
	return f;
}

static int open_exec_here(struct file *f)
{
	struct inode *i = f->path.dentry->inode;
	int err;

	f->inode = i;
	if (!S_ISREG(i->mode))
		return S_ISLNK(i->mode) ? -ELOOP : -EACCES;
	if (f->path.mount->flags & MS_NOEXEC)
		return -EACCES;
	err = inode_permission(i, MAY_EXEC);
	if (!err)
		err = inode_use_begin(i, INODE_EXEC);
	if (err)
		return err;
	f->mode |= FMODE_EXEC;
	if (f->path.mount->flags & MS_NOSUID || cap_confined())
		f->mode |= FMODE_NOSUID;
	err = file_lease_check(i, O_RDONLY);
	return err ? err : open_inode(f, i);
}

struct file *vfs_open_exec(const char *name, cap_t dirfd, u32 at_flags)
{
	struct file *f = file_alloc(O_RDONLY);
	int err;

	if (is_err(f))
		return f;
	err = path_lookup(dirfd, name, lookup_flags(at_flags) | LOOKUP_NEED(CAP_EXEC), &f->path);
	if (!err)
		err = open_exec_here(f);
	return file_opened(f, err);
}
