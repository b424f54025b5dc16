/* Sockets without a family: files, inodes, dispatch. Layer: net. Locks: none of its own. */
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/net.h>
#include <exo_abi/linux_fs.h>
#include <exo_abi/linux_net.h>

static struct super_block *sock_super; /* [c] */

static int sockfs_statfs(struct super_block *sb, struct statfs_k *out)
{
	*out = (struct statfs_k){.type = 0x534f434b,
		.bsize = PAGE_SIZE,
		.frsize = PAGE_SIZE,
		.namelen = NAME_MAX_BYTES};
	return 0;
}

static const struct super_ops sockfs_ops = {.inode_free = inode_free_bare, .statfs = sockfs_statfs};
static const struct fs_type sockfs_type = {.name = "sockfs", .flags = FS_NODEV};

struct file *socket_file(struct socket *s, const struct file_ops *ops, u32 flags)
{
	struct inode *i = inode_create(sock_super, S_IFSOCK | 0777, NULL, ops);
	struct file *f;

	if (!i)
		return err_ptr(-ENOMEM);
	i->priv = s;
	f = file_create(ops, i, O_RDWR | (flags & O_NONBLOCK), s);
	if (!is_err(f))
		f->mode |= FMODE_STREAM;
	return f;
}

struct socket *socket_of(struct file *f)
{
	return f->inode && f->inode->sb == sock_super ? f->priv : NULL;
}

struct file *socket_create(int family, int type, int protocol, u32 file_flags)
{
	return family == AF_UNIX ? unix_create(type, protocol, file_flags) : err_ptr(-EAFNOSUPPORT);
}

int socket_pair(int family, int type, int protocol, u32 file_flags, struct file *out[2])
{
	if (family != AF_UNIX)
		return family < 0 || family > 45 ? -EAFNOSUPPORT : -EOPNOTSUPP;
	return unix_pair(type, protocol, file_flags, out);
}

void net_init(void)
{
	sock_super = super_create(&sockfs_type, &sockfs_ops, NULL);
	if (!sock_super)
		panic("no memory for sockfs");
	unix_init();
}
