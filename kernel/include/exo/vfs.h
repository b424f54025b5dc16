/* What the file calls of kernel/syscall/handlers ask of the VFS, once their arguments are copied
 * and checked. Layer: fs. Paths are borrowed; texts named @text are padded (path_buf). 0 or -errno
 * unless said. */
#pragma once

#include <exo/fs.h>
#include <exo/sched.h>
#include <exo_abi/linux_fs.h>

/* ---- path texts from user or kernel, padded: names are hashed and compared eight bytes at a time
 * ---- */
#define NAME_PAD   8 /* readable bytes behind the end */
#define PATH_SMALL 184
struct path_buf {
	char *text;
	char *heap; /* NULL when small was enough */
	char small[PATH_SMALL];
};
/* 0 | -EFAULT -ENAMETOOLONG -ENOMEM; "" is fine */
int path_buf_user(struct path_buf *b, const char USER *name) MUST_USE;
int path_buf_kernel(struct path_buf *b, const char *name) MUST_USE;
static inline void path_buf_fini(struct path_buf *b)
{
	if (unlikely(b->heap != NULL))
		kfree(b->heap);
}

/* ---- looking ---- */
static inline u32 lookup_flags(u32 at_flags) /* AT_* as LOOKUP_* */
{
	return (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
	       (at_flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}
/* path_lookup of a padded text */
int walk_path(cap_t dirfd, const char *text, u32 flags, struct path *out) MUST_USE;
/* path_lookup_whole - for who makes names or mounts of what is found: as path_lookup_user, but
 * -EACCES when the way there gives less than all rights: what is made would have them again. */
int path_lookup_whole(
	cap_t dirfd, const char USER *name, u32 lookup_flags, struct path *out) MUST_USE;
/* walk_path_rights - and what the way there lets one do with it. */
int walk_path_rights(
	cap_t dirfd, const char *text, u32 flags, struct path *out, u32 *rights) MUST_USE;
/* no references on the fast path */
int path_stat(cap_t dirfd, const char *text, u32 flags, struct stat_k *st) MUST_USE;
u32 path_mount_flags(const struct path *p); /* MS_*; 0 for anonymous files */
/* @p may be empty: anonymous */
void inode_getattr(const struct path *p, struct inode *i, struct stat_k *st);
/* @lookup: LOOKUP_CACHED and such. err_ptr */
struct file *vfs_open_text(cap_t dirfd, const char *text, u32 o_flags, u32 mode, u32 lookup);
/* vfs_open_path - what stands at @p, borrowed: nothing is made. err_ptr */
struct file *vfs_open_path(const struct path *p, u32 o_flags);
/* dentry_find_ino - a name of the file of that number at or below @root, the root of a file system
 * that keeps all names in the dentry cache; +1. NULL. Context: may sleep; takes rename_lock. */
struct dentry *dentry_find_ino(struct dentry *root, u64 ino);
/* fs_path_get, fs_path_set - one of the paths of @fs: +1 with it; the reference is taken over.
 * @only: if it is that now; NULL: whatever it is. */
void fs_path_get(struct fs_context *fs, const struct path *from, struct path *out);
void fs_path_set(
	struct fs_context *fs, struct path *to, const struct path *p, const struct path *only);
/* fs_replace - root and cwd that are @from become @to. */
void fs_replace(struct fs_context *fs, const struct path *from, const struct path *to);

/* ---- mounts ---- */
struct fs_type *fs_type_find(const char *name); /* that can be mounted; NULL */
static inline void super_get(struct super_block *sb)
{
	__atomic_fetch_add(&sb->refs, 1, __ATOMIC_RELAXED);
}
/* fs_type_super - a file system of that type, its own or the shared one, +1. @flags: MS_RDONLY. */
int fs_type_super(
	const struct fs_type *t, u32 flags, const char *data, struct super_block **out) MUST_USE;
int super_reconfigure(struct super_block *sb, u32 flags, const char *data) MUST_USE;
/* mount_create - a mount of @sb, taken over, that stands nowhere yet; mount_copy - of what is seen
 * at
 * @p, @recursive with the mounts below. The caller gives it to mount_graft or mount_dissolve.
 * err_ptr(-ENOMEM -ENOSPC too many; -EINVAL cannot be copied) */
struct mount *mount_create(struct super_block *sb, u32 flags, const char *source);
struct mount *mount_copy(const struct path *p, bool recursive);
/* mount_graft - @m, which stands elsewhere or nowhere, with all below it, on @at and its peers. */
int mount_graft(struct mount *m, const struct path *at) MUST_USE;
void mount_dissolve(struct mount *m); /* unless it stands somewhere */
/* mount_open - a file as of O_PATH for @m, taken over, which dissolves it in the end. @m and what
 * comes back may be err_ptr. */
struct file *mount_open(struct mount *m);
bool path_is_mount(const struct path *p); /* the root of what is mounted there */
int mount_move(const struct path *from, const struct path *at) MUST_USE; /* move_mount(2) */
/* mount_change - flags, and a kind of propagation (one MS_*; 0 leaves it), of the mount at @p. */
int mount_change(
	const struct path *p, u32 set, u32 clear, u32 propagation, bool recursive) MUST_USE;
/* mount_pivot - @new, a mount, takes the place of @root, which goes on @old. */
int mount_pivot(const struct path *new, const struct path *old, const struct path *root) MUST_USE;

/* ---- changing ---- */
int file_truncate(struct inode *i, u64 size, struct file *f) MUST_USE; /* permission was checked */

int vfs_chmod(const struct path *p, u32 mode) MUST_USE;
int vfs_chown(const struct path *p, u32 uid, u32 gid) MUST_USE;   /* ~0u leaves one alone */
int vfs_utimes(const struct path *p, struct setattr *a) MUST_USE; /* ATTR_*TIME */
int vfs_truncate(const struct path *p, u64 size) MUST_USE;
int vfs_access(const struct path *p, u32 mask, bool effective) MUST_USE;
/* a write by one without CAP_FSETID: set-ID bits go. Lock held */
void inode_drop_privileges(struct inode *i);
/* struct file_caps - security.capability: what the file grants to who executes it. Sets of LCAP_*.
 */
struct file_caps {
	bool present, effective;
	u64 permitted, inheritable;
};
void inode_file_caps(struct inode *i, struct file_caps *out); /* takes i->lock */
void inode_drop_caps(struct inode *i);                        /* [i->lock, for writing] */
int file_size_check(u64 size) MUST_USE; /* -EFBIG with SIGXFSZ over RLIMIT_FSIZE */

/* vfs_make_text - a name for something new of any type: @mode has it, and permissions that the
 * umask has not been taken from; @rdev of devices, @target of symbolic links. */
int vfs_make_text(cap_t dirfd, const char *text, u32 mode, u64 rdev, const char *target) MUST_USE;
int vfs_link_text(const struct path *old, cap_t dirfd, const char *text) MUST_USE;
int vfs_remove_text(cap_t dirfd, const char *text, bool directory) MUST_USE;
/* @flags RENAME_*, checked */
int vfs_rename_text(
	cap_t old_fd, const char *old, cap_t new_fd, const char *new, u32 flags) MUST_USE;
/* inode_readlink - length; not NUL-terminated. -EINVAL no link. */
int inode_readlink(struct inode *i, char *buf, size_t size) MUST_USE;

/* fd_file_fast - fd_get for read(2) and write(2), inline for a space that only this thread uses.
 * O_PATH files come back too: the caller looks at f->mode anyway. err_ptr. */
static ALWAYS_INLINE struct file *fd_file_fast(cap_t fd, u32 rights, bool *borrowed)
{
	struct cap_space *s = current->caps;
	struct cap_table *t = s->table;
	const struct grant *g;
	struct fd slow;

	if (likely(__atomic_load_n(&s->refs, __ATOMIC_RELAXED) == 1 && (u32)fd < t->slots_max &&
		    (g = t->slots[fd].grant) != NULL)) {
		if (likely(!(rights & ~g->rights) &&
			    !__atomic_load_n(&g->state, __ATOMIC_ACQUIRE) &&
			    g->object->type == &file_object_type)) {
			*borrowed = true;
			return object_file(g->object);
		}
	}
	slow = fd_get_path(fd, rights);
	*borrowed = slow.borrowed;
	return slow.file;
}
ssize_t file_read(struct file *f, struct uio *u, u64 *pos); /* mode and length checks were made */
ssize_t file_write(struct file *f, struct uio *u, u64 *pos);
/* file_pos_lock - true when others may move f->pos: give to file_pos_unlock. */
static inline bool file_pos_lock(struct file *f, bool borrowed)
{
	/* A file that only this thread's slot names cannot be reached by anybody else during the
	 * call. */
	if (borrowed && __atomic_load_n(&f->object.refs, __ATOMIC_RELAXED) == 1)
		return false;
	mutex_lock(&f->pos_lock);
	return true;
}
static inline void file_pos_unlock(struct file *f, bool locked)
{
	if (locked)
		mutex_unlock(&f->pos_lock);
}

/* memfd_create_file - its path is @prefix and @name. err_ptr. */
struct file *memfd_create_file(const char *prefix, const char *name, bool allow_sealing);
bool file_is_memfd(const struct file *f);
/* -EINVAL no memfd | -EPERM | -EBUSY mapped writable */
int tmpfs_add_seals(struct inode *i, u32 seals) MUST_USE;
int tmpfs_get_seals(struct inode *i) MUST_USE;

/* ---- a tmpfs whose files are objects of others: message queues, the texts of /proc and /sys ----
 */
struct objects_fs {
	struct fs_type type; /* name, magic, flags */
	/* create - makes a fresh inode of any type one of its objects: ops, file_ops, priv, size.
	 * @arg: of objects_open, NULL when made by open(2). Directory locked. -errno. */
	int (*create)(struct inode *i, const void *arg);
	/* gone - last reference of one to which create gave a priv, even if it failed then. */
	void (*gone)(struct inode *i);
	struct path root;
};
void objects_fs_init(struct objects_fs *o); /* at boot */
struct file *objects_open(struct objects_fs *o, const char *text, u32 o_flags, u32 mode,
	const void *arg); /* @text padded, one name. err_ptr; -EACCES more than a name */
int objects_unlink(struct objects_fs *o, const char *text) MUST_USE;

/* vfs_getxattr - the value, or with @name NULL the names of all. */
ssize_t vfs_getxattr(const struct path *p, const char *name, void *buf, size_t size);
/* vfs_setxattr - @buf NULL with XATTR_REPLACE takes it away. An ACL at @buf is put in order. */
int vfs_setxattr(
	const struct path *p, const char *name, void *buf, size_t size, int flags) MUST_USE;

/* ---- inotify: who changes or uses files tells it here; free while nobody watches anything ---- */
extern u32 inotify_watches;
struct inotify_name {
	const char *text;
	u32 len, cookie;
};
/* inotify_tell - the watches of @i hear @mask (IN_*) about @about, a child by name or itself. */
void inotify_tell(
	const struct inode *i, const struct inode *about, u32 mask, const struct inotify_name *n);
void inotify_tell_dentry(struct dentry *d, u32 mask); /* its own watches and its directory's */
#define INOTIFY_WATCHES_MAX 65536u                    /* in the system */
#define INOTIFY_EVENTS_MAX  16384u                    /* of an instance */
#define MOUNTS_MAX          4096u
/* inotify_tell_gone - the watches of @i, or with NULL of all of @sb, end: IN_DELETE_SELF,
 * IN_UNMOUNT. */
void inotify_tell_gone(const struct inode *i, const struct super_block *sb, u32 mask);
/* file_async - from now on, or no longer, signals tell the owner of @f that it became ready; they
 * name @fd. 0 | -ENOTTY not of such | -ENOMEM. */
int file_async(struct file *f, cap_t fd, bool on) MUST_USE;
/* dnotify_watch - F_NOTIFY of @f, descriptor @fd: signals that tell of @what (DN_*) happens in it.
 * 0 | -ENOTDIR | -ENOSPC | -ENOMEM. dnotify_forget - @s closed a descriptor of @f; NULL: @f goes.
 */
long dnotify_watch(struct file *f, cap_t fd, u32 what);
void dnotify_forget(struct file *f, const struct cap_space *s);
/* After a call that returned @err. */
static ALWAYS_INLINE void inotify_dentry(struct dentry *d, u32 mask, long err)
{
	if (unlikely(READ_ONCE(inotify_watches)) && err >= 0 && d && d->inode)
		inotify_tell_dentry(d, mask);
}
/* io_count - for /proc/PID/io; @bytes or an error. Return: @bytes. */
static ALWAYS_INLINE ssize_t io_count(bool write, ssize_t bytes)
{
	current->io[write] += MAX(bytes, 0);
	current->io[2 + write]++;
	return bytes;
}
static ALWAYS_INLINE void inotify_moved(struct file *f, bool write, ssize_t bytes)
{
	(void)io_count(write, bytes);
	if (unlikely(READ_ONCE(inotify_watches)) && bytes > 0)
		inotify_dentry(f->path.dentry, write ? IN_MODIFY : IN_ACCESS, 0);
}
