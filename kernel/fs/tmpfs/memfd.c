/* memfd: nameless files of a tmpfs that is mounted nowhere. Layer: fs. Source: memfd_create(2). */
#include <exo/vfs.h>
#include "../vfs/vfs_internal.h"

static struct mount *memfd_mount; /* [c] */

void memfd_init(void)
{
	struct super_block *sb;

	if (tmpfs_super_create("", &tmpfs_type, &sb) ||
		!(memfd_mount = mount_create_internal(sb, "tmpfs")))
		panic("memfd: no memory");
}

struct file *memfd_create_file(const char *prefix, const char *name, bool allow_sealing)
{
	const struct path dir = {memfd_mount, memfd_mount->root};
	struct file *f = file_alloc(O_RDWR | O_LARGEFILE);
	char text[NAME_MAX_BYTES + 1 + NAME_PAD] = "";
	int err, len;

	if (is_err(f))
		return f;
	/* The name is never looked up: its hash does not matter, and a '/' in it is a letter like
	 * others. */
	len = snprintf(text, NAME_MAX_BYTES + 1, "%s%s", prefix, name);
	err = file_make_nameless(
		f, &dir, &(struct name){text, MIN((u64)len, (u64)NAME_MAX_BYTES)}, S_IFREG | 0777);
	if (!err)
		err = file_open_here(f, O_RDWR);
	if (!err && allow_sealing)
		tmpfs_allow_seals(f->inode);
	return file_opened(f, err);
}

bool file_is_memfd(const struct file *f)
{
	return f->path.mount == memfd_mount;
}
