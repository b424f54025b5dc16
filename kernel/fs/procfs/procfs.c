/* procfs: registration and mounting. Layer: fs. The tree is synthfs's; processes are in proc_pid.c,
 * their texts in pid_text.c. */
#include "procfs_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/string.h>

void procfs_init(void);
extern struct synth_fs procfs;
struct synth_fs procfs = {.lookup_more = proc_pid_lookup,
	.readdir_more = proc_pid_readdir,
	.inode_free = proc_inode_free};

static int procfs_mount(const char *source, const char *data, u32 flags, struct super_block **out);
static struct fs_type procfs_type = {.name = "proc", .mount = procfs_mount, .flags = FS_NODEV};

static int procfs_mount(const char *source, const char *data, u32 flags, struct super_block **out)
{
	return synth_mount(&procfs, &procfs_type, out);
}

int proc_register(const char *path, u32 mode, int (*show)(struct seq *s, void *ctx),
	ssize_t (*store)(const char *text, size_t len, void *ctx), void *ctx)
{
	struct synth_node *n;
	int err = synth_add(&procfs, path, mode, &n);

	if (err)
		return err;
	n->show = show;
	n->store = store;
	n->ctx = ctx;
	return 0;
}

static int show_numbers(struct seq *s, void *ctx)
{
	const struct proc_numbers *n = ctx;

	for (u64 i = 0; i < n->count; i++)
		seq_printf(s, "%lu%c", READ_ONCE(n->values[i]), i + 1 < n->count ? '\t' : '\n');
	return 0;
}

/* As many as there are in the text, the first ones. */
static ssize_t store_numbers(const char *text, size_t len, void *ctx)
{
	const struct proc_numbers *n = ctx;
	const char *at = text;
	u64 value;

	for (u64 i = 0; i < n->count; i++) {
		while (*at == ' ' || *at == '\t' || *at == '\n')
			at++;
		if (i && !*at)
			break;
		if (str_to_u64(at, &at, 10, &value) || value > n->max ||
			(*at && !strchr(" \t\n", *at)))
			return -EINVAL;
		WRITE_ONCE(n->values[i], value);
	}
	return (ssize_t)len;
}

int proc_register_numbers(const struct proc_numbers *n, size_t files)
{
	int err = 0;

	for (size_t i = 0; i < files; i++)
		err |= proc_register(n[i].path, S_IFREG | 0644, show_numbers, store_numbers,
			(void *)(uintptr_t)&n[i]);
	return err;
}

void procfs_init(void)
{
	proc_system_init();
	fs_register(&procfs_type);
	if (vfs_mkdir("/proc", 0555) || vfs_mount("proc", "proc", "/proc", 0, ""))
		log_err("procfs: cannot mount on /proc");
}
