/* Synthetic file systems: trees of text files made by functions; procfs and sysfs are two
 * instances. Layer: fs (this folder and procfs, sysfs). A node is made at boot or when a driver
 * registers and is never removed. */
#pragma once

#include <exo/vfs.h>

/* synth_add - puts files into the tree; logs what could not be made. */
void synth_add(struct objects_fs *o, const struct synth_file *files, size_t count);
void synth_show_text(struct seq *s, const void *ctx); /* @ctx, a string, as a line */
#define SYNTH_FILE(path, show, ctx)                   \
	{                                             \
		path, S_IFREG | 0444, show, NULL, ctx \
	}
#define SYNTH_TEXT(path, text) SYNTH_FILE(path, synth_show_text, text)
/* synth_start - makes the one super block of o->type and mounts it on @at. At boot, before the
 * first synth_add. */
void synth_start(struct objects_fs *o, const char *at);
/* Of directories: what is not listed does not exist, and can be made by nobody. */
int synth_deny_make(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, const char *target);
int synth_deny_setattr(struct inode *i, const struct setattr *a);
/* synth_text_open - the op of inodes that have show. */
int synth_text_open(struct inode *i, struct file *f) MUST_USE;
/* synth_inode - an inode of @sb with a number of its own, owner 0; @priv is kfree'd with it. NULL =
 * out of memory. */
struct inode *synth_inode(struct super_block *sb, u32 mode, u64 ino, const struct inode_ops *ops,
	const struct file_ops *fops, void *priv);
