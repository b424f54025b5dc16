/* Files, inodes, dentries, mounts, polling. Code in kernel/fs/. Layer: fs.
 *
 * struct file is an open file description and a kernel object (object first): every descriptor of the Linux face names one -
 * regular file, directory, device, pipe, socket, epoll. Ops that are NULL answer the errno written beside them. */
#pragma once

#include <exo/types.h>
#include <exo/list.h>
#include <exo/sync.h>
#include <exo/security.h>
#include <exo/vm.h>

struct file;
struct inode;
struct dentry;
struct mount;
struct super_block;
struct poll_table;
struct statfs_k;

/* ---- uio: where bytes come from or go to: user or kernel memory, one or many segments ---- */
struct iovec_k { void *base; size_t len_bytes; };
struct uio {
	u8 *base;              /* current segment (USER unless kernel) */
	size_t segment_left;   /* bytes left in it */
	size_t left;           /* bytes left in all */
	const struct iovec_k *iov; /* further segments */
	u32 iov_left;
	bool kernel;
};
static inline void uio_init_user(struct uio *u, const void USER *p, size_t len_bytes)
{
	*u = (struct uio){ .base = (u8 *)(uintptr_t)p, .segment_left = len_bytes, .left = len_bytes };
}
static inline void uio_init_kernel(struct uio *u, void *p, size_t len_bytes)
{
	*u = (struct uio){ .base = p, .segment_left = len_bytes, .left = len_bytes, .kernel = true };
}
size_t uio_write(struct uio *u, const void *src, size_t len_bytes); /* kernel -> uio. Return: bytes moved (less = fault or full) */
size_t uio_read(struct uio *u, void *dst, size_t len_bytes);        /* uio -> kernel */
size_t uio_zero(struct uio *u, size_t len_bytes);

/* ---- open files ---- */
struct dirent_sink { /* readdir: emit returns false when full */
	bool (*emit)(struct dirent_sink *s, const char *name, u32 name_len, u64 ino, u8 type, u64 next_pos);
};
struct file_ops {
	ssize_t (*read)(struct file *f, struct uio *u, u64 *pos);     /* NULL: -EINVAL */
	ssize_t (*write)(struct file *f, struct uio *u, u64 *pos);    /* NULL: -EINVAL */
	s64 (*seek)(struct file *f, s64 offset, int whence);          /* NULL: -ESPIPE; file_seek_generic for regular */
	int (*readdir)(struct file *f, struct dirent_sink *s);        /* NULL: -ENOTDIR; position in f->pos */
	long (*ioctl)(struct file *f, u32 cmd, u64 arg);              /* NULL: -ENOTTY */
	u32 (*poll)(struct file *f, struct poll_table *pt);           /* EPOLL* mask; NULL: always IN|OUT */
	int (*mmap)(struct file *f, struct vm_map_request *r);        /* fills object or special; NULL: -ENODEV */
	int (*fsync)(struct file *f, bool data_only);                 /* NULL: -EINVAL */
	int (*truncate)(struct file *f, u64 size);                    /* NULL: through the inode */
	int (*fallocate)(struct file *f, int mode, u64 off, u64 len); /* NULL: -EOPNOTSUPP */
	int (*flags_changed)(struct file *f, u32 old_flags);          /* F_SETFL; NULL: fine */
	void (*flush)(struct file *f, struct cap_space *s);           /* every close(2) */
	void (*release)(struct file *f);                              /* last reference */
};
struct path { struct mount *mount; struct dentry *dentry; };
struct file {
	struct object object;       /* first; type = file_object_type */
	const struct file_ops *ops; /* [c] */
	u32 flags;                  /* [a] O_* status flags and access mode */
	u32 mode;                   /* [c] FMODE_* */
	struct inode *inode;        /* [c] +1; NULL only for pure anonymous objects (then ops do all) */
	struct path path;           /* [c] +1; mount NULL for anonymous */
	u64 pos;                    /* [pos_lock] */
	struct mutex pos_lock;      /* S_FILE_POS; taken by read/write/lseek/getdents when more than one reference */
	void *priv;                 /* of the ops' owner */
	struct list epoll_links;    /* [epoll] items that watch this file */
	struct cred *cred;          /* [c] +1 opener */
	u32 owner_signo; s32 owner_pid; /* F_SETOWN, F_SETSIG [a] */
	u64 readahead_next;
};
#define FMODE_READ 1u
#define FMODE_WRITE 2u
#define FMODE_SEEK 4u
#define FMODE_PATH 8u     /* O_PATH */
#define FMODE_STREAM 16u  /* no position: read/write skip pos_lock */
extern const struct object_type file_object_type;
static inline struct file *object_file(struct object *o)
{
	return container_of(o, struct file, object);
}
/* file_create - for anonymous kinds (pipe ends, sockets, epoll): a file with an anonymous inode for fstat ("pipe:[ino]").
 * Return: file (refs 1) | err_ptr. Takes over @inode reference (may be NULL). */
struct file *file_create(const struct file_ops *ops, struct inode *inode, u32 flags, void *priv);
void file_put(struct file *f);
void file_get(struct file *f);
/* fd_file - the file in slot @fd of current with @rights (cap_borrow). err_ptr(-EBADF) also when the object is no file. */
struct file *fd_file(cap_t fd, u32 rights, bool *borrowed);
static inline void fd_file_release(struct file *f, bool borrowed)
{
	cap_release(&f->object, borrowed);
}
cap_t fd_install_new(struct file *f, u32 o_flags); /* takes over f (also on failure); honours O_CLOEXEC. slot | -EMFILE | -ENOMEM */
ssize_t file_read_kernel(struct file *f, void *buf, size_t len_bytes, u64 pos);   /* exec, initramfs */
ssize_t file_write_kernel(struct file *f, const void *buf, size_t len_bytes, u64 pos);
s64 file_seek_generic(struct file *f, s64 offset, int whence);
int file_path_text(struct file *f, char *buf, size_t size); /* as /proc/PID/fd shows it: path, "pipe:[n]", "... (deleted)"; length */

/* ---- polling ---- */
#define POLL_IN 0x1u
#define POLL_PRI 0x2u
#define POLL_OUT 0x4u
#define POLL_ERR 0x8u
#define POLL_HUP 0x10u
#define POLL_NVAL 0x20u
#define POLL_RDNORM 0x40u
#define POLL_WRNORM 0x100u
#define POLL_RDHUP 0x2000u
struct poll_table { void (*queue)(struct poll_table *pt, struct file *f, struct waitqueue *wq); }; /* NULL pt = only ask */
static inline void poll_wait(struct poll_table *pt, struct file *f, struct waitqueue *wq)
{
	if (pt && pt->queue)
		pt->queue(pt, f, wq);
}

/* ---- inodes and file systems ---- */
struct timespec64 { s64 sec; s64 nsec; };
struct stat_k { u64 dev, ino, rdev, size, blocks; u32 mode, nlink, uid, gid, blksize; struct timespec64 atime, mtime, ctime, btime; u64 mnt_id, attributes, attributes_mask; };
struct setattr { u32 valid; u32 mode, uid, gid; u64 size; struct timespec64 atime, mtime; };
#define ATTR_MODE 1u
#define ATTR_UID 2u
#define ATTR_GID 4u
#define ATTR_SIZE 8u
#define ATTR_ATIME 16u
#define ATTR_MTIME 32u
struct inode_ops {
	/* lookup - called with dir->lock held: attaches the inode to @d (d_attach) or leaves it negative. 0 | -errno. */
	int (*lookup)(struct inode *dir, struct dentry *d);
	int (*create)(struct inode *dir, struct dentry *d, u32 mode);             /* regular; NULL: -EACCES (read-only kind) */
	int (*mknod)(struct inode *dir, struct dentry *d, u32 mode, u64 rdev);
	int (*mkdir)(struct inode *dir, struct dentry *d, u32 mode);
	int (*symlink)(struct inode *dir, struct dentry *d, const char *target);
	int (*link)(struct inode *dir, struct dentry *d, struct inode *inode);
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*rmdir)(struct inode *dir, struct dentry *d);
	int (*rename)(struct inode *old_dir, struct dentry *old, struct inode *new_dir, struct dentry *new, u32 flags);
	int (*readlink)(struct inode *i, char *buf, size_t size);                 /* length, no NUL needed */
	int (*follow)(struct inode *i, struct path *out);                         /* magic links (/proc/PID/fd/N); NULL: textual */
	int (*open)(struct inode *i, struct file *f);                             /* sets f->ops/priv; NULL: i->file_ops */
	int (*setattr)(struct inode *i, const struct setattr *a);                 /* NULL: inode_setattr_generic */
	int (*getattr)(struct inode *i, struct stat_k *st);                       /* NULL: inode_getattr_generic */
	ssize_t (*getxattr)(struct inode *i, const char *name, void *buf, size_t size);
	int (*setxattr)(struct inode *i, const char *name, const void *buf, size_t size, int flags);
	ssize_t (*listxattr)(struct inode *i, char *buf, size_t size);
	int (*removexattr)(struct inode *i, const char *name);
	int (*permission)(struct inode *i, u32 mask);                             /* NULL: mode bits */
	const char *(*fast_link)(struct inode *i);                                /* stable text under RCU, or NULL */
	bool (*revalidate)(struct dentry *d);                                     /* false: dentry is stale (/proc/PID); NULL: always good */
};
struct inode {
	u32 refs;                     /* [a] */
	u32 mode;                     /* [lock; read racy] type and permission bits */
	u32 uid, gid, nlink;          /* [lock] */
	u64 ino, rdev;                /* [c] */
	struct timespec64 atime, mtime, ctime, btime; /* [lock; read racy] */
	const struct inode_ops *ops;  /* [c] */
	const struct file_ops *file_ops; /* [c] */
	struct super_block *sb;       /* [c] */
	struct rwsem lock;            /* S_INODE: directory entries, size, attributes */
	struct vm_object pages;       /* regular files: contents; size_bytes is the file's size */
	struct list file_locks;       /* [FILE_LOCKS] flock and fcntl */
	void *priv;                   /* of the file system; pipes: struct pipe; sockets */
	struct rcu_head rcu;
	s32 write_count;              /* [a] >0 writers, <0 executing (ETXTBSY) */
};
struct super_ops {
	void (*inode_free)(struct inode *i);   /* last reference, nlink may be 0: give back all; after RCU where the walk may see it */
	int (*statfs)(struct super_block *sb, struct statfs_k *out);
	void (*sb_free)(struct super_block *sb);
};
struct statfs_k { u64 type, bsize, blocks, bfree, bavail, files, ffree, fsid, namelen, frsize, flags; };
struct fs_type {
	const char *name;
	int (*mount)(const char *source, const char *data, u32 flags, struct super_block **out);
	u32 flags; /* FS_NODEV: "nodev" in /proc/filesystems */
	struct fs_type *next;
};
struct super_block {
	u32 refs; u64 dev; const struct super_ops *ops; const struct fs_type *type; struct dentry *root; void *priv; u32 flags;
	struct mutex rename_lock; u64 next_ino;
};
void fs_register(struct fs_type *t);
struct inode *inode_create(struct super_block *sb, u32 mode, const struct inode_ops *ops, const struct file_ops *fops); /* NULL; refs 1, owner current's fsuid */
void inode_get(struct inode *i);
void inode_put(struct inode *i);
struct timespec64 time_now_inode(void);
void inode_getattr_generic(struct inode *i, struct stat_k *st);
int inode_setattr_generic(struct inode *i, const struct setattr *a);
#define MAY_EXEC 1u
#define MAY_WRITE 2u
#define MAY_READ 4u
int inode_permission(struct inode *i, u32 mask) MUST_USE; /* current's fsuid; 0 | -EACCES */

struct dentry {
	u32 refs;                 /* [a]; -1 style dead mark in flags */
	u32 flags;                /* [lock] DENTRY_* */
	seqcount_t seq;           /* renames and attach, for the lock-free walk */
	spinlock_t lock;          /* DENTRY */
	struct dentry *parent;    /* [lock; RCU] */
	struct hlist_node hash;   /* [bucket lock; RCU] */
	struct inode *inode;      /* [lock; RCU] NULL = negative */
	u32 name_hash; u32 name_len;
	char *name; char name_inline[40]; /* [lock; RCU] */
	struct list children, sibling; /* [parent->lock] */
	struct list lru;
	struct super_block *sb;   /* [c] */
	struct rcu_head rcu;
	void *priv;
};
#define DENTRY_MOUNTED 1u
#define DENTRY_DEAD 2u
void dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
void dentry_attach(struct dentry *d, struct inode *i); /* positive; takes over the inode reference */
void dentry_drop(struct dentry *d);                    /* unhash: gone from look-ups */
struct dentry *dentry_root(struct super_block *sb, struct inode *i); /* takes over i; NULL */

/* ---- paths ---- */
void path_get(const struct path *p);
void path_put(const struct path *p);
struct fs_context { u32 refs; spinlock_t lock; struct path root, cwd; /* [lock] */ u32 umask; /* [a] */ };
struct fs_context *fs_context_copy(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);
#define LOOKUP_FOLLOW 1u     /* follow a final symlink */
#define LOOKUP_DIRECTORY 2u
#define LOOKUP_EMPTY 4u      /* AT_EMPTY_PATH */
#define LOOKUP_PARENT 8u
#define PATH_MAX_BYTES 4096
#define NAME_MAX_BYTES 255
/* path_lookup - @dirfd AT_FDCWD or a slot; @name kernel string. Lock-free walk first. 0 | -ENOENT -ENOTDIR -EACCES -ELOOP ... */
int path_lookup(cap_t dirfd, const char *name, u32 lookup_flags, struct path *out) MUST_USE;
int path_lookup_user(cap_t dirfd, const char USER *name, u32 lookup_flags, struct path *out) MUST_USE;
struct file *vfs_open(cap_t dirfd, const char *name, u32 o_flags, u32 mode);     /* file | err_ptr; kernel callers and open(2) */
struct file *vfs_open_exec(const char *name, cap_t dirfd, u32 at_flags);         /* regular + x permission + deny-write; err_ptr */
int vfs_mkdir(const char *path, u32 mode);
int vfs_mknod(const char *path, u32 mode, u64 rdev);
int vfs_symlink(const char *target, const char *path);
int vfs_mount(const char *type, const char *source, const char *target, u32 flags, const char *data);
int vfs_umount(const char *target, u32 flags);
int path_text(const struct path *p, const struct path *root, char *buf, size_t size); /* d_path: length at the END-adjusted start copied to buf; -ENAMETOOLONG; "(unreachable)" rule */
void epoll_init(void);
void epoll_forget_file(struct file *f); /* file_put, when f->epoll_links is not empty */
void fs_init(void);              /* dcache, tmpfs root, devfs on /dev, procfs on /proc, sysfs on /sys, devpts, shm */
int initramfs_unpack(const void *archive, size_t len_bytes); /* newc, plain or gzip, concatenated; named errors in the log; 0 | -EINVAL truncated (what was whole stays) */

/* ---- devices: char devices by number, nodes made in /dev ---- */
#define MKDEV(maj, min) (((u64)((maj) & 0xfff) << 8) | ((min) & 0xff) | ((u64)((min) & ~0xffull) << 12))
#define DEV_MAJOR(d) ((u32)((d) >> 8 & 0xfff))
#define DEV_MINOR(d) ((u32)(((d) & 0xff) | ((d) >> 12 & 0xfff00)))
int chardev_register(u32 major, u32 minor_first, u32 count, int (*open)(struct inode *i, struct file *f)); /* open sets ops/priv */
int devfs_create(const char *name, u32 mode, u64 rdev); /* "null", "pts/0" dirs made; S_IFCHR in mode */
int devfs_remove(const char *name);

/* ---- virtual text files for procfs, sysfs ---- */
struct seq { char *buf; size_t size, len; bool overflow; }; /* grows by kmalloc up to 4 MB */
void seq_printf(struct seq *s, const char *fmt, ...) PRINTF(2, 3);
void seq_write(struct seq *s, const void *data, size_t len_bytes);
/* proc_register - file "meminfo", "sys/kernel/pid_max" under /proc; show fills the text at open/read from 0; store may be NULL. */
int proc_register(const char *path, u32 mode, int (*show)(struct seq *s, void *ctx), ssize_t (*store)(const char *text, size_t len, void *ctx), void *ctx);
int sysfs_register(const char *path, u32 mode, int (*show)(struct seq *s, void *ctx), ssize_t (*store)(const char *text, size_t len, void *ctx), void *ctx);

/* pipe_create - both ends as files. 0 | -ENOMEM. */
int pipe_create(u32 o_flags, struct file **read_end, struct file **write_end) MUST_USE;
/* file locks: called on close and release. */
void file_locks_release_posix(struct file *f, struct cap_space *owner);
void file_locks_release_flock(struct file *f);
