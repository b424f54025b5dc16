/* Trees of texts made by functions: /proc and /sys. Layer: fs.
 * They are a tmpfs whose files are objects (exo/vfs.h); nodes are added by the kernel alone and
 * never removed. */
#include "../tmpfs/tmpfs_internal.h"
#include "synth_internal.h"

static const struct inode_ops synth_dir_ops, file_iops, link_ops;

/* The node of that name in @dir, made as @f says when there is none. NULL: it could not be made. */
static struct dentry *node_make(
	struct dentry *dir, const char *name, size_t len, const struct synth_file *f)
{
	struct inode *i = dir->inode;
	struct rwsem *held SCOPED(write_release) = write_hold(&i->lock);
	struct dentry *d = lookup_text_locked(dir, name, len);
	int err = 0;

	if (is_err(d))
		return NULL;
	if (!d->inode)
		err = tmpfs_dir_inode_ops.make(i, d, f->mode, 0, (const char *)f);
	i->pages.size_bytes = 0; /* of directories, as on Linux */
	dentry_put(d);           /* it is pinned */
	return err ? NULL : d;
}

void synth_add(struct objects_fs *o, const struct synth_file *files, size_t count)
{
	static const struct synth_file directory = {.mode = S_IFDIR | 0555};

	for (size_t i = 0; i < count; i++) {
		struct dentry *dir = o->root.dentry;
		const char *name = files[i].path, *slash;

		for (; dir && (slash = strchr(name, '/')) != NULL; name = slash + 1)
			dir = node_make(dir, name, (size_t)(slash - name), &directory);
		if (!dir || !node_make(dir, name, strlen(name), &files[i]))
			log_err("synthfs: %s could not be made", files[i].path);
	}
}

void synth_show_text(struct seq *s, const void *ctx)
{
	seq_printf(s, "%s\n", (const char *)ctx);
}

void synth_show_number(struct seq *s, const void *ctx)
{
	seq_printf(s, "%lu\n", (u64)(uintptr_t)ctx);
}

struct inode *synth_inode(struct super_block *sb, u32 mode, u64 ino, const struct inode_ops *ops,
	const struct file_ops *fops, void *priv)
{
	struct inode *i = tmpfs_inode_create(sb, mode);

	if (is_err(i))
		return NULL;
	i->ops = ops;
	i->file_ops = fops;
	i->ino = ino;
	i->uid = i->gid = 0;
	i->pages.size_bytes = 0;
	i->priv = priv;
	return i;
}

static int node_create(struct inode *i, const void *file)
{
	struct synth_file *f = i->priv = kmalloc(sizeof(*f), ALLOC_KERNEL);

	if (!f)
		return -ENOMEM;
	*f = *(const struct synth_file *)file;
	i->pages.size_bytes = 0;
	i->ops = S_ISDIR(i->mode) ? &synth_dir_ops : S_ISLNK(i->mode) ? &link_ops : &file_iops;
	if (!S_ISDIR(i->mode))
		i->file_ops = NULL;
	return 0;
}

static void node_gone(struct inode *i)
{
	kfree(i->priv);
}

static int node_show(struct seq *s, struct inode *i)
{
	const struct synth_file *f = i->priv;

	if (!f->show)
		return -EINVAL;
	f->show(s, f->ctx);
	return 0;
}

static int node_store(struct inode *i, const char *text, size_t len_bytes)
{
	const struct synth_file *f = i->priv;

	return f->store ? f->store(text, len_bytes, f->ctx) : -EINVAL;
}

static int link_readlink(struct inode *i, char *buf, size_t size)
{
	const struct synth_file *f = i->priv;
	struct seq s = {0};
	int ret;

	f->show(&s, f->ctx);
	ret = s.overflow ? -ENOMEM : s.len ? (int)MIN(s.len - 1, size) : -ENOENT;
	if (ret > 0)
		memcpy(buf, s.buf, (size_t)ret);
	kfree(s.buf);
	return ret;
}

int synth_deny_setattr(struct inode *i, const struct setattr *a)
{
	/* O_TRUNC before a store is fine */
	return a->valid & ~(ATTR_SIZE | ATTR_MTIME | ATTR_ATIME) ? -EPERM : 0;
}

/* No name can be made here: what is not listed does not exist. */
int synth_deny_make(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, const char *target)
{
	return -ENOENT;
}

static const struct inode_ops synth_dir_ops = {
	.make = synth_deny_make, .setattr = synth_deny_setattr};
static const struct inode_ops file_iops = {.open = synth_text_open,
	.show = node_show,
	.store = node_store,
	.setattr = synth_deny_setattr};
static const struct inode_ops link_ops = {.readlink = link_readlink, .setattr = synth_deny_setattr};

void synth_start(struct objects_fs *o, const char *at)
{
	struct inode *root;

	o->create = node_create;
	o->gone = node_gone;
	objects_fs_init(o);
	root = o->root.dentry->inode;
	root->mode = S_IFDIR | 0555;
	root->ops = &synth_dir_ops;
	if (vfs_mknod(at, S_IFDIR | 0555, 0) || vfs_mount(o->type.name, o->type.name, at, 0, ""))
		log_err("%s: cannot mount on %s", o->type.name, at);
}
