/* Open files as kernel objects: creation, references, descriptors. Layer: fs.
 * A file's memory stays that of a file for a grace period (CACHE_RCU), with refs 0 while free:
 * look-ups of descriptors are lock-free. Locks: none here; fields are constant after open or have
 * their own. */
#include <exo/fs_locks.h>
#include <exo/posix_x.h>
#include <exo_abi/native.h>
#include <arch/uaccess.h>
#include "vfs_internal.h"

static struct kmem_cache *file_cache;
u64 files_open;

struct file *file_alloc(u32 o_flags)
{
	struct file *f = kmem_cache_alloc(file_cache, ALLOC_KERNEL);

	if (!f)
		return err_ptr(-ENOMEM);
	f->ops = NULL;
	/* O_NOCTTY goes when the open is done */
	f->flags = o_flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC);
	/* O_RDONLY, O_WRONLY and O_RDWR are one less than what they allow; 3 allows nothing */
	f->mode = o_flags & O_PATH ? FMODE_PATH : (o_flags + 1) & (FMODE_READ | FMODE_WRITE);
	f->inode = NULL;
	f->path = (struct path){NULL, NULL};
	f->pos = 0;
	mutex_init(&f->pos_lock, RANK_S_FILE_POS);
	f->priv = NULL;
	list_init(&f->epoll_links);
	f->cred = cred_get(cred_now());
	f->owner = f->owner_signo = 0;
	__atomic_fetch_add(&files_open, 1, __ATOMIC_RELAXED);
	/* last: from here a stale look-up may take a reference */
	object_init(&f->object, &file_object_type, CAP_ALL);
	return f;
}

/* Last reference. Undoes what open did as far as it got: an open that failed comes here with ops or
 * inode NULL. */
static void file_release(struct object *o)
{
	struct file *f = object_file(o);

	if (unlikely(!list_empty(&f->epoll_links)))
		epoll_forget(f, NULL);
	if (f->inode) {
		if (unlikely(READ_ONCE(inotify_watches)) && f->ops && !(f->mode & FMODE_PATH))
			inotify_dentry(f->path.dentry,
				f->mode & FMODE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE, 0);
		if (unlikely(f->mode & FMODE_LOCKED))
			file_locks_release(f, NULL);
		if (unlikely(f->mode & FMODE_NOTIFY))
			dnotify_forget(f, NULL);
		if (f->ops && f->ops->release)
			f->ops->release(f);
		if (f->mode & FMODE_WRITER)
			inode_use_end(f->inode, INODE_WRITE);
		if (f->mode & FMODE_READER)
			__atomic_fetch_sub(&f->inode->read_count, 1, __ATOMIC_RELAXED);
		if (unlikely(f->mode & FMODE_EXEC))
			inode_use_end(f->inode, INODE_EXEC);
		if (f->path.dentry)
			path_put(&f->path); /* which holds the inode */
		else
			inode_put(f->inode);
	}
	cred_put(f->cred);
	kmem_cache_free(file_cache, f);
	__atomic_fetch_sub(&files_open, 1, __ATOMIC_RELAXED);
}

static void file_slot_closed(struct object *o, struct cap_space *s)
{
	struct file *f = object_file(o);

	if (unlikely(f->ops && f->ops->flush))
		f->ops->flush(f, s);
	if (unlikely(f->inode && !list_empty(&f->inode->file_locks)))
		file_locks_release(f, s); /* made through whatever file */
	if (unlikely(f->mode & FMODE_NOTIFY))
		dnotify_forget(f, s);
}

static void file_grant_gone(struct object *o, const struct grant *g)
{
	if (!list_empty(&object_file(o)->epoll_links))
		epoll_forget(object_file(o), g);
}

static void file_revoked(struct object *o)
{
	struct file *f = object_file(o);
	struct vm_map_request r = {0}; /* asks which memory is the file's */

	if (f->ops && f->ops->mmap && !f->ops->mmap(f, &r) && r.object)
		vm_object_revoke(r.object);
}

const struct object_type file_object_type = {
	.name = "file",
	.release = file_release,
	.slot_closed = file_slot_closed,
	.grant_gone = file_grant_gone,
	.revoked = file_revoked,
};

void file_get(struct file *f)
{
	object_get(&f->object);
}

void file_put(struct file *f)
{
	object_put(&f->object);
}

struct file *file_create(const struct file_ops *ops, struct inode *inode, u32 flags, void *priv)
{
	struct file *f = file_alloc(flags);

	if (is_err(f)) {
		if (inode)
			inode_put(inode);
		return f;
	}
	if (!inode) {
		inode = anon_inode;
		inode_get(inode);
	}
	f->inode = inode;
	f->ops = ops;
	f->mode |= FMODE_STREAM;
	f->priv = priv;
	return f;
}

struct file *file_create_owning(const struct file_ops *ops, u32 flags, void *priv)
{
	struct file *f = file_create(ops, NULL, flags, priv);

	if (is_err(f))
		kfree(priv);
	return f;
}

void file_free_priv(struct file *f)
{
	kfree(f->priv);
}

/* ---- descriptors ---- */

/* Of the FMODE_* @mask the file must have @mode. */
static ALWAYS_INLINE struct fd fd_look_up(cap_t nr, u32 rights, u32 mask, u32 mode)
{
	struct fd fd;
	struct object *o = cap_borrow(current->caps, nr, rights, &fd.borrowed);

	fd.file = object_file(o);
	if (unlikely(is_err(o))) {
		fd.file = (struct file *)o;
	} else if (unlikely(o->type != &file_object_type || (fd.file->mode & mask) != mode)) {
		cap_release(o, fd.borrowed);
		fd.file = err_ptr(-EBADF);
	}
	return fd;
}

struct fd fd_get_path(cap_t nr, u32 rights)
{
	return fd_look_up(nr, rights, 0, 0);
}

struct fd fd_get(cap_t nr, u32 rights)
{
	return fd_look_up(nr, rights, FMODE_PATH, 0);
}

struct fd fd_get_for(cap_t nr, bool write)
{
	u32 mode = write ? FMODE_WRITE : FMODE_READ;

	return fd_look_up(nr, write ? CAP_WRITE : CAP_READ, mode, mode);
}

u32 fd_limit(void)
{
	return (u32)MIN(rlimit_current(RLIM_NOFILE), (u64)INT32_MAX);
}

cap_t fd_install_grant(struct grant *g, u32 slot_flags, cap_t from)
{
	cap_t fd;

	if (is_err(g))
		return (cap_t)ptr_err(g);
	fd = cap_install(current->caps, g, slot_flags, from, fd_limit());
	if (unlikely(fd < 0))
		grant_put(g);
	return fd;
}

cap_t fd_install_new(struct file *f, u32 o_flags)
{
	if (unlikely(is_err(f)))
		return (cap_t)ptr_err(f);
	return fd_install_grant(&f->object.root, o_flags & O_CLOEXEC ? CAP_CLOEXEC : 0, 0);
}

cap_t fd_reserve(u32 o_flags)
{
	return cap_reserve(current->caps, o_flags & O_CLOEXEC ? CAP_CLOEXEC : 0, fd_limit());
}

cap_t fd_fill(cap_t fd, struct file *f)
{
	if (unlikely(is_err(f))) {
		cap_unreserve(current->caps, fd);
		return (cap_t)ptr_err(f);
	}
	cap_fill(current->caps, fd, &f->object.root);
	return fd;
}

long fd_install_pair(struct file *ends[2], s32 USER *user, u32 o_flags)
{
	struct cap_space *caps = current->caps;
	s32 fds[2];
	long err = 0;

	for (int i = 0; i < 2; i++) {
		fds[i] = fd_reserve(o_flags);
		err = MIN(err, (long)fds[i]);
	}
	if (!err)
		err = copy_to_user(user, fds, sizeof(fds));
	for (int i = 0; i < 2; i++) {
		if (!err) {
			cap_fill(caps, fds[i], &ends[i]->object.root);
			continue;
		}
		if (fds[i] >= 0)
			cap_unreserve(caps, fds[i]);
		file_put(ends[i]);
	}
	return err;
}

/* ---- names of what has no path ---- */

int anon_path(struct mount *m, struct inode *i, const char *text, struct path *out)
{
	static const char name[2 * NAME_PAD] = "anon";
	struct dentry *d = dentry_alloc(m->sb, m->root, &(struct name){name, name_scan(name)});

	if (!d)
		return -ENOMEM;
	d->flags = DENTRY_ANON;
	d->priv = (void *)text;
	inode_get(i);
	dentry_attach(d, i);
	mount_get(m);
	*out = (struct path){m, d};
	return 0;
}

int file_path_get(struct file *f, struct path *out)
{
	if (!f->path.dentry)
		return anon_path(anon_mount, f->inode, f->ops->anon_name, out);
	*out = f->path;
	path_get(out);
	return 0;
}

static int anon_text(const struct inode *i, const char *name, char *buf, size_t size)
{
	int len;

	if (S_ISFIFO(i->mode))
		len = snprintf(buf, size, "pipe:[%llu]", (unsigned long long)i->ino);
	else if (S_ISSOCK(i->mode))
		len = snprintf(buf, size, "socket:[%llu]", (unsigned long long)i->ino);
	else
		len = snprintf(buf, size, "%s", name ? name : "anon_inode:[?]");
	return (size_t)len < size ? len : -ENAMETOOLONG;
}

int path_name(const struct path *p, char *buf, size_t size)
{
	struct path root SCOPED(path_put) = {NULL, NULL};

	if (p->dentry->flags & DENTRY_ANON)
		return anon_text(p->dentry->inode, p->dentry->priv, buf, size);
	fs_path_get(fs_current(), &fs_current()->root, &root);
	return path_text(p, &root, buf, size);
}

int file_path_text(struct file *f, char *buf, size_t size)
{
	return f->path.dentry ? path_name(&f->path, buf, size)
			      : anon_text(f->inode, f->ops->anon_name, buf, size);
}

/* ---- listing ---- */

bool dirent_emit(
	struct file *f, struct dirent_sink *s, const char *name, u64 ino, u32 mode, u64 next_pos)
{
	if (!s->emit(s, name, (u32)strlen(name), ino, S_DT(mode), next_pos))
		return false;
	f->pos = next_pos;
	return true;
}

bool dirent_dots(struct file *f, struct dirent_sink *s, u64 up)
{
	return (f->pos > 0 || dirent_emit(f, s, ".", f->inode->ino, S_IFDIR, 1)) &&
	       (f->pos > 1 || dirent_emit(f, s, "..", up, S_IFDIR, 2));
}

u32 file_exo_type(const struct file *f)
{
	static const u8 types[16] = {[S_DT(S_IFREG)] = EXO_TYPE_FILE,
		[S_DT(S_IFDIR)] = EXO_TYPE_DIRECTORY,
		[S_DT(S_IFIFO)] = EXO_TYPE_PIPE,
		/* others: EXO_TYPE_OTHER, 0 */
		[S_DT(S_IFSOCK)] = EXO_TYPE_SOCKET,
		[S_DT(S_IFCHR)] = EXO_TYPE_DEVICE};

	if (f->mode & FMODE_PATH)
		return EXO_TYPE_PATH;
	if (f->ops->exo_type)
		return f->ops->exo_type;
	return file_is_memfd(f) ? EXO_TYPE_MEMORY : types[S_DT(f->inode->mode)];
}

void files_init(void)
{
	file_cache = kmem_cache_create("file", sizeof(struct file), 64, CACHE_RCU);
}
