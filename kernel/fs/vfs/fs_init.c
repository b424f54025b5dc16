/* The first mounts: tmpfs on /, devfs on /dev, and what hangs there. Layer: fs. */
#include <exo/fs_pipe.h>
#include <exo/fs_locks.h>
#include "vfs_internal.h"

void procfs_init(void) WEAK;
void sysfs_init(void) WEAK;

static void mount_at(const char *type, const char *at, u32 flags, const char *data)
{
	int err = vfs_mknod(at, S_IFDIR | 0755, 0);

	if (err && err != -EEXIST)
		log_err("fs: cannot make %s: error %d", at, -err);
	err = vfs_mount(type, type, at, flags, data);
	if (err)
		log_err("fs: cannot mount %s on %s: error %d", type, at, -err);
}

void fs_init(void)
{
	struct super_block *sb;
	struct mount *root;

	dcache_init();
	inodes_init();
	files_init();
	file_locks_init();
	anon_init();
	tmpfs_init();
	pipe_init();
	epoll_init();
	if (tmpfs_super_create("mode=0755", &tmpfs_type, &sb) || !(root = mount_create_root(sb)))
		panic("fs: no memory for the root");
	fs_context_boot.root = fs_context_boot.cwd = (struct path){root, sb->root};
	path_get(&fs_context_boot.root);
	path_get(&fs_context_boot.cwd);
	memfd_init();
	devfs_init();
	mount_at("devtmpfs", "/dev", MS_NOSUID, "");
	mount_at("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "");
	if (procfs_init)
		procfs_init();
	if (sysfs_init)
		sysfs_init();
}
