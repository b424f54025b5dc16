/* Synthetic file systems: trees of text files made by functions; procfs and sysfs are two
 * instances. Layer: fs (this folder and procfs, sysfs). A node is made at boot or when a driver
 * registers and is never removed, so readers need no lock to hold one. */
#pragma once

#include <exo/fs.h>

struct synth_node {
	const char *name; /* [c] owned */
	u32 mode;         /* [c] type and permissions */
	int (*show)(struct seq *s, void *ctx);
	ssize_t (*store)(const char *text, size_t len_bytes, void *ctx);
	void *ctx;
	const char *link; /* [c] symlink: text; or NULL and link_fn makes it */
	int (*link_fn)(char *buf, size_t size);
	u64 ino; /* [c] */
	struct synth_node *parent,
		*next; /* [tree lock write; readers see whole nodes by release] */
	struct synth_node *children;
};
struct synth_fs {
	struct synth_node root;
	struct super_block *sb; /* [c] after mount */
	/* Looked up after the static children: /proc/PID. NULL when none. */
	int (*lookup_more)(struct inode *dir, struct dentry *d);
	int (*readdir_more)(struct file *f, struct dirent_sink *s, u64 first_pos);
	void (*inode_free)(
		struct inode *i); /* frees priv of inodes that lookup_more made; may be NULL */
};
/* synth_add - @path "a/b/c" below the root; missing directories are made. 0 | -ENOMEM | -EEXIST.
 * @out may be NULL. */
int synth_add(struct synth_fs *fs, const char *path, u32 mode, struct synth_node **out) MUST_USE;
/* synth_mount - makes the super block (once). */
int synth_mount(struct synth_fs *fs, const struct fs_type *type, struct super_block **out) MUST_USE;
/* Text files outside the tree (of /proc/PID): @show fills the text for @ctx of the inode. */
struct synth_text {
	int (*show)(struct seq *s, struct inode *i);
	ssize_t (*store)(struct inode *i, const char *text, size_t len_bytes);
};
extern const struct file_ops
	synth_text_ops; /* file->priv = const struct synth_text *, set by synth_text_open */
int synth_text_open(struct inode *i, struct file *f, const struct synth_text *t) MUST_USE;
/* synth_inode - inode of @sb with an own number; owner uid/gid 0. NULL = out of memory. */
struct inode *synth_inode(struct super_block *sb, u32 mode, u64 ino, const struct inode_ops *ops,
	const struct file_ops *fops, void *priv);
/* synth_emit_dots - "." and ".." at positions 0 and 1. false = sink full. */
bool synth_emit_dots(struct file *f, struct dirent_sink *s, u64 ino);
