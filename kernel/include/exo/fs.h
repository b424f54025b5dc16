/* Files, inodes, dentries, mounts, polling. Code in kernel/fs/. Layer: fs.
 *
 * struct file is an open file description and a kernel object (object first): every descriptor of
 * the Linux face names one - regular file, directory, device, pipe, socket, epoll. Ops that are
 * NULL answer the errno written beside them. */
#pragma once

#include <exo/types.h>
#include <exo/list.h>
#include <exo/sync.h>
#include <exo/security.h>
#include <exo/vm.h>
#include <exo_abi/linux_poll.h>

struct file;
struct inode;
struct dentry;
struct mount;
struct super_block;
struct poll_table;
struct linux_statfs;
struct linux_acl;
struct seq;

/* ---- uio: where bytes come from or go to: user or kernel memory, one or many segments ---- */
struct iovec_k {
	void *base;
	size_t len_bytes;
};
struct uio {
	u8 *base;                  /* current segment (USER unless kernel) */
	size_t segment_left;       /* bytes left in it */
	size_t left;               /* bytes left in all */
	const struct iovec_k *iov; /* further segments */
	u32 iov_left;
	bool kernel;
	u16 flags; /* O_APPEND and O_NONBLOCK, of this transfer alone */
};
static inline void uio_init_user(struct uio *u, const void USER *p, size_t len_bytes)
{
	*u = (struct uio){.base = (u8 *)(uintptr_t)p, .segment_left = len_bytes, .left = len_bytes};
}
static inline void uio_init_kernel(struct uio *u, void *p, size_t len_bytes)
{
	*u = (struct uio){.base = p, .segment_left = len_bytes, .left = len_bytes, .kernel = true};
}
/* kernel -> uio. Return: bytes moved (less = fault or full) */
size_t uio_write(struct uio *u, const void *src, size_t len_bytes);
size_t uio_read(struct uio *u, void *dst, size_t len_bytes); /* uio -> kernel */
size_t uio_zero(struct uio *u, size_t len_bytes);

/* ---- open files ---- */
struct dirent_sink { /* readdir: emit returns false when full */
	bool (*emit)(struct dirent_sink *s, const char *name, u32 name_len, u64 ino, u8 type,
		u64 next_pos);
};
/* dirent_emit - one entry of @f, which goes on at @next_pos. false: the sink is full. */
bool dirent_emit(
	struct file *f, struct dirent_sink *s, const char *name, u64 ino, u32 mode, u64 next_pos);
/* dirent_dots - "." and "..", whose inode is @up, at positions 0 and 1. */
bool dirent_dots(struct file *f, struct dirent_sink *s, u64 up);
struct file_ops {
	const char *anon_name; /* "anon_inode:[eventpoll]"; NULL for what has a path or a number */
	u32 exo_type;          /* enum exo_type of the ABI for anonymous kinds; 0 = by the inode */
	bool nowait;           /* read and write obey O_NONBLOCK of a uio */
	ssize_t (*read)(struct file *f, struct uio *u, u64 *pos);  /* NULL: -EINVAL */
	ssize_t (*write)(struct file *f, struct uio *u, u64 *pos); /* NULL: -EINVAL */
	/* NULL: -ESPIPE; file_seek_generic for regular */
	s64 (*seek)(struct file *f, s64 offset, int whence);
	/* NULL: -ENOTDIR; position in f->pos */
	int (*readdir)(struct file *f, struct dirent_sink *s);
	long (*ioctl)(struct file *f, u32 cmd, u64 arg);    /* NULL: -ENOTTY */
	u32 (*poll)(struct file *f, struct poll_table *pt); /* EPOLL* mask; NULL: always IN|OUT */
	/* fills object or special; NULL: -ENODEV */
	int (*mmap)(struct file *f, struct vm_map_request *r);
	int (*fsync)(struct file *f, bool data_only);                 /* NULL: -EINVAL */
	int (*fallocate)(struct file *f, int mode, u64 off, u64 len); /* NULL: -EOPNOTSUPP */
	void (*flush)(struct file *f, struct cap_space *s);           /* every close(2) */
	void (*release)(struct file *f);                              /* last reference */
};
struct path {
	struct mount *mount;
	struct dentry *dentry;
};
struct file {
	struct object object;       /* first; type = file_object_type; from a CACHE_RCU cache */
	const struct file_ops *ops; /* [c] */
	u32 flags;                  /* [a] O_* status flags and access mode */
	u32 mode;                   /* [c] FMODE_* */
	struct inode *inode;        /* [c] held by path, or +1 without one; never NULL after open:
				       anonymous kinds share one or bring their own */
	struct path path;           /* [c] +1; both NULL for anonymous kinds */
	u64 pos;                    /* [pos_lock] */
	/* S_FILE_POS; taken by read/write/lseek/getdents when more than one reference */
	struct mutex pos_lock;
	void *priv;              /* of the ops' owner */
	struct list epoll_links; /* [epoll_files_lock] items that watch this file */
	struct cred *cred;       /* [c] +1 opener */
	u32 owner_signo;         /* [a] F_SETSIG; 0: SIGIO, which tells nothing */
	cap_t async_fd;          /* [a] by which O_ASYNC was set, for the signals to tell */
	u64 owner;               /* [a] F_SETOWN: file_owner_word */
};
#define FMODE_READ  1u
#define FMODE_WRITE 2u
#define FMODE_SEEK  4u
#define FMODE_PATH  8u /* O_PATH */
/* no position: read/write skip pos_lock; set before open for devices, FIFOs and sockets */
#define FMODE_STREAM  16u
#define FMODE_EXEC    32u   /* holds its inode against writers (ETXTBSY) */
#define FMODE_WRITER  64u   /* counts as a writer in inode->write_count */
#define FMODE_PREAD   128u  /* pread and pwrite are allowed (regular files, seekable devices) */
#define FMODE_LOCKED  256u  /* [a] has held a lock or a lease: close must look */
#define FMODE_CREATED 1024u /* by the open that made it */
#define FMODE_NOTIFY  4096u /* [a] has been given to F_NOTIFY: close must look */
#define FMODE_READER  2048u /* counts in inode->read_count */
#define FMODE_NOSUID  512u  /* opened for exec from a mount that does not honour set-ID bits */
extern const struct object_type file_object_type;
static inline struct file *object_file(struct object *o)
{
	return container_of(o, struct file, object);
}
/* file_create - for anonymous kinds (pipe ends, sockets, epoll): a file with an anonymous inode for
 * fstat ("pipe:[ino]"). Return: file (refs 1) | err_ptr. Takes over @inode reference (may be NULL).
 */
struct file *file_create(const struct file_ops *ops, struct inode *inode, u32 flags, void *priv);
/* file_create_owning - without an inode of its own; @priv is kfree'd when it cannot be made.
 * file_free_priv - the release of a file that owns nothing but that. */
struct file *file_create_owning(const struct file_ops *ops, u32 flags, void *priv);
void file_free_priv(struct file *f);
void file_put(struct file *f);
/* io_wait - as wait_event, for reads and writes: with O_NONBLOCK -EAGAIN. file_wait: of a file. */
#define io_wait(flags, q, cond) ((flags)&O_NONBLOCK ? -EAGAIN : wait_event(q, cond))
#define file_wait(f, q, cond)   io_wait((f)->flags, q, cond)
/* file_owner_word - to whom signals of a file go, a group as a negative number, and in the upper
 * half by whose word: who is not root is his real user. */
static inline u64 file_owner_word(pid_t pid)
{
	return (u64)(current->cred->euid ? current->cred->uid : 0) << 32 | (u32)pid;
}
extern u64 files_open; /* [a] open file descriptions in the system, for /proc/sys/fs/file-nr */
/* A signal that is to be sent by signal_send_owner when no lock is held. */
struct file_signal {
	u64 owner;
	s32 signo, fd; /* 0: SIGIO without more */
	s32 code;      /* SI_POLL_* */
	bool urgent;   /* SIGURG instead */
};
void file_get(struct file *f);
/* struct fd - the file in a slot of current for the length of a scope: `struct fd fd SCOPED(fd_put)
 * = fd_get(nr, rights);`, see cap_borrow. file is err_ptr(-EBADF) also when the object is no file
 * or was opened with O_PATH; fd_get_path takes O_PATH files too. */
struct fd {
	struct file *file;
	bool borrowed;
};
struct fd fd_get(cap_t nr, u32 rights);
struct fd fd_get_path(cap_t nr, u32 rights);
static inline void fd_put(struct fd *fd)
{
	if (!is_err(fd->file))
		cap_release(&fd->file->object, fd->borrowed);
}
/* fd_get_for - to read or to write: err_ptr(-EBADF) when it is not open for that. */
struct fd fd_get_for(cap_t nr, bool write);
u32 fd_limit(void); /* RLIMIT_NOFILE: slots end there */
/* fd_install_new - takes over @f, which may be err_ptr: that is answered. Honours O_CLOEXEC. Slot |
 * -EMFILE | -ENOMEM; @f is put then. fd_install_grant - the same for a grant, from slot @from on.
 */
cap_t fd_install_new(struct file *f, u32 o_flags);
cap_t fd_install_grant(struct grant *g, u32 slot_flags, cap_t from);
/* fd_reserve, fd_fill - the same in two steps, for what makes or wakes something: with no slot
 * left, nothing may have been done. The slot that fd_reserve gave is filled or, @f is err_ptr,
 * given back.
 */
cap_t fd_reserve(u32 o_flags);
cap_t fd_fill(cap_t fd, struct file *f);
/* fd_install_pair - two files, taken over also on failure, whose slots go to @user. 0 | -errno */
long fd_install_pair(struct file *ends[2], s32 USER *user, u32 o_flags);
/* exec, initramfs */
ssize_t file_read_kernel(struct file *f, void *buf, size_t len_bytes, u64 pos);
ssize_t file_write_kernel(struct file *f, const void *buf, size_t len_bytes, u64 pos);
s64 file_seek_generic(struct file *f, s64 offset, int whence);
/* file_path_get - the path of an open file, +1; anonymous files (pipes) get a dentry of their own,
 * so that /proc/PID/fd/N opens. 0 | -ENOMEM. */
int file_path_get(struct file *f, struct path *out) MUST_USE;
u32 file_exo_type(const struct file *f); /* enum exo_type: what kind of object it is */
/* file_path_text - as /proc/PID/fd shows it: path, "pipe:[n]", "... (deleted)"; length. path_name -
 * the same of what file_path_get gave. */
int file_path_text(struct file *f, char *buf, size_t size);
int path_name(const struct path *p, char *buf, size_t size);

/* ---- polling ---- */
struct poll_table {
	void (*queue)(struct poll_table *pt, struct file *f, struct waitqueue *wq);
}; /* NULL pt = only ask */
static inline void poll_wait(struct poll_table *pt, struct file *f, struct waitqueue *wq)
{
	if (pt && pt->queue)
		pt->queue(pt, f, wq);
}

/* ---- inodes and file systems ---- */
struct timespec64 {
	s64 sec;
	s64 nsec;
};
/* What stat(2) shows. The first part has the layout of the user's struct stat, so that stat(2)
 * copies it as it is. */
struct stat_k {
	u64 dev, ino, nlink;
	u32 mode, uid, gid, zero0;
	u64 rdev, size, blksize, blocks;
	struct timespec64 atime, mtime, ctime;
	u64 zero[3];
	/* the rest is for statx(2) */
	struct timespec64 btime;
	u64 mnt_id;
};
struct setattr {
	u32 valid;
	u32 mode, uid, gid;
	u64 size;
	struct timespec64 atime, mtime;
};
#define ATTR_MODE     1u
#define ATTR_UID      2u
#define ATTR_GID      4u
#define ATTR_SIZE     8u
#define ATTR_ATIME    16u
#define ATTR_MTIME    32u
#define ATTR_OWN_TIME 64u /* for vfs_utimes: not just both times now */
struct inode_ops {
	/* lookup - called with dir->lock held: attaches the inode to @d (d_attach) or leaves it
	 * negative. 0 | -errno. */
	int (*lookup)(struct inode *dir, struct dentry *d);
	/* make - @d becomes what @mode says, of any type; @rdev of a device, @target of a symbolic
	 * link. NULL: a read-only kind. */
	int (*make)(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, const char *target);
	int (*link)(struct inode *dir, struct dentry *d, struct inode *inode);
	bool nameless; /* make takes a @d that is not hashed for a file without a name, nlink 0 */
	/* a file, or an empty directory: else -ENOTEMPTY */
	int (*remove)(struct inode *dir, struct dentry *d);
	int (*rename)(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		struct dentry *new, u32 flags);
	/* length, no NUL needed; of links whose inode has no text */
	int (*readlink)(struct inode *i, char *buf, size_t size);
	/* follow - magic links (/proc/PID/fd/N); NULL: textual. @rights loses those that the way
	 * does not give. */
	int (*follow)(struct inode *i, struct path *out, u32 *rights);
	int (*open)(struct inode *i, struct file *f); /* sets f->ops/priv; NULL: i->file_ops */
	int (*setattr)(struct inode *i, const struct setattr *a); /* NULL: inode_setattr_generic */
	/* @name NULL: the names of all, each with its NUL */
	ssize_t (*getxattr)(struct inode *i, const char *name, void *buf, size_t size);
	/* @buf NULL: takes it away */
	int (*setxattr)(struct inode *i, const char *name, const void *buf, size_t size, int flags);
	int (*permission)(struct inode *i, u32 mask); /* NULL: mode bits */
	/* show, store - of texts that functions make (kernel/fs/synthfs): fills @s; takes all that
	 * was written, NULL: -EINVAL */
	int (*show)(struct seq *s, struct inode *i);
	int (*store)(struct inode *i, const char *text, size_t len_bytes);
};
struct inode {
	u32 refs;              /* [a] */
	u32 mode;              /* [lock; read racy] type and permission bits */
	u32 uid, gid, nlink;   /* [lock] */
	struct linux_acl *acl; /* [lock; RCU] NULL: the mode says all */
	u64 ino, rdev;         /* [c] */
	struct timespec64 atime, mtime, ctime, btime; /* [lock; read racy] */
	const struct inode_ops *ops;                  /* [c] */
	const struct file_ops *file_ops;              /* [c] */
	struct super_block *sb;                       /* [c] */
	struct rwsem lock;             /* S_INODE: directory entries, size, attributes */
	struct linux_acl *default_acl; /* [lock] of what is made in this directory; NULL: none */
	struct vm_object pages; /* regular files: contents; size_bytes is st_size of every kind */
	struct list file_locks; /* [FILE_LOCKS] flock and fcntl */
	struct list leases;     /* [FILE_LOCKS] */
	void *priv;             /* of the file system; pipes: struct pipe; sockets */
	/* [c; RCU] of a symbolic link, of the file system, readable 8 bytes past its NUL; NULL: ops
	 * say */
	char *link;
	struct rcu_head rcu;
	s32 write_count;  /* [a] >0 writers, <0 executing (ETXTBSY) */
	s32 read_count;   /* [a] regular files: opened to read only */
	bool leased;      /* [FILE_LOCKS; read racy] there may be leases */
	bool pages_ready; /* [c] pages is initialised (regular files) */
	bool has_caps;    /* [lock; read racy] security.capability is set */
	bool linkable;    /* [lock] O_TMPFILE: link(2) may name it although nlink is 0 */
	u64 backed_pages; /* [lock] pages that pages.ops->fill can bring; counted in st_blocks */
};
struct super_ops {
	/* last reference, nlink may be 0: give back all; after RCU where the walk may see it */
	void (*inode_free)(struct inode *i);
	/* what differs from a file system of type->magic that counts nothing; NULL: nothing */
	void (*statfs)(struct super_block *sb, struct linux_statfs *out);
	void (*sb_free)(struct super_block *sb);
	int (*remount)(struct super_block *sb, u32 flags, const char *data); /* NULL: flags only */
	/* ",size=1024k"; NULL: none */
	int (*show_options)(struct super_block *sb, char *buf, size_t size);
};
struct fs_type {
	const char *name;
	u32 magic; /* of statfs */
	/* A super block of its own for each mount; NULL: all share one, if it has that. @out NULL:
	 * @data is only checked. */
	int (*mount)(const char *data, const struct fs_type *t, struct super_block **out);
	struct super_block *shared; /* [c] after fs_init */
	u32 flags;                  /* FS_NODEV: "nodev" in /proc/filesystems */
	struct fs_type *next;
};
struct super_block {
	u32 refs; /* [a] mounts */
	u64 dev;
	const struct super_ops *ops;
	const struct fs_type *type;
	struct dentry *root;
	void *priv;               /* [c] */
	u32 flags;                /* [a] MS_RDONLY */
	struct mutex rename_lock; /* S_RENAME: moves between directories */
	u64 next_ino;             /* [a] */
};
/* refs 1, own device number; NULL */
struct super_block *super_create(const struct fs_type *t, const struct super_ops *ops, void *priv);
void super_put(struct super_block *sb);
void fs_register(struct fs_type *t);
struct fs_type *fs_type_next(struct fs_type *t); /* NULL starts; for /proc/filesystems */
#define FS_NODEV 1u
/* inode_init - for an inode inside a container of the file system's; inode_create for a bare one.
 * Regular files that keep their contents in ->pages call vm_object_init themselves and set
 * pages_ready. */
void inode_init(struct inode *i, struct super_block *sb, u32 mode, const struct inode_ops *ops,
	const struct file_ops *fops);
void inode_free_bare(struct inode *i); /* super_ops.inode_free for inodes of inode_create */
/* group and set-group-ID by the rule of setgid directories */
void inode_init_owner(struct inode *i, const struct inode *dir);
/* inode_create - without ops of its own, refs 1, owner current's fsuid; NULL */
struct inode *inode_create(struct super_block *sb, u32 mode, const struct file_ops *fops);
void inode_get(struct inode *i);
void inode_put(struct inode *i);
struct timespec64 time_now_inode(void);
int inode_setattr_generic(struct inode *i, const struct setattr *a);
#define MAY_EXEC  1u
#define MAY_WRITE 2u
#define MAY_READ  4u
int inode_permission(struct inode *i, u32 mask) MUST_USE; /* current's fsuid; 0 | -EACCES */

/* A dentry's inode is set once (dentry_attach) and stays until the dentry dies: an unlinked name is
 * unhashed, never turned negative. Every child holds its parent. Dentries without users stay hashed
 * on the LRU until memory is wanted. */
struct dentry {
	struct hlist_node hash; /* [bucket lock; RCU] */
	struct dentry *parent;  /* [seq; RCU] +1; the root names itself */
	u64 hash_len;           /* [seq; RCU] hash of the name << 32 | length */
	const char *name;       /* [seq; RCU] NUL-padded to 8 bytes */
	struct inode *inode;    /* [a] +1; NULL = negative; release in attach */
	/* name, parent and being hashed, for the lock-free walk; writers hold the lock */
	seqcount_t seq;
	u32 flags;              /* [a] DENTRY_* */
	u32 refs;               /* [a] DENTRY_REFS_DEAD: being freed */
	spinlock_t lock;        /* DENTRY */
	char name_inline[40];   /* [seq; RCU] */
	struct super_block *sb; /* [c] */
	struct list children;   /* [lock] */
	struct list sibling;    /* [parent->lock] */
	struct list lru;        /* [lru lock] */
	struct list fs_node;    /* [directory's inode lock] order of the directory (tmpfs) */
	u64 fs_cookie;          /* [directory's inode lock] its readdir position */
	void *priv;             /* of the file system */
	struct rcu_head rcu;
};
#define DENTRY_MOUNTED 1u
#define DENTRY_DEAD    2u /* directory removed: nothing may be made in it */
#define DENTRY_HASHED  4u
#define DENTRY_LRU     8u
/* the file system holds a reference (tmpfs: the dentry is the directory entry) */
#define DENTRY_PINNED 16u
#define DENTRY_ANON   64u /* made by file_path_get */
/* killed at its last put instead of waiting on the LRU (/proc/PID) */
#define DENTRY_UNCACHED  128u
#define DENTRY_REFS_DEAD 0x80000000u
static inline u32 dentry_name_len(const struct dentry *d)
{
	return (u32)d->hash_len;
}
void dentry_get(struct dentry *d);
void dentry_put(struct dentry *d); /* may sleep */
/* positive; takes over the inode reference */
void dentry_attach(struct dentry *d, struct inode *i);
void dentry_drop(struct dentry *d); /* unhash: gone from look-ups */
void dentry_pin(struct dentry *d);  /* the file system's own reference, once */
void dentry_unpin(struct dentry *d);
struct dentry *dentry_root(struct super_block *sb, struct inode *i); /* takes over i; NULL */

/* ---- paths ---- */
void path_get(const struct path *p);
void path_put(const struct path *p);
struct fs_context {
	u32 refs; /* [a] */
	spinlock_t lock;
	seqcount_t seq;        /* root and cwd for the lock-free walk; writers hold the lock */
	struct path root, cwd; /* [lock, seq] */
	u32 umask;             /* [a] */
};
struct fs_context *fs_context_copy(struct fs_context *fs); /* NULL = out of memory */
void fs_context_put(struct fs_context *fs);
#define LOOKUP_FOLLOW    1u /* follow a final symlink */
#define LOOKUP_DIRECTORY 2u
#define LOOKUP_EMPTY     4u    /* AT_EMPTY_PATH */
#define LOOKUP_PARENT    8u    /* inside kernel/fs/vfs only */
#define LOOKUP_CACHED    0x10u /* -EAGAIN when the lock-free walk does not do */
#define LOOKUP_BENEATH   0x80u /* nothing above the start, no absolute and no magic links */
/* Rights that the descriptor must give where the path begins at one. */
#define LOOKUP_NEED(rights)  ((u32)(rights) << 8)
#define LOOKUP_RIGHTS(flags) ((flags) >> 8 & CAP_ALL)
#define LOOKUP_NO_XDEV       (1u << 28) /* these as RESOLVE_* of openat2(2) */
#define LOOKUP_NO_MAGIC      (1u << 29)
#define LOOKUP_NO_SYMLINKS   (1u << 30)
#define LOOKUP_IN_ROOT       (1u << 31) /* the start is the root */
#define LOOKUP_SCOPED        (LOOKUP_BENEATH | LOOKUP_IN_ROOT)
#define PATH_MAX_BYTES       4096
#define NAME_MAX_BYTES       255
/* path_lookup - @dirfd AT_FDCWD or a slot; @name kernel string. Lock-free walk first. 0 | -ENOENT
 * -ENOTDIR -EACCES -ELOOP ... */
int path_lookup(cap_t dirfd, const char *name, u32 lookup_flags, struct path *out) MUST_USE;
int path_lookup_user(
	cap_t dirfd, const char USER *name, u32 lookup_flags, struct path *out) MUST_USE;
/* file | err_ptr; kernel callers and open(2) */
struct file *vfs_open(cap_t dirfd, const char *name, u32 o_flags, u32 mode);
/* regular + x permission + deny-write; err_ptr */
struct file *vfs_open_exec(const char *name, cap_t dirfd, u32 at_flags);
int vfs_mknod(const char *path, u32 mode, u64 rdev); /* of every type but symbolic links */
int vfs_mount(
	const char *type, const char *source, const char *target, u32 flags, const char *data);
/* @flags MNT_*; EXPIRE: -EAGAIN = marked. -EBUSY used, but by @p | -EINVAL no mount | -EPERM */
int vfs_umount(const struct path *p, u32 flags);
/* d_path: length at the END-adjusted start copied to buf; -ENAMETOOLONG; "(unreachable)" rule */
int path_text(const struct path *p, const struct path *root, char *buf, size_t size);
void epoll_init(void);
/* epoll_target - the @nth file that @epf watches by @fd, to be compared only. 0 | -EINVAL no epoll
 * | -ENOENT */
int epoll_target(struct file *epf, cap_t fd, u32 nth, u64 *file) MUST_USE;
/* epoll_forget - no epoll watches @f any more, or none by the grant @g (NULL: any). */
void epoll_forget(struct file *f, const struct grant *g);
/* mount_for_each - every mount under @root (its process's root), for /proc/mounts and mountinfo. 0
 * | -ENOMEM. */
struct mount_info {
	const struct mount *mount; /* borrowed during fn, as the texts */
	u32 parent_id;
	const char *root, *target; /* path within the file system; path under the process's root */
	const char *options;       /* of the file system: ",size=1024k", may be "" */
};
int mount_for_each(
	const struct path *root, void (*fn)(void *ctx, const struct mount_info *m), void *ctx);
/* proc_dir_process - the process whose directory /proc/PID @f is, +1. err_ptr(-EBADF it is none |
 * -ESRCH that process is gone). */
struct process *proc_dir_process(const struct file *f);
/* dcache, tmpfs root, devfs on /dev, procfs on /proc, sysfs on /sys, devpts, shm */
void fs_init(void);
/* initramfs_unpack - archives (newc cpio, plain or gzip, one behind the other) into the root.
 * Faults are logged with their offset, and what was whole before them stays. Files keep standing in
 * @archive when that sets initramfs_keeps_archive: its memory must stay then. Context: boot thread.
 * Return: 0 | -EINVAL damaged or truncated | -ENOMEM. */
int initramfs_unpack(const void *archive, size_t len_bytes);
extern bool initramfs_keeps_archive; /* [c] after boot */
/* tmpfs_adopt - gives a regular file of a tmpfs (lock held) the contents at @data, which must stay
 * for ever: they are copied page by page at first use. 0 | -EOPNOTSUPP no such file | -EPERM
 * sealed. */
int tmpfs_adopt(struct inode *i, const void *data, u64 len_bytes) MUST_USE;

/* ---- devices: char devices by number, nodes made in /dev ---- */
#define MKDEV(maj, min) (((u64)((maj)&0xfff) << 8) | ((min)&0xff) | ((u64)((min) & ~0xffull) << 12))
#define DEV_MAJOR(d)    ((u32)((d) >> 8 & 0xfff))
#define DEV_MINOR(d)    ((u32)(((d)&0xff) | ((d) >> 12 & 0xfff00)))
int chardev_register(u32 major, u32 minor_first, u32 count,
	int (*open)(struct inode *i, struct file *f)); /* open sets ops/priv */
/* "null", "pts/0" dirs made; S_IFCHR in mode */
int devfs_create(const char *name, u32 mode, u64 rdev);
int devfs_remove(const char *name);

/* ---- virtual text files for procfs, sysfs ---- */
struct seq {
	char *buf;
	size_t size, len;
	bool overflow;
}; /* grows by kmalloc up to 4 MB */
/* seq_room - where @more bytes can be written, for s->len to be raised by. NULL: overflow is set.
 */
char *seq_room(struct seq *s, size_t more);
void seq_printf(struct seq *s, const char *fmt, ...) PRINTF(2, 3);
void seq_write(struct seq *s, const void *data, size_t len_bytes);
/* What a tree of texts is given: one, or a symbolic link whose text is that without its newline;
 * without a text it leads nowhere. */
struct synth_file {
	const char *path; /* "a/b/c" below the root; missing directories are made */
	u32 mode;         /* type and permissions */
	void (*show)(struct seq *s, const void *ctx);                      /* NULL: -EINVAL */
	int (*store)(const char *text, size_t len_bytes, const void *ctx); /* the same */
	const void *ctx;
};
void proc_add(const struct synth_file *files, size_t count); /* to /proc; logs what fails */
void synth_show_number(struct seq *s, const void *ctx);      /* @ctx itself */
#define SYNTH_NUMBER(path, n)                                                               \
	{                                                                                   \
		path, S_IFREG | 0444, synth_show_number, NULL, (const void *)(uintptr_t)(n) \
	}
void sysfs_add_cpus(void); /* once they are known */
/* PROC_NUMBERS - a file of @count numbers from @values [a] on, which root may change up to @max. */
struct proc_numbers {
	u64 *values, count, max;
};
void proc_show_numbers(struct seq *s, const void *ctx);
int proc_store_numbers(const char *text, size_t len_bytes, const void *ctx);
#define PROC_NUMBERS(path, values, count, max)                               \
	{                                                                    \
		path, S_IFREG | 0644, proc_show_numbers, proc_store_numbers, \
			&(const struct proc_numbers){values, count, max},    \
	}
/* pipe_create - both ends as files. 0 | -ENOMEM. */
int pipe_create(u32 o_flags, struct file **read_end, struct file **write_end) MUST_USE;
/* File locks: exo/fs_locks.h. */
