/* Synthetic file systems: trees of text files made by functions; procfs and sysfs are two
 * instances. Layer: fs (this folder and procfs, sysfs). A node is made at boot or when a driver
 * registers and is never removed, so readers need no lock to hold one. */
#pragma once

#include <exo/fs.h>

struct synth_node {
	struct synth_file file; /* [c] path: its own name, owned */
	u64 ino;                /* [c] */
	/* [tree lock write; readers see whole nodes by release] */
	struct synth_node *next, *children;
};
struct synth_fs {
	struct synth_node root;
	struct fs_type type;
	/* Looked up after the static children: /proc/PID, with numbers from SYNTH_INO_MORE on and
	 * priv of their own, which is freed. NULL when none. */
	int (*lookup_more)(struct inode *dir, struct dentry *d);
	int (*readdir_more)(struct file *f, struct dirent_sink *s, u64 first_pos);
};
#define SYNTH_INO_MORE (1ULL << 32)
/* synth_add - puts files into the tree; logs what could not be made. */
void synth_add(struct synth_fs *fs, const struct synth_file *files, size_t count);
int synth_show_text(struct seq *s, const void *ctx); /* @ctx, a string, as a line */
/* synth_start - makes the one super block and mounts it on @at. At boot. */
void synth_start(struct synth_fs *fs, const char *at);
/* Text files outside the tree (of /proc/PID): @show fills the text for @ctx of the inode. */
struct synth_text {
	int (*show)(struct seq *s, struct inode *i);
	ssize_t (*store)(struct inode *i, const char *text, size_t len_bytes);
};
int synth_text_open(struct inode *i, struct file *f, const struct synth_text *t) MUST_USE;
/* synth_inode - inode of @sb with an own number; owner uid/gid 0. NULL = out of memory. */
struct inode *synth_inode(struct super_block *sb, u32 mode, u64 ino, const struct inode_ops *ops,
	const struct file_ops *fops, void *priv);
