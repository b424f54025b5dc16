/* procfs: registration and mounting. Layer: fs. The tree is synthfs's; processes are in proc_pid.c,
 * their texts in pid_text.c. */
#include "procfs_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo/errno.h>
#include <exo/log.h>

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

void procfs_init(void)
{
	proc_system_init();
	fs_register(&procfs_type);
	if (vfs_mkdir("/proc", 0555) || vfs_mount("proc", "proc", "/proc", 0, ""))
		log_err("procfs: cannot mount on /proc");
}
