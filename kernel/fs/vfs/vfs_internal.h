/* Inside kernel/fs: the dentry cache, the walk, mounts. Layer: fs.
 * Lock order: S_RENAME > S_INODE (parent before child) > spin locks DENTRY (dentry > bucket; lru,
 * mount alone). */
#pragma once

#include <exo/vfs.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <exo_abi/linux_fs.h>

#define SYMLINKS_MAX 40 /* in one look-up */

/* ---- who asks ---- */
extern struct fs_context fs_context_boot; /* until the first process has its own */
static inline struct fs_context *fs_current(void)
{
	struct fs_context *fs = current->fs;

	return likely(fs) ? fs : &fs_context_boot;
}
static inline struct cred *cred_now(void)
{
	struct cred *c = current->cred;

	return likely(c) ? c : &cred_root;
}
static inline bool capable(unsigned cap)
{
	return cred_capable(cred_now(), cap);
}

/* ---- names: hashed eight bytes at a time ---- */
struct name {
	const char *text; /* NAME_PAD readable bytes behind it */
	u64 hash_len;     /* hash << 32 | length */
};
static ALWAYS_INLINE u64 name_load(const char *p)
{
	u64 w;

	__builtin_memcpy(&w, p, sizeof(w));
	return w;
}
static ALWAYS_INLINE u64 name_mix(u64 h, u64 word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}
static ALWAYS_INLINE u64 name_zero_bytes(u64 w) /* lowest set bit marks the first zero byte */
{
	return (w - 0x0101010101010101ULL) & ~w & 0x8080808080808080ULL;
}
/* name_scan - hashes the component at @s up to '/' or NUL. Return: hash << 32 | length. */
static ALWAYS_INLINE u64 name_scan(const char *s)
{
	u64 h = 0, w, stop;
	u32 len = 0;

	for (;;) {
		w = name_load(s + len);
		stop = name_zero_bytes(w) | name_zero_bytes(w ^ 0x2f2f2f2f2f2f2f2fULL);
		if (stop)
			break;
		h = name_mix(h, w);
		len += 8;
	}
	stop = (stop & -stop) >> 7; /* 1 << 8 * bytes of the name in this word */
	if (stop > 1) {
		h = name_mix(h, w & (stop - 1));
		len += (u32)__builtin_ctzll(stop) / 8;
	}
	return (h >> 32 ^ h) << 32 | len;
}
/* name_equal - @dname is a dentry's name: NUL-padded to 8 bytes, so the words before the first
 * difference are readable. */
static ALWAYS_INLINE bool name_equal(const char *dname, const char *text, u32 len)
{
	for (; len >= 8; len -= 8, dname += 8, text += 8) {
		if (name_load(dname) != name_load(text))
			return false;
	}
	return !len || (name_load(dname) ^ name_load(text)) << (64 - 8 * len) == 0;
}
static inline u32 name_len(const struct name *n)
{
	return (u32)n->hash_len;
}

/* ---- dentry cache ---- */
void dcache_init(void);
void inodes_init(void);
void files_init(void);
static inline void dentry_put_at(struct dentry **d) /* for SCOPED; err_ptr and NULL are fine */
{
	if (*d && !is_err(*d))
		dentry_put(*d);
}
/* refs 1, unhashed, in parent's children; NULL */
struct dentry *dentry_alloc(struct super_block *sb, struct dentry *parent, const struct name *n);
void dentry_hash(struct dentry *d);
struct dcache_bucket {
	struct hlist chain; /* [lock; RCU] */
	spinlock_t lock;
};
extern struct dcache_bucket *dcache_buckets;
extern u32 dcache_shift;
static ALWAYS_INLINE struct dcache_bucket *dcache_bucket(const struct dentry *parent, u64 hash_len)
{
	u32 h = ((u32)(hash_len >> 32) ^ (u32)((uintptr_t)parent >> 6)) * 0x9e3779b1u;

	return &dcache_buckets[h >> dcache_shift];
}
/* dcache_find - under RCU, no reference; @seq is for seq_read_retry(&d->seq). NULL may be wrong
 * while names move. */
static ALWAYS_INLINE struct dentry *dcache_find(
	const struct dentry *parent, const char *text, u64 hash_len, u32 *seq)
{
	struct dcache_bucket *b = dcache_bucket(parent, hash_len);
	struct dentry *d;

	hlist_for_each_entry (d, &b->chain, hash) {
		u32 s = seq_read_begin(&d->seq);

		if (READ_ONCE(d->hash_len) != hash_len || READ_ONCE(d->parent) != parent ||
			!name_equal(READ_ONCE(d->name), text, (u32)hash_len))
			continue;
		if (unlikely(READ_ONCE(d->refs) &
			     DENTRY_REFS_DEAD)) /* a newer one may stand behind it */
			continue;
		*seq = s;
		return d;
	}
	return NULL;
}
/* +1; NULL may be wrong while names move */
struct dentry *dcache_get(struct dentry *parent, const struct name *n);
struct dentry *dentry_parent_get(struct dentry *d); /* +1; itself of a root */
bool dentry_get_live(struct dentry *d);             /* under RCU; false = dying */
/* @from takes the place of @to, which is dropped or with @exchange goes the other way */
void dentry_move(struct dentry *from, struct dentry *to, bool exchange);
void dentry_prune_children(struct dentry *d); /* forgets cached children without users */
void dcache_destroy(struct dentry *root);     /* a file system goes: no users are left */
/* a is d or above it; rename_lock held */
bool dentry_is_ancestor(const struct dentry *a, const struct dentry *d);
/* a is d or above it, at one moment */
bool dentry_is_below(const struct dentry *top, const struct dentry *d);
extern seqcount_t dcache_rename_seq; /* any name of any file system moves */
static inline bool dentry_hashed(const struct dentry *d)
{
	return READ_ONCE(d->flags) & DENTRY_HASHED;
}
static inline bool dentry_is_root(const struct dentry *d)
{
	return d->parent == d;
}

/* ---- mounts ---- */
struct mount {
	struct hlist_node hash;        /* [mount_lock; RCU] by parent and mountpoint */
	struct mount *parent;          /* [mount_lock; RCU] NULL: the root mount, or detached */
	struct dentry *mountpoint;     /* [mount_lock; RCU] +1, in parent */
	struct dentry *root;           /* [c] +1 */
	struct super_block *sb;        /* [c] +1 */
	u32 refs;                      /* [a] */
	u32 flags;                     /* [a] MS_NOSUID MS_NODEV MS_NOEXEC ... MS_UNBINDABLE */
	u32 id;                        /* [c] */
	char *source;                  /* [c] */
	struct list children, sibling; /* [mount_lock] */
	/* [mount_mutex] numbers of the groups of peers, of the masters; 0 = none */
	u32 shared, master;
	u32 pass;           /* [mount_mutex] of propagation that was here */
	u8 expires_in;      /* [a] walks onto it until it is no longer marked by MNT_EXPIRE */
	struct mount *twin; /* [mount_mutex] for tree_copy and propagate */
	struct rcu_head rcu;
};
#define MOUNT_FLAGS                                                                   \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW | MS_NOATIME | \
		MS_NODIRATIME | MS_RELATIME)
#define MOUNT_INTERNAL (1u << 31) /* in flags: of pipes and memfds, never in the tree */
extern seqcount_t mount_seq;      /* any change of the mount tree */
/* under RCU */
struct mount *mount_find(const struct mount *parent, const struct dentry *mountpoint);
static inline void mount_get(struct mount *m)
{
	__atomic_fetch_add(&m->refs, 1, __ATOMIC_ACQUIRE);
}
void mount_put(struct mount *m);
bool mountpoint_get(struct mount *m, struct path *out); /* where it stands, +1. false: nowhere */
/* takes over sb; for pipes, memfds: never in the tree. NULL */
struct mount *mount_create_internal(struct super_block *sb, const char *source);
struct mount *mount_create_root(struct super_block *sb);            /* at boot; NULL */
bool path_is_beneath(const struct path *p, const struct path *top); /* at or below it */
static inline bool path_read_only(const struct path *p)
{
	return (p->mount->flags | p->dentry->sb->flags) & MS_RDONLY;
}
static inline bool path_equal(const struct path *a, const struct path *b)
{
	return a->dentry == b->dentry && a->mount == b->mount;
}

/* ---- the walk ---- */
#define WALK_DEPTH_MAX 8 /* symbolic links within links that the lock-free walk follows */
enum last_type { LAST_NORMAL, LAST_DOT, LAST_DOTDOT, LAST_ROOT };
struct walk {
	struct path at;      /* here; referenced unless rcu */
	struct inode *inode; /* at.dentry's, as read */
	u32 seq;             /* of at.dentry, rcu */
	u32 mount_start;     /* mount_seq at the start, rcu */
	u32 mount_id;        /* of the mount where the walk starts */
	u32 flags;           /* LOOKUP_* */
	bool rcu;
	bool last_slash; /* LOOKUP_PARENT: "name/" */
	u8 links;        /* followed so far */
	u8 depth;        /* of rest[] */
	u32 rights;      /* what may be done with what is found: of dirfd's grant, of magic links */
	enum last_type last_type; /* LOOKUP_PARENT */
	struct name last;         /* LOOKUP_PARENT; points into the path text or into text */
	struct path root;         /* of the process: borrowed in rcu, referenced else */
	char *text;               /* owned: path with links expanded */
	struct fd start;          /* dirfd's file; an error: none */
	const char *rest[WALK_DEPTH_MAX]; /* what to do when the link at this depth ends */
};
#define LOOKUP_CREATE 0x20u /* with LOOKUP_PARENT: follow a link in the last component */
#define LOOKUP_REF    0x40u /* do not try the lock-free walk */
void walk_end(struct walk *w);
/* walk_parent - the directory of the last component: at, last, last_type, last_slash. 0: walk_end
 * gives back. */
int walk_parent(struct walk *w, cap_t dirfd, const char *text, u32 flags);
/* walk_objects - as if it had found the directory of @o; nothing to give back. -EACCES not one
 * name.
 */
int walk_objects(struct walk *w, const struct objects_fs *o, const char *text) MUST_USE;
/* lookup_one_locked - child @n of @dir, +1, negative or positive, from cache or file system.
 * err_ptr.
 * @dir's lock is held. */
struct dentry *lookup_one_locked(struct dentry *dir, const struct name *n);
/* the same of the @len bytes at @text */
struct dentry *lookup_text_locked(struct dentry *dir, const char *text, size_t len);

/* ---- permission ---- */
int inode_permission_cred(struct inode *i, u32 mask, const struct cred *c) MUST_USE;
/* dir_is_open - a directory that everybody may search: its mode says so and nothing else is asked.
 */
static ALWAYS_INLINE bool dir_is_open(const struct inode *i)
{
	return (i->mode & (S_IFMT | S_IXUGO)) == (S_IFDIR | S_IXUGO) && !READ_ONCE(i->acl) &&
	       !i->ops->permission;
}
/* May current change @i's mode to @a's? Takes away what it may not set. Lock held. 0 | -EPERM
 * -EOPNOTSUPP */
int inode_may_chmod(struct inode *i, struct setattr *a) MUST_USE;

/* ---- access control lists ---- */
/* where @i has the ACL that the attribute @name is; NULL: it is none */
struct linux_acl **inode_acl_slot(struct inode *i, const char *name);
/* acl_set - the attribute @name becomes @a, a copy, or with NULL nothing; the mode follows. @i's
 * lock is held for writing. 0 | -EINVAL -EOPNOTSUPP -EACCES -EPERM ... */
int acl_set(struct inode *i, const char *name, struct linux_acl *a, size_t size) MUST_USE;
/* acl_inherit - what the default ACL of @dir (locked) makes of @i, which nobody sees yet. */
int acl_inherit(struct inode *i, struct inode *dir) MUST_USE;
void acl_chmod(struct linux_acl *a, u32 mode); /* it follows the mode of its inode, locked */
/* acl_bits - the lowest three: what @c, not the owner, may of @want. */
u32 acl_bits(struct inode *i, u32 mode, u32 want, const struct cred *c);
/* mode_for_new - what the umask leaves of @mode for something new in @dir (locked): all, where a
 * default ACL takes its place. */
static inline u32 mode_for_new(const struct inode *dir, u32 mode)
{
	return dir->default_acl || S_ISLNK(mode) ? mode : mode & ~fs_current()->umask;
}
/* inotify_named - the name @d was made in or taken from @dir, which is locked. */
static inline void inotify_named(const struct inode *dir, const struct dentry *d, u32 what)
{
	if (unlikely(READ_ONCE(inotify_watches)))
		inotify_tell(dir, d->inode, what,
			&(struct inotify_name){d->name, dentry_name_len(d), 0});
}

/* ---- open files ---- */
struct file *file_alloc(u32 o_flags); /* refs 1, no inode, ops NULL; err_ptr(-ENOMEM) */
/* file_opened - @f, or when @err says that it could not be opened, err_ptr(@err) in its place. */
static inline struct file *file_opened(struct file *f, int err)
{
	if (likely(!err))
		return f;
	file_put(f);
	return err_ptr(err);
}
/* file_open_here - opens what stands at f->path, which holds it. 0 | -errno */
int file_open_here(struct file *f, u32 o_flags) MUST_USE;
/* file_make_nameless - a regular file of @dir's file system, shown by @n; sets f->path. 0 | -ENOMEM
 * -ENOSPC */
int file_make_nameless(
	struct file *f, const struct path *dir, const struct name *n, u32 mode) MUST_USE;
/* a name may be made in @dir; its lock is held */
int path_may_create(const struct path *dir) MUST_USE;
/* Who writes and who executes a file keep each other out: inode->write_count. -ETXTBSY */
enum inode_use { INODE_EXEC = -1, INODE_WRITE = 1 };
int inode_use_begin(struct inode *i, enum inode_use use) MUST_USE;
void inode_use_end(struct inode *i, enum inode_use use);
static inline void inode_touch_mtime(struct inode *i)
{
	i->mtime = i->ctime = time_now_inode();
}
static inline bool time_not_after(const struct timespec64 *a, const struct timespec64 *b)
{
	return a->sec != b->sec ? a->sec < b->sec : a->nsec <= b->nsec;
}
static inline bool inode_atime_due(const struct inode *i) /* not read since it was changed */
{
	return time_not_after(&i->atime, &i->mtime) || time_not_after(&i->atime, &i->ctime);
}
void inode_touch_atime(const struct path *p, struct inode *i); /* reads the clock */

/* ---- kinds of file systems ---- */
int chardev_open(struct inode *i, struct file *f);
void memfd_init(void);
extern struct mount *anon_mount; /* [c] of pipes and anonymous inodes */
extern struct inode *anon_inode; /* [c] the one that eventfds and epolls share */
void anon_init(void);
/* anon_mount_create - a mount without a place, for inodes that no name leads to; at boot. */
struct mount *anon_mount_create(const struct fs_type *t);
/* anon_path - *out = @i of the mount @m by a name of its own, which path_name tells as @text
 * (constant; pipes and sockets have their numbers). 0 | -ENOMEM. */
int anon_path(struct mount *m, struct inode *i, const char *text, struct path *out);
void tmpfs_init(void);
void devfs_init(void);
extern struct fs_type tmpfs_type, devtmpfs_type;
int tmpfs_super_create(
	const char *data, const struct fs_type *t, struct super_block **out) MUST_USE;
void tmpfs_allow_seals(struct inode *i); /* a fresh memfd */
