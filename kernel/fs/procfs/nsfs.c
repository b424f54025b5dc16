/* nsfs: the namespaces behind /proc/PID/ns. There is one of each kind, which everybody is in, with
 * the numbers that Linux gives to those of its init. Layer: fs. Sources: namespaces(7),
 * ioctl_ns(2). */
#include "procfs_internal.h"
#include "../vfs/vfs_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_process.h>
#include <arch/uaccess.h>

#define INO_FIRST       4026531834u
#define TEXT(name, ino) name ":[" #ino "]"

static const struct {
	u64 flag;
	const char *text;
} kinds[NS_KINDS] = {
	[NS_TIME] = {CLONE_NEWTIME, TEXT("time", 4026531834)},
	[NS_CGROUP] = {CLONE_NEWCGROUP, TEXT("cgroup", 4026531835)},
	[NS_PID] = {CLONE_NEWPID, TEXT("pid", 4026531836)},
	[NS_USER] = {CLONE_NEWUSER, TEXT("user", 4026531837)},
	[NS_UTS] = {CLONE_NEWUTS, TEXT("uts", 4026531838)},
	[NS_IPC] = {CLONE_NEWIPC, TEXT("ipc", 4026531839)},
	[NS_NET] = {CLONE_NEWNET, TEXT("net", 4026531840)},
	[NS_MNT] = {CLONE_NEWNS, TEXT("mnt", 4026531841)},
};
static struct mount *nsfs_mount;       /* [c] */
static struct inode *inodes[NS_KINDS]; /* [c] */

int nsfs_follow(struct process *p, u32 kind, struct path *out)
{
	return anon_path(nsfs_mount, inodes[kind], kinds[kind].text, out);
}

static long nsfs_ioctl(struct file *f, u32 cmd, u64 arg)
{
	u32 kind = (u32)(f->inode->ino - INO_FIRST), owner = 0;

	switch (cmd) {
	case NS_GET_NSTYPE:
		return (long)kinds[kind].flag;
	case NS_GET_PARENT: /* it is out of sight, as there is none */
		return kind == NS_USER || kind == NS_PID ? -EPERM : -EINVAL;
	case NS_GET_USERNS:
		if (kind == NS_USER)
			return -EPERM;
		inode_get(inodes[NS_USER]);
		return fd_install_new(
			file_create(f->ops, inodes[NS_USER], O_CLOEXEC, NULL), O_CLOEXEC);
	case NS_GET_OWNER_UID:
		return kind == NS_USER ? copy_to_user((void USER *)arg, &owner, 4) : -EINVAL;
	default:
		return -ENOTTY;
	}
}

void nsfs_init(void)
{
	static const struct fs_type type = {.name = "nsfs", .magic = NSFS_MAGIC};
	static const struct file_ops ops = {
		.anon_name = TEXT("user", 4026531837), .ioctl = nsfs_ioctl};

	nsfs_mount = anon_mount_create(&type);
	for (u32 i = 0; i < NS_KINDS; i++) {
		inodes[i] = inode_create(nsfs_mount->sb, S_IFREG | 0444, &ops);
		if (!inodes[i])
			panic("nsfs: no memory");
		inodes[i]->ino = INO_FIRST + i;
	}
}
